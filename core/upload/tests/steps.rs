//! The upload, step by step: what the server says, and what is asked for then.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod server;

use data_encoding::BASE64;
use handlens_protocol::{Kind, RequestId};
use handlens_session::Moment;
use handlens_upload::{Answer, Input, Output, Request, RequestNumber, Stopped, Upload};
use server::{object, receipt, receipt_key};

const BYTES: u64 = 700_000;

struct Steps {
    upload: Upload,
    now: Moment,
    sent: Option<RequestNumber>,
}

impl Steps {
    fn new() -> Self {
        let (kept, _) = object(1, usize::try_from(BYTES).unwrap());
        Self { upload: Upload::new(kept, 7), now: Moment::from_us(5), sent: None }
    }

    fn happens(&mut self, input: Input) -> Vec<Output> {
        self.upload.handle(input, self.now);
        let outputs: Vec<_> = std::iter::from_fn(|| self.upload.poll()).collect();
        if let [Output::Send(number, _)] = outputs[..] {
            self.sent = Some(number);
        }
        outputs
    }

    fn answers(&mut self, answer: Answer) -> Vec<Output> {
        let number = self.sent.take().expect("something was sent");
        self.happens(Input::Answered(number, answer))
    }

    /// The one request that comes at the next wake-up, and how long that took.
    fn next(&mut self) -> (u64, Request) {
        let due = self.upload.next_wakeup().expect("nothing is due");
        let waited = due.since_us(self.now);
        self.now = self.now.max(due);
        (waited, request(&self.happens(Input::Timer)))
    }

    /// Announced: the first part is being asked for.
    fn announced() -> Self {
        let mut steps = Self::new();
        let (waited, announce) = steps.next();
        assert!(waited == 0 && matches!(announce, Request::Announce { bytes: BYTES, .. }));
        let sent = steps.answers(Answer::At(0));
        assert_eq!(request(&sent), Request::Part { offset: 0, bytes: 262_144 });
        steps
    }
}

fn request(outputs: &[Output]) -> Request {
    match outputs {
        [Output::Send(_, request)] => request.clone(),
        other => panic!("{other:?}"),
    }
}

/// Announce, parts that grow, receipt, done: no wait in between.
#[test]
fn the_plain_way() {
    let mut steps = Steps::announced();
    assert_eq!(request(&steps.answers(Answer::At(262_144))), Request::Part { offset: 262_144, bytes: BYTES - 262_144 });
    assert_eq!(request(&steps.answers(Answer::At(BYTES))), Request::Receipt);
    let (kept, _) = object(1, usize::try_from(BYTES).unwrap());
    let done = steps.answers(Answer::Receipt(Box::new(receipt(&kept, &receipt_key()))));
    assert!(matches!(&done[..], [Output::Done(receipt)] if receipt.is_of(&kept)));
    assert_eq!(steps.upload.next_wakeup(), None);
}

/// The metadata is what tus has: keys, and base64 with padding.
#[test]
fn an_announcement_says_what_it_must() {
    let (mut kept, _) = object(1, 100);
    kept.request = Some(RequestId::from_bytes([9; 16]));
    let mut upload = Upload::new(kept.clone(), 1);
    upload.handle(Input::Timer, Moment::default());
    let Some(Output::Send(_, Request::Announce { bytes: 100, metadata })) = upload.poll() else {
        panic!("no announcement")
    };
    let pairs: Vec<_> = metadata.split(',').map(|pair| pair.split_once(' ').unwrap()).collect();
    let value = |key: &str| {
        let (_, value) = pairs.iter().find(|(found, _)| *found == key).unwrap();
        BASE64.decode(value.as_bytes()).unwrap()
    };
    assert_eq!(value("object"), kept.object.to_string().into_bytes());
    assert_eq!(value("sha256"), kept.sha256);
    assert_eq!(value("seal"), kept.seal);
    assert_eq!(value("request"), RequestId::from_bytes([9; 16]).to_string().into_bytes());
}

/// A part without an answer is not sent again blindly: where the server stands is asked first, and parts get smaller.
#[test]
fn a_lost_part_is_asked_about() {
    let mut steps = Steps::announced();
    let (waited, asked) = {
        assert!(steps.answers(Answer::Unreachable).is_empty());
        steps.next()
    };
    assert!((250_000..=500_000).contains(&waited), "{waited}");
    assert_eq!(asked, Request::Ask);
    assert_eq!(request(&steps.answers(Answer::At(200_000))), Request::Part { offset: 200_000, bytes: 131_072 });
    // Nothing is heard for half a minute: the same, and a late answer says nothing.
    let late = steps.sent.unwrap();
    steps.now = steps.upload.next_wakeup().unwrap();
    assert!(steps.happens(Input::Timer).is_empty());
    assert!(steps.happens(Input::Answered(late, Answer::At(331_072))).is_empty());
    assert_eq!(steps.next().1, Request::Ask);
}

