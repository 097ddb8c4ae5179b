//! Who is told what happens to processes: `on_event`.

use std::time::Duration;

/// Every kind of event by its word, as `events` tells it.
pub const EVENTS: [&str; 20] = [
    "spawned",
    "running",
    "check_failed",
    "healthy",
    "unhealthy",
    "not_ready",
    "exited",
    "leftovers",
    "waiting",
    "backoff",
    "fatal",
    "stopping",
    "hook_failed",
    "timed_out",
    "skipped",
    "queued",
    "replaced",
    "killed",
    "unkillable",
    "stopped",
];

/// Somebody who is told events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnEvent {
    /// `events`: of which kinds, by their words; none is all.
    pub events: Vec<String>,
    /// `programs`: about which processes, by selectors; none is all.
    pub programs: Vec<String>,
    /// `command` or `post`.
    pub to: Recipient,
    /// `timeout`: how long it may take to take one.
    pub timeout: Duration,
}

impl OnEvent {
    /// Everything to this one, with the default of the rest.
    #[must_use]
    pub fn new(to: Recipient) -> OnEvent {
        OnEvent { events: Vec::new(), programs: Vec::new(), to, timeout: Duration::from_secs(10) }
    }
}

/// How somebody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// By the standard input of this command, with everything filled in. Never empty.
    Command(Vec<String>),
    /// By a request to this URL, with everything filled in.
    Post(String),
}
