//! Directories made along a path on which others may have put something.
//!
//! The path is walked part by part, each opened below the one before. A symbolic link is followed only if root or this
//! user made it, and it has no second name: then it was there before whoever might mean harm. Owner and mode are given to
//! what is open, never to a path.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag, fchmodat, fstat, mkdirat};
use nix::unistd::{Gid, Uid, fchownat};

/// How many links a path may lead through, as with the kernel.
const LINKS: u32 = 40;
/// How often a part of the path is looked at again that came or went meanwhile.
const TRIES: u32 = 8;
/// The mode of what is made on the way.
const ON_THE_WAY: u32 = 0o755;

/// Whose a directory is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its user if it is made.
    pub uid: u32,
    /// Its group if it is made.
    pub gid: u32,
    /// Its permission bits if it is made.
    pub mode: u32,
    /// Whether one that is there already gets the user, the group, the mode.
    pub anyway: [bool; 3],
}

/// Makes the directory and those above it, unless they are there.
///
/// # Errors
/// EEXIST: it is there, and somebody else's. ELOOP: somebody else's symbolic link is in the way. ENOTDIR, and those of
/// openat(2), mkdirat(2), fchownat(2), fchmodat(2).
pub fn ensure(path: &Path, wanted: &Wanted) -> io::Result<()> {
    let mut walk = Walk { at: open(OsStr::new("/"), None)?, left: VecDeque::new(), links: 0 };
    walk.prepend(path);
    while let Some(name) = walk.left.pop_front() {
        let last = walk.left.is_empty();
        let made = walk.enter(&name, last)?;
        if last && walk.left.is_empty() {
            return settle(walk.at.as_fd(), wanted, made);
        }
    }
    settle(walk.at.as_fd(), wanted, false)
}

struct Walk {
    /// The directory that has been reached.
    at: OwnedFd,
    /// The names that are left.
    left: VecDeque<OsString>,
    links: u32,
}

impl Walk {
    /// Puts the parts of a path before what is left.
    fn prepend(&mut self, path: &Path) {
        for part in path.components().rev() {
            match part {
                Component::Normal(name) => self.left.push_front(name.to_owned()),
                Component::ParentDir => self.left.push_front("..".into()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
    }

    /// Goes to what has this name, and makes it if there is nothing. Whether it was made.
    fn enter(&mut self, name: &OsStr, last: bool) -> io::Result<bool> {
        for _ in 0..TRIES {
            match open(name, Some(self.at.as_fd())) {
                Ok(found) => {
                    self.go_on(found)?;
                    return Ok(false);
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
                Err(error) => return Err(error),
            }
            // The last one is closed to all others until it has its owner.
            let mode = if last { 0o700 } else { ON_THE_WAY };
            match mkdirat(self.at.as_fd(), name, Mode::from_bits_truncate(mode)) {
                Ok(()) => {
                    let made = open(name, Some(self.at.as_fd()))?;
                    let stat = fstat(&made)?;
                    // Somebody who may write here may have put something else in its place.
                    if !is(&stat, SFlag::S_IFDIR) || stat.st_uid != Uid::effective().as_raw() {
                        return Err(Errno::EEXIST.into());
                    }
                    if !last {
                        set_mode(made.as_fd(), ON_THE_WAY)?;
                    }
                    self.at = made;
                    return Ok(true);
                }
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Errno::EEXIST.into())
    }

    fn go_on(&mut self, found: OwnedFd) -> io::Result<()> {
        let stat = fstat(&found)?;
        if is(&stat, SFlag::S_IFDIR) {
            self.at = found;
            return Ok(());
        }
        if !is(&stat, SFlag::S_IFLNK) {
            return Err(Errno::ENOTDIR.into());
        }
        self.links += 1;
        if self.links > LINKS || !is_ours(stat.st_uid) || stat.st_nlink != 1 {
            return Err(Errno::ELOOP.into());
        }
        let target = readlinkat(&found, "")?;
        let target = Path::new(&target);
        if target.is_absolute() {
            self.at = open(OsStr::new("/"), None)?;
        }
        self.prepend(target);
        Ok(())
    }
}

/// Opens a directory, or a link itself, for nothing but to go on from there.
fn open(name: &OsStr, below: Option<BorrowedFd<'_>>) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(match below {
        Some(directory) => openat(directory, name, flags, Mode::empty())?,
        None => nix::fcntl::open(name, flags, Mode::empty())?,
    })
}

fn is(stat: &FileStat, kind: SFlag) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == kind.bits()
}

fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == Uid::effective().as_raw()
}

/// Gives the directory its owner and its mode: all of it if it was just made.
fn settle(directory: BorrowedFd<'_>, wanted: &Wanted, made: bool) -> io::Result<()> {
    let stat = fstat(directory)?;
    if !made && !is_ours(stat.st_uid) && stat.st_uid != wanted.uid {
        return Err(Errno::EEXIST.into());
    }
    let [user, group, mode] = wanted.anyway.map(|anyway| anyway || made);
    let uid = (user && stat.st_uid != wanted.uid).then(|| Uid::from_raw(wanted.uid));
    let gid = (group && stat.st_gid != wanted.gid).then(|| Gid::from_raw(wanted.gid));
    if uid.is_some() || gid.is_some() {
        fchownat(directory, "", uid, gid, AtFlags::AT_EMPTY_PATH)?;
    }
    if mode && (stat.st_mode & 0o7777 != wanted.mode || made) {
        set_mode(directory, wanted.mode)?;
    }
    Ok(())
}

/// By way of `.`, since what was opened to go on from there has no mode to be changed.
fn set_mode(directory: BorrowedFd<'_>, mode: u32) -> io::Result<()> {
    Ok(fchmodat(directory, ".", Mode::from_bits_truncate(mode), FchmodatFlags::FollowSymlink)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn wanted(mode: u32) -> Wanted {
        let (uid, gid) = (Uid::effective().as_raw(), nix::unistd::Gid::effective().as_raw());
        Wanted { uid, gid, mode, anyway: [false; 3] }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn made_with_its_mode_and_those_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/c");
        ensure(&path, &wanted(0o2770)).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o2770, 0o755));
        // What is there stays as it is unless it is to be changed.
        ensure(&path, &wanted(0o700)).unwrap();
        assert_eq!(mode(&path), 0o2770);
        ensure(&path, &Wanted { anyway: [false, false, true], ..wanted(0o711) }).unwrap();
        assert_eq!(mode(&path), 0o711);
    }

