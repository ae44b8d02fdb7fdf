//! The audit log: entries, the Merkle tree over them, signed checkpoints, the export and its verifier.
//!
//! No I/O, no clock, no async, no server. The server asks a [`Head`] for the next [`Entry`], stores its bytes in the
//! transaction of the action itself and has a [`Signer`] sign the checkpoint afterwards. A [`Writer`] makes an export of
//! what was stored; a [`Verifier`] reads it anywhere, with nothing but the public key. The bytes are specified in
//! `docs/audit-format.md`; `tests/vectors/audit/verify.py` is a second verifier that follows that page and shares no
//! code with this one.
//!
//! ```text
//!  Event ──Head::append──▶ Entry ─bytes─▶ database ─bytes─▶ Writer ─lines─▶ file ─▶ Verifier ─▶ Report
//!             │  each entry holds the hash of the one before      ▲                   ▲
//!             └─▶ Checkpoint ──Signer::sign──▶ Signature ─────────┘                   └ Key, Remembered
//! ```
//!
//! Nothing readable in an entry is ePHI: its strings are [`Token`]s, and what may be ePHI is behind a [`Commitment`].
//!
//! ```
//! use handlens_audit::{Action, Actor, Event, Head, Key, Object, Origin, Outcome, Signer, Token, Verifier, Writer};
//!
//! let signer = Signer::from_seed(Origin::new("help.example")?, &[7; 32])?; // in earnest: 32 random bytes from a file
//! let mut head = Head::new(Origin::new("help.example/org_1/2026-11")?);
//! let entry = head.append(Event {
//!     time_us: 1_793_491_200_000_000,
//!     actor: Actor::System(Token::new("server")?),
//!     action: Action::OriginOpen,
//!     object: Object { kind: Token::new("organisation")?, id: Token::new("org_1")? },
//!     outcome: Outcome::Ok,
//!     count: 1,
//!     request: None,
//!     session: None,
//!     details: None,
//!     follows: None,
//! })?;
//! let signature = signer.sign(&head.checkpoint())?;
//!
//! let mut writer = Writer::new(signer.name().clone());
//! writer.open(Head::new(head.origin().clone()), None)?;
//! writer.entry(entry.bytes(), &signature, None)?;
//! writer.close()?;
//!
//! let mut verifier = Verifier::new(vec![Key::parse(&signer.vkey())?], None);
//! verifier.push(&writer.take());
//! assert_eq!(verifier.finish().verdict.exit_code(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod action;
mod bundle;
mod checkpoint;
mod details;
mod entry;
mod frontier;
mod head;
pub mod proof;
mod report;
mod token;
mod verify;

pub use action::Action;
pub use bundle::{MAX_LINE, WriteError, Writer};
pub use checkpoint::{Checkpoint, Key, KeyError, MAX_REMEMBERED, Remembered, RememberedError, Signature, Signer};
pub use details::{Commitment, DetailsKey, MAX_DETAILS, Reveal, TooLong};
pub use entry::{Actor, Entry, EntryError, Event, Follows, MAX_ENTRY, Object, Outcome, Principal};
pub use frontier::{Frontier, FrontierError, MAX_SIZE};
pub use head::{Head, HeadError};
pub use report::{Cause, Extent, Place, Problem, Report, Verdict};
pub use tlog_tiles::Hash;
pub use token::{Origin, Token, TokenError};
pub use verify::Verifier;
