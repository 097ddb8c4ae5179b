//! Names and numbers of things: programs, their instances, runs, clients.

use std::fmt;
use std::sync::Arc;

/// The name of a program, as the configuration gives it. Cheap to clone.
///
/// Checked when made: 1 to [`NAME_BYTES`] bytes of letters, digits and `_ - . @ +` (any script's letters), not `all`, so that
/// a name is safe in a file name, on a terminal, in a log line and in a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramName(Arc<str>);

/// The longest program name, in bytes.
pub const NAME_BYTES: usize = 64;

/// The longest path of a Unix socket, in bytes: what the kernel has room for, without the final NUL.
pub const SOCKET_PATH_BYTES: usize = 107;

impl ProgramName {
    /// Checks and takes the name.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence about the name.
    pub fn new(text: &str) -> Result<ProgramName, String> {
        if text.len() > NAME_BYTES {
            return Err(format!("is longer than {NAME_BYTES} bytes"));
        }
        let problem = if text.is_empty() {
            "is empty"
        } else if text == "all" {
            "is reserved: \"all\" means every process"
        } else if text.starts_with(['.', '-']) {
            "starts with \".\" or \"-\""
        } else if !text.chars().all(|c| c.is_alphanumeric() || "_-.@+".contains(c)) {
            "has a character other than letters, digits and _ - . @ +"
        } else {
            return Ok(ProgramName(text.into()));
        };
        Err(problem.to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProgramName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The name of a process within its program: `worker_00`.
#[must_use]
pub fn member_name(program: &ProgramName, num: u32) -> String {
    format!("{program}_{num:02}")
}

/// The program and the number in such a name; `None` if it is not how a process would be named.
#[must_use]
pub fn parse_member(text: &str) -> Option<(ProgramName, u32)> {
    let (program, digits) = text.rsplit_once('_')?;
    let (program, num) = (ProgramName::new(program).ok()?, digits.parse().ok()?);
    (member_name(&program, num) == text).then_some((program, num))
}

/// The name of one process as people see and type it: `nginx` for a program's only process, `worker:worker_00` for
/// one of several.
///
/// `group` is whether the program runs more than one process now; the identity behind the name is program and number.
#[must_use]
pub fn process_name(program: &ProgramName, num: u32, group: bool) -> String {
    if group { format!("{program}:{}", member_name(program, num)) } else { program.to_string() }
}

/// One of a fleet's instances: a number that the fleet hands out and never uses again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u32);

/// One spawn of an instance, counted from 1 and never reused by that instance. 0 stands for "never spawned".
///
/// Every fact about a process carries its run, so that a late fact about an earlier run cannot be mistaken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run(pub u64);

impl Run {
    /// The run after this one.
    #[must_use]
    pub fn next(self) -> Run {
        Run(self.0.saturating_add(1))
    }
}

/// A connection to the control socket; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// One request of a client; never reused within the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// Whose.
    pub client: ClientId,
    /// Which, counted by the connection.
    pub number: u64,
}

/// One task: a command that is run beside a process for its sake. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskId {
    /// One that the core has asked for, counted by it.
    Core(u64),
    /// One that the shell runs on its own account, counted by it.
    Shell(u64),
    /// One that is told an event, counted by whoever tells it.
    Event(u64),
}

/// One of a process's two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["web", "web-1", "a.b", "größe", "x@1", "A_b+c"] {
            assert!(ProgramName::new(good).is_ok(), "{good}");
        }
        let long = "x".repeat(NAME_BYTES + 1);
        for bad in ["", "all", ".x", "-x", "a/b", "a:b", "a*", "a b", "a\u{1b}", "a\0", "..", &long] {
            assert!(ProgramName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn processes_are_named_as_in_supervisord() {
        let p = ProgramName::new("worker").unwrap();
        assert_eq!(process_name(&p, 0, false), "worker");
        assert_eq!(process_name(&p, 3, true), "worker:worker_03");
        assert_eq!(process_name(&p, 123, true), "worker:worker_123");
    }

    #[test]
    fn names_of_members_are_read_back() {
        let p = ProgramName::new("my_worker").unwrap();
        for num in [0, 7, 42, 9999] {
            assert_eq!(parse_member(&member_name(&p, num)), Some((p.clone(), num)));
        }
        for text in
            ["", "worker", "worker_", "worker_1", "worker_+1", "worker_007", "_00", "all_00", "worker_99999999999"]
        {
            assert_eq!(parse_member(text), None, "{text}");
        }
    }
}
