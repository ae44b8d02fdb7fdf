//! The realtime half of a technician: raw QUIC with a staff ticket, whole pictures with their capture times, records.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use moq_net::track::Subscription;
use moq_net::{Client, origin, track};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

/// What takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection with a staff ticket.
pub struct Viewer {
    see: origin::Consumer,
    session: moq_net::Session,
    root: String,
    _subscribe: origin::Producer,
    _endpoint: quinn::Endpoint,
}

/// One picture as it came.
pub struct Picture {
    /// µs on the camera's clock.
    pub capture_us: u64,
    /// Annex-B.
    pub unit: Bytes,
    /// It begins a group.
    pub first: bool,
}

/// The pictures of one camera, as they come.
pub struct Video {
    groups: track::Ordered,
    group: Option<moq_net::group::Consumer>,
    first: bool,
}

impl Viewer {
    /// Connects with what `POST /api/sessions/…/tickets` said; to another UDP port if one is given.
    pub async fn join(ticket: &Value, port: Option<u16>) -> Self {
        let hashes = ticket["certificate_sha256"].as_array().unwrap().iter();
        let hashes = hashes.map(|hash| BASE64.decode(hash.as_str().unwrap().as_bytes()).unwrap()).collect();
        let announced = ticket["udp_url"].as_str().unwrap().trim_end_matches('/').rsplit(':').next().unwrap().parse();
        let port = port.unwrap_or_else(|| announced.unwrap());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pins(hashes)))
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"moq-lite-05".to_vec()];
        let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let config = quinn::ClientConfig::new(Arc::new(crypto));
        let connecting = endpoint.connect_with(config, ([127, 0, 0, 1], port).into(), "localhost").unwrap();
        let transport = web_transport_quinn::Session::raw(within(connecting).await.unwrap());
        let subscribe = open();
        let client = Client::new()
            .with_publisher(open())
            .with_subscriber(subscribe.clone())
            .with_path(format!("/{}", ticket["ticket"].as_str().unwrap()));
        let now = tokio::time::Instant::now().into_std();
        let (session, driver) = client.connect_lite(now, transport).await.unwrap();
        tokio::spawn(moq_net::time::run(driver));
        let root = ticket["subscribe"][0].as_str().unwrap().to_owned();
        Self { see: subscribe.consume(), session, root, _subscribe: subscribe, _endpoint: endpoint }
    }

    /// A participant's pictures.
    pub async fn video(&self, participant: &str) -> Video {
        Video { groups: self.track(&format!("{participant}/camera"), "video").await, group: None, first: false }
    }

    /// A track of the session, from its newest group on.
    pub async fn track(&self, broadcast: &str, track: &str) -> track::Ordered {
        let broadcast = within(self.see.routed_broadcast(format!("{}/{broadcast}", self.root))).await.unwrap();
        let subscription = Subscription::default().with_max_age(Duration::from_millis(500));
        within(broadcast.track(track).unwrap().subscribe(subscription)).await.unwrap().ordered()
    }

    /// Resolves when the server ended the connection.
    pub async fn closed(&self) {
        self.session.closed().await;
    }
}

impl Video {
    /// The next picture; `None` when no more will come.
    pub async fn next(&mut self) -> Option<Picture> {
        loop {
            if let Some(group) = &mut self.group {
                if let Ok(Some(frame)) = within(group.read_frame()).await {
                    let first = std::mem::replace(&mut self.first, false);
                    return Some(picture(&frame.payload, first));
                }
                self.group = None;
            }
            self.group = Some(within(self.groups.next_group()).await.ok()??);
            self.first = true;
        }
    }
}

/// The next whole record of a track.
pub async fn record(track: &mut track::Ordered) -> Value {
    let mut group = within(track.next_group()).await.unwrap().expect("the track ended");
    let frame = within(group.read_frame()).await.unwrap().expect("a record");
    serde_json::from_slice(&frame.payload).unwrap()
}

/// Takes hang's legacy container apart: a QUIC varint, and the picture.
fn picture(bytes: &Bytes, first: bool) -> Picture {
    let size = 1 << (bytes[0] >> 6);
    let capture_us = bytes[1..size].iter().fold(u64::from(bytes[0] & 0x3f), |time, byte| time << 8 | u64::from(*byte));
    Picture { capture_us, unit: bytes.slice(size..), first }
}

fn open() -> origin::Producer {
    let (producer, driver) = origin::Producer::new(origin::Config::default());
    tokio::spawn(moq_net::time::run(driver));
    producer
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it should have happened by now")
}

/// Accepts a certificate by its hash.
#[derive(Debug)]
struct Pins(Vec<Vec<u8>>);

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        assert!(self.0.contains(&Sha256::digest(certificate).to_vec()), "another certificate than the ticket named");
        Ok(ServerCertVerified::assertion())
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
