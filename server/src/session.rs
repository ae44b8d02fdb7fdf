//! Sessions: open, list, read, note, freeze, end. Each is one [`crate::audit::Change`].

use handlens_audit::Action;
use handlens_protocol::api::{
    Freeze, LogEntry, NewSession, Note as NoteAnswer, NoteWritten, SessionList, SessionLog, SessionSummary,
    SessionView, WriteNote,
};
use handlens_protocol::limits::{
    AGENDA_CHARS, EMAIL_CHARS, NAME_CHARS, NOTE_CHARS, PAGE, PARTICIPANTS_PER_SESSION, PHONE_CHARS, TITLE_CHARS,
};
use handlens_protocol::state::{EndReason, Ended, Frozen, ParticipantKind, Presence};
use handlens_protocol::{Kind, ParticipantId, Phi, Problem, SessionId};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use zeroize::Zeroizing;

use crate::access::{Owner, SessionPermit, Staff};
use crate::app::{App, fault, json_place};
use crate::audit::{Change, Details, Note};
use crate::keys::{self, Item, Purpose};
use crate::live::{Effect, Snapshot};
use crate::relay::Selector;
use crate::snapshot;
use crate::store::account::Account;
use crate::store::participant::{self, Participant};
use crate::store::{account, log, photo, session, upload};

/// The ePHI of a session, sealed as one JSON object.
#[derive(Serialize, Deserialize)]
struct Sealed {
    title: String,
    agenda: String,
    description: String,
    patient_name: String,
    patient_phone: String,
    patient_email: String,
}

impl Sealed {
    fn new(new: &NewSession) -> Result<Self, Problem> {
        let field = |name: &str, text: &Phi<String>, most: usize, least: usize| {
            let text = text.expose().trim();
            let length = text.chars().count();
            let control = text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
            if length > most {
                return Err(Problem::new(
                    Kind::TooLarge,
                    format!("The {name} has {length} characters; {most} are allowed."),
                ));
            }
            if length < least || control {
                return Err(Problem::new(
                    Kind::Invalid,
                    format!("The {name} is missing or has characters that cannot be shown."),
                ));
            }
            Ok(text.to_owned())
        };
        Ok(Self {
            title: field("title", &new.title, TITLE_CHARS, 1)?,
            agenda: field("agenda", &new.agenda, AGENDA_CHARS, 0)?,
            description: field("description", &new.description, AGENDA_CHARS, 0)?,
            patient_name: field("patient's name", &new.patient_name, NAME_CHARS, 0)?,
            patient_phone: field("phone number", &new.patient_phone, PHONE_CHARS, 0)?,
            patient_email: field("e-mail address", &new.patient_email, EMAIL_CHARS, 0)?,
        })
    }

    fn open(keys: &keys::Organisation, id: SessionId, sealed: &[u8]) -> Result<Self, Problem> {
        let (object, session) = (id.to_string(), id.to_string());
        let item = Item { purpose: Purpose::Sessions, object: &object, session: Some(&session) };
        let json = keys.open(item, sealed).map_err(fault)?;
        serde_json::from_slice(&json).map_err(|why| fault(format!("a session is not understood: {}", json_place(&why))))
    }

    fn seal(&self, keys: &keys::Organisation, id: SessionId) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), Problem> {
        let json = Zeroizing::new(serde_json::to_vec(self).map_err(fault)?);
        let (object, session) = (id.to_string(), id.to_string());
        let item = Item { purpose: Purpose::Sessions, object: &object, session: Some(&session) };
        Ok((keys.seal(item, &json).map_err(fault)?, json))
    }
}

/// Opens a session; the technician has a place in it from the start.
///
/// # Errors
/// `invalid` or `too-large` for a field.
pub async fn create(app: &App, staff: &Staff, new: NewSession) -> Result<SessionView, Problem> {
    let fields = Sealed::new(&new)?;
    let organisation = staff.account.organisation;
    let keys = app.keys(organisation).await?;
    let id = SessionId::random().map_err(fault)?;
    let (sealed, json) = fields.seal(&keys, id)?;
    let seals = crate::upload::key::make(&keys, id)?;
    let mut change = app.log.change(&app.live, organisation, Some(staff.request)).await?;
    let now_us = change.now_us();
    let row = session::Session {
        id,
        organisation,
        technician: staff.account.id,
        technician_name: staff.account.first_name().to_owned(),
        revision: 1,
        sealed,
        created_us: now_us,
        live_us: None,
        ended: None,
        frozen: None,
    };
    session::add(change.db(), &row).await?;
    let me = newcomer(&staff.account, id, now_us)?;
    participant::add(change.db(), &me).await?;
    upload::add_key(change.db(), id, &seals).await?;
    change
        .write(Note {
            actor: staff.actor()?,
            action: Action::SessionCreate,
            object: ("session", id.to_string()),
            refused: None,
            session: Some(id),
            details: Some(Details { keys: &keys, json }),
        })
        .await?;
    let shown = snapshot::take(change.db(), &row).await?;
    change.commit().await?;
    Ok(view(fields, &row, shown, Some(me.id)))
}

