//! Hooks in the world's own books: which tasks run, how they end, and when none may run.

use std::collections::BTreeMap;
use std::time::Duration;

use taskmaster::base::exit::Exit;
use taskmaster::base::id::{Key, TaskId};
use taskmaster::base::signal::Sig;
use taskmaster::config::model::{Hook, HookCommand, Policy};
use taskmaster::control::message::StateName;
use taskmaster::supervise::event::Input;
use taskmaster::supervise::state::Failure;
use taskmaster::supervise::task::{Task, TaskEnd, TaskKind};

use super::bugs::Bug;
use super::chance::Dice;
use super::{Finding, MS, World};

/// How late the loop may be.
const LATE: u64 = 500 * MS;

/// The longest timeout.
const LONGEST: Duration = Duration::from_millis(3000);

/// A task that has not ended.
#[derive(Clone, Debug)]
pub(super) struct Job {
    key: Key,
    hook: Hook,
    begun: u64,
    timeout: Duration,
    /// When it ends, and how; `None` is never, unless it is killed.
    end: Option<(u64, TaskEnd)>,
    killed: bool,
}

pub(super) fn random_hooks(dice: &mut Dice, policy: &mut Policy) {
    let some = dice.chance(40);
    for (_, hook) in Hook::KEYS {
        if some && dice.chance(40) {
            let timeout = dice.pick(&[Duration::from_millis(200), Duration::from_secs(1), LONGEST]);
            policy.hooks.insert(hook, HookCommand { argv: vec!["/bin/hook".to_owned()], timeout });
        }
    }
    for _ in 0..dice.pick(&[0, 0, 0, 1, 2]) {
        policy.stop_first.push((dice.pick(&[Sig::USR1, Sig::INT]), Duration::from_millis(dice.pick(&[200, 1000]))));
    }
}

impl World {
    /// When the next task ends.
    pub(super) fn next_task_end(&self) -> Option<u64> {
        self.tasks.values().filter_map(|job| job.end.as_ref()).map(|(at, _)| *at).min()
    }

    /// Whether a task of this kind, which was not killed, runs for a process.
    fn runs(&self, key: Key, hook: Hook) -> bool {
        self.tasks.values().any(|job| (job.key, job.hook, job.killed) == (key, hook, false))
    }

    pub(super) fn run_task(&mut self, task: &Task) -> Finding {
        let TaskKind::Hook(hook) = task.kind else { return Err("the core runs no other tasks".to_owned()) };
        let key = task.key;
        if self.runs(key, hook) {
            return Err(format!("two tasks for {} at once", hook.key()));
        }
        let Some(member) = self.fleet.member(key) else {
            // What follows from the same input has removed the process: the task is killed at once.
            let job = Job { key, hook, begun: 0, timeout: Duration::ZERO, end: None, killed: false };
            self.tasks.insert(task.id, job);
            return Ok(());
        };
        let timeout = match member.program.policy.hooks.get(&hook) {
            Some(command) => command.timeout,
            // The same input may have changed the program after the task was decided on.
            None if self.policy_changed == self.now => LONGEST,
            None => return Err(format!("a task for {}, which its program has not", hook.key())),
        };
        let alive = self.processes.contains_key(&key);
        match hook {
            Hook::PreStart | Hook::PostStop | Hook::OnFatal if alive => {
                return Err(format!("{} runs beside its process", hook.key()));
            }
            Hook::PostStart | Hook::PreStop | Hook::StopCommand if !alive => {
                return Err(format!("{} runs without its process", hook.key()));
            }
            _ => {}
        }
        if hook == Hook::PreStart {
            if self.shutdown_at.is_some() {
                return Err("prepared a start during a shutdown".to_owned());
            }
            self.prepared.remove(&key);
            self.scheduled_spawn(key)?;
            self.is_wanted(key)?;
        }
        let (dice, now) = (&mut self.dice, self.now);
        let end = match dice.below(100) {
            0..=9 => None,
            10..=14 => Some((now, TaskEnd::NotStarted(Failure::Cancelled))),
            15..=34 => Some((now + dice.ms(600), TaskEnd::Exit(Exit::Code(1)))),
            _ => Some((now + dice.ms(600), TaskEnd::Exit(Exit::Code(0)))),
        };
        self.tasks.insert(task.id, Job { key, hook, begun: now, timeout, end, killed: false });
        self.note(hook.key());
        Ok(())
    }

