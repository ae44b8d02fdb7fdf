//! How many bits, frames and pixels the camera may use, from what the viewers report.
//!
//! Sans-I/O: reports and their time in, a [`Target`] out. The slowest viewer decides. A growing queue is the first sign
//! of a full link (loss comes later, where QUIC repeats what was lost it may never come): back off below what arrives,
//! wait until the queue has drained, then grow slowly. What is saved first is bitrate, then frames a second, then
//! pixels; where even 150 kbit/s do not pass, single key frames are sent far apart, so the call stays useful.
//!
//! ```text
//!  2.5 Mbit/s ──── 30 Hz, 1280 ──▶ 500k ── 15 Hz, 1280 ──▶ 300k ── 15 Hz, 640 ──▶ 150k ──▶ stills, one in 4 s
//! ```

use std::collections::BTreeMap;

/// The least a moving picture is sent with, bit/s.
pub const MIN_BPS: u32 = 150_000;
/// The most a camera uses, bit/s.
pub const MAX_BPS: u32 = 2_500_000;
/// Good enough for a first picture on most phone networks, bit/s.
pub const START_BPS: u32 = 1_200_000;
/// The bits a second that stills use.
pub const STILLS_BPS: u32 = 60_000;
/// From one still to the next, µs.
pub const STILL_INTERVAL_US: u64 = 4_000_000;

/// More delay than this is a queue, ms.
const QUEUE_MS: f64 = 250.0;
/// Less delay than this is a free link, ms.
const FREE_MS: f64 = 80.0;
/// A queue that grows faster than this is one already, ms of delay in a second.
const GROWTH_MS_PER_S: f64 = 120.0;
/// More loss than this is a full link without a queue (a policer), share.
const LOSS: f64 = 0.10;
/// After a step down nothing changes for so long: what was queued must drain first, µs.
const HOLD_US: u64 = 1_000_000;
/// A viewer who said nothing for so long is gone, µs.
const FORGET_US: u64 = 3_000_000;
/// Growth in a second of a free link, near to and far below where it was full.
const GROWTH: (f64, f64) = (1.04, 1.12);
/// What is taken back in a second while a queue stands, share.
const EASE: f64 = 0.06;
/// Of stills, before motion is tried again, µs: it doubles with each try that failed.
const RETRY_US: (u64, u64) = (5_000_000, 60_000_000);
/// A report may not be about more time than this, µs.
const STEP_US: u64 = 1_000_000;
/// Viewers that are listened to; a session has at most 16 people.
const VIEWERS: usize = 16;

/// What one viewer saw arrive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Bits a second that arrived.
    pub received_bps: f64,
    /// How much longer frames travel now than at best, ms: what lies in queues.
    pub queue_delay_ms: f64,
    /// The share of frames that never came, 0 to 1.
    pub loss: f64,
}

/// What the camera's encoder shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Bits a second.
    pub bps: u32,
    /// Time from one frame to the next, at least, µs.
    pub interval_us: u64,
    /// The longer side of the picture at most, pixels.
    pub long_side: u32,
    /// Every frame is a key frame, far from the next one.
    pub stills: bool,
}

/// The rungs of the ladder, from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rung {
    Smooth,
    Slow,
    Small,
}

impl Rung {
    /// The least bits a second this rung is good for.
    const fn floor_bps(self) -> u32 {
        match self {
            Self::Smooth => 500_000,
            Self::Slow => 300_000,
            Self::Small => MIN_BPS,
        }
    }

    /// Down at the floor, up again only well above it: a size must not change to and fro.
    fn next(self, bps: u32) -> Self {
        let holds = |rung: Self| bps >= rung.floor_bps();
        let well_above = |rung: Self| bps >= rung.floor_bps() / 4 * 5;
        [Self::Smooth, Self::Slow, Self::Small]
            .into_iter()
            .find(|rung| if *rung < self { well_above(*rung) } else { holds(*rung) })
            .unwrap_or(Self::Small)
    }
}

#[derive(Debug, Clone, Copy)]
struct Viewer {
    report: Report,
    at_us: u64,
    /// Growth of the delay, ms in a second, smoothed.
    trend: f64,
}

