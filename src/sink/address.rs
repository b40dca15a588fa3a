//! Where webhooks may go: to public addresses over TLS, unless the operator says otherwise.
//!
//! Whoever may make a webhook can have the engine send requests. They must not reach what only the
//! engine's own network reaches: services without passwords, the cloud's metadata. So each
//! address is looked at after its name was resolved, and the connection goes to that very address:
//! a name that says something else a moment later changes nothing.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;
use url::{Host, Url};

/// How long a name may take to be resolved while somebody waits for it.
const RESOLVED_WITHIN: Duration = Duration::from_secs(2);

/// Which addresses are fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Whether private addresses are, and http.
    pub private: bool,
}

impl Reach {
    /// Whether requests may go to `url`, as far as its text tells; the address as it is understood.
    ///
    /// # Errors
    /// What is wrong with it: a predicate, as in "must be an https address".
    pub fn read(self, url: &str) -> Result<Url, String> {
        let parsed = Url::parse(url).map_err(|error| format!("must be an address: {error}"))?;
        match parsed.scheme() {
            "https" => {}
            "http" if self.private => {}
            _ if self.private => return Err("must be an http or https address".to_owned()),
            _ => return Err("must be an https address".to_owned()),
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err("must have no user or password in it".to_owned());
        }
        if parsed.fragment().is_some() {
            return Err("must have no fragment".to_owned());
        }
        let ip = match parsed.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(_)) => None,
            None => return Err("must name a host".to_owned()),
        };
        match ip.map(|ip| self.check(ip)) {
            Some(Err(refusal)) => Err(format!("must be a public address: {refusal}")),
            Some(Ok(())) | None => Ok(parsed),
        }
    }

    /// The same, and what its name stands for now is looked at too. A name that can't be
    /// resolved now is let pass: it is looked at again for each connection.
    ///
    /// # Errors
    /// As [`Reach::read`].
    pub async fn look(self, url: &str) -> Result<(), String> {
        let url = self.read(url)?;
        let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
        match tokio::time::timeout(RESOLVED_WITHIN, self.resolve(name)).await {
            Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(format!("must be a public address: {error}"))
            }
            Ok(Ok(_) | Err(_)) | Err(_) => Ok(()),
        }
    }

    /// What a name stands for. One address that is not fine is enough to refuse all of them: no
    /// honest name has such a mixture.
    async fn resolve(self, name: &str) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
        for address in &found {
            let denied = |refusal| io::Error::new(io::ErrorKind::PermissionDenied, refusal);
            self.check(address.ip()).map_err(denied)?;
        }
        Ok(found)
    }

    fn check(self, ip: IpAddr) -> Result<(), String> {
        if self.private || is_public(ip) {
            return Ok(());
        }
        Err(format!("{ip} is not public, and DROPGATE_WEBHOOKS_ALLOW_PRIVATE is not set"))
    }
}

/// Whether everybody on the internet means the same host by an address. What stands for an address
/// of version 4 is taken for that; of version 6 only global unicast (2000::/3) is public, without
/// what is reserved in it (IANA special-purpose registries).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_public_v4(ip),
            None => is_public_v6(ip),
        },
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    match ip.octets() {
        // This network, private, loopback.
        [0 | 10 | 127, ..] => false,
        // Carrier-grade NAT.
        [100, second, ..] => !(64..128).contains(&second),
        // Link-local, the cloud's metadata among it.
        [169, 254, ..] => false,
        [172, second, ..] => !(16..32).contains(&second),
        // Protocol assignments, documentation, 6to4 relays.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] => false,
        [192, 168, ..] => false,
        // Benchmarks, documentation.
        [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => false,
        // Multicast, reserved, broadcast.
        [first, ..] => first < 224,
    }
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        // Protocol assignments, among them Teredo, which carries addresses of version 4.
        [0x2001, second, ..] if second < 0x200 => false,
        // Documentation.
        [0x2001, 0xdb8, ..] => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // 6to4 carries addresses of version 4.
        [0x2002, ..] => false,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

/// What a connector asks for the addresses of names.
impl Service<Name> for Reach {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = *self;
        Box::pin(async move { Ok(reach.resolve(name.as_str()).await?.into_iter()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: Reach = Reach { private: false };
    const ANY: Reach = Reach { private: true };

    #[test]
    fn private_addresses_are_refused_however_they_are_written() {
        for host in [
            "127.0.0.1",
            "127.8.9.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.1",
            "192.0.2.7",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:169.254.169.254]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:0:1::]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[2001:db8::1]",
        ] {
            let url = format!("https://{host}/hook");
            let refusal = PUBLIC.read(&url).expect_err(&url);
            assert!(refusal.starts_with("must be a public address: "), "{url}: {refusal}");
            assert!(ANY.read(&url).is_ok(), "{url}");
        }
    }

    #[test]
    fn public_addresses_and_names_are_fine() {
        for host in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "[2606:4700::1111]", "a.example"] {
            assert!(PUBLIC.read(&format!("https://{host}:8443/hook?a=b")).is_ok(), "{host}");
        }
    }

    #[test]
    fn other_addresses_are_none() {
        for bad in [
            "",
            "hook",
            "http://a.example",
            "ftp://a.example",
            "https://",
            "https://u@a.example",
            "https://u:p@a.example",
            "https://a.example/#x",
        ] {
            assert!(PUBLIC.read(bad).is_err(), "{bad}");
        }
        assert!(ANY.read("http://a.example").is_ok() && ANY.read("ftp://a.example").is_err());
    }

    #[tokio::test]
    async fn a_name_is_looked_at_by_what_it_stands_for() {
        let refusal = PUBLIC.look("https://localhost/hook").await.expect_err("it is this machine");
        assert!(refusal.contains("is not public"), "{refusal}");
        assert_eq!(ANY.look("http://localhost/hook").await, Ok(()));
        let denied = PUBLIC.resolve("localhost").await.expect_err("it is this machine");
        assert_eq!(denied.kind(), io::ErrorKind::PermissionDenied);
    }
}
