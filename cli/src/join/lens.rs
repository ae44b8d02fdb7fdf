//! The camera of a phone without a screen: a scene over a photograph, thirty pictures a second, on a thread of its own.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use handlens_client::{Camera, Visit, capture_us};
use handlens_media::Rotation;
use handlens_media::camera::{Scene, Script};
use handlens_media::frame::{Frame, Layout, Picture, TrackingState};
use handlens_protocol::pose::Sample;

use super::record::Recorder;

/// From one picture to the next, µs.
const INTERVAL_US: u64 = 33_333;
/// A cup of coffee, for whoever brings no photograph.
const COFFEE: &[u8] = include_bytes!("../../../tests/data/coffee.jpg");

/// A camera that runs until it is dropped.
pub(super) struct Lens {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lens {
    pub(super) fn open(
        photograph: Option<&[u8]>,
        seed: u64,
        tracking: bool,
        recorder: Option<Recorder>,
        visit: &Visit,
    ) -> Result<Self> {
        let scene = Scene::open(photograph.unwrap_or(COFFEE), seed, Scene::SIZE, Script::default())?;
        let camera = visit.camera();
        if tracking {
            camera.surfaces(&[scene.plane()]);
        }
        let running = Running { scene, camera, tracking, recorder, begun_us: capture_us(), posed_us: 0 };
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name("handlens-lens".to_owned()).spawn(move || running.run(&stopped));
        Ok(Self { stop: Some(stop), thread: Some(thread.context("no thread for the camera")?) })
    }
}

impl Drop for Lens {
    fn drop(&mut self) {
        self.stop = None;
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
}

impl Running {
    fn run(mut self, stopped: &Receiver<()>) {
        let mut picture = Picture::default();
        let mut due_us = self.begun_us;
        loop {
            let rest = Duration::from_micros(due_us.saturating_sub(capture_us()));
            match stopped.recv_timeout(rest) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
            let captured_us = due_us;
            self.take(captured_us, &mut picture);
            // A machine that cannot keep up takes fewer pictures, it does not fall behind.
            due_us = (due_us + INTERVAL_US).max(capture_us());
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
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.frame(captured_us, picture, self.scene.truth(scene_us))
        {
            tracing::warn!(%error, "nothing more is recorded");
            self.recorder = None;
        }
    }
}
