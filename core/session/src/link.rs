//! The way to the realtime plane: one ticket an attempt, QUIC first, the WebSocket half a second later, one connection.
//!
//! ```text
//!  Idle ──▶ Fetching ──ticket──▶ Dialling ──first opened──▶ Open
//!             ▲  └────────────────┴──── Resting ◀──────────────┘ closed, silent, renewed
//! ```

use std::collections::VecDeque;

use crate::backoff::{FLOOR_US, Jitter};
use crate::event::{DialNumber, Grants, Output, Request, RequestNumber, Via};
use crate::moment::Moment;

/// How long QUIC is alone, µs.
pub(crate) const HEAD_START_US: u64 = 500_000;
/// No QUIC for so long while it was open: something on the way drops UDP, µs.
pub(crate) const QUIC_SILENCE_US: u64 = 4_000_000;
/// A WebSocket waits for what TCP repeats; longer than this it is dead, µs.
const WEBSOCKET_SILENCE_US: u64 = 10_000_000;
/// Longer than a ticket or a dial takes on any network a call is possible on, µs.
pub(crate) const PATIENCE_US: u64 = 12_000_000;
/// A connection that held for so long was sound: the next wait is short again, µs.
const SOUND_US: u64 = 10_000_000;

#[derive(Debug)]
pub(crate) struct Link {
    state: State,
    jitter: Jitter,
    tries: u32,
    /// When the last attempt began.
    began: Option<Moment>,
    dials: u64,
    /// The WebSocket won, or an open QUIC fell silent: no head start any more, but QUIC is tried each time.
    udp_blocked: bool,
    was_open: bool,
}

#[derive(Debug)]
enum State {
    Idle,
    Resting { until: Moment },
    Fetching { request: RequestNumber, patience: Moment },
    Dialling { purposes: Grants, quic: Way, websocket: Way, patience: Moment },
    Open { dial: DialNumber, via: Via, purposes: Grants, since: Moment, silent_at: Moment },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    From(Moment),
    Trying(DialNumber),
    Failed,
}

impl Way {
    const fn dial(self) -> Option<DialNumber> {
        match self {
            Self::Trying(dial) => Some(dial),
            Self::From(_) | Self::Failed => None,
        }
    }
}

