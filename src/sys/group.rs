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

/// Sends a signal to every process but this one that it may signal. Only for the first process of a namespace, whose all
/// of them are. Whether there was any.
pub fn signal_all(sig: Sig) -> bool {
    // SAFETY: kill(2) takes two numbers.
    unsafe { libc::kill(-1, sig.number()) == 0 }
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

/// The living processes of the system at one moment, with their groups. One look serves all groups of a turn.
#[derive(Debug, Default)]
pub struct Snapshot(Vec<(u32, u32)>);

impl Snapshot {
    /// Looks at every process. Empty where /proc is not mounted.
    #[must_use]
    pub fn take() -> Snapshot {
        let Ok(entries) = fs::read_dir("/proc") else { return Snapshot::default() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        Snapshot(pids.filter_map(|pid| own_group(pid).map(|group| (pid, group))).collect())
    }

    /// The members of a group that led a session of its own and whose leader was reaped, by pidfd.
    ///
    /// A process whose number is the group's is no member: the leader is gone, so it is a stranger that has the number
    /// now, and the group is its own.
    #[must_use]
    pub fn members(&self, pgid: u32) -> Vec<(u32, OwnedFd)> {
        if self.0.iter().any(|(pid, _)| *pid == pgid) {
            return Vec::new();
        }
        let there = self.0.iter().filter(|(_, group)| *group == pgid);
        there
            .filter_map(|(pid, _)| {
                let fd = pidfd::open(*pid).ok()?;
                // Asked again with the process held: the number may have changed hands in between.
                (own_group(*pid) == Some(pgid)).then_some((*pid, fd))
            })
            .collect()
    }
}

/// How far up the parents of a process are looked at.
const ANCESTORS: usize = 64;

/// Whether a process is one of those that this leader of a session has started, or itself: by its session, or by its
/// parents. Only for a leader that is not reaped.
#[must_use]
pub fn is_within(pid: u32, leader: u32) -> bool {
    let mut at = pid;
    for _ in 0..ANCESTORS {
        if at == leader {
            return true;
        }
        match parent_and_session(at) {
            Some((_, session)) if session == leader => return true,
            Some((parent @ 2.., _)) => at = parent,
            Some(_) | None => return false,
        }
    }
    false
}

/// The parent of a process, alive or zombie.
pub(super) fn parent(pid: u32) -> Option<u32> {
    parent_and_session(pid).map(|(parent, _)| parent)
}

/// The parent and the session of a process, alive or zombie.
fn parent_and_session(pid: u32) -> Option<(u32, u32)> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&stat);
    let (_, rest) = text.rsplit_once(')')?;
    let mut numbers = rest.split_ascii_whitespace().skip(1).map(|field| field.parse::<u32>().unwrap_or(0));
    let parent = numbers.next()?;
    Some((parent, numbers.nth(1)?))
}

/// The group of a living process that is in a session of the same number.
fn own_group(pid: u32) -> Option<u32> {
    group_and_session(pid).filter(|(group, session)| group == session).map(|(group, _)| group)
}

/// The group of a living process. `None` if there is no such process, or it is a zombie.
pub(super) fn of(pid: u32) -> Option<u32> {
    group_and_session(pid).map(|(group, _)| group)
}

/// By proc(5): `pid (comm) state ppid pgrp session …`.
fn group_and_session(pid: u32) -> Option<(u32, u32)> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&stat);
    // The command may hold blanks and brackets, so the fields begin behind the last bracket.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let alive = !matches!(fields.next(), None | Some("Z" | "X" | "x"));
    let mut numbers = fields.skip(1).map(|field| field.parse::<u32>().unwrap_or(0));
    let (group, session) = (numbers.next()?, numbers.next()?);
    alive.then_some((group, session))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_within_and_others_are_not() {
        let own = std::process::id();
        let parent = parent_and_session(own).unwrap().0;
        assert!(is_within(own, own));
        assert!(is_within(own, parent));
        assert!(!is_within(parent, own));
        assert!(!is_within(1, own));
        assert!(!is_within(u32::MAX, own));
    }
}
