//! A new configuration takes the place of the old: the difference becomes ordinary intents.
//!
//! What needs a restart is stopped under its old keys, replaced, then started; what can change in place is swapped;
//! what is not touched keeps its process. The report is made from the same plan that is carried out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::base::id::{Key, ProgramName, Ticket, process_name};
use crate::base::time::Mono;
use crate::config::diff::{self, Plan, ProgramChange, ProgramChangeKind};
use crate::config::model::{Config, Program};
use crate::control::message::{Change, ChangeAction, KeyChange, PlanReport, Refusal, RefusalCode, Response, Want};

use super::action::Action;
use super::event::Event;
use super::fleet::Fleet;
use super::state::State;

impl Fleet {
    /// Holds a valid configuration against the present one and, unless it is a dry run, puts it in force.
    pub(super) fn reload(
        &mut self,
        ticket: Option<Ticket>,
        config: Config,
        dry_run: bool,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        if self.is_shutting_down() {
            let refusal = Refusal::new(RefusalCode::ShuttingDown, "the daemon is shutting down");
            out.extend(ticket.map(|t| Action::Reply(t, Response::Refused(refusal))));
            return;
        }
        let plan = diff::diff(&self.config, &config);
        let report = report(&plan, &self.config, &config, dry_run);
        if !dry_run {
            self.put_in_force(&plan, config, now, out);
        }
        out.extend(ticket.map(|t| Action::Reply(t, Response::Plan(report))));
    }

    fn put_in_force(&mut self, plan: &Plan, config: Config, now: Mono, out: &mut Vec<Action>) {
        // Of the daemon's own keys only these act at once; the others stay until it is started anew, and are told again.
        let Config { daemon, programs } = config;
        self.config.programs = programs;
        self.config.daemon.loglevel = daemon.loglevel;
        self.config.daemon.rotation = daemon.rotation;
        if plan.daemon_live {
            out.push(Action::DaemonChanged);
        }
        // Stops first, so that what is freed (ports, memory) is on its way before anything new begins.
        let (stopping, others): (Vec<_>, Vec<_>) =
            plan.programs.iter().partition(|change| matches!(change.kind, ProgramChangeKind::Removed));
        for change in stopping.into_iter().chain(others) {
            self.carry_out(change, now, out);
        }
    }

    fn carry_out(&mut self, change: &ProgramChange, now: Mono, out: &mut Vec<Action>) {
        let program = self.config.programs.get(&change.name).cloned();
        let name = &change.name;
        match (&change.kind, program) {
            (ProgramChangeKind::Removed, _) | (_, None) => self.shrink(name, &(0..0), now, out),
            (ProgramChangeKind::Added, Some(program)) => self.grow(name, &program, now, out),
            (ProgramChangeKind::Changed { restart, numbers, .. }, Some(program)) => {
                if numbers.is_some() {
                    self.shrink(name, &program.numbers(), now, out);
                }
                for key in self.keys_of(name) {
                    self.replace(key, &program, !restart.is_empty(), now, out);
                }
                self.grow(name, &program, now, out);
            }
        }
    }

    /// The members of a program that stay.
    fn keys_of(&self, name: &ProgramName) -> Vec<Key> {
        let range = (name.clone(), 0)..=(name.clone(), u32::MAX);
        let keys = self.index.range(range).map(|(_, key)| *key);
        keys.filter(|key| self.members.get(key).is_some_and(|m| !m.retiring)).collect()
    }

    /// Stops and forgets the processes of a program but for those with the numbers `keep`.
    fn shrink(&mut self, name: &ProgramName, keep: &Range<u32>, now: Mono, out: &mut Vec<Action>) {
        for key in self.keys_of(name) {
            if let Some(member) = self.members.get_mut(&key).filter(|m| !keep.contains(&m.num)) {
                member.retiring = true;
                self.apply(key, Event::Stop, now, out);
            }
        }
    }

