//! All processes: their machines, their names, their deadlines, who waits for what.
//!
//! The fleet is told `Input`s and wants `Action`s done. It holds one entry for each process of each program, by a key
//! that is never used again, and finds it by program and number. A process that a reload removes stays, marked as
//! retiring, until it is down. `command`, `restart`, `reload` and `shutdown` are the parts of `handle`; `status` looks on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::id::{Key, ProgramName, TaskId, process_name};
use crate::base::time::{Mono, WallClock};
use crate::config::model::{Config, Program};

use crate::control::message::{StateName, Want};

use super::action::{Action, Effect, Happening, Note};
use super::command::Waiters;
use super::event::{Command, Event, Input};
use super::history::{Asked, By, History, Intent};
use super::hooks::{self, LastHook};
use super::order::Order;
use super::schedule::{self, Timetable};
use super::shutdown::{self, Phase};
use super::state::{Instance, State};
use super::step::step;
use super::task::Tasks;

/// One process of a program.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its program's name.
    pub name: ProgramName,
    /// Its number within the program.
    pub num: u32,
    /// The program as the present run was started with it, but for keys that change in place.
    pub program: Arc<Program>,
    /// The program that takes the place of `program` as soon as the present run is over.
    pub next: Option<Arc<Program>>,
    /// Whether it is to be forgotten as soon as it is down.
    pub retiring: bool,
    /// Its machine.
    pub inst: Instance,
    /// What was wanted of it last, by whom; `None` until something was.
    pub asked: Option<Asked>,
    /// Its last changes.
    pub history: History,
    /// What became of its hooks, of each the last time.
    pub hooks: Vec<LastHook>,
    /// When it runs by itself; `Some` iff the program of its next run has a schedule.
    pub timetable: Option<Box<Timetable>>,
    /// The deadline under which it is listed; equals `inst.deadline(policy)` between two inputs.
    armed: Option<Mono>,
}

impl Member {
    /// The program that its next run will be started with.
    #[must_use]
    pub fn meant(&self) -> &Arc<Program> {
        self.next.as_ref().unwrap_or(&self.program)
    }
}

/// What a deadline belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// An instance.
    Instance(Key),
    /// The next run of a scheduled instance.
    Schedule(Key),
    /// A waiting client, by the waiter's number.
    Waiter(u64),
    /// A task that may take no longer.
    Task(TaskId),
    /// The end of patience in a shutdown.
    Quit,
}

/// All processes.
#[derive(Debug)]
pub struct Fleet {
    /// The configuration that is in force, or, for what is retiring, being put in force.
    pub(super) config: Config,
    /// Boxed, since a map that grows at its end keeps its nodes half empty.
    pub(super) members: BTreeMap<Key, Box<Member>>,
    /// Holds exactly the members' names; its order is the order of `status`.
    pub(super) index: BTreeMap<(ProgramName, u32), Key>,
    pub(super) deadlines: BTreeSet<(Mono, Due)>,
    pub(super) waiters: Waiters,
    pub(super) order: Order,
    pub(super) tasks: Tasks,
    pub(super) phase: Phase,
    /// With what the daemon will exit.
    pub(super) code: u8,
    /// Members that have ended for good since the last input; empty between two.
    pub(super) ended: Vec<Key>,
    /// How many members have a live run.
    pub(super) live: usize,
    /// What the wall clock says.
    pub(super) clock: WallClock,
    /// What jitter is drawn from; 0 until the clock was told.
    pub(super) seed: u64,
    /// Members that were left out of a rolling restart: they run with the keys of before.
    pub(super) left_behind: BTreeSet<Key>,
    /// Programs with another number of processes than the file gave them: that of the file, and the other.
    pub(super) scales: BTreeMap<ProgramName, (u32, u32)>,
    next_key: u32,
    /// On whose behalf the present input wants things; `None` iff it is a fact or time.
    pub(super) acting: Option<By>,
    /// Reused from step to step.
    effects: Vec<Effect>,
}

