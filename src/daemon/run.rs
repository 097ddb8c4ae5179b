//! The loop.
//!
//! One turn: wait, serve what happened in a fixed order (children, signals, clock, control, output), tell the core,
//! do what it wants, arm the timer. `now` is read once a turn. What would take too long for one turn – the output of
//! a loud program, the birth of a thousand processes – is cut into pieces, and the next turn does not wait.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use crate::base::id::{Key, Run};
use crate::base::time::Mono;
use crate::config::expand::Outside;
use crate::config::model::Level;
use crate::load::{People, Stamps};
use crate::supervise::action::Action;
use crate::supervise::event::Input;
use crate::supervise::fleet::Fleet;
use crate::sys::limits::OpenFiles;
use crate::sys::nursery::Nursery;
use crate::sys::process;

use super::audit::Audit;
use super::cgroups::Cgroups;
use super::checks::Checks;
use super::children::Children;
use super::clients::Clients;
use super::clock::{self, Clock};
use super::error::Error;
use super::events::Events;
use super::follow::Follows;
use super::journal::Journal;
use super::listeners::Listeners;
use super::logfile::LogFiles;
use super::manager::Manager;
use super::origin::Origin;
use super::orphans::Orphans;
use super::output::Outputs;
use super::reactor::{Reactor, Ready, Token};
use super::receivers::Receivers;
use super::stdin::Stdins;
use super::tasks::Tasks;
use super::terminal::Terminals;
use super::web::Web;

/// How many processes are born in one turn. Between two turns everybody else is served.
const SPAWNS_PER_TURN: usize = 8;

/// How long the loop sleeps at most while a child has not left the daemon's table of descriptors.
const LEAVING_TIME: Duration = Duration::from_millis(1);

/// What is due within this time is waited for before a start counts as over.
const SOON: Duration = Duration::from_secs(2);

/// How far the start of the daemon has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Processes are being spawned.
    Births,
    /// They have been, and come to run.
    Settling,
    /// It is over.
    Over,
}

/// Everything that the loop holds.
pub struct Daemon {
    /// What is polled.
    pub(super) reactor: Reactor,
    /// The timer.
    pub(super) clock: Clock,
    /// The slot of the signalfd.
    pub(super) signals: Token,
    /// The core.
    pub(super) fleet: Fleet,
    /// Live processes.
    pub(super) children: Children,
    /// Checks of processes that are under way.
    pub(super) checks: Checks,
    /// The cgroups of those that have limits for all that they start.
    pub(super) cgroups: Cgroups,
    /// Children that nobody here has started.
    pub(super) orphans: Orphans,
    /// Output pipes.
    pub(super) outputs: Outputs,
    /// Input of the processes that read any.
    pub(super) stdins: Stdins,
    /// Those who are told events.
    pub(super) receivers: Receivers,
    /// Tasks that run, or wait for their turn to be born.
    pub(super) tasks: Tasks,
    /// Terminals of processes.
    pub(super) terminals: Terminals,
    /// Open log files.
    pub(super) files: LogFiles,
    /// Connections.
    pub(super) clients: Clients,
    /// HTTP.
    pub(super) web: Web,
    /// What happened, and who follows.
    pub(super) events: Events,
    /// Requests that will be in the log.
    pub(super) audit: Audit,
    /// Who reads what processes write.
    pub(super) follows: Follows,
    /// The sockets that programs listen at.
    pub(super) listeners: Listeners,
    /// The daemon's own log.
    pub(super) journal: Journal,
    /// The service manager that has started the daemon.
    pub(super) manager: Manager,
    /// Where the configuration comes from, for reading it again.
    pub(super) origin: Origin,
    /// The files that the configuration in force was read from, as they were then; `None` if a restart may have taken
    /// some of it from a later reading.
    pub(super) stamps: Option<Stamps>,
    /// Users and groups that the configuration names.
    pub(super) people: People,
    /// What children need of the surroundings.
    pub(super) surroundings: Surroundings,
    /// Low descriptors for children on their way.
    pub(super) nursery: Nursery,
    /// Facts and intents that the core has not been told yet.
    pub(super) inputs: VecDeque<Input>,
    /// Runs that wait for their turn to be born.
    pub(super) births: VecDeque<(Key, Run)>,
    /// The time of this turn.
    pub(super) now: Mono,
    /// Set when the core has said that all is done; holds what could not be killed, and the exit code.
    pub(super) quit: Option<(Vec<String>, u8)>,
}

/// What is the same for every child.
pub struct Surroundings {
    /// The daemon's environment.
    pub env: BTreeMap<String, String>,
    /// The name of the machine.
    pub host: String,
    /// The working directory of programs that name none.
    pub directory: PathBuf,
    /// The limit on open files that the daemon was started with.
    pub open_files: OpenFiles,
}

