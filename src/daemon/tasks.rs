//! Tasks that run: commands beside a process for its sake.
//!
//! A task is born like a run, in a session of its own. When its leader has ended, the rest of its group is killed before
//! the leader is reaped: until then the group's number cannot be anybody else's. What it wrote is in the log, or read,
//! before its end is told. Nothing here decides: how long a task may take is known to whoever asked for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::base::errno::{Errno, plain};
use crate::base::id::{Key, TaskId};
use crate::base::signal::Sig;
use crate::base::stage::Stage;
use crate::config::model::Level;
use crate::supervise::event::Input;
use crate::supervise::state::Failure;
use crate::supervise::task::{KEPT_BYTES, Task, TaskEnd, TaskKind};
use crate::sys::spawn::{Failed, Launch, Spawned, Status, read_status};
use crate::sys::{fd, group, pidfd, wait};

use super::output::Writer;
use super::reactor::{Reactor, Source, Token, Wants};
use super::run::Daemon;

/// How much is read of the output of one task in one turn.
const READ_BUDGET_BYTES: usize = 64 << 10;

/// How much is read at its end. What left its group may write on.
const LAST_BYTES: usize = 1 << 20;

/// All tasks.
#[derive(Debug, Default)]
pub struct Tasks {
    /// Those that wait for their turn to be born.
    waiting: VecDeque<Task>,
    live: BTreeMap<TaskId, Live>,
    /// Those that had more output than their budget in the last turn.
    again: BTreeSet<TaskId>,
}

/// A task that has just been born.
#[derive(Debug)]
pub struct Birth {
    /// Its number.
    pub id: TaskId,
    /// Whose it is; `None` if it belongs to no process.
    pub key: Option<Key>,
    /// What it is for.
    pub kind: TaskKind,
    /// Its command as it is configured, for people.
    pub command: String,
}

#[derive(Debug)]
struct Live {
    key: Option<Key>,
    kind: TaskKind,
    /// The command as it is configured, for people.
    command: String,
    pid: u32,
    leader: Token,
    /// Tells at the end whether the command was executed, with what the child may use until then.
    status: OwnedFd,
    launch: Launch,
    kept: Option<Kept>,
}

/// Output that is kept.
#[derive(Debug)]
struct Kept {
    token: Token,
    last: Vec<u8>,
}

