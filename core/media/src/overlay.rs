//! Marks, drawn into a picture: for what is recorded, and for stills "with marks".
//!
//! Shapes and sizes are those of the console, so that a mark looks the same everywhere: its colour with antialiased edges,
//! on a black casing of 2 pixels at 1280 wide. One that is `approximate` is paler. One that is `lost` is never drawn as the mark:
//! where its ghost is there is a dashed ring, with a tip toward the mark if it is known where that went.
//!
//! ```
//! use handlens_media::{frame::Size, overlay, still::Rgb};
//! # use handlens_protocol::{MarkId, ParticipantId, mark::*};
//! # let (who, at) = (ParticipantId::from_bytes([1; 16]), Point { x: 0.5, y: 0.5 });
//! # let style = Style { colour: Colour::Cyan, width: 0.006 };
//! # let (id, geometry, map) = (MarkId::from_bytes([1; 16]), Geometry::Point { at }, [1., 0., 0., 0., 1., 0., 0., 0., 1.]);
//! # let mark = Mark { v: 1, id, author: who, camera: who, capture_us: 0, geometry, style, patch: None };
//! # let position = Position { id, state: State::Tracked, error_px: 0.5, map, ghost: None };
//! let mut picture = Rgb { size: Size::new(640, 360), bytes: vec![90; 3 * 640 * 360] };
//! overlay::draw(&mut picture, &[(&mark, &position)]);
//! # assert_eq!(picture.bytes[3 * (156 * 640 + 329)..][..3], [0, 229, 255]);
//! ```

#![expect(clippy::cast_possible_truncation, reason = "pixels and grey levels are small")]

use std::f32::consts::{PI, TAU};

use glam::Vec2;
use handlens_protocol::mark::{Colour, Geometry, Ghost, Mark, Point, Position, State, WIDTH};

use crate::still::Rgb;

/// Casing on each side of a line, as a part of the picture's width.
const CASING: f32 = 2.0 / 1_280.0;
/// Height of a pin, length of an arrow's head and radius of a ghost, as parts of the picture's width.
const PIN: f32 = 0.06;
const HEAD: f32 = 0.036;
const GHOST: f32 = 0.018;
/// How much of the picture a mark hides that is only about there.
const PALE: f32 = 0.5;
/// Corners of an ellipse, and dashes of a ghost.
const ELLIPSE: u16 = 48;
const DASHES: u16 = 8;
/// What lies farther out than so many pictures is not drawn: a map has gone astray.
const FAR: f32 = 1_000.0;

/// Draws marks, in the order given, each where its position says. A mark with a point behind the camera, or with a
/// coordinate that is no number, is left out. For a still hand in only what is not lost, as its format asks.
pub fn draw(picture: &mut Rgb, marks: &[(&Mark, &Position)]) {
    for (mark, position) in marks {
        let look = Look::of(mark, picture);
        match position.state {
            State::Tracked => paint(picture, &look.mark(&mark.geometry, position), look.colour, 1.0),
            State::Approximate => paint(picture, &look.mark(&mark.geometry, position), look.colour, PALE),
            State::Lost { .. } => {
                let ghost = position.ghost.map(|ghost| look.ghost(ghost));
                paint(picture, &ghost.unwrap_or_default(), look.colour, 1.0);
            }
        }
    }
}

/// Something with an inside, pixels.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// A line with round ends, as thick as two circles at its ends.
    Line { from: Vec2, to: Vec2, radii: [f32; 2] },
    /// A filled triangle.
    Triangle([Vec2; 3]),
}

/// What a mark is made of.
#[derive(Debug, Default)]
struct Shapes {
    colour: Vec<Shape>,
    /// A hole in it, in the casing's black.
    hole: Option<Shape>,
}

/// What does not depend on where a mark is.
struct Look {
    /// Of the picture, pixels.
    size: Vec2,
    /// Half the width of a line, pixels.
    half: f32,
    colour: [f32; 3],
}

impl Look {
    fn of(mark: &Mark, picture: &Rgb) -> Self {
        let size = Vec2::new(picture.size.width as f32, picture.size.height as f32);
        let part = if mark.style.width.is_finite() { mark.style.width } else { *WIDTH.start() };
        let half = (part.clamp(*WIDTH.start(), *WIDTH.end()) * size.x).max(1.5) / 2.0;
        let colour = match mark.style.colour {
            Colour::Yellow => [255.0, 212.0, 0.0],
            Colour::Cyan => [0.0, 229.0, 255.0],
            Colour::Pink => [255.0, 77.0, 166.0],
            Colour::White => [255.0; 3],
        };
        Self { size, half, colour }
    }

