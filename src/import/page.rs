//! Writes the configuration down: keys with their values, comments, blank lines. Knows no key.

use crate::base::yaml_text::{remark, scalar};

/// How long a line of a comment may become, in characters.
const COLUMNS: usize = 110;

/// What stands behind a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// As it is: a number, a truth value, a word.
    Bare(String),
    /// A text, with quotes if it needs them.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// Names and texts.
    Map(Vec<(String, String)>),
    /// Keys and their values.
    Inner(Vec<Line>),
}

/// A line of a section, or the lines of a key that has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A comment in words.
    Comment(String),
    /// An option as it stood in the source, and why it is only a comment here.
    Left { key: String, value: String, why: String },
    /// A key.
    Key { key: &'static str, value: Value, note: Option<String> },
}

impl Line {
    pub(super) fn key(key: &'static str, value: Value) -> Line {
        Line::Key { key, value, note: None }
    }

    pub(super) fn comment(text: impl Into<String>) -> Line {
        Line::Comment(text.into())
    }

    pub(super) fn left(key: &str, value: &str, why: impl Into<String>) -> Line {
        Line::Left { key: key.to_owned(), value: value.to_owned(), why: why.into() }
    }

    /// With a comment behind it.
    pub(super) fn noted(self, text: impl Into<String>) -> Line {
        match self {
            Line::Key { key, value, note: None } => Line::Key { key, value, note: Some(text.into()) },
            other @ (Line::Key { .. } | Line::Comment(_) | Line::Left { .. }) => other,
        }
    }
}

/// The text that is being written.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    pub(super) fn finish(self) -> String {
        self.text
    }

    /// A blank line, unless there is one or nothing is above it.
    pub(super) fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A comment, broken into lines of a readable length.
    pub(super) fn comment(&mut self, depth: usize, text: &str) {
        for paragraph in text.lines() {
            let mut line = String::new();
            for word in paragraph.split(' ') {
                if !line.is_empty() && 2 * depth + line.chars().count() + word.chars().count() + 3 > COLUMNS {
                    self.remark(depth, &line);
                    line.clear();
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            self.remark(depth, &line);
        }
    }

    fn remark(&mut self, depth: usize, line: &str) {
        let line = format!("# {}", remark(line));
        self.line(depth, line.trim_end());
    }

    /// A line as it is.
    pub(super) fn line(&mut self, depth: usize, line: &str) {
        self.text.push_str(&"  ".repeat(depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub(super) fn lines(&mut self, depth: usize, lines: &[Line]) {
        for line in lines {
            match line {
                Line::Comment(text) => self.comment(depth, text),
                Line::Left { key, value, why } => self.left(depth, key, value, why),
                Line::Key { key, value, note } => self.key(depth, key, value, note.as_deref()),
            }
        }
    }

    /// `# key=value: why`; the further lines of a value follow, indented.
    pub(super) fn left(&mut self, depth: usize, key: &str, value: &str, why: &str) {
        let (first, rest) = value.split_once('\n').unwrap_or((value, ""));
        let why = if why.is_empty() { String::new() } else { format!("  ({why})") };
        self.remark(depth, &format!("{key}={first}{why}"));
        for line in rest.lines().filter(|line| !line.is_empty()) {
            self.remark(depth, &format!("    {line}"));
        }
    }

    fn key(&mut self, depth: usize, key: &str, value: &Value, note: Option<&str>) {
        let note = note.map(|note| format!("  # {}", remark(note))).unwrap_or_default();
        let behind = match value {
            Value::Bare(text) => format!(" {text}"),
            Value::Text(text) => format!(" {}", scalar(text)),
            Value::List(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| scalar(text)).collect();
                format!(" [{}]", texts.join(", "))
            }
            Value::Map(_) | Value::Inner(_) => String::new(),
        };
        self.line(depth, &format!("{key}:{behind}{note}"));
        match value {
            Value::Map(pairs) => {
                for (name, text) in pairs {
                    self.line(depth + 1, &format!("{}: {}", scalar(name), scalar(text)));
                }
            }
            Value::Inner(lines) => self.lines(depth + 1, lines),
            Value::Bare(_) | Value::Text(_) | Value::List(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_with_their_quotes_and_notes() {
        let mut page = Page::default();
        page.blank();
        page.comment(0, &"word ".repeat(30));
        page.blank();
        page.blank();
        page.lines(
            1,
            &[
                Line::key("umask", Value::Bare("022".to_owned())).noted("why"),
                Line::key("cmd", Value::List(vec!["a".to_owned(), "b c, d".to_owned()])),
                Line::key("env", Value::Map(vec![("A".to_owned(), "1".to_owned())])),
                Line::left("x", "a\n\nb\u{1b}", "no counterpart"),
            ],
        );
        let text = page.finish();
        let (head, rest) = text.split_once("\n\n").unwrap();
        assert!(head.lines().count() == 2 && head.lines().all(|line| line.len() <= COLUMNS), "{head}");
        let want = "  umask: 022  # why\n  cmd: [a, \"b c, d\"]\n  env:\n    A: \"1\"\n  # x=a  (no counterpart)\n  #     b\\u{1b}\n";
        assert_eq!(rest, want);
    }
}
