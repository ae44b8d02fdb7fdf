//! The guard before every route: the request's number, the table, the cookie, the origin.

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use handlens_protocol::limits::LATE_UPLOAD_SECONDS;
use handlens_protocol::{Kind, Problem, RequestId};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{GuestPermit, Row, Staff, Stranger, UploadPermit, Who, row};
use crate::app::{App, fault};
use crate::http::{Refusal, cookie};
use crate::identity;
use crate::store::participant::Guest;
use crate::store::{account, participant};

/// Middleware: lets a request through to its handler, with its permission, or answers it.
pub async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match admit(&app, &mut request).await {
        Ok(id) => {
            let mut response = next.run(request).await;
            if let Ok(value) = id.to_string().parse() {
                response.headers_mut().insert("x-request-id", value);
            }
            response
        }
        Err(problem) => Refusal(problem).into_response(),
    }
}

async fn admit(app: &App, request: &mut Request) -> Result<RequestId, Problem> {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let row =
        row(request.method().as_str(), path).ok_or_else(|| Problem::new(Kind::Forbidden, "This is not allowed."))?;
    same_site(app, request, row)?;
    let id = RequestId::random().map_err(fault)?;
    let headers = request.headers();
    match row.who {
        Who::Anyone => {
            let address = client(app, request);
            request.extensions_mut().insert(Stranger { request: id, address });
        }
        Who::Staff(roles) => {
            let login = match token(headers, cookie::STAFF) {
                Some(hash) => account::login(&mut *app.store.reader().await?, &hash, app.clock.now_us()).await?,
                None => None,
            };
            let login = login.ok_or_else(|| {
                Problem::new(Kind::NotLoggedIn, "You are not logged in, or were logged out. Log in again.")
            })?;
            let reach = roles.iter().find(|(role, _)| *role == login.account.role).map(|(_, reach)| *reach);
            let reach = reach.ok_or_else(|| Problem::new(Kind::Forbidden, "Your role does not allow this."))?;
            request.extensions_mut().insert(Staff { account: login.account, login: login.id, request: id, reach });
        }
        Who::Guest => {
            let permit = GuestPermit::new(guest(app, headers, 0).await?, id);
            app.attempts.guest(permit.participant())?;
            request.extensions_mut().insert(permit);
        }
        Who::Uploader => {
            let permit = GuestPermit::new(guest(app, headers, LATE_UPLOAD_SECONDS * 1_000_000).await?, id);
            app.attempts.uploader(permit.participant())?;
            request.extensions_mut().insert(UploadPermit::new(permit));
        }
    }
    Ok(id)
}

/// The guest whose cookie it is, also for `late_us` after a session that their binding lasted through.
async fn guest(app: &App, headers: &HeaderMap, late_us: u64) -> Result<Guest, Problem> {
    let now_us = app.clock.now_us();
    let found = match token(headers, cookie::GUEST) {
        Some(hash) => participant::by_token(&mut *app.store.reader().await?, &hash, now_us, late_us).await?,
        None => None,
    };
    found.ok_or_else(|| Problem::new(Kind::NotLoggedIn, "Open the link you were sent again."))
}

/// No other site may make a browser do anything here: what changes something must come from our own pages, a WebSocket
/// must say so. A program that is no browser sends neither header, and no cookie that it was not given.
fn same_site(app: &App, request: &Request, row: &Row) -> Result<(), Problem> {
    let headers = request.headers();
    let foreign = || Problem::new(Kind::ForeignOrigin, "This request came from another site.");
    let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("?"));
    match origin {
        Some(origin) if !app.address.is_ours(origin) => return Err(foreign()),
        None if row.socket => return Err(foreign()),
        Some(_) | None => {}
    }
    let site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or("?"));
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    match site {
        None | Some("same-origin") => Ok(()),
        Some("none") if reading && !row.socket => Ok(()),
        Some(_) => Err(foreign()),
    }
}

fn token(headers: &HeaderMap, name: &str) -> Option<[u8; 32]> {
    cookie::read(headers, name).and_then(|value| identity::hash(value, 32))
}

fn client(app: &App, request: &Request) -> IpAddr {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    app.address.client(peer, &forwarded(request.headers()))
}

/// What every proxy on the way said: a header of several lines is one list.
fn forwarded(headers: &HeaderMap) -> String {
    let lines = headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap_or("?"));
    lines.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nearest proxy may add a line of its own: its word is the last one of all lines.
    #[test]
    fn forwarded_for_is_read_whole() {
        let mut headers = HeaderMap::new();
        assert_eq!(forwarded(&headers), "");
        headers.append("x-forwarded-for", "1.2.3.4, 5.6.7.8".parse().unwrap());
        headers.append("x-forwarded-for", "198.51.100.7".parse().unwrap());
        assert_eq!(forwarded(&headers), "1.2.3.4, 5.6.7.8,198.51.100.7");
    }
}
