//! Where the control socket is when nobody says so. Daemon and client must agree, so there is one rule.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The environment variable that names the socket to the client.
pub const SOCKET_VARIABLE: &str = "TASKMASTER_SOCKET";

/// The socket's path for a user: root's is a place of the system, another user's is in the runtime directory of the
/// session (`XDG_RUNTIME_DIR`, which only counts if it is absolute), or else in a directory of the user's own.
#[must_use]
pub fn default_socket(uid: u32, runtime_dir: Option<&OsStr>) -> PathBuf {
    if uid == 0 {
        return PathBuf::from("/run/taskmaster/control.sock");
    }
    match runtime_dir.map(Path::new).filter(|dir| dir.is_absolute()) {
        Some(dir) => dir.join("taskmaster.sock"),
        None => PathBuf::from(format!("/tmp/taskmaster-{uid}/control.sock")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let at = |uid, dir: Option<&str>| default_socket(uid, dir.map(OsStr::new)).display().to_string();
        assert_eq!(at(0, Some("/run/user/0")), "/run/taskmaster/control.sock");
        assert_eq!(at(1000, Some("/run/user/1000")), "/run/user/1000/taskmaster.sock");
        assert_eq!(at(1000, None), "/tmp/taskmaster-1000/control.sock");
        assert_eq!(at(1000, Some("")), "/tmp/taskmaster-1000/control.sock");
        assert_eq!(at(1000, Some("run")), "/tmp/taskmaster-1000/control.sock");
    }
}
