//! One entry: what happened, and its place in the log. Its canonical form is one line of strict JSON.
//!
//! Decoding re-encodes and demands the same bytes, so that every entry has exactly one form and a hash of that form is
//! a hash of what it says.

use data_encoding::BASE64;
use serde::Deserialize;
use tlog_tiles::{Hash, record_hash};

use crate::token::fits;
use crate::{Action, Commitment, Origin, Token, TokenError};

/// The longest canonical entry, in bytes; more than all fields at their longest need.
pub const MAX_ENTRY: usize = 2048;

/// What happened: everything of an entry but its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, in µs since 1970-01-01 UTC by the server's clock; at most 2^53 − 1.
    pub time_us: u64,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// To what.
    pub object: Object,
    /// How it ended.
    pub outcome: Outcome,
    /// How many like it this entry stands for: 1, or more where refusals of strangers are counted and not listed.
    pub count: u64,
    /// The request in which it happened, if there was one.
    pub request: Option<Token>,
    /// The session it belongs to, so that a session's log can be found.
    pub session: Option<Token>,
    /// The commitment to details that may be ePHI and are kept elsewhere, sealed.
    pub details: Option<Commitment>,
    /// In entry 0 only: the end of the log that this one continues.
    pub follows: Option<Follows>,
}

/// Who did it, as they were known at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person with an account.
    User(Principal),
    /// A person who came by a link.
    Guest(Principal),
    /// The server itself: the part of it that acted.
    System(Token),
    /// Somebody who proved nothing.
    Stranger,
}

/// A person whose identity was established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Immutable id; never an e-mail address.
    pub id: Token,
    /// The role held then.
    pub role: Token,
    /// How the identity was proven, for example `password.totp` or `device_key`.
    pub method: Token,
}

/// What it was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// `session`, `invite`, `user`, …
    pub kind: Token,
    /// Its id.
    pub id: Token,
}

/// Whether it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Ok,
    /// Not done; the stable code says why.
    Refused(Token),
}

/// The end of the log before this one: nothing after `size` belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Follows {
    /// Its origin.
    pub origin: Origin,
    /// Its number of entries, at least 1.
    pub size: u64,
    /// Its root at that size.
    pub root: Hash,
}

/// An event in its place, with its canonical bytes. Made by [`crate::Head::append`] or read by [`Entry::decode`].
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    origin: Origin,
    sequence: u64,
    previous: Hash,
    event: Event,
    bytes: Vec<u8>,
}

/// Why something is not an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Longer than [`MAX_ENTRY`].
    #[error("{0} bytes, where {MAX_ENTRY} are allowed")]
    TooLong(usize),
    /// Not JSON of the right shape; the column (from 1) where reading stopped.
    #[error("not an entry of version 1 (column {column})")]
    Shape {
        /// Column, from 1.
        column: usize,
    },
    /// A string that is not allowed.
    #[error("{field}: {error}")]
    Text {
        /// The key.
        field: &'static str,
        /// What is wrong with its value.
        error: TokenError,
    },
    /// A value outside what its key allows.
    #[error("{0}: not an allowed value")]
    Value(&'static str),
    /// The same meaning in other bytes: white space, another order, an escape.
    #[error("not in canonical form")]
    NotCanonical,
}

impl Entry {
    /// Reads a canonical line, without its line feed.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLong(bytes.len()));
        }
        let wire: Wire<'_> =
            serde_json::from_slice(bytes).map_err(|error| EntryError::Shape { column: error.column() })?;
        let entry = wire.entry()?;
        if entry.bytes == bytes { Ok(entry) } else { Err(EntryError::NotCanonical) }
    }

    /// Puts `event` into its place and checks it.
    pub(crate) fn new(origin: Origin, sequence: u64, previous: Hash, event: Event) -> Result<Self, EntryError> {
        check(sequence, &event)?;
        let bytes = encode(&origin, sequence, previous, &event).into_bytes();
        Ok(Self { origin, sequence, previous, event, bytes })
    }

    /// The log it stands in.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its place, from 0.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The hash of the entry before it; 32 zero bytes in entry 0.
    pub fn previous(&self) -> Hash {
        self.previous
    }

    /// What happened.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The canonical line, without a line feed. These bytes are what is stored, hashed and exported.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The RFC 6962 leaf hash of the canonical bytes.
    pub fn hash(&self) -> Hash {
        record_hash(&self.bytes)
    }
}

impl Actor {
    /// The word for the kind of actor.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Guest(_) => "guest",
            Self::System(_) => "system",
            Self::Stranger => "stranger",
        }
    }
}

fn check(sequence: u64, event: &Event) -> Result<(), EntryError> {
    if !fits(sequence) {
        return Err(EntryError::Value("sequence"));
    }
    if !fits(event.time_us) {
        return Err(EntryError::Value("time_us"));
    }
    if (event.action == Action::OriginOpen) != (sequence == 0) {
        return Err(EntryError::Value("action"));
    }
    if event.count == 0 || !fits(event.count) {
        return Err(EntryError::Value("count"));
    }
    if event.follows.as_ref().is_some_and(|end| sequence != 0 || end.size == 0 || !fits(end.size)) {
        return Err(EntryError::Value("follows"));
    }
    Ok(())
}

