//! Signals to this process itself: blocked, and read from a signalfd.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

use crate::base::signal::Sig;

use super::raw;

/// What the daemon ignores: a pipe without a reader and a file at its limit are errors of a call, not ends of a
/// daemon. Children get the default back.
const IGNORED: [i32; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// How many bytes the kernel's signal set has.
const KERNEL_SET_BYTES: usize = 8;

/// Gives every signal its default disposition, except those the daemon ignores: what a parent such as nohup(1) had
/// ignored would otherwise reach the programs. By raw system calls, since the C library keeps two signals to itself,
/// which a parent may have ignored as well.
pub fn reset_dispositions() {
    for number in 1..=64 {
        let handler = if IGNORED.contains(&number) { libc::SIG_IGN } else { libc::SIG_DFL };
        // KILL and STOP cannot be changed, and need not be.
        let _ = set_disposition(number, handler);
    }
}

/// Gives every signal its default disposition: for a child that has its own memory.
pub fn all_default() {
    for number in 1..=64 {
        let _ = set_disposition(number, libc::SIG_DFL);
    }
}

/// Ignores a signal.
pub fn ignore(number: i32) {
    let _ = set_disposition(number, libc::SIG_IGN);
}

/// Sets a disposition that has no handler of ours; or the error number. Touches no memory but its own stack.
fn set_disposition(number: i32, handler: libc::sighandler_t) -> Result<(), i32> {
    // The kernel's own layout: the handler first, then zero for no flags, no restorer and an empty mask. No
    // architecture's is larger.
    let mut action = [0usize; 8];
    action[0] = handler;
    let arguments = [raw::word(number), action.as_ptr() as usize, 0];
    // SAFETY: the action outlives the call; the old one is not asked for. The size of the mask goes fourth.
    unsafe { raw::call4(libc::SYS_rt_sigaction, arguments, KERNEL_SET_BYTES) }?;
    Ok(())
}

/// A set of signals as the kernel has it. The C library's own functions leave out signals that it keeps to itself, and which
/// those are differs: the first real-time signal is one of them in static binaries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Set(u64);

impl Set {
    /// All of them.
    pub(super) const ALL: Set = Set(u64::MAX);

    /// The set without this one.
    pub(super) fn without(self, signal: Signal) -> Set {
        Set(self.0 & !(1 << (signal as i32 - 1)))
    }

    /// Has the signals of the set held back, and no others.
    pub(super) fn hold(&self) -> io::Result<()> {
        let arguments = [raw::word(libc::SIG_SETMASK), (&raw const self.0) as usize, 0];
        // SAFETY: the set outlives the call; the old one is not asked for.
        unsafe { raw::call4(libc::SYS_rt_sigprocmask, arguments, KERNEL_SET_BYTES) }
            .map_err(io::Error::from_raw_os_error)?;
        Ok(())
    }

    /// Waits for the next signal of the set; its number.
    pub(super) fn wait(&self) -> io::Result<i32> {
        let arguments = [(&raw const self.0) as usize, 0, 0];
        // SAFETY: the set outlives the call; what else there is to say of the signal is not asked for, and no time is set.
        let number = unsafe { raw::call4(libc::SYS_rt_sigtimedwait, arguments, KERNEL_SET_BYTES) }
            .map_err(io::Error::from_raw_os_error)?;
        Ok(i32::try_from(number).unwrap_or_default())
    }
}

/// Blocks these signals and opens a signalfd for them.
///
/// # Errors
/// signalfd(2), sigprocmask(2).
pub fn open(sigs: &[Sig]) -> io::Result<OwnedFd> {
    let mut set = empty();
    for sig in sigs {
        // SAFETY: the set is initialised and borrowed for the call.
        unsafe { libc::sigaddset(&raw mut set, sig.number()) };
    }
    // SAFETY: the set is initialised; the old mask is not asked for.
    if unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the set is initialised; -1 asks for a new descriptor.
    let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Gives a child that may share its parent's memory the default dispositions and an empty mask; or the error number.
pub(super) fn reset_in_child() -> Result<(), i32> {
    for number in IGNORED {
        set_disposition(number, libc::SIG_DFL)?;
    }
    let none = 0u64;
    let arguments = [raw::word(libc::SIG_SETMASK), (&raw const none) as usize, 0];
    // SAFETY: the set outlives the call; the old one is not asked for.
    unsafe { raw::call4(libc::SYS_rt_sigprocmask, arguments, KERNEL_SET_BYTES) }?;
    Ok(())
}

fn empty() -> libc::sigset_t {
    // SAFETY: an all-zero set is a valid value to initialise.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is borrowed for the call.
    unsafe { libc::sigemptyset(&raw mut set) };
    set
}

/// A signal that arrived, and who sent it.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// Which.
    pub sig: Sig,
    /// The sender's process id; 0 if the kernel sent it.
    pub pid: u32,
    /// The sender's user id.
    pub uid: u32,
}

/// The next signal that has arrived, if any.
///
/// # Errors
/// read(2) on the signalfd.
pub fn next(signalfd: BorrowedFd<'_>) -> io::Result<Option<Arrived>> {
    const SIZE: usize = size_of::<libc::signalfd_siginfo>();
    // SAFETY: an all-zero siginfo is valid.
    let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
    // SAFETY: the buffer is exactly one siginfo, and outlives the call.
    let n = unsafe { libc::read(signalfd.as_raw_fd(), (&raw mut info).cast(), SIZE) };
    if n < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error) };
    }
    let sig = i32::try_from(info.ssi_signo).ok().and_then(Sig::from_number);
    Ok(sig.filter(|_| usize::try_from(n) == Ok(SIZE)).map(|sig| Arrived { sig, pid: info.ssi_pid, uid: info.ssi_uid }))
}

