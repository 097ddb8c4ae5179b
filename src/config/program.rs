//! A program's section, and the defaults behind it, to the program of the model.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::base::exit::ExitCodes;
use crate::base::id::Stream;
use crate::base::text::quoted;
use crate::base::tree::{Node, Scalar, Value};

use super::check::World;
use super::diag::{Place, Report};
use super::model::{Autorestart, Backoff, KillMode, Output, OutputFormat, Program, Sink, Variable};
use super::section::{Reader, Section};
use super::values::{self, Read};
use super::words;

mod checks;
mod confines;
mod depends;
mod env;
mod hooks;
mod listen;
mod schedule;

pub(super) use checks::{
    CheckKey, FDS as CHECK_FDS, HEALTH_KEYS, KINDS as CHECK_KINDS, READINESS_KEYS, RETRIES as CHECK_RETRIES,
    STATUSES as CHECK_STATUSES,
};
pub(super) use confines::{CAPABILITY_KEYS, CapabilityKey, NICE, OOM_SCORE_ADJ, PIDS, UNLIMITED};
pub(super) use depends::check as check_dependencies;
pub(super) use env::place_of_variable;
pub(super) use hooks::{HOOK_KEYS, HookKey, SIGNALS, timeout as positive};
pub(super) use listen::{BACKLOG, LISTEN_KEYS, ListenKey, SOCKETS};

/// How many files of a log may be kept.
pub(super) const BACKUPS: RangeInclusive<u32> = 0..=10_000;
/// How many processes a program may have.
pub const NUMPROCS: RangeInclusive<u32> = 1..=10_000;
/// What number the first of them may have.
pub(super) const NUMPROCS_START: RangeInclusive<u32> = 0..=1_000_000;
pub(super) const PRIORITY: RangeInclusive<i32> = -1_000_000..=1_000_000;

/// The keys of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Cmd,
    Args,
    Shell,
    Numprocs,
    NumprocsStart,
    Autostart,
    Autorestart,
    Exitcodes,
    Startretries,
    Starttime,
    Stopsignal,
    Stoptime,
    Stopgroup,
    KillMode,
    Essential,
    OnExit,
    PreStart,
    PostStart,
    PreStop,
    StopCommand,
    PostStop,
    OnFatal,
    Backoff,
    Oneshot,
    Workingdir,
    Umask,
    User,
    Group,
    ExtraGroups,
    GroupName,
    Env,
    EnvFile,
    EnvFromDir,
    EnvPass,
    Stdin,
    Tty,
    Stdout,
    Stderr,
    RedirectStderr,
    StdoutMaxbytes,
    StdoutBackups,
    StderrMaxbytes,
    StderrBackups,
    LogFormat,
    Priority,
    DependsOn,
    RestartDependents,
    Schedule,
    Every,
    Timezone,
    Overlap,
    Jitter,
    RunOnStart,
    Timeout,
    Readiness,
    Healthcheck,
    OnUnhealthy,
    Rlimits,
    Nice,
    Ionice,
    OomScoreAdj,
    CpuAffinity,
    MemoryMax,
    CpuMax,
    PidsMax,
    NoNewPrivs,
    Capabilities,
    Chroot,
    Dirs,
    Listen,
    OnDemand,
}

