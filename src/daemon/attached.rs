//! The shell of `taskmasterd -i`: the client's own binary, at the terminal, beside a daemon in a session of its own.
//!
//! Three processes: this one began it all, and does nothing but wait; the daemon, which is split off first and knows
//! nothing of a terminal; and the client, which has the terminal and all its keys. Whichever of the two ends first, the
//! other is ended. If this one is killed, the kernel tells both of them to end.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::base::exit::Exit;
use crate::base::signal::Sig;
use crate::sys::foreground::Foreground;
use crate::sys::poll::{self, For};
use crate::sys::{pidfd, wait};

use super::error::Error;

/// The name of the client's binary.
const CLIENT: &str = "taskmasterctl";

/// How long a client that sees the daemon end may take to say so and leave, and how long one that is told to.
const LEAVING_TIME: Duration = Duration::from_secs(1);

/// Undoes what line editors ask of a terminal besides its modes: to mark what is pasted.
const NO_MARKS: &[u8] = b"\x1b[?2004l\r\n";

/// The client's binary: the one beside this daemon's, else the first in the search path.
///
/// # Errors
/// There is none.
pub fn find_client(binary: Option<&Path>, env: &BTreeMap<String, String>) -> Result<PathBuf, Error> {
    let beside = binary.and_then(Path::parent).map(Path::to_owned);
    let search = env.get("PATH").map(String::as_str).unwrap_or_default();
    let search = std::env::split_paths(search).filter(|dir| dir.is_absolute());
    let runs = |path: &PathBuf| fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    let found = beside.iter().cloned().chain(search).map(|dir| dir.join(CLIENT)).find(runs);
    found.ok_or(Error::NoClient { beside })
}

/// Runs the client on this socket until it ends or the daemon does, and then ends the other one; how the client ended.
///
/// # Errors
/// The client cannot be started; poll(2), waitid(2).
pub fn attend(client: &Path, socket: &Path, daemon: &OwnedFd) -> Result<ExitCode, Error> {
    let arguments = [OsStr::new("--attached"), OsStr::new("--socket"), socket.as_os_str()];
    let begun = Foreground::start(client, &arguments).map_err(|e| Error::io("run", client, e));
    let failed = |e| Error::io("wait for the shell", "", e);
    let ended = begun.and_then(|shell| stay(&shell, daemon).map_err(failed));
    // What the shell has not asked for. If it has, the daemon is gone by now, or is to hurry.
    let _ = pidfd::send_signal(daemon.as_fd(), Sig::TERM);
    poll::wait([Some((daemon.as_fd(), For::Reading))], None).map_err(failed)?;
    let daemon = wait::reap(daemon.as_fd()).map_err(failed)?;
    Ok(match ended? {
        Some(exit) => exit.code().into(),
        None => daemon.map_or(ExitCode::FAILURE, |exit| exit.code().into()),
    })
}

/// Waits for the end of either. How the shell ended, if it did so first.
fn stay(shell: &Foreground, daemon: &OwnedFd) -> io::Result<Option<Exit>> {
    let mut over = false;
    // A signal that comes in between, or a stop, is no end.
    while !over {
        let [shell_ended, daemon_ended] =
            poll::wait([Some((shell.as_fd(), For::Reading)), Some((daemon.as_fd(), For::Reading))], None)?;
        over = shell_ended || daemon_ended;
    }
    // The shell may have had the daemon stopped, and be about to say so.
    for sig in [None, Some(Sig::TERM), Some(Sig::KILL)] {
        if let Some(sig) = sig {
            shell.signal(sig);
            shell.signal(Sig::CONT);
        }
        poll::wait([Some((shell.as_fd(), For::Reading))], Some(LEAVING_TIME))?;
        let Some(exit) = shell.ended()? else { continue };
        if matches!(exit, Exit::Signal { .. }) && shell.restore_terminal() && has_line_editor() {
            let _ = io::stdout().write_all(NO_MARKS).and_then(|()| io::stdout().flush());
        }
        if sig.is_some() {
            let _ = writeln!(io::stderr(), "taskmasterd: the daemon has ended, and the shell with it");
            return Ok(None);
        }
        return Ok(Some(exit));
    }
    Ok(None)
}

/// Whether the client edits lines at this terminal.
fn has_line_editor() -> bool {
    std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_beside_the_daemon_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, mode: u32| {
            let path = dir.path().join(name).join(CLIENT);
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let (plain, other, beside) = (put("plain", 0o644), put("other", 0o755), put("beside", 0o755));
        let daemon = |client: &Path| client.with_file_name("taskmasterd");
        let search = |dirs: &[&Path]| {
            let dirs = dirs.iter().map(|client| client.parent().unwrap().to_str().unwrap());
            BTreeMap::from([("PATH".to_owned(), dirs.collect::<Vec<_>>().join(":"))])
        };
        let found = |binary: &Path, env| find_client(Some(binary), &env);
        assert_eq!(found(&daemon(&beside), search(&[&other])).unwrap(), beside);
        assert_eq!(found(&daemon(&plain), search(&[&plain, &other])).unwrap(), other);
        assert_eq!(find_client(None, &search(&[&other])).unwrap(), other);
        let text = found(&daemon(&plain), search(&[])).unwrap_err().to_string();
        assert!(text.contains("taskmasterctl") && text.contains(plain.parent().unwrap().to_str().unwrap()), "{text}");
        assert!(find_client(None, &BTreeMap::new()).is_err());
    }
}
