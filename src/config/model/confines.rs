//! What a program is confined to: limits, priorities, privileges, a root directory, a cgroup. And directories that are
//! made for it.

use std::collections::BTreeMap;

use crate::base::capability::Capabilities;
use crate::base::resource::{Limit, Resource};
use crate::base::scheduling::{Cpus, IoPriority};

/// The confines of a program. What is `None` or empty stays as the daemon has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confines {
    /// `rlimits`.
    pub rlimits: BTreeMap<Resource, Limit>,
    /// `nice`: -20 to 19, lower is more.
    pub nice: Option<i32>,
    /// `ionice`.
    pub ionice: Option<IoPriority>,
    /// `oom_score_adj`: -1000 to 1000, lower is killed later.
    pub oom_score_adj: Option<i16>,
    /// `cpu_affinity`.
    pub cpu_affinity: Cpus,
    /// `no_new_privs`: nothing that it executes gives it more privileges than it has.
    pub no_new_privs: bool,
    /// `capabilities.bounding`: the only ones that it can ever have.
    pub bounding: Option<Capabilities>,
    /// `capabilities.ambient`: those that it has without being root. They are within `bounding`.
    pub ambient: Capabilities,
    /// `chroot`, not yet expanded.
    pub chroot: Option<String>,
    /// `memory_max`, `cpu_max`, `pids_max`.
    pub tree: TreeLimits,
}

/// Limits of a process together with everything that it starts, which a cgroup keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeLimits {
    /// `memory_max`, in bytes.
    pub memory: Option<u64>,
    /// `cpu_max`, in hundredths of a per cent of one processor.
    pub cpu: Option<u32>,
    /// `pids_max`: how many processes and threads.
    pub pids: Option<u32>,
}

impl TreeLimits {
    /// Whether there are none: then no cgroup is made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == TreeLimits::default()
    }

    /// `50%`: a share of one processor as it is written.
    #[must_use]
    pub fn print_cpu(hundredths: u32) -> String {
        match (hundredths / 100, hundredths % 100) {
            (whole, 0) => format!("{whole}%"),
            (whole, rest) => format!("{}%", format!("{whole}.{rest:02}").trim_end_matches('0')),
        }
    }
}

/// A directory that is there before the program starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Where, not yet expanded.
    pub path: String,
    /// Its user; `None` is the program's, for a directory that is made.
    pub owner: Option<String>,
    /// Its group; `None` is the program's, for a directory that is made.
    pub group: Option<String>,
    /// Its permission bits; `None` is 0755, for a directory that is made.
    pub mode: Option<u32>,
}

impl Directory {
    /// The permission bits of one that is made, unless others are named.
    pub const MODE: u32 = 0o755;

    /// One with every default.
    #[must_use]
    pub fn new(path: String) -> Directory {
        Directory { path, owner: None, group: None, mode: None }
    }
}
