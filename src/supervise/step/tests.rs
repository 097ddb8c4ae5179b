//! Every state, every event: the table of `step` cell by cell, and what operators rely on.

use super::*;
use crate::base::errno::Errno;
use crate::base::exit::ExitCodes;
use crate::base::id::Run;
use crate::base::stage::Stage;
use crate::config::model::{Backoff, Check, Probe};
use crate::control::message::{Health, StateName};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

/// An instance under a policy, driven by hand.
pub(super) struct Bench {
    pub(super) policy: Policy,
    pub(super) inst: Instance,
    pub(super) gate: Gate,
    pub(super) now: Mono,
}

impl Bench {
    pub(super) fn new(policy: Policy) -> Bench {
        Bench { policy, inst: Instance::default(), gate: Gate::Open, now: Mono(1000 * SECOND) }
    }

    pub(super) fn tell(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        step(&self.policy, &mut self.inst, event, &self.gate, self.now, &mut out);
        out.retain(|effect| !matches!(effect, Effect::Note(_)));
        out
    }

    pub(super) fn fact(&mut self, fact: Fact) -> Vec<Effect> {
        self.tell(Event::Fact(self.inst.last_run, fact))
    }

    pub(super) fn exit(&mut self, code: u8) -> Vec<Effect> {
        self.fact(Fact::Exited { exit: Exit::Code(code), left: false })
    }

    /// Lets the deadline pass.
    pub(super) fn wait(&mut self) -> Vec<Effect> {
        self.now = self.inst.deadline(&self.policy).expect("a deadline");
        self.tell(Event::Due)
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now = Mono(self.now.0 + seconds * SECOND);
    }

    pub(super) fn name(&self) -> StateName {
        self.inst.name()
    }

    fn spawns(&self) -> Vec<Effect> {
        vec![Effect::Spawn(self.inst.last_run)]
    }

    /// Brings it to RUNNING.
    pub(super) fn up(mut self) -> Bench {
        self.tell(Event::Start);
        self.fact(Fact::Spawned { pid: 10 });
        self.fact(Fact::Executed);
        if self.name() == StateName::Starting {
            self.wait();
        }
        assert_eq!(self.name(), StateName::Running);
        self
    }
}

fn signals(run: Run) -> Vec<Effect> {
    vec![Effect::Signal { run, sig: Sig::TERM, group: true }]
}

#[test]
fn a_start_counts_after_starttime_from_exec() {
    let mut b = Bench::new(Policy::default());
    assert_eq!(b.tell(Event::Start), [Effect::Spawn(Run(1))]);
    b.fact(Fact::Spawned { pid: 10 });
    b.pass(30);
    assert_eq!(b.tell(Event::Due), [], "a slow exec is not a start");
    b.fact(Fact::Executed);
    assert_eq!(b.name(), StateName::Starting);
    b.wait();
    assert_eq!(b.name(), StateName::Running);
}

#[test]
fn starttime_zero_counts_with_exec() {
    let mut b = Bench::new(Policy { starttime: Duration::ZERO, ..Policy::default() });
    b.tell(Event::Start);
    assert_eq!(b.name(), StateName::Starting);
    b.fact(Fact::Executed);
    assert_eq!(b.name(), StateName::Running);
}

#[test]
fn an_exit_before_starttime_is_a_failed_start_whatever_its_code() {
    let mut b = Bench::new(Policy::default());
    b.tell(Event::Start);
    b.fact(Fact::Executed);
    b.exit(0);
    let State::Backoff { until, why } = &b.inst.state else { panic!("{:?}", b.inst.state) };
    assert_eq!(*until, b.now.after(Duration::from_secs(1)));
    assert_eq!(why.as_ref().unwrap().to_string(), "exited too quickly (exit status 0)");
}

#[test]
fn an_exit_after_starttime_is_no_failed_start_even_if_the_timer_comes_later() {
    let mut b = Bench::new(Policy { autorestart: Autorestart::Never, ..Policy::default() });
    b.tell(Event::Start);
    b.fact(Fact::Executed);
    b.pass(1);
    b.exit(0);
    assert_eq!(b.inst.state, State::Exited { exit: Exit::Code(0), expected: true });
}

