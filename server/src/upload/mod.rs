//! Snapshots on their way in: announced, sent in parts, checked, kept, receipted. The device sealed them; nothing here
//! keeps a picture in the clear, and a guest can write and never read.
//!
//! ```text
//!  announce ──▶ parts ──▶ whole ──digest──▶ opens ──▶ its place on the disk ──▶ row and entry, one change ──▶ receipt
//!  (seal opened,  │           └─ wrong-digest: from the beginning     └─ invalid: forgotten
//!   key re-wrapped) └─ write, flush, row: only then acknowledged
//! ```
//!
//! **What an offset means.** The row's `received` is only moved after the bytes before it were flushed, in a transaction that
//! is flushed itself, and only then the answer goes out. So an acknowledged offset outlives SIGKILL and a power cut, and only
//! `wrong-digest` takes it back. The last part moves the row by the same change that stores the object: there is no state
//! "all there but not stored" to be found after a kill; that part is simply sent again.
//!
//! **Who may.** To announce, a snapshots consent must be in force, or have been when the guest left or the session ended.
//! A withdrawal stops announcing and nothing else: what was announced was taken and promised while it was allowed, and half
//! a photograph helps nobody; who wants it gone asks for its erasure. Everything ends [`LATE_UPLOAD_SECONDS`] after the
//! session. A guest whom staff turned away announces nothing, one whose place was taken has no login any more.

mod announce;
mod append;
mod declaration;
pub(crate) mod key;
mod receipt;

use std::sync::Arc;
use std::time::Duration;

use handlens_protocol::limits::LATE_UPLOAD_SECONDS;
use handlens_protocol::{Kind, ObjectId, Problem, SessionId};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, interval_at};

pub use announce::{Announced, announce};
pub use append::{Refused, append};
pub use declaration::Declaration;
pub(crate) use declaration::number;
pub use receipt::receipt;

use crate::access::{Owner, UploadPermit};
use crate::app::{App, fault};
use crate::blob;
use crate::keys::{Item, Purpose};
use crate::session::{ended, unknown};
use crate::snapshot;
use crate::store::session::{self, Session};
use crate::store::upload::{self, Upload};

/// Turns at the same time; objects that share one wait for each other.
const TURNS: usize = 64;
/// Whole objects that are read and opened at the same time: each holds a thread, a technician's also the picture.
const OPENED: usize = 4;
/// Between two looks at what lies on the disk.
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What uploads share in a process.
pub struct Uploads {
    turns: [Arc<Mutex<()>>; TURNS],
    opened: Arc<Semaphore>,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { turns: std::array::from_fn(|_| Arc::default()), opened: Arc::new(Semaphore::new(OPENED)) }
    }
}

impl Uploads {
    /// The turn of one object: one part at a time.
    async fn turn(&self, id: ObjectId) -> OwnedMutexGuard<()> {
        let [first, ..] = id.as_bytes();
        Arc::clone(&self.turns[usize::from(*first) % TURNS]).lock_owned().await
    }

    /// Room to read and open a whole object. Whoever does it off this thread takes it along.
    pub(crate) async fn room(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.opened).acquire_owned().await.map_err(fault)
    }
}

/// How far an upload has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are here for good.
    pub offset: u64,
    /// Bytes of the whole.
    pub length: u64,
}

/// How far an upload of this guest has come.
///
/// # Errors
/// `not-found` for what this guest has not announced, `session-ended` when it is too late.
pub async fn progress(app: &App, permit: &UploadPermit, id: ObjectId) -> Result<Progress, Problem> {
    let (_, there) = mine(app, permit, id).await?;
    Ok(Progress { offset: there.received, length: there.bytes })
}

