//! Why the daemon cannot start or go on, and the exit codes.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::base::errno::plain;
use crate::config::diag::Diagnostic;

/// What ends the daemon.
#[derive(Debug)]
pub enum Error {
    /// The command line is wrong.
    Usage(String),
    /// No configuration was found; the places that were looked at.
    NoConfig(Vec<PathBuf>),
    /// The configuration has errors.
    Config(Vec<Diagnostic>),
    /// There is no client that could be attached.
    NoClient {
        /// Where it was looked for besides the search path.
        beside: Option<PathBuf>,
    },
    /// Another daemon owns the socket.
    Taken(PathBuf),
    /// An operation of the system failed.
    Io {
        /// What was being done.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// How it failed.
        source: io::Error,
    },
    /// Processes that could not be killed were left behind.
    Survivors(Vec<String>),
}

impl Error {
    /// An operation that failed.
    pub fn io(step: &'static str, path: impl AsRef<Path>, source: io::Error) -> Error {
        Error::Io { step, path: path.as_ref().to_owned(), source }
    }

    /// The exit code, as taskmasterd(8) lists them.
    #[must_use]
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Error::NoClient { .. } | Error::Taken(_) | Error::Io { .. } | Error::Survivors(_) => 1,
            Error::Usage(_) => 2,
            Error::NoConfig(_) | Error::Config(_) => 3,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage(text) => write!(f, "{text}\nTry \"taskmasterd --help\"."),
            Error::NoConfig(places) => {
                f.write_str("no configuration found; name one with -c FILE. Looked at:")?;
                places.iter().try_for_each(|place| write!(f, "\n  {}", place.display()))
            }
            Error::Config(diagnostics) => {
                let lines: Vec<String> = diagnostics.iter().map(Diagnostic::in_full).collect();
                f.write_str(&lines.join("\n"))
            }
            Error::NoClient { beside } => {
                f.write_str("-i runs taskmasterctl, which is not in PATH")?;
                if let Some(dir) = beside {
                    write!(f, " and not in {}", dir.display())?;
                }
                f.write_str(": install it beside taskmasterd, or start the daemon without -i")
            }
            Error::Taken(path) => write!(
                f,
                "another taskmasterd is running on {}: stop it first, or give this one another socket (socket: {{path: …}})",
                path.display()
            ),
            Error::Io { step, path, source } if path.as_os_str().is_empty() => {
                write!(f, "cannot {step}: {}", plain(source))
            }
            Error::Io { step, path, source } => write!(f, "cannot {step} {}: {}", path.display(), plain(source)),
            Error::Survivors(names) => write!(f, "could not be killed and was left behind: {}", names.join(", ")),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            Error::Usage(_)
            | Error::NoConfig(_)
            | Error::NoClient { .. }
            | Error::Config(_)
            | Error::Taken(_)
            | Error::Survivors(_) => None,
        }
    }
}
