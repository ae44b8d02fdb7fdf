//! Why a key or a sealed thing could not be had, and what to do.

use std::io;
use std::path::PathBuf;

use super::{HEAD, KeyId};

/// Every way this module says no. Nothing here carries key material or plaintext.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The root key file could not be opened, read, written or made durable.
    #[error("the root key file {} could not be {action}: {source}", path.display())]
    File {
        /// Where it is, or should be.
        path: PathBuf,
        /// What was tried: `opened`, `created`, …
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// There is no root key file, and this was not the first start.
    #[error(
        "there is no root key file at {}. What this server has sealed cannot be opened without it: put it back from its \
         backup, or correct the path. No new one was made, and nothing was changed",
        path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The path leads to a folder, a device or a socket.
    #[error("the root key path {} is not a file", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
    },
    /// Others than its owner may read or write the root key file.
    #[error(
        "the root key file {} is open to other users of this machine (mode {mode:04o}). Run: chmod 600 {}. If others had \
         access to this machine, change the root key as well",
        path.display(),
        path.display()
    )]
    Permissions {
        /// Where it is.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The root key file does not hold a key.
    #[error(
        "the root key file {} does not hold 64 hexadecimal digits. If this server never ran with it, delete it and start \
         again; otherwise put it back from its backup",
        path.display()
    )]
    Malformed {
        /// Where it is.
        path: PathBuf,
    },
    /// Fewer bytes than a head, or the head of a version this program does not know.
    #[error(
        "these {length} bytes do not begin with a sealed thing's {HEAD} bytes of head in a version this server knows"
    )]
    Head {
        /// Bytes given.
        length: usize,
    },
    /// Wrapped under another key than the one at hand: another root file, or an organisation key before or after a rotation.
    #[error("this was wrapped under key {wrapped_under}, and the key at hand is {ours}")]
    OtherKey {
        /// The key that is needed.
        wrapped_under: KeyId,
        /// The key that was there.
        ours: KeyId,
    },
    /// Keys of two organisations were to be exchanged for one another.
    #[error("the two keys belong to different organisations")]
    OtherOrganisation,
    /// The cipher says no: changed bytes, another item, another organisation, no randomness.
    #[error(transparent)]
    Seal(#[from] handlens_seal::Error),
}
