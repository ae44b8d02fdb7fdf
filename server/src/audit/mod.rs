//! The audit log on the server: every change and every reading of ePHI is a [`Change`], and a change without an entry
//! cannot be committed.
//!
//! ```text
//!  Change: BEGIN ─ the action ─ the entry ─ COMMIT ─ effects (what people see)
//!  Signer:                                   └─ sign ─ move the head (a file apart from the database) ─ keep signatures
//! ```
//!
//! The head file is what a restored backup meets: when it remembers more than the database holds, a new log opens whose
//! first entry holds the old size and root (design, section 7).

mod change;
mod key;
mod signer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use handlens_audit::{Action, Actor, Event, Follows, Head, Object, Origin, Outcome, Token};
use handlens_protocol::OrganisationId;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, Notify};

use crate::clock::Clock;
use crate::store::{self, Store, Transaction};

pub use change::{Change, Details, Note, Place};

/// Why the log could not be written. The action was not done either.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// An entry that cannot be: a fault in this program.
    #[error("audit entry: {0}")]
    Entry(#[from] handlens_audit::HeadError),
    /// A word that cannot stand in an entry: a fault in this program.
    #[error("audit entry: {0}")]
    Token(#[from] handlens_audit::TokenError),
    /// A change without an entry: a fault in this program.
    #[error("a change without a log entry was not committed")]
    NoEntry,
    /// Details could not be sealed.
    #[error("audit details: {0}")]
    Seal(#[from] crate::keys::Error),
    /// No randomness.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// The task that commits was stopped: the server is going down.
    #[error("the server is stopping")]
    Stopping,
    /// The signing key or a head file cannot be used.
    #[error("{path}: {reason}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The log of this installation.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    signer: handlens_audit::Signer,
    heads: PathBuf,
    wake: Notify,
    /// One signs at a time: the head file has one writer in this process.
    signing: Mutex<()>,
}

impl Log {
    /// Opens the log: reads the signing key in `keys`, meets the remembered heads, and starts to sign. Before there is any
    /// organisation, a missing key is made; afterwards it is a loss to be told.
    ///
    /// # Errors
    /// When the key or a head cannot be used.
    pub async fn open(store: Store, clock: Clock, keys: &Path) -> Result<Self, Error> {
        let log = Self::new(store, clock, keys).await?;
        signer::meet(&log).await?;
        signer::start(&log);
        Ok(log)
    }

    async fn new(store: Store, clock: Clock, keys: &Path) -> Result<Self, Error> {
        let path = keys.join("log.key");
        let populated = store::account::any_organisation(&mut *store.reader().await?).await?;
        let signer = if populated { key::open(&path)? } else { key::open_or_create(&path)? };
        let heads = keys.join("heads");
        store::make_private(&heads).map_err(|error| Error::Key { path: heads.clone(), reason: error.to_string() })?;
        Ok(Self(Arc::new(Inner { store, clock, signer, heads, wake: Notify::new(), signing: Mutex::default() })))
    }

    /// The key that verifies this installation's logs, in the form of a signed note's verifier key.
    pub fn vkey(&self) -> String {
        self.0.signer.vkey()
    }

    /// The name of that key, which every log's name begins with.
    pub fn name(&self) -> Origin {
        self.0.signer.name().clone()
    }

    /// Waits until everything committed so far is signed.
    ///
    /// # Errors
    /// When signing fails.
    pub async fn settle(&self) -> Result<(), Error> {
        signer::sign_all(self).await
    }

    /// The head to append to: of the month of `now_us`, opened when it is not there yet.
    async fn head(&self, tx: &mut Transaction, organisation: OrganisationId, now_us: u64) -> Result<Head, Error> {
        let month = month(now_us);
        let name = self.0.signer.name().as_str().to_owned();
        let newest = store::log::newest_head(tx.connection(), organisation).await?;
        let base = format!("{name}/{organisation}/{month}");
        let Some(row) = newest else {
            return self.open_log(tx, organisation, &base, None, now_us).await;
        };
        let mut head = Head::from_bytes(&row.head)?;
        if row.origin == base || row.origin.starts_with(&format!("{base}.")) {
            return Ok(head);
        }
        // A new month: the old log ends with an entry that says so, the new one begins with the old one's root.
        let close = system(Action::OriginClose, "log", &row.origin, now_us)?;
        self.write(tx, organisation, &mut head, close, None, now_us).await?;
        let follows = Follows { origin: head.origin().clone(), size: head.size(), root: head.frontier().root() };
        self.open_log(tx, organisation, &base, Some(follows), now_us).await
    }

    async fn open_log(
        &self,
        tx: &mut Transaction,
        organisation: OrganisationId,
        origin: &str,
        follows: Option<Follows>,
        now_us: u64,
    ) -> Result<Head, Error> {
        let mut head = Head::new(Origin::new(origin)?);
        let mut event = system(Action::OriginOpen, "log", origin, now_us)?;
        event.follows = follows;
        self.write(tx, organisation, &mut head, event, None, now_us).await?;
        Ok(head)
    }

    async fn write(
        &self,
        tx: &mut Transaction,
        organisation: OrganisationId,
        head: &mut Head,
        event: Event,
        sealed: Option<Vec<u8>>,
        now_us: u64,
    ) -> Result<Place, Error> {
        let session = event.session.as_ref().map(|session| session.as_str().to_owned());
        let entry = head.append(event)?;
        let origin = entry.origin().as_str().to_owned();
        let row = store::log::Row {
            origin: origin.clone(),
            sequence: entry.sequence(),
            bytes: entry.bytes().to_vec(),
            signature: None,
            sealed,
        };
        store::log::add(tx.connection(), &row, session.as_deref()).await?;
        let place = Place { origin, sequence: row.sequence, sha256: Sha256::digest(&row.bytes).into() };
        let head = store::log::HeadRow { organisation, origin: row.origin, head: head.to_bytes() };
        store::log::set_head(tx.connection(), &head, now_us).await?;
        Ok(place)
    }
}

/// An event of the server itself. The name of a log is longer than a token: its month is enough.
fn system(action: Action, kind: &str, name: &str, now_us: u64) -> Result<Event, Error> {
    let id = name.rsplit('/').next().unwrap_or(name);
    Ok(Event {
        time_us: now_us,
        actor: Actor::System(Token::new("server")?),
        action,
        object: Object { kind: Token::new(kind)?, id: Token::new(id)? },
        outcome: Outcome::Ok,
        count: 1,
        request: None,
        session: None,
        details: None,
        follows: None,
    })
}

/// `2026-11` (UTC).
fn month(now_us: u64) -> String {
    let seconds = i64::try_from(now_us / 1_000_000).unwrap_or(i64::MAX);
    let date = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    format!("{:04}-{:02}", date.year(), u8::from(date.month()))
}
