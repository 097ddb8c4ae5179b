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
pub fn diff(_old: &Config, _new: &Config) -> Plan {
    Plan::default()
}
