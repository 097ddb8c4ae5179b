//! Who waits for whom: starts wait until dependencies have come to what is asked of them, and what others depend on goes
//! down after them.
//!
//! A process whose dependencies are not there is WAITING. Whenever a process changes, those that wait for its program are
//! looked at. A stop or restart of a process that others depend on is *held* while those that go down as well are still
//! up; what is held starts nothing meanwhile, and what depends on it waits. Circles are errors of the configuration, so
//! both come to an end.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::{Key, ProgramName};
use crate::base::time::Mono;
use crate::config::model::{Condition, Config, Dependency};
use crate::control::message::{Health, Want};

use super::action::{Action, Note};
use super::event::Event;
use super::fleet::{Fleet, Member};
use super::history::By;
use super::state::{Exec, State};

/// How many dependencies are named when it is said what is waited for.
const NAMED: usize = 3;

/// Whether a process may be spawned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Open,
    /// It has to wait, and for what.
    Closed(String),
}

/// A stop or restart that is held until others are down.
#[derive(Clone, Debug)]
pub(super) struct Held {
    event: Event,
    by: Option<By>,
}

/// What is known of the order, beside the configuration.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// For each program that others depend on, those that do.
    dependents: BTreeMap<ProgramName, Vec<ProgramName>>,
    held: BTreeMap<Key, Held>,
    /// Those of whom it was said that what they wait for will not come by itself, and what was said.
    told: BTreeMap<Key, String>,
}

impl Order {
    pub fn of(config: &Config) -> Order {
        let mut order = Order::default();
        order.read(config);
        order
    }

    /// Takes the dependencies of a configuration in place of those that were known.
    pub fn read(&mut self, config: &Config) {
        self.dependents.clear();
        for (name, program) in &config.programs {
            for Dependency { on, .. } in &program.depends_on {
                self.dependents.entry(on.clone()).or_default().push(name.clone());
            }
        }
    }

    /// A process is gone for good.
    pub fn forget(&mut self, key: Key) {
        self.held.remove(&key);
        self.told.remove(&key);
    }

    /// Whether a program has others that depend on it.
    pub fn is_depended_on(&self, name: &ProgramName) -> bool {
        self.dependents.contains_key(name)
    }

    /// Whether a process is to go down as soon as others are.
    pub fn holds(&self, key: Key) -> bool {
        self.held.contains_key(&key)
    }
}

impl Fleet {
    /// Whether this process may be spawned now.
    pub(super) fn gate(&self, key: Key) -> Gate {
        let Some(member) = self.member(key) else { return Gate::Open };
        // Also of one that has not been told yet.
        if self.is_shutting_down() {
            return Gate::Closed("the daemon to go down".to_owned());
        }
        if self.order.holds(key) {
            return Gate::Closed("those that depend on it to go down".to_owned());
        }
        if member.meant().depends_on.is_empty() {
            return Gate::Open;
        }
        let unmet: Vec<String> =
            self.unmet(member).map(|(dependency, other)| self.state_of(dependency, other)).collect();
        if unmet.is_empty() { Gate::Open } else { Gate::Closed(listed(&unmet)) }
    }

