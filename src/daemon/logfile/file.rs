//! One log file: opening it, writing to it, setting it aside.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::time::Mono;
use crate::config::model::Rotation;
use crate::logs::rotate::{self, Cut, Step};
use crate::sys::file::{self, Purpose};

use super::fact::{Failure, LogFact};
use super::trouble::Trouble;
use crate::base::errno::plain;

/// How often at most a file that is written to is looked at: is it still there, is its end where it was left? Often
/// enough that somebody who empties it is noticed before the next write of a busy program, seldom enough to cost
/// nothing.
const CHECK: Duration = Duration::from_millis(10);
/// How long a rotation that failed is not tried again.
const ROTATION_RETRY: Duration = Duration::from_secs(60);

/// A log file, open or not.
#[derive(Debug)]
pub(super) struct LogFile {
    pub path: PathBuf,
    pub rotation: Rotation,
    /// How many hold it.
    pub users: u32,
    /// `None` until the first byte, after a failure, and when it is to be opened anew.
    pub target: Option<Target>,
    /// Boxed, since most files have none.
    pub trouble: Option<Box<Trouble>>,
    /// When its pipes, or a line about dropped output, are to be tried again.
    pub wake: Option<Mono>,
    /// A rotation failed; until then the file grows on.
    rotate_after: Option<Mono>,
}

/// An open log file.
#[derive(Debug)]
pub(super) struct Target {
    pub file: File,
    pub place: Place,
    /// It cannot be spliced to.
    pub copy: bool,
    /// Its last byte, if that is known.
    last: Option<u8>,
    /// When it was last looked at.
    checked: Mono,
}

/// Where the bytes go.
#[derive(Debug)]
pub(super) enum Place {
    /// To the end of a regular file, which is ours.
    Regular {
        /// The end.
        offset: u64,
        /// The size from which on it could be set aside, see [`rotate::cut`].
        since: u64,
    },
    /// To a terminal, a fifo or another device, or an open file of the daemon. Never rotated.
    Stream,
    /// To a connected socket.
    Socket,
}

impl LogFile {
    pub fn new(path: PathBuf, rotation: Rotation) -> LogFile {
        LogFile { path, rotation, users: 0, target: None, trouble: None, wake: None, rotate_after: None }
    }

    /// Another rotation. A file that is over the new size ends with a whole line all the same.
    pub fn set_rotation(&mut self, rotation: Rotation) {
        self.rotation = rotation;
        self.rotate_after = None;
        if let Some(Target { place: Place::Regular { offset, since }, .. }) = &mut self.target {
            *since = *offset;
        }
    }

    /// Closes it; it is opened anew when the next byte comes.
    pub fn reopen(&mut self) {
        self.target = None;
        self.rotate_after = None;
        if let Some(trouble) = &mut self.trouble {
            trouble.retry_at = Mono(0);
            self.wake = Some(Mono(0));
        }
    }

    /// The open file, sound as far as is known, with what was dropped before mentioned in it.
    pub fn ready(&mut self, now: Mono, facts: &mut Vec<LogFact>) -> Result<(), Failure> {
        if let Some(target) = &mut self.target
            && !target.check(now)?
        {
            self.target = None;
            facts.push(LogFact::Removed { path: self.path.clone() });
        }
        if self.target.is_none() {
            self.target = Some(Target::open(&self.path, now)?);
        }
        self.mention_dropped()
    }

    fn mention_dropped(&mut self) -> Result<(), Failure> {
        let (Some(trouble), Some(target)) = (&mut self.trouble, &mut self.target) else { return Ok(()) };
        if trouble.unmarked == 0 {
            return Ok(());
        }
        let begin = if target.ends_line() { "" } else { "\n" };
        let line = format!("{begin}[taskmaster: {} bytes of output dropped: {}]\n", trouble.unmarked, trouble.error);
        target.append(line.as_bytes())?;
        trouble.unmarked = 0;
        Ok(())
    }

    /// Appends lines of the daemon's own; what cannot be written is dropped and counted.
    pub fn write_lines(&mut self, bytes: &[u8], now: Mono, facts: &mut Vec<LogFact>) {
        let waits = self.trouble.as_ref().is_some_and(|t| now < t.retry_at);
        let result = if waits { Ok(0) } else { self.try_lines(bytes, now, facts) };
        let written = result.as_ref().map_or(0, |n| *n);
        if let Err(failure) = result {
            self.failed(&failure, now, facts);
        } else if !waits && written == bytes.len() {
            self.recovered(now, facts);
        }
        let lost = bytes.len() - written;
        if lost > 0 {
            let trouble = self.trouble.get_or_insert_with(|| Box::new(Trouble::new(now)));
            trouble.drop_bytes(lost, &self.path, facts);
            self.wake = Some(trouble.retry_at);
        }
    }

    fn try_lines(&mut self, bytes: &[u8], now: Mono, facts: &mut Vec<LogFact>) -> Result<usize, Failure> {
        self.ready(now, facts)?;
        if self.cut(now) == Cut::Rotate {
            self.rotate(now, facts);
        }
        self.target.as_mut().map_or(Ok(0), |t| t.append(bytes))
    }

