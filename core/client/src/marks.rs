//! Where every mark is on every frame: a thread of its own drives `handlens-anchor`, so that neither the camera nor the
//! encoder waits for it. Of frames the newest wins; of everything else the last word counts.
//!
//! ```text
//!  camera ── grey, pose ──▶ ┌─────────┐
//!  marks, who draws ──────▶ │ Anchors │ ──▶ mark::Frame: published, and told to the own screen
//!                           └─────────┘     always with the capture time of the frame
//! ```

mod follower;

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use handlens_media::convert::{self, Grey};
use handlens_media::frame::{Frame, Rotation, Scale, Sight, View};
use handlens_protocol::ParticipantId;
use handlens_protocol::mark::{Mark, MarkSet, Position};
use handlens_protocol::pose::{self, Plane, Sample};

use crate::error::Error;
use follower::Follower;

/// What is said of a mark whose place is not known.
pub(crate) fn nowhere(mark: &Mark) -> Position {
    follower::nowhere(mark)
}

/// The longer side of what is tracked, pixels.
const LONG_SIDE: u32 = 640;
/// Poses that wait for the thread, at most: ten seconds of them.
const POSES: usize = 600;
/// Planes that are looked at.
const PLANES: usize = 64;
/// The thread, as debuggers and crash reports show it (Linux cuts after 15 bytes).
const THREAD: &str = "handlens-marks";

/// Takes records, on the marks' thread.
pub(crate) type Output = Box<dyn FnMut(handlens_protocol::mark::Frame) + Send>;

/// The marks of one camera. Dropping it ends its thread.
pub(crate) struct Marks {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    news: Mutex<News>,
    arrived: Condvar,
}

/// What the thread has not looked at yet.
#[derive(Default)]
struct News {
    frame: Option<Seen>,
    /// Memory to be used again.
    spare: Vec<Grey>,
    set: Option<(ParticipantId, Arc<MarkSet>)>,
    held: Option<Vec<u64>>,
    poses: Vec<Sample>,
    planes: Option<Vec<Plane>>,
    /// Marks are being followed, so that frames are wanted whoever watches.
    following: bool,
    closed: bool,
}

/// A frame as the tracker takes it: upright.
struct Seen {
    grey: Grey,
    capture_us: u64,
    sight: Sight,
}

impl Marks {
    pub(crate) fn start(output: Output) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        let worker = Arc::clone(&shared);
        let thread =
            thread::Builder::new().name(THREAD.to_owned()).spawn(move || worker.run(output)).map_err(Error::Thread)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Looks at a frame, if it is worth while: somebody watches, or there are marks.
    pub(crate) fn look(&self, view: View<'_>, frame: &Frame, watched: bool) {
        let (mut grey, mut upright) = {
            let mut news = self.shared.news();
            if !watched && !news.following {
                return;
            }
            (news.spare.pop().unwrap_or_default(), news.spare.pop().unwrap_or_default())
        };
        // With no lock held.
        if convert::to_grey(view, Scale::to_fit(frame.size, LONG_SIDE), &mut grey).is_err() {
            return;
        }
        if frame.rotation != Rotation::None {
            convert::rotate_grey(&grey, frame.rotation, &mut upright);
            mem::swap(&mut grey, &mut upright);
        }
        let seen = Seen { grey, capture_us: frame.capture_us, sight: turned(frame.sight, frame.rotation) };
        let mut news = self.shared.news();
        news.spare.push(upright);
        if let Some(missed) = news.frame.replace(seen) {
            news.spare.push(missed.grey);
        }
        drop(news);
        self.shared.arrived.notify_one();
    }

    /// Every mark there is, of all cameras, and which of these is this one.
    pub(crate) fn set(&self, me: ParticipantId, set: Arc<MarkSet>) {
        self.shared.news().set = Some((me, set));
        self.shared.arrived.notify_one();
    }

    /// The frames whose pictures are kept, because somebody looks at them or draws on them: the first four.
    pub(crate) fn hold(&self, frames: Vec<u64>) {
        self.shared.news().held = Some(frames);
        self.shared.arrived.notify_one();
    }

    /// Poses between frames, as they come; they are for the camera as it lies.
    pub(crate) fn poses(&self, samples: &[Sample], rotation: Rotation) {
        let mut news = self.shared.news();
        let fine = samples.iter().filter(|sample| sample.pose.check().is_ok());
        news.poses.extend(fine.map(|sample| Sample { pose: turned_pose(sample.pose, rotation), ..*sample }));
        let many = news.poses.len().saturating_sub(POSES);
        news.poses.drain(..many);
    }

    /// The planes that the platform knows now.
    pub(crate) fn planes(&self, planes: &[Plane]) {
        let fine = planes.iter().filter(|plane| plane.check().is_ok()).take(PLANES);
        self.shared.news().planes = Some(fine.cloned().collect());
    }
}

