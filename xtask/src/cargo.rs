//! Calls of cargo, with build output that all checkouts of a user share.
//!
//! Third-party crates take most of a build and are the same in every checkout, so they are built once, in the user's cache.
//! Our own crates must not be shared: cargo names their output by package and not by folder, and takes for fresh whatever
//! is newer than the sources, so a checkout could be handed another one's code. Hence one checkout at a time (a file
//! lock), and when the checkout changes, our crates' output (and only ours) is cleaned first. A caller who sets
//! `CARGO_TARGET_DIR` has decided for himself; then there is neither lock nor cleaning.

use std::fs::{File, TryLockError};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{Message, Metadata, MetadataCommand};

use crate::checkout::Checkout;
use crate::program::{Log, Voice, stream};

/// The right to build. Held while a build or a test runs; given back when dropped.
pub(crate) struct Cargo<'a> {
    checkout: &'a Checkout,
    target: PathBuf,
    _lock: Option<File>,
}

impl<'a> Cargo<'a> {
    /// Waits until no other checkout builds into the shared output, and takes it over.
    ///
    /// # Errors
    /// When the cache cannot be written, or cargo cannot clean it.
    pub(crate) fn open(checkout: &'a Checkout) -> Result<Self> {
        if let Some(target) = &checkout.own_target {
            return Ok(Self { checkout, target: target.clone(), _lock: None });
        }
        let target = checkout.shared_target();
        std::fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
        let lock = File::create(target.join("handlens.lock")).context("cannot write the lock of the build cache")?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!("xtask: another checkout is building in {}; waiting for it", target.display());
                lock.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the build cache"),
        }
        let cargo = Self { checkout, target, _lock: Some(lock) };
        cargo.take_over()?;
        Ok(cargo)
    }

    /// `cargo` in this checkout, with its output where it belongs.
    pub(crate) fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(&self.checkout.root).env("CARGO_TARGET_DIR", &self.target).args(arguments);
        command
    }

    /// Builds `handlens` and gives a copy of it that no other build replaces under a running test.
    ///
    /// # Errors
    /// When it does not build.
    pub(crate) fn build_handlens(&self, log: &mut Log) -> Result<PathBuf> {
        // The whole workspace's programs, so that third-party crates get the same features as in the tests: built once.
        let command = self.command(["build", "--workspace", "--bins", "--message-format=json-render-diagnostics"]);
        let built = built(command, log)?;
        let copy = self.checkout.scratch().join("handlens");
        let fresh = copy.with_extension("new");
        std::fs::copy(&built, &fresh).with_context(|| format!("cannot copy {}", built.display()))?;
        std::fs::rename(&fresh, &copy)?;
        Ok(copy)
    }

    /// Builds `handlens` in release and says where it is.
    ///
    /// # Errors
    /// When it does not build.
    pub(crate) fn build_release(&self, log: &mut Log) -> Result<PathBuf> {
        built(self.command(["build", "--release", "-p", "handlens", "--message-format=json-render-diagnostics"]), log)
    }

    /// Makes the shared output this checkout's own.
    fn take_over(&self) -> Result<()> {
        let owner = self.target.join("handlens.owner");
        let ours = identity(&self.checkout.scratch())?;
        if std::fs::read_to_string(&owner).is_ok_and(|last| last == ours) {
            return Ok(());
        }
        let packages = workspace_packages(&metadata(self.checkout)?);
        for profile in ["dev", "release"] {
            let mut clean = self.command(["clean", "--quiet", "--profile", profile]);
            packages.iter().for_each(|package| {
                clean.args(["--package", package]);
            });
            if !clean.status().context("cannot start cargo")?.success() {
                bail!("cargo cannot clean our crates from {}", self.target.display());
            }
        }
        std::fs::write(owner, ours)?;
        Ok(())
    }
}

fn built(mut command: Command, log: &mut Log) -> Result<PathBuf> {
    let mut built = None;
    let passed = stream(&mut command, &mut log.errors_only()?, |voice, line| {
        if voice == Voice::Out {
            built = executable(line, "handlens").or(built.take());
        }
    })?;
    match (passed, built) {
        (true, Some(built)) => Ok(built),
        _ => bail!("handlens does not build; see above, or {}", log.path().display()),
    }
}

/// The whole dependency graph: every target and what the default features turn on.
///
/// # Errors
/// When cargo cannot resolve the workspace.
pub(crate) fn metadata(checkout: &Checkout) -> Result<Metadata> {
    MetadataCommand::new().current_dir(&checkout.root).exec().context("cargo metadata does not pass")
}

/// Names of our own packages.
pub(crate) fn workspace_packages(metadata: &Metadata) -> Vec<String> {
    metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect()
}

/// A name that no other checkout has, not even a later one in the same folder.
fn identity(scratch: &Path) -> Result<String> {
    let file = scratch.join("checkout");
    if let Ok(id) = std::fs::read_to_string(&file) {
        return Ok(id);
    }
    let id = format!("{:016x}", RandomState::new().build_hasher().finish());
    std::fs::create_dir_all(scratch)?;
    std::fs::write(file, &id)?;
    Ok(id)
}

/// The program that this line of cargo's JSON says it made, if it is the one called `name`.
fn executable(line: &str, name: &str) -> Option<PathBuf> {
    let Message::CompilerArtifact(artifact) = serde_json::from_str(line).ok()? else {
        return None;
    };
    artifact.executable.filter(|_| artifact.target.name == name).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout keeps its name; another one has another.
    #[test]
    fn checkouts_are_told_apart() {
        let (a, b) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let first = identity(a.path()).expect("written");
        assert_eq!(first, identity(a.path()).expect("read"));
        assert_ne!(first, identity(b.path()).expect("written"));
    }

    /// Lines that are no artifacts name no program.
    #[test]
    fn only_an_artifact_names_a_program() {
        assert_eq!(executable("Compiling handlens", "handlens"), None);
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#, "handlens"), None);
    }
}
