//! Photos: asked for and looked at by staff, refused by a guest.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use handlens_protocol::api::{AskPhoto, DeclinePhoto};
use handlens_protocol::snapshot::MEDIA_TYPE;
use handlens_protocol::{Kind, ObjectId, Problem, SessionId};

use super::{Body, Refusal};
use crate::access::{GuestPermit, SessionPermit};
use crate::app::App;
use crate::photo;

/// Asks one guest for a photo, in place of what was asked for before.
#[utoipa::path(post, path = "/api/sessions/{session}/photos", params(("session" = SessionId, Path)), request_body = AskPhoto,
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn ask(
    State(app): State<App>,
    permit: SessionPermit,
    Body(request): Body<AskPhoto>,
) -> Result<StatusCode, Refusal> {
    photo::ask(&app, &permit, request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A stored snapshot, opened. Reading it is a log entry.
#[utoipa::path(get, path = "/api/sessions/{session}/snapshots/{object}",
    params(("session" = SessionId, Path), ("object" = ObjectId, Path)),
    responses((status = 200, body = [u8], content_type = "application/vnd.handlens.snapshot"), (status = "4XX", body = Problem)))]
pub(super) async fn read(
    State(app): State<App>,
    permit: SessionPermit,
    Path(ids): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let id = ids.1.parse().map_err(|_| Problem::new(Kind::NotFound, "There is no such photo in this session."))?;
    let opened = photo::read(&app, &permit, id).await?;
    // Wiped when the answer is out. Never rendered as a page of ours, whatever is inside.
    let headers = [
        (header::CONTENT_TYPE, MEDIA_TYPE),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_DISPOSITION, "attachment"),
    ];
    Ok((headers, Bytes::from_owner(opened)).into_response())
}

/// "No" to a photo.
#[utoipa::path(post, path = "/api/guest/photos/decline", request_body = DeclinePhoto,
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn decline(
    State(app): State<App>,
    permit: GuestPermit,
    Body(request): Body<DeclinePhoto>,
) -> Result<StatusCode, Refusal> {
    photo::decline(&app, &permit, request).await?;
    Ok(StatusCode::NO_CONTENT)
}
