//! A frame as it comes from a camera: borrowed bytes, and one record about them.
//!
//! Everything here comes from outside (a driver, a JNI call, a file), so a [`View`] is only made after sizes, strides and
//! lengths were checked; whoever holds one reads rows without a further look.

use handlens_protocol::pose::{self, Intrinsics, Pose};

/// The longest side of a picture, pixels. OpenH264 takes no more than 3840 × 2160.
pub const MAX_SIDE: u32 = 3840;
/// The most pixels of a picture.
pub const MAX_PIXELS: u32 = 3840 * 2160;
/// The shortest side of a picture, pixels: one macroblock.
pub const MIN_SIDE: u32 = 16;
/// Bytes between two rows, at most: four times the widest RGBA row, for drivers that pad.
pub const MAX_STRIDE: u32 = MAX_SIDE * 16;
/// Capture times are said in JSON too, where a number is exact up to here (2^53 − 1), µs.
pub const MAX_CAPTURE_US: u64 = (1 << 53) - 1;

/// Why bytes and record are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A side is odd; chroma is halved in both directions.
    #[error("a picture of {width} × {height} pixels: both sides must be even")]
    OddSize {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// Too small or too large.
    #[error("a picture of {width} × {height} pixels: sides are 16 to 3840 pixels, at most 3840 × 2160 in all")]
    Size {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// Rows would overlap, or lie absurdly far apart.
    #[error("{stride} bytes from row to row of {row} bytes")]
    Stride {
        /// Bytes from the beginning of one row to the next.
        stride: u32,
        /// Bytes of a row.
        row: u32,
    },
    /// A plane ends before its last row does.
    #[error("a plane of {have} bytes, {need} are needed")]
    Short {
        /// Bytes there are.
        have: usize,
        /// Bytes there must be.
        need: usize,
    },
    /// Two planes were given for a layout that has another number of them.
    #[error("this layout does not come as a luma and a chroma plane")]
    Planes,
    /// Another angle than 0, 90, 180 or 270.
    #[error("a rotation of {0} degrees: it is 0, 90, 180 or 270")]
    Rotation(u32),
    /// A capture time that no clock of a device shows.
    #[error("a capture time of {0} µs is beyond 2^53")]
    CaptureTime(u64),
    /// A pose or a lens that cannot be.
    #[error(transparent)]
    Sight(#[from] pose::Invalid),
}

/// Width and height, pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Size {
    /// A size.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Width and height exchanged by a quarter turn.
    pub const fn turned(self, rotation: Rotation) -> Self {
        match rotation {
            Rotation::None | Rotation::Half => self,
            Rotation::Quarter | Rotation::ThreeQuarters => Self { width: self.height, height: self.width },
        }
    }

    /// Each side divided, and rounded down to an even number.
    pub const fn shrunk(self, scale: Scale) -> Self {
        let factor = scale.factor();
        Self { width: (self.width / factor) & !1, height: (self.height / factor) & !1 }
    }

    /// The longer side, pixels.
    pub const fn long_side(self) -> u32 {
        if self.width > self.height { self.width } else { self.height }
    }

    /// Whether a picture may have this size.
    ///
    /// # Errors
    /// [`Invalid::OddSize`] and [`Invalid::Size`].
    pub const fn check(self) -> Result<(), Invalid> {
        let Self { width, height } = self;
        if width < MIN_SIDE || height < MIN_SIDE || width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS
        {
            return Err(Invalid::Size { width, height });
        }
        if width % 2 != 0 || height % 2 != 0 {
            return Err(Invalid::OddSize { width, height });
        }
        Ok(())
    }
}

/// By how much a picture is made smaller, in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As it is.
    Full,
    /// A quarter of the pixels.
    Half,
    /// A sixteenth of the pixels.
    Quarter,
}

impl Scale {
    /// 1, 2 or 4.
    pub const fn factor(self) -> u32 {
        match self {
            Self::Full => 1,
            Self::Half => 2,
            Self::Quarter => 4,
        }
    }

    /// The least shrinking that brings the long side of `size` to `limit` pixels, and leaves a picture the encoder takes.
    pub fn to_fit(size: Size, limit: u32) -> Self {
        let possible = |scale: &Self| {
            let Size { width, height } = size.shrunk(*scale);
            width >= MIN_SIDE && height >= MIN_SIDE
        };
        let mut best = Self::Full;
        for scale in [Self::Full, Self::Half, Self::Quarter].into_iter().filter(possible) {
            best = scale;
            if size.long_side() <= limit.saturating_mul(scale.factor()) {
                break;
            }
        }
        best
    }
}

