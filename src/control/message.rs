//! Everything that a client may ask and the daemon may answer.
//!
//! What leaves the daemon is made of these types only, never of its internals. They are what the JSON-RPC side of
//! the protocol carries; the lines for people are rendered from them (see taskmaster-protocol(7)).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::id::Stream;
use crate::base::position::Position;
use crate::base::signal::Sig;
use crate::base::text::quoted;

mod insight;
mod schedule;

pub use insight::{
    Account, Edge, Graph, GraphProgram, LastOutput, Setting, StreamPlace, StreamSink, Transition, Usage, WaitFor,
};
pub use schedule::{RunReport, ScheduleStatus};

/// The version of the protocol. Grows when something changes that a client must know of; new keys do not count.
pub const PROTOCOL: u32 = 1;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// The state of the named processes, of all if none is named.
    Status {
        /// Selectors.
        names: Vec<String>,
        /// Whether what they use of the machine is told, too.
        usage: bool,
    },
    /// Why the named processes are as they are, and what comes next.
    Why {
        /// Selectors; at least one.
        names: Vec<String>,
    },
    /// Wait until the named processes have come to something, without telling them anything.
    Wait {
        /// Selectors; at least one.
        names: Vec<String>,
        /// To what.
        until: WaitFor,
        /// How many milliseconds at most; `None` is as long as it takes.
        timeout_ms: Option<u64>,
    },
    /// In which order the named processes start and stop, all if none is named.
    Graph {
        /// Selectors.
        names: Vec<String>,
        /// For Graphviz.
        dot: bool,
    },
    /// Start the named processes.
    Start {
        /// Selectors; at least one.
        names: Vec<String>,
        /// Whether and how long to wait for the result.
        wait: Wait,
    },
    /// Stop the named processes.
    Stop {
        /// Selectors; at least one.
        names: Vec<String>,
        /// Whether and how long to wait for the result.
        wait: Wait,
    },
    /// Stop and start the named processes.
    Restart {
        /// Selectors; at least one.
        names: Vec<String>,
        /// Whether and how long to wait for the result.
        wait: Wait,
    },
    /// Send a signal to the named processes.
    Signal {
        /// Which signal.
        sig: Sig,
        /// Selectors; at least one.
        names: Vec<String>,
    },
    /// Read the configuration again and apply what changed.
    Reload {
        /// Only say what would change.
        dry_run: bool,
    },
    /// What happens to the named processes, of all if none is named.
    Events {
        /// Selectors.
        names: Vec<String>,
        /// Begin with those that are kept from this number on; `None` begins with what happens next, or with all that are
        /// kept if it is not followed.
        since: Option<u64>,
        /// Whether what happens later is told, too, until the client goes.
        follow: bool,
    },
    /// The last lines of a process's log.
    Tail {
        /// A selector that means one process.
        name: String,
        /// Which stream.
        stream: Stream,
        /// How many lines.
        lines: u32,
    },
    /// The last lines of the logs of the named processes, of all if none is named, and what comes behind them.
    Logs {
        /// Selectors.
        names: Vec<String>,
        /// Only this stream; both if it is `None`.
        stream: Option<Stream>,
        /// How many lines of each log come first.
        lines: u32,
        /// Whether what is written later is told, too, until the client goes.
        follow: bool,
        /// Logs that begin here, not with their last lines.
        from: Vec<LogPlace>,
    },
    /// Write to the standard input of a process.
    Input {
        /// A selector that means one process.
        name: String,
        /// What to write.
        bytes: Vec<u8>,
        /// Whether that is the end of its input.
        eof: bool,
    },
    /// Say how large the terminal of a process is.
    Resize {
        /// A selector that means one process.
        name: String,
        /// Lines.
        rows: u16,
        /// Characters in a line.
        cols: u16,
    },
    /// The process id of the daemon (`None`) or of the named processes.
    Pid {
        /// A selector.
        name: Option<String>,
    },
    /// Versions of the daemon and the protocol.
    Version,
    /// Stop everything and leave.
    Shutdown,
    /// What commands there are, or how one is used.
    Help {
        /// The command.
        command: Option<String>,
    },
}

/// Whether an answer waits until the wanted state is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Answer at once (`--no-wait`).
    No,
    /// Answer when it is reached or has failed, however long that takes.
    Reached,
    /// The same, but after so many milliseconds at the latest (`--timeout`).
    UpTo(u64),
}

