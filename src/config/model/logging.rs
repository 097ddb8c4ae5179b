//! The daemon's own log, and when log files are set aside.

use crate::base::nearest::suggestion;
use crate::base::text::quoted;

/// Where the daemon's own log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// A file, rotated.
    File(String),
    /// `-`: standard output of the daemon.
    Stdout,
    /// `syslog`: the local syslog socket.
    Syslog,
}

impl LogTarget {
    /// Reads a path, `-` or `syslog`.
    ///
    /// # Errors
    /// It is none of these, as the end of a sentence about what was to be read.
    pub fn parse(text: &str) -> Result<LogTarget, String> {
        match text.to_ascii_lowercase().as_str() {
            "" => Err("is empty: give a path, syslog, or - for standard output".to_owned()),
            "-" | "/dev/stdout" => Ok(LogTarget::Stdout),
            "syslog" => Ok(LogTarget::Syslog),
            word @ ("auto" | "none" | "null" | "inherit" | "stdout" | "stderr") => Err(format!(
                "\"{word}\" is not a place for the daemon's log: give a path, syslog, or - for standard output"
            )),
            _ if text.ends_with('/') => Err(format!("{} is a directory; give a file", quoted(text))),
            _ => Ok(LogTarget::File(text.to_owned())),
        }
    }
}

/// How the lines of the daemon's log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `text`: for people.
    Text,
    /// `json`: an object a line, for programs.
    Json,
}

impl LogFormat {
    /// All formats by the names that `logformat` takes.
    pub const NAMES: [(&'static str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}

/// How serious a line of the daemon's log is, most serious first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The daemon itself cannot go on.
    Critical,
    /// Something failed and stays failed.
    Error,
    /// Something failed and is tried again, or surprises.
    Warning,
    /// The normal course of things.
    Info,
    /// Details.
    Debug,
}

impl Level {
    /// All levels by the names that `loglevel` takes.
    pub const NAMES: [(&'static str, Level); 5] = [
        ("critical", Level::Critical),
        ("error", Level::Error),
        ("warning", Level::Warning),
        ("info", Level::Info),
        ("debug", Level::Debug),
    ];

    /// Reads a name in capitals or not, and `warn`.
    ///
    /// # Errors
    /// There is no such level, as the end of a sentence about what was to be read.
    pub fn parse(text: &str) -> Result<Level, String> {
        if text.eq_ignore_ascii_case("warn") {
            return Ok(Level::Warning);
        }
        let names = Level::NAMES.map(|(name, _)| name);
        let found = Level::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, level)| *level);
        found.ok_or_else(|| format!("{} is not one of {}{}", quoted(text), names.join(", "), suggestion(text, names)))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Critical => "critical",
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// When a log file is set aside, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Size in bytes from which the file is set aside at the next line end; 0 = never.
    pub max_bytes: u64,
    /// How many files that were set aside are kept; 0 = none, the file just starts anew.
    pub backups: u32,
}

impl Default for Rotation {
    fn default() -> Rotation {
        Rotation { max_bytes: 50 << 20, backups: 10 }
    }
}
