//! Poses of the last ten seconds by capture time.
//!
//! A pose belongs to the moment it was measured at, never to the moment it arrived. Samples come at their own pace (60 Hz
//! on most phones) and fall between frames, so the pose of a frame is interpolated.

use std::collections::VecDeque;

use crate::{Error, Pose};

/// How long a pose is kept, µs.
pub(crate) const KEPT_US: u64 = 10_000_000;
/// Two samples further apart than this are not joined by a line: tracking was lost in between, µs.
pub(crate) const GAP_US: u64 = 100_000;
/// How far past the newest sample a pose is still guessed by going on at the same pace, µs: two samples of 60 Hz.
pub(crate) const AHEAD_US: u64 = 34_000;
/// Samples at most, whatever their pace: 10 s at 240 Hz.
const SAMPLES: usize = 2_400;

/// Poses by capture time.
#[derive(Debug, Clone, Default)]
pub struct PoseHistory {
    samples: VecDeque<(u64, Pose)>,
}

impl PoseHistory {
    /// Takes a sample, in any order of arrival. A second one of the same time replaces the first; one older than all that
    /// is kept is dropped.
    pub fn push(&mut self, capture_us: u64, pose: Pose) {
        let newest = self.samples.back().map_or(capture_us, |(at, _)| capture_us.max(*at));
        if newest - capture_us > KEPT_US {
            return;
        }
        match self.samples.binary_search_by_key(&capture_us, |(at, _)| *at) {
            Ok(index) => self.samples[index].1 = pose,
            Err(index) => self.samples.insert(index, (capture_us, pose)),
        }
        while self.samples.len() > SAMPLES || self.samples.front().is_some_and(|(at, _)| newest - at > KEPT_US) {
            self.samples.pop_front();
        }
    }

    /// The pose at a capture time.
    ///
    /// # Errors
    /// [`Error::StaleFrame`] before the oldest sample, [`Error::Unknown`] in a gap of more than 0.1 s, more than
    /// 34 ms past the newest, or when there is none.
    pub fn at(&self, capture_us: u64) -> Result<Pose, Error> {
        let unknown = Error::Unknown { wanted_us: capture_us };
        let after = self.samples.partition_point(|(at, _)| *at <= capture_us);
        let (oldest, _) = self.samples.front().ok_or(unknown)?;
        if after == 0 {
            return Err(Error::StaleFrame { wanted_us: capture_us, oldest_us: *oldest });
        }
        let (at, pose) = self.samples[after - 1];
        if at == capture_us {
            return Ok(pose);
        }
        let ahead = after == self.samples.len();
        if ahead && (after < 2 || capture_us - at > AHEAD_US) {
            return Err(unknown);
        }
        let (from, to) = if ahead { (after - 2, after - 1) } else { (after - 1, after) };
        let ((start, a), (end, b)) = (self.samples[from], self.samples[to]);
        if end - start > GAP_US {
            return Err(unknown);
        }
        Ok(a.toward(&b, (capture_us - start) as f64 / (end - start) as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::{DQuat, DVec3};

    fn at_x(x: f64) -> Pose {
        Pose { position: DVec3::new(x, 0.0, 0.0), orientation: DQuat::IDENTITY }
    }

    /// Between samples there is a line, whatever order they arrived in; just past the newest it goes on.
    #[test]
    fn a_frame_between_samples_gets_its_own_pose() {
        let mut poses = PoseHistory::default();
        for step in [0_u32, 2, 1, 3] {
            poses.push(1_000_000 + u64::from(step) * 16_000, at_x(f64::from(step)));
        }
        let x = |us| poses.at(us).map(|pose| pose.position.x);
        assert_eq!(x(1_016_000), Ok(1.0));
        assert_eq!(x(1_024_000), Ok(1.5));
        assert_eq!(x(1_056_000), Ok(3.5));
        assert_eq!(x(1_148_000), Err(Error::Unknown { wanted_us: 1_148_000 }));
        assert_eq!(x(999_999), Err(Error::StaleFrame { wanted_us: 999_999, oldest_us: 1_000_000 }));
    }

    /// Ten seconds are kept, no more, and a hole is a hole.
    #[test]
    fn old_poses_and_gaps_are_said() {
        let mut poses = PoseHistory::default();
        assert_eq!(poses.at(5), Err(Error::Unknown { wanted_us: 5 }));
        poses.push(1_000_000, at_x(0.0));
        poses.push(1_500_000, at_x(1.0));
        assert_eq!(poses.at(1_200_000), Err(Error::Unknown { wanted_us: 1_200_000 }));
        poses.push(11_400_000, at_x(2.0));
        assert_eq!(poses.at(1_000_000), Err(Error::StaleFrame { wanted_us: 1_000_000, oldest_us: 1_500_000 }));
        poses.push(1_000, at_x(9.0));
        assert!(matches!(poses.at(1_000), Err(Error::StaleFrame { .. })));
    }
}
