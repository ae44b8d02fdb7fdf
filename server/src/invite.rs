//! Links: made by staff, looked at for nothing, redeemed once by one device, turned off by either side.

use data_encoding::BASE64URL_NOPAD;
use handlens_audit::{Action, Actor};
use handlens_protocol::api::{InviteCreated, NewInvite, Peek, Redeem};
use handlens_protocol::consent::{REDEEM_DOMAIN, redeem_fields};
use handlens_protocol::limits::{
    DEVICE_CHARS, INVITE_SECONDS, INVITE_SECRET_BYTES, INVITES_PER_SESSION, PARTICIPANTS_PER_SESSION, PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES, STATEMENT_SECONDS,
};
use handlens_protocol::state::{ParticipantKind, Presence};
use handlens_protocol::{
    Host, InviteId, Kind, LoginId, OrganisationId, ParticipantId, Problem, Role, Secret, SessionId, words,
};
use handlens_seal::signature;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::access::{SessionPermit, Stranger, principal};
use crate::app::{App, fault};
use crate::audit::{Change, Note};
use crate::identity::{self, GUEST_SECONDS, Token};
use crate::session::{begin, begin_open, ended, note};
use crate::store::invite::{self, Invite, Step};
use crate::store::participant::{self, Participant};
use crate::store::session::{self, Session};
use crate::{guest, snapshot};

/// A link, its session, whose they are, and the hash of the secret that found them.
struct Found {
    invite: Invite,
    session: Session,
    host: Host,
    secret_hash: [u8; 32],
}

impl Found {
    /// A refusal to somebody who has the link: they are told whom they can call.
    fn refused(&self, why: Problem) -> Problem {
        why.by(self.host.clone())
    }

    /// Whether anything can be done with it.
    fn usable(&self) -> Result<(), Problem> {
        if self.invite.revoked_us.is_some() {
            let why = Problem::new(Kind::InviteRevoked, "This link was turned off. Call us if you need help.");
            return Err(self.refused(why));
        }
        if self.session.ended.is_some() { Err(self.refused(ended())) } else { Ok(()) }
    }

    /// Begins a change on what can be used. All of it is read again under the writer's turn: what was found before may be
    /// over by now.
    async fn begin(&mut self, app: &App, stranger: &Stranger) -> Result<Change, Problem> {
        let mut change = app.log.change(&app.live, self.session.organisation, Some(stranger.request)).await?;
        self.invite = invite::by_secret(change.db(), &self.secret_hash).await?.ok_or_else(unknown)?;
        self.session = session::of_invite(change.db(), self.invite.id).await?.ok_or_else(unknown)?;
        self.usable()?;
        Ok(change)
    }
}

/// A device bound to a link.
#[derive(Debug)]
pub struct Bound {
    /// The owner of the session.
    pub organisation: OrganisationId,
    /// The session.
    pub session: SessionId,
    /// The guest.
    pub participant: ParticipantId,
    /// For the cookie.
    pub token: Token,
}

