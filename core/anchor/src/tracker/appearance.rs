//! Whether what is there looks like what was there: cell by cell against the key frame.
//!
//! A vote of corners would let a hand in front win. Here every cell answers for itself, and the cells under the mark's own
//! points decide whether the mark may be drawn.

use super::align::{Light, Moments, matching_level};
use super::template::{COMPARED, Cell, TEXTURED};
use super::{Homography, Pyramid, Template};

/// Part of a cell's variance that may be unexplained: a correlation of about 0.75.
const UNEXPLAINED: f64 = 0.45;
/// Variance of noise and rounding on the compared level, grey levels squared.
const NOISE: f64 = 16.0;
/// Difference of mean grey that light alone may make, beside half the contrast.
const SHADE: f64 = 14.0;

/// What was seen of a template.
#[derive(Debug, Clone, Default)]
pub(crate) struct Looks {
    /// For each cell: in view, as it was, and not at the edge of something else.
    pub(crate) same: Vec<bool>,
    /// Textured cells in view.
    pub(crate) judged: usize,
    /// Of these, as they were.
    pub(crate) agreeing: usize,
    /// Squares around the mark's points that are in view.
    pub(crate) probed: usize,
    /// Of these, as they were.
    pub(crate) shown: usize,
    /// Contrast of the textured cells in view against the key frame's, 1 when as sharp.
    pub(crate) sharpness: f64,
}

impl Looks {
    /// Part of the judged cells that are as they were.
    pub(crate) fn agreement(&self) -> f64 {
        self.agreeing as f64 / self.judged.max(1) as f64
    }

    /// Whether at least half of the mark's points in view are seen.
    pub(crate) fn shows_mark(&self) -> bool {
        2 * self.shown >= self.probed
    }
}

/// Compares every cell of a template, mapped to the frame at hand.
pub(crate) fn compare(template: &Template, now: &Pyramid, map: &Homography, light: Light) -> Looks {
    let level = now.level(matching_level(COMPARED, map, template).unwrap_or(0));
    let judge = |cell: &Cell| -> Option<(bool, Moments)> {
        let grey = |at| map.apply(at).and_then(|at| level.sample(at.x, at.y));
        let pairs = cell.samples.iter().filter_map(|(at, key)| Some((light.gain * key + light.bias, grey(*at)?)));
        let pairs: Vec<(f64, f64)> = pairs.collect();
        if pairs.len() < 24 || 5 * pairs.len() < 4 * cell.samples.len() {
            return None;
        }
        let moments = Moments::of(pairs.iter().copied());
        let unexplained = moments.xx + moments.yy - 2.0 * moments.xy;
        let shade = (moments.y - moments.x).abs();
        let same = unexplained <= NOISE + UNEXPLAINED * moments.xx && shade <= SHADE + libm::sqrt(moments.xx) / 2.0;
        Some((same, moments))
    };
    let mut looks = Looks::default();
    let (mut then, mut there) = (0.0, 0.0);
    let judged: Vec<Option<(bool, Moments)>> = template.cells.iter().map(judge).collect();
    for (index, cell) in template.cells.iter().enumerate() {
        let beside = |step: isize| index.checked_add_signed(step).and_then(|at| *judged.get(at)?);
        let column = index % template.columns;
        let row = template.columns.cast_signed();
        let neighbours = [
            if column > 0 { beside(-1) } else { None },
            if column + 1 < template.columns { beside(1) } else { None },
            beside(-row),
            beside(row),
        ];
        let strange = neighbours.iter().flatten().filter(|(same, _)| !same).count();
        looks.same.push(strange < 2 && judged[index].is_some_and(|(same, _)| same));
        if let Some((same, moments)) = judged[index]
            && cell.contrast >= TEXTURED
        {
            looks.judged += 1;
            looks.agreeing += usize::from(same);
            then += moments.xx;
            there += moments.yy;
        }
    }
    for (same, _) in template.probes.iter().filter_map(judge) {
        looks.probed += 1;
        looks.shown += usize::from(same);
    }
    looks.sharpness = libm::sqrt(there / f64::max(then, 1e-9));
    looks
}