impl Fleet {
    /// A fleet of everything that the configuration names, all of it down.
    #[must_use]
    pub fn new(config: Config) -> Fleet {
        let mut fleet = Fleet {
            config: Config::default(),
            members: BTreeMap::new(),
            index: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            waiters: Waiters::default(),
            order: Order::of(&config),
            tasks: Tasks::default(),
            phase: Phase::Up,
            code: 0,
            ended: Vec::new(),
            live: 0,
            clock: WallClock::default(),
            seed: 0,
            left_behind: BTreeSet::new(),
            scales: BTreeMap::new(),
            next_key: 0,
            acting: None,
            effects: Vec::new(),
        };
        for (name, program) in &config.programs {
            for num in program.numbers() {
                fleet.enlist(name, num, program);
            }
        }
        fleet.config = config;
        fleet
    }

    /// Tells the fleet what happened; what is to be done is appended to `out`.
    pub fn handle(&mut self, input: Input, now: Mono, out: &mut Vec<Action>) {
        self.acting = match &input {
            Input::Boot => Some(By::Boot),
            Input::Command { command: Command::Shutdown, .. } | Input::Shutdown => Some(By::Shutdown),
            Input::Command { uid, .. } => Some(By::Client { uid: *uid }),
            Input::Reload { .. } => Some(By::Reload),
            Input::Demanded(_) => Some(By::Connection),
            Input::Fact(..)
            | Input::TaskEnded { .. }
            | Input::Deaf(..)
            | Input::Tick
            | Input::Clock(_)
            | Input::ClientGone(_) => None,
        };
        match input {
            Input::Boot => self.boot(now, out),
            Input::Fact(key, run, fact) => self.apply(key, Event::Fact(run, fact), now, out),
            Input::TaskEnded { id, end, output: _ } => self.task_ended(id, end, now, out),
            Input::Demanded(key) => self.demanded(key, now, out),
            Input::Deaf(key, why) => self.apply(key, Event::Deaf(why), now, out),
            Input::Tick => self.tick(now, out),
            Input::Clock(wall) => self.set_clock(wall, now),
            Input::Command { ticket, command, uid: _ } => self.command(ticket, command, now, out),
            Input::ClientGone(client) => self.client_gone(client),
            Input::Reload { ticket, config, dry_run } => self.reload(ticket, *config, dry_run, now, out),
            Input::Shutdown => self.shutdown(now, out),
        }
        self.follow_ends(now, out);
    }

    /// When the fleet must be told `Tick` at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The entry of a key.
    #[must_use]
    pub fn member(&self, key: Key) -> Option<&Member> {
        self.members.get(&key).map(Box::as_ref)
    }

    /// All entries, in the order of their names.
    pub fn members(&self) -> impl Iterator<Item = (Key, &Member)> {
        self.index.values().filter_map(|key| self.member(*key).map(|m| (*key, m)))
    }

    /// The configuration that is in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The name of a member as people see it now.
    #[must_use]
    pub fn display_name(&self, member: &Member) -> String {
        let Member { name, num, .. } = member;
        let numbers = self.config.programs.get(name).unwrap_or(&member.program).numbers();
        // One that is on its way out of a program that shrinks keeps its number, and so does one of several that are on
        // their way out of a program that is gone.
        let others = || self.index.range((name.clone(), 0)..=(name.clone(), u32::MAX)).nth(1).is_some();
        let group =
            numbers.len() > 1 || *num != numbers.start || (!self.config.programs.contains_key(name) && others());
        process_name(name, *num, group)
    }

    fn boot(&mut self, now: Mono, out: &mut Vec<Action>) {
        let wanted = self.by_priority(|m| m.program.autostart);
        let at_once: Vec<Key> = wanted.iter().copied().filter(|key| !self.is_on_demand(*key)).collect();
        for key in self.needed_by(&at_once) {
            self.apply(key, self.by_itself(key), now, out);
        }
        for key in wanted {
            self.start_by_itself(key, now, out);
        }
    }

    /// The keys of some members, lowest priority number first.
    pub(super) fn by_priority(&self, pick: impl Fn(&Member) -> bool) -> Vec<Key> {
        let mut keys: Vec<(i32, Key)> =
            self.members().filter(|(_, m)| pick(m)).map(|(key, m)| (m.program.priority, key)).collect();
        // Stable: equal priorities keep the order of names.
        keys.sort_by_key(|(priority, _)| *priority);
        keys.into_iter().map(|(_, key)| key).collect()
    }

