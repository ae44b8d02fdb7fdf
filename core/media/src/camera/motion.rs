//! A camera in somebody's hand: where it is at any moment, and where its phone thinks that it is.

use std::f64::consts::TAU;

use glam::{DQuat, DVec3};
use handlens_protocol::pose;

/// A repeatable sequence (xorshift64*, Vigna 2016).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) const fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// 0 to 1.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, deviation 1, near enough to normal: four uniform numbers of 16 bits.
    pub(super) fn normal(&mut self) -> f64 {
        let bits = self.bits();
        let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
        (sum as f64 / 65_535.0 - 2.0) * 1.732_050_8
    }

    fn vector(&mut self) -> DVec3 {
        DVec3::new(self.normal(), self.normal(), self.normal())
    }
}

/// Where a pinhole is and how it is turned: `world = orientation × camera + position`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stand {
    pub(super) position: DVec3,
    pub(super) orientation: DQuat,
}

impl Stand {
    pub(super) const fn pose(self) -> pose::Pose {
        pose::Pose { position: self.position.to_array(), orientation: self.orientation.to_array() }
    }
}

/// One of the sines a hand's sway is made of.
#[derive(Debug, Clone, Copy)]
struct Wave {
    /// Hz.
    frequency: f64,
    /// Radians.
    phase: f64,
    /// Metres or radians.
    size: f64,
}

/// Sway of some cm and degrees at 0.3 Hz down to a tremor of tenths of a mm at 8 Hz, on six axes.
#[derive(Debug, Clone)]
pub(super) struct Motion {
    waves: [Wave; 24],
    /// How much the hand shakes, 1 as usual.
    shake: f64,
    /// Seconds between which the camera looks away.
    away: Option<(f64, f64)>,
}

impl Motion {
    pub(super) fn new(dice: &mut Dice, shake: f64, away: Option<(f64, f64)>) -> Self {
        let mut waves = [Wave { frequency: 0.0, phase: 0.0, size: 0.0 }; 24];
        for (index, wave) in waves.iter_mut().enumerate() {
            let octave = (index / 6) as f64;
            let size = [0.035, 0.035, 0.03, 0.035, 0.045, 0.06][index % 6] * 3.6_f64.powf(-octave);
            wave.frequency = 0.3 * 2.9_f64.powf(octave) * (0.8 + 0.4 * dice.uniform());
            wave.phase = dice.uniform() * 6.3;
            wave.size = size * (0.6 + 0.8 * dice.uniform());
        }
        Self { waves, shake, away }
    }

    /// Where the camera is, in truth: half a metre over the print, a little below its middle, tilted.
    pub(super) fn at(&self, seconds: f64) -> Stand {
        let mut sway = [0.0; 6];
        for (index, Wave { frequency, phase, size }) in self.waves.iter().enumerate() {
            sway[index % 6] += size * (TAU * frequency * seconds + phase).sin() * self.shake;
        }
        let aside = self.away.map_or(0.0, |(from, to)| ramp((seconds - from) / 0.8) - ramp((seconds - to) / 0.8));
        let position = DVec3::new(sway[0] + 0.02, sway[1] - 0.12, DISTANCE_M + sway[2]);
        let (tilt, turn, roll) = (0.2 + sway[3], sway[4] - 0.95 * aside, sway[5]);
        let orientation = DQuat::from_rotation_x(tilt) * DQuat::from_rotation_y(turn) * DQuat::from_rotation_z(roll);
        Stand { position, orientation }
    }
}

/// Metres from the print, on average.
pub(super) const DISTANCE_M: f64 = 0.52;

/// 0 before 0, 1 after 1, smooth between.
fn ramp(part: f64) -> f64 {
    let part = part.clamp(0.0, 1.0);
    part * part * (3.0 - 2.0 * part)
}

