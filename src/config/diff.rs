//! What differs between two configurations, key by key, and what each difference asks for.

use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::base::id::{ProgramName, Stream};
use crate::base::signal::Sig;
use crate::base::units::{print_duration, print_size};

use super::model::{
    Account, Autorestart, Backoff, Check, Condition, Config, DaemonConfig, Dependency, ExitWhen, Hook, HookCommand,
    HttpAddress, HttpConfig, Listen, LogTarget, OnEvent, Output, Policy, Probe, Program, Recipient, Rotation, Schedule,
    Sink, SocketConfig, Variable, When,
};

mod confines;

/// The way from one configuration to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The programs that differ, by name.
    pub programs: Vec<ProgramChange>,
    /// Keys of the daemon that differ and only take effect when it is started anew.
    pub daemon_keys: Vec<KeyChange>,
    /// Keys of the daemon that differ and take effect at once: those of its log, and who may do what.
    pub daemon_live: Vec<KeyChange>,
}

/// One program that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramChange {
    /// Which.
    pub name: ProgramName,
    /// How.
    pub kind: ProgramChangeKind,
}

/// How a program differs.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgramChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has other keys. At least one of the three is not empty.
    Changed {
        /// Keys that only a restart brings into force.
        restart: Vec<KeyChange>,
        /// Keys that take effect while it runs.
        in_place: Vec<KeyChange>,
        /// The numbers of the processes before and after, if they differ.
        numbers: Option<(Range<u32>, Range<u32>)>,
    },
}

/// One key that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// The key: `stoptime`, `env.PORT`.
    pub key: String,
    /// Its value before, as it would be written.
    pub old: String,
    /// Its value after.
    pub new: String,
}

/// How a value is shown that is not there.
const UNSET: &str = "(unset)";

/// Compares two configurations.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Plan {
    let mut programs = Vec::new();
    let removed = old.programs.keys().filter(|name| !new.programs.contains_key(*name));
    programs.extend(removed.map(|name| ProgramChange { name: name.clone(), kind: ProgramChangeKind::Removed }));
    for (name, after) in &new.programs {
        let kind = match old.programs.get(name) {
            None => Some(ProgramChangeKind::Added),
            Some(before) => program(before, after),
        };
        programs.extend(kind.map(|kind| ProgramChange { name: name.clone(), kind }));
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    let (daemon_keys, daemon_live) = daemon_keys(&old.daemon, &new.daemon);
    Plan { programs, daemon_keys, daemon_live }
}

/// How a program differs from what it was; `None` if it does not.
#[must_use]
pub fn program(old: &Program, new: &Program) -> Option<ProgramChangeKind> {
    if old == new {
        return None;
    }
    let (restart, in_place) = program_keys(old, new);
    let (was, is) = (old.numbers(), new.numbers());
    Some(ProgramChangeKind::Changed { restart, in_place, numbers: (was != is).then_some((was, is)) })
}

/// Collects the keys that differ.
#[derive(Default)]
struct Keys(Vec<KeyChange>);

impl Keys {
    /// A key, and how its values are written.
    fn key<T: PartialEq + ?Sized>(&mut self, key: impl Display, old: &T, new: &T, write: impl Fn(&T) -> String) {
        if old != new {
            self.0.push(KeyChange { key: key.to_string(), old: write(old), new: write(new) });
        }
    }

    fn plain<T: PartialEq + Display>(&mut self, key: &str, old: T, new: T) {
        self.key(key, &old, &new, T::to_string);
    }

    fn text(&mut self, key: impl Display, old: Option<&String>, new: Option<&String>) {
        self.key(key, &old, &new, |text| text.map_or_else(|| UNSET.to_owned(), |text| scalar(text)));
    }

    fn umask(&mut self, key: &str, old: Option<u32>, new: Option<u32>) {
        self.key(key, &old, &new, |mask| mask.map_or_else(|| UNSET.to_owned(), |mask| format!("{mask:03o}")));
    }
}

