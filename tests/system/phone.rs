//! Photos of a phone without a screen: asked for, sealed in its vault, sent, received once, whatever happens to the phone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::path::Path;
use std::sync::Arc;

use handlens_client::{Client, Config, Error, Event, FileKey, Photo, Quota, Vault, capture_us};
use handlens_media::frame::Size;
use handlens_media::still::{self, Rgb};
use handlens_protocol::consent::Purpose;
use handlens_protocol::mark::{Point, State};
use handlens_protocol::{MarkId, snapshot};
use handlens_tests::{Gate, Room};
use serde_json::json;

fn finds(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

/// Asked, taken, sealed, sent, received, gone from the phone; the technician opens the very bytes, with the mark that was on
/// the picture where it was then.
#[tokio::test]
async fn a_photo_comes_with_its_marks() {
    let room = Room::open().await;
    let gate = Gate::to(&room.server.origin).await;
    let (mut phone, participant, _) = room.phone_behind(&gate, &[]).await;
    let viewer = room.viewer(None).await;
    let drawn_us = viewer.video(&participant).await.next().await.unwrap().capture_us;
    let id = MarkId::from_bytes([7; 16]);
    let mark = json!({
        "id": id,
        "camera": participant,
        "capture_us": drawn_us,
        "geometry": {"kind": "point", "at": {"x": 0.5, "y": 0.5}},
        "style": {"colour": "cyan", "width": 0.006},
    });
    room.sam.post(&format!("{}/marks", room.path), mark).await.ok();
    while phone.until("marks").await["marks"] != json!([id]) {}

    room.ask(&participant).await;
    let photo = phone.until("photo").await;
    let receipt = phone.until("receipt").await;
    assert_eq!((&receipt["object"], &receipt["verified"]), (&photo["object"], &json!(true)));
    let plaintext = room.has(&photo).await;
    let (about, jpeg) = snapshot::decode(&plaintext).unwrap();
    assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
    assert!(about.capture_us > drawn_us && about.width > 0 && about.height > 0);
    assert_eq!((about.marks.len(), about.marks[0].mark.id), (1, id));
    let position = &about.marks[0].position;
    assert!(matches!(position.state, State::Tracked | State::Approximate), "{position:?}");
    let Point { x, y } = position.apply(Point { x: 0.5, y: 0.5 }).unwrap();
    assert!((0.3..0.7).contains(&x) && (0.3..0.7).contains(&y), "{x} {y}");
    assert_eq!(phone.stop().await.0, Some(0));
}

/// A photograph as a phone's camera gives it, with what the phone says of its owner in it, answered twice at once: the
/// technician gets one, and nothing in it but the picture.
#[tokio::test]
async fn a_photo_says_only_its_picture_and_is_taken_once() {
    let room = Room::open().await;
    let key = FileKey::open(&room.folder.path().join("vault.key")).unwrap();
    let vault = Vault::open(&room.folder.path().join("vault.db"), &key, Quota::default()).unwrap();
    let mut config = Config::new(room.link().await.parse().unwrap());
    config.vault = Some(Arc::new(vault));
    let client = Client::new(config).unwrap();
    let visit = client.visit().unwrap();
    visit.allow(Purpose::Snapshots);
    visit.join(false);
    let request = loop {
        let event = visit.next_event().await.unwrap();
        if let Event::Joined { view, .. } = &event {
            let participant = view.participant.to_string();
            room.admit(&participant).await;
            room.ask(&participant).await;
        } else if let Event::Photo(Some(asked)) = event {
            break asked.id;
        }
    };

    let plain = still::encode_rgb(&Rgb { size: Size::new(64, 48), bytes: vec![90; 64 * 48 * 3] }, 90).unwrap();
    let said = b"\xff\xe1\x00\x15Exif\0\0 52.52, 13.40";
    let jpeg = [&plain[..2], said, &plain[2..]].concat();
    assert!(still::decode(&jpeg).is_ok(), "a control");
    let photo =
        || Photo { request: Some(request), jpeg: jpeg.clone(), width: 64, height: 48, capture_us: capture_us() };
    let both = tokio::join!(visit.photo(photo()), visit.photo(photo()));
    let taken = match both {
        (Ok(taken), Err(Error::Answered)) | (Err(Error::Answered), Ok(taken)) => taken,
        both => panic!("{both:?}"),
    };
    client.outbox().unwrap().idle().await;
    assert!(matches!(visit.photo(photo()).await, Err(Error::Answered)), "also when it left the vault");
    let kept = room.sam.get(&format!("{}/snapshots/{}", room.path, taken.object)).await.ok().bytes;
    assert_eq!(snapshot::decode(&kept).unwrap().1, plain);
    assert_eq!(room.photos().await, 1);
}

/// With those of the vault's own test, a hundred kills of a phone.
const KILLS: u64 = 50;

/// The wire is cut after so many bytes, the phone killed there and started again: each photo arrives whole and once, nothing
/// is asked twice, and no picture lies on the phone in the clear.
#[tokio::test]
async fn a_phone_killed_while_sending_sends_once() {
    let room = Room::open().await;
    let gate = Gate::to(&room.server.origin).await;
    let (mut phone, participant, link) = room.phone_behind(&gate, &[]).await;
    room.ask(&participant).await;
    let first = phone.until("photo").await;
    phone.until("receipt").await;
    // No two pictures are equally long: what is sent is at least half of this one.
    let least = first["bytes"].as_u64().unwrap() / 2;
    let mut photos = vec![first];
    for kill in 0..KILLS {
        // Every remainder once: from before the first byte to the midst of the picture.
        gate.cut_after(least * (kill * 7 % KILLS) / KILLS);
        room.ask(&participant).await;
        let photo = phone.until("photo").await;
        gate.was_cut().await;
        phone.kill().await;
        assert!(finds(&room.state(), b"SQLite format 3"), "the control: what lies there is found");
        assert!(!finds(&room.state(), b"JFIF"), "a picture lies on the phone in the clear");
        gate.open();
        phone = room.phone_again(&link);
        while phone.until("receipt").await["object"] != photo["object"] {}
        photos.push(photo);
    }
    for photo in &photos {
        room.has(photo).await;
    }
    assert_eq!(room.photos().await, photos.len(), "nothing was taken twice");
    assert_eq!(phone.stop().await.0, Some(0));
}

/// What was taken before the end is sent after it, by a phone that was dead when the session ended.
#[tokio::test]
async fn what_was_taken_is_sent_after_the_end() {
    let room = Room::open().await;
    let gate = Gate::to(&room.server.origin).await;
    let (mut phone, participant, link) = room.phone_behind(&gate, &[]).await;
    room.ask(&participant).await;
    phone.until("photo").await;
    phone.until("receipt").await;

    gate.cut_after(0);
    room.ask(&participant).await;
    let photo = phone.until("photo").await;
    gate.was_cut().await;
    phone.kill().await;
    gate.open();
    room.end().await;
    assert_eq!(room.photos().await, 1, "the control: it had not arrived");

    let mut phone = room.phone_again(&link);
    assert_eq!(phone.until("receipt").await["object"], photo["object"]);
    room.has(&photo).await;
    assert_eq!(phone.until("over").await["how"], "finished");
}

/// "No" is said, and no photo is taken.
#[tokio::test]
async fn a_phone_may_say_no() {
    let room = Room::open().await;
    let gate = Gate::to(&room.server.origin).await;
    let (phone, participant, _) = room.phone_behind(&gate, &["--photo", "no"]).await;
    let mut console = room.sam.events(&format!("{}/events", room.path)).await;
    room.ask(&participant).await;
    console.until(|event| event["state"]["photo"].is_object()).await;
    console.until(|event| event["state"]["photo"].is_null()).await;
    assert_eq!(room.photos().await, 0);
    let log = room.sam.get(&format!("{}/log", room.path)).await.ok().body;
    assert!(log["entries"].as_array().unwrap().iter().any(|entry| entry["action"] == "snapshot.decline"));
    assert_eq!(phone.stop().await.0, Some(0));
}
