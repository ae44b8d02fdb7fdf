//! How an object is sealed, how its key is wrapped, and what exactly a signature covers.
//!
//! Four formats and the one encoding under them. No I/O, no async, no clock; the only thing taken from the system is
//! randomness. Phone, server and (by the vectors in `tests/vectors/seal`) browser speak the same bytes.
//!
//! ```text
//!  Header ──encoding──▶ context ───────────────┐            ┌─────────── SHA-256 ◀── context
//!                                              ▼            ▼
//!  plaintext ─16 KiB chunks─▶ container::seal(DEK)    wrap::wrap(KEK, DEK ‖ hash) ─▶ 72 bytes
//!                                                     hpke::seal(session, DEK; context) ─▶ 113 bytes
//! ```
//!
//! ```
//! use handlens_seal::{Header, Key, container, wrap};
//! # fn main() -> Result<(), handlens_seal::Error> {
//! let header = Header::new("org-1", None, "snapshot-7", "snapshots")?;
//! let (key, kek) = (Key::random()?, Key::random()?);
//! let sealed = container::seal(&key, &header, b"a picture")?;
//! let wrapped = wrap::wrap(&kek, &key, &header)?;
//!
//! let key = wrap::unwrap(&kek, &wrapped, &header)?;
//! assert_eq!(container::open(&key, &header, &sealed)?.as_slice(), b"a picture");
//! # Ok(())
//! # }
//! ```
//!
//! What each promises: [`container`] that bytes, their order, their number and the object they belong to are as sealed,
//! and that they open under one key only; [`wrap`] and [`hpke`] that a key is given back for the object it was made
//! for and no other, the one under a key that is kept, the other by whoever has the session's private key; [`signature`]
//! that two different statements never have the same bytes.

pub mod container;
pub mod encoding;
mod error;
mod header;
pub mod hpke;
mod key;
pub mod signature;
#[cfg(test)]
mod vectors;
pub mod wrap;

pub use error::Error;
pub use header::Header;
pub use key::{KEY_LENGTH, Key};