/// The one final answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// To `status`.
    Status(Vec<ProcessStatus>),
    /// To `why`.
    Why(Vec<Account>),
    /// To `graph`.
    Graph(Graph),
    /// To `start`, `stop`, `restart`, `signal`, `wait`.
    Outcomes {
        /// One for each process, in the order of `status`.
        outcomes: Vec<Outcome>,
        /// To `restart`: what its answer has to say of the configuration's files, for people; empty if they are as they
        /// were.
        notes: Vec<String>,
    },
    /// To `reload`.
    Plan(PlanReport),
    /// What has happened, and whether more follows.
    Events(EventList),
    /// To `logs`: the last lines, and whether more follows.
    Logs(LogList),
    /// To `tail`: the bytes of the lines, as the program wrote them.
    Tail(Vec<u8>),
    /// To `pid` without a name: the daemon's.
    DaemonPid(u32),
    /// To `pid NAME`.
    Pids(Vec<ProcessPid>),
    /// To `version`.
    Version(VersionReport),
    /// To `input`, `resize`: it was done.
    Done,
    /// To `shutdown`: it has begun. The connection closes when the daemon is gone.
    ShuttingDown,
    /// To `help`.
    Help(String),
    /// The request was not carried out.
    Refused(Refusal),
}

impl Response {
    /// Whether it is only the beginning: what happens later follows.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        matches!(self, Response::Events(EventList { follow: true, .. }) | Response::Logs(LogList { follow: true, .. }))
    }
}

/// The states, by the names that people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum StateName {
    Stopped,
    Waiting,
    Starting,
    Running,
    Backoff,
    Stopping,
    Exited,
    Fatal,
}

impl StateName {
    /// As it is printed: `RUNNING`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            StateName::Stopped => "STOPPED",
            StateName::Waiting => "WAITING",
            StateName::Starting => "STARTING",
            StateName::Running => "RUNNING",
            StateName::Backoff => "BACKOFF",
            StateName::Stopping => "STOPPING",
            StateName::Exited => "EXITED",
            StateName::Fatal => "FATAL",
        }
    }
}

/// Whether a process is wanted up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Want {
    /// It should run.
    Up,
    /// It should not.
    Down,
}

/// What can be seen of one process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessStatus {
    /// `web` or `worker:worker_00`.
    pub name: String,
    /// Its program.
    pub program: String,
    /// Its number within the program.
    pub num: u32,
    /// The group of programs that it belongs to, if the configuration names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its state.
    pub state: StateName,
    /// What it is meant to be.
    pub want: Want,
    /// Whether what it is agrees with what it is meant to be.
    pub as_wanted: bool,
    /// Process id, while it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Milliseconds since it entered its state; absent if it never was in another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// How often it has been spawned since the daemon knows it.
    pub runs: u64,
    /// How its last run ended: `exit status 3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<String>,
    /// Why it is in this state, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What happens next, if it is not as wanted: by itself, or by which command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// BACKOFF: milliseconds until the next try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_ms: Option<u64>,
    /// STOPPING: milliseconds until SIGKILL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill_in_ms: Option<u64>,
    /// From where it reads what is sent to it; absent if it reads nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
    /// When it runs by itself, if it has a schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleStatus>,
    /// What it uses of the machine, if that was asked for and it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// From where a process reads what is sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reads {
    /// A pipe.
    Pipe,
    /// A terminal of its own.
    Terminal,
}

/// Something that happened to a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number. They are counted from 1, without a gap, since the daemon was started.
    pub seq: u64,
    /// When: UTC, as RFC 3339 writes it.
    pub time: String,
    /// What, in one word: `spawned`, `exited`.
    pub event: String,
    /// The program.
    pub program: String,
    /// The process, as people see it.
    pub process: String,
    /// Its number within the program.
    pub num: u32,
    /// Its group of programs, if it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its process id, if it has or had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its state before.
    pub from: StateName,
    /// Its state since.
    pub to: StateName,
    /// Why, for people.
    pub cause: String,
}

/// The beginning of an answer to `events`, or all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventList {
    /// What has happened, the oldest first.
    pub events: Vec<Event>,
    /// The number that the next event of the daemon will have.
    pub next: u64,
    /// Whether what happens later follows.
    pub follow: bool,
    /// How many of the events that were asked for are no longer kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

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

/// What became of one process in a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The process.
    pub name: String,
    /// `started`, `stopped`, `restarted`, `signalled`, `already running`, `not running`, `running`, or what went wrong.
    pub result: String,
    /// Whether that is what was asked for. "Already running" is, for `start`.
    pub ok: bool,
}

