//! What is said of one object: what stands in the clear, what is sealed, and whether the two belong together.

use handlens_protocol::snapshot::PURPOSE;
use handlens_protocol::{ObjectId, OrganisationId, RequestId, Secret, SessionId};
use handlens_seal::hpke::{self, SealKey};
use handlens_seal::signature::PublicKey;
use handlens_seal::{Error as SealError, Header, Key, container, encoding, wrap};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Error;
use crate::key::DeviceKeys;

/// Purpose in the header of the sealed part of a row.
const ROW_PURPOSE: &str = "vault-row";

/// Domain of the digest that binds a row's clear part to its sealed one.
const ROW_DOMAIN: &str = "handlens/vault-row@v1";

/// Bytes of a pass.
const PASS_BYTES: usize = 4096;

/// Purpose in the header of a session's sealed pass.
const PASS_PURPOSE: &str = "vault-pass";

/// The session that an object is sealed for, as its guest was told (`GuestView`).
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The owner.
    pub organisation: OrganisationId,
    /// The session.
    pub session: SessionId,
    /// What its objects are sealed to.
    pub seal_key: SealKey,
    /// What its receipts are signed with. Kept with the object: after a restart, a receipt is believed by this key only.
    pub receipt_key: PublicKey,
    /// What lets this device send to the session later, a login: kept sealed, at most 4 KiB. See [`crate::Vault::pass`].
    pub pass: Option<Secret<Vec<u8>>>,
}

/// An object in the vault, as far as it is known without opening it: all that an upload needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its place in the order of keeping; only grows.
    pub sequence: i64,
    /// Which.
    pub object: ObjectId,
    /// The owner.
    pub organisation: OrganisationId,
    /// The session it belongs to.
    pub session: SessionId,
    /// The photo request it answers. `None` also where the device's key is not at hand.
    pub request: Option<RequestId>,
    /// Bytes of the sealed object.
    pub bytes: u64,
    /// SHA-256 of the sealed object.
    pub sha256: [u8; 32],
    /// Its key, sealed to the session.
    pub seal: [u8; hpke::SEALED],
    /// What its receipt must be signed with.
    pub receipt_key: PublicKey,
    /// Whether the server has it, by a receipt that was checked.
    pub received: bool,
    /// When it was kept, µs since the Unix epoch. `None` where the device's key is not at hand.
    pub kept_us: Option<u64>,
}

/// A row as it lies in the table.
pub(crate) struct Row {
    pub(crate) sequence: i64,
    pub(crate) object: Vec<u8>,
    pub(crate) session: Vec<u8>,
    pub(crate) header: Vec<u8>,
    pub(crate) bytes: i64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) receipt_key: Vec<u8>,
    pub(crate) device_wrap: Option<Vec<u8>>,
    pub(crate) seal: Option<Vec<u8>>,
    pub(crate) about: Vec<u8>,
    pub(crate) received: bool,
}

/// The sealed part.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    v: u8,
    request: Option<RequestId>,
    kept_us: u64,
    /// SHA-256 of the clear part: a row that was put together from two, or changed, is found.
    clear: [u8; 32],
}

impl Row {
    /// Seals an object: its container, and the row that goes with it (`sequence` is the table's to give).
    pub(crate) fn seal(
        keys: &DeviceKeys,
        recipient: &Recipient,
        request: Option<RequestId>,
        plaintext: &[u8],
        kept_us: u64,
    ) -> Result<(ObjectId, Self, Vec<u8>), Error> {
        let object = ObjectId::random().map_err(|_| SealError::Random)?;
        let header = header(recipient.organisation, recipient.session, object, PURPOSE)?;
        let key = Key::random()?;
        let container = container::seal(&key, &header, plaintext)?;
        let mut row = Self {
            sequence: 0,
            object: object.as_bytes().to_vec(),
            session: recipient.session.as_bytes().to_vec(),
            header: header.encoded().to_vec(),
            bytes: i64::try_from(container.len()).map_err(|_| SealError::TooLong)?,
            sha256: Sha256::digest(&container).to_vec(),
            receipt_key: recipient.receipt_key.to_sec1().to_vec(),
            device_wrap: Some(wrap::wrap(&keys.wraps, &key, &header)?.to_vec()),
            seal: Some(hpke::seal(&recipient.seal_key, &header, &key)?.to_vec()),
            about: Vec::new(),
            received: false,
        };
        let about = About { v: 1, request, kept_us, clear: row.digest()? };
        let about = Zeroizing::new(serde_json::to_vec(&about).map_err(|_| SealError::TooLong)?);
        let of_row = self::header(recipient.organisation, recipient.session, object, ROW_PURPOSE)?;
        row.about = container::seal(&keys.rows, &of_row, &about)?;
        Ok((object, row, container))
    }

