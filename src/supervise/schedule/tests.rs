//! When jobs run, and when they do not.

use super::*;
use crate::base::signal::Sig;
use crate::control::message::{StateName, Wait};
use crate::supervise::action::Entries;
use crate::supervise::event::{Command, Input};
use crate::supervise::reload::tests::{Bench, signals, words};

/// 2026-11-21 10:00:00 UTC, a Saturday.
const MORNING: i64 = 1_795_255_200;

const DONE: Exit = Exit::Code(0);

impl Bench {
    /// A fleet that was started at this time of day.
    fn at(wall: i64, programs: &str) -> Bench {
        let mut bench = Bench::new("");
        bench.set_clock(wall);
        bench.reload(programs);
        bench
    }

    fn set_clock(&mut self, secs: i64) {
        self.tell(Input::Clock(Wall { secs, nanos: 0 }));
    }

    fn runs(&self, name: &str) -> u64 {
        self.run(name).0
    }

    fn start_it(&mut self, name: &str) {
        let ticket = self.ticket();
        self.tell(Input::Command {
            ticket,
            uid: Some(0),
            command: Command::Start { names: words(name), wait: Wait::No },
        });
    }

    fn says(&self, name: &str) -> String {
        self.fleet.schedule_of(self.fleet.member(self.key(name)).unwrap(), self.now).unwrap().to_string()
    }

    fn is_active(&self, name: &str) -> bool {
        self.fleet.member(self.key(name)).unwrap().timetable.as_ref().unwrap().is_active()
    }

    /// Lets so much time pass deadline by deadline; each run ends after so many milliseconds.
    fn live(&mut self, name: &str, secs: u64, each_ms: u64) {
        let end = self.now.0 + secs * 1_000_000_000;
        while let Some(at) = self.fleet.next_deadline().filter(|at| at.0 <= end) {
            let before = self.runs(name);
            self.pass(at.0.saturating_sub(self.now.0) / 1_000_000);
            self.pass(1);
            if self.runs(name) != before {
                self.pass(each_ms);
                self.exit(name, DONE);
            }
        }
        self.pass(end.saturating_sub(self.now.0) / 1_000_000);
    }
}

#[test]
fn a_job_runs_when_it_is_due() {
    let mut b = Bench::at(MORNING, "j: {cmd: x, schedule: '30 10 * * *'}");
    assert_eq!((b.state("j"), b.runs("j")), (StateName::Stopped, 0));
    assert_eq!(b.says("j"), "next run at 2026-11-21 10:30 (in 30m)");
    b.pass(1_799_999);
    assert_eq!(b.runs("j"), 0);
    b.pass(1);
    assert_eq!((b.state("j"), b.runs("j")), (StateName::Running, 1));
    assert_eq!(b.says("j"), "next run at 2026-11-22 10:30 (in 1d)");
    b.pass(5000);
    b.exit("j", DONE);
    assert_eq!(b.state("j"), StateName::Exited);
    b.live("j", 86_400, 1000);
    assert_eq!(b.runs("j"), 2);
}

#[test]
fn an_interval_has_no_drift() {
    let mut b = Bench::at(MORNING, "j: {cmd: x, every: 10m}");
    b.live("j", 3600, 7000);
    assert_eq!(b.runs("j"), 6);
    // A loop that was away for long has one run, not those that it has missed.
    b.pass(3_600_000 + 60_000);
    assert_eq!(b.runs("j"), 7);
    assert_eq!(b.says("j"), "next run at 2026-11-21 12:10 (in 8m53s)");
}

#[test]
fn skip_queue_and_kill() {
    let mut b = Bench::at(
        MORNING,
        "s: {cmd: x, every: 10}, q: {cmd: x, every: 10, overlap: queue}, k: {cmd: x, every: 10, overlap: kill}",
    );
    b.pass(10_000);
    assert_eq!(["s", "q", "k"].map(|name| b.runs(name)), [1, 1, 1]);
    let out = b.pass(10_000);
    assert_eq!(signals(&out), [Sig::TERM]);
    assert_eq!(b.state("k"), StateName::Stopping);
    b.pass(1000);
    b.exit("k", Exit::Signal { sig: Sig::TERM, core: false });
    assert_eq!((b.state("k"), b.runs("k")), (StateName::Running, 2));
    // Twice due while the first one runs: one follows.
    b.pass(9_000);
    b.exit("k", DONE);
    b.exit("s", DONE);
    assert!(b.says("q").ends_with("; one more follows this one"), "{}", b.says("q"));
    b.exit("q", DONE);
    assert_eq!(["s", "q"].map(|name| b.runs(name)), [1, 2]);
    b.exit("q", DONE);
    assert_eq!(b.runs("q"), 2);
    b.pass(10_000);
    assert_eq!(["s", "q"].map(|name| b.runs(name)), [2, 3]);
}

