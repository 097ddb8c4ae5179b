//! A configuration as YAML: from the model back to a text that says the same. Only what differs from the defaults is
//! written, in the order of taskmaster.yaml(5).
//!
//! The text is for people, too: a command is a line where it can be one, a text of several lines is a block. It is the
//! other half of `parse`: whatever that makes comes back the same, but for the file that a program stands in, and for
//! values from files of variables, which stand in the text itself or are left out.

use std::fmt::Write as _;
use std::time::Duration;

use crate::base::signal::Sig;
use crate::base::units::{print_duration, print_size};
use crate::base::yaml_text::scalar;

use super::expand;
use super::model::{
    Account, Autorestart, Backoff, Config, DaemonConfig, Dependency, HookCommand, HttpConfig, LogTarget, OnEvent,
    Output, Overlap, Policy, Program, Recipient, Rotation, Schedule, Sink, SocketConfig, Variable, When,
};
use super::words;

mod checks;
mod confines;
mod listen;

/// How long a list may be that stands in one line, in bytes.
const LINE_BYTES: usize = 100;
/// How long a key may be that stands before its value, in bytes. YAML has a limit of 1024 signs.
const KEY_BYTES: usize = 1000;

/// What is to be done with the values that came from files of variables, which may be secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromFiles {
    /// They stand in `env`, written so that nothing in them is filled in.
    Printed,
    /// A comment says that there is one.
    Hidden,
}

/// The configuration as one file.
#[must_use]
pub fn yaml(config: &Config, from_files: FromFiles) -> String {
    let mut page = Page { text: String::new(), depth: 0, from_files };
    page.section("taskmasterd", |page| page.daemon(&config.daemon));
    if !page.text.is_empty() {
        page.text.push('\n');
    }
    if config.programs.is_empty() {
        page.plain("programs", "{}");
        return page.text;
    }
    page.line("programs:");
    page.depth = 1;
    for (i, (name, program)) in config.programs.iter().enumerate() {
        if i > 0 {
            page.text.push('\n');
        }
        page.line(&format!("{}:", scalar(name.as_str())));
        page.depth = 2;
        page.program(program);
        page.depth = 1;
    }
    page.text
}

/// What is written.
struct Page {
    text: String,
    /// By how many steps the lines are indented.
    depth: usize,
    from_files: FromFiles,
}

