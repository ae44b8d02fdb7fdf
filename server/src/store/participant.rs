//! People in sessions, the devices guests are bound to, and what they allow.

use handlens_protocol::consent::{Decision, Purpose};
use handlens_protocol::state::{ParticipantKind, Presence};
use handlens_protocol::{InviteId, LoginId, OrganisationId, ParticipantId, SessionId, UserId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::{Error, number, number_if, parsed, parsed_if, signed, text};

/// Somebody in a session.
#[derive(Clone, Debug)]
pub struct Participant {
    /// Who.
    pub id: ParticipantId,
    /// Where.
    pub session: SessionId,
    /// Staff or guest.
    pub kind: ParticipantKind,
    /// The account of staff.
    pub account: Option<UserId>,
    /// The link a guest came by.
    pub invite: Option<InviteId>,
    /// The guest whose place this one asks for.
    pub replaces: Option<ParticipantId>,
    /// First name of staff.
    pub name: String,
    /// Where they are in their visit.
    pub presence: Presence,
    /// What the device says it is.
    pub device: String,
    /// The key of a guest's device, SEC1.
    pub public_key: Option<Vec<u8>>,
    /// When they arrived.
    pub arrived_us: u64,
    /// When they were admitted.
    pub admitted_us: Option<u64>,
    /// Whether it helped, as a guest said afterwards.
    pub helped: Option<bool>,
}

impl Participant {
    /// A guest whom staff let in, and who did not go.
    pub const fn is_admitted_guest(&self) -> bool {
        matches!((self.kind, self.presence), (ParticipantKind::Guest, Presence::Admitted))
    }
}

/// A guest behind a cookie.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The binding of the device.
    pub login: LoginId,
    /// The owner of the session.
    pub organisation: OrganisationId,
    /// Who.
    pub participant: Participant,
}

/// A signed statement, as stored.
pub struct Consent<'a> {
    /// What for.
    pub purpose: Purpose,
    /// Allow or withdraw.
    pub decision: Decision,
    /// SHA-256 of the words.
    pub wording_sha256: &'a [u8],
    /// Their language.
    pub language: &'a str,
    /// Taken once.
    pub nonce: &'a [u8],
    /// End of acceptance.
    pub expires_us: u64,
    /// Raw r‖s.
    pub signature: &'a [u8],
}

/// Adds a participant.
pub async fn add(db: &mut AnyConnection, new: &Participant) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO participant (id, session, kind, account, invite, replaces, name, presence, device, public_key, arrived_us, admitted_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(new.id.to_string())
    .bind(new.session.to_string())
    .bind(kind_word(new.kind))
    .bind(new.account.map(|id| id.to_string()))
    .bind(new.invite.map(|id| id.to_string()))
    .bind(new.replaces.map(|id| id.to_string()))
    .bind(&new.name)
    .bind(presence_word(new.presence))
    .bind(&new.device)
    .bind(new.public_key.as_deref())
    .bind(signed(new.arrived_us))
    .bind(new.admitted_us.map(signed))
    .execute(db)
    .await?;
    Ok(())
}

/// Everybody of a session in order of arrival.
pub async fn of_session(db: &mut AnyConnection, session: SessionId) -> Result<Vec<Participant>, Error> {
    let rows = sqlx::query("SELECT * FROM participant WHERE session = $1 ORDER BY arrived_us, id")
        .bind(session.to_string())
        .fetch_all(db)
        .await?;
    rows.iter().map(participant_of).collect()
}

/// One participant of a session.
pub async fn find(db: &mut AnyConnection, session: SessionId, id: ParticipantId) -> Result<Option<Participant>, Error> {
    let row = sqlx::query("SELECT * FROM participant WHERE id = $1 AND session = $2")
        .bind(id.to_string())
        .bind(session.to_string())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(participant_of).transpose()
}

/// The guest of a link with that device key, whoever holds the link now.
pub async fn by_key(db: &mut AnyConnection, invite: InviteId, public_key: &[u8]) -> Result<Option<Participant>, Error> {
    let row =
        sqlx::query("SELECT * FROM participant WHERE invite = $1 AND public_key = $2 ORDER BY arrived_us DESC LIMIT 1")
            .bind(invite.to_string())
            .bind(public_key)
            .fetch_optional(db)
            .await?;
    row.as_ref().map(participant_of).transpose()
}

