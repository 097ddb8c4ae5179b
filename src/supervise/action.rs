//! What the core wants done. Actions have no return values: what comes of them is told as an `event::Input`.

use std::fmt;
use std::time::Duration;

use crate::base::exit::Exit;
use crate::base::id::{Key, ProgramName, Run, TaskId, Ticket};
use crate::base::signal::Sig;
use crate::base::units::print_duration;
use crate::config::model::{Hook, Level, Overlap};
use crate::control::message::{Account, ProcessStatus, Response, StateName};

use super::health::{CheckNumber, Purpose};
use super::state::Failure;
use super::task::{Outcome, Task};

/// What one process's machine wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Spawn this run.
    Spawn(Run),
    /// Send a signal to a live run.
    Signal {
        /// The run.
        run: Run,
        /// The signal.
        sig: Sig,
        /// To its whole process group, or to its leader alone.
        group: bool,
    },
    /// Check the run for this; `Checked` is the answer.
    Check(Run, Purpose, CheckNumber),
    /// End a check of the run: nobody waits for its result. `Checked` is still the answer.
    EndCheck(Run, CheckNumber),
    /// Run this hook of the program for a run.
    Hook(Run, Hook),
    /// Wait for a connection; `Demanded` or `Deaf` is the answer.
    AwaitDemand,
    /// Wait for a connection no longer.
    EndAwait,
    /// Write down what happened.
    Note(Note),
}

/// What the fleet wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Spawn this run of the instance; `Spawned` or `SpawnFailed` is the answer.
    Spawn(Key, Run),
    /// Send a signal to a live run.
    Signal {
        /// The instance.
        key: Key,
        /// The run.
        run: Run,
        /// The signal.
        sig: Sig,
        /// To its whole process group, or to its leader alone.
        group: bool,
    },
    /// Run a task; `TaskEnded` is the answer, sooner or later.
    RunTask(Box<Task>),
    /// Kill a task with all of its process group. `TaskEnded` follows all the same.
    KillTask(TaskId),
    /// Check the live run of an instance for this, by the check that its program has now; the fact `Checked` is the answer.
    Check {
        /// The instance.
        key: Key,
        /// The run.
        run: Run,
        /// What for.
        purpose: Purpose,
        /// Which check it is.
        number: CheckNumber,
    },
    /// End a check. The fact `Checked` is still its answer, as soon as nothing of it is left.
    EndCheck {
        /// The instance.
        key: Key,
        /// The run.
        run: Run,
        /// Which check it is.
        number: CheckNumber,
    },
    /// Tell of the first connection that comes in, or has come in, on a socket of this instance: `Demanded`, or `Deaf` if
    /// it has none. Said of one that waits already: its sockets may be others now.
    AwaitDemand(Key),
    /// No connection for this instance is to be told any more.
    EndAwait(Key),
    /// Give a client its one final answer.
    Reply(Ticket, Response),
    /// Give a client its one final answer, with what only the shell can see added to each of its entries.
    ReplyInFull(Ticket, Entries),
    /// Write down what happened to a process.
    Note(Happening),
    /// Write down what was decided.
    Log(Level, String),
    /// Keys of this instance changed while it runs: log sizes are to be applied.
    Reconfigure(Key),
    /// This instance is gone for good.
    Retire(Key),
    /// The daemon's own keys changed.
    DaemonChanged,
    /// Everything is down: leave. Names what could not be killed.
    Quit {
        /// Processes that outlived SIGKILL.
        survivors: Vec<String>,
        /// The exit code: that of the process whose end led to this, else 0.
        code: u8,
    },
}

/// The entries of an answer, as far as the core can see.
#[derive(Clone, Debug, PartialEq)]
pub enum Entries {
    /// To `status --usage`.
    Status(Vec<ProcessStatus>),
    /// To `why`, with the process that each is about.
    Why(Vec<(Key, Account)>),
}

