//! What the programs write: the read ends of their pipes, moved into log files.
//!
//! A pipe belongs to a run or a task and is kept until its end, which may come long after the run's: a process that left the
//! group may hold it, and while somebody can write, somebody must read. Each pipe has a byte budget a turn; what is
//! left is served in the next turn, because an edge-triggered poll does not tell twice. The core is not involved.
//!
//! What is passed on to the daemon's own output is read only while there is room for it; the pipes that wait for room are
//! served in turn, so that a loud program does not keep the others from being heard.

mod shown;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use crate::base::id::{Key, Run, Stream, TaskId};
use crate::base::pattern::Pattern;
use crate::base::time::Mono;
use crate::config::model::Rotation;
use crate::supervise::health::Purpose;
use crate::sys::{fd, splice};

use super::birth::NOWHERE;
use super::clock;
use super::console::Consoles;
use super::logfile::{FileId, LogFiles, Moved, PipeState, Pump, Pumped, Tap};
use super::reactor::{Reactor, Source, Token, Wants};

use shown::Shown;
pub use shown::Speaker;

/// How much one pipe may move in one turn. A loud program gets that much, then everybody else is served.
const READ_BUDGET_BYTES: usize = 1 << 20;

/// How much is read at once of what is passed on. A line may become ten times as long by what stands before it.
const SHOWN_BYTES: usize = 8 << 10;

/// Who writes into a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Writer {
    /// A run of a process.
    Run(Key, Run),
    /// A task.
    Task(TaskId),
}

/// Names a pipe: whose, which stream.
pub type Id = (Writer, Stream);

#[derive(Debug)]
struct Pipe {
    token: Token,
    /// `None` if it is only passed on.
    file: Option<FileId>,
    state: PipeState,
    /// When a failing file is tried again.
    retry: Option<Mono>,
    /// `Some` iff somebody looks for lines in it.
    tap: Option<Box<Tap>>,
    /// `Some` iff it is passed on to the daemon's own output.
    shown: Option<Box<Shown>>,
}

/// What a pipe is for.
#[derive(Debug)]
pub struct Purposes<'a> {
    /// The log file that it goes to.
    pub file: Option<(&'a Path, Rotation)>,
    /// Whose output it is, if it is passed on.
    pub shown: Option<Speaker>,
}

/// All output pipes.
#[derive(Debug, Default)]
pub struct Outputs {
    pipes: BTreeMap<Id, Pipe>,
    /// Pipes that had more than their budget in the last turn.
    again: BTreeSet<Id>,
    /// Pipes whose file fails, by the time of the next try.
    stalled: BTreeSet<(Mono, Id)>,
    /// Lines that were looked for and have come.
    lines: Vec<Line>,
    /// The daemon's own output.
    consoles: Consoles,
    /// Pipes that wait for room in the daemon's standard output, and those for standard error.
    queues: [VecDeque<Id>; 2],
    /// What became of the bytes of pipes that are closed, by process and stream.
    past: BTreeMap<(Key, Stream), Moved>,
}

/// A line that was looked for.
#[derive(Debug)]
pub struct Line {
    /// Whose.
    pub writer: Writer,
    /// What for.
    pub purpose: Purpose,
    /// The line, as far as it was looked at.
    pub text: Vec<u8>,
}

impl Outputs {
    /// Makes a pipe into a log file, or what else its output is for; the end that the child gets.
    ///
    /// # Errors
    /// No pipe could be made or polled: EMFILE, ENFILE, ENOMEM.
    pub fn open(
        &mut self,
        reactor: &mut Reactor,
        files: &mut LogFiles,
        id: Id,
        purposes: Purposes<'_>,
    ) -> io::Result<OwnedFd> {
        let (read, end) = fd::output_pipe()?;
        let (writer, stream) = id;
        let token = reactor.add(Source::Output(writer, stream), read, Wants::Read).map_err(|(error, _)| error)?;
        let Purposes { file, shown } = purposes;
        let file = file.map(|(path, rotation)| files.open(path, rotation));
        let shown = shown.map(|speaker| Box::new(Shown::new(speaker, stream, self.consoles.place(stream))));
        let pipe = Pipe { token, file, state: PipeState::default(), retry: None, tap: None, shown };
        self.pipes.insert(id, pipe);
        Ok(end)
    }

