//! The database: SQLite in one folder. Every statement is written for SQLite and PostgreSQL alike.
//!
//! There is one way to change anything: [`Store::begin`] takes the writer's turn, and the transaction it gives is only
//! committed by [`crate::audit::Change`], which has written the log entry into it.

use std::path::Path;
use std::sync::Arc;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyConnection, AnyPool, Row as _};
use tokio::sync::{Mutex, OwnedMutexGuard};

pub mod account;
pub mod invite;
pub mod log;
pub mod mark;
pub mod participant;
pub mod photo;
pub mod session;
pub mod upload;

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database itself.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("database schema: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A column holds what it never should.
    #[error("database: unreadable {0}")]
    Unreadable(&'static str),
    /// The folder cannot be used.
    #[error("cannot use the folder {path}: {source}")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// The open database.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    turn: Arc<Mutex<()>>,
}

/// A transaction that holds the writer's turn. Dropped, it is rolled back.
pub struct Transaction {
    inner: sqlx::Transaction<'static, Any>,
    turn: OwnedMutexGuard<()>,
}

/// The writer's turn after a commit.
pub(crate) struct Turn(#[allow(dead_code, reason = "held, not read")] OwnedMutexGuard<()>);

impl Store {
    /// Opens `handlens.db` in `folder`, making both where they are missing.
    ///
    /// # Errors
    /// When the folder cannot be used or the schema is newer than this program.
    pub async fn open(folder: &Path) -> Result<Self, Error> {
        let unusable = |source| Error::Folder { path: folder.display().to_string(), source };
        make_private(folder).map_err(unusable)?;
        let folder = folder.canonicalize().map_err(unusable)?;
        let mut url = url::Url::parse("sqlite:///").map_err(|_| Error::Unreadable("path"))?;
        url.set_path(&folder.join("handlens.db").to_string_lossy());
        url.set_query(Some("mode=rwc"));
        sqlx::any::install_default_drivers();
        let pool = AnyPoolOptions::new()
            .max_connections(8)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // FULL: what was acknowledged survives a power cut. secure_delete: a shredded row is gone.
                    for pragma in [
                        "PRAGMA journal_mode = WAL",
                        "PRAGMA synchronous = FULL",
                        "PRAGMA foreign_keys = ON",
                        "PRAGMA busy_timeout = 10000",
                        "PRAGMA secure_delete = ON",
                    ] {
                        sqlx::query(pragma).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .connect(url.as_str())
            .await?;
        migrator().run(&pool).await?;
        Ok(Self { pool, turn: Arc::default() })
    }

    /// Waits for the writer's turn and begins a transaction that sees and holds the newest state.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let inner = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Transaction { inner, turn })
    }

    /// For reading outside a transaction.
    ///
    /// # Errors
    /// When no connection is free within 30 s.
    pub async fn reader(&self) -> Result<sqlx::pool::PoolConnection<Any>, Error> {
        Ok(self.pool.acquire().await?)
    }

    /// Closes every connection; the WAL is folded into the database.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl Transaction {
    /// The connection, for the statements of this module's children.
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Makes it last. The turn is given back by dropping what this returns, so that what follows from one commit is seen
    /// before what follows from the next. Called by [`crate::audit`] alone.
    pub(crate) async fn commit(self) -> Result<Turn, Error> {
        self.inner.commit().await?;
        Ok(Turn(self.turn))
    }
}

/// Makes `folder` for this user alone; an existing folder is left as it is.
pub(crate) fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn migrator() -> Migrator {
    let first = Migration::new(
        1,
        "first".into(),
        MigrationType::Simple,
        sqlx::SqlStr::from_static(include_str!("migrations/0001_first.sql")),
        false,
    );
    Migrator { migrations: vec![first].into(), ..Migrator::DEFAULT }
}

// ---- reading columns ------------------------------------------------------------------------------------------------

fn text(row: &AnyRow, column: &str) -> Result<String, Error> {
    Ok(row.try_get(column)?)
}

fn bytes(row: &AnyRow, column: &str) -> Result<Vec<u8>, Error> {
    Ok(row.try_get(column)?)
}

fn parsed<T: std::str::FromStr>(row: &AnyRow, column: &'static str) -> Result<T, Error> {
    text(row, column)?.parse().map_err(|_| Error::Unreadable(column))
}

fn parsed_if<T: std::str::FromStr>(row: &AnyRow, column: &'static str) -> Result<Option<T>, Error> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| text.parse().map_err(|_| Error::Unreadable(column))).transpose()
}

fn number(row: &AnyRow, column: &'static str) -> Result<u64, Error> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|_| Error::Unreadable(column))
}

fn number_if(row: &AnyRow, column: &'static str) -> Result<Option<u64>, Error> {
    let number: Option<i64> = row.try_get(column)?;
    number.map(|number| u64::try_from(number).map_err(|_| Error::Unreadable(column))).transpose()
}

/// A number for the database. Times and counters of this product never come near `i64::MAX`.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
