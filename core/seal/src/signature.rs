//! What a signature covers, and P-256 ECDSA over it in the bytes a browser uses.
//!
//! The signed bytes are [`encoding::encode`] of a domain and its fields; the signature is ECDSA on P-256 with SHA-256 as
//! raw `r ‖ s`, 32 bytes each (IEEE P1363, what WebCrypto gives and takes); a public key is an uncompressed SEC1 point,
//! 65 bytes beginning with 4 (WebCrypto's `raw`). Android's Keystore and Apple's Secure Enclave give DER: [`raw_from_der`].
//!
//! Both `s` and `n − s` are accepted: neither WebCrypto nor the two key stores normalise, so refusing the high one would
//! refuse every second honest signature. Anybody can turn one into the other, so a signature is a proof and never an
//! identity: what must happen once is told by a nonce or an id *inside* the signed fields, not by the signature's bytes.

use std::fmt;

use p256::ecdsa::signature::{Signer, Verifier};
use p256::elliptic_curve::Generate;
use zeroize::Zeroizing;

use crate::{Error, encoding};

/// Bytes of a public key.
pub const PUBLIC_KEY: usize = 65;

/// Bytes of a raw signature.
pub const SIGNATURE: usize = 64;

/// Most bytes of a DER signature on P-256 (two 33-byte integers and their frames).
const MAX_DER: usize = 72;

/// Whether `signature` is `public`'s signature of `fields` under `domain`.
///
/// # Errors
/// [`Error::Signature`] when it is not, [`Error::SignatureForm`] when it could not be any, and what
/// [`encoding::encode`] says of the domain and the fields.
pub fn verify(public: &PublicKey, domain: &str, fields: &[&[u8]], signature: &[u8]) -> Result<(), Error> {
    let signed = encoding::encode(domain, fields)?;
    let signature = p256::ecdsa::Signature::from_slice(signature).map_err(|_| Error::SignatureForm)?;
    public.key.verify(&signed, &signature).map_err(|_| Error::Signature)
}

/// The raw form of a DER signature, as Android's Keystore and the Secure Enclave give it. Strict DER only.
///
/// # Errors
/// [`Error::SignatureForm`] for anything else.
pub fn raw_from_der(der: &[u8]) -> Result<[u8; SIGNATURE], Error> {
    if der.len() > MAX_DER {
        return Err(Error::SignatureForm);
    }
    p256::ecdsa::Signature::from_der(der).map(|signature| signature.to_bytes().into()).map_err(|_| Error::SignatureForm)
}

/// A device's public key: a point on P-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    key: p256::ecdsa::VerifyingKey,
    bytes: [u8; PUBLIC_KEY],
}

