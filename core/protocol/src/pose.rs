//! What a phone says of where it is: its lens, its place and turn in the world, and the flat things it has found there.
//!
//! Plain numbers, and whether they can be true; what follows from them is `handlens-anchor`'s.
//!
//! ```text
//!        y up                world: metres, right-handed, fixed while a session lasts; where it begins is the platform's choice
//!        │  ╱ −z, ahead      camera: x right, y up, it looks along −z (as ARKit and ARCore have it)
//!        │ ╱                 world = orientation × camera + position
//!        └───── x right      picture: pixels, (0, 0) its top left corner, pixel centres at +0.5
//! ```

use serde::{Deserialize, Serialize};

/// Corners of a plane's outline, at most.
pub const CORNERS: usize = 128;
/// Metres from where the world begins, at most: 100 km, more than anybody walks in a session.
pub const REACH_M: f64 = 100_000.0;

/// Why a record cannot be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A position that is no number or beyond [`REACH_M`], or an orientation not within 1 % of unit length.
    #[error("a pose is a place within 100 km and a rotation of unit length")]
    Pose,
    /// Focal length, centre or size that no lens has.
    #[error("a lens has a positive focal length and a picture with an inside")]
    Intrinsics,
    /// Not a polygon with a direction.
    #[error("a plane has a normal of unit length and 3 to {CORNERS} corners")]
    Plane,
}

/// Where a camera is and how it is turned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pose {
    /// The pinhole in the world: x, y, z, metres.
    pub position: [f64; 3],
    /// Camera to world, a unit quaternion x, y, z, w.
    pub orientation: [f64; 4],
}

impl Pose {
    /// Whether it can be true.
    ///
    /// # Errors
    /// [`Invalid::Pose`].
    pub fn check(&self) -> Result<(), Invalid> {
        (placed(&self.position) && unit(&self.orientation)).then_some(()).ok_or(Invalid::Pose)
    }
}

/// A pose and its time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// When the camera was there, µs on the clock of the frames' capture times. Poses come more often than frames (60 a
    /// second) and not at the same moments.
    pub capture_us: u64,
    /// Where it was.
    pub pose: Pose,
}

/// A pinhole, for a picture of a certain size. Lens distortion is taken out before, or small enough.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intrinsics {
    /// Focal length across and down, pixels, above 0.
    pub focal: [f64; 2],
    /// Where the optical axis meets the picture, pixels from its left and its top.
    pub centre: [f64; 2],
    /// Width and height of the picture that these numbers are for, pixels, above 0.
    pub size: [f64; 2],
}

impl Intrinsics {
    /// Whether a lens can be so.
    ///
    /// # Errors
    /// [`Invalid::Intrinsics`].
    pub fn check(&self) -> Result<(), Invalid> {
        let positive = |pair: &[f64; 2]| pair.iter().all(|v| v.is_finite() && *v > 0.0);
        let possible = positive(&self.focal) && positive(&self.size) && self.centre.iter().all(|v| v.is_finite());
        possible.then_some(()).ok_or(Invalid::Intrinsics)
    }
}

/// Something flat that the platform found: a table, a wall, the floor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plane {
    /// A point on it, metres in the world.
    pub centre: [f64; 3],
    /// Away from the thing, toward where one looks from; unit length.
    pub normal: [f64; 3],
    /// Its outline in the world, metres, in order round it: 3 to [`CORNERS`] corners.
    pub polygon: Vec<[f64; 3]>,
}

impl Plane {
    /// Whether it can be a plane.
    ///
    /// # Errors
    /// [`Invalid::Plane`].
    pub fn check(&self) -> Result<(), Invalid> {
        let outline = (3..=CORNERS).contains(&self.polygon.len()) && self.polygon.iter().all(placed);
        (outline && placed(&self.centre) && unit(&self.normal)).then_some(()).ok_or(Invalid::Plane)
    }
}

fn placed(at: &[f64; 3]) -> bool {
    at.iter().all(|v| v.abs() <= REACH_M)
}

/// 1 % is far more than rounding in 32 bits, and still a direction.
fn unit(parts: &[f64]) -> bool {
    (0.98..=1.02).contains(&parts.iter().map(|v| v * v).sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record has one JSON form, and what is not part of it is refused.
    #[test]
    fn a_pose_has_one_json_form() {
        let pose = Pose { position: [0.5, 0.0, -1.0], orientation: [0.0, 0.0, 0.0, 1.0] };
        let sample = Sample { capture_us: 7, pose };
        let text = r#"{"capture_us":7,"pose":{"position":[0.5,0.0,-1.0],"orientation":[0.0,0.0,0.0,1.0]}}"#;
        assert_eq!(serde_json::to_string(&sample).expect("serialises"), text);
        assert_eq!(serde_json::from_str::<Sample>(text).expect("reads back"), sample);
        assert!(serde_json::from_str::<Pose>(r#"{"position":[0,0,0],"orientation":[0,0,0,1],"x":1}"#).is_err());
    }

    /// What cannot be true is refused: no number, too far away, no rotation, no lens, no polygon.
    #[test]
    fn what_cannot_be_is_refused() {
        let pose = Pose { position: [0.0; 3], orientation: [0.0, 0.6, 0.0, 0.8] };
        assert_eq!(pose.check(), Ok(()));
        for position in [[f64::NAN, 0.0, 0.0], [0.0, f64::INFINITY, 0.0], [0.0, 0.0, -1e6]] {
            assert_eq!(Pose { position, ..pose }.check(), Err(Invalid::Pose));
        }
        for orientation in [[0.0; 4], [0.0, 0.0, 0.0, f64::NAN], [0.0, 0.6, 0.0, 0.9]] {
            assert_eq!(Pose { orientation, ..pose }.check(), Err(Invalid::Pose));
        }
        let lens = Intrinsics { focal: [500.0; 2], centre: [320.0, 180.0], size: [640.0, 360.0] };
        assert_eq!(lens.check(), Ok(()));
        assert_eq!(Intrinsics { focal: [0.0, 500.0], ..lens }.check(), Err(Invalid::Intrinsics));
        assert_eq!(Intrinsics { centre: [f64::NAN; 2], ..lens }.check(), Err(Invalid::Intrinsics));
        let corners = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        let plane = Plane { centre: [0.2, 0.2, 0.0], normal: [0.0, 0.0, 1.0], polygon: corners.to_vec() };
        assert_eq!(plane.check(), Ok(()));
        assert_eq!(Plane { polygon: corners[..2].to_vec(), ..plane }.check(), Err(Invalid::Plane));
        assert_eq!(Plane { polygon: vec![[0.0; 3]; CORNERS + 1], ..plane }.check(), Err(Invalid::Plane));
        assert_eq!(Plane { normal: [0.0; 3], ..plane }.check(), Err(Invalid::Plane));
    }
}
