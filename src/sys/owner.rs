//! Whose a TCP connection within this machine is: asked of the kernel (sock_diag(7)), which knows the socket at the other
//! end as well as ours.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::tcp::Ends;

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
/// The sizes of `nlmsghdr` and `inet_diag_req_v2`.
const HEADER_BYTES: usize = 16;
const ASKED_BYTES: usize = 56;
/// Where `inet_diag_msg` has user and inode.
const USER: usize = HEADER_BYTES + 64;
const INODE: usize = HEADER_BYTES + 68;

/// The user whose process made the other end of a connection; `None` if that end is not on this machine, is closed by now,
/// or the kernel does not tell.
#[must_use]
pub fn of_peer(ends: &Ends) -> Option<u32> {
    ends.peer.ip().to_canonical().is_loopback().then(|| ask(ends).ok().flatten()).flatten()
}

fn ask(ends: &Ends) -> io::Result<Option<u32>> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let netlink: OwnedFd =
        socket(AddressFamily::Netlink, SockType::Datagram, flags, Some(SockProtocol::NetlinkSockDiag))?;
    // The kernel answers while it is asked; nothing is ever waited for.
    setsockopt(&netlink, sockopt::ReceiveTimeout, &TimeVal::new(0, 100_000))?;
    let request = request(ends);
    let kernel = NetlinkAddr::new(0, 0);
    sendmsg(netlink.as_raw_fd(), &[IoSlice::new(&request)], &[], MsgFlags::empty(), Some(&kernel))?;
    let mut answer = [0u8; 512];
    let length = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    Ok(read(answer.get(..length).unwrap_or_default()))
}

/// The question for the one socket that has the ends the other way round.
fn request(ends: &Ends) -> Vec<u8> {
    let v6 = ends.peer.is_ipv6();
    let family = if v6 { libc::AF_INET6 } else { libc::AF_INET };
    let mut bytes = Vec::with_capacity(HEADER_BYTES + ASKED_BYTES);
    let byte = |number: libc::c_int| u8::try_from(number).unwrap_or(0);
    let length = u32::try_from(HEADER_BYTES + ASKED_BYTES).unwrap_or(0);
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&BY_FAMILY.to_ne_bytes());
    // NLM_F_REQUEST, the number of the message, and whose: the kernel fills that in.
    bytes.extend_from_slice(&1u16.to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&[byte(family), byte(libc::IPPROTO_TCP), 0, 0]);
    bytes.extend_from_slice(&u32::MAX.to_ne_bytes());
    bytes.extend_from_slice(&ends.peer.port().to_be_bytes());
    bytes.extend_from_slice(&ends.local.port().to_be_bytes());
    bytes.extend_from_slice(&address(ends.peer));
    bytes.extend_from_slice(&address(ends.local));
    // Any device, and no cookie.
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&[0xff; 8]);
    bytes
}

fn address(of: SocketAddr) -> [u8; 16] {
    match of.ip() {
        IpAddr::V6(ip) => ip.octets(),
        IpAddr::V4(ip) => {
            let mut bytes = [0; 16];
            bytes.iter_mut().zip(ip.octets()).for_each(|(to, from)| *to = from);
            bytes
        }
    }
}

/// A socket that nobody holds any more has no user that could be believed.
fn read(answer: &[u8]) -> Option<u32> {
    let number = |at: usize| answer.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let kind = answer.get(4..6)?.try_into().ok().map(u16::from_ne_bytes);
    let held = number(INODE)? != 0;
    number(USER).filter(|_| kind == Some(BY_FAMILY) && held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_user_at_the_other_end_is_known() {
        let _alone = crate::sys::spawn::alone();
        for place in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(place) else { continue };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, _) = listener.accept().unwrap();
            let ends = Ends { peer: server.peer_addr().unwrap(), local: server.local_addr().unwrap() };
            assert_eq!(of_peer(&ends), Some(crate::sys::user::effective_uid()), "{place}");
            drop(client);
            assert_eq!(of_peer(&ends), None, "{place}: it is closed");
        }
        let elsewhere = Ends { peer: "10.9.8.7:1".parse().unwrap(), local: "10.9.8.7:2".parse().unwrap() };
        assert_eq!(of_peer(&elsewhere), None);
        assert_eq!(read(&[]), None);
    }
}
