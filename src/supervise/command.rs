//! Commands of clients: requests become intents, and those that wait become waiters.
//!
//! A waiter holds a goal for each process of its command and is looked at whenever such a process has changed. One
//! request gives exactly one final response, unless its client is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::id::{ClientId, Key, Run, Ticket};
use crate::base::nearest::suggestion;
use crate::base::select::Selector;
use crate::base::signal::Sig;
use crate::base::time::Mono;
use crate::base::units::print_duration;
use crate::control::message::{Outcome, Refusal, RefusalCode, Response, Wait, WaitFor, Want};

use super::action::{Action, Entries};
use super::event::{Command, Event};
use super::fleet::{Due, Fleet, Member};
use super::rolling::Roll;
use super::state::{Instance, State};
use super::wait;

/// Clients that wait.
#[derive(Debug, Default)]
pub struct Waiters {
    all: BTreeMap<u64, Waiter>,
    /// For each process, who waits for it.
    by_key: BTreeMap<Key, Vec<u64>>,
    next: u64,
}

#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    /// What is still waited for, and the name that the process had when the command came: a reload meanwhile may give
    /// its name to another one.
    goals: BTreeMap<Key, (Goal, String)>,
    /// One place for each process of the command, in its order; `None` iff its goal is open or its turn is to come.
    outcomes: Vec<(Key, Option<Outcome>)>,
    /// What the answer says besides.
    notes: Vec<String>,
    deadline: Option<Mono>,
    /// Those whose turn is to come, if they have turns.
    roll: Option<Roll>,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// That this run or a later one counts as started, for a command that does that.
    Up(Run, Verb),
    /// That nothing of this run is alive, nor of an earlier one.
    Down(Run),
    /// That it is removed, or is no longer to be.
    Gone,
    /// That it has come to this, whatever the run.
    Reach(WaitFor),
}

/// One process of a command.
pub(super) enum Target {
    /// It gets the intent of the command.
    Intent(Key),
    /// The command has removed it; its name was this.
    Removed(Key, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Start,
    Stop,
    Restart,
}

/// What a command waits for with one process, and the outcome if that is known already.
pub(super) type Begun = (Option<Goal>, Option<Outcome>);

/// What became of a process that a restart has removed.
const REMOVED: &str = "removed";

impl Verb {
    fn done(self) -> &'static str {
        match self {
            Verb::Start => "started",
            Verb::Stop => "stopped",
            Verb::Restart => "restarted",
        }
    }

    fn under_way(self) -> &'static str {
        match self {
            Verb::Start => "starting",
            Verb::Stop => "stopping",
            Verb::Restart => "restarting",
        }
    }
}

impl Fleet {
    /// Does what a client asks.
    pub(super) fn command(&mut self, ticket: Ticket, command: Command, now: Mono, out: &mut Vec<Action>) {
        let response = match command {
            Command::Status { names, usage: false } => {
                self.chosen(&names).map(|keys| Response::Status(self.status(&keys, now)))
            }
            Command::Status { names, usage: true } => match self.chosen(&names) {
                Ok(keys) => {
                    let entries = Entries::Status(self.status(&keys, now));
                    return out.push(Action::ReplyInFull(ticket, entries));
                }
                Err(refusal) => Err(refusal),
            },
            Command::Why { names } => match self.chosen(&names) {
                Ok(keys) => {
                    let accounts = self.accounts(&keys, now);
                    let entries = Entries::Why(keys.into_iter().zip(accounts).collect());
                    return out.push(Action::ReplyInFull(ticket, entries));
                }
                Err(refusal) => Err(refusal),
            },
            Command::Wait { names, until, timeout_ms } => {
                return self.wait_for(ticket, &names, until, timeout_ms, now, out);
            }
            Command::Graph { names, dot } => self.chosen(&names).map(|keys| Response::Graph(self.graph(&keys, dot))),
            Command::Pids { name } => self.chosen(&[name]).map(|keys| Response::Pids(self.pids(&keys))),
            Command::Start { names, wait } => return self.act(ticket, Verb::Start, &names, wait, now, out),
            Command::Stop { names, wait } => return self.act(ticket, Verb::Stop, &names, wait, now, out),
            Command::Restart { names, wait, files, rolling } => {
                return self.restart(ticket, &names, (wait, rolling), files, now, out);
            }
            Command::Scale { name, count, wait } => return self.scale(ticket, &name, count, wait, now, out),
            Command::Signal { sig, names } => self.signal(sig, &names, out),
            Command::Shutdown => {
                out.push(Action::Reply(ticket, Response::ShuttingDown));
                if !self.is_shutting_down() {
                    self.shutdown(now, out);
                }
                return;
            }
        };
        out.push(Action::Reply(ticket, response.unwrap_or_else(Response::Refused)));
    }