#[test]
fn retries_end_in_fatal_after_one_more_try_than_startretries() {
    let mut b = Bench::new(Policy { startretries: Some(3), ..Policy::default() });
    b.tell(Event::Start);
    let mut waits = Vec::new();
    for _ in 0..3 {
        b.fact(Fact::Executed);
        b.exit(3);
        waits.push(b.inst.deadline(&b.policy).unwrap().since(b.now).as_secs());
        assert_eq!(b.wait(), b.spawns());
    }
    b.fact(Fact::Executed);
    b.exit(3);
    assert_eq!(waits, [1, 2, 4]);
    assert_eq!(b.inst.last_run, Run(4));
    let State::Fatal { why } = &b.inst.state else { panic!("{:?}", b.inst.state) };
    assert_eq!(why.to_string(), "exited too quickly (exit status 3)");
    assert_eq!(b.inst.want, Want::Up);
    assert!(!b.inst.as_wanted());
    b.pass(1);
    assert_eq!(b.tell(Event::Start), [Effect::Spawn(Run(5))], "a person may try again");
    assert_eq!(b.inst.tries, 0);
}

#[test]
fn unlimited_retries_never_end() {
    let mut b = Bench::new(Policy { startretries: None, ..Policy::default() });
    b.tell(Event::Start);
    for _ in 0..100 {
        b.exit(1);
        b.wait();
    }
    assert_eq!(b.name(), StateName::Starting);
}

#[test]
fn want_of_a_resource_costs_no_retry() {
    let mut b = Bench::new(Policy { startretries: Some(0), ..Policy::default() });
    b.tell(Event::Start);
    let failure = |errno| Failure::Spawn { stage: Stage::Clone, errno: Errno(errno), what: String::new() };
    for errno in [11, 12, 23, 24, 28, 11, 11] {
        b.fact(Fact::SpawnFailed(failure(errno)));
        assert_eq!((b.name(), b.inst.tries), (StateName::Backoff, 0));
        b.wait();
    }
    b.fact(Fact::SpawnFailed(failure(1)));
    assert_eq!(b.name(), StateName::Fatal);
}

#[test]
fn a_failed_step_is_told_by_its_name() {
    let mut b = Bench::new(Policy { startretries: Some(0), ..Policy::default() });
    b.tell(Event::Start);
    let why = Failure::Spawn { stage: Stage::Exec, errno: Errno(2), what: "/bin/nope".to_owned() };
    b.fact(Fact::ExecFailed(why));
    assert_eq!(b.name(), StateName::Starting, "the exit is still to come");
    b.exit(127);
    let State::Fatal { why } = &b.inst.state else { panic!("{:?}", b.inst.state) };
    assert_eq!(why.to_string(), "cannot execute (execve) \"/bin/nope\": no such file or directory (ENOENT)");
}

#[test]
fn restart_policies() {
    use Autorestart::{Always, Never, Unexpected};
    let killed = Exit::Signal { sig: Sig::KILL, core: false };
    for (policy, exit, again) in [
        (Always, Exit::Code(0), true),
        (Always, killed, true),
        (Never, Exit::Code(1), false),
        (Never, killed, false),
        (Unexpected, Exit::Code(0), false),
        (Unexpected, Exit::Code(2), false),
        (Unexpected, Exit::Code(1), true),
        (Unexpected, killed, true),
    ] {
        let exitcodes = ExitCodes::new([0, 2]);
        let mut b = Bench::new(Policy { autorestart: policy, exitcodes, ..Policy::default() }).up();
        b.pass(100);
        let effects = b.fact(Fact::Exited { exit, left: false });
        assert_eq!(effects == [Effect::Spawn(Run(2))], again, "{policy:?} {exit}");
        assert_eq!(b.name(), if again { StateName::Starting } else { StateName::Exited });
    }
}

#[test]
fn two_spawns_keep_the_floor_apart() {
    let policy = Policy { autorestart: Autorestart::Always, starttime: Duration::ZERO, ..Policy::default() };
    let mut b = Bench::new(policy).up();
    let first = b.now;
    b.exit(0);
    assert_eq!(b.inst.state, State::Backoff { until: first.after(Duration::from_secs(1)), why: None });
    b.wait();
    assert_eq!(b.inst.last_run, Run(2));
}

