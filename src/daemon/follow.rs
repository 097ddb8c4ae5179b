//! Clients that read what processes write: the last lines of logs, and what comes behind them.
//!
//! What is passed on is read from the log files, never taken out of the pipes. So a client that reads slowly costs nothing
//! but its place in a list: its output waits where it is kept anyway. And since a place in a log outlives rotations and
//! this daemon, a client that comes back goes on where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use crate::base::errno::plain;
use crate::base::id::{ClientId, Key, Stream, Ticket};
use crate::base::position::Position;
use crate::base::select::Selector;
use crate::config::model::{Level, Sink};
use crate::control::message::{Chunk, LogList, LogPlace, Refusal, RefusalCode, Response};
use crate::logs::chunk::Unit;

use super::audience;
use super::logfile::{LogFiles, ReadOn, TAIL_LIMIT_BYTES, read_on, tail};
use super::run::Daemon;

/// How much is read from one log in one turn.
const READ_BYTES: usize = 64 << 10;

/// From how many logs is read in one turn.
const LOGS_PER_TURN: usize = 16;

/// With less room than this a client is not worth reading for.
const LEAST_ROOM_BYTES: usize = 4 << 10;

/// How much the last lines of all logs together may be.
const ANSWER_BYTES: usize = 8 << 20;

/// What `logs` asks for.
#[derive(Debug)]
pub struct LogsAsked {
    /// Selectors.
    pub names: Vec<String>,
    /// Only this stream.
    pub stream: Option<Stream>,
    /// How many lines of each log.
    pub lines: u32,
    /// Whether to go on.
    pub follow: bool,
    /// Logs that begin here.
    pub from: Vec<LogPlace>,
}

/// A log that a client follows: whose, and which of that client's logs.
type Id = (Ticket, usize);

/// One log that is followed.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    place: LogPlace,
}

/// One client's logs.
#[derive(Debug)]
struct Follow {
    selectors: Vec<Selector>,
    stream: Option<Stream>,
    labels: bool,
    logs: Vec<Log>,
}

/// All clients that follow logs.
#[derive(Debug, Default)]
pub struct Follows {
    all: BTreeMap<Ticket, Follow>,
    by_path: BTreeMap<PathBuf, BTreeSet<Id>>,
    /// Logs that may have something new for a client.
    due: BTreeSet<Id>,
    /// Those of them whose clients have no room.
    blocked: BTreeSet<Id>,
    /// The last one that was served; the next turn begins behind it.
    last: Option<Id>,
}

impl Follows {
    /// Forgets who is gone.
    pub fn forget(&mut self, client: ClientId, files: &mut LogFiles) {
        let tickets: Vec<Ticket> = self.all.keys().filter(|ticket| ticket.client == client).copied().collect();
        for ticket in tickets {
            for (index, log) in self.all.remove(&ticket).into_iter().flat_map(|f| f.logs).enumerate() {
                self.due.remove(&(ticket, index));
                self.blocked.remove(&(ticket, index));
                let Some(ids) = self.by_path.get_mut(&log.path) else { continue };
                ids.remove(&(ticket, index));
                if ids.is_empty() {
                    self.by_path.remove(&log.path);
                    files.unwatch(&log.path);
                }
            }
        }
    }

    /// Adds a log to those that a client follows.
    fn add(&mut self, ticket: Ticket, path: &Path, place: LogPlace, files: &mut LogFiles) {
        let Some(follow) = self.all.get_mut(&ticket) else { return };
        let path = files.watch(path);
        let id = (ticket, follow.logs.len());
        self.by_path.entry(path.clone()).or_default().insert(id);
        follow.logs.push(Log { path, place });
        self.due.insert(id);
    }

    fn log(&mut self, (ticket, index): Id) -> Option<&mut Log> {
        self.all.get_mut(&ticket)?.logs.get_mut(index)
    }

    /// Takes note of files that have grown.
    fn grown(&mut self, paths: BTreeSet<PathBuf>) {
        for path in paths {
            for id in self.by_path.get(&path).into_iter().flatten() {
                if !self.blocked.contains(id) {
                    self.due.insert(*id);
                }
            }
        }
    }

