//! The HTTPS half: small requests with JSON both ways, the guest's cookie kept here, every answer bounded before it is
//! parsed, and refusals as RFC 9457 problems.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use handlens_protocol::api::{GuestEvent, GuestView, Peek, Ticket};
use handlens_protocol::{Kind, Problem, Secret};
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::time::timeout;
use url::Url;

use crate::clock;
use crate::config::Link;
use crate::courier::Courier;
use crate::error::Error;
use crate::events::Parser;
use crate::tls;

/// Bytes of an answer.
const ANSWER_BYTES: usize = 256 * 1024;
/// Longer than a request takes on any network a call is possible on; the visit's own patience is a little longer.
const REQUEST: Duration = Duration::from_secs(10);
/// A connection that carries a stream is asked so often whether it is alive, and has so long to say so: a phone that changed
/// its network would else wait for the silence below.
const ALIVE: Duration = Duration::from_secs(5);
/// The server says something on an event stream every 15 s.
const EVENTS_SILENCE: Duration = Duration::from_secs(40);
/// The guest's cookie.
const COOKIE: &str = "__Host-handlens-guest";
/// Characters of a cookie's value.
const COOKIE_CHARS: usize = 256;

/// Why a request brought nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server said no.
    Refused(Box<Problem>),
    /// No answer came.
    Unreachable,
    /// One came that is no answer.
    NotUnderstood,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(problem) => Self::Refused(problem),
            Failure::Unreachable => Self::Unreachable,
            Failure::NotUnderstood => Self::NotUnderstood,
        }
    }
}

/// One server, as one guest.
pub(crate) struct Http {
    client: reqwest::Client,
    origin: Url,
    cookie: Mutex<Option<Secret<String>>>,
    /// What to add to this device's clock to have the server's, µs; 0 until the server complained.
    offset_us: AtomicI64,
}

