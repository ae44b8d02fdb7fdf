//! MoQ on a WebSocket on the HTTPS port, where UDP is blocked: the cookie is the permission, the origin is our own.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use handlens_protocol::api::Ticket;
use handlens_websocket::{MESSAGE_BYTES, PROTOCOLS};
use qmux::ws::tokio_tungstenite::{WebSocketStream, client_async_with_config};
use qmux::ws::tungstenite::client::IntoClientRequest as _;
use qmux::ws::tungstenite::handshake::client::Request;
use qmux::ws::tungstenite::protocol::WebSocketConfig;
use qmux::ws::{KeepAlive, Upgraded};
use reqwest::header::{COOKIE, HeaderValue, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::Url;

use super::{Connection, Error, Heard, Way};
use crate::tls;

/// A sign of life so often: the visit notices after ten seconds that there is none.
const PING: Duration = Duration::from_millis(2_500);
/// Whatever the visit thinks: after this the connection is dead.
const IDLE: Duration = Duration::from_secs(30);

/// The HTTPS port of a ticket.
#[derive(Debug, Clone)]
pub(crate) struct WebSocket {
    /// The server this guest belongs to: nobody else gets the cookie.
    pub(crate) origin: Url,
    pub(crate) cookie: Option<HeaderValue>,
}

impl Way for WebSocket {
    async fn dial(self, ticket: &Ticket) -> Result<Connection, Error> {
        let url: Url = ticket.websocket_url.parse().map_err(|_| Error::Address("the WebSocket URL"))?;
        let secure = url.scheme() == "wss";
        let ours = url.host_str() == self.origin.host_str()
            && url.port_or_known_default() == self.origin.port_or_known_default()
            && (secure || url.scheme() == "ws" && self.origin.scheme() == "http");
        if !ours {
            return Err(Error::Address("the WebSocket is another server's"));
        }
        let name = url.host_str().ok_or(Error::Address("no host"))?.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().ok_or(Error::Address("no port"))?;
        let request = self.request(&url)?;
        let socket = TcpStream::connect((name.as_str(), port)).await.map_err(Error::Socket)?;
        // Pictures are written whole; waiting for more would only delay them.
        socket.set_nodelay(true).map_err(Error::Socket)?;
        if secure {
            let config = tls::platform(&[b"http/1.1"])?;
            let name = ServerName::try_from(name).map_err(|_| Error::Address("no server name"))?;
            let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
            let socket = connector.connect(name, socket).await.map_err(Error::Socket)?;
            upgrade(socket, request).await
        } else {
            upgrade(socket, request).await
        }
    }
}

impl WebSocket {
    fn request(&self, url: &Url) -> Result<Request, Error> {
        let mut request = url.as_str().into_client_request()?;
        let headers = request.headers_mut();
        let origin = self.origin.origin().ascii_serialization();
        headers.insert(ORIGIN, HeaderValue::from_str(&origin).map_err(|_| Error::Address("the origin"))?);
        headers
            .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(&PROTOCOLS.join(", ")).map_err(|_| Error::Protocol)?);
        if let Some(cookie) = &self.cookie {
            headers.insert(COOKIE, cookie.clone());
        }
        Ok(request)
    }
}

async fn upgrade<S>(socket: S, request: Request) -> Result<Connection, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES)).max_frame_size(Some(MESSAGE_BYTES));
    let (socket, response): (WebSocketStream<S>, _) = client_async_with_config(request, socket, Some(limits)).await?;
    let chosen = response.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
    let chosen = chosen.filter(|chosen| PROTOCOLS.contains(chosen)).ok_or(Error::Protocol)?;
    let heard = Heard::new();
    let listening = heard.clone();
    let session = Upgraded::new(socket.inspect(move |_| listening.now()))
        .with_alpn(chosen)
        .with_keep_alive(KeepAlive::new(PING, IDLE))
        .connect();
    Connection::begin(handlens_websocket::Session::new(session), None, heard, None).await
}
