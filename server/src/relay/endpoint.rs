//! The UDP port: sockets, TLS, and what every QUIC connection is allowed to take.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::BbrConfig;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{EndpointConfig, IdleTimeout, TokioRuntime, TransportConfig, VarInt};
use socket2::{Domain, Protocol, Socket, Type};

use super::certificate::Certificate;
use super::{Error, Limits};

/// WebTransport: what a browser asks for.
pub(super) const H3: &str = "h3";
/// Raw MoQ, newest first; also the WebTransport sub-protocols.
pub(super) const MOQ: [&str; 2] = ["moq-lite-06", "moq-lite-05"];

/// Kernel buffers of one socket, where the system allows it: a key frame to a few readers must not overflow them.
const SOCKET_BYTES: usize = 2 * 1024 * 1024;
/// One stream may be this far ahead of its reader.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// All streams of one connection together.
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
/// What waits to be acknowledged by one slow reader.
const SEND_WINDOW: u64 = 4 * 1024 * 1024;
/// Attempts to find one free port in both address families.
const PORT_ATTEMPTS: usize = 16;

/// Opens one endpoint for each address, all on one port.
///
/// An address family that this machine does not have is left out, as long as another one is there.
pub(super) fn bind(listen: &[SocketAddr], config: &quinn::ServerConfig) -> Result<Vec<quinn::Endpoint>, Error> {
    let first = listen.first().ok_or(Error::NoAddress)?;
    let attempts = if first.port() == 0 { PORT_ATTEMPTS } else { 1 };
    let mut outcome = Err(Error::NoAddress);
    for _ in 0..attempts {
        outcome = sockets(listen);
        if !matches!(&outcome, Err(Error::Bind { source, .. }) if source.kind() == io::ErrorKind::AddrInUse) {
            break;
        }
    }
    let endpoint = |(address, socket)| {
        quinn::Endpoint::new(EndpointConfig::default(), Some(config.clone()), socket, Arc::new(TokioRuntime))
            .map_err(|source| Error::Bind { address, source })
    };
    outcome?.into_iter().map(endpoint).collect()
}

/// TLS 1.3 with one certificate, and the limits.
pub(super) fn server_config(certificate: &Certificate, limits: &Limits) -> Result<quinn::ServerConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der.clone()], certificate.key.clone_key().into())?;
    // Whatever is not here is refused in the handshake. Our upload plane will add its own name.
    tls.alpn_protocols = [H3].iter().chain(&MOQ).map(|name| name.as_bytes().to_vec()).collect();
    let crypto = QuicServerConfig::try_from(tls).map_err(|_| Error::NoCipher)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport(limits)?)).max_incoming(limits.handshakes);
    Ok(config)
}

fn transport(limits: &Limits) -> Result<TransportConfig, Error> {
    let idle = IdleTimeout::try_from(limits.idle).map_err(|_| Error::IdleTimeout)?;
    let mut transport = TransportConfig::default();
    transport
        .congestion_controller_factory(Arc::new(BbrConfig::default()))
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(limits.idle / 4))
        .max_concurrent_bidi_streams(VarInt::from_u32(limits.streams))
        .max_concurrent_uni_streams(VarInt::from_u32(limits.streams))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(SEND_WINDOW);
    Ok(transport)
}

fn sockets(listen: &[SocketAddr]) -> Result<Vec<(SocketAddr, UdpSocket)>, Error> {
    let mut port = 0;
    let mut sockets = Vec::new();
    let mut missing = None;
    let alone = listen.iter().all(SocketAddr::is_ipv6);
    for address in listen {
        let mut address = *address;
        if address.port() == 0 {
            address.set_port(port);
        }
        match socket(address, !alone) {
            Ok(socket) => {
                port = socket.local_addr().map_err(|source| Error::Bind { address, source })?.port();
                sockets.push((address, socket));
            }
            Err(source) if family_is_missing(&source) => {
                tracing::warn!(%address, error = %source, "this machine lacks the address family; realtime goes without");
                missing = Some(Error::Bind { address, source });
            }
            Err(source) => return Err(Error::Bind { address, source }),
        }
    }
    match missing {
        Some(error) if sockets.is_empty() => Err(error),
        _ => Ok(sockets),
    }
}

fn socket(address: SocketAddr, only_v6: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // The system may allow less; that costs throughput, not correctness.
    let _ = socket.set_recv_buffer_size(SOCKET_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BYTES);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn family_is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.kind() == io::ErrorKind::Unsupported
        // EAFNOSUPPORT has no kind of its own in std.
        || error.raw_os_error() == Some(97)
}

/// How long a connection whose lease was ended may take to say goodbye, before it is simply gone.
pub(super) const FAREWELL: Duration = Duration::from_millis(500);

/// How long before the close of a connection its streams have ended: longer than a browser on a busy machine takes to hear of
/// it, short beside the half second in which a holder is cut off.
pub(super) const QUIET: Duration = Duration::from_millis(100);
