//! Why a process is as it is, and what happens next, in words for people.
//!
//! `next` is also what `status` says of a process that is not as wanted. Nothing here decides anything: it reads what
//! the machine has decided, and what it will decide by the same policy.

use std::time::Duration;

use crate::base::exit::Exit;
use crate::base::id::Key;
use crate::base::time::Mono;
use crate::base::units::print_duration;
use crate::config::model::{Autorestart, Hook, Policy};
use crate::control::message::{Account, CheckReport, StateName, Transition, Want};

use super::fleet::{Fleet, Member};
use super::health::{Last, Purpose};
use super::history::Entry;
use super::state::{Cause, Exec, Failure, Instance, Pressure, SPAWN_LIMIT, State, Verdict};
use super::status::{condemned, millis};

/// How long a process may take to its `execve` without a word about it.
const NORMAL_SPAWN: Duration = Duration::from_secs(1);

impl Fleet {
    /// What can be said of these members at `now`. Times of day and what is outside of the core are left open.
    #[must_use]
    pub fn accounts(&self, keys: &[Key], now: Mono) -> Vec<Account> {
        keys.iter().filter_map(|key| self.member(*key)).map(|m| self.account(m, now)).collect()
    }

    fn account(&self, member: &Member, now: Mono) -> Account {
        let transition = |entry: &Entry| Transition {
            time: String::new(),
            ago_ms: millis(now.since(entry.at)),
            from: entry.from,
            to: entry.to,
            cause: entry.to_string(),
        };
        Account {
            status: self.view(member, now),
            because: self.waits_for(member).unwrap_or_else(|| because(member, now)),
            next: self.next(member, now),
            history: member.history.entries().map(transition).collect(),
            runs: self.runs_of(member, now),
            hooks: member.hooks.iter().map(|last| last.report(now)).collect(),
            last_check: member.inst.last_check.as_deref().map(|last| report(last, now)),
            setting: None,
        }
    }

    /// What happens next: by itself, or by which command.
    pub(super) fn next(&self, member: &Member, now: Mono) -> String {
        let (inst, policy) = (&member.inst, &member.program.policy);
        let by_hand = |what: &str| {
            if self.is_shutting_down() {
                return "the daemon is shutting down".to_owned();
            }
            format!("\"start {}\" {what}", self.display_name(member))
        };
        if self.is_held(member) {
            let then = if inst.want == Want::Up { ", and then started again" } else { "" };
            return format!("is stopped when those that depend on it are down{then}");
        }
        let rests = matches!(inst.state, State::Stopped | State::Exited { .. } | State::Fatal { .. });
        match self.schedule_of(member, now).filter(|_| rests && !self.is_shutting_down()) {
            Some(schedule) if schedule.active => return schedule.to_string(),
            Some(_) => return by_hand("runs it, and it runs by its schedule again"),
            None => {}
        }
        match &inst.state {
            State::Stopped | State::Exited { .. } => by_hand("starts it"),
            State::Fatal { .. } => by_hand("tries again"),
            State::Listening => "is started by the first one".to_owned(),
            State::Waiting => self.help_for(member).unwrap_or_else(|| "starts as soon as that is there".to_owned()),
            State::Starting { exec: Exec::Preparing, .. } => "is spawned when pre_start has succeeded".to_owned(),
            State::Starting { live, exec: Exec::Pending | Exec::Failed(_) } => {
                // Most do it within milliseconds, and are not to be worried about.
                if now.since(live.spawned) < NORMAL_SPAWN {
                    return "is about to execute its program".to_owned();
                }
                let left = until(live.spawned.after(SPAWN_LIMIT), now);
                format!("has not executed its program yet, and is killed in {left} if it has not by then")
            }
            State::Starting { exec: Exec::Confirmed(_), .. } if inst.checked_by(policy).is_some() => {
                "counts as started when its readiness check succeeds".to_owned()
            }
            State::Starting { exec: Exec::Confirmed(at), .. } => {
                format!("counts as started in {}", until(at.after(policy.starttime), now))
            }
            State::Running { .. } if inst.is_unhealthy() => "is checked on (on_unhealthy: none)".to_owned(),
            State::Running { .. } => when_it_ends(policy).to_owned(),
            State::Stopping { .. } => stopping(member, now),
            State::Backoff { until: at, .. } => {
                format!("next try in {}{}", until(*at, now), number(inst, policy).unwrap_or_default())
            }
        }
    }
}

