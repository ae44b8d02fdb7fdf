//! The log's signing key: a file of two lines, the name of the key and 64 hexadecimal digits, readable by its owner only.
//! It is never in the database or its backup.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use handlens_audit::{Origin, Signer};
use zeroize::Zeroizing;

use super::Error;

const MISSING: &str = "the key that signs the log is missing, and this was not the first start. Put it back from its backup; \
                       docs/operate.md says what to do without one";

/// Reads the key. For every start but the first: another one would not continue what this one signed.
pub(super) fn open(path: &Path) -> Result<Signer, Error> {
    read(path).map_err(|reason| Error::Key { path: path.to_owned(), reason })
}

/// Reads the key; on the first start makes one with a random name.
pub(super) fn open_or_create(path: &Path) -> Result<Signer, Error> {
    let fail = |reason: String| Error::Key { path: path.to_owned(), reason };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => {
            let made = write_new(file, path);
            if made.is_err() {
                // Half a key would stand in the way of the next start; that it was not removed is said by that start.
                let _ = std::fs::remove_file(path);
            }
            made
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => open(path),
        Err(error) => Err(fail(error.to_string())),
    }
}

fn write_new(mut file: File, path: &Path) -> Result<Signer, Error> {
    let fail = |reason: String| Error::Key { path: path.to_owned(), reason };
    let mut seed = Zeroizing::new([0; 32]);
    let mut name = [0; 5];
    getrandom::fill(&mut *seed)?;
    getrandom::fill(&mut name)?;
    let name = format!("handlens-{}", BASE32_NOPAD.encode(&name).to_ascii_lowercase());
    let text = Zeroizing::new(format!("{name}\n{}\n", HEXLOWER.encode(&*seed)));
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // The name has to survive a power cut as well.
    #[cfg(unix)]
    let written = written.and_then(|()| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    });
    written.map_err(|error| fail(error.to_string()))?;
    signer(&name, &*seed).map_err(fail)
}

fn read(path: &Path) -> Result<Signer, String> {
    let file = File::open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound { MISSING.to_owned() } else { error.to_string() }
    })?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(|error| error.to_string())?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(format!(
                "others can read the signing key (mode {:o}); run: chmod 600 {}",
                mode & 0o777,
                path.display()
            ));
        }
    }
    let mut text = Zeroizing::new(String::new());
    file.take(1024).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let (name, seed) = text.trim_end().split_once('\n').ok_or("not a signing key: two lines are expected")?;
    let seed =
        Zeroizing::new(HEXLOWER.decode(seed.trim().as_bytes()).map_err(|_| "not a signing key: no hexadecimal seed")?);
    signer(name.trim(), &seed)
}

fn signer(name: &str, seed: &[u8]) -> Result<Signer, String> {
    let name = Origin::new(name).map_err(|error| error.to_string())?;
    Signer::from_seed(name, seed).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use data_encoding::BASE64;
    use handlens_audit::Head;

    use super::*;
    use crate::keys::vectors::{LogKey, private};

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.key");
        (folder, path)
    }

    fn reason(made: Result<Signer, Error>) -> String {
        match made {
            Err(Error::Key { reason, .. }) => reason,
            Err(error) => panic!("{error}"),
            Ok(signer) => panic!("{} was taken for a key", signer.name()),
        }
    }

    /// The first start makes the file, two lines for its owner alone; the next one reads the same key.
    #[test]
    fn the_key_is_made_once() {
        let (folder, path) = folder();
        let made = open_or_create(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0] == made.name().as_str() && lines[0].starts_with("handlens-"), "{}", lines[0]);
        assert_eq!((lines.len(), lines[1].len(), text.ends_with('\n')), (2, 64, true));
        assert_eq!(open_or_create(&path).unwrap().vkey(), made.vkey());
        assert_eq!(open(&path).unwrap().vkey(), made.vkey());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_ne!(open_or_create(&folder.path().join("other.key")).unwrap().vkey(), made.vkey());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    /// A file that others can read is refused, and the message says how to close it. Closed again, it is read.
    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, path) = folder();
        open_or_create(&path).unwrap();
        let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601, 0o666] {
            set(mode);
            let reason = reason(open_or_create(&path));
            assert!(reason.contains(&format!("chmod 600 {}", path.display())), "{reason}");
        }
        for mode in [0o600, 0o400] {
            set(mode);
            open(&path).unwrap();
        }
    }

    /// What is not a key is never taken for one and never written over, however long it is.
    #[test]
    fn a_file_that_holds_no_key_is_refused_and_kept() {
        let (folder, path) = folder();
        let seed = "ab".repeat(32);
        for text in [
            "",
            "\n",
            "handlens-a",
            &seed,
            &format!("\n{seed}\n"),
            &format!("handlens a\n{seed}\n"),
            &format!("handlens-a\n{}\n", &seed[2..]),
            &format!("handlens-a\n{seed}00\n"),
            &format!("handlens-a\n{}\n", "g".repeat(64)),
            &format!("handlens-a\n{seed}\n{seed}\n"),
            &format!("{}\n{seed}\n", "a".repeat(2000)),
            &format!("handlens-a\n{}\n", "a".repeat(100_000)),
        ] {
            private(folder.path(), "log.key", text);
            assert!(!reason(open_or_create(&path)).is_empty(), "{text:.80}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, b"handlens-a\n\xff").unwrap();
        assert!(!reason(open(&path)).is_empty());
        private(folder.path(), "log.key", &format!("handlens-a\r\n{seed}\r\n"));
        assert_eq!(open(&path).unwrap().name().as_str(), "handlens-a", "the control: a key is read");
    }

    /// A lost file is told and not replaced; so is a folder that is not there.
    #[test]
    fn a_missing_key_is_not_replaced() {
        let (folder, path) = folder();
        assert_eq!(reason(open(&path)), MISSING);
        assert!(!path.exists());
        assert!(!reason(open_or_create(&path.join("deeper"))).is_empty());
        assert!(!reason(open_or_create(folder.path())).is_empty());
    }

    /// A file of version 1 is the key that it was: its name, its verifier key, its signature. A changed digit is another.
    #[test]
    fn a_key_of_version_1_opens() {
        let (vector, (folder, path)) = (LogKey::read(), folder());
        private(folder.path(), "log.key", &vector.file);
        let signer = open(&path).unwrap();
        assert_eq!((signer.name().as_str(), signer.vkey()), (vector.name.as_str(), vector.vkey.clone()));
        let checkpoint = Head::new(Origin::new(&vector.origin).unwrap()).checkpoint();
        assert_eq!(BASE64.encode(signer.sign(&checkpoint).unwrap().as_bytes()), vector.signature);

        let at = vector.name.len() + 1;
        let mut changed = vector.file.clone();
        changed.replace_range(at..=at, "0");
        assert_ne!(changed, vector.file);
        private(folder.path(), "log.key", &changed);
        assert_ne!(open(&path).unwrap().vkey(), vector.vkey);
    }
}