impl Surroundings {
    /// Fills in something that refers to them.
    pub fn fill<T>(&self, childlogdir: &str, fill: impl FnOnce(&Outside<'_>) -> T) -> T {
        let env = |variable: &str| self.env.get(variable).cloned();
        fill(&Outside { env: &env, host: &self.host, childlogdir })
    }
}

impl Daemon {
    /// Runs until everything is down after a shutdown; the exit code.
    ///
    /// # Errors
    /// The loop cannot go on, or processes could not be killed.
    pub fn run(&mut self) -> Result<u8, Error> {
        let mut ready = Vec::new();
        self.inputs.push_back(Input::Clock(clock::wall_at(self.now)));
        self.inputs.push_back(Input::Boot);
        self.settle();
        self.tell_ready();
        let mut start = Start::Births;
        while self.quit.is_none() {
            self.turn(&mut ready)?;
            start = self.after_start(start);
        }
        self.kill_all_tasks();
        self.tell_all_followers();
        self.clients.say_goodbye(&mut self.reactor);
        self.web.say_goodbye(&mut self.reactor, self.now);
        match self.quit.take() {
            Some((survivors, _)) if !survivors.is_empty() => Err(Error::Survivors(survivors)),
            quit => Ok(quit.map_or(0, |(_, code)| code)),
        }
    }

    /// Gives up the pages of code that only a start needs: first what has read the configuration, later what has followed
    /// the processes until they ran. From then on there are those pages that the work at hand needs.
    fn after_start(&self, start: Start) -> Start {
        let next = match start {
            Start::Births if self.births.is_empty() => Start::Settling,
            Start::Settling if self.is_settled() => Start::Over,
            Start::Births | Start::Settling | Start::Over => return start,
        };
        process::release_code();
        next
    }

    /// Whether every process is executing its program, and nothing is due soon.
    fn is_settled(&self) -> bool {
        let due = self.fleet.next_deadline();
        due.is_none_or(|at| at.since(self.now) > SOON) && self.births.is_empty() && !self.children.any_unconfirmed()
    }

    fn turn(&mut self, ready: &mut Vec<Ready>) -> Result<(), Error> {
        let told_later = self.clients.has_more() || self.events.has_more() || self.follows.has_more();
        let told_later = told_later || self.web.has_more();
        let births = !self.births.is_empty() || self.tasks.has_more();
        let others = self.receivers.has_more() || self.orphans.has_more();
        let busy = self.outputs.has_more() || self.terminals.has_more() || births || told_later || others;
        // A child that has not left the descriptors yet does so within microseconds, and nothing tells of it.
        let leaving = self.nursery.sweep().then_some(LEAVING_TIME);
        let timeout = if busy { Some(Duration::ZERO) } else { leaving };
        if timeout.is_none() {
            self.nursery.rest();
        }
        self.reactor.wait(timeout, ready).map_err(|e| Error::io("wait for events", "", e))?;
        self.now = clock::now();
        // Before any status pipe is read: of a child that has left, only the child's own copy keeps it open.
        self.nursery.sweep();
        self.children.new_turn();
        for event in ready.drain(..) {
            self.dispatch(event);
        }
        self.reap_orphans();
        self.outputs.serve_due(&mut self.reactor, &mut self.files, self.now);
        self.tasks.serve_due(&mut self.reactor);
        // What was moved out of their pipes has made room.
        self.serve_terminals_due();
        self.lines_came();
        self.serve_follows();
        self.serve_clients_again();
        self.serve_web();
        if self.fleet.next_deadline().is_some_and(|at| at <= self.now) {
            self.inputs.push_back(Input::Tick);
        }
        self.settle();
        self.give_birth();
        self.serve_receivers();
        self.tell_followers();
        self.report_log_facts();
        let output = self.outputs.next_deadline(&self.files);
        self.write_untold();
        self.tell_manager();
        let (clients, audit) = (self.clients.next_deadline(), self.audit.next_deadline());
        let others = [self.web.next_deadline(), self.receivers.next_deadline(), self.manager.next_deadline()];
        let deadline = [self.fleet.next_deadline(), output, clients, audit].into_iter().chain(others);
        let arm = self.clock.arm(&self.reactor, deadline.flatten().min());
        arm.map_err(|e| Error::io("arm the timer", "", e))?;
        self.journal.flush(&mut self.files, self.outputs.consoles(), self.now);
        self.outputs.write_consoles(&mut self.reactor);
        if self.web.times_turns() {
            self.web.turned(clock::now().since(self.now));
        }
        Ok(())
    }

    /// Tells the core everything that has gathered, and does what it wants, until nothing is left to tell.
    pub(super) fn settle(&mut self) {
        let mut actions: Vec<Action> = Vec::new();
        while let Some(input) = self.inputs.pop_front() {
            self.fleet.handle(input, self.now, &mut actions);
            for action in actions.drain(..) {
                self.perform(action);
            }
            if self.inputs.is_empty() {
                self.fit_sockets();
            }
        }
    }

    /// Brings some of the waiting runs and tasks into being. Tasks come first: others may wait for them.
    fn give_birth(&mut self) {
        for _ in 0..SPAWNS_PER_TURN {
            if let Some(task) = self.tasks.next() {
                self.begin_task(task);
            } else if let Some((key, run)) = self.births.pop_front() {
                self.spawn(key, run);
            } else {
                break;
            }
        }
        self.settle();
    }

    /// Writes down what happened to log files.
    pub(super) fn report_log_facts(&mut self) {
        for fact in self.files.take_facts() {
            self.web.note_log(&fact);
            self.journal.write(fact.level(), &fact);
        }
        for (level, fact) in self.outputs.consoles().take_facts() {
            self.journal.write(level, fact);
        }
    }

    /// Writes down a fact about the daemon itself.
    pub(super) fn log(&mut self, level: Level, fact: impl std::fmt::Display) {
        self.journal.write(level, fact);
    }
}
