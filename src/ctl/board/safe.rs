//! What programs wrote, made safe to show: nothing of it reaches the terminal as more than letters.
//!
//! Colours are kept as such, since many programs have them; all other sequences are left out, other control characters
//! become visible.

use std::collections::VecDeque;

use ratatui_core::style::{Color, Modifier, Style};

/// How far apart tabulators are.
const TAB_COLUMNS: usize = 8;

/// No line is shown further than this.
const LINE_CHARS: usize = 2000;

/// No more of an unfinished line is kept.
const LINE_BYTES: usize = 64 << 10;

/// How many lines are kept.
const TAPE_LINES: usize = 2000;

/// A line in pieces of one style each.
pub type Line = Vec<(String, Style)>;

/// The last lines of what is written, as it comes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tape {
    lines: VecDeque<Line>,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    /// The style in which the next line begins.
    style: Style,
}

impl Tape {
    /// Takes more. Says how many lines were completed.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.iter().filter(|byte| **byte == b'\n').count();
        // What would be pushed out by what comes behind it need not be looked at.
        let passed = count.saturating_sub(TAPE_LINES);
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        let last = pieces.next_back().unwrap_or_default();
        for (n, piece) in pieces.enumerate() {
            self.begun.extend_from_slice(piece);
            if n >= passed {
                self.end_line();
            }
            self.begun.clear();
        }
        self.begun.extend_from_slice(last);
        // A line without an end is cut off, or it would grow for ever.
        self.begun.truncate(LINE_BYTES);
        count
    }

    fn end_line(&mut self) {
        self.lines.push_back(line(&String::from_utf8_lossy(&self.begun), &mut self.style));
        if self.lines.len() > TAPE_LINES {
            self.lines.pop_front();
        }
    }

    /// How many lines there are, the unfinished one included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len() + usize::from(!self.begun.is_empty())
    }

    /// Some of the lines.
    #[must_use]
    pub fn lines(&self, from: usize, count: usize) -> Vec<Line> {
        let mut lines: Vec<Line> = self.lines.iter().skip(from).take(count).cloned().collect();
        if lines.len() < count && !self.begun.is_empty() {
            lines.push(line(&String::from_utf8_lossy(&self.begun), &mut self.style.clone()));
        }
        lines
    }
}

fn line(text: &str, style: &mut Style) -> Line {
    // What was written over is not to be seen on a terminal either.
    let text = text.trim_end_matches('\r');
    let mut pieces = vec![(String::new(), *style)];
    let mut columns = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if columns >= LINE_CHARS {
            break;
        }
        match c {
            '\x1b' => {
                if let Some(parameters) = sequence(&mut chars) {
                    *style = dyed(*style, &parameters);
                    pieces.push((String::new(), *style));
                }
            }
            '\r' => {
                pieces = vec![(String::new(), *style)];
                columns = 0;
            }
            _ => columns += put(c, columns, pieces.last_mut().map(|(text, _)| text)),
        }
    }
    pieces.retain(|(text, _)| !text.is_empty());
    pieces
}

/// Appends a letter, or what stands for it. Says how many letters that are.
fn put(c: char, columns: usize, text: Option<&mut String>) -> usize {
    let Some(text) = text else { return 0 };
    let before = text.chars().count();
    match c {
        '\t' => text.extend(std::iter::repeat_n(' ', TAB_COLUMNS - columns % TAB_COLUMNS)),
        '\0'..='\x1f' => text.extend(['^', char::from_u32(u32::from(c) + 64).unwrap_or('?')]),
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => text.extend(c.escape_unicode()),
        c if c.is_control() => text.extend(c.escape_unicode()),
        c => text.push(c),
    }
    text.chars().count() - before
}

/// Passes over what follows an escape character. Gives the parameters if it is about colours.
fn sequence(chars: &mut std::str::Chars<'_>) -> Option<String> {
    match chars.clone().next()? {
        '[' => {
            chars.next();
            let mut parameters = String::new();
            for c in chars {
                match c {
                    'm' => return Some(parameters),
                    '\x20'..='\x3f' => parameters.push(c),
                    _ => return None,
                }
            }
            None
        }
        // Titles and the like, up to a bell or a string terminator.
        ']' | 'P' | '_' | '^' | 'X' => {
            let mut last = ' ';
            for c in chars {
                if c == '\x07' || (last == '\x1b' && c == '\\') {
                    break;
                }
                last = c;
            }
            None
        }
        '\x20'..='\x2f' => {
            chars.by_ref().find(|c| !('\x20'..='\x2f').contains(c));
            None
        }
        c if !c.is_control() => {
            chars.next();
            None
        }
        _ => None,
    }
}

