//! How long a frame takes, and a mark when it is drawn: `cargo run --release -p handlens-anchor --example speed`.
//!
//! 640×360, a hand-held camera as in the tests, without poses; with no mark and with five.

#![allow(
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a benchmark speaks, and counts small things"
)]

#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../tests/scene/mod.rs"]
mod scene;

use std::time::{Duration, Instant};

use handlens_anchor::{Anchors, Error, GreyFrame};
use handlens_protocol::mark::{Colour, Geometry, Mark, Point, Style};
use handlens_protocol::{MarkId, ParticipantId};
use scene::{FRAME_US, HEIGHT, Scene, Script, WIDTH};

fn main() -> Result<(), Error> {
    let mut scene = Scene::new(1, Script { shake: 1.0, ..Script::default() });
    let frames: Vec<Vec<u8>> = (0..90).map(|frame| scene.frame(f64::from(frame) / 30.0)).collect();
    for marks in [0_u8, 1, 5, 16] {
        let mut anchors = Anchors::new();
        let (mut times, mut drawn): (Vec<Duration>, _) = (Vec::new(), Duration::ZERO);
        for (index, pixels) in frames.iter().enumerate() {
            let capture_us = index as u64 * FRAME_US;
            let frame = GreyFrame::new(pixels, WIDTH, HEIGHT, WIDTH)?;
            let begin = Instant::now();
            anchors.observe(frame, capture_us, None)?;
            times.push(begin.elapsed());
            if index == 0 {
                let begin = Instant::now();
                for number in 0..marks {
                    anchors.add(mark(number))?;
                }
                drawn = begin.elapsed() / u32::from(marks.max(1));
            }
        }
        times.sort();
        let (p50, p95) = (times[times.len() / 2], times[times.len() * 95 / 100]);
        println!("{marks} marks: p50 {p50:?}, p95 {p95:?} a frame; {drawn:?} to draw one");
    }
    Ok(())
}

fn mark(number: u8) -> Mark {
    let at = Point { x: 0.2 + 0.15 * f32::from(number % 5), y: 0.3 + 0.1 * f32::from(number / 5) };
    Mark {
        v: 1,
        id: MarkId::from_bytes([number; 16]),
        author: ParticipantId::from_bytes([1; 16]),
        camera: ParticipantId::from_bytes([2; 16]),
        capture_us: 0,
        geometry: Geometry::Point { at },
        style: Style { colour: Colour::Cyan, width: 0.004 },
        patch: None,
    }
}
