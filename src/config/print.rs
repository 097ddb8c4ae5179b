//! From the model back to text: a configuration as it could have been written, with the keys that differ from their
//! defaults. What is read from it again is the same configuration.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::base::id::Stream;
use crate::base::units::{print_duration, print_size};
use crate::base::yaml_text::scalar;

use super::model::{
    Autorestart, Backoff, Config, DaemonConfig, Healthcheck, LogTarget, Output, Policy, Program, Rotation, Sink,
    SocketConfig, Variable,
};

/// What is to be done with the values that came from files of variables, which may be secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromFiles {
    /// They stand in `env`, written so that nothing in them is filled in.
    Printed,
    /// A comment says that there is one.
    Hidden,
}

/// The configuration in YAML. `here` of a program is not told: it follows from where the text is saved.
#[must_use]
pub fn yaml(config: &Config, from_files: FromFiles) -> String {
    let Config { daemon, programs } = config;
    let mut out = Out { text: String::new(), depth: 0, from_files };
    out.map("taskmasterd", |out| self::daemon(daemon, out));
    if programs.is_empty() {
        out.line("programs: {}");
        return out.text;
    }
    out.map("programs", |out| {
        for (name, program) in programs {
            out.map(&scalar(name.as_str()), |out| self::program(program, out));
        }
    });
    out.text
}

/// Text in the making.
struct Out {
    text: String,
    depth: usize,
    from_files: FromFiles,
}

impl Out {
    fn line(&mut self, line: &str) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A key whose value is a map; nothing if the map would be empty.
    fn map(&mut self, key: &str, inside: impl FnOnce(&mut Out)) {
        let before = self.text.len();
        self.line(&format!("{key}:"));
        let filled = self.text.len();
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        if self.text.len() == filled {
            self.text.truncate(before);
        }
    }

    /// A key with a value that needs no quotes, if it is not the default.
    fn bare<T: PartialEq>(&mut self, key: &str, value: &T, default: &T, print: impl FnOnce(&T) -> String) {
        if value != default {
            self.line(&format!("{key}: {}", print(value)));
        }
    }

    /// A key with a text, if there is one.
    fn text(&mut self, key: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.line(&format!("{key}: {}", scalar(value)));
        }
    }

    fn duration(&mut self, key: &str, value: Duration, default: Duration) {
        self.bare(key, &value, &default, |d| print_duration(*d));
    }

    fn octal(&mut self, key: &str, value: Option<u32>, default: Option<u32>) {
        self.bare(key, &value, &default, |bits| format!("{:03o}", bits.unwrap_or_default()));
    }
}

fn daemon(daemon: &DaemonConfig, out: &mut Out) {
    let plain = DaemonConfig::default();
    let DaemonConfig {
        logfile,
        loglevel,
        logformat,
        rotation: Rotation { max_bytes, backups },
        childlogdir,
        nocleanup,
        pidfile,
        umask,
        socket: SocketConfig { path, mode, owner, group },
    } = daemon;
    out.bare("logfile", logfile, &plain.logfile, |target| match target {
        LogTarget::File(path) => scalar(&literal(path)).into_owned(),
        LogTarget::Stdout => "\"-\"".to_owned(),
        LogTarget::Syslog => "syslog".to_owned(),
    });
    out.bare("loglevel", loglevel, &plain.loglevel, |level| level.name().to_owned());
    out.bare("logformat", logformat, &plain.logformat, |format| format.name().to_owned());
    out.bare("logfile_maxbytes", max_bytes, &plain.rotation.max_bytes, |bytes| print_size(*bytes));
    out.bare("logfile_backups", backups, &plain.rotation.backups, u32::to_string);
    out.bare("childlogdir", childlogdir, &plain.childlogdir, |dir| scalar(&literal(dir)).into_owned());
    out.bare("nocleanup", nocleanup, &plain.nocleanup, bool::to_string);
    out.text("pidfile", pidfile.as_deref().map(literal).as_ref());
    out.octal("umask", *umask, None);
    out.map("socket", |out| {
        out.text("path", path.as_deref().map(literal).as_ref());
        out.octal("mode", Some(*mode), Some(plain.socket.mode));
        out.text("owner", owner.as_ref());
        out.text("group", group.as_ref());
    });
}

