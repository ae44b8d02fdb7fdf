//! Photos: asked for, sealed on the device, sent in parts, stored once, receipted, opened by the technician.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use data_encoding::BASE64URL_NOPAD;
use handlens_audit::{Entry, Head, Key, Signature, Writer};
use handlens_protocol::api::Receipt;
use handlens_protocol::consent::{Decision, Purpose};
use handlens_protocol::limits::{LATE_UPLOAD_SECONDS, UPLOAD_PART_BYTES, UPLOADS_PER_GUEST};
use handlens_protocol::{RequestId, snapshot};
use handlens_server::clock::Clock;
use handlens_tests::{Device, House, PART, Person, Photo, Process, Room};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// An admitted guest who allows photos, in a session of Sam's.
async fn ready(house: &House, sam: &Person) -> (String, Device) {
    let session = sam.open_session().await;
    let guest = house.guest(sam, &session).await;
    sam.post(&format!("/api/sessions/{session}/participants/{}/admit", guest.participant()), json!({})).await.ok();
    guest.decide(house, Purpose::Snapshots, Decision::Grant).await.ok();
    (session, guest)
}

/// Bytes that no compression and no chance would make.
fn jpeg(length: usize) -> Vec<u8> {
    (0..length as u64 / 32 + 1)
        .flat_map(|block| <[u8; 32]>::from(Sha256::digest(block.to_be_bytes())))
        .take(length)
        .collect()
}

async fn state(sam: &Person, session: &str) -> Value {
    sam.get(&format!("/api/sessions/{session}")).await.ok().body["state"].take()
}

async fn entries(sam: &Person, session: &str, action: &str) -> Vec<Value> {
    let log = sam.get(&format!("/api/sessions/{session}/log")).await.ok().body;
    log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == action).cloned().collect()
}

/// The whole line: asked, announced, sent, receipted, and the technician gets the very bytes; the log has each step once,
/// and the receipt names the entry.
#[tokio::test]
async fn a_photo_from_the_question_to_the_technician() {
    let (house, sam) = House::new().await;
    let (session, guest) = ready(&house, &sam).await;
    let path = format!("/api/sessions/{session}");
    let mut console = sam.events(&format!("{path}/events")).await;
    let mut phone = guest.person.events("/api/guest/events").await;
    sam.post(&format!("{path}/photos"), json!({"participant": guest.participant()})).await.ok();
    let asked = phone.until(|event| event["photo"].is_object()).await["photo"]["id"].as_str().unwrap().to_owned();

    let photo = Photo { request: Some(asked.clone()), ..Photo::taken(&guest, &jpeg(200_000)) };
    let answer = guest.announce(&photo).await.ok();
    assert_eq!((answer.status.as_u16(), answer.offset()), (201, Some(0)));
    assert_eq!(answer.headers["location"], photo.path());
    assert_eq!(answer.headers["tus-resumable"], "1.0.0");
    phone.until(|event| event["photo"].is_null()).await;
    guest.person.get(&format!("{}/receipt", photo.path())).await.refused("conflict");
    sam.get(&format!("{path}/snapshots/{}", photo.object)).await.refused("not-found");

    guest.send_part(&photo, 0, &photo.sealed[..PART]).await.ok();
    let seen = console.until(|event| event["state"]["snapshots"][0]["received"] == PART).await;
    assert_eq!(seen["state"]["snapshots"][0]["request"], asked);
    assert!(seen["state"]["snapshots"][0]["stored_us"].is_null());
    let head = guest.asks_offset(&photo).await.ok();
    assert_eq!((head.offset(), &head.headers["upload-length"]), (Some(PART as u64), &header(photo.sealed.len())));
    assert_eq!(head.headers["cache-control"], "no-store");
    let last = guest.send_part(&photo, PART, &photo.sealed[PART..]).await.ok();
    assert_eq!((last.status.as_u16(), last.offset()), (204, Some(photo.sealed.len() as u64)));
    console.until(|event| event["state"]["snapshots"][0]["stored_us"].is_number()).await;

    let receipt = guest.receipt(&photo).await;
    assert_eq!(guest.receipt(&photo).await, receipt, "the same receipt each time");
    // An answer that got lost: said again, nothing happens twice.
    assert_eq!(guest.send_part(&photo, photo.sealed.len(), b"").await.ok().status, 204);
    let again = guest.announce(&photo).await.ok();
    assert_eq!((again.status.as_u16(), again.offset()), (200, Some(photo.sealed.len() as u64)));

    let opened = sam.get(&format!("{path}/snapshots/{}", photo.object)).await.ok();
    assert_eq!(Sha256::digest(&opened.bytes), Sha256::digest(&photo.plaintext));
    assert_eq!(opened.headers["content-type"], snapshot::MEDIA_TYPE);
    assert_eq!(opened.headers["cache-control"], "no-store");
    assert_eq!(opened.headers["x-content-type-options"], "nosniff");

    let received = entries(&sam, &session, "snapshot.receive").await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0]["sequence"], receipt.sequence);
    assert_eq!((&received[0]["actor"], &received[0]["object"]), (&json!(guest.participant()), &json!(photo.object)));
    for action in ["snapshot.request", "snapshot.read"] {
        assert_eq!(entries(&sam, &session, action).await.len(), 1, "{action}");
    }

    // Also after a restart and after the end, and for no other organisation's technician or guest.
    let house = house.restart().await;
    let sam = house.log_in().await;
    sam.post(&format!("{path}/end"), json!({})).await.ok();
    assert_eq!(sam.get(&format!("{path}/snapshots/{}", photo.object)).await.ok().bytes, photo.plaintext);
    let other = sam.open_session().await;
    sam.get(&format!("/api/sessions/{other}/snapshots/{}", photo.object)).await.refused("not-found");
    house.stranger().get(&format!("{path}/snapshots/{}", photo.object)).await.refused("not-logged-in");
    house.server.shutdown().await;
}

