//! Standard output or standard error of this process, written without ever waiting.
//!
//! Its open file description is shared with whoever started us and with children that have it, too: `O_NONBLOCK` set there
//! would break their writing. So a pipe or terminal is opened once more, and a socket is asked not to wait with each call.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};

use nix::sys::socket::{MsgFlags, send};

use super::{fd, process};

/// One of the two.
#[derive(Debug)]
pub struct Outlet {
    number: i32,
    way: Way,
}

/// How it is written.
#[derive(Debug)]
enum Way {
    /// Opened once more, by a description of our own that does not block.
    Own(OwnedFd),
    /// A socket.
    Socket,
    /// A pipe or terminal that cannot be opened once more: as much as there is room for.
    Shared,
    /// A file: there is always room, or an error.
    File,
}

impl Outlet {
    /// The standard stream with this number, 1 or 2.
    #[must_use]
    pub fn open(number: i32) -> Outlet {
        Outlet { number, way: way(fd::standard(number)) }
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; else why nothing can be written.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let shared = fd::standard(self.number);
        loop {
            let written = match &self.way {
                Way::Own(own) => fd::write(own.as_fd(), bytes),
                Way::Socket => {
                    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
                    send(shared.as_raw_fd(), bytes, flags).map_err(io::Error::from)
                }
                Way::Shared => match fd::write_without_waiting(shared, bytes) {
                    Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
                    written => written,
                },
                Way::File => fd::write(shared, bytes),
            };
            match written {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }

    /// A descriptor that tells when there is room again.
    ///
    /// # Errors
    /// fcntl(2): EMFILE.
    pub fn poll(&self) -> io::Result<OwnedFd> {
        self.borrow().try_clone_to_owned()
    }

    /// Where it is written.
    #[must_use]
    pub fn borrow(&self) -> BorrowedFd<'_> {
        match &self.way {
            Way::Own(own) => own.as_fd(),
            Way::Socket | Way::Shared | Way::File => fd::standard(self.number),
        }
    }
}

/// Whether standard output and standard error lead to the same place.
#[must_use]
pub fn are_one() -> bool {
    let place = |number| {
        let of = File::from(fd::standard(number).try_clone_to_owned().ok()?).metadata().ok()?;
        Some((of.dev(), of.ino(), of.rdev()))
    };
    place(1).is_some_and(|one| place(2) == Some(one))
}

fn way(shared: BorrowedFd<'_>) -> Way {
    let Ok(metadata) = shared.try_clone_to_owned().map(File::from).and_then(|file| file.metadata()) else {
        return Way::Shared;
    };
    let kind = metadata.file_type();
    if kind.is_socket() {
        return Way::Socket;
    }
    if !kind.is_fifo() && !process::is_terminal(shared) {
        return Way::File;
    }
    // Not possible without /proc, or where it belongs to another user.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let path = format!("/proc/self/fd/{}", shared.as_raw_fd());
    match OpenOptions::new().write(true).custom_flags(flags).open(path) {
        Ok(file) => Way::Own(file.into()),
        Err(_) => Way::Shared,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    /// As [`Outlet::open`], of another descriptor than the test's own standard output.
    fn written(fd: BorrowedFd<'_>) -> (io::Result<usize>, Way) {
        let way = way(fd);
        let result = match &way {
            Way::Own(own) => loop {
                if let Err(error) = fd::write(own.as_fd(), &[b'x'; 4096]) {
                    break Err(error);
                }
            },
            Way::Socket | Way::Shared | Way::File => Ok(0),
        };
        (result, way)
    }

    #[test]
    fn a_pipe_is_written_until_it_is_full_and_others_still_block() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (result, way) = written(writer.as_fd());
        assert!(matches!(way, Way::Own(_)));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let flags = nix::fcntl::fcntl(writer.as_fd(), nix::fcntl::FcntlArg::F_GETFL).unwrap();
        assert_eq!(flags & libc::O_NONBLOCK, 0);
        let mut room = vec![0; 1 << 20];
        assert!(reader.read(&mut room).unwrap() > 0);
    }

    #[test]
    fn the_kinds_are_told_apart() {
        let (near, _far) = UnixStream::pair().unwrap();
        assert!(matches!(way(near.as_fd()), Way::Socket));
        assert!(matches!(way(tempfile::tempfile().unwrap().as_fd()), Way::File));
        assert!(matches!(way(fd::null().unwrap().as_fd()), Way::File));
    }
}
