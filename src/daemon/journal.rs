//! The daemon's own log: one line a fact, at a level, to a file, standard output or syslog.
//!
//! Lines gather in a buffer and are handed over once a turn. A log that cannot be written loses lines, never time: the
//! loop does not wait for it, and how many were lost is the first line when it works again.

use std::fmt;
use std::io::Write;
use std::path::Path;

use crate::base::id::Stream;
use crate::base::time::Mono;
use crate::config::model::{DaemonConfig, Level, LogFormat, LogTarget};
use crate::control::record::{Answered, Record, Subject};
use crate::supervise::action::Happening;
use crate::sys::sock::Syslog;

use super::clock;
use super::console::Consoles;
use super::logfile::{FileId, LogFiles};

/// How much may gather within one turn before lines are dropped.
const BUFFER_BYTES: usize = 1 << 20;

#[derive(Debug)]
enum Target {
    File(FileId),
    Stdout,
    /// `None` while no syslog daemon answers; tried again with each turn that has something to say.
    Syslog(Option<Syslog>),
}

/// What a line is about.
enum About<'a> {
    Daemon,
    Process(Subject<'a>),
    Command(Answered<'a>),
}

/// The daemon's own log.
#[derive(Debug)]
pub struct Journal {
    level: Level,
    format: LogFormat,
    target: Target,
    /// Whether lines are also shown on standard error: in the foreground, on a terminal.
    echo: bool,
    buffer: Vec<u8>,
    /// The level of each line in the buffer.
    levels: Vec<Level>,
    /// The time of the lines in the buffer.
    stamp: String,
    lost: u64,
}

impl Journal {
    /// The log that the configuration names.
    pub fn new(config: &DaemonConfig, files: &mut LogFiles, foreground: bool) -> Journal {
        let target = match &config.logfile {
            LogTarget::File(path) => Target::File(files.open(Path::new(path), config.rotation)),
            LogTarget::Stdout => Target::Stdout,
            LogTarget::Syslog => Target::Syslog(Syslog::connect().ok()),
        };
        let echo = foreground && !matches!(target, Target::Stdout) && Consoles::is_terminal(Stream::Stderr);
        Journal {
            level: config.loglevel,
            format: config.logformat,
            target,
            echo,
            buffer: Vec::new(),
            levels: Vec::new(),
            stamp: String::new(),
            lost: 0,
        }
    }

    /// Applies keys that may change while the daemon runs.
    pub fn reconfigure(&mut self, config: &DaemonConfig, files: &mut LogFiles) {
        self.level = config.loglevel;
        self.format = config.logformat;
        if let Target::File(id) = self.target {
            files.set_rotation(id, config.rotation);
        }
    }

    /// Writes a fact down if its level is wanted.
    pub fn write(&mut self, level: Level, fact: impl fmt::Display) {
        self.line(level, "message", About::Daemon, fact);
    }

    /// Writes down what happened to a process.
    pub fn happening(&mut self, happening: &Happening) {
        let Happening { name, program, num: _, group: _, pid, from, to, note } = happening;
        let (pid, from, to) = (*pid, *from, *to);
        let subject = Subject { program: program.as_str(), process: name, pid, from, to };
        self.line(note.level(), note.word(), About::Process(subject), note);
    }

    /// Writes down that a request was answered, and why in this way; nothing if that is plain.
    pub fn answered(&mut self, level: Level, answered: Answered<'_>, why: &str) {
        self.line(level, "command", About::Command(answered), why);
    }

    fn line(&mut self, level: Level, event: &'static str, about: About<'_>, fact: impl fmt::Display) {
        if level > self.level {
            return;
        }
        if self.buffer.len() > BUFFER_BYTES {
            self.lost += 1;
            return;
        }
        let start = self.buffer.len();
        if start == 0 {
            // One moment for all that gathers before the next flush: it is one turn.
            self.stamp = clock::wall().to_string();
        }
        self.levels.push(level);
        if self.format == LogFormat::Json {
            let (time, level, cause) = (self.stamp.as_str(), level.name(), fact.to_string());
            let (process, command) = match about {
                About::Daemon => (None, None),
                About::Process(subject) => (Some(subject), None),
                About::Command(answered) => (None, Some(answered)),
            };
            return Record { time, level, event, process, command, cause }.write(&mut self.buffer);
        }
        self.buffer.extend_from_slice(self.stamp.as_bytes());
        self.buffer.extend_from_slice(label(level));
        // Writing to a Vec cannot fail.
        let _ = match about {
            About::Daemon => write!(self.buffer, "{fact}"),
            About::Process(Subject { process, .. }) => write!(self.buffer, "{process}: {fact}"),
            About::Command(answered) => match fact.to_string() {
                why if why.is_empty() => write!(self.buffer, "{answered}"),
                why => write!(self.buffer, "{answered}: {why}"),
            },
        };
        // A line stays a line whatever a name or an error text holds.
        for byte in self.buffer.iter_mut().skip(start).filter(|b| **b < b' ' || **b == 0x7f) {
            *byte = b'?';
        }
        self.buffer.push(b'\n');
    }

    /// A fact about one thing: `web:web_00: spawned pid=123`.
    pub fn note(&mut self, level: Level, about: &str, fact: impl fmt::Display) {
        self.write(level, format_args!("{about}: {fact}"));
    }

    /// Hands over what has gathered.
    pub fn flush(&mut self, files: &mut LogFiles, consoles: &mut Consoles, now: Mono) {
        if self.buffer.is_empty() {
            return;
        }
        let lost_before = self.lost;
        if self.echo {
            // A terminal that is gone or stopped is no reason to stop.
            let _ = consoles.add_log(Stream::Stderr, &self.buffer);
        }
        match &mut self.target {
            Target::File(id) => files.write_lines(*id, &self.buffer, now),
            Target::Stdout => self.lost += consoles.add_log(Stream::Stdout, &self.buffer),
            Target::Syslog(connection) => {
                // The syslog daemon has a time and a level of its own; an object keeps its own as well.
                let head = match self.format {
                    LogFormat::Text => self.stamp.len() + label(Level::Info).len(),
                    LogFormat::Json => 0,
                };
                let texts = self.buffer.split(|b| *b == b'\n').map(|line| line.get(head..).unwrap_or_default());
                for (level, text) in self.levels.iter().zip(texts) {
                    self.lost += u64::from(!send(connection, *level, text));
                }
            }
        }
        self.buffer.clear();
        self.levels.clear();
        // Told once it works again.
        if self.lost > 0 && self.lost == lost_before {
            let lost = std::mem::take(&mut self.lost);
            self.write(Level::Warning, format_args!("{lost} lines of this log were lost"));
        }
    }
}

/// How a level looks in a line.
fn label(level: Level) -> &'static [u8] {
    match level {
        Level::Critical => b" CRITICAL ",
        Level::Error => b" ERROR    ",
        Level::Warning => b" WARNING  ",
        Level::Info => b" INFO     ",
        Level::Debug => b" DEBUG    ",
    }
}

/// The facility "daemon" of RFC 3164.
const FACILITY_DAEMON: u8 = 3;

/// Sends one record of RFC 3164, as syslog(3) does; whether that could be done.
fn send(connection: &mut Option<Syslog>, level: Level, text: &[u8]) -> bool {
    let severity = match level {
        Level::Critical => 2,
        Level::Error => 3,
        Level::Warning => 4,
        Level::Info => 6,
        Level::Debug => 7,
    };
    let mut record = format!("<{}>taskmasterd[{}]: ", FACILITY_DAEMON * 8 + severity, std::process::id()).into_bytes();
    record.extend_from_slice(text);
    if connection.as_ref().is_some_and(|c| c.send(&record).is_ok()) {
        return true;
    }
    // A syslog daemon that was started anew listens at the same place, but not on the old connection.
    *connection = Syslog::connect().ok();
    connection.as_ref().is_some_and(|c| c.send(&record).is_ok())
}
