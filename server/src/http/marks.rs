//! Routes of marks.

use axum::Json;
use axum::extract::State;
use handlens_protocol::api::{MarksGone, UndoMark};
use handlens_protocol::mark::{Mark, NewMark};
use handlens_protocol::{Problem, SessionId};

use super::{Body, Refusal};
use crate::access::SessionPermit;
use crate::app::App;
use crate::mark;

/// Commits a mark. The same again has the same answer and changes nothing.
#[utoipa::path(post, path = "/api/sessions/{session}/marks", params(("session" = SessionId, Path)), request_body = NewMark,
    responses((status = 200, body = Mark), (status = "4XX", body = Problem)))]
pub(super) async fn commit(
    State(app): State<App>,
    permit: SessionPermit,
    Body(request): Body<NewMark>,
) -> Result<Json<Mark>, Refusal> {
    Ok(Json(mark::commit(&app, &permit, request).await?))
}

/// Takes away one of the caller's own marks. The same again has the same answer and changes nothing.
#[utoipa::path(post, path = "/api/sessions/{session}/marks/undo", params(("session" = SessionId, Path)),
    request_body = UndoMark, responses((status = 200, body = MarksGone), (status = "4XX", body = Problem)))]
pub(super) async fn undo(
    State(app): State<App>,
    permit: SessionPermit,
    Body(request): Body<UndoMark>,
) -> Result<Json<MarksGone>, Refusal> {
    Ok(Json(mark::undo(&app, &permit, request.mark).await?))
}

/// Takes away all of the caller's own marks.
#[utoipa::path(post, path = "/api/sessions/{session}/marks/clear", params(("session" = SessionId, Path)),
    responses((status = 200, body = MarksGone), (status = "4XX", body = Problem)))]
pub(super) async fn clear(State(app): State<App>, permit: SessionPermit) -> Result<Json<MarksGone>, Refusal> {
    Ok(Json(mark::clear(&app, &permit).await?))
}
