//! Identifiers: 128 random bits, one type for each kind of thing.
//!
//! Text form: a three-letter prefix, `_`, and 26 characters of Crockford base32 in lower case, e.g.
//! `ses_0f3k…`. The prefix makes a log line readable and a mixed-up identifier an error, not a wrong row.

use std::fmt;
use std::str::FromStr;

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {prefix}_ identifier")]
pub struct InvalidId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The three letters before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new identifier from the operating system's random source.
            ///
            /// # Errors
            /// When the operating system has no randomness to give.
            pub fn random() -> Result<Self, getrandom::Error> {
                let mut bytes = [0; 16];
                getrandom::fill(&mut bytes)?;
                Ok(Self(bytes))
            }

            /// An identifier from its 128 bits, for tests and golden vectors.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 128 bits.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, base32().encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                decode(text, $prefix).map(Self).ok_or(InvalidId { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "_[0-9a-hjkmnp-tv-z]{26}$")))
                    .into()
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::ToSchema for $name {}
    };
}

identifier!(
    /// A clinic, a company: the owner of everything else.
    OrganisationId, "org"
);
identifier!(
    /// A person with an account.
    UserId, "usr"
);
identifier!(
    /// A login of a user, or the binding of a guest's device; what a cookie stands for.
    LoginId, "log"
);
identifier!(
    /// One remote-assistance session.
    SessionId, "ses"
);
identifier!(
    /// Somebody's presence in one session.
    ParticipantId, "par"
);
identifier!(
    /// One link that was given to one person.
    InviteId, "inv"
);
identifier!(
    /// A sealed object: a snapshot, a note, a session's fields.
    ObjectId, "obj"
);
identifier!(
    /// One mark that somebody drew.
    MarkId, "mrk"
);
identifier!(
    /// One request to the server, for the log and for whoever reports a fault.
    RequestId, "req"
);

fn base32() -> Encoding {
    static BASE32: std::sync::LazyLock<Option<Encoding>> = std::sync::LazyLock::new(|| {
        let mut specification = Specification::new();
        specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
        specification.encoding().ok()
    });
    BASE32.clone().unwrap_or(data_encoding::BASE32_NOPAD)
}

fn decode(text: &str, prefix: &str) -> Option<[u8; 16]> {
    let body = text.strip_prefix(prefix)?.strip_prefix('_')?;
    if body.len() != 26 {
        return None;
    }
    base32().decode(body.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written is read back, and nothing else is: neither another kind, nor another length, nor capitals.
    #[test]
    fn an_identifier_has_one_text_form() {
        let id = SessionId::from_bytes(*b"0123456789abcdef");
        let text = id.to_string();
        assert_eq!(text, "ses_60rk4csm6mv3ee1sc5h66s35cr");
        assert_eq!(text.parse::<SessionId>(), Ok(id));
        assert!(text.parse::<UserId>().is_err());
        assert!(text.to_uppercase().parse::<SessionId>().is_err());
        assert!(text[..29].parse::<SessionId>().is_err());
        assert!(format!("{text}0").parse::<SessionId>().is_err());
    }
}
