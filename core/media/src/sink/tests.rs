//! The account of frames under a flood, with an encoder that waits for the test.

use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::encode::{Order, Refusal};
use crate::frame::Layout;
use crate::rate::MIN_BPS;

const SIZE: Size = Size::new(64, 48);
const STEP_US: u64 = 33_333;

/// Tells when a picture is inside of it, and lets it out when the test says so (or has let go of the gate).
struct Gated {
    inside: Sender<u64>,
    gate: Receiver<Result<Made, ()>>,
}

impl Encode for Gated {
    fn encode(&mut self, _: &Picture, order: Order, unit: &mut Vec<u8>) -> Result<Made, Error> {
        let _ = self.inside.send(order.capture_us); // not every test listens
        unit.push(u8::from(order.key));
        let key = Made::Key(Sequence { codec: "avc1.42c01f".to_owned(), size: SIZE });
        match self.gate.recv() {
            Ok(Ok(made)) => Ok(made),
            Ok(Err(())) => Err(Error::NoSequence),
            Err(_) if order.key => Ok(key),
            Err(_) => Ok(Made::Delta),
        }
    }
}

struct Rig {
    sink: FrameSink,
    inside: Receiver<u64>,
    gate: Sender<Result<Made, ()>>,
    /// Capture time, and whether it stands by itself.
    shown: Receiver<(u64, bool)>,
}

fn rig(depth: NonZeroUsize) -> Rig {
    let ((tell, inside), (gate, wait), (show, shown)) = (channel(), channel(), channel());
    let output: Output = Box::new(move |coded| show.send((coded.frame.capture_us, coded.key.is_some())).unwrap());
    let sink = FrameSink::with_encoder(Gated { inside: tell, gate: wait }, output, depth).unwrap();
    Rig { sink, inside, gate, shown }
}

fn frame(step: u64) -> Frame {
    Frame::new(step * STEP_US, SIZE, Layout::nv12(SIZE))
}

fn submit(sink: &FrameSink, step: u64) -> Verdict {
    sink.submit_pixels(&[128; 64 * 72], &frame(step)).verdict
}

/// A thousand frames while the encoder is busy with the first: how many wait then, and what is shown in the end.
fn flood(depth: NonZeroUsize) -> (Counters, Vec<u64>, Counters) {
    let Rig { mut sink, inside, gate, shown } = rig(depth);
    assert_eq!(submit(&sink, 1), Verdict::Taken);
    assert_eq!(inside.recv(), Ok(STEP_US));
    for step in 2..=1000 {
        assert_eq!(submit(&sink, step), Verdict::Taken);
        let Counters { submitted, encoded, dropped, waiting, .. } = sink.counters();
        assert_eq!(submitted, encoded + dropped.total() + waiting);
    }
    let during = sink.counters();
    drop(gate);
    let waiting = usize::try_from(during.waiting).unwrap();
    let seen = (0..waiting).map(|_| shown.recv().unwrap().0 / STEP_US).collect();
    sink.close();
    (during, seen, sink.counters())
}

/// Two frames wait and no more, the newest ones; every other one has its reason, and the sum is exact at every moment.
#[test]
fn a_flood_leaves_two_waiting_and_every_frame_accounted_for() {
    let (during, seen, after) = flood(QUEUE);
    assert_eq!((during.waiting, during.dropped.busy, during.encoded), (3, 997, 0));
    assert_eq!(seen, [1, 999, 1000]);
    let expected =
        Counters { submitted: 1000, encoded: 3, keys: 2, dropped: Drops { busy: 997, ..Drops::default() }, waiting: 0 };
    assert_eq!(after, expected);
}

/// The flood would find a queue without a bound (its control).
#[test]
fn a_queue_without_a_bound_would_be_noticed() {
    let (during, seen, _) = flood(NonZeroUsize::MAX);
    assert_eq!((during.waiting, during.dropped.busy, seen.len()), (1000, 0, 1000));
}

