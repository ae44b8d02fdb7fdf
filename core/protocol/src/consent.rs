//! Consent: what a person allowed, for which purpose, in which words, signed by their device.
//!
//! A grant (or its withdrawal) is a statement under P-256. The bytes that are signed are the domain [`DOMAIN`] and the
//! fields of [`Statement::fields`], length-prefixed as `handlens-seal::signature` says. The server recomputes the wording
//! that was shown; a grant over other words is refused. No role on the server can make a grant.

use serde::{Deserialize, Serialize};

use crate::{OrganisationId, ParticipantId, SessionId};

/// The domain string of a consent statement.
pub const DOMAIN: &str = "handlens/consent/v1";
/// The domain string of the proof that comes with a redemption.
pub const REDEEM_DOMAIN: &str = "handlens/redeem/v1";

/// What can be allowed, each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Live video.
    Camera,
    /// Live sound.
    Microphone,
    /// Photographs that are kept.
    Snapshots,
    /// A recording that is kept.
    Recording,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::Camera, Self::Microphone, Self::Snapshots, Self::Recording];

    /// The word used on the wire, in the database and in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Snapshots => "snapshots",
            Self::Recording => "recording",
        }
    }

    /// The purpose with that word, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }

    /// The words a person reads before they allow it, with the technician's first name and the organisation's name put
    /// in. `None` when there is no text in that language.
    pub fn wording(self, language: &str, technician: &str, organisation: &str) -> Option<String> {
        if language != "en" {
            return None;
        }
        Some(match self {
            Self::Camera => format!(
                "{technician} will see what your phone sees. We keep no photos or video unless you say yes. You can stop at any time."
            ),
            Self::Microphone => format!("{technician} will hear you. We keep no sound. You can stop at any time."),
            Self::Snapshots => {
                format!("{technician} wants to take a photo. {organisation} will keep it. You can say no.")
            }
            Self::Recording => format!(
                "{technician} wants to record this call. {organisation} will keep it. You can say no. We can still help you."
            ),
        })
    }
}

/// Languages there are wordings in (BCP 47).
pub const LANGUAGES: [&str; 1] = ["en"];

/// Allow or withdraw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// From now on, until withdrawn or expired.
    Grant,
    /// No longer.
    Revoke,
}

impl Decision {
    /// The word that is signed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Revoke => "revoke",
        }
    }
}

/// Everything a consent's signature covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The organisation that asks.
    pub organisation: OrganisationId,
    /// The session it is for.
    pub session: SessionId,
    /// The person whose device signs.
    pub participant: ParticipantId,
    /// What for.
    pub purpose: Purpose,
    /// Allow or withdraw.
    pub decision: Decision,
    /// SHA-256 of the words that were shown, UTF-8.
    pub wording_sha256: [u8; 32],
    /// The language of these words (BCP 47).
    pub language: &'a str,
    /// 16 random bytes; a nonce is taken once.
    pub nonce: [u8; 16],
    /// When the statement stops being accepted, µs since the Unix epoch.
    pub expires_us: u64,
}

impl Statement<'_> {
    /// The fields in signing order. Texts are UTF-8, numbers are decimal ASCII.
    pub fn fields(&self) -> [Vec<u8>; 9] {
        [
            self.organisation.to_string().into_bytes(),
            self.session.to_string().into_bytes(),
            self.participant.to_string().into_bytes(),
            self.purpose.as_str().as_bytes().to_vec(),
            self.decision.as_str().as_bytes().to_vec(),
            self.wording_sha256.to_vec(),
            self.language.as_bytes().to_vec(),
            self.nonce.to_vec(),
            self.expires_us.to_string().into_bytes(),
        ]
    }
}

/// The fields of the proof that comes with a redemption: SHA-256 of the link's secret, the public key, the expiry.
pub fn redeem_fields(secret_sha256: &[u8; 32], public_key: &[u8], expires_us: u64) -> [Vec<u8>; 3] {
    [secret_sha256.to_vec(), public_key.to_vec(), expires_us.to_string().into_bytes()]
}
