//! The processes: which run has which pid and which slots. The only caller of waitid.
//!
//! A run is live here from its birth until its leader is reaped and, if its group is watched, until the last member of
//! the group is gone. While the leader is unreaped its number cannot be anybody else's, so its group may be signalled
//! by number; afterwards the members that are left are held by pidfd each.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::base::exit::Exit;
use crate::base::id::{Key, Run};
use crate::sys::group::{self, Snapshot};
use crate::sys::spawn::{Failed, Launch, Spawned, Status, read_status};
use crate::sys::wait;

use super::reactor::{Reactor, Source, Token, Wants};

#[derive(Debug)]
struct Child {
    run: Run,
    pid: u32,
    /// `Some` iff the leader is not reaped.
    leader: Option<Token>,
    /// `Some` iff it is not known what became of `execve`, with what the child uses until then.
    status: Option<(Token, Launch)>,
    /// A failed step was told, and is not told again.
    failed: bool,
    /// Members of the group that outlived the leader, by process id; empty while `leader` is `Some`. Each stays until
    /// its slot has said that it ended, so that the last one's end is never missed.
    stragglers: BTreeMap<u32, Token>,
}

/// All live runs.
#[derive(Debug, Default)]
pub struct Children {
    /// Boxed, since a map that grows at its end keeps its nodes half empty.
    live: BTreeMap<Key, Box<Child>>,
    /// The processes of the system, looked at once a turn if anybody asks.
    snapshot: Option<Snapshot>,
}

/// A leader that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reaped {
    /// How.
    pub exit: Exit,
    /// Whether members of its group are left and now watched.
    pub left: bool,
    /// Its status pipe was still open, without a failure in it. A step that fails is always told before the end, so the
    /// program was executed; another child that is just being born held a copy of the pipe.
    pub no_failure_told: bool,
}

/// A child that could not be taken over: it is to be killed and buried.
#[derive(Debug)]
pub struct Unborn {
    /// Names it.
    pub pidfd: OwnedFd,
    launch: Launch,
}

impl Unborn {
    /// Waits for its end. It must have been killed.
    pub fn bury(self) {
        if wait::reap_killed(self.pidfd.as_fd()).is_ok() {
            self.launch.child_is_gone();
        }
    }
}

/// Whom a signal is to reach.
#[derive(Debug)]
pub enum Target {
    /// The group with this number, whose leader is unreaped and has this slot.
    Group(u32, Token),
    /// The process at each of these slots.
    Each(Vec<Token>),
    /// Nobody: the run is over.
    Nobody,
}

impl Children {
    /// Takes over a child that has just been born.
    ///
    /// # Errors
    /// It cannot be polled, and a child that cannot be watched must not run.
    pub fn born(
        &mut self,
        reactor: &mut Reactor,
        key: Key,
        run: Run,
        child: Spawned,
    ) -> Result<(), (io::Error, Unborn)> {
        let Spawned { pid, pidfd, status, launch } = child;
        let status = match reactor.add(Source::ExecStatus(key, run), status, Wants::Read) {
            Ok(token) => token,
            Err((error, _)) => return Err((error, Unborn { pidfd, launch })),
        };
        let leader = match reactor.add(Source::Child(key, run), pidfd, Wants::Read) {
            Ok(token) => token,
            Err((error, pidfd)) => {
                reactor.remove(status);
                return Err((error, Unborn { pidfd, launch }));
            }
        };
        let status = Some((status, launch));
        let child = Child { run, pid, leader: Some(leader), status, failed: false, stragglers: BTreeMap::new() };
        self.live.insert(key, Box::new(child));
        Ok(())
    }

    /// Whether this is the number of a leader that is not reaped.
    #[must_use]
    pub fn leads(&self, pid: u32) -> bool {
        self.live.values().any(|child| child.pid == pid && child.leader.is_some())
    }

