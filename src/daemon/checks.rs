//! Checks of processes, carried out: connections, requests, commands, and the signs that processes give of themselves.
//!
//! When a check is due, how long it may take and what its result means is decided by the core. Each check that it begins
//! is answered once, with what was found, also one that it ends before. Nothing here waits: what is under way is a
//! descriptor of the reactor, a task, or the wish for a sign. Of connections and commands there is a bounded number at
//! once; the others wait in the order in which they were asked for.

pub(super) mod connection;
pub(super) mod http;
mod message;
mod notify;
mod signs;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::base::exit::Exit;
use crate::base::id::{Key, Run, TaskId};
use crate::config::expand;
use crate::config::model::{Config, Probe, Program};
use crate::supervise::event::{Fact, Input};
use crate::supervise::health::{CheckNumber, Found, Purpose};
use crate::supervise::task::{Task, TaskEnd, TaskKind, TaskOutput};

use super::run::Daemon;

use connection::Connection;
use signs::Signs;
pub use signs::files_of_signs;

/// How many connections of checks there are at once.
const CONNECTIONS: usize = 512;

/// How many commands of checks run at once.
const COMMANDS: usize = 64;

/// Names a check.
pub type Id = (Key, CheckNumber);

/// Everything that is under way.
#[derive(Debug, Default)]
pub struct Checks {
    all: BTreeMap<Id, Check>,
    /// Those that wait until there may be one more connection.
    to_connect: VecDeque<Id>,
    connected: usize,
    /// Those that wait until there may be one more command, or their process has none.
    to_run: VecDeque<Id>,
    /// The commands that run, and the processes that have one.
    commands: BTreeMap<TaskId, Id>,
    busy: BTreeSet<Key>,
    last_task: u64,
    /// The signs of those runs that are to give any.
    signs: BTreeMap<(Key, Run), Signs>,
}

#[derive(Debug)]
struct Check {
    run: Run,
    purpose: Purpose,
    way: Way,
}

/// How far a check is.
#[derive(Debug)]
enum Way {
    /// It waits to be begun.
    Waiting,
    /// It has a connection.
    Connection(Box<Connection>),
    /// Its command runs.
    Command(TaskId),
    /// It waits for a sign.
    Sign,
}

/// How many descriptors the checks of a configuration may need together, beside those of signs: one for a connection,
/// and for a command a pidfd, its status pipe and its output.
pub fn files_at_once(config: &Config) -> u64 {
    let processes = |wanted: fn(&Probe) -> bool| {
        let checked = |program: &&Arc<Program>| {
            let both = [Purpose::Readiness, Purpose::Health].map(|purpose| purpose.of(&program.policy));
            both.into_iter().flatten().any(|check| wanted(&check.probe))
        };
        config.programs.values().filter(checked).map(|program| u64::from(program.numprocs)).sum::<u64>()
    };
    let connections = processes(|probe| matches!(probe, Probe::Tcp(_) | Probe::Http { .. }));
    let commands = processes(|probe| matches!(probe, Probe::Exec(_)));
    connections.min(CONNECTIONS as u64) + 3 * commands.min(COMMANDS as u64)
}

/// A check that has found something wrong, before anything was printed.
fn wrong(text: impl Into<String>) -> Found {
    Found { wrong: Some(text.into()), output: Vec::new() }
}

impl Daemon {
    /// The probe of a check, with its texts filled in.
    fn probe(&self, key: Key, purpose: Purpose) -> Result<Probe, String> {
        let member = self.fleet.member(key).ok_or("the process is gone")?;
        let check = purpose.of(&member.program.policy).ok_or("there is no such check any more")?;
        let probe = check.probe.clone();
        if !probe.texts().iter().any(|text| text.contains('$') || text.contains("%(")) {
            return Ok(probe);
        }
        let named = (probe.key(), &probe);
        let filled = self.outside(|outside| expand::probe(&member.program, &member.name, member.num, outside, named));
        filled.map_err(|errors| errors.first().map_or_else(String::new, ToString::to_string))
    }

