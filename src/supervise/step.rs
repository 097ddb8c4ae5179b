//! The state machine of one process: one total function of state, event, policy and time.
//!
//! ```text
//!             Start        Stop           Restart        Due                  leader exits
//! Stopped     spawn        –              spawn          –                    (no run)
//! Waiting     –            Stopped        –              –                    (no run)
//! Listening   spawn        Stopped        spawn          –                    (no run)
//! Starting    want up      signal,        signal,        exec known: Running  before starttime: Backoff or Fatal;
//!                          Stopping       Stopping       or check, else       after it: as Running
//!                                                        killed
//! Running     want up      signal,        signal,        timeout: signal,     by policy: spawn, Backoff or Exited
//!                          Stopping       Stopping       Stopping; or check
//! Stopping    want up      want down      want up        SIGCONT, SIGKILL     Stopped, or spawn if wanted up;
//!                                                                             with leftovers: stays until they are gone
//! Backoff     spawn now    Stopped        spawn now      spawn                (no run)
//! Exited      spawn        want down      spawn          –                    (no run)
//! Fatal       spawn        want down      spawn          –                    (no run)
//! ```
//!
//! With a readiness check it is that which makes Running of Starting, and `starttime` plays no part; a process that does
//! not become ready, or that ends before, counts as a failed start. One that is not well any more is stopped as its
//! policy says.
//!
//! A program may have hooks. A spawn then begins with `pre_start` (the fleet sees to that, see `hooks`), a stop with
//! `pre_stop`, and what is said of a process that is gone comes after `post_stop`: it is Starting or Stopping meanwhile,
//! without a process. `stop_command` takes the place of the stop signal. The end of a hook is a fact like others.
//!
//! A program that is started by a connection is told `Arm` instead of `Start` when it is to be up by itself. "spawn" is
//! Listening then, until it is `Demanded`; and so is what follows when it ends as expected.
//!
//! "spawn" of a process whose gate is closed, because it waits for others, is Waiting; `Opened` spawns it.
//!
//! `Kill` is `Stop` with SIGKILL at once. "spawn" respects the floor between two spawns of an instance: too early, it
//! is Backoff without a failure. A fact about any run but the live one is dropped in the first line: that covers late
//! exits, late exec failures and reused process ids. Whether a start was good is decided by how long the process
//! lived, never by which of timer and exit was looked at first, so the order of events within a turn does not matter.

use std::time::Duration;

use crate::base::exit::Exit;
use crate::base::signal::Sig;
use crate::base::time::Mono;
use crate::config::model::{Autorestart, Hook, OnUnhealthy, Policy};
use crate::control::message::Want;

use super::action::{Effect, Note};
use super::backoff;
use super::event::{Event, Fact};
use super::health::{CheckNumber, Checks, Found, Meaning, Move, Purpose};
use super::order::Gate;
use super::state::{Cause, Exec, Failure, Instance, Live, Pressure, State, Verdict};

mod demand;
mod hooks;
#[cfg(test)]
mod tests;

/// Tells the instance what happened; what is to be done is appended to `out`.
///
/// `gate` says whether it may be spawned at this time.
pub fn step(policy: &Policy, inst: &mut Instance, event: Event, gate: &Gate, now: Mono, out: &mut Vec<Effect>) {
    let mut machine = Machine { policy, inst, gate, now, out };
    match event {
        Event::Start => machine.start(),
        Event::Stop => machine.stop(),
        Event::Restart => machine.restart(),
        Event::Kill => machine.kill(),
        Event::Arm => machine.arm(),
        Event::Demanded => machine.demanded(),
        Event::Deaf(why) => machine.deaf(why),
        Event::Opened => machine.opened(),
        Event::Due => machine.due(),
        Event::Fact(run, fact) => {
            if machine.inst.live().is_some_and(|live| live.run == run) {
                machine.fact(fact);
            }
        }
    }
}

/// One step on its way.
struct Machine<'a> {
    policy: &'a Policy,
    inst: &'a mut Instance,
    gate: &'a Gate,
    now: Mono,
    out: &'a mut Vec<Effect>,
}

