//! MoQ on raw QUIC: the ticket goes into SETUP, the certificate is known by its hash, the controller is BBR.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use data_encoding::BASE64;
use handlens_protocol::api::Ticket;
use quinn::congestion::BbrConfig;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, EndpointConfig, Runtime as _, TokioRuntime, TransportConfig, UdpPoller, VarInt};
use url::Url;

use super::{Connection, Error, Heard, MOQ, Way};
use crate::tls;

/// Certificates a ticket may name: this and the next.
const CERTIFICATES: usize = 4;
/// Addresses of one host that are tried at the same time.
const ADDRESSES: usize = 4;
/// A sign of life so often: the visit notices after four seconds that there is none.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// Whatever the visit thinks: after this the connection is dead.
const IDLE: Duration = Duration::from_secs(12);
/// Streams the server may have open to us at the same time.
const STREAMS: u32 = 64;
/// One incoming stream may be this far ahead of us; records are far smaller.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// All incoming streams together.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// What waits to be acknowledged.
const SEND_WINDOW: u64 = 4 * 1024 * 1024;

/// The UDP port of a ticket.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quic;

impl Way for Quic {
    async fn dial(self, ticket: &Ticket) -> Result<Connection, Error> {
        let url: Url = ticket.udp_url.parse().map_err(|_| Error::Address("the UDP URL"))?;
        let name = url.host_str().ok_or(Error::Address("no host"))?.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().ok_or(Error::Address("no port"))?;
        let config = client_config(ticket)?;
        let addresses = tokio::net::lookup_host((name.as_str(), port)).await.map_err(Error::Resolve)?;
        let dials: Vec<_> =
            addresses.take(ADDRESSES).map(|address| Box::pin(connect(address, config.clone(), name.clone()))).collect();
        if dials.is_empty() {
            return Err(Error::Address("no address"));
        }
        // The ticket is not spent by a handshake, so whichever answers first may have it.
        let ((connection, socket), _) = futures::future::select_ok(dials).await?;
        let heard = socket.heard.clone();
        let path = format!("/{}", ticket.ticket);
        Connection::begin(web_transport_quinn::Session::raw(connection), Some(path), heard, Some(socket)).await
    }
}

/// The socket of one connection, to be bound anew.
#[derive(Debug, Clone)]
pub(super) struct Socket {
    endpoint: quinn::Endpoint,
    heard: Heard,
    family: SocketAddr,
}

impl Socket {
    pub(super) fn rebind(&self) -> Result<(), Error> {
        let socket = Listening::bind(self.family, self.heard.clone()).map_err(Error::Socket)?;
        self.endpoint.rebind_abstract(socket).map_err(Error::Socket)
    }

    pub(super) async fn wait_idle(&self) {
        self.endpoint.wait_idle().await;
    }
}

async fn connect(
    address: SocketAddr,
    config: quinn::ClientConfig,
    name: String,
) -> Result<(quinn::Connection, Socket), Error> {
    let family: SocketAddr =
        if address.is_ipv6() { (Ipv6Addr::UNSPECIFIED, 0).into() } else { (Ipv4Addr::UNSPECIFIED, 0).into() };
    let heard = Heard::new();
    let socket = Listening::bind(family, heard.clone()).map_err(Error::Socket)?;
    let endpoint =
        quinn::Endpoint::new_with_abstract_socket(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime))
            .map_err(Error::Socket)?;
    let connection = endpoint.connect_with(config, address, &name)?.await?;
    Ok((connection, Socket { endpoint, heard, family }))
}

fn client_config(ticket: &Ticket) -> Result<quinn::ClientConfig, Error> {
    let hash = |text: &String| BASE64.decode(text.as_bytes()).ok()?.try_into().ok();
    let hashes: Vec<[u8; 32]> = ticket.certificate_sha256.iter().take(CERTIFICATES).filter_map(hash).collect();
    if hashes.is_empty() {
        return Err(Error::NoCertificate);
    }
    let tls = tls::pinned(hashes, &MOQ.map(str::as_bytes))?;
    let crypto =
        QuicClientConfig::try_from(tls).map_err(|_| rustls::Error::General("no cipher suite for QUIC".to_owned()))?;
    let mut transport = TransportConfig::default();
    transport
        .congestion_controller_factory(Arc::new(BbrConfig::default()))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(IDLE.try_into().ok())
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(SEND_WINDOW);
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// A UDP socket that notes when something came in.
struct Listening {
    socket: Arc<dyn AsyncUdpSocket>,
    heard: Heard,
}

impl Listening {
    fn bind(family: SocketAddr, heard: Heard) -> io::Result<Arc<Self>> {
        let socket = TokioRuntime.wrap_udp_socket(UdpSocket::bind(family)?)?;
        Ok(Arc::new(Self { socket, heard }))
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listening")
    }
}

impl AsyncUdpSocket for Listening {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.socket).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let received = self.socket.poll_recv(cx, bufs, meta);
        if matches!(received, Poll::Ready(Ok(_))) {
            self.heard.now();
        }
        received
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}