#[test]
fn without_a_floor_a_restart_is_immediate() {
    let backoff = Backoff { floor: Duration::ZERO, ..Backoff::default() };
    let policy = Policy { autorestart: Autorestart::Always, starttime: Duration::ZERO, backoff, ..Policy::default() };
    let mut b = Bench::new(policy).up();
    for _ in 0..20 {
        assert_eq!(b.exit(0), b.spawns());
        b.fact(Fact::Executed);
    }
}

#[test]
fn one_that_keeps_dying_fast_backs_off_and_recovers() {
    let policy = Policy { autorestart: Autorestart::Always, starttime: Duration::ZERO, ..Policy::default() };
    let mut b = Bench::new(policy).up();
    let mut waits = Vec::new();
    for _ in 0..6 {
        b.pass(2);
        b.exit(1);
        if b.name() == StateName::Backoff {
            waits.push(b.inst.deadline(&b.policy).unwrap().since(b.now).as_secs());
            b.wait();
        }
        b.fact(Fact::Executed);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16]);
    b.pass(60);
    assert_eq!(b.exit(1), b.spawns(), "a long life makes up for it");
}

#[test]
fn stop_asks_then_kills() {
    let mut b = Bench::new(Policy::default()).up();
    assert_eq!(b.tell(Event::Stop), signals(Run(1)));
    assert_eq!(b.tell(Event::Stop), [], "once is enough");
    let asked = b.now;
    assert_eq!(b.wait(), [Effect::Signal { run: Run(1), sig: Sig::CONT, group: true }], "it may be stopped");
    assert_eq!(b.wait(), [Effect::Signal { run: Run(1), sig: Sig::KILL, group: true }]);
    assert_eq!(b.now, asked.after(Duration::from_secs(10)));
    assert_eq!(b.wait(), [Effect::Signal { run: Run(1), sig: Sig::KILL, group: true }], "and again");
    b.fact(Fact::Exited { exit: Exit::Signal { sig: Sig::KILL, core: false }, left: false });
    assert_eq!(b.inst.state, State::Stopped);
    assert!(b.inst.as_wanted());
}

#[test]
fn stopped_only_when_the_group_is_gone() {
    let mut b = Bench::new(Policy::default()).up();
    b.tell(Event::Stop);
    b.fact(Fact::Exited { exit: Exit::Code(0), left: true });
    assert_eq!(b.name(), StateName::Stopping);
    b.wait();
    assert_eq!(b.wait(), [Effect::Signal { run: Run(1), sig: Sig::KILL, group: true }]);
    b.fact(Fact::Gone);
    assert_eq!(b.inst.state, State::Stopped);
}

#[test]
fn leftovers_of_a_crash_go_before_the_restart() {
    let mut b = Bench::new(Policy::default()).up();
    b.pass(100);
    assert_eq!(b.fact(Fact::Exited { exit: Exit::Code(1), left: true }), signals(Run(1)));
    assert_eq!(b.name(), StateName::Stopping);
    assert_eq!(b.fact(Fact::Gone), [Effect::Spawn(Run(2))]);
}

#[test]
fn restart_is_stopping_wanted_up() {
    let mut b = Bench::new(Policy::default()).up();
    assert_eq!(b.tell(Event::Restart), signals(Run(1)));
    assert_eq!((b.name(), b.inst.want), (StateName::Stopping, Want::Up));
    b.pass(5);
    assert_eq!(b.exit(0), [Effect::Spawn(Run(2))]);
}

#[test]
fn the_last_command_wins_while_stopping() {
    let mut b = Bench::new(Policy::default()).up();
    b.tell(Event::Restart);
    b.tell(Event::Stop);
    b.exit(0);
    assert_eq!(b.inst.state, State::Stopped);
    let mut b = Bench::new(Policy::default()).up();
    b.tell(Event::Stop);
    b.tell(Event::Start);
    b.pass(5);
    assert_eq!(b.exit(0), [Effect::Spawn(Run(2))]);
}