#[test]
fn a_stop_suspends_and_a_start_resumes() {
    let mut b = Bench::at(MORNING, "j: {cmd: x, every: 10, overlap: queue}, m: {cmd: x, every: 10, autostart: false}");
    b.pass(25_000);
    b.stop("j");
    assert_eq!(b.says("j"), "schedule suspended");
    b.exit("j", DONE);
    assert_eq!((b.state("j"), b.fleet.next_deadline()), (StateName::Stopped, None));
    b.pass(100_000);
    assert_eq!((b.runs("j"), b.runs("m")), (1, 0));
    b.start_it("j");
    b.start_it("m");
    assert_eq!((b.runs("j"), b.runs("m")), (2, 1));
    b.exit("m", DONE);
    b.pass(10_000);
    assert_eq!((b.is_active("j"), b.runs("m")), (true, 2));
    b.tell(Input::Shutdown);
    assert!(!b.is_active("j") && !b.is_active("m"));
}

#[test]
fn run_on_start_is_a_run_more() {
    let mut b = Bench::new("j: {cmd: x, every: 10, run_on_start: true}, n: {cmd: x, every: 10}");
    assert_eq!((b.runs("j"), b.runs("n")), (1, 0));
    b.exit("j", DONE);
    b.pass(10_000);
    assert_eq!((b.runs("j"), b.runs("n")), (2, 1));
}

#[test]
fn what_takes_too_long_has_failed() {
    let mut b = Bench::at(
        MORNING,
        "j: {cmd: x, every: 1m, timeout: 5}, o: {cmd: x, oneshot: true, timeout: 2, startretries: 0}",
    );
    assert_eq!(signals(&b.pass(2000)), [Sig::TERM]);
    // It ends in good order, and has failed all the same.
    b.exit("o", DONE);
    assert_eq!(b.state("o"), StateName::Fatal);
    let why = |b: &Bench, name| b.fleet.status(&[b.key(name)], b.now).remove(0).why.unwrap();
    assert_eq!(why(&b, "o"), "took longer than its timeout (2s)");
    b.pass(58_000);
    assert_eq!(b.state("j"), StateName::Running);
    assert_eq!(signals(&b.pass(5000)), [Sig::TERM]);
    assert_eq!(why(&b, "j"), "took longer than its timeout (5s)");
    assert_eq!(signals(&b.pass(5_000)), [Sig::CONT]);
    assert_eq!(signals(&b.pass(15_000)), [Sig::KILL]);
    b.exit("j", Exit::Signal { sig: Sig::KILL, core: false });
    assert_eq!((b.state("j"), why(&b, "j")), (StateName::Exited, "took longer than its timeout (5s)".to_owned()));
    let account = b.fleet.accounts(&[b.key("j")], b.now).remove(0);
    assert_eq!(account.because, "took longer than its timeout (5s) (killed by SIGKILL); autorestart: never");
    assert_eq!(account.runs.len(), 1);
    assert_eq!(account.runs[0].result.as_deref(), Some("took longer than 5s (killed by SIGKILL)"));
    assert_eq!((account.runs[0].took_ms, account.runs[0].time.as_str()), (Some(25_000), "2026-11-21T10:01:00.000Z"));
    assert_eq!(account.next, "next run at 2026-11-21 10:02 (in 35s)");
}

#[test]
fn a_failure_does_not_end_the_schedule() {
    let mut b = Bench::at(MORNING, "j: {cmd: x, every: 1m}, r: {cmd: x, every: 1m, autorestart: 'on-failure:1'}");
    b.pass(60_000);
    for name in ["j", "r"] {
        b.exit(name, Exit::Code(1));
    }
    assert_eq!((b.state("j"), b.state("r")), (StateName::Exited, StateName::Backoff));
    b.pass(2000);
    b.exit("r", Exit::Code(1));
    assert_eq!((b.state("r"), b.runs("r")), (StateName::Fatal, 2));
    b.pass(58_000);
    assert_eq!((b.runs("j"), b.runs("r")), (2, 3));
}

