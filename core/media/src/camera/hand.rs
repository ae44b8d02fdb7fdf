//! A hand that passes between the camera and the print.

#![expect(clippy::cast_possible_truncation, reason = "texels and grey levels are small")]

use std::f64::consts::PI;

use super::motion::Dice;

/// Lengths in here are parts of a picture 640 wide.
const WIDE: f64 = 640.0;
/// Texels a side of the skin, two for each of those parts; it repeats.
const SKIN: usize = 512;
/// Length of the fingers.
const FINGERS: f32 = 95.0;
/// Cb and Cr of skin.
pub(super) const CHROMA: [u8; 2] = [108, 152];

/// A hand, and when it is there.
#[derive(Debug, Clone)]
pub(super) struct Hand {
    /// Seconds.
    from: f64,
    to: f64,
    skin: Vec<u8>,
    /// Half of the width of the arm, so far behind the fingers.
    arm: Vec<f32>,
}

/// Where the hand is at one moment: the middle of its finger roots.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grip {
    x: f32,
    y: f32,
}

impl Grip {
    /// Where the fingers end, pixels from the left of a picture that is `width` pixels wide.
    pub(super) fn reach(self, width: f32) -> f32 {
        ((self.x + FINGERS) * width / WIDE as f32).max(0.0)
    }
}

impl Hand {
    pub(super) fn new((from, to): (f64, f64), dice: &mut Dice) -> Self {
        let mut skin = vec![145.0; SKIN * SKIN];
        soft_noise(dice, 128, 10.0, &mut skin);
        soft_noise(dice, 32, 4.0, &mut skin);
        let skin = skin.into_iter().map(|value| value.clamp(16.0, 235.0) as u8).collect();
        let arm = (0..1_024).map(|behind| (95.0 - 10.0 * (f64::from(behind) / 40.0).sin()) as f32).collect();
        Self { from, to, skin, arm }
    }

    /// Where it is, if it is there: in from the left, a while over the middle, out again; always moving a little.
    pub(super) fn at(&self, seconds: f64) -> Option<Grip> {
        let part = (seconds - self.from) / (self.to - self.from);
        let reach = ((part * PI).sin() * 1.5).min(1.0);
        let there = (0.0..=1.0).contains(&part);
        there.then(|| Grip { x: (-120.0 + 560.0 * reach) as f32, y: (150.0 + 25.0 * (part * 15.0).sin()) as f32 })
    }

    /// The luma of the hand at a place of a picture that is `width` pixels wide, if the hand is there. Pixels.
    pub(super) fn luma(&self, grip: Grip, x: f32, y: f32, width: f32) -> Option<u8> {
        let (x, y) = (x * WIDE as f32 / width - grip.x, y * WIDE as f32 / width - grip.y);
        if x >= FINGERS || y.abs() >= 105.0 {
            return None;
        }
        // How far from the middle of its finger, which is round.
        let mut across = 0.0;
        let covered = if x < 0.0 {
            self.arm.get(-x as usize).is_some_and(|half| y.abs() < *half)
        } else {
            across = (y + 200.0) % 46.0 - 18.0;
            x < FINGERS - 0.004 * y * y && across < 18.0 && y.abs() < 92.0
        };
        covered.then(|| {
            let texel = |at: f32| (2.0 * (at + 1_024.0)) as usize % SKIN;
            let skin = self.skin[texel(y) * SKIN + texel(x)];
            skin.saturating_sub((across * across * 0.12) as u8)
        })
    }
}

/// Adds soft noise that repeats, with a knot every `step` texels.
fn soft_noise(dice: &mut Dice, step: usize, strength: f64, out: &mut [f64]) {
    let side = SKIN / step;
    let knots: Vec<f64> = (0..side * side).map(|_| dice.normal() * strength).collect();
    let ease = |at: usize| {
        let part = (at % step) as f64 / step as f64;
        part * part * (3.0 - 2.0 * part)
    };
    for (index, value) in out.iter_mut().enumerate() {
        let (x, y) = (index % SKIN, index / SKIN);
        let knot = |column: usize, row: usize| knots[(y / step + row) % side * side + (x / step + column) % side];
        let above = knot(0, 0) * (1.0 - ease(x)) + knot(1, 0) * ease(x);
        let below = knot(0, 1) * (1.0 - ease(x)) + knot(1, 1) * ease(x);
        *value += above * (1.0 - ease(y)) + below * ease(y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It covers the middle of the picture half way through its time, and nothing before or after.
    #[test]
    fn it_comes_and_goes() {
        let hand = Hand::new((1.0, 3.0), &mut Dice::new(5));
        assert!(hand.at(0.9).is_none() && hand.at(3.1).is_none());
        let grip = hand.at(2.0).unwrap();
        let covered = |width: f32| {
            (0..360).filter(|y| hand.luma(grip, width / 2.0, *y as f32 * width / 640.0, width).is_some()).count()
        };
        assert!((150..200).contains(&covered(640.0)), "{}", covered(640.0));
        assert_eq!(covered(640.0), covered(1280.0));
        assert!(hand.luma(grip, 630.0, 150.0, 640.0).is_none());
        assert!(hand.luma(grip, 320.0, 350.0, 640.0).is_none());
    }
}