/// The controller of one camera.
#[derive(Debug, Clone)]
pub struct Rate {
    bps: f64,
    rung: Rung,
    /// Where the link was full the last time, bit/s.
    full_at: Option<f64>,
    hold_until_us: u64,
    last_us: Option<u64>,
    mode: Mode,
    /// The next wait in stills, µs.
    retry_us: u64,
    viewers: BTreeMap<u64, Viewer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Motion,
    /// Motion again when the link was free until then.
    Stills {
        until_us: u64,
    },
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            bps: f64::from(START_BPS),
            rung: Rung::Smooth,
            full_at: None,
            hold_until_us: 0,
            last_us: None,
            mode: Mode::Motion,
            retry_us: RETRY_US.0,
            viewers: BTreeMap::new(),
        }
    }
}

impl Rate {
    /// What holds now.
    pub fn target(&self) -> Target {
        if let Mode::Stills { .. } = self.mode {
            return Target { bps: STILLS_BPS, interval_us: STILL_INTERVAL_US, long_side: 1280, stills: true };
        }
        let (interval_us, long_side) = match self.rung {
            Rung::Smooth => (33_333, 1280),
            Rung::Slow => (66_667, 1280),
            Rung::Small => (66_667, 640),
        };
        Target { bps: whole(self.bps), interval_us, long_side, stills: false }
    }

    /// Takes what `viewer` reported at `now_us` (monotonic) and gives what holds now. Numbers that are none, or below
    /// zero, are no report; a seventeenth viewer is not heard.
    pub fn report(&mut self, viewer: u64, report: Report, now_us: u64) -> Target {
        let Report { received_bps, queue_delay_ms, loss } = report;
        if ![received_bps, queue_delay_ms, loss].into_iter().all(|number| number.is_finite() && number >= 0.0) {
            return self.target();
        }
        self.viewers.retain(|_, seen| now_us.saturating_sub(seen.at_us) <= FORGET_US);
        if self.viewers.len() >= VIEWERS && !self.viewers.contains_key(&viewer) {
            return self.target();
        }
        let trend = self.viewers.get(&viewer).map_or(0.0, |last| last.trend_with(queue_delay_ms, now_us));
        self.viewers.insert(viewer, Viewer { report, at_us: now_us, trend });
        let step_us = now_us.saturating_sub(self.last_us.unwrap_or(now_us)).min(STEP_US);
        self.last_us = Some(now_us);
        self.adapt(now_us, step_us);
        self.target()
    }

    fn adapt(&mut self, now_us: u64, step_us: u64) {
        let worst = |of: fn(&Viewer) -> f64| self.viewers.values().map(of).fold(0.0, f64::max);
        let delay = worst(|seen| seen.report.queue_delay_ms);
        let loss = worst(|seen| seen.report.loss);
        let growing =
            self.viewers.values().any(|seen| seen.trend > GROWTH_MS_PER_S && seen.report.queue_delay_ms > FREE_MS);
        let received = self.viewers.values().map(|seen| seen.report.received_bps).fold(f64::INFINITY, f64::min);
        let full = delay > QUEUE_MS || growing || loss > LOSS;
        let free = delay < FREE_MS && loss < LOSS / 2.0;
        match self.mode {
            Mode::Stills { until_us } if full && now_us >= self.hold_until_us => {
                // Not even the stills pass freely: the wait begins anew.
                self.hold_until_us = now_us + HOLD_US;
                self.mode = Mode::Stills { until_us: until_us.max(now_us + RETRY_US.0) };
            }
            Mode::Stills { until_us } if free && now_us >= until_us => {
                self.mode = Mode::Motion;
                self.bps = f64::from(MIN_BPS);
                self.hold_until_us = now_us + HOLD_US;
            }
            Mode::Motion if full && now_us >= self.hold_until_us => self.back_off(received, now_us),
            Mode::Motion if free && now_us >= self.hold_until_us => self.grow(received, step_us),
            // Neither free nor full: a queue that stands is let drain.
            Mode::Motion if delay >= FREE_MS && now_us >= self.hold_until_us => {
                self.bps = clamp(self.bps * (1.0 - EASE * Seconds::of(step_us)));
                self.rung = self.rung.next(whole(self.bps));
            }
            Mode::Stills { .. } | Mode::Motion => {}
        }
    }

    fn back_off(&mut self, received: f64, now_us: u64) {
        let at_the_floor = self.bps <= f64::from(MIN_BPS);
        let arriving = if received > 0.0 { received * 0.85 } else { self.bps };
        if received > 0.0 {
            self.full_at = Some(received.min(self.bps));
        }
        self.bps = clamp((self.bps * 0.7).min(arriving));
        self.rung = self.rung.next(whole(self.bps));
        self.hold_until_us = now_us + HOLD_US;
        if at_the_floor {
            self.mode = Mode::Stills { until_us: now_us + self.retry_us };
            self.retry_us = (self.retry_us * 2).min(RETRY_US.1);
        }
    }

