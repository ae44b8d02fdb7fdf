//! Why something could not be sealed, opened, wrapped, signed or verified.

use crate::{container, encoding, hpke, key, signature, wrap};

/// Every way this crate says no. Nothing here carries key material or plaintext.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system's random generator failed. Nothing was made.
    #[error("the operating system gave no random bytes")]
    Random,
    /// A key of a length that is not [`key::KEY_LENGTH`].
    #[error("a key has {} bytes, not {length}", key::KEY_LENGTH)]
    KeyLength {
        /// Bytes given.
        length: usize,
    },
    /// A name, domain or identifier that is empty, too long, or not printable ASCII.
    #[error(
        "{field} must be 1 to {} printable ASCII characters without spaces (length {length})",
        encoding::MAX_IDENTIFIER
    )]
    Identifier {
        /// Which one.
        field: &'static str,
        /// Bytes given.
        length: usize,
    },
    /// More bytes than [`encoding::MAX_ENCODED`] were to be encoded. Sign or bind a digest instead.
    #[error("{length} bytes are more than the {} an encoding may have", encoding::MAX_ENCODED)]
    EncodingLength {
        /// Bytes the encoding would have.
        length: usize,
    },
    /// Bytes that are not a header in its one canonical form (also: a header of an unknown version).
    #[error("these bytes are not a header this version knows")]
    HeaderForm,
    /// A container length that no plaintext has.
    #[error("no container has {length} bytes")]
    ContainerLength {
        /// Bytes given.
        length: u64,
    },
    /// A container that stops where a chunk ended: its last chunk is missing.
    #[error("the container was cut off at a chunk's end ({length} bytes)")]
    Truncated {
        /// Bytes given.
        length: u64,
    },
    /// More than [`container::MAX_PLAINTEXT`] bytes, or more than this machine can address.
    #[error("more than {} bytes cannot be sealed in one container", container::MAX_PLAINTEXT)]
    TooLong,
    /// The container was not sealed under this key for this header (or its first 56 bytes were changed).
    #[error("the container does not belong to this key and this header")]
    Commitment,
    /// The key is right and the chunk is not: changed, moved, or from another container.
    #[error("chunk {index} of the container is not what was sealed")]
    Chunk {
        /// Number of the chunk, from zero.
        index: u64,
    },
    /// A wrapped key of a length that is not [`wrap::WRAPPED`].
    #[error("a wrapped key has {} bytes, not {length}", wrap::WRAPPED)]
    WrapLength {
        /// Bytes given.
        length: usize,
    },
    /// The wrapped key was changed, or wrapped under another key.
    #[error("the wrapped key does not open under this key")]
    Wrap,
    /// The wrapped key is whole, and belongs to another object.
    #[error("the wrapped key belongs to another object")]
    WrapHeader,
    /// A sealed key of a length that is not [`hpke::SEALED`].
    #[error("a sealed key has {} bytes, not {length}", hpke::SEALED)]
    SealLength {
        /// Bytes given.
        length: usize,
    },
    /// The sealed key was changed, or sealed to another session or for another object.
    #[error("the sealed key does not open under this session's key for this object")]
    Seal,
    /// Not a P-256 private scalar of a session.
    #[error("not the private key of a session")]
    OpenKey,
    /// Not an uncompressed P-256 point.
    #[error("a public key is {} bytes, an uncompressed point on P-256", signature::PUBLIC_KEY)]
    PublicKey,
    /// Not a P-256 private scalar.
    #[error("not a P-256 private key")]
    SigningKey,
    /// Not the bytes of an ECDSA signature, whatever was signed.
    #[error("not an ECDSA P-256 signature")]
    SignatureForm,
    /// A well-formed signature of something else or by somebody else.
    #[error("the signature is not this key's signature of this statement")]
    Signature,
}
