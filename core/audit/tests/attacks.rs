//! What an attacker does to an export, and what the verifier says to it.
#![allow(clippy::unwrap_used, reason = "tests")]

use handlens_audit::{Cause, Key, Origin, Place, Remembered, RememberedError, Report, Signer, Verdict, Verifier};

mod fixture;
use fixture::{export, is_next, key, months, rehashed, thirty};

fn verify(file: &[u8], keys: Vec<Key>, since: Option<&str>) -> Report {
    let since = since.map(|note| Remembered::parse(note.as_bytes(), &keys).unwrap());
    let mut verifier = Verifier::new(keys, since);
    verifier.push(file);
    verifier.finish()
}

/// Any single bit of a thirty-entry export that flips is found, and blamed on the line in which it stands.
#[test]
fn every_flipped_bit_is_found_and_named() {
    let file = export(&[&thirty()], 0);
    let lines: Vec<_> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let mut before = Verifier::new(vec![key()], None);
    let mut start = 0;
    let mut flips = 0;
    for (number, line) in lines.iter().enumerate() {
        let place = match number {
            0 => Place::Header,
            1 => Place::Opening,
            _ if number + 1 == lines.len() => Place::Checkpoint,
            _ => Place::Entry((u64::try_from(number).unwrap() - 2) / 2),
        };
        for at in start..start + line.len() {
            for bit in 0..8 {
                let mut altered = file[start..].to_vec();
                altered[at - start] ^= 1 << bit;
                // What stands before the flip reads as it did: the verifier is taken as it was after that.
                let mut verifier = before.clone();
                verifier.push(&altered);
                let report = verifier.finish();
                let problem = report.problem.unwrap();
                let verdict = if place == Place::Header { Verdict::Unreadable } else { Verdict::Altered };
                assert_eq!(report.verdict, verdict, "byte {at} bit {bit}");
                let end_of_file = at + 1 == file.len();
                assert_eq!(problem.place, if end_of_file { Place::File } else { place }, "byte {at} bit {bit}");
                flips += 1;
            }
        }
        before.push(line);
        start += line.len();
    }
    assert_eq!(flips, file.len() * 8);
    assert_eq!(before.finish().verdict, Verdict::Verified, "control: unaltered it holds");
}

/// Any bit of an entry that is flipped so that it still is an entry, with every hash mended, is found and named.
/// Control: once for each byte the whole file is mended, and without the key it is consistent.
#[test]
fn every_forgery_with_mended_hashes_is_found_and_named() {
    let log = thirty();
    let file = export(&[&log], 0);
    let lines: Vec<_> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let [mut with_key, mut without] = [vec![key()], vec![]].map(|keys| Verifier::new(keys, None));
    let mut start = 0;
    for line in &lines[..2] {
        with_key.push(line);
        without.push(line);
        start += line.len();
    }
    let mut forgeries = 0;
    for (sequence, stored) in log.entries.iter().enumerate() {
        let [entry, proof] = [2, 3].map(|line| lines[line + 2 * sequence]);
        for at in 0..stored.bytes.len() {
            let mut mended = false;
            for bit in 0..8 {
                let mut bytes = stored.bytes.clone();
                bytes[at] ^= 1 << bit;
                if !is_next(&log, sequence, &bytes) {
                    continue;
                }
                // What stands before the flip reads as it did; what comes behind a bad entry is not read any more.
                let mut verifier = with_key.clone();
                verifier.push(&bytes);
                verifier.push(b"\n");
                verifier.push(proof);
                let report = verifier.finish();
                let problem = report.problem.unwrap();
                assert_eq!(report.verdict, Verdict::Altered, "entry {sequence} byte {at} bit {bit}");
                assert_eq!(problem.place, Place::Entry(u64::try_from(sequence).unwrap()), "byte {at} bit {bit}");
                assert_eq!(problem.cause, Cause::Signature);
                forgeries += 1;
                if !mended {
                    let file = export(&[&rehashed(&log, sequence, &bytes).unwrap()], 0);
                    let mut verifier = without.clone();
                    verifier.push(&file[start..]);
                    assert_eq!(verifier.finish().verdict, Verdict::Consistent, "entry {sequence} byte {at} bit {bit}");
                    mended = true;
                }
            }
        }
        for line in [entry, proof] {
            with_key.push(line);
            without.push(line);
            start += line.len();
        }
    }
    assert!(forgeries > 10_000, "only {forgeries} forgeries: the attacker is too weak");
    with_key.push(&file[start..]);
    assert_eq!(with_key.finish().verdict, Verdict::Verified, "control: unaltered it holds");
}

