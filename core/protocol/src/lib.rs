//! What is said between phone, browser and server: identifiers, roles, consent, realtime names, API records, limits and
//! error codes.
//!
//! No I/O, no clock, no async. Every other crate of the product depends on this one and it depends on none of them, so
//! a word means the same thing everywhere.
//!
//! ```text
//!  id ── who and what          role ── who may            consent ── what a person allowed, and in which words
//!  api ── HTTPS bodies         state ── what all see       broadcast ── names on the realtime plane
//!  close ── why a realtime connection ended
//!  limits ── how much          problem ── what went wrong  private ── values that never print
//!  mark ── what is drawn, and where it is on each frame   pose ── where a phone is, and what it sees through
//!  snapshot ── a kept picture: content, upload, receipt
//! ```
//!
//! Times are µs since the Unix epoch and end in `_us`, unless a comment names another clock.

pub mod api;
pub mod broadcast;
pub mod close;
pub mod consent;
pub mod id;
pub mod limits;
pub mod mark;
pub mod pose;
pub mod private;
pub mod problem;
pub mod role;
pub mod snapshot;
pub mod state;
pub mod words;

pub use id::{InviteId, LoginId, MarkId, ObjectId, OrganisationId, ParticipantId, RequestId, SessionId, UserId};
pub use private::{Phi, Secret};
pub use problem::{Host, Kind, Problem};
pub use role::Role;
