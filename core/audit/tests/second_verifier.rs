//! The verifier that follows `docs/audit-format.md` and shares no code with this one gives the same answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use handlens_audit::{Place, Report, Verifier};
use serde::Deserialize;

mod fixture;

#[derive(Deserialize)]
struct Case {
    file: String,
    key: bool,
    since: Option<String>,
    exit: i32,
    cause: Option<String>,
    entry: Option<u64>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Answer {
    exit: i32,
    cause: Option<String>,
    entry: Option<u64>,
}

/// Every golden file gets the same verdict, cause and first bad entry from both.
#[test]
fn golden_files_get_the_same_answer() {
    let cases = fs::read_to_string(folder().join("v1/cases.ndjson")).unwrap();
    for line in cases.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let file = fs::read(folder().join("v1").join(&case.file)).unwrap();
        let answer = second(&file, case.key, case.since.as_deref());
        assert_eq!(answer, Answer { exit: case.exit, cause: case.cause, entry: case.entry }, "{line}");
    }
}

/// Flipped bits all over the export, of every kind of line, are found by both and blamed on the same entry for the same
/// reason. Control: the same export without a flip is good for both.
#[test]
fn flipped_bits_get_the_same_answer() {
    let file = fixture::export(&[&fixture::thirty()], 0);
    assert_eq!(second(&file, true, None).exit, 0);
    for n in 0..48 {
        let (at, bit) = ((n * 7919 + 11) % file.len(), n % 8);
        let mut altered = file.clone();
        altered[at] ^= 1 << bit;
        let theirs = second(&altered, true, None);
        assert!(theirs.exit >= 4, "byte {at} bit {bit}");
        assert_eq!(theirs, first(&altered), "byte {at} bit {bit}");
    }
}

fn first(file: &[u8]) -> Answer {
    let mut verifier = Verifier::new(vec![fixture::key()], None);
    verifier.push(file);
    let Report { verdict, problem, .. } = verifier.finish();
    let entry = problem.as_ref().and_then(|problem| match problem.place {
        Place::Entry(sequence) => Some(sequence),
        Place::Header | Place::Opening | Place::Checkpoint | Place::File => None,
    });
    let cause = problem.map(|problem| problem.cause.as_str().to_owned());
    Answer { exit: verdict.exit_code().into(), cause, entry }
}

fn second(file: &[u8], key: bool, since: Option<&str>) -> Answer {
    let mut command = Command::new("python3");
    command.arg("-I").arg(folder().join("verify.py")).arg("-");
    if key {
        command.arg("--key").arg(fixture::signer().vkey());
    }
    if let Some(since) = since {
        command.arg("--since").arg(folder().join("v1").join(since));
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap_or_else(|error| {
        panic!("python3 is needed for this test (Debian: apt-get install python3): {error}");
    });
    // It stops reading at the first problem: a closed pipe is no failure here, the answer is what counts.
    let _ = child.stdin.take().unwrap().write_all(file);
    let output = child.wait_with_output().unwrap();
    let answer: Answer = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(answer.exit));
    answer
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/audit")
}