/// The attacker signs with a key of his own, of the same name: the verifier says whose signature it is not.
#[test]
fn a_key_of_the_same_name_does_not_pass() {
    let mallory = Signer::from_seed(Origin::new("help.example").unwrap(), &[6; 32]).unwrap();
    let mut log = thirty();
    for (stored, head) in log.entries.iter_mut().zip(&log.heads[1..]) {
        stored.signature = mallory.sign(&head.checkpoint()).unwrap();
    }
    let file = export(&[&log], 0);
    let report = verify(&file, vec![key()], None);
    let id = Key::parse(&mallory.vkey()).unwrap().id();
    assert_eq!(report.verdict, Verdict::Altered);
    assert_eq!(report.problem.unwrap().cause, Cause::UnknownKey { id });
    assert_eq!(verify(&file, vec![Key::parse(&mallory.vkey()).unwrap()], None).verdict, Verdict::Verified, "control");
}

/// Entries that are swapped, dropped from the middle or shown twice are named, whatever signatures stand behind them.
#[test]
fn order_is_proven() {
    let log = thirty();
    let file = export(&[&log], 0);
    let lines: Vec<_> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let pair = |entry: usize| 2 + 2 * entry..4 + 2 * entry;
    let (head, rest) = (&lines[..pair(10).start], &lines[pair(12).start..]);
    let (ten, eleven) = (&lines[pair(10)], &lines[pair(11)]);
    for middle in [[eleven, ten].concat(), ten.to_vec(), [ten, ten, eleven].concat(), eleven.to_vec()] {
        let altered = [head, middle.as_slice(), rest].concat().concat();
        let report = verify(&altered, vec![key()], None);
        assert_eq!(report.verdict, Verdict::Altered);
        assert!(matches!(report.problem.unwrap().place, Place::Entry(10..=12)));
    }
    assert_eq!(verify(&[head, ten, eleven, rest].concat().concat(), vec![key()], None).verdict, Verdict::Verified);
}

/// An export cut at any entry and closed well verifies to that entry, and is found by whoever remembers a later state.
#[test]
fn a_truncation_meets_somebody_who_remembers() {
    let log = thirty();
    let since = log.note(20);
    for size in 1..=30 {
        let file = export(&[&log.cut(size)], 0);
        let alone = verify(&file, vec![key()], None);
        assert_eq!((alone.verdict, alone.extents[0].size), (Verdict::Verified, u64::try_from(size).unwrap()));
        let held = verify(&file, vec![key()], Some(&since));
        if size < 20 {
            let found = u64::try_from(size).unwrap();
            assert_eq!(held.verdict, Verdict::Forked);
            assert_eq!(held.problem.unwrap().cause, Cause::Truncated { held: 20, found });
        } else {
            assert_eq!(held.verdict, Verdict::Verified);
        }
    }
}

/// A second history with good signatures is found by whoever remembers a state after the fork, and by nobody else.
#[test]
fn a_fork_meets_somebody_who_remembers() {
    let log = thirty();
    let file = export(&[&fixture::fork(10)], 0);
    assert_eq!(verify(&file, vec![key()], None).verdict, Verdict::Verified);
    assert_eq!(verify(&file, vec![key()], Some(&log.note(10))).verdict, Verdict::Verified);
    for size in 11..=30 {
        let report = verify(&file, vec![key()], Some(&log.note(size)));
        assert_eq!(report.verdict, Verdict::Forked);
        assert_eq!(report.problem.unwrap().cause, Cause::Forked { held: u64::try_from(size).unwrap() });
    }
}

/// A month that was cut short, left out or put in another order is found from the month behind it.
#[test]
fn months_hold_each_other() {
    let (october, november) = months(12);
    assert_eq!(verify(&export(&[&october, &november], 0), vec![key()], None).verdict, Verdict::Verified);
    let strangers = [export(&[&october.cut(5), &november], 0), export(&[&november, &october], 0)];
    for file in strangers.iter().chain([&export(&[&october, &thirty()], 0), &export(&[&october, &october], 0)]) {
        let report = verify(file, vec![key()], None);
        assert_eq!((report.verdict, report.problem.unwrap().cause), (Verdict::Forked, Cause::NotLinked));
    }
}