/// Makes a link. Its secret is in the answer and nowhere else.
///
/// # Errors
/// `invalid` without the person's agreement, `conflict` when there are too many links, `session-ended`.
pub async fn create(app: &App, permit: &SessionPermit, request: NewInvite) -> Result<InviteCreated, Problem> {
    if !request.agreed {
        return Err(Problem::new(Kind::Invalid, "Ask first: a link is only sent to a person who agreed to it."));
    }
    let mut secret = Zeroizing::new([0; INVITE_SECRET_BYTES]);
    let mut random = [0; 2];
    getrandom::fill(&mut *secret).map_err(fault)?;
    getrandom::fill(&mut random).map_err(fault)?;
    let (mut change, mut row) = begin_open(app, permit).await?;
    let now_us = change.now_us();
    let open = invite::of_session(change.db(), row.id).await?;
    if open.iter().filter(|invite| invite.revoked_us.is_none() && invite.expires_us > now_us).count()
        >= INVITES_PER_SESSION
    {
        return Err(Problem::new(
            Kind::Conflict,
            format!("This session has {INVITES_PER_SESSION} open links. Cancel one first."),
        ));
    }
    let new = Invite {
        id: InviteId::random().map_err(fault)?,
        session: row.id,
        words: words::pair(random),
        created_us: now_us,
        expires_us: now_us + INVITE_SECONDS * 1_000_000,
        opened_us: None,
        redeemed_us: None,
        revoked_us: None,
        again_us: None,
        participant: None,
    };
    let hash: [u8; 32] = Sha256::digest(*secret).into();
    invite::add(change.db(), &new, &hash).await?;
    note(&mut change, permit, Action::InviteCreate, ("invite", new.id.to_string())).await?;
    snapshot::show(&mut change, &mut row).await?;
    change.commit().await?;
    let link = app.address.page("/j", &BASE64URL_NOPAD.encode(&*secret));
    Ok(InviteCreated { invite: snapshot::view(&new), link })
}

/// Turns a link off. A guest who came by it is out.
///
/// # Errors
/// `not-found`.
pub async fn revoke(app: &App, permit: &SessionPermit, id: InviteId) -> Result<(), Problem> {
    let (mut change, mut row) = begin(app, permit).await?;
    let found = invite::find(change.db(), row.id, id).await?;
    let found = found.ok_or_else(|| Problem::new(Kind::NotFound, "There is no such link."))?;
    if found.revoked_us.is_some() {
        return Ok(());
    }
    let now_us = change.now_us();
    invite::mark(change.db(), id, Step::Revoked, now_us).await?;
    if let Some(guest) = found.participant {
        guest::put_out(&mut change, &mut row, guest).await?;
    }
    note(&mut change, permit, Action::InviteRevoke, ("invite", id.to_string())).await?;
    snapshot::show(&mut change, &mut row).await?;
    Ok(change.commit().await?)
}

/// What the patient's page needs. Spends nothing; the first look is noted for the technician.
///
/// # Errors
/// `invite-unknown`, `invite-revoked`, `invite-expired`, `session-ended`.
pub async fn peek(app: &App, stranger: &Stranger, secret: &Secret<String>) -> Result<Peek, Problem> {
    let mut found = find(app, secret).await?;
    found.usable()?;
    if found.invite.participant.is_none() && found.invite.expires_us <= app.clock.now_us() {
        return Err(found.refused(expired()));
    }
    if found.invite.opened_us.is_none() {
        open(app, stranger, &mut found).await?;
    }
    Ok(Peek {
        wordings: guest::wordings(&found.session.technician_name, &found.host.organisation),
        organisation: found.host.organisation,
        organisation_phone: found.host.organisation_phone,
        technician: found.session.technician_name,
        words: found.invite.words,
        expires_us: found.invite.expires_us,
        used: found.invite.participant.is_some(),
    })
}

/// "Not me": nobody will use this link.
///
/// # Errors
/// As [`peek`]; `invite-used` when a device holds it.
pub async fn refuse(app: &App, stranger: &Stranger, secret: &Secret<String>) -> Result<(), Problem> {
    let mut found = find(app, secret).await?;
    let mut change = found.begin(app, stranger).await?;
    if found.invite.participant.is_some() {
        return Err(found.refused(used()));
    }
    let now_us = change.now_us();
    invite::mark(change.db(), found.invite.id, Step::Revoked, now_us).await?;
    write(&mut change, &found, Actor::Stranger, Action::InviteRefuse, None).await?;
    snapshot::show(&mut change, &mut found.session).await?;
    Ok(change.commit().await?)
}

