//! A restart uses the configuration's files as they are now.
//!
//! A program all of whose processes are named takes its section from the file, as in a reload of it alone: other keys,
//! more processes or fewer. All other programs stay what they are, and so does one that cannot take its section. What
//! was done is told in notes; where the file says what is in force already, there is nothing to tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::base::id::{Key, ProgramName, Ticket, process_name};
use crate::base::select::Selector;
use crate::base::text::cut;
use crate::base::time::Mono;
use crate::config::diff::{self, KeyChange, ProgramChange, ProgramChangeKind};
use crate::config::model::{Config, Level, Program};
use crate::control::message::{Refusal, RefusalCode, Response, Wait};

use super::action::Action;
use super::command::{Target, Verb};
use super::event::Files;
use super::fleet::Fleet;

#[cfg(test)]
mod tests;

/// How many programs a note names before it only counts them.
const NAMES_IN_A_NOTE: usize = 5;

/// What the answer of a restart and the daemon's log say of the files.
type Notes = Vec<(Level, String)>;

impl Fleet {
    /// Stops and starts the named processes, by their sections of the files where they may be taken; `rolling` is how many
    /// at a time.
    pub(super) fn restart(
        &mut self,
        ticket: Ticket,
        names: &[String],
        (wait, rolling): (Wait, Option<u32>),
        files: Files,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        let chosen = self.refusal(Verb::Restart).and_then(|()| {
            self.choose(names).map_err(|name| self.not_yet(name, &files).unwrap_or_else(|| self.unknown(name)))
        });
        let keys = match chosen {
            Ok(keys) => keys,
            Err(refusal) => return out.push(Action::Reply(ticket, Response::Refused(refusal))),
        };
        let as_they_are = |keys: Vec<Key>| keys.into_iter().map(Target::Intent).collect();
        let (targets, notes): (Vec<Target>, Notes) = match files {
            Files::Unchanged => (as_they_are(keys), Vec::new()),
            Files::Broken(why) => {
                let text = format!("the configuration has {why}");
                (as_they_are(keys), vec![(Level::Warning, text)])
            }
            Files::Read(mut config) => {
                self.keep_scales(&mut config, false);
                let (changes, mut notes) = self.sections(&keys, &config);
                notes.extend(self.only_in_file(names, &config));
                (self.take_sections(keys, &changes, *config, now, out), notes)
            }
        };
        out.extend(notes.iter().map(|(level, text)| Action::Log(*level, text.clone())));
        let notes = notes.into_iter().map(|(_, text)| text).collect();
        match rolling {
            None => self.begin_all(ticket, Verb::Restart, targets, notes, wait, now, out),
            Some(width) => self.begin_rolling(ticket, width, targets, notes, wait, now, out),
        }
        self.look_at_all(now, out);
    }

    /// Of the programs that these processes belong to: which take what from the file, and what is to be said of each.
    fn sections(&self, keys: &[Key], file: &Config) -> (Vec<ProgramChange>, Notes) {
        let mut named: BTreeMap<&ProgramName, usize> = BTreeMap::new();
        for member in keys.iter().filter_map(|key| self.member(*key)).filter(|m| !m.retiring) {
            *named.entry(&member.name).or_default() += 1;
        }
        let (mut changes, mut notes) = (Vec::new(), Notes::new());
        for (name, count) in named {
            let Some(old) = self.config.programs.get(name) else { continue };
            let Some(new) = file.programs.get(name) else {
                let text = format!("{name}: the file no longer has it, so it keeps its keys; \"reload\" removes it");
                notes.push((Level::Warning, text));
                continue;
            };
            let Some(kind) = diff::program(old, new) else { continue };
            let all = self.keys_of(name).len();
            if count == all {
                notes.push((Level::Info, format!("{name}: uses the file as it is now ({})", told(&kind, true))));
                changes.push(ProgramChange { name: name.clone(), kind });
            } else {
                let keys = told(&kind, false);
                let text = format!(
                    "{name}: keeps its keys with only {count} of its {all} processes named; the file has others now \
                     ({keys}): \"restart {name}\" or \"reload\" takes them"
                );
                notes.push((Level::Warning, text));
            }
        }
        (changes, notes)
    }

