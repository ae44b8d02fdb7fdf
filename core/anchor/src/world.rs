//! What is known of the world: the camera, its poses, the platform's planes; and a mark's place in it.

use glam::DVec2;

use crate::projection::WITHIN_95;
use crate::tracker::Homography;
use crate::{Intrinsics, Plane, Pose, PoseHistory, PoseNoise, Ray, Surface, hit_test, nearest_point};

/// Distance to a thing somebody points a phone at when nothing is known, metres.
const ARM: f64 = 0.6;
/// Views of a mark that are kept to find its distance.
const VIEWS: usize = 16;
/// A view counts when the camera has moved by this part of the distance since the last.
const MOVED: f64 = 0.03;
/// How fast the correction of poses by the picture follows, a part each frame.
const FOLLOW: f64 = 0.1;

/// The camera and what is around it. Empty until the shell tells.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) camera: Option<Intrinsics>,
    pub(crate) poses: PoseHistory,
    pub(crate) planes: Vec<Plane>,
    pub(crate) noise: PoseNoise,
}

impl World {
    /// Camera, at working size, and pose of a frame.
    pub(crate) fn view(&self, capture_us: u64, size: DVec2) -> Option<View> {
        let pose = self.poses.at(capture_us).ok()?;
        Some(View { camera: self.camera?.scaled_to(size), pose, noise: self.noise })
    }

    /// What a pixel of a frame lies on.
    pub(crate) fn place(&self, pixel: DVec2, view: &View) -> WorldAnchor {
        let hit = hit_test(pixel, &view.camera, &view.pose, &self.planes, ARM);
        WorldAnchor {
            pixel,
            surface: Surface::of(&hit, view.pose),
            correction: DVec2::ZERO,
            corrected: 0,
            rays: Vec::new(),
        }
    }
}

/// A camera at a pose.
#[derive(Clone, Copy)]
pub(crate) struct View {
    pub(crate) camera: Intrinsics,
    pub(crate) pose: Pose,
    pub(crate) noise: PoseNoise,
}

/// A mark's place in the world.
pub(crate) struct WorldAnchor {
    /// The mark's middle in its key frame.
    pixel: DVec2,
    surface: Surface,
    /// What the picture says less what the pose says, smoothed: drift of the poses, and the error of the first one.
    correction: DVec2,
    /// Frames that have gone into it.
    corrected: u32,
    rays: Vec<Ray>,
}

impl WorldAnchor {
    /// Key frame to a view by pose alone, corrected by what the picture taught.
    pub(crate) fn map(&self, view: &View) -> Option<Homography> {
        Homography::shift(self.correction).after(&self.surface.homography(&view.camera, &view.pose)?)
    }

    /// Half width of the 95 % error of that, pixels.
    pub(crate) fn error_95(&self, view: &View) -> f64 {
        WITHIN_95 * self.surface.deviation_px(&view.camera, &view.pose, view.noise)
    }

    /// Learns from a frame in which the picture was held at `seen`.
    pub(crate) fn learn(&mut self, view: &View, seen: &Homography, planes: &[Plane]) {
        let (Some(at), Some(posed)) = (seen.apply(self.pixel), self.surface.homography(&view.camera, &view.pose))
        else {
            return;
        };
        if let Some(by_pose) = posed.apply(self.pixel) {
            self.corrected += 1;
            let part = FOLLOW.max(1.0 / f64::from(self.corrected));
            self.correction += (at - by_pose - self.correction) * part;
        }
        self.triangulate(view, at);
        if let Some(better) = planes.iter().filter_map(|plane| self.surface.upgraded(plane)).next() {
            self.set(better);
        }
    }

    /// Finds the distance from the views so far, if that is surer than what is known.
    fn triangulate(&mut self, view: &View, at: DVec2) {
        let distance = self.surface.point.distance(view.pose.position);
        let moved = |ray: &Ray| ray.origin.distance(view.pose.position) > MOVED * distance;
        if self.rays.is_empty() {
            let first = &self.surface.seen_from;
            self.rays.push(Ray::through(self.pixel, &view.camera, first));
        }
        if self.rays.len() >= VIEWS || !self.rays.iter().all(moved) {
            return;
        }
        self.rays.push(Ray::through(at, &view.camera, &view.pose));
        let turned = view.noise.angle_rad * distance;
        let miss = libm::sqrt(view.noise.position_m * view.noise.position_m + turned * turned);
        if let Some((point, deviation_m)) = nearest_point(&self.rays, miss)
            && deviation_m < 0.7 * self.surface.deviation_m
        {
            let ray = self.rays[0];
            let point = ray.at((point - ray.origin).dot(ray.direction));
            self.set(Surface { point, deviation_m, ..self.surface });
        }
    }

    fn set(&mut self, surface: Surface) {
        self.surface = surface;
        self.correction = DVec2::ZERO;
        self.corrected = 0;
    }
}
