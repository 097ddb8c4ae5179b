//! When a schedule by the calendar is due next, through changes of local time as cron(8) goes through them.
//!
//! A change of less than three hours, such as daylight saving, is hidden from schedules with a given minute and hour:
//! what would have come in the hours that are skipped comes once, right after the change, and what has come in hours that
//! are repeated does not come again. All other schedules, and all larger changes, simply go by the new time.

use crate::base::time::Wall;
use crate::base::zone::{Shift, Zone};

use super::Cron;

/// A change of the clock or of local time of this many seconds or more is a correction, not daylight saving.
pub const SMALL_SHIFT: i64 = 3 * 3600;

/// The longest time between two leap days, and then some.
const DAYS_AHEAD: i64 = 366 * 8 + 1;
/// More changes of local time than there are in that time.
const SHIFTS_AHEAD: usize = 64;

const MINUTES_A_DAY: i64 = 24 * 60;

impl Cron {
    /// The first instant after `after` at which it is due, in seconds since the Unix epoch.
    #[must_use]
    pub fn next(&self, zone: &Zone, after: i64) -> Option<i64> {
        let mut offset = zone.offset(after);
        let mut cursor = after;
        let mut from = (after + offset).div_euclid(60) + 1;
        // What comes again in hours that are just being repeated has been.
        if let Some(shift) = zone.shift(after - SMALL_SHIFT, after).filter(|shift| self.is_hidden(*shift)) {
            from = from.max(ceiling(shift.at + shift.before));
        }
        for _ in 0..SHIFTS_AHEAD {
            let local = self.next_local(from)?;
            let due = local * 60 - offset;
            let Some(shift) = zone.shift(cursor, due) else { return Some(due) };
            let (old, new) = (shift.at + shift.before, shift.at + shift.after);
            if self.is_hidden(shift) && local * 60 < new {
                return Some(shift.at);
            }
            from = ceiling(if self.is_hidden(shift) { old.max(new) } else { new });
            (cursor, offset) = (shift.at, shift.after);
        }
        None
    }

    /// Whether a change of local time must neither lose nor double a run.
    fn is_hidden(&self, shift: Shift) -> bool {
        self.is_fixed() && (shift.after - shift.before).abs() < SMALL_SHIFT
    }

    /// The first local minute from this one on that is in all fields. Local minutes are counted from 1970-01-01 00:00.
    fn next_local(&self, from: i64) -> Option<i64> {
        let first = from.div_euclid(MINUTES_A_DAY);
        let mut minute = from.rem_euclid(MINUTES_A_DAY);
        for day in first..first + DAYS_AHEAD {
            let civil = Wall { secs: day * 86_400, nanos: 0 }.civil(0);
            // The epoch was a Thursday.
            let weekday = u32::try_from((day + 4).rem_euclid(7)).unwrap_or(0);
            if self.on_day(civil.month, civil.day, weekday)
                && let Some(minute) = self.next_minute(minute)
            {
                return Some(day * MINUTES_A_DAY + minute);
            }
            minute = 0;
        }
        None
    }

    /// The first minute of a day from this one on.
    fn next_minute(&self, from: i64) -> Option<i64> {
        let small = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        let mut minute = from;
        while minute < MINUTES_A_DAY {
            if !self.hour.has(small(minute / 60)) {
                minute = (minute / 60 + 1) * 60;
            } else if self.minute.has(small(minute % 60)) {
                return Some(minute);
            } else {
                minute += 1;
            }
        }
        None
    }
}

/// The first full minute that is not before a second.
fn ceiling(seconds: i64) -> i64 {
    -(-seconds).div_euclid(60)
}

#[cfg(test)]
mod tests;
