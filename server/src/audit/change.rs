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

#[cfg(test)]
mod tests {
    use handlens_audit::{Commitment, Entry};

    use super::*;
    use crate::clock::Clock;
    use crate::keys::vectors::{Keys, hex};
    use crate::store::{self, Store, account};

    /// What a commitment is opened with, from the bytes at rest: the entry's key, then the JSON.
    fn commitment(plain: &[u8]) -> Commitment {
        let (key, json) = plain.split_first_chunk::<32>().unwrap();
        DetailsKey::new(*key).commit(json).unwrap()
    }

    /// Details of version 1 open in the place of their entry, and in no other.
    #[test]
    fn details_of_version_1_open() {
        let (vectors, folder) = (Keys::read(), tempfile::tempdir().unwrap());
        let (keys, sealed) = (vectors.open(folder.path()), vectors.sealed("details"));
        let open = |sequence| {
            let object = details_object(&format!("handlens-golden77/{}/2026-11", vectors.organisation), sequence);
            keys.open(Item { purpose: Purpose::AuditDetails, session: None, object: &object }, &sealed.bytes())
        };
        let plain = open(7).unwrap();
        assert_eq!(&plain[32..], br#"{"patient":"Ada"}"#);
        assert_eq!(commitment(&plain).0[..], hex(&vectors.commitment));
        assert!(open(8).is_err());
    }

    /// What is written today has the same form: it opens the commitment of its entry.
    #[tokio::test]
    async fn details_are_written_as_their_key_and_their_json() {
        let (vectors, folder) = (Keys::read(), tempfile::tempdir().unwrap());
        let keys = vectors.open(folder.path());
        store::make_private(&folder.path().join("keys")).unwrap();
        let store = Store::open(&folder.path().join("data")).await.unwrap();
        let log =
            Log::new(store.clone(), Clock::fixed(1_795_435_200_000_000), &folder.path().join("keys")).await.unwrap();
        let mut change = log.change(&Live::offline(), vectors.organisation, None).await.unwrap();
        let id = vectors.organisation;
        let new = account::Organisation { id, name: "City Clinic".to_owned(), phone: None, key: Vec::new() };
        account::add_organisation(change.db(), &new, 1).await.unwrap();
        let note = Note {
            actor: Actor::System(Token::new("test").unwrap()),
            action: Action::OrganisationCreate,
            object: ("organisation", vectors.organisation.to_string()),
            refused: None,
            session: None,
            details: Some(Details { keys: &keys, json: br#"{"patient":"Ada"}"#.to_vec().into() }),
        };
        let place = change.place(note).await.unwrap();
        change.commit().await.unwrap();
        let mut db = store.reader().await.unwrap();
        let row = store::log::range(&mut db, &place.origin, place.sequence, 1).await.unwrap().remove(0);
        let object = details_object(&place.origin, place.sequence);
        let item = Item { purpose: Purpose::AuditDetails, session: None, object: &object };
        let plain = keys.open(item, &row.sealed.unwrap()).unwrap();
        assert_eq!(&plain[32..], br#"{"patient":"Ada"}"#);
        assert_eq!(Entry::decode(&row.bytes).unwrap().event().details, Some(commitment(&plain)));
    }
}
