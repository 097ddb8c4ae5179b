//! What processes have written, and the places in their logs.

use std::fmt;
use std::str::FromStr;

use crate::base::id::Stream;
use crate::base::position::Position;
use crate::base::text::quoted;

/// A place in the log of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPlace {
    /// The process.
    pub process: String,
    /// Its stream.
    pub stream: Stream,
    /// Where.
    pub at: Position,
}

/// `worker:worker_00/stderr=2f.18a3b.1f0`.
impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}={}", self.process, self.stream, self.at)
    }
}

impl FromStr for LogPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<LogPlace, String> {
        let read = || {
            let (process, rest) = text.split_once('/')?;
            let (stream, at) = rest.split_once('=')?;
            let stream = [Stream::Stdout, Stream::Stderr].into_iter().find(|s| s.to_string() == stream)?;
            Some(LogPlace { process: process.to_owned(), stream, at: at.parse().ok()? })
        };
        read().ok_or_else(|| format!("{} is no place in a log (`logs` tells them as \"next\")", quoted(text)))
    }
}

/// Some of what a process has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The place behind it.
    pub next: LogPlace,
    /// As the process wrote it. Without `follow`, and among the last lines, it may be none.
    pub bytes: Vec<u8>,
    /// What came before it is no longer kept, although it was asked for.
    pub lost: bool,
}

/// The beginning of an answer to `logs`, or all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogList {
    /// One for each log, in the order of `status`.
    pub chunks: Vec<Chunk>,
    /// Whether they are of several processes, so that lines for people have to say of which.
    pub labels: bool,
    /// What there is to say of logs that cannot be shown.
    pub notes: Vec<String>,
    /// Whether what is written later follows.
    pub follow: bool,
}
