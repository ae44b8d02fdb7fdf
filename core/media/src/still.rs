//! Single pictures as JPEG: a frame that is kept, and a photograph that somebody else made.
//!
//! JPEG knows one colour, BT.601 over the full range (JFIF 1.02), so every [`Colour`] goes through RGB.

mod bare;

use std::io::Cursor;

pub use bare::bare;
use image::{ImageDecoder, ImageReader, Limits};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::convert;
use crate::encode::Colour;
use crate::frame::{Invalid, Picture, Scale, Size, View};

/// Bytes of a JPEG that is looked at, at most: more than a 50 megapixel photograph has.
pub const JPEG_BYTES: usize = 32 << 20;
/// Pixels a side of a JPEG that is decoded, at most.
pub const JPEG_SIDE: u32 = 8_192;
/// Pixels of a JPEG that is decoded, at most.
pub const JPEG_PIXELS: u64 = 64_000_000;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More than [`JPEG_BYTES`].
    #[error("a JPEG of {0} bytes; at most 32 MiB")]
    TooLarge(usize),
    /// More than [`JPEG_SIDE`] or [`JPEG_PIXELS`].
    #[error("a JPEG of {0} × {1} pixels; at most 8192 a side and 64 megapixels")]
    TooManyPixels(u32, u32),
    /// Quality is from 1 to 100.
    #[error("a quality of {0}; it is 1 to 100")]
    Quality(u8),
    /// The frame is none.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Its segments make no JPEG.
    #[error("this is no whole JPEG")]
    Segments,
    /// Not a JPEG, or a broken one.
    #[error("this is no JPEG that can be read: {0}")]
    Decode(#[from] image::ImageError),
    /// The encoder failed.
    #[error("the JPEG encoder failed: {0}")]
    Encode(#[from] jpeg_encoder::EncodingError),
}

/// A decoded picture: red, green, blue, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    /// Pixels.
    pub size: Size,
    /// Three bytes a pixel.
    pub bytes: Vec<u8>,
}

/// Encodes one frame as JPEG, 4:2:0. `quality` is 1 to 100; 85 is good for a photograph.
///
/// # Errors
/// [`Error::Quality`], [`Error::Invalid`] and [`Error::Encode`].
pub fn encode(view: View<'_>, colour: Colour, quality: u8) -> Result<Vec<u8>, Error> {
    let mut picture = Picture::default();
    convert::to_i420(view, Scale::Full, &mut picture)?;
    encode_rgb(&to_rgb(&picture, colour), quality)
}

/// Encodes a picture that is already red, green and blue, 4:2:0: one with marks on it. `quality` as for [`encode`].
///
/// # Errors
/// [`Error::Quality`], [`Error::Invalid`] for a side beyond 65535 pixels, and [`Error::Encode`] when there are fewer bytes
/// than its size says.
pub fn encode_rgb(rgb: &Rgb, quality: u8) -> Result<Vec<u8>, Error> {
    if !(1..=100).contains(&quality) {
        return Err(Error::Quality(quality));
    }
    let side = |pixels: u32| u16::try_from(pixels).map_err(|_| Invalid::Size { width: pixels, height: pixels });
    let (width, height) = (side(rgb.size.width)?, side(rgb.size.height)?);
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(&rgb.bytes, width, height, ColorType::Rgb)?;
    Ok(jpeg)
}

/// Decodes a JPEG of unknown origin. Its size is read and bounded before memory is asked for.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::TooManyPixels`] and [`Error::Decode`].
pub fn decode(jpeg: &[u8]) -> Result<Rgb, Error> {
    if jpeg.len() > JPEG_BYTES {
        return Err(Error::TooLarge(jpeg.len()));
    }
    let mut reader = ImageReader::with_format(Cursor::new(jpeg), image::ImageFormat::Jpeg);
    // The size is judged below, with its own error; this is for what the decoder needs beside the picture.
    let mut limits = Limits::default();
    limits.max_alloc = Some(8 * JPEG_PIXELS);
    reader.limits(limits);
    let decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if width > JPEG_SIDE || height > JPEG_SIDE || u64::from(width) * u64::from(height) > JPEG_PIXELS {
        return Err(Error::TooManyPixels(width, height));
    }
    let bytes = image::DynamicImage::from_decoder(decoder)?.into_rgb8().into_raw();
    Ok(Rgb { size: Size::new(width, height), bytes })
}

/// A picture in red, green and blue, to draw on or to look at.
pub fn to_rgb(picture: &Picture, colour: Colour) -> Rgb {
    let Size { width, height } = picture.size();
    let (width, half) = (width as usize, width as usize / 2);
    let (y, u, v) = picture.planes();
    let Matrix { luma: (scale, offset), red, green, blue } = Matrix::of(colour);
    let mut bytes = vec![0; 3 * width * height as usize];
    let lumas = bytes.chunks_exact_mut(3 * 2 * width).zip(y.chunks_exact(2 * width));
    let chromas = u.chunks_exact(half).zip(v.chunks_exact(half));
    for ((to, y), (u, v)) in lumas.zip(chromas) {
        for (to, y) in to.chunks_exact_mut(3 * width).zip(y.chunks_exact(width)) {
            for ((to, y), (cb, cr)) in
                to.as_chunks_mut::<6>().0.iter_mut().zip(y.as_chunks::<2>().0).zip(u.iter().zip(v))
            {
                let (cb, cr) = (i32::from(*cb) - 128, i32::from(*cr) - 128);
                let tint = [red * cr, -green.0 * cb - green.1 * cr, blue * cb];
                for (to, y) in to.as_chunks_mut::<3>().0.iter_mut().zip(y) {
                    let luma = (i32::from(*y) - offset) * scale + 32_768;
                    for (to, tint) in to.iter_mut().zip(tint) {
                        *to = byte((luma + tint) >> 16);
                    }
                }
            }
        }
    }
    Rgb { size: picture.size(), bytes }
}

