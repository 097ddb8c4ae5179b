//! One program that this process lives for: its birth in a process group of its own, signals for it, and the ends of all
//! children. For a process that is no daemon, has one thread and polls nothing.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::unistd::{ForkResult, Pid, execvp, fork, getpgrp, setpgid, tcgetpgrp, tcsetpgrp};

use crate::base::exit::Exit;
use crate::base::signal::Sig;

use super::{fd, signals, wait};

/// What tells of a fault in this process itself; held back it would be lost.
const FAULTS: [Signal; 7] =
    [Signal::SIGFPE, Signal::SIGILL, Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGABRT, Signal::SIGTRAP, Signal::SIGSYS];

/// What a process gets that uses a terminal whose foreground it is not in. This one has to, when it gives it away.
const OF_BACKGROUND: [Signal; 2] = [Signal::SIGTTIN, Signal::SIGTTOU];

/// How a shell tells that a program is there and cannot be executed, and that there is none.
const CANNOT_EXECUTE: i32 = 126;
const NOT_FOUND: i32 = 127;

/// All signals, held back until they are asked for.
#[derive(Debug)]
pub struct Arriving(signals::Set);

impl Arriving {
    /// Holds back all signals but those of faults. From here on none has an effect of its own.
    ///
    /// # Errors
    /// sigprocmask(2).
    pub fn hold() -> io::Result<Arriving> {
        // A parent may have ignored some: what is ignored does not arrive.
        signals::reset_dispositions();
        for signal in OF_BACKGROUND {
            signals::ignore(signal as i32);
        }
        let set = FAULTS.into_iter().chain(OF_BACKGROUND).fold(signals::Set::ALL, signals::Set::without);
        set.hold()?;
        Ok(Arriving(set))
    }

    /// Waits for the next signal.
    ///
    /// # Errors
    /// sigtimedwait(2).
    pub fn next(&self) -> io::Result<Option<Sig>> {
        match self.0.wait() {
            Ok(number) => Ok(Sig::from_number(number)),
            // By a stop and its end, or a debugger.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A program that was started.
#[derive(Debug)]
pub struct Single {
    pid: Pid,
    /// The foreground of the terminal was given to it.
    foreground: bool,
}

/// What a child tells of itself if it does not become its program: the exit code.
fn fail(program: &OsStr, error: io::Error) -> ! {
    let missing = error.kind() == io::ErrorKind::NotFound;
    let text = crate::base::errno::plain(&error);
    let line = format!("taskmasterd: cannot execute {}: {text}\n", program.to_string_lossy());
    let _ = fd::write(fd::standard(2), line.as_bytes());
    // SAFETY: _exit(2) does not return, and runs nothing of the parent's.
    unsafe { libc::_exit(if missing { NOT_FOUND } else { CANNOT_EXECUTE }) }
}

impl Single {
    /// Starts a program, by its path or looked for in `PATH`, with default signals, in a process group of its own. That is
    /// put into the foreground of the terminal if this process is there. Must be called after [`Arriving::hold`], while
    /// there is one thread.
    ///
    /// # Errors
    /// A NUL byte in a word; fork(2). If there is no such program the child says so and ends with 126 or 127.
    pub fn start(program: &OsStr, arguments: &[impl AsRef<OsStr>]) -> io::Result<Single> {
        let path = CString::new(program.as_bytes())?;
        let mut words = vec![path.clone()];
        for argument in arguments {
            words.push(CString::new(argument.as_ref().as_bytes())?);
        }
        let foreground = tcgetpgrp(fd::standard(0)).is_ok_and(|group| group == getpgrp());
        // SAFETY: the caller promises that there is one thread, so the child may go on as usual.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                // Both sides do it: whichever comes first, a signal to the group finds it.
                let _ = setpgid(child, child);
                Ok(Single { pid: child, foreground })
            }
            ForkResult::Child => {
                let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
                if foreground {
                    // While the signals of the background are ignored.
                    let _ = tcsetpgrp(fd::standard(0), getpgrp());
                }
                signals::all_default();
                let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
                let error = execvp(&path, &words).err().map_or_else(io::Error::last_os_error, io::Error::from);
                fail(program, error)
            }
        }
    }

    /// Sends it a signal, to all of its group if `group`. One that is gone already is as good.
    pub fn signal(&self, sig: Sig, group: bool) {
        let to = if group { -self.pid.as_raw() } else { self.pid.as_raw() };
        // By number: nobody but this process reaps it, and after that no signal is sent.
        // SAFETY: kill(2) takes two numbers; the first is a child of ours or its group.
        unsafe { libc::kill(to, sig.number()) };
    }

    /// Reaps all children that have ended, whosever they were; how this one did, if it is among them.
    pub fn reap(&self) -> Option<Exit> {
        let mut end = None;
        while let Ok(Some((pid, exit))) = wait::reap_any() {
            if i32::try_from(pid).is_ok_and(|pid| pid == self.pid.as_raw()) {
                end = exit;
            }
        }
        end
    }

    /// Takes the foreground of the terminal back, for whoever started this process.
    pub fn take_back_terminal(&self) {
        if self.foreground {
            let _ = tcsetpgrp(fd::standard(0), getpgrp());
        }
    }
}