impl Drop for Marks {
    fn drop(&mut self) {
        self.shared.news().closed = true;
        self.shared.arrived.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // A panic was already printed, on that thread.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut output: Output) {
        let mut follower = Follower::default();
        while let Some(mut news) = self.next() {
            if let Some(planes) = news.planes.take() {
                follower.planes(&planes);
            }
            follower.poses(&news.poses);
            let observed =
                news.frame.as_ref().and_then(|seen| follower.observe(&seen.grey, seen.capture_us, seen.sight));
            if let Some((me, set)) = news.set.take() {
                follower.set(me, &set);
            }
            if let Some(held) = news.held.take() {
                follower.hold(&held);
            }
            if let Some(record) = observed.and_then(|capture_us| follower.record(capture_us)) {
                output(record);
            }
            let mut shared = self.news();
            shared.following = follower.follows();
            shared.spare.extend(news.frame.map(|seen| seen.grey));
        }
    }

    /// Waits for something to do; `None` at the end.
    fn next(&self) -> Option<News> {
        let mut news = self.news();
        loop {
            if news.closed {
                return None;
            }
            if news.frame.is_some() || news.set.is_some() || news.held.is_some() {
                let (spare, following) = (mem::take(&mut news.spare), news.following);
                let next = mem::replace(&mut *news, News { spare, following, ..News::default() });
                return Some(next);
            }
            news = self.arrived.wait(news).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// What a platform says of a camera as it lies, for its picture turned upright.
fn turned(sight: Sight, rotation: Rotation) -> Sight {
    let intrinsics = sight.intrinsics.map(|lens| turned_lens(lens, rotation));
    Sight { intrinsics, pose: sight.pose.map(|pose| turned_pose(pose, rotation)), ..sight }
}

fn turned_lens(lens: pose::Intrinsics, rotation: Rotation) -> pose::Intrinsics {
    let pose::Intrinsics { focal: [fx, fy], centre: [cx, cy], size: [width, height] } = lens;
    let (focal, centre, size) = match rotation {
        Rotation::None => return lens,
        Rotation::Quarter => ([fy, fx], [height - cy, cx], [height, width]),
        Rotation::Half => ([fx, fy], [width - cx, height - cy], [width, height]),
        Rotation::ThreeQuarters => ([fy, fx], [cy, width - cx], [height, width]),
    };
    pose::Intrinsics { focal, centre, size }
}

/// The upright camera is the lying one, turned about the axis it looks along: a picture turned clockwise has its right where
/// the lying one had its top.
fn turned_pose(pose: pose::Pose, rotation: Rotation) -> pose::Pose {
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let (sine, cosine) = match rotation {
        Rotation::None => return pose,
        Rotation::Quarter => (half, half),
        Rotation::Half => (1.0, 0.0),
        Rotation::ThreeQuarters => (half, -half),
    };
    let [x, y, z, w] = pose.orientation;
    // The quaternion times (0, 0, sine, cosine).
    let orientation = [x * cosine + y * sine, y * cosine - x * sine, z * cosine + w * sine, w * cosine - z * sine];
    pose::Pose { orientation, ..pose }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a point of the camera's space is seen, pixels.
    fn seen(lens: &pose::Intrinsics, [x, y, z]: [f64; 3]) -> [f64; 2] {
        [lens.centre[0] + lens.focal[0] * x / -z, lens.centre[1] - lens.focal[1] * y / -z]
    }

    /// A world point in the camera's space: the inverse of a unit quaternion, applied.
    fn in_camera(pose: &pose::Pose, world: [f64; 3]) -> [f64; 3] {
        let [x, y, z, w] = pose.orientation;
        let [x, y, z] = [-x, -y, -z];
        let [a, b, c] = [0, 1, 2].map(|axis| world[axis] - pose.position[axis]);
        let [p, q, r] = [y * c - z * b, z * a - x * c, x * b - y * a].map(|part| 2.0 * part);
        [a + w * p + y * r - z * q, b + w * q + z * p - x * r, c + w * r + x * q - y * p]
    }

    /// A thing is seen in the turned picture where the turned camera says, for each way a phone can be held.
    #[test]
    fn a_turned_camera_sees_the_turned_picture() {
        let lens = pose::Intrinsics { focal: [500.0, 510.0], centre: [322.0, 171.0], size: [640.0, 360.0] };
        let length = 1.0_f64 / (0.1 * 0.1 + 0.2 * 0.2 + 0.3 * 0.3 + 0.9 * 0.9_f64).sqrt();
        let orientation = [0.1, 0.2, 0.3, 0.9].map(|part| part * length);
        let pose = pose::Pose { position: [0.3, -0.2, 0.5], orientation };
        let world = [0.1, 0.05, -1.2];
        let [u, v] = seen(&lens, in_camera(&pose, world));
        for (rotation, wanted) in [
            (Rotation::None, [u, v]),
            (Rotation::Quarter, [360.0 - v, u]),
            (Rotation::Half, [640.0 - u, 360.0 - v]),
            (Rotation::ThreeQuarters, [v, 640.0 - u]),
        ] {
            let found = seen(&turned_lens(lens, rotation), in_camera(&turned_pose(pose, rotation), world));
            let off = (found[0] - wanted[0]).hypot(found[1] - wanted[1]);
            assert!(off < 1e-9, "{rotation:?}: {found:?} instead of {wanted:?}");
        }
    }
}
