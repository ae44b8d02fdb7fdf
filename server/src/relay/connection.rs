//! One connection, from its first packet to its last: prove the ticket, take the lease, serve, end.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use moq_net::web_transport_trait::poll;
use moq_net::{Error as MoqError, Server, Version, server};
use quinn::crypto::rustls::HandshakeData;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};
use web_transport_quinn::http::StatusCode;
use web_transport_quinn::proto::ConnectResponse;

use super::endpoint::{FAREWELL, H3, MOQ, QUIET};
use super::lease::{Carrier, EndReason, Guard};
use super::room::Room;
use super::ticket::{Refusal, TICKET_PROTOCOL};
use super::{CloseCode, Counter, Error, Scope, Shared, abort};

/// Accepts connections on one endpoint until it is closed.
pub(super) async fn accept(shared: Arc<Shared>, endpoint: quinn::Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        let busy = shared.handshakes.available_permits() <= shared.config.limits.handshakes / 2;
        if busy && !incoming.remote_address_validated() && incoming.may_retry() {
            // Under load, whoever wants in shows first that he can be answered.
            let _ = incoming.retry();
            continue;
        }
        let Ok(permit) = Arc::clone(&shared.handshakes).try_acquire_owned() else {
            shared.tally.add(Counter::RefusedFull);
            incoming.refuse();
            continue;
        };
        let task = Arc::clone(&shared);
        shared.tasks.spawn(async move {
            if let Err(error) = quic(&task, incoming, permit).await {
                task.tally.add(Counter::HandshakesFailed);
                tracing::debug!(%error, "realtime handshake");
            }
        });
    }
}

