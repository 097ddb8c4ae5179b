//! Connections in the world's own books: who is polled for, what has come in, and who was started for what.

use std::collections::{BTreeMap, BTreeSet};

use taskmaster::base::errno::Errno;
use taskmaster::base::id::Key;
use taskmaster::base::stage::Stage;
use taskmaster::config::model::{Config, Listen, Program, Variable};
use taskmaster::control::message::{StateName, Want};
use taskmaster::supervise::event::Input;
use taskmaster::supervise::fleet::Member;
use taskmaster::supervise::history::By;
use taskmaster::supervise::state::{Failure, State};

use super::bugs::Bug;
use super::chance::Dice;
use super::{Finding, MS, World};

/// How late the loop may be.
const LATE: u64 = 500 * MS;

/// The variable in which a program says that a connection starts it, whatever becomes of its `on_demand` on the way.
const MEANT: &str = "ON_DEMAND";

/// What the world knows of the sockets of its processes.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// Who is polled for, and when that is answered.
    polled: BTreeMap<Key, Option<Told>>,
    /// Since when a connection has not been taken.
    pending: BTreeMap<Key, u64>,
    /// Who has a reason to run.
    wanted: BTreeSet<Key>,
}

/// What will be told of a socket, and when.
#[derive(Clone, Copy, Debug)]
struct Told {
    at: u64,
    deaf: bool,
}

pub(super) fn random_demand(dice: &mut Dice, program: &mut Program) {
    if dice.chance(30) && !program.policy.oneshot {
        program.listen = vec![Listen::new("127.0.0.1:80".to_owned())];
        program.policy.on_demand = true;
        program.env.insert(MEANT.to_owned(), Variable::Template("yes".to_owned()));
    }
}

fn is_meant(member: &Member) -> bool {
    member.program.env.contains_key(MEANT)
}

fn is_by_client(member: &Member) -> bool {
    member.asked.is_some_and(|asked| matches!(asked.by, By::Client { .. }))
}

impl World {
    /// A configuration in which a connection starts nothing, as it is told where a bug sits in between.
    pub(super) fn without_demand(&self, mut config: Config) -> Config {
        for program in config.programs.values_mut().filter(|_| self.has(Bug::StartsWithoutAConnection)) {
            let mut copy = Program::clone(program);
            copy.policy.on_demand = false;
            *program = copy.into();
        }
        config
    }

    /// Somebody connects.
    pub(super) fn connect(&mut self) -> Finding {
        let keys: Vec<Key> = self.fleet.members().filter(|(_, m)| is_meant(m)).map(|(key, _)| key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let key = self.dice.pick(&keys);
        let at = self.now + self.dice.ms(5);
        if !self.has(Bug::InventsAConnection) {
            self.sockets.pending.entry(key).or_insert(self.now);
        }
        if let Some(told @ None) = self.sockets.polled.get_mut(&key) {
            *told = Some(Told { at, deaf: false });
        }
        if !self.sockets.polled.contains_key(&key) && self.dice.chance(10) {
            // Of one that has not waited any more when it was served.
            let before = self.fleet.status(&[key], taskmaster::base::time::Mono(self.now));
            self.tell(Input::Demanded(key))?;
            if self.fleet.status(&[key], taskmaster::base::time::Mono(self.now)) != before {
                return Err("a connection changed something that does not wait for one".to_owned());
            }
        }
        Ok(())
    }

    pub(super) fn await_demand(&mut self, key: Key) -> Finding {
        if self.shutdown_at.is_some() {
            return Err("polls for a connection during a shutdown".to_owned());
        }
        self.sockets.wanted.remove(&key);
        let (deaf, at) = (self.dice.chance(6), self.now + self.dice.ms(3));
        let told = (deaf || self.sockets.pending.contains_key(&key)).then_some(Told { at, deaf });
        self.sockets.polled.insert(key, told);
        Ok(())
    }

    pub(super) fn end_await(&mut self, key: Key) -> Finding {
        if self.has(Bug::PollsOn) {
            return Ok(());
        }
        match self.sockets.polled.remove(&key) {
            Some(_) => Ok(()),
            None => Err("polls no longer for one that was not polled for".to_owned()),
        }
    }

    /// When the next connection is told.
    pub(super) fn next_connection(&self) -> Option<u64> {
        self.sockets.polled.values().flatten().map(|told| told.at).min()
    }

    /// Tells of the connections that have come in.
    pub(super) fn tell_connections(&mut self) -> Finding {
        let now = self.now;
        let due = self.sockets.polled.iter().filter_map(|(key, told)| told.filter(|t| t.at <= now).map(|t| (*key, t)));
        for (key, told) in due.collect::<Vec<_>>() {
            // What was told before may have ended the wait.
            let Some(left) = self.sockets.polled.get_mut(&key) else { continue };
            *left = None;
            if told.deaf {
                let (stage, errno) = (Stage::Listen, Errno(self.dice.pick(&[98, 24])));
                self.note("no socket");
                self.tell(Input::Deaf(key, Failure::Spawn { stage, errno, what: "127.0.0.1:80".to_owned() }))?;
                continue;
            }
            if self.once(Bug::LosesAConnection, 30) {
                continue;
            }
            if self.sockets.pending.contains_key(&key) {
                self.sockets.wanted.insert(key);
            }
            self.note("started by a connection");
            self.tell(Input::Demanded(key))?;
        }
        Ok(())
    }

    /// Who is started must have been asked for, by a connection or by somebody.
    pub(super) fn is_wanted(&mut self, key: Key) -> Finding {
        let Some(member) = self.fleet.member(key) else { return Ok(()) };
        if is_meant(member) && !is_by_client(member) && !self.sockets.wanted.contains(&key) {
            return Err(format!("{} {} is started, and nobody has connected", member.name, member.num));
        }
        self.sockets.wanted.insert(key);
        Ok(())
    }

    /// Who waits is polled for, and nobody else; no connection is left waiting by one that waits for it, and one that is
    /// up takes it.
    pub(super) fn connections_are_right(&mut self) -> Finding {
        let listens = |m: &Member| m.inst.state == State::Listening;
        let fleet = &self.fleet;
        self.sockets.pending.retain(|key, _| fleet.member(*key).is_some_and(|m| m.inst.name() != StateName::Running));
        self.sockets.wanted.retain(|key| fleet.member(*key).is_some());
        // What is on its way has had a reason, whatever becomes one later.
        let on_its_way = |m: &Member| m.inst.want == Want::Up && (!is_meant(m) || is_by_client(m)) && !listens(m);
        self.sockets.wanted.extend(fleet.members().filter(|(_, m)| on_its_way(m)).map(|(key, _)| key));
        if let Some(key) = self.sockets.polled.keys().find(|key| !fleet.member(**key).is_some_and(listens)) {
            return Err(format!("{key:?} is polled for, and does not wait"));
        }
        for (key, member) in fleet.members() {
            let name = format!("{} {}", member.name, member.num);
            if listens(member) && !self.sockets.polled.contains_key(&key) {
                return Err(format!("{name} waits for a connection, and is not polled for"));
            }
            let entered = member.inst.entered.map_or(0, |at| at.0);
            let late = self.sockets.pending.get(&key).is_some_and(|at| self.now > entered.max(*at) + 2 * LATE);
            if listens(member) && late {
                return Err(format!("{name} waits for a connection that has come in"));
            }
            let rests = matches!(member.inst.state, State::Exited { expected: true, .. });
            if rests && member.program.policy.on_demand && member.inst.want == Want::Up {
                return Err(format!("{name} has ended as expected, and does not wait again"));
            }
        }
        Ok(())
    }
}
