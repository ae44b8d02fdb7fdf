//! `handlens audit verify`: reads an export and says what it proves. Needs no server, no network, no database.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use handlens_audit::{Extent, Key, MAX_REMEMBERED, Place, Problem, Remembered, Report, Verdict, Verifier};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const EXAMPLES: &str = "\
Examples:
  Is this export complete and unaltered?
    handlens audit verify november.ndjson --key 'help.example+b0d25bc4+AZ…'

  Keep its checkpoint, and hold the next export against it:
    handlens audit verify november.ndjson --key \"$KEY\" --json > november.json
    handlens audit verify december.ndjson --key \"$KEY\" --since november.json

  From a pipe:
    zcat november.ndjson.gz | handlens audit verify - --key \"$KEY\"

Exit codes:
  0  verified: complete to the last entry shown; what came later is unknown
  2  wrong usage
  3  consistent, not authenticated: no key was given, anybody could have written this file
  4  altered: the first bad entry is named
  5  truncated or forked: a checkpoint or receipt, or the next log in the file, remembers more or another past
  6  unreadable, or not comparable with the checkpoint or receipt";

/// What can be done with the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check an exported audit log, without a server.
    #[command(after_help = EXAMPLES)]
    Verify(Verify),
    /// Write the whole log of this installation to a file, also while the server runs.
    #[cfg(feature = "serve")]
    #[command(after_help = "Example:\n  handlens audit export --data /var/lib/handlens --out clinic.ndjson")]
    Export {
        /// Where the data is.
        #[command(flatten)]
        settings: Box<crate::serve::Settings>,
        /// The file; `-` is standard output.
        #[arg(long, value_name = "FILE", default_value = "-")]
        out: PathBuf,
    },
}

/// The arguments of `audit verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The export; `-` reads standard input.
    file: PathBuf,
    /// The public key of the installation that wrote the log: NAME+ID+BASE64. Get it by another way than the file. May be
    /// given several times, after a change of keys.
    #[arg(long = "key", value_name = "VKEY", value_parser = |text: &str| Key::parse(text.trim()))]
    keys: Vec<Key>,
    /// A checkpoint, or the receipt of a photo, kept from before: finds entries that were cut off or exchanged since.
    #[arg(long, value_name = "CHECKPOINT|RECEIPT")]
    since: Option<PathBuf>,
    /// Answer with one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Why there is no answer: the file, and what is the matter with it.
struct Unreadable(String);

/// Runs the command. The exit code is the answer; what is printed explains it.
pub(crate) fn run(command: Command) -> ExitCode {
    match command {
        Command::Verify(arguments) => run_verify(&arguments),
        #[cfg(feature = "serve")]
        Command::Export { settings, out } => crate::serve::export_log(*settings, &out),
    }
}

fn run_verify(arguments: &Verify) -> ExitCode {
    let answer = verify(arguments);
    let verdict = answer.as_ref().map_or(Verdict::Unreadable, |report| report.verdict);
    let text = match &answer {
        _ if arguments.json => format!("{}\n", machine(&answer)),
        Ok(report) => human(report),
        Err(Unreadable(message)) => format!("Unreadable: {message}\n"),
    };
    // Whoever closed the pipe still gets the exit code.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    ExitCode::from(verdict.exit_code())
}

fn verify(arguments: &Verify) -> Result<Report, Unreadable> {
    let remembered = arguments.since.as_deref().map(|path| remembered(path, &arguments.keys)).transpose()?;
    let mut verifier = Verifier::new(arguments.keys.clone(), remembered);
    let mut file: Box<dyn Read> =
        if arguments.file == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(open(&arguments.file)?) };
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(verifier.finish()),
            Ok(len) if verifier.push(&piece[..len]) => {}
            Ok(_) => return Ok(verifier.finish()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(&arguments.file, &error)),
        }
    }
}

