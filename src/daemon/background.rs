//! The daemon beside another process that waits for it: in the background, or under the attached shell.
//!
//! The two are joined by a pipe through which the daemon says that it is ready.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use crate::sys::pidfd;
use crate::sys::process::{self, Side};

use super::error::Error;

/// What a daemon in the background tells its parent.
const READY: &str = "ready";

/// Goes into the background: the parent leaves when the child is ready, or says why it will not be.
///
/// # Errors
/// The daemon could not be split off, or, in the daemon, what ended it.
pub fn in_background(serve: impl FnOnce(OwnedFd) -> Result<ExitCode, Error>) -> Result<ExitCode, Error> {
    match process::split().map_err(|e| Error::io("go into the background", "", e))? {
        Side::Parent { from_child, .. } => {
            let mut answer = String::new();
            let read = File::from(from_child).read_to_string(&mut answer);
            match read {
                Ok(_) if answer == READY => Ok(ExitCode::SUCCESS),
                // The child has said on standard error why.
                _ => Ok(ExitCode::from(1)),
            }
        }
        Side::Child { to_parent } => serve(to_parent),
    }
}

/// Runs the shell beside a daemon in a child, which has a session of its own so that Ctrl-C stays with the shell. The
/// shell is begun when the daemon is ready, and handed the daemon's pidfd.
///
/// # Errors
/// The daemon could not be split off, or, in the daemon, what ended it; what the shell says.
pub fn with_shell(
    shell: impl FnOnce(&OwnedFd) -> Result<ExitCode, Error>,
    serve: impl FnOnce(OwnedFd) -> Result<ExitCode, Error>,
) -> Result<ExitCode, Error> {
    match process::split().map_err(|e| Error::io("start the daemon beside the shell", "", e))? {
        Side::Parent { child, from_child } => {
            let daemon = pidfd::open(child).map_err(|e| Error::io("watch the daemon beside the shell", "", e))?;
            // If it ends before, it has said on standard error why.
            let ready = File::from(from_child).read_exact(&mut [0u8; READY.len()]).is_ok();
            if ready { shell(&daemon) } else { Ok(ExitCode::FAILURE) }
        }
        Side::Child { to_parent } => {
            // Should the process that waits be killed, the daemon must not be left behind in a terminal that nobody
            // looks at.
            process::end_with_parent().map_err(|e| Error::io("tie the daemon to the shell", "", e))?;
            serve(to_parent)
        }
    }
}

/// Tells whoever waits that the daemon answers, and lets go of the terminal if it is to run without one. The working
/// directory stays: relative paths of the configuration go on to mean what they meant.
///
/// # Errors
/// The terminal cannot be left.
pub fn announce(ready: Option<OwnedFd>, foreground: bool) -> Result<(), Error> {
    if !foreground {
        process::leave_terminal().map_err(|e| Error::io("leave the terminal", "", e))?;
    }
    if let Some(pipe) = ready {
        let mut pipe = File::from(pipe);
        // A parent that is gone need not know.
        let _ = pipe.write_all(READY.as_bytes());
    }
    Ok(())
}
