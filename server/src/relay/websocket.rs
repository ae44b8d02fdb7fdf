//! The realtime plane on the HTTPS port, where UDP is blocked: MoQ over `qmux` over an axum WebSocket.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use futures::{Sink, SinkExt, Stream, StreamExt};
use handlens_websocket::{MESSAGE_BYTES, PROTOCOLS};
use qmux::ws::{KeepAlive, Upgraded, tungstenite};

use super::Error;

/// Chooses the sub-protocol.
///
/// # Errors
/// [`Error::Protocol`] when the client offered none of ours.
pub(super) fn negotiate(upgrade: WebSocketUpgrade) -> Result<WebSocketUpgrade, Error> {
    let upgrade = upgrade.protocols(PROTOCOLS).max_message_size(MESSAGE_BYTES).max_frame_size(MESSAGE_BYTES);
    if upgrade.selected_protocol().is_none() {
        return Err(Error::Protocol);
    }
    Ok(upgrade)
}

/// The upgraded socket as a transport for MoQ. `None` when it carries no sub-protocol of ours.
pub(super) fn transport(socket: WebSocket) -> Option<qmux::Session> {
    let protocol = socket.protocol()?.to_str().ok()?.to_owned();
    Some(Upgraded::new(Translated(socket)).with_alpn(&protocol).with_keep_alive(KeepAlive::default()).accept())
}

/// axum keeps its tungstenite to itself, so messages are handed over one by one. Written out, because `sink_map_err` panics
/// at the second error, and a socket that is gone gives one for the last message and one for the close.
struct Translated(WebSocket);

impl Stream for Translated {
    type Item = Result<tungstenite::Message, tungstenite::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.0.poll_next_unpin(cx);
        next.map(|next| next.map(|message| message.map(incoming).map_err(|error| lost(&error))))
    }
}

impl Sink<tungstenite::Message> for Translated {
    type Error = tungstenite::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready_unpin(cx).map_err(|error| lost(&error))
    }

    fn start_send(mut self: Pin<&mut Self>, message: tungstenite::Message) -> Result<(), Self::Error> {
        self.0.start_send_unpin(outgoing(message)?).map_err(|error| lost(&error))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_flush_unpin(cx).map_err(|error| lost(&error))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_close_unpin(cx).map_err(|error| lost(&error))
    }
}

fn lost(error: &axum::Error) -> tungstenite::Error {
    tracing::debug!(%error, "realtime websocket");
    tungstenite::Error::ConnectionClosed
}

fn incoming(message: Message) -> tungstenite::Message {
    match message {
        Message::Text(text) => tungstenite::Message::Text(text.as_str().into()),
        Message::Binary(bytes) => tungstenite::Message::Binary(bytes),
        Message::Ping(bytes) => tungstenite::Message::Ping(bytes),
        Message::Pong(bytes) => tungstenite::Message::Pong(bytes),
        Message::Close(frame) => tungstenite::Message::Close(frame.map(|frame| tungstenite::protocol::CloseFrame {
            code: frame.code.into(),
            reason: frame.reason.as_str().into(),
        })),
    }
}

