//! As much of H.264 as the frame path needs: which profile and size a picture has (ITU-T H.264, 7.3.2.1.1), where the
//! units of an Annex-B stream begin, and what is in a unit that a hardware encoder made.
//!
//! Everything comes from outside: nothing here panics, nothing is read beyond its end, and every loop has a bound. The
//! console has the same parser (`console/src/realtime/h264.ts`), held to the same bytes.

use crate::frame::Size;

/// No device makes larger pictures than this, pixels a side (level 6.2 allows 16 888 wide).
const SIDE_LIMIT: u64 = 16_384;
/// A parameter set is tens of bytes; more is not looked at.
const SET_BYTES: usize = 1024;
/// Units of one picture that are looked at: parameter sets and messages come before the picture's first slice.
const UNITS: usize = 64;

/// What a sequence parameter set says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// `avc1.PPCCLL` (RFC 6381) from the set itself: an encoder's own word for it is often another one.
    pub codec: String,
    /// Of the visible picture. It is bounded, and not always one that [`Size::check`] takes.
    pub size: Size,
}

/// Types of NAL unit that matter here (Table 7-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A slice of a picture that leans on others (1).
    Slice,
    /// A slice of a picture that stands by itself, and before which nothing is needed (5).
    KeySlice,
    /// Profile, size (7).
    SequenceParameters,
    /// Entropy coding, weights (8).
    PictureParameters,
    /// Messages, delimiters, filler, and what nobody here uses.
    Other,
}

impl Kind {
    /// The type of a unit without start code, `None` for an empty one.
    pub fn of(unit: &[u8]) -> Option<Self> {
        Some(match unit.first()? & 0x1f {
            1 => Self::Slice,
            5 => Self::KeySlice,
            7 => Self::SequenceParameters,
            8 => Self::PictureParameters,
            _ => Self::Other,
        })
    }
}

/// The NAL units of an Annex-B stream, each without its start code and without trailing zeros, as a lazy walk.
pub fn units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut begin = start_code(stream, 0);
    std::iter::from_fn(move || {
        loop {
            let from = begin?;
            begin = start_code(stream, from);
            let end = begin.map_or(stream.len(), |next| next - 3);
            let unit = stream.get(from..end)?;
            let length = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if length > 0 {
                return Some(&unit[..length]);
            }
        }
    })
}

/// The first sequence parameter set in the first units of an Annex-B stream, understood.
pub fn sequence_of(stream: &[u8]) -> Option<Sequence> {
    let unit = units(stream).take(16).find(|unit| Kind::of(unit) == Some(Kind::SequenceParameters))?;
    parse_sequence(unit)
}

/// What one picture of an Annex-B stream is made of, as far as its first slice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contents {
    /// A sequence parameter set comes before the slice.
    pub sequence: bool,
    /// A picture parameter set comes before the slice.
    pub picture: bool,
    /// The slice: a key picture or not; `None` when there is none.
    pub key: Option<bool>,
}

/// Looks into one picture, no further than its first slice.
pub fn contents_of(stream: &[u8]) -> Contents {
    let mut contents = Contents::default();
    for unit in units(stream).take(UNITS) {
        match Kind::of(unit) {
            Some(Kind::SequenceParameters) => contents.sequence = true,
            Some(Kind::PictureParameters) => contents.picture = true,
            Some(kind @ (Kind::Slice | Kind::KeySlice)) => {
                contents.key = Some(kind == Kind::KeySlice);
                break;
            }
            Some(Kind::Other) | None => {}
        }
    }
    contents
}