    /// Whether nobody is left who could write for this one.
    #[must_use]
    pub fn are_closed(&self, reactor: &Reactor, writer: Writer) -> bool {
        let pipes = [Stream::Stdout, Stream::Stderr].into_iter().filter_map(|stream| self.pipes.get(&(writer, stream)));
        pipes.into_iter().all(|pipe| reactor.fd(pipe.token).is_some_and(fd::is_hung_up))
    }

    /// Moves what has come, up to the budget.
    pub fn serve(&mut self, reactor: &mut Reactor, files: &mut LogFiles, id: Id, now: Mono) {
        if self.is_behind_others(id) {
            return self.await_room(id);
        }
        self.pump(reactor, files, id, READ_BUDGET_BYTES, now);
    }

    /// Moves what somebody has written up to now, however much it is: before its end is reported, this is in the file.
    pub fn drain(&mut self, reactor: &mut Reactor, files: &mut LogFiles, writer: Writer, now: Mono) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let id = (writer, stream);
            let fd = self.pipes.get(&id).and_then(|pipe| reactor.fd(pipe.token));
            // What comes after this moment is somebody else's writing.
            let waiting = fd.and_then(|fd| splice::bytes_waiting(fd).ok()).unwrap_or(0);
            let mut left = waiting;
            while left > 0 {
                let (moved, more) = self.pump(reactor, files, id, left, now);
                left = left.saturating_sub(moved);
                // A rotation ends a pump with nothing moved, and more to come.
                if !more {
                    break;
                }
            }
        }
    }

    /// Moves all that pipes hold: the daemon leaves. What fails is given up, counted and told as dropped.
    pub fn finish(&mut self, reactor: &mut Reactor, files: &mut LogFiles, now: Mono) {
        let ids: Vec<Id> = self.pipes.keys().copied().collect();
        for (writer, stream) in ids {
            if stream == Stream::Stdout || !self.pipes.contains_key(&(writer, Stream::Stdout)) {
                self.drain(reactor, files, writer, now);
            }
        }
        for (_, id) in std::mem::take(&mut self.stalled) {
            if let Some(pipe) = self.pipes.get(&id)
                && let Some(fd) = reactor.fd(pipe.token)
            {
                pipe.file.map(|file| files.abandon(file, fd, now));
            }
        }
    }

    /// The file that a stream of a run or a task goes to.
    #[must_use]
    pub fn path<'a>(&self, files: &'a LogFiles, id: Id) -> Option<&'a Path> {
        self.pipes.get(&id).and_then(|pipe| files.path(pipe.file?)).filter(|path| *path != Path::new(NOWHERE))
    }

    /// Gives up the pipes of a run or a task that has no process.
    pub fn cancel(&mut self, reactor: &mut Reactor, files: &mut LogFiles, writer: Writer) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.close(reactor, files, (writer, stream));
        }
    }

    /// Serves the pipes that were left over from the last turn, and those whose time has come.
    pub fn serve_due(&mut self, reactor: &mut Reactor, files: &mut LogFiles, now: Mono) {
        for id in std::mem::take(&mut self.again) {
            self.serve(reactor, files, id, now);
        }
        // A file's own time comes when there is something to say about it; its pipes are in the list below.
        if files.next_retry().is_some_and(|at| at <= now) {
            files.take_due(now);
        }
        while let Some((_, id)) = self.stalled.first().copied().filter(|(at, _)| *at <= now) {
            self.stalled.pop_first();
            self.serve(reactor, files, id, now);
        }
        self.serve_queues(reactor, files, now);
    }

    /// Tries failing files now: after they were opened anew.
    pub fn retry_all(&mut self, reactor: &mut Reactor, files: &mut LogFiles, now: Mono) {
        for (_, id) in std::mem::take(&mut self.stalled) {
            self.serve(reactor, files, id, now);
        }
    }

    /// Applies rotation keys that changed while the run lives.
    pub fn set_rotation(&mut self, files: &mut LogFiles, id: Id, rotation: Rotation) {
        if let Some(pipe) = self.pipes.get(&id) {
            pipe.file.iter().for_each(|file| files.set_rotation(*file, rotation));
        }
    }

    /// Looks for lines in what a run writes, in whatever streams of it come here; whether there is any.
    pub fn look_for(&mut self, writer: Writer, purpose: Purpose, pattern: &Pattern) -> bool {
        self.pipes_of(writer).map(|pipe| pipe.tap.get_or_insert_default().want(purpose, pattern.clone())).count() > 0
    }

    /// Looks for the next such line.
    pub fn look_again(&mut self, writer: Writer, purpose: Purpose) {
        self.pipes_of(writer).filter_map(|pipe| pipe.tap.as_mut()).for_each(|tap| tap.want_again(purpose));
    }

    /// Looks for no more such lines.
    pub fn look_no_more(&mut self, writer: Writer, purpose: Purpose) {
        for pipe in self.pipes_of(writer) {
            if let Some(tap) = &mut pipe.tap {
                tap.forget(purpose);
            }
            pipe.tap.take_if(|tap| tap.is_done());
        }
    }

    /// The lines that have come since it was last asked.
    pub fn take_lines(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.lines)
    }

    fn pipes_of(&mut self, writer: Writer) -> impl Iterator<Item = &mut Pipe> {
        self.pipes.range_mut((writer, Stream::Stdout)..=(writer, Stream::Stderr)).map(|(_, pipe)| pipe)
    }

    /// What became of all that processes have written, by process and stream.
    #[must_use]
    #[cfg_attr(not(feature = "web"), allow(dead_code))]
    pub fn moved(&self) -> BTreeMap<(Key, Stream), Moved> {
        let mut all = self.past.clone();
        for ((writer, stream), pipe) in &self.pipes {
            if let Writer::Run(key, _) = writer {
                *all.entry((*key, *stream)).or_default() += pipe.state.moved();
            }
        }
        all
    }

    /// Forgets what a process that is no more has written.
    pub fn forget(&mut self, key: Key) {
        self.past.remove(&(key, Stream::Stdout));
        self.past.remove(&(key, Stream::Stderr));
    }

    /// Whether a pipe has more than its budget: then the next poll must not wait.
    #[must_use]
    pub fn has_more(&self) -> bool {
        let room = |stream, queue: &VecDeque<Id>| !queue.is_empty() && self.consoles.has_room(stream);
        let [stdout, stderr] = &self.queues;
        !self.again.is_empty()
            || self.consoles.has_facts()
            || room(Stream::Stdout, stdout)
            || room(Stream::Stderr, stderr)
    }

    /// When `serve_due` has something to do at the latest.
    #[must_use]
    pub fn next_deadline(&self, files: &LogFiles) -> Option<Mono> {
        [self.stalled.first().map(|(at, _)| *at), files.next_retry()].into_iter().flatten().min()
    }

    /// Moves up to `budget` bytes, of what is passed on only as much as there is room for. How many were moved, and whether
    /// more can be at once.
    fn pump(&mut self, reactor: &mut Reactor, files: &mut LogFiles, id: Id, budget: usize, now: Mono) -> (usize, bool) {
        let Some(to) = self.pipes.get(&id).and_then(|pipe| Some(pipe.shown.as_ref()?.to)) else {
            return self.pump_once(reactor, files, id, budget, now);
        };
        let mut moved = 0;
        while moved < budget {
            if !self.consoles.has_room(to) {
                self.consoles.write_all(reactor);
            }
            if !self.consoles.has_room(to) {
                self.await_room(id);
                return (moved, false);
            }
            let (bytes, more) = self.pump_once(reactor, files, id, SHOWN_BYTES.min(budget - moved), now);
            moved += bytes;
            // A rotation ends a pump with nothing moved.
            if !more || bytes == 0 {
                return (moved, more);
            }
        }
        (moved, true)
    }

    /// Moves up to `budget` bytes and sees to what is next.
    fn pump_once(
        &mut self,
        reactor: &mut Reactor,
        files: &mut LogFiles,
        id: Id,
        budget: usize,
        now: Mono,
    ) -> (usize, bool) {
        let Some(pipe) = self.pipes.get_mut(&id) else { return (0, false) };
        let Some(fd) = reactor.fd(pipe.token) else { return (0, false) };
        let Pipe { tap, shown, file, state, .. } = pipe;
        let time = shown.as_ref().filter(|shown| shown.tells_time()).map(|_| clock::wall().to_string());
        let time = time.unwrap_or_default();
        let looked_at = tap.is_some() || shown.is_some();
        let consoles = &mut self.consoles;
        let mut look = |bytes: &[u8]| {
            if let Some(tap) = tap {
                tap.feed(bytes);
            }
            if let Some(shown) = shown {
                shown.feed(bytes, &time, consoles.buffer(shown.to));
            }
        };
        let Pumped { moved, next } = match *file {
            Some(file) if looked_at => files.pump_seen(file, fd, state, budget, now, Some(&mut look)),
            Some(file) => files.pump(file, fd, state, budget, now),
            None => read_on(fd, budget, look),
        };
        if let Some(tap) = tap {
            if next == Pump::Eof {
                tap.end();
            }
            let writer = id.0;
            self.lines.extend(tap.take_found().into_iter().map(|(purpose, text)| Line { writer, purpose, text }));
        }
        if let Some(at) = pipe.retry.take() {
            self.stalled.remove(&(at, id));
        }
        match next {
            Pump::Empty => self.end_line(id, false),
            Pump::More => {
                self.again.insert(id);
            }
            Pump::Stalled { until } => {
                // Never at once, so that a failing file cannot keep the loop awake.
                let at = until.max(Mono(now.0.saturating_add(1)));
                pipe.retry = Some(at);
                self.stalled.insert((at, id));
            }
            Pump::Eof => {
                self.end_line(id, true);
                self.close(reactor, files, id);
            }
        }
        (moved, next == Pump::More)
    }

    fn close(&mut self, reactor: &mut Reactor, files: &mut LogFiles, id: Id) {
        if let Some(pipe) = self.pipes.remove(&id) {
            if let (Writer::Run(key, _), stream) = id {
                *self.past.entry((key, stream)).or_default() += pipe.state.moved();
            }
            self.again.remove(&id);
            if let Some(at) = pipe.retry {
                self.stalled.remove(&(at, id));
            }
            reactor.remove(pipe.token);
            pipe.file.iter().for_each(|file| files.close(*file));
        }
    }
}

/// Reads a pipe that goes to no file, up to `budget` bytes.
fn read_on(pipe: BorrowedFd<'_>, budget: usize, mut look: impl FnMut(&[u8])) -> Pumped {
    let mut room = [0; SHOWN_BYTES];
    let mut moved = 0;
    while moved < budget {
        let most = room.len().min(budget - moved);
        match fd::read(pipe, room.get_mut(..most).unwrap_or_default()) {
            Ok(0) => return Pumped { moved, next: Pump::Eof },
            Ok(n) => {
                look(room.get(..n).unwrap_or_default());
                moved += n;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Pumped { moved, next: Pump::Empty },
        }
    }
    Pumped { moved, next: Pump::More }
}
