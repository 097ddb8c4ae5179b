//! Log files seen from outside their writer: their last lines, what comes next in them, and their removal.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::base::position::{FileMark, Found, Position};
use crate::logs::rotate;
use crate::logs::tail::Tail;
use crate::sys::file::{self, Purpose};

use super::fact::LogFact;
use super::file::numbered;
use crate::base::errno::plain;

const BLOCK_BYTES: u64 = 64 << 10;

/// The last lines of a log and its backups, at most `limit` bytes, and where they end. A log that does not exist has
/// none.
///
/// # Errors
/// Why it cannot be read; also if it is not a regular file.
pub fn tail(path: &Path, lines: u32, limit: usize) -> io::Result<(Vec<u8>, Position)> {
    let mut tail = Tail::new(lines, limit);
    let mut end = Position::default();
    for index in std::iter::once(0).chain(backups(path)) {
        if tail.is_done() && end.file.is_some() {
            break;
        }
        let end_of_file = read_backwards(&numbered(path, index), &mut tail)?;
        // After a rotation there is no file until something is written to it.
        if end.file.is_none() {
            end = end_of_file;
        }
    }
    Ok((tail.finish(), end))
}

/// Reads a file from its end on; where that is.
fn read_backwards(path: &Path, tail: &mut Tail) -> io::Result<Position> {
    let Some((file, mark)) = open(path)? else { return Ok(Position::default()) };
    let size = file.metadata()?.len();
    let mut end = size;
    let mut block = Vec::new();
    while end > 0 && !tail.is_done() {
        let begin = end.saturating_sub(BLOCK_BYTES);
        block.resize(usize::try_from(end - begin).unwrap_or(0), 0);
        file.read_exact_at(&mut block, begin)?;
        tail.push_front(&block);
        end = begin;
    }
    Ok(Position { file: Some(mark), offset: size })
}

/// What came next in a log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReadOn {
    /// The bytes; none if nothing came.
    pub bytes: Vec<u8>,
    /// Behind them.
    pub at: Position,
    /// What came directly behind the old position is no longer kept.
    pub lost: bool,
    /// They are the last of a file that was set aside: nothing will be added to the line that they end with.
    pub closed: bool,
    /// There is more.
    pub more: bool,
}

/// The next bytes of a log from a position on, at most `limit`, out of one file.
///
/// # Errors
/// Why it cannot be read; also if it is not a regular file.
pub fn read_on(path: &Path, at: Position, limit: usize) -> io::Result<ReadOn> {
    let mut on = ReadOn { at, ..ReadOn::default() };
    loop {
        let index = match on.at.find(|index| mark(&numbered(path, index)), backups(path)) {
            Found::At(index) => index,
            Found::Lost(index) => {
                on.lost = true;
                on.at = Position::default();
                index
            }
            Found::Nothing => return Ok(on),
        };
        let Some((file, mark)) = open(&numbered(path, index))? else { return Ok(on) };
        let size = file.metadata()?.len();
        // Somebody has emptied it.
        let offset = if on.at.offset > size { 0 } else { on.at.offset };
        on.bytes.resize(usize::try_from(size - offset).unwrap_or(limit).min(limit), 0);
        file.read_exact_at(&mut on.bytes, offset)?;
        let end = offset + on.bytes.len() as u64;
        on.at = Position { file: Some(mark), offset: end };
        on.closed = index > 0 && end == size;
        on.more = index > 0 || end < size;
        if !on.bytes.is_empty() || index == 0 {
            return Ok(on);
        }
        // Read to its end, and set aside: the one that came after it has the next lower index.
        let next = backups(path).take_while(|i| *i < index).last().unwrap_or(0);
        let Some(mark) = self::mark(&numbered(path, next)) else {
            return Ok(ReadOn { more: false, ..on });
        };
        on.at = Position { file: Some(mark), offset: 0 };
    }
}

fn backups(path: &Path) -> impl Iterator<Item = u32> {
    rotate::backups_after(0, |i| numbered(path, i).symlink_metadata().is_ok())
}

fn mark(path: &Path) -> Option<FileMark> {
    file::mark(path).ok().map(|(ino, born)| FileMark { ino, born })
}

/// Opens a log for reading; `None` if it is not there.
fn open(path: &Path) -> io::Result<Option<(fs::File, FileMark)>> {
    let file = match file::open(path, Purpose::Read) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let (ino, born) = file::mark_of(file.as_fd())?;
    Ok(Some((file, FileMark { ino, born })))
}

/// What is in a directory; nothing if there is none.
///
/// # Errors
/// It cannot be listed.
pub(super) fn names_in(dir: &Path) -> io::Result<BTreeSet<OsString>> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        listed => listed?.map(|entry| Ok(entry?.file_name())).collect(),
    }
}

/// Removes a log of an earlier daemon with its backups, the oldest first.
pub(super) fn remove(path: &Path, facts: &mut Vec<LogFact>) {
    let mut indices = rotate::surplus(0, |i| numbered(path, i).symlink_metadata().is_ok());
    indices.push(0);
    for index in indices {
        let path = numbered(path, index);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                facts.push(LogFact::CleanupFailed { path, error: plain(&e) });
            }
            Ok(()) | Err(_) => {}
        }
    }
}