impl Link {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            state: State::Idle,
            jitter: Jitter::new(seed),
            tries: 0,
            began: None,
            dials: 0,
            udp_blocked: false,
            was_open: false,
        }
    }

    /// What the open connection may publish; `None` when there is none.
    pub(crate) const fn open(&self) -> Option<Grants> {
        match self.state {
            State::Open { purposes, .. } => Some(purposes),
            State::Idle | State::Resting { .. } | State::Fetching { .. } | State::Dialling { .. } => None,
        }
    }

    /// Whether there ever was a connection.
    pub(crate) const fn was_open(&self) -> bool {
        self.was_open
    }

    /// A connection is wanted, or no longer.
    pub(crate) fn want(&mut self, wanted: bool, now: Moment, out: &mut VecDeque<Output>) {
        match (&self.state, wanted) {
            (State::Idle, true) => {
                self.tries = 0;
                self.rest_until(now);
            }
            (State::Resting { .. } | State::Fetching { .. } | State::Dialling { .. } | State::Open { .. }, false) => {
                self.hang_up(None, out);
                self.state = State::Idle;
            }
            (State::Idle, false)
            | (State::Resting { .. } | State::Fetching { .. } | State::Dialling { .. } | State::Open { .. }, true) => {}
        }
    }

    /// Begins what is due. `request` numbers a request for a ticket.
    pub(crate) fn advance(
        &mut self,
        now: Moment,
        mut request: impl FnMut() -> RequestNumber,
        out: &mut VecDeque<Output>,
    ) {
        match self.state {
            State::Resting { until } if until <= now => {
                let request = request();
                self.began = Some(now);
                self.state = State::Fetching { request, patience: now.after_us(PATIENCE_US) };
                out.push_back(Output::Send(request, Request::Ticket));
            }
            State::Fetching { patience, .. } | State::Dialling { patience, .. } if patience <= now => {
                self.rest(now, out)
            }
            State::Dialling { .. } => self.start_ways(now, out),
            State::Open { via, silent_at, .. } if silent_at <= now => {
                self.udp_blocked |= via == Via::Quic;
                self.lost(now, out);
            }
            State::Idle | State::Resting { .. } | State::Fetching { .. } | State::Open { .. } => {}
        }
    }

    /// A ticket came. `false` when it was not asked for any more.
    pub(crate) fn ticket(&mut self, request: RequestNumber, purposes: Grants, now: Moment, out: &mut VecDeque<Output>) {
        if !self.fetches(request) {
            return;
        }
        let websocket = if self.udp_blocked { now } else { now.after_us(HEAD_START_US) };
        let patience = now.after_us(PATIENCE_US);
        self.state = State::Dialling { purposes, quic: Way::From(now), websocket: Way::From(websocket), patience };
        self.start_ways(now, out);
    }

    /// No ticket came.
    pub(crate) fn no_ticket(&mut self, request: RequestNumber, now: Moment, out: &mut VecDeque<Output>) {
        if self.fetches(request) {
            self.rest(now, out);
        }
    }

    pub(crate) fn fetches(&self, wanted: RequestNumber) -> bool {
        matches!(self.state, State::Fetching { request, .. } if request == wanted)
    }

    pub(crate) fn opened(&mut self, dial: DialNumber, now: Moment, out: &mut VecDeque<Output>) {
        let (via, purposes) = match self.state {
            State::Dialling { quic, purposes, .. } if quic.dial() == Some(dial) => (Via::Quic, purposes),
            State::Dialling { websocket, purposes, .. } if websocket.dial() == Some(dial) => (Via::WebSocket, purposes),
            // Said again, of the one that is open.
            State::Open { dial: open, .. } if open == dial => return,
            State::Idle
            | State::Resting { .. }
            | State::Fetching { .. }
            | State::Dialling { .. }
            | State::Open { .. } => {
                // It arrived too late, and may have crossed with our giving it up.
                out.push_back(Output::HangUp(dial));
                return;
            }
        };
        self.hang_up(Some(dial), out);
        self.udp_blocked = via == Via::WebSocket;
        self.was_open = true;
        self.state = State::Open { dial, via, purposes, since: now, silent_at: now.after_us(silence_us(via)) };
    }

    pub(crate) fn closed(&mut self, dial: DialNumber, now: Moment, out: &mut VecDeque<Output>) {
        match &mut self.state {
            State::Open { dial: open, .. } if *open == dial => self.lost(now, out),
            State::Dialling { quic, websocket, .. } => {
                let (this, other) = if quic.dial() == Some(dial) {
                    (quic, websocket)
                } else if websocket.dial() == Some(dial) {
                    (websocket, quic)
                } else {
                    return;
                };
                *this = Way::Failed;
                match other {
                    Way::Failed => self.rest(now, out),
                    // Nobody waits for what has failed.
                    Way::From(start) => {
                        *start = now;
                        self.start_ways(now, out);
                    }
                    Way::Trying(_) => {}
                }
            }
            State::Open { .. } | State::Idle | State::Resting { .. } | State::Fetching { .. } => {}
        }
    }

    /// Something was heard at `at`, which may be a while ago; older news changes nothing.
    pub(crate) fn heard(&mut self, heard: DialNumber, at: Moment) {
        if let State::Open { dial, via, silent_at, .. } = &mut self.state
            && *dial == heard
        {
            *silent_at = at.after_us(silence_us(*via)).max(*silent_at);
        }
    }

    /// Waits end, sockets move, and what was being dialled on the old network begins anew.
    pub(crate) fn network_changed(&mut self, now: Moment, out: &mut VecDeque<Output>) {
        self.tries = 0;
        self.udp_blocked = false;
        match self.state {
            State::Idle => {}
            State::Open { dial, via: Via::Quic, .. } => out.push_back(Output::Rebind(dial)),
            State::Open { via: Via::WebSocket, .. }
            | State::Resting { .. }
            | State::Fetching { .. }
            | State::Dialling { .. } => {
                self.hang_up(None, out);
                self.rest_until(now);
            }
        }
    }

    /// A lease is fixed when a connection is accepted: another one, with what a new ticket allows.
    pub(crate) fn renew(&mut self, now: Moment, out: &mut VecDeque<Output>) {
        match self.state {
            State::Open { .. } | State::Fetching { .. } | State::Dialling { .. } => {
                self.hang_up(None, out);
                self.rest_until(now);
            }
            State::Idle | State::Resting { .. } => {}
        }
    }

    pub(crate) fn next_wakeup(&self) -> Option<Moment> {
        match self.state {
            State::Idle => None,
            State::Resting { until } => Some(until),
            State::Fetching { patience, .. } => Some(patience),
            State::Dialling { quic, websocket, patience, .. } => [quic, websocket]
                .into_iter()
                .filter_map(|way| match way {
                    Way::From(start) => Some(start),
                    Way::Trying(_) | Way::Failed => None,
                })
                .chain([patience])
                .min(),
            State::Open { silent_at, .. } => Some(silent_at),
        }
    }

    fn start_ways(&mut self, now: Moment, out: &mut VecDeque<Output>) {
        let State::Dialling { quic, websocket, .. } = &mut self.state else { return };
        for (way, via) in [(quic, Via::Quic), (websocket, Via::WebSocket)] {
            if matches!(way, Way::From(start) if *start <= now) {
                let dial = DialNumber(self.dials);
                self.dials += 1;
                *way = Way::Trying(dial);
                out.push_back(Output::Dial(dial, via));
            }
        }
    }

    fn lost(&mut self, now: Moment, out: &mut VecDeque<Output>) {
        if let State::Open { since, .. } = self.state
            && now.since_us(since) >= SOUND_US
        {
            self.tries = 0;
        }
        self.rest(now, out);
    }

    fn rest(&mut self, now: Moment, out: &mut VecDeque<Output>) {
        self.hang_up(None, out);
        let wait_us = self.jitter.wait_us(self.tries);
        self.tries = self.tries.saturating_add(1);
        self.rest_until(now.after_us(wait_us));
    }

    /// Not before `until`, and never right after the attempt before.
    fn rest_until(&mut self, until: Moment) {
        let floor = self.began.map_or(until, |began| began.after_us(FLOOR_US));
        self.state = State::Resting { until: until.max(floor) };
    }

    /// Gives up everything but `keep`.
    fn hang_up(&self, keep: Option<DialNumber>, out: &mut VecDeque<Output>) {
        let dials = match self.state {
            State::Dialling { quic, websocket, .. } => [quic.dial(), websocket.dial()],
            State::Open { dial, .. } => [Some(dial), None],
            State::Idle | State::Resting { .. } | State::Fetching { .. } => [None, None],
        };
        out.extend(dials.into_iter().flatten().filter(|dial| Some(*dial) != keep).map(Output::HangUp));
    }
}

const fn silence_us(via: Via) -> u64 {
    match via {
        Via::Quic => QUIC_SILENCE_US,
        Via::WebSocket => WEBSOCKET_SILENCE_US,
    }
}