/// Moves a participant on in their visit.
pub async fn set_presence(
    db: &mut AnyConnection,
    id: ParticipantId,
    presence: Presence,
    now_us: u64,
) -> Result<(), Error> {
    let admitted = matches!(presence, Presence::Admitted).then(|| signed(now_us));
    sqlx::query("UPDATE participant SET presence = $2, admitted_us = COALESCE(admitted_us, $3) WHERE id = $1")
        .bind(id.to_string())
        .bind(presence_word(presence))
        .bind(admitted)
        .execute(db)
        .await?;
    Ok(())
}

/// Keeps what a guest says of their visit. `false`: they said it before.
pub async fn set_helped(db: &mut AnyConnection, id: ParticipantId, helped: bool) -> Result<bool, Error> {
    let kept = sqlx::query("UPDATE participant SET helped = $2 WHERE id = $1 AND helped IS NULL")
        .bind(id.to_string())
        .bind(i64::from(helped))
        .execute(db)
        .await?;
    Ok(kept.rows_affected() == 1)
}

/// Gives a guest's device a cookie.
pub async fn begin_login(
    db: &mut AnyConnection,
    id: LoginId,
    participant: ParticipantId,
    token_hash: &[u8],
    now_us: u64,
    expires_us: u64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO guest_login (id, token_hash, participant, created_us, expires_us) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(id.to_string())
    .bind(token_hash)
    .bind(participant.to_string())
    .bind(signed(now_us))
    .bind(signed(expires_us))
    .execute(db)
    .await?;
    Ok(())
}

/// Takes every cookie of a guest away, and gives the bindings they stood for.
pub async fn end_logins(db: &mut AnyConnection, participant: ParticipantId) -> Result<Vec<LoginId>, Error> {
    let rows = sqlx::query("DELETE FROM guest_login WHERE participant = $1 RETURNING id")
        .bind(participant.to_string())
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| parsed(row, "id")).collect()
}

/// The guest a token stands for. A binding that lasted until the session's end counts for `late_us` after it.
pub async fn by_token(
    db: &mut AnyConnection,
    token_hash: &[u8],
    now_us: u64,
    late_us: u64,
) -> Result<Option<Guest>, Error> {
    let row = sqlx::query(
        "SELECT participant.*, guest_login.id AS login, session.organisation AS organisation
         FROM guest_login JOIN participant ON participant.id = guest_login.participant
         JOIN session ON session.id = participant.session
         WHERE guest_login.token_hash = $1 AND (guest_login.expires_us > $2
         OR ($3 > 0 AND guest_login.expires_us > session.ended_us AND session.ended_us + $3 >= $2))",
    )
    .bind(token_hash)
    .bind(signed(now_us))
    .bind(signed(late_us))
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        Ok(Guest {
            login: parsed(&row, "login")?,
            organisation: parsed(&row, "organisation")?,
            participant: participant_of(&row)?,
        })
    })
    .transpose()
}

/// Keeps a statement and puts it in force. `false`: its nonce was seen before, or it is a grant that was signed before the
/// last withdrawal and only arrived after it. A withdrawal is never too late.
pub async fn decide(db: &mut AnyConnection, who: ParticipantId, new: &Consent<'_>, now_us: u64) -> Result<bool, Error> {
    if matches!(new.decision, Decision::Grant) && is_withdrawn_since(db, who, new).await? {
        return Ok(false);
    }
    let kept = sqlx::query(
        "INSERT INTO consent (participant, nonce, purpose, decision, wording_sha256, language, expires_us, signature, at_us, in_force)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0) ON CONFLICT (participant, nonce) DO NOTHING",
    )
    .bind(who.to_string())
    .bind(new.nonce)
    .bind(new.purpose.as_str())
    .bind(new.decision.as_str())
    .bind(new.wording_sha256)
    .bind(new.language)
    .bind(signed(new.expires_us))
    .bind(new.signature)
    .bind(signed(now_us))
    .execute(&mut *db)
    .await?;
    if kept.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("UPDATE consent SET in_force = 0 WHERE participant = $1 AND purpose = $2")
        .bind(who.to_string())
        .bind(new.purpose.as_str())
        .execute(&mut *db)
        .await?;
    if matches!(new.decision, Decision::Grant) {
        sqlx::query("UPDATE consent SET in_force = 1 WHERE participant = $1 AND nonce = $2")
            .bind(who.to_string())
            .bind(new.nonce)
            .execute(db)
            .await?;
    }
    Ok(true)
}

