//! Reads INI text as supervisord has Python read it: one section of a name, its options in lower case, the last value
//! of an option counts. Knows no section and no option.
//!
//! `;` and `#` begin a comment at the start of a line or behind a blank. A line that is indented deeper than the option
//! above it goes on with its value. `=` or `:` ends the name of an option, whichever comes first.

use crate::base::text::quoted;

use super::Problem;

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    /// The number of the file within its document.
    pub file: usize,
    /// The line, counted from 1.
    pub line: usize,
}

/// An option and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub key: String,
    /// Its lines, joined by line ends.
    pub value: String,
    pub at: At,
}

/// A section: its options in the order in which they were first given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub name: String,
    pub at: At,
    pub entries: Vec<Entry>,
}

impl Section {
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Puts a value in, over an earlier one.
    fn set(&mut self, new: Entry) {
        match self.entries.iter_mut().find(|entry| entry.key == new.key) {
            Some(entry) => *entry = new,
            None => self.entries.push(new),
        }
    }
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub name: String,
    pub dir: String,
}

/// What stands in one file, or in several that count as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    pub files: Vec<Origin>,
    pub sections: Vec<Section>,
    /// `[DEFAULT]`: what the other sections have if they do not say otherwise.
    defaults: Option<Section>,
}

const DEFAULT: &str = "DEFAULT";

/// The place of the option whose value may go on: the index of the section (`None` is `[DEFAULT]`), and the key.
type Open = (Option<usize>, String);

