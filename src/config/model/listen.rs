//! `listen:` of a program: the sockets that are opened for it, and where.

use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;

use crate::base::id::SOCKET_PATH_BYTES;
use crate::base::text::quoted;

use super::{HttpAddress, Program};

/// A socket that is opened for a program and handed to its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where, not yet expanded.
    pub address: String,
    /// What the program knows it by; `None` is the program's name.
    pub name: Option<String>,
    /// The permission bits of a Unix socket with a path; `None` is 0600.
    pub mode: Option<u32>,
    /// Its user; `None` is the program's.
    pub owner: Option<String>,
    /// Its group; `None` is the program's.
    pub group: Option<String>,
    /// How many connections may wait to be accepted; `None` is 4096. The kernel has a limit of its own.
    pub backlog: Option<u32>,
}

impl Listen {
    /// The permission bits of a Unix socket, unless others are named.
    pub const MODE: u32 = 0o600;
    /// How many connections may wait, unless another number is named.
    pub const BACKLOG: u32 = 4096;

    /// One with every default.
    #[must_use]
    pub fn new(address: String) -> Listen {
        Listen { address, name: None, mode: None, owner: None, group: None, backlog: None }
    }

    /// Whether a run that was given the one could have been given the other: the rest is no matter of the run.
    #[must_use]
    pub fn is_same_to_a_run(&self, other: &Listen) -> bool {
        (&self.address, &self.name) == (&other.address, &other.name)
    }
}

impl Program {
    /// Whether its processes may have sockets of their own, and do not share all of them.
    #[must_use]
    pub fn has_sockets_for_each(&self) -> bool {
        self.listen.iter().any(|socket| socket.address.contains('$') || socket.address.contains("%("))
    }
}

/// Where connections come in, with everything filled in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListenAddress {
    /// `127.0.0.1:8080`, `[::1]:8080`.
    Tcp(SocketAddr),
    /// `*:8080`: all addresses of the machine, those of IPv4 as well.
    Any(u16),
    /// `unix:/run/web.sock`.
    Unix(String),
    /// `unix:@web`: a name without a file.
    Abstract(String),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp(address) => address.fmt(f),
            ListenAddress::Any(port) => write!(f, "*:{port}"),
            ListenAddress::Unix(path) => write!(f, "unix:{path}"),
            ListenAddress::Abstract(name) => write!(f, "unix:@{name}"),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    /// What `http.listen` takes, and `*:8080`, `unix:@name`. A port has to be named, and a path is absolute.
    fn from_str(text: &str) -> Result<ListenAddress, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        let port = |port: u16| match port {
            0 => Err(format!("{} has the port 0, which nobody could find: give one from 1 to 65535", quoted(text))),
            port => Ok(port),
        };
        if let Some(digits) = text.strip_prefix("*:") {
            let number = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
            let number = number.ok_or_else(|| format!("{} is no port: those are 1 to 65535", quoted(digits)))?;
            return port(number).map(ListenAddress::Any);
        }
        match text.parse() {
            Ok(HttpAddress::Tcp(address)) => port(address.port()).map(|_| ListenAddress::Tcp(address)),
            Ok(HttpAddress::Unix(_)) | Err(_) => Err(format!(
                "{} is no address: give one as 127.0.0.1:8080, [::1]:8080, *:8080 or unix:/run/web.sock",
                quoted(text)
            )),
        }
    }
}

fn unix(path: &str) -> Result<ListenAddress, String> {
    let is_name = path.starts_with('@');
    if !path.starts_with('/') && !is_name {
        return Err(format!("{} is neither an absolute path nor a name such as @web", quoted(path)));
    }
    // In place of the "@" the kernel has a NUL byte.
    if path.len() > SOCKET_PATH_BYTES {
        let bytes = path.len();
        return Err(format!("is {bytes} bytes long; the path of a socket has at most {SOCKET_PATH_BYTES}"));
    }
    if path.contains('\0') {
        return Err("has a NUL byte in it".to_owned());
    }
    match path.strip_prefix('@') {
        Some("") => Err("has no name behind its \"@\"".to_owned()),
        Some(name) => Ok(ListenAddress::Abstract(name.to_owned())),
        None if path.ends_with('/') => Err(format!("{} is a directory; give a file", quoted(path))),
        None => Ok(ListenAddress::Unix(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let read = |text: &str| text.parse::<ListenAddress>().map(|at| at.to_string());
        for (text, meant) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("localhost:80", "127.0.0.1:80"),
            (":80", "127.0.0.1:80"),
            ("8080", "127.0.0.1:8080"),
            ("*:8080", "*:8080"),
            ("[::]:8080", "[::]:8080"),
            ("unix:/run/x", "unix:/run/x"),
            ("unix:@x", "unix:@x"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(meant), "{text}");
            assert_eq!(read(meant).as_deref(), Ok(meant), "{text}");
        }
        for (bad, says) in [
            ("", "is no address"),
            (":0", "port 0"),
            ("*:0", "port 0"),
            ("*:+80", "is no port"),
            ("*:", "is no port"),
            ("*:65536", "is no port"),
            ("db:80", "is no address"),
            ("unix:x", "absolute"),
            ("unix:", "absolute"),
            ("unix:@", "no name"),
            ("unix:/run/", "directory"),
            ("unix:/a\0b", "NUL"),
        ] {
            let problem = read(bad).unwrap_err();
            assert!(problem.contains(says), "{bad:?}: {problem}");
        }
        assert!(read(&format!("unix:/{}", "x".repeat(107))).is_err());
    }
}
