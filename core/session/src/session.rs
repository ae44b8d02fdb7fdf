//! The visit itself: every transition stands here, in one `match`.

use std::collections::VecDeque;

use handlens_protocol::consent::{Decision, Purpose};
use handlens_protocol::problem::Kind;
use handlens_protocol::state::{CameraPresence, Phase, Presence};

use crate::backoff::{FLOOR_US, Jitter};
use crate::event::{Answer, Grants, Input, Life, Output, Over, Request, RequestNumber, Told};
use crate::link::{Link, PATIENCE_US};
use crate::moment::Moment;

/// What must hold for as long as a state lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wants {
    /// Server-sent events are open: they tell of admission and end, and go on beside the realtime plane, which may fail.
    pub events: bool,
    /// These purposes are published on the open connection. Never one without the person's grant.
    pub publish: Grants,
    /// What others are told of the camera.
    pub presence: CameraPresence,
}

/// One phone's visit to one session.
#[derive(Debug)]
pub struct Session {
    stage: Stage,
    life: Life,
    link: Link,
    joining: Errand,
    consents: Errand,
    jitter: Jitter,
    requests: u64,
    /// What the server knows to be allowed.
    known: Grants,
    /// What was allowed when the last ticket was asked for.
    asked: Grants,
    /// The person's last word on each purpose, if the server may not know it yet.
    pending: [Option<Decision>; 4],
    /// What the person withdrew last: no late message makes it allowed again.
    withdrawn: Grants,
    paused: bool,
    hidden: bool,
    camera: CameraPresence,
    now: Moment,
    outputs: VecDeque<Output>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Invited,
    /// Asked again until there is an answer.
    Joining(Request),
    Waiting,
    Admitted,
    Over(Over),
}

/// A request that is asked until it is answered, with growing waits.
#[derive(Debug, Default)]
struct Errand {
    sent: Option<(RequestNumber, Request, Moment)>,
    tries: u32,
    not_before: Moment,
}

impl Errand {
    /// Whether this answers it; if so it is no longer under way.
    fn takes(&mut self, number: RequestNumber) -> Option<Request> {
        let (_, request, _) = self.sent.take_if(|(sent, _, _)| *sent == number)?;
        Some(request)
    }

    fn rest(&mut self, now: Moment, jitter: &mut Jitter) {
        self.not_before = now.after_us(jitter.wait_us(self.tries));
        self.tries = self.tries.saturating_add(1);
    }

    fn hurry(&mut self, now: Moment) {
        self.tries = 0;
        self.not_before = self.not_before.min(now.after_us(FLOOR_US));
    }

    /// When it is to be looked at, if there is something to ask.
    fn wakeup(&self, something: bool) -> Option<Moment> {
        match self.sent {
            Some((_, _, patience)) => Some(patience),
            None => something.then_some(self.not_before),
        }
    }
}

