//! What a command needs from the machine: found, or installed with one line on why, or named with the exact command.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::checkout::Checkout;
use crate::program::ask;

/// The oldest Node that the console's build (Vite 8) and the browser tests run on.
const NODE: (u32, u32) = (20, 19);

/// A program that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// The C compiler that SQLite, ring and OpenH264 are built with.
    Compiler,
    /// The assembler of OpenH264's fast paths.
    Nasm,
    /// `cargo fmt`.
    Rustfmt,
    /// `cargo clippy`.
    Clippy,
    /// Node and npm.
    Node,
    /// Chromium, or Chrome.
    Chromium,
    /// The second verifier of the audit log.
    Python,
}

/// One row of the table: everything there is to know about a tool.
struct Row {
    name: &'static str,
    why: &'static str,
    apt: &'static [&'static str],
    brew: &'static [&'static str],
    rustup: &'static [&'static str],
    /// What to do where no package manager of ours has it.
    by_hand: &'static str,
}

impl Tool {
    fn row(self) -> Row {
        let none = Row { name: "", why: "", apt: &[], brew: &[], rustup: &[], by_hand: "" };
        match self {
            Self::Compiler => Row {
                name: "a C compiler",
                why: "SQLite, ring and OpenH264 are C and C++ inside",
                apt: &["build-essential"],
                by_hand: "xcode-select --install",
                ..none
            },
            Self::Nasm => Row {
                name: "nasm",
                why: "without it OpenH264 encodes at a third of the speed",
                apt: &["nasm"],
                brew: &["nasm"],
                by_hand: "install nasm from your system's packages",
                ..none
            },
            Self::Rustfmt => Row {
                name: "rustfmt",
                why: "the format is checked",
                rustup: &["rustfmt"],
                by_hand: "rustup component add rustfmt",
                ..none
            },
            Self::Clippy => Row {
                name: "clippy",
                why: "the design rules of clippy.toml are checked",
                rustup: &["clippy"],
                by_hand: "rustup component add clippy",
                ..none
            },
            Self::Node => Row {
                name: "Node 20.19 or newer, with npm",
                why: "the console is built with it, and the browser tests run on it",
                apt: &["nodejs", "npm"],
                brew: &["node"],
                by_hand: "curl -fsSL https://deb.nodesource.com/setup_22.x | sudo -E bash - && sudo apt-get install -y nodejs",
                ..none
            },
            Self::Chromium => Row {
                name: "Chromium",
                why: "the demo and the browser tests drive a real browser",
                apt: &["chromium", "fonts-liberation"],
                brew: &["--cask", "chromium"],
                by_hand: "install Chromium or Chrome, and set CHROMIUM to its program",
                ..none
            },
            Self::Python => Row {
                name: "Python 3",
                why: "a second verifier of the audit log is written in it, so that it shares no code with ours",
                apt: &["python3"],
                brew: &["python"],
                by_hand: "install Python 3 from your system's packages",
                ..none
            },
        }
    }

    /// Where the tool is, when it is there and new enough.
    pub(crate) fn find(self, checkout: &Checkout) -> Option<PathBuf> {
        match self {
            Self::Compiler => checkout.which("c++").and_then(|_| checkout.which("cc")),
            Self::Nasm => checkout.which("nasm"),
            Self::Rustfmt => cargo_part(checkout, "fmt"),
            Self::Clippy => cargo_part(checkout, "clippy"),
            Self::Node => {
                checkout.which("npm")?;
                let node = checkout.which("node")?;
                (version(&ask(Command::new(&node).arg("--version"))?)? >= NODE).then_some(node)
            }
            Self::Chromium => {
                let named = checkout.chromium.iter().cloned();
                let usual = CHROMIUMS.iter().filter_map(|name| checkout.which(name));
                // Ubuntu's `chromium-browser` is a note that asks for a snap: what does not tell its version is not one.
                named.chain(usual).find(|browser| ask(Command::new(browser).arg("--version")).is_some())
            }
            Self::Python => checkout.which("python3"),
        }
    }
}

const CHROMIUMS: [&str; 6] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// Sees to it that tools are there.
pub(crate) struct Tools<'a> {
    checkout: &'a Checkout,
    updated: Cell<bool>,
}

