//! Time zones: how far local time is ahead of UTC at an instant, and when that changes.
//!
//! What a zone is comes in as the bytes of a zoneinfo file (TZif) or as rules in the form of POSIX; where that is found is
//! not known here. The one file that knows the crate `tz`.

use std::fmt;
use std::sync::Arc;

use tz::{TimeZone, TimeZoneSettings};

const HOUR: i64 = 3600;

/// How closely changes are looked for. No zone has ever changed twice within this time.
const PROBE: i64 = 12 * HOUR;

/// A time zone. Clones share what they know.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its name in the database; `None` is the daemon's local time, or UTC where nobody has said what that is.
    name: Option<Arc<str>>,
    rules: Arc<TimeZone>,
}

/// A change of local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// The first instant of the new local time, in seconds since the Unix epoch.
    pub at: i64,
    /// Seconds ahead of UTC before it.
    pub before: i64,
    /// Seconds ahead of UTC from it on.
    pub after: i64,
}

impl Zone {
    /// UTC, as the local time of a daemon that knows no other.
    #[must_use]
    pub fn utc() -> Zone {
        Zone { name: None, rules: Arc::new(TimeZone::utc()) }
    }

    /// A zone from the bytes of a zoneinfo file.
    ///
    /// # Errors
    /// They are none, as the end of a sentence about the file.
    pub fn from_file(name: Option<&str>, bytes: &[u8]) -> Result<Zone, String> {
        let rules = TimeZone::from_tz_data(bytes).map_err(|error| format!("is no zoneinfo file: {error}"))?;
        Ok(Zone { name: name.map(Arc::from), rules: Arc::new(rules) })
    }

    /// Local time by rules as POSIX has them in `TZ`: `CET-1CEST,M3.5.0,M10.5.0/3`. `None` if the text is not of that form.
    #[must_use]
    pub fn from_rules(text: &str) -> Option<Zone> {
        // Without directories there is nothing to be read, so the text itself has to say it.
        let settings = TimeZoneSettings::new(&[], |_| Err("not a name".into()));
        let offset = text.contains(|c: char| c.is_ascii_digit()) && !text.starts_with([':', '/']);
        let rules = settings.parse_posix_tz(text).ok().filter(|_| offset)?;
        Some(Zone { name: None, rules: Arc::new(rules) })
    }

    /// The same zone under a name.
    #[must_use]
    pub fn named(self, name: &str) -> Zone {
        Zone { name: Some(name.into()), ..self }
    }

    /// Its name; `None` is the daemon's local time.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How many seconds local time is ahead of UTC at an instant.
    #[must_use]
    pub fn offset(&self, at: i64) -> i64 {
        let zone = TimeZone::as_ref(&self.rules);
        let known = zone.find_local_time_type(at).ok();
        // A zone without a rule for later times stays as it was last.
        let last = || {
            let index = zone.transitions().last().map_or(0, |t| t.local_time_type_index());
            zone.local_time_types().get(index)
        };
        known.or_else(last).map_or(0, |kind| i64::from(kind.ut_offset()))
    }

    /// The first change after `from` that is not after `to`.
    #[must_use]
    pub fn shift(&self, from: i64, to: i64) -> Option<Shift> {
        let mut low = from;
        while low < to {
            let high = low.saturating_add(PROBE).min(to);
            let (before, after) = (self.offset(low), self.offset(high));
            if before != after {
                return Some(self.pinned(low, high, before));
            }
            low = high;
        }
        None
    }

    /// The change between two instants with different local times.
    fn pinned(&self, mut low: i64, mut high: i64, before: i64) -> Shift {
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.offset(middle) == before {
                low = middle;
            } else {
                high = middle;
            }
        }
        Shift { at: high, before, after: self.offset(high) }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name().unwrap_or("local"))
    }
}

/// Whether a text can be the name of a zone: no more than a path below the directory of the database.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let sign = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    let parts = || text.split('/');
    text.len() <= 64
        && text.chars().all(sign)
        && parts().all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_tell_offsets_and_changes() {
        let berlin = Zone::from_rules("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        // 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC.
        let (spring, autumn) = (1_774_746_000, 1_792_890_000);
        assert_eq!((berlin.offset(spring - 1), berlin.offset(spring)), (3600, 7200));
        assert_eq!(berlin.shift(spring - 1_000_000, autumn), Some(Shift { at: spring, before: 3600, after: 7200 }));
        assert_eq!(berlin.shift(spring, autumn), Some(Shift { at: autumn, before: 7200, after: 3600 }));
        assert_eq!(berlin.shift(spring, autumn - 1), None);
        assert_eq!(Zone::utc().shift(0, 100 * 366 * 86_400), None);
    }

    #[test]
    fn what_is_no_rule_is_no_zone() {
        for text in ["", "Europe/Berlin", ":/etc/localtime", "CET", "CET-1CEST,M13.5.0,M10.5.0/3", "\u{e4}1"] {
            assert_eq!(Zone::from_rules(text), None, "{text}");
        }
        assert!(Zone::from_rules("<+0530>-5:30").is_some_and(|zone| zone.offset(0) == 19_800));
        assert!(Zone::from_file(None, b"TZif?").is_err());
    }

    #[test]
    fn names_stay_below_the_database() {
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "EST5EDT"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "/etc/passwd", "../x", "a//b", "a/", "a/../b", "Europe Berlin", "-x", ".x", "\u{e4}"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
