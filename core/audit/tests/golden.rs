//! The files that other verifiers are tested with, read and written by this one.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::PathBuf;

use handlens_audit::{Place, Remembered, Verifier};
use serde::Deserialize;

mod fixture;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    file: String,
    key: bool,
    since: Option<String>,
    exit: u8,
    cause: Option<String>,
    entry: Option<u64>,
}

/// Version 1 stays version 1: what is written today is byte for byte what was written when it was defined.
#[test]
fn the_format_has_not_changed() {
    let vectors = fixture::vectors();
    for (name, content) in &vectors {
        let kept = fs::read(folder().join(name)).unwrap();
        assert!(kept == *content, "{name} is not what this code writes: a changed format is a new version");
    }
    assert_eq!(fs::read_dir(folder()).unwrap().count(), vectors.len(), "a file without an author");
}

/// Each file gets the verdict, the cause and the first bad entry that stand in `cases.ndjson`.
#[test]
fn every_case_has_its_answer() {
    let cases = fs::read_to_string(folder().join("cases.ndjson")).unwrap();
    for line in cases.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let keys = if case.key { vec![fixture::key()] } else { vec![] };
        let since = case.since.map(|name| Remembered::parse(&fs::read(folder().join(name)).unwrap(), &keys).unwrap());
        let mut verifier = Verifier::new(keys, since);
        verifier.push(&fs::read(folder().join(case.file)).unwrap());
        let report = verifier.finish();
        let entry = report.problem.as_ref().and_then(|problem| match problem.place {
            Place::Entry(sequence) => Some(sequence),
            Place::Header | Place::Opening | Place::Checkpoint | Place::File => None,
        });
        let cause = report.problem.as_ref().map(|problem| problem.cause.as_str().to_owned());
        assert_eq!((report.verdict.exit_code(), cause, entry), (case.exit, case.cause, case.entry), "{line}");
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/audit/v1")
}