/// Poses as a phone gives them: 60 a second, not aligned with frames, white noise of 2 mm and 0.05° rms on each axis, and a
/// drift of 1 % of the way on top, as ADVIO (Cortés et al., ECCV 2018) found for ARKit on long paths.
#[derive(Debug, Clone)]
pub(super) struct Tracking {
    seed: u64,
    /// How far the drift is known: the number of the next sample.
    next: u64,
    drift: DVec3,
}

/// When the first pose was taken, µs.
const FIRST_US: u64 = 3_700;

impl Tracking {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, next: 0, drift: DVec3::ZERO }
    }

    /// The samples of `from_us` (inclusive) to `to_us` (exclusive), at most [`SAMPLES`], the latest.
    pub(super) fn samples(&mut self, motion: &Motion, from_us: u64, to_us: u64) -> Vec<pose::Sample> {
        let (first, end) = (number_from(from_us), number_from(to_us));
        let first = first.max(end.saturating_sub(SAMPLES));
        (first..end).map(|number| self.sample(motion, number)).collect()
    }

    fn sample(&mut self, motion: &Motion, number: u64) -> pose::Sample {
        let mut dice = Dice::new(self.seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        let capture_us = time_of(number);
        let seconds = capture_us as f64 / 1e6;
        let truth = motion.at(seconds);
        let step = truth.position.distance(motion.at(seconds - 1.0 / 60.0).position);
        let wander = dice.vector() * 0.01 * step;
        if number >= self.next {
            self.drift += wander;
            self.next = number + 1;
        }
        let turn = DQuat::from_scaled_axis(dice.vector() * 0.05_f64.to_radians());
        let position = truth.position + dice.vector() * 0.002 + self.drift;
        let orientation = (truth.orientation * turn).normalize();
        pose::Sample { capture_us, pose: Stand { position, orientation }.pose() }
    }
}

/// Ten seconds of poses.
pub(super) const SAMPLES: u64 = 600;

const fn time_of(number: u64) -> u64 {
    FIRST_US + number * 50_000 / 3
}

/// The first sample at or after a time, µs.
fn number_from(us: u64) -> u64 {
    (us.saturating_sub(FIRST_US) * 3).div_ceil(50_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn motion() -> Motion {
        Motion::new(&mut Dice::new(3), 1.0, None)
    }

    /// Asked for in pieces or at once, the same poses come, each in the piece of its time, 60 a second.
    #[test]
    fn poses_do_not_depend_on_how_they_are_asked_for() {
        let whole = Tracking::new(9).samples(&motion(), 0, 2_000_000);
        let mut tracking = Tracking::new(9);
        let mut pieces = Vec::new();
        for from in (0..2_000_000).step_by(33_333) {
            let to = (from + 33_333).min(2_000_000);
            let piece = tracking.samples(&motion(), from, to);
            assert!(piece.iter().all(|sample| (from..to).contains(&sample.capture_us)));
            pieces.extend(piece);
        }
        assert_eq!(pieces, whole);
        assert_eq!(whole.len(), 120);
        assert!(whole.iter().all(|sample| sample.pose.check().is_ok()));
        assert_eq!(tracking.samples(&motion(), 0, 1_000_000_000_000).len(), 600);
    }

    /// What the phone says is 2 mm and 0.05° off on each axis, and never exact.
    #[test]
    fn poses_are_as_noisy_as_a_phone_s() {
        let samples = Tracking::new(9).samples(&motion(), 0, 5_000_000);
        let (mut place, mut angle) = (0.0, 0.0);
        for sample in &samples {
            let truth = motion().at(sample.capture_us as f64 / 1e6);
            place += truth.position.distance_squared(sample.pose.position.into());
            angle += truth.orientation.angle_between(DQuat::from_array(sample.pose.orientation)).powi(2);
        }
        let rms = |sum: f64| (sum / samples.len() as f64 / 3.0).sqrt();
        assert!((0.0017..0.003).contains(&rms(place)), "{} m", rms(place));
        assert!((0.04..0.06).contains(&rms(angle).to_degrees()), "{}°", rms(angle).to_degrees());
    }
}