    /// The members that the selectors mean, in the order of names; all if there are no selectors.
    ///
    /// # Errors
    /// A selector that means nothing, with the nearest name. Then none of them counts.
    pub fn chosen(&self, names: &[String]) -> Result<Vec<Key>, Refusal> {
        self.choose(names).map_err(|name| self.unknown(name))
    }

    /// The same; the error is the first selector that means nothing.
    pub(super) fn choose<'n>(&self, names: &'n [String]) -> Result<Vec<Key>, &'n str> {
        let selectors: Vec<Selector> = names.iter().map(|name| Selector::parse(name)).collect();
        let mut hit = vec![false; selectors.len()];
        let mut keys = Vec::new();
        for (key, member) in self.members() {
            let mut chosen = selectors.is_empty();
            for (selector, hit) in selectors.iter().zip(&mut hit) {
                if selector.matches(&member.name, member.num, member.program.group_name.as_ref()) {
                    (*hit, chosen) = (true, true);
                }
            }
            if chosen {
                keys.push(key);
            }
        }
        // "all" of nothing is nothing, not a mistake.
        match names.iter().zip(&hit).find(|(name, hit)| !**hit && !matches!(name.as_str(), "all" | "*")) {
            None => Ok(keys),
            Some((name, _)) => Err(name),
        }
    }

    pub(super) fn unknown(&self, name: &str) -> Refusal {
        let of = |m: &Member| {
            let group = m.program.group_name.as_ref().map(|group| format!("{group}:*"));
            [m.name.to_string(), self.display_name(m)].into_iter().chain(group)
        };
        let known: Vec<String> = self.members().flat_map(|(_, m)| of(m)).collect();
        let hint = suggestion(name, known.iter().map(String::as_str));
        Refusal::new(RefusalCode::UnknownName, format!("no program or process \"{name}\"{hint}"))
    }

    fn signal(&mut self, sig: Sig, names: &[String], out: &mut Vec<Action>) -> Result<Response, Refusal> {
        let keys = self.chosen(names)?;
        let mut outcomes = Vec::with_capacity(keys.len());
        for (key, member) in keys.iter().filter_map(|key| self.member(*key).map(|m| (*key, m))) {
            let live = member.inst.live().filter(|live| live.pid.is_some());
            let target = live.filter(|_| !matches!(member.inst.state, State::Stopping { ended: Some(_), .. }));
            if let Some(live) = target {
                out.push(Action::Signal { key, run: live.run, sig, group: false });
            }
            let result = if target.is_some() { "signalled" } else { "not running" };
            outcomes.push(Outcome { name: self.display_name(member), result: result.to_owned(), ok: target.is_some() });
        }
        Ok(Response::Outcomes { outcomes, notes: Vec::new() })
    }

    /// Why a command is not begun at all.
    pub(super) fn refusal(&self, verb: Verb) -> Result<(), Refusal> {
        if self.is_shutting_down() && verb != Verb::Stop {
            return Err(Refusal::new(RefusalCode::ShuttingDown, "the daemon is shutting down and starts nothing"));
        }
        Ok(())
    }

    fn act(&mut self, ticket: Ticket, verb: Verb, names: &[String], wait: Wait, now: Mono, out: &mut Vec<Action>) {
        match self.refusal(verb).and_then(|()| self.chosen(names)) {
            Ok(keys) => {
                let notes = if verb == Verb::Stop { Vec::new() } else { self.start_needed(&keys, now, out) };
                let targets = keys.into_iter().map(Target::Intent).collect();
                self.begin_all(ticket, verb, targets, notes, wait, now, out);
            }
            Err(refusal) => out.push(Action::Reply(ticket, Response::Refused(refusal))),
        }
    }

    /// Begins a command and takes up whom it keeps waiting. The targets are in the order of names.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn begin_all(
        &mut self,
        ticket: Ticket,
        verb: Verb,
        targets: Vec<Target>,
        notes: Vec<String>,
        wait: Wait,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        let mut begun = Vec::with_capacity(targets.len());
        for target in targets {
            begun.push(match target {
                Target::Intent(key) => {
                    let name = self.member(key).map(|m| self.display_name(m)).unwrap_or_default();
                    (key, name.clone(), self.begin(verb, key, name, wait, now, out))
                }
                Target::Removed(key, name) => (key, name.clone(), self.removed(key, name, wait)),
            });
        }
        let number = self.take_up(ticket, begun, notes, wait, None, now);
        self.answer_if_done(number, out);
        self.release(now, out);
    }

    /// Takes up a client that waits for these, and says under which number. It is to be answered if nothing is open.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn take_up(
        &mut self,
        ticket: Ticket,
        begun: Vec<(Key, String, Begun)>,
        notes: Vec<String>,
        wait: Wait,
        roll: Option<Roll>,
        now: Mono,
    ) -> u64 {
        let number = self.waiters.next;
        self.waiters.next += 1;
        let deadline = deadline(wait, now);
        let mut waiter = Waiter { ticket, goals: BTreeMap::new(), outcomes: Vec::new(), notes, deadline, roll };
        for (key, name, (goal, known)) in begun {
            // What the others were told may have settled it.
            let outcome = known.or_else(|| {
                let (result, ok) = self.settled(key, goal?, now)?;
                Some(Outcome { name: name.clone(), result, ok })
            });
            if let Some(goal) = goal.filter(|_| outcome.is_none()) {
                waiter.goals.insert(key, (goal, name));
                self.waiters.by_key.entry(key).or_default().push(number);
            }
            waiter.outcomes.push((key, outcome));
        }
        if let Some(at) = deadline.filter(|_| waiter.is_open()) {
            self.deadlines.insert((at, Due::Waiter(number)));
        }
        self.waiters.all.insert(number, waiter);
        number
    }

    /// What has become of a goal; `None` while it is open.
    pub(super) fn settled(&self, key: Key, goal: Goal, now: Mono) -> Option<(String, bool)> {
        match self.member(key) {
            Some(member) => outcome(goal, member, self.hopeless(member).as_deref(), now),
            None => Some(of_removed(goal)),
        }
    }

    /// The goal of a process that the command itself has removed.
    pub(super) fn removed(&self, key: Key, name: String, wait: Wait) -> Begun {
        let result = match (self.members.contains_key(&key), wait) {
            (true, Wait::Reached | Wait::UpTo(_)) => return (Some(Goal::Gone), None),
            (true, Wait::No) => "stopping, to be removed",
            (false, _) => REMOVED,
        };
        (None, Some(Outcome { name, result: result.to_owned(), ok: true }))
    }

    /// Tells one process the intent of a command: what is to be waited for, or the outcome if that is known already.
    pub(super) fn begin(
        &mut self,
        verb: Verb,
        key: Key,
        name: String,
        wait: Wait,
        now: Mono,
        out: &mut Vec<Action>,
    ) -> Begun {
        let Some(member) = self.members.get(&key) else { return (None, None) };
        let known = |result: &str| (None, Some(Outcome { name: name.clone(), result: result.to_owned(), ok: true }));
        if member.retiring && verb != Verb::Stop {
            let result = "is on its way out: the configuration no longer names it".to_owned();
            return (None, Some(Outcome { name, result, ok: false }));
        }
        let (was_running, was_live) =
            (matches!(member.inst.state, State::Running { .. }), member.inst.live().is_some());
        let was_waiting = matches!(member.inst.state, State::Waiting | State::Listening | State::Backoff { .. });
        let event = match verb {
            Verb::Start => Event::Start,
            Verb::Stop => Event::Stop,
            Verb::Restart => Event::Restart,
        };
        let held = self.tell(key, event, now, out);
        match verb {
            Verb::Start if was_running => return known("already running"),
            Verb::Stop if !was_live => return known(if was_waiting { "stopped" } else { "not running" }),
            Verb::Start | Verb::Stop | Verb::Restart => {}
        }
        if wait == Wait::No {
            return known(verb.under_way());
        }
        // A retiring process that was down is gone by now.
        let Some(member) = self.members.get(&key) else { return known(verb.done()) };
        let goal = goal(verb, &member.inst, held);
        let hopeless = self.hopeless(member);
        (Some(goal), outcome(goal, member, hopeless.as_deref(), now).map(|(result, ok)| Outcome { name, result, ok }))
    }

    /// Looks at everybody who waits for this process.
    pub(super) fn wake_waiters(&mut self, key: Key, now: Mono, out: &mut Vec<Action>) {
        let Some(numbers) = self.waiters.by_key.get(&key).cloned() else { return };
        let Some(member) = self.members.get(&key) else { return };
        let hopeless = self.hopeless(member);
        let mut done = Vec::new();
        for number in numbers {
            let Some(waiter) = self.waiters.all.get_mut(&number) else { continue };
            let Some((goal, _)) = waiter.goals.get(&key) else { continue };
            if let Some((result, ok)) = outcome(*goal, member, hopeless.as_deref(), now) {
                let name = waiter.settle(key, result, ok);
                done.push((number, name.filter(|_| !ok)));
            }
        }
        for (number, failed) in done {
            self.forget_interest(key, number);
            if let Some(name) = failed {
                self.end_roll(number, &format!("not restarted, since {name} did not come back"));
            }
            self.roll_on(number, now, out);
        }
    }

    /// A waiter's own deadline: it is answered with what is not reached.
    pub(super) fn waiter_due(&mut self, number: u64, out: &mut Vec<Action>) {
        let Some(waiter) = self.waiters.all.get(&number) else {
            eprintln!("no waiter {number}");
            return;
        };
        for key in waiter.goals.keys().copied().collect::<Vec<_>>() {
            // A process that is forgotten has woken its waiters before, so it is there.
            let Some(member) = self.members.get(&key) else { continue };
            let result = format!("timed out: it is still {}", member.inst.name().text());
            if let Some(waiter) = self.waiters.all.get_mut(&number) {
                waiter.settle(key, result, false);
            }
            self.forget_interest(key, number);
        }
        self.end_roll(number, "not restarted: the time was over before its turn");
        self.answer_if_done(number, out);
    }

    /// Drops everything that a client waits for.
    pub(super) fn client_gone(&mut self, client: ClientId) {
        let gone: Vec<u64> =
            self.waiters.all.iter().filter(|(_, w)| w.ticket.client == client).map(|(number, _)| *number).collect();
        for number in gone {
            self.remove_waiter(number);
        }
    }

    pub(super) fn answer_if_done(&mut self, number: u64, out: &mut Vec<Action>) {
        if self.waiters.all.get(&number).is_some_and(|w| !w.is_open())
            && let Some(waiter) = self.remove_waiter(number)
        {
            let outcomes = waiter.outcomes.into_iter().filter_map(|(_, outcome)| outcome).collect();
            out.push(Action::Reply(waiter.ticket, Response::Outcomes { outcomes, notes: waiter.notes }));
        }
    }

    fn remove_waiter(&mut self, number: u64) -> Option<Waiter> {
        let waiter = self.waiters.all.remove(&number)?;
        for key in waiter.goals.keys() {
            self.forget_interest(*key, number);
        }
        if let Some(at) = waiter.deadline {
            self.deadlines.remove(&(at, Due::Waiter(number)));
        }
        Some(waiter)
    }

    fn forget_interest(&mut self, key: Key, number: u64) {
        if let Some(numbers) = self.waiters.by_key.get_mut(&key) {
            numbers.retain(|n| *n != number);
            if numbers.is_empty() {
                self.waiters.by_key.remove(&key);
            }
        }
    }

    /// How many requests are not answered yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiters.all.len()
    }
}

