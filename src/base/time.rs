//! Points in time as plain numbers. Only the daemon's clock reads a clock; everything else is handed the time.

use std::fmt;
use std::time::Duration;

/// A point on `CLOCK_MONOTONIC`, in nanoseconds. Unlike `std::time::Instant` it can be written down and read back,
/// and it stays valid across `execve`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Mono(pub u64);

impl Mono {
    /// The point `d` after this one; the far end of time if that overflows.
    #[must_use]
    pub fn after(self, d: Duration) -> Mono {
        Mono(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this point is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A point on the wall clock: seconds and nanoseconds since the Unix epoch. Nothing is decided by it but when a schedule
/// by the calendar is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub secs: i64,
    /// Nanoseconds within the second, 0 to 999,999,999.
    pub nanos: u32,
}

/// What the wall clock says, as long as nobody sets it: how far it is ahead of `CLOCK_MONOTONIC`. The kernel slews both
/// alike, so only steps change that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallClock {
    ahead_nanos: i128,
}

impl WallClock {
    /// A clock that says `wall` at `now`.
    #[must_use]
    pub fn new(wall: Wall, now: Mono) -> WallClock {
        WallClock { ahead_nanos: wall.total_nanos() - i128::from(now.0) }
    }

    /// What it says at a point.
    #[must_use]
    pub fn wall(self, at: Mono) -> Wall {
        let nanos = self.ahead_nanos + i128::from(at.0);
        let secs = nanos.div_euclid(NANOS).clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        let nanos = nanos.rem_euclid(NANOS);
        Wall { secs: i64::try_from(secs).unwrap_or(0), nanos: u32::try_from(nanos).unwrap_or(0) }
    }

    /// The point at which it says this; the beginning of time if that was earlier.
    #[must_use]
    pub fn mono(self, wall: Wall) -> Mono {
        let nanos = wall.total_nanos() - self.ahead_nanos;
        Mono(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }

    /// By how many seconds another one is ahead of this one, rounded towards zero.
    #[must_use]
    pub fn seconds_to(self, other: WallClock) -> i64 {
        let seconds = (other.ahead_nanos - self.ahead_nanos) / NANOS;
        i64::try_from(seconds).unwrap_or(if seconds < 0 { i64::MIN } else { i64::MAX })
    }
}

const NANOS: i128 = 1_000_000_000;

/// A date and time of day in the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year, astronomical numbering.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, 1 to 31.
    pub day: u32,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute, 0 to 59.
    pub minute: u32,
    /// Second, 0 to 59.
    pub second: u32,
}

impl Wall {
    /// Nanoseconds since the Unix epoch.
    fn total_nanos(self) -> i128 {
        i128::from(self.secs) * NANOS + i128::from(self.nanos)
    }

    /// This point as a date in a zone `utc_offset` seconds east of Greenwich.
    #[must_use]
    pub fn civil(self, utc_offset: i64) -> Civil {
        const DAY: i64 = 86_400;
        let local = self.secs.saturating_add(utc_offset);
        let (days, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        // Eras of 400 years that begin on 1 March make the leap day the last of its year.
        let shifted = days.saturating_add(719_468);
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let small = |n: i64| u32::try_from(n).unwrap_or(0);
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: small(month),
            day: small(of_year - (153 * from_march + 2) / 5 + 1),
            hour: small(second / 3600),
            minute: small(second / 60 % 60),
            second: small(second % 60),
        }
    }
}

impl fmt::Display for Wall {
    /// RFC 3339 in UTC with milliseconds: `2026-11-21T01:53:33.042Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = self.civil(0);
        let millis = self.nanos / 1_000_000;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{millis:03}Z",
            c.year, c.month, c.day, c.hour, c.minute, c.second
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_prints_rfc3339() {
        assert_eq!(Wall { secs: 0, nanos: 0 }.to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Wall { secs: 951_782_399, nanos: 999_000_000 }.to_string(), "2000-02-28T23:59:59.999Z");
        assert_eq!(Wall { secs: 951_782_400, nanos: 0 }.to_string(), "2000-02-29T00:00:00.000Z");
        assert_eq!(Wall { secs: 1_795_226_013, nanos: 42_000_000 }.to_string(), "2026-11-21T01:53:33.042Z");
        assert_eq!(Wall { secs: -1, nanos: 0 }.to_string(), "1969-12-31T23:59:59.000Z");
    }

    #[test]
    fn a_zone_shifts_the_date() {
        let c = Wall { secs: 0, nanos: 0 }.civil(-3600);
        assert_eq!((c.year, c.month, c.day, c.hour), (1969, 12, 31, 23));
    }

    #[test]
    fn mono_never_overflows() {
        assert_eq!(Mono(u64::MAX).after(Duration::from_secs(1)), Mono(u64::MAX));
        assert_eq!(Mono(1).since(Mono(2)), Duration::ZERO);
        assert_eq!(Mono(5).after(Duration::from_nanos(3)), Mono(8));
    }
}
