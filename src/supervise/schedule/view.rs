//! What can be seen of schedules from outside.

use crate::base::time::{Mono, Wall};
use crate::base::units::print_duration;
use crate::base::zone::Zone;
use crate::control::message::{RunReport, ScheduleStatus};
use crate::supervise::fleet::{Fleet, Member};
use crate::supervise::status::millis;

use super::Ran;

impl Fleet {
    /// When a member runs next by its schedule, if it has one.
    pub(in crate::supervise) fn schedule_of(&self, member: &Member, now: Mono) -> Option<ScheduleStatus> {
        let (table, schedule) = member.timetable.as_deref().zip(member.meant().schedule.as_deref())?;
        let next = table.next_run(self.clock);
        Some(ScheduleStatus {
            active: table.is_active(),
            next: next.map(|at| local(self.clock.wall(at), &schedule.zone)),
            next_ms: next.map(|at| millis(at.since(now))),
            zone: schedule.zone.name().map(str::to_owned),
            queued: table.is_queued(),
        })
    }

    /// The last runs of a member that has a schedule, the oldest first.
    pub(in crate::supervise) fn runs_of(&self, member: &Member, now: Mono) -> Vec<RunReport> {
        let runs = member.timetable.iter().flat_map(|table| table.runs());
        let report = |ran: &Ran| RunReport {
            time: self.clock.wall(ran.began).to_string(),
            ago_ms: millis(now.since(ran.began)),
            took_ms: ran.ended.map(|ended| millis(ended.since(ran.began))),
            result: ran.ended.map(|_| result(ran, member)),
        };
        runs.map(report).collect()
    }
}

fn result(ran: &Ran, member: &Member) -> String {
    let limit = member.program.policy.timeout.filter(|_| ran.timed_out);
    match (ran.exit, limit) {
        (None, _) => "could not be started".to_owned(),
        (Some(exit), Some(limit)) => format!("took longer than {} ({exit})", print_duration(limit)),
        (Some(exit), None) if ran.timed_out => format!("took too long ({exit})"),
        (Some(exit), None) => exit.to_string(),
    }
}

/// `2026-11-22T03:00:00+01:00`.
fn local(at: Wall, zone: &Zone) -> String {
    let offset = zone.offset(at.secs);
    let c = at.civil(offset);
    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    let (date, time) = (
        format!("{:04}-{:02}-{:02}", c.year, c.month, c.day),
        format!("{:02}:{:02}:{:02}", c.hour, c.minute, c.second),
    );
    format!("{date}T{time}{sign}{hours:02}:{minutes:02}")
}
