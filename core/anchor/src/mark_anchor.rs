//! Marks on a moving picture: what a phone's core drives.

use std::collections::VecDeque;
use std::sync::Arc;

use glam::{DMat3, DVec2};
use handlens_protocol::mark::{Frame, Geometry, LostReason, MARKS, Mark, Patch, Point, Position, State};
use handlens_protocol::{MarkId, ParticipantId};
use image::GrayImage;

use crate::ghost::ghost;
use crate::projection::WITHIN_95;
use crate::state::{Belief, Evidence};
use crate::tracker::{Flow, Homography, Pyramid, TRAIL_US, Trail, VisualAnchor};
use crate::world::{World, WorldAnchor};
use crate::{Error, GreyFrame, Intrinsics, Plane, Pose, PoseNoise};

/// Frames whose geometry can be asked for.
const ANSWERS: usize = 64;
/// Planes that are looked at.
const PLANES: usize = 64;
/// Pictures that are kept and followed at the same time, for those who draw on them.
pub(crate) const HELD: usize = 4;
/// Frames further apart than this have no motion in common, µs.
const PAUSE_US: u64 = 400_000;
/// Pictures are judged in pixels of one this wide.
const JUDGED_WIDTH: f64 = 640.0;

/// Where one mark is on one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkGeometry {
    /// What goes over the wire.
    pub position: Position,
    /// The mark's points ([`Geometry::points`]) in normalised coordinates of this frame; empty when one is behind the camera.
    pub points: Vec<Point>,
}

/// All marks on one camera's picture.
#[derive(Default)]
pub struct Anchors {
    world: World,
    flow: Flow,
    trail: Trail,
    held: Vec<Held>,
    placed: Vec<Placed>,
    answers: VecDeque<(u64, Vec<MarkGeometry>)>,
    frames: usize,
    unchecked: bool,
}

/// A picture that somebody looks at for longer than a second.
struct Held {
    capture_us: u64,
    /// From that frame to its key, if it was not observed itself, and how sure that is, pixels.
    beside: Homography,
    doubt: f64,
    key: Arc<Pyramid>,
    anchor: VisualAnchor,
}

struct Placed {
    mark: Mark,
    /// The mark's points on its key frame, pixels at working size.
    points: Vec<DVec2>,
    /// Drawn frame to key frame; they differ when the drawn frame's picture was forgotten.
    carried: Homography,
    carried_px: f64,
    /// Sides of the drawn frame at working size; another than the newest frame's when the phone was turned since.
    drawn_size: DVec2,
    /// Whether the mark is compared with what its author saw, or only carried away from there.
    compared: bool,
    visual: VisualAnchor,
    world: Option<WorldAnchor>,
    belief: Belief,
}

impl Anchors {
    /// No marks, nothing known of the world.
    pub fn new() -> Self {
        Self::default()
    }

    /// For tests: anchors that believe every alignment. They show what the check of appearance is good for.
    #[cfg(feature = "negative-control")]
    #[doc(hidden)]
    pub fn without_check() -> Self {
        Self { unchecked: true, ..Self::default() }
    }

    /// The camera's pinhole, for any picture size of the same camera. Without it poses say nothing.
    /// It holds for the frames that follow: what was seen before was seen through the lens before.
    pub fn set_camera(&mut self, camera: Intrinsics, noise: PoseNoise) {
        self.world.cameras.set(self.trail.newest_us(), camera);
        self.world.noise = noise;
    }

    /// The planes the platform knows now, instead of those before; beyond the first 64 they are not looked at.
    pub fn set_planes(&mut self, mut planes: Vec<Plane>) {
        planes.truncate(PLANES);
        self.world.planes = planes;
    }

    /// A pose sample at its own time. Samples need not fall on frames; give those around a frame before the frame if
    /// they are there, or it goes on from the last two.
    pub fn pose(&mut self, capture_us: u64, pose: Pose) {
        self.world.poses.push(capture_us, pose);
    }

