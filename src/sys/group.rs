//! Process groups: signals to them, and who is left of one whose leader is gone.
//!
//! A group is named by a number, and a number can be used again once nobody holds it. It is held by the leader until
//! that is reaped, and by every member. So: by number only while the leader is unreaped; after that its members are
//! found once and then held by pidfd.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use crate::base::signal::Sig;

use super::pidfd;

/// Sends a signal to all members of the group. Only for a group whose leader this process has not reaped.
///
/// # Errors
/// kill(2): ESRCH if there is no such group (yet), EPERM if no member may be signalled.
pub fn signal(pgid: u32, sig: Sig) -> io::Result<()> {
    kill(pgid, sig.number())
}

/// Whether anybody, alive or zombie, is in the group. To be asked directly after its leader was reaped, before its
/// number can have been used again.
#[must_use]
pub fn exists(pgid: u32) -> bool {
    // EPERM means that there is somebody who may not be signalled.
    kill(pgid, 0).map_or_else(|e| e.raw_os_error() == Some(libc::EPERM), |()| true)
}

fn kill(pgid: u32, number: i32) -> io::Result<()> {
    let pgid = i32::try_from(pgid).ok().filter(|n| *n > 1).ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
    // SAFETY: kill(2) takes two numbers; the group number is over 1, so neither "all" nor "own group" is meant.
    if unsafe { libc::kill(-pgid, number) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The living members of a group that leads a session of its own, by pidfd. Empty if there is none, and where /proc is
/// not mounted.
#[must_use]
pub fn members(pgid: u32) -> Vec<(u32, OwnedFd)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| is_member(*pid, pgid))
        .filter_map(|pid| {
            let fd = pidfd::open(pid).ok()?;
            // Asked again with the process held: the number may have changed hands in between.
            is_member(pid, pgid).then_some((pid, fd))
        })
        .collect()
}

/// Whether the process is alive and in this group and session, by proc(5): `pid (comm) state ppid pgrp session …`.
fn is_member(pid: u32, pgid: u32) -> bool {
    let Ok(stat) = fs::read(format!("/proc/{pid}/stat")) else { return false };
    let text = String::from_utf8_lossy(&stat);
    // The command may hold blanks and brackets, so the fields begin behind the last bracket.
    let Some((_, rest)) = text.rsplit_once(')') else { return false };
    let mut fields = rest.split_ascii_whitespace();
    let alive = !matches!(fields.next(), None | Some("Z" | "X" | "x"));
    let mut numbers = fields.skip(1).map(|field| field.parse::<u32>().unwrap_or(0));
    alive && numbers.next() == Some(pgid) && numbers.next() == Some(pgid)
}
