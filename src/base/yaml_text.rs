//! A text as a YAML scalar: bare where that reads back as the same text, else in quotes. Writes no structure.

use std::borrow::Cow;

/// The text as it may stand as a key or a value, in a block or within `[…]` and `{…}`. Whatever could be taken for
/// something else (`yes`, `1.10`, `022`, nothing at all) or has a sign with a meaning in it gets quotes.
#[must_use]
pub fn scalar(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        Cow::Borrowed(text)
    } else if text.chars().any(must_be_escaped) || !text.contains(['"', '\\']) {
        Cow::Owned(double_quoted(text))
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', "''")))
    }
}

/// Whether the bare text is that text again to every reader, also to one of YAML 1.1.
fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let shape = !first.is_whitespace()
        && !"-?:,[]{}#&*!|>'\"%@`=<".contains(first)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(":?")
        && !text.contains(" #")
        && !text.contains([',', '[', ']', '{', '}'])
        && !text.chars().any(must_be_escaped);
    shape && !is_word(text) && !is_like_a_number(text)
}

/// Words that stand for nothing or for a truth value somewhere.
fn is_word(text: &str) -> bool {
    const WORDS: [&str; 10] = ["~", "null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// A text for a comment: on one line, and without what may stand nowhere in YAML.
#[must_use]
pub fn remark(text: &str) -> String {
    let one = |c: char| if must_be_escaped(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(one).collect()
}

/// Whether it may be read as a number, a date, or the end of a document. Some that are none are among them.
fn is_like_a_number(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '.');
    let signs = |c: char| c.is_ascii_hexdigit() || "xXoO_.:+-".contains(c);
    let rest = text.trim_start_matches('+');
    text.starts_with("...")
        || begins && (text.chars().all(signs) || [".inf", ".nan"].iter().any(|word| word.eq_ignore_ascii_case(rest)))
}

/// What can only stand in double quotes, with a backslash: controls, signs that a reader drops or takes for a line end,
/// and those that would turn the direction of writing.
fn must_be_escaped(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // All of these are below U+10000.
            c if must_be_escaped(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::dice::Dice;
    use crate::base::tree::{Scalar, Value};
    use crate::base::yaml;

    /// The text that is read where the written scalar stands.
    #[track_caller]
    fn comes_back(text: &str) {
        let written = scalar(text);
        for document in [format!("k: {written}\n"), format!("- {written}\n"), format!("k: [{written}, {written}]\n")] {
            let node = yaml::parse(&document).unwrap_or_else(|e| panic!("{text:?} as {written}: {e}"));
            let found = match &node.value {
                Value::Map(entries) => match &entries[0].value.value {
                    Value::Seq(items) => &items[1].value,
                    value @ (Value::Null | Value::Scalar(..) | Value::Map(_)) => value,
                },
                Value::Seq(items) => &items[0].value,
                value @ (Value::Null | Value::Scalar(..)) => value,
            };
            assert_eq!(*found, Value::Scalar(Scalar::Text, text.into()), "{text:?} as {written}");
        }
        let document = format!("{written}: 1\n");
        let node = yaml::parse(&document).unwrap_or_else(|e| panic!("{text:?} as {written}: {e}"));
        let Value::Map(entries) = &node.value else { panic!("{document}") };
        assert_eq!(entries[0].key, text, "{document}");
    }

    #[test]
    fn remarks_can_be_read() {
        let text = remark("größe \u{ffff}\u{feff}\n\u{1b}");
        assert_eq!(text, "größe \\u{ffff}\\u{feff}\\n\\u{1b}");
        assert!(crate::base::yaml::parse(&format!("# {text}\na: b")).is_ok());
    }

    #[test]
    fn quotes_only_where_they_are_needed() {
        for (text, want) in [
            ("nginx -g \"daemon off;\"", "nginx -g \"daemon off;\""),
            ("/srv/a b/c.log", "/srv/a b/c.log"),
            ("a:b#c", "a:b#c"),
            ("größe", "größe"),
            ("10s", "10s"),
            ("", "\"\""),
            ("yes", "\"yes\""),
            ("1.10", "\"1.10\""),
            ("022", "\"022\""),
            (" a", "\" a\""),
            ("a ", "\"a \""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("%(program_name)s", "\"%(program_name)s\""),
            ("${A}", "\"${A}\""),
            ("sh -c \"a, b\"", "'sh -c \"a, b\"'"),
            ("'a' \\ \"b\", c", "'''a'' \\ \"b\", c'"),
            ("a\n\"b\"\\", "\"a\\n\\\"b\\\"\\\\\""),
            ("a\u{1b}\u{feff}", "\"a\\u001b\\ufeff\""),
        ] {
            assert_eq!(scalar(text), want);
            comes_back(text);
        }
    }

    #[test]
    fn every_text_comes_back() {
        const PARTS: [&str; 64] = [
            "",
            " ",
            "  ",
            "\n",
            "\r\n",
            "\t",
            "\0",
            "\u{7f}",
            "\u{85}",
            "\u{a0}",
            "\u{2028}",
            "\u{feff}",
            "\u{ffff}",
            "#",
            " #",
            ":",
            ": ",
            "-",
            "- ",
            "---",
            "...",
            "?",
            "? ",
            ",",
            "[",
            "]",
            "{",
            "}",
            "&",
            "*",
            "!",
            "|",
            ">",
            "'",
            "\"",
            "%",
            "@",
            "`",
            "\\",
            "~",
            "null",
            "Null",
            "true",
            "TRUE",
            "no",
            "On",
            "0",
            "022",
            "0x1f",
            "0o17",
            "1.10",
            "1e3",
            "+1",
            "-1",
            ".inf",
            ".NaN",
            "<<",
            "=",
            "a",
            "b c",
            "ö",
            "😀",
            "2026-11-21",
            "1:30",
        ];
        let mut dice = Dice::new(0x9e37_79b9_7f4a_7c15);
        PARTS.iter().for_each(|part| comes_back(part));
        for _ in 0..10_000 {
            let text: String = (0..1 + dice.below(5)).map(|_| PARTS[dice.below(PARTS.len())]).collect();
            comes_back(&text);
        }
    }
}
