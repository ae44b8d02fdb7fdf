//! The words of the closed lists.

use std::collections::BTreeMap;

use handlens_protocol::mark::{Colour, Geometry, LostReason, State};
use handlens_protocol::state::{CameraPresence, EndReason, ParticipantKind, Phase, Presence};
use handlens_protocol::{Role, broadcast, consent};

use crate::spelling::{spelled, tagged};

/// Each list of the file is the whole list, in its order: a new word needs a place in the file.
#[test]
fn no_word_is_left_out() {
    let plain = [
        ("Phase", spelled::<Phase>()),
        ("ParticipantKind", spelled::<ParticipantKind>()),
        ("Presence", spelled::<Presence>()),
        ("EndReason", spelled::<EndReason>()),
        ("CameraPresence", spelled::<CameraPresence>()),
        ("Role", spelled::<Role>()),
        ("ConsentPurpose", spelled::<consent::Purpose>()),
        ("Decision", spelled::<consent::Decision>()),
        ("BroadcastPurpose", spelled::<broadcast::Purpose>()),
        ("Colour", spelled::<Colour>()),
        ("LostReason", spelled::<LostReason>()),
    ];
    let mut words: BTreeMap<String, Vec<String>> =
        plain.map(|(name, words)| (name.to_owned(), words.iter().map(|word| (*word).to_owned()).collect())).into();
    words.insert("GeometryKind".to_owned(), tagged::<Geometry>("kind"));
    words.insert("State".to_owned(), tagged::<State>("state"));
    assert_eq!(super::file().words, words);
}

/// What is signed, kept in the database and put into paths is the word of the JSON.
#[test]
fn a_word_is_one_text() {
    assert!(consent::Purpose::ALL.map(consent::Purpose::as_str).iter().eq(spelled::<consent::Purpose>()));
    assert!(broadcast::Purpose::ALL.map(broadcast::Purpose::as_str).iter().eq(spelled::<broadcast::Purpose>()));
    assert!(Role::ALL.map(Role::as_str).iter().eq(spelled::<Role>()));
    let decisions = [consent::Decision::Grant, consent::Decision::Revoke];
    assert!(decisions.map(consent::Decision::as_str).iter().eq(spelled::<consent::Decision>()));
}
