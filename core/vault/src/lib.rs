//! The encrypted snapshot cache of a device: what was taken here is sealed and durable before anyone is told so, and
//! stays until the server's signed receipt says that it is kept there.
//!
//! One SQLite file. No network, no async, no clock: `now_us` is an argument. It never writes a plaintext, never says
//! "kept" before the disk did, and never drops what was not received, neither for room nor for age. Every call blocks for
//! as long as the disk takes; an async program calls from a blocking thread.
//!
//! ```text
//!  keep: plaintext ─seal─▶ container under a fresh DEK ─┐
//!                          DEK ─AES-KW─▶ device wrap    ├─ one transaction, synchronous ─▶ ObjectId
//!                          DEK ─HPKE──▶ seal (session)  ┘
//!  pending ─▶ chunk … chunk ─▶ upload ─▶ VerifiedReceipt ─▶ received (evicted when room is needed) or forget (at once)
//! ```
//!
//! ```
//! use handlens_protocol::{OrganisationId, SessionId};
//! use handlens_seal::{hpke::OpenKey, signature::SigningKey};
//! use handlens_vault::{FileKey, Quota, Recipient, Vault};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let key = FileKey::open(&folder.path().join("device.key"))?;
//! let vault = Vault::open(&folder.path().join("vault.db"), &key, Quota::default())?;
//! # let (open_key, receipt_key) = (OpenKey::random()?, SigningKey::random()?);
//! let session = Recipient {
//!     organisation: OrganisationId::random()?,
//!     session: SessionId::random()?,
//!     seal_key: open_key.public().clone(),
//!     receipt_key: receipt_key.public(),
//!     pass: None,
//! };
//! let object = vault.keep(&session, None, b"a picture".to_vec().into(), 1_790_000_000_000_000)?;
//! assert_eq!(vault.open_local(object)?.as_slice(), b"a picture");
//! assert_eq!(vault.pending()?.ready[0].object, object);
//! # Ok(())
//! # }
//! ```
//!
//! In the clear are, and only are: object id, length, digest, header (organisation, session, object, purpose), the two
//! wraps of the DEK, and the session's public receipt key. What was asked for, when it was taken and the login it is sent with
//! are sealed too.
//! The device's key is random and stored wrapped by the platform: [`KeyVault`]. Where the platform has lost its own,
//! [`Vault::open`] says [`Error::OtherDevice`], and [`Vault::open_to_upload`] still gives what is to be sent: that needs
//! no key of this device.

mod error;
mod key;
mod quota;
mod receipt;
mod row;
mod store;
mod vault;

pub use error::{Error, Part};
#[cfg(unix)]
pub use key::FileKey;
pub use key::{KeyFault, KeyVault};
pub use quota::Quota;
pub use receipt::{ReceiptFault, VerifiedReceipt};
pub use row::{Kept, Recipient};
pub use vault::{Damaged, Pending, Vault};
