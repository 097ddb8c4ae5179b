//! Where connections of HTTP come in: the sockets, and who is at the other end of each connection.

use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use crate::config::model::{HttpAddress, SocketConfig};
use crate::daemon::clients::{SocketFile, open_socket, peer_groups};
use crate::daemon::error::Error;
use crate::daemon::reactor::{Reactor, Source, Token, Wants};
use crate::daemon::who::Caller;
use crate::sys::{owner, sock, tcp};

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) token: Token,
    /// Where it is, as it is told.
    pub(super) address: String,
    is_unix: bool,
    /// The file of a Unix socket, which goes with it.
    file: Option<SocketFile>,
}

impl Listener {
    /// Listens at one address. A Unix socket has the owner and the permissions of the control socket.
    ///
    /// # Errors
    /// The address is taken, or the system refuses.
    pub(super) fn open(
        reactor: &mut Reactor,
        number: u16,
        at: &HttpAddress,
        like: &SocketConfig,
    ) -> Result<Listener, Error> {
        let (fd, address, file) = match at {
            HttpAddress::Tcp(address) => {
                let failed = |error| Error::io("listen on", address.to_string(), error);
                let (fd, bound) = tcp::listen(*address).map_err(failed)?;
                (fd, format!("http://{bound}"), None)
            }
            HttpAddress::Unix(path) => {
                let (fd, file) = open_socket(Path::new(path), like)?;
                (fd, at.to_string(), Some(file))
            }
        };
        let added = reactor.add(Source::WebListener(number), fd, Wants::Read);
        let token = added.map_err(|(error, _)| Error::io("poll the socket", &address, error))?;
        Ok(Listener { token, address, is_unix: file.is_some(), file })
    }

    /// Removes the file of a Unix socket.
    pub(super) fn remove_file(&self) {
        if let Some(file) = &self.file {
            file.remove();
        }
    }

    /// Finds out who is at the other end. `None` if that has gone away again.
    pub(super) fn identify(&self, socket: OwnedFd, number: u64) -> Option<(OwnedFd, Caller, Option<IpAddr>)> {
        if self.is_unix {
            let peer = sock::peer(socket.as_fd()).ok()?;
            let groups = peer_groups(socket.as_fd(), peer.gid);
            return Some((socket, Caller { from: "unix".to_owned(), uid: Some(peer.uid), groups, number }, None));
        }
        let (socket, ends) = tcp::prepare(socket).ok()?;
        let uid = owner::of_peer(&ends);
        let caller = Caller { from: ends.peer.to_string(), uid, groups: Vec::new(), number };
        Some((socket, caller, Some(ends.local.ip())))
    }
}