/// How the bytes of a frame lie. Strides are bytes from one row to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Luma, then Cb, then Cr, each a plane.
    I420 {
        /// Of the luma plane.
        y_stride: u32,
        /// Of each chroma plane.
        uv_stride: u32,
    },
    /// Luma, then pairs of Cb and Cr (`420v`, `420f`; most Android cameras).
    Nv12 {
        /// Of the luma plane.
        y_stride: u32,
        /// Of the plane of pairs.
        uv_stride: u32,
    },
    /// Luma, then pairs of Cr and Cb (older Android cameras).
    Nv21 {
        /// Of the luma plane.
        y_stride: u32,
        /// Of the plane of pairs.
        uv_stride: u32,
    },
    /// Red, green, blue and an alpha that is ignored: synthetic scenes. It costs one more pass.
    Rgba {
        /// Of the one plane.
        stride: u32,
    },
}

impl Layout {
    /// I420 without padding.
    pub const fn i420(size: Size) -> Self {
        Self::I420 { y_stride: size.width, uv_stride: size.width / 2 }
    }

    /// NV12 without padding.
    pub const fn nv12(size: Size) -> Self {
        Self::Nv12 { y_stride: size.width, uv_stride: size.width }
    }
}

/// By how much the picture has to be turned clockwise to stand upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rotation {
    /// It stands.
    #[default]
    None,
    /// 90° clockwise.
    Quarter,
    /// 180°.
    Half,
    /// 270° clockwise.
    ThreeQuarters,
}

impl Rotation {
    /// The rotation of so many degrees clockwise, as Android's `getRelativeImageRotation` and `EXIF` say it.
    ///
    /// # Errors
    /// [`Invalid::Rotation`] for all but 0, 90, 180 and 270.
    pub const fn from_degrees(degrees: u32) -> Result<Self, Invalid> {
        match degrees {
            0 => Ok(Self::None),
            90 => Ok(Self::Quarter),
            180 => Ok(Self::Half),
            270 => Ok(Self::ThreeQuarters),
            other => Err(Invalid::Rotation(other)),
        }
    }
}

/// What the platform knew of the camera when it took the picture, as `handlens_protocol::pose` says it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sight {
    /// The lens, for the picture as submitted (before it is turned).
    pub intrinsics: Option<Intrinsics>,
    /// Where the camera was.
    pub pose: Option<Pose>,
    /// How far the pose can be trusted.
    pub tracking: TrackingState,
}

/// ARKit's `trackingState`; ARCore's `TRACKING` is `Normal`, its `PAUSED` with a reason is `Limited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrackingState {
    /// There is no pose.
    #[default]
    NotAvailable,
    /// There is one, and it may drift or jump.
    Limited,
    /// There is one.
    Normal,
}

/// Everything about a frame but its bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// When it was taken, µs on the device's monotonic clock; the same number goes with video, pose and marks.
    pub capture_us: u64,
    /// The size of the bytes as they lie, before they are turned. For an encoded unit, of its picture.
    pub size: Size,
    /// How the bytes lie; an encoded unit does not look at it.
    pub layout: Layout,
    /// How it has to be turned to stand upright.
    pub rotation: Rotation,
    /// What the platform knew of the camera then.
    pub sight: Sight,
}

impl Frame {
    /// A frame of `size` that stands upright and knows nothing of its pose.
    pub const fn new(capture_us: u64, size: Size, layout: Layout) -> Self {
        let sight = Sight { intrinsics: None, pose: None, tracking: TrackingState::NotAvailable };
        Self { capture_us, size, layout, rotation: Rotation::None, sight }
    }

    /// Whether the record can be true.
    ///
    /// # Errors
    /// [`Invalid`], for size, capture time and numbers that cannot be.
    pub fn check(&self) -> Result<(), Invalid> {
        self.size.check()?;
        if self.capture_us > MAX_CAPTURE_US {
            return Err(Invalid::CaptureTime(self.capture_us));
        }
        self.sight.intrinsics.as_ref().map_or(Ok(()), Intrinsics::check)?;
        self.sight.pose.as_ref().map_or(Ok(()), Pose::check)?;
        Ok(())
    }
}

/// One plane of a picture: rows of bytes, `stride` apart. Made only after its bounds were checked.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    bytes: &'a [u8],
    stride: usize,
    row: usize,
}

impl<'a> Plane<'a> {
    /// `rows` rows of `row` bytes.
    fn new(bytes: &'a [u8], stride: u32, row: u32, rows: u32) -> Result<Self, Invalid> {
        if stride < row || stride > MAX_STRIDE || row == 0 {
            return Err(Invalid::Stride { stride, row });
        }
        // At most 61440 × 3840 + 15360: it fits 32 bits.
        let need = (stride * rows.saturating_sub(1) + row) as usize;
        let bytes = bytes.get(..need).ok_or(Invalid::Short { have: bytes.len(), need })?;
        Ok(Self { bytes, stride: stride as usize, row: row as usize })
    }

    /// The rows, without what pads them.
    pub fn rows(self) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator {
        self.bytes.chunks(self.stride).map(move |row| &row[..self.row])
    }
}

/// A picture that lies in somebody else's memory, checked.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    size: Size,
    planes: Planes<'a>,
}

