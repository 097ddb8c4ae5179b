//! The configuration as a JSON Schema, draft 7, for editors: made from the tables of keys that the parser reads by.
//!
//! What the parser takes from one file, the schema takes. The other way round it says what a schema can say: kinds,
//! words, ranges, spellings. It knows neither users nor files nor what `${…}` stands for. The one file of this layer that
//! makes JSON.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::base::cron;
use crate::base::id::{NAME_BYTES, SOCKET_PATH_BYTES};
use crate::base::signal::Sig;
use crate::base::units::LONGEST;

use super::daemon::{DAEMON_KEYS, DaemonKey, HTTP_KEYS, HttpKey, SOCKET_KEYS, SocketKey};
use super::model::{Condition, EVENTS, KillMode, Level, LogFormat, OutputFormat, Overlap};
use super::on_event::{ENTRIES, EVENT_KEYS, EventKey};
use super::parse::{PROGRAMS, ROOTS, Root};
use super::program::{
    BACKOFF_KEYS, BACKUPS, BackoffKey, HOOK_KEYS, HookKey, KEYS, Key, NICE, NUMPROCS, NUMPROCS_START, OOM_SCORE_ADJ,
    PRIORITY, SIGNALS,
};
use super::values::RETRIES;

mod checks;
mod confines;
mod listen;

