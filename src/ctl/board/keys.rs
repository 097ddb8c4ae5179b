//! Keys: what a terminal sends for them, in pieces as they come.
//!
//! A sequence that is not known is passed over as a whole, so that no part of it is taken for a key.

/// A key, or what else a terminal tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A letter or another sign.
    Char(char),
    /// A letter with Ctrl.
    Ctrl(char),
    /// Text that was pasted, without control characters.
    Paste(String),
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// Return.
    Enter,
    /// Tabulator.
    Tab,
    /// Deletes to the left.
    Backspace,
    /// Escape alone.
    Escape,
    /// The terminal has the keyboard again, or no longer.
    Focus(bool),
}

/// Longer than any sequence of a key. What is longer is no such sequence.
const SEQUENCE_BYTES: usize = 32;

/// More than this of a pasted text is not taken.
const PASTE_BYTES: usize = 4096;

const PASTE_BEGIN: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Makes keys of bytes.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
}

/// What the bytes begin with.
enum Found {
    /// A key, and how many bytes it is.
    Key(Key, usize),
    /// So many bytes that mean nothing.
    Nothing(usize),
    /// More must come.
    Partly,
}

impl Decoder {
    /// Takes bytes and gives the keys that are complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.bytes.extend_from_slice(bytes);
        self.take(false)
    }

    /// Whether something has begun that may be a key of its own or the beginning of another.
    #[must_use]
    pub fn waits(&self) -> bool {
        !self.bytes.is_empty() && !self.bytes.starts_with(PASTE_BEGIN)
    }

    /// Nothing more has come for a while: what is there is all.
    pub fn settle(&mut self) -> Vec<Key> {
        self.take(true)
    }

    fn take(&mut self, all: bool) -> Vec<Key> {
        let mut keys = Vec::new();
        while !self.bytes.is_empty() {
            let used = match first(&self.bytes) {
                Found::Key(key, used) => {
                    keys.push(key);
                    used
                }
                Found::Nothing(used) => used,
                Found::Partly if self.bytes == b"\x1b" && all => {
                    keys.push(Key::Escape);
                    1
                }
                Found::Partly if all && self.waits() => self.bytes.len(),
                Found::Partly => break,
            };
            self.bytes.drain(..used.clamp(1, self.bytes.len()));
        }
        keys
    }
}

fn first(bytes: &[u8]) -> Found {
    match bytes {
        [] | [0x1b] => Found::Partly,
        [0x1b, b'[', rest @ ..] => control_sequence(bytes, rest),
        [0x1b, b'O', last, ..] => named(*last).map_or(Found::Nothing(3), |key| Found::Key(key, 3)),
        [0x1b, b'O'] => Found::Partly,
        // Escape twice is Escape; a letter with Alt means nothing.
        [0x1b, 0x1b, ..] => Found::Key(Key::Escape, 1),
        [0x1b, _, ..] => Found::Nothing(2),
        [b'\r' | b'\n', ..] => Found::Key(Key::Enter, 1),
        [b'\t', ..] => Found::Key(Key::Tab, 1),
        [0x08 | 0x7f, ..] => Found::Key(Key::Backspace, 1),
        [byte @ 1..=26, ..] => Found::Key(Key::Ctrl(char::from(byte + b'a' - 1)), 1),
        [0..=31, ..] => Found::Nothing(1),
        _ => letter(bytes),
    }
}

fn letter(bytes: &[u8]) -> Found {
    let head = bytes.get(..bytes.len().min(4)).unwrap_or_default();
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() == 0 && error.error_len().is_none() => return Found::Partly,
        Err(error) => std::str::from_utf8(head.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(c) if c.is_control() => Found::Nothing(c.len_utf8()),
        Some(c) => Found::Key(Key::Char(c), c.len_utf8()),
        None => Found::Nothing(1),
    }
}

/// `CSI`, parameters, a last byte.
fn control_sequence(bytes: &[u8], rest: &[u8]) -> Found {
    let Some(end) = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        return if rest.len() > SEQUENCE_BYTES { Found::Nothing(bytes.len()) } else { Found::Partly };
    };
    let used = end + 3;
    let parameters = rest.get(..end).unwrap_or_default();
    let last = rest.get(end).copied().unwrap_or_default();
    // A modifier stands behind a semicolon; the key stays the key.
    let number = parameters.split(|byte| *byte == b';').next().unwrap_or_default();
    let key = match (last, number) {
        (b'~', b"200") => return pasted(bytes),
        (b'~', b"1" | b"7") => Some(Key::Home),
        (b'~', b"4" | b"8") => Some(Key::End),
        (b'~', b"5") => Some(Key::PageUp),
        (b'~', b"6") => Some(Key::PageDown),
        (b'I', b"") => Some(Key::Focus(true)),
        (b'O', b"") => Some(Key::Focus(false)),
        // The Linux console's function keys: another byte follows.
        (b'[', b"") => return if bytes.len() > used { Found::Nothing(used + 1) } else { Found::Partly },
        // Enter of the number block has another form; this is what a mouse sends.
        (b'M', _) => None,
        (last, _) => named(last),
    };
    key.map_or(Found::Nothing(used), |key| Found::Key(key, used))
}

