//! Looking for a lost piece of the key frame all over the picture, on the coarsest level.
//!
//! Good for a camera that looked away and came back to a similar view: the template keeps the turn and scale it was last
//! seen with. Views that differ more need re-detection by features, which is later work; until then the mark stays lost.

use glam::DVec2;

use super::align::Moments;
use super::{Homography, LEVELS, Pyramid, Template};

/// Correlation from which a place is worth a closer look.
const ALIKE: f64 = 0.6;
/// Pixels of the template that must be in view.
const SEEN: usize = 30;

/// The place where the template looks most alike, as a shift of `near`.
pub(crate) fn find(template: &Template, now: &Pyramid, near: &Homography) -> Option<Homography> {
    let level = now.level(LEVELS - 1);
    let texels = &template.texels[LEVELS - 1];
    let middle = near.apply(template.middle)?;
    let outline: Vec<(DVec2, f64)> = texels.iter().filter_map(|t| Some((near.apply(t.at)? - middle, t.grey))).collect();
    if 2 * outline.len() < SEEN {
        return None;
    }
    let mut best = (ALIKE, DVec2::ZERO);
    for row in 0..level.height {
        for column in 0..level.width {
            let place = level.centre(column, row);
            let grey = |offset: DVec2| {
                let (x, y) = level.index(place + offset);
                let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
                (x < level.width && y < level.height).then(|| level.pixel(x, y))
            };
            let mut seen = 0;
            let pairs = outline.iter().filter_map(|(offset, key)| Some((*key, grey(*offset)?))).inspect(|_| seen += 1);
            let alike = Moments::of(pairs).correlation();
            if alike > best.0 && seen >= SEEN.max(outline.len() / 2) {
                best = (alike, place);
            }
        }
    }
    (best.0 > ALIKE).then(|| Homography::shift(best.1 - middle).after(near)).flatten()
}
