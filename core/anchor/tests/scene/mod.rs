//! A hand-held camera over a picture on a table, with exact truth.
//!
//! The picture is made from a seed: soft light, printed shapes with corners, fine grain, and large areas with next to
//! nothing on them. It lies on the plane z = 0 of the world and is seen in true perspective. The camera shakes like a hand (sums of
//! sines from 0.3 to 8 Hz: sway of some cm and degrees, tremor of tenths of a mm), its exposure steps, it blurs by motion
//! over 1/60 s, and its pixels are noisy. A hand-like thing can move between.
//!
//! Poses are those of a phone: 60 Hz, not aligned with frames, white noise of 2 mm and 0.05° rms on each axis, and a drift
//! of 1 % of the way on top, as ADVIO (Cortés et al., ECCV 2018) found for ARKit on long paths; phones at rest do better.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    reason = "a harness that tests and the benchmark include"
)]

use glam::{DQuat, DVec2, DVec3};
use handlens_anchor::{Intrinsics, Plane, Pose, Ray};

pub const WIDTH: usize = 640;
pub const HEIGHT: usize = 360;
pub const FRAME_US: u64 = 33_333;
/// Texels of the picture per metre.
const FINE: f64 = 1_800.0;
const PICTURE: (usize, usize) = (2_000, 1_400);

/// A repeatable sequence (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// 0 to 1.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, deviation 1, near enough to normal: four uniform numbers of 16 bits.
    pub fn normal(&mut self) -> f64 {
        let bits = self.bits();
        let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
        (sum as f64 / 65_535.0 - 2.0) * 1.732_050_8
    }
}

/// What happens while the camera runs.
#[derive(Clone, Copy, Default)]
pub struct Script {
    /// Seconds between which a hand passes.
    pub hand: Option<(f64, f64)>,
    /// Seconds between which the camera looks away.
    pub away: Option<(f64, f64)>,
    /// Seconds at which a light is switched, on and off in turn.
    pub light: &'static [f64],
    /// How much the hand that holds the camera shakes, 1 as usual.
    pub shake: f64,
    /// The picture is the same tile over and over, each 5 cm wide.
    pub tiles: bool,
}

pub struct Scene {
    picture: Vec<f32>,
    skin: Vec<f32>,
    script: Script,
    waves: Vec<[f64; 4]>,
    noise: Dice,
    drift: DVec3,
}

fn soft_noise(dice: &mut Dice, width: usize, height: usize, step: usize, strength: f64, out: &mut [f32]) {
    let (columns, rows) = (width / step + 2, height / step + 2);
    let knots: Vec<f64> = (0..columns * rows).map(|_| dice.normal() * strength).collect();
    let ease = |t: f64| t * t * (3.0 - 2.0 * t);
    for y in 0..height {
        for x in 0..width {
            let (column, row) = (x / step, y / step);
            let (right, down) = (ease((x % step) as f64 / step as f64), ease((y % step) as f64 / step as f64));
            let knot = |c: usize, r: usize| knots[r * columns + c];
            let above = knot(column, row) * (1.0 - right) + knot(column + 1, row) * right;
            let below = knot(column, row + 1) * (1.0 - right) + knot(column + 1, row + 1) * right;
            out[y * width + x] += (above * (1.0 - down) + below * down) as f32;
        }
    }
}

fn picture(seed: u64) -> Vec<f32> {
    let mut dice = Dice::new(seed);
    let (width, height) = PICTURE;
    let mut out = vec![120.0_f32; width * height];
    for (step, strength) in [(400, 22.0), (90, 7.0), (24, 2.0)] {
        soft_noise(&mut dice, width, height, step, strength, &mut out);
    }
    // Printed shapes, in groups: between the groups there is nothing but the soft ground.
    for _ in 0..26 {
        let (x, y) = (dice.uniform() * width as f64, dice.uniform() * height as f64);
        let spread = 60.0 + 120.0 * dice.uniform();
        for _ in 0..14 {
            let middle = DVec2::new(x + dice.normal() * spread, y + dice.normal() * spread);
            let half = DVec2::new(6.0 + 40.0 * dice.uniform() * dice.uniform(), 5.0 + 30.0 * dice.uniform());
            let turn = dice.uniform() * 3.2;
            let (sine, cosine) = (libm::sin(turn), libm::cos(turn));
            let (tone, round) = (dice.normal() * 55.0, dice.uniform() < 0.3);
            let reach = half.length();
            let span = |at: f64, side: usize| {
                ((at - reach).max(0.0) as usize).min(side)..((at + reach).max(0.0) as usize).min(side)
            };
            for row in span(middle.y, height) {
                for column in span(middle.x, width) {
                    let d = DVec2::new(column as f64, row as f64) - middle;
                    let p = DVec2::new(d.x * cosine + d.y * sine, d.y * cosine - d.x * sine) / half;
                    let inside = if round { p.length_squared() < 1.0 } else { p.abs().max_element() < 1.0 };
                    if inside {
                        let value = &mut out[row * width + column];
                        *value = (*value * 0.3 + 84.0 + tone as f32).clamp(12.0, 235.0);
                    }
                }
            }
        }
    }
    soften(&mut out, width, height);
    out
}

