//! Why the vault says no.

use handlens_protocol::ObjectId;

use crate::key::KeyFault;

/// Every way the vault fails. Nothing here carries key material or plaintext.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device key in this vault was wrapped by another key store than the one that was given.
    #[error(
        "this vault belongs to another device key: its pictures cannot be viewed here, what was not sent can still be sent"
    )]
    OtherDevice,
    /// The platform's key store failed, for now or for good. Nothing was changed.
    #[error("the key store of this device: {0}")]
    Key(#[source] KeyFault),
    /// The vault was opened to upload only, without the device's key.
    #[error("the vault is open for uploading only")]
    NoKey,
    /// There is no room within the quota, and nothing that was received could make any. Nothing was kept or dropped.
    #[error("{objects} pictures of {bytes} bytes wait to be sent; there is no room for another")]
    Full {
        /// Bytes that are held.
        bytes: u64,
        /// Objects that are held.
        objects: u64,
    },
    /// The disk has no room. Nothing was kept or dropped.
    #[error("there is no room on this device's disk")]
    NoSpace,
    /// More than one object may have.
    #[error("a picture of {bytes} sealed bytes is more than {}", handlens_protocol::limits::SNAPSHOT_BYTES)]
    TooLarge {
        /// Bytes it would have sealed.
        bytes: u64,
    },
    /// There is no such object here (any more).
    #[error("{object} is not in the vault")]
    Unknown {
        /// Which.
        object: ObjectId,
    },
    /// What the disk gives back is not what was kept. Other objects are not touched by it.
    #[error("{object} is damaged: {part}")]
    Damaged {
        /// Which.
        object: ObjectId,
        /// What of it.
        part: Part,
    },
    /// The receipt is of another object, or by another server. Nothing was dropped.
    #[error("the receipt is not for {object} as it is kept here")]
    NotItsReceipt {
        /// Which.
        object: ObjectId,
    },
    /// The file was written by a newer program.
    #[error("the vault has version {found}; this program knows {}", crate::store::VERSION)]
    Newer {
        /// Its version.
        found: i64,
    },
    /// Sealing failed: no randomness, or an identifier out of bounds.
    #[error(transparent)]
    Seal(#[from] handlens_seal::Error),
    /// SQLite or the file system.
    #[error("the vault's file: {0}")]
    Storage(#[source] rusqlite::Error),
    /// The file could not be made.
    #[error("the vault's file: {0}")]
    File(#[from] std::io::Error),
}

/// A part of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Part {
    /// What is said of it: its row.
    #[error("its row is not as it was written")]
    Row,
    /// The sealed bytes.
    #[error("its sealed bytes are not as they were written")]
    Content,
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
            return Self::NoSpace;
        }
        Self::Storage(error)
    }
}

impl Error {
    /// The same, said of `object` if it is one of the file's contents being wrong.
    pub(crate) fn about(self, object: ObjectId, part: Part) -> Self {
        if let Self::Storage(error) = &self {
            let contents = matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ) || matches!(
                error,
                rusqlite::Error::InvalidColumnType(..)
                    | rusqlite::Error::FromSqlConversionFailure(..)
                    | rusqlite::Error::IntegralValueOutOfRange(..)
            );
            if contents {
                return Self::Damaged { object, part };
            }
        }
        self
    }
}
