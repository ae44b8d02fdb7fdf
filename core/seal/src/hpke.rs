//! The key of one object, sealed to a session's public key: who has the public key can seal, and only the session opens.
//!
//! ```text
//!  113 bytes = enc 65 ‖ ciphertext 32 + tag 16    HPKE (RFC 9180), mode base, one message, aad empty, of the DEK's 32 bytes
//!  suite     = DHKEM(P-256, HKDF-SHA256) 0x0010, HKDF-SHA256 0x0001, AES-256-GCM 0x0002
//!  info      = encoding::encode("handlens/seal@v1", [canonical header])
//! ```
//!
//! A phone seals with it what it uploads, and cannot unseal what others sealed, nor, without its own wrap, what it sealed
//! itself. The header in `info` binds the seal to one object: beside another object it does not open. Mode base names no
//! sender: who uploaded is told by the login and the log, not by the seal. The same key sealed twice gives other bytes.

use std::convert::Infallible;
use std::fmt;

use ::hpke::aead::{AeadTag, AesGcm256};
use ::hpke::inout::InOutBuf;
use ::hpke::kdf::HkdfSha256;
use ::hpke::kem::{DhP256HkdfSha256, Kem};
use ::hpke::rand_core::{CryptoRng, TryCryptoRng, TryRng};
use ::hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

use crate::key::{KEY_LENGTH, random};
use crate::{Error, Header, Key, encoding};

/// Bytes of a public key: an uncompressed SEC1 point.
pub const SEAL_KEY: usize = 65;

/// Bytes of a private key: a big-endian scalar.
pub const OPEN_KEY: usize = 32;

/// Bytes of a sealed key.
pub const SEALED: usize = SEAL_KEY + KEY_LENGTH + TAG;

/// Bytes of a GCM tag.
const TAG: usize = 16;

/// Domain and version of `info`. A new suite is a new name here.
const DOMAIN: &str = "handlens/seal@v1";

type Encapsulated = <DhP256HkdfSha256 as Kem>::EncappedKey;
type Private = <DhP256HkdfSha256 as Kem>::PrivateKey;
type Public = <DhP256HkdfSha256 as Kem>::PublicKey;

/// Seals `key`, the key of the object `header` names, to a session.
///
/// # Errors
/// [`Error::Random`] when there is no randomness to be had.
pub fn seal(to: &SealKey, header: &Header, key: &Key) -> Result<[u8; SEALED], Error> {
    let mut system = System { failed: false };
    let sealed = seal_by(to, header, key, &mut system)?;
    if system.failed { Err(Error::Random) } else { Ok(sealed) }
}

/// Gives back the key of the object `header` names.
///
/// # Errors
/// [`Error::SealLength`], or [`Error::Seal`] for anything that was not sealed to this session for this object. Which of
/// the two it was, nobody can tell.
pub fn open(by: &OpenKey, header: &Header, sealed: &[u8]) -> Result<Key, Error> {
    let sealed: &[u8; SEALED] = sealed.try_into().map_err(|_| Error::SealLength { length: sealed.len() })?;
    let (encapsulated, rest) = sealed.split_at(SEAL_KEY);
    let (ciphertext, tag) = rest.split_at(KEY_LENGTH);
    let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(|_| Error::Seal)?;
    let tag = AeadTag::from_bytes(tag).map_err(|_| Error::Seal)?;
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    key.copy_from_slice(ciphertext);
    ::hpke::single_shot_open_inout_detached::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(
        &OpModeR::Base,
        &by.private,
        &encapsulated,
        &info(header)?,
        InOutBuf::from(&mut key[..]),
        &[],
        &tag,
    )
    .map_err(|_| Error::Seal)?;
    Ok(Key::from_bytes(&key))
}

/// A session's public key: what devices seal to.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey {
    public: Public,
    bytes: [u8; SEAL_KEY],
}

