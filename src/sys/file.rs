//! Files opened with the care that a path in somebody else's directory needs, and descriptors as files.

use std::ffi::{CStr, CString};
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::sys::socket::{MsgFlags, send};

/// What a file is opened for. No way of opening waits for a fifo's other end, makes a terminal the controlling one, or
/// lets a child inherit the descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Reading; a symbolic link is refused (ELOOP).
    Read,
    /// Reading and writing anywhere in it, created if it is missing, with mode 0640 less the umask; a symbolic link is
    /// refused. Only for writing if reading it is not permitted.
    Log,
    /// Writing at the end of something that is there already, by whatever link.
    Device,
}

/// Opens a file.
///
/// # Errors
/// open(2).
pub fn open(path: &Path, purpose: Purpose) -> io::Result<File> {
    const PLAIN: i32 = libc::O_NOCTTY | libc::O_NONBLOCK;
    let mut options = OpenOptions::new();
    match purpose {
        Purpose::Read => options.read(true).custom_flags(PLAIN | libc::O_NOFOLLOW),
        Purpose::Log => {
            options.read(true).write(true).create(true).truncate(false).mode(0o640);
            options.custom_flags(PLAIN | libc::O_NOFOLLOW)
        }
        Purpose::Device => options.append(true).custom_flags(PLAIN),
    };
    match options.open(path) {
        Err(e) if purpose == Purpose::Log && e.raw_os_error() == Some(libc::EACCES) => options.read(false).open(path),
        result => result,
    }
}

/// A second descriptor for the open file behind descriptor `number` of this process.
///
/// # Errors
/// EBADF if there is none, EMFILE.
pub fn duplicate(number: i32) -> io::Result<File> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the number is used within this call only, by a call that answers EBADF if nothing is open there.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    let fd: OwnedFd = fd.try_clone_to_owned()?;
    Ok(fd.into())
}

/// What a file is: its inode number and the time of its birth in nanoseconds since the Unix epoch, 0 where the file system
/// or the kernel does not tell. A symbolic link is what it is itself.
///
/// # Errors
/// statx(2): ENOENT.
pub fn mark(path: &Path) -> io::Result<(u64, u64)> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let flags = libc::AT_SYMLINK_NOFOLLOW | libc::AT_STATX_DONT_SYNC;
    statx(libc::AT_FDCWD, &path, flags)
}

/// The same of an open file.
///
/// # Errors
/// statx(2).
pub fn mark_of(file: BorrowedFd<'_>) -> io::Result<(u64, u64)> {
    statx(file.as_raw_fd(), c"", libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC)
}

fn statx(directory: i32, path: &CStr, flags: i32) -> io::Result<(u64, u64)> {
    let mut seen = MaybeUninit::<libc::statx>::zeroed();
    let wanted = libc::STATX_INO | libc::STATX_BTIME;
    // SAFETY: the path ends with a NUL and the buffer has the kernel's layout; both outlive the call. Not the C library's
    // function, which some of them do not have.
    let result = unsafe { libc::syscall(libc::SYS_statx, directory, path.as_ptr(), flags, wanted, seen.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all-zero bytes are a value of it, and the kernel has written over them.
    let seen = unsafe { seen.assume_init() };
    let told = seen.stx_mask & libc::STATX_BTIME != 0;
    let seconds = u64::try_from(seen.stx_btime.tv_sec).unwrap_or(0);
    let nanoseconds = seconds.saturating_mul(1_000_000_000).saturating_add(seen.stx_btime.tv_nsec.into());
    Ok((seen.stx_ino, if told { nanoseconds } else { 0 }))
}

/// Sends to a connected socket without waiting and without SIGPIPE.
///
/// # Errors
/// send(2); `WouldBlock` if there is no room.
pub fn send_now(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    Ok(send(socket.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_log_is_created_private_and_never_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let file = open(&path, Purpose::Log).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o137, 0);
        let link = dir.path().join("link.log");
        symlink(&path, &link).unwrap();
        assert_eq!(open(&link, Purpose::Log).unwrap_err().raw_os_error(), Some(libc::ELOOP));
        assert_eq!(open(&link, Purpose::Read).unwrap_err().raw_os_error(), Some(libc::ELOOP));
        assert!(open(&link, Purpose::Device).is_ok());
    }

    #[test]
    fn a_descriptor_is_duplicated_and_a_missing_one_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        let twin = duplicate(file.as_raw_fd()).unwrap();
        assert_eq!(twin.metadata().unwrap().ino(), file.metadata().unwrap().ino());
        assert_eq!(duplicate(1_000_000).unwrap_err().raw_os_error(), Some(libc::EBADF));
        assert_eq!(duplicate(-1).unwrap_err().raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn sending_does_not_wait() {
        let _alone = crate::sys::spawn::alone();
        let (a, mut b) = UnixStream::pair().unwrap();
        assert_eq!(send_now(a.as_fd(), b"hi").unwrap(), 2);
        let mut two = [0; 2];
        b.read_exact(&mut two).unwrap();
        b.write_all(b"x").unwrap();
        let error = loop {
            if let Err(error) = send_now(a.as_fd(), &[0; 4096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(b);
        assert!(send_now(a.as_fd(), b"hi").is_err());
    }
}
