//! Output that is passed on to where the daemon's own goes.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::id::Stream;
use crate::base::time::Mono;
use crate::config::model::OutputFormat;
use crate::control::record::Said;
use crate::daemon::clock;
use crate::daemon::console::Consoles;
use crate::daemon::logfile::LogFiles;
use crate::daemon::reactor::Reactor;
use crate::logs::lines::{self, Label, Lines, Piece};

use super::{Id, Outputs, Writer};

/// How much one pipe that has waited for room may pass on before the next one may.
const SHARE_BYTES: usize = 32 << 10;

/// How long the daemon waits at its end for somebody to read, if nobody does.
const PATIENCE: Duration = Duration::from_secs(2);

/// And if somebody reads slowly.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Whose output it is.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// The program.
    pub program: String,
    /// The process, as people see it.
    pub process: String,
    /// The format.
    pub format: OutputFormat,
    /// How wide the names before lines are.
    pub width: usize,
    /// Names have colours.
    pub coloured: bool,
}

/// How a stream is passed on.
#[derive(Debug)]
pub(super) struct Shown {
    /// Which of the daemon's own streams it goes to.
    pub to: Stream,
    /// It is in the queue of those that wait for room there.
    pub waits: bool,
    /// The run is over: what has no line end gets none any more.
    pub over: bool,
    lines: Lines,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Raw,
    Prefix(Label),
    Json {
        program: String,
        process: String,
        /// Of the run, once it is known.
        pid: Option<u32>,
        /// Which stream of the process it is.
        stream: Stream,
    },
}

impl Shown {
    /// Passes on this stream to that of the daemon.
    pub fn new(speaker: Speaker, stream: Stream, to: Stream) -> Shown {
        let Speaker { program, process, format, width, coloured } = speaker;
        let form = match format {
            OutputFormat::Raw => Form::Raw,
            OutputFormat::Prefix => Form::Prefix(Label::new(&process, width, coloured)),
            OutputFormat::Json => Form::Json { program, process, pid: None, stream },
        };
        Shown { to, waits: false, over: false, lines: Lines::default(), form }
    }

    /// The process has this id.
    pub fn is_of(&mut self, id: u32) {
        if let Form::Json { pid, .. } = &mut self.form {
            *pid = Some(id);
        }
    }

    /// Whether the lines tell the time.
    pub fn tells_time(&self) -> bool {
        matches!(self.form, Form::Json { .. })
    }

    /// Appends the lines that are complete with these bytes.
    pub fn feed(&mut self, bytes: &[u8], time: &str, out: &mut Vec<u8>) {
        let Shown { lines, form, .. } = self;
        lines.feed(bytes, |piece| form.write(piece, time, out));
    }

    /// Appends what has no line end.
    pub fn end(&mut self, time: &str, out: &mut Vec<u8>) {
        let Shown { lines, form, .. } = self;
        lines.end(|piece| form.write(piece, time, out));
    }
}

impl Form {
    fn write(&self, piece: Piece<'_>, time: &str, out: &mut Vec<u8>) {
        match self {
            Form::Raw => lines::plain(piece, out),
            Form::Prefix(label) => label.write(piece, out),
            Form::Json { program, process, pid, stream } => {
                let message = String::from_utf8_lossy(piece.text);
                let (pid, stream, partial) = (*pid, *stream, piece.goes_on);
                Said { time, event: "output", program, process, pid, stream, message, partial }.write(out);
            }
        }
    }
}

impl Outputs {
    /// The daemon's own output.
    pub fn consoles(&mut self) -> &mut Consoles {
        &mut self.consoles
    }

    /// Writes what has gathered for the daemon's own output.
    pub fn write_consoles(&mut self, reactor: &mut Reactor) {
        self.consoles.write_all(reactor);
    }

