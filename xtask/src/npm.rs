//! npm packages of ours: installed when their lock file changed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::program::{Log, stream};

/// Installs what the lock file of `folder` names, unless that was done before.
///
/// # Errors
/// When there is no lock file, or npm fails.
pub(crate) fn install(folder: &Path, log: &mut Log) -> Result<()> {
    let lock = folder.join("package-lock.json");
    let wanted = fingerprint(folder, std::slice::from_ref(&lock))?;
    let stamp = folder.join("node_modules").join(".installed-lock");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("xtask: npm ci in {}", folder.display());
    if !stream(Command::new("npm").args(["ci", "--no-fund", "--no-audit"]).current_dir(folder), log, |_, _| {})? {
        bail!("npm ci does not pass in {}; see above, or {}", folder.display(), log.path().display());
    }
    std::fs::create_dir_all(folder.join("node_modules"))?;
    std::fs::write(stamp, wanted).context("cannot note what was installed")
}

/// `npm run SCRIPT` in `folder`, ready to start.
pub(crate) fn script(folder: &Path, script: &str, arguments: &[String]) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder).env("NO_COLOR", "1").args(["run", "--silent", script]);
    if !arguments.is_empty() {
        command.arg("--").args(arguments);
    }
    command
}

/// A hash over the names and contents of `files`, in their order. Names count relative to `folder`.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn fingerprint(folder: &Path, files: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(folder).unwrap_or(file).to_string_lossy();
        for part in [name.as_bytes(), &bytes] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
    }
    Ok(HEXLOWER.encode(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A changed byte, a renamed file and a byte moved from one file to the next each give another fingerprint.
    #[test]
    fn every_change_shows_in_the_fingerprint() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).expect("written");
            file
        };
        let print = |files: &[PathBuf]| fingerprint(folder.path(), files).expect("readable");
        let first = print(&[write("a", "xy"), write("b", "z")]);
        assert_eq!(first, print(&[write("a", "xy"), write("b", "z")]));
        assert_ne!(first, print(&[write("a", "x"), write("b", "yz")]));
        assert_ne!(first, print(&[write("a", "xy"), write("c", "z")]));
        assert_ne!(first, print(&[write("a", "xY"), write("b", "z")]));
    }
}
