//! The software encoder, held against a decoder.

use openh264::decoder::Decoder;
use openh264::formats::YUVSource;

use super::{Colour, Encode, Made, Order, Software};
use crate::convert;
use crate::frame::{Frame, Layout, Picture, Rotation, Scale, Size, View};
use crate::h264::{Contents, contents_of, sequence_of};

const SIZE: Size = Size::new(640, 360);

/// A room that moves: soft waves, a hard edge, and a little noise, as NV12.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole pixels and clamped bytes")]
fn scene(size: Size, step: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let sample = |x: u32, y: u32, shift: u32| {
        let (x, y) = (f64::from(x + 3 * step + shift), f64::from(y + step));
        let wave = (x / 23.0).sin() * 40.0 + (y / 17.0).cos() * 40.0;
        let edge = if (x / 80.0).sin() > 0.3 { 30.0 } else { -30.0 };
        let noise = f64::from(((x as u32).wrapping_mul(2_654_435_761) ^ (y as u32).wrapping_mul(40_503)) >> 29);
        (128.0 + wave + edge + noise).clamp(16.0, 235.0) as u8
    };
    for y in 0..size.height {
        bytes.extend((0..size.width).map(|x| sample(x, y, 0)));
    }
    for y in 0..size.height / 2 {
        bytes.extend((0..size.width).map(|x| sample(x, 2 * y, 50) / 4 + 96));
    }
    bytes
}

fn picture(size: Size, step: u32) -> Picture {
    let bytes = scene(size, step);
    let frame = Frame::new(1, size, Layout::nv12(size));
    let mut picture = Picture::default();
    convert::to_i420(View::contiguous(&bytes, &frame).unwrap(), Scale::Full, &mut picture).unwrap();
    picture
}

fn order(step: u32, key: bool, bps: u32) -> Order {
    Order { capture_us: u64::from(step) * 33_333, key, bps, interval_us: 33_333 }
}

/// dB between the luma of `picture` and what the decoder shows.
fn psnr(picture: &Picture, decoded: &impl YUVSource) -> f64 {
    let Size { width, height } = picture.size();
    let stride = decoded.strides().0;
    let mut squares = 0.0;
    for (ours, theirs) in picture.planes().0.chunks(width as usize).zip(decoded.y().chunks(stride)) {
        squares += ours.iter().zip(theirs).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>();
    }
    10.0 * (255.0f64.powi(2) / (squares / f64::from(width * height)).max(1e-9)).log10()
}

/// Sixty moving frames through encoder and decoder look as they did, the first stands by itself, and the codec string is
/// the one in the stream; a spoilt stream does not pass as good (the control).
#[test]
fn what_is_decoded_is_what_was_filmed() {
    let (mut encoder, mut decoder, mut unit) =
        (Software::new(Colour::Bt601Limited), Decoder::new().unwrap(), Vec::new());
    let mut spoilt = Decoder::new().unwrap();
    let mut quality = Vec::new();
    let mut spoilt_noticed = 0;
    for step in 0..60 {
        let picture = picture(SIZE, step);
        unit.clear();
        let made = encoder.encode(&picture, order(step, step == 0 || step == 30, 2_500_000), &mut unit).unwrap();
        assert_ne!(made, Made::Skipped, "frame {step}");
        if step == 0 || step == 30 {
            let Made::Key(sequence) = &made else { panic!("frame {step} is {made:?}") };
            assert_eq!(contents_of(&unit), Contents { sequence: true, picture: true, key: Some(true) });
            assert_eq!(Some(sequence), sequence_of(&unit).as_ref());
            assert_eq!((sequence.codec.as_str(), sequence.size), ("avc1.42c01e", SIZE));
        } else {
            assert_eq!(made, Made::Delta, "frame {step}");
        }
        let decoded = decoder.decode(&unit).unwrap().unwrap();
        assert_eq!(decoded.dimensions(), (640, 360));
        quality.push(psnr(&picture, &decoded));
        let middle = unit.len() / 2;
        unit[middle..].fill(0x55);
        match spoilt.decode(&unit) {
            Ok(Some(decoded)) if psnr(&picture, &decoded) > 30.0 => {}
            Ok(_) | Err(_) => spoilt_noticed += 1,
        }
    }
    let (mean, least) = (quality.iter().sum::<f64>() / 60.0, quality.iter().copied().fold(f64::INFINITY, f64::min));
    println!("PSNR of 60 frames, dB: mean {mean:.1}, least {least:.1}; spoilt frames noticed: {spoilt_noticed}");
    assert!(mean > 34.0 && least > 30.0, "mean {mean:.1} dB, least {least:.1} dB");
    assert!(spoilt_noticed > 50, "a spoilt stream passed for good: {spoilt_noticed} of 60 were noticed");
}

/// A new bitrate and frame rate are followed up and down without a key frame in between.
#[test]
fn a_new_bitrate_needs_no_key_frame() {
    let (mut encoder, mut unit) = (Software::new(Colour::Bt601Limited), Vec::new());
    let mut spent = Vec::new();
    for (round, bps) in [(0, 600_000), (1, 200_000), (2, 1_500_000)] {
        let mut bytes = 0;
        for step in 0..90 {
            let now = round * 90 + step;
            unit.clear();
            let made = encoder.encode(&picture(SIZE, now), order(now, now == 0, bps), &mut unit).unwrap();
            assert_eq!(matches!(made, Made::Key(_)), now == 0, "frame {now} is {made:?}");
            // The controller of the bits needs a second to settle.
            if step >= 30 {
                bytes += unit.len();
            }
        }
        spent.push(f64::from(u32::try_from(bytes).unwrap()) * 8.0 / 2.0 / f64::from(bps));
    }
    println!("bits used of the target at 600k, 200k, 1.5M: {spent:.2?}");
    assert!(spent.iter().all(|share| (0.3..1.25).contains(share)), "{spent:.2?}");
}

/// A turned or shrunk picture begins anew, with a key frame that says its size and colour.
#[test]
fn another_size_begins_with_a_key_frame() {
    let mut encoder = Software::new(Colour::Bt709Full);
    for (step, size) in
        [(0, SIZE), (1, SIZE), (2, Size::new(360, 640)), (3, Size::new(320, 180)), (4, Size::new(16, 16))]
    {
        let mut unit = Vec::new();
        let mut turned = Picture::default();
        convert::rotate(&picture(size, step), Rotation::Half, &mut turned).unwrap();
        match encoder.encode(&turned, order(step, false, 500_000), &mut unit).unwrap() {
            Made::Key(sequence) => assert!(step != 1 && sequence.size == size, "{sequence:?}"),
            Made::Delta => assert_eq!(step, 1),
            Made::Skipped => panic!("a small picture did not fit"),
        }
    }
}
