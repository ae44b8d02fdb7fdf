//! HTTPS as other machines meet it: TLS 1.3 alone, a certificate that is renewed while the server runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::path::Path;
use std::sync::Arc;

use handlens_server::Server;
use handlens_server::clock::Clock;
use handlens_server::config::Layer;
use handlens_tests::NOON_US;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
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
