//! Lines of output in which somebody looks for a pattern.
//!
//! Bytes come in pieces as they are moved into the log. A line counts when it is complete. Of a long one only the
//! beginning is looked at. While nobody waits for a line no more is done than to know where the next one begins.

use crate::base::pattern::Pattern;
use crate::supervise::health::Purpose;

/// How much of a line is looked at.
const LINE_BYTES: usize = 8 << 10;

/// One stream of a run that is looked at.
#[derive(Debug, Default)]
pub struct Tap {
    wanted: Vec<Wanted>,
    /// The beginning of the line that is not complete, as far as it is looked at.
    line: Vec<u8>,
    /// The line was so long that it has been looked at before its end.
    judged: bool,
    found: Vec<(Purpose, Vec<u8>)>,
}

#[derive(Debug)]
struct Wanted {
    purpose: Purpose,
    pattern: Pattern,
    /// Somebody wants the next line that matches.
    now: bool,
}

impl Tap {
    /// Looks for this from now on, for this purpose.
    pub fn want(&mut self, purpose: Purpose, pattern: Pattern) {
        self.wanted.push(Wanted { purpose, pattern, now: true });
    }

    /// Looks for the next line that matches.
    pub fn want_again(&mut self, purpose: Purpose) {
        for wanted in self.wanted.iter_mut().filter(|wanted| wanted.purpose == purpose) {
            wanted.now = true;
        }
    }

    /// Looks for nothing more for this purpose.
    pub fn forget(&mut self, purpose: Purpose) {
        self.wanted.retain(|wanted| wanted.purpose != purpose);
    }

    /// Whether nothing is looked for any more, for any purpose.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.wanted.is_empty() && self.found.is_empty()
    }

    /// The lines that were found since it was last asked.
    pub fn take_found(&mut self) -> Vec<(Purpose, Vec<u8>)> {
        std::mem::take(&mut self.found)
    }

    /// The next bytes of the stream.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        loop {
            if !self.wanted.iter().any(|wanted| wanted.now) {
                return self.skip(bytes);
            }
            let Some(at) = bytes.iter().position(|b| *b == b'\n') else { return self.append(bytes) };
            let (line, rest) = bytes.split_at(at);
            self.append(line);
            self.end();
            bytes = rest.get(1..).unwrap_or_default();
        }
    }

    /// The stream has ended, or the line has.
    pub fn end(&mut self) {
        if !self.judged && !self.line.is_empty() {
            self.judge();
        }
        self.line.clear();
        self.judged = false;
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES.saturating_sub(self.line.len());
        self.line.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if bytes.len() > room && !self.judged {
            self.judged = true;
            self.judge();
        }
    }

    fn skip(&mut self, bytes: &[u8]) {
        let rest = match bytes.iter().rposition(|b| *b == b'\n') {
            Some(at) => {
                self.line.clear();
                self.judged = false;
                bytes.get(at + 1..).unwrap_or_default()
            }
            None => bytes,
        };
        let room = LINE_BYTES.saturating_sub(self.line.len());
        self.line.extend_from_slice(rest.get(..room).unwrap_or(rest));
    }

    fn judge(&mut self) {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        for wanted in self.wanted.iter_mut().filter(|wanted| wanted.now) {
            if wanted.pattern.matches(line) {
                wanted.now = false;
                self.found.push((wanted.purpose, line.to_vec()));
            }
        }
    }
}

#[cfg(test)]
#[cfg(feature = "regex")]
mod tests {
    use super::*;

    fn tap(pattern: &str) -> Tap {
        let mut tap = Tap::default();
        tap.want(Purpose::Health, Pattern::new(pattern).unwrap());
        tap
    }

    fn found(tap: &mut Tap) -> Vec<String> {
        tap.take_found().into_iter().map(|(_, line)| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn lines_are_found_in_whatever_pieces_they_come() {
        let text = b"one\nready to go\r\nready again\n";
        for size in 1..text.len() {
            let mut tap = tap("^ready.*[on]$");
            text.chunks(size).for_each(|piece| tap.feed(piece));
            assert_eq!(found(&mut tap), ["ready to go"], "{size}");
        }
    }

    #[test]
    fn only_whole_lines_count_unless_the_stream_ends() {
        let mut tap = tap("^a$");
        tap.feed(b"a");
        assert_eq!(found(&mut tap), [""; 0]);
        tap.end();
        assert_eq!(found(&mut tap), ["a"]);
    }

    #[test]
    fn what_nobody_waits_for_is_passed_over_and_the_next_line_is_whole() {
        let mut tap = tap("^tick");
        tap.feed(b"tick 1\ntick 2\nno tick 3, ti");
        assert_eq!(found(&mut tap), ["tick 1"]);
        tap.want_again(Purpose::Health);
        tap.feed(b"ck 4\nti");
        assert_eq!(found(&mut tap), [""; 0]);
        tap.feed(b"ck 5\n");
        assert_eq!(found(&mut tap), ["tick 5"]);
        tap.feed(b"tick");
        tap.want_again(Purpose::Health);
        tap.feed(b" 6\n");
        assert_eq!(found(&mut tap), ["tick 6"]);
        tap.forget(Purpose::Health);
        assert!(tap.is_done());
    }

    #[test]
    fn of_long_lines_the_beginning_counts() {
        let mut tap = tap("x end|y end");
        let long = [b'x'; LINE_BYTES];
        tap.feed(&long);
        tap.feed(b" end\ny end\n");
        assert_eq!(found(&mut tap), ["y end"]);
        let mut tap = super::tests::tap("^xxx");
        tap.feed(&long);
        tap.feed(&long);
        assert_eq!(found(&mut tap).concat().len(), LINE_BYTES);
        tap.want_again(Purpose::Health);
        tap.feed(b"xxxx\n");
        assert_eq!(found(&mut tap), [""; 0], "it is still the same line");
    }
}
