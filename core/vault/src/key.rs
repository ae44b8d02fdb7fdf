//! Who keeps the device's key: the platform, behind one trait, and what is made of it.

use handlens_seal::{Header, Key};

use crate::Error;

/// The platform's key store: wraps the vault's own key under one that does not leave it (Android Keystore, Keychain; on
/// Linux [`FileKey`]). Called when a vault is opened, with no lock held, and may block.
pub trait KeyVault {
    /// Wraps `key`.
    ///
    /// # Errors
    /// [`KeyFault::Unavailable`].
    fn wrap(&self, key: &Key) -> Result<Vec<u8>, KeyFault>;

    /// Gives back what [`Self::wrap`] was given.
    ///
    /// # Errors
    /// [`KeyFault::Refused`] for what this key store did not wrap, else [`KeyFault::Unavailable`].
    fn unwrap(&self, wrapped: &[u8]) -> Result<Key, KeyFault>;
}

/// Why a key store gave no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It was wrapped by another one, or the one that wrapped it is gone. Trying again changes nothing.
    #[error("it did not wrap this key")]
    Refused,
    /// It does not answer now (device locked, file not readable).
    #[error("{reason}")]
    Unavailable {
        /// What it said; no key material.
        reason: String,
    },
    /// The key's file can be read by others than its owner.
    #[error("{path} can be read by others (mode {mode:03o}): make it 600")]
    Exposed {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
}

/// The keys that are made of the device's key: one use each.
pub(crate) struct DeviceKeys {
    /// Wraps DEKs.
    pub(crate) wraps: Key,
    /// Seals what is said of an object.
    pub(crate) rows: Key,
}

impl DeviceKeys {
    pub(crate) fn of(device: &Key) -> Result<Self, Error> {
        Ok(Self { wraps: device.derive("vault-wraps", &[])?, rows: device.derive("vault-rows", &[])? })
    }
}

#[cfg(unix)]
pub use file::FileKey;

#[cfg(unix)]
mod file {
    use std::fs::{self, File, OpenOptions};
    use std::io::{self, ErrorKind, Write as _};
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    use std::path::Path;

    use handlens_seal::wrap;
    use zeroize::Zeroizing;

    use super::{Header, Key, KeyFault, KeyVault};

    /// A key in a file that only its owner can read: for Linux, where there is no key store. It should lie on another path
    /// than the vault, so that a copy of one is not a copy of both.
    pub struct FileKey(Key);

    impl FileKey {
        /// Reads the key, or makes one where there is no file.
        ///
        /// # Errors
        /// [`KeyFault::Exposed`] when others may read it, [`KeyFault::Unavailable`] for anything else of the file system.
        pub fn open(path: &Path) -> Result<Self, KeyFault> {
            if !path.try_exists().map_err(unavailable)? {
                make(path).map_err(unavailable)?;
            }
            let mode = fs::metadata(path).map_err(unavailable)?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(KeyFault::Exposed { path: path.display().to_string(), mode });
            }
            let bytes = Zeroizing::new(fs::read(path).map_err(unavailable)?);
            Key::from_slice(&bytes).map(Self).map_err(|error| KeyFault::Unavailable { reason: error.to_string() })
        }
    }

    impl std::fmt::Debug for FileKey {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("FileKey")
        }
    }

    impl KeyVault for FileKey {
        fn wrap(&self, key: &Key) -> Result<Vec<u8>, KeyFault> {
            let wrapped = header().and_then(|header| wrap::wrap(&self.0, key, &header));
            wrapped.map(Vec::from).map_err(|error| KeyFault::Unavailable { reason: error.to_string() })
        }

        fn unwrap(&self, wrapped: &[u8]) -> Result<Key, KeyFault> {
            header().and_then(|header| wrap::unwrap(&self.0, wrapped, &header)).map_err(|_| KeyFault::Refused)
        }
    }

    /// What the wrap is bound to.
    fn header() -> Result<Header, handlens_seal::Error> {
        Header::new("device", None, "device-key", "vault")
    }

    /// A whole file under its name, or none: a key that is half there would lock a vault for ever. Where another process
    /// was first, its key stays.
    fn make(path: &Path) -> io::Result<()> {
        let key = Key::random().map_err(io::Error::other)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = format!("{}.{}.new", path.display(), std::process::id());
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&name)?;
        file.write_all(key.expose())?;
        file.sync_all()?;
        let linked = fs::hard_link(&name, path);
        fs::remove_file(&name)?;
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => File::open(folder)?.sync_all(),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "a function for `map_err`")]
    fn unavailable(error: io::Error) -> KeyFault {
        KeyFault::Unavailable { reason: error.to_string() }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// The key is made once, only its owner can read it, and it opens what it wrapped; another one does not.
        #[test]
        fn a_key_file_is_made_once_and_is_private() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("device.key");
            let first = FileKey::open(&path).unwrap();
            let key = Key::random().unwrap();
            let wrapped = first.wrap(&key).unwrap();
            assert_eq!(FileKey::open(&path).unwrap().unwrap(&wrapped).unwrap(), key);
            let other = FileKey::open(&folder.path().join("other.key")).unwrap();
            assert_eq!(other.unwrap(&wrapped), Err(KeyFault::Refused));
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left behind");

            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            assert!(matches!(FileKey::open(&path), Err(KeyFault::Exposed { mode: 0o640, .. })));
        }
    }
}
