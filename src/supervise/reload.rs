//! A new configuration takes the place of the old: the difference becomes ordinary intents.
//!
//! What needs a restart is stopped under its old keys, replaced, then started; what can change in place is swapped;
//! what is not touched keeps its process. The report is made from the same plan that is carried out. A restart that
//! takes some programs from the file goes the same way with a plan of only these.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::base::id::{Key, ProgramName, Ticket, process_name};
use crate::base::time::Mono;
use crate::config::diff::{self, Plan, ProgramChange, ProgramChangeKind};
use crate::config::model::{Config, Program};
use crate::control::message::{
    Change, ChangeAction, KeyChange, PlanReport, Refusal, RefusalCode, Response, Then, Want,
};

use super::action::Action;
use super::demand::on_other_keys;
use super::event::Event;
use super::fleet::{Fleet, Member};
use super::state::State;

#[cfg(test)]
pub(super) mod tests;

/// Intents that follow from a plan, in the order in which they are to be told.
pub(super) type Intents = Vec<(Key, Event)>;

impl Fleet {
    /// Holds a valid configuration against the present one and, unless it is a dry run, puts it in force.
    pub(super) fn reload(
        &mut self,
        ticket: Option<Ticket>,
        mut config: Config,
        dry_run: bool,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        if self.is_shutting_down() {
            let refusal = Refusal::new(RefusalCode::ShuttingDown, "the daemon is shutting down");
            out.extend(ticket.map(|t| Action::Reply(t, Response::Refused(refusal))));
            return;
        }
        self.keep_scales(&mut config, dry_run);
        let plan = diff::diff(&self.config, &config);
        let report = self.report(&plan, &config, dry_run);
        if !dry_run {
            let Config { daemon, programs } = config;
            // Of the daemon's own keys only these act at once; the others stay until it is started anew, and are told
            // again.
            self.config.daemon.loglevel = daemon.loglevel;
            self.config.daemon.logformat = daemon.logformat;
            self.config.daemon.rotation = daemon.rotation;
            self.config.daemon.socket.roles = daemon.socket.roles;
            self.config.daemon.on_event = daemon.on_event;
            if !plan.daemon_live.is_empty() {
                out.push(Action::DaemonChanged);
            }
            self.config.programs = programs;
            self.order.read(&self.config);
            let intents = self.put_in_force(&plan.programs, now, out);
            let starts: Vec<Key> = intents
                .iter()
                .filter(|(_, event)| matches!(event, Event::Start | Event::Restart))
                .map(|(key, _)| *key)
                .collect();
            self.tell_all(intents, now, out);
            self.start_needed(&starts, now, out);
            self.look_at_all(now, out);
        }
        out.extend(ticket.map(|t| Action::Reply(t, Response::Plan(report))));
    }

    /// Makes the members of these programs what `config` says by now. What is to go is told so; what the others are to
    /// be told is left to the caller.
    pub(super) fn put_in_force(&mut self, changes: &[ProgramChange], now: Mono, out: &mut Vec<Action>) -> Intents {
        // Stops first, so that what is freed (ports, memory) is on its way before anything new begins.
        let (removed, others): (Vec<_>, Vec<_>) =
            changes.iter().partition(|change| matches!(change.kind, ProgramChangeKind::Removed));
        let mut intents = Intents::new();
        for change in removed.into_iter().chain(others) {
            self.put_program_in_force(change, &mut intents, now, out);
        }
        intents
    }

    fn put_program_in_force(
        &mut self,
        change: &ProgramChange,
        intents: &mut Intents,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        let program = self.config.programs.get(&change.name).cloned();
        let name = &change.name;
        match (&change.kind, program) {
            (ProgramChangeKind::Removed, _) | (_, None) => self.shrink(name, 0..0, now, out),
            (ProgramChangeKind::Added, Some(program)) => self.grow(name, &program, intents, now),
            (ProgramChangeKind::Changed { restart, .. }, Some(program)) => {
                self.shrink(name, program.numbers(), now, out);
                for key in self.keys_of(name) {
                    let event = self.replace(key, &program, !restart.is_empty(), now, out);
                    intents.extend(event.map(|event| (key, event)));
                }
                self.grow(name, &program, intents, now);
            }
        }
    }