/// What a reload does, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanReport {
    /// Whether it was only asked for, not applied.
    pub dry_run: bool,
    /// One entry for each process that is touched, in order of names.
    pub changes: Vec<Change>,
    /// How many processes stay as they are.
    pub unchanged: u32,
    /// The keys of the daemon that changed. One that needs a restart takes effect when the daemon is started anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub daemon: Vec<KeyChange>,
    /// The names of those that need that.
    pub needs_daemon_restart: Vec<String>,
}

impl PlanReport {
    /// Whether the reload changes anything. What waits for the daemon to be started anew is not changed by a reload,
    /// and would be told again by the next one.
    #[must_use]
    pub fn changes_anything(&self) -> bool {
        !self.changes.is_empty() || self.daemon.iter().any(|key| !key.needs_restart)
    }
}

/// What happens to one process in a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The process.
    pub name: String,
    /// What the reload does with it.
    pub action: ChangeAction,
    /// What that means for it as it is now.
    pub then: Then,
    /// The keys that changed, with their values before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyChange>,
}

/// The ways in which a reload touches a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeAction {
    /// It is new.
    Added,
    /// It is stopped and forgotten.
    Removed,
    /// It is started anew with the new keys.
    Restarted,
    /// It gets new keys and stays what it is.
    Updated,
}

/// What becomes of a process that a reload touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// It was down, and is started.
    Starts,
    /// It is stopped, and started again.
    Restarts,
    /// It is stopped.
    Stops,
    /// It runs on, or waits on for its next try.
    GoesOn,
    /// It is down and stays so.
    StaysDown,
    /// It is down, and runs when its schedule says so.
    BySchedule,
}

/// One key before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// The key: `stoptime`, `env.PORT`.
    pub key: String,
    /// Its old value, as it would be written.
    pub old: String,
    /// Its new value.
    pub new: String,
    /// Whether it takes effect only with a restart: of the process, or of the daemon for a key of the daemon.
    pub needs_restart: bool,
}

/// One process and its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessPid {
    /// The process.
    pub name: String,
    /// Its id; `None` if it does not run.
    pub pid: Option<u32>,
}

/// Versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionReport {
    /// Of the daemon: `0.1.0`.
    pub version: String,
    /// Of the protocol: [`PROTOCOL`].
    pub protocol: u32,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people: names the thing and the remedy.
    pub text: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: RefusalCode, text: impl Into<String>) -> Refusal {
        Refusal { code, text: text.into() }
    }
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// The line or the JSON cannot be read.
    BadRequest,
    /// The JSON can be read but is no request.
    InvalidRequest,
    /// There is no such command.
    UnknownCommand,
    /// The arguments of the command are wrong.
    BadArguments,
    /// No process has this name.
    UnknownName,
    /// The peer may not do this.
    Denied,
    /// The request is longer than the limit.
    TooLarge,
    /// Too many connections or requests.
    Busy,
    /// The daemon is shutting down.
    ShuttingDown,
    /// The configuration has errors; nothing was changed.
    BadConfig,
    /// Something failed on the way, such as reading a log file.
    Failed,
}

impl RefusalCode {
    /// Every kind with its word for text answers and its number for JSON-RPC. The first four numbers are those that
    /// JSON-RPC 2.0 defines; the others are from its range for implementations.
    pub const ALL: [(RefusalCode, &'static str, i32); 11] = [
        (RefusalCode::BadRequest, "bad-request", -32700),
        (RefusalCode::InvalidRequest, "invalid-request", -32600),
        (RefusalCode::UnknownCommand, "unknown-command", -32601),
        (RefusalCode::BadArguments, "bad-arguments", -32602),
        (RefusalCode::UnknownName, "unknown-name", -32001),
        (RefusalCode::Denied, "denied", -32002),
        (RefusalCode::TooLarge, "too-large", -32003),
        (RefusalCode::Busy, "busy", -32004),
        (RefusalCode::ShuttingDown, "shutting-down", -32005),
        (RefusalCode::BadConfig, "bad-config", -32006),
        (RefusalCode::Failed, "failed", -32007),
    ];

    /// Its word: `unknown-name`.
    #[must_use]
    pub fn word(self) -> &'static str {
        RefusalCode::ALL.iter().find(|(c, _, _)| *c == self).map_or("failed", |(_, word, _)| word)
    }

    /// Its number in a JSON-RPC error object.
    #[must_use]
    pub fn number(self) -> i32 {
        RefusalCode::ALL.iter().find(|(c, _, _)| *c == self).map_or(-32000, |(_, _, n)| *n)
    }
}
