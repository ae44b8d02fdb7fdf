//! What an entry says about ePHI without saying it: a commitment under a key of its own.
//!
//! A hash, or a hash with a salt that stands in the entry, would let anyone try every telephone number. The key is kept
//! only with the sealed details; when both are shredded the entry still proves that something was said, and not what.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The longest details, in bytes.
pub const MAX_DETAILS: usize = 32 * 1024;

/// `HMAC-SHA-256(key, details)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment(pub [u8; 32]);

/// The 256-bit key of one entry's details, from a secure random source, used for one entry only. Does not print.
#[derive(Clone)]
pub struct DetailsKey(Zeroizing<[u8; 32]>);

/// Details with their key: what opens a commitment. Does not print.
#[derive(Clone)]
pub struct Reveal {
    /// The exact bytes that were committed to, by custom one JSON object.
    pub details: Vec<u8>,
    /// The entry's key.
    pub key: DetailsKey,
}

/// The details are longer than [`MAX_DETAILS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("details of {0} bytes, where {MAX_DETAILS} are allowed")]
pub struct TooLong(pub usize);

impl DetailsKey {
    /// A key from 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be sealed with the details.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Commits to `details`.
    pub fn commit(&self, details: &[u8]) -> Result<Commitment, TooLong> {
        if details.len() > MAX_DETAILS {
            return Err(TooLong(details.len()));
        }
        // The key of HMAC-SHA-256 padded to its block, RFC 2104 section 2: the same MAC, and nothing that can fail.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(self.expose());
        let mut mac = Hmac::<Sha256>::new(&(*block).into());
        mac.update(details);
        Ok(Commitment(mac.finalize().into_bytes().into()))
    }
}

impl Reveal {
    /// Whether this is what `commitment` was made of.
    pub fn opens(&self, commitment: &Commitment) -> bool {
        self.key.commit(&self.details) == Ok(*commitment)
    }
}

impl fmt::Debug for DetailsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DetailsKey(…)")
    }
}

impl fmt::Debug for Reveal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reveal(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commitment is plain HMAC-SHA-256: a value computed by Python's `hmac` for the same key and text.
    #[test]
    fn the_commitment_is_hmac_sha_256() {
        let commitment = DetailsKey::new([7; 32]).commit(br#"{"patient":"Ada"}"#).unwrap();
        assert_eq!(
            data_encoding::HEXLOWER.encode(&commitment.0),
            "18a6d478555afa7748839cb7943c51d3a9b3e637fe5d6513dd1893a43d685efb"
        );
    }

    /// Neither key nor details appear in a debug print.
    #[test]
    fn a_reveal_does_not_print() {
        let reveal = Reveal { details: b"Ada".to_vec(), key: DetailsKey::new([7; 32]) };
        assert_eq!(format!("{reveal:?} {:?}", reveal.key), "Reveal(…) DetailsKey(…)");
    }
}
