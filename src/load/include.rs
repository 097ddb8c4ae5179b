//! The files of a configuration: the one that was named or all of a directory, and those that they include.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::base::errno::plain;
use crate::base::text::quoted;
use crate::config::diag::Diagnostic;
use crate::config::{self, Include, Source, Unread};

use super::glob;
use super::read::{self, Reader};

/// The most files that a configuration may have.
const FILES: usize = 20_000;
/// Through how many files one may be included.
const CHAIN: usize = 32;

/// The files that a path stands for and all that they include, each once and behind the one that includes it; and what
/// is wrong with them as files.
pub(super) fn gather(path: &Path, env: &BTreeMap<String, String>, reader: &Reader) -> (Vec<Source>, Vec<Diagnostic>) {
    let mut gathering = Gathering { env, reader, sources: Vec::new(), notes: Vec::new(), taken: BTreeSet::new() };
    for file in gathering.files_of(path) {
        gathering.take(&file, &mut Vec::new(), None);
    }
    (gathering.sources, gathering.notes)
}

struct Gathering<'g> {
    env: &'g BTreeMap<String, String>,
    reader: &'g Reader,
    sources: Vec<Source>,
    notes: Vec<Diagnostic>,
    /// The true paths of the files that are among the sources, or were refused.
    taken: BTreeSet<PathBuf>,
}

impl Gathering<'_> {
    /// The file itself, or the files of the directory.
    fn files_of(&mut self, path: &Path) -> Vec<PathBuf> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => {
                self.complain(path, format!("cannot be read: {}", plain(&error)), None);
                return Vec::new();
            }
        };
        if !metadata.is_dir() {
            return vec![path.to_owned()];
        }
        const STICKY: u32 = 0o1000;
        if metadata.permissions().mode() & STICKY == 0
            && let Some(text) = read::writable_by_all(metadata.permissions().mode())
        {
            self.complain(path, text, None);
        }
        // For the stamp: a file that is added later makes another configuration.
        let files = self.reader.names_in(path).and_then(|_| read::files_in(path));
        match files {
            Ok(files) if files.is_empty() => {
                self.complain(path, "has no *.yaml, *.yml, *.json or *.toml file".to_owned(), None);
                files
            }
            Ok(files) => files,
            Err(error) => {
                self.complain(path, format!("cannot be read: {}", plain(&error)), None);
                Vec::new()
            }
        }
    }

    /// Takes a file in, and what it includes. `chain` are the files that led to it, `why` is where it is included.
    fn take(&mut self, file: &Path, chain: &mut Vec<PathBuf>, why: Option<&Include>) {
        let truly = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        if let Some(at) = chain.iter().position(|above| *above == truly) {
            let names = chain.iter().skip(at).chain([&truly]).map(|path| path.display().to_string());
            let circle = names.collect::<Vec<_>>().join(" includes ");
            return self.complain(file, format!("includes itself: {circle}"), why);
        }
        if !self.taken.insert(truly.clone()) {
            return;
        }
        if self.taken.len() > FILES {
            return self.complain(file, format!("is one file too many: there may be {FILES}"), why);
        }
        if chain.len() > CHAIN {
            return self.complain(file, format!("is included through more than {CHAIN} files"), why);
        }
        let text = match self.reader.text(file) {
            Ok(text) => text,
            Err(Unread::Absent) => return self.complain(file, "is not there".to_owned(), why),
            Err(Unread::Because(text)) => return self.complain(file, text, why),
        };
        let dir = truly.parent().map_or_else(String::new, |dir| dir.to_string_lossy().into_owned());
        let source = Source { name: file.to_string_lossy().into_owned(), dir, text };
        let includes = config::includes(&source, &|name| self.env.get(name).cloned());
        self.sources.push(source);
        chain.push(truly);
        for include in includes {
            self.follow(&include, chain);
        }
        chain.pop();
    }

    fn follow(&mut self, include: &Include, chain: &mut Vec<PathBuf>) {
        let path = Path::new(&include.path);
        if !glob::is_pattern(&include.path) {
            for file in self.files_of_included(path, include) {
                self.take(&file, chain, Some(include));
            }
            return;
        }
        match glob::expand(path, self.reader) {
            Ok(files) if files.is_empty() => {
                self.notes.push(include.warning(format!("{} matches no file", quoted(&include.path))));
            }
            Ok(files) => {
                for file in files.iter().filter(|file| file.is_file()) {
                    self.take(file, chain, Some(include));
                }
            }
            Err(error) => self.notes.push(include.error(format!("{} {}", quoted(&include.path), plain(&error)))),
        }
    }

    fn files_of_included(&mut self, path: &Path, include: &Include) -> Vec<PathBuf> {
        if path.is_dir() {
            return self.files_of(path);
        }
        if path.exists() {
            return vec![path.to_owned()];
        }
        self.reader.note(path);
        self.complain(path, "is not there".to_owned(), Some(include));
        Vec::new()
    }

    /// Notes what is wrong with a file: where it is included, if that is known.
    fn complain(&mut self, file: &Path, text: String, why: Option<&Include>) {
        let file = file.to_string_lossy();
        self.notes.push(match why {
            Some(include) => include.error(format!("{} {text}", quoted(&file))),
            None => Diagnostic::about_file(&file, text),
        });
    }
}
