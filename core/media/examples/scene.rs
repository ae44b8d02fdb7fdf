//! What the scene's camera sees, to look at: `cargo run -p handlens-media --example scene -- PHOTO.jpg FOLDER [FRAMES]`.
//!
//! Writes pictures of 1280 × 720, three a second, with one mark of each kind drawn by the truth: each stays on its thing. A hand
//! passes, a light is switched, the camera looks away. Says how long a picture takes, beside the 33 ms there are for it.

use std::path::Path;
use std::time::{Duration, Instant};

use handlens_media::camera::{Scene, Script};
use handlens_media::encode::Colour;
use handlens_media::frame::Picture;
use handlens_media::{overlay, still};
use handlens_protocol::mark::{self, Geometry, Ghost, LostReason, Mark, Point, Position, State, Style};
use handlens_protocol::{MarkId, ParticipantId};

/// Between two pictures, µs.
const STEP_US: u64 = 333_333;

#[expect(clippy::print_stdout, reason = "it measures for a person")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [photograph, folder, frames @ ..] = &arguments[..] else {
        return Err("usage: scene PHOTO.jpg FOLDER [FRAMES]".into());
    };
    let frames = frames.first().map_or(Ok(24), |text| text.parse::<u64>())?;
    let script = Script { hand: Some((2.5, 4.0)), away: Some((5.5, 7.0)), light: vec![4.5, 5.0], shake: 1.0 };
    let begin = Instant::now();
    let scene = Scene::open(&std::fs::read(photograph)?, 7, Scene::SIZE, script)?;
    println!("opened in {:?}", begin.elapsed());
    std::fs::create_dir_all(folder)?;
    let marks = marks();
    let (mut picture, mut times) = (Picture::default(), Vec::<Duration>::new());
    for capture_us in (0..frames).map(|frame| frame * STEP_US) {
        let begin = Instant::now();
        scene.frame(capture_us, &mut picture);
        times.push(begin.elapsed());
        let mut rgb = still::to_rgb(&picture, Colour::Bt601Limited);
        let positions: Vec<Position> = marks.iter().map(|mark| position(&scene, mark, capture_us)).collect();
        overlay::draw(&mut rgb, &marks.iter().zip(&positions).collect::<Vec<_>>());
        std::fs::write(Path::new(folder).join(format!("{capture_us:08}.jpg")), still::encode_rgb(&rgb, 90)?)?;
    }
    times.sort();
    if let (Some(least), Some(most)) = (times.first(), times.last()) {
        println!("{frames} pictures: {least:?} to {most:?} each, half of them below {:?}", times[times.len() / 2]);
    }
    Ok(())
}

/// One of each kind, drawn on the first picture.
fn marks() -> Vec<Mark> {
    let p = |x, y| Point { x, y };
    let wave = |index: u8| p(0.6 + f32::from(index) * 0.008, 0.75 + 0.05 * (f32::from(index) / 3.0).sin());
    let kinds = [
        (Geometry::Point { at: p(0.5, 0.5) }, mark::Colour::Yellow),
        (Geometry::Arrow { from: p(0.2, 0.25), to: p(0.35, 0.4) }, mark::Colour::Cyan),
        (Geometry::Freehand { points: (0..30).map(wave).collect() }, mark::Colour::Pink),
        (Geometry::Rectangle { from: p(0.6, 0.15), to: p(0.8, 0.35) }, mark::Colour::White),
        (Geometry::Ellipse { from: p(0.2, 0.6), to: p(0.4, 0.85) }, mark::Colour::Yellow),
    ];
    let who = ParticipantId::from_bytes([1; 16]);
    let mark = |(number, (geometry, colour)): (u8, (Geometry, mark::Colour))| Mark {
        v: 1,
        id: MarkId::from_bytes([number; 16]),
        author: who,
        camera: who,
        capture_us: 0,
        geometry,
        style: Style { colour, width: 0.006 },
        patch: None,
    };
    (0..).zip(kinds).map(mark).collect()
}

/// Where a mark is in truth; lost when it is out of view, only about there when the hand is over it.
#[expect(clippy::cast_possible_truncation, reason = "the wire has 32 bits for a place")]
fn position(scene: &Scene, mark: &Mark, capture_us: u64) -> Position {
    let map = scene.carried(mark.capture_us, capture_us).map(|part| part as f32);
    let mut position = Position { id: mark.id, state: State::Tracked, error_px: 0.0, map, ghost: None };
    let points = mark.geometry.points();
    let seen = |at: &Point| position.apply(*at).is_some_and(|at| [at.x, at.y].iter().all(|v| (0.0..=1.0).contains(v)));
    if !points.iter().any(seen) {
        let to = position.apply(points[0]).unwrap_or(Point { x: 0.0, y: 0.5 });
        let direction = Some((0.5625 * (to.y - 0.5)).atan2(to.x - 0.5));
        let at = Point { x: to.x.clamp(0.0, 1.0), y: to.y.clamp(0.0, 1.0) };
        position.state = State::Lost { reason: LostReason::OutOfView };
        position.ghost = Some(Ghost { at, direction });
    } else if position.apply(points[0]).is_some_and(|at| scene.covered(capture_us, at)) {
        position.state = State::Approximate;
    }
    position
}
