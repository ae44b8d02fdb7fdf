//! A phone's visit as a state machine: join, wait, be admitted, connect, lose, come back, end.
//!
//! No sockets, no clock, no async. The caller feeds [`Input`]s with the time they happened, drains [`Output`]s, and calls
//! again no later than [`Session::next_wakeup`]. What must hold for as long as a state lasts (events open, tracks
//! published) is not an output but read from [`Session::wants`]. The patient's page has the same machine in the same
//! words (`console/src/patient/machine.ts`, `console/src/realtime/connect.ts`).
//!
//! ```text
//!  Invited ──redeem──▶ Joining ──▶ Waiting ──admit──▶ Admitted ──▶ Live ⇄ Lost
//!                         └───────────┴──────────────────┴──────────┴──┴──▶ Over(finished │ declined │ left │ used │ …)
//! ```
//! It never gives up: a session outlives ten minutes (and more) without its phone. Only the server or the person ends it.

pub mod backoff;
mod event;
mod link;
mod moment;
mod session;

pub use event::{Answer, DialNumber, Grants, Input, Life, Output, Over, Request, RequestNumber, Told, Via};
pub use moment::Moment;
pub use session::{Session, Wants};
