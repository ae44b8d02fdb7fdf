//! `handlens audit verify` as an auditor runs it: the program, the golden files, the exit codes.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Each golden case ends with its exit code, on both outputs, and names its cause and entry.
#[test]
fn every_case_has_its_exit_code() {
    for line in fs::read_to_string(vectors().join("cases.ndjson")).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let mut arguments = vec![vectors().join(case["file"].as_str().unwrap()).display().to_string()];
        if case["key"] == true {
            arguments.extend(["--key".to_owned(), key()]);
        }
        if let Some(since) = case["since"].as_str() {
            arguments.extend(["--since".to_owned(), vectors().join(since).display().to_string()]);
        }
        let human = verify(&arguments);
        arguments.push("--json".to_owned());
        let machine = verify(&arguments);
        let answer: Value = serde_json::from_slice(&machine.stdout).unwrap();
        assert_eq!(human.status.code().map(i64::from), case["exit"].as_i64(), "{line}");
        assert_eq!(machine.status.code(), human.status.code(), "{line}");
        assert_eq!(answer["exit"], case["exit"], "{line}");
        assert_eq!(answer["problem"]["cause"], case["cause"], "{line}");
        assert_eq!(answer["problem"]["entry"], case["entry"], "{line}");
    }
}

/// The sentences an auditor reads: how far, what is unknown, and which entry is bad.
#[test]
fn the_answer_is_a_sentence() {
    let text = |file: &str, key_given: bool| {
        let mut arguments = vec![vectors().join(file).display().to_string()];
        arguments.extend(if key_given { vec!["--key".to_owned(), key()] } else { vec![] });
        String::from_utf8(verify(&arguments).stdout).unwrap()
    };
    let good = text("thirty.ndjson", true);
    assert!(good.contains("complete to entry 29 of help.example/org_0c1ty/2026-11 at 2026-11-01T"), "{good}");
    assert!(good.contains("what came later is unknown"), "{good}");
    assert!(text("thirty.ndjson", false).starts_with("Consistent, not authenticated"));
    let bad = text("forged.ndjson", true);
    assert!(bad.starts_with("ALTERED. Entry 12 of help.example/org_0c1ty/2026-11 (line 28)"), "{bad}");
    assert!(bad.contains("entries 0 to 11"), "{bad}");
}

/// The JSON answer of one verification is the memory of the next one.
#[test]
fn an_answer_can_be_kept_and_used() {
    let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kept.json");
    let file = |name: &str| vectors().join(name).display().to_string();
    let answer = verify(&[file("truncated.ndjson"), "--key".to_owned(), key(), "--json".to_owned()]);
    fs::write(&kept, answer.stdout).unwrap();
    let later = |name: &str| {
        let since = kept.display().to_string();
        verify(&[file(name), "--key".to_owned(), key(), "--since".to_owned(), since]).status.code()
    };
    assert_eq!(later("thirty.ndjson"), Some(0));
    assert_eq!(later("fork.ndjson"), Some(5));
}

/// Standard input, a missing file, a missing memory, and a key that is none.
#[test]
fn files_and_arguments_that_are_not_there() {
    let piped = Command::new(env!("CARGO_BIN_EXE_handlens"))
        .args(["audit", "verify", "-", "--key", &key()])
        .stdin(Stdio::from(File::open(vectors().join("thirty.ndjson")).unwrap()))
        .output()
        .unwrap();
    assert_eq!(piped.status.code(), Some(0));
    let thirty = vectors().join("thirty.ndjson").display().to_string();
    let code =
        |arguments: &[&str]| verify(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>()).status.code();
    assert_eq!(code(&["no-such-file"]), Some(6));
    assert_eq!(code(&[&thirty, "--key", &key(), "--since", "no-such-file"]), Some(6));
    assert_eq!(code(&[&thirty, "--since", &thirty]), Some(6));
    assert_eq!(code(&[&thirty, "--key", "nonsense"]), Some(2));
    assert_eq!(code(&[]), Some(2));
}

fn verify(arguments: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_handlens")).args(["audit", "verify"]).args(arguments).output().unwrap()
}

fn key() -> String {
    fs::read_to_string(vectors().join("key.txt")).unwrap().trim().to_owned()
}

fn vectors() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/audit/v1")
}
