//! Where a lost mark is announced: at the picture's edge, in the direction where it was last known to be.

use glam::DVec2;
use handlens_protocol::mark::{Ghost, Point};

/// Distance of a ghost from the edge, as a part of the picture's shorter side.
const INSET: f64 = 0.05;

/// The ghost of a mark that is thought to be at `at` (pixels of a picture of `size`, maybe far outside; `None` when not
/// even that is known). Inside the picture it stays where it was last seen and points nowhere.
pub(crate) fn ghost(at: Option<DVec2>, size: DVec2) -> Ghost {
    let inset = DVec2::splat(INSET * size.min_element());
    let (middle, half) = (size / 2.0, size / 2.0 - inset);
    let Some(at) = at.filter(|at| at.is_finite()) else {
        return Ghost { at: normalised(DVec2::new(middle.x, size.y - inset.y), size), direction: None };
    };
    let away = at - middle;
    let beyond = (away.abs() / half).max_element();
    if beyond <= 1.0 {
        return Ghost { at: normalised(at, size), direction: None };
    }
    #[expect(clippy::cast_possible_truncation, reason = "an angle")]
    let direction = libm::atan2(away.y, away.x) as f32;
    Ghost { at: normalised(middle + away / beyond, size), direction: Some(direction) }
}

#[expect(clippy::cast_possible_truncation, reason = "0 to 1, on the wire as f32")]
fn normalised(at: DVec2, size: DVec2) -> Point {
    let at = at / size;
    Point { x: at.x as f32, y: at.y as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZE: DVec2 = DVec2::new(640.0, 360.0);

    proptest! {
        /// A ghost is inside the picture, on the line from its middle to the mark, and points along it.
        #[test]
        fn a_ghost_points_at_its_mark(x in -1e5..1e5, y in -1e5..1e5) {
            let ghost = ghost(Some(DVec2::new(x, y)), SIZE);
            prop_assert!((0.0..=1.0).contains(&ghost.at.x) && (0.0..=1.0).contains(&ghost.at.y));
            if let Some(direction) = ghost.direction {
                let away = DVec2::new(x, y) - SIZE / 2.0;
                let shown = DVec2::new(f64::from(ghost.at.x), f64::from(ghost.at.y)) * SIZE - SIZE / 2.0;
                prop_assert!(shown.perp_dot(away).abs() < 1e-4 * away.length() * shown.length());
                let (sine, cosine) = libm::sincos(f64::from(direction));
                prop_assert!(DVec2::new(cosine, sine).dot(away) > 0.999 * away.length());
            }
        }
    }

    /// A mark that is hidden, not away, stays where it was; one that nobody knows anything of is said at the bottom.
    #[test]
    fn a_hidden_mark_stays() {
        let hidden = ghost(Some(DVec2::new(320.0, 90.0)), SIZE);
        assert_eq!(hidden, Ghost { at: Point { x: 0.5, y: 0.25 }, direction: None });
        assert_eq!(ghost(None, SIZE).direction, None);
        assert!(ghost(Some(DVec2::splat(f64::NAN)), SIZE).at.y > 0.9);
    }
}
