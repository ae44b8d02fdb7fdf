//! The vault itself. One connection behind a mutex: SQLite has one writer anyway, each turn is one short transaction (3 MB
//! in milliseconds), and sealing, the costly part, is done before the turn; a thread with a queue would add a hand-over
//! and take nothing away.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use handlens_protocol::limits::SNAPSHOT_BYTES;
use handlens_protocol::{ObjectId, RequestId, Secret, SessionId};
use handlens_seal::{Key, container};
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::key::{DeviceKeys, KeyFault, KeyVault};
use crate::row::{Kept, Recipient, Row};
use crate::{Error, Part, Quota, VerifiedReceipt, row, store};

/// The encrypted snapshot cache of a device. Shared by reference; every call blocks for as long as the disk takes.
pub struct Vault {
    connection: Mutex<Connection>,
    keys: Option<DeviceKeys>,
    quota: Quota,
}

/// What was not received yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pending {
    /// To be sent, in the order it was kept.
    pub ready: Vec<Kept>,
    /// What the disk does not give back as it was written.
    pub damaged: Vec<Damaged>,
}

/// A row that is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged {
    /// Its place in the order of keeping: for [`Vault::discard`].
    pub sequence: i64,
    /// Which object it was, if that can be read.
    pub object: Option<ObjectId>,
}

impl Vault {
    /// Opens the vault at `path`, or makes one there with a new device key, and finishes what a kill interrupted.
    ///
    /// # Errors
    /// [`Error::OtherDevice`] when the device's key was wrapped by another key store: [`Self::open_to_upload`] still
    /// works. [`Error::Key`] when the key store fails, [`Error::Newer`], [`Error::Storage`], [`Error::NoSpace`].
    pub fn open(path: &Path, key_vault: &dyn KeyVault, quota: Quota) -> Result<Self, Error> {
        let connection = store::open(path)?;
        let wrapped = store::device(&connection, || key_vault.wrap(&Key::random()?).map_err(Error::Key))?;
        let device = key_vault.unwrap(&wrapped).map_err(|fault| match fault {
            KeyFault::Refused => Error::OtherDevice,
            KeyFault::Unavailable { .. } | KeyFault::Exposed { .. } => Error::Key(fault),
        })?;
        Self::with(connection, Some(DeviceKeys::of(&device)?), quota)
    }

    /// Opens the vault without the device's key: what is pending can be sent and forgotten; nothing can be viewed or kept,
    /// and which request an object answers is not known.
    ///
    /// # Errors
    /// [`Error::Newer`], [`Error::Storage`], [`Error::NoSpace`].
    pub fn open_to_upload(path: &Path) -> Result<Self, Error> {
        Self::with(store::open(path)?, None, Quota::default())
    }

    /// Seals `plaintext` for `recipient` and for this device, wipes it, and returns when the disk has it. Evicts what was
    /// received, oldest first, where there is no room; then call [`Self::rest`] when idle.
    ///
    /// # Errors
    /// Nothing was kept: [`Error::TooLarge`], [`Error::Full`], [`Error::NoSpace`], [`Error::NoKey`], [`Error::Seal`],
    /// [`Error::Storage`].
    pub fn keep(
        &self,
        recipient: &Recipient,
        request: Option<RequestId>,
        plaintext: Zeroizing<Vec<u8>>,
        now_us: u64,
    ) -> Result<ObjectId, Error> {
        let keys = self.keys.as_ref().ok_or(Error::NoKey)?;
        let bytes = container::sealed_length(plaintext.len() as u64)?;
        if bytes > SNAPSHOT_BYTES {
            return Err(Error::TooLarge { bytes });
        }
        let (object, row, container) = Row::seal(keys, recipient, request, &plaintext, now_us)?;
        drop(plaintext);
        let pass = recipient.pass.as_ref().map(|pass| row::seal_pass(keys, recipient.session, pass)).transpose()?;
        let mut connection = self.lock();
        let transaction = store::begin(&mut connection)?;
        store::make_room(&transaction, &self.quota, bytes)?;
        store::insert(&transaction, &row, &container)?;
        if let Some(pass) = pass {
            store::set_pass(&transaction, recipient.session, &pass)?;
        }
        transaction.commit()?;
        Ok(object)
    }

