//! Planes that the platform found: a table, a wall, a floor.

use glam::{DVec2, DVec3};

use crate::{Error, Ray};

/// Corners of a plane's outline, at most.
pub(crate) const CORNERS: usize = 128;

/// A flat piece of the world with an outline, metres.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    origin: DVec3,
    axes: [DVec3; 2],
    normal: DVec3,
    outline: Vec<DVec2>,
    deviation_m: f64,
}

impl Plane {
    /// A plane through `origin` with a normal and an outline of corners in the world, in order round it; corners a little
    /// off the plane are moved onto it. `deviation_m` is how far off it is thought to be: 5 mm for a plane that ARKit or
    /// ARCore has grown for a while.
    ///
    /// # Errors
    /// [`Error::Plane`] with fewer than 3 or more than 128 corners, a number that is none, or no area.
    pub fn new(origin: DVec3, normal: DVec3, corners: &[DVec3], deviation_m: f64) -> Result<Self, Error> {
        let finite = origin.is_finite() && normal.is_finite() && corners.iter().all(|c| c.is_finite());
        if !finite || !(3..=CORNERS).contains(&corners.len()) || !(0.0..=1.0).contains(&deviation_m) {
            return Err(Error::Plane);
        }
        let normal = normal.try_normalize().ok_or(Error::Plane)?;
        let (u, v) = normal.any_orthonormal_pair();
        let outline: Vec<DVec2> =
            corners.iter().map(|c| DVec2::new((*c - origin).dot(u), (*c - origin).dot(v))).collect();
        if doubled_area(&outline).abs() < 1e-6 {
            return Err(Error::Plane);
        }
        Ok(Self { origin, axes: [u, v], normal, outline, deviation_m })
    }

    /// Unit normal.
    pub fn normal(&self) -> DVec3 {
        self.normal
    }

    /// How far off the plane is thought to be, metres.
    pub fn deviation_m(&self) -> f64 {
        self.deviation_m
    }

    /// How far along a ray it meets the endless plane, metres; `None` when it is within 3° of parallel, or behind.
    pub fn distance_along(&self, ray: &Ray) -> Option<f64> {
        let toward = ray.direction.dot(self.normal);
        let distance = (self.origin - ray.origin).dot(self.normal) / toward;
        (toward.abs() > 0.052 && distance > 0.01).then_some(distance)
    }

    /// How far outside its outline a point on the plane lies, metres; 0 inside.
    pub fn outside(&self, point: DVec3) -> f64 {
        let at = DVec2::new((point - self.origin).dot(self.axes[0]), (point - self.origin).dot(self.axes[1]));
        let mut inside = false;
        let mut nearest = f64::INFINITY;
        for (index, &a) in self.outline.iter().enumerate() {
            let b = self.outline[(index + 1) % self.outline.len()];
            if (a.y > at.y) != (b.y > at.y) && at.x < a.x + (b.x - a.x) * (at.y - a.y) / (b.y - a.y) {
                inside = !inside;
            }
            let side = b - a;
            let along = ((at - a).dot(side) / side.length_squared().max(1e-12)).clamp(0.0, 1.0);
            nearest = nearest.min(at.distance(a + side * along));
        }
        if inside { 0.0 } else { nearest }
    }
}

fn doubled_area(outline: &[DVec2]) -> f64 {
    let next = outline.iter().cycle().skip(1);
    outline.iter().zip(next).map(|(a, b)| a.perp_dot(*b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An L-shaped table: inside is inside, the missing corner is not, and the distance to it is right.
    #[test]
    fn the_outline_counts() {
        let corner = |x: f64, z: f64| DVec3::new(x, 0.0, z);
        let corners = [
            corner(0.0, 0.0),
            corner(2.0, 0.0),
            corner(2.0, 1.0),
            corner(1.0, 1.0),
            corner(1.0, 2.0),
            corner(0.0, 2.0),
        ];
        let table = Plane::new(DVec3::ZERO, DVec3::Y, &corners, 0.005).expect("a polygon");
        assert_eq!(table.outside(corner(0.5, 1.5)), 0.0);
        assert!((table.outside(corner(1.25, 1.5)) - 0.25).abs() < 1e-12);
        let down = Ray { origin: DVec3::new(0.5, 1.0, 0.5), direction: DVec3::NEG_Y };
        assert_eq!(table.distance_along(&down), Some(1.0));
        assert_eq!(table.distance_along(&Ray { direction: DVec3::X, ..down }), None);
        assert_eq!(table.distance_along(&Ray { direction: DVec3::Y, ..down }), None);
        assert_eq!(Plane::new(DVec3::ZERO, DVec3::Y, &corners[..2], 0.005), Err(Error::Plane));
        assert_eq!(Plane::new(DVec3::ZERO, DVec3::Y, &[corners[0]; 3], 0.005), Err(Error::Plane));
    }
}
