//! `readiness`, `healthcheck` and `on_unhealthy`: how it is found out whether a process is ready, and whether it is well.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::base::id::Stream;
use crate::base::nearest::suggestion;
use crate::base::target::{HttpTarget, Target};
use crate::base::text::quoted;
use crate::base::tree::{Node, Value};
use crate::base::units::print_duration;
use crate::config::expand::is_template;
use crate::config::model::{Check, GOOD_STATUS, OnUnhealthy, Policy, Probe, Program, Sink};
use crate::config::section::{Found, Reader, Section};
use crate::config::values::{self, Read};

use super::{Key, ProgramReader, arguments, shell_line, words_of};

pub(in crate::config) const RETRIES: RangeInclusive<u32> = 1..=1_000_000;
/// The descriptors that a process may be given to say that it is ready: the first three have their use.
pub(in crate::config) const FDS: RangeInclusive<u32> = 3..=1023;
/// The statuses that a server may answer with in the end.
pub(in crate::config) const STATUSES: RangeInclusive<u16> = 200..=599;
/// The shortest interval, and the shortest timeout.
const LEAST: Duration = Duration::from_millis(10);

/// The keys under `readiness` and `healthcheck`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum CheckKey {
    Uptime,
    Exec,
    Cmd,
    Args,
    Tcp,
    Http,
    Status,
    Log,
    Notify,
    Fd,
    Interval,
    Timeout,
    StartPeriod,
    StartInterval,
    Retries,
}

/// The keys of `readiness`. All but the first are those of `healthcheck`, too.
pub(in crate::config) const READINESS_KEYS: &[(&str, CheckKey)] = &[
    ("uptime", CheckKey::Uptime),
    ("exec", CheckKey::Exec),
    ("cmd", CheckKey::Cmd),
    ("command", CheckKey::Cmd),
    ("args", CheckKey::Args),
    ("tcp", CheckKey::Tcp),
    ("http", CheckKey::Http),
    ("status", CheckKey::Status),
    ("log", CheckKey::Log),
    ("notify", CheckKey::Notify),
    ("fd", CheckKey::Fd),
    ("interval", CheckKey::Interval),
    ("timeout", CheckKey::Timeout),
    ("start_period", CheckKey::StartPeriod),
    ("start_interval", CheckKey::StartInterval),
    ("retries", CheckKey::Retries),
];

/// The keys of `healthcheck`.
pub(in crate::config) const HEALTH_KEYS: &[(&str, CheckKey)] = match READINESS_KEYS.split_first() {
    Some((_, keys)) => keys,
    None => &[],
};

/// The keys of which a check has exactly one: they say what is looked at.
pub(in crate::config) const KINDS: [CheckKey; 8] = [
    CheckKey::Exec,
    CheckKey::Cmd,
    CheckKey::Tcp,
    CheckKey::Http,
    CheckKey::Log,
    CheckKey::Notify,
    CheckKey::Fd,
    CheckKey::Uptime,
];

type CheckSection<'n, 't> = Section<'n, 't, CheckKey>;
type CheckReader<'a, 's, 'n, 't> = Reader<'a, 's, 'n, 't, CheckKey>;

/// What a section says.
enum Said {
    Check(Box<Check>),
    /// The time that is the same as `starttime`, and whether the program says it itself.
    Uptime(Duration, bool),
}

/// Puts both checks of a program in place. Defaults `alone` need not say what is looked at.
pub(super) fn read(reader: &mut ProgramReader<'_, '_, '_, '_>, program: &mut Program, alone: bool) {
    match one(reader, Key::Readiness) {
        Some(Said::Check(check)) => {
            say_what_a_sign_leaves_out(reader, &check);
            program.policy.readiness = Some(check);
            beside_readiness(reader, program.policy.oneshot);
        }
        Some(Said::Uptime(uptime, own)) => as_starttime(reader, &mut program.policy, uptime, own),
        None => {}
    }
    if let Some(Said::Check(check)) = one(reader, Key::Healthcheck) {
        program.policy.healthcheck = Some(check);
    }
    reader.set(&mut program.policy.on_unhealthy, Key::OnUnhealthy, on_unhealthy);
    if let (None, false, Some(found)) = (&program.policy.healthcheck, alone, reader.own.get(Key::OnUnhealthy)) {
        let text = "plays no part without a healthcheck";
        reader.report.warning(found.place, reader.own.path_to(&found.entry.key), text);
    }
    both(reader, program);
}

