//! Where frames come from when there is no phone.
//!
//! [`Scene`] is a phone in somebody's hand over a photograph on a table: it shakes, blurs, is noisy, and knows exactly
//! where everything is. It holds no clock and no thread: ask it for the picture of a moment.
//!
//! ```
//! use handlens_media::camera::{Scene, Script};
//! use handlens_media::frame::{Frame, Layout, Picture, Size};
//! # let jpeg = include_bytes!("../../../tests/data/coffee.jpg");
//!
//! let scene = Scene::open(jpeg, 7, Size::new(320, 180), Script::default())?;
//! let mut picture = Picture::default();
//! scene.frame(1_000_000, &mut picture);
//! let frame = Frame::new(1_000_000, scene.size(), Layout::i420(scene.size()));
//! // … sink.submit_pixels(picture.bytes(), &frame), and where the middle of the photograph is seen:
//! let [a, b, c, d, e, f, g, h, i] = scene.truth(1_000_000);
//! let (x, y, w) = (a * 0.5 + b * 0.5 + c, d * 0.5 + e * 0.5 + f, g * 0.5 + h * 0.5 + i);
//! assert!((x / w - 0.5).abs() < 0.3 && (y / w - 0.5).abs() < 0.4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//!  motion ── where the hand holds the camera ─▶ sight ── where a texel is seen ─┐
//!  print ── the photograph, as fine as the camera can see ──────────────────────┴▶ raster ── I420 ◀── hand, in between
//! ```

mod hand;
mod motion;
mod print;
mod raster;
mod scene;
mod sight;

pub use scene::{Error, Scene, Script};
