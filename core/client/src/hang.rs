//! The `hang` shape, so that any MoQ player can watch: a `catalog.json` track with a map of renditions, and frames in the
//! `legacy` container: a QUIC varint of µs (RFC 9000, section 16) and the codec's bytes. The console reads the same
//! (`console/src/realtime/hang.ts`).

use bytes::{BufMut as _, Bytes, BytesMut};
use handlens_media::h264::Sequence;
use serde_json::json;

/// The track of the catalog.
pub(crate) const CATALOG_TRACK: &str = "catalog.json";
/// The track of the picture.
pub(crate) const VIDEO_TRACK: &str = "video";
/// Delivery priorities of hang: a catalog before the picture. Ours for small records is between them.
pub(crate) const CATALOG_PRIORITY: u8 = 100;
/// Small records.
pub(crate) const DATA_PRIORITY: u8 = 90;
/// The picture.
pub(crate) const VIDEO_PRIORITY: u8 = 60;

/// The catalog of a camera: one rendition, named by its track.
pub(crate) fn catalog(sequence: &Sequence, framerate: u32) -> Bytes {
    let rendition = json!({
        "codec": sequence.codec,
        "codedWidth": sequence.size.width,
        "codedHeight": sequence.size.height,
        "framerate": framerate,
        "container": { "kind": "legacy" },
        "optimizeForLatency": true,
    });
    json!({ "video": { "renditions": { VIDEO_TRACK: rendition } } }).to_string().into()
}

/// A coded picture with its capture time in front: the one copy from the encoder's memory to what is sent.
pub(crate) fn frame(capture_us: u64, unit: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(8 + unit.len());
    // Capture times are below 2^53, so eight bytes always do; shorter forms are for the first eighteen minutes only.
    match capture_us {
        0..0x4000_0000 => frame.put_u32(u32::try_from(capture_us).unwrap_or(0) | 0x8000_0000),
        _ => frame.put_u64(capture_us & !(0b11 << 62) | 0b11 << 62),
    }
    frame.extend_from_slice(unit);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use handlens_media::Size;

    use super::*;

    /// A varint as RFC 9000 writes it, of four bytes and of eight, and the picture as it is behind it.
    #[test]
    fn a_frame_begins_with_its_capture_time() {
        assert_eq!(&frame(494_878_333, b"unit")[..], b"\x9d\x7f\x3e\x7dunit");
        assert_eq!(&frame(151_288_809_941_952_652, b"u")[..], b"\xc2\x19\x7c\x5e\xff\x14\xe8\x8cu");
        assert_eq!(&frame(0x3fff_ffff, b"")[..], b"\xbf\xff\xff\xff");
        assert_eq!(&frame(0x4000_0000, b"")[..], b"\xc0\0\0\0\x40\0\0\0");
    }

    /// What the console's reader asks of a catalog is in it.
    #[test]
    fn a_catalog_names_its_picture() {
        let sequence = Sequence { codec: "avc1.42c01f".to_owned(), size: Size::new(1280, 720) };
        let catalog: serde_json::Value = serde_json::from_slice(&catalog(&sequence, 30)).unwrap();
        let video = &catalog["video"]["renditions"]["video"];
        assert_eq!((&video["codec"], &video["codedWidth"]), (&json!("avc1.42c01f"), &json!(1280)));
        assert_eq!(video["container"]["kind"], "legacy");
    }
}
