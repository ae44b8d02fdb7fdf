//! Routes of a guest, for their own session and person.

use axum::Json;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::StatusCode;
use axum::response::Response;
use handlens_protocol::Problem;
use handlens_protocol::api::{Consent, Feedback, GuestEvent, GuestView, Ticket};

use super::events::{self, Stream};
use super::{Body, Refusal};
use crate::access::GuestPermit;
use crate::app::App;
use crate::{guest, realtime};

/// What the guest's page shows.
#[utoipa::path(get, path = "/api/guest", responses((status = 200, body = GuestView), (status = "4XX", body = Problem)))]
pub(super) async fn view(State(app): State<App>, permit: GuestPermit) -> Result<Json<GuestView>, Refusal> {
    Ok(Json(guest::view(&app, &permit).await?))
}

/// The waiting room: server-sent events `state` with a whole [`GuestEvent`] each.
#[utoipa::path(get, path = "/api/guest/events",
    responses((status = 200, body = GuestEvent, content_type = "text/event-stream"), (status = "4XX", body = Problem)))]
pub(super) async fn events(State(app): State<App>, permit: GuestPermit) -> Result<Stream, Refusal> {
    let (whose, me) = ((permit.owner(), permit.session()), permit.participant());
    Ok(events::stream(&app, whose, permit.login(), move |snapshot| guest::event(snapshot, me)).await?)
}

/// A signed grant or withdrawal.
#[utoipa::path(post, path = "/api/guest/consents", request_body = Consent,
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn consent(
    State(app): State<App>,
    permit: GuestPermit,
    Body(request): Body<Consent>,
) -> Result<StatusCode, Refusal> {
    guest::consent(&app, &permit, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The guest goes.
#[utoipa::path(post, path = "/api/guest/leave", responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn leave(State(app): State<App>, permit: GuestPermit) -> Result<StatusCode, Refusal> {
    guest::leave(&app, &permit).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// "It helped" or "It did not", once.
#[utoipa::path(post, path = "/api/guest/feedback", request_body = Feedback,
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn feedback(
    State(app): State<App>,
    permit: GuestPermit,
    Body(request): Body<Feedback>,
) -> Result<StatusCode, Refusal> {
    guest::feedback(&app, &permit, request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A ticket to the realtime plane: what this guest allows now.
#[utoipa::path(post, path = "/api/guest/tickets",
    responses((status = 200, body = Ticket), (status = "4XX", body = Problem)))]
pub(super) async fn ticket(State(app): State<App>, permit: GuestPermit) -> Result<Json<Ticket>, Refusal> {
    Ok(Json(realtime::guest_ticket(&app, &permit).await?))
}

/// The realtime plane over WebSocket, where UDP is blocked.
#[utoipa::path(get, path = "/api/guest/realtime", responses((status = 101), (status = "4XX", body = Problem)))]
pub(super) async fn realtime(
    State(app): State<App>,
    permit: GuestPermit,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let scope = realtime::guest_socket(&app, &permit).await?;
    realtime::upgrade(&app, scope, upgrade).map_err(Refusal)
}
