//! What a hardware encoder made: looked at, made whole, and never passed on when nobody could decode it.

use super::UNIT_BYTES;
use crate::frame::Size;
use crate::h264::{Sequence, contents_of, parameter_sets, sequence_of};

/// Why an encoded unit is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More than [`UNIT_BYTES`].
    #[error("an encoded picture of {0} bytes; at most 4 MiB")]
    TooLarge(usize),
    /// No slice of a picture in it.
    #[error("no picture in these bytes; Annex-B begins with a start code")]
    NoPicture,
    /// A key frame, and no parameter sets in it or before it.
    #[error("a key frame without parameter sets")]
    NoParameters,
    /// Parameter sets that cannot be understood, or of a picture no viewer takes.
    #[error("parameter sets that cannot be understood")]
    BrokenParameters,
}

/// A unit that was found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked<'a> {
    /// Leans on others.
    Delta(&'a [u8]),
    /// Stands by itself.
    Key(&'a [u8], &'a Sequence),
}

/// The memory of one hardware encoder: its parameter sets, which `MediaCodec` gives once and apart.
#[derive(Debug, Default)]
pub struct External {
    sets: Vec<u8>,
    sequence: Option<Sequence>,
    whole: Vec<u8>,
}

impl External {
    /// Remembers parameter sets that came apart: Annex-B (`BUFFER_FLAG_CODEC_CONFIG`), or an `avcC` record.
    ///
    /// # Errors
    /// [`Refusal::BrokenParameters`], and what was known stays.
    pub fn parameters(&mut self, bytes: &[u8]) -> Result<Size, Refusal> {
        if bytes.len() > UNIT_BYTES {
            return Err(Refusal::TooLarge(bytes.len()));
        }
        let annex_b = if bytes.first() == Some(&1) { parameter_sets(bytes) } else { bytes.to_vec() };
        let contents = contents_of(&annex_b);
        let sequence = sequence_of(&annex_b).filter(|sequence| sequence.size.check().is_ok());
        match sequence {
            Some(sequence) if contents.sequence && contents.picture && contents.key.is_none() => {
                let size = sequence.size;
                self.sets = annex_b;
                self.sequence = Some(sequence);
                Ok(size)
            }
            Some(_) | None => Err(Refusal::BrokenParameters),
        }
    }

    /// Looks at one picture. A key frame without parameter sets gets those that came before it.
    ///
    /// # Errors
    /// [`Refusal`]; nothing has changed.
    pub fn check<'a>(&'a mut self, unit: &'a [u8]) -> Result<Checked<'a>, Refusal> {
        if unit.len() > UNIT_BYTES {
            return Err(Refusal::TooLarge(unit.len()));
        }
        let contents = contents_of(unit);
        match contents.key {
            None => Err(Refusal::NoPicture),
            Some(false) => Ok(Checked::Delta(unit)),
            Some(true) if contents.sequence && contents.picture => {
                let sequence = sequence_of(unit).filter(|sequence| sequence.size.check().is_ok());
                let sequence = sequence.ok_or(Refusal::BrokenParameters)?;
                Ok(Checked::Key(unit, self.sequence.insert(sequence)))
            }
            Some(true) => {
                if self.sets.is_empty() {
                    return Err(Refusal::NoParameters);
                }
                self.whole.clear();
                self.whole.extend_from_slice(&self.sets);
                self.whole.extend_from_slice(unit);
                let sequence = sequence_of(&self.sets).ok_or(Refusal::BrokenParameters)?;
                Ok(Checked::Key(&self.whole, self.sequence.insert(sequence)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPS: &[u8] = b"\0\0\0\x01\x67\x42\xc0\x1f\x8c\x8d\x40\x28\x02\xdd\x37\x01\x0d\x01\x07\x84\x42\x35";
    const PPS: &[u8] = b"\0\0\0\x01\x68\xeb\xe3\xcb";
    const IDR: &[u8] = b"\0\0\0\x01\x65\x88\x80\x10";
    const DELTA: &[u8] = b"\0\0\x01\x41\x9a\x20";

    /// Parameter sets that came apart are put in front of each key frame that lacks them.
    #[test]
    fn a_key_frame_is_made_whole() {
        let mut external = External::default();
        assert_eq!(external.check(IDR), Err(Refusal::NoParameters));
        assert_eq!(external.parameters(&[SPS, PPS].concat()), Ok(Size::new(1280, 720)));
        let whole = [SPS, PPS, IDR].concat();
        let Ok(Checked::Key(unit, sequence)) = external.check(IDR) else { panic!("no key frame") };
        assert_eq!((unit, sequence.codec.as_str()), (whole.as_slice(), "avc1.42c01f"));
        let Ok(Checked::Key(unit, _)) = external.check(&whole) else { panic!("no key frame") };
        assert_eq!(unit, whole);
        assert_eq!(external.check(DELTA), Ok(Checked::Delta(DELTA)));
    }

    /// What is no picture, too large, or has broken sets, is refused with its reason, and spoils nothing.
    #[test]
    fn a_bad_unit_is_refused_with_its_reason() {
        let mut external = External::default();
        assert_eq!(external.check(&[]), Err(Refusal::NoPicture));
        assert_eq!(external.check(&[7; 500]), Err(Refusal::NoPicture));
        assert_eq!(external.check(&[SPS, PPS].concat()), Err(Refusal::NoPicture));
        assert_eq!(external.check(&vec![0; UNIT_BYTES + 1]), Err(Refusal::TooLarge(UNIT_BYTES + 1)));
        assert_eq!(external.check(&[&SPS[..8], PPS, IDR].concat()), Err(Refusal::BrokenParameters));
        assert_eq!(external.parameters(SPS), Err(Refusal::BrokenParameters));
        assert_eq!(external.parameters(&[SPS, PPS, IDR].concat()), Err(Refusal::BrokenParameters));
        assert_eq!(external.check(IDR), Err(Refusal::NoParameters));
        external.parameters(&[SPS, PPS].concat()).unwrap();
        assert_eq!(external.parameters(&[1, 2, 3]), Err(Refusal::BrokenParameters));
        assert!(external.check(IDR).is_ok());
    }

    proptest! {
        /// Nothing an encoder can say makes this panic.
        #[test]
        fn arbitrary_units_are_harmless(unit in proptest::collection::vec(prop_oneof![4 => Just(0u8), 1 => Just(1), 3 => any::<u8>()], 0..400)) {
            let mut external = External::default();
            let _ = external.parameters(&unit);
            let _ = external.check(&unit).map(|_| ());
        }
    }
}
