//! Server-sent events: the newest state at once, then every newer one; a slow reader skips, it never lags.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::stream::{BoxStream, StreamExt as _};
use handlens_protocol::state::Phase;
use handlens_protocol::{LoginId, Problem, SessionId};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

use crate::access::Owner;
use crate::app::App;
use crate::live::Snapshot;
use crate::session;

/// The body of an event route.
pub(super) type Stream = Sse<axum::response::sse::KeepAliveStream<BoxStream<'static, Result<Event, Infallible>>>>;

/// Streams a session to one reader, as `show` lets them see it, until the session, their login or the server ends.
pub(super) async fn stream<T: Serialize>(
    app: &App,
    (owner, session): (Owner, SessionId),
    login: LoginId,
    show: impl Fn(&Snapshot) -> Option<T> + Send + 'static,
) -> Result<Stream, Problem> {
    let mut room = app.live.watch(|| session::look(app, owner, session)).await?;
    room.mark_changed();
    let (login, mut ended) = app.live.hang_on(login);
    let stop = app.stop.clone();
    let states = futures::stream::unfold((room, false), async move |(mut room, over)| {
        if over {
            return None;
        }
        room.changed().await.ok()?;
        let snapshot = Arc::clone(&room.borrow_and_update());
        let over = snapshot.state.phase == Phase::Ended;
        Some((snapshot, (room, over)))
    });
    let over = async move {
        loop {
            let heard = tokio::select! {
                () = stop.cancelled() => return,
                heard = ended.recv() => heard,
            };
            match heard {
                Ok(other) if other != *login => {}
                // Ours, or too many to be sure: the reader asks again and meets the guard.
                Ok(_) | Err(RecvError::Lagged(_) | RecvError::Closed) => return,
            }
        }
    };
    let events = states
        .take_until(Box::pin(over))
        .filter_map(move |snapshot| {
            std::future::ready(show(&snapshot).and_then(|shown| Event::default().event("state").json_data(shown).ok()))
        })
        .map(Ok)
        .boxed();
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}
