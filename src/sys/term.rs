//! A terminal of ours: what it says about itself, and its mode.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::{Mutex, Once, PoisonError};

use nix::sys::termios::{self, SetArg, Termios};

/// How large a terminal is, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// How large the terminal is; `None` if it is none or does not know.
#[must_use]
pub fn size(fd: BorrowedFd<'_>) -> Option<Size> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the descriptor is borrowed and the winsize outlives the call.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (result == 0 && size.ws_col > 0).then_some(Size { rows: size.ws_row, columns: size.ws_col })
}

/// How many columns the terminal has; `None` if it is none or does not know.
#[must_use]
pub fn columns(fd: BorrowedFd<'_>) -> Option<usize> {
    size(fd).map(|size| usize::from(size.columns))
}

/// A terminal that passes on every key as it is pressed and shows nothing by itself. Dropped, it is as it was before;
/// after a panic, too, even if that ends the program at once.
#[derive(Debug)]
pub struct Raw(());

/// The terminal that is in raw mode, and what it was before. There is one at a time.
static BEFORE: Mutex<Option<(BorrowedFd<'static>, Termios)>> = Mutex::new(None);

impl Raw {
    /// Changes the mode of standard input, which must be a terminal.
    ///
    /// # Errors
    /// tcgetattr(3), tcsetattr(3): ENOTTY.
    pub fn standard_input() -> io::Result<Raw> {
        static HOOK: Once = Once::new();
        let input = super::fd::standard(0);
        let before = termios::tcgetattr(input)?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some((input, before));
        HOOK.call_once(|| {
            let tell = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                tell(panic);
            }));
        });
        let guard = Raw(());
        termios::tcsetattr(input, SetArg::TCSADRAIN, &raw)?;
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
        let _ = termios::tcsetattr(terminal, SetArg::TCSADRAIN, &modes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_file_has_no_columns() {
        let null = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(columns(null.as_fd()), None);
    }
}