/// Why it is as it is.
fn because(member: &Member, now: Mono) -> String {
    let (inst, program) = (&member.inst, &member.program);
    match &inst.state {
        State::Stopped => match &member.asked {
            Some(asked) => format!("stopped by {asked}"),
            None if member.timetable.as_ref().is_some_and(|table| table.is_active()) => "has not run yet".to_owned(),
            None if program.autostart => "was not started yet".to_owned(),
            None => "was never started (autostart: false)".to_owned(),
        },
        State::Waiting => "waits for others".to_owned(),
        State::Listening => "waits for a connection".to_owned(),
        State::Starting { exec, .. } => {
            let how = started(member);
            match exec {
                Exec::Preparing => format!("{how}; its pre_start runs"),
                Exec::Pending => how,
                Exec::Failed(why) => format!("{how}; {why}"),
                Exec::Confirmed(_) if inst.checked_by(&program.policy).is_some() => {
                    format!("{how}; is not ready yet{}", last_wrong(inst, ": "))
                }
                Exec::Confirmed(_) => format!("{how}; has to stay up for {}", print_duration(program.policy.starttime)),
            }
        }
        State::Running { .. } if inst.is_unhealthy() => format!("unhealthy{}", last_wrong(inst, ": ")),
        State::Running { .. } => started(member),
        State::Stopping { asked, pressure, ended, .. } => {
            let ago = print_duration(whole(now.since(*asked)));
            let what = match (ended, &member.asked) {
                _ if inst.is_condemned() => condemned(member).unwrap_or_default(),
                (Some(exit), _) => what_is_left(*exit, *pressure),
                (None, Some(who)) => format!("asked to stop by {who}"),
                (None, None) => "asked to stop".to_owned(),
            };
            match pressure {
                Pressure::Gone => what,
                Pressure::Spared => format!("{what}; its pre_stop runs since {ago}"),
                Pressure::Commanded => format!("{what}; its stop_command was begun {ago} ago"),
                Pressure::First(n, _) => {
                    let sig = program.policy.stop_first.get(*n).map_or(program.policy.stopsignal, |(sig, _)| *sig);
                    format!("{what}; {sig} sent {ago} ago")
                }
                Pressure::Asked | Pressure::Continued => {
                    format!("{what}; {} sent {ago} ago", program.policy.stopsignal)
                }
                Pressure::Killed(_) => format!("{what}; did not stop in time, SIGKILL sent"),
            }
        }
        State::Backoff { why, .. } => match why {
            Some(why) => failed(member, why),
            None => "two starts are kept apart by backoff.floor".to_owned(),
        },
        State::Exited { exit, expected } => {
            let policy = &program.policy;
            match (expected, policy.autorestart) {
                (true, _) if policy.oneshot => format!("the job is done ({exit})"),
                (true, word) => format!("ended as expected ({exit}); autorestart: {}", name(word)),
                (false, word) => {
                    let what = condemned(member).unwrap_or_else(|| "ended, not expected".to_owned());
                    format!("{what} ({exit}); autorestart: {}", name(word))
                }
            }
        }
        State::Fatal { why } => match inst.tries {
            0 | 1 => format!("gave up after the first try: {why}"),
            tries => format!("gave up after {tries} tries: {why}"),
        },
    }
}

fn report(last: &Last, now: Mono) -> CheckReport {
    let purpose = match last.purpose {
        Purpose::Readiness => "readiness",
        Purpose::Health => "health",
    };
    CheckReport {
        purpose: purpose.to_owned(),
        ago_ms: millis(now.since(last.ended)),
        took_ms: millis(last.ended.since(last.began)),
        wrong: last.found.wrong.clone(),
        output: String::from_utf8_lossy(&last.found.output).into_owned(),
    }
}

