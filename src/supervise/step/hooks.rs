//! What the hooks of a program do to the state of a process.

use crate::config::model::Hook;

use super::super::action::{Effect, Note};
use super::super::order::Gate;
use super::super::state::{Cause, Exec, Failure, Live, Pressure, State};
use super::super::task::Outcome;
use super::Machine;

impl Machine<'_> {
    /// Has a hook run for the present run; whether the program has it.
    pub(super) fn hook(&mut self, hook: Hook) -> bool {
        let has = self.policy.hooks.contains_key(&hook);
        if has {
            self.out.push(Effect::Hook(self.inst.last_run, hook));
        }
        has
    }

    /// Stops a process that is up: with `pre_stop` first, if it has one.
    pub(super) fn stop_by_hooks(&mut self, live: Live, cause: Cause) {
        if self.hook(Hook::PreStop) {
            self.note(Note::StoppingBy { hook: Hook::PreStop });
            return self.stopping(live, self.now, Pressure::Spared, cause, None);
        }
        self.stop_now(live, cause);
    }

    /// Stops it by its command, or by the signals if it has none.
    fn stop_now(&mut self, live: Live, cause: Cause) {
        if self.hook(Hook::StopCommand) {
            self.note(Note::StoppingBy { hook: Hook::StopCommand });
            return self.stopping(live, self.now, Pressure::Commanded, cause, None);
        }
        self.send(0, live, cause, None);
    }

    /// A hook of the live run is over. Only where it was waited for something follows from that.
    pub(super) fn hook_ended(&mut self, hook: Hook, outcome: Outcome) {
        match hook {
            Hook::PreStart => self.prepared(outcome),
            Hook::PreStop => {
                if let State::Stopping { live, pressure: Pressure::Spared, cause, .. } = &self.inst.state {
                    let (live, cause) = (*live, cause.clone());
                    self.stop_now(live, cause);
                }
            }
            Hook::StopCommand => {
                if let State::Stopping { live, pressure: Pressure::Commanded, cause, ended, .. } = &self.inst.state
                    && !outcome.is_good()
                {
                    let (live, cause, ended) = (*live, cause.clone(), *ended);
                    self.send(0, live, cause, ended);
                }
            }
            Hook::PostStop => {
                if let State::Stopping { live, pressure: Pressure::Gone, cause, ended, .. } = &self.inst.state {
                    let (live, cause, ended) = (*live, cause.clone(), *ended);
                    self.over(live, cause, ended);
                }
            }
            Hook::PostStart | Hook::OnFatal => {}
        }
    }

    /// Its `pre_start` is over: now it is spawned, or has failed to start.
    fn prepared(&mut self, outcome: Outcome) {
        let State::Starting { live, exec: exec @ Exec::Preparing } = &mut self.inst.state else { return };
        if !outcome.is_good() {
            return self.failed(Failure::Unprepared(outcome));
        }
        // What it depends on may have gone meanwhile; it is prepared anew when that is there.
        if let Gate::Closed(on) = self.gate {
            self.note(Note::Waiting { on: on.clone() });
            return self.enter(State::Waiting);
        }
        live.spawned = self.now;
        *exec = Exec::Pending;
        let run = live.run;
        self.inst.last_spawn = Some(self.now);
        self.out.push(Effect::Spawn(run));
    }
}
