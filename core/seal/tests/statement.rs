//! Consents and redemptions, as somebody else's code signed them: `tests/vectors/seal/statement.json`.

#![allow(clippy::unwrap_used, reason = "tests")]

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use handlens_protocol::api::{Consent, Redeem};
use handlens_protocol::consent::{DOMAIN, Decision, Purpose, REDEEM_DOMAIN, Statement, redeem_fields};
use handlens_protocol::{OrganisationId, ParticipantId, SessionId};
use handlens_seal::signature::{self, PublicKey, SigningKey};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(flatten)]
    said: Said,
    domain: String,
    fields: Vec<String>,
    encoded: String,
    private: String,
    public: String,
    signature: String,
    other_s: String,
}

#[derive(Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Said {
    Consent { party: Party, wording: String, body: Consent },
    Redeem { body: Redeem },
}

#[derive(Deserialize)]
struct Party {
    organisation: OrganisationId,
    session: SessionId,
    participant: ParticipantId,
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../../../tests/vectors/seal/statement.json");
    serde_json::from_str::<File>(text).unwrap().vectors
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn base64url<const N: usize>(text: &str) -> [u8; N] {
    BASE64URL_NOPAD.decode(text.as_bytes()).unwrap().try_into().unwrap()
}

/// What the body of the request says, in signing order, and the signature it carries.
fn signed(said: &Said) -> (&'static str, Vec<Vec<u8>>, &str) {
    match said {
        Said::Consent { party, wording, body } => {
            let wording_sha256 = base64url(&body.wording_sha256);
            assert_eq!(Sha256::digest(wording).as_slice(), wording_sha256);
            let fields = Statement {
                organisation: party.organisation,
                session: party.session,
                participant: party.participant,
                purpose: body.purpose,
                decision: body.decision,
                wording_sha256,
                language: &body.language,
                nonce: base64url(&body.nonce),
                expires_us: body.expires_us,
            }
            .fields();
            (DOMAIN, fields.to_vec(), &body.signature)
        }
        Said::Redeem { body } => {
            let secret = Sha256::digest(base64url::<16>(body.secret.expose())).into();
            let fields = redeem_fields(&secret, &base64url::<65>(&body.public_key), body.expires_us);
            (REDEEM_DOMAIN, fields.to_vec(), &body.signature)
        }
    }
}

/// `length ‖ part` for the domain and each field, from the text of the format and not from the code.
fn encoded(domain: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    let parts = std::iter::once(domain.as_bytes()).chain(fields.iter().map(Vec::as_slice));
    parts.flat_map(|part| [&u32::try_from(part.len()).unwrap().to_be_bytes(), part].concat()).collect()
}

/// Every purpose is granted and one withdrawn, a link is redeemed first and taken over once: nothing is left unread.
#[test]
fn the_file_says_everything_that_can_be_said() {
    let (mut consents, mut redemptions) = (vec![], vec![]);
    for vector in vectors() {
        match vector.said {
            Said::Consent { body, .. } => consents.push((body.purpose, body.decision)),
            Said::Redeem { body } => redemptions.push(body.take_over),
        }
    }
    let mut all = Purpose::ALL.map(|purpose| (purpose, Decision::Grant)).to_vec();
    all.push((Purpose::Camera, Decision::Revoke));
    assert_eq!((consents, redemptions), (all, vec![false, true]));
}

/// A device of another make and ours sign the same bytes for the same statement, and each takes the other's signature.
#[test]
fn statements_of_another_implementation_verify() {
    for vector in vectors() {
        let (domain, fields, carried) = signed(&vector.said);
        assert_eq!(vector.domain, domain);
        assert_eq!(fields, vector.fields.iter().map(|field| hex(field)).collect::<Vec<_>>());
        assert_eq!(encoded(domain, &fields), hex(&vector.encoded));
        assert_eq!(base64url::<64>(carried).as_slice(), hex(&vector.signature));

        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        let public = PublicKey::from_sec1(&hex(&vector.public)).unwrap();
        for raw in [&vector.signature, &vector.other_s] {
            signature::verify(&public, domain, &fields, &hex(raw)).unwrap();
        }
        let key = SigningKey::from_bytes(&hex(&vector.private)).unwrap();
        assert_eq!(key.public(), public);
        assert_eq!(key.sign(domain, &fields).unwrap().as_slice(), hex(&vector.signature));
    }
}

/// The control: another field, or the domain of the other statement, and the signature is nobody's.
#[test]
fn every_field_and_the_domain_count() {
    for vector in vectors() {
        let (domain, fields, _) = signed(&vector.said);
        let public = PublicKey::from_sec1(&hex(&vector.public)).unwrap();
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        let other = if domain == DOMAIN { REDEEM_DOMAIN } else { DOMAIN };
        assert!(signature::verify(&public, other, &fields, &hex(&vector.signature)).is_err());
        for changed in 0..fields.len() {
            let mut fields = fields.clone();
            fields[changed] = b"0";
            assert!(signature::verify(&public, domain, &fields, &hex(&vector.signature)).is_err());
        }
    }
}
