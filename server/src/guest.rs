//! Guests: admitted or turned away by staff, allowing and withdrawing by themselves, leaving.

use data_encoding::BASE64URL_NOPAD;
use handlens_audit::Action;
use handlens_protocol::api::{Consent, Feedback, GuestEvent, GuestView, Wording};
use handlens_protocol::consent::{DOMAIN, Decision, LANGUAGES, Purpose, Statement};
use handlens_protocol::limits::{NONCE_BYTES, SIGNATURE_BYTES, STATEMENT_SECONDS};
use handlens_protocol::state::{ParticipantKind, Presence};
use handlens_protocol::{Host, Kind, OrganisationId, ParticipantId, Problem, SessionId, broadcast};
use handlens_seal::signature;
use sha2::{Digest as _, Sha256};

use crate::access::{GuestPermit, SessionPermit};
use crate::app::{App, fault};
use crate::audit::{Change, Note};
use crate::invite::base64;
use crate::live::{Effect, Snapshot};
use crate::relay::Selector;
use crate::session::{begin_open, ended, note, unknown};
use crate::store::participant::{self, Participant};
use crate::store::session::Session;
use crate::store::{account, invite, session, upload};
use crate::{photo, snapshot};

/// Lets a waiting guest in; only now the realtime plane opens for them. A guest who asked for another's place takes it.
///
/// # Errors
/// `conflict` when they do not wait (any more), `session-ended`.
pub async fn admit(app: &App, permit: &SessionPermit, id: ParticipantId) -> Result<(), Problem> {
    let (mut change, mut row) = begin_open(app, permit).await?;
    let guest = waiting(&mut change, row.id, id).await?;
    let now_us = change.now_us();
    participant::set_presence(change.db(), id, Presence::Admitted, now_us).await?;
    session::set_live(change.db(), row.id, now_us).await?;
    row.live_us = row.live_us.or(Some(now_us));
    if let (Some(old), Some(link)) = (guest.replaces, guest.invite) {
        put_out(&mut change, &mut row, old).await?;
        invite::hold(change.db(), link, id).await?;
    }
    note(&mut change, permit, Action::ParticipantAdmit, ("participant", id.to_string())).await?;
    snapshot::show(&mut change, &mut row).await?;
    Ok(change.commit().await?)
}

/// Turns a waiting guest away.
///
/// # Errors
/// `conflict` when they do not wait (any more), `session-ended`.
pub async fn decline(app: &App, permit: &SessionPermit, id: ParticipantId) -> Result<(), Problem> {
    let (mut change, mut row) = begin_open(app, permit).await?;
    waiting(&mut change, row.id, id).await?;
    let now_us = change.now_us();
    participant::set_presence(change.db(), id, Presence::Declined, now_us).await?;
    participant::withdraw_all(change.db(), id).await?;
    note(&mut change, permit, Action::ParticipantDecline, ("participant", id.to_string())).await?;
    snapshot::show(&mut change, &mut row).await?;
    Ok(change.commit().await?)
}

/// What a guest's page shows.
///
/// # Errors
/// When the database does not answer.
pub async fn view(app: &App, permit: &GuestPermit) -> Result<GuestView, Problem> {
    view_of(app, permit.organisation(), permit.session(), permit.participant()).await
}

/// The same, for a guest who has just come.
///
/// # Errors
/// When the database does not answer.
pub async fn view_of(
    app: &App,
    organisation: OrganisationId,
    session: SessionId,
    id: ParticipantId,
) -> Result<GuestView, Problem> {
    let host = host(app, organisation).await?;
    let mut db = app.store.reader().await?;
    let owner = session::Owner { organisation, technician: None };
    let row = session::find(&mut db, owner, session).await?.ok_or_else(unknown)?;
    let guest = participant::find(&mut db, session, id).await?.ok_or_else(unknown)?;
    let words = match guest.invite {
        Some(link) => invite::find(&mut db, session, link).await?.map(|invite| invite.words).unwrap_or_default(),
        None => String::new(),
    };
    let grants = participant::grants(&mut db, session).await?;
    let seals = upload::key(&mut db, session).await?;
    drop(db);
    let receipts = app.keys(organisation).await?.receipt_key().map_err(fault)?;
    Ok(GuestView {
        organisation,
        wordings: wordings(&row.technician_name, &host.organisation),
        organisation_name: host.organisation,
        organisation_phone: host.organisation_phone,
        session,
        participant: id,
        technician: row.technician_name.clone(),
        words,
        presence: guest.presence,
        phase: row.phase(),
        grants: grants.into_iter().filter(|(who, _)| *who == id).map(|(_, purpose)| purpose).collect(),
        // A session of a version that took no photos has none.
        seal_key: seals.map(|key| BASE64URL_NOPAD.encode(&key.public)).unwrap_or_default(),
        receipt_key: BASE64URL_NOPAD.encode(&receipts.public().to_sec1()),
    })
}

