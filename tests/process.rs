//! `handlens serve` and `handlens join` as processes of their own, to be killed.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

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
        Self::start_with(folder, &["--listen", "127.0.0.1:0"]).await
    }

    /// The same with settings of its own.
    pub async fn start_with(folder: &Path, settings: &[&str]) -> Self {
        let mut command = handlens(folder, &["serve"]);
        command.args(settings);
        Self::run(command, folder).await
    }

    /// The same at its most talkative, into a file.
    pub async fn start_logged(folder: &Path, log: &Path, flags: &[&str]) -> Self {
        let mut command = handlens(folder, &["serve"]);
        command.args(["--listen", "127.0.0.1:0"]).args(flags);
        logged(&mut command, log);
        Self::run(command, folder).await
    }

    async fn run(mut command: Command, folder: &Path) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
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

    /// The port it listens on, TCP and, unless it was given another one, UDP.
    pub fn port(&self) -> u16 {
        self.origin.rsplit_once(':').unwrap().1.parse().unwrap()
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

    /// What an auditor is told of that export who kept `since`: the exit code, and the answer.
    pub async fn verify(export: &Path, vkey: &str, since: &Path) -> (Option<i32>, Value) {
        let mut command = program(&["audit", "verify", "--json", "--key", vkey]);
        let out = command.arg(export).arg("--since").arg(since).output().await.unwrap();
        (out.status.code(), serde_json::from_slice(&out.stdout).unwrap())
    }
}

/// A running `handlens join --json`; killed when dropped.
pub struct Phone {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it has said so far.
    pub said: Vec<Value>,
}

impl Phone {
    /// Starts it with a link and flags.
    pub fn start(link: &str, flags: &[&str]) -> Self {
        let mut command = program(&["join", link, "--json"]);
        command.args(flags);
        Self::run(command)
    }

    /// The same at its most talkative, into a file.
    pub fn start_logged(link: &str, flags: &[&str], log: &Path) -> Self {
        let mut command = program(&["join", link, "--json"]);
        command.args(flags);
        logged(&mut command, log);
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, said: Vec::new() }
    }

    /// The next event of this name. Twenty seconds without one is a fault.
    pub async fn until(&mut self, event: &str) -> Value {
        let said = tokio::time::timeout(PATIENCE, async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                let said: Value = serde_json::from_str(&line).unwrap();
                self.said.push(said.clone());
                if said["event"] == event {
                    return said;
                }
            }
            panic!("the phone ended without saying {event}: {:?}", self.said)
        });
        said.await.unwrap_or_else(|_| panic!("the phone did not say {event}: {:?}", self.said))
    }

    /// SIGKILL: no destructor runs, no buffer is flushed.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// As Ctrl-C and a service manager do it. Gives its exit code and the account it ended with.
    pub async fn stop(self) -> (Option<i32>, Value) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        self.end().await
    }

    /// Waits for its end. Gives its exit code and the account it ended with.
    pub async fn end(mut self) -> (Option<i32>, Value) {
        let frames = self.until("frames").await;
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("the phone does not end").unwrap();
        (status.code(), frames)
    }
}

/// What takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(20);

fn handlens(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command.arg("--data").arg(folder.join("data"));
    command
}

fn logged(command: &mut Command, log: &Path) {
    let log = File::options().create(true).append(true).open(log).unwrap();
    command.env("HANDLENS_LOG", "trace").stderr(log);
}

#[allow(clippy::disallowed_methods, reason = "the test runner says where the program is")]
fn program(arguments: &[&str]) -> Command {
    let program = std::env::var("HANDLENS_BIN").expect("HANDLENS_BIN names the program; run `cargo xtask test rust`");
    let mut command = Command::new(program);
    command.args(arguments).env_remove("HANDLENS_BIN").kill_on_drop(true);
    command
}