    fn tick(&mut self, now: Mono, out: &mut Vec<Action>) {
        while let Some((at, due)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            match due {
                Due::Instance(key) => self.apply(key, Event::Due, now, out),
                Due::Schedule(key) => self.schedule_due(key, now, out),
                Due::Waiter(number) => self.waiter_due(number, out),
                Due::Task(id) => self.task_due(id, out),
                Due::Quit => self.give_up(out),
            }
            // Each of them moves its own deadline; should one not, the loop must end all the same.
            if self.deadlines.first() == Some(&(at, due)) {
                debug_assert!(false, "a deadline that does not move: {due:?}");
                self.deadlines.remove(&(at, due));
            }
        }
    }

    /// Takes up a new process of a program.
    pub(super) fn enlist(&mut self, name: &ProgramName, num: u32, program: &Arc<Program>) -> Key {
        let key = Key(self.next_key);
        self.next_key = self.next_key.wrapping_add(1);
        let member = Member {
            name: name.clone(),
            num,
            program: Arc::clone(program),
            next: None,
            retiring: false,
            inst: Instance::default(),
            asked: None,
            history: History::default(),
            hooks: Vec::new(),
            timetable: program.schedule.as_ref().map(|_| Box::default()),
            armed: None,
        };
        self.members.insert(key, Box::new(member));
        self.index.insert((name.clone(), num), key);
        key
    }

    /// Lets one event act on one member, and settles what follows from it.
    pub(super) fn apply(&mut self, key: Key, event: Event, now: Mono, out: &mut Vec<Action>) {
        let gate = self.gate(key);
        let Some(member) = self.members.get_mut(&key) else { return };
        let name = member.name.clone();
        let before = member.inst.live().map(|live| live.run);
        let its_run = schedule::Before::of(&member.inst);
        let was = (member.inst.name(), member.inst.live().and_then(|live| live.pid));
        let asked = Intent::of(&event).zip(self.acting).map(|(intent, by)| Asked { intent, by });
        let mut effects = std::mem::take(&mut self.effects);
        step(&member.program.policy, &mut member.inst, event, &gate, now, &mut effects);
        if member.inst.name() != was.0 && shutdown::final_code(&member.inst).is_some() {
            self.ended.push(key);
        }
        member.asked = asked.or(member.asked);
        member.history.record(now, was.0, member.inst.name(), asked, &effects);
        let after = member.inst.live().map(|live| live.run);
        let ended = before.is_some() && after != before;
        let followed = ended && member.inst.want == Want::Up && member.inst.state != State::Listening;
        self.live = self.live + usize::from(after.is_some()) - usize::from(before.is_some());
        // Whatever run comes after the old one uses the new program.
        let mut replaced = false;
        if (after != before || after.is_none())
            && let Some(next) = member.next.take()
        {
            self.left_behind.remove(&key);
            member.program = next;
            replaced = true;
        }
        if after != before {
            hooks::prepare(&member.program.policy, &mut member.inst, &mut effects);
        }
        self.drop_idle_hooks(key, out);
        self.want_done(key, was, &mut effects, now, out);
        self.effects = effects;
        self.rearm(key);
        self.follow_schedule(key, its_run, asked, now);
        // Before anybody is told of the end: what is held may start anew at once.
        if ended {
            self.release(now, out);
        }
        self.wake_waiters(key, now, out);
        self.start_queued(key, now, out);
        self.retire_if_down(key, out);
        self.ripple(&name, followed, now, out);
        if replaced {
            self.fit_demand(key, now, out);
        }
        self.quit_if_down(out);
    }

    /// What a step wants done becomes what the fleet wants done. `was` is the state before the step, and the process id.
    pub(super) fn want_done(
        &mut self,
        key: Key,
        (from, had): (StateName, Option<u32>),
        effects: &mut Vec<Effect>,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        for effect in effects.drain(..) {
            let Some(member) = self.members.get(&key) else { return };
            let pid = member.inst.live().and_then(|live| live.pid).or(had);
            let happening = |note| Happening { pid, from, ..self.happening(member, note) };
            out.push(match effect {
                Effect::Hook(run, hook) => {
                    self.run_hook(key, run, hook, now, out);
                    continue;
                }
                Effect::Spawn(run) => Action::Spawn(key, run),
                Effect::Signal { run, sig, group } => Action::Signal { key, run, sig, group },
                Effect::Check(run, purpose, number) => Action::Check { key, run, purpose, number },
                Effect::EndCheck(run, number) => Action::EndCheck { key, run, number },
                Effect::AwaitDemand => Action::AwaitDemand(key),
                Effect::EndAwait => Action::EndAwait(key),
                Effect::Note(note) => Action::Note(happening(note)),
            });
        }
    }

