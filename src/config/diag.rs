//! What is said about a configuration: which file, line and key, what is wrong with it, and the remedy.

use std::fmt;

use crate::base::text::Plain;

/// The most diagnostics that are shown for one configuration.
pub const MOST: usize = 1000;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path, for diagnostics.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Whether the configuration can be used all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It cannot.
    Error,
    /// It can, but does what few would want.
    Warning,
}

/// One thing to say about a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// The file.
    pub file: String,
    /// Line, counted from 1; `None` if the whole file is meant.
    pub line: Option<usize>,
    /// Column in characters, counted from 1; `Some` iff the line is.
    pub column: Option<usize>,
    /// The key: `programs.web.numprocs`; empty if the whole file is meant.
    pub path: String,
    /// What is wrong, as the end of a sentence about the key.
    pub text: String,
}

impl Diagnostic {
    /// An error about a file as a whole.
    #[must_use]
    pub fn about_file(file: &str, text: String) -> Diagnostic {
        Diagnostic { level: Level::Error, file: file.to_owned(), line: None, column: None, path: String::new(), text }
    }
}

impl fmt::Display for Diagnostic {
    /// `file:line:column: programs.web.numprocs: 0 is out of range (1 to 10000)`, with `warning: ` before the key of a
    /// warning. Control characters are escaped: the text of a file must not steer a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Plain(&self.file))?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        f.write_str(": ")?;
        if self.level == Level::Warning {
            f.write_str("warning: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", Plain(&self.path))?;
        }
        write!(f, "{}", Plain(&self.text))
    }
}

/// A place in one of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which source.
    pub source: usize,
    /// The byte; `None` if only the file is known.
    pub at: Option<usize>,
}

impl Place {
    /// The place of something within this one: its own where it is known, else this.
    pub(super) fn within(self, at: Option<usize>) -> Place {
        Place { at: at.or(self.at), ..self }
    }
}

/// Everything there is to say about the sources.
pub(super) struct Report<'s> {
    sources: &'s [Source],
    /// The bytes at which the lines of each source begin, once they were needed.
    lines: Vec<Option<Vec<usize>>>,
    pub errors: Vec<Diagnostic>,
    pub warnings: Vec<Diagnostic>,
}

impl<'s> Report<'s> {
    pub(super) fn new(sources: &'s [Source]) -> Report<'s> {
        Report { sources, lines: vec![None; sources.len()], errors: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn error(&mut self, place: Place, path: impl Into<String>, text: impl Into<String>) {
        let diagnostic = self.diagnostic(Level::Error, place, path.into(), text.into());
        self.errors.push(diagnostic);
    }

    pub(super) fn warning(&mut self, place: Place, path: impl Into<String>, text: impl Into<String>) {
        let diagnostic = self.diagnostic(Level::Warning, place, path.into(), text.into());
        self.warnings.push(diagnostic);
    }

    fn diagnostic(&mut self, level: Level, place: Place, path: String, text: String) -> Diagnostic {
        let (line, column) = self.position(place).unzip();
        let file = self.sources.get(place.source).map_or_else(String::new, |s| s.name.clone());
        Diagnostic { level, file, line, column, path, text }
    }

    /// Line and column, counted from 1.
    fn position(&mut self, place: Place) -> Option<(usize, usize)> {
        let (at, source) = (place.at?, self.sources.get(place.source)?);
        let lines = self.lines.get_mut(place.source)?.get_or_insert_with(|| {
            let ends = source.text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
            std::iter::once(0).chain(ends.map(|(i, _)| i + 1)).collect()
        });
        let line = lines.partition_point(|start| *start <= at);
        let start = lines.get(line.checked_sub(1)?)?;
        Some((line, source.text.get(*start..at)?.chars().count() + 1))
    }

    /// A place for use within a sentence: `line 5`, or `FILE:5` if it is not in the same source as `seen_from`.
    pub(super) fn name_of(&mut self, place: Place, seen_from: Place) -> String {
        let line = self.position(place).map(|(line, _)| line);
        let file = self.sources.get(place.source).map_or("", |s| s.name.as_str());
        match (line, place.source == seen_from.source) {
            (Some(line), true) => format!("line {line}"),
            (None, true) => "the same file".to_owned(),
            (Some(line), false) => format!("{file}:{line}"),
            (None, false) => file.to_owned(),
        }
    }
}

/// Brings diagnostics into the order in which they are shown: by file, line and column. What was said twice, as about a
/// default that each program meets again, is said once; of too many, the first stay.
pub fn arrange(diagnostics: &mut Vec<Diagnostic>) {
    let key = |d: &Diagnostic| (d.file.clone(), d.line, d.column, d.path.clone(), d.text.clone());
    diagnostics.sort_by_cached_key(key);
    diagnostics.dedup();
    if let Some(more) = diagnostics.len().checked_sub(MOST).filter(|more| *more > 0) {
        diagnostics.truncate(MOST);
        let last = diagnostics.last().map(|d| (d.level, d.file.clone()));
        diagnostics.extend(last.map(|(level, file)| Diagnostic {
            level,
            ..Diagnostic::about_file(&file, format!("{more} more of this kind are not shown"))
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(file: &str, line: Option<usize>, text: &str) -> Diagnostic {
        Diagnostic { line, column: line.map(|_| 3), ..Diagnostic::about_file(file, text.to_owned()) }
    }

    #[test]
    fn it_reads_well() {
        let mut d = diagnostic("c.yaml", Some(4), "0 is out of range (1 to 10000)");
        d.path = "programs.web.numprocs".to_owned();
        assert_eq!(d.to_string(), "c.yaml:4:3: programs.web.numprocs: 0 is out of range (1 to 10000)");
        d.level = Level::Warning;
        assert_eq!(d.to_string(), "c.yaml:4:3: warning: programs.web.numprocs: 0 is out of range (1 to 10000)");
        assert_eq!(Diagnostic::about_file("c.yaml", "is empty".to_owned()).to_string(), "c.yaml: is empty");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let d = diagnostic("a\u{1b}.yaml", Some(1), "no \"\u{1b}[31m\u{9b}x\r\n\0\"");
        assert_eq!(d.to_string(), "a\\u{1b}.yaml:1:3: no \"\\u{1b}[31m\\u{9b}x\\r\\n\\u{0}\"");
    }

    #[test]
    fn order_and_number() {
        let mut all = vec![
            diagnostic("b", Some(1), ""),
            diagnostic("a", Some(10), ""),
            diagnostic("a", Some(9), ""),
            diagnostic("a", None, ""),
        ];
        arrange(&mut all);
        let order: Vec<_> = all.iter().map(|d| (d.file.as_str(), d.line)).collect();
        assert_eq!(order, [("a", None), ("a", Some(9)), ("a", Some(10)), ("b", Some(1))]);
        let mut many: Vec<_> = (0..MOST + 7).map(|n| diagnostic("a", Some(1), &format!("{n:09}"))).collect();
        many.push(many[0].clone());
        arrange(&mut many);
        assert_eq!(many.len(), MOST + 1);
        assert_eq!(many[MOST].to_string(), "a: 7 more of this kind are not shown");
    }
}