    /// What was not received yet, in the order it was kept; that which is damaged apart, so that it holds up nothing else.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn pending(&self) -> Result<Pending, Error> {
        let rows = store::rows(&self.lock(), false)?;
        let mut pending = Pending::default();
        for row in rows {
            match row.kept(self.keys.as_ref()) {
                Some(kept) => pending.ready.push(kept),
                None => pending.damaged.push(Damaged { sequence: row.sequence, object: row.name() }),
            }
        }
        Ok(pending)
    }

    /// What is known of one object.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Damaged`], [`Error::Storage`].
    pub fn kept(&self, object: ObjectId) -> Result<Kept, Error> {
        self.find(&self.lock(), object).map(|(_, kept)| kept)
    }

    /// The plaintext, for viewing on this device.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Damaged`], [`Error::NoKey`], [`Error::Storage`].
    pub fn open_local(&self, object: ObjectId) -> Result<Zeroizing<Vec<u8>>, Error> {
        let keys = self.keys.as_ref().ok_or(Error::NoKey)?;
        let connection = self.lock();
        let (row, kept) = self.find(&connection, object)?;
        let container = store::read(&connection, (object, kept.sequence), kept.bytes, 0..kept.bytes)?;
        drop(connection);
        let (key, header) = row.key(keys).ok_or(Error::Damaged { object, part: Part::Row })?;
        container::open(&key, &header, &container).map_err(|_| Error::Damaged { object, part: Part::Content })
    }

    /// Sealed bytes from `offset`, at most `length` of them; fewer, or none, at the object's end.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Damaged`], [`Error::Storage`].
    pub fn chunk(&self, object: ObjectId, offset: u64, length: u64) -> Result<Vec<u8>, Error> {
        let connection = self.lock();
        let (_, kept) = self.find(&connection, object)?;
        let begin = offset.min(kept.bytes);
        let end = begin.saturating_add(length).min(kept.bytes);
        store::read(&connection, (object, kept.sequence), kept.bytes, begin..end)
    }

    /// Whether the sealed bytes are those that were kept: before they are sent, so that a bad disk is not taken for a bad
    /// network. Needs no key.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Damaged`], [`Error::Storage`].
    pub fn check(&self, object: ObjectId) -> Result<(), Error> {
        let (_, kept) = self.find(&self.lock(), object)?;
        let mut digest = Sha256::new();
        let mut at = 0;
        while at < kept.bytes {
            let end = kept.bytes.min(at + store::ROW_BYTES);
            digest.update(store::read(&self.lock(), (object, kept.sequence), kept.bytes, at..end)?);
            at = end;
        }
        let whole = digest.finalize()[..] == kept.sha256;
        if whole { Ok(()) } else { Err(Error::Damaged { object, part: Part::Content }) }
    }

    /// The server has it: it is no longer pending, and goes when room is needed or its age is over. Twice is once; an
    /// object that is no longer here is nothing to do.
    ///
    /// # Errors
    /// [`Error::NotItsReceipt`], [`Error::Damaged`], [`Error::Storage`].
    pub fn received(&self, receipt: &VerifiedReceipt) -> Result<(), Error> {
        let connection = self.lock();
        match self.receipted(&connection, receipt)? {
            Some(sequence) => store::mark_received(&connection, sequence),
            None => Ok(()),
        }
    }

    /// The server has it, and it is not needed here: shredded now. Its wraps go first, and with them every way to open it.
    ///
    /// # Errors
    /// As [`Self::received`]. After [`Error::Storage`] the rest is done when the vault is opened again.
    pub fn forget(&self, receipt: &VerifiedReceipt) -> Result<(), Error> {
        let mut connection = self.lock();
        match self.receipted(&connection, receipt)? {
            Some(sequence) => store::shred(&mut connection, sequence),
            None => Ok(()),
        }
    }

    /// Shreds an object that the server does not have. Only on the person's own word, or where it can never be sent
    /// (damaged, or refused for good).
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn discard(&self, sequence: i64) -> Result<(), Error> {
        store::shred(&mut self.lock(), sequence)
    }

    /// Another pass for `session`, in place of the one that came with [`Self::keep`].
    ///
    /// # Errors
    /// [`Error::NoKey`], [`Error::Seal`], [`Error::Storage`].
    pub fn set_pass(&self, session: SessionId, pass: &Secret<Vec<u8>>) -> Result<(), Error> {
        let keys = self.keys.as_ref().ok_or(Error::NoKey)?;
        let sealed = row::seal_pass(keys, session, pass)?;
        store::set_pass(&self.lock(), session, &sealed)
    }

    /// The pass that came last for `session`, for as long as one of its objects waits: after the program was killed or the
    /// session has ended, nobody is asked again. `None` when there is none, or it is not what was sealed.
    ///
    /// # Errors
    /// [`Error::NoKey`], [`Error::Storage`].
    pub fn pass(&self, session: SessionId) -> Result<Option<Secret<Vec<u8>>>, Error> {
        let keys = self.keys.as_ref().ok_or(Error::NoKey)?;
        let sealed = store::pass(&self.lock(), session)?;
        Ok(sealed.and_then(|sealed| row::open_pass(keys, session, &sealed)))
    }

    /// To be called when idle: shreds what was received and is too old, empties the log, gives free room back to the disk.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn rest(&self, now_us: u64) -> Result<(), Error> {
        let mut connection = self.lock();
        for row in store::rows(&connection, true)? {
            let kept_us = row.kept(self.keys.as_ref()).and_then(|kept| kept.kept_us);
            if kept_us.is_some_and(|kept_us| now_us.saturating_sub(kept_us) > self.quota.age_us) {
                store::shred(&mut connection, row.sequence)?;
            }
        }
        store::rest(&connection)
    }

    fn with(mut connection: Connection, keys: Option<DeviceKeys>, quota: Quota) -> Result<Self, Error> {
        store::finish_shredding(&mut connection)?;
        Ok(Self { connection: Mutex::new(connection), keys, quota })
    }

    fn find(&self, connection: &Connection, object: ObjectId) -> Result<(Row, Kept), Error> {
        let row = store::find(connection, object)?;
        let kept = row.kept(self.keys.as_ref()).ok_or(Error::Damaged { object, part: Part::Row })?;
        Ok((row, kept))
    }

    /// The row a receipt lets go.
    fn receipted(&self, connection: &Connection, receipt: &VerifiedReceipt) -> Result<Option<i64>, Error> {
        let object = receipt.object();
        match self.find(connection, object) {
            Ok((_, kept)) if receipt.is_of(&kept) => Ok(Some(kept.sequence)),
            Ok(_) => Err(Error::NotItsReceipt { object }),
            Err(Error::Unknown { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A turn at the file. Whoever panicked in theirs left a transaction that was rolled back, and nothing else.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}
