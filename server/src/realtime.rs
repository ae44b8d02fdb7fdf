//! Tickets to the realtime plane, and its leases in the log.
//!
//! What a connection may do is decided here under the writer's turn, so that a withdrawal is either seen by the decision
//! or ends the ticket.

use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use handlens_audit::{Action, Actor};
use handlens_protocol::api::Ticket;
use handlens_protocol::broadcast::{self, Purpose};
use handlens_protocol::state::{ParticipantKind, Phase, Presence};
use handlens_protocol::{Kind, ParticipantId, Problem, Role, consent};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::access::{self, GuestPermit, SessionPermit, principal};
use crate::app::{App, fault};
use crate::audit::Note;
use crate::relay::{self, LeaseEvent, LeaseInfo, Scope, Selector, Subscribe};
use crate::session::{ended, unknown};
use crate::store::{Transaction, account, participant, session};
use crate::{mark, snapshot};

/// A ticket for staff: everything of the session, publishing their own data.
///
/// # Errors
/// `not-found`, `session-ended`, `too-many`.
pub async fn staff_ticket(app: &App, permit: &SessionPermit) -> Result<Ticket, Problem> {
    let mut tx = app.store.begin().await?;
    let scope = staff_scope(app, &mut tx, permit).await?;
    issue(app, scope, &format!("/api/sessions/{}/realtime", permit.session))
}

/// What staff may do on a WebSocket.
///
/// # Errors
/// `not-found`, `session-ended`.
pub async fn staff_socket(app: &App, permit: &SessionPermit) -> Result<Scope, Problem> {
    let mut tx = app.store.begin().await?;
    staff_scope(app, &mut tx, permit).await
}

/// A ticket for an admitted guest: what they allow at this moment, and their own data.
///
/// # Errors
/// `not-admitted`, `session-ended`, `too-many`.
pub async fn guest_ticket(app: &App, permit: &GuestPermit) -> Result<Ticket, Problem> {
    let mut tx = app.store.begin().await?;
    let scope = guest_scope(app, &mut tx, permit).await?;
    issue(app, scope, "/api/guest/realtime")
}

/// What a guest may do on a WebSocket.
///
/// # Errors
/// `not-admitted`, `session-ended`.
pub async fn guest_socket(app: &App, permit: &GuestPermit) -> Result<Scope, Problem> {
    let mut tx = app.store.begin().await?;
    guest_scope(app, &mut tx, permit).await
}

/// Writes every lease into the log, and ends one whose ground went away while it was being given, or that cannot be
/// written. When the relay is `over`, what it left behind is written before this returns.
pub async fn record_leases(app: App, mut events: UnboundedReceiver<LeaseEvent>, over: CancellationToken) {
    while let Some(event) = next(&mut events, &over).await {
        let (lease, action) = match &event {
            LeaseEvent::Started(lease) => (lease, Action::RealtimeLease),
            LeaseEvent::Ended(lease, _) => (lease, Action::RealtimeLeaseEnd),
        };
        if let Err(error) = record(&app, lease, action).await {
            tracing::error!(%error, "a lease could not be logged");
            if action == Action::RealtimeLease {
                app.live.end_leases(Selector::Participant(lease.scope.session, lease.scope.participant));
            }
        }
    }
}

async fn next(events: &mut UnboundedReceiver<LeaseEvent>, over: &CancellationToken) -> Option<LeaseEvent> {
    tokio::select! {
        event = events.recv() => event,
        () = over.cancelled() => {
            events.close();
            events.recv().await
        }
    }
}

async fn record(app: &App, lease: &LeaseInfo, action: Action) -> Result<(), Problem> {
    let scope = &lease.scope;
    let mut change = app.log.change(&app.live, scope.organisation, None).await?;
    if action == Action::RealtimeLease && !still_allowed(&mut change, scope).await? {
        app.live.end_leases(Selector::Participant(scope.session, scope.participant));
    }
    let actor = match scope.user {
        Some((user, role)) => Actor::User(principal(user, role, "ticket")?),
        None => Actor::Guest(principal(scope.participant, Role::Guest, "ticket")?),
    };
    let object = ("participant", scope.participant.to_string());
    change.write(Note { actor, action, object, refused: None, session: Some(scope.session), details: None }).await?;
    Ok(change.commit().await?)
}

async fn still_allowed(change: &mut crate::audit::Change, scope: &Scope) -> Result<bool, Problem> {
    let now_us = change.now_us();
    if !account::login_lasts(change.db(), scope.login, now_us).await? {
        return Ok(false);
    }
    let owner = session::Owner { organisation: scope.organisation, technician: None };
    let row = session::find(change.db(), owner, scope.session).await?;
    if row.is_none_or(|row| row.ended.is_some()) {
        return Ok(false);
    }
    let who = participant::find(change.db(), scope.session, scope.participant).await?;
    if who.is_none_or(|who| !matches!(who.presence, Presence::Admitted)) {
        return Ok(false);
    }
    let grants = participant::grants(change.db(), scope.session).await?;
    let staff = scope.user.is_some();
    Ok(scope.publish.iter().all(|purpose| may_publish(*purpose, staff, scope.participant, &grants)))
}

