//! Configuration: one struct, from a file, then the environment, then flags. Unknown keys are refused; secrets are only
//! ever named by the path of the file that holds them.
//!
//! ```toml
//! data = "/var/lib/handlens"               # the database and everything sealed
//! keys = "/etc/handlens/keys"              # root key, log signing key, log heads: on another disk, in another backup
//! listen = "[::]:443"                      # HTTPS, TCP, both address families
//! udp_listen = "[::]:443"                  # QUIC, UDP
//! public_url = "https://help.cityclinic.org"
//! certificate = "/etc/handlens/tls/fullchain.pem"
//! key = "/etc/handlens/tls/key.pem"
//! ```

use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

/// A settings file is no longer than this.
const FILE_BYTES: u64 = 64 * 1024;

/// A configuration that can be started.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the database.
    pub data: PathBuf,
    /// Folder of the root key, the log's signing key and the log heads.
    pub keys: PathBuf,
    /// TCP address of HTTP(S).
    pub listen: SocketAddr,
    /// UDP address of QUIC.
    pub udp_listen: SocketAddr,
    /// UDP port that clients are told, where it differs (port forwarding).
    pub udp_announce: Option<u16>,
    /// What people type; `None` on loopback means `http://localhost:PORT`.
    pub public_url: Option<Url>,
    /// Proxies whose `X-Forwarded-For` is believed and who may speak plain HTTP to us.
    pub trusted_proxies: Vec<IpNet>,
    /// PEM chain and PEM key; reloaded when the files change.
    pub tls: Option<TlsFiles>,
}

/// The files of the HTTPS certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM, leaf first.
    pub certificate: PathBuf,
    /// PEM, PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// One layer of configuration: a file, the environment or the flags. A later layer wins key by key.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// See [`Config::data`].
    pub data: Option<PathBuf>,
    /// See [`Config::keys`]; default: `DATA.keys` beside the data folder.
    pub keys: Option<PathBuf>,
    /// See [`Config::listen`]; default `127.0.0.1:8470`.
    pub listen: Option<SocketAddr>,
    /// See [`Config::udp_listen`]; default: the address and port of `listen`.
    pub udp_listen: Option<SocketAddr>,
    /// See [`Config::udp_announce`].
    pub udp_announce: Option<u16>,
    /// See [`Config::public_url`].
    pub public_url: Option<Url>,
    /// See [`Config::trusted_proxies`].
    pub trusted_proxies: Option<Vec<IpNet>>,
    /// See [`TlsFiles::certificate`].
    pub certificate: Option<PathBuf>,
    /// See [`TlsFiles::key`].
    pub key: Option<PathBuf>,
}

/// Why a configuration cannot be started; says what to change.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not there or not readable.
    #[error("cannot read the configuration {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is longer than 64 KiB.
    #[error("the configuration {path} is longer than 64 KiB", path = path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The file is not understood.
    #[error("the configuration {path} is not understood: {message}", path = path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, column and what is wrong there.
        message: String,
    },
    /// A variable is not understood.
    #[error("the environment variable {name} is not understood: {message}")]
    Environment {
        /// `HANDLENS_…`.
        name: String,
        /// What is wrong with it.
        message: String,
    },
    /// Nothing says where the data is.
    #[error("no data folder: pass --data DIR, or set `data` in the file or HANDLENS_DATA")]
    NoData,
    /// One of two TLS files is missing.
    #[error("`certificate` and `key` belong together: set both or neither")]
    HalfTls,
    /// Plain HTTP would leave this machine.
    #[error(
        "{listen} is reachable from other machines and there is no certificate. Set `certificate` and `key`, or listen \
         on 127.0.0.1 behind a proxy, or name the proxy in `trusted_proxies`"
    )]
    PlainHttp {
        /// The address that was asked for.
        listen: SocketAddr,
    },
    /// Other machines need a name to come to.
    #[error("`public_url` is missing: other machines need to know what to type, e.g. https://help.cityclinic.org")]
    NoPublicUrl,
    /// The public URL is no origin.
    #[error("`public_url` must be an https:// address without a path (http:// only for localhost): {0}")]
    PublicUrl(Url),
    /// Keys inside the data folder would be in the same backup.
    #[error("`keys` must not be inside `data`: a backup of the data must not hold the keys that open it")]
    KeysInData,
}

