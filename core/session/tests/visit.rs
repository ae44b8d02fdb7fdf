//! The visit, step by step: what the person and the server do, and what the machine then asks for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::wildcard_enum_match_arm, reason = "tests")]

use handlens_protocol::consent::{Decision, Purpose};
use handlens_protocol::problem::Kind;
use handlens_protocol::state::{CameraPresence, Phase, Presence};
use handlens_session::{
    Answer, DialNumber, Grants, Input, Life, Moment, Output, Over, Request, RequestNumber, Session, Told, Via,
};

/// A session and a clock: what happens, when, and what comes of it.
struct Visit {
    session: Session,
    now: Moment,
}

fn camera() -> Grants {
    Grants::of([Purpose::Camera])
}

fn told(presence: Presence, grants: Grants) -> Told {
    Told { presence, phase: Phase::Live, grants }
}

impl Visit {
    fn new() -> Self {
        Self { session: Session::new(7), now: Moment::from_us(1_000_000) }
    }

    fn happens(&mut self, input: Input) -> Vec<Output> {
        self.session.handle(input, self.now);
        std::iter::from_fn(|| self.session.poll()).collect()
    }

    /// Goes to the next wake-up.
    fn wakes(&mut self) -> (u64, Vec<Output>) {
        let next = self.session.next_wakeup().expect("nothing is due");
        let waited = next.since_us(self.now);
        self.now = self.now.max(next);
        (waited, self.happens(Input::Timer))
    }

    fn answer(&mut self, number: RequestNumber, answer: Answer) -> Vec<Output> {
        self.happens(Input::Answered(number, answer))
    }

    /// Joins and is let in; the number of the request for a ticket.
    fn admitted() -> (Self, RequestNumber) {
        let mut visit = Self::new();
        let sent = visit.happens(Input::Redeem { take_over: false });
        let [Output::Send(number, Request::Redeem { take_over: false }), Output::Moved(Life::Joining)] = sent[..]
        else {
            panic!("{sent:?}")
        };
        let waiting = visit.answer(number, Answer::View(told(Presence::Waiting, camera())));
        assert_eq!(waiting, [Output::Moved(Life::Waiting)]);
        let sent = visit.happens(Input::Told(told(Presence::Admitted, camera())));
        let [Output::Send(number, Request::Ticket), Output::Moved(Life::Admitted)] = sent[..] else {
            panic!("{sent:?}")
        };
        (visit, number)
    }

    /// Connected by QUIC.
    fn live() -> (Self, DialNumber) {
        let (mut visit, number) = Self::admitted();
        let dialled = visit.answer(number, Answer::Ticket(camera()));
        let [Output::Dial(dial, Via::Quic)] = dialled[..] else { panic!("{dialled:?}") };
        assert_eq!(visit.happens(Input::Opened(dial)), [Output::Moved(Life::Live)]);
        (visit, dial)
    }
}

/// The plain way: tap, wait, be let in, be seen, leave; nothing of the realtime plane before admission.
#[test]
fn the_plain_way() {
    let (mut visit, _) = Visit::live();
    visit.happens(Input::CameraOpen(true));
    assert_eq!((visit.session.wants().publish, visit.session.wants().presence), (camera(), CameraPresence::On));
    visit.happens(Input::Pause);
    assert_eq!(visit.session.wants().presence, CameraPresence::Paused);
    visit.happens(Input::GoOn);
    visit.happens(Input::Hidden(true));
    assert_eq!(visit.session.wants().presence, CameraPresence::Hidden);
    let left = visit.happens(Input::Leave);
    let [Output::Send(_, Request::Leave), Output::ForgetKey, Output::HangUp(_), Output::Moved(Life::Over(Over::Left))] =
        left[..]
    else {
        panic!("{left:?}")
    };
    assert_eq!((visit.session.wants().publish, visit.session.next_wakeup()), (Grants::default(), None));
}