/// Understands one sequence parameter set (with its one-byte NAL header).
pub fn parse_sequence(unit: &[u8]) -> Option<Sequence> {
    if unit.len() < 5 || unit.len() > SET_BYTES || Kind::of(unit) != Some(Kind::SequenceParameters) {
        return None;
    }
    let payload = unescape(&unit[1..]);
    let mut bits = Bits { bytes: &payload, at: 0 };
    let profile = bits.take(8)?;
    let constraints = bits.take(8)?;
    let level = bits.take(8)?;
    bits.golomb()?; // seq_parameter_set_id
    let mut chroma = 1;
    if [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].contains(&profile) {
        chroma = bits.golomb()?;
        if chroma == 3 {
            bits.take(1)?; // separate_colour_plane_flag
        }
        bits.golomb()?; // bit_depth_luma_minus8
        bits.golomb()?; // bit_depth_chroma_minus8
        bits.take(1)?; // qpprime_y_zero_transform_bypass_flag
        if bits.take(1)? == 1 {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.take(1)? == 1 {
                    scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.golomb()?; // log2_max_frame_num_minus4
    match bits.golomb()? {
        0 => drop(bits.golomb()?),
        1 => {
            bits.take(1)?;
            bits.golomb()?;
            bits.golomb()?;
            let cycle = bits.golomb()?;
            if cycle > 255 {
                return None;
            }
            for _ in 0..cycle {
                bits.golomb()?;
            }
        }
        _ => {}
    }
    bits.golomb()?; // max_num_ref_frames
    bits.take(1)?; // gaps_in_frame_num_value_allowed_flag
    let columns = bits.golomb()? + 1;
    let rows = bits.golomb()? + 1;
    let frames = bits.take(1)?;
    if frames == 0 {
        bits.take(1)?; // mb_adaptive_frame_field_flag
    }
    bits.take(1)?; // direct_8x8_inference_flag
    let [left, right, top, bottom] =
        if bits.take(1)? == 1 { [bits.golomb()?, bits.golomb()?, bits.golomb()?, bits.golomb()?] } else { [0; 4] };
    if chroma > 3 {
        return None;
    }
    // Cropping is in units of the chroma grid (7.4.2.1.1, Equations 7-19 to 7-22). Each number is below 2^32: no overflow.
    let unit_x = if chroma == 1 || chroma == 2 { 2 } else { 1 };
    let unit_y = (if chroma == 1 { 2 } else { 1 }) * (2 - frames);
    let width = (columns * 16).checked_sub((left + right) * unit_x)?;
    let height = (rows * 16 * (2 - frames)).checked_sub((top + bottom) * unit_y)?;
    let side = |pixels: u64| u32::try_from(pixels).ok().filter(|_| (1..=SIDE_LIMIT).contains(&pixels));
    let size = Size::new(side(width)?, side(height)?);
    Some(Sequence { codec: format!("avc1.{profile:02x}{constraints:02x}{level:02x}"), size })
}

/// The parameter sets of an `avcC` record (ISO/IEC 14496-15, 5.3.3.1) as Annex-B, for encoders that give them only
/// there. Empty when the record is broken.
pub fn parameter_sets(avcc: &[u8]) -> Vec<u8> {
    fn read(record: &[u8]) -> Option<Vec<u8>> {
        let mut sets = Vec::new();
        let mut rest = record.get(5..)?;
        for mask in [0x1f, 0xff] {
            let (count, after) = rest.split_first()?;
            rest = after;
            for _ in 0..(count & mask).min(32) {
                let (length, after) = rest.split_first_chunk::<2>()?;
                let length = usize::from(u16::from_be_bytes(*length));
                if length == 0 || length > SET_BYTES {
                    return None;
                }
                let (set, after) = after.split_at_checked(length)?;
                rest = after;
                sets.extend_from_slice(&[0, 0, 0, 1]);
                sets.extend_from_slice(set);
            }
        }
        Some(sets)
    }
    read(avcc).unwrap_or_default()
}

/// Where the next unit begins: the byte after `00 00 01`.
fn start_code(stream: &[u8], from: usize) -> Option<usize> {
    let rest = stream.get(from..)?;
    rest.windows(3).position(|three| three == [0, 0, 1]).map(|at| from + at + 3)
}

/// Takes the emulation prevention bytes out (7.4.1.1).
fn unescape(payload: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(payload.len());
    let mut zeros = 0;
    for byte in payload {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        clean.push(*byte);
    }
    clean
}

fn scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.signed_golomb()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// Reads bits from the top; beyond the end there is nothing.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// At most 32 bits.
    fn take(&mut self, count: u32) -> Option<u64> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value * 2 + u64::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// ue(v), 9.1; below 2^32.
    fn golomb(&mut self) -> Option<u64> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }

    /// se(v), 9.1.1.
    fn signed_golomb(&mut self) -> Option<i64> {
        let code = i64::try_from(self.golomb()?).ok()?;
        Some(if code % 2 == 1 { (code + 1) / 2 } else { -code / 2 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parameter sets as encoders write them; the same as in the console's tests.
    const REAL: [(&str, &str, u32, u32); 6] = [
        // Chromium 156's software encoder. Configured as 42e01f it says another profile, and at 480 lines another level.
        ("6742c01f8c8d402802dd37010d0107844235", "avc1.42c01f", 1280, 720),
        ("6742c01e8c8d40501ed37010d01078442350", "avc1.42c01e", 640, 480),
        // The same, upright and cropped: 642 lines in 41 rows of macroblocks.
        ("6742c01e8c8d40b829f2444dc0434041e1108d40", "avc1.42c01e", 362, 642),
        ("674d4c1f8c8d402802dd37010d0107844235", "avc1.4d4c1f", 1280, 720),
        ("67640c28ac191a80780227e59b80868083c2211a80", "avc1.640c28", 1920, 1080),
        // x264, High, with a VUI and emulation prevention in it.
        ("6764001facd9405005bb0110000003001000000303c0f1831960", "avc1.64001f", 1280, 720),
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// The codec string and the size come from the stream itself.
    #[test]
    fn a_parameter_set_of_a_real_encoder_is_understood() {
        for (hex, codec, width, height) in REAL {
            let sequence = Sequence { codec: codec.to_owned(), size: Size::new(width, height) };
            assert_eq!(parse_sequence(&bytes(hex)), Some(sequence), "{hex}");
        }
    }

    /// Cut anywhere, or with any byte changed, it is refused or another size.
    #[test]
    fn a_broken_parameter_set_is_never_more_than_refused() {
        for (hex, ..) in REAL {
            let whole = bytes(hex);
            for cut in 0..whole.len() {
                if let Some(sequence) = parse_sequence(&whole[..cut]) {
                    assert!(sequence.size.width <= 16_384);
                }
                for value in 0..=255 {
                    let mut changed = whole.clone();
                    changed[cut] = value;
                    if let Some(sequence) = parse_sequence(&changed) {
                        assert!(sequence.size.height > 0 && sequence.size.height <= 16_384);
                    }
                }
            }
        }
    }

    /// What is no parameter set, or far too long for one, is none.
    #[test]
    fn no_parameter_set_is_found_where_there_is_none() {
        assert_eq!(parse_sequence(&[]), None);
        assert_eq!(parse_sequence(&bytes("6842001f8c")), None);
        assert_eq!(parse_sequence(&[0x67; 4096]), None);
        assert_eq!(sequence_of(&bytes("0000000165888084")), None);
    }

    /// Start codes of three and of four bytes part units; neither belongs to one. Garbage has none.
    #[test]
    fn a_stream_is_parted_into_its_units() {
        let stream = bytes(&format!("00000001{}00000168ebe3cb22c000000001658880", REAL[5].0));
        let kinds: Vec<_> = units(&stream).filter_map(Kind::of).collect();
        assert_eq!(kinds, [Kind::SequenceParameters, Kind::PictureParameters, Kind::KeySlice]);
        assert_eq!(sequence_of(&stream).map(|sequence| sequence.codec).as_deref(), Some("avc1.64001f"));
        assert_eq!(contents_of(&stream), Contents { sequence: true, picture: true, key: Some(true) });
        assert_eq!(units(&[7; 1000]).count() + units(&[0; 1000]).count() + units(&[]).count(), 0);
    }

    /// An encoder that gives its parameter sets only in an `avcC` record is made whole; a broken record gives nothing.
    #[test]
    fn an_avcc_record_becomes_annex_b() {
        let sps = bytes(REAL[5].0);
        let mut record = vec![1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, u8::try_from(sps.len()).unwrap()];
        record.extend_from_slice(&sps);
        record.extend_from_slice(&[1, 0, 4, 0x68, 0xeb, 0xe3, 0xcb]);
        let annex_b = parameter_sets(&record);
        assert_eq!(contents_of(&annex_b), Contents { sequence: true, picture: true, key: None });
        assert_eq!(sequence_of(&annex_b).map(|sequence| sequence.size.width), Some(1280));
        assert_eq!(parameter_sets(&bytes("0164001fffe1ffff67")), Vec::<u8>::new());
        assert_eq!(parameter_sets(&[]), Vec::<u8>::new());
    }

    proptest! {
        /// No bytes make any of this panic or run long, and a size that is given is within its bound.
        #[test]
        fn arbitrary_bytes_are_harmless(mut stream in proptest::collection::vec(prop_oneof![4 => Just(0u8), 1 => Just(1), 1 => Just(0x67), 6 => any::<u8>()], 0..600)) {
            let _ = (contents_of(&stream), parameter_sets(&stream), units(&stream).count());
            if let Some(first) = stream.first_mut() {
                *first = 0x67;
            }
            for sequence in [parse_sequence(&stream), sequence_of(&stream)].into_iter().flatten() {
                prop_assert!((1..=16_384).contains(&sequence.size.width) && (1..=16_384).contains(&sequence.size.height));
            }
        }
    }
}
