//! The announcement: once for each object, as often as it is said again.

use handlens_protocol::consent::Purpose;
use handlens_protocol::limits::{SNAPSHOTS_PER_SESSION, UPLOADS_PER_GUEST};
use handlens_protocol::state::Presence;
use handlens_protocol::{Kind, Problem};
use handlens_seal::{Key, hpke};

use super::{Declaration, Progress, in_time, item, key};
use crate::access::UploadPermit;
use crate::app::{App, fault};
use crate::audit::Change;
use crate::keys::{self, Item};
use crate::session::unknown;
use crate::snapshot;
use crate::store::session::{self, Session};
use crate::store::upload::{self, Upload};
use crate::store::{participant, photo};

/// An upload that may begin, or go on.
#[derive(Clone, Copy, Debug)]
pub struct Announced {
    /// How far it is.
    pub progress: Progress,
    /// Whether it was announced by this very request.
    pub new: bool,
}

/// Takes an announcement. The seal is opened at once, so that a wrong one is told before a byte flows, and the object's key
/// is kept under ours. The same announcement again gets the present offset, also after the consent was withdrawn.
///
/// # Errors
/// `invalid` for a seal that does not open, `no-consent`, `not-admitted`, `session-ended`, `conflict` when the object was
/// announced otherwise or the session is full, `too-many` unfinished ones.
pub async fn announce(app: &App, permit: &UploadPermit, said: &Declaration) -> Result<Announced, Problem> {
    let guest = permit.guest();
    let keys = app.keys(guest.organisation()).await?;
    let (object, session) = (said.object.to_string(), guest.session().to_string());
    let item = item(&object, &session);
    let key = unsealed(app, permit, &keys, item, said).await?;
    let mut change = app.log.change(&app.live, guest.organisation(), Some(guest.request)).await?;
    let mut row = session::find(change.db(), guest.owner(), guest.session()).await?.ok_or_else(unknown)?;
    in_time(&row, change.now_us())?;
    if let Some(there) = upload::find(change.db(), said.object).await? {
        return again(&there, permit, said, &keys.object_key(item, &there.head), &key);
    }
    may(&mut change, permit, &row).await?;
    let new = Upload {
        id: said.object,
        session: row.id,
        participant: guest.participant(),
        request: said.request,
        bytes: said.bytes,
        sha256: said.sha256,
        head: keys.adopt(item, &key).map_err(fault)?.to_vec(),
        received: 0,
        announced_us: change.now_us(),
        stored: None,
    };
    upload::add(change.db(), &new).await?;
    let asked = photo::find(change.db(), row.id).await?;
    if asked.is_some_and(|asked| Some(asked.id) == said.request && asked.participant == guest.participant()) {
        photo::clear(change.db(), row.id).await?;
    }
    snapshot::show(&mut change, &mut row).await?;
    change.commit_progress().await?;
    Ok(Announced { progress: Progress { offset: 0, length: said.bytes }, new: true })
}

/// The object's key, by the session's own.
async fn unsealed(
    app: &App,
    permit: &UploadPermit,
    keys: &keys::Organisation,
    item: Item<'_>,
    said: &Declaration,
) -> Result<Key, Problem> {
    let session = permit.guest().session();
    let stored = upload::key(&mut *app.store.reader().await?, session).await?;
    let stored = stored.ok_or_else(|| Problem::new(Kind::Invalid, "This session is too old to take photos."))?;
    let opens = key::open(keys, session, &stored.sealed)?;
    hpke::open(&opens, &keys.header(item).map_err(fault)?, &said.seal).map_err(|_| {
        Problem::new(Kind::Invalid, "This photo was not sealed for this session. It is still on the phone.")
    })
}

fn again(
    there: &Upload,
    permit: &UploadPermit,
    said: &Declaration,
    kept: &Result<Key, keys::Error>,
    key: &Key,
) -> Result<Announced, Problem> {
    let same = there.participant == permit.guest().participant()
        && (there.bytes, there.sha256, there.request) == (said.bytes, said.sha256, said.request)
        && kept.as_ref().is_ok_and(|kept| kept == key);
    if !same {
        return Err(Problem::new(Kind::Conflict, "Another photo was announced under this id. Nothing was changed."));
    }
    Ok(Announced { progress: Progress { offset: there.received, length: there.bytes }, new: false })
}

/// Whether this guest may announce one more.
async fn may(change: &mut Change, permit: &UploadPermit, row: &Session) -> Result<(), Problem> {
    let me = permit.guest().participant();
    let who = participant::find(change.db(), row.id, me).await?.ok_or_else(unknown)?;
    let left = match who.presence {
        Presence::Waiting | Presence::Admitted => row.ended.is_some(),
        Presence::Left => true,
        Presence::Declined => return Err(Problem::new(Kind::NotAdmitted, "You are not in this call.")),
    };
    let wanted = (me, Purpose::Snapshots);
    let allowed = participant::grants(change.db(), row.id).await?.contains(&wanted)
        || (left && participant::grants_until_left(change.db(), row.id).await?.contains(&wanted));
    if !allowed {
        return Err(Problem::new(Kind::NoConsent, "You have not allowed photos. Nothing was sent."));
    }
    let counts = upload::counts(change.db(), row.id, me).await?;
    if counts.session >= SNAPSHOTS_PER_SESSION as u64 {
        let detail = format!("This session has {SNAPSHOTS_PER_SESSION} photos; there is no room for another.");
        return Err(Problem::new(Kind::Conflict, detail));
    }
    // Whoever has the link can wait: nobody let them in yet, and they take no more of the session's room than this.
    if who.admitted_us.is_none() && counts.mine >= UPLOADS_PER_GUEST as u64 {
        let detail = format!("{UPLOADS_PER_GUEST} photos were sent. The next one can go when you are let in.");
        return Err(Problem::new(Kind::TooMany, detail));
    }
    if counts.unfinished >= UPLOADS_PER_GUEST as u64 {
        let detail = format!("{UPLOADS_PER_GUEST} photos are on their way. Send them first.");
        return Err(Problem::new(Kind::TooMany, detail));
    }
    Ok(())
}
