//! The sealed object: Cobblestone-256, that is C2SP `chunked-encryption` with SHA-512 and AES-256-GCM.
//!
//! The text is pinned: <https://c2sp.org/chunked-encryption> at revision `6f65019ab73fd5dafbfe6a27cf508ef5c134cbb9` of
//! `github.com/C2SP/C2SP`. Python's `cryptography` 50 writes and reads the same bytes; the vectors come from there.
//!
//! ```text
//!  salt 24 ‖ commitment 32 ‖ chunk 0: 16384 + tag 16 ‖ … ‖ last chunk: 0 to 16383 + tag 16
//!
//!  key 32 ‖ base nonce 12 ‖ commitment 32 =
//!      HKDF-Expand-SHA-512(input key, "c2sp.org/chunked-encryption@v1+" ‖ "AEAD_AES_256_GCM" ‖ 0x00 ‖ salt ‖ header)
//!  nonce of chunk n = base nonce XOR n (big-endian)
//! ```
//!
//! The last chunk is always short, so a cut at a chunk's end cannot pass for a whole container. The commitment makes the
//! container open under one key only: with plain GCM, one ciphertext can be made to open to two pictures under two keys.
//! [`seal`] and [`open`] take whole objects; [`Sealer`] and [`Opener`] hold one chunk at a time.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::key::{KEY_LENGTH, random};
use crate::{Error, Header, Key};

/// Bytes of plaintext in every chunk but the last, which has fewer.
pub const CHUNK: usize = 16 * 1024;

/// Bytes of authentication tag after each chunk.
pub const TAG: usize = 16;

/// Bytes of a full chunk in the container.
pub const SEALED_CHUNK: usize = CHUNK + TAG;

/// Bytes of the random salt a container begins with.
pub const SALT: usize = 24;

/// Bytes before the first chunk: salt and commitment.
pub const PREFIX: usize = SALT + 32;

/// Most bytes of plaintext: 2³⁸ chunks, the last of them short.
pub const MAX_PLAINTEXT: u64 = MAX_CHUNKS * CHUNK as u64 - 1;

/// Chunks are numbered below this.
const MAX_CHUNKS: u64 = 1 << 38;

/// Bytes of a GCM nonce.
const NONCE: usize = 12;

/// The specification's name and version, and the IANA name of the AEAD with its end.
const INFO: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";

/// Bytes of the container of `plaintext` bytes.
///
/// # Errors
/// [`Error::TooLong`] beyond [`MAX_PLAINTEXT`].
pub fn sealed_length(plaintext: u64) -> Result<u64, Error> {
    if plaintext > MAX_PLAINTEXT {
        return Err(Error::TooLong);
    }
    let chunks = plaintext / CHUNK as u64 + 1;
    Ok(PREFIX as u64 + plaintext + chunks * TAG as u64)
}

/// Bytes of plaintext in a container of `sealed` bytes. Worth asking before anything is read or allocated.
///
/// # Errors
/// [`Error::Truncated`] for a container that ends where a chunk does, [`Error::ContainerLength`] for a length no
/// container has, [`Error::TooLong`] beyond [`MAX_PLAINTEXT`].
pub fn plaintext_length(sealed: u64) -> Result<u64, Error> {
    let chunks = sealed.checked_sub(PREFIX as u64).ok_or(Error::ContainerLength { length: sealed })?;
    let (full, last) = (chunks / SEALED_CHUNK as u64, chunks % SEALED_CHUNK as u64);
    if last == 0 {
        return Err(Error::Truncated { length: sealed });
    }
    let last = last.checked_sub(TAG as u64).ok_or(Error::ContainerLength { length: sealed })?;
    if full >= MAX_CHUNKS {
        return Err(Error::TooLong);
    }
    Ok(full * CHUNK as u64 + last)
}

/// Seals `plaintext` under `key`, bound to `header`, with a fresh salt.
///
/// # Errors
/// [`Error::Random`], or [`Error::TooLong`].
pub fn seal(key: &Key, header: &Header, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    seal_by(Sealer::new(key, header)?, plaintext)
}

