//! The export: one file of lines. Every byte of it is fixed by the format or covered by a signature.
//!
//! ```text
//! {"format":"handlens-audit","version":1}
//! {"open":0}                                        a log, from its first entry
//! {"v":1,"origin":"help.example/org_1/2026-11",…}   the entry's own canonical bytes, as they were hashed
//! {"signature":"…"}                                 over the checkpoint that ends with this entry
//! …
//! {"checkpoint":"…"}                                the last of them as a whole signed note
//! {"open":0}                                        the next month's log, which names the end of this one
//! …
//! ```

use std::fmt;

use data_encoding::BASE64;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tlog_tiles::Hash;

use crate::{DetailsKey, Frontier, Head, HeadError, Origin, Reveal, Signature};

/// The longest line, in bytes, without its line feed.
pub const MAX_LINE: usize = 64 * 1024;

/// The first line.
pub(crate) const HEADER: &[u8] = br#"{"format":"handlens-audit","version":1}"#;
/// What the first line of any version begins with.
pub(crate) const HEADER_OF_ANY_VERSION: &[u8] = br#"{"format":"handlens-audit","version":"#;

/// Writes an export into memory; the caller takes the bytes as they come and puts them where they belong.
///
/// It keeps the chain while it writes, so that it cannot write an export that is inconsistent; whether the signatures
/// are good only a [`crate::Verifier`] with a key can say.
pub struct Writer {
    name: Origin,
    out: Vec<u8>,
    log: Option<(Head, Option<Signature>)>,
}

/// Why something cannot be written. Nothing was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The entry is not the next one of its log.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// No log is open, or none with an entry.
    #[error("no log is open, or it has no entry yet")]
    NotOpen,
    /// The log before was not closed.
    #[error("the log before was not closed")]
    NotClosed,
    /// A log that does not start at 0 needs the signature of the state at its start.
    #[error("a log that does not start at entry 0 needs the signature of the state at its start")]
    Unsigned,
    /// The details do not open the entry's commitment.
    #[error("the details do not open the entry's commitment")]
    Details,
}

/// Where a log begins in this file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Opening {
    /// At its first entry, which says what its origin is.
    Fresh,
    /// After `frontier.size()` entries, as the signature says.
    Resumed { origin: Origin, frontier: Frontier, signature: Signature },
}

/// What stands behind an entry.
pub(crate) struct Proof {
    pub(crate) signature: Signature,
    pub(crate) reveal: Option<Reveal>,
}

impl Writer {
    /// Begins a file. `name` is the name of the key that signed.
    pub fn new(name: Origin) -> Self {
        let mut writer = Self { name, out: Vec::new(), log: None };
        writer.line(HEADER);
        writer
    }

    /// Begins a log: at entry 0 with [`Head::new`], or after the entries that `head` stands behind, and then with the
    /// signature of that state.
    pub fn open(&mut self, head: Head, signature: Option<&Signature>) -> Result<(), WriteError> {
        if self.log.is_some() {
            return Err(WriteError::NotClosed);
        }
        let opening = match signature {
            _ if head.size() == 0 => Opening::Fresh,
            Some(signature) => Opening::Resumed {
                origin: head.origin().clone(),
                frontier: head.frontier().clone(),
                signature: *signature,
            },
            None => return Err(WriteError::Unsigned),
        };
        self.line(opening.encode().as_bytes());
        self.log = Some((head, None));
        Ok(())
    }

    /// Writes one entry: its canonical bytes, the signature of the checkpoint that ends with it and, for a reader who
    /// may see them, its details.
    pub fn entry(&mut self, bytes: &[u8], signature: &Signature, reveal: Option<&Reveal>) -> Result<(), WriteError> {
        let (head, last) = self.log.as_mut().ok_or(WriteError::NotOpen)?;
        let mut next = head.clone();
        let entry = next.push(bytes)?;
        if let Some(reveal) = reveal
            && !entry.event().details.is_some_and(|commitment| reveal.opens(&commitment))
        {
            return Err(WriteError::Details);
        }
        *head = next;
        *last = Some(*signature);
        self.line(bytes);
        self.line(encode_proof(signature, reveal).as_bytes());
        Ok(())
    }

