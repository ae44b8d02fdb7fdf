//! The pinhole: between directions in the camera and pixels of its picture.

use glam::{DVec2, DVec3};

use crate::Error;

/// A pinhole camera. Pixels: origin top left, y down, the centre of the first pixel at (0.5, 0.5). Camera space: metres,
/// right-handed, x right, y up, looking along −Z, as in ARKit and ARCore.
///
/// Lens distortion is taken out before (ARKit and ARCore give pictures that are close enough to a pinhole).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intrinsics {
    /// Focal length across and down, in pixels.
    pub focal: DVec2,
    /// Where the optical axis meets the picture, in pixels.
    pub centre: DVec2,
    /// Width and height of the picture these numbers are for, in pixels.
    pub size: DVec2,
}

impl Intrinsics {
    /// Intrinsics for a picture of `size` pixels.
    ///
    /// # Errors
    /// [`Error::Intrinsics`] when a number is not finite, or a focal length or size not positive.
    pub fn new(focal: DVec2, centre: DVec2, size: DVec2) -> Result<Self, Error> {
        let finite = focal.is_finite() && centre.is_finite() && size.is_finite();
        if finite && focal.min_element() > 0.0 && size.min_element() > 0.0 {
            Ok(Self { focal, centre, size })
        } else {
            Err(Error::Intrinsics)
        }
    }

    /// The same camera with its picture scaled to `size`.
    pub fn scaled_to(&self, size: DVec2) -> Self {
        let by = size / self.size;
        Self { focal: self.focal * by, centre: self.centre * by, size }
    }

    /// The pixel where a point in camera space is seen; `None` when it is not at least a millimetre in front.
    pub fn project(&self, point: DVec3) -> Option<DVec2> {
        let depth = -point.z;
        (depth > 1e-3).then(|| self.centre + self.focal * DVec2::new(point.x, -point.y) / depth)
    }

    /// The unit direction in camera space that is seen at a pixel.
    pub fn direction(&self, pixel: DVec2) -> DVec3 {
        let at = (pixel - self.centre) / self.focal;
        DVec3::new(at.x, -at.y, -1.0).normalize()
    }

    /// Whether it is this lens but for what focusing does to it: a fiftieth of its focal length and of the picture's sides.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let near = |a: DVec2, b: DVec2, by: DVec2| (a - b).abs().cmple(by / 50.0).all();
        self.size == other.size
            && near(self.focal, other.focal, self.focal)
            && near(self.centre, other.centre, self.size)
    }

    /// Whether a pixel lies in the picture.
    pub fn sees(&self, pixel: DVec2) -> bool {
        pixel.cmpge(DVec2::ZERO).all() && pixel.cmple(self.size).all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A pixel's direction is seen at that pixel, at any distance and any scale of the picture.
        #[test]
        fn a_pixel_survives_the_round_trip(x in 0.0..640.0, y in 0.0..360.0, distance in 0.05..20.0, scale in 0.2..4.0) {
            let camera = Intrinsics::new(DVec2::splat(500.0), DVec2::new(322.0, 177.0), DVec2::new(640.0, 360.0))?;
            let pixel = DVec2::new(x, y);
            let seen = camera.project(camera.direction(pixel) * distance).expect("in front");
            prop_assert!(seen.distance(pixel) < 1e-9);
            let other = camera.scaled_to(camera.size * scale);
            let seen = other.project(camera.direction(pixel) * distance).expect("in front");
            prop_assert!(seen.distance(pixel * scale) < 1e-8);
        }
    }

    /// Up in the world is up in the picture, and what is behind is not seen.
    #[test]
    fn the_axes_are_those_of_arkit() {
        let camera =
            Intrinsics::new(DVec2::splat(500.0), DVec2::new(320.0, 180.0), DVec2::new(640.0, 360.0)).expect("valid");
        assert_eq!(camera.project(DVec3::new(0.1, 0.1, -1.0)), Some(DVec2::new(370.0, 130.0)));
        assert_eq!(camera.project(DVec3::new(0.0, 0.0, 1.0)), None);
        assert_eq!(Intrinsics::new(DVec2::splat(f64::NAN), DVec2::ZERO, DVec2::ONE), Err(Error::Intrinsics));
    }
}
