//! One MoQ origin for each session: a wall between sessions that no path can climb, and one thing to drop at the end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use handlens_protocol::broadcast;
use handlens_protocol::{OrganisationId, SessionId};
use moq_net::{Timestamp, cache, origin, track};

use super::Error;

/// How much history a late reader can be given; the newest group is kept in any case.
const HISTORY: Duration = Duration::from_secs(10);
/// How long a group that nobody reads or writes stays in memory (the newest of a live track stays).
const IDLE: Duration = Duration::from_secs(30);
/// The state is small and decides what people see: before everything else on a thin link.
const STATE_PRIORITY: u8 = 255;

/// The rooms of the sessions that somebody is connected to, or that have a state to show.
pub(super) struct Rooms {
    pool: cache::Pool,
    open: Mutex<HashMap<Key, Entry>>,
}

type Key = (OrganisationId, SessionId);

struct Entry {
    room: Weak<Room>,
    /// Keeps the room while it has a state, also when nobody is connected.
    state: Option<State>,
}

struct State {
    broadcast: moq_net::broadcast::Producer,
    track: track::Producer,
    _room: Arc<Room>,
}

/// The origin of one session.
pub(super) struct Room {
    pub(super) origin: origin::Producer,
}

impl Rooms {
    /// `cache` is the target size of all cached groups together, in bytes.
    pub(super) fn new(cache: u64) -> Self {
        let pool = cache::Pool::new(cache::Config::default().with_capacity(cache).with_expiry(IDLE));
        Self { pool, open: Mutex::default() }
    }

    /// The room of a session, opened if need be. Needs a tokio runtime.
    pub(super) fn enter(&self, organisation: OrganisationId, session: SessionId) -> Arc<Room> {
        let mut open = self.open();
        self.room(&mut open, (organisation, session))
    }

    /// Appends one whole snapshot to the session's `state` track.
    pub(super) fn publish(
        &self,
        organisation: OrganisationId,
        session: SessionId,
        snapshot: Bytes,
    ) -> Result<(), Error> {
        let mut open = self.open();
        let key = (organisation, session);
        let room = self.room(&mut open, key);
        let entry = open.entry(key).or_insert_with(|| Entry { room: Arc::downgrade(&room), state: None });
        let state = match &mut entry.state {
            Some(state) => state,
            none @ None => none.insert(State::new(&broadcast::state(organisation, session), room)?),
        };
        let mut group = state.track.append_group()?;
        group.write_frame(Timestamp::now(), snapshot)?;
        group.finish()?;
        Ok(())
    }

    /// Ends the session's state and forgets the room; it is gone when the last lease is.
    pub(super) fn close(&self, organisation: OrganisationId, session: SessionId) {
        if let Some(Entry { state: Some(state), .. }) = self.open().remove(&(organisation, session)) {
            let _ = state.track.finish();
            state.broadcast.close();
        }
    }

    /// Bytes of all cached groups.
    pub(super) fn cached(&self) -> u64 {
        self.pool.used()
    }

    fn room(&self, open: &mut HashMap<Key, Entry>, key: Key) -> Arc<Room> {
        if let Some(room) = open.get(&key).and_then(|entry| entry.room.upgrade()) {
            return room;
        }
        open.retain(|_, entry| entry.room.strong_count() > 0);
        let mut config = origin::Config::default();
        config.pool = self.pool.clone();
        config.cache_duration = HISTORY;
        let (origin, driver) = origin::Producer::new(config);
        tokio::spawn(moq_net::time::run(driver));
        let room = Arc::new(Room { origin });
        open.insert(key, Entry { room: Arc::downgrade(&room), state: None });
        room
    }

    /// The map is whole after every statement, so a panic elsewhere does not spoil it.
    fn open(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(path: &str, room: Arc<Room>) -> Result<Self, Error> {
        let broadcast = room.origin.create_broadcast(path)?;
        let track =
            broadcast.create_track(broadcast::STATE_TRACK, track::Info::default().with_priority(STATE_PRIORITY))?;
        broadcast.announce(origin::Route::default())?;
        Ok(Self { broadcast, track, _room: room })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session in which nothing changes for an hour still shows its state to who comes then, and a closed one does not.
    #[tokio::test(start_paused = true)]
    async fn a_state_does_not_fade() {
        let (organisation, session) = (OrganisationId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));
        let rooms = Rooms::new(1024 * 1024);
        for text in ["old", "new"] {
            rooms.publish(organisation, session, Bytes::from_static(text.as_bytes())).unwrap();
        }
        tokio::time::advance(Duration::from_secs(3_600)).await;
        let reader = rooms.enter(organisation, session).origin.consume();
        let broadcast = reader.request_broadcast(broadcast::state(organisation, session)).await.unwrap();
        let mut track = broadcast.track(broadcast::STATE_TRACK).unwrap().subscribe(None).await.unwrap();
        let mut group = track.recv_group().await.unwrap().unwrap();
        assert_eq!(group.read_frame().await.unwrap().unwrap().payload, "new");

        rooms.close(organisation, session);
        assert!(track.recv_group().await.is_ok_and(|group| group.is_none()));
        let fresh = rooms.enter(organisation, session).origin.consume();
        assert!(fresh.request_broadcast(broadcast::state(organisation, session)).await.is_err());
    }

    /// Nothing is shared between two sessions, not even when a path names the other one.
    #[tokio::test]
    async fn a_room_has_walls() {
        let organisation = OrganisationId::from_bytes([1; 16]);
        let (one, two) = (SessionId::from_bytes([2; 16]), SessionId::from_bytes([3; 16]));
        let rooms = Rooms::new(1024 * 1024);
        rooms.publish(organisation, one, Bytes::from_static(b"one")).unwrap();
        let name = broadcast::state(organisation, one);
        assert!(rooms.enter(organisation, two).origin.consume().request_broadcast(&name).await.is_err());
        assert!(rooms.enter(organisation, one).origin.consume().request_broadcast(&name).await.is_ok());
    }
}