impl SealKey {
    /// Reads the 65 bytes and checks that they are a point on the curve.
    ///
    /// # Errors
    /// [`Error::PublicKey`] for another length or form, or no point of the curve.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, Error> {
        let bytes: [u8; SEAL_KEY] = bytes.try_into().map_err(|_| Error::PublicKey)?;
        if bytes[0] != 4 {
            return Err(Error::PublicKey);
        }
        let public = Public::from_bytes(&bytes).map_err(|_| Error::PublicKey)?;
        Ok(Self { public, bytes })
    }

    /// The 65 bytes.
    pub fn to_sec1(&self) -> [u8; SEAL_KEY] {
        self.bytes
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(")?;
        self.bytes[1..5].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

/// A session's private key: what opens. It never leaves the server. Wiped when dropped, prints nothing.
pub struct OpenKey {
    private: Private,
    public: SealKey,
}

impl OpenKey {
    /// A new key from the operating system.
    ///
    /// # Errors
    /// [`Error::Random`] when there is no randomness to be had.
    pub fn random() -> Result<Self, Error> {
        let mut system = System { failed: false };
        let (private, _) = DhP256HkdfSha256::gen_keypair_with_rng(&mut system);
        if system.failed { Err(Error::Random) } else { Self::new(private) }
    }

    /// A key that was kept: its 32-byte big-endian scalar.
    ///
    /// # Errors
    /// [`Error::OpenKey`] for another length, zero, or a number not below the group's order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::new(Private::from_bytes(bytes).map_err(|_| Error::OpenKey)?)
    }

    /// The scalar, to be kept sealed. Named so that one search finds every place that does.
    pub fn expose(&self) -> Zeroizing<[u8; OPEN_KEY]> {
        let mut bytes = Zeroizing::new([0; OPEN_KEY]);
        self.private.write_exact(&mut *bytes);
        bytes
    }

    /// What devices seal to.
    pub fn public(&self) -> &SealKey {
        &self.public
    }

    fn new(private: Private) -> Result<Self, Error> {
        let mut bytes = [0; SEAL_KEY];
        DhP256HkdfSha256::sk_to_pk(&private).write_exact(&mut bytes);
        Ok(Self { private, public: SealKey::from_sec1(&bytes)? })
    }
}

impl fmt::Debug for OpenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenKey")
    }
}

fn seal_by(to: &SealKey, header: &Header, key: &Key, random: &mut impl CryptoRng) -> Result<[u8; SEALED], Error> {
    let mut sealed = [0; SEALED];
    let (encapsulated, rest) = sealed.split_at_mut(SEAL_KEY);
    let (ciphertext, tag) = rest.split_at_mut(KEY_LENGTH);
    let mut buffer = Zeroizing::new(*key.expose());
    let (point, proof) = ::hpke::single_shot_seal_inout_detached_with_rng::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(
        &OpModeS::Base,
        &to.public,
        &info(header)?,
        InOutBuf::from(&mut buffer[..]),
        &[],
        random,
    )
    .map_err(|_| Error::Seal)?;
    point.write_exact(encapsulated);
    ciphertext.copy_from_slice(&*buffer);
    proof.write_exact(tag);
    Ok(sealed)
}

fn info(header: &Header) -> Result<Vec<u8>, Error> {
    encoding::encode(DOMAIN, &[header.encoded()])
}

/// The operating system's randomness in the shape that `hpke` takes, which knows no failure: what was made without
/// randomness is thrown away by whoever asked.
struct System {
    failed: bool,
}

impl TryRng for System {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.failed |= random(bytes).is_err();
        Ok(())
    }
}

impl TryCryptoRng for System {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Vector {
        open_key: String,
        seal_key: String,
        header: vectors::Header,
        info: String,
        key: String,
        /// What the ephemeral key was made of, where the writer could choose it.
        ikm: Option<String>,
        sealed: String,
    }

    /// Randomness that was written down.
    struct Written(Vec<u8>);

