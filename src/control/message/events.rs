//! What happened to processes, as clients are told.

use serde::{Deserialize, Serialize};

use super::StateName;

/// Something that happened to a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number. They are counted from 1, without a gap, since the daemon was started.
    pub seq: u64,
    /// When: UTC, as RFC 3339 writes it.
    pub time: String,
    /// What, in one word: `spawned`, `exited`.
    pub event: String,
    /// The program.
    pub program: String,
    /// The process, as people see it.
    pub process: String,
    /// Its number within the program.
    pub num: u32,
    /// Its group of programs, if it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its process id, if it has or had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its state before.
    pub from: StateName,
    /// Its state since.
    pub to: StateName,
    /// Why, for people.
    pub cause: String,
}

/// The beginning of an answer to `events`, or all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventList {
    /// What has happened, the oldest first.
    pub events: Vec<Event>,
    /// The number that the next event of the daemon will have.
    pub next: u64,
    /// Whether what happens later follows.
    pub follow: bool,
    /// How many of the events that were asked for are no longer kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}
