//! Where people find this server: the one origin it believes, and the addresses it tells.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use url::Url;

/// The server's address as others see it.
#[derive(Clone, Debug)]
pub struct Address {
    /// Its origin, `https://help.example` or `http://localhost:8470`.
    pub origin: Url,
    /// Origins a browser may name: one, or on loopback both names of this machine.
    pub origins: Vec<String>,
    /// The UDP port clients are told.
    pub udp_port: u16,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

impl Address {
    /// From the configured public URL, or of this machine.
    pub fn new(
        public_url: Option<Url>,
        listen: SocketAddr,
        udp_port: u16,
        trusted_proxies: Vec<IpNet>,
    ) -> Result<Self, url::ParseError> {
        let (origin, origins) = match public_url {
            Some(url) => {
                let text = url.origin().ascii_serialization();
                (url, vec![text])
            }
            None => {
                let port = listen.port();
                let names = [
                    format!("http://localhost:{port}"),
                    format!("http://127.0.0.1:{port}"),
                    format!("http://[::1]:{port}"),
                ];
                (Url::parse(&names[0])?, names.to_vec())
            }
        };
        Ok(Self { origin, origins, udp_port, trusted_proxies })
    }

    /// Whether browsers come by HTTPS.
    pub fn is_https(&self) -> bool {
        self.origin.scheme() == "https"
    }

    /// `https://host:port/` of the UDP port.
    pub fn udp_url(&self) -> String {
        format!("https://{}:{}/", self.origin.host_str().unwrap_or("localhost"), self.udp_port)
    }

    /// `wss://host/path` of the HTTPS port.
    pub fn websocket_url(&self, path: &str) -> String {
        let mut url = self.origin.clone();
        // Both schemes are special, so this cannot fail.
        let _ = url.set_scheme(if self.is_https() { "wss" } else { "ws" });
        url.set_path(path);
        url.to_string()
    }

    /// A page of ours with a fragment.
    pub fn page(&self, path: &str, fragment: &str) -> String {
        let mut url = self.origin.clone();
        url.set_path(path);
        url.set_fragment(Some(fragment));
        url.to_string()
    }

    /// Whether `origin` (a browser's `Origin` header) is this server, exactly.
    pub fn is_ours(&self, origin: &str) -> bool {
        self.origins.iter().any(|ours| ours == origin)
    }

    /// The client behind `peer`: what the nearest trusted proxy says, or the peer itself. An IPv4 address is one, also where
    /// a socket for both families writes it as IPv6.
    pub fn client(&self, peer: IpAddr, forwarded_for: &str) -> IpAddr {
        let trusted = |address: IpAddr| self.trusted_proxies.iter().any(|net| net.contains(&address));
        let mut client = peer.to_canonical();
        let mut hops = forwarded_for.rsplit(',').map(|hop| hop.trim().parse::<IpAddr>());
        while trusted(client) {
            match hops.next() {
                Some(Ok(hop)) => client = hop.to_canonical(),
                Some(Err(_)) | None => break,
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(proxies: &[&str]) -> Address {
        let proxies = proxies.iter().map(|net| net.parse().unwrap()).collect();
        Address::new(Some("https://help.example".parse().unwrap()), "127.0.0.1:1".parse().unwrap(), 443, proxies)
            .unwrap()
    }

    /// A stranger cannot choose the address he is counted under: only hops that a trusted proxy added are believed.
    #[test]
    fn forwarded_for_is_believed_from_proxies_only() {
        let peer: IpAddr = "10.0.0.2".parse().unwrap();
        let direct: IpAddr = "198.51.100.7".parse().unwrap();
        assert_eq!(address(&[]).client(direct, "1.2.3.4"), direct);
        assert_eq!(address(&["10.0.0.0/8"]).client(peer, "1.2.3.4, 198.51.100.7"), direct);
        assert_eq!(address(&["10.0.0.0/8"]).client(peer, "1.2.3.4, 198.51.100.7, 10.0.0.9"), direct);
        assert_eq!(address(&["10.0.0.0/8"]).client(peer, "nonsense"), peer);
    }

    /// A socket for both families tells IPv4 peers as `::ffff:a.b.c.d`: a proxy among them is trusted, and each client is
    /// counted by its own address.
    #[test]
    fn an_ipv4_client_of_an_ipv6_socket_is_itself() {
        let peer: IpAddr = "::ffff:10.0.0.2".parse().unwrap();
        let direct: IpAddr = "198.51.100.7".parse().unwrap();
        assert_eq!(address(&["10.0.0.0/8"]).client(peer, "198.51.100.7"), direct);
        assert_eq!(address(&["10.0.0.0/8"]).client(peer, "::ffff:198.51.100.7"), direct);
        assert_eq!(address(&[]).client("::ffff:198.51.100.7".parse().unwrap(), ""), direct);
    }

    /// Another site, another scheme, another port and a longer name are not us.
    #[test]
    fn an_origin_is_exact() {
        let address = address(&[]);
        assert!(address.is_ours("https://help.example"));
        for foreign in ["http://help.example", "https://help.example:8443", "https://help.example.evil", "null", ""] {
            assert!(!address.is_ours(foreign), "{foreign}");
        }
        assert_eq!(address.page("/j", "abc"), "https://help.example/j#abc");
        assert_eq!(address.websocket_url("/api/guest/realtime"), "wss://help.example/api/guest/realtime");
    }
}