/// The first tile everywhere.
fn lay_tiles(out: &mut [f32]) {
    const SIDE: usize = (FINE * 0.05) as usize;
    let (width, height) = PICTURE;
    let (left, top) = (width / 2, height / 2);
    let tile: Vec<f32> = (0..SIDE * SIDE).map(|at| out[(top + at / SIDE) * width + left + at % SIDE]).collect();
    for y in 0..height {
        for x in 0..width {
            // With a joint round each, as tiles have.
            let (column, row) = (x % SIDE, y % SIDE);
            let joint = column < 6 || row < 6;
            out[y * width + x] = if joint { 190.0 } else { tile[row * SIDE + column] };
        }
    }
    soften(out, width, height);
}

/// A lens has no infinitely sharp edges.
fn soften(out: &mut [f32], width: usize, height: usize) {
    let before = out.to_vec();
    for y in 1..height - 1 {
        for x in 1..width - 1 {
            let mut sum = 0.0;
            for (dy, row) in [1.0, 2.0, 1.0].iter().enumerate() {
                for (dx, column) in [1.0, 2.0, 1.0].iter().enumerate() {
                    sum += row * column * before[(y + dy - 1) * width + x + dx - 1];
                }
            }
            out[y * width + x] = sum / 16.0;
        }
    }
}

impl Scene {
    pub fn new(seed: u64, script: Script) -> Self {
        let mut dice = Dice::new(seed ^ 0xabcd);
        // Frequency, phase and size of each wave, for x, y, z, turn about x, y, z in turn.
        let waves = (0..24)
            .map(|index| {
                let octave = f64::from(index / 6);
                let frequency = 0.3 * libm::pow(2.9, octave) * (0.8 + 0.4 * dice.uniform());
                let size = [0.035, 0.035, 0.03, 0.035, 0.045, 0.06][index as usize % 6] * libm::pow(3.6, -octave);
                [frequency, dice.uniform() * 6.3, size * (0.6 + 0.8 * dice.uniform()), 0.0]
            })
            .collect();
        let mut skin = vec![0.0_f32; 400 * 400];
        soft_noise(&mut dice, 400, 400, 60, 12.0, &mut skin);
        soft_noise(&mut dice, 400, 400, 9, 7.0, &mut skin);
        let mut picture = picture(seed);
        if script.tiles {
            lay_tiles(&mut picture);
        }
        Self { picture, skin, script, waves, noise: Dice::new(seed ^ 0x5555), drift: DVec3::ZERO }
    }

    pub fn camera() -> Intrinsics {
        // 65° across, as a phone's main camera.
        let focal = DVec2::splat(502.0);
        let size = DVec2::new(WIDTH as f64, HEIGHT as f64);
        Intrinsics::new(focal, size / 2.0 + DVec2::new(3.0, -2.0), size).expect("valid")
    }

    /// The table, as a platform would report it: 3 mm too low and turned by a third of a degree.
    pub fn plane() -> Plane {
        let (x, y) = (0.55, 0.38);
        let corners = [(-x, -y), (x, -y), (x, y), (-x, y)].map(|(x, y)| DVec3::new(x, y, -0.003));
        Plane::new(DVec3::new(0.0, 0.0, -0.003), DVec3::new(0.004, 0.004, 1.0), &corners, 0.005).expect("a polygon")
    }

    /// Where the camera is, in truth.
    pub fn pose(&self, seconds: f64) -> Pose {
        let mut sway = [0.0; 6];
        for (index, [frequency, phase, size, _]) in self.waves.iter().enumerate() {
            sway[index % 6] +=
                size * libm::sin(std::f64::consts::TAU * frequency * seconds + phase) * self.script.shake;
        }
        let mut aside = 0.0;
        if let Some((from, to)) = self.script.away {
            let ramp = |t: f64| {
                let t = t.clamp(0.0, 1.0);
                t * t * (3.0 - 2.0 * t)
            };
            aside = ramp((seconds - from) / 0.8) - ramp((seconds - to) / 0.8);
        }
        let position = DVec3::new(sway[0] + 0.02, sway[1] - 0.12, 0.52 + sway[2]);
        let (tilt, turn, roll) = (0.2 + sway[3], sway[4] - 0.95 * aside, sway[5]);
        let orientation = DQuat::from_rotation_x(tilt) * DQuat::from_rotation_y(turn) * DQuat::from_rotation_z(roll);
        Pose::new(position, orientation).expect("a pose")
    }

