//! Waits for several descriptors at once, for a client that has few of them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Something to read, or the end.
    Reading,
    /// Room to write.
    Writing,
    /// Whichever comes first.
    Both,
}

/// Waits until one of the descriptors is ready, or for as long as `limit`. Says of each whether it is. A signal that
/// comes in between ends the wait as if the time were over.
///
/// # Errors
/// poll(2).
pub fn wait<const N: usize>(fds: [Option<(BorrowedFd<'_>, For)>; N], limit: Option<Duration>) -> io::Result<[bool; N]> {
    let mut polled = fds.map(|entry| {
        let events = match entry {
            None => 0,
            Some((_, For::Reading)) => libc::POLLIN,
            Some((_, For::Writing)) => libc::POLLOUT,
            Some((_, For::Both)) => libc::POLLIN | libc::POLLOUT,
        };
        // The kernel leaves out negative descriptors.
        libc::pollfd { fd: entry.map_or(-1, |(fd, _)| fd.as_raw_fd()), events, revents: 0 }
    });
    // Rounded up: waking before the time would only make another round.
    let millis = limit.map_or(-1, |limit| {
        let millis = limit.as_millis() + u128::from(limit.subsec_nanos() % 1_000_000 > 0);
        i32::try_from(millis).unwrap_or(i32::MAX)
    });
    // SAFETY: the array outlives the call, which is told its length.
    let ready = unsafe { libc::poll(polled.as_mut_ptr(), N as libc::nfds_t, millis) };
    if ready < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(polled.map(|fd| ready > 0 && fd.revents != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_ready_is_told() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let short = Some(Duration::from_micros(10));
        assert_eq!(wait([Some((near.as_fd(), For::Reading))], short).unwrap(), [false]);
        far.write_all(b"x").unwrap();
        let fds = [(far.as_fd(), For::Reading), (near.as_fd(), For::Reading), (near.as_fd(), For::Writing)];
        assert_eq!(wait(fds.map(Some), None).unwrap(), [false, true, true]);
        assert_eq!(wait([None, Some((near.as_fd(), For::Reading))], None).unwrap(), [false, true]);
        drop(far);
        assert_eq!(wait([Some((near.as_fd(), For::Both))], None).unwrap(), [true]);
        assert_eq!(wait([None], short).unwrap(), [false]);
    }
}