impl Session {
    /// A visit that has not begun. `seed` makes the waits of this phone different from others'.
    pub fn new(seed: u64) -> Self {
        Self {
            stage: Stage::Invited,
            life: Life::Invited,
            link: Link::new(seed),
            joining: Errand::default(),
            consents: Errand::default(),
            jitter: Jitter::new(!seed),
            requests: 0,
            known: Grants::default(),
            asked: Grants::default(),
            pending: [None; 4],
            withdrawn: Grants::default(),
            paused: false,
            hidden: false,
            camera: CameraPresence::Off,
            now: Moment::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes one thing that happened at `now`. Never blocks, never fails: what cannot be changes nothing. A `now` before
    /// an earlier one counts as that one.
    pub fn handle(&mut self, input: Input, now: Moment) {
        self.now = self.now.max(now);
        if !matches!(self.stage, Stage::Over(_)) {
            self.take(input);
        } else if let Input::Opened(dial) = input {
            self.outputs.push_back(Output::HangUp(dial));
        }
        self.advance();
    }

    /// The next thing to do, or `None` when there is nothing until [`Self::next_wakeup`].
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `handle(Input::Timer, …)` is due.
    pub fn next_wakeup(&self) -> Option<Moment> {
        let joining = self.joining.wakeup(matches!(self.stage, Stage::Joining(_)));
        let consents = self.consents.wakeup(self.inside() && self.next_consent().is_some());
        [self.link.next_wakeup(), joining, consents].into_iter().flatten().min()
    }

    /// Whether the answer to this request would change anything: it was not asked again since, nor is the visit over.
    pub fn awaits(&self, number: RequestNumber) -> bool {
        let asks = |errand: &Errand| errand.sent.is_some_and(|(sent, ..)| sent == number);
        self.link.fetches(number) || asks(&self.joining) || asks(&self.consents)
    }

    /// Where the visit is.
    pub const fn life(&self) -> Life {
        self.life
    }

    /// What must hold now.
    pub fn wants(&self) -> Wants {
        let publish = self.link.open().map_or_else(Grants::default, |lease| lease.and(self.streams()));
        Wants { events: self.inside(), publish, presence: self.presence() }
    }

    fn take(&mut self, input: Input) {
        let (now, out) = (self.now, &mut self.outputs);
        match input {
            Input::Redeem { take_over } => self.join(Request::Redeem { take_over }),
            Input::Decide { purpose, decision } => self.decide(purpose, decision),
            Input::Pause => self.paused = matches!(self.stage, Stage::Admitted) && self.camera == CameraPresence::On,
            Input::GoOn => self.paused = false,
            Input::Leave => {
                if self.inside() {
                    let number = self.number();
                    self.outputs.push_back(Output::Send(number, Request::Leave));
                    self.end(Over::Left);
                }
            }
            Input::Hidden(hidden) => self.hidden = hidden,
            Input::CameraOpen(open) => self.camera = if open { CameraPresence::On } else { CameraPresence::Stopped },
            Input::Answered(number, answer) => self.answered(number, answer),
            Input::Told(told) => self.told(told),
            Input::Refused(kind) => {
                if let Some(over) = self.ends(kind).filter(|_| self.inside()) {
                    self.end(over);
                }
            }
            Input::Opened(dial) => self.link.opened(dial, now, out),
            Input::Closed(dial) => self.link.closed(dial, now, out),
            Input::Heard(dial, at) => self.link.heard(dial, at.min(now)),
            Input::NetworkChanged => {
                self.link.network_changed(now, out);
                self.joining.hurry(now);
                self.consents.hurry(now);
            }
            Input::Timer => {}
        }
    }

    /// Begins whatever is due now, until nothing is.
    fn advance(&mut self) {
        let (now, admitted) = (self.now, matches!(self.stage, Stage::Admitted));
        self.link.want(admitted, now, &mut self.outputs);
        if admitted
            && let Some(lease) = self.link.open()
            && !self.streams().without(lease).without(self.asked).is_empty()
        {
            // The lease was given before the grant was.
            self.link.renew(now, &mut self.outputs);
        }
        let streams = self.streams();
        let (requests, asked) = (&mut self.requests, &mut self.asked);
        let number = || {
            *requests += 1;
            *asked = streams;
            RequestNumber(*requests)
        };
        self.link.advance(now, number, &mut self.outputs);
        if let Stage::Joining(request) = self.stage {
            self.pursue(|session| &mut session.joining, request);
        }
        if self.inside()
            && let Some((purpose, decision)) = self.next_consent()
        {
            self.pursue(|session| &mut session.consents, Request::Consent { purpose, decision });
        }
        self.tell();
    }

    /// Asks `request` when it is time and nothing is under way; a request without an answer counts as unreachable.
    fn pursue(&mut self, errand: impl Fn(&mut Self) -> &mut Errand, request: Request) {
        let now = self.now;
        let mut jitter = self.jitter.clone();
        let this = errand(self);
        if this.sent.take_if(|(_, _, patience)| *patience <= now).is_some() {
            this.rest(now, &mut jitter);
        }
        if this.sent.is_none() && this.not_before <= now {
            let number = self.number();
            errand(self).sent = Some((number, request, now.after_us(PATIENCE_US)));
            self.outputs.push_back(Output::Send(number, request));
        }
        self.jitter = jitter;
    }

    fn join(&mut self, request: Request) {
        match self.stage {
            Stage::Invited => {
                self.stage = Stage::Joining(request);
                self.joining = Errand { not_before: self.joining.not_before, ..Errand::default() };
            }
            Stage::Joining(_) | Stage::Waiting | Stage::Admitted | Stage::Over(_) => {}
        }
    }

    fn decide(&mut self, purpose: Purpose, decision: Decision) {
        let revoke = decision == Decision::Revoke;
        self.withdrawn.set(purpose, revoke);
        self.pending[purpose as usize] = Some(decision);
        if purpose == Purpose::Camera {
            self.paused = false;
            if revoke {
                self.camera = CameraPresence::Off;
            }
        }
        // The newest word is said at once, also when an older one rests.
        self.consents.hurry(self.now);
    }

    fn answered(&mut self, number: RequestNumber, answer: Answer) {
        if self.link.fetches(number) {
            self.ticket(number, answer);
        } else if self.joining.takes(number).is_some() {
            self.joined(answer);
        } else if let Some(Request::Consent { purpose, decision }) = self.consents.takes(number) {
            self.consented(purpose, decision, answer);
        }
    }

    fn ticket(&mut self, number: RequestNumber, answer: Answer) {
        match answer {
            Answer::Ticket(purposes) => self.link.ticket(number, purposes, self.now, &mut self.outputs),
            Answer::Refused(kind) => {
                self.link.no_ticket(number, self.now, &mut self.outputs);
                if let Some(over) = self.ends(kind) {
                    self.end(over);
                }
            }
            Answer::Unreachable | Answer::View(_) | Answer::Done => {
                self.link.no_ticket(number, self.now, &mut self.outputs);
            }
        }
    }

    fn joined(&mut self, answer: Answer) {
        match answer {
            Answer::View(told) => {
                self.stage = Stage::Waiting;
                self.told(told);
                for purpose in Purpose::ALL.into_iter().filter(|purpose| told.grants.contains(*purpose)) {
                    // It was said before a restart: saying it again would end the lease for nothing.
                    self.pending[purpose as usize].take_if(|said| *said == Decision::Grant);
                }
            }
            Answer::Refused(kind) => match self.ends(kind) {
                Some(over) => self.end(over),
                None if passes(kind) => self.joining.rest(self.now, &mut self.jitter),
                None => {
                    self.stage = Stage::Invited;
                    self.joining.rest(self.now, &mut self.jitter);
                    self.outputs.push_back(Output::NotJoined(kind));
                }
            },
            Answer::Unreachable | Answer::Ticket(_) | Answer::Done => self.joining.rest(self.now, &mut self.jitter),
        }
    }

    fn consented(&mut self, purpose: Purpose, decision: Decision, answer: Answer) {
        let settled = match answer {
            Answer::Done => {
                self.known.set(purpose, decision == Decision::Grant);
                // Whatever was asked for before, the server may not have known it then.
                self.asked.set(purpose, false);
                true
            }
            Answer::Refused(kind) => match self.ends(kind) {
                Some(over) => {
                    self.end(over);
                    true
                }
                None if passes(kind) => false,
                None => {
                    self.outputs.push_back(Output::NotAllowed(purpose, kind));
                    true
                }
            },
            Answer::Unreachable | Answer::View(_) | Answer::Ticket(_) => false,
        };
        if !settled {
            self.consents.rest(self.now, &mut self.jitter);
            return;
        }
        self.consents.tries = 0;
        let last = &mut self.pending[purpose as usize];
        if *last == Some(decision) {
            *last = None;
        }
    }

    fn told(&mut self, told: Told) {
        if !self.inside() {
            return;
        }
        match (told.phase, told.presence) {
            (Phase::Ended, Presence::Waiting | Presence::Admitted | Presence::Declined | Presence::Left) => {
                self.end(Over::Finished);
            }
            (Phase::Waiting | Phase::Live, Presence::Declined) => self.end(Over::Declined),
            // Another phone took this one's place, and with it the link.
            (Phase::Waiting | Phase::Live, Presence::Left) => self.end(Over::Used),
            // Nobody is sent back: after admission this is late news from the other way.
            (Phase::Waiting | Phase::Live, Presence::Waiting) if matches!(self.stage, Stage::Admitted) => return,
            (Phase::Waiting | Phase::Live, Presence::Waiting) => self.stage = Stage::Waiting,
            (Phase::Waiting | Phase::Live, Presence::Admitted) => self.stage = Stage::Admitted,
        }
        self.known = told.grants;
    }

    /// Whether a refusal is the end, and which.
    const fn ends(&self, kind: Kind) -> Option<Over> {
        match kind {
            Kind::SessionEnded => Some(Over::Finished),
            Kind::InviteExpired => Some(Over::Expired),
            Kind::InviteRevoked => Some(Over::Revoked),
            Kind::InviteUsed => Some(Over::Used),
            // Inside, this device was known a moment ago: another one took its place. Outside it never was.
            Kind::NotLoggedIn => Some(if self.inside() { Over::Used } else { Over::Incomplete }),
            Kind::InviteUnknown => Some(Over::Incomplete),
            Kind::Malformed
            | Kind::TooLarge
            | Kind::Invalid
            | Kind::WrongCredentials
            | Kind::Forbidden
            | Kind::ForeignOrigin
            | Kind::NotFound
            | Kind::MethodNotAllowed
            | Kind::TooMany
            | Kind::Conflict
            | Kind::SetupClosed
            | Kind::NotAdmitted
            | Kind::BadSignature
            | Kind::BadWording
            | Kind::StaleStatement
            | Kind::NoConsent
            | Kind::OffsetMismatch
            | Kind::WrongDigest
            | Kind::UploadVersion
            | Kind::Internal => None,
        }
    }

    fn end(&mut self, over: Over) {
        self.stage = Stage::Over(over);
        self.joining = Errand::default();
        self.consents = Errand::default();
        self.pending = [None; 4];
        self.known = Grants::default();
        self.camera = CameraPresence::Off;
        self.outputs.push_back(Output::ForgetKey);
    }

    /// Says where the visit is, if it is somewhere else.
    fn tell(&mut self) {
        let life = match self.stage {
            Stage::Invited => Life::Invited,
            Stage::Joining(_) => Life::Joining,
            Stage::Waiting => Life::Waiting,
            Stage::Admitted if self.link.open().is_some() => Life::Live,
            Stage::Admitted if self.link.was_open() => Life::Lost,
            Stage::Admitted => Life::Admitted,
            Stage::Over(over) => Life::Over(over),
        };
        if life != self.life {
            self.life = life;
            self.outputs.push_back(Output::Moved(life));
        }
    }

    const fn inside(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Admitted)
    }

    /// What the server knows to be allowed and the person did not withdraw.
    fn allowed(&self) -> Grants {
        self.known.without(self.withdrawn)
    }

    /// Of what is allowed, that which has a broadcast; photographs and recordings travel otherwise.
    fn streams(&self) -> Grants {
        self.allowed().and(Grants::of([Purpose::Camera, Purpose::Microphone]))
    }

    /// Withdrawals come first.
    fn next_consent(&self) -> Option<(Purpose, Decision)> {
        let said = |decision| {
            Purpose::ALL
                .into_iter()
                .find(|purpose| self.pending[*purpose as usize] == Some(decision))
                .map(|it| (it, decision))
        };
        said(Decision::Revoke).or_else(|| said(Decision::Grant))
    }

    const fn presence(&self) -> CameraPresence {
        match self.camera {
            CameraPresence::On if self.hidden => CameraPresence::Hidden,
            CameraPresence::On if self.paused => CameraPresence::Paused,
            CameraPresence::On => CameraPresence::On,
            CameraPresence::Stopped => CameraPresence::Stopped,
            CameraPresence::Paused | CameraPresence::Hidden | CameraPresence::Off => CameraPresence::Off,
        }
    }

    const fn number(&mut self) -> RequestNumber {
        self.requests += 1;
        RequestNumber(self.requests)
    }
}

/// Whether the same request may do later.
const fn passes(kind: Kind) -> bool {
    match kind {
        Kind::TooMany | Kind::Internal | Kind::StaleStatement => true,
        Kind::Malformed
        | Kind::TooLarge
        | Kind::Invalid
        | Kind::NotLoggedIn
        | Kind::WrongCredentials
        | Kind::Forbidden
        | Kind::ForeignOrigin
        | Kind::NotFound
        | Kind::MethodNotAllowed
        | Kind::Conflict
        | Kind::SetupClosed
        | Kind::InviteUnknown
        | Kind::InviteExpired
        | Kind::InviteUsed
        | Kind::InviteRevoked
        | Kind::SessionEnded
        | Kind::NotAdmitted
        | Kind::BadSignature
        | Kind::BadWording
        | Kind::NoConsent
        | Kind::OffsetMismatch
        | Kind::WrongDigest
        | Kind::UploadVersion => false,
    }
}
