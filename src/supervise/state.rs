//! What is known of one process: its state with the data that belongs to it, and what is wanted of it.
//!
//! Deadlines are derived from the state and the policy, never stored, so that a policy that changes under a running
//! process, or a state that is carried to a new daemon, cannot leave a stale timer behind.

use std::fmt;
use std::time::Duration;

use crate::base::errno::Errno;
use crate::base::exit::Exit;
use crate::base::id::Run;
use crate::base::stage::Stage;
use crate::base::time::Mono;
use crate::base::units::print_duration;
use crate::config::model::{Hook, Policy};
use crate::control::message::{Health, StateName, Want};

use super::health::{CheckNumber, Checks, Last};
use super::task::Outcome;

/// How long a child may take from its birth to a successful `execve`: after that it is killed. A directory on a dead
/// network file system must not leave a process in STARTING for ever.
pub const SPAWN_LIMIT: Duration = Duration::from_secs(60);

/// How long after the stop signal SIGCONT is sent to what is still there. A process that is stopped (by SIGSTOP or a
/// terminal) gets to its handler only when it is continued; all others are not bothered with a signal that they may
/// have a handler for.
pub const CONTINUE_AFTER: Duration = Duration::from_millis(100);

/// After SIGKILL, how long until it is sent again and the process is reported as unkillable.
pub const KILL_AGAIN: Duration = Duration::from_secs(10);

/// A run that has a process, or is about to have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Which spawn it is.
    pub run: Run,
    /// The process id, for people and programs that look on. `Some` from the fact `Spawned` on.
    pub pid: Option<u32>,
    /// When the spawn was asked for.
    pub spawned: Mono,
}

/// How far a start has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Exec {
    /// There is no process yet: its `pre_start` runs.
    Preparing,
    /// Neither success nor failure of `execve` is known.
    Pending,
    /// A step before or at `execve` failed; the exit of the child follows.
    Failed(Failure),
    /// `execve` succeeded at this time: `starttime` counts from here.
    Confirmed(Mono),
}

/// How hard a process has been pressed to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// None so far: its `pre_stop` runs.
    Spared,
    /// Of several stop signals, the one at this place in `stop_first` was sent, at this time.
    First(usize, Mono),
    /// Its `stop_command` runs, or has succeeded.
    Commanded,
    /// The stop signal was sent, the last one if there are several.
    Asked,
    /// It was still there after [`CONTINUE_AFTER`], and was continued in case that it is stopped.
    Continued,
    /// SIGKILL was sent, the last time then.
    Killed(Mono),
    /// Nothing of it is left, and its `post_stop` runs.
    Gone,
}

/// Why a process is being stopped.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// Somebody asked for it. What comes next is decided by what is wanted.
    Intent,
    /// Its leader ended by itself and left members of its group behind. When these are gone, the end of the leader
    /// is judged as it would have been at once.
    Leftovers(Verdict),
}

/// What the end of a leader means.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The start had not succeeded.
    Failed(Failure),
    /// It had been running.
    Ended,
    /// It had been running for longer than it may, and was stopped for that.
    TimedOut(Duration),
    /// It had been running and was not well any more, for this reason, and was stopped for that.
    Unhealthy(String),
}

/// The state of a process.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Not running: never started, or stopped by intent.
    Stopped,
    /// Wanted up, waits for what it depends on.
    Waiting,
    /// Wanted up, waits for a connection to one of its sockets.
    Listening,
    /// Spawned, not yet counted as started.
    Starting {
        /// The run.
        live: Live,
        /// How far it has come.
        exec: Exec,
    },
    /// Up.
    Running {
        /// The run.
        live: Live,
    },
    /// On its way down. A restart is this with `Want::Up`.
    Stopping {
        /// The run.
        live: Live,
        /// When the stop signal was sent; as long as it was not, when the stop began.
        asked: Mono,
        /// What has been done since.
        pressure: Pressure,
        /// Why.
        cause: Cause,
        /// How the leader ended; `Some` iff only the rest of its group is awaited, or its `post_stop`.
        ended: Option<Exit>,
    },
    /// Waits for the next try.
    Backoff {
        /// When that is.
        until: Mono,
        /// What went wrong; `None` if only the floor between two spawns is waited for.
        why: Option<Failure>,
    },
    /// Ended, and the policy does not start it again.
    Exited {
        /// How.
        exit: Exit,
        /// Whether that end was one of the expected ones.
        expected: bool,
    },
    /// Given up.
    Fatal {
        /// The last failure.
        why: Failure,
    },
}