/// Whatever waits when the sink is closed is dropped with that reason, and so is what comes later.
#[test]
fn closing_accounts_for_what_waits() {
    let Rig { mut sink, inside, gate, shown } = rig(QUEUE);
    for step in 1..=3 {
        submit(&sink, step);
        if step == 1 {
            inside.recv().unwrap();
        }
    }
    // Close from another thread: it waits for the picture inside the encoder, which the test then lets out.
    let closing = thread::spawn(move || {
        sink.close();
        assert_eq!(submit(&sink, 4), Verdict::Dropped(DropReason::Closed));
        sink.counters()
    });
    gate.send(Ok(Made::Delta)).unwrap();
    drop(gate);
    let counters = closing.join().unwrap();
    assert_eq!(counters.waiting, 0);
    assert_eq!(counters.submitted, counters.encoded + counters.dropped.total());
    assert_eq!(u64::try_from(shown.iter().count()).unwrap(), counters.encoded);
}

/// Each reason is told in the reply and counted once.
#[test]
fn a_frame_that_is_not_wanted_is_told_why() {
    let Rig { mut sink, gate, shown, .. } = rig(QUEUE);
    drop(gate);
    let dropped = |reason| Verdict::Dropped(reason);
    assert_eq!(submit(&sink, 10), Verdict::Taken);
    assert_eq!(submit(&sink, 10), dropped(DropReason::Disordered));
    let soon = Frame { capture_us: 10 * STEP_US + 8_000, ..frame(0) };
    assert_eq!(sink.submit_pixels(&[0; 64 * 72], &soon).verdict, dropped(DropReason::Rate));
    sink.set_gate(Gate::Paused);
    assert_eq!(submit(&sink, 11), dropped(DropReason::Paused));
    sink.set_gate(Gate::Unwatched);
    assert_eq!(submit(&sink, 12), dropped(DropReason::Unwatched));
    sink.set_gate(Gate::Open);
    let short = Invalid::Short { have: 100, need: 64 * 48 };
    assert_eq!(sink.submit_pixels(&[0; 100], &frame(13)).verdict, dropped(DropReason::Invalid(short)));
    assert_eq!(shown.recv(), Ok((10 * STEP_US, true)));
    sink.close();
    let drops = Drops { rate: 1, unwatched: 1, paused: 1, invalid: 1, disordered: 1, ..Drops::default() };
    assert_eq!((sink.counters().submitted, sink.counters().encoded, sink.counters().dropped), (6, 1, drops));
}

/// One frame after the other through the encoder: key frames come first, when asked for, and before two seconds are over.
#[test]
fn a_key_frame_comes_on_demand_and_in_time() {
    let Rig { sink, gate, shown, .. } = rig(QUEUE);
    drop(gate);
    let mut keys = Vec::new();
    for step in 0..150 {
        if step == 20 {
            sink.want_key();
        }
        assert_eq!(submit(&sink, step), Verdict::Taken);
        let (capture_us, key) = shown.recv().unwrap();
        assert_eq!(capture_us, step * STEP_US);
        if key {
            keys.push(step);
        }
    }
    // 1.9 s are 57.0006 frames.
    assert_eq!(keys, [0, 20, 78, 136]);
}

/// A picture that did not fit, or a fault, costs that frame; the key frame that was ordered still comes; a broken
/// encoder rests a little longer each time.
#[test]
fn a_fault_is_counted_and_rested_from() {
    let Rig { mut sink, inside, gate, shown } = rig(QUEUE);
    let mut step = 0;
    let mut next = |answer| {
        // Frames during the rest are dropped as faults; the first one after it goes in.
        while submit(&sink, step) != Verdict::Taken {
            step += 1;
        }
        inside.recv().unwrap();
        gate.send(answer).unwrap();
        // The next frame goes in only after this one is counted.
        while sink.counters().waiting > 0 {
            thread::yield_now();
        }
        step += 1;
        step
    };
    assert_eq!(next(Ok(Made::Skipped)), 1);
    assert_eq!(next(Err(())), 2);
    let first = next(Err(()));
    let second = next(Ok(Made::Delta));
    assert!(second - first > first - 2, "rests of {} and {} frames", first - 2, second - first);
    drop(gate);
    assert_eq!(shown.recv().map(|(_, key)| key), Ok(false));
    sink.close();
    let Counters { submitted, encoded, dropped, waiting, .. } = sink.counters();
    assert_eq!((encoded, dropped.rate, waiting), (1, 1, 0));
    assert_eq!(submitted, encoded + dropped.total());
}

