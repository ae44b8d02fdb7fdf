//! Routes of staff.

use axum::Json;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use handlens_protocol::api::{
    Freeze, InviteCreated, NewInvite, NewSession, Note, NoteWritten, SessionList, SessionLog, SessionView, StaffEvent,
    Ticket, WriteNote,
};
use handlens_protocol::{InviteId, Kind, ParticipantId, Problem, SessionId};
use serde::Deserialize;

use super::events::{self, Stream};
use super::{Body, Refusal};
use crate::access::{SessionPermit, Staff};
use crate::app::App;
use crate::live::Snapshot;
use crate::{guest, invite, realtime, session};

/// Which page of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Sessions opened before this moment, µs; `next` of the page before.
    before: Option<u64>,
    /// At most 100.
    limit: Option<u32>,
}

/// This person's sessions, newest first.
#[utoipa::path(get, path = "/api/sessions", params(("before" = Option<u64>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = SessionList), (status = "4XX", body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    staff: Staff,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<SessionList>, Refusal> {
    let Query(page) = page.map_err(|_| Problem::new(Kind::Malformed, "`before` and `limit` are numbers."))?;
    Ok(Json(session::list(&app, &staff, page.before, page.limit).await?))
}

/// Opens a session.
#[utoipa::path(post, path = "/api/sessions", request_body = NewSession,
    responses((status = 201, body = SessionView), (status = "4XX", body = Problem)))]
pub(super) async fn create(
    State(app): State<App>,
    staff: Staff,
    Body(request): Body<NewSession>,
) -> Result<(StatusCode, Json<SessionView>), Refusal> {
    Ok((StatusCode::CREATED, Json(session::create(&app, &staff, request).await?)))
}

/// A session whole.
#[utoipa::path(get, path = "/api/sessions/{session}", params(("session" = SessionId, Path)),
    responses((status = 200, body = SessionView), (status = "4XX", body = Problem)))]
pub(super) async fn read(State(app): State<App>, permit: SessionPermit) -> Result<Json<SessionView>, Refusal> {
    Ok(Json(session::read(&app, &permit).await?))
}

/// The session as it changes: server-sent events `state` with a whole [`StaffEvent`] each.
#[utoipa::path(get, path = "/api/sessions/{session}/events", params(("session" = SessionId, Path)),
    responses((status = 200, body = StaffEvent, content_type = "text/event-stream"), (status = "4XX", body = Problem)))]
pub(super) async fn events(State(app): State<App>, permit: SessionPermit) -> Result<Stream, Refusal> {
    let show =
        |snapshot: &Snapshot| Some(StaffEvent { state: snapshot.state.clone(), invites: snapshot.invites.clone() });
    Ok(events::stream(&app, (permit.owner(), permit.session), permit.staff.login, show).await?)
}

/// Makes a link; it is told this once.
#[utoipa::path(post, path = "/api/sessions/{session}/invites", params(("session" = SessionId, Path)), request_body = NewInvite,
    responses((status = 201, body = InviteCreated), (status = "4XX", body = Problem)))]
pub(super) async fn invite(
    State(app): State<App>,
    permit: SessionPermit,
    Body(request): Body<NewInvite>,
) -> Result<(StatusCode, Json<InviteCreated>), Refusal> {
    Ok((StatusCode::CREATED, Json(invite::create(&app, &permit, request).await?)))
}

