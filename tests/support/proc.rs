//! Processes as they are seen from outside, through /proc.

use std::collections::BTreeMap;
use std::fs;
use std::ops::{Deref, DerefMut};
use std::process::Child;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::{DEADLINE, POLL, wait_for, wait_until};

/// A process, told apart from a later one with the same number by when it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proc {
    pub pid: u32,
    started: u64,
}

/// The fields of /proc/PID/stat from the state on (field 3 of proc(5) is element 0).
pub fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

impl Proc {
    pub fn of(pid: u32) -> Option<Proc> {
        Some(Proc { pid, started: stat(pid)?.get(19)?.parse().ok()? })
    }

    /// Whether it is still there and not merely waiting to be reaped.
    pub fn alive(self) -> bool {
        Proc::of(self.pid) == Some(self) && stat(self.pid).is_some_and(|s| s[0] != "Z" && s[0] != "X")
    }

    /// Whether it is on its way out: it is exiting, or SIGKILL waits for it to be given a processor.
    pub fn dying(self) -> bool {
        const PF_EXITING: u32 = 4;
        let exiting = stat(self.pid).is_none_or(|s| s[6].parse::<u32>().unwrap() & PF_EXITING != 0);
        let pending = |key: &str| {
            let text = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
            let mask = text.lines().find_map(|l| l.strip_prefix(key)).map(|mask| mask.trim().to_owned());
            mask.is_some_and(|mask| u64::from_str_radix(&mask, 16).unwrap() & (1 << (Signal::SIGKILL as u32 - 1)) != 0)
        };
        exiting || pending("SigPnd:") || pending("ShdPnd:")
    }

    pub fn kill(self, sig: Signal) {
        if Proc::of(self.pid) == Some(self) {
            let _ = nix::sys::signal::kill(Pid::from_raw(self.pid as i32), sig);
        }
    }
}

/// Whether the process exists and is no zombie.
pub fn alive(pid: u32) -> bool {
    stat(pid).is_some_and(|s| s[0] != "Z" && s[0] != "X")
}

/// Sends a signal to one process, which must exist.
#[track_caller]
pub fn kill(pid: u32, sig: Signal) {
    assert!(pid > 1, "not a process of ours: {pid}");
    nix::sys::signal::kill(Pid::from_raw(pid as i32), sig).unwrap_or_else(|e| panic!("kill {pid} {sig}: {e}"));
}

/// Whether a process has said what these signals (by number) mean to it: it handles, ignores or holds back each of them.
/// A program that was started takes some time to get there, and until then a signal does what it does by default.
pub fn handles(pid: u32, signals: &[i32]) -> bool {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let mask = |key: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(':'));
        line.map_or(0, |mask| u64::from_str_radix(mask.trim(), 16).unwrap())
    };
    let known = mask("SigCgt") | mask("SigIgn") | mask("SigBlk");
    signals.iter().all(|sig| known & (1 << (sig - 1)) != 0)
}

/// The words of a process; none if it is gone. Before its execve(2) they are those of whoever has forked it.
pub fn words(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).split_terminator('\0').map(str::to_owned).collect()
}

/// Waits until a process is the program that it is to become.
#[track_caller]
pub fn wait_words(pid: u32, want: &[&str]) {
    wait_until(&format!("{pid} is {want:?}"), || words(pid) == want);
}

/// Waits until a process has these descriptors and no others: the loader and a shell have some more for a moment.
#[track_caller]
pub fn wait_fds(pid: u32, want: &[u32]) -> BTreeMap<u32, String> {
    let end = Instant::now() + DEADLINE;
    loop {
        let open = fds(pid);
        if open.keys().eq(want) {
            return open;
        }
        assert!(Instant::now() < end, "{pid} has not {want:?}, but {open:?}");
        std::thread::sleep(POLL);
    }
}

/// One line of /proc/PID/status: `status_field(pid, "SigIgn")`.
#[track_caller]
pub fn status_field(pid: u32, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_else(|e| panic!("{pid}: {e}"));
    let line = text.lines().find(|l| l.split(':').next() == Some(key)).unwrap_or_else(|| panic!("no {key}"));
    line.split_once(':').unwrap().1.trim().to_owned()
}

/// The variables of a process; `None` if it is gone.
pub fn variables(pid: u32) -> Option<BTreeMap<String, String>> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let list = text.split_terminator('\0');
    Some(list.filter_map(|s| s.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
}

/// The variables of a process that has some: in the midst of its execve(2) it has none.
#[track_caller]
pub fn environ(pid: u32) -> BTreeMap<String, String> {
    wait_for(&format!("the environment of {pid}"), || variables(pid).filter(|all| !all.is_empty()))
}

/// The open file descriptors of a process, and what they are.
pub fn fds(pid: u32) -> BTreeMap<u32, String> {
    let Ok(dir) = fs::read_dir(format!("/proc/{pid}/fd")) else { return BTreeMap::new() };
    dir.flatten()
        .filter_map(|e| {
            let target = fs::read_link(e.path()).ok()?;
            Some((e.file_name().to_str()?.parse().ok()?, target.to_string_lossy().into_owned()))
        })
        .collect()
}

/// CPU time of a process in seconds.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = stat(pid).unwrap();
    let ticks: f64 = stat[11].parse::<f64>().unwrap() + stat[12].parse::<f64>().unwrap();
    ticks / 100.0
}

/// Every process of the machine with its parent and its state.
fn all_processes() -> Vec<(u32, u32, String)> {
    let Ok(dir) = fs::read_dir("/proc") else { return Vec::new() };
    dir.flatten()
        .filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| {
            let stat = stat(pid)?;
            Some((pid, stat.get(1)?.parse().ok()?, stat.first()?.clone()))
        })
        .collect()
}

/// The children of a process: (id, whether it is a zombie).
pub fn children(parent: u32) -> Vec<(u32, bool)> {
    // The kernel's own list: cheaper than reading all of /proc. Not every kernel has it.
    if let Ok(text) = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")) {
        let pids = text.split_whitespace().filter_map(|p| p.parse().ok());
        return pids.filter_map(|p| Some((p, stat(p)?.first()? == "Z"))).collect();
    }
    all_processes().into_iter().filter(|(_, up, _)| *up == parent).map(|(pid, _, s)| (pid, s == "Z")).collect()
}

/// The living children, children's children and so on of a process.
pub fn descendants(root: u32) -> Vec<Proc> {
    let mut found = Vec::new();
    let mut todo = vec![root];
    while let Some(parent) = todo.pop() {
        for (pid, zombie) in children(parent) {
            if !zombie && let Some(proc) = Proc::of(pid) {
                found.push(proc);
            }
            todo.push(pid);
        }
    }
    found
}

/// Processes that a test cleans up when it is done, by id.
pub struct Strays(pub Vec<Proc>);

impl Strays {
    pub fn alive(&self) -> usize {
        self.0.iter().filter(|p| p.alive()).count()
    }

    /// Ends them and waits until they are gone.
    #[track_caller]
    pub fn end(self) {
        self.0.iter().for_each(|p| p.kill(Signal::SIGKILL));
        wait_until("the strays are gone", || self.alive() == 0);
    }
}

impl Drop for Strays {
    fn drop(&mut self) {
        self.0.iter().for_each(|p| p.kill(Signal::SIGKILL));
    }
}

/// A child of the test itself, which is killed and reaped when the test is over, however that ends.
pub struct Held(pub Child);

impl Deref for Held {
    type Target = Child;
    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