/// Red from Cr, green from Cb and Cr, blue from Cb, with luma's scale and offset; 16 bits of fraction.
struct Matrix {
    luma: (i32, i32),
    red: i32,
    green: (i32, i32),
    blue: i32,
}

impl Matrix {
    /// ITU-R BT.601-7 and BT.709-6; limited range stretches luma by 255/219 and chroma by 255/224.
    const fn of(colour: Colour) -> Self {
        match colour {
            Colour::Bt601Full => Self { luma: (65_536, 0), red: 91_881, green: (22_554, 46_802), blue: 116_130 },
            Colour::Bt601Limited => Self { luma: (76_309, 16), red: 104_597, green: (25_675, 53_279), blue: 132_201 },
            Colour::Bt709Full => Self { luma: (65_536, 0), red: 103_206, green: (12_276, 30_679), blue: 121_609 },
            Colour::Bt709Limited => Self { luma: (76_309, 16), red: 117_489, green: (13_975, 34_925), blue: 138_438 },
        }
    }
}

#[expect(clippy::cast_sign_loss, reason = "clamped to a byte")]
fn byte(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{Frame, Layout};

    const SIZE: Size = Size::new(96, 64);

    /// A gradient in every colour, as RGBA.
    fn gradient() -> Vec<u8> {
        let pixel = |at: u32| {
            let (x, y) = (at % 96, at / 96);
            [x * 2 + 20, y * 3 + 20, 220 - x - y, 255].map(|part| u8::try_from(part).unwrap())
        };
        (0..96 * 64).flat_map(pixel).collect()
    }

    fn jpeg() -> Vec<u8> {
        let (bytes, frame) = (gradient(), Frame::new(1, SIZE, Layout::Rgba { stride: 96 * 4 }));
        encode(View::contiguous(&bytes, &frame).unwrap(), Colour::Bt601Limited, 90).unwrap()
    }

    fn worst(rgb: &Rgb) -> u8 {
        let wanted = gradient();
        let pairs = rgb.bytes.as_chunks::<3>().0.iter().zip(wanted.as_chunks::<4>().0);
        pairs.flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b))).max().unwrap()
    }

    /// A frame's colours survive the way through YCbCr and JPEG; with another matrix they would not (the control).
    #[test]
    fn a_still_shows_the_frame_s_colours() {
        let rgb = decode(&jpeg()).unwrap();
        assert_eq!(rgb.size, SIZE);
        assert!(worst(&rgb) < 16, "off by {}", worst(&rgb));
        let mut picture = Picture::default();
        let (bytes, frame) = (gradient(), Frame::new(1, SIZE, Layout::Rgba { stride: 96 * 4 }));
        convert::to_i420(View::contiguous(&bytes, &frame).unwrap(), Scale::Full, &mut picture).unwrap();
        assert!(worst(&to_rgb(&picture, Colour::Bt601Limited)) < 6);
        for colour in [Colour::Bt601Full, Colour::Bt709Limited, Colour::Bt709Full] {
            assert!(worst(&to_rgb(&picture, colour)) > 12, "{colour:?} looks the same");
        }
    }

    /// Grey is grey and white is white in every colour.
    #[test]
    fn grey_stays_grey() {
        for (colour, black, white) in [
            (Colour::Bt601Limited, 16, 235),
            (Colour::Bt709Limited, 16, 235),
            (Colour::Bt601Full, 0, 255),
            (Colour::Bt709Full, 0, 255),
        ] {
            for (luma, shown) in [(black, 0), (white, 255)] {
                let mut picture = Picture::default();
                picture.reshape(Size::new(16, 16)).unwrap();
                let (y, u, v) = picture.planes_mut();
                y.fill(luma);
                u.fill(128);
                v.fill(128);
                assert!(to_rgb(&picture, colour).bytes.iter().all(|byte| *byte == shown), "{colour:?} {luma}");
            }
        }
    }

    /// A header that promises more pixels than anybody has is refused before memory is asked for.
    #[test]
    fn a_giant_in_a_few_bytes_is_refused() {
        let mut giant = jpeg();
        let frame_header = giant.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
        giant[frame_header + 5..frame_header + 9].copy_from_slice(&[0x7f, 0xff, 0x7f, 0xff]);
        let Err(error) = decode(&giant) else { panic!("a giant was decoded") };
        assert!(matches!(error, Error::TooManyPixels(0x7fff, 0x7fff) | Error::Decode(_)), "{error}");
        assert!(matches!(decode(&vec![0; JPEG_BYTES + 1]), Err(Error::TooLarge(_))));
        assert!(matches!(decode(b"GIF89a"), Err(Error::Decode(_))));
    }

    proptest! {
        /// No damage to a JPEG makes the decoder panic or give another number of bytes than its size says.
        #[test]
        fn a_damaged_jpeg_is_harmless(at in 0usize..4000, value: u8, cut in 0usize..4000) {
            let mut damaged = jpeg();
            let length = damaged.len();
            damaged[at % length] = value;
            for jpeg in [&damaged[..], &damaged[..cut % length]] {
                if let Ok(Rgb { size, bytes }) = decode(jpeg) {
                    prop_assert_eq!(bytes.len(), 3 * size.width as usize * size.height as usize);
                }
            }
        }
    }
}
