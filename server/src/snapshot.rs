//! The session as people see it, taken inside the change that made it so.

use handlens_protocol::ParticipantId;
use handlens_protocol::api::InviteView;
use handlens_protocol::consent::Purpose;
use handlens_protocol::state::{Participant as Shown, SessionState};
use sqlx::AnyConnection;

use crate::audit::{Change, Error};
use crate::live::{Effect, Snapshot};
use crate::store::invite::{self, Invite};
use crate::store::session::{self, Session};
use crate::store::{self, participant, photo, upload};

/// What everybody sees of a session at this moment.
///
/// # Errors
/// When the database does not answer.
pub async fn take(db: &mut AnyConnection, row: &Session) -> Result<Snapshot, store::Error> {
    let grants = participant::grants(db, row.id).await?;
    let left = participant::grants_until_left(db, row.id).await?;
    let of = |grants: &[(ParticipantId, Purpose)], who| {
        grants.iter().filter(|(id, _)| *id == who).map(|(_, purpose)| *purpose).collect()
    };
    let participants = participant::of_session(db, row.id).await?;
    let invites = invite::of_session(db, row.id).await?;
    let snapshots = upload::of_session(db, row.id).await?;
    let at_us = row.ended.map(|ended| ended.at_us).or(row.live_us).unwrap_or(row.created_us);
    let state = SessionState {
        v: 1,
        organisation: row.organisation,
        session: row.id,
        revision: row.revision,
        at_us,
        phase: row.phase(),
        participants: participants
            .into_iter()
            .map(|who| Shown {
                id: who.id,
                kind: who.kind,
                name: who.name,
                presence: who.presence,
                grants: of(&grants, who.id),
                grants_until_left: of(&left, who.id),
                device: who.device,
                arrived_us: who.arrived_us,
                admitted_us: who.admitted_us,
                helped: who.helped,
            })
            .collect(),
        frozen: row.frozen,
        photo: photo::find(db, row.id).await?,
        snapshots: snapshots.iter().map(upload::Upload::shown).collect(),
        ended: row.ended,
    };
    Ok(Snapshot { state, invites: invites.iter().map(view).collect() })
}

/// Counts the change, and shows the session once it is committed.
///
/// # Errors
/// When the database does not answer.
pub async fn show(change: &mut Change, row: &mut Session) -> Result<(), Error> {
    row.revision = session::touch(change.db(), row.id).await?;
    let mut snapshot = take(change.db(), row).await?;
    snapshot.state.at_us = change.now_us();
    change.then(Effect::Show(Box::new(snapshot)));
    Ok(())
}

/// A link as staff see it.
pub fn view(invite: &Invite) -> InviteView {
    InviteView {
        id: invite.id,
        words: invite.words.clone(),
        created_us: invite.created_us,
        expires_us: invite.expires_us,
        opened_us: invite.opened_us,
        redeemed_us: invite.redeemed_us,
        revoked_us: invite.revoked_us,
        again_us: invite.again_us,
        participant: invite.participant,
    }
}