/// Opens a container that was sealed under `key` for `header`. Nothing comes out unless all of it is right.
///
/// # Errors
/// [`Error::ContainerLength`], [`Error::Truncated`] or [`Error::TooLong`] by the length alone, [`Error::Commitment`] for
/// another key or header, [`Error::Chunk`] for a change after it.
pub fn open(key: &Key, header: &Header, container: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let length = plaintext_length(container.len() as u64)?;
    let length = usize::try_from(length).map_err(|_| Error::TooLong)?;
    let Some((prefix, rest)) = container.split_first_chunk::<PREFIX>() else {
        return Err(Error::ContainerLength { length: container.len() as u64 });
    };
    let mut opener = Opener::new(key, header, prefix)?;
    // One allocation of the right size: a growing vector would leave plaintext behind in memory it gave back. The tag
    // needs no room: it is checked where it stands.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(length));
    let (chunks, last) = rest.as_chunks::<SEALED_CHUNK>();
    for chunk in chunks {
        opener.open_chunk(chunk, &mut plaintext)?;
    }
    opener.finish(last, &mut plaintext)?;
    Ok(plaintext)
}

/// Seals a stream: [`Self::prefix`] first, each full chunk as it fills, then [`Self::finish`] with what is left.
#[must_use = "a container without its last chunk does not open"]
pub struct Sealer {
    chunks: Chunks,
    prefix: [u8; PREFIX],
}

impl Sealer {
    /// Begins a container with a fresh salt.
    ///
    /// # Errors
    /// [`Error::Random`] when there is no randomness to be had.
    pub fn new(key: &Key, header: &Header) -> Result<Self, Error> {
        let mut salt = [0; SALT];
        random(&mut salt)?;
        Ok(Self::with_salt(key, header, &salt))
    }

    /// The first bytes of the container.
    pub fn prefix(&self) -> &[u8; PREFIX] {
        &self.prefix
    }

    /// Appends one sealed full chunk ([`SEALED_CHUNK`] bytes) to `out`.
    ///
    /// # Errors
    /// [`Error::TooLong`] when the container has no room for another chunk.
    pub fn seal_chunk(&mut self, chunk: &[u8; CHUNK], out: &mut Vec<u8>) -> Result<(), Error> {
        self.chunks.seal(chunk, out)
    }

    /// Appends the last chunk to `out`: fewer than [`CHUNK`] bytes, maybe none.
    ///
    /// # Errors
    /// [`Error::TooLong`] when `last` is not short, or the container has no room for it.
    pub fn finish(mut self, last: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        if last.len() >= CHUNK {
            return Err(Error::TooLong);
        }
        self.chunks.seal(last, out)
    }

    /// Only vectors choose their salt: one that comes back under the same key gives the plaintext away.
    fn with_salt(key: &Key, header: &Header, salt: &[u8; SALT]) -> Self {
        let (chunks, commitment) = Chunks::new(key, header, salt);
        let mut prefix = [0; PREFIX];
        prefix[..SALT].copy_from_slice(salt);
        prefix[SALT..].copy_from_slice(&commitment);
        Self { chunks, prefix }
    }
}

/// Opens a stream. Each chunk that comes out is authentic and in its place; that it was *all* of them is known only when
/// [`Self::finish`] says so.
#[must_use = "only `finish` tells a whole container from a truncated one"]
pub struct Opener(Chunks);

impl Opener {
    /// Begins with the container's first [`PREFIX`] bytes.
    ///
    /// # Errors
    /// [`Error::Commitment`] when the container was not sealed under `key` for `header`.
    pub fn new(key: &Key, header: &Header, prefix: &[u8; PREFIX]) -> Result<Self, Error> {
        let (salt, theirs) = prefix.split_at(SALT);
        let (chunks, ours) = Chunks::new(key, header, salt);
        if bool::from(ours.ct_eq(theirs)) { Ok(Self(chunks)) } else { Err(Error::Commitment) }
    }

    /// Appends the plaintext of the next full chunk to `out`; on an error `out` is as it was.
    ///
    /// # Errors
    /// [`Error::Chunk`] when it is not the chunk that was sealed here.
    pub fn open_chunk(&mut self, chunk: &[u8; SEALED_CHUNK], out: &mut Vec<u8>) -> Result<(), Error> {
        self.0.open(chunk, out)
    }

    /// Appends the plaintext of the last chunk to `out` and says that the container was whole.
    ///
    /// # Errors
    /// [`Error::Truncated`] when `last` is empty (the stream ended where a chunk does), [`Error::ContainerLength`] when it
    /// is shorter than a tag or as long as a full chunk, [`Error::Chunk`] when it is not the chunk that was sealed here.
    /// The lengths in these errors are those of `last`.
    pub fn finish(mut self, last: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        match last.len() {
            0 => Err(Error::Truncated { length: 0 }),
            TAG..SEALED_CHUNK => self.0.open(last, out),
            length => Err(Error::ContainerLength { length: length as u64 }),
        }
    }
}

