//! Where frames go in: synchronous, one copy at most, a queue of two, and an account of every frame.
//!
//! ```text
//!  camera thread ──submit──▶ gate ──▶ copy (I420, shrunk) ──▶ [ newer | older ] ──▶ encoder thread ──▶ output
//!                  ◀─reply──  │                                   │ newest wins
//!                             └── dropped, one reason each ───────┘
//!  hardware encoder ──submit_encoded──▶ gate ──▶ check ───────────────────────────────────────────▶ output
//! ```
//! `submitted = encoded + dropped + waiting` holds at every moment.

mod account;

use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use account::{Account, Waiting};
pub use account::{Counters, DropReason, Drops, Gate};

use crate::convert;
use crate::encode::{Checked, Config, Encode, Error, External, Made, Software};
use crate::frame::{Frame, Invalid, Picture, Rotation, Size, View};
use crate::h264::Sequence;
use crate::rate::{Report, Target};

/// Frames that wait for the encoder, at most.
const QUEUE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
/// The encoder's thread, as debuggers and crash reports show it (Linux cuts after 15 bytes).
const THREAD: &str = "handlens-encode";

/// An encoded picture, for as long as the call lasts.
#[derive(Debug, Clone, Copy)]
pub struct Coded<'a> {
    /// Annex-B; a key frame begins with its parameter sets.
    pub unit: &'a [u8],
    /// Of a key frame: codec string and size of the picture as coded (shrunk, and upright if software encoded it).
    pub key: Option<&'a Sequence>,
    /// The record that came with the frame.
    pub frame: &'a Frame,
}

/// Takes encoded pictures, in order of capture, on the encoder's thread (or on the one that brought an encoded unit).
/// It must not block: whatever cannot be sent now is the transport's to drop.
pub type Output = Box<dyn FnMut(Coded<'_>) + Send>;

/// What became of a frame, as far as it is known when the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is on its way; a newer one may still take its place, which [`FrameSink::counters`] tells.
    Taken,
    /// It is not.
    Dropped(DropReason),
}

/// The whole control channel back to camera and encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameReply {
    /// Of this frame.
    pub verdict: Verdict,
    /// Bits a second a hardware encoder shall use from now on.
    pub target_bps: u32,
    /// The size a hardware encoder shall have from now on, in the orientation of the frame that was submitted.
    pub size: Size,
    /// Time from one frame to the next that a hardware encoder shall be given, at least, µs.
    pub interval_us: u64,
    /// The next frame of a hardware encoder shall be a key frame.
    pub keyframe_wanted: bool,
}

/// Where a camera's frames go in. Shared by reference; dropping it ends the encoder's thread.
#[derive(Debug)]
pub struct FrameSink {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    account: Mutex<Account>,
    arrived: Condvar,
    outlet: Mutex<Outlet>,
}

/// The way out, and what keeps it in order when two encoders take turns.
struct Outlet {
    output: Output,
    external: External,
    last_us: Option<u64>,
}

impl FrameSink {
    /// Starts the encoder's thread. The encoder itself is made with the first frame.
    ///
    /// # Errors
    /// [`Error::Thread`], when the operating system has none.
    pub fn start(config: Config, output: Output) -> Result<Self, Error> {
        Self::with_encoder(Software::new(config.colour), output, QUEUE)
    }