/// When the output panics, its frame is counted, the sink is shut, and nobody waits for it.
#[test]
fn a_panic_of_the_output_shuts_the_sink() {
    let (tell, inside) = channel();
    let (gate, wait) = channel();
    drop(gate);
    let output: Output = Box::new(|_| panic!("on purpose, by a test"));
    let mut sink = FrameSink::with_encoder(Gated { inside: tell, gate: wait }, output, QUEUE).unwrap();
    submit(&sink, 1);
    inside.recv().unwrap();
    sink.close();
    let drops = Drops { fault: 1, ..Drops::default() };
    assert_eq!((sink.counters().dropped, sink.counters().waiting), (drops, 0));
    assert_eq!(submit(&sink, 2), Verdict::Dropped(DropReason::Closed));
}

const SETS: &[u8] =
    b"\0\0\0\x01\x67\x42\xc0\x1f\x8c\x8d\x40\x28\x02\xdd\x37\x01\x0d\x01\x07\x84\x42\x35\0\0\0\x01\x68\xeb\xe3\xcb";
const IDR: &[u8] = b"\0\0\0\x01\x65\x88\x80\x10";
const DELTA: &[u8] = b"\0\0\x01\x41\x9a\x20";

/// A hardware encoder's pictures pass in order; what leans on a lost one does not, and the reply asks for a key frame.
#[test]
fn encoded_pictures_pass_only_when_they_can_be_decoded() {
    let Rig { mut sink, shown, .. } = rig(QUEUE);
    let put = |step, unit: &[u8]| {
        let FrameReply { verdict, keyframe_wanted, .. } = sink.submit_encoded(unit, &frame(step));
        (verdict, keyframe_wanted)
    };
    let dropped = Verdict::Dropped;
    assert_eq!(put(1, DELTA), (dropped(DropReason::NoReference), true));
    assert_eq!(put(2, IDR), (dropped(DropReason::Refused(Refusal::NoParameters)), true));
    assert_eq!(sink.submit_parameters(SETS), Ok(Size::new(1280, 720)));
    assert_eq!(put(3, IDR), (Verdict::Taken, false));
    assert_eq!(put(4, DELTA), (Verdict::Taken, false));
    assert_eq!(put(5, b"rubbish"), (dropped(DropReason::Refused(Refusal::NoPicture)), true));
    assert_eq!(put(6, DELTA), (dropped(DropReason::NoReference), true));
    assert_eq!(put(7, IDR), (Verdict::Taken, false));
    assert_eq!(put(7, DELTA), (dropped(DropReason::Disordered), true));
    sink.want_key();
    assert_eq!(put(8, IDR), (Verdict::Taken, false));
    assert_eq!(put(66, DELTA), (Verdict::Taken, true));
    sink.set_gate(Gate::Paused);
    assert_eq!(put(70, DELTA), (dropped(DropReason::Paused), true));
    sink.set_gate(Gate::Open);
    assert_eq!(put(71, DELTA), (dropped(DropReason::NoReference), true));
    sink.close();
    let seen: Vec<_> = std::iter::from_fn(|| shown.try_recv().ok()).map(|(at, key)| (at / STEP_US, key)).collect();
    assert_eq!(seen, [(3, true), (4, false), (7, true), (8, true), (66, false)]);
    let Counters { submitted, encoded, dropped, .. } = sink.counters();
    assert_eq!((submitted, encoded, dropped.total()), (12, 5, 7));
}

/// Bad news of viewers comes back with the next frame: fewer bits, fewer frames, a smaller picture, and then stills.
#[test]
fn a_reply_says_what_the_link_is_worth() {
    let Rig { sink, .. } = rig(QUEUE);
    let size = Size::new(720, 1280);
    let camera = |capture_us| Frame::new(capture_us, size, Layout::nv12(size));
    let reply = |capture_us| sink.submit_encoded(b"", &camera(capture_us));
    assert_eq!((reply(1).target_bps, reply(1).size, reply(1).interval_us), (1_200_000, size, 33_333));
    let bad = Report { received_bps: 100_000.0, queue_delay_ms: 900.0, loss: 0.0 };
    sink.report(1, bad, 0);
    let small = reply(2);
    assert_eq!((small.target_bps, small.size, small.interval_us), (MIN_BPS, Size::new(360, 640), 66_667));
    assert!(sink.report(1, bad, 2_000_000).stills);
    assert!(reply(3).keyframe_wanted && reply(3).interval_us > 1_000_000);
}