impl Waiters {
    /// What is left of the roll that somebody waits for.
    pub(super) fn roll(&mut self, number: u64) -> Option<&mut Roll> {
        self.all.get_mut(&number)?.roll.as_mut()
    }

    /// How many processes have been told what somebody waits for, and have not come to it.
    pub(super) fn under_way(&self, number: u64) -> usize {
        self.all.get(&number).map_or(0, |w| w.goals.values().filter(|(goal, _)| goal.is_up()).count())
    }

    /// Somebody waits for one more thing.
    pub(super) fn expect(&mut self, number: u64, key: Key, goal: Goal, name: String) {
        let Some(waiter) = self.all.get_mut(&number) else { return };
        waiter.goals.insert(key, (goal, name));
        self.by_key.entry(key).or_default().push(number);
    }

    /// The outcome of a process that nothing was waited for.
    pub(super) fn settle(&mut self, number: u64, key: Key, outcome: Outcome) {
        if let Some(waiter) = self.all.get_mut(&number) {
            waiter.fill_in(key, outcome);
        }
    }
}

impl Waiter {
    /// Whether something is waited for, or somebody's turn is to come.
    fn is_open(&self) -> bool {
        !self.goals.is_empty() || self.roll.as_ref().is_some_and(|roll| !roll.is_over())
    }

