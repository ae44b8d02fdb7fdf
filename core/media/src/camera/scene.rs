//! A phone in somebody's hand over a photograph on a table.

#![expect(
    clippy::cast_possible_truncation,
    reason = "pixels and grey levels are small, and 32 bits are enough for both"
)]

use glam::{DMat3, DVec2};
use handlens_protocol::mark::Point;
use handlens_protocol::pose::{self, Intrinsics, Plane, Pose};

use super::hand::{self, Grip, Hand};
use super::motion::{DISTANCE_M, Dice, Motion, Tracking};
use super::print::{Print, Texels};
use super::raster::{CHORD, Exposure, Row, SHUTTERS};
use super::sight;
use crate::frame::{Invalid, Picture, Size};
use crate::still;

/// Seconds that a shutter is open.
const EXPOSURE: f64 = 1.0 / 60.0;
/// Deviation of a pixel's noise: 2 grey levels of 256 in luma, BT.601 over the limited range.
const NOISE: f32 = 1.72;
const CHROMA_NOISE: f32 = 1.0;
/// How much brighter a picture is with the light switched, and how much lighter its black.
const SWITCHED: (f32, f32) = (1.18, 7.7);

/// What happens while the camera runs. Times are seconds of capture time.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// Between which a hand passes in front of the camera.
    pub hand: Option<(f64, f64)>,
    /// Between which the camera looks away, 54° to the right.
    pub away: Option<(f64, f64)>,
    /// At which a light is switched, on and off in turn: the exposure steps.
    pub light: Vec<f64>,
    /// How much the hand that holds the camera shakes, 1 as usual, 0 on a tripod.
    pub shake: f64,
}

impl Default for Script {
    fn default() -> Self {
        Self { hand: None, away: None, light: Vec::new(), shake: 1.0 }
    }
}

/// Why there is no scene.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The photograph cannot be read.
    #[error(transparent)]
    Photograph(#[from] still::Error),
    /// A picture of this size cannot be taken.
    #[error(transparent)]
    Size(#[from] Invalid),
    /// A script with a number that is none, or a shake beyond 0 to 10.
    #[error("a scene's times are finite, and its shake is 0 to 10")]
    Script,
}

/// A hand-held camera over a photograph: pictures at any moment, and the truth about each.
///
/// The photograph is a print 0.78 m high that lies on the plane z = 0 of the world, x to its right, y to its top, its middle
/// the origin. It is seen in true perspective from about half a metre. The camera shakes like a hand (sums of sines from 0.3 to
/// 8 Hz), blurs by motion over 1/60 s, and its pixels are noisy. The same seed and time give the same picture.
#[derive(Debug, Clone)]
pub struct Scene {
    size: Size,
    script: Script,
    lens: Intrinsics,
    motion: Motion,
    tracking: Tracking,
    print: Print,
    hand: Option<Hand>,
    noise: Vec<f32>,
    seed: u64,
}

/// What is the same for all rows of one picture.
struct Moment {
    seconds: f64,
    capture_us: u64,
    shutters: u32,
    grips: [Option<Grip>; SHUTTERS as usize],
    /// From pixels to metres on the plane, at the two moments of [`CHORD`].
    to_plane: [DMat3; 2],
}

/// What is the same for all rows of one plane of it.
struct Channel<'a> {
    texels: &'a Texels,
    /// 1 for luma, 2 for chroma.
    step: usize,
    /// Contrast, and what is added.
    gain: f32,
    bias: f32,
    noise: f32,
    /// The hand's colour; luma comes from its skin.
    skin: Option<u8>,
    number: u64,
}

impl Scene {
    /// The picture size that a phone would send.
    pub const SIZE: Size = Size::new(1280, 720);

    /// A scene over the photograph of a JPEG, with pictures of `size`.
    ///
    /// # Errors
    /// [`Error`]; a JPEG is bounded as by [`still::decode`].
    pub fn open(jpeg: &[u8], seed: u64, size: Size, script: Script) -> Result<Self, Error> {
        size.check()?;
        let spans = [script.hand, script.away].into_iter().flatten();
        let mut times = spans.flat_map(|(from, to)| [from, to]).chain(script.light.iter().copied());
        if !times.all(f64::is_finite) || !(0.0..=10.0).contains(&script.shake) {
            return Err(Error::Script);
        }
        let photograph = still::decode(jpeg)?;
        let lens = sight::lens(size);
        // The order of throws is that of the sequence: the same seed shakes the same.
        let mut dice = Dice::new(seed ^ 0xabcd);
        let motion = Motion::new(&mut dice, script.shake, script.away);
        let hand = script.hand.map(|times| Hand::new(times, &mut dice));
        let print = Print::new(&photograph, lens.focal[0] / DISTANCE_M, &mut Dice::new(seed));
        let mut dice = Dice::new(seed ^ 0x5555);
        let noise = (0..NOISES + size.width as usize).map(|_| dice.normal() as f32).collect();
        let tracking = Tracking::new(seed ^ 0x3333);
        Ok(Self { size, script, lens, motion, tracking, print, hand, noise, seed })
    }

