//! That marks are where they belong, look as they should, and that nothing handed in brings the drawing down.

use handlens_protocol::mark::{LostReason, Style};
use handlens_protocol::{MarkId, ParticipantId};
use proptest::prelude::*;

use super::*;
use crate::frame::Size;

const GROUND: [u8; 3] = [90, 100, 110];
const BLACK: [u8; 3] = [0; 3];
const CYAN: [u8; 3] = [0, 229, 255];
const ID: MarkId = MarkId::from_bytes([1; 16]);
const AS_DRAWN: [f32; 9] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];

fn point(x: f32, y: f32) -> Point {
    Point { x, y }
}

fn ground(width: u32, height: u32) -> Rgb {
    Rgb { size: Size::new(width, height), bytes: GROUND.repeat(width as usize * height as usize) }
}

fn mark(geometry: Geometry, width: f32) -> Mark {
    let who = ParticipantId::from_bytes([2; 16]);
    let style = Style { colour: Colour::Cyan, width };
    Mark { v: 1, id: ID, author: who, camera: who, capture_us: 1, geometry, style, patch: None }
}

fn position(state: State, map: [f32; 9], ghost: Option<Ghost>) -> Position {
    Position { id: ID, state, error_px: 1.0, map, ghost }
}

/// One mark on 1280 × 720, ten pixels wide, as it was drawn.
fn drawn(geometry: Geometry, state: State) -> Rgb {
    let mut picture = ground(1280, 720);
    draw(&mut picture, &[(&mark(geometry, 10.0 / 1280.0), &position(state, AS_DRAWN, None))]);
    picture
}

fn at(picture: &Rgb, x: usize, y: usize) -> [u8; 3] {
    let from = 3 * (y * picture.size.width as usize + x);
    [0, 1, 2].map(|part| picture.bytes[from + part])
}

fn lost(ghost: Option<Ghost>) -> Position {
    position(State::Lost { reason: LostReason::OutOfView }, AS_DRAWN, ghost)
}

/// A line has its colour inside, two pixels of black on each side, and leaves the rest alone.
#[test]
fn a_line_lies_on_a_black_casing() {
    let line = Geometry::Freehand { points: vec![point(0.25, 0.5), point(0.75, 0.5)] };
    let picture = drawn(line, State::Tracked);
    let column: Vec<[u8; 3]> = (350..=369).map(|y| at(&picture, 640, y)).collect();
    let wanted = [vec![GROUND; 3], vec![BLACK; 2], vec![CYAN; 10], vec![BLACK; 2], vec![GROUND; 3]].concat();
    assert_eq!(column, wanted);
    assert_eq!(at(&picture, 310, 360), GROUND, "before its round end");
    assert_eq!(at(&picture, 317, 360), CYAN, "within its round end");
}

/// Every kind covers the places that make it, and not those that do not.
#[test]
fn every_kind_is_where_it_was_drawn() {
    let (from, to) = (point(0.25, 0.25), point(0.75, 0.75));
    let pin = drawn(Geometry::Point { at: point(0.5, 0.5) }, State::Tracked);
    // 77 pixels high, its round part 28 pixels in radius with a black hole.
    assert_eq!(at(&pin, 640, 311), BLACK);
    assert_eq!([at(&pin, 655, 311), at(&pin, 640, 340), at(&pin, 640, 364)], [CYAN, CYAN, GROUND]);
    let arrow = drawn(Geometry::Arrow { from, to: point(0.75, 0.25) }, State::Tracked);
    assert_eq!([at(&arrow, 500, 180), at(&arrow, 925, 192), at(&arrow, 955, 180)], [CYAN, CYAN, CYAN]);
    assert_eq!([at(&arrow, 900, 192), at(&arrow, 500, 192)], [GROUND, GROUND]);
    let rectangle = drawn(Geometry::Rectangle { from, to }, State::Tracked);
    for (x, y) in [(320, 180), (960, 540), (320, 540), (640, 180), (960, 360)] {
        assert_eq!(at(&rectangle, x, y), CYAN, "{x}, {y}");
    }
    assert_eq!(at(&rectangle, 640, 360), GROUND);
    let ellipse = drawn(Geometry::Ellipse { from, to }, State::Tracked);
    for (x, y) in [(320, 360), (960, 360), (640, 180), (640, 540)] {
        assert_eq!(at(&ellipse, x, y), CYAN, "{x}, {y}");
    }
    assert_eq!([at(&ellipse, 320, 180), at(&ellipse, 640, 360)], [GROUND, GROUND]);
}

