//! The core in a simulated world: a seeded generator, a virtual clock, processes that are slow, deaf, failing or late,
//! clients that come and go, reloads, restarts by edited files. The same seed gives the same life, step by step.
//!
//! The world keeps its own books of what is alive, and after every step they are held against the fleet's, in both
//! directions. `TASKMASTER_SIM_SEEDS` (how many), `TASKMASTER_SIM_SEED` (the first) and `TASKMASTER_SIM_STEPS` (how
//! long) change what is run; a failure names the seed and the step.
//!
//! That the simulator is sharp is shown by planting bugs between core and world: each must be found.

// A harness that fails loudly is a good one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::wildcard_enum_match_arm)]

#[allow(dead_code)]
#[path = "support/dice.rs"]
mod dice;

#[path = "sim/edited.rs"]
mod edited;
#[path = "sim/times.rs"]
mod times;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use taskmaster::base::errno::Errno;
use taskmaster::base::exit::{Exit, ExitCodes};
use taskmaster::base::id::{ClientId, Key, ProgramName, Run, Ticket};
use taskmaster::base::signal::Sig;
use taskmaster::base::stage::Stage;
use taskmaster::base::time::{Mono, WallClock};
use taskmaster::config::model::{Autorestart, Backoff, Condition, Config, Dependency, Program};
use taskmaster::control::message::{Outcome, Response, StateName, Wait, WaitFor, Want};
use taskmaster::supervise::action::Action;
use taskmaster::supervise::event::{Command, Fact, Files, Input};
use taskmaster::supervise::fleet::{Fleet, Member};
use taskmaster::supervise::state::{Failure, SPAWN_LIMIT};

const MS: u64 = 1_000_000;
/// When a life begins.
const START: u64 = 1_000_000 * MS;

const PROGRAMS: [&str; 4] = ["a", "b", "c", "d"];

/// The chances of a life.
struct Dice(dice::Dice);

impl Dice {
    fn new(seed: u64) -> Dice {
        let mut dice = dice::Dice::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..8 {
            dice.roll();
        }
        Dice(dice)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0.roll() % n.max(1)
    }

    /// True in `percent` of the cases.
    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn ms(&mut self, up_to: u64) -> u64 {
        self.below(up_to) * MS
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let at = usize::try_from(self.below(from.len() as u64)).unwrap();
        from[at].clone()
    }
}

/// What the world will tell about a run, in this order.
#[derive(Clone, Debug, PartialEq)]
enum Coming {
    Spawned,
    SpawnFailed(Failure),
    Executed,
    ExecFailed(Failure),
    Exit(Exit),
    Gone,
}

/// One run in the world's own books, from the wish to spawn it until its last fact was told.
#[derive(Clone, Debug)]
struct Process {
    run: Run,
    /// Ignores the stop signal.
    deaf: bool,
    /// Takes that long to obey it.
    obeys_after: u64,
    /// Leaves members of its group behind when it ends.
    leaves: bool,
    leader_gone: bool,
    /// What has not been told yet, by time. Later entries never come before earlier ones.
    coming: Vec<(u64, Coming)>,
}

impl Process {
    /// The leader ends at `at`, unless it has ended or will before that.
    fn end(&mut self, at: u64, exit: Exit) {
        if self.leader_gone {
            return;
        }
        let never_born = self.coming.iter().any(|(_, c)| matches!(c, Coming::SpawnFailed(_)));
        if never_born {
            return;
        }
        if let Some(at_old) = self.exit_time() {
            if at_old <= at {
                return;
            }
            self.coming.retain(|(_, c)| !matches!(c, Coming::Exit(_) | Coming::Gone));
        }
        // What was still to happen to a living process now never will, but for what is under way already.
        self.coming.retain(|(t, c)| *t <= at || matches!(c, Coming::Spawned));
        let after = self.coming.iter().map(|(t, _)| *t).max().unwrap_or(0).max(at);
        self.coming.push((after, Coming::Exit(exit)));
    }