    /// The size of its pictures, pixels.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// The lens: 65° across.
    pub const fn intrinsics(&self) -> Intrinsics {
        self.lens
    }

    /// Width and height of the photograph on the table, metres.
    pub const fn print(&self) -> [f64; 2] {
        self.print.size_m.to_array()
    }

    /// Where the camera is in truth.
    pub fn pose(&self, capture_us: u64) -> Pose {
        self.motion.at(seconds(capture_us)).pose()
    }

    /// The poses that a phone would have given from a time (inclusive) to another (exclusive): 60 a second, not at the times
    /// of frames, with 2 mm and 0.05° rms of noise on each axis, and 1 % of drift. Asked for in the order of time; of
    /// more than ten seconds the last ten.
    pub fn poses(&mut self, from_us: u64, to_us: u64) -> Vec<pose::Sample> {
        self.tracking.samples(&self.motion, from_us, to_us)
    }

    /// The table as a platform would report it: 3 mm too low and turned by a third of a degree.
    pub fn plane(&self) -> Plane {
        let half = self.print.size_m / 2.0;
        let corners = [(-half.x, -half.y), (half.x, -half.y), (half.x, half.y), (-half.x, half.y)];
        let normal = glam::DVec3::new(0.004, 0.004, 1.0).normalize();
        Plane {
            centre: [0.0, 0.0, -0.003],
            normal: normal.to_array(),
            polygon: corners.map(|(x, y)| [x, y, -0.003]).to_vec(),
        }
    }

    /// Where the photograph is seen: a homography, row by row, from the photograph's normalised coordinates (0, 0 its top
    /// left corner, 1, 1 its bottom right) to those of the picture taken at that time. What it gives is in front of the camera
    /// where the third number is positive.
    pub fn truth(&self, capture_us: u64) -> [f64; 9] {
        sight::rows(self.seen(seconds(capture_us)))
    }

    /// Where what is seen in one picture is seen in another: a homography, row by row, of normalised coordinates; what a
    /// mark's `map` should be.
    pub fn carried(&self, from_us: u64, to_us: u64) -> [f64; 9] {
        let map = self.seen(seconds(to_us)) * self.seen(seconds(from_us)).inverse();
        // Of all that are the same, the one whose last number is 1, unless that is where nothing is seen.
        let last = map.z_axis.z;
        sight::rows(if last.abs() > 1e-9 { map * (1.0 / last) } else { map })
    }

    /// Whether the hand is in front of a place of the picture (normalised) taken at that time.
    pub fn covered(&self, capture_us: u64, at: Point) -> bool {
        let (width, height) = (self.size.width as f32, self.size.height as f32);
        self.hand.as_ref().is_some_and(|hand| {
            let grip = hand.at(seconds(capture_us));
            grip.is_some_and(|grip| hand.luma(grip, at.x * width, at.y * height, width).is_some())
        })
    }

    /// Takes the picture of a time, the middle of its exposure. BT.601 over the limited range.
    pub fn frame(&self, capture_us: u64, out: &mut Picture) {
        out.lay(self.size);
        let moment = self.moment(capture_us);
        let switched = self.script.light.iter().filter(|at| moment.seconds >= **at).count() % 2 == 1;
        let (gain, lift) = if switched { SWITCHED } else { (1.0, 0.0) };
        // Black is 16, and grey 128 in chroma; both stay where they are.
        let luma = Channel {
            texels: &self.print.luma,
            step: 1,
            gain,
            bias: lift + 16.0 * (1.0 - gain),
            noise: NOISE,
            skin: None,
            number: 0,
        };
        let [cb, cr] = [0, 1].map(|index| Channel {
            texels: &self.print.chroma[index],
            step: 2,
            gain,
            bias: 128.0 * (1.0 - gain),
            noise: CHROMA_NOISE,
            skin: Some(hand::CHROMA[index]),
            number: index as u64 + 1,
        });
        let (y, u, v) = out.planes_mut();
        for (channel, plane) in [(luma, y), (cb, u), (cr, v)] {
            self.expose(&moment, &channel, plane);
        }
    }

