//! The root key: one file, outside the database and its backup, that opens every organisation's key.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use data_encoding::HEXLOWER_PERMISSIVE;
use handlens_seal::{Header, KEY_LENGTH, Key};
use zeroize::Zeroizing;

use super::{Error, HEAD, KeyId, Organisation, head};

/// Most bytes a root key file may have: the digits, a line end, and room to see that there is more than that.
const MAX_FILE: usize = 256;

/// Purpose and object in the header an organisation's key is wrapped for.
const ORGANISATION_KEY: &str = "organisation-key";

/// The key above all others. Read at the start and kept for the life of the process.
pub struct Root {
    key: Key,
    id: KeyId,
}

impl Root {
    /// Reads the root key. For every start but the first: with organisations in the database, a missing file is a loss to
    /// be told and not a reason for a new key.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Permissions`] when anyone but the owner has access (checked where the system has such
    /// permissions), [`Error::NotAFile`], [`Error::Malformed`], [`Error::File`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                Error::Missing { path: path.into() }
            } else {
                failed(path, "opened")(source)
            }
        })?;
        // Asked of the open file, not of the path, so that it is the same file that is read.
        let metadata = file.metadata().map_err(failed(path, "looked at"))?;
        if !metadata.is_file() {
            return Err(Error::NotAFile { path: path.into() });
        }
        refuse_loose_permissions(path, &metadata)?;
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_FILE));
        file.take(MAX_FILE as u64).read_to_end(&mut text).map_err(failed(path, "read"))?;
        let digits = text.trim_ascii();
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        if digits.len() != 2 * KEY_LENGTH || HEXLOWER_PERMISSIVE.decode_mut(digits, &mut *bytes).is_err() {
            return Err(Error::Malformed { path: path.into() });
        }
        Self::new(Key::from_bytes(&bytes))
    }

    /// Reads the root key, or makes a new one where there is none yet: 64 hexadecimal digits in a file only its owner can
    /// read, durable before this returns. Never writes over a file. The folder must exist.
    ///
    /// # Errors
    /// As [`Self::open`], without [`Error::Missing`].
    pub fn open_or_create(path: &Path) -> Result<Self, Error> {
        match create_private(path) {
            Ok(file) => match write_new(file, path) {
                Ok(root) => Ok(root),
                Err(error) => {
                    // It is ours and was never used; half a key left there would stop the next start.
                    let _ = std::fs::remove_file(path);
                    Err(error)
                }
            },
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Self::open(path),
            Err(source) => Err(failed(path, "created")(source)),
        }
    }

    /// Which root this is, as organisations' keys name it.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// A new random key for `organisation`, wrapped: bytes to keep in the database and give to
    /// [`Self::open_organisation`]. Also the first step of an organisation's key rotation.
    ///
    /// # Errors
    /// [`Error::Seal`] for an identifier out of bounds or no randomness.
    pub fn new_organisation(&self, organisation: &str) -> Result<[u8; HEAD], Error> {
        head::make(self.id, &self.key, &Key::random()?, &header(organisation)?)
    }

    /// The organisation's keys, from the bytes the database kept.
    ///
    /// # Errors
    /// [`Error::OtherKey`] when they were wrapped under another root file, [`Error::Head`] or [`Error::Seal`] when they are
    /// not what was stored for this organisation.
    pub fn open_organisation(&self, organisation: &str, wrapped: &[u8]) -> Result<Organisation, Error> {
        if wrapped.len() != HEAD {
            return Err(Error::Head { length: wrapped.len() });
        }
        let key = head::open(self.id, &self.key, wrapped, &header(organisation)?)?;
        Organisation::new(organisation, key)
    }

    /// The same organisation key, wrapped under `new` instead of this root. What the organisation has sealed stays as it is.
    /// Done twice it changes nothing, so a rotation that was interrupted can begin again.
    ///
    /// # Errors
    /// As [`Self::open_organisation`].
    pub fn rewrap(&self, new: &Self, organisation: &str, wrapped: &[u8]) -> Result<[u8; HEAD], Error> {
        let from = if head::wrapped_under(wrapped)? == new.id { new } else { self };
        let organisation_key = &from.open_organisation(organisation, wrapped)?.key;
        head::make(new.id, &new.key, organisation_key, &header(organisation)?)
    }

    fn new(key: Key) -> Result<Self, Error> {
        let id = KeyId::of(&key)?;
        Ok(Self { key, id })
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({})", self.id)
    }
}

fn header(organisation: &str) -> Result<Header, Error> {
    Ok(Header::new(organisation, None, ORGANISATION_KEY, ORGANISATION_KEY)?)
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write_new(mut file: File, path: &Path) -> Result<Root, Error> {
    let key = Key::random()?;
    let mut text = Zeroizing::new([b'\n'; 2 * KEY_LENGTH + 1]);
    HEXLOWER_PERMISSIVE.encode_mut(key.expose(), &mut text[..2 * KEY_LENGTH]);
    file.write_all(&*text).and_then(|()| file.sync_all()).map_err(failed(path, "written"))?;
    // The name has to survive a power cut as well, or what is sealed from now on is lost with it.
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(path, "made durable"))?;
    }
    Root::new(key)
}

#[cfg(unix)]
fn refuse_loose_permissions(path: &Path, metadata: &std::fs::Metadata) -> Result<(), Error> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(Error::Permissions { path: path.into(), mode }) }
}

