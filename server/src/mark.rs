//! Marks: what staff drew on a guest's picture is committed, undone or cleared here, one [`crate::audit::Change`] each.
//!
//! ```text
//!  commit ──▶ row (sealed) ┐
//!  undo   ──▶ gone         ├─ entry ─ COMMIT ─▶ Effect::ShowMarks: all of them, whole, on the session's `marks` track,
//!  clear  ──▶ gone         ┘           and with their patches on the one of the camera that they are on
//!  a ticket ─▶ show_newest: the same, where the relay does not have it yet
//! ```
//!
//! Only whoever drew a mark takes it away, and nothing that was committed is deleted: its row stays, with the time it
//! went. Where a mark is on a later picture is never known here; the camera's device says it (`handlens_protocol::mark`).

use handlens_audit::Action;
use handlens_protocol::api::MarksGone;
use handlens_protocol::mark::{MARKS, MARKS_PER_SESSION, Mark, MarkSet, NewMark, SET_BYTES};
use handlens_protocol::{Kind, MarkId, OrganisationId, ParticipantId, Problem, SessionId};
use sqlx::AnyConnection;
use zeroize::Zeroizing;

use crate::access::SessionPermit;
use crate::app::{App, fault, json_place};
use crate::audit::Change;
use crate::keys::{Item, Organisation, Purpose};
use crate::live::Effect;
use crate::relay::Marks;
use crate::session::{admitted_guest, begin_open, note, place};
use crate::store::session::{self, Session};
use crate::store::{mark, participant};

/// Commits a mark by the caller. The same again changes nothing and has the same answer, also when it is gone by now.
///
/// # Errors
/// `invalid` for a value out of its range or a camera that is no admitted guest's, `conflict` when the id belongs to
/// another mark, or there are [`MARKS`] already or were [`MARKS_PER_SESSION`], `too-large` when all together would be
/// beyond [`SET_BYTES`], `session-ended`.
pub async fn commit(app: &App, permit: &SessionPermit, new: NewMark) -> Result<Mark, Problem> {
    let keys = app.keys(permit.staff.account.organisation).await?;
    let (mut change, mut row) = begin_open(app, permit).await?;
    let author = place(&mut change, &permit.staff.account, &mut row).await?;
    let new = new.by(author).map_err(|why| Problem::new(Kind::Invalid, format!("This mark cannot be: {why}.")))?;
    if let Some(stored) = mark::find(change.db(), new.id).await? {
        if stored.session == row.id && open(&keys, &stored)? == new {
            return Ok(new);
        }
        return Err(Problem::new(
            Kind::Conflict,
            "There is another mark with this id. Nothing was changed; draw the new one under an id of its own.",
        ));
    }
    admitted_guest(change.db(), row.id, new.camera).await?;
    let mut marks = all(change.db(), &keys, row.id).await?;
    if marks.len() >= MARKS {
        return Err(Problem::new(
            Kind::Conflict,
            format!("There are {MARKS} marks in this session already. Undo or clear some, then draw this one again."),
        ));
    }
    if mark::count(change.db(), row.id).await? >= MARKS_PER_SESSION as u64 {
        return Err(Problem::new(
            Kind::Conflict,
            format!("{MARKS_PER_SESSION} marks were drawn in this session; there is no room for another."),
        ));
    }
    marks.push(new.clone());
    row.revision = session::touch(change.db(), row.id).await?;
    let stored = mark::Mark {
        id: new.id,
        session: row.id,
        author,
        camera: new.camera,
        committed_us: change.now_us(),
        revision: row.revision,
        gone_us: None,
        sealed: seal(&keys, row.id, &new)?,
    };
    mark::add(change.db(), &stored).await?;
    note(&mut change, permit, Action::MarkCommit, ("mark", new.id.to_string())).await?;
    show(&mut change, &row, marks).await?;
    change.commit().await?;
    Ok(new)
}

/// Takes away one mark of the caller. The same again changes nothing and has the same answer.
///
/// # Errors
/// `not-found` when the caller drew no such mark in this session, `session-ended`.
pub async fn undo(app: &App, permit: &SessionPermit, id: MarkId) -> Result<MarksGone, Problem> {
    let (mut change, row) = begin_open(app, permit).await?;
    let me = caller(&mut change, permit, &row).await?;
    let stored = mark::find(change.db(), id).await?;
    let mine = stored.filter(|mark| mark.session == row.id && Some(mark.author) == me);
    let mine = mine.ok_or_else(|| Problem::new(Kind::NotFound, "There is no such mark of yours in this session."))?;
    if mine.gone_us.is_none() {
        take_away(app, permit, change, row, (Action::MarkUndo, &[id])).await?;
    }
    Ok(MarksGone { marks: vec![id] })
}

/// Takes away every mark of the caller. Nothing, when there is none.
///
/// # Errors
/// `session-ended`.
pub async fn clear(app: &App, permit: &SessionPermit) -> Result<MarksGone, Problem> {
    let (mut change, row) = begin_open(app, permit).await?;
    let me = caller(&mut change, permit, &row).await?;
    let shown = mark::shown(change.db(), row.id).await?;
    let mine: Vec<_> = shown.iter().filter(|mark| Some(mark.author) == me).map(|mark| mark.id).collect();
    if !mine.is_empty() {
        take_away(app, permit, change, row, (Action::MarkClear, &mine)).await?;
    }
    Ok(MarksGone { marks: mine })
}