/// Whoever kept a receipt holds the log to it: an export that was cut before its entry, and one that shows another entry
/// in its place, are found out offline.
#[tokio::test]
async fn a_receipt_holds_the_log() {
    let (room, clock) = (Room::open().await, Clock::system());
    let link = room.link().await;
    let stranger = Person::stranger(&room.server.origin);
    let guest = Device::join_at(&stranger, link.split_once('#').unwrap().1, clock.now_us()).await;
    room.admit(guest.participant()).await;
    let consent = guest.statement(Purpose::Snapshots, Decision::Grant, clock.now_us());
    guest.person.post("/api/guest/consents", consent).await.ok();
    let photo = Photo::taken(&guest, &jpeg(1000));
    guest.announce(&photo).await.ok();
    guest.send_part(&photo, 0, &photo.sealed).await.ok();
    let receipt = guest.receipt(&photo).await;
    room.end().await;

    let [whole, cut, shorter, kept, changed] =
        ["whole", "cut", "shorter", "kept", "changed"].map(|name| room.folder.path().join(name));
    let vkey = Process::vkey(room.folder.path()).await;
    Process::export(room.folder.path(), &whole).await;
    let entries = usize::try_from(receipt.sequence).unwrap();
    let file = std::fs::read(&whole).unwrap();
    std::fs::write(&cut, first_entries(&file, entries, &vkey)).unwrap();
    std::fs::write(&shorter, first_entries(&file, entries + 1, &vkey)).unwrap();
    std::fs::write(&kept, serde_json::to_vec(&receipt).unwrap()).unwrap();
    let entry_sha256 = BASE64URL_NOPAD.encode(&Sha256::digest("another entry"));
    let other = Receipt { entry_sha256, ..receipt.clone() };
    std::fs::write(&changed, serde_json::to_vec(&other).unwrap()).unwrap();

    assert_eq!(Process::verify(&whole, &vkey, &kept).await.0, Some(0));
    assert_eq!(Process::verify(&shorter, &vkey, &kept).await.0, Some(0), "the control: cut behind the entry it holds");
    let (code, answer) = Process::verify(&cut, &vkey, &kept).await;
    assert_eq!((code, &answer["problem"]["cause"]), (Some(5), &json!("truncated")), "{answer}");
    let (code, answer) = Process::verify(&whole, &vkey, &changed).await;
    assert_eq!((code, &answer["problem"]["cause"]), (Some(5), &json!("forked")), "{answer}");
    assert_eq!(answer["problem"]["entry"], receipt.sequence);
}

