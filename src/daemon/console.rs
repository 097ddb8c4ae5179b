//! The daemon's own standard output and standard error, as far as the daemon writes there: its log, and output of programs
//! that it passes on.
//!
//! Lines gather in a buffer and are written once a turn, without waiting. When there is no room the descriptor is polled
//! until there is, and only then; who adds lines of programs asks for room before it reads them, so the buffer is bounded
//! and nothing is lost. Lines of the daemon's own log do not wait: those that find no room are lost and counted.
//!
//! The buffer always ends with a whole line, so lines of several writers do not mix. Where both streams lead to the same
//! place, they have one buffer.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use crate::base::errno::{Errno, plain};
use crate::base::id::Stream;
use crate::config::model::Level;
use crate::sys::outlet::{self, Outlet};
use crate::sys::poll::{self, For};
use crate::sys::{fd, process};

use super::reactor::{Reactor, Source, Token, Wants};

/// How much may wait to be written before no more output of programs is read.
const ROOM_BYTES: usize = 64 << 10;

/// How much may wait to be written before lines of the daemon's log are dropped.
const LOG_ROOM_BYTES: usize = 1 << 20;

/// Both of them.
#[derive(Debug)]
pub struct Consoles {
    stdout: Console,
    stderr: Console,
    /// They lead to the same place, and everything goes to the first.
    one: bool,
    facts: Vec<(Level, String)>,
}

#[derive(Debug)]
struct Console {
    stream: Stream,
    /// Made when it is first written to, given up when it is gone.
    outlet: Option<Outlet>,
    /// Whole lines, but for the beginning that has been written.
    buffer: Vec<u8>,
    /// How much of the buffer has been written.
    written: usize,
    /// How much has been written in all.
    total: u64,
    /// `Some` iff it waits for room.
    waiting: Option<Token>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Works,
    /// It could not be written: so many bytes are lost, and the line before them may have no end.
    Fails {
        lost: u64,
        torn: bool,
    },
    /// Nobody will ever read it.
    Gone,
}

impl Default for Consoles {
    fn default() -> Consoles {
        Consoles {
            stdout: Console::new(Stream::Stdout),
            stderr: Console::new(Stream::Stderr),
            one: outlet::are_one(),
            facts: Vec::new(),
        }
    }
}

impl Consoles {
    /// Which of them is written for this stream.
    #[must_use]
    pub fn place(&self, stream: Stream) -> Stream {
        if self.one { Stream::Stdout } else { stream }
    }

    /// Whether people look at it.
    #[must_use]
    pub fn is_terminal(stream: Stream) -> bool {
        process::is_terminal(fd::standard(number(stream)))
    }

    fn at(&mut self, stream: Stream) -> &mut Console {
        match self.place(stream) {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    /// Whether more output of programs may be added.
    #[must_use]
    pub fn has_room(&self, stream: Stream) -> bool {
        match self.place(stream) {
            Stream::Stdout => self.stdout.has_room(),
            Stream::Stderr => self.stderr.has_room(),
        }
    }

    /// Where whole lines are to be added.
    pub fn buffer(&mut self, stream: Stream) -> &mut Vec<u8> {
        &mut self.at(stream).buffer
    }

    /// Adds lines of the daemon's own log; how many there was no room for.
    pub fn add_log(&mut self, stream: Stream, lines: &[u8]) -> u64 {
        let console = self.at(stream);
        if console.state == State::Gone || console.pending() + lines.len() > LOG_ROOM_BYTES {
            return lines.iter().filter(|b| **b == b'\n').count() as u64;
        }
        console.buffer.extend_from_slice(lines);
        0
    }

    /// Writes what there is room for.
    pub fn write(&mut self, reactor: &mut Reactor, stream: Stream) {
        let console = self.at(stream);
        let fact = console.write();
        console.wait(reactor);
        self.facts.extend(fact);
    }

    /// Writes what there is room for, and is done: before the loop begins, and before a daemon in the background lets go of
    /// its standard files.
    pub fn write_out(mut self) {
        for console in [&mut self.stdout, &mut self.stderr] {
            if console.pending() > 0 {
                // Nobody is there yet who could be told.
                let _ = console.write();
            }
        }
    }

    /// Writes what has gathered, unless it is known that there is no room.
    pub fn write_all(&mut self, reactor: &mut Reactor) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let console = self.at(stream);
            if console.waiting.is_none() && console.pending() > 0 {
                self.write(reactor, stream);
            }
        }
    }

    /// Whether something has happened that nobody has asked for.
    #[must_use]
    pub fn has_facts(&self) -> bool {
        !self.facts.is_empty()
    }