    /// Takes note of a failed try. An open file that may not be sound any more is closed, to be opened anew.
    pub fn failed(&mut self, failure: &Failure, now: Mono, facts: &mut Vec<LogFact>) {
        if !failure.is_lack_of_room() {
            self.target = None;
        }
        self.trouble.get_or_insert_with(|| Box::new(Trouble::new(now))).failed(failure, &self.path, now, facts);
    }

    /// Takes note that it was written.
    pub fn recovered(&mut self, now: Mono, facts: &mut Vec<LogFact>) {
        // Other pipes may still wait for the time that was set.
        self.wake = self.wake.map(|_| now);
        if let Some(trouble) = self.trouble.take().filter(|t| t.announced || t.dropped > 0) {
            let (path, after) = (self.path.clone(), now.since(trouble.since));
            facts.push(LogFact::Recovered { path, dropped: trouble.dropped, after });
        }
    }

    /// Tries to mention what was dropped, if there is nobody else who would: the pipes may be empty or gone.
    pub fn retry_mention(&mut self, now: Mono, facts: &mut Vec<LogFact>) {
        self.wake = None;
        if self.trouble.as_ref().is_none_or(|t| t.unmarked == 0 || now < t.retry_at) {
            return;
        }
        match self.ready(now, facts) {
            Ok(()) => self.recovered(now, facts),
            Err(failure) => {
                self.failed(&failure, now, facts);
                self.wake = self.trouble.as_ref().map(|t| t.retry_at);
            }
        }
    }

    /// The end. What was dropped and not mentioned yet is mentioned now or never.
    pub fn closed(mut self) -> Option<LogFact> {
        let mut facts = Vec::new();
        if self.trouble.as_ref().is_some_and(|t| t.unmarked > 0) {
            drop(self.ready(Mono(u64::MAX), &mut facts));
        }
        let trouble = self.trouble.filter(|t| t.announced || t.dropped > 0)?;
        Some(LogFact::GivenUp { path: self.path, dropped: trouble.dropped, error: trouble.error })
    }

    /// What may be done with the next bytes.
    pub fn cut(&mut self, now: Mono) -> Cut {
        let Some(target) = &mut self.target else { return Cut::Write(u64::MAX) };
        let Place::Regular { offset, since } = &mut target.place else { return Cut::Write(u64::MAX) };
        if let Some(until) = self.rotate_after {
            *since = *offset;
            if now < until {
                return Cut::Write(u64::MAX);
            }
            self.rotate_after = None;
        }
        let (size, since) = (*offset, *since);
        rotate::cut(size, self.rotation.max_bytes, since, || target.ends_line())
    }

    /// Sets the file aside and opens a new one; if that fails the old one goes on.
    pub fn rotate(&mut self, now: Mono, facts: &mut Vec<LogFact>) {
        let path = self.path.clone();
        match self.try_rotate(now) {
            Ok(target) => {
                self.target = Some(target);
                facts.push(LogFact::Rotated { path });
            }
            Err(Failure { step, error }) => {
                self.rotate_after = Some(now.after(ROTATION_RETRY));
                facts.push(LogFact::RotationFailed { path, step, error: plain(&error) });
            }
        }
    }

    fn try_rotate(&self, now: Mono) -> Result<Target, Failure> {
        let name = |index| numbered(&self.path, index);
        let steps = rotate::plan(self.rotation.backups, |i| name(i).symlink_metadata().is_ok());
        let mut set_aside = false;
        self.check_backups(&steps)?;
        for step in steps {
            match step {
                // One that is beyond the number can be tried again at the next rotation.
                Step::Remove(index) if index > self.rotation.backups => drop(fs::remove_file(name(index))),
                Step::Remove(0) => fs::remove_file(&self.path).map_err(Failure::of("remove it"))?,
                Step::Remove(index) => fs::remove_file(name(index)).map_err(Failure::of("remove the oldest backup"))?,
                Step::Rename { from, to } => {
                    fs::rename(name(from), name(to)).map_err(Failure::of("rename"))?;
                    set_aside |= from == 0;
                }
                Step::Open => break,
            }
        }
        let opened = Target::open(&self.path, now);
        if opened.is_err() && set_aside {
            // The open file goes on under its old name. If that fails too it goes on as its first backup.
            drop(fs::rename(name(1), &self.path));
        }
        opened
    }

    /// Refuses to rename what is no log file of ours, before anything is renamed.
    fn check_backups(&self, steps: &[Step]) -> Result<(), Failure> {
        for step in steps {
            let Step::Rename { from, to } = *step else { continue };
            for index in [from, to].into_iter().filter(|i| *i > 0) {
                let kind = numbered(&self.path, index).symlink_metadata().map(|m| m.file_type());
                if kind.is_ok_and(|k| !k.is_file()) {
                    let error = io::Error::other(format!("backup {index} is not a regular file"));
                    return Err(Failure { step: "rename", error });
                }
            }
        }
        Ok(())
    }
}

