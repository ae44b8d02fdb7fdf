//! Who is connected, and how the server ends it.
//!
//! A lease is in the table from the moment its ticket is taken, so that [`Leases::end`] reaches a connection in any phase
//! of its life. It leaves the table when its [`Guard`] is dropped, also when the connection's task panicked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{CloseCode, Counter, Scope, Selector, Tally};

/// One connection's permission, for as long as it is used.
#[derive(Debug, Clone)]
pub struct LeaseInfo {
    /// Unique in this process.
    pub id: u64,
    /// What it may do.
    pub scope: Arc<Scope>,
    /// How it came in.
    pub carrier: Carrier,
    /// When its ticket was taken.
    pub since: SystemTime,
}

/// How a connection reaches the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// HTTP/3 from a browser.
    WebTransport,
    /// MoQ straight on QUIC, from the phone's core.
    Quic,
    /// The HTTPS port, where UDP is blocked.
    WebSocket,
}

/// For the audit log: `realtime.lease` and `realtime.lease_end`.
#[derive(Debug, Clone)]
pub enum LeaseEvent {
    /// The handshake is over; from here on the holder can publish and subscribe.
    Started(LeaseInfo),
    /// Nothing more comes from or goes to the holder.
    Ended(LeaseInfo, EndReason),
}

/// Why a lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The holder hung up.
    Left,
    /// The holder went silent, or the network was lost.
    Lost,
    /// [`super::Relay::end_leases`]: consent, login, participant or session ended.
    Revoked,
    /// The session was closed.
    SessionClosed,
    /// The same participant opened more connections than it may hold; the oldest goes.
    Superseded,
    /// The server stops.
    Shutdown,
    /// The connection broke the protocol.
    Failed,
}

impl EndReason {
    /// What the holder is told.
    pub(super) fn code(self) -> CloseCode {
        match self {
            Self::Left | Self::Lost | Self::Failed => CloseCode::Unsupported,
            Self::Revoked => CloseCode::LeaseEnded,
            Self::SessionClosed => CloseCode::SessionClosed,
            Self::Superseded => CloseCode::Superseded,
            Self::Shutdown => CloseCode::Shutdown,
        }
    }
}

/// The table of leases.
pub(super) struct Leases {
    table: Mutex<Table>,
    events: mpsc::UnboundedSender<LeaseEvent>,
    tally: Arc<Tally>,
    limit: usize,
    per_holder: usize,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Arc<Lease>>,
}

struct Lease {
    info: LeaseInfo,
    stop: CancellationToken,
    why: OnceLock<EndReason>,
    started: OnceLock<()>,
}

impl Lease {
    /// The first reason stays.
    fn end(&self, reason: EndReason) {
        let _ = self.why.set(reason);
        self.stop.cancel();
    }
}

impl Leases {
    pub(super) fn new(
        limit: usize,
        per_holder: usize,
        tally: Arc<Tally>,
        events: mpsc::UnboundedSender<LeaseEvent>,
    ) -> Self {
        Self { table: Mutex::default(), events, tally, limit, per_holder }
    }

    /// Enters a lease; the holder's oldest makes room where it has too many. `None` when the relay is full.
    pub(super) fn enter(self: &Arc<Self>, scope: Scope, carrier: Carrier, now: SystemTime) -> Option<Guard> {
        let mut table = self.table();
        if table.open.len() >= self.limit {
            return None;
        }
        let held = |lease: &&Arc<Lease>| {
            let other = &lease.info.scope;
            other.session == scope.session && other.participant == scope.participant && !lease.stop.is_cancelled()
        };
        if table.open.values().filter(held).count() >= self.per_holder
            && let Some(oldest) = table.open.values().filter(held).min_by_key(|lease| lease.info.id)
        {
            oldest.end(EndReason::Superseded);
        }
        let id = table.next;
        table.next += 1;
        let lease = Arc::new(Lease {
            info: LeaseInfo { id, scope: Arc::new(scope), carrier, since: now },
            stop: CancellationToken::new(),
            why: OnceLock::new(),
            started: OnceLock::new(),
        });
        table.open.insert(id, Arc::clone(&lease));
        drop(table);
        Some(Guard { lease, leases: Arc::clone(self) })
    }

    /// Ends whatever is meant. Each holder is cut off within half a second.
    pub(super) fn end(&self, which: Selector, reason: EndReason) -> usize {
        let table = self.table();
        let meant = table.open.values().filter(|lease| which.matches(&lease.info.scope) && !lease.stop.is_cancelled());
        meant.map(|lease| lease.end(reason)).count()
    }

