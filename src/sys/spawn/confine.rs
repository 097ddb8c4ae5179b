//! What a child is confined to: its own steps between the clone and the change of user, and after that.
//!
//! The order is what the kernel needs. The OOM score is a file that a new root may not have and a limit on open files
//! may not let it open, so it comes first. Limits, priorities, the new root and the bounding set need privilege, so they
//! come before the user. Ambient capabilities are lost with root's id unless they are kept, and can be raised only
//! afterwards. `no_new_privs` comes last.
//!
//! Limits, priorities, processors, root directory and `no_new_privs` are each task's own, even while it shares its
//! parent's memory. Two things are not: the kernel gives an OOM score to all who share the memory, and an overrun of the
//! memory of a cgroup ends all of them. Capabilities are a task's own, but who has fewer must not look into the memory of
//! who has more. So a child with one of these three gets a copy ([`Confined::needs_own_memory`]).

use std::collections::BTreeMap;
use std::ffi::CString;

use crate::base::capability::Capabilities;
use crate::base::errno::Errno;
use crate::base::resource::{Limit, Resource};
use crate::base::scheduling::{Cpus, IoPriority};
use crate::base::stage::Stage;

use super::{Failed, raw, step, sys, word};

/// What a child is confined to. What is `None` or empty stays as this process has it.
#[derive(Clone, Copy, Debug)]
pub struct Confinement<'a> {
    /// Resource limits.
    pub rlimits: &'a BTreeMap<Resource, Limit>,
    /// -20 to 19.
    pub nice: Option<i32>,
    /// Class and level of input and output.
    pub ionice: Option<IoPriority>,
    /// -1000 to 1000.
    pub oom_score_adj: Option<i16>,
    /// The processors.
    pub cpus: &'a Cpus,
    /// The new root directory.
    pub root: Option<&'a str>,
    /// The only capabilities that stay in the bounding set.
    pub bounding: Option<Capabilities>,
    /// Capabilities that the program has without being root.
    pub ambient: Capabilities,
    /// PR_SET_NO_NEW_PRIVS.
    pub no_new_privs: bool,
}

/// The same as the child needs it.
#[derive(Debug)]
pub(super) struct Confined {
    rlimits: Vec<(Resource, libc::rlimit)>,
    nice: Option<i32>,
    ionice: Option<u32>,
    /// The text for the kernel.
    oom_score: Option<String>,
    /// A bit for each processor; empty for all.
    cpus: Vec<usize>,
    root: Option<CString>,
    bounding: Option<Capabilities>,
    ambient: Capabilities,
    no_new_privs: bool,
}

const OOM_SCORE_FILE: &std::ffi::CStr = c"/proc/self/oom_score_adj";
const ROOT: &std::ffi::CStr = c"/";

/// `IOPRIO_WHO_PROCESS`.
const THIS_PROCESS: usize = 1;

/// Capabilities have numbers below this.
const CAPABILITIES: u32 = 64;

/// `_LINUX_CAPABILITY_VERSION_3`: sets of 64 bits, in two halves.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// What capget(2) and capset(2) are told about whom they concern.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// Half of each set.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The capabilities of this process that are permitted to it.
#[must_use]
pub(in crate::sys) fn permitted() -> Capabilities {
    let halves = capabilities().unwrap_or_default();
    Capabilities(halves.iter().rev().fold(0, |all, half| all << 32 | u64::from(half.permitted)))
}

fn capabilities() -> Result<[Half; 2], i32> {
    let header = Header { version: CAPABILITY_VERSION, pid: 0 };
    let mut halves = [Half::default(); 2];
    sys(libc::SYS_capget, [(&raw const header) as usize, halves.as_mut_ptr() as usize, 0])?;
    Ok(halves)
}