#[test]
fn a_stop_is_not_lost_in_backoff_or_before_exec() {
    let mut b = Bench::new(Policy::default());
    b.tell(Event::Start);
    b.exit(1);
    assert_eq!(b.name(), StateName::Backoff);
    assert_eq!(b.tell(Event::Stop), []);
    assert_eq!(b.inst.state, State::Stopped);

    let mut b = Bench::new(Policy::default());
    b.tell(Event::Start);
    assert_eq!(b.tell(Event::Stop), signals(Run(1)));
    let failure = Failure::Spawn { stage: Stage::Clone, errno: Errno(11), what: String::new() };
    b.fact(Fact::SpawnFailed(failure));
    assert_eq!(b.inst.state, State::Stopped);
}

#[test]
fn a_child_that_never_executes_is_killed() {
    let mut b = Bench::new(Policy { startretries: Some(0), ..Policy::default() });
    b.tell(Event::Start);
    b.fact(Fact::Spawned { pid: 10 });
    assert_eq!(b.wait(), [Effect::Signal { run: Run(1), sig: Sig::KILL, group: true }]);
    b.fact(Fact::Exited { exit: Exit::Signal { sig: Sig::KILL, core: false }, left: false });
    assert_eq!(b.inst.state, State::Fatal { why: Failure::NoExec });
}

#[test]
fn a_oneshot_is_done_or_tried_again() {
    let mut b = Bench::new(Policy { oneshot: true, startretries: Some(1), ..Policy::default() });
    b.tell(Event::Start);
    b.fact(Fact::Executed);
    assert_eq!(b.name(), StateName::Running);
    b.exit(0);
    assert_eq!(b.inst.state, State::Exited { exit: Exit::Code(0), expected: true });
    assert!(b.inst.as_wanted());
    b.pass(10);
    b.tell(Event::Start);
    b.fact(Fact::Executed);
    b.exit(1);
    assert_eq!(b.name(), StateName::Backoff);
    b.wait();
    b.fact(Fact::Executed);
    b.exit(1);
    assert_eq!(b.inst.state, State::Fatal { why: Failure::Died(Exit::Code(1)) });
}

/// Every state, brought about as in life.
fn every_state() -> Vec<Bench> {
    let fresh = || Bench::new(Policy::default());
    let with = |prepare: fn(&mut Bench)| {
        let mut b = Bench::new(Policy::default());
        prepare(&mut b);
        b
    };
    vec![
        fresh(),
        with(|b| drop(b.tell(Event::Start))),
        with(|b| {
            b.tell(Event::Start);
            b.fact(Fact::Executed);
        }),
        with(|b| {
            b.tell(Event::Start);
            b.fact(Fact::ExecFailed(Failure::NoExec));
        }),
        fresh().up(),
        {
            let mut b = fresh().up();
            b.tell(Event::Stop);
            b
        },
        {
            let mut b = fresh().up();
            b.tell(Event::Stop);
            b.wait();
            b
        },
        {
            let mut b = fresh().up();
            b.tell(Event::Restart);
            b
        },
        {
            let mut b = fresh();
            b.gate = Gate::Closed("db".to_owned());
            b.tell(Event::Start);
            assert_eq!(b.inst.state, State::Waiting);
            b
        },
        {
            let mut b = fresh().up();
            b.tell(Event::Kill);
            b
        },
        {
            let mut b = fresh().up();
            b.fact(Fact::Exited { exit: Exit::Code(1), left: true });
            b
        },
        with(|b| {
            b.tell(Event::Start);
            b.exit(1);
        }),
        {
            let mut b = Bench::new(Policy { autorestart: Autorestart::Never, ..Policy::default() }).up();
            b.pass(60);
            b.exit(0);
            b
        },
        {
            let mut b = Bench::new(Policy { startretries: Some(0), ..Policy::default() });
            b.tell(Event::Start);
            b.exit(1);
            b
        },
    ]
}

