//! The frame path: from a camera's borrowed bytes to encoded pictures, and never more of them than the link is worth.
//!
//! No async, no clock, no network: times are arguments, encoded pictures go to a function of the caller's, and the one
//! thread in here is the encoder's. A frame is copied at most once, into memory that is used again; two wait, the newest
//! wins, and each that is dropped has one reason.
//!
//! ```
//! use handlens_media::frame::{Frame, Layout, Size};
//! use handlens_media::sink::{FrameSink, Verdict};
//! use handlens_media::Config;
//!
//! let (sent, received) = std::sync::mpsc::channel();
//! let sink = FrameSink::start(Config::default(), Box::new(move |coded| {
//!     let _ = sent.send(coded.key.map(|sequence| sequence.codec.clone()));
//! }))?;
//! let size = Size::new(640, 360);
//! let frame = Frame::new(1_000, size, Layout::nv12(size));
//! let reply = sink.submit_planes(&[90; 640 * 360], &[128; 640 * 180], &frame);
//! assert_eq!(reply.verdict, Verdict::Taken);
//! assert_eq!(received.recv()?.as_deref(), Some("avc1.42c01e"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//!  frame ── layouts, checked views ──▶ convert ── I420, upright, smaller, grey ──▶ encode ── software │ external
//!     └───────────────────── sink: gate, queue of two, account of every frame ─────────┘        │
//!  rate ── reports of viewers ──▶ bits, frames, pixels, stills           h264 ── what the stream says of itself
//!  still ── JPEG, both ways       camera ── frames where there is no phone       overlay ── marks, drawn into a picture
//! ```

pub mod camera;
pub mod convert;
pub mod encode;
pub mod frame;
pub mod h264;
pub mod overlay;
pub mod rate;
pub mod sink;
pub mod still;

pub use encode::{Colour, Config};
pub use frame::{Frame, Layout, Rotation, Size};
pub use rate::{Report, Target};
pub use sink::{Counters, DropReason, FrameReply, FrameSink, Gate, Verdict};