fn outgoing(message: tungstenite::Message) -> Result<Message, tungstenite::Error> {
    Ok(match message {
        tungstenite::Message::Text(text) => Message::Text(text.as_str().into()),
        tungstenite::Message::Binary(bytes) => Message::Binary(bytes),
        tungstenite::Message::Ping(bytes) => Message::Ping(bytes),
        tungstenite::Message::Pong(bytes) => Message::Pong(bytes),
        tungstenite::Message::Close(frame) => Message::Close(
            frame.map(|frame| CloseFrame { code: frame.code.into(), reason: frame.reason.as_str().into() }),
        ),
        // Only a reader of raw frames makes these.
        tungstenite::Message::Frame(_) => return Err(tungstenite::Error::ConnectionClosed),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::extract::State;
    use axum::http::StatusCode;
    use axum::response::{IntoResponse, Response};
    use axum::routing::any;
    use bytes::Bytes;
    use handlens_protocol::broadcast::{self, Purpose};
    use handlens_protocol::{LoginId, OrganisationId, ParticipantId, SessionId};
    use moq_net::{Client, Timestamp, origin};
    use qmux::Version;
    use tokio::time::timeout;

    use tokio::sync::mpsc::UnboundedReceiver;

    use super::super::{Carrier, Config, EndReason, LeaseEvent, Relay, Scope, Selector, Subscribe};
    use super::*;
    use crate::clock::Clock;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// Everybody who comes this way is the same participant: the cookie is the HTTP layer's business.
    fn scope() -> Scope {
        Scope {
            organisation: OrganisationId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            participant: ParticipantId::from_bytes([3; 16]),
            user: None,
            login: LoginId::from_bytes([4; 16]),
            publish: vec![Purpose::Camera],
            subscribe: Subscribe::Session,
        }
    }

    async fn upgrade(State(relay): State<Relay>, upgrade: WebSocketUpgrade) -> Response {
        relay.websocket(scope(), upgrade).unwrap_or_else(|_| StatusCode::BAD_REQUEST.into_response())
    }

    async fn serve() -> (Relay, UnboundedReceiver<LeaseEvent>, String) {
        let (relay, events) = Relay::start(Config::localhost(0), Clock::fixed(1_800_000_000_000_000)).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/realtime", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/realtime", any(upgrade)).with_state(relay.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (relay, events, url)
    }

    async fn join(url: &str, version: Version) -> (moq_net::Session, origin::Producer, origin::Producer) {
        let client = qmux::ws::Client::new().with_protocol("moq-lite-05", &[version]).require_protocol();
        let transport = handlens_websocket::Session::new(client.connect(url).await.unwrap());
        let (publish, subscribe) = (open(), open());
        let client = Client::new().with_publisher(&publish).with_subscriber(subscribe.clone());
        let (session, driver) = client.connect_lite(tokio::time::Instant::now().into_std(), transport).await.unwrap();
        tokio::spawn(moq_net::time::run(driver));
        (session, publish, subscribe)
    }

    fn open() -> origin::Producer {
        let (producer, driver) = origin::Producer::new(origin::Config::default());
        tokio::spawn(moq_net::time::run(driver));
        producer
    }

    /// Where UDP is blocked a picture still arrives whole, larger than any window on its way; and it ends as it does on QUIC.
    #[tokio::test]
    async fn a_picture_goes_through() {
        for version in [Version::QMux01, Version::QMux00] {
            let (relay, mut events, url) = serve().await;
            let scope = scope();
            let path = broadcast::path(scope.organisation, scope.session, scope.participant, Purpose::Camera);
            let (patient, publish, _see) = join(&url, version).await;
            let camera = publish.create_broadcast(&path).unwrap();
            let track = camera.create_track("video", None).unwrap();
            camera.announce(origin::Route::default()).unwrap();
            let picture =
                Bytes::from((0..3_000_000_u32).map(|i| i.to_le_bytes()[1] ^ i.to_le_bytes()[0]).collect::<Vec<_>>());
            let work = async {
                let (_technician, _publish, see) = join(&url, version).await;
                let seen = see.consume().routed_broadcast(&path).await.unwrap();
                let mut video = seen.track("video").unwrap().subscribe(None).await.unwrap();
                let mut group = track.append_group().unwrap();
                group.write_frame(Timestamp::now(), picture.clone()).unwrap();
                group.finish().unwrap();
                let mut group = video.recv_group().await.unwrap().unwrap();
                assert!(group.read_frame().await.unwrap().unwrap().payload == picture);
                assert!(group.read_frame().await.unwrap().is_none());
                assert_eq!(relay.end_leases(Selector::Login(scope.login)), 2);
                patient.closed().await
            };
            // `qmux` loses the close code in its own client when the socket closes right behind it.
            timeout(PATIENCE, work).await.expect("it should have happened by now");
            let mut ends = 0;
            while ends < 2 {
                match timeout(PATIENCE, events.recv()).await.unwrap().unwrap() {
                    LeaseEvent::Started(info) => assert_eq!(info.carrier, Carrier::WebSocket),
                    LeaseEvent::Ended(_, reason) => {
                        assert_eq!(reason, EndReason::Revoked);
                        ends += 1;
                    }
                }
            }
        }
    }

    /// A client that would silently fall to an old MoQ is refused before the upgrade.
    #[tokio::test]
    async fn another_protocol_is_refused() {
        let (relay, _events, url) = serve().await;
        for protocol in ["moq-lite-03", "chat"] {
            let client = qmux::ws::Client::new().with_protocol(protocol, &[Version::QMux01]);
            assert!(matches!(client.connect(&url).await, Err(qmux::Error::Http(status)) if status == 400));
        }
        assert!(relay.leases().is_empty());
    }
}
