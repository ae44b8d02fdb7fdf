//! A kept picture: what is inside it, how it is announced, and what its receipt says.
//!
//! ```text
//!  plaintext = "HLS1" ‖ length of `about` (4 bytes, big endian) ‖ `about`: About as JSON ‖ JPEG
//!  sealed    = container (handlens-seal) under a key of its own; header = organisation, session, object, "snapshots"
//!  seal      = HPKE (RFC 9180) of that key to the session's seal key, bound to the header: `handlens-seal::hpke`
//! ```
//! A device seals before it keeps, keeps before it says so, announces by `POST /api/guest/uploads` (tus 1.0: `Upload-Length`,
//! and `Upload-Metadata` with [`METADATA`]), sends parts by `PATCH`, and drops its copy on the [`crate::api::Receipt`].

use serde::{Deserialize, Serialize};

use crate::limits::SNAPSHOT_ABOUT_BYTES;
use crate::mark::{MARKS, Mark, Position};
use crate::{ObjectId, OrganisationId, SessionId};

/// Purpose in the header of a snapshot's container.
pub const PURPOSE: &str = "snapshots";
/// The media type of the plaintext, as `GET /api/sessions/{session}/snapshots/{object}` gives it.
pub const MEDIA_TYPE: &str = "application/vnd.handlens.snapshot";
/// The domain string of a receipt.
pub const RECEIPT_DOMAIN: &str = "handlens/receipt/v1";
/// Keys of `Upload-Metadata`; each value is base64 with padding, as tus has it.
pub const METADATA: [&str; 4] = [METADATA_OBJECT, METADATA_SHA256, METADATA_SEAL, METADATA_REQUEST];
/// The object's id, text.
pub const METADATA_OBJECT: &str = "object";
/// SHA-256 of the sealed object, 32 bytes.
pub const METADATA_SHA256: &str = "sha256";
/// The object's key, sealed to the session: `handlens-seal::hpke`.
pub const METADATA_SEAL: &str = "seal";
/// The id of the photo request it answers, text. May be missing.
pub const METADATA_REQUEST: &str = "request";

const MAGIC: &[u8; 4] = b"HLS1";

/// What is said of a snapshot inside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Format version, 1.
    pub v: u8,
    /// Capture time of the picture, µs on the device's capture clock.
    pub capture_us: u64,
    /// The same moment, µs since the Unix epoch, by the device's wall clock.
    pub taken_us: u64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The marks there were, and where each was on this picture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Placed>,
}

/// A mark and its place on the picture. A mark that was lost has the state `lost` and is not drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// As it was drawn, without its patch.
    pub mark: Mark,
    /// Where it is.
    pub position: Position,
}

/// Why bytes are no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Something else, or of another version.
    #[error("not a snapshot of a version that is known here")]
    Form,
    /// More is said than allowed.
    #[error("what is said of a snapshot has {found} bytes; {SNAPSHOT_ABOUT_BYTES} are allowed")]
    TooLarge {
        /// Bytes.
        found: usize,
    },
    /// It ends before it should.
    #[error("a snapshot that ends too early")]
    Short,
}

/// The plaintext of a snapshot.
///
/// # Errors
/// [`Invalid::TooLarge`].
pub fn encode(about: &About, jpeg: &[u8]) -> Result<Vec<u8>, Invalid> {
    let said = serde_json::to_vec(about).map_err(|_| Invalid::Form)?;
    let too_large = Invalid::TooLarge { found: said.len() };
    let length = u32::try_from(said.len()).map_err(|_| too_large)?;
    if said.len() > SNAPSHOT_ABOUT_BYTES {
        return Err(too_large);
    }
    Ok([MAGIC, &length.to_be_bytes()[..], &said, jpeg].concat())
}

/// What is said, and the JPEG.
///
/// # Errors
/// [`Invalid`]; the JPEG itself is not looked into.
pub fn decode(plaintext: &[u8]) -> Result<(About, &[u8]), Invalid> {
    let rest = plaintext.strip_prefix(MAGIC).ok_or(Invalid::Form)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(Invalid::Short)?;
    let length = u32::from_be_bytes(*length) as usize;
    if length > SNAPSHOT_ABOUT_BYTES {
        return Err(Invalid::TooLarge { found: length });
    }
    let (said, jpeg) = rest.split_at_checked(length).ok_or(Invalid::Short)?;
    let about: About = serde_json::from_slice(said).map_err(|_| Invalid::Form)?;
    if about.v != 1 || about.marks.len() > MARKS || about.marks.iter().any(|placed| placed.mark.check().is_err()) {
        return Err(Invalid::Form);
    }
    Ok((about, jpeg))
}

/// Everything a receipt's signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received<'a> {
    /// The owner.
    pub organisation: OrganisationId,
    /// The session.
    pub session: SessionId,
    /// The object.
    pub object: ObjectId,
    /// Bytes of the sealed object.
    pub bytes: u64,
    /// SHA-256 of the sealed object.
    pub sha256: [u8; 32],
    /// The log it was written to.
    pub origin: &'a str,
    /// The number of its entry there.
    pub sequence: u64,
    /// SHA-256 of the entry's bytes.
    pub entry_sha256: [u8; 32],
    /// When it was stored, µs since the Unix epoch.
    pub stored_us: u64,
}

/// The fields of a receipt in signing order. Texts are UTF-8, numbers are decimal ASCII.
pub fn receipt_fields(received: &Received<'_>) -> [Vec<u8>; 9] {
    [
        received.organisation.to_string().into_bytes(),
        received.session.to_string().into_bytes(),
        received.object.to_string().into_bytes(),
        received.bytes.to_string().into_bytes(),
        received.sha256.to_vec(),
        received.origin.as_bytes().to_vec(),
        received.sequence.to_string().into_bytes(),
        received.entry_sha256.to_vec(),
        received.stored_us.to_string().into_bytes(),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn about() -> About {
        About { v: 1, capture_us: 5, taken_us: 1_790_000_000_000_000, width: 640, height: 480, marks: vec![] }
    }

    /// What goes in comes out, and the picture is not touched.
    #[test]
    fn a_snapshot_comes_back() {
        let plaintext = encode(&about(), b"\xff\xd8 jpeg").expect("small");
        assert_eq!(decode(&plaintext), Ok((about(), &b"\xff\xd8 jpeg"[..])));
        for length in 0..plaintext.len() - 7 {
            assert!(decode(&plaintext[..length]).is_err(), "{length} bytes");
        }
        let large = [b"HLS1", &u32::MAX.to_be_bytes()[..]].concat();
        assert_eq!(decode(&large), Err(Invalid::TooLarge { found: u32::MAX as usize }));
    }

    proptest! {
        /// No bytes bring it down.
        #[test]
        fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
            let _ = decode(&[b"HLS1", &bytes[..]].concat());
        }
    }
}
