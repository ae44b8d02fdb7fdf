//! What is known of the world: the camera, its poses, the platform's planes; and a mark's place in it.

use std::collections::VecDeque;

use glam::DVec2;

use crate::projection::WITHIN_95;
use crate::tracker::Homography;
use crate::{Intrinsics, Plane, Pose, PoseHistory, PoseNoise, Ray, Source, Surface, hit_test, nearest_point};

/// Distance to a thing somebody points a phone at when nothing is known, metres.
const ARM: f64 = 0.6;
/// Views of a mark that are kept to find its distance.
const VIEWS: usize = 16;
/// A view counts when the camera has moved by this part of the distance since the last.
const MOVED: f64 = 0.03;
/// Lenses that are remembered.
const LENSES: usize = 8;
/// Sides of pictures of one camera may differ so much in proportion, from rounding.
const SAME_SHAPE: f64 = 1.02;
/// How fast the correction of poses by the picture follows, a part each frame.
const FOLLOW: f64 = 0.1;

/// The camera and what is around it. Empty until the shell tells.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) cameras: Cameras,
    pub(crate) poses: PoseHistory,
    pub(crate) planes: Vec<Plane>,
    pub(crate) noise: PoseNoise,
}

impl World {
    /// Camera, at working size, and pose of a frame.
    pub(crate) fn view(&self, capture_us: u64, size: DVec2) -> Option<View> {
        let pose = self.poses.at(capture_us).ok()?;
        Some(View { camera: self.cameras.at(capture_us, size)?, pose, noise: self.noise })
    }

    /// What a pixel of a frame lies on.
    pub(crate) fn place(&self, pixel: DVec2, view: &View) -> WorldAnchor {
        let hit = hit_test(pixel, &view.camera, &view.pose, &self.planes, ARM);
        WorldAnchor {
            pixel,
            surface: Surface::of(&hit, view.pose, view.camera),
            correction: DVec2::ZERO,
            size: view.camera.size,
            corrected: 0,
            rays: Vec::new(),
        }
    }
}

/// Lenses by the time from which they hold.
#[derive(Default)]
pub(crate) struct Cameras(VecDeque<(u64, Intrinsics)>);

impl Cameras {
    /// The lens of the frames after `newest_us`. One that differs as little as focusing makes it takes the place of the last.
    pub(crate) fn set(&mut self, newest_us: Option<u64>, camera: Intrinsics) {
        let from_us = match newest_us {
            Some(newest_us) if !self.0.is_empty() => newest_us.saturating_add(1),
            _ => 0,
        };
        match self.0.back_mut() {
            Some((since_us, last)) if *since_us == from_us || last.is_like(&camera) => *last = camera,
            _ => self.0.push_back((from_us, camera)),
        }
        if self.0.len() > LENSES {
            self.0.pop_front();
        }
    }

    /// The lens of a frame at `size`; `None` when it is for pictures of another shape, as before a turn of the phone.
    fn at(&self, capture_us: u64, size: DVec2) -> Option<Intrinsics> {
        let (_, camera) = self.0.iter().rev().find(|(from_us, _)| *from_us <= capture_us)?;
        let by = size / camera.size;
        (by.max_element() < SAME_SHAPE * by.min_element()).then(|| camera.scaled_to(size))
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
    /// Sides of the picture it was learnt in.
    size: DVec2,
    /// Frames that have gone into it.
    corrected: u32,
    rays: Vec<Ray>,
}

impl WorldAnchor {
    /// Key frame to a view by pose alone, corrected by what the picture taught.
    pub(crate) fn map(&self, view: &View) -> Option<Homography> {
        let correction = if self.size == view.camera.size { self.correction } else { DVec2::ZERO };
        Homography::shift(correction).after(&self.surface.homography(&view.camera, &view.pose)?)
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
        if self.size != view.camera.size {
            self.size = view.camera.size;
            self.forget();
        }
        if let Some(by_pose) = posed.apply(self.pixel) {
            self.corrected += 1;
            let part = FOLLOW.max(1.0 / f64::from(self.corrected));
            self.correction += (at - by_pose - self.correction) * part;
        }
        self.triangulate(view, at);
        // Of several the nearest is seen, as in `hit_test`.
        let away = |surface: &Surface| surface.point.distance(surface.seen_from.position);
        let better = planes.iter().filter_map(|plane| self.surface.upgraded(plane));
        if let Some(better) = better.min_by(|a, b| away(a).total_cmp(&away(b))) {
            self.set(better);
        }
    }