    /// Puts these programs in force as the file has them. What the command is about from then on: the processes that
    /// were chosen, those that the programs have gained, and those that they have lost.
    fn take_sections(
        &mut self,
        chosen: Vec<Key>,
        changes: &[ProgramChange],
        mut file: Config,
        now: Mono,
        out: &mut Vec<Action>,
    ) -> Vec<Target> {
        let mut targets: BTreeMap<(ProgramName, u32), Target> = BTreeMap::new();
        let changing: BTreeSet<&ProgramName> = changes.iter().map(|change| &change.name).collect();
        for key in chosen {
            let Some(member) = self.member(key) else { continue };
            // Whether it stays shows afterwards. If not, its number tells it from what has its name by then.
            let target = if changing.contains(&member.name) && !member.retiring {
                Target::Removed(key, process_name(&member.name, member.num, true))
            } else {
                Target::Intent(key)
            };
            targets.insert((member.name.clone(), member.num), target);
        }
        for change in changes {
            let section = file.programs.remove_entry(&change.name);
            self.config.programs.extend(section);
        }
        self.order.read(&self.config);
        // The intents of a reload are not told: that of the command comes to all of them.
        self.put_in_force(changes, now, out);
        for change in changes {
            for key in self.keys_of(&change.name) {
                let place = self.member(key).map(|m| (m.name.clone(), m.num));
                targets.extend(place.map(|place| (place, Target::Intent(key))));
            }
        }
        targets.into_values().collect()
    }

    /// Programs that the selectors mean as well, but only the file has.
    fn only_in_file(&self, names: &[String], file: &Config) -> Option<(Level, String)> {
        let selectors: Vec<Selector> = names.iter().map(|name| Selector::parse(name)).collect();
        let new = file.programs.iter().filter(|(name, _)| !self.config.programs.contains_key(*name));
        let new: Vec<&str> = new
            .filter(|(name, program)| selectors.iter().any(|s| means(s, name, program)))
            .map(|(name, _)| name.as_str())
            .collect();
        let (them, shown) = match new.as_slice() {
            [] => return None,
            [one] => ("it", format!("\"{one}\"")),
            some if some.len() <= NAMES_IN_A_NOTE => ("them", format!("\"{}\"", some.join("\", \""))),
            many => ("them", format!("{} programs", many.len())),
        };
        Some((Level::Info, format!("the file has {shown} besides, not known yet; \"reload\" adds {them}")))
    }

    /// The refusal of a name that only the file knows.
    fn not_yet(&self, name: &str, files: &Files) -> Option<Refusal> {
        let Files::Read(file) = files else { return None };
        let selector = Selector::parse(name);
        let (program, _) = file.programs.iter().find(|(program, p)| means(&selector, program, p))?;
        let text = if self.config.programs.contains_key(program) {
            format!("no process \"{name}\" yet: the file has it, and \"restart {program}\" or \"reload\" adds it")
        } else {
            format!("no program or process \"{name}\" yet: the file has it, and \"reload\" adds it")
        };
        Some(Refusal::new(RefusalCode::UnknownName, text))
    }
}

fn means(selector: &Selector, name: &ProgramName, program: &Program) -> bool {
    program.numbers().any(|num| selector.matches(name, num, program.group_name.as_ref()))
}

/// The keys that differ, with their values if wanted, cut if they are long. The values of variables are never told: a
/// note is also written to the daemon's log, and a variable may be a secret.
fn told(kind: &ProgramChangeKind, values: bool) -> String {
    let ProgramChangeKind::Changed { restart, in_place, numbers } = kind else { return String::new() };
    let number = |key: &str, old: usize, new: usize| {
        let change = KeyChange { key: key.to_owned(), old: old.to_string(), new: new.to_string() };
        (old != new).then_some(change)
    };
    let numbers = numbers.iter().flat_map(|(old, new)| {
        let starts = [old, new].map(|range| usize::try_from(range.start).unwrap_or(usize::MAX));
        [number("numprocs", old.len(), new.len()), number("numprocs_start", starts[0], starts[1])]
    });
    let numbers: Vec<KeyChange> = numbers.flatten().collect();
    let mut text = String::new();
    for change in restart.iter().chain(in_place).chain(&numbers) {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&change.key);
        let (old, new) = (cut(&change.old), cut(&change.new));
        if values && !change.key.starts_with("env.") && old != new {
            // Writing into a string cannot fail.
            let _ = write!(text, ": {old} -> {new}");
        }
    }
    text
}
