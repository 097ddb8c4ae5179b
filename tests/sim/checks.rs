//! Checks in the world's own books: what was begun, what it found, and what that means by Docker's rules, worked out
//! anew from the times alone.

use std::time::Duration;

use taskmaster::base::id::{Key, Run};
use taskmaster::base::time::Mono;
use taskmaster::config::model::{Check, OnUnhealthy, Policy, Probe};
use taskmaster::control::message::{Health, StateName};
use taskmaster::supervise::event::{Fact, Input};
use taskmaster::supervise::health::{CheckNumber, Found, Purpose};

use super::bugs::Bug;
use super::chance::Dice;
use super::{Finding, MS, World};

/// How late the loop may be.
const LATE: u64 = 500 * MS;

/// The checks of one run for one purpose.
#[derive(Clone, Debug)]
pub(super) struct Book {
    run: Run,
    purpose: Purpose,
    /// By what is checked. Once it changes, the times are not foretold any more.
    check: Check,
    since: u64,
    last_end: Option<u64>,
    made: u32,
    good: bool,
    bad: bool,
    streak: u32,
}

/// A check that was begun and not answered.
#[derive(Clone, Debug)]
pub(super) struct UnderWay {
    run: Run,
    number: CheckNumber,
    begun: u64,
    /// When it is answered; `None` is never, unless it is told to end.
    answer: Option<u64>,
    wrong: bool,
    told_to_end: bool,
}

pub(super) fn random_checks(dice: &mut Dice, policy: &mut Policy) {
    let ms = |dice: &mut Dice, of: &[u64]| Duration::from_millis(dice.pick(of));
    let mut some = |readiness: bool| {
        let probe = dice.pick(&[Probe::Tcp("x".to_owned()), Probe::Notify]);
        let check = Check {
            interval: ms(dice, &[300, 1000, 3000]),
            timeout: ms(dice, &[200, 2000]),
            start_period: ms(dice, &[0, 1500, 4000]),
            start_interval: ms(dice, &[100, 700]),
            retries: dice.pick(&[1, 2, 3]),
            ..Check::health(probe)
        };
        dice.chance(if readiness { 25 } else { 40 }).then(|| Box::new(check))
    };
    (policy.readiness, policy.healthcheck) = (some(true), some(false));
    policy.on_unhealthy = dice.pick(&OnUnhealthy::NAMES).1;
}

impl World {
    /// When the next check is answered.
    pub(super) fn next_answer(&self) -> Option<u64> {
        self.under_way.values().flatten().filter_map(|check| check.answer).min()
    }

    /// The core wants a run checked.
    pub(super) fn begin_check(&mut self, key: Key, run: Run, purpose: Purpose, number: CheckNumber) -> Finding {
        let all = self.under_way.entry(key).or_default();
        if all.iter().any(|other| other.number == number) {
            return Err("a check's number was used twice".to_owned());
        }
        // One that the configuration has no more may still be on its way to its end.
        let changed = self.policy_changed;
        if all.iter().any(|other| other.run == run && !(other.told_to_end && changed >= other.begun)) {
            return Err("two checks of a run at once".to_owned());
        }
        let Some(member) = self.fleet.member(key) else { return Err("a check of nobody".to_owned()) };
        let state = match purpose {
            Purpose::Readiness => StateName::Starting,
            Purpose::Health => StateName::Running,
        };
        if (member.inst.name(), member.inst.live().map(|live| live.run)) != (state, Some(run)) {
            // What follows from the same input ends it again.
            let check = UnderWay { run, number, begun: self.now, answer: None, wrong: false, told_to_end: false };
            self.under_way.entry(key).or_default().push(check);
            return Ok(());
        }
        let Some(check) = purpose.of(&member.program.policy) else { return Err("a check of no kind".to_owned()) };
        let since = match purpose {
            Purpose::Readiness => self.executed.get(&key).copied().unwrap_or(0),
            Purpose::Health => member.inst.entered.map_or(0, |at| at.0),
        };
        let new = Book {
            run,
            purpose,
            check: check.clone(),
            since,
            last_end: None,
            made: 0,
            good: false,
            bad: false,
            streak: 0,
        };
        let book = self.books.entry(key).or_insert_with(|| new.clone());
        if (book.run, book.purpose) != (run, purpose) {
            *book = new;
        }
        // What has changed meanwhile changes the times in ways that are not foretold.
        if book.check == *check && self.policy_changed <= book.since {
            let pause = book.pause();
            let due = book.last_end.unwrap_or(book.since) + u64::try_from(pause.as_nanos()).unwrap();
            if self.now < due || self.now > due + LATE {
                return Err(format!("a {} is {} ms off", purpose.text(), self.now.abs_diff(due) / MS));
            }
        }
        book.made += 1;
        let hangs = self.dice.chance(10);
        let answer = (!hangs).then(|| self.now + self.dice.ms(400));
        let wrong = self.dice.chance(if book.good { 30 } else { 60 });
        let check = UnderWay { run, number, begun: self.now, answer, wrong, told_to_end: false };
        self.under_way.entry(key).or_default().push(check);
        self.note(if purpose == Purpose::Health { "health check" } else { "readiness check" });
        Ok(())
    }