fn program(program: &Program, out: &mut Out) {
    let plain = Program::new(Vec::new());
    let Program {
        argv,
        numprocs,
        numprocs_start,
        group_name,
        autostart,
        policy,
        priority,
        workingdir,
        umask,
        user,
        group,
        env,
        env_pass,
        stdout,
        stderr,
        healthcheck,
        here: _,
    } = program;
    out.line(&format!("cmd: {}", list(argv)));
    out.bare("numprocs", numprocs, &plain.numprocs, u32::to_string);
    out.bare("numprocs_start", numprocs_start, &plain.numprocs_start, u32::to_string);
    out.text("workingdir", workingdir.as_ref());
    out.octal("umask", *umask, None);
    out.text("user", user.as_ref());
    out.text("group", group.as_ref());
    out.text("group_name", group_name.as_ref().map(ToString::to_string).as_ref());
    variables(env, out);
    out.bare("env_pass", env_pass, &plain.env_pass, |names| list(names));
    out.bare("autostart", autostart, &plain.autostart, bool::to_string);
    policy_keys(policy, out);
    out.bare("priority", priority, &plain.priority, i32::to_string);
    for (stream, output) in [(Stream::Stdout, stdout), (Stream::Stderr, stderr)] {
        let Output { sink, rotation: Rotation { max_bytes, backups } } = output;
        let plain = plain.output(stream);
        out.bare(&stream.to_string(), sink, &plain.sink, |sink| match sink {
            Sink::Auto => "auto".to_owned(),
            Sink::File(path) => scalar(path).into_owned(),
            Sink::Discard => "none".to_owned(),
            Sink::Inherit => "inherit".to_owned(),
            Sink::Stdout => "stdout".to_owned(),
        });
        let size = |bytes: &u64| print_size(*bytes);
        out.bare(&format!("{stream}_logfile_maxbytes"), max_bytes, &plain.rotation.max_bytes, size);
        out.bare(&format!("{stream}_logfile_backups"), backups, &plain.rotation.backups, u32::to_string);
    }
    if let Some(check) = healthcheck {
        out.map("healthcheck", |out| health(check, out));
    }
}

fn policy_keys(policy: &Policy, out: &mut Out) {
    let plain = Policy::default();
    let Policy {
        autorestart,
        exitcodes,
        startretries,
        starttime,
        backoff: Backoff { initial, factor, max, floor },
        stopsignal,
        stoptime,
        stopgroup,
        oneshot,
    } = policy;
    out.duration("starttime", *starttime, plain.starttime);
    let tries = |tries: &Option<u32>| tries.map_or_else(|| "unlimited".to_owned(), |n| n.to_string());
    out.bare("startretries", startretries, &plain.startretries, tries);
    out.map("backoff", |out| {
        out.duration("initial", *initial, plain.backoff.initial);
        out.bare("factor", factor, &plain.backoff.factor, f64::to_string);
        out.duration("max", *max, plain.backoff.max);
        out.duration("floor", *floor, plain.backoff.floor);
    });
    out.bare("oneshot", oneshot, &plain.oneshot, bool::to_string);
    out.bare("autorestart", autorestart, &plain.autorestart, |policy| {
        let word = match policy {
            Autorestart::Always => "always",
            Autorestart::Never => "never",
            Autorestart::Unexpected => "unexpected",
        };
        word.to_owned()
    });
    out.bare("exitcodes", exitcodes, &plain.exitcodes, ToString::to_string);
    out.bare("stopsignal", stopsignal, &plain.stopsignal, ToString::to_string);
    out.duration("stoptime", *stoptime, plain.stoptime);
    out.bare("stopgroup", stopgroup, &plain.stopgroup, bool::to_string);
}

fn health(check: &Healthcheck, out: &mut Out) {
    let Healthcheck { argv, interval, timeout, start_period, start_interval, retries } = check;
    let plain = Healthcheck::new(Vec::new());
    out.line(&format!("cmd: {}", list(argv)));
    out.duration("interval", *interval, plain.interval);
    out.duration("timeout", *timeout, plain.timeout);
    out.duration("start_period", *start_period, plain.start_period);
    out.duration("start_interval", *start_interval, plain.start_interval);
    out.bare("retries", retries, &plain.retries, u32::to_string);
}

fn variables(env: &BTreeMap<String, Variable>, out: &mut Out) {
    out.map("env", |out| {
        for (name, variable) in env {
            let text = match variable {
                Variable::Template(text) => text.clone(),
                Variable::FromFile(text) if out.from_files == FromFiles::Printed => literal(text),
                Variable::FromFile(_) => {
                    out.line(&format!("# {}: from a file", scalar(name)));
                    continue;
                }
            };
            let mut line = scalar(name).into_owned();
            // Writing into a text cannot fail.
            let _ = write!(line, ": {}", scalar(&text));
            out.line(&line);
        }
    });
}

fn list(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| scalar(word)).collect();
    format!("[{}]", words.join(", "))
}

/// A text in which nothing is filled in, as one in which everything is.
fn literal(text: &str) -> String {
    let text = text.replace('$', "$$");
    if text.contains("%(") { text.replace('%', "%%") } else { text }
}