fn named(last: u8) -> Option<Key> {
    match last {
        b'A' => Some(Key::Up),
        b'B' => Some(Key::Down),
        b'C' => Some(Key::Right),
        b'D' => Some(Key::Left),
        b'H' => Some(Key::Home),
        b'F' => Some(Key::End),
        b'M' => Some(Key::Enter),
        _ => None,
    }
}

fn pasted(bytes: &[u8]) -> Found {
    let text = bytes.get(PASTE_BEGIN.len()..).unwrap_or_default();
    match text.windows(PASTE_END.len()).position(|window| window == PASTE_END) {
        Some(end) => {
            let text = String::from_utf8_lossy(text.get(..end.min(PASTE_BYTES)).unwrap_or_default());
            let text = text.chars().filter(|c| !c.is_control()).collect();
            Found::Key(Key::Paste(text), PASTE_BEGIN.len() + end + PASTE_END.len())
        }
        // The end of a text that never ends would be waited for in vain.
        None if text.len() > 16 * PASTE_BYTES => Found::Nothing(bytes.len()),
        None => Found::Partly,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        let mut keys = decoder.feed(bytes);
        keys.extend(decoder.settle());
        assert!(!decoder.waits());
        keys
    }

    #[test]
    fn keys_of_all_terminals() {
        for (bytes, key) in [
            (&b"q"[..], Key::Char('q')),
            ("ü".as_bytes(), Key::Char('ü')),
            ("網".as_bytes(), Key::Char('網')),
            (b"\x1b", Key::Escape),
            (b"\x03", Key::Ctrl('c')),
            (b"\x1a", Key::Ctrl('z')),
            (b"\r", Key::Enter),
            (b"\t", Key::Tab),
            (b"\x7f", Key::Backspace),
            (b"\x1b[A", Key::Up),
            (b"\x1bOB", Key::Down),
            (b"\x1b[1;5C", Key::Right),
            (b"\x1b[5~", Key::PageUp),
            (b"\x1b[6;2~", Key::PageDown),
            (b"\x1b[1~", Key::Home),
            (b"\x1bOF", Key::End),
            (b"\x1b[I", Key::Focus(true)),
            (b"\x1b[200~we\tb\r\x1b[201~", Key::Paste("web".to_owned())),
        ] {
            assert_eq!(keys(bytes), [key], "{bytes:?}");
        }
    }

    #[test]
    fn what_is_unknown_is_passed_over_whole() {
        for bytes in [
            &b"\x1b[<0;10;20M"[..],
            b"\x1b[19;5~",
            b"\x1b[[A",
            b"\x1bx",
            b"\x1bOx",
            b"\0",
            b"\xff\xfe",
            b"\xc2\x9b",
            b"\x1b[1;",
        ] {
            assert_eq!(keys(bytes), [], "{bytes:?}");
        }
        assert_eq!(keys(b"\x1b[99zq"), [Key::Char('q')]);
    }

    #[test]
    fn pieces_make_one_key() {
        for whole in [&b"\x1b[5~"[..], "網".as_bytes(), b"\x1b[200~a b\x1b[201~"] {
            let mut decoder = Decoder::default();
            let (last, head) = whole.split_last().unwrap();
            assert!(head.iter().all(|byte| decoder.feed(&[*byte]).is_empty()));
            assert_eq!(decoder.feed(&[*last]).len(), 1);
            assert!(!decoder.waits());
        }
    }

    #[test]
    fn no_bytes_hold_it_up() {
        let mut decoder = Decoder::default();
        assert!(decoder.feed(b"\x1b[200~").is_empty() && !decoder.waits());
        assert!(decoder.feed(&[b'x'; 17 * PASTE_BYTES]).is_empty());
        assert_eq!(decoder.feed(b"q"), [Key::Char('q')]);
        assert!(decoder.feed(&[b"\x1b[".as_slice(), &[b'1'; 40]].concat()).is_empty() && !decoder.waits());
        assert_eq!(decoder.feed(b"ab"), [Key::Char('a'), Key::Char('b')]);
        assert_eq!(decoder.feed(b"\x1b\x1bq"), [Key::Escape]);
    }
}
