//! The files that other verifiers are tested with, read and written by this one.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use handlens_audit::{Action, Entry, Frontier, Head, HeadError, Origin, Place, Remembered, Verifier};
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

/// A head as it is kept, in the database and apart from it: read, written again, and made anew of the same entries.
#[test]
fn a_head_of_version_1_goes_on() {
    for HeadVector { export, origin, head } in heads() {
        let bytes = HEXLOWER.decode(head.as_bytes()).unwrap();
        let read = Head::from_bytes(&bytes).unwrap();
        assert_eq!(read.to_bytes(), bytes);
        let mut made = Head::new(Origin::new(&origin).unwrap());
        for entry in entries(export.as_deref(), &origin) {
            made.push(entry.as_bytes()).unwrap();
        }
        assert_eq!((read.origin().as_str(), &read), (origin.as_str(), &made));
        // The frontier stands at the end, in the form that it has by itself.
        let frontier = read.frontier().to_bytes();
        assert!(bytes.ends_with(&frontier));
        assert_eq!(Frontier::from_bytes(&frontier).unwrap(), *read.frontier());
    }
}

/// The control: a changed byte is no head, or is not the head of these entries; what is closed stays closed.
#[test]
fn a_changed_head_is_another() {
    for HeadVector { export, origin, head } in heads() {
        let bytes = HEXLOWER.decode(head.as_bytes()).unwrap();
        let read = Head::from_bytes(&bytes).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_ne!(Head::from_bytes(&changed), Ok(read.clone()), "byte {at}");
        }
        for (at, value) in [(0, 2), (1, 2)] {
            let mut changed = bytes.clone();
            changed[at] = value;
            assert_eq!(Head::from_bytes(&changed), Err(HeadError::Stored));
        }
        assert!(Head::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        let Some(last) = entries(export.as_deref(), &origin).pop() else { continue };
        let event = Entry::decode(last.as_bytes()).unwrap().event().clone();
        let (closed, next) = (event.action == Action::OriginClose, read.clone().append(event));
        assert_eq!(next.is_err_and(|error| error == HeadError::Closed), closed, "{origin}");
    }
}

#[derive(Deserialize)]
struct HeadVector {
    export: Option<String>,
    origin: String,
    head: String,
}

fn heads() -> Vec<HeadVector> {
    #[derive(Deserialize)]
    struct File {
        vectors: Vec<HeadVector>,
    }
    serde_json::from_slice::<File>(&fs::read(folder().join("../head.json")).unwrap()).unwrap().vectors
}

/// The entries of one log in an export.
fn entries(export: Option<&str>, origin: &str) -> Vec<String> {
    let Some(export) = export else { return Vec::new() };
    let text = fs::read_to_string(folder().join(export)).unwrap();
    let start = format!(r#"{{"v":1,"origin":"{origin}","#);
    text.lines().filter(|line| line.starts_with(&start)).map(str::to_owned).collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/audit/v1")
}