/// A mark is drawn where its map takes it, and not at all when that is behind the camera.
#[test]
fn a_mark_is_drawn_where_it_is_now() {
    let dot = mark(Geometry::Freehand { points: vec![point(0.25, 0.25); 2] }, 0.02);
    let mut picture = ground(640, 360);
    let moved = [1.0, 0.0, 0.5, 0.0, 1.0, 0.25, 0.0, 0.0, 1.0];
    draw(&mut picture, &[(&dot, &position(State::Tracked, moved, None))]);
    assert_eq!([at(&picture, 480, 180), at(&picture, 160, 90)], [CYAN, GROUND]);
    let mut untouched = ground(640, 360);
    draw(&mut untouched, &[(&dot, &position(State::Tracked, moved.map(|v| -v), None)), (&dot, &lost(None))]);
    assert!(untouched == ground(640, 360));
}

/// What is only about there is paler, colour and casing, also where its line crosses itself.
#[test]
fn about_there_is_paler() {
    let cross = [(0.25, 0.5), (0.75, 0.5), (0.75, 0.25), (0.5, 0.25), (0.5, 0.75)].map(|(x, y)| point(x, y));
    let picture = drawn(Geometry::Freehand { points: cross.to_vec() }, State::Approximate);
    let half = |colour: [u8; 3]| [0, 1, 2].map(|part| u8::midpoint(colour[part], GROUND[part]));
    for (x, y, colour) in [(500, 360, CYAN), (640, 360, CYAN), (500, 354, BLACK)] {
        let differs = at(&picture, x, y).iter().zip(half(colour)).any(|(a, b)| a.abs_diff(b) > 1);
        assert!(!differs, "{:?} at {x}, {y}", at(&picture, x, y));
    }
}

/// A lost mark is a dashed ring at its ghost, pointing where the mark went, and nothing where the mark was drawn.
#[test]
fn a_lost_mark_is_a_ghost_at_the_edge() {
    let line = mark(Geometry::Freehand { points: vec![point(0.4, 0.5), point(0.6, 0.5)] }, 0.01);
    let shown = |direction| {
        let mut picture = ground(1280, 720);
        draw(&mut picture, &[(&line, &lost(Some(Ghost { at: point(1.0, 0.5), direction })))]);
        picture
    };
    let (known, unknown) = (shown(Some(0.0)), shown(None));
    assert_eq!(at(&known, 640, 360), GROUND);
    // The ring is drawn wholly inside: its middle is two radii of 23 pixels from the edge.
    let (middle, radius) = (Vec2::new(1280.0 - 46.08, 360.0), 23.04);
    let on_ring = (0..360).map(|degrees| middle + Vec2::from_angle((degrees as f32).to_radians()) * radius);
    let inked = on_ring.filter(|at_| at(&known, at_.x as usize, at_.y as usize) == CYAN).count();
    assert!((90..250).contains(&inked), "{inked} of 360 degrees: dashes, and gaps between them");
    let tip = (middle.x + 1.5 * radius) as usize;
    assert_eq!([at(&known, tip, 360), at(&unknown, tip, 360)], [CYAN, GROUND]);
}

fn any_number() -> impl Strategy<Value = f32> {
    prop_oneof![4 => -2.0f32..3.0, 1 => any::<f32>(), 1 => Just(f32::NAN), 1 => Just(f32::INFINITY), 1 => -1e30f32..1e30]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// No coordinate, map, width or direction, finite or not, brings the drawing down, in a picture of any size.
    #[test]
    fn nothing_brings_the_drawing_down(
        numbers in proptest::collection::vec(any_number(), 20), kind in 0..5, state in 0..3, plain: bool,
        (width, height) in (0u32..200, 0u32..120),
    ) {
        let p = |index: usize| point(numbers[index], numbers[index + 1]);
        let geometry = match kind {
            0 => Geometry::Point { at: p(0) },
            1 => Geometry::Arrow { from: p(0), to: p(2) },
            2 => Geometry::Freehand { points: vec![p(0), p(2), p(4), p(0)] },
            3 => Geometry::Rectangle { from: p(0), to: p(2) },
            _ => Geometry::Ellipse { from: p(0), to: p(2) },
        };
        let map = if plain { AS_DRAWN } else { std::array::from_fn(|index| numbers[6 + index]) };
        let ghost = Ghost { at: p(15), direction: Some(numbers[17]) };
        let position = match state {
            0 => position(State::Tracked, map, None),
            1 => position(State::Approximate, map, None),
            _ => lost(Some(ghost)),
        };
        let mut picture = ground(width, height);
        draw(&mut picture, &[(&mark(geometry, numbers[18]), &position)]);
        prop_assert_eq!(picture.bytes.len(), 3 * width as usize * height as usize);
    }
}