    pub(super) fn end_check(&mut self, key: Key, number: CheckNumber) -> Finding {
        if self.has(Bug::LetsALateCheckGoOn) {
            return Ok(());
        }
        let answer = self.now + self.dice.ms(20);
        let found = self.under_way.get_mut(&key).and_then(|all| all.iter_mut().find(|c| c.number == number));
        let Some(check) = found else { return Err("told a check to end that is not under way".to_owned()) };
        if check.told_to_end {
            return Err("told a check to end twice".to_owned());
        }
        check.told_to_end = true;
        check.answer = Some(check.answer.map_or(answer, |at| at.min(answer)));
        Ok(())
    }

    /// Tells what the checks of a process have found by now.
    pub(super) fn answer_checks(&mut self, key: Key) -> Finding {
        loop {
            let Some(all) = self.under_way.get_mut(&key) else { return Ok(()) };
            let Some(at) = all.iter().position(|check| check.answer.is_some_and(|at| at <= self.now)) else {
                return Ok(());
            };
            let check = all.remove(at);
            self.answer_check(key, &check)?;
        }
    }

    fn answer_check(&mut self, key: Key, check: &UnderWay) -> Finding {
        if self.once(Bug::LosesAFailedCheck, 20) && check.wrong {
            return Ok(());
        }
        let wrong = check.wrong && !self.has(Bug::FindsEverythingWell);
        let found = Found { wrong: wrong.then(|| "x".to_owned()), output: Vec::new() };
        let counts = self.counts(key, check);
        self.tell(Input::Fact(key, check.run, Fact::Checked(check.number, found.clone())))?;
        let before = self.all_status();
        self.tell(Input::Fact(key, check.run, Fact::Checked(check.number, found)))?;
        if self.all_status() != before {
            return Err("an answer that came twice changed something".to_owned());
        }
        if counts { self.verdict(key, check) } else { Ok(()) }
    }

    /// Whether the answer is about a run that is still in the state in which it was asked for.
    fn counts(&self, key: Key, check: &UnderWay) -> bool {
        let (Some(member), Some(book)) = (self.fleet.member(key), self.books.get(&key)) else { return false };
        let by = member.inst.checked_by(&member.program.policy);
        let live = member.inst.live().map(|live| live.run);
        let same = by.is_some_and(|(purpose, by)| purpose == book.purpose && *by == book.check);
        live == Some(check.run)
            && book.run == check.run
            && check.begun >= book.since
            && same
            && self.policy_changed <= book.since
    }

