//! Control groups of version 2: the one that this process is in, and those below it.
//!
//! Functions over directories of the cgroup file system. What is made where is decided by the caller.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::base::errno::Errno;

/// A step that failed: what it was, with the file or directory, and the error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What could not be done.
    pub what: String,
    /// How.
    pub errno: Errno,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.errno)
    }
}

impl Trouble {
    fn new(what: impl Into<String>, errno: i32) -> Trouble {
        Trouble { what: what.into(), errno: Errno(errno) }
    }

    fn io(step: &str, path: &Path, error: &io::Error) -> Trouble {
        Trouble::new(format!("{step} {}", path.display()), error.raw_os_error().unwrap_or(libc::EIO))
    }
}

/// A control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
}

/// The name of the leaf that this process moves into, where it may not stay beside its children.
pub const LEAF: &str = "daemon";

/// The name of the cgroup that has all that are made by this process.
#[must_use]
pub fn part() -> String {
    format!("taskmasterd-{}", std::process::id())
}

impl Cgroup {
    /// The one that was given to this process: the one that it is in, or was in before it moved into its leaf.
    ///
    /// # Errors
    /// As [`Cgroup::own`].
    pub fn given() -> Result<Cgroup, Trouble> {
        let own = Cgroup::own()?;
        let moved = own.path.ends_with(Path::new(&part()).join(LEAF));
        Ok(own.path.ancestors().nth(2).filter(|_| moved).map(|path| Cgroup { path: path.to_owned() }).unwrap_or(own))
    }

    /// The one that this process is in.
    ///
    /// # Errors
    /// There is no `/proc`, or no file system of cgroups of version 2 where it could be seen.
    pub fn own() -> Result<Cgroup, Trouble> {
        let read = |path: &str| fs::read_to_string(path).map_err(|e| Trouble::io("read", Path::new(path), &e));
        let (membership, mounts) = (read("/proc/self/cgroup")?, read("/proc/self/mountinfo")?);
        let path = directory(&membership, &mounts)?;
        Ok(Cgroup { path })
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The one above it.
    #[must_use]
    pub fn parent(&self) -> Option<Cgroup> {
        self.path.parent().map(|path| Cgroup { path: path.to_owned() })
    }

    /// Whether it is the root of all, which may have processes beside cgroups.
    #[must_use]
    pub fn is_root(&self) -> bool {
        !self.path.join("cgroup.type").exists()
    }

    /// The controllers that its children can have.
    #[must_use]
    pub fn controllers(&self) -> Vec<String> {
        self.words("cgroup.controllers")
    }

    fn words(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path.join(file)).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// What keeps this process from making cgroups with these controllers here; changes nothing.
    ///
    /// # Errors
    /// That.
    pub fn permits(&self, controllers: &[&str]) -> Result<(), Trouble> {
        self.has(controllers)?;
        for path in [self.path.clone(), self.path.join("cgroup.subtree_control")] {
            let mode = nix::unistd::AccessFlags::W_OK;
            nix::unistd::access(&path, mode).map_err(|errno| Trouble::io("write to", &path, &errno.into()))?;
        }
        Ok(())
    }

    fn has(&self, controllers: &[&str]) -> Result<(), Trouble> {
        let there = self.controllers();
        match controllers.iter().find(|wanted| !there.iter().any(|name| name == *wanted)) {
            None => Ok(()),
            Some(missing) => {
                let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
                let what = format!("have the controller {missing} in {} (there is {there})", self.path.display());
                Err(Trouble::new(what, libc::ENODEV))
            }
        }
    }

    /// Lets its children have these controllers.
    ///
    /// # Errors
    /// ENODEV: there is no such controller here. EBUSY: it has processes of its own. EACCES and others of write(2).
    pub fn enable(&self, controllers: &[&str]) -> Result<(), Trouble> {
        let on = self.words("cgroup.subtree_control");
        for wanted in controllers.iter().filter(|wanted| !on.iter().any(|name| name == *wanted)) {
            self.has(&[wanted])?;
            self.set("cgroup.subtree_control", &format!("+{wanted}"))?;
        }
        Ok(())
    }

    /// The cgroup of this name below it, and whether it was there already.
    ///
    /// # Errors
    /// mkdir(2).
    pub fn child(&self, name: &str) -> Result<(Cgroup, bool), Trouble> {
        let path = self.path.join(name);
        match fs::create_dir(&path) {
            Ok(()) => Ok((Cgroup { path }, false)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok((Cgroup { path }, true)),
            Err(error) => Err(Trouble::io("make", &path, &error)),
        }
    }

    /// Writes to one of its files.
    ///
    /// # Errors
    /// open(2), write(2).
    pub fn set(&self, file: &str, value: &str) -> Result<(), Trouble> {
        let path = self.path.join(file);
        // Not created: where there is no such file, there is no such limit.
        let opened = fs::OpenOptions::new().write(true).open(&path);
        let written = opened.and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()));
        written.map_err(|error| Trouble::io(&format!("write {value} to"), &path, &error))
    }

