//! The relay against real QUIC on loopback and real MoQ clients: who gets in, what he can do there, and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

mod bench;

use std::sync::Arc;
use std::time::Duration;

use bench::{Bench, Pins, connect, dial, read, within, write};
use bytes::Bytes;
use handlens_protocol::broadcast::{self, Purpose};
use handlens_protocol::{LoginId, MarkId, OrganisationId, ParticipantId, SessionId, mark};
use handlens_server::relay::{
    Carrier, CloseCode, Config, EndReason, Error, LeaseEvent, Marks, Scope, Selector, Subscribe,
};
use moq_net::origin;
use tokio::time::timeout;

const DAY_US: u64 = 24 * 60 * 60 * 1_000_000;

const ORGANISATION: OrganisationId = OrganisationId::from_bytes([1; 16]);
const SESSION: SessionId = SessionId::from_bytes([2; 16]);
const GUEST: ParticipantId = ParticipantId::from_bytes([3; 16]);
const STAFF: ParticipantId = ParticipantId::from_bytes([4; 16]);
const STRANGER: ParticipantId = ParticipantId::from_bytes([5; 16]);

/// Whether `path` is announced, as of the next news about it.
async fn next_about(announced: &mut moq_net::announce::Consumer, path: &str) -> bool {
    loop {
        let update = announced.next().await.unwrap();
        if update.prefix.as_str() == path {
            return update.kind.is_active();
        }
    }
}

fn guest(publish: &[Purpose]) -> Scope {
    Scope {
        organisation: ORGANISATION,
        session: SESSION,
        participant: GUEST,
        user: None,
        login: LoginId::from_bytes(*GUEST.as_bytes()),
        publish: publish.to_vec(),
        subscribe: Subscribe::Named(vec![(STAFF, Purpose::Data)]),
    }
}

fn staff() -> Scope {
    Scope {
        participant: STAFF,
        login: LoginId::from_bytes(*STAFF.as_bytes()),
        publish: vec![Purpose::Data],
        subscribe: Subscribe::Session,
        ..guest(&[])
    }
}

fn path(participant: ParticipantId, purpose: Purpose) -> String {
    broadcast::path(ORGANISATION, SESSION, participant, purpose)
}

/// A patient's picture reaches the technician, whether he dialled with raw QUIC (both MoQ versions) or WebTransport.
#[tokio::test]
async fn a_picture_goes_through() {
    let mut bench = Bench::start().await;
    let watcher = bench.join(staff()).await;
    let camera = path(GUEST, Purpose::Camera);
    for carrier in ["moq-lite-05", "moq-lite-06", "h3"] {
        let ticket = bench.ticket(guest(&[Purpose::Camera]));
        let patient = if carrier == "h3" { bench.web(&ticket).await } else { bench.raw(&ticket, carrier).await };
        let (_broadcast, track) = patient.announce(&camera, "video");
        write(&track, "a frame");
        let mut video = watcher.watch(&camera, "video").await;
        assert_eq!(read(&mut video).await.unwrap().unwrap(), "a frame", "{carrier}");
        assert_eq!(bench.relay.end_leases(Selector::Participant(SESSION, GUEST)), 1);
        while read(&mut video).await.is_ok_and(|frame| frame.is_some()) {}
    }
    assert!(matches!(bench.event().await, LeaseEvent::Started(info) if info.carrier == Carrier::Quic));
    assert_eq!(bench.relay.counters().leases_started, 4);
}

/// A ticket that was used, is too old, or was never issued here gets nobody in; each says why, and each is counted.
#[tokio::test]
async fn a_bad_ticket_gets_nobody_in() {
    let bench = Bench::start().await;
    let used = bench.ticket(staff());
    let _first = bench.raw(&used, "moq-lite-05").await;
    within(async {
        while bench.relay.leases().is_empty() {
            tokio::task::yield_now().await
        }
    })
    .await;
    let late = bench.ticket(staff());
    bench.clock.advance_us(10_000_001);
    let foreign = Bench::start().await.ticket(staff());
    let cases = [
        (used.as_str(), CloseCode::TicketReplayed),
        (late.as_str(), CloseCode::TicketExpired),
        (foreign.as_str(), CloseCode::TicketUnknown),
        ("", CloseCode::TicketUnknown),
    ];
    for (ticket, code) in cases {
        assert_eq!(bench.raw(ticket, "moq-lite-05").await.close_code().await, Ok(code.wire()));
        assert_eq!(bench.web_close_code(ticket).await, Ok(code.wire()));
    }
    let counters = bench.relay.counters();
    assert_eq!((counters.tickets_replayed, counters.tickets_expired, counters.tickets_unknown), (2, 2, 4));
    assert_eq!(bench.relay.leases().len(), 1);
}

