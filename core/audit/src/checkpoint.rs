//! What is signed after each entry: origin, size and root, as a C2SP [tlog-checkpoint] in a C2SP [signed-note].
//!
//! [tlog-checkpoint]: https://c2sp.org/tlog-checkpoint
//! [signed-note]: https://c2sp.org/signed-note

use std::fmt;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use ed25519_dalek::{Signer as _, SigningKey};
use serde::Deserialize;
use signed_note::{Note, StandardVerifier, Verifier as _, VerifierList};
use tlog_tiles::Hash;

use crate::{MAX_SIZE, Origin, TokenError};

/// The longest file that [`Remembered::parse`] reads, in bytes.
pub const MAX_REMEMBERED: usize = 64 * 1024;

const MAX_KEY: usize = 512;
const ED25519: u8 = 1;

/// A log's state: "the first `size` entries of `origin` have this root".
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The log.
    pub origin: Origin,
    /// Entries.
    pub size: u64,
    /// Merkle tree hash of them.
    pub root: Hash,
}

/// A signature as a signed note carries it: 4 bytes of key id, 64 bytes of Ed25519. Its text form is base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 68]);

/// The key that signs checkpoints. Never prints, is wiped when dropped, and never belongs into a database or its backup.
pub struct Signer {
    name: Origin,
    id: u32,
    key: SigningKey,
}

/// A key that checks checkpoints, from its signed-note text form `name+id+base64`.
#[derive(Clone)]
pub struct Key {
    name: Origin,
    verifier: StandardVerifier,
}

/// What somebody kept of a log, to hold a later export against.
#[derive(Clone, Debug, PartialEq)]
pub enum Remembered {
    /// A state of the log.
    Checkpoint(Checkpoint),
    /// One entry of it, as the receipt of a photo names it.
    Entry {
        /// The log.
        origin: Origin,
        /// The entry's number in it.
        sequence: u64,
        /// SHA-256 of the entry's bytes: not the leaf hash of the tree.
        sha256: Hash,
    },
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The seed is not 32 bytes.
    #[error("a seed has 32 bytes, not {0}")]
    Seed(usize),
    /// The name is not allowed.
    #[error("the key's name: {0}")]
    Name(#[from] TokenError),
    /// Not a signed-note Ed25519 verifier key whose id matches.
    #[error("not a verifier key: expected NAME+8 hex digits+base64, as `handlens` prints it")]
    Format,
    /// The key's name does not lead the name of the log.
    #[error("the key {key} may not sign the log {origin}")]
    Foreign {
        /// The key's name.
        key: Origin,
        /// The log's name.
        origin: Origin,
    },
}

/// Why a file is not a usable older checkpoint or receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RememberedError {
    /// Larger than [`MAX_REMEMBERED`].
    #[error("larger than {MAX_REMEMBERED} bytes: a checkpoint or receipt is expected, not a whole export")]
    TooLong,
    /// Neither a signed checkpoint, nor JSON that holds one, nor a receipt.
    #[error("neither a signed checkpoint, nor a JSON object that holds one under \"checkpoint\", nor a receipt")]
    Format,
    /// A receipt whose form came later than this program.
    #[error("a receipt of version {0}, which this program does not know")]
    Version(u64),
    /// No key that was given signed it.
    #[error("the checkpoint is not signed by a given key")]
    Unsigned,
    /// No key that was given may sign the log that the receipt names.
    #[error("the receipt is of the log {0}, which no given key may sign")]
    Foreign(Origin),
}

impl Checkpoint {
    /// The text that is signed: three lines.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// The whole signed note, to be published and kept.
    pub fn note(&self, name: &Origin, signature: &Signature) -> String {
        format!("{}\n\u{2014} {name} {signature}\n", self.text())
    }
}

impl Signature {
    /// From the 68 bytes.
    pub fn from_bytes(bytes: [u8; 68]) -> Self {
        Self(bytes)
    }

