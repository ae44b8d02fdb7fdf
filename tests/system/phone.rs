//! Photos of a phone without a screen: asked for, sealed in its vault, sent, received once, whatever happens to the phone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::path::{Path, PathBuf};

use handlens_protocol::mark::{Point, State};
use handlens_protocol::{MarkId, snapshot};
use handlens_tests::{Gate, Person, Phone, Process, Viewer, sam};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// A server, Sam who is logged in, a session of his, and a phone's folder.
struct Room {
    server: Process,
    sam: Person,
    path: String,
    folder: TempDir,
}

impl Room {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Process::start(folder.path()).await;
        let cookie =
            Person::stranger(&server.origin).post("/api/setup", sam(&server.setup_secret())).await.ok().cookie.unwrap();
        let sam = Person::with_cookie(&server.origin, &cookie);
        let path = format!("/api/sessions/{}", sam.open_session().await);
        Self { server, sam, path, folder }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("phone")
    }

    /// A phone that is live, its link and who it is.
    async fn phone(&self, gate: &Gate, flags: &[&str]) -> (Phone, String, String) {
        let answer = self.sam.post(&format!("{}/invites", self.path), json!({"agreed": true})).await.ok();
        let link = gate.link(answer.body["link"].as_str().unwrap());
        let mut phone = Phone::start(&link, &[&["--state", self.state().to_str().unwrap()], flags].concat());
        let participant = phone.until("joined").await["participant"].as_str().unwrap().to_owned();
        phone.until("waiting").await;
        self.sam.post(&format!("{}/participants/{participant}/admit", self.path), json!({})).await.ok();
        phone.until("live").await;
        (phone, link, participant)
    }

    fn again(&self, link: &str) -> Phone {
        Phone::start(link, &["--state", self.state().to_str().unwrap()])
    }

    async fn ask(&self, participant: &str) {
        self.sam.post(&format!("{}/photos", self.path), json!({"participant": participant})).await.ok();
    }

    /// The photo is at the server whole, once, and is what the phone sealed.
    async fn has(&self, photo: &Value) -> Vec<u8> {
        let state = self.sam.get(&self.path).await.ok().body["state"].take();
        let all = state["snapshots"].as_array().unwrap();
        let these: Vec<_> = all.iter().filter(|snapshot| snapshot["id"] == photo["object"]).collect();
        assert_eq!(these.len(), 1, "{state}");
        assert_eq!(these[0]["received"], these[0]["bytes"]);
        assert!(these[0]["stored_us"].is_u64());
        let log = self.sam.get(&format!("{}/log", self.path)).await.ok().body;
        let entries = log["entries"].as_array().unwrap().iter();
        let received = entries.filter(|e| e["action"] == "snapshot.receive" && e["object"] == photo["object"]);
        assert_eq!(received.count(), 1, "received once");
        let opened = self.sam.get(&format!("{}/snapshots/{}", self.path, photo["object"].as_str().unwrap())).await.ok();
        let sha256: String = Sha256::digest(&opened.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (sha256, opened.bytes.len() as u64),
            (photo["sha256"].as_str().unwrap().to_owned(), photo["bytes"].as_u64().unwrap())
        );
        opened.bytes.to_vec()
    }

    async fn count(&self) -> usize {
        self.sam.get(&self.path).await.ok().body["state"]["snapshots"].as_array().map_or(0, Vec::len)
    }
}

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
    let (mut phone, _, participant) = room.phone(&gate, &[]).await;
    let ticket = room.sam.post(&format!("{}/tickets", room.path), json!({})).await.ok().body;
    let viewer = Viewer::join(&ticket, None).await;
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

/// The wire is cut after so many bytes, the phone killed there and started again: each photo arrives whole and once, nothing
/// is asked twice, and no picture lies on the phone in the clear.
#[tokio::test]
async fn a_phone_killed_while_sending_sends_once() {
    let room = Room::open().await;
    let gate = Gate::to(&room.server.origin).await;
    let (mut phone, link, participant) = room.phone(&gate, &[]).await;
    room.ask(&participant).await;
    let first = phone.until("photo").await;
    phone.until("receipt").await;
    let mut photos = vec![first];
    for bytes in [0, 1_500, 3_000, 20_000, 60_000, 120_000] {
        gate.cut_after(bytes);
        room.ask(&participant).await;
        let photo = phone.until("photo").await;
        gate.was_cut().await;
        phone.kill().await;
        assert!(finds(&room.state(), b"SQLite format 3"), "the control: what lies there is found");
        assert!(!finds(&room.state(), b"JFIF"), "a picture lies on the phone in the clear");
        gate.open();
        phone = room.again(&link);
        while phone.until("receipt").await["object"] != photo["object"] {}
        photos.push(photo);
    }
    for photo in &photos {
        room.has(photo).await;
    }
    assert_eq!(room.count().await, photos.len(), "nothing was taken twice");
    assert_eq!(phone.stop().await.0, Some(0));
}

/// What was taken before the end is sent after it, by a phone that was dead when the session ended.
#[tokio::test]
async fn what_was_taken_is_sent_after_the_end() {
    let room = Room::open().await;
    let gate = Gate::to(&room.server.origin).await;
    let (mut phone, link, participant) = room.phone(&gate, &[]).await;
    room.ask(&participant).await;
    phone.until("photo").await;
    phone.until("receipt").await;

    gate.cut_after(0);
    room.ask(&participant).await;
    let photo = phone.until("photo").await;
    gate.was_cut().await;
    phone.kill().await;
    gate.open();
    room.sam.post(&format!("{}/end", room.path), json!({})).await.ok();
    assert_eq!(room.count().await, 1, "the control: it had not arrived");

    let mut phone = room.again(&link);
    assert_eq!(phone.until("receipt").await["object"], photo["object"]);
    room.has(&photo).await;
    assert_eq!(phone.until("over").await["how"], "finished");
}

/// "No" is said, and no photo is taken.
#[tokio::test]
async fn a_phone_may_say_no() {
    let room = Room::open().await;
    let gate = Gate::to(&room.server.origin).await;
    let (phone, _, participant) = room.phone(&gate, &["--photo", "no"]).await;
    let mut console = room.sam.events(&format!("{}/events", room.path)).await;
    room.ask(&participant).await;
    console.until(|event| event["state"]["photo"].is_object()).await;
    console.until(|event| event["state"]["photo"].is_null()).await;
    assert_eq!(room.count().await, 0);
    let log = room.sam.get(&format!("{}/log", room.path)).await.ok().body;
    assert!(log["entries"].as_array().unwrap().iter().any(|entry| entry["action"] == "snapshot.decline"));
    assert_eq!(phone.stop().await.0, Some(0));
}