    /// A run or a task has been born.
    pub fn born(&mut self, writer: Writer, pid: u32) {
        self.pipes_of(writer).filter_map(|pipe| pipe.shown.as_mut()).for_each(|shown| shown.is_of(pid));
    }

    /// A pipe is to be served when there is room again. It comes after those that have waited longer.
    pub(super) fn await_room(&mut self, id: Id) {
        self.again.remove(&id);
        if let Some(shown) = self.pipes.get_mut(&id).and_then(|pipe| pipe.shown.as_mut())
            && !std::mem::replace(&mut shown.waits, true)
        {
            let [stdout, stderr] = &mut self.queues;
            let queue = if shown.to == Stream::Stdout { stdout } else { stderr };
            queue.push_back(id);
        }
    }

    /// Whether a pipe has to wait its turn although there is room.
    pub(super) fn is_behind_others(&self, id: Id) -> bool {
        let shown = self.pipes.get(&id).and_then(|pipe| pipe.shown.as_ref());
        let [stdout, stderr] = &self.queues;
        shown.is_some_and(|shown| !if shown.to == Stream::Stdout { stdout } else { stderr }.is_empty())
    }

    /// Serves the pipes that have waited for room, each its share, as long as there is any.
    pub(super) fn serve_queues(&mut self, reactor: &mut Reactor, files: &mut LogFiles, now: Mono) {
        for (number, to) in [Stream::Stdout, Stream::Stderr].into_iter().enumerate() {
            let waiting = self.queues.get(number).map_or(0, VecDeque::len);
            for _ in 0..waiting {
                if !self.consoles.has_room(to) {
                    break;
                }
                let Some(id) = self.queues.get_mut(number).and_then(VecDeque::pop_front) else { break };
                let Some(shown) = self.pipes.get_mut(&id).and_then(|pipe| pipe.shown.as_mut()) else { continue };
                shown.waits = false;
                let (_, more) = self.pump(reactor, files, id, SHARE_BYTES, now);
                if more {
                    self.await_room(id);
                }
            }
        }
    }

    /// Writes what has no line end, if the run of a pipe is over or the pipe is at its end.
    pub(super) fn end_line(&mut self, id: Id, eof: bool) {
        let Some(shown) = self.pipes.get_mut(&id).and_then(|pipe| pipe.shown.as_mut()) else { return };
        if eof || std::mem::take(&mut shown.over) {
            let time = if shown.tells_time() { clock::wall().to_string() } else { String::new() };
            shown.end(&time, self.consoles.buffer(shown.to));
        }
    }

    /// A run or a task has ended and its pipes have been drained: what has no line end gets one, at once or when the rest of
    /// its pipe has found room.
    pub fn said_all(&mut self, writer: Writer) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let id = (writer, stream);
            let Some(shown) = self.pipes.get_mut(&id).and_then(|pipe| pipe.shown.as_mut()) else { continue };
            shown.over = true;
            if !shown.waits {
                self.end_line(id, false);
            }
        }
    }

    /// The daemon leaves: passes on what is left, as long as somebody reads it. Whether all of it was read.
    pub fn finish_shown(&mut self, reactor: &mut Reactor, files: &mut LogFiles, now: Mono) -> bool {
        let begun = clock::now();
        let (mut last, mut before) = (begun, self.consoles.written());
        for id in self.pipes.keys().copied().collect::<Vec<_>>() {
            self.said_all(id.0);
        }
        loop {
            self.consoles.write_now(reactor);
            self.serve_queues(reactor, files, now);
            let (now, written) = (clock::now(), self.consoles.written());
            if written != before {
                (last, before) = (now, written);
            }
            let left = PATIENCE.saturating_sub(now.since(last)).min(LAST_WORDS.saturating_sub(now.since(begun)));
            let done = self.queues.iter().all(VecDeque::is_empty) && !self.consoles.is_pending();
            if done || left.is_zero() {
                return done;
            }
            self.consoles.wait_for_room(left);
        }
    }
}
