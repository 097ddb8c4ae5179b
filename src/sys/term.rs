//! What a terminal says about itself.

use std::os::fd::{AsRawFd, BorrowedFd};

/// How many columns the terminal has; `None` if it is none or does not know.
#[must_use]
pub fn columns(fd: BorrowedFd<'_>) -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the descriptor is borrowed and the winsize outlives the call.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (result == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
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
