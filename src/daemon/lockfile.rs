//! One daemon a socket: a lock beside the socket is held for as long as the daemon lives.
//!
//! A lock dies with its holder, so a socket file without a lock is a leftover and may be replaced; with one it belongs
//! to a daemon that lives, and is not touched.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::sys::fd::NO_FOLLOW;

/// A lock that is held. Dropped, it is removed.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    _file: File,
}

impl LockFile {
    /// Takes the lock at `path`. `Ok(None)` if another process holds it.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn take(path: &Path) -> io::Result<Option<LockFile>> {
        // As often as a holder that leaves may remove the file between our opening and locking it.
        for _ in 0..100 {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(NO_FOLLOW)
                .open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            let same = fs::symlink_metadata(path).is_ok_and(|there| {
                file.metadata().is_ok_and(|ours| (ours.ino(), ours.dev()) == (there.ino(), there.dev()))
            });
            if same {
                return Ok(Some(LockFile { path: path.to_owned(), _file: file }));
            }
        }
        Ok(None)
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Removed while it is still locked, so that nobody can hold a lock on a file that is about to go.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_exclusive_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock.lock");
        let held = LockFile::take(&path).unwrap();
        assert!(held.is_some());
        assert!(LockFile::take(&path).unwrap().is_none());
        drop(held);
        assert!(!path.exists());
        assert!(LockFile::take(&path).unwrap().is_some());
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).unwrap();
        assert!(LockFile::take(&path).is_err());
    }
}
