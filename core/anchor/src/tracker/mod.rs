//! Following a piece of the picture without knowing anything of the world.
//!
//! ```text
//!  frame ─▶ pyramid ─▶ flow: how most of it moved ──guess──▶ align to the key frame ─▶ appearance: is it that? ─▶ sight
//!                                  search: lost, all over ──guess──▲                        cell by cell
//! ```

mod align;
mod appearance;
mod flow;
mod homography;
mod pyramid;
mod search;
mod solve;
mod template;
mod trail;
mod visual;

pub use homography::Homography;

pub(crate) use flow::{Flow, Motion};
pub(crate) use pyramid::{LEVELS, Pyramid};
pub(crate) use template::Template;
pub(crate) use trail::{KEPT_US as TRAIL_US, Trail};
pub(crate) use visual::{Sight, Verdict, VisualAnchor};
