//! Identifiers, broadcasts, tracks and close codes: `names.json`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use handlens_protocol::broadcast::{self, Purpose};
use handlens_protocol::close::CloseCode;
use handlens_protocol::{
    InviteId, LoginId, MarkId, ObjectId, OrganisationId, ParticipantId, RequestId, SessionId, UserId, mark,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    identifiers: Vec<Identifier>,
    broadcasts: Broadcasts,
    tracks: Tracks,
    close_codes: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
struct Identifier {
    prefix: String,
    bits: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Broadcasts {
    organisation: OrganisationId,
    session: SessionId,
    participant: ParticipantId,
    prefix: String,
    state: String,
    marks: String,
    camera: String,
    microphone: String,
    data: String,
}

/// Those of the picture are `hang`'s: `core/client/src/hang.rs`.
#[derive(Deserialize)]
struct Tracks {
    state: String,
    marks: String,
    presence: String,
    report: String,
}

fn file() -> File {
    serde_json::from_str(include_str!("../../../../tests/vectors/protocol/names.json")).unwrap()
}

/// 128 bits have one text for each kind of thing.
#[test]
fn an_identifier_has_the_golden_text() {
    let identifiers = file().identifiers;
    assert_eq!(identifiers.len(), 9);
    for id in &identifiers {
        match id.prefix.as_str() {
            OrganisationId::PREFIX => is(id, OrganisationId::from_bytes),
            UserId::PREFIX => is(id, UserId::from_bytes),
            LoginId::PREFIX => is(id, LoginId::from_bytes),
            SessionId::PREFIX => is(id, SessionId::from_bytes),
            ParticipantId::PREFIX => is(id, ParticipantId::from_bytes),
            InviteId::PREFIX => is(id, InviteId::from_bytes),
            ObjectId::PREFIX => is(id, ObjectId::from_bytes),
            MarkId::PREFIX => is(id, MarkId::from_bytes),
            RequestId::PREFIX => is(id, RequestId::from_bytes),
            prefix => panic!("nobody reads a {prefix}"),
        }
    }
}

fn is<T: Display + FromStr<Err: std::fmt::Debug>>(id: &Identifier, from_bits: fn([u8; 16]) -> T) {
    let bits = HEXLOWER.decode(id.bits.as_bytes()).unwrap().try_into().unwrap();
    assert_eq!(from_bits(bits).to_string(), id.text);
    assert_eq!(id.text.parse::<T>().unwrap().to_string(), id.text);
    // The control: one letter less, or another kind, is none.
    assert!(id.text[..29].parse::<T>().is_err() && format!("x{}", &id.text[1..]).parse::<T>().is_err());
}

/// A path says whose broadcast it is and what for.
#[test]
fn a_broadcast_has_the_golden_path() {
    let File { broadcasts: golden, tracks, .. } = file();
    let path = |purpose| broadcast::path(golden.organisation, golden.session, golden.participant, purpose);
    let paths = Purpose::ALL.map(path);
    assert_eq!(paths, [golden.camera, golden.microphone, golden.data]);
    assert_eq!(broadcast::session(golden.organisation, golden.session), golden.prefix);
    assert_eq!(broadcast::state(golden.organisation, golden.session), golden.state);
    assert_eq!(broadcast::marks(golden.organisation, golden.session, golden.participant), golden.marks);
    assert!(Purpose::ALL.iter().all(|purpose| purpose.as_str() != broadcast::MARKS));
    let ours = [broadcast::STATE_TRACK, mark::TRACK, broadcast::PRESENCE_TRACK, broadcast::REPORT_TRACK];
    assert_eq!(ours.map(str::to_owned), [tracks.state, tracks.marks, tracks.presence, tracks.report]);
}

/// A number means one thing, in every version.
#[test]
fn a_close_code_has_the_golden_number() {
    let ours: BTreeMap<String, u32> = CloseCode::ALL.iter().map(|code| (format!("{code:?}"), code.wire())).collect();
    assert_eq!(ours, file().close_codes);
}