    /// Begins a check.
    pub(super) fn begin_check(&mut self, key: Key, run: Run, purpose: Purpose, number: CheckNumber) {
        let member = self.fleet.member(key);
        let check = member.and_then(|member| purpose.of(&member.program.policy));
        let (id, probe) = ((key, number), check.map(|check| &check.probe));
        let is_sign = probe.is_some_and(Probe::is_sign);
        let runs = matches!(probe, Some(Probe::Exec(_)));
        let way = if is_sign { Way::Sign } else { Way::Waiting };
        self.checks.all.insert(id, Check { run, purpose, way });
        if is_sign {
            self.await_sign(id, run, purpose);
        } else if runs {
            self.checks.to_run.push_back(id);
            self.run_more();
        } else {
            self.checks.to_connect.push_back(id);
            self.connect_more();
        }
    }

    /// Ends a check: nobody waits for its result any more. A command is killed, and answered for when it is gone.
    pub(super) fn end_check(&mut self, id: Id) {
        match self.checks.all.get(&id).map(|check| (&check.way, check.run, check.purpose)) {
            None => {}
            Some((Way::Command(task), ..)) => self.kill_task(*task),
            Some((Way::Sign, run, purpose)) => {
                let missing = self.missing_sign(id.0, run, purpose);
                self.answer_check(id, wrong(missing));
            }
            Some((Way::Waiting | Way::Connection(_), ..)) => self.answer_check(id, wrong("was not done in time")),
        }
    }

    /// Tells what a check has found. With that it is over.
    fn answer_check(&mut self, id: Id, found: Found) {
        let Some(check) = self.checks.all.remove(&id) else { return };
        self.inputs.push_back(Input::Fact(id.0, check.run, Fact::Checked(id.1, found)));
        match check.way {
            Way::Waiting => {
                self.checks.to_connect.retain(|waiting| *waiting != id);
                self.checks.to_run.retain(|waiting| *waiting != id);
            }
            Way::Connection(connection) => {
                connection.close(&mut self.reactor);
                self.checks.connected -= 1;
                self.connect_more();
            }
            Way::Command(task) => {
                self.checks.commands.remove(&task);
                self.checks.busy.remove(&id.0);
                self.run_more();
            }
            Way::Sign => self.forget_wish(id.0, check.run, check.purpose),
        }
    }

    /// Begins as many of the waiting connections as there may be.
    fn connect_more(&mut self) {
        while self.checks.connected < CONNECTIONS {
            let Some(id) = self.checks.to_connect.pop_front() else { return };
            self.connect(id);
        }
    }

    /// Begins as many of the waiting commands as there may be. No process has two at once.
    fn run_more(&mut self) {
        while self.checks.commands.len() < COMMANDS {
            let free = |(key, _): &Id| !self.checks.busy.contains(key);
            let Some(at) = self.checks.to_run.iter().position(free) else { return };
            let Some(id) = self.checks.to_run.remove(at) else { return };
            self.run_command(id);
        }
    }

    fn run_command(&mut self, id: Id) {
        let key = id.0;
        let (Some(check), Some(member)) = (self.checks.all.get_mut(&id), self.fleet.member(key)) else { return };
        let program = Arc::clone(&member.program);
        let Some(Probe::Exec(argv)) = check.purpose.of(&program.policy).map(|check| &check.probe) else {
            return self.answer_check(id, wrong("there is no such check any more"));
        };
        self.checks.last_task += 1;
        let task = TaskId::Shell(self.checks.last_task);
        check.way = Way::Command(task);
        self.checks.commands.insert(task, id);
        self.checks.busy.insert(key);
        let (argv, env) = (argv.clone(), self.fleet.about(member));
        self.tasks.queue(Task { id: task, key, kind: TaskKind::Check, argv, env, output: TaskOutput::Keep });
    }

    /// The command of a check has ended, with all of its group.
    pub(super) fn command_ended(&mut self, task: TaskId, end: &TaskEnd, output: Vec<u8>) {
        let Some(id) = self.checks.commands.get(&task).copied() else { return };
        let wrong = match end {
            TaskEnd::Exit(Exit::Code(0)) => None,
            TaskEnd::Exit(exit) => Some(exit.to_string()),
            TaskEnd::NotStarted(failure) => Some(failure.to_string()),
        };
        self.answer_check(id, Found { wrong, output });
    }
}
