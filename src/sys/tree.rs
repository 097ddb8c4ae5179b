//! What a process has started, and what that has started, as `/proc` tells it; and who holds a certain pipe.
//!
//! Numbers are looked up again once their process is held by pidfd. Without `/proc` there is nothing to be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use super::{fd, group, pidfd};

/// How many processes are looked at of one tree. What is beyond is found when these are gone.
const TREE_MAX: usize = 10_000;

/// A pipe or terminal by which a run is known: what it starts inherits it, and nobody else has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    device: u64,
    inode: u64,
}

impl Mark {
    /// That of an open file.
    #[must_use]
    pub fn of(fd: BorrowedFd<'_>) -> Option<Mark> {
        let stat = nix::sys::stat::fstat(fd).ok()?;
        Some(Mark { device: stat.st_dev, inode: stat.st_ino })
    }

    fn at(pid: u32, fd: i32) -> Option<Mark> {
        let meta = fs::metadata(format!("/proc/{pid}/fd/{fd}")).ok()?;
        Some(Mark { device: meta.dev(), inode: meta.ino() })
    }
}

/// The living children of a process, of all its threads.
#[must_use]
pub fn children(pid: u32) -> Vec<u32> {
    let tasks = format!("/proc/{pid}/task");
    // Two links are the directory's own, the others are its threads: most have one, whose number is known.
    if fs::metadata(&tasks).is_ok_and(|meta| meta.nlink() == 3) {
        return listed(&format!("{tasks}/{pid}/children"));
    }
    let Ok(threads) = fs::read_dir(tasks) else { return Vec::new() };
    let lists = threads.flatten().map(|thread| thread.path().join("children"));
    lists.flat_map(|list| listed(&list.to_string_lossy())).collect()
}

/// The numbers in such a list; none if it is gone. Most lists are empty, which takes three calls.
fn listed(path: &str) -> Vec<u32> {
    let mut text = Vec::new();
    let mut block = [0; 4 << 10];
    let Ok(list) = fd::open(path, libc::O_RDONLY) else { return Vec::new() };
    while let Ok(n @ 1..) = fd::read(list.as_fd(), &mut block) {
        text.extend_from_slice(block.get(..n).unwrap_or_default());
    }
    String::from_utf8_lossy(&text).split_ascii_whitespace().filter_map(|n| n.parse().ok()).collect()
}

/// Everything below these processes, without themselves.
#[must_use]
pub fn below(roots: &[u32]) -> Vec<u32> {
    descend(roots, children)
}

/// Who has started whom, of all processes of the system but some, at one moment.
///
/// To ask a process for its children makes the kernel keep records of it in `/proc`, which it must look for again when
/// the process ends. Where many are asked, one look at all others costs a fraction of that.
#[derive(Debug, Default)]
pub struct Kin(BTreeMap<u32, Vec<u32>>);

impl Kin {
    /// Looks at every process that is not among these.
    #[must_use]
    pub fn look(without: &BTreeSet<u32>) -> Kin {
        let mut kin: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let Ok(entries) = fs::read_dir("/proc") else { return Kin::default() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        for pid in pids.filter(|pid| !without.contains(pid)) {
            if let Some(parent) = group::parent(pid) {
                kin.entry(parent).or_default().push(pid);
            }
        }
        Kin(kin)
    }

    /// Everything below these processes, without themselves, as it was then.
    #[must_use]
    pub fn below(&self, roots: &[u32]) -> Vec<u32> {
        descend(roots, |pid| self.0.get(&pid).cloned().unwrap_or_default())
    }
}

fn descend(roots: &[u32], children: impl Fn(u32) -> Vec<u32>) -> Vec<u32> {
    let mut found: BTreeSet<u32> = BTreeSet::new();
    let mut next: Vec<u32> = roots.to_vec();
    while let Some(pid) = next.pop() {
        for child in children(pid) {
            if found.len() < TREE_MAX && found.insert(child) {
                next.push(child);
            }
        }
    }
    found.into_iter().collect()
}

/// Whether a process has one of the marks as its standard input, output or error.
#[must_use]
pub fn bears(pid: u32, marks: &[Mark]) -> bool {
    (0..3).any(|fd| Mark::at(pid, fd).is_some_and(|mark| marks.contains(&mark)))
}

/// Holds a living process that is not in this group by its pidfd. `None` if it is, or is gone, or if `still` says that the
/// number has become another's.
#[must_use]
pub fn hold(pid: u32, outside: u32, still: impl Fn(u32) -> bool) -> Option<OwnedFd> {
    let fd = pidfd::open(pid).ok()?;
    (group::of(pid).is_some_and(|group| group != outside) && still(pid)).then_some(fd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    #[test]
    fn one_look_at_all_sees_what_each_is_asked_for() {
        let mut shell: Child = Command::new("sh").args(["-c", "sleep 1000 & sleep 1000"]).spawn().unwrap();
        let (us, pid) = (std::process::id(), shell.id());
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while below(&[pid]).len() < 2 {
            assert!(std::time::Instant::now() < end, "the shell starts nobody");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let found = below(&[pid]);
        assert_eq!(Kin::look(&BTreeSet::new()).below(&[pid]), found);
        assert!(Kin::look(&BTreeSet::new()).below(&[us]).contains(&pid));
        let without = Kin::look(&BTreeSet::from([pid]));
        assert_eq!(without.below(&[pid]), found);
        assert!(!without.below(&[us]).contains(&pid));
        shell.kill().unwrap();
        for pid in found {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), nix::sys::signal::Signal::SIGKILL)
                .unwrap();
        }
        shell.wait().unwrap();
    }
}
