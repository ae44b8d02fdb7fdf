//! A relay under test, and clients as a phone and a browser would be.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use handlens_server::clock::Clock;
use handlens_server::relay::{Config, LeaseEvent, Relay, Scope, TICKET_PROTOCOL};
use moq_net::{Client, SessionError, Timestamp, origin, track};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::timeout;
use web_transport_quinn::{SessionError as SessionEnd, WebTransportError};

/// What takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(5);
const NOW_US: u64 = 1_800_000_000_000_000;

pub(crate) struct Bench {
    pub(crate) relay: Relay,
    pub(crate) events: mpsc::UnboundedReceiver<LeaseEvent>,
    pub(crate) clock: Clock,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::with(Config::localhost(0)).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let clock = Clock::fixed(NOW_US);
        let (relay, events) = Relay::start(config, clock.clone()).await.unwrap();
        Self { relay, events, clock }
    }

    pub(crate) fn ticket(&self, scope: Scope) -> String {
        self.relay.issue(scope).unwrap().reveal().to_owned()
    }

    /// A QUIC connection that accepts the offered certificates and no other, as a browser does.
    pub(crate) async fn dial(&self, alpn: &str) -> Result<quinn::Connection, quinn::ConnectionError> {
        let offer = self.relay.offer().unwrap();
        let pins = Pins::new(&offer.certificate_sha256);
        dial(offer.port, alpn, pins).await
    }

    pub(crate) async fn raw(&self, ticket: &str, alpn: &str) -> Peer {
        let connection = self.dial(alpn).await.unwrap();
        Peer::begin(web_transport_quinn::Session::raw(connection), Some(ticket)).await
    }

    pub(crate) async fn web(&self, ticket: &str) -> Peer {
        Peer::begin(self.page(ticket).await, None).await
    }

    /// The code a page is shown out with: it reads the session's end, whatever became of the streams before.
    pub(crate) async fn web_close_code(&self, ticket: &str) -> Result<u32, String> {
        let end = within(self.page(ticket).await.closed()).await;
        if let SessionEnd::WebTransportError(WebTransportError::Closed(code, _)) = end {
            return Ok(code);
        }
        Err(end.to_string())
    }

    async fn page(&self, ticket: &str) -> web_transport_quinn::Session {
        let connection = self.dial("h3").await.unwrap();
        let url: url::Url = format!("https://localhost:{}/", self.relay.offer().unwrap().port).parse().unwrap();
        let request = web_transport_quinn::proto::ConnectRequest::new(url)
            .with_protocols(["moq-lite-05".to_owned(), format!("{TICKET_PROTOCOL}{ticket}")]);
        let session = web_transport_quinn::Session::connect(connection, request).await.unwrap();
        assert_eq!(session.response().unwrap().protocol.as_deref(), Some("moq-lite-05"));
        session
    }

    pub(crate) async fn join(&self, scope: Scope) -> Peer {
        self.raw(&self.ticket(scope), "moq-lite-06").await
    }

    pub(crate) async fn event(&mut self) -> LeaseEvent {
        within(self.events.recv()).await.unwrap()
    }
}

/// A client: what it publishes, what it sees, and its connection.
pub(crate) struct Peer {
    pub(crate) publish: origin::Producer,
    pub(crate) see: origin::Consumer,
    session: moq_net::Session,
    transport: web_transport_quinn::Session,
    _subscribe: origin::Producer,
}

impl Peer {
    pub(crate) async fn begin(transport: web_transport_quinn::Session, ticket: Option<&str>) -> Self {
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

    pub(crate) fn announce(&self, path: &str, track: &str) -> (moq_net::broadcast::Producer, track::Producer) {
        let broadcast = self.publish.create_broadcast(path).unwrap();
        let track = broadcast.create_track(track, None).unwrap();
        broadcast.announce(origin::Route::default()).unwrap();
        (broadcast, track)
    }

    pub(crate) async fn watch(&self, path: &str, track: &str) -> track::Subscriber {
        let broadcast = within(self.see.routed_broadcast(path)).await.unwrap();
        within(broadcast.track(track).unwrap().subscribe(None)).await.unwrap()
    }

    pub(crate) async fn close_code(&self) -> Result<u32, String> {
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
    pub(crate) async fn ask(&self, path: &str, track: &str) -> Result<Option<Bytes>, web_transport_quinn::ReadError> {
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

pub(crate) fn open_origin() -> origin::Producer {
    let (producer, driver) = origin::Producer::new(origin::Config::default());
    tokio::spawn(moq_net::time::run(driver));
    producer
}

pub(crate) fn write(track: &track::Producer, text: &'static str) {
    let mut group = track.append_group().unwrap();
    group.write_frame(Timestamp::now(), Bytes::from_static(text.as_bytes())).unwrap();
    group.finish().unwrap();
}

pub(crate) async fn read(track: &mut track::Subscriber) -> Result<Option<Bytes>, moq_net::Error> {
    let Some(mut group) = within(track.recv_group()).await? else { return Ok(None) };
    Ok(within(group.read_frame()).await?.map(|frame| frame.payload))
}

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it should have happened by now")
}

pub(crate) async fn dial(port: u16, alpn: &str, pins: Arc<Pins>) -> Result<quinn::Connection, quinn::ConnectionError> {
    within(connect("127.0.0.1:0", &format!("127.0.0.1:{port}"), alpn, pins)).await
}

pub(crate) async fn connect(
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
pub(crate) struct Pins {
    hashes: Vec<[u8; 32]>,
    pub(crate) seen: Mutex<Option<[u8; 32]>>,
}

impl Pins {
    pub(crate) fn new(hashes: &[[u8; 32]]) -> Arc<Self> {
        Arc::new(Self { hashes: hashes.to_vec(), seen: Mutex::default() })
    }
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
