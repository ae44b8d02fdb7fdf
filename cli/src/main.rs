//! The `handlens` program. Thin: each command is a module, the work is in libraries.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod audit;

/// AR remote assistance that you host yourself.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The audit log.
    #[command(subcommand)]
    Audit(audit::Command),
}

fn main() -> ExitCode {
    match Program::parse().command {
        Command::Audit(command) => audit::run(&command),
    }
}
