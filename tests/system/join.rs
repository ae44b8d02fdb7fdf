//! A phone without a screen against a real server process: its picture arrives, marks stay on their thing, and nothing
//! that happens on the way ends the visit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::net::UdpSocket;
use std::path::Path;

use handlens_client::{Client, Config, Event, Life, capture_us};
use handlens_media::frame::{Frame, Layout, Size};
use handlens_protocol::MarkId;
use handlens_protocol::consent::Purpose;
use handlens_protocol::mark;
use handlens_tests::{Phone, Process, Room, Video, arrow, record};
use openh264::formats::YUVSource as _;
use serde_json::{Value, json};

/// The session's line from the link to its end: the phone waits, is let in, its pictures arrive whole, in order, at the size
/// they were taken, and decode; a mark drawn on one of them stays on its thing to less than two pixels; every picture is
/// accounted for; and when the session ends, so does the phone, without an error.
#[tokio::test]
async fn a_picture_and_its_marks_arrive() {
    let room = Room::open().await;
    let recorded = room.folder.path().join("recorded");
    let (mut phone, participant, live) = room.phone(&["--record", recorded.to_str().unwrap()]).await;
    assert_eq!(live["via"], "quic");

    let viewer = room.viewer(None).await;
    let mut video = viewer.video(&participant).await;
    let drawn_us = pictures(&mut video, 20).await;

    let (id, at) = (MarkId::from_bytes([7; 16]), mark::Point { x: 0.52, y: 0.47 });
    let mark = json!({
        "id": id,
        "camera": participant,
        "capture_us": drawn_us,
        "geometry": {"kind": "point", "at": at},
        "style": {"colour": "cyan", "width": 0.006},
    });
    room.sam.post(&format!("{}/marks", room.path), mark).await.ok();
    while phone.until("marks").await["marks"] != json!([id]) {}
    let mut records = viewer.track(&format!("{participant}/data"), mark::TRACK).await;
    let mut places = Vec::new();
    for _ in 0..300 {
        let frame: mark::Frame = serde_json::from_value(record(&mut records).await).unwrap();
        assert_eq!((frame.marks.len(), frame.marks[0].id), (1, id));
        if frame.marks[0].state == mark::State::Tracked {
            places.push((frame.capture_us, frame.marks[0].apply(at).unwrap()));
        }
        if places.len() >= 30 {
            break;
        }
    }
    assert_eq!(places.len(), 30, "the mark is tracked on too few of 300 frames");

    room.end().await;
    let (code, frames) = phone.end().await;
    assert_eq!(code, Some(0));
    let count = |name: &str| frames[name].as_u64().unwrap();
    let dropped: u64 = frames["dropped"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(count("submitted"), count("sent") + dropped + count("waiting"), "{frames}");
    assert!(count("sent") > 40, "{frames}");

    let truth = truths(&recorded);
    let of = |capture_us: u64| truth.iter().find(|(at_us, _)| *at_us == capture_us).expect("a frame that was taken").1;
    let on_table = apply(&inverse(&of(drawn_us)), [f64::from(at.x), f64::from(at.y)]);
    let off = |(capture_us, place): &(u64, mark::Point)| {
        let [x, y] = apply(&of(*capture_us), on_table);
        ((f64::from(place.x) - x) * 640.0).hypot((f64::from(place.y) - y) * 360.0)
    };
    let worst = places.iter().map(off).fold(0.0, f64::max);
    assert!(worst < 2.0, "{worst} px");
    // The control: the thing itself did move, so that a mark that stood still would have been noticed.
    let still = places.iter().map(|(capture_us, _)| off(&(*capture_us, at))).fold(0.0, f64::max);
    assert!(still > 4.0, "the scene moved by {still} px only");
    let shots = std::fs::read_dir(&recorded)
        .unwrap()
        .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "jpg"));
    assert!(shots.count() >= 3);
    println!("marks within {worst:.2} px of the truth, which moved by {still:.1} px; {frames}");
}

