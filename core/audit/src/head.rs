//! The end of a log: all that is needed to write the next entry, in O(log n) bytes.

use tlog_tiles::Hash;

use crate::{Action, Checkpoint, Entry, EntryError, Event, Frontier, FrontierError, Origin};

const VERSION: u8 = 1;

/// Where a log stands. The server keeps it beside the entries and, after signing, apart from the database.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    origin: Origin,
    last: Hash,
    closed: bool,
    frontier: Frontier,
}

/// Why an entry cannot be the next one. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// It is not an entry at all.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// It belongs to another log.
    #[error("the entry names the log {0}")]
    Origin(Origin),
    /// It is not the next in order.
    #[error("the entry has sequence {got} where {want} is next")]
    Sequence {
        /// What it must be.
        want: u64,
        /// What it is.
        got: u64,
    },
    /// It does not hold the hash of the entry before it.
    #[error("the entry does not hold the hash of the one before it")]
    Previous,
    /// The log ended with `origin.close`.
    #[error("the log was closed")]
    Closed,
    /// The tree is full, or stored bytes are not a frontier.
    #[error(transparent)]
    Frontier(#[from] FrontierError),
    /// Stored bytes are not a head.
    #[error("not a stored log head of version {VERSION}")]
    Stored,
}

impl Head {
    /// The head of a log that has no entry yet.
    pub fn new(origin: Origin) -> Self {
        Self { origin, last: Hash::default(), closed: false, frontier: Frontier::default() }
    }

    /// A head in the middle of a log, where the hash of the last entry is known from elsewhere.
    pub(crate) fn resume(origin: Origin, last: Hash, frontier: Frontier) -> Self {
        Self { origin, last, closed: false, frontier }
    }

    /// Makes the next entry of `event` and moves past it. Its bytes go into the transaction of the action itself.
    pub fn append(&mut self, event: Event) -> Result<Entry, HeadError> {
        let entry = Entry::new(self.origin.clone(), self.size(), self.last, event)?;
        self.advance(&entry)?;
        Ok(entry)
    }

    /// Reads an entry that was written before and moves past it, if it is the next one.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Entry, HeadError> {
        let entry = Entry::decode(bytes)?;
        if *entry.origin() != self.origin {
            return Err(HeadError::Origin(entry.origin().clone()));
        }
        if entry.sequence() != self.size() {
            return Err(HeadError::Sequence { want: self.size(), got: entry.sequence() });
        }
        if entry.previous() != self.last {
            return Err(HeadError::Previous);
        }
        self.advance(&entry)?;
        Ok(entry)
    }

    /// The log.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Entries so far; the sequence of the next one.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The hash of the last entry; 32 zero bytes if there is none.
    pub fn last(&self) -> Hash {
        self.last
    }

    /// The Merkle frontier.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// What is to be signed now.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { origin: self.origin.clone(), size: self.size(), root: self.frontier.root() }
    }

    /// Version, closed, last hash, length of the origin, origin, frontier.
    pub fn to_bytes(&self) -> Vec<u8> {
        let origin = self.origin.as_str().as_bytes();
        let mut bytes = vec![VERSION, u8::from(self.closed)];
        bytes.extend_from_slice(&self.last.0);
        // An origin is at most 200 bytes: its length always fits.
        bytes.push(u8::try_from(origin.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(origin);
        bytes.extend_from_slice(&self.frontier.to_bytes());
        bytes
    }

    /// What [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HeadError> {
        let Some(([VERSION, closed @ (0 | 1)], rest)) = bytes.split_first_chunk::<2>() else {
            return Err(HeadError::Stored);
        };
        let (last, rest) = rest.split_first_chunk::<32>().ok_or(HeadError::Stored)?;
        let (len, rest) = rest.split_first().ok_or(HeadError::Stored)?;
        let (origin, rest) = rest.split_at_checked(usize::from(*len)).ok_or(HeadError::Stored)?;
        let origin = std::str::from_utf8(origin).ok().and_then(|text| Origin::new(text).ok());
        Ok(Self {
            origin: origin.ok_or(HeadError::Stored)?,
            last: Hash(*last),
            closed: *closed == 1,
            frontier: Frontier::from_bytes(rest)?,
        })
    }

    fn advance(&mut self, entry: &Entry) -> Result<(), HeadError> {
        if self.closed {
            return Err(HeadError::Closed);
        }
        self.frontier.append(entry.bytes())?;
        self.last = entry.hash();
        self.closed = entry.event().action == Action::OriginClose;
        Ok(())
    }
}