/// What a server that lost its memory would export: so many entries, closed well.
fn first_entries(export: &[u8], count: usize, vkey: &str) -> Vec<u8> {
    let lines: Vec<_> = export.split(|byte| *byte == b'\n').skip(2).take(2 * count).collect();
    let mut writer = Writer::new(Key::parse(vkey).unwrap().name().clone());
    writer.open(Head::new(Entry::decode(lines[0]).unwrap().origin().clone()), None).unwrap();
    for pair in lines.chunks_exact(2) {
        let proof: Value = serde_json::from_slice(pair[1]).unwrap();
        let signature = Signature::parse(proof["signature"].as_str().unwrap()).unwrap();
        writer.entry(pair[0], &signature, None).unwrap();
    }
    writer.close().unwrap();
    writer.take()
}

/// "No" is an answer, a newer question takes the place of the older one, and whoever left is not asked any more.
#[tokio::test]
async fn a_photo_can_be_refused() {
    let (house, sam) = House::new().await;
    let (session, guest) = ready(&house, &sam).await;
    let path = format!("/api/sessions/{session}/photos");
    let ask = async || {
        sam.post(&path, json!({"participant": guest.participant()})).await.ok();
        state(&sam, &session).await["photo"]["id"].as_str().unwrap().to_owned()
    };
    let waiting = house.guest(&sam, &session).await;
    for nobody in [waiting.participant(), "par_00000000000000000000000000"] {
        sam.post(&path, json!({"participant": nobody})).await.refused("invalid");
    }
    let (first, second) = (ask().await, ask().await);
    let decline = async |who: &Device, request: &str| {
        who.person.post("/api/guest/photos/decline", json!({"request": request})).await
    };
    decline(&guest, &first).await.refused("conflict");
    decline(&waiting, &second).await.refused("conflict");
    decline(&guest, &second).await.ok();
    assert!(state(&sam, &session).await["photo"].is_null());
    decline(&guest, &second).await.refused("conflict");
    let no = entries(&sam, &session, "snapshot.decline").await;
    assert_eq!((no.len(), &no[0]["object"]), (1, &json!(second)));

    ask().await;
    guest.person.post("/api/guest/leave", json!({})).await.ok();
    assert!(state(&sam, &session).await["photo"].is_null());
    sam.post(&path, json!({"participant": guest.participant()})).await.refused("invalid");
    house.server.shutdown().await;
}

