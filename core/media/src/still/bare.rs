//! A photograph that says nothing but the picture: a phone writes its place, its number and a second picture into a JPEG
//! (EXIF, XMP, Multi-Picture Format), and nobody allowed those. The compressed picture itself is not touched.

use image::metadata::Orientation;

use super::{Error, JPEG_BYTES};

/// Markers of ITU-T T.81, table B.1.
const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;
const APP15: u8 = 0xef;
const COMMENT: u8 = 0xfe;

/// The JPEG with only what shows it: JFIF, a colour profile, Adobe's colour transform, which way is up, the picture.
///
/// # Errors
/// [`Error::TooLarge`], and [`Error::Segments`] for what is no JPEG or ends before its picture does.
pub fn bare(jpeg: &[u8]) -> Result<Vec<u8>, Error> {
    if jpeg.len() > JPEG_BYTES {
        return Err(Error::TooLarge(jpeg.len()));
    }
    let (segments, up) = segments(jpeg).ok_or(Error::Segments)?;
    let mut bare = Vec::with_capacity(jpeg.len());
    bare.extend([0xff, START]);
    let (first, rest): (Vec<_>, Vec<_>) = segments.iter().partition(|segment| segment.kind == APP0);
    first.iter().for_each(|segment| bare.extend_from_slice(segment.bytes));
    if up != Orientation::NoTransforms {
        bare.extend(orientation(up));
    }
    rest.iter().for_each(|segment| bare.extend_from_slice(segment.bytes));
    bare.extend([0xff, END]);
    Ok(bare)
}

/// A piece from its marker to the next, a scan with what is compressed.
struct Segment<'a> {
    kind: u8,
    bytes: &'a [u8],
}

/// What shows the picture, in order, and which way is up; what follows the picture's end is not looked at.
fn segments(jpeg: &[u8]) -> Option<(Vec<Segment<'_>>, Orientation)> {
    let mut rest = jpeg.strip_prefix(&[0xff, START])?;
    let (mut kept, mut up) = (Vec::new(), Orientation::NoTransforms);
    loop {
        // Any number of 0xff may stand before a marker.
        while let [0xff, next @ ..] = rest
            && next.first() == Some(&0xff)
        {
            rest = next;
        }
        let [0xff, kind, ..] = *rest else { return None };
        if kind == END {
            return Some((kept, up));
        }
        let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let body = rest.get(4..2 + length)?;
        let whole = if kind == SCAN { 2 + length + compressed(&rest[2 + length..])? } else { 2 + length };
        let shows = match kind {
            APP0 => body.starts_with(b"JFIF\0"),
            APP2 => body.starts_with(b"ICC_PROFILE\0"),
            APP14 => body.starts_with(b"Adobe"),
            APP1..=APP15 | COMMENT => false,
            // Tables, frame and scan headers; what is beyond them is JPEG-LS or nothing (also 0x00, 0x01 and restarts).
            0xc0..=0xdf if !(0xd0..=0xd8).contains(&kind) => true,
            _ => return None,
        };
        if let Some(exif) = body.strip_prefix(b"Exif\0\0")
            && kind == APP1
        {
            up = Orientation::from_exif_chunk(exif).unwrap_or(up);
        }
        if shows {
            kept.push(Segment { kind, bytes: &rest[..whole] });
        }
        rest = &rest[whole..];
    }
}

/// How many bytes are compressed picture: to the first marker that is neither stuffing nor a restart.
fn compressed(bytes: &[u8]) -> Option<usize> {
    let marker = |two: &[u8]| two[0] == 0xff && !matches!(two[1], 0x00 | 0xd0..=0xd7 | 0xff);
    bytes.windows(2).position(marker)
}

