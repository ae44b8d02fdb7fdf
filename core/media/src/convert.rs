//! From what a camera gives to what the encoder and the tracker take: I420 and grey, smaller, upright.
//!
//! Safe Rust over whole rows and fixed-size chunks, which LLVM turns into vector instructions; each function is held
//! against a per-pixel reference by property tests.

use crate::frame::{Invalid, Picture, Plane, Planes, Rotation, Scale, Size, View};

/// The widest row after shrinking by 2 or 4, samples.
const SHRUNK_ROW: usize = 3840 / 2;

/// A grey picture for the tracker, without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grey {
    size: Size,
    bytes: Vec<u8>,
}

impl Default for Grey {
    fn default() -> Self {
        Self { size: Size::new(0, 0), bytes: Vec::new() }
    }
}

impl Grey {
    /// Pixels.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// One byte a pixel, row by row.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Writes `view` into `out` as I420, made smaller by `scale` (each sample the mean of those it covers).
///
/// # Errors
/// [`Invalid::Size`], when what is left is too small for a picture.
pub fn to_i420(view: View<'_>, scale: Scale, out: &mut Picture) -> Result<(), Invalid> {
    out.reshape(view.size().shrunk(scale))?;
    let Size { width, .. } = out.size();
    let (width, half) = (width as usize, width as usize / 2);
    let (y, u, v) = out.planes_mut();
    match (view.parts(), scale) {
        (Planes::Planar { y: from_y, u: from_u, v: from_v }, scale) => {
            shrink(from_y, scale, width, y);
            shrink(from_u, scale, half, u);
            shrink(from_v, scale, half, v);
        }
        (Planes::Pairs { y: from_y, uv, swapped }, scale) => {
            shrink(from_y, scale, width, y);
            let (first, second) = if swapped { (v, u) } else { (u, v) };
            match scale {
                Scale::Full => part_pairs(uv, half, first, second),
                Scale::Half => shrink_pairs::<2, 4>(uv, half, first, second),
                Scale::Quarter => shrink_pairs::<4, 8>(uv, half, first, second),
            }
        }
        (Planes::Rgba(plane), Scale::Full) => from_rgba(plane, width, y, u, v),
        (Planes::Rgba(plane), Scale::Half | Scale::Quarter) => {
            let mut whole = Picture::default();
            whole.reshape(view.size())?;
            let (y, u, v) = whole.planes_mut();
            from_rgba(plane, view.size().width as usize, y, u, v);
            shrink_picture(&whole, scale, out);
        }
    }
    Ok(())
}

/// Writes the luma of `view` into `out`, made smaller by `scale`.
///
/// # Errors
/// [`Invalid::Size`], when what is left is too small for a picture.
pub fn to_grey(view: View<'_>, scale: Scale, out: &mut Grey) -> Result<(), Invalid> {
    let size = view.size().shrunk(scale);
    size.check()?;
    out.size = size;
    out.bytes.resize(size.width as usize * size.height as usize, 0);
    match view.parts() {
        Planes::Planar { y, .. } | Planes::Pairs { y, .. } => shrink(y, scale, size.width as usize, &mut out.bytes),
        Planes::Rgba(_) => {
            let mut picture = Picture::default();
            to_i420(view, scale, &mut picture)?;
            out.bytes.copy_from_slice(picture.planes().0);
        }
    }
    Ok(())
}

/// Writes `picture` into `out`, turned.
///
/// # Errors
/// [`Invalid`], when `picture` was never given a size.
pub fn rotate(picture: &Picture, rotation: Rotation, out: &mut Picture) -> Result<(), Invalid> {
    let size = picture.size();
    out.reshape(size.turned(rotation))?;
    let (from_y, from_u, from_v) = picture.planes();
    let (y, u, v) = out.planes_mut();
    let (width, height) = (size.width as usize, size.height as usize);
    turn(from_y, (width, height), rotation, y);
    turn(from_u, (width / 2, height / 2), rotation, u);
    turn(from_v, (width / 2, height / 2), rotation, v);
    Ok(())
}

/// Writes `grey` into `out`, turned.
pub fn rotate_grey(grey: &Grey, rotation: Rotation, out: &mut Grey) {
    out.size = grey.size.turned(rotation);
    out.bytes.resize(grey.bytes.len(), 0);
    turn(&grey.bytes, (grey.size.width as usize, grey.size.height as usize), rotation, &mut out.bytes);
}

fn shrink_picture(from: &Picture, scale: Scale, out: &mut Picture) {
    let Size { width, .. } = from.size();
    let to = out.size().width as usize;
    let (from_y, from_u, from_v) = from.planes();
    let (y, u, v) = out.planes_mut();
    for (from, row, width, out) in [
        (from_y, width as usize, to, y),
        (from_u, width as usize / 2, to / 2, u),
        (from_v, width as usize / 2, to / 2, v),
    ] {
        shrink_rows(from.chunks_exact(row), scale, width, out);
    }
}

fn shrink(plane: Plane<'_>, scale: Scale, width: usize, out: &mut [u8]) {
    shrink_rows(plane.rows(), scale, width, out);
}

fn shrink_rows<'a>(rows: impl Iterator<Item = &'a [u8]>, scale: Scale, width: usize, out: &mut [u8]) {
    match scale {
        Scale::Full => {
            for (to, from) in out.chunks_exact_mut(width).zip(rows) {
                to.copy_from_slice(from);
            }
        }
        Scale::Half => mean_rows::<2>(rows, width, out),
        Scale::Quarter => mean_rows::<4>(rows, width, out),
    }
}

