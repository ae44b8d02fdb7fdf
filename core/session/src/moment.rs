//! Time as a number: portable, and moved by whoever calls.

/// µs on the device's monotonic clock that also counts while it sleeps (`CLOCK_BOOTTIME`, `mach_continuous_time`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// The moment at which that clock shows `us`.
    pub const fn from_us(us: u64) -> Self {
        Self(us)
    }

    /// What the clock shows, µs.
    pub const fn as_us(self) -> u64 {
        self.0
    }

    /// So much later, µs. The end of time stays where it is.
    #[must_use]
    pub const fn after_us(self, us: u64) -> Self {
        Self(self.0.saturating_add(us))
    }

    /// From `earlier` to this, µs; 0 if it is the other way round.
    pub const fn since_us(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
