//! When a program runs that is a job: its schedule.

use std::time::Duration;

use crate::base::cron::Cron;
use crate::base::zone::Zone;

/// `schedule` or `every`, and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// `schedule` or `every`: when it runs.
    pub when: When,
    /// `timezone`: whose calendar it goes by.
    pub zone: Zone,
    /// `overlap`: what happens if the last run is not over when the next is due.
    pub overlap: Overlap,
    /// `jitter`: each run is put off by a random time up to this.
    pub jitter: Duration,
    /// `run_on_start`: it runs at once when the schedule becomes active, too.
    pub run_on_start: bool,
}

impl Schedule {
    /// A schedule with every default.
    #[must_use]
    pub fn new(when: When) -> Schedule {
        Schedule { when, zone: Zone::utc(), overlap: Overlap::Skip, jitter: Duration::ZERO, run_on_start: false }
    }
}

/// When a job runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// `schedule`: by the calendar and the wall clock.
    Calendar(Cron),
    /// `every`: again and again after this time, whatever the wall clock says.
    Every(Duration),
}

/// What happens if the last run of a job is not over when the next is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// The next one does not take place.
    Skip,
    /// The next one begins as soon as the last is over. One run waits at most.
    Queue,
    /// The last one is stopped, then the next one begins.
    Kill,
}

impl Overlap {
    /// All of them by the names that `overlap` takes.
    pub const NAMES: [(&'static str, Overlap); 3] =
        [("skip", Overlap::Skip), ("queue", Overlap::Queue), ("kill", Overlap::Kill)];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Overlap::Skip => "skip",
            Overlap::Queue => "queue",
            Overlap::Kill => "kill",
        }
    }
}
