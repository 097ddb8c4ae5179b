//! TCP sockets: listening, who is at which end, and how a connection is ended in good order.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{setsockopt, sockopt};

/// Listens at an address. Port 0 is any that is free.
///
/// # Errors
/// bind(2), listen(2).
pub fn listen(address: SocketAddr) -> io::Result<(OwnedFd, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    Ok((listener.into(), bound))
}

/// Who is connected with which of our addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The other end.
    pub peer: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
}

/// Prepares a connection that was accepted: what is written goes at once, and the kernel looks after peers that have
/// vanished. Returns the connection and its ends.
///
/// # Errors
/// The peer is gone already.
pub fn prepare(socket: OwnedFd) -> io::Result<(OwnedFd, Ends)> {
    let stream = TcpStream::from(socket);
    let ends = Ends { peer: stream.peer_addr()?, local: stream.local_addr()? };
    stream.set_nodelay(true)?;
    setsockopt(&stream.as_fd(), sockopt::KeepAlive, &true)?;
    Ok((stream.into(), ends))
}

/// Ends the sending side: the peer gets all that was sent, and then the end.
///
/// # Errors
/// shutdown(2): the peer is gone.
pub fn end_sending(socket: BorrowedFd<'_>) -> io::Result<()> {
    // shutdown(2) is the same for all kinds of sockets.
    UnixStream::from(socket.try_clone_to_owned()?).shutdown(Shutdown::Write)
}