impl Http {
    pub(crate) fn new(link: &Link) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::platform(&[b"h2", b"http/1.1"])?)
            .user_agent(concat!("handlens/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(REQUEST)
            .http2_keep_alive_interval(ALIVE)
            .http2_keep_alive_timeout(ALIVE)
            .build()?;
        Ok(Self { client, origin: link.origin().clone(), cookie: Mutex::default(), offset_us: AtomicI64::new(0) })
    }

    /// The server: scheme, host, port.
    pub(crate) const fn origin(&self) -> &Url {
        &self.origin
    }

    /// Uploads as this guest, once there is a login.
    pub(crate) fn courier(&self) -> Option<Courier> {
        Some(Courier::new(self.client.clone(), self.origin.clone(), self.cookie()?))
    }

    /// The connections, for other requests.
    pub(crate) fn client(&self) -> reqwest::Client {
        self.client.clone()
    }

    /// The `Cookie` header of this guest, for the WebSocket.
    pub(crate) fn cookie(&self) -> Option<HeaderValue> {
        let held = self.cookie.lock().unwrap_or_else(PoisonError::into_inner);
        let mut value = HeaderValue::from_str(&format!("{COOKIE}={}", held.as_ref()?.expose())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Unix time for signatures: this device's, or the server's once this one proved wrong.
    pub(crate) fn now_us(&self) -> u64 {
        clock::unix_us().saturating_add_signed(self.offset_us.load(Ordering::Relaxed))
    }

    pub(crate) async fn peek(&self, secret: &Secret<String>) -> Result<Peek, Failure> {
        self.ask(Method::POST, "/api/invites/peek", Some(&json!({ "secret": secret.expose() }))).await
    }

    pub(crate) async fn redeem(&self, body: &Value) -> Result<GuestView, Failure> {
        let response = self.send(Method::POST, "/api/invites/redeem", Some(body)).await?;
        if let Some(cookie) = cookie_of(response.headers()) {
            *self.cookie.lock().unwrap_or_else(PoisonError::into_inner) = Some(cookie);
        }
        parse(&whole(response).await?)
    }

    pub(crate) async fn ticket(&self) -> Result<Ticket, Failure> {
        self.ask(Method::POST, "/api/guest/tickets", Some(&json!({}))).await
    }

    pub(crate) async fn consent(&self, body: &Value) -> Result<(), Failure> {
        self.send(Method::POST, "/api/guest/consents", Some(body)).await.map(|_| ())
    }

    pub(crate) async fn leave(&self) -> Result<(), Failure> {
        self.send(Method::POST, "/api/guest/leave", Some(&json!({}))).await.map(|_| ())
    }

    pub(crate) async fn decline_photo(&self, request: handlens_protocol::RequestId) -> Result<(), Failure> {
        self.send(Method::POST, "/api/guest/photos/decline", Some(&json!({ "request": request }))).await.map(|_| ())
    }

    /// Opens the waiting room's events.
    pub(crate) async fn events(&self) -> Result<Events, Failure> {
        let request = self.request(Method::GET, "/api/guest/events", None)?;
        // Also a refusal has a body that may never come.
        let opened = timeout(REQUEST, async {
            let response = request.send().await.map_err(|_| Failure::Unreachable)?;
            self.accepted(response).await
        });
        let response = opened.await.map_err(|_| Failure::Unreachable)??;
        Ok(Events { stream: response.bytes_stream().boxed(), parser: Parser::default(), whole: VecDeque::new() })
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&Value>) -> Result<T, Failure> {
        parse(&whole(self.send(method, path, body).await?).await?)
    }

    /// Sends, and waits for a head that says yes.
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response, Failure> {
        let request = self.request(method, path, body)?.timeout(REQUEST);
        let response = request.send().await.map_err(|_| Failure::Unreachable)?;
        self.accepted(response).await
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<reqwest::RequestBuilder, Failure> {
        let url = self.origin.join(path).map_err(|_| Failure::NotUnderstood)?;
        let mut request = self.client.request(method, url);
        if let Some(cookie) = self.cookie() {
            request = request.header(header::COOKIE, cookie);
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        Ok(request)
    }

    async fn accepted(&self, response: Response) -> Result<Response, Failure> {
        if response.status().is_success() {
            return Ok(response);
        }
        let date = response.headers().get(header::DATE).cloned();
        let problem: Problem = parse(&whole(response).await?)?;
        if problem.code == Kind::StaleStatement
            && let Some(server_us) = date.as_ref().and_then(time_of)
        {
            let offset = i128::from(server_us) - i128::from(clock::unix_us());
            self.offset_us.store(i64::try_from(offset).unwrap_or(0), Ordering::Relaxed);
        }
        Err(Failure::Refused(Box::new(problem)))
    }
}

/// The waiting room's events as they come.
pub(crate) struct Events {
    stream: BoxStream<'static, reqwest::Result<Bytes>>,
    parser: Parser,
    whole: VecDeque<Vec<u8>>,
}

impl Events {
    /// The next event; `None` when the server ended the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<GuestEvent>, Failure> {
        loop {
            if let Some(event) = self.whole.pop_front() {
                return parse(&event).map(Some);
            }
            let next = timeout(EVENTS_SILENCE, self.stream.next()).await.map_err(|_| Failure::Unreachable)?;
            let Some(bytes) = next else { return Ok(None) };
            let bytes = bytes.map_err(|_| Failure::Unreachable)?;
            let read = self.parser.push(&bytes, |name, data| {
                if name == b"state" {
                    self.whole.push_back(data.to_vec());
                }
            });
            read.map_err(|_| Failure::NotUnderstood)?;
        }
    }
}

/// A body, up to its bound.
pub(crate) async fn whole(response: Response) -> Result<Vec<u8>, Failure> {
    let mut stream = response.bytes_stream();
    let mut body = Vec::new();
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(|_| Failure::Unreachable)?;
        if body.len() + bytes.len() > ANSWER_BYTES {
            return Err(Failure::NotUnderstood);
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}

pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::NotUnderstood)
}

fn cookie_of(headers: &HeaderMap) -> Option<Secret<String>> {
    let ours = |value: &HeaderValue| {
        let pair = value.to_str().ok()?.split(';').next()?.trim();
        let (name, value) = pair.split_once('=')?;
        let fits = name == COOKIE && value.len() <= COOKIE_CHARS && !value.is_empty();
        fits.then(|| Secret::new(value.to_owned()))
    };
    headers.get_all(header::SET_COOKIE).iter().find_map(ours)
}

/// An HTTP date, µs since the Unix epoch.
fn time_of(date: &HeaderValue) -> Option<u64> {
    let text = date.to_str().ok()?.replace("GMT", "+0000");
    let time = OffsetDateTime::parse(&text, &Rfc2822).ok()?;
    u64::try_from(time.unix_timestamp()).ok()?.checked_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server's clock is read as RFC 9110 writes it, and what is no date is none.
    #[test]
    fn a_date_is_read() {
        let date = HeaderValue::from_static("Mon, 23 Nov 2026 12:00:00 GMT");
        assert_eq!(time_of(&date), Some(1_795_435_200_000_000));
        assert_eq!(time_of(&HeaderValue::from_static("yesterday")), None);
    }

    /// Only the guest's own cookie is taken, without its attributes.
    #[test]
    fn the_guest_s_cookie_is_taken() {
        let mut headers = HeaderMap::new();
        headers.append(header::SET_COOKIE, HeaderValue::from_static("other=1; Path=/"));
        assert!(cookie_of(&headers).is_none());
        headers.append(header::SET_COOKIE, HeaderValue::from_static("__Host-handlens-guest=abc_-; Path=/; Secure"));
        assert_eq!(cookie_of(&headers).unwrap().expose(), "abc_-");
    }
}
