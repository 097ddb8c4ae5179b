//! What a client is told that wants to know more than the state: why, what is used, in which order, and what it can
//! wait for.

use serde::{Deserialize, Serialize};

use crate::base::id::Stream;

use super::{ProcessStatus, RunReport, StateName};

/// What a client waits for that tells a process nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// That it is RUNNING, or done if it is a job.
    Running,
    /// That nothing of it is alive and nothing will start it by itself.
    Stopped,
    /// That it runs and its health check says that it is well; without a health check, that it runs.
    Healthy,
}

impl WaitFor {
    /// All of them.
    pub const ALL: [WaitFor; 3] = [WaitFor::Running, WaitFor::Stopped, WaitFor::Healthy];

    /// The word for it: `running`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            WaitFor::Running => "running",
            WaitFor::Stopped => "stopped",
            WaitFor::Healthy => "healthy",
        }
    }
}

/// What a process and those that it started use of the machine: all that is alive in its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Milliseconds of CPU time, those of children included that have ended and were waited for.
    pub cpu_ms: u64,
    /// Bytes of memory that are resident; what several share counts for each.
    pub rss_bytes: u64,
    /// How many processes there are.
    pub processes: u32,
    /// How many threads.
    pub threads: u32,
    /// How many open descriptors; absent where the daemon may not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fds: Option<u64>,
}

/// Why a process is as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// What it is.
    pub status: ProcessStatus,
    /// Why.
    pub because: String,
    /// What happens next: by itself, or by which command.
    pub next: String,
    /// Its last changes of state, the oldest first.
    pub history: Vec<Transition>,
    /// Its last runs, the oldest first, if it has a schedule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunReport>,
    /// What became of its hooks, of each the last time, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookReport>,
    /// Its last check, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_check: Option<CheckReport>,
    /// What it is run with; absent if that cannot be worked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<Setting>,
}

/// A hook that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookReport {
    /// Its key: `pre_start`.
    pub hook: String,
    /// When it ended, in milliseconds before the answer.
    pub ago_ms: u64,
    /// Whether it succeeded.
    pub ok: bool,
    /// What became of it, for people: `failed (exit status 1)`.
    pub result: String,
}

/// A check that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// What for: `readiness` or `health`.
    pub purpose: String,
    /// When it ended, in milliseconds before the answer.
    pub ago_ms: u64,
    /// How many milliseconds it took.
    pub took_ms: u64,
    /// What is wrong, for people; absent if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
    /// The end of what it printed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

/// One change of state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When: UTC, as RFC 3339 writes it.
    pub time: String,
    /// The same in milliseconds before the answer.
    pub ago_ms: u64,
    /// The state before.
    pub from: StateName,
    /// The state since.
    pub to: StateName,
    /// Why, for people.
    pub cause: String,
}

/// What a process is run with, and what it wrote last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its command line, with what is filled in; as it is configured if some of that comes from files of variables.
    pub command: Vec<String>,
    /// Its working directory.
    pub directory: String,
    /// The user that it runs as, if the configuration names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The group that it runs as, if the configuration names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Where its standard output goes.
    pub stdout: StreamPlace,
    /// Where its standard error goes.
    pub stderr: StreamPlace,
    /// The last lines that it wrote to standard error, or to both if they go the same way; absent if they are not kept,
    /// or too many processes were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_output: Option<LastOutput>,
}

/// Where a stream goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamPlace {
    /// What kind of place that is.
    pub sink: StreamSink,
    /// The file, if it ends up in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// The kinds of places for a stream, by the words of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamSink {
    /// A file.
    File,
    /// It is discarded.
    None,
    /// To where the daemon's own goes.
    Inherit,
    /// To where standard output goes.
    Stdout,
}

/// The last lines of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastOutput {
    /// Which stream.
    pub stream: Stream,
    /// The lines, with U+FFFD for what is not UTF-8.
    pub text: String,
}

/// In which order programs start. They stop in the opposite one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The programs in the order in which they start.
    pub programs: Vec<GraphProgram>,
    /// Which program waits for which.
    pub edges: Vec<Edge>,
    /// Whether it was asked for in the language of Graphviz.
    pub as_dot: bool,
}

/// One program among those that start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphProgram {
    /// Its name.
    pub name: String,
    /// Its group of programs, if it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its priority: lower starts first.
    pub priority: i32,
    /// Whether it starts with the daemon.
    pub autostart: bool,
    /// Whether a connection starts it, and not the daemon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_demand: bool,
    /// Those of its processes that were asked for.
    pub processes: Vec<String>,
    /// How many milliseconds they took from their spawn until they were ready, the slowest of those that are; a job until
    /// it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_ms: Option<u64>,
}

/// `to` starts when `from` is up, and stops before it. Priorities alone make none: nobody waits for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// What the first must have come to: `started`, `ready`, `healthy` or `completed`.
    pub until: String,
    /// Whether the other waits for one that is not to run, too.
    pub required: bool,
    /// The program that is waited for.
    pub from: String,
    /// The program that waits.
    pub to: String,
}
