//! The log files of the programs and of the daemon itself: pipe → file, rotation, failures.
//!
//! Output is moved from a program's pipe into its file by splice(2), so that no byte is ever in this process only: what
//! has not been written is in the pipe, and is there still for the daemon that comes after this one was killed. Where a
//! line end must be found the bytes are copied with tee(2) and looked at, and then moved. Where a file cannot be
//! spliced to, the bytes are copied, written, and only then taken out of the pipe.
//!
//! A file that cannot be written is tried again; its output waits in the pipe, which is made larger. Only when that has
//! lasted for half a minute and the pipe is full, so that the program stands still, is output dropped and counted.
//!
//! Nothing here reads a clock or waits. When and how files are set aside is decided by [`crate::logs`].

mod fact;
mod file;
mod pump;
mod read;
mod tap;
#[cfg(test)]
mod tests;
mod trouble;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::time::Mono;
use crate::config::model::Rotation;

pub use fact::LogFact;
pub use pump::{PipeState, Pump, Pumped};
pub use read::{ReadOn, read_on, tail};
pub use tap::Tap;

use file::LogFile;
use pump::{Onlooker, Scratch, Session};

/// The most that [`tail`] is to be asked for, in bytes.
pub const TAIL_LIMIT_BYTES: usize = 1 << 20;

/// One log file of [`LogFiles`]. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u64);

/// Every log file that the daemon writes, each once: several programs may share one, since all of them write through the
/// one descriptor and offset that is kept here.
#[derive(Debug)]
pub struct LogFiles {
    files: BTreeMap<FileId, LogFile>,
    by_path: HashMap<PathBuf, FileId>,
    next_id: u64,
    /// Exactly the files whose `wake` is set.
    waking: BTreeSet<FileId>,
    facts: Vec<LogFact>,
    scratch: Scratch,
    /// The files that somebody reads along, open or not.
    watched: HashSet<PathBuf>,
    /// Those of them that have grown.
    grown: BTreeSet<PathBuf>,
    /// What became of the bytes of all pipes.
    moved: Moved,
}

/// What became of bytes that came out of pipes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// How many went into files.
    pub written: u64,
    /// How many were dropped because a file could not be written.
    pub dropped: u64,
}

impl std::ops::AddAssign for Moved {
    fn add_assign(&mut self, more: Moved) {
        self.written += more.written;
        self.dropped += more.dropped;
    }
}

impl LogFiles {
    /// None yet.
    ///
    /// # Errors
    /// EMFILE, ENFILE: a pipe to look at bytes through is made once and for all.
    pub fn new() -> io::Result<LogFiles> {
        Ok(LogFiles {
            files: BTreeMap::new(),
            by_path: HashMap::new(),
            next_id: 0,
            waking: BTreeSet::new(),
            facts: Vec::new(),
            scratch: Scratch::new()?,
            watched: HashSet::new(),
            grown: BTreeSet::new(),
            moved: Moved::default(),
        })
    }

    /// Names a file, which is opened when the first byte is to be written. If it is named already, that counts once
    /// more, and the newer rotation is taken. What fails, fails when it is written.
    pub fn open(&mut self, path: &Path, rotation: Rotation) -> FileId {
        let path = unambiguous(path);
        let id = *self.by_path.entry(path.clone()).or_insert_with(|| {
            self.next_id += 1;
            FileId(self.next_id)
        });
        let file = self.files.entry(id).or_insert_with(|| LogFile::new(path, rotation));
        file.users += 1;
        if file.rotation != rotation {
            file.set_rotation(rotation);
        }
        id
    }

    /// Takes back one [`open`](LogFiles::open). With the last of them the file is closed.
    pub fn close(&mut self, id: FileId) {
        let Some(file) = self.files.get_mut(&id) else { return };
        file.users -= 1;
        if file.users > 0 {
            return;
        }
        if let Some(file) = self.files.remove(&id) {
            self.by_path.remove(&file.path);
            self.waking.remove(&id);
            self.facts.extend(file.closed());
        }
    }

    /// From now on it is told when this file grows. Gives the name by which that is told.
    pub fn watch(&mut self, path: &Path) -> PathBuf {
        let path = unambiguous(path);
        self.watched.insert(path.clone());
        path
    }

    /// Nobody wants to know that any more.
    pub fn unwatch(&mut self, path: &Path) {
        self.watched.remove(path);
        self.grown.remove(path);
    }

