//! The server's keys: a root in a file, a key for each organisation, a key for each purpose, a key for each object.
//!
//! ```text
//!  root (file, 0600) ──wraps──▶ organisation key (database) ──derives──▶ purpose key ──wraps──▶ object's key (its head)
//!                                                                                                    │ seals
//!                                                                                                container
//! ```
//!
//! What is stored is a head of 81 bytes (which key, and the object's own key wrapped under it) and the container. Rotation
//! makes new heads and never touches a container: `Organisation::rewrap` after a new organisation key, `Root::rewrap` after
//! a new root. Whoever has the database without the root file has nothing; whoever loses the root file, too.
//!
//! Every sealed thing is bound to its [`Item`] and organisation, so that a row moved to another place does not open there.
//! That an *older* value of the same item is put back is not seen here; the audit log and the database's integrity are for
//! that. Nothing here is async: the file is read once at the start, and the rest is microseconds for what fits in a row.

mod error;
mod head;
mod organisation;
mod root;
#[cfg(test)]
pub(crate) mod vectors;

pub use error::Error;
pub use head::{HEAD, KeyId};
pub use organisation::{Item, Organisation, Purpose};
pub use root::Root;