    /// Begins a turn: what was seen of the system's processes is old.
    pub fn new_turn(&mut self) {
        self.snapshot = None;
    }

    /// The process id of a run's leader, as long as that is not reaped.
    #[must_use]
    pub fn leader(&self, key: Key, run: Run) -> Option<u32> {
        self.live.get(&key).filter(|c| c.run == run && c.leader.is_some()).map(|c| c.pid)
    }

    /// What became of `execve`, if that is news: `Some(None)` for success.
    pub fn exec_status(&mut self, reactor: &mut Reactor, key: Key, run: Run) -> Option<Option<Failed>> {
        let child = self.live.get_mut(&key).filter(|c| c.run == run)?;
        let (token, launch) = child.status.as_mut()?;
        // A pipe that cannot be read tells nothing; the exit will.
        match read_status(reactor.fd(*token)?, launch).unwrap_or(Status::Pending) {
            Status::Pending => None,
            Status::Failed(failed) => {
                child.failed = true;
                Some(Some(failed))
            }
            Status::Over => {
                reactor.remove(*token);
                child.status = None;
                (!child.failed).then_some(None)
            }
        }
    }

    /// Reaps the leader if it has ended. With `watch_group` the members of its group that are left are watched.
    pub fn reap(&mut self, reactor: &mut Reactor, key: Key, run: Run, watch_group: bool) -> Option<Reaped> {
        let child = self.live.get_mut(&key).filter(|c| c.run == run)?;
        let token = child.leader?;
        let exit = wait::reap(reactor.fd(token)?).ok()??;
        child.leader = None;
        reactor.remove(token);
        let no_failure_told = child.status.is_some() && !child.failed;
        if let Some((status, launch)) = child.status.take() {
            reactor.remove(status);
            launch.child_is_gone();
        }
        let left = watch_group && group::exists(child.pid) && child.watch(&mut self.snapshot, reactor, key);
        if !left {
            self.live.remove(&key);
        }
        Some(Reaped { exit, left, no_failure_told })
    }

    /// A straggler has ended. Whether that was the last one: then the run is over.
    pub fn straggler_gone(&mut self, reactor: &mut Reactor, key: Key, run: Run, token: Token) -> bool {
        let Some(child) = self.live.get_mut(&key).filter(|c| c.run == run) else { return false };
        child.stragglers.retain(|_, t| *t != token);
        reactor.remove(token);
        // What it forked before it ended is found by looking again, at the processes as they are now.
        let over = child.stragglers.is_empty()
            && !(group::exists(child.pid) && child.watch(&mut Some(Snapshot::take()), reactor, key));
        if over {
            self.live.remove(&key);
        }
        over
    }

    /// Whom a signal to this run is to reach. Looks for stragglers anew, so that none born since is missed.
    pub fn target(&mut self, reactor: &mut Reactor, key: Key, run: Run, whole_group: bool) -> Target {
        let Some(child) = self.live.get_mut(&key).filter(|c| c.run == run) else { return Target::Nobody };
        match child.leader {
            Some(token) if whole_group => Target::Group(child.pid, token),
            Some(token) => Target::Each(vec![token]),
            None => {
                child.watch(&mut self.snapshot, reactor, key);
                Target::Each(child.stragglers.values().copied().collect())
            }
        }
    }
}

impl Child {
    /// Finds and polls what is left of the group and not polled yet; whether there is anything.
    fn watch(&mut self, snapshot: &mut Option<Snapshot>, reactor: &mut Reactor, key: Key) -> bool {
        let processes = snapshot.get_or_insert_with(Snapshot::take);
        for (pid, fd) in processes.members(self.pid) {
            if self.stragglers.contains_key(&pid) {
                continue;
            }
            if let Ok(token) = reactor.add(Source::Straggler(key, self.run), fd, Wants::Read) {
                self.stragglers.insert(pid, token);
            }
        }
        !self.stragglers.is_empty()
    }
}
