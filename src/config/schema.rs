//! The JSON Schema of the configuration, made from the tables of keys, for editors that complete and check while one
//! types. It takes whatever the parser takes; what only shows when keys are held against each other it cannot say.

use serde_json::{Map, Value, json};

use super::daemon::{DAEMON_KEYS, DaemonKey, SOCKET_KEYS, SocketKey};
use super::model::{Level, LogFormat};
use super::parse::{ROOTS, Root};
use super::program::{BACKOFF_KEYS, BackoffKey, HEALTH_KEYS, HealthKey, KEYS, Key};

/// The schema as JSON text (draft 7, which most editors know).
#[must_use]
pub fn schema() -> String {
    let roots = properties(&ROOTS, |root| match root {
        Root::Include => {
            (paths(), "Other files that are part of the configuration: a path, a pattern, or a list of them.")
        }
        Root::Daemon => (reference("daemon"), "The daemon's own keys."),
        Root::Defaults => (reference("program"), "Keys that every program has unless it gives them itself."),
        Root::Programs => (
            json!({"type": ["object", "null"], "additionalProperties": reference("program"), "propertyNames": name()}),
            "The programs by name. programs, services and processes mean the same; one of them may be given.",
        ),
    });
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "taskmaster",
        "description": "Configuration of the taskmaster process supervisor; see taskmaster.yaml(5).",
        "type": ["object", "null"],
        "properties": roots,
        "additionalProperties": false,
        "definitions": {
            "program": object(properties(&KEYS, of_program)),
            "backoff": object(properties(&BACKOFF_KEYS, of_backoff)),
            "healthcheck": object(properties(&HEALTH_KEYS, of_healthcheck)),
            "daemon": object(properties(&DAEMON_KEYS, of_daemon)),
            "socket": object(properties(&SOCKET_KEYS, of_socket)),
        },
    });
    // A tree of texts and numbers can always be printed.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