    /// Takes the next frame, with its pose if the platform has one for just this frame, and finds every mark in it.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] when the frame is not younger than the last; nothing has changed then.
    pub fn observe(&mut self, frame: GreyFrame<'_>, capture_us: u64, pose: Option<Pose>) -> Result<(), Error> {
        if let Some(newest_us) = self.trail.newest_us()
            && capture_us <= newest_us
        {
            return Err(Error::OutOfOrder { capture_us, newest_us });
        }
        if let Some(pose) = pose {
            self.world.poses.push(capture_us, pose);
        }
        let now = Arc::new(Pyramid::of(&frame));
        // What moves alike over a long pause may be the next tile.
        let paused = self.trail.newest_us().is_some_and(|newest_us| capture_us - newest_us > PAUSE_US);
        let motion = self.flow.observe(now.image()).filter(|_| !paused);
        let moved = motion.map(|motion| motion.map);
        for held in &mut self.held {
            held.anchor.observe(&now, moved, None, true);
        }
        self.frames += 1;
        let searching = self.frames % self.placed.len().max(1);
        for (index, placed) in self.placed.iter_mut().enumerate() {
            placed.observe(&now, capture_us, moved, &self.world, paused || index == searching);
        }
        let mut anchors = self
            .placed
            .iter_mut()
            .map(|placed| &mut placed.visual)
            .chain(self.held.iter_mut().map(|held| &mut held.anchor));
        anchors.any(VisualAnchor::examine);
        self.trail.push(capture_us, motion, now.clone());
        self.answer(capture_us, now.size());
        Ok(())
    }

    /// Anchors a mark at the frame it was drawn on and finds it in the newest frame. The same mark again changes nothing.
    ///
    /// The key frame is the drawn frame itself while its picture is known (the last second, or a held frame; if just this one
    /// was not observed, the next one), else the
    /// mark's own patch, which is looked for where nobody knows how the picture moved since; with neither, the mark is carried to
    /// the newest frame by ten seconds of motion and its error grows by what that costs.
    ///
    /// # Errors
    /// [`Error::Mark`], [`Error::TooManyMarks`], [`Error::StaleFrame`] for a frame older than ten seconds (the mark belongs to
    /// the still then), [`Error::Unknown`] for one that was never seen or cannot be carried.
    pub fn add(&mut self, mark: Mark) -> Result<(), Error> {
        mark.check()?;
        if self.placed.iter().any(|placed| placed.mark.id == mark.id) {
            return Ok(());
        }
        if self.placed.len() >= MARKS {
            return Err(Error::TooManyMarks);
        }
        let unknown = Error::Unknown { wanted_us: mark.capture_us };
        let newest_us = self.trail.newest_us().ok_or(unknown)?;
        let now = self.trail.picture(newest_us).ok_or(unknown)?;
        let held = self.held.iter().find(|held| held.capture_us == mark.capture_us);
        let (seen_us, beside, doubt) = match held {
            Some(held) => (mark.capture_us, held.beside, held.doubt),
            None => self.seen(mark.capture_us),
        };
        let since = self.trail.since(seen_us);
        let source = if let Some(held) = held {
            Key::Picture(held.key.clone(), held.anchor.place(), held.anchor.is_fresh())
        } else if let Some(key) = self.trail.picture(seen_us) {
            Key::Picture(key, since.map_or(Homography::IDENTITY, |(map, _)| map), since.is_some())
        } else if let Some((map, deviation)) = since {
            let map = map.after(&beside).ok_or(unknown)?;
            match &mark.patch {
                Some(patch) => Key::Patch(patch_picture(patch, now.size()), map, true),
                None => Key::Carried(map, deviation + doubt),
            }
        } else if let Some(oldest_us) = self.trail.oldest_us()
            && (mark.capture_us < oldest_us || newest_us.saturating_sub(mark.capture_us) > TRAIL_US)
        {
            return Err(Error::StaleFrame { wanted_us: mark.capture_us, oldest_us });
        } else if let Some(patch) = mark.patch.as_ref().filter(|_| mark.capture_us < newest_us) {
            // Nobody looked at its frame, or knows how the picture moved since: it is looked for.
            Key::Patch(patch_picture(patch, now.size()), Homography::IDENTITY, false)
        } else {
            return Err(unknown);
        };
        // Motion is not known across a turn of the phone, so that whatever is carried keeps its size.
        let size = if let Key::Picture(key, ..) = &source { key.size() } else { now.size() };
        let drawn: Vec<DVec2> = mark.geometry.points().iter().map(|p| pixel(*p, size)).collect();
        let compared = !matches!(source, Key::Carried(..));
        let world = |points: &[DVec2], at_us: u64| {
            let view = self.world.view(at_us, size)?;
            Some(self.world.place(subject(&mark.geometry, points), &view))
        };
        let (points, carried, carried_px, visual, world) = match source {
            Key::Picture(key, place, known) => {
                let points = carried(&drawn, &beside).ok_or(unknown)?;
                let visual = VisualAnchor::new(&key, &points, place, None).guessed(!known);
                let world = world(&points, seen_us);
                (points, beside, WITHIN_95 * doubt, visual, world)
            }
            Key::Patch((key, from, to), place, known) => {
                let visual = VisualAnchor::new(&key, &drawn, place, Some((from, to))).guessed(!known);
                let world = world(&drawn, mark.capture_us);
                (drawn, Homography::IDENTITY, 0.0, visual, world)
            }
            Key::Carried(map, deviation) => {
                let points = carried(&drawn, &map).ok_or(unknown)?;
                let visual = VisualAnchor::new(&now, &points, Homography::IDENTITY, None);
                let world = world(&points, newest_us);
                (points, map, WITHIN_95 * deviation, visual, world)
            }
        };
        let visual = if self.unchecked { visual.unchecked() } else { visual };
        let belief = Belief::new(newest_us);
        let mut placed =
            Placed { mark, points, carried, carried_px, drawn_size: size, compared, visual, world, belief };
        // Its place is one in this very frame.
        placed.observe(&now, newest_us, Some(Homography::IDENTITY), &self.world, true);
        self.placed.push(placed);
        self.answer(newest_us, now.size());
        Ok(())
    }

