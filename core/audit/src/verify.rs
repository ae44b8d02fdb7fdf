//! Reads an export and proves what can be proven of it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::bundle::{HEADER, HEADER_OF_ANY_VERSION, MAX_LINE, Opening, Proof, parse_checkpoint};
use crate::report::{Cause, Extent, Place, Problem, Report, Verdict};
use crate::{Checkpoint, Entry, Follows, Head, HeadError, Key, Origin, Remembered, Signature};

/// Takes an export in pieces of any size and holds no more of it than one line.
///
/// It stops at the first thing that is wrong; what comes after is counted as unknown.
#[derive(Clone)]
pub struct Verifier {
    keys: Vec<Key>,
    remembered: Option<Remembered>,
    met: bool,
    buffer: Vec<u8>,
    line: u64,
    state: State,
    report: Report,
}

#[derive(Clone, Debug)]
enum State {
    Header,
    Opening,
    Entry(Log),
    Proof(Log, Box<Entry>),
}

/// The log that is being read.
#[derive(Clone, Debug)]
struct Log {
    opening: Opening,
    first: u64,
    head: Option<Head>,
    signature: Option<Signature>,
}

impl Verifier {
    /// A verifier that accepts signatures by `keys` (none: nothing can be authenticated; several: after a change of
    /// keys) and, if one was kept, holds the file against an older checkpoint.
    pub fn new(keys: Vec<Key>, remembered: Option<Remembered>) -> Self {
        let report = Report {
            verdict: if keys.is_empty() { Verdict::Consistent } else { Verdict::Verified },
            extents: Vec::new(),
            clock_steps_back: 0,
            details_revealed: 0,
            checkpoint: None,
            problem: None,
        };
        Self { keys, remembered, met: false, buffer: Vec::new(), line: 1, state: State::Header, report }
    }

