//! The camera of a phone without a screen: a scene over a photograph, thirty pictures a second, on a thread of its own.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use handlens_client::{Camera, Visit, capture_us};
use handlens_media::camera::{Scene, Script};
use handlens_media::frame::{Frame, Layout, Picture, Size, TrackingState, View};
use handlens_media::{Colour, Rotation, still};
use handlens_protocol::pose::Sample;
use tokio::sync::oneshot;

use super::record::Recorder;

/// From one picture to the next, µs.
const INTERVAL_US: u64 = 33_333;
/// A cup of coffee, for whoever brings no photograph.
const COFFEE: &[u8] = include_bytes!("../../../tests/data/coffee.jpg");

/// Quality of a photo.
const QUALITY: u8 = 90;

/// A photo, as a phone's camera would give it.
pub(super) struct Shot {
    pub(super) jpeg: Vec<u8>,
    pub(super) size: Size,
    pub(super) capture_us: u64,
}

/// A camera that runs until it is dropped.
pub(super) struct Lens {
    /// Whoever wants a photo; dropped, it stops.
    wishes: Option<Sender<oneshot::Sender<Shot>>>,
    thread: Option<JoinHandle<()>>,
}

impl Lens {
    pub(super) fn open(
        photograph: Option<&[u8]>,
        seed: u64,
        size: Size,
        tracking: bool,
        recorder: Option<Recorder>,
        visit: &Visit,
    ) -> Result<Self> {
        let scene = Scene::open(photograph.unwrap_or(COFFEE), seed, size, Script::default())?;
        let camera = visit.camera();
        if tracking {
            camera.surfaces(&[scene.plane()]);
        }
        let running =
            Running { scene, camera, tracking, recorder, begun_us: capture_us(), posed_us: 0, wished: Vec::new() };
        let (wishes, wished) = channel();
        let thread = thread::Builder::new().name("handlens-lens".to_owned()).spawn(move || running.run(&wished));
        Ok(Self { wishes: Some(wishes), thread: Some(thread.context("no thread for the camera")?) })
    }
}

impl Lens {
    /// The next frame as a photo.
    pub(super) async fn photo(&self) -> Result<Shot> {
        let (wish, shot) = oneshot::channel();
        let wishes = self.wishes.as_ref().context("the camera stands")?;
        wishes.send(wish).context("the camera stands")?;
        shot.await.context("the camera gave no photo")
    }
}

impl Drop for Lens {
    fn drop(&mut self) {
        self.wishes = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was already printed.
            let _ = thread.join();
        }
    }
}

struct Running {
    scene: Scene,
    camera: Camera,
    tracking: bool,
    recorder: Option<Recorder>,
    /// When the scene's own time began.
    begun_us: u64,
    /// Up to when poses were given, in the scene's time.
    posed_us: u64,
    /// Who waits for a photo.
    wished: Vec<oneshot::Sender<Shot>>,
}

impl Running {
    fn run(mut self, wishes: &Receiver<oneshot::Sender<Shot>>) {
        let mut picture = Picture::default();
        let mut due_us = self.begun_us;
        loop {
            let rest = Duration::from_micros(due_us.saturating_sub(capture_us()));
            match wishes.recv_timeout(rest) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(wish) => {
                    self.wished.push(wish);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let captured_us = due_us;
            self.take(captured_us, &mut picture);
            // A machine that cannot keep up takes fewer pictures, it does not fall behind.
            due_us = (due_us + INTERVAL_US).max(capture_us());
        }
    }

    /// Gives the frame to whoever waits for a photo.
    fn expose(&mut self, picture: &Picture, frame: &Frame) {
        for wish in self.wished.drain(..) {
            let view = View::contiguous(picture.bytes(), frame).map_err(still::Error::from);
            match view.and_then(|view| still::encode(view, Colour::default(), QUALITY)) {
                // Who left waits no more.
                Ok(jpeg) => drop(wish.send(Shot { jpeg, size: frame.size, capture_us: frame.capture_us })),
                Err(error) => tracing::warn!(%error, "no photo"),
            }
        }
    }

    fn take(&mut self, captured_us: u64, picture: &mut Picture) {
        let begun_us = self.begun_us;
        let scene_us = captured_us - begun_us;
        self.scene.frame(scene_us, picture);
        let mut frame = Frame::new(captured_us, self.scene.size(), Layout::i420(self.scene.size()));
        if self.tracking {
            let samples = self.scene.poses(self.posed_us, scene_us + 1);
            self.posed_us = scene_us + 1;
            let shifted = |sample: Sample| Sample { capture_us: sample.capture_us + begun_us, ..sample };
            self.camera.poses(&samples.into_iter().map(shifted).collect::<Vec<_>>(), Rotation::None);
            frame.sight.intrinsics = Some(self.scene.intrinsics());
            frame.sight.tracking = TrackingState::Normal;
        }
        self.camera.frame(picture.bytes(), &frame);
        self.expose(picture, &frame);
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.frame(captured_us, picture, self.scene.truth(scene_us))
        {
            tracing::warn!(%error, "nothing more is recorded");
            self.recorder = None;
        }
    }
}