/// Every name of every key; the first of a key is its own, the others are aliases.
pub(super) const KEYS: [(&str, Key); 78] = [
    ("cmd", Key::Cmd),
    ("command", Key::Cmd),
    ("args", Key::Args),
    ("shell", Key::Shell),
    ("numprocs", Key::Numprocs),
    ("numprocs_start", Key::NumprocsStart),
    ("autostart", Key::Autostart),
    ("autorestart", Key::Autorestart),
    ("exitcodes", Key::Exitcodes),
    ("startretries", Key::Startretries),
    ("starttime", Key::Starttime),
    ("startsecs", Key::Starttime),
    ("stopsignal", Key::Stopsignal),
    ("stoptime", Key::Stoptime),
    ("stopsecs", Key::Stoptime),
    ("stopwaitsecs", Key::Stoptime),
    ("stopgroup", Key::Stopgroup),
    ("kill_mode", Key::KillMode),
    ("essential", Key::Essential),
    ("on_exit", Key::OnExit),
    ("pre_start", Key::PreStart),
    ("post_start", Key::PostStart),
    ("pre_stop", Key::PreStop),
    ("stop_command", Key::StopCommand),
    ("post_stop", Key::PostStop),
    ("on_fatal", Key::OnFatal),
    ("backoff", Key::Backoff),
    ("oneshot", Key::Oneshot),
    ("workingdir", Key::Workingdir),
    ("directory", Key::Workingdir),
    ("umask", Key::Umask),
    ("user", Key::User),
    ("group", Key::Group),
    ("extra_groups", Key::ExtraGroups),
    ("group_name", Key::GroupName),
    ("env", Key::Env),
    ("env_file", Key::EnvFile),
    ("env_from_dir", Key::EnvFromDir),
    ("env_pass", Key::EnvPass),
    ("stdin", Key::Stdin),
    ("tty", Key::Tty),
    ("stdout", Key::Stdout),
    ("stdout_logfile", Key::Stdout),
    ("stderr", Key::Stderr),
    ("stderr_logfile", Key::Stderr),
    ("redirect_stderr", Key::RedirectStderr),
    ("stdout_logfile_maxbytes", Key::StdoutMaxbytes),
    ("stdout_logfile_backups", Key::StdoutBackups),
    ("stderr_logfile_maxbytes", Key::StderrMaxbytes),
    ("stderr_logfile_backups", Key::StderrBackups),
    ("log_format", Key::LogFormat),
    ("priority", Key::Priority),
    ("depends_on", Key::DependsOn),
    ("restart_dependents", Key::RestartDependents),
    ("schedule", Key::Schedule),
    ("every", Key::Every),
    ("timezone", Key::Timezone),
    ("overlap", Key::Overlap),
    ("jitter", Key::Jitter),
    ("run_on_start", Key::RunOnStart),
    ("timeout", Key::Timeout),
    ("readiness", Key::Readiness),
    ("healthcheck", Key::Healthcheck),
    ("on_unhealthy", Key::OnUnhealthy),
    ("rlimits", Key::Rlimits),
    ("nice", Key::Nice),
    ("ionice", Key::Ionice),
    ("oom_score_adj", Key::OomScoreAdj),
    ("cpu_affinity", Key::CpuAffinity),
    ("memory_max", Key::MemoryMax),
    ("cpu_max", Key::CpuMax),
    ("pids_max", Key::PidsMax),
    ("no_new_privs", Key::NoNewPrivs),
    ("capabilities", Key::Capabilities),
    ("chroot", Key::Chroot),
    ("dirs", Key::Dirs),
    ("listen", Key::Listen),
    ("on_demand", Key::OnDemand),
];

/// The keys under `backoff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BackoffKey {
    Initial,
    Factor,
    Max,
    Floor,
}

pub(super) const BACKOFF_KEYS: [(&str, BackoffKey); 4] = [
    ("initial", BackoffKey::Initial),
    ("factor", BackoffKey::Factor),
    ("max", BackoffKey::Max),
    ("floor", BackoffKey::Floor),
];

/// The known keys of a program, or of the defaults.
pub(super) type ProgramSection<'n, 't> = Section<'n, 't, Key>;
type ProgramReader<'a, 's, 'n, 't> = Reader<'a, 's, 'n, 't, Key>;

/// What the section says about the program. Whatever is wrong is reported; what is returned then only serves to find
/// more that is wrong. `None` iff there is no command that could be looked at.
pub(super) fn read(
    own: &ProgramSection<'_, '_>,
    defaults: &ProgramSection<'_, '_>,
    world: &World<'_>,
    report: &mut Report<'_>,
) -> Option<Program> {
    let mut reader = Reader { report, own, defaults };
    let argv = argv(&mut reader);
    let mut program = rest(&mut reader, argv.unwrap_or_default(), world);
    checks::read(&mut reader, &mut program, false);
    listen::hold_against_the_rest(&mut reader, &mut program);
    if refers_to_here(&program) {
        program.here = Some(report.source(own.place).dir.as_str().into());
    }
    if program.argv.is_empty() { None } else { Some(program) }
}