/// A ticket nobody used yet ends with the consent, login or session it was issued for.
#[tokio::test]
async fn a_revoked_ticket_gets_nobody_in() {
    let bench = Bench::start().await;
    let ticket = bench.ticket(guest(&[Purpose::Camera]));
    bench.relay.end_leases(Selector::Purpose(SESSION, GUEST, Purpose::Camera));
    assert_eq!(bench.raw(&ticket, "moq-lite-05").await.close_code().await, Ok(CloseCode::TicketUnknown.wire()));
}

/// A guest who may only send data and sound can announce neither his camera nor anything under another name, and no
/// prefix over the whole session gives it to him. (Controls: what he may announce does arrive, and by that prefix he is
/// asked for what he may.)
#[tokio::test]
async fn nobody_announces_outside_its_scope() {
    let bench = Bench::start().await;
    let patient = bench.join(guest(&[Purpose::Data, Purpose::Microphone])).await;
    let forbidden =
        [path(GUEST, Purpose::Camera), path(STRANGER, Purpose::Camera), broadcast::state(ORGANISATION, SESSION)];
    let _kept: Vec<_> = forbidden.iter().map(|name| patient.announce(name, "video")).collect();
    let everything = patient.publish.dynamic(broadcast::session(ORGANISATION, SESSION), origin::Route::default());
    let everything = everything.unwrap();
    let (data, sound) = (path(GUEST, Purpose::Data), path(GUEST, Purpose::Microphone));
    let (_own, track) = patient.announce(&data, "presence");
    write(&track, "here");

    let watcher = bench.raw(&bench.ticket(staff()), "moq-lite-05").await;
    let mut own = watcher.watch(&data, "presence").await;
    assert_eq!(read(&mut own).await.unwrap().unwrap(), "here");
    assert!(matches!(watcher.ask(&data, "presence").await, Ok(Some(_))));
    for name in &forbidden {
        assert!(watcher.ask(name, "video").await.is_err(), "{name}");
    }
    // The first that he is asked for is what he may send: nothing of the above came to him.
    let asked = async { within(everything.requested_broadcast()).await.unwrap().path().to_string() };
    let (asked, _) = tokio::join!(asked, watcher.ask(&sound, "audio"));
    assert_eq!(asked, sound);
}

/// A guest cannot read what was not named for him, not even by asking for it by hand. (Controls: what was named, and
/// the same question from staff.)
#[tokio::test]
async fn nobody_subscribes_outside_its_scope() {
    let bench = Bench::start().await;
    bench.relay.publish_state(ORGANISATION, SESSION, Bytes::from_static(b"{}")).unwrap();
    let other = bench.join(Scope { participant: STRANGER, ..guest(&[Purpose::Camera]) }).await;
    let camera = path(STRANGER, Purpose::Camera);
    let _camera = other.announce(&camera, "video");
    let watcher = bench.raw(&bench.ticket(staff()), "moq-lite-05").await;
    let _seen = watcher.watch(&camera, "video").await;
    assert!(matches!(watcher.ask(&camera, "video").await, Ok(Some(_))));

    let patient = bench.raw(&bench.ticket(guest(&[])), "moq-lite-05").await;
    assert!(matches!(patient.ask(&broadcast::state(ORGANISATION, SESSION), "state").await, Ok(Some(_))));
    assert!(patient.ask(&camera, "video").await.is_err());
    let elsewhere = broadcast::state(ORGANISATION, SessionId::from_bytes([9; 16]));
    bench.relay.publish_state(ORGANISATION, SessionId::from_bytes([9; 16]), Bytes::from_static(b"{}")).unwrap();
    assert!(patient.ask(&elsewhere, "state").await.is_err());
    assert!(watcher.ask(&elsewhere, "state").await.is_err());
}