    /// Holds what has become of a process against what an answer means.
    fn verdict(&mut self, key: Key, check: &UnderWay) -> Finding {
        let Some(book) = self.books.get_mut(&key) else { return Ok(()) };
        book.last_end = Some(self.now);
        let late = check.told_to_end;
        let was_bad = book.bad;
        book.take(check.wrong || late, Duration::from_nanos(check.begun - book.since));
        let Some(member) = self.fleet.member(key) else { return Ok(()) };
        let (state, policy) = (member.inst.name(), &member.program.policy);
        let is = (state, member.inst.health(policy));
        let up = match book.purpose {
            Purpose::Readiness if book.good => is.0 == StateName::Running,
            Purpose::Readiness => (is.0 == StateName::Starting) != book.bad,
            Purpose::Health => {
                let should = match (book.good, book.bad) {
                    (_, true) => Health::Unhealthy,
                    (true, false) => Health::Healthy,
                    (false, false) => Health::Starting,
                };
                let stays = !book.bad || was_bad || policy.on_unhealthy == OnUnhealthy::None;
                if stays { is == (StateName::Running, Some(should)) } else { is.0 == StateName::Stopping }
            }
        };
        if book.bad && !was_bad {
            self.seen.insert("a verdict against a process");
        }
        if up {
            Ok(())
        } else {
            Err(format!("{is:?} after a check, but by the rules it is {:?}", self.books.get(&key)))
        }
    }

    /// Nothing hangs: a check that is too late has been told to end.
    pub(super) fn no_check_hangs(&self) -> Finding {
        for (key, all) in &self.under_way {
            let Some(member) = self.fleet.member(*key) else { continue };
            let by = member.inst.checked_by(&member.program.policy);
            for check in all.iter().filter(|check| !check.told_to_end && Some(check.run) == run_of(self, *key)) {
                let Some((purpose, by)) = by else {
                    match member.inst.name() {
                        StateName::Starting | StateName::Running => continue,
                        state => return Err(format!("a check goes on in {state:?}")),
                    }
                };
                let forever = purpose == Purpose::Readiness && by.probe.is_sign();
                let limit = if forever { by.start_period + by.timeout } else { by.timeout };
                if Mono(self.now).since(Mono(check.begun)) > limit + Duration::from_nanos(LATE) {
                    return Err("a check that is late was not told to end".to_owned());
                }
            }
            let ended = |check: &UnderWay| !check.told_to_end && Some(check.run) != run_of(self, *key);
            if all.iter().any(ended) {
                return Err("a check goes on although its run is over".to_owned());
            }
        }
        Ok(())
    }
}

fn run_of(world: &World, key: Key) -> Option<Run> {
    world.fleet.member(key)?.inst.live().map(|live| live.run)
}

impl Book {
    /// How long after the last check, or after the beginning, the next one is due.
    fn pause(&self) -> Duration {
        let since = self.last_end.unwrap_or(self.since) - self.since;
        let starting = !self.good && !self.bad && Duration::from_nanos(since) < self.check.start_period;
        let pause = if starting { self.check.start_interval } else { self.check.interval };
        let of = match (self.purpose, self.made) {
            (Purpose::Health, _) => 1,
            (Purpose::Readiness, 0) => return Duration::ZERO,
            (Purpose::Readiness, 1) => 16,
            (Purpose::Readiness, 2) => 8,
            (Purpose::Readiness, 3) => 4,
            (Purpose::Readiness, 4) => 2,
            (Purpose::Readiness, _) => 1,
        };
        pause / of
    }

    /// A check that began so long after the beginning was good or not.
    fn take(&mut self, wrong: bool, after: Duration) {
        if !wrong {
            (self.good, self.bad, self.streak) = (true, false, 0);
            return;
        }
        let sign = self.purpose == Purpose::Readiness && self.check.probe.is_sign();
        let forgiven = !self.good && !self.bad && after < self.check.start_period;
        if sign || !forgiven {
            self.streak += 1;
            self.bad |= sign || self.streak >= self.check.retries;
        }
    }
}