/// The planes of a [`View`].
#[derive(Debug, Clone, Copy)]
pub enum Planes<'a> {
    /// Luma, Cb, Cr.
    Planar {
        /// Luma.
        y: Plane<'a>,
        /// Cb.
        u: Plane<'a>,
        /// Cr.
        v: Plane<'a>,
    },
    /// Luma and pairs.
    Pairs {
        /// Luma.
        y: Plane<'a>,
        /// Pairs of chroma.
        uv: Plane<'a>,
        /// Cr comes first.
        swapped: bool,
    },
    /// Four bytes a pixel.
    Rgba(Plane<'a>),
}

impl<'a> View<'a> {
    /// A frame whose planes follow each other in `pixels`.
    ///
    /// # Errors
    /// [`Invalid`], when the bytes cannot be that picture.
    pub fn contiguous(pixels: &'a [u8], frame: &Frame) -> Result<Self, Invalid> {
        frame.check()?;
        let Size { height, .. } = frame.size;
        match frame.layout {
            Layout::I420 { y_stride, .. } | Layout::Nv12 { y_stride, .. } | Layout::Nv21 { y_stride, .. } => {
                let luma = checked_stride(y_stride, frame.size.width)? as usize * height as usize;
                let (y, rest) =
                    pixels.split_at_checked(luma).ok_or(Invalid::Short { have: pixels.len(), need: luma })?;
                Self::planes(y, rest, frame)
            }
            Layout::Rgba { stride } => {
                let plane = Plane::new(pixels, stride, frame.size.width * 4, height)?;
                Ok(Self { size: frame.size, planes: Planes::Rgba(plane) })
            }
        }
    }

    /// A frame of two pieces, as a `CVPixelBuffer` has them: luma, and all chroma (for I420: Cb and then Cr).
    ///
    /// # Errors
    /// [`Invalid`], when the bytes cannot be that picture.
    pub fn planes(y: &'a [u8], uv: &'a [u8], frame: &Frame) -> Result<Self, Invalid> {
        frame.check()?;
        let Size { width, height } = frame.size;
        let planes = match frame.layout {
            Layout::I420 { y_stride, uv_stride } => {
                let chroma = checked_stride(uv_stride, width / 2)? as usize * (height / 2) as usize;
                let (u, v) = uv.split_at_checked(chroma).ok_or(Invalid::Short { have: uv.len(), need: chroma })?;
                Planes::Planar {
                    y: Plane::new(y, y_stride, width, height)?,
                    u: Plane::new(u, uv_stride, width / 2, height / 2)?,
                    v: Plane::new(v, uv_stride, width / 2, height / 2)?,
                }
            }
            Layout::Nv12 { y_stride, uv_stride } | Layout::Nv21 { y_stride, uv_stride } => Planes::Pairs {
                y: Plane::new(y, y_stride, width, height)?,
                uv: Plane::new(uv, uv_stride, width, height / 2)?,
                swapped: matches!(frame.layout, Layout::Nv21 { .. }),
            },
            Layout::Rgba { .. } => return Err(Invalid::Planes),
        };
        Ok(Self { size: frame.size, planes })
    }

    /// Pixels.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// The planes.
    pub const fn parts(&self) -> Planes<'a> {
        self.planes
    }
}

/// An I420 picture of our own, without padding. Its memory is used again for the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    size: Size,
    bytes: Vec<u8>,
}

impl Default for Picture {
    fn default() -> Self {
        Self { size: Size::new(0, 0), bytes: Vec::new() }
    }
}

impl Picture {
    /// Makes it a picture of `size`, of whatever was there; keeps the memory.
    ///
    /// # Errors
    /// [`Invalid`], for a size no picture has.
    pub fn reshape(&mut self, size: Size) -> Result<(), Invalid> {
        size.check()?;
        self.lay(size);
        Ok(())
    }

    /// The same for a size that was checked.
    pub(crate) fn lay(&mut self, size: Size) {
        self.size = size;
        let pixels = size.width as usize * size.height as usize;
        self.bytes.resize(pixels + pixels / 2, 0);
    }

    /// Pixels.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// All bytes: luma, Cb, Cr.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Luma, Cb and Cr.
    pub fn planes(&self) -> (&[u8], &[u8], &[u8]) {
        let quarter = self.bytes.len() / 6;
        let (y, chroma) = self.bytes.split_at(quarter * 4);
        let (u, v) = chroma.split_at(quarter);
        (y, u, v)
    }

    /// Luma, Cb and Cr, to be written.
    pub fn planes_mut(&mut self) -> (&mut [u8], &mut [u8], &mut [u8]) {
        let quarter = self.bytes.len() / 6;
        let (y, chroma) = self.bytes.split_at_mut(quarter * 4);
        let (u, v) = chroma.split_at_mut(quarter);
        (y, u, v)
    }
}

fn checked_stride(stride: u32, row: u32) -> Result<u32, Invalid> {
    if stride < row || stride > MAX_STRIDE { Err(Invalid::Stride { stride, row }) } else { Ok(stride) }
}

#[cfg(test)]
mod tests;