    /// A pose as the phone would say it.
    pub fn noisy_pose(&mut self, seconds: f64) -> Pose {
        let truth = self.pose(seconds);
        let noise = |dice: &mut Dice| DVec3::new(dice.normal(), dice.normal(), dice.normal());
        let step = self.pose(seconds).position.distance(self.pose(seconds - 1.0 / 60.0).position);
        self.drift += noise(&mut self.noise) * 0.01 * step;
        let turn = noise(&mut self.noise) * 0.05_f64.to_radians();
        let shaken = truth.orientation * DQuat::from_scaled_axis(turn);
        Pose::new(truth.position + noise(&mut self.noise) * 0.002 + self.drift, shaken).expect("a pose")
    }

    /// The place on the table that is seen at a pixel.
    pub fn under(&self, pixel: DVec2, seconds: f64) -> DVec3 {
        let ray = Ray::through(pixel, &Self::camera(), &self.pose(seconds));
        ray.at(-ray.origin.z / ray.direction.z)
    }

    /// Where a place on the table is seen.
    pub fn seen(&self, place: DVec3, seconds: f64) -> Option<DVec2> {
        Self::camera().project(self.pose(seconds).to_camera(place))
    }

    /// Where on the hand a pixel is, if the hand is over it.
    pub fn hand(&self, pixel: DVec2, seconds: f64) -> Option<DVec2> {
        let (from, to) = self.script.hand?;
        let part = (seconds - from) / (to - from);
        if !(0.0..=1.0).contains(&part) {
            return None;
        }
        // In from the left, a while over the middle, out again; always moving a little.
        let reach = (libm::sin(part * std::f64::consts::PI) * 1.5).min(1.0);
        let tip = DVec2::new(-120.0 + 560.0 * reach, 150.0 + 25.0 * libm::sin(part * 15.0));
        let d = pixel - tip;
        let palm = d.x < 0.0 && d.y.abs() < 95.0 + 10.0 * libm::sin(d.x / 40.0);
        let fingers = d.x >= 0.0 && d.x < 95.0 - 0.004 * d.y * d.y && (d.y + 200.0) % 46.0 < 36.0 && d.y.abs() < 92.0;
        (palm || fingers).then_some(d)
    }

    fn gain_and_bias(&self, seconds: f64) -> (f64, f64) {
        let switched = self.script.light.iter().filter(|at| seconds >= **at).count();
        if switched % 2 == 1 { (1.18, 9.0) } else { (1.0, 0.0) }
    }

    /// The frame taken around `seconds`, its middle moment.
    pub fn frame(&mut self, seconds: f64) -> Vec<u8> {
        const SHUTTERS: usize = 4;
        let camera = Self::camera();
        let mut sum = vec![0.0_f32; WIDTH * HEIGHT];
        for shutter in 0..SHUTTERS {
            let at = seconds + ((shutter as f64 + 0.5) / SHUTTERS as f64 - 0.5) / 60.0;
            let pose = self.pose(at);
            let corner = |x: f64, y: f64| {
                pose.orientation
                    * DVec3::new((x - camera.centre.x) / camera.focal.x, (camera.centre.y - y) / camera.focal.y, -1.0)
            };
            let (start, right) = (corner(0.5, 0.5), corner(1.5, 0.5) - corner(0.5, 0.5));
            let down = corner(0.5, 1.5) - start;
            for y in 0..HEIGHT {
                for x in 0..WIDTH {
                    let direction = start + right * x as f64 + down * y as f64;
                    let along = -pose.position.z / direction.z;
                    let place =
                        DVec2::new(pose.position.x + direction.x * along, pose.position.y + direction.y * along);
                    sum[y * WIDTH + x] += match self.hand(DVec2::new(x as f64 + 0.5, y as f64 + 0.5), at) {
                        Some(d) => {
                            let texel = |v: f64| (v.abs() as usize) % 400;
                            150.0 + self.skin[texel(d.y + 200.0) * 400 + texel(d.x)]
                        }
                        None if along > 0.0 => self.texel(place),
                        None => 90.0,
                    };
                }
            }
        }
        let (gain, bias) = self.gain_and_bias(seconds);
        sum.iter()
            .map(|value| {
                let grey = f64::from(*value) / SHUTTERS as f64 * gain + bias + 2.0 * self.noise.normal();
                (grey + 0.5).clamp(0.0, 255.0) as u8
            })
            .collect()
    }

    fn texel(&self, place: DVec2) -> f32 {
        let (width, height) = PICTURE;
        let at = DVec2::new(place.x * FINE + width as f64 / 2.0, height as f64 / 2.0 - place.y * FINE);
        if at.x < 0.0 || at.y < 0.0 || at.x >= (width - 2) as f64 || at.y >= (height - 2) as f64 {
            return 95.0;
        }
        let (x, y) = (at.x as usize, at.y as usize);
        let (right, down) = ((at.x - x as f64) as f32, (at.y - y as f64) as f32);
        let pick = |x: usize, y: usize| self.picture[y * width + x];
        let above = pick(x, y) * (1.0 - right) + pick(x + 1, y) * right;
        let below = pick(x, y + 1) * (1.0 - right) + pick(x + 1, y + 1) * right;
        above * (1.0 - down) + below * down
    }
}