    /// From its base64 form (padded, strict).
    pub fn parse(text: &str) -> Option<Self> {
        // 68 bytes are 92 characters: bounded before it is decoded.
        if text.len() != 92 {
            return None;
        }
        BASE64.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// The 68 bytes, to be stored beside the entry.
    pub fn as_bytes(&self) -> &[u8; 68] {
        &self.0
    }

    /// The id of the key that made it.
    pub fn key_id(&self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

impl Signer {
    /// A signer from the content of its seed file: 32 random bytes. `name` leads the names of all logs it may sign.
    pub fn from_seed(name: Origin, seed: &[u8]) -> Result<Self, KeyError> {
        let seed: &[u8; 32] = seed.try_into().map_err(|_| KeyError::Seed(seed.len()))?;
        let key = SigningKey::from_bytes(seed);
        let id = signed_note::key_id(name.as_str(), &[&[ED25519], key.verifying_key().as_bytes().as_slice()].concat());
        Ok(Self { name, id, key })
    }

    /// The name.
    pub fn name(&self) -> &Origin {
        &self.name
    }

    /// The public key as text, for `--key`.
    pub fn vkey(&self) -> String {
        signed_note::new_ed25519_verifier_key(self.name.as_str(), &self.key.verifying_key())
    }

    /// Signs a checkpoint. Deterministic: the same checkpoint always gets the same signature.
    pub fn sign(&self, checkpoint: &Checkpoint) -> Result<Signature, KeyError> {
        if !self.name.covers(&checkpoint.origin) {
            return Err(KeyError::Foreign { key: self.name.clone(), origin: checkpoint.origin.clone() });
        }
        let mut bytes = [0; 68];
        bytes[..4].copy_from_slice(&self.id.to_be_bytes());
        bytes[4..].copy_from_slice(&self.key.sign(checkpoint.text().as_bytes()).to_bytes());
        Ok(Signature(bytes))
    }
}

impl Key {
    /// Reads a verifier key.
    pub fn parse(vkey: &str) -> Result<Self, KeyError> {
        if vkey.len() > MAX_KEY {
            return Err(KeyError::Format);
        }
        let verifier = StandardVerifier::new(vkey).map_err(|_| KeyError::Format)?;
        Ok(Self { name: Origin::new(verifier.name())?, verifier })
    }

    /// The name.
    pub fn name(&self) -> &Origin {
        &self.name
    }

    /// The id: the first four bytes of SHA-256 over name, line feed, algorithm and public key.
    pub fn id(&self) -> u32 {
        self.verifier.key_id()
    }

    /// Whether this key made `signature` over `checkpoint`, and may.
    pub fn verifies(&self, checkpoint: &Checkpoint, signature: &Signature) -> bool {
        self.name.covers(&checkpoint.origin)
            && signature.key_id() == self.id()
            && self.verifier.verify(checkpoint.text().as_bytes(), &signature.0[4..])
    }
}

impl Remembered {
    /// Reads a signed checkpoint, a JSON object that holds one under `checkpoint` (the last line of an export, the
    /// answer of `audit verify --json`), or the receipt of a photo.
    ///
    /// Further signatures on a checkpoint, by witnesses, are allowed. With `keys` one of them must have signed;
    /// without, nothing is known about who wrote it. A receipt is signed by another key, which an auditor does not
    /// have, so it is taken as it is: a false one can raise an alarm, and cannot silence one.
    pub fn parse(file: &[u8], keys: &[Key]) -> Result<Self, RememberedError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Wire {
            Holder { checkpoint: String },
            Receipt(Receipt),
        }
        if file.len() > MAX_REMEMBERED {
            return Err(RememberedError::TooLong);
        }
        if !file.trim_ascii_start().starts_with(b"{") {
            return note(file, keys).map(Self::Checkpoint);
        }
        match serde_json::from_slice(file).map_err(|_| RememberedError::Format)? {
            Wire::Holder { checkpoint } => note(checkpoint.as_bytes(), keys).map(Self::Checkpoint),
            Wire::Receipt(receipt) => receipt.entry(keys),
        }
    }

    /// The log.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Checkpoint(checkpoint) => &checkpoint.origin,
            Self::Entry { origin, .. } => origin,
        }
    }

    /// Entries that the log had, at least.
    pub fn size(&self) -> u64 {
        match self {
            Self::Checkpoint(checkpoint) => checkpoint.size,
            Self::Entry { sequence, .. } => sequence + 1,
        }
    }
}

