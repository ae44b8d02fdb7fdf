//! The program as it is put on a server: one file, with the console inside.

use anyhow::{Result, bail};

use crate::cargo::Cargo;
use crate::checkout::Checkout;
use crate::console;
use crate::program::Log;
use crate::tools::{Tool, Tools};

/// Builds the console and then `handlens` in release, into `target/handlens`.
///
/// # Errors
/// When something does not build or a tool is missing.
pub(crate) fn build(checkout: &Checkout) -> Result<bool> {
    let tools = Tools::new(checkout);
    let mut log = Log::create(checkout.log("build"))?;
    tools.get(Tool::Compiler)?;
    tools.get(Tool::Node)?;
    if !console::build(checkout, &mut log.errors_only()?)? {
        bail!("there is no console/ to put into the program");
    }
    let built = Cargo::open(checkout)?.build_release(&mut log)?;
    let to = checkout.root.join("target").join("handlens");
    let fresh = to.with_extension("new");
    std::fs::copy(built, &fresh)?;
    std::fs::rename(&fresh, &to)?;
    println!("{}", to.display());
    Ok(true)
}
