//! What a check connects to, from its text: `HOST:PORT`, `unix:PATH`, `http://HOST:PORT/PATH`, `http://unix:SOCKET:/PATH`.
//!
//! No name is ever looked up, since that would have to be waited for: a host is an address, or `localhost`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::base::text::quoted;
use crate::sys::connect::Address;

/// What is asked, and whom: each address in turn until one takes the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Never empty.
    pub addresses: Vec<Address>,
    /// What is sent; empty if it is enough to be connected.
    pub request: Vec<u8>,
}

/// Reads `HOST:PORT` or `unix:PATH`.
pub fn tcp(text: &str) -> Result<Target, String> {
    let addresses = match text.strip_prefix("unix:") {
        Some(path) => vec![socket(path)?],
        None => addresses(text, None)?,
    };
    Ok(Target { addresses, request: Vec::new() })
}

/// Reads `http://HOST:PORT/PATH` or `http://unix:SOCKET:/PATH`.
pub fn http(url: &str) -> Result<Target, String> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("{} does not begin with http://", quoted(url)))?;
    let rest = rest.split('#').next().unwrap_or(rest);
    if rest.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return Err(format!("{} has a blank or a control character in it", quoted(url)));
    }
    let (addresses, host, path) = match rest.strip_prefix("unix:") {
        Some(rest) => {
            let (path, query) = rest.split_once(":/").unwrap_or((rest, ""));
            (vec![socket(path)?], "localhost", query)
        }
        None => {
            let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (addresses(host, Some(80))?, host, path.strip_prefix('/').unwrap_or(path))
        }
    };
    let version = env!("CARGO_PKG_VERSION");
    let request = format!(
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: taskmaster/{version}\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n"
    );
    Ok(Target { addresses, request: request.into_bytes() })
}

fn socket(path: &str) -> Result<Address, String> {
    if path.is_empty() { Err("no path behind \"unix:\"".to_owned()) } else { Ok(Address::Unix(path.to_owned())) }
}

fn addresses(text: &str, usual_port: Option<u16>) -> Result<Vec<Address>, String> {
    let bare = |host: &str| host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6());
    let (host, port) = match text.rsplit_once(':') {
        // Of an IPv6 address without brackets it would not be known where it ends.
        Some((host, _)) if bare(text) || bare(host) => {
            return Err(format!("{}: an IPv6 address is written in brackets: [{host}]:PORT", quoted(text)));
        }
        Some((host, port)) if !port.ends_with(']') => {
            let port = port.parse::<u16>().ok().filter(|port| *port > 0);
            (host, Some(port.ok_or_else(|| format!("{}: no port from 1 to 65535", quoted(text)))?))
        }
        Some(_) | None => (text, usual_port),
    };
    let port = port.ok_or_else(|| format!("{}: no port, such as :80", quoted(text)))?;
    let ips: Vec<IpAddr> = if host == "localhost" {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else {
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let ip = inner.map_or_else(|| host.parse().ok().map(IpAddr::V4), |v6| v6.parse().ok().map(IpAddr::V6));
        vec![ip.ok_or_else(|| {
            format!("{} is neither an IP address nor localhost; no names are looked up", quoted(host))
        })?]
    };
    Ok(ips.into_iter().map(|ip| Address::Tcp(SocketAddr::new(ip, port))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp_of(text: &str) -> Vec<Address> {
        vec![Address::Tcp(text.parse().unwrap())]
    }

    #[test]
    fn addresses_and_sockets() {
        assert_eq!(tcp("127.0.0.1:80").unwrap().addresses, tcp_of("127.0.0.1:80"));
        assert_eq!(tcp("[::1]:6379").unwrap().addresses, tcp_of("[::1]:6379"));
        let both = [tcp_of("127.0.0.1:5"), tcp_of("[::1]:5")].concat();
        assert_eq!(tcp("localhost:5").unwrap().addresses, both);
        assert_eq!(tcp("unix:/run/x").unwrap().addresses, [Address::Unix("/run/x".to_owned())]);
        for bad in [
            "",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:0",
            "127.0.0.1:65536",
            "example.org:80",
            "::1:80",
            "unix:",
            "[127.0.0.1]:80",
            "[::1]",
            ":80",
        ] {
            assert!(tcp(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn requests() {
        let asked = |url: &str| {
            let target = http(url).unwrap();
            let text = String::from_utf8(target.request).unwrap();
            let mut lines = text.lines();
            let first = lines.next().unwrap().to_owned();
            (target.addresses, first, lines.next().unwrap().to_owned())
        };
        let host = |text: &str| format!("Host: {text}");
        let get = |path: &str| format!("GET {path} HTTP/1.1");
        assert_eq!(
            asked("http://127.0.0.1:8080/a?b=c#d"),
            (tcp_of("127.0.0.1:8080"), get("/a?b=c"), host("127.0.0.1:8080"))
        );
        assert_eq!(asked("http://[::1]"), (tcp_of("[::1]:80"), get("/"), host("[::1]")));
        assert_eq!(asked("http://127.0.0.1?x").1, get("/?x"));
        let unix = vec![Address::Unix("/run/a.sock".to_owned())];
        assert_eq!(asked("http://unix:/run/a.sock:/health"), (unix.clone(), get("/health"), host("localhost")));
        assert_eq!(asked("http://unix:/run/a.sock"), (unix, get("/"), host("localhost")));
        for bad in [
            "https://127.0.0.1/",
            "http://",
            "http://host/",
            "http://127.0.0.1/a b",
            "http://unix::/",
            "127.0.0.1",
            "http://127.0.0.1/\r\nX: y",
        ] {
            assert!(http(bad).is_err(), "{bad}");
        }
    }
}
