//! Sessions and their notes. Every query carries the owner: [`Owner`] is part of each `WHERE`.

use handlens_protocol::state::{EndReason, Ended, Frozen, Phase};
use handlens_protocol::{InviteId, OrganisationId, ParticipantId, SessionId, UserId};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{Error, bytes, number, number_if, parsed, parsed_if, signed, text};

/// Whose sessions are meant: all of an organisation, or those of one technician in it.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// The organisation.
    pub organisation: OrganisationId,
    /// `Some`: only sessions this technician holds.
    pub technician: Option<UserId>,
}

/// A session as stored. What identifies the patient is in `sealed`.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Its owner.
    pub organisation: OrganisationId,
    /// Who holds it.
    pub technician: UserId,
    /// First name of who holds it.
    pub technician_name: String,
    /// Grows with every change.
    pub revision: u64,
    /// Title, agenda, description, patient; sealed.
    pub sealed: Vec<u8>,
    /// When it was opened.
    pub created_us: u64,
    /// When the first guest was admitted.
    pub live_us: Option<u64>,
    /// Why and when it ended.
    pub ended: Option<Ended>,
    /// The still both sides look at.
    pub frozen: Option<Frozen>,
}

impl Session {
    /// Where it is in its life.
    pub const fn phase(&self) -> Phase {
        match (self.ended, self.live_us) {
            (Some(_), _) => Phase::Ended,
            (None, Some(_)) => Phase::Live,
            (None, None) => Phase::Waiting,
        }
    }
}

/// A sealed note.
pub struct Note {
    /// Grows by one with each writing.
    pub revision: u64,
    /// Its text, sealed.
    pub sealed: Vec<u8>,
}

const COLUMNS: &str = "session.*, account.name AS technician_name";
const FROM: &str = "session JOIN account ON account.id = session.technician";

/// Adds a session.
pub async fn add(db: &mut AnyConnection, new: &Session) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO session (id, organisation, technician, revision, sealed, created_us) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new.id.to_string())
    .bind(new.organisation.to_string())
    .bind(new.technician.to_string())
    .bind(signed(new.revision))
    .bind(&new.sealed)
    .bind(signed(new.created_us))
    .execute(db)
    .await?;
    Ok(())
}

/// A session of that owner, or `None`: somebody else's does not exist.
pub async fn find(db: &mut AnyConnection, owner: Owner, id: SessionId) -> Result<Option<Session>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE session.id = $1 AND session.organisation = $2 AND ($3 = '' OR session.technician = $3)"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id.to_string())
        .bind(owner.organisation.to_string())
        .bind(owner.technician.map(|id| id.to_string()).unwrap_or_default())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(session_of).transpose()
}

/// The session a link belongs to: for who holds the link's secret.
pub async fn of_invite(db: &mut AnyConnection, invite: InviteId) -> Result<Option<Session>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} JOIN invite ON invite.session = session.id WHERE invite.id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(invite.to_string()).fetch_optional(db).await?;
    row.as_ref().map(session_of).transpose()
}

/// Sessions of that owner opened before a moment, newest first.
pub async fn list(db: &mut AnyConnection, owner: Owner, before_us: u64, limit: u32) -> Result<Vec<Session>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE session.organisation = $1 AND ($2 = '' OR session.technician = $2)
         AND session.created_us < $3 ORDER BY session.created_us DESC LIMIT $4"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(owner.organisation.to_string())
        .bind(owner.technician.map(|id| id.to_string()).unwrap_or_default())
        .bind(signed(before_us))
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?;
    rows.iter().map(session_of).collect()
}

/// Counts a change and gives the new revision.
pub async fn touch(db: &mut AnyConnection, id: SessionId) -> Result<u64, Error> {
    let row = sqlx::query("UPDATE session SET revision = revision + 1 WHERE id = $1 RETURNING revision")
        .bind(id.to_string())
        .fetch_one(db)
        .await?;
    number(&row, "revision")
}

