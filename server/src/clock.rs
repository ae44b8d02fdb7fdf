//! The one place that reads the wall clock, so that a test can move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Wall-clock time of the program: µs since the Unix epoch.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Fixed(Arc<AtomicU64>),
}

impl Clock {
    /// The operating system's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Self::advance_us`].
    pub fn fixed(now_us: u64) -> Self {
        Self(Source::Fixed(Arc::new(AtomicU64::new(now_us))))
    }

    /// µs since the Unix epoch.
    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn now_us(&self) -> u64 {
        match &self.0 {
            Source::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX)),
            Source::Fixed(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Moves a fixed clock forward; the system's clock cannot be moved.
    pub fn advance_us(&self, by: u64) {
        match &self.0 {
            Source::System => {}
            Source::Fixed(now) => {
                now.fetch_add(by, Ordering::SeqCst);
            }
        }
    }
}
