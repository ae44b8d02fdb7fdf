//! The checks: what the toolchain says of the code, and the rules of the house that no compiler keeps.

mod graph;
mod text;

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cargo::Cargo;
use crate::checkout::Checkout;
use crate::npm;
use crate::program::{Log, stream};

/// How one check came out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The rule holds.
    Held,
    /// There was nothing to look at yet.
    Skipped(String),
    /// The rule does not hold; what was found, a line each.
    Broken(String),
}

impl Verdict {
    /// Held when nothing was found.
    fn of(found: &[String]) -> Self {
        if found.is_empty() { Self::Held } else { Self::Broken(found.join("\n  ")) }
    }
}

/// Runs every check whose name has all of `filter` in it.
///
/// # Errors
/// When the build cache cannot be opened. A check that cannot be made is broken, not an error.
pub(crate) fn run(checkout: &Checkout, filter: &[String], log: &mut Log) -> Result<Vec<(&'static str, Verdict)>> {
    let cargo = Cargo::open(checkout)?;
    let mut verdicts = Vec::new();
    // The same deny.toml in the hands of its own tool, where that is installed; else our reading of it stands alone.
    let own_tool = checkout.which("cargo-deny").map(|_| ("cargo deny", cargo_deny as Check));
    for (name, check) in checks().into_iter().chain(own_tool) {
        if !filter.iter().all(|word| name.contains(word.as_str())) {
            continue;
        }
        let verdict = check(&mut Room { checkout, cargo: &cargo, log })
            .unwrap_or_else(|error| Verdict::Broken(format!("{error:#}")));
        log.say(&match &verdict {
            Verdict::Held => format!("ok       {name}"),
            Verdict::Skipped(why) => format!("skipped  {name}: {why}"),
            Verdict::Broken(why) => format!("FAILED   {name}: {why}"),
        })?;
        verdicts.push((name, verdict));
    }
    Ok(verdicts)
}

/// What a check may use.
struct Room<'a> {
    checkout: &'a Checkout,
    cargo: &'a Cargo<'a>,
    log: &'a mut Log,
}

type Check = fn(&mut Room<'_>) -> Result<Verdict>;

/// All checks; the quick ones first.
fn checks() -> [(&'static str, Check); 17] {
    [
        ("file length", |room| text::lengths(room.checkout)),
        ("hosts and machine paths", |room| text::private(room.checkout)),
        ("markdown links", |room| text::links(room.checkout)),
        ("lock file", |room| graph::locked(room.checkout)),
        ("arrows between our crates", |room| graph::arrows(room.checkout)),
        ("crates kept out of rooms", |room| graph::kept_out(room.checkout, room.cargo)),
        ("verify links no server", |room| graph::verifier(room.cargo)),
        ("one crypto provider", |room| graph::crypto(room.checkout)),
        ("one SQLite", |room| graph::sqlite(room.checkout)),
        ("licences", |room| graph::licences(room.checkout)),
        ("banned crates", |room| graph::bans(room.checkout)),
        ("sources of crates", |room| graph::sources(room.checkout)),
        ("format", |room| room.cargo(["fmt", "--all", "--", "--check"])),
        ("clippy", |room| room.cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        ("clippy of the verifier alone", |room| {
            room.cargo(["clippy", "--package", "handlens", "--no-default-features", "--", "-D", "warnings"])
        }),
        ("documentation", documentation),
        ("console types", console_types),
    ]
}

impl Room<'_> {
    fn cargo<const N: usize>(&mut self, arguments: [&str; N]) -> Result<Verdict> {
        let command = self.cargo.command(arguments);
        self.program(command)
    }

    fn program(&mut self, mut command: Command) -> Result<Verdict> {
        Ok(if stream(&mut command, self.log, |_, _| {})? {
            Verdict::Held
        } else {
            Verdict::Broken("does not pass; see above".to_owned())
        })
    }
}

fn documentation(room: &mut Room<'_>) -> Result<Verdict> {
    let mut command = room.cargo.command(["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    room.program(command)
}

fn cargo_deny(room: &mut Room<'_>) -> Result<Verdict> {
    room.cargo(["deny", "--offline", "check", "bans", "licenses", "sources"])
}

fn console_types(room: &mut Room<'_>) -> Result<Verdict> {
    let folder = room.checkout.console();
    if !folder.join("package.json").is_file() {
        return Ok(Verdict::Skipped("there is no console/ yet".to_owned()));
    }
    npm::install(&folder, room.log)?;
    room.program(npm::script(&folder, "check", &[]))
}

/// A file of the checkout as text.
fn read(checkout: &Checkout, name: &str) -> Result<String> {
    std::fs::read_to_string(checkout.root.join(name)).with_context(|| format!("cannot read {name}"))
}
