//! The audit log's rows: entries as raw bytes, their signatures, and the head of each origin.

use handlens_protocol::{OrganisationId, SessionId};
use sqlx::AnyConnection;
use sqlx::Row as _;

use super::{Error, bytes, number, signed, text};

/// An entry as stored.
pub struct Row {
    /// The log it stands in.
    pub origin: String,
    /// Its place there.
    pub sequence: u64,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
    /// The signature of the checkpoint that ends with it, once it is made.
    pub signature: Option<Vec<u8>>,
    /// Sealed details.
    pub sealed: Option<Vec<u8>>,
}

/// The head of an origin as stored: its name and the encoded head.
pub struct HeadRow {
    /// The owner.
    pub organisation: OrganisationId,
    /// The name of the log.
    pub origin: String,
    /// Size, last hash, frontier.
    pub head: Vec<u8>,
}

/// The newest log of an organisation.
pub async fn newest_head(db: &mut AnyConnection, organisation: OrganisationId) -> Result<Option<HeadRow>, Error> {
    let row = sqlx::query("SELECT organisation, origin, head FROM log_head WHERE organisation = $1 ORDER BY opened_us DESC, origin DESC LIMIT 1")
        .bind(organisation.to_string())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(head_of).transpose()
}

/// Every log of an organisation, oldest first.
pub async fn heads(db: &mut AnyConnection, organisation: OrganisationId) -> Result<Vec<HeadRow>, Error> {
    let rows = sqlx::query(
        "SELECT organisation, origin, head FROM log_head WHERE organisation = $1 ORDER BY opened_us, origin",
    )
    .bind(organisation.to_string())
    .fetch_all(db)
    .await?;
    rows.iter().map(head_of).collect()
}

/// Opens or moves a head.
pub async fn set_head(db: &mut AnyConnection, head: &HeadRow, now_us: u64) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO log_head (organisation, origin, opened_us, head) VALUES ($1, $2, $3, $4)
         ON CONFLICT (origin) DO UPDATE SET head = excluded.head",
    )
    .bind(head.organisation.to_string())
    .bind(&head.origin)
    .bind(signed(now_us))
    .bind(&head.head)
    .execute(db)
    .await?;
    Ok(())
}

/// Adds an entry.
pub async fn add(db: &mut AnyConnection, row: &Row, session: Option<&str>) -> Result<(), Error> {
    sqlx::query("INSERT INTO log_entry (origin, sequence, session, bytes, sealed) VALUES ($1, $2, $3, $4, $5)")
        .bind(&row.origin)
        .bind(signed(row.sequence))
        .bind(session)
        .bind(&row.bytes)
        .bind(row.sealed.as_deref())
        .execute(db)
        .await?;
    Ok(())
}

/// Entries of a log from `sequence` on, at most `limit`.
pub async fn range(db: &mut AnyConnection, origin: &str, sequence: u64, limit: u32) -> Result<Vec<Row>, Error> {
    let rows = sqlx::query(
        "SELECT origin, sequence, bytes, signature, sealed FROM log_entry WHERE origin = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3",
    )
    .bind(origin)
    .bind(signed(sequence))
    .bind(i64::from(limit))
    .fetch_all(db)
    .await?;
    rows.iter().map(row_of).collect()
}

/// The sequence of the first entry of a log that is not signed yet.
pub async fn first_unsigned(db: &mut AnyConnection, origin: &str) -> Result<Option<u64>, Error> {
    let row =
        sqlx::query("SELECT sequence FROM log_entry WHERE origin = $1 AND signature IS NULL ORDER BY sequence LIMIT 1")
            .bind(origin)
            .fetch_optional(db)
            .await?;
    row.map(|row| number(&row, "sequence")).transpose()
}

/// Keeps the signature of the checkpoint that ends with an entry.
pub async fn set_signature(db: &mut AnyConnection, origin: &str, sequence: u64, signature: &[u8]) -> Result<(), Error> {
    sqlx::query("UPDATE log_entry SET signature = $3 WHERE origin = $1 AND sequence = $2 AND signature IS NULL")
        .bind(origin)
        .bind(signed(sequence))
        .bind(signature)
        .execute(db)
        .await?;
    Ok(())
}

/// The newest entries of a session, at most `limit`, in their order.
pub async fn of_session(db: &mut AnyConnection, session: SessionId, limit: u32) -> Result<Vec<Row>, Error> {
    let rows = sqlx::query(
        "SELECT log_entry.origin AS origin, sequence, bytes, signature, sealed
         FROM log_entry JOIN log_head ON log_head.origin = log_entry.origin
         WHERE session = $1 ORDER BY log_head.opened_us DESC, log_head.origin DESC, sequence DESC LIMIT $2",
    )
    .bind(session.to_string())
    .bind(i64::from(limit))
    .fetch_all(db)
    .await?;
    rows.iter().rev().map(row_of).collect()
}

fn head_of(row: &sqlx::any::AnyRow) -> Result<HeadRow, Error> {
    Ok(HeadRow {
        organisation: super::parsed(row, "organisation")?,
        origin: text(row, "origin")?,
        head: bytes(row, "head")?,
    })
}

fn row_of(row: &sqlx::any::AnyRow) -> Result<Row, Error> {
    Ok(Row {
        origin: text(row, "origin")?,
        sequence: number(row, "sequence")?,
        bytes: bytes(row, "bytes")?,
        signature: row.try_get("signature")?,
        sealed: row.try_get("sealed")?,
    })
}