/// The keys of a program that differ: those that need a restart, and those that take effect in place.
///
/// Here as below, the old values are taken apart without `..`: a key that is new has to be given its place.
fn program_keys(old: &Program, new: &Program) -> (Vec<KeyChange>, Vec<KeyChange>) {
    let Program {
        argv,
        numprocs: _,
        numprocs_start: _,
        group_name,
        autostart,
        policy,
        priority,
        workingdir,
        umask,
        user,
        group,
        extra_groups,
        confines,
        dirs,
        listen,
        env,
        env_pass,
        stdin,
        tty,
        stdout,
        stderr,
        log_format,
        depends_on,
        restart_dependents,
        schedule,
        here,
    } = old;
    let (mut restart, mut in_place) = (Keys::default(), Keys::default());
    restart.key("cmd", argv.as_slice(), new.argv.as_slice(), command);
    restart.text("workingdir", workingdir.as_ref(), new.workingdir.as_ref());
    restart.key("group_name", group_name, &new.group_name, |name| name.as_ref().map_or_else(unset, |n| n.to_string()));
    let directory = |here: &Option<Arc<str>>| here.as_ref().map_or_else(unset, |here| scalar(here));
    restart.key("here", here, &new.here, directory);
    restart.umask("umask", *umask, new.umask);
    restart.text("user", user.as_ref(), new.user.as_ref());
    restart.text("group", group.as_ref(), new.group.as_ref());
    restart.key("extra_groups", extra_groups.as_slice(), new.extra_groups.as_slice(), list);
    confines::keys(confines.as_deref(), new.confines.as_deref(), &mut restart);
    restart.key("dirs", dirs.as_slice(), new.dirs.as_slice(), confines::directories);
    let sockets = if is_same_to_a_run(listen, &new.listen) { &mut in_place } else { &mut restart };
    sockets.key("listen", listen.as_slice(), new.listen.as_slice(), listens);
    let added = new.env.keys().filter(|name| !env.contains_key(*name));
    for name in env.keys().chain(added) {
        restart.key(format_args!("env.{name}"), &env.get(name), &new.env.get(name), variable);
    }
    restart.key("stdin", stdin, &new.stdin, |stdin| stdin.name().to_owned());
    restart.plain("tty", *tty, new.tty);
    restart.key("env_pass", env_pass.as_slice(), new.env_pass.as_slice(), list);
    in_place.plain("autostart", *autostart, new.autostart);
    policy_keys(policy, &new.policy, &mut in_place);
    for (name, old, new) in [
        ("readiness", policy.readiness.as_deref(), new.policy.readiness.as_deref()),
        ("healthcheck", policy.healthcheck.as_deref(), new.policy.healthcheck.as_deref()),
    ] {
        check_keys(name, old, new, if needs_new_run(old, new) { &mut restart } else { &mut in_place });
    }
    in_place.plain("priority", *priority, new.priority);
    in_place.key("depends_on", depends_on.as_slice(), new.depends_on.as_slice(), dependencies);
    in_place.plain("restart_dependents", *restart_dependents, new.restart_dependents);
    schedule_keys(schedule.as_deref(), new.schedule.as_deref(), &mut in_place);
    for (stream, old, new) in [(Stream::Stdout, stdout, &new.stdout), (Stream::Stderr, stderr, &new.stderr)] {
        let Output { sink: place, also_inherit, rotation: Rotation { max_bytes, backups } } = old;
        restart.key(stream, &(place, *also_inherit), &(&new.sink, new.also_inherit), places);
        let size = |bytes: &u64| print_size(*bytes);
        in_place.key(format_args!("{stream}_logfile_maxbytes"), max_bytes, &new.rotation.max_bytes, size);
        in_place.key(format_args!("{stream}_logfile_backups"), backups, &new.rotation.backups, u32::to_string);
    }
    let keys = if format_matters(old, new) { &mut restart } else { &mut in_place };
    keys.key("log_format", log_format, &new.log_format, |format| format.name().to_owned());
    (restart.0, in_place.0)
}