    /// Takes the next piece of the file. Returns whether more is of use: `false` after the first problem.
    pub fn push(&mut self, mut bytes: &[u8]) -> bool {
        while self.report.problem.is_none() && !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            if self.buffer.len() + piece.len() > MAX_LINE {
                self.fail(self.place(), Cause::LineTooLong);
                break;
            }
            self.buffer.extend_from_slice(piece);
            bytes = bytes.get(piece.len() + 1..).unwrap_or_default();
            if end.is_some() {
                let mut line = std::mem::take(&mut self.buffer);
                if let Err((place, cause)) = self.read(&line) {
                    self.fail(place, cause);
                }
                line.clear();
                self.buffer = line;
                self.line += 1;
            }
        }
        self.report.problem.is_none()
    }

    /// The file has ended.
    pub fn finish(mut self) -> Report {
        if self.report.problem.is_some() {
            return self.report;
        }
        if matches!(self.state, State::Header) {
            self.fail(Place::Header, Cause::NotAnExport);
        } else if !matches!(self.state, State::Opening) || !self.buffer.is_empty() || self.report.extents.is_empty() {
            self.fail(Place::File, Cause::Unfinished);
        } else if let (false, Some(remembered)) = (self.met, &self.remembered) {
            let missing = Cause::LogMissing(remembered.origin().clone());
            self.fail(Place::File, missing);
        }
        self.report
    }

    fn fail(&mut self, place: Place, cause: Cause) {
        let origin = match &self.state {
            State::Entry(log) | State::Proof(log, _) => log.origin().cloned(),
            State::Header | State::Opening => None,
        };
        self.report.verdict = if place == Place::Header { Verdict::Unreadable } else { cause.verdict() };
        self.report.problem = Some(Problem { line: self.line, origin, place, cause });
    }

    /// The part of the file that is expected next.
    fn place(&self) -> Place {
        match &self.state {
            State::Header => Place::Header,
            State::Opening => Place::Opening,
            State::Entry(log) => Place::Entry(log.size()),
            State::Proof(_, entry) => Place::Entry(entry.sequence()),
        }
    }

    fn read(&mut self, line: &[u8]) -> Result<(), (Place, Cause)> {
        let place = self.place();
        let here = |cause| (place, cause);
        // Whatever is not replaced below stays as it is, so that a failure can still name the log.
        match self.state.clone() {
            State::Header if line == HEADER => self.state = State::Opening,
            State::Header if line.starts_with(HEADER_OF_ANY_VERSION) => return Err(here(Cause::Version)),
            State::Header => return Err(here(Cause::NotAnExport)),
            State::Opening => {
                let opening = Opening::parse(line).ok_or(here(Cause::Line))?;
                let first = self.open(&opening).map_err(here)?;
                self.state = State::Entry(Log { opening, first, head: None, signature: None });
            }
            State::Entry(mut log) if !is_checkpoint(line) => {
                let entry = log.push(line).map_err(|error| here(Cause::Entry(error)))?;
                self.state = State::Proof(log, Box::new(entry));
            }
            State::Entry(log) => {
                self.close(&log, line).map_err(|cause| (Place::Checkpoint, cause))?;
                self.state = State::Opening;
            }
            State::Proof(mut log, entry) => {
                let proof = Proof::parse(line).ok_or(here(Cause::Line))?;
                self.prove(&mut log, &entry, &proof).map_err(here)?;
                self.state = State::Entry(log);
            }
        }
        Ok(())
    }

    fn open(&mut self, opening: &Opening) -> Result<u64, Cause> {
        let Opening::Resumed { origin, frontier, signature } = opening else { return Ok(0) };
        let start = Checkpoint { origin: origin.clone(), size: frontier.size(), root: frontier.root() };
        self.authenticate(&start, signature)?;
        if !self.report.extents.is_empty() {
            return Err(Cause::NotLinked);
        }
        if let Some(held) = self.remembered_of(origin)
            && !shows(held, start.size)
        {
            return Err(Cause::NotComparable { held: held.size(), first: start.size });
        }
        self.compare(&start)?;
        Ok(start.size)
    }

    fn prove(&mut self, log: &mut Log, entry: &Entry, proof: &Proof) -> Result<(), Cause> {
        let Some(head) = &log.head else { return Err(Cause::Line) };
        let checkpoint = head.checkpoint();
        self.authenticate(&checkpoint, &proof.signature)?;
        if let Some(reveal) = &proof.reveal {
            if !entry.event().details.is_some_and(|commitment| reveal.opens(&commitment)) {
                return Err(Cause::Details);
            }
            self.report.details_revealed += 1;
        }
        let first = entry.sequence() == log.first;
        if first {
            self.link(log, entry)?;
            self.follow(entry.event().follows.as_ref())?;
        }
        self.compare(&checkpoint)?;
        self.compare_entry(entry)?;
        let last_time_us = entry.event().time_us;
        if let Some(before) = self.report.extents.pop_if(|_| !first) {
            self.report.clock_steps_back += u64::from(last_time_us < before.last_time_us);
        }
        let Checkpoint { origin, size, root } = checkpoint;
        self.report.extents.push(Extent { origin, first: log.first, size, root, last_time_us });
        log.signature = Some(proof.signature);
        Ok(())
    }

    /// A log that is not the first in the file continues the one before it, and says so in its entry 0.
    fn link(&self, log: &Log, entry: &Entry) -> Result<(), Cause> {
        let Some(before) = self.report.extents.last() else { return Ok(()) };
        let end = Follows { origin: before.origin.clone(), size: before.size, root: before.root };
        if log.first == 0 && entry.event().follows.as_ref() == Some(&end) { Ok(()) } else { Err(Cause::NotLinked) }
    }

    /// The end of the log before, as entry 0 names it, is as good as that log to hold against what is remembered.
    fn follow(&mut self, follows: Option<&Follows>) -> Result<(), Cause> {
        let Some(Follows { origin, size, root }) = follows.cloned() else { return Ok(()) };
        let end = Checkpoint { origin, size, root };
        self.ended(&end)?;
        self.compare(&end)
    }

    fn close(&mut self, log: &Log, line: &[u8]) -> Result<(), Cause> {
        let note = parse_checkpoint(line).ok_or(Cause::Line)?;
        let (Some(head), Some(signature)) = (&log.head, &log.signature) else { return Err(Cause::Line) };
        let checkpoint = head.checkpoint();
        let key = self.keys.iter().find(|key| key.id() == signature.key_id());
        // Without a key any name will do; the note is rebuilt with it and has to be the same.
        let name = key.map(|key| key.name().clone()).or_else(|| name_in(&note)).ok_or(Cause::Checkpoint)?;
        if note != checkpoint.note(&name, signature) {
            return Err(Cause::Checkpoint);
        }
        self.ended(&checkpoint)?;
        self.report.checkpoint = Some(note);
        Ok(())
    }

    /// A log that ends earlier than what is remembered of it was cut.
    fn ended(&self, end: &Checkpoint) -> Result<(), Cause> {
        match self.remembered_of(&end.origin) {
            Some(held) if end.size < held.size() => Err(Cause::Truncated { held: held.size(), found: end.size }),
            Some(_) | None => Ok(()),
        }
    }

    fn authenticate(&self, checkpoint: &Checkpoint, signature: &Signature) -> Result<(), Cause> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let id = signature.key_id();
        let mut known = self.keys.iter().filter(|key| key.id() == id).peekable();
        if known.peek().is_none() {
            return Err(Cause::UnknownKey { id });
        }
        if known.any(|key| key.verifies(checkpoint, signature)) { Ok(()) } else { Err(Cause::Signature) }
    }

    fn remembered_of(&self, origin: &Origin) -> Option<&Remembered> {
        self.remembered.as_ref().filter(|remembered| remembered.origin() == origin)
    }

    /// Holds a state of the log against the remembered one, if it is of the same size.
    fn compare(&mut self, now: &Checkpoint) -> Result<(), Cause> {
        if let Some(Remembered::Checkpoint(held)) = self.remembered_of(&now.origin)
            && held.size == now.size
        {
            if held.root != now.root {
                return Err(Cause::Forked { held: held.size });
            }
            self.met = true;
        }
        Ok(())
    }

    /// Holds an entry against the remembered one, if it has its number.
    fn compare_entry(&mut self, now: &Entry) -> Result<(), Cause> {
        if let Some(held @ Remembered::Entry { sequence, sha256, .. }) = self.remembered_of(now.origin())
            && *sequence == now.sequence()
        {
            if sha256.0 != *Sha256::digest(now.bytes()) {
                return Err(Cause::Forked { held: held.size() });
            }
            self.met = true;
        }
        Ok(())
    }
}

