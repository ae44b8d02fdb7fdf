//! What one connection may publish and subscribe to. Decided over HTTPS, fixed when the connection is accepted.

use handlens_protocol::broadcast::{self, Purpose};
use handlens_protocol::{LoginId, OrganisationId, ParticipantId, Role, SessionId, UserId};
use moq_net::{Pattern, Patterns};

use super::Error;

/// What the holder of a ticket, or of an authorised WebSocket, may do. It cannot change while the connection lives: a
/// changed grant ends the lease, and the client asks for a new ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Owner of the session.
    pub organisation: OrganisationId,
    /// The one session this connection takes part in.
    pub session: SessionId,
    /// Who is connecting; every broadcast is published under this name and no other.
    pub participant: ParticipantId,
    /// The account and its role, for staff.
    pub user: Option<(UserId, Role)>,
    /// The login, or the binding of a guest's device: disabling it ends the lease.
    pub login: LoginId,
    /// The broadcasts it may publish. Empty for a spectator.
    pub publish: Vec<Purpose>,
    /// What it may subscribe to.
    pub subscribe: Subscribe,
}

/// What a connection may subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscribe {
    /// Every broadcast of the session: staff.
    Session,
    /// The server's `state` broadcast, its own `marks` broadcast and these, nothing else: guests.
    Named(Vec<(ParticipantId, Purpose)>),
}

/// Which leases (and tickets not yet redeemed) to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector {
    /// Everybody in a session.
    Session(SessionId),
    /// One participant, all connections.
    Participant(SessionId, ParticipantId),
    /// One participant's connections that may publish this purpose: a revoked consent.
    Purpose(SessionId, ParticipantId, Purpose),
    /// Everything opened from one login or one guest's device.
    Login(LoginId),
    /// Everything of one account: a disabled user.
    User(UserId),
}

impl Selector {
    /// Whether a lease with this scope is meant.
    pub fn matches(self, scope: &Scope) -> bool {
        match self {
            Self::Session(session) => scope.session == session,
            Self::Participant(session, participant) => scope.session == session && scope.participant == participant,
            Self::Purpose(session, participant, purpose) => {
                scope.session == session && scope.participant == participant && scope.publish.contains(&purpose)
            }
            Self::Login(login) => scope.login == login,
            Self::User(user) => scope.user.is_some_and(|(id, _)| id == user),
        }
    }
}

impl Scope {
    /// The exact paths this connection may announce.
    pub(super) fn published(&self) -> Result<Patterns, Error> {
        let mut patterns = Patterns::new();
        for purpose in &self.publish {
            patterns.insert(exactly(&broadcast::path(self.organisation, self.session, self.participant, *purpose))?);
        }
        Ok(patterns)
    }

    /// The paths this connection may subscribe to.
    pub(super) fn subscribed(&self) -> Result<Patterns, Error> {
        let mut patterns = Patterns::new();
        match &self.subscribe {
            Subscribe::Session => {
                let session = broadcast::session(self.organisation, self.session);
                patterns.insert(Pattern::subtree(&session).map_err(|_| Error::Name)?);
            }
            Subscribe::Named(broadcasts) => {
                patterns.insert(exactly(&broadcast::state(self.organisation, self.session))?);
                patterns.insert(exactly(&broadcast::marks(self.organisation, self.session, self.participant))?);
                for (participant, purpose) in broadcasts {
                    let path = broadcast::path(self.organisation, self.session, *participant, *purpose);
                    patterns.insert(exactly(&path)?);
                }
            }
        }
        Ok(patterns)
    }
}

fn exactly(path: &str) -> Result<Pattern, Error> {
    Pattern::literal(path).map_err(|_| Error::Name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest() -> Scope {
        Scope {
            organisation: OrganisationId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            participant: ParticipantId::from_bytes([3; 16]),
            user: None,
            login: LoginId::from_bytes([4; 16]),
            publish: vec![Purpose::Data],
            subscribe: Subscribe::Named(vec![(ParticipantId::from_bytes([9; 16]), Purpose::Data)]),
        }
    }

    /// A guest without a camera grant has no camera path, none under another name, and none beneath its own.
    #[test]
    fn a_guest_publishes_its_own_names_only() {
        let scope = guest();
        let patterns = scope.published().unwrap();
        let own = broadcast::path(scope.organisation, scope.session, scope.participant, Purpose::Data);
        let camera = broadcast::path(scope.organisation, scope.session, scope.participant, Purpose::Camera);
        let other = ParticipantId::from_bytes([9; 16]);
        let foreign = broadcast::path(scope.organisation, scope.session, other, Purpose::Data);
        assert!(patterns.matches(&own));
        assert!(!patterns.matches(&camera));
        assert!(!patterns.matches(&foreign));
        assert!(!patterns.matches(&format!("{own}/beneath")));
        assert!(!patterns.matches(&broadcast::state(scope.organisation, scope.session)));
    }

    /// A guest reads the state, the marks on its own camera and what was named; staff reads the session; nobody reads
    /// another session.
    #[test]
    fn subscribing_ends_at_the_session() {
        let mut scope = guest();
        let state = broadcast::state(scope.organisation, scope.session);
        let staff_data =
            broadcast::path(scope.organisation, scope.session, ParticipantId::from_bytes([9; 16]), Purpose::Data);
        let stranger =
            broadcast::path(scope.organisation, scope.session, ParticipantId::from_bytes([7; 16]), Purpose::Camera);
        let elsewhere = broadcast::state(scope.organisation, SessionId::from_bytes([8; 16]));
        let marks = |who| broadcast::marks(scope.organisation, scope.session, who);
        let (own, others) = (marks(scope.participant), marks(ParticipantId::from_bytes([7; 16])));
        let patterns = scope.subscribed().unwrap();
        assert!(patterns.matches(&state) && patterns.matches(&staff_data) && patterns.matches(&own));
        assert!(!patterns.matches(&stranger) && !patterns.matches(&elsewhere) && !patterns.matches(&others));
        assert!(!scope.published().unwrap().matches(&own));
        scope.subscribe = Subscribe::Session;
        let patterns = scope.subscribed().unwrap();
        assert!(patterns.matches(&state) && patterns.matches(&stranger));
        assert!(!patterns.matches(&elsewhere));
    }

    /// A selector ends what it names and leaves the rest alone.
    #[test]
    fn a_selector_names_exactly_what_it_ends() {
        let scope = guest();
        let (session, participant) = (scope.session, scope.participant);
        assert!(Selector::Session(session).matches(&scope));
        assert!(Selector::Participant(session, participant).matches(&scope));
        assert!(Selector::Purpose(session, participant, Purpose::Data).matches(&scope));
        assert!(!Selector::Purpose(session, participant, Purpose::Camera).matches(&scope));
        assert!(Selector::Login(scope.login).matches(&scope));
        assert!(!Selector::Login(LoginId::from_bytes([5; 16])).matches(&scope));
        assert!(!Selector::User(UserId::from_bytes([5; 16])).matches(&scope));
    }
}
