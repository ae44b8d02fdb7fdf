//! One sealed object on its way to the server, as a state machine: announce, part after part, receipt, done.
//!
//! No sockets, no clock, no async, no disk: the caller feeds [`Input`]s with the time they happened, drains [`Output`]s,
//! and calls again no later than [`Upload::next_wakeup`]. An output says *what* to send; by what (HTTPS now) is the
//! caller's to choose. It never guesses: where the upload stands, only the server says. It never gives up for want of a
//! network, and it is done only by a receipt whose signature it checked.
//!
//! ```text
//!  Announce ──▶ Part … Part ──▶ Receipt ──verified──▶ Done
//!     ▲ not found  │ lost, mismatch  │ not stored yet
//!     └─── Ask ◀───┴─────────────────┘ after a wait that grows
//! ```
//!
//! After a restart a new machine for the same object begins by announcing it again, which the server answers with its
//! offset. Parts shrink with each failure and grow with each success: on a thin link little is sent twice.

mod event;
mod upload;

pub use event::{Answer, Input, Output, Request, RequestNumber, Stopped};
pub use upload::Upload;
