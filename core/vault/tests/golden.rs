//! The vault's files as version 1 wrote them (`tests/vectors/vault`): what lies on a phone today must open tomorrow.
#![allow(clippy::unwrap_used, reason = "tests")]

mod world;

use std::fs;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use handlens_protocol::{ObjectId, RequestId};
use handlens_seal::{Header, Key, container, hpke};
use handlens_vault::{Error, FileKey, KeyFault, KeyVault as _, Part, Quota, Vault};
use rusqlite::Connection;
use serde::Deserialize;
use world::{Place, StaticKey, picture};

/// What is in `vault.db`.
#[derive(Deserialize)]
struct Inside {
    object: ObjectId,
    request: RequestId,
    kept_us: u64,
    plaintext: String,
    pass: String,
}

/// The key's file, and a device key as it was wrapped by it.
#[derive(Deserialize)]
struct DeviceKey {
    file: String,
    key: String,
    wrapped: String,
}

fn vectors() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/vault")
}

fn inside() -> Inside {
    serde_json::from_slice(&fs::read(vectors().join("vault.json")).unwrap()).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// A folder with a copy of version 1's file.
fn place() -> Place {
    let place = Place::new();
    fs::copy(vectors().join("vault.db"), place.path()).unwrap();
    place
}

/// Version 1's file opens: the picture, its request, the pass; and the server's key opens what is to be sent.
#[test]
fn a_vault_of_version_1_opens() {
    let (place, inside) = (place(), inside());
    let vault = place.open();
    let kept = vault.kept(inside.object).unwrap();
    assert_eq!((kept.request, kept.kept_us, kept.received), (Some(inside.request), Some(inside.kept_us), false));
    assert_eq!(kept.receipt_key, place.session.receipt_key.public());
    assert_eq!(vault.pending().unwrap().ready, std::slice::from_ref(&kept));
    vault.check(inside.object).unwrap();
    assert_eq!(*vault.open_local(inside.object).unwrap(), hex(&inside.plaintext));
    let pass = vault.pass(kept.session).unwrap().unwrap();
    assert_eq!(pass.expose().as_slice(), inside.pass.as_bytes());

    let names = [kept.organisation.to_string(), kept.session.to_string(), kept.object.to_string()];
    let header = Header::new(&names[0], Some(&names[1]), &names[2], "snapshots").unwrap();
    let key = hpke::open(&place.session.open_key, &header, &kept.seal).unwrap();
    let sealed = vault.chunk(inside.object, 0, u64::MAX).unwrap();
    assert_eq!(*container::open(&key, &header, &sealed).unwrap(), hex(&inside.plaintext));
}

/// It goes on: another picture beside the first, and a receipt lets the first one go.
#[test]
fn a_vault_of_version_1_goes_on() {
    let (place, inside) = (place(), inside());
    let vault = place.open();
    let second = place.keep(&vault, &picture(2, 5000));
    let kept = vault.kept(inside.object).unwrap();
    assert!(vault.kept(second).unwrap().sequence > kept.sequence);
    vault.forget(&place.session.verified(&kept)).unwrap();
    assert!(matches!(vault.kept(inside.object), Err(Error::Unknown { .. })));
    assert_eq!(*place.open().open_local(second).unwrap(), picture(2, 5000));
}

/// Opened, the old file has the tables that a new one has: no step of the schema is forgotten or was edited.
#[test]
fn its_schema_becomes_that_of_a_new_file() {
    let (old, new) = (place(), Place::new());
    let schema = |place: &Place| {
        drop(place.open());
        let connection = Connection::open(place.path()).unwrap();
        let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<Vec<(String, Option<String>)>, _>>().unwrap()
    };
    assert_eq!(schema(&old), schema(&new));
}

/// The control: one changed byte, in any place that is sealed, is found.
#[test]
fn a_changed_byte_is_refused() {
    let inside = inside();
    let changed = |table: &str, column: &str, at: usize| {
        let place = place();
        let connection = Connection::open(place.path()).unwrap();
        let mut bytes: Vec<u8> =
            connection.query_row(&format!("SELECT {column} FROM {table}"), [], |row| row.get(0)).unwrap();
        bytes[at] ^= 1;
        connection.execute(&format!("UPDATE {table} SET {column} = ?1"), [bytes]).unwrap();
        place
    };
    let place = changed("device", "wrapped", 0);
    assert!(matches!(Vault::open(&place.path(), &StaticKey(1), Quota::default()), Err(Error::OtherDevice)));
    assert!(matches!(Vault::open(&self::place().path(), &StaticKey(2), Quota::default()), Err(Error::OtherDevice)));
    for column in ["session", "header", "sha256", "receipt_key", "device_wrap", "seal", "about"] {
        let vault = changed("object", column, 8).open();
        assert!(matches!(vault.open_local(inside.object), Err(Error::Damaged { part: Part::Row, .. })), "{column}");
    }
    let vault = changed("chunk", "bytes", 100).open();
    assert!(matches!(vault.open_local(inside.object), Err(Error::Damaged { part: Part::Content, .. })));
    let place = changed("pass", "sealed", 100);
    assert!(place.open().pass(place.session.recipient.session).unwrap().is_none());
}

/// The key's file is 32 bytes as they are; it wraps the device key to the bytes it did, and opens them.
#[cfg(unix)]
#[test]
fn a_key_file_of_version_1_opens() {
    use std::os::unix::fs::PermissionsExt as _;
    let vector: DeviceKey = serde_json::from_slice(&fs::read(vectors().join("device-key.json")).unwrap()).unwrap();
    let (file, wrapped) = (hex(&vector.file), hex(&vector.wrapped));
    let key = Key::from_slice(&hex(&vector.key)).unwrap();
    let place = Place::new();
    let open = |bytes: &[u8]| {
        let path = place.folder.path().join("vault.key");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        FileKey::open(&path)
    };
    let key_file = open(&file).unwrap();
    assert_eq!(key_file.unwrap(&wrapped).unwrap(), key);
    assert_eq!(key_file.wrap(&key).unwrap(), wrapped);

    let flipped = |bytes: &[u8]| [&[bytes[0] ^ 1], &bytes[1..]].concat();
    assert_eq!(key_file.unwrap(&flipped(&wrapped)), Err(KeyFault::Refused));
    assert_eq!(open(&flipped(&file)).unwrap().unwrap(&wrapped), Err(KeyFault::Refused));
    for length in [0, 31, 33] {
        assert!(matches!(open(&vec![7; length]), Err(KeyFault::Unavailable { .. })), "{length} bytes");
    }
}
