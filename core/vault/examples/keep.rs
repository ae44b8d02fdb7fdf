//! How long it takes until a picture of 3 MB is durable, and to read and shred it:
//! `cargo run --release -p handlens-vault --example keep [FOLDER]`.

#![allow(clippy::print_stdout, reason = "a program")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use handlens_protocol::{OrganisationId, SessionId};
use handlens_seal::hpke::OpenKey;
use handlens_seal::signature::SigningKey;
use handlens_vault::{FileKey, Quota, Recipient, Vault};

const BYTES: usize = 3_000_000;
const TIMES: usize = 40;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let folder = tempfile::tempdir_in(folder)?;
    let key = FileKey::open(&folder.path().join("device.key"))?;
    let vault = Vault::open(&folder.path().join("vault.db"), &key, Quota::default())?;
    let (open_key, receipt_key) = (OpenKey::random()?, SigningKey::random()?);
    let session = Recipient {
        organisation: OrganisationId::random()?,
        session: SessionId::random()?,
        seal_key: open_key.public().clone(),
        receipt_key: receipt_key.public(),
        pass: None,
    };
    let picture: Vec<u8> = (0..=255).cycle().take(BYTES).collect();

    let (mut keep, mut check, mut open, mut discard) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let plaintext = picture.clone().into();
        let object = timed(&mut keep, || vault.keep(&session, None, plaintext, 0))?;
        timed(&mut check, || vault.check(object))?;
        timed(&mut open, || vault.open_local(object))?;
        let sequence = vault.kept(object)?.sequence;
        timed(&mut discard, || vault.discard(sequence))?;
    }
    for (what, mut times) in [("keep", keep), ("check", check), ("open", open), ("discard", discard)] {
        times.sort();
        let ms = |at: usize| times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
        println!("{what:8} of {BYTES} bytes: median {:6.2} ms, 95 % {:6.2} ms", ms(TIMES / 2), ms(TIMES * 95 / 100));
    }
    Ok(())
}

fn timed<T>(times: &mut Vec<Duration>, what: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = what();
    times.push(begin.elapsed());
    result
}