    fn exit_time(&self) -> Option<u64> {
        self.coming.iter().find(|(_, c)| matches!(c, Coming::Exit(_))).map(|(t, _)| *t)
    }
}

/// A bug between core and world, to see whether it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    LosesAnExit,
    LosesASpawnFailureWhileStopping,
    TellsAnExitTwice,
    SwallowsAReply,
    RepliesTwice,
    SpawnsTwice,
    SignalsTheDead,
    IgnoresGone,
    ForgetsTheTimer,
    ChangesOnADryRun,
    RestartsByTheOldFile,
    RestartReloadsEverything,
    RestartNamesTheWholeProgram,
    LosesTheNotes,
    WaitsForTheOpposite,
    LosesAClockStep,
    QueuesWhatIsSkipped,
    StopsOnlyTheRun,
}

const BUGS: [Bug; 18] = [
    Bug::LosesAnExit,
    Bug::LosesASpawnFailureWhileStopping,
    Bug::TellsAnExitTwice,
    Bug::SwallowsAReply,
    Bug::RepliesTwice,
    Bug::SpawnsTwice,
    Bug::SignalsTheDead,
    Bug::IgnoresGone,
    Bug::ForgetsTheTimer,
    Bug::ChangesOnADryRun,
    Bug::RestartsByTheOldFile,
    Bug::RestartReloadsEverything,
    Bug::RestartNamesTheWholeProgram,
    Bug::LosesTheNotes,
    Bug::WaitsForTheOpposite,
    Bug::LosesAClockStep,
    Bug::QueuesWhatIsSkipped,
    Bug::StopsOnlyTheRun,
];

struct World {
    dice: Dice,
    fleet: Fleet,
    now: u64,
    floor: Duration,
    processes: BTreeMap<Key, Process>,
    last_spawn: BTreeMap<Key, u64>,
    clients: BTreeSet<ClientId>,
    open: BTreeSet<Ticket>,
    /// Restarts whose answers must have notes, or must have none.
    notes_due: BTreeMap<Ticket, bool>,
    /// Who waits for what of whom.
    waits: BTreeMap<Ticket, (WaitFor, Vec<Key>)>,
    /// The wall clock, and when it was set last; 0 if it never was.
    clock: WallClock,
    clock_set_at: u64,
    /// Whose schedules were stopped.
    suspended: BTreeSet<Key>,
    /// The jobs as they were before the present input.
    jobs: BTreeMap<Key, times::Before>,
    next_client: u64,
    next_ticket: u64,
    quits: u32,
    shutdown_at: Option<u64>,
    bug: Option<Bug>,
    bug_armed: bool,
    spawns: u64,
    answers: u64,
    last_signal: Option<(Key, Run)>,
    seen: BTreeSet<&'static str>,
}

type Finding = Result<(), String>;

impl World {
    fn new(seed: u64, bug: Option<Bug>) -> World {
        let mut dice = Dice::new(seed);
        let floor = if dice.chance(50) { Duration::ZERO } else { Duration::from_secs(1) };
        let config = random_config(&mut dice, floor);
        let mut world = World {
            fleet: Fleet::new(Config::default()),
            dice,
            now: START,
            floor,
            processes: BTreeMap::new(),
            last_spawn: BTreeMap::new(),
            clients: BTreeSet::new(),
            open: BTreeSet::new(),
            notes_due: BTreeMap::new(),
            waits: BTreeMap::new(),
            clock: times::first_clock(START),
            clock_set_at: 0,
            suspended: BTreeSet::new(),
            jobs: BTreeMap::new(),
            next_client: 0,
            next_ticket: 0,
            quits: 0,
            shutdown_at: None,
            bug,
            bug_armed: true,
            spawns: 0,
            answers: 0,
            last_signal: None,
            seen: BTreeSet::new(),
        };
        world.fleet = Fleet::new(world.badly_copied(config));
        world
    }

