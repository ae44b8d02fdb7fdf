//! The demo: for a person until Ctrl-C, or unattended over the whole line.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::DemoArgs;
use crate::cargo::Cargo;
use crate::checkout::Checkout;
use crate::program::{Log, Voice, stream};
use crate::report;
use crate::tools::{Tool, Tools};
use crate::{console, npm};

/// Builds what the demo shows, and shows it. `true` when the person ended it, or when the check found nothing missing.
///
/// # Errors
/// When something does not build or a tool is missing.
pub(crate) fn run(checkout: &Checkout, args: &DemoArgs) -> Result<bool> {
    let tools = Tools::new(checkout);
    let mut log = Log::create(checkout.log("demo"))?;
    tools.get(Tool::Compiler)?;
    let node = tools.get(Tool::Node)?;
    if !console::build(checkout, &mut log.errors_only()?)? {
        bail!("there is no console/ yet, so that there is nothing to show");
    }
    npm::install(&checkout.browser(), &mut log.errors_only()?)?;
    let handlens = Cargo::open(checkout)?.build_handlens(&mut log)?;

    let mut command = Command::new(node);
    command.current_dir(checkout.browser()).env("HANDLENS_BIN", handlens);
    let script = if args.check { "demo.mjs" } else { "serve.mjs" };
    command.arg(script);
    if args.udp_blocked {
        command.arg("--udp-blocked");
    }
    if args.keep {
        command.arg("--keep");
    }
    if args.check {
        command.env("CHROMIUM", tools.get(Tool::Chromium)?);
        unattended(checkout, command, args, &mut log)
    } else {
        attended(command)
    }
}

/// The person's terminal is the demo's; Ctrl-C reaches both, and we stay until the server has put its folder away.
fn attended(mut command: Command) -> Result<bool> {
    ctrlc::set_handler(|| {}).context("cannot wait for Ctrl-C")?;
    Ok(command.stdin(Stdio::inherit()).status().context("cannot start the demo")?.success())
}

/// Runs the script over the whole line and judges what it says. The last line of standard output is the report.
fn unattended(checkout: &Checkout, mut command: Command, args: &DemoArgs, log: &mut Log) -> Result<bool> {
    let out = match &args.out {
        Some(folder) => std::path::absolute(folder)?,
        None => checkout.root.join("target").join("demo"),
    };
    empty(&out)?;
    command.arg("--out").arg(&out);

    let mut last = String::new();
    // What the script says on the way is shown as it comes, except for a line that may be the last one.
    let ended_well = stream(&mut command, &mut log.errors_only()?, |voice, line| {
        if voice == Voice::Out && !line.trim().is_empty() {
            if !last.is_empty() {
                println!("{last}");
            }
            last = line.to_owned();
        }
    })?;

    let mut told: Value = serde_json::from_str(&last).ok().filter(Value::is_object).unwrap_or_else(|| {
        println!("{last}");
        json!({})
    });
    let mut missing = report::missing(&told);
    if !ended_well {
        missing.push("the script ended with an error".to_owned());
    }
    if !missing.is_empty() {
        eprintln!("\nThe demo does not hold:");
        missing.iter().for_each(|line| eprintln!("  - {line}"));
    }
    told["ok"] = json!(missing.is_empty());
    told["missing"] = json!(missing);
    let text = told.to_string();
    serde_json::to_writer_pretty(File::create(out.join("report.json"))?, &told)?;
    println!("{text}");
    Ok(missing.is_empty())
}

/// An empty folder, so that no picture of an earlier run passes for one of this.
fn empty(folder: &PathBuf) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let ours = path.extension().is_some_and(|kind| kind == "png" || kind == "jpg" || kind == "json");
        if ours {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}