/// Each byte of `out` is the mean of `F` × `F` bytes.
fn mean_rows<'a, const F: usize>(mut rows: impl Iterator<Item = &'a [u8]>, width: usize, out: &mut [u8]) {
    let mut sums = [0u16; SHRUNK_ROW];
    let sums = &mut sums[..width];
    for to in out.chunks_exact_mut(width) {
        sums.fill(0);
        for row in rows.by_ref().take(F) {
            for (sum, group) in sums.iter_mut().zip(row.as_chunks::<F>().0) {
                *sum += group.iter().copied().map(u16::from).sum::<u16>();
            }
        }
        for (to, sum) in to.iter_mut().zip(&*sums) {
            *to = mean::<F>(*sum);
        }
    }
}

fn part_pairs(plane: Plane<'_>, half: usize, first: &mut [u8], second: &mut [u8]) {
    for ((first, second), row) in first.chunks_exact_mut(half).zip(second.chunks_exact_mut(half)).zip(plane.rows()) {
        for ((first, second), [a, b]) in first.iter_mut().zip(second).zip(row.as_chunks::<2>().0) {
            (*first, *second) = (*a, *b);
        }
    }
}

/// The same as `mean_rows` for pairs: `P` is twice `F`.
fn shrink_pairs<const F: usize, const P: usize>(plane: Plane<'_>, half: usize, first: &mut [u8], second: &mut [u8]) {
    let mut sums = [[0u16; 2]; SHRUNK_ROW / 2];
    let sums = &mut sums[..half];
    let mut rows = plane.rows();
    for (first, second) in first.chunks_exact_mut(half).zip(second.chunks_exact_mut(half)) {
        sums.fill([0; 2]);
        for row in rows.by_ref().take(F) {
            for (sum, group) in sums.iter_mut().zip(row.as_chunks::<P>().0) {
                for [a, b] in group.as_chunks::<2>().0 {
                    sum[0] += u16::from(*a);
                    sum[1] += u16::from(*b);
                }
            }
        }
        for ((first, second), [a, b]) in first.iter_mut().zip(second).zip(&*sums) {
            (*first, *second) = (mean::<F>(*a), mean::<F>(*b));
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the mean of bytes is a byte")]
const fn mean<const F: usize>(sum: u16) -> u8 {
    let count = (F * F) as u16;
    ((sum + count / 2) / count) as u8
}

/// BT.601, limited range, in 8 bits of fraction (ITU-R BT.601-7, 2.5.3; the integers are those of libyuv and WebRTC).
fn from_rgba(plane: Plane<'_>, width: usize, y: &mut [u8], u: &mut [u8], v: &mut [u8]) {
    let half = width / 2;
    let mut rows = plane.rows();
    let lines = y.chunks_exact_mut(2 * width).zip(u.chunks_exact_mut(half)).zip(v.chunks_exact_mut(half));
    for ((luma, u), v) in lines {
        let mut sums = [[0i32; 3]; SHRUNK_ROW];
        for (luma, row) in luma.chunks_exact_mut(width).zip(rows.by_ref()) {
            for (luma, [r, g, b, _]) in luma.iter_mut().zip(row.as_chunks::<4>().0) {
                let [r, g, b] = [*r, *g, *b].map(i32::from);
                *luma = byte(((66 * r + 129 * g + 25 * b + 128) >> 8) + 16);
            }
            for (sum, [r, g, b, _, r2, g2, b2, _]) in sums[..half].iter_mut().zip(row.as_chunks::<8>().0) {
                sum[0] += i32::from(*r) + i32::from(*r2);
                sum[1] += i32::from(*g) + i32::from(*g2);
                sum[2] += i32::from(*b) + i32::from(*b2);
            }
        }
        for ((u, v), sum) in u.iter_mut().zip(v).zip(&sums) {
            let [r, g, b] = sum.map(|part| (part + 2) >> 2);
            *u = byte(((-38 * r - 74 * g + 112 * b + 128) >> 8) + 128);
            *v = byte(((112 * r - 94 * g - 18 * b + 128) >> 8) + 128);
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
const fn byte(value: i32) -> u8 {
    if value < 0 {
        0
    } else if value > 255 {
        255
    } else {
        value as u8
    }
}

/// A tile's side when turning: 16 rows of 16 bytes stay in the first cache.
const TILE: usize = 16;

fn turn(from: &[u8], (width, height): (usize, usize), rotation: Rotation, to: &mut [u8]) {
    match rotation {
        Rotation::None => to.copy_from_slice(from),
        Rotation::Half => {
            for (to, from) in to.iter_mut().zip(from.iter().rev()) {
                *to = *from;
            }
        }
        // Out row x is in column x from bottom to top, or column width − 1 − x from top to bottom.
        Rotation::Quarter | Rotation::ThreeQuarters => {
            let clockwise = rotation == Rotation::Quarter;
            for top in (0..height).step_by(TILE) {
                let rows = TILE.min(height - top);
                for left in (0..width).step_by(TILE) {
                    let columns = TILE.min(width - left);
                    let mut tile = [[0u8; TILE]; TILE];
                    for (row, line) in tile[..rows].iter_mut().enumerate() {
                        let begin = (top + row) * width + left;
                        line[..columns].copy_from_slice(&from[begin..begin + columns]);
                    }
                    #[expect(clippy::needless_range_loop, reason = "a column is no range of the tile")]
                    for column in 0..columns {
                        let out_row = if clockwise { left + column } else { width - 1 - left - column };
                        let out_left = if clockwise { height - top - rows } else { top };
                        let begin = out_row * height + out_left;
                        for (at, to) in to[begin..begin + rows].iter_mut().enumerate() {
                            let row = if clockwise { rows - 1 - at } else { at };
                            *to = tile[row][column];
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{Frame, Layout};

    /// Any even size up to 100 × 100, with any padding, in any layout, and bytes for it.
    fn frames() -> impl Strategy<Value = (Frame, Vec<u8>)> {
        ((8u32..50, 8u32..50), 0u32..9, 0u32..9, 0..4).prop_flat_map(|((w, h), pad, uv_pad, kind)| {
            let size = Size::new(w * 2, h * 2);
            let y_stride = size.width + pad;
            let (layout, bytes) = match kind {
                0 => {
                    let uv_stride = w + uv_pad;
                    (Layout::I420 { y_stride, uv_stride }, y_stride * size.height + uv_stride * size.height)
                }
                1 | 2 => {
                    let uv_stride = size.width + uv_pad;
                    let bytes = y_stride * size.height + uv_stride * h;
                    if kind == 1 {
                        (Layout::Nv12 { y_stride, uv_stride }, bytes)
                    } else {
                        (Layout::Nv21 { y_stride, uv_stride }, bytes)
                    }
                }
                _ => (Layout::Rgba { stride: size.width * 4 + pad }, (size.width * 4 + pad) * size.height),
            };
            (Just(Frame::new(1, size, layout)), proptest::collection::vec(any::<u8>(), bytes as usize))
        })
    }

    /// Y, Cb and Cr of one chroma or luma sample, straight from the definition of the layout.
    fn sample(frame: &Frame, bytes: &[u8], plane: usize, x: u32, y: u32) -> u8 {
        let height = frame.size.height;
        let at = |index: u32| bytes[index as usize];
        match (frame.layout, plane) {
            (Layout::Rgba { stride }, plane) => {
                let rgb = |x: u32, y: u32, part: u32| i32::from(at(y * stride + x * 4 + part));
                if plane == 0 {
                    let [r, g, b] = [0, 1, 2].map(|part| rgb(x, y, part));
                    return byte(((66 * r + 129 * g + 25 * b + 128) >> 8) + 16);
                }
                let mean = |part| {
                    let (x, y) = (2 * x, 2 * y);
                    (rgb(x, y, part) + rgb(x + 1, y, part) + rgb(x, y + 1, part) + rgb(x + 1, y + 1, part) + 2) / 4
                };
                let [r, g, b] = [0, 1, 2].map(mean);
                if plane == 1 {
                    byte(((-38 * r - 74 * g + 112 * b + 128) >> 8) + 128)
                } else {
                    byte(((112 * r - 94 * g - 18 * b + 128) >> 8) + 128)
                }
            }
            (Layout::I420 { y_stride, .. } | Layout::Nv12 { y_stride, .. } | Layout::Nv21 { y_stride, .. }, 0) => {
                at(y * y_stride + x)
            }
            (Layout::I420 { y_stride, uv_stride }, plane) => {
                let begin = y_stride * height + if plane == 2 { uv_stride * height / 2 } else { 0 };
                at(begin + y * uv_stride + x)
            }
            (Layout::Nv12 { y_stride, uv_stride }, plane) => {
                at(y_stride * height + y * uv_stride + 2 * x + u32::from(plane == 2))
            }
            (Layout::Nv21 { y_stride, uv_stride }, plane) => {
                at(y_stride * height + y * uv_stride + 2 * x + u32::from(plane == 1))
            }
        }
    }

    /// The mean of what one sample of the smaller picture covers.
    fn reference(frame: &Frame, bytes: &[u8], plane: usize, factor: u32, x: u32, y: u32) -> u8 {
        let mut sum = 0;
        for dy in 0..factor {
            for dx in 0..factor {
                sum += u32::from(sample(frame, bytes, plane, x * factor + dx, y * factor + dy));
            }
        }
        u8::try_from((sum + factor * factor / 2) / (factor * factor)).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

        /// Every layout, padding and scale gives exactly the picture that its definition says.
        #[test]
        fn every_layout_becomes_the_same_i420((frame, bytes) in frames()) {
            let view = View::contiguous(&bytes, &frame).unwrap();
            for scale in [Scale::Full, Scale::Half, Scale::Quarter] {
                let mut picture = Picture::default();
                let size = frame.size.shrunk(scale);
                if to_i420(view, scale, &mut picture).is_err() {
                    prop_assert!(size.check().is_err());
                    continue;
                }
                let (y, u, v) = picture.planes();
                for (plane, (got, width)) in [(y, size.width), (u, size.width / 2), (v, size.width / 2)].iter().enumerate() {
                    for (index, got) in (0u32..).zip(*got) {
                        let want = reference(&frame, &bytes, plane, scale.factor(), index % width, index / width);
                        prop_assert_eq!(*got, want, "plane {} at {}", plane, index);
                    }
                }
                let mut grey = Grey::default();
                to_grey(view, scale, &mut grey).unwrap();
                prop_assert_eq!(grey.bytes(), y);
            }
        }

        /// A turned picture holds the same samples in the places that turning says, and four quarters are none.
        #[test]
        fn turning_moves_every_sample_to_its_place((frame, bytes) in frames()) {
            let mut upright = Picture::default();
            to_i420(View::contiguous(&bytes, &frame).unwrap(), Scale::Full, &mut upright).unwrap();
            let Size { width, height } = upright.size();
            for rotation in [Rotation::None, Rotation::Quarter, Rotation::Half, Rotation::ThreeQuarters] {
                let mut turned = Picture::default();
                rotate(&upright, rotation, &mut turned).unwrap();
                let planes = [(0, width, height), (1, width / 2, height / 2), (2, width / 2, height / 2)];
                for (plane, width, height) in planes {
                    let pick = |picture: &Picture, index: u32| {
                        let (y, u, v) = picture.planes();
                        [y, u, v][plane][index as usize]
                    };
                    for y in 0..height {
                        for x in 0..width {
                            let to = match rotation {
                                Rotation::None => y * width + x,
                                Rotation::Quarter => x * height + (height - 1 - y),
                                Rotation::Half => (height - 1 - y) * width + (width - 1 - x),
                                Rotation::ThreeQuarters => (width - 1 - x) * height + y,
                            };
                            prop_assert_eq!(pick(&turned, to), pick(&upright, y * width + x));
                        }
                    }
                }
            }
            let mut round = upright.clone();
            for _ in 0..4 {
                let mut next = Picture::default();
                rotate(&round, Rotation::Quarter, &mut next).unwrap();
                round = next;
            }
            prop_assert_eq!(round, upright);
        }
    }

    /// The comparison above would notice a single exchanged plane (its control).
    #[test]
    fn exchanged_chroma_is_noticed() {
        let size = Size::new(32, 32);
        let bytes: Vec<u8> = (0..32 * 48u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let pairs = |layout| {
            let frame = Frame::new(1, size, layout);
            let mut picture = Picture::default();
            to_i420(View::contiguous(&bytes, &frame).unwrap(), Scale::Full, &mut picture).unwrap();
            picture
        };
        let (right, wrong) = (pairs(Layout::nv12(size)), pairs(Layout::Nv21 { y_stride: 32, uv_stride: 32 }));
        assert_eq!(right.planes().0, wrong.planes().0);
        assert_eq!(right.planes().1, wrong.planes().2);
        assert_ne!(right, wrong);
    }
}