    /// Lives through so many steps, then shuts down and sees to the end.
    fn live(&mut self, steps: u64) -> Finding {
        self.tell_clock()?;
        self.tell(Input::Boot)?;
        for _ in 0..steps {
            self.step()?;
        }
        if self.shutdown_at.is_none() {
            self.shut_down()?;
        }
        let patience = self.now + 3_600_000 * MS;
        while self.quits == 0 {
            if self.now > patience {
                return Err("an hour after the shutdown it still has not left".to_owned());
            }
            self.pass_time()?;
        }
        // The next moment must not bring a second farewell.
        self.tell(Input::Tick)?;
        self.tell(Input::Shutdown)?;
        if self.quits != 1 {
            return Err(format!("left {} times", self.quits));
        }
        while !self.clients.is_empty() {
            self.leave()?;
        }
        self.books()
    }

    fn step(&mut self) -> Finding {
        match self.dice.below(100) {
            0..=59 => self.pass_time(),
            60..=79 => self.command(),
            80..=84 => self.restart(),
            85..=88 => self.reload(false),
            89..=90 => self.reload(true),
            91..=93 => self.leave(),
            94..=96 => self.mishap(),
            97 => self.set_clock(),
            98 if self.dice.chance(2) => self.shut_down(),
            _ => self.pass_time(),
        }
    }

    /// Goes to the next moment at which something is due, and tells everything of that moment in a random order (but
    /// the facts of one run in their own).
    fn pass_time(&mut self) -> Finding {
        let world = self.processes.values().flat_map(|p| p.coming.iter().map(|(t, _)| *t)).min();
        let timer = self.fleet.next_deadline().map(|at| at.0).filter(|_| !self.has(Bug::ForgetsTheTimer));
        let Some(next) = world.into_iter().chain(timer).min() else {
            self.now += self.dice.ms(1000);
            return Ok(());
        };
        // Sometimes the loop is late, and several things have gathered.
        let late = if self.dice.chance(20) { self.dice.ms(500) } else { 0 };
        self.now = self.now.max(next + late);
        let mut keys: Vec<Option<Key>> = self.processes.keys().copied().map(Some).collect();
        keys.push(None);
        while !keys.is_empty() {
            let at = usize::try_from(self.dice.below(keys.len() as u64)).unwrap();
            match keys.swap_remove(at) {
                None => self.tell(Input::Tick)?,
                Some(key) => self.tell_due(key)?,
            }
        }
        self.tell(Input::Tick)?;
        match self.fleet.next_deadline() {
            Some(at) if at.0 <= self.now => Err("a deadline is due after a tick: the loop would spin".to_owned()),
            _ => Ok(()),
        }
    }

    fn tell_due(&mut self, key: Key) -> Finding {
        loop {
            let now = self.now;
            let Some(process) = self.processes.get_mut(&key) else { return Ok(()) };
            let Some(at) = process.coming.iter().position(|(t, _)| *t <= now) else { return Ok(()) };
            let (_, coming) = process.coming.remove(at);
            let run = process.run;
            let fact = match coming {
                Coming::Spawned => Fact::Spawned { pid: 1000 + u32::try_from(run.0).unwrap() },
                Coming::SpawnFailed(why) => Fact::SpawnFailed(why),
                Coming::Executed => Fact::Executed,
                Coming::ExecFailed(why) => Fact::ExecFailed(why),
                Coming::Gone => Fact::Gone,
                Coming::Exit(exit) => {
                    process.leader_gone = true;
                    let watched = self.fleet.member(key).is_some_and(|m| m.program.policy.stopgroup);
                    let left = process.leaves && watched;
                    if left && process.coming.is_empty() && !process.deaf {
                        process.coming.push((now + process.obeys_after, Coming::Gone));
                    }
                    Fact::Exited { exit, left }
                }
            };
            self.tell_fact(key, run, fact)?;
        }
    }

