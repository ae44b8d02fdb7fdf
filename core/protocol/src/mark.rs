//! Marks: what somebody drew on a frame, and where it is on every later frame.
//!
//! ```text
//!  pen down … pen up        [`Drawing`], track `marks` of the author's data broadcast: realtime, never kept
//!  POST …/marks             [`NewMark`] becomes a [`Mark`], with its entry in the log
//!                           [`MarkSet`], track `marks` of the session's own broadcast: all that are committed, without
//!                           their patches; and of the camera's own: its marks, with them
//!  each frame of the camera [`Frame`], track `marks` of that camera's data broadcast: where each mark is
//! ```
//! Whoever shows a frame draws the record with the same capture time; nobody predicts.
//!
//! Image coordinates are normalised: (0, 0) is the top left corner of the picture, (1, 1) the bottom right, whatever
//! its size in pixels. Capture times are µs on the publishing device's monotonic clock.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{MarkId, ParticipantId};

/// The track of all these records, each on a broadcast of its own.
pub const TRACK: &str = "marks";
/// Bytes of a [`MarkSet`] as JSON; a mark that would make it larger is refused.
pub const SET_BYTES: usize = 1024 * 1024;
/// Bytes of a [`Drawing`] as JSON.
pub const DRAWING_BYTES: usize = 32 * 1024;
/// Bytes of a [`Frame`] as JSON: [`MARKS`] positions.
pub const FRAME_BYTES: usize = 32 * 1024;

/// Points of a freehand line.
pub const FREEHAND_POINTS: usize = 512;
/// Marks of one session that are shown at the same time.
pub const MARKS: usize = 64;
/// Marks of one session that there ever were: those that are gone keep their rows.
pub const MARKS_PER_SESSION: usize = 4_096;
/// Side of a patch in pixels: at most.
pub const PATCH_SIDE: u16 = 128;
/// Width of a line, as a part of the picture's width: at least and at most.
pub const WIDTH: std::ops::RangeInclusive<f32> = 0.001..=0.05;

/// `POST /api/sessions/{session}/marks`: something drawn, by whoever asks. The same again changes nothing; another one
/// under the same id is a `conflict`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewMark {
    /// Chosen by whoever drew it.
    pub id: MarkId,
    /// Whose camera it was drawn on.
    pub camera: ParticipantId,
    /// Capture time of the frame that was being looked at, µs on that camera's clock.
    pub capture_us: u64,
    /// Kind and place.
    pub geometry: Geometry,
    /// How it looks.
    pub style: Style,
    /// What the author saw around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Patch>,
}

impl NewMark {
    /// The mark, once it is known who drew it.
    ///
    /// # Errors
    /// As [`Mark::check`].
    pub fn by(self, author: ParticipantId) -> Result<Mark, Invalid> {
        let Self { id, camera, capture_us, geometry, style, patch } = self;
        let mark = Mark { v: 1, id, author, camera, capture_us, geometry, style, patch };
        mark.check().map(|()| mark)
    }
}

/// Every mark that is committed and not undone, in the order they were committed: a group on the `marks` track of the
/// session's own broadcast each time that something changes, and on each camera's own those of that camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MarkSet {
    /// Format version, 1.
    pub v: u8,
    /// The session's revision at this change; only grows.
    pub revision: u64,
    /// At most [`MARKS`].
    pub marks: Vec<Mark>,
}

/// What somebody is drawing at this moment: a whole record in each group of the `marks` track of their data broadcast,
/// from pen down, and one without a stroke when the pen was lifted or put away. The camera's device keeps the picture of
/// that frame for as long as the drawing goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawing {
    /// Format version, 1.
    pub v: u8,
    /// Whose camera is drawn on.
    pub camera: ParticipantId,
    /// Capture time of the frame that is drawn on, µs on that camera's clock.
    pub capture_us: u64,
    /// What there is of it; nothing when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stroke: Option<Stroke>,
}

/// A mark that is not finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stroke {
    /// The id the mark will have.
    pub id: MarkId,
    /// Kind and place so far.
    pub geometry: Geometry,
    /// How it looks.
    pub style: Style,
}