/// Whether the format makes a difference to what a run was started with.
fn format_matters(old: &Program, new: &Program) -> bool {
    [Stream::Stdout, Stream::Stderr].into_iter().any(|stream| old.passed_on(stream) != new.passed_on(stream))
}

fn policy_keys(old: &Policy, new: &Policy, keys: &mut Keys) {
    let Policy {
        autorestart: restarts,
        exitcodes,
        startretries,
        starttime,
        backoff: Backoff { initial, factor, max, floor },
        stop_first,
        stopsignal,
        stoptime,
        kill_mode,
        essential,
        hooks,
        oneshot,
        on_demand,
        timeout,
        readiness: _,
        healthcheck: _,
        on_unhealthy,
    } = old;
    keys.key("autorestart", restarts, &new.autorestart, |policy| autorestart(*policy).to_owned());
    keys.plain("exitcodes", *exitcodes, new.exitcodes);
    let retries = |retries: &Option<u32>| retries.map_or_else(|| "unlimited".to_owned(), |n| n.to_string());
    keys.key("startretries", startretries, &new.startretries, retries);
    for (key, old, new) in [
        ("starttime", starttime, &new.starttime),
        ("stoptime", stoptime, &new.stoptime),
        ("backoff.initial", initial, &new.backoff.initial),
        ("backoff.max", max, &new.backoff.max),
        ("backoff.floor", floor, &new.backoff.floor),
    ] {
        keys.key(key, old, new, |d| print_duration(*d));
    }
    keys.plain("backoff.factor", *factor, new.backoff.factor);
    let signals = |(first, last): &(&Vec<(Sig, Duration)>, &Sig)| stop_signals(first, **last);
    keys.key("stopsignal", &(stop_first, stopsignal), &(&new.stop_first, &new.stopsignal), signals);
    for (key, hook) in Hook::KEYS {
        keys.key(key, &hooks.get(&hook), &new.hooks.get(&hook), |hook| hook.map_or_else(unset, hook_command));
    }
    keys.key("kill_mode", kill_mode, &new.kill_mode, |mode| mode.name().to_owned());
    keys.plain("essential", *essential, new.essential);
    keys.plain("oneshot", *oneshot, new.oneshot);
    keys.plain("on_demand", *on_demand, new.on_demand);
    keys.key("timeout", timeout, &new.timeout, |limit| limit.map_or_else(unset, print_duration));
    keys.key("on_unhealthy", on_unhealthy, &new.on_unhealthy, |what| what.name().to_owned());
}

/// `SIGINT 5s, SIGTERM`.
fn stop_signals(first: &[(Sig, Duration)], last: Sig) -> String {
    let first = first.iter().map(|(sig, wait)| format!("{sig} {}, ", print_duration(*wait)));
    first.chain([last.to_string()]).collect()
}

fn hook_command(hook: &HookCommand) -> String {
    format!("{} (timeout {})", command(&hook.argv), print_duration(hook.timeout))
}

fn schedule_keys(old: Option<&Schedule>, new: Option<&Schedule>, keys: &mut Keys) {
    let (Some(old), Some(new)) = (old, new) else {
        return keys
            .key("schedule", &old, &new, |schedule| schedule.map_or_else(unset, |schedule| when(&schedule.when)));
    };
    let Schedule { when: time, zone, overlap, jitter, run_on_start } = old;
    keys.key("schedule", time, &new.when, when);
    keys.key("timezone", zone, &new.zone, |zone| zone.name().unwrap_or("local").to_owned());
    keys.key("overlap", overlap, &new.overlap, |overlap| overlap.name().to_owned());
    keys.key("jitter", jitter, &new.jitter, |d| print_duration(*d));
    keys.plain("run_on_start", *run_on_start, new.run_on_start);
}

