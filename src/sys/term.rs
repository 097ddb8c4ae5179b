//! What a terminal says about itself, and how it hands over keys.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::{Mutex, Once, PoisonError};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

/// How many columns the terminal has; `None` if it is none or does not know.
#[must_use]
pub fn columns(fd: BorrowedFd<'_>) -> Option<usize> {
    size(fd).map(|(columns, _)| usize::from(columns))
}

/// How many columns and rows the terminal has; `None` if it is none or does not know.
#[must_use]
pub fn size(fd: BorrowedFd<'_>) -> Option<(u16, u16)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the descriptor is borrowed and the winsize outlives the call.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (result == 0 && size.ws_col > 0).then_some((size.ws_col, size.ws_row))
}

/// How a terminal handles keys and output.
#[derive(Clone, Debug)]
pub struct Modes(Termios);

impl Modes {
    /// As they are.
    ///
    /// # Errors
    /// tcgetattr(3): it is no terminal.
    pub fn of(fd: BorrowedFd<'_>) -> io::Result<Modes> {
        Ok(Modes(tcgetattr(fd)?))
    }

    /// The same, but every key is handed over at once and as it is.
    #[must_use]
    pub fn raw(&self) -> Modes {
        let mut modes = self.0.clone();
        cfmakeraw(&mut modes);
        Modes(modes)
    }

    /// Puts them in force once what was written before is out.
    ///
    /// # Errors
    /// tcsetattr(3): the terminal is gone.
    pub fn set(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(tcsetattr(fd, SetArg::TCSADRAIN, &self.0)?)
    }
}

/// A terminal that passes on every key as it is pressed and shows nothing by itself. Dropped, it is as it was before;
/// after a panic, too, even if that ends the program at once.
#[derive(Debug)]
pub struct Raw(());

/// The terminal that is in raw mode, and what it was before. There is one at a time.
static BEFORE: Mutex<Option<(BorrowedFd<'static>, Modes)>> = Mutex::new(None);

impl Raw {
    /// Changes the mode of standard input, which must be a terminal.
    ///
    /// # Errors
    /// tcgetattr(3), tcsetattr(3): ENOTTY.
    pub fn standard_input() -> io::Result<Raw> {
        static HOOK: Once = Once::new();
        let input = super::fd::standard(0);
        let before = Modes::of(input)?;
        let raw = before.raw();
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some((input, before));
        HOOK.call_once(|| {
            let tell = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                tell(panic);
            }));
        });
        let guard = Raw(());
        raw.set(input)?;
        Ok(guard)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    // A lock that is held is held by whoever is restoring it.
    let Ok(mut before) = BEFORE.try_lock() else { return };
    if let Some((terminal, modes)) = before.take() {
        // A terminal that is gone needs no mode.
        let _ = modes.set(terminal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_file_is_no_terminal() {
        let null = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(columns(null.as_fd()), None);
        assert!(Modes::of(null.as_fd()).is_err());
    }

    #[test]
    fn keys_come_as_they_are_and_lines_again_afterwards() {
        let pty = nix::pty::openpty(None, None).unwrap();
        let terminal = pty.slave.as_fd();
        let before = Modes::of(terminal).unwrap();
        before.raw().set(terminal).unwrap();
        nix::unistd::write(&pty.master, b"\x03x").unwrap();
        let mut keys = [0; 8];
        assert_eq!(nix::unistd::read(terminal, &mut keys).unwrap(), 2);
        assert_eq!(&keys[..2], b"\x03x");
        before.set(terminal).unwrap();
        assert_eq!(Modes::of(terminal).unwrap().0, before.0);
    }
}