/// Something that was drawn on one frame. It never changes; undoing takes it away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Format version, 1.
    pub v: u8,
    /// Which, chosen by whoever drew it: sending it twice makes one mark.
    pub id: MarkId,
    /// Who drew it.
    pub author: ParticipantId,
    /// Whose camera it was drawn on.
    pub camera: ParticipantId,
    /// Capture time of the frame that was being looked at, µs on that camera's clock.
    pub capture_us: u64,
    /// Kind and place.
    pub geometry: Geometry,
    /// How it looks.
    pub style: Style,
    /// What the author saw around it. Only the device of that camera is shown it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Patch>,
}

impl Mark {
    /// Whether every value is in its range.
    ///
    /// # Errors
    /// The first thing that is not; nothing else may be done with such a mark.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.v != 1 {
            return Err(Invalid::Version { found: self.v });
        }
        if let Geometry::Freehand { points } = &self.geometry
            && !(2..=FREEHAND_POINTS).contains(&points.len())
        {
            return Err(Invalid::Points { found: points.len() });
        }
        let inside = |v: f32| (0.0..=1.0).contains(&v);
        if !self.geometry.points().iter().all(|p| inside(p.x) && inside(p.y)) {
            return Err(Invalid::Outside);
        }
        if !WIDTH.contains(&self.style.width) {
            return Err(Invalid::Width { found: self.style.width });
        }
        self.patch.as_ref().map_or(Ok(()), Patch::check)
    }
}

/// Why a mark is refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// A format of the future.
    #[error("mark format {found} is not known here")]
    Version {
        /// What was sent.
        found: u8,
    },
    /// Too short or too long.
    #[error("a freehand line has 2 to {FREEHAND_POINTS} points, not {found}")]
    Points {
        /// How many were sent.
        found: usize,
    },
    /// A coordinate outside 0 to 1, or no number.
    #[error("a mark lies inside the picture it was drawn on")]
    Outside,
    /// A line that nobody could see, or that would cover everything.
    #[error("a line is 0.001 to 0.05 of the picture wide, not {found}")]
    Width {
        /// What was sent.
        found: f32,
    },
    /// A patch whose bytes are not `width` × `height`, or beyond its limit.
    #[error("a patch is at most {PATCH_SIDE} pixels wide and high, one byte each, inside the picture")]
    Patch,
}

/// A point in normalised image coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// 0 left, 1 right.
    pub x: f32,
    /// 0 top, 1 bottom.
    pub y: f32,
}

/// Kind and place of a mark. Text and measurements come with what they need: sealing, and distances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Geometry {
    /// A pin.
    Point {
        /// Its tip.
        at: Point,
    },
    /// An arrow.
    Arrow {
        /// Its tail.
        from: Point,
        /// Its head: what it is about.
        to: Point,
    },
    /// A line as the pen went.
    Freehand {
        /// 2 to [`FREEHAND_POINTS`] points.
        points: Vec<Point>,
    },
    /// A rectangle whose sides are those of the picture.
    Rectangle {
        /// One corner.
        from: Point,
        /// The corner across.
        to: Point,
    },
    /// The ellipse that touches the sides of such a rectangle.
    Ellipse {
        /// One corner.
        from: Point,
        /// The corner across.
        to: Point,
    },
}

impl Geometry {
    /// The points that carry the mark, in the order they are drawn. A rectangle and the frame of an ellipse are their four
    /// corners: seen from elsewhere they are no longer parallel to the picture's sides.
    pub fn points(&self) -> Vec<Point> {
        match self {
            Self::Point { at } => vec![*at],
            Self::Arrow { from, to } => vec![*from, *to],
            Self::Freehand { points } => points.clone(),
            Self::Rectangle { from, to } | Self::Ellipse { from, to } => {
                vec![*from, Point { x: to.x, y: from.y }, *to, Point { x: from.x, y: to.y }]
            }
        }
    }
}

/// How a mark looks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Style {
    /// One of four.
    pub colour: Colour,
    /// Width of its lines as a part of the picture's width, in [`WIDTH`].
    pub width: f32,
}

