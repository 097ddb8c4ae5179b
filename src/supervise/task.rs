//! Tasks: commands that are run beside a process for its sake, such as hooks.
//!
//! The core says what is to run, for whom and for how long; the shell runs it as the program would be run, and tells its
//! end. Here are the requests, what may become of them, and the list of those that have not ended. A task that has taken
//! too long, or is not wanted any more, is killed with all of its process group, and stays in the list until it has
//! ended. What is concluded from an end is decided by whoever asked for the task.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::base::exit::Exit;
use crate::base::id::{Key, Run, TaskId};
use crate::base::time::Mono;
use crate::base::units::print_duration;
use crate::config::model::Hook;

use super::action::Action;
use super::fleet::{Due, Fleet, Member};
use super::state::Failure;

/// How much of the output of a task is kept, if it is kept: the last bytes.
pub const KEPT_BYTES: usize = 4096;

/// What a task is for. A process has at most one of each kind, but for those that are being killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskKind {
    /// A hook of its program.
    Hook(Hook),
    /// It is told an event, and belongs to no process. Only the shell runs such tasks.
    Event,
    /// A check of it. Only the shell runs such tasks, when it is told to check.
    Check,
}

impl TaskKind {
    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TaskKind::Hook(hook) => hook.key(),
            TaskKind::Event => "on_event",
            TaskKind::Check => "check",
        }
    }
}

/// Where the output of a task goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskOutput {
    /// Where that of the process goes.
    Log,
    /// The last [`KEPT_BYTES`] of both streams are handed back.
    Keep,
}

/// A task that is to be run: with the user, groups, environment, directory and limits of the process.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// Whose it is.
    pub key: Key,
    /// What it is for.
    pub kind: TaskKind,
    /// The words of the command, not yet expanded. Never empty.
    pub argv: Vec<String>,
    /// Variables beside those of the process.
    pub env: Vec<(String, String)>,
    /// Where its output goes.
    pub output: TaskOutput,
}

/// How a task ended, as the shell tells it.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskEnd {
    /// It ran, and ended like this.
    Exit(Exit),
    /// It did not come to run.
    NotStarted(Failure),
}

/// What became of a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It ended by itself.
    Ended(Exit),
    /// It did not come to run.
    NotStarted(Box<Failure>),
    /// It was killed after this time, which is its limit.
    TimedOut(Duration),
    /// It was killed since nobody wants it any more.
    Dropped,
}

impl Outcome {
    /// Whether it did what it was to do.
    #[must_use]
    pub fn is_good(&self) -> bool {
        match self {
            Outcome::Ended(exit) => *exit == Exit::Code(0),
            Outcome::NotStarted(_) | Outcome::TimedOut(_) | Outcome::Dropped => false,
        }
    }
}

impl fmt::Display for Outcome {
    /// The end of a sentence about the task: `failed (exit status 1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Ended(Exit::Code(0)) => f.write_str("succeeded"),
            Outcome::Ended(exit) => write!(f, "failed ({exit})"),
            Outcome::NotStarted(why) => write!(f, "did not start: {why}"),
            Outcome::TimedOut(limit) => write!(f, "took longer than its timeout ({})", print_duration(*limit)),
            Outcome::Dropped => f.write_str("was ended before it was done"),
        }
    }
}

/// A task that somebody in the core wants to have run.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// What for.
    pub kind: TaskKind,
    /// The run that it belongs to.
    pub run: Run,
    /// The words of the command.
    pub argv: Vec<String>,
    /// Variables beside those that every task has.
    pub env: Vec<(String, String)>,
    /// Where its output goes.
    pub output: TaskOutput,
    /// How long it may take.
    pub timeout: Duration,
}

/// The tasks that have not ended.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    last: u64,
    live: BTreeMap<TaskId, Live>,
    /// The numbers of those in `live`, for each process.
    by_key: BTreeSet<(Key, TaskId)>,
}

/// One of them.
#[derive(Debug)]
struct Live {
    key: Key,
    run: Run,
    kind: TaskKind,
    limit: Duration,
    /// When it is killed; `None` once it was.
    due: Option<Mono>,
    /// What is told of it when it has ended; `Some` iff it was killed.
    killed: Option<Outcome>,
}

impl Live {
    /// Whether its end matters to anybody.
    fn is_wanted(&self) -> bool {
        self.killed != Some(Outcome::Dropped)
    }
}

impl Tasks {
    /// Whether there are none at all.
    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// The tasks of a process whose end matters to somebody.
    pub(super) fn of(&self, key: Key) -> impl Iterator<Item = (Run, TaskKind)> {
        self.wanted(key).map(|(_, task)| (task.run, task.kind))
    }

