//! The photo a guest is asked for: at most one a session.

use handlens_protocol::SessionId;
use handlens_protocol::state::PhotoRequest;
use sqlx::AnyConnection;

use super::{Error, number, parsed, signed};

/// The open request of a session.
pub async fn find(db: &mut AnyConnection, session: SessionId) -> Result<Option<PhotoRequest>, Error> {
    let row = sqlx::query("SELECT id, participant, at_us FROM photo_request WHERE session = $1")
        .bind(session.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|row| {
        Ok(PhotoRequest {
            id: parsed(&row, "id")?,
            participant: parsed(&row, "participant")?,
            at_us: number(&row, "at_us")?,
        })
    })
    .transpose()
}

/// Asks; takes the place of the request before.
pub async fn set(db: &mut AnyConnection, session: SessionId, new: PhotoRequest) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO photo_request (session, id, participant, at_us) VALUES ($1, $2, $3, $4)
         ON CONFLICT (session) DO UPDATE SET id = excluded.id, participant = excluded.participant, at_us = excluded.at_us",
    )
    .bind(session.to_string())
    .bind(new.id.to_string())
    .bind(new.participant.to_string())
    .bind(signed(new.at_us))
    .execute(db)
    .await?;
    Ok(())
}

/// Nobody is asked any more.
pub async fn clear(db: &mut AnyConnection, session: SessionId) -> Result<(), Error> {
    sqlx::query("DELETE FROM photo_request WHERE session = $1").bind(session.to_string()).execute(db).await?;
    Ok(())
}
