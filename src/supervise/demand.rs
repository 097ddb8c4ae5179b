//! Programs that are started by the first connection to one of their sockets: what the fleet has to do with that.
//!
//! Whether a process listens is its own matter (`step/demand`); where, and that a connection has come in, is the
//! shell's. Processes of a program may share a socket: then all that wait are told of its connections.

use crate::base::id::Key;
use crate::base::time::Mono;
use crate::config::expand::{self, Outside};
use crate::config::model::Listen;
use crate::control::message::Want;

use super::action::Action;
use super::event::Event;
use super::fleet::{Fleet, Member};
use super::order::listed;
use super::state::{Instance, State};

/// What a process that was not started by connections until now, or was, is told when that changes.
pub(super) fn on_other_keys(inst: &Instance, on_demand: bool) -> Option<Event> {
    match inst.state {
        State::Listening if !on_demand => Some(Event::Start),
        // It would wait for a connection if it had ended now.
        State::Exited { expected: true, .. } if on_demand && inst.want == Want::Up => Some(Event::Arm),
        State::Stopped
        | State::Waiting
        | State::Listening
        | State::Starting { .. }
        | State::Running { .. }
        | State::Stopping { .. }
        | State::Backoff { .. }
        | State::Exited { .. }
        | State::Fatal { .. } => None,
    }
}

impl Fleet {
    /// Whether this process is started by a connection.
    pub(super) fn is_on_demand(&self, key: Key) -> bool {
        self.member(key).is_some_and(|m| m.meant().policy.on_demand)
    }

    /// How a process is told to be up if nobody asks for it by its name.
    pub(super) fn by_itself(&self, key: Key) -> Event {
        if self.is_on_demand(key) { Event::Arm } else { Event::Start }
    }

    /// A connection has come in for a process; what it needs has to be started for it.
    pub(super) fn demanded(&mut self, key: Key, now: Mono, out: &mut Vec<Action>) {
        let listens = self.member(key).is_some_and(|m| m.inst.state == State::Listening);
        if listens {
            self.start_needed(&[key], now, out);
            self.apply(key, Event::Demanded, now, out);
        }
    }

    /// A run is over, and by the program that takes the place of its own the process may have to wait for a connection,
    /// or not to.
    pub(super) fn fit_demand(&mut self, key: Key, now: Mono, out: &mut Vec<Action>) {
        let Some(Member { inst, program, retiring: false, .. }) = self.members.get(&key).map(Box::as_ref) else {
            return;
        };
        match on_other_keys(inst, program.policy.on_demand) {
            Some(_) if program.schedule.is_some() => self.leave_to_schedule(key, now, out),
            Some(event) => self.apply(key, event, now, out),
            None => {}
        }
    }

    /// What waits for a connection that starts it no longer is left to its schedule, if it has one now.
    pub(super) fn leave_to_schedule(&mut self, key: Key, now: Mono, out: &mut Vec<Action>) {
        let scheduled = |m: &Member| m.inst.state == State::Listening && m.program.schedule.is_some();
        if self.member(key).is_some_and(scheduled) {
            self.by_schedule(key, Event::Stop, now, out);
        }
    }

    /// Where a process takes connections, as it is shown: filled in as far as that goes without the daemon's environment.
    pub(super) fn addresses_of(&self, member: &Member) -> Vec<String> {
        let (program, outside) = (&member.program, Outside { env: &|_| None, host: "", childlogdir: "" });
        if program.listen.is_empty() {
            return Vec::new();
        }
        // Nor is the name of the machine known here.
        let elsewhere = program.listen.iter().any(|Listen { address, .. }| address.contains("host"));
        match expand::listen(program, &member.name, member.num, &outside) {
            Ok(addresses) if !elsewhere => addresses.iter().map(ToString::to_string).collect(),
            Ok(_) | Err(_) => program.listen.iter().map(|Listen { address, .. }| address.clone()).collect(),
        }
    }

    /// The same as a text.
    pub(super) fn sockets_of(&self, member: &Member) -> String {
        listed(&self.addresses_of(member))
    }

    /// What must hold of those that wait for a connection between two inputs. For tests.
    pub(super) fn demand_holds(&self) -> Result<(), String> {
        for (_, Member { name, program, inst, .. }) in self.members().filter(|(_, m)| m.inst.state == State::Listening)
        {
            if !program.policy.on_demand {
                return Err(format!("{name} waits for a connection, which does not start it"));
            }
            if inst.want == Want::Down || inst.demanded {
                return Err(format!("{name} waits for a connection, and is to be down or to run"));
            }
            if self.is_shutting_down() {
                return Err(format!("{name} waits for a connection while the daemon leaves"));
            }
        }
        Ok(())
    }
}
