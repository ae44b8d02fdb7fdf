//! What a phone publishes: the camera in `hang` shape and, beside it, its presence. The camera comes and goes,
//! connections come and go; each new connection gets fresh broadcasts of what its ticket allows and begins with a key frame.
//!
//! ```text
//!  frame ──▶ FrameSink ── encoder's thread ──▶ [`Publisher`] ──▶ video, one group a key frame ──▶ connection
//!               ▲ gate: paused, unwatched, open            └──▶ catalog.json
//!  reports ─────┘ of viewers
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handlens_media::rate::Report;
use handlens_media::sink::Coded;
use handlens_media::{Config, Counters, FrameSink, Gate};
use handlens_protocol::broadcast::PRESENCE_TRACK;
use handlens_protocol::mark;
use handlens_protocol::state::{CameraPresence, DevicePresence};
use tokio::task::JoinSet;

use crate::error::Error;
use crate::transport::{self, Connection, Outgoing, Track};
use crate::{clock, hang};

/// Every frame's fate: `frames.submitted = sent + unsent + frames.dropped.total() + frames.waiting`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// What the frame path knows; `encoded` is `sent + unsent`.
    pub frames: Counters,
    /// Pictures that were given to a connection.
    pub sent: u64,
    /// Pictures that were encoded when there was no connection to give them to, or no key frame to lean on.
    pub unsent: u64,
}

/// The frame path and the broadcasts it ends in.
pub(crate) struct Publisher {
    sink: FrameSink,
    outlet: Arc<Outlet>,
}

struct Outlet {
    lines: Mutex<Lines>,
    /// Whether somebody takes the catalog or the picture.
    watched: [AtomicBool; 2],
    presence: Mutex<CameraPresence>,
    sent: AtomicU64,
    unsent: AtomicU64,
}

/// The broadcasts of one connection.
#[derive(Default)]
struct Lines {
    camera: Option<Camera>,
    data: Option<Data>,
}

struct Camera {
    _broadcast: Outgoing,
    catalog: Track,
    video: Track,
}

struct Data {
    _broadcast: Outgoing,
    presence: Track,
    marks: Track,
}

impl Publisher {
    pub(crate) fn start(config: Config) -> Result<Self, Error> {
        let outlet = Arc::new(Outlet {
            lines: Mutex::default(),
            watched: [AtomicBool::new(false), AtomicBool::new(false)],
            presence: Mutex::new(CameraPresence::Off),
            sent: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
        });
        let output = Arc::clone(&outlet);
        let sink = FrameSink::start(config, Box::new(move |coded| output.send(coded)))?;
        sink.set_gate(Gate::Paused);
        Ok(Self { sink, outlet })
    }

    /// Where frames go in.
    pub(crate) const fn sink(&self) -> &FrameSink {
        &self.sink
    }

    /// Begins to say presence and marks on a connection.
    pub(crate) fn open_data(&self, connection: &Connection, path: &str) -> Result<(), transport::Error> {
        let data = Data::open(connection, path)?;
        self.outlet.lines().data = Some(data);
        self.tell_presence();
        Ok(())
    }

    /// Begins to send pictures on a connection, unless that was done. Watchers of demand run in `tasks`, which belong to
    /// the connection.
    pub(crate) fn open_camera(
        self: &Arc<Self>,
        connection: &Connection,
        path: &str,
        tasks: &mut JoinSet<()>,
    ) -> Result<(), transport::Error> {
        if self.outlet.lines().camera.is_some() {
            return Ok(());
        }
        let camera = Camera::open(connection, path)?;
        for (index, track) in [&camera.catalog, &camera.video].into_iter().enumerate() {
            let (publisher, demand) = (Arc::clone(self), track.demand());
            tasks.spawn(demand.watch(move |watched| publisher.watched(index, watched)));
        }
        self.outlet.lines().camera = Some(camera);
        self.sink.want_key();
        Ok(())
    }

    /// The connection is gone.
    pub(crate) fn detach(&self) {
        let gone = self.outlet.lines().data.take();
        // Closed with the lock given back: the encoder's thread may be waiting for it.
        drop(gone);
        self.close_camera();
    }

    /// The camera may no longer be published, whatever the lease still says.
    pub(crate) fn close_camera(&self) {
        let gone = self.outlet.lines().camera.take();
        if gone.is_none() {
            return;
        }
        drop(gone);
        for watched in &self.outlet.watched {
            watched.store(false, Ordering::Relaxed);
        }
        self.set_gate();
    }

    /// What everybody is told of the camera. Only `On` sends pictures.
    pub(crate) fn set_presence(&self, presence: CameraPresence) {
        let before = std::mem::replace(&mut *self.outlet.presence(), presence);
        if before == presence {
            return;
        }
        if presence == CameraPresence::On {
            self.sink.want_key();
        }
        self.set_gate();
        self.tell_presence();
    }