fn on_unhealthy(node: &Node<'_>) -> Read<OnUnhealthy> {
    // Nothing is what `none` means elsewhere, but here that is easily a word that was forgotten.
    let text = values::any_text(node, "restart, none or stop")?;
    let names = OnUnhealthy::NAMES.map(|(name, _)| name);
    let found = OnUnhealthy::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, what)| *what);
    found.ok_or_else(|| format!("{} is not one of {}{}", quoted(text), names.join(", "), suggestion(text, names)))
}

/// Whether the value says that there is no check, whatever the defaults have.
fn is_none(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Scalar(_, text) => text.eq_ignore_ascii_case("none"),
        Value::Seq(_) | Value::Map(_) => false,
    }
}

/// One of the two checks, key by key from the program and the defaults.
fn one(reader: &mut ProgramReader<'_, '_, '_, '_>, key: Key) -> Option<Said> {
    let (section, found) = reader.find(key)?;
    let is_own = std::ptr::eq(section, reader.own);
    if is_none(&found.entry.value) {
        return None;
    }
    let path = section.path_to(&found.entry.key);
    let names = if key == Key::Readiness { READINESS_KEYS } else { HEALTH_KEYS };
    let errors = reader.report.errors.len();
    let [own, defaults] = [reader.own, reader.defaults].map(|section| {
        let found = section.get(key).filter(|found| !is_none(&found.entry.value));
        let Some(found) = found else { return Section::new("", section.place) };
        let mut inner = Section::new(section.path_to(&found.entry.key), found.place);
        inner.add(&found.entry.value, found.place, names, reader.report);
        inner
    });
    if !matches!(found.entry.value.value, Value::Map(_)) {
        return None;
    }
    // A key that is not known may be one that was meant to say it.
    let all_known = reader.report.errors.len() == errors;
    let mut reader = Reader { report: reader.report, own: &own, defaults: &defaults };
    let kind = kind(&mut reader);
    if matches!(kind, Kind::Missing) && is_own && all_known {
        let uptime = if key == Key::Readiness { ", fd or uptime" } else { " or fd" };
        let text = format!("does not say what is looked at: give exec, tcp, http, log, notify{uptime}");
        reader.report.error(found.place, &path, text);
    }
    let one = if let Kind::One(section, found) = kind { Some((section, found)) } else { None };
    if let Some((section, found)) = one.filter(|(_, found)| found.key == CheckKey::Uptime) {
        let uptime = reader.value_of(section, found, values::duration)?;
        beside_uptime(&mut reader);
        return Some(Said::Uptime(uptime, std::ptr::eq(section, &own)));
    }
    let probe = one.and_then(|(section, found)| probe(&mut reader, section, found));
    let plain = if key == Key::Readiness { Check::readiness } else { Check::health };
    // The rest is looked at even where it is of no use.
    let mut check = plain(probe.clone().unwrap_or(Probe::Notify));
    times(&mut reader, &mut check);
    probe.map(|_| Said::Check(Box::new(check)))
}

/// The key that says what is looked at.
enum Kind<'a, 'n, 't> {
    One(&'a CheckSection<'n, 't>, Found<'n, 't, CheckKey>),
    /// Several do, which is reported.
    Several,
    Missing,
}

/// What the program looks at, else what the defaults do.
fn kind<'a, 'n, 't>(reader: &mut CheckReader<'a, '_, 'n, 't>) -> Kind<'a, 'n, 't> {
    for section in [reader.own, reader.defaults] {
        let kinds: Vec<_> = KINDS.iter().filter_map(|kind| section.get(*kind)).collect();
        match kinds.as_slice() {
            [] => {}
            [found] => return Kind::One(section, *found),
            [..] => {
                let names: Vec<&str> = kinds.iter().map(|found| found.entry.key.as_ref()).collect();
                let text = format!("has {}: a check looks at one thing", names.join(" and "));
                reader.report.error(section.place, &section.path, text);
                return Kind::Several;
            }
        }
    }
    Kind::Missing
}

