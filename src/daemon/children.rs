//! The processes: which run has which pid and which slots. The only caller of waitid.
//!
//! A run is live here from its birth until its leader is reaped and, if its group is watched, until the last member of
//! the group is gone. While the leader is unreaped its number cannot be anybody else's, so its group may be signalled
//! by number; afterwards the members that are left are held by pidfd each.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::base::exit::Exit;
use crate::base::id::{Key, Run};
use crate::sys::cgroup::Cgroup;
use crate::sys::group::{self, Snapshot};
use crate::sys::process;
use crate::sys::spawn::{Failed, Launch, Spawned, Status, read_status};
use crate::sys::tree::{self, Kin, Mark};
use crate::sys::wait;

use super::reactor::{Reactor, Source, Token, Wants};

/// How many runs are asked for what they have started, in one turn, before one look at all processes is cheaper.
const ASKED_ONE_BY_ONE: usize = 100;

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
    /// By process id, who else is to be gone before the run is over: members of the group, once the leader is reaped, and
    /// what has left the group, from when it is found. Each stays until its slot has said that it ended, so that the last
    /// one's end is never missed.
    stragglers: BTreeMap<u32, Token>,
    /// By what else its descendants are known.
    roots: Roots,
    /// How far it reached when it was last asked.
    reach: Reach,
    /// SIGKILL was sent to all: what is found later gets it, too.
    killed: bool,
}

/// What tells the descendants of a run from those of others, beside their parents and their group.
#[derive(Debug, Default)]
pub struct Roots {
    /// Its output pipes, or its terminal.
    pub marks: Vec<Mark>,
    /// `Some` iff everything in this cgroup is the run's.
    pub cgroup: Option<Cgroup>,
}

/// Who belongs to a run beside its leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nobody.
    #[default]
    Leader,
    /// The members of its group.
    Group,
    /// And all its descendants, or all of its cgroup.
    Tree,
}

/// All live runs.
#[derive(Debug, Default)]
pub struct Children {
    /// Boxed, since a map that grows at its end keeps its nodes half empty.
    live: BTreeMap<Key, Box<Child>>,
    /// The processes of the system, looked at once a turn if anybody asks.
    snapshot: Option<Snapshot>,
    /// The children of this process that lead no run, looked at once a turn if anybody asks: what has become ours by the
    /// end of a leader that was told in this turn had done so before.
    below_us: Option<Vec<u32>>,
    /// How many runs were asked one by one for what they have started, in this turn.
    asked: usize,
    /// What all processes of the system have started, looked at once a turn if many are asked.
    kin: Option<Kin>,
}

