//! The relay against real QUIC on loopback and real MoQ clients: who gets in, what he can do there, and how it ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use handlens_protocol::broadcast::{self, Purpose};
use handlens_protocol::{LoginId, OrganisationId, ParticipantId, SessionId};
use handlens_server::clock::Clock;
use handlens_server::relay::{
    Carrier, CloseCode, Config, EndReason, Error, LeaseEvent, Relay, Scope, Selector, Subscribe, TICKET_PROTOCOL,
};
use moq_net::{Client, SessionError, Timestamp, origin, track};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// What takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(5);
const NOW_US: u64 = 1_800_000_000_000_000;
const DAY_US: u64 = 24 * 60 * 60 * 1_000_000;

const ORGANISATION: OrganisationId = OrganisationId::from_bytes([1; 16]);
const SESSION: SessionId = SessionId::from_bytes([2; 16]);
const GUEST: ParticipantId = ParticipantId::from_bytes([3; 16]);
const STAFF: ParticipantId = ParticipantId::from_bytes([4; 16]);
const STRANGER: ParticipantId = ParticipantId::from_bytes([5; 16]);

struct Bench {
    relay: Relay,
    events: mpsc::UnboundedReceiver<LeaseEvent>,
    clock: Clock,
}

impl Bench {
    async fn start() -> Self {
        Self::with(Config::localhost(0)).await
    }

    async fn with(config: Config) -> Self {
        let clock = Clock::fixed(NOW_US);
        let (relay, events) = Relay::start(config, clock.clone()).await.unwrap();
        Self { relay, events, clock }
    }

    fn ticket(&self, scope: Scope) -> String {
        self.relay.issue(scope).unwrap().reveal().to_owned()
    }

    /// A QUIC connection that accepts the offered certificates and no other, as a browser does.
    async fn dial(&self, alpn: &str) -> Result<quinn::Connection, quinn::ConnectionError> {
        let offer = self.relay.offer().unwrap();
        let pins = Arc::new(Pins { hashes: offer.certificate_sha256.to_vec(), seen: Mutex::default() });
        dial(offer.port, alpn, pins).await
    }

    async fn raw(&self, ticket: &str, alpn: &str) -> Peer {
        let connection = self.dial(alpn).await.unwrap();
        Peer::begin(web_transport_quinn::Session::raw(connection), Some(ticket)).await
    }

    async fn web(&self, ticket: &str) -> Peer {
        let connection = self.dial("h3").await.unwrap();
        let url: url::Url = format!("https://localhost:{}/", self.relay.offer().unwrap().port).parse().unwrap();
        let request = web_transport_quinn::proto::ConnectRequest::new(url)
            .with_protocols(["moq-lite-05".to_owned(), format!("{TICKET_PROTOCOL}{ticket}")]);
        let session = web_transport_quinn::Session::connect(connection, request).await.unwrap();
        assert_eq!(session.response().unwrap().protocol.as_deref(), Some("moq-lite-05"));
        Peer::begin(session, None).await
    }

    async fn join(&self, scope: Scope) -> Peer {
        self.raw(&self.ticket(scope), "moq-lite-06").await
    }

    async fn event(&mut self) -> LeaseEvent {
        within(self.events.recv()).await.unwrap()
    }
}

/// A client: what it publishes, what it sees, and its connection.
struct Peer {
    publish: origin::Producer,
    see: origin::Consumer,
    session: moq_net::Session,
    transport: web_transport_quinn::Session,
    _subscribe: origin::Producer,
}

impl Peer {
    async fn begin(transport: web_transport_quinn::Session, ticket: Option<&str>) -> Self {
        let (publish, subscribe) = (open_origin(), open_origin());
        let mut client = Client::new().with_publisher(&publish).with_subscriber(subscribe.clone());
        if let Some(ticket) = ticket {
            client = client.with_path(format!("/{ticket}"));
        }
        let now = tokio::time::Instant::now().into_std();
        let (session, driver) = client.connect_lite(now, transport.clone()).await.unwrap();
        tokio::spawn(moq_net::time::run(driver));
        Self { publish, see: subscribe.consume(), session, transport, _subscribe: subscribe }
    }

    fn announce(&self, path: &str, track: &str) -> (moq_net::broadcast::Producer, track::Producer) {
        let broadcast = self.publish.create_broadcast(path).unwrap();
        let track = broadcast.create_track(track, None).unwrap();
        broadcast.announce(origin::Route::default()).unwrap();
        (broadcast, track)
    }

    async fn watch(&self, path: &str, track: &str) -> track::Subscriber {
        let broadcast = within(self.see.routed_broadcast(path)).await.unwrap();
        within(broadcast.track(track).unwrap().subscribe(None)).await.unwrap()
    }

    async fn close_code(&self) -> Result<u32, String> {
        let error = within(self.session.closed()).await;
        if let moq_net::Error::Session(SessionError::App(code)) = error {
            return Ok(u32::from(code) + 64);
        }
        // Raw QUIC: `moq-net` hands the code on in words only.
        let text = error.to_string();
        let code = text.rsplit_once("(code ").and_then(|(_, code)| code.trim_end_matches(')').parse().ok());
        code.ok_or(text)
    }

