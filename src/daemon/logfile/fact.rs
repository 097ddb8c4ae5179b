//! What happened to log files, for the daemon's own log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::units::print_duration;
use crate::config::model::Level;

/// What happened to a log file: one line of the daemon's own log each. A lasting failure is one fact at its beginning
/// and one at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFact {
    /// It cannot be written; the output waits in the pipe and is tried again.
    Failing {
        /// The file.
        path: PathBuf,
        /// What was tried, as a verb.
        step: &'static str,
        /// Why it failed.
        error: String,
    },
    /// It has failed for so long that its programs would stand still; from now on their output is dropped.
    Dropping {
        /// The file.
        path: PathBuf,
        /// Why it fails.
        error: String,
    },
    /// It can be written again.
    Recovered {
        /// The file.
        path: PathBuf,
        /// Bytes of output that were dropped meanwhile.
        dropped: u64,
        /// How long it failed.
        after: Duration,
    },
    /// It was closed while it still failed.
    GivenUp {
        /// The file.
        path: PathBuf,
        /// Bytes of output that were dropped.
        dropped: u64,
        /// Why it failed.
        error: String,
    },
    /// It was set aside and a new one begun.
    Rotated {
        /// The file.
        path: PathBuf,
    },
    /// It could not be set aside, and goes on to grow.
    RotationFailed {
        /// The file.
        path: PathBuf,
        /// What was tried, as a verb.
        step: &'static str,
        /// Why it failed.
        error: String,
    },
    /// Somebody removed it; it is created anew.
    Removed {
        /// The file.
        path: PathBuf,
    },
    /// The file of an earlier daemon could not be removed at start-up.
    CleanupFailed {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        error: String,
    },
}

impl LogFact {
    /// How serious it is.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            LogFact::Dropping { .. } | LogFact::GivenUp { .. } => Level::Error,
            LogFact::Failing { .. }
            | LogFact::RotationFailed { .. }
            | LogFact::Removed { .. }
            | LogFact::CleanupFailed { .. } => Level::Warning,
            LogFact::Recovered { dropped, .. } if *dropped > 0 => Level::Warning,
            LogFact::Recovered { .. } => Level::Info,
            LogFact::Rotated { .. } => Level::Debug,
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            LogFact::Failing { path, .. }
            | LogFact::Dropping { path, .. }
            | LogFact::Recovered { path, .. }
            | LogFact::GivenUp { path, .. }
            | LogFact::Rotated { path }
            | LogFact::RotationFailed { path, .. }
            | LogFact::Removed { path }
            | LogFact::CleanupFailed { path, .. } => path,
        }
    }
}

impl fmt::Display for LogFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A control character in a file name must not begin a line of its own.
        for c in self.path().to_string_lossy().chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        match self {
            LogFact::Failing { step, error, .. } => {
                write!(f, ": cannot {step}: {error}; the output waits and is tried again")
            }
            LogFact::Dropping { error, .. } => write!(f, ": still failing, output is dropped from now on: {error}"),
            LogFact::Recovered { dropped: 0, after, .. } => {
                write!(f, ": written again after {}, nothing was dropped", print_duration(*after))
            }
            LogFact::Recovered { dropped, after, .. } => {
                write!(f, ": written again after {}, {dropped} bytes of output were dropped", print_duration(*after))
            }
            LogFact::GivenUp { dropped, error, .. } => {
                write!(f, ": closed while failing, {dropped} bytes of output were dropped: {error}")
            }
            LogFact::Rotated { .. } => write!(f, ": rotated"),
            LogFact::RotationFailed { step, error, .. } => {
                write!(f, ": not rotated, cannot {step}: {error}; it grows on, next try in a minute")
            }
            LogFact::Removed { .. } => write!(f, ": was removed, is created anew"),
            LogFact::CleanupFailed { error, .. } => write!(f, ": cannot remove the old log: {error}"),
        }
    }
}

/// A step that failed, and how.
#[derive(Debug)]
pub(super) struct Failure {
    /// What was tried, as a verb.
    pub step: &'static str,
    /// How it failed.
    pub error: io::Error,
}

impl Failure {
    /// Makes an error of the kernel the failure of `step`.
    pub fn of(step: &'static str) -> impl Fn(io::Error) -> Failure {
        move |error| Failure { step, error }
    }

    /// Whether there is merely no room at the moment, as in a terminal or a fifo that is read slowly.
    pub fn is_congestion(&self) -> bool {
        self.error.kind() == io::ErrorKind::WouldBlock
    }

    /// Whether the open file is sound and only lacks room.
    pub fn is_lack_of_room(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull, WouldBlock};
        matches!(self.error.kind(), FileTooLarge | QuotaExceeded | StorageFull | WouldBlock)
    }
}
