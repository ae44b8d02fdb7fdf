//! The `handlens` program. Thin: each command is a module, the work is in libraries.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod audit;
#[cfg(feature = "join")]
mod join;
#[cfg(any(feature = "join", feature = "serve"))]
mod log;
#[cfg(feature = "serve")]
mod serve;

/// AR remote assistance that you host yourself.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server.
    #[cfg(feature = "serve")]
    Serve(serve::Serve),
    /// Joins a session as a phone without a screen.
    #[cfg(feature = "join")]
    Join(join::Join),
    /// For whoever holds the machine.
    #[cfg(feature = "serve")]
    #[command(subcommand)]
    Admin(serve::Admin),
    /// The audit log.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Prints the description of the HTTPS API (OpenAPI, JSON).
    #[cfg(feature = "serve")]
    Openapi,
}

fn main() -> ExitCode {
    match Program::parse().command {
        #[cfg(feature = "serve")]
        Command::Serve(command) => serve::run(command),
        #[cfg(feature = "join")]
        Command::Join(command) => join::run(&command),
        #[cfg(feature = "serve")]
        Command::Admin(command) => serve::admin(command),
        Command::Audit(command) => audit::run(command),
        #[cfg(feature = "serve")]
        Command::Openapi => serve::openapi(),
    }
}
