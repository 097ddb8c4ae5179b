//! Hooks: the commands that a program wants run at the turns of the life of its processes.
//!
//! The machine of a process says when, and what it concludes; here they become tasks, with what they are told of the
//! process. A hook is run as long as the state that it belongs to lasts. What is no longer of use is killed: a
//! `pre_start` whose process was stopped, a `pre_stop` whose process has ended.

use crate::base::exit::Exit;
use crate::base::id::{Key, Run};
use crate::base::time::Mono;
use crate::config::model::{Hook, Policy};
use crate::control::message::HookReport;

use super::action::{Action, Effect, Note};
use super::event::{Event, Fact};
use super::fleet::Fleet;
use super::state::{Exec, Instance, Pressure, State};
use super::status::millis;
use super::task::{Order, Outcome, TaskKind, TaskOutput};

/// The last end of a hook.
#[derive(Clone, Debug, PartialEq)]
pub struct LastHook {
    /// Which.
    pub hook: Hook,
    /// When it ended.
    pub at: Mono,
    /// What became of it.
    pub outcome: Outcome,
}

impl LastHook {
    /// The same as a client is told.
    pub(super) fn report(&self, now: Mono) -> HookReport {
        let LastHook { hook, at, outcome } = self;
        let (ok, result) = (outcome.is_good(), outcome.to_string());
        HookReport { hook: hook.key().to_owned(), ago_ms: millis(now.since(*at)), ok, result }
    }
}

/// Has a start that has just been decided begin with `pre_start`, if the program of that run has one.
pub(super) fn prepare(policy: &Policy, inst: &mut Instance, effects: &mut [Effect]) {
    let State::Starting { exec: exec @ Exec::Pending, .. } = &mut inst.state else { return };
    if !policy.hooks.contains_key(&Hook::PreStart) {
        return;
    }
    *exec = Exec::Preparing;
    for effect in effects {
        if let Effect::Spawn(run) = *effect {
            *effect = Effect::Hook(run, Hook::PreStart);
        }
    }
}

/// The hook that the next step of a life waits for.
fn awaited(inst: &Instance) -> Option<(Run, Hook)> {
    let hook = match inst.pressure() {
        Some(Pressure::Spared) => Hook::PreStop,
        Some(Pressure::Gone) => Hook::PostStop,
        // The stop command has a deadline besides: the process is killed then.
        Some(
            Pressure::First(..) | Pressure::Commanded | Pressure::Asked | Pressure::Continued | Pressure::Killed(_),
        ) => {
            return None;
        }
        None if inst.is_preparing() => Hook::PreStart,
        None => return None,
    };
    inst.live().map(|live| (live.run, hook))
}

/// Whether a hook of this run is still of use.
fn is_of_use(inst: &Instance, run: Run, hook: Hook) -> bool {
    let live = inst.live().is_some_and(|live| live.run == run);
    let pressure = inst.pressure();
    match hook {
        Hook::PreStart => live && inst.is_preparing(),
        Hook::PostStart => live && pressure != Some(Pressure::Gone),
        Hook::PreStop => live && pressure == Some(Pressure::Spared),
        Hook::StopCommand => live && pressure == Some(Pressure::Commanded),
        Hook::PostStop => live && pressure == Some(Pressure::Gone),
        // It tells somebody; that the process is tried again makes no difference.
        Hook::OnFatal => true,
    }
}

impl Fleet {
    /// Kills the hooks of a process that are of no use any more.
    pub(super) fn drop_idle_hooks(&mut self, key: Key, out: &mut Vec<Action>) {
        if self.tasks.is_empty() {
            return;
        }
        let Some(inst) = self.members.get(&key).map(|member| member.inst.clone()) else { return };
        let idle = |run, kind| match kind {
            TaskKind::Hook(hook) => !is_of_use(&inst, run, hook),
            TaskKind::Event | TaskKind::Check => false,
        };
        self.drop_tasks(key, idle, out);
    }

    /// Has a hook of a process run.
    pub(super) fn run_hook(&mut self, key: Key, run: Run, hook: Hook, now: Mono, out: &mut Vec<Action>) {
        let Some(member) = self.members.get(&key) else { return };
        let Some(command) = member.program.policy.hooks.get(&hook) else { return };
        let env = about(&member.inst, hook);
        let (argv, timeout) = (command.argv.clone(), command.timeout);
        let kind = TaskKind::Hook(hook);
        self.run_task(key, Order { kind, run, argv, env, output: TaskOutput::Log, timeout }, now, out);
    }

    /// A hook is over.
    pub(super) fn hook_ended(
        &mut self,
        key: Key,
        run: Run,
        hook: Hook,
        outcome: Outcome,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        let Some(member) = self.members.get_mut(&key) else { return };
        if outcome == Outcome::Dropped {
            return;
        }
        member.hooks.retain(|last| last.hook != hook);
        member.hooks.push(LastHook { hook, at: now, outcome: outcome.clone() });
        // Why a start has failed is told with the failure.
        if !outcome.is_good() && hook != Hook::PreStart {
            let note = Note::HookFailed { hook, outcome: outcome.clone() };
            if let Some(member) = self.members.get(&key) {
                out.push(Action::Note(self.happening(member, note)));
            }
        }
        self.apply(key, Event::Fact(run, Fact::HookEnded(hook, outcome)), now, out);
    }

    /// A state that waits for a hook has one that runs.
    pub(super) fn hooks_hold(&self) -> Result<(), String> {
        for (key, member) in &self.members {
            let awaited = awaited(&member.inst).map(|(run, hook)| (run, TaskKind::Hook(hook)));
            if let Some(awaited) = awaited.filter(|awaited| !self.tasks.of(*key).any(|task| task == *awaited)) {
                return Err(format!("{} waits for {awaited:?}, which does not run", member.name));
            }
            let idle = |(run, kind): &(Run, TaskKind)| match kind {
                TaskKind::Hook(hook) => !is_of_use(&member.inst, *run, *hook),
                TaskKind::Event | TaskKind::Check => true,
            };
            if let Some(task) = self.tasks.of(*key).find(idle) {
                return Err(format!("{} has {task:?} run in {:?}", member.name, member.inst.state));
            }
        }
        Ok(())
    }
}

/// What a hook is told of the process beside what every task is told.
fn about(inst: &Instance, hook: Hook) -> Vec<(String, String)> {
    let mut env = vec![("TASKMASTER_HOOK".to_owned(), hook.key().to_owned())];
    let mut add = |name: &str, value: String| env.push((name.to_owned(), value));
    if let (Hook::PostStop | Hook::OnFatal, Some(exit)) = (hook, inst.last_exit) {
        add("TASKMASTER_EXIT", exit.to_string());
        match exit {
            Exit::Code(code) => add("TASKMASTER_EXIT_STATUS", code.to_string()),
            Exit::Signal { sig, .. } => add("TASKMASTER_EXIT_SIGNAL", sig.to_string()),
            Exit::OutOfMemory => add("TASKMASTER_EXIT_SIGNAL", "SIGKILL".to_owned()),
        }
    }
    if let State::Fatal { why } = &inst.state {
        add("TASKMASTER_REASON", why.to_string());
    }
    env
}
