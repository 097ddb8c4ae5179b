//! Lines of a shell that are still being typed: their words, and how a word is written so that it comes out right.
//!
//! A quote may be open and a backslash may be the last character: nothing here fails.

/// A line up to the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ctl) struct Line<'a> {
    /// The words before the one that is being typed, without their quotes.
    pub words: Vec<String>,
    /// The word that is being typed as it stands there; empty behind a blank.
    pub raw: &'a str,
}

impl<'a> Line<'a> {
    /// Splits a line at its blanks, as `control::text::split` does.
    pub(in crate::ctl) fn read(line: &'a str) -> Line<'a> {
        let mut words = Vec::new();
        let mut start = 0;
        let mut state = Quotes::default();
        for (at, c) in line.char_indices() {
            if state.splits_at(c) {
                words.push(line.get(start..at).unwrap_or_default());
                start = at + c.len_utf8();
            }
        }
        words.retain(|word| !word.is_empty());
        let words = words.into_iter().map(|word| unquoted(word).0).collect();
        Line { words, raw: line.get(start..).unwrap_or_default() }
    }

    /// The word that is being typed, without its quotes.
    pub(in crate::ctl) fn word(&self) -> String {
        unquoted(self.raw).0
    }

    /// How `text` is written in place of `replaced`, which is the end of the word as it stands there and all that bash
    /// puts something else for: it may have found words where we find none, as behind a colon. `None` if it does not
    /// begin like what stays.
    pub(in crate::ctl) fn in_place_of(&self, replaced: &str, text: &str) -> Option<String> {
        // Where a word is nothing but the sign that separates words, it is what comes behind that is replaced.
        let replaced = if matches!(replaced, ":" | "=") { "" } else { replaced };
        let stays = self.raw.strip_suffix(replaced).unwrap_or_default();
        let (kept, quote) = unquoted(stays);
        text.strip_prefix(&kept).map(|rest| quoted(rest, quote))
    }
}

/// Where in a line one is.
#[derive(Default)]
struct Quotes {
    open: Option<char>,
    escaped: bool,
}

impl Quotes {
    /// Whether a character that comes next separates words.
    fn splits_at(&mut self, c: char) -> bool {
        let literal = self.escaped || self.open.is_some();
        self.take(c).is_some() && !literal && c.is_ascii_whitespace()
    }

    /// What a character that comes next stands for: nothing, if it is part of the quoting.
    fn take(&mut self, c: char) -> Option<char> {
        match (self.open, c) {
            _ if std::mem::take(&mut self.escaped) => return Some(c),
            (None | Some('"'), '\\') => self.escaped = true,
            (Some(open), c) if c == open => self.open = None,
            (None, '\'' | '"') => self.open = Some(c),
            (Some(_) | None, c) => return Some(c),
        }
        None
    }
}

/// A word without its quotes, and the quote that is still open at its end.
fn unquoted(raw: &str) -> (String, Option<char>) {
    let mut quotes = Quotes::default();
    let text = raw.chars().filter_map(|c| quotes.take(c)).collect();
    (text, quotes.open)
}

/// A text as it must be written for bash within this quote or without one.
fn quoted(text: &str, quote: Option<char>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match quote {
            Some('\'') if c == '\'' => out.push_str("'\\'"),
            Some('"') if "\"\\$`".contains(c) => out.push('\\'),
            None if c.is_ascii() && !c.is_ascii_alphanumeric() && !"_@%+=:,./-".contains(c) => out.push('\\'),
            Some(_) | None => {}
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_unfinished_lines() {
        for (line, words, raw, word) in [
            ("", "", "", ""),
            ("ctl", "", "ctl", "ctl"),
            ("ctl  start ", "ctl,start", "", ""),
            ("ctl 'a b' \"c\\\"d\" e\\ f te\\*", "ctl,a b,c\"d,e f", "te\\*", "te*"),
            ("ctl 'team:w", "ctl", "'team:w", "team:w"),
            ("ctl a'b c", "ctl", "a'b c", "ab c"),
            ("ctl x\\", "ctl", "x\\", "x"),
            ("ctl größe gr", "ctl,größe", "gr", "gr"),
        ] {
            let found = Line::read(line);
            assert_eq!(
                (found.words.join(",").as_str(), found.raw, found.word().as_str()),
                (words, raw, word),
                "{line}"
            );
        }
    }

    #[test]
    fn what_bash_puts_in() {
        for (raw, replaced, text, put) in [
            ("", "", "web", Some("web")),
            ("we", "we", "web", Some("web")),
            ("team:", "", "team:web", Some("web")),
            ("team:", ":", "team:web", Some("web")),
            ("team:w", "w", "team:web", Some("web")),
            ("t", "t", "team:*", Some("team:\\*")),
            ("team:\\*", "\\*", "team:*", Some("\\*")),
            ("'team:", "team:", "team:*", Some("team:*")),
            ("'it", "it", "it's", Some("it'\\''s")),
            ("\"a", "a", "a$b", Some("a\\$b")),
            ("--color=a", "a", "--color=auto", Some("auto")),
            ("x@", "", "x@host", Some("host")),
            ("x@", "@", "x@host", Some("@host")),
            ("other", "w", "web", Some("web")),
            ("team:w", "w", "web", None),
            ("a", "a", "größe und", Some("größe\\ und")),
        ] {
            let line = Line { words: Vec::new(), raw };
            assert_eq!(line.in_place_of(replaced, text).as_deref(), put, "{raw} {replaced} {text}");
        }
    }
}
