//! The realtime plane: an embedded Media-over-QUIC relay on one UDP port, and on the HTTPS port where UDP is blocked.
//!
//! It forwards groups and never interprets them. Whoever connects was known over HTTPS first: a [`Scope`] is decided
//! there, carried over by a single-use [`Ticket`], and fixed when the connection is accepted. A changed grant ends the
//! lease, and the client asks for a new ticket.
//!
//! ```text
//!  HTTPS ──issue(scope)──▶ ticket ──┬─ WebTransport: sub-protocol `handlens-ticket.…` ─┐
//!                                   └─ raw QUIC: path of the MoQ SETUP ────────────────┼─▶ lease ─▶ room of the session
//!  HTTPS ──cookie + Origin──▶ websocket(scope, upgrade) ───────────────────────────────┘   │      (own MoQ origin)
//!                                                                       end_leases ────────┘ abort, within 500 ms
//! ```
//!
//! The ALPN decides what a QUIC connection is: `h3` is WebTransport, `moq-lite-06` and `-05` are raw MoQ, anything else
//! is refused in the TLS handshake. The types of `moq-net` and `quinn` stay in here.

mod certificate;
mod connection;
mod counters;
mod endpoint;
mod lease;
mod room;
mod scope;
mod ticket;
mod websocket;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use bytes::Bytes;
pub use handlens_protocol::close::CloseCode;
use handlens_protocol::{OrganisationId, SessionId, close, mark};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

pub use counters::Counters;
pub use lease::{Carrier, EndReason, LeaseEvent, LeaseInfo};
pub use room::Marks;
pub use scope::{Scope, Selector, Subscribe};
pub use ticket::{TICKET_PROTOCOL, Ticket};

use crate::clock::Clock;
use certificate::Certificates;
use counters::{Counter, Tally};
use lease::Leases;
use room::Rooms;
use ticket::Book;

/// How the relay listens, and how much it gives away.
#[derive(Debug, Clone)]
pub struct Config {
    /// UDP addresses, all on one port; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// The port clients are told, when it is not the one listened on.
    pub announce_port: Option<u16>,
    /// Names and addresses in the certificate. Browsers that go by its hash do not look at them; the phone's core may.
    pub hosts: Vec<String>,
    /// Bounds.
    pub limits: Limits,
}

impl Config {
    /// Both loopback families: `https://localhost` in a browser may try either.
    pub fn localhost(port: u16) -> Self {
        Self {
            listen: vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()],
            announce_port: None,
            hosts: ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
            limits: Limits::default(),
        }
    }
}

/// Bounds on what others can make the relay hold.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections in all.
    pub leases: usize,
    /// Connections of one participant; one more ends the oldest.
    pub leases_per_participant: usize,
    /// Connections that have not proved a ticket yet; beyond half of it, addresses are validated first.
    pub handshakes: usize,
    /// From the first packet to the proved ticket.
    pub handshake: Duration,
    /// Silence after which a connection is lost.
    pub idle: Duration,
    /// Streams one peer may have open at once, in each direction: a subscription is one, a group in flight is one.
    pub streams: u32,
    /// Tickets of the last minute in all.
    pub tickets: usize,
    /// Open tickets of one login.
    pub tickets_per_login: usize,
    /// Target of the memory for groups, in bytes.
    pub cache_bytes: u64,
    /// Bytes of one state snapshot.
    pub snapshot_bytes: usize,
    /// Bytes of all marks of a session together.
    pub marks_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            leases: 1_024,
            leases_per_participant: 4,
            handshakes: 256,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(16),
            streams: 512,
            tickets: 8_192,
            tickets_per_login: 16,
            cache_bytes: 256 * 1024 * 1024,
            snapshot_bytes: 256 * 1024,
            marks_bytes: mark::SET_BYTES,
        }
    }
}

/// What a client has to know before it connects to the UDP port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The UDP port.
    pub port: u16,
    /// SHA-256 of the certificate that is shown now, and of the one that follows.
    pub certificate_sha256: [[u8; 32]; 2],
}

/// A close code as MoQ counts it: from the first one that is the application's.
fn abort(code: CloseCode) -> moq_net::Error {
    moq_net::Error::App(u16::try_from(code.wire() - close::FIRST).unwrap_or(u16::MAX))
}