/// Turns a link off.
#[utoipa::path(post, path = "/api/sessions/{session}/invites/{invite}/revoke", params(("session" = SessionId, Path), ("invite" = InviteId, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn revoke_invite(
    State(app): State<App>,
    permit: SessionPermit,
    Path(ids): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    let id = ids.1.parse().map_err(|_| Problem::new(Kind::NotFound, "There is no such link."))?;
    invite::revoke(&app, &permit, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a waiting guest in.
#[utoipa::path(post, path = "/api/sessions/{session}/participants/{participant}/admit", params(("session" = SessionId, Path), ("participant" = ParticipantId, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn admit(
    State(app): State<App>,
    permit: SessionPermit,
    Path(ids): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    guest::admit(&app, &permit, participant(&ids.1)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Turns a waiting guest away.
#[utoipa::path(post, path = "/api/sessions/{session}/participants/{participant}/decline", params(("session" = SessionId, Path), ("participant" = ParticipantId, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn decline(
    State(app): State<App>,
    permit: SessionPermit,
    Path(ids): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    guest::decline(&app, &permit, participant(&ids.1)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows both sides one still.
#[utoipa::path(post, path = "/api/sessions/{session}/freeze", params(("session" = SessionId, Path)), request_body = Freeze,
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn freeze(
    State(app): State<App>,
    permit: SessionPermit,
    Body(request): Body<Freeze>,
) -> Result<StatusCode, Refusal> {
    session::freeze(&app, &permit, request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Back to live.
#[utoipa::path(post, path = "/api/sessions/{session}/unfreeze", params(("session" = SessionId, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn unfreeze(State(app): State<App>, permit: SessionPermit) -> Result<StatusCode, Refusal> {
    session::unfreeze(&app, &permit).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The note.
#[utoipa::path(get, path = "/api/sessions/{session}/note", params(("session" = SessionId, Path)),
    responses((status = 200, body = Note), (status = "4XX", body = Problem)))]
pub(super) async fn read_note(State(app): State<App>, permit: SessionPermit) -> Result<Json<Note>, Refusal> {
    Ok(Json(session::read_note(&app, &permit).await?))
}

/// Writes the note.
#[utoipa::path(put, path = "/api/sessions/{session}/note", params(("session" = SessionId, Path)), request_body = WriteNote,
    responses((status = 200, body = NoteWritten), (status = "4XX", body = Problem)))]
pub(super) async fn write_note(
    State(app): State<App>,
    permit: SessionPermit,
    Body(request): Body<WriteNote>,
) -> Result<Json<NoteWritten>, Refusal> {
    Ok(Json(session::write_note(&app, &permit, request).await?))
}

/// Ends the session.
#[utoipa::path(post, path = "/api/sessions/{session}/end", params(("session" = SessionId, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn end(State(app): State<App>, permit: SessionPermit) -> Result<StatusCode, Refusal> {
    session::end(&app, &permit).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The session's entries of the audit log.
#[utoipa::path(get, path = "/api/sessions/{session}/log", params(("session" = SessionId, Path)),
    responses((status = 200, body = SessionLog), (status = "4XX", body = Problem)))]
pub(super) async fn read_log(State(app): State<App>, permit: SessionPermit) -> Result<Json<SessionLog>, Refusal> {
    Ok(Json(session::read_log(&app, &permit).await?))
}

/// A ticket to the realtime plane: everything of the session.
#[utoipa::path(post, path = "/api/sessions/{session}/tickets", params(("session" = SessionId, Path)),
    responses((status = 200, body = Ticket), (status = "4XX", body = Problem)))]
pub(super) async fn ticket(State(app): State<App>, permit: SessionPermit) -> Result<Json<Ticket>, Refusal> {
    Ok(Json(realtime::staff_ticket(&app, &permit).await?))
}

/// The realtime plane over WebSocket (sub-protocol `qmux-01.moq-lite-05`), where UDP is blocked.
#[utoipa::path(get, path = "/api/sessions/{session}/realtime", params(("session" = SessionId, Path)),
    responses((status = 101), (status = "4XX", body = Problem)))]
pub(super) async fn realtime(
    State(app): State<App>,
    permit: SessionPermit,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let scope = realtime::staff_socket(&app, &permit).await?;
    realtime::upgrade(&app, scope, upgrade).map_err(Refusal)
}

fn participant(id: &str) -> Result<ParticipantId, Problem> {
    id.parse().map_err(|_| Problem::new(Kind::NotFound, "There is no such person in this session."))
}