impl Page {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{:1$}{text}", "", 2 * self.depth);
    }

    /// A key and a value that is YAML already.
    fn plain(&mut self, key: &str, value: &str) {
        self.line(&format!("{key}: {value}"));
    }

    /// The same if it is not the default.
    fn unless<T: PartialEq>(&mut self, key: &str, value: &T, default: &T, print: impl FnOnce(&T) -> String) {
        if value != default {
            self.plain(key, &print(value));
        }
    }

    fn some<T>(&mut self, key: &str, value: Option<&T>, print: impl FnOnce(&T) -> String) {
        if let Some(value) = value {
            self.plain(key, &print(value));
        }
    }

    /// A key and its inner ones, if there are any.
    fn section(&mut self, key: &str, inner: impl FnOnce(&mut Page)) {
        let before = self.text.len();
        self.line(&format!("{key}:"));
        let with_key = self.text.len();
        self.depth += 1;
        inner(self);
        self.depth -= 1;
        if self.text.len() == with_key {
            self.text.truncate(before);
        }
    }

    /// A key of any text with a value of any text.
    fn text(&mut self, key: &str, text: &str) {
        let key = scalar(key);
        let value = self.block(text).unwrap_or_else(|| bare_number(text).unwrap_or_else(|| scalar(text).into_owned()));
        if key.len() < KEY_BYTES {
            self.plain(&key, &value);
        } else {
            self.line(&format!("? {key}"));
            self.line(&format!(": {value}"));
        }
    }

    /// A text of several lines as a block, if nothing in it would get lost.
    fn block(&self, text: &str) -> Option<String> {
        let body = text.strip_suffix('\n').unwrap_or(text);
        // Others can only stand behind a backslash, which a block does not know.
        let as_it_is = |c: char| matches!(c, '\n' | '\\') || !scalar(c.encode_utf8(&mut [0; 4])).contains('\\');
        let fits = text.contains('\n')
            && !body.starts_with([' ', '\n'])
            && !body.ends_with('\n')
            && !body.is_empty()
            && text.chars().all(as_it_is);
        if !fits {
            return None;
        }
        let mut block = if body.len() == text.len() { "|-".to_owned() } else { "|".to_owned() };
        for line in body.split('\n') {
            block.push('\n');
            if !line.is_empty() {
                let _ = write!(block, "{:1$}{line}", "", 2 * (self.depth + 1));
            }
        }
        Some(block)
    }

    fn list(&mut self, key: &str, items: &[String]) {
        let flow = flow(items);
        if flow.len() <= LINE_BYTES {
            return self.plain(key, &flow);
        }
        self.line(&format!("{key}:"));
        for item in items {
            self.line(&format!("  - {}", scalar(item)));
        }
    }

    fn daemon(&mut self, daemon: &DaemonConfig) {
        let plain = DaemonConfig::default();
        self.unless("logfile", &daemon.logfile, &plain.logfile, log_target);
        self.unless("loglevel", &daemon.loglevel, &plain.loglevel, |level| level.name().to_owned());
        self.unless("logformat", &daemon.logformat, &plain.logformat, |format| format.name().to_owned());
        self.rotation("logfile", daemon.rotation);
        self.unless("childlogdir", &daemon.childlogdir, &plain.childlogdir, |dir| literal(dir));
        self.some("exit_when", daemon.exit_when.as_ref(), |when| when.name().to_owned());
        self.unless("nocleanup", &daemon.nocleanup, &plain.nocleanup, bool::to_string);
        self.some("pidfile", daemon.pidfile.as_ref(), |path| literal(path));
        self.some("umask", daemon.umask.as_ref(), octal);
        self.section("socket", |page| page.socket(&daemon.socket));
        if !daemon.on_event.is_empty() {
            self.line("on_event:");
        }
        for rule in &daemon.on_event {
            self.on_event(rule);
        }
        if let Some(http) = &daemon.http {
            self.section("http", |page| page.http(http));
        }
    }

    fn on_event(&mut self, rule: &OnEvent) {
        let OnEvent { events, programs, to, timeout } = rule;
        let mut keys = match to {
            Recipient::Command(argv) => {
                let words: Vec<String> = argv.iter().map(|word| expand::as_template(word)).collect();
                vec![format!("command: {}", flow(&words))]
            }
            Recipient::Post(url) => vec![format!("post: {}", literal(url))],
        };
        for (key, list) in [("events", events), ("programs", programs)] {
            if !list.is_empty() {
                keys.push(format!("{key}: {}", flow(list)));
            }
        }
        if *timeout != OnEvent::new(to.clone()).timeout {
            keys.push(format!("timeout: {}", duration(timeout)));
        }
        self.line(&format!("  - {{{}}}", keys.join(", ")));
    }

    fn http(&mut self, http: &HttpConfig) {
        self.texts("listen", http.listen.iter().map(|at| literal(&at.to_string())));
        self.unless("control", &http.control, &false, bool::to_string);
        self.some("token_file", http.token_file.as_ref(), |path| literal(path));
        self.texts("hosts", http.hosts.iter().map(|host| literal(host)));
    }

    /// A list, left out if it is empty.
    fn texts(&mut self, key: &str, values: impl Iterator<Item = String>) {
        let values: Vec<String> = values.collect();
        match values.as_slice() {
            [] => {}
            [one] => self.plain(key, one),
            several => self.plain(key, &format!("[{}]", several.join(", "))),
        }
    }

    fn socket(&mut self, socket: &SocketConfig) {
        self.some("path", socket.path.as_ref(), |path| literal(path));
        self.unless("mode", &socket.mode, &SocketConfig::default().mode, |mode| format!("{mode:04o}"));
        self.some("owner", socket.owner.as_ref(), |name| account(name));
        self.some("group", socket.group.as_ref(), |name| account(name));
        for (key, holders) in socket.roles.by_key() {
            match holders {
                [] => {}
                [one] => self.plain(key, &holder(one)),
                several => {
                    let several: Vec<String> = several.iter().map(holder).collect();
                    self.plain(key, &format!("[{}]", several.join(", ")));
                }
            }
        }
    }

    fn program(&mut self, program: &Program) {
        let plain = Program::new(Vec::new());
        let policy = &program.policy;
        self.command(&program.argv);
        self.unless("numprocs", &program.numprocs, &plain.numprocs, u32::to_string);
        self.unless("numprocs_start", &program.numprocs_start, &plain.numprocs_start, u32::to_string);
        self.some("workingdir", program.workingdir.as_ref(), |dir| scalar(dir).into_owned());
        self.some("umask", program.umask.as_ref(), octal);
        self.some("user", program.user.as_ref(), |name| account(name));
        self.some("group", program.group.as_ref(), |name| account(name));
        if !program.extra_groups.is_empty() {
            let groups: Vec<String> = program.extra_groups.iter().map(|name| account(name)).collect();
            self.plain("extra_groups", &format!("[{}]", groups.join(", ")));
        }
        self.some("group_name", program.group_name.as_ref(), |name| scalar(name.as_str()).into_owned());
        self.section("env", |page| page.env(program));
        if !program.env_pass.is_empty() {
            self.list("env_pass", &program.env_pass);
        }
        self.unless("autostart", &program.autostart, &plain.autostart, bool::to_string);
        self.unless("starttime", &policy.starttime, &plain.policy.starttime, duration);
        self.unless("startretries", &policy.startretries, &plain.policy.startretries, |retries| {
            retries.map_or("unlimited".to_owned(), |n| n.to_string())
        });
        let plain_backoff =
            Backoff { floor: default_floor(program, plain.policy.backoff.floor), ..plain.policy.backoff };
        self.section("backoff", |page| page.backoff(policy.backoff, plain_backoff));
        self.unless("priority", &program.priority, &plain.priority, i32::to_string);
        self.depends_on(&program.depends_on);
        self.unless("restart_dependents", &program.restart_dependents, &plain.restart_dependents, bool::to_string);
        if let Some(schedule) = &program.schedule {
            self.schedule(schedule);
        }
        self.some("timeout", policy.timeout.as_ref(), duration);
        self.listen(program);
        self.checks(policy, &plain.policy);
        let mut unsaid = plain.policy;
        if program.schedule.is_some() {
            (unsaid.oneshot, unsaid.autorestart) = (true, Autorestart::Never);
        }
        self.unless("oneshot", &policy.oneshot, &unsaid.oneshot, bool::to_string);
        self.end(policy, &unsaid);
        self.unless("stdin", &program.stdin, &plain.stdin, |stdin| stdin.name().to_owned());
        self.unless("tty", &program.tty, &plain.tty, bool::to_string);
        self.output("stdout", &program.stdout);
        if !program.tty {
            self.output("stderr", &program.stderr);
        }
        self.rotation("stdout_logfile", program.stdout.rotation);
        self.rotation("stderr_logfile", program.stderr.rotation);
        self.unless("log_format", &program.log_format, &plain.log_format, |format| format.name().to_owned());
        self.confines(program);
    }

    /// A command: a line where it reads back as the same words, else the words.
    fn command(&mut self, argv: &[String]) {
        if let Some(line) = for_shell(argv) {
            self.text("cmd", line);
            return self.plain("shell", "true");
        }
        match line_of(argv) {
            Some(line) => self.text("cmd", &line),
            None => self.list("cmd", argv),
        }
    }

    fn env(&mut self, program: &Program) {
        for (name, variable) in &program.env {
            match variable {
                Variable::Template(text) => self.text(name, text),
                Variable::FromFile(text) if self.from_files == FromFiles::Printed => {
                    self.text(name, &expand::as_template(text));
                }
                Variable::FromFile(_) => self.line(&format!("# {}: from a file", scalar(name))),
            }
        }
    }

    fn depends_on(&mut self, dependencies: &[Dependency]) {
        let is_plain = |d: &Dependency| *d == Dependency::on(d.on.clone());
        if dependencies.is_empty() {
            return;
        }
        if dependencies.iter().all(is_plain) {
            let names: Vec<String> = dependencies.iter().map(|d| d.on.to_string()).collect();
            return self.list("depends_on", &names);
        }
        self.section("depends_on", |page| {
            for Dependency { on, until, required } in dependencies {
                let condition = until.name();
                let value = if *required {
                    condition.to_owned()
                } else {
                    format!("{{condition: {condition}, required: false}}")
                };
                page.plain(&scalar(on.as_str()), &value);
            }
        });
    }

    fn schedule(&mut self, schedule: &Schedule) {
        let Schedule { when, zone, overlap, jitter, run_on_start } = schedule;
        match when {
            When::Calendar(cron) => self.plain("schedule", &scalar(&cron.to_string())),
            When::Every(every) => self.plain("every", &duration(every)),
        }
        self.some("timezone", zone.name().as_ref(), |name| scalar(name).into_owned());
        self.unless("overlap", overlap, &Overlap::Skip, |overlap| overlap.name().to_owned());
        self.unless("jitter", jitter, &Duration::ZERO, duration);
        self.unless("run_on_start", run_on_start, &false, bool::to_string);
    }

    fn backoff(&mut self, backoff: Backoff, plain: Backoff) {
        self.unless("initial", &backoff.initial, &plain.initial, duration);
        self.unless("factor", &backoff.factor, &plain.factor, f64::to_string);
        self.unless("max", &backoff.max, &plain.max, duration);
        self.unless("floor", &backoff.floor, &plain.floor, duration);
    }

    /// When it ends, and how it is stopped.
    fn end(&mut self, policy: &Policy, plain: &Policy) {
        self.unless("autorestart", &policy.autorestart, &plain.autorestart, |when| {
            let word = match when {
                Autorestart::Always => "always",
                Autorestart::Never => "never",
                Autorestart::Unexpected => "unexpected",
            };
            word.to_owned()
        });
        self.unless("exitcodes", &policy.exitcodes, &plain.exitcodes, ToString::to_string);
        let name = |signal: &Sig| signal.to_string().trim_start_matches("SIG").to_owned();
        if policy.stop_first.is_empty() {
            self.unless("stopsignal", &policy.stopsignal, &plain.stopsignal, name);
        } else {
            let first = policy.stop_first.iter().map(|(sig, wait)| format!("{} {}", name(sig), duration(wait)));
            let all: Vec<String> = first.chain([name(&policy.stopsignal)]).collect();
            self.plain("stopsignal", &format!("[{}]", all.join(", ")));
        }
        self.unless("stoptime", &policy.stoptime, &plain.stoptime, duration);
        self.unless("essential", &policy.essential, &plain.essential, bool::to_string);
        self.unless("kill_mode", &policy.kill_mode, &plain.kill_mode, |mode| mode.name().to_owned());
        for (hook, command) in &policy.hooks {
            self.hook(hook.key(), command);
        }
    }

    fn hook(&mut self, key: &str, hook: &HookCommand) {
        let plain = HookCommand::new(Vec::new());
        if hook.timeout != plain.timeout || for_shell(&hook.argv).is_some() {
            return self.section(key, |page| {
                page.command(&hook.argv);
                page.unless("timeout", &hook.timeout, &plain.timeout, duration);
            });
        }
        match line_of(&hook.argv) {
            Some(line) => self.text(key, &line),
            None => self.list(key, &hook.argv),
        }
    }

    fn output(&mut self, key: &str, output: &Output) {
        let place = match &output.sink {
            Sink::Auto => "auto".to_owned(),
            Sink::File(path) => path.clone(),
            Sink::Discard => "none".to_owned(),
            Sink::Inherit => "inherit".to_owned(),
            Sink::Stdout => "stdout".to_owned(),
        };
        if output.also_inherit {
            self.list(key, &[place, "inherit".to_owned()]);
        } else if output.sink != Sink::Auto {
            self.plain(key, &scalar(&place));
        }
    }

    fn rotation(&mut self, key: &str, rotation: Rotation) {
        let plain = Rotation::default();
        self.unless(&format!("{key}_maxbytes"), &rotation.max_bytes, &plain.max_bytes, |bytes| print_size(*bytes));
        self.unless(&format!("{key}_backups"), &rotation.backups, &plain.backups, u32::to_string);
    }
}

