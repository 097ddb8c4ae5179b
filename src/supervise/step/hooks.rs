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

#[cfg(test)]
mod tests {
    use super::super::tests::Bench;
    use super::*;
    use crate::base::exit::Exit;
    use crate::base::id::Run;
    use crate::base::signal::Sig;
    use crate::config::model::{HookCommand, Policy};
    use crate::control::message::StateName;
    use crate::supervise::event::{Event, Fact};
    use std::time::Duration;

    const GOOD: Outcome = Outcome::Ended(Exit::Code(0));
    const BAD: Outcome = Outcome::Ended(Exit::Code(1));

    /// A process whose program has these hooks.
    fn with(hooks: &[Hook]) -> Bench {
        let command = || HookCommand::new(vec!["x".to_owned()]);
        let hooks = hooks.iter().map(|hook| (*hook, command())).collect();
        Bench::new(Policy { hooks, ..Policy::default() })
    }

    fn signal(sig: Sig) -> Effect {
        Effect::Signal { run: Run(1), sig, group: true }
    }

    fn runs(hook: Hook) -> Effect {
        Effect::Hook(Run(1), hook)
    }

    impl Bench {
        fn ends(&mut self, hook: Hook, outcome: Outcome) -> Vec<Effect> {
            self.fact(Fact::HookEnded(hook, outcome))
        }
    }

    #[test]
    fn a_stop_waits_for_pre_stop_and_what_follows_for_post_stop() {
        let mut b = with(&[Hook::PreStop, Hook::PostStop]).up();
        assert_eq!(b.tell(Event::Stop), [runs(Hook::PreStop)]);
        assert_eq!((b.name(), b.inst.deadline(&b.policy)), (StateName::Stopping, None));
        assert_eq!(b.ends(Hook::PreStop, BAD), [signal(Sig::TERM)]);
        assert_eq!(b.exit(0), [runs(Hook::PostStop)]);
        assert!(!b.inst.has_process());
        assert_eq!(b.tell(Event::Due), []);
        assert_eq!(b.tell(Event::Start), []);
        b.pass(1);
        assert_eq!(b.ends(Hook::PostStop, BAD), [Effect::Spawn(Run(2))]);
    }

    #[test]
    fn the_end_of_a_process_is_judged_after_post_stop() {
        let mut b = with(&[Hook::PostStop]).up();
        b.pass(60);
        assert_eq!(b.exit(0), [runs(Hook::PostStop)]);
        assert_eq!(b.name(), StateName::Stopping);
        assert_eq!(b.ends(Hook::PostStop, GOOD), []);
        assert_eq!(b.inst.state, State::Exited { exit: Exit::Code(0), expected: true });
        assert_eq!(b.ends(Hook::PostStop, GOOD), [], "a copy changes nothing");
    }

    #[test]
    fn a_stop_command_that_fails_is_followed_by_signals() {
        let mut b = with(&[Hook::StopCommand]);
        b.policy.stop_first = vec![(Sig::INT, Duration::from_secs(5))];
        let mut b = b.up();
        assert_eq!(b.tell(Event::Stop), [runs(Hook::StopCommand)]);
        assert_eq!(b.ends(Hook::StopCommand, BAD), [signal(Sig::INT)]);
        assert_eq!(b.wait(), [signal(Sig::TERM)]);
        assert_eq!(b.wait(), [signal(Sig::CONT)]);
        assert_eq!(b.wait(), [signal(Sig::KILL)]);
    }

    #[test]
    fn a_stop_command_has_as_long_as_a_signal() {
        let mut b = with(&[Hook::StopCommand]).up();
        b.tell(Event::Stop);
        assert_eq!(b.ends(Hook::StopCommand, GOOD), [], "it may take its time");
        let begin = b.now;
        assert_eq!(b.wait(), [signal(Sig::KILL)]);
        assert_eq!(b.now.since(begin), b.policy.stoptime);
    }

    #[test]
    fn what_is_left_of_a_group_gets_the_signals() {
        for hook in [Hook::PreStop, Hook::StopCommand] {
            let mut b = with(&[hook]).up();
            assert_eq!(b.tell(Event::Stop), [runs(hook)]);
            assert_eq!(b.fact(Fact::Exited { exit: Exit::Code(0), left: true }), [signal(Sig::TERM)]);
            assert_eq!(b.ends(hook, BAD), [], "it is of no use any more");
            b.fact(Fact::Gone);
            assert_eq!(b.name(), StateName::Stopped);
        }
    }

    #[test]
    fn what_is_not_executed_yet_is_signalled_at_once() {
        let mut b = with(&[Hook::PreStop, Hook::StopCommand]);
        b.tell(Event::Start);
        assert_eq!(b.tell(Event::Stop), [signal(Sig::TERM)]);
    }

    #[test]
    fn a_kill_waits_for_nothing() {
        let mut b = with(&[Hook::PreStop, Hook::PostStop]).up();
        b.tell(Event::Stop);
        assert_eq!(b.tell(Event::Kill), [signal(Sig::KILL)]);
        assert_eq!(b.exit(0), [runs(Hook::PostStop)]);
        assert_eq!(b.tell(Event::Kill), []);
        assert_eq!(b.name(), StateName::Stopped);
    }

    #[test]
    fn a_start_that_is_not_prepared_counts_as_failed() {
        let mut b = with(&[Hook::PreStart, Hook::OnFatal]);
        b.policy.startretries = Some(0);
        b.tell(Event::Start);
        crate::supervise::hooks::prepare(&b.policy, &mut b.inst, &mut []);
        assert_eq!((b.inst.deadline(&b.policy), b.inst.has_process()), (None, false));
        assert_eq!(b.ends(Hook::PreStart, BAD), [runs(Hook::OnFatal)]);
        let State::Fatal { why } = &b.inst.state else { panic!("{:?}", b.inst.state) };
        assert_eq!(why.to_string(), "pre_start failed (exit status 1)");
    }

    #[test]
    fn a_spawn_follows_what_prepares_it_unless_others_have_gone() {
        for (gate, effects, name) in [
            (Gate::Open, vec![Effect::Spawn(Run(1))], StateName::Starting),
            (Gate::Closed("db".to_owned()), vec![], StateName::Waiting),
        ] {
            let mut b = with(&[Hook::PreStart]);
            b.tell(Event::Start);
            crate::supervise::hooks::prepare(&b.policy, &mut b.inst, &mut []);
            b.pass(100);
            b.gate = gate;
            assert_eq!(b.ends(Hook::PreStart, GOOD), effects);
            assert_eq!(b.name(), name);
        }
        let mut b = with(&[Hook::PreStart]);
        b.tell(Event::Start);
        crate::supervise::hooks::prepare(&b.policy, &mut b.inst, &mut []);
        assert_eq!(b.tell(Event::Stop), []);
        assert_eq!(b.name(), StateName::Stopped);
    }
}