#[test]
fn the_clock_is_set() {
    let mut b = Bench::at(MORNING, "f: {cmd: x, schedule: '30 10 * * *'}, w: {cmd: x, schedule: '30 * * * *'}");
    // An hour ahead: what was skipped comes at once, unless it comes every hour anyway.
    b.set_clock(MORNING + 3600);
    b.pass(0);
    assert_eq!((b.runs("f"), b.runs("w")), (1, 0));
    assert_eq!(b.says("w"), "next run at 2026-11-21 11:30 (in 30m)");
    // Back again: it has been, and does not come again.
    b.exit("f", DONE);
    b.set_clock(MORNING);
    assert_eq!(b.says("f"), "next run at 2026-11-22 10:30 (in 1d)");
    assert_eq!(b.says("w"), "next run at 2026-11-21 10:30 (in 30m)");
    // A correction: the new time counts.
    b.set_clock(MORNING + 5 * 3600);
    b.set_clock(MORNING);
    assert_eq!(b.says("f"), "next run at 2026-11-21 10:30 (in 30m)");
    b.set_clock(MORNING + 86_400);
    b.pass(0);
    assert_eq!((b.runs("f"), b.runs("w")), (1, 0));
    assert_eq!(b.says("f"), "next run at 2026-11-22 10:30 (in 30m)");
    // A few seconds back right after a run are nothing.
    b.pass(1_800_000);
    assert_eq!((b.runs("f"), b.runs("w")), (2, 1));
    b.exit("f", DONE);
    b.exit("w", DONE);
    b.set_clock(MORNING + 86_400 + 1790);
    b.pass(15_000);
    assert_eq!((b.runs("f"), b.runs("w")), (2, 1));
}

#[test]
fn jitter_puts_off_and_keeps_the_times() {
    let programs: Vec<String> = (0..20).map(|n| format!("j{n}: {{cmd: x, every: 10, jitter: 5}}")).collect();
    let mut b = Bench::at(MORNING, &programs.join(", "));
    b.pass(10_000);
    let at_once = (0..20).filter(|n| b.runs(&format!("j{n}")) == 1).count();
    assert!(at_once < 5, "{at_once}");
    b.pass(2500);
    let later = (0..20).filter(|n| b.runs(&format!("j{n}")) == 1).count();
    assert!((4..=16).contains(&later), "{later}");
    b.pass(2500);
    assert!((0..20).all(|n| b.runs(&format!("j{n}")) == 1));
    assert!((0..1000).all(|seed| draw(seed, Duration::from_secs(5)) < Duration::from_secs(5)));
}

#[test]
fn a_reload_takes_and_leaves_schedules() {
    let mut b = Bench::at(MORNING, "j: {cmd: x, every: 10}");
    b.pass(5000);
    b.reload("j: {cmd: x, every: 10, stoptime: 3}");
    b.pass(5000);
    assert_eq!(b.runs("j"), 1);
    // What runs is let go on to its end; the times are new at once.
    let plan = b.reload("j: {cmd: y, every: 1m}");
    assert_eq!(b.says("j"), "next run at 2026-11-21 10:01:10 (in 1m)");
    assert_eq!((b.state("j"), plan.changes.len()), (StateName::Running, 1));
    b.pass(2000);
    b.exit("j", DONE);
    assert_eq!((b.state("j"), b.cmd("j")), (StateName::Exited, "y".to_owned()));
    // A job that becomes a program is started, and has no times.
    b.reload("j: {cmd: y}");
    assert_eq!((b.state("j"), b.runs("j")), (StateName::Starting, 2));
    b.reload("j: {cmd: y, schedule: '@daily'}");
    assert_eq!(b.says("j"), "next run at 2026-11-22 00:00 (in 13h59m)");
    b.stop("j");
    b.exit("j", DONE);
    b.reload("j: {cmd: z, schedule: '@hourly', run_on_start: true}");
    assert_eq!((b.state("j"), b.says("j")), (StateName::Stopped, "schedule suspended".to_owned()));
    b.reload("n: {cmd: x, every: 10, run_on_start: true}, m: {cmd: x, every: 10}");
    assert_eq!((b.runs("n"), b.runs("m")), (1, 0));
    b.reload("");
    b.exit("n", DONE);
    assert_eq!(b.fleet.next_deadline(), None);
}

#[test]
fn ten_runs_are_remembered() {
    let mut b = Bench::at(MORNING, "j: {cmd: x, every: 10}");
    b.live("j", 130, 10);
    let member = b.fleet.member(b.key("j")).unwrap();
    let runs = member.timetable.as_ref().unwrap().runs();
    assert_eq!((runs.len(), b.runs("j")), (RUNS_KEPT, 13));
    assert!(runs.iter().all(|ran| ran.exit == Some(DONE) && !ran.timed_out));
    assert!(matches!(b.fleet.status(&[b.key("j")], b.now).as_slice(), [p] if p.next.is_none() && p.as_wanted));
    let ticket = b.ticket();
    let out = b.tell(Input::Command { ticket, uid: Some(0), command: Command::Why { names: words("j") } });
    let [Action::ReplyInFull(_, Entries::Why(accounts))] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!(accounts[0].1.runs.len(), RUNS_KEPT);
    assert_eq!(accounts[0].1.because, "the job is done (exit status 0)");
}