/// What the last check has found wrong, behind this; nothing if it was none of the live run.
pub(super) fn last_wrong(inst: &Instance, before: &str) -> String {
    let began = inst.live().map(|live| live.spawned);
    let last = inst.last_check.as_deref().filter(|last| began.is_some_and(|began| last.began >= began));
    last.and_then(|last| last.found.wrong.as_ref()).map(|wrong| format!("{before}{wrong}")).unwrap_or_default()
}

/// How the present run came to be.
fn started(member: &Member) -> String {
    let Some(entry) = member.history.entries().rev().find(|entry| entry.to == StateName::Starting) else {
        return "started".to_owned();
    };
    match (&entry.asked, entry.from, member.inst.last_exit) {
        (Some(asked), _, _) => format!("started by {asked}"),
        (None, StateName::Waiting, _) => "started when what it waited for was there".to_owned(),
        // It had ended by itself, and was only awaited or seen to.
        (None, StateName::Stopping, Some(exit)) if !was_asked_to_stop(member) => format!("started again after {exit}"),
        (None, StateName::Stopping, _) => match &member.asked {
            Some(asked) => format!("started again by {asked}"),
            None => "started again".to_owned(),
        },
        (None, _, Some(exit)) => format!("started again after {exit}"),
        (None, _, None) => "started again".to_owned(),
    }
}

/// Whether somebody wanted the last stop.
fn was_asked_to_stop(member: &Member) -> bool {
    let began = |entry: &&Entry| entry.to == StateName::Stopping && entry.from != StateName::Stopping;
    member.history.entries().rev().find(began).is_none_or(|entry| entry.asked.is_some())
}

/// What went wrong with the last try, and which it was.
fn failed(member: &Member, why: &Failure) -> String {
    let (inst, policy) = (&member.inst, &member.program.policy);
    if why.is_resource() {
        return format!("{why}; the machine lacks something, so this does not count as a try");
    }
    let lived = inst.entered.zip(inst.last_spawn).map(|(end, begin)| end.since(begin));
    let after = match why {
        Failure::TooQuick(_) | Failure::BeforeExec(_) | Failure::EndedUnready(_) | Failure::Died(_) => {
            let told = lived.map(tenths).filter(|time| !time.is_zero());
            told.map(|time| format!(" after {}", print_duration(time))).unwrap_or_default()
        }
        Failure::Spawn { .. }
        | Failure::Cancelled
        | Failure::NoExec
        | Failure::TimedOut(_)
        | Failure::Unprepared(_)
        | Failure::NotReady(_)
        | Failure::Unhealthy(_) => String::new(),
    };
    match inst.tries {
        0 => format!("ended soon after its start, {} times in a row: {why}{after}", inst.quick),
        tries => format!("try {tries}{} failed: {why}{after}", of(policy)),
    }
}

/// Which try the next one is: ` (3 of 4)`. `None` where tries are not counted, or there is no end to them.
fn number(inst: &Instance, policy: &Policy) -> Option<String> {
    let counts = match &inst.state {
        State::Backoff { why: Some(why), .. } => !why.is_resource() && inst.tries > 0,
        State::Backoff { why: None, .. }
        | State::Stopped
        | State::Waiting
        | State::Listening
        | State::Starting { .. }
        | State::Running { .. }
        | State::Stopping { .. }
        | State::Exited { .. }
        | State::Fatal { .. } => false,
    };
    let all = u64::from(policy.startretries?) + 1;
    counts.then(|| format!(" ({} of {all})", u64::from(inst.tries) + 1))
}

/// ` of 4`, if there is a limit.
fn of(policy: &Policy) -> String {
    policy.startretries.map(|retries| format!(" of {}", u64::from(retries) + 1)).unwrap_or_default()
}

