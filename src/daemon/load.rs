//! From the file system to a configuration that may be put in force: where it is, reading it, and what the system must
//! have for it – users, groups, file descriptors.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::base::id::{ProgramName, Stream};
use crate::base::nearest::suggestion;
use crate::base::tree;
use crate::config::diag::Diagnostic;
use crate::config::model::{Config, Program, Sink};
use crate::config::{self, Parsed, Source, World};
use crate::sys::limits::{self, OpenFiles};
use crate::sys::user::{self, Identity};

use super::error::{Error, plain};
use super::options::Overrides;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// A file or a directory.
    pub path: PathBuf,
    /// Flags that take precedence.
    pub overrides: Overrides,
    /// The daemon's environment, for `%(ENV_X)s`.
    pub env: BTreeMap<String, String>,
}

/// Users and groups that a configuration names, looked up when it is loaded: a lookup may ask a network, and the loop
/// must not wait for one at each start of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    users: BTreeMap<String, Identity>,
    groups: BTreeMap<String, u32>,
}

impl People {
    /// The identity of a user that the configuration names.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&Identity> {
        self.users.get(name)
    }

    /// Adds what a newer configuration names. What an older one named stays: its last processes may be on their way.
    pub fn extend(&mut self, newer: People) {
        self.users.extend(newer.users);
        self.groups.extend(newer.groups);
    }

    /// The id of a group that the configuration names.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<u32> {
        self.groups.get(name).copied()
    }
}

/// A configuration that may be put in force.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Whom it names.
    pub people: People,
    /// What works but surprises.
    pub warnings: Vec<Diagnostic>,
}

/// Finds the configuration: what the command line names, `$CONFIG_PATH`, or the first of the usual places that exists.
///
/// # Errors
/// There is none.
pub fn find(named: Option<&Path>, env: &BTreeMap<String, String>, binary: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    if let Some(path) = env.get("CONFIG_PATH").filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(path));
    }
    let mut places = Vec::new();
    if let Some(above) = binary.and_then(Path::parent).and_then(Path::parent) {
        places.extend([above.join("etc/taskmasterd.yaml"), above.join("taskmasterd.yaml")]);
    }
    places.extend(
        [
            "taskmasterd.yaml",
            "etc/taskmasterd.yaml",
            "configs",
            "/etc/taskmasterd.yaml",
            "/etc/taskmaster/taskmasterd.yaml",
        ]
        .map(PathBuf::from),
    );
    match places.iter().find(|place| place.exists()) {
        Some(place) => Ok(place.clone()),
        None => Err(Error::NoConfig(places)),
    }
}

/// Reads and checks the configuration, and looks up what it needs of the system.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(origin: &Origin) -> Result<Loaded, Vec<Diagnostic>> {
    let sources = read(&origin.path)?;
    let (users, groups) = (Asked::default(), Asked::default());
    let world = World {
        env: &|name| origin.env.get(name).cloned(),
        user: &|name| users.ask(name, look_up_user),
        group: &|name| groups.ask(name, look_up_group),
    };
    let Parsed { mut config, warnings } = config::parse(&sources, &world)?;
    apply(&origin.overrides, &mut config);
    if let Some(text) = too_many_files(&config) {
        return Err(vec![Diagnostic::about_file(&origin.path.to_string_lossy(), text)]);
    }
    Ok(Loaded { config, people: People { users: users.found(), groups: groups.found() }, warnings })
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

