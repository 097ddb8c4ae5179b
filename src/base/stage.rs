//! The steps between a fork and a running program, by name: the child reports the one that failed.

/// The steps of a spawn, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Making the directories that the program wants.
    Directories,
    /// Making its cgroup and going into it.
    Cgroup,
    /// Opening the sockets that it gets.
    Listen,
    /// Making pipes or opening what the child gets as its standard files.
    Pipe,
    /// Making a terminal.
    Pty,
    /// `clone3`.
    Clone,
    /// `setsid`.
    Session,
    /// Resetting signal dispositions and the mask.
    Signals,
    /// Putting the standard files in place.
    Stdio,
    /// `TIOCSCTTY`.
    Terminal,
    /// The OOM score.
    OomScore,
    /// Resource limits.
    Limits,
    /// `setpriority`.
    Nice,
    /// `ioprio_set`.
    Ionice,
    /// `sched_setaffinity`.
    Affinity,
    /// `chroot`.
    Chroot,
    /// Taking capabilities out of the bounding set.
    Bounding,
    /// `setgroups`.
    Groups,
    /// `setresgid`.
    Gid,
    /// `setresuid`.
    Uid,
    /// Keeping capabilities over the change of user.
    Ambient,
    /// `chdir`.
    Directory,
    /// `PR_SET_NO_NEW_PRIVS`.
    NoNewPrivs,
    /// `execve`.
    Exec,
}

impl Stage {
    /// All stages, each at the position that is its number on the wire between child and parent.
    pub const ALL: [Stage; 24] = [
        Stage::Directories,
        Stage::Cgroup,
        Stage::Listen,
        Stage::Pipe,
        Stage::Pty,
        Stage::Clone,
        Stage::Session,
        Stage::Signals,
        Stage::Stdio,
        Stage::Terminal,
        Stage::OomScore,
        Stage::Limits,
        Stage::Nice,
        Stage::Ionice,
        Stage::Affinity,
        Stage::Chroot,
        Stage::Bounding,
        Stage::Groups,
        Stage::Gid,
        Stage::Uid,
        Stage::Ambient,
        Stage::Directory,
        Stage::NoNewPrivs,
        Stage::Exec,
    ];

    /// What could not be done, behind "cannot".
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Stage::Pipe => "open its standard files",
            Stage::Pty => "make a terminal (/dev/ptmx)",
            Stage::Clone => "create a process (clone3)",
            Stage::Session => "create a session (setsid)",
            Stage::Signals => "reset signals (rt_sigaction)",
            Stage::Stdio => "set up its standard files (dup2)",
            Stage::Terminal => "take its terminal (TIOCSCTTY)",
            Stage::Directories => "make its directory",
            Stage::Cgroup => "put it into a cgroup:",
            Stage::Listen => "listen on",
            Stage::OomScore => "set its OOM score (/proc/self/oom_score_adj) to",
            Stage::Nice => "set its niceness (setpriority) to",
            Stage::Ionice => "set the priority of its input and output (ioprio_set) to",
            Stage::Affinity => "bind it to the processors (sched_setaffinity)",
            Stage::Chroot => "change its root directory (chroot) to",
            Stage::Bounding => "drop the capability (PR_CAPBSET_DROP)",
            Stage::Ambient => "give it the capability (PR_CAP_AMBIENT)",
            Stage::NoNewPrivs => "forbid it new privileges (PR_SET_NO_NEW_PRIVS)",
            Stage::Limits => "set resource limits (prlimit)",
            Stage::Directory => "change to the directory (chdir)",
            Stage::Groups => "set the groups (setgroups) of the user",
            Stage::Gid => "change to the group (setresgid) of the user",
            Stage::Uid => "change to the user (setresuid)",
            Stage::Exec => "execute (execve)",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_its_position() {
        for (i, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, i);
        }
    }
}