/// Throws away what no photo can be made of any more, in both folders: files without a row, parts of what is stored, and
/// what was not whole when its session had ended too long ago. Its row stays: it says what was announced and never came.
///
/// # Errors
/// When the disk or the database does not answer.
pub async fn sweep(app: &App) -> Result<(), Problem> {
    let unfinished = app.blobs.list_unfinished().await?;
    let finished = app.blobs.list_finished().await?;
    let stored = upload::stored(&mut *app.store.reader().await?).await?;
    for id in finished.into_iter().filter(|id| !stored.contains(id)).chain(unfinished) {
        // An upload that goes on at this moment keeps its turn until row and file agree.
        let _turn = app.uploads.turn(id).await;
        look_after(app, id).await?;
    }
    Ok(())
}

/// [`sweep`], once a day.
pub(crate) async fn sweep_daily(app: App) {
    let mut days = interval_at(Instant::now() + DAY, DAY);
    while app.stop.run_until_cancelled(days.tick()).await.is_some() {
        if let Err(error) = sweep(&app).await {
            tracing::error!(%error, "uploads were not looked after");
        }
    }
}

async fn look_after(app: &App, id: ObjectId) -> Result<(), Problem> {
    let before_us = app.clock.now_us().saturating_sub(LATE_UPLOAD_SECONDS * 1_000_000);
    let mut db = app.store.reader().await?;
    let there = upload::find(&mut db, id).await?;
    let given_up = upload::given_up(&mut db, id, before_us).await?;
    drop(db);
    match (there, given_up) {
        (None, _) => {
            app.blobs.remove(id).await?;
            tracing::info!(object = %id, "an upload that nobody announced was thrown away");
        }
        (Some(there), Some(organisation)) => {
            if there.received > 0 {
                let owner = Owner { organisation, technician: None };
                moved(app, owner, there.session, id, 0, None).await?;
            }
            app.blobs.remove(id).await?;
            tracing::info!(object = %id, "an upload that can no longer be finished was thrown away");
        }
        (Some(there), None) if there.stored.is_some() => app.blobs.discard(id).await?,
        (Some(_), None) => {}
    }
    Ok(())
}

/// The place a snapshot is sealed for, on the device as here.
pub(crate) fn item<'a>(object: &'a str, session: &'a str) -> Item<'a> {
    Item { purpose: Purpose::Snapshots, object, session: Some(session) }
}

/// An upload of this guest and its session, in time.
async fn mine(app: &App, permit: &UploadPermit, id: ObjectId) -> Result<(Session, Upload), Problem> {
    let mut db = app.store.reader().await?;
    let guest = permit.guest();
    let row = session::find(&mut db, guest.owner(), guest.session()).await?.ok_or_else(unknown)?;
    let there = upload::find(&mut db, id).await?.filter(|there| there.participant == guest.participant());
    let there = there.ok_or_else(unannounced)?;
    in_time(&row, app.clock.now_us())?;
    Ok((row, there))
}

/// Says how far an upload has come, and shows it. No entry: see [`crate::audit::Change::commit_progress`].
async fn moved(
    app: &App,
    owner: Owner,
    session: SessionId,
    id: ObjectId,
    received: u64,
    request: Option<handlens_protocol::RequestId>,
) -> Result<(), Problem> {
    let mut change = app.log.change(&app.live, owner.organisation, request).await?;
    let mut row = session::find(change.db(), owner, session).await?.ok_or_else(unknown)?;
    upload::set_received(change.db(), id, received).await?;
    snapshot::show(&mut change, &mut row).await?;
    Ok(change.commit_progress().await?)
}

fn in_time(row: &Session, now_us: u64) -> Result<(), Problem> {
    match row.ended {
        Some(end) if now_us > end.at_us + LATE_UPLOAD_SECONDS * 1_000_000 => Err(ended()),
        Some(_) | None => Ok(()),
    }
}

fn unannounced() -> Problem {
    Problem::new(Kind::NotFound, "There is no such upload. Announce it first.")
}

impl From<blob::Error> for Problem {
    fn from(error: blob::Error) -> Self {
        fault(error)
    }
}