    /// Takes one author's last mark away, and says which.
    pub fn undo(&mut self, author: ParticipantId) -> Option<MarkId> {
        let index = self.placed.iter().rposition(|placed| placed.mark.author == author)?;
        Some(self.placed.remove(index).mark.id)
    }

    /// Takes all marks of one author away, and says which.
    pub fn clear(&mut self, author: ParticipantId) -> Vec<MarkId> {
        let gone: Vec<MarkId> =
            self.placed.iter().filter(|placed| placed.mark.author == author).map(|placed| placed.mark.id).collect();
        self.placed.retain(|placed| placed.mark.author != author);
        gone
    }

    /// Takes one mark away; `false` when there is none of that name.
    pub fn remove(&mut self, id: MarkId) -> bool {
        let before = self.placed.len();
        self.placed.retain(|placed| placed.mark.id != id);
        self.placed.len() < before
    }

    /// Keeps the picture of a frame and follows it until [`Self::release`], so that a mark drawn on it after minutes still
    /// finds its place: a still that both sides look at, a frame that somebody draws on. The same again changes nothing.
    ///
    /// # Errors
    /// [`Error::StaleFrame`] or [`Error::Unknown`] when its picture is not known (any longer), [`Error::TooManyHeld`] when
    /// four others are held.
    pub fn hold(&mut self, capture_us: u64) -> Result<(), Error> {
        if self.held.iter().any(|held| held.capture_us == capture_us) {
            return Ok(());
        }
        if self.held.len() >= HELD {
            return Err(Error::TooManyHeld);
        }
        let unknown = Error::Unknown { wanted_us: capture_us };
        let (seen_us, beside, doubt) = self.seen(capture_us);
        let Some(key) = self.trail.picture(seen_us) else {
            let oldest_us = self.trail.newest_us().unwrap_or(0).saturating_sub(1_000_000);
            let stale = Error::StaleFrame { wanted_us: capture_us, oldest_us };
            return Err(if self.trail.knows(seen_us) || capture_us < oldest_us { stale } else { unknown });
        };
        let since = self.trail.since(seen_us);
        let place = since.map_or(Homography::IDENTITY, |(map, _)| map);
        let anchor = VisualAnchor::whole(&key, place).guessed(since.is_none());
        self.held.push(Held { capture_us, beside, doubt, key, anchor });
        Ok(())
    }

