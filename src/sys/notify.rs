//! The sockets of sd_notify(3): one of ours with who has sent what to it, and the way to one of somebody else.
//!
//! The address is an abstract name that the kernel picks: it can be reached from behind a chroot and by any user, and
//! nothing of it is left when its owner is gone. Anybody on the machine may write to it, so each message comes with the
//! process that the kernel vouches for.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The longest message that is taken; systemd's limit.
pub const MESSAGE_BYTES: usize = 4096;

/// A socket for messages, which does not block, and its address as `NOTIFY_SOCKET` has it.
///
/// # Errors
/// socket(2), bind(2): no descriptors.
pub fn open() -> io::Result<(OwnedFd, String)> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: takes three numbers, returns a new descriptor or -1.
    let fd = unsafe { libc::socket(libc::AF_UNIX, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made for us.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let on: libc::c_int = 1;
    let length = size(size_of::<libc::c_int>());
    // SAFETY: the value is an int, which outlives the call.
    let set = unsafe {
        libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PASSCRED, (&raw const on).cast(), length)
    };
    if set < 0 {
        return Err(io::Error::last_os_error());
    }
    let family = libc::sa_family_t::try_from(libc::AF_UNIX).unwrap_or(0);
    let mut address = libc::sockaddr_un { sun_family: family, sun_path: [0; 108] };
    // Nothing but the family: the kernel picks a name that is free.
    // SAFETY: the address outlives the call, and is longer than its length says.
    let bound =
        unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), size(size_of::<libc::sa_family_t>())) };
    if bound < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut length = size(size_of::<libc::sockaddr_un>());
    // SAFETY: both outlive the call; the length is that of the address.
    let named = unsafe { libc::getsockname(fd.as_raw_fd(), (&raw mut address).cast(), &raw mut length) };
    if named < 0 {
        return Err(io::Error::last_os_error());
    }
    let name = (length as usize).saturating_sub(size_of::<libc::sa_family_t>());
    // The name begins with a NUL, which is written as `@`.
    let name: String = address.sun_path.iter().take(name).skip(1).map(|c| char::from(c.cast_unsigned())).collect();
    Ok((fd, format!("@{name}")))
}

fn size(bytes: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(bytes).unwrap_or(0)
}

/// Room for who has sent a message, and for nothing else.
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

const CREDENTIALS_BYTES: u32 = 12;
// SAFETY: computes a number.
const CONTROL_BYTES: usize = unsafe { libc::CMSG_SPACE(CREDENTIALS_BYTES) } as usize;
const _: () = assert!(size_of::<libc::ucred>() == CREDENTIALS_BYTES as usize);

/// The next message: who has sent it, and how many bytes of the buffer it takes. One that is too long has none.
///
/// Descriptors that come with it, to be kept or to be waited for until they are closed, find no room, and the kernel
/// closes them at once.
///
/// # Errors
/// recvmsg(2); `WouldBlock` if there is none.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8; MESSAGE_BYTES]) -> io::Result<(u32, usize)> {
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = Control([0; CONTROL_BYTES]);
    // SAFETY: a msghdr is numbers and pointers, for which zero means "none".
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = CONTROL_BYTES as _;
    // SAFETY: the message points to the buffer and to the room for control data, which outlive the call.
    let n = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
    let Ok(n) = usize::try_from(n) else { return Err(io::Error::last_os_error()) };
    let sender = sender(&message).unwrap_or(0);
    Ok((sender, if message.msg_flags & libc::MSG_TRUNC == 0 { n } else { 0 }))
}

fn sender(message: &libc::msghdr) -> Option<u32> {
    // SAFETY: recvmsg has filled the message in; its control data outlives this function.
    let header = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: it is null, or points to a header within the control data.
    let header = unsafe { header.as_ref() }?;
    if (header.cmsg_level, header.cmsg_type) != (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) {
        return None;
    }
    // SAFETY: computes an address within the control data.
    let data = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: behind such a header the kernel has put a ucred; the copy does not care for alignment.
    let credentials = unsafe { data.cast::<libc::ucred>().read_unaligned() };
    u32::try_from(credentials.pid).ok().filter(|pid| *pid > 0)
}