/// Every upload that is not right is told by its code, and changes nothing.
#[tokio::test]
async fn what_is_not_right_changes_nothing() {
    let (house, sam) = House::new().await;
    let (session, guest) = ready(&house, &sam).await;
    let other = house.guest(&sam, &session).await;
    let photo = Photo::taken(&guest, &jpeg(150_000));
    // No consent; a seal for another object, another session, or none; another version of tus.
    other.announce(&Photo::taken(&other, b"x")).await.refused("no-consent");
    let moved = Photo { seal: Photo::taken(&guest, b"x").seal, ..photo.clone() };
    guest.announce(&moved).await.refused("invalid");
    let (_, elsewhere) = ready(&house, &sam).await;
    guest.announce(&Photo::taken(&elsewhere, b"x")).await.refused("invalid");
    let (length, metadata) = (photo.sealed.len().to_string(), photo.metadata());
    let good = [("tus-resumable", "1.0.0"), ("upload-length", length.as_str()), ("upload-metadata", metadata.as_str())];
    for (at, value, code) in [
        (0, "0.2.2", "upload-version"),
        (1, "33554433", "too-large"),
        (1, "16456", "invalid"),
        (1, "many", "malformed"),
        (2, "object", "malformed"),
    ] {
        let mut headers = good;
        headers[at].1 = value;
        let answer = guest.person.send(Method::POST, "/api/guest/uploads", None, &headers).await;
        assert_eq!(answer.headers["tus-resumable"], "1.0.0");
        answer.refused(code);
    }
    assert!(state(&sam, &session).await["snapshots"].is_null());
    guest.announce(&photo).await.ok();

    // Announced otherwise, by the same guest and by another.
    guest
        .announce(&Photo { request: Some(RequestId::from_bytes([1; 16]).to_string()), ..photo.clone() })
        .await
        .refused("conflict");
    guest.announce(&Photo { sha256: [0; 32], ..photo.clone() }).await.refused("conflict");
    other.announce(&photo).await.refused("conflict");

    // Parts: not at the offset, too long, too large, without a type, another's.
    guest.send_part(&photo, 0, &photo.sealed[..PART]).await.ok();
    for offset in [0, PART - 1, PART + 1, usize::MAX / 4] {
        let answer = guest.send_part(&photo, offset, b"part").await;
        assert_eq!(answer.offset(), Some(PART as u64));
        answer.refused("offset-mismatch");
    }
    guest.send_part(&photo, PART, &[&photo.sealed[PART..], &[0]].concat()).await.refused("too-large");
    guest.send_part(&photo, PART, &vec![0; UPLOAD_PART_BYTES + 1]).await.refused("too-large");
    let untyped = [("tus-resumable", "1.0.0"), ("upload-offset", "65536")];
    guest.person.send(Method::PATCH, &photo.path(), Some(vec![0; 4]), &untyped).await.refused("malformed");
    let unplaced = [("tus-resumable", "1.0.0"), ("content-type", "application/offset+octet-stream")];
    guest.person.send(Method::PATCH, &photo.path(), Some(vec![0; 4]), &unplaced).await.refused("malformed");
    other.send_part(&photo, PART, &photo.sealed[PART..]).await.refused("not-found");
    assert_eq!(other.asks_offset(&photo).await.status, 404);
    other.person.get(&format!("{}/receipt", photo.path())).await.refused("not-found");
    guest.send_part(&Photo::taken(&guest, b"x"), 0, b"x").await.refused("not-found");
    // A guest asks for photos of nobody and reads none, and staff upload none.
    guest.person.post(&format!("/api/sessions/{session}/photos"), json!({})).await.refused("not-logged-in");
    guest.person.get(&format!("/api/sessions/{session}/snapshots/{}", photo.object)).await.refused("not-logged-in");
    guest.person.send(Method::GET, &photo.path(), None, &good[..1]).await.refused("method-not-allowed");
    sam.send(Method::PATCH, &photo.path(), Some(vec![0; 4]), &untyped).await.refused("not-logged-in");
    assert_eq!(guest.asks_offset(&photo).await.ok().offset(), Some(PART as u64));
    guest.send_part(&photo, PART, &photo.sealed[PART..]).await.ok();
    guest.receipt(&photo).await;
    assert_eq!(state(&sam, &session).await["snapshots"].as_array().unwrap().len(), 1);
    house.server.shutdown().await;
}

/// What arrives changed begins anew; what does not open under the key that came with it is forgotten; neither is stored.
#[tokio::test]
async fn changed_bytes_are_not_kept() {
    let (house, sam) = House::new().await;
    let (session, guest) = ready(&house, &sam).await;
    let photo = Photo::taken(&guest, &jpeg(100_000));
    guest.announce(&photo).await.ok();
    let mut changed = photo.sealed.clone();
    changed[50_000] ^= 1;
    guest.send_part(&photo, 0, &changed).await.refused("wrong-digest");
    assert_eq!(guest.asks_offset(&photo).await.ok().offset(), Some(0));
    guest.send_part(&photo, 0, &photo.sealed).await.ok();

    let broken = Photo { sha256: Sha256::digest(&changed).into(), ..Photo::taken(&guest, b"x") };
    let broken = Photo { sealed: changed, ..broken };
    guest.announce(&broken).await.ok();
    guest.send_part(&broken, 0, &broken.sealed).await.refused("invalid");
    assert_eq!(guest.asks_offset(&broken).await.status, 404);
    assert_eq!(state(&sam, &session).await["snapshots"].as_array().unwrap().len(), 1);
    assert_eq!(entries(&sam, &session, "snapshot.receive").await.len(), 1);
    house.server.shutdown().await;
}

