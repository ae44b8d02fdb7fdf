//! Rays from the camera into the world.

use glam::{DMat3, DVec2, DVec3};

use crate::{Intrinsics, Pose};

/// A half line in the world, metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ray {
    /// Where it begins: the pinhole.
    pub origin: DVec3,
    /// Where it goes, unit length.
    pub direction: DVec3,
}

impl Ray {
    /// The ray through a pixel.
    pub fn through(pixel: DVec2, camera: &Intrinsics, pose: &Pose) -> Self {
        Self { origin: pose.position, direction: pose.orientation * camera.direction(pixel) }
    }

    /// The point `distance` metres along.
    pub fn at(&self, distance: f64) -> DVec3 {
        self.origin + self.direction * distance
    }
}

/// The point nearest to all rays in the sense of least squares, and the standard deviation, in metres, of its depth along
/// the first ray if each ray misses the truth by `miss_m`. `None` when they are all but parallel, or when it lies behind.
///
/// Sum over rays of (I − d dᵀ)(p − o) = 0; see Hartley & Zisserman, *Multiple View Geometry*, 12.
pub fn nearest_point(rays: &[Ray], miss_m: f64) -> Option<(DVec3, f64)> {
    let first = rays.first()?;
    let (mut normal, mut right) = (DMat3::ZERO, DVec3::ZERO);
    for ray in rays {
        let d = ray.direction;
        let across = DMat3::IDENTITY - DMat3::from_cols(d * d.x, d * d.y, d * d.z);
        normal += across;
        right += across * ray.origin;
    }
    let weight = 1.0 / rays.len() as f64;
    if (normal * weight).determinant() < 1e-7 {
        return None;
    }
    let inverse = normal.inverse();
    let point = inverse * right;
    let ahead = rays.iter().all(|ray| (point - ray.origin).dot(ray.direction) > 0.01);
    let variance = first.direction.dot(inverse * first.direction) * miss_m * miss_m;
    ahead.then(|| (point, libm::sqrt(variance)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DQuat;
    use proptest::prelude::*;

    proptest! {
        /// Rays from several places through the pixels where a point is seen meet in that point.
        #[test]
        fn rays_meet_where_they_look(x in -0.3..0.3, y in -0.2..0.2, z in -1.5..-0.4) {
            let camera = Intrinsics::new(DVec2::splat(500.0), DVec2::new(320.0, 180.0), DVec2::new(640.0, 360.0))?;
            let point = DVec3::new(x, y, z);
            let rays: Vec<Ray> = [0.0, 0.05, 0.1, 0.2]
                .map(|step| Pose { position: DVec3::new(step, -step, 0.0), orientation: DQuat::IDENTITY })
                .iter()
                .map(|pose| Ray::through(camera.project(pose.to_camera(point)).expect("in front"), &camera, pose))
                .collect();
            let (met, deviation) = nearest_point(&rays, 0.001).expect("they meet");
            prop_assert!(met.distance(point) < 1e-9);
            prop_assert!(deviation > 0.0 && deviation < 0.1);
        }
    }

    /// From one place there is no depth.
    #[test]
    fn parallel_rays_do_not_meet() {
        let ray = Ray { origin: DVec3::ZERO, direction: DVec3::NEG_Z };
        assert_eq!(nearest_point(&[ray, ray], 0.001), None);
        assert_eq!(nearest_point(&[], 0.001), None);
    }
}