/// An answer that was given up is awaited no more, and changes nothing: what was asked since has its place.
#[test]
fn a_late_answer_is_not_awaited() {
    let (mut visit, first) = Visit::admitted();
    assert!(visit.session.awaits(first));
    let mut again = Vec::new();
    while again.is_empty() {
        again = visit.wakes().1;
    }
    let [Output::Send(second, Request::Ticket)] = again[..] else { panic!("{again:?}") };
    assert!(!visit.session.awaits(first) && visit.session.awaits(second));
    assert_eq!(visit.answer(first, Answer::Ticket(camera())), []);
    assert!(matches!(visit.answer(second, Answer::Ticket(camera()))[..], [Output::Dial(_, Via::Quic)]));
    visit.happens(Input::Leave);
    assert!(!visit.session.awaits(second));
}

/// QUIC is alone for half a second, then the WebSocket is tried too; the first to open is kept, the other given up, and
/// one that arrives late is closed.
#[test]
fn the_two_ways_are_raced() {
    let (mut visit, number) = Visit::admitted();
    let dialled = visit.answer(number, Answer::Ticket(camera()));
    let [Output::Dial(quic, Via::Quic)] = dialled[..] else { panic!("{dialled:?}") };
    let (waited, dialled) = visit.wakes();
    let [Output::Dial(websocket, Via::WebSocket)] = dialled[..] else { panic!("{dialled:?}") };
    assert_eq!(waited, 500_000);
    assert_eq!(visit.happens(Input::Opened(websocket)), [Output::HangUp(quic), Output::Moved(Life::Live)]);
    assert_eq!(visit.happens(Input::Opened(quic)), [Output::HangUp(quic)]);
    assert_eq!(visit.session.life(), Life::Live);
    // Where UDP was blocked once, the next attempt tries both at once.
    visit.happens(Input::Closed(websocket));
    let (_, sent) = visit.wakes();
    let [Output::Send(number, Request::Ticket)] = sent[..] else { panic!("{sent:?}") };
    let dialled = visit.answer(number, Answer::Ticket(camera()));
    assert!(matches!(dialled[..], [Output::Dial(_, Via::Quic), Output::Dial(_, Via::WebSocket)]), "{dialled:?}");
}

/// A QUIC that fails at once does not make the WebSocket wait.
#[test]
fn nobody_waits_for_what_has_failed() {
    let (mut visit, number) = Visit::admitted();
    let dialled = visit.answer(number, Answer::Ticket(camera()));
    let [Output::Dial(quic, Via::Quic)] = dialled[..] else { panic!("{dialled:?}") };
    let dialled = visit.happens(Input::Closed(quic));
    assert!(matches!(dialled[..], [Output::Dial(_, Via::WebSocket)]), "{dialled:?}");
}

/// An open QUIC that is silent for four seconds is given up, and the WebSocket is tried without a head start; one that
/// is heard is kept.
#[test]
fn a_silent_quic_is_noticed() {
    let (mut visit, quic) = Visit::live();
    for _ in 0..10 {
        visit.now = visit.now.after_us(3_000_000);
        assert_eq!(visit.happens(Input::Heard(quic, visit.now)), []);
    }
    let (waited, lost) = visit.wakes();
    assert_eq!((waited, &lost[..]), (4_000_000, &[Output::HangUp(quic), Output::Moved(Life::Lost)][..]));
    let (_, sent) = visit.wakes();
    let [Output::Send(number, Request::Ticket)] = sent[..] else { panic!("{sent:?}") };
    assert_eq!(visit.answer(number, Answer::Ticket(camera())).len(), 2);
}

