//! Links. Only the SHA-256 of a link's secret is stored.

use handlens_protocol::{InviteId, ParticipantId, SessionId};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{Error, number, number_if, parsed, parsed_if, signed, text};

/// A link.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Its id.
    pub id: InviteId,
    /// Its session.
    pub session: SessionId,
    /// The two words.
    pub words: String,
    /// When it was made.
    pub created_us: u64,
    /// When it can no longer be redeemed.
    pub expires_us: u64,
    /// First peek.
    pub opened_us: Option<u64>,
    /// First redemption.
    pub redeemed_us: Option<u64>,
    /// Turned off.
    pub revoked_us: Option<u64>,
    /// Somebody asked for a new one.
    pub again_us: Option<u64>,
    /// Who holds it now.
    pub participant: Option<ParticipantId>,
}

/// A moment in a link's life that is noted once.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// First peek.
    Opened,
    /// First redemption.
    Redeemed,
    /// Turned off.
    Revoked,
    /// A new one was asked for.
    Again,
}

/// Adds a link.
pub async fn add(db: &mut AnyConnection, new: &Invite, secret_hash: &[u8]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO invite (id, session, secret_hash, words, created_us, expires_us) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new.id.to_string())
    .bind(new.session.to_string())
    .bind(secret_hash)
    .bind(&new.words)
    .bind(signed(new.created_us))
    .bind(signed(new.expires_us))
    .execute(db)
    .await?;
    Ok(())
}

/// The link with that secret.
pub async fn by_secret(db: &mut AnyConnection, secret_hash: &[u8]) -> Result<Option<Invite>, Error> {
    let row = sqlx::query("SELECT * FROM invite WHERE secret_hash = $1").bind(secret_hash).fetch_optional(db).await?;
    row.as_ref().map(invite_of).transpose()
}

/// A link of a session.
pub async fn find(db: &mut AnyConnection, session: SessionId, id: InviteId) -> Result<Option<Invite>, Error> {
    let row = sqlx::query("SELECT * FROM invite WHERE id = $1 AND session = $2")
        .bind(id.to_string())
        .bind(session.to_string())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(invite_of).transpose()
}

/// Every link of a session, oldest first.
pub async fn of_session(db: &mut AnyConnection, session: SessionId) -> Result<Vec<Invite>, Error> {
    let rows = sqlx::query("SELECT * FROM invite WHERE session = $1 ORDER BY created_us, id")
        .bind(session.to_string())
        .fetch_all(db)
        .await?;
    rows.iter().map(invite_of).collect()
}

/// Notes the first time of a step.
pub async fn mark(db: &mut AnyConnection, id: InviteId, step: Step, now_us: u64) -> Result<(), Error> {
    let sql = match step {
        Step::Opened => "UPDATE invite SET opened_us = $2 WHERE id = $1 AND opened_us IS NULL",
        Step::Redeemed => "UPDATE invite SET redeemed_us = $2 WHERE id = $1 AND redeemed_us IS NULL",
        Step::Revoked => "UPDATE invite SET revoked_us = $2 WHERE id = $1 AND revoked_us IS NULL",
        Step::Again => "UPDATE invite SET again_us = $2 WHERE id = $1 AND again_us IS NULL",
    };
    sqlx::query(sql).bind(id.to_string()).bind(signed(now_us)).execute(db).await?;
    Ok(())
}

/// Says who holds the link.
pub async fn hold(db: &mut AnyConnection, id: InviteId, participant: ParticipantId) -> Result<(), Error> {
    sqlx::query("UPDATE invite SET participant = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(participant.to_string())
        .execute(db)
        .await?;
    Ok(())
}

fn invite_of(row: &AnyRow) -> Result<Invite, Error> {
    Ok(Invite {
        id: parsed(row, "id")?,
        session: parsed(row, "session")?,
        words: text(row, "words")?,
        created_us: number(row, "created_us")?,
        expires_us: number(row, "expires_us")?,
        opened_us: number_if(row, "opened_us")?,
        redeemed_us: number_if(row, "redeemed_us")?,
        revoked_us: number_if(row, "revoked_us")?,
        again_us: number_if(row, "again_us")?,
        participant: parsed_if(row, "participant")?,
    })
}
