//! Whether what answers on a socket may be told what to do. Whoever can put a socket at the path could pose as the daemon,
//! be told what is meant for it, and tell lies.
//!
//! The kernel says which user listens. Root and the own user may always; another one only if nobody else could have put
//! the socket there, or if the user was named.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The option that names the user.
const OPTION: &str = "--daemon-user";

/// Group and others may write.
const SHARED: u32 = 0o022;
/// Everybody may write.
const OPEN: u32 = 0o002;

/// Something on the way to the socket, the socket itself included.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    path: PathBuf,
    /// Whose it is: of a link, whose the link is.
    owner: u32,
    /// Whose the directory is that it stands in.
    parent_owner: u32,
    /// The permissions of that directory.
    parent_mode: u32,
}

/// Whether a server of this user on this socket is to be talked to. `own` is the user who asks, `named` the one who the
/// daemon is said to run as.
///
/// # Errors
/// Why not, and what can be done about it.
pub fn check(socket: &Path, server: u32, own: u32, named: Option<u32>) -> Result<(), String> {
    if let Some(named) = named {
        return check_named(socket, server, named);
    }
    let steps = steps(socket).map_err(|e| format!("cannot see who put a socket at {}: {e}", socket.display()))?;
    judge(socket, server, own, &steps)
}

fn check_named(socket: &Path, server: u32, named: u32) -> Result<(), String> {
    if server == named {
        return Ok(());
    }
    Err(format!(
        "the daemon on {} runs as user {server}, not as user {named} as {OPTION} says: not talking to it",
        socket.display()
    ))
}

fn judge(socket: &Path, server: u32, own: u32, steps: &[Step]) -> Result<(), String> {
    let trusted = |uid: u32| uid == 0 || uid == own;
    let foreign = |step: &&Step| step.parent_mode & OPEN != 0 && !trusted(step.owner);
    if let Some(Step { path, owner, .. }) = steps.iter().find(foreign) {
        return Err(format!(
            "{} belongs to user {owner} and stands where everybody may put something: not talking to what answers on {} \
             (if it is the daemon, {OPTION} {server} says so)",
            path.display(),
            socket.display()
        ));
    }
    if trusted(server) {
        return Ok(());
    }
    let by_server = |step: &Step| {
        let placed = step.parent_mode & SHARED == 0 || trusted(step.owner);
        placed && (trusted(step.parent_owner) || step.parent_owner == server)
    };
    if steps.last().is_some_and(|step| step.parent_owner == server) && steps.iter().all(by_server) {
        return Ok(());
    }
    Err(format!(
        "the daemon on {} runs as user {server}, neither as root nor as you (user {own}), and not only that user could \
         have put its socket there: not talking to it (if it is the daemon, {OPTION} {server} says so)",
        socket.display()
    ))
}

/// Everything on the way from the root directory: by the path as it is given, and by where that leads if there are links
/// in it.
fn steps(socket: &Path) -> io::Result<Vec<Step>> {
    let given = std::path::absolute(socket)?;
    let real = fs::canonicalize(&given)?;
    let mut steps = if given == real { Vec::new() } else { steps_of(&given)? };
    steps.extend(steps_of(&real)?);
    Ok(steps)
}

fn steps_of(path: &Path) -> io::Result<Vec<Step>> {
    let ways: Vec<&Path> = path.ancestors().collect();
    let pairs = ways.iter().zip(ways.iter().skip(1)).rev();
    pairs
        .map(|(path, parent)| {
            let parent = fs::metadata(parent)?;
            let owner = fs::symlink_metadata(path)?.uid();
            Ok(Step { path: path.to_path_buf(), owner, parent_owner: parent.uid(), parent_mode: parent.mode() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: u32 = 1000;
    const DAEMON: u32 = 500;
    const MALLORY: u32 = 666;

    /// The way to a socket: owner and mode of each directory from the root on, then the owner of the socket.
    fn way(directories: &[(u32, u32)], socket: u32) -> Vec<Step> {
        let owners = directories.iter().skip(1).map(|(owner, _)| *owner).chain([socket]);
        let steps = owners.zip(directories).map(|(owner, (parent_owner, parent_mode))| Step {
            path: "/x".into(),
            owner,
            parent_owner: *parent_owner,
            parent_mode: *parent_mode,
        });
        steps.collect()
    }

    #[test]
    fn whom_to_trust() {
        let root = (0, 0o755);
        let tmp = (0, 0o1777);
        for (server, directories, socket, good) in [
            // The usual places.
            (0, &[root, root, root][..], 0, true),
            (ME, &[root, root, (ME, 0o700)], ME, true),
            (ME, &[root, tmp, (ME, 0o700)], ME, true),
            (ME, &[root, tmp], ME, true),
            (0, &[root, tmp], 0, true),
            // Its socket given to a group or a user.
            (0, &[root, root, (0, 0o775)], DAEMON, true),
            // A daemon of its own user, in a directory that root has given it.
            (DAEMON, &[root, root, (DAEMON, 0o755)], DAEMON, true),
            (DAEMON, &[root, root, (DAEMON, 0o775)], DAEMON, false),
            (DAEMON, &[root, root, (MALLORY, 0o755)], DAEMON, false),
            (DAEMON, &[root, (MALLORY, 0o755), (DAEMON, 0o755)], DAEMON, false),
            (DAEMON, &[root, root], DAEMON, false),
            // Somebody was there first.
            (MALLORY, &[root, tmp, (MALLORY, 0o755)], MALLORY, false),
            (MALLORY, &[root, tmp], MALLORY, false),
            // Leads to a daemon that is real but another.
            (0, &[root, tmp, (MALLORY, 0o755)], MALLORY, false),
            (0, &[root, tmp], MALLORY, false),
            (ME, &[root, (0, 0o777)], MALLORY, false),
        ] {
            let told = judge(Path::new("/x"), server, ME, &way(directories, socket));
            assert_eq!(told.is_ok(), good, "{server} {directories:?} {socket}: {told:?}");
        }
    }

    #[test]
    fn who_is_named_is_who_must_answer() {
        let nowhere = Path::new("/nowhere/s");
        assert_eq!(check(nowhere, MALLORY, ME, Some(MALLORY)), Ok(()));
        let text = check(nowhere, 0, ME, Some(DAEMON)).unwrap_err();
        assert_eq!(
            text,
            "the daemon on /nowhere/s runs as user 0, not as user 500 as --daemon-user says: not talking to it"
        );
    }

    #[test]
    fn links_are_looked_at_and_followed() {
        let dir = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir(real.join("a")).unwrap();
        fs::write(real.join("a/s"), "").unwrap();
        std::os::unix::fs::symlink("a", real.join("link")).unwrap();
        let paths: Vec<PathBuf> = steps(&real.join("link/s")).unwrap().into_iter().map(|step| step.path).collect();
        for seen in ["link", "link/s", "a", "a/s"] {
            assert!(paths.contains(&real.join(seen)), "{seen}: {paths:?}");
        }
        assert!(steps(&real.join("b")).is_err());
    }
}