    pub(super) fn end_all(&self, reason: EndReason) {
        self.table().open.values().for_each(|lease| lease.end(reason));
    }

    pub(super) fn list(&self) -> Vec<LeaseInfo> {
        let mut list: Vec<_> = self.table().open.values().map(|lease| lease.info.clone()).collect();
        list.sort_by_key(|info| info.id);
        list
    }

    /// The table is whole after every statement, so a panic elsewhere does not spoil it.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a lease in the table; held by the connection's task.
pub(super) struct Guard {
    lease: Arc<Lease>,
    leases: Arc<Leases>,
}

impl Guard {
    pub(super) fn scope(&self) -> &Scope {
        &self.lease.info.scope
    }

    pub(super) fn carrier(&self) -> Carrier {
        self.lease.info.carrier
    }

    /// The handshake is over.
    pub(super) fn start(&self) {
        if self.lease.started.set(()).is_ok() {
            self.leases.tally.add(Counter::LeasesStarted);
            let _ = self.leases.events.send(LeaseEvent::Started(self.lease.info.clone()));
        }
    }

    /// Resolves when the server ends the lease.
    pub(super) fn stopped(&self) -> WaitForCancellationFutureOwned {
        self.lease.stop.clone().cancelled_owned()
    }

    /// Why the server ended it, or `None` while it did not.
    pub(super) fn why(&self) -> Option<EndReason> {
        self.lease.why.get().copied()
    }

    /// Notes why it ended by itself.
    pub(super) fn ended(&self, reason: EndReason) {
        let _ = self.lease.why.set(reason);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.leases.table().open.remove(&self.lease.info.id);
        if self.lease.started.get().is_some() {
            let reason = self.why().unwrap_or(EndReason::Failed);
            self.leases.tally.add(Counter::LeasesEnded);
            let _ = self.leases.events.send(LeaseEvent::Ended(self.lease.info.clone(), reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use handlens_protocol::{LoginId, OrganisationId, ParticipantId, SessionId};

    use super::*;
    use crate::relay::Subscribe;

    fn scope(participant: u8) -> Scope {
        Scope {
            organisation: OrganisationId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            participant: ParticipantId::from_bytes([participant; 16]),
            user: None,
            login: LoginId::from_bytes([participant; 16]),
            publish: Vec::new(),
            subscribe: Subscribe::Session,
        }
    }

    fn leases(limit: usize, per_holder: usize) -> (Arc<Leases>, mpsc::UnboundedReceiver<LeaseEvent>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Arc::new(Leases::new(limit, per_holder, Arc::default(), sender)), receiver)
    }

    /// A phone that reconnects is let in; its forgotten connection goes, and nobody else's.
    #[test]
    fn the_oldest_of_a_holder_makes_room() {
        let (leases, _events) = leases(10, 2);
        let now = SystemTime::UNIX_EPOCH;
        let other = leases.enter(scope(9), Carrier::Quic, now).unwrap();
        let held: Vec<_> = (0..3).map(|_| leases.enter(scope(1), Carrier::Quic, now).unwrap()).collect();
        assert_eq!(held[0].why(), Some(EndReason::Superseded));
        assert!(held[1].why().is_none() && held[2].why().is_none() && other.why().is_none());
    }

    /// A full relay takes nobody in, until somebody leaves.
    #[test]
    fn a_full_relay_refuses() {
        let (leases, _events) = leases(1, 2);
        let first = leases.enter(scope(1), Carrier::Quic, SystemTime::UNIX_EPOCH).unwrap();
        assert!(leases.enter(scope(2), Carrier::Quic, SystemTime::UNIX_EPOCH).is_none());
        drop(first);
        assert!(leases.enter(scope(2), Carrier::Quic, SystemTime::UNIX_EPOCH).is_some());
    }

    /// Each start has one end in the event stream, with the first reason; what never started says nothing.
    #[test]
    fn a_start_has_an_end() {
        let (leases, mut events) = leases(10, 10);
        drop(leases.enter(scope(1), Carrier::Quic, SystemTime::UNIX_EPOCH).unwrap());
        let lease = leases.enter(scope(1), Carrier::WebSocket, SystemTime::UNIX_EPOCH).unwrap();
        lease.start();
        assert_eq!(leases.end(Selector::Session(lease.scope().session), EndReason::Revoked), 1);
        lease.ended(EndReason::Left);
        drop(lease);
        assert!(matches!(events.try_recv(), Ok(LeaseEvent::Started(_))));
        assert!(matches!(events.try_recv(), Ok(LeaseEvent::Ended(_, EndReason::Revoked))));
        assert!(events.try_recv().is_err());
        assert!(leases.list().is_empty());
    }
}