fn seal_by(mut sealer: Sealer, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    let length = sealed_length(plaintext.len() as u64)?;
    let length = usize::try_from(length).map_err(|_| Error::TooLong)?;
    let mut out = Vec::with_capacity(length);
    out.extend_from_slice(sealer.prefix());
    let (chunks, last) = plaintext.as_chunks::<CHUNK>();
    for chunk in chunks {
        sealer.seal_chunk(chunk, &mut out)?;
    }
    sealer.finish(last, &mut out)?;
    Ok(out)
}

/// The cipher of one container and the number of its next chunk.
struct Chunks {
    cipher: Aes256Gcm,
    base_nonce: Zeroizing<[u8; NONCE]>,
    next: u64,
}

impl Chunks {
    /// Derives the container's own keys; the second value is the commitment.
    fn new(key: &Key, header: &Header, salt: &[u8]) -> (Self, [u8; 32]) {
        let material = key.expand::<{ KEY_LENGTH + NONCE + 32 }>(&[INFO, salt, header.encoded()]);
        let mut cipher_key = Zeroizing::new([0; KEY_LENGTH]);
        let mut base_nonce = Zeroizing::new([0; NONCE]);
        let mut commitment = [0; 32];
        cipher_key.copy_from_slice(&material[..KEY_LENGTH]);
        base_nonce.copy_from_slice(&material[KEY_LENGTH..KEY_LENGTH + NONCE]);
        commitment.copy_from_slice(&material[KEY_LENGTH + NONCE..]);
        (Self { cipher: Aes256Gcm::new((&*cipher_key).into()), base_nonce, next: 0 }, commitment)
    }

    fn seal(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let (_, nonce) = self.take_nonce()?;
        let start = out.len();
        out.extend_from_slice(chunk);
        match self.cipher.encrypt_inout_detached(&nonce, &[], (&mut out[start..]).into()) {
            Ok(tag) => {
                out.extend_from_slice(&tag);
                Ok(())
            }
            Err(_) => {
                out[start..].zeroize();
                out.truncate(start);
                Err(Error::TooLong)
            }
        }
    }

    fn open(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let (index, nonce) = self.take_nonce()?;
        let (body, tag) = chunk.split_last_chunk::<TAG>().ok_or(Error::Chunk { index })?;
        let start = out.len();
        out.extend_from_slice(body);
        let tag: &Tag = tag.into();
        self.cipher.decrypt_inout_detached(&nonce, &[], (&mut out[start..]).into(), tag).map_err(|_| {
            out[start..].zeroize();
            out.truncate(start);
            Error::Chunk { index }
        })
    }

    /// The next chunk's number and nonce. A number is given out once, whatever becomes of the chunk.
    fn take_nonce(&mut self) -> Result<(u64, Nonce<aes_gcm::aead::consts::U12>), Error> {
        let index = self.next;
        if index >= MAX_CHUNKS {
            return Err(Error::TooLong);
        }
        self.next += 1;
        let mut nonce = *self.base_nonce;
        for (byte, counter) in nonce[NONCE - 8..].iter_mut().zip(index.to_be_bytes()) {
            *byte ^= counter;
        }
        Ok((index, nonce.into()))
    }
}

