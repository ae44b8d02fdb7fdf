//! Marks. What shows a patient, the geometry and the patch, is in `sealed`; a mark that is gone keeps its row.

use handlens_protocol::{MarkId, ParticipantId, SessionId};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{Error, bytes, number, number_if, parsed, signed};

/// A mark as stored.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Its id, chosen by its author.
    pub id: MarkId,
    /// Where.
    pub session: SessionId,
    /// Who drew it.
    pub author: ParticipantId,
    /// Whose camera it was drawn on.
    pub camera: ParticipantId,
    /// When it was committed.
    pub committed_us: u64,
    /// The session's revision by this commit: the order of its marks.
    pub revision: u64,
    /// When it was undone or cleared.
    pub gone_us: Option<u64>,
    /// The mark whole, sealed.
    pub sealed: Vec<u8>,
}

/// Adds a mark.
pub async fn add(db: &mut AnyConnection, new: &Mark) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO mark (id, session, author, camera, committed_us, revision, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(new.id.to_string())
    .bind(new.session.to_string())
    .bind(new.author.to_string())
    .bind(new.camera.to_string())
    .bind(signed(new.committed_us))
    .bind(signed(new.revision))
    .bind(&new.sealed)
    .execute(db)
    .await?;
    Ok(())
}

/// The mark with that id in any session, gone or not.
pub async fn find(db: &mut AnyConnection, id: MarkId) -> Result<Option<Mark>, Error> {
    let row = sqlx::query("SELECT * FROM mark WHERE id = $1").bind(id.to_string()).fetch_optional(db).await?;
    row.as_ref().map(mark_of).transpose()
}

/// Every mark of a session that is not gone, in the order they were committed.
pub async fn shown(db: &mut AnyConnection, session: SessionId) -> Result<Vec<Mark>, Error> {
    let rows = sqlx::query("SELECT * FROM mark WHERE session = $1 AND gone_us IS NULL ORDER BY revision")
        .bind(session.to_string())
        .fetch_all(db)
        .await?;
    rows.iter().map(mark_of).collect()
}

/// How many marks a session ever had, gone or not.
pub async fn count(db: &mut AnyConnection, session: SessionId) -> Result<u64, Error> {
    let row = sqlx::query("SELECT COUNT(*) AS marks FROM mark WHERE session = $1").bind(session.to_string());
    number(&row.fetch_one(db).await?, "marks")
}

/// Every camera of a session that was ever drawn on.
pub async fn cameras(db: &mut AnyConnection, session: SessionId) -> Result<Vec<ParticipantId>, Error> {
    let rows = sqlx::query("SELECT DISTINCT camera FROM mark WHERE session = $1").bind(session.to_string());
    rows.fetch_all(db).await?.iter().map(|row| parsed(row, "camera")).collect()
}

/// The session's revision by the newest change of its marks; 0 when there was none.
pub async fn revision(db: &mut AnyConnection, session: SessionId) -> Result<u64, Error> {
    let row = sqlx::query(
        "SELECT COALESCE(MAX(COALESCE(gone_revision, revision)), 0) AS newest FROM mark WHERE session = $1",
    )
    .bind(session.to_string())
    .fetch_one(db)
    .await?;
    number(&row, "newest")
}

/// Takes a mark away; its row stays.
pub async fn set_gone(db: &mut AnyConnection, id: MarkId, now_us: u64, revision: u64) -> Result<(), Error> {
    sqlx::query("UPDATE mark SET gone_us = $2, gone_revision = $3 WHERE id = $1 AND gone_us IS NULL")
        .bind(id.to_string())
        .bind(signed(now_us))
        .bind(signed(revision))
        .execute(db)
        .await?;
    Ok(())
}

fn mark_of(row: &AnyRow) -> Result<Mark, Error> {
    Ok(Mark {
        id: parsed(row, "id")?,
        session: parsed(row, "session")?,
        author: parsed(row, "author")?,
        camera: parsed(row, "camera")?,
        committed_us: number(row, "committed_us")?,
        revision: number(row, "revision")?,
        gone_us: number_if(row, "gone_us")?,
        sealed: bytes(row, "sealed")?,
    })
}
