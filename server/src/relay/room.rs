//! One MoQ origin for each session: a wall between sessions that no path can climb, and one thing to drop at the end.

use std::collections::{HashMap, hash_map};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use handlens_protocol::{OrganisationId, ParticipantId, SessionId, broadcast, mark};
use moq_net::{Timestamp, cache, origin, track};

use super::Error;

/// How much history a late reader can be given; the newest group is kept in any case.
const HISTORY: Duration = Duration::from_secs(10);
/// How long a group that nobody reads or writes stays in memory (the newest of a live track stays).
const IDLE: Duration = Duration::from_secs(30);
/// The state is small and decides what people see: before everything else on a thin link.
const STATE_PRIORITY: u8 = 255;
/// Marks may be large: after what devices say of themselves (90), and still before the picture they are drawn on (60).
const MARKS_PRIORITY: u8 = 80;

/// The marks of a session as they go to the realtime plane. They show a patient, so they do not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Marks {
    /// The owner.
    pub organisation: OrganisationId,
    /// The session.
    pub session: SessionId,
    /// The session's revision by the newest change of its marks.
    pub revision: u64,
    /// A whole [`handlens_protocol::mark::MarkSet`], without the patches: every guest reads it.
    pub json: Bytes,
    /// The same of each camera, with the patches: its own device reads it.
    pub cameras: Vec<(ParticipantId, Bytes)>,
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Marks({}, revision {}, {} bytes)", self.session, self.revision, self.json.len())
    }
}

/// The rooms of the sessions that somebody is connected to, or that the server itself has something to show in.
pub(super) struct Rooms {
    pool: cache::Pool,
    open: Mutex<HashMap<Key, Entry>>,
}

type Key = (OrganisationId, SessionId);

struct Entry {
    room: Weak<Room>,
    /// Keeps the room while there is something to show, also when nobody is connected.
    own: Option<Own>,
}

/// The server's own broadcasts in a session.
struct Own {
    broadcast: moq_net::broadcast::Producer,
    state: track::Producer,
    marks: track::Producer,
    /// What each camera's own device is shown, and who else may see all of the session.
    cameras: HashMap<ParticipantId, OfCamera>,
    marks_revision: Option<u64>,
    room: Arc<Room>,
}

/// The server's own broadcast for one camera.
struct OfCamera {
    broadcast: moq_net::broadcast::Producer,
    marks: track::Producer,
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
    pub(super) fn publish_state(
        &self,
        organisation: OrganisationId,
        session: SessionId,
        snapshot: Bytes,
    ) -> Result<(), Error> {
        append(&self.own(&mut self.open(), (organisation, session))?.state, snapshot)
    }

    /// Appends all marks to the session's `marks` track, and those of each camera to the camera's own.
    pub(super) fn publish_marks(&self, marks: &Marks) -> Result<(), Error> {
        let mut open = self.open();
        let own = self.own(&mut open, (marks.organisation, marks.session))?;
        for (camera, on_it) in &marks.cameras {
            let path = broadcast::marks(marks.organisation, marks.session, *camera);
            append(&own.camera(*camera, &path)?.marks, on_it.clone())?;
        }
        append(&own.marks, marks.json.clone())?;
        own.marks_revision = Some(marks.revision);
        Ok(())
    }

    /// The revision of the newest marks on the `marks` track.
    pub(super) fn marks_revision(&self, organisation: OrganisationId, session: SessionId) -> Option<u64> {
        self.open().get(&(organisation, session))?.own.as_ref()?.marks_revision
    }

    /// Ends what the server shows in the session and forgets the room; it is gone when the last lease is.
    pub(super) fn close(&self, organisation: OrganisationId, session: SessionId) {
        if let Some(Entry { own: Some(own), .. }) = self.open().remove(&(organisation, session)) {
            let _ = own.state.finish();
            let _ = own.marks.finish();
            own.broadcast.close();
            for camera in own.cameras.into_values() {
                let _ = camera.marks.finish();
                camera.broadcast.close();
            }
        }
    }

    /// Bytes of all cached groups.
    pub(super) fn cached(&self) -> u64 {
        self.pool.used()
    }

