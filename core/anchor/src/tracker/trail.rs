//! What is remembered for a mark that is drawn on an old frame: how the picture moved in the last ten seconds, and what it
//! looked like in the last one.

use std::collections::VecDeque;
use std::sync::Arc;

use glam::DMat3;

use super::{Homography, Motion, Pyramid};

/// How long motions are kept, µs.
pub(crate) const KEPT_US: u64 = 10_000_000;
/// How long pictures are kept, µs.
const PICTURES_US: u64 = 1_000_000;
/// Frames and pictures at most, whatever the pace.
const FRAMES: usize = 1_200;
const PICTURES: usize = 64;
/// Pictures that are kept however old, for when they come seconds apart.
const PICTURES_SLOW: usize = 3;
/// Capture times nearer than this are the same frame: containers round to 1/90 000 s and to whole milliseconds.
const SAME_US: u64 = 1_000;
/// Frames further apart than this have nothing to say of one between them, µs.
const BESIDE_US: u64 = 300_000;
/// A hand does not move evenly from one frame to the next: what that adds, a part of the motion.
const UNEVEN: f64 = 0.1;
/// And it goes to and fro: between two looks it is off the straight way by an eighth of its acceleration times the square of
/// the time between (some 300 px/s² at 640 wide), pixels per s².
const TREMOR: f64 = 40.0;

struct Entry {
    capture_us: u64,
    /// From the frame before to this one; `None` when nobody knows.
    motion: Option<Motion>,
    picture: Option<Arc<Pyramid>>,
}

/// Frames by capture time.
#[derive(Default)]
pub(crate) struct Trail {
    entries: VecDeque<Entry>,
    pictures: usize,
}

impl Trail {
    /// Takes the next frame.
    pub(crate) fn push(&mut self, capture_us: u64, motion: Option<Motion>, picture: Arc<Pyramid>) {
        self.entries.push_back(Entry { capture_us, motion, picture: Some(picture) });
        self.pictures += 1;
        while self.entries.len() > FRAMES
            || self.entries.front().is_some_and(|entry| capture_us - entry.capture_us > KEPT_US)
        {
            let gone = self.entries.pop_front();
            self.pictures -= usize::from(gone.is_some_and(|entry| entry.picture.is_some()));
        }
        let first = self.entries.len() - self.pictures;
        for entry in self.entries.iter_mut().skip(first) {
            let young = self.pictures <= PICTURES && capture_us - entry.capture_us <= PICTURES_US;
            if young || self.pictures <= PICTURES_SLOW {
                break;
            }
            entry.picture = None;
            self.pictures -= 1;
        }
    }

    /// Capture time of the newest frame.
    pub(crate) fn newest_us(&self) -> Option<u64> {
        self.entries.back().map(|entry| entry.capture_us)
    }

