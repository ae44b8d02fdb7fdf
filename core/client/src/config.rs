//! What a visit begins with: the link, what the device is called, where its key is kept.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use handlens_media::Colour;
use handlens_protocol::Secret;
use handlens_protocol::limits::INVITE_SECRET_BYTES;
use handlens_vault::Vault;
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

use crate::device::{Forgetful, Keeper};
use crate::error::Error;

/// Characters of a link that are looked at.
const LINK_CHARS: usize = 2_048;

/// Everything a client is made with.
#[derive(Clone)]
pub struct Config {
    /// The invitation.
    pub link: Link,
    /// What the device is, for people: `Handlens on Linux`. At most 200 characters are looked at.
    pub device: String,
    /// Where the device's key is kept for as long as the visit lasts.
    pub keeper: Arc<dyn Keeper>,
    /// The colours of the pixels that will be submitted.
    pub colour: Colour,
    /// Where photos are kept until the server has them; without one none can be taken.
    pub vault: Option<Arc<Vault>>,
}

impl Config {
    /// For `link`, on a device whose key dies with the program.
    pub fn new(link: Link) -> Self {
        let device = format!("Handlens on {}", system());
        Self { link, device, keeper: Arc::new(Forgetful), colour: Colour::default(), vault: None }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("link", &self.link).field("device", &self.device).finish_non_exhaustive()
    }
}

/// The link of an invitation, taken apart. Its secret does not print.
#[derive(Clone)]
pub struct Link {
    origin: Url,
    text: Secret<String>,
    hash: [u8; 32],
}

impl Link {
    /// The server: scheme, host and port.
    pub(crate) const fn origin(&self) -> &Url {
        &self.origin
    }

    /// The secret as it travels.
    pub(crate) const fn secret(&self) -> &Secret<String> {
        &self.text
    }

    /// SHA-256 of the secret's bytes: tells links apart, and opens nothing.
    pub(crate) const fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

impl FromStr for Link {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() > LINK_CHARS {
            return Err(Error::Link);
        }
        let mut origin: Url = text.trim().parse().map_err(|_| Error::Link)?;
        let secret = Secret::new(origin.fragment().unwrap_or_default().to_owned());
        let bytes = BASE64URL_NOPAD.decode(secret.expose().as_bytes()).map_err(|_| Error::Link)?;
        if bytes.len() != INVITE_SECRET_BYTES || origin.host().is_none() {
            return Err(Error::Link);
        }
        match origin.scheme() {
            "https" => {}
            "http" if is_this_machine(&origin) => {}
            "http" => return Err(Error::Unprotected),
            _ => return Err(Error::Link),
        }
        origin.set_fragment(None);
        origin.set_query(None);
        origin.set_path("/");
        if origin.set_username("").is_err() || origin.set_password(None).is_err() {
            return Err(Error::Link);
        }
        Ok(Self { origin, text: secret, hash: Sha256::digest(bytes).into() })
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({}…)", self.origin)
    }
}

/// Browsers trust `localhost` without TLS as well.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

const fn system() -> &'static str {
    if cfg!(target_os = "android") {
        "Android"
    } else if cfg!(target_os = "ios") {
        "iOS"
    } else if cfg!(target_os = "macos") {
        "macOS"
    } else if cfg!(target_os = "windows") {
        "Windows"
    } else {
        "Linux"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "AAECAwQFBgcICQoLDA0ODw";

    /// A link gives its server and its secret; what is no link, or goes over an open network, is refused. Nothing prints
    /// the secret.
    #[test]
    fn a_link_is_taken_apart() {
        let link: Link = format!("https://help.example.org:8443/j#{SECRET}").parse().unwrap();
        assert_eq!(link.origin().as_str(), "https://help.example.org:8443/");
        assert_eq!(link.secret().expose(), SECRET);
        assert!(!format!("{link:?}").contains(SECRET));
        for fine in ["http://localhost:8470/j#", "http://127.0.0.1/j#", "http://[::1]:1/j#"] {
            assert!(format!("{fine}{SECRET}").parse::<Link>().is_ok(), "{fine}");
        }
        let refused = |text: String| text.parse::<Link>().unwrap_err();
        assert!(matches!(refused(format!("http://help.example.org/j#{SECRET}")), Error::Unprotected));
        assert!(matches!(refused(format!("ftp://localhost/j#{SECRET}")), Error::Link));
        assert!(matches!(refused(format!("https://help.example.org/j#{SECRET}A")), Error::Link));
        assert!(matches!(refused("https://help.example.org/j".to_owned()), Error::Link));
        assert!(matches!(refused(format!("https://e.org/{}#{SECRET}", "a".repeat(LINK_CHARS))), Error::Link));
    }
}
