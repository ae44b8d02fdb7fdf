//! The two cookies. `__Host-`: this host alone, HTTPS (or loopback), the whole site, never for a script.

use axum::http::{HeaderMap, HeaderValue, header};
use handlens_protocol::Problem;

use crate::app::fault;
use crate::identity::Token;

/// Staff.
pub const STAFF: &str = "__Host-handlens";
/// A guest's device.
pub const GUEST: &str = "__Host-handlens-guest";

/// The value of a cookie of the request.
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The header that gives a cookie.
///
/// # Errors
/// Never for our own tokens.
pub fn give(name: &str, token: &Token, seconds: u64) -> Result<HeaderValue, Problem> {
    let text = format!("{name}={}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict", *token.reveal());
    let mut value = HeaderValue::from_str(&text).map_err(fault)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The header that takes a cookie away.
pub fn take(name: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{name}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict")).ok()
}
