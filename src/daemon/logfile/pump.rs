//! Moving bytes from a pipe into a log file.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd};

use crate::base::time::Mono;
use crate::logs::rotate::{self, Cut};
use crate::sys::splice;

use super::Moved;
use super::fact::{Failure, LogFact};
use super::file::{LogFile, Place};
use super::trouble::Trouble;

/// What a busy pipe is made to hold: with it splice(2) moves three times as much as with the usual 64 KiB.
const BUSY_PIPE_BYTES: usize = 256 << 10;
/// What the pipe of a file that cannot be written is made to hold.
const WAITING_PIPE_BYTES: usize = 1 << 20;
/// The most that is looked at or copied at once.
const SCRATCH_BYTES: usize = 64 << 10;
/// How much is looked at at once to find a line end.
const LOOK_BYTES: usize = 4 << 10;

/// Who is shown the bytes that are moved.
pub type Onlooker<'s> = dyn FnMut(&[u8]) + 's;

/// What to do next about a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pump {
    /// Wait until it is readable.
    Empty,
    /// Close it: it is empty, and nobody can write to it any more.
    Eof,
    /// Pump again in the next turn: the budget is used up, or the file was set aside.
    More,
    /// Pump again at that time: the file cannot be written.
    Stalled {
        /// When.
        until: Mono,
    },
}

/// The answer of [`LogFiles::pump`](super::LogFiles::pump).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pumped {
    /// How many bytes were taken out of the pipe.
    pub moved: usize,
    /// What to do next.
    pub next: Pump,
}

/// What is known about a pipe. Belongs to the pipe, not to the file.
#[derive(Clone, Debug, Default)]
pub struct PipeState {
    /// How much it holds; 0 = not asked yet.
    size: usize,
    /// It was to be made larger because it was found full.
    grown: bool,
    /// It was to be made larger because its file cannot be written.
    reserved: bool,
    /// What is in it is dropped while its file cannot be written.
    dropping: bool,
    /// What became of its bytes.
    pub(super) moved: Moved,
}

impl PipeState {
    /// How much it holds. Asked when it is needed first: most pipes come to their end without.
    fn size(&mut self, pipe: BorrowedFd<'_>) -> usize {
        if self.size == 0 {
            self.size = splice::pipe_size(pipe).unwrap_or(0);
        }
        self.size
    }

    /// Asks for more room. A user has only so much in all pipes together: if that is refused, for less.
    fn grow(&mut self, pipe: BorrowedFd<'_>, bytes: usize) {
        let mut bytes = bytes;
        while bytes > self.size(pipe) {
            if let Ok(size) = splice::set_pipe_size(pipe, bytes) {
                self.size = size;
                return;
            }
            bytes /= 2;
        }
    }

    /// What became of the bytes that came out of it.
    #[must_use]
    pub fn moved(&self) -> Moved {
        self.moved
    }

    /// Gives room back, if what is in the pipe allows it.
    fn shrink(&mut self, pipe: BorrowedFd<'_>, bytes: usize) {
        if bytes < self.size(pipe)
            && let Ok(size) = splice::set_pipe_size(pipe, bytes)
        {
            self.size = size;
        }
    }
}

/// A pipe to look at bytes through, and room for them.
#[derive(Debug)]
pub(super) struct Scratch {
    reader: PipeReader,
    writer: PipeWriter,
    buffer: Vec<u8>,
}

/// What a look into a pipe shows.
enum Look<'a> {
    Bytes(&'a [u8]),
    Empty,
    Eof,
}

impl Scratch {
    pub fn new() -> io::Result<Scratch> {
        let (reader, writer) = io::pipe()?;
        Ok(Scratch { reader, writer, buffer: vec![0; SCRATCH_BYTES] })
    }