#[cfg(test)]
mod two_keys;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;
    use proptest::prelude::*;
    use serde::Deserialize;
    use sha2::{Digest, Sha256};

    #[derive(Deserialize)]
    struct Vector {
        key: String,
        header: vectors::Header,
        context: String,
        plaintext_length: usize,
        plaintext_sha256: String,
        container: String,
    }

    fn header() -> Header {
        Header::new("org", Some("session"), "object", "snapshots").unwrap()
    }

    fn key(byte: u8) -> Key {
        Key::from_bytes(&[byte; KEY_LENGTH])
    }

    fn plaintext(length: usize) -> Vec<u8> {
        (0..=250).cycle().take(length).collect()
    }

    /// Containers written by Python's `cryptography` open here, and sealing with their salt gives the same bytes.
    #[test]
    fn containers_of_another_implementation_open() {
        let vectors: Vec<Vector> = vectors::read(include_str!("../../../tests/vectors/seal/container.json"));
        let lengths: Vec<usize> = vectors.iter().map(|vector| vector.plaintext_length).collect();
        assert_eq!(lengths, [0, 1, 16383, 16384, 16385, 40000]);
        for vector in vectors {
            let header = vector.header.into_header();
            assert_eq!(header.encoded(), vectors::hex(&vector.context));
            let key = Key::from_slice(&vectors::hex(&vector.key)).unwrap();
            let container = vectors::hex(&vector.container);
            let plaintext = plaintext(vector.plaintext_length);
            assert_eq!(Sha256::digest(&plaintext).as_slice(), vectors::hex(&vector.plaintext_sha256));
            assert_eq!(*open(&key, &header, &container).unwrap(), plaintext);
            let salt = container.first_chunk().unwrap();
            assert!(seal_by(Sealer::with_salt(&key, &header, salt), &plaintext).unwrap() == container);
        }
    }

    /// Any one changed byte, in the salt, the commitment, a chunk or a tag, and nothing opens.
    #[test]
    fn a_flipped_byte_is_found() {
        let container = seal(&key(1), &header(), b"a short note").unwrap();
        assert!(open(&key(1), &header(), &container).is_ok(), "the control: untouched, it opens");
        for position in 0..container.len() {
            let mut changed = container.clone();
            changed[position] ^= 1;
            let expected = if position < PREFIX { Error::Commitment } else { Error::Chunk { index: 0 } };
            assert_eq!(open(&key(1), &header(), &changed), Err(expected), "byte {position}");
        }
    }

    /// Cut anywhere, at a chunk's end above all, or lengthened, a container does not open.
    #[test]
    fn a_cut_is_found() {
        let container = seal(&key(1), &header(), &plaintext(3 * CHUNK + 5)).unwrap();
        for chunks in 0..=3 {
            let end = PREFIX + chunks * SEALED_CHUNK;
            let length = end as u64;
            assert_eq!(open(&key(1), &header(), &container[..end]), Err(Error::Truncated { length }));
            for short in [1, TAG - 1] {
                let length = (end + short) as u64;
                assert_eq!(open(&key(1), &header(), &container[..end + short]), Err(Error::ContainerLength { length }));
            }
            assert!(matches!(open(&key(1), &header(), &container[..end + TAG]), Err(Error::Chunk { .. })));
        }
        for length in 0..PREFIX {
            assert_eq!(
                open(&key(1), &header(), &container[..length]),
                Err(Error::ContainerLength { length: length as u64 })
            );
        }
        assert_eq!(open(&key(1), &header(), &[&container[..], b"\0"].concat()), Err(Error::Chunk { index: 3 }));
    }

    /// Chunks are authentic in their place only: swapped, repeated or left out, they are refused.
    #[test]
    fn chunks_keep_their_places() {
        let container = seal(&key(1), &header(), &plaintext(2 * CHUNK)).unwrap();
        let (prefix, chunks) = container.split_at(PREFIX);
        let (first, rest) = chunks.split_at(SEALED_CHUNK);
        let (second, last) = rest.split_at(SEALED_CHUNK);
        let opened = |parts: [&[u8]; 4]| open(&key(1), &header(), &parts.concat());
        assert!(opened([prefix, first, second, last]).is_ok(), "the control: in order, they open");
        assert_eq!(opened([prefix, second, first, last]), Err(Error::Chunk { index: 0 }));
        assert_eq!(opened([prefix, first, first, last]), Err(Error::Chunk { index: 1 }));
        assert_eq!(opened([prefix, first, &[], last]), Err(Error::Chunk { index: 1 }));
    }

    /// Another key, or a header that differs in any field, does not open it.
    #[test]
    fn key_and_header_must_be_the_ones_it_was_sealed_for() {
        let container = seal(&key(1), &header(), b"x").unwrap();
        let others = [
            Header::new("other", Some("session"), "object", "snapshots"),
            Header::new("org", None, "object", "snapshots"),
            Header::new("org", Some("other"), "object", "snapshots"),
            Header::new("org", Some("session"), "other", "snapshots"),
            Header::new("org", Some("session"), "object", "notes"),
        ];
        for other in others {
            assert_eq!(open(&key(1), &other.unwrap(), &container), Err(Error::Commitment));
        }
        assert_eq!(open(&key(2), &header(), &container), Err(Error::Commitment));
    }

    /// The length formulas agree with the specification's bounds and with each other at every border.
    #[test]
    fn lengths_are_exact() {
        let chunk = CHUNK as u64;
        for plaintext in [0, 1, chunk - 1, chunk, chunk + 1, 5 * chunk, MAX_PLAINTEXT - 1, MAX_PLAINTEXT] {
            assert_eq!(plaintext_length(sealed_length(plaintext).unwrap()), Ok(plaintext));
        }
        assert_eq!(sealed_length(0), Ok(72));
        assert_eq!(sealed_length(chunk), Ok(72 + chunk + 16));
        assert_eq!(sealed_length(MAX_PLAINTEXT + 1), Err(Error::TooLong));
        let longest = sealed_length(MAX_PLAINTEXT).unwrap();
        assert_eq!(plaintext_length(longest + 1), Err(Error::Truncated { length: longest + 1 }));
        assert_eq!(plaintext_length(longest + 1 + TAG as u64), Err(Error::TooLong));
        assert_eq!(plaintext_length(u64::MAX), Err(Error::TooLong));
    }

    /// The chunk counter stops at 2³⁸ and never wraps into a used nonce.
    #[test]
    fn chunk_numbers_run_out() {
        let mut sealer = Sealer::with_salt(&key(1), &header(), &[0; SALT]);
        sealer.chunks.next = MAX_CHUNKS;
        let mut out = Vec::new();
        assert_eq!(sealer.seal_chunk(&[0; CHUNK], &mut out), Err(Error::TooLong));
        assert_eq!(sealer.finish(&[], &mut out), Err(Error::TooLong));
        assert!(out.is_empty());
    }

    /// A stream that stops early is told apart from one that is whole, and a refused chunk leaves nothing behind.
    #[test]
    fn a_stream_says_when_it_is_whole() {
        let container = seal(&key(1), &header(), &plaintext(CHUNK + 1)).unwrap();
        let (prefix, rest) = container.split_first_chunk().unwrap();
        let (chunk, last) = rest.split_first_chunk::<SEALED_CHUNK>().unwrap();
        let begin = || Opener::new(&key(1), &header(), prefix).unwrap();
        let mut out = b"before".to_vec();

        let mut opener = begin();
        opener.open_chunk(chunk, &mut out).unwrap();
        assert_eq!(opener.finish(&[], &mut out), Err(Error::Truncated { length: 0 }));
        out.truncate(6);

        let mut changed = *chunk;
        changed[0] ^= 1;
        assert_eq!(begin().open_chunk(&changed, &mut out), Err(Error::Chunk { index: 0 }));
        assert_eq!(out, b"before");
        assert_eq!(begin().finish(chunk, &mut out), Err(Error::ContainerLength { length: SEALED_CHUNK as u64 }));

        let mut opener = begin();
        opener.open_chunk(chunk, &mut out).unwrap();
        opener.finish(last, &mut out).unwrap();
        assert_eq!(out[6..], plaintext(CHUNK + 1));
        assert_eq!(Sealer::new(&key(1), &header()).unwrap().finish(&[0; CHUNK], &mut out), Err(Error::TooLong));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever was sealed opens to the same bytes, has the promised length, and never looks the same twice.
        #[test]
        fn sealed_is_opened(length in prop_oneof![0..200usize, CHUNK - 2..CHUNK + 3, 0..4 * CHUNK]) {
            let plaintext = plaintext(length);
            let container = seal(&key(1), &header(), &plaintext).unwrap();
            prop_assert_eq!(container.len() as u64, sealed_length(length as u64).unwrap());
            prop_assert!(container != seal(&key(1), &header(), &plaintext).unwrap());
            let opened = open(&key(1), &header(), &container).unwrap();
            prop_assert!(*opened == plaintext);
        }

        /// A flipped bit anywhere in a container of several chunks is found.
        #[test]
        fn a_flipped_bit_is_found(position in 0..PREFIX + 2 * SEALED_CHUNK + 100, bit in 0..8u32) {
            let mut container = seal(&key(1), &header(), &plaintext(2 * CHUNK + 100 - TAG)).unwrap();
            container[position] ^= 1u8 << bit;
            prop_assert!(open(&key(1), &header(), &container).is_err());
        }

        /// Bytes of a stranger are refused, never a panic.
        #[test]
        fn any_bytes_are_safe_to_open(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(open(&key(1), &header(), &bytes).is_err());
        }
    }
}