/// What a key takes, and what is said of it in a line.
type Said = (Value, &'static str);

/// The text of the schema, the same for every run.
#[must_use]
pub fn schema() -> String {
    let mut schema = section(&ROOTS, root);
    if let Some(map) = schema.as_object_mut() {
        map.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        map.insert("title".to_owned(), json!("Configuration of taskmaster"));
        map.insert("description".to_owned(), json!("See taskmaster.yaml(5)."));
        map.insert("definitions".to_owned(), definitions());
    }
    if let Some(rules) = schema.get_mut("allOf").and_then(Value::as_array_mut) {
        rules.push(programs_have_commands());
        rules.extend(checks::look_at_something());
    }
    // Values that were made here can be written.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn definitions() -> Value {
    let name = json!({"type": "string", "pattern": NAME, "maxLength": NAME_BYTES, "not": {"enum": ["all"]}});
    json!({
        "program": section(&KEYS, program),
        "programs": {
            "type": ["object", "null"],
            "maxProperties": PROGRAMS,
            "propertyNames": name,
            "additionalProperties": {"$ref": "#/definitions/program"},
        },
    })
}

/// Every program has a command, unless the defaults have one or another file may give it.
fn programs_have_commands() -> Value {
    let mut program = one_of(&names(&KEYS, Key::Cmd));
    put(&mut program, "type", json!("object"));
    unless(one_of(&names(&KEYS, Key::Cmd)), program)
}

/// What each program must be like, unless the defaults are like this or another file is taken in.
fn unless(defaults: Value, program: Value) -> Value {
    let roots = names(&ROOTS, Root::Programs).into_iter();
    let roots: Map<String, Value> =
        roots.map(|name| (name.to_owned(), json!({"additionalProperties": program}))).collect();
    let defaults = json!({"required": ["defaults"], "properties": {"defaults": defaults}});
    json!({"if": {"anyOf": [{"required": ["include"]}, defaults]}, "else": {"properties": roots}})
}

/// One of these keys is required.
fn one_of(names: &[&str]) -> Value {
    let each: Vec<Value> = names.iter().map(|name| json!({"required": [name]})).collect();
    json!({"anyOf": each})
}

/// All names of a key, its own first.
fn names<K: PartialEq>(table: &[(&'static str, K)], key: K) -> Vec<&'static str> {
    table.iter().filter(|(_, other)| *other == key).map(|(name, _)| *name).collect()
}

fn put(schema: &mut Value, word: &str, value: Value) {
    if let Some(map) = schema.as_object_mut() {
        map.insert(word.to_owned(), value);
    }
}

/// A map with the keys of a table, each under one of its names.
fn section<K: Copy + PartialEq>(table: &[(&'static str, K)], say: fn(K) -> Said) -> Value {
    let mut properties = Map::new();
    let mut not_both = Vec::new();
    for (name, key) in table {
        let (mut shape, about) = say(*key);
        let names = names(table, *key);
        let own = names.first().copied().unwrap_or(name);
        let about = if own == *name { about.to_owned() } else { format!("Another name of {own}. {about}") };
        put(&mut shape, "description", json!(about));
        properties.insert((*name).to_owned(), shape);
        for other in names.iter().take_while(|other| *other != name) {
            not_both.push(json!({"not": {"type": "object", "required": [other, name]}}));
        }
    }
    let mut section = json!({"type": ["object", "null"], "properties": properties, "additionalProperties": false});
    if !not_both.is_empty() {
        put(&mut section, "allOf", json!(not_both));
    }
    section
}

fn root(key: Root) -> Said {
    match key {
        Root::Include => {
            let list = json!({"type": "array", "items": path()});
            (json!({"anyOf": [path(), list, {"type": "null"}]}), "Other files, as paths or patterns.")
        }
        Root::Daemon => (section(&DAEMON_KEYS, daemon), "Keys of the daemon itself."),
        Root::Defaults => {
            (json!({"allOf": [{"$ref": "#/definitions/program"}]}), "Keys that every program has unless it gives them.")
        }
        Root::Programs => (json!({"allOf": [{"$ref": "#/definitions/programs"}]}), "The programs by name."),
    }
}

fn daemon(key: DaemonKey) -> Said {
    match key {
        DaemonKey::Logfile => (log_target(), "The daemon's own log: a path, syslog or -. Default: taskmasterd.log."),
        DaemonKey::Loglevel => (level(), "The least serious level that is written. Default: info."),
        DaemonKey::Logformat => {
            (words(&LogFormat::NAMES.map(|(name, _)| name), &[]), "How its lines are written. Default: text.")
        }
        DaemonKey::LogfileMaxbytes => (size(), "The size at which it is set aside; 0 is never. Default: 50MB."),
        DaemonKey::LogfileBackups => (integer(&BACKUPS), "How many set-aside files of it are kept. Default: 10."),
        DaemonKey::Childlogdir => (path(), "The directory of the auto log files. Default: /tmp."),
        DaemonKey::Nocleanup => (boolean(), "Keep the auto log files of an earlier daemon. Default: false."),
        DaemonKey::Pidfile => (path(), "A file that holds the daemon's process id. None unless given."),
        DaemonKey::Umask => (octal(), "The daemon's umask. Unless given, the one it was started with."),
        DaemonKey::ExitWhen => {
            (words(&["all_done", "any_fatal", "none"], &[]), "When the daemon leaves by itself. Default: none.")
        }
        DaemonKey::OnEvent => (on_event(), "Who is told what happens to processes. Default: []."),
        DaemonKey::Socket => (section(&SOCKET_KEYS, socket), "The control socket."),
        DaemonKey::Http => (section(&HTTP_KEYS, http), "The dashboard and the HTTP interface. Off unless given."),
    }
}

fn on_event() -> Value {
    let mut entry = section(&EVENT_KEYS, event_key);
    put(&mut entry, "type", json!("object"));
    let [command, other] = ["command", "cmd"].map(|name| json!({"required": [name]}));
    let has_one = json!({"oneOf": [{"anyOf": [command, other]}, {"required": ["post"]}]});
    let entry = json!({"allOf": [entry, has_one]});
    json!({"anyOf": [entry, {"type": "array", "items": entry, "maxItems": ENTRIES}, {"type": "null"}]})
}

fn event_key(key: EventKey) -> Said {
    match key {
        EventKey::Events => {
            let one = json!({"enum": EVENTS});
            (json!({"anyOf": [one, {"type": "array", "items": one}]}), "Of which kinds. Default: [].")
        }
        EventKey::Programs => {
            let one = json!({"type": ["string", "number", "boolean"], "minLength": 1});
            let list = json!({"type": "array", "items": one});
            (json!({"anyOf": [one, list]}), "About which processes, by names and patterns. Default: [].")
        }
        EventKey::Command => (command(), "A command that reads an event from its standard input."),
        EventKey::Post => (json!({"type": "string", "minLength": 1}), "The URL that an event is sent to by HTTP."),
        EventKey::Timeout => (duration(), "How long it may take to take an event. Default: 10s."),
    }
}

fn socket(key: SocketKey) -> Said {
    match key {
        SocketKey::Path => (socket_path(), "Where it is. Unless given, a place that depends on the user."),
        SocketKey::Mode => (octal(), "Who may connect; who may do what is decided by the roles. Default: 0600."),
        SocketKey::Owner => (account(), "Its user, by name or id. Unless given, the daemon's."),
        SocketKey::Group => (account(), "Its group, by name or id. Unless given, the daemon's."),
        SocketKey::Read => (holders(), "Who may look: users, and groups as \"@adm\". Default: []."),
        SocketKey::Control => (holders(), "Who may look, and start, stop and signal processes. Default: []."),
        SocketKey::Admin => (holders(), "Who may do everything, as root and the daemon's user. Default: []."),
    }
}

fn http(key: HttpKey) -> Said {
    match key {
        HttpKey::Listen => (
            addresses(),
            "Where it listens: \"127.0.0.1:8080\", \"unix:/run/taskmaster/http.sock\", or a list of such.",
        ),
        HttpKey::Control => (boolean(), "Whether anything may be changed by it. Default: false."),
        HttpKey::TokenFile => (path(), "A file with the token that clients must have. None unless given."),
        HttpKey::Hosts => (hosts(), "Names by which it is reached besides localhost. Default: []."),
    }
}

fn program(key: Key) -> Said {
    match key {
        Key::Cmd => (command(), "The command: a text that is split into words, or a list of words."),
        Key::Args => (arguments(), "Words that are appended to cmd. Default: []."),
        Key::Shell => (boolean(), "Run cmd by /bin/sh -c. Default: false."),
        Key::Numprocs => (integer(&NUMPROCS), "How many processes run. Default: 1."),
        Key::NumprocsStart => (integer(&NUMPROCS_START), "The number of the first process. Default: 0."),
        Key::Autostart => (boolean(), "Start it with the daemon. Default: true."),
        Key::Autorestart => (autorestart(), "Whether it is started again when it ends. Default: unexpected."),
        Key::Exitcodes => (exit_codes(), "The exit statuses that are expected. Default: [0]."),
        Key::Startretries => (retries(), "How many failed starts in a row are tried again. Default: 3."),
        Key::Starttime => (duration(), "How long it must live to count as RUNNING. Default: 1s."),
        Key::Stopsignal => (stop_signals(), "The signal that asks it to end, or a list of several. Default: TERM."),
        Key::Stoptime => (duration(), "How long it may take to end before SIGKILL. Default: 10s."),
        Key::Stopgroup => (boolean(), "Stop its whole process group: kill_mode group or process. Default: true."),
        Key::Essential => (boolean(), "Its end for good ends the daemon, with its exit status. Default: false."),
        Key::OnExit => (words(&["none", "shutdown"], &[]), "shutdown is the same as essential: true. Default: none."),
        Key::KillMode => (words(&KillMode::NAMES.map(|(name, _)| name), &[]), "Whom a stop reaches. Default: group."),
        Key::PreStart => (hook(), "A command before each start, which it prevents if it fails. None unless given."),
        Key::PostStart => (hook(), "A command when it counts as RUNNING. None unless given."),
        Key::PreStop => (hook(), "A command before it is asked to end. None unless given."),
        Key::StopCommand => (hook(), "A command in place of the stop signal. None unless given."),
        Key::PostStop => (hook(), "A command after each of its ends. None unless given."),
        Key::OnFatal => (hook(), "A command when it is given up. None unless given."),
        Key::Backoff => (section(&BACKOFF_KEYS, backoff), "The times between tries."),
        Key::Oneshot => (boolean(), "It is a job that runs to its end. Default: false."),
        Key::Workingdir => (path(), "Where it starts. Unless given, / or the directory of a daemon in the foreground."),
        Key::Umask => (octal(), "The permission bits that its files do not get. Unless given, the daemon's."),
        Key::User => (account(), "The user it runs as, by name or id. Unless given, the daemon's."),
        Key::Group => (account(), "The group it runs as, by name or id. Unless given, the user's own."),
        Key::GroupName => (group_name(), "The group of programs it belongs to. Unless given, one of its own."),
        Key::Env => (variables(), "Its environment variables. Default: {}."),
        Key::EnvFile => (paths(), "Files of variables; a - before a path: it may be absent. Default: []."),
        Key::EnvFromDir => (paths(), "Directories in which each file is a variable. Default: []."),
        Key::EnvPass => (variable_names(), "Names or patterns of the daemon's variables that it gets. Default: []."),
        Key::Stdin => (stdin(), "What it reads: null is nothing, pipe what is sent to it. Default: null."),
        Key::Tty => (boolean(), "Give it a terminal of its own. Default: false."),
        Key::Stdout => {
            (sink(false), "Where its output goes: a path, auto, none, inherit, or [auto, inherit]. Default: auto.")
        }
        Key::Stderr => (sink(true), "Where its errors go: as for stdout, and stdout. Default: auto."),
        Key::RedirectStderr => (boolean(), "The same as stderr: stdout. Default: false."),
        Key::StdoutMaxbytes => (size(), "The size at which its log is set aside; 0 is never. Default: 50MB."),
        Key::StdoutBackups => (integer(&BACKUPS), "How many set-aside files are kept. Default: 10."),
        Key::StderrMaxbytes => (size(), "The size at which its log of errors is set aside. Default: 50MB."),
        Key::StderrBackups => (integer(&BACKUPS), "How many set-aside files of errors are kept. Default: 10."),
        Key::LogFormat => (
            words(&OutputFormat::NAMES.map(|(name, _)| name), &[]),
            "How its output looks where the daemon's goes. Default: raw.",
        ),
        Key::Priority => (integer(&PRIORITY), "Lower starts earlier and stops later. Default: 999."),
        Key::DependsOn => (dependencies(), "The programs that must have come first. Default: []."),
        Key::RestartDependents => (boolean(), "Restart those that depend on it when it ends. Default: false."),
        Key::Schedule => (calendar(), "Run it as a job by the calendar, as in cron(8). None unless given."),
        Key::Every => (
            json!({"anyOf": [duration(), {"type": "null"}]}),
            "Run it as a job again and again after this time. None unless given.",
        ),
        Key::Timezone => (zone(), "Whose calendar it goes by, as Europe/Berlin. Unless given, the local time."),
        Key::Overlap => {
            (words(&Overlap::NAMES.map(|(name, _)| name), &[]), "If the last run is not over. Default: skip.")
        }
        Key::Jitter => (duration(), "Each run is put off by a random time up to this. Default: 0s."),
        Key::RunOnStart => (boolean(), "Run it at once when the schedule becomes active, too. Default: false."),
        Key::Timeout => (duration(), "How long a run of a oneshot program may take. No limit unless given."),
        Key::Readiness => (checks::readiness(), "How it is found out whether it is ready. Unless given, by starttime."),
        Key::Healthcheck => (checks::healthcheck(), "How it is found out whether it is well. None unless given."),
        Key::OnUnhealthy => (checks::on_unhealthy(), "What is done when it is not well any more. Default: restart."),
        Key::ExtraGroups => (confines::groups(), "Groups beside those of its user. Default: []."),
        Key::Rlimits => (confines::rlimits(), "Limits of each of its processes. Unless given, the daemon's."),
        Key::Nice => (integer(&NICE), "How it stands back from processors; lower is more. Unless given, the daemon's."),
        Key::Ionice => (confines::ionice(), "How it stands back from disks. Unless given, as nice says."),
        Key::OomScoreAdj => (integer(&OOM_SCORE_ADJ), "Lower is killed later when memory is short."),
        Key::CpuAffinity => (confines::processors(), "The processors that it may run on. Unless given, the daemon's."),
        Key::MemoryMax => (confines::memory(), "What all its processes may have in memory. Default: unlimited."),
        Key::CpuMax => (confines::share(), "What all its processes may use of processors. Default: unlimited."),
        Key::PidsMax => (confines::pids(), "How many processes and threads it may be. Default: unlimited."),
        Key::NoNewPrivs => (boolean(), "Nothing that it executes gives it more privileges. Default: false."),
        Key::Capabilities => {
            (confines::capabilities(), "Which parts of root's power it has. Unless given, the daemon's.")
        }
        Key::Chroot => (path(), "The directory that becomes its root. None unless given."),
        Key::Dirs => (confines::directories(), "Directories that are made before it starts. Default: []."),
        Key::Listen => (
            listen::sockets(),
            "Sockets that are opened for it: \"127.0.0.1:8080\", \"unix:/run/x.sock\". Default: [].",
        ),
        Key::OnDemand => (boolean(), "Start it when the first connection comes in. Default: false."),
    }
}

fn backoff(key: BackoffKey) -> Said {
    match key {
        BackoffKey::Initial => (duration(), "The time after the first failed start. Default: 1s."),
        BackoffKey::Factor => (factor(), "By what it grows with each further failure. Default: 2."),
        BackoffKey::Max => (duration(), "The longest time. Default: 30s."),
        BackoffKey::Floor => (duration(), "The least time between two starts. Default: 1s."),
    }
}

fn hook_key(key: HookKey) -> Said {
    match key {
        HookKey::Cmd => (command(), "The command: a text that is split into words, or a list of words."),
        HookKey::Args => (arguments(), "Words that are appended to cmd. Default: []."),
        HookKey::Shell => (boolean(), "Run cmd by /bin/sh -c. Default: false."),
        HookKey::Timeout => (duration(), "How long it may take. Default: 60s."),
    }
}

/// A command, or one with what belongs to it.
fn hook() -> Value {
    let mut full = section(&HOOK_KEYS, hook_key);
    put(&mut full, "type", json!("object"));
    let has_command = one_of(&names(&HOOK_KEYS, HookKey::Cmd));
    json!({"anyOf": [command(), {"allOf": [full, has_command]}, {"type": "null"}]})
}

// The shapes of values. Their patterns keep to what all dialects of regular expressions have in common.

/// ASCII letters, digits, `_ - . @ +`, and whatever is not ASCII; `-` and `.` not in the first place.
const NAME: &str = r"^[^ -*,-/:-?\[-^`{-~\x00-\x1f\x7f][^ -*,/:-?\[-^`{-~\x00-\x1f\x7f]*$";
/// Digits with at most one point.
const DECIMAL: &str = r"([0-9]+\.?[0-9]*|\.[0-9]+)";

fn text_like(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

/// A pattern for a word in capitals or not.
fn any_case(word: &str) -> String {
    let each = |c: char| {
        if c.is_ascii_alphabetic() {
            format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase())
        } else {
            c.to_string()
        }
    };
    word.chars().map(each).collect()
}

/// One of several words, in capitals or not.
fn any_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| any_case(word)).collect();
    format!("({})", words.join("|"))
}

/// Words as they are offered, and others that are understood as well; all of them in capitals or not.
fn words(offered: &[&str], others: &[&str]) -> Value {
    let all = any_of(&[offered, others].concat());
    json!({"anyOf": [{"enum": offered}, text_like(&format!("^{all}$"))]})
}

/// None of these words. Their length is said because in some dialects `$` matches before a last line end.
fn none_of(words: &[&str]) -> Value {
    let each = |word: &&str| json!({"pattern": format!("^{}$", any_case(word)), "maxLength": word.len()});
    json!({"anyOf": words.iter().map(each).collect::<Vec<_>>()})
}

/// A single value of any kind.
fn scalar() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

fn boolean() -> Value {
    let words = any_of(&["true", "false", "yes", "no", "on", "off"]);
    json!({"anyOf": [{"type": "boolean"}, text_like(&format!("^{words}$"))]})
}

/// The digits of a number within a range, as far as their count tells.
fn digits<T: Display + PartialOrd + From<u8>>(range: &RangeInclusive<T>) -> String {
    let most = range.end().to_string().len();
    let zero = T::from(0);
    if *range.start() < zero {
        format!("-?0*[0-9]{{1,{most}}}")
    } else if *range.start() == zero {
        format!("(-?0+|0*[0-9]{{1,{most}}})")
    } else {
        format!("0*[1-9][0-9]{{0,{}}}", most - 1)
    }
}

fn integer<T>(range: &RangeInclusive<T>) -> Value
where
    T: Display + PartialOrd + From<u8> + Copy + Into<i64>,
{
    let (least, most): (i64, i64) = ((*range.start()).into(), (*range.end()).into());
    let number = json!({"type": "integer", "minimum": least, "maximum": most});
    json!({"anyOf": [number, text_like(&format!("^{}$", digits(range)))]})
}

fn factor() -> Value {
    json!({"anyOf": [{"type": "number", "minimum": 1, "maximum": 1000}, text_like(&format!("^{DECIMAL}$"))]})
}

fn duration() -> Value {
    let units = format!(r"^\s*({DECIMAL}|({DECIMAL}(ms|s|min|m|h|d)\s*)+)\s*$");
    json!({"anyOf": [{"type": "number", "minimum": 0, "maximum": LONGEST.as_secs()}, text_like(&units)]})
}

fn size() -> Value {
    let units = format!(r"^\s*{DECIMAL}\s*([KkMmGgTt]([Ii]?[Bb])?|[Bb])?\s*$");
    json!({"anyOf": [{"type": "number", "minimum": 0}, text_like(&units)]})
}

/// A reader may take `022` for 22, for 18 or for a text.
fn octal() -> Value {
    json!({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 777}, text_like("^(0o)?0*[0-7]{1,3}$")]})
}

fn signal() -> Value {
    let mut offered = Sig::names().to_vec();
    let named = any_of(&[offered.as_slice(), &["CLD", "IOT", "POLL"]].concat());
    let (least, most) = (any_case("RTMIN"), any_case("RTMAX"));
    let offset = "(0?[0-9]|[12][0-9]|30)";
    let realtime = format!(r"({least}(\+{offset})?|{most}(-{offset})?)");
    let number = r"\+?0*([1-9]|[12][0-9]|3[01]|3[4-9]|[45][0-9]|6[0-4])";
    let spelled = format!("^({number}|({})?({named}|{realtime}))$", any_case("SIG"));
    offered.extend(["RTMIN", "RTMAX"]);
    let number = json!({"type": "integer", "minimum": 1, "maximum": 64, "not": {"enum": [32, 33]}});
    json!({"anyOf": [{"enum": offered}, text_like(&spelled), number]})
}

/// A signal, or several of which each but the last has a time.
fn stop_signals() -> Value {
    let mut shape = signal();
    let item = json!({"type": ["string", "integer"]});
    if let Some(each) = shape.get_mut("anyOf").and_then(Value::as_array_mut) {
        each.push(json!({"type": "array", "items": item, "minItems": 1, "maxItems": SIGNALS}));
    }
    shape
}

fn retries() -> Value {
    let spelled = format!("^({}|{})$", any_case("unlimited"), digits(&RETRIES));
    let number = json!({"type": "integer", "minimum": RETRIES.start(), "maximum": RETRIES.end()});
    json!({"anyOf": [number, {"enum": ["unlimited"]}, text_like(&spelled)]})
}

fn autorestart() -> Value {
    let on_failure = any_of(&["on-failure", "unexpected"]);
    let tries = digits(&RETRIES);
    let with_tries = format!(r"^{on_failure}(:{tries}|\[:{tries}\])$");
    let others = ["true", "false", "yes", "no", "on", "off"];
    let mut shape = words(&["always", "never", "unexpected", "on-failure"], &others);
    if let Some(each) = shape.get_mut("anyOf").and_then(Value::as_array_mut) {
        each.extend([text_like(&with_tries), json!({"type": "boolean"})]);
    }
    shape
}

fn exit_codes() -> Value {
    const CODE: &str = "(-?0+|0*([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5]))";
    let number = json!({"type": "integer", "minimum": 0, "maximum": 255});
    let one = json!({"anyOf": [number.clone(), text_like(&format!("^{CODE}$"))]});
    let several = text_like(&format!(r"^\s*{CODE}\s*(,\s*{CODE}\s*)*$"));
    json!({"anyOf": [number, {"type": "array", "items": one}, several]})
}

/// A port in digits, or 0.
const PORT: &str = "0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";

/// Where HTTP listens: one address, or a list.
fn addresses() -> Value {
    let number = json!({"type": "integer", "minimum": 0, "maximum": 65_535});
    let address =
        format!(r"^(unix:.+|((localhost)?:)?{PORT}|[0-9]+\.[0-9.]+:{PORT}|\[[0-9A-Fa-f:.]+\]:{PORT}|.*\$.*|.*%\(.*)$");
    let one = json!({"anyOf": [number, text_like(&address)]});
    json!({"anyOf": [one.clone(), {"type": "array", "items": one, "minItems": 1}]})
}

/// One name of a host, or a list.
fn hosts() -> Value {
    let one = text_like(r"^([-._:\[\]A-Za-z0-9]{1,260}|.*\$.*|.*%\(.*)$");
    let one = json!({"anyOf": [one, {"type": ["number", "boolean"]}]});
    json!({"anyOf": [one.clone(), {"type": "array", "items": one}, {"type": "null"}]})
}

fn path() -> Value {
    json!({"type": "string", "minLength": 1})
}

/// As it is written it may be too long: what counts is what is filled in.
fn socket_path() -> Value {
    let short = json!({"maxLength": SOCKET_PATH_BYTES});
    json!({"type": "string", "minLength": 1, "anyOf": [short, {"pattern": r"\$|%\("}]})
}

/// One path, or a list.
fn paths() -> Value {
    json!({"anyOf": [path(), {"type": "array", "items": scalar()}, {"type": "null"}]})
}

fn log_target() -> Value {
    let not_here = none_of(&["auto", "none", "null", "inherit", "stdout", "stderr"]);
    json!({"type": "string", "pattern": "[^/]$", "not": not_here})
}

fn sink(is_stderr: bool) -> Value {
    let offered: &[&str] =
        if is_stderr { &["auto", "none", "inherit", "stdout"] } else { &["auto", "none", "inherit"] };
    let not_here: &[&str] = if is_stderr { &["stderr", "syslog"] } else { &["stdout", "stderr", "syslog"] };
    let path = json!({"type": "string", "pattern": "[^/]$", "not": none_of(not_here)});
    // Of two items, one is a file and the other is not.
    let own = if is_stderr { "/dev/(stderr|fd/2)" } else { "/dev/(stdout|fd/1)" };
    let inherit = json!({"type": "string", "pattern": format!("^({}|{own})$", any_case("inherit"))});
    let no_file = [not_here, &["none", "null", "inherit", "stdout"]].concat();
    let not = json!({"anyOf": [none_of(&no_file), inherit]});
    let file = json!({"type": "string", "pattern": "[^/]$", "not": not});
    let two = json!({"type": "array", "items": {"anyOf": [file, inherit]}, "minItems": 2, "maxItems": 2,
        "contains": inherit, "not": {"items": inherit}});
    json!({"anyOf": [{"enum": offered}, path, two, {"type": "null"}]})
}

fn stdin() -> Value {
    json!({"anyOf": [words(&["null", "pipe"], &["none"]), {"type": "null"}]})
}

fn level() -> Value {
    words(&Level::NAMES.map(|(name, _)| name), &["warn"])
}

fn account() -> Value {
    json!({"anyOf": [text_like(r"^[^-:/ \t\r\n][^:/ \t\r\n]*$"), {"type": "integer", "minimum": 0}]})
}

/// One holder of a role, or a list of them.
fn holders() -> Value {
    let name = r"^@?[^-@:/ \t\r\n][^:/ \t\r\n]*$";
    let one = [text_like(name), json!({"type": "integer", "minimum": 0})];
    let [text, number] = one.clone();
    json!({"anyOf": [text, number, {"type": "array", "items": {"anyOf": one}}]})
}

/// Five fields, or a word.
fn calendar() -> Value {
    let sign = "[-0-9A-Za-z*/,]+";
    let fields = format!("^[ \\t]*{sign}([ \\t]+{sign}){{4}}[ \\t]*$");
    let words = cron::WORDS.map(|(word, _)| word);
    let any_word = text_like(&format!("^[ \t]*{}[ \t]*$", any_of(&words)));
    json!({"anyOf": [{"enum": words}, text_like(&fields), any_word, {"type": "null"}]})
}

fn zone() -> Value {
    text_like("^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z][A-Za-z0-9_+-]*)*$")
}

fn dependencies() -> Value {
    let name = json!({"type": "string", "pattern": NAME, "maxLength": NAME_BYTES, "not": {"enum": ["all"]}});
    let names = json!({"type": "array", "items": group_name(), "uniqueItems": true});
    let condition = json!({"enum": Condition::NAMES.map(|(name, _)| name)});
    let full = json!({
        "type": ["object", "null"],
        "properties": {"condition": condition, "required": boolean()},
        "additionalProperties": false,
    });
    let map = json!({
        "type": "object",
        "propertyNames": name,
        "additionalProperties": {"anyOf": [condition, full]},
    });
    json!({"anyOf": [group_name(), names, map, {"type": "null"}]})
}

fn group_name() -> Value {
    let name = json!({"type": "string", "pattern": NAME, "maxLength": NAME_BYTES, "not": {"enum": ["all"]}});
    json!({"anyOf": [name, {"type": "number", "minimum": 0}, {"type": "boolean"}]})
}

fn command() -> Value {
    let line = text_like(r"[^ \t\r\n]");
    let words = json!({"type": "array", "items": scalar(), "minItems": 1});
    json!({"anyOf": [line, words, {"type": ["number", "boolean"]}]})
}

fn arguments() -> Value {
    json!({"type": ["array", "string", "number", "boolean", "null"], "items": scalar()})
}

fn variables() -> Value {
    let value = json!({"type": ["string", "number", "boolean", "null"]});
    json!({"type": ["object", "null"], "propertyNames": {"pattern": "^[^=]+$"}, "additionalProperties": value})
}

fn variable_names() -> Value {
    let name = json!({"type": ["string", "number", "boolean"], "pattern": "^[^=]+$"});
    json!({"type": ["array", "null"], "items": name})
}

#[cfg(test)]
mod tests;
