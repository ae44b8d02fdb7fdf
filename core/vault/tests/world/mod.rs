//! A session with its keys, a server that signs receipts, and a folder for the vault.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use handlens_protocol::api::Receipt;
use handlens_protocol::snapshot::{RECEIPT_DOMAIN, Received, receipt_fields};
use handlens_protocol::{ObjectId, OrganisationId, SessionId};
use handlens_seal::hpke::OpenKey;
use handlens_seal::signature::SigningKey;
use handlens_seal::{Header, Key, wrap};
use handlens_vault::{Kept, KeyFault, KeyVault, Quota, Recipient, Vault, VerifiedReceipt};

/// µs since 1970 at which these tests play.
pub(crate) const NOW: u64 = 1_790_000_000_000_000;

/// A key store that is a constant.
pub(crate) struct StaticKey(pub(crate) u8);

impl StaticKey {
    fn wrapping(&self) -> (Key, Header) {
        (Key::from_bytes(&[self.0; 32]), Header::new("device", None, "device-key", "test").unwrap())
    }
}

impl KeyVault for StaticKey {
    fn wrap(&self, key: &Key) -> Result<Vec<u8>, KeyFault> {
        let (wrapping, header) = self.wrapping();
        Ok(wrap::wrap(&wrapping, key, &header).unwrap().to_vec())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Key, KeyFault> {
        let (wrapping, header) = self.wrapping();
        wrap::unwrap(&wrapping, wrapped, &header).map_err(|_| KeyFault::Refused)
    }
}

/// The session that pictures are sealed for, with the keys that only its server has. Always the same one.
pub(crate) struct Session {
    pub(crate) open_key: OpenKey,
    pub(crate) receipt_key: SigningKey,
    pub(crate) recipient: Recipient,
}

impl Session {
    pub(crate) fn new() -> Self {
        let (open_key, receipt_key) =
            (OpenKey::from_bytes(&[7; 32]).unwrap(), SigningKey::from_bytes(&[8; 32]).unwrap());
        let recipient = Recipient {
            organisation: OrganisationId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            seal_key: open_key.public().clone(),
            receipt_key: receipt_key.public(),
            pass: None,
        };
        Self { open_key, receipt_key, recipient }
    }

    /// What the server answers when it has it.
    pub(crate) fn receipt(&self, kept: &Kept) -> Receipt {
        sign(&self.receipt_key, kept)
    }

    pub(crate) fn verified(&self, kept: &Kept) -> VerifiedReceipt {
        VerifiedReceipt::of(&self.receipt(kept), &self.receipt_key.public()).unwrap()
    }
}

/// A receipt of `kept` by whoever has `key`.
pub(crate) fn sign(key: &SigningKey, kept: &Kept) -> Receipt {
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
        stored_us: NOW,
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
        stored_us: NOW,
        signature: BASE64URL_NOPAD.encode(&signature),
    }
}

/// A folder with a vault in it.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) session: Session,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), session: Session::new() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("vault.db")
    }

    pub(crate) fn open(&self) -> Vault {
        self.open_with(Quota::default())
    }

    pub(crate) fn open_with(&self, quota: Quota) -> Vault {
        Vault::open(&self.path(), &StaticKey(1), quota).unwrap()
    }

    pub(crate) fn keep(&self, vault: &Vault, plaintext: &[u8]) -> ObjectId {
        vault.keep(&self.session.recipient, None, plaintext.to_vec().into(), NOW).unwrap()
    }

    pub(crate) fn finds(&self, needle: &[u8]) -> bool {
        finds(self.folder.path(), needle)
    }
}

/// Whether any file of the folder holds `needle`.
pub(crate) fn finds(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

/// Bytes that look like a picture: `seed` makes them.
pub(crate) fn picture(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(length)
    .collect()
}