/// A mark on a frame that nobody remembers is said to be lost, with a ghost where it was drawn; it is never put anywhere.
#[tokio::test]
async fn a_mark_on_a_forgotten_frame_is_lost() {
    let room = Room::open().await;
    let (phone, participant, _) = room.phone(&[]).await;
    let viewer = room.viewer(None).await;
    let mut video = viewer.video(&participant).await;
    let drawn_us = pictures(&mut video, 20).await;
    let (forgotten, remembered) = (MarkId::from_bytes([1; 16]), MarkId::from_bytes([2; 16]));
    // Eleven seconds: pictures are remembered for ten.
    for (id, capture_us) in [(forgotten, drawn_us.saturating_sub(11_000_000)), (remembered, drawn_us)] {
        let mut mark = arrow(&participant);
        (mark["id"], mark["capture_us"]) = (json!(id), json!(capture_us));
        room.sam.post(&format!("{}/marks", room.path), mark).await.ok();
    }
    let mut records = viewer.track(&format!("{participant}/data"), mark::TRACK).await;
    let frame = loop {
        let frame: mark::Frame = serde_json::from_value(record(&mut records).await).unwrap();
        // The control: the other one is followed.
        let followed = frame.marks.iter().any(|mark| (mark.id, mark.state) == (remembered, mark::State::Tracked));
        if frame.marks.len() == 2 && followed {
            break frame;
        }
    };
    let lost = frame.marks.iter().find(|mark| mark.id == forgotten).unwrap();
    assert_eq!(lost.state, mark::State::Lost { reason: mark::LostReason::Stale });
    let ghost = lost.ghost.as_ref().unwrap().at;
    assert!((ghost.x - 0.4375).abs() < 1e-6 && (ghost.y - 0.4375).abs() < 1e-6, "{ghost:?}");
    assert_eq!(phone.stop().await.0, Some(0));
}

/// Where UDP is swallowed the picture comes over the HTTPS port, and the visit is the same.
#[tokio::test]
async fn a_phone_gets_through_without_udp() {
    // Clients are told a port that takes packets and never answers.
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let announced = mute.local_addr().unwrap().port().to_string();
    let room = Room::open_with(&["--listen", "127.0.0.1:0", "--udp-announce", &announced]).await;
    let (phone, participant, live) = room.phone(&[]).await;
    assert_eq!(live["via"], "websocket");
    let viewer = room.viewer(Some(room.server.port())).await;
    let mut video = viewer.video(&participant).await;
    pictures(&mut video, 10).await;
    let (code, frames) = phone.stop().await;
    assert_eq!((code, frames["sent"].as_u64() >= Some(10)), (Some(0), true));
}

