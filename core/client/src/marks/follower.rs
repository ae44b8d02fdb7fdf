//! One camera's marks: the set that is committed, held against what `Anchors` has.

use std::collections::HashSet;

use glam::{DQuat, DVec2, DVec3};
use handlens_anchor::{Anchors, GreyFrame, Intrinsics, Plane, Pose, PoseNoise};
use handlens_media::convert::Grey;
use handlens_media::frame::{Sight, TrackingState};
use handlens_protocol::mark::{Frame, Ghost, LostReason, Mark, MarkSet, Point, Position, State};
use handlens_protocol::{MarkId, ParticipantId, pose};

/// How far off a platform's plane is thought to be, metres: one that ARKit or ARCore has grown for a while.
const PLANE_M: f64 = 0.005;
/// A frame that is not known so long after it was taken never will be, µs.
const LATE_US: u64 = 500_000;
/// What is said of the place of a mark that was never found, pixels of a picture 640 wide.
const NOWHERE_PX: f32 = 999.0;
/// Nothing moved.
const IDENTITY: [f32; 9] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];

/// Follows the marks that are on this camera's pictures.
#[derive(Default)]
pub(super) struct Follower {
    anchors: Anchors,
    camera: Option<pose::Intrinsics>,
    /// Every mark on this camera, in the order they were committed.
    marks: Vec<Mark>,
    /// Those that `anchors` follows.
    placed: HashSet<MarkId>,
    /// Those whose frame may yet be seen.
    waiting: HashSet<MarkId>,
    held: Vec<u64>,
    newest_us: u64,
    /// There were marks in the last record: that there are none any more is said once.
    said: bool,
}

impl Follower {
    /// Whether frames are wanted whoever watches.
    pub(super) fn follows(&self) -> bool {
        !self.marks.is_empty() || !self.held.is_empty() || self.said
    }

    pub(super) fn poses(&mut self, samples: &[pose::Sample]) {
        for sample in samples {
            if let Some(pose) = pose_of(&sample.pose) {
                self.anchors.pose(sample.capture_us, pose);
            }
        }
    }

    pub(super) fn planes(&mut self, planes: &[pose::Plane]) {
        let planes = planes.iter().filter_map(|plane| {
            let corners: Vec<DVec3> = plane.polygon.iter().copied().map(DVec3::from_array).collect();
            let (centre, normal) = (DVec3::from_array(plane.centre), DVec3::from_array(plane.normal));
            Plane::new(centre, normal, &corners, PLANE_M).ok()
        });
        self.anchors.set_planes(planes.collect());
    }

    /// Looks at the next frame. Gives its capture time back, if it was one.
    pub(super) fn observe(&mut self, grey: &Grey, capture_us: u64, sight: Sight) -> Option<u64> {
        if sight.intrinsics != self.camera
            && let Some(lens) = sight.intrinsics.as_ref().and_then(lens_of)
        {
            self.camera = sight.intrinsics;
            self.anchors.set_camera(lens, PoseNoise::default());
        }
        let pose = match sight.tracking {
            TrackingState::Normal => sight.pose.as_ref().and_then(pose_of),
            // It may jump: the picture alone is surer.
            TrackingState::Limited | TrackingState::NotAvailable => None,
        };
        let (width, height) = (grey.size().width as usize, grey.size().height as usize);
        let frame = GreyFrame::new(grey.bytes(), width, height, width).ok()?;
        if let Err(error) = self.anchors.observe(frame, capture_us, pose) {
            tracing::debug!(%error, "a frame was not followed");
            return None;
        }
        self.newest_us = capture_us;
        for frame_us in self.held.iter().filter(|held| held.saturating_add(LATE_US) >= capture_us) {
            // Asked for before it was looked at. Others are held already, or refused for good.
            let _ = self.anchors.hold(*frame_us);
        }
        for mark in self.marks.iter().filter(|mark| self.waiting.contains(&mark.id)) {
            place(&mut self.anchors, mark, &mut self.placed);
        }
        let (placed, newest_us, marks) = (&self.placed, self.newest_us, &self.marks);
        self.waiting.retain(|id| {
            let late = |mark: &Mark| mark.capture_us.saturating_add(LATE_US) < newest_us;
            !placed.contains(id) && marks.iter().any(|mark| mark.id == *id && !late(mark))
        });
        Some(capture_us)
    }