/// Whether a text of the program may say where its file is.
fn refers_to_here(program: &Program) -> bool {
    let says = |text: &String| text.contains("${here") || text.contains("%(here)");
    let templates = program.env.values().filter_map(|variable| match variable {
        Variable::Template(text) => Some(text),
        Variable::FromFile(_) => None,
    });
    let sinks = [Stream::Stdout, Stream::Stderr].into_iter().filter_map(|s| match &program.output(s).sink {
        Sink::File(path) => Some(path),
        Sink::Auto | Sink::Discard | Sink::Inherit | Sink::Stdout => None,
    });
    let checks = [&program.policy.readiness, &program.policy.healthcheck];
    let check = checks.into_iter().flatten().flat_map(|check| check.probe.texts());
    let hooks = program.policy.hooks.values().flat_map(|hook| &hook.argv);
    let chroot = program.confines.iter().filter_map(|confines| confines.chroot.as_ref());
    let places = program.workingdir.iter().chain(chroot).chain(program.dirs.iter().map(|dir| &dir.path));
    let places = places.chain(program.listen.iter().map(|listen| &listen.address));
    program.argv.iter().chain(places).chain(templates).chain(sinks).chain(check).chain(hooks).any(says)
}

/// Looks at the defaults by themselves, which need no command. `used` is whether there are programs behind them.
pub(super) fn read_defaults(defaults: &ProgramSection<'_, '_>, used: bool, world: &World<'_>, report: &mut Report<'_>) {
    let none = Section::new("", defaults.place);
    let mut reader = Reader { report, own: &none, defaults };
    // A text may be for the shell of a program; whether its quotes are closed is then for the shell to say.
    let shell = reader.value(Key::Shell, values::boolean).unwrap_or(used);
    let is_line = |node: &Node<'_>| shell && !matches!(node.value, Value::Seq(_));
    reader.value(Key::Cmd, |n| if is_line(n) { shell_line(n).map(drop) } else { words_of(n).map(drop) });
    reader.value(Key::Args, arguments);
    let mut program = rest(&mut reader, Vec::new(), world);
    checks::read(&mut reader, &mut program, true);
}

/// Everything but the command and the checks.
fn rest(reader: &mut ProgramReader<'_, '_, '_, '_>, argv: Vec<String>, world: &World<'_>) -> Program {
    let mut program = Program::new(argv);
    let p = &mut program;
    reader.set(&mut p.numprocs, Key::Numprocs, |n| values::integer(n, NUMPROCS));
    reader.set(&mut p.numprocs_start, Key::NumprocsStart, |n| values::integer(n, NUMPROCS_START));
    reader.set_some(&mut p.group_name, Key::GroupName, values::group_name);
    reader.set(&mut p.autostart, Key::Autostart, values::boolean);
    reader.set(&mut p.priority, Key::Priority, |n| values::integer(n, PRIORITY));
    reader.set_some(&mut p.workingdir, Key::Workingdir, values::path);
    reader.set_some(&mut p.umask, Key::Umask, values::octal);
    reader.set_some(&mut p.user, Key::User, values::account);
    reader.set_some(&mut p.group, Key::Group, values::account);
    reader.set(&mut p.depends_on, Key::DependsOn, depends::read);
    reader.set(&mut p.restart_dependents, Key::RestartDependents, values::boolean);
    confines::read(reader, p);
    listen::read(reader, p);
    p.env = env::read(reader, world);
    reader.set(&mut p.env_pass, Key::EnvPass, env::passed_on);
    policy(reader, p);
    hooks::read(reader, p);
    reader.set(&mut p.stdin, Key::Stdin, values::stdin);
    schedule::read(reader, p, world);
    outputs(reader, p);
    terminal(reader, p);
    format_without_use(reader, p);
    program
}

/// The key of this name.
pub(super) fn key(name: &str) -> Option<Key> {
    KEYS.iter().find(|(other, _)| *other == name).map(|(_, key)| *key)
}

/// Where a key of the program is given, and by what path; the program itself if it is not given.
pub(super) fn place_of(own: &ProgramSection<'_, '_>, defaults: &ProgramSection<'_, '_>, key: Key) -> (Place, String) {
    let found = [own, defaults].into_iter().find_map(|section| section.get(key).map(|found| (section, found)));
    match found {
        Some((section, found)) => (found.place, section.path_to(&found.entry.key)),
        None => (own.place, own.path.clone()),
    }
}

