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
    use data_encoding::HEXLOWER;
    use handlens_media::Size;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct File {
        catalogs: Vec<Catalog>,
        frames: Vec<Frame>,
    }

    #[derive(Deserialize)]
    struct Catalog {
        codec: String,
        width: u32,
        height: u32,
        framerate: u32,
        json: serde_json::Value,
    }

    /// `phone` is what is written here; `page` is the shortest form, which is the console's.
    #[derive(Deserialize)]
    struct Frame {
        capture_us: u64,
        unit: String,
        phone: String,
    }

    /// Catalogs and frames are those of the golden vectors, which the console reads too.
    #[test]
    fn what_is_sent_is_golden() {
        let file: File = serde_json::from_str(include_str!("../../../tests/vectors/protocol/hang.json")).unwrap();
        assert_eq!((file.catalogs.len(), file.frames.len()), (2, 10));
        for Catalog { codec, width, height, framerate, json } in file.catalogs {
            let sequence = Sequence { codec, size: Size::new(width, height) };
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&catalog(&sequence, framerate)).unwrap(), json);
        }
        for Frame { capture_us, unit, phone } in file.frames {
            let unit = HEXLOWER.decode(unit.as_bytes()).unwrap();
            assert_eq!(HEXLOWER.encode(&frame(capture_us, &unit)), phone, "{capture_us} µs");
            assert_ne!(HEXLOWER.encode(&frame(capture_us + 1, &unit)), phone, "the control");
        }
    }

    /// The tracks have the names that the console asks for.
    #[test]
    fn tracks_have_their_golden_names() {
        let text = include_str!("../../../tests/vectors/protocol/names.json");
        let tracks = &serde_json::from_str::<serde_json::Value>(text).unwrap()["tracks"];
        assert_eq!((&tracks["catalog"], &tracks["video"]), (&json!(CATALOG_TRACK), &json!(VIDEO_TRACK)));
    }

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
