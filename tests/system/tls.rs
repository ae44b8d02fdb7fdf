//! HTTPS as other machines meet it: TLS 1.3 alone, a certificate that is renewed while the server runs, cookies.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::path::Path;
use std::sync::Arc;

use handlens_protocol::limits::LATE_UPLOAD_SECONDS;
use handlens_seal::signature::SigningKey;
use handlens_server::Server;
use handlens_server::clock::Clock;
use handlens_server::config::Layer;
use handlens_server::identity::{GUEST_SECONDS, LOGIN_SECONDS};
use handlens_tests::{EMAIL, House, NOON_US, PASSWORD, redeem};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A renewed certificate is shown to the next visitor; half a renewal is not; connections that are open go on.
#[tokio::test]
async fn a_renewed_certificate_is_used_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let old = write_pair(folder.path());
    let server = start(folder.path()).await;
    let mut open = visit(&server, &old, &rustls::version::TLS13).await.expect("TLS 1.3");
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200"));

    let new = write_pair(folder.path());
    assert!(visit(&server, &old, &rustls::version::TLS13).await.is_none(), "the old certificate is still shown");
    assert!(visit(&server, &new, &rustls::version::TLS13).await.is_some());
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200"));

    // Half a renewal: the key of another certificate.
    let other = rcgen::KeyPair::generate().unwrap();
    std::fs::write(folder.path().join("key.pem"), other.serialize_pem()).unwrap();
    assert!(visit(&server, &new, &rustls::version::TLS13).await.is_some());
    server.shutdown().await;
}

/// TLS 1.2 is refused, and every answer says that this host is only to be visited by HTTPS.
#[tokio::test]
async fn tls_1_2_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = write_pair(folder.path());
    let server = start(folder.path()).await;
    assert!(visit(&server, &certificate, &rustls::version::TLS12).await.is_none());
    let mut open = visit(&server, &certificate, &rustls::version::TLS13).await.unwrap();
    let answer = ask(&mut open).await;
    assert!(answer.to_lowercase().contains("strict-transport-security: max-age=31536000"), "{answer}");
    server.shutdown().await;
}

/// Both cookies are for this host alone, for HTTPS, for the whole site and for no script; no other site sends them along.
/// The one that takes a login away has the same bounds, or a browser would keep the login.
#[tokio::test]
async fn cookies_stay_where_they_belong() {
    let (house, sam) = House::new().await;
    let session = sam.open_session().await;
    let secret = house.invite(&sam, &session).await;
    let stranger = house.stranger();
    let login = json!({"email": EMAIL, "password": PASSWORD});
    let key = SigningKey::random().unwrap();
    let redemption = redeem(&secret, &key, house.now_us(), false);
    for (answer, name, seconds) in [
        (stranger.post("/api/login", login).await.ok(), "__Host-handlens", LOGIN_SECONDS),
        (
            stranger.post("/api/invites/redeem", redemption).await.ok(),
            "__Host-handlens-guest",
            GUEST_SECONDS + LATE_UPLOAD_SECONDS,
        ),
        (sam.post("/api/logout", json!({})).await.ok(), "__Host-handlens", 0),
    ] {
        let mut given = answer.headers.get_all("set-cookie").iter();
        let parts: Vec<_> = given.next().unwrap().to_str().unwrap().split("; ").collect();
        assert!(given.next().is_none(), "one cookie");
        let (found, value) = parts[0].split_once('=').unwrap();
        // 256 bits of base64url, or nothing where it is taken away.
        assert_eq!((found, value.len()), (name, if seconds == 0 { 0 } else { 43 }));
        let lasts = format!("Max-Age={seconds}");
        assert_eq!(parts[1..], ["Path=/", lasts.as_str(), "Secure", "HttpOnly", "SameSite=Strict"]);
    }
    house.server.shutdown().await;
}

async fn start(folder: &Path) -> Server {
    let layer = Layer {
        data: Some(folder.join("data")),
        listen: Some("127.0.0.1:0".parse().unwrap()),
        public_url: Some("https://localhost".parse().unwrap()),
        certificate: Some(folder.join("certificate.pem")),
        key: Some(folder.join("key.pem")),
        ..Layer::default()
    };
    Server::start(layer.finish().unwrap(), Clock::fixed(NOON_US)).await.unwrap()
}

/// A new self-signed pair in the two files; each is replaced as a whole.
fn write_pair(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    for (name, text) in [("certificate.pem", made.cert.pem()), ("key.pem", made.signing_key.serialize_pem())] {
        let beside = folder.join(format!("{name}.new"));
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, folder.join(name)).unwrap();
    }
    made.cert.der().clone()
}

async fn visit(
    server: &Server,
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> Option<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.listens_on()).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await.ok()
}

async fn ask(stream: &mut tokio_rustls::client::TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET /api/health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}
