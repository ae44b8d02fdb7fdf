//! The suites, and the table at their end.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::cargo::Cargo;
use crate::checkout::Checkout;
use crate::counts::{Counts, Runner};
use crate::program::{Log, stream};
use crate::tools::{Tool, Tools};
use crate::{console, house, npm};

/// A group of tests that one program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// Format, lints, documentation, licences, and the rules of the house
    Check,
    /// `cargo test --workspace`
    Rust,
    /// The console's own tests, by vitest
    Console,
    /// A real server process and a real Chromium, by node:test
    Browser,
}

/// How one suite went.
struct Outcome {
    name: &'static str,
    counts: Counts,
    seconds: f64,
    log: PathBuf,
    /// What the figures do not say: which checks failed, why nothing ran.
    notes: Vec<String>,
}

impl Suite {
    /// In the order they are run: cheap and telling first.
    pub(crate) const ALL: [Self; 4] = [Self::Check, Self::Rust, Self::Console, Self::Browser];

    fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Rust => "rust",
            Self::Console => "console",
            Self::Browser => "browser",
        }
    }

    fn needs(self) -> &'static [Tool] {
        match self {
            // The server carries the built console, so that whatever compiles it needs Node.
            Self::Check => &[Tool::Compiler, Tool::Nasm, Tool::Rustfmt, Tool::Clippy, Tool::Node],
            Self::Rust => &[Tool::Compiler, Tool::Nasm, Tool::Node, Tool::Python],
            Self::Console => &[Tool::Node],
            Self::Browser => &[Tool::Compiler, Tool::Node, Tool::Chromium],
        }
    }
}

/// Runs `chosen` one after another and prints the table. `true` when all passed and, in CI, none was skipped.
///
/// # Errors
/// When a tool is missing and cannot be installed. A suite that cannot be run is a failure in the table, not an error.
pub(crate) fn run(checkout: &Checkout, chosen: &[Suite], filter: &[String]) -> Result<bool> {
    let tools = Tools::new(checkout);
    for tool in chosen.iter().flat_map(|suite| suite.needs()) {
        tools.get(*tool)?;
    }
    let mut outcomes = Vec::new();
    for suite in chosen {
        println!("\n── {} ──", suite.name());
        outcomes.push(run_one(checkout, &tools, *suite, filter)?);
    }
    print!("{}", table(&outcomes));
    let total = sum(&outcomes);
    let passed = total.failed == 0 && !(checkout.ci && total.skipped > 0);
    if !passed && total.failed == 0 {
        println!("In CI nothing may be skipped: this run has failed.");
    }
    println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    Ok(passed)
}

fn run_one(checkout: &Checkout, tools: &Tools<'_>, suite: Suite, filter: &[String]) -> Result<Outcome> {
    let started = Instant::now();
    let mut log = Log::create(checkout.log(suite.name()))?;
    let mut notes = Vec::new();
    let told = match suite {
        Suite::Check => check(checkout, filter, &mut log, &mut notes),
        Suite::Rust => rust(checkout, filter, &mut log),
        Suite::Console => vitest(checkout, filter, &mut log, &mut notes),
        Suite::Browser => browser(checkout, tools, filter, &mut log),
    };
    let (counts, ended_well) = told.unwrap_or_else(|error| {
        notes.push(format!("{error:#}"));
        (Counts::default(), false)
    });
    let counts = judge(counts, ended_well, &mut notes);
    Ok(Outcome { name: suite.name(), counts, seconds: started.elapsed().as_secs_f64(), log: log.path().into(), notes })
}

/// The counts as they must be read: a runner that failed without naming a test has failed, and so has one that ran none.
fn judge(mut counts: Counts, ended_well: bool, notes: &mut Vec<String>) -> Counts {
    if counts.failed == 0 && !ended_well {
        counts.failed = 1;
        notes.push("ended with an error and named no failed test".to_owned());
    } else if counts.total() == 0 {
        counts.failed = 1;
        notes.push("ran no test".to_owned());
    }
    counts
}

fn check(checkout: &Checkout, filter: &[String], log: &mut Log, notes: &mut Vec<String>) -> Result<(Counts, bool)> {
    console::build(checkout, log)?;
    let mut counts = Counts::default();
    for (name, verdict) in house::run(checkout, filter, log)? {
        match verdict {
            house::Verdict::Held => counts.passed += 1,
            house::Verdict::Skipped(why) => {
                counts.skipped += 1;
                notes.push(format!("{name}: skipped: {why}"));
            }
            house::Verdict::Broken(why) => {
                counts.failed += 1;
                notes.push(format!("{name}: {why}"));
            }
        }
    }
    Ok((counts, true))
}

fn rust(checkout: &Checkout, filter: &[String], log: &mut Log) -> Result<(Counts, bool)> {
    console::build(checkout, log)?;
    let cargo = Cargo::open(checkout)?;
    let handlens = cargo.build_handlens(log)?;
    let mut command = cargo.command(["test", "--workspace", "--no-fail-fast"]);
    command.env("HANDLENS_BIN", handlens).arg("--").args(filter);
    counted(&mut command, Runner::Libtest, log)
}