impl Kept {
    /// Reads on, up to `budget` bytes; whether there may be more.
    fn read(&mut self, reactor: &Reactor, budget: usize) -> bool {
        let mut room = [0; 4096];
        let mut left = budget;
        while left > 0 {
            let Some(pipe) = reactor.fd(self.token) else { return false };
            match fd::read(pipe, &mut room) {
                Ok(0) => return false,
                Ok(n) => {
                    left = left.saturating_sub(n);
                    self.last.extend_from_slice(room.get(..n).unwrap_or_default());
                    let surplus = self.last.len().saturating_sub(KEPT_BYTES);
                    self.last.drain(..surplus);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }
}

impl Tasks {
    /// Puts a task at the end of those that wait to be born.
    pub fn queue(&mut self, task: Task) {
        self.waiting.push_back(task);
    }

    /// The next one to be born.
    pub fn next(&mut self) -> Option<Task> {
        self.waiting.pop_front()
    }

    /// Whether this is the number of a task's leader.
    #[must_use]
    pub fn leads(&self, pid: u32) -> bool {
        self.live.values().any(|live| live.pid == pid)
    }

    /// Whether there is something to do at once: then the next poll must not wait.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.waiting.is_empty() || !self.again.is_empty()
    }

    /// Reads what has come from a task whose output is kept.
    pub fn serve_output(&mut self, reactor: &mut Reactor, id: TaskId) {
        let kept = self.live.get_mut(&id).and_then(|live| live.kept.as_mut());
        if kept.is_some_and(|kept| kept.read(reactor, READ_BUDGET_BYTES)) {
            self.again.insert(id);
        }
    }

    /// Serves those that were left over from the last turn.
    pub fn serve_due(&mut self, reactor: &mut Reactor) {
        for id in std::mem::take(&mut self.again) {
            self.serve_output(reactor, id);
        }
    }
}

impl Daemon {
    /// Brings a task into being. If that fails, this is its end.
    pub(super) fn begin_task(&mut self, task: Task) {
        let (id, kind) = (task.id, task.kind);
        let command = task.argv.first().cloned().unwrap_or_default();
        let birth = Birth { id, key: Some(task.key), kind, command };
        let born = self.spawn_task(&task).map_err(|failure| about(failure, &task));
        let result = born.and_then(|(child, kept)| self.watch_task(birth, child, kept));
        if let Err(failure) = result {
            self.outputs.cancel(&mut self.reactor, &mut self.files, Writer::Task(id));
            self.tell_task_end(id, kind, TaskEnd::NotStarted(failure), Vec::new());
        }
    }

    /// Takes over a task that has just been born, and the pipe that its output is read from, if that is kept.
    pub(super) fn watch_task(&mut self, birth: Birth, child: Spawned, kept: Option<OwnedFd>) -> Result<(), Failure> {
        let Spawned { pid, pidfd, status, launch } = child;
        let Birth { id, key, kind, command } = birth;
        let kept = kept.map(|pipe| self.reactor.add(Source::TaskOutput(id), pipe, Wants::Read)).transpose();
        let added = match kept {
            Ok(kept) => self.reactor.add(Source::Task(id), pidfd, Wants::Read).map(|leader| (leader, kept)),
            Err((error, _)) => Err((error, pidfd)),
        };
        let (leader, kept) = match added {
            Ok(tokens) => tokens,
            // One that cannot be watched must not run.
            Err((error, pidfd)) => {
                let _ = pidfd::send_signal(pidfd.as_fd(), Sig::KILL);
                if wait::reap_killed(pidfd.as_fd()).is_ok() {
                    launch.child_is_gone();
                }
                return Err(spawn_failure(Failed::new(Stage::Pipe, &error)));
            }
        };
        let kept = kept.map(|token| Kept { token, last: Vec::new() });
        self.tasks.live.insert(id, Live { key, kind, command, pid, leader, status, launch, kept });
        Ok(())
    }

    /// Kills a task with its group. One that is not born yet never will be.
    pub(super) fn kill_task(&mut self, id: TaskId) {
        if let Some(at) = self.tasks.waiting.iter().position(|task| task.id == id) {
            if let Some(Task { kind, .. }) = self.tasks.waiting.remove(at) {
                self.tell_task_end(id, kind, TaskEnd::NotStarted(Failure::Cancelled), Vec::new());
            }
            return;
        }
        let Some(live) = self.tasks.live.get(&id) else { return };
        if let Err(error) = self.kill_group(live) {
            let name =
                live.key.and_then(|key| self.fleet.member(key)).map(|m| self.fleet.display_name(m)).unwrap_or_default();
            let text = format_args!("cannot kill its {}: {}", live.kind.name(), plain(&error));
            self.journal.note(Level::Error, &name, text);
        }
    }

    fn kill_group(&self, live: &Live) -> io::Result<()> {
        let gone = |error: &io::Error| error.raw_os_error() == Some(Errno::ESRCH.0);
        match group::signal(live.pid, Sig::KILL) {
            // Before it has made its group (setsid) the child is only to be reached by itself.
            Err(error) if gone(&error) => match self.reactor.fd(live.leader) {
                Some(leader) => {
                    pidfd::send_signal(leader, Sig::KILL).or_else(|e| if gone(&e) { Ok(()) } else { Err(e) })
                }
                None => Ok(()),
            },
            result => result,
        }
    }

    /// The leader of a task may have ended.
    pub(super) fn task_ended(&mut self, id: TaskId) {
        let Some(live) = self.tasks.live.get(&id) else { return };
        let leader = self.reactor.fd(live.leader);
        if !leader.is_some_and(|fd| wait::has_ended(fd).unwrap_or(false)) {
            return;
        }
        // Its members are gone with it, unless none of them may be signalled: then they stay, as they would without us.
        let _ = group::signal(live.pid, Sig::KILL);
        let Some(mut live) = self.tasks.live.remove(&id) else { return };
        self.tasks.again.remove(&id);
        let exit = self.reactor.remove(live.leader).and_then(|fd| wait::reap(fd.as_fd()).ok().flatten());
        let failed = match read_status(live.status.as_fd(), &mut live.launch) {
            Ok(Status::Failed(failed)) => Some(failed),
            Ok(Status::Pending | Status::Over) | Err(_) => None,
        };
        live.launch.child_is_gone();
        self.outputs.drain(&mut self.reactor, &mut self.files, Writer::Task(id), self.now);
        self.outputs.said_all(Writer::Task(id));
        let output = live.kept.map_or_else(Vec::new, |mut kept| {
            kept.read(&self.reactor, LAST_BYTES);
            self.reactor.remove(kept.token);
            kept.last
        });
        let end = match (failed, exit) {
            (Some(failed), _) => {
                let failure = live.key.map_or_else(|| spawn_failure(failed), |key| self.failure(key, failed));
                TaskEnd::NotStarted(named(failure, &live.command))
            }
            (None, Some(exit)) => TaskEnd::Exit(exit),
            (None, None) => TaskEnd::NotStarted(spawn_failure(Failed::of(Stage::Clone, Errno::ESRCH.0))),
        };
        self.tell_task_end(id, live.kind, end, output);
    }

    /// Tells the end of a task to whoever asked for it.
    fn tell_task_end(&mut self, id: TaskId, kind: TaskKind, end: TaskEnd, output: Vec<u8>) {
        match kind {
            TaskKind::Event => self.event_command_ended(id, &end, &output),
            TaskKind::Check => self.command_ended(id, &end, output),
            TaskKind::Hook(_) => self.inputs.push_back(Input::TaskEnded { id, end, output }),
        }
    }

    /// Kills what is left: the daemon leaves.
    pub(super) fn kill_all_tasks(&mut self) {
        self.tasks.waiting.clear();
        for live in std::mem::take(&mut self.tasks.live).into_values() {
            // Nobody is told any more.
            let _ = self.kill_group(&live);
        }
    }
}

/// A failure that names the command of the task, where it would name that of the program.
fn about(failure: Failure, task: &Task) -> Failure {
    named(failure, task.argv.first().map_or("", String::as_str))
}

fn named(failure: Failure, command: &str) -> Failure {
    let Failure::Spawn { stage: Stage::Exec, errno, .. } = failure else { return failure };
    Failure::Spawn { stage: Stage::Exec, errno, what: command.to_owned() }
}

fn spawn_failure(failed: Failed) -> Failure {
    Failure::Spawn { stage: failed.stage, errno: failed.errno, what: String::new() }
}
