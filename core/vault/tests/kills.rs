//! Killed at any moment, nothing that was acknowledged is lost, and nothing is in the clear.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod world;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use handlens_protocol::ObjectId;
use handlens_vault::{Quota, Vault};
use world::{NOW, Place, Session, StaticKey, finds, picture};

const KILLS: u64 = 50;
const PLANTED: &[u8] = b"PLANTED-PLAINTEXT";

/// Small enough that received ones have to make room, again and again.
const QUOTA: Quota = Quota { bytes: 40_000_000, objects: 400, age_us: u64::MAX };

fn open(folder: &Path) -> Vault {
    Vault::open(&folder.join("vault.db"), &StaticKey(1), QUOTA).unwrap()
}

/// Set for the child: this same program, in which the test below becomes the one who is killed.
const CHILD: &str = "HANDLENS_VAULT_CHILD";

/// The child. Keeps pictures in the folder it was started in until it is killed, forgets every third, and says each when it is
/// done.
fn child() -> ! {
    let (vault, session) = (open(Path::new(".")), Session::new());
    let mut out = std::io::stdout();
    let mut seed = u64::from(std::process::id()) << 20;
    loop {
        seed += 1;
        let length = 1 + usize::try_from(seed * 7919 % 600_000).unwrap();
        let mut plaintext = picture(seed, length);
        plaintext.extend_from_slice(PLANTED);
        let object = vault.keep(&session.recipient, None, plaintext.into(), NOW).unwrap();
        writeln!(out, "kept {object} {seed}").unwrap();
        let receipt = session.verified(&vault.kept(object).unwrap());
        if seed % 3 == 0 {
            writeln!(out, "lets {object} go").unwrap();
            vault.forget(&receipt).unwrap();
        } else {
            writeln!(out, "lets {object} go").unwrap();
            vault.received(&receipt).unwrap();
            if seed % 5 == 0 {
                vault.rest(NOW).unwrap();
            }
        }
        if seed % 2 == 0 {
            let mut plaintext = picture(seed, 1000);
            plaintext.extend_from_slice(PLANTED);
            let object = vault.keep(&session.recipient, None, plaintext.into(), NOW).unwrap();
            writeln!(out, "kept {object} {seed} for good").unwrap();
        }
    }
}

/// What a child said before it died.
#[derive(Default)]
struct Said {
    kept: BTreeSet<ObjectId>,
    let_go: BTreeSet<ObjectId>,
}

/// Runs a child and kills it `after` its first word.
fn run_and_kill(folder: &Path, after: Duration, said: &mut Said) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["killed_at_any_moment_nothing_acknowledged_is_lost", "--exact", "--nocapture"])
        .env(CHILD, "1")
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, receiver) = mpsc::channel();
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
    let mut take = |line: &str| {
        let mut words = line.split(' ');
        let set = match words.next() {
            Some("kept") => &mut said.kept,
            Some("lets") => &mut said.let_go,
            _ => return false,
        };
        // The last line may be cut off in its middle: then nobody has read it.
        set.extend(words.next().and_then(|word| word.parse::<ObjectId>().ok()));
        true
    };
    while !take(&receiver.recv().expect("the child says something before it is killed")) {}
    let end = Instant::now() + after;
    while let Ok(line) = receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
        take(&line);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    for line in receiver.try_iter() {
        take(&line);
    }
}

/// Of what was acknowledged and not let go: how many are not there whole.
fn lost(folder: &Path, said: &Said) -> usize {
    let vault = open(folder);
    said.kept
        .difference(&said.let_go)
        .filter(|object| {
            let whole = vault.open_local(**object).is_ok_and(|plaintext| plaintext.ends_with(PLANTED));
            !(whole && vault.check(**object).is_ok())
        })
        .count()
}

/// Fifty kills in the middle of keeping, receiving, evicting, shredding and checkpointing.
#[test]
#[allow(clippy::disallowed_methods, reason = "what a child is told by its parent is no configuration")]
fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    if std::env::var_os(CHILD).is_some() {
        child();
    }
    let place = Place::new();
    let folder = place.folder.path();
    let mut said = Said::default();
    for kill in 0..KILLS {
        run_and_kill(folder, Duration::from_micros(kill * kill * 7919 % 150_000), &mut said);
        assert_eq!(lost(folder, &said), 0, "after kill {kill}");
        let vault = open(folder);
        let pending = vault.pending().unwrap();
        assert_eq!(pending.damaged, []);
        for kept in pending.ready {
            assert!(vault.open_local(kept.object).unwrap().ends_with(PLANTED), "what is there opens, said or not");
        }
        assert!(!finds(folder, PLANTED), "in the clear after kill {kill}");
    }
    let for_good = said.kept.difference(&said.let_go).count();
    assert!(
        said.kept.len() > 100 && for_good > 10,
        "{} kept, {for_good} for good: too few to say anything",
        said.kept.len()
    );
    println!("{KILLS} kills, {} acknowledged, {for_good} to be there at the end", said.kept.len());
}

/// The control: a vault whose log is thrown away after the kill has lost something, and the same check says so.
#[test]
fn the_check_finds_what_is_lost() {
    let place = Place::new();
    let folder = place.folder.path();
    let mut said = Said::default();
    let mut found = 0;
    while found == 0 {
        run_and_kill(folder, Duration::from_millis(30), &mut said);
        std::fs::remove_file(folder.join("vault.db-wal")).unwrap();
        found = lost(folder, &said);
        assert!(said.kept.len() < 10_000, "the check never finds anything");
    }
}