    /// The mark where it is; nothing when that is nowhere.
    fn mark(&self, geometry: &Geometry, position: &Position) -> Shapes {
        let seen = |at: Point| position.apply(at).and_then(|at| self.pixel(at));
        let seen_all = |points: &[Point]| points.iter().map(|at| seen(*at)).collect::<Option<Vec<Vec2>>>();
        let shapes = match geometry {
            Geometry::Point { at } => seen(*at).map(|tip| self.pin(tip)),
            Geometry::Arrow { from, to } => seen(*from).zip(seen(*to)).map(|(from, to)| self.arrow(from, to)),
            Geometry::Freehand { points } => seen_all(points).map(|points| self.along(&points, false)),
            Geometry::Rectangle { .. } => seen_all(&geometry.points()).map(|points| self.along(&points, true)),
            Geometry::Ellipse { from, to } => seen_all(&ellipse(*from, *to)).map(|points| self.along(&points, true)),
        };
        shapes.unwrap_or_default()
    }

    fn pixel(&self, at: Point) -> Option<Vec2> {
        let at = Vec2::new(at.x, at.y);
        (at.abs().max_element() <= FAR).then(|| at * self.size)
    }

    /// A drop that stands on its tip.
    fn pin(&self, tip: Vec2) -> Shapes {
        let height = PIN * self.size.x;
        let radius = height * 0.36;
        let middle = tip - Vec2::new(0.0, height - radius);
        let hole = Shape::Line { from: middle, to: middle, radii: [height * 0.13; 2] };
        Shapes { colour: vec![Shape::Line { from: tip, to: middle, radii: [0.0, radius] }], hole: Some(hole) }
    }

    /// A shaft that ends inside its head, and the head. One that is shorter than its head is all head.
    fn arrow(&self, from: Vec2, to: Vec2) -> Shapes {
        let Some(ahead) = (to - from).try_normalize() else { return Shapes::default() };
        let length = from.distance(to);
        let head = (HEAD * self.size.x).max(self.half * 6.0).min(length);
        let (neck, aside) = (to - ahead * head, ahead.perp() * head * 0.5);
        let mut colour = vec![Shape::Triangle([to, neck - aside, neck + aside])];
        if length > head {
            colour.push(self.line(from, neck + ahead * head * 0.2));
        }
        Shapes { colour, hole: None }
    }

    /// A line through all points, and back to the first if it is closed.
    fn along(&self, points: &[Vec2], closed: bool) -> Shapes {
        let mut colour: Vec<Shape> = points.array_windows().map(|[from, to]| self.line(*from, *to)).collect();
        if let (true, Some(first), Some(last)) = (closed, points.first(), points.last()) {
            colour.push(self.line(*last, *first));
        }
        Shapes { colour, hole: None }
    }

    fn line(&self, from: Vec2, to: Vec2) -> Shape {
        Shape::Line { from, to, radii: [self.half; 2] }
    }

    /// A dashed ring at the ghost's place, wholly inside the picture, and a tip beside it.
    fn ghost(&self, ghost: Ghost) -> Shapes {
        let Some(at) = self.pixel(ghost.at) else { return Shapes::default() };
        let radius = GHOST * self.size.x;
        let inset = Vec2::splat(2.0 * radius).min(self.size / 2.0);
        let middle = at.clamp(inset, self.size - inset);
        let on_ring = |turn: f32| middle + Vec2::from_angle(turn) * radius;
        let half = CASING * self.size.x;
        let dash = |index: u16| {
            let turn = f32::from(index) / f32::from(DASHES) * TAU;
            Shape::Line { from: on_ring(turn), to: on_ring(turn + 0.3 * TAU / f32::from(DASHES)), radii: [half; 2] }
        };
        let mut colour: Vec<Shape> = (0..DASHES).map(dash).collect();
        if let Some(direction) = ghost.direction.filter(|direction| direction.is_finite()) {
            let ahead = Vec2::from_angle(direction % (2.0 * PI));
            let (base, aside) = (middle + ahead * radius * 1.25, ahead.perp() * radius * 0.55);
            colour.push(Shape::Triangle([middle + ahead * radius * 2.0, base - aside, base + aside]));
        }
        Shapes { colour, hole: None }
    }
}

/// The ellipse that touches the sides of a rectangle, as corners.
fn ellipse(from: Point, to: Point) -> Vec<Point> {
    let corner = |index: u16| {
        let (sine, cosine) = (f32::from(index) / f32::from(ELLIPSE) * TAU).sin_cos();
        let along = |from: f32, to: f32, part: f32| (from + to) / 2.0 + part * (to - from) / 2.0;
        Point { x: along(from.x, to.x, cosine), y: along(from.y, to.y, sine) }
    };
    (0..ELLIPSE).map(corner).collect()
}