    /// Forgets a held picture. Marks that were drawn on it stay.
    pub fn release(&mut self, capture_us: u64) {
        self.held.retain(|held| held.capture_us != capture_us);
    }

    /// Where every mark is on a frame that was observed, in the order they were added.
    ///
    /// # Errors
    /// [`Error::StaleFrame`] when it is more than 64 frames old, [`Error::Unknown`] when it was never observed.
    pub fn geometry(&self, capture_us: u64) -> Result<Vec<MarkGeometry>, Error> {
        let unknown = Error::Unknown { wanted_us: capture_us };
        if let Some((_, marks)) = self.answers.iter().find(|(at, _)| *at == capture_us) {
            return Ok(marks.clone());
        }
        let (oldest_us, _) = self.answers.front().ok_or(unknown)?;
        let stale = Error::StaleFrame { wanted_us: capture_us, oldest_us: *oldest_us };
        Err(if capture_us < *oldest_us { stale } else { unknown })
    }

    /// The record of a frame for the `marks` track.
    ///
    /// # Errors
    /// As [`Self::geometry`].
    pub fn record(&self, capture_us: u64) -> Result<Frame, Error> {
        let marks = self.geometry(capture_us)?.into_iter().map(|mark| mark.position).collect();
        Ok(Frame { v: 1, capture_us, marks })
    }

    /// The frame that stands for one: itself, or the next one when just this was not observed, for want of time; how the
    /// picture moved from the one to the other, and how sure that is, pixels.
    fn seen(&self, capture_us: u64) -> (u64, Homography, f64) {
        self.trail.beside(capture_us).unwrap_or((capture_us, Homography::IDENTITY, 0.0))
    }

    fn answer(&mut self, capture_us: u64, size: DVec2) {
        let marks = self.placed.iter().map(|placed| placed.geometry(size)).collect();
        if self.answers.back().is_some_and(|(at, _)| *at == capture_us) {
            self.answers.pop_back();
        }
        self.answers.push_back((capture_us, marks));
        if self.answers.len() > ANSWERS {
            self.answers.pop_front();
        }
    }
}

/// What a mark is compared with.
enum Key {
    /// The frame it was drawn on, where that is now, and whether that is known or a guess.
    Picture(Arc<Pyramid>, Homography, bool),
    /// The mark's patch in an otherwise empty frame, its corners, where that is now, and whether that is known or a guess.
    Patch((Arc<Pyramid>, DVec2, DVec2), Homography, bool),
    /// The newest frame, to which it was carried with so much doubt.
    Carried(Homography, f64),
}

impl Placed {
    fn observe(&mut self, now: &Pyramid, capture_us: u64, moved: Option<Homography>, world: &World, search: bool) {
        let size = now.size();
        let view = world.view(capture_us, size);
        let posed = view.as_ref().and_then(|view| {
            let anchor = self.world.as_ref()?;
            Some((anchor.map(view)?, anchor.error_95(view)))
        });
        let middle = self.middle();
        let before = self.visual.place().apply(middle);
        let sight = self.visual.observe(now, moved, posed, search);
        let to_judged = JUDGED_WIDTH / size.x;
        if let (Some(view), Some(anchor)) = (view, &mut self.world)
            && sight.verdict == crate::tracker::Verdict::Held
        {
            anchor.learn(&view, &sight.map, &world.planes);
        }
        let inside = |at: DVec2| at.cmpge(DVec2::ZERO).all() && at.cmple(size).all();
        let in_view = self.points.iter().any(|p| sight.map.apply(*p).is_some_and(inside));
        let deviation = sight.deviation * to_judged;
        let speed = before.zip(sight.map.apply(middle)).map_or(f64::INFINITY, |(from, to)| from.distance(to));
        self.belief.update(&Evidence {
            capture_us,
            sight: crate::tracker::Sight { deviation, ..sight },
            posed_px: posed.map(|(_, error)| error * to_judged),
            carried_px: self.carried_px * to_judged,
            compared: self.compared,
            moved_px: moved.map(|_| speed * to_judged),
            in_view,
        });
    }

