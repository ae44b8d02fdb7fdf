//! What the vault promises, one by one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_possible_truncation, reason = "tests")]

mod world;

use handlens_protocol::limits::SNAPSHOT_BYTES;
use handlens_protocol::{ObjectId, RequestId, Secret, SessionId};
use handlens_seal::signature::SigningKey;
use handlens_seal::{Header, container, hpke};
use handlens_vault::{Damaged, Error, FileKey, Part, Quota, Recipient, Vault, VerifiedReceipt};
use rusqlite::Connection;
use world::{NOW, Place, StaticKey, picture, sign};

/// From the vault's own rows the server comes to the picture: container and seal are what it opens.
#[test]
fn what_is_kept_opens_here_and_at_the_server() {
    let place = Place::new();
    let vault = place.open();
    let (plaintext, request) = (picture(1, 700_000), RequestId::from_bytes([9; 16]));
    let object = vault.keep(&place.session.recipient, Some(request), plaintext.clone().into(), NOW).unwrap();
    assert_eq!(*vault.open_local(object).unwrap(), plaintext);

    let kept = vault.kept(object).unwrap();
    assert_eq!((kept.object, kept.request, kept.kept_us), (object, Some(request), Some(NOW)));
    assert_eq!(vault.pending().unwrap().ready, std::slice::from_ref(&kept));
    vault.check(object).unwrap();
    let sealed: Vec<u8> = (0..)
        .map_while(|part| {
            let bytes = vault.chunk(object, part * 100_000, 100_000).unwrap();
            (!bytes.is_empty()).then_some(bytes)
        })
        .flatten()
        .collect();
    assert_eq!(sealed.len() as u64, kept.bytes);
    let [organisation, session, object] =
        [kept.organisation.to_string(), kept.session.to_string(), kept.object.to_string()];
    let header = Header::new(&organisation, Some(&session), &object, "snapshots").unwrap();
    let key = hpke::open(&place.session.open_key, &header, &kept.seal).unwrap();
    assert_eq!(*container::open(&key, &header, &sealed).unwrap(), plaintext);
}

/// Any range of the sealed bytes is given as it is, across rows and at the end.
#[test]
fn ranges_are_exact() {
    let place = Place::new();
    let vault = place.open();
    let object = place.keep(&vault, &picture(2, 900_000));
    let bytes = vault.kept(object).unwrap().bytes;
    let whole = vault.chunk(object, 0, u64::MAX).unwrap();
    assert_eq!(whole.len() as u64, bytes);
    for offset in [0, 1, 262_143, 262_144, 262_145, 500_000, bytes - 1, bytes, bytes + 1, u64::MAX] {
        for length in [0, 1, 2, 262_144, 600_000, u64::MAX] {
            let begin = offset.min(bytes) as usize;
            let end = offset.min(bytes).saturating_add(length).min(bytes) as usize;
            assert!(vault.chunk(object, offset, length).unwrap() == whole[begin..end], "{offset}+{length}");
        }
    }
}

/// A vault of another device key says so, keeps everything, and still gives what is to be sent.
#[test]
fn another_device_key_is_told() {
    let place = Place::new();
    let object = place.keep(&place.open(), &picture(3, 1000));
    assert!(matches!(Vault::open(&place.path(), &StaticKey(2), Quota::default()), Err(Error::OtherDevice)));

    let vault = Vault::open_to_upload(&place.path()).unwrap();
    let pending = vault.pending().unwrap();
    let kept = &pending.ready[0];
    assert_eq!((kept.object, kept.request), (object, None));
    vault.check(object).unwrap();
    assert!(matches!(vault.open_local(object), Err(Error::NoKey)));
    assert!(matches!(vault.keep(&place.session.recipient, None, vec![1].into(), NOW), Err(Error::NoKey)));
    drop(vault);
    assert_eq!(*place.open().open_local(object).unwrap(), picture(3, 1000), "the first device still opens it");
}

/// The key in a file works as the key of a vault, also after a restart.
#[test]
fn a_file_keeps_the_device_key() {
    let place = Place::new();
    let key = place.folder.path().join("device.key");
    let open = || Vault::open(&place.path(), &FileKey::open(&key).unwrap(), Quota::default());
    let object = place.keep(&open().unwrap(), b"picture");
    assert_eq!(open().unwrap().open_local(object).unwrap().as_slice(), b"picture");
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(open(), Err(Error::OtherDevice)));
}

