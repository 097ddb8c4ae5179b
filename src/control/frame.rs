//! Cuts a byte stream into request lines.
//!
//! Holds at most one unfinished line of [`REQUEST_BYTES`] and what was fed but not yet taken. How the stream was torn
//! into reads makes no difference to what comes out. Does not look into the lines.

/// The longest request, in bytes before its line feed.
pub const REQUEST_BYTES: usize = 64 * 1024;

/// A buffer larger than this is given back when it is empty, so that an idle connection costs little.
const KEPT_BYTES: usize = 4096;

/// What comes out of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A line without its line end; not blank.
    Line(&'a [u8]),
    /// The line is longer than allowed. It is the last that comes: the rest of the stream cannot be trusted, so the
    /// connection gets one refusal (see [`super::wire::too_large`]) and is closed.
    TooLarge {
        /// Whether it looked like JSON.
        json: bool,
    },
}

/// The unread part of a stream of lines.
#[derive(Debug, Default)]
pub struct Lines {
    buf: Vec<u8>,
    /// Where the first line that was not taken begins.
    start: usize,
    /// Where the last, unfinished line begins.
    tail: usize,
    state: State,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The line after the last in the buffer is too long; this has not been said yet.
    Over { json: bool },
    /// No more bytes come. The unfinished line counts as one.
    Finished,
    /// It has been said that a line is too long.
    Dead,
}

impl Lines {
    /// Adds what was read. After a line that is too long everything is dropped.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.state != State::Open {
            return;
        }
        let before = self.buf.len();
        self.buf.extend_from_slice(bytes);
        if let Some(last) = bytes.iter().rposition(|b| *b == b'\n') {
            self.tail = before + last + 1;
        }
        if self.buf.len() - self.tail > REQUEST_BYTES {
            let json = large_is_json(self.buf.get(self.tail..));
            self.buf.truncate(self.tail);
            self.state = State::Over { json };
        }
    }

    /// Says that the stream has ended: an unfinished last line counts as a line.
    pub fn finish(&mut self) {
        if self.state == State::Open {
            self.state = State::Finished;
        }
    }

    /// How many bytes wait to be taken, the unfinished line included. Who takes slowly stops reading by it.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.buf.len() - self.start
    }

    /// Takes the next line, if there is a whole one.
    pub fn take(&mut self) -> Option<Frame<'_>> {
        // A client that never lets the buffer run empty must not make it grow.
        if self.start > REQUEST_BYTES {
            self.compact();
        }
        loop {
            let (from, to) = match self.line_end() {
                Some(end) => (std::mem::replace(&mut self.start, end + 1), end),
                None => match self.state {
                    State::Finished if self.start < self.buf.len() => {
                        let from = std::mem::replace(&mut self.start, self.buf.len());
                        (from, self.buf.len())
                    }
                    State::Over { json } => {
                        self.state = State::Dead;
                        self.compact();
                        return Some(Frame::TooLarge { json });
                    }
                    State::Open | State::Finished | State::Dead => {
                        self.compact();
                        return None;
                    }
                },
            };
            if to - from > REQUEST_BYTES {
                let json = large_is_json(self.buf.get(from..to));
                *self = Lines { state: State::Dead, ..Lines::default() };
                return Some(Frame::TooLarge { json });
            }
            if !self.buf.get(from..to).unwrap_or_default().trim_ascii().is_empty() {
                let line = self.buf.get(from..to).unwrap_or_default();
                return Some(Frame::Line(line.strip_suffix(b"\r").unwrap_or(line)));
            }
        }
    }

    /// The position of the line feed that ends the next line.
    fn line_end(&self) -> Option<usize> {
        let whole = self.buf.get(self.start..self.tail)?;
        whole.iter().position(|b| *b == b'\n').map(|at| self.start + at)
    }

    /// Drops what was taken. Called when no whole line is left, or when as much as a request was taken, so that no byte
    /// is moved often.
    fn compact(&mut self) {
        self.buf.drain(..self.start);
        self.tail -= self.start.min(self.tail);
        self.start = 0;
        if self.buf.is_empty() && self.buf.capacity() > KEPT_BYTES {
            self.buf = Vec::new();
        }
    }
}