/// The sessions of this person, newest first. Titles and names are ePHI, so the reading is an entry.
///
/// # Errors
/// When the database does not answer.
pub async fn list(app: &App, staff: &Staff, before: Option<u64>, limit: Option<u32>) -> Result<SessionList, Problem> {
    let limit = limit.unwrap_or(PAGE).clamp(1, PAGE);
    let keys = app.keys(staff.account.organisation).await?;
    let mut change = app.log.change(&app.live, staff.account.organisation, Some(staff.request)).await?;
    let rows = session::list(change.db(), staff.owner(), before.unwrap_or(u64::MAX), limit).await?;
    change
        .write(Note {
            actor: staff.actor()?,
            action: Action::SessionList,
            object: ("organisation", staff.account.organisation.to_string()),
            refused: None,
            session: None,
            details: None,
        })
        .await?;
    let next = (rows.len() == limit as usize).then(|| rows.last().map(|row| row.created_us)).flatten();
    let sessions = rows.into_iter().map(|row| summary(&keys, row)).collect::<Result<_, _>>()?;
    change.commit().await?;
    Ok(SessionList { sessions, next })
}

/// A session whole.
///
/// # Errors
/// `not-found` when it does not exist or is somebody else's.
pub async fn read(app: &App, permit: &SessionPermit) -> Result<SessionView, Problem> {
    let keys = app.keys(permit.staff.account.organisation).await?;
    let (mut change, mut row) = begin(app, permit).await?;
    let me = seat(&mut change, &permit.staff.account, &mut row).await?;
    note(&mut change, permit, Action::SessionRead, ("session", row.id.to_string())).await?;
    let shown = snapshot::take(change.db(), &row).await?;
    change.commit().await?;
    Ok(view(Sealed::open(&keys, row.id, &row.sealed)?, &row, shown, me))
}

/// The session as everybody sees it, for event streams: no ePHI, no entry.
///
/// # Errors
/// `not-found`.
pub async fn look(app: &App, owner: Owner, id: SessionId) -> Result<Snapshot, Problem> {
    let mut db = app.store.reader().await?;
    let row = session::find(&mut db, owner, id).await?.ok_or_else(unknown)?;
    Ok(snapshot::take(&mut db, &row).await?)
}

/// The note.
///
/// # Errors
/// `not-found`.
pub async fn read_note(app: &App, permit: &SessionPermit) -> Result<NoteAnswer, Problem> {
    let keys = app.keys(permit.staff.account.organisation).await?;
    let (mut change, row) = begin(app, permit).await?;
    let stored = session::note(change.db(), row.id).await?;
    note(&mut change, permit, Action::SessionRead, ("note", row.id.to_string())).await?;
    change.commit().await?;
    let Some(stored) = stored else { return Ok(NoteAnswer { text: String::new(), revision: 0 }) };
    let id = row.id.to_string();
    let text = keys.open(note_item(&id), &stored.sealed).map_err(fault)?;
    Ok(NoteAnswer { text: String::from_utf8(text.to_vec()).map_err(fault)?, revision: stored.revision })
}

/// Writes the note; also after the end, when the record is finished.
///
/// # Errors
/// `conflict` when somebody wrote meanwhile, `too-large`.
pub async fn write_note(app: &App, permit: &SessionPermit, request: WriteNote) -> Result<NoteWritten, Problem> {
    let length = request.text.expose().chars().count();
    if length > NOTE_CHARS {
        return Err(Problem::new(
            Kind::TooLarge,
            format!("The note has {length} characters; {NOTE_CHARS} are allowed."),
        ));
    }
    let keys = app.keys(permit.staff.account.organisation).await?;
    let (mut change, row) = begin(app, permit).await?;
    let stored = session::note(change.db(), row.id).await?.map_or(0, |note| note.revision);
    if stored != request.revision {
        return Err(Problem::new(
            Kind::Conflict,
            format!(
                "Somebody changed the note meanwhile (revision {stored}). Yours was not saved: read it again, then write."
            ),
        ));
    }
    let id = row.id.to_string();
    let sealed = keys.seal(note_item(&id), request.text.expose().as_bytes()).map_err(fault)?;
    let now_us = change.now_us();
    session::write_note(change.db(), row.id, &session::Note { revision: stored + 1, sealed }, now_us).await?;
    note(&mut change, permit, Action::SessionNote, ("note", id.clone())).await?;
    change.commit().await?;
    Ok(NoteWritten { revision: stored + 1 })
}

