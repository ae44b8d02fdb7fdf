//! Anchoring: a mark drawn on one frame stays on the thing it points at, and says so when it cannot.
//!
//! Geometry and tracking only: no files, no sockets, no clock, no threads. Time is the frame's capture time, µs, an argument
//! everywhere. The same code runs in a phone and, built to WebAssembly, in a browser, and gives the same bits: `f64` and
//! `libm`, one order of operations, no fused multiply-add.
//!
//! ```text
//!            poses ─▶ pose_history ─┐                       ┌─▶ projection ─┐
//!            planes ─▶ hit_test ────┴─▶ surface in the world┘  (guess, or   │
//!                                                              approximate) ▼
//!  mark ─▶ key frame ─▶ template ─▶ align to every frame ─▶ appearance ─▶ state ─▶ geometry(capture_us)
//!                          ▲ guess from flow, pose, search
//! ```
//!
//! [`Anchors`] is what a phone's core drives. Give it every frame with [`Anchors::observe`], poses and planes if there are
//! any, marks as they are committed; ask [`Anchors::geometry`] for the frame that is shown or published.
//!
//! The rule above all others: a mark never points at the wrong thing. `tracked` means that this frame was compared with the
//! frame the mark was drawn on, cell by cell, and that the place is known to a few pixels. Motion from frame to frame and poses
//! only say where to look.
//!
//! This is the first version. It has one key frame a mark, picks between similarity and homography by how much texture is
//! seen (not yet by covariance, and no affine model), and finds a mark again only from views like the one it was last held
//! in. What it cannot do it reports as lost.

mod error;
mod frame;
mod ghost;
mod hit_test;
mod intrinsics;
mod mark_anchor;
mod plane;
mod pose;
mod pose_history;
mod projection;
mod ray;
mod state;
mod tracker;
mod world;

pub use error::Error;
pub use frame::GreyFrame;
pub use hit_test::{Hit, Source, hit_test};
pub use intrinsics::Intrinsics;
pub use mark_anchor::{Anchors, MarkGeometry};
pub use plane::Plane;
pub use pose::Pose;
pub use pose_history::PoseHistory;
pub use projection::{PoseNoise, Surface};
pub use ray::{Ray, nearest_point};
pub use tracker::Homography;