    fn tell_fact(&mut self, key: Key, run: Run, fact: Fact) -> Finding {
        let over = matches!(fact, Fact::SpawnFailed(_) | Fact::Exited { left: false, .. } | Fact::Gone);
        let stopping = self.fleet.member(key).is_some_and(|m| m.inst.name() == StateName::Stopping);
        let lost = match (self.bug, &fact) {
            (Some(Bug::LosesAnExit), Fact::Exited { .. }) => self.dice.chance(10),
            (Some(Bug::LosesASpawnFailureWhileStopping), Fact::SpawnFailed(_)) => stopping,
            (Some(Bug::IgnoresGone), Fact::Gone) => true,
            _ => false,
        };
        if over {
            self.processes.remove(&key);
        }
        if lost {
            return self.books();
        }
        self.note(match &fact {
            Fact::Exited { left: true, .. } => "leftovers",
            Fact::SpawnFailed(_) if stopping => "spawn failure while stopping",
            Fact::ExecFailed(_) => "exec failure",
            _ => "other facts",
        });
        self.tell(Input::Fact(key, run, fact.clone()))?;
        if self.has(Bug::TellsAnExitTwice) && over {
            // Under the number of the next run, as a reused process id would look.
            return self.tell(Input::Fact(key, run.next(), fact));
        }
        // A late copy of what was told must never matter.
        if self.dice.chance(10) {
            let before = self.fleet.status(&[key], Mono(self.now));
            self.tell(Input::Fact(key, Run(run.0.saturating_sub(1)), fact))?;
            if self.fleet.status(&[key], Mono(self.now)) != before {
                return Err("a fact about an earlier run changed something".to_owned());
            }
        }
        Ok(())
    }

    /// Tells the fleet, does what it wants in the world, and compares the books.
    fn tell(&mut self, input: Input) -> Finding {
        self.remember_jobs();
        let mut actions = Vec::new();
        self.fleet.handle(input, Mono(self.now), &mut actions);
        for action in actions {
            self.perform(action)?;
        }
        self.books()
    }

    fn perform(&mut self, action: Action) -> Finding {
        match action {
            Action::Spawn(key, run) => {
                self.spawn(key, run)?;
                if self.once(Bug::SpawnsTwice, 5) {
                    self.spawn(key, run)?;
                }
            }
            Action::Signal { key, run, sig, group } => self.signal(key, run, sig, group)?,
            Action::Reply(ticket, response) => {
                if self.once(Bug::SwallowsAReply, 20) {
                    return Ok(());
                }
                let response = match response {
                    Response::Outcomes { outcomes, .. } if self.has(Bug::LosesTheNotes) => {
                        Response::Outcomes { outcomes, notes: Vec::new() }
                    }
                    other => other,
                };
                self.answered(ticket, &response)?;
                if self.once(Bug::RepliesTwice, 20) {
                    self.answered(ticket, &response)?;
                }
            }
            Action::ReplyInFull(ticket, keys, response) => {
                let entries = match &response {
                    Response::Status(list) => list.len(),
                    Response::Why(list) => list.len(),
                    other => return Err(format!("an answer to be filled in that has no entries: {other:?}")),
                };
                if entries != keys.len() {
                    return Err(format!("{entries} entries about {} processes", keys.len()));
                }
                self.answered(ticket, &response)?;
            }
            Action::Quit { survivors } => {
                self.quits += 1;
                if survivors.is_empty() && !self.processes.is_empty() {
                    return Err("left and said that nothing was alive, but something was".to_owned());
                }
            }
            Action::Retire(key) => {
                if self.processes.contains_key(&key) {
                    return Err("forgot a process that is alive".to_owned());
                }
            }
            Action::Note { .. } | Action::Log(..) | Action::Reconfigure(_) | Action::DaemonChanged => {}
        }
        Ok(())
    }

