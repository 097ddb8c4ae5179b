//! The file of the control socket: it is made, opened up to those who may connect, and goes with the daemon.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::base::errno::Errno;
use crate::config::model::SocketConfig;
use crate::daemon::error::Error;
use crate::sys::{sock, user};

/// The socket's file, which goes with its owner: a start that fails later on leaves none behind.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl SocketFile {
    /// That of a socket that was just made.
    #[must_use]
    pub fn new(path: PathBuf) -> SocketFile {
        SocketFile(path)
    }

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
    match look_at(path) {
        Ok(false) => {}
        Ok(true) => fs::remove_file(path).map_err(|e| failed("remove the leftover socket", e))?,
        Err(error) if error.raw_os_error() == Some(Errno::ENOTSOCK.0) => {
            return Err(failed("listen on", io::Error::other("there is something that is no socket")));
        }
        Err(_) => return Err(Error::Taken(path.to_owned())),
    }
    let listener = sock::listen(path).map_err(|e| failed("listen on", e))?;
    let file = SocketFile(path.to_owned());
    open_up(path, config)?;
    Ok((listener, file))
}

/// Whether there is a socket at this path that nobody listens at any more.
///
/// # Errors
/// EADDRINUSE if somebody does, ENOTSOCK if it is something else.
pub fn look_at(path: &Path) -> io::Result<bool> {
    let Ok(there) = fs::symlink_metadata(path) else { return Ok(false) };
    if !there.file_type().is_socket() {
        return Err(io::Error::from_raw_os_error(Errno::ENOTSOCK.0));
    }
    if sock::answers(path) { Err(io::Error::from_raw_os_error(Errno::EADDRINUSE.0)) } else { Ok(true) }
}

/// Removes such a socket, so that another may take its place.
///
/// # Errors
/// As `look_at`, and unlink(2).
pub fn make_room(path: &Path) -> io::Result<()> {
    if look_at(path)? { fs::remove_file(path) } else { Ok(()) }
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
