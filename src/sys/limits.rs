//! The limits and privileges of this process.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::base::capability::Capabilities;
use crate::base::resource as base;
use crate::base::scheduling::Cpus;

/// RLIMIT_NOFILE: what holds now, and how far it may be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// The limit in force.
    pub soft: u64,
    /// The ceiling.
    pub hard: u64,
}

/// The limit of this process.
///
/// # Errors
/// getrlimit(2).
pub fn open_files() -> io::Result<OpenFiles> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(OpenFiles { soft, hard })
}

/// Sets the limit of this process.
///
/// # Errors
/// setrlimit(2): EPERM above the ceiling.
pub fn set_open_files(limit: OpenFiles) -> io::Result<()> {
    Ok(setrlimit(Resource::RLIMIT_NOFILE, limit.soft, limit.hard)?)
}

/// The ceiling of this process for a resource; `None` if there is none, or it cannot be asked.
#[must_use]
pub fn ceiling(resource: base::Resource) -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: libc::RLIM_INFINITY };
    let number = super::spawn::resource_number(resource);
    let arguments = [number, (&raw mut limit) as usize, 0];
    // SAFETY: the kernel writes to `limit`, which outlives the call, and to nothing else.
    let asked = unsafe { super::raw::call(libc::SYS_getrlimit, arguments) };
    asked.ok().map(|_| limit.rlim_max).filter(|most| *most != libc::RLIM_INFINITY)
}

/// The capabilities that this process has.
#[must_use]
pub fn permitted() -> Capabilities {
    super::spawn::permitted()
}

/// The niceness of this process.
#[must_use]
pub fn nice() -> i32 {
    // SAFETY: takes numbers only.
    let shifted = unsafe { super::raw::call(libc::SYS_getpriority, [super::raw::word(libc::PRIO_PROCESS), 0, 0]) };
    // The kernel gives 1 to 40, so that nothing looks like an error.
    shifted.ok().and_then(|n| i32::try_from(n).ok()).map_or(0, |n| 20 - n)
}

/// The OOM score of this process.
#[must_use]
pub fn oom_score_adj() -> Option<i16> {
    std::fs::read_to_string("/proc/self/oom_score_adj").ok()?.trim().parse().ok()
}

/// The processors that there may be.
#[must_use]
pub fn processors() -> Option<Cpus> {
    Cpus::parse(std::fs::read_to_string("/sys/devices/system/cpu/possible").ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_as_proc_shows_it() {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let held = status.lines().find_map(|line| line.strip_prefix("CapPrm:")).unwrap();
        assert_eq!(permitted().0, u64::from_str_radix(held.trim(), 16).unwrap());
        assert_eq!(ceiling(base::Resource::Nofile), Some(open_files().unwrap().hard));
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let own = stat.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap().to_owned();
        assert_eq!(nice().to_string(), own);
        assert!(oom_score_adj().is_some());
        assert!(processors().is_none_or(|all| !all.is_empty()));
    }
}
