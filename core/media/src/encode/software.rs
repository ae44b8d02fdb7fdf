//! OpenH264: constrained baseline, one thread, low complexity, no B pictures, so nothing is ever delayed.

use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile, RateControlMode,
    UsageType, VuiConfig,
};
use openh264::formats::YUVSlices;
use openh264_sys2::{
    ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_FRAME_RATE, ENCODER_OPTION_MAX_BITRATE, LAYER_NUM,
    SBitrateInfo, SPATIAL_LAYER_0, SPATIAL_LAYER_ALL,
};

use super::{Colour, Encode, Error, Made, Order};
use crate::frame::{Picture, Size};
use crate::h264::sequence_of;
use crate::rate::MAX_BPS;

/// A bitrate this near to the last one is not worth telling the encoder, share.
const SAME_RATE: f64 = 0.05;

/// The software encoder. Made anew when the picture's size changes; bitrate and frame rate change in place.
pub(crate) struct Software {
    colour: Colour,
    running: Option<Running>,
}

struct Running {
    encoder: Encoder,
    size: Size,
    bps: u32,
    frame_rate: f32,
    /// Nothing came out yet; the settings can only be changed after the first picture.
    fresh: bool,
}

impl Software {
    pub(crate) const fn new(colour: Colour) -> Self {
        Self { colour, running: None }
    }

    fn running(&mut self, size: Size, order: Order) -> Result<&mut Running, Error> {
        let reusable = self.running.take().filter(|running| running.size == size);
        let mut running = match reusable {
            Some(running) => running,
            None => Running::start(self.colour, size, order)?,
        };
        running.adjust(order)?;
        Ok(self.running.insert(running))
    }
}

impl Encode for Software {
    fn encode(&mut self, picture: &Picture, order: Order, unit: &mut Vec<u8>) -> Result<Made, Error> {
        let made = self.running(picture.size(), order)?.encode(picture, order, unit);
        if made.is_err() {
            self.running = None;
        }
        made
    }
}

impl Running {
    fn start(colour: Colour, size: Size, order: Order) -> Result<Self, Error> {
        let frame_rate = frame_rate(order);
        let vui = match colour {
            Colour::Bt601Limited => VuiConfig::bt601(),
            Colour::Bt601Full => VuiConfig::bt601().full_range(true),
            Colour::Bt709Limited => VuiConfig::bt709(),
            Colour::Bt709Full => VuiConfig::bt709_full(),
        };
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .rate_control_mode(RateControlMode::Bitrate)
            .bitrate(BitRate::from_bps(order.bps))
            .max_frame_rate(FrameRate::from_hz(frame_rate))
            .profile(Profile::Baseline)
            .complexity(Complexity::Low)
            .num_threads(1)
            // Key frames come when they are ordered: a join, a loss, the end of a group.
            .intra_frame_period(IntraFramePeriod::from_num_frames(0))
            .scene_change_detect(false)
            .skip_frames(true)
            .vui(vui);
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config)?;
        Ok(Self { encoder, size, bps: order.bps, frame_rate, fresh: true })
    }

    fn adjust(&mut self, order: Order) -> Result<(), Error> {
        if self.fresh {
            return Ok(());
        }
        if f64::from(order.bps.abs_diff(self.bps)) > f64::from(self.bps) * SAME_RATE {
            set_bitrate(&mut self.encoder, ENCODER_OPTION_BITRATE, SPATIAL_LAYER_ALL, order.bps)?;
            self.bps = order.bps;
        }
        let mut frame_rate = frame_rate(order);
        if (frame_rate - self.frame_rate).abs() > 0.5 {
            self.frame_rate = frame_rate;
            set(&mut self.encoder, ENCODER_OPTION_FRAME_RATE, &mut frame_rate)?;
        }
        Ok(())
    }

    fn encode(&mut self, picture: &Picture, order: Order, unit: &mut Vec<u8>) -> Result<Made, Error> {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let source = YUVSlices::new(picture.planes(), (width, height), (width, width / 2, width / 2));
        if order.key && !self.fresh {
            self.encoder.force_intra_frame();
        }
        let made = self.encoder.encode_at(&source, openh264::Timestamp::from_millis(order.capture_us / 1000))?;
        made.write_vec(unit);
        let kind = made.frame_type();
        if self.fresh {
            self.fresh = false;
            // The library starts with its present bitrate as the highest one that its only layer may ever be told.
            set_bitrate(&mut self.encoder, ENCODER_OPTION_MAX_BITRATE, SPATIAL_LAYER_0, MAX_BPS)?;
        }
        match kind {
            FrameType::IDR => sequence_of(unit).map(Made::Key).ok_or(Error::NoSequence),
            FrameType::P | FrameType::I | FrameType::IPMixed if !unit.is_empty() => Ok(Made::Delta),
            FrameType::Skip | FrameType::Invalid | FrameType::P | FrameType::I | FrameType::IPMixed => {
                Ok(Made::Skipped)
            }
        }
    }
}

/// Frames a second of an order, in tenths; OpenH264 knows no less than one, and takes the next level for 30.0003.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "1 to 60 with one digit")]
fn frame_rate(order: Order) -> f32 {
    ((1e7 / order.interval_us.max(1) as f64).round() / 10.0).clamp(1.0, 60.0) as f32
}

fn set_bitrate(encoder: &mut Encoder, option: ENCODER_OPTION, layer: LAYER_NUM, bps: u32) -> Result<(), Error> {
    let bps = i32::try_from(bps).unwrap_or(i32::MAX);
    set(encoder, option, &mut SBitrateInfo { iLayer: layer, iBitrate: bps })
}

/// Changes one setting while the encoder runs: `openh264` has no call for it, and a new encoder for each new bitrate
/// would begin with a key frame on the very link that is full.
#[expect(unsafe_code, reason = "the C library's own call; everything else of it is behind `openh264`")]
fn set<T>(encoder: &mut Encoder, option: ENCODER_OPTION, value: &mut T) -> Result<(), Error> {
    // SAFETY: `encoder` has encoded a picture (`fresh` is false, or is set so just before), so it is initialised. `value`
    // has the C type of `option` (codec_api.h: SBitrateInfo for BITRATE and MAX_BITRATE, float for FRAME_RATE), is
    // valid for the call, and is only read during it. None of the three is a parameter `openh264` leans on.
    let code = unsafe { encoder.raw_api().set_option(option, std::ptr::from_mut(value).cast()) };
    if code == 0 { Ok(()) } else { Err(Error::Setting(code)) }
}