fn argv(reader: &mut ProgramReader<'_, '_, '_, '_>) -> Option<Vec<String>> {
    let shell = reader.value(Key::Shell, values::boolean).unwrap_or(false);
    let args = reader.value(Key::Args, arguments).unwrap_or_default();
    let Some((section, cmd)) = reader.find(Key::Cmd) else {
        reader.report.error(reader.own.place, &reader.own.path, "has no cmd: give the command that is to run");
        return None;
    };
    if !shell {
        let mut argv = reader.value_of(section, cmd, words_of)?.0;
        if let Some(operator) = words_of(&cmd.entry.value).ok().and_then(|(_, operator)| operator) {
            let text = format!(
                "passes {} to the program as it stands; with \"shell: true\" a shell runs the line",
                quoted(&operator)
            );
            reader.report.warning(cmd.place, section.path_to(&cmd.entry.key), text);
        }
        argv.extend(args);
        argv.shrink_to_fit();
        return Some(argv);
    }
    if let (false, Some((section, args))) = (args.is_empty(), reader.find(Key::Args)) {
        let text = "cannot be used with \"shell: true\": put the arguments into cmd";
        reader.report.error(args.place, section.path_to(&args.entry.key), text);
    }
    let line = reader.value_of(section, cmd, shell_line)?;
    Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), line])
}

fn shell_line(node: &Node<'_>) -> Read<String> {
    if matches!(node.value, Value::Seq(_)) {
        return Err("is a list, but \"shell: true\" needs the command as one text".to_owned());
    }
    let line = values::any_text(node, "a command")?;
    if line.trim().is_empty() {
        Err("is empty: give the command that is to run".to_owned())
    } else {
        Ok(line.to_owned())
    }
}

/// The words of a command, and the first that looks like an operator of a shell.
pub(super) fn words_of(node: &Node<'_>) -> Read<(Vec<String>, Option<String>)> {
    let (words, operator) = if let Value::Seq(_) = node.value {
        (texts(node, "a word")?, None)
    } else {
        let split = words::split(values::any_text(node, "a command")?)?;
        (split.words, split.operator)
    };
    match words.first() {
        None => Err("is empty: give the command that is to run".to_owned()),
        Some(first) if first.is_empty() => Err("begins with an empty word: give the program that is to run".to_owned()),
        Some(_) => Ok((words, operator)),
    }
}

fn arguments(node: &Node<'_>) -> Read<Vec<String>> {
    match &node.value {
        Value::Scalar(_, _) => Ok(words::split(values::any_text(node, "a list of words")?)?.words),
        Value::Null | Value::Seq(_) | Value::Map(_) => texts(node, "a word"),
    }
}

/// A list of scalars by their texts; nothing is an empty list.
fn texts(node: &Node<'_>, each: &str) -> Read<Vec<String>> {
    let items = match &node.value {
        Value::Null => return Ok(Vec::new()),
        Value::Seq(items) => items,
        Value::Scalar(_, _) | Value::Map(_) => return Err(format!("is {}, not a list", node.value.what())),
    };
    let text = |(i, item): (usize, &Node<'_>)| {
        values::any_text(item, each).map(str::to_owned).map_err(|problem| format!("item {}: {problem}", i + 1))
    };
    items.iter().enumerate().map(text).collect()
}

/// One code, a list of codes, or `0,2`.
fn exit_codes(node: &Node<'_>) -> Read<ExitCodes> {
    let code = |node: &Node<'_>| values::integer(node, 0..=255u8);
    let codes: Read<Vec<u8>> = match &node.value {
        Value::Seq(items) => items.iter().map(code).collect(),
        Value::Scalar(Scalar::Text, text) if text.contains(',') => {
            let part =
                |part: &str| Node { value: Value::Scalar(Scalar::Int, part.trim().to_owned().into()), at: node.at };
            text.split(',').map(|p| code(&part(p))).collect()
        }
        Value::Null | Value::Scalar(_, _) | Value::Map(_) => code(node).map(|c| vec![c]),
    };
    codes.map(ExitCodes::new)
}

/// How long a run may take.
fn timeout(node: &Node<'_>) -> Read<Option<Duration>> {
    match values::duration(node)? {
        Duration::ZERO => Err("is 0: nothing can be done within that; leave the key out for no limit".to_owned()),
        limit => Ok(Some(limit)),
    }
}