/// The four colours of the rail, told apart by colour-blind eyes as well; each is drawn with a black casing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// `#FFD400`.
    Yellow,
    /// `#00E5FF`.
    Cyan,
    /// `#FF4DA6`.
    Pink,
    /// `#FFFFFF`.
    White,
}

/// A small grey picture of what the author saw around the mark: proof of what was meant when the frame is long gone.
/// It shows a patient, so it does not print.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Top left corner in the picture.
    pub from: Point,
    /// Bottom right corner in the picture.
    pub to: Point,
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// Grey levels, row by row; base64url without padding in JSON.
    #[serde(with = "base64")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub grey: Vec<u8>,
}

/// Bytes as text, bounded before they are decoded.
mod base64 {
    use data_encoding::BASE64URL_NOPAD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::PATCH_SIDE;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64URL_NOPAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let most = PATCH_SIDE as usize * PATCH_SIDE as usize;
        if text.len() > most.div_ceil(3) * 4 {
            return Err(de::Error::custom("a patch is larger than allowed"));
        }
        BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| de::Error::custom("a patch is base64url without padding"))
    }
}

impl Patch {
    fn check(&self) -> Result<(), Invalid> {
        let side = 1..=PATCH_SIDE;
        let whole = usize::from(self.width) * usize::from(self.height) == self.grey.len();
        let ordered = |low: f32, high: f32| (0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high) && low < high;
        let placed = ordered(self.from.x, self.to.x) && ordered(self.from.y, self.to.y);
        let fits = side.contains(&self.width) && side.contains(&self.height) && whole && placed;
        fits.then_some(()).ok_or(Invalid::Patch)
    }
}

impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Patch({}×{} …)", self.width, self.height)
    }
}

/// Where every mark is on one frame: a record of the `marks` track, a whole one each time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Format version, 1.
    pub v: u8,
    /// Capture time of the frame, µs, the number that is also in the video.
    pub capture_us: u64,
    /// Every mark there is, lost ones too, in the order they were drawn; at most [`MARKS`].
    pub marks: Vec<Position>,
}

/// Where one mark is on one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Which.
    pub id: MarkId,
    /// How much it is to be believed.
    #[serde(flatten)]
    pub state: State,
    /// Half width of the 95 % error of its worst point, in pixels of a picture 640 wide. As good as is known also when it
    /// is not tracked.
    pub error_px: f32,
    /// Takes the mark's points as they were drawn to where they are now: a homography of normalised coordinates, row by
    /// row, so that a line of 500 points costs no more than one. See [`Position::apply`].
    pub map: [f32; 9],
    /// Where to say that it is lost. Only with [`State::Lost`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ghost: Option<Ghost>,
}

impl Position {
    /// Where a point of the mark is on this frame; `None` when it is behind the camera.
    pub fn apply(&self, drawn: Point) -> Option<Point> {
        let [a, b, c, d, e, f, g, h, i] = self.map;
        let w = g * drawn.x + h * drawn.y + i;
        (w > 1e-6).then(|| Point { x: (a * drawn.x + b * drawn.y + c) / w, y: (d * drawn.x + e * drawn.y + f) / w })
    }
}

/// How much a position is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It is there: checked against the picture it was drawn on, or held by the world's own tracking, within its error.
    Tracked,
    /// It is about there: carried on by motion or pose alone. Drawn paler.
    Approximate,
    /// Not known well enough to point at anything. Drawn as a ghost, never as the mark.
    Lost {
        /// Why.
        reason: LostReason,
    },
}

/// Why a mark is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostReason {
    /// The camera looks elsewhere.
    OutOfView,
    /// Something is in front of it.
    Occluded,
    /// The camera moves too fast, or is out of focus.
    Blurred,
    /// Nothing there to hold on to.
    TooLittleTexture,
    /// It was drawn on a frame that nobody remembers, or not seen again for too long.
    Stale,
}

