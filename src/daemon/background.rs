//! The daemon beside another process that waits for it: in the background, or under the attached shell.
//!
//! The two are joined by a pipe through which the daemon says that it is ready; the end of the pipe is its end.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use crate::sys::process::{self, Side};

use super::error::Error;

/// What a daemon in the background tells its parent.
const READY: &str = "ready";

/// Goes into the background: the parent leaves when the child is ready, or says why it will not be.
///
/// # Errors
/// The daemon could not be split off, or, in the daemon, what ended it.
pub fn in_background(serve: impl FnOnce(OwnedFd) -> Result<(), Error>) -> Result<ExitCode, Error> {
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
        Side::Child { to_parent } => serve(to_parent).map(|()| ExitCode::SUCCESS),
    }
}

/// Runs the shell here and the daemon in a child, in a session of its own so that Ctrl-C stays with the shell.
///
/// # Errors
/// The daemon could not be split off, or, in the daemon, what ended it.
pub fn with_shell(
    shell: impl FnOnce() -> ExitCode,
    serve: impl FnOnce(OwnedFd) -> Result<(), Error>,
) -> Result<ExitCode, Error> {
    match process::split().map_err(|e| Error::io("start the daemon beside the shell", "", e))? {
        Side::Parent { from_child, .. } => {
            let mut pipe = File::from(from_child);
            let mut answer = [0u8; READY.len()];
            // If it ends before, it has said on standard error why.
            if pipe.read_exact(&mut answer).is_err() {
                return Ok(ExitCode::from(1));
            }
            let code = shell();
            // The end of the pipe is the end of the daemon.
            let _ = pipe.read_to_end(&mut Vec::new());
            Ok(code)
        }
        Side::Child { to_parent } => {
            // Should the shell be killed, the daemon must not be left behind in a terminal that nobody looks at.
            process::end_with_parent().map_err(|e| Error::io("tie the daemon to the shell", "", e))?;
            serve(to_parent).map(|()| ExitCode::SUCCESS)
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
        if foreground {
            // The attached shell takes the end of this pipe for the end of the daemon.
            std::mem::forget(pipe);
        }
    }
    Ok(())
}
