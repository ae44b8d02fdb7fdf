//! What the machine is told, and what it asks for.

use handlens_protocol::consent::{Decision, Purpose};
use handlens_protocol::problem::Kind;
use handlens_protocol::state::{Phase, Presence};

use crate::moment::Moment;

/// What is allowed, at most one of each purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grants([bool; 4]);

impl Grants {
    /// These purposes, and no others.
    pub fn of(purposes: impl IntoIterator<Item = Purpose>) -> Self {
        let mut grants = Self::default();
        for purpose in purposes {
            grants.set(purpose, true);
        }
        grants
    }

    /// Whether `purpose` is among them.
    pub fn contains(self, purpose: Purpose) -> bool {
        self.0[purpose as usize]
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] && other.0[at]))
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] && !other.0[at]))
    }

    /// None at all.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    pub(crate) fn set(&mut self, purpose: Purpose, granted: bool) {
        self.0[purpose as usize] = granted;
    }
}

/// One HTTPS request. An answer names it, so that a late one is known as late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestNumber(pub(crate) u64);

/// One try to open one way to the realtime plane, and the connection that comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialNumber(pub(crate) u64);

/// The two ways to the realtime plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// MoQ on QUIC; the ticket goes into SETUP.
    Quic,
    /// MoQ on a WebSocket on the HTTPS port; the cookie is the permission.
    WebSocket,
}

/// An HTTPS request to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Redeem the link with this device's key; `take_over` takes it from another device.
    Redeem {
        /// The person said "use this phone".
        take_over: bool,
    },
    /// A ticket for one connection. It lives for 10 s.
    Ticket,
    /// A signed statement of consent.
    Consent {
        /// What for.
        purpose: Purpose,
        /// Allow or withdraw.
        decision: Decision,
    },
    /// Good-bye. Asked once: the server notices a guest who only vanished.
    Leave,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Of [`Request::Redeem`]: where the guest is.
    View(Told),
    /// Of [`Request::Ticket`]: there is one, and it allows this much to be published.
    Ticket(Grants),
    /// Of [`Request::Consent`] and [`Request::Leave`].
    Done,
    /// The server said no.
    Refused(Kind),
    /// No answer came, or one nobody understands.
    Unreachable,
}

/// What the server says of this guest: in an answer, a server-sent event, or on the `state` track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Where the guest is in the visit.
    pub presence: Presence,
    /// The session's life.
    pub phase: Phase,
    /// What the server knows to be allowed.
    pub grants: Grants,
}

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The person tapped: the link is redeemed.
    Redeem {
        /// Also if another device holds it.
        take_over: bool,
    },
    /// The person allowed something or withdrew it. Before joining it is remembered.
    Decide {
        /// What for.
        purpose: Purpose,
        /// Allow or withdraw.
        decision: Decision,
    },
    /// The person paused the camera.
    Pause,
    /// The person lets it go on.
    GoOn,
    /// The person leaves.
    Leave,
    /// The app went behind others, or came back.
    Hidden(bool),
    /// The camera opened (`true`), or the operating system took it away.
    CameraOpen(bool),
    /// A request's fate.
    Answered(RequestNumber, Answer),
    /// The server said something of this guest.
    Told(Told),
    /// The server refused the event stream, and said why.
    Refused(Kind),
    /// A dial succeeded: there is a connection.
    Opened(DialNumber),
    /// A dial failed, or its connection is gone.
    Closed(DialNumber),
    /// The last time that something came over the connection. To say it before [`Self::Timer`] is enough.
    Heard(DialNumber, Moment),
    /// The operating system says that there is another network, or one again.
    NetworkChanged,
    /// [`crate::Session::next_wakeup`] is due.
    Timer,
}

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Send this request and answer with its number.
    Send(RequestNumber, Request),
    /// Open this way, with the ticket that came last. Say [`Input::Opened`] or [`Input::Closed`].
    Dial(DialNumber, Via),
    /// Give this dial or connection up. Nothing more need be said of it.
    HangUp(DialNumber),
    /// Bind the socket of this QUIC connection anew: it migrates, and nobody notices.
    Rebind(DialNumber),
    /// The visit is somewhere else now.
    Moved(Life),
    /// The server refused a consent for good; the person is asked again.
    NotAllowed(Purpose, Kind),
    /// Joining failed for a reason that another tap may cure.
    NotJoined(Kind),
    /// The visit is over: the device's key dies.
    ForgetKey,
}

/// Where the visit is, in the words of the screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// There is a link; nothing was spent.
    Invited,
    /// The tap is on its way, for as long as it takes.
    Joining,
    /// In the waiting room.
    Waiting,
    /// Let in; the first connection is being opened.
    Admitted,
    /// Let in and connected.
    Live,
    /// Let in, and the connection is gone; another one is being opened, until the visit is over.
    Lost,
    /// Over.
    Over(Over),
}

/// How the visit came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The session ended.
    Finished,
    /// The technician sent the guest away.
    Declined,
    /// The guest left.
    Left,
    /// The link's hour was over.
    Expired,
    /// The link was turned off.
    Revoked,
    /// Another device has the link.
    Used,
    /// The link is not one, or its key is unknown.
    Incomplete,
}
