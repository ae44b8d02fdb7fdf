//! The HTTPS certificate: TLS 1.3 alone, read from two PEM files, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// Why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {path}: {reason}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Certificate and key are not a pair TLS can use.
    #[error("{certificate} and its key cannot be used: {reason}", certificate = certificate.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The certificate in use.
#[derive(Clone, Debug)]
pub(crate) struct Certificates(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: TlsFiles,
    current: ArcSwap<CertifiedKey>,
    seen: Mutex<Changed>,
}

/// When each of the two files was last written.
type Changed = [Option<SystemTime>; 2];

impl Certificates {
    /// Reads both files.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, Error> {
        let seen = Mutex::new(changed(&files));
        let current = ArcSwap::from_pointee(read(&files)?);
        Ok(Self(Arc::new(Inner { files, current, seen })))
    }

    /// Accepts TLS 1.3 with HTTP/2 and HTTP/1.1.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| pair(&self.0.files, error))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.look();
        Some(self.0.current.load_full())
    }
}

impl Inner {
    /// Reads the files again if one of them changed: two `stat` calls a handshake, and no timer. A pair that does not fit
    /// (the other file is still being written) is told once and not taken.
    fn look(&self) {
        let now = changed(&self.files);
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == now {
                return;
            }
            *seen = now;
        }
        match read(&self.files) {
            Ok(key) => {
                self.current.store(Arc::new(key));
                tracing::info!(certificate = %self.files.certificate.display(), "the new certificate is in use");
            }
            Err(error) => tracing::warn!(%error, "the old certificate stays in use"),
        }
    }
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, Error> {
    let unreadable = |path: &Path, reason: String| Error::Read { path: path.to_owned(), reason };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(&files.certificate, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable(&files.key, error.to_string()))?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(|error| pair(files, error))?;
    let pair_of = CertifiedKey::new(chain, key);
    pair_of.keys_match().map_err(|error| pair(files, error))?;
    Ok(pair_of)
}

fn pair(files: &TlsFiles, reason: impl std::fmt::Display) -> Error {
    Error::Pair { certificate: files.certificate.clone(), reason: reason.to_string() }
}

fn changed(files: &TlsFiles) -> Changed {
    [&files.certificate, &files.key].map(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok())
}
