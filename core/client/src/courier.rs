//! Uploads over HTTPS, in the shape of tus 1.0 (<https://tus.io/protocols/resumable-upload>): each request of
//! `handlens-upload` is one of HTTP, and its answer is bounded before it is looked at.

use std::time::Duration;

use handlens_protocol::{Kind, ObjectId, Secret};
use handlens_upload::{Answer, Request};
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::http::{self, Failure};

/// Longer than the machine waits for an answer.
const PATIENCE: Duration = Duration::from_secs(35);
/// Where uploads are.
const UPLOADS: &str = "/api/guest/uploads";

/// One server, and the login that this device sends to it with. Does not print.
pub(crate) struct Courier {
    client: reqwest::Client,
    origin: Url,
    cookie: HeaderValue,
}

impl Courier {
    /// To `origin`, with a guest's `Cookie` header.
    pub(crate) const fn new(client: reqwest::Client, origin: Url, cookie: HeaderValue) -> Self {
        Self { client, origin, cookie }
    }

    /// What this is made from again after a restart, to be kept sealed.
    pub(crate) fn pass(&self) -> Option<Secret<Vec<u8>>> {
        let pass = json!({"origin": self.origin, "cookie": self.cookie.to_str().ok()?});
        serde_json::to_vec(&pass).ok().map(Secret::new)
    }

    /// Made from a pass.
    pub(crate) fn of(client: reqwest::Client, pass: &Secret<Vec<u8>>) -> Option<Self> {
        let pass: Value = serde_json::from_slice(pass.expose()).ok()?;
        let origin = pass["origin"].as_str()?.parse().ok()?;
        let mut cookie = HeaderValue::from_str(pass["cookie"].as_str()?).ok()?;
        cookie.set_sensitive(true);
        Some(Self { client, origin, cookie })
    }

    /// Sends one request; `part` are the bytes of a [`Request::Part`].
    pub(crate) async fn send(&self, object: ObjectId, request: Request, part: Vec<u8>) -> Answer {
        let answer = match request {
            Request::Announce { bytes, metadata } => {
                let request = self.request(Method::POST, UPLOADS);
                self.offset(
                    request.map(|request| request.header("Upload-Length", bytes).header("Upload-Metadata", metadata)),
                )
                .await
            }
            Request::Ask => self.offset(self.request(Method::HEAD, &format!("{UPLOADS}/{object}"))).await,
            Request::Part { offset, .. } => {
                let request = self.request(Method::PATCH, &format!("{UPLOADS}/{object}"));
                let with = |request: RequestBuilder| {
                    let request = request.header("Upload-Offset", offset);
                    request.header(CONTENT_TYPE, "application/offset+octet-stream").body(part)
                };
                self.offset(request.map(with)).await
            }
            Request::Receipt => self.receipt(object).await,
        };
        answer.unwrap_or_else(|failure| match failure {
            Failure::Refused(problem) => Answer::Refused(problem.code),
            Failure::Unreachable | Failure::NotUnderstood => Answer::Unreachable,
        })
    }

    async fn receipt(&self, object: ObjectId) -> Result<Answer, Failure> {
        let response = self.accepted(self.request(Method::GET, &format!("{UPLOADS}/{object}/receipt"))?).await?;
        http::parse(&http::whole(response).await?).map(|receipt| Answer::Receipt(Box::new(receipt)))
    }

    async fn offset(&self, request: Result<RequestBuilder, Failure>) -> Result<Answer, Failure> {
        let response = self.accepted(request?).await?;
        let offset = response.headers().get("Upload-Offset").and_then(|offset| offset.to_str().ok()?.parse().ok());
        offset.map(Answer::At).ok_or(Failure::NotUnderstood)
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        let url = self.origin.join(path).map_err(|_| Failure::NotUnderstood)?;
        let request = self.client.request(method, url).timeout(PATIENCE);
        Ok(request.header(COOKIE, self.cookie.clone()).header("Tus-Resumable", "1.0.0"))
    }

    async fn accepted(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|_| Failure::Unreachable)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = http::whole(response).await?;
        // An answer to HEAD has no body.
        let problem = if body.is_empty() { problem_of(status)? } else { http::parse(&body)? };
        Err(Failure::Refused(Box::new(problem)))
    }
}

/// What a status alone says.
fn problem_of(status: StatusCode) -> Result<handlens_protocol::Problem, Failure> {
    let kind = match status {
        StatusCode::UNAUTHORIZED => Kind::NotLoggedIn,
        StatusCode::FORBIDDEN => Kind::Forbidden,
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::GONE => Kind::SessionEnded,
        StatusCode::TOO_MANY_REQUESTS => Kind::TooMany,
        status if status.is_server_error() => Kind::Internal,
        _ => return Err(Failure::NotUnderstood),
    };
    Ok(handlens_protocol::Problem::new(kind, kind.title()))
}
