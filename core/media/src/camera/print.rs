//! The photograph as a print on a table: a white margin, the table round it, and as many texels as the camera can see.
//!
//! A photograph that has fewer is enlarged and gets the fine grain of a print, so that there is something to hold on to at
//! every scale.

#![expect(clippy::cast_possible_truncation, reason = "texels and grey levels are small")]

use glam::{DMat3, DVec2, DVec3};

use super::motion::Dice;
use crate::frame::Size;
use crate::still::Rgb;

/// Metres from its top to its bottom.
const HEIGHT_M: f64 = 0.78;
/// Texels a metre, before the print is made coarser for a coarser camera.
const TEXELS_PER_M: f64 = 1_900.0;
/// Width to height: what is beyond is cut off in the middle of the photograph.
const SHAPES: (f64, f64) = (4.0 / 3.0, 16.0 / 9.0);
/// Texels of white paper on each side, and of table beyond it. Even, and still two texels of table when halved three times.
const PAPER: usize = 32;
const TABLE: usize = 16;
const PAPER_COLOUR: [u8; 3] = [222, 127, 129];
const TABLE_COLOUR: [u8; 3] = [82, 122, 134];

/// Texels in a form that is quick to look up: each holds itself, its right, its lower and its lower right neighbour, one
/// byte each from the lowest on. There are at least two rows, and the last texel is table.
#[derive(Debug, Clone)]
pub(super) struct Texels {
    pub(super) quads: Vec<u32>,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The print, BT.601 over the limited range.
#[derive(Debug, Clone)]
pub(super) struct Print {
    /// Width and height of the photograph on it, metres.
    pub(super) size_m: DVec2,
    pub(super) luma: Texels,
    /// Cb and Cr: half as many in each direction.
    pub(super) chroma: [Texels; 2],
    /// From metres on the plane to texels of luma.
    pub(super) to_texels: DMat3,
}

impl Print {
    /// A print of `photograph` for a camera that sees so many pixels a metre.
    pub(super) fn new(photograph: &Rgb, pixels_per_m: f64, dice: &mut Dice) -> Self {
        let (mut planes, shape) = planes(photograph);
        let size_m = DVec2::new(HEIGHT_M * f64::from(shape.width) / f64::from(shape.height), HEIGHT_M);
        let inner = whole(size_m * TEXELS_PER_M);
        for (index, plane) in planes.iter_mut().enumerate() {
            let coarse = 1 + usize::from(index > 0);
            let to = (inner.0 / coarse, inner.1 / coarse);
            *plane = resample(std::mem::take(plane), (shape.width as usize, shape.height as usize), to);
        }
        // An enlarged photograph knows nothing of what is finer than its own pixels.
        let missing = (1.0 - f64::from(shape.height) / inner.1 as f64).clamp(0.2, 1.0);
        grain(&mut planes[0], inner.0, missing, dice);
        let [mut luma, cb, cr] = planes;
        luma = mounted(&luma, inner, 1, 0);
        let mut chroma =
            [mounted(&cb, (inner.0 / 2, inner.1 / 2), 2, 1), mounted(&cr, (inner.0 / 2, inner.1 / 2), 2, 2)];
        let mut size = (inner.0 + 2 * (PAPER + TABLE), inner.1 + 2 * (PAPER + TABLE));
        let mut texels = DVec2::new(inner.0 as f64, inner.1 as f64);
        for _ in 0..3 {
            if texels.y / size_m.y < 1.5 * pixels_per_m {
                break;
            }
            luma = halved(&luma, size.0);
            chroma = chroma.map(|plane| halved(&plane, size.0 / 2));
            (size, texels) = ((size.0 / 2, size.1 / 2), texels / 2.0);
        }
        let scale = texels / size_m;
        let middle = DVec2::new(size.0 as f64, size.1 as f64) / 2.0;
        let to_texels = DMat3::from_cols(
            DVec3::new(scale.x, 0.0, 0.0),
            DVec3::new(0.0, -scale.y, 0.0),
            DVec3::new(middle.x, middle.y, 1.0),
        );
        let mut index = 0;
        let chroma = chroma.map(|plane| {
            index += 1;
            Texels::new(&plane, size.0 / 2, TABLE_COLOUR[index])
        });
        Self { size_m, luma: Texels::new(&luma, size.0, TABLE_COLOUR[0]), chroma, to_texels }
    }
}

impl Texels {
    fn new(plane: &[u8], width: usize, beyond: u8) -> Self {
        let height = plane.len() / width;
        let mut quads = vec![u32::from_le_bytes([beyond; 4]); plane.len()];
        for (y, rows) in quads.chunks_exact_mut(width).take(height - 1).enumerate() {
            let (above, below) = plane[y * width..].split_at(width);
            for ((quad, above), below) in rows.iter_mut().zip(above.array_windows()).zip(below.array_windows()) {
                let ([a, b], [c, d]): ([u8; 2], [u8; 2]) = (*above, *below);
                *quad = u32::from_le_bytes([a, b, c, d]);
            }
        }
        Self { quads, width, height }
    }
}

/// Luma, Cb and Cr of the middle of a photograph (ITU-R BT.601-7, limited range), each with all pixels; and its size.
fn planes(photograph: &Rgb) -> ([Vec<u8>; 3], Size) {
    let Size { width, height } = photograph.size;
    let (least, most) = SHAPES;
    let part = |whole: u32, part: f64| (f64::from(whole).min(part.round()) as u32).max(1);
    let size = Size::new(part(width, f64::from(height) * most), part(height, f64::from(width) / least));
    let (left, top) = ((width - size.width) / 2, (height - size.height) / 2);
    let rows = photograph.bytes.chunks_exact(3 * width as usize).skip(top as usize).take(size.height as usize);
    let pixels = rows.flat_map(|row| row.as_chunks::<3>().0.iter().skip(left as usize).take(size.width as usize));
    let mut out = [(); 3].map(|()| Vec::with_capacity(size.width as usize * size.height as usize));
    for [r, g, b] in pixels {
        let [r, g, b] = [*r, *g, *b].map(i32::from);
        out[0].push((((66 * r + 129 * g + 25 * b + 128) >> 8) + 16) as u8);
        out[1].push((((-38 * r - 74 * g + 112 * b + 128) >> 8) + 128) as u8);
        out[2].push((((112 * r - 94 * g - 18 * b + 128) >> 8) + 128) as u8);
    }
    (out, size)
}

/// So many texels, each side a multiple of 32, so that it can be halved.
fn whole(texels: DVec2) -> (usize, usize) {
    let side = |texels: f64| ((texels / 32.0).round() as usize).max(1) * 32;
    (side(texels.x), side(texels.y))
}

/// A plane at another size: halved as long as it has twice too much, then Catmull–Rom.
fn resample(mut plane: Vec<u8>, mut from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
    while from.0 >= 2 * to.0 && from.1 >= 2 * to.1 {
        plane = halved(&plane, from.0);
        from = (from.0 / 2, from.1 / 2);
    }
    let (across, down) = (taps(from.0, to.0), taps(from.1, to.1));
    let mut wide = Vec::with_capacity(to.0 * from.1);
    for row in plane.chunks_exact(from.0).take(from.1) {
        wide.extend(
            across.iter().map(|(at, weights)| {
                at.iter().zip(weights).map(|(at, weight)| f32::from(row[*at]) * weight).sum::<f32>()
            }),
        );
    }
    let mut out = Vec::with_capacity(to.0 * to.1);
    for (at, weights) in &down {
        let rows = at.map(|at| &wide[at * to.0..(at + 1) * to.0]);
        let [a, b, c, d] = weights;
        out.extend((0..to.0).map(|x| {
            let value = rows[0][x] * a + rows[1][x] * b + rows[2][x] * c + rows[3][x] * d;
            (value + 0.5).clamp(0.0, 255.0) as u8
        }));
    }
    out
}

/// The four samples that each new one is made of, and their weights (Catmull and Rom 1974); edges are repeated.
fn taps(from: usize, to: usize) -> Vec<([usize; 4], [f32; 4])> {
    let tap = |index: usize| {
        let at = (index as f64 + 0.5) * from as f64 / to as f64 - 0.5;
        let (first, t) = (at.floor() as isize - 1, (at - at.floor()) as f32);
        let place = [0, 1, 2, 3].map(|step| first.saturating_add(step).clamp(0, from as isize - 1) as usize);
        let weights = [
            ((2.0 - t) * t - 1.0) * t,
            (3.0 * t - 5.0) * t * t + 2.0,
            ((4.0 - 3.0 * t) * t + 1.0) * t,
            (t - 1.0) * t * t,
        ];
        (place, weights.map(|weight| weight / 2.0))
    };
    (0..to).map(tap).collect()
}

/// Each the mean of four; an odd last row or column is left out.
fn halved(plane: &[u8], width: usize) -> Vec<u8> {
    let rows = plane.chunks_exact(2 * width);
    let mut out = Vec::with_capacity(plane.len() / 4);
    for rows in rows {
        let (above, below) = rows.split_at(width);
        let pairs = above.as_chunks::<2>().0.iter().zip(below.as_chunks::<2>().0);
        out.extend(
            pairs.map(|([a, b], [c, d])| {
                ((u16::from(*a) + u16::from(*b) + u16::from(*c) + u16::from(*d) + 2) / 4) as u8
            }),
        );
    }
    out
}

/// Grain of two sizes, three grey levels each where everything is missing.
fn grain(luma: &mut [u8], width: usize, strength: f64, dice: &mut Dice) {
    let fine: Vec<f32> = (0..4_096).map(|_| (dice.normal() * 3.0 * strength) as f32).collect();
    for row in luma.chunks_exact_mut(3 * width) {
        let coarse = (dice.bits() % 4_096) as usize;
        for row in row.chunks_exact_mut(width) {
            let shift = (dice.bits() % 4_096) as usize;
            for (x, value) in row.iter_mut().enumerate() {
                let added = fine[(x + shift) % 4_096] + fine[(x / 3 + coarse) % 4_096];
                *value = (f32::from(*value) + added + 0.5).clamp(16.0, 235.0) as u8;
            }
        }
    }
}

/// A plane with paper and table round it, both `coarse` times fewer texels wide.
fn mounted(plane: &[u8], (width, height): (usize, usize), coarse: usize, index: usize) -> Vec<u8> {
    let (paper, table) = (PAPER / coarse, TABLE / coarse);
    let edge = paper + table;
    let full = width + 2 * edge;
    let mut out = vec![TABLE_COLOUR[index]; full * (height + 2 * edge)];
    for (y, row) in out.chunks_exact_mut(full).enumerate().skip(table).take(height + 2 * paper) {
        row[table..full - table].fill(PAPER_COLOUR[index]);
        if let Some(from) = y.checked_sub(edge).and_then(|y| plane.chunks_exact(width).nth(y)) {
            row[edge..full - edge].copy_from_slice(from);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(width: u32, height: u32) -> Rgb {
        Rgb { size: Size::new(width, height), bytes: [200, 100, 50].repeat(width as usize * height as usize) }
    }

    /// A photograph of any size and shape becomes a print of the same height, with its colours, paper and table.
    #[test]
    fn any_photograph_becomes_a_print() {
        for (width, height) in [(1, 1), (3, 900), (4_000, 10), (640, 427), (5_000, 3_300)] {
            let print = Print::new(&flat(width, height), 1_900.0, &mut Dice::new(1));
            assert!((0.7..1.5).contains(&print.size_m.x), "{width} × {height}");
            let Texels { quads, width: across, height: down, .. } = &print.luma;
            assert_eq!(quads.len(), across * down);
            let middle = quads[down / 2 * across + across / 2].to_le_bytes();
            assert!(middle.iter().all(|luma| luma.abs_diff(122) < 30), "{middle:?}");
            let [cb, cr] = &print.chroma;
            let at = cb.height / 2 * cb.width + cb.width / 2;
            let chroma = [cb, cr].map(|plane| plane.quads[at] & 255);
            assert!(chroma[0].abs_diff(91) <= 1 && chroma[1].abs_diff(176) <= 1, "{chroma:?}");
            assert_eq!([quads[0], quads[quads.len() - 1]], [u32::from_le_bytes([82; 4]); 2]);
            assert_eq!(quads[(TABLE + PAPER / 2) * across + across / 2], u32::from_le_bytes([222; 4]));
        }
    }

    /// A coarse camera gets a coarse print that shows the same place in the same relation.
    #[test]
    fn a_coarse_camera_gets_a_coarse_print() {
        let [fine, coarse] = [1_900.0, 480.0].map(|density| Print::new(&flat(600, 400), density, &mut Dice::new(1)));
        assert_eq!((fine.luma.width, fine.chroma[0].width), (4 * coarse.luma.width, 2 * coarse.luma.width));
        assert_eq!(fine.size_m, coarse.size_m);
        let corner = DVec3::new(-fine.size_m.x / 2.0, fine.size_m.y / 2.0, 1.0);
        assert!((fine.to_texels * corner).truncate().distance(DVec2::splat((PAPER + TABLE) as f64)) < 1e-9);
        assert!((coarse.to_texels * corner).truncate().distance(DVec2::splat((PAPER + TABLE) as f64 / 4.0)) < 1e-9);
    }

    /// Enlarging keeps a slope a slope, and edges do not move.
    #[test]
    fn enlarging_moves_nothing() {
        let slope: Vec<u8> = (0..8u8).flat_map(|_| (0..8u8).map(|x| 20 + 20 * x)).collect();
        let large = resample(slope, (8, 8), (32, 32));
        for x in 8..24u8 {
            let wanted = 20.0 + 20.0 * ((f32::from(x) + 0.5) / 4.0 - 0.5);
            assert!((f32::from(large[16 * 32 + usize::from(x)]) - wanted).abs() <= 0.6, "at {x}");
        }
    }
}
