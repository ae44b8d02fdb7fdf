//! What a visit tells its screen, pulled one by one.

use std::collections::VecDeque;
use std::mem::discriminant;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use handlens_protocol::api::GuestView;
use handlens_protocol::consent::Purpose;
use handlens_protocol::mark::MarkSet;
use handlens_protocol::state::{Frozen, PhotoRequest};
use handlens_protocol::{Kind, Problem};
use handlens_session::{Life, Via};
use tokio::sync::Notify;

/// Events that wait to be pulled, at most: a screen that stands still for so long has other worries.
const WAITING: usize = 256;

/// One thing that a screen may want to show.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The link was redeemed: who and where this device is.
    Joined {
        /// What the server said.
        view: Arc<GuestView>,
        /// How long that took, from the request to its answer.
        took: Duration,
    },
    /// The visit is somewhere else now.
    Moved(Life),
    /// There is a connection, this way.
    Connected(Via),
    /// First names of the staff who are in the session.
    Watchers(Vec<String>),
    /// The still that both sides look at, if there is one and it is of this camera.
    Frozen(Option<Frozen>),
    /// The photo this person is asked for, if they are.
    Photo(Option<PhotoRequest>),
    /// Every mark there is, of all cameras.
    Marks(Arc<MarkSet>),
    /// The server refused a consent for good; the person is asked again.
    NotAllowed(Purpose, Kind),
    /// Joining failed for a reason that another tap may cure; the problem's sentence is for people.
    NotJoined(Box<Problem>),
}

impl Event {
    /// Whether only the newest of its kind says anything.
    const fn replaces(&self) -> bool {
        match self {
            Self::Watchers(_) | Self::Frozen(_) | Self::Photo(_) | Self::Marks(_) => true,
            Self::Joined { .. } | Self::Moved(_) | Self::Connected(_) | Self::NotAllowed(..) | Self::NotJoined(_) => {
                false
            }
        }
    }
}

/// Between the visit and its screen.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    closed: bool,
}

impl Mailbox {
    pub(crate) fn put(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if event.replaces() {
            state.events.retain(|old| discriminant(old) != discriminant(&event));
        }
        state.events.push_back(event);
        if state.events.len() > WAITING {
            state.events.pop_front();
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.arrived.notify_one();
    }

    /// The next event; `None` when nothing more will come. For one puller at a time.
    pub(crate) async fn next(&self) -> Option<Event> {
        loop {
            {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(event) = state.events.pop_front() {
                    return Some(event);
                }
                if state.closed {
                    // For whoever asks again.
                    self.arrived.notify_one();
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What changed twice before it was looked at is told once; what happened is told in order, and then it is over.
    #[tokio::test]
    async fn only_the_newest_state_waits() {
        let mailbox = Mailbox::default();
        mailbox.put(Event::Moved(Life::Waiting));
        mailbox.put(Event::Watchers(vec!["Sam".to_owned()]));
        mailbox.put(Event::Moved(Life::Admitted));
        mailbox.put(Event::Watchers(Vec::new()));
        mailbox.close();
        let mut told = Vec::new();
        while let Some(event) = mailbox.next().await {
            told.push(format!("{event:?}"));
        }
        assert_eq!(told, ["Moved(Waiting)", "Moved(Admitted)", "Watchers([])"]);
        assert!(mailbox.next().await.is_none());
        for _ in 0..2 * WAITING {
            mailbox.put(Event::Moved(Life::Lost));
        }
        assert_eq!(mailbox.state.lock().unwrap().events.len(), WAITING);
    }
}