fn policy(reader: &mut ProgramReader<'_, '_, '_, '_>, program: &mut Program) {
    let policy = &mut program.policy;
    (policy.autorestart, policy.startretries) = restarts(reader, policy.autorestart, policy.startretries);
    reader.set(&mut policy.exitcodes, Key::Exitcodes, exit_codes);
    reader.set(&mut policy.starttime, Key::Starttime, values::duration);
    if let Some((first, last)) = reader.value(Key::Stopsignal, hooks::stop_signals) {
        (policy.stop_first, policy.stopsignal) = (first, last);
    }
    reader.set(&mut policy.stoptime, Key::Stoptime, values::duration);
    policy.kill_mode = kill_mode(reader, policy.kill_mode);
    reader.set(&mut policy.essential, Key::OnExit, values::on_exit);
    reader.set(&mut policy.essential, Key::Essential, values::boolean);
    reader.set(&mut policy.oneshot, Key::Oneshot, values::boolean);
    reader.set(&mut policy.timeout, Key::Timeout, timeout);
    backoff(reader, &mut policy.backoff);
    if let (true, Some((section, found))) = (policy.stoptime.is_zero(), reader.find(Key::Stoptime)) {
        let text = "is 0: SIGKILL follows the stop signal at once, and nothing can end in good order";
        reader.report.warning(found.place, section.path_to(&found.entry.key), text);
    }
    if let (true, false, Some(found)) = (policy.oneshot, policy.starttime.is_zero(), reader.own.get(Key::Starttime)) {
        let text = "plays no part with \"oneshot: true\"";
        reader.report.warning(found.place, reader.own.path_to(&found.entry.key), text);
    }
}

/// `kill_mode`, or `stopgroup` for the older two of them. The program's own keys come before the defaults'.
fn kill_mode(reader: &mut ProgramReader<'_, '_, '_, '_>, unsaid: KillMode) -> KillMode {
    let group = reader.value(Key::Stopgroup, values::boolean);
    let group = group.map(|whole| if whole { KillMode::Group } else { KillMode::Process });
    let mode = reader.value(Key::KillMode, values::kill_mode);
    let own = |key| reader.own.get(key).is_some();
    if let (Some(_), Some(_), Some(found)) = (group, mode, reader.own.get(Key::Stopgroup))
        && own(Key::KillMode)
    {
        let text = "plays no part beside kill_mode";
        reader.report.warning(found.place, reader.own.path_to(&found.entry.key), text);
    }
    let own_group = own(Key::Stopgroup) && !own(Key::KillMode);
    if own_group { group.or(mode) } else { mode.or(group) }.unwrap_or(unsaid)
}

/// `autorestart` and `startretries`, which `on-failure:5` may bring along.
fn restarts(
    reader: &mut ProgramReader<'_, '_, '_, '_>,
    policy: Autorestart,
    retries: Option<u32>,
) -> (Autorestart, Option<u32>) {
    let (policy, along) = reader.value(Key::Autorestart, values::autorestart).unwrap_or((policy, None));
    let with_policy = reader.find(Key::Autorestart).filter(|_| along.is_some()).map(|(section, _)| section);
    let by_key = reader.find(Key::Startretries);
    if let (Some(section), Some((other, found))) = (with_policy, by_key) {
        if std::ptr::eq(section, other) {
            let text = "is what counts; the number behind autorestart does not";
            reader.report.warning(found.place, other.path_to(&found.entry.key), text);
        } else if std::ptr::eq(section, reader.own) {
            // What the program says itself comes before the defaults.
            return (policy, along);
        }
    }
    let along = if with_policy.is_some() { along } else { retries };
    let by_key = by_key.and_then(|_| reader.value(Key::Startretries, values::retries));
    (policy, by_key.unwrap_or(along))
}

fn backoff(reader: &mut ProgramReader<'_, '_, '_, '_>, backoff: &mut Backoff) {
    let [own, defaults] = reader.within(Key::Backoff, &BACKOFF_KEYS);
    let mut reader = Reader { report: reader.report, own: &own, defaults: &defaults };
    reader.set(&mut backoff.initial, BackoffKey::Initial, values::duration);
    reader.set(&mut backoff.factor, BackoffKey::Factor, values::factor);
    reader.set(&mut backoff.max, BackoffKey::Max, values::duration);
    reader.set(&mut backoff.floor, BackoffKey::Floor, values::duration);
}