    fn wanted(&self, key: Key) -> impl Iterator<Item = (TaskId, &Live)> {
        let ids = self.by_key.range((key, TaskId::Core(0))..=(key, TaskId::Event(u64::MAX))).map(|(_, id)| *id);
        ids.filter_map(|id| self.live.get(&id).map(|task| (id, task))).filter(|(_, task)| task.is_wanted())
    }
}

impl Fleet {
    /// The variables that tell a task what it is run for.
    #[must_use]
    pub fn about(&self, member: &Member) -> Vec<(String, String)> {
        let mut about = vec![
            ("TASKMASTER_PROCESS".to_owned(), self.display_name(member)),
            ("TASKMASTER_PROGRAM".to_owned(), member.name.to_string()),
        ];
        if let Some(pid) = member.inst.live().and_then(|live| live.pid) {
            about.push(("TASKMASTER_PID".to_owned(), pid.to_string()));
        }
        about
    }

    /// Has a task run. One of the same kind that is not over is killed, and nothing is made of its end.
    pub(super) fn run_task(&mut self, key: Key, order: Order, now: Mono, out: &mut Vec<Action>) {
        let Some(member) = self.members.get(&key) else { return };
        let Order { kind, run, argv, mut env, output, timeout } = order;
        let mut about = self.about(member);
        about.append(&mut env);
        self.drop_tasks(key, |_, other| other == kind, out);
        self.tasks.last += 1;
        let id = TaskId::Core(self.tasks.last);
        let due = now.after(timeout);
        let live = Live { key, run, kind, limit: timeout, due: Some(due), killed: None };
        self.tasks.live.insert(id, live);
        self.tasks.by_key.insert((key, id));
        self.deadlines.insert((due, Due::Task(id)));
        out.push(Action::RunTask(Box::new(Task { id, key, kind, argv, env: about, output })));
    }

    /// Kills those tasks of a process that are picked by run and kind: nobody wants them any more.
    pub(super) fn drop_tasks(&mut self, key: Key, pick: impl Fn(Run, TaskKind) -> bool, out: &mut Vec<Action>) {
        let unwanted = self.tasks.wanted(key).filter(|(_, task)| pick(task.run, task.kind));
        let ids: Vec<TaskId> = unwanted.map(|(id, _)| id).collect();
        for id in ids {
            self.kill_task(id, Outcome::Dropped, out);
        }
    }

    /// The time of a task is over.
    pub(super) fn task_due(&mut self, id: TaskId, out: &mut Vec<Action>) {
        if let Some(limit) = self.tasks.live.get(&id).map(|task| task.limit) {
            self.kill_task(id, Outcome::TimedOut(limit), out);
        }
    }

    fn kill_task(&mut self, id: TaskId, why: Outcome, out: &mut Vec<Action>) {
        let Some(task) = self.tasks.live.get_mut(&id) else { return };
        if let Some(due) = task.due.take() {
            self.deadlines.remove(&(due, Due::Task(id)));
        }
        // One that was killed for its time may lose its purpose before it has ended.
        if task.killed.replace(why).is_none() {
            out.push(Action::KillTask(id));
        }
    }

    /// A task has ended.
    pub(super) fn task_ended(&mut self, id: TaskId, end: TaskEnd, now: Mono, out: &mut Vec<Action>) {
        let Some(task) = self.tasks.live.remove(&id) else { return };
        self.tasks.by_key.remove(&(task.key, id));
        if let Some(due) = task.due {
            self.deadlines.remove(&(due, Due::Task(id)));
        }
        let outcome = task.killed.unwrap_or(match end {
            TaskEnd::Exit(exit) => Outcome::Ended(exit),
            TaskEnd::NotStarted(why) => Outcome::NotStarted(Box::new(why)),
        });
        match task.kind {
            TaskKind::Hook(hook) => self.hook_ended(task.key, task.run, hook, outcome, now, out),
            TaskKind::Event | TaskKind::Check => {}
        }
    }

    /// What must hold of tasks between two inputs.
    pub(super) fn tasks_hold(&self) -> Result<(), String> {
        for (id, task) in &self.tasks.live {
            if !self.members.contains_key(&task.key) && task.is_wanted() {
                return Err(format!("{id:?} is run for a process that is gone"));
            }
            if task.due.is_some_and(|due| !self.deadlines.contains(&(due, Due::Task(*id)))) {
                return Err(format!("the deadline of {id:?} is not listed"));
            }
            let same = |other: &&Live| (other.key, other.kind) == (task.key, task.kind) && other.is_wanted();
            if self.tasks.live.values().filter(same).count() > 1 {
                return Err(format!("{:?} has two tasks for {}", task.key, task.kind.name()));
            }
        }
        let listed = self.deadlines.iter().filter(|(_, due)| matches!(due, Due::Task(_))).count();
        if listed != self.tasks.live.values().filter(|task| task.due.is_some()).count() {
            return Err("the deadline of a task belongs to nobody".to_owned());
        }
        Ok(())
    }
}