/// "Ask for a new text": the console shows it; nothing is sent by itself.
///
/// # Errors
/// `invite-unknown`, `invite-revoked`, `session-ended`.
pub async fn again(app: &App, stranger: &Stranger, secret: &Secret<String>) -> Result<(), Problem> {
    let mut found = find(app, secret).await?;
    let mut change = found.begin(app, stranger).await?;
    if found.invite.again_us.is_some() {
        return Ok(());
    }
    let now_us = change.now_us();
    invite::mark(change.db(), found.invite.id, Step::Again, now_us).await?;
    write(&mut change, &found, Actor::Stranger, Action::InviteAgain, None).await?;
    snapshot::show(&mut change, &mut found.session).await?;
    Ok(change.commit().await?)
}

/// Binds the link to a device's key. The same key gets in again, as often as it asks: a lost answer must not lock a
/// patient out. Another key is told why not, and may ask to take the place over, which the technician decides.
///
/// # Errors
/// `bad-signature`, `stale-statement`, `invite-unknown`, `invite-expired`, `invite-used`, `invite-revoked`,
/// `session-ended`.
pub async fn redeem(app: &App, stranger: &Stranger, request: &Redeem) -> Result<Bound, Problem> {
    let mut found = find(app, &request.secret).await?;
    let key = proven_key(app, &found.secret_hash, request)?;
    let mut change = found.begin(app, stranger).await?;
    let now_us = change.now_us();
    let known = participant::by_key(change.db(), found.invite.id, &key).await?;
    let (guest, arrives) = match known {
        Some(known) if found.invite.participant == Some(known.id) || known.presence == Presence::Waiting => {
            let back = known.presence == Presence::Left;
            if back {
                participant::set_presence(change.db(), known.id, Presence::Waiting, now_us).await?;
            }
            (known.id, back)
        }
        Some(_) => return refuse_redeem(change, &found, used()).await,
        None if found.invite.expires_us <= now_us => return refuse_redeem(change, &found, expired()).await,
        None if found.invite.participant.is_some() && !request.take_over => {
            return refuse_redeem(change, &found, used()).await;
        }
        None => (add(&mut change, &found, key, request).await?, true),
    };
    let actor = Actor::Guest(principal(guest, Role::Guest, "device_key")?);
    write(&mut change, &found, actor.clone(), Action::InviteRedeem, None).await?;
    if arrives {
        let (session, object) = (Some(found.session.id), ("participant", guest.to_string()));
        let action = Action::ParticipantArrive;
        change.write(Note { actor, action, object, refused: None, session, details: None }).await?;
    }
    let token = Token::random().map_err(fault)?;
    let login = LoginId::random().map_err(fault)?;
    participant::begin_login(change.db(), login, guest, &token.hash(), now_us, now_us + GUEST_SECONDS * 1_000_000)
        .await?;
    snapshot::show(&mut change, &mut found.session).await?;
    change.commit().await?;
    let Session { id: session, organisation, .. } = found.session;
    Ok(Bound { organisation, session, participant: guest, token })
}

/// Notes the first look, unless another one was first.
async fn open(app: &App, stranger: &Stranger, found: &mut Found) -> Result<(), Problem> {
    let mut change = found.begin(app, stranger).await?;
    if found.invite.opened_us.is_some() {
        return Ok(());
    }
    let now_us = change.now_us();
    invite::mark(change.db(), found.invite.id, Step::Opened, now_us).await?;
    write(&mut change, found, Actor::Stranger, Action::InviteOpen, None).await?;
    snapshot::show(&mut change, &mut found.session).await?;
    Ok(change.commit().await?)
}

