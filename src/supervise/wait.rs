//! Clients that wait for processes without telling them anything.
//!
//! They are waiters like those of the commands that change something. What differs is the goal: it is a state, whatever
//! run is in it and whoever brought it there.

use crate::base::id::{Key, Ticket};
use crate::base::time::Mono;
use crate::control::message::{Health, Outcome, Response, Wait, WaitFor, Want};

use super::action::Action;
use super::command::{self, Begun, Goal};
use super::fleet::{Fleet, Member};
use super::state::State;

impl Fleet {
    /// Answers when the named processes have come to what is waited for, or cannot any more, or the time is over.
    pub(super) fn wait_for(
        &mut self,
        ticket: Ticket,
        names: &[String],
        until: WaitFor,
        timeout_ms: Option<u64>,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        let keys = match self.chosen(names) {
            Ok(keys) => keys,
            Err(refusal) => return out.push(Action::Reply(ticket, Response::Refused(refusal))),
        };
        let begun = keys.into_iter().filter_map(|key| self.begin_wait(key, until, now)).collect();
        let wait = timeout_ms.map_or(Wait::Reached, Wait::UpTo);
        let number = self.take_up(ticket, begun, Vec::new(), wait, None, now);
        self.answer_if_done(number, out);
    }

    fn begin_wait(&self, key: Key, until: WaitFor, now: Mono) -> Option<(Key, String, Begun)> {
        let member = self.member(key)?;
        let (name, goal) = (self.display_name(member), Goal::Reach(until));
        let known = command::outcome(goal, member, self.hopeless(member).as_deref(), now);
        let outcome = known.map(|(result, ok)| Outcome { name: name.clone(), result, ok });
        Some((key, name, (Some(goal), outcome)))
    }
}

/// What has become of a process that somebody waits for; `None` while that is open.
pub(super) fn outcome(until: WaitFor, member: &Member) -> Option<(String, bool)> {
    match until {
        WaitFor::Running => running(member),
        WaitFor::Stopped => stopped(member),
        WaitFor::Healthy => healthy(member),
    }
}

/// Of one that nobody checks, all that can be known is that it runs. One that is not well may yet become so.
fn healthy(member: &Member) -> Option<(String, bool)> {
    match member.inst.health(&member.program.policy) {
        Some(Health::Healthy) => Some(("healthy".to_owned(), true)),
        Some(Health::Starting | Health::Unhealthy) => None,
        None => running(member),
    }
}

fn running(member: &Member) -> Option<(String, bool)> {
    let inst = &member.inst;
    let will_not = |what: String| Some((what, false));
    match &inst.state {
        State::Running { .. } => Some(("running".to_owned(), true)),
        // A job is there to be done.
        State::Exited { exit, expected: true } if member.program.policy.oneshot => {
            Some((format!("done ({exit})"), true))
        }
        State::Exited { exit, .. } => will_not(format!("has ended ({exit})")),
        State::Fatal { why } => will_not(format!("gave up: {why}")),
        State::Stopped => will_not("is stopped".to_owned()),
        State::Stopping { .. } if inst.want == Want::Down => will_not("is being stopped".to_owned()),
        State::Waiting | State::Listening | State::Stopping { .. } | State::Starting { .. } | State::Backoff { .. } => {
            None
        }
    }
}

