//! `handlens serve` as a process of its own, to be killed.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A running `handlens serve`; killed when dropped.
pub struct Process {
    child: Child,
    /// `http://localhost:PORT`.
    pub origin: String,
    keys: std::path::PathBuf,
}

impl Process {
    /// Starts it on `folder` and waits for its greeting.
    pub async fn start(folder: &Path) -> Self {
        let mut child = handlens(folder, &["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut origin = None;
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(rest) = line.strip_prefix("Handlens is at ") {
                origin = rest.split_once("/ ").map(|(origin, _)| origin.to_owned());
            }
            if line.starts_with("Data in ") {
                break;
            }
        }
        let origin = origin.expect("the server did not start; its standard error is above");
        Self { child, origin, keys: folder.join("data.keys") }
    }

    /// The one-time secret of the first start.
    pub fn setup_secret(&self) -> String {
        let link = std::fs::read_to_string(self.keys.join("setup-link")).unwrap();
        link.trim().split_once('#').unwrap().1.to_owned()
    }

    /// SIGKILL: no destructor runs, no buffer is flushed.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// The key that verifies the log of the server in `folder`.
    pub async fn vkey(folder: &Path) -> String {
        let out = handlens(folder, &["admin", "vkey"]).output().await.unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    /// The whole log of the server in `folder`.
    pub async fn export(folder: &Path, to: &Path) {
        let mut command = handlens(folder, &["audit", "export"]);
        let out = command.arg("--out").arg(to).output().await.unwrap();
        assert!(out.status.success(), "{out:?}");
    }
}

#[allow(clippy::disallowed_methods, reason = "the test runner says where the program is")]
fn handlens(folder: &Path, arguments: &[&str]) -> Command {
    let program = std::env::var("HANDLENS_BIN").expect("HANDLENS_BIN names the program; run `cargo xtask test rust`");
    let mut command = Command::new(program);
    command.args(arguments).arg("--data").arg(folder.join("data")).env_remove("HANDLENS_BIN").kill_on_drop(true);
    command
}