    /// The dependencies of a process that have not come to what is asked of them, with the processes that have not.
    pub(super) fn unmet<'f>(&'f self, member: &'f Member) -> impl Iterator<Item = (&'f Dependency, &'f Member)> {
        member.meant().depends_on.iter().flat_map(move |dependency| {
            let others = self.keys_of(&dependency.on).into_iter();
            others.filter_map(move |key| {
                let other = self.member(key)?;
                (!self.is_met(dependency, key, other)).then_some((dependency, other))
            })
        })
    }

    fn is_met(&self, dependency: &Dependency, key: Key, other: &Member) -> bool {
        let inst = &other.inst;
        // What is about to go down is as good as down.
        if !self.order.holds(key) && has_come_to(dependency.until, other) {
            return true;
        }
        let is_to_run = match inst.state {
            State::Stopped | State::Exited { .. } | State::Fatal { .. } => false,
            State::Waiting
            | State::Listening
            | State::Starting { .. }
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Backoff { .. } => inst.want == Want::Up,
        };
        // What is held is on its way, whichever that is.
        !dependency.required && !is_to_run && !self.order.holds(key)
    }

    fn state_of(&self, dependency: &Dependency, other: &Member) -> String {
        let name = self.display_name(other);
        let state = other.inst.name().text();
        match (&other.inst.state, dependency.until) {
            (State::Fatal { why }, _) => format!("{name} (FATAL: {why})"),
            (State::Exited { exit, .. }, _) => format!("{name} (EXITED: {exit})"),
            (State::Running { .. }, Condition::Healthy) => format!("{name} ({state}, not healthy yet)"),
            (State::Running { .. }, Condition::Completed | Condition::Ready) => {
                format!("{name} ({state}, not done yet)")
            }
            (_, _) => format!("{name} ({state})"),
        }
    }

    /// Whether a process is to go down as soon as others are.
    pub(super) fn is_held(&self, member: &Member) -> bool {
        self.index.get(&(member.name.clone(), member.num)).is_some_and(|key| self.order.holds(*key))
    }

    /// What a process waits for; `None` if it does not.
    pub(super) fn waits_for(&self, member: &Member) -> Option<String> {
        let key = self.index.get(&(member.name.clone(), member.num))?;
        match (&member.inst.state, self.gate(*key)) {
            (State::Waiting, Gate::Closed(on)) => Some(format!("waits for {on}")),
            (State::Listening, _) => Some(format!("waits for a connection to {}", self.sockets_of(member))),
            (_, _) => None,
        }
    }

    /// Why a process that waits will go on doing so until somebody acts; `None` if what it waits for may yet come.
    #[must_use]
    pub fn hopeless(&self, member: &Member) -> Option<String> {
        if !matches!(member.inst.state, State::Waiting) {
            return None;
        }
        let dead = |other: &Member| match &other.inst.state {
            State::Stopped | State::Exited { .. } | State::Fatal { .. } => true,
            State::Waiting
            | State::Listening
            | State::Starting { .. }
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Backoff { .. } => false,
        };
        let (dependency, other) = self.unmet(member).find(|(_, other)| dead(other))?;
        Some(format!("waits for {}", self.state_of(dependency, other)))
    }

    /// By which command somebody can bring what a process waits for; `None` if it may come by itself.
    pub(super) fn help_for(&self, member: &Member) -> Option<String> {
        self.hopeless(member)?;
        let key = self.index.get(&(member.name.clone(), member.num))?;
        let names = self.needed_by(&[*key]).into_iter().filter_map(|key| Some(self.display_name(self.member(key)?)));
        let names: Vec<String> = names.collect();
        Some(format!("that does not come by itself: \"start {}\" tries", names.join(" ")))
    }

    /// Says of a process that waits that what it waits for will not come by itself, once.
    fn tell_if_hopeless(&mut self, key: Key, out: &mut Vec<Action>) {
        let Some(member) = self.member(key) else { return };
        let (hopeless, gate) = (self.hopeless(member), self.gate(key));
        match (hopeless, gate) {
            (Some(text), Gate::Closed(on)) if self.order.told.get(&key) != Some(&text) => {
                out.push(Action::Note(self.happening(member, Note::Waiting { on })));
                self.order.told.insert(key, text);
            }
            (Some(_), _) => {}
            (None, _) => drop(self.order.told.remove(&key)),
        }
    }

    /// The processes that these need, are not on their way, and will not come by themselves: without those that are among
    /// these already.
    pub(super) fn needed_by(&self, keys: &[Key]) -> Vec<Key> {
        let mut seen: BTreeSet<Key> = keys.iter().copied().collect();
        let (mut needed, mut queue) = (Vec::new(), keys.to_vec());
        while let Some(key) = queue.pop() {
            let Some(member) = self.member(key) else { continue };
            for dependency in member.meant().depends_on.iter().filter(|d| d.required) {
                for other in self.keys_of(&dependency.on) {
                    let idle = self.member(other).is_some_and(|m| {
                        let down = matches!(m.inst.state, State::Stopped | State::Exited { .. } | State::Fatal { .. });
                        down && !has_come_to(dependency.until, m)
                    });
                    if idle && seen.insert(other) {
                        needed.push(other);
                        queue.push(other);
                    }
                }
            }
        }
        needed
    }

    /// Starts what these need. What is said about that.
    pub(super) fn start_needed(&mut self, keys: &[Key], now: Mono, out: &mut Vec<Action>) -> Vec<String> {
        let needed = self.needed_by(keys);
        let names =
            |fleet: &Fleet| needed.iter().filter_map(|key| Some(fleet.display_name(fleet.member(*key)?))).collect();
        let names: Vec<String> = names(self);
        for key in needed {
            self.tell(key, self.by_itself(key), now, out);
        }
        match names.as_slice() {
            [] => Vec::new(),
            all => vec![format!("started, too, because it is needed: {}", listed(all))],
        }
    }

    /// Tells a process; a stop or restart of one that others depend on is held, until [`release`](Fleet::release) is called
    /// and these are down. Whether it is held.
    pub(super) fn tell(&mut self, key: Key, event: Event, now: Mono, out: &mut Vec<Action>) -> bool {
        let goes_down = matches!(event, Event::Stop | Event::Restart);
        let depended_on =
            self.member(key).is_some_and(|m| m.inst.live().is_some() && self.order.dependents.contains_key(&m.name));
        if goes_down && depended_on {
            self.want(key, if event == Event::Stop { Want::Down } else { Want::Up });
            self.order.held.insert(key, Held { event, by: self.acting });
            self.wake_waiters(key, now, out);
            return true;
        }
        // A start takes back a stop that is held, unless its next run is to have other keys; then it becomes a restart.
        let has_next = self.member(key).is_some_and(|m| m.next.is_some());
        if matches!(event, Event::Start | Event::Arm)
            && let Some(held) = self.order.held.get_mut(&key)
            && (held.event == Event::Restart || has_next)
        {
            held.event = Event::Restart;
            self.want(key, Want::Up);
            self.wake_waiters(key, now, out);
            return true;
        }
        self.order.held.remove(&key);
        self.apply(key, event, now, out);
        false
    }

    /// What is held shows already in what is wanted.
    fn want(&mut self, key: Key, want: Want) {
        if let Some(member) = self.members.get_mut(&key) {
            member.inst.want = want;
        }
    }

    /// Tells all of these, in this order as far as nobody depends on them.
    pub(super) fn tell_all(
        &mut self,
        events: impl IntoIterator<Item = (Key, Event)>,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        for (key, event) in events {
            self.tell(key, event, now, out);
        }
        self.release(now, out);
    }

    /// Tells those that are held and wait for nobody any more.
    pub(super) fn release(&mut self, now: Mono, out: &mut Vec<Action>) {
        while let Some(key) = self.order.held.keys().copied().find(|key| !self.waits_to_go_down(*key)) {
            let Some(Held { event, by }) = self.order.held.remove(&key) else { return };
            let acting = std::mem::replace(&mut self.acting, by);
            self.apply(key, event, now, out);
            self.acting = acting;
        }
    }

    /// Whether somebody that depends on it is on the way down.
    fn waits_to_go_down(&self, key: Key) -> bool {
        let Some(member) = self.member(key).filter(|m| m.inst.live().is_some()) else { return false };
        let dependents = self.order.dependents.get(&member.name).into_iter().flatten();
        dependents.flat_map(|name| self.all_keys_of(name)).any(|other| {
            let live = self.member(other).filter(|m| m.inst.live().is_some());
            live.is_some_and(|m| self.order.holds(other) || matches!(m.inst.state, State::Stopping { .. }))
        })
    }

    /// The keys of a program's processes, with those that are on their way out.
    fn all_keys_of(&self, name: &ProgramName) -> impl Iterator<Item = Key> {
        self.index.range((name.clone(), 0)..=(name.clone(), u32::MAX)).map(|(_, key)| *key)
    }

    /// The configuration has changed: all that wait are looked at.
    pub(super) fn look_at_all(&mut self, now: Mono, out: &mut Vec<Action>) {
        let waiting = self.members().filter(|(_, m)| matches!(m.inst.state, State::Waiting));
        for key in waiting.map(|(key, _)| key).collect::<Vec<_>>() {
            if self.gate(key) == Gate::Open {
                self.apply(key, Event::Opened, now, out);
            } else {
                self.wake_waiters(key, now, out);
            }
        }
    }

    /// A process of this program has changed: those that wait for it are looked at. `ended` says that a run of it is over
    /// that is to be followed by another.
    pub(super) fn ripple(&mut self, name: &ProgramName, ended: bool, now: Mono, out: &mut Vec<Action>) {
        let Some(dependents) = self.order.dependents.get(name) else { return };
        let keys: Vec<Key> = dependents.iter().flat_map(|name| self.all_keys_of(name)).collect();
        let restart = ended
            && !self.is_shutting_down()
            && self.config.programs.get(name).is_some_and(|program| program.restart_dependents);
        for key in keys {
            let Some(member) = self.member(key) else { continue };
            let (waits, is_up) = (
                matches!(member.inst.state, State::Waiting),
                matches!(member.inst.state, State::Starting { .. } | State::Running { .. })
                    && member.inst.want == Want::Up,
            );
            if waits && self.gate(key) == Gate::Open {
                self.apply(key, Event::Opened, now, out);
            } else if waits {
                self.tell_if_hopeless(key, out);
                self.wake_waiters(key, now, out);
            } else if restart && is_up && !self.order.holds(key) {
                self.apply(key, Event::Restart, now, out);
            }
        }
    }
}

