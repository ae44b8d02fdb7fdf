//! How much a device keeps.

use handlens_protocol::limits::{LATE_UPLOAD_SECONDS, SNAPSHOTS_PER_SESSION};

/// Limits of one vault. They are held by dropping what the server has; what it has not is never dropped, and then there is
/// [`crate::Error::Full`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Sealed bytes, all objects together.
    pub bytes: u64,
    /// Objects.
    pub objects: u64,
    /// How long a copy is kept for viewing once the server has it, µs from when it was kept.
    pub age_us: u64,
}

impl Default for Quota {
    /// 512 MiB, as many objects as one session may have, and as long as the server takes late ones.
    fn default() -> Self {
        Self {
            bytes: 512 * 1024 * 1024,
            objects: SNAPSHOTS_PER_SESSION as u64,
            age_us: LATE_UPLOAD_SECONDS * 1_000_000,
        }
    }
}

impl Quota {
    /// Whether so much fits.
    pub(crate) const fn holds(&self, bytes: u64, objects: u64) -> bool {
        bytes <= self.bytes && objects <= self.objects
    }
}