/// The handshake ended without a lease.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("not finished in time")]
    Slow,
    #[error("quic: {0}")]
    Quic(#[from] quinn::ConnectionError),
    #[error("webtransport: {0}")]
    WebTransport(#[from] web_transport_quinn::ServerError),
    #[error("moq: {0}")]
    Moq(#[from] MoqError),
    #[error("the peer takes no datagrams, or offered no protocol of ours")]
    Unsupported,
    #[error("{0}")]
    Relay(#[from] Error),
}

impl From<tokio::time::error::Elapsed> for Failed {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Slow
    }
}

async fn quic(shared: &Shared, incoming: quinn::Incoming, permit: OwnedSemaphorePermit) -> Result<(), Failed> {
    let patience = shared.config.limits.handshake;
    let deadline = Instant::now() + patience;
    let connection = timeout(patience, async { incoming.await }).await??;
    if connection.max_datagram_size().is_none() {
        connection.close(CloseCode::Unsupported.wire().into(), b"datagrams are required");
        return Err(Failed::Unsupported);
    }
    let remaining = deadline.saturating_duration_since(Instant::now());
    if alpn(&connection).as_deref() == Some(H3) {
        let Some((session, lease)) = timeout(remaining, web_transport(shared, connection.clone())).await?? else {
            return Ok(());
        };
        let remaining = deadline.saturating_duration_since(Instant::now());
        let handshake = timeout(remaining, begin(session.clone())).await??;
        drop(permit);
        serve(shared, handshake, lease, session).await?;
    } else {
        let session = web_transport_quinn::Session::raw(connection.clone());
        let handshake = timeout(remaining, begin(session.clone())).await??;
        let ticket = handshake.path().trim_start_matches('/').to_owned();
        match admit(shared, &ticket, Carrier::Quic) {
            Ok(lease) => {
                drop(permit);
                serve(shared, handshake, lease, session).await?;
            }
            Err(code) => handshake.close(abort(code)),
        }
    }
    // Whatever the peer says: nothing more comes or goes.
    connection.close(CloseCode::LeaseEnded.wire().into(), b"");
    Ok(())
}

/// A lease whose scope was decided by the HTTP layer, on an upgraded WebSocket.
pub(super) async fn web_socket(shared: Arc<Shared>, scope: Scope, session: qmux::Session) {
    let mut session = handlens_websocket::Session::new(session);
    let Some(lease) = shared.leases.enter(scope, Carrier::WebSocket, shared.now()) else {
        shared.tally.add(Counter::RefusedFull);
        return part(&mut session, CloseCode::Full).await;
    };
    let outcome = async {
        let handshake = timeout(shared.config.limits.handshake, begin(session.clone())).await??;
        serve(&shared, handshake, lease, session).await
    };
    if let Err(error) = outcome.await {
        shared.tally.add(Counter::HandshakesFailed);
        tracing::debug!(%error, "realtime handshake");
    }
}

/// The HTTP/3 part: which sub-protocol, which ticket. A refusal is a session that is opened and closed with a code,
/// because a browser shows a page nothing of a refused CONNECT.
async fn web_transport(
    shared: &Shared,
    connection: quinn::Connection,
) -> Result<Option<(web_transport_quinn::Session, Guard)>, Failed> {
    let request = web_transport_quinn::Request::accept(connection).await?;
    let Some(protocol) = MOQ.into_iter().find(|name| request.protocols.iter().any(|offered| offered == name)) else {
        request.reject(StatusCode::BAD_REQUEST).await?;
        return Err(Failed::Unsupported);
    };
    let mut tickets = request.protocols.iter().filter_map(|name| name.strip_prefix(TICKET_PROTOCOL));
    let ticket = match (tickets.next(), tickets.next()) {
        (Some(ticket), None) => ticket.to_owned(),
        _ => String::new(),
    };
    let lease = admit(shared, &ticket, Carrier::WebTransport);
    let mut session = request.respond(ConnectResponse::OK.with_protocol(protocol)).await?;
    match lease {
        Ok(lease) => Ok(Some((session, lease))),
        Err(code) => {
            part(&mut session, code).await;
            Ok(None)
        }
    }
}

/// Takes the ticket and enters the lease, or says why not.
fn admit(shared: &Shared, ticket: &str, carrier: Carrier) -> Result<Guard, CloseCode> {
    let now = shared.now();
    let scope = shared.book().redeem(ticket, now).map_err(|refusal| {
        let (counter, code) = match refusal {
            Refusal::Unknown => (Counter::TicketsUnknown, CloseCode::TicketUnknown),
            Refusal::Expired => (Counter::TicketsExpired, CloseCode::TicketExpired),
            Refusal::Replayed => (Counter::TicketsReplayed, CloseCode::TicketReplayed),
        };
        shared.tally.add(counter);
        code
    })?;
    shared.leases.enter(scope, carrier, now).ok_or_else(|| {
        shared.tally.add(Counter::RefusedFull);
        CloseCode::Full
    })
}

/// Closes the connection with a code, after the streams: those of ours have ended by now, and what the peer still opens
/// ends here. Their ends have [`QUIET`] to arrive before the close does. (Chromium 156 crashes a page, now and then, whose
/// session closes while the page can still read from one of its streams.)
async fn part<S: poll::Session>(session: &mut S, code: CloseCode) {
    let late = async { while poll_fn(|cx| session.poll_accept_bi(cx)).await.is_ok() {} };
    let _ = timeout(QUIET, late).await;
    session.close(code.wire(), code.reason());
    farewell(session).await;
}

/// The peer may still read why. A browser loses the code if the HTTP/3 session is dropped before that.
async fn farewell<S: poll::Session>(session: &mut S) {
    let _ = timeout(FAREWELL, poll_fn(|cx| session.poll_closed(cx))).await;
}

/// Reads the peer's MoQ SETUP and pauses.
async fn begin<S: moq_net::transport::poll::Session>(session: S) -> Result<server::Handshake<S>, MoqError> {
    let versions: Vec<_> = MOQ.into_iter().filter_map(Version::from_alpn).collect();
    Server::new().with_versions(versions.into()).accept_request_lite(Instant::now().into_std(), session).await
}

/// Opens the session inside its scope, and drives it to its end.
async fn serve<S: moq_net::transport::poll::Session>(
    shared: &Shared,
    handshake: server::Handshake<S>,
    lease: Guard,
    mut transport: S,
) -> Result<(), Failed> {
    let scope = lease.scope();
    let room: Arc<Room> = shared.rooms.enter(scope.organisation, scope.session);
    let readable = room.origin.consume().scope("", &scope.subscribed()?)?;
    let mut handshake = handshake.with_publisher(readable);
    if !scope.publish.is_empty() {
        handshake = handshake.with_subscriber(room.origin.scope("", &scope.published()?)?);
    }
    let (session, driver) = handshake.ok().await?;
    lease.start();
    let page = lease.carrier() == Carrier::WebTransport;
    let mut running = Box::pin(moq_net::time::run(driver));
    let stopped = tokio::select! {
        error = &mut running => {
            lease.ended(natural_end(&error));
            false
        }
        () = lease.stopped() => true,
    };
    let code = lease.why().unwrap_or(EndReason::Revoked).code();
    if stopped && !page {
        // A program ends by itself when its streams do, and would never read why: the code goes first. One turn of the
        // driver sends it.
        session.abort(abort(code));
        let _ = timeout(Duration::ZERO, &mut running).await;
    }
    // Without a driver, what was published is gone at once, and every stream ends.
    drop(running);
    drop(lease);
    if page {
        part(&mut transport, code).await;
    } else {
        farewell(&mut transport).await;
    }
    Ok(())
}

/// `moq-net` hands a transport's end on in words only. A peer that hung up in any manner has left; a lost one timed out.
fn natural_end(error: &MoqError) -> EndReason {
    if let MoqError::Transport(words) = error {
        let silent = words.contains("timed out") || words.contains("timeout");
        return if silent { EndReason::Lost } else { EndReason::Left };
    }
    let polite = matches!(error, MoqError::Session(_) | MoqError::Closed | MoqError::Cancel);
    if polite { EndReason::Left } else { EndReason::Failed }
}

fn alpn(connection: &quinn::Connection) -> Option<String> {
    let data = connection.handshake_data()?.downcast::<HandshakeData>().ok()?;
    String::from_utf8(data.protocol?).ok()
}
