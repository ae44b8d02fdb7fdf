//! What a piece of the key frame looks like: the pixels to align, and cells to compare.

use glam::DVec2;

use super::{LEVELS, Pyramid, pyramid::Level};

/// Cells across a template and down it, at most.
const CELLS: (usize, usize) = (11, 9);
/// Side of a cell at least, pixels.
const CELL: f64 = 18.0;
/// Pixels of a cell to align on each level, those with the steepest slopes.
const TEXELS: [usize; LEVELS] = [10, 7, 4, 2];
/// Slope below which a pixel says nothing but noise, grey levels per pixel of its level.
const STEEP: f64 = 3.0;
/// Samples across a cell to compare.
const SAMPLES: usize = 6;
/// Half the side of what is looked at around a point of a mark, pixels.
const PROBE: f64 = 13.0;
/// Standard deviation of grey levels from which a cell has texture.
pub(crate) const TEXTURED: f64 = 6.0;
/// The level cells are compared on: finer there is noise, coarser a finger is not seen.
pub(crate) const COMPARED: usize = 1;

/// A pixel to align.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Texel {
    /// Where, pixels of level 0 of the key frame.
    pub(crate) at: DVec2,
    /// Grey level.
    pub(crate) grey: f64,
    /// Slope, grey levels per pixel of level 0.
    pub(crate) slope: DVec2,
    /// The cell it lies in.
    pub(crate) cell: usize,
}

/// A small square whose appearance is judged as one.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// Its middle.
    pub(crate) middle: DVec2,
    /// Places and grey levels.
    pub(crate) samples: Vec<(DVec2, f64)>,
    /// Standard deviation of the grey levels.
    pub(crate) contrast: f64,
}

/// A rectangle of a key frame, prepared.
pub(crate) struct Template {
    /// Its middle: coordinates in which a homography is solved for are relative to it.
    pub(crate) middle: DVec2,
    /// Half its larger side: the unit of those coordinates.
    pub(crate) reach: f64,
    /// Pixels to align, finest level first.
    pub(crate) texels: [Vec<Texel>; LEVELS],
    /// The whole rectangle in squares, row by row.
    pub(crate) cells: Vec<Cell>,
    /// Squares in a row.
    pub(crate) columns: usize,
    /// Squares around the points of the mark.
    pub(crate) probes: Vec<Cell>,
}

impl Template {
    /// Prepares the rectangle between two corners, as far as it lies in the key frame, and squares around `points`.
    pub(crate) fn new(key: &Pyramid, from: DVec2, to: DVec2, points: &[DVec2]) -> Self {
        let from = from.max(DVec2::ONE);
        let to = to.min(key.size() - 1.0).max(from + CELL);
        let side = to - from;
        let columns = cells_in(side.x, CELLS.0);
        let rows = cells_in(side.y, CELLS.1);
        let cell = side / DVec2::new(columns as f64, rows as f64);
        let mut texels: [Vec<Texel>; LEVELS] = Default::default();
        let mut cells = Vec::with_capacity(columns * rows);
        for index in 0..columns * rows {
            let corner = from + cell * DVec2::new((index % columns) as f64, (index / columns) as f64);
            for (level, found) in texels.iter_mut().enumerate() {
                steepest(key.level(level), corner, corner + cell, TEXELS[level], index, found);
            }
            cells.push(square(key, corner + cell / 2.0, cell / 2.0));
        }
        let probes = points.iter().map(|at| square(key, *at, DVec2::splat(PROBE))).collect();
        Self { middle: (from + to) / 2.0, reach: side.max_element() / 2.0, texels, cells, columns, probes }
    }

    /// Cells that can be told from others.
    pub(crate) fn textured(&self) -> usize {
        self.cells.iter().filter(|cell| cell.contrast >= TEXTURED).count()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most `most`")]
fn cells_in(side: f64, most: usize) -> usize {
    ((side / CELL) as usize).clamp(1, most)
}

/// The pixels of a rectangle with the steepest slopes, by central differences.
fn steepest(level: Level<'_>, from: DVec2, to: DVec2, count: usize, cell: usize, found: &mut Vec<Texel>) {
    let inside = |index: i32, side: usize| usize::try_from(index.max(1)).unwrap_or(1).min(side.saturating_sub(1));
    let ((left, top), (right, bottom)) = (level.index(from), level.index(to));
    let columns = inside(left, level.width)..inside(right, level.width);
    let by = level.centre(1, 0).x - level.centre(0, 0).x;
    let mut best: Vec<Texel> = Vec::with_capacity(count + 1);
    for row in inside(top, level.height)..inside(bottom, level.height) {
        for column in columns.clone() {
            let slope = DVec2::new(
                level.pixel(column + 1, row) - level.pixel(column - 1, row),
                level.pixel(column, row + 1) - level.pixel(column, row - 1),
            ) / 2.0;
            let steep = slope.length_squared();
            let least = if best.len() < count { STEEP * STEEP } else { best[count - 1].slope.length_squared() };
            if steep <= least {
                continue;
            }
            let after = best.partition_point(|t| t.slope.length_squared() >= steep);
            best.insert(after, Texel { at: level.centre(column, row), grey: level.pixel(column, row), slope, cell });
            best.truncate(count);
        }
    }
    found.extend(best.into_iter().map(|texel| Texel { slope: texel.slope / by, ..texel }));
}

fn square(key: &Pyramid, middle: DVec2, half: DVec2) -> Cell {
    let level = key.level(COMPARED);
    let mut samples = Vec::with_capacity(SAMPLES * SAMPLES);
    for index in 0..SAMPLES * SAMPLES {
        let place = |i: usize| ((i as f64 + 0.5) / SAMPLES as f64) * 2.0 - 1.0;
        let at = middle + half * DVec2::new(place(index % SAMPLES), place(index / SAMPLES));
        if let Some(grey) = level.sample(at.x, at.y) {
            samples.push((at, grey));
        }
    }
    let count = samples.len().max(1) as f64;
    let mean = samples.iter().map(|s| s.1).sum::<f64>() / count;
    let square = samples.iter().map(|s| (s.1 - mean) * (s.1 - mean)).sum::<f64>() / count;
    Cell { middle, samples, contrast: libm::sqrt(square) }
}
