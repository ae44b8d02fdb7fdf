//! The two clocks of a device, read in this one place.

use handlens_session::Moment;
use rustix::time::{ClockId, clock_gettime};

/// The clock that goes on while the device sleeps: on Apple's systems `CLOCK_MONOTONIC` does, elsewhere `CLOCK_BOOTTIME`.
#[cfg(target_vendor = "apple")]
const AWAKE_OR_NOT: ClockId = ClockId::Monotonic;
#[cfg(any(target_os = "linux", target_os = "android"))]
const AWAKE_OR_NOT: ClockId = ClockId::Boottime;
#[cfg(not(any(target_vendor = "apple", target_os = "linux", target_os = "android")))]
const AWAKE_OR_NOT: ClockId = ClockId::Monotonic;

/// µs on the device's monotonic clock that also counts while it sleeps. Frames are stamped with it.
pub fn capture_us() -> u64 {
    microseconds(AWAKE_OR_NOT)
}

/// The same as a moment.
pub(crate) fn now() -> Moment {
    Moment::from_us(capture_us())
}

/// µs since the Unix epoch, as this device believes.
pub(crate) fn unix_us() -> u64 {
    microseconds(ClockId::Realtime)
}

fn microseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000).saturating_add(nanoseconds / 1_000)
}
