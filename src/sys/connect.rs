//! Connections that are made without waiting, over TCP and to Unix sockets.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Shutdown, SockFlag, SockType, SockaddrStorage, UnixAddr, connect, getsockopt, shutdown, socket,
    sockopt,
};

/// How much of what the peer has sent is read before a connection is closed.
const LAST_BYTES: usize = 64 << 10;

/// What is connected to: one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A port of an IP address.
    Tcp(SocketAddr),
    /// A Unix stream socket; a path that begins with `@` is an abstract name.
    Unix(String),
}

/// Begins to connect. With the socket, which never blocks, whether it is connected already.
///
/// # Errors
/// socket(2): EMFILE; connect(2): ECONNREFUSED, ENOENT, EAGAIN if the queue of a Unix socket is full.
pub fn begin(address: &Address) -> io::Result<(OwnedFd, bool)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let open = |family| socket(family, SockType::Stream, flags, None);
    let (fd, result) = match address {
        Address::Tcp(to) => {
            let fd = open(if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 })?;
            let result = connect(fd.as_raw_fd(), &SockaddrStorage::from(*to));
            (fd, result)
        }
        Address::Unix(path) => {
            let to = match path.strip_prefix('@') {
                Some(name) => UnixAddr::new_abstract(name.as_bytes())?,
                None => UnixAddr::new(path.as_str())?,
            };
            let fd = open(AddressFamily::Unix)?;
            let result = connect(fd.as_raw_fd(), &to);
            (fd, result)
        }
    };
    match result {
        Ok(()) => Ok((fd, true)),
        Err(Errno::EINPROGRESS | Errno::EINTR) => {
            // On this machine it is done by now, or refused.
            let done = is_done(fd.as_fd())?;
            Ok((fd, done))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a connection that was begun has been made.
///
/// # Errors
/// Why it was not: ECONNREFUSED, ETIMEDOUT.
pub fn is_done(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd, which outlives the call; a timeout of 0 does not wait.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
    if ready <= 0 {
        return Ok(false);
    }
    match getsockopt(&socket, sockopt::SocketError)? {
        0 => Ok(true),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Closes a connection so that the peer sees its end and no reset: what has come is read first.
pub fn close(socket: OwnedFd) {
    // It may be closed from the other side already.
    let _ = shutdown(socket.as_raw_fd(), Shutdown::Write);
    let mut room = [0; 4096];
    let mut left = LAST_BYTES;
    while left > 0 {
        match super::fd::read(socket.as_fd(), &mut room) {
            Ok(n @ 1..) => left = left.saturating_sub(n),
            Ok(0) | Err(_) => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_listener_is_reached_and_sees_a_plain_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (socket, done) = begin(&Address::Tcp(listener.local_addr().unwrap())).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        assert!(done || is_done(socket.as_fd()).unwrap());
        peer.write_all(b"a greeting that nobody reads").unwrap();
        close(socket);
        let mut rest = Vec::new();
        assert_eq!(peer.read_to_end(&mut rest).unwrap(), 0);
    }

    #[test]
    fn who_does_not_listen_refuses() {
        let _alone = crate::sys::spawn::alone();
        let listener = TcpListener::bind("[::1]:0").unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap());
        drop(listener);
        let error = begin(&address).map(|(socket, _)| is_done(socket.as_fd())).and_then(|done| done).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
    }

    #[test]
    fn unix_sockets_are_reached_by_their_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let address = Address::Unix(path.to_str().unwrap().to_owned());
        assert_eq!(begin(&address).unwrap_err().raw_os_error(), Some(libc::ENOENT));
        let _listener = UnixListener::bind(&path).unwrap();
        assert!(begin(&address).unwrap().1);
    }
}
