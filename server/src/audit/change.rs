//! One change: the action, its entry and what people are shown afterwards, all or nothing.

use handlens_audit::{Action, Actor, DetailsKey, Event, Object, Outcome, Token};
use handlens_protocol::{OrganisationId, RequestId, SessionId};
use sqlx::AnyConnection;
use zeroize::Zeroizing;

use super::{Error, Log};
use crate::keys::{Item, Organisation, Purpose};
use crate::live::{Effect, Live};
use crate::store::Transaction;

/// What is written about an action.
pub struct Note<'a> {
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// To what: kind and identifier.
    pub object: (&'a str, String),
    /// `None`: done. `Some`: refused, with the stable code.
    pub refused: Option<&'a str>,
    /// The session it belongs to.
    pub session: Option<SessionId>,
    /// Details that may be ePHI: sealed, with only a commitment in the entry.
    pub details: Option<Details<'a>>,
}

/// Details that may be ePHI, and the key to seal them with.
pub struct Details<'a> {
    /// The organisation's keys.
    pub keys: &'a Organisation,
    /// A JSON object.
    pub json: Zeroizing<Vec<u8>>,
}

/// Where an entry stands, once the change is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The log.
    pub origin: String,
    /// Its number there.
    pub sequence: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// A transaction that ends with an entry. Dropped before [`Change::commit`], nothing happened.
pub struct Change {
    tx: Transaction,
    log: Log,
    live: Live,
    organisation: OrganisationId,
    request: Option<RequestId>,
    now_us: u64,
    entries: u32,
    effects: Vec<Effect>,
}

impl Log {
    /// Waits for the writer's turn and begins a change in `organisation`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn change(
        &self,
        live: &Live,
        organisation: OrganisationId,
        request: Option<RequestId>,
    ) -> Result<Change, Error> {
        let tx = self.0.store.begin().await?;
        let now_us = self.0.clock.now_us();
        Ok(Change {
            tx,
            log: self.clone(),
            live: live.clone(),
            organisation,
            request,
            now_us,
            entries: 0,
            effects: Vec::new(),
        })
    }
}

impl Change {
    /// The moment of this change.
    pub const fn now_us(&self) -> u64 {
        self.now_us
    }

    /// The connection that holds the change.
    pub fn db(&mut self) -> &mut AnyConnection {
        self.tx.connection()
    }

    /// Writes the entry of the action.
    ///
    /// # Errors
    /// When it cannot be written; then the change cannot be committed either.
    pub async fn write(&mut self, note: Note<'_>) -> Result<(), Error> {
        self.place(note).await.map(drop)
    }

    /// The same, and says where it stands: for a receipt.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn place(&mut self, note: Note<'_>) -> Result<Place, Error> {
        let now_us = self.now_us;
        let mut head = self.log.head(&mut self.tx, self.organisation, now_us).await?;
        let (details, sealed) = match note.details {
            Some(details) => {
                let mut key = Zeroizing::new([0; 32]);
                getrandom::fill(&mut *key)?;
                let key = DetailsKey::new(*key);
                let commitment = key.commit(&details.json).map_err(|_| Error::NoEntry)?;
                let mut plain = Zeroizing::new(key.expose().to_vec());
                plain.extend_from_slice(&details.json);
                let object = details_object(head.origin().as_str(), head.size());
                let item = Item { purpose: Purpose::AuditDetails, session: None, object: &object };
                (Some(commitment), Some(details.keys.seal(item, &plain)?))
            }
            None => (None, None),
        };
        let event = Event {
            time_us: now_us,
            actor: note.actor,
            action: note.action,
            object: Object { kind: Token::new(note.object.0)?, id: Token::new(&note.object.1)? },
            outcome: match note.refused {
                None => Outcome::Ok,
                Some(code) => Outcome::Refused(Token::new(code)?),
            },
            count: 1,
            request: self.request.map(|id| Token::new(&id.to_string())).transpose()?,
            session: note.session.map(|id| Token::new(&id.to_string())).transpose()?,
            details,
            follows: None,
        };
        let place = self.log.write(&mut self.tx, self.organisation, &mut head, event, sealed, now_us).await?;
        self.entries += 1;
        Ok(place)
    }

    /// What is to happen once the change is committed, in order.
    pub fn then(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Makes it last, then shows it. A task of its own does both, so that a caller who goes away cannot part them.
    ///
    /// # Errors
    /// When there is no entry, or the database refuses: nothing happened then.
    pub async fn commit(self) -> Result<(), Error> {
        if self.entries == 0 {
            return Err(Error::NoEntry);
        }
        self.commit_progress().await
    }

    /// The same for what is no act: how far an upload has come. Nothing was received before it is stored, and then there is
    /// an entry; one for each part would bury the others. Called by [`crate::upload`] alone.
    ///
    /// # Errors
    /// When the database refuses: nothing happened then.
    pub(crate) async fn commit_progress(self) -> Result<(), Error> {
        let Self { tx, log, live, effects, .. } = self;
        let done = tokio::spawn(async move {
            let turn = tx.commit().await?;
            live.apply(effects);
            drop(turn);
            log.0.wake.notify_one();
            Ok::<_, Error>(())
        });
        done.await.map_err(|_| Error::Stopping)?
    }
}

/// The object name under which the details of an entry are sealed.
pub(super) fn details_object(origin: &str, sequence: u64) -> String {
    format!("{}.{sequence}", origin.rsplit('/').next().unwrap_or(origin))
}