/// A style after these parameters.
fn dyed(mut style: Style, parameters: &str) -> Style {
    let mut numbers = parameters.split([';', ':']).map(|number| number.parse::<u8>().unwrap_or(0));
    while let Some(number) = numbers.next() {
        style = match number {
            0 => Style::new(),
            1 => style.add_modifier(Modifier::BOLD),
            2 => style.add_modifier(Modifier::DIM),
            3 => style.add_modifier(Modifier::ITALIC),
            4 => style.add_modifier(Modifier::UNDERLINED),
            22 => style.remove_modifier(Modifier::BOLD | Modifier::DIM),
            30..=37 => style.fg(Color::Indexed(number - 30)),
            90..=97 => style.fg(Color::Indexed(number - 90 + 8)),
            39 => Style { fg: None, ..style },
            40..=47 => style.bg(Color::Indexed(number - 40)),
            49 => Style { bg: None, ..style },
            38 | 48 => {
                let color = match numbers.next() {
                    Some(5) => numbers.next().map(Color::Indexed),
                    Some(2) => match (numbers.next(), numbers.next(), numbers.next()) {
                        (Some(r), Some(g), Some(b)) => Some(Color::Rgb(r, g, b)),
                        _ => None,
                    },
                    Some(_) | None => None,
                };
                match color {
                    Some(color) if number == 38 => style.fg(color),
                    Some(color) => style.bg(color),
                    None => style,
                }
            }
            _ => style,
        };
    }
    style
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<Line> {
        let mut tape = Tape::default();
        tape.feed(bytes);
        assert_eq!(tape.lines(0, 100).len(), tape.len());
        tape.lines(0, 100)
    }

    fn plain(bytes: &[u8]) -> Vec<String> {
        lines(bytes).iter().map(|line| line.iter().map(|(text, _)| text.as_str()).collect()).collect()
    }

    #[test]
    fn nothing_steers_the_terminal() {
        for (bytes, shown) in [
            (&b"plain \xc3\xbc"[..], "plain ü"),
            (b"\x1b[31mred\x1b[0m x", "red x"),
            (b"\x1b[2J\x1b[5;5Hhere", "here"),
            (b"\x1b]0;evil\x07x\x1b]2;e\x1b\\y\x1bPq\x1b\\z", "xyz"),
            (b"\x1b(Bx\x1b7y", "xy"),
            (b"a\x07\x08", "a^G^H"),
            (b"a\tb", "a       b"),
            (b"10%\r50%\r100%\r\n", "100%"),
            (b"\xff\x7f\xc2\x9b31m", "\u{fffd}\\u{7f}\\u{9b}31m"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
            (b"\x1b", ""),
            (b"\x1b[31", ""),
        ] {
            assert_eq!(plain(bytes), [shown], "{bytes:?}");
        }
        assert_eq!(plain(b""), [""; 0]);
        assert_eq!(plain(b"a\n\nb\n"), ["a", "", "b"]);
        assert_eq!(plain(&[b'x'; 100_000])[0].len(), LINE_CHARS);
    }

    #[test]
    fn colours_stay() {
        let text = b"\x1b[1;31mbold\x1b[38;5;200mpink\nnext\x1b[m\x1b[38;2;1;2;3mrgb\x1b[39m.";
        let pieces = lines(text).concat();
        let red = Style::new().add_modifier(Modifier::BOLD).fg(Color::Indexed(1));
        assert_eq!(pieces[0], ("bold".to_owned(), red));
        assert_eq!(pieces[1], ("pink".to_owned(), red.fg(Color::Indexed(200))));
        assert_eq!(pieces[2], ("next".to_owned(), red.fg(Color::Indexed(200))));
        assert_eq!(pieces[3].1.fg, Some(Color::Rgb(1, 2, 3)));
        assert_eq!(pieces[4].1, Style::new());
    }

    #[test]
    fn lines_come_in_pieces_and_only_the_last_are_kept() {
        let mut tape = Tape::default();
        let counts: Vec<usize> = [&b"a"[..], b"b\nc", b"\n", b"\n\nd"].map(|piece| tape.feed(piece)).to_vec();
        assert_eq!((counts, tape.len()), (vec![0, 1, 1, 2], 5));
        assert_eq!(tape.lines(0, 2)[0][0].0, "ab");
        assert_eq!(tape.lines(4, 5)[0][0].0, "d");
        let many: Vec<u8> = (0..10_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        assert_eq!(tape.feed(&many), 10_000);
        assert_eq!(tape.len(), TAPE_LINES);
        assert_eq!(tape.lines(TAPE_LINES - 1, 5)[0][0].0, "9999");
        tape.feed(&[b'x'; 3 * LINE_BYTES]);
        assert_eq!(tape.begun.len(), LINE_BYTES);
    }
}