impl Layer {
    /// Reads a TOML file of at most 64 KiB.
    ///
    /// # Errors
    /// When it cannot be read, is too long, or has a key that does not exist.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let read = |source| Error::Read { path: path.to_owned(), source };
        let mut text = String::new();
        File::open(path).map_err(read)?.take(FILE_BYTES + 1).read_to_string(&mut text).map_err(read)?;
        if text.len() as u64 > FILE_BYTES {
            return Err(Error::TooLong { path: path.to_owned() });
        }
        toml::from_str(&text).map_err(|error| Error::Parse { path: path.to_owned(), message: error.to_string() })
    }

    /// Reads `HANDLENS_DATA`, `HANDLENS_LISTEN` and so on; a `HANDLENS_` variable that is no key is refused, save those
    /// of other programs in `ignore`. Lists are separated by commas.
    ///
    /// # Errors
    /// When a value is not understood or a name is unknown.
    pub fn from_environment(
        variables: impl IntoIterator<Item = (String, String)>,
        ignore: &[&str],
    ) -> Result<Self, Error> {
        let mut table = toml::Table::new();
        for (name, value) in variables {
            let Some(key) = name.strip_prefix("HANDLENS_") else { continue };
            if ignore.contains(&key) {
                continue;
            }
            let wrong = |message: String| Error::Environment { name: name.clone(), message };
            let key = key.to_ascii_lowercase();
            let value = match key.as_str() {
                "udp_announce" => {
                    toml::Value::Integer(value.parse::<u16>().map_err(|error| wrong(error.to_string()))?.into())
                }
                "trusted_proxies" => toml::Value::Array(
                    value.split(',').map(|item| toml::Value::String(item.trim().to_owned())).collect(),
                ),
                _ => toml::Value::String(value),
            };
            let one = toml::Table::from_iter([(key.clone(), value.clone())]);
            one.try_into::<Self>().map_err(|error| wrong(error.message().to_owned()))?;
            table.insert(key, value);
        }
        table.try_into().map_err(|error: toml::de::Error| Error::Environment {
            name: "HANDLENS_…".to_owned(),
            message: error.message().to_owned(),
        })
    }

    /// This layer with `over` on top of it.
    #[must_use]
    pub fn under(self, over: Self) -> Self {
        Self {
            data: over.data.or(self.data),
            keys: over.keys.or(self.keys),
            listen: over.listen.or(self.listen),
            udp_listen: over.udp_listen.or(self.udp_listen),
            udp_announce: over.udp_announce.or(self.udp_announce),
            public_url: over.public_url.or(self.public_url),
            trusted_proxies: over.trusted_proxies.or(self.trusted_proxies),
            certificate: over.certificate.or(self.certificate),
            key: over.key.or(self.key),
        }
    }

    /// Fills in defaults and checks that this can be started safely.
    ///
    /// # Errors
    /// When something is missing or would be unsafe.
    pub fn finish(self) -> Result<Config, Error> {
        let data = self.data.ok_or(Error::NoData)?;
        let keys = self.keys.unwrap_or_else(|| {
            let mut name = data.file_name().unwrap_or_default().to_owned();
            name.push(".keys");
            data.with_file_name(name)
        });
        if keys.starts_with(&data) {
            return Err(Error::KeysInData);
        }
        let listen = self.listen.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8470));
        let tls = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(Error::HalfTls),
        };
        let trusted_proxies = self.trusted_proxies.unwrap_or_default();
        if tls.is_none() && !listen.ip().is_loopback() && trusted_proxies.is_empty() {
            return Err(Error::PlainHttp { listen });
        }
        if self.public_url.is_none() && (tls.is_some() || !listen.ip().is_loopback()) {
            return Err(Error::NoPublicUrl);
        }
        if let Some(url) = &self.public_url {
            let local = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
            let plain =
                url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
            if !plain || !(url.scheme() == "https" || (url.scheme() == "http" && local)) {
                return Err(Error::PublicUrl(url.clone()));
            }
        }
        Ok(Config {
            data,
            keys,
            listen,
            udp_listen: self.udp_listen.unwrap_or(listen),
            udp_announce: self.udp_announce,
            public_url: self.public_url,
            trusted_proxies,
            tls,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(text: &str) -> Layer {
        toml::from_str(text).unwrap()
    }

    /// File, then environment, then flags: the later one wins, key by key.
    #[test]
    fn later_layers_win() {
        let file = layer("data = '/a'\nlisten = '127.0.0.1:1'\nudp_listen = '127.0.0.1:2'");
        let environment = Layer::from_environment([("HANDLENS_LISTEN".into(), "127.0.0.1:3".into())], &[]).unwrap();
        let flags = Layer { data: Some("/b".into()), ..Layer::default() };
        let config = file.under(environment).under(flags).finish().unwrap();
        assert_eq!((config.data, config.keys), ("/b".into(), "/b.keys".into()));
        assert_eq!((config.listen.port(), config.udp_listen.port()), (3, 2));
    }

    /// A typing error is told, not ignored.
    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<Layer>("data = '/a'\nlissten = '127.0.0.1:1'").is_err());
        let error = Layer::from_environment([("HANDLENS_LISSTEN".into(), "x".into())], &[]).unwrap_err();
        assert!(error.to_string().contains("HANDLENS_LISSTEN"), "{error}");
    }

    /// A file of version 1 with every key is understood as it was; with one letter of a key changed it is refused.
    #[test]
    fn a_file_of_version_1_is_understood() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("handlens.toml");
        let text = include_str!("../../tests/vectors/server/config.toml");
        std::fs::write(&path, text).unwrap();
        let Config { data, keys, listen, udp_listen, udp_announce, public_url, trusted_proxies, tls } =
            Layer::from_file(&path).unwrap().finish().unwrap();
        assert_eq!((data, keys), ("/var/lib/handlens".into(), "/etc/handlens/keys".into()));
        assert_eq!((listen, udp_listen), ("[::]:443".parse().unwrap(), "0.0.0.0:4443".parse().unwrap()));
        assert_eq!(udp_announce, Some(8443));
        assert_eq!(public_url, Some("https://help.cityclinic.org".parse().unwrap()));
        assert_eq!(trusted_proxies, ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse::<IpNet>().unwrap()));
        let (certificate, key) = ("/etc/handlens/tls/fullchain.pem".into(), "/etc/handlens/tls/key.pem".into());
        assert_eq!(tls, Some(TlsFiles { certificate, key }));

        for name in text.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name) {
            let changed = text.replacen(&format!("{name} = "), &format!("{name}x = "), 1);
            std::fs::write(&path, changed).unwrap();
            assert!(matches!(Layer::from_file(&path), Err(Error::Parse { .. })), "{name}");
        }
    }

    /// 64 KiB are read, one byte more is refused.
    #[test]
    fn a_file_has_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("handlens.toml");
        for (length, read) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
            let mut text = b"data = '/a'\n#".to_vec();
            text.resize(length, b'x');
            std::fs::write(&path, text).unwrap();
            match Layer::from_file(&path) {
                Ok(layer) => assert!(read && layer.data == Some("/a".into())),
                Err(error) => assert!(!read && matches!(error, Error::TooLong { .. }), "{error}"),
            }
        }
        assert!(matches!(Layer::from_file(&folder.path().join("none")), Err(Error::Read { .. })));
    }

    /// Nothing that a stranger on the network could read is started by accident.
    #[test]
    fn plain_http_stays_on_this_machine() {
        assert!(matches!(layer("data='/a'\nlisten='0.0.0.0:80'").finish(), Err(Error::PlainHttp { .. })));
        assert!(matches!(layer("data='/a'\nlisten='0.0.0.0:80'\ncertificate='c'").finish(), Err(Error::HalfTls)));
        assert!(matches!(
            layer("data='/a'\nlisten='0.0.0.0:80'\ncertificate='c'\nkey='k'").finish(),
            Err(Error::NoPublicUrl)
        ));
        assert!(matches!(layer("data='/a'\npublic_url='http://help.example'").finish(), Err(Error::PublicUrl(_))));
        assert!(matches!(layer("data='/a'\nkeys='/a/keys'").finish(), Err(Error::KeysInData)));
        assert!(
            layer("data='/a'\nlisten='0.0.0.0:80'\ntrusted_proxies=['10.0.0.0/8']\npublic_url='https://help.example'")
                .finish()
                .is_ok()
        );
        assert!(layer("data='/a'").finish().is_ok());
    }
}
