//! JSON bodies: bounded before they are parsed, unknown keys refused.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use handlens_protocol::limits::BODY_BYTES;
use handlens_protocol::{Kind, Problem};
use serde::de::DeserializeOwned;

use super::Refusal;
use crate::app::App;

/// A request's body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let refuse = |kind, detail: String| Refusal(Problem::new(kind, detail));
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
        if kind != Some("application/json") {
            return Err(refuse(Kind::Malformed, "The body must be application/json.".to_owned()));
        }
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                refuse(Kind::TooLarge, format!("The body is larger than {BODY_BYTES} bytes."))
            } else {
                refuse(Kind::Malformed, "The body did not arrive.".to_owned())
            }
        })?;
        // What serde says may repeat a value that must not be repeated: only the place is told.
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            refuse(
                Kind::Malformed,
                format!("The body is not understood at line {}, column {}.", error.line(), error.column()),
            )
        })
    }
}

/// Middleware: no body is read beyond the limit.
pub(super) async fn bounded(mut request: Request, next: Next) -> Response {
    DefaultBodyLimit::max(BODY_BYTES).apply(&mut request);
    next.run(request).await
}