/// A camera that its owner takes back is dark at once, whatever is still pushed in; and may be given again.
#[tokio::test]
async fn a_withdrawn_camera_stops() {
    let room = Room::open().await;
    let visit = Client::new(Config::new(room.link().await.parse().unwrap())).unwrap().visit().unwrap();
    visit.camera_opened(true);
    visit.allow(Purpose::Camera);
    visit.join(false);
    let participant = loop {
        if let Event::Joined { view, .. } = visit.next_event().await.unwrap() {
            break view.participant.to_string();
        }
    };
    room.admit(&participant).await;
    until_live(&visit).await;

    let (camera, stop) = (visit.camera(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let stopped = std::sync::Arc::clone(&stop);
    let pushing = std::thread::spawn(move || {
        let (_never, tick) = std::sync::mpsc::channel::<()>();
        let size = Size::new(320, 180);
        for shade in (0..=255).cycle() {
            if stopped.load(std::sync::atomic::Ordering::Relaxed) {
                return;
            }
            camera.frame(&[shade; 320 * 180 * 3 / 2], &Frame::new(capture_us(), size, Layout::i420(size)));
            let _ = tick.recv_timeout(std::time::Duration::from_millis(33));
        }
    });
    let viewer = room.viewer(None).await;
    let mut video = viewer.video(&participant).await;
    assert!(video.next().await.is_some());

    visit.withdraw(Purpose::Camera);
    while video.next().await.is_some() {}
    let before = visit.account();
    until(&room, |me| me["grants"] == json!([]), &participant).await;
    let after = visit.account();
    assert_eq!(after.sent, before.sent, "pictures left the phone after its owner took the camera back");

    visit.camera_opened(true);
    visit.allow(Purpose::Camera);
    let mut video = viewer.video(&participant).await;
    assert!(video.next().await.is_some(), "the control: what was given again is seen again");
    assert!(visit.account().sent > after.sent);
    visit.leave();
    let mut last = None;
    while let Some(event) = visit.next_event().await {
        last = Some(event);
    }
    assert!(matches!(last, Some(Event::Moved(Life::Over(handlens_client::Over::Left)))), "{last:?}");
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    pushing.join().unwrap();
}

/// The server is killed in the midst of a call and started again on the same ports: the phone comes back by itself, as the
/// same person, and its picture goes on.
#[tokio::test]
async fn a_phone_survives_its_server() {
    let mut room = Room::open().await;
    let listen = format!("127.0.0.1:{}", room.server.port());
    let (mut phone, participant, _) = room.phone(&[]).await;
    let viewer = room.viewer(None).await;
    let mut video = viewer.video(&participant).await;
    let last_us = pictures(&mut video, 5).await;

    room.server.kill().await;
    phone.until("lost").await;
    room.server = Process::start_with(room.folder.path(), &["--listen", &listen]).await;
    phone.until("live").await;
    let viewer = room.viewer(None).await;
    let mut video = viewer.video(&participant).await;
    assert!(video.next().await.unwrap().capture_us > last_us);
    room.end().await;
    assert_eq!(phone.end().await.0, Some(0));
}

/// A phone that is killed at any moment and started again is the same person as long as its key was kept: nobody has to let
/// it in twice.
#[tokio::test]
async fn a_killed_phone_resumes_its_place() {
    let room = Room::open().await;
    let state = room.state();
    let flags = ["--state", state.to_str().unwrap()];
    let link = room.link().await;
    for moment in ["invited", "joined", "waiting"] {
        let mut phone = Phone::start(&link, &flags);
        phone.until(moment).await;
        phone.kill().await;
    }
    let mut phone = Phone::start(&link, &flags);
    let participant = phone.until("joined").await["participant"].as_str().unwrap().to_owned();
    phone.until("waiting").await;
    room.admit(&participant).await;
    for moment in ["admitted", "live"] {
        phone.until(moment).await;
        phone.kill().await;
        phone = Phone::start(&link, &flags);
        assert_eq!(phone.until("joined").await["participant"], participant);
    }
    phone.until("live").await;
    let viewer = room.viewer(None).await;
    let mut video = viewer.video(&participant).await;
    pictures(&mut video, 3).await;
    let view = room.sam.get(&room.path).await.ok().body;
    assert_eq!(view["state"]["participants"].as_array().unwrap().len(), 2, "{view}");

    // The control: another folder is another phone, and the link is taken.
    let mut stranger = Phone::start(&link, &[]);
    assert_eq!(stranger.until("over").await["how"], "used");
    assert_eq!(phone.stop().await.0, Some(0));
    assert!(!state.join("device.key").exists(), "who left keeps no key");
}

/// Takes so many pictures, each whole, later than the one before, and one that decodes. Gives the last one's capture time.
async fn pictures(video: &mut Video, count: usize) -> u64 {
    let mut decoder = openh264::decoder::Decoder::new().unwrap();
    let (mut last_us, mut decoded) = (0, 0);
    for number in 0..count {
        let picture = video.next().await.expect("the picture goes on");
        assert!(number > 0 || picture.first, "a viewer begins with a whole picture");
        assert!(picture.capture_us > last_us);
        last_us = picture.capture_us;
        if let Some(yuv) = decoder.decode(&picture.unit).unwrap() {
            assert!(yuv.dimensions().0 >= 640, "{:?}", yuv.dimensions());
            decoded += 1;
        }
    }
    assert!(decoded + 1 >= count, "{decoded} of {count} decoded");
    last_us
}

async fn until_live(visit: &handlens_client::Visit) {
    while !matches!(visit.next_event().await.unwrap(), Event::Connected(_)) {}
}

/// Waits until the server says so of a participant.
async fn until(room: &Room, fits: impl Fn(&Value) -> bool, participant: &str) {
    let mut events = room.sam.events(&format!("{}/events", room.path)).await;
    let of = |event: &Value| {
        let everybody = event["state"]["participants"].as_array().unwrap();
        everybody.iter().find(|one| one["id"] == participant).cloned().unwrap_or_default()
    };
    events.until(|event| fits(&of(event))).await;
}

fn truths(recorded: &Path) -> Vec<(u64, [f64; 9])> {
    let text = std::fs::read_to_string(recorded.join("truth.ndjson")).unwrap();
    let line = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        (value["capture_us"].as_u64().unwrap(), serde_json::from_value(value["truth"].clone()).unwrap())
    };
    text.lines().map(line).collect()
}

/// Where a homography, row by row, takes a point.
fn apply(map: &[f64; 9], [x, y]: [f64; 2]) -> [f64; 2] {
    let [a, b, c, d, e, f, g, h, i] = *map;
    let w = g * x + h * y + i;
    [(a * x + b * y + c) / w, (d * x + e * y + f) / w]
}

/// The way back, up to its scale: the adjugate.
const fn inverse(map: &[f64; 9]) -> [f64; 9] {
    let [a, b, c, d, e, f, g, h, i] = *map;
    [
        e * i - f * h,
        c * h - b * i,
        b * f - c * e,
        f * g - d * i,
        a * i - c * g,
        c * d - a * f,
        d * h - e * g,
        b * g - a * h,
        a * e - b * d,
    ]
}