#[test]
fn every_state_takes_every_event() {
    let exit = Exit::Code(1);
    let failure = || Failure::Spawn { stage: Stage::Exec, errno: Errno(2), what: String::new() };
    let facts = || {
        vec![
            Fact::Spawned { pid: 9 },
            Fact::SpawnFailed(failure()),
            Fact::Executed,
            Fact::ExecFailed(failure()),
            Fact::Exited { exit, left: false },
            Fact::Exited { exit, left: true },
            Fact::Gone,
        ]
    };
    for at in 0..every_state().len() {
        let deaf = Event::Deaf(failure());
        let [arm, demanded] = [Event::Arm, Event::Demanded];
        let events =
            [Event::Start, Event::Stop, Event::Restart, Event::Kill, Event::Opened, Event::Due, arm, demanded, deaf];
        let live_facts = facts().into_iter().map(|f| (true, f));
        let late_facts = facts().into_iter().map(|f| (false, f));
        let fresh = || every_state().remove(at);
        for event in events {
            let mut b = fresh();
            let was_live = b.inst.live().copied();
            let out = b.tell(event.clone());
            check(&b, was_live, &out);
            match event {
                Event::Start | Event::Restart | Event::Arm => assert_eq!(b.inst.want, Want::Up),
                Event::Stop | Event::Kill => {
                    assert_eq!(b.inst.want, Want::Down);
                    assert!(!out.iter().any(|e| matches!(e, Effect::Spawn(_))));
                }
                // No state here is that of a process that waits for a connection.
                Event::Demanded | Event::Deaf(_) => assert_eq!(out, []),
                Event::Opened | Event::Due | Event::Fact(..) => {}
            }
        }
        for (live, fact) in live_facts.chain(late_facts) {
            let mut b = fresh();
            let (was_live, before) = (b.inst.live().copied(), b.inst.clone());
            let run = if live { b.inst.last_run } else { Run(b.inst.last_run.0 + 7) };
            let out = b.tell(Event::Fact(run, fact.clone()));
            check(&b, was_live, &out);
            if !live || was_live.is_none() {
                assert_eq!(b.inst, before, "{fact:?} about another run changed something");
                assert_eq!(out, []);
            }
        }
    }
}

/// What holds after any step.
fn check(b: &Bench, was_live: Option<Live>, out: &[Effect]) {
    let runs: Vec<Run> = out.iter().filter_map(|e| if let Effect::Spawn(r) = e { Some(*r) } else { None }).collect();
    assert!(runs.len() <= 1, "two spawns in one step");
    for effect in out {
        if let Effect::Signal { run, .. } = effect {
            assert_eq!(Some(*run), was_live.map(|l| l.run), "a signal to a run that is not live");
        }
    }
    if let Some(run) = runs.first() {
        assert_eq!(b.inst.live().map(|l| l.run), Some(*run));
    }
    if let Some(deadline) = b.inst.deadline(&b.policy) {
        assert!(deadline > b.now || b.inst.state == State::Stopped, "a deadline that is due already");
    }
}

/// A policy with checks that begin after one, two and three seconds.
fn checked() -> Policy {
    let second = Duration::from_secs(1);
    let every = |check: Check| Check { interval: second, start_period: Duration::ZERO, ..check };
    let probe = Probe::Exec(vec!["x".to_owned()]);
    Policy {
        readiness: Some(Box::new(every(Check::readiness(probe.clone())))),
        healthcheck: Some(Box::new(Check { retries: 1, ..every(Check::health(probe)) })),
        stopsignal: Sig::TERM,
        ..Policy::default()
    }
}

impl Bench {
    /// The check that is under way has found this.
    fn found(&mut self, wrong: Option<&str>) -> Vec<Effect> {
        let found = Found { wrong: wrong.map(str::to_owned), output: Vec::new() };
        self.fact(Fact::Checked(self.inst.last_number, found))
    }

    fn checks(&self, purpose: Purpose) -> Vec<Effect> {
        vec![Effect::Check(self.inst.last_run, purpose, self.inst.last_number)]
    }

    /// Its next try is ready.
    fn up_again(mut self) -> Bench {
        if self.name() == StateName::Backoff {
            self.wait();
        }
        self.fact(Fact::Executed);
        self.found(None);
        assert_eq!(self.name(), StateName::Running);
        self
    }

    /// Starts it and lets it become ready.
    fn ready(mut self) -> Bench {
        self.tell(Event::Start);
        self.fact(Fact::Executed);
        assert_eq!(self.found(None), []);
        assert_eq!(self.name(), StateName::Running);
        self
    }
}