impl PublicKey {
    /// Reads the 65 bytes and checks that they are a point on the curve.
    ///
    /// # Errors
    /// [`Error::PublicKey`] for another length or form (compressed, hybrid, the point at infinity) or no point of the curve.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, Error> {
        let bytes: [u8; PUBLIC_KEY] = bytes.try_into().map_err(|_| Error::PublicKey)?;
        if bytes[0] != 4 {
            return Err(Error::PublicKey);
        }
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&bytes).map_err(|_| Error::PublicKey)?;
        Ok(Self { key, bytes })
    }

    /// The 65 bytes.
    pub fn to_sec1(&self) -> [u8; PUBLIC_KEY] {
        self.bytes
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(")?;
        self.bytes[1..5].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

/// A private key for a native device without a key store of its own. Wiped when dropped, prints nothing.
pub struct SigningKey {
    key: p256::ecdsa::SigningKey,
    public: PublicKey,
}

impl SigningKey {
    /// A new key from the operating system.
    ///
    /// # Errors
    /// [`Error::Random`] when there is no randomness to be had.
    pub fn random() -> Result<Self, Error> {
        Self::new(p256::ecdsa::SigningKey::try_generate().map_err(|_| Error::Random)?)
    }

    /// A key that was kept: its 32-byte big-endian scalar.
    ///
    /// # Errors
    /// [`Error::SigningKey`] for another length, zero, or a number not below the group's order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        // The length is ours to check: `from_slice` of p256 fills up a shorter one.
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.try_into().map_err(|_| Error::SigningKey)?);
        Self::new(p256::ecdsa::SigningKey::from_slice(&*bytes).map_err(|_| Error::SigningKey)?)
    }

    /// The scalar, to be kept sealed. Named so that one search finds every place that does.
    pub fn expose(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes().into())
    }

    /// What others verify with.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs `fields` under `domain`. Deterministic (RFC 6979): a bad random generator cannot give the key away.
    ///
    /// # Errors
    /// What [`encoding::encode`] says of the domain and the fields.
    pub fn sign(&self, domain: &str, fields: &[&[u8]]) -> Result<[u8; SIGNATURE], Error> {
        let signed = encoding::encode(domain, fields)?;
        let signature: p256::ecdsa::Signature = self.key.try_sign(&signed).map_err(|_| Error::SigningKey)?;
        Ok(signature.to_bytes().into())
    }

    fn new(key: p256::ecdsa::SigningKey) -> Result<Self, Error> {
        let public = PublicKey::from_sec1(key.verifying_key().to_sec1_point(false).as_bytes())?;
        Ok(Self { key, public })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Vector {
        domain: String,
        fields: Vec<String>,
        encoded: String,
        private: String,
        public: String,
        signature: String,
        other_s: String,
        der: String,
    }

    const DOMAIN: &str = "handlens/consent@v1";

    /// Python encodes, signs and verifies the same bytes: with RFC 6979 even the signatures are equal. The high and the low
    /// form of each verify.
    #[test]
    fn signatures_of_another_implementation_verify() {
        let vectors: Vec<Vector> = vectors::read(include_str!("../../../tests/vectors/seal/signature.json"));
        assert!(vectors.len() >= 4);
        for vector in vectors {
            let fields: Vec<Vec<u8>> = vector.fields.iter().map(|field| vectors::hex(field)).collect();
            let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
            let signature = vectors::hex(&vector.signature);
            assert_eq!(encoding::encode(&vector.domain, &fields).unwrap(), vectors::hex(&vector.encoded));

            let public = PublicKey::from_sec1(&vectors::hex(&vector.public)).unwrap();
            verify(&public, &vector.domain, &fields, &signature).unwrap();
            verify(&public, &vector.domain, &fields, &vectors::hex(&vector.other_s)).unwrap();
            assert_eq!(raw_from_der(&vectors::hex(&vector.der)).unwrap().as_slice(), signature);

            let private = SigningKey::from_bytes(&vectors::hex(&vector.private)).unwrap();
            assert_eq!(private.public(), public);
            assert_eq!(private.sign(&vector.domain, &fields).unwrap().as_slice(), signature);
        }
    }

    /// Another domain, field, border, key or one flipped bit: the signature is of something else.
    #[test]
    fn a_signature_is_of_one_statement() {
        let key = SigningKey::random().unwrap();
        let signature = key.sign(DOMAIN, &[b"session", b"camera"]).unwrap();
        let check = |domain, fields: &[&[u8]]| verify(&key.public(), domain, fields, &signature);
        assert_eq!(check(DOMAIN, &[b"session", b"camera"]), Ok(()), "the control: the statement itself");
        assert_eq!(check("handlens/consent@v2", &[b"session", b"camera"]), Err(Error::Signature));
        assert_eq!(check(DOMAIN, &[b"session", b"microphone"]), Err(Error::Signature));
        assert_eq!(check(DOMAIN, &[b"sessionc", b"amera"]), Err(Error::Signature));
        assert_eq!(check(DOMAIN, &[b"session", b"camera", b""]), Err(Error::Signature));

        let other = SigningKey::random().unwrap();
        assert_eq!(verify(&other.public(), DOMAIN, &[b"session", b"camera"], &signature), Err(Error::Signature));
        for bit in 0..SIGNATURE * 8 {
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&key.public(), DOMAIN, &[b"session", b"camera"], &changed).is_err());
        }
    }

    /// What is no signature, point or scalar is refused by its form.
    #[test]
    fn forms_are_strict() {
        let key = SigningKey::random().unwrap();
        for bad in [&[0; 64][..], &[0xff; 64], &[1; 63], &[1; 65], &[]] {
            assert_eq!(verify(&key.public(), DOMAIN, &[], bad), Err(Error::SignatureForm));
        }
        let point = key.public().to_sec1();
        assert_eq!(PublicKey::from_sec1(&point).unwrap(), key.public());
        let (mut off_curve, mut hybrid) = (point, point);
        off_curve[64] ^= 1;
        hybrid[0] = 6;
        let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
        for bad in [&off_curve[..], &hybrid, &compressed, &[0], &[4; 65], &point[..64], &[]] {
            assert_eq!(PublicKey::from_sec1(bad).unwrap_err(), Error::PublicKey);
        }
        for bad in [&[0; 32][..], &[0xff; 32], &[1; 31], &[]] {
            assert_eq!(SigningKey::from_bytes(bad).unwrap_err(), Error::SigningKey);
        }
        assert_eq!(SigningKey::from_bytes(&*key.expose()).unwrap().public(), key.public());
    }

    /// DER with a byte changed in length, missing or added is refused; so is one longer than any signature.
    #[test]
    fn der_is_strict() {
        let vectors: Vec<Vector> = vectors::read(include_str!("../../../tests/vectors/seal/signature.json"));
        let der = vectors::hex(&vectors[0].der);
        assert!(raw_from_der(&der).is_ok(), "the control: as the key store gave it");
        for length in 0..der.len() {
            assert_eq!(raw_from_der(&der[..length]), Err(Error::SignatureForm));
        }
        assert_eq!(raw_from_der(&[&der[..], &[0]].concat()), Err(Error::SignatureForm));
        assert_eq!(raw_from_der(&[0x30; 2000]), Err(Error::SignatureForm));
    }

    /// Neither key prints what it must not.
    #[test]
    fn keys_print_nothing_secret() {
        let key = SigningKey::from_bytes(&[0xab; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey");
        assert!(format!("{:?}", key.public()).len() < 25);
    }

    proptest! {
        /// Bytes of a stranger are refused, never a panic.
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let key = SigningKey::from_bytes(&[1; 32]).unwrap();
            prop_assert!(verify(&key.public(), DOMAIN, &[b"x"], &bytes).is_err());
            let _ = (raw_from_der(&bytes), PublicKey::from_sec1(&bytes), SigningKey::from_bytes(&bytes));
        }
    }
}