fn remembered(path: &Path, keys: &[Key]) -> Result<Remembered, Unreadable> {
    let mut content = Vec::new();
    let limit = u64::try_from(MAX_REMEMBERED).unwrap_or(u64::MAX).saturating_add(1);
    open(path)?.take(limit).read_to_end(&mut content).map_err(|error| unreadable(path, &error))?;
    Remembered::parse(&content, keys).map_err(|error| unreadable(path, &error))
}

fn open(path: &Path) -> Result<File, Unreadable> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &dyn std::error::Error) -> Unreadable {
    Unreadable(format!("{}: {error}", path.display()))
}

fn human(report: &Report) -> String {
    let mut text = match (report.verdict, report.extents.last()) {
        (Verdict::Verified, Some(end)) => format!("Verified: {}; what came later is unknown.\n", complete(end)),
        (Verdict::Consistent, Some(end)) => format!(
            "Consistent, not authenticated: {}, as far as the file itself says. Anybody could have written it: give --key.\n",
            complete(end)
        ),
        (Verdict::Altered, _) => "ALTERED. ".to_owned(),
        (Verdict::Forked, _) => "TRUNCATED OR FORKED. ".to_owned(),
        (Verdict::Unreadable | Verdict::Verified | Verdict::Consistent, _) => "Unreadable: ".to_owned(),
    };
    if let Some(problem) = &report.problem {
        let log = problem.origin.as_ref().map(|origin| format!(" of {origin}")).unwrap_or_default();
        text += &format!("{}{log} (line {}): {}.\n", capital(&problem.place), problem.line, problem.cause);
        text += if report.extents.is_empty() { "Nothing before it was proven.\n" } else { "Before it this held:\n" };
    }
    for Extent { origin, first, size, .. } in &report.extents {
        text += &format!("  {origin}: entries {first} to {}\n", size.saturating_sub(1));
    }
    if report.clock_steps_back > 0 {
        text += &format!("The server's clock went backwards {} time(s).\n", report.clock_steps_back);
    }
    text
}

fn complete(end: &Extent) -> String {
    format!("complete to entry {} of {} at {}", end.size.saturating_sub(1), end.origin, utc(end.last_time_us))
}

fn capital(place: &Place) -> String {
    let text = place.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn machine(answer: &Result<Report, Unreadable>) -> Value {
    match answer {
        Ok(report) => json!({
            "verdict": report.verdict.as_str(),
            "exit": report.verdict.exit_code(),
            "entries": report.extents.iter().map(|extent| extent.size - extent.first).sum::<u64>(),
            "logs": report.extents.iter().map(log).collect::<Vec<_>>(),
            "clock_steps_back": report.clock_steps_back,
            "details_revealed": report.details_revealed,
            "checkpoint": report.checkpoint,
            "problem": report.problem.as_ref().map(problem),
        }),
        Err(Unreadable(message)) => json!({
            "verdict": Verdict::Unreadable.as_str(),
            "exit": Verdict::Unreadable.exit_code(),
            "problem": { "cause": "unreadable", "message": message },
        }),
    }
}

fn log(extent: &Extent) -> Value {
    json!({
        "origin": extent.origin.as_str(),
        "first": extent.first,
        "size": extent.size,
        "root": extent.root.to_string(),
        "last_time_us": extent.last_time_us,
        "last_time": utc(extent.last_time_us),
    })
}

fn problem(problem: &Problem) -> Value {
    let (place, entry) = match problem.place {
        Place::Header => ("header", None),
        Place::Opening => ("opening", None),
        Place::Entry(sequence) => ("entry", Some(sequence)),
        Place::Checkpoint => ("checkpoint", None),
        Place::File => ("file", None),
    };
    json!({
        "cause": problem.cause.as_str(),
        "message": problem.cause.to_string(),
        "line": problem.line,
        "place": place,
        "origin": problem.origin.as_ref().map(handlens_audit::Origin::as_str),
        "entry": entry,
    })
}

fn utc(time_us: u64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_us) * 1000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{time_us} µs"))
}