    /// A goal has come to something. The name of the process.
    fn settle(&mut self, key: Key, result: String, ok: bool) -> Option<String> {
        let (_, name) = self.goals.remove(&key)?;
        self.fill_in(key, Outcome { name: name.clone(), result, ok });
        Some(name)
    }

    fn fill_in(&mut self, key: Key, outcome: Outcome) {
        if let Some((_, place)) = self.outcomes.iter_mut().find(|(k, _)| *k == key) {
            *place = Some(outcome);
        }
    }
}

fn deadline(wait: Wait, now: Mono) -> Option<Mono> {
    match wait {
        Wait::UpTo(ms) => Some(now.after(Duration::from_millis(ms))),
        Wait::No | Wait::Reached => None,
    }
}

/// What a command that has just been told to the instance waits for.
fn goal(verb: Verb, inst: &Instance, held: bool) -> Goal {
    match (verb, &inst.state) {
        (Verb::Stop, _) => Goal::Down(inst.last_run),
        (_, _) if held => Goal::Up(inst.last_run.next(), verb),
        (_, State::Starting { live, .. } | State::Running { live }) => Goal::Up(live.run, verb),
        (_, _) => Goal::Up(inst.last_run.next(), verb),
    }
}

/// What has become of a goal whose process is no longer known.
fn of_removed(goal: Goal) -> (String, bool) {
    match goal {
        Goal::Down(_) | Goal::Reach(WaitFor::Stopped) => (Verb::Stop.done().to_owned(), true),
        Goal::Gone => (REMOVED.to_owned(), true),
        Goal::Up(..) | Goal::Reach(WaitFor::Running | WaitFor::Healthy) => ("was removed meanwhile".to_owned(), false),
    }
}

