//! The vectors of `tests/vectors/client`: what a device of version 1 has on its disk.

use std::fs;
use std::io;

use data_encoding::HEXLOWER;
use handlens_protocol::Secret;
use handlens_seal::signature::SigningKey;
use serde::Deserialize;
use serde_json::Value;

use super::{Folder, Keeper as _, Kept, key_for};
use crate::config::Link;
use crate::courier::Courier;
use crate::http::Http;

/// `device.json`.
#[derive(Deserialize)]
struct Device {
    link: String,
    file: String,
    link_sha256: String,
    key: String,
    public: String,
}

fn vector() -> Device {
    serde_json::from_str(include_str!("../../../../tests/vectors/client/device.json")).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// A folder with `file` as its key.
fn folder(file: &[u8]) -> (tempfile::TempDir, Folder) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("device.key"), file).unwrap();
    let keeper = Folder::new(folder.path().to_owned());
    (folder, keeper)
}

/// A file of version 1 is the key of its link, and is written again byte for byte, for its owner alone.
#[test]
fn a_device_key_of_version_1_is_read() {
    let (vector, link) = (vector(), vector().link.parse::<Link>().unwrap());
    let (place, keeper) = folder(&hex(&vector.file));
    let kept = keeper.load().unwrap().unwrap();
    assert_eq!((kept.link[..].to_vec(), kept.key[..].to_vec()), (hex(&vector.link_sha256), hex(&vector.key)));
    assert_eq!(kept.link, link.hash());
    assert_eq!(key_for(&link, &keeper).unwrap().public().to_sec1()[..], hex(&vector.public));

    keeper.forget().unwrap();
    let key = SigningKey::from_bytes(&*kept.key).unwrap().expose();
    keeper.keep(&Kept { link: link.hash(), key }).unwrap();
    let path = place.path().join("device.key");
    assert_eq!(fs::read(&path).unwrap(), hex(&vector.file));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

/// The control: for another link or changed it is another key; no number of the curve and not 64 bytes are none.
#[test]
fn a_changed_device_key_is_not_the_same() {
    let (vector, link) = (vector(), vector().link.parse::<Link>().unwrap());
    for at in [0, 31, 32, 63] {
        let mut file = hex(&vector.file);
        file[at] ^= 1;
        let (_place, keeper) = folder(&file);
        assert_ne!(key_for(&link, &keeper).unwrap().public().to_sec1()[..], hex(&vector.public), "byte {at}");
    }
    let mut file = hex(&vector.file);
    file[32..].fill(0xff);
    let (_place, keeper) = folder(&file);
    assert!(key_for(&link, &keeper).is_err());
    for length in [0, 63, 65] {
        let (_place, keeper) = folder(&vec![1; length]);
        assert_eq!(keeper.load().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}

/// The pass in the vault of version 1 is what the client sends with, and is written again byte for byte.
#[test]
fn a_pass_of_version_1_is_read() {
    let vault: Value = serde_json::from_str(include_str!("../../../../tests/vectors/vault/vault.json")).unwrap();
    let pass = vault["pass"].as_str().unwrap();
    let client = Http::new(&vector().link.parse().unwrap()).unwrap().client();
    let of = |pass: &str| Courier::of(client.clone(), &Secret::new(pass.as_bytes().to_vec()));
    let again = of(pass).unwrap().pass().unwrap();
    assert_eq!(again.expose().as_slice(), pass.as_bytes());
    assert!(of(&pass.replacen("cookie", "cookif", 1)).is_none());
}