/// A revoked consent stops the picture within a second: the track ends, the name is gone, the phone is told why.
/// (Control: ending somebody else's lease stops nothing.)
#[tokio::test]
async fn an_ended_lease_ends_the_picture() {
    let mut bench = Bench::start().await;
    let camera = path(GUEST, Purpose::Camera);
    let patient = bench.join(guest(&[Purpose::Camera])).await;
    let (_broadcast, track) = patient.announce(&camera, "video");
    let watcher = bench.join(staff()).await;
    let mut announced = watcher.see.announced();
    assert!(within(next_about(&mut announced, &camera)).await);
    let mut video = watcher.watch(&camera, "video").await;
    write(&track, "before");
    assert_eq!(read(&mut video).await.unwrap().unwrap(), "before");

    assert_eq!(bench.relay.end_leases(Selector::Participant(SESSION, STRANGER)), 0);
    assert_eq!(bench.relay.end_leases(Selector::Purpose(SESSION, GUEST, Purpose::Microphone)), 0);
    write(&track, "control");
    assert_eq!(read(&mut video).await.unwrap().unwrap(), "control");

    assert_eq!(bench.relay.end_leases(Selector::Purpose(SESSION, GUEST, Purpose::Camera)), 1);
    let over = async {
        while read(&mut video).await.is_ok_and(|frame| frame.is_some()) {}
        while next_about(&mut announced, &camera).await {}
    };
    timeout(Duration::from_secs(1), over).await.expect("within one second");
    assert_eq!(patient.close_code().await, Ok(CloseCode::LeaseEnded.wire()));
    let ended = loop {
        if let LeaseEvent::Ended(info, reason) = bench.event().await {
            break (info.scope.participant, reason);
        }
    };
    assert_eq!(ended, (GUEST, EndReason::Revoked));
    assert_eq!(bench.relay.leases().len(), 1);
}

/// Who comes late sees the newest state, whole, also when nothing has changed for a while; and each change after that.
#[tokio::test]
async fn a_late_joiner_gets_the_newest_state() {
    let bench = Bench::start().await;
    let state = |text: &'static str| {
        bench.relay.publish_state(ORGANISATION, SESSION, Bytes::from_static(text.as_bytes())).unwrap();
    };
    state("one");
    state("two");
    let patient = bench.join(guest(&[])).await;
    let mut track = patient.watch(&broadcast::state(ORGANISATION, SESSION), "state").await;
    assert_eq!(read(&mut track).await.unwrap().unwrap(), "two");
    state("three");
    assert_eq!(read(&mut track).await.unwrap().unwrap(), "three");

    let huge = Bytes::from(vec![0; 256 * 1024 + 1]);
    let refused = bench.relay.publish_state(ORGANISATION, SESSION, huge);
    assert!(matches!(refused, Err(Error::SnapshotTooLarge { .. })));
}

/// Who comes late gets every mark there is, on a track beside the state with a limit of its own, also a guest; and each
/// change after that, until the session is closed. (Controls: staff reads what a guest does not; before there was any, nobody was shown one.)
#[tokio::test]
async fn a_late_joiner_gets_the_newest_marks() {
    let bench = Bench::start().await;
    assert_eq!(bench.relay.marks_revision(ORGANISATION, SESSION), None);
    let marks = |revision, json: Vec<u8>| {
        let cameras = vec![(GUEST, Bytes::from_static(b"the guest's")), (STRANGER, Bytes::from_static(b"another's"))];
        let json = json.into();
        bench.relay.publish_marks(&Marks { organisation: ORGANISATION, session: SESSION, revision, json, cameras })
    };
    let set = |revision, marks| serde_json::to_vec(&mark::MarkSet { v: 1, revision, marks }).unwrap();
    let pin = mark::Mark {
        v: 1,
        id: MarkId::from_bytes([7; 16]),
        author: STAFF,
        camera: GUEST,
        capture_us: 12_000_000,
        geometry: mark::Geometry::Point { at: mark::Point { x: 0.5, y: 0.25 } },
        style: mark::Style { colour: mark::Colour::Cyan, width: 0.005 },
        patch: None,
    };
    marks(3, set(3, vec![])).unwrap();
    marks(4, set(4, vec![pin.clone()])).unwrap();
    let mut readers = Vec::new();
    for scope in [staff(), guest(&[])] {
        let peer = bench.join(scope).await;
        let mut track = peer.watch(&broadcast::state(ORGANISATION, SESSION), mark::TRACK).await;
        let shown: mark::MarkSet = serde_json::from_slice(&read(&mut track).await.unwrap().unwrap()).unwrap();
        assert_eq!((shown.revision, shown.marks), (4, vec![pin.clone()]));
        readers.push((peer, track));
    }
    assert_eq!(bench.relay.marks_revision(ORGANISATION, SESSION), Some(4));
    // With what their authors saw of a patient, a guest reads those on its own camera and no other's.
    let own = |camera| broadcast::marks(ORGANISATION, SESSION, camera);
    for ((peer, _), others) in readers.iter().zip([true, false]) {
        assert_eq!(read(&mut peer.watch(&own(GUEST), mark::TRACK).await).await.unwrap().unwrap(), "the guest's");
        assert_eq!(peer.see.request_broadcast(own(STRANGER)).await.is_ok(), others);
    }

    let whole = vec![b' '; mark::SET_BYTES];
    marks(5, whole.clone()).unwrap();
    let refused = marks(6, [whole, vec![b' ']].concat());
    assert!(matches!(refused, Err(Error::SnapshotTooLarge { bytes, limit }) if bytes == limit + 1));
    for (_, track) in &mut readers {
        assert_eq!(read(track).await.unwrap().unwrap().len(), mark::SET_BYTES);
    }
    bench.relay.close_session(ORGANISATION, SESSION);
    for (peer, track) in &mut readers {
        while read(track).await.is_ok_and(|frame| frame.is_some()) {}
        assert_eq!(peer.close_code().await, Ok(CloseCode::SessionClosed.wire()));
    }
    assert_eq!(bench.relay.marks_revision(ORGANISATION, SESSION), None);
}