fn when(when: &When) -> String {
    match when {
        When::Calendar(cron) => scalar(&cron.to_string()),
        When::Every(every) => format!("every {}", print_duration(*every)),
    }
}

fn check_keys(name: &str, old: Option<&Check>, new: Option<&Check>, keys: &mut Keys) {
    let (Some(old), Some(new)) = (old, new) else {
        return keys.key(name, &old, &new, |check| check.map_or_else(unset, |check| probe(&check.probe)));
    };
    let Check { probe: looks_at, interval, timeout, start_period, start_interval, retries } = old;
    keys.key(format_args!("{name}.{}", new.probe.key()), looks_at, &new.probe, probe);
    for (key, old, new) in [
        ("interval", interval, &new.interval),
        ("timeout", timeout, &new.timeout),
        ("start_period", start_period, &new.start_period),
        ("start_interval", start_interval, &new.start_interval),
    ] {
        keys.key(format_args!("{name}.{key}"), old, new, |d| print_duration(*d));
    }
    keys.key(format_args!("{name}.retries"), retries, &new.retries, u32::to_string);
}

fn probe(probe: &Probe) -> String {
    match probe {
        Probe::Exec(argv) => command(argv),
        Probe::Tcp(text) | Probe::Log(text) => format!("{} {}", probe.key(), scalar(text)),
        Probe::Http { url, status: (low, high) } => format!("http {} ({low}-{high})", scalar(url)),
        Probe::Notify => "notify".to_owned(),
        Probe::Fd(fd) => format!("fd {fd}"),
    }
}

/// Whether a run that was handed the one could have been handed the other.
fn is_same_to_a_run(old: &[Listen], new: &[Listen]) -> bool {
    old.len() == new.len() && old.iter().zip(new).all(|(old, new)| old.is_same_to_a_run(new))
}

/// `[127.0.0.1:80 (web), unix:/run/web.sock (www-data:www-data, 0660, backlog 10)]`.
fn listens(sockets: &[Listen]) -> String {
    let one = |socket: &Listen| {
        let Listen { address, name, mode, owner, group, backlog } = socket;
        let mut said: Vec<String> = name.iter().cloned().collect();
        match (owner, group) {
            (None, None) => {}
            (owner, None) => said.extend(owner.clone()),
            (owner, Some(group)) => said.push(format!("{}:{group}", owner.as_deref().unwrap_or_default())),
        }
        said.extend(mode.map(|mode| format!("{mode:04o}")));
        said.extend(backlog.map(|backlog| format!("backlog {backlog}")));
        let address = scalar(address);
        if said.is_empty() { address } else { format!("{address} ({})", said.join(", ")) }
    };
    one_or_list(&sockets.iter().map(one).collect::<Vec<_>>())
}

/// Whether a check cannot take the place of another while the process runs: what the process itself gives a sign by is
/// made when it is spawned.
fn needs_new_run(old: Option<&Check>, new: Option<&Check>) -> bool {
    let probe = |check: Option<&Check>| check.map(|check| check.probe.clone());
    let (old, new) = (probe(old), probe(new));
    old != new && [old, new].into_iter().flatten().any(|probe| probe.is_sign())
}

