//! Where output may be cut that is passed on piece by piece.

/// What a piece must not be cut within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A line, because every line gets a label.
    Line,
    /// A character of UTF-8, because a piece is to be a text if the whole is one.
    Char,
}

impl Unit {
    /// How many of the bytes are whole; the others wait for what comes behind them.
    #[must_use]
    pub fn whole(self, bytes: &[u8]) -> usize {
        match self {
            Unit::Line => bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1),
            Unit::Char => bytes.len() - begun(bytes),
        }
    }
}

/// How many bytes at the end are the beginning of a character.
fn begun(bytes: &[u8]) -> usize {
    for (n, byte) in bytes.iter().rev().take(3).enumerate() {
        let length = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return 0,
        };
        return if length > n + 1 { n + 1 } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_together() {
        for (text, whole) in [("", 0), ("a", 0), ("a\n", 2), ("a\nb", 2), ("a\n\nb\n", 5)] {
            assert_eq!(Unit::Line.whole(text.as_bytes()), whole, "{text:?}");
        }
    }

    #[test]
    fn characters_are_kept_together() {
        let text = "a\u{e4}\u{20ac}\u{1f600}";
        let mut whole = 0;
        for end in 0..=text.len() {
            if text.is_char_boundary(end) {
                whole = end;
            }
            assert_eq!(Unit::Char.whole(&text.as_bytes()[..end]), whole, "{end}");
        }
        // What is no UTF-8 in any case does not wait.
        for bytes in [&b"a\xff"[..], b"\x80\x80\x80\x80", b"\xc3\x28", b"\xc0"] {
            assert_eq!(Unit::Char.whole(bytes), bytes.len(), "{bytes:?}");
        }
    }
}
