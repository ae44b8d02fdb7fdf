//! Photos as people deal with them: asked for, refused, looked at. How they come in is [`crate::upload`].

use std::io::Read as _;

use handlens_audit::Action;
use handlens_protocol::api::{AskPhoto, DeclinePhoto};
use handlens_protocol::state::{ParticipantKind, PhotoRequest, Presence};
use handlens_protocol::{Kind, ObjectId, ParticipantId, Problem, SessionId};
use handlens_seal::container;
use zeroize::Zeroizing;

use crate::access::{GuestPermit, SessionPermit};
use crate::app::{App, fault};
use crate::audit::{Change, Note};
use crate::session::{begin, begin_open, note, unknown};
use crate::snapshot;
use crate::store::upload::{self, Upload};
use crate::store::{participant, photo, session};
use crate::upload::item;

/// Asks an admitted guest for a photo, in place of what was asked for before. The request that asks gives it its id, so
/// that the entry names it.
///
/// # Errors
/// `invalid` for a participant who is no admitted guest, `session-ended`.
pub async fn ask(app: &App, permit: &SessionPermit, request: AskPhoto) -> Result<(), Problem> {
    let (mut change, mut row) = begin_open(app, permit).await?;
    let who = participant::find(change.db(), row.id, request.participant).await?;
    if !who.is_some_and(|who| matches!((who.kind, who.presence), (ParticipantKind::Guest, Presence::Admitted))) {
        return Err(Problem::new(Kind::Invalid, "This participant cannot be asked for a photo."));
    }
    let asked = PhotoRequest { id: permit.staff.request, participant: request.participant, at_us: change.now_us() };
    photo::set(change.db(), row.id, asked).await?;
    note(&mut change, permit, Action::SnapshotRequest, ("participant", request.participant.to_string())).await?;
    snapshot::show(&mut change, &mut row).await?;
    Ok(change.commit().await?)
}

/// "No" to a photo.
///
/// # Errors
/// `conflict` when this guest is not asked for it (any more).
pub async fn decline(app: &App, permit: &GuestPermit, request: DeclinePhoto) -> Result<(), Problem> {
    let mut change = app.log.change(&app.live, permit.organisation(), Some(permit.request)).await?;
    let mut row = session::find(change.db(), permit.owner(), permit.session()).await?.ok_or_else(unknown)?;
    let asked = photo::find(change.db(), row.id).await?;
    if !asked.is_some_and(|asked| asked.id == request.request && asked.participant == permit.participant()) {
        return Err(Problem::new(Kind::Conflict, "You are not asked for this photo any more."));
    }
    photo::clear(change.db(), row.id).await?;
    change
        .write(Note {
            actor: permit.actor()?,
            action: Action::SnapshotDecline,
            object: ("photo", request.request.to_string()),
            refused: None,
            session: Some(row.id),
            details: None,
        })
        .await?;
    snapshot::show(&mut change, &mut row).await?;
    Ok(change.commit().await?)
}

/// A stored snapshot in the clear. It is opened first and given only after the entry of its reading is written.
///
/// # Errors
/// `not-found` when there is no such snapshot in a session of this person, or it is not stored.
pub async fn read(app: &App, permit: &SessionPermit, id: ObjectId) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut db = app.store.reader().await?;
    let row = session::find(&mut db, permit.owner(), permit.session).await?.ok_or_else(unknown)?;
    let there = upload::find(&mut db, id).await?;
    drop(db);
    let there = there.filter(|there| there.session == row.id && there.stored.is_some());
    let there = there.ok_or_else(|| Problem::new(Kind::NotFound, "There is no such photo in this session."))?;
    let opened = open(app, permit, &there).await?;
    let (mut change, _) = begin(app, permit).await?;
    note(&mut change, permit, Action::SnapshotRead, ("snapshot", id.to_string())).await?;
    change.commit().await?;
    Ok(opened)
}

/// Whoever goes is not asked any more.
pub(crate) async fn excuse(change: &mut Change, session: SessionId, who: ParticipantId) -> Result<(), Problem> {
    if photo::find(change.db(), session).await?.is_some_and(|asked| asked.participant == who) {
        photo::clear(change.db(), session).await?;
    }
    Ok(())
}

async fn open(app: &App, permit: &SessionPermit, there: &Upload) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let keys = app.keys(permit.staff.account.organisation).await?;
    let (object, session) = (there.id.to_string(), there.session.to_string());
    let item = item(&object, &session);
    let (header, key) = (keys.header(item).map_err(fault)?, keys.object_key(item, &there.head).map_err(fault)?);
    let length = there.bytes;
    let room = app.uploads.room().await?;
    let opened = app.blobs.finished(there.id, move |file| {
        let _room = room;
        let mut sealed = Vec::new();
        // One byte more than there should be: a longer file is told, not cut.
        file.take(length + 1).read_to_end(&mut sealed)?;
        Ok(container::open(&key, &header, &sealed))
    });
    opened.await?.map_err(fault)
}