/// Every attempt has a ticket of its own, waits grow to eight seconds, and after ten minutes without the network the
/// visit goes on as if nothing had been.
#[test]
fn ten_minutes_without_the_network_are_survived() {
    let (mut visit, quic) = Visit::live();
    let begin = visit.now;
    assert!(visit.happens(Input::Closed(quic)).contains(&Output::Moved(Life::Lost)));
    let mut attempts = 0;
    let mut longest = 0;
    while visit.now.since_us(begin) < 11 * 60 * 1_000_000 {
        let (waited, sent) = visit.wakes();
        longest = longest.max(waited);
        assert!(waited >= 250_000, "a try {waited} µs after the last");
        for output in sent {
            let Output::Send(number, Request::Ticket) = output else { panic!("{output:?}") };
            attempts += 1;
            assert_eq!(visit.answer(number, Answer::Unreachable), []);
        }
    }
    assert!(
        (80..180).contains(&attempts) && (4_000_000..=8_000_000).contains(&longest),
        "{attempts} tries, {longest} µs"
    );
    visit.now = visit.now.after_us(1_000_000);
    let sent = visit.happens(Input::NetworkChanged);
    let number = match sent[..] {
        [Output::Send(number, Request::Ticket)] => number,
        _ => panic!("{sent:?}"),
    };
    let dialled = visit.answer(number, Answer::Ticket(camera()));
    let [Output::Dial(dial, Via::Quic)] = dialled[..] else { panic!("{dialled:?}") };
    assert_eq!(visit.happens(Input::Opened(dial)), [Output::Moved(Life::Live)]);
}

/// Another network moves an open QUIC, and makes everything else begin anew at once.
#[test]
fn another_network_moves_the_connection() {
    let (mut visit, quic) = Visit::live();
    assert_eq!(visit.happens(Input::NetworkChanged), [Output::Rebind(quic)]);
    assert_eq!(visit.session.life(), Life::Live);
    visit.happens(Input::Closed(quic));
    let before = visit.session.next_wakeup().unwrap();
    visit.now = visit.now.after_us(10);
    visit.happens(Input::NetworkChanged);
    assert!(visit.session.next_wakeup().unwrap() <= before);
}

/// What the person withdraws stops at once, whatever an older message says; what is allowed later needs a new lease.
#[test]
fn nothing_is_published_without_the_person_s_grant() {
    let (mut visit, quic) = Visit::live();
    assert_eq!(visit.session.wants().publish, camera());
    let decide = |decision| Input::Decide { purpose: Purpose::Camera, decision };
    let sent = visit.happens(decide(Decision::Revoke));
    assert_eq!(visit.session.wants().publish, Grants::default());
    let [Output::Send(number, Request::Consent { decision: Decision::Revoke, .. })] = sent[..] else {
        panic!("{sent:?}")
    };
    visit.answer(number, Answer::Done);
    // A message that was written before the withdrawal.
    visit.happens(Input::Told(told(Presence::Admitted, camera())));
    assert_eq!(visit.session.wants().publish, Grants::default());
    let microphone = Input::Decide { purpose: Purpose::Microphone, decision: Decision::Grant };
    let (_, sent) = {
        let sent = visit.happens(microphone);
        if sent.is_empty() { visit.wakes() } else { (0, sent) }
    };
    let [Output::Send(number, Request::Consent { purpose: Purpose::Microphone, .. })] = sent[..] else {
        panic!("{sent:?}")
    };
    visit.now = visit.now.after_us(1_000_000);
    let renewed = visit.answer(number, Answer::Done);
    assert_eq!(visit.session.wants().publish, Grants::default());
    assert!(
        matches!(renewed[..], [Output::HangUp(gone), Output::Send(_, Request::Ticket), Output::Moved(Life::Lost)] if gone == quic),
        "{renewed:?}"
    );
}