/// Nothing of the plaintext, of the request or of the key is in the folder; the search is shown to find what is there.
#[test]
fn nothing_is_in_the_clear() {
    let place = Place::new();
    let vault = place.open();
    let (plaintext, request) = (b"PLANTED-PLAINTEXT ".repeat(20_000), RequestId::from_bytes(*b"PLANTED-REQUEST!"));
    let object = vault.keep(&place.session.recipient, Some(request), plaintext.clone().into(), NOW).unwrap();
    for rested in [false, true] {
        assert!(!place.finds(b"PLANTED-PLAINTEXT"));
        assert!(!place.finds(b"PLANTED-REQUEST!") && !place.finds(request.to_string().as_bytes()));
        assert!(
            place.finds(&vault.chunk(object, 1000, 64).unwrap()),
            "the control: sealed bytes are found (rested: {rested})"
        );
        vault.rest(NOW).unwrap();
    }
    std::fs::write(place.folder.path().join("control"), &plaintext).unwrap();
    assert!(place.finds(b"PLANTED-PLAINTEXT"), "the control: a plaintext is found");
}

/// Only the receipt of this object by this session's server lets it go; then its wraps are nowhere in the folder.
#[test]
fn only_its_own_receipt_lets_an_object_go() {
    let place = Place::new();
    let vault = place.open();
    let (one, other) = (place.keep(&vault, &picture(4, 50_000)), place.keep(&vault, &picture(5, 50_000)));
    let kept = vault.kept(one).unwrap();

    let stranger = SigningKey::from_bytes(&[66; 32]).unwrap();
    let foreign = VerifiedReceipt::of(&sign(&stranger, &kept), &stranger.public()).unwrap();
    let mut shorter = kept.clone();
    shorter.bytes -= 1;
    let mut changed = kept.clone();
    changed.sha256[0] ^= 1;
    let mut moved = vault.kept(other).unwrap();
    moved.object = one;
    for wrong in
        [foreign, place.session.verified(&shorter), place.session.verified(&changed), place.session.verified(&moved)]
    {
        assert!(matches!(vault.forget(&wrong), Err(Error::NotItsReceipt { object }) if object == one));
        assert!(matches!(vault.received(&wrong), Err(Error::NotItsReceipt { object }) if object == one));
    }
    assert_eq!(*vault.open_local(one).unwrap(), picture(4, 50_000));

    let wrap: Vec<u8> = Connection::open(place.path())
        .unwrap()
        .query_row("SELECT device_wrap FROM object WHERE object = ?1", [one.as_bytes()], |row| row.get(0))
        .unwrap();
    assert!(place.finds(&wrap) && place.finds(&kept.seal), "the control: both wraps are there before");
    vault.forget(&place.session.verified(&kept)).unwrap();
    assert!(!place.finds(&wrap) && !place.finds(&kept.seal), "shredded");
    assert!(matches!(vault.open_local(one), Err(Error::Unknown { object }) if object == one));
    vault.forget(&place.session.verified(&kept)).unwrap();
    assert_eq!(*vault.open_local(other).unwrap(), picture(5, 50_000), "the other one stays");
}

/// A copy that the server has may stay for viewing; it is not sent again, and goes when it is old.
#[test]
fn a_received_copy_stays_until_it_is_old() {
    let place = Place::new();
    let vault = place.open_with(Quota { age_us: 1000, ..Quota::default() });
    let (received, waiting) = (place.keep(&vault, b"one"), place.keep(&vault, b"two"));
    vault.received(&place.session.verified(&vault.kept(received).unwrap())).unwrap();
    let pending = vault.pending().unwrap().ready;
    assert_eq!(pending.iter().map(|kept| kept.object).collect::<Vec<_>>(), [waiting]);
    vault.rest(NOW + 1000).unwrap();
    assert_eq!(vault.open_local(received).unwrap().as_slice(), b"one");
    vault.rest(NOW + 1001).unwrap();
    assert!(matches!(vault.open_local(received), Err(Error::Unknown { .. })));
    assert_eq!(vault.open_local(waiting).unwrap().as_slice(), b"two", "age takes nothing that was not sent");
}

