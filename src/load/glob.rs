//! Path patterns: from `conf.d/*.yaml` to the files that there are.

use std::io;
use std::path::{Path, PathBuf};

use crate::base::select::glob;

use super::read::Reader;

/// The most files that one pattern may find.
const FOUND: usize = 20_000;

/// Whether a path has anything in it that stands for other characters.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The files and directories that match, in byte order. Below a directory, names that begin with a dot only match a
/// part that begins with one. A directory that is not there or may not be read has nothing that matches.
///
/// # Errors
/// There are too many.
pub(super) fn expand(pattern: &Path, reader: &Reader) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let part = part.as_os_str();
        let Some(text) = part.to_str().filter(|text| is_pattern(text)) else {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        };
        let mut next = Vec::new();
        for dir in &found {
            let names = reader.names_in(dir).unwrap_or_default();
            let visible = |name: &String| text.starts_with('.') || !name.starts_with('.');
            let matching = names.iter().filter(|name| visible(name) && glob(text, name));
            next.extend(matching.map(|name| dir.join(name)));
            if next.len() > FOUND {
                return Err(io::Error::other(format!("matches more than {FOUND} files")));
            }
        }
        found = next;
    }
    found.retain(|path| path.exists());
    found.sort();
    Ok(found)
}