    /// Copies the next bytes of the pipe, which stay in it.
    fn look(&mut self, pipe: BorrowedFd<'_>, len: usize) -> Result<Look<'_>, Failure> {
        let failed = Failure::of("look into the pipe");
        let len = len.min(self.buffer.len());
        match splice::tee(pipe, self.writer.as_fd(), len) {
            Ok(0) => Ok(Look::Eof),
            Ok(n) => {
                let bytes = self.buffer.get_mut(..n).unwrap_or_default();
                self.reader.read_exact(bytes).map_err(failed)?;
                Ok(Look::Bytes(bytes))
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Look::Empty),
            Err(e) => Err(failed(e)),
        }
    }

    /// Takes up to `len` bytes out of the pipe. Does not wait.
    fn take(&mut self, pipe: BorrowedFd<'_>, len: usize) -> Result<usize, Failure> {
        let failed = Failure::of("read the pipe");
        let there = splice::bytes_waiting(pipe).map_err(&failed)?;
        let len = there.min(len).min(self.buffer.len());
        match self.buffer.get_mut(..len) {
            Some(bytes @ [_, ..]) => splice::take(pipe, bytes).map_err(failed),
            Some([]) | None => Ok(0),
        }
    }
}

/// What became of an attempt to move bytes.
enum Flow {
    Moved,
    Stop(Pump),
}

/// One call of [`LogFiles::pump`](super::LogFiles::pump).
pub(super) struct Session<'a, 's> {
    file: &'a mut LogFile,
    scratch: &'a mut Scratch,
    facts: &'a mut Vec<LogFact>,
    pipe: BorrowedFd<'a>,
    state: &'a mut PipeState,
    budget: usize,
    now: Mono,
    moved: usize,
    /// Is shown every byte that is moved, if somebody looks at them.
    seen: Option<&'s mut Onlooker<'s>>,
}

impl<'a, 's> Session<'a, 's> {
    pub fn new(
        file: &'a mut LogFile,
        scratch: &'a mut Scratch,
        facts: &'a mut Vec<LogFact>,
        pipe: BorrowedFd<'a>,
        state: &'a mut PipeState,
        budget: usize,
        now: Mono,
    ) -> Session<'a, 's> {
        Session { file, scratch, facts, pipe, state, budget, now, moved: 0, seen: None }
    }

    /// Every byte that is moved is shown to this.
    pub fn seen_by(mut self, seen: Option<&'s mut Onlooker<'s>>) -> Session<'a, 's> {
        self.seen = seen;
        self
    }

    pub fn pump(mut self) -> Pumped {
        let waits = self.file.trouble.as_ref().is_some_and(|t| self.now < t.retry_at);
        let next = if waits { self.hold() } else { self.write() };
        Pumped { moved: self.moved, next }
    }

    fn write(&mut self) -> Pump {
        match self.try_write() {
            Ok(next) => {
                if self.moved > 0 {
                    self.wrote();
                }
                next
            }
            Err(failure) => {
                if let Some(trouble) = self.file.trouble.as_mut().filter(|_| self.moved > 0) {
                    trouble.progressed(self.now);
                }
                self.file.failed(&failure, self.now, self.facts);
                self.hold()
            }
        }
    }

    /// After bytes were written and nothing failed.
    fn wrote(&mut self) {
        self.file.recovered(self.now, self.facts);
        self.state.dropping = false;
        if self.state.reserved {
            self.state.reserved = false;
            self.state.shrink(self.pipe, BUSY_PIPE_BYTES);
        } else if !self.state.grown && self.moved >= self.state.size(self.pipe) {
            self.state.grown = true;
            self.state.grow(self.pipe, BUSY_PIPE_BYTES);
        }
    }

    fn try_write(&mut self) -> Result<Pump, Failure> {
        // A file that nobody writes to is not even opened.
        if self.file.target.is_none()
            && let Some(end) = self.ended()?
        {
            return Ok(end);
        }
        self.file.ready(self.now, self.facts)?;
        while self.moved < self.budget {
            let flow = match self.file.cut(self.now) {
                Cut::Write(most) => self.transport(usize::try_from(most).unwrap_or(usize::MAX))?,
                Cut::Look(most) => {
                    let most = usize::try_from(most).unwrap_or(LOOK_BYTES).min(LOOK_BYTES);
                    match self.scratch.look(self.pipe, most)? {
                        Look::Bytes(bytes) => {
                            let head = rotate::line_head(bytes);
                            self.transport(head)?
                        }
                        Look::Empty => Flow::Stop(Pump::Empty),
                        Look::Eof => Flow::Stop(Pump::Eof),
                    }
                }
                Cut::Rotate => match self.ended()? {
                    // Nothing to write, nothing to set aside: there is never an empty file without need.
                    Some(end) => Flow::Stop(end),
                    None => {
                        self.file.rotate(self.now, self.facts);
                        // Renaming many files takes its time: others are served before the next rotation.
                        Flow::Stop(Pump::More)
                    }
                },
            };
            if let Flow::Stop(next) = flow {
                return Ok(next);
            }
        }
        Ok(Pump::More)
    }

    /// Whether the pipe is empty, and how.
    fn ended(&mut self) -> Result<Option<Pump>, Failure> {
        Ok(match self.scratch.look(self.pipe, 1)? {
            Look::Bytes(_) => None,
            Look::Empty => Some(Pump::Empty),
            Look::Eof => Some(Pump::Eof),
        })
    }

