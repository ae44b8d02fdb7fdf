//! A whole snapshot and a receipt, as somebody else's code made them: `tests/vectors/seal`.

#![allow(clippy::unwrap_used, reason = "tests")]

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use handlens_protocol::api::Receipt;
use handlens_protocol::snapshot::{self, About, PURPOSE, RECEIPT_DOMAIN, Received};
use handlens_seal::hpke::{self, OpenKey};
use handlens_seal::signature::{self, PublicKey, SigningKey};
use handlens_seal::{Header, Key, container};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct File<V> {
    vectors: Vec<V>,
}

#[derive(Deserialize)]
struct Snapshot {
    about: About,
    jpeg: String,
    plaintext: String,
    header: Names,
    context: String,
    key: String,
    container: String,
    container_sha256: String,
    open_key: String,
    seal_key: String,
    seal: String,
}

#[derive(Deserialize)]
struct Names {
    organisation: String,
    session: String,
    object: String,
    purpose: String,
}

#[derive(Deserialize)]
struct Signed {
    receipt: Receipt,
    domain: String,
    fields: Vec<String>,
    private: String,
    public: String,
    signature: String,
    other_s: String,
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// From the session's key alone a server comes to the picture, and from the picture to the same bytes.
#[test]
fn a_whole_snapshot_of_another_implementation_opens() {
    let file: File<Snapshot> = serde_json::from_str(include_str!("../../../tests/vectors/seal/snapshot.json")).unwrap();
    assert_eq!(file.vectors.iter().map(|vector| vector.about.marks.len()).collect::<Vec<_>>(), [0, 2]);
    for vector in file.vectors {
        let names = vector.header;
        assert_eq!(names.purpose, PURPOSE);
        let header = Header::new(&names.organisation, Some(&names.session), &names.object, PURPOSE).unwrap();
        assert_eq!(header.encoded(), hex(&vector.context));

        let open_key = OpenKey::from_bytes(&hex(&vector.open_key)).unwrap();
        assert_eq!(open_key.public().to_sec1().as_slice(), hex(&vector.seal_key));
        let key = hpke::open(&open_key, &header, &hex(&vector.seal)).unwrap();
        assert_eq!(key, Key::from_slice(&hex(&vector.key)).unwrap());

        let sealed = hex(&vector.container);
        assert_eq!(Sha256::digest(&sealed).as_slice(), hex(&vector.container_sha256));
        let plaintext = container::open(&key, &header, &sealed).unwrap();
        let (about, jpeg) = snapshot::decode(&plaintext).unwrap();
        assert_eq!((&about, jpeg), (&vector.about, hex(&vector.jpeg).as_slice()));
        assert_eq!(snapshot::encode(&about, jpeg).unwrap(), hex(&vector.plaintext));
    }
}

/// A receipt is signed over the fields that the API shows, in the order that is written down; each of them counts.
#[test]
fn receipts_of_another_implementation_verify() {
    let file: File<Signed> = serde_json::from_str(include_str!("../../../tests/vectors/seal/receipt.json")).unwrap();
    assert!(file.vectors.len() >= 2);
    for vector in file.vectors {
        let receipt = vector.receipt;
        let hash = |text: &str| -> [u8; 32] { BASE64URL_NOPAD.decode(text.as_bytes()).unwrap().try_into().unwrap() };
        let fields = snapshot::receipt_fields(&Received {
            organisation: receipt.organisation,
            session: receipt.session,
            object: receipt.object,
            bytes: receipt.bytes,
            sha256: hash(&receipt.sha256),
            origin: &receipt.origin,
            sequence: receipt.sequence,
            entry_sha256: hash(&receipt.entry_sha256),
            stored_us: receipt.stored_us,
        });
        assert_eq!(vector.domain, RECEIPT_DOMAIN);
        assert_eq!(fields.as_slice(), vector.fields.iter().map(|field| hex(field)).collect::<Vec<_>>());

        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        let public = PublicKey::from_sec1(&hex(&vector.public)).unwrap();
        for raw in [&vector.signature, &vector.other_s] {
            signature::verify(&public, RECEIPT_DOMAIN, &fields, &hex(raw)).unwrap();
        }
        assert_eq!(BASE64URL_NOPAD.decode(receipt.signature.as_bytes()).unwrap(), hex(&vector.signature));
        let key = SigningKey::from_bytes(&hex(&vector.private)).unwrap();
        assert_eq!(key.sign(RECEIPT_DOMAIN, &fields).unwrap().as_slice(), hex(&vector.signature));
        for changed in 0..fields.len() {
            let mut fields = fields.clone();
            fields[changed] = b"0";
            assert!(signature::verify(&public, RECEIPT_DOMAIN, &fields, &hex(&vector.signature)).is_err());
        }
    }
}
