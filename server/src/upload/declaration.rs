//! What a device says of a snapshot before it sends it: `Upload-Length` and `Upload-Metadata` of tus 1.0.

use data_encoding::BASE64;
use handlens_protocol::limits::SNAPSHOT_BYTES;
use handlens_protocol::snapshot::{METADATA_OBJECT, METADATA_REQUEST, METADATA_SEAL, METADATA_SHA256};
use handlens_protocol::{Kind, ObjectId, Problem, RequestId};
use handlens_seal::{container, hpke};

/// Characters of `Upload-Metadata`; the four values at their longest need less than half of it.
const METADATA_CHARS: usize = 1_024;
/// Characters of an identifier.
const ID_CHARS: usize = 64;

/// An announced snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Which.
    pub object: ObjectId,
    /// Bytes of the sealed picture: a length that a container can have.
    pub bytes: u64,
    /// SHA-256 of the sealed picture.
    pub sha256: [u8; 32],
    /// Its key, sealed to the session.
    pub seal: Vec<u8>,
    /// The request it answers.
    pub request: Option<RequestId>,
}

impl Declaration {
    /// Reads the two headers.
    ///
    /// # Errors
    /// `malformed` for another form, `too-large`, `invalid` for a length that no container has.
    pub fn read(length: Option<&str>, metadata: Option<&str>) -> Result<Self, Problem> {
        let bytes = number(length).ok_or_else(|| malformed("`Upload-Length` is the number of bytes."))?;
        if bytes > SNAPSHOT_BYTES {
            let detail = format!("The snapshot has {bytes} bytes; {SNAPSHOT_BYTES} are allowed.");
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        if container::plaintext_length(bytes).is_err() {
            return Err(Problem::new(Kind::Invalid, format!("Nothing sealed has {bytes} bytes.")));
        }
        let metadata = metadata.ok_or_else(|| malformed("`Upload-Metadata` is missing."))?;
        if metadata.len() > METADATA_CHARS {
            let detail = format!("`Upload-Metadata` is longer than {METADATA_CHARS} characters.");
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        let (mut object, mut sha256, mut seal, mut request) = (None, None, None, None);
        for pair in metadata.split(',') {
            let (key, value) = pair.trim().split_once(' ').ok_or_else(|| malformed("A metadata value is missing."))?;
            let slot = match key {
                METADATA_OBJECT => &mut object,
                METADATA_SHA256 => &mut sha256,
                METADATA_SEAL => &mut seal,
                METADATA_REQUEST => &mut request,
                _ => return Err(malformed("A metadata key is not known here.")),
            };
            let value = BASE64.decode(value.as_bytes()).map_err(|_| malformed("A metadata value is not base64."))?;
            if slot.replace(value).is_some() {
                return Err(malformed("A metadata key is there twice."));
            }
        }
        let missing = || malformed("`Upload-Metadata` needs `object`, `sha256` and `seal`.");
        Ok(Self {
            object: id(&object.ok_or_else(missing)?).ok_or_else(|| malformed("`object` is not an object's id."))?,
            bytes,
            sha256: sha256
                .ok_or_else(missing)?
                .try_into()
                .map_err(|_| malformed("`sha256` is not the 32 bytes of a SHA-256."))?,
            seal: seal
                .ok_or_else(missing)?
                .try_into()
                .map(|seal: [u8; hpke::SEALED]| seal.to_vec())
                .map_err(|_| malformed("`seal` has another length than a sealed key."))?,
            request: request
                .map(|text| id(&text).ok_or_else(|| malformed("`request` is not a request's id.")))
                .transpose()?,
        })
    }
}

/// A plain decimal number: no sign, no space, no leading zero, at most 19 digits.
pub(crate) fn number(text: Option<&str>) -> Option<u64> {
    let text = text?;
    let plain = text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

fn id<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    if text.len() > ID_CHARS {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

fn malformed(detail: &str) -> Problem {
    Problem::new(Kind::Malformed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(parts: &[(&str, &[u8])]) -> String {
        let parts: Vec<String> = parts.iter().map(|(key, value)| format!("{key} {}", BASE64.encode(value))).collect();
        parts.join(",")
    }

    #[derive(serde::Deserialize)]
    struct File {
        uploads: Vec<Golden>,
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        object: ObjectId,
        bytes: u64,
        sha256: String,
        seal: String,
        request: Option<RequestId>,
        upload_length: String,
        upload_metadata: String,
    }

    /// What phones and pages say of a snapshot is understood: the golden headers are theirs too.
    #[test]
    fn the_golden_headers_are_read() {
        let text = include_str!("../../../tests/vectors/protocol/upload.json");
        let uploads = serde_json::from_str::<File>(text).unwrap().uploads;
        assert_eq!(uploads.len(), 2);
        for golden in uploads {
            let Golden { object, bytes, request, upload_length, upload_metadata, .. } = golden;
            let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
            let (sha256, seal) = (hex(&golden.sha256).try_into().unwrap(), hex(&golden.seal));
            let read = |metadata: &str| Declaration::read(Some(&upload_length), Some(metadata));
            assert_eq!(read(&upload_metadata).unwrap(), Declaration { object, bytes, sha256, seal, request });
            // The control: no key has another name.
            for key in ["object ", "sha256 ", "seal ", "request "].iter().filter(|key| upload_metadata.contains(*key)) {
                let other = upload_metadata.replacen(key, &format!("x{key}"), 1);
                assert_eq!(read(&other).unwrap_err().code, Kind::Malformed);
            }
        }
    }

    /// A good declaration is read; each of its parts missing, twice, longer or of another form is told, and nothing breaks.
    #[test]
    fn a_declaration_is_strict() {
        let object = ObjectId::from_bytes([1; 16]).to_string();
        let request = RequestId::from_bytes([2; 16]).to_string();
        let (sha256, seal) = ([3; 32], [4; hpke::SEALED]);
        let good = [
            ("object", object.as_bytes()),
            ("sha256", &sha256[..]),
            ("seal", &seal[..]),
            ("request", request.as_bytes()),
        ];
        let read = |length: &str, metadata: &str| Declaration::read(Some(length), Some(metadata));
        let code = |length: &str, metadata: &str| read(length, metadata).unwrap_err().code;
        let whole = read("5000", &pairs(&good)).unwrap();
        assert_eq!((whole.bytes, whole.sha256, whole.request.unwrap().to_string()), (5000, sha256, request.clone()));
        assert_eq!(read("5000", &pairs(&good[..3])).unwrap().request, None);

        for length in ["", "-1", "+5000", "05000", "5000 ", "5e3", "99999999999999999999"] {
            assert_eq!(code(length, &pairs(&good)), Kind::Malformed, "{length}");
        }
        assert_eq!(code("33554433", &pairs(&good)), Kind::TooLarge);
        for length in ["0", "56", "71", "16456"] {
            assert_eq!(code(length, &pairs(&good)), Kind::Invalid, "{length}");
        }
        for left_out in 0..3 {
            let mut some = good.to_vec();
            some.remove(left_out);
            assert_eq!(code("5000", &pairs(&some)), Kind::Malformed);
        }
        for (at, value) in [(0, &b"ses_0"[..]), (0, b"\xff"), (1, &[0; 31]), (2, &[0; 112]), (3, b"")] {
            let mut other = good;
            other[at].1 = value;
            assert_eq!(code("5000", &pairs(&other)), Kind::Malformed, "{at}");
        }
        for metadata in ["", "object", "object !", "object  ", &format!("{},filename eA==", pairs(&good))] {
            assert_eq!(code("5000", metadata), Kind::Malformed, "{metadata}");
        }
        assert_eq!(code("5000", &pairs(&[&good[..], &good[..1]].concat())), Kind::Malformed);
        assert_eq!(code("5000", &"x".repeat(1025)), Kind::TooLarge);
        assert_eq!(Declaration::read(None, None).unwrap_err().code, Kind::Malformed);
    }
}
