//! Output of processes as lines on standard output.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use crate::base::id::Stream;
use crate::control::message::{Chunk, LogList};
use crate::ctl::look::Color;
use crate::ctl::show;

use super::Manner;

/// A line that is longer than this is shown before it ends.
const LINE_BYTES: usize = 64 << 10;

/// The colours of prefixes, by turns.
const COLORS: [&str; 6] = ["36", "33", "32", "35", "34", "96"];

/// Shows output, as lines where that is needed.
pub(super) struct Printer {
    manner: Manner,
    terminal: bool,
    color: bool,
    /// Each line says whose it is.
    labels: bool,
    /// Whole lines only: without that, lines of two logs could run into each other.
    lines: bool,
    /// Room for names, so that the lines are below each other.
    width: usize,
    /// Lines that have not ended.
    begun: BTreeMap<(String, Stream), Vec<u8>>,
    /// Which colour a name has.
    colors: BTreeMap<String, usize>,
}

impl Printer {
    pub fn new(color: Color, manner: Manner) -> Printer {
        let terminal = std::io::stdout().is_terminal();
        Printer {
            manner,
            terminal,
            color: color.on(terminal),
            labels: false,
            lines: false,
            width: 0,
            begun: BTreeMap::new(),
            colors: BTreeMap::new(),
        }
    }

    /// Takes note of what there is to show.
    pub fn begin(&mut self, list: &LogList) {
        self.labels = list.labels && self.manner.prefix;
        self.lines = list.chunks.len() != 1 || self.labels || self.manner.grep.is_some();
        let widest = list.chunks.iter().map(|chunk| chunk.next.process.chars().count()).max();
        self.width = self.width.max(widest.unwrap_or(0));
    }

    /// Shows a chunk; whether it could be written.
    pub fn print(&mut self, chunk: &Chunk) -> bool {
        let key = (chunk.next.process.clone(), chunk.next.stream);
        let mut out = Vec::new();
        if chunk.lost {
            show::complain(&format!("some output of {} is no longer kept", key.0));
        }
        if !self.lines {
            out = self.dressed(&chunk.bytes);
            return out.is_empty() || show::write(&out);
        }
        let mut line = self.begun.remove(&key).unwrap_or_default();
        for piece in chunk.bytes.split_inclusive(|b| *b == b'\n') {
            line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || line.len() > LINE_BYTES {
                self.line(&key, &line, &mut out);
                line.clear();
            }
        }
        if !line.is_empty() {
            self.begun.insert(key, line);
        }
        out.is_empty() || show::write(&out)
    }

    /// Shows the lines that have not ended; whether that could be done.
    pub fn finish(&mut self) -> bool {
        let mut out = Vec::new();
        for (key, line) in std::mem::take(&mut self.begun) {
            self.line(&key, &line, &mut out);
        }
        out.is_empty() || show::write(&out)
    }

    fn line(&mut self, (process, stream): &(String, Stream), line: &[u8], out: &mut Vec<u8>) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if self.manner.grep.as_ref().is_some_and(|grep| !grep.matches(line)) {
            return;
        }
        if self.labels {
            let (mark, ink) = if *stream == Stream::Stderr { ("!", Some("31")) } else { ("|", None) };
            self.width = self.width.max(process.chars().count());
            let label = format!("{process:width$} {mark}", width = self.width);
            if self.color {
                let next = self.colors.len();
                let turn = *self.colors.entry(process.clone()).or_insert(next);
                let ink = ink.or_else(|| COLORS.get(turn % COLORS.len()).copied()).unwrap_or_default();
                out.extend_from_slice(format!("\x1b[{ink}m{label}\x1b[0m ").as_bytes());
            } else {
                out.extend_from_slice(format!("{label} ").as_bytes());
            }
        }
        out.extend_from_slice(&self.dressed(line));
        out.push(b'\n');
    }

    /// As a terminal may show it, with the colours that the program gave it; in a pipe as it is.
    fn dressed(&self, bytes: &[u8]) -> Vec<u8> {
        if self.terminal { colored(bytes, self.color) } else { bytes.to_vec() }
    }
}

/// Bytes that cannot drive a terminal, but for colours: they are kept, or left out. What is behind the bytes is not
/// coloured by them.
pub(in crate::ctl) fn colored(bytes: &[u8], keep: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    let mut used = false;
    while let Some(at) = rest.windows(2).position(|two| two == b"\x1b[") {
        let (before, sequence) = rest.split_at(at);
        let parameters = sequence.iter().skip(2).take_while(|b| matches!(b, b'0'..=b'9' | b';' | b':')).count();
        let (sequence, behind) = sequence.split_at((parameters + 3).min(sequence.len()));
        out.extend_from_slice(&show::neutral(before));
        if sequence.ends_with(b"m") {
            used |= keep;
            out.extend_from_slice(if keep { sequence } else { b"" });
        } else {
            out.extend_from_slice(&show::neutral(sequence));
        }
        rest = behind;
    }
    out.extend_from_slice(&show::neutral(rest));
    if used {
        out.extend_from_slice(b"\x1b[0m");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::position::Position;
    use crate::control::message::LogPlace;

    #[test]
    fn colours_pass_and_nothing_else() {
        for (raw, kept, plain) in [
            ("a\x1b[1;31mb\x1b[0mc", "a\x1b[1;31mb\x1b[0mc\x1b[0m", "abc"),
            ("\x1b[2Jx", "^[[2Jx", "^[[2Jx"),
            ("\x1b[31", "^[[31", "^[[31"),
            ("\x1b]0;t\x07", "^[]0;t^G", "^[]0;t^G"),
            ("\x1b[", "^[[", "^[["),
            ("\x1b[m\x1b[m", "\x1b[m\x1b[m\x1b[0m", ""),
        ] {
            assert_eq!(String::from_utf8(colored(raw.as_bytes(), true)).unwrap(), kept, "{raw:?}");
            assert_eq!(String::from_utf8(colored(raw.as_bytes(), false)).unwrap(), plain, "{raw:?}");
        }
    }

    #[test]
    fn lines_are_whole_and_labelled() {
        let mut printer = Printer::new(Color::Never, Manner::default());
        (printer.labels, printer.lines, printer.width) = (true, true, 6);
        let mut out = Vec::new();
        let key = ("web".to_owned(), Stream::Stderr);
        printer.line(&key, b"oops\n", &mut out);
        printer.line(&("worker".to_owned(), Stream::Stdout), b"done", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "web    ! oops\nworker | done\n");
        let next = LogPlace { process: key.0.clone(), stream: key.1, at: Position::default() };
        assert!(printer.print(&Chunk { next, bytes: b"half a li".to_vec(), lost: false }));
        assert_eq!(printer.begun.get(&key).unwrap(), b"half a li");
    }
}