    /// Makes the marks those of `set` that are on the camera of `me`.
    pub(super) fn set(&mut self, me: ParticipantId, set: &MarkSet) {
        let ours: Vec<Mark> = set.marks.iter().filter(|mark| mark.camera == me).cloned().collect();
        for gone in self.marks.iter().filter(|old| !ours.iter().any(|mark| mark.id == old.id)) {
            self.anchors.remove(gone.id);
            self.placed.remove(&gone.id);
            self.waiting.remove(&gone.id);
        }
        for mark in ours.iter().filter(|mark| !self.marks.iter().any(|old| old.id == mark.id)) {
            place(&mut self.anchors, mark, &mut self.placed);
            if !self.placed.contains(&mark.id) && mark.capture_us.saturating_add(LATE_US) >= self.newest_us {
                self.waiting.insert(mark.id);
            }
        }
        self.marks = ours;
    }

    /// Makes the held pictures those of `frames`, the first four.
    pub(super) fn hold(&mut self, frames: &[u64]) {
        for gone in self.held.iter().filter(|held| !frames.contains(held)) {
            self.anchors.release(*gone);
        }
        for frame_us in frames {
            if let Err(error) = self.anchors.hold(*frame_us) {
                tracing::debug!(%error, "a picture is not held");
            }
        }
        self.held = frames.to_vec();
    }

    /// The record of an observed frame; `None` when there is nothing to say.
    pub(super) fn record(&mut self, capture_us: u64) -> Option<Frame> {
        if self.marks.is_empty() && !std::mem::take(&mut self.said) {
            return None;
        }
        self.said = !self.marks.is_empty();
        let known = self.anchors.record(capture_us).ok()?.marks;
        let position = |mark: &Mark| {
            let found = known.iter().find(|position| position.id == mark.id);
            found.cloned().unwrap_or_else(|| nowhere(mark))
        };
        Some(Frame { v: 1, capture_us, marks: self.marks.iter().map(position).collect() })
    }
}

fn place(anchors: &mut Anchors, mark: &Mark, placed: &mut HashSet<MarkId>) {
    match anchors.add(mark.clone()) {
        Ok(()) => {
            placed.insert(mark.id);
        }
        Err(error) => tracing::debug!(%error, "a mark has no place"),
    }
}

/// What is said of a mark whose frame nobody remembers: a ghost where it was drawn.
pub(super) fn nowhere(mark: &Mark) -> Position {
    let points = mark.geometry.points();
    let mean = |of: fn(&Point) -> f32| {
        let many = f32::from(u16::try_from(points.len().max(1)).unwrap_or(u16::MAX));
        points.iter().map(of).sum::<f32>() / many
    };
    let at = Point { x: mean(|point| point.x), y: mean(|point| point.y) };
    Position {
        id: mark.id,
        state: State::Lost { reason: LostReason::Stale },
        error_px: NOWHERE_PX,
        map: IDENTITY,
        ghost: Some(Ghost { at, direction: None }),
    }
}

fn pose_of(pose: &pose::Pose) -> Option<Pose> {
    Pose::new(DVec3::from_array(pose.position), DQuat::from_array(pose.orientation)).ok()
}

fn lens_of(lens: &pose::Intrinsics) -> Option<Intrinsics> {
    Intrinsics::new(DVec2::from_array(lens.focal), DVec2::from_array(lens.centre), DVec2::from_array(lens.size)).ok()
}