impl Confined {
    /// # Errors
    /// EINVAL for a NUL byte in the root.
    pub(super) fn new(wanted: &Confinement<'_>) -> Result<Confined, Failed> {
        let invalid = |_| Failed::of(Stage::Chroot, libc::EINVAL);
        let value = |limit: Option<u64>| limit.unwrap_or(libc::RLIM_INFINITY);
        let rlimit = |limit: &Limit| libc::rlimit { rlim_cur: value(limit.soft), rlim_max: value(limit.hard) };
        Ok(Confined {
            rlimits: wanted.rlimits.iter().map(|(resource, limit)| (*resource, rlimit(limit))).collect(),
            nice: wanted.nice,
            ionice: wanted.ionice.map(IoPriority::number),
            oom_score: wanted.oom_score_adj.map(|score| score.to_string()),
            cpus: mask(wanted.cpus),
            root: wanted.root.map(CString::new).transpose().map_err(invalid)?,
            bounding: wanted.bounding,
            ambient: wanted.ambient,
            no_new_privs: wanted.no_new_privs,
        })
    }

    /// Whether the child may not share its parent's memory.
    pub(super) fn needs_own_memory(&self) -> bool {
        self.oom_score.is_some() || self.bounding.is_some() || !self.ambient.is_empty()
    }

    /// What needs the privileges that the child begins with.
    pub(super) fn enter(&self) -> Result<(), Failed> {
        self.set_oom_score()?;
        for (resource, limit) in &self.rlimits {
            let limit: *const libc::rlimit = limit;
            step(Stage::Limits, libc::SYS_setrlimit, [resource_number(*resource), limit as usize, 0])
                .map_err(|failed| Failed { item: *resource as u32, ..failed })?;
        }
        if let Some(nice) = self.nice {
            step(Stage::Nice, libc::SYS_setpriority, [word(libc::PRIO_PROCESS), 0, word(nice)])?;
        }
        if let Some(priority) = self.ionice {
            step(Stage::Ionice, libc::SYS_ioprio_set, [THIS_PROCESS, 0, word(priority)])?;
        }
        if !self.cpus.is_empty() {
            let arguments = [0, size_of_val(self.cpus.as_slice()), self.cpus.as_ptr() as usize];
            step(Stage::Affinity, libc::SYS_sched_setaffinity, arguments)?;
        }
        if let Some(root) = &self.root {
            step(Stage::Chroot, libc::SYS_chroot, [root.as_ptr() as usize, 0, 0])?;
            step(Stage::Chroot, libc::SYS_chdir, [ROOT.as_ptr() as usize, 0, 0])?;
        }
        self.drop_bounding()?;
        if !self.ambient.is_empty() {
            prctl(Stage::Ambient, libc::PR_SET_KEEPCAPS, [1, 0])?;
        }
        Ok(())
    }

    fn set_oom_score(&self) -> Result<(), Failed> {
        let Some(score) = &self.oom_score else { return Ok(()) };
        let flags = word(libc::O_WRONLY | libc::O_CLOEXEC);
        // SAFETY: the path is a constant; openat takes no other pointer.
        let file =
            unsafe { raw::call4(libc::SYS_openat, [word(libc::AT_FDCWD), OOM_SCORE_FILE.as_ptr() as usize, flags], 0) };
        let file = file.map_err(|errno| Failed::of(Stage::OomScore, errno))?;
        step(Stage::OomScore, libc::SYS_write, [file, score.as_ptr() as usize, score.len()])?;
        step(Stage::OomScore, libc::SYS_close, [file, 0, 0])?;
        Ok(())
    }

    /// Takes everything out of the bounding set but what is to stay, also what has no name here.
    fn drop_bounding(&self) -> Result<(), Failed> {
        let Some(bounding) = self.bounding else { return Ok(()) };
        for number in (0..CAPABILITIES).filter(|number| !bounding.has(*number)) {
            match prctl(Stage::Bounding, libc::PR_CAPBSET_DROP, [word(number), 0]) {
                Ok(()) => {}
                // The kernel has no more.
                Err(failed) if failed.errno.0 == libc::EINVAL => break,
                Err(failed) => return Err(Failed { item: number, ..failed }),
            }
        }
        Ok(())
    }