impl Fleet {
    /// What must hold of the order between two inputs. For tests.
    pub(super) fn order_holds(&self) -> Result<(), String> {
        for (key, member) in self.members() {
            let waits = matches!(member.inst.state, State::Waiting);
            if waits && self.gate(key) == Gate::Open {
                return Err(format!("{} waits although nothing keeps it waiting", member.name));
            }
            if waits && member.inst.want == Want::Down {
                return Err(format!("{} waits to start, and is not to run", member.name));
            }
            if self.order.holds(key) && !self.waits_to_go_down(key) {
                return Err(format!("{} is held although nobody is to go down before it", member.name));
            }
        }
        match self.order.held.keys().find(|key| self.member(**key).is_none()) {
            Some(key) => Err(format!("{key:?} is held, and is not known")),
            None => Ok(()),
        }
    }
}

/// The first few, and how many more there are.
pub(super) fn listed(names: &[String]) -> String {
    let some = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED) {
        Some(more @ 1..) => format!("{some} and {more} more"),
        Some(0) | None => some,
    }
}

/// Whether a process has come to what another one waits for.
fn has_come_to(until: Condition, other: &Member) -> bool {
    let job = other.program.policy.oneshot;
    let state = &other.inst.state;
    if let State::Exited { expected, .. } = state {
        return job && *expected;
    }
    // Whoever connects to what listens has it started, and is answered.
    if matches!(state, State::Listening) {
        return until != Condition::Completed;
    }
    let up = matches!(state, State::Running { .. });
    match until {
        Condition::Started => up || matches!(state, State::Starting { exec: Exec::Confirmed(_), .. }),
        Condition::Ready => up && !job,
        Condition::Completed => false,
        Condition::Healthy => up && other.inst.health(&other.program.policy) == Some(Health::Healthy),
    }
}

#[cfg(test)]
mod tests;
