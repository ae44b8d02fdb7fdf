//! Snapshots, from their announcement on, and the keys that devices seal them to.

use std::collections::HashSet;

use handlens_protocol::state::Snapshot as Shown;
use handlens_protocol::{ObjectId, OrganisationId, ParticipantId, RequestId, SessionId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::{Error, bytes, number, number_if, parsed, parsed_if, signed, text};

/// A snapshot as stored.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its id, chosen by the device.
    pub id: ObjectId,
    /// Its session.
    pub session: SessionId,
    /// Whose device took it.
    pub participant: ParticipantId,
    /// The request it answers, as the device says.
    pub request: Option<RequestId>,
    /// Bytes of the sealed picture.
    pub bytes: u64,
    /// SHA-256 of the sealed picture.
    pub sha256: [u8; 32],
    /// Its key, wrapped.
    pub head: Vec<u8>,
    /// Bytes that are on the disk for good.
    pub received: u64,
    /// When it was announced.
    pub announced_us: u64,
    /// Its end, once it is whole.
    pub stored: Option<Stored>,
}

/// Where a snapshot's arrival stands in the log.
#[derive(Clone, Debug)]
pub struct Stored {
    /// When.
    pub at_us: u64,
    /// The log.
    pub origin: String,
    /// The entry's number.
    pub sequence: u64,
    /// SHA-256 of the entry.
    pub entry_sha256: [u8; 32],
}

/// The keys of a session, as stored.
pub struct SessionKey {
    /// What devices seal to, uncompressed SEC1.
    pub public: Vec<u8>,
    /// What opens it, sealed.
    pub sealed: Vec<u8>,
}

impl Upload {
    /// As everybody in the session sees it.
    pub fn shown(&self) -> Shown {
        Shown {
            id: self.id,
            participant: self.participant,
            request: self.request,
            announced_us: self.announced_us,
            bytes: self.bytes,
            received: self.received,
            stored_us: self.stored.as_ref().map(|stored| stored.at_us),
        }
    }
}

/// Announces a snapshot.
pub async fn add(db: &mut AnyConnection, new: &Upload) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO snapshot (id, session, participant, request, bytes, sha256, head, received, announced_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(new.id.to_string())
    .bind(new.session.to_string())
    .bind(new.participant.to_string())
    .bind(new.request.map(|id| id.to_string()))
    .bind(signed(new.bytes))
    .bind(&new.sha256[..])
    .bind(&new.head)
    .bind(signed(new.received))
    .bind(signed(new.announced_us))
    .execute(db)
    .await?;
    Ok(())
}

/// The snapshot with that id in any session.
pub async fn find(db: &mut AnyConnection, id: ObjectId) -> Result<Option<Upload>, Error> {
    let row = sqlx::query("SELECT * FROM snapshot WHERE id = $1").bind(id.to_string()).fetch_optional(db).await?;
    row.as_ref().map(upload_of).transpose()
}

/// Every snapshot of a session in the order they were announced.
pub async fn of_session(db: &mut AnyConnection, session: SessionId) -> Result<Vec<Upload>, Error> {
    let rows = sqlx::query("SELECT * FROM snapshot WHERE session = $1 ORDER BY announced_us, id")
        .bind(session.to_string())
        .fetch_all(db)
        .await?;
    rows.iter().map(upload_of).collect()
}

/// How many snapshots there are.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Of the session.
    pub session: u64,
    /// Of one participant.
    pub mine: u64,
    /// Of the participant, not sent whole.
    pub unfinished: u64,
}

/// Counts the snapshots of a session and of `participant`.
pub async fn counts(db: &mut AnyConnection, session: SessionId, participant: ParticipantId) -> Result<Counts, Error> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS there, COUNT(CASE WHEN participant = $2 THEN 1 END) AS mine,
         COUNT(CASE WHEN stored_us IS NULL AND participant = $2 THEN 1 END) AS unfinished
         FROM snapshot WHERE session = $1",
    )
    .bind(session.to_string())
    .bind(participant.to_string())
    .fetch_one(db)
    .await?;
    Ok(Counts { session: number(&row, "there")?, mine: number(&row, "mine")?, unfinished: number(&row, "unfinished")? })
}