    /// Capture time of the oldest frame that is known.
    pub(crate) fn oldest_us(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.capture_us)
    }

    /// The picture of a frame of the last second.
    pub(crate) fn picture(&self, capture_us: u64) -> Option<Arc<Pyramid>> {
        self.entries.get(self.index(capture_us)?)?.picture.clone()
    }

    /// How the picture moved from a frame to the newest, and the standard deviation of a point carried along, in pixels: each
    /// step adds its own. `None` when the frame is not known, or a step is not.
    pub(crate) fn since(&self, capture_us: u64) -> Option<(Homography, f64)> {
        let (mut map, mut variance) = (Homography::IDENTITY, 0.0);
        for entry in self.entries.iter().skip(self.index(capture_us)? + 1) {
            let motion = entry.motion?;
            map = motion.map.after(&map)?;
            variance += motion.deviation * motion.deviation;
        }
        Some((map, libm::sqrt(variance)))
    }

    /// For a frame that was not seen between two that were, at most 0.3 s apart: the time of the later one, how the picture
    /// moved from the frame to it (its part of the motion between the two), and the standard deviation of that, pixels.
    pub(crate) fn beside(&self, capture_us: u64) -> Option<(u64, Homography, f64)> {
        if self.knows(capture_us) {
            return None;
        }
        let after = self.entries.partition_point(|entry| entry.capture_us < capture_us);
        let (earlier, later) = (self.entries.get(after.checked_sub(1)?)?, self.entries.get(after)?);
        let gap_us = later.capture_us - earlier.capture_us;
        if gap_us > BESIDE_US {
            return None;
        }
        let motion = later.motion?;
        let part = (later.capture_us - capture_us) as f64 / gap_us as f64;
        let map = DMat3::IDENTITY + (motion.map.matrix() - DMat3::IDENTITY) * part;
        let moved = later.picture.as_ref().map_or(0.0, |picture| {
            let middle = picture.size() / 2.0;
            motion.map.apply(middle).map_or(f64::INFINITY, |to| to.distance(middle))
        });
        let gap = gap_us as f64 / 1e6;
        let doubt = motion.deviation + UNEVEN * moved + TREMOR * gap * gap;
        Some((later.capture_us, Homography::from_matrix(map)?, doubt))
    }

    /// Whether this very frame was seen.
    pub(crate) fn knows(&self, capture_us: u64) -> bool {
        self.index(capture_us).is_some()
    }

    fn index(&self, capture_us: u64) -> Option<usize> {
        let after = self.entries.partition_point(|entry| entry.capture_us.saturating_add(SAME_US) < capture_us);
        (self.entries.get(after)?.capture_us <= capture_us.saturating_add(SAME_US)).then_some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GreyFrame;
    use glam::DVec2;

    /// Ten seconds of motion and one second of pictures, and a step that nobody knows breaks the chain.
    #[test]
    fn motion_is_kept_longer_than_pictures() {
        let bytes = vec![0; 64 * 64];
        let picture = Arc::new(Pyramid::of(&GreyFrame::new(&bytes, 64, 64, 64).expect("a frame")));
        let mut trail = Trail::default();
        let step = Some(Motion { map: Homography::shift(DVec2::new(0.5, 0.0)), deviation: 0.1 });
        for frame in 0..400_u64 {
            let motion = if frame == 150 { None } else { step };
            trail.push(frame * 33_333, motion, picture.clone());
        }
        let newest = 399 * 33_333;
        assert!(trail.picture(newest).is_some() && trail.picture(newest - 30 * 33_333).is_some());
        assert!(trail.picture(newest - 31 * 33_333).is_none());
        assert_eq!(trail.entries.iter().filter(|entry| entry.picture.is_some()).count(), trail.pictures);
        let (map, deviation) = trail.since(newest - 100 * 33_333 + 400).expect("known");
        assert!(map.apply(DVec2::ZERO).expect("in front").distance(DVec2::new(50.0, 0.0)) < 1e-9);
        assert!((deviation - 1.0).abs() < 1e-9);
        assert!(trail.knows(150 * 33_333) && trail.since(149 * 33_333).is_none());
        assert!(!trail.knows(150 * 33_333 + 16_000) && !trail.knows(0));
        for still in 1..4 {
            trail.push(newest + still * 3_000_000, None, picture.clone());
        }
        assert!(trail.picture(newest + 3_000_000).is_some(), "somebody may still draw on the last but two");
        assert!(trail.picture(newest).is_none());
        assert_eq!(trail.entries.iter().filter(|entry| entry.picture.is_some()).count(), trail.pictures);
    }

    /// A frame that was skipped lies on the way between its neighbours, and its doubt is said; one in a gap lies nowhere.
    #[test]
    fn a_skipped_frame_lies_between_its_neighbours() {
        let bytes = vec![0; 64 * 64];
        let picture = Arc::new(Pyramid::of(&GreyFrame::new(&bytes, 64, 64, 64).expect("a frame")));
        let step = Some(Motion { map: Homography::shift(DVec2::new(4.0, 0.0)), deviation: 0.1 });
        let mut trail = Trail::default();
        for capture_us in [0, 40_000, 400_000] {
            trail.push(capture_us, step, picture.clone());
        }
        let (at_us, map, deviation) = trail.beside(10_000).expect("between two");
        assert_eq!(at_us, 40_000);
        assert!(map.apply(DVec2::ZERO).expect("in front").distance(DVec2::new(3.0, 0.0)) < 1e-9);
        assert!((deviation - 0.5 - TREMOR * 0.04 * 0.04).abs() < 1e-9);
        assert!(trail.beside(100_000).is_none() && trail.beside(40_000).is_none() && trail.beside(410_000).is_none());
    }
}