    /// Moves up to `most` of the next bytes, and not more than the budget leaves.
    fn transport(&mut self, most: usize) -> Result<Flow, Failure> {
        let most = most.min(self.budget.saturating_sub(self.moved));
        let Some(target) = &mut self.file.target else { return Ok(Flow::Stop(Pump::Empty)) };
        if !target.copy
            && let Place::Regular { offset, .. } = &mut target.place
        {
            let (most, shown) = match &self.seen {
                None => (most, [].as_slice()),
                Some(_) => match self.scratch.look(self.pipe, most)? {
                    Look::Bytes(bytes) => (bytes.len(), bytes),
                    Look::Empty => return Ok(Flow::Stop(Pump::Empty)),
                    Look::Eof => return Ok(Flow::Stop(Pump::Eof)),
                },
            };
            match splice::splice_to_file(self.pipe, target.file.as_fd(), offset, most) {
                Ok(0) => return Ok(Flow::Stop(Pump::Eof)),
                Ok(n) => {
                    self.moved += n;
                    if let Some(seen) = &mut self.seen {
                        seen(shown.get(..n).unwrap_or(shown));
                    }
                    target.moved_unseen();
                    return Ok(Flow::Moved);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Flow::Stop(Pump::Empty)),
                Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
                    target.copy = true;
                }
                Err(error) => return Err(Failure { step: "write", error }),
            }
        }
        let bytes = match self.scratch.look(self.pipe, most)? {
            Look::Bytes(bytes) => bytes,
            Look::Empty => return Ok(Flow::Stop(Pump::Empty)),
            Look::Eof => return Ok(Flow::Stop(Pump::Eof)),
        };
        let mut written = target.put(bytes)?;
        if written == 0 {
            return Err(Failure { step: "write", error: io::ErrorKind::WriteZero.into() });
        }
        if let Some(seen) = &mut self.seen {
            seen(bytes.get(..written).unwrap_or(bytes));
        }
        while written > 0 {
            let taken = self.scratch.take(self.pipe, written)?;
            self.moved += taken;
            written = if taken == 0 { 0 } else { written.saturating_sub(taken) };
        }
        Ok(Flow::Moved)
    }

    /// The file cannot be written now: lets the output wait, or drops it if its program would stand still for long.
    fn hold(&mut self) -> Pump {
        let Some(trouble) = &mut self.file.trouble else { return Pump::Empty };
        if trouble.announced && !self.state.reserved {
            self.state.reserved = true;
            self.state.grow(self.pipe, WAITING_PIPE_BYTES);
        }
        let size = self.state.size(self.pipe);
        let drop_it = trouble.is_long(self.now) && (self.state.dropping || is_full(self.pipe, size));
        if !drop_it {
            let until = trouble.next(self.now);
            self.file.wake = Some(until);
            return Pump::Stalled { until };
        }
        self.state.dropping = true;
        while self.moved < self.budget {
            let Ok(n @ 1..) = self.scratch.take(self.pipe, self.budget - self.moved) else { break };
            self.moved += n;
            if let Some(seen) = &mut self.seen {
                seen(self.scratch.buffer.get(..n).unwrap_or_default());
            }
            trouble.drop_bytes(n, &self.file.path, self.facts);
            self.state.moved.dropped += n as u64;
        }
        self.file.wake = Some(trouble.retry_at);
        let until = trouble.retry_at;
        match self.ended() {
            Ok(end) => end.unwrap_or(Pump::More),
            Err(_) => Pump::Stalled { until },
        }
    }
}

/// Whether a program that writes would have to wait. Without /proc: a pipe is never fuller than its size and never full
/// with less than half of that.
fn is_full(pipe: BorrowedFd<'_>, size: usize) -> bool {
    splice::is_full(pipe).unwrap_or_else(|_| splice::bytes_waiting(pipe).is_ok_and(|n| n >= size / 2))
}

/// Counts what is in the pipe as dropped.
pub(super) fn abandon(file: &mut LogFile, pipe: BorrowedFd<'_>, now: Mono, facts: &mut Vec<LogFact>) -> usize {
    let lost = splice::bytes_waiting(pipe).unwrap_or(0);
    if lost > 0 {
        let trouble = file.trouble.get_or_insert_with(|| Box::new(Trouble::new(now)));
        trouble.drop_bytes(lost, &file.path, facts);
        file.wake = Some(trouble.retry_at);
    }
    lost
}