/// Room is made by what the server has, oldest first, and by nothing else; without it nothing is kept and nothing dropped.
#[test]
fn room_is_never_made_by_what_was_not_sent() {
    let place = Place::new();
    let vault = place.open_with(Quota { objects: 3, ..Quota::default() });
    let [a, b, c] = [b"a", b"b", b"c"].map(|text| place.keep(&vault, text));
    let full = vault.keep(&place.session.recipient, None, b"d".to_vec().into(), NOW);
    assert!(matches!(full, Err(Error::Full { objects: 3, .. })));
    for object in [c, b] {
        vault.received(&place.session.verified(&vault.kept(object).unwrap())).unwrap();
    }
    let d = place.keep(&vault, b"d");
    let here = |object| vault.open_local(object).is_ok();
    assert_eq!([a, b, c, d].map(here), [true, false, true, true]);

    let bytes = vault.kept(a).unwrap().bytes;
    drop(vault);
    let vault = place.open_with(Quota { bytes: 3 * bytes, ..Quota::default() });
    let larger = vault.keep(&place.session.recipient, None, vec![0; 200].into(), NOW);
    assert!(matches!(larger, Err(Error::Full { .. })));
    assert!(vault.open_local(c).is_ok(), "what would not have been enough is not dropped");
    let e = place.keep(&vault, b"e");
    assert!(vault.open_local(e).is_ok() && vault.open_local(c).is_err());
    let huge = vec![0; usize::try_from(SNAPSHOT_BYTES).unwrap()];
    assert!(matches!(vault.keep(&place.session.recipient, None, huge.into(), NOW), Err(Error::TooLarge { .. })));
}

/// A changed row is found and named, whichever column it is, and no other object is lost by it.
#[test]
fn a_changed_row_is_found_and_named() {
    for (column, with) in [
        ("session", "zeroblob(16)"),
        ("header", "x'00'"),
        ("header", "(SELECT header FROM object WHERE sequence = 1)"),
        ("bytes", "bytes - 1"),
        ("sha256", "zeroblob(32)"),
        ("receipt_key", "zeroblob(65)"),
        ("device_wrap", "zeroblob(72)"),
        ("seal", "zeroblob(113)"),
        ("seal", "NULL"),
        ("about", "(SELECT about FROM object WHERE sequence = 1)"),
    ] {
        let place = Place::new();
        let vault = place.open();
        let [first, hit, last] = [b"1", b"2", b"3"].map(|text| place.keep(&vault, text));
        let sql = format!("UPDATE object SET {column} = {with} WHERE sequence = 2");
        Connection::open(place.path()).unwrap().execute(&sql, []).unwrap();
        let pending = vault.pending().unwrap();
        assert_eq!(pending.damaged, [Damaged { sequence: 2, object: Some(hit) }], "{sql}");
        assert_eq!(pending.ready.iter().map(|kept| kept.object).collect::<Vec<_>>(), [first, last]);
        let named = |result: Result<(), Error>| {
            assert!(matches!(result, Err(Error::Damaged { object, part: Part::Row }) if object == hit), "{sql}");
        };
        named(vault.open_local(hit).map(drop));
        named(vault.check(hit));
        named(vault.chunk(hit, 0, 1).map(drop));
        for (object, text) in [(first, b"1"), (last, b"3")] {
            assert_eq!(vault.open_local(object).unwrap().as_slice(), text);
        }
        vault.discard(2).unwrap();
        assert_eq!(vault.pending().unwrap().damaged, []);
    }
}

/// Changed, missing, shorter or swapped sealed bytes are found before they are sent and when they are viewed.
#[test]
fn changed_content_is_found_and_named() {
    for sql in [
        "UPDATE chunk SET bytes = zeroblob(length(bytes)) WHERE sequence = 2 AND number = 1",
        "UPDATE chunk SET bytes = substr(bytes, 2) WHERE sequence = 2 AND number = 1",
        "DELETE FROM chunk WHERE sequence = 2 AND number = 1",
        "UPDATE chunk SET bytes = (SELECT bytes FROM chunk WHERE sequence = 1 AND number = 0) WHERE sequence = 2 AND number = 0",
    ] {
        let place = Place::new();
        let vault = place.open();
        let [first, hit, last] = [1, 2, 3].map(|seed| place.keep(&vault, &picture(seed, 400_000)));
        Connection::open(place.path()).unwrap().execute(sql, []).unwrap();
        for result in [vault.check(hit), vault.open_local(hit).map(drop)] {
            assert!(matches!(result, Err(Error::Damaged { object, part: Part::Content }) if object == hit), "{sql}");
        }
        for (object, seed) in [(first, 1), (last, 3)] {
            vault.check(object).unwrap();
            assert_eq!(*vault.open_local(object).unwrap(), picture(seed, 400_000));
        }
    }
}

