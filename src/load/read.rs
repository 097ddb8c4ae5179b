//! Reads files within limits, and takes note of what was read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::base::errno::plain;
use crate::base::tree;
use crate::config::{NamedTexts, Unread};
use crate::sys::user;

use super::Stamps;

/// The most bytes that all files of a configuration may have together.
const ALL_BYTES: usize = 64 << 20;
/// The most files that are read of a directory of variables.
const FILES: usize = 10_000;

/// Reads files. What it is asked for again it does not read again: a thousand programs may share one file.
#[derive(Default)]
pub(super) struct Reader {
    stamps: RefCell<Stamps>,
    texts: RefCell<BTreeMap<PathBuf, Result<String, Unread>>>,
    dirs: RefCell<BTreeMap<PathBuf, Result<NamedTexts, Unread>>>,
    bytes: RefCell<usize>,
}

impl Reader {
    /// What was read, as it was then.
    pub(super) fn stamps(self) -> Stamps {
        self.stamps.into_inner()
    }

    /// Takes note of a file or directory that the configuration depends on.
    pub(super) fn note(&self, path: &Path) {
        self.stamps.borrow_mut().take(path);
    }

    /// The text of a file.
    ///
    /// # Errors
    /// Why it cannot be had, as the end of a sentence about the file.
    pub(super) fn text(&self, path: &Path) -> Result<String, Unread> {
        self.note(path);
        let kind = fs::metadata(path).map_err(|e| unread(&e))?.file_type();
        if kind.is_dir() {
            return Err(Unread::Because("is a directory".to_owned()));
        }
        // To open a pipe is to wait for its writer. Below /dev are those that a shell has opened already.
        if !kind.is_file() && !path.starts_with("/dev") && !path.starts_with("/proc") {
            return Err(Unread::Because("is a pipe, a socket or a device, not a file".to_owned()));
        }
        let file = fs::File::open(path).map_err(|e| unread(&e))?;
        let metadata = file.metadata().map_err(|e| unread(&e))?;
        if let Some(text) = writable_by_all(metadata.permissions().mode()) {
            return Err(Unread::Because(text));
        }
        let mut bytes = Vec::new();
        file.take(tree::TEXT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|e| unread(&e))?;
        if bytes.len() > tree::TEXT_BYTES {
            return Err(Unread::Because(format!(
                "{}; it may be cut into several, joined by include",
                tree::too_large()
            )));
        }
        *self.bytes.borrow_mut() += bytes.len();
        if *self.bytes.borrow() > ALL_BYTES {
            let text = format!("is one file too many: together they have more than {} MiB", ALL_BYTES >> 20);
            return Err(Unread::Because(text));
        }
        String::from_utf8(bytes)
            .map_err(|e| Unread::Because(format!("is not UTF-8 text (byte {})", e.utf8_error().valid_up_to())))
    }

    /// The text of a file of variables.
    pub(super) fn text_of(&self, path: &str) -> Result<String, Unread> {
        let path = Path::new(path);
        if let Some(known) = self.texts.borrow().get(path) {
            return known.clone();
        }
        let text = self.text(path);
        self.texts.borrow_mut().insert(path.to_owned(), text.clone());
        text
    }

    /// The names and texts of the files in a directory of variables. What begins with a dot, and directories, are left
    /// out: that is how secrets are mounted.
    pub(super) fn texts_in(&self, path: &str) -> Result<NamedTexts, Unread> {
        let dir = Path::new(path);
        if let Some(known) = self.dirs.borrow().get(dir) {
            return known.clone();
        }
        let texts = self.read_dir(dir);
        self.dirs.borrow_mut().insert(dir.to_owned(), texts.clone());
        texts
    }

    fn read_dir(&self, dir: &Path) -> Result<NamedTexts, Unread> {
        let names = self.names_in(dir).map_err(|e| unread(&e))?;
        let names: Vec<String> = names.into_iter().filter(|n| !n.starts_with('.') && !dir.join(n).is_dir()).collect();
        if names.len() > FILES {
            return Err(Unread::Because(format!("has more than {FILES} files")));
        }
        let text = |name: String| match self.text(&dir.join(&name)) {
            Ok(text) => Ok((name, text)),
            Err(Unread::Absent) => Err(Unread::Because(format!("{name} in it is a link to nothing"))),
            Err(Unread::Because(text)) => Err(Unread::Because(format!("{name} in it {text}"))),
        };
        names.into_iter().map(text).collect()
    }

    /// The names in a directory, in byte order; those that are no UTF-8 are left out.
    pub(super) fn names_in(&self, dir: &Path) -> io::Result<Vec<String>> {
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        self.note(dir);
        let entries = fs::read_dir(dir)?.flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    }
}

/// The configuration files of a directory, in byte order.
///
/// # Errors
/// It cannot be read, or is no directory.
pub(super) fn files_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir)?.flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_configuration(path)).collect();
    files.sort();
    Ok(files)
}

fn is_configuration(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str());
    let hidden = path.file_name().and_then(|n| n.to_str()).is_none_or(|name| name.starts_with('.'));
    matches!(extension, Some("yaml" | "yml" | "json" | "toml")) && !hidden && path.is_file()
}

/// Why root must not go by a file with these permissions, if it must not: whoever may write to it could have anything
/// run as root.
pub(super) fn writable_by_all(mode: u32) -> Option<String> {
    const OTHERS_WRITE: u32 = 0o002;
    let refused = mode & OTHERS_WRITE != 0 && user::effective_uid() == 0;
    refused.then(|| "may be written to by anybody, and root is to go by it: chmod o-w makes it safe".to_owned())
}

fn unread(error: &io::Error) -> Unread {
    if error.kind() == io::ErrorKind::NotFound {
        return Unread::Absent;
    }
    Unread::Because(format!("cannot be read: {}", plain(error)))
}