    fn with_encoder(encoder: impl Encode, output: Output, depth: NonZeroUsize) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            account: Mutex::new(Account::new(depth)),
            arrived: Condvar::new(),
            outlet: Mutex::new(Outlet { output, external: External::default(), last_us: None }),
        });
        let worker = Arc::clone(&shared);
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(move || worker.run(encoder))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Takes a frame whose planes follow each other in `pixels`.
    pub fn submit_pixels(&self, pixels: &[u8], frame: &Frame) -> FrameReply {
        self.submit(View::contiguous(pixels, frame), frame)
    }

    /// Takes a frame of two pieces: luma, and all chroma (for I420: Cb and then Cr).
    pub fn submit_planes(&self, y: &[u8], uv: &[u8], frame: &Frame) -> FrameReply {
        self.submit(View::planes(y, uv, frame), frame)
    }

    /// Takes one picture of a hardware encoder: Annex-B. `frame.size` is what the camera gave, before that encoder.
    pub fn submit_encoded(&self, unit: &[u8], frame: &Frame) -> FrameReply {
        let verdict = self.pass_on(unit, frame);
        self.shared.account().reply(verdict, frame)
    }

    /// Takes parameter sets that a hardware encoder gives apart: Annex-B or `avcC`. No frame, so not counted.
    ///
    /// # Errors
    /// [`crate::encode::Refusal`], when they cannot be understood; what was known stays.
    pub fn submit_parameters(&self, bytes: &[u8]) -> Result<Size, crate::encode::Refusal> {
        self.shared.outlet().external.parameters(bytes)
    }

    /// Takes what a viewer reported at `now_us` (any monotonic clock, always the same).
    pub fn report(&self, viewer: u64, report: Report, now_us: u64) -> Target {
        self.shared.account().rate.report(viewer, report, now_us)
    }

    /// A viewer came or lost something: the next picture stands by itself.
    pub fn want_key(&self) {
        self.shared.account().key_wanted = true;
    }

    /// Opens or shuts the way. Frames that already wait still go out.
    pub fn set_gate(&self, gate: Gate) {
        self.shared.account().gate = gate;
    }

    /// Every frame's fate until now.
    pub fn counters(&self) -> Counters {
        self.shared.account().counters()
    }

    /// Ends: what waits is dropped, and the encoder's thread is gone when this returns (unless it is the caller).
    pub fn close(&mut self) {
        self.shared.account().close();
        self.shared.arrived.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // A panic of `output` was already accounted for, on that thread.
            let _ = thread.join();
        }
    }

    fn submit(&self, view: Result<View<'_>, Invalid>, frame: &Frame) -> FrameReply {
        let view = match view {
            Ok(view) => view,
            Err(invalid) => {
                let mut account = self.shared.account();
                let verdict = account.refuse(DropReason::Invalid(invalid));
                return account.reply(verdict, frame);
            }
        };
        let admitted = self.shared.account().admit(frame);
        let (mut picture, scale) = match admitted {
            Ok(admitted) => admitted,
            Err(reason) => return self.shared.account().reply(Verdict::Dropped(reason), frame),
        };
        // The one copy, with no lock held.
        let copied = convert::to_i420(view, scale, &mut picture);
        let mut account = self.shared.account();
        let verdict = account.enqueue(Waiting { picture, frame: *frame }, copied);
        let reply = account.reply(verdict, frame);
        drop(account);
        self.shared.arrived.notify_one();
        reply
    }

    fn pass_on(&self, unit: &[u8], frame: &Frame) -> Verdict {
        let mut outlet = self.shared.outlet();
        let Outlet { output, external, last_us } = &mut *outlet;
        let checked = frame.check().map_err(DropReason::Invalid).and_then(|()| {
            let checked = external.check(unit).map_err(DropReason::Refused)?;
            if last_us.is_some_and(|last_us| frame.capture_us <= last_us) {
                Err(DropReason::Disordered)
            } else {
                Ok(checked)
            }
        });
        let coded = match checked {
            Err(reason) => return self.shared.account().refuse(reason),
            Ok(Checked::Delta(unit)) => Coded { unit, key: None, frame },
            Ok(Checked::Key(unit, sequence)) => Coded { unit, key: Some(sequence), frame },
        };
        let admitted = self.shared.account().admit_encoded(frame, coded.key.is_some());
        if let Err(reason) = admitted {
            return Verdict::Dropped(reason);
        }
        *last_us = Some(frame.capture_us);
        output(coded);
        Verdict::Taken
    }
}

impl Drop for FrameSink {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outlet(&self) -> MutexGuard<'_, Outlet> {
        self.outlet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The encoder's thread, until the sink is closed.
    fn run(&self, mut encoder: impl Encode) {
        let _whatever_happens = Leaving(self);
        let mut upright = Picture::default();
        let mut unit = Vec::new();
        while let Some((waiting, order)) = self.next() {
            let Waiting { picture, frame } = &waiting;
            let turned = match frame.rotation {
                Rotation::None => Ok(picture),
                rotation @ (Rotation::Quarter | Rotation::Half | Rotation::ThreeQuarters) => {
                    convert::rotate(picture, rotation, &mut upright).map(|()| &upright)
                }
            };
            unit.clear();
            let made = turned.map_err(Error::Invalid).and_then(|picture| encoder.encode(picture, order, &mut unit));
            let shown = match &made {
                Ok(Made::Key(sequence)) => self.put(Coded { unit: &unit, key: Some(sequence), frame }),
                Ok(Made::Delta) => self.put(Coded { unit: &unit, key: None, frame }),
                Ok(Made::Skipped) | Err(_) => true,
            };
            self.account().finished(waiting, &made, shown);
        }
    }

    fn next(&self) -> Option<(Waiting, crate::encode::Order)> {
        let mut account = self.account();
        loop {
            if account.closed {
                return None;
            }
            if let Some(next) = account.next() {
                return Some(next);
            }
            account = self.arrived.wait(account).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether it was in order.
    fn put(&self, coded: Coded<'_>) -> bool {
        let mut outlet = self.outlet();
        if outlet.last_us.is_some_and(|last_us| coded.frame.capture_us <= last_us) {
            return false;
        }
        outlet.last_us = Some(coded.frame.capture_us);
        (outlet.output)(coded);
        true
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("counters", &self.account().counters()).finish_non_exhaustive()
    }
}

/// Shuts the sink when the encoder's thread ends, also by a panic: nobody would fetch what is queued.
struct Leaving<'a>(&'a Shared);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.account().abandon();
    }
}

#[cfg(test)]
mod tests;
