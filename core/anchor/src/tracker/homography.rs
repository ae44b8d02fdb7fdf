//! How a plane's picture moves from one frame to another.

use glam::{DMat2, DMat3, DVec2, DVec3};

use super::solve::{self, SIDE};

/// A projective map of the picture plane, pixels to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homography(DMat3);

impl Homography {
    /// Nothing moves.
    pub const IDENTITY: Self = Self(DMat3::IDENTITY);

    /// A map from its matrix; `None` when a number is none or the matrix turns or flattens the picture's plane.
    pub fn from_matrix(matrix: DMat3) -> Option<Self> {
        let scale = matrix.z_axis.z;
        if !matrix.is_finite() || scale.abs() < 1e-12 {
            return None;
        }
        let matrix = matrix * (1.0 / scale);
        (matrix.determinant() > 1e-9).then_some(Self(matrix))
    }

    /// A shift.
    pub fn shift(by: DVec2) -> Self {
        Self(DMat3::from_translation(by))
    }

    /// The matrix, with 1 in its last place.
    pub fn matrix(&self) -> DMat3 {
        self.0
    }

    /// Where a pixel goes; `None` beyond the horizon.
    pub fn apply(&self, at: DVec2) -> Option<DVec2> {
        let to = self.0 * DVec3::new(at.x, at.y, 1.0);
        (to.z > 1e-6).then(|| DVec2::new(to.x, to.y) / to.z)
    }

    /// First `first`, then this.
    pub fn after(&self, first: &Self) -> Option<Self> {
        Self::from_matrix(self.0 * first.0)
    }

    /// The way back; `None` when the map is so ill-conditioned that the way back would not be one.
    pub fn inverse(&self) -> Option<Self> {
        Self::from_matrix(self.0.inverse())
    }

    /// The same map in normalised coordinates: from a picture of the size `from` to one of the size `to`.
    pub fn normalised(&self, from: DVec2, to: DVec2) -> Option<Self> {
        let enter = DMat3::from_diagonal(from.extend(1.0));
        let leave = DMat3::from_diagonal((DVec2::ONE / to).extend(1.0));
        Self::from_matrix(leave * self.0 * enter)
    }

    /// How a small square at a pixel is sheared, turned and scaled; `None` beyond the horizon.
    pub fn slope(&self, at: DVec2) -> Option<DMat2> {
        let to = self.apply(at)?;
        let (m, w) = (self.0, self.0.x_axis.z * at.x + self.0.y_axis.z * at.y + self.0.z_axis.z);
        Some(DMat2::from_cols(
            DVec2::new(m.x_axis.x - m.x_axis.z * to.x, m.x_axis.y - m.x_axis.z * to.y) / w,
            DVec2::new(m.y_axis.x - m.y_axis.z * to.x, m.y_axis.y - m.y_axis.z * to.y) / w,
        ))
    }

    /// Side of a small square at a pixel after the map, before it 1; `None` when it is turned over or beyond the horizon.
    pub fn scale(&self, at: DVec2) -> Option<f64> {
        let area = self.slope(at)?.determinant();
        (area > 0.0).then(|| libm::sqrt(area))
    }

    /// The map that takes the first of each pair nearest to the second, in the sense of least squares of the algebraic error
    /// in centred and scaled coordinates (Hartley 1997); exact for four. `None` with fewer than four pairs, or when they
    /// lie on a line.
    pub fn through(pairs: &[(DVec2, DVec2)]) -> Option<Self> {
        if pairs.len() < 4 {
            return None;
        }
        let (from, to) = (Frame::of(pairs.iter().map(|p| p.0))?, Frame::of(pairs.iter().map(|p| p.1))?);
        let (mut normal, mut right) = ([[0.0; SIDE]; SIDE], [0.0; SIDE]);
        for (a, b) in pairs {
            let (p, q) = (from.inside(*a), to.inside(*b));
            let rows = [
                ([p.x, p.y, 1.0, 0.0, 0.0, 0.0, -q.x * p.x, -q.x * p.y], q.x),
                ([0.0, 0.0, 0.0, p.x, p.y, 1.0, -q.y * p.x, -q.y * p.y], q.y),
            ];
            for (row, value) in rows {
                for i in 0..8 {
                    right[i] += row[i] * value;
                    for j in 0..8 {
                        normal[i][j] += row[i] * row[j];
                    }
                }
            }
        }
        let h = solve::product(&solve::inverse(&normal, 8)?, &right, 8);
        let inner = DMat3::from_cols_array(&[h[0], h[3], h[6], h[1], h[4], h[7], h[2], h[5], 1.0]);
        Self::from_matrix(to.outward() * inner * from.inward())
    }

    /// The turn, scale and shift that takes the first of each pair nearest to the second. `None` with fewer than two pairs, or
    /// when they are one point.
    pub fn similarity(pairs: &[(DVec2, DVec2)]) -> Option<Self> {
        let (from, to) = (Frame::of(pairs.iter().map(|p| p.0))?, Frame::of(pairs.iter().map(|p| p.1))?);
        let (mut along, mut across, mut size) = (0.0, 0.0, 0.0);
        for (a, b) in pairs {
            let (p, q) = (*a - from.middle, *b - to.middle);
            along += p.dot(q);
            across += p.perp_dot(q);
            size += p.length_squared();
        }
        let (c, s) = (along / size, across / size);
        let shift =
            to.middle - DVec2::new(c * from.middle.x - s * from.middle.y, s * from.middle.x + c * from.middle.y);
        Self::from_matrix(DMat3::from_cols_array(&[c, s, 0.0, -s, c, 0.0, shift.x, shift.y, 1.0]))
    }
}