    fn middle(&self) -> DVec2 {
        self.points.iter().sum::<DVec2>() / self.points.len().max(1) as f64
    }

    #[expect(clippy::cast_possible_truncation, reason = "on the wire as f32")]
    fn geometry(&self, size: DVec2) -> MarkGeometry {
        let map = self.visual.place();
        let whole = map.after(&self.carried).and_then(|map| map.normalised(self.drawn_size, size));
        // What has no map cannot be drawn, whatever is believed of it.
        let state = if whole.is_some() { self.belief.state } else { State::Lost { reason: LostReason::OutOfView } };
        let lost = matches!(state, State::Lost { .. });
        let matrix = whole.map_or(DMat3::IDENTITY, |map| map.matrix());
        let position = Position {
            id: self.mark.id,
            state,
            error_px: self.belief.error_px as f32,
            map: matrix.transpose().to_cols_array().map(|value| value as f32),
            ghost: lost.then(|| ghost(map.apply(self.middle()), size)),
        };
        let points = self.points.iter().map(|p| map.apply(*p).map(|at| at / size)).collect::<Option<Vec<_>>>();
        let points = points.unwrap_or_default().iter().map(|p| Point { x: p.x as f32, y: p.y as f32 }).collect();
        MarkGeometry { position, points }
    }
}

/// Points, each where a map takes it; `None` when one goes behind the camera.
fn carried(points: &[DVec2], map: &Homography) -> Option<Vec<DVec2>> {
    points.iter().map(|point| map.apply(*point)).collect()
}

/// Where a normalised point is in a picture.
fn pixel(point: Point, size: DVec2) -> DVec2 {
    DVec2::new(f64::from(point.x), f64::from(point.y)) * size
}

/// What a mark is about: an arrow's head, else its middle.
fn subject(geometry: &Geometry, points: &[DVec2]) -> DVec2 {
    match geometry {
        Geometry::Arrow { .. } => points[1],
        Geometry::Point { .. } | Geometry::Freehand { .. } | Geometry::Rectangle { .. } | Geometry::Ellipse { .. } => {
            points.iter().sum::<DVec2>() / points.len().max(1) as f64
        }
    }
}

/// A patch in its place in an otherwise empty picture, and the corners of what is known.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a picture at most 640 wide")]
fn patch_picture(patch: &Patch, size: DVec2) -> (Arc<Pyramid>, DVec2, DVec2) {
    let (from, to) = (pixel(patch.from, size), pixel(patch.to, size));
    let (columns, rows) = (usize::from(patch.width), usize::from(patch.height));
    let by = DVec2::new(columns as f64, rows as f64) / (to - from);
    let grey = |at: DVec2| {
        let place = ((at - from) * by - 0.5).clamp(DVec2::ZERO, DVec2::new(columns as f64 - 1.0, rows as f64 - 1.0));
        let (column, row) = (place.x as usize, place.y as usize);
        let (right, down) = ((column + 1).min(columns - 1), (row + 1).min(rows - 1));
        let pick = |x: usize, y: usize| f64::from(patch.grey[y * columns + x]);
        let part = place - DVec2::new(column as f64, row as f64);
        let above = pick(column, row) * (1.0 - part.x) + pick(right, row) * part.x;
        let below = pick(column, down) * (1.0 - part.x) + pick(right, down) * part.x;
        above * (1.0 - part.y) + below * part.y
    };
    let picture = GrayImage::from_fn(size.x as u32, size.y as u32, |x, y| {
        image::Luma([(grey(DVec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5)) + 0.5) as u8])
    });
    (Arc::new(Pyramid::from_image(&picture)), from, to)
}
