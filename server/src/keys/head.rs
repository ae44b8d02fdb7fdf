//! The first bytes of everything the server seals: which key, and the wrap under it.

use std::fmt;

use handlens_seal::{Header, Key, wrap};

use super::Error;

/// Bytes of a head: version, [`KeyId`], wrapped key.
pub const HEAD: usize = 1 + KEY_ID + wrap::WRAPPED;

/// The version this server writes, and the only one it knows.
const VERSION: u8 = 1;

/// Bytes of a key's name.
const KEY_ID: usize = 8;

/// The name of a wrapping key, derived from it: tells which key is needed, and nothing about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; KEY_ID]);

impl KeyId {
    pub(super) fn of(key: &Key) -> Result<Self, Error> {
        let derived = key.derive("key-id", b"")?;
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&derived.expose()[..KEY_ID]);
        Ok(Self(id))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Wraps `key` under `kek` for what `header` names, and says that it was `id`.
pub(super) fn make(id: KeyId, kek: &Key, key: &Key, header: &Header) -> Result<[u8; HEAD], Error> {
    let mut head = [VERSION; HEAD];
    head[1..=KEY_ID].copy_from_slice(&id.0);
    head[1 + KEY_ID..].copy_from_slice(&wrap::wrap(kek, key, header)?);
    Ok(head)
}

/// Which key the head at the beginning of `bytes` was wrapped under. `bytes` may go on after it.
pub(super) fn wrapped_under(bytes: &[u8]) -> Result<KeyId, Error> {
    let head = split(bytes)?.0;
    let mut id = [0; KEY_ID];
    id.copy_from_slice(&head[1..=KEY_ID]);
    Ok(KeyId(id))
}

/// The wrapped key, if it was wrapped under `id`.
pub(super) fn open(id: KeyId, kek: &Key, bytes: &[u8], header: &Header) -> Result<Key, Error> {
    let wrapped_under = wrapped_under(bytes)?;
    if wrapped_under != id {
        return Err(Error::OtherKey { wrapped_under, ours: id });
    }
    Ok(wrap::unwrap(kek, &split(bytes)?.0[1 + KEY_ID..], header)?)
}

/// Head and container.
pub(super) fn split(bytes: &[u8]) -> Result<(&[u8; HEAD], &[u8]), Error> {
    match bytes.split_first_chunk::<HEAD>() {
        Some((head, container)) if head[0] == VERSION => Ok((head, container)),
        _ => Err(Error::Head { length: bytes.len() }),
    }
}
