//! Who may do what: one table, deny by default. Every route of the API has a row, or it answers `forbidden`; a test walks
//! the API description and fails for a route without one.
//!
//! A handler cannot forget the rule: its argument is the permission. [`Staff`], [`SessionPermit`], [`GuestPermit`] and [`UploadPermit`]
//! are only made here, after the table was asked, and the services take nothing else. "Own" goes into the query itself
//! as [`Owner`]: somebody else's session does not exist.

mod guard;
mod permit;
mod table;

use std::fmt::Display;

use handlens_audit::{Principal, Token};
use handlens_protocol::{Problem, Role};

pub use guard::guard;
pub use permit::{GuestPermit, SessionPermit, Staff, Stranger, UploadPermit};
pub use table::{Broadcast, Reach, Row, TABLE, Who, broadcast, row};

use crate::app::fault;
pub use crate::store::session::Owner;

/// A person as the audit log knows them.
///
/// # Errors
/// Never for identifiers and words of this product.
pub fn principal(id: impl Display, role: Role, method: &str) -> Result<Principal, Problem> {
    let word = |text: &str| Token::new(text).map_err(fault);
    Ok(Principal { id: word(&id.to_string())?, role: word(role.as_str())?, method: word(method)? })
}
