//! The cgroups of the processes that have limits for all that they start: made before the birth, removed when the run is
//! over.
//!
//! Below the daemon's own cgroup is one with the daemon's process id in its name, and in that one for each process. A
//! cgroup whose children have controllers may not have processes, unless it is the root of all. So elsewhere the daemon
//! first moves into a leaf beside its processes, with whatever it has started.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use crate::base::errno::Errno;
use crate::base::exit::Exit;
use crate::base::id::{Key, Run};
use crate::base::signal::Sig;
use crate::base::text::cut;
use crate::config::model::TreeLimits;
use crate::sys::cgroup::{self, Cgroup, Trouble};
use crate::sys::process;

/// The period over which `cpu_max` is a share, in microseconds; the kernel's own default.
const CPU_PERIOD_MICROS: u64 = 100_000;
/// How often the processes beside the daemon are looked at, which may start others meanwhile.
const LOOKS: u32 = 8;
/// What the name of a process ends with as that of a cgroup: the files of the kernel are named otherwise.
const SUFFIX: &str = ".process";

/// All cgroups that there are for processes.
#[derive(Debug, Default)]
pub struct Cgroups {
    /// The one that has all others; `Some` once it is needed.
    base: Option<Cgroup>,
    live: BTreeMap<Key, Live>,
    /// Those that still had processes when their run was over.
    left: Vec<Cgroup>,
    /// It was said that there can be none.
    lamented: bool,
}

#[derive(Debug)]
struct Live {
    run: Run,
    cgroup: Cgroup,
    /// How many kills for want of memory it had seen before the run.
    kills_before: u64,
}

impl Cgroups {
    /// Makes the cgroup of a run; its directory, for the child to be born into.
    ///
    /// # Errors
    /// Limits cannot be set here, and what it is that fails.
    pub fn make(&mut self, key: Key, run: Run, process: &str, limits: &TreeLimits) -> Result<OwnedFd, Trouble> {
        let files = [
            ("memory", "memory.max", limits.memory.map(|bytes| bytes.to_string())),
            ("cpu", "cpu.max", limits.cpu.map(cpu_max)),
            ("pids", "pids.max", limits.pids.map(|pids| pids.to_string())),
        ];
        let wanted: Vec<&str> =
            files.iter().filter(|(_, _, value)| value.is_some()).map(|(name, _, _)| *name).collect();
        let base = self.base(&wanted)?;
        let (cgroup, was_there) = base.child(&format!("{process}{SUFFIX}"))?;
        self.left.retain(|other| *other != cgroup);
        for (_, file, value) in files {
            match value {
                Some(value) => cgroup.set(file, &value)?,
                // A run before this one may have had this limit. Where there is no such file, it had not.
                None if was_there => drop(cgroup.set(file, "max")),
                None => {}
            }
        }
        let directory = cgroup.open()?;
        let kills_before = if was_there { cgroup.oom_kills() } else { 0 };
        self.live.insert(key, Live { run, cgroup, kills_before });
        Ok(directory)
    }

    /// The cgroup of a run.
    #[must_use]
    pub fn of(&self, key: Key, run: Run) -> Option<Cgroup> {
        self.live.get(&key).filter(|live| live.run == run).map(|live| live.cgroup.clone())
    }

    /// Whether this is the first time that there can be none for a program that could do without.
    pub fn is_news(&mut self) -> bool {
        !std::mem::replace(&mut self.lamented, true)
    }

    /// The cgroup that has all others, with these controllers for them.
    fn base(&mut self, controllers: &[&str]) -> Result<Cgroup, Trouble> {
        let base = match &self.base {
            Some(base) => base.clone(),
            None => {
                let base = settle(controllers)?;
                self.base.insert(base).clone()
            }
        };
        if let Some(own) = base.parent() {
            own.enable(controllers)?;
        }
        base.enable(controllers)?;
        Ok(base)
    }

    /// How a run ended: of a SIGKILL, whether it came for want of memory.
    #[must_use]
    pub fn explain(&self, key: Key, run: Run, exit: Exit) -> Exit {
        let killed = exit == Exit::Signal { sig: Sig::KILL, core: false };
        let live = self.live.get(&key).filter(|live| killed && live.run == run);
        match live {
            Some(live) if live.cgroup.oom_kills() > live.kills_before => Exit::OutOfMemory,
            Some(_) | None => exit,
        }
    }

    /// A run is over. What is still in its cgroup, outside its process group, keeps its limits.
    pub fn over(&mut self, key: Key, run: Run) {
        if self.live.get(&key).is_some_and(|live| live.run == run)
            && let Some(Live { cgroup, .. }) = self.live.remove(&key)
        {
            self.left.push(cgroup);
            self.left.retain(|cgroup| cgroup.remove().is_err_and(|e| e.kind() != io::ErrorKind::NotFound));
        }
    }

    /// Removes what is empty, at the very end. What is not, and the daemon's own leaf, is left.
    pub fn leave(&mut self) {
        // What was ended at the start is gone by now.
        for abandoned in self.base.as_ref().and_then(Cgroup::parent).iter().flat_map(Cgroup::abandoned) {
            let _ = abandoned.remove_all();
        }
        let live = std::mem::take(&mut self.live).into_values().map(|live| live.cgroup);
        for cgroup in live.chain(self.left.drain(..)).chain(self.base.take()) {
            let _ = cgroup.remove();
        }
    }
}

/// Makes the daemon's part of the cgroups that it may make.
fn settle(controllers: &[&str]) -> Result<Cgroup, Trouble> {
    let own = Cgroup::given()?;
    own.permits(controllers)?;
    for abandoned in own.abandoned() {
        let _ = abandoned.set("cgroup.kill", "1");
        // What the kernel takes longer for keeps its cgroup until the next daemon.
        let _ = abandoned.remove_all();
    }
    let (base, _) = own.child(&cgroup::part())?;
    if !own.is_root()
        && let Err(trouble) = move_into_leaf(&own, &base)
    {
        // It is empty, or has the daemon in it; then it is in nobody's way.
        let _ = base.remove();
        return Err(trouble);
    }
    Ok(base)
}

/// Moves the daemon and whatever it has started so far out of its cgroup, which then has no processes.
fn move_into_leaf(own: &Cgroup, base: &Cgroup) -> Result<(), Trouble> {
    let (leaf, _) = base.child(cgroup::LEAF)?;
    for _ in 0..LOOKS {
        let processes = own.processes();
        if processes.is_empty() {
            return Ok(());
        }
        if let Some(stranger) = processes.iter().find(|pid| !process::is_descendant(**pid)) {
            let name = process::command_name(*stranger).unwrap_or_default();
            let what =
                format!("have {} for itself: process {stranger} ({}) is in it, too", own.path().display(), cut(&name));
            let _ = leaf.remove();
            return Err(Trouble { what, errno: Errno::EBUSY });
        }
        for pid in processes {
            // One that has ended meanwhile is not there at the next look.
            if let Err(trouble) = leaf.set("cgroup.procs", &pid.to_string())
                && trouble.errno != Errno::ESRCH
            {
                return Err(trouble);
            }
        }
    }
    let what = format!("move all processes out of {}", own.path().display());
    Err(Trouble { what, errno: Errno::EBUSY })
}

/// `50000 100000`: so many microseconds of each period.
fn cpu_max(hundredths: u32) -> String {
    format!("{} {CPU_PERIOD_MICROS}", u64::from(hundredths) * CPU_PERIOD_MICROS / 10_000)
}