/// The line that a shell is given, if this is how it is written with `shell: true`.
fn for_shell(argv: &[String]) -> Option<&str> {
    match argv {
        [sh, dash_c, line] if sh == "/bin/sh" && dash_c == "-c" && !line.trim().is_empty() => Some(line),
        _ => None,
    }
}

/// What `backoff.floor` is if it is not given: a job that runs more often than the default allows has none.
fn default_floor(program: &Program, default: Duration) -> Duration {
    match program.schedule.as_ref().map(|schedule| &schedule.when) {
        Some(When::Every(every)) if *every < default => Duration::ZERO,
        Some(When::Every(_) | When::Calendar(_)) | None => default,
    }
}

/// The words as a line that is split into them again; `None` if there is none that is easy to read.
fn line_of(argv: &[String]) -> Option<String> {
    let mut line = String::new();
    for word in argv {
        if !line.is_empty() {
            line.push(' ');
        }
        let special = |c: char| c.is_whitespace() || c.is_control() || "'\"\\|<>&;".contains(c);
        match word {
            word if !word.is_empty() && !word.contains(special) => line.push_str(word),
            word if !word.contains(['"', '\\']) => write!(line, "\"{word}\"").ok()?,
            word if !word.contains('\'') => write!(line, "'{word}'").ok()?,
            _ => return None,
        }
    }
    let split = words::split(&line).ok()?;
    (!line.contains('\n') && split.words == argv && split.operator.is_none()).then_some(line)
}

