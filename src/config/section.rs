//! Which keys stand where: from the tree of a text to the keys that are known, each with its value and its place.
//!
//! Unknown keys, duplicates and two names for the same key are found here. What a value says is not looked at.

use crate::base::nearest::suggestion;
use crate::base::text::{cut, quoted};
use crate::base::tree::{Entry, Node, Value};

use super::check::World;
use super::daemon::DAEMON_KEYS;
use super::diag::{Place, Report};
use super::expand;
use super::program;
use super::values::Read;

/// A key that was found.
#[derive(Clone, Copy)]
pub(super) struct Found<'n, 't, K> {
    pub key: K,
    pub entry: &'n Entry<'t>,
    pub place: Place,
}

/// The known keys of a map, or of several maps that count as one.
pub(super) struct Section<'n, 't, K> {
    /// What stands before the keys in a path: `programs.web`.
    pub path: String,
    /// Where it begins.
    pub place: Place,
    found: Vec<Found<'n, 't, K>>,
}

impl<'n, 't, K: Copy + PartialEq> Section<'n, 't, K> {
    /// A section without keys.
    pub(super) fn new(path: impl Into<String>, place: Place) -> Section<'n, 't, K> {
        Section { path: path.into(), place, found: Vec::new() }
    }

    /// Takes in the keys of a map. Each name in `names` is a name of its key.
    pub(super) fn add(
        &mut self,
        map: &'n Node<'t>,
        place: Place,
        names: &[(&'static str, K)],
        report: &mut Report<'_>,
    ) {
        let entries = match &map.value {
            Value::Map(entries) => entries,
            Value::Null => return,
            Value::Scalar(_, _) | Value::Seq(_) => {
                let what = map.value.what();
                report.error(place, &self.path, format!("is {what}, not a map of keys and values"));
                return;
            }
        };
        for entry in entries {
            let place = place.within(entry.at);
            let Some((_, key)) = names.iter().find(|(name, _)| *name == entry.key) else {
                let misplaced = if self.path.is_empty() { misplaced(&entry.key) } else { None };
                let text = misplaced.unwrap_or_else(|| unknown(&entry.key, names));
                report.error(place, self.path_to(&entry.key), text);
                continue;
            };
            match self.get(*key) {
                None => self.found.push(Found { key: *key, entry, place }),
                Some(first) => {
                    let there = report.name_of(first.place, place);
                    let text = if first.entry.key == entry.key {
                        format!("is given twice (first in {there})")
                    } else {
                        format!("is another name of {}, which is given too (in {there})", quoted(&first.entry.key))
                    };
                    report.error(place, self.path_to(&entry.key), text);
                }
            }
        }
    }

    pub(super) fn get(&self, key: K) -> Option<Found<'n, 't, K>> {
        self.found.iter().find(|found| found.key == key).copied()
    }

    /// The path of a key as it is spelled here.
    pub(super) fn path_to(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

/// `programs.web` and `cmd` to `programs.web.cmd`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { cut(key) } else { format!("{path}.{}", cut(key)) }
}

/// Where a key belongs that stands beside the roots, if it is one of others.
fn misplaced(key: &str) -> Option<String> {
    let of_daemon = DAEMON_KEYS.iter().any(|(name, _)| *name == key);
    let of_program = program::KEYS.iter().any(|(name, _)| *name == key);
    let root = match (of_daemon, of_program) {
        (true, _) => "taskmasterd",
        (false, true) => "programs.NAME",
        (false, false) => return None,
    };
    Some(format!("is not a key here: it belongs under {}", quoted(root)))
}

fn unknown<K>(key: &str, names: &[(&'static str, K)]) -> String {
    if key == "<<" {
        return "merging by \"<<\" is not supported: keys for all programs go under \"defaults\"".to_owned();
    }
    let known = names.iter().map(|(name, _)| *name);
    match suggestion(key, known.clone()) {
        near if near.is_empty() && names.len() < 12 => {
            format!("is not a known key (known are {})", known.collect::<Vec<_>>().join(", "))
        }
        near => format!("is not a known key{near}"),
    }
}

/// Reads values out of a section, and for what it does not have, out of the one with the defaults.
pub(super) struct Reader<'a, 's, 'n, 't, K> {
    pub report: &'a mut Report<'s>,
    pub own: &'a Section<'n, 't, K>,
    pub defaults: &'a Section<'n, 't, K>,
}

impl<'a, 'n, 't, K: Copy + PartialEq> Reader<'a, '_, 'n, 't, K> {
    /// Where a key is given.
    pub(super) fn find(&self, key: K) -> Option<(&'a Section<'n, 't, K>, Found<'n, 't, K>)> {
        [self.own, self.defaults].into_iter().find_map(|section| section.get(key).map(|found| (section, found)))
    }

    /// The value of a key if it is given and good; if it is not good, that is reported.
    pub(super) fn value<T>(&mut self, key: K, read: impl FnOnce(&Node<'t>) -> Read<T>) -> Option<T> {
        let (section, found) = self.find(key)?;
        self.value_of(section, found, read)
    }

    /// The same for a key that was found in this section.
    pub(super) fn value_of<T>(
        &mut self,
        section: &Section<'n, 't, K>,
        found: Found<'n, 't, K>,
        read: impl FnOnce(&Node<'t>) -> Read<T>,
    ) -> Option<T> {
        match read(&found.entry.value) {
            Ok(value) => Some(value),
            Err(text) => {
                self.report.error(found.place, section.path_to(&found.entry.key), text);
                None
            }
        }
    }

    /// The keys in the map that a key has as its value: those of the program, and those of the defaults.
    pub(super) fn within<L: Copy + PartialEq>(
        &mut self,
        key: K,
        names: &[(&'static str, L)],
    ) -> [Section<'n, 't, L>; 2] {
        [self.own, self.defaults].map(|section| {
            let Some(found) = section.get(key) else { return Section::new("", section.place) };
            let mut inner = Section::new(section.path_to(&found.entry.key), found.place);
            inner.add(&found.entry.value, found.place, names, self.report);
            inner
        })
    }

    /// Puts the value of a key in place if it is given and good.
    pub(super) fn set<T>(&mut self, target: &mut T, key: K, read: impl FnOnce(&Node<'t>) -> Read<T>) {
        if let Some(value) = self.value(key, read) {
            *target = value;
        }
    }

    /// The same for a value of the daemon in which the daemon's environment is filled in.
    pub(super) fn set_filled<T>(
        &mut self,
        target: &mut T,
        key: K,
        world: &World<'_>,
        read: impl FnOnce(&Node<'_>) -> Read<T>,
    ) {
        let Some((section, found)) = self.find(key) else { return };
        let here = &self.report.source(found.place).dir;
        let filled = |node: &Node<'t>| match &node.value {
            Value::Scalar(kind, text) => {
                let text = expand::of_daemon(text, here, world.env)?;
                read(&Node { value: Value::Scalar(*kind, text.into()), at: node.at })
            }
            Value::Null | Value::Seq(_) | Value::Map(_) => read(node),
        };
        if let Some(value) = self.value_of(section, found, filled) {
            *target = value;
        }
    }

    /// The same where no value has a meaning of its own.
    pub(super) fn set_some<T>(&mut self, target: &mut Option<T>, key: K, read: impl FnOnce(&Node<'t>) -> Read<T>) {
        if let Some(value) = self.value(key, read) {
            *target = Some(value);
        }
    }
}