    /// Ends the log with its checkpoint as a signed note.
    pub fn close(&mut self) -> Result<(), WriteError> {
        let Some((head, Some(signature))) = self.log.take_if(|(_, signature)| signature.is_some()) else {
            return Err(WriteError::NotOpen);
        };
        let note = head.checkpoint().note(&self.name, &signature);
        self.line(encode_checkpoint(&note).as_bytes());
        Ok(())
    }

    /// The bytes that are ready and were not taken yet. After the last [`Self::close`] this completes the file.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn line(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.out.push(b'\n');
    }
}

// What was written may hold revealed details.
impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("name", &self.name).field("log", &self.log).finish_non_exhaustive()
    }
}

impl Opening {
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            open: u64,
            origin: Option<String>,
            frontier: Option<Vec<String>>,
            signature: Option<String>,
        }
        canonical(line, |wire: Wire| match wire {
            Wire { open: 0, origin: None, frontier: None, signature: None } => Some(Self::Fresh),
            Wire { open: size @ 1.., origin: Some(origin), frontier: Some(peaks), signature: Some(signature) } => {
                let peaks = peaks.iter().map(|text| Hash::parse_hash(text).ok()).collect::<Option<_>>()?;
                Some(Self::Resumed {
                    origin: Origin::new(&origin).ok()?,
                    frontier: Frontier::from_peaks(size, peaks).ok()?,
                    signature: Signature::parse(&signature)?,
                })
            }
            _ => None,
        })
        .filter(|opening| opening.encode().as_bytes() == line)
    }

    fn encode(&self) -> String {
        match self {
            Self::Fresh => r#"{"open":0}"#.to_owned(),
            Self::Resumed { origin, frontier, signature } => {
                let peaks: Vec<_> = frontier.peaks().iter().map(|hash| format!("\"{hash}\"")).collect();
                format!(
                    r#"{{"open":{},"origin":"{origin}","frontier":[{}],"signature":"{signature}"}}"#,
                    frontier.size(),
                    peaks.join(",")
                )
            }
        }
    }
}

impl Proof {
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            signature: String,
            details: Option<String>,
            key: Option<String>,
        }
        canonical(line, |wire: Wire| {
            let reveal = match (wire.details, wire.key) {
                (None, None) => None,
                (Some(details), Some(key)) => Some(Reveal {
                    details: BASE64.decode(details.as_bytes()).ok()?,
                    key: DetailsKey::new(BASE64.decode(key.as_bytes()).ok()?.try_into().ok()?),
                }),
                _ => return None,
            };
            Some(Self { signature: Signature::parse(&wire.signature)?, reveal })
        })
        .filter(|proof| encode_proof(&proof.signature, proof.reveal.as_ref()).as_bytes() == line)
    }
}

/// The note of a checkpoint line.
pub(crate) fn parse_checkpoint(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wire {
        checkpoint: String,
    }
    canonical(line, |wire: Wire| Some(wire.checkpoint)).filter(|note| encode_checkpoint(note).as_bytes() == line)
}

fn encode_proof(signature: &Signature, reveal: Option<&Reveal>) -> String {
    match reveal {
        None => format!(r#"{{"signature":"{signature}"}}"#),
        Some(Reveal { details, key }) => format!(
            r#"{{"signature":"{signature}","details":"{}","key":"{}"}}"#,
            BASE64.encode(details),
            BASE64.encode(key.expose())
        ),
    }
}

// A note of ours holds nothing that JSON escapes but line feeds.
fn encode_checkpoint(note: &str) -> String {
    format!(r#"{{"checkpoint":"{}"}}"#, note.replace('\n', "\\n"))
}

fn canonical<W: DeserializeOwned, T>(line: &[u8], read: impl FnOnce(W) -> Option<T>) -> Option<T> {
    serde_json::from_slice(line).ok().and_then(read)
}
