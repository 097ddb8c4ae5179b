//! A program that has the terminal of this one, in its session and process group, and what this one does meanwhile:
//! nothing at Ctrl-C.

use std::ffi::{CString, OsStr};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{ForkResult, execv, fork, pipe2};

use crate::base::exit::Exit;
use crate::base::signal::Sig;

use super::term::Modes;
use super::{fd, pidfd, process, wait};

/// What a key sends to everybody at the terminal.
const OF_KEYS: [Signal; 2] = [Signal::SIGINT, Signal::SIGQUIT];

/// A program that was started so. Dropped, Ctrl-C means this process again.
#[derive(Debug)]
pub struct Foreground {
    pidfd: OwnedFd,
    before: Vec<(Signal, SigAction)>,
    /// How the terminal was; `None` if there is none.
    modes: Option<Modes>,
}

impl Foreground {
    /// Starts a program with these arguments. It ends with SIGTERM if this process dies. Must be called while there is
    /// one thread.
    ///
    /// # Errors
    /// pipe(2), fork(2), execve(2): there is no such program, or it cannot be run.
    pub fn start(program: &Path, arguments: &[&OsStr]) -> io::Result<Foreground> {
        let path = CString::new(program.as_os_str().as_bytes())?;
        let mut words = vec![path.clone()];
        for argument in arguments {
            words.push(CString::new(argument.as_bytes())?);
        }
        // It says nothing and is closed by execve, or says why there is none.
        let (failed, failure) = pipe2(OFlag::O_CLOEXEC)?;
        let modes = Modes::of(fd::standard(0)).ok();
        // Before there is anybody at whom Ctrl-C could be aimed.
        let before = ignore(&OF_KEYS)?;
        // SAFETY: the caller promises that there is one thread, so the child may go on as usual.
        let child = match unsafe { fork() } {
            Ok(ForkResult::Parent { child }) => child,
            Ok(ForkResult::Child) => {
                restore(&before);
                let error =
                    process::end_with_parent().map_or_else(Some, |()| execv(&path, &words).err().map(Into::into));
                let number = error.and_then(|error: io::Error| error.raw_os_error()).unwrap_or_default();
                let _ = std::fs::File::from(failure).write_all(&number.to_ne_bytes());
                // SAFETY: _exit(2) does not return, and runs nothing of the parent's.
                unsafe { libc::_exit(127) };
            }
            Err(error) => {
                restore(&before);
                return Err(error.into());
            }
        };
        drop(failure);
        let pidfd = pidfd::open(u32::try_from(child.as_raw()).unwrap_or(0));
        let started = pidfd.map(|pidfd| Foreground { pidfd, before, modes })?;
        let mut number = [0; size_of::<i32>()];
        match std::fs::File::from(failed).read_exact(&mut number) {
            Ok(()) => {
                let _ = wait::reap_killed(started.pidfd.as_fd());
                Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number)))
            }
            Err(_) => Ok(started),
        }
    }

    /// Tells it to end.
    pub fn signal(&self, sig: Sig) {
        // It has ended already: as good.
        let _ = pidfd::send_signal(self.pidfd.as_fd(), sig);
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// waitid(2).
    pub fn ended(&self) -> io::Result<Option<Exit>> {
        wait::reap(self.pidfd.as_fd())
    }

    /// Puts the terminal back to what it was, for a program that could not do so itself. Whether there is one.
    pub fn restore_terminal(&self) -> bool {
        self.modes.as_ref().is_some_and(|modes| modes.set(fd::standard(0)).is_ok())
    }
}

/// Readable once it has ended.
impl AsFd for Foreground {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        restore(&self.before);
    }
}

fn ignore(signals: &[Signal]) -> io::Result<Vec<(Signal, SigAction)>> {
    let nothing = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    let mut before = Vec::new();
    for signal in signals {
        // SAFETY: no handler is installed, the signal is only ignored.
        before.push((*signal, unsafe { sigaction(*signal, &nothing) }?));
    }
    Ok(before)
}

fn restore(before: &[(Signal, SigAction)]) {
    for (signal, action) in before {
        // SAFETY: the action was in force before, and what it may call is still there.
        let _ = unsafe { sigaction(*signal, action) };
    }
}