/// Closing a session ends everybody in it and its state, and nobody elsewhere.
#[tokio::test]
async fn a_closed_session_is_over_for_all() {
    let bench = Bench::start().await;
    let other = SessionId::from_bytes([9; 16]);
    bench.relay.publish_state(ORGANISATION, SESSION, Bytes::from_static(b"{}")).unwrap();
    let (one, two) = (bench.join(staff()).await, bench.join(guest(&[])).await);
    let elsewhere = bench.join(Scope { session: other, ..staff() }).await;
    within(async {
        while bench.relay.leases().len() < 3 {
            tokio::task::yield_now().await
        }
    })
    .await;
    assert_eq!(bench.relay.close_session(ORGANISATION, SESSION), 2);
    assert_eq!(one.close_code().await, Ok(CloseCode::SessionClosed.wire()));
    assert_eq!(two.close_code().await, Ok(CloseCode::SessionClosed.wire()));
    bench.relay.publish_state(ORGANISATION, other, Bytes::from_static(b"on")).unwrap();
    let mut track = elsewhere.watch(&broadcast::state(ORGANISATION, other), "state").await;
    assert_eq!(read(&mut track).await.unwrap().unwrap(), "on");
}

/// A new certificate is the one that was promised; who connected under the old one goes on.
#[tokio::test]
async fn a_rotation_drops_nobody() {
    let bench = Bench::start().await;
    let camera = path(GUEST, Purpose::Camera);
    let patient = bench.join(guest(&[Purpose::Camera])).await;
    let (_broadcast, track) = patient.announce(&camera, "video");
    let before = bench.relay.offer().unwrap();
    let old = Pins::new(&before.certificate_sha256);
    dial(before.port, "h3", Arc::clone(&old)).await.unwrap();
    assert_eq!(*old.seen.lock().unwrap(), Some(before.certificate_sha256[0]));

    bench.clock.advance_us(7 * DAY_US);
    let after = bench.relay.offer().unwrap();
    assert_eq!(after.certificate_sha256[0], before.certificate_sha256[1]);
    assert_ne!(after.certificate_sha256[1], before.certificate_sha256[1]);
    let new = Pins::new(&before.certificate_sha256);
    dial(before.port, "h3", Arc::clone(&new)).await.unwrap();
    assert_eq!(*new.seen.lock().unwrap(), Some(after.certificate_sha256[0]));
    assert!(dial(before.port, "h3", Pins::new(&[before.certificate_sha256[0]])).await.is_err());

    let watcher = bench.join(staff()).await;
    let mut video = watcher.watch(&camera, "video").await;
    write(&track, "still here");
    assert_eq!(read(&mut video).await.unwrap().unwrap(), "still here");
    assert_eq!(bench.relay.counters().rotations, 1);
}

