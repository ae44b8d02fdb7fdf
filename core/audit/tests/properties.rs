//! What holds for every input.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;

use handlens_audit::{Entry, Frontier, Hash, Head, Key, Remembered, Verdict, Verifier};
use proptest::prelude::*;
use tlog_tiles::{HashReader, stored_hashes, tree_hash};

mod fixture;

#[derive(Default)]
struct Stored(RefCell<Vec<Hash>>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let hashes = self.0.borrow();
        Ok(indexes.iter().map(|index| hashes[usize::try_from(*index).unwrap()]).collect())
    }
}

fn report(file: &[u8], cuts: &[usize]) -> handlens_audit::Report {
    let mut verifier = Verifier::new(vec![fixture::key()], None);
    let mut from = 0;
    for to in cuts.iter().copied().chain([file.len()]) {
        verifier.push(&file[from..to]);
        from = to;
    }
    verifier.finish()
}

proptest! {
    /// The frontier's root is the tree hash of `tlog_tiles` at every size, also when it was stored in between.
    #[test]
    fn a_frontier_has_the_root_of_the_tree(leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..150)) {
        let stored = Stored::default();
        let mut frontier = Frontier::default();
        prop_assert_eq!(frontier.root(), tree_hash(0, &stored).unwrap());
        for (n, leaf) in (0_u64..).zip(&leaves) {
            let new = stored_hashes(n, leaf, &stored).unwrap();
            stored.0.borrow_mut().extend(new);
            frontier = Frontier::from_bytes(&frontier.to_bytes()).unwrap();
            frontier.append(leaf).unwrap();
            prop_assert_eq!(frontier.root(), tree_hash(n + 1, &stored).unwrap());
        }
    }

    /// Whatever bytes come in, reading ends with an answer and not with a panic, and the answer is never "verified".
    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = (Entry::decode(&bytes), Head::from_bytes(&bytes), Frontier::from_bytes(&bytes));
        let _ = (Remembered::parse(&bytes, &[]), Key::parse(&String::from_utf8_lossy(&bytes)));
        prop_assert_ne!(report(&bytes, &[]).verdict, Verdict::Verified);
    }

    /// The same for files that are almost right: pieces replaced, removed or doubled anywhere.
    #[test]
    fn almost_right_is_not_right(at in any::<prop::sample::Index>(), len in 0_usize..80, with in "[ -~\\n]{0,80}", range in 0_usize..2) {
        let log = fixture::thirty();
        let file = fixture::export(&[&log], range * 20);
        let at = at.index(file.len());
        let altered = [&file[..at], with.as_bytes(), file.get(at + len..).unwrap_or_default()].concat();
        prop_assert_eq!(report(&altered, &[]).verdict == Verdict::Verified, altered == file);
        if let Some(entry) = altered.split(|byte| *byte == b'\n').nth(4) {
            prop_assert!(Entry::decode(entry).is_err() || Entry::decode(entry).unwrap().bytes() == entry);
        }
        let note = String::from_utf8_lossy(&altered);
        let _ = Remembered::parse(note.as_bytes(), &[]);
    }

    /// It does not matter in which pieces a file arrives.
    #[test]
    fn pieces_do_not_matter(mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let (october, november) = fixture::months(4);
        let file = fixture::export(&[&october, &november], 0);
        cuts.sort_by_key(|cut| cut.index(file.len()));
        let cuts: Vec<_> = cuts.iter().map(|cut| cut.index(file.len())).collect();
        let whole = report(&file, &[]);
        prop_assert_eq!(whole.verdict, Verdict::Verified);
        prop_assert_eq!(report(&file, &cuts), whole);
    }

    /// A head that was stored and read again is the same head.
    #[test]
    fn a_head_is_read_as_it_was_written(size in 0_usize..30) {
        let head = &fixture::thirty().heads[size];
        prop_assert_eq!(&Head::from_bytes(&head.to_bytes()).unwrap(), head);
    }
}

/// A line without an end is not collected: the verifier stops at its limit.
#[test]
fn a_line_is_bounded_before_it_is_read() {
    let mut verifier = Verifier::new(vec![], None);
    assert!(verifier.push(b"{\"format\":\"handlens-audit\",\"version\":1}\n"));
    let pushes = (0..1000).take_while(|_| verifier.push(&[b' '; 1024])).count();
    assert_eq!(pushes, handlens_audit::MAX_LINE / 1024);
    assert_eq!(verifier.finish().problem.unwrap().cause.as_str(), "line_too_long");
}
