//! The connecting side of the control socket.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect as connect_socket, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

/// How long a server may take to accept, or to take in what is written. Reading waits for ever.
const ACCEPT_LIMIT: Duration = Duration::from_secs(5);

/// Connects to a Unix stream socket.
///
/// # Errors
/// connect(2): ENOENT, ECONNREFUSED; `WouldBlock` if nobody accepts in time; ENAMETOOLONG.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    let address = UnixAddr::new(path)?;
    let fd: OwnedFd = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    // connect(2) on a Unix socket waits while the queue of the listener is full, for as long as this says.
    let seconds = i64::try_from(ACCEPT_LIMIT.as_secs()).unwrap_or(i64::MAX);
    setsockopt(&fd, sockopt::SendTimeout, &TimeVal::new(seconds, 0))?;
    connect_socket(fd.as_raw_fd(), &address)?;
    Ok(UnixStream::from(fd))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn errors_say_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        assert_eq!(connect(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let listener = UnixListener::bind(&path).unwrap();
        assert!(connect(&path).is_ok());
        drop(listener);
        assert_eq!(connect(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let long = dir.path().join("x".repeat(200));
        assert_eq!(connect(&long).unwrap_err().kind(), io::ErrorKind::InvalidFilename);
    }
}