/// The last part sent ten times at once: it is taken once, and there is one entry.
#[tokio::test]
async fn a_photo_is_stored_once() {
    let (house, sam) = House::new().await;
    let (session, guest) = ready(&house, &sam).await;
    let photo = Photo::taken(&guest, &jpeg(100_000));
    guest.announce(&photo).await.ok();
    guest.send_part(&photo, 0, &photo.sealed[..PART]).await.ok();
    let sends = (0..10).map(|_| guest.send_part(&photo, PART, &photo.sealed[PART..]));
    let answers = futures::future::join_all(sends).await;
    let (taken, late): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 204);
    assert_eq!(taken.len(), 1);
    for answer in late {
        assert_eq!(answer.offset(), Some(photo.sealed.len() as u64));
        answer.refused("offset-mismatch");
    }
    guest.receipt(&photo).await;
    assert_eq!(entries(&sam, &session, "snapshot.receive").await.len(), 1);
    house.server.shutdown().await;
}

/// A withdrawal stops announcing, and not what was announced; a guest has at most so many unfinished.
#[tokio::test]
async fn a_withdrawal_stops_announcing() {
    let (house, sam) = House::new().await;
    let (_, guest) = ready(&house, &sam).await;
    let photo = Photo::taken(&guest, &jpeg(100_000));
    guest.announce(&photo).await.ok();
    guest.decide(&house, Purpose::Snapshots, Decision::Revoke).await.ok();
    guest.announce(&Photo::taken(&guest, b"x")).await.refused("no-consent");
    guest.announce(&photo).await.ok();
    guest.send_part(&photo, 0, &photo.sealed).await.ok();
    guest.receipt(&photo).await;

    guest.decide(&house, Purpose::Snapshots, Decision::Grant).await.ok();
    for _ in 0..UPLOADS_PER_GUEST {
        guest.announce(&Photo::taken(&guest, b"x")).await.ok();
    }
    guest.announce(&Photo::taken(&guest, b"x")).await.refused("too-many");
    house.server.shutdown().await;
}

/// What was captured before the end still comes, for seven days and by the same device, also after its login's day is
/// over; nothing else opens to it. Then it is too late, and what lies there unfinished is thrown away at the next start.
#[tokio::test]
async fn what_was_captured_comes_after_the_end() {
    let (house, sam) = House::new().await;
    let (session, guest) = ready(&house, &sam).await;
    let stranger = house.guest(&sam, &session).await;
    let (begun, held, never) = (
        Photo::taken(&guest, &jpeg(100_000)),
        Photo::taken(&guest, &jpeg(80_000)),
        Photo::taken(&guest, &jpeg(90_000)),
    );
    guest.announce(&begun).await.ok();
    guest.send_part(&begun, 0, &begun.sealed[..PART]).await.ok();
    sam.post(&format!("/api/sessions/{session}/end"), json!({})).await.ok();

    house.clock.advance_us((LATE_UPLOAD_SECONDS - 60) * 1_000_000);
    assert_eq!(guest.asks_offset(&begun).await.ok().offset(), Some(PART as u64));
    guest.send_part(&begun, PART, &begun.sealed[PART..]).await.ok();
    guest.receipt(&begun).await;
    guest.upload(&held).await;
    guest.receipt(&held).await;
    guest.announce(&never).await.ok();
    guest.send_part(&never, 0, &never.sealed[..PART]).await.ok();
    stranger.announce(&Photo::taken(&stranger, b"x")).await.refused("no-consent");
    for path in ["/api/guest", "/api/guest/events", "/api/sessions"] {
        guest.person.get(path).await.refused("not-logged-in");
    }
    for path in ["/api/guest/tickets", "/api/guest/leave", "/api/guest/feedback", "/api/guest/consents"] {
        guest.person.post(path, json!({})).await.refused("not-logged-in");
    }

    house.clock.advance_us(61_000_000);
    assert_eq!(guest.asks_offset(&never).await.status, 401);
    let uploads = house.folder.path().join("data/uploads");
    std::fs::write(uploads.join(Photo::taken(&guest, b"x").object.to_string()), b"nobody's").unwrap();
    assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 2);
    let house = house.restart().await;
    assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 0);
    let sam = house.log_in().await;
    // Announced at one moment of a clock that stands: their order says nothing.
    let snapshots = state(&sam, &session).await["snapshots"].take();
    let of = |snapshot: &&Value| snapshot["id"] == json!(never.object);
    let unfinished = snapshots.as_array().unwrap().iter().find(of).unwrap();
    assert_eq!((&unfinished["received"], &unfinished["stored_us"]), (&json!(0), &Value::Null));
    for photo in [&begun, &held] {
        assert_eq!(
            sam.get(&format!("/api/sessions/{session}/snapshots/{}", photo.object)).await.ok().bytes,
            photo.plaintext
        );
    }
    house.server.shutdown().await;
}

