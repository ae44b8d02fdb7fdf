//! A key in a file that only its owner reads: for laptops, carts and the command line. Phones have a key store.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Keeper, Kept};

/// The file's name in the folder.
const NAME: &str = "device.key";
/// Link hash and key.
const BYTES: usize = 64;

/// A folder of this device's own. Made when the first key is kept.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Keeps the key in `folder`.
    pub const fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join(NAME)
    }
}

impl Keeper for Folder {
    fn load(&self) -> io::Result<Option<Kept>> {
        let file = match File::open(self.file()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES + 1));
        file.take(BYTES as u64 + 1).read_to_end(&mut bytes)?;
        let Some((link, key)) = bytes.split_first_chunk::<32>() else { return Err(broken()) };
        let key: [u8; 32] = key.try_into().map_err(|_| broken())?;
        Ok(Some(Kept { link: *link, key: Zeroizing::new(key) }))
    }

    /// Written beside and moved, so that a kill leaves the old key or the new one.
    fn keep(&self, kept: &Kept) -> io::Result<()> {
        make_private(&self.0)?;
        let beside = self.0.join("device.key.new");
        remove(&beside)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        file.write_all(&kept.link)?;
        file.write_all(&*kept.key)?;
        file.sync_all()?;
        fs::rename(beside, self.file())
    }

    fn forget(&self) -> io::Result<()> {
        remove(&self.file())
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the file of this device's key is broken; remove it to begin anew")
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was kept is there after a restart, a broken file is said to be broken, and what was forgotten is gone.
    #[test]
    fn a_key_survives_its_program() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Folder::new(folder.path().join("state"));
        assert!(keeper.load().unwrap().is_none());
        for byte in [1, 2] {
            keeper.keep(&Kept { link: [byte; 32], key: Zeroizing::new([byte + 10; 32]) }).unwrap();
            let kept = Folder::new(folder.path().join("state")).load().unwrap().unwrap();
            assert_eq!((kept.link, *kept.key), ([byte; 32], [byte + 10; 32]));
        }
        keeper.forget().unwrap();
        keeper.forget().unwrap();
        assert!(keeper.load().unwrap().is_none());
        for length in [0, 31, 63, 65] {
            fs::write(folder.path().join("state").join(NAME), vec![7; length]).unwrap();
            assert_eq!(keeper.load().unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
