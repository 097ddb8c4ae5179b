//! Starts by the first connection: a process without demand listens, and does so again when it has ended as expected.

use crate::control::message::Want;
use crate::supervise::action::Note;
use crate::supervise::backoff;
use crate::supervise::state::{Cause, Failure, Live, State};

use super::Machine;

/// What is said of a process that waits for its first connection.
const A_CONNECTION: &str = "a connection";

impl Machine<'_> {
    /// It is to be up when a connection comes in. What is up already stays so.
    pub(super) fn arm(&mut self) {
        if !self.policy.on_demand {
            return self.start();
        }
        self.inst.want = Want::Up;
        match &mut self.inst.state {
            State::Starting { .. } | State::Running { .. } => {}
            State::Stopping { cause, .. } => {
                *cause = Cause::Intent;
                self.inst.demanded = false;
            }
            State::Stopped
            | State::Waiting
            | State::Listening
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Fatal { .. } => {
                self.inst.demanded = false;
                self.begin_afresh();
            }
        }
    }

    /// A connection has come in. One that has been up only for moments, again and again, has to wait as if it had died.
    pub(super) fn demanded(&mut self) {
        if self.inst.state != State::Listening {
            return;
        }
        self.inst.demanded = true;
        let delay = backoff::quick_delay(&self.policy.backoff, self.inst.quick);
        let earliest = self.inst.entered.unwrap_or(self.now).after(delay);
        if earliest > self.now {
            return self.back_off(earliest, None);
        }
        self.begin();
    }

    /// No connection can come in. That is a failed start, and the next try is another one to listen.
    pub(super) fn deaf(&mut self, why: Failure) {
        if self.inst.state == State::Listening {
            self.failed(why);
        }
    }

    /// It has ended as expected, and is started again by the next connection.
    pub(super) fn rest(&mut self, live: Live) {
        self.lived(live);
        self.inst.demanded = false;
        self.listen();
    }

    pub(super) fn listen(&mut self) {
        if self.inst.state != State::Listening {
            self.note(Note::Waiting { on: A_CONNECTION.to_owned() });
        }
        self.enter(State::Listening);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::base::errno::Errno;
    use crate::base::id::Run;
    use crate::base::stage::Stage;
    use crate::config::model::{Autorestart, Policy};
    use crate::control::message::{StateName, Want};
    use crate::supervise::action::Effect;
    use crate::supervise::event::{Event, Fact};
    use crate::supervise::order::Gate;
    use crate::supervise::state::{Failure, State};
    use crate::supervise::step::tests::Bench;

    fn on_demand() -> Bench {
        Bench::new(Policy { on_demand: true, startretries: Some(1), ..Policy::default() })
    }

    /// Listens, is demanded, and runs.
    fn up() -> Bench {
        let mut b = on_demand();
        assert_eq!(b.tell(Event::Arm), [Effect::AwaitDemand]);
        assert_eq!((b.inst.state.clone(), b.name(), b.inst.want), (State::Listening, StateName::Waiting, Want::Up));
        assert_eq!(b.tell(Event::Demanded), [Effect::EndAwait, Effect::Spawn(Run(1))]);
        b.fact(Fact::Executed);
        b.wait();
        assert_eq!(b.name(), StateName::Running);
        b
    }

    #[test]
    fn it_listens_again_when_it_has_ended_as_expected() {
        let mut b = up();
        assert_eq!(b.tell(Event::Demanded), [], "it runs already");
        assert_eq!(b.exit(0), [Effect::AwaitDemand]);
        assert!(b.inst.as_wanted());
        b.pass(60);
        assert_eq!(b.tell(Event::Demanded), [Effect::EndAwait, Effect::Spawn(Run(2))]);
    }

    #[test]
    fn other_ends_are_as_with_any_program() {
        let mut b = up();
        b.pass(60);
        assert_eq!(b.exit(1), [Effect::Spawn(Run(2))]);
        b.fact(Fact::Executed);
        b.exit(0);
        assert_eq!(b.name(), StateName::Backoff, "too quick, and a connection may wait still");
        b.wait();
        b.exit(1);
        assert_eq!(b.name(), StateName::Fatal);
        assert_eq!(b.tell(Event::Demanded), [], "that is over");
        assert_eq!(b.tell(Event::Arm), [Effect::AwaitDemand]);
        let mut never = up();
        never.policy.autorestart = Autorestart::Never;
        never.exit(1);
        assert_eq!(never.name(), StateName::Exited);
        let mut always = up();
        always.policy.autorestart = Autorestart::Always;
        always.pass(60);
        assert_eq!(always.exit(0), [Effect::Spawn(Run(2))]);
    }

    #[test]
    fn commands_start_it_and_stop_it() {
        let mut b = on_demand();
        b.tell(Event::Arm);
        assert_eq!(b.tell(Event::Stop), [Effect::EndAwait]);
        assert_eq!((b.name(), b.tell(Event::Demanded)), (StateName::Stopped, vec![]));
        assert_eq!(b.tell(Event::Start), [Effect::Spawn(Run(1))]);
        b.fact(Fact::Executed);
        b.wait();
        assert_eq!(b.tell(Event::Arm), [], "it is up");
        b.exit(0);
        b.pass(60);
        assert_eq!(b.tell(Event::Restart), [Effect::EndAwait, Effect::Spawn(Run(2))]);
        // On its way down for a restart it may be told to wait instead.
        b.fact(Fact::Executed);
        b.tell(Event::Restart);
        b.tell(Event::Arm);
        assert_eq!(b.exit(0), [Effect::AwaitDemand]);
        // Once more: its sockets may be others.
        assert_eq!(b.tell(Event::Arm), [Effect::AwaitDemand]);
        assert_eq!(b.tell(Event::Kill), [Effect::EndAwait]);
    }

    #[test]
    fn a_demand_waits_for_others_like_a_start() {
        let mut b = on_demand();
        b.gate = Gate::Closed("db".to_owned());
        b.tell(Event::Arm);
        assert_eq!(b.tell(Event::Demanded), [Effect::EndAwait]);
        assert_eq!(b.inst.state, State::Waiting);
        b.gate = Gate::Open;
        assert_eq!(b.tell(Event::Opened), [Effect::Spawn(Run(1))]);
    }

    #[test]
    fn one_that_never_lives_for_long_is_slowed_down() {
        let mut b = up();
        b.policy.startretries = None;
        let mut delays = Vec::new();
        for _ in 0..4 {
            b.pass(1);
            b.exit(0);
            assert_eq!(b.inst.state, State::Listening);
            b.tell(Event::Demanded);
            if let State::Backoff { until, why: None } = b.inst.state {
                delays.push(until.since(b.now).as_secs());
                b.wait();
            }
            b.fact(Fact::Executed);
            b.wait();
        }
        assert_eq!(delays, [1, 2, 4], "the first time costs nothing");
    }

    #[test]
    fn without_sockets_it_tries_again_and_gives_up() {
        let mut b = on_demand();
        b.tell(Event::Arm);
        let deaf = |errno| Failure::Spawn { stage: Stage::Listen, errno: Errno(errno), what: "*:80".to_owned() };
        // For want of descriptors it tries on.
        for _ in 0..5 {
            assert_eq!(b.tell(Event::Deaf(deaf(24))), [Effect::EndAwait]);
            assert_eq!(b.wait(), [Effect::AwaitDemand], "it is not demanded by that");
        }
        b.tell(Event::Deaf(deaf(98)));
        b.wait();
        b.tell(Event::Deaf(deaf(98)));
        assert_eq!(b.inst.state, State::Fatal { why: deaf(98) });
        assert_eq!(deaf(98).to_string(), "cannot listen on \"*:80\": address already in use (EADDRINUSE)");
        assert!(b.now.since(b.inst.entered.unwrap()) < Duration::from_secs(1));
    }
}
