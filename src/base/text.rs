//! Text from outside within a message: on one line, harmless to a terminal, and not longer than it needs to be.

use std::fmt;

/// How much of a text is repeated in a message, in characters.
const SHOWN_CHARS: usize = 60;

/// A text in quotes, cut if it is long, with what could steer a terminal escaped.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", Plain(&cut(text)))
}

/// A text, cut if it is long.
#[must_use]
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Text on one line, with control characters as `\n` and `\u{1b}`. What is escaped already stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a>(pub &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.0.split(steers);
        f.write_str(parts.next().unwrap_or_default())?;
        let signs = self.0.chars().filter(|c| steers(*c));
        signs.zip(parts).try_for_each(|(sign, part)| write!(f, "{}{part}", sign.escape_default()))
    }
}

/// Whether the character makes a terminal do something, the marks that turn the direction of writing included.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_short() {
        assert_eq!(quoted("short"), "\"short\"");
        assert_eq!(quoted(&"\u{fc}".repeat(SHOWN_CHARS)).chars().count(), SHOWN_CHARS + 2);
        assert_eq!(quoted(&"\u{fc}".repeat(100)).chars().count(), SHOWN_CHARS + 3);
        assert_eq!(cut(&"ö".repeat(100)).chars().last(), Some('…'));
    }

    #[test]
    fn nothing_steers_a_terminal() {
        for (text, shown) in [
            ("", ""),
            ("größe", "größe"),
            ("\u{1b}[31m\u{9b}x\r\n\0\t", "\\u{1b}[31m\\u{9b}x\\r\\n\\u{0}\\t"),
            ("exe\u{202e}txt.\u{7f}", "exe\\u{202e}txt.\\u{7f}"),
        ] {
            assert_eq!(Plain(text).to_string(), shown);
            assert_eq!(Plain(shown).to_string(), shown);
        }
        assert_eq!(quoted("a\u{1b}"), "\"a\\u{1b}\"");
    }
}
