//! Where a platform's camera pushes its frames: synchronous, borrowed, from any thread.

use std::fmt;
use std::sync::Arc;

use handlens_media::frame::View;
use handlens_media::{Frame, FrameReply, Rotation};
use handlens_protocol::pose::{Plane, Sample};

use crate::marks::Marks;
use crate::publish::Publisher;

/// The way in for frames. Cheap to clone; frames of a visit that is over are counted and dropped.
#[derive(Clone)]
pub struct Camera {
    publisher: Arc<Publisher>,
    marks: Arc<Marks>,
}

impl Camera {
    pub(crate) const fn new(publisher: Arc<Publisher>, marks: Arc<Marks>) -> Self {
        Self { publisher, marks }
    }

    /// Takes a frame whose planes follow each other in `pixels`. Stamp it with [`crate::capture_us`]'s clock.
    pub fn frame(&self, pixels: &[u8], frame: &Frame) -> FrameReply {
        self.look(pixels, frame);
        self.publisher.sink().submit_pixels(pixels, frame)
    }

    /// Takes a frame of two pieces, luma and all chroma, as a `CVPixelBuffer` has them.
    pub fn planes(&self, y: &[u8], uv: &[u8], frame: &Frame) -> FrameReply {
        if let Ok(view) = View::planes(y, uv, frame) {
            self.marks.look(view, frame, self.publisher.is_watched());
        }
        self.publisher.sink().submit_planes(y, uv, frame)
    }

    /// Looks at the pixels of a frame that a hardware encoder takes, so that marks stay on their things; nothing is encoded.
    /// Its capture time must be that of the encoded picture.
    pub fn look(&self, pixels: &[u8], frame: &Frame) {
        // What is no frame is counted by the frame path.
        if let Ok(view) = View::contiguous(pixels, frame) {
            self.marks.look(view, frame, self.publisher.is_watched());
        }
    }

    /// Takes poses of the camera as it lies, at their own times: those before a frame should come before it. `rotation` is
    /// that of the frames. Poses that cannot be are left out.
    pub fn poses(&self, samples: &[Sample], rotation: Rotation) {
        self.marks.poses(samples, rotation);
    }

    /// Takes the planes that the platform knows now, in place of those before; the first 64 are looked at.
    pub fn surfaces(&self, planes: &[Plane]) {
        self.marks.planes(planes);
    }

    /// Takes a picture of a hardware encoder (Annex-B).
    pub fn encoded(&self, unit: &[u8], frame: &Frame) -> FrameReply {
        self.publisher.sink().submit_encoded(unit, frame)
    }
}

impl fmt::Debug for Camera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Camera")
    }
}
