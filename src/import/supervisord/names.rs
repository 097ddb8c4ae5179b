//! What programs and groups are called here, and which program is in which group.

use std::collections::BTreeMap;

use crate::base::id::ProgramName;
use crate::base::text::quoted;
use crate::import::Problem;
use crate::import::ini::{Document, Entry};

use super::scope::Common;
use super::values;

/// A `[group:x]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub name: String,
    /// What it is called here.
    pub ours: String,
    /// Its priority among groups, if that is written.
    pub priority: Option<i64>,
}

/// What things are called.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Program by its name there: its name here.
    programs: BTreeMap<String, String>,
    /// Program: the first group that names it.
    groups: BTreeMap<String, Group>,
    /// Program: further groups that name it.
    further: BTreeMap<String, Vec<String>>,
}

impl Names {
    /// # Errors
    /// A name that supervisord refuses, or two that become the same here; a group with a program that there is not.
    pub(super) fn new(document: &Document, common: &Common<'_>) -> Result<Names, Problem> {
        let mut names = Names::default();
        for section in &document.sections {
            let Some(name) = section.name.strip_prefix("program:") else { continue };
            let wrong = |text| document.problem(section.at, format!("[{}]: {text}", section.name));
            let name = checked(name).map_err(wrong)?;
            let ours = ours(&name);
            if names.programs.values().any(|known| *known == ours) {
                return Err(wrong(format!("would be called {ours} here, as another program is")));
            }
            names.programs.insert(name, ours);
        }
        for section in &document.sections {
            let Some(name) = section.name.strip_prefix("group:") else { continue };
            let wrong = |text| document.problem(section.at, format!("[{}]: {text}", section.name));
            let name = checked(name).map_err(wrong)?;
            let scope = common.scope(document.dir(section.at));
            let read = |entry: &Entry| values::integer(&scope.evaluate(&entry.value)?.0);
            let priority = document.value(section, "priority").map(|entry| (entry, read(entry)));
            let priority = match priority {
                Some((_, Ok(number))) => Some(number),
                Some((entry, Err(text))) => return Err(document.problem(entry.at, format!("priority {text}"))),
                None => None,
            };
            let group = Group { ours: ours(&name), name, priority };
            if let Some(programs) = section.get("programs") {
                names.members(document, &group, programs, &scope.evaluate(&programs.value).unwrap_or_default().0)?;
            }
        }
        Ok(names)
    }

    fn members(&mut self, document: &Document, group: &Group, entry: &Entry, list: &str) -> Result<(), Problem> {
        for program in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let is_other = || document.get(&format!("fcgi-program:{program}")).is_some();
            if !self.programs.contains_key(program) && !is_other() {
                let near = crate::base::nearest::suggestion(program, self.programs.keys().map(String::as_str));
                return Err(document.problem(entry.at, format!("programs: there is no program {program}{near}")));
            }
            if self.groups.contains_key(program) {
                self.further.entry(program.to_owned()).or_default().push(group.name.clone());
            } else {
                self.groups.insert(program.to_owned(), group.clone());
            }
        }
        Ok(())
    }

    /// What a program is called here.
    pub(super) fn program(&self, name: &str) -> &str {
        self.programs.get(name).map_or("", String::as_str)
    }

    /// The group of a program, if one names it.
    pub(super) fn group(&self, program: &str) -> Option<&Group> {
        self.groups.get(program)
    }

    /// Groups that name the program as well; there it would be run once for each.
    pub(super) fn further(&self, program: &str) -> &[String] {
        self.further.get(program).map_or(&[], Vec::as_slice)
    }
}

/// The name as supervisord takes it.
pub(super) fn checked(name: &str) -> Result<String, String> {
    let name = name.trim();
    if name.is_empty() || name.contains([' ', ':', '/']) {
        return Err(format!("{} is not a name; supervisord refuses it", quoted(name)));
    }
    Ok(name.to_owned())
}

/// The name if it can be one here, else one that is like it.
fn ours(name: &str) -> String {
    if ProgramName::new(name).is_ok() {
        return name.to_owned();
    }
    let is_known = |c: char| c.is_alphanumeric() || "_-.@+".contains(c);
    let text: String = name.chars().map(|c| if is_known(c) { c } else { '_' }).take(40).collect();
    let text = text.trim_start_matches(['.', '-']);
    if ProgramName::new(text).is_ok() { text.to_owned() } else { format!("{text}_") }
}
