//! What a child tells of its steps, over the status pipe: nothing but the end of the pipe if all went well, else the step
//! that failed.

use std::io;
use std::os::fd::BorrowedFd;

use crate::base::errno::Errno;
use crate::base::stage::Stage;

use super::{Launch, fd};

/// Of a report: stage, error number, item.
const STATUS_BYTES: usize = 12;

/// A step of the spawn that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Which.
    pub stage: Stage,
    /// How.
    pub errno: Errno,
    /// Which of several things the step was about: the number of a resource or of a capability.
    pub item: u32,
}

impl Failed {
    /// This stage, with this error number.
    #[must_use]
    pub fn of(stage: Stage, errno: i32) -> Failed {
        Failed { stage, errno: Errno(errno), item: 0 }
    }

    /// This stage, with the error number of `error`.
    #[must_use]
    pub fn new(stage: Stage, error: &io::Error) -> Failed {
        Failed::of(stage, error.raw_os_error().unwrap_or(libc::EIO))
    }
}

/// The report of a failure.
pub(super) fn message(failed: Failed) -> [u8; STATUS_BYTES] {
    let [s0, s1, s2, s3] = (failed.stage as u32).to_ne_bytes();
    let [e0, e1, e2, e3] = failed.errno.0.to_ne_bytes();
    let [i0, i1, i2, i3] = failed.item.to_ne_bytes();
    [s0, s1, s2, s3, e0, e1, e2, e3, i0, i1, i2, i3]
}

/// The failure of a report.
fn failed([s0, s1, s2, s3, e0, e1, e2, e3, i0, i1, i2, i3]: [u8; STATUS_BYTES]) -> Failed {
    let stage = usize::try_from(u32::from_ne_bytes([s0, s1, s2, s3])).ok();
    let stage = stage.and_then(|i| Stage::ALL.get(i).copied()).unwrap_or(Stage::Exec);
    let errno = Errno(i32::from_ne_bytes([e0, e1, e2, e3]));
    Failed { stage, errno, item: u32::from_ne_bytes([i0, i1, i2, i3]) }
}

/// What became of a spawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not known yet.
    Pending,
    /// The program was executed, or the child has ended; a failure was told before.
    Over,
    /// This step failed. `Over` follows.
    Failed(Failed),
}

/// Asks what became of `execve`, and gives the child's memory back when it is over.
///
/// # Errors
/// read(2).
pub fn read_status(status: BorrowedFd<'_>, launch: &mut Launch) -> io::Result<Status> {
    let mut message = [0u8; STATUS_BYTES];
    match fd::read(status, &mut message) {
        Ok(0) => {
            // The kernel closes descriptors only after the child has left this memory, in execve and in exit alike.
            launch.free();
            Ok(Status::Over)
        }
        Ok(_) => Ok(Status::Failed(failed(message))),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Status::Pending),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_come_back_from_their_reports() {
        for stage in Stage::ALL {
            let one = Failed { stage, errno: Errno(libc::EPERM), item: 41 };
            assert_eq!(failed(message(one)), one);
        }
    }
}
