//! Everything that a client may ask and the daemon may answer.
//!
//! What leaves the daemon is made of these types only, never of its internals. They are what the JSON-RPC side of
//! the protocol carries; the lines for people are rendered from them (see taskmaster-protocol(7)).

use serde::{Deserialize, Serialize};

use crate::base::id::Stream;
use crate::base::signal::Sig;

mod events;
mod insight;
mod logs;
mod plan;
mod refusal;
mod schedule;
mod status;

pub use events::{Event, EventList};

pub use insight::{
    Account, CheckReport, Edge, Graph, GraphProgram, HookReport, LastOutput, Setting, StreamPlace, StreamSink,
    Transition, Usage, WaitFor,
};
pub use logs::{Chunk, LogList, LogPlace};
pub use plan::{Change, ChangeAction, KeyChange, PlanReport, Then};
pub use refusal::{Refusal, RefusalCode};
pub use schedule::{RunReport, ScheduleStatus};
pub use status::{Health, ProcessStatus, Reads, StateName, Want};

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
        /// How many at a time, each lot when the one before is ready; `None` is all at once.
        rolling: Option<u32>,
    },
    /// Give a program another number of processes.
    Scale {
        /// The program.
        name: String,
        /// How many; at least 1.
        count: u32,
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

/// An answer, seen by those who treat most answers alike.
#[derive(Clone, Copy, Debug)]
pub enum Kind<'a> {
    /// What processes are.
    Status(&'a [ProcessStatus]),
    /// Why they are so.
    Why(&'a [Account]),
    /// What became of each process in a command.
    Outcomes(&'a [Outcome]),
    /// What a reload does.
    Plan(&'a PlanReport),
    /// The request was not carried out.
    Refused(&'a Refusal),
    /// Any other: it went well, and there is nothing in it to be judged.
    Plain,
}

impl Response {
    /// Which kind it is. What is new is plain until it is said here that it is not.
    #[must_use]
    pub fn kind(&self) -> Kind<'_> {
        match self {
            Response::Status(list) => Kind::Status(list),
            Response::Why(accounts) => Kind::Why(accounts),
            Response::Outcomes { outcomes, .. } => Kind::Outcomes(outcomes),
            Response::Plan(plan) => Kind::Plan(plan),
            Response::Refused(refusal) => Kind::Refused(refusal),
            Response::Graph(_)
            | Response::Events(_)
            | Response::Logs(_)
            | Response::Tail(_)
            | Response::DaemonPid(_)
            | Response::Pids(_)
            | Response::Version(_)
            | Response::Done
            | Response::ShuttingDown
            | Response::Help(_) => Kind::Plain,
        }
    }

    /// Whether it is only the beginning: what happens later follows.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        matches!(self, Response::Events(EventList { follow: true, .. }) | Response::Logs(LogList { follow: true, .. }))
    }
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
