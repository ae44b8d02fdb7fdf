//! Opaque tokens: 256 random bits in a cookie, their SHA-256 in the database.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// A token. Prints nothing.
pub struct Token(Zeroizing<[u8; 32]>);

impl Token {
    /// A new token.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    /// As it stands in the cookie: 43 characters of base64url.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64URL_NOPAD.encode(&*self.0))
    }

    /// As it stands in the database.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(*self.0).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The hash of `bytes` random bytes that somebody presented as base64url, or `None` if it is not that.
pub fn hash(text: &str, bytes: usize) -> Option<[u8; 32]> {
    let raw = Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?);
    (raw.len() == bytes).then(|| Sha256::digest(&*raw).into())
}
