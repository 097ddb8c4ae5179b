//! Small words that everybody shares: time, names, signals, units, exits, quotation, what to connect to, times by the
//! calendar and zones, the reading of YAML and TOML, and how a text is written as YAML.
//!
//! A leaf: imports nothing of ours, touches no clock, no file, no process.

pub mod capability;
pub mod cron;
#[cfg(test)]
#[allow(dead_code)]
#[path = "../tests/support/dice.rs"]
pub(crate) mod dice;
pub mod errno;
pub mod exit;
pub mod flags;
pub mod id;
pub mod nearest;
pub mod pattern;
pub mod position;
pub mod resource;
pub mod scheduling;
pub mod select;
pub mod signal;
pub mod stage;
pub mod target;
pub mod text;
pub mod time;
#[cfg(feature = "toml")]
pub mod toml;
pub mod tree;
pub mod units;
pub mod yaml;
pub mod yaml_text;
pub mod zone;
