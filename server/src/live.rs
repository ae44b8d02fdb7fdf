//! What people see at once: the newest state of each session for everybody who watches it, and what the realtime plane
//! is told. Fed only by committed changes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use handlens_protocol::api::InviteView;
use handlens_protocol::state::{Phase, SessionState};
use handlens_protocol::{LoginId, OrganisationId, SessionId};
use tokio::sync::{broadcast, watch};

use crate::relay::{Marks, Relay, Selector};

/// A session as it is shown: the shared state, and its links for staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What everybody may see.
    pub state: SessionState,
    /// Its links.
    pub invites: Vec<InviteView>,
}

/// What happens after a commit.
#[derive(Debug)]
pub enum Effect {
    /// Show the new state of a session.
    Show(Box<Snapshot>),
    /// Show all marks of a session.
    ShowMarks(Marks),
    /// End realtime leases (and forget tickets) at once.
    EndLeases(Selector),
    /// The session is over: nothing of it stays on the realtime plane.
    Close(OrganisationId, SessionId),
    /// A login or a guest's binding ended: its event streams and its leases end.
    LoginEnded(LoginId),
}

/// The rooms that somebody watches.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    rooms: Mutex<HashMap<SessionId, watch::Sender<Arc<Snapshot>>>>,
    ended: broadcast::Sender<LoginId>,
    streams: Mutex<Vec<Weak<LoginId>>>,
    relay: Option<Relay>,
}

impl Live {
    /// Over a running relay.
    pub fn new(relay: Relay) -> Self {
        Self::with(Some(relay))
    }

    /// Without a realtime plane: for commands beside a server.
    pub fn offline() -> Self {
        Self::with(None)
    }

    fn with(relay: Option<Relay>) -> Self {
        let (rooms, streams, ended) = (Mutex::default(), Mutex::default(), broadcast::channel(256).0);
        Self(Arc::new(Inner { rooms, ended, streams, relay }))
    }

    /// The realtime plane, where there is one.
    pub fn relay(&self) -> Option<&Relay> {
        self.0.relay.as_ref()
    }

    /// Watches a session. It is looked at before and once more when the watching has begun: what was committed between the
    /// two was shown to nobody here.
    ///
    /// # Errors
    /// What `look` says.
    pub async fn watch<F: Future<Output = Result<Snapshot, E>>, E>(
        &self,
        look: impl Fn() -> F,
    ) -> Result<watch::Receiver<Arc<Snapshot>>, E> {
        let room = self.enter(look().await?);
        self.show(look().await?);
        Ok(room)
    }

    /// Logins as they end, for a stream that hangs on this one: keep what is given as long as it lasts.
    pub fn hang_on(&self, login: LoginId) -> (Arc<LoginId>, broadcast::Receiver<LoginId>) {
        let login = Arc::new(login);
        let mut streams = self.0.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|stream| stream.strong_count() > 0);
        streams.push(Arc::downgrade(&login));
        (login, self.0.ended.subscribe())
    }

    /// Every login that an event stream or a lease hangs on.
    pub fn logins(&self) -> HashSet<LoginId> {
        let streams = self.0.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = streams.iter().filter_map(Weak::upgrade).map(|login| *login);
        let leases = self.relay().map(Relay::leases).unwrap_or_default();
        streams.chain(leases.iter().map(|lease| lease.scope.login)).collect()
    }

    /// Ends what hangs on a login.
    pub fn end_login(&self, login: LoginId) {
        self.end_leases(Selector::Login(login));
        // No receiver is no fault: nobody watches with this login.
        let _ = self.0.ended.send(login);
    }

    /// Puts the state on the realtime plane, for who is about to connect.
    pub fn publish(&self, state: &SessionState) {
        let Some(relay) = self.relay() else { return };
        if state.phase == Phase::Ended {
            return;
        }
        match serde_json::to_vec(state) {
            Ok(json) => {
                if let Err(error) = relay.publish_state(state.organisation, state.session, json.into()) {
                    tracing::warn!(session = %state.session, %error, "the state track did not take a state");
                }
            }
            Err(error) => tracing::error!(%error, "a session's state did not serialise"),
        }
    }

    /// Whether the realtime plane shows marks of that revision or a newer one; also when there is none to show them.
    pub fn has_marks(&self, organisation: OrganisationId, session: SessionId, revision: u64) -> bool {
        self.relay().is_none_or(|relay| relay.marks_revision(organisation, session).is_some_and(|has| has >= revision))
    }

    /// Puts the marks on the realtime plane.
    pub fn publish_marks(&self, marks: &Marks) {
        let Some(relay) = self.relay() else { return };
        if let Err(error) = relay.publish_marks(marks) {
            tracing::warn!(session = %marks.session, %error, "the marks track did not take the marks");
        }
    }

    /// Ends leases and forgets tickets at once.
    pub fn end_leases(&self, which: Selector) {
        if let Some(relay) = self.relay() {
            relay.end_leases(which);
        }
    }

    pub(crate) fn apply(&self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Show(snapshot) => {
                    self.publish(&snapshot.state);
                    self.show(*snapshot);
                }
                Effect::ShowMarks(marks) => self.publish_marks(&marks),
                Effect::EndLeases(selector) => self.end_leases(selector),
                Effect::Close(organisation, session) => {
                    if let Some(relay) = self.relay() {
                        relay.close_session(organisation, session);
                    }
                }
                Effect::LoginEnded(login) => self.end_login(login),
            }
        }
    }
    fn enter(&self, now: Snapshot) -> watch::Receiver<Arc<Snapshot>> {
        let mut rooms = self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.retain(|_, room| room.receiver_count() > 0);
        let room = rooms.entry(now.state.session).or_insert_with(|| watch::Sender::new(Arc::new(now.clone())));
        replace_if_newer(room, now);
        room.subscribe()
    }

    /// Shows a session to whoever watches it.
    fn show(&self, now: Snapshot) {
        let rooms = self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(&now.state.session) {
            replace_if_newer(room, now);
        }
    }
}

/// Effects come in the order of their commits, but whoever begins to watch looked at the database by themselves: the
/// revision decides.
fn replace_if_newer(room: &watch::Sender<Arc<Snapshot>>, new: Snapshot) {
    room.send_if_modified(|old| {
        let newer = new.state.revision > old.state.revision;
        if newer {
            *old = Arc::new(new);
        }
        newer
    });
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn snapshot(revision: u64) -> Snapshot {
        let state = SessionState {
            v: 1,
            organisation: OrganisationId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            revision,
            at_us: 0,
            phase: Phase::Waiting,
            participants: Vec::new(),
            frozen: None,
            photo: None,
            snapshots: Vec::new(),
            ended: None,
        };
        Snapshot { state, invites: Vec::new() }
    }

    /// A change between the look and the watch is seen, and an older look takes nothing back.
    #[tokio::test]
    async fn nothing_is_missed_before_the_watch() {
        let live = Live::offline();
        let stored = Mutex::new(1);
        let look = || {
            let revision = std::mem::replace(&mut *stored.lock().unwrap(), 2);
            // Committed after this look and before anybody watches.
            live.apply(vec![Effect::Show(Box::new(snapshot(2)))]);
            std::future::ready(Ok::<_, Infallible>(snapshot(revision)))
        };
        let room = live.watch(look).await.unwrap();
        assert_eq!(room.borrow().state.revision, 2);
        let late = live.watch(|| std::future::ready(Ok::<_, Infallible>(snapshot(1)))).await.unwrap();
        assert_eq!(late.borrow().state.revision, 2);
    }
}