    /// The watched files that have grown since it was last asked.
    pub fn take_grown(&mut self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut self.grown)
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self, id: FileId) -> Option<&Path> {
        self.files.get(&id).map(|file| file.path.as_path())
    }

    /// Sets when the file is set aside and how many are kept.
    pub fn set_rotation(&mut self, id: FileId, rotation: Rotation) {
        if let Some(file) = self.files.get_mut(&id) {
            file.set_rotation(rotation);
        }
    }

    /// Moves about `budget` bytes from the pipe's read end into the file, at most; rotates as needed.
    ///
    /// Call it when the pipe is readable or closed, again in the next turn after [`Pump::More`], and at the time of
    /// [`Pump::Stalled`]. `state` belongs to the pipe and starts as its default.
    pub fn pump(
        &mut self,
        id: FileId,
        pipe: BorrowedFd<'_>,
        state: &mut PipeState,
        budget: usize,
        now: Mono,
    ) -> Pumped {
        self.pump_seen(id, pipe, state, budget, now, None)
    }

    /// The same, and every byte that is taken out of the pipe is shown to somebody.
    pub fn pump_seen<'s>(
        &mut self,
        id: FileId,
        pipe: BorrowedFd<'_>,
        state: &mut PipeState,
        budget: usize,
        now: Mono,
        seen: Option<&'s mut Onlooker<'s>>,
    ) -> Pumped {
        let Some(file) = self.files.get_mut(&id) else { return Pumped { moved: 0, next: Pump::Empty } };
        let before = state.moved.dropped;
        let scratch = &mut self.scratch;
        let pumped = Session::new(file, scratch, &mut self.facts, pipe, state, budget, now).seen_by(seen).pump();
        let dropped = state.moved.dropped - before;
        let moved = Moved { written: (pumped.moved as u64).saturating_sub(dropped), dropped };
        state.moved.written += moved.written;
        self.moved += moved;
        if pumped.moved > 0 && !self.watched.is_empty() && self.watched.contains(&file.path) {
            self.grown.insert(file.path.clone());
        }
        self.note_wake(id);
        pumped
    }

    /// Says that the pipe is about to be closed although the file did not take all of it: counts what is in it as
    /// dropped. Returns how much that is.
    pub fn abandon(&mut self, id: FileId, pipe: BorrowedFd<'_>, now: Mono) -> usize {
        let Some(file) = self.files.get_mut(&id) else { return 0 };
        let lost = pump::abandon(file, pipe, now, &mut self.facts);
        self.moved.dropped += lost as u64;
        self.note_wake(id);
        lost
    }

    /// Appends whole lines of the daemon's own, rotating as needed. What cannot be written is dropped and counted.
    pub fn write_lines(&mut self, id: FileId, bytes: &[u8], now: Mono) {
        if let Some(file) = self.files.get_mut(&id) {
            file.write_lines(bytes, now, &mut self.facts);
            self.note_wake(id);
        }
    }

    fn note_wake(&mut self, id: FileId) {
        if self.files.get(&id).is_some_and(|f| f.wake.is_some()) {
            self.waking.insert(id);
        } else {
            self.waking.remove(&id);
        }
    }

    /// Closes every file; each is opened anew, by its path, when its next byte comes.
    pub fn reopen_all(&mut self) {
        for (id, file) in &mut self.files {
            file.reopen();
            if file.wake.is_some() {
                self.waking.insert(*id);
            }
        }
    }

    /// When [`take_due`](LogFiles::take_due) has something to say.
    #[must_use]
    pub fn next_retry(&self) -> Option<Mono> {
        self.waking.iter().filter_map(|id| self.files.get(id)?.wake).min()
    }

    /// The files whose time has come: their stalled pipes are to be pumped. Each is told once; what is still failing then
    /// gets a new time.
    pub fn take_due(&mut self, now: Mono) -> Vec<FileId> {
        let due = |id: &FileId| self.files.get(id).and_then(|f| f.wake).is_some_and(|wake| wake <= now);
        let due: Vec<FileId> = self.waking.iter().copied().filter(due).collect();
        for id in &due {
            if let Some(file) = self.files.get_mut(id) {
                file.retry_mention(now, &mut self.facts);
            }
            self.note_wake(*id);
        }
        due
    }

    /// What became of the bytes of all pipes.
    #[must_use]
    #[cfg_attr(not(feature = "web"), allow(dead_code))]
    pub fn moved(&self) -> Moved {
        self.moved
    }

    /// What happened since it was last asked.
    pub fn take_facts(&mut self) -> Vec<LogFact> {
        std::mem::take(&mut self.facts)
    }

    /// Removes logs of an earlier daemon, with their backups. For start-up, before any of them is opened.
    pub fn cleanup<'a>(&mut self, paths: impl IntoIterator<Item = &'a Path>) {
        // A thousand names that are not there are not asked for one by one.
        let mut there: BTreeMap<PathBuf, Option<BTreeSet<OsString>>> = BTreeMap::new();
        for path in paths {
            let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { continue };
            let names = there.entry(dir.to_owned()).or_insert_with(|| read::names_in(dir).ok());
            let known = names.as_ref().is_none_or(|names| {
                let of_it = |found: &OsString| found.as_bytes().starts_with(name.as_bytes());
                names.range(name.to_owned()..).next().is_some_and(of_it)
            });
            if known {
                read::remove(path, &mut self.facts);
            }
        }
    }
}

/// The same for all spellings of a path: two descriptors with an offset each on one file would overwrite one another.
fn unambiguous(path: &Path) -> PathBuf {
    if path.starts_with("/dev") || path.starts_with("/proc") {
        return path.to_owned();
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // What is missing of the path now may be made later; what is there decides.
    for ancestor in path.ancestors().skip(1) {
        if let (Ok(there), Ok(rest)) = (fs::canonicalize(ancestor), path.strip_prefix(ancestor)) {
            return there.join(rest);
        }
    }
    path
}
