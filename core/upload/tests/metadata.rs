//! What is said of an object before it is sent: `tests/vectors/protocol/upload.json`, which the server reads too.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use data_encoding::HEXLOWER;
use handlens_protocol::{ObjectId, OrganisationId, RequestId, SessionId};
use handlens_seal::signature::SigningKey;
use handlens_session::Moment;
use handlens_upload::{Input, Output, Request, Upload};
use handlens_vault::Kept;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    uploads: Vec<Golden>,
}

#[derive(Deserialize)]
struct Golden {
    object: ObjectId,
    bytes: u64,
    sha256: String,
    seal: String,
    request: Option<RequestId>,
    upload_length: String,
    upload_metadata: String,
}

fn hex<const N: usize>(text: &str) -> [u8; N] {
    HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
}

/// The two headers as a phone writes them.
fn announced(kept: &Kept) -> (String, String) {
    let mut upload = Upload::new(kept.clone(), 1);
    upload.handle(Input::Timer, Moment::default());
    match upload.poll() {
        Some(Output::Send(_, Request::Announce { bytes, metadata })) => (bytes.to_string(), metadata),
        other => panic!("{other:?}"),
    }
}

/// With and without a request, letter for letter; the control is another object.
#[test]
fn an_announcement_is_golden() {
    let file: File = serde_json::from_str(include_str!("../../../tests/vectors/protocol/upload.json")).unwrap();
    assert_eq!(file.uploads.iter().map(|golden| golden.request.is_some()).collect::<Vec<_>>(), [false, true]);
    for golden in file.uploads {
        let kept = Kept {
            sequence: 1,
            object: golden.object,
            organisation: OrganisationId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            request: golden.request,
            bytes: golden.bytes,
            sha256: hex(&golden.sha256),
            seal: hex(&golden.seal),
            receipt_key: SigningKey::from_bytes(&[7; 32]).unwrap().public(),
            received: false,
            kept_us: None,
        };
        let headers = (golden.upload_length, golden.upload_metadata);
        assert_eq!(announced(&kept), headers);
        assert_ne!(announced(&Kept { object: ObjectId::from_bytes([3; 16]), ..kept }), headers);
    }
}
