//! From the texts of the configuration's files to the model, or to everything that is wrong with them.

use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use crate::base::id::ProgramName;
use crate::base::tree::{Entry, Node, TreeError, Value};
use crate::base::yaml;

use super::check;
use super::check::World;
use super::daemon::{self, DAEMON_KEYS, DaemonKey};
use super::diag::{self, Diagnostic, Place, Report, Source};
use super::include;
use super::model::{Config, Program};
use super::program::{self, KEYS, ProgramSection};
use super::section::{Section, join};

/// A valid configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The configuration.
    pub config: Config,
    /// What can be used, but is hardly meant.
    pub warnings: Vec<Diagnostic>,
}

/// How many programs there may be.
pub(super) const PROGRAMS: usize = 10_000;
/// How many processes all programs may have together.
const PROCESSES: u64 = 20_000;

/// The roots of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Include,
    Daemon,
    Defaults,
    Programs,
}

pub(super) const ROOTS: [(&str, Root); 6] = [
    ("include", Root::Include),
    ("taskmasterd", Root::Daemon),
    ("defaults", Root::Defaults),
    ("programs", Root::Programs),
    ("services", Root::Programs),
    ("processes", Root::Programs),
];

/// The roots of all files: what is found under each of them.
struct Roots<'n, 't> {
    daemon: Section<'n, 't, DaemonKey>,
    defaults: ProgramSection<'n, 't>,
    programs: Vec<(Place, &'n Entry<'t>)>,
}

/// Reads and checks a configuration that stands in one or several files.
///
/// # Errors
/// Everything that is wrong, and the warnings, in the order of the files and lines. Never empty.
pub fn parse(sources: &[Source], world: &World<'_>) -> Result<Parsed, Vec<Diagnostic>> {
    let mut report = Report::new(sources);
    let config = read(sources, world, &mut report);
    let Report { mut errors, mut warnings, .. } = report;
    if errors.is_empty() {
        diag::arrange(&mut warnings);
        return Ok(Parsed { config, warnings });
    }
    errors.append(&mut warnings);
    diag::arrange(&mut errors);
    Err(errors)
}

fn read(sources: &[Source], world: &World<'_>, report: &mut Report<'_>) -> Config {
    let trees: Vec<Option<Node<'_>>> = sources.iter().map(|source| root(source, report)).collect();
    let roots = find_roots(&trees, world, report);
    let daemon = daemon::read(&roots.daemon, world, report);
    let mut check = check::Check::new(&daemon, world);
    let programs = read_programs(&roots, world, &mut check, report);
    // A map that is made at once has no half-empty nodes: it stays for the life of the daemon.
    let config = Config { daemon, programs: programs.into_iter().collect() };
    check.finish(&config, report);
    config
}

/// The root of a text, or a report on why it could not be read.
fn root<'t>(source: &'t Source, report: &mut Report<'_>) -> Option<Node<'t>> {
    match tree(source) {
        Ok(node) => Some(node),
        Err(errors) => {
            let errors = errors.into_iter().map(|error| Diagnostic::at(source, error.place, error.text));
            report.errors.extend(errors);
            None
        }
    }
}

/// The tree of a text: TOML if its file is named so, else YAML, of which JSON is a part.
pub(super) fn tree(source: &Source) -> Result<Node<'_>, Vec<TreeError>> {
    if !source.name.ends_with(".toml") {
        let as_json =
            |text: String| if source.name.ends_with(".json") { text.replace("valid YAML", "valid JSON") } else { text };
        let read = yaml::parse(&source.text);
        return read.map_err(|error| vec![TreeError { text: as_json(error.text), ..error }]);
    }
    #[cfg(feature = "toml")]
    return crate::base::toml::parse(&source.text);
    #[cfg(not(feature = "toml"))]
    Err(vec![TreeError { place: None, text: "is TOML, which this taskmaster was built without".to_owned() }])
}