/// What a receipt says of the log; the rest of it is between the device and the server.
#[derive(Deserialize)]
struct Receipt {
    v: u64,
    origin: String,
    sequence: u64,
    entry_sha256: String,
}

impl Receipt {
    fn entry(&self, keys: &[Key]) -> Result<Remembered, RememberedError> {
        if self.v != 1 {
            return Err(RememberedError::Version(self.v));
        }
        // 32 bytes are 43 characters: bounded before it is decoded.
        let digest = Some(self.entry_sha256.as_bytes()).filter(|text| text.len() == 43);
        let digest = digest.and_then(|text| BASE64URL_NOPAD.decode(text).ok()?.try_into().ok());
        let (Ok(origin), Some(sha256), 0..MAX_SIZE) = (Origin::new(&self.origin), digest, self.sequence) else {
            return Err(RememberedError::Format);
        };
        if !keys.is_empty() && !keys.iter().any(|key| key.name.covers(&origin)) {
            return Err(RememberedError::Foreign(origin));
        }
        Ok(Remembered::Entry { origin, sequence: self.sequence, sha256: Hash(sha256) })
    }
}

fn note(held: &[u8], keys: &[Key]) -> Result<Checkpoint, RememberedError> {
    let note = Note::from_bytes(held).map_err(|_| RememberedError::Format)?;
    let inner = tlog_tiles::Checkpoint::from_bytes(note.text()).map_err(|_| RememberedError::Format)?;
    let origin = Origin::new(inner.origin()).map_err(|_| RememberedError::Format)?;
    if inner.size() == 0 {
        return Err(RememberedError::Format);
    }
    let signed = |key: &Key| {
        let known = VerifierList::new(vec![Box::new(key.verifier.clone())]);
        key.name.covers(&origin) && note.verify(&known).is_ok()
    };
    if !keys.is_empty() && !keys.iter().any(signed) {
        return Err(RememberedError::Unsigned);
    }
    Ok(Checkpoint { origin, size: inner.size(), root: *inner.hash() })
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}+{:08x})", self.name, self.id)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}+{:08x})", self.name, self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let origin = Origin::new("help.example/org/2026-11").unwrap();
        Checkpoint { origin, size: 7, root: Hash([9; 32]) }
    }

    fn signer(name: &str) -> Signer {
        Signer::from_seed(Origin::new(name).unwrap(), &[5; 32]).unwrap()
    }

    /// Our text is what `tlog_tiles` writes and our note is what `signed_note` verifies: the formats are theirs.
    #[test]
    fn a_signed_checkpoint_is_a_c2sp_note() {
        let (checkpoint, signer) = (checkpoint(), signer("help.example"));
        let theirs = tlog_tiles::Checkpoint::new(checkpoint.origin.as_str(), 7, checkpoint.root, "").unwrap();
        assert_eq!(checkpoint.text().as_bytes(), theirs.to_bytes());
        let note = checkpoint.note(signer.name(), &signer.sign(&checkpoint).unwrap());
        let known = VerifierList::new(vec![Box::new(StandardVerifier::new(&signer.vkey()).unwrap())]);
        Note::from_bytes(note.as_bytes()).unwrap().verify(&known).unwrap();
    }

    /// A key of another installation neither signs nor vouches for this log, even with the same secret.
    #[test]
    fn a_key_is_bound_to_its_name() {
        let foreign = signer("other.example");
        assert!(matches!(foreign.sign(&checkpoint()), Err(KeyError::Foreign { .. })));
        let good = signer("help.example").sign(&checkpoint()).unwrap();
        assert!(Key::parse(&signer("help.example").vkey()).unwrap().verifies(&checkpoint(), &good));
        assert!(!Key::parse(&foreign.vkey()).unwrap().verifies(&checkpoint(), &good));
    }

    /// The seed cannot be read from a debug print.
    #[test]
    fn a_signer_does_not_print() {
        let text = format!("{:?}", signer("help.example"));
        assert!(text.starts_with("Signer(help.example+") && text.len() < 40, "{text}");
    }
}
