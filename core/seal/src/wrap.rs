//! The wrapped key of one object: AES-KW over the key and the hash of the header it belongs to.
//!
//! ```text
//!  72 bytes = AES-KW (RFC 3394, AES-256) of  DEK 32 ‖ SHA-256(canonical header) 32
//! ```
//!
//! AES-KW because WebCrypto has it (`unwrapKey("raw", …, "AES-KW", …)`), it needs no nonce, and its integrity check covers
//! all 64 bytes. It takes no associated data, so the header goes inside: a wrap that was put beside another object is
//! whole and still refused. The same key wrapped twice gives the same bytes; keys are random, so this tells nothing.

use aes_kw::{KeyInit, KwAes256};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::key::KEY_LENGTH;
use crate::{Error, Header, Key};

/// Bytes of a wrapped key.
pub const WRAPPED: usize = INSIDE + 8;

/// Bytes that are wrapped.
const INSIDE: usize = KEY_LENGTH + 32;

/// Wraps `key`, the key of the object `header` names, under `kek`.
///
/// # Errors
/// [`Error::Wrap`] if the cipher refuses, which these fixed lengths leave no reason for.
pub fn wrap(kek: &Key, key: &Key, header: &Header) -> Result<[u8; WRAPPED], Error> {
    let mut inside = Zeroizing::new([0; INSIDE]);
    inside[..KEY_LENGTH].copy_from_slice(key.expose());
    inside[KEY_LENGTH..].copy_from_slice(&Sha256::digest(header.encoded()));
    let mut wrapped = [0; WRAPPED];
    cipher(kek).wrap_key(&*inside, &mut wrapped).map_err(|_| Error::Wrap)?;
    Ok(wrapped)
}

/// Gives back the key of the object `header` names.
///
/// # Errors
/// [`Error::WrapLength`], [`Error::Wrap`] for changed bytes or another `kek`, [`Error::WrapHeader`] for another object's
/// wrap. The header's hash is compared in constant time.
pub fn unwrap(kek: &Key, wrapped: &[u8], header: &Header) -> Result<Key, Error> {
    if wrapped.len() != WRAPPED {
        return Err(Error::WrapLength { length: wrapped.len() });
    }
    let mut inside = Zeroizing::new([0; INSIDE]);
    cipher(kek).unwrap_key(wrapped, &mut *inside).map_err(|_| Error::Wrap)?;
    let (key, hash) = inside.split_at(KEY_LENGTH);
    if bool::from(Sha256::digest(header.encoded()).as_slice().ct_eq(hash)) {
        Key::from_slice(key)
    } else {
        Err(Error::WrapHeader)
    }
}

fn cipher(kek: &Key) -> KwAes256 {
    KwAes256::new(kek.expose().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Vector {
        kek: String,
        key: String,
        header: vectors::Header,
        wrapped: String,
    }

    fn header() -> Header {
        Header::new("org", Some("session"), "object", "snapshots").unwrap()
    }

    /// Wraps written by Python's `aes_key_wrap` are ours, byte for byte, and open.
    #[test]
    fn wraps_of_another_implementation_open() {
        let vectors: Vec<Vector> = vectors::read(include_str!("../../../tests/vectors/seal/wrap.json"));
        assert!(vectors.len() >= 3);
        for vector in vectors {
            let header = vector.header.into_header();
            let kek = Key::from_slice(&vectors::hex(&vector.kek)).unwrap();
            let key = Key::from_slice(&vectors::hex(&vector.key)).unwrap();
            let wrapped = vectors::hex(&vector.wrapped);
            assert_eq!(wrap(&kek, &key, &header).unwrap().as_slice(), wrapped);
            assert_eq!(unwrap(&kek, &wrapped, &header).unwrap(), key);
        }
    }

    /// Any flipped bit, any other length, any other key: no key comes out.
    #[test]
    fn a_changed_wrap_does_not_open() {
        let (kek, key) = (Key::random().unwrap(), Key::random().unwrap());
        let wrapped = wrap(&kek, &key, &header()).unwrap();
        assert_eq!(unwrap(&kek, &wrapped, &header()).unwrap(), key, "the control: untouched, it opens");
        for bit in 0..WRAPPED * 8 {
            let mut changed = wrapped;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unwrap(&kek, &changed, &header()), Err(Error::Wrap));
        }
        for length in [0, 8, 16, 64, 71] {
            assert_eq!(unwrap(&kek, &wrapped[..length], &header()), Err(Error::WrapLength { length }));
        }
        assert_eq!(unwrap(&key, &wrapped, &header()), Err(Error::Wrap));
    }

    /// A wrap laid beside another object is whole, and refused.
    #[test]
    fn a_wrap_belongs_to_its_object() {
        let (kek, key) = (Key::random().unwrap(), Key::random().unwrap());
        let wrapped = wrap(&kek, &key, &header()).unwrap();
        let other = Header::new("org", Some("session"), "other", "snapshots").unwrap();
        assert_eq!(unwrap(&kek, &wrapped, &other), Err(Error::WrapHeader));
    }
}