/// The first guest was admitted.
pub async fn set_live(db: &mut AnyConnection, id: SessionId, now_us: u64) -> Result<(), Error> {
    sqlx::query("UPDATE session SET live_us = $2 WHERE id = $1 AND live_us IS NULL")
        .bind(id.to_string())
        .bind(signed(now_us))
        .execute(db)
        .await?;
    Ok(())
}

/// Sets or clears the still both sides look at.
pub async fn set_frozen(db: &mut AnyConnection, id: SessionId, frozen: Option<Frozen>) -> Result<(), Error> {
    sqlx::query("UPDATE session SET frozen_participant = $2, frozen_frame_us = $3, frozen_since_us = $4 WHERE id = $1")
        .bind(id.to_string())
        .bind(frozen.map(|frozen| frozen.participant.to_string()))
        .bind(frozen.map(|frozen| signed(frozen.frame_us)))
        .bind(frozen.map(|frozen| signed(frozen.since_us)))
        .execute(db)
        .await?;
    Ok(())
}

/// Ends it.
pub async fn end(db: &mut AnyConnection, id: SessionId, ended: Ended) -> Result<(), Error> {
    let reason = match ended.reason {
        EndReason::Technician => "technician",
        EndReason::Idle => "idle",
    };
    sqlx::query(
        "UPDATE session SET ended_us = $2, end_reason = $3, frozen_participant = NULL, frozen_frame_us = NULL,
         frozen_since_us = NULL WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(signed(ended.at_us))
    .bind(reason)
    .execute(db)
    .await?;
    Ok(())
}

/// The note of a session.
pub async fn note(db: &mut AnyConnection, id: SessionId) -> Result<Option<Note>, Error> {
    let row = sqlx::query("SELECT revision, sealed FROM note WHERE session = $1")
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok(Note { revision: number(&row, "revision")?, sealed: bytes(&row, "sealed")? })).transpose()
}

/// Writes the note of a session.
pub async fn write_note(db: &mut AnyConnection, id: SessionId, note: &Note, now_us: u64) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO note (session, revision, sealed, at_us) VALUES ($1, $2, $3, $4)
         ON CONFLICT (session) DO UPDATE SET revision = excluded.revision, sealed = excluded.sealed, at_us = excluded.at_us",
    )
    .bind(id.to_string())
    .bind(signed(note.revision))
    .bind(&note.sealed)
    .bind(signed(now_us))
    .execute(db)
    .await?;
    Ok(())
}

fn session_of(row: &AnyRow) -> Result<Session, Error> {
    let ended =
        match (number_if(row, "ended_us")?, sqlx::Row::try_get::<Option<String>, _>(row, "end_reason")?.as_deref()) {
            (None, _) => None,
            (Some(at_us), Some("technician")) => Some(Ended { reason: EndReason::Technician, at_us }),
            (Some(at_us), Some("idle")) => Some(Ended { reason: EndReason::Idle, at_us }),
            (Some(_), _) => return Err(Error::Unreadable("end_reason")),
        };
    let frozen = match (
        parsed_if::<ParticipantId>(row, "frozen_participant")?,
        number_if(row, "frozen_frame_us")?,
        number_if(row, "frozen_since_us")?,
    ) {
        (Some(participant), Some(frame_us), Some(since_us)) => Some(Frozen { participant, frame_us, since_us }),
        _ => None,
    };
    let name = text(row, "technician_name")?;
    Ok(Session {
        id: parsed(row, "id")?,
        organisation: parsed(row, "organisation")?,
        technician: parsed(row, "technician")?,
        technician_name: name.split_whitespace().next().unwrap_or("").to_owned(),
        revision: number(row, "revision")?,
        sealed: bytes(row, "sealed")?,
        created_us: number(row, "created_us")?,
        live_us: number_if(row, "live_us")?,
        ended,
        frozen,
    })
}
