//! Pipes seen from the side: moving what is in them into a file, looking at it, and how large and how full they are.
//!
//! Nothing here waits, whether the descriptors block or not.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::{FcntlArg, fcntl};

/// Moves up to `len` bytes from the pipe into the file at `offset`, which grows by as many; they never enter user space.
/// 0 means that the pipe is empty and nobody can write to it any more.
///
/// # Errors
/// `WouldBlock` if the pipe is empty. Of splice(2): EINVAL if this kind of file cannot be spliced to, or is open with
/// `O_APPEND`. Else why the file could not be written (ENOSPC, EIO, …): what was not moved is still in the pipe.
pub fn splice_to_file(pipe: BorrowedFd<'_>, file: BorrowedFd<'_>, offset: &mut u64, len: usize) -> io::Result<usize> {
    let flags = libc::SPLICE_F_NONBLOCK | libc::SPLICE_F_MOVE;
    let mut at = i64::try_from(*offset).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    let moved = retry(|| {
        // SAFETY: both descriptors are open while they are borrowed; the offset is ours and outlives the call.
        unsafe { libc::splice(pipe.as_raw_fd(), std::ptr::null_mut(), file.as_raw_fd(), &raw mut at, len, flags) }
    })?;
    *offset = u64::try_from(at).unwrap_or(*offset);
    Ok(moved)
}

/// Copies up to `len` bytes from one pipe to another without taking them out of the first. 0 as for
/// [`splice_to_file`].
///
/// # Errors
/// `WouldBlock` if `from` is empty or `to` is full; tee(2).
pub fn tee(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> io::Result<usize> {
    // SAFETY: both descriptors are open while they are borrowed; no memory is involved.
    retry(|| unsafe { libc::tee(from.as_raw_fd(), to.as_raw_fd(), len, libc::SPLICE_F_NONBLOCK) })
}

fn retry(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        let result = call();
        match usize::try_from(result) {
            Ok(n) => return Ok(n),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

/// How many bytes the pipe can hold.
///
/// # Errors
/// fcntl(2).
pub fn pipe_size(pipe: BorrowedFd<'_>) -> io::Result<usize> {
    let size = fcntl(pipe, FcntlArg::F_GETPIPE_SZ)?;
    Ok(usize::try_from(size).unwrap_or(0))
}

/// Makes the pipe hold `bytes`, rounded up by the kernel; returns what it then holds.
///
/// # Errors
/// EPERM beyond `/proc/sys/fs/pipe-max-size` or what one user may have in all pipes together; EBUSY if more than
/// `bytes` are in it.
pub fn set_pipe_size(pipe: BorrowedFd<'_>, bytes: usize) -> io::Result<usize> {
    let size = i32::try_from(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let size = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(size))?;
    Ok(usize::try_from(size).unwrap_or(bytes))
}

/// How many bytes are in the pipe now.
///
/// # Errors
/// ioctl(2).
pub fn bytes_waiting(pipe: BorrowedFd<'_>) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int to the address, which is ours.
    let result = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Takes bytes out of the pipe; waits if it is empty and its reading end blocks.
///
/// # Errors
/// read(2).
pub fn take(pipe: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(nix::unistd::read(pipe, buffer)?)
}

/// Whether a writer would have to wait.
///
/// The number of bytes does not tell: what was written in pieces of 2049 bytes fills a pipe half. So the pipe is opened
/// for writing, for a moment, and asked.
///
/// # Errors
/// open(2), such as ENOENT where /proc is not mounted; poll(2).
pub fn is_full(pipe: BorrowedFd<'_>) -> io::Result<bool> {
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let writer = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let mut query = libc::pollfd { fd: writer.as_fd().as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd, ours, and its descriptor is open; a timeout of 0 does not wait.
    let result = unsafe { libc::poll(&raw mut query, 1, 0) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(query.revents & libc::POLLOUT == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn splice_moves_to_an_offset_and_knows_empty_from_ended() {
        let _alone = crate::sys::spawn::alone();
        let (pipe, mut writer) = io::pipe().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        writer.write_all(b"hello").unwrap();
        let mut offset = 3;
        assert_eq!(splice_to_file(pipe.as_fd(), file.as_fd(), &mut offset, 100).unwrap(), 5);
        assert_eq!(offset, 8);
        let empty = splice_to_file(pipe.as_fd(), file.as_fd(), &mut offset, 100).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        drop(writer);
        assert_eq!(splice_to_file(pipe.as_fd(), file.as_fd(), &mut offset, 100).unwrap(), 0);
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"\0\0\0hello");
    }

    #[test]
    fn tee_leaves_the_bytes_where_they_are() {
        let (from, mut writer) = io::pipe().unwrap();
        let (mut copy, to) = io::pipe().unwrap();
        assert_eq!(tee(from.as_fd(), to.as_fd(), 10).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        writer.write_all(b"hello").unwrap();
        assert_eq!(tee(from.as_fd(), to.as_fd(), 2).unwrap(), 2);
        let mut two = [0; 2];
        copy.read_exact(&mut two).unwrap();
        assert_eq!((&two, bytes_waiting(from.as_fd()).unwrap()), (b"he", 5));
    }

    #[test]
    fn a_pipe_can_be_full_of_half_empty_pages() {
        let (pipe, mut writer) = io::pipe().unwrap();
        let size = pipe_size(pipe.as_fd()).unwrap();
        assert!(!is_full(pipe.as_fd()).unwrap());
        for _ in 0..size / 4096 {
            writer.write_all(&[b'x'; 2049]).unwrap();
        }
        assert!(is_full(pipe.as_fd()).unwrap());
        assert!(bytes_waiting(pipe.as_fd()).unwrap() < size * 6 / 10);
        assert!(set_pipe_size(pipe.as_fd(), 2 * size).unwrap() >= 2 * size);
        assert!(!is_full(pipe.as_fd()).unwrap());
    }
}
