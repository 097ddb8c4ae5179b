//! `on_event` of the daemon: who is told what happens to processes.

use crate::base::nearest::suggestion;
use crate::base::target::HttpTarget;
use crate::base::text::quoted;
use crate::base::tree::{Node, Scalar, Value};

use super::check::World;
use super::daemon::DaemonKey;
use super::diag::{Place, Report};
use super::expand;
use super::model::{EVENTS, OnEvent, Recipient};
use super::program::{positive, words_of};
use super::section::{Reader, Section};
use super::values::{self, Read};

/// The most entries that there may be.
pub(super) const ENTRIES: usize = 32;

/// The keys of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventKey {
    Events,
    Programs,
    Command,
    Post,
    Timeout,
}

pub(super) const EVENT_KEYS: [(&str, EventKey); 6] = [
    ("events", EventKey::Events),
    ("programs", EventKey::Programs),
    ("command", EventKey::Command),
    ("cmd", EventKey::Command),
    ("post", EventKey::Post),
    ("timeout", EventKey::Timeout),
];

/// The list of those who are told; one alone need not be in a list.
pub(super) fn read(reader: &mut Reader<'_, '_, '_, '_, DaemonKey>, world: &World<'_>) -> Vec<OnEvent> {
    let Some((section, found)) = reader.find(DaemonKey::OnEvent) else { return Vec::new() };
    let path = section.path_to(&found.entry.key);
    let entries = match &found.entry.value.value {
        Value::Null => return Vec::new(),
        Value::Seq(items) => items.as_slice(),
        Value::Map(_) => std::slice::from_ref(&found.entry.value),
        Value::Scalar(..) => {
            let text = "is a text, not a list of maps such as {events: [fatal], command: notify}";
            reader.report.error(found.place, path, text);
            return Vec::new();
        }
    };
    if entries.len() > ENTRIES {
        reader.report.error(found.place, path, format!("has more than {ENTRIES} entries"));
        return Vec::new();
    }
    let mut all = Vec::with_capacity(entries.len());
    for (n, node) in entries.iter().enumerate() {
        let place = found.place.within(node.at);
        let path = format!("{path}[{}]", n + 1);
        all.extend(one(node, place, path, world, reader.report));
    }
    all
}

fn one(node: &Node<'_>, place: Place, path: String, world: &World<'_>, report: &mut Report<'_>) -> Option<OnEvent> {
    let mut own = Section::new(path.as_str(), place);
    own.add(node, place, &EVENT_KEYS, report);
    if !matches!(node.value, Value::Map(_)) {
        return None;
    }
    let here = report.source(place).dir.clone();
    let none = Section::new("", place);
    let mut reader = Reader { report, own: &own, defaults: &none };
    let fill = |text: &str| expand::of_daemon(text, &here, world.env);
    let command = reader.value(EventKey::Command, |n| {
        let (words, _) = words_of(n)?;
        words.iter().map(|word| fill(word)).collect::<Read<Vec<_>>>()
    });
    let post = reader.value(EventKey::Post, |n| {
        let url = fill(values::any_text(n, "a URL such as http://localhost:8080/events")?)?;
        HttpTarget::parse(&url)?;
        if !cfg!(feature = "web") {
            return Err("needs HTTP, which this taskmasterd was built without: give a command".to_owned());
        }
        Ok(url)
    });
    let (has_command, has_post) = (reader.find(EventKey::Command).is_some(), reader.find(EventKey::Post).is_some());
    if has_command == has_post {
        let text =
            if has_post { "has both command and post: give one of them" } else { "has neither command nor post" };
        reader.report.error(place, path, text);
    }
    let mut rule = OnEvent::new(command.map(Recipient::Command).or(post.map(Recipient::Post))?);
    reader.set(&mut rule.events, EventKey::Events, events);
    reader.set(&mut rule.programs, EventKey::Programs, |n| some(n, "the name of a program"));
    reader.set(&mut rule.timeout, EventKey::Timeout, positive);
    Some(rule)
}

fn events(node: &Node<'_>) -> Read<Vec<String>> {
    let events = some(node, "a kind of event")?;
    match events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
        Some(unknown) => {
            let near = suggestion(unknown, EVENTS);
            Err(format!("{} is no kind of event{near}: these are {}", quoted(unknown), EVENTS.join(", ")))
        }
        None => Ok(events),
    }
}

/// One text, or a list of them.
fn some(node: &Node<'_>, what: &str) -> Read<Vec<String>> {
    let text = |node: &Node<'_>| match values::any_text(node, what)? {
        "" => Err("is empty".to_owned()),
        text => Ok(text.to_owned()),
    };
    match &node.value {
        Value::Seq(items) => items.iter().map(text).collect(),
        Value::Scalar(Scalar::Text | Scalar::Int | Scalar::Float | Scalar::Bool, _) | Value::Null | Value::Map(_) => {
            text(node).map(|one| vec![one])
        }
    }
}
