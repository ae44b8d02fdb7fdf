//! A grey picture at working size and its halves.

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of a picture at most 640 wide")]

use glam::DVec2;
use image::GrayImage;

use crate::GreyFrame;

/// Levels of a pyramid: the picture, and three times half of it.
pub(crate) const LEVELS: usize = 4;
/// The picture is made smaller by a whole number until it is at most this wide and high.
const WORKING: usize = 640;

/// A picture and its halves. Everything in the tracker is in pixels of level 0, whose sides are [`Pyramid::size`].
pub(crate) struct Pyramid {
    levels: Vec<GrayImage>,
}

impl Pyramid {
    pub(crate) fn of(frame: &GreyFrame<'_>) -> Self {
        let by = frame.width().max(frame.height()).div_ceil(WORKING);
        let (width, height) = (frame.width() / by, frame.height() / by);
        let mut pixels = Vec::with_capacity(width * height);
        let mut sums = vec![0_u32; width];
        for y in 0..height {
            if by == 1 {
                pixels.extend_from_slice(frame.row(y));
                continue;
            }
            sums.fill(0);
            for row in 0..by {
                for (sum, block) in sums.iter_mut().zip(frame.row(y * by + row).chunks_exact(by)) {
                    *sum += block.iter().map(|p| u32::from(*p)).sum::<u32>();
                }
            }
            let count = (by * by) as u32;
            pixels.extend(sums.iter().map(|sum| ((sum + count / 2) / count) as u8));
        }
        Self::from_image(&GrayImage::from_raw(width as u32, height as u32, pixels).unwrap_or_default())
    }

    pub(crate) fn from_image(image: &GrayImage) -> Self {
        Self { levels: optical_flow_lk::build_pyramid(image, LEVELS) }
    }

    /// The picture itself.
    pub(crate) fn image(&self) -> &GrayImage {
        &self.levels[0]
    }

    /// Width and height of level 0, pixels.
    pub(crate) fn size(&self) -> DVec2 {
        DVec2::new(f64::from(self.levels[0].width()), f64::from(self.levels[0].height()))
    }

    /// One level for sampling; the coarsest there is beyond it.
    pub(crate) fn level(&self, level: usize) -> Level<'_> {
        let level = level.min(self.levels.len() - 1);
        let image = &self.levels[level];
        Level {
            pixels: image.as_raw(),
            width: image.width() as usize,
            height: image.height() as usize,
            by: 1.0 / f64::from(1_u32 << level),
        }
    }
}

/// A level of a pyramid, asked in pixels of level 0.
#[derive(Clone, Copy)]
pub(crate) struct Level<'a> {
    pixels: &'a [u8],
    pub(crate) width: usize,
    pub(crate) height: usize,
    by: f64,
}

impl Level<'_> {
    /// The grey level at a place, bilinear between pixel centres; `None` outside them.
    #[inline]
    pub(crate) fn sample(&self, x: f64, y: f64) -> Option<f64> {
        let (x, y) = (x * self.by - 0.5, y * self.by - 0.5);
        if !(x >= 0.0 && y >= 0.0) {
            return None;
        }
        let (column, row) = (x as usize, y as usize);
        if column + 1 >= self.width || row + 1 >= self.height {
            return None;
        }
        let (right, down) = (x - column as f64, y - row as f64);
        let start = row * self.width + column;
        let (upper, lower) = (&self.pixels[start..start + 2], &self.pixels[start + self.width..start + self.width + 2]);
        let above = f64::from(upper[0]) + (f64::from(upper[1]) - f64::from(upper[0])) * right;
        let below = f64::from(lower[0]) + (f64::from(lower[1]) - f64::from(lower[0])) * right;
        Some(above + (below - above) * down)
    }

    /// A pixel of the level by its index; `None` outside.
    #[inline]
    pub(crate) fn grey(&self, column: i32, row: i32) -> Option<u8> {
        let (column, row) = (usize::try_from(column).ok()?, usize::try_from(row).ok()?);
        if column >= self.width { None } else { self.pixels.get(row * self.width + column).copied() }
    }

    /// A pixel of the level by its index; the caller stays inside.
    pub(crate) fn pixel(&self, column: usize, row: usize) -> f64 {
        f64::from(self.pixels[row * self.width + column])
    }

    /// Where the centre of a pixel of this level is in level 0.
    pub(crate) fn centre(&self, column: usize, row: usize) -> DVec2 {
        DVec2::new(column as f64 + 0.5, row as f64 + 0.5) / self.by
    }

    /// The pixel of this level that a place of level 0 falls into; negative outside.
    pub(crate) fn index(&self, at: DVec2) -> (i32, i32) {
        (libm::floor(at.x * self.by) as i32, libm::floor(at.y * self.by) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slope has the same grey at the same place on every level, whatever the size the camera gave.
    #[test]
    fn levels_agree_on_where_things_are() {
        for (width, height) in [(640, 360), (1280, 720), (360, 640)] {
            let row: Vec<u8> = (0..width).map(|x| (x * 255 / width) as u8).collect();
            let bytes = row.repeat(height);
            let pyramid = Pyramid::of(&GreyFrame::new(&bytes, width, height, width).expect("a frame"));
            assert!(pyramid.size().max_element() <= 640.0);
            for level in 0..LEVELS {
                for part in [0.2, 0.5, 0.8] {
                    let at = pyramid.size() * part;
                    let grey = pyramid.level(level).sample(at.x, at.y).expect("inside");
                    assert!((grey - 255.0 * part).abs() < 2.5, "{width} {level} {part} {grey}");
                }
            }
            assert_eq!(pyramid.level(0).sample(0.4, 5.0), None);
            assert_eq!(pyramid.level(0).sample(f64::NAN, 5.0), None);
            assert_eq!(pyramid.level(2).sample(1e9, 5.0), None);
        }
    }
}
