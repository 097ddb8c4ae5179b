//! What a check connects to: `HOST:PORT`, `unix:PATH`, and the URLs of plain HTTP.
//!
//! Names are not looked up, since that would hold up whoever asks: a host is an address, or `localhost`.

// Addresses are plain data. What connects to one is not in `core`.
use core::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::fmt;

use super::id::SOCKET_PATH_BYTES;
use super::text::quoted;

/// Where somebody listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `127.0.0.1:80`, `[::1]:80`.
    Ip(SocketAddr),
    /// `localhost:80`: this machine, by whichever of its two addresses answers.
    Localhost(u16),
    /// `unix:/run/x.sock`: an absolute path, short enough for the kernel.
    Unix(String),
}

impl Target {
    /// Reads `HOST:PORT` or `unix:PATH`.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence about it.
    pub fn parse(text: &str) -> Result<Target, String> {
        match text.strip_prefix("unix:") {
            Some(path) => unix(path),
            None => host_and_port(text),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Ip(address) => address.fmt(f),
            Target::Localhost(port) => write!(f, "localhost:{port}"),
            Target::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// A URL in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTarget {
    /// Where to connect.
    pub target: Target,
    /// What stands in the `Host` header.
    pub host: String,
    /// What is asked for, with its query: begins with `/`, and is made of visible ASCII.
    pub path: String,
}

impl HttpTarget {
    /// Reads `http://HOST:PORT/PATH` or `http://unix:SOCKET:/PATH`.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence about it.
    pub fn parse(url: &str) -> Result<HttpTarget, String> {
        let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
        if lower.starts_with("https:") {
            return Err("is https, which is not spoken here: give an http URL, or use exec with a tool that speaks it"
                .to_owned());
        }
        let rest = url.get(7..).filter(|_| lower.starts_with("http://"));
        let rest = rest.ok_or_else(|| format!("{} is no URL such as http://localhost:8080/health", quoted(url)))?;
        let (target, host, path) = if let Some(rest) = rest.strip_prefix("unix:") {
            let parts = rest.split_once(':').filter(|(_, path)| path.starts_with('/'));
            let (socket, path) = parts.ok_or_else(|| {
                format!(
                    "{} has no path behind its socket: give one as in http://unix:/run/app.sock:/health",
                    quoted(url)
                )
            })?;
            (unix(socket)?, "localhost".to_owned(), path)
        } else {
            let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            if host.contains('@') {
                return Err("has a user in it, which is not sent: use exec with a tool that can".to_owned());
            }
            (host_and_port(host)?, host.to_owned(), if path.is_empty() { "/" } else { path })
        };
        if !path.starts_with('/') {
            return Err(format!("{} has no \"/\" before its path", quoted(url)));
        }
        if let Some(sign) = path.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(format!(
                "has {} in its path: write it as {}",
                quoted(sign.encode_utf8(&mut [0; 4])),
                escaped(sign)
            ));
        }
        if path.contains('#') {
            return Err("has a \"#\" in its path, which no server is told: leave out what follows it".to_owned());
        }
        Ok(HttpTarget { target, host, path: path.to_owned() })
    }
}

/// A sign as a URL has it: `%20`.
fn escaped(sign: char) -> String {
    sign.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn unix(path: &str) -> Result<Target, String> {
    if !path.starts_with('/') {
        return Err(format!("{} is not an absolute path, which that of a socket has to be", quoted(path)));
    }
    if path.len() > SOCKET_PATH_BYTES {
        return Err(format!("has a path of {} bytes; that of a socket has at most {SOCKET_PATH_BYTES}", path.len()));
    }
    if path.contains('\0') {
        return Err("has a NUL byte in it".to_owned());
    }
    Ok(Target::Unix(path.to_owned()))
}

fn host_and_port(text: &str) -> Result<Target, String> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let ip = host.parse::<IpAddr>().ok();
    if bracketed.is_none() && text.parse::<Ipv6Addr>().is_ok() {
        return Err(format!("{} has no port, or no brackets around its address: give [ADDRESS]:PORT", quoted(text)));
    }
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => number(port)?,
        None if !host.is_empty() && host.bytes().all(|b| b.is_ascii_digit()) => {
            return Err(format!("{} has no host: give it as localhost:{host}", quoted(text)));
        }
        None => return Err(format!("{} has no port: give it as HOST:PORT", quoted(text))),
    };
    match ip {
        Some(IpAddr::V6(_)) if bracketed.is_none() => {
            Err(format!("{} has no brackets around its address: give it as [{host}]:{port}", quoted(text)))
        }
        Some(ip) => Ok(Target::Ip(SocketAddr::new(ip, port))),
        // With the number of an interface behind a per cent sign.
        None if bracketed.is_some() => {
            let with_zone = text.parse::<SocketAddrV6>().ok();
            with_zone.map(|v6| Target::Ip(v6.into())).ok_or_else(|| format!("{} is no IPv6 address", quoted(host)))
        }
        None if host.eq_ignore_ascii_case("localhost") => Ok(Target::Localhost(port)),
        None if host.is_empty() => Err(format!("{} has no host: give it as localhost:{port}", quoted(text))),
        None => Err(format!(
            "{} is a name that would have to be looked up, which would hold up all programs: give an address, or localhost",
            quoted(host)
        )),
    }
}

