//! A 256-bit key, where it comes from, and how others are made of it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Error, encoding};

/// Bytes of a key.
pub const KEY_LENGTH: usize = 32;

/// Domain and version of [`Key::derive`].
const DERIVE: &str = "handlens/derive@v1";

/// 32 uniformly random bytes. Wiped when dropped, compared in constant time, printed as nothing.
///
/// One key has one use: to derive, to seal containers, or to wrap. What needs two derives two.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; KEY_LENGTH]);

impl Key {
    /// A new key from the operating system.
    ///
    /// # Errors
    /// [`Error::Random`] when there is no randomness to be had.
    pub fn random() -> Result<Self, Error> {
        let mut key = Self([0; KEY_LENGTH]);
        random(&mut key.0)?;
        Ok(key)
    }

    /// A key that was kept somewhere. The bytes must have been uniformly random: a password is not a key.
    pub fn from_bytes(bytes: &[u8; KEY_LENGTH]) -> Self {
        Self(*bytes)
    }

    /// The same from a slice.
    ///
    /// # Errors
    /// [`Error::KeyLength`] unless there are exactly [`KEY_LENGTH`] bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        bytes.try_into().map(Self::from_bytes).map_err(|_| Error::KeyLength { length: bytes.len() })
    }

    /// The key for `purpose` and `context` under this one: same inputs, same key; without this key, unrelated.
    ///
    /// HKDF-Expand-SHA-512 (RFC 5869 section 2.3) cut to 32 bytes, with
    /// `info = encoding::encode("handlens/derive@v1", [purpose, context])`. No Extract step, because a [`Key`] is uniform
    /// already: the feedback mode of NIST SP 800-108 Rev. 1, as in the container's own derivation. In WebCrypto it is the
    /// first 32 bytes of one `HMAC-SHA-512(key, info ‖ 0x01)`.
    ///
    /// # Errors
    /// [`Error::Identifier`] for a purpose out of bounds, [`Error::EncodingLength`] for a context beyond
    /// [`encoding::MAX_ENCODED`].
    pub fn derive(&self, purpose: &str, context: &[u8]) -> Result<Self, Error> {
        encoding::identifier("purpose", purpose)?;
        let info = encoding::encode(DERIVE, &[purpose.as_bytes(), context])?;
        Ok(Self(*self.expand::<KEY_LENGTH>(&[&info])))
    }

    /// The bytes. Named so that every place that takes a key out of its wrapper can be found with one search.
    pub fn expose(&self) -> &[u8; KEY_LENGTH] {
        &self.0
    }

    /// HKDF-Expand-SHA-512 of this key over the concatenation of `info`. Written out because `hkdf::Hkdf::from_prk` takes
    /// no key shorter than the hash, which RFC 5869 asks for and the container's specification does not.
    pub(crate) fn expand<const N: usize>(&self, info: &[&[u8]]) -> Zeroizing<[u8; N]> {
        const { assert!(N <= 255 * BLOCK, "HKDF-Expand has at most 255 blocks") };
        // HMAC fills a key shorter than the hash's block up with zeros (RFC 2104), so this is the key itself.
        let mut padded = Zeroizing::new([0; 128]);
        padded[..KEY_LENGTH].copy_from_slice(&self.0);
        let keyed = Hmac::<Sha512>::new((&*padded).into());
        let mut out = Zeroizing::new([0; N]);
        let mut previous = Zeroizing::new([0; BLOCK]);
        for (block, number) in out.chunks_mut(BLOCK).zip(1u8..) {
            let mut mac = keyed.clone();
            if number > 1 {
                mac.update(&*previous);
            }
            info.iter().for_each(|part| mac.update(part));
            mac.update(&[number]);
            previous.copy_from_slice(&mac.finalize().into_bytes());
            block.copy_from_slice(&previous[..block.len()]);
        }
        out
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// Fills `bytes` from the operating system.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|_| Error::Random)
}

/// Bytes of one HMAC-SHA-512.
const BLOCK: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Vector {
        key: String,
        purpose: String,
        context: String,
        derived: String,
    }

    /// Python's `HKDFExpand` derives the same keys.
    #[test]
    fn derived_keys_are_those_of_another_implementation() {
        let vectors: Vec<Vector> = vectors::read(include_str!("../../../tests/vectors/seal/derive.json"));
        assert!(vectors.len() >= 4);
        for vector in vectors {
            let key = Key::from_slice(&vectors::hex(&vector.key)).unwrap();
            let derived = key.derive(&vector.purpose, &vectors::hex(&vector.context)).unwrap();
            assert_eq!(derived.expose().as_slice(), vectors::hex(&vector.derived));
        }
    }

    /// A key leaves nothing of itself in a log line.
    #[test]
    fn a_key_prints_nothing() {
        let key = Key::from_bytes(&[0xab; KEY_LENGTH]);
        assert_eq!(format!("{key:?}"), "Key");
    }

    /// Two keys from the system differ, and are not the zeros they were born as.
    #[test]
    fn keys_are_random() {
        let (one, two) = (Key::random().unwrap(), Key::random().unwrap());
        assert_ne!(one, two);
        assert_ne!(one, Key::from_bytes(&[0; KEY_LENGTH]));
        assert_eq!(Key::from_slice(one.expose()).unwrap(), one);
        assert_eq!(Key::from_slice(&[0; 31]), Err(Error::KeyLength { length: 31 }));
    }

    /// Purpose, context and parent each change the derived key, and the border between them counts.
    #[test]
    fn derived_keys_are_apart() {
        let key = Key::from_bytes(&[1; KEY_LENGTH]);
        let derived = key.derive("notes", b"1").unwrap();
        assert_eq!(key.derive("notes", b"1").unwrap(), derived);
        assert_ne!(key.derive("notes", b"2").unwrap(), derived);
        assert_ne!(key.derive("notes1", b"").unwrap(), derived);
        assert_ne!(Key::from_bytes(&[2; KEY_LENGTH]).derive("notes", b"1").unwrap(), derived);
        assert_ne!(derived, key);
        assert!(matches!(key.derive("", b""), Err(Error::Identifier { field: "purpose", .. })));
    }
}
