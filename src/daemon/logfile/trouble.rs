//! A log file that cannot be written: since when, when it is tried again, what was dropped.

use std::path::Path;
use std::time::Duration;

use crate::base::time::Mono;

use super::fact::{Failure, LogFact};
use crate::base::errno::plain;

/// The first and the longest time between two tries.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(10);
/// The first time between two tries where there is merely no room at the moment.
const CONGESTION_RETRY: Duration = Duration::from_millis(10);
/// How long there may be no room before that is called a failure.
const CONGESTION: Duration = Duration::from_secs(1);
/// How long the output waits in a full pipe before it is dropped.
pub(super) const HOLD: Duration = Duration::from_secs(30);

/// The state of a failure that lasts.
#[derive(Debug)]
pub(super) struct Trouble {
    pub since: Mono,
    /// Since when not a single byte could be written.
    stuck_since: Mono,
    pub retry_at: Mono,
    delay: Duration,
    /// Of the last try.
    pub error: String,
    /// Its beginning has been told as a fact, so its end is to be.
    pub announced: bool,
    /// That output is dropped has been told as a fact.
    pub dropping: bool,
    /// Bytes dropped in all.
    pub dropped: u64,
    /// Bytes dropped of which the log does not say so yet.
    pub unmarked: u64,
}

impl Trouble {
    pub fn new(now: Mono) -> Trouble {
        Trouble {
            since: now,
            stuck_since: now,
            retry_at: now,
            delay: Duration::ZERO,
            error: String::new(),
            announced: false,
            dropping: false,
            dropped: 0,
            unmarked: 0,
        }
    }

    /// Takes note that some bytes could be written before it failed again.
    pub fn progressed(&mut self, now: Mono) {
        self.stuck_since = now;
        self.delay = Duration::ZERO;
    }

    /// Takes note of a failed try.
    pub fn failed(&mut self, failure: &Failure, path: &Path, now: Mono, facts: &mut Vec<LogFact>) {
        let first = if failure.is_congestion() { CONGESTION_RETRY } else { RETRY };
        self.delay = (self.delay * 2).clamp(first, RETRY_LONGEST);
        self.retry_at = now.after(self.delay);
        self.error = plain(&failure.error);
        if !self.announced && (!failure.is_congestion() || now.since(self.stuck_since) >= CONGESTION) {
            self.announced = true;
            let (path, error) = (path.to_owned(), self.error.clone());
            facts.push(LogFact::Failing { path, step: failure.step, error });
        }
    }

    /// Counts output that was dropped.
    pub fn drop_bytes(&mut self, count: usize, path: &Path, facts: &mut Vec<LogFact>) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.dropped = self.dropped.saturating_add(count);
        self.unmarked = self.unmarked.saturating_add(count);
        if !self.dropping {
            self.dropping = true;
            facts.push(LogFact::Dropping { path: path.to_owned(), error: self.error.clone() });
        }
    }

    /// Whether it has lasted so long that a program that cannot go on is let go on.
    pub fn is_long(&self, now: Mono) -> bool {
        now.since(self.stuck_since) >= HOLD
    }

    /// When something is to be done about it next.
    pub fn next(&self, now: Mono) -> Mono {
        let long = self.stuck_since.after(HOLD);
        if now < long { self.retry_at.min(long) } else { self.retry_at }
    }
}
