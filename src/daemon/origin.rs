//! The configuration that this daemon goes by: where it comes from, with which flags over it, and whether the
//! descriptors that it needs can be had.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::id::{ProgramName, Stream};
use crate::config::NUMPROCS;
use crate::config::diag::Diagnostic;
use crate::config::expand;
use crate::config::model::{Config, Program, Sink, Stdin};
use crate::load::{self, Loaded};
use crate::sys::limits::{self, OpenFiles};

use super::checks;
use super::clients::LEAST_CLIENTS;
use super::error::Error;
use super::options::Overrides;
use super::web::MOST as MOST_OF_WEB;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// A file or a directory.
    pub path: PathBuf,
    /// Flags that take precedence.
    pub overrides: Overrides,
    /// The daemon's environment.
    pub env: BTreeMap<String, String>,
}

impl Origin {
    /// Reads and checks the configuration, and looks up what it needs of the system.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Loaded, Vec<Diagnostic>> {
        let mut loaded = load::load(&self.path, &self.env)?;
        apply(&self.overrides, &mut loaded.config);
        match too_many_files(&loaded.config) {
            Some(text) => Err(vec![Diagnostic::about_file(&self.path.to_string_lossy(), text)]),
            None => Ok(loaded),
        }
    }
}

fn apply(overrides: &Overrides, config: &mut Config) {
    let daemon = &mut config.daemon;
    daemon.nocleanup |= overrides.nocleanup;
    if let Some(dir) = &overrides.childlogdir {
        daemon.childlogdir.clone_from(dir);
    }
    if let Some(logfile) = &overrides.logfile {
        daemon.logfile = logfile.clone();
    }
    if let Some(level) = overrides.loglevel {
        daemon.loglevel = level;
    }
}

/// Descriptors that the daemon needs whatever it runs: standard files, loop, lock, log, and room for starts on their way.
const BASE_FILES: u64 = 128;

/// How many descriptors a configuration may need at the most: for each process a pidfd, and for each stream that goes
/// to a file or is passed on its pipe and the file; the daemon's end of its standard input; for a terminal a pipe between it and its log. A
/// start on its way has a status pipe as well.
fn files_needed(config: &Config) -> u64 {
    let of = |program: &Program| {
        let files = [Stream::Stdout, Stream::Stderr].into_iter().filter(|stream| {
            let to_file = matches!(program.output(*stream).sink, Sink::Auto | Sink::File(_));
            to_file || program.passed_on(*stream).is_some()
        });
        let files = files.count();
        let input = u64::from(program.tty || program.stdin == Stdin::Pipe);
        let between = if program.tty { 2 } else { 0 };
        let signs = checks::files_of_signs(program);
        u64::from(program.numprocs) * (1 + 2 * files as u64 + input + between + signs) + sockets_of(program)
    };
    let http = config.daemon.http.as_ref().map_or(0, |http| http.listen.len() + MOST_OF_WEB);
    let programs = config.programs.values().map(|p| of(p)).sum::<u64>();
    BASE_FILES + LEAST_CLIENTS as u64 + programs + http as u64 + checks::files_at_once(config)
}

/// How many descriptors the sockets of a program need: of each a second one while a connection is waited for.
fn sockets_of(program: &Program) -> u64 {
    let each = if program.has_sockets_for_each() { program.numprocs } else { 1 };
    let copies = if program.policy.on_demand { 2 } else { 1 };
    program.listen.len() as u64 * u64::from(each) * copies
}

/// How many connections there may be beside what the configuration needs. Half of what is left is for what nobody counts.
#[must_use]
pub fn room_for_clients(config: &Config) -> usize {
    let allowed = limits::open_files().map_or(0, |limit| limit.soft);
    let left = allowed.saturating_sub(files_needed(config)) / 2;
    LEAST_CLIENTS.saturating_add(usize::try_from(left).unwrap_or(usize::MAX))
}

/// Whether the configuration's descriptors can be had; if not, why.
fn too_many_files(config: &Config) -> Option<String> {
    let needed = files_needed(config);
    // Where the limit cannot be read, nothing is known against it.
    let allowed = limits::open_files().ok()?.hard;
    let processes: u64 = config.programs.values().map(|p| u64::from(p.numprocs)).sum();
    (needed > allowed).then(|| {
        format!(
            "{processes} processes need {needed} open files, but only {allowed} are allowed: raise the hard limit \
             (ulimit -Hn {needed}, or LimitNOFILE={needed} in the service unit), or configure fewer processes or \
             fewer log files"
        )
    })
}

/// The configuration with another number of processes for a program, if there is such a program.
///
/// # Errors
/// It cannot have so many, and why.
pub fn scaled(config: &Config, name: &str, count: u32) -> Result<Config, String> {
    if !NUMPROCS.contains(&count) {
        let (low, high) = (NUMPROCS.start(), NUMPROCS.end());
        return Err(format!("{name}: {count} processes are not possible: give a number from {low} to {high}"));
    }
    let mut config = config.clone();
    if let Some((_, program)) = config.programs.iter_mut().find(|(known, _)| known.as_str() == name) {
        Arc::make_mut(program).numprocs = count;
    }
    match too_many_files(&config) {
        Some(text) => Err(text),
        None => Ok(config),
    }
}

/// Raises the limit on open files as far as it goes.
///
/// # Errors
/// getrlimit(2), setrlimit(2).
pub fn raise_limit() -> Result<(), Error> {
    let limit = limits::open_files().map_err(|e| Error::io("read the limit on open files", "", e))?;
    let raised = limits::set_open_files(OpenFiles { soft: limit.hard, hard: limit.hard });
    raised.map_err(|e| Error::io("raise the limit on open files", "", e))
}

/// The `auto` log files that this configuration names: where an earlier daemon's would be.
#[must_use]
pub fn auto_logs(config: &Config) -> Vec<PathBuf> {
    let dir = &config.daemon.childlogdir;
    let of = |name: &ProgramName, program: &Program| {
        let streams = [Stream::Stdout, Stream::Stderr].into_iter();
        let auto = streams.filter(|s| program.output(*s).sink == Sink::Auto).collect::<Vec<_>>();
        let paths = program.numbers().flat_map(|num| {
            auto.iter().map(move |stream| expand::auto_log(dir, program, name, num, *stream)).collect::<Vec<_>>()
        });
        paths.map(PathBuf::from).collect::<Vec<_>>()
    };
    config.programs.iter().flat_map(|(name, program)| of(name, program)).collect()
}