/// A guest who comes for the first time: the link is theirs, unless another device has to give its place.
async fn add(change: &mut Change, found: &Found, key: Vec<u8>, request: &Redeem) -> Result<ParticipantId, Problem> {
    let now_us = change.now_us();
    if participant::of_session(change.db(), found.session.id).await?.len() >= PARTICIPANTS_PER_SESSION {
        return Err(Problem::new(Kind::Conflict, "Too many people joined this call. Call your technician."));
    }
    let new = Participant {
        id: ParticipantId::random().map_err(fault)?,
        session: found.session.id,
        kind: ParticipantKind::Guest,
        account: None,
        invite: Some(found.invite.id),
        replaces: found.invite.participant,
        name: String::new(),
        presence: Presence::Waiting,
        device: request.device.chars().filter(|c| !c.is_control()).take(DEVICE_CHARS).collect(),
        public_key: Some(key),
        arrived_us: now_us,
        admitted_us: None,
        helped: None,
    };
    participant::add(change.db(), &new).await?;
    if new.replaces.is_none() {
        invite::mark(change.db(), found.invite.id, Step::Redeemed, now_us).await?;
        invite::hold(change.db(), found.invite.id, new.id).await?;
    }
    Ok(new.id)
}

async fn refuse_redeem<T>(mut change: Change, found: &Found, why: Problem) -> Result<T, Problem> {
    write(&mut change, found, Actor::Stranger, Action::InviteRedeemRefused, Some(why.code.as_str())).await?;
    change.commit().await?;
    Err(found.refused(why))
}

/// The device proves that it has the key it names: the public key, once its signature fits.
fn proven_key(app: &App, secret_hash: &[u8; 32], request: &Redeem) -> Result<Vec<u8>, Problem> {
    let now_us = app.clock.now_us();
    if request.expires_us <= now_us || request.expires_us > now_us + STATEMENT_SECONDS * 1_000_000 {
        return Err(Problem::new(
            Kind::StaleStatement,
            "The clock of this phone is wrong. Set it to automatic, then try again.",
        ));
    }
    let wrong = || {
        Problem::new(Kind::BadSignature, "This phone could not prove that it is itself. Reload the page and try again.")
    };
    let key = base64(&request.public_key, PUBLIC_KEY_BYTES).ok_or_else(wrong)?;
    let given = base64(&request.signature, SIGNATURE_BYTES).ok_or_else(wrong)?;
    let public = signature::PublicKey::from_sec1(&key).map_err(|_| wrong())?;
    let fields = redeem_fields(secret_hash, &key, request.expires_us);
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    signature::verify(&public, REDEEM_DOMAIN, &fields, &given).map_err(|_| wrong())?;
    Ok(key)
}

/// `length` bytes in unpadded base64url, or nothing. Its length is checked before it is decoded.
pub(crate) fn base64(text: &str, length: usize) -> Option<Vec<u8>> {
    if text.len() != BASE64URL_NOPAD.encode_len(length) {
        return None;
    }
    BASE64URL_NOPAD.decode(text.as_bytes()).ok().filter(|bytes| bytes.len() == length)
}

async fn find(app: &App, secret: &Secret<String>) -> Result<Found, Problem> {
    let secret_hash = identity::hash(secret.expose(), INVITE_SECRET_BYTES).ok_or_else(unknown)?;
    let mut db = app.store.reader().await?;
    let invite = invite::by_secret(&mut db, &secret_hash).await?.ok_or_else(unknown)?;
    let session = session::of_invite(&mut db, invite.id).await?.ok_or_else(unknown)?;
    drop(db);
    let host = guest::host(app, session.organisation).await?;
    Ok(Found { invite, session, host, secret_hash })
}

async fn write(
    change: &mut Change,
    found: &Found,
    actor: Actor,
    action: Action,
    refused: Option<&str>,
) -> Result<(), Problem> {
    let object = ("invite", found.invite.id.to_string());
    Ok(change.write(Note { actor, action, object, refused, session: Some(found.session.id), details: None }).await?)
}

fn unknown() -> Problem {
    Problem::new(Kind::InviteUnknown, "There is no such link. Check that all of it was copied.")
}

fn expired() -> Problem {
    Problem::new(Kind::InviteExpired, "This link has ended. Ask for a new one.")
}

fn used() -> Problem {
    Problem::new(
        Kind::InviteUsed,
        "The link was already used on another device. Go back to that device, or ask to use this one. Nothing was sent from this phone.",
    )
}