    /// The members of a program that stay.
    pub(super) fn keys_of(&self, name: &ProgramName) -> Vec<Key> {
        let range = (name.clone(), 0)..=(name.clone(), u32::MAX);
        let keys = self.index.range(range).map(|(_, key)| *key);
        keys.filter(|key| self.members.get(key).is_some_and(|m| !m.retiring)).collect()
    }

    /// Stops and forgets the processes of a program with other numbers than these.
    fn shrink(&mut self, name: &ProgramName, keep: Range<u32>, now: Mono, out: &mut Vec<Action>) {
        for key in self.keys_of(name) {
            if let Some(member) = self.members.get_mut(&key).filter(|m| !keep.contains(&m.num)) {
                member.retiring = true;
                self.tell(key, Event::Stop, now, out);
            }
        }
    }

    /// Makes sure that all processes of a program are there; new ones are to start if it starts by itself.
    fn grow(&mut self, name: &ProgramName, program: &Arc<Program>, intents: &mut Intents, now: Mono) {
        for num in program.numbers() {
            let key = match self.index.get(&(name.clone(), num)).copied() {
                None => self.enlist(name, num, program),
                Some(key) => {
                    let Some(member) = self.members.get_mut(&key).filter(|m| m.retiring) else { continue };
                    // It was removed a moment ago and is still on its way down: it comes back when it is.
                    member.retiring = false;
                    member.next = Some(Arc::clone(program));
                    self.fit_schedule(key, None, now);
                    key
                }
            };
            if program.autostart && (program.schedule.is_none() || self.activate(key, now)) {
                intents.push((key, by_itself(program)));
            }
        }
    }

    /// Gives a member its program's new keys: at once, or when its present run is over. What it is to be told then.
    fn replace(
        &mut self,
        key: Key,
        program: &Arc<Program>,
        restart: bool,
        now: Mono,
        out: &mut Vec<Action>,
    ) -> Option<Event> {
        let member = self.members.get_mut(&key)?;
        let event = follow_up(member, program, restart);
        let schedule = member.meant().schedule.clone();
        let later = restart && member.inst.live().is_some();
        if later && program.schedule.is_none() {
            member.next = Some(Arc::clone(program));
            self.fit_schedule(key, schedule.as_deref(), now);
            return event;
        }
        if later || member.next.is_some() {
            // Its present run has other keys that need a restart, and is on its way down for that. The rest is for it
            // as well: whoever gives a process more time to stop means the one that is stopping.
            member.program = Arc::new(diff::in_place(&member.program, program));
            member.next = Some(Arc::clone(program));
        } else {
            member.program = Arc::clone(program);
        }
        self.rearm(key);
        self.fit_schedule(key, schedule.as_deref(), now);
        self.leave_to_schedule(key, now, out);
        out.push(Action::Reconfigure(key));
        // What they wait for may depend on a key: one that is not checked any more is well when it runs.
        self.wake_waiters(key, now, out);
        event
    }

    /// The plan process by process, as a client is told.
    fn report(&self, plan: &Plan, new: &Config, dry_run: bool) -> PlanReport {
        let changed: BTreeMap<&ProgramName, &ProgramChangeKind> =
            plan.programs.iter().map(|c| (&c.name, &c.kind)).collect();
        let daemon = wire(&plan.daemon_live, false).chain(wire(&plan.daemon_keys, true)).collect();
        let needs_daemon_restart = plan.daemon_keys.iter().map(|k| k.key.clone()).collect();
        let mut report = PlanReport { dry_run, daemon, needs_daemon_restart, ..PlanReport::default() };
        let names: BTreeSet<&ProgramName> = self.config.programs.keys().chain(new.programs.keys()).collect();
        for name in names {
            let keys: Vec<KeyChange> = match changed.get(name) {
                Some(ProgramChangeKind::Changed { restart, in_place, .. }) => {
                    wire(restart, true).chain(wire(in_place, false)).collect()
                }
                Some(ProgramChangeKind::Added | ProgramChangeKind::Removed) | None => Vec::new(),
            };
            self.report_program(name, new.programs.get(name), &keys, &mut report);
        }
        report
    }