impl Document {
    /// Takes the text of a file in, behind what is there.
    ///
    /// # Errors
    /// The first line that is none of section, option, comment.
    pub(super) fn read(&mut self, name: &str, dir: &str, text: &str) -> Result<(), Problem> {
        self.files.push(Origin { name: name.to_owned(), dir: dir.to_owned() });
        let file = self.files.len() - 1;
        let text = text.trim_start_matches('\u{feff}');
        let (mut section, mut option): (Option<Option<usize>>, Option<Open>) = (None, None);
        let mut depth = 0;
        for (n, line) in text.lines().enumerate() {
            let at = At { file, line: n + 1 };
            let wrong = |text: String| Problem { file: name.to_owned(), line: Some(n + 1), text };
            let (value, commented) = without_comment(line);
            if value.is_empty() {
                if let (false, Some(open)) = (commented, &option) {
                    self.go_on(open, "");
                }
                continue;
            }
            let indent = line.chars().take_while(|c| c.is_whitespace()).count();
            if let Some(open) = option.as_ref().filter(|_| indent > depth) {
                self.go_on(open, value);
                continue;
            }
            depth = indent;
            if let Some(header) = header(value) {
                section = Some(self.section(header, at));
                option = None;
                continue;
            }
            let Some(current) = section else {
                return Err(wrong(format!("{} stands before the first [section]", quoted(value))));
            };
            let Some(entry) = option_in(value, at) else {
                return Err(wrong(format!(
                    "{} is neither a [section] nor an option (\"name = value\")",
                    quoted(value)
                )));
            };
            option = Some((current, entry.key.clone()));
            if let Some(section) = self.section_mut(current) {
                section.set(entry);
            }
        }
        self.trim();
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The value of an option, also if `[DEFAULT]` gives it.
    pub(super) fn value<'d>(&'d self, section: &'d Section, key: &str) -> Option<&'d Entry> {
        section.get(key).or_else(|| self.defaults.as_ref()?.get(key))
    }

    /// The options of `[DEFAULT]` that the section does not have itself.
    pub(super) fn defaults(&self, section: &Section) -> Vec<&Entry> {
        let all = self.defaults.iter().flat_map(|defaults| &defaults.entries);
        all.filter(|entry| section.get(&entry.key).is_none()).collect()
    }

    /// An error about something in the document.
    pub(super) fn problem(&self, at: At, text: impl Into<String>) -> Problem {
        let file = self.files.get(at.file).map(|origin| origin.name.clone()).unwrap_or_default();
        Problem { file, line: Some(at.line), text: text.into() }
    }

    /// The directory of the file in which something stands.
    pub(super) fn dir(&self, at: At) -> &str {
        self.files.get(at.file).map_or("", |origin| &origin.dir)
    }

    /// The section of this name, made if there is none yet.
    fn section(&mut self, name: &str, at: At) -> Option<usize> {
        let new = || Section { name: name.to_owned(), at, entries: Vec::new() };
        if name == DEFAULT {
            self.defaults.get_or_insert_with(new);
            return None;
        }
        Some(self.sections.iter().position(|section| section.name == name).unwrap_or_else(|| {
            self.sections.push(new());
            self.sections.len() - 1
        }))
    }

    fn section_mut(&mut self, which: Option<usize>) -> Option<&mut Section> {
        match which {
            Some(index) => self.sections.get_mut(index),
            None => self.defaults.as_mut(),
        }
    }

    fn go_on(&mut self, (section, key): &Open, line: &str) {
        let entries = self.section_mut(*section).map(|section| &mut section.entries);
        if let Some(entry) = entries.and_then(|entries| entries.iter_mut().find(|entry| entry.key == *key)) {
            entry.value.push('\n');
            entry.value.push_str(line);
        }
    }

    /// Takes the empty lines behind the values off.
    fn trim(&mut self) {
        for section in self.sections.iter_mut().chain(&mut self.defaults) {
            for entry in &mut section.entries {
                entry.value.truncate(entry.value.trim_end().len());
            }
        }
    }
}

/// The line without comment and without blanks around it, and whether there was a comment.
fn without_comment(line: &str) -> (&str, bool) {
    if line.trim_start().starts_with(['#', ';']) {
        return ("", true);
    }
    // Both signs are looked for in step: the second `;` is no comment if the first `#` was one.
    let begins = |at: &usize| line.get(..*at).is_some_and(|before| before.ends_with(char::is_whitespace));
    let mut places = [';', '#'].map(|sign| line.match_indices(sign).map(|(at, _)| at));
    loop {
        let next: Vec<usize> = places.iter_mut().filter_map(Iterator::next).collect();
        if let Some(at) = next.iter().copied().filter(begins).min() {
            return (line.get(..at).unwrap_or_default().trim(), true);
        }
        if next.is_empty() {
            return (line.trim(), false);
        }
    }
}

/// The option that begins on a line.
fn option_in(line: &str, at: At) -> Option<Entry> {
    let (key, value) = line.split_once(['=', ':'])?;
    let key = key.trim().to_lowercase();
    if key.is_empty() { None } else { Some(Entry { key, value: value.trim().to_owned(), at }) }
}

/// What stands in the brackets of a line that begins a section.
fn header(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('[')?.rsplit_once(']')?;
    if name.is_empty() { None } else { Some(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Document {
        let mut document = Document::default();
        document.read("x.conf", "/etc", text).unwrap_or_else(|e| panic!("{e}"));
        document
    }

    fn values(text: &str) -> Vec<(String, String)> {
        read(text).sections[0].entries.iter().map(|e| (e.key.clone(), e.value.clone())).collect()
    }

    #[track_caller]
    fn is(text: &str, want: &[(&str, &str)]) {
        let found = values(&format!("[a]\n{text}"));
        let found: Vec<_> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(found, want, "{text}");
    }

    #[test]
    fn options() {
        is("A = b", &[("a", "b")]);
        is("a:b=c", &[("a", "b=c")]);
        is("a=b:c", &[("a", "b:c")]);
        is("a=", &[("a", "")]);
        is("a=1\r\nb=2\r\n", &[("a", "1"), ("b", "2")]);
        is("a=1\nb=2\na=3", &[("a", "3"), ("b", "2")]);
    }

    #[test]
    fn comments_begin_a_line_or_stand_behind_a_blank() {
        is("; x\n# y\n  ; z\na=b ; c", &[("a", "b")]);
        is("a=b # c", &[("a", "b")]);
        is("a=b;c#d", &[("a", "b;c#d")]);
        is("a=b#c ;d", &[("a", "b#c")]);
        is("a=;b", &[("a", ";b")]);
        is("a=x;y #z ;", &[("a", "x;y")]);
    }

    #[test]
    fn values_go_on_where_lines_are_indented_deeper() {
        is("a=b\n  c\n\td ; e\nf=g", &[("a", "b\nc\nd"), ("f", "g")]);
        is("a=\n  b\n\n  c\n\n", &[("a", "\nb\n\nc")]);
        is("a=b\n  ; no\n  c", &[("a", "b\nc")]);
        is("  a=b\n  c=d", &[("a", "b"), ("c", "d")]);
        is("  a=b\n   c=d", &[("a", "b\nc=d")]);
        is("a=b\n  [c]", &[("a", "b\n[c]")]);
    }

    #[test]
    fn sections_of_a_name_are_one() {
        let document = read("[a]\nx=1\n[b] junk\ny=2\n[a]\nz=3\nx=4\n[DEFAULT]\nd=5\ny=6");
        let names: Vec<_> = document.sections.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let (a, b) = (&document.sections[0], &document.sections[1]);
        assert_eq!(a.entries.iter().map(|e| (e.value.as_str(), e.at.line)).collect::<Vec<_>>(), [("4", 7), ("3", 6)]);
        assert_eq!(document.value(b, "y").unwrap().value, "2");
        assert_eq!(document.value(b, "d").unwrap().value, "5");
        assert_eq!(document.defaults(b).len(), 1);
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, line, part) in [
            ("a=b", 1, "before the first [section]"),
            ("[a]\n\nb", 3, "neither a [section] nor an option"),
            ("[a]\n=b", 2, "neither a [section] nor an option"),
            ("[]\n", 1, "before the first [section]"),
        ] {
            let problem = Document::default().read("x.conf", "/etc", text).unwrap_err();
            assert_eq!((problem.file.as_str(), problem.line), ("x.conf", Some(line)), "{text}");
            assert!(problem.text.contains(part), "{text}: {problem}");
        }
    }
}
