//! What the machine is told, and what it asks for.

use handlens_protocol::Kind;
use handlens_protocol::api::Receipt;
use handlens_vault::VerifiedReceipt;

/// One request. An answer names it, so that a late one is known as late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestNumber(pub(crate) u64);

/// A request to the server, one at a time. One that is no longer waited for may be given up when the next one comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `POST /api/guest/uploads`: answered by [`Answer::At`].
    Announce {
        /// `Upload-Length`.
        bytes: u64,
        /// `Upload-Metadata`.
        metadata: String,
    },
    /// `HEAD /api/guest/uploads/{object}`: answered by [`Answer::At`].
    Ask,
    /// `PATCH /api/guest/uploads/{object}`: these sealed bytes of the object. Answered by [`Answer::At`], or by
    /// [`Answer::Unreadable`] if they are not to be had.
    Part {
        /// `Upload-Offset`: where they begin.
        offset: u64,
        /// How many, at most [`handlens_protocol::limits::UPLOAD_PART_BYTES`].
        bytes: u64,
    },
    /// `GET /api/guest/uploads/{object}/receipt`: answered by [`Answer::Receipt`].
    Receipt,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The server has this many bytes: `Upload-Offset`.
    At(u64),
    /// The receipt, as it came; it is checked here.
    Receipt(Box<Receipt>),
    /// The server said no.
    Refused(Kind),
    /// No answer came, or one nobody understands.
    Unreachable,
    /// The device's own disk does not give the bytes back.
    Unreadable,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A request's fate.
    Answered(RequestNumber, Answer),
    /// The operating system says that there is another network, or one again: what waits is tried now.
    NetworkChanged,
    /// [`crate::Upload::next_wakeup`] is due.
    Timer,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this and answer with its number.
    Send(RequestNumber, Request),
    /// The server has it whole. The last output.
    Done(VerifiedReceipt),
    /// It goes no further for now; the object is kept. The last output.
    Stopped(Stopped),
}

/// Why an upload goes no further. The object stays in the vault; another try is another [`crate::Upload`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The server does not know this device any more.
    #[error("the server does not know this device any more")]
    LockedOut,
    /// The server said no, and the same request again would be answered alike.
    #[error("the server does not take it: {}", .0.title())]
    Refused(Kind),
    /// It arrived changed, time and again.
    #[error("it arrived changed {times} times")]
    WrongDigest {
        /// How often.
        times: u32,
    },
    /// The server's receipts are not signed by its session's key, or are of another object, time and again.
    #[error("{times} receipts were not by this session's server for this object")]
    WrongReceipt {
        /// How often.
        times: u32,
    },
    /// This device's disk does not give it back.
    #[error("this device's disk does not give it back")]
    Unreadable,
}