#[cfg(not(unix))]
fn refuse_loose_permissions(_: &Path, _: &std::fs::Metadata) -> Result<(), Error> {
    Ok(())
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, action, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    /// The first start makes the file, for its owner alone; the next one reads the same key.
    #[test]
    fn the_root_is_made_once() {
        let folder = folder();
        let path = folder.path().join("root.key");
        let made = Root::open_or_create(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.len(), 65);
        assert_eq!(Root::open_or_create(&path).unwrap().key, made.key);
        assert_eq!(Root::open(&path).unwrap().id(), made.id());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        let other = Root::open_or_create(&folder.path().join("other.key")).unwrap();
        assert_ne!(other.id(), made.id());
        assert!(!format!("{made:?}").contains(text.trim()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    /// A file that others can read is refused, and the message says how to close it. Closed again, it is read.
    #[cfg(unix)]
    #[test]
    fn a_root_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        let path = folder.path().join("root.key");
        Root::open_or_create(&path).unwrap();
        let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601, 0o666] {
            set(mode);
            let error = Root::open_or_create(&path).unwrap_err();
            assert!(matches!(error, Error::Permissions { mode: found, .. } if found == mode));
            assert!(error.to_string().contains(&format!("chmod 600 {}", path.display())), "{error}");
        }
        for mode in [0o600, 0o400] {
            set(mode);
            Root::open(&path).unwrap();
        }
    }

    /// What is not a key is never taken for one and never written over.
    #[test]
    fn a_file_that_holds_no_key_is_refused_and_kept() {
        let folder = folder();
        let path = folder.path().join("root.key");
        let good = "ab".repeat(32);
        for text in [
            "",
            "\n",
            &good[1..],
            &format!("{good}0"),
            &"g".repeat(64),
            &"a".repeat(100_000),
            &format!("{good}\n{good}"),
        ] {
            fs::remove_file(&path).ok();
            create_private(&path).unwrap().write_all(text.as_bytes()).unwrap();
            assert!(matches!(Root::open_or_create(&path), Err(Error::Malformed { .. })), "{text:.80}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::remove_file(&path).unwrap();
        create_private(&path).unwrap().write_all(format!("{}\r\n", good.to_uppercase()).as_bytes()).unwrap();
        assert_eq!(Root::open(&path).unwrap().key, Key::from_bytes(&[0xab; 32]), "the control: a key is read");
    }

    /// A lost file is told, not replaced; a folder that is not there and a folder in its place are told, too.
    #[test]
    fn a_missing_root_is_not_replaced() {
        let folder = folder();
        let path = folder.path().join("root.key");
        assert!(matches!(Root::open(&path), Err(Error::Missing { .. })));
        assert!(!path.exists());
        assert!(matches!(Root::open_or_create(&path.join("deeper")), Err(Error::File { action: "created", .. })));
        assert!(matches!(Root::open_or_create(folder.path()), Err(Error::NotAFile { .. } | Error::File { .. })));
    }

    /// An organisation's key opens under its root, for its organisation, unchanged; and not otherwise.
    #[test]
    fn an_organisation_opens_under_its_own_root() {
        let folder = folder();
        let root = Root::open_or_create(&folder.path().join("a")).unwrap();
        let other = Root::open_or_create(&folder.path().join("b")).unwrap();
        let wrapped = root.new_organisation("org-1").unwrap();
        assert!(root.open_organisation("org-1", &wrapped).is_ok());
        assert!(matches!(
            root.open_organisation("org-2", &wrapped),
            Err(Error::Seal(handlens_seal::Error::WrapHeader))
        ));
        assert!(matches!(
            other.open_organisation("org-1", &wrapped),
            Err(Error::OtherKey { wrapped_under, ours }) if wrapped_under == root.id() && ours == other.id()
        ));
        assert!(matches!(root.open_organisation("org-1", &wrapped[1..]), Err(Error::Head { length: 80 })));
        for position in 0..HEAD {
            let mut changed = wrapped;
            changed[position] ^= 1;
            assert!(root.open_organisation("org-1", &changed).is_err(), "byte {position}");
        }
    }

    /// After a change of root the new one opens what the organisation sealed before, the old one no longer does, and an
    /// interrupted rotation can be run again.
    #[test]
    fn a_new_root_takes_over() {
        use crate::keys::{Item, Purpose};
        let folder = folder();
        let old = Root::open_or_create(&folder.path().join("old")).unwrap();
        let new = Root::open_or_create(&folder.path().join("new")).unwrap();
        let item = Item { purpose: Purpose::Notes, object: "note-1", session: None };
        let before = old.new_organisation("org-1").unwrap();
        let sealed = old.open_organisation("org-1", &before).unwrap().seal(item, b"text").unwrap();

        let after = old.rewrap(&new, "org-1", &before).unwrap();
        assert_ne!(after, before);
        let organisation = new.open_organisation("org-1", &after).unwrap();
        assert_eq!(organisation.open(item, &sealed).unwrap().as_slice(), b"text");
        assert!(matches!(old.open_organisation("org-1", &after), Err(Error::OtherKey { .. })));
        assert_eq!(old.rewrap(&new, "org-1", &after).unwrap(), after);
        assert!(old.rewrap(&new, "org-2", &before).is_err());
        assert!(old.rewrap(&new, "org-1", &[]).is_err());
    }
}
