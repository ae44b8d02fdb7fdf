//! A grey picture as the camera gives it: the Y plane of most phones' frames.

use crate::Error;

/// Width and height of a frame at least, pixels: below it there is nothing to track.
pub(crate) const SIDE_MIN: usize = 64;
/// Width and height of a frame at most, pixels.
pub(crate) const SIDE_MAX: usize = 4096;

/// A borrowed grey picture: 8 bits a pixel, row by row from the top, `stride` bytes from one row to the next.
#[derive(Clone, Copy)]
pub struct GreyFrame<'a> {
    pixels: &'a [u8],
    width: usize,
    height: usize,
    stride: usize,
}

impl<'a> GreyFrame<'a> {
    /// Looks at `pixels` as a picture.
    ///
    /// # Errors
    /// [`Error::Frame`] when a side is not 64 to 4096 pixels, the stride shorter than a row or longer than
    /// four, or the bytes fewer than the rows need.
    pub fn new(pixels: &'a [u8], width: usize, height: usize, stride: usize) -> Result<Self, Error> {
        let sides = SIDE_MIN..=SIDE_MAX;
        let fits = sides.contains(&width) && sides.contains(&height) && (width..=4 * SIDE_MAX).contains(&stride);
        if fits && pixels.len() >= stride * (height - 1) + width {
            Ok(Self { pixels, width, height, stride })
        } else {
            Err(Error::Frame)
        }
    }

    /// Pixels across.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels down.
    pub fn height(&self) -> usize {
        self.height
    }

    /// One row of pixels; empty beyond the last.
    pub(crate) fn row(&self, y: usize) -> &'a [u8] {
        let start = y * self.stride;
        self.pixels.get(start..start + self.width).unwrap_or_default()
    }
}

impl std::fmt::Debug for GreyFrame<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GreyFrame({}×{} …)", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that do not hold the picture are refused before one is read.
    #[test]
    fn a_frame_holds_its_rows() {
        let bytes = vec![0; 70 * 64];
        assert!(GreyFrame::new(&bytes, 64, 64, 70).is_ok());
        assert!(GreyFrame::new(&bytes[..70 * 63 + 64], 64, 64, 70).is_ok(), "the last row needs no padding");
        assert!(GreyFrame::new(&bytes[..70 * 63 + 63], 64, 64, 70).is_err());
        assert!(GreyFrame::new(&bytes, 64, 64, 63).is_err());
        assert!(GreyFrame::new(&bytes, 10, 10, 10).is_err());
        assert!(GreyFrame::new(&bytes, usize::MAX, 64, usize::MAX).is_err());
    }
}