// No string needs an escape: `Token` and `Origin` cannot hold a character that does.
fn encode(origin: &Origin, sequence: u64, previous: Hash, event: &Event) -> String {
    let mut line = format!(
        r#"{{"v":1,"origin":"{origin}","sequence":{sequence},"time_us":{},"previous":"{previous}","actor":{{"kind":"{}""#,
        event.time_us,
        event.actor.kind()
    );
    match &event.actor {
        Actor::User(who) | Actor::Guest(who) => {
            line += &format!(r#","id":"{}","role":"{}","method":"{}""#, who.id, who.role, who.method);
        }
        Actor::System(id) => line += &format!(r#","id":"{id}""#),
        Actor::Stranger => {}
    }
    let Object { kind, id } = &event.object;
    line += &format!(r#"}},"action":"{}","object":{{"kind":"{kind}","id":"{id}"}}"#, event.action);
    match &event.outcome {
        Outcome::Ok => line += r#","outcome":"ok""#,
        Outcome::Refused(reason) => line += &format!(r#","outcome":"refused","reason":"{reason}""#),
    }
    if event.count != 1 {
        line += &format!(r#","count":{}"#, event.count);
    }
    if let Some(request) = &event.request {
        line += &format!(r#","request":"{request}""#);
    }
    if let Some(session) = &event.session {
        line += &format!(r#","session":"{session}""#);
    }
    if let Some(Commitment(hash)) = &event.details {
        line += &format!(r#","details":"{}""#, BASE64.encode(hash));
    }
    if let Some(Follows { origin, size, root }) = &event.follows {
        line += &format!(r#","follows":{{"origin":"{origin}","size":{size},"root":"{root}"}}"#);
    }
    line + "}"
}

// The same shape for reading. Borrowed strings: an escape in one is refused already here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    v: u64,
    origin: &'a str,
    sequence: u64,
    time_us: u64,
    previous: &'a str,
    #[serde(borrow)]
    actor: WireActor<'a>,
    action: &'a str,
    object: WireObject<'a>,
    outcome: &'a str,
    reason: Option<&'a str>,
    count: Option<u64>,
    request: Option<&'a str>,
    session: Option<&'a str>,
    details: Option<&'a str>,
    follows: Option<WireFollows<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireActor<'a> {
    kind: &'a str,
    id: Option<&'a str>,
    role: Option<&'a str>,
    method: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireObject<'a> {
    kind: &'a str,
    id: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFollows<'a> {
    origin: &'a str,
    size: u64,
    root: &'a str,
}

impl Wire<'_> {
    fn entry(self) -> Result<Entry, EntryError> {
        if self.v != 1 {
            return Err(EntryError::Value("v"));
        }
        let event = Event {
            time_us: self.time_us,
            actor: self.actor.actor()?,
            action: Action::parse(self.action).ok_or(EntryError::Value("action"))?,
            object: Object { kind: token("object", self.object.kind)?, id: token("object", self.object.id)? },
            outcome: match (self.outcome, self.reason) {
                ("ok", None) => Outcome::Ok,
                ("refused", Some(reason)) => Outcome::Refused(token("reason", reason)?),
                _ => return Err(EntryError::Value("outcome")),
            },
            count: self.count.unwrap_or(1),
            request: self.request.map(|text| token("request", text)).transpose()?,
            session: self.session.map(|text| token("session", text)).transpose()?,
            details: self.details.map(|text| hash("details", text).map(|hash| Commitment(hash.0))).transpose()?,
            follows: self.follows.map(WireFollows::follows).transpose()?,
        };
        let origin = origin("origin", self.origin)?;
        Entry::new(origin, self.sequence, hash("previous", self.previous)?, event)
    }
}

impl WireActor<'_> {
    fn actor(self) -> Result<Actor, EntryError> {
        let principal = |id, role, method| {
            Ok(Principal { id: token("actor", id)?, role: token("actor", role)?, method: token("actor", method)? })
        };
        match (self.kind, self.id, self.role, self.method) {
            ("user", Some(id), Some(role), Some(method)) => principal(id, role, method).map(Actor::User),
            ("guest", Some(id), Some(role), Some(method)) => principal(id, role, method).map(Actor::Guest),
            ("system", Some(id), None, None) => token("actor", id).map(Actor::System),
            ("stranger", None, None, None) => Ok(Actor::Stranger),
            _ => Err(EntryError::Value("actor")),
        }
    }
}

impl WireFollows<'_> {
    fn follows(self) -> Result<Follows, EntryError> {
        Ok(Follows { origin: origin("follows", self.origin)?, size: self.size, root: hash("follows", self.root)? })
    }
}

fn token(field: &'static str, text: &str) -> Result<Token, EntryError> {
    Token::new(text).map_err(|error| EntryError::Text { field, error })
}

fn origin(field: &'static str, text: &str) -> Result<Origin, EntryError> {
    Origin::new(text).map_err(|error| EntryError::Text { field, error })
}

fn hash(field: &'static str, text: &str) -> Result<Hash, EntryError> {
    Hash::parse_hash(text).map_err(|_| EntryError::Value(field))
}