    fn spawn(&mut self, key: Key, run: Run) -> Finding {
        if let Some(other) = self.processes.get(&key) {
            return Err(format!("spawned {run:?} on top of {:?}", other.run));
        }
        if self.shutdown_at.is_some() {
            return Err("spawned during a shutdown".to_owned());
        }
        if let Some(last) = self.last_spawn.insert(key, self.now)
            && Duration::from_nanos(self.now - last) < self.floor
        {
            return Err("two spawns within the floor".to_owned());
        }
        self.scheduled_spawn(key)?;
        self.spawns += 1;
        let (dice, now) = (&mut self.dice, self.now);
        let mut at = now + dice.ms(20);
        let mut coming = Vec::new();
        if dice.chance(8) {
            let errno = Errno(dice.pick(&[11, 12, 24, 1]));
            coming.push((at, Coming::SpawnFailed(Failure::Spawn { stage: Stage::Clone, errno, what: String::new() })));
        } else {
            coming.push((at, Coming::Spawned));
            at += dice.ms(50);
            match dice.below(100) {
                0..=7 => {
                    let errno = Errno(dice.pick(&[2, 13]));
                    let why = Failure::Spawn { stage: Stage::Exec, errno, what: "x".to_owned() };
                    coming.push((at, Coming::ExecFailed(why)));
                    coming.push((at, Coming::Exit(Exit::Code(127))));
                }
                8..=9 => {} // Hangs before execve.
                _ => {
                    coming.push((at, Coming::Executed));
                    if dice.chance(70) {
                        let lifetime = if dice.chance(40) { dice.ms(1500) } else { dice.ms(60_000) };
                        let exit = random_exit(dice);
                        coming.push((at + lifetime, Coming::Exit(exit)));
                    }
                }
            }
        }
        let process = Process {
            run,
            deaf: dice.chance(20),
            obeys_after: dice.ms(4000),
            leaves: dice.chance(15),
            leader_gone: false,
            coming,
        };
        self.processes.insert(key, process);
        Ok(())
    }

    fn signal(&mut self, key: Key, run: Run, sig: Sig, group: bool) -> Finding {
        let now = self.now;
        let stray = self.last_signal.replace((key, run)).filter(|_| self.bug == Some(Bug::SignalsTheDead));
        if let Some((key, run)) = stray {
            self.check_signal(key, run)?;
        }
        self.check_signal(key, run)?;
        let Some(process) = self.processes.get_mut(&key) else { return Ok(()) };
        let (deadly, delay) = match sig {
            Sig::KILL => (true, self.dice.below(5) * MS),
            Sig::CONT | Sig::HUP => (false, 0),
            _ => (!process.deaf, process.obeys_after),
        };
        if !deadly {
            return Ok(());
        }
        if process.leader_gone {
            if !group && sig == Sig::KILL {
                return Err("a signal to a leader that is gone".to_owned());
            }
            process.coming.retain(|(_, c)| !matches!(c, Coming::Gone));
            process.coming.push((now + delay, Coming::Gone));
        } else {
            if sig == Sig::KILL && group {
                process.leaves = false;
            }
            process.end(now + delay, Exit::Signal { sig, core: false });
        }
        Ok(())
    }

    fn check_signal(&self, key: Key, run: Run) -> Finding {
        match self.processes.get(&key) {
            Some(process) if process.run == run => Ok(()),
            _ => Err(format!("a signal to {run:?} of {key:?}, which is over")),
        }
    }

