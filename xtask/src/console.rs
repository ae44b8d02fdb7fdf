//! The console, built from `console/` into `console/dist` when its sources changed.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::npm;
use crate::program::{Log, stream};

/// Folders of `console/` that are made, not written.
const MADE: [&str; 3] = ["node_modules", "dist", ".svelte-kit"];

/// Builds the console, unless what is there was built from the same sources. `false` when there is no console yet.
///
/// # Errors
/// When npm fails or the build leaves nothing.
pub(crate) fn build(checkout: &Checkout, log: &mut Log) -> Result<bool> {
    let folder = checkout.console();
    if !folder.join("package.json").is_file() {
        return Ok(false);
    }
    npm::install(&folder, log)?;
    let mut files = Vec::new();
    sources(&folder, &mut files)?;
    files.sort();
    let wanted = npm::fingerprint(&folder, &files)?;
    let stamp = checkout.scratch().join("console-built-from");
    let dist = folder.join("dist");
    if dist.is_dir() && std::fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
        return Ok(true);
    }
    eprintln!("xtask: building the console");
    if !stream(&mut npm::script(&folder, "build", &[]), log, |_, _| {})? || !dist.is_dir() {
        bail!("the console does not build; see above, or {}", log.path().display());
    }
    std::fs::create_dir_all(checkout.scratch())?;
    std::fs::write(stamp, wanted)?;
    Ok(true)
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && !MADE.iter().any(|made| entry.file_name() == *made) {
            sources(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was made by a build does not count as a source of the next one.
    #[test]
    fn made_folders_are_no_sources() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["src/App.svelte", "dist/index.html", "node_modules/a/index.js", "package.json"] {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            std::fs::write(file, name).expect("written");
        }
        let mut files = Vec::new();
        sources(folder.path(), &mut files).expect("readable");
        files.sort();
        assert_eq!(files, [folder.path().join("package.json"), folder.path().join("src/App.svelte")]);
    }
}
