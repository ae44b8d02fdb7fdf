//! Who is let in, who waits, and what became of everybody. One lock guards it; it never blocks and never encodes.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use super::{FrameReply, Verdict};
use crate::encode::{Error, KEY_EVERY_US, Made, Order, Refusal};
use crate::frame::{Frame, Invalid, Picture, Scale};
use crate::rate::Rate;

/// The longest rest between two tries of a broken encoder, µs.
const REST_US: u64 = 4_000_000;

/// Why a frame was not sent. The console's page has the same words for the first five.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// A newer one took its place.
    Busy,
    /// The link is worth fewer frames, or fewer bits, than there are.
    Rate,
    /// Nobody watches.
    Unwatched,
    /// Its owner paused the camera.
    Paused,
    /// The encoder failed, and rests before it is tried again.
    Fault,
    /// Bytes and record are no frame.
    Invalid(Invalid),
    /// A hardware encoder's bytes are no picture.
    Refused(Refusal),
    /// It was not taken after the one before it.
    Disordered,
    /// A hardware encoder's picture leans on one that was dropped: a key frame must come first.
    NoReference,
    /// The sink is closed.
    Closed,
}

/// Frames that were not sent, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drops {
    /// [`DropReason::Busy`].
    pub busy: u64,
    /// [`DropReason::Rate`].
    pub rate: u64,
    /// [`DropReason::Unwatched`].
    pub unwatched: u64,
    /// [`DropReason::Paused`].
    pub paused: u64,
    /// [`DropReason::Fault`].
    pub fault: u64,
    /// [`DropReason::Invalid`] and [`DropReason::Refused`].
    pub invalid: u64,
    /// [`DropReason::Disordered`].
    pub disordered: u64,
    /// [`DropReason::NoReference`].
    pub no_reference: u64,
    /// [`DropReason::Closed`].
    pub closed: u64,
}

impl Drops {
    /// All of them.
    pub const fn total(&self) -> u64 {
        let Self { busy, rate, unwatched, paused, fault, invalid, disordered, no_reference, closed } = *self;
        busy + rate + unwatched + paused + fault + invalid + disordered + no_reference + closed
    }

    const fn count(&mut self, reason: DropReason) {
        let counter = match reason {
            DropReason::Busy => &mut self.busy,
            DropReason::Rate => &mut self.rate,
            DropReason::Unwatched => &mut self.unwatched,
            DropReason::Paused => &mut self.paused,
            DropReason::Fault => &mut self.fault,
            DropReason::Invalid(_) | DropReason::Refused(_) => &mut self.invalid,
            DropReason::Disordered => &mut self.disordered,
            DropReason::NoReference => &mut self.no_reference,
            DropReason::Closed => &mut self.closed,
        };
        *counter += 1;
    }
}

/// The account of all frames at one moment: `submitted = encoded + dropped.total() + waiting`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls of a `submit_…` function with a frame.
    pub submitted: u64,
    /// Pictures that were given to the output.
    pub encoded: u64,
    /// Of these, key frames.
    pub keys: u64,
    /// Pictures that were not, by reason.
    pub dropped: Drops,
    /// Being copied, queued, or inside the encoder.
    pub waiting: u64,
}

/// Whether frames are wanted at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gate {
    /// They are.
    #[default]
    Open,
    /// Their owner paused.
    Paused,
    /// Nobody watches.
    Unwatched,
}

/// Which encoder spoke last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Software,
    Hardware,
}

/// A frame with its own memory.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) picture: Picture,
    pub(super) frame: Frame,
}

#[derive(Debug)]
pub(super) struct Account {
    pub(super) rate: Rate,
    pub(super) gate: Gate,
    pub(super) key_wanted: bool,
    pub(super) closed: bool,
    depth: NonZeroUsize,
    queue: VecDeque<Waiting>,
    free: Vec<Picture>,
    counters: Counters,
    source: Source,
    /// A picture is inside the encoder; whether it was ordered as a key frame.
    inside: Option<bool>,
    /// Of the newest frame that was let in, µs.
    last_us: Option<u64>,
    last_key_us: Option<u64>,
    /// When the next frame is due at the present frame rate, µs of capture time.
    due_us: u64,
    /// Encoder faults in a row, and until when it rests.
    faults: u32,
    rest_until_us: u64,
}