impl<'a> Tools<'a> {
    /// Nothing is looked for yet.
    pub(crate) fn new(checkout: &'a Checkout) -> Self {
        Self { checkout, updated: Cell::new(false) }
    }

    /// The tool's program: as it is, or newly installed.
    ///
    /// # Errors
    /// When it is missing and cannot be installed from here; the error is the command to run.
    pub(crate) fn get(&self, tool: Tool) -> Result<PathBuf> {
        if let Some(found) = tool.find(self.checkout) {
            return Ok(found);
        }
        let row = tool.row();
        eprintln!("xtask: installing {}: {}", row.name, row.why);
        if !self.install(&row)? {
            bail!("{} is missing ({}). Install it with:\n\n    {}\n", row.name, row.why, self.advice(&row));
        }
        tool.find(self.checkout).with_context(|| {
            format!(
                "{} is still missing: what the package manager has is too old or elsewhere. Try:\n\n    {}\n",
                row.name, row.by_hand
            )
        })
    }

    /// `false` when nothing here can install it.
    fn install(&self, row: &Row) -> Result<bool> {
        if !row.rustup.is_empty() {
            return Ok(self.checkout.which("rustup").is_some()
                && quietly(Command::new("rustup").args(["component", "add"]).args(row.rustup))?);
        }
        if let Some(mut apt_get) = self.apt_get().filter(|_| !row.apt.is_empty()) {
            if !self.updated.replace(true) {
                quietly(apt_get().arg("update"))?;
            }
            return quietly(apt_get().args(["install", "-y"]).args(row.apt));
        }
        if let Some(brew) = self.checkout.which("brew").filter(|_| !row.brew.is_empty()) {
            return quietly(Command::new(brew).arg("install").args(row.brew));
        }
        Ok(false)
    }

    /// How `apt-get` is called here, when it may be called without asking anybody for a password.
    fn apt_get(&self) -> Option<impl FnMut() -> Command + use<>> {
        let apt_get = self.checkout.which("apt-get")?;
        let root = ask(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
        let sudo = self.checkout.which("sudo").filter(|sudo| ask(Command::new(sudo).args(["-n", "true"])).is_some());
        if !root && sudo.is_none() {
            return None;
        }
        Some(move || match &sudo {
            Some(sudo) if !root => {
                let mut command = Command::new(sudo);
                command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive"]).arg(&apt_get);
                command
            }
            _ => {
                let mut command = Command::new(&apt_get);
                command.env("DEBIAN_FRONTEND", "noninteractive");
                command
            }
        })
    }

    fn advice(&self, row: &Row) -> String {
        if !row.apt.is_empty() && self.checkout.which("apt-get").is_some() {
            return format!("sudo apt-get update && sudo apt-get install -y {}", row.apt.join(" "));
        }
        if !row.brew.is_empty() && Path::new("/Applications").is_dir() {
            return format!("brew install {}", row.brew.join(" "));
        }
        row.by_hand.to_owned()
    }
}

/// Runs an installer; its words are shown only as far as they are errors.
fn quietly(command: &mut Command) -> Result<bool> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    Ok(status.with_context(|| format!("cannot start {name}"))?.success())
}

fn cargo_part(checkout: &Checkout, part: &str) -> Option<PathBuf> {
    ask(Command::new("cargo").args([part, "--version"])).and_then(|_| checkout.which("cargo"))
}

/// `(20, 11)` of `v20.11.1`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim_start_matches('v').split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Node's own way of telling its version is understood; anything else is "no version", never a guess.
    #[test]
    fn a_version_is_read() {
        assert_eq!(version("v20.11.1"), Some((20, 11)));
        assert_eq!(version("22.0"), Some((22, 0)));
        for none in ["node", "", "v20", "v.1"] {
            assert_eq!(version(none), None, "{none}");
        }
    }

    /// Each tool says why it is wanted and what a person can type.
    #[test]
    fn every_tool_has_a_reason_and_a_command() {
        use Tool::{Chromium, Clippy, Compiler, Nasm, Node, Python, Rustfmt};
        for tool in [Compiler, Nasm, Rustfmt, Clippy, Node, Chromium, Python] {
            let row = tool.row();
            assert!(!row.name.is_empty() && !row.why.is_empty() && !row.by_hand.is_empty(), "{tool:?}");
        }
    }
}
