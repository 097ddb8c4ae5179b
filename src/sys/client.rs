//! The connecting side of the control socket, and Ctrl-C while an answer is awaited.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect as connect_socket, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use crate::base::signal::Sig;

use super::poll::{self, For};
use super::signals;

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
    loop {
        match connect_socket(fd.as_raw_fd(), &address) {
            Ok(()) => return Ok(UnixStream::from(fd)),
            // Where a wait has a limit, whoever is stopped and goes on is told of it; nothing has been begun.
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// There is something to read, or the end.
    Readable,
    /// Ctrl-C.
    Interrupt,
}

/// Ctrl-C as something to wait for: while this lives, SIGINT does not end the process. For one thread at a time.
#[derive(Debug)]
pub struct Interrupt {
    arrived: OwnedFd,
}

impl Interrupt {
    /// Holds SIGINT back.
    ///
    /// # Errors
    /// signalfd(2), sigprocmask(2).
    pub fn hold() -> io::Result<Interrupt> {
        Ok(Interrupt { arrived: signals::open(&[Sig::INT])? })
    }

    /// Waits until the stream can be read or Ctrl-C has come; of both, Ctrl-C.
    ///
    /// # Errors
    /// poll(2).
    pub fn wait(&self, stream: BorrowedFd<'_>) -> io::Result<First> {
        loop {
            if let Some(first) = self.within(Some(stream), None)? {
                return Ok(first);
            }
        }
    }

    /// Lets some time pass; whether Ctrl-C came meanwhile.
    ///
    /// # Errors
    /// poll(2).
    pub fn pass(&self, time: Duration) -> io::Result<bool> {
        Ok(self.within(None, Some(time))?.is_some())
    }

    fn within(&self, stream: Option<BorrowedFd<'_>>, limit: Option<Duration>) -> io::Result<Option<First>> {
        let fds = [stream, Some(self.arrived.as_fd())].map(|fd| fd.map(|fd| (fd, For::Reading)));
        let [readable, _] = poll::wait(fds, limit)?;
        if signals::next(self.arrived.as_fd())?.is_some() {
            return Ok(Some(First::Interrupt));
        }
        Ok(readable.then_some(First::Readable))
    }
}

impl Drop for Interrupt {
    /// A Ctrl-C that came too late has nothing left to cancel.
    fn drop(&mut self) {
        while let Ok(Some(_)) = signals::next(self.arrived.as_fd()) {}
        let mut set = SigSet::empty();
        set.add(Signal::SIGINT);
        // It fails only for what is no signal set.
        let _ = set.thread_unblock();
    }
}

/// Signals as something to wait for: while this lives, they do nothing by themselves. For one thread at a time.
#[derive(Debug)]
pub struct Signals {
    arrived: OwnedFd,
    held: Vec<Sig>,
}

impl Signals {
    /// Holds these signals back.
    ///
    /// # Errors
    /// signalfd(2), sigprocmask(2).
    pub fn hold(signals: &[Sig]) -> io::Result<Signals> {
        Ok(Signals { arrived: signals::open(signals)?, held: signals.to_vec() })
    }

    /// The next one that has come.
    #[must_use]
    pub fn next(&self) -> Option<Sig> {
        signals::next(self.arrived.as_fd()).ok().flatten().map(|arrived| arrived.sig)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.arrived.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        while self.next().is_some() {}
        let mut set = SigSet::empty();
        self.held.iter().filter_map(|sig| Signal::try_from(sig.number()).ok()).for_each(|sig| set.add(sig));
        // It fails only for what is no signal set.
        let _ = set.thread_unblock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixListener;

    #[test]
    fn errors_say_what_is_there() {
        let _alone = crate::sys::spawn::alone();
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

    #[test]
    fn an_interrupt_cancels_but_does_not_end() {
        let (mut near, far) = UnixStream::pair().unwrap();
        for _ in 0..2 {
            let interrupt = Interrupt::hold().unwrap();
            // To this thread alone: the others of the test run do not hold it back.
            nix::sys::signal::raise(Signal::SIGINT).unwrap();
            assert_eq!(interrupt.wait(far.as_fd()).unwrap(), First::Interrupt);
            assert!(!interrupt.pass(Duration::from_millis(1)).unwrap());
            near.write_all(b"x").unwrap();
            assert_eq!(interrupt.wait(far.as_fd()).unwrap(), First::Readable);
            nix::sys::signal::raise(Signal::SIGINT).unwrap();
            assert_eq!(interrupt.wait(far.as_fd()).unwrap(), First::Interrupt);
            nix::sys::signal::raise(Signal::SIGINT).unwrap();
        }
        assert!(!SigSet::thread_get_mask().unwrap().contains(Signal::SIGINT));
    }
}
