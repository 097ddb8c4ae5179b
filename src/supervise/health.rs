//! Checks of a process: when the next one is due, and what its result means.
//!
//! A run that is to become ready is checked until it is; from then on it is checked for its health. Both go by the same
//! times, which have the meaning that they have with Docker: the time between two checks counts from the end of the
//! first, and a failure that begins within `start_period` does not count until a check has succeeded. A check that is
//! late is ended by the shell, and still answered, so two checks of a process never overlap.

use std::time::Duration;

use crate::base::time::Mono;
use crate::base::units::print_duration;
use crate::config::model::{Check, Policy};
use crate::control::message::Health;

use super::state::{Exec, Instance, State};

/// What a check is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Whether the process counts as started.
    Readiness,
    /// Whether it is well.
    Health,
}

impl Purpose {
    /// The check of a policy for this purpose.
    #[must_use]
    pub fn of(self, policy: &Policy) -> Option<&Check> {
        match self {
            Purpose::Readiness => policy.readiness.as_deref(),
            Purpose::Health => policy.healthcheck.as_deref(),
        }
    }

    /// `readiness check`, as a sentence begins with it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Purpose::Readiness => "readiness check",
            Purpose::Health => "health check",
        }
    }
}

/// Which check of an instance it is: none is used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckNumber(pub u32);

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What is wrong, for people: `exit status 1`, `connection refused`; `None` if nothing is.
    pub wrong: Option<String>,
    /// The end of what it printed, at most [`OUTPUT_KEPT`] bytes.
    pub output: Vec<u8>,
}

/// How many bytes of a check's output are kept. Docker keeps as much.
pub const OUTPUT_KEPT: usize = 4096;

/// The last check of an instance that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Last {
    /// What it was for.
    pub purpose: Purpose,
    /// When it began.
    pub began: Mono,
    /// When it ended.
    pub ended: Mono,
    /// What it found.
    pub found: Found,
}

/// The checks of one run for one purpose.
#[derive(Clone, Debug, PartialEq)]
pub struct Checks {
    /// What they are for.
    pub purpose: Purpose,
    /// When they began: their start period counts from here.
    pub began: Mono,
    /// What they have found so far.
    pub health: Health,
    /// Failures in a row that count.
    pub streak: u32,
    /// How many were made.
    made: u32,
    phase: Phase,
}

/// Between two checks, or in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// None is under way since then.
    Pause(Mono),
    /// One is, since then.
    Busy(Mono, CheckNumber),
    /// One is, since then, and was told to end because it was late.
    Late(Mono, CheckNumber),
}

/// What is to be done when time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Begin a check.
    Begin,
    /// End the one under way: it is late.
    End(CheckNumber),
}

/// What the result of a check means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing new.
    Nothing,
    /// It is ready, or well, and was not before.
    Good,
    /// A failure that counts, but is not yet the verdict.
    Failed(String),
    /// It is not ready in time, or not well any more, and was not so before.
    Bad(String),
}

impl Checks {
    /// Checks for a purpose that begin now.
    #[must_use]
    pub fn new(purpose: Purpose, now: Mono) -> Checks {
        Checks { purpose, began: now, health: Health::Starting, streak: 0, made: 0, phase: Phase::Pause(now) }
    }

    /// The check that is under way and has not been told to end.
    #[must_use]
    pub fn busy(&self) -> Option<CheckNumber> {
        match self.phase {
            Phase::Busy(_, number) => Some(number),
            Phase::Pause(_) | Phase::Late(..) => None,
        }
    }

    /// When the next move is due; `None` while the end of a late check is awaited.
    #[must_use]
    pub fn due(&self, check: &Check) -> Option<Mono> {
        match self.phase {
            Phase::Pause(since) => Some(since.after(self.pause(check, since))),
            Phase::Busy(since, _) => Some(since.after(self.limit(check))),
            Phase::Late(..) => None,
        }
    }

    /// The time from the end of a check to the beginning of the next.
    fn pause(&self, check: &Check, since: Mono) -> Duration {
        let starting = self.health == Health::Starting && since.since(self.began) < check.start_period;
        let pause = if starting { check.start_interval } else { check.interval };
        match (self.purpose, self.made) {
            (Purpose::Health, _) => pause,
            // Others wait for a process to be ready, and many are at once: it is looked at at once, and then soon.
            (Purpose::Readiness, 0) => Duration::ZERO,
            (Purpose::Readiness, made) => pause / 2_u32.pow(5_u32.saturating_sub(made)),
        }
    }