    /// A client has room again.
    pub fn resume(&mut self, client: ClientId) {
        let first = (Ticket { client, number: 0 }, 0);
        let last = (Ticket { client, number: u64::MAX }, usize::MAX);
        let ids: Vec<Id> = self.blocked.range(first..=last).copied().collect();
        for id in ids {
            self.blocked.remove(&id);
            self.due.insert(id);
        }
    }

    /// Whether there may be something to pass on to a client that has room for it.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.due.is_empty()
    }

    /// Those that are due, the one behind the last served first.
    fn round(&self) -> Vec<Id> {
        let Some(last) = self.last else { return self.due.iter().copied().collect() };
        let behind = self.due.range((Bound::Excluded(last), Bound::Unbounded));
        behind.chain(self.due.range(..=last)).copied().collect()
    }
}

impl Daemon {
    /// Answers `logs`; if it is followed, what is written later comes behind the answer.
    pub(super) fn tell_logs(&mut self, ticket: Ticket, asked: &LogsAsked) {
        match self.logs(asked) {
            Ok((list, paths)) => {
                if asked.follow {
                    self.begin_to_follow(ticket, asked, &list, paths);
                }
                self.reply(ticket, &Response::Logs(list));
            }
            Err(refusal) => self.reply(ticket, &Response::Refused(refusal)),
        }
    }

    fn begin_to_follow(&mut self, ticket: Ticket, asked: &LogsAsked, list: &LogList, paths: Vec<PathBuf>) {
        let selectors = asked.names.iter().map(|name| Selector::parse(name)).collect();
        let follow = Follow { selectors, stream: asked.stream, labels: list.labels, logs: Vec::new() };
        self.follows.all.insert(ticket, follow);
        for (chunk, path) in list.chunks.iter().zip(paths) {
            self.follows.add(ticket, &path, chunk.next.clone(), &mut self.files);
        }
    }

    /// The beginning of the answer, and the file of each chunk.
    fn logs(&self, asked: &LogsAsked) -> Result<(LogList, Vec<PathBuf>), Refusal> {
        let keys = self.fleet.chosen(&asked.names)?;
        let mut logs = Vec::new();
        let mut notes: Vec<String> = Vec::new();
        for key in &keys {
            for stream in self.streams(*key, asked.stream) {
                let Some(member) = self.fleet.member(*key) else { continue };
                let process = self.fleet.display_name(member);
                match self.log_path_of(*key, &process, stream) {
                    Ok(path) => logs.push((path, process, stream)),
                    Err(refusal) => notes.push(refusal.text),
                }
            }
        }
        if logs.is_empty() && !notes.is_empty() {
            return Err(Refusal::new(RefusalCode::Failed, notes.join("; ")));
        }
        // Of many processes it is not worth the lines.
        if keys.len() > 1 {
            notes.clear();
        }
        let limit = (ANSWER_BYTES / logs.len().max(1)).min(TAIL_LIMIT_BYTES);
        // Where one process is meant, it stays one; otherwise others may come.
        let labels = keys.len() != 1 || asked.names.len() != 1;
        let mut list = LogList { chunks: Vec::new(), labels, notes, follow: asked.follow };
        let mut paths = Vec::new();
        for (path, process, stream) in logs {
            let from = asked.from.iter().find(|place| place.process == process && place.stream == stream);
            match beginning(&path, from.map(|place| place.at), asked.lines, limit) {
                Ok(ReadOn { bytes, at, lost, .. }) => {
                    list.chunks.push(Chunk { next: LogPlace { process, stream, at }, bytes, lost });
                    paths.push(path);
                }
                Err(error) => list.notes.push(format!("cannot read {}: {}", path.display(), plain(&error))),
            }
        }
        if list.chunks.is_empty() && !list.notes.is_empty() {
            return Err(Refusal::new(RefusalCode::Failed, list.notes.join("; ")));
        }
        Ok((list, paths))
    }

    /// The streams of a process that have a log of their own, of those that are wanted. Who wants standard error alone
    /// gets the log that it goes to.
    fn streams(&self, key: Key, wanted: Option<Stream>) -> Vec<Stream> {
        let merged = self.fleet.member(key).is_some_and(|m| m.program.stderr.sink == Sink::Stdout);
        match wanted {
            Some(stream) => vec![stream],
            None if merged => vec![Stream::Stdout],
            None => vec![Stream::Stdout, Stream::Stderr],
        }
    }

