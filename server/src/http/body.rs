//! Bodies: bounded in size and time before anything looks at them. JSON is parsed strictly: unknown keys are refused.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use handlens_protocol::limits::BODY_BYTES;
use handlens_protocol::{Kind, Problem};
use serde::de::DeserializeOwned;

use super::Refusal;
use crate::app::{App, json_place};

/// How long a JSON body may take. The largest one needs 3 kB a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request's body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &App) -> Result<Self, Refusal> {
        let refuse = |kind, detail: String| Refusal(Problem::new(kind, detail));
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
        if kind != Some("application/json") {
            return Err(refuse(Kind::Malformed, "The body must be application/json.".to_owned()));
        }
        let bytes = whole(request, PATIENCE).await.map_err(|unread| match unread {
            Unread::TooLarge => refuse(Kind::TooLarge, format!("The body is larger than {BODY_BYTES} bytes.")),
            Unread::Lost => refuse(Kind::Malformed, "The body did not arrive.".to_owned()),
        })?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|why| refuse(Kind::Malformed, format!("The body is not understood at {}.", json_place(&why))))
    }
}

/// Why there is no body.
pub(super) enum Unread {
    /// It is beyond the limit that was set for it.
    TooLarge,
    /// It broke off, or took too long.
    Lost,
}

/// A whole body. Whoever sends a byte a minute would keep a place from others, so it is not waited for beyond `patience`.
pub(super) async fn whole(request: Request, patience: Duration) -> Result<Bytes, Unread> {
    match tokio::time::timeout(patience, Bytes::from_request(request, &())).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Unread::TooLarge),
        Ok(Err(_)) | Err(_) => Err(Unread::Lost),
    }
}

/// Middleware: no body is read beyond the limit.
pub(super) async fn bounded(mut request: Request, next: Next) -> Response {
    DefaultBodyLimit::max(BODY_BYTES).apply(&mut request);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream::{self, StreamExt as _};

    use super::*;

    /// A body that begins and never ends is given up; one that ends is read.
    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_not_waited_for() {
        let begun = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{"))]);
        let of = |body| Request::new(body);
        let slow = of(axum::body::Body::from_stream(begun.clone().chain(stream::pending())));
        let read = tokio::time::timeout(10 * PATIENCE, whole(slow, PATIENCE)).await.unwrap();
        assert!(matches!(read, Err(Unread::Lost)));
        let quick = of(axum::body::Body::from_stream(begun));
        assert!(matches!(whole(quick, PATIENCE).await, Ok(bytes) if bytes == b"{"[..]));
    }
}