/// What the waiting room tells one guest of a session's state.
pub fn event(snapshot: &Snapshot, id: ParticipantId) -> Option<GuestEvent> {
    let me = snapshot.state.participants.iter().find(|who| who.id == id)?;
    Some(GuestEvent {
        revision: snapshot.state.revision,
        presence: me.presence,
        phase: snapshot.state.phase,
        grants: me.grants.clone(),
        frozen: snapshot.state.frozen.filter(|frozen| frozen.participant == id),
        photo: snapshot.state.photo.filter(|photo| photo.participant == id),
    })
}

/// Takes a signed grant or withdrawal. A withdrawal ends what it covers at once.
///
/// # Errors
/// `bad-wording`, `bad-signature`, `stale-statement`, `session-ended`.
pub async fn consent(app: &App, permit: &GuestPermit, request: &Consent) -> Result<(), Problem> {
    let organisation_name = host(app, permit.organisation()).await?.organisation;
    let mut change = app.log.change(&app.live, permit.organisation(), Some(permit.request)).await?;
    let mut row = session::find(change.db(), permit.owner(), permit.session()).await?.ok_or_else(unknown)?;
    let guest = participant::find(change.db(), row.id, permit.participant()).await?.ok_or_else(unknown)?;
    let granting = matches!(request.decision, Decision::Grant);
    if granting && row.ended.is_some() {
        return Err(ended());
    }
    if granting && !matches!(guest.presence, Presence::Waiting | Presence::Admitted) {
        return Err(Problem::new(Kind::NotAdmitted, "You are not in this call any more."));
    }
    let (statement, given) = proven(&row, &organisation_name, permit, request, change.now_us())?;
    let stored = participant::Consent {
        purpose: request.purpose,
        decision: request.decision,
        wording_sha256: &statement.wording_sha256,
        language: &request.language,
        nonce: &statement.nonce,
        expires_us: request.expires_us,
        signature: &given,
    };
    let now_us = change.now_us();
    if !participant::decide(change.db(), guest.id, &stored, now_us).await? {
        return Err(Problem::new(
            Kind::StaleStatement,
            "This answer was given before, or is older than your last. Choose again.",
        ));
    }
    let action = if granting { Action::ConsentGrant } else { Action::ConsentRevoke };
    write(&mut change, permit, action, ("consent", request.purpose.as_str().to_owned())).await?;
    snapshot::show(&mut change, &mut row).await?;
    match (request.purpose, granting) {
        // A lease is fixed when it is given: more needs a new one, less ends the old one.
        (Purpose::Camera | Purpose::Microphone, true) => {
            change.then(Effect::EndLeases(Selector::Participant(row.id, guest.id)));
        }
        (Purpose::Camera, false) => {
            change.then(Effect::EndLeases(Selector::Purpose(row.id, guest.id, broadcast::Purpose::Camera)));
        }
        (Purpose::Microphone, false) => {
            change.then(Effect::EndLeases(Selector::Purpose(row.id, guest.id, broadcast::Purpose::Microphone)));
        }
        (Purpose::Snapshots | Purpose::Recording, _) => {}
    }
    Ok(change.commit().await?)
}

/// The guest goes; nothing more comes from or goes to them. Who is out already stays as they are: a guest who was turned
/// away does not become one who left, and could come back.
///
/// # Errors
/// When the database does not answer.
pub async fn leave(app: &App, permit: &GuestPermit) -> Result<(), Problem> {
    let mut change = app.log.change(&app.live, permit.organisation(), Some(permit.request)).await?;
    let mut row = session::find(change.db(), permit.owner(), permit.session()).await?.ok_or_else(unknown)?;
    let id = permit.participant();
    if !depart(&mut change, &mut row, id).await? {
        return Ok(());
    }
    write(&mut change, permit, Action::ParticipantLeave, ("participant", id.to_string())).await?;
    snapshot::show(&mut change, &mut row).await?;
    Ok(change.commit().await?)
}

/// Keeps what a guest says of their visit, once; also after they left and after the session's end.
///
/// # Errors
/// `conflict` when they said it before.
pub async fn feedback(app: &App, permit: &GuestPermit, request: Feedback) -> Result<(), Problem> {
    let mut change = app.log.change(&app.live, permit.organisation(), Some(permit.request)).await?;
    let mut row = session::find(change.db(), permit.owner(), permit.session()).await?.ok_or_else(unknown)?;
    if !participant::set_helped(change.db(), permit.participant(), request.helped).await? {
        return Err(Problem::new(Kind::Conflict, "You told us already. Thank you."));
    }
    let said = if request.helped { "helped" } else { "not-helped" };
    write(&mut change, permit, Action::GuestFeedback, ("feedback", said.to_owned())).await?;
    snapshot::show(&mut change, &mut row).await?;
    Ok(change.commit().await?)
}

