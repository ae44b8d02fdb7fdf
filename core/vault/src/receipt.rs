//! A receipt that was checked: the only thing that lets a copy go.

use data_encoding::BASE64URL_NOPAD;
use handlens_protocol::api::Receipt;
use handlens_protocol::limits::SIGNATURE_BYTES;
use handlens_protocol::snapshot::{RECEIPT_DOMAIN, Received, receipt_fields};
use handlens_protocol::{ObjectId, OrganisationId, SessionId};
use handlens_seal::signature::{self, PublicKey};

use crate::Kept;

/// Bytes of a log's name.
const ORIGIN_BYTES: usize = 256;

/// The server's word that it has one object, signed by the key of its session. Only [`Self::of`] makes one, so whoever
/// holds one has checked the signature; whose object it is, the vault checks itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt {
    organisation: OrganisationId,
    session: SessionId,
    object: ObjectId,
    bytes: u64,
    sha256: [u8; 32],
    key: PublicKey,
}

impl VerifiedReceipt {
    /// Checks `receipt` against the receipt key that its session's guests were given.
    ///
    /// # Errors
    /// [`ReceiptFault`].
    pub fn of(receipt: &Receipt, key: &PublicKey) -> Result<Self, ReceiptFault> {
        if receipt.v != 1 || receipt.origin.len() > ORIGIN_BYTES {
            return Err(ReceiptFault::Form);
        }
        let (sha256, entry_sha256) = (decode(&receipt.sha256)?, decode(&receipt.entry_sha256)?);
        let signed: [u8; SIGNATURE_BYTES] = decode(&receipt.signature)?;
        let &Receipt { organisation, session, object, bytes, sequence, stored_us, .. } = receipt;
        let origin = receipt.origin.as_str();
        let fields = receipt_fields(&Received {
            organisation,
            session,
            object,
            bytes,
            sha256,
            origin,
            sequence,
            entry_sha256,
            stored_us,
        });
        let fields = fields.each_ref().map(Vec::as_slice);
        signature::verify(key, RECEIPT_DOMAIN, &fields, &signed).map_err(|_| ReceiptFault::Signature)?;
        Ok(Self { organisation, session, object, bytes, sha256, key: *key })
    }

    /// Whose receipt it is.
    pub const fn object(&self) -> ObjectId {
        self.object
    }

    /// Whether it is the receipt of `kept`, byte for byte, by the server it was sealed for.
    pub fn is_of(&self, kept: &Kept) -> bool {
        self.organisation == kept.organisation
            && self.session == kept.session
            && self.object == kept.object
            && self.bytes == kept.bytes
            && self.sha256 == kept.sha256
            && self.key == kept.receipt_key
    }
}

/// Why a receipt is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// Not a receipt of a version that is known here.
    #[error("not a receipt of a version that is known here")]
    Form,
    /// Not signed by the session's receipt key, or changed after.
    #[error("the receipt is not signed by the server of this session")]
    Signature,
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], ReceiptFault> {
    // A longer text would be decoded before its length is known.
    if text.len() != (N * 4).div_ceil(3) {
        return Err(ReceiptFault::Form);
    }
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| ReceiptFault::Form)?;
    bytes.try_into().map_err(|_| ReceiptFault::Form)
}

#[cfg(test)]
mod tests {
    use handlens_seal::signature::SigningKey;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct File {
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        receipt: Receipt,
        public: String,
    }

    /// Receipts of another implementation verify; with any field changed, by another key or in another form they do not.
    #[test]
    fn only_the_servers_word_is_a_receipt() {
        let file: File = serde_json::from_str(include_str!("../../../tests/vectors/seal/receipt.json")).unwrap();
        for Vector { receipt, public } in file.vectors {
            let public = data_encoding::HEXLOWER.decode(public.as_bytes()).unwrap();
            let key = PublicKey::from_sec1(&public).unwrap();
            assert_eq!(VerifiedReceipt::of(&receipt, &key).unwrap().object(), receipt.object);
            let other = SigningKey::random().unwrap().public();
            assert_eq!(VerifiedReceipt::of(&receipt, &other), Err(ReceiptFault::Signature));
            let changes: [fn(&mut Receipt); 9] = [
                |r| r.organisation = OrganisationId::from_bytes([0; 16]),
                |r| r.session = SessionId::from_bytes([0; 16]),
                |r| r.object = ObjectId::from_bytes([0; 16]),
                |r| r.bytes += 1,
                |r| r.sha256 = BASE64URL_NOPAD.encode(&[0; 32]),
                |r| r.origin.push('x'),
                |r| r.sequence += 1,
                |r| r.entry_sha256 = BASE64URL_NOPAD.encode(&[0; 32]),
                |r| r.stored_us += 1,
            ];
            for change in changes {
                let mut changed = receipt.clone();
                change(&mut changed);
                assert_eq!(VerifiedReceipt::of(&changed, &key), Err(ReceiptFault::Signature));
            }
            let forms: [fn(&mut Receipt); 4] = [
                |r| r.v = 2,
                |r| r.sha256.push('A'),
                |r| r.signature = r.signature.repeat(1000),
                |r| r.origin = "x".repeat(300),
            ];
            for change in forms {
                let mut changed = receipt.clone();
                change(&mut changed);
                assert_eq!(VerifiedReceipt::of(&changed, &key), Err(ReceiptFault::Form));
            }
        }
    }
}
