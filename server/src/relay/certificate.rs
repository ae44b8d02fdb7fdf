//! The UDP port's own certificates: self-signed P-256, at most 13 days, this one and the next.
//!
//! A browser accepts such a certificate by its SHA-256 (`serverCertificateHashes`), and only if it is ECDSA P-256 and
//! valid for at most 14 days (W3C WebTransport, "custom certificate requirements"). Clients ask for both hashes over
//! HTTPS before they connect, so the keys live in memory only and a restart simply makes new ones. Rotation happens when
//! somebody asks: without a fresh [`super::Relay::offer`] there is no ticket, and without a ticket nobody connects.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

use super::Error;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long one certificate is the current one.
const TERM: Duration = DAY.saturating_mul(6);
/// How far a client's clock may be behind ours.
const EARLY: Duration = DAY;
/// What X.509 calls validity; both ends are inclusive, so one second is left to the 13 days.
const VALIDITY: Duration = DAY.saturating_mul(13).saturating_sub(Duration::from_secs(1));

/// One certificate and its key.
pub(super) struct Certificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) key: PrivatePkcs8KeyDer<'static>,
    pub(super) sha256: [u8; 32],
}

/// The certificate that is shown now, and the one that will be.
pub(super) struct Certificates {
    hosts: Vec<String>,
    pub(super) current: Certificate,
    pub(super) next: Certificate,
    /// When `next` becomes `current`.
    turn: SystemTime,
}

impl Certificates {
    pub(super) fn new(hosts: Vec<String>, now: SystemTime) -> Result<Self, Error> {
        let turn = now + TERM;
        let current = Certificate::new(&hosts, now)?;
        let next = Certificate::new(&hosts, turn)?;
        Ok(Self { hosts, current, next, turn })
    }

    /// Moves on if it is time. True when `current` has changed.
    pub(super) fn advance(&mut self, now: SystemTime) -> Result<bool, Error> {
        if now < self.turn {
            return Ok(false);
        }
        if now >= self.turn + TERM {
            // Nobody asked for a whole term: both are stale.
            *self = Self::new(self.hosts.clone(), now)?;
            return Ok(true);
        }
        let turn = self.turn + TERM;
        let after = Certificate::new(&self.hosts, turn)?;
        self.current = std::mem::replace(&mut self.next, after);
        self.turn = turn;
        Ok(true)
    }
}

impl Certificate {
    /// A certificate that is to be shown from `start` for one term.
    fn new(hosts: &[String], start: SystemTime) -> Result<Self, Error> {
        let mut params = CertificateParams::new(hosts).map_err(Error::Certificate)?;
        params.not_before = (start - EARLY).into();
        params.not_after = (start - EARLY + VALIDITY).into();
        params.distinguished_name = DistinguishedName::new();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::Certificate)?;
        let der = params.self_signed(&key).map_err(Error::Certificate)?.der().clone();
        let sha256 = Sha256::digest(&der).into();
        Ok(Self { der, key: PrivatePkcs8KeyDer::from(key.serialize_der()), sha256 })
    }
}

#[cfg(test)]
mod tests {
    use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * 20_000
    }

    fn hosts() -> Vec<String> {
        vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
    }

    /// P-256, and no longer than 13 days, ends included: a browser refuses anything else.
    #[test]
    fn a_browser_would_take_it() {
        let certificates = Certificates::new(hosts(), now()).unwrap();
        for certificate in [&certificates.current, &certificates.next] {
            let (_, parsed) = X509Certificate::from_der(&certificate.der).unwrap();
            let algorithm = &parsed.public_key().algorithm;
            assert_eq!(algorithm.algorithm, OID_KEY_TYPE_EC_PUBLIC_KEY);
            assert_eq!(algorithm.parameters.as_ref().unwrap().as_oid().unwrap(), OID_EC_P256);
            let validity = parsed.validity();
            let seconds = validity.not_after.timestamp() - validity.not_before.timestamp() + 1;
            assert!(seconds <= 13 * 86_400, "{seconds}");
            assert_eq!(certificate.sha256, <[u8; 32]>::from(Sha256::digest(&certificate.der)));
        }
    }

    /// Whenever it is asked, the certificate that is shown is valid, also for a clock that is a day off.
    #[test]
    fn the_current_one_is_always_valid() {
        let mut certificates = Certificates::new(hosts(), now()).unwrap();
        for hours in (0..24 * 40).step_by(7) {
            let moment = now() + Duration::from_secs(hours * 3_600);
            certificates.advance(moment).unwrap();
            let (_, parsed) = X509Certificate::from_der(&certificates.current.der).unwrap();
            for skewed in [moment - DAY + Duration::from_secs(1), moment + DAY] {
                let seconds = skewed.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
                let time = x509_parser::time::ASN1Time::from_timestamp(i64::try_from(seconds).unwrap()).unwrap();
                assert!(parsed.validity().is_valid_at(time), "{hours} h");
            }
        }
    }

    /// Who learnt both hashes before the turn still connects after it.
    #[test]
    fn the_next_becomes_the_current() {
        let mut certificates = Certificates::new(hosts(), now()).unwrap();
        let promised = certificates.next.sha256;
        assert!(!certificates.advance(now() + TERM - Duration::from_secs(1)).unwrap());
        assert!(certificates.advance(now() + TERM).unwrap());
        assert_eq!(certificates.current.sha256, promised);
        assert_ne!(certificates.next.sha256, promised);
    }

    /// A server that slept through everything wakes with two good ones.
    #[test]
    fn a_long_sleep_renews_both() {
        let mut certificates = Certificates::new(hosts(), now()).unwrap();
        let old = [certificates.current.sha256, certificates.next.sha256];
        assert!(certificates.advance(now() + DAY * 90).unwrap());
        assert!(!old.contains(&certificates.current.sha256) && !old.contains(&certificates.next.sha256));
    }
}