    /// The same for one program, with the keys that change.
    fn report_program(
        &self,
        name: &ProgramName,
        new: Option<&Arc<Program>>,
        keys: &[KeyChange],
        report: &mut PlanReport,
    ) {
        let (before, after) =
            (self.config.programs.get(name).map_or(0..0, |p| p.numbers()), new.map_or(0..0, |p| p.numbers()));
        let moved = !before.is_empty() && !after.is_empty() && before != after;
        let group = moved || before.len().max(after.len()) > 1;
        let needs_restart = keys.iter().any(|key| key.needs_restart);
        for num in before.clone().chain(after.clone()).collect::<BTreeSet<u32>>() {
            let member = self.index.get(&(name.clone(), num)).and_then(|key| self.member(*key));
            let (action, then) = match (before.contains(&num), new.filter(|_| after.contains(&num))) {
                (_, None) => (ChangeAction::Removed, removal(member)),
                (false, Some(program)) => (ChangeAction::Added, addition(program)),
                (true, Some(_)) if keys.is_empty() => {
                    report.unchanged += 1;
                    continue;
                }
                (true, Some(program)) => update(member, program, needs_restart),
            };
            let stays = before.contains(&num) && after.contains(&num);
            let keys = if stays { keys.to_vec() } else { Vec::new() };
            report.changes.push(Change { name: process_name(name, num, group), action, then, keys });
        }
    }
}

/// How a process is told to be up if nobody asks for it by its name.
fn by_itself(program: &Program) -> Event {
    if program.policy.on_demand { Event::Arm } else { Event::Start }
}

/// What a process is told once it has new keys, if anything.
fn follow_up(member: &Member, new: &Program, restart: bool) -> Option<Event> {
    let inst = &member.inst;
    let was_active = member.timetable.as_ref().is_some_and(|table| table.is_active());
    if new.schedule.is_some() {
        // A job is let go on to its end; its next run has the new keys.
        return None;
    }
    if was_active && new.autostart && inst.live().is_none() {
        return Some(by_itself(new));
    }
    if let Some(event) = on_other_keys(inst, new.policy.on_demand) {
        return Some(event);
    }
    if !restart || inst.want == Want::Down {
        return None;
    }
    match inst.state {
        State::Starting { .. } | State::Running { .. } | State::Stopping { .. } => Some(Event::Restart),
        State::Waiting | State::Listening | State::Backoff { .. } | State::Fatal { .. } | State::Exited { .. } => {
            Some(by_itself(new))
        }
        State::Stopped => None,
    }
}

fn removal(member: Option<&Member>) -> Then {
    if member.is_some_and(|m| m.inst.live().is_some()) { Then::Stops } else { Then::StaysDown }
}

fn addition(program: &Program) -> Then {
    let waits = program.schedule.as_ref().is_some_and(|schedule| !schedule.run_on_start);
    match (program.autostart, waits) {
        (true, _) if program.policy.on_demand => Then::OnDemand,
        (true, true) => Then::BySchedule,
        (true, false) => Then::Starts,
        (false, _) => Then::StaysDown,
    }
}

/// What other keys do to a process that stays.
fn update(member: Option<&Member>, new: &Program, restart: bool) -> (ChangeAction, Then) {
    let Some(member) = member else { return (ChangeAction::Updated, Then::StaysDown) };
    let inst = &member.inst;
    match follow_up(member, new, restart) {
        Some(Event::Restart) => return (ChangeAction::Restarted, Then::Restarts),
        Some(Event::Start) => return (ChangeAction::Restarted, Then::Starts),
        Some(Event::Arm) => return (ChangeAction::Updated, Then::OnDemand),
        Some(
            Event::Stop | Event::Kill | Event::Demanded | Event::Deaf(_) | Event::Opened | Event::Due | Event::Fact(..),
        )
        | None => {}
    }
    let waits = matches!(inst.state, State::Waiting | State::Backoff { .. });
    let scheduled = new.schedule.is_some() && member.timetable.as_ref().is_some_and(|table| table.is_active());
    let then = match (inst.live().is_some(), inst.want) {
        (true, Want::Up) => Then::GoesOn,
        (true, Want::Down) => Then::Stops,
        (false, _) if waits => Then::GoesOn,
        (false, _) if inst.state == State::Listening => Then::OnDemand,
        (false, _) if scheduled => Then::BySchedule,
        (false, _) => Then::StaysDown,
    };
    (ChangeAction::Updated, then)
}

fn wire(changes: &[diff::KeyChange], needs_restart: bool) -> impl Iterator<Item = KeyChange> {
    changes.iter().map(move |change| KeyChange {
        key: change.key.clone(),
        old: change.old.clone(),
        new: change.new.clone(),
        needs_restart,
    })
}