impl From<Entries> for Response {
    fn from(entries: Entries) -> Response {
        match entries {
            Entries::Status(list) => Response::Status(list),
            Entries::Why(list) => Response::Why(list.into_iter().map(|(_, account)| account).collect()),
        }
    }
}

/// What happened to which process, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// The process, as people see it.
    pub name: String,
    /// Its program.
    pub program: ProgramName,
    /// Its number within the program.
    pub num: u32,
    /// Its group of programs, if it is in one.
    pub group: Option<ProgramName>,
    /// Its process id, while it lives; when it has ended, the one that it had.
    pub pid: Option<u32>,
    /// Its state before.
    pub from: StateName,
    /// Its state since.
    pub to: StateName,
    /// What happened.
    pub note: Note,
}

/// What happened to a process: a line of the daemon's log.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// It was spawned.
    Spawned {
        /// Its id.
        pid: u32,
    },
    /// It counts as started.
    Running,
    /// A check of it has failed, which is not yet the verdict.
    CheckFailed {
        /// What it was for.
        purpose: Purpose,
        /// What is wrong.
        why: String,
        /// How many have failed in a row.
        streak: u32,
        /// How many of these are the verdict.
        retries: u32,
    },
    /// It is well.
    Healthy,
    /// It is not well any more.
    Unhealthy {
        /// What is wrong.
        why: String,
    },
    /// It has not become ready in time, and is being stopped.
    NotReady {
        /// What is wrong.
        why: String,
    },
    /// Its leader ended.
    Exited {
        /// How.
        exit: Exit,
        /// Whether that was expected: by `exitcodes`, or because it was being stopped.
        expected: bool,
    },
    /// Its leader ended and left members of its group, which are being stopped.
    Leftovers,
    /// It is to run, and has to wait for others.
    Waiting {
        /// For what.
        on: String,
    },
    /// The next try is due later.
    Backoff {
        /// Why.
        why: Option<Failure>,
        /// When.
        delay: Duration,
    },
    /// No more tries.
    Fatal {
        /// Why.
        why: Failure,
        /// How many tries there were.
        tries: u32,
    },
    /// It was asked to stop.
    Stopping {
        /// By which signal.
        sig: Sig,
    },
    /// A hook runs that the stop begins with.
    StoppingBy {
        /// Which.
        hook: Hook,
    },
    /// A hook did not do what it was to do.
    HookFailed {
        /// Which.
        hook: Hook,
        /// What became of it.
        outcome: Outcome,
    },
    /// It ran longer than it may, and is being stopped.
    TimedOut {
        /// How long it may run.
        limit: Duration,
    },
    /// A run was due while the last one was not over.
    Overlap(Overlap),
    /// It did not stop in time.
    Killed,
    /// It lives on after SIGKILL.
    Unkillable,
    /// It is down by intent.
    Stopped,
}