    fn answered(&mut self, ticket: Ticket, response: &Response) -> Finding {
        self.answers += 1;
        if !self.open.remove(&ticket) {
            return Err("an answer that nobody waits for".to_owned());
        }
        let due = self.notes_due.remove(&ticket);
        if let Response::Outcomes { outcomes, notes } = response {
            self.waits_are_right(ticket, outcomes)?;
            let notes: Vec<&String> = notes.iter().filter(|note| !note.starts_with("started, too")).collect();
            if !notes.is_empty() && due != Some(true) || notes.is_empty() && due == Some(true) {
                return Err(format!("notes {notes:?} where that they are to be there is {due:?}"));
            }
            let mut names: Vec<&str> = outcomes.iter().map(|o| o.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            if names.len() != outcomes.len() {
                return Err("a process twice in one answer".to_owned());
            }
        }
        if self.waits.remove(&ticket).is_some() {
            self.note("wait answered");
        }
        Ok(())
    }

    /// The fleet's books and the world's say the same, both ways.
    fn books(&self) -> Finding {
        self.fleet.invariants()?;
        self.times_are_right()?;
        self.nobody_waits_in_vain()?;
        if self.open.len() != self.fleet.waiting() {
            return Err(format!("{} requests are open, {} are waited for", self.open.len(), self.fleet.waiting()));
        }
        for (key, member) in self.fleet.members() {
            let (ours, theirs) = (self.processes.get(&key).map(|p| p.run), member.inst.live().map(|live| live.run));
            if ours != theirs {
                return Err(format!(
                    "{} {}: the world has {ours:?}, the fleet {theirs:?} in {:?}",
                    member.name, member.num, member.inst.state
                ));
            }
        }
        let known: BTreeSet<Key> = self.fleet.members().map(|(key, _)| key).collect();
        match self.processes.keys().find(|key| !known.contains(key)) {
            Some(key) => Err(format!("{key:?} is alive and the fleet does not know it")),
            None => Ok(()),
        }
    }

    fn ticket(&mut self) -> Ticket {
        if self.clients.is_empty() || self.dice.chance(20) {
            self.next_client += 1;
            self.clients.insert(ClientId(self.next_client));
        }
        let clients: Vec<ClientId> = self.clients.iter().copied().collect();
        self.next_ticket += 1;
        let ticket = Ticket { client: self.dice.pick(&clients), number: self.next_ticket };
        self.open.insert(ticket);
        ticket
    }

    fn names(&mut self) -> Vec<String> {
        let names = ["a", "b", "c", "d", "b:1", "c:*", "all", "x", "[ab]"];
        (0..=self.dice.below(2)).map(|_| self.dice.pick(&names).to_owned()).collect()
    }

    fn wait(&mut self) -> Wait {
        match self.dice.below(3) {
            0 => Wait::No,
            1 => Wait::Reached,
            _ => Wait::UpTo(self.dice.below(5000)),
        }
    }

    /// Somebody waits for a state and tells nobody anything.
    fn wait_for(&mut self) -> Finding {
        let (ticket, names) = (self.ticket(), self.names());
        let until = self.dice.pick(&WaitFor::ALL);
        let timeout_ms = self.dice.chance(30).then(|| self.dice.below(5000));
        if let Ok(keys) = self.fleet.chosen(&names) {
            self.waits.insert(ticket, (until, keys));
        }
        let until = match until {
            WaitFor::Stopped if self.has(Bug::WaitsForTheOpposite) => WaitFor::Running,
            until => until,
        };
        self.tell(Input::Command { ticket, uid: 0, command: Command::Wait { names, until, timeout_ms } })
    }

    /// What was waited for and is told as reached must be so, and who still waits must have something to wait for.
    fn waits_are_right(&self, ticket: Ticket, outcomes: &[Outcome]) -> Finding {
        let Some((until, keys)) = self.waits.get(&ticket) else { return Ok(()) };
        for member in keys.iter().filter_map(|key| self.fleet.member(*key)) {
            let name = self.fleet.display_name(member);
            let reached = outcomes.iter().any(|o| o.ok && o.name == name && !o.result.starts_with("done"));
            let is = match until {
                WaitFor::Running | WaitFor::Healthy => member.inst.name() == StateName::Running,
                WaitFor::Stopped => is_at_rest(member),
            };
            if reached && outcomes.len() == 1 && !is {
                return Err(format!("{name} is told to be {}, but is {:?}", until.word(), member.inst.name()));
            }
        }
        Ok(())
    }

    fn nobody_waits_in_vain(&self) -> Finding {
        let open = |(until, member): (WaitFor, &Member)| match until {
            WaitFor::Running | WaitFor::Healthy => match member.inst.name() {
                StateName::Starting | StateName::Backoff => true,
                StateName::Waiting => self.fleet.hopeless(member).is_none(),
                StateName::Stopping => member.inst.want == Want::Up,
                _ => false,
            },
            WaitFor::Stopped => !is_at_rest(member),
        };
        for (ticket, (until, keys)) in &self.waits {
            let members = keys.iter().filter_map(|key| self.fleet.member(*key));
            if !members.map(|m| (*until, m)).any(open) {
                return Err(format!("{ticket:?} waits for {}, which is decided", until.word()));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Finding {
        if self.dice.chance(15) {
            return self.wait_for();
        }
        let (ticket, names, wait) = (self.ticket(), self.names(), self.wait());
        let command = match self.dice.below(10) {
            0..=2 => Command::Start { names, wait },
            3..=5 => Command::Stop { names, wait },
            6..=7 => Command::Restart { names, wait, files: Files::Unchanged },
            8 => Command::Signal { sig: self.dice.pick(&[Sig::HUP, Sig::TERM, Sig::KILL]), names },
            _ => match self.dice.below(3) {
                0 => Command::Status { names, usage: self.dice.chance(50) },
                1 => Command::Why { names },
                _ => Command::Graph { names, dot: false },
            },
        };
        self.suspensions(&command);
        let command = self.badly_stopped(command);
        self.tell(Input::Command { ticket, uid: 0, command })
    }

    fn leave(&mut self) -> Finding {
        let clients: Vec<ClientId> = self.clients.iter().copied().collect();
        if clients.is_empty() {
            return Ok(());
        }
        let client = self.dice.pick(&clients);
        self.clients.remove(&client);
        self.open.retain(|t| t.client != client);
        self.notes_due.retain(|t, _| t.client != client);
        self.waits.retain(|t, _| t.client != client);
        self.tell(Input::ClientGone(client))
    }

    fn reload(&mut self, dry_run: bool) -> Finding {
        let config = random_config(&mut self.dice, self.floor);
        let config = Box::new(self.badly_copied(config));
        self.resume_what_comes_back();
        let ticket = self.dice.chance(70).then(|| self.ticket());
        let before = dry_run.then(|| (self.all_status(), self.fleet.config().clone()));
        let dry_run = dry_run && !self.has(Bug::ChangesOnADryRun);
        self.tell(Input::Reload { ticket, config, dry_run })?;
        match before {
            Some(before) if before != (self.all_status(), self.fleet.config().clone()) => {
                Err("a dry run changed something".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn all_status(&self) -> Vec<taskmaster::control::message::ProcessStatus> {
        let keys: Vec<Key> = self.fleet.members().map(|(key, _)| key).collect();
        self.fleet.status(&keys, Mono(self.now))
    }

    /// Something ends for no reason that the fleet knows of.
    fn mishap(&mut self) -> Finding {
        let keys: Vec<Key> = self.processes.keys().copied().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let (key, exit) = (self.dice.pick(&keys), random_exit(&mut self.dice));
        let at = self.now + self.dice.ms(5);
        if let Some(process) = self.processes.get_mut(&key) {
            process.end(at, exit);
        }
        Ok(())
    }

    fn shut_down(&mut self) -> Finding {
        let again = self.shutdown_at.is_some();
        self.shutdown_at.get_or_insert(self.now);
        self.note(if again { "second shutdown" } else { "shutdown" });
        self.tell(Input::Shutdown)
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// A bug that bites once in a while.
    fn once(&mut self, bug: Bug, percent: u64) -> bool {
        let bites = self.bug == Some(bug) && self.bug_armed && self.dice.chance(percent);
        self.bug_armed &= !bites;
        bites
    }

    fn note(&mut self, what: &'static str) {
        self.seen.insert(what);
    }
}

/// Nothing of it is alive, and nothing will start it by itself.
fn is_at_rest(member: &Member) -> bool {
    matches!(member.inst.name(), StateName::Stopped | StateName::Exited | StateName::Fatal)
}

fn random_exit(dice: &mut Dice) -> Exit {
    match dice.below(4) {
        0 => Exit::Code(0),
        1 => Exit::Code(2),
        2 => Exit::Signal { sig: Sig::KILL, core: false },
        _ => Exit::Code(1),
    }
}

fn random_config(dice: &mut Dice, floor: Duration) -> Config {
    let mut config = Config::default();
    let linked = dice.chance(50);
    for name in PROGRAMS {
        if dice.chance(80) {
            let mut program = random_program(dice, floor);
            program.restart_dependents = dice.chance(20);
            // Only on those before it, so that there are no circles.
            for (on, other) in &config.programs {
                if linked && dice.chance(40) {
                    let job = other.policy.oneshot;
                    let until = dice.pick(&[Condition::Started, Condition::Ready, Condition::Completed]);
                    let until = if until == Condition::Completed && !job { Condition::Ready } else { until };
                    program.depends_on.push(Dependency { on: on.clone(), until, required: dice.chance(75) });
                }
            }
            config.programs.insert(ProgramName::new(name).unwrap(), program.into());
        }
    }
    config
}

fn random_program(dice: &mut Dice, floor: Duration) -> Program {
    let mut program = Program::new(vec![dice.pick(&["/bin/x", "/bin/y"]).to_owned()]);
    program.numprocs = 1 + u32::try_from(dice.below(4)).unwrap();
    program.numprocs_start = dice.pick(&[0, 0, 0, 2]);
    program.autostart = dice.chance(70);
    program.priority = i32::try_from(dice.below(3)).unwrap();
    let policy = &mut program.policy;
    policy.autorestart = dice.pick(&[Autorestart::Always, Autorestart::Never, Autorestart::Unexpected]);
    policy.exitcodes = ExitCodes::new([0, 2]);
    policy.startretries = dice.pick(&[None, Some(0), Some(1), Some(3)]);
    policy.starttime = Duration::from_millis(dice.pick(&[0, 100, 1000]));
    policy.stoptime = Duration::from_millis(dice.pick(&[0, 500, 10_000]));
    policy.stopsignal = dice.pick(&[Sig::TERM, Sig::INT, Sig::KILL]);
    policy.stopgroup = dice.chance(80);
    policy.oneshot = dice.chance(15);
    policy.timeout = dice.chance(30).then_some(Duration::from_millis(1500));
    policy.backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(5), floor, factor: 2.0 };
    times::random_schedule(dice, &mut program);
    program
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn the_core_holds_in_every_life() {
    let (first, seeds) = (setting("TASKMASTER_SIM_SEED", 1), setting("TASKMASTER_SIM_SEEDS", 96));
    let steps = setting("TASKMASTER_SIM_STEPS", 1500);
    let (mut spawns, mut answers, mut seen) = (0, 0, BTreeSet::new());
    for seed in first..first + seeds {
        let mut world = World::new(seed, None);
        if let Err(finding) = world.live(steps) {
            panic!("seed {seed} after {} spawns: {finding}", world.spawns);
        }
        spawns += world.spawns;
        answers += world.answers;
        seen.append(&mut world.seen);
    }
    println!("{seeds} lives of {steps} steps: {spawns} spawns, {answers} answers, seen: {seen:?}");
    assert!(spawns > seeds * 10 && answers > seeds * 10, "the world is too quiet to show anything");
    if seeds >= 96 {
        for must in [
            "leftovers",
            "spawn failure while stopping",
            "exec failure",
            "shutdown",
            "wait answered",
            "restart with other keys",
            "restart with other keys while stopping",
            "restart with other keys while waiting",
            "restart that adds",
            "restart that removes",
            "restart of what is gone from the file",
            "restart of a part",
            "run by schedule",
            "run after an overlap",
            "clock set back",
            "clock set ahead",
        ] {
            assert!(seen.contains(must), "{must} was never seen");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_life() {
    let life = |seed| {
        let mut world = World::new(seed, None);
        world.live(500).unwrap();
        (world.spawns, world.answers, world.now)
    };
    for seed in 1..6 {
        assert_eq!(life(seed), life(seed));
    }
}

#[test]
fn every_planted_bug_is_found() {
    for bug in BUGS {
        let found =
            (1..=40).find_map(|seed| World::new(seed, Some(bug)).live(1500).err().map(|finding| (seed, finding)));
        match found {
            Some((seed, finding)) => println!("{bug:?}: seed {seed}: {finding}"),
            None => panic!("{bug:?} was not found"),
        }
    }
}

#[test]
fn a_spawn_that_hangs_is_over_after_its_limit() {
    // The world's children that hang before execve are only ended by this limit; it must not be out of its reach.
    assert!(SPAWN_LIMIT < Duration::from_secs(3600));
}
