//! The processes in the world's own books: how they are born, what a signal does to them, and what is told of them.

use std::time::Duration;

use taskmaster::base::errno::Errno;
use taskmaster::base::exit::Exit;
use taskmaster::base::id::{Key, Run};
use taskmaster::base::signal::Sig;
use taskmaster::base::stage::Stage;
use taskmaster::supervise::state::Failure;

use super::bugs::Bug;
use super::chance::random_exit;
use super::{Finding, MS, World};

/// What the world will tell about a run, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Coming {
    Spawned,
    SpawnFailed(Failure),
    Executed,
    ExecFailed(Failure),
    Exit(Exit),
    Gone,
}

/// One run in the world's own books, from the wish to spawn it until its last fact was told.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) run: Run,
    /// Ignores the stop signal.
    pub(super) deaf: bool,
    /// Takes that long to obey it.
    pub(super) obeys_after: u64,
    /// Leaves members of its group behind when it ends.
    pub(super) leaves: bool,
    pub(super) leader_gone: bool,
    /// What has not been told yet, by time. Later entries never come before earlier ones.
    pub(super) coming: Vec<(u64, Coming)>,
}

impl Process {
    /// The leader ends at `at`, unless it has ended or will before that.
    pub(super) fn end(&mut self, at: u64, exit: Exit) {
        if self.leader_gone {
            return;
        }
        let never_born = self.coming.iter().any(|(_, c)| matches!(c, Coming::SpawnFailed(_)));
        if never_born {
            return;
        }
        if let Some(at_old) = self.exit_time() {
            if at_old <= at {
                return;
            }
            self.coming.retain(|(_, c)| !matches!(c, Coming::Exit(_) | Coming::Gone));
        }
        // What was still to happen to a living process now never will, but for what is under way already.
        self.coming.retain(|(t, c)| *t <= at || matches!(c, Coming::Spawned));
        let after = self.coming.iter().map(|(t, _)| *t).max().unwrap_or(0).max(at);
        self.coming.push((after, Coming::Exit(exit)));
    }

    pub(super) fn exit_time(&self) -> Option<u64> {
        self.coming.iter().find(|(_, c)| matches!(c, Coming::Exit(_))).map(|(t, _)| *t)
    }
}

impl World {
    pub(super) fn spawn(&mut self, key: Key, run: Run) -> Finding {
        if let Some(other) = self.processes.get(&key) {
            return Err(format!("spawned {run:?} on top of {:?}", other.run));
        }
        if self.shutdown_at.is_some() {
            return Err("spawned during a shutdown".to_owned());
        }
        if let Some(last) = self.last_spawn.insert(key, self.now)
            && Duration::from_nanos(self.now - last) < self.floor
        {
            return Err("two spawns within the floor".to_owned());
        }
        // What begins with a task is a run from then on.
        if !self.is_prepared(key)? {
            self.scheduled_spawn(key)?;
            self.is_wanted(key)?;
        }
        self.spawns += 1;
        let (dice, now) = (&mut self.dice, self.now);
        let mut at = now + dice.ms(20);
        let mut coming = Vec::new();
        if dice.chance(8) {
            let errno = Errno(dice.pick(&[11, 12, 24, 1]));
            coming.push((at, Coming::SpawnFailed(Failure::Spawn { stage: Stage::Clone, errno, what: String::new() })));
        } else {
            coming.push((at, Coming::Spawned));
            at += dice.ms(50);
            match dice.below(100) {
                0..=7 => {
                    let errno = Errno(dice.pick(&[2, 13]));
                    let why = Failure::Spawn { stage: Stage::Exec, errno, what: "x".to_owned() };
                    coming.push((at, Coming::ExecFailed(why)));
                    coming.push((at, Coming::Exit(Exit::Code(127))));
                }
                8..=9 => {} // Hangs before execve.
                _ => {
                    coming.push((at, Coming::Executed));
                    if dice.chance(70) {
                        let lifetime = if dice.chance(40) { dice.ms(1500) } else { dice.ms(60_000) };
                        let exit = random_exit(dice);
                        coming.push((at + lifetime, Coming::Exit(exit)));
                    }
                }
            }
        }
        let process = Process {
            run,
            deaf: dice.chance(20),
            obeys_after: dice.ms(4000),
            leaves: dice.chance(15),
            leader_gone: false,
            coming,
        };
        self.processes.insert(key, process);
        Ok(())
    }

    pub(super) fn signal(&mut self, key: Key, run: Run, sig: Sig, group: bool) -> Finding {
        let now = self.now;
        let stray = self.last_signal.replace((key, run)).filter(|_| self.bug == Some(Bug::SignalsTheDead));
        if let Some((key, run)) = stray {
            self.check_signal(key, run)?;
        }
        self.check_signal(key, run)?;
        let Some(process) = self.processes.get_mut(&key) else { return Ok(()) };
        let (deadly, delay) = match sig {
            Sig::KILL => (true, self.dice.below(5) * MS),
            Sig::CONT | Sig::HUP => (false, 0),
            _ => (!process.deaf, process.obeys_after),
        };
        if !deadly {
            return Ok(());
        }
        if process.leader_gone {
            if !group && sig == Sig::KILL {
                return Err("a signal to a leader that is gone".to_owned());
            }
            process.coming.retain(|(_, c)| !matches!(c, Coming::Gone));
            process.coming.push((now + delay, Coming::Gone));
        } else {
            if sig == Sig::KILL && group {
                process.leaves = false;
            }
            process.end(now + delay, Exit::Signal { sig, core: false });
        }
        Ok(())
    }

    fn check_signal(&self, key: Key, run: Run) -> Finding {
        match self.processes.get(&key) {
            Some(process) if process.run == run => Ok(()),
            _ => Err(format!("a signal to {run:?} of {key:?}, which is over")),
        }
    }
}
