//! What can be seen of one process: its state, what is wanted of it, and what there is to say of both.

use serde::{Deserialize, Serialize};

use super::{ScheduleStatus, Usage};

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

/// How a process is that is checked for its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not known yet.
    Starting,
    /// Its last checks say that it is well.
    Healthy,
    /// Its last checks say that it is not.
    Unhealthy,
}

impl Health {
    /// As it is printed: `healthy`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Health::Starting => "starting",
            Health::Healthy => "healthy",
            Health::Unhealthy => "unhealthy",
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
    /// How it is, while it runs and is checked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What it says of itself: the last `STATUS=` of sd_notify(3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
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
    /// Where the sockets listen that it is handed; absent if it is handed none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<String>,
    /// When it runs by itself, if it has a schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleStatus>,
    /// What it uses of the machine, if that was asked for and it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

#[cfg(test)]
impl ProcessStatus {
    /// A process of which there is nothing to say. A test names what matters to it, and takes the rest from here.
    pub(crate) fn plain(name: &str, state: StateName) -> ProcessStatus {
        ProcessStatus {
            name: name.to_owned(),
            program: name.to_owned(),
            num: 0,
            group: None,
            state,
            want: Want::Up,
            health: None,
            says: None,
            as_wanted: true,
            pid: None,
            for_ms: None,
            runs: 1,
            last_exit: None,
            why: None,
            next: None,
            next_try_ms: None,
            kill_in_ms: None,
            reads: None,
            listen: Vec::new(),
            schedule: None,
            usage: None,
        }
    }
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