/// What can go wrong in the relay.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration names no address.
    #[error("no UDP address to listen on")]
    NoAddress,
    /// A UDP address cannot be had.
    #[error("cannot listen on UDP {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate cannot be made, usually because of a name in it.
    #[error("cannot make the UDP port's certificate: {0}")]
    Certificate(#[source] rcgen::Error),
    /// TLS refuses the certificate.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The crypto provider lacks the cipher QUIC begins with.
    #[error("TLS lacks AES-128-GCM, which QUIC begins with")]
    NoCipher,
    /// The idle time does not fit into QUIC's field.
    #[error("the idle time is too long")]
    IdleTimeout,
    /// The operating system has no randomness to give.
    #[error("no randomness: {0}")]
    Random(#[source] getrandom::Error),
    /// Too many tickets are open, of this login or in all.
    #[error("too many open tickets; wait for ten seconds")]
    TooManyTickets,
    /// A state snapshot, or the marks of a session, are larger than readers are promised.
    #[error("snapshot of {bytes} bytes, at most {limit} are allowed")]
    SnapshotTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The client offered no WebSocket sub-protocol of ours.
    #[error("offer the WebSocket sub-protocol qmux-01.moq-lite-05")]
    Protocol,
    /// A broadcast name cannot be spelled.
    #[error("not a broadcast name")]
    Name,
    /// The MoQ library refused.
    #[error("realtime: {0}")]
    Moq(#[from] moq_net::Error),
}

/// The relay of one server process. Clones are the same relay; [`Relay::shutdown`] stops it.
#[derive(Clone)]
pub struct Relay {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    clock: Clock,
    port: u16,
    endpoints: Vec<quinn::Endpoint>,
    certificates: Mutex<Certificates>,
    book: Mutex<Book>,
    leases: Arc<Leases>,
    rooms: Rooms,
    tally: Arc<Tally>,
    handshakes: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Relay {
    /// Binds the UDP port and begins to accept. The receiver yields every lease, for the audit log; read it.
    ///
    /// # Errors
    /// When the port or a certificate cannot be had. Must be called inside a tokio runtime.
    pub async fn start(config: Config, clock: Clock) -> Result<(Self, mpsc::UnboundedReceiver<LeaseEvent>), Error> {
        let certificates = Certificates::new(config.hosts.clone(), time(&clock))?;
        let endpoints =
            endpoint::bind(&config.listen, &endpoint::server_config(&certificates.current, &config.limits)?)?;
        let address = endpoints.first().ok_or(Error::NoAddress)?.local_addr();
        let port = address.map_err(|source| Error::Bind { address: config.listen[0], source })?.port();
        let (sender, events) = mpsc::unbounded_channel();
        let tally = Arc::new(Tally::default());
        let limits = &config.limits;
        let leases = Leases::new(limits.leases, limits.leases_per_participant, Arc::clone(&tally), sender);
        let shared = Arc::new(Shared {
            port: config.announce_port.unwrap_or(port),
            book: Mutex::new(Book::new(limits.tickets, limits.tickets_per_login)),
            rooms: Rooms::new(limits.cache_bytes),
            handshakes: Arc::new(Semaphore::new(limits.handshakes)),
            leases: Arc::new(leases),
            certificates: Mutex::new(certificates),
            tasks: TaskTracker::new(),
            config,
            clock,
            endpoints,
            tally,
        });
        for endpoint in &shared.endpoints {
            tokio::spawn(connection::accept(Arc::clone(&shared), endpoint.clone()));
        }
        Ok((Self { shared }, events))
    }

    /// Where to connect, and which certificates to expect; changes the certificate when it is time. Connections that
    /// are open go on.
    ///
    /// # Errors
    /// When a new certificate cannot be made.
    pub fn offer(&self) -> Result<Offer, Error> {
        let shared = &self.shared;
        let mut certificates = lock(&shared.certificates);
        if certificates.advance(shared.now())? {
            let config = endpoint::server_config(&certificates.current, &shared.config.limits)?;
            for endpoint in &shared.endpoints {
                endpoint.set_server_config(Some(config.clone()));
            }
            shared.tally.add(Counter::Rotations);
        }
        let certificate_sha256 = [certificates.current.sha256, certificates.next.sha256];
        Ok(Offer { port: shared.port, certificate_sha256 })
    }

    /// A ticket for one connection within ten seconds.
    ///
    /// # Errors
    /// [`Error::TooManyTickets`], or no randomness.
    pub fn issue(&self, scope: Scope) -> Result<Ticket, Error> {
        let ticket = self.shared.book().issue(scope, self.shared.now())?;
        self.shared.tally.add(Counter::TicketsIssued);
        Ok(ticket)
    }

    /// Takes a WebSocket into the relay. The caller has checked the cookie and that `Origin` is exactly ours.
    ///
    /// # Errors
    /// [`Error::Protocol`] when the client speaks none of our sub-protocols.
    pub fn websocket(&self, scope: Scope, upgrade: WebSocketUpgrade) -> Result<Response, Error> {
        let shared = Arc::clone(&self.shared);
        let upgrade = websocket::negotiate(upgrade)?;
        Ok(upgrade.on_upgrade(async move |socket| {
            if let Some(session) = websocket::transport(socket) {
                let tasks = shared.tasks.clone();
                tasks.track_future(connection::web_socket(shared, scope, session)).await;
            }
        }))
    }

    /// Ends leases and forgets the open tickets of whoever is meant; returns how many leases were ended. Within half a
    /// second nothing more comes from or goes to them, and what they published is gone.
    pub fn end_leases(&self, which: Selector) -> usize {
        self.shared.book().revoke(which);
        self.shared.leases.end(which, EndReason::Revoked)
    }

    /// Shows everybody in the session a new state: one whole snapshot, one group, so that who comes late gets the
    /// newest. The room lives until [`Self::close_session`].
    ///
    /// # Errors
    /// [`Error::SnapshotTooLarge`], or what MoQ refuses.
    pub fn publish_state(
        &self,
        organisation: OrganisationId,
        session: SessionId,
        snapshot: Bytes,
    ) -> Result<(), Error> {
        bounded(&snapshot, self.shared.config.limits.snapshot_bytes)?;
        self.shared.rooms.publish_state(organisation, session, snapshot)
    }

    /// Shows everybody in the session its marks, and each camera's device its own, as [`Self::publish_state`] does the
    /// state.
    ///
    /// # Errors
    /// [`Error::SnapshotTooLarge`], or what MoQ refuses.
    pub fn publish_marks(&self, marks: &Marks) -> Result<(), Error> {
        for set in marks.cameras.iter().map(|(_, set)| set).chain([&marks.json]) {
            bounded(set, self.shared.config.limits.marks_bytes)?;
        }
        self.shared.rooms.publish_marks(marks)
    }

    /// The revision of the marks that are shown in the session; `None` when there were none yet.
    pub fn marks_revision(&self, organisation: OrganisationId, session: SessionId) -> Option<u64> {
        self.shared.rooms.marks_revision(organisation, session)
    }

    /// Ends every lease of a session and the server's own broadcast in it; returns how many leases were ended.
    pub fn close_session(&self, organisation: OrganisationId, session: SessionId) -> usize {
        let which = Selector::Session(session);
        self.shared.book().revoke(which);
        let ended = self.shared.leases.end(which, EndReason::SessionClosed);
        self.shared.rooms.close(organisation, session);
        ended
    }

    /// Everybody who is connected, oldest first.
    pub fn leases(&self) -> Vec<LeaseInfo> {
        self.shared.leases.list()
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.shared.tally.read(self.shared.rooms.cached())
    }

    /// Ends every lease, tells the peers, and gives the port back. Takes a second at most.
    pub async fn shutdown(self) {
        for endpoint in &self.shared.endpoints {
            endpoint.set_server_config(None);
        }
        self.shared.leases.end_all(EndReason::Shutdown);
        self.shared.tasks.close();
        let _ = timeout(endpoint::FAREWELL, self.shared.tasks.wait()).await;
        for endpoint in &self.shared.endpoints {
            endpoint.close(CloseCode::Shutdown.wire().into(), CloseCode::Shutdown.reason().as_bytes());
        }
        for endpoint in &self.shared.endpoints {
            let _ = timeout(endpoint::FAREWELL / 2, endpoint.wait_idle()).await;
        }
    }
}

impl Shared {
    fn now(&self) -> SystemTime {
        time(&self.clock)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }
}

fn bounded(snapshot: &Bytes, limit: usize) -> Result<(), Error> {
    let bytes = snapshot.len();
    if bytes > limit { Err(Error::SnapshotTooLarge { bytes, limit }) } else { Ok(()) }
}

fn time(clock: &Clock) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(clock.now_us())
}

/// Our locks guard data that is whole after every statement, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