    /// Makes sure that all processes of a program are there; new ones are started if it starts by itself.
    fn grow(&mut self, name: &ProgramName, program: &Arc<Program>, now: Mono, out: &mut Vec<Action>) {
        for num in program.numbers() {
            let key = match self.index.get(&(name.clone(), num)).copied() {
                None => self.enlist(name, num, program),
                Some(key) => {
                    let Some(member) = self.members.get_mut(&key).filter(|m| m.retiring) else { continue };
                    // It was removed a moment ago and is still on its way down: it comes back when it is.
                    member.retiring = false;
                    member.next = Some(Arc::clone(program));
                    key
                }
            };
            if program.autostart {
                self.apply(key, Event::Start, now, out);
            }
        }
    }

    /// Gives a member its program's new keys: at once, or when its present run is over.
    fn replace(&mut self, key: Key, program: &Arc<Program>, restart: bool, now: Mono, out: &mut Vec<Action>) {
        let Some(member) = self.members.get_mut(&key) else { return };
        if restart && member.inst.live().is_some() {
            member.next = Some(Arc::clone(program));
            if member.inst.want == Want::Up {
                self.apply(key, Event::Restart, now, out);
            }
            return;
        }
        // Not yet in force for this run, but meant to be: the newer keys go the same way.
        if member.next.is_some() {
            member.next = Some(Arc::clone(program));
            return;
        }
        member.program = Arc::clone(program);
        let try_again = restart
            && member.inst.want == Want::Up
            && matches!(member.inst.state, State::Backoff { .. } | State::Fatal { .. } | State::Exited { .. });
        self.rearm(key);
        out.push(Action::Reconfigure(key));
        if try_again {
            self.apply(key, Event::Start, now, out);
        }
    }
}

/// The plan process by process, as a client is told.
fn report(plan: &Plan, old: &Config, new: &Config, dry_run: bool) -> PlanReport {
    let changed: BTreeMap<&ProgramName, &ProgramChange> = plan.programs.iter().map(|c| (&c.name, c)).collect();
    let names: std::collections::BTreeSet<&ProgramName> = old.programs.keys().chain(new.programs.keys()).collect();
    let needs_daemon_restart = plan.daemon_keys.iter().map(|k| k.key.clone()).collect();
    let mut report = PlanReport { dry_run, needs_daemon_restart, ..PlanReport::default() };
    for name in names {
        let numbers = |config: &Config| config.programs.get(name).map_or(0..0, |p| p.numbers());
        let (before, after) = (numbers(old), numbers(new));
        let (kept, keys) = match changed.get(name).map(|c| &c.kind) {
            Some(ProgramChangeKind::Changed { restart, in_place, .. }) => {
                let keys: Vec<KeyChange> = restart.iter().chain(in_place).map(wire).collect();
                match (restart.is_empty(), keys.is_empty()) {
                    (false, _) => (Some(ChangeAction::Restarted), keys),
                    (true, false) => (Some(ChangeAction::Updated), keys),
                    (true, true) => (None, keys),
                }
            }
            Some(ProgramChangeKind::Added | ProgramChangeKind::Removed) | None => (None, Vec::new()),
        };
        let several = before.len().max(after.len()) > 1 || (!before.is_empty() && !after.is_empty() && before != after);
        let added = after.clone().filter(|num| !before.contains(num));
        let all: std::collections::BTreeSet<u32> = before.clone().chain(added).collect();
        for num in all {
            let (was, is) = (before.contains(&num), after.contains(&num));
            let action = match (was, is) {
                (false, _) => Some(ChangeAction::Added),
                (true, false) => Some(ChangeAction::Removed),
                (true, true) => kept,
            };
            let keys = if was && is { keys.clone() } else { Vec::new() };
            match action {
                Some(action) => {
                    let name = process_name(name, num, several);
                    report.changes.push(Change { name, action, keys });
                }
                None => report.unchanged += 1,
            }
        }
    }
    report
}

fn wire(change: &diff::KeyChange) -> KeyChange {
    KeyChange { key: change.key.clone(), old: change.old.clone(), new: change.new.clone() }
}
