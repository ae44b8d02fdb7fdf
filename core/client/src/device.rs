//! What this device signs: that it redeems a link, and what its owner allows.
//!
//! The key is P-256 and made for one visit. Where it is kept is the platform's: a [`Keeper`]. The bytes that are signed
//! are those of `handlens-seal::signature` over the fields of `handlens-protocol::consent`.

mod folder;
#[cfg(test)]
mod vectors;

use std::fmt;
use std::io;

use data_encoding::BASE64URL_NOPAD;
use handlens_protocol::api::{GuestView, Wording};
use handlens_protocol::consent::{DOMAIN, Decision, Purpose, REDEEM_DOMAIN, Statement, redeem_fields};
use handlens_protocol::limits::DEVICE_CHARS;
use handlens_seal::signature::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub use folder::Folder;

use crate::config::Link;
use crate::error::Error;

/// A statement is accepted for so long, µs: half of what the server allows, for clocks that are off.
const LIFE_US: u64 = 150 * 1_000_000;

/// Where a device's key lives while a visit lasts, so that a program that was killed is still the same device.
///
/// Called from the visit's task, a few times in a visit; it may take as long as a key store takes.
pub trait Keeper: Send + Sync {
    /// The key that was kept, whatever link it is for.
    ///
    /// # Errors
    /// When there may be one and it cannot be read.
    fn load(&self) -> io::Result<Option<Kept>>;

    /// Keeps a key in place of the one before.
    ///
    /// # Errors
    /// When it was not kept.
    fn keep(&self, key: &Kept) -> io::Result<()>;

    /// The visit is over: the key dies.
    ///
    /// # Errors
    /// When it is still there.
    fn forget(&self) -> io::Result<()>;
}

/// A key, and the link it was made for. Does not print.
pub struct Kept {
    /// SHA-256 of the link's secret.
    pub link: [u8; 32],
    /// The private scalar, 32 bytes, big-endian.
    pub key: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(…)")
    }
}

/// Keeps nothing: whoever is killed has to ask for the place again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgetful;

impl Keeper for Forgetful {
    fn load(&self) -> io::Result<Option<Kept>> {
        Ok(None)
    }

    fn keep(&self, _: &Kept) -> io::Result<()> {
        Ok(())
    }

    fn forget(&self) -> io::Result<()> {
        Ok(())
    }
}

/// The key for the visit that `link` begins: the one that was kept for it, or a new one.
pub(crate) fn key_for(link: &Link, keeper: &dyn Keeper) -> Result<SigningKey, Error> {
    let kept = keeper.load().map_err(Error::Keeper)?.filter(|kept| kept.link == link.hash());
    if let Some(kept) = kept {
        return Ok(SigningKey::from_bytes(&*kept.key)?);
    }
    let key = SigningKey::random()?;
    keeper.keep(&Kept { link: link.hash(), key: key.expose() }).map_err(Error::Keeper)?;
    Ok(key)
}

/// The body of a redemption.
pub(crate) fn redemption(
    key: &SigningKey,
    link: &Link,
    device: &str,
    take_over: bool,
    now_us: u64,
) -> Result<Value, Error> {
    let public = key.public().to_sec1();
    let expires_us = now_us.saturating_add(LIFE_US);
    let fields = redeem_fields(&link.hash(), &public, expires_us);
    Ok(json!({
        "secret": link.secret().expose(),
        "public_key": BASE64URL_NOPAD.encode(&public),
        "expires_us": expires_us,
        "signature": signed(key, REDEEM_DOMAIN, &fields)?,
        "device": device.chars().take(DEVICE_CHARS).collect::<String>(),
        "take_over": take_over,
    }))
}

/// The body of a signed decision over the words that were shown.
pub(crate) fn statement(
    key: &SigningKey,
    view: &GuestView,
    wording: &Wording,
    purpose: Purpose,
    decision: Decision,
    now_us: u64,
) -> Result<Value, Error> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)?;
    let statement = Statement {
        organisation: view.organisation,
        session: view.session,
        participant: view.participant,
        purpose,
        decision,
        wording_sha256: Sha256::digest(wording.text.as_bytes()).into(),
        language: &wording.language,
        nonce,
        expires_us: now_us.saturating_add(LIFE_US),
    };
    Ok(json!({
        "purpose": purpose.as_str(),
        "decision": decision.as_str(),
        "wording_sha256": BASE64URL_NOPAD.encode(&statement.wording_sha256),
        "language": statement.language,
        "nonce": BASE64URL_NOPAD.encode(&nonce),
        "expires_us": statement.expires_us,
        "signature": signed(key, DOMAIN, &statement.fields())?,
    }))
}

fn signed(key: &SigningKey, domain: &str, fields: &[Vec<u8>]) -> Result<String, Error> {
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    Ok(BASE64URL_NOPAD.encode(&key.sign(domain, &fields)?))
}