fn probe<'n, 't>(
    reader: &mut CheckReader<'_, '_, 'n, 't>,
    section: &CheckSection<'n, 't>,
    found: Found<'n, 't, CheckKey>,
) -> Option<Probe> {
    for (key, kind) in [(CheckKey::Args, CheckKey::Cmd), (CheckKey::Status, CheckKey::Http)] {
        let stray = section.get(key).filter(|_| found.key != kind);
        if let Some(stray) = stray {
            let with = if kind == CheckKey::Cmd { "cmd" } else { "http" };
            let text = format!("belongs to {with}, not to {}", found.entry.key);
            reader.report.error(stray.place, section.path_to(&stray.entry.key), text);
        }
    }
    match found.key {
        CheckKey::Cmd => command(reader, section, found),
        CheckKey::Http => {
            let mut status = GOOD_STATUS;
            reader.set(&mut status, CheckKey::Status, statuses);
            let url = reader.value_of(section, found, url)?;
            Some(Probe::Http { url, status })
        }
        CheckKey::Exec => reader.value_of(section, found, exec).map(Probe::Exec),
        CheckKey::Tcp => reader.value_of(section, found, target).map(Probe::Tcp),
        CheckKey::Log => reader.value_of(section, found, pattern).map(Probe::Log),
        CheckKey::Notify => reader.value_of(section, found, is_true).map(|()| Probe::Notify),
        CheckKey::Fd => reader.value_of(section, found, |n| values::integer(n, FDS)).map(Probe::Fd),
        CheckKey::Uptime
        | CheckKey::Args
        | CheckKey::Status
        | CheckKey::Interval
        | CheckKey::Timeout
        | CheckKey::StartPeriod
        | CheckKey::StartInterval
        | CheckKey::Retries => None,
    }
}

/// `cmd` and `args`, as those of a program.
fn command<'n, 't>(
    reader: &mut CheckReader<'_, '_, 'n, 't>,
    section: &CheckSection<'n, 't>,
    found: Found<'n, 't, CheckKey>,
) -> Option<Probe> {
    let args = reader.value(CheckKey::Args, arguments);
    let (mut words, operator) = reader.value_of(section, found, words_of)?;
    if let Some(operator) = operator {
        let text = format!(
            "passes {} to the program as it stands; under exec, a text is a line for a shell",
            quoted(&operator)
        );
        reader.report.warning(found.place, section.path_to(&found.entry.key), text);
    }
    words.extend(args.unwrap_or_default());
    Some(Probe::Exec(words))
}

/// A list of words, or a line for a shell.
fn exec(node: &Node<'_>) -> Read<Vec<String>> {
    match node.value {
        Value::Seq(_) => words_of(node).map(|(words, _)| words),
        Value::Scalar(..) | Value::Null | Value::Map(_) => {
            shell_line(node).map(|line| vec!["/bin/sh".to_owned(), "-c".to_owned(), line])
        }
    }
}

fn target(node: &Node<'_>) -> Read<String> {
    let text = values::any_text(node, "an address as in localhost:5432")?;
    if !is_template(text) {
        Target::parse(text)?;
    }
    Ok(text.to_owned())
}

fn url(node: &Node<'_>) -> Read<String> {
    let text = values::any_text(node, "a URL as in http://localhost:8080/health")?;
    if !is_template(text) {
        HttpTarget::parse(text)?;
    }
    Ok(text.to_owned())
}

/// A check that is not to be is left out.
fn is_true(node: &Node<'_>) -> Read<()> {
    if values::boolean(node)? { Ok(()) } else { Err("can only be true: leave the key out otherwise".to_owned()) }
}

/// `200`, or `200-399`.
fn statuses(node: &Node<'_>) -> Read<(u16, u16)> {
    let text = values::any_text(node, "a status as in 200, or several as in 200-399")?;
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|status| digits && STATUSES.contains(status))
    };
    match number(low).zip(number(high)) {
        Some((low, high)) if low <= high => Ok((low, high)),
        Some(_) => Err(format!("{text} goes downwards: give the lower status first")),
        None => Err(format!(
            "{} is neither a status from {} to {} nor a range of them as 200-399",
            quoted(text),
            STATUSES.start(),
            STATUSES.end()
        )),
    }
}

fn pattern(node: &Node<'_>) -> Read<String> {
    let text = values::any_text(node, "a regular expression")?;
    if text.is_empty() {
        return Err("is empty: give what the line has in it".to_owned());
    }
    regular_expression(text)?;
    Ok(text.to_owned())
}

#[cfg(feature = "regex")]
fn regular_expression(text: &str) -> Read<()> {
    match regex_lite::Regex::new(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{} is not a regular expression: {error}", quoted(text))),
    }
}

#[cfg(not(feature = "regex"))]
fn regular_expression(_: &str) -> Read<()> {
    Err("needs regular expressions, which this taskmaster was built without: build it with the feature regex"
        .to_owned())
}

fn times(reader: &mut CheckReader<'_, '_, '_, '_>, check: &mut Check) {
    reader.set(&mut check.interval, CheckKey::Interval, at_least);
    reader.set(&mut check.timeout, CheckKey::Timeout, at_least);
    reader.set(&mut check.start_period, CheckKey::StartPeriod, values::duration);
    reader.set(&mut check.start_interval, CheckKey::StartInterval, at_least);
    reader.set(&mut check.retries, CheckKey::Retries, |n| values::integer(n, RETRIES));
    if let (true, Some(found)) = (check.start_period.is_zero(), reader.own.get(CheckKey::StartInterval)) {
        let text = "plays no part while start_period is 0";
        reader.report.warning(found.place, reader.own.path_to(&found.entry.key), text);
    }
}

