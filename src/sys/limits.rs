//! The limit on open files.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// RLIMIT_NOFILE: what holds now, and how far it may be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// The limit in force.
    pub soft: u64,
    /// The ceiling.
    pub hard: u64,
}

/// The limit of this process.
///
/// # Errors
/// getrlimit(2).
pub fn open_files() -> io::Result<OpenFiles> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(OpenFiles { soft, hard })
}

/// Sets the limit of this process.
///
/// # Errors
/// setrlimit(2): EPERM above the ceiling.
pub fn set_open_files(limit: OpenFiles) -> io::Result<()> {
    Ok(setrlimit(Resource::RLIMIT_NOFILE, limit.soft, limit.hard)?)
}