    fn grow(&mut self, received: f64, step_us: u64) {
        // A still scene fills no link: that it passes says nothing of more.
        if self.bps > received * 1.5 + 100_000.0 {
            return;
        }
        let seconds = Seconds::of(step_us);
        let near = self.full_at.is_some_and(|full| self.bps > full * 0.8 && self.bps < full * 1.1);
        let growth = if near { GROWTH.0 } else { GROWTH.1 };
        self.bps = clamp(self.bps * (1.0 + (growth - 1.0) * seconds) + 16_000.0 * seconds);
        self.rung = self.rung.next(whole(self.bps));
        if self.bps > f64::from(MIN_BPS) * 1.5 {
            self.retry_us = RETRY_US.0;
        }
    }
}

impl Viewer {
    fn trend_with(&self, queue_delay_ms: f64, now_us: u64) -> f64 {
        // Two reports in one moment are one.
        let seconds = Seconds::of(now_us.saturating_sub(self.at_us)).max(0.05);
        let slope = (queue_delay_ms - self.report.queue_delay_ms) / seconds;
        self.trend * 0.5 + slope * 0.5
    }
}

/// µs as seconds.
struct Seconds;

impl Seconds {
    #[expect(clippy::cast_precision_loss, reason = "a difference of µs is far below 2^53")]
    fn of(us: u64) -> f64 {
        us as f64 / 1e6
    }
}