#[test]
fn one_that_is_checked_for_readiness_runs_when_it_is_ready() {
    let mut b = Bench::new(checked());
    b.tell(Event::Start);
    let first = b.fact(Fact::Executed);
    assert_eq!(first, b.checks(Purpose::Readiness));
    b.pass(100);
    assert_eq!(b.found(Some("refused")), [], "its starttime plays no part");
    assert_eq!(b.name(), StateName::Starting);
    let second = b.wait();
    assert_eq!(second, b.checks(Purpose::Readiness));
    assert_eq!((b.found(None), b.name()), (vec![], StateName::Running));
    let healthy = b.wait();
    assert_eq!(healthy, b.checks(Purpose::Health));
    assert_eq!(b.inst.health(&b.policy), Some(Health::Starting));
    b.found(None);
    assert_eq!(b.inst.health(&b.policy), Some(Health::Healthy));
}

#[test]
fn one_that_does_not_become_ready_has_failed_to_start() {
    let mut b = Bench::new(checked());
    b.tell(Event::Start);
    b.fact(Fact::Executed);
    assert_eq!(b.found(Some("refused")), []);
    b.wait();
    assert_eq!(b.found(Some("refused")), []);
    b.wait();
    assert_eq!(b.found(Some("refused")), signals(b.inst.last_run));
    assert_eq!(b.exit(0), []);
    assert!(matches!(&b.inst.state, State::Backoff { why: Some(Failure::NotReady(why)), .. } if why == "refused"));
    assert_eq!(b.inst.tries, 1);
    // One that ends before it is ready has failed, too, however long it took.
    b.wait();
    b.fact(Fact::Executed);
    b.pass(1000);
    b.exit(0);
    let failure = Failure::EndedUnready(Exit::Code(0));
    assert!(matches!(&b.inst.state, State::Backoff { why: Some(why), .. } if *why == failure));
    assert_eq!(b.inst.tries, 2);
}

#[test]
fn a_check_does_not_outlast_its_state() {
    let mut b = Bench::new(checked());
    b.tell(Event::Start);
    b.fact(Fact::Executed);
    let (run, number) = (b.inst.last_run, b.inst.last_number);
    let stopped = b.tell(Event::Stop);
    assert_eq!(stopped, [signals(run), vec![Effect::EndCheck(run, number)]].concat());
    assert_eq!(b.found(None), []);
    assert_eq!(b.name(), StateName::Stopping);
    // The configuration loses its check while one is under way, and gets it back.
    let mut b = Bench::new(checked()).ready();
    b.wait();
    b.policy.healthcheck = None;
    assert_eq!((b.inst.deadline(&b.policy), b.inst.health(&b.policy)), (None, None));
    b.found(Some("x"));
    b.policy = checked();
    b.wait();
    let next = b.wait();
    assert_eq!(next, b.checks(Purpose::Health));
}

#[test]
fn one_that_is_not_well_is_treated_as_the_policy_says() {
    let unwell = |change: &dyn Fn(&mut Policy)| {
        let mut policy = checked();
        change(&mut policy);
        let mut b = Bench::new(policy).ready();
        b.pass(60);
        b.wait();
        let effects = b.found(Some("refused"));
        let well = b.inst.as_wanted();
        b.exit(0);
        (effects == signals(Run(1)), well, b.name(), b.inst.want)
    };
    let again = StateName::Starting;
    assert_eq!(unwell(&|_| {}), (true, false, again, Want::Up));
    assert_eq!(unwell(&|p| p.autorestart = Autorestart::Always), (true, false, again, Want::Up));
    assert_eq!(unwell(&|p| p.autorestart = Autorestart::Never), (true, false, StateName::Exited, Want::Up));
    let stays = unwell(&|p| p.on_unhealthy = OnUnhealthy::Stop);
    assert_eq!(stays, (true, false, StateName::Stopped, Want::Down));
    let mut policy = checked();
    policy.on_unhealthy = OnUnhealthy::None;
    let mut b = Bench::new(policy).ready();
    b.wait();
    assert_eq!((b.found(Some("refused")), b.inst.is_unhealthy()), (vec![], true));
    b.wait();
    assert_eq!((b.found(None), b.inst.is_unhealthy()), (vec![], false));
    // One that never is well for long comes back more and more slowly.
    let mut b = Bench::new(checked()).ready();
    for put_off in [false, true, true] {
        b.wait();
        b.found(Some("refused"));
        b.exit(0);
        let backs_off = matches!(&b.inst.state, State::Backoff { why: Some(Failure::Unhealthy(_)), .. });
        assert_eq!(backs_off, put_off);
        b = b.up_again();
    }
}