/// The first mismatch costs one question and no wait; one after another waits longer each time.
#[test]
fn a_mismatch_is_asked_about() {
    let mut steps = Steps::announced();
    assert_eq!(request(&steps.answers(Answer::Refused(Kind::OffsetMismatch))), Request::Ask);
    let mut last = 0;
    for _ in 0..3 {
        assert!(matches!(request(&steps.answers(Answer::At(10))), Request::Part { offset: 10, .. }));
        assert!(steps.answers(Answer::Refused(Kind::OffsetMismatch)).is_empty());
        let (waited, asked) = steps.next();
        assert_eq!(asked, Request::Ask);
        assert!(waited > last / 2, "{waited}");
        last = waited;
    }
    // What is not known there is announced again.
    assert!(steps.answers(Answer::Refused(Kind::NotFound)).is_empty());
    assert!(matches!(steps.next().1, Request::Announce { .. }));
}

/// What arrived changed begins again where the server says, and stops after the third time.
#[test]
fn a_wrong_digest_begins_again_and_ends() {
    let mut steps = Steps::announced();
    for times in 1..=3 {
        let stopped = steps.answers(Answer::Refused(Kind::WrongDigest));
        if times == 3 {
            assert_eq!(stopped, [Output::Stopped(Stopped::WrongDigest { times: 3 })]);
            return;
        }
        assert_eq!(steps.next().1, Request::Ask);
        assert!(matches!(request(&steps.answers(Answer::At(0))), Request::Part { offset: 0, .. }));
    }
}

/// A receipt by another key or of another object is none: asked for again, and at last given up, never believed.
#[test]
fn only_its_own_receipt_is_believed() {
    let (kept, _) = object(1, usize::try_from(BYTES).unwrap());
    let stranger = handlens_seal::signature::SigningKey::from_bytes(&[9; 32]).unwrap();
    let mut other = kept.clone();
    other.sha256[0] ^= 1;
    for wrong in [receipt(&kept, &stranger), receipt(&other, &receipt_key())] {
        let mut steps = Steps::announced();
        assert_eq!(request(&steps.answers(Answer::At(BYTES))), Request::Receipt);
        for _ in 0..2 {
            assert!(steps.answers(Answer::Receipt(Box::new(wrong.clone()))).is_empty());
            assert_eq!(steps.next().1, Request::Receipt);
        }
        let stopped = steps.answers(Answer::Receipt(Box::new(wrong)));
        assert_eq!(stopped, [Output::Stopped(Stopped::WrongReceipt { times: 3 })]);
    }
}

/// A receipt that is refused because the object is not whole there goes back to asking.
#[test]
fn a_receipt_too_early_is_asked_about() {
    let mut steps = Steps::announced();
    assert_eq!(request(&steps.answers(Answer::At(BYTES))), Request::Receipt);
    assert_eq!(request(&steps.answers(Answer::Refused(Kind::Conflict))), Request::Ask);
    assert!(matches!(request(&steps.answers(Answer::At(5))), Request::Part { offset: 5, .. }));
}

/// What the server refuses for good stops with its reason; what passes is tried again; and offsets that cannot be are no
/// answer.
#[test]
fn refusals_that_last_stop_it() {
    for kind in [Kind::NoConsent, Kind::SessionEnded, Kind::Invalid, Kind::TooLarge, Kind::Conflict, Kind::NotAdmitted]
    {
        let mut steps = Steps::announced();
        assert_eq!(steps.answers(Answer::Refused(kind)), [Output::Stopped(Stopped::Refused(kind))]);
    }
    assert_eq!(Steps::announced().answers(Answer::Refused(Kind::NotLoggedIn)), [Output::Stopped(Stopped::LockedOut)]);
    assert_eq!(Steps::announced().answers(Answer::Unreadable), [Output::Stopped(Stopped::Unreadable)]);
    for passes in [
        Answer::Refused(Kind::TooMany),
        Answer::Refused(Kind::Internal),
        Answer::At(BYTES + 1),
        Answer::At(0),
        Answer::Unreachable,
    ] {
        let mut steps = Steps::announced();
        assert!(steps.answers(passes).is_empty());
        assert_eq!(steps.next().1, Request::Ask);
    }
}

/// Hours without a network are survived: waits grow to eight seconds and no further; another network is tried at once.
#[test]
fn hours_without_a_network_are_survived() {
    let mut steps = Steps::announced();
    let mut longest = 0;
    for _ in 0..2000 {
        assert!(steps.answers(Answer::Unreachable).is_empty());
        let (waited, asked) = steps.next();
        assert!((250_000..=8_000_000).contains(&waited));
        assert_eq!(asked, Request::Ask);
        longest = longest.max(waited);
    }
    assert!(longest > 4_000_000);
    steps.happens(Input::NetworkChanged);
    let (waited, asked) = steps.next();
    assert_eq!((waited, asked), (250_000, Request::Ask));
    assert!(matches!(request(&steps.answers(Answer::At(0))), Request::Part { offset: 0, bytes: 32_768 }));
}
