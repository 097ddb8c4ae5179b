//! What differs between two configurations.

use super::model::Config;
use crate::base::id::ProgramName;

/// The difference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Programs that differ.
    pub programs: Vec<ProgramChange>,
    /// Daemon keys that need a new daemon.
    pub daemon_keys: Vec<KeyChange>,
    /// Whether daemon keys changed that apply at once.
    pub daemon_live: bool,
}

/// One program.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramChange {
    /// Its name.
    pub name: ProgramName,
    /// How.
    pub kind: ProgramChangeKind,
}

/// How.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgramChangeKind {
    /// New.
    Added,
    /// Gone.
    Removed,
    /// Other keys.
    Changed {
        /// Needs a restart.
        restart: Vec<KeyChange>,
        /// In place.
        in_place: Vec<KeyChange>,
        /// Old and new.
        numprocs: Option<(u32, u32)>,
    },
}

/// One key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyChange {
    /// Key.
    pub key: String,
    /// Old.
    pub old: String,
    /// New.
    pub new: String,
}

/// Diff.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Plan {
    let mut plan = Plan::default();
    let key = |key: &str| KeyChange { key: key.to_owned(), old: "?".to_owned(), new: "?".to_owned() };
    for (name, o) in &old.programs {
        let kind = match new.programs.get(name) {
            None => ProgramChangeKind::Removed,
            Some(n) if n == o => continue,
            Some(n) => ProgramChangeKind::Changed {
                restart: if n.argv == o.argv { vec![] } else { vec![key("cmd")] },
                in_place: if n.policy == o.policy { vec![] } else { vec![key("policy")] },
                numprocs: (n.numprocs != o.numprocs).then_some((o.numprocs, n.numprocs)),
            },
        };
        plan.programs.push(ProgramChange { name: name.clone(), kind });
    }
    for name in new.programs.keys().filter(|n| !old.programs.contains_key(*n)) {
        plan.programs.push(ProgramChange { name: name.clone(), kind: ProgramChangeKind::Added });
    }
    plan
}