impl Machine<'_> {
    fn start(&mut self) {
        (self.inst.want, self.inst.demanded) = (Want::Up, true);
        match &mut self.inst.state {
            State::Stopped | State::Listening | State::Exited { .. } | State::Fatal { .. } | State::Backoff { .. } => {
                self.begin_afresh()
            }
            State::Stopping { cause, .. } => *cause = Cause::Intent,
            State::Waiting => self.opened(),
            State::Starting { .. } | State::Running { .. } => {}
        }
    }

    /// What it waited for may have come.
    fn opened(&mut self) {
        if self.inst.state == State::Waiting && *self.gate == Gate::Open {
            self.begin();
        }
    }

    fn stop(&mut self) {
        self.inst.want = Want::Down;
        match &mut self.inst.state {
            State::Starting { live, exec: Exec::Preparing } => {
                let live = *live;
                self.over(live, Cause::Intent, None);
            }
            State::Starting { live, .. } | State::Running { live } => {
                let live = *live;
                self.ask_to_stop(live, Cause::Intent, None);
            }
            State::Stopping { cause, .. } => *cause = Cause::Intent,
            State::Waiting | State::Listening | State::Backoff { .. } => {
                self.enter(State::Stopped);
                self.note(Note::Stopped);
            }
            State::Stopped | State::Exited { .. } | State::Fatal { .. } => {}
        }
    }

    fn restart(&mut self) {
        (self.inst.want, self.inst.demanded) = (Want::Up, true);
        match &mut self.inst.state {
            State::Starting { live, exec: Exec::Preparing } => {
                let live = *live;
                self.over(live, Cause::Intent, None);
            }
            State::Starting { live, .. } | State::Running { live } => {
                let live = *live;
                self.ask_to_stop(live, Cause::Intent, None);
            }
            State::Stopping { cause, .. } => *cause = Cause::Intent,
            State::Waiting => self.opened(),
            State::Stopped | State::Listening | State::Exited { .. } | State::Fatal { .. } | State::Backoff { .. } => {
                self.begin_afresh()
            }
        }
    }

    fn kill(&mut self) {
        self.inst.want = Want::Down;
        match &self.inst.state {
            State::Starting { live, exec: Exec::Preparing } => {
                let live = *live;
                self.over(live, Cause::Intent, None);
            }
            State::Stopping { live, pressure: Pressure::Gone, ended, .. } => {
                let (live, ended) = (*live, *ended);
                self.over(live, Cause::Intent, ended);
            }
            State::Starting { live, .. } | State::Running { live } => {
                let live = *live;
                self.kill_live(live, self.now, Cause::Intent, None);
            }
            State::Stopping { live, asked, ended, .. } => {
                let (live, asked, ended) = (*live, *asked, *ended);
                self.kill_live(live, asked, Cause::Intent, ended);
            }
            State::Waiting
            | State::Listening
            | State::Backoff { .. }
            | State::Stopped
            | State::Exited { .. }
            | State::Fatal { .. } => self.stop(),
        }
    }

    fn due(&mut self) {
        if self.inst.deadline(self.policy).is_none_or(|at| at > self.now) {
            return;
        }
        match &self.inst.state {
            State::Starting { live, exec } => {
                let live = *live;
                match exec.clone() {
                    Exec::Confirmed(_) if self.inst.checked_by(self.policy).is_some() => self.check(live),
                    Exec::Confirmed(_) => self.run(live),
                    Exec::Preparing => {}
                    Exec::Pending => self.kill_live(live, self.now, leftovers(Failure::NoExec), None),
                    Exec::Failed(why) => self.kill_live(live, self.now, leftovers(why), None),
                }
            }
            State::Stopping { live, asked, pressure, cause, ended } => {
                let (live, asked, pressure, cause, ended) = (*live, *asked, *pressure, cause.clone(), *ended);
                match pressure {
                    Pressure::Spared | Pressure::Gone => {}
                    Pressure::First(n, _) => {
                        self.send(n + 1, live, cause, ended);
                        // With "stoptime: 0" the end of patience is there already.
                        self.due();
                    }
                    Pressure::Asked if self.now < asked.after(self.policy.stoptime) => {
                        self.continue_stopped(live, ended);
                    }
                    Pressure::Commanded | Pressure::Asked | Pressure::Continued => {
                        self.kill_live(live, asked, cause, ended);
                    }
                    Pressure::Killed(_) => {
                        self.kill_live(live, asked, cause, ended);
                        self.note(Note::Unkillable);
                    }
                }
            }
            State::Backoff { .. } => self.begin(),
            State::Running { live } => {
                let live = *live;
                if self.inst.over_time_at(self.policy).is_some_and(|at| at <= self.now) {
                    self.time_out(live);
                } else {
                    self.check(live);
                }
            }
            State::Stopped | State::Waiting | State::Listening | State::Exited { .. } | State::Fatal { .. } => {}
        }
    }

    /// A job takes longer than it may.
    fn time_out(&mut self, live: Live) {
        let limit = self.policy.timeout.unwrap_or_default();
        self.note(Note::TimedOut { limit });
        self.condemn(live, Cause::Leftovers(Verdict::TimedOut(limit)));
    }

    /// Stops a process that nobody has asked to.
    fn condemn(&mut self, live: Live, cause: Cause) {
        if self.policy.stoptime.is_zero() {
            return self.kill_live(live, self.now, cause, None);
        }
        self.ask_to_stop(live, cause, None);
    }

    /// The next move of the checks is due, or they are to begin.
    fn check(&mut self, live: Live) {
        let Some((purpose, check)) = self.inst.checked_by(self.policy) else { return };
        let number = CheckNumber(self.inst.last_number.0.wrapping_add(1));
        let begun = self.inst.checks.take().filter(|checks| checks.purpose == purpose);
        let checks = self.inst.checks.insert(begun.unwrap_or_else(|| Box::new(Checks::new(purpose, self.now))));
        match checks.tick(check, number, self.now) {
            Some(Move::Begin) => {
                self.inst.last_number = number;
                self.out.push(Effect::Check(live.run, purpose, number));
            }
            Some(Move::End(number)) => self.out.push(Effect::EndCheck(live.run, number)),
            None => {}
        }
    }

    fn checked(&mut self, number: CheckNumber, found: Found) {
        let Some(live) = self.inst.live().copied() else { return };
        let Some((purpose, check)) = self.inst.checked_by(self.policy) else {
            // The configuration has none any more; should it have one again, that begins anew.
            self.inst.checks = None;
            return;
        };
        let Some(checks) = self.inst.checks.as_mut().filter(|checks| checks.purpose == purpose) else { return };
        let Some((meaning, last)) = checks.ended(check, number, found, self.now) else { return };
        let (streak, retries) = (checks.streak, check.retries);
        self.inst.last_check = Some(Box::new(last));
        match (meaning, purpose) {
            (Meaning::Nothing, _) => {}
            (Meaning::Failed(why), purpose) => self.note(Note::CheckFailed { purpose, why, streak, retries }),
            (Meaning::Good, Purpose::Readiness) => self.run(live),
            (Meaning::Good, Purpose::Health) => self.note(Note::Healthy),
            (Meaning::Bad(why), Purpose::Readiness) => {
                self.note(Note::NotReady { why: why.clone() });
                self.condemn(live, leftovers(Failure::NotReady(why)));
            }
            (Meaning::Bad(why), Purpose::Health) => self.unhealthy(live, why),
        }
    }

    fn unhealthy(&mut self, live: Live, why: String) {
        self.note(Note::Unhealthy { why: why.clone() });
        match self.policy.on_unhealthy {
            OnUnhealthy::None => {}
            OnUnhealthy::Restart => self.condemn(live, Cause::Leftovers(Verdict::Unhealthy(why))),
            OnUnhealthy::Stop => {
                self.inst.want = Want::Down;
                self.condemn(live, Cause::Intent);
            }
        }
    }

    fn fact(&mut self, fact: Fact) {
        match fact {
            Fact::Spawned { pid } => self.spawned(pid),
            Fact::SpawnFailed(why) => self.spawn_failed(why),
            Fact::Executed => self.executed(),
            Fact::ExecFailed(why) => {
                if let State::Starting { exec: exec @ Exec::Pending, .. } = &mut self.inst.state {
                    *exec = Exec::Failed(why);
                }
            }
            Fact::Exited { exit, left } => self.exited(exit, left),
            Fact::Gone => {
                if let State::Stopping { live, pressure, cause, ended: Some(exit), .. } = &self.inst.state
                    && *pressure != Pressure::Gone
                {
                    let (live, cause, exit) = (*live, cause.clone(), *exit);
                    self.down(live, cause, Some(exit));
                }
            }
            Fact::HookEnded(hook, outcome) => self.hook_ended(hook, outcome),
            Fact::Checked(number, found) => self.checked(number, found),
            Fact::Says(text) => self.inst.says = Some(text).filter(|text| !text.is_empty()).map(String::into),
        }
    }

    fn spawned(&mut self, pid: u32) {
        if let State::Starting { live, .. } | State::Running { live } | State::Stopping { live, .. } =
            &mut self.inst.state
        {
            live.pid = Some(pid);
        }
        self.note(Note::Spawned { pid });
    }

    fn spawn_failed(&mut self, why: Failure) {
        match &self.inst.state {
            State::Stopping { live, cause: Cause::Intent, .. } => {
                let live = *live;
                self.down(live, Cause::Intent, None);
            }
            State::Starting { .. } | State::Stopping { cause: Cause::Leftovers(_), .. } => self.failed(why),
            // Without a process nothing was executed, so it cannot count as started.
            State::Running { .. } => self.failed(why),
            State::Stopped
            | State::Waiting
            | State::Listening
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Fatal { .. } => {}
        }
    }

    fn executed(&mut self) {
        if let State::Starting { live, exec: exec @ Exec::Pending } = &mut self.inst.state {
            *exec = Exec::Confirmed(self.now);
            let live = *live;
            if self.inst.checked_by(self.policy).is_some() {
                self.check(live);
            } else if self.policy.starttime.is_zero() || self.policy.oneshot {
                self.run(live);
            }
        }
    }

    fn exited(&mut self, exit: Exit, left: bool) {
        self.inst.last_exit = Some(exit);
        let stopping = matches!(&self.inst.state, State::Stopping { cause: Cause::Intent, .. });
        let good = self.policy.exitcodes.expect(exit) && !self.inst.is_condemned();
        let unready = self.inst.checked_by(self.policy).is_some();
        self.note(Note::Exited { exit, expected: stopping || good });
        match &mut self.inst.state {
            State::Starting { live, exec } => {
                let verdict = match exec {
                    Exec::Preparing | Exec::Pending => Verdict::Failed(Failure::BeforeExec(exit)),
                    Exec::Failed(why) => Verdict::Failed(why.clone()),
                    Exec::Confirmed(_) if unready => Verdict::Failed(Failure::EndedUnready(exit)),
                    Exec::Confirmed(at) if self.now.since(*at) < self.policy.starttime => {
                        Verdict::Failed(Failure::TooQuick(exit))
                    }
                    Exec::Confirmed(_) => Verdict::Ended,
                };
                let live = *live;
                self.leader_gone(live, Cause::Leftovers(verdict), exit, left);
            }
            State::Running { live } => {
                let live = *live;
                self.leader_gone(live, Cause::Leftovers(Verdict::Ended), exit, left);
            }
            State::Stopping { live, cause, pressure: Pressure::Spared | Pressure::Commanded, .. } if left => {
                let (live, cause) = (*live, cause.clone());
                self.send(0, live, cause, Some(exit));
            }
            State::Stopping { ended, .. } if left => *ended = Some(exit),
            State::Stopping { live, cause, .. } => {
                let (live, cause) = (*live, cause.clone());
                self.down(live, cause, Some(exit));
            }
            State::Stopped
            | State::Waiting
            | State::Listening
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Fatal { .. } => {}
        }
    }

    /// The leader ended by itself: the rest of its group goes before anything else happens.
    fn leader_gone(&mut self, live: Live, cause: Cause, exit: Exit, left: bool) {
        if left {
            self.note(Note::Leftovers);
            self.ask_to_stop(live, cause, Some(exit));
        } else {
            self.down(live, cause, Some(exit));
        }
    }

    /// Nothing of the run is left.
    fn down(&mut self, live: Live, cause: Cause, exit: Option<Exit>) {
        if exit.is_some() && self.hook(Hook::PostStop) {
            return self.stopping(live, self.now, Pressure::Gone, cause, exit);
        }
        self.over(live, cause, exit);
    }

    /// The run is over, and its `post_stop` with it.
    fn over(&mut self, live: Live, cause: Cause, exit: Option<Exit>) {
        match (cause, exit) {
            (Cause::Leftovers(Verdict::Failed(why)), _) => self.failed(why),
            (Cause::Leftovers(Verdict::Ended), Some(exit)) => self.ended(live, exit),
            (Cause::Leftovers(Verdict::TimedOut(limit)), Some(exit)) => self.timed_out(limit, exit),
            (Cause::Leftovers(Verdict::Unhealthy(why)), Some(exit)) => self.unwell(live, why, exit),
            (Cause::Intent | Cause::Leftovers(Verdict::Ended | Verdict::TimedOut(_) | Verdict::Unhealthy(_)), _) => {
                self.enter(State::Stopped);
                self.note(Note::Stopped);
                if self.inst.want == Want::Up {
                    self.begin_afresh();
                }
            }
        }
    }

    /// A start did not succeed.
    fn failed(&mut self, why: Failure) {
        let (inst, policy) = (&mut *self.inst, &self.policy.backoff);
        let delay = if why.is_resource() {
            inst.starved = inst.starved.saturating_add(1);
            backoff::delay(policy, inst.starved)
        } else {
            inst.starved = 0;
            inst.tries = inst.tries.saturating_add(1);
            if self.policy.startretries.is_some_and(|retries| inst.tries > retries) {
                let tries = inst.tries;
                self.note(Note::Fatal { why: why.clone(), tries });
                self.enter(State::Fatal { why });
                self.hook(Hook::OnFatal);
                return;
            }
            backoff::delay(policy, inst.tries)
        };
        self.back_off(self.now.after(delay), Some(why));
    }

    /// It had been running and ended by itself.
    fn ended(&mut self, live: Live, exit: Exit) {
        let expected = self.policy.exitcodes.expect(exit);
        let again = match self.policy.autorestart {
            Autorestart::Always => !(self.policy.oneshot && expected),
            Autorestart::Never => false,
            Autorestart::Unexpected => !expected,
        };
        if !again && expected && self.policy.on_demand && self.inst.want == Want::Up {
            return self.rest(live);
        }
        if !again {
            self.enter(State::Exited { exit, expected });
            return;
        }
        if self.policy.oneshot {
            // A job that fails again and again is to come to an end, although it "starts" each time.
            self.failed(Failure::Died(exit));
            return;
        }
        self.begin_again(live, Failure::Died(exit));
    }

    /// Starts what had been running anew, later and later if it never runs for long.
    fn begin_again(&mut self, live: Live, why: Failure) {
        let delay = self.lived(live);
        if delay.is_zero() {
            self.begin();
        } else {
            self.back_off(self.now.after(delay), Some(why));
        }
    }

    /// Takes note of how long what had been running did so. How long its next start is to wait for that.
    fn lived(&mut self, live: Live) -> Duration {
        let inst = &mut *self.inst;
        (inst.tries, inst.starved) = (0, 0);
        let quick = backoff::is_quick(&self.policy.backoff, self.now.since(live.spawned));
        inst.quick = if quick { inst.quick.saturating_add(1) } else { 0 };
        backoff::quick_delay(&self.policy.backoff, inst.quick)
    }

    /// It was stopped because it was not well, and is gone: it counts as ended unexpectedly, whatever its exit status.
    fn unwell(&mut self, live: Live, why: String, exit: Exit) {
        match self.policy.autorestart {
            Autorestart::Never => self.enter(State::Exited { exit, expected: false }),
            Autorestart::Always | Autorestart::Unexpected if self.policy.oneshot => {
                self.failed(Failure::Unhealthy(why));
            }
            Autorestart::Always | Autorestart::Unexpected => self.begin_again(live, Failure::Unhealthy(why)),
        }
    }

    /// It was stopped because it took too long, and is gone: that counts as a failure, whatever its exit status.
    fn timed_out(&mut self, limit: Duration, exit: Exit) {
        match self.policy.autorestart {
            Autorestart::Never => self.enter(State::Exited { exit, expected: false }),
            Autorestart::Always | Autorestart::Unexpected => self.failed(Failure::TimedOut(limit)),
        }
    }

    /// Starts because somebody wants it: earlier failures are forgotten.
    fn begin_afresh(&mut self) {
        (self.inst.tries, self.inst.starved, self.inst.quick) = (0, 0, 0);
        self.begin();
    }

    /// Spawns, unless it has to wait for others or for a connection, or that is too soon after the last spawn.
    fn begin(&mut self) {
        if self.policy.on_demand && !self.inst.demanded {
            return self.listen();
        }
        if let Gate::Closed(on) = self.gate {
            self.note(Note::Waiting { on: on.clone() });
            self.enter(State::Waiting);
            return;
        }
        let floor = self.earliest();
        if floor > self.now {
            self.back_off(floor, None);
            return;
        }
        self.inst.says = None;
        let run = self.inst.last_run.next();
        self.inst.last_run = run;
        self.inst.last_spawn = Some(self.now);
        self.enter(State::Starting { live: Live { run, pid: None, spawned: self.now }, exec: Exec::Pending });
        self.out.push(Effect::Spawn(run));
    }

    fn back_off(&mut self, until: Mono, why: Option<Failure>) {
        let until = until.max(self.earliest());
        self.note(Note::Backoff { why: why.clone(), delay: until.since(self.now) });
        self.enter(State::Backoff { until, why });
    }

    /// When the floor allows the next spawn.
    fn earliest(&self) -> Mono {
        self.inst.last_spawn.map_or(self.now, |at| at.after(self.policy.backoff.floor))
    }

    fn run(&mut self, live: Live) {
        self.enter(State::Running { live });
        self.note(Note::Running);
        self.hook(Hook::PostStart);
        self.check(live);
        // Of a job only its end says whether the start was good.
        if !self.policy.oneshot {
            (self.inst.tries, self.inst.starved) = (0, 0);
        }
    }

    fn ask_to_stop(&mut self, live: Live, cause: Cause, ended: Option<Exit>) {
        // What has not executed its program yet has nothing that could be told by a command.
        let is_up = matches!(self.inst.state, State::Running { .. } | State::Starting { exec: Exec::Confirmed(_), .. });
        if is_up && ended.is_none() {
            self.stop_by_hooks(live, cause);
        } else {
            self.send(0, live, cause, ended);
        }
    }

    /// Sends the stop signal at this place among all of them.
    fn send(&mut self, n: usize, live: Live, cause: Cause, ended: Option<Exit>) {
        let (sig, pressure) = match self.policy.stop_first.get(n) {
            Some((sig, _)) => (*sig, Pressure::First(n, self.now)),
            None => (self.policy.stopsignal, Pressure::Asked),
        };
        self.signal(live, sig, ended);
        self.note(Note::Stopping { sig });
        self.stopping(live, self.now, pressure, cause, ended);
    }

    fn continue_stopped(&mut self, live: Live, ended: Option<Exit>) {
        self.signal(live, Sig::CONT, ended);
        if let State::Stopping { pressure, .. } = &mut self.inst.state {
            *pressure = Pressure::Continued;
        }
    }

    fn kill_live(&mut self, live: Live, asked: Mono, cause: Cause, ended: Option<Exit>) {
        self.signal(live, Sig::KILL, ended);
        self.note(Note::Killed);
        self.stopping(live, asked, Pressure::Killed(self.now), cause, ended);
    }

    /// Makes it Stopping, or goes on with that: it has been so since it began.
    fn stopping(&mut self, live: Live, asked: Mono, pressure: Pressure, cause: Cause, ended: Option<Exit>) {
        let since = self.inst.entered.filter(|_| matches!(self.inst.state, State::Stopping { .. }));
        self.enter(State::Stopping { live, asked, pressure, cause, ended });
        self.inst.entered = since.or(self.inst.entered);
    }

    /// Without a leader there is only the group to be signalled, whatever the policy says by now.
    fn signal(&mut self, live: Live, sig: Sig, ended: Option<Exit>) {
        let group = self.policy.kill_mode.asks_all() || ended.is_some();
        self.out.push(Effect::Signal { run: live.run, sig, group });
    }

    fn note(&mut self, note: Note) {
        self.out.push(Effect::Note(note));
    }

    fn enter(&mut self, state: State) {
        // No check outlasts the state that it belongs to.
        let busy = self.inst.checks.take().and_then(|checks| checks.busy());
        if let (Some(live), Some(number)) = (self.inst.live(), busy) {
            self.out.push(Effect::EndCheck(live.run, number));
        }
        match (&self.inst.state, &state) {
            // Once more: the sockets may be others by now.
            (_, State::Listening) => self.out.push(Effect::AwaitDemand),
            (State::Listening, _) => self.out.push(Effect::EndAwait),
            (_, _) => {}
        }
        self.inst.state = state;
        self.inst.entered = Some(self.now);
    }
}

fn leftovers(why: Failure) -> Cause {
    Cause::Leftovers(Verdict::Failed(why))
}
