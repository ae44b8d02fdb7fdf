//! Writes the golden vectors that do not exist yet: `cargo run -p handlens-audit --example write_audit_vectors`.
//!
//! What exists is never touched: those files are what other people's verifiers were tested with. A new format gets a new
//! folder and a new version number.
#![allow(clippy::print_stdout, reason = "a tool for the terminal")]

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

#[path = "../tests/fixture/mod.rs"]
mod fixture;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/audit/v1");
    fs::create_dir_all(&folder)?;
    for (name, content) in fixture::vectors() {
        match OpenOptions::new().write(true).create_new(true).open(folder.join(name)) {
            Ok(mut file) => {
                file.write_all(&content)?;
                println!("{name}: written");
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => println!("{name}: exists, left as it is"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
