//! What can be wrong with what this crate is given.

/// Why something was refused. Nothing has changed when it is returned.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Error {
    /// Intrinsics that no camera has.
    #[error("focal lengths and principal point must be finite, and the focal lengths positive")]
    Intrinsics,
    /// A pose with a number that is none, or an orientation of no length.
    #[error("a pose must be finite, with an orientation of unit length")]
    Pose,
    /// A plane whose outline is no polygon.
    #[error("a plane needs 3 to {} corners that span an area", crate::plane::CORNERS)]
    Plane,
    /// A frame that is too small or too large, or whose bytes do not hold its rows.
    #[error(
        "a frame is {} to {} pixels wide and high, and `stride` × rows long",
        crate::frame::SIDE_MIN,
        crate::frame::SIDE_MAX
    )]
    Frame,
    /// Asked for a time that is forgotten.
    #[error("the frame of {wanted_us} µs is forgotten; the oldest known is {oldest_us} µs")]
    StaleFrame {
        /// What was asked for.
        wanted_us: u64,
        /// What is still known.
        oldest_us: u64,
    },
    /// Asked for a time nothing is known of: not yet, or a gap.
    #[error("nothing is known at {wanted_us} µs")]
    Unknown {
        /// What was asked for.
        wanted_us: u64,
    },
    /// A frame that is not younger than the one before.
    #[error("the frame of {capture_us} µs came after that of {newest_us} µs")]
    OutOfOrder {
        /// What came.
        capture_us: u64,
        /// What was there.
        newest_us: u64,
    },
    /// More marks than are shown at the same time.
    #[error("there are {} marks already", handlens_protocol::mark::MARKS)]
    TooManyMarks,
    /// More pictures than are followed at the same time.
    #[error("{} pictures are held already", crate::mark_anchor::HELD)]
    TooManyHeld,
    /// A mark that breaks its own rules.
    #[error(transparent)]
    Mark(#[from] handlens_protocol::mark::Invalid),
}
