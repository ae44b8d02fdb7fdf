//! The Handlens server as a library: one process, one TCP and one UDP port, one folder.
//!
//! ```text
//!  http ─▶ access (the policy table) ─▶ invite, guest, session, mark, photo, upload, realtime ─▶ audit::Change ─▶ store, blob
//!                                                                              └─ after the commit ─▶ live ─▶ relay
//! ```
//!
//! `handlens serve` and the tests start it the same way:
//!
//! ```no_run
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! use handlens_server::{Server, clock::Clock, config::Layer};
//!
//! let config = Layer { data: Some("data".into()), ..Layer::default() }.finish()?;
//! let server = Server::start(config, Clock::system()).await?;
//! println!("{}", server.url());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod access;
pub mod address;
pub mod app;
pub mod attempts;
pub mod audit;
pub mod blob;
pub mod clock;
pub mod config;
pub mod export;
pub mod guest;
pub mod http;
pub mod identity;
pub mod invite;
pub mod keys;
pub mod live;
pub mod mark;
pub mod photo;
pub mod realtime;
pub mod refusals;
pub mod relay;
pub mod serve;
pub mod session;
pub mod snapshot;
pub mod store;
pub mod upload;

mod tls;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use handlens_protocol::Problem;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

use crate::address::Address;
use crate::app::{App, Parts};
use crate::clock::Clock;
use crate::config::Config;
use crate::live::Live;
use crate::relay::{LeaseEvent, Relay};
use crate::store::Store;

