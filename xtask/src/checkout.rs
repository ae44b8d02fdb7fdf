//! Where things are, and what the environment said. The only place that reads environment variables.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// One checkout of the repository and the settings of this run.
pub(crate) struct Checkout {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// `CI=true`: nobody watches, and nothing may be skipped.
    pub(crate) ci: bool,
    /// The browser named by `CHROMIUM`.
    pub(crate) chromium: Option<PathBuf>,
    /// `CARGO_TARGET_DIR` as the caller set it.
    pub(crate) own_target: Option<PathBuf>,
    /// The folders of `PATH`, in order.
    pub(crate) path: Vec<PathBuf>,
    cache: PathBuf,
}

impl Checkout {
    /// The checkout this program was built from.
    ///
    /// # Errors
    /// When neither `XDG_CACHE_HOME` nor `HOME` says where a cache may live.
    #[allow(clippy::disallowed_methods, reason = "this is the one place of xtask that reads the environment")]
    pub(crate) fn find() -> Result<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        // `cargo run` says where the package is now; the folder it was built in may have been moved since.
        let package =
            set("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().context("xtask stands inside a workspace")?;
        let cache = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache")))
            .context("neither HOME nor XDG_CACHE_HOME is set: there is no place for a build cache")?;
        Ok(Self {
            root: root.to_path_buf(),
            ci: set("CI").is_some_and(|value| value == "true" || value == "1"),
            chromium: set("CHROMIUM").map(PathBuf::from),
            own_target: set("CARGO_TARGET_DIR").map(PathBuf::from),
            path: set("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
            cache: cache.join("handlens"),
        })
    }

    /// Build output that all checkouts of this user share; see [`crate::cargo`] for how they are kept apart.
    pub(crate) fn shared_target(&self) -> PathBuf {
        self.cache.join("target")
    }

    /// What xtask itself leaves in this checkout: stamps, logs, the binary under test.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.root.join("target").join("xtask")
    }

    /// The log of one suite.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.scratch().join("logs").join(format!("{name}.log"))
    }

    /// The console's sources.
    pub(crate) fn console(&self) -> PathBuf {
        self.root.join("console")
    }

    /// The package that drives a real browser.
    pub(crate) fn browser(&self) -> PathBuf {
        self.root.join("tests").join("browser")
    }

    /// The first program of this name on the `PATH`, or the path itself when it is one.
    pub(crate) fn which(&self, program: &str) -> Option<PathBuf> {
        let given = Path::new(program);
        if given.is_absolute() {
            return given.is_file().then(|| given.to_path_buf());
        }
        self.path.iter().map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
    }
}