/// Whether a line is meant as JSON: `{` or `[` is its first character that is not blank.
#[must_use]
pub fn looks_like_json(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// The same for a line that is too long. Only as much as a request may have counts: how much more of it has been read by
/// now is chance.
fn large_is_json(line: Option<&[u8]>) -> bool {
    line.and_then(|line| line.get(..REQUEST_BYTES)).is_some_and(looks_like_json)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out when the stream is fed in these pieces: lines as text, `<large>`, `<large json>`.
    fn run<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        for piece in pieces {
            lines.feed(piece);
            drain(&mut lines, &mut out);
            assert!(lines.pending() <= REQUEST_BYTES);
        }
        lines.finish();
        drain(&mut lines, &mut out);
        assert_eq!(lines.take(), None);
        out
    }

    fn drain(lines: &mut Lines, out: &mut Vec<String>) {
        while let Some(frame) = lines.take() {
            out.push(match frame {
                Frame::Line(line) => String::from_utf8_lossy(line).into_owned(),
                Frame::TooLarge { json: false } => "<large>".to_owned(),
                Frame::TooLarge { json: true } => "<large json>".to_owned(),
            });
        }
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        assert_eq!(
            run([&b"status\nstart web\r\n\n \r\n{\"a\":1}\nlast"[..]]),
            ["status", "start web", "{\"a\":1}", "last"]
        );
        assert_eq!(run([&b""[..]]), [""; 0]);
        assert_eq!(run([&b"\n\r\n  \n\r"[..]]), [""; 0]);
        assert_eq!(run([&b"status\r"[..]]), ["status"]);
    }

    #[test]
    fn torn_at_every_offset_it_is_the_same() {
        let text = "status\r\nstart w\u{fc}b\n\n{\"id\": 1}\n\r\nstop a b\nversion";
        let whole = run([text.as_bytes()]);
        assert_eq!(whole.len(), 5);
        for i in 0..=text.len() {
            for j in i..=text.len() {
                let b = text.as_bytes();
                assert_eq!(run([&b[..i], &b[i..j], &b[j..]]), whole, "{i} {j}");
            }
        }
        assert_eq!(run(text.as_bytes().chunks(1)), whole);
    }

    #[test]
    fn the_limit_is_sharp_however_it_is_torn() {
        for (len, json, fits) in [
            (REQUEST_BYTES - 1, false, true),
            (REQUEST_BYTES, false, true),
            (REQUEST_BYTES + 1, false, false),
            (REQUEST_BYTES + 1, true, false),
            (3 * REQUEST_BYTES, true, false),
        ] {
            let mut stream = b"first\n".to_vec();
            let long_at = stream.len();
            stream.resize(long_at + len, b'x');
            if json {
                stream[long_at] = b'[';
            }
            stream.extend_from_slice(b"\nnever\n");
            let whole = run([&stream[..]]);
            let large = if json { "<large json>" } else { "<large>" };
            assert_eq!(whole[0], "first");
            if fits {
                assert_eq!((whole[1].len(), whole[2].as_str()), (len, "never"));
            } else {
                assert_eq!(whole[1..], [large]);
            }
            for at in [0, 1, long_at, long_at + 1, long_at + len - 1, long_at + len, long_at + len + 1, stream.len()] {
                assert_eq!(run([&stream[..at], &stream[at..]]), whole, "{len} torn at {at}");
            }
            for size in [1000, 4096, REQUEST_BYTES] {
                assert_eq!(run(stream.chunks(size)), whole, "{len} in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_a_long_line_is_does_not_depend_on_the_tear() {
        let mut line = vec![b' '; REQUEST_BYTES + 10];
        line.extend_from_slice(b"{\"id\":1}\n");
        let whole = run([&line[..]]);
        assert_eq!(whole, ["<large>"]);
        for size in [1, 1000, REQUEST_BYTES + 12] {
            assert_eq!(run(line.chunks(size)), whole, "in pieces of {size}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            lines.feed(&[b'x'; 4096]);
            assert!(lines.pending() <= REQUEST_BYTES);
        }
        assert_eq!(lines.take(), Some(Frame::TooLarge { json: false }));
        assert_eq!(lines.take(), None);
        lines.feed(b"status\n");
        lines.finish();
        assert_eq!(lines.take(), None);
        assert_eq!(lines.pending(), 0);
    }
}
