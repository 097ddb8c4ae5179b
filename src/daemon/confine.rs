//! What a child is confined to, from a program's keys: limits, ids of its directories, its cgroup. A part of its birth.

use std::os::fd::OwnedFd;
use std::path::Path;

use crate::base::capability::Capabilities;
use crate::base::errno::Errno;
use crate::base::id::{Key, ProgramName, Run, member_name};
use crate::base::resource::Resource;
use crate::base::stage::Stage;
use crate::config::expand::Blueprint;
use crate::config::model::{Account, Confines, Directory, KillMode, Level, Program};
use crate::supervise::state::Failure;
use crate::sys::directory::{self, Wanted};
use crate::sys::spawn::{Confinement, Credentials, Failed};
use crate::sys::user::{effective_gid, effective_uid};

use super::run::Daemon;

/// A step that failed, and what it was about where the program's keys do not tell.
pub(super) struct Refused {
    failed: Failed,
    what: Option<String>,
}

impl Refused {
    /// This step, which was about this.
    pub(super) fn about(failed: Failed, what: String) -> Refused {
        Refused { failed, what: Some(what) }
    }
}

impl From<Failed> for Refused {
    fn from(failed: Failed) -> Refused {
        Refused { failed, what: None }
    }
}

impl Daemon {
    /// The same for the core.
    pub(super) fn refusal(&self, key: Key, refused: Refused) -> Failure {
        let Refused { failed, what } = refused;
        match what {
            Some(what) => Failure::Spawn { stage: failed.stage, errno: failed.errno, what },
            None => self.failure(key, failed),
        }
    }

    /// Makes the cgroup that the program's limits need, if they need one; its directory, to be born into.
    pub(super) fn cgroup(
        &mut self,
        (key, run): (Key, Run),
        program: &Program,
        name: &ProgramName,
        num: u32,
    ) -> Result<Option<OwnedFd>, Refused> {
        let limits = program.confines.as_ref().map(|confines| confines.tree).filter(|tree| !tree.is_empty());
        let for_stops = program.policy.kill_mode == KillMode::Cgroup;
        if limits.is_none() && !for_stops {
            return Ok(None);
        }
        let needed = limits.is_some();
        let limits = limits.unwrap_or_default();
        let process =
            if program.numprocs > 1 { format!("{name}:{}", member_name(name, num)) } else { name.to_string() };
        match self.cgroups.make(key, run, &process, &limits) {
            Ok(directory) => Ok(Some(directory)),
            Err(trouble) if needed => {
                let failed = Failed::of(Stage::Cgroup, trouble.errno.0);
                Err(Refused { failed, what: Some(trouble.what) })
            }
            Err(trouble) => {
                if self.cgroups.is_news() {
                    self.log(Level::Warning, format_args!("kill_mode: cgroup is as group here: cannot {trouble}"));
                }
                Ok(None)
            }
        }
    }

    /// Makes the program's directories.
    pub(super) fn make_directories(
        &self,
        program: &Program,
        blueprint: &Blueprint,
        own: Option<&Credentials>,
    ) -> Result<(), Refused> {
        for (dir, path) in program.dirs.iter().zip(&blueprint.dirs) {
            let refused = |failed| Refused { failed, what: Some(path.clone()) };
            let wanted = self.wanted(dir, own).map_err(refused)?;
            directory::ensure(Path::new(path), &wanted)
                .map_err(|error| refused(Failed::new(Stage::Directories, &error)))?;
        }
        Ok(())
    }

    /// Whose the directory is to be. A name that was not looked up is an error, as with the user of a program.
    fn wanted(&self, dir: &Directory, own: Option<&Credentials>) -> Result<Wanted, Failed> {
        let Directory { path: _, owner, group, mode } = dir;
        let unknown = Failed::of(Stage::Directories, Errno::EINVAL.0);
        let owner = owner.as_deref().map(|name| self.people.user(name).ok_or(unknown)).transpose()?;
        let gid =
            group.clone().map(Account::Group).map(|group| self.people.holder(&group).ok_or(unknown)).transpose()?;
        let (own_uid, own_gid) = own.map_or_else(|| (effective_uid(), effective_gid()), |own| (own.uid, own.gid));
        Ok(Wanted {
            uid: owner.map_or(own_uid, |owner| owner.uid),
            gid: gid.unwrap_or_else(|| owner.map_or(own_gid, |owner| owner.gid)),
            mode: mode.unwrap_or(Directory::MODE),
            anyway: [owner.is_some(), gid.is_some(), mode.is_some()],
        })
    }
}

/// What a process of the program is confined to, if it is to anything.
pub(super) fn confinement<'a>(program: &'a Program, blueprint: &'a Blueprint) -> Option<Confinement<'a>> {
    let confines = program.confines.as_deref()?;
    Some(Confinement {
        rlimits: &confines.rlimits,
        nice: confines.nice,
        ionice: confines.ionice,
        oom_score_adj: confines.oom_score_adj,
        cpus: &confines.cpu_affinity,
        root: blueprint.chroot.as_deref(),
        bounding: confines.bounding,
        ambient: confines.ambient,
        no_new_privs: confines.no_new_privs,
    })
}

/// Whether the program sets its limit on open files itself.
pub(super) fn limits_open_files(program: &Program) -> bool {
    program.confines.as_ref().is_some_and(|confines| confines.rlimits.contains_key(&Resource::Nofile))
}

/// What a step of the confinement that failed was about.
pub(super) fn about(confines: &Confines, failed: Failed) -> Option<String> {
    let capability = |set: Capabilities| {
        if set.has(failed.item) { Capabilities::name(failed.item) } else { set.to_string() }
    };
    match failed.stage {
        Stage::OomScore => confines.oom_score_adj.map(|score| score.to_string()),
        Stage::Limits => {
            let resource = usize::try_from(failed.item).ok().and_then(|item| Resource::NAMES.get(item));
            let (name, resource) = resource.filter(|_| !confines.rlimits.is_empty())?;
            confines.rlimits.get(resource).map(|limit| format!("{name}: {}", resource.print(*limit)))
        }
        Stage::Nice => confines.nice.map(|nice| nice.to_string()),
        Stage::Ionice => confines.ionice.map(|priority| priority.to_string()),
        Stage::Affinity => Some(confines.cpu_affinity.to_string()),
        Stage::Chroot => confines.chroot.clone(),
        Stage::Bounding => Some(Capabilities::name(failed.item)),
        Stage::Ambient => Some(capability(confines.ambient)),
        Stage::Directories
        | Stage::Cgroup
        | Stage::Listen
        | Stage::Pipe
        | Stage::Pty
        | Stage::Clone
        | Stage::Session
        | Stage::Signals
        | Stage::Stdio
        | Stage::Terminal
        | Stage::Groups
        | Stage::Gid
        | Stage::Uid
        | Stage::Directory
        | Stage::NoNewPrivs
        | Stage::Exec => None,
    }
}