/// Whoever says no says why, and the visit ends with that reason; what may pass is asked again.
#[test]
fn a_refusal_ends_the_visit_with_its_reason() {
    for (kind, over) in [
        (Kind::InviteUsed, Over::Used),
        (Kind::InviteExpired, Over::Expired),
        (Kind::InviteRevoked, Over::Revoked),
        (Kind::InviteUnknown, Over::Incomplete),
        (Kind::SessionEnded, Over::Finished),
        (Kind::NotLoggedIn, Over::Incomplete),
    ] {
        let mut visit = Visit::new();
        let sent = visit.happens(Input::Redeem { take_over: false });
        let [Output::Send(number, _), _] = sent[..] else { panic!("{sent:?}") };
        let ended = visit.answer(number, Answer::Refused(kind));
        assert_eq!(ended, [Output::ForgetKey, Output::Moved(Life::Over(over))], "{kind:?}");
        assert_eq!(visit.session.next_wakeup(), None);
        assert_eq!(visit.happens(Input::Redeem { take_over: true }), []);
    }
    let mut visit = Visit::new();
    let sent = visit.happens(Input::Redeem { take_over: false });
    let [Output::Send(number, _), _] = sent[..] else { panic!("{sent:?}") };
    assert_eq!(visit.answer(number, Answer::Refused(Kind::TooMany)), []);
    let (waited, sent) = visit.wakes();
    let [Output::Send(number, Request::Redeem { .. })] = sent[..] else { panic!("{sent:?}") };
    assert!(waited >= 250_000);
    let failed = visit.answer(number, Answer::Refused(Kind::BadSignature));
    assert_eq!(failed, [Output::NotJoined(Kind::BadSignature), Output::Moved(Life::Invited)]);
}

/// Declined, replaced, ended: said by the server at any time, and everything stops.
#[test]
fn the_server_s_word_ends_the_visit() {
    let ended = Told { phase: Phase::Ended, ..told(Presence::Admitted, camera()) };
    for (word, over) in [
        (told(Presence::Declined, camera()), Over::Declined),
        (told(Presence::Left, camera()), Over::Used),
        (ended, Over::Finished),
    ] {
        let (mut visit, quic) = Visit::live();
        let outputs = visit.happens(Input::Told(word));
        assert_eq!(outputs, [Output::ForgetKey, Output::HangUp(quic), Output::Moved(Life::Over(over))]);
    }
}

/// The answer to a withdrawal was lost, the person allowed the camera again, and a ticket was written in between: the
/// lease without the camera is replaced once the server knows. (Found by the simulation.)
#[test]
fn a_lease_from_between_two_decisions_is_replaced() {
    let (mut visit, quic) = Visit::live();
    let decide = |decision| Input::Decide { purpose: Purpose::Camera, decision };
    let sent = visit.happens(decide(Decision::Revoke));
    let [Output::Send(lost, _)] = sent[..] else { panic!("{sent:?}") };
    visit.answer(lost, Answer::Unreachable);
    visit.happens(decide(Decision::Grant));
    visit.happens(Input::Closed(quic));
    let (mut consent, mut dial) = (None, None);
    while dial.is_none() {
        for output in visit.wakes().1 {
            match output {
                Output::Send(number, Request::Consent { .. }) => consent = Some(number),
                Output::Send(number, Request::Ticket) => {
                    let dialled = visit.answer(number, Answer::Ticket(Grants::default()));
                    let [Output::Dial(quic, Via::Quic)] = dialled[..] else { panic!("{dialled:?}") };
                    dial = Some(quic);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    visit.happens(Input::Opened(dial.unwrap()));
    assert_eq!((visit.session.life(), visit.session.wants().publish), (Life::Live, Grants::default()));
    visit.now = visit.now.after_us(1_000_000);
    let renewed = visit.answer(consent.unwrap(), Answer::Done);
    let [Output::HangUp(_), Output::Send(number, Request::Ticket), Output::Moved(Life::Lost)] = renewed[..] else {
        panic!("{renewed:?}")
    };
    let dialled = visit.answer(number, Answer::Ticket(camera()));
    let [Output::Dial(dial, Via::Quic)] = dialled[..] else { panic!("{dialled:?}") };
    visit.happens(Input::Opened(dial));
    assert_eq!(visit.session.wants().publish, camera());
}
