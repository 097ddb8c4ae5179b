//! What is seen of a process: its output as it is, and notices of our own between.

use std::io::{self, IsTerminal, Write};

use crate::base::id::Stream;
use crate::base::text::Plain;
use crate::control::message::Chunk;
use crate::ctl::logs::print::colored;
use crate::sys::term::Raw;

/// Begins and ends the other screen, which programs such as editors use.
const OTHER_SCREEN: [&[u8]; 2] = [b"\x1b[?1049h", b"\x1b[?1049l"];

/// Takes back what a program may have set on a terminal: colours, a hidden cursor, marks around what is pasted, events of the
/// mouse, other codes of the arrow keys.
const RESET: &[u8] = b"\x1b[0m\x1b[?25h\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1l\x1b>";

/// Our terminal, or what stands for it.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// `Some` iff every key goes to the process as it is pressed.
    raw: Option<Raw>,
    /// Every key went to the process at some time, so that its output may have set anything on the terminal.
    was_raw: bool,
    other: bool,
    /// The last that was shown is the end of a line.
    begun: bool,
    /// The process has a terminal of its own, and what it shows there is for a terminal.
    driven: bool,
    /// Colours are shown.
    color: bool,
}

impl Screen {
    /// A screen on which nothing was shown.
    pub fn new(color: bool) -> Screen {
        let mut screen = Screen::default();
        screen.color = color;
        screen
    }

    /// Whether what is shown may do with our terminal what it likes, as it did with the process's own.
    pub fn set_driven(&mut self, driven: bool) {
        self.driven = driven;
    }

    /// Whether every key goes to the process as it is pressed.
    pub fn is_raw(&self) -> bool {
        self.raw.is_some()
    }

    /// Tells that a key had no effect.
    pub fn ring(&self) {
        write(io::stderr().lock(), b"\x07");
    }

    /// Passes on every key as it is pressed from now on, or whole lines.
    ///
    /// # Errors
    /// Standard input is no terminal.
    pub fn set_raw(&mut self, raw: bool) -> io::Result<()> {
        if raw && self.raw.is_none() {
            self.raw = Some(Raw::standard_input()?);
            self.was_raw = true;
        } else if !raw {
            self.raw = None;
        }
        Ok(())
    }

    /// Shows output; whether somebody sees it. At a terminal that of a process without one cannot do more than colour it.
    pub fn show(&mut self, chunk: &Chunk) -> bool {
        if chunk.lost {
            self.notice("some output is no longer kept");
        }
        if chunk.bytes.is_empty() {
            return true;
        }
        let terminal = match chunk.next.stream {
            Stream::Stdout => io::stdout().is_terminal(),
            Stream::Stderr => io::stderr().is_terminal(),
        };
        if terminal && !self.driven {
            let bytes = colored(&chunk.bytes, self.color);
            self.begun = bytes.last() != Some(&b'\n');
            return put(chunk.next.stream, &bytes);
        }
        let last = |what: &[u8]| chunk.bytes.windows(what.len()).rposition(|bytes| bytes == what);
        let [begin, end] = OTHER_SCREEN.map(last);
        if begin.is_some() || end.is_some() {
            self.other = begin > end;
        }
        self.begun = chunk.bytes.last() != Some(&b'\n');
        put(chunk.next.stream, &chunk.bytes)
    }

    /// Tells something on a line of its own.
    pub fn notice(&mut self, text: &str) {
        let end = if self.raw.is_some() { "\r\n" } else { "\n" };
        let before = if std::mem::take(&mut self.begun) && io::stderr().is_terminal() { end } else { "" };
        let _ = write(io::stderr().lock(), format!("{before}taskmasterctl: {}{end}", Plain(text)).as_bytes());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.was_raw && io::stdout().is_terminal() {
            if self.other {
                let _ = write(io::stdout().lock(), OTHER_SCREEN[1]);
            }
            let _ = write(io::stdout().lock(), RESET);
        }
    }
}

fn put(stream: Stream, bytes: &[u8]) -> bool {
    match stream {
        Stream::Stdout => write(io::stdout().lock(), bytes),
        Stream::Stderr => write(io::stderr().lock(), bytes),
    }
}

fn write(mut to: impl Write, bytes: &[u8]) -> bool {
    to.write_all(bytes).and_then(|()| to.flush()).is_ok()
}