/// Coordinates in which points lie about one unit from the middle.
struct Frame {
    middle: DVec2,
    reach: f64,
}

impl Frame {
    fn of(points: impl ExactSizeIterator<Item = DVec2> + Clone) -> Option<Self> {
        let count = points.len() as f64;
        let middle = points.clone().sum::<DVec2>() / count;
        let reach = points.map(|p| p.distance(middle)).sum::<f64>() / count;
        (reach > 1e-9 && reach.is_finite()).then_some(Self { middle, reach })
    }

    fn inside(&self, at: DVec2) -> DVec2 {
        (at - self.middle) / self.reach
    }

    fn inward(&self) -> DMat3 {
        let by = 1.0 / self.reach;
        DMat3::from_cols_array(&[by, 0.0, 0.0, 0.0, by, 0.0, -self.middle.x * by, -self.middle.y * by, 1.0])
    }

    fn outward(&self) -> DMat3 {
        DMat3::from_cols_array(&[self.reach, 0.0, 0.0, 0.0, self.reach, 0.0, self.middle.x, self.middle.y, 1.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Homographies of a hand-held camera: some shift, turn, scale, shear and perspective.
    fn homography() -> impl Strategy<Value = Homography> {
        let small = -0.2..0.2;
        ([small.clone(), small.clone(), small.clone(), small], [-80.0..80.0, -80.0..80.0], [-3e-4..3e-4, -3e-4..3e-4])
            .prop_map(|(l, t, p): ([f64; 4], [f64; 2], [f64; 2])| {
                let columns = [1.0 + l[0], l[1], p[0], l[2], 1.0 + l[3], p[1], t[0], t[1], 1.0];
                Homography::from_matrix(DMat3::from_cols_array(&columns)).expect("sane")
            })
    }

    proptest! {
        /// There and back is where it was; one after the other is both.
        #[test]
        fn maps_compose_and_invert(a in homography(), b in homography(), x in 0.0..640.0, y in 0.0..360.0) {
            let at = DVec2::new(x, y);
            let there = a.apply(at).expect("in front");
            let back = a.inverse().and_then(|i| i.apply(there)).expect("invertible");
            prop_assert!(back.distance(at) < 1e-7);
            if let (Some(twice), Some(both)) = (b.apply(there), b.after(&a).and_then(|ba| ba.apply(at))) {
                prop_assert!(twice.distance(both) < 1e-7);
            }
        }

        /// Pairs made by a map give it back, and its slope is what a small step shows.
        #[test]
        fn pairs_give_the_map_back(truth in homography(), x in 0.0..640.0, y in 0.0..360.0) {
            let corners = [(0.0, 0.0), (640.0, 0.0), (640.0, 360.0), (0.0, 360.0), (300.0, 100.0), (200.0, 250.0)];
            let pairs: Vec<_> = corners.map(DVec2::from).iter().map(|c| (*c, truth.apply(*c).expect("in front"))).collect();
            let at = DVec2::new(x, y);
            for known in [&pairs[..4], &pairs[..]] {
                let found = Homography::through(known).expect("four corners");
                prop_assert!(found.apply(at).expect("in front").distance(truth.apply(at).expect("in front")) < 1e-6);
            }
            let step = DVec2::new(1e-4, -2e-4);
            let moved = truth.apply(at + step).expect("in front") - truth.apply(at).expect("in front");
            prop_assert!((truth.slope(at).expect("in front") * step).distance(moved) < 1e-7);
        }

        /// A turn, scale and shift is found from two points.
        #[test]
        fn two_pairs_give_a_similarity(angle in -3.0..3.0, scale in 0.3..3.0, x in -99.0..99.0, y in -99.0..99.0) {
            let turn = DMat2::from_cols_array(&[libm::cos(angle), libm::sin(angle), -libm::sin(angle), libm::cos(angle)]);
            let go = |p: DVec2| turn * p * scale + DVec2::new(x, y);
            let (a, b, c) = (DVec2::new(10.0, 20.0), DVec2::new(200.0, 90.0), DVec2::new(-50.0, 400.0));
            let found = Homography::similarity(&[(a, go(a)), (b, go(b))]).expect("two points");
            prop_assert!(found.apply(c).expect("in front").distance(go(c)) < 1e-7);
        }
    }

    /// What is no map of a plane is refused.
    #[test]
    fn degenerate_maps_are_refused() {
        let line: Vec<_> = (0..6).map(|i| (DVec2::splat(f64::from(i)), DVec2::splat(f64::from(2 * i)))).collect();
        assert_eq!(Homography::through(&line), None);
        assert_eq!(Homography::through(&line[..3]), None);
        assert_eq!(Homography::similarity(&[(DVec2::ZERO, DVec2::ONE); 3]), None);
        assert_eq!(Homography::from_matrix(DMat3::from_diagonal(DVec3::new(-1.0, 1.0, 1.0))), None);
        assert_eq!(Homography::from_matrix(DMat3::from_diagonal(DVec3::new(f64::NAN, 1.0, 1.0))), None);
    }
}
