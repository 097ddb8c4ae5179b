//! Processes by pidfd, which names exactly one process, never a number that may meanwhile be another's.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::base::signal::Sig;

/// Opens a pidfd of a process by its number. It need not be a child.
///
/// # Errors
/// pidfd_open(2): ESRCH if there is no such process.
pub fn open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    // SAFETY: pidfd_open(2) takes a number and flags and returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made for us; the kernel sets close-on-exec on it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends a signal to the process.
///
/// # Errors
/// pidfd_send_signal(2): ESRCH if it is gone, EPERM if it may not be signalled.
pub fn send_signal(pidfd: BorrowedFd<'_>, sig: Sig) -> io::Result<()> {
    // SAFETY: the descriptor is borrowed for the call; a null siginfo means "as kill(2) would".
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            sig.number(),
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
