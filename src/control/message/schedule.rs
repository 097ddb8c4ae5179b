//! What a client is told of a job that runs by a schedule.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::units::print_duration;

/// When a job runs next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleStatus {
    /// Whether runs come by themselves; not after a stop.
    pub active: bool,
    /// When the next run is: local time with its offset, as RFC 3339 writes it. Absent if the schedule is not active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The same in milliseconds after the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_ms: Option<u64>,
    /// The time zone that it goes by, if the configuration names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Whether one more run follows as soon as the present one is over.
    pub queued: bool,
}

impl fmt::Display for ScheduleStatus {
    /// `next run at 2026-11-22 03:00 (in 5h)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(next) = self.next.as_deref().filter(|_| self.active) else { return f.write_str("schedule suspended") };
        let (date, time) = next.split_once('T').unwrap_or((next, ""));
        let time = time.get(..8).unwrap_or(time);
        write!(f, "next run at {date} {}", time.strip_suffix(":00").unwrap_or(time))?;
        if let Some(zone) = &self.zone {
            write!(f, " {zone}")?;
        }
        write!(f, " (in {})", roughly(self.next_ms.unwrap_or(0)))?;
        if self.queued { f.write_str("; one more follows this one") } else { Ok(()) }
    }
}

/// A time to come in its two largest units, rounded up to seconds.
fn roughly(ms: u64) -> String {
    let seconds = ms.div_ceil(1000);
    let unit = match seconds {
        0..3600 => 1,
        3600..86_400 => 60,
        _ => 3600,
    };
    print_duration(Duration::from_secs(seconds / unit * unit))
}

/// A run of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    /// When it began: UTC, as RFC 3339 writes it.
    pub time: String,
    /// The same in milliseconds before the answer.
    pub ago_ms: u64,
    /// How many milliseconds it took; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// How it ended, for people; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_in_words() {
        let next = |next: &str, ms: u64| ScheduleStatus {
            active: true,
            next: Some(next.to_owned()),
            next_ms: Some(ms),
            zone: None,
            queued: false,
        };
        let nightly = next("2026-11-22T03:00:00+01:00", 5 * 3_600_000 + 1000);
        assert_eq!(nightly.to_string(), "next run at 2026-11-22 03:00 (in 5h)");
        let zone = Some("Europe/Berlin".to_owned());
        assert_eq!(
            ScheduleStatus { zone, queued: true, next_ms: Some(90_000), ..nightly.clone() }.to_string(),
            "next run at 2026-11-22 03:00 Europe/Berlin (in 1m30s); one more follows this one"
        );
        assert_eq!(next("2026-11-22T03:00:07+01:00", 1).to_string(), "next run at 2026-11-22 03:00:07 (in 1s)");
        assert_eq!(next("2027-01-01T00:00:00Z", 3_000_000_000).to_string(), "next run at 2027-01-01 00:00 (in 34d17h)");
        assert_eq!(ScheduleStatus { active: false, ..nightly }.to_string(), "schedule suspended");
        // Whatever another daemon sends.
        assert_eq!(next("soon", 0).to_string(), "next run at soon  (in 0s)");
    }
}
