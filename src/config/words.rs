//! Splits a command line into words as a POSIX shell does: blanks, quotes, backslashes, and nothing else. No variable,
//! no pattern, no operator has a meaning here.

/// A command line in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The words without their quotes. A `$` behind a backslash is written `$$`, so that it stays one when `${…}` is
    /// filled in.
    pub words: Vec<String>,
    /// The first word that a shell would take for an operator, such as `|` or `2>&1`: it is passed on as it stands.
    pub operator: Option<String>,
}

/// A word while it is read.
#[derive(Default)]
struct Word {
    text: String,
    /// Whether any of it was in quotes or behind a backslash.
    quoted: bool,
}

/// Splits the text.
///
/// # Errors
/// A quote is not closed, or a backslash is the last character.
pub fn split(text: &str) -> Result<Words, &'static str> {
    let mut out = Words::default();
    let mut word: Option<Word> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => out.finish(word.take()),
            '\'' => {
                let word = opened(&mut word, true);
                loop {
                    match chars.next().ok_or("has a ' that is not closed")? {
                        '\'' => break,
                        c => word.text.push(c),
                    }
                }
            }
            '"' => double_quoted(opened(&mut word, true), &mut chars)?,
            '\\' => match chars.next().ok_or("ends with a backslash")? {
                '\n' => {}
                c => escaped(opened(&mut word, true), c),
            },
            c => opened(&mut word, false).text.push(c),
        }
    }
    out.finish(word);
    Ok(out)
}

fn opened(word: &mut Option<Word>, quoted: bool) -> &mut Word {
    let word = word.get_or_insert_default();
    word.quoted |= quoted;
    word
}

fn escaped(word: &mut Word, c: char) {
    if c == '$' {
        word.text.push('$');
    }
    word.text.push(c);
}

/// Within double quotes a backslash only concerns a few characters; before any other it stays.
fn double_quoted(word: &mut Word, chars: &mut std::str::Chars<'_>) -> Result<(), &'static str> {
    const OPEN: &str = "has a \" that is not closed";
    loop {
        match chars.next().ok_or(OPEN)? {
            '"' => return Ok(()),
            '\\' => match chars.next().ok_or(OPEN)? {
                '\n' => {}
                c @ ('"' | '\\' | '`' | '$') => escaped(word, c),
                c => word.text.extend(['\\', c]),
            },
            c => word.text.push(c),
        }
    }
}

impl Words {
    fn finish(&mut self, word: Option<Word>) {
        let Some(mut word) = word else { return };
        if self.operator.is_none() && !word.quoted && is_operator(&word.text) {
            self.operator = Some(word.text.clone());
        }
        word.text.shrink_to_fit();
        self.words.push(word.text);
    }
}

/// Whether a shell would take an unquoted word for an operator or a redirection. Only what surely is one: a `&` within
/// an address is none.
fn is_operator(word: &str) -> bool {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_sign = |c: char| "|<>&;".contains(c);
    let all_signs = rest.starts_with(is_sign) && rest.chars().all(|c| is_sign(c) || c.is_ascii_digit());
    all_signs || rest.starts_with(['>', '<']) || word.ends_with(';')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        split(text).unwrap().words
    }

    #[test]
    fn words_are_split_as_a_shell_does() {
        for (text, want) in [
            ("", vec![]),
            ("  \t\n ", vec![]),
            ("a", vec!["a"]),
            (" a  b\tc\nd ", vec!["a", "b", "c", "d"]),
            ("nginx -g \"daemon off;\"", vec!["nginx", "-g", "daemon off;"]),
            ("'a b' \"c d\"", vec!["a b", "c d"]),
            ("a''b \"\" ''", vec!["ab", "", ""]),
            ("sleep '1000' 2\"\"000", vec!["sleep", "1000", "2000"]),
            ("a\\ b \\' \\\"", vec!["a b", "'", "\""]),
            ("'a\\b' \"a\\b\" \"a\\\\b\" \"a\\\"b\"", vec!["a\\b", "a\\b", "a\\b", "a\"b"]),
            ("a \\\n b", vec!["a", "b"]),
            ("a\\\nb \"c\\\nd\"", vec!["ab", "cd"]),
            ("*.log ~ # x", vec!["*.log", "~", "#", "x"]),
            ("'${A}' $B \\${C} \"\\$D\" '\\$E'", vec!["${A}", "$B", "$${C}", "$$D", "\\$E"]),
            ("ö'ä'", vec!["öä"]),
        ] {
            assert_eq!(words(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_not_closed_is_refused() {
        for text in ["'", "a 'b", "\"", "a \"b\\\"", "\\", "a \\"] {
            assert!(split(text).is_err(), "{text}");
        }
    }

    #[test]
    fn operators_are_noticed() {
        for (text, want) in [
            ("a | b", Some("|")),
            ("a && b", Some("&&")),
            ("a > /tmp/x", Some(">")),
            ("a >/tmp/x", Some(">/tmp/x")),
            ("a 2>&1", Some("2>&1")),
            ("a 2>/dev/null", Some("2>/dev/null")),
            ("a; b", Some("a;")),
            ("a &", Some("&")),
            ("a '|' \\> \"&\" 'x;'", None),
            ("curl http://x/?a=1&b=2", None),
            ("nginx -g \"daemon off;\"", None),
            ("a 22 1000", None),
            ("a b|c", None),
        ] {
            assert_eq!(split(text).unwrap().operator.as_deref(), want, "{text}");
        }
    }
}
