//! What happened on the realtime plane, in numbers. Strangers' refusals are counted here and not logged one by one.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of the relay's counters, since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Tickets issued.
    pub tickets_issued: u64,
    /// Connections whose ticket was never issued here, or was revoked.
    pub tickets_unknown: u64,
    /// Connections whose ticket came too late.
    pub tickets_expired: u64,
    /// Connections whose ticket had been used before.
    pub tickets_replayed: u64,
    /// Connections refused because the relay was full.
    pub refused_full: u64,
    /// Connections that never became a lease: broken handshake, or none within its time.
    pub handshakes_failed: u64,
    /// Leases that began.
    pub leases_started: u64,
    /// Leases that are over.
    pub leases_ended: u64,
    /// Times the UDP port's certificate was changed.
    pub rotations: u64,
    /// Bytes of media in memory now.
    pub cached_bytes: u64,
}

#[derive(Clone, Copy)]
pub(super) enum Counter {
    TicketsIssued,
    TicketsUnknown,
    TicketsExpired,
    TicketsReplayed,
    RefusedFull,
    HandshakesFailed,
    LeasesStarted,
    LeasesEnded,
    Rotations,
}

/// The counters themselves.
pub(super) struct Tally([AtomicU64; 9]);

impl Default for Tally {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Tally {
    pub(super) fn add(&self, counter: Counter) {
        self.0[counter as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self, cached_bytes: u64) -> Counters {
        let count = |counter: Counter| self.0[counter as usize].load(Ordering::Relaxed);
        Counters {
            tickets_issued: count(Counter::TicketsIssued),
            tickets_unknown: count(Counter::TicketsUnknown),
            tickets_expired: count(Counter::TicketsExpired),
            tickets_replayed: count(Counter::TicketsReplayed),
            refused_full: count(Counter::RefusedFull),
            handshakes_failed: count(Counter::HandshakesFailed),
            leases_started: count(Counter::LeasesStarted),
            leases_ended: count(Counter::LeasesEnded),
            rotations: count(Counter::Rotations),
            cached_bytes,
        }
    }
}