    /// Something that happens to a process while it stays what it is.
    pub(super) fn happening(&self, member: &Member, note: Note) -> Happening {
        let (state, live) = (member.inst.name(), member.inst.live());
        Happening {
            name: self.display_name(member),
            program: member.name.clone(),
            num: member.num,
            group: member.program.group_name.clone(),
            pid: live.and_then(|live| live.pid),
            from: state,
            to: state,
            note,
        }
    }

    /// Lists the member under the deadline that follows from its state. The only place that touches instances' deadlines.
    pub(super) fn rearm(&mut self, key: Key) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let deadline = member.inst.deadline(&member.program.policy);
        if deadline != member.armed {
            if let Some(at) = member.armed {
                self.deadlines.remove(&(at, Due::Instance(key)));
            }
            if let Some(at) = deadline {
                self.deadlines.insert((at, Due::Instance(key)));
            }
            member.armed = deadline;
        }
    }

    fn retire_if_down(&mut self, key: Key, out: &mut Vec<Action>) {
        let done = self.members.get(&key).is_some_and(|m| m.retiring && m.inst.live().is_none());
        if !done {
            return;
        }
        if let Some(member) = self.members.remove(&key) {
            if let Some(at) = member.armed {
                self.deadlines.remove(&(at, Due::Instance(key)));
            }
            self.forget_schedule(key, &member);
            self.drop_tasks(key, |_, _| true, out);
            self.index.remove(&(member.name, member.num));
            self.order.forget(key);
            self.left_behind.remove(&key);
            out.push(Action::Retire(key));
        }
    }

    /// What must hold between two inputs. For tests: it looks at everything.
    ///
    /// # Errors
    /// Which of it does not.
    pub fn invariants(&self) -> Result<(), String> {
        let live = self.members.values().filter(|m| m.inst.live().is_some()).count();
        if live != self.live {
            return Err(format!("{live} live members, counted {}", self.live));
        }
        if self.index.len() != self.members.len() {
            return Err("index and members differ in size".to_owned());
        }
        for (key, member) in &self.members {
            if self.index.get(&(member.name.clone(), member.num)) != Some(key) {
                return Err(format!("{} {} is not in the index", member.name, member.num));
            }
            let deadline = member.inst.deadline(&member.program.policy);
            if member.armed != deadline {
                return Err(format!("{} is armed for {:?}, due {deadline:?}", member.name, member.armed));
            }
            if deadline.is_some_and(|at| !self.deadlines.contains(&(at, Due::Instance(*key)))) {
                return Err(format!("the deadline of {} is not listed", member.name));
            }
            if member.retiring && member.inst.live().is_none() {
                return Err(format!("{} is down and was not retired", member.name));
            }
            self.schedule_invariants(*key, member)?;
            // A job is let go on to its end.
            let goes_down = matches!(member.inst.state, State::Stopping { .. }) || self.order.holds(*key);
            if member.next.is_some() && !goes_down && member.timetable.is_none() && !self.left_behind.contains(key) {
                return Err(format!("{} waits for its next keys, but is not on its way down", member.name));
            }
            let meant = member.next.as_ref().unwrap_or(&member.program);
            if !member.retiring && self.config.programs.get(&member.name) != Some(meant) {
                return Err(format!("{} {} is to run other keys than are in force", member.name, member.num));
            }
        }
        for (name, program) in &self.config.programs {
            if self.keys_of(name).len() != program.numprocs as usize {
                return Err(format!("{name} has another number of processes than is in force"));
            }
        }
        self.order_holds()?;
        self.demand_holds()?;
        self.tasks_hold()?;
        self.hooks_hold()?;
        let listed = self.deadlines.iter().filter(|(_, due)| matches!(due, Due::Instance(_))).count();
        if listed != self.members.values().filter(|m| m.armed.is_some()).count() {
            return Err("a deadline belongs to nobody".to_owned());
        }
        Ok(())
    }
}