    pub(super) fn kill_task(&mut self, id: TaskId) -> Finding {
        let (now, soon) = (self.now, self.dice.ms(20));
        if self.has(Bug::LetsATaskGoOn) {
            return Ok(());
        }
        let Some(job) = self.tasks.get_mut(&id) else { return Err("killed a task that does not run".to_owned()) };
        if std::mem::replace(&mut job.killed, true) {
            return Err("killed a task twice".to_owned());
        }
        // It may have ended before it is killed, or not have been born.
        if job.end.as_ref().is_none_or(|(at, _)| *at > now) {
            job.end = Some((now + soon, TaskEnd::Exit(Exit::Signal { sig: Sig::KILL, core: false })));
        }
        Ok(())
    }

    /// Tells of the tasks of a process that have ended by now.
    pub(super) fn end_tasks(&mut self, key: Key) -> Finding {
        loop {
            let due = |job: &Job| job.key == key && job.end.as_ref().is_some_and(|(at, _)| *at <= self.now);
            let Some(id) = self.tasks.iter().find(|(_, job)| due(job)).map(|(id, _)| *id) else { return Ok(()) };
            let Some(Job { hook, killed, end: Some((_, end)), .. }) = self.tasks.remove(&id) else { return Ok(()) };
            if self.once(Bug::LosesATaskEnd, 10) {
                continue;
            }
            let good = end == TaskEnd::Exit(Exit::Code(0));
            if hook == Hook::PreStart && good && !killed {
                self.prepared.insert(key);
            }
            let end = if self.has(Bug::TellsATaskWell) { TaskEnd::Exit(Exit::Code(0)) } else { end };
            self.tell(Input::TaskEnded { id, end: end.clone(), output: Vec::new() })?;
            let before = self.all_status();
            self.tell(Input::TaskEnded { id, end, output: Vec::new() })?;
            if self.all_status() != before {
                return Err("an end of a task that came twice changed something".to_owned());
            }
        }
    }

    /// A spawn comes after what is to come before it.
    pub(super) fn is_prepared(&mut self, key: Key) -> Result<bool, String> {
        for hook in [Hook::PreStart, Hook::PostStop] {
            if self.runs(key, hook) {
                return Err(format!("spawned while its {} runs", hook.key()));
            }
        }
        let prepared = self.prepared.remove(&key);
        let wants = self.fleet.member(key).is_some_and(|m| m.program.policy.hooks.contains_key(&Hook::PreStart));
        // A reload meanwhile may have taken the hook away, or given it to one whose start had begun.
        if wants && !prepared && self.policy_changed < self.now {
            return Err("spawned although its pre_start has not succeeded".to_owned());
        }
        Ok(prepared)
    }

    /// No task runs for longer than it may, or in a state in which it is of no use.
    pub(super) fn no_task_hangs(&self) -> Finding {
        for job in self.tasks.values().filter(|job| !job.killed) {
            let limit = u64::try_from(job.timeout.as_nanos()).unwrap() + LATE;
            let hook = job.hook.key();
            if self.now > job.begun + limit {
                return Err(format!("a task for {hook} takes longer than it may"));
            }
            let state = self.fleet.member(job.key).map(|member| member.inst.name());
            let fits = match job.hook {
                Hook::PreStart => state == Some(StateName::Starting),
                Hook::PostStart => matches!(state, Some(StateName::Running | StateName::Stopping)),
                Hook::PreStop | Hook::StopCommand | Hook::PostStop => state == Some(StateName::Stopping),
                Hook::OnFatal => state.is_some(),
            };
            if !fits {
                return Err(format!("a task for {hook} runs in {state:?}"));
            }
        }
        Ok(())
    }

    /// The tasks that run, for each process.
    pub(super) fn busy(&self) -> BTreeMap<Key, usize> {
        let mut busy = BTreeMap::new();
        for job in self.tasks.values() {
            *busy.entry(job.key).or_default() += 1;
        }
        busy
    }
}