/// What the end of a straggler means.
#[derive(Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing: it was known to nobody, or the leader lives.
    Nothing,
    /// That was the last one: the run is over.
    Nobody,
    /// There are others. These are new, and the run was killed: they are to be killed, too.
    Others(Vec<Token>),
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
    /// The group with this number, whose leader is unreaped and has this slot, and those at the other slots.
    Group(u32, Token, Vec<Token>),
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
        roots: Roots,
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
        let (stragglers, reach) = (BTreeMap::new(), Reach::Leader);
        let leader = Some(leader);
        let child = Child { run, pid, leader, status, failed: false, stragglers, roots, reach, killed: false };
        self.live.insert(key, Box::new(child));
        Ok(())
    }

    /// Whether this is the number of a leader that is not reaped.
    #[must_use]
    pub fn leads(&self, pid: u32) -> bool {
        self.live.values().any(|child| child.pid == pid && child.leader.is_some())
    }

    /// Whether it is not known yet of somebody that its program is executed.
    #[must_use]
    pub fn any_unconfirmed(&self) -> bool {
        // Who came last is confirmed last, mostly.
        self.live.values().rev().any(|child| child.status.is_some())
    }

    /// Begins a turn: what was seen of the system's processes is old.
    pub fn new_turn(&mut self) {
        self.snapshot = None;
        self.below_us = None;
        self.asked = 0;
        self.kin = None;
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

    /// Reaps the leader if it has ended. Who is within `reach` of it is watched from then on. `marked` says whether
    /// anybody may bear a mark of the run.
    pub fn reap(
        &mut self,
        reactor: &mut Reactor,
        (key, run): (Key, Run),
        reach: Reach,
        marked: bool,
    ) -> Option<Reaped> {
        if reach == Reach::Tree && marked {
            self.look_below_us();
        }
        let child = self.live.get_mut(&key).filter(|c| c.run == run)?;
        let token = child.leader?;
        let exit = wait::reap(reactor.fd(token)?).ok()??;
        child.leader = None;
        child.reach = reach;
        reactor.remove(token);
        let no_failure_told = child.status.is_some() && !child.failed;
        if let Some((status, launch)) = child.status.take() {
            reactor.remove(status);
            launch.child_is_gone();
        }
        if reach == Reach::Leader {
            child.forget(reactor);
        } else {
            if group::exists(child.pid) {
                child.watch_group(self.snapshot.get_or_insert_with(Snapshot::take), reactor, key);
            }
            child.watch_tree(self.below_us.as_deref().unwrap_or_default(), None, reactor, key);
        }
        let left = !child.stragglers.is_empty();
        if !left {
            self.live.remove(&key);
        }
        Some(Reaped { exit, left, no_failure_told })
    }

    /// A straggler has ended: what that means.
    pub fn straggler_gone(&mut self, reactor: &mut Reactor, key: Key, run: Run, token: Token) -> Left {
        self.one_less(reactor, key, run, token).unwrap_or(Left::Nothing)
    }

    fn one_less(&mut self, reactor: &mut Reactor, key: Key, run: Run, token: Token) -> Option<Left> {
        let child = self.live.get_mut(&key).filter(|c| c.run == run)?;
        child.stragglers.retain(|_, t| *t != token);
        reactor.remove(token);
        if child.leader.is_some() {
            return None;
        }
        // What it forked before it ended is found by looking again, at the processes as they are now. As long as there are
        // others, that can wait for their end, unless there is something to be done to those that are new.
        let mut new = Vec::new();
        if child.stragglers.is_empty() || child.killed {
            if child.reach == Reach::Tree {
                self.below_us = None;
                self.look_below_us();
            }
            let child = self.live.get_mut(&key)?;
            if group::exists(child.pid) {
                new = child.watch_group(&Snapshot::take(), reactor, key);
            }
            new.extend(child.watch_tree(self.below_us.as_deref().unwrap_or_default(), None, reactor, key));
        }
        let child = self.live.get(&key)?;
        if child.stragglers.is_empty() {
            self.live.remove(&key);
            return Some(Left::Nobody);
        }
        Some(Left::Others(if child.killed { new } else { Vec::new() }))
    }

    fn leaders(&self) -> BTreeSet<u32> {
        self.live.values().filter(|c| c.leader.is_some()).map(|c| c.pid).collect()
    }

    /// Finds the children of this process that lead no run.
    fn look_below_us(&mut self) {
        if self.below_us.is_none() {
            let leaders = self.leaders();
            let children = tree::children(std::process::id());
            self.below_us = Some(children.into_iter().filter(|pid| !leaders.contains(pid)).collect());
        }
    }

    /// Whether SIGKILL was sent to everything of a run.
    #[must_use]
    pub fn was_killed(&self, key: Key) -> bool {
        self.live.get(&key).is_some_and(|child| child.killed)
    }

    /// Whom a signal to this run is to reach, and who else is to be gone before it is over. Looks for them anew, so that none
    /// born since is missed.
    pub fn target(&mut self, reactor: &mut Reactor, key: Key, run: Run, whole: bool, reach: Reach) -> Target {
        if reach == Reach::Tree {
            self.look_below_us();
            self.asked += 1;
            if self.asked > ASKED_ONE_BY_ONE && self.kin.is_none() {
                self.kin = Some(Kin::look(&self.leaders()));
            }
        }
        let Some(child) = self.live.get_mut(&key).filter(|c| c.run == run) else { return Target::Nobody };
        if reach == Reach::Tree {
            child.reach = reach;
            child.watch_tree(self.below_us.as_deref().unwrap_or_default(), self.kin.as_ref(), reactor, key);
        }
        match child.leader {
            Some(token) if whole => Target::Group(child.pid, token, child.tokens()),
            Some(token) => Target::Each(vec![token]),
            None => {
                child.watch_group(self.snapshot.get_or_insert_with(Snapshot::take), reactor, key);
                Target::Each(child.tokens())
            }
        }
    }

    /// SIGKILL was sent to everything of the run. Looks once more for what was born meanwhile; those are to be killed.
    pub fn killed(&mut self, reactor: &mut Reactor, key: Key, run: Run) -> Vec<Token> {
        let Some(child) = self.live.get_mut(&key).filter(|c| c.run == run) else { return Vec::new() };
        child.killed = true;
        if child.reach != Reach::Tree {
            return Vec::new();
        }
        if let Some(cgroup) = &child.roots.cgroup {
            // Where there is no such file, each is killed by itself.
            let _ = cgroup.set("cgroup.kill", "1");
        }
        // Only what has left the group can have been missed; nobody of the group can fork any more.
        if child.stragglers.is_empty() {
            return Vec::new();
        }
        self.below_us = None;
        self.look_below_us();
        let Some(child) = self.live.get_mut(&key) else { return Vec::new() };
        child.watch_tree(self.below_us.as_deref().unwrap_or_default(), None, reactor, key)
    }
}

