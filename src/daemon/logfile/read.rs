//! Log files seen from outside their writer: their last lines, and their removal.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::logs::rotate;
use crate::logs::tail::Tail;
use crate::sys::file::{self, Purpose};

use super::fact::LogFact;
use super::file::numbered;
use crate::base::errno::plain;

const BLOCK_BYTES: u64 = 64 << 10;

/// The last lines of a log and its backups, at most `limit` bytes. A log that does not exist has none.
///
/// # Errors
/// Why it cannot be read; also if it is not a regular file.
pub fn tail(path: &Path, lines: u32, limit: usize) -> io::Result<Vec<u8>> {
    let mut tail = Tail::new(lines, limit);
    read_backwards(path, &mut tail)?;
    for index in rotate::backups_after(0, |i| numbered(path, i).symlink_metadata().is_ok()) {
        if tail.is_done() {
            break;
        }
        read_backwards(&numbered(path, index), &mut tail)?;
    }
    Ok(tail.finish())
}

fn read_backwards(path: &Path, tail: &mut Tail) -> io::Result<()> {
    let file = match file::open(path, Purpose::Read) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut end = meta.len();
    let mut block = Vec::new();
    while end > 0 && !tail.is_done() {
        let begin = end.saturating_sub(BLOCK_BYTES);
        block.resize(usize::try_from(end - begin).unwrap_or(0), 0);
        file.read_exact_at(&mut block, begin)?;
        tail.push_front(&block);
        end = begin;
    }
    Ok(())
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
