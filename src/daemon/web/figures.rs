//! What is counted for Prometheus, from what happens to processes, to logs and in the loop.

use std::time::Duration;

use crate::base::time::{Mono, Wall};
use crate::control::message::Response;
use crate::daemon::clock;
use crate::daemon::logfile::LogFact;
use crate::daemon::run::Daemon;
use crate::supervise::action::{Happening, Note};
use crate::sys::{limits, usage};
use crate::web::metrics::{self, Meters, Own, Step, Written};

use super::Web;

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) meters: Meters,
    started: Wall,
    log_rotations: u64,
}

impl Figures {
    /// Nothing yet.
    pub(super) fn new() -> Figures {
        Figures { started: clock::wall(), ..Figures::default() }
    }
}

impl Web {
    /// Takes note of what has happened to a process.
    pub fn note(&mut self, happening: &Happening, now: Mono) {
        if self.listeners.is_empty() {
            return;
        }
        for step in steps(&happening.note) {
            self.figures.meters.note(&happening.name, *step, now);
        }
    }

    /// Takes note of what has happened to a log file.
    pub fn note_log(&mut self, fact: &LogFact) {
        match fact {
            LogFact::Rotated { .. } => self.figures.log_rotations += 1,
            LogFact::Failing { .. }
            | LogFact::Dropping { .. }
            | LogFact::Recovered { .. }
            | LogFact::GivenUp { .. }
            | LogFact::RotationFailed { .. }
            | LogFact::Removed { .. }
            | LogFact::CleanupFailed { .. } => {}
        }
    }

    /// Whether it is to be told how long the turns of the loop take.
    #[must_use]
    pub fn times_turns(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// Takes note of how long a turn took.
    pub fn turned(&mut self, took: Duration) {
        self.figures.meters.turns.add(took);
    }
}

impl Daemon {
    /// What Prometheus is told.
    pub(super) fn figures(&mut self, response: &Response) -> Vec<u8> {
        let Response::Status(processes) = response else { return Vec::new() };
        let own = usage::of_this_process();
        let Wall { secs, nanos } = self.web.figures.started;
        #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 and milliseconds of CPU time are small")]
        let own = Own {
            started: secs as f64 + f64::from(nanos / 1_000_000) / 1000.0,
            open_fds: own.fds.unwrap_or(0),
            max_fds: limits::open_files().map_or(0, |limit| limit.soft),
            rss_bytes: own.rss_bytes,
            cpu_seconds: own.cpu_ms as f64 / 1000.0,
            log_bytes: self.files.moved().written,
            log_dropped: self.files.moved().dropped,
            log_rotations: self.web.figures.log_rotations,
            connections: self.web.all.len() as u64,
        };
        let written = self.outputs.moved().into_iter().filter_map(|((key, stream), moved)| {
            let process = self.fleet.display_name(self.fleet.member(key)?);
            Some(Written { process, stream, bytes: moved.written, dropped: moved.dropped })
        });
        let written: Vec<Written> = written.collect();
        metrics::write(&mut self.web.figures.meters, processes, &written, &own)
    }
}

/// What counts of something that has happened.
fn steps(note: &Note) -> &'static [Step] {
    match note {
        Note::Spawned { .. } => &[Step::Spawned],
        Note::Running => &[Step::Running],
        Note::Unhealthy { .. } => &[Step::Unhealthy, Step::Condemned],
        Note::NotReady { .. } | Note::TimedOut { .. } => &[Step::Condemned],
        Note::Exited { .. } => &[Step::Exited],
        Note::Backoff { .. } => &[Step::Failed],
        Note::Fatal { .. } => &[Step::GaveUp],
        Note::Stopping { .. } | Note::StoppingBy { .. } => &[Step::Stopping],
        Note::Killed => &[Step::Killed],
        Note::Stopped => &[Step::Stopped],
        Note::CheckFailed { .. }
        | Note::HookFailed { .. }
        | Note::Healthy
        | Note::Leftovers
        | Note::Waiting { .. }
        | Note::Overlap(_)
        | Note::Unkillable => &[],
    }
}