fn vitest(checkout: &Checkout, filter: &[String], log: &mut Log, notes: &mut Vec<String>) -> Result<(Counts, bool)> {
    // What is measured is what these sources build.
    if !console::build(checkout, log)? {
        notes.push("there is no console/ yet".to_owned());
        return Ok((Counts { skipped: 1, ..Counts::default() }, true));
    }
    let (mut counts, ended_well) = counted(&mut npm::script(&checkout.console(), "test", filter), Runner::Vitest, log)?;
    if !stream(&mut npm::script(&checkout.console(), "size", &[]), log, |_, _| {})? {
        counts.failed += 1;
        notes.push("the patient's page is too large; see above".to_owned());
    }
    Ok((counts, ended_well))
}

fn browser(checkout: &Checkout, tools: &Tools<'_>, filter: &[String], log: &mut Log) -> Result<(Counts, bool)> {
    console::build(checkout, log)?;
    npm::install(&checkout.browser(), log)?;
    // The lock on the build cache ends here: the tests run the copy.
    let handlens = Cargo::open(checkout)?.build_handlens(log)?;
    let (files, titles) = browser_files(checkout, filter)?;
    // One file at a time: each has a server and browsers of its own, and figures of time among its promises.
    let mut command = Command::new(tools.get(Tool::Node)?);
    command
        .current_dir(checkout.browser())
        .env("HANDLENS_BIN", handlens)
        .env("CHROMIUM", tools.get(Tool::Chromium)?)
        .args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
        .args(titles.iter().map(|title| format!("--test-name-pattern={title}")))
        .args(files);
    counted(&mut command, Runner::Node, log)
}

/// Test files whose name has the filter in it; where no name has, all of them, and the filter is for titles.
fn browser_files(checkout: &Checkout, filter: &[String]) -> Result<(Vec<PathBuf>, Vec<String>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(checkout.browser())? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("there is no *.test.mjs in {}", checkout.browser().display());
    }
    let named = |file: &&PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        filter.iter().any(|word| name.contains(word.as_str()))
    };
    let chosen: Vec<_> = files.iter().filter(named).cloned().collect();
    Ok(if chosen.is_empty() { (files, filter.to_vec()) } else { (chosen, Vec::new()) })
}

fn counted(command: &mut Command, runner: Runner, log: &mut Log) -> Result<(Counts, bool)> {
    let mut counts = Counts::default();
    let ended_well = stream(command, log, |_, line| counts += runner.read(line))?;
    Ok((counts, ended_well))
}

fn sum(outcomes: &[Outcome]) -> Counts {
    let mut total = Counts::default();
    outcomes.iter().for_each(|outcome| total += outcome.counts);
    total
}

fn table(outcomes: &[Outcome]) -> String {
    let mut text = format!("\n{:<10}{:>8}{:>8}{:>9}{:>9}\n", "suite", "passed", "failed", "skipped", "seconds");
    for Outcome { name, counts, seconds, .. } in outcomes {
        text += &format!("{name:<10}{:>8}{:>8}{:>9}{seconds:>9.1}\n", counts.passed, counts.failed, counts.skipped);
    }
    text.push('\n');
    for outcome in outcomes {
        for note in &outcome.notes {
            text += &format!("{}: {note}\n", outcome.name);
        }
        if outcome.counts.failed > 0 {
            text += &format!("{}: all of it in {}\n", outcome.name, outcome.log.display());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(script: &str) -> (Counts, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = Log::silent(folder.path().join("fake.log"));
        let mut notes = Vec::new();
        let (counts, ended_well) =
            counted(Command::new("sh").args(["-c", script]), Runner::Libtest, &mut log).expect("sh runs");
        (judge(counts, ended_well, &mut notes), notes)
    }

    /// A suite that passes is counted as it says.
    #[test]
    fn a_passing_suite_passes() {
        let (counts, notes) = fake("echo 'test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured'");
        assert_eq!(counts, Counts { passed: 3, ..Counts::default() });
        assert!(notes.is_empty());
    }

    /// The negative control: a suite with a failed test, one that dies without a word, and one that runs nothing all fail.
    #[test]
    fn a_suite_that_must_fail_fails() {
        let (counts, _) = fake("echo 'test result: FAILED. 1 passed; 2 failed; 0 ignored'; exit 101");
        assert_eq!(counts, Counts { passed: 1, failed: 2, skipped: 0 });
        let (counts, notes) = fake("echo 'test result: ok. 1 passed; 0 failed; 0 ignored'; kill -9 $$");
        assert_eq!((counts.failed, notes.len()), (1, 1));
        let (counts, notes) = fake("echo 'test result: ok. 0 passed; 0 failed; 0 ignored; 9 filtered out'");
        assert_eq!((counts.failed, notes.as_slice()), (1, ["ran no test".to_owned()].as_slice()));
    }

    /// The table adds up, and names the log of a suite that failed.
    #[test]
    fn the_table_says_where_to_look() {
        let outcome = |name, failed| Outcome {
            name,
            counts: Counts { passed: 2, failed, skipped: 1 },
            seconds: 1.25,
            log: PathBuf::from("a.log"),
            notes: vec![],
        };
        let outcomes = [outcome("rust", 0), outcome("browser", 1)];
        assert_eq!(sum(&outcomes), Counts { passed: 4, failed: 1, skipped: 2 });
        let text = table(&outcomes);
        assert!(text.contains("browser: all of it in a.log") && !text.contains("rust: all"));
    }
}