/// Says how many bytes are on the disk.
pub async fn set_received(db: &mut AnyConnection, id: ObjectId, received: u64) -> Result<(), Error> {
    sqlx::query("UPDATE snapshot SET received = $2 WHERE id = $1 AND stored_us IS NULL")
        .bind(id.to_string())
        .bind(signed(received))
        .execute(db)
        .await?;
    Ok(())
}

/// Says that it is whole. `false`: that was said before.
pub async fn set_stored(db: &mut AnyConnection, id: ObjectId, stored: &Stored) -> Result<bool, Error> {
    let changed = sqlx::query(
        "UPDATE snapshot SET received = bytes, stored_us = $2, origin = $3, sequence = $4, entry_sha256 = $5
         WHERE id = $1 AND stored_us IS NULL",
    )
    .bind(id.to_string())
    .bind(signed(stored.at_us))
    .bind(&stored.origin)
    .bind(signed(stored.sequence))
    .bind(&stored.entry_sha256[..])
    .execute(db)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Forgets an announcement that came to nothing.
pub async fn remove(db: &mut AnyConnection, id: ObjectId) -> Result<(), Error> {
    sqlx::query("DELETE FROM snapshot WHERE id = $1 AND stored_us IS NULL").bind(id.to_string()).execute(db).await?;
    Ok(())
}

/// Every snapshot that is whole.
pub async fn stored(db: &mut AnyConnection) -> Result<HashSet<ObjectId>, Error> {
    let rows = sqlx::query("SELECT id FROM snapshot WHERE stored_us IS NOT NULL").fetch_all(db).await?;
    rows.iter().map(|row| parsed(row, "id")).collect()
}

/// Whose an upload is that can never be whole, because its session ended before `ended_before_us`.
pub async fn given_up(
    db: &mut AnyConnection,
    id: ObjectId,
    ended_before_us: u64,
) -> Result<Option<OrganisationId>, Error> {
    let row = sqlx::query(
        "SELECT session.organisation AS organisation FROM snapshot JOIN session ON session.id = snapshot.session
         WHERE snapshot.id = $1 AND snapshot.stored_us IS NULL AND session.ended_us < $2",
    )
    .bind(id.to_string())
    .bind(signed(ended_before_us))
    .fetch_optional(db)
    .await?;
    row.map(|row| parsed(&row, "organisation")).transpose()
}

/// Gives a session its keys.
pub async fn add_key(db: &mut AnyConnection, session: SessionId, new: &SessionKey) -> Result<(), Error> {
    sqlx::query("INSERT INTO session_key (session, public, sealed) VALUES ($1, $2, $3)")
        .bind(session.to_string())
        .bind(&new.public)
        .bind(&new.sealed)
        .execute(db)
        .await?;
    Ok(())
}

/// The keys of a session.
pub async fn key(db: &mut AnyConnection, session: SessionId) -> Result<Option<SessionKey>, Error> {
    let row = sqlx::query("SELECT public, sealed FROM session_key WHERE session = $1")
        .bind(session.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok(SessionKey { public: bytes(&row, "public")?, sealed: bytes(&row, "sealed")? })).transpose()
}

fn upload_of(row: &AnyRow) -> Result<Upload, Error> {
    let stored = match number_if(row, "stored_us")? {
        None => None,
        Some(at_us) => Some(Stored {
            at_us,
            origin: text(row, "origin")?,
            sequence: number(row, "sequence")?,
            entry_sha256: digest(row, "entry_sha256")?,
        }),
    };
    Ok(Upload {
        id: parsed(row, "id")?,
        session: parsed(row, "session")?,
        participant: parsed(row, "participant")?,
        request: parsed_if(row, "request")?,
        bytes: number(row, "bytes")?,
        sha256: digest(row, "sha256")?,
        head: bytes(row, "head")?,
        received: number(row, "received")?,
        announced_us: number(row, "announced_us")?,
        stored,
    })
}

fn digest(row: &AnyRow, column: &'static str) -> Result<[u8; 32], Error> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map_err(|_| Error::Unreadable(column))
}
