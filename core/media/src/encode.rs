//! Pictures in, H.264 out: OpenH264 in software, or a check of what a hardware encoder made.
//!
//! Both give Annex-B with the parameter sets in each key frame, and the codec string from the set itself.

mod external;
mod software;

pub use external::{Checked, External, Refusal};
pub(crate) use software::Software;

use crate::frame::{Invalid, Picture};
use crate::h264::Sequence;

/// A key frame at least so often, µs of capture time: a group of pictures stays under 2 s.
pub const KEY_EVERY_US: u64 = 1_900_000;
/// Bytes of one encoded picture, at most. A key frame of 4K at the highest quality is far below.
pub const UNIT_BYTES: usize = 4 << 20;

/// Which numbers mean which colour; written into the stream, so that no viewer has to guess. A source does not change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// BT.601, 16 to 235: RGBA sources are converted to this, and most laptop cameras give it.
    #[default]
    Bt601Limited,
    /// BT.601, 0 to 255: Android's `YUV_420_888`.
    Bt601Full,
    /// BT.709, 16 to 235: iOS `420v`.
    Bt709Limited,
    /// BT.709, 0 to 255: iOS `420f`.
    Bt709Full,
}

/// What a camera's encoder is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Config {
    /// Of the pixels that will be submitted.
    pub colour: Colour,
}

/// Why there is no encoded picture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// OpenH264 said no.
    #[error("the software encoder failed: {0}")]
    Software(#[from] openh264::Error),
    /// OpenH264 refused a new bitrate or frame rate; its own number.
    #[error("the software encoder refused a setting ({0})")]
    Setting(i32),
    /// A key frame without a parameter set that can be understood.
    #[error("the encoder made a key frame without parameter sets")]
    NoSequence,
    /// The picture has a size that no encoder takes.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The operating system gave no thread.
    #[error("no thread for the encoder: {0}")]
    Thread(#[from] std::io::Error),
}

/// What one picture shall become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// µs.
    pub capture_us: u64,
    /// It must stand by itself.
    pub key: bool,
    /// Bits a second from here on.
    pub bps: u32,
    /// To the next picture, µs.
    pub interval_us: u64,
}

/// What one picture became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Made {
    /// A picture that leans on others.
    Delta,
    /// One that stands by itself.
    Key(Sequence),
    /// Nothing: it would not have fitted the bitrate.
    Skipped,
}

/// Something that encodes, on the encoder's thread.
pub(crate) trait Encode: Send + 'static {
    /// Encodes `picture` and writes it to `unit`, which is empty.
    fn encode(&mut self, picture: &Picture, order: Order, unit: &mut Vec<u8>) -> Result<Made, Error>;
}

#[cfg(test)]
mod tests;
