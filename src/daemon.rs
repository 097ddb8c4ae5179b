//! The shell around the core: the loop, the children, their output, the control socket, the daemon's own log.

use std::process::ExitCode;

pub mod logfile;

/// Runs `taskmasterd`.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
