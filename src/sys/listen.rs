//! Sockets that are opened for others: bound, given away, told to listen. Connections are never accepted here.
//!
//! They block, as those who get them expect, and are close-on-exec in this process.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrLike, SockaddrStorage, UnixAddr, bind, getsockopt, setsockopt, socket,
    sockopt,
};

/// Where a socket is bound.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// A port of an IP address.
    Tcp(SocketAddr),
    /// A port of all addresses of the machine.
    Any(u16),
    /// A path, which must be free.
    Unix(&'a str),
    /// An abstract name.
    Abstract(&'a str),
}

/// A socket at a place. Until it is told to listen, nobody can connect; a path is its owner's alone.
///
/// # Errors
/// socket(2), bind(2): EADDRINUSE, EADDRNOTAVAIL, EACCES.
pub fn bound(place: Place<'_>) -> io::Result<OwnedFd> {
    match place {
        Place::Tcp(address) => tcp(address, None),
        Place::Any(port) => match tcp((Ipv6Addr::UNSPECIFIED, port).into(), Some(false)) {
            // A machine without IPv6.
            Err(error) if is_any(&error, &[Errno::EAFNOSUPPORT, Errno::EADDRNOTAVAIL]) => {
                tcp((Ipv4Addr::UNSPECIFIED, port).into(), None)
            }
            result => result,
        },
        Place::Unix(path) => {
            // The mask is in force while the file comes into being.
            let old = super::process::set_umask(0o177);
            let fd = at(AddressFamily::Unix, &UnixAddr::new(path)?);
            super::process::set_umask(old);
            fd
        }
        Place::Abstract(name) => at(AddressFamily::Unix, &UnixAddr::new_abstract(name.as_bytes())?),
    }
}

fn tcp(address: SocketAddr, only_v6: Option<bool>) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = open(family)?;
    // Connections of an earlier socket that are not quite over do not keep the port.
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    if let Some(only) = only_v6 {
        setsockopt(&fd, sockopt::Ipv6V6Only, &only)?;
    }
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd)
}

fn at(family: AddressFamily, address: &dyn SockaddrLike) -> io::Result<OwnedFd> {
    let fd = open(family)?;
    bind(fd.as_raw_fd(), address)?;
    Ok(fd)
}

fn open(family: AddressFamily) -> io::Result<OwnedFd> {
    Ok(socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?)
}

fn is_any(error: &io::Error, of: &[Errno]) -> bool {
    of.iter().any(|errno| error.raw_os_error() == Some(*errno as i32))
}

/// Lets connections come in, of which so many may wait. Of one that listens already only the number changes.
///
/// # Errors
/// listen(2): EADDRINUSE.
pub fn listen(socket: BorrowedFd<'_>, backlog: u32) -> io::Result<()> {
    let backlog = libc::c_int::try_from(backlog).unwrap_or(libc::c_int::MAX);
    // SAFETY: the socket is borrowed for the call, which takes no memory.
    let result = unsafe { libc::listen(socket.as_raw_fd(), backlog) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether connections come in. One who shares the socket may have shut it down.
#[must_use]
pub fn is_listening(socket: BorrowedFd<'_>) -> bool {
    getsockopt(&socket.as_fd(), sockopt::AcceptConn).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{SocketAddr as UnixAddress, UnixStream};

    fn free_port() -> u16 {
        TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn any_address_is_of_both_kinds() {
        let port = free_port();
        let socket = bound(Place::Any(port)).unwrap();
        assert!(!is_listening(socket.as_fd()));
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "bound, but nobody is to connect yet");
        listen(socket.as_fd(), 5).unwrap();
        assert!(is_listening(socket.as_fd()));
        TcpStream::connect(("127.0.0.1", port)).unwrap();
        let taken = bound(Place::Tcp(([127, 0, 0, 1], port).into())).unwrap_err();
        assert_eq!(taken.raw_os_error(), Some(libc::EADDRINUSE));
    }

    #[test]
    fn what_was_shut_down_can_listen_again() {
        let port = free_port();
        let socket = bound(Place::Tcp(([127, 0, 0, 1], port).into())).unwrap();
        listen(socket.as_fd(), 5).unwrap();
        nix::sys::socket::shutdown(socket.as_raw_fd(), nix::sys::socket::Shutdown::Both).unwrap();
        assert!(!is_listening(socket.as_fd()));
        listen(socket.as_fd(), 5).unwrap();
        TcpStream::connect(("127.0.0.1", port)).unwrap();
    }

    #[test]
    fn unix_sockets_have_a_path_or_a_name() {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let socket = bound(Place::Unix(path.to_str().unwrap())).unwrap();
        listen(socket.as_fd(), 5).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        UnixStream::connect(&path).unwrap();
        let name = format!("taskmaster-test-{}", std::process::id());
        let socket = bound(Place::Abstract(&name)).unwrap();
        listen(socket.as_fd(), 5).unwrap();
        UnixStream::connect_addr(&UnixAddress::from_abstract_name(&name).unwrap()).unwrap();
    }
}