/// A byte that the disk changed under the file's own bytes of one object damages that one only.
#[test]
fn a_bad_sector_damages_one_object() {
    let place = Place::new();
    let vault = place.open();
    let [first, hit, last] = [1, 2, 3].map(|seed| place.keep(&vault, &picture(seed, 400_000)));
    let needle = vault.chunk(hit, 150_000, 32).unwrap();
    vault.rest(NOW).unwrap();
    drop(vault);
    let mut bytes = std::fs::read(place.path()).unwrap();
    let at = bytes.windows(32).position(|window| window == needle).unwrap();
    bytes[at] ^= 1;
    std::fs::write(place.path(), bytes).unwrap();

    let vault = place.open();
    assert!(matches!(vault.check(hit), Err(Error::Damaged { object, part: Part::Content }) if object == hit));
    for object in [first, last] {
        vault.check(object).unwrap();
        vault.open_local(object).unwrap();
    }
}

/// Shredding that was cut off after its first step is brought to its end by the next opening.
#[test]
fn shredding_is_finished_after_a_kill() {
    let place = Place::new();
    let object = place.keep(&place.open(), &picture(6, 300_000));
    let connection = Connection::open(place.path()).unwrap();
    connection.execute("UPDATE object SET device_wrap = NULL, seal = NULL", []).unwrap();
    let vault = place.open();
    assert!(matches!(vault.kept(object), Err(Error::Unknown { .. })));
    let chunks: i64 = connection.query_row("SELECT count(*) FROM chunk", [], |row| row.get(0)).unwrap();
    assert_eq!(chunks, 0);
}

/// A session's pass is sealed, survives a restart, and goes when nothing of the session waits any more.
#[test]
fn a_pass_lasts_as_long_as_it_is_needed() {
    let place = Place::new();
    let (vault, session) = (place.open(), place.session.recipient.session);
    let pass = |text: &[u8]| Secret::new(text.to_vec());
    let recipient = Recipient { pass: Some(pass(b"older")), ..place.session.recipient.clone() };
    let object = vault.keep(&recipient, None, b"picture".to_vec().into(), NOW).unwrap();
    assert_eq!(vault.pass(session).unwrap(), Some(pass(b"older")));
    vault.set_pass(session, &pass(b"PLANTED-PASS")).unwrap();
    vault.rest(NOW).unwrap();
    drop(vault);
    assert!(!place.finds(b"PLANTED-PASS"));
    let vault = place.open();
    assert_eq!(vault.pass(session).unwrap(), Some(pass(b"PLANTED-PASS")));
    assert_eq!(vault.pass(SessionId::from_bytes([9; 16])).unwrap(), None);
    vault.received(&place.session.verified(&vault.kept(object).unwrap())).unwrap();
    vault.rest(NOW).unwrap();
    assert_eq!(vault.pass(session).unwrap(), None);
}

/// What is given back is given back to the disk.
#[test]
fn free_room_goes_back_to_the_disk() {
    let place = Place::new();
    let vault = place.open();
    let size =
        || std::fs::read_dir(place.folder.path()).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum::<u64>();
    let object = place.keep(&vault, &picture(7, 3_000_000));
    vault.rest(NOW).unwrap();
    assert!(size() > 3_000_000);
    vault.forget(&place.session.verified(&vault.kept(object).unwrap())).unwrap();
    vault.rest(NOW).unwrap();
    assert!(size() < 300_000, "{} bytes are left", size());
}

/// An object that was never here is unknown by name.
#[test]
fn a_stranger_is_unknown() {
    let place = Place::new();
    let stranger = ObjectId::from_bytes([3; 16]);
    for result in [place.open().check(stranger), place.open().chunk(stranger, 0, 1).map(drop)] {
        assert!(matches!(result, Err(Error::Unknown { object }) if object == stranger));
    }
}
