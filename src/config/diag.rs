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
    /// The directory that it stands in, for the paths in it that are relative to it.
    pub dir: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// A text that stands in the current directory.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Source {
        Source { name: name.to_owned(), dir: ".".to_owned(), text: text.to_owned() }
    }

    /// A path in this file: relative ones are relative to its directory.
    #[must_use]
    pub fn resolve(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.dir.trim_end_matches('/')) }
    }
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
    /// The line itself, where it is known; `Some` only if `line` is.
    pub excerpt: Option<Excerpt>,
}

impl Diagnostic {
    /// An error about a file as a whole.
    #[must_use]
    pub fn about_file(file: &str, text: String) -> Diagnostic {
        let (level, file, path) = (Level::Error, file.to_owned(), String::new());
        Diagnostic { level, file, line: None, column: None, path, text, excerpt: None }
    }

    /// An error at a line and column of a source, counted from 1.
    pub(super) fn at(source: &Source, place: Option<(usize, usize)>, text: String) -> Diagnostic {
        let (line, column) = place.unzip();
        let excerpt =
            place.and_then(|(line, column)| Excerpt::of(source.text.lines().nth(line.checked_sub(1)?)?, column));
        Diagnostic { line, column, excerpt, ..Diagnostic::about_file(&source.name, text) }
    }

    /// The diagnostic and, below it, the line that it is about with a marker under the place:
    ///
    /// ```text
    /// c.yaml:4:5: programs.web.numprocs: 0 is out of range (1 to 10000)
    ///     4 |     numprocs: 0
    ///       |     ^^^^^^^^
    /// ```
    #[must_use]
    pub fn in_full(&self) -> String {
        match (&self.excerpt, self.line) {
            (Some(Excerpt { text, start, width }), Some(line)) => {
                let (space, marker) = (" ".repeat(*start), "^".repeat(*width));
                format!("{self}\n{line:>5} | {text}\n      | {space}{marker}")
            }
            (None, _) | (_, None) => self.to_string(),
        }
    }
}

/// A line of a file as it can be shown on a terminal, and the part of it that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, or what is around the place if it is long; a tab is a blank.
    pub text: String,
    /// Where the part begins, in characters from 0.
    pub start: usize,
    /// How many characters it has; at least 1.
    pub width: usize,
}

impl Excerpt {
    /// How much of a line is shown, in characters.
    const SHOWN_CHARS: usize = 100;
    /// How much of a long line is shown before the place.
    const BEFORE_CHARS: usize = 40;

    /// The part of a line that begins at a column, counted from 1: a word, or what stands in quotes.
    fn of(line: &str, column: usize) -> Option<Excerpt> {
        let at = column.checked_sub(1)?;
        let all: Vec<char> = line.trim_end().chars().collect();
        let from = if all.len() <= Self::SHOWN_CHARS { 0 } else { at.saturating_sub(Self::BEFORE_CHARS) };
        let to = all.len().min(from + Self::SHOWN_CHARS);
        let mut excerpt = Excerpt { text: String::new(), start: 0, width: 1 };
        if from > 0 {
            excerpt.text.push('…');
        }
        let end = (at + word(all.get(at..).unwrap_or_default())).min(to);
        let mut shown = excerpt.text.chars().count();
        for (i, c) in all.iter().enumerate().take(to).skip(from) {
            let c = if *c == '\t' { ' ' } else { *c };
            let text = Plain(c.encode_utf8(&mut [0; 4])).to_string();
            if i == at {
                excerpt.start = shown;
            }
            shown += text.chars().count();
            if i >= at && i + 1 == end {
                excerpt.width = shown.saturating_sub(excerpt.start).max(1);
            }
            excerpt.text.push_str(&text);
        }
        // Behind the end of the line: something is missing there.
        if at >= to {
            excerpt.start = shown;
        }
        if to < all.len() {
            excerpt.text.push('…');
        }
        Some(excerpt)
    }
}

/// How many characters the key or value that begins here has.
fn word(text: &[char]) -> usize {
    match text {
        [quote @ ('"' | '\''), rest @ ..] => rest.iter().position(|c| c == quote).map_or(1, |at| at + 2),
        _ => text.iter().take_while(|c| !c.is_whitespace() && !":=,[]{}#".contains(**c)).count(),
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

    /// The source of a place.
    pub(super) fn source(&self, place: Place) -> &'s Source {
        static NOWHERE: Source = Source { name: String::new(), dir: String::new(), text: String::new() };
        self.sources.get(place.source).unwrap_or(&NOWHERE)
    }

    pub(super) fn diagnostic(&mut self, level: Level, place: Place, path: String, text: String) -> Diagnostic {
        let position = self.position(place);
        let source = self.source(place);
        let (line, column) = position.unzip();
        let excerpt = place.at.zip(column).and_then(|(at, column)| {
            let start = source.text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
            Excerpt::of(source.text.get(start..)?.split('\n').next()?, column)
        });
        Diagnostic { level, line, column, path, excerpt, ..Diagnostic::about_file(&source.name, text) }
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
    fn the_line_is_shown_with_a_marker() {
        let full =
            |text: &str, place| Diagnostic::at(&Source::new("c.yaml", text), Some(place), "x".to_owned()).in_full();
        for (text, place, want) in [
            ("a: 1\n  numprocs: 0\n", (2, 3), "    2 |   numprocs: 0\n      |   ^^^^^^^^"),
            ("\t'größe': ö", (1, 2), "    1 |  'größe': ö\n      |  ^^^^^^^"),
            ("a: [", (1, 5), "    1 | a: [\n      |     ^"),
            ("a: \u{1b}[31m x", (1, 1), "    1 | a: \\u{1b}[31m x\n      | ^"),
            ("\u{1b}a: x", (1, 2), "    1 | \\u{1b}a: x\n      |       ^"),
            ("a\r\nb = 2\r\n", (2, 1), "    2 | b = 2\n      | ^"),
        ] {
            assert_eq!(full(text, place).split_once('\n').unwrap().1, want, "{text}");
        }
        let long = format!("{}here: 1 {}", "x".repeat(500), "y".repeat(500));
        let shown = full(&long, (1, 501));
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[1].contains("…xxx") && lines[1].ends_with("y…") && lines[1].chars().count() < 120, "{shown}");
        let at = lines[2].find('^').unwrap();
        assert_eq!(lines[1].chars().skip(at).take(4).collect::<String>(), "here");
        assert!(lines[2].ends_with("^^^^"), "{shown}");
        assert_eq!(full("a", (7, 1)), "c.yaml:7:1: x");
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
