//! The shapes of `readiness`, `healthcheck` and `on_unhealthy`.

use serde_json::{Map, Value, json};

use crate::config::model::OnUnhealthy;
use crate::config::program::{
    CHECK_FDS, CHECK_KINDS, CHECK_RETRIES, CHECK_STATUSES, CheckKey, HEALTH_KEYS, KEYS, Key, READINESS_KEYS,
};

use super::{
    Said, any_case, arguments, command, duration, integer, names, one_of, put, section, text_like, unless, words,
};

pub(super) fn readiness() -> Value {
    check(READINESS_KEYS, ready)
}

pub(super) fn healthcheck() -> Value {
    check(HEALTH_KEYS, well)
}

pub(super) fn on_unhealthy() -> Value {
    words(&OnUnhealthy::NAMES.map(|(name, _)| name), &[])
}

/// A map in which at most one key says what is looked at, nothing, or `none`.
fn check(table: &[(&'static str, CheckKey)], say: fn(CheckKey) -> Said) -> Value {
    let mut check = section(table, say);
    let mut cases: Vec<Value> = kinds(table).iter().map(|name| json!({"type": "object", "required": [name]})).collect();
    cases.push(json!({"not": {"anyOf": cases.clone()}}));
    put(&mut check, "type", json!(["object", "string", "null"]));
    put(&mut check, "pattern", json!(format!("^{}$", any_case("none"))));
    put(&mut check, "oneOf", json!(cases));
    check
}

/// The names of the keys that say what is looked at.
fn kinds(table: &[(&'static str, CheckKey)]) -> Vec<&'static str> {
    CHECK_KINDS.iter().flat_map(|kind| names(table, *kind)).collect()
}

/// Every check that a program has looks at something, unless the defaults say at what.
pub(super) fn look_at_something() -> [Value; 2] {
    [(Key::Readiness, READINESS_KEYS), (Key::Healthcheck, HEALTH_KEYS)].map(|(key, table)| {
        let check = names(&KEYS, key);
        let own = json!({"anyOf": [{"type": ["string", "null"]}, one_of(&kinds(table))]});
        let own: Map<String, Value> = check.iter().map(|name| ((*name).to_owned(), own.clone())).collect();
        unless(one_of(&check), json!({"properties": own}))
    })
}

fn ready(key: CheckKey) -> Said {
    match key {
        CheckKey::Interval => (duration(), "The longest time from the end of a check to the next. Default: 1s."),
        CheckKey::StartPeriod => (duration(), "How long it may take to be ready. Default: 60s."),
        CheckKey::StartInterval => (duration(), "The interval during that time. Default: 1s."),
        CheckKey::Retries => (integer(&CHECK_RETRIES), "Failures in a row after that time that end it. Default: 3."),
        CheckKey::Uptime
        | CheckKey::Exec
        | CheckKey::Cmd
        | CheckKey::Args
        | CheckKey::Tcp
        | CheckKey::Http
        | CheckKey::Status
        | CheckKey::Log
        | CheckKey::Notify
        | CheckKey::Fd
        | CheckKey::Timeout => well(key),
    }
}

fn well(key: CheckKey) -> Said {
    match key {
        CheckKey::Uptime => (duration(), "How long it must live, the same as starttime."),
        CheckKey::Exec => (command(), "A command that exits with 0: a list of words, or a line for /bin/sh."),
        CheckKey::Cmd => (command(), "The same, as the cmd of a program: a text that is split into words."),
        CheckKey::Args => (arguments(), "Words that are appended to cmd. Default: []."),
        CheckKey::Tcp => (address(), "An address that takes connections, as localhost:5432 or unix:/run/x.sock."),
        CheckKey::Http => (url(), "A URL, as http://localhost:8080/health or http://unix:/run/x.sock:/health."),
        CheckKey::Status => (status(), "The status that is good, or a range of them. Default: 200-399."),
        CheckKey::Log => (pattern(), "A regular expression for a line of its output."),
        CheckKey::Notify => (only_true(), "It says so itself by sd_notify(3): READY=1, or WATCHDOG=1 for its health."),
        CheckKey::Fd => (integer(&CHECK_FDS), "It says so itself by a line on this descriptor."),
        CheckKey::Interval => (duration(), "The time from the end of a check to the next. Default: 30s."),
        CheckKey::Timeout => (duration(), "How long a check may take. Default: 30s."),
        CheckKey::StartPeriod => (duration(), "How long after the start a failure does not count. Default: 0s."),
        CheckKey::StartInterval => (duration(), "The interval during that time. Default: 5s."),
        CheckKey::Retries => (integer(&CHECK_RETRIES), "Failures in a row that make it unhealthy. Default: 3."),
    }
}

fn address() -> Value {
    text_like(r"^unix:/|:[0-9]+$|\$|%\(")
}

fn url() -> Value {
    text_like(&format!(r"^{}://|\$|%\(", any_case("http")))
}

fn status() -> Value {
    let number = json!({"type": "integer", "minimum": CHECK_STATUSES.start(), "maximum": CHECK_STATUSES.end()});
    json!({"anyOf": [number, text_like("^[2-5][0-9][0-9](-[2-5][0-9][0-9])?$")]})
}

fn pattern() -> Value {
    json!({"type": ["string", "number", "boolean"], "minLength": 1})
}

fn only_true() -> Value {
    let words = super::any_of(&["true", "yes", "on"]);
    json!({"anyOf": [{"enum": [true]}, text_like(&format!("^{words}$"))]})
}
