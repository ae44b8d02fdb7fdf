//! The log's signing key: a file of two lines, the name of the key and 64 hexadecimal digits, readable by its owner only.
//! It is never in the database or its backup.

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
        Ok(mut file) => {
            let mut seed = Zeroizing::new([0; 32]);
            let mut name = [0; 5];
            getrandom::fill(&mut *seed)?;
            getrandom::fill(&mut name)?;
            let name = format!("handlens-{}", BASE32_NOPAD.encode(&name).to_ascii_lowercase());
            let text = Zeroizing::new(format!("{name}\n{}\n", HEXLOWER.encode(&*seed)));
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| fail(error.to_string()))?;
            signer(&name, &*seed).map_err(fail)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => open(path),
        Err(error) => Err(fail(error.to_string())),
    }
}

fn read(path: &Path) -> Result<Signer, String> {
    let file = std::fs::File::open(path).map_err(|error| {
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
