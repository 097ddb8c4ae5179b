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
use crate::sys::spawn::{Failed, Spawned, read_status};
use crate::sys::{group, wait};

use super::reactor::{Reactor, Source, Token, Wants};

#[derive(Debug)]
struct Child {
    run: Run,
    pid: u32,
    /// `Some` iff the leader is not reaped.
    leader: Option<Token>,
    /// `Some` iff it is not known what became of `execve`.
    status: Option<Token>,
    /// Members of the group that outlived the leader; empty while `leader` is `Some`.
    stragglers: Vec<Token>,
}

/// All live runs.
#[derive(Debug, Default)]
pub struct Children {
    live: BTreeMap<Key, Child>,
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
    /// It cannot be polled. Its pidfd comes back: a child that cannot be watched must not run.
    pub fn born(
        &mut self,
        reactor: &mut Reactor,
        key: Key,
        run: Run,
        child: Spawned,
    ) -> Result<(), (io::Error, OwnedFd)> {
        let leader = reactor.add(Source::Child(key, run), child.pidfd, Wants::Read)?;
        let status = match reactor.add(Source::ExecStatus(key, run), child.status, Wants::Read) {
            Ok(token) => Some(token),
            // Without its status pipe the end of the child tells less, but it is watched.
            Err(_) => None,
        };
        let child = Child { run, pid: child.pid, leader: Some(leader), status, stragglers: Vec::new() };
        self.live.insert(key, child);
        Ok(())
    }

    /// Waits for a child that was killed before it could be taken over.
    pub fn bury(pidfd: &OwnedFd) {
        // Reaped or not, nothing more can be done for it.
        let _ = wait::reap_killed(pidfd.as_fd());
    }

    /// What became of `execve`, if that is news: `None` while it is not known or no news, `Some(None)` for success.
    pub fn exec_status(&mut self, reactor: &mut Reactor, key: Key, run: Run) -> Option<Option<Failed>> {
        let child = self.live.get_mut(&key).filter(|c| c.run == run)?;
        let token = child.status?;
        // A pipe that cannot be read tells nothing; the exit will.
        let result = read_status(reactor.fd(token)?).unwrap_or(Some(None))?;
        child.status = None;
        reactor.remove(token);
        Some(result)
    }

    /// Reaps the leader if it has ended: how it did, and whether members of its group are left and now watched.
    pub fn reap(&mut self, reactor: &mut Reactor, key: Key, run: Run, watch_group: bool) -> Option<(Exit, bool)> {
        let child = self.live.get_mut(&key).filter(|c| c.run == run)?;
        let token = child.leader?;
        let exit = wait::reap(reactor.fd(token)?).ok()??;
        child.leader = None;
        reactor.remove(token);
        if let Some(status) = child.status.take() {
            reactor.remove(status);
        }
        let left = watch_group && group::exists(child.pid) && child.watch(reactor, key);
        if !left {
            self.live.remove(&key);
        }
        Some((exit, left))
    }

    /// A straggler has ended. Whether that was the last one: then the run is over.
    pub fn straggler_gone(&mut self, reactor: &mut Reactor, key: Key, run: Run, token: Token) -> bool {
        let Some(child) = self.live.get_mut(&key).filter(|c| c.run == run) else { return false };
        child.stragglers.retain(|t| *t != token);
        reactor.remove(token);
        // What it forked before it ended is found by looking again.
        let over = child.stragglers.is_empty() && !child.watch(reactor, key);
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
                for token in child.stragglers.drain(..) {
                    reactor.remove(token);
                }
                child.watch(reactor, key);
                Target::Each(child.stragglers.clone())
            }
        }
    }

    /// The process id of a live run.
    #[must_use]
    pub fn pid(&self, key: Key) -> Option<u32> {
        self.live.get(&key).map(|child| child.pid)
    }
}

impl Child {
    /// Finds and polls what is left of the group; whether there is anything.
    fn watch(&mut self, reactor: &mut Reactor, key: Key) -> bool {
        for (_, fd) in group::members(self.pid) {
            if let Ok(token) = reactor.add(Source::Straggler(key, self.run), fd, Wants::Read) {
                self.stragglers.push(token);
            }
        }
        !self.stragglers.is_empty()
    }
}
