//! From the file system to a configuration: where it is, reading its files and those that they name, and the people in
//! it. Serves the daemon, and the client that checks a file without one. Decides nothing about what the texts say;
//! that is `config`'s.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::diag::{self, Diagnostic};
use crate::config::model::Config;
use crate::config::{self, Parsed, World};
use crate::sys::process;

mod confines;
mod glob;
mod include;
mod people;
mod read;
mod stamp;
mod zones;

pub use people::People;
pub use stamp::Stamps;

use people::Asked;
use read::Reader;
use zones::Zones;

/// A configuration that was read and checked.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Whom it names.
    pub people: People,
    /// What works but surprises.
    pub warnings: Vec<Diagnostic>,
    /// The files that were read, as they were then.
    pub stamps: Stamps,
}

/// Places that are looked at if nothing names a configuration, relative to where the daemon is started.
const PLACES: [&str; 8] = [
    "taskmasterd.yaml",
    "etc/taskmasterd.yaml",
    "configs",
    "/etc/taskmasterd.yaml",
    "/etc/taskmaster/taskmasterd.yaml",
    // Names that other systems of this kind look for. They come last: another program's file may be named so.
    "conf.json",
    "config.yaml",
    "config.toml",
];

/// Finds the configuration: what the command line names, `$CONFIG_PATH`, or the first of the usual places that exists.
///
/// # Errors
/// There is none; the places that were looked at.
pub fn find(
    named: Option<&Path>,
    env: &BTreeMap<String, String>,
    binary: Option<&Path>,
) -> Result<PathBuf, Vec<PathBuf>> {
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
    places.extend(PLACES.map(PathBuf::from));
    // A directory without a configuration file in it says nothing.
    let says = |place: &PathBuf| place.is_file() || read::files_in(place).is_ok_and(|files| !files.is_empty());
    places.iter().find(|place| says(place)).cloned().ok_or(places)
}

/// The files that match a pattern such as `conf.d/*.conf`, in byte order of their names.
///
/// # Errors
/// There are too many.
pub fn matching(pattern: &Path) -> io::Result<Vec<PathBuf>> {
    glob::expand(pattern, &Reader::default())
}

/// Reads and checks the configuration in this file or directory, with `env` as the daemon's environment.
///
/// # Errors
/// Everything that is wrong with it, and the warnings, in the order of the files and lines. Never empty.
pub fn load(path: &Path, env: &BTreeMap<String, String>) -> Result<Loaded, Vec<Diagnostic>> {
    let reader = Reader::default();
    let (sources, mut notes) = include::gather(path, env, &reader);
    let people = Asked::default();
    let zones = Zones::new(env, &reader);
    let host = process::host_name();
    let world = World {
        env: &|name| env.get(name).cloned(),
        host: &host,
        user: &|name| people.user(name),
        group: &|name| people.group(name),
        holder: &|holder| people.holder(holder),
        confines: &confines::objections,
        file: &|path| reader.text_of(path),
        dir: &|path| reader.texts_in(path),
        zone: &|name| zones.get(name),
    };
    let parsed = config::parse(&sources, &world);
    if notes.iter().any(|note| note.level == diag::Level::Error) {
        // What is wrong with the files that could be read is told all the same.
        notes.extend(parsed.map_or_else(|errors| errors, |parsed| parsed.warnings));
        diag::arrange(&mut notes);
        return Err(notes);
    }
    match parsed {
        Ok(Parsed { config, mut warnings }) => {
            warnings.append(&mut notes);
            diag::arrange(&mut warnings);
            Ok(Loaded { config, people: people.found(), warnings, stamps: reader.stamps() })
        }
        Err(mut errors) => {
            errors.append(&mut notes);
            diag::arrange(&mut errors);
            Err(errors)
        }
    }
}
