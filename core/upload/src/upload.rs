//! The upload itself: every transition stands here.

use std::collections::VecDeque;

use data_encoding::BASE64;
use handlens_protocol::Kind;
use handlens_protocol::api::Receipt;
use handlens_protocol::limits::UPLOAD_PART_BYTES;
use handlens_protocol::snapshot::{METADATA_OBJECT, METADATA_REQUEST, METADATA_SEAL, METADATA_SHA256};
use handlens_session::Moment;
use handlens_session::backoff::{FLOOR_US, Jitter};
use handlens_vault::{Kept, VerifiedReceipt};

use crate::event::{Answer, Input, Output, Request, RequestNumber, Stopped};

/// How long an answer may take, µs: a part of [`LEAST_PART`] at 10 kbit/s.
const PATIENCE_US: u64 = 30_000_000;
/// Bytes of the first part, and of the smallest one.
const FIRST_PART: u64 = 256 * 1024;
const LEAST_PART: u64 = 32 * 1024;
/// How often an object may arrive changed, and how often a receipt may be a wrong one.
const WRONG: u32 = 3;

/// One object on its way.
#[derive(Debug)]
pub struct Upload {
    kept: Kept,
    next: Next,
    sent: Option<(RequestNumber, Moment)>,
    requests: u64,
    part: u64,
    tries: u32,
    not_before: Moment,
    jitter: Jitter,
    wrong_digests: u32,
    wrong_receipts: u32,
    received: u64,
    now: Moment,
    outputs: VecDeque<Output>,
}

/// What is to be asked next, or is being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Announce,
    Ask,
    /// From here.
    Part(u64),
    Receipt,
    Over,
}