    /// What the row says, if it is as it was written. Without the device's key only its form can be checked.
    pub(crate) fn kept(&self, keys: Option<&DeviceKeys>) -> Option<Kept> {
        let header = Header::decode(&self.header).ok()?;
        let object = self.name()?;
        let organisation: OrganisationId = header.organisation().parse().ok()?;
        let session: SessionId = header.session()?.parse().ok()?;
        let named = header.object() == object.to_string() && self.session == session.as_bytes();
        if !named || header.purpose() != PURPOSE {
            return None;
        }
        let about = match keys {
            Some(keys) => Some(self.about(keys, organisation, session, object)?),
            None => None,
        };
        Some(Kept {
            sequence: self.sequence,
            object,
            organisation,
            session,
            request: about.as_ref().and_then(|about| about.request),
            bytes: u64::try_from(self.bytes).ok()?,
            sha256: self.sha256.as_slice().try_into().ok()?,
            seal: self.seal.as_deref()?.try_into().ok()?,
            receipt_key: PublicKey::from_sec1(&self.receipt_key).ok()?,
            received: self.received,
            kept_us: about.map(|about| about.kept_us),
        })
    }

    /// The object's own key.
    pub(crate) fn key(&self, keys: &DeviceKeys) -> Option<(Key, Header)> {
        let header = Header::decode(&self.header).ok()?;
        let key = wrap::unwrap(&keys.wraps, self.device_wrap.as_deref()?, &header).ok()?;
        Some((key, header))
    }

    /// By what it is called, if that can be read.
    pub(crate) fn name(&self) -> Option<ObjectId> {
        self.object.as_slice().try_into().ok().map(ObjectId::from_bytes)
    }

    fn about(
        &self,
        keys: &DeviceKeys,
        organisation: OrganisationId,
        session: SessionId,
        object: ObjectId,
    ) -> Option<About> {
        let header = header(organisation, session, object, ROW_PURPOSE).ok()?;
        let about = container::open(&keys.rows, &header, &self.about).ok()?;
        let about: About = serde_json::from_slice(&about).ok()?;
        (about.v == 1 && self.digest().ok()? == about.clear).then_some(about)
    }

    fn digest(&self) -> Result<[u8; 32], Error> {
        let bytes = self.bytes.to_be_bytes();
        let fields = [
            &self.object[..],
            &self.session,
            &self.header,
            &bytes,
            &self.sha256,
            &self.receipt_key,
            self.device_wrap.as_deref().unwrap_or_default(),
            self.seal.as_deref().unwrap_or_default(),
        ];
        Ok(Sha256::digest(encoding::encode(ROW_DOMAIN, &fields)?).into())
    }
}

/// Seals what lets this device send the objects of `session`.
pub(crate) fn seal_pass(keys: &DeviceKeys, session: SessionId, pass: &Secret<Vec<u8>>) -> Result<Vec<u8>, Error> {
    let pass = pass.expose();
    if pass.len() > PASS_BYTES {
        return Err(Error::Seal(SealError::TooLong));
    }
    Ok(container::seal(&keys.rows, &pass_header(session)?, pass)?)
}

/// Opens it again; `None` when it is not what was sealed.
pub(crate) fn open_pass(keys: &DeviceKeys, session: SessionId, sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
    let pass = container::open(&keys.rows, &pass_header(session).ok()?, sealed).ok()?;
    Some(Secret::new(pass.to_vec()))
}

fn pass_header(session: SessionId) -> Result<Header, SealError> {
    let session = session.to_string();
    Header::new("device", Some(&session), &session, PASS_PURPOSE)
}

fn header(
    organisation: OrganisationId,
    session: SessionId,
    object: ObjectId,
    purpose: &str,
) -> Result<Header, SealError> {
    Header::new(&organisation.to_string(), Some(&session.to_string()), &object.to_string(), purpose)
}
