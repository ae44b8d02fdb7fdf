//! Single-use tickets: how a browser or a phone, known over HTTPS, is known again on the UDP port.
//!
//! No clock: `now` is an argument. The book holds hashes, so neither a core dump nor a log of it lets anybody in.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use data_encoding::BASE64URL_NOPAD;
use handlens_protocol::LoginId;
use handlens_protocol::limits::TICKET_SECONDS;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Error, Scope, Selector};

/// A ticket as a WebTransport sub-protocol name is this prefix and the ticket.
pub const TICKET_PROTOCOL: &str = "handlens-ticket.";

/// 256 random bits.
const TICKET_BYTES: usize = 32;
/// 32 bytes in unpadded base64url.
const TICKET_CHARS: usize = 43;
/// How long a ticket lives.
const LIFETIME: Duration = Duration::from_secs(TICKET_SECONDS);
/// Tickets of one login in [`MEMORY`], spent ones too: nobody fills the book by taking and using them.
const REMEMBERED: usize = 64;
/// How long a spent or expired ticket is still told apart from one that never was.
const MEMORY: Duration = Duration::from_secs(60);

/// A permission to open one connection. Prints nothing.
pub struct Ticket(Zeroizing<String>);

impl Ticket {
    /// The ticket itself (unpadded base64url), for the body of the HTTPS answer. It belongs in no URL and no log.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// Why a ticket was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Never issued, revoked, or long gone.
    Unknown,
    /// Issued, and older than its life.
    Expired,
    /// Already taken by somebody.
    Replayed,
}

/// Every ticket that was issued in the last minute.
pub(super) struct Book {
    entries: HashMap<[u8; 32], Entry>,
    capacity: usize,
    per_login: usize,
}

struct Entry {
    issued: SystemTime,
    login: LoginId,
    /// `None` once taken.
    scope: Option<Scope>,
}

impl Book {
    pub(super) fn new(capacity: usize, per_login: usize) -> Self {
        Self { entries: HashMap::new(), capacity, per_login }
    }

    /// Writes a ticket for `scope`, good for one use within ten seconds of `now`.
    pub(super) fn issue(&mut self, scope: Scope, now: SystemTime) -> Result<Ticket, Error> {
        self.entries.retain(|_, entry| age(entry.issued, now) < MEMORY);
        let of_login = self.entries.values().filter(|entry| entry.login == scope.login);
        let open = |entry: &&Entry| entry.scope.is_some() && age(entry.issued, now) < LIFETIME;
        let full = self.entries.len() >= self.capacity
            || of_login.clone().count() >= REMEMBERED
            || of_login.filter(open).count() >= self.per_login;
        if full {
            return Err(Error::TooManyTickets);
        }
        let mut bytes = Zeroizing::new([0; TICKET_BYTES]);
        getrandom::fill(&mut *bytes).map_err(Error::Random)?;
        let ticket = Ticket(Zeroizing::new(BASE64URL_NOPAD.encode(&*bytes)));
        let entry = Entry { issued: now, login: scope.login, scope: Some(scope) };
        self.entries.insert(digest(ticket.reveal()), entry);
        Ok(ticket)
    }

    /// Takes a ticket: the second time, or too late, it is refused.
    pub(super) fn redeem(&mut self, ticket: &str, now: SystemTime) -> Result<Scope, Refusal> {
        if ticket.len() != TICKET_CHARS {
            return Err(Refusal::Unknown);
        }
        let entry = self.entries.get_mut(&digest(ticket)).ok_or(Refusal::Unknown)?;
        let scope = entry.scope.take().ok_or(Refusal::Replayed)?;
        if age(entry.issued, now) >= LIFETIME {
            entry.scope = Some(scope);
            return Err(Refusal::Expired);
        }
        Ok(scope)
    }

    /// Forgets the open tickets of whoever is meant.
    pub(super) fn revoke(&mut self, which: Selector) {
        self.entries.retain(|_, entry| entry.scope.as_ref().is_none_or(|scope| !which.matches(scope)));
    }
}

/// A clock that was set back makes a ticket young, never an error.
fn age(issued: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(issued).unwrap_or_default()
}