impl Account {
    pub(super) fn new(depth: NonZeroUsize) -> Self {
        Self {
            rate: Rate::default(),
            gate: Gate::Open,
            key_wanted: true,
            closed: false,
            depth,
            queue: VecDeque::new(),
            free: Vec::new(),
            counters: Counters::default(),
            source: Source::Software,
            inside: None,
            last_us: None,
            last_key_us: None,
            due_us: 0,
            faults: 0,
            rest_until_us: 0,
        }
    }

    pub(super) const fn counters(&self) -> Counters {
        self.counters
    }

    /// Memory for the frame's copy and by how much it shall shrink, or why it is not wanted.
    pub(super) fn admit(&mut self, frame: &Frame) -> Result<(Picture, Scale), DropReason> {
        self.counters.submitted += 1;
        let reason = self
            .unwanted(frame.capture_us)
            .or_else(|| self.too_soon(frame.capture_us))
            .or_else(|| (frame.capture_us < self.rest_until_us).then_some(DropReason::Fault));
        if let Some(reason) = reason {
            self.counters.dropped.count(reason);
            return Err(reason);
        }
        self.take_turns(Source::Software);
        self.pace(frame.capture_us);
        self.counters.waiting += 1;
        let scale = Scale::to_fit(frame.size, self.rate.target().long_side);
        Ok((self.free.pop().unwrap_or_default(), scale))
    }

    /// Puts a copied frame into the queue; the oldest makes room.
    pub(super) fn enqueue(&mut self, waiting: Waiting, copied: Result<(), Invalid>) -> Verdict {
        let reason = if self.closed {
            Some(DropReason::Closed)
        } else if let Err(invalid) = copied {
            Some(DropReason::Invalid(invalid))
        } else {
            // Two threads that submit at once may finish their copies the other way round.
            let newest = self.queue.back().map(|last| last.frame.capture_us);
            (newest > Some(waiting.frame.capture_us)).then_some(DropReason::Disordered)
        };
        if let Some(reason) = reason {
            self.drop_waiting(waiting, reason);
            return Verdict::Dropped(reason);
        }
        while self.queue.len() >= self.depth.get() {
            if let Some(oldest) = self.queue.pop_front() {
                self.drop_waiting(oldest, DropReason::Busy);
            }
        }
        self.queue.push_back(waiting);
        Verdict::Taken
    }

    /// The oldest frame that waits, and what it shall become.
    pub(super) fn next(&mut self) -> Option<(Waiting, Order)> {
        let waiting = self.queue.pop_front()?;
        let capture_us = waiting.frame.capture_us;
        let target = self.rate.target();
        let key = target.stills || self.key_due(capture_us);
        self.key_wanted = false;
        self.inside = Some(key);
        // OpenH264 counts in seconds: a still may use what its whole interval is worth.
        let bps = if target.stills {
            u32::try_from(u64::from(target.bps) * target.interval_us / 1_000_000).unwrap_or(u32::MAX)
        } else {
            target.bps
        };
        Some((waiting, Order { capture_us, key, bps, interval_us: target.interval_us }))
    }

    /// What the encoder made of it; `in_order` when the output took it.
    pub(super) fn finished(&mut self, waiting: Waiting, made: &Result<Made, Error>, in_order: bool) {
        let capture_us = waiting.frame.capture_us;
        let ordered_key = self.inside.take().unwrap_or_default();
        match made {
            Ok(Made::Delta | Made::Key(_)) if !in_order => {
                self.key_wanted = true;
                self.drop_waiting(waiting, DropReason::Disordered);
            }
            Ok(Made::Delta) => self.encoded(Some(waiting), capture_us, false),
            Ok(Made::Key(_)) => self.encoded(Some(waiting), capture_us, true),
            Ok(Made::Skipped) => {
                self.key_wanted |= ordered_key;
                self.drop_waiting(waiting, DropReason::Rate);
            }
            Err(_) => {
                self.faults = (self.faults + 1).min(16);
                self.rest_until_us = capture_us + (50_000 << self.faults).min(REST_US);
                self.key_wanted = true;
                self.drop_waiting(waiting, DropReason::Fault);
            }
        }
    }