    /// Asks for a track by hand, as a client would that does not keep to what was announced to it.
    async fn ask(&self, path: &str, track: &str) -> Result<Option<Bytes>, web_transport_quinn::ReadError> {
        let mut body = Vec::new();
        for text in [path, track] {
            body.extend(u16::try_from(text.len() | 0x4000).unwrap().to_be_bytes()); // QUIC varint, two bytes
            body.extend(text.as_bytes());
        }
        let mut message = vec![6]; // moq-lite-05: Track stream
        message.extend(u16::try_from(body.len() | 0x4000).unwrap().to_be_bytes());
        message.extend(body);
        let (mut send, mut receive) = self.transport.open_bi().await.unwrap();
        send.write_all(&message).await.unwrap();
        let answer = within(receive.read_chunk(1024, true)).await;
        answer.map(|chunk| chunk.map(|chunk| chunk.bytes))
    }
}

fn open_origin() -> origin::Producer {
    let (producer, driver) = origin::Producer::new(origin::Config::default());
    tokio::spawn(moq_net::time::run(driver));
    producer
}

fn write(track: &track::Producer, text: &'static str) {
    let mut group = track.append_group().unwrap();
    group.write_frame(Timestamp::now(), Bytes::from_static(text.as_bytes())).unwrap();
    group.finish().unwrap();
}

async fn read(track: &mut track::Subscriber) -> Result<Option<Bytes>, moq_net::Error> {
    let Some(mut group) = within(track.recv_group()).await? else { return Ok(None) };
    Ok(within(group.read_frame()).await?.map(|frame| frame.payload))
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it should have happened by now")
}

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
        assert_eq!(bench.web(ticket).await.close_code().await, Ok(code.wire()));
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

/// A guest who may only send data can announce neither his camera nor anything under another name, and no prefix over
/// the whole session gives it to him. (Control: what he may announce does arrive.)
#[tokio::test]
async fn nobody_announces_outside_its_scope() {
    let bench = Bench::start().await;
    let patient = bench.join(guest(&[Purpose::Data])).await;
    let forbidden =
        [path(GUEST, Purpose::Camera), path(STRANGER, Purpose::Camera), broadcast::state(ORGANISATION, SESSION)];
    let _kept: Vec<_> = forbidden.iter().map(|name| patient.announce(name, "video")).collect();
    let everything = patient.publish.dynamic(broadcast::session(ORGANISATION, SESSION), origin::Route::default());
    let everything = everything.unwrap();
    let (_own, track) = patient.announce(&path(GUEST, Purpose::Data), "presence");
    write(&track, "here");

    let watcher = bench.join(staff()).await;
    let mut own = watcher.watch(&path(GUEST, Purpose::Data), "presence").await;
    assert_eq!(read(&mut own).await.unwrap().unwrap(), "here");
    for name in &forbidden {
        assert!(watcher.ask(name, "video").await.is_err(), "{name}");
    }
    assert!(timeout(Duration::ZERO, everything.requested_broadcast()).await.is_err());
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
    let pins = |hashes: &[[u8; 32]]| Arc::new(Pins { hashes: hashes.to_vec(), seen: Mutex::default() });
    let old = pins(&before.certificate_sha256);
    dial(before.port, "h3", Arc::clone(&old)).await.unwrap();
    assert_eq!(*old.seen.lock().unwrap(), Some(before.certificate_sha256[0]));

    bench.clock.advance_us(7 * DAY_US);
    let after = bench.relay.offer().unwrap();
    assert_eq!(after.certificate_sha256[0], before.certificate_sha256[1]);
    assert_ne!(after.certificate_sha256[1], before.certificate_sha256[1]);
    let new = pins(&before.certificate_sha256);
    dial(before.port, "h3", Arc::clone(&new)).await.unwrap();
    assert_eq!(*new.seen.lock().unwrap(), Some(after.certificate_sha256[0]));
    assert!(dial(before.port, "h3", pins(&[before.certificate_sha256[0]])).await.is_err());

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
    let pins = Arc::new(Pins { hashes: offer.certificate_sha256.to_vec(), seen: Mutex::default() });
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

async fn dial(port: u16, alpn: &str, pins: Arc<Pins>) -> Result<quinn::Connection, quinn::ConnectionError> {
    within(connect("127.0.0.1:0", &format!("127.0.0.1:{port}"), alpn, pins)).await
}

async fn connect(
    from: &str,
    to: &str,
    alpn: &str,
    pins: Arc<Pins>,
) -> Result<quinn::Connection, quinn::ConnectionError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(pins)
        .with_no_client_auth();
    tls.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let endpoint = quinn::Endpoint::client(from.parse().unwrap()).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    endpoint.connect_with(config, to.parse().unwrap(), "localhost").unwrap().await
}

/// Accepts a certificate by its hash, and remembers which it was.
#[derive(Debug)]
struct Pins {
    hashes: Vec<[u8; 32]>,
    seen: Mutex<Option<[u8; 32]>>,
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let hash = Sha256::digest(certificate).into();
        *self.seen.lock().unwrap() = Some(hash);
        if self.hashes.contains(&hash) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General("not one of the offered certificates".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        vec![rustls::SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