    /// Keeps the ambient capabilities and, unless the child is root, no others. After the change of user.
    pub(super) fn keep_ambient(&self) -> Result<(), Failed> {
        if self.ambient.is_empty() {
            return Ok(());
        }
        let failed = |errno| Failed { stage: Stage::Ambient, errno: Errno(errno), item: CAPABILITIES };
        let mut halves = capabilities().map_err(failed)?;
        let is_root = sys(libc::SYS_geteuid, [0; 3]) == Ok(0);
        for (half, shift) in halves.iter_mut().zip([0, 32]) {
            // The lower half of what is left.
            #[allow(clippy::cast_possible_truncation)]
            let ambient = (self.ambient.0 >> shift) as u32;
            if is_root {
                half.inheritable |= ambient;
            } else {
                *half = Half { effective: ambient, permitted: ambient, inheritable: ambient };
            }
        }
        let header = Header { version: CAPABILITY_VERSION, pid: 0 };
        sys(libc::SYS_capset, [(&raw const header) as usize, halves.as_ptr() as usize, 0]).map_err(failed)?;
        for number in (0..CAPABILITIES).filter(|number| self.ambient.has(*number)) {
            let raise = [word(libc::PR_CAP_AMBIENT_RAISE), word(number)];
            prctl(Stage::Ambient, libc::PR_CAP_AMBIENT, raise).map_err(|failed| Failed { item: number, ..failed })?;
        }
        Ok(())
    }

    /// The last step.
    pub(super) fn seal(&self) -> Result<(), Failed> {
        if self.no_new_privs {
            prctl(Stage::NoNewPrivs, libc::PR_SET_NO_NEW_PRIVS, [1, 0])?;
        }
        Ok(())
    }
}

/// prctl(2) with numbers; it wants the arguments that are not used to be zero.
fn prctl(stage: Stage, option: i32, [a, b]: [usize; 2]) -> Result<(), Failed> {
    // SAFETY: none of the options that are used here takes a pointer.
    let result = unsafe { raw::call5(libc::SYS_prctl, [word(option), a, b, 0, 0]) };
    result.map(drop).map_err(|errno| Failed::of(stage, errno))
}

fn mask(cpus: &Cpus) -> Vec<usize> {
    let bits = usize::BITS as usize;
    let mut mask = Vec::new();
    for number in cpus.numbers().iter().map(|number| usize::from(*number)) {
        if mask.len() <= number / bits {
            mask.resize(number / bits + 1, 0);
        }
        if let Some(word) = mask.get_mut(number / bits) {
            *word |= 1usize << (number % bits);
        }
    }
    mask
}

/// As the kernel takes it.
pub(in crate::sys) fn resource_number(resource: Resource) -> usize {
    let number = match resource {
        Resource::As => libc::RLIMIT_AS,
        Resource::Core => libc::RLIMIT_CORE,
        Resource::Cpu => libc::RLIMIT_CPU,
        Resource::Data => libc::RLIMIT_DATA,
        Resource::Fsize => libc::RLIMIT_FSIZE,
        Resource::Locks => libc::RLIMIT_LOCKS,
        Resource::Memlock => libc::RLIMIT_MEMLOCK,
        Resource::Msgqueue => libc::RLIMIT_MSGQUEUE,
        Resource::Nice => libc::RLIMIT_NICE,
        Resource::Nofile => libc::RLIMIT_NOFILE,
        Resource::Nproc => libc::RLIMIT_NPROC,
        Resource::Rss => libc::RLIMIT_RSS,
        Resource::Rtprio => libc::RLIMIT_RTPRIO,
        Resource::Rttime => libc::RLIMIT_RTTIME,
        Resource::Sigpending => libc::RLIMIT_SIGPENDING,
        Resource::Stack => libc::RLIMIT_STACK,
    };
    word(number)
}
