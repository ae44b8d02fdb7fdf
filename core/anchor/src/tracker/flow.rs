//! How the picture as a whole moved since the last frame: a guess to start from, never a proof.
//!
//! Corners are followed by `optical-flow-lk` (kernel `FixedPoint`: the same bits on every target), forward and back; the
//! motion most of them share wins. What most corners do is not what the thing under a mark does (a hand in front is a
//! coherent motion too), so everything found here is checked against the key frame afterwards.

use glam::DVec2;
use image::GrayImage;
use optical_flow_lk::{
    DEFAULT_FB_THRESHOLD, DEFAULT_MIN_EIGEN_THRESHOLD, DetectorContext, Grid, TrackKernel, TrackOptions, TrackParams,
    TrackStatus, TrackerContext,
};

use super::{Homography, LEVELS};

/// Corners: a grid of cells with so many each.
const GRID: Grid = Grid { cols: 8, rows: 5, max_per_cell: 3 };
/// Below so many corners new ones are looked for.
const ENOUGH: usize = 80;
/// And in any case after so many frames.
const REFRESH: u32 = 10;
/// A corner belongs to a motion that brings it this near, pixels.
const NEAR: f64 = 1.5;
/// Corners that must share a motion.
const SHARED: usize = 12;
const PARAMETERS: TrackParams =
    TrackParams { window_size: 15, max_iterations: 20, min_eigen_threshold: DEFAULT_MIN_EIGEN_THRESHOLD };
const OPTIONS: TrackOptions = TrackOptions::new().with_fb_levels(1).with_kernel(TrackKernel::FixedPoint);

/// The motion most corners share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Motion {
    /// Last frame to this frame.
    pub(crate) map: Homography,
    /// Standard deviation of one corner about it, pixels.
    pub(crate) deviation: f64,
}

/// Follows corners from frame to frame.
#[derive(Default)]
pub(crate) struct Flow {
    tracker: TrackerContext,
    detector: DetectorContext,
    corners: Vec<(f32, f32)>,
    size: (u32, u32),
    age: u32,
}

impl Flow {
    /// Takes the next frame. `None` on the first, after a change of size, and when corners share no motion.
    pub(crate) fn observe(&mut self, image: &GrayImage) -> Option<Motion> {
        if self.size != image.dimensions() {
            *self = Self { size: image.dimensions(), ..Self::default() };
        }
        self.tracker.advance(image, LEVELS);
        let mut pairs = Vec::with_capacity(self.corners.len());
        if !self.corners.is_empty() {
            let found = self.tracker.track_fb_with(&self.corners, None, PARAMETERS, DEFAULT_FB_THRESHOLD, OPTIONS);
            let kept = self.corners.iter().zip(found).filter(|(_, result)| result.status == TrackStatus::Tracked);
            pairs.extend(kept.map(|(from, result)| (centred(*from), centred(result.pos))));
        }
        let motion = shared_motion(&pairs);
        // A corner that went its own way goes on doing so: it is not followed any longer.
        let followed = pairs.iter().filter(|pair| motion.is_none_or(|(map, _)| miss(&map, pair) < 2.0 * NEAR));
        self.corners = followed.map(|(_, to)| uncentred(*to)).collect();
        self.age += 1;
        if self.corners.len() < ENOUGH || self.age >= REFRESH {
            let more = self.detector.detect_grid(image, GRID, 0.02, 8, &self.corners);
            self.corners.extend(more.iter().map(optical_flow_lk::Corner::position));
            self.age = 0;
        }
        motion.map(|(map, deviation)| Motion { map, deviation })
    }
}

/// `optical-flow-lk` has its origin at the centre of the first pixel, we at its corner.
fn centred((x, y): (f32, f32)) -> DVec2 {
    DVec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5)
}

#[expect(clippy::cast_possible_truncation, reason = "pixels")]
fn uncentred(at: DVec2) -> (f32, f32) {
    ((at.x - 0.5) as f32, (at.y - 0.5) as f32)
}

fn miss(map: &Homography, (from, to): &(DVec2, DVec2)) -> f64 {
    map.apply(*from).map_or(f64::INFINITY, |at| at.distance(*to))
}

/// The motion that most pairs share: similarities through two of them each (RANSAC, Fischler & Bolles 1981, with a fixed
/// sequence), then a homography through all that agree if they cover the picture, else the similarity.
fn shared_motion(pairs: &[(DVec2, DVec2)]) -> Option<(Homography, f64)> {
    if pairs.len() < SHARED {
        return None;
    }
    let mut state = 0x9e37_79b9_u32;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % pairs.len()
    };
    let agreeing = |map: &Homography, near: f64| -> Vec<(DVec2, DVec2)> {
        pairs.iter().filter(|pair| miss(map, pair) < near).copied().collect()
    };
    let mut best = Vec::new();
    for _ in 0..48 {
        let two = [pairs[draw()], pairs[draw()]];
        if two[0].0.distance(two[1].0) < 40.0 {
            continue;
        }
        if let Some(map) = Homography::similarity(&two) {
            let found = agreeing(&map, 2.0 * NEAR);
            if found.len() > best.len() {
                best = found;
            }
        }
    }
    if best.len() < SHARED {
        return None;
    }
    let mut map = Homography::similarity(&best)?;
    for _ in 0..2 {
        let wide = spread(&best) > 60.0 && best.len() >= 2 * SHARED;
        map = if wide { Homography::through(&best)? } else { Homography::similarity(&best)? };
        best = agreeing(&map, NEAR);
        if best.len() < SHARED {
            return None;
        }
    }
    let square = best.iter().map(|pair| miss(&map, pair)).map(|m| m * m).sum::<f64>() / best.len() as f64;
    Some((map, libm::sqrt(square / 2.0)))
}

/// Standard deviation of where pairs begin, along the axis on which it is smaller, pixels.
fn spread(pairs: &[(DVec2, DVec2)]) -> f64 {
    let count = pairs.len() as f64;
    let middle = pairs.iter().map(|p| p.0).sum::<DVec2>() / count;
    let square = pairs.iter().map(|p| (p.0 - middle) * (p.0 - middle)).sum::<DVec2>() / count;
    libm::sqrt(square.min_element())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A third of the corners moving together, as a hand would, does not turn the motion of the rest.
    #[test]
    fn the_larger_motion_wins() {
        let pairs: Vec<_> = (0..90_u32)
            .map(|i| {
                let at = DVec2::new(f64::from(i % 10) * 60.0, f64::from(i / 10) * 40.0);
                (at, at + if i % 3 == 0 { DVec2::new(-9.0, 4.0) } else { DVec2::new(3.0, 1.0) })
            })
            .collect();
        let (map, deviation) = shared_motion(&pairs).expect("a motion");
        let moved = map.apply(DVec2::new(320.0, 180.0)).expect("in front");
        assert!(moved.distance(DVec2::new(323.0, 181.0)) < 1e-3 && deviation < 1e-3);
        assert!(shared_motion(&pairs[..8]).is_none());
    }
}