/// Why the server did not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The TCP port cannot be had.
    #[error("cannot listen on TCP {listen}: {source}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate files cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The UDP port cannot be had.
    #[error(transparent)]
    Relay(#[from] relay::Error),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The folder of sealed objects cannot be used.
    #[error(transparent)]
    Blob(#[from] blob::Error),
    /// The audit log cannot be used.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The root key cannot be used.
    #[error(transparent)]
    Keys(#[from] keys::Error),
    /// The keys' folder cannot be used.
    #[error("cannot use the folder {path}: {source}")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The address of this server is not one.
    #[error("not an address: {0}")]
    Address(#[from] url::ParseError),
    /// No randomness.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// A part could not be made.
    #[error("{0}")]
    Part(#[from] Problem),
}

/// A running server.
pub struct Server {
    app: App,
    address: SocketAddr,
    setup: Option<Zeroizing<String>>,
    tasks: TaskTracker,
    /// Cancelled when the relay has stopped.
    relay_over: CancellationToken,
}

impl Server {
    /// Starts everything; returns when both ports are listened on.
    ///
    /// # Errors
    /// When a port, a folder, a key or the database cannot be used.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, Error> {
        let listen_error = |source| Error::Listen { listen: config.listen, source };
        let tls = config.tls.clone().map(tls::Certificates::load).transpose()?;
        let listener = TcpListener::bind(config.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let (app, leases, setup) = online(&config, clock, address).await?;
        let (tasks, relay_over) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(realtime::record_leases(app.clone(), leases, relay_over.clone()));
        tasks.spawn(refusals::tell(app.clone()));
        tasks.spawn(upload::sweep_daily(app.clone()));
        tasks.spawn(identity::end_what_is_over(app.clone()));
        tasks.spawn(serve::accept(app.clone(), listener, tls, tasks.clone()));
        Ok(Self { app, address, setup, tasks, relay_over })
    }

    /// What people type.
    pub fn url(&self) -> &url::Url {
        &self.app.address.origin
    }

    /// The TCP address that is listened on.
    pub const fn listens_on(&self) -> SocketAddr {
        self.address
    }

    /// The UDP port that clients are told.
    pub fn udp_port(&self) -> u16 {
        self.app.address.udp_port
    }

    /// The link of the first start, while it is open. It holds the one-time secret: for the owner's eyes.
    pub fn setup_link(&self) -> Option<Zeroizing<String>> {
        let secret = self.setup.as_ref().filter(|_| self.app.setup.is_open())?;
        Some(Zeroizing::new(self.app.address.page("/setup", secret)))
    }

    /// What the handlers work with, for tests and the command line.
    pub const fn app(&self) -> &App {
        &self.app
    }

    /// Ends connections and leases, finishes the log's signatures, closes the database. Takes a few seconds at most.
    pub async fn shutdown(self) {
        self.app.stop.cancel();
        if let Some(relay) = self.app.live.relay() {
            relay.clone().shutdown().await;
        }
        self.relay_over.cancel();
        self.tasks.close();
        if tokio::time::timeout(std::time::Duration::from_secs(3), self.tasks.wait()).await.is_err() {
            tracing::warn!("some connections did not end in three seconds");
        }
        if let Err(error) = self.app.log.settle().await {
            tracing::error!(%error, "the log's last entries will be signed at the next start");
        }
        self.app.store.close().await;
    }
}

/// What a command beside a server works with: the folders without the ports. Safe while the server runs.
///
/// # Errors
/// When a folder, a key or the database cannot be used.
pub async fn offline(config: Config, clock: Clock) -> Result<App, Error> {
    let (store, root, _) = open(&config).await?;
    let udp_port = config.udp_announce.unwrap_or(config.udp_listen.port());
    parts(&config, clock, config.listen, udp_port, store, root, Live::offline()).await
}

async fn online(
    config: &Config,
    clock: Clock,
    address: SocketAddr,
) -> Result<(App, UnboundedReceiver<LeaseEvent>, Option<Zeroizing<String>>), Error> {
    let (store, root, populated) = open(config).await?;
    let udp = SocketAddr::new(config.udp_listen.ip(), udp_port(config, address));
    let (relay, leases) = Relay::start(relay_config(config, udp), clock.clone()).await?;
    let udp_port = relay.offer()?.port;
    let app = parts(config, clock, address, udp_port, store, root, Live::new(relay)).await?;
    upload::sweep(&app).await?;
    let setup = if populated { None } else { Some(app.setup.open()?) };
    Ok((app, leases, setup))
}

async fn open(config: &Config) -> Result<(Store, keys::Root, bool), Error> {
    let unusable = |source| Error::Folder { path: config.keys.display().to_string(), source };
    store::make_private(&config.keys).map_err(unusable)?;
    let store = Store::open(&config.data).await?;
    let populated = store::account::any_organisation(&mut *store.reader().await?).await?;
    Ok((store, open_root(&config.keys, populated)?, populated))
}

async fn parts(
    config: &Config,
    clock: Clock,
    listen: SocketAddr,
    udp_port: u16,
    store: Store,
    root: keys::Root,
    live: Live,
) -> Result<App, Error> {
    let log = audit::Log::open(store.clone(), clock.clone(), &config.keys).await?;
    Ok(App::new(Parts {
        address: Address::new(config.public_url.clone(), listen, udp_port, config.trusted_proxies.clone())?,
        clock,
        store,
        blobs: blob::Blobs::open(&config.data)?,
        uploads: upload::Uploads::default(),
        log,
        root,
        live,
        passwords: identity::Passwords::new()?,
        setup: identity::Setup::default(),
        attempts: attempts::Attempts::default(),
        refusals: refusals::Refusals::default(),
        stop: CancellationToken::new(),
    }))
}

/// A missing root key is made once, before anything was sealed under it, and never replaced silently.
fn open_root(folder: &Path, populated: bool) -> Result<keys::Root, keys::Error> {
    let path = folder.join("root.key");
    if populated { keys::Root::open(&path) } else { keys::Root::open_or_create(&path) }
}

/// Without a UDP port of its own, QUIC takes the number of the TCP port, also where the system chose it.
fn udp_port(config: &Config, address: SocketAddr) -> u16 {
    if config.udp_listen == config.listen { address.port() } else { config.udp_listen.port() }
}

fn relay_config(config: &Config, udp: SocketAddr) -> relay::Config {
    let host = config.public_url.as_ref().and_then(|url| url.host_str());
    // A browser on this machine may try either family of `localhost`.
    let listen = if udp.ip().is_loopback() {
        vec![(Ipv4Addr::LOCALHOST, udp.port()).into(), (Ipv6Addr::LOCALHOST, udp.port()).into()]
    } else {
        vec![udp]
    };
    relay::Config {
        listen,
        announce_port: config.udp_announce,
        hosts: match host {
            Some(host) => vec![host.trim_matches(['[', ']']).to_owned()],
            None => ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
        },
        limits: relay::Limits::default(),
    }
}
