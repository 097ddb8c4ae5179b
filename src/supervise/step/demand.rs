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