    /// What happened since it was last asked.
    pub fn take_facts(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.facts)
    }

    /// Writes what has gathered, even if there was no room when it was last tried.
    pub fn write_now(&mut self, reactor: &mut Reactor) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if self.at(stream).pending() > 0 {
                self.write(reactor, stream);
            }
        }
    }

    /// Whether something waits to be written.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.stdout.pending() + self.stderr.pending() > 0
    }

    /// How much has been written in all.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.stdout.total + self.stderr.total
    }

    /// Waits until there is room for what waits, at most for so long: only when the loop has ended.
    pub fn wait_for_room(&self, limit: Duration) {
        let fds = [&self.stdout, &self.stderr].map(Console::lacks_room);
        let fds = fds.each_ref().map(|fd| fd.as_ref().map(|fd| (fd.as_fd(), For::Writing)));
        // If it fails it is tried again until the time is over.
        let _ = poll::wait(fds, Some(limit));
    }
}

fn number(stream: Stream) -> i32 {
    match stream {
        Stream::Stdout => 1,
        Stream::Stderr => 2,
    }
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "standard output",
        Stream::Stderr => "standard error",
    }
}

/// Whether an error means that it stays so: the reader is gone, or the terminal.
fn is_final(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    let closed = matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected);
    closed || error.raw_os_error() == Some(Errno::EIO.0)
}

impl Console {
    fn new(stream: Stream) -> Console {
        Console { stream, outlet: None, buffer: Vec::new(), written: 0, total: 0, waiting: None, state: State::Works }
    }

    fn pending(&self) -> usize {
        self.buffer.len().saturating_sub(self.written)
    }

    fn has_room(&self) -> bool {
        self.pending() < ROOM_BYTES
    }

    /// What tells when there is room, if something waits for that.
    fn lacks_room(&self) -> Option<OwnedFd> {
        self.outlet.as_ref().filter(|_| self.pending() > 0)?.poll().ok()
    }

    /// Writes as much as possible; what is to be said about it.
    fn write(&mut self) -> Option<(Level, String)> {
        let mut fact = None;
        while self.state != State::Gone && self.written < self.buffer.len() {
            match self.write_once() {
                Ok(()) => {
                    if let State::Fails { lost, .. } = self.state {
                        self.state = State::Works;
                        let text = format!("{} can be written again, {lost} bytes are lost", name(self.stream));
                        fact = Some((Level::Warning, text));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => fact = self.failed(&error).or(fact),
            }
        }
        if self.state == State::Gone || self.written >= self.buffer.len() {
            self.buffer.clear();
            self.buffer.shrink_to(ROOM_BYTES);
            self.written = 0;
        } else if self.written >= ROOM_BYTES {
            self.buffer.drain(..self.written);
            self.written = 0;
        }
        fact
    }

    fn write_once(&mut self) -> io::Result<()> {
        let outlet = self.outlet.get_or_insert_with(|| Outlet::open(number(self.stream)));
        if let State::Fails { torn: true, lost } = self.state {
            outlet.write(b"\n")?;
            self.state = State::Fails { torn: false, lost };
        }
        let n = outlet.write(self.buffer.get(self.written..).unwrap_or_default())?;
        self.written += n;
        self.total += n as u64;
        Ok(())
    }

    /// Gives up what has gathered. Told once, until it works again.
    fn failed(&mut self, error: &io::Error) -> Option<(Level, String)> {
        let told = self.state != State::Works;
        let (name, why) = (name(self.stream), plain(error));
        if is_final(error) {
            self.state = State::Gone;
            self.outlet = None;
            return Some((
                Level::Warning,
                format!("{name} is closed ({why}): what would be written there is discarded from now on"),
            ));
        }
        let pending = self.pending() as u64;
        let torn =
            self.buffer.get(..self.written).is_some_and(|written| !written.is_empty() && !written.ends_with(b"\n"));
        let (before, was_torn) = match self.state {
            State::Fails { lost, torn } => (lost, torn),
            State::Works | State::Gone => (0, false),
        };
        self.state = State::Fails { lost: before + pending, torn: torn || was_torn };
        self.written = self.buffer.len();
        (!told)
            .then(|| (Level::Error, format!("cannot write to {name}: {why}; what would be written there is discarded")))
    }

    /// Polls the descriptor as long as something waits for room there.
    fn wait(&mut self, reactor: &mut Reactor) {
        match (self.pending() > 0, self.waiting, &self.outlet) {
            (true, None, Some(outlet)) => {
                // If it cannot be polled now, the end of the next turn tries again.
                let added = outlet.poll().and_then(|fd| {
                    reactor.add(Source::Console(self.stream), fd, Wants::Write).map_err(|(error, _)| error)
                });
                self.waiting = added.ok();
            }
            (false, Some(token), _) => {
                reactor.remove(token);
                self.waiting = None;
            }
            (true, _, _) | (false, None, _) => {}
        }
    }
}
