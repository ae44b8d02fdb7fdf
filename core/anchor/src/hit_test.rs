//! Which point of the world is under a pixel.
//!
//! Every way of knowing gives a candidate with the standard deviation of its distance; the one whose picture would move
//! least from where it should be when the camera moves wins.

use glam::{DVec2, DVec3};

use crate::{Intrinsics, Plane, Pose, Ray};

/// How a hit was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A plane inside its outline.
    Plane,
    /// A plane beyond its outline: the table probably goes on.
    EstimatedPlane,
    /// Views from several places.
    Views,
    /// Nothing but a direction; the distance is a guess.
    Distance,
}

/// A point of the world under a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Where, metres.
    pub point: DVec3,
    /// The surface there, unit length, toward the camera.
    pub normal: DVec3,
    /// Standard deviation of its distance from the camera, metres.
    pub deviation_m: f64,
    /// How it was found.
    pub source: Source,
}

/// How much farther off a plane is with every metre beyond its outline.
const SLOPE_BEYOND: f64 = 0.15;
/// Standard deviation of a guessed distance, as a part of it.
const GUESS: f64 = 0.4;
/// The move that candidates are judged by, as a part of the distance: a step aside that turns the view by 14°.
const STEP: f64 = 0.25;

impl Hit {
    /// Standard deviation, in pixels, of where the point would be drawn after the camera moved aside by a quarter of its
    /// distance. A point that is off by Δ in depth moves by focal × (step / distance) × (Δ / distance).
    pub fn reprojection_px(&self, camera: &Intrinsics, pose: &Pose) -> f64 {
        let distance = self.point.distance(pose.position).max(0.05);
        camera.focal.max_element() * STEP * self.deviation_m / distance
    }
}

/// The best hit under a pixel. `distance_m` is what to fall back to: how far things usually are (0.6 m in a hand), or how
/// far the last hit was.
pub fn hit_test(pixel: DVec2, camera: &Intrinsics, pose: &Pose, planes: &[Plane], distance_m: f64) -> Hit {
    let ray = Ray::through(pixel, camera, pose);
    let guess = Hit {
        point: ray.at(distance_m),
        normal: pose.orientation * DVec3::Z,
        deviation_m: GUESS * distance_m,
        source: Source::Distance,
    };
    let mut best = guess;
    for plane in planes {
        let Some(distance) = plane.distance_along(&ray) else { continue };
        let point = ray.at(distance);
        let outside = plane.outside(point);
        let slant = ray.direction.dot(plane.normal()).abs();
        let hit = Hit {
            point,
            normal: if ray.direction.dot(plane.normal()) < 0.0 { plane.normal() } else { -plane.normal() },
            deviation_m: (plane.deviation_m() + SLOPE_BEYOND * outside) / slant,
            source: if outside == 0.0 { Source::Plane } else { Source::EstimatedPlane },
        };
        // Of two planes inside whose outlines a ray passes, it sees the nearer one.
        let (near, sure) = (distance < best.point.distance(pose.position), hit.source == Source::Plane);
        let wins = match (sure, best.source == Source::Plane) {
            (true, true) => near,
            (true, false) | (false, false) => hit.reprojection_px(camera, pose) < best.reprojection_px(camera, pose),
            (false, true) => false,
        };
        if wins {
            best = hit;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DQuat;
    use proptest::prelude::*;

    fn camera() -> Intrinsics {
        Intrinsics::new(DVec2::splat(500.0), DVec2::new(320.0, 180.0), DVec2::new(640.0, 360.0)).expect("valid")
    }

    fn wall(z: f64, half: f64) -> Plane {
        let corners =
            [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(x, y)| DVec3::new(x * half, y * half, z));
        Plane::new(DVec3::new(0.0, 0.0, z), DVec3::Z, &corners, 0.005).expect("a polygon")
    }

    proptest! {
        /// A hit is drawn at the pixel that was asked for, whichever way it was found.
        #[test]
        fn a_hit_lands_on_its_pixel(x in 0.0..640.0, y in 0.0..360.0, turn in -0.6..0.6, half in 0.1..2.0) {
            let orientation = DQuat::from_xyzw(0.0, libm::sin(turn / 2.0), 0.0, libm::cos(turn / 2.0));
            let pose = Pose { position: DVec3::new(0.1, -0.05, 0.0), orientation };
            let hit = hit_test(DVec2::new(x, y), &camera(), &pose, &[wall(-1.0, half)], 0.6);
            let seen = camera().project(pose.to_camera(hit.point)).expect("in front");
            prop_assert!(seen.distance(DVec2::new(x, y)) < 1e-6, "{hit:?}");
        }
    }

    /// Of two planes the nearer one is seen; beside both, the one that surely is not far; with none, a guess that says so.
    #[test]
    fn the_least_doubtful_candidate_wins() {
        let pose = Pose { position: DVec3::ZERO, orientation: DQuat::IDENTITY };
        let (near, far) = (wall(-1.0, 0.1), wall(-2.0, 3.0));
        let hit = |x: f64, planes: &[Plane]| hit_test(DVec2::new(x, 180.0), &camera(), &pose, planes, 0.6);
        let both = [far, near.clone()];
        assert!((hit(320.0, &both).point.z + 1.0).abs() < 1e-9);
        assert!((hit(500.0, &both).point.z + 2.0).abs() < 1e-9);
        assert_eq!(hit(500.0, &[near]).source, Source::EstimatedPlane);
        assert_eq!(hit(500.0, &[]).source, Source::Distance);
        assert!(
            hit(500.0, &[]).reprojection_px(&camera(), &pose)
                > 20.0 * hit(500.0, &both).reprojection_px(&camera(), &pose)
        );
    }
}