fn at_least(node: &Node<'_>) -> Read<Duration> {
    let time = values::duration(node)?;
    if time < LEAST {
        let least = print_duration(LEAST);
        return Err(format!("is shorter than {least}, in which nothing can be found out: give {least} or more"));
    }
    Ok(time)
}

/// `uptime` is not checked again and again.
fn beside_uptime(reader: &mut CheckReader<'_, '_, '_, '_>) {
    for (name, key) in READINESS_KEYS {
        let Some(found) = reader.own.get(*key).filter(|found| found.entry.key == *name) else { continue };
        if !KINDS.contains(key) {
            let text = "plays no part with uptime";
            reader.report.warning(found.place, reader.own.path_to(name), text);
        }
    }
}

/// `readiness: {uptime: 5s}` is `starttime: 5s`.
fn as_starttime(reader: &mut ProgramReader<'_, '_, '_, '_>, policy: &mut Policy, uptime: Duration, own: bool) {
    let said_here = if own { reader.own.get(Key::Starttime) } else { reader.defaults.get(Key::Starttime) };
    if let Some(found) = said_here {
        let section = if own { reader.own } else { reader.defaults };
        let text = "is the same as the uptime of readiness: give one of them";
        reader.report.error(found.place, section.path_to(&found.entry.key), text);
    }
    // What the program says itself comes before the defaults.
    if own || reader.own.get(Key::Starttime).is_none() {
        policy.starttime = uptime;
    }
}

/// What a readiness check leaves without a meaning, and what leaves it without one.
fn beside_readiness(reader: &mut ProgramReader<'_, '_, '_, '_>, oneshot: bool) {
    let own = reader.own.get(Key::Readiness);
    if let (true, Some(found)) = (oneshot, own) {
        let text = "plays no part with \"oneshot: true\": a job is ready when it runs";
        reader.report.warning(found.place, reader.own.path_to(&found.entry.key), text);
    }
    // Defaults are for programs without a check, too; and of jobs that is said anyway.
    if let (false, Some(found)) = (oneshot, reader.own.get(Key::Starttime)) {
        let text = "plays no part with a readiness check, which says itself when the process is ready";
        reader.report.warning(found.place, reader.own.path_to(&found.entry.key), text);
    }
}

/// A sign is awaited once, so what is said of further tries means nothing.
fn say_what_a_sign_leaves_out(reader: &mut ProgramReader<'_, '_, '_, '_>, check: &Check) {
    let Some(found) = reader.own.get(Key::Readiness).filter(|_| check.probe.is_sign()) else { return };
    let Value::Map(entries) = &found.entry.value.value else { return };
    for entry in entries.iter().filter(|e| ["interval", "start_interval", "retries"].contains(&e.key.as_ref())) {
        let path = format!("{}.{}", reader.own.path_to(&found.entry.key), entry.key);
        let text = format!(
            "plays no part with {}: there is one check, which lasts for start_period and timeout",
            check.probe.key()
        );
        reader.report.warning(found.place.within(entry.at), path, text);
    }
}

/// What cannot be together with the rest of the program.
fn both(reader: &mut ProgramReader<'_, '_, '_, '_>, program: &Program) {
    let Policy { readiness, healthcheck, .. } = &program.policy;
    let probe = |check: &Option<Box<Check>>| check.as_ref().map(|check| check.probe.clone());
    let (ready, well) = (probe(readiness), probe(healthcheck));
    if let (Some(Probe::Fd(one)), Some(Probe::Fd(other))) = (&ready, &well)
        && one == other
        && let Some((section, found)) = reader.find(Key::Healthcheck)
    {
        let text = format!("has the descriptor of readiness ({one}): give it another");
        reader.report.error(found.place, section.path_to(&found.entry.key), text);
    }
    let unseen = |stream: Stream| match program.output(stream).sink {
        Sink::Discard | Sink::Stdout => true,
        Sink::Inherit => program.passed_on(stream).is_none(),
        Sink::Auto | Sink::File(_) => false,
    };
    for (probe, key) in [(ready, Key::Readiness), (well, Key::Healthcheck)] {
        if let (Some(Probe::Log(_)), true, true, Some((section, found))) =
            (probe, unseen(Stream::Stdout), unseen(Stream::Stderr), reader.find(key))
        {
            let text = "looks at its output, of which the daemon sees nothing: give stdout or stderr a file or auto";
            reader.report.warning(found.place, section.path_to(&found.entry.key), text);
        }
    }
}
