//! Health, first start, login.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use handlens_protocol::Problem;
use handlens_protocol::api::{Login, Me, Setup, SetupState};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Body, Refusal, cookie};
use crate::access::{Staff, Stranger};
use crate::app::App;
use crate::guest::host;
use crate::identity::{self, LOGIN_SECONDS};
use crate::store::account::Account;

/// That the server answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
    /// The version of the program.
    version: &'static str,
}

/// Whether the server answers, and which version it is.
#[utoipa::path(get, path = "/api/health", responses((status = 200, body = Health)))]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Whether the first start still waits for its Super Admin.
#[utoipa::path(get, path = "/api/setup", responses((status = 200, body = SetupState)))]
pub(super) async fn setup_state(State(app): State<App>) -> Json<SetupState> {
    Json(SetupState { open: app.setup.is_open() })
}

/// Makes the organisation and its first Super Admin, once.
#[utoipa::path(post, path = "/api/setup", request_body = Setup,
    responses((status = 200, body = Me), (status = "4XX", body = Problem)))]
pub(super) async fn set_up(
    State(app): State<App>,
    stranger: Stranger,
    Body(request): Body<Setup>,
) -> Result<(HeaderMap, Json<Me>), Refusal> {
    app.attempts.address(stranger.address)?;
    let account = identity::set_up(&app, request, stranger.request).await?;
    let token = identity::begin(&app, &account, stranger.request).await?;
    logged_in(&app, account, &token).await
}

/// Logs in with e-mail and password.
#[utoipa::path(post, path = "/api/login", request_body = Login,
    responses((status = 200, body = Me), (status = "4XX", body = Problem)))]
pub(super) async fn log_in(
    State(app): State<App>,
    stranger: Stranger,
    Body(request): Body<Login>,
) -> Result<(HeaderMap, Json<Me>), Refusal> {
    app.attempts.address(stranger.address)?;
    app.attempts.account(&request.email)?;
    let (account, token) = identity::log_in(&app, request, stranger.request).await?;
    logged_in(&app, account, &token).await
}

/// Logs out: the cookie, event streams and realtime leases of this login end.
#[utoipa::path(post, path = "/api/logout", responses((status = 204), (status = "4XX", body = Problem)))]
pub(super) async fn log_out(State(app): State<App>, staff: Staff) -> Result<(StatusCode, HeaderMap), Refusal> {
    identity::log_out(&app, &staff).await?;
    let mut headers = HeaderMap::new();
    if let Some(value) = cookie::take(cookie::STAFF) {
        headers.insert(header::SET_COOKIE, value);
    }
    Ok((StatusCode::NO_CONTENT, headers))
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/me", responses((status = 200, body = Me), (status = "4XX", body = Problem)))]
pub(super) async fn me(State(app): State<App>, staff: Staff) -> Result<Json<Me>, Refusal> {
    Ok(Json(described(&app, staff.account).await?))
}

async fn logged_in(app: &App, account: Account, token: &identity::Token) -> Result<(HeaderMap, Json<Me>), Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert(header::SET_COOKIE, cookie::give(cookie::STAFF, token, LOGIN_SECONDS)?);
    Ok((headers, Json(described(app, account).await?)))
}

async fn described(app: &App, account: Account) -> Result<Me, Problem> {
    Ok(Me {
        user: account.id,
        organisation_name: host(app, account.organisation).await?.organisation,
        name: account.name,
        email: account.email,
        role: account.role,
        organisation: account.organisation,
    })
}