    /// How long a check may take. That for a sign of readiness lasts for the whole of the start.
    fn limit(&self, check: &Check) -> Duration {
        match self.purpose {
            Purpose::Readiness if check.probe.is_sign() => check.start_period.saturating_add(check.timeout),
            Purpose::Readiness | Purpose::Health => check.timeout,
        }
    }

    /// Time has passed: what is due, if anything. A check that begins has this number.
    pub fn tick(&mut self, check: &Check, number: CheckNumber, now: Mono) -> Option<Move> {
        if self.due(check).is_none_or(|at| at > now) {
            return None;
        }
        match self.phase {
            Phase::Pause(_) => {
                self.made = self.made.saturating_add(1);
                self.phase = Phase::Busy(now, number);
                Some(Move::Begin)
            }
            Phase::Busy(since, number) => {
                self.phase = Phase::Late(since, number);
                Some(Move::End(number))
            }
            Phase::Late(..) => None,
        }
    }

    /// The check with this number has ended. What that means, and what is to be kept of it; `None` if it is another.
    pub fn ended(
        &mut self,
        check: &Check,
        number: CheckNumber,
        mut found: Found,
        now: Mono,
    ) -> Option<(Meaning, Last)> {
        let since = match self.phase {
            Phase::Busy(since, busy) if busy == number => since,
            Phase::Late(since, late) if late == number => {
                let limit = print_duration(self.limit(check));
                found.wrong = Some(match found.wrong {
                    // What did not come says more than that it was late.
                    Some(missing) if check.probe.is_sign() => format!("{missing} within {limit}"),
                    Some(_) | None => format!("took longer than its timeout ({limit})"),
                });
                since
            }
            Phase::Pause(_) | Phase::Busy(..) | Phase::Late(..) => return None,
        };
        self.phase = Phase::Pause(now);
        let meaning = match &found.wrong {
            None => self.succeeded(),
            Some(wrong) => self.failed(check, wrong, since),
        };
        Some((meaning, Last { purpose: self.purpose, began: since, ended: now, found }))
    }

    fn succeeded(&mut self) -> Meaning {
        self.streak = 0;
        if self.health == Health::Healthy {
            return Meaning::Nothing;
        }
        self.health = Health::Healthy;
        Meaning::Good
    }

    fn failed(&mut self, check: &Check, wrong: &str, since: Mono) -> Meaning {
        let awaited = self.purpose == Purpose::Readiness && check.probe.is_sign();
        let forgiven = self.health == Health::Starting && since.since(self.began) < check.start_period && !awaited;
        if forgiven || self.health == Health::Unhealthy {
            return Meaning::Nothing;
        }
        self.streak = self.streak.saturating_add(1);
        if self.streak < check.retries && !awaited {
            return Meaning::Failed(wrong.to_owned());
        }
        self.health = Health::Unhealthy;
        Meaning::Bad(wrong.to_owned())
    }
}

impl Instance {
    /// The check that its present state calls for. A job is ready when it runs: only its end says more.
    #[must_use]
    pub fn checked_by<'p>(&self, policy: &'p Policy) -> Option<(Purpose, &'p Check)> {
        let purpose = match &self.state {
            State::Starting { exec: Exec::Confirmed(_), .. } if !policy.oneshot => Purpose::Readiness,
            State::Running { .. } => Purpose::Health,
            State::Starting { .. }
            | State::Stopped
            | State::Waiting
            | State::Listening
            | State::Stopping { .. }
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Fatal { .. } => return None,
        };
        purpose.of(policy).map(|check| (purpose, check))
    }

    /// When the next move of its checks is due: at once, if they have not begun.
    #[must_use]
    pub fn check_due(&self, policy: &Policy) -> Option<Mono> {
        let (purpose, check) = self.checked_by(policy)?;
        match &self.checks {
            Some(checks) if checks.purpose == purpose => checks.due(check),
            Some(_) | None => Some(Mono::default()),
        }
    }

    /// How it is, as far as it is checked for that.
    #[must_use]
    pub fn health(&self, policy: &Policy) -> Option<Health> {
        let (purpose, _) = self.checked_by(policy)?;
        let checks = self.checks.as_deref().filter(|checks| checks.purpose == purpose);
        (purpose == Purpose::Health).then(|| checks.map_or(Health::Starting, |checks| checks.health))
    }
}

#[cfg(test)]
mod tests;