fn stopping(member: &Member, now: Mono) -> String {
    let inst = &member.inst;
    let then = match (member.retiring, inst.want, &inst.state) {
        (true, _, _) => ", then it is removed",
        // What ended by itself or took too long is judged when nothing is left of it.
        (false, _, State::Stopping { cause: Cause::Leftovers(Verdict::TimedOut(_) | Verdict::Unhealthy(_)), .. }) => "",
        (false, _, State::Stopping { ended: Some(_), .. }) => "",
        (false, Want::Up, _) => ", then it is started again",
        (false, Want::Down, _) => "",
    };
    let waits_for = |hook: Hook, what: &str| format!("{what} when {} is over{then}", hook.key());
    match inst.kill_at(&member.program.policy) {
        Some(at) => format!("SIGKILL in {}{then}", until(at, now)),
        None if is_pressed(inst, Pressure::Spared) => waits_for(Hook::PreStop, "asked to stop"),
        None if is_pressed(inst, Pressure::Gone) => waits_for(Hook::PostStop, "down"),
        None => format!("waits until the kernel lets it go{then}"),
    }
}

fn is_pressed(inst: &Instance, by: Pressure) -> bool {
    matches!(inst.state, State::Stopping { pressure, .. } if pressure == by)
}

/// What is still there of a process whose leader is gone.
pub(super) fn what_is_left(exit: Exit, pressure: Pressure) -> String {
    match pressure {
        Pressure::Gone => format!("it is gone ({exit}), its post_stop runs"),
        Pressure::Spared
        | Pressure::First(..)
        | Pressure::Commanded
        | Pressure::Asked
        | Pressure::Continued
        | Pressure::Killed(_) => format!("its leader is gone ({exit}), members of its process group are left"),
    }
}

fn when_it_ends(policy: &Policy) -> &'static str {
    match (policy.autorestart, policy.oneshot) {
        (Autorestart::Never, _) => "stays down when it ends (autorestart: never)",
        (Autorestart::Always, false) => "started again whenever it ends (autorestart: always)",
        (Autorestart::Unexpected, _) | (Autorestart::Always, true) => {
            "started again if it ends with a status that is not in exitcodes"
        }
    }
}

fn name(autorestart: Autorestart) -> &'static str {
    match autorestart {
        Autorestart::Always => "always",
        Autorestart::Never => "never",
        Autorestart::Unexpected => "unexpected",
    }
}

/// A time to come in whole seconds, rounded up: what is not yet there is not `0s`.
fn until(at: Mono, now: Mono) -> String {
    print_duration(Duration::from_secs(millis(at.since(now)).div_ceil(1000)))
}

fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