/// Sends a signal to this process that ends it as the signal does by default. Returns only for a signal that does not.
pub fn end_by(sig: Sig) {
    let _ = set_disposition(sig.number(), libc::SIG_DFL);
    if let Ok(signal) = Signal::try_from(sig.number()) {
        let _ = nix::sys::signal::raise(signal);
    }
}

/// Signals as something to wait for: while this lives, they have no effect of their own. For one thread at a time.
#[derive(Debug)]
pub struct Held {
    arrived: OwnedFd,
    set: SigSet,
}

impl Held {
    /// Holds these signals back.
    ///
    /// # Errors
    /// signalfd(2), sigprocmask(2).
    pub fn hold(sigs: &[Sig]) -> io::Result<Held> {
        let arrived = open(sigs)?;
        let set = sigs.iter().filter_map(|sig| Signal::try_from(sig.number()).ok()).collect();
        Ok(Held { arrived, set })
    }

    /// Is readable when one has arrived.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.arrived.as_fd()
    }

    /// The next one that has arrived, if any.
    ///
    /// # Errors
    /// read(2) on the signalfd.
    pub fn next(&self) -> io::Result<Option<Sig>> {
        Ok(next(self.fd())?.map(|arrived| arrived.sig))
    }

    /// Stops this process, with the rest of its job if `job`, as Ctrl-Z does. Returns when it goes on; at once where
    /// nobody could let it go on.
    ///
    /// # Errors
    /// kill(2), sigprocmask(2).
    pub fn stop(&self, job: bool) -> io::Result<()> {
        kill(if job { Pid::from_raw(0) } else { Pid::this() }, Signal::SIGTSTP)?;
        // It waits for us; to let it in is to stop.
        let stop = SigSet::from_iter([Signal::SIGTSTP]);
        stop.thread_unblock()?;
        Ok(stop.thread_block()?)
    }
}

impl Drop for Held {
    /// What has come too late is dropped.
    fn drop(&mut self) {
        while let Ok(Some(_)) = self.next() {}
        // It fails only for what is no signal set.
        let _ = self.set.thread_unblock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_signals_are_told_and_have_their_effect_again_afterwards() {
        let held = Held::hold(&[Sig::USR1, Sig::WINCH]).unwrap();
        assert!(held.next().unwrap().is_none());
        // To this thread alone: the others of the test run do not hold it back.
        nix::sys::signal::raise(Signal::SIGUSR1).unwrap();
        assert_eq!(held.next().unwrap(), Some(Sig::USR1));
        nix::sys::signal::raise(Signal::SIGWINCH).unwrap();
        drop(held);
        let mask = SigSet::thread_get_mask().unwrap();
        assert!(!mask.contains(Signal::SIGUSR1) && !mask.contains(Signal::SIGWINCH));
    }
}
