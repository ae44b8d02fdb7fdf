//! What a link can do before anybody is known: look, redeem, refuse, ask again. Every try of an address is counted.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use handlens_protocol::Problem;
use handlens_protocol::api::{GuestView, InviteSecret, Peek, Redeem};
use handlens_protocol::limits::LATE_UPLOAD_SECONDS;

use super::{Body, Refusal, cookie};
use crate::access::Stranger;
use crate::app::App;
use crate::identity::GUEST_SECONDS;
use crate::{guest, invite};

/// What the patient's page needs. Spends nothing.
#[utoipa::path(post, path = "/api/invites/peek", request_body = InviteSecret,
    responses((status = 200, body = Peek), (status = "4XX", body = Problem)))]
pub(super) async fn peek(
    State(app): State<App>,
    stranger: Stranger,
    Body(request): Body<InviteSecret>,
) -> Result<Json<Peek>, Refusal> {
    app.attempts.address(stranger.address)?;
    Ok(Json(invite::peek(&app, &stranger, &request.secret).await?))
}

/// Binds the link to this device's key; the same key gets in again.
#[utoipa::path(post, path = "/api/invites/redeem", request_body = Redeem,
    responses((status = 200, body = GuestView), (status = "4XX", body = Problem)))]
pub(super) async fn redeem(
    State(app): State<App>,
    stranger: Stranger,
    Body(request): Body<Redeem>,
) -> Result<(HeaderMap, Json<GuestView>), Refusal> {
    app.attempts.address(stranger.address)?;
    let bound = invite::redeem(&app, &stranger, &request).await?;
    let mut headers = HeaderMap::new();
    // The browser keeps it for as long as it could be of use; what it still opens is the guard's to say.
    let kept = GUEST_SECONDS + LATE_UPLOAD_SECONDS;
    headers.insert(header::SET_COOKIE, cookie::give(cookie::GUEST, &bound.token, kept)?);
    let view = guest::view_of(&app, bound.organisation, bound.session, bound.participant).await?;
    Ok((headers, Json(view)))
}

/// "Not me": the link is turned off.
#[utoipa::path(post, path = "/api/invites/refuse", request_body = InviteSecret,
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn refuse(
    State(app): State<App>,
    stranger: Stranger,
    Body(request): Body<InviteSecret>,
) -> Result<StatusCode, Refusal> {
    app.attempts.address(stranger.address)?;
    invite::refuse(&app, &stranger, &request.secret).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// "Ask for a new text": shown in the console.
#[utoipa::path(post, path = "/api/invites/again", request_body = InviteSecret,
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn again(
    State(app): State<App>,
    stranger: Stranger,
    Body(request): Body<InviteSecret>,
) -> Result<StatusCode, Refusal> {
    app.attempts.address(stranger.address)?;
    invite::again(&app, &stranger, &request.secret).await?;
    Ok(StatusCode::NO_CONTENT)
}
