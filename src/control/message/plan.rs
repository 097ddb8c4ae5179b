//! What a reload does, or would do.

use serde::{Deserialize, Serialize};

/// What a reload does, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanReport {
    /// Whether it was only asked for, not applied.
    pub dry_run: bool,
    /// One entry for each process that is touched, in order of names.
    pub changes: Vec<Change>,
    /// How many processes stay as they are.
    pub unchanged: u32,
    /// The keys of the daemon that changed. One that needs a restart takes effect when the daemon is started anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub daemon: Vec<KeyChange>,
    /// The names of those that need that.
    pub needs_daemon_restart: Vec<String>,
}

impl PlanReport {
    /// Whether the reload changes anything. What waits for the daemon to be started anew is not changed by a reload,
    /// and would be told again by the next one.
    #[must_use]
    pub fn changes_anything(&self) -> bool {
        !self.changes.is_empty() || self.daemon.iter().any(|key| !key.needs_restart)
    }
}

/// What happens to one process in a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The process.
    pub name: String,
    /// What the reload does with it.
    pub action: ChangeAction,
    /// What that means for it as it is now.
    pub then: Then,
    /// The keys that changed, with their values before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyChange>,
}

/// The ways in which a reload touches a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeAction {
    /// It is new.
    Added,
    /// It is stopped and forgotten.
    Removed,
    /// It is started anew with the new keys.
    Restarted,
    /// It gets new keys and stays what it is.
    Updated,
}

/// What becomes of a process that a reload touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// It was down, and is started.
    Starts,
    /// It is stopped, and started again.
    Restarts,
    /// It is stopped.
    Stops,
    /// It runs on, or waits on for its next try.
    GoesOn,
    /// It is down and stays so.
    StaysDown,
    /// It is down, and runs when its schedule says so.
    BySchedule,
    /// It is down, and is started by the first connection.
    OnDemand,
}

/// One key before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// The key: `stoptime`, `env.PORT`.
    pub key: String,
    /// Its old value, as it would be written.
    pub old: String,
    /// Its new value.
    pub new: String,
    /// Whether it takes effect only with a restart: of the process, or of the daemon for a key of the daemon.
    pub needs_restart: bool,
}