/// Shows both sides one still.
///
/// # Errors
/// `session-ended`, `invalid` for a participant who is no admitted guest.
pub async fn freeze(app: &App, permit: &SessionPermit, request: Freeze) -> Result<(), Problem> {
    let (mut change, mut row) = begin_open(app, permit).await?;
    admitted_guest(change.db(), row.id, request.participant).await?;
    let frozen = Frozen { participant: request.participant, frame_us: request.frame_us, since_us: change.now_us() };
    session::set_frozen(change.db(), row.id, Some(frozen)).await?;
    row.frozen = Some(frozen);
    note(&mut change, permit, Action::SessionFreeze, ("participant", request.participant.to_string())).await?;
    snapshot::show(&mut change, &mut row).await?;
    Ok(change.commit().await?)
}

/// Back to live. Deletes nothing.
///
/// # Errors
/// `session-ended`.
pub async fn unfreeze(app: &App, permit: &SessionPermit) -> Result<(), Problem> {
    let (mut change, mut row) = begin_open(app, permit).await?;
    session::set_frozen(change.db(), row.id, None).await?;
    row.frozen = None;
    note(&mut change, permit, Action::SessionUnfreeze, ("session", row.id.to_string())).await?;
    snapshot::show(&mut change, &mut row).await?;
    Ok(change.commit().await?)
}

/// Ends the session: pictures stop, guests are out, links are dead. Ending an ended session changes nothing.
///
/// # Errors
/// `not-found`.
pub async fn end(app: &App, permit: &SessionPermit) -> Result<(), Problem> {
    let (mut change, mut row) = begin(app, permit).await?;
    if row.ended.is_some() {
        return Ok(());
    }
    let ended = Ended { reason: EndReason::Technician, at_us: change.now_us() };
    session::end(change.db(), row.id, ended).await?;
    row.ended = Some(ended);
    row.frozen = None;
    photo::clear(change.db(), row.id).await?;
    note(&mut change, permit, Action::SessionEnd, ("session", row.id.to_string())).await?;
    snapshot::show(&mut change, &mut row).await?;
    change.then(Effect::Close(row.organisation, row.id));
    Ok(change.commit().await?)
}

/// The newest entries of the session, in their order.
///
/// # Errors
/// `not-found`.
pub async fn read_log(app: &App, permit: &SessionPermit) -> Result<SessionLog, Problem> {
    let (mut change, row) = begin(app, permit).await?;
    note(&mut change, permit, Action::LogRead, ("session", row.id.to_string())).await?;
    let rows = log::of_session(change.db(), row.id, 10 * PAGE).await?;
    let mut names = std::collections::HashMap::new();
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        entries.push(shown(change.db(), &mut names, &row).await?);
    }
    change.commit().await?;
    Ok(SessionLog { entries })
}

// ---- helpers of this room -------------------------------------------------------------------------------------------

/// Begins a change on a session of this person.
pub(crate) async fn begin(app: &App, permit: &SessionPermit) -> Result<(Change, session::Session), Problem> {
    let organisation = permit.staff.account.organisation;
    let mut change = app.log.change(&app.live, organisation, Some(permit.staff.request)).await?;
    let row = session::find(change.db(), permit.owner(), permit.session).await?.ok_or_else(unknown)?;
    Ok((change, row))
}

/// The same, where the session must not be over.
pub(crate) async fn begin_open(app: &App, permit: &SessionPermit) -> Result<(Change, session::Session), Problem> {
    let (change, row) = begin(app, permit).await?;
    if row.ended.is_some() {
        return Err(ended());
    }
    Ok((change, row))
}