/// An EXIF segment that says which way is up, and nothing else: one entry, Orientation (EXIF 2.32, 4.6.4).
fn orientation(up: Orientation) -> [u8; 36] {
    let mut segment = *b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    segment[29] = up.to_exif();
    segment
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Rgb, decode, encode_rgb};
    use super::*;
    use crate::frame::Size;

    /// A picture of four colours, so that every turn of it is another.
    fn plain() -> Vec<u8> {
        let size = Size::new(64, 48);
        let pixel = |at: u32| match (at % 64 < 32, at / 64 < 24) {
            (true, true) => [220, 30, 30],
            (false, true) => [30, 220, 30],
            (true, false) => [30, 30, 220],
            (false, false) => [200, 200, 200],
        };
        encode_rgb(&Rgb { size, bytes: (0..64 * 48).flat_map(pixel).collect() }, 90).unwrap()
    }

    fn segment(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        [&[0xff, kind], &length[..], body].concat()
    }

    /// EXIF as a phone writes it: which way is up, the phone's name, and a thumbnail somewhere behind; little-endian.
    fn exif(up: u8) -> Vec<u8> {
        let mut body = b"Exif\0\0II\x2a\0\x08\0\0\0\x02\0".to_vec();
        body.extend(b"\x0f\x01\x02\0\x08\0\0\0\x26\0\0\0");
        body.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, up, 0, 0, 0]);
        body.extend(b"\0\0\0\0Secret 9 of Ada");
        segment(APP1, &body)
    }

    /// With everything a phone and its maker add, before, between and behind.
    fn chatty(up: u8) -> Vec<u8> {
        let plain = plain();
        let first = 4 + usize::from(u16::from_be_bytes([plain[4], plain[5]])) - 2 + 2;
        let said = [
            exif(up),
            segment(APP1, b"http://ns.adobe.com/xap/1.0/\0<x>Secret</x>"),
            segment(APP2, b"ICC_PROFILE\0\x01\x01profile"),
            segment(APP2, b"MPF\0Secret"),
            segment(0xed, b"Photoshop 3.0\0Secret"),
            segment(0xe4, b"Secret"),
            segment(COMMENT, b"Secret"),
        ];
        [&plain[..first], &said.concat(), &[0xff, 0xff], &plain[first..], b"Secret video"].concat()
    }

    fn holds(bytes: &[u8], what: &[u8]) -> bool {
        bytes.windows(what.len()).any(|at| at == what)
    }

    /// What the phone says of itself and of its owner is gone; the picture, its colours and which way is up are there to the bit.
    #[test]
    fn nothing_but_the_picture_is_left() {
        let (plain, chatty) = (plain(), chatty(6));
        assert!(holds(&chatty, b"Secret") && decode(&chatty).is_ok(), "a control");
        let bare = bare(&chatty).unwrap();
        assert!(!holds(&bare, b"Secret") && !holds(&bare, b"Ada"));
        assert!(holds(&bare, b"ICC_PROFILE"));
        assert_eq!(decode(&bare).unwrap(), decode(&plain).unwrap());
        assert!(bare.ends_with(&[0xff, END]));
        assert_eq!(super::bare(&bare).unwrap(), bare, "bare already");
        assert_eq!(super::bare(&plain).unwrap(), plain, "a picture that says nothing stays as it is");
    }

    /// Which way is up is what another reader of EXIF finds.
    #[test]
    fn which_way_is_up_is_kept() {
        use image::ImageDecoder as _;
        for up in 1..=8 {
            let bare = bare(&chatty(up)).unwrap();
            let mut decoder = image::codecs::jpeg::JpegDecoder::new(std::io::Cursor::new(&bare)).unwrap();
            assert_eq!(decoder.orientation().unwrap().to_exif(), up);
            assert_eq!(holds(&bare, b"Exif"), up != 1);
        }
    }

    /// What is no JPEG, or ends before its picture does, is refused.
    #[test]
    fn half_a_picture_is_none() {
        let plain = plain();
        for length in 0..plain.len() {
            assert!(matches!(bare(&plain[..length]), Err(Error::Segments)), "{length}");
        }
        for other in [&b"GIF89a"[..], b"\xff\xd8\xff\xe0\0\x01\xff\xd9", b"\xff\xd8\xff\xf7\0\x04ab\xff\xd9"] {
            assert!(matches!(bare(other), Err(Error::Segments)));
        }
        assert!(matches!(bare(&vec![0; JPEG_BYTES + 1]), Err(Error::TooLarge(_))));
    }

    proptest! {
        /// No damage makes it panic, and what it gives is never more than what came and an orientation.
        #[test]
        fn a_damaged_jpeg_is_harmless(at in 0usize..4000, value: u8, cut in 0usize..4000) {
            let mut damaged = chatty(3);
            let length = damaged.len();
            damaged[at % length] = value;
            for jpeg in [&damaged[..], &damaged[..cut % length]] {
                if let Ok(bare) = bare(jpeg) {
                    prop_assert!(bare.len() <= jpeg.len() + 36);
                    prop_assert_eq!(super::bare(&bare).unwrap(), bare);
                }
            }
        }
    }
}
