//! MoQ on a WebSocket, where UDP is blocked: what both ends must agree on, and the step from `qmux` to `moq-net`.
//!
//! The server accepts with it, the phone's core dials with it; neither opens a socket in here. `qmux` speaks the async
//! half of `web-transport-trait`, `moq-net` the polled half; the ready-made adapter brings a second crypto provider.
//!
//! ```text
//!  moq-net ◀── polled streams ── [`Session`] ◀── async streams ── qmux ◀── messages ── WebSocket
//! ```

mod polled;

pub use polled::{Reader, Session, Writer};

/// What we speak, newest first. Without a MoQ version in the name both sides would silently fall to an old one.
pub const PROTOCOLS: [&str; 2] = ["qmux-01.moq-lite-05", "qmux-00.moq-lite-05"];
/// Bytes of one WebSocket message, at most. A `qmux` record has at most 16 KiB, a stream's window 256 KiB.
pub const MESSAGE_BYTES: usize = 512 * 1024;
