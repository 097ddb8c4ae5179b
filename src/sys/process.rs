//! This process itself: its umask, its way into the background.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, fork, setsid};

/// Sets the umask and returns the old one.
pub fn set_umask(mask: u32) -> u32 {
    nix::sys::stat::umask(Mode::from_bits_truncate(mask)).bits()
}

/// Whether this process, or a process that it started, or one that such a process started, has this id.
#[must_use]
pub fn is_descendant(pid: u32) -> bool {
    const GENERATIONS: usize = 1000;
    let own = std::process::id();
    let mut line = std::iter::successors(Some(pid), |pid| parent(*pid)).take(GENERATIONS);
    line.any(|pid| pid == own)
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the command may have anything in it; what follows it has no parentheses.
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

/// The name of the command of a process.
#[must_use]
pub fn command_name(pid: u32) -> Option<String> {
    Some(std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}

/// The name of this machine, as uname(2) has it.
#[must_use]
pub fn host_name() -> String {
    match nix::sys::utsname::uname() {
        Ok(names) => names.nodename().to_string_lossy().into_owned(),
        Err(_) => "localhost".to_owned(),
    }
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

/// Whether this process is the first of its namespace, to whom all orphans come and whose end is everybody's.
#[must_use]
pub fn is_init() -> bool {
    std::process::id() == 1
}

/// Has the orphans among the descendants of this process come to it instead of to the first of the namespace.
///
/// # Errors
/// prctl(2).
pub fn adopt_orphans() -> io::Result<()> {
    // SAFETY: PR_SET_CHILD_SUBREAPER takes a number and touches no memory.
    let result = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
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

/// Unmaps the pages of this program's own code and constants. Those that are used come back from the page cache at
/// their next use; those that only the start needed (reading a configuration, most of all) do not.
pub fn release_code() {
    // SAFETY: the callback is called with valid pointers during the call only.
    unsafe { libc::dl_iterate_phdr(Some(release_first), std::ptr::null_mut()) };
}

/// Releases the segments of the first object, which is the program itself, and ends the iteration.
unsafe extern "C" fn release_first(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the pointer is valid for the duration of the callback.
    let object = unsafe { &*object };
    // SAFETY: the headers are as many as the object says, and mapped as long as it is loaded.
    let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)) };
    for header in headers.iter().filter(|h| h.p_type == libc::PT_LOAD && h.p_flags & libc::PF_W == 0) {
        let (start, len) = (object.dlpi_addr.wrapping_add(header.p_vaddr), header.p_memsz);
        let (from, to) = (start & !0xfff, start.wrapping_add(len).next_multiple_of(4096));
        // SAFETY: the segment is not writable, so its pages are those of the file and come back as they were.
        unsafe { libc::madvise(from as *mut libc::c_void, raw_len(from, to), libc::MADV_DONTNEED) };
    }
    1
}

fn raw_len(from: u64, to: u64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(0)
}

/// Gives memory that is free in the middle of the heap back to the system, where the C library can.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) only releases free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
