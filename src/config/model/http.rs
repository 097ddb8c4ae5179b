//! `http:` of the daemon: where it listens, and what may be done there.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::str::FromStr;

use crate::base::id::SOCKET_PATH_BYTES;
use crate::base::text::quoted;

/// `http: {listen, control, token_file, hosts}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where connections are accepted; at least one, unless nothing was given at all.
    pub listen: Vec<HttpAddress>,
    /// Whether anything may be changed, or only looked at.
    pub control: bool,
    /// The file with the token that has to be presented.
    pub token_file: Option<String>,
    /// Names by which it is reached, besides those of the machine's own address: `example.org`, `example.org:8443`.
    pub hosts: Vec<String>,
}

/// Where connections are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAddress {
    /// `127.0.0.1:8080`.
    Tcp(SocketAddr),
    /// `unix:/run/taskmaster/http.sock`.
    Unix(String),
}

impl HttpAddress {
    /// Whether other machines may reach it.
    #[must_use]
    pub fn is_public(&self) -> bool {
        match self {
            HttpAddress::Tcp(address) => !address.ip().is_loopback(),
            HttpAddress::Unix(_) => false,
        }
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpAddress::Tcp(address) => address.fmt(f),
            HttpAddress::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

impl FromStr for HttpAddress {
    type Err = String;

    /// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, a port of this machine alone, `unix:/path`.
    fn from_str(text: &str) -> Result<HttpAddress, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.len() {
                0 => Err("unix: needs a path behind it".to_owned()),
                1..=SOCKET_PATH_BYTES => Ok(HttpAddress::Unix(path.to_owned())),
                bytes => Err(format!("is {bytes} bytes long; the path of a socket has at most {SOCKET_PATH_BYTES}")),
            };
        }
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let local = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
        if let Ok(port) = local.parse::<u16>().map_err(drop).and_then(|port| plain(local).then_some(port).ok_or(())) {
            return Ok(HttpAddress::Tcp(SocketAddr::new(here, port)));
        }
        text.parse().map(HttpAddress::Tcp).map_err(|_| {
            let text = quoted(text);
            format!("{text} is no address: give one as 127.0.0.1:8080, [::1]:8080 or unix:/run/taskmaster/http.sock")
        })
    }
}

/// Digits alone: a sign is no part of a port.
fn plain(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let read = |text: &str| text.parse::<HttpAddress>().map(|at| at.to_string());
        for (text, meant) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("localhost:80", "127.0.0.1:80"),
            ("8080", "127.0.0.1:8080"),
            (":0", "127.0.0.1:0"),
            ("[::1]:8080", "[::1]:8080"),
            ("0.0.0.0:1", "0.0.0.0:1"),
            ("unix:/run/x", "unix:/run/x"),
            ("unix:x", "unix:x"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(meant), "{text}");
        }
        for bad in ["", "unix:", "65536", "+80", "localhost", "example.org:80", "127.0.0.1", "::1:80", "http://a:1"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&format!("unix:{}", "x".repeat(108))).is_err());
        let public = |text: &str| text.parse::<HttpAddress>().unwrap().is_public();
        assert!(public("0.0.0.0:1") && public("[::]:1") && public("10.0.0.1:1"));
        assert!(!public("127.9.9.9:1") && !public("[::1]:1") && !public("unix:/x"));
    }
}