/// What a key takes, and what it is for.
type Shape = (Value, &'static str);

fn object(properties: Map<String, Value>) -> Value {
    json!({"type": ["object", "null"], "properties": properties, "additionalProperties": false})
}

/// Each name of a table with the shape of its key. The first name of a key is its own; the others say so.
fn properties<K: Copy + PartialEq>(names: &[(&'static str, K)], shape: impl Fn(K) -> Shape) -> Map<String, Value> {
    let property = |(name, key): &(&'static str, K)| {
        let (mut value, about) = shape(*key);
        let own = names.iter().find(|(_, other)| other == key).map_or(*name, |(own, _)| *own);
        let about = if own == *name { about.to_owned() } else { format!("Another name of {own}. {about}") };
        if let Value::Object(members) = &mut value {
            // Beside a reference nothing else counts in this draft.
            if let Some(reference) = members.remove("$ref") {
                members.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
            }
            members.insert("description".to_owned(), Value::String(about));
        }
        ((*name).to_owned(), value)
    };
    names.iter().map(property).collect()
}

fn of_program(key: Key) -> Shape {
    match key {
        Key::Cmd => {
            (command(), "The command: split into words as a shell does, without a shell; or a list of words. Required.")
        }
        Key::Args => (words(), "Words behind those of cmd."),
        Key::Shell => (boolean(), "Whether /bin/sh -c runs the command. Default: false."),
        Key::Numprocs => (integer(1, 10_000), "How many processes run. Default: 1."),
        Key::NumprocsStart => (integer(0, 1_000_000), "The number of the first process. Default: 0."),
        Key::Autostart => (boolean(), "Whether it is started with the daemon. Default: true."),
        Key::Autorestart => (
            any_case(
                &["always", "never", "unexpected", "on-failure", "true", "false", "yes", "no", "on", "off"],
                Some("(:[0-9]+|\\[:[0-9]+\\])"),
            ),
            "When a process that ended is started again: always, never, unexpected (default), on-failure, on-failure:5.",
        ),
        Key::Exitcodes => (
            json!({"anyOf": [byte(), {"type": "array", "items": byte()},
                {"type": "string", "pattern": "^ *[0-9]+ *(, *[0-9]+ *)*$"}]}),
            "The exit statuses that are expected. Default: [0].",
        ),
        Key::Startretries => (
            json!({"anyOf": [integer(0, 1_000_000), any_case(&["unlimited"], None)]}),
            "Failed starts in a row that are tried again. Default: 3.",
        ),
        Key::Starttime => (duration(), "How long a process must live to count as started. Default: 1."),
        Key::Stopsignal => (signal(), "The signal that asks it to stop. Default: TERM."),
        Key::Stoptime => (duration(), "How long it may take to stop before SIGKILL. Default: 10."),
        Key::Stopgroup => (boolean(), "Whether signals of a stop go to the whole process group. Default: true."),
        Key::Backoff => (reference("backoff"), "The times between starts."),
        Key::Oneshot => (boolean(), "Whether it is a job that runs to its end. Default: false."),
        Key::Workingdir => (path(), "The directory in which it runs. Default: /, or the daemon's in the foreground."),
        Key::Umask => (octal(), "The umask, octal by what is written. Default: the daemon's."),
        Key::User => (account(), "The user that it runs as, by name or id. Default: the daemon's."),
        Key::Group => (account(), "The group that it runs as, by name or id. Default: the user's own."),
        Key::GroupName => (scalar(), "The group of programs that it belongs to. Default: its own."),
        Key::Env => (
            json!({"type": ["object", "null"], "additionalProperties": scalar_or_null()}),
            "Its variables. ${NAME} and %(…)s are filled in.",
        ),
        Key::EnvFile => (paths(), "Files of variables, NAME=value a line; - before a path: it may be absent."),
        Key::EnvFromDir => (paths(), "Directories with a file for each variable, as secrets are mounted."),
        Key::EnvPass => (
            json!({"type": ["array", "null"], "items": scalar()}),
            "Names of the daemon's variables that are passed on, or patterns of names.",
        ),
        Key::Stdout => (text_or_null(), "Where stdout goes: a file, auto (default), none, inherit."),
        Key::Stderr => (text_or_null(), "Where stderr goes: a file, auto (default), none, inherit, stdout."),
        Key::RedirectStderr => (boolean(), "true: the same as stderr: stdout."),
        Key::StdoutMaxbytes | Key::StderrMaxbytes => {
            (size(), "The size at which the log file is set aside; 0: never. Default: 50MB.")
        }
        Key::StdoutBackups | Key::StderrBackups => {
            (integer(0, 10_000), "How many log files that were set aside are kept. Default: 10.")
        }
        Key::Priority => (integer(-1_000_000, 1_000_000), "Lower starts earlier and stops later. Default: 999."),
        Key::Healthcheck => (reference("healthcheck"), "How it is found out whether a process does its work."),
    }
}

fn of_backoff(key: BackoffKey) -> Shape {
    match key {
        BackoffKey::Initial => (duration(), "The delay after the first failure. Default: 1."),
        BackoffKey::Factor => (
            json!({"anyOf": [{"type": "number", "minimum": 1, "maximum": 1000}, {"type": "string", "pattern": "^[0-9.]+$"}]}),
            "By what the delay grows with each failure. Default: 2.",
        ),
        BackoffKey::Max => (duration(), "The longest delay. Default: 30."),
        BackoffKey::Floor => (duration(), "The least time between two starts of a process; 0: none. Default: 1."),
    }
}

fn of_healthcheck(key: HealthKey) -> Shape {
    match key {
        HealthKey::Cmd => (command(), "What tells by its exit status whether the process does its work."),
        HealthKey::Args => (words(), "Words behind those of cmd."),
        HealthKey::Interval => (duration(), "Time from the end of a check to the next. Default: 30."),
        HealthKey::Timeout => (duration(), "How long a check may take. Default: 30."),
        HealthKey::StartPeriod => (duration(), "How long after the start a failure does not count. Default: 0."),
        HealthKey::StartInterval => (duration(), "The interval during that time. Default: 5."),
        HealthKey::Retries => (integer(1, 1_000_000), "Failures in a row that make it unhealthy. Default: 3."),
    }
}

fn of_daemon(key: DaemonKey) -> Shape {
    match key {
        DaemonKey::Logfile => (text(), "The daemon's own log: a path, syslog, or - for standard output."),
        DaemonKey::Loglevel => {
            let mut names: Vec<&str> = Level::NAMES.iter().map(|(name, _)| *name).collect();
            names.push("warn");
            (any_case(&names, None), "The least serious level that is written. Default: info.")
        }
        DaemonKey::Logformat => {
            let names = LogFormat::NAMES.map(|(name, _)| name);
            (any_case(&names, None), "How its lines are written: text (default) or json.")
        }
        DaemonKey::LogfileMaxbytes => (size(), "The size at which the log is set aside; 0: never. Default: 50MB."),
        DaemonKey::LogfileBackups => (integer(0, 10_000), "How many logs that were set aside are kept. Default: 10."),
        DaemonKey::Childlogdir => (path(), "The directory of the auto log files. Default: /tmp."),
        DaemonKey::Nocleanup => (boolean(), "Whether auto log files of an earlier daemon are kept. Default: false."),
        DaemonKey::Pidfile => (path(), "Where the daemon's process id is written. Default: nowhere."),
        DaemonKey::Umask => (octal(), "The daemon's umask, octal. Default: as it was started."),
        DaemonKey::Socket => (reference("socket"), "The control socket."),
    }
}

fn of_socket(key: SocketKey) -> Shape {
    match key {
        SocketKey::Path => (path(), "Where it is. Default: see taskmasterd(8)."),
        SocketKey::Mode => (octal(), "Its permissions, octal. Default: 600."),
        SocketKey::Owner => (account(), "Its owner, by name or id."),
        SocketKey::Group => (account(), "Its group, by name or id."),
    }
}

fn reference(definition: &str) -> Value {
    json!({"$ref": format!("#/definitions/{definition}")})
}

fn scalar() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

fn scalar_or_null() -> Value {
    json!({"type": ["string", "number", "boolean", "null"]})
}

fn text() -> Value {
    json!({"type": "string", "minLength": 1})
}

fn text_or_null() -> Value {
    json!({"type": ["string", "null"], "minLength": 1})
}

fn path() -> Value {
    text()
}

fn paths() -> Value {
    json!({"anyOf": [text(), {"type": "array", "items": scalar()}, {"type": "null"}]})
}

fn name() -> Value {
    json!({"minLength": 1, "maxLength": 64, "not": {"enum": ["all"]}, "pattern": "^[^-./:*?\\[ ][^/:*?\\[ ]*$"})
}

fn command() -> Value {
    json!({"anyOf": [scalar(), {"type": "array", "items": scalar(), "minItems": 1}]})
}

fn words() -> Value {
    json!({"anyOf": [scalar(), {"type": "array", "items": scalar()}, {"type": "null"}]})
}

fn boolean() -> Value {
    json!({"anyOf": [{"type": "boolean"}, any_case(&["true", "false", "yes", "no", "on", "off"], None)]})
}

/// A word in capitals or not, which an editor completes in small letters; or, for the words that YAML takes for a truth
/// value, that.
fn any_case(words: &[&str], behind: Option<&str>) -> Value {
    let insensitive = |word: &&str| -> String {
        let letter = |c: char| {
            if c.is_ascii_lowercase() { format!("[{}{c}]", c.to_ascii_uppercase()) } else { c.to_string() }
        };
        word.chars().map(letter).collect()
    };
    let all: Vec<String> = words.iter().map(insensitive).collect();
    let behind = behind.map_or_else(String::new, |behind| format!("{behind}?"));
    let mut ways =
        vec![json!({"enum": words}), json!({"type": "string", "pattern": format!("^({}){behind}$", all.join("|"))})];
    if words.contains(&"true") {
        ways.push(json!({"type": "boolean"}));
    }
    json!({"anyOf": ways})
}

/// A whole number, as a number or as its digits in quotes.
fn integer(from: i64, to: i64) -> Value {
    json!({"anyOf": [{"type": "integer", "minimum": from, "maximum": to}, {"type": "string", "pattern": "^-?[0-9]+$"}]})
}

fn byte() -> Value {
    integer(0, 255)
}

fn duration() -> Value {
    let unit = "(ms|s|m|min|h|d)";
    json!({"anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": format!("^\\s*([0-9]*\\.?[0-9]*|([0-9.]+{unit}\\s*)+)\\s*$")},
    ]})
}

fn size() -> Value {
    json!({"anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": "^\\s*[0-9.]+\\s*([bB]|[kKmMgGtT]([iI]?[bB])?)?\\s*$"},
    ]})
}