/// All marks of a session as they go to the realtime plane.
///
/// # Errors
/// When the database does not answer, or a mark does not open.
pub async fn whole(
    app: &App,
    db: &mut AnyConnection,
    organisation: OrganisationId,
    session: SessionId,
) -> Result<Marks, Problem> {
    let keys = app.keys_by(db, organisation).await?;
    let revision = mark::revision(db, session).await?;
    let marks = all(db, &keys, session).await?;
    serialised(db, organisation, session, revision, marks).await
}

/// Puts the marks of a session on the realtime plane for who is about to connect, unless they are there: after a start
/// of the server, or before anything was drawn. Called under the writer's turn.
pub(crate) async fn show_newest(app: &App, db: &mut AnyConnection, row: &Session) -> Result<(), Problem> {
    let revision = mark::revision(db, row.id).await?;
    if !app.live.has_marks(row.organisation, row.id, revision) {
        app.live.publish_marks(&whole(app, db, row.organisation, row.id).await?);
    }
    Ok(())
}

// ---- helpers of this room -------------------------------------------------------------------------------------------

/// Who the caller is in the session; nobody, when they did nothing in it yet.
async fn caller(change: &mut Change, permit: &SessionPermit, row: &Session) -> Result<Option<ParticipantId>, Problem> {
    let everybody = participant::of_session(change.db(), row.id).await?;
    Ok(everybody.iter().find(|who| who.account == Some(permit.staff.account.id)).map(|who| who.id))
}

async fn take_away(
    app: &App,
    permit: &SessionPermit,
    mut change: Change,
    mut row: Session,
    (action, gone): (Action, &[MarkId]),
) -> Result<(), Problem> {
    row.revision = session::touch(change.db(), row.id).await?;
    let now_us = change.now_us();
    for id in gone {
        mark::set_gone(change.db(), *id, now_us, row.revision).await?;
    }
    let object = match gone {
        [one] if action == Action::MarkUndo => ("mark", one.to_string()),
        _ => ("session", row.id.to_string()),
    };
    note(&mut change, permit, action, object).await?;
    let keys = app.keys_by(change.db(), row.organisation).await?;
    let left = all(change.db(), &keys, row.id).await?;
    show(&mut change, &row, left).await?;
    Ok(change.commit().await?)
}

/// Every mark of a session that is not gone, in the order they were committed.
async fn all(db: &mut AnyConnection, keys: &Organisation, session: SessionId) -> Result<Vec<Mark>, Problem> {
    mark::shown(db, session).await?.iter().map(|stored| open(keys, stored)).collect()
}

/// All marks of a session once the change is committed.
async fn show(change: &mut Change, row: &Session, marks: Vec<Mark>) -> Result<(), Problem> {
    let set = serialised(change.db(), row.organisation, row.id, row.revision, marks).await?;
    change.then(Effect::ShowMarks(set));
    Ok(())
}

async fn serialised(
    db: &mut AnyConnection,
    organisation: OrganisationId,
    session: SessionId,
    revision: u64,
    mut marks: Vec<Mark>,
) -> Result<Marks, Problem> {
    let json = |marks: &[Mark]| {
        let set = MarkSet { v: 1, revision, marks: marks.to_vec() };
        serde_json::to_vec(&set).map_err(fault)
    };
    if json(&marks)?.len() > SET_BYTES {
        return Err(Problem::new(
            Kind::TooLarge,
            "The marks of this session are too large together. Undo or clear some, then draw this one again.",
        ));
    }
    let mut cameras = Vec::new();
    // Also a camera that has none any more: its device is told.
    for camera in mark::cameras(db, session).await? {
        let on_it: Vec<_> = marks.iter().filter(|mark| mark.camera == camera).cloned().collect();
        cameras.push((camera, json(&on_it)?.into()));
    }
    for mark in &mut marks {
        mark.patch = None;
    }
    Ok(Marks { organisation, session, revision, json: json(&marks)?.into(), cameras })
}

fn seal(keys: &Organisation, session: SessionId, mark: &Mark) -> Result<Vec<u8>, Problem> {
    let json = Zeroizing::new(serde_json::to_vec(mark).map_err(fault)?);
    let (object, session) = (mark.id.to_string(), session.to_string());
    let item = Item { purpose: Purpose::Marks, object: &object, session: Some(&session) };
    keys.seal(item, &json).map_err(fault)
}

fn open(keys: &Organisation, stored: &mark::Mark) -> Result<Mark, Problem> {
    let (object, session) = (stored.id.to_string(), stored.session.to_string());
    let item = Item { purpose: Purpose::Marks, object: &object, session: Some(&session) };
    let json = keys.open(item, &stored.sealed).map_err(fault)?;
    serde_json::from_slice(&json).map_err(|why| fault(format!("a mark is not understood: {}", json_place(&why))))
}