impl Upload {
    /// For an object of the vault. `seed` makes the waits: another one for each device and start.
    pub fn new(kept: Kept, seed: u64) -> Self {
        Self {
            kept,
            next: Next::Announce,
            sent: None,
            requests: 0,
            part: FIRST_PART,
            tries: 0,
            not_before: Moment::default(),
            jitter: Jitter::new(seed),
            wrong_digests: 0,
            wrong_receipts: 0,
            received: 0,
            now: Moment::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes one thing that happened at `now`; the first is [`Input::Timer`]. Never blocks, never fails: what cannot be
    /// changes nothing. A `now` before an earlier one counts as that one.
    pub fn handle(&mut self, input: Input, now: Moment) {
        self.now = self.now.max(now);
        match input {
            Input::Answered(number, answer) => {
                if self.sent.take_if(|(sent, _)| *sent == number).is_some() {
                    self.answered(answer);
                }
            }
            Input::NetworkChanged => {
                // Whatever is under way is under way on the old one.
                if self.sent.take().is_some() {
                    self.lost();
                }
                self.tries = 0;
                self.not_before = self.not_before.min(self.now.after_us(FLOOR_US));
            }
            Input::Timer => {}
        }
        self.advance();
    }

    /// The next thing to do, or `None` when there is nothing until [`Self::next_wakeup`].
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `handle(Input::Timer, …)` is due.
    pub fn next_wakeup(&self) -> Option<Moment> {
        match (self.next, self.sent) {
            (Next::Over, _) => None,
            (Next::Announce | Next::Ask | Next::Part(_) | Next::Receipt, Some((_, patience))) => Some(patience),
            (Next::Announce | Next::Ask | Next::Part(_) | Next::Receipt, None) => Some(self.not_before),
        }
    }

    fn advance(&mut self) {
        if self.sent.take_if(|(_, patience)| *patience <= self.now).is_some() {
            self.lost();
        }
        if self.sent.is_some() || self.not_before > self.now {
            return;
        }
        let request = match self.next {
            Next::Announce => Request::Announce { bytes: self.kept.bytes, metadata: metadata(&self.kept) },
            Next::Ask => Request::Ask,
            Next::Part(offset) => Request::Part { offset, bytes: self.part.min(self.kept.bytes - offset) },
            Next::Receipt => Request::Receipt,
            Next::Over => return,
        };
        self.requests += 1;
        let number = RequestNumber(self.requests);
        self.sent = Some((number, self.now.after_us(PATIENCE_US)));
        self.outputs.push_back(Output::Send(number, request));
    }

    fn answered(&mut self, answer: Answer) {
        match (self.next, answer) {
            (Next::Announce | Next::Ask, Answer::At(offset)) if offset <= self.kept.bytes => self.go_on(offset),
            (Next::Part(from), Answer::At(offset)) if from < offset && offset <= self.kept.bytes => {
                self.tries = 0;
                self.part = (self.part * 2).min(UPLOAD_PART_BYTES as u64);
                self.go_on(offset);
            }
            (Next::Receipt, Answer::Receipt(receipt)) => self.receipt(&receipt),
            (next, Answer::Refused(kind)) => self.refused(next, kind),
            (_, Answer::Unreadable) => self.stop(Stopped::Unreadable),
            // No answer, or one that is none to what was asked.
            (_, Answer::Unreachable | Answer::At(_) | Answer::Receipt(_)) => self.lost(),
        }
    }

    fn go_on(&mut self, offset: u64) {
        self.received = offset;
        self.next = if offset < self.kept.bytes { Next::Part(offset) } else { Next::Receipt };
    }

    fn receipt(&mut self, receipt: &Receipt) {
        match VerifiedReceipt::of(receipt, &self.kept.receipt_key) {
            Ok(receipt) if receipt.is_of(&self.kept) => {
                self.next = Next::Over;
                self.outputs.push_back(Output::Done(receipt));
            }
            Ok(_) | Err(_) => {
                self.wrong_receipts += 1;
                if self.wrong_receipts < WRONG {
                    self.rest(Next::Receipt);
                } else {
                    self.stop(Stopped::WrongReceipt { times: self.wrong_receipts });
                }
            }
        }
    }

    /// Nobody knows what the server took of it.
    fn lost(&mut self) {
        self.part = (self.part / 2).max(LEAST_PART);
        self.rest(match self.next {
            Next::Announce => Next::Announce,
            Next::Ask | Next::Part(_) => Next::Ask,
            Next::Receipt => Next::Receipt,
            Next::Over => Next::Over,
        });
    }

    fn refused(&mut self, next: Next, kind: Kind) {
        match kind {
            Kind::NotLoggedIn => self.stop(Stopped::LockedOut),
            // The server is elsewhere: ask, at once the first time. A receipt for what is not whole yet is the same.
            Kind::OffsetMismatch => self.elsewhere(Next::Ask),
            Kind::Conflict if next == Next::Receipt => self.elsewhere(Next::Ask),
            Kind::NotFound if next != Next::Announce => self.elsewhere(Next::Announce),
            Kind::WrongDigest => {
                self.wrong_digests += 1;
                if self.wrong_digests < WRONG {
                    self.rest(Next::Ask);
                } else {
                    self.stop(Stopped::WrongDigest { times: self.wrong_digests });
                }
            }
            // It passes: too much at once, or a fault over there.
            Kind::TooMany | Kind::Internal => self.lost(),
            Kind::Malformed
            | Kind::TooLarge
            | Kind::Invalid
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
            | Kind::StaleStatement
            | Kind::NoConsent
            | Kind::UploadVersion => self.stop(Stopped::Refused(kind)),
        }
    }

    /// The server said where it is not. That costs a question, and if it goes on like this, a wait.
    fn elsewhere(&mut self, next: Next) {
        let first = self.tries == 0;
        self.rest(next);
        if first {
            self.not_before = self.now;
        }
    }

    fn rest(&mut self, next: Next) {
        self.next = next;
        self.not_before = self.now.after_us(self.jitter.wait_us(self.tries));
        self.tries = self.tries.saturating_add(1);
    }

    fn stop(&mut self, stopped: Stopped) {
        self.next = Next::Over;
        self.outputs.push_back(Output::Stopped(stopped));
    }
}

/// `Upload-Metadata`: keys and base64 values, as tus has it.
fn metadata(kept: &Kept) -> String {
    let pair = |key: &str, value: &[u8]| format!("{key} {}", BASE64.encode(value));
    let mut pairs = vec![
        pair(METADATA_OBJECT, kept.object.to_string().as_bytes()),
        pair(METADATA_SHA256, &kept.sha256),
        pair(METADATA_SEAL, &kept.seal),
    ];
    if let Some(request) = kept.request {
        pairs.push(pair(METADATA_REQUEST, request.to_string().as_bytes()));
    }
    pairs.join(",")
}