/// Where a lost mark is announced.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ghost {
    /// Inside the picture: at its edge, or at the last known place if that is inside.
    pub at: Point,
    /// Where the mark is thought to be from there: radians in the picture's pixels, 0 right, growing clockwise; `None`
    /// when it is just there, or when nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow() -> Mark {
        Mark {
            v: 1,
            id: MarkId::from_bytes([1; 16]),
            author: ParticipantId::from_bytes([2; 16]),
            camera: ParticipantId::from_bytes([3; 16]),
            capture_us: 12_000_000,
            geometry: Geometry::Arrow { from: Point { x: 0.25, y: 0.5 }, to: Point { x: 0.5, y: 0.5 } },
            style: Style { colour: Colour::Yellow, width: 0.005 },
            patch: None,
        }
    }

    /// A mark's text is fixed: shells and servers of different age read each other.
    #[test]
    fn a_mark_has_one_json_form() {
        let text = serde_json::to_value(arrow()).expect("serialises");
        assert_eq!(text["geometry"]["kind"], "arrow");
        assert_eq!(text["geometry"]["to"]["x"], 0.5);
        assert_eq!(text["style"]["colour"], "yellow");
        assert_eq!(serde_json::from_value::<Mark>(text.clone()).expect("reads back"), arrow());
        let mut more = text;
        more["wish"] = 1.into();
        assert!(serde_json::from_value::<Mark>(more).is_err(), "unknown keys are refused");
        let lost = State::Lost { reason: LostReason::OutOfView };
        assert_eq!(serde_json::to_string(&lost).expect("serialises"), r#"{"state":"lost","reason":"out_of_view"}"#);
    }

    /// Whatever is out of its range is refused by name.
    #[test]
    fn what_is_out_of_range_is_refused() {
        assert_eq!(arrow().check(), Ok(()));
        let with = |change: fn(&mut Mark)| {
            let mut mark = arrow();
            change(&mut mark);
            mark.check()
        };
        assert_eq!(with(|m| m.v = 2), Err(Invalid::Version { found: 2 }));
        assert_eq!(with(|m| m.style.width = 0.5), Err(Invalid::Width { found: 0.5 }));
        let far = Point { x: 1.01, y: 0.0 };
        assert_eq!(with(|m| m.geometry = Geometry::Point { at: Point { x: f32::NAN, y: 0.0 } }), Err(Invalid::Outside));
        assert_eq!(Mark { geometry: Geometry::Point { at: far }, ..arrow() }.check(), Err(Invalid::Outside));
        assert_eq!(with(|m| m.geometry = Geometry::Freehand { points: vec![] }), Err(Invalid::Points { found: 0 }));
        let patch = |width, bytes| {
            let (from, to) = (Point { x: 0.0, y: 0.0 }, Point { x: 0.1, y: 0.1 });
            Mark { patch: Some(Patch { from, to, width, height: 2, grey: vec![7; bytes] }), ..arrow() }.check()
        };
        assert_eq!(patch(3, 6), Ok(()));
        assert_eq!(patch(3, 5), Err(Invalid::Patch));
        assert_eq!(patch(0, 0), Err(Invalid::Patch));
        assert_eq!(patch(129, 258), Err(Invalid::Patch));
    }

    /// A patch shows a patient: it does not print.
    #[test]
    fn a_patch_does_not_print() {
        let (from, to) = (Point { x: 0.0, y: 0.0 }, Point { x: 0.1, y: 0.1 });
        let patch = Patch { from, to, width: 1, height: 1, grey: vec![201] };
        assert_eq!(format!("{patch:?}"), "Patch(1×1 …)");
    }

    /// The map of a position moves points as a homography does, and says when one is behind the camera.
    #[test]
    fn a_position_moves_points() {
        let position =
            |map| Position { id: MarkId::from_bytes([1; 16]), state: State::Tracked, error_px: 0.3, map, ghost: None };
        let shift = position([1.0, 0.0, 0.25, 0.0, 1.0, -0.25, 0.0, 0.0, 1.0]);
        assert_eq!(shift.apply(Point { x: 0.5, y: 0.5 }), Some(Point { x: 0.75, y: 0.25 }));
        let behind = position([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, -2.0, 0.0, 1.0]);
        assert_eq!(behind.apply(Point { x: 0.75, y: 0.5 }), None);
    }
}