    impl TryRng for Written {
        type Error = Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unreachable!("only whole keys are drawn")
        }
        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unreachable!("only whole keys are drawn")
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.copy_from_slice(&self.0);
            Ok(())
        }
    }

    impl TryCryptoRng for Written {}

    fn header() -> Header {
        Header::new("org", Some("session"), "object", "snapshots").unwrap()
    }

    /// What Python's `cryptography` sealed opens here; with the same ephemeral key ours are the same bytes.
    #[test]
    fn seals_of_another_implementation_open() {
        let vectors: Vec<Vector> = vectors::read(include_str!("../../../tests/vectors/seal/hpke.json"));
        assert!(vectors.iter().filter(|vector| vector.ikm.is_none()).count() >= 2);
        assert!(vectors.iter().filter(|vector| vector.ikm.is_some()).count() >= 2);
        for vector in vectors {
            let header = vector.header.into_header();
            assert_eq!(info(&header).unwrap(), vectors::hex(&vector.info));
            let open_key = OpenKey::from_bytes(&vectors::hex(&vector.open_key)).unwrap();
            assert_eq!(open_key.public().to_sec1().as_slice(), vectors::hex(&vector.seal_key));
            let key = Key::from_slice(&vectors::hex(&vector.key)).unwrap();
            let sealed = vectors::hex(&vector.sealed);
            assert_eq!(open(&open_key, &header, &sealed).unwrap(), key);
            if let Some(ikm) = vector.ikm {
                let mut written = Written(vectors::hex(&ikm));
                assert_eq!(seal_by(open_key.public(), &header, &key, &mut written).unwrap().as_slice(), sealed);
            }
        }
    }

    /// Any changed byte, any other length, any other session: no key comes out.
    #[test]
    fn a_changed_seal_does_not_open() {
        let (session, key) = (OpenKey::random().unwrap(), Key::random().unwrap());
        let sealed = seal(session.public(), &header(), &key).unwrap();
        assert_eq!(open(&session, &header(), &sealed).unwrap(), key, "the control: untouched, it opens");
        for byte in 0..SEALED {
            let mut changed = sealed;
            changed[byte] ^= 1 << (byte % 8);
            assert_eq!(open(&session, &header(), &changed), Err(Error::Seal), "byte {byte}");
        }
        for length in [0, 65, 112] {
            assert_eq!(open(&session, &header(), &sealed[..length]), Err(Error::SealLength { length }));
        }
        assert_eq!(open(&session, &header(), &[&sealed[..], &[0]].concat()), Err(Error::SealLength { length: 114 }));
        assert_eq!(open(&OpenKey::random().unwrap(), &header(), &sealed), Err(Error::Seal));
    }

    /// A seal laid beside another object does not open; nor does one of another purpose or session.
    #[test]
    fn a_seal_belongs_to_its_object() {
        let (session, key) = (OpenKey::random().unwrap(), Key::random().unwrap());
        let sealed = seal(session.public(), &header(), &key).unwrap();
        for (organisation, of, object, purpose) in [
            ("other", Some("session"), "object", "snapshots"),
            ("org", Some("other"), "object", "snapshots"),
            ("org", None, "object", "snapshots"),
            ("org", Some("session"), "other", "snapshots"),
            ("org", Some("session"), "object", "notes"),
        ] {
            let other = Header::new(organisation, of, object, purpose).unwrap();
            assert_eq!(open(&session, &other, &sealed), Err(Error::Seal));
        }
    }

    /// One key sealed twice looks like two: nobody sees that they are the same.
    #[test]
    fn seals_are_fresh() {
        let (session, key) = (OpenKey::random().unwrap(), Key::random().unwrap());
        let seals = [(); 2].map(|()| seal(session.public(), &header(), &key).unwrap());
        assert_ne!(seals[0][..SEAL_KEY], seals[1][..SEAL_KEY]);
        assert_ne!(seals[0][SEAL_KEY..], seals[1][SEAL_KEY..]);
    }

    /// Keys are read strictly, and the private one prints nothing.
    #[test]
    fn keys_are_strict_and_silent() {
        let key = OpenKey::random().unwrap();
        assert_eq!(OpenKey::from_bytes(&*key.expose()).unwrap().public(), key.public());
        assert_eq!(format!("{key:?}"), "OpenKey");
        assert!(format!("{:?}", key.public()).len() < 25);
        for bad in [&[0; 32][..], &[0xff; 32], &[1; 31], &[]] {
            assert_eq!(OpenKey::from_bytes(bad).unwrap_err(), Error::OpenKey);
        }
        let point = key.public().to_sec1();
        assert_eq!(&SealKey::from_sec1(&point).unwrap(), key.public());
        let (mut off_curve, mut hybrid) = (point, point);
        off_curve[64] ^= 1;
        hybrid[0] = 6;
        for bad in [&off_curve[..], &hybrid, &[4; 65], &[0; 65], &point[..64], &[]] {
            assert_eq!(SealKey::from_sec1(bad).unwrap_err(), Error::PublicKey);
        }
    }

    proptest! {
        /// Bytes of a stranger are refused, never a panic.
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..130)) {
            let key = OpenKey::from_bytes(&[1; 32]).unwrap();
            prop_assert!(open(&key, &header(), &bytes).is_err());
            let _ = (SealKey::from_sec1(&bytes), OpenKey::from_bytes(&bytes));
        }
    }
}
