//! The whole frame path with the real encoder, by its public calls.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::mpsc::channel;

use handlens_media::{Config, Frame, FrameSink, Layout, Report, Rotation, Size, Verdict};

/// A phone held upright gives a lying picture and says so: what is sent stands. When the link is thin it is smaller, and
/// the reply says the same size in the camera's own orientation.
#[test]
fn a_turned_phone_sends_an_upright_picture() {
    let (sent, received) = channel();
    let output = move |coded: handlens_media::sink::Coded<'_>| {
        sent.send((coded.frame.capture_us, coded.key.map(|sequence| (sequence.codec.clone(), sequence.size)))).unwrap();
    };
    let mut sink = FrameSink::start(Config::default(), Box::new(output)).unwrap();
    let size = Size::new(1280, 720);
    let (y, uv) = (vec![90; 1280 * 720], vec![128; 1280 * 360]);
    let frame = |capture_us| Frame {
        rotation: Rotation::from_degrees(90).unwrap(),
        ..Frame::new(capture_us, size, Layout::nv12(size))
    };
    let reply = sink.submit_planes(&y, &uv, &frame(1_000));
    assert_eq!((reply.verdict, reply.size), (Verdict::Taken, size));
    let upright = ("avc1.42c01f".to_owned(), Size::new(720, 1280));
    assert_eq!(received.recv().unwrap(), (1_000, Some(upright)));
    sink.report(1, Report { received_bps: 200_000.0, queue_delay_ms: 800.0, loss: 0.0 }, 0);
    let reply = sink.submit_planes(&y, &uv, &frame(200_000));
    assert_eq!((reply.verdict, reply.size), (Verdict::Taken, Size::new(640, 360)));
    let (capture_us, key) = received.recv().unwrap();
    assert_eq!((capture_us, key.map(|(_, size)| size)), (200_000, Some(Size::new(360, 640))));
    sink.close();
    assert_eq!((sink.counters().encoded, sink.counters().dropped.total()), (2, 0));
}