/// Ends a guest's visit from the staff's side: also their key and their cookies.
pub(crate) async fn put_out(change: &mut Change, row: &mut Session, id: ParticipantId) -> Result<(), Problem> {
    depart(change, row, id).await?;
    for login in participant::end_logins(change.db(), id).await? {
        change.then(Effect::LoginEnded(login));
    }
    Ok(())
}

/// The organisation, as patients know it.
pub(crate) async fn host(app: &App, id: OrganisationId) -> Result<Host, Problem> {
    let mut db = app.store.reader().await?;
    let found = account::organisation(&mut db, id).await?;
    let found = found.ok_or_else(|| fault("a session without an organisation"))?;
    Ok(Host { organisation: found.name, organisation_phone: found.phone })
}

/// The words of every consent, in every language there is.
pub(crate) fn wordings(technician: &str, organisation: &str) -> Vec<Wording> {
    let mut wordings = Vec::new();
    for language in LANGUAGES {
        for purpose in Purpose::ALL {
            if let Some(text) = purpose.wording(language, technician, organisation) {
                wordings.push(Wording { purpose, language: language.to_owned(), text });
            }
        }
    }
    wordings
}

/// Ends a guest's visit: what they allow, their leases, their still and what they are asked for. `false`: they were out
/// already, and stay as they are.
async fn depart(change: &mut Change, row: &mut Session, id: ParticipantId) -> Result<bool, Problem> {
    let guest = participant::find(change.db(), row.id, id).await?.ok_or_else(unknown)?;
    if !matches!(guest.presence, Presence::Waiting | Presence::Admitted) {
        return Ok(false);
    }
    let now_us = change.now_us();
    participant::set_presence(change.db(), id, Presence::Left, now_us).await?;
    participant::withdraw_all(change.db(), id).await?;
    change.then(Effect::EndLeases(Selector::Participant(row.id, id)));
    if row.frozen.is_some_and(|frozen| frozen.participant == id) {
        session::set_frozen(change.db(), row.id, None).await?;
        row.frozen = None;
    }
    photo::excuse(change, row.id, id).await?;
    Ok(true)
}

async fn waiting(change: &mut Change, session: SessionId, id: ParticipantId) -> Result<Participant, Problem> {
    let found = participant::find(change.db(), session, id).await?;
    let found = found.ok_or_else(|| Problem::new(Kind::NotFound, "There is no such person in this session."))?;
    match (found.kind, found.presence) {
        (ParticipantKind::Guest, Presence::Waiting) => Ok(found),
        (ParticipantKind::Guest, Presence::Admitted | Presence::Declined | Presence::Left)
        | (ParticipantKind::Technician, _) => Err(Problem::new(Kind::Conflict, "This person is not waiting any more.")),
    }
}

/// The statement the signature covers, once it fits the device's key, the words that were shown, and the time.
fn proven<'a>(
    row: &Session,
    organisation_name: &str,
    permit: &GuestPermit,
    request: &'a Consent,
    now_us: u64,
) -> Result<(Statement<'a>, Vec<u8>), Problem> {
    let wrong =
        || Problem::new(Kind::BadSignature, "This answer could not be checked. Reload the page and choose again.");
    if request.expires_us <= now_us || request.expires_us > now_us + STATEMENT_SECONDS * 1_000_000 {
        return Err(Problem::new(
            Kind::StaleStatement,
            "The clock of this phone is wrong. Set it to automatic, then try again.",
        ));
    }
    let wording = request.purpose.wording(&request.language, &row.technician_name, organisation_name);
    let shown = base64(&request.wording_sha256, 32).ok_or_else(wrong)?;
    if wording.is_none_or(|text| Sha256::digest(text.as_bytes()).as_slice() != shown) {
        return Err(Problem::new(
            Kind::BadWording,
            "Other words were shown than the ones we keep. Reload the page and choose again.",
        ));
    }
    let nonce = base64(&request.nonce, NONCE_BYTES).and_then(|nonce| nonce.try_into().ok()).ok_or_else(wrong)?;
    let given = base64(&request.signature, SIGNATURE_BYTES).ok_or_else(wrong)?;
    let statement = Statement {
        organisation: row.organisation,
        session: row.id,
        participant: permit.participant(),
        purpose: request.purpose,
        decision: request.decision,
        wording_sha256: shown.try_into().map_err(|_| wrong())?,
        language: &request.language,
        nonce,
        expires_us: request.expires_us,
    };
    let public = signature::PublicKey::from_sec1(permit.public_key().ok_or_else(wrong)?).map_err(fault)?;
    let fields = statement.fields();
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    signature::verify(&public, DOMAIN, &fields, &given).map_err(|_| wrong())?;
    Ok((statement, given))
}

async fn write(
    change: &mut Change,
    permit: &GuestPermit,
    action: Action,
    object: (&'static str, String),
) -> Result<(), Problem> {
    let actor = permit.actor()?;
    let session = Some(permit.session());
    Ok(change.write(Note { actor, action, object, refused: None, session, details: None }).await?)
}
