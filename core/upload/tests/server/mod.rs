//! A server as the contract describes it, in memory, and an object for it.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use data_encoding::{BASE64, BASE64URL_NOPAD};
use handlens_protocol::api::Receipt;
use handlens_protocol::limits::UPLOAD_PART_BYTES;
use handlens_protocol::snapshot::{RECEIPT_DOMAIN, Received, receipt_fields};
use handlens_protocol::{Kind, ObjectId, OrganisationId, SessionId};
use handlens_seal::signature::SigningKey;
use handlens_upload::{Answer, Request};
use handlens_vault::Kept;
use sha2::{Digest, Sha256};

/// The key that receipts are signed with.
pub(crate) fn receipt_key() -> SigningKey {
    SigningKey::from_bytes(&[8; 32]).unwrap()
}

/// Sealed bytes (any will do: nobody here opens them), and what the vault says of them.
pub(crate) fn object(seed: u64, length: usize) -> (Kept, Vec<u8>) {
    let mut state = seed | 1;
    let sealed: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33).to_le_bytes()[0]
    })
    .take(length)
    .collect();
    let kept = Kept {
        sequence: 1,
        object: ObjectId::from_bytes([3; 16]),
        organisation: OrganisationId::from_bytes([1; 16]),
        session: SessionId::from_bytes([2; 16]),
        request: None,
        bytes: length as u64,
        sha256: Sha256::digest(&sealed).into(),
        seal: [6; 113],
        receipt_key: receipt_key().public(),
        received: false,
        kept_us: None,
    };
    (kept, sealed)
}

/// What the server keeps of the one object.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) announced: Option<(u64, String)>,
    pub(crate) bytes: Vec<u8>,
    /// How often it was written to the log: once, or the harness has failed.
    pub(crate) stored: u32,
    /// What was stored.
    pub(crate) whole: Vec<u8>,
    /// Looks neither at where a part begins nor at the digest: the negative control.
    pub(crate) careless: bool,
}

impl Server {
    /// Does what is asked. `part` are the bytes of a [`Request::Part`].
    pub(crate) fn take(&mut self, request: &Request, part: &[u8], kept: &Kept) -> Answer {
        match request {
            Request::Announce { bytes, metadata } => {
                let said = (*bytes, metadata.clone());
                assert!(metadata.contains(&BASE64.encode(&kept.sha256)) && *bytes == kept.bytes);
                if self.announced.get_or_insert(said.clone()) == &said {
                    Answer::At(self.at())
                } else {
                    Answer::Refused(Kind::Conflict)
                }
            }
            _ if self.announced.is_none() => Answer::Refused(Kind::NotFound),
            Request::Ask => Answer::At(self.at()),
            Request::Part { offset, bytes } => self.append(*offset, *bytes, part, kept),
            Request::Receipt if self.stored == 0 => Answer::Refused(Kind::Conflict),
            Request::Receipt => Answer::Receipt(Box::new(receipt(kept, &receipt_key()))),
        }
    }

    fn at(&self) -> u64 {
        if self.stored > 0 { self.whole.len() as u64 } else { self.bytes.len() as u64 }
    }

    fn append(&mut self, offset: u64, bytes: u64, part: &[u8], kept: &Kept) -> Answer {
        assert!(0 < bytes && bytes <= UPLOAD_PART_BYTES as u64 && offset + bytes <= kept.bytes);
        assert_eq!(part.len() as u64, bytes);
        if offset != self.at() && !self.careless {
            return Answer::Refused(Kind::OffsetMismatch);
        }
        self.bytes.extend_from_slice(part);
        if self.at() < kept.bytes {
            return Answer::At(self.at());
        }
        if Sha256::digest(&self.bytes)[..] != kept.sha256 && !self.careless {
            self.bytes.clear();
            return Answer::Refused(Kind::WrongDigest);
        }
        self.whole = std::mem::take(&mut self.bytes);
        self.stored += 1;
        Answer::At(kept.bytes)
    }
}

/// A receipt of `kept` by whoever has `key`.
pub(crate) fn receipt(kept: &Kept, key: &SigningKey) -> Receipt {
    let entry_sha256 = [5; 32];
    let received = Received {
        organisation: kept.organisation,
        session: kept.session,
        object: kept.object,
        bytes: kept.bytes,
        sha256: kept.sha256,
        origin: "origin",
        sequence: 3,
        entry_sha256,
        stored_us: 4,
    };
    let fields = receipt_fields(&received);
    let signature = key.sign(RECEIPT_DOMAIN, &fields.each_ref().map(Vec::as_slice)).unwrap();
    Receipt {
        v: 1,
        organisation: kept.organisation,
        session: kept.session,
        object: kept.object,
        bytes: kept.bytes,
        sha256: BASE64URL_NOPAD.encode(&kept.sha256),
        origin: "origin".to_owned(),
        sequence: 3,
        entry_sha256: BASE64URL_NOPAD.encode(&entry_sha256),
        stored_us: 4,
        signature: BASE64URL_NOPAD.encode(&signature),
    }
}