fn outputs(reader: &mut ProgramReader<'_, '_, '_, '_>, program: &mut Program) {
    let Program { stdout, stderr, .. } = program;
    if let Some(place) = reader.value(Key::Stdout, |n| values::places(n, false)) {
        (stdout.sink, stdout.also_inherit) = place;
    }
    (stderr.sink, stderr.also_inherit) = stderr_place(reader);
    rotation(reader, stdout, Key::StdoutMaxbytes, Key::StdoutBackups);
    rotation(reader, stderr, Key::StderrMaxbytes, Key::StderrBackups);
    reader.set(&mut program.log_format, Key::LogFormat, values::output_format);
}

/// Says so if a program names a format and nothing of it is passed on. Defaults are for other programs, too.
fn format_without_use(reader: &mut ProgramReader<'_, '_, '_, '_>, program: &Program) {
    let passed_on = [Stream::Stdout, Stream::Stderr].into_iter().any(|stream| program.passed_on(stream).is_some());
    if let (false, OutputFormat::Prefix | OutputFormat::Json, Some(found)) =
        (passed_on, program.log_format, reader.own.get(Key::LogFormat))
    {
        let text = "plays no part: neither stdout nor stderr is inherit, or a list with it";
        reader.report.warning(found.place, reader.own.path_to(&found.entry.key), text);
    }
}

fn rotation(reader: &mut ProgramReader<'_, '_, '_, '_>, output: &mut Output, max_bytes: Key, backups: Key) {
    reader.set(&mut output.rotation.max_bytes, max_bytes, values::size);
    reader.set(&mut output.rotation.backups, backups, |n| values::integer(n, BACKUPS));
}

/// `tty`, and what it leaves no room for.
fn terminal(reader: &mut ProgramReader<'_, '_, '_, '_>, program: &mut Program) {
    reader.set(&mut program.tty, Key::Tty, values::boolean);
    let Some((by, _)) = reader.find(Key::Tty).filter(|_| program.tty) else { return };
    let unread = program.stdout.sink == Sink::Inherit && program.log_format == OutputFormat::Raw;
    if let (true, Some((section, found))) = (unread, reader.find(Key::Stdout)) {
        let text = "cannot be inherit with \"tty: true\", where the daemon reads what is shown; give a file, auto, none, \
                    [auto, inherit], or \"log_format: prefix\"";
        reader.report.error(found.place, section.path_to(&found.entry.key), text);
    }
    let own_place = matches!(program.stderr.sink, Sink::File(_) | Sink::Inherit | Sink::Discard);
    for (key, is_meant) in [(Key::Stderr, own_place), (Key::Stdin, true)] {
        // Defaults are for other programs, too.
        let own = |section| std::ptr::eq(section, reader.own) || std::ptr::eq(section, by);
        if let Some((section, found)) = reader.find(key).filter(|(section, _)| is_meant && own(*section)) {
            let text = "is not used with \"tty: true\": standard input, output and error are the terminal";
            reader.report.warning(found.place, section.path_to(&found.entry.key), text);
        }
    }
    (program.stderr.sink, program.stderr.also_inherit) = (Sink::Stdout, false);
}

/// `stderr`, or `redirect_stderr: true`, which comes before it in the same section.
fn stderr_place(reader: &mut ProgramReader<'_, '_, '_, '_>) -> (Sink, bool) {
    let mut redirect_open = true;
    for section in [reader.own, reader.defaults] {
        let place = section.get(Key::Stderr);
        let place =
            place.and_then(|found| Some((found, reader.value_of(section, found, |n| values::places(n, true))?)));
        let redirect = section.get(Key::RedirectStderr).filter(|_| redirect_open);
        if let Some(redirect) = redirect {
            redirect_open = false;
            if reader.value_of(section, redirect, values::boolean) == Some(true) {
                if let Some((found, (Sink::File(_) | Sink::Inherit, _) | (_, true))) = place {
                    let text = "is not used: redirect_stderr sends stderr to where stdout goes";
                    reader.report.warning(found.place, section.path_to(&found.entry.key), text);
                }
                return (Sink::Stdout, false);
            }
        }
        if let Some((_, place)) = place {
            return place;
        }
    }
    (Sink::Auto, false)
}