/// What the policy table says of a broadcast, with the consents that are in force.
fn may_publish(
    purpose: Purpose,
    staff: bool,
    who: ParticipantId,
    grants: &[(ParticipantId, consent::Purpose)],
) -> bool {
    let rule = access::broadcast(purpose);
    if staff {
        return rule.staff;
    }
    rule.guest && rule.consent.is_none_or(|consent| grants.contains(&(who, consent)))
}

async fn staff_scope(app: &App, tx: &mut Transaction, permit: &SessionPermit) -> Result<Scope, Problem> {
    let row = session::find(tx.connection(), permit.owner(), permit.session).await?.ok_or_else(unknown)?;
    if row.ended.is_some() {
        return Err(ended());
    }
    let everybody = participant::of_session(tx.connection(), row.id).await?;
    let me = everybody.iter().find(|who| who.account == Some(permit.staff.account.id));
    let me = me.ok_or_else(|| Problem::new(Kind::Conflict, "Open the session first."))?;
    show_newest(app, tx, &row).await?;
    Ok(Scope {
        organisation: row.organisation,
        session: row.id,
        participant: me.id,
        user: Some((permit.staff.account.id, permit.staff.account.role)),
        login: permit.staff.login,
        publish: Purpose::ALL.into_iter().filter(|purpose| may_publish(*purpose, true, me.id, &[])).collect(),
        subscribe: Subscribe::Session,
    })
}

async fn guest_scope(app: &App, tx: &mut Transaction, permit: &GuestPermit) -> Result<Scope, Problem> {
    let row = session::find(tx.connection(), permit.owner(), permit.session()).await?.ok_or_else(unknown)?;
    if row.phase() == Phase::Ended {
        return Err(ended());
    }
    let everybody = participant::of_session(tx.connection(), row.id).await?;
    let me = everybody.iter().find(|who| who.id == permit.participant());
    if !me.is_some_and(|me| matches!(me.presence, Presence::Admitted)) {
        return Err(Problem::new(Kind::NotAdmitted, "You were not let in yet. Stay on this page."));
    }
    let grants = participant::grants(tx.connection(), row.id).await?;
    let publish =
        Purpose::ALL.into_iter().filter(|purpose| may_publish(*purpose, false, permit.participant(), &grants));
    let staff = everybody.iter().filter(|who| matches!(who.kind, ParticipantKind::Technician));
    let read = Purpose::ALL.into_iter().filter(|purpose| access::broadcast(*purpose).read_by_guests);
    let subscribe = Subscribe::Named(staff.flat_map(|who| read.clone().map(|purpose| (who.id, purpose))).collect());
    let publish = publish.collect();
    show_newest(app, tx, &row).await?;
    Ok(Scope {
        organisation: row.organisation,
        session: row.id,
        participant: permit.participant(),
        user: None,
        login: permit.login(),
        publish,
        subscribe,
    })
}

/// What is on the server's own broadcast of the session, for who is about to connect.
async fn show_newest(app: &App, tx: &mut Transaction, row: &session::Session) -> Result<(), Problem> {
    app.live.publish(&snapshot::take(tx.connection(), row).await?.state);
    mark::show_newest(app, tx.connection(), row).await
}

fn relay_of(app: &App) -> Result<&relay::Relay, Problem> {
    app.live.relay().ok_or_else(|| fault("there is no realtime plane beside a server"))
}

fn issue(app: &App, scope: Scope, websocket: &str) -> Result<Ticket, Problem> {
    let relay = relay_of(app)?;
    let offer = relay.offer().map_err(fault)?;
    let path = |purpose: &Purpose| broadcast::path(scope.organisation, scope.session, scope.participant, *purpose);
    let publish = scope.publish.iter().map(path).collect();
    let purposes = scope.publish.clone();
    let subscribe = match &scope.subscribe {
        Subscribe::Session => vec![broadcast::session(scope.organisation, scope.session)],
        Subscribe::Named(named) => {
            let state = broadcast::state(scope.organisation, scope.session);
            let marks = broadcast::marks(scope.organisation, scope.session, scope.participant);
            let named =
                named.iter().map(|(who, purpose)| broadcast::path(scope.organisation, scope.session, *who, *purpose));
            [state, marks].into_iter().chain(named).collect()
        }
    };
    let ticket = relay.issue(scope).map_err(|error| {
        if matches!(error, relay::Error::TooManyTickets) {
            return Problem::new(Kind::TooMany, "Too many connections at once. Wait ten seconds.");
        }
        fault(error)
    })?;
    Ok(Ticket {
        ticket: ticket.reveal().to_owned(),
        udp_url: app.address.udp_url(),
        certificate_sha256: offer.certificate_sha256.iter().map(|hash| data_encoding::BASE64.encode(hash)).collect(),
        websocket_url: app.address.websocket_url(websocket),
        publish,
        subscribe,
        purposes,
    })
}

/// Takes a WebSocket into the relay.
///
/// # Errors
/// `invalid` when the client speaks none of our sub-protocols.
pub fn upgrade(app: &App, scope: Scope, upgrade: WebSocketUpgrade) -> Result<Response, Problem> {
    relay_of(app)?.websocket(scope, upgrade).map_err(|error| Problem::new(Kind::Invalid, error.to_string()))
}
