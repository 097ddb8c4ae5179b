//! What waits to be sent to one client of the daemon, whatever is spoken with it.

use std::io;
use std::os::fd::BorrowedFd;

use crate::sys::sock;

/// Bytes for a socket that never makes the daemon wait.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// How much of `bytes` is sent.
    sent: usize,
}

impl Outbox {
    /// How much is not sent yet, in bytes.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Where to append what is to be sent; nothing may be taken away there.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Sends what the socket takes; how much that was. Fails if the other side is gone.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let before = self.sent;
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match sock::send(socket, rest) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let progress = self.sent - before;
        if self.sent == self.bytes.len() {
            // An answer for a thousand processes is not kept as capacity.
            *self = Outbox::default();
        }
        Ok(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_the_socket_does_not_take_waits_and_follows_in_order() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let all: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
        let mut out = Outbox::default();
        out.end().extend_from_slice(&all);
        let first = out.send(ours.as_fd()).unwrap();
        assert!(first > 0 && out.waiting() == all.len() - first, "{first} of {}", all.len());
        assert_eq!(out.send(ours.as_fd()).unwrap(), 0);
        out.end().push(255);
        let mut got = vec![0; all.len() + 1];
        let mut have = 0;
        while have < got.len() {
            have += theirs.read(&mut got[have..]).unwrap();
            out.send(ours.as_fd()).unwrap();
        }
        assert!(got[..all.len()] == all && got[all.len()] == 255);
        assert_eq!((out.waiting(), out.end().capacity()), (0, 0));
        drop(theirs);
        out.end().push(0);
        assert!(out.send(ours.as_fd()).is_err());
    }
}
