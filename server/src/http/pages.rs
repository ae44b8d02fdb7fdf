//! The pages: the console and the patient's page, built by `console/` and carried in the binary, with the headers that
//! keep them ours.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};
use handlens_protocol::{Kind, Problem};
use rust_embed::RustEmbed;

use super::Refusal;
use crate::app::App;

#[derive(RustEmbed)]
#[folder = "../console/dist"]
#[allow_missing = true]
struct Built;

/// A file of the build, or the page whose place it is.
pub(super) async fn page(method: Method, uri: Uri) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return Refusal(Problem::new(Kind::MethodNotAllowed, "Pages are only read.")).into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("assets/") {
        return match Built::get(path) {
            Some(file) => file_of(path, file.data.into_owned(), "public, max-age=31536000, immutable"),
            None => (StatusCode::NOT_FOUND, "There is no such file.").into_response(),
        };
    }
    if !path.ends_with(".html")
        && let Some(file) = Built::get(path)
    {
        return file_of(path, file.data.into_owned(), "no-cache");
    }
    let name = if path == "j" { "join.html" } else { "index.html" };
    match Built::get(name) {
        Some(file) => file_of(name, file.data.into_owned(), "no-cache"),
        None => (StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response(),
    }
}

/// Middleware: what a browser may do with our answers.
pub(super) async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // The UDP port is another origin to a browser; so is the WebSocket scheme to an older one.
    let udp = app.address.udp_url();
    let socket = app.address.websocket_url("/");
    let policy = format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' {} {}; img-src 'self' data: blob:; \
         media-src 'self' blob: mediastream:; worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        udp.trim_end_matches('/'),
        socket.trim_end_matches('/'),
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert(
        "permissions-policy",
        HeaderValue::from_static(
            "camera=(self), microphone=(self), screen-wake-lock=(self), geolocation=(), payment=(), usb=()",
        ),
    );
    if app.address.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

fn file_of(path: &str, bytes: Vec<u8>, cache: &'static str) -> Response {
    let kind = match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("json" | "webmanifest") => "application/json",
        Some("wasm") => "application/wasm",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)], bytes).into_response()
}

const NOT_BUILT: &str = "<!doctype html><html lang=en><title>Handlens</title><h1>The console is not built</h1>\
    <p>Run <code>cargo xtask demo</code>, which builds it, or <code>npm ci &amp;&amp; npm run build</code> in <code>console/</code>, \
    and build the program again.";
