//! How much a mark's place is to be believed.

use handlens_protocol::mark::{LostReason, State};

use crate::projection::WITHIN_95;
use crate::tracker::{Sight, Verdict};

/// Error up to which a mark may be called tracked, pixels of a picture 640 wide.
const TRACKED_PX: f64 = 2.5;
/// Error up to which a mark is shown at all.
const APPROXIMATE_PX: f64 = 12.0;
/// More than a picture is wide is not said.
const WORST_PX: f64 = 999.0;
/// What alignment cannot see in its own residuals: rounding, interpolation, a lens and a world that are not quite flat; pixels.
const FLOOR_PX: f64 = 0.15;
/// Neighbouring pixels err alike, so that a residual says less than if it were alone. Set from `tests/camera.rs`, on the
/// careful side: real things are less flat than a picture on a table.
const INFLATION: f64 = 2.5;
/// What a frame of motion alone adds, pixels, and for each pixel of that motion.
const CARRIED_PX: f64 = 2.0;
const CARRIED_PART: f64 = 0.25;
/// Frames a mark is carried by motion alone.
const CARRIED: u32 = 5;
/// Frames a mark is held before it is called tracked again.
const REGAINED: u32 = 3;
/// After this it is not `occluded` or `blurred` but `stale`, µs.
const STALE_US: u64 = 30_000_000;

/// What is said of a mark, and what it takes to say it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Belief {
    pub(crate) state: State,
    /// Half width of the 95 % error, pixels of a picture 640 wide.
    pub(crate) error_px: f64,
    /// Frames since it was held.
    unheld: u32,
    /// Frames it was held since it was lost.
    regained: u32,
    held_us: u64,
}

/// What else is known at a frame.
pub(crate) struct Evidence {
    pub(crate) capture_us: u64,
    pub(crate) sight: Sight,
    /// 95 % error by pose alone, if there is a pose.
    pub(crate) posed_px: Option<f64>,
    /// 95 % error of where the mark was on its key frame: not 0 when it had to be carried there.
    pub(crate) carried_px: f64,
    /// Whether what is looked for is what the mark's author saw. Motion alone may have followed something else.
    pub(crate) compared: bool,
    /// How far the mark moved since the last frame, if that is known, pixels of a picture 640 wide.
    pub(crate) moved_px: Option<f64>,
    /// Whether any point of the mark is in the picture.
    pub(crate) in_view: bool,
}

impl Belief {
    /// A mark that was just drawn: nothing is believed before it was looked for.
    pub(crate) fn new(capture_us: u64) -> Self {
        let state = State::Lost { reason: LostReason::Stale };
        Self { state, error_px: 0.0, unheld: 0, regained: REGAINED - 1, held_us: capture_us }
    }

    /// Takes a frame's evidence.
    pub(crate) fn update(&mut self, evidence: &Evidence) {
        let sight = &evidence.sight;
        if sight.verdict == Verdict::Held {
            self.unheld = 0;
            self.regained += 1;
            self.held_us = evidence.capture_us;
            let aligned = WITHIN_95 * INFLATION * sight.deviation + FLOOR_PX;
            // A point behind the camera is in doubt without end, which JSON has no number for.
            self.error_px = (aligned + evidence.carried_px).min(WORST_PX);
        } else {
            self.unheld += 1;
            self.regained = 0;
            let carried = CARRIED_PX + CARRIED_PART * evidence.moved_px.unwrap_or(f64::INFINITY);
            let posed = evidence.posed_px.map(|px| px + evidence.carried_px);
            self.error_px = posed.unwrap_or(self.error_px + carried).min(WORST_PX);
        }
        self.state = self.judged(evidence);
    }

    fn judged(&self, evidence: &Evidence) -> State {
        let lost = |reason| State::Lost { reason };
        if !evidence.in_view {
            return lost(LostReason::OutOfView);
        }
        let small = self.error_px <= APPROXIMATE_PX;
        let reason = match evidence.sight.verdict {
            Verdict::Held if evidence.compared && self.error_px <= TRACKED_PX && self.regained >= REGAINED => {
                return State::Tracked;
            }
            Verdict::Held if small => return State::Approximate,
            Verdict::Held | Verdict::Bare => LostReason::TooLittleTexture,
            Verdict::Hidden => LostReason::Occluded,
            Verdict::Blurred => LostReason::Blurred,
            Verdict::Away => LostReason::OutOfView,
            Verdict::Missed => LostReason::Occluded,
        };
        // What hides a mark can be seen through by a pose, and by nothing else; a blur of some frames is bridged by motion.
        let bridged =
            evidence.moved_px.is_some() && self.unheld <= CARRIED && evidence.sight.verdict != Verdict::Hidden;
        if small && (evidence.posed_px.is_some() || bridged) {
            return State::Approximate;
        }
        if evidence.capture_us - self.held_us.min(evidence.capture_us) > STALE_US {
            return lost(LostReason::Stale);
        }
        lost(reason)
    }
}