    /// A run is about to begin, whose log may be one that nobody knew of when clients began to follow.
    pub(super) fn follow_new_run(&mut self, key: Key, stream: Stream, path: &Path) {
        if self.follows.all.is_empty() {
            return;
        }
        let Some(member) = self.fleet.member(key) else { return };
        let (name, num, group) = (member.name.clone(), member.num, member.program.group_name.clone());
        let process = self.fleet.display_name(member);
        let wants = |follow: &Follow| {
            let matches = |s: &Selector| s.matches(&name, num, group.as_ref());
            (follow.selectors.is_empty() || follow.selectors.iter().any(matches))
                && follow.stream.is_none_or(|wanted| wanted == stream)
        };
        let tickets: Vec<Ticket> = self.follows.all.iter().filter(|(_, f)| wants(f)).map(|(t, _)| *t).collect();
        for ticket in tickets {
            let path = self.files.watch(path);
            if self.follows.by_path.get(&path).is_some_and(|ids| ids.iter().any(|id| id.0 == ticket)) {
                continue;
            }
            // What is in the file already is not of this run.
            let at = tail(&path, 0, 0).map(|(_, end)| end).unwrap_or_default();
            let place = LogPlace { process: process.clone(), stream, at };
            self.follows.add(ticket, &path, place, &mut self.files);
        }
    }

    /// Passes on what has been written, to some of those who follow. Those without room wait.
    pub(super) fn serve_follows(&mut self) {
        if self.follows.all.is_empty() {
            return;
        }
        self.follows.grown(self.files.take_grown());
        let mut served = 0;
        for id in self.follows.round() {
            if served == LOGS_PER_TURN {
                break;
            }
            let Some(follower) = audience::follower(&self.clients, &self.web, id.0) else {
                self.follows.due.remove(&id);
                continue;
            };
            if follower.room < LEAST_ROOM_BYTES {
                self.follows.due.remove(&id);
                self.follows.blocked.insert(id);
                continue;
            }
            served += 1;
            self.follows.last = Some(id);
            self.serve_follow(id, follower.text, follower.room.min(READ_BYTES));
        }
    }

    fn serve_follow(&mut self, id: Id, text: bool, limit: usize) {
        let labels = self.follows.all.get(&id.0).is_some_and(|follow| follow.labels);
        let several = self.follows.all.get(&id.0).is_some_and(|follow| follow.logs.len() > 1);
        let unit = if text && (labels || several) { Unit::Line } else { Unit::Char };
        let Some(log) = self.follows.log(id) else {
            self.follows.due.remove(&id);
            return;
        };
        let on = match read_whole(&log.path, log.place.at, limit, unit) {
            Ok(on) => on,
            Err(error) => {
                let fact = format!("a log that is followed cannot be read: {}: {}", log.path.display(), plain(&error));
                self.follows.due.remove(&id);
                return self.log(Level::Warning, fact);
            }
        };
        log.place.at = on.at;
        let chunk = Chunk { next: log.place.clone(), bytes: on.bytes, lost: on.lost };
        if !on.more {
            self.follows.due.remove(&id);
        }
        if !chunk.bytes.is_empty() || chunk.lost {
            audience::push_output(&mut self.clients, &mut self.web, id.0, &chunk, labels);
        }
    }
}

/// What an answer has of a log: what is behind a place, or the last lines.
fn beginning(path: &Path, from: Option<Position>, lines: u32, limit: usize) -> io::Result<ReadOn> {
    match from {
        Some(at) => read_whole(path, at, limit, Unit::Char),
        None => tail(path, lines, limit).map(|(bytes, at)| ReadOn { bytes, at, ..ReadOn::default() }),
    }
}

/// Reads on without cutting a unit in two, unless it is longer than the limit or will not be finished. Of a character
/// nobody knows whether it will: it waits only for what is there already.
fn read_whole(path: &Path, at: Position, limit: usize, unit: Unit) -> io::Result<ReadOn> {
    let mut on = read_on(path, at, limit)?;
    let whole = unit.whole(&on.bytes);
    let waits = match unit {
        Unit::Line => !on.closed && (whole > 0 || on.bytes.len() < limit),
        Unit::Char => !on.closed && on.more && whole > 0,
    };
    if waits && whole < on.bytes.len() {
        on.at.offset -= (on.bytes.len() - whole) as u64;
        on.bytes.truncate(whole);
        on.more &= whole > 0;
    }
    Ok(on)
}