/// The way to a socket of somebody else. It is not connected: whoever opens the same address anew is reached as well.
#[derive(Debug)]
pub struct Sender {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Sender {
    /// The way to an address as `NOTIFY_SOCKET` has it: a path, or an abstract name after `@`.
    ///
    /// # Errors
    /// Another kind of address, or one that is too long; no descriptors.
    pub fn to(address: &str) -> io::Result<Sender> {
        let address = match address.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None if address.starts_with('/') => SocketAddr::from_pathname(address)?,
            None => return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a path nor an abstract name")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Sender { socket, address })
    }

    /// Sends one message.
    ///
    /// # Errors
    /// sendmsg(2); `WouldBlock` if there is no room for it.
    pub fn send(&self, message: &str) -> io::Result<()> {
        self.socket.send_to_addr(message.as_bytes(), &self.address).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn sender_to(name: &str) -> UnixDatagram {
        let socket = UnixDatagram::unbound().unwrap();
        let name = name.strip_prefix('@').unwrap();
        socket.connect_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
        socket
    }

    #[test]
    fn messages_come_with_their_sender() {
        let (socket, name) = open().unwrap();
        let mut buffer = [0; MESSAGE_BYTES];
        assert_eq!(receive(socket.as_fd(), &mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let peer = sender_to(&name);
        peer.send(b"READY=1\nSTATUS=up").unwrap();
        peer.send(&[b'x'; MESSAGE_BYTES + 1]).unwrap();
        let (pid, length) = receive(socket.as_fd(), &mut buffer).unwrap();
        assert_eq!((pid, &buffer[..length]), (std::process::id(), &b"READY=1\nSTATUS=up"[..]));
        assert_eq!(receive(socket.as_fd(), &mut buffer).unwrap(), (std::process::id(), 0));
        assert_ne!(open().unwrap().1, name);
    }

    #[test]
    fn messages_go_to_paths_and_to_abstract_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let (by_path, by_name) = (UnixDatagram::bind(&path).unwrap(), open().unwrap());
        Sender::to(path.to_str().unwrap()).unwrap().send("READY=1").unwrap();
        Sender::to(&by_name.1).unwrap().send("STOPPING=1").unwrap();
        let mut buffer = [0; MESSAGE_BYTES];
        let length = by_path.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1");
        let (_, length) = receive(by_name.0.as_fd(), &mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"STOPPING=1");
        for wrong in ["", "run/notify", "vsock:2:1234", &"/x".repeat(60)] {
            assert!(Sender::to(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn descriptors_that_come_along_are_closed_and_never_ours() {
        let _alone = crate::sys::spawn::alone();
        use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
        let (socket, name) = open().unwrap();
        let peer = sender_to(&name);
        let (read, write) = crate::sys::fd::pipe().unwrap();
        let fds = [write.as_raw_fd(), write.as_raw_fd()];
        let parts = [io::IoSlice::new(b"BARRIER=1")];
        let rights = [ControlMessage::ScmRights(&fds)];
        sendmsg::<()>(peer.as_raw_fd(), &parts, &rights, MsgFlags::empty(), None).unwrap();
        drop(write);
        let mut room = [0; 8];
        assert_eq!(crate::sys::fd::read(read.as_fd(), &mut room).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut buffer = [0; MESSAGE_BYTES];
        let (pid, length) = receive(socket.as_fd(), &mut buffer).unwrap();
        assert_eq!((pid, length), (std::process::id(), 9));
        assert_eq!(crate::sys::fd::read(read.as_fd(), &mut room).unwrap(), 0, "both copies are closed");
    }
}
