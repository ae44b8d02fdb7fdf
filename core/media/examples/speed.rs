//! How fast this machine encodes: `cargo run --release -p handlens-media --example speed`.
//!
//! 720p, NV12 in, low complexity, one thread, 1.5 Mbit/s: through the sink as a camera would, each frame as soon as the one
//! before it is out. Below 150 frames a second on a laptop, `nasm` was missing when it was built.

use std::sync::mpsc::channel;
use std::time::Instant;

use handlens_media::{Config, Frame, FrameSink, Layout, Size, Verdict};

const FRAMES: u64 = 600;
const SIZE: Size = Size::new(1280, 720);

#[expect(clippy::print_stdout, reason = "it measures for a person")]
#[expect(clippy::cast_precision_loss, reason = "a few hundred frames")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (done, ready) = channel();
    let sink = FrameSink::start(
        Config::default(),
        Box::new(move |coded| {
            let _ = done.send(coded.unit.len());
        }),
    )?;
    let scenes: Vec<Vec<u8>> = (0..30).map(scene).collect();
    let (mut bytes, mut shown) = (0, 0);
    let begin = Instant::now();
    for (step, scene) in (0..FRAMES).zip(scenes.iter().cycle()) {
        let frame = Frame::new(step * 33_333, SIZE, Layout::nv12(SIZE));
        let Verdict::Taken = sink.submit_pixels(scene, &frame).verdict else { continue };
        // The sink drops what does not fit the bitrate; nothing comes out for that.
        while sink.counters().waiting > 0 {
            std::thread::yield_now();
        }
        while let Ok(length) = ready.try_recv() {
            (bytes, shown) = (bytes + length, shown + 1);
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let rate = bytes as f64 * 8.0 * 30.0 / FRAMES as f64 / 1e6;
    println!(
        "{:.0} frames/s of 1280 × 720 ({shown} of {FRAMES} sent, {rate:.2} Mbit/s at 30 frames/s)",
        FRAMES as f64 / seconds
    );
    println!("{:?}", sink.counters());
    Ok(())
}

/// Soft waves that move, with a fine pattern on them.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
fn scene(step: u32) -> Vec<u8> {
    // Back and forth, so that thirty pictures make an endless film.
    let shift = f64::from(step.min(30 - step));
    let sample = |x: u32, y: u32| {
        let (x, y) = (f64::from(x) + 3.0 * shift, f64::from(y) + shift);
        ((x / 23.0).sin() * 40.0 + (y / 17.0).cos() * 40.0 + (x * y / 900.0).sin() * 8.0 + 128.0).clamp(16.0, 235.0)
            as u8
    };
    let luma = (0..SIZE.height).flat_map(|y| (0..SIZE.width).map(move |x| sample(x, y)));
    let chroma = (0..SIZE.height / 2).flat_map(|y| (0..SIZE.width).map(move |x| sample(x, y) / 4 + 96));
    luma.chain(chroma).collect()
}