/// What no photo can be made of any more does not lie about: files that nobody announced, a part whose row never heard of it
/// before a kill, a whole object that was moved to its place and never stored. What is stored stays, and what can go on.
#[tokio::test]
async fn what_can_never_be_whole_is_thrown_away() {
    let (house, sam) = House::new().await;
    let (session, device) = ready(&house, &sam).await;
    let [stored, first, moved, strange] = [1, 2, 3, 4].map(|more| Photo::taken(&device, &jpeg(10_000 + more)));
    device.upload(&stored).await;
    for photo in [&first, &moved] {
        device.announce(photo).await.ok();
    }
    let place =
        |folder: &str, photo: &Photo| house.folder.path().join("data").join(folder).join(photo.object.to_string());
    let lies = [place("uploads", &first), place("objects", &moved)];
    let left = [place("uploads", &stored), place("objects", &strange), place("uploads", &strange)];
    for path in lies.iter().chain(&left) {
        std::fs::write(path, &moved.sealed).unwrap();
    }
    sam.post(&format!("/api/sessions/{session}/end"), json!({})).await.ok();
    let sweep = || handlens_server::upload::sweep(house.server.app());
    sweep().await.unwrap();
    assert!(lies.iter().all(|path| path.exists()), "the control: they may still come");
    assert!(left.iter().all(|path| !path.exists()));
    house.clock.advance_us((LATE_UPLOAD_SECONDS + 60) * 1_000_000);
    sweep().await.unwrap();
    assert!(lies.iter().all(|path| !path.exists()));
    assert!(place("objects", &stored).exists());
    house.server.shutdown().await;
}

/// Whoever waits takes a small part of the session's room for photos, sent or not; once let in, the rest is theirs too.
#[tokio::test]
async fn a_stranger_does_not_fill_the_session() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let device = house.guest(&sam, &session).await;
    device.decide(&house, Purpose::Snapshots, Decision::Grant).await.ok();
    for _ in 0..UPLOADS_PER_GUEST {
        device.upload(&Photo::taken(&device, &jpeg(10))).await;
    }
    let more = Photo::taken(&device, &jpeg(10));
    device.announce(&more).await.refused("too-many");
    sam.post(&format!("/api/sessions/{session}/participants/{}/admit", device.participant()), json!({})).await.ok();
    device.announce(&more).await.ok();
    house.server.shutdown().await;
}

/// Whoever left sends what they captured before; whoever was turned away sends nothing more.
#[tokio::test]
async fn leaving_is_no_withdrawal() {
    let (house, sam) = House::new().await;
    let (session, guest) = ready(&house, &sam).await;
    guest.person.post("/api/guest/leave", json!({})).await.ok();
    let photo = Photo::taken(&guest, &jpeg(1_000));
    guest.upload(&photo).await;
    guest.receipt(&photo).await;

    let declined = house.guest(&sam, &session).await;
    declined.decide(&house, Purpose::Snapshots, Decision::Grant).await.ok();
    sam.post(&format!("/api/sessions/{session}/participants/{}/decline", declined.participant()), json!({})).await.ok();
    declined.announce(&Photo::taken(&declined, b"x")).await.refused("not-admitted");
    declined.person.post("/api/guest/leave", json!({})).await.ok();
    declined.announce(&Photo::taken(&declined, b"x")).await.refused("not-admitted");
    house.server.shutdown().await;
}

fn header(number: usize) -> reqwest::header::HeaderValue {
    reqwest::header::HeaderValue::from(number)
}