/// Words in one line.
fn flow(items: &[String]) -> String {
    let items: Vec<_> = items.iter().map(|item| scalar(item)).collect();
    format!("[{}]", items.join(", "))
}

/// A text that is a number without quotes as well, whatever reads it.
fn bare_number(text: &str) -> Option<String> {
    text.parse::<u32>().ok().map(|n| n.to_string()).filter(|digits| digits == text)
}

fn account(text: &str) -> String {
    bare_number(text).unwrap_or_else(|| scalar(text).into_owned())
}

fn holder(holder: &Account) -> String {
    match holder {
        Account::User(name) => account(name),
        Account::Group(_) => scalar(&holder.to_string()).into_owned(),
    }
}

/// A text of the daemon, in which nothing is left to be filled in.
fn literal(text: &str) -> String {
    scalar(&expand::as_template(text)).into_owned()
}

fn log_target(target: &LogTarget) -> String {
    match target {
        LogTarget::File(path) => literal(path),
        LogTarget::Stdout => scalar("-").into_owned(),
        LogTarget::Syslog => "syslog".to_owned(),
    }
}

fn octal(bits: &u32) -> String {
    format!("{bits:03o}")
}

/// A duration to the nanosecond. Seconds keep their fraction only below a minute, where a float holds it exactly.
fn duration(time: &Duration) -> String {
    if time.subsec_nanos().is_multiple_of(1_000_000) {
        return print_duration(*time);
    }
    let whole = Duration::from_secs(time.as_secs() / 60 * 60);
    let minutes = if whole.is_zero() { String::new() } else { print_duration(whole) };
    let rest = format!("{}.{:09}", time.as_secs() % 60, time.subsec_nanos());
    format!("{minutes}{}s", rest.trim_end_matches('0'))
}

#[cfg(test)]
mod tests;
