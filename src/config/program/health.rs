//! `healthcheck`: how it is found out whether a process does its work.

use std::ops::RangeInclusive;

use crate::base::tree::Value;
use crate::config::model::{Check, Probe};
use crate::config::section::Reader;
use crate::config::values;

use super::{Key, ProgramReader, arguments, words_of};

pub(in crate::config) const RETRIES: RangeInclusive<u32> = 1..=1_000_000;

/// The keys under `healthcheck`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum HealthKey {
    Cmd,
    Args,
    Interval,
    Timeout,
    StartPeriod,
    StartInterval,
    Retries,
}

pub(in crate::config) const HEALTH_KEYS: [(&str, HealthKey); 8] = [
    ("cmd", HealthKey::Cmd),
    ("command", HealthKey::Cmd),
    ("args", HealthKey::Args),
    ("interval", HealthKey::Interval),
    ("timeout", HealthKey::Timeout),
    ("start_period", HealthKey::StartPeriod),
    ("start_interval", HealthKey::StartInterval),
    ("retries", HealthKey::Retries),
];

/// The health check that a program or the defaults give, key by key. Defaults by themselves need not have its command.
pub(super) fn read(reader: &mut ProgramReader<'_, '_, '_, '_>, defaults_alone: bool) -> Option<Box<Check>> {
    let (section, found) = reader.find(Key::Healthcheck)?;
    if found.entry.value.value == Value::Null {
        return None;
    }
    let path = section.path_to(&found.entry.key);
    let [own, defaults] = reader.within(Key::Healthcheck, &HEALTH_KEYS);
    if !matches!(found.entry.value.value, Value::Map(_)) {
        return None;
    }
    let mut reader = Reader { report: reader.report, own: &own, defaults: &defaults };
    let argv = if reader.find(HealthKey::Cmd).is_some() {
        reader.value(HealthKey::Cmd, words_of).map(|(words, _)| words)
    } else if defaults_alone {
        None
    } else {
        reader.report.error(found.place, &path, "has no cmd: give the command that tells whether the process is well");
        None
    };
    let mut argv = argv.unwrap_or_default();
    argv.extend(reader.value(HealthKey::Args, arguments).unwrap_or_default());
    let mut check = Check::health(Probe::Exec(argv));
    reader.set(&mut check.interval, HealthKey::Interval, values::duration);
    reader.set(&mut check.timeout, HealthKey::Timeout, values::duration);
    reader.set(&mut check.start_period, HealthKey::StartPeriod, values::duration);
    reader.set(&mut check.start_interval, HealthKey::StartInterval, values::duration);
    reader.set(&mut check.retries, HealthKey::Retries, |n| values::integer(n, RETRIES));
    if defaults_alone {
        return None;
    }
    reader.report.warning(found.place, path, "is read and checked, but this version does not carry checks out yet");
    Some(Box::new(check))
}
