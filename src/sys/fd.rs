//! Pipes and plain reading and writing on borrowed descriptors. Every descriptor is close-on-exec from birth.

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, SealFlag, fcntl};

/// `O_NOFOLLOW`, for opening a file in a directory that others may write to: a link there could lead anywhere.
pub const NO_FOLLOW: i32 = libc::O_NOFOLLOW;

/// A pipe: the end to read from, which does not block, and the end to write to, which does.
///
/// # Errors
/// pipe2(2): EMFILE, ENFILE.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    set_nonblocking(read.as_fd())?;
    Ok((read, write))
}

/// A pipe the other way round: the end to read from, which blocks, and the end to write to, which does not.
///
/// # Errors
/// pipe2(2): EMFILE, ENFILE.
pub fn input_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    set_nonblocking(write.as_fd())?;
    Ok((read, write))
}

/// A pipe neither end of which blocks.
///
/// # Errors
/// pipe2(2): EMFILE, ENFILE.
pub fn nonblocking_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?)
}

/// A pipe for the output of a process: the end to read from, which does not block, and the end for the process, which
/// does and may be read from as well.
///
/// A process whose output is such an end does not get SIGPIPE when the reader is gone: it is a reader itself. It
/// blocks when the pipe is full, until somebody reads again. Where /proc is not mounted it gets the plain end: it then
/// depends on the reader's life, but it runs.
///
/// # Errors
/// pipe2(2): EMFILE, ENFILE.
pub fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = nonblocking_pipe()?;
    // Opened anew it has flags of its own, so that it blocks.
    match open(&format!("/proc/self/fd/{}", write.as_raw_fd()), libc::O_RDWR) {
        Ok(end) => Ok((read, end)),
        Err(_) => {
            fcntl(&write, FcntlArg::F_SETFL(OFlag::empty()))?;
            Ok((read, write))
        }
    }
}

/// Opens what is there, close-on-exec. The C library's own way makes a second call for kernels that are older than any
/// that this program runs on.
///
/// # Errors
/// openat(2).
pub fn open(path: &str, flags: i32) -> io::Result<OwnedFd> {
    let path = CString::new(path)?;
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: the path ends in NUL and outlives the call; returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) };
    let fd = RawFd::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Changes the owner of what is open there.
///
/// # Errors
/// fchown(2): EPERM without privilege.
pub fn give_to(fd: BorrowedFd<'_>, uid: u32, gid: u32) -> io::Result<()> {
    std::os::unix::fs::fchown(fd, Some(uid), Some(gid))
}

/// `/dev/null`, for reading and writing. In a root file system without it, something else that is at its end: what is
/// written there fails instead of being swallowed.
///
/// # Errors
/// open(2).
pub fn null() -> io::Result<OwnedFd> {
    match OpenOptions::new().read(true).write(true).open("/dev/null") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => empty(),
        opened => Ok(opened?.into()),
    }
}

/// A file without a name that is empty and stays so.
fn empty() -> io::Result<OwnedFd> {
    // SAFETY: the name is a constant that ends in NUL; returns a new descriptor or -1.
    let fd = unsafe { libc::memfd_create(c"null".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made for us.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let seals = SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL;
    fcntl(fd.as_fd(), FcntlArg::F_ADD_SEALS(seals))?;
    Ok(fd)
}

/// Makes reads and writes return `WouldBlock` instead of waiting.
///
/// # Errors
/// fcntl(2).
pub fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = OFlag::from_bits_truncate(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// read(2).
///
/// # Errors
/// As read(2); `WouldBlock` if nothing is there.
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(nix::unistd::read(fd, buffer)?)
}

/// write(2).
///
/// # Errors
/// As write(2); `WouldBlock` if there is no room.
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    Ok(nix::unistd::write(fd, bytes)?)
}

/// Writes as much as there is room for at once, without waiting for a reader; how many bytes that was.
///
/// # Errors
/// poll(2), write(2).
pub fn write_without_waiting(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    // A pipe that is ready has room for as much as this, so a write of no more does not wait.
    for chunk in bytes.chunks(512) {
        let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
        // SAFETY: one pollfd, which outlives the call.
        let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
        if ready < 0 {
            return Err(io::Error::last_os_error());
        }
        if ready == 0 || poll.revents & libc::POLLOUT == 0 {
            break;
        }
        written += write(fd, chunk)?;
    }
    Ok(written)
}

/// Whether the other end of a socket is closed in both directions, or nobody has the end of a pipe to write to.
#[must_use]
pub fn is_hung_up(fd: BorrowedFd<'_>) -> bool {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: 0, revents: 0 };
    // SAFETY: one pollfd, which outlives the call.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
    ready > 0 && poll.revents & (libc::POLLHUP | libc::POLLERR) != 0
}

/// Opens descriptors 0, 1 and 2 on `/dev/null` where they are closed, so that no file opened later gets their number.
///
/// # Errors
/// open(2).
pub fn fill_standard() -> io::Result<()> {
    loop {
        let fd = null()?;
        if fd.as_raw_fd() > 2 {
            return Ok(());
        }
        // It keeps the free number below 3, and children are to have it.
        fcntl(fd.as_fd(), FcntlArg::F_SETFD(FdFlag::empty()))?;
        std::mem::forget(fd);
    }
}

/// Marks every descriptor from 3 on as close-on-exec: what a careless parent left open must not reach the programs.
pub fn close_inherited_on_exec() {
    // SAFETY: close_range(2) with CLOSE_RANGE_CLOEXEC only sets flags; no descriptor is closed.
    unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
}

/// The standard stream with this number, borrowed for ever: [`fill_standard`] has seen to it that it is open.
#[must_use]
pub fn standard(number: i32) -> BorrowedFd<'static> {
    debug_assert!((0..=2).contains(&number));
    // SAFETY: 0, 1 and 2 are opened at start-up and never closed by this program.
    unsafe { BorrowedFd::borrow_raw(number.clamp(0, 2)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_dev_null_is_at_its_end_and_takes_nothing() {
        let empty = empty().unwrap();
        let mut room = [0; 8];
        assert_eq!(read(empty.as_fd(), &mut room).unwrap(), 0);
        assert!(write(empty.as_fd(), b"x").is_err());
        assert_eq!(read(empty.as_fd(), &mut room).unwrap(), 0);
    }
}