impl Shape {
    /// How far outside of it a place is, pixels; inside, below 0.
    fn distance(&self, at: Vec2) -> f32 {
        match *self {
            Self::Line { from, to, radii } => {
                let along = to - from;
                let part = ((at - from).dot(along) / along.length_squared().max(1e-6)).clamp(0.0, 1.0);
                at.distance(from + along * part) - (radii[0] + (radii[1] - radii[0]) * part)
            }
            Self::Triangle(corners) => {
                let [a, b, c] = corners;
                let side = if (b - a).perp_dot(c - a) < 0.0 { 1.0 } else { -1.0 };
                let beyond = |p: Vec2, q: Vec2| (q - p).normalize_or_zero().perp_dot(at - p) * side;
                beyond(a, b).max(beyond(b, c)).max(beyond(c, a))
            }
        }
    }

    /// The columns of row `y` that can be within `margin` of it, before they are cut to the picture.
    fn span(&self, y: f32, margin: f32) -> Option<(f32, f32)> {
        match *self {
            Self::Line { from, to, radii } => {
                let margin = margin + radii[0].max(radii[1]);
                let (low, high) = if from.y <= to.y { (from, to) } else { (to, from) };
                if y < low.y - margin || y > high.y + margin {
                    return None;
                }
                let slope = (high - low) / (high.y - low.y).max(1e-3);
                let x_at = |y: f32| low.x + slope.x * (y - low.y).clamp(0.0, high.y - low.y);
                let level = high.y - low.y < 1e-3;
                let (one, other) = if level { (low.x, high.x) } else { (x_at(y - margin), x_at(y + margin)) };
                Some((one.min(other) - margin, one.max(other) + margin))
            }
            Self::Triangle([a, b, c]) => {
                // The casing of a sharp corner reaches farther than its width.
                let margin = 4.0 * margin;
                let (low, high) = (a.min(b).min(c), a.max(b).max(c));
                (low.y - margin <= y && y <= high.y + margin).then_some((low.x - margin, high.x + margin))
            }
        }
    }

    fn rows(&self, margin: f32) -> (f32, f32) {
        let (low, high, margin) = match *self {
            Self::Line { from, to, radii } => (from.y.min(to.y), from.y.max(to.y), margin + radii[0].max(radii[1])),
            Self::Triangle([a, b, c]) => (a.y.min(b.y).min(c.y), a.y.max(b.y).max(c.y), 4.0 * margin),
        };
        (low - margin, high + margin)
    }
}

/// Lays shapes on the picture as one: where lines cross, they hide no more than one line does.
fn paint(picture: &mut Rgb, shapes: &Shapes, colour: [f32; 3], strength: f32) {
    let (width, height) = (picture.size.width as usize, picture.size.height as usize);
    let casing = (CASING * width as f32).max(1.0);
    let margin = casing + 1.0;
    let (mut top, mut bottom) = (f32::INFINITY, f32::NEG_INFINITY);
    for (low, high) in shapes.colour.iter().map(|shape| shape.rows(margin)) {
        (top, bottom) = (top.min(low), bottom.max(high));
    }
    let rows = cut(top, bottom, height);
    // How much of each pixel the casing covers, and the colour on it.
    let mut cover = vec![[0.0_f32; 2]; width];
    for (y, row) in picture.bytes.chunks_exact_mut(3 * width.max(1)).enumerate().take(rows.end).skip(rows.start) {
        let middle = y as f32 + 0.5;
        let (mut left, mut right) = (width, 0);
        for shape in &shapes.colour {
            let Some((low, high)) = shape.span(middle, margin) else { continue };
            let columns = cut(low, high, width);
            (left, right) = (left.min(columns.start), right.max(columns.end));
            for (x, [under, over]) in cover[columns.clone()].iter_mut().enumerate().filter(|(_, [_, over])| *over < 1.0)
            {
                let distance = shape.distance(Vec2::new((columns.start + x) as f32 + 0.5, middle));
                *under = under.max((casing - distance + 0.5).clamp(0.0, 1.0));
                *over = over.max((0.5 - distance).clamp(0.0, 1.0));
            }
        }
        for x in left..right {
            let [under, mut over] = std::mem::take(&mut cover[x]);
            if let Some(hole) = &shapes.hole {
                over = over.min((hole.distance(Vec2::new(x as f32 + 0.5, middle)) + 0.5).clamp(0.0, 1.0));
            }
            for (value, colour) in row[3 * x..3 * x + 3].iter_mut().zip(colour) {
                let wanted = colour * (over / under.max(1e-3)).min(1.0);
                let hidden = under * strength;
                *value = (f32::from(*value) * (1.0 - hidden) + wanted * hidden + 0.5) as u8;
            }
        }
    }
}

/// The pixels between two places, of so many.
fn cut(from: f32, to: f32, count: usize) -> std::ops::Range<usize> {
    let inside = |at: f32| at.clamp(0.0, count as f32) as usize;
    let (from, to) = (inside(from.floor()), inside(to.ceil()));
    from..to.max(from)
}

#[cfg(test)]
mod tests;