    fn own<'a>(&self, open: &'a mut HashMap<Key, Entry>, key: Key) -> Result<&'a mut Own, Error> {
        let room = self.room(open, key);
        let entry = open.entry(key).or_insert_with(|| Entry { room: Arc::downgrade(&room), own: None });
        match &mut entry.own {
            Some(own) => Ok(own),
            none @ None => Ok(none.insert(Own::new(&broadcast::state(key.0, key.1), room)?)),
        }
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
        open.insert(key, Entry { room: Arc::downgrade(&room), own: None });
        room
    }

    /// The map is whole after every statement, so a panic elsewhere does not spoil it.
    fn open(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Own {
    fn new(path: &str, room: Arc<Room>) -> Result<Self, Error> {
        let broadcast = room.origin.create_broadcast(path)?;
        let track = |name, priority| broadcast.create_track(name, track::Info::default().with_priority(priority));
        let (state, marks) = (track(broadcast::STATE_TRACK, STATE_PRIORITY)?, track(mark::TRACK, MARKS_PRIORITY)?);
        broadcast.announce(origin::Route::default())?;
        Ok(Self { broadcast, state, marks, cameras: HashMap::new(), marks_revision: None, room })
    }

    fn camera(&mut self, camera: ParticipantId, path: &str) -> Result<&OfCamera, Error> {
        match self.cameras.entry(camera) {
            hash_map::Entry::Occupied(there) => Ok(there.into_mut()),
            hash_map::Entry::Vacant(place) => {
                let broadcast = self.room.origin.create_broadcast(path)?;
                let marks =
                    broadcast.create_track(mark::TRACK, track::Info::default().with_priority(MARKS_PRIORITY))?;
                broadcast.announce(origin::Route::default())?;
                Ok(place.insert(OfCamera { broadcast, marks }))
            }
        }
    }
}

fn append(track: &track::Producer, snapshot: Bytes) -> Result<(), Error> {
    let mut group = track.append_group()?;
    group.write_frame(Timestamp::now(), snapshot)?;
    group.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session in which nothing changes for an hour still shows its state and marks to who comes then, each camera's to
    /// its own, and a closed one does not.
    #[tokio::test(start_paused = true)]
    async fn a_state_does_not_fade() {
        let (organisation, session) = (OrganisationId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));
        let rooms = Rooms::new(1024 * 1024);
        for text in ["old", "new"] {
            rooms.publish_state(organisation, session, Bytes::from_static(text.as_bytes())).unwrap();
        }
        let camera = ParticipantId::from_bytes([3; 16]);
        let cameras = vec![(camera, Bytes::from_static(b"with patches"))];
        let json = Bytes::from_static(b"marks");
        rooms.publish_marks(&Marks { organisation, session, revision: 7, json, cameras }).unwrap();
        tokio::time::advance(Duration::from_secs(3_600)).await;
        let reader = rooms.enter(organisation, session).origin.consume();
        let broadcast = reader.request_broadcast(broadcast::state(organisation, session)).await.unwrap();
        let mut track = broadcast.track(broadcast::STATE_TRACK).unwrap().subscribe(None).await.unwrap();
        let mut group = track.recv_group().await.unwrap().unwrap();
        assert_eq!(group.read_frame().await.unwrap().unwrap().payload, "new");
        let mut marks = broadcast.track(mark::TRACK).unwrap().subscribe(None).await.unwrap();
        let mut group = marks.recv_group().await.unwrap().unwrap();
        assert_eq!(group.read_frame().await.unwrap().unwrap().payload, "marks");
        let own = reader.request_broadcast(broadcast::marks(organisation, session, camera)).await.unwrap();
        let mut own = own.track(mark::TRACK).unwrap().subscribe(None).await.unwrap();
        let mut group = own.recv_group().await.unwrap().unwrap();
        assert_eq!(group.read_frame().await.unwrap().unwrap().payload, "with patches");
        assert_eq!(rooms.marks_revision(organisation, session), Some(7));

        rooms.close(organisation, session);
        assert_eq!(rooms.marks_revision(organisation, session), None);
        for track in [&mut track, &mut marks, &mut own] {
            assert!(track.recv_group().await.is_ok_and(|group| group.is_none()));
        }
        let fresh = rooms.enter(organisation, session).origin.consume();
        assert!(fresh.request_broadcast(broadcast::state(organisation, session)).await.is_err());
    }

    /// Nothing is shared between two sessions, not even when a path names the other one.
    #[tokio::test]
    async fn a_room_has_walls() {
        let organisation = OrganisationId::from_bytes([1; 16]);
        let (one, two) = (SessionId::from_bytes([2; 16]), SessionId::from_bytes([3; 16]));
        let rooms = Rooms::new(1024 * 1024);
        rooms.publish_state(organisation, one, Bytes::from_static(b"one")).unwrap();
        let name = broadcast::state(organisation, one);
        assert!(rooms.enter(organisation, two).origin.consume().request_broadcast(&name).await.is_err());
        assert!(rooms.enter(organisation, one).origin.consume().request_broadcast(&name).await.is_ok());
    }
}