/// The daemon's keys that differ: those that only take effect when it is started anew, and those that do at once.
fn daemon_keys(old: &DaemonConfig, new: &DaemonConfig) -> (Vec<KeyChange>, Vec<KeyChange>) {
    let DaemonConfig {
        logfile,
        loglevel,
        logformat,
        rotation: Rotation { max_bytes, backups },
        childlogdir,
        nocleanup,
        pidfile,
        umask,
        socket: SocketConfig { path, mode, owner, group, roles },
        on_event,
        exit_when,
        http,
    } = old;
    let mut keys = Keys::default();
    keys.key("logfile", logfile, &new.logfile, log_target);
    keys.text("childlogdir", Some(childlogdir), Some(&new.childlogdir));
    keys.plain("nocleanup", *nocleanup, new.nocleanup);
    keys.text("pidfile", pidfile.as_ref(), new.pidfile.as_ref());
    keys.umask("umask", *umask, new.umask);
    keys.text("socket.path", path.as_ref(), new.socket.path.as_ref());
    keys.umask("socket.mode", Some(*mode), Some(new.socket.mode));
    keys.text("socket.owner", owner.as_ref(), new.socket.owner.as_ref());
    keys.text("socket.group", group.as_ref(), new.socket.group.as_ref());
    let mut live = Keys::default();
    live.key("loglevel", loglevel, &new.loglevel, |level| level.name().to_owned());
    live.key("logformat", logformat, &new.logformat, |format| format.name().to_owned());
    live.key("logfile_maxbytes", max_bytes, &new.rotation.max_bytes, |bytes| print_size(*bytes));
    live.key("logfile_backups", backups, &new.rotation.backups, u32::to_string);
    let when = |when: &Option<ExitWhen>| when.map_or("none", ExitWhen::name).to_owned();
    live.key("exit_when", exit_when, &new.exit_when, when);
    for ((key, old), (_, new)) in roles.by_key().into_iter().zip(new.socket.roles.by_key()) {
        live.key(format_args!("socket.{key}"), old, new, holders);
    }
    live.key("on_event", on_event.as_slice(), new.on_event.as_slice(), |all| {
        if all.is_empty() { unset() } else { all.iter().map(told).collect::<Vec<_>>().join(", ") }
    });
    http_keys(http.as_ref(), new.http.as_ref(), &mut keys, &mut live);
    (keys.0, live.0)
}

/// `notify (exited, fatal; web; timeout 10s)`.
fn told(rule: &OnEvent) -> String {
    let OnEvent { events, programs, to, timeout } = rule;
    let to = match to {
        Recipient::Command(argv) => command(argv),
        Recipient::Post(url) => scalar(url),
    };
    let any = |list: &[String]| if list.is_empty() { "all".to_owned() } else { list.join(", ") };
    format!("{to} ({}; {}; timeout {})", any(events), any(programs), print_duration(*timeout))
}

/// Where it listens is settled when the daemon starts; who may do what there is not.
fn http_keys(old: Option<&HttpConfig>, new: Option<&HttpConfig>, keys: &mut Keys, live: &mut Keys) {
    let nothing = HttpConfig::default();
    let HttpConfig { listen, control, token_file, hosts } = old.unwrap_or(&nothing);
    let new = new.unwrap_or(&nothing);
    keys.key("http.listen", listen, &new.listen, |all| {
        one_or_list(&all.iter().map(HttpAddress::to_string).collect::<Vec<_>>())
    });
    live.plain("http.control", *control, new.control);
    live.text("http.token_file", token_file.as_ref(), new.token_file.as_ref());
    live.key("http.hosts", hosts, &new.hosts, |all| one_or_list(all));
}

fn one_or_list(all: &[String]) -> String {
    match all {
        [] => unset(),
        [one] => one.clone(),
        several => list(several),
    }
}

