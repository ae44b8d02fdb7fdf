//! The only two kinds of string an entry can hold. Neither can hold an e-mail address (`@`), a telephone number in
//! international form (`+`), a name with a space, or anything that JSON would have to escape.

use std::fmt;

use crate::frontier::MAX_SIZE;

/// An identifier, role, method or code: 1 to 64 characters of `A-Z a-z 0-9 . _ : -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(String);

/// The name of one log, or of the key that signs it: 1 to 200 characters, parts of token characters joined by `/`.
///
/// A log is one organisation's month, for example `help.example/org_1/2026-11`. A key named `help.example` signs
/// only logs whose names begin with `help.example/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

/// A string that may not stand in an entry. The string itself is not repeated: it may be what must not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Empty, or longer than the kind allows.
    #[error("{len} characters where 1 to {max} are allowed")]
    Length {
        /// Bytes that were given.
        len: usize,
        /// Bytes that are allowed.
        max: usize,
    },
    /// A character outside the set, or an empty part between two `/`.
    #[error("a character that is not allowed at position {at}")]
    Character {
        /// Byte position, from 0.
        at: usize,
    },
}

impl Token {
    /// The longest token, in bytes.
    pub const MAX: usize = 64;

    /// Checks and keeps `text`.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        check(text, Self::MAX, false)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Origin {
    /// The longest origin or key name, in bytes.
    pub const MAX: usize = 200;

    /// Checks and keeps `text`.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        check(text, Self::MAX, true)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a key of this name may sign the log `origin`.
    pub fn covers(&self, origin: &Self) -> bool {
        origin.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `n` can be written as an integer in an entry: JSON readers that use doubles must read it exactly.
pub(crate) fn fits(n: u64) -> bool {
    n <= MAX_SIZE
}

fn check(text: &str, max: usize, slashes: bool) -> Result<(), TokenError> {
    if text.is_empty() || text.len() > max {
        return Err(TokenError::Length { len: text.len(), max });
    }
    let mut part = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'-' => part += 1,
            b'/' if slashes && part > 0 => part = 0,
            _ => return Err(TokenError::Character { at }),
        }
    }
    if part == 0 {
        return Err(TokenError::Character { at: text.len() - 1 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What people are called, written to and phoned by cannot be written into an entry by mistake.
    #[test]
    fn a_token_cannot_hold_contact_data() {
        for bad in ["", "a@b.example", "+15551234567", "Ada Lovelace", "a\"b", "a\\b", "é", "a/b", "a\n"] {
            assert!(Token::new(bad).is_err(), "{bad:?}");
        }
        assert!(Token::new(&"a".repeat(65)).is_err());
        assert!(Token::new("ses_0Az-9:x.y").is_ok());
    }

    /// An origin has no empty part, and a key covers only what lies below its own name.
    #[test]
    fn an_origin_is_a_path_below_its_key() {
        for bad in ["", "/a", "a/", "a//b", "a b", "a+b"] {
            assert!(Origin::new(bad).is_err(), "{bad:?}");
        }
        let origin = |text| Origin::new(text).unwrap();
        assert!(origin("help.example").covers(&origin("help.example/org/2026-11")));
        assert!(!origin("help.example").covers(&origin("help.example.evil/org")));
        assert!(!origin("help.example").covers(&origin("help.example")));
    }
}
