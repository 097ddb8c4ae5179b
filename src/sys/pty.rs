//! Pseudo-terminals: the daemon's end (the master) and that of a program (the slave).
//!
//! By system calls on `/dev/ptmx` alone. The helpers of the C library would look for names and change owners by their
//! own idea; here the slave is had from the master without a name, which holds in any mount namespace.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::sys::termios::{self, SpecialCharacterIndices};

/// How large a terminal is, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// Both ends of a new terminal. Neither is anybody's controlling terminal yet.
#[derive(Debug)]
pub struct Pty {
    /// The end that reads what is shown and writes what is typed. Does not block.
    pub master: OwnedFd,
    /// The end that is a program's terminal.
    pub slave: OwnedFd,
}

impl Pty {
    /// Makes a terminal of this size.
    ///
    /// # Errors
    /// open(2) of `/dev/ptmx`: ENOENT where devpts is not mounted, ENOSPC if there are too many terminals; EMFILE.
    pub fn open(size: Size) -> io::Result<Pty> {
        let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
        let master: OwnedFd = OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/ptmx")?.into();
        let unlocked: libc::c_int = 0;
        // SAFETY: the descriptor is open; TIOCSPTLCK reads one int, which outlives the call.
        if unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is open; TIOCGPTPEER takes flags and touches no memory.
        let slave = unsafe {
            libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC)
        };
        if slave < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made for us.
        let slave = unsafe { OwnedFd::from_raw_fd(slave) };
        set_size(master.as_fd(), size)?;
        Ok(Pty { master, slave })
    }
}

/// Says how large the terminal is. The foreground processes are told by SIGWINCH if that is news.
///
/// # Errors
/// ioctl(2): ENOTTY.
pub fn set_size(terminal: BorrowedFd<'_>, size: Size) -> io::Result<()> {
    let size = libc::winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the descriptor is borrowed; the size is read during the call only.
    let result = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Gives the slave to a user. Its group stays the one that the system has for terminals.
///
/// # Errors
/// fchown(2): EPERM without privilege.
pub fn give_to(slave: BorrowedFd<'_>, uid: u32) -> io::Result<()> {
    std::os::unix::fs::fchown(slave, Some(uid), None)
}

/// Reads what is shown; 0 if no program has the terminal open.
///
/// # Errors
/// `WouldBlock` if nothing is there; read(2).
pub fn read(master: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    match super::fd::read(master, buffer) {
        Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(0),
        result => result,
    }
}

/// The character that stands for the end of input now: usually Ctrl-D.
///
/// # Errors
/// tcgetattr(3): ENOTTY.
pub fn end_of_input(master: BorrowedFd<'_>) -> io::Result<u8> {
    let modes = termios::tcgetattr(master)?;
    Ok(modes.control_chars.get(SpecialCharacterIndices::VEOF as usize).copied().unwrap_or(4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{fd, term};

    const SIZE: Size = Size { rows: 24, columns: 80 };

    #[test]
    fn what_is_written_at_one_end_is_read_at_the_other() {
        let _alone = crate::sys::spawn::alone();
        let pty = Pty::open(SIZE).unwrap();
        let mut room = [0; 16];
        assert_eq!(read(pty.master.as_fd(), &mut room).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        fd::write(pty.slave.as_fd(), b"a\n").unwrap();
        assert_eq!(read(pty.master.as_fd(), &mut room).unwrap(), 3);
        assert_eq!(&room[..3], b"a\r\n");
        fd::write(pty.master.as_fd(), b"b\n").unwrap();
        assert_eq!(fd::read(pty.slave.as_fd(), &mut room).unwrap(), 2);
        assert_eq!(end_of_input(pty.master.as_fd()).unwrap(), 4);
        drop(pty.slave);
        // The echo, and then the end.
        assert_eq!(read(pty.master.as_fd(), &mut room).unwrap(), 3);
        assert_eq!(read(pty.master.as_fd(), &mut room).unwrap(), 0);
    }

    #[test]
    fn a_terminal_has_a_size() {
        let pty = Pty::open(SIZE).unwrap();
        assert_eq!(term::size(pty.slave.as_fd()), Some((80, 24)));
        let large = Size { rows: 50, columns: 132 };
        set_size(pty.master.as_fd(), large).unwrap();
        assert_eq!(term::size(pty.slave.as_fd()), Some((132, 50)));
    }
}
