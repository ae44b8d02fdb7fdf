//! Looking for a lost piece of the key frame all over the picture, on the coarsest level.
//!
//! Good for a camera that looked away and came back to a similar view: the template keeps the turn and scale it was last
//! seen with. Views that differ more need re-detection by features, which is later work; until then the mark stays lost.

use glam::DVec2;

use super::align::Moments;
use super::pyramid::Level;
use super::template::Texel;
use super::{Homography, LEVELS, Pyramid, Template};

/// Correlation from which a place is worth a closer look.
const ALIKE: f64 = 0.6;
/// Pixels of the template that must be in view.
const SEEN: usize = 30;

/// The level on which a key frame is searched for other places that look like the template, from which correlation they are
/// worth a closer look (tiles seen aslant have more than 0.7, other pictures mostly less than 0.6), and how many.
const REPEATED: usize = 2;
const REPEATS: f64 = 0.5;
const PLACES: usize = 4;
/// A first look takes about so many pixels of the template, and correlation from which the rest is looked at: with so few
/// it is off by 0.15.
const GLANCE: usize = 32;
const PROMISING: f64 = 0.4;
/// As near as this it is the same place, pixels.
const NEAR: f64 = 12.0;

/// The place where the template looks most alike, as a shift of `near`.
pub(crate) fn find(template: &Template, now: &Pyramid, near: &Homography) -> Option<Homography> {
    let middle = near.apply(template.middle)?;
    let alike = alike(template, now.level(LEVELS - 1), LEVELS - 1, |at| Some(near.apply(at)? - middle));
    let (most, place) = alike.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    (most > ALIKE).then(|| Homography::shift(place - middle).after(near)).flatten()
}

/// The places in its own key frame where the template might be mistaken for what is there, best first, each as a shift.
pub(crate) fn elsewhere(template: &Template, key: &Pyramid) -> Vec<Homography> {
    let mut places = alike(template, key.level(REPEATED), REPEATED, |at| Some(at - template.middle));
    places.retain(|(alike, place)| *alike > REPEATS && place.distance(template.middle) >= NEAR);
    places.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut peaks: Vec<DVec2> = Vec::new();
    for (_, place) in places {
        if peaks.len() < PLACES && peaks.iter().all(|peak| peak.distance(place) >= NEAR) {
            peaks.push(place);
        }
    }
    peaks.into_iter().map(|place| Homography::shift(place - template.middle)).collect()
}

/// How alike the places of a level are where enough of the template is in view, of those that a part of it finds promising.
/// `offset` is where a pixel of the template lies beside its middle.
fn alike(
    template: &Template,
    level: Level<'_>,
    number: usize,
    offset: impl Fn(DVec2) -> Option<DVec2>,
) -> Vec<(f64, DVec2)> {
    // A place is the centre of a pixel, so that whole pixels beside it are known beforehand; whole numbers add up fast.
    #[expect(clippy::cast_possible_truncation, reason = "grey levels")]
    let beside = |texel: &Texel| -> Option<(i32, i32, i32)> {
        let (x, y) = level.index(level.centre(0, 0) + offset(texel.at)?);
        Some((x, y, texel.grey as i32))
    };
    let outline: Vec<(i32, i32, i32)> = template.texels[number].iter().filter_map(beside).collect();
    if 2 * outline.len() < SEEN {
        return Vec::new();
    }
    let glance: Vec<(i32, i32, i32)> = outline.iter().step_by((outline.len() / GLANCE).max(1)).copied().collect();
    let look = |column: i32, row: i32, outline: &[(i32, i32, i32)], least: usize| {
        let mut sums = Sums::default();
        for (x, y, key) in outline {
            if let Some(grey) = level.grey(column + x, row + y) {
                sums.add(*key, i32::from(grey));
            }
        }
        (sums.count >= least.max(outline.len() / 2)).then(|| sums.correlation())
    };
    let mut found = Vec::new();
    for (y, row) in (0..level.height).zip(0..) {
        for (x, column) in (0..level.width).zip(0..) {
            if look(column, row, &glance, 0).is_some_and(|alike| alike > PROMISING)
                && let Some(alike) = look(column, row, &outline, SEEN)
            {
                found.push((alike, level.centre(x, y)));
            }
        }
    }
    found
}

/// What [`Moments`] are made of, in whole numbers: a template has some hundred pixels, and is laid on every place.
#[derive(Default)]
struct Sums {
    count: usize,
    x: i32,
    y: i32,
    xx: i32,
    xy: i32,
    yy: i32,
}

impl Sums {
    fn add(&mut self, x: i32, y: i32) {
        self.count += 1;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
    }

    fn correlation(&self) -> f64 {
        let part = |sum: i32| f64::from(sum) / self.count.max(1) as f64;
        let (x, y) = (part(self.x), part(self.y));
        let (xx, xy, yy) = (part(self.xx) - x * x, part(self.xy) - x * y, part(self.yy) - y * y);
        Moments { x, y, xx, xy, yy }.correlation()
    }
}
