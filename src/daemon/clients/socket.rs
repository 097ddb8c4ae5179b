//! The file of the control socket: it is made, opened up to those who may connect, and goes with the daemon.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::config::model::SocketConfig;
use crate::daemon::error::Error;
use crate::sys::{sock, user};

/// The socket's file, which goes with its owner: a start that fails later on leaves none behind.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl SocketFile {
    /// Removes it, while its owner lives on.
    pub fn remove(&self) {
        // Gone already is as good.
        let _ = fs::remove_file(&self.0);
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Makes the socket and listens. The caller holds its lock, so a file that is in the way is a leftover.
///
/// # Errors
/// The path is too long, is something else than a socket, or the system refuses.
pub fn open(path: &Path, config: &SocketConfig) -> Result<(OwnedFd, SocketFile), Error> {
    let failed = |step, error| Error::io(step, path, error);
    if path.as_os_str().len() > sock::PATH_BYTES {
        let text = format!("the path is longer than {} bytes", sock::PATH_BYTES);
        return Err(failed("listen on", io::Error::other(text)));
    }
    if let Ok(there) = fs::symlink_metadata(path) {
        if !there.file_type().is_socket() {
            return Err(failed("listen on", io::Error::other("there is something that is no socket")));
        }
        if sock::answers(path) {
            return Err(Error::Taken(path.to_owned()));
        }
        fs::remove_file(path).map_err(|e| failed("remove the leftover socket", e))?;
    }
    let listener = sock::listen(path).map_err(|e| failed("listen on", e))?;
    let file = SocketFile(path.to_owned());
    open_up(path, config)?;
    Ok((listener, file))
}

/// Gives the socket the owner and the permissions that the configuration names, ownership first: there must be no
/// moment in which the wrong group may connect.
fn open_up(path: &Path, config: &SocketConfig) -> Result<(), Error> {
    let missing = |what: &str| io::Error::other(format!("no such {what}"));
    let uid = match &config.owner {
        None => None,
        Some(owner) => match user::user(owner) {
            Ok(Some(identity)) => Some(identity.uid),
            Ok(None) => return Err(Error::io("give the socket to its owner", owner, missing("user"))),
            Err(error) => return Err(Error::io("look up the socket's owner", owner, error)),
        },
    };
    let gid = match &config.group {
        None => None,
        Some(group) => match user::group(group) {
            Ok(Some(gid)) => Some(gid),
            Ok(None) => return Err(Error::io("give the socket to its group", group, missing("group"))),
            Err(error) => return Err(Error::io("look up the socket's group", group, error)),
        },
    };
    if uid.is_some() || gid.is_some() {
        std::os::unix::fs::lchown(path, uid, gid).map_err(|e| Error::io("change the owner of", path, e))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(config.mode))
        .map_err(|e| Error::io("change the permissions of", path, e))
}