/// Whether a withdrawal is known that was signed later: the end of what both are good for tells, since a device gives each
/// the same time.
async fn is_withdrawn_since(db: &mut AnyConnection, who: ParticipantId, grant: &Consent<'_>) -> Result<bool, Error> {
    let later = sqlx::query(
        "SELECT 1 FROM consent WHERE participant = $1 AND purpose = $2 AND decision = $3 AND expires_us > $4 LIMIT 1",
    )
    .bind(who.to_string())
    .bind(grant.purpose.as_str())
    .bind(Decision::Revoke.as_str())
    .bind(signed(grant.expires_us))
    .fetch_optional(db)
    .await?;
    Ok(later.is_some())
}

/// Ends everything a guest allows, and keeps what that was: they left, were turned away or were replaced.
pub async fn withdraw_all(db: &mut AnyConnection, who: ParticipantId) -> Result<(), Error> {
    sqlx::query("UPDATE consent SET in_force = 2 WHERE participant = $1 AND in_force = 1")
        .bind(who.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// What everybody of a session allows now.
pub async fn grants(db: &mut AnyConnection, session: SessionId) -> Result<Vec<(ParticipantId, Purpose)>, Error> {
    in_force(db, session, 1).await
}

/// What everybody of a session still allowed when their visit ended, and ended it with that.
pub async fn grants_until_left(
    db: &mut AnyConnection,
    session: SessionId,
) -> Result<Vec<(ParticipantId, Purpose)>, Error> {
    in_force(db, session, 2).await
}

async fn in_force(
    db: &mut AnyConnection,
    session: SessionId,
    how: i64,
) -> Result<Vec<(ParticipantId, Purpose)>, Error> {
    let rows = sqlx::query(
        "SELECT consent.participant AS participant, consent.purpose AS purpose
         FROM consent JOIN participant ON participant.id = consent.participant
         WHERE participant.session = $1 AND consent.in_force = $2 ORDER BY consent.at_us",
    )
    .bind(session.to_string())
    .bind(how)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let purpose = Purpose::parse(&text(row, "purpose")?).ok_or(Error::Unreadable("purpose"))?;
            Ok((parsed(row, "participant")?, purpose))
        })
        .collect()
}

fn participant_of(row: &AnyRow) -> Result<Participant, Error> {
    let kind = match text(row, "kind")?.as_str() {
        "technician" => ParticipantKind::Technician,
        "guest" => ParticipantKind::Guest,
        _ => return Err(Error::Unreadable("kind")),
    };
    let presence = match text(row, "presence")?.as_str() {
        "waiting" => Presence::Waiting,
        "admitted" => Presence::Admitted,
        "declined" => Presence::Declined,
        "left" => Presence::Left,
        _ => return Err(Error::Unreadable("presence")),
    };
    Ok(Participant {
        id: parsed(row, "id")?,
        session: parsed(row, "session")?,
        kind,
        account: parsed_if(row, "account")?,
        invite: parsed_if(row, "invite")?,
        replaces: parsed_if(row, "replaces")?,
        name: text(row, "name")?,
        presence,
        device: text(row, "device")?,
        public_key: row.try_get("public_key")?,
        arrived_us: number(row, "arrived_us")?,
        admitted_us: number_if(row, "admitted_us")?,
        helped: number_if(row, "helped")?.map(|helped| helped == 1),
    })
}

const fn kind_word(kind: ParticipantKind) -> &'static str {
    match kind {
        ParticipantKind::Technician => "technician",
        ParticipantKind::Guest => "guest",
    }
}

/// The word of a presence in the database.
const fn presence_word(presence: Presence) -> &'static str {
    match presence {
        Presence::Waiting => "waiting",
        Presence::Admitted => "admitted",
        Presence::Declined => "declined",
        Presence::Left => "left",
    }
}
