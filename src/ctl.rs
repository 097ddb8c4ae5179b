//! The client: the command line and the shell of `taskmasterctl`.

use std::process::ExitCode;

/// Runs `taskmasterctl`.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}

/// Stub.
pub fn attached_shell(_socket: &std::path::Path) -> ExitCode {
    ExitCode::SUCCESS
}