impl Log {
    fn push(&mut self, line: &[u8]) -> Result<Entry, HeadError> {
        let head = match (&mut self.head, &self.opening) {
            (Some(head), _) => head,
            (none, Opening::Fresh) => none.insert(Head::new(Entry::decode(line)?.origin().clone())),
            // The hash before the first entry is what the entry says: its signature vouches for that.
            (none, Opening::Resumed { origin, frontier, .. }) => {
                none.insert(Head::resume(origin.clone(), Entry::decode(line)?.previous(), frontier.clone()))
            }
        };
        head.push(line)
    }

    fn origin(&self) -> Option<&Origin> {
        match (&self.head, &self.opening) {
            (Some(head), _) => Some(head.origin()),
            (None, Opening::Resumed { origin, .. }) => Some(origin),
            (None, Opening::Fresh) => None,
        }
    }

    fn size(&self) -> u64 {
        self.head.as_ref().map_or(self.first, Head::size)
    }
}

// The line that is being read may hold revealed details.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("line", &self.line).field("report", &self.report).finish_non_exhaustive()
    }
}

/// Whether a file that begins after `first` entries can show what is remembered. The state at its very beginning is in
/// it, the entry before that is not.
fn shows(held: &Remembered, first: u64) -> bool {
    match held {
        Remembered::Checkpoint(checkpoint) => first <= checkpoint.size,
        Remembered::Entry { sequence, .. } => first <= *sequence,
    }
}

/// Whether the line was meant to be a checkpoint, also when it was damaged: an entry says `"sequence":`.
fn is_checkpoint(line: &[u8]) -> bool {
    let names = |key: &[u8]| line.windows(key.len()).any(|window| window == key);
    !line.starts_with(br#"{"v":"#) && !names(br#""sequence":"#)
}

fn name_in(note: &str) -> Option<Origin> {
    let (_, signed) = note.split_once("\n\n\u{2014} ")?;
    Origin::new(signed.split_once(' ')?.0).ok()
}