/// What has become of a goal; `None` while it is open. `hopeless` is why what the process waits for will not come.
pub(super) fn outcome(goal: Goal, member: &Member, hopeless: Option<&str>, now: Mono) -> Option<(String, bool)> {
    // What is on its way out and down is forgotten in this very step.
    let forgotten = member.retiring && member.inst.live().is_none();
    known_of(goal, member, hopeless, now).or_else(|| forgotten.then(|| of_removed(goal)))
}

fn known_of(goal: Goal, member: &Member, hopeless: Option<&str>, now: Mono) -> Option<(String, bool)> {
    let inst = &member.inst;
    match goal {
        Goal::Up(..) | Goal::Reach(WaitFor::Running | WaitFor::Healthy) if hopeless.is_some() => {
            hopeless.map(|what| (what.to_owned(), false))
        }
        Goal::Down(run) => match inst.live() {
            Some(live) if live.run <= run => None,
            Some(_) => Some(("stopped, and started again meanwhile".to_owned(), false)),
            None => Some((Verb::Stop.done().to_owned(), true)),
        },
        Goal::Gone if inst.live().is_some() && member.retiring => None,
        Goal::Gone if member.retiring => Some((REMOVED.to_owned(), true)),
        Goal::Gone => Some(("is to stay: the configuration names it again".to_owned(), false)),
        Goal::Reach(until) => wait::outcome(until, member),
        Goal::Up(run, verb) => match &inst.state {
            State::Running { live } if live.run >= run => Some((verb.done().to_owned(), true)),
            State::Exited { exit, expected } if inst.last_run >= run => {
                Some((format!("{} ({exit})", if *expected { "done" } else { "exited" }), *expected))
            }
            State::Listening if inst.last_run >= run => {
                let exit = inst.last_exit.map(|exit| format!(" ({exit})")).unwrap_or_default();
                Some((format!("done, and waits for a connection{exit}"), true))
            }
            State::Backoff { until, why: Some(why) } if inst.last_run >= run => {
                Some((format!("{why}; next try in {}", print_duration(until.since(now))), false))
            }
            State::Fatal { why } if inst.last_run >= run => Some((why.to_string(), false)),
            State::Stopped | State::Stopping { .. } | State::Exited { .. } | State::Fatal { .. }
                if inst.want == Want::Down =>
            {
                Some(("stopped meanwhile".to_owned(), false))
            }
            State::Stopped
            | State::Waiting
            | State::Listening
            | State::Starting { .. }
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Fatal { .. } => None,
        },
    }
}