/// After `origin.close` nothing can be written and nothing is read, even with a good signature.
#[test]
fn a_closed_log_stays_closed() {
    let (october, _) = months(12);
    assert!(october.head().clone().append(fixture::event(3, None)).is_err());
    let mut stored = handlens_audit::Head::from_bytes(&october.head().to_bytes()).unwrap();
    assert_eq!(stored, *october.head());
    assert!(stored.append(fixture::event(3, None)).is_err());
}

/// What is remembered counts only with a signature by a given key; a witness's signature beside it does no harm.
#[test]
fn a_remembered_checkpoint_must_be_signed() {
    let note = thirty().note(20);
    let other = Signer::from_seed(Origin::new("help.example").unwrap(), &[6; 32]).unwrap();
    let keys = [key()];
    let wrong = [Key::parse(&other.vkey()).unwrap()];
    assert_eq!(Remembered::parse(note.as_bytes(), &wrong), Err(RememberedError::Unsigned));
    let altered = note.replacen("\n20\n", "\n21\n", 1);
    assert_eq!(Remembered::parse(altered.as_bytes(), &keys), Err(RememberedError::Unsigned));
    assert_eq!(Remembered::parse(b"{}", &keys), Err(RememberedError::Format));
    assert_eq!(Remembered::parse(&vec![b' '; 100_000], &keys), Err(RememberedError::TooLong));
    let witnessed =
        format!("{note}\u{2014} witness.example {}\n", other.sign(&thirty().heads[20].checkpoint()).unwrap());
    let held = Remembered::parse(witnessed.as_bytes(), &keys).unwrap();
    assert_eq!(held, Remembered::Checkpoint(thirty().heads[20].checkpoint()));
}

/// Whoever kept the receipt of any entry finds a log that ends before it, and one with another entry in its place.
/// Controls: the whole log, and a fork behind the entry, hold.
#[test]
fn a_receipt_is_a_memory() {
    let log = thirty();
    let (cut, forked) = (export(&[&log.cut(15)], 0), export(&[&fixture::fork(10)], 0));
    for sequence in 0..30 {
        let receipt = fixture::receipt(&log, sequence);
        let held = u64::try_from(sequence).unwrap() + 1;
        let answer = |file: &[u8]| {
            let report = verify(file, vec![key()], Some(&receipt));
            (report.verdict, report.problem.map(|problem| (problem.place, problem.cause)))
        };
        assert_eq!(answer(&export(&[&log], 0)), (Verdict::Verified, None));
        let truncated = Some((Place::Checkpoint, Cause::Truncated { held, found: 15 }));
        let cut = answer(&cut);
        assert_eq!(cut, if sequence < 15 { (Verdict::Verified, None) } else { (Verdict::Forked, truncated) });
        let another = Some((Place::Entry(held - 1), Cause::Forked { held }));
        let forked = answer(&forked);
        assert_eq!(forked, if sequence < 10 { (Verdict::Verified, None) } else { (Verdict::Forked, another) });
    }
}

/// A receipt is read whole or not at all, and only for a log that a given key may sign.
#[test]
fn only_a_receipt_is_a_receipt() {
    let good = fixture::receipt(&thirty(), 19);
    let parse = |text: &str| Remembered::parse(text.as_bytes(), &[key()]);
    let held = parse(&good).unwrap();
    assert_eq!((held.origin(), held.size()), (thirty().head().origin(), 20));
    let other = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        parse(&good.replacen(from, to, 1))
    };
    assert_eq!(other(r#""v":1"#, r#""v":2"#), Err(RememberedError::Version(2)));
    assert_eq!(other(r#""sequence":19"#, r#""sequence":9007199254740991"#), Err(RememberedError::Format));
    assert_eq!(other(r#""sequence":19"#, r#""sequence":-1"#), Err(RememberedError::Format));
    assert_eq!(other(r#""entry_sha256":""#, r#""entry_sha256":"A"#), Err(RememberedError::Format));
    assert_eq!(other("entry_sha256", "entry_sha512"), Err(RememberedError::Format));
    assert_eq!(other("help.example/", "help example/"), Err(RememberedError::Format));
    let foreign = Origin::new("other.example/org_0c1ty/2026-11").unwrap();
    assert_eq!(other("help.example/", "other.example/"), Err(RememberedError::Foreign(foreign)));
}