fn clamp(bps: f64) -> f64 {
    bps.clamp(f64::from(MIN_BPS), f64::from(MAX_BPS))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bounds above")]
fn whole(bps: f64) -> u32 {
    clamp(bps).round() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A link with a drop-tail queue, and a viewer behind it who reports four times a second.
    struct Link {
        queued_bits: f64,
        now_us: u64,
    }

    const REPORT_US: u64 = 250_000;

    impl Link {
        fn new() -> Self {
            Self { queued_bits: 0.0, now_us: 0 }
        }

        /// A quarter of a second at `capacity` bit/s; `noise` is how much the encoder misses its target, ±.
        fn step(&mut self, rate: &mut Rate, capacity: f64, noise: f64) -> Target {
            let sent = f64::from(rate.target().bps) * (1.0 + noise) * 0.25;
            let passes = capacity * 0.25;
            let arrived = (self.queued_bits + sent).min(passes);
            let room = capacity * 2.0;
            let queued = self.queued_bits + sent - arrived;
            let lost = (queued - room).max(0.0);
            self.queued_bits = queued.min(room);
            self.now_us += REPORT_US;
            let queue_delay_ms = if capacity > 0.0 { self.queued_bits / capacity * 1e3 } else { 2_000.0 };
            let report = Report { received_bps: arrived * 4.0, queue_delay_ms, loss: lost / sent.max(1.0) };
            rate.report(1, report, self.now_us)
        }
    }

    proptest! {
        /// After a step down the queue drains within ten seconds, and most of the link is used; after the link came
        /// back the rate does too. Whatever the encoder's noise.
        #[test]
        fn it_converges_under_a_step_and_recovers(
            low in 200_000f64..1_500_000.0, noise in proptest::collection::vec(-0.15f64..0.15, 64),
        ) {
            let (mut rate, mut link) = (Rate::default(), Link::new());
            let mut noise = noise.iter().copied().cycle();
            for _ in 0..4 * 60 {
                link.step(&mut rate, 4e6, noise.next().unwrap());
            }
            prop_assert!(rate.target().bps > 2_000_000, "{:?} on a free link", rate.target());
            let mut used = 0.0;
            let mut delays = Vec::new();
            for step in 0..4 * 60 {
                let target = link.step(&mut rate, low, noise.next().unwrap());
                if step >= 4 * 10 {
                    used += f64::from(target.bps).min(low) / low / f64::from(4 * 50);
                    delays.push(link.queued_bits / low * 1e3);
                }
            }
            delays.sort_by(f64::total_cmp);
            prop_assert!(used > 0.6, "only {used:.2} of {low:.0} bit/s used");
            prop_assert!(delays[delays.len() / 2] < QUEUE_MS / 2.0, "median queue {} ms", delays[delays.len() / 2]);
            prop_assert!(delays[delays.len() * 95 / 100] < 2.0 * QUEUE_MS, "p95 queue {} ms", delays[delays.len() * 95 / 100]);
            for _ in 0..4 * 60 {
                link.step(&mut rate, 4e6, noise.next().unwrap());
            }
            prop_assert!(rate.target().bps > 2_000_000, "{:?} after it came back", rate.target());
        }

        /// No reports, however mad, bring the target out of its bounds or make it depend on anything but them.
        #[test]
        fn it_never_leaves_its_bounds(
            reports in proptest::collection::vec((0u64..20, any::<f64>(), any::<f64>(), any::<f64>(), 0u64..5_000_000), 0..200),
            tame in proptest::collection::vec((0u64..3, 0f64..4e6, 0f64..600.0, 0f64..0.3, 0u64..900_000), 0..200),
        ) {
            let (mut rate, mut twin) = (Rate::default(), Rate::default());
            let mut now_us = 0;
            for (viewer, received_bps, queue_delay_ms, loss, step_us) in reports.into_iter().chain(tame) {
                now_us += step_us;
                let report = Report { received_bps, queue_delay_ms, loss };
                let target = rate.report(viewer, report, now_us);
                prop_assert_eq!(target, twin.report(viewer, report, now_us));
                if target.stills {
                    prop_assert_eq!((target.bps, target.interval_us), (STILLS_BPS, STILL_INTERVAL_US));
                } else {
                    prop_assert!((MIN_BPS..=MAX_BPS).contains(&target.bps), "{:?}", target);
                    prop_assert!(target.long_side >= 640 && target.interval_us <= 66_667);
                }
            }
        }
    }

    /// On a link of 90 kbit/s the ladder ends in stills, which pass; motion is tried seldom; and it comes back by itself.
    #[test]
    fn a_link_too_thin_for_motion_gets_stills() {
        let (mut rate, mut link) = (Rate::default(), Link::new());
        let mut motion = 0;
        for step in 0..4 * 180 {
            let target = link.step(&mut rate, 90_000.0, 0.0);
            if step > 4 * 60 && !target.stills {
                motion += 1;
            }
        }
        assert!(motion < 4 * 30, "motion in {motion} of 480 quarters of a second");
        for _ in 0..4 * 120 {
            link.step(&mut rate, 4e6, 0.0);
        }
        let target = rate.target();
        assert!(!target.stills && target.bps > 1_000_000, "{target:?}");
    }

    /// Frames go before pixels, and pixels before motion.
    #[test]
    fn the_ladder_saves_bits_then_frames_then_pixels() {
        let at = |bps: f64| {
            let rung = Rung::Smooth.next(whole(bps));
            let target = Rate { bps, rung, ..Rate::default() }.target();
            (target.interval_us, target.long_side)
        };
        assert_eq!(at(600_000.0), (33_333, 1280));
        assert_eq!(at(400_000.0), (66_667, 1280));
        assert_eq!(at(200_000.0), (66_667, 640));
        // Up again only well above: between the two nothing changes.
        assert_eq!(Rung::Small.next(320_000), Rung::Small);
        assert_eq!(Rung::Small.next(376_000), Rung::Slow);
        assert_eq!(Rung::Slow.next(320_000), Rung::Slow);
    }

    /// The slowest viewer decides, and no longer than three seconds after his last word.
    #[test]
    fn the_slowest_viewer_decides_until_he_is_gone() {
        let mut rate = Rate::default();
        let good = Report { received_bps: 3e6, queue_delay_ms: 5.0, loss: 0.0 };
        let bad = Report { received_bps: 4e5, queue_delay_ms: 700.0, loss: 0.0 };
        rate.report(1, good, 0);
        let low = rate.report(2, bad, 100_000).bps;
        assert!(low < 400_000);
        for step in 1..10 {
            assert!(rate.report(1, good, 100_000 + step * 250_000).bps <= low);
        }
        let mut later = 0;
        for step in 0..40 {
            later = rate.report(1, good, 4_000_000 + step * 250_000).bps;
        }
        assert!(later > low * 2, "{later} after {low}");
    }

    /// The simulation can fail: a controller that hears no delay fills the queue for good (its control).
    #[test]
    fn a_deaf_controller_would_be_noticed() {
        let (mut rate, mut link) = (Rate::default(), Link::new());
        for _ in 0..4 * 30 {
            let deaf = Report { received_bps: 4e6, queue_delay_ms: 0.0, loss: 0.0 };
            let mut unheard = rate.clone();
            link.step(&mut unheard, 500_000.0, 0.0);
            rate.report(1, deaf, link.now_us);
        }
        assert!(link.queued_bits / 500_000.0 * 1e3 > 4.0 * QUEUE_MS);
    }
}
