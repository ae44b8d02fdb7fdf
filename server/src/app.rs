//! What every handler and service works with: one value, cheap to clone.

use std::fmt::Display;
use std::ops::Deref;
use std::sync::Arc;

use handlens_protocol::{Kind, OrganisationId, Problem};
use sqlx::AnyConnection;
use tokio_util::sync::CancellationToken;

use crate::address::Address;
use crate::attempts::Attempts;
use crate::audit::{self, Log};
use crate::blob::Blobs;
use crate::clock::Clock;
use crate::identity::{Passwords, Setup};
use crate::keys;
use crate::live::Live;
use crate::refusals::Refusals;
use crate::store::{self, Store};
use crate::upload::Uploads;

/// The running server.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// Its parts.
pub struct Parts {
    /// Where people find it.
    pub address: Address,
    /// The time.
    pub clock: Clock,
    /// The database.
    pub store: Store,
    /// Sealed objects that are too large for it.
    pub blobs: Blobs,
    /// What uploads share.
    pub uploads: Uploads,
    /// The audit log.
    pub log: Log,
    /// The root of all keys.
    pub root: keys::Root,
    /// What is shown at once, and the realtime plane.
    pub live: Live,
    /// The password hasher.
    pub passwords: Passwords,
    /// The first start.
    pub setup: Setup,
    /// How often somebody may try.
    pub attempts: Attempts,
    /// What is counted and not listed.
    pub refusals: Refusals,
    /// Cancelled when the server goes down: what would last for ever ends.
    pub stop: CancellationToken,
}

impl App {
    /// Of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The keys of an organisation.
    ///
    /// # Errors
    /// `internal` when it has none, or they do not open under this root key.
    pub async fn keys(&self, organisation: OrganisationId) -> Result<keys::Organisation, Problem> {
        self.keys_by(&mut *self.store.reader().await?, organisation).await
    }

    /// The same, read by a connection that is at hand.
    ///
    /// # Errors
    /// As [`Self::keys`].
    pub async fn keys_by(
        &self,
        db: &mut AnyConnection,
        organisation: OrganisationId,
    ) -> Result<keys::Organisation, Problem> {
        let row = store::account::organisation(db, organisation).await?;
        let row = row.ok_or_else(|| Problem::new(Kind::Internal, "The organisation's key is missing."))?;
        self.root.open_organisation(&organisation.to_string(), &row.key).map_err(fault)
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// A failure of ours as it is told outside; the cause goes to the server's own log.
pub fn fault(cause: impl Display) -> Problem {
    tracing::error!(%cause, "a request failed");
    Problem::new(
        Kind::Internal,
        "Something failed in the server. Nothing was changed. Try again; if it stays, tell your administrator.",
    )
}

/// Where JSON is not understood. What serde says of it may repeat a value that must not be repeated, so its own words go
/// nowhere.
pub fn json_place(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        fault(error)
    }
}

impl From<audit::Error> for Problem {
    fn from(error: audit::Error) -> Self {
        fault(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fault names the place and never the value, which may be a patient's name.
    #[test]
    fn a_place_tells_no_value() {
        let error = serde_json::from_str::<u8>(r#""Ada Example""#).unwrap_err();
        assert!(error.to_string().contains("Ada Example"), "the control: serde repeats it");
        assert_eq!(json_place(&error), "line 1, column 13");
    }
}
