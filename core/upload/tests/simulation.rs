//! A phone, a network that fails in every way and a server that restarts, in fast motion, from one seed each: whatever
//! happens, the object arrives whole and exactly once, and is let go only then.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod server;

use std::collections::BTreeMap;

use handlens_session::Moment;
use handlens_upload::{Answer, Input, Output, Request, RequestNumber, Stopped, Upload};
use handlens_vault::Kept;
use server::{Server, object};

const SECOND: u64 = 1_000_000;
const SEEDS: u64 = 300;
/// The network is bad until then.
const BAD_US: u64 = 300 * SECOND;

enum Event {
    /// A request reaches the server, from the phone's life number so and so.
    Arrives(u32, RequestNumber, Request, Vec<u8>),
    /// An answer reaches that life of the phone.
    Answers(u32, RequestNumber, Answer),
    PhoneRestarts,
    ServerRestarts,
    NetworkChanges,
}

struct World {
    kept: Kept,
    sealed: Vec<u8>,
    upload: Upload,
    server: Server,
    life: u32,
    now: u64,
    dice: u64,
    order: u64,
    events: BTreeMap<(u64, u64), Event>,
    requests: u32,
}

/// How a run went.
struct Outcome {
    stored: u32,
    stopped: Option<Stopped>,
    requests: u32,
    lives: u32,
}

impl World {
    fn new(seed: u64, careless: bool) -> Self {
        let mut world = Self {
            kept: object(0, 1).0,
            sealed: Vec::new(),
            upload: Upload::new(object(0, 1).0, 0),
            server: Server { careless, ..Server::default() },
            life: 0,
            now: SECOND,
            dice: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            order: 0,
            events: BTreeMap::new(),
            requests: 0,
        };
        let length = 1 + world.roll(3_000_000);
        (world.kept, world.sealed) = object(seed, usize::try_from(length).unwrap());
        world.upload = Upload::new(world.kept.clone(), seed);
        for _ in 0..world.roll(6) {
            let event = match world.roll(3) {
                0 => Event::PhoneRestarts,
                1 => Event::ServerRestarts,
                _ => Event::NetworkChanges,
            };
            let at = world.roll(BAD_US);
            world.after(at, event);
        }
        world
    }

    /// 0 to `sides` − 1 (xorshift64).
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 11) % sides
    }

    fn bad(&mut self, one_in: u64) -> bool {
        self.now < BAD_US && self.roll(one_in) == 0
    }

    fn after(&mut self, us: u64, event: Event) {
        self.order += 1;
        self.events.insert((self.now + us, self.order), event);
    }

    /// Until the machine is over.
    fn run(mut self) -> Outcome {
        let mut stopped = None;
        self.tell(Input::Timer, &mut stopped);
        while let Some(wakeup) = self.upload.next_wakeup() {
            assert!(self.now < BAD_US + 600 * SECOND, "it does not come to an end");
            let event = self.events.first_key_value().map(|(key, _)| *key).filter(|(at, _)| *at <= wakeup.as_us());
            match event.and_then(|key| self.events.remove(&key).map(|event| (key.0, event))) {
                Some((at, event)) => {
                    self.now = self.now.max(at);
                    self.happens(event, &mut stopped);
                }
                None => {
                    self.now = self.now.max(wakeup.as_us());
                    self.tell(Input::Timer, &mut stopped);
                }
            }
        }
        if self.server.stored > 0 {
            assert!(self.server.whole == self.sealed, "what was stored is not what was sent");
        }
        Outcome { stored: self.server.stored, stopped, requests: self.requests, lives: self.life + 1 }
    }

    fn happens(&mut self, event: Event, stopped: &mut Option<Stopped>) {
        match event {
            Event::Arrives(life, number, request, part) => {
                let answer = self.server.take(&request, &part, &self.kept);
                if !self.bad(5) {
                    let us = 1000 + self.roll(if self.now < BAD_US { 40 * SECOND } else { SECOND });
                    self.after(us, Event::Answers(life, number, answer));
                }
            }
            Event::Answers(life, number, answer) => {
                if life == self.life {
                    self.tell(Input::Answered(number, answer), stopped);
                }
            }
            Event::PhoneRestarts => {
                self.life += 1;
                self.upload = Upload::new(self.kept.clone(), self.dice);
                self.tell(Input::Timer, stopped);
            }
            Event::ServerRestarts => {
                // Its disk has lost the end of what was not finished, or all of it with the announcement.
                let left = self.roll(self.server.bytes.len() as u64 + 1);
                self.server.bytes.truncate(usize::try_from(left).unwrap());
                if self.server.stored == 0 && self.roll(3) == 0 {
                    self.server = Server { careless: self.server.careless, ..Server::default() };
                }
            }
            Event::NetworkChanges => self.tell(Input::NetworkChanged, stopped),
        }
    }

    fn tell(&mut self, input: Input, stopped: &mut Option<Stopped>) {
        self.upload.handle(input, Moment::from_us(self.now));
        while let Some(output) = self.upload.poll() {
            match output {
                Output::Send(number, request) => self.send(number, request),
                Output::Done(receipt) => {
                    assert!(receipt.is_of(&self.kept) && self.server.stored == 1, "done before it was stored");
                }
                Output::Stopped(why) => *stopped = Some(why),
            }
        }
    }

    fn send(&mut self, number: RequestNumber, request: Request) {
        self.requests += 1;
        let mut part = match &request {
            Request::Part { offset, bytes } => {
                let begin = usize::try_from(*offset).unwrap();
                self.sealed[begin..begin + usize::try_from(*bytes).unwrap()].to_vec()
            }
            Request::Announce { .. } | Request::Ask | Request::Receipt => Vec::new(),
        };
        if self.bad(5) {
            return;
        }
        // At most once in a run, so that the machine's patience with changed objects is not what is tested here.
        if !part.is_empty() && self.requests == 7 && self.bad(3) {
            part[0] ^= 1;
        }
        let us = 1000 + self.roll(SECOND);
        if self.bad(8) {
            // Delivered twice, the second time much later.
            let late = us + self.roll(60 * SECOND);
            self.after(late, Event::Arrives(self.life, number, request.clone(), part.clone()));
        }
        self.after(us, Event::Arrives(self.life, number, request, part));
    }
}

/// Lost requests, lost answers, late and double ones, changed bytes, restarts of both: whole, and exactly once.
#[test]
fn whatever_happens_it_arrives_exactly_once() {
    let (mut requests, mut lives) = (0, 0);
    for seed in 0..SEEDS {
        let outcome = World::new(seed, false).run();
        assert_eq!((outcome.stored, outcome.stopped), (1, None), "seed {seed}");
        requests += outcome.requests;
        lives += outcome.lives;
    }
    println!("{SEEDS} worlds, {requests} requests, {lives} lives");
}

/// The control: with a server that looks neither at offsets nor at the digest, the same worlds come out wrong.
#[test]
fn the_harness_sees_a_careless_server() {
    let wrong = (0..SEEDS / 4).filter(|seed| {
        let seed = *seed;
        std::panic::catch_unwind(move || World::new(seed, true).run())
            .map_or(true, |outcome| (outcome.stored, outcome.stopped) != (1, None))
    });
    assert!(wrong.count() > 0);
}