    /// Lets a hardware encoder's picture through, or says why not. A missing picture makes those that lean on it useless.
    pub(super) fn admit_encoded(&mut self, frame: &Frame, key: bool) -> Result<(), DropReason> {
        self.counters.submitted += 1;
        let capture_us = frame.capture_us;
        self.take_turns(Source::Hardware);
        let reason = self.unwanted(capture_us).or_else(|| {
            let stills = self.rate.target().stills;
            if stills && (!key || self.too_soon(capture_us).is_some()) {
                Some(DropReason::Rate)
            } else if !key && self.last_key_us.is_none() {
                Some(DropReason::NoReference)
            } else {
                None
            }
        });
        if let Some(reason) = reason {
            self.counters.dropped.count(reason);
            self.last_key_us = None;
            return Err(reason);
        }
        self.pace(capture_us);
        self.counters.waiting += 1;
        self.key_wanted &= !key;
        self.encoded(None, capture_us, key);
        Ok(())
    }

    /// Counts a frame that never became one.
    pub(super) fn refuse(&mut self, reason: DropReason) -> Verdict {
        self.counters.submitted += 1;
        self.counters.dropped.count(reason);
        // Whatever it was, the hardware encoder leans on it from here on.
        if self.source == Source::Hardware {
            self.last_key_us = None;
        }
        Verdict::Dropped(reason)
    }

    pub(super) fn reply(&self, verdict: Verdict, frame: &Frame) -> FrameReply {
        let target = self.rate.target();
        FrameReply {
            verdict,
            target_bps: target.bps,
            size: frame.size.shrunk(Scale::to_fit(frame.size, target.long_side)),
            interval_us: target.interval_us,
            keyframe_wanted: target.stills || self.key_due(frame.capture_us),
        }
    }

    /// Nothing is let in any more, and nothing waits.
    pub(super) fn close(&mut self) {
        self.closed = true;
        while let Some(waiting) = self.queue.pop_front() {
            self.drop_waiting(waiting, DropReason::Closed);
        }
        self.free = Vec::new();
    }

    /// The encoder's thread is gone, and what was inside of it too.
    pub(super) fn abandon(&mut self) {
        if self.inside.take().is_some() {
            self.counters.waiting -= 1;
            self.counters.dropped.count(DropReason::Fault);
        }
        self.close();
    }

    fn unwanted(&self, capture_us: u64) -> Option<DropReason> {
        if self.closed {
            return Some(DropReason::Closed);
        }
        match self.gate {
            Gate::Paused => Some(DropReason::Paused),
            Gate::Unwatched => Some(DropReason::Unwatched),
            Gate::Open => self.last_us.is_some_and(|last| capture_us <= last).then_some(DropReason::Disordered),
        }
    }

    /// A quarter of an interval early is in time: cameras are not exact.
    fn too_soon(&self, capture_us: u64) -> Option<DropReason> {
        let interval_us = self.rate.target().interval_us;
        // The interval may have become shorter since the last frame.
        let due_us = self.last_us.map_or(0, |last| self.due_us.min(last + interval_us));
        (capture_us + interval_us / 4 < due_us).then_some(DropReason::Rate)
    }

    fn pace(&mut self, capture_us: u64) {
        let interval_us = self.rate.target().interval_us;
        let on_time = capture_us < self.due_us + interval_us;
        self.due_us = if on_time { self.due_us.max(capture_us) + interval_us } else { capture_us + interval_us };
        self.last_us = Some(capture_us);
    }

    fn key_due(&self, capture_us: u64) -> bool {
        self.key_wanted || self.last_key_us.is_none_or(|last| capture_us.saturating_sub(last) >= KEY_EVERY_US)
    }

    /// The other encoder knows nothing of what this one sent.
    fn take_turns(&mut self, source: Source) {
        if self.source != source {
            self.source = source;
            self.last_key_us = None;
        }
    }

    fn encoded(&mut self, waiting: Option<Waiting>, capture_us: u64, key: bool) {
        self.faults = 0;
        self.counters.waiting -= 1;
        self.counters.encoded += 1;
        if key {
            self.counters.keys += 1;
            self.last_key_us = Some(capture_us);
        }
        self.keep(waiting);
    }

    fn drop_waiting(&mut self, waiting: Waiting, reason: DropReason) {
        self.counters.waiting -= 1;
        self.counters.dropped.count(reason);
        self.keep(Some(waiting));
    }

    /// One picture is copied and one encoded while the queue is full: more memory than that is never needed again.
    fn keep(&mut self, waiting: Option<Waiting>) {
        if let Some(Waiting { picture, .. }) = waiting
            && !self.closed
            && self.free.len() < self.depth.get().saturating_add(2)
        {
            self.free.push(picture);
        }
    }
}