impl Target {
    /// Opens a log file at its end.
    pub fn open(path: &Path, now: Mono) -> Result<Target, Failure> {
        let failed = Failure::of("open");
        let (file, place) = if path.starts_with("/dev") && !path.starts_with("/dev/shm") || path.starts_with("/proc") {
            open_device(path).map_err(failed)?
        } else {
            let file = file::open(path, Purpose::Log).map_err(|e| failed(clearer(path, e)))?;
            let place = place(&file).map_err(failed)?;
            (file, place)
        };
        let copy = !matches!(place, Place::Regular { .. });
        Ok(Target { file, place, copy, last: None, checked: now })
    }

    /// Whether the file still has a name. If somebody else wrote to it or emptied it, its new end is where we go on.
    fn check(&mut self, now: Mono) -> Result<bool, Failure> {
        let Place::Regular { offset, .. } = &mut self.place else { return Ok(true) };
        if now.since(self.checked) < CHECK {
            return Ok(true);
        }
        self.checked = now;
        let meta = self.file.metadata().map_err(Failure::of("look at it"))?;
        if meta.len() != *offset {
            *offset = meta.len();
            self.last = None;
        }
        Ok(meta.nlink() > 0)
    }

    /// Whether what comes next begins a line.
    pub fn ends_line(&mut self) -> bool {
        if self.last.is_none()
            && let Place::Regular { offset: end @ 1.., .. } = self.place
        {
            let mut byte = [0];
            // A file that may not be read is taken to end within a line.
            self.last = match self.file.read_at(&mut byte, end - 1) {
                Ok(1) => byte.first().copied(),
                Ok(_) | Err(_) => Some(0),
            };
        }
        self.last.is_none_or(|b| b == b'\n')
    }

    /// Takes note that bytes were moved into it unseen.
    pub fn moved_unseen(&mut self) {
        self.last = None;
    }

    /// Writes what there is room for.
    pub fn put(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let written = match &mut self.place {
            Place::Regular { offset, .. } => self.file.write_at(bytes, *offset).inspect(|n| *offset += *n as u64),
            Place::Stream => self.file.write(bytes),
            Place::Socket => file::send_now(self.file.as_fd(), bytes),
        };
        let written = written.map_err(Failure::of("write"))?;
        if let Some(last) = written.checked_sub(1).and_then(|at| bytes.get(at)) {
            self.last = Some(*last);
        }
        Ok(written)
    }

    /// Appends all of `bytes` to a regular file, or nothing; to a stream, what there is room for.
    pub fn append(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let Place::Regular { offset: before, .. } = self.place else { return self.put(bytes) };
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.put(rest) {
                Ok(n @ 1..) => rest = rest.get(n..).unwrap_or_default(),
                result => {
                    if let Place::Regular { offset, .. } = &mut self.place {
                        *offset = before;
                    }
                    self.last = None;
                    drop(self.file.set_len(before));
                    return result;
                }
            }
        }
        Ok(bytes.len())
    }
}

/// ELOOP from a path with a symbolic link at its end would speak of "too many levels".
fn clearer(path: &Path, error: io::Error) -> io::Error {
    if path.is_symlink() { io::Error::other("it is a symbolic link") } else { error }
}

/// Opens what is under /dev or /proc. Descriptors of the daemon's own that cannot be opened a second time, or would
/// then be written at another place, are shared.
fn open_device(path: &Path) -> io::Result<(File, Place)> {
    if let Some(number) = own_descriptor(path) {
        let twin = file::duplicate(number)?;
        let kind = twin.metadata()?.file_type();
        if kind.is_socket() {
            return Ok((twin, Place::Socket));
        }
        if kind.is_file() {
            return Ok((twin, Place::Stream));
        }
    }
    let file = file::open(path, Purpose::Device)?;
    match place(&file)? {
        Place::Regular { .. } | Place::Stream => Ok((file, Place::Stream)),
        Place::Socket => Ok((file, Place::Socket)),
    }
}

/// Which of the daemon's own descriptors a path under /dev or /proc names.
fn own_descriptor(path: &Path) -> Option<i32> {
    match path.to_str()? {
        "/dev/stdout" => Some(1),
        "/dev/stderr" => Some(2),
        text => text.strip_prefix("/dev/fd/").or_else(|| text.strip_prefix("/proc/self/fd/"))?.parse().ok(),
    }
}

/// What kind of place an open file is, if it is one that a log may go to.
fn place(file: &File) -> io::Result<Place> {
    let meta = file.metadata()?;
    let kind = meta.file_type();
    if kind.is_char_device() || kind.is_fifo() {
        return Ok(Place::Stream);
    }
    if !kind.is_file() {
        return Err(io::Error::other("not a regular file, a terminal or a fifo"));
    }
    if meta.nlink() > 1 {
        // Its other name may be somebody else's file.
        return Err(io::Error::other("the file has another name (a hard link)"));
    }
    Ok(Place::Regular { offset: meta.len(), since: meta.len() })
}

/// The path of a log's backup; 0 is the log itself.
pub(super) fn numbered(path: &Path, index: u32) -> PathBuf {
    if index == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{index}"));
    PathBuf::from(name)
}