fn find_roots<'n, 't>(trees: &'n [Option<Node<'t>>], world: &World<'_>, report: &mut Report<'_>) -> Roots<'n, 't> {
    let start = Place { source: 0, at: None };
    let mut roots = Roots {
        daemon: Section::new("taskmasterd", start),
        defaults: Section::new("defaults", start),
        programs: Vec::new(),
    };
    for (source, tree) in trees.iter().enumerate() {
        let Some(tree) = tree else { continue };
        let place = Place { source, at: tree.at };
        let mut section = Section::new("", place);
        section.add(tree, place, &ROOTS, report);
        if let Some(found) = section.get(Root::Include)
            && let Err(text) = include::read(&found.entry.value, &report.source(place).dir, world.env)
        {
            report.error(found.place, found.entry.key.as_ref(), text);
        }
        if let Some(found) = section.get(Root::Daemon) {
            roots.daemon.add(&found.entry.value, found.place, &DAEMON_KEYS, report);
        }
        if let Some(found) = section.get(Root::Defaults) {
            roots.defaults.add(&found.entry.value, found.place, &KEYS, report);
        }
        roots.programs.extend(section.get(Root::Programs).map(|found| (found.place, found.entry)));
    }
    roots
}

fn read_programs(
    roots: &Roots<'_, '_>,
    world: &World<'_>,
    check: &mut check::Check<'_>,
    report: &mut Report<'_>,
) -> Vec<(ProgramName, Arc<Program>)> {
    let mut programs = Vec::new();
    let mut places: BTreeMap<ProgramName, Place> = BTreeMap::new();
    for (root_place, root) in &roots.programs {
        let entries = match &root.value.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Null => &[],
            Value::Scalar(_, _) | Value::Seq(_) => {
                let text = format!("is {}, not a map of programs", root.value.value.what());
                report.error(*root_place, root.key.as_ref(), text);
                continue;
            }
        };
        for entry in entries {
            let place = root_place.within(entry.at);
            let path = join(&root.key, &entry.key);
            // What is wrong with the name does not keep the rest from being looked at.
            let name = take_name(entry, place, &path, &mut places, report);
            if places.len() > PROGRAMS {
                report.error(place, path, format!("is one program too many: there may be {PROGRAMS}"));
                return programs;
            }
            let mut own = Section::new(path, place);
            own.add(&entry.value, place, &KEYS, report);
            // Of what is no map at all there is nothing more to say.
            if !matches!(entry.value.value, Value::Map(_) | Value::Null) {
                continue;
            }
            let program = program::read(&own, &roots.defaults, world, report);
            if let Some((name, program)) = name.zip(program) {
                check.program(&name, &program, &own, &roots.defaults, report);
                programs.push((name, Arc::new(program)));
            }
        }
    }
    // Also what every program gives itself has to be right in the defaults. What is told twice is shown once.
    program::read_defaults(&roots.defaults, !places.is_empty(), world, report);
    if places.is_empty() && report.errors.is_empty() {
        report.warning(first_place(roots), "programs", "there are none: nothing will run");
    }
    let processes: u64 = programs.iter().map(|(_, program)| u64::from(program.numprocs)).sum();
    if processes > PROCESSES {
        let text = format!("have {processes} processes in all; there may be {PROCESSES}");
        report.error(first_place(roots), "programs", text);
    }
    programs
}

/// The name of a program, unless it is not one or is given again.
fn take_name(
    entry: &Entry<'_>,
    place: Place,
    path: &str,
    places: &mut BTreeMap<ProgramName, Place>,
    report: &mut Report<'_>,
) -> Option<ProgramName> {
    let name = match ProgramName::new(&entry.key) {
        Ok(name) => name,
        Err(problem) => {
            report.error(place, path, format!("the name {problem}"));
            return None;
        }
    };
    match places.entry(name.clone()) {
        btree_map::Entry::Vacant(vacant) => {
            vacant.insert(place);
            Some(name)
        }
        btree_map::Entry::Occupied(first) => {
            let there = report.name_of(*first.get(), place);
            report.error(place, path, format!("is given twice (first in {there})"));
            None
        }
    }
}

/// Where the programs begin, for what concerns all of them.
fn first_place(roots: &Roots<'_, '_>) -> Place {
    roots.programs.first().map_or(Place { source: 0, at: None }, |(place, _)| *place)
}
