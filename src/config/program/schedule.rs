//! `schedule` and `every`: when a job runs, and what belongs to it.

use std::time::Duration;

use crate::base::cron::Cron;
use crate::base::nearest::suggestion;
use crate::base::text::quoted;
use crate::base::tree::{Node, Scalar, Value};
use crate::base::units::print_duration;
use crate::base::zone::{self, Zone};
use crate::config::check::{Unread, World};
use crate::config::diag::Place;
use crate::config::model::{Autorestart, Overlap, Policy, Program, Schedule, When};
use crate::config::section::Found;
use crate::config::values::{self, Read};

use super::{Key, ProgramReader, ProgramSection};

/// The shortest `every`. What is to run more often than this is no job but a program that stays.
const LEAST_EVERY: Duration = Duration::from_millis(100);

/// The keys that mean nothing without a schedule.
const WITH_SCHEDULE: [Key; 4] = [Key::Timezone, Key::Overlap, Key::Jitter, Key::RunOnStart];

/// The schedule of a program, if it has one, and what follows from it for its other keys.
pub(super) fn read(reader: &mut ProgramReader<'_, '_, '_, '_>, program: &mut Program, world: &World<'_>) {
    let given = given(reader);
    let scheduled = given.is_some();
    let when = given.and_then(|(section, found)| reader.value_of(section, found, |n| when(found.key, n)));
    let named = reader.value(Key::Timezone, |n| named_zone(n, world));
    // A machine that does not say what its local time is goes by UTC.
    let local = || (world.zone)(None).ok().filter(|_| scheduled).unwrap_or_else(Zone::utc);
    let mut schedule = Schedule {
        zone: named.unwrap_or_else(local),
        ..Schedule::new(when.clone().unwrap_or(When::Every(LEAST_EVERY)))
    };
    reader.set(&mut schedule.overlap, Key::Overlap, overlap);
    reader.set(&mut schedule.jitter, Key::Jitter, values::duration);
    reader.set(&mut schedule.run_on_start, Key::RunOnStart, values::boolean);
    if scheduled {
        as_a_job(reader, &mut program.policy);
    } else {
        say_what_is_unused(reader, program.policy.oneshot);
    }
    if let Some(When::Every(every)) = when {
        spacing(reader, program, &schedule, every);
    }
    program.schedule = when.map(|_| Box::new(schedule));
}

/// Where the schedule is given: by the program itself, or else by the defaults.
fn given<'a, 'n, 't>(
    reader: &mut ProgramReader<'a, '_, 'n, 't>,
) -> Option<(&'a ProgramSection<'n, 't>, Found<'n, 't, Key>)> {
    for section in [reader.own, reader.defaults] {
        let both = [section.get(Key::Schedule), section.get(Key::Every)];
        let said = both.map(|found| found.filter(|found| !values::is_null(&found.entry.value)));
        match said {
            // A key without a value says that there is none, whatever the defaults have.
            [None, None] if both.iter().any(Option::is_some) => return None,
            [None, None] => {}
            [Some(found), None] | [None, Some(found)] => return Some((section, found)),
            [Some(found), Some(_)] => {
                let text = "cannot be given together with every: a job runs by the calendar, or after a time";
                reader.report.error(found.place, section.path_to(&found.entry.key), text);
                return Some((section, found));
            }
        }
    }
    None
}

fn when(key: Key, node: &Node<'_>) -> Read<When> {
    if key == Key::Every { every(node).map(When::Every) } else { calendar(node).map(When::Calendar) }
}

fn calendar(node: &Node<'_>) -> Read<Cron> {
    Cron::parse(values::any_text(node, "a schedule as in \"30 3 * * *\"")?)
}

fn every(node: &Node<'_>) -> Read<Duration> {
    let every = values::duration(node)?;
    if every < LEAST_EVERY {
        let least = print_duration(LEAST_EVERY);
        return Err(format!("is shorter than {least}: what runs that often is better a program that stays"));
    }
    Ok(every)
}

fn overlap(node: &Node<'_>) -> Read<Overlap> {
    let text = values::any_text(node, "skip, queue or kill")?;
    let names = Overlap::NAMES.map(|(name, _)| name);
    let found = Overlap::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, overlap)| *overlap);
    found.ok_or_else(|| format!("{} is not one of {}{}", quoted(text), names.join(", "), suggestion(text, names)))
}

fn named_zone(node: &Node<'_>, world: &World<'_>) -> Read<Zone> {
    let name = values::any_text(node, "the name of a time zone")?;
    if !zone::is_name(name) || !matches!(node.value, Value::Scalar(Scalar::Text, _)) {
        return Err(format!("{} is not the name of a time zone such as Europe/Berlin", quoted(name)));
    }
    match (world.zone)(Some(name)) {
        Ok(zone) => Ok(zone),
        Err(Unread::Absent) if name == "UTC" => Ok(Zone::utc().named(name)),
        Err(Unread::Absent) => Err(format!("no time zone {} on this machine (package tzdata)", quoted(name))),
        Err(Unread::Because(why)) => Err(format!("the time zone {} {why}", quoted(name))),
    }
}

/// A job runs to its end, and the schedule is what starts it again.
fn as_a_job(reader: &mut ProgramReader<'_, '_, '_, '_>, policy: &mut Policy) {
    if let (false, Some((section, found))) = (policy.oneshot, reader.find(Key::Oneshot)) {
        let text = "cannot be false with a schedule: what is started again and again has to end";
        reader.report.error(found.place, section.path_to(&found.entry.key), text);
    }
    policy.oneshot = true;
    if reader.find(Key::Autorestart).is_none() {
        policy.autorestart = Autorestart::Never;
    }
}

fn say_what_is_unused(reader: &mut ProgramReader<'_, '_, '_, '_>, oneshot: bool) {
    for key in WITH_SCHEDULE {
        if let Some(found) = reader.own.get(key) {
            let text = "plays no part without schedule or every";
            reader.report.warning(found.place, reader.own.path_to(&found.entry.key), text);
        }
    }
    if let (false, Some(found)) = (oneshot, reader.own.get(Key::Timeout)) {
        let text = "plays no part without \"oneshot: true\": only what runs to its end can take too long";
        reader.report.warning(found.place, reader.own.path_to(&found.entry.key), text);
    }
}

/// Holds the time between two runs against what would put them off.
fn spacing(reader: &mut ProgramReader<'_, '_, '_, '_>, program: &mut Program, schedule: &Schedule, every: Duration) {
    if let (true, Some((section, found))) = (schedule.jitter >= every, reader.find(Key::Jitter)) {
        let text = format!("has to be shorter than every ({})", print_duration(every));
        reader.report.error(found.place, section.path_to(&found.entry.key), text);
    }
    let floor = &mut program.policy.backoff.floor;
    if *floor <= every {
        return;
    }
    match floor_place(reader) {
        Some((place, path)) => {
            let text = format!("is longer than every ({}), which it would hold up", print_duration(every));
            reader.report.warning(place, path, text);
        }
        // The schedule keeps two runs apart by itself.
        None => *floor = Duration::ZERO,
    }
}

/// Where `backoff.floor` is given.
fn floor_place(reader: &ProgramReader<'_, '_, '_, '_>) -> Option<(Place, String)> {
    [reader.own, reader.defaults].into_iter().find_map(|section| {
        let found = section.get(Key::Backoff)?;
        let Value::Map(entries) = &found.entry.value.value else { return None };
        let floor = entries.iter().find(|entry| entry.key == "floor")?;
        Some((found.place, format!("{}.{}", section.path_to(&found.entry.key), floor.key)))
    })
}
