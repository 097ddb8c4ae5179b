//! Configurations of others as ours: supervisord's INI files and Procfiles in, the text of a YAML configuration out.
//! Pure: whatever is read besides the text itself comes through the closures of [`Outside`].
//!
//! `ini` reads supervisord's files as Python does, `template` and `shlex` its `%(…)s` and its quotes; `supervisord` and
//! `procfile` say what the options become, and `page` writes it down. What has no counterpart becomes a comment.

use std::fmt;

mod ini;
mod page;
mod procfile;
mod shlex;
mod supervisord;
mod template;

/// What a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A configuration of supervisord.
    Supervisord,
    /// A Procfile.
    Procfile,
}

/// A file that is to be imported.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name for messages and comments.
    pub name: &'a str,
    /// The absolute path of its directory.
    pub dir: &'a str,
    /// What stands in it.
    pub text: &'a str,
}

/// A file that another one names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included {
    /// Its absolute path.
    pub path: String,
    /// What stands in it, or why that cannot be read, as the end of a sentence about it.
    pub text: Result<String, String>,
}

/// What is known besides the file.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The name of the machine.
    pub host: &'a str,
    /// The files that match a pattern with an absolute path, by name.
    pub files: &'a dyn Fn(&str) -> Vec<Included>,
}

impl fmt::Debug for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Why a file was not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The name of the file.
    pub file: String,
    /// The line, counted from 1; `None` if it is about the whole file.
    pub line: Option<usize>,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.text),
            None => write!(f, "{}: {}", self.file, self.text),
        }
    }
}

/// Our configuration for what the file says.
///
/// # Errors
/// The file cannot be read, or says what its own program would refuse.
pub fn import(file: &File<'_>, kind: Option<Kind>, outside: &Outside<'_>) -> Result<String, Problem> {
    match kind.or_else(|| guess(file)) {
        Some(Kind::Supervisord) => supervisord::import(file, outside),
        Some(Kind::Procfile) => procfile::import(file, outside),
        None => Err(Problem {
            file: file.name.to_owned(),
            line: None,
            text:
                "is neither a configuration of supervisord (which has [sections]) nor a Procfile (\"name: command\" a \
                   line); --from says what it is"
                    .to_owned(),
        }),
    }
}

/// What the file is, by its name or by the first line that says something.
fn guess(file: &File<'_>) -> Option<Kind> {
    let name = file.name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    if name.starts_with("procfile") || name.ends_with(".procfile") {
        return Some(Kind::Procfile);
    }
    let text = file.text.trim_start_matches('\u{feff}');
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    match first {
        Some(line) if line.starts_with('[') => Some(Kind::Supervisord),
        Some(line) if procfile::entry(line).is_some() => Some(Kind::Procfile),
        // Nothing but comments: supervisord's sample begins so.
        None if name.ends_with(".conf") || name.ends_with(".ini") => Some(Kind::Supervisord),
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests;
