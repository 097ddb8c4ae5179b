//! How a child ended, by its pidfd.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::base::exit::Exit;
use crate::base::signal::Sig;

/// Reaps the child if it has ended.
///
/// # Errors
/// waitid(2): ECHILD if it is no child of this process, or was reaped before.
pub fn reap(pidfd: BorrowedFd<'_>) -> io::Result<Option<Exit>> {
    waitid(pidfd, libc::WEXITED | libc::WNOHANG)
}

/// Whether the child has ended. It is not reaped, so its number stays its own.
///
/// # Errors
/// As [`reap`].
pub fn has_ended(pidfd: BorrowedFd<'_>) -> io::Result<bool> {
    waitid(pidfd, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT).map(|exit| exit.is_some())
}

/// Waits until the child has ended, and reaps it. Only for a child that SIGKILL was sent to.
///
/// # Errors
/// As [`reap`].
pub fn reap_killed(pidfd: BorrowedFd<'_>) -> io::Result<Option<Exit>> {
    waitid(pidfd, libc::WEXITED)
}

/// By hand, since nix's wrapper knows no real-time signals and fails on a child that one of them ended – after the
/// child was reaped.
fn waitid(pidfd: BorrowedFd<'_>, options: i32) -> io::Result<Option<Exit>> {
    // SAFETY: an all-zero siginfo is a valid value; the kernel leaves it so when no child has ended.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let id = libc::id_t::try_from(pidfd.as_raw_fd()).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: the descriptor is borrowed and `info` outlives the call.
    if unsafe { libc::waitid(libc::P_PIDFD, id, &raw mut info, options) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: waitid fills the child's fields of the union, or left them zero.
    let (pid, status) = (unsafe { info.si_pid() }, unsafe { info.si_status() });
    if pid == 0 {
        return Ok(None);
    }
    let killed = |core| Sig::that_killed(status).map(|sig| Exit::Signal { sig, core });
    Ok(match info.si_code {
        libc::CLD_KILLED => killed(false),
        libc::CLD_DUMPED => killed(true),
        // The kernel keeps the low 8 bits only.
        _ => Some(Exit::Code(u8::try_from(status & 0xff).unwrap_or(u8::MAX))),
    })
}