fn tenths(time: Duration) -> Duration {
    Duration::from_millis(millis(time) / 100 * 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::exit::Exit;
    use crate::base::signal::Sig;
    use crate::control::message::Wait;
    use crate::supervise::event::{Command, Input};
    use crate::supervise::reload::tests::{Bench, config, words};

    impl Bench {
        fn why(&self, name: &str) -> (String, String) {
            let account = self.fleet.accounts(&[self.key(name)], self.now).remove(0);
            let status = account.status;
            assert_eq!(status.next, (!status.as_wanted).then(|| account.next.clone()));
            (account.because, account.next)
        }

        fn changes(&self, name: &str) -> Vec<String> {
            let account = self.fleet.accounts(&[self.key(name)], self.now).remove(0);
            let line = |t: &Transition| format!("{} {}: {}", t.ago_ms, t.to.text(), t.cause);
            account.history.iter().map(line).collect()
        }

        fn start(&mut self, name: &str) {
            let ticket = self.ticket();
            let command = Command::Start { names: words(name), wait: Wait::No };
            self.tell(Input::Command { ticket, uid: Some(7), command });
        }
    }

    fn pair(because: &str, next: &str) -> (String, String) {
        (because.to_owned(), next.to_owned())
    }

    #[test]
    fn what_is_down_says_why_and_how_it_comes_up() {
        let mut b = Bench::new("a: {cmd: x}, b: {cmd: x, autostart: false, numprocs: 2}");
        let never = "was never started (autostart: false)";
        assert_eq!(b.why("b:b_01"), pair(never, "\"start b:b_01\" starts it"));
        b.pass(2000);
        b.stop("a");
        b.pass(1500);
        let term = "asked to stop by \"stop\" from uid 0; SIGTERM sent 1s ago";
        assert_eq!(b.why("a"), pair(term, "SIGKILL in 9s"));
        b.pass(9000);
        let killed = "asked to stop by \"stop\" from uid 0; did not stop in time, SIGKILL sent";
        assert_eq!(b.why("a"), pair(killed, "waits until the kernel lets it go"));
        b.start("a");
        assert_eq!(b.why("a").1, "waits until the kernel lets it go, then it is started again");
        b.stop("a");
        b.exit("a", Exit::Signal { sig: Sig::KILL, core: false });
        assert_eq!(b.why("a"), pair("stopped by \"stop\" from uid 0", "\"start a\" starts it"));
        assert_eq!(
            b.changes("a"),
            [
                "12500 STARTING: by autostart",
                "10500 RUNNING: started",
                "10500 STOPPING: stopping: SIGTERM sent; by \"stop\" from uid 0",
                "0 STOPPING: did not stop in time: SIGKILL sent",
                "0 STOPPED: exited: killed by SIGKILL",
            ]
        );
    }

    #[test]
    fn failed_tries_are_counted() {
        let mut b = Bench::new("a: {cmd: x, startretries: 1}, u: {cmd: x, startretries: unlimited}");
        let first = "started by autostart; has to stay up for 1s";
        assert_eq!(b.why("a"), pair(first, "counts as started in 1s"));
        b.pass(250);
        b.exit("a", Exit::Code(1));
        b.exit("u", Exit::Code(1));
        let failed = "failed: exited too quickly (exit status 1) after 200ms";
        assert_eq!(b.why("a"), (format!("try 1 of 2 {failed}"), "next try in 1s (2 of 2)".to_owned()));
        assert_eq!(b.why("u"), (format!("try 1 {failed}"), "next try in 1s".to_owned()));
        b.pass(1000);
        assert_eq!(b.why("a").0, "started again after exit status 1; has to stay up for 1s");
        b.exit("a", Exit::Code(1));
        let gave_up = "gave up after 2 tries: exited too quickly (exit status 1)";
        assert_eq!(b.why("a"), pair(gave_up, "\"start a\" tries again"));
        b.tell(Input::Shutdown);
        assert_eq!(b.why("a").1, "the daemon is shutting down");
    }

    #[test]
    fn what_ends_by_itself_is_judged() {
        let mut b = Bench::new(
            "n: {cmd: x, autorestart: never}, o: {cmd: x, oneshot: true}, u: {cmd: x}, w: {cmd: x, autorestart: always}",
        );
        b.pass(2000);
        assert_eq!(
            b.why("u"),
            pair("started by autostart", "started again if it ends with a status that is not in exitcodes")
        );
        assert_eq!(b.why("w").1, "started again whenever it ends (autorestart: always)");
        for name in ["n", "u"] {
            b.exit(name, Exit::Code(0));
        }
        b.exit("o", Exit::Code(0));
        assert_eq!(b.why("u").0, "ended as expected (exit status 0); autorestart: unexpected");
        assert_eq!(b.why("o").0, "the job is done (exit status 0)");
        b.start("n");
        b.pass(2000);
        assert_eq!(b.why("n").0, "started by \"start\" from uid 7");
        b.exit("n", Exit::Code(3));
        assert_eq!(
            b.why("n"),
            pair("ended, not expected (exit status 3); autorestart: never", "\"start n\" starts it")
        );
        b.exit("w", Exit::Code(1));
        b.pass(2000);
        assert_eq!(b.why("w").0, "started again after exit status 1");
    }

    #[test]
    fn a_birth_that_hangs_is_told() {
        let mut fleet = Fleet::new(config("a: {cmd: x}"));
        fleet.handle(Input::Boot, Mono(0), &mut Vec::new());
        let key = fleet.chosen(&words("a")).unwrap()[0];
        let next = |ms: u64| fleet.accounts(&[key], Mono(ms * 1_000_000)).remove(0).next;
        assert_eq!(next(10), "is about to execute its program");
        assert_eq!(next(20_000), "has not executed its program yet, and is killed in 40s if it has not by then");
    }

    #[test]
    fn what_is_removed_says_so() {
        let mut b = Bench::new("a: {cmd: x}");
        b.pass(2000);
        b.reload("b: {cmd: x}");
        assert_eq!(
            b.why("a"),
            pair("asked to stop by a reload; SIGTERM sent 0s ago", "SIGKILL in 10s, then it is removed")
        );
    }
}
