//! Where a place on the print is seen: homographies between texels, metres and pixels.

use glam::{DMat3, DVec2, DVec3};
use handlens_protocol::pose::Intrinsics;

use super::motion::Stand;
use crate::frame::Size;

/// 65° across, as a phone's main camera; its axis is not quite in the middle.
pub(super) fn lens(size: Size) -> Intrinsics {
    let size = DVec2::new(f64::from(size.width), f64::from(size.height));
    let unit = size.x / 640.0;
    let centre = size / 2.0 + DVec2::new(3.0, -2.0) * unit;
    Intrinsics { focal: [502.0 * unit; 2], centre: centre.to_array(), size: size.to_array() }
}

/// From metres on the plane z = 0 (x, y, 1) to pixels; the third number is the depth, positive in front.
pub(super) fn from_plane(lens: &Intrinsics, stand: Stand) -> DMat3 {
    let to_camera = stand.orientation.inverse();
    let (x, y, origin) = (to_camera * DVec3::X, to_camera * DVec3::Y, to_camera * -stand.position);
    // Camera space has y up and looks along −z; pixels have y down, and depth is positive.
    let pinhole = DMat3::from_cols(
        DVec3::new(lens.focal[0], 0.0, 0.0),
        DVec3::new(0.0, -lens.focal[1], 0.0),
        DVec3::new(-lens.centre[0], -lens.centre[1], -1.0),
    );
    pinhole * DMat3::from_cols(x, y, origin)
}

/// From (0 to 1, 0 to 1) over a rectangle of `size` metres round the origin, y down, to metres, y up.
pub(super) fn onto_plane(size: DVec2) -> DMat3 {
    DMat3::from_cols(
        DVec3::new(size.x, 0.0, 0.0),
        DVec3::new(0.0, -size.y, 0.0),
        DVec3::new(-size.x / 2.0, size.y / 2.0, 1.0),
    )
}

/// From pixels to (0 to 1, 0 to 1) over the picture.
pub(super) fn normalised(lens: &Intrinsics) -> DMat3 {
    DMat3::from_diagonal(DVec3::new(1.0 / lens.size[0], 1.0 / lens.size[1], 1.0))
}

/// Row by row, as it is written.
pub(super) fn rows(matrix: DMat3) -> [f64; 9] {
    matrix.transpose().to_cols_array()
}

/// Where a homography takes a point; `None` when that is behind the camera.
pub(super) fn apply(matrix: DMat3, at: DVec2) -> Option<DVec2> {
    let to = matrix * at.extend(1.0);
    (to.z > 1e-6).then(|| to.truncate() / to.z)
}