    /// From the photograph (0 to 1) to the picture (0 to 1).
    fn seen(&self, seconds: f64) -> DMat3 {
        let stand = self.motion.at(seconds);
        sight::normalised(&self.lens) * sight::from_plane(&self.lens, stand) * sight::onto_plane(self.print.size_m)
    }

    fn moment(&self, capture_us: u64) -> Moment {
        let seconds = seconds(capture_us);
        let times = [seconds - CHORD * EXPOSURE, seconds + CHORD * EXPOSURE];
        let from_plane = times.map(|at| sight::from_plane(&self.lens, self.motion.at(at)));
        let to_plane = from_plane.map(|matrix| matrix.inverse());
        let size = DVec2::from_array(self.lens.size);
        let corners = [DVec2::ZERO, size * DVec2::X, size * DVec2::Y, size];
        let moved = corners.into_iter().filter_map(|corner| {
            let then = sight::apply(to_plane[0], corner).and_then(|place| sight::apply(from_plane[1], place));
            then.map(|then| then.distance(corner) / (2.0 * CHORD))
        });
        // A lookup is two texels wide: so far apart they still make one blur.
        let shutters = ((moved.fold(0.0, f64::max) / 2.0).ceil() as u32).clamp(1, SHUTTERS);
        let mut grips = [None; SHUTTERS as usize];
        for (index, grip) in grips.iter_mut().enumerate() {
            let at = seconds + ((index as f64 + 0.5) / f64::from(SHUTTERS) - 0.5) * EXPOSURE;
            *grip = self.hand.as_ref().and_then(|hand| hand.at(at));
        }
        Moment { seconds, capture_us, shutters, grips, to_plane }
    }

    fn expose(&self, moment: &Moment, channel: &Channel<'_>, plane: &mut [u8]) {
        let step = channel.step;
        let to_texels = DMat3::from_scale(DVec2::splat(1.0 / step as f64)) * self.print.to_texels;
        // Lookups count from the middle of the first texel.
        let to_middles = DMat3::from_translation(DVec2::splat(-0.5)) * to_texels;
        let exposure = Exposure {
            texels: channel.texels,
            moments: moment.to_plane.map(|to_plane| to_middles * to_plane),
            // Eyes see less of blur in colour.
            shutters: moment.shutters.div_ceil(step as u32),
            step: step as f64,
        };
        let width = self.size.width as usize / step;
        let mut dice = Dice::new(self.seed ^ moment.capture_us.wrapping_mul(3).wrapping_add(channel.number));
        let mut row = Row::default();
        for (index, out) in plane.chunks_exact_mut(width).enumerate() {
            row.expose(&exposure, index, width);
            if moment.grips.iter().any(Option::is_some) {
                self.cover(moment, channel, index, exposure.shutters, &mut row.sums);
            }
            let scale = channel.gain / (65_536.0 * exposure.shutters as f32);
            let noise = &self.noise[(dice.bits() >> 32) as usize % NOISES..];
            for ((out, sum), noise) in out.iter_mut().zip(&row.sums).zip(noise) {
                *out = byte(*sum as i32 as f32 * scale + channel.bias + noise * channel.noise);
            }
        }
    }

    /// Lays the hand over one row: for the part of the exposure during which it was there.
    fn cover(&self, moment: &Moment, channel: &Channel<'_>, index: usize, shutters: u32, sums: &mut [u32]) {
        let Some(hand) = &self.hand else { return };
        let (step, width) = (channel.step as f32, self.size.width as f32);
        let y = (index as f32 + 0.5) * step;
        // It never reaches farther right.
        let reach = moment.grips.iter().flatten().map(|grip| grip.reach(width)).fold(0.0, f32::max);
        for (x, sum) in sums.iter_mut().take((reach / step) as usize + 1).enumerate() {
            let x = (x as f32 + 0.5) * step;
            let mut open = SHUTTERS;
            let mut skin = 0;
            for grip in moment.grips.iter().flatten() {
                if let Some(luma) = hand.luma(*grip, x, y, width) {
                    open -= 1;
                    skin += u32::from(channel.skin.unwrap_or(luma));
                }
            }
            if open < SHUTTERS {
                *sum = *sum / SHUTTERS * open + ((skin * shutters) << 16) / SHUTTERS;
            }
        }
    }
}

/// Numbers of noise before they are used again.
const NOISES: usize = 1 << 15;

const fn seconds(capture_us: u64) -> f64 {
    capture_us as f64 / 1e6
}

/// The nearest byte: the lowest bits of the mantissa, when the last of its 23 bits is worth 1.
fn byte(value: f32) -> u8 {
    (value.clamp(0.0, 255.0) + 8_388_608.0).to_bits() as u8
}

#[cfg(test)]
mod tests;