fn stopped(member: &Member) -> Option<(String, bool)> {
    match &member.inst.state {
        State::Stopped => Some(("stopped".to_owned(), true)),
        State::Exited { exit, .. } => Some((format!("has ended ({exit})"), true)),
        State::Fatal { why } => Some((format!("gave up: {why}"), true)),
        State::Waiting
        | State::Listening
        | State::Starting { .. }
        | State::Running { .. }
        | State::Stopping { .. }
        | State::Backoff { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::exit::Exit;
    use crate::control::message::Wait;
    use crate::supervise::event::{Command, Files, Input};
    use crate::supervise::reload::tests::{Bench, words};

    impl Bench {
        fn running(programs: &str) -> Bench {
            let mut bench = Bench::new(programs);
            bench.pass(2000);
            bench
        }

        fn wait(&mut self, names: &str, until: WaitFor, timeout_ms: Option<u64>) -> Vec<Action> {
            let (ticket, names) = (self.ticket(), words(names));
            self.tell(Input::Command { ticket, uid: Some(0), command: Command::Wait { names, until, timeout_ms } })
        }

        fn restart_it(&mut self, name: &str) {
            let command =
                Command::Restart { names: words(name), wait: Wait::No, files: Files::Unchanged, rolling: None };
            let ticket = self.ticket();
            self.tell(Input::Command { ticket, uid: Some(0), command });
        }
    }

    /// The answers among some actions, as `name: result` with a sign of whether that is good.
    fn answers(out: &[Action]) -> Vec<String> {
        let mut answers = Vec::new();
        for action in out {
            if let Action::Reply(_, Response::Outcomes { outcomes, .. }) = action {
                let line = |o: &Outcome| format!("{}{}: {}", if o.ok { "+" } else { "-" }, o.name, o.result);
                answers.push(outcomes.iter().map(line).collect::<Vec<_>>().join(", "));
            }
        }
        answers
    }

    #[test]
    fn what_is_so_is_told_at_once() {
        let mut b = Bench::running("a: {cmd: x}, b: {cmd: x, autostart: false}");
        assert_eq!(answers(&b.wait("a", WaitFor::Running, None)), ["+a: running"]);
        assert_eq!(answers(&b.wait("a", WaitFor::Healthy, None)), ["+a: running"]);
        assert_eq!(answers(&b.wait("b", WaitFor::Stopped, None)), ["+b: stopped"]);
        assert_eq!(answers(&b.wait("a b", WaitFor::Running, None)), ["+a: running, -b: is stopped"]);
        let refused = b.wait("c", WaitFor::Running, None);
        assert!(matches!(refused.as_slice(), [Action::Reply(_, Response::Refused(_))]), "{refused:?}");
        assert_eq!(b.fleet.waiting(), 0);
    }

    #[test]
    fn what_is_to_come_is_waited_for() {
        let mut b = Bench::running("a: {cmd: x, autorestart: never}, b: {cmd: x}");
        assert_eq!(b.wait("a", WaitFor::Stopped, None), []);
        assert_eq!(b.fleet.waiting(), 1);
        assert_eq!(answers(&b.exit("a", Exit::Code(3))), ["+a: has ended (exit status 3)"]);
        // A restart is no stop to those who wait for one.
        assert_eq!(b.wait("b", WaitFor::Stopped, None), []);
        b.restart_it("b");
        assert_eq!(b.wait("b", WaitFor::Running, None), []);
        b.pass(50);
        assert_eq!(answers(&b.exit("b", Exit::Code(0))), [""; 0]);
        assert_eq!(b.fleet.waiting(), 2);
        assert_eq!(answers(&b.pass(2000)), ["+b: running"]);
        assert_eq!(b.fleet.waiting(), 1);
    }

    #[test]
    fn a_failed_try_is_not_the_end() {
        let mut b = Bench::new("a: {cmd: x, startretries: 1}");
        assert_eq!(b.wait("a", WaitFor::Running, None), []);
        assert_eq!(answers(&b.exit("a", Exit::Code(1))), [""; 0]);
        b.pass(1500);
        assert_eq!(answers(&b.exit("a", Exit::Code(1))), ["-a: gave up: exited too quickly (exit status 1)"]);
        assert_eq!(answers(&b.wait("a", WaitFor::Stopped, None)), ["+a: gave up: exited too quickly (exit status 1)"]);
    }

    #[test]
    fn time_and_hopelessness_end_a_wait() {
        let mut b = Bench::running("a: {cmd: x}");
        assert_eq!(b.wait("a", WaitFor::Stopped, Some(1000)), []);
        assert_eq!(answers(&b.pass(1000)), ["-a: timed out: it is still RUNNING"]);
        b.restart_it("a");
        assert_eq!(b.wait("a", WaitFor::Running, None), []);
        assert_eq!(answers(&b.stop("a")), ["-a: is being stopped", "+a: stopping"]);
        // A stop in a stop changes no state, but it does change what is to come.
        assert_eq!(b.fleet.waiting(), 0);
    }

    #[test]
    fn what_is_removed_has_its_answer_first() {
        let mut b = Bench::running("a: {cmd: x}");
        assert_eq!(b.wait("a", WaitFor::Stopped, None), []);
        b.reload("b: {cmd: x}");
        assert_eq!(answers(&b.exit("a", Exit::Code(0))), ["+a: stopped"]);
        assert_eq!(b.fleet.waiting(), 0);
    }

    #[test]
    fn a_job_that_is_done_counts() {
        let mut b = Bench::running("a: {cmd: x, oneshot: true}");
        b.exit("a", Exit::Code(0));
        assert_eq!(answers(&b.wait("a", WaitFor::Running, None)), ["+a: done (exit status 0)"]);
    }
}
