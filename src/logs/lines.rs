//! Output cut into lines, for where the output of several processes comes together: nothing of one process may stand
//! within a line of another.
//!
//! Bytes come in pieces as they are read. What has no line end yet is held back, up to [`LINE_BYTES`]; a longer line is
//! cut into pieces, so that what is held is bounded. The pieces depend only on the bytes, not on how they came.

use super::chunk::Unit;

/// How long a line, or a piece of one, is at most, in bytes. What collects the logs of containers takes as much.
pub const LINE_BYTES: usize = 16 << 10;

/// A line, or a piece of one that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Its text, without a line end.
    pub text: &'a [u8],
    /// The piece before it was the beginning of the same line.
    pub continues: bool,
    /// The line goes on in the next piece.
    pub goes_on: bool,
}

/// One stream of output.
#[derive(Debug, Default)]
pub struct Lines {
    /// The line that has not ended, without the pieces that were cut from it.
    held: Vec<u8>,
    /// A piece was cut from it.
    continues: bool,
}

impl Lines {
    /// Takes the next bytes and hands on the lines that they complete.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Piece<'_>)) {
        while let Some(at) = bytes.iter().position(|b| *b == b'\n') {
            let (line, rest) = bytes.split_at(at);
            bytes = rest.get(1..).unwrap_or_default();
            if self.held.is_empty() && !self.continues && line.len() <= LINE_BYTES {
                each(Piece { text: without_return(line), continues: false, goes_on: false });
                continue;
            }
            self.hold(line, &mut each);
            self.complete(&mut each);
        }
        self.hold(bytes, &mut each);
    }

    /// Hands on what has no line end, if there is any: nothing follows, or not from the same process.
    pub fn end(&mut self, mut each: impl FnMut(Piece<'_>)) {
        if !self.held.is_empty() {
            self.complete(&mut each);
        }
        // If nothing is held a cut line has ended with its last piece, which is only ever cut if there is more.
        self.continues = false;
    }

    fn complete(&mut self, each: &mut impl FnMut(Piece<'_>)) {
        each(Piece { text: without_return(&self.held), continues: self.continues, goes_on: false });
        self.held.clear();
        // A line is seldom long, and there may be thousands of streams.
        self.held.shrink_to(0);
        self.continues = false;
    }

    fn hold(&mut self, bytes: &[u8], each: &mut impl FnMut(Piece<'_>)) {
        self.held.extend_from_slice(bytes);
        let mut begin = 0;
        while self.held.len() - begin > LINE_BYTES {
            let rest = self.held.get(begin..).unwrap_or_default();
            let most = rest.get(..LINE_BYTES).unwrap_or(rest);
            let text = most.get(..Unit::Char.whole(most)).unwrap_or(most);
            each(Piece { text, continues: self.continues, goes_on: true });
            self.continues = true;
            begin += text.len();
        }
        self.held.drain(..begin);
    }
}

/// A line as a terminal writes it ends with a carriage return as well.
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// What stands before each line to tell whose it is: `web | `, and `web > ` before what goes on with the line above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    first: Vec<u8>,
    further: Vec<u8>,
}

/// How wide the names before lines are made at most, in characters: longer ones stick out.
const NAME_WIDTH: usize = 32;

/// What no name is told apart by: red is for errors, black and white are the page.
const COLOURS: [u8; 5] = [36, 33, 32, 35, 34];

impl Label {
    /// For this name, as wide as the widest, in a colour that follows from the name.
    #[must_use]
    pub fn new(name: &str, width: usize, coloured: bool) -> Label {
        let width = width.min(NAME_WIDTH);
        let label = |mark: char| {
            if coloured {
                let sum = name.bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
                let colour = COLOURS.get(sum % COLOURS.len()).copied().unwrap_or_default();
                format!("\x1b[{colour}m{name:width$} {mark}\x1b[0m ").into_bytes()
            } else {
                format!("{name:width$} {mark} ").into_bytes()
            }
        };
        Label { first: label('|'), further: label('>') }
    }

    /// Appends a piece with its label and a line end.
    pub fn write(&self, piece: Piece<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(if piece.continues { &self.further } else { &self.first });
        plain(piece, out);
    }
}

/// Appends a piece with a line end, and nothing else.
pub fn plain(piece: Piece<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(piece.text);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    type Owned = (Vec<u8>, bool, bool);

    /// What comes of bytes that come in these pieces.
    fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Owned> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        let mut each = |piece: Piece<'_>| all.push((piece.text.to_vec(), piece.continues, piece.goes_on));
        for piece in pieces {
            lines.feed(piece, &mut each);
            assert!(lines.held.len() <= LINE_BYTES);
        }
        lines.end(&mut each);
        all
    }

    fn whole(text: &str) -> Owned {
        (text.as_bytes().to_vec(), false, false)
    }

    #[test]
    fn lines_end_where_they_end_wherever_they_are_torn() {
        let text = "one\n\ntwo\r\nth\rree \u{20ac}\nunfinished".as_bytes();
        let want = ["one", "", "two", "th\rree \u{20ac}", "unfinished"].map(whole);
        for first in 0..=text.len() {
            for second in first..=text.len() {
                assert_eq!(cut([&text[..first], &text[first..second], &text[second..]]), want, "{first} {second}");
            }
        }
        assert_eq!(cut(text.chunks(1)), want);
        assert_eq!(cut([]), []);
        assert_eq!(cut([&b"\n"[..]]), [whole("")]);
    }

    #[test]
    fn a_line_is_cut_only_if_it_is_too_long_and_never_within_a_character() {
        let line = "\u{20ac}".repeat(2 * LINE_BYTES / 3 + 1);
        let exact = "x".repeat(LINE_BYTES);
        let text = format!("{line}\n{exact}\n{exact}y\nz\n");
        let want = cut([text.as_bytes()]);
        let first = LINE_BYTES / 3 * 3;
        let lengths: Vec<_> = want.iter().map(|(text, continues, on)| (text.len(), *continues, *on)).collect();
        assert_eq!(
            lengths,
            [
                (first, false, true),
                (first, true, true),
                (line.len() - 2 * first, true, false),
                (LINE_BYTES, false, false),
                (LINE_BYTES, false, true),
                (1, true, false),
                (1, false, false),
            ]
        );
        assert!(want.iter().all(|(text, ..)| std::str::from_utf8(text).is_ok()));
        for size in [1, 2, 3, 1000, 4096, LINE_BYTES - 1, LINE_BYTES, LINE_BYTES + 1, 50_000] {
            assert_eq!(cut(text.as_bytes().chunks(size)), want, "{size}");
        }
        // Around each place where a piece ends, byte by byte.
        for at in (first - 5..first + 5).chain(line.len() - 3..line.len() + 3) {
            assert_eq!(cut([&text.as_bytes()[..at], &text.as_bytes()[at..]]), want, "{at}");
        }
    }

    #[test]
    fn what_is_no_text_is_cut_as_well() {
        let bytes = vec![0x80; 3 * LINE_BYTES];
        let pieces = cut([&bytes[..]]);
        assert_eq!(pieces.iter().map(|(text, ..)| text.len()).collect::<Vec<_>>(), [LINE_BYTES; 3]);
        assert_eq!(
            pieces.iter().map(|(_, continues, on)| (*continues, *on)).collect::<Vec<_>>(),
            [(false, true), (true, true), (true, false)]
        );
    }

    #[test]
    fn labels_say_whose_a_line_is_and_what_goes_on() {
        let write = |label: &Label, text: &str| {
            let (mut lines, mut out) = (Lines::default(), Vec::new());
            lines.feed(text.as_bytes(), |piece| label.write(piece, &mut out));
            lines.end(|piece| label.write(piece, &mut out));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(write(&Label::new("web", 0, false), "a\n\nb"), "web | a\nweb | \nweb | b\n");
        assert_eq!(write(&Label::new("web", 5, false), "a"), "web   | a\n");
        assert_eq!(write(&Label::new("web", 1000, false), "").len(), 0);
        assert_eq!(write(&Label::new("web", 1000, false), "a").len(), NAME_WIDTH + " | a\n".len());
        let long = "x".repeat(LINE_BYTES + 1);
        assert_eq!(write(&Label::new("web", 3, false), &long), format!("web | {}\nweb > x\n", &long[1..]));
        let coloured = write(&Label::new("web", 3, true), "a");
        assert!(coloured.starts_with("\x1b[3") && coloured.ends_with("mweb |\x1b[0m a\n"), "{coloured:?}");
    }

    /// Whatever is written, in whatever pieces it comes: without the labels it is what was written, line by line.
    #[test]
    fn nothing_is_lost_or_added() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |n: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % n as u64).unwrap()
        };
        for _ in 0..200 {
            let mut text = Vec::new();
            for _ in 0..below(20) {
                let length = [0, 1, 10, 200, LINE_BYTES, LINE_BYTES + 1, 3 * LINE_BYTES][below(7)];
                let byte = [b'a', 0xff, 0xc3, 0xe2, 0x82][below(5)];
                text.extend(std::iter::repeat_n(byte, length));
                text.push(b'\n');
            }
            let mut pieces = Vec::new();
            let mut rest = &text[..];
            while !rest.is_empty() {
                let most = [3, 100, 70_000][below(3)];
                let (piece, after) = rest.split_at((1 + below(most)).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            let got = cut(pieces);
            assert_eq!(got, cut([&text[..]]));
            let mut joined = Vec::new();
            for (text, _, goes_on) in &got {
                assert!(text.len() <= LINE_BYTES);
                joined.extend_from_slice(text);
                if !goes_on {
                    joined.push(b'\n');
                }
            }
            assert!(joined == text);
        }
    }
}