fn number(port: &str) -> Result<u16, String> {
    let plain = port.bytes().all(|b| b.is_ascii_digit());
    let number = port.parse::<u16>().ok().filter(|number| plain && *number > 0);
    number.ok_or_else(|| format!("{} is no port: those are 1 to 65535", quoted(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let v4 = |text: &str| Target::Ip(text.parse().unwrap());
        let long = format!("/{}", "x".repeat(SOCKET_PATH_BYTES - 1));
        for (text, target) in [
            ("127.0.0.1:80", v4("127.0.0.1:80")),
            ("[::1]:65535", v4("[::1]:65535")),
            ("[fe80::1%2]:80", v4("[fe80::1%2]:80")),
            ("localhost:8080", Target::Localhost(8080)),
            ("LocalHost:1", Target::Localhost(1)),
            ("unix:/run/x.sock", Target::Unix("/run/x.sock".to_owned())),
            (&format!("unix:{long}"), Target::Unix(long.clone())),
        ] {
            let read = Target::parse(text).unwrap();
            assert_eq!(read, target, "{text}");
            assert_eq!(Target::parse(&read.to_string()), Ok(target), "{text}");
        }
    }

    #[test]
    fn what_is_no_target() {
        let long = format!("unix:/{}", "x".repeat(SOCKET_PATH_BYTES));
        for (text, says) in [
            ("", "has no port"),
            ("localhost", "has no port"),
            ("localhost:", "has no port"),
            ("8080", "localhost:8080"),
            (":8080", "localhost:8080"),
            ("localhost:0", "1 to 65535"),
            ("localhost:65536", "1 to 65535"),
            ("localhost:+1", "1 to 65535"),
            ("localhost:http", "1 to 65535"),
            ("db:5432", "looked up"),
            ("127.1:80", "looked up"),
            ("localhost :80", "looked up"),
            ("a:b:80", "looked up"),
            ("[db]:5432", "IPv6"),
            ("[::1]", "has no port"),
            ("[::1]80", "has no port"),
            ("[::1:80", "looked up"),
            ("::1", "brackets"),
            ("fe80::1:0:0:zz", "1 to 65535"),
            ("1:2:3:4:5:6:7:8:80", "[1:2:3:4:5:6:7:8]:80"),
            ("unix:run/x.sock", "absolute"),
            ("unix:", "absolute"),
            ("unix:/a\0b", "NUL"),
            (&long, "at most 107"),
        ] {
            let problem = Target::parse(text).unwrap_err();
            assert!(problem.contains(says), "{text:?}: {problem}");
        }
    }

    #[test]
    fn urls() {
        for (url, target, host, path) in [
            ("http://localhost:8080/health", "localhost:8080", "localhost:8080", "/health"),
            ("HTTP://127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:80", "/"),
            ("http://[::1]:80/a?b=c:/d", "[::1]:80", "[::1]:80", "/a?b=c:/d"),
            ("http://unix:/run/x.sock:/health?x=http://y", "unix:/run/x.sock", "localhost", "/health?x=http://y"),
        ] {
            let read = HttpTarget::parse(url).unwrap();
            assert_eq!(
                (read.target.to_string().as_str(), read.host.as_str(), read.path.as_str()),
                (target, host, path)
            );
        }
    }

    #[test]
    fn what_is_no_url() {
        for (url, says) in [
            ("https://localhost:443/", "exec"),
            ("HTTPS://x", "exec"),
            ("localhost:80/", "is no URL"),
            ("ftp://localhost:21/", "is no URL"),
            ("", "is no URL"),
            ("http:/", "is no URL"),
            ("http://", "has no port"),
            ("http://localhost/health", "has no port"),
            ("http://web:80/", "looked up"),
            ("http://localhost:80?x", "before its path"),
            ("http://me:secret@localhost:80/", "user"),
            ("http://localhost:80/a b", "%20"),
            ("http://localhost:80/ü", "%C3%BC"),
            ("http://localhost:80/ HTTP/1.1\r\nX: y", "%20"),
            ("http://localhost:80/\r\n", "%0D"),
            ("http://localhost:80/a#b", "leave out"),
            ("http://unix:/run/x.sock", "has no path"),
            ("http://unix:/run/x.sock/health", "has no path"),
            ("http://unix:/run/x.sock:health", "has no path"),
            ("http://unix:x:/health", "absolute"),
            ("ſttp://ü", "is no URL"),
        ] {
            let problem = HttpTarget::parse(url).unwrap_err();
            assert!(problem.contains(says), "{url:?}: {problem}");
        }
    }
}