/// Octal digits: a number whose digits are taken as they are written, or a text. A number in another base, `0o22`, comes
/// to an editor as its value.
fn octal() -> Value {
    json!({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 777}, {"type": "string", "pattern": "^(0o)?[0-7]+$"}]})
}

fn account() -> Value {
    json!({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[^-:/\\s][^:/\\s]*$"}]})
}

fn signal() -> Value {
    json!({"anyOf": [
        {"enum": ["TERM", "INT", "QUIT", "HUP", "KILL", "USR1", "USR2", "WINCH"]},
        {"type": "string", "minLength": 1},
        {"type": "integer", "minimum": 1, "maximum": 64},
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_it_with_all_its_names() {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let names = |value: &Value| value["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let sorted = |table: Vec<&str>| {
            let mut table: Vec<String> = table.into_iter().map(str::to_owned).collect();
            table.sort();
            table
        };
        let definition = |name: &str| names(&schema["definitions"][name]);
        assert_eq!(names(&schema), sorted(ROOTS.iter().map(|(n, _)| *n).collect()));
        assert_eq!(definition("program"), sorted(KEYS.iter().map(|(n, _)| *n).collect()));
        assert_eq!(definition("backoff"), sorted(BACKOFF_KEYS.iter().map(|(n, _)| *n).collect()));
        assert_eq!(definition("healthcheck"), sorted(HEALTH_KEYS.iter().map(|(n, _)| *n).collect()));
        assert_eq!(definition("daemon"), sorted(DAEMON_KEYS.iter().map(|(n, _)| *n).collect()));
        assert_eq!(definition("socket"), sorted(SOCKET_KEYS.iter().map(|(n, _)| *n).collect()));
        let about = |name: &str| schema["definitions"]["program"]["properties"][name]["description"].as_str().unwrap();
        assert!(about("startsecs").starts_with("Another name of starttime. "));
    }
}
