//! The phone's core put together: one visit to one session, from the link to its end.
//!
//! The rules live in rooms without I/O (`handlens-session`, `-media`, `-anchor`); this crate gives them a clock, HTTPS, MoQ
//! on QUIC or a WebSocket, and threads. It needs a tokio runtime, reads no configuration, opens no camera and shows
//! nothing: pixels are pushed in by [`Camera`], events are pulled out of [`Visit::next_event`].
//!
//! ```no_run
//! # async fn visit(link: &str, pixels: &[u8], frame: &handlens_media::Frame) -> Result<(), handlens_client::Error> {
//! use handlens_client::{Client, Config};
//! use handlens_protocol::consent::Purpose;
//!
//! let client = Client::new(Config::new(link.parse()?))?;
//! println!("{} asks to see what your phone sees.", client.peek().await?.technician);
//! let visit = client.visit()?;
//! visit.camera_opened(true);
//! visit.allow(Purpose::Camera);
//! visit.join(false);
//! let camera = visit.camera();
//! camera.frame(pixels, frame);                    // from the camera's thread, thirty times a second
//! while let Some(event) = visit.next_event().await {
//!     println!("{event:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//!  Client ─ http ─ device ──▶ visit ── Session ──▶ transport: quic │ websocket
//!                               │                       ▲      │
//!  Visit ◀── events ────────────┤      Camera ──▶ publish      └▶ state, marks, reports
//!                               └────────┴─────▶ marks ── Anchors, on a thread of their own
//! ```
//! A photo goes another way: [`Visit::photo`] seals it into the vault, and the [`Outbox`] sends it over HTTPS, also after a kill
//! and after the end.
//!
//! It never gives up: without network it goes on trying for as long as the session lasts.

mod camera;
mod client;
mod clock;
mod config;
mod courier;
mod device;
mod error;
mod event;
mod events;
mod hang;
mod http;
mod marks;
mod outbox;
mod publish;
mod snapshot;
mod tls;
mod transport;
mod visit;

pub use camera::Camera;
pub use client::{Client, Positions, Visit};
pub use clock::capture_us;
pub use config::{Config, Link};
pub use device::{Folder, Forgetful, Keeper, Kept};
pub use error::Error;
pub use event::Event;
pub use handlens_session::{Life, Over, Via};
pub use handlens_upload::Stopped;
#[cfg(unix)]
pub use handlens_vault::FileKey;
pub use handlens_vault::{Error as VaultError, KeyFault, KeyVault, Quota, Vault};
pub use outbox::{Outbox, Sent};
pub use publish::Account;
pub use snapshot::{Photo, Taken};
