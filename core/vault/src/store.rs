//! The SQLite file: how it is opened, what its rows are, and in which order things leave it.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use handlens_protocol::{ObjectId, SessionId};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::row::Row;
use crate::{Error, Part, Quota};

/// Steps of the schema, oldest first; a step that was released is never edited.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/0001_objects.sql")];

/// The version this program writes.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Sealed bytes in one row of `chunk`: a row in many pages wastes a part of one, and a part of an upload is a few rows.
pub(crate) const ROW_BYTES: u64 = ROW as u64;
const ROW: usize = 256 * 1024;

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

const COLUMNS: &str =
    "sequence, object, session, header, bytes, sha256, receipt_key, device_wrap, seal, about, received FROM object";

/// Opens or makes the file.
pub(crate) fn open(path: &Path) -> Result<Connection, Error> {
    make(path)?;
    let mut connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    // The first two count only in a file without pages. `fullfsync` is for Apple, whose `fsync` leaves it to the drive.
    // Checkpoints are made when idle ([`rest`]); by itself SQLite makes one only after 64 MiB of log.
    connection.execute_batch(
        "PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA temp_store = MEMORY;
         PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA cell_size_check = ON;",
    )?;
    for (pragma, value) in
        [("journal_mode", "WAL"), ("synchronous", "FULL"), ("secure_delete", "FAST"), ("wal_autocheckpoint", "4096")]
    {
        run(&connection, &format!("PRAGMA {pragma} = {value}"))?;
    }
    migrate(&mut connection)?;
    Ok(connection)
}

/// What others may not read is made so, before there is anything in it. SQLite gives its log the same permissions.
fn make(path: &Path) -> Result<(), Error> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?;
    Ok(())
}

fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let transaction = begin(connection)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let newer = Error::Newer { found };
    let done = usize::try_from(found).map_err(|_| Error::Newer { found })?;
    for step in MIGRATIONS.get(done..).ok_or(newer)? {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// A transaction that holds the file's write lock from its beginning.
pub(crate) fn begin(connection: &mut Connection) -> Result<Transaction<'_>, Error> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

/// The device's wrapped key: the one that is there, or else `new`.
pub(crate) fn device(connection: &Connection, new: impl FnOnce() -> Result<Vec<u8>, Error>) -> Result<Vec<u8>, Error> {
    let read = |connection: &Connection| {
        connection.query_row("SELECT wrapped FROM device WHERE id = 1", [], |row| row.get(0)).optional()
    };
    if let Some(wrapped) = read(connection)? {
        return Ok(wrapped);
    }
    connection.execute("INSERT OR IGNORE INTO device (id, wrapped) VALUES (1, ?1)", [new()?])?;
    // Another process may have been first.
    read(connection)?.ok_or(Error::Storage(rusqlite::Error::QueryReturnedNoRows))
}

/// Drops what was received, oldest first, until `bytes` more fit.
pub(crate) fn make_room(transaction: &Transaction<'_>, quota: &Quota, bytes: u64) -> Result<(), Error> {
    loop {
        let (held, objects) = transaction
            .query_row("SELECT coalesce(sum(bytes), 0), count(*) FROM object", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map(|(held, objects): (i64, i64)| (held.unsigned_abs(), objects.unsigned_abs()))?;
        if quota.holds(held.saturating_add(bytes), objects + 1) {
            return Ok(());
        }
        let oldest = "SELECT sequence FROM object WHERE received = 1 ORDER BY sequence LIMIT 1";
        let oldest = transaction.query_row(oldest, [], |row| row.get(0)).optional()?;
        let sequence: i64 = oldest.ok_or(Error::Full { bytes: held, objects })?;
        lock_away(transaction, sequence)?;
        clear(transaction, sequence)?;
    }
}

/// Writes an object: its row and its chunks.
pub(crate) fn insert(transaction: &Transaction<'_>, row: &Row, container: &[u8]) -> Result<(), Error> {
    transaction
        .prepare(
            "INSERT INTO object (object, session, header, bytes, sha256, receipt_key, device_wrap, seal, about, received)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            row.object,
            row.session,
            row.header,
            row.bytes,
            row.sha256,
            row.receipt_key,
            row.device_wrap,
            row.seal,
            row.about,
            row.received
        ])?;
    let sequence = transaction.last_insert_rowid();
    let mut chunk = transaction.prepare("INSERT INTO chunk (sequence, number, bytes) VALUES (?1, ?2, ?3)")?;
    for (number, bytes) in (0_i64..).zip(container.chunks(ROW)) {
        chunk.execute(params![sequence, number, bytes])?;
    }
    Ok(())
}

/// The row of `object`, unless it is being shredded.
pub(crate) fn find(connection: &Connection, object: ObjectId) -> Result<Row, Error> {
    let sql = format!("SELECT {COLUMNS} WHERE object = ?1 AND device_wrap IS NOT NULL");
    let found = connection.prepare(&sql)?.query_row([object.as_bytes()], read_row).optional();
    found.map_err(|error| Error::from(error).about(object, Part::Row))?.ok_or(Error::Unknown { object })
}

/// Every row that was received, or every one that was not, in order, unless it is being shredded.
pub(crate) fn rows(connection: &Connection, received: bool) -> Result<Vec<Row>, Error> {
    let sql = format!("SELECT {COLUMNS} WHERE received = ?1 AND device_wrap IS NOT NULL ORDER BY sequence");
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([received], read_row)?.collect::<Result<_, _>>()?;
    Ok(rows)
}

/// The server has it.
pub(crate) fn mark_received(connection: &Connection, sequence: i64) -> Result<(), Error> {
    connection.execute("UPDATE object SET received = 1 WHERE sequence = ?1", [sequence])?;
    Ok(())
}

/// A range of an object's sealed bytes, which must lie within its `length`.
pub(crate) fn read(
    connection: &Connection,
    (object, sequence): (ObjectId, i64),
    length: u64,
    range: Range<u64>,
) -> Result<Vec<u8>, Error> {
    let damaged = Error::Damaged { object, part: Part::Content };
    let capacity = range.end.saturating_sub(range.start);
    let mut out = Vec::with_capacity(usize::try_from(capacity).map_err(|_| Error::TooLarge { bytes: capacity })?);
    let mut read = || -> Result<bool, rusqlite::Error> {
        let sql = "SELECT bytes FROM chunk WHERE sequence = ?1 AND number = ?2";
        let mut statement = connection.prepare(sql)?;
        let mut at = range.start;
        while at < range.end {
            let number = at / ROW_BYTES;
            let begin = number * ROW_BYTES;
            let end = length.min(begin + ROW_BYTES);
            let whole = statement.query_row(params![sequence, number.cast_signed()], |row| {
                let bytes = row.get_ref(0)?.as_blob()?;
                let within = |place: u64| usize::try_from(place - begin).unwrap_or(usize::MAX);
                let whole = bytes.len() as u64 == end - begin;
                Ok(whole
                    && bytes.get(within(at)..within(range.end.min(end))).is_some_and(|part| {
                        out.extend_from_slice(part);
                        true
                    }))
            });
            if !whole.optional()?.unwrap_or(false) {
                return Ok(false);
            }
            at = end;
        }
        Ok(true)
    };
    match read().map_err(|error| Error::from(error).about(object, Part::Content))? {
        true => Ok(out),
        false => Err(damaged),
    }
}

/// Deletes an object so that it cannot come back: first its wraps, until no copy of them is left in the file or its log,
/// then the bytes that they could have opened.
pub(crate) fn shred(connection: &mut Connection, sequence: i64) -> Result<(), Error> {
    let transaction = begin(connection)?;
    lock_away(&transaction, sequence)?;
    transaction.commit()?;
    checkpoint(connection)?;
    let transaction = begin(connection)?;
    clear(&transaction, sequence)?;
    Ok(transaction.commit()?)
}

/// Shreds to the end what a kill interrupted.
pub(crate) fn finish_shredding(connection: &mut Connection) -> Result<(), Error> {
    let begun: Vec<i64> = connection
        .prepare("SELECT sequence FROM object WHERE device_wrap IS NULL")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    begun.into_iter().try_for_each(|sequence| shred(connection, sequence))
}

/// Keeps what lets this device send a session's objects, in place of the one before.
pub(crate) fn set_pass(connection: &Connection, session: SessionId, sealed: &[u8]) -> Result<(), Error> {
    connection.execute(
        "INSERT OR REPLACE INTO pass (session, sealed) VALUES (?1, ?2)",
        params![session.as_bytes(), sealed],
    )?;
    Ok(())
}

/// Gives it back.
pub(crate) fn pass(connection: &Connection, session: SessionId) -> Result<Option<Vec<u8>>, Error> {
    let sql = "SELECT sealed FROM pass WHERE session = ?1";
    Ok(connection.query_row(sql, [session.as_bytes()], |row| row.get(0)).optional()?)
}

/// Moves the log into the file, and gives back to the disk what is free. A pass without an object that waits goes.
pub(crate) fn rest(connection: &Connection) -> Result<(), Error> {
    run(connection, "DELETE FROM pass WHERE session NOT IN (SELECT session FROM object WHERE received = 0)")?;
    run(connection, "PRAGMA incremental_vacuum")?;
    checkpoint(connection)
}

/// Moves the log into the file and empties it. Where another process reads, it is left for the next time.
fn checkpoint(connection: &Connection) -> Result<(), Error> {
    run(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
}

fn lock_away(transaction: &Transaction<'_>, sequence: i64) -> Result<(), Error> {
    let sql = "UPDATE object SET device_wrap = NULL, seal = NULL, about = x'' WHERE sequence = ?1";
    transaction.execute(sql, [sequence])?;
    Ok(())
}

fn clear(transaction: &Transaction<'_>, sequence: i64) -> Result<(), Error> {
    transaction.execute("DELETE FROM chunk WHERE sequence = ?1", [sequence])?;
    transaction.execute("DELETE FROM object WHERE sequence = ?1", [sequence])?;
    Ok(())
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        sequence: row.get(0)?,
        object: row.get(1)?,
        session: row.get(2)?,
        header: row.get(3)?,
        bytes: row.get(4)?,
        sha256: row.get(5)?,
        receipt_key: row.get(6)?,
        device_wrap: row.get(7)?,
        seal: row.get(8)?,
        about: row.get(9)?,
        received: row.get(10)?,
    })
}

/// Runs a statement to its end, whatever it answers.
fn run(connection: &Connection, sql: &str) -> Result<(), Error> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file is in the mode that was chosen: a log, synced at each commit, large pages, deleted cells overwritten.
    #[test]
    fn the_file_is_as_durable_as_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("vault.db")).unwrap();
        let text = |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, String>(0));
        let number = |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
        assert_eq!(text("journal_mode").unwrap(), "wal");
        assert_eq!(number("synchronous").unwrap(), 2);
        assert_eq!(number("page_size").unwrap(), 16384);
        assert_eq!(number("auto_vacuum").unwrap(), 2);
        assert_eq!(number("secure_delete").unwrap(), 2);
        assert_eq!(number("user_version").unwrap(), VERSION);
    }

    /// A file of the future is left alone.
    #[test]
    fn a_newer_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.db");
        open(&path).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
        assert!(matches!(open(&path), Err(Error::Newer { found }) if found == VERSION + 1));
    }

    /// Only the owner reads the vault, its log too.
    #[cfg(unix)]
    #[test]
    fn others_cannot_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let _connection = open(&folder.path().join("vault.db")).unwrap();
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
        assert!(files.len() >= 2);
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", file.file_name());
        }
    }
}
