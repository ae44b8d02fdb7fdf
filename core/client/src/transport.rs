//! The realtime plane, as a phone sees it: one connection with broadcasts that go out and tracks that come in.
//!
//! `moq-net`, `quinn` and `qmux` move weekly: their types stay in here. A [`Way`] opens a [`Connection`] with one ticket;
//! [`Quic`] and [`WebSocket`] are the two there are.
//!
//! ```text
//!  Way::dial(ticket) ──▶ Connection ── broadcast(path) ──▶ Outgoing ── track(name) ──▶ Track ── group, record ─▶
//!                             └─────── reader().records(path, track, limit) ◀── newest groups
//! ```

mod quic;
mod websocket;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use handlens_protocol::api::Ticket;
use handlens_session::Moment;
use moq_net::track::Subscription;
use moq_net::{Client, Timescale, Timestamp, origin, track};
use tokio::time::{Instant, sleep, timeout};

use crate::clock;

pub(crate) use quic::Quic;
pub(crate) use websocket::WebSocket;

/// MoQ versions, newest first.
const MOQ: [&str; 2] = ["moq-lite-06", "moq-lite-05"];
/// Groups that are over are kept for late subscribers for so long; below 200 ms a lossy link loses pictures for nothing.
const KEPT: Duration = Duration::from_secs(1);
/// A track that was refused or ended is asked for again after this.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a goodbye may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why a way did not open, or a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the ticket's address is none: {0}")]
    Address(&'static str),
    #[error("the ticket names no certificate")]
    NoCertificate,
    #[error("the host is not known: {0}")]
    Resolve(#[source] std::io::Error),
    #[error("no socket: {0}")]
    Socket(#[source] std::io::Error),
    #[error("tls: {0}")]
    Tls(#[from] rustls::Error),
    #[error("quic: {0}")]
    Connect(#[from] quinn::ConnectError),
    #[error("quic: {0}")]
    Quic(#[from] quinn::ConnectionError),
    #[error("websocket: {0}")]
    WebSocket(#[from] qmux::ws::tungstenite::Error),
    #[error("the server chose another sub-protocol")]
    Protocol,
    #[error("moq: {0}")]
    Moq(#[from] moq_net::Error),
}

/// One way to the realtime plane.
pub(crate) trait Way {
    /// Opens a connection; the ticket is spent by it.
    fn dial(self, ticket: &Ticket) -> impl Future<Output = Result<Connection, Error>> + Send;
}

/// When something came over a connection for the last time.
#[derive(Debug, Clone)]
pub(crate) struct Heard(Arc<AtomicU64>);

impl Heard {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(clock::capture_us())))
    }

    fn now(&self) {
        self.0.store(clock::capture_us(), Ordering::Relaxed);
    }

    /// The moment.
    pub(crate) fn at(&self) -> Moment {
        Moment::from_us(self.0.load(Ordering::Relaxed))
    }
}

/// An open connection. Dropping it says goodbye.
pub(crate) struct Connection {
    publish: origin::Producer,
    see: Reader,
    heard: Heard,
    socket: Option<quic::Socket>,
    ended: tokio::sync::watch::Receiver<bool>,
    session: Option<moq_net::Session>,
}

impl Connection {
    /// Begins MoQ on an open transport. `path` is what SETUP says: the ticket on raw QUIC, nothing where a cookie did.
    async fn begin<S>(
        transport: S,
        path: Option<String>,
        heard: Heard,
        socket: Option<quic::Socket>,
    ) -> Result<Self, Error>
    where
        S: moq_net::transport::poll::Session,
        moq_net::Driver<S>: Send + 'static,
    {
        let (publish, subscribe) = (open_origin(), open_origin());
        let mut client = Client::new().with_publisher(&publish).with_subscriber(subscribe.clone());
        if let Some(path) = path {
            client = client.with_path(path);
        }
        let (session, driver) = client.connect_lite(Instant::now().into_std(), transport).await?;
        let (over, ended) = tokio::sync::watch::channel(false);
        let kept = socket.clone();
        tokio::spawn(async move {
            let error = moq_net::time::run(driver).await;
            tracing::debug!(%error, "realtime connection ended");
            // Nobody may listen any more.
            let _ = over.send(true);
            if let Some(socket) = kept {
                let _ = timeout(FAREWELL, socket.wait_idle()).await;
            }
        });
        let see = Reader { origin: subscribe.consume(), _kept: subscribe };
        Ok(Self { publish, see, heard, socket, ended, session: Some(session) })
    }

    /// A broadcast that is not announced yet: [`Outgoing::announce`] does, once its tracks are there.
    pub(crate) fn broadcast(&self, path: &str) -> Result<Outgoing, Error> {
        Ok(Outgoing(self.publish.create_broadcast(path)?))
    }

    /// What comes in over this connection.
    pub(crate) fn reader(&self) -> Reader {
        self.see.clone()
    }

    /// When something came in for the last time.
    pub(crate) const fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Resolves when the connection is gone.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut ended = self.ended.clone();
        async move {
            // An error means that the driver is gone, too.
            let _ = ended.wait_for(|over| *over).await;
        }
    }

    /// Binds a QUIC connection's socket anew, on whatever network there is now; it migrates, and nobody notices.
    pub(crate) fn rebind(&self) -> Result<(), Error> {
        self.socket.as_ref().map_or(Ok(()), quic::Socket::rebind)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.abort(moq_net::Error::Cancel);
        }
    }
}

/// A broadcast that goes out, until it is dropped.
pub(crate) struct Outgoing(moq_net::broadcast::Producer);

impl Outgoing {
    /// A track; `priority` decides on a thin link, more is sooner.
    pub(crate) fn track(&self, name: &str, priority: u8) -> Result<Track, Error> {
        let info = track::Info::default().with_timescale(Timescale::MICRO).with_max_age(KEPT).with_priority(priority);
        Ok(Track { track: self.0.create_track(name, info)?, group: None })
    }

    /// From now on others can find it.
    pub(crate) fn announce(&self) -> Result<(), Error> {
        Ok(self.0.announce(origin::Route::default())?)
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A track that goes out. Writing never blocks: what the link has no room for is left out, whole groups at a time.
pub(crate) struct Track {
    track: track::Producer,
    group: Option<moq_net::group::Producer>,
}

impl Track {
    /// Ends the group before, and begins one with this frame.
    pub(crate) fn begin_group(&mut self, capture_us: u64, frame: Bytes) -> Result<(), Error> {
        self.end_group();
        let group = self.group.insert(self.track.append_group()?);
        Ok(group
            .write_frame(Timestamp::from_micros(capture_us).map_err(|_| moq_net::Error::TimestampMismatch)?, frame)?)
    }

    /// One more frame of the group that was begun; `false` when there is none.
    pub(crate) fn continue_group(&mut self, capture_us: u64, frame: Bytes) -> Result<bool, Error> {
        let Some(group) = &mut self.group else { return Ok(false) };
        group.write_frame(Timestamp::from_micros(capture_us).map_err(|_| moq_net::Error::TimestampMismatch)?, frame)?;
        Ok(true)
    }

    /// A whole record in a group of its own.
    pub(crate) fn record(&mut self, at_us: u64, record: Bytes) -> Result<(), Error> {
        self.begin_group(at_us, record)?;
        self.end_group();
        Ok(())
    }

    /// Ends the group that was begun: nothing more leans on it.
    pub(crate) fn end_group(&mut self) {
        if let Some(group) = self.group.take() {
            // A group that is gone already has ended as well.
            let _ = group.finish();
        }
    }

    /// Tells when somebody begins and ends to take this track.
    pub(crate) fn demand(&self) -> Demand {
        Demand(self.track.demand())
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        self.end_group();
        let _ = self.track.finish();
    }
}

/// Whether somebody takes a track.
pub(crate) struct Demand(track::Demand);

impl Demand {
    /// Calls `on_change` each time that it changes, until the track is gone.
    pub(crate) async fn watch(self, mut on_change: impl FnMut(bool)) {
        loop {
            if self.0.used().await.is_err() {
                return;
            }
            on_change(true);
            if self.0.unused().await.is_err() {
                return;
            }
            on_change(false);
        }
    }
}

/// Reads tracks of others.
#[derive(Clone)]
pub(crate) struct Reader {
    origin: origin::Consumer,
    _kept: origin::Producer,
}

impl Reader {
    /// The whole records of a track; one of more than `limit` bytes is not read.
    pub(crate) const fn records(self, path: String, name: &'static str, limit: usize) -> Records {
        Records { reader: self, path, name, limit, groups: None }
    }
}

/// The newest whole records of one track, for as long as the connection lives. A track that is not there yet is waited for,
/// one that ended is asked for again.
pub(crate) struct Records {
    reader: Reader,
    path: String,
    name: &'static str,
    limit: usize,
    groups: Option<track::Ordered>,
}

impl Records {
    /// The next record; `None` when nothing more can come over this connection.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.once().await {
                Ok(Some(record)) => return Some(record),
                // Too large, empty, or overtaken by a newer one.
                Ok(None) => {}
                Err(moq_net::Error::Closed | moq_net::Error::Unauthorized) => return None,
                Err(error) => {
                    tracing::debug!(path = %self.path, name = self.name, %error, "a track ended");
                    self.groups = None;
                    sleep(AGAIN).await;
                }
            }
        }
    }

    async fn once(&mut self) -> Result<Option<Bytes>, moq_net::Error> {
        let groups = match &mut self.groups {
            Some(groups) => groups,
            none @ None => {
                let broadcast = self.reader.origin.routed_broadcast(&self.path).await?;
                // No age is asked for: each record is whole, and one before the newest says nothing any more.
                let subscription = Subscription::default().with_priority(PRIORITY_READ);
                none.insert(broadcast.track(self.name)?.subscribe(subscription).await?.ordered())
            }
        };
        let mut group = groups.next_group().await?.ok_or(moq_net::Error::Dropped)?;
        Ok(record_of(&mut group, self.limit).await.unwrap_or_default())
    }
}

/// Records are small and decide what people see.
const PRIORITY_READ: u8 = 200;

async fn record_of(group: &mut moq_net::group::Consumer, limit: usize) -> Result<Option<Bytes>, moq_net::Error> {
    let Some(mut frame) = group.next_frame().await? else { return Ok(None) };
    if usize::try_from(frame.size).map_or(true, |size| size > limit) {
        return Ok(None);
    }
    Ok(Some(frame.read_all().await?))
}

fn open_origin() -> origin::Producer {
    let (producer, driver) = origin::Producer::new(origin::Config::default());
    tokio::spawn(moq_net::time::run(driver));
    producer
}
