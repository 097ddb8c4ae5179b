//! How a child ended, by its pidfd; and which children have ended, whosever they were.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::base::exit::Exit;
use crate::base::signal::Sig;

/// Reaps the child if it has ended.
///
/// # Errors
/// waitid(2): ECHILD if it is no child of this process, or was reaped before.
pub fn reap(pidfd: BorrowedFd<'_>) -> io::Result<Option<Exit>> {
    by_pidfd(pidfd, libc::WEXITED | libc::WNOHANG)
}

/// Whether the child has ended. It is not reaped, so its number stays its own.
///
/// # Errors
/// As [`reap`].
pub fn has_ended(pidfd: BorrowedFd<'_>) -> io::Result<bool> {
    by_pidfd(pidfd, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT).map(|exit| exit.is_some())
}

/// Waits until the child has ended, and reaps it. Only for a child that SIGKILL was sent to.
///
/// # Errors
/// As [`reap`].
pub fn reap_killed(pidfd: BorrowedFd<'_>) -> io::Result<Option<Exit>> {
    by_pidfd(pidfd, libc::WEXITED)
}

/// A child that has ended, known or not; it is not reaped, so its number stays its own. `None` if none has.
///
/// # Errors
/// waitid(2): ECHILD if there are no children.
pub fn any_ended() -> io::Result<Option<u32>> {
    Ok(any(libc::WEXITED | libc::WNOHANG | libc::WNOWAIT)?.map(|(pid, _)| pid))
}

/// Reaps any child that has ended, known or not. `None` if none has.
///
/// # Errors
/// As [`any_ended`].
pub fn reap_any() -> io::Result<Option<(u32, Option<Exit>)>> {
    any(libc::WEXITED | libc::WNOHANG)
}

/// Reaps the child with this number, which was seen to have ended.
///
/// # Errors
/// As [`any_ended`].
pub fn reap_number(pid: u32) -> io::Result<()> {
    waitid(libc::P_PID, pid, libc::WEXITED | libc::WNOHANG).map(drop)
}

fn any(options: i32) -> io::Result<Option<(u32, Option<Exit>)>> {
    waitid(libc::P_ALL, 0, options)
}

fn by_pidfd(pidfd: BorrowedFd<'_>, options: i32) -> io::Result<Option<Exit>> {
    let id = libc::id_t::try_from(pidfd.as_raw_fd()).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    Ok(waitid(libc::P_PIDFD, id, options)?.and_then(|(_, exit)| exit))
}

/// By hand, since nix's wrapper knows no real-time signals and fails on a child that one of them ended – after the
/// child was reaped. The number of the child, and how it ended.
fn waitid(whom: libc::idtype_t, id: libc::id_t, options: i32) -> io::Result<Option<(u32, Option<Exit>)>> {
    // SAFETY: an all-zero siginfo is a valid value; the kernel leaves it so when no child has ended.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: what is asked for is numbers, and `info` outlives the call.
    if unsafe { libc::waitid(whom, id, &raw mut info, options) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: waitid fills the child's fields of the union, or left them zero.
    let (pid, status) = (unsafe { info.si_pid() }, unsafe { info.si_status() });
    let Some(pid) = u32::try_from(pid).ok().filter(|pid| *pid > 0) else { return Ok(None) };
    let killed = |core| Sig::that_killed(status).map(|sig| Exit::Signal { sig, core });
    let exit = match info.si_code {
        libc::CLD_KILLED => killed(false),
        libc::CLD_DUMPED => killed(true),
        // The kernel keeps the low 8 bits only.
        _ => Some(Exit::Code(u8::try_from(status & 0xff).unwrap_or(u8::MAX))),
    };
    Ok(Some((pid, exit)))
}
