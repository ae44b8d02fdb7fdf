//! Where a piece of the world is in the picture, and how well that is known.

use glam::{DVec2, DVec3};

use crate::hit_test::Source;
use crate::tracker::Homography;
use crate::{Hit, Intrinsics, Plane, Pose, Ray};

/// 95 % of a round normal distribution in the plane lies within this many standard deviations (√(−2 ln 0.05)).
pub(crate) const WITHIN_95: f64 = 2.447_746_830_680_816;

/// How much a platform's poses shake. The default is what the console's demo assumes as well: 2 mm and 0.05° rms a sample.
/// Visual-inertial phones are measured at a few mm and a few hundredths of a degree over a second; see ADVIO (Cortés et
/// al., ECCV 2018) for ARKit and ARCore on paths, where slow drift of about 1 % of the way comes on top.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoseNoise {
    /// Standard deviation of the position on each axis, metres.
    pub position_m: f64,
    /// Standard deviation of the orientation about each axis, radians.
    pub angle_rad: f64,
}

impl Default for PoseNoise {
    fn default() -> Self {
        Self { position_m: 0.002, angle_rad: 0.05 / 180.0 * std::f64::consts::PI }
    }
}

/// A small flat piece of the world that a mark lies on, fixed when the mark was drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surface {
    /// A point of it, metres.
    pub point: DVec3,
    /// Its normal, unit length.
    pub normal: DVec3,
    /// Standard deviation of its distance from where it was first seen, metres.
    pub deviation_m: f64,
    /// Where it was first seen from, and through which lens.
    pub seen_from: Pose,
    /// That lens, at the size of the picture it was seen in.
    pub seen_by: Intrinsics,
    /// How its distance became known.
    pub source: Source,
}

impl Surface {
    /// What a hit lies on.
    pub fn of(hit: &Hit, seen_from: Pose, seen_by: Intrinsics) -> Self {
        let Hit { point, normal, deviation_m, source } = *hit;
        Self { point, normal, deviation_m, seen_from, seen_by, source }
    }

    /// The homography from the picture it was first seen in to the picture of another pose, by four rays on its plane.
    /// `None` when it is seen from behind or edge-on.
    pub fn homography(&self, camera: &Intrinsics, pose: &Pose) -> Option<Homography> {
        let around = self.seen_by.project(self.seen_from.to_camera(self.point))?;
        let reach = self.seen_by.size.max_element() * 0.1;
        let mut pairs = [(DVec2::ZERO, DVec2::ZERO); 4];
        for (pair, corner) in pairs.iter_mut().zip([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]) {
            let pixel = around + DVec2::from(corner) * reach;
            let ray = Ray::through(pixel, &self.seen_by, &self.seen_from);
            let toward = ray.direction.dot(self.normal);
            let distance = (self.point - ray.origin).dot(self.normal) / toward;
            if !(distance > 0.01 && toward.abs() > 0.05) {
                return None;
            }
            *pair = (pixel, camera.project(pose.to_camera(ray.at(distance)))?);
        }
        Homography::through(&pairs)
    }

    /// Standard deviation on each axis, in pixels, of where a point of it is drawn at another pose: the poses' shake, then
    /// and now, and the doubt about its distance, which shows as far as the camera has moved aside.
    pub fn deviation_px(&self, camera: &Intrinsics, pose: &Pose, noise: PoseNoise) -> f64 {
        let focal = camera.focal.max_element();
        let distance = self.point.distance(pose.position).max(0.05);
        let shake_m = noise.position_m / distance;
        let shake = 2.0 * (shake_m * shake_m + noise.angle_rad * noise.angle_rad);
        let ray = (self.point - self.seen_from.position).normalize_or_zero();
        let now = (self.point - pose.position) / distance;
        let aside = (ray - now * ray.dot(now)).length();
        let depth = aside * self.deviation_m / distance;
        focal * libm::sqrt(shake + depth * depth / 2.0)
    }

    /// The same place on a plane the platform found since, if that is surer than what was known. An anchor only upgrades;
    /// and once its distance was more than a guess, a plane that contradicts it (by three standard deviations) is another
    /// thing before or behind it.
    pub fn upgraded(&self, plane: &Plane) -> Option<Self> {
        let along = (self.point - self.seen_from.position).try_normalize()?;
        let ray = Ray { origin: self.seen_from.position, direction: along };
        let point = ray.at(plane.distance_along(&ray)?);
        let deviation_m = plane.deviation_m() / along.dot(plane.normal()).abs();
        let apart = point.distance(self.point);
        let agrees = self.source == Source::Distance || apart <= 3.0 * libm::hypot(deviation_m, self.deviation_m);
        (agrees && plane.outside(point) == 0.0 && deviation_m < 0.7 * self.deviation_m).then_some(Self {
            point,
            normal: plane.normal(),
            deviation_m,
            source: Source::Plane,
            ..*self
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DQuat;
    use proptest::prelude::*;

    fn camera() -> Intrinsics {
        Intrinsics::new(DVec2::splat(500.0), DVec2::new(320.0, 180.0), DVec2::new(640.0, 360.0)).expect("valid")
    }

    proptest! {
        /// Any point of the plane, not only the four that made the homography, is drawn where it is seen, also through
        /// another lens than before.
        #[test]
        fn a_surface_moves_as_its_points_do(x in 100.0..540.0, y in 60.0..300.0, turn in -0.3..0.3, step in -0.3..0.3, zoom in 0.4..2.5) {
            let lens = Intrinsics { focal: camera().focal * zoom, ..camera() };
            let first = Pose { position: DVec3::ZERO, orientation: DQuat::IDENTITY };
            let orientation = DQuat::from_xyzw(libm::sin(turn / 2.0), 0.0, 0.0, libm::cos(turn / 2.0));
            let then = Pose { position: DVec3::new(step, 0.1, 0.05), orientation };
            let normal = DVec3::new(0.2, 0.3, 1.0).normalize();
            let hit = Hit { point: DVec3::new(0.1, 0.05, -1.0), normal, deviation_m: 0.01, source: Source::Plane };
            let surface = Surface::of(&hit, first, camera());
            let map = surface.homography(&lens, &then).expect("seen from its front");
            let pixel = DVec2::new(x, y);
            let ray = Ray::through(pixel, &camera(), &first);
            let point = ray.at((hit.point - ray.origin).dot(normal) / ray.direction.dot(normal));
            let truth = lens.project(then.to_camera(point)).expect("in front");
            prop_assert!(map.apply(pixel).expect("in front").distance(truth) < 1e-6);
        }
    }

    /// Doubt about depth shows only when the camera moves aside, and grows with it.
    #[test]
    fn doubt_grows_with_the_move() {
        let at = |x: f64| Pose { position: DVec3::new(x, 0.0, 0.0), orientation: DQuat::IDENTITY };
        let hit = Hit { point: DVec3::NEG_Z, normal: DVec3::Z, deviation_m: 0.3, source: Source::Distance };
        let surface = Surface::of(&hit, at(0.0), camera());
        let px = |x: f64| surface.deviation_px(&camera(), &at(x), PoseNoise::default());
        assert!(px(0.0) < 1.7 && px(0.05) > 3.0 && px(0.2) > 2.0 * px(0.05));
        let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(x, y)| DVec3::new(x, y, -1.2));
        let plane = Plane::new(corners[0], DVec3::Z, &corners, 0.005).expect("a polygon");
        let better = surface.upgraded(&plane).expect("surer");
        assert!((better.point.z + 1.2).abs() < 1e-9);
        assert_eq!(better.upgraded(&plane), None, "an anchor only upgrades");
    }
}
