//! The house's own tool: `cargo xtask demo | build | test | check`.
//!
//! It finds or installs what a command needs, builds the console and the `handlens` binary, runs the suites against them
//! and ends with figures. It knows how to build and judge the product; nothing of the product depends on it, and it links
//! nothing of the product: what it starts, it starts as the processes a user would have.
//!
//! ```text
//!  main ──▶ suites ──▶ house (checks)        checkout: where things are, what the environment said
//!    │         └─────▶ counts (parsers)      program:  one child process, streamed and logged
//!    └────▶ demo ────▶ report                tools · cargo · npm · console: what must be there first
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks to the person who called it")]

mod cargo;
mod checkout;
mod console;
mod counts;
mod demo;
mod house;
mod npm;
mod program;
mod release;
mod report;
mod suites;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use checkout::Checkout;
use suites::Suite;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, checks, tests and shows Handlens", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run the product on this computer, or let it show itself unattended
    Demo(DemoArgs),
    /// Build the program for a server, with the console inside: target/handlens
    Build,
    /// Run the suites and end with `N passed, N failed, N skipped`
    Test(TestArgs),
    /// Format, lints, documentation, licences, and the rules of the house
    Check(CheckArgs),
}

/// How the demo is run.
#[derive(Args)]
pub(crate) struct DemoArgs {
    /// Walk the whole line in headless Chromium; the last line is one JSON object
    #[arg(long)]
    check: bool,
    /// Announce a UDP port that never answers, as a strict firewall would
    #[arg(long)]
    udp_blocked: bool,
    /// Keep the server's folder afterwards, and say where it is
    #[arg(long)]
    keep: bool,
    /// Where screenshots go (with --check)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Args)]
struct TestArgs {
    /// One suite; all of them without it
    suite: Option<Suite>,
    /// Only what has this in its name
    #[arg(last = true)]
    filter: Vec<String>,
}

#[derive(Args)]
struct CheckArgs {
    /// Only checks that have this in their name
    #[arg(last = true)]
    filter: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo                      start a server with a demo organisation, until Ctrl-C
  cargo xtask demo --check              the whole line, unattended; screenshots in target/demo
  cargo xtask demo --check --udp-blocked
  cargo xtask build                     the program for a server, in target/handlens
  cargo xtask test                      every suite
  cargo xtask test rust -- audit        Rust tests with \"audit\" in their name
  cargo xtask test browser -- join      browser tests in files, or with titles, that say \"join\"
  cargo xtask check -- links            one check

Environment:
  CHROMIUM          the browser to drive, where it is not on the PATH
  CARGO_TARGET_DIR  build output; without it a cache shared by all checkouts is used
  CI=true           a skipped test is a failure";

fn main() -> ExitCode {
    match act(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// `Ok(false)` when everything ran and something did not pass; an error when it could not be run.
fn act(task: Task) -> anyhow::Result<bool> {
    let checkout = Checkout::find()?;
    match task {
        Task::Demo(args) => demo::run(&checkout, &args),
        Task::Build => release::build(&checkout),
        Task::Test(args) => {
            let chosen = args.suite.map_or_else(|| Suite::ALL.to_vec(), |suite| vec![suite]);
            suites::run(&checkout, &chosen, &args.filter)
        }
        Task::Check(args) => suites::run(&checkout, &[Suite::Check], &args.filter),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    /// The command line is well formed: clap finds no clash in it.
    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