/// A program with its own keys where a restart is needed to change them, and with the keys of a newer one in all else:
/// what a run that was started with `old` goes by once `new` is in force.
///
/// The newer values are taken apart without `..`, so that a key that is new has to be given its place here, too.
#[must_use]
pub fn in_place(old: &Program, new: &Program) -> Program {
    let Program {
        argv: _,
        numprocs,
        numprocs_start,
        group_name: _,
        autostart,
        policy,
        priority,
        workingdir: _,
        umask: _,
        user: _,
        group: _,
        extra_groups: _,
        confines: _,
        dirs: _,
        listen,
        env: _,
        env_pass: _,
        stdin: _,
        tty: _,
        stdout: Output { sink: _, also_inherit: _, rotation: stdout },
        stderr: Output { sink: _, also_inherit: _, rotation: stderr },
        log_format,
        depends_on,
        restart_dependents,
        schedule,
        here: _,
    } = new;
    let mut program = old.clone();
    (program.numprocs, program.numprocs_start) = (*numprocs, *numprocs_start);
    (program.autostart, program.priority) = (*autostart, *priority);
    program.policy.clone_from(policy);
    for (now, old) in [
        (&mut program.policy.readiness, &old.policy.readiness),
        (&mut program.policy.healthcheck, &old.policy.healthcheck),
    ] {
        if needs_new_run(old.as_deref(), now.as_deref()) {
            now.clone_from(old);
        }
    }
    if !format_matters(old, new) {
        program.log_format = *log_format;
    }
    if is_same_to_a_run(&old.listen, listen) {
        program.listen.clone_from(listen);
    }
    program.depends_on.clone_from(depends_on);
    program.restart_dependents = *restart_dependents;
    program.schedule.clone_from(schedule);
    (program.stdout.rotation, program.stderr.rotation) = (*stdout, *stderr);
    program
}

/// `[db, {cache: started}]` in the way that is the shortest: `db, cache (started), mail (ready, if it runs)`.
fn dependencies(list: &[Dependency]) -> String {
    let one = |d: &Dependency| match (d.until, d.required) {
        (Condition::Ready, true) => d.on.to_string(),
        (until, true) => format!("{} ({})", d.on, until.name()),
        (until, false) => format!("{} ({}, not required)", d.on, until.name()),
    };
    if list.is_empty() { unset() } else { list.iter().map(one).collect::<Vec<_>>().join(", ") }
}

fn unset() -> String {
    UNSET.to_owned()
}

/// What stands in a file of variables is often a secret: that it is another one must do.
fn variable(variable: &Option<&Variable>) -> String {
    match variable {
        None => unset(),
        Some(Variable::Template(text)) => scalar(text),
        Some(Variable::FromFile(_)) => "(from a file)".to_owned(),
    }
}

fn autorestart(policy: Autorestart) -> &'static str {
    match policy {
        Autorestart::Always => "always",
        Autorestart::Never => "never",
        Autorestart::Unexpected => "unexpected",
    }
}

fn sink(sink: &Sink) -> String {
    match sink {
        Sink::Auto => "auto".to_owned(),
        Sink::File(path) => scalar(path),
        Sink::Discard => "none".to_owned(),
        Sink::Inherit => "inherit".to_owned(),
        Sink::Stdout => "stdout".to_owned(),
    }
}

fn places((place, also_inherit): &(&Sink, bool)) -> String {
    if *also_inherit { format!("[{}, inherit]", sink(place)) } else { sink(place) }
}

fn log_target(target: &LogTarget) -> String {
    match target {
        LogTarget::File(path) => scalar(path),
        LogTarget::Stdout => "-".to_owned(),
        LogTarget::Syslog => "syslog".to_owned(),
    }
}

fn holders(holders: &[Account]) -> String {
    match holders {
        [] => unset(),
        [one] => scalar(&one.to_string()),
        several => list(&several.iter().map(Account::to_string).collect::<Vec<_>>()),
    }
}

/// A text as it stands; in quotes if it is empty, or has what would be lost or break the line.
fn scalar(text: &str) -> String {
    let odd = text.is_empty() || text.trim() != text || text.chars().any(char::is_control);
    if odd { format!("{text:?}") } else { text.to_owned() }
}

/// A command as a shell would be given it.
fn command(argv: &[String]) -> String {
    let safe = |c: char| c.is_alphanumeric() || "_-./:=,@%+".contains(c);
    let word = |word: &String| {
        if word.chars().any(char::is_control) {
            format!("{word:?}")
        } else if !word.is_empty() && word.chars().all(safe) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn list(items: &[String]) -> String {
    format!("[{}]", items.iter().map(|item| scalar(item)).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