impl Child {
    fn tokens(&self) -> Vec<Token> {
        self.stragglers.values().copied().collect()
    }

    fn forget(&mut self, reactor: &mut Reactor) {
        for token in std::mem::take(&mut self.stragglers).into_values() {
            reactor.remove(token);
        }
    }

    /// Finds and polls what is left of the group and not polled yet. Only once the leader is reaped.
    fn watch_group(&mut self, processes: &Snapshot, reactor: &mut Reactor, key: Key) -> Vec<Token> {
        let members = processes.members(self.pid);
        self.watch(members, reactor, key)
    }

    /// The same for what is outside the group, if the run reaches so far.
    fn watch_tree(&mut self, below_us: &[u32], kin: Option<&Kin>, reactor: &mut Reactor, key: Key) -> Vec<Token> {
        if self.reach != Reach::Tree {
            return Vec::new();
        }
        let marks = &self.roots.marks;
        let mut roots: Vec<u32> = self.stragglers.keys().copied().collect();
        roots.extend(self.leader.map(|_| self.pid));
        let below = |roots: &[u32]| kin.map_or_else(|| tree::below(roots), |kin| kin.below(roots));
        let mut found = below(&roots);
        // Those whose parents are gone have become ours.
        if !marks.is_empty() {
            let orphans: Vec<u32> = below_us.iter().copied().filter(|pid| tree::bears(*pid, marks)).collect();
            found.extend(below(&orphans));
            found.extend(orphans);
        }
        let leader = if self.leader.is_some() { self.pid } else { 0 };
        let still = |pid: u32| process::is_descendant(pid);
        let mut held: Vec<(u32, OwnedFd)> = Vec::new();
        for pid in found.into_iter().filter(|pid| !self.stragglers.contains_key(pid)) {
            held.extend(tree::hold(pid, leader, still).map(|fd| (pid, fd)));
        }
        if let Some(cgroup) = &self.roots.cgroup {
            let inside = cgroup.all_processes();
            let others = inside.iter().filter(|pid| **pid != self.pid || self.leader.is_none());
            held.extend(others.filter_map(|pid| Some((*pid, tree::hold(*pid, leader, |_| true)?))));
        }
        self.watch(held, reactor, key)
    }

    /// Polls those that are not polled yet.
    fn watch(&mut self, found: Vec<(u32, OwnedFd)>, reactor: &mut Reactor, key: Key) -> Vec<Token> {
        let mut new = Vec::new();
        for (pid, fd) in found {
            if self.stragglers.contains_key(&pid) {
                continue;
            }
            if let Ok(token) = reactor.add(Source::Straggler(key, self.run), fd, Wants::Read) {
                self.stragglers.insert(pid, token);
                new.push(token);
            }
        }
        new
    }
}
