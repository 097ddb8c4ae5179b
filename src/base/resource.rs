//! Resource limits as prlimit(1) names them: which there are, what each counts, how a value is written.

use std::time::Duration;

use super::text::quoted;
use super::units;

/// What a limit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "getrlimit(2) describes each")]
pub enum Resource {
    As,
    Core,
    Cpu,
    Data,
    Fsize,
    Locks,
    Memlock,
    Msgqueue,
    Nice,
    Nofile,
    Nproc,
    Rss,
    Rtprio,
    Rttime,
    Sigpending,
    Stack,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Whole seconds.
    Seconds,
    /// Microseconds.
    Micros,
}

/// A limit: `None` is none. The soft one is in force, the hard one is how far the process may raise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What holds.
    pub soft: Option<u64>,
    /// The ceiling.
    pub hard: Option<u64>,
}

const UNLIMITED: &str = "unlimited";

impl Resource {
    /// All of them by name, each at the position that is its number on the wire between child and parent.
    pub const NAMES: [(&'static str, Resource); 16] = [
        ("as", Resource::As),
        ("core", Resource::Core),
        ("cpu", Resource::Cpu),
        ("data", Resource::Data),
        ("fsize", Resource::Fsize),
        ("locks", Resource::Locks),
        ("memlock", Resource::Memlock),
        ("msgqueue", Resource::Msgqueue),
        ("nice", Resource::Nice),
        ("nofile", Resource::Nofile),
        ("nproc", Resource::Nproc),
        ("rss", Resource::Rss),
        ("rtprio", Resource::Rtprio),
        ("rttime", Resource::Rttime),
        ("sigpending", Resource::Sigpending),
        ("stack", Resource::Stack),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Resource::NAMES.iter().find(|(_, other)| *other == self).map_or("", |(name, _)| name)
    }

    /// What it counts.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Resource::As
            | Resource::Core
            | Resource::Data
            | Resource::Fsize
            | Resource::Memlock
            | Resource::Msgqueue
            | Resource::Rss
            | Resource::Stack => Unit::Bytes,
            Resource::Locks
            | Resource::Nice
            | Resource::Nofile
            | Resource::Nproc
            | Resource::Rtprio
            | Resource::Sigpending => Unit::Count,
            Resource::Cpu => Unit::Seconds,
            Resource::Rttime => Unit::Micros,
        }
    }

    /// Reads `1024`, `8MB:64MB`, `10s:unlimited`: one value for both limits, or the soft and the hard one.
    ///
    /// # Errors
    /// It is none of these, as the end of a sentence about what was to be read.
    pub fn parse(self, text: &str) -> Result<Limit, String> {
        let (soft, hard) = text.split_once(':').unwrap_or((text, text));
        let (soft, hard) = (self.value(soft.trim())?, self.value(hard.trim())?);
        let most = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
        if most(soft) > most(hard) {
            return Err(format!("{}: the soft limit is above the hard one behind the colon", quoted(text)));
        }
        Ok(Limit { soft, hard })
    }

    fn value(self, text: &str) -> Result<Option<u64>, String> {
        if text.eq_ignore_ascii_case(UNLIMITED) {
            return Ok(None);
        }
        let time = || units::parse_duration(text);
        let value = match self.unit() {
            Unit::Bytes => units::parse_size(text),
            Unit::Count => Some(text)
                .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|text| text.parse().ok()),
            Unit::Seconds => time().filter(|time| time.subsec_nanos() == 0).map(|time| time.as_secs()),
            Unit::Micros => time().and_then(|time| u64::try_from((time.as_nanos() + 500) / 1000).ok()),
        };
        // The greatest number stands for no limit with the kernel.
        value.filter(|value| *value < u64::MAX).map(Some).ok_or_else(|| {
            let such_as = match self.unit() {
                Unit::Bytes => "a size such as 8MB",
                Unit::Count => "a whole number",
                Unit::Seconds => "a time of whole seconds such as 10m",
                Unit::Micros => "a time such as 200ms",
            };
            format!("{} is neither {such_as} nor \"{UNLIMITED}\"", quoted(text))
        })
    }

    /// A limit as it may be written.
    #[must_use]
    pub fn print(self, limit: Limit) -> String {
        let one = |value: Option<u64>| match (value, self.unit()) {
            (None, _) => UNLIMITED.to_owned(),
            (Some(value), Unit::Bytes) => units::print_size(value),
            (Some(value), Unit::Count) => value.to_string(),
            (Some(value), Unit::Seconds) => units::print_duration(Duration::from_secs(value)),
            (Some(value), Unit::Micros) if value % 1000 == 0 => units::print_duration(Duration::from_micros(value)),
            (Some(value), Unit::Micros) => format!("{}.{:06}", value / 1_000_000, value % 1_000_000),
        };
        let (soft, hard) = (one(limit.soft), one(limit.hard));
        if soft == hard { soft } else { format!("{soft}:{hard}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(soft: u64, hard: u64) -> Limit {
        Limit { soft: Some(soft), hard: Some(hard) }
    }

    #[test]
    fn a_resource_is_its_position() {
        for (i, (name, resource)) in Resource::NAMES.into_iter().enumerate() {
            assert_eq!((resource as usize, resource.name()), (i, name));
        }
    }

    #[test]
    fn limits_are_read_and_print_back() {
        for (resource, text, want, printed) in [
            (Resource::Nofile, "1024", limit(1024, 1024), "1024"),
            (Resource::Nofile, "1024:4096", limit(1024, 4096), "1024:4096"),
            (Resource::Core, "UNLIMITED", Limit { soft: None, hard: None }, "unlimited"),
            (Resource::Core, "0:unlimited", Limit { soft: Some(0), hard: None }, "0:unlimited"),
            (Resource::Stack, "8MB : 64 MiB", limit(8 << 20, 64 << 20), "8MB:64MB"),
            (Resource::Cpu, "1m30s:120", limit(90, 120), "1m30s:2m"),
            (Resource::Rttime, "0.2:0.000250", limit(0, 0), ""),
            (Resource::Rttime, "0.000250:200ms", limit(250, 200_000), "0.000250:200ms"),
        ] {
            if printed.is_empty() {
                assert!(resource.parse(text).is_err(), "{text}");
                continue;
            }
            assert_eq!(resource.parse(text), Ok(want), "{text}");
            assert_eq!(resource.print(want), printed);
            assert_eq!(resource.parse(printed), Ok(want));
        }
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for (resource, text) in [
            (Resource::Nofile, ""),
            (Resource::Nofile, "-1"),
            (Resource::Nofile, "1k"),
            (Resource::Nofile, "1:2:3"),
            (Resource::Nofile, "10:5"),
            (Resource::Nofile, "unlimited:5"),
            (Resource::Nofile, "18446744073709551615"),
            (Resource::Nofile, ":5"),
            (Resource::Cpu, "1.5"),
            (Resource::Cpu, "8MB"),
            (Resource::Stack, "10s"),
        ] {
            assert!(resource.parse(text).is_err(), "{text:?}");
        }
    }
}
