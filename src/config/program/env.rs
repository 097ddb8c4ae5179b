//! The variables of a program: those that stand in its section, those of the files and directories that it names, and
//! those of the daemon that are passed on.

use std::collections::BTreeMap;

use crate::base::text::quoted;
use crate::base::tree::{Node, Value};
use crate::config::check::{Unread, World};
use crate::config::diag::{Place, Report};
use crate::config::envfile;
use crate::config::model::Variable;
use crate::config::section::{Found, join};
use crate::config::values::{self, Read};

use super::{Key, ProgramReader, ProgramSection, place_of, texts};

type Variables = BTreeMap<String, Variable>;

/// Where a variable of `env` is given, and by what path.
pub(in crate::config) fn place_of_variable(
    own: &ProgramSection<'_, '_>,
    defaults: &ProgramSection<'_, '_>,
    name: &str,
) -> (Place, String) {
    for section in [own, defaults] {
        let Some(found) = section.get(Key::Env) else { continue };
        let Value::Map(entries) = &found.entry.value.value else { continue };
        if let Some(entry) = entries.iter().find(|entry| entry.key == name) {
            return (found.place.within(entry.at), join(&section.path_to(&found.entry.key), name));
        }
    }
    place_of(own, defaults, Key::Env)
}

/// The names and patterns of the daemon's variables that are passed on.
pub(super) fn passed_on(node: &Node<'_>) -> Read<Vec<String>> {
    let mut names = Vec::new();
    for name in texts(node, "the name of a variable")? {
        let name = values::variable(&name)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.shrink_to_fit();
    Ok(names)
}

/// The variables of the program and, for names that it does not have, of the defaults. In either, what stands in the
/// section comes before what stands in a file, and that before what a directory has.
pub(super) fn read(reader: &mut ProgramReader<'_, '_, '_, '_>, world: &World<'_>) -> Variables {
    let mut all = Variables::new();
    for section in [reader.defaults, reader.own] {
        if let Some(found) = section.get(Key::EnvFromDir) {
            of_dirs(section, found, world, reader.report, &mut all);
        }
        if let Some(found) = section.get(Key::EnvFile) {
            of_files(section, found, world, reader.report, &mut all);
        }
        if let Some(found) = section.get(Key::Env) {
            all.append(&mut of_section(section, found, reader.report));
        }
    }
    all
}

/// A path that a key names: whether it may be absent, as it was written, and where it is.
struct Named {
    optional: bool,
    written: String,
    path: String,
}

/// The paths of a key: one, or a list. A `-` before a path says that there may be nothing.
fn paths(section: &ProgramSection<'_, '_>, found: Found<'_, '_, Key>, report: &mut Report<'_>) -> Vec<Named> {
    let node = &found.entry.value;
    let read = match &node.value {
        Value::Scalar(_, _) => values::path(node).map(|path| vec![path]),
        Value::Null | Value::Seq(_) | Value::Map(_) => texts(node, "a path"),
    };
    let source = report.source(found.place);
    match read {
        Ok(paths) => paths
            .into_iter()
            .map(|written| match written.strip_prefix('-') {
                Some(path) => Named { optional: true, path: source.resolve(path), written: path.to_owned() },
                None => Named { optional: false, path: source.resolve(&written), written },
            })
            .collect(),
        Err(text) => {
            report.error(found.place, section.path_to(&found.entry.key), text);
            Vec::new()
        }
    }
}

/// What was read under a path, unless there is nothing to read; that is reported if it should be there.
fn had<T>(
    read: Result<T, Unread>,
    named: &Named,
    section: &ProgramSection<'_, '_>,
    found: Found<'_, '_, Key>,
    report: &mut Report<'_>,
) -> Option<T> {
    let path = quoted(&named.written);
    let problem = match read {
        Ok(read) => return Some(read),
        Err(Unread::Absent) if named.optional => return None,
        Err(Unread::Absent) => format!("{path} is not there; with a \"-\" before it, it may be absent"),
        Err(Unread::Because(text)) => format!("{path} {text}"),
    };
    report.error(found.place, section.path_to(&found.entry.key), problem);
    None
}

fn of_files(
    section: &ProgramSection<'_, '_>,
    found: Found<'_, '_, Key>,
    world: &World<'_>,
    report: &mut Report<'_>,
    all: &mut Variables,
) {
    for named in paths(section, found, report) {
        let Some(text) = had((world.file)(&named.path), &named, section, found, report) else { continue };
        match envfile::parse(&text) {
            Ok(pairs) => all.extend(pairs.into_iter().map(|(name, value)| (name, Variable::FromFile(value)))),
            Err(mistake) => {
                let text = format!("{}, line {}: {}", quoted(&named.written), mistake.line, mistake.text);
                report.error(found.place, section.path_to(&found.entry.key), text);
            }
        }
    }
}

/// One file a variable: its name is the variable's, its text without a last line end the value.
fn of_dirs(
    section: &ProgramSection<'_, '_>,
    found: Found<'_, '_, Key>,
    world: &World<'_>,
    report: &mut Report<'_>,
    all: &mut Variables,
) {
    for named in paths(section, found, report) {
        let Some(files) = had((world.dir)(&named.path), &named, section, found, report) else { continue };
        for (name, text) in files {
            let value = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
            let checked = match values::variable(&name) {
                Ok(_) if value.contains('\0') => Err("has a NUL byte in it".to_owned()),
                checked => checked,
            };
            match checked {
                Ok(name) => {
                    all.insert(name, Variable::FromFile(value.to_owned()));
                }
                Err(problem) => {
                    let text = format!("{}: {} in it {problem}", quoted(&named.written), quoted(&name));
                    report.error(found.place, section.path_to(&found.entry.key), text);
                }
            }
        }
    }
}

fn of_section(section: &ProgramSection<'_, '_>, found: Found<'_, '_, Key>, report: &mut Report<'_>) -> Variables {
    let mut env = Variables::new();
    let path = section.path_to(&found.entry.key);
    let entries = match &found.entry.value.value {
        Value::Map(entries) => entries,
        Value::Null => return env,
        Value::Scalar(_, _) | Value::Seq(_) => {
            let what = found.entry.value.value.what();
            report.error(found.place, path, format!("is {what}, not a map of names and values"));
            return env;
        }
    };
    for entry in entries {
        let place = found.place.within(entry.at);
        let value = match &entry.value.value {
            Value::Null => Ok(String::new()),
            Value::Scalar(_, _) | Value::Seq(_) | Value::Map(_) => {
                values::any_text(&entry.value, "a text").map(str::to_owned)
            }
        };
        match values::variable(&entry.key).and_then(|name| value.map(|value| (name, value))) {
            Ok((name, value)) => {
                if env.insert(name, Variable::Template(value)).is_some() {
                    report.error(place, join(&path, &entry.key), "is given twice");
                }
            }
            Err(text) => report.error(place, join(&path, &entry.key), text),
        }
    }
    env
}
