//! Where the camera is.

use glam::{DQuat, DVec3};

use crate::Error;

/// Position (metres) and orientation of the camera in the world, right-handed: `world = orientation × camera + position`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// The pinhole, in metres.
    pub position: DVec3,
    /// Camera to world, unit length.
    pub orientation: DQuat,
}

impl Pose {
    /// A pose from outside.
    ///
    /// # Errors
    /// [`Error::Pose`] when a number is not finite or the orientation is not within 1 % of unit length.
    pub fn new(position: DVec3, orientation: DQuat) -> Result<Self, Error> {
        if position.is_finite() && (orientation.length() - 1.0).abs() < 0.01 {
            Ok(Self { position, orientation: orientation.normalize() })
        } else {
            Err(Error::Pose)
        }
    }

    /// From camera space to the world.
    pub fn to_world(&self, point: DVec3) -> DVec3 {
        self.orientation * point + self.position
    }

    /// From the world to camera space.
    pub fn to_camera(&self, point: DVec3) -> DVec3 {
        self.orientation.inverse() * (point - self.position)
    }

    /// The pose a part `t` of the way to `other`; beyond 0 to 1 it goes on at the same pace. Position on a straight line,
    /// orientation on the shortest arc (Shoemake 1985), with `libm`'s sine so that every target has the same bits.
    pub fn toward(&self, other: &Self, t: f64) -> Self {
        let mut end = other.orientation;
        let mut cosine = self.orientation.dot(end);
        if cosine < 0.0 {
            (end, cosine) = (-end, -cosine);
        }
        let (from, to) = if cosine > 0.999_999 {
            (1.0 - t, t)
        } else {
            let angle = libm::acos(cosine.min(1.0));
            let whole = libm::sin(angle);
            (libm::sin((1.0 - t) * angle) / whole, libm::sin(t * angle) / whole)
        };
        Self {
            position: self.position + (other.position - self.position) * t,
            orientation: (self.orientation * from + end * to).normalize(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pose() -> impl Strategy<Value = Pose> {
        let number = -1.0..1.0;
        ([number.clone(), number.clone(), number.clone()], [number.clone(), number.clone(), number, 0.1..1.0])
            .prop_map(|(p, q)| Pose { position: p.into(), orientation: DQuat::from_array(q).normalize() })
    }

    proptest! {
        /// To the world and back is where it was.
        #[test]
        fn a_point_survives_the_round_trip(pose in pose(), x in -5.0..5.0, y in -5.0..5.0, z in -5.0..5.0) {
            let point = DVec3::new(x, y, z);
            prop_assert!(pose.to_camera(pose.to_world(point)).distance(point) < 1e-12);
        }

        /// Half way there and half way again from the other end is the same pose, and the ends are the ends.
        #[test]
        fn half_way_is_half_way_from_both_ends(a in pose(), b in pose()) {
            let same = |p: Pose, q: Pose| {
                p.position.distance(q.position) < 1e-9 && p.orientation.dot(q.orientation).abs() > 1.0 - 1e-9
            };
            prop_assume!(a.orientation.dot(b.orientation).abs() > 1e-3);
            prop_assert!(same(a.toward(&b, 0.5), b.toward(&a, 0.5)));
            prop_assert!(same(a.toward(&b, 0.0), a));
            prop_assert!(same(a.toward(&b, 1.0), b));
        }
    }

    /// A third of the way along a turn is a third of the angle, which a mere blend of the numbers would miss.
    #[test]
    fn a_turn_has_constant_speed() {
        let turned = |angle: f64| Pose {
            position: DVec3::ZERO,
            orientation: DQuat::from_xyzw(0.0, libm::sin(angle / 2.0), 0.0, libm::cos(angle / 2.0)),
        };
        let third = turned(0.0).toward(&turned(1.5), 1.0 / 3.0);
        assert!(third.orientation.dot(turned(0.5).orientation) > 1.0 - 1e-12);
        assert!(Pose::new(DVec3::ZERO, DQuat::from_xyzw(0.0, 0.0, 0.0, 0.5)).is_err());
        assert!(Pose::new(DVec3::splat(f64::NAN), DQuat::IDENTITY).is_err());
    }
}