    /// Its processes.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.words("cgroup.procs").iter().filter_map(|pid| pid.parse().ok()).collect()
    }

    /// Its processes and those of the cgroups below it.
    #[must_use]
    pub fn all_processes(&self) -> Vec<u32> {
        let mut found = self.processes();
        for below in self.below() {
            found.extend(below.all_processes());
        }
        found
    }

    /// The cgroups directly below it.
    #[must_use]
    pub fn below(&self) -> Vec<Cgroup> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        let directories = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        directories.map(|entry| Cgroup { path: entry.path() }).collect()
    }

    /// Those directly below it that a process like this one has made that is gone now.
    #[must_use]
    pub fn abandoned(&self) -> Vec<Cgroup> {
        let gone = |cgroup: &Cgroup| {
            let name = cgroup.path.file_name().and_then(|name| name.to_str());
            let maker = name.and_then(|name| name.strip_prefix("taskmasterd-")?.parse::<u32>().ok());
            // A process that cannot be seen from here is 0: then its maker could not be, either.
            maker.is_some_and(|pid| super::group::of(pid).is_none()) && !cgroup.all_processes().contains(&0)
        };
        self.below().into_iter().filter(gone).collect()
    }

    /// Removes it with what is below it, as far as nothing lives there.
    pub fn remove_all(&self) -> io::Result<()> {
        for below in self.below() {
            below.remove_all()?;
        }
        self.remove()
    }

    /// How many of its processes, and of those below it, were killed because memory ran out.
    #[must_use]
    pub fn oom_kills(&self) -> u64 {
        let text = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }

    /// Its directory, for a child that is to be born into it.
    ///
    /// # Errors
    /// open(2).
    pub fn open(&self) -> Result<OwnedFd, Trouble> {
        let mut options = fs::OpenOptions::new();
        let opened = options.read(true).custom_flags(libc::O_DIRECTORY).open(&self.path);
        opened.map(OwnedFd::from).map_err(|error| Trouble::io("open", &self.path, &error))
    }

    /// Removes it.
    ///
    /// # Errors
    /// EBUSY: there are processes in it.
    pub fn remove(&self) -> io::Result<()> {
        fs::remove_dir(&self.path)
    }
}

/// Where the cgroup is that `/proc/self/cgroup` names, by what is mounted according to `/proc/self/mountinfo`.
fn directory(membership: &str, mounts: &str) -> Result<PathBuf, Trouble> {
    let own = membership.lines().find_map(|line| line.strip_prefix("0::"));
    let own = own.ok_or_else(|| Trouble::new("find a cgroup of version 2", libc::ENOENT))?;
    let mut seen = false;
    for line in mounts.lines() {
        let Some((place, system)) = line.split_once(" - ") else { continue };
        if system.split(' ').next() != Some("cgroup2") {
            continue;
        }
        seen = true;
        let mut fields = place.split(' ').skip(3);
        let (Some(root), Some(point)) = (fields.next(), fields.next()) else { continue };
        if let Ok(below) = Path::new(own).strip_prefix(unescaped(root)) {
            let point = PathBuf::from(unescaped(point));
            return Ok(if below.as_os_str().is_empty() { point } else { point.join(below) });
        }
    }
    let what = if seen {
        format!("find the cgroup {own} below a mounted cgroup2 file system")
    } else {
        "find a mounted cgroup2 file system".to_owned()
    };
    Err(Trouble::new(what, libc::ENOENT))
}

/// A path without the escapes of mountinfo: `\040` is a space.
fn unescaped(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (escape, sign)| text.replace(escape, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_found_by_what_is_mounted() {
        const HYBRID: &str = "30 20 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n\
            31 30 0:27 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n\
            32 30 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate\n";
        const BOUND: &str = "32 30 0:28 /box /mnt/a\\040b rw - cgroup2 cgroup2 rw\n";
        let at = |membership: &str, mounts: &str| directory(membership, mounts).map(|path| path.display().to_string());
        assert_eq!(at("4:memory:/x\n0::/\n", HYBRID), Ok("/sys/fs/cgroup/unified".to_owned()));
        assert_eq!(at("0::/a/b\n", HYBRID), Ok("/sys/fs/cgroup/unified/a/b".to_owned()));
        assert_eq!(at("0::/box/in\n", BOUND), Ok("/mnt/a b/in".to_owned()));
        for (membership, mounts, part) in [
            ("4:memory:/x\n", HYBRID, "of version 2"),
            ("0::/x\n", BOUND, "the cgroup /x below"),
            ("0::/x\n", "1 1 0:1 / / rw - ext4 /dev/x rw\n", "a mounted cgroup2"),
            ("0::/x\n", "nonsense\n1 - cgroup2\n", "the cgroup /x"),
        ] {
            let error = at(membership, mounts).unwrap_err();
            assert!(error.what.contains(part), "{error}");
        }
    }

    #[test]
    fn a_child_is_born_into_its_cgroup() {
        let _alone = crate::sys::spawn::alone();
        use crate::base::exit::Exit;
        use crate::sys::nursery::Nursery;
        use crate::sys::spawn::{Command, Stdio};
        use std::os::fd::AsFd;
        let name = format!("test-{}", std::process::id());
        let made = Cgroup::own().and_then(|own| own.child(&name));
        let Ok((cgroup, was_there)) = made else { return println!("no cgroup can be made here: {made:?}") };
        assert!(!was_there && cgroup.processes().is_empty() && cgroup.controllers().is_empty());
        assert_eq!(cgroup.enable(&["no_such"]).unwrap_err().errno, Errno(libc::ENODEV));
        assert_eq!(cgroup.set("no.such", "1").unwrap_err().errno, Errno(libc::ENOENT));
        assert_eq!(cgroup.oom_kills(), 0);
        let line = format!("grep -q '^0::.*/{name}$' /proc/self/cgroup");
        let argv: Vec<String> = ["/bin/sh", "-c", &line].map(str::to_owned).to_vec();
        let mut command = Command::new(&argv, &[("PATH".to_owned(), "/bin:/usr/bin".to_owned())]).unwrap();
        command.cgroup(cgroup.open().unwrap());
        let child = command.spawn(Stdio::default(), &mut Nursery::new().unwrap()).unwrap();
        let exit = crate::sys::wait::reap_killed(child.pidfd.as_fd()).unwrap();
        child.launch.child_is_gone();
        cgroup.remove().unwrap();
        assert_eq!(exit, Some(Exit::Code(0)));
    }
}