/// Why a start failed, or why a process is not started again at once.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// A step of the spawn failed.
    Spawn {
        /// Which.
        stage: Stage,
        /// How.
        errno: Errno,
        /// What it was about: the program's path, the directory, the user.
        what: String,
    },
    /// It was to be stopped before it was born.
    Cancelled,
    /// It ended before `starttime` was over.
    TooQuick(Exit),
    /// It ended before `execve` had happened.
    BeforeExec(Exit),
    /// It did not get to `execve` within [`SPAWN_LIMIT`].
    NoExec,
    /// It ended after it had started, once more within a short time.
    Died(Exit),
    /// It took longer than `timeout`, which is this.
    TimedOut(Duration),
    /// Its `pre_start` did not succeed.
    Unprepared(Outcome),
    /// It did not become ready in time, for this reason.
    NotReady(String),
    /// It ended before it was ready.
    EndedUnready(Exit),
    /// It was not well any more, for this reason.
    Unhealthy(String),
}

impl Failure {
    /// Whether the machine lacked something, which is no verdict on the program.
    #[must_use]
    pub fn is_resource(&self) -> bool {
        match self {
            Failure::Spawn { errno, .. } => errno.is_resource(),
            Failure::Unprepared(Outcome::NotStarted(why)) => why.is_resource(),
            Failure::Cancelled
            | Failure::TooQuick(_)
            | Failure::BeforeExec(_)
            | Failure::NoExec
            | Failure::Died(_)
            | Failure::TimedOut(_)
            | Failure::Unprepared(_)
            | Failure::NotReady(_)
            | Failure::EndedUnready(_)
            | Failure::Unhealthy(_) => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Spawn { stage, errno, what } => {
                write!(f, "cannot {}", stage.text())?;
                if !what.is_empty() {
                    write!(f, " \"{what}\"")?;
                }
                write!(f, ": {errno}")
            }
            Failure::Cancelled => f.write_str("stopped before it was spawned"),
            Failure::TooQuick(exit) => write!(f, "exited too quickly ({exit})"),
            Failure::BeforeExec(exit) => write!(f, "ended before it could execute its program ({exit})"),
            Failure::NoExec => {
                write!(f, "could not execute its program within {} s; a file system may hang", SPAWN_LIMIT.as_secs())
            }
            Failure::Died(exit) => write!(f, "{exit}"),
            Failure::NotReady(why) => write!(f, "did not become ready: {why}"),
            Failure::EndedUnready(exit) => write!(f, "exited before it was ready ({exit})"),
            Failure::Unhealthy(why) => write!(f, "unhealthy: {why}"),
            Failure::Unprepared(outcome) => write!(f, "{} {outcome}", Hook::PreStart.key()),
            Failure::TimedOut(limit) => write!(f, "took longer than its timeout ({})", print_duration(*limit)),
        }
    }
}

/// One process of a program, as the machine sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its state.
    pub state: State,
    /// What is wanted of it.
    pub want: Want,
    /// Whether it is to run now, and not only when a connection comes in. Of those that are started by one.
    pub demanded: bool,
    /// When it entered its state; `None` until it first changed.
    pub entered: Option<Mono>,
    /// The last run that was spawned.
    pub last_run: Run,
    /// When that was.
    pub last_spawn: Option<Mono>,
    /// How the last run that ended did so.
    pub last_exit: Option<Exit>,
    /// Failed starts in a row that count against `startretries`.
    pub tries: u32,
    /// Failed starts in a row for want of a resource.
    pub starved: u32,
    /// Deaths in a row soon after a spawn although the start had succeeded.
    pub quick: u32,
    /// The checks of the live run, as soon as they have begun.
    pub checks: Option<Box<Checks>>,
    /// The last check that has ended, of whatever run.
    pub last_check: Option<Box<Last>>,
    /// The number of the last check that was begun.
    pub last_number: CheckNumber,
    /// What the live run says of itself.
    pub says: Option<Box<str>>,
}

impl Default for Instance {
    fn default() -> Instance {
        Instance {
            state: State::Stopped,
            want: Want::Down,
            demanded: false,
            entered: None,
            last_run: Run::default(),
            last_spawn: None,
            last_exit: None,
            tries: 0,
            starved: 0,
            quick: 0,
            checks: None,
            last_check: None,
            last_number: CheckNumber::default(),
            says: None,
        }
    }
}

impl Instance {
    /// The live run, if there is one.
    #[must_use]
    pub fn live(&self) -> Option<&Live> {
        match &self.state {
            State::Starting { live, .. } | State::Running { live } | State::Stopping { live, .. } => Some(live),
            State::Stopped
            | State::Waiting
            | State::Listening
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Fatal { .. } => None,
        }
    }

    /// When it is started again; `None` unless it waits for that after a failure.
    #[must_use]
    pub fn next_try(&self) -> Option<Mono> {
        if let State::Backoff { until, .. } = self.state { Some(until) } else { None }
    }

    /// How hard it has been pressed to end; `None` unless it is being stopped.
    #[must_use]
    pub fn pressure(&self) -> Option<Pressure> {
        if let State::Stopping { pressure, .. } = self.state { Some(pressure) } else { None }
    }

    /// Whether its spawn waits for its `pre_start`.
    #[must_use]
    pub fn is_preparing(&self) -> bool {
        matches!(self.state, State::Starting { exec: Exec::Preparing, .. })
    }

