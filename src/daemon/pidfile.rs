//! The file with the daemon's process id.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use super::error::Error;

/// The file with the daemon's process id. Dropped, it is removed.
#[derive(Debug)]
pub struct PidFile(Option<PathBuf>);

impl PidFile {
    /// Writes the file, if one is wanted.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(path: Option<&str>) -> Result<PidFile, Error> {
        let Some(path) = path.map(PathBuf::from) else { return Ok(PidFile(None)) };
        // In place by a rename, so that nobody reads half of it; made anew, so that no link is followed.
        let new = PathBuf::from(format!("{}.new", path.display()));
        let _ = fs::remove_file(&new);
        let written = fs::File::create_new(&new)
            .and_then(|mut file| writeln!(file, "{}", std::process::id()))
            .and_then(|()| fs::rename(&new, &path));
        written.map_err(|e| Error::io("write the pid file", &path, e))?;
        Ok(PidFile(Some(path)))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}