    /// Says the presence again: whoever came late hears it, and silence means something.
    pub(crate) fn tell_presence(&self) {
        let (camera, clock_us) = (*self.outlet.presence(), clock::capture_us());
        let presence = DevicePresence { v: 1, camera, clock_us, unix_us: clock::unix_us() };
        self.outlet.record(clock_us, &presence, |data| &mut data.presence);
    }

    /// Says where every mark is on one frame.
    pub(crate) fn tell_marks(&self, frame: &mark::Frame) {
        self.outlet.record(frame.capture_us, frame, |data| &mut data.marks);
    }

    /// Follows what a viewer reported.
    pub(crate) fn report(&self, viewer: u64, report: Report) {
        self.sink.report(viewer, report, clock::capture_us());
    }

    /// Whether pictures go out at present, so that it is worth while to look at them.
    pub(crate) fn is_watched(&self) -> bool {
        *self.outlet.presence() == CameraPresence::On && self.outlet.is_watched()
    }

    pub(crate) fn account(&self) -> Account {
        let Outlet { sent, unsent, .. } = &*self.outlet;
        Account {
            frames: self.sink.counters(),
            sent: sent.load(Ordering::Relaxed),
            unsent: unsent.load(Ordering::Relaxed),
        }
    }

    fn watched(&self, index: usize, watched: bool) {
        let before = self.outlet.is_watched();
        self.outlet.watched[index].store(watched, Ordering::Relaxed);
        if watched {
            // Somebody came: what they need first is a picture that stands by itself.
            self.sink.want_key();
        }
        if before != self.outlet.is_watched() {
            self.set_gate();
        }
    }

    fn set_gate(&self) {
        // Held until the gate is set, so that of two who set it the last one saw the last.
        let presence = self.outlet.presence();
        let gate = match *presence {
            CameraPresence::On if self.outlet.is_watched() => Gate::Open,
            CameraPresence::On => Gate::Unwatched,
            CameraPresence::Paused | CameraPresence::Hidden | CameraPresence::Stopped | CameraPresence::Off => {
                Gate::Paused
            }
        };
        self.sink.set_gate(gate);
    }
}

impl Outlet {
    /// On the encoder's thread: one picture to the connection there is.
    fn send(&self, coded: Coded<'_>) {
        let on = *self.presence() == CameraPresence::On;
        let mut lines = self.lines();
        let camera = lines.camera.as_mut().filter(|_| on);
        let sent = match camera.map(|camera| camera.send(coded)) {
            Some(Ok(sent)) => sent,
            Some(Err(error)) => {
                tracing::debug!(%error, "a picture was not sent");
                false
            }
            None => false,
        };
        let counter = if sent { &self.sent } else { &self.unsent };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn record(&self, at_us: u64, record: &impl serde::Serialize, track: impl Fn(&mut Data) -> &mut Track) {
        let mut lines = self.lines();
        let Some(data) = lines.data.as_mut() else { return };
        let written = match serde_json::to_vec(record) {
            Ok(json) => track(data).record(at_us, json.into()).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = written {
            tracing::debug!(%error, "a record was not sent");
        }
    }

    fn is_watched(&self) -> bool {
        self.watched.iter().any(|watched| watched.load(Ordering::Relaxed))
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn presence(&self) -> MutexGuard<'_, CameraPresence> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Camera {
    fn open(connection: &Connection, path: &str) -> Result<Self, transport::Error> {
        let broadcast = connection.broadcast(path)?;
        let catalog = broadcast.track(hang::CATALOG_TRACK, hang::CATALOG_PRIORITY)?;
        let video = broadcast.track(hang::VIDEO_TRACK, hang::VIDEO_PRIORITY)?;
        broadcast.announce()?;
        Ok(Self { _broadcast: broadcast, catalog, video })
    }

    /// `false` when there is no key frame to build on yet.
    fn send(&mut self, coded: Coded<'_>) -> Result<bool, transport::Error> {
        let capture_us = coded.frame.capture_us;
        let Some(sequence) = coded.key else {
            return self.video.continue_group(capture_us, hang::frame(capture_us, coded.unit));
        };
        // The catalog before the first frame that needs it, and again with each group: it is small, and whoever comes late
        // has it soon, whatever a cache on the way forgot.
        self.catalog.record(capture_us, hang::catalog(sequence, FRAMERATE))?;
        self.video.begin_group(capture_us, hang::frame(capture_us, coded.unit))?;
        Ok(true)
    }
}

/// What most cameras give; a player only sizes its buffers by it.
const FRAMERATE: u32 = 30;

impl Data {
    fn open(connection: &Connection, path: &str) -> Result<Self, transport::Error> {
        let broadcast = connection.broadcast(path)?;
        let presence = broadcast.track(PRESENCE_TRACK, hang::DATA_PRIORITY)?;
        let marks = broadcast.track(mark::TRACK, hang::DATA_PRIORITY)?;
        broadcast.announce()?;
        Ok(Self { _broadcast: broadcast, presence, marks })
    }
}
