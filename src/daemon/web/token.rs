//! The token: its file, and the sessions of browsers that have shown it.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use data_encoding::HEXLOWER;

use crate::daemon::error::Error;
use crate::sys::{random, user};
use crate::web::guard::{self, TOKEN_BYTES};

/// How many random bytes a new token or session has.
const RANDOM_BYTES: usize = 32;

/// The longest token file.
const FILE_BYTES: u64 = 4096;

/// How many browsers may have a session. One more takes the place of the oldest.
const SESSIONS: usize = 64;

/// Reads the token. Where there is no file yet, one is made with a new token that nobody else may read.
///
/// # Errors
/// It cannot be read or made, others may read it, or it is too short to be one.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    let failed = |error| Error::io("read the token", path, error);
    let wrong = |text: String| Error::io("use the token", path, io::Error::other(text));
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return make(path),
        Err(error) => return Err(failed(error)),
    };
    if about.mode() & 0o077 != 0 {
        return Err(wrong("others may read it: chmod 600".to_owned()));
    }
    if ![0, user::effective_uid()].contains(&about.uid()) {
        return Err(wrong("it belongs to somebody else".to_owned()));
    }
    if about.len() > FILE_BYTES {
        return Err(wrong(format!("it has more than {FILE_BYTES} bytes")));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    let token = text.trim();
    let plain = token.bytes().all(|b| b.is_ascii_graphic());
    if token.len() < TOKEN_BYTES || !plain {
        return Err(wrong(format!("a token is one word of at least {TOKEN_BYTES} letters and digits")));
    }
    Ok(token.to_owned())
}

fn make(path: &Path) -> Result<String, Error> {
    let failed = |error| Error::io("make the token", path, error);
    let token = secret().map_err(failed)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(format!("{token}\n").as_bytes()).map_err(failed)?;
    Ok(token)
}

/// A text that nobody can guess.
fn secret() -> io::Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
    random::fill(&mut bytes)?;
    Ok(HEXLOWER.encode(&bytes))
}

/// Browsers that have shown the token. They end with the daemon, and when the token changes.
#[derive(Debug, Default)]
pub(super) struct Sessions(VecDeque<String>);

impl Sessions {
    /// Begins one; its secret.
    pub(super) fn begin(&mut self) -> Option<String> {
        let secret = secret().ok()?;
        if self.0.len() == SESSIONS {
            self.0.pop_front();
        }
        self.0.push_back(secret.clone());
        Some(secret)
    }

    /// Whether this is the secret of one.
    pub(super) fn knows(&self, secret: &str) -> bool {
        self.0.iter().fold(false, |known, one| known | guard::equal(secret.as_bytes(), one.as_bytes()))
    }

    /// Ends all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_made_once_and_must_be_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let token = read(&path).unwrap();
        assert_eq!(token.len(), 64);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap(), token);
        fs::write(&path, " 0123456789abcdef \n").unwrap();
        assert_eq!(read(&path).unwrap(), "0123456789abcdef");
        for bad in ["", "short", "0123456789abcde f", &"x".repeat(5000)] {
            fs::write(&path, bad).unwrap();
            assert!(read(&path).is_err(), "{bad}");
        }
        fs::write(&path, "0123456789abcdef").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("chmod 600"));
        assert!(read(dir.path()).is_err() && read(Path::new("/nowhere/token")).is_err());
    }

    #[test]
    fn sessions_are_bounded() {
        let mut sessions = Sessions::default();
        let first = sessions.begin().unwrap();
        assert!(sessions.knows(&first) && !sessions.knows("") && !sessions.knows(&first[1..]));
        for _ in 0..SESSIONS {
            sessions.begin().unwrap();
        }
        assert!(!sessions.knows(&first));
        let last = sessions.begin().unwrap();
        sessions.clear();
        assert!(!sessions.knows(&last));
    }
}
