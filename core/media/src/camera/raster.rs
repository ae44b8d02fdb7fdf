//! From texels to pixels, quickly: one row at a time, in steps that LLVM turns into vector instructions where it can.

#![expect(clippy::cast_possible_truncation, reason = "pixels and texels are small, and 32 bits are enough for both")]

use glam::{DMat3, DVec3};

use super::print::Texels;

/// Shutters of one exposure, at most.
pub(super) const SHUTTERS: u32 = 4;
/// The homographies of an exposure are those of its middle ∓ this part of its length (√(1/12)): a straight line through these
/// two has the same mean as the camera's true path, as far as that is a parabola.
pub(super) const CHORD: f64 = 0.288_675_134_594_812_9;

/// One plane of one exposure: from pixels to texels at two moments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exposure<'a> {
    pub(super) texels: &'a Texels,
    /// Pixel centres to texel centres: (u, v, 1 ÷ depth).
    pub(super) moments: [DMat3; 2],
    /// 1 to [`SHUTTERS`].
    pub(super) shutters: u32,
    /// Pixels from one sample to the next: 1, or 2 for chroma.
    pub(super) step: f64,
}

/// Memory for one row.
#[derive(Debug, Default)]
pub(super) struct Row {
    places: [Vec<Place>; 2],
    /// The sum of all shutters, 16 bits of fraction.
    pub(super) sums: Vec<u32>,
}

/// A place among the texels, 8 bits of fraction.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    u: i32,
    v: i32,
}

impl Row {
    /// Fills the sums of row `index` of a plane that is `width` samples wide.
    pub(super) fn expose(&mut self, exposure: &Exposure<'_>, index: usize, width: usize) {
        self.sums.resize(width, 0);
        for (places, moment) in self.places.iter_mut().zip(exposure.moments) {
            places.resize(width, Place::default());
            trace(moment, exposure, index, places);
        }
        // Places on the line through both moments, in 256ths of the way; two have the same spread there as the whole exposure.
        match exposure.shutters {
            1 => self.gather(exposure.texels, [128]),
            2 => self.gather(exposure.texels, [0, 256]),
            3 => self.gather(exposure.texels, [-20, 128, 276]),
            _ => self.gather(exposure.texels, [-38, 73, 183, 294]),
        }
    }

    /// The sum of what is seen at each part of the way.
    #[inline(always)]
    fn gather<const S: usize>(&mut self, texels: &Texels, parts: [i32; S]) {
        let (quads, across, last) = (&texels.quads[..], texels.width as i32, texels.quads.len() - 1);
        let [begin, end] = &self.places;
        for ((sum, begin), end) in self.sums.iter_mut().zip(begin).zip(end) {
            let (du, dv) = (end.u - begin.u, end.v - begin.v);
            *sum = 0;
            for part in parts {
                let (u, v) = (begin.u + ((du * part) >> 8), begin.v + ((dv * part) >> 8));
                // Whatever is outside of the table is the table's last corner.
                let quad = quads[(((v >> 8) * across + (u >> 8)) as usize).min(last)];
                *sum += blend(quad, (u & 255) as u32, (v & 255) as u32);
            }
        }
    }
}

/// Four texels weighted by where between them one looks, 16 bits of fraction. Two at a time in one word: what overflows
/// from one into the other on the way is gone again in the end.
const fn blend(quad: u32, right: u32, down: u32) -> u32 {
    let (left_pair, right_pair) = (quad & 0x00ff_00ff, quad >> 8 & 0x00ff_00ff);
    let pair = (left_pair << 8).wrapping_add(right_pair.wrapping_sub(left_pair).wrapping_mul(right));
    let (above, below) = (pair & 0xffff, pair >> 16);
    (above << 8).wrapping_add(below.wrapping_sub(above).wrapping_mul(down))
}

/// Where each sample of a row looks.
fn trace(moment: DMat3, exposure: &Exposure<'_>, index: usize, places: &mut [Place]) {
    let first = moment * DVec3::new(0.5 * exposure.step, (index as f64 + 0.5) * exposure.step, 1.0);
    let step = moment.x_axis * exposure.step;
    let [u0, v0, w0] = first.to_array().map(|v| v as f32);
    let [du, dv, dw] = step.to_array().map(|v| v as f32);
    let (last_u, last_v) = ((exposure.texels.width - 2) as f32, (exposure.texels.height - 2) as f32);
    for (x, place) in places.iter_mut().enumerate() {
        let x = x as i32 as f32;
        // What is behind the camera is as far away as what is at the horizon: table.
        let depth = 1.0 / (w0 + dw * x).max(1e-3);
        let u = ((u0 + du * x) * depth).max(0.0).min(last_u);
        let v = ((v0 + dv * x) * depth).max(0.0).min(last_v);
        *place = Place { u: fixed(u), v: fixed(v) };
    }
}

/// A number of 0 to 32767 with 8 bits of fraction: the mantissa, when the last of its 23 bits is worth 1/256.
const fn fixed(value: f32) -> i32 {
    ((value + 32_768.0).to_bits() & 0x007f_ffff) as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Two texels in one word come to the same as four by themselves.
        #[test]
        fn blending_two_at_a_time_is_exact(texels: [u8; 4], right in 0u32..256, down in 0u32..256) {
            let [a, b, c, d] = texels.map(u32::from);
            let above = a * (256 - right) + b * right;
            let below = c * (256 - right) + d * right;
            let wanted = above * (256 - down) + below * down;
            prop_assert_eq!(blend(u32::from_le_bytes(texels), right, down), wanted);
        }

        /// A number in fixed point is the nearest there is.
        #[test]
        fn fixed_point_is_the_nearest(value in 0.0f32..32_767.0) {
            prop_assert!((fixed(value) as f32 / 256.0 - value).abs() <= 1.01 / 512.0);
        }
    }
}