    /// Finds the distance from the views so far, if that is surer than what is known.
    fn triangulate(&mut self, view: &View, at: DVec2) {
        let distance = self.surface.point.distance(view.pose.position);
        let moved = |ray: &Ray| ray.origin.distance(view.pose.position) > MOVED * distance;
        if self.rays.is_empty() {
            self.rays.push(Ray::through(self.pixel, &self.surface.seen_by, &self.surface.seen_from));
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
            self.set(Surface { point, deviation_m, source: Source::Views, ..self.surface });
        }
    }

    fn set(&mut self, surface: Surface) {
        self.surface = surface;
        self.forget();
    }

    /// What was learnt of the old place, or of the old picture, says nothing of the new.
    fn forget(&mut self) {
        self.correction = DVec2::ZERO;
        self.corrected = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::{DQuat, DVec3};

    fn lens(focal: f64, size: DVec2) -> Intrinsics {
        Intrinsics::new(DVec2::splat(focal), size / 2.0, size).expect("valid")
    }

    /// A frame was seen through the lens of its time, and none says anything of a picture of another shape.
    #[test]
    fn every_frame_has_the_lens_of_its_time() {
        let (wide, tall) = (DVec2::new(640.0, 360.0), DVec2::new(360.0, 640.0));
        let mut cameras = Cameras::default();
        assert_eq!(cameras.at(5, wide), None);
        cameras.set(Some(10), lens(500.0, wide));
        assert_eq!(cameras.at(5, wide), Some(lens(500.0, wide)), "the first holds for what was before it too");
        cameras.set(Some(20), lens(504.0, wide));
        assert_eq!(cameras.0.len(), 1, "focusing is no other lens");
        cameras.set(Some(30), lens(260.0, wide));
        assert_eq!(cameras.at(30, wide), Some(lens(504.0, wide)));
        assert_eq!(cameras.at(31, wide), Some(lens(260.0, wide)));
        assert_eq!(cameras.at(31, wide * 2.0), Some(lens(520.0, wide * 2.0)));
        cameras.set(Some(40), lens(260.0, tall));
        assert_eq!((cameras.at(41, wide), cameras.at(31, tall)), (None, None));
        for us in 50..80 {
            cameras.set(Some(us), lens(if us % 2 == 0 { 260.0 } else { 500.0 }, wide));
        }
        assert_eq!(cameras.0.len(), LENSES);
    }

    /// Of two planes a later look offers, the nearer one is seen; and a plane that contradicts what views have shown is not it.
    #[test]
    fn an_anchor_moves_to_the_plane_it_is_on() {
        let size = DVec2::new(640.0, 360.0);
        let at = |x: f64| Pose { position: DVec3::new(x, 0.0, 0.0), orientation: DQuat::IDENTITY };
        let view = |x: f64| View { camera: lens(500.0, size), pose: at(x), noise: PoseNoise::default() };
        let wall = |z: f64| {
            let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(x, y)| DVec3::new(x, y, z));
            Plane::new(DVec3::new(0.0, 0.0, z), DVec3::Z, &corners, 0.001).expect("a polygon")
        };
        let place = || World::default().place(size / 2.0, &view(0.0));
        let mut anchor = place();
        anchor.learn(&view(0.0), &Homography::IDENTITY, &[wall(-2.0), wall(-0.9)]);
        assert!((anchor.surface.point.z + 0.9).abs() < 1e-9, "{:?}", anchor.surface);

        // The thing is 1 m away: that is what views from the side say, and no plane half a metre behind it changes that.
        let mut anchor = place();
        for step in 1..12 {
            let x = 0.05 * f64::from(step);
            anchor.learn(&view(x), &Homography::shift(DVec2::new(-500.0 * x, 0.0)), &[]);
        }
        assert_eq!(anchor.surface.source, Source::Views);
        assert!((anchor.surface.point.z + 1.0).abs() < 0.02, "{:?}", anchor.surface);
        anchor.learn(&view(0.1), &Homography::shift(DVec2::new(-50.0, 0.0)), &[wall(-1.5)]);
        assert_eq!(anchor.surface.source, Source::Views);
        anchor.learn(&view(0.1), &Homography::shift(DVec2::new(-50.0, 0.0)), &[wall(-1.5), wall(-1.002)]);
        assert_eq!(anchor.surface.source, Source::Plane);
        assert!((anchor.surface.point.z + 1.002).abs() < 1e-9, "{:?}", anchor.surface);
    }
}