    /// Whether there may be a process of it: not before its `pre_start` has succeeded, nor while `post_stop` runs.
    #[must_use]
    pub fn has_process(&self) -> bool {
        self.live().is_some() && !self.is_preparing() && self.pressure() != Some(Pressure::Gone)
    }

    /// When time alone changes the state.
    #[must_use]
    pub fn deadline(&self, policy: &Policy) -> Option<Mono> {
        match &self.state {
            State::Starting { exec: Exec::Preparing, .. } => None,
            State::Starting { live, exec: Exec::Pending | Exec::Failed(_) } => Some(live.spawned.after(SPAWN_LIMIT)),
            State::Starting { exec: Exec::Confirmed(at), .. } => {
                let checked = self.checked_by(policy).is_some();
                if checked { self.check_due(policy) } else { Some(at.after(policy.starttime)) }
            }
            // What is awaited is the end of a task, which has its own deadline.
            State::Stopping { pressure: Pressure::Spared | Pressure::Gone, .. } => None,
            State::Stopping { pressure: Pressure::First(n, at), .. } => {
                Some(at.after(policy.stop_first.get(*n).map_or(CONTINUE_AFTER, |(_, wait)| *wait)))
            }
            State::Stopping { asked, pressure: Pressure::Asked, .. } => {
                Some(asked.after(policy.stoptime.min(CONTINUE_AFTER)))
            }
            State::Stopping { asked, pressure: Pressure::Commanded | Pressure::Continued, .. } => {
                Some(asked.after(policy.stoptime))
            }
            State::Stopping { pressure: Pressure::Killed(at), .. } => Some(at.after(KILL_AGAIN)),
            State::Backoff { until, .. } => Some(*until),
            State::Running { .. } => self.over_time_at(policy).into_iter().chain(self.check_due(policy)).min(),
            State::Stopped | State::Waiting | State::Listening | State::Exited { .. } | State::Fatal { .. } => None,
        }
    }

    /// Whether it runs and is not well any more.
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        let running = matches!(self.state, State::Running { .. });
        running && self.checks.as_deref().is_some_and(|checks| checks.health == Health::Unhealthy)
    }

    /// When a job that runs has done so for too long.
    #[must_use]
    pub fn over_time_at(&self, policy: &Policy) -> Option<Mono> {
        let live = self.live().filter(|_| policy.oneshot && matches!(self.state, State::Running { .. }))?;
        policy.timeout.map(|limit| live.spawned.after(limit))
    }

    /// Whether it is being stopped because its policy says so: it has run for too long, or is not well.
    #[must_use]
    pub fn is_condemned(&self) -> bool {
        let unwell = matches!(self.state, State::Stopping { cause: Cause::Leftovers(Verdict::Unhealthy(_)), .. });
        unwell || self.is_over_time()
    }

    /// Whether it is being stopped because it has run for too long.
    #[must_use]
    pub fn is_over_time(&self) -> bool {
        matches!(self.state, State::Stopping { cause: Cause::Leftovers(Verdict::TimedOut(_)), .. })
    }

    /// When SIGKILL is sent if it does not end before.
    #[must_use]
    pub fn kill_at(&self, policy: &Policy) -> Option<Mono> {
        let State::Stopping { asked, pressure, .. } = &self.state else { return None };
        match pressure {
            Pressure::Commanded | Pressure::Asked | Pressure::Continued => Some(asked.after(policy.stoptime)),
            Pressure::First(n, at) => {
                let waits = policy.stop_first.iter().skip(*n).map(|(_, wait)| *wait);
                Some(waits.fold(*at, Mono::after).after(policy.stoptime))
            }
            Pressure::Spared | Pressure::Killed(_) | Pressure::Gone => None,
        }
    }

    /// Whether what it is agrees with what is wanted. Being on the way does not count as being there.
    #[must_use]
    pub fn as_wanted(&self) -> bool {
        match (&self.state, self.want) {
            (State::Running { .. }, want) => want == Want::Up && !self.is_unhealthy(),
            (State::Listening, want) => want == Want::Up,
            (State::Exited { expected, .. }, want) => *expected || want == Want::Down,
            (State::Stopped | State::Fatal { .. }, want) => want == Want::Down,
            (State::Waiting | State::Starting { .. } | State::Stopping { .. } | State::Backoff { .. }, _) => false,
        }
    }

    /// The name of its state.
    #[must_use]
    pub fn name(&self) -> StateName {
        match self.state {
            State::Stopped => StateName::Stopped,
            State::Waiting | State::Listening => StateName::Waiting,
            State::Starting { .. } => StateName::Starting,
            State::Running { .. } => StateName::Running,
            State::Stopping { .. } => StateName::Stopping,
            State::Backoff { .. } => StateName::Backoff,
            State::Exited { .. } => StateName::Exited,
            State::Fatal { .. } => StateName::Fatal,
        }
    }
}
