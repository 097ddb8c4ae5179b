//! This process itself: its umask, its way into the background.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, fork, setsid};

/// Sets the umask and returns the old one.
pub fn set_umask(mask: u32) -> u32 {
    nix::sys::stat::umask(Mode::from_bits_truncate(mask)).bits()
}

/// Which of two processes this is.
#[derive(Debug)]
pub enum Side {
    /// The one that was there: it reads from the pipe what the other has to say.
    Parent {
        /// The new process.
        child: u32,
        /// Read end.
        from_child: OwnedFd,
    },
    /// The new one, in a session of its own.
    Child {
        /// Write end.
        to_parent: OwnedFd,
    },
}

/// Splits this process in two that are joined by a pipe. Must be called before any other thread exists.
///
/// # Errors
/// fork(2), pipe(2), setsid(2).
pub fn split() -> io::Result<Side> {
    let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    // SAFETY: the caller promises that there is one thread, so the child may go on as usual.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            drop(write);
            Ok(Side::Parent { child: u32::try_from(child.as_raw()).unwrap_or(0), from_child: read })
        }
        ForkResult::Child => {
            drop(read);
            setsid()?;
            Ok(Side::Child { to_parent: write })
        }
    }
}

/// Sends this process SIGTERM when its parent dies.
///
/// # Errors
/// prctl(2).
pub fn end_with_parent() -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes a signal number and touches no memory.
    let result = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Puts `/dev/null` in the place of standard input, output and error.
///
/// # Errors
/// open(2), dup2(2).
pub fn leave_terminal() -> io::Result<()> {
    let null = super::fd::null()?;
    nix::unistd::dup2_stdin(null.as_fd())?;
    nix::unistd::dup2_stdout(null.as_fd())?;
    nix::unistd::dup2_stderr(null.as_fd())?;
    Ok(())
}

/// Whether the descriptor is a terminal.
#[must_use]
pub fn is_terminal(fd: std::os::fd::BorrowedFd<'_>) -> bool {
    std::io::IsTerminal::is_terminal(&fd)
}

/// Gives memory that is free in the middle of the heap back to the system, where the C library can.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) only releases free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
