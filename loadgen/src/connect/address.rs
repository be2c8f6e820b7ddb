//! A frontend's address.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Port of a Temporal frontend when none is given: the server's own default.
pub const DEFAULT_PORT: u16 = 7233;

/// Host and port of a frontend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl From<SocketAddr> for Address {
    fn from(socket: SocketAddr) -> Self {
        Address { host: socket.ip().to_string(), port: socket.port() }
    }
}

impl Address {
    /// `localhost:7233`: where Temporal's own tools look when nothing is given.
    pub fn usual() -> Self {
        Address { host: "localhost".to_owned(), port: DEFAULT_PORT }
    }

    /// Reads `HOST`, `HOST:PORT`, `[IPv6]:PORT`, or a URL of them. The second value is what the URL's scheme says of TLS.
    ///
    /// # Errors
    /// What is wrong with it, to follow "the address … ".
    pub fn parse(text: &str) -> Result<(Address, Option<bool>), &'static str> {
        let text = text.trim();
        let (tls, rest) = match text.split_once("://") {
            None => (None, text),
            Some(("http" | "grpc" | "tcp", rest)) => (Some(false), rest),
            Some(("https" | "grpcs", rest)) => (Some(true), rest),
            Some(_) => return Err("has a scheme other than http, https, grpc or grpcs"),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err("has a user name in it: credentials are given as an API key or a certificate");
        }
        if rest.contains(['/', '?', '#', ' ', ',']) {
            return Err("is not one HOST:PORT");
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed.split_once(']').ok_or("has a '[' without ']'")?;
                (host, after.strip_prefix(':'))
            }
            None if rest.matches(':').count() > 1 => (rest, None),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() {
            return Err("has no host");
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => {
                port.parse().ok().filter(|port| *port != 0).ok_or("has a port that is no number from 1 to 65535")?
            }
        };
        Ok((Address { host: host.to_owned(), port }, tls))
    }

    /// The host: a name, or an IP address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host as an IP address, when it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether it is this machine's loopback by its text: `localhost` or a loopback address. Names are not looked up: what one
    /// resolves to can change between the question and the connection.
    pub fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.').to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || self.ip().is_some_and(|ip| ip.to_canonical().is_loopback())
    }

    /// Whether it is Temporal Cloud, where every action is paid: its hosts end in `tmprl.cloud` or `api.temporal.io`.
    pub fn is_cloud(&self) -> bool {
        let name = self.host.trim_end_matches('.').to_ascii_lowercase();
        ["tmprl.cloud", "api.temporal.io"].iter().any(|zone| name == *zone || name.ends_with(&format!(".{zone}")))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, shown, tls) in [
            ("localhost", "localhost:7233", None),
            ("127.0.0.1:17233", "127.0.0.1:17233", None),
            ("http://temporal-frontend:80/", "temporal-frontend:80", Some(false)),
            ("https://eu-west-1.aws.api.temporal.io:7233", "eu-west-1.aws.api.temporal.io:7233", Some(true)),
            ("[::1]:7233", "[::1]:7233", None),
            ("::1", "[::1]:7233", None),
            (" temporal:7233 ", "temporal:7233", None),
        ] {
            let (address, said) = Address::parse(text).unwrap();
            assert_eq!((address.to_string().as_str(), said), (shown, tls), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            ":7233",
            "host:0",
            "host:port",
            "host:70000",
            "ftp://host",
            "a,b:7233",
            "http://user:pw@host:7233",
            "host/path",
            "[::1",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_told_from_its_text_alone() {
        for (text, loopback) in [
            ("localhost", true),
            ("LOCALHOST.:7233", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("localhost.example.com", false),
            ("10.0.0.1", false),
            ("0.0.0.0:7233", false),
            ("127.0.0.1.example.com", false),
        ] {
            assert_eq!(Address::parse(text).unwrap().0.is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn cloud_is_told_by_its_hosts() {
        for (text, cloud) in [
            ("payments.a1b2c.tmprl.cloud:7233", true),
            ("eu-west-1.aws.api.temporal.io:7233", true),
            ("tmprl.cloud.example.com", false),
            ("nottmprl.cloud", false),
        ] {
            assert_eq!(Address::parse(text).unwrap().0.is_cloud(), cloud, "{text}");
        }
    }
}
