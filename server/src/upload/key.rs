//! The keys of a session that devices seal to. The private one is kept sealed, under a purpose of its own.

use handlens_protocol::{Problem, SessionId};
use handlens_seal::hpke::OpenKey;

use crate::app::fault;
use crate::keys::{self, Item, Purpose};
use crate::store::upload::SessionKey;

/// New keys for a session.
///
/// # Errors
/// When there is no randomness.
pub(crate) fn make(keys: &keys::Organisation, session: SessionId) -> Result<SessionKey, Problem> {
    let opens = OpenKey::random().map_err(fault)?;
    let id = session.to_string();
    let sealed = keys.seal(item(&id), &*opens.expose()).map_err(fault)?;
    Ok(SessionKey { public: opens.public().to_sec1().to_vec(), sealed })
}

/// The private key of a session.
///
/// # Errors
/// `internal` when it was not sealed for this session.
pub(super) fn open(keys: &keys::Organisation, session: SessionId, sealed: &[u8]) -> Result<OpenKey, Problem> {
    let id = session.to_string();
    OpenKey::from_bytes(&keys.open(item(&id), sealed).map_err(fault)?).map_err(fault)
}

fn item(session: &str) -> Item<'_> {
    Item { purpose: Purpose::SessionKeys, object: session, session: Some(session) }
}