fn digest(ticket: &str) -> [u8; 32] {
    Sha256::digest(ticket.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use handlens_protocol::{OrganisationId, ParticipantId, SessionId};

    use super::*;
    use crate::relay::Subscribe;

    fn scope(login: u8) -> Scope {
        Scope {
            organisation: OrganisationId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            participant: ParticipantId::from_bytes([3; 16]),
            user: None,
            login: LoginId::from_bytes([login; 16]),
            publish: Vec::new(),
            subscribe: Subscribe::Session,
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    /// A ticket opens one connection; the second to come is told that it was used.
    #[test]
    fn a_ticket_is_taken_once() {
        let mut book = Book::new(8, 8);
        let ticket = book.issue(scope(1), at(0)).unwrap();
        assert_eq!(book.redeem(ticket.reveal(), at(1)), Ok(scope(1)));
        assert_eq!(book.redeem(ticket.reveal(), at(1)), Err(Refusal::Replayed));
    }

    /// Good until the tenth second, and not in it.
    #[test]
    fn a_ticket_lives_ten_seconds() {
        let mut book = Book::new(8, 8);
        let late = book.issue(scope(1), at(0)).unwrap();
        let timely = book.issue(scope(1), at(0)).unwrap();
        assert_eq!(book.redeem(timely.reveal(), at(9)), Ok(scope(1)));
        assert_eq!(book.redeem(late.reveal(), at(10)), Err(Refusal::Expired));
        assert_eq!(book.redeem(late.reveal(), at(11)), Err(Refusal::Expired));
    }

    /// What was not issued here, or is not even shaped like a ticket, is unknown.
    #[test]
    fn a_foreign_ticket_is_unknown() {
        let mut book = Book::new(8, 8);
        let foreign = Book::new(8, 8).issue(scope(1), at(0)).unwrap();
        for text in [foreign.reveal(), "", "short", &"A".repeat(100_000)] {
            assert_eq!(book.redeem(text, at(0)), Err(Refusal::Unknown));
        }
    }

    /// Ending a login also ends its tickets that nobody used yet, and no other's.
    #[test]
    fn a_revoked_ticket_is_unknown() {
        let mut book = Book::new(8, 8);
        let ended = book.issue(scope(1), at(0)).unwrap();
        let kept = book.issue(scope(2), at(0)).unwrap();
        book.revoke(Selector::Login(LoginId::from_bytes([1; 16])));
        assert_eq!(book.redeem(ended.reveal(), at(1)), Err(Refusal::Unknown));
        assert_eq!(book.redeem(kept.reveal(), at(1)), Ok(scope(2)));
    }

    /// Nobody fills the book: one login has its share, all together have theirs, and time makes room again.
    #[test]
    fn open_tickets_are_bounded() {
        let mut book = Book::new(3, 2);
        book.issue(scope(1), at(0)).unwrap();
        book.issue(scope(1), at(0)).unwrap();
        assert!(matches!(book.issue(scope(1), at(0)), Err(Error::TooManyTickets)));
        book.issue(scope(2), at(0)).unwrap();
        assert!(matches!(book.issue(scope(3), at(0)), Err(Error::TooManyTickets)));
        book.issue(scope(3), at(61)).unwrap();
    }

    /// Whoever takes and uses tickets without an end runs out of them, and leaves the others theirs.
    #[test]
    fn spent_tickets_are_bounded() {
        let mut book = Book::new(128, 2);
        for _ in 0..REMEMBERED {
            let ticket = book.issue(scope(1), at(0)).unwrap();
            book.redeem(ticket.reveal(), at(0)).unwrap();
        }
        assert!(matches!(book.issue(scope(1), at(0)), Err(Error::TooManyTickets)));
        book.issue(scope(2), at(0)).unwrap();
        book.issue(scope(1), at(61)).unwrap();
    }

    /// A page offers its ticket under the golden name, and the prefix is taken off again.
    #[test]
    fn a_ticket_has_its_golden_name() {
        let text = include_str!("../../../tests/vectors/protocol/names.json");
        let golden = &serde_json::from_str::<serde_json::Value>(text).unwrap()["ticket"];
        let offered = golden["webtransport_protocol"].as_str().unwrap();
        assert_eq!(offered.strip_prefix(TICKET_PROTOCOL), golden["ticket"].as_str());
        assert_eq!(golden["ticket"].as_str().unwrap().len(), TICKET_CHARS);
    }

    /// A ticket in a log line is a leak; there is none.
    #[test]
    fn a_ticket_does_not_print() {
        let ticket = Book::new(1, 1).issue(scope(1), at(0)).unwrap();
        assert_eq!(format!("{ticket:?}"), "Ticket(…)");
        assert_eq!(ticket.reveal().len(), TICKET_CHARS);
    }
}