impl Note {
    /// What kind of thing it is, in one word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Note::Spawned { .. } => "spawned",
            Note::Running => "running",
            Note::CheckFailed { .. } => "check_failed",
            Note::Healthy => "healthy",
            Note::Unhealthy { .. } => "unhealthy",
            Note::NotReady { .. } => "not_ready",
            Note::Exited { .. } => "exited",
            Note::Leftovers => "leftovers",
            Note::Waiting { .. } => "waiting",
            Note::Backoff { .. } => "backoff",
            Note::Fatal { .. } => "fatal",
            Note::Stopping { .. } | Note::StoppingBy { .. } => "stopping",
            Note::HookFailed { .. } => "hook_failed",
            Note::TimedOut { .. } => "timed_out",
            Note::Overlap(Overlap::Skip) => "skipped",
            Note::Overlap(Overlap::Queue) => "queued",
            Note::Overlap(Overlap::Kill) => "replaced",
            Note::Killed => "killed",
            Note::Unkillable => "unkillable",
            Note::Stopped => "stopped",
        }
    }

    /// How serious it is.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Note::Spawned { .. }
            | Note::Running
            | Note::Healthy
            | Note::Stopped
            | Note::Stopping { .. }
            | Note::StoppingBy { .. } => Level::Info,
            Note::Exited { expected: true, .. } | Note::Waiting { .. } | Note::Backoff { why: None, .. } => Level::Info,
            Note::Exited { expected: false, .. }
            | Note::Backoff { .. }
            | Note::CheckFailed { .. }
            | Note::Unhealthy { .. }
            | Note::NotReady { .. }
            | Note::Killed
            | Note::HookFailed { .. }
            | Note::Leftovers
            | Note::TimedOut { .. }
            | Note::Overlap(_) => Level::Warning,
            Note::Fatal { .. } | Note::Unkillable => Level::Error,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Spawned { pid } => write!(f, "spawned pid={pid}"),
            Note::Running => f.write_str("running"),
            Note::CheckFailed { purpose, why, streak, retries } => {
                write!(f, "{} failed ({streak} of {retries}): {why}", purpose.text())
            }
            Note::Healthy => f.write_str("healthy"),
            Note::Unhealthy { why } => write!(f, "unhealthy: {why}"),
            Note::NotReady { why } => write!(f, "did not become ready: {why}"),
            Note::Exited { exit, expected: true } => write!(f, "exited: {exit}"),
            Note::Exited { exit, expected: false } => write!(f, "exited: {exit}, not expected"),
            Note::Leftovers => f.write_str("its leader is gone, members of its process group are left: stopping them"),
            Note::Waiting { on } => write!(f, "waits for {on}"),
            Note::Backoff { why: Some(why), delay } => write!(f, "{why}; next try in {}", print_duration(*delay)),
            Note::Backoff { why: None, delay } => write!(f, "next start in {}", print_duration(*delay)),
            Note::Fatal { why, tries: 0 | 1 } => write!(f, "gave up after the first try: {why}"),
            Note::Fatal { why, tries } => write!(f, "gave up after {tries} tries: {why}"),
            Note::Stopping { sig } => write!(f, "stopping: {sig} sent"),
            Note::StoppingBy { hook } => write!(f, "stopping: {} begun", hook.key()),
            Note::HookFailed { hook, outcome } => write!(f, "{} {outcome}", hook.key()),
            Note::TimedOut { limit } => write!(f, "took longer than its timeout ({})", print_duration(*limit)),
            Note::Overlap(overlap) => {
                f.write_str("a run is due, but the last one is not over: ")?;
                f.write_str(match overlap {
                    Overlap::Skip => "it is skipped",
                    Overlap::Queue => "it follows when that is",
                    Overlap::Kill => "that is stopped",
                })
            }
            Note::Killed => f.write_str("did not stop in time: SIGKILL sent"),
            Note::Unkillable => {
                f.write_str("is still there after SIGKILL: the kernel holds it (state D?); SIGKILL sent again")
            }
            Note::Stopped => f.write_str("stopped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::EVENTS;

    #[test]
    fn every_kind_of_event_can_be_asked_for() {
        let why = String::new;
        let outcome = Outcome::Dropped;
        let notes = [
            Note::Spawned { pid: 1 },
            Note::Running,
            Note::CheckFailed { purpose: Purpose::Health, why: why(), streak: 1, retries: 3 },
            Note::Healthy,
            Note::Unhealthy { why: why() },
            Note::NotReady { why: why() },
            Note::Exited { exit: Exit::Code(0), expected: true },
            Note::Leftovers,
            Note::Waiting { on: why() },
            Note::Backoff { why: None, delay: Duration::ZERO },
            Note::Fatal { why: Failure::Cancelled, tries: 1 },
            Note::Stopping { sig: Sig::TERM },
            Note::HookFailed { hook: Hook::PreStop, outcome },
            Note::TimedOut { limit: Duration::ZERO },
            Note::Overlap(Overlap::Skip),
            Note::Overlap(Overlap::Queue),
            Note::Overlap(Overlap::Kill),
            Note::Killed,
            Note::Unkillable,
            Note::Stopped,
        ];
        assert_eq!(notes.map(|note| note.word()), EVENTS);
    }
}
