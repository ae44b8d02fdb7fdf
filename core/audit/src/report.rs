//! What a verifier answers: one verdict, how far the logs held, and the first thing that is wrong.

use std::fmt;

use tlog_tiles::Hash;

use crate::{HeadError, MAX_LINE, Origin};

/// What an export proves.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The one word for it.
    pub verdict: Verdict,
    /// What held, up to the first problem: one extent for each log, in order.
    pub extents: Vec<Extent>,
    /// How many times the server's clock went backwards from one entry to the next.
    pub clock_steps_back: u64,
    /// How many entries showed the details that they commit to.
    pub details_revealed: u64,
    /// The signed note at the end of the last whole log: keep it, and give it to the next verification.
    pub checkpoint: Option<String>,
    /// The first thing that is wrong.
    pub problem: Option<Problem>,
}

/// The part of one log that held.
#[derive(Clone, Debug, PartialEq)]
pub struct Extent {
    /// The log.
    pub origin: Origin,
    /// The first entry in the file.
    pub first: u64,
    /// Entries of the log up to the last good one: its sequence plus 1.
    pub size: u64,
    /// The root at that size.
    pub root: Hash,
    /// The time of the last good entry, in µs since 1970.
    pub last_time_us: u64,
}

/// The five answers. The numbers are stable: scripts depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Complete and unaltered up to the last entry; what came later is unknown.
    Verified,
    /// Fits together, but no key was given: anybody could have written it.
    Consistent,
    /// Something in the file is not what was signed.
    Altered,
    /// Entries are missing at the end of a log, or the log has another past than one that was signed before.
    Forked,
    /// Not an export that this version can judge.
    Unreadable,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line of the file, from 1.
    pub line: u64,
    /// The log, if it is known by then.
    pub origin: Option<Origin>,
    /// The part of the file.
    pub place: Place,
    /// What is wrong with it.
    pub cause: Cause,
}

/// A part of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first line.
    Header,
    /// The line that begins a log.
    Opening,
    /// The entry of this sequence: its bytes, its signature or its details.
    Entry(u64),
    /// The line that ends a log.
    Checkpoint,
    /// The file as a whole.
    File,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The first line is not a header of an export.
    #[error("this is not a Handlens audit export")]
    NotAnExport,
    /// A version that is not known here.
    #[error("this export has a version that this program does not know")]
    Version,
    /// Longer than [`MAX_LINE`].
    #[error("a line is longer than {MAX_LINE} bytes")]
    LineTooLong,
    /// Not the line that must stand here, in its canonical form.
    #[error("the line is not what must stand here")]
    Line,
    /// An entry that is malformed or not the next one.
    #[error(transparent)]
    Entry(HeadError),
    /// A good signature was expected.
    #[error("the signature does not fit: what it stands for or the signature itself was altered")]
    Signature,
    /// Signed by a key that was not given.
    #[error("signed by key {id:08x}, which was not given")]
    UnknownKey {
        /// The key's id.
        id: u32,
    },
    /// Details that are not those that were committed to.
    #[error("the details are not those that the entry commits to")]
    Details,
    /// The signed note is not that of the last entry.
    #[error("the checkpoint is not that of the last entry")]
    Checkpoint,
    /// The file ends before a log is closed with its checkpoint.
    #[error("the file ends in the middle")]
    Unfinished,
    /// A log that does not continue the one before it in the file.
    #[error("this log does not continue the one before it: entries or whole logs are missing in between")]
    NotLinked,
    /// The log ends earlier than what is remembered of it.
    #[error("the log ends after {found} entries, but it had {held} before")]
    Truncated {
        /// Entries that are remembered.
        held: u64,
        /// Entries in the file.
        found: u64,
    },
    /// The log has another past than what is remembered of it.
    #[error("the first {held} entries are not those that are remembered")]
    Forked {
        /// Entries that are remembered.
        held: u64,
    },
    /// Nothing in the file could be held against what is remembered.
    #[error("nothing in this file could be held against what is remembered of {0}: export that log as well")]
    LogMissing(Origin),
    /// The file begins after what is remembered.
    #[error("the file begins at entry {first}, after what is remembered of the first {held}: export an earlier range")]
    NotComparable {
        /// Entries that are remembered.
        held: u64,
        /// The first entry in the file.
        first: u64,
    },
}

impl Verdict {
    /// The exit code of `handlens audit verify`. 2 is taken by the command line itself.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Consistent => 3,
            Self::Altered => 4,
            Self::Forked => 5,
            Self::Unreadable => 6,
        }
    }

    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Consistent => "consistent",
            Self::Altered => "altered",
            Self::Forked => "forked",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Cause {
    /// The stable word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotAnExport => "not_an_export",
            Self::Version => "version",
            Self::LineTooLong => "line_too_long",
            Self::Line => "line",
            Self::Entry(_) => "entry",
            Self::Signature => "signature",
            Self::UnknownKey { .. } => "unknown_key",
            Self::Details => "details",
            Self::Checkpoint => "checkpoint",
            Self::Unfinished => "unfinished",
            Self::NotLinked => "not_linked",
            Self::Truncated { .. } => "truncated",
            Self::Forked { .. } => "forked",
            Self::LogMissing(_) => "log_missing",
            Self::NotComparable { .. } => "not_comparable",
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::NotAnExport | Self::Version | Self::NotComparable { .. } => Verdict::Unreadable,
            Self::LineTooLong
            | Self::Line
            | Self::Entry(_)
            | Self::Signature
            | Self::UnknownKey { .. }
            | Self::Details
            | Self::Checkpoint
            | Self::Unfinished => Verdict::Altered,
            Self::NotLinked | Self::Truncated { .. } | Self::Forked { .. } | Self::LogMissing(_) => Verdict::Forked,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("the first line"),
            Self::Opening => f.write_str("the line that begins a log"),
            Self::Entry(sequence) => write!(f, "entry {sequence}"),
            Self::Checkpoint => f.write_str("the checkpoint at the end of a log"),
            Self::File => f.write_str("the file"),
        }
    }
}
