//! What a frame may be, and that nothing else gets past the door.

use proptest::prelude::*;

use super::*;

proptest! {
    /// Whatever a caller says of the bytes, the answer is a view that stays inside of them, or an error.
    #[test]
    fn no_record_makes_us_read_beyond_the_bytes(
        (width, height) in (0u32..200, 0u32..200), y_stride in 0u32..300, uv_stride in 0u32..300, kind in 0..4,
        have in 0usize..60_000, cut in 0usize..60_000,
    ) {
        let layout = match kind {
            0 => Layout::I420 { y_stride, uv_stride },
            1 => Layout::Nv12 { y_stride, uv_stride },
            2 => Layout::Nv21 { y_stride, uv_stride },
            _ => Layout::Rgba { stride: y_stride * 4 },
        };
        let frame = Frame::new(1, Size::new(width, height), layout);
        let bytes = vec![7; have];
        let (y, uv) = bytes.split_at(cut.min(have));
        for view in [View::contiguous(&bytes, &frame), View::planes(y, uv, &frame)].into_iter().flatten() {
            let (luma, chroma) = match view.parts() {
                Planes::Planar { y, u, v } => (y, vec![u, v]),
                Planes::Pairs { y, uv, .. } => (y, vec![uv]),
                Planes::Rgba(plane) => (plane, vec![]),
            };
            prop_assert_eq!(luma.rows().len(), height as usize);
            prop_assert!(luma.rows().all(|row| row.len() >= width as usize));
            for plane in chroma {
                prop_assert_eq!(plane.rows().len(), height as usize / 2);
                prop_assert!(plane.rows().all(|row| row.len() >= width as usize / 2));
            }
        }
    }
}

/// The last row need not be padded, and not one byte of it may be missing.
#[test]
fn the_last_row_may_be_short_of_its_padding_only() {
    let frame = Frame::new(1, Size::new(16, 16), Layout::Nv12 { y_stride: 20, uv_stride: 20 });
    let (y, uv) = (vec![0; 20 * 15 + 16], vec![0; 20 * 7 + 16]);
    assert!(View::planes(&y, &uv, &frame).is_ok());
    let short = View::planes(&y, &uv[1..], &frame).map(|_| ());
    assert_eq!(short, Err(Invalid::Short { have: 155, need: 156 }));
}

/// Numbers that would poison the geometry downstream are stopped at the door.
#[test]
fn a_record_that_cannot_be_true_is_refused() {
    let size = Size::new(64, 48);
    let good = Frame::new(5, size, Layout::i420(size));
    assert_eq!(good.check(), Ok(()));
    assert_eq!(Frame { capture_us: 1 << 53, ..good }.check(), Err(Invalid::CaptureTime(1 << 53)));
    let lens = |fx| {
        let lens = Intrinsics { focal: [fx, 500.0], centre: [32.0, 24.0], size: [64.0, 48.0] };
        Sight { intrinsics: Some(lens), ..good.sight }
    };
    assert_eq!(Frame { sight: lens(500.0), ..good }.check(), Ok(()));
    for fx in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Frame { sight: lens(fx), ..good }.check(), Err(Invalid::Sight(pose::Invalid::Intrinsics)));
    }
    let place = |orientation| Sight { pose: Some(Pose { position: [0.0; 3], orientation }), ..good.sight };
    assert_eq!(Frame { sight: place([0.0, 0.0, 0.0, 1.0]), ..good }.check(), Ok(()));
    for rotation in [[0.0; 4], [f64::NAN; 4], [1.0; 4]] {
        assert_eq!(Frame { sight: place(rotation), ..good }.check(), Err(Invalid::Sight(pose::Invalid::Pose)));
    }
    for (width, height) in [(0, 0), (15, 16), (17, 16), (3842, 2160), (3840, 3840), (u32::MAX, u32::MAX)] {
        assert!(Size::new(width, height).check().is_err(), "{width} × {height}");
    }
    assert_eq!(Rotation::from_degrees(45), Err(Invalid::Rotation(45)));
}

/// The picture fits the limit where halving can do it, and stays one the encoder takes.
#[test]
fn a_picture_is_shrunk_only_as_far_as_it_must() {
    assert_eq!(Scale::to_fit(Size::new(1280, 720), 1280), Scale::Full);
    assert_eq!(Scale::to_fit(Size::new(720, 1280), 640), Scale::Half);
    assert_eq!(Scale::to_fit(Size::new(3840, 2160), 1280), Scale::Quarter);
    assert_eq!(Scale::to_fit(Size::new(3840, 40), 640), Scale::Half);
    assert_eq!(Size::new(1282, 722).shrunk(Scale::Half), Size::new(640, 360));
}