/// The text of the file, or of all files of the directory in byte order of their names.
fn read(path: &Path) -> Result<Vec<Source>, Vec<Diagnostic>> {
    let complain = |path: &Path, text: String| vec![Diagnostic::about_file(&path.to_string_lossy(), text)];
    let is_dir = fs::metadata(path).map_err(|e| complain(path, format!("cannot be read: {}", plain(&e))))?.is_dir();
    let mut files = Vec::new();
    if is_dir {
        let entries = fs::read_dir(path).map_err(|e| complain(path, format!("cannot be read: {}", plain(&e))))?;
        files.extend(entries.flatten().map(|entry| entry.path()).filter(|p| is_configuration(p)));
        files.sort();
        if files.is_empty() {
            return Err(complain(path, "has no *.yaml, *.yml or *.json file".to_owned()));
        }
    } else {
        files.push(path.to_owned());
    }
    let (mut sources, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match read_file(&file) {
            Ok(text) => sources.push(Source { name: file.to_string_lossy().into_owned(), text }),
            Err(text) => problems.extend(complain(&file, text)),
        }
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

fn is_configuration(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str());
    let hidden = path.file_name().and_then(|n| n.to_str()).is_none_or(|name| name.starts_with('.'));
    matches!(extension, Some("yaml" | "yml" | "json")) && !hidden && path.is_file()
}

fn read_file(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|e| format!("cannot be read: {}", plain(&e)))?;
    let mut bytes = Vec::new();
    file.take(tree::TEXT_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("cannot be read: {}", plain(&e)))?;
    if bytes.len() > tree::TEXT_BYTES {
        return Err(format!("{}; a directory of several files may be given instead", tree::too_large()));
    }
    String::from_utf8(bytes).map_err(|e| format!("is not UTF-8 text (byte {})", e.utf8_error().valid_up_to()))
}

/// Names that were looked up, each once, and what was found or why not.
struct Asked<T>(RefCell<BTreeMap<String, Result<T, String>>>);

impl<T> Default for Asked<T> {
    fn default() -> Asked<T> {
        Asked(RefCell::default())
    }
}

impl<T> Asked<T> {
    fn ask(&self, name: &str, look_up: fn(&str) -> Result<T, String>) -> Result<(), String> {
        let mut known = self.0.borrow_mut();
        known.entry(name.to_owned()).or_insert_with(|| look_up(name)).as_ref().map(drop).map_err(String::clone)
    }

    fn found(self) -> BTreeMap<String, T> {
        self.0.into_inner().into_iter().filter_map(|(name, answer)| Some((name, answer.ok()?))).collect()
    }
}

fn look_up_user(name: &str) -> Result<Identity, String> {
    let identity = present("user", name, user::user(name), user::names)?;
    let own_uid = user::effective_uid();
    if own_uid != 0 && identity.uid != own_uid {
        return Err(format!("only root may run a program as \"{name}\"; start taskmasterd as root, or leave this out"));
    }
    Ok(identity)
}

fn look_up_group(name: &str) -> Result<u32, String> {
    present("group", name, user::group(name), user::group_names)
}

fn present<T>(kind: &str, name: &str, answer: io::Result<Option<T>>, all: fn() -> Vec<String>) -> Result<T, String> {
    match answer {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(format!("no {kind} \"{name}\"{}", suggestion(name, all().iter().map(String::as_str)))),
        Err(error) => Err(format!("cannot look up the {kind} \"{name}\": {}", plain(&error))),
    }
}

/// Descriptors that the daemon needs whatever it runs: standard files, loop, lock, log, and room for starts on their way.
const BASE_FILES: u64 = 128;

/// How many descriptors a configuration may need at the most: for each process a pidfd, and for each stream that goes
/// to a file its pipe and the file. A start on its way has a status pipe as well.
fn files_needed(config: &Config) -> u64 {
    let of = |program: &Program| {
        let streams = [Stream::Stdout, Stream::Stderr].map(|s| &program.output(s).sink);
        let files = streams.into_iter().filter(|sink| matches!(sink, Sink::Auto | Sink::File(_))).count();
        u64::from(program.numprocs) * (1 + 2 * files as u64)
    };
    BASE_FILES + super::clients::MAX_CLIENTS as u64 + config.programs.values().map(|p| of(p)).sum::<u64>()
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
        let paths = (0..program.numprocs).flat_map(|num| {
            auto.iter()
                .map(move |stream| config::expand::auto_log(dir, program, name, num, *stream))
                .collect::<Vec<_>>()
        });
        paths.map(PathBuf::from).collect::<Vec<_>>()
    };
    config.programs.iter().flat_map(|(name, program)| of(name, program)).collect()
}