    #[test]
    fn files_and_links_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let error = |path: &str| ensure(&dir.path().join(path), &wanted(0o755)).unwrap_err().raw_os_error();
        assert_eq!(error("file"), Some(libc::ENOTDIR));
        assert_eq!(error("file/x"), Some(libc::ENOTDIR));
        // Our own link is followed, in the middle and at the end; a circle is not.
        symlink("real", dir.path().join("link")).unwrap();
        fs::create_dir(dir.path().join("real")).unwrap();
        ensure(&dir.path().join("link/x"), &wanted(0o750)).unwrap();
        assert_eq!(mode(&dir.path().join("real/x")), 0o750);
        ensure(&dir.path().join("link"), &wanted(0o750)).unwrap();
        symlink("round", dir.path().join("round")).unwrap();
        assert_eq!(error("round/x"), Some(libc::ELOOP));
    }

    #[test]
    fn what_somebody_else_put_there_is_not_trusted() {
        if !Uid::effective().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (target, link, theirs) = (dir.path().join("t"), dir.path().join("l"), dir.path().join("d"));
        fs::create_dir(&target).unwrap();
        symlink("t", &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(12_345), None).unwrap();
        assert_eq!(ensure(&link.join("x"), &wanted(0o755)).unwrap_err().raw_os_error(), Some(libc::ELOOP));
        assert_eq!(ensure(&link, &wanted(0o755)).unwrap_err().raw_os_error(), Some(libc::ELOOP));
        fs::create_dir(&theirs).unwrap();
        std::os::unix::fs::chown(&theirs, Some(12_345), None).unwrap();
        assert_eq!(ensure(&theirs, &wanted(0o755)).unwrap_err().raw_os_error(), Some(libc::EEXIST));
        // What belongs to whom it is wanted for is taken.
        let for_them = Wanted { uid: 12_345, gid: 12_345, ..wanted(0o700) };
        ensure(&theirs, &for_them).unwrap();
        ensure(&theirs.join("in/it"), &for_them).unwrap();
        let made = fs::metadata(theirs.join("in/it")).unwrap();
        assert_eq!((made.uid(), made.gid(), mode(&theirs.join("in/it"))), (12_345, 12_345, 0o700));
        assert_eq!(fs::metadata(theirs.join("in")).unwrap().uid(), 0);
    }
}
