//! Unix sockets: the control socket's listening side, and the way to syslog.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// Who is at the other end of a connection, as the kernel vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Process id.
    pub pid: i32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// The longest path of a Unix socket, in bytes (sun_path without its final NUL).
pub const PATH_BYTES: usize = crate::base::id::SOCKET_PATH_BYTES;

/// Listens on a socket that only its owner can connect to. The path must be free.
///
/// # Errors
/// bind(2), listen(2).
pub fn listen(path: &Path) -> io::Result<OwnedFd> {
    // The mask is in force while the file comes into being, so there is no moment in which others can connect.
    let old = super::process::set_umask(0o177);
    let listener = UnixListener::bind(path);
    super::process::set_umask(old);
    let listener = listener?;
    listener.set_nonblocking(true)?;
    Ok(listener.into())
}

/// The next connection that waits, if any.
///
/// # Errors
/// accept4(2): EMFILE if no descriptor is free.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the listener is borrowed for the call; the peer's address is not asked for.
    let fd = unsafe { libc::accept4(listener.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut(), flags) };
    if fd < 0 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            // The peer has gone away again; the next one may be there.
            Some(libc::ECONNABORTED | libc::EINTR) => accept(listener),
            _ if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            _ => Err(error),
        };
    }
    // SAFETY: the descriptor was just made for us.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Who is at the other end.
///
/// # Errors
/// getsockopt(2).
pub fn peer(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    let credentials = getsockopt(&socket, PeerCredentials)?;
    Ok(Peer { pid: credentials.pid(), uid: credentials.uid(), gid: credentials.gid() })
}

/// The supplementary groups of the process at the other end, as they were when it connected.
///
/// # Errors
/// getsockopt(2): ENOPROTOOPT if the kernel does not tell.
pub fn groups(socket: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    const ID_BYTES: usize = size_of::<libc::gid_t>();
    // As many as a process can have, NGROUPS_MAX, in the second try.
    for room in [64, 65_536] {
        let mut groups: Vec<libc::gid_t> = vec![0; room];
        let mut length = libc::socklen_t::try_from(room * ID_BYTES).unwrap_or(0);
        let (fd, at) = (socket.as_raw_fd(), groups.as_mut_ptr().cast());
        // SAFETY: the vector has room for as many bytes as the length says, and both outlive the call.
        let result = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERGROUPS, at, &raw mut length) };
        if result == 0 {
            groups.truncate(length as usize / ID_BYTES);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ERANGE) {
            return Err(error);
        }
    }
    Err(io::Error::from_raw_os_error(libc::ERANGE))
}

/// Whether somebody accepts connections at this path.
#[must_use]
pub fn answers(path: &Path) -> bool {
    match super::client::connect(path) {
        Ok(_) => true,
        // Somebody listens, and has more waiting than it takes in.
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

/// Sends bytes to the peer; a peer that is gone is an error, never SIGPIPE.
///
/// # Errors
/// send(2); `WouldBlock` if there is no room.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the buffer and the descriptor are borrowed for the call.
    let n = unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// The connection to the local syslog daemon.
#[derive(Debug)]
pub struct Syslog(UnixDatagram);

impl Syslog {
    /// Connects to `/dev/log`.
    ///
    /// # Errors
    /// connect(2): ENOENT if there is no syslog daemon.
    pub fn connect() -> io::Result<Syslog> {
        let socket = UnixDatagram::unbound()?;
        socket.connect("/dev/log")?;
        socket.set_nonblocking(true)?;
        Ok(Syslog(socket))
    }

    /// Sends one record.
    ///
    /// # Errors
    /// send(2).
    pub fn send(&self, record: &[u8]) -> io::Result<()> {
        send(self.0.as_fd(), record).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_peer_has_the_groups_that_its_process_has() {
        let (near, _far) = UnixStream::pair().unwrap();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
        let mut want: Vec<u32> = line.split_whitespace().map(|id| id.parse().unwrap()).collect();
        let mut got = groups(near.as_fd()).unwrap();
        want.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, want);
        assert_eq!(peer(near.as_fd()).unwrap().uid, crate::sys::user::effective_uid());
    }
}