/// Both loopback families answer on one port; a protocol that is not ours is refused by TLS.
#[tokio::test]
async fn the_port_speaks_our_protocols_only() {
    let bench = Bench::start().await;
    assert!(bench.dial("moq-lite-06").await.is_ok());
    for alpn in ["moq-lite-04", "h2", "handlens-upload-1"] {
        assert!(bench.dial(alpn).await.is_err(), "{alpn}");
    }
    let offer = bench.relay.offer().unwrap();
    let pins = Pins::new(&offer.certificate_sha256);
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        let connected = within(connect("[::]:0", &format!("[::1]:{}", offer.port), "h3", pins)).await;
        assert!(connected.is_ok());
    }
}

/// A client that knocks and then says nothing is gone after its time, and holds no place.
#[tokio::test]
async fn a_silent_client_is_shown_out() {
    let mut config = Config::localhost(0);
    config.limits.handshake = Duration::from_millis(200);
    let bench = Bench::with(config).await;
    let silent = bench.dial("moq-lite-05").await.unwrap();
    within(silent.closed()).await;
    within(async {
        while bench.relay.counters().handshakes_failed == 0 {
            tokio::task::yield_now().await
        }
    })
    .await;
    assert!(bench.relay.leases().is_empty());
}

/// When the server stops, everybody is told, the log has every end, and the port is free again.
#[tokio::test]
async fn a_shutdown_tells_everybody() {
    let mut bench = Bench::start().await;
    let port = bench.relay.offer().unwrap().port;
    let patient = bench.join(guest(&[])).await;
    assert!(matches!(bench.event().await, LeaseEvent::Started(_)));
    within(bench.relay.clone().shutdown()).await;
    assert_eq!(patient.close_code().await, Ok(CloseCode::Shutdown.wire()));
    assert!(matches!(bench.event().await, LeaseEvent::Ended(_, EndReason::Shutdown)));
    drop(bench);
    let free = async {
        while std::net::UdpSocket::bind(("127.0.0.1", port)).is_err() {
            tokio::task::yield_now().await;
        }
    };
    within(free).await;
}

/// A camera that floods the relay, in many groups and in one that never ends, fills no more than its share of the memory,
/// and everybody else's picture goes on. (Control: what it sent was far more than that.)
#[tokio::test]
async fn a_flood_is_bounded() {
    const CACHE: u64 = 1024 * 1024;
    const FRAME: usize = 256 * 1024;
    const FRAMES: usize = 64;
    let mut config = Config::localhost(0);
    config.limits.cache_bytes = CACHE;
    let bench = Bench::with(config).await;
    let camera = path(GUEST, Purpose::Camera);
    let flooder = bench.join(guest(&[Purpose::Camera])).await;
    let (_broadcast, track) = flooder.announce(&camera, "video");
    let watcher = bench.join(staff()).await;
    let mut video = watcher.watch(&camera, "video").await;
    let other = Scope { session: SessionId::from_bytes([9; 16]), ..guest(&[Purpose::Camera]) };
    let elsewhere = broadcast::path(ORGANISATION, other.session, GUEST, Purpose::Camera);
    let quiet = bench.join(other.clone()).await;
    let (_quiet, calm) = quiet.announce(&elsewhere, "video");
    let beside = bench.join(Scope { session: other.session, ..staff() }).await;
    let mut still_there = beside.watch(&elsewhere, "video").await;

    let frame = Bytes::from(vec![7; FRAME]);
    let mut most = 0;
    for _ in 0..FRAMES {
        let mut group = track.append_group().unwrap();
        group.write_frame(moq_net::Timestamp::now(), frame.clone()).unwrap();
        group.finish().unwrap();
        let received = read(&mut video).await.unwrap().unwrap();
        assert_eq!(received.len(), FRAME);
        most = most.max(bench.relay.counters().cached_bytes);
    }
    assert!(most < 8 * CACHE, "{most} bytes of old groups are held");
    let mut endless = track.append_group().unwrap();
    for _ in 0..FRAMES {
        endless.write_frame(moq_net::Timestamp::now(), frame.clone()).unwrap();
    }
    let mut group = within(video.recv_group()).await.unwrap().unwrap();
    for _ in 0..FRAMES {
        assert!(within(group.read_frame()).await.unwrap().is_some());
        most = most.max(bench.relay.counters().cached_bytes);
    }
    // moq-net lets one group be 32 MiB.
    assert!(most < 40 * CACHE, "{most} bytes are held");
    write(&calm, "still here");
    assert_eq!(read(&mut still_there).await.unwrap().unwrap(), "still here");
    assert!(most >= FRAME as u64, "the control: something was held");
}