/// Writes the entry of staff's action in a session.
pub(crate) async fn note(
    change: &mut Change,
    permit: &SessionPermit,
    action: Action,
    object: (&'static str, String),
) -> Result<(), Problem> {
    let actor = permit.staff.actor()?;
    let session = Some(permit.session);
    Ok(change.write(Note { actor, action, object, refused: None, session, details: None }).await?)
}

pub(crate) fn unknown() -> Problem {
    Problem::new(Kind::NotFound, "There is no such session.")
}

pub(crate) fn ended() -> Problem {
    Problem::new(Kind::SessionEnded, "The session is over. Open a new one.")
}

/// Whether there can be a picture of somebody: they are a guest, and in the session.
pub(crate) async fn admitted_guest(
    db: &mut AnyConnection,
    session: SessionId,
    id: ParticipantId,
) -> Result<(), Problem> {
    let who = participant::find(db, session, id).await?;
    if who.is_some_and(|who| who.is_admitted_guest()) {
        return Ok(());
    }
    Err(Problem::new(Kind::Invalid, "There is no picture of this participant."))
}

/// This account's place in a session, for what cannot be done without one.
pub(crate) async fn place(
    change: &mut Change,
    account: &Account,
    row: &mut session::Session,
) -> Result<ParticipantId, Problem> {
    let full = || format!("There are {PARTICIPANTS_PER_SESSION} people in this session already.");
    seat(change, account, row).await?.ok_or_else(|| Problem::new(Kind::Conflict, full()))
}

/// This account's place in a session, if there is one for it. Made when it first comes, and shown; guests who are there
/// come back with a lease that lets them read what this one publishes. Nobody joins a session that is over.
async fn seat(
    change: &mut Change,
    account: &Account,
    row: &mut session::Session,
) -> Result<Option<ParticipantId>, Problem> {
    let everybody = participant::of_session(change.db(), row.id).await?;
    if let Some(mine) = everybody.iter().find(|participant| participant.account == Some(account.id)) {
        return Ok(Some(mine.id));
    }
    if row.ended.is_some() || everybody.len() >= PARTICIPANTS_PER_SESSION {
        return Ok(None);
    }
    let new = newcomer(account, row.id, change.now_us())?;
    participant::add(change.db(), &new).await?;
    snapshot::show(change, row).await?;
    for guest in everybody.iter().filter(|who| who.is_admitted_guest()) {
        change.then(Effect::EndLeases(Selector::Participant(row.id, guest.id)));
    }
    Ok(Some(new.id))
}

fn newcomer(account: &Account, session: SessionId, now_us: u64) -> Result<Participant, Problem> {
    Ok(Participant {
        id: ParticipantId::random().map_err(fault)?,
        session,
        kind: ParticipantKind::Technician,
        account: Some(account.id),
        invite: None,
        replaces: None,
        name: account.first_name().to_owned(),
        presence: Presence::Admitted,
        device: String::new(),
        public_key: None,
        arrived_us: now_us,
        admitted_us: Some(now_us),
        helped: None,
    })
}

fn note_item(id: &str) -> Item<'_> {
    Item { purpose: Purpose::Notes, object: id, session: Some(id) }
}

fn view(fields: Sealed, row: &session::Session, shown: Snapshot, me: Option<ParticipantId>) -> SessionView {
    SessionView {
        id: row.id,
        title: fields.title,
        agenda: fields.agenda,
        description: fields.description,
        patient_name: fields.patient_name,
        patient_phone: fields.patient_phone,
        patient_email: fields.patient_email,
        created_us: row.created_us,
        state: shown.state,
        invites: shown.invites,
        me,
    }
}

fn summary(keys: &keys::Organisation, row: session::Session) -> Result<SessionSummary, Problem> {
    let fields = Sealed::open(keys, row.id, &row.sealed)?;
    Ok(SessionSummary {
        id: row.id,
        title: fields.title,
        patient_name: fields.patient_name,
        phase: row.phase(),
        technician: row.technician_name,
        created_us: row.created_us,
        ended_us: row.ended.map(|ended| ended.at_us),
    })
}

async fn shown(
    db: &mut AnyConnection,
    names: &mut std::collections::HashMap<String, String>,
    row: &log::Row,
) -> Result<LogEntry, Problem> {
    let entry = handlens_audit::Entry::decode(&row.bytes).map_err(fault)?;
    let event = entry.event();
    let (actor, role) = match &event.actor {
        handlens_audit::Actor::User(who) | handlens_audit::Actor::Guest(who) => {
            (who.id.as_str().to_owned(), who.role.as_str().to_owned())
        }
        handlens_audit::Actor::System(part) => (part.as_str().to_owned(), String::new()),
        handlens_audit::Actor::Stranger => (String::new(), String::new()),
    };
    if !names.contains_key(&actor) {
        let account = match actor.parse() {
            Ok(id) => account::by_id(db, id).await?,
            Err(_) => None,
        };
        names.insert(actor.clone(), account.map(|account| account.first_name().to_owned()).unwrap_or_default());
    }
    Ok(LogEntry {
        sequence: entry.sequence(),
        time_us: event.time_us,
        action: event.action.as_str().to_owned(),
        outcome: match &event.outcome {
            handlens_audit::Outcome::Ok => "ok".to_owned(),
            handlens_audit::Outcome::Refused(reason) => format!("refused:{reason}"),
        },
        actor_kind: event.actor.kind().to_owned(),
        actor_name: names.get(&actor).cloned().unwrap_or_default(),
        actor,
        role,
        object: event.object.id.as_str().to_owned(),
    })
}
