//! The ids that a child takes on.

use crate::base::stage::Stage;

use super::{Failed, raw, step, sys, word};

/// The ids that the child takes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User id: real, effective and saved.
    pub uid: u32,
    /// Group id: real, effective and saved.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Whether it is a failure if they cannot be set although the user stays the same.
    pub groups_matter: bool,
}

impl Credentials {
    /// Groups, then group, then user: the user is the last step that needs privilege. That all of it holds is asked of
    /// the kernel.
    pub(super) fn take_on(&self) -> Result<(), Failed> {
        let (uid, gid) = (word(self.uid), word(self.gid));
        let own = || !self.groups_matter && sys(libc::SYS_geteuid, [0; 3]) == Ok(uid) && uid != 0;
        match step(Stage::Groups, libc::SYS_setgroups, [self.groups.len(), self.groups.as_ptr() as usize, 0]) {
            // Without privilege the groups cannot be set, and need not be if the user stays the same.
            Err(failed) if !(failed.errno.0 == libc::EPERM && own()) => return Err(failed),
            Ok(_) | Err(_) => {}
        }
        step(Stage::Gid, libc::SYS_setresgid, [gid, gid, gid])?;
        step(Stage::Uid, libc::SYS_setresuid, [uid, uid, uid])?;
        let (mut uids, mut gids) = ([u32::MAX; 3], [u32::MAX; 3]);
        step(Stage::Uid, libc::SYS_getresuid, addresses(&mut uids))?;
        step(Stage::Gid, libc::SYS_getresgid, addresses(&mut gids))?;
        let denied = Err(Failed::of(Stage::Uid, libc::EPERM));
        if uids != [self.uid; 3] || gids != [self.gid; 3] {
            return denied;
        }
        // Root's id must not be within reach any more.
        let keep = word(u32::MAX);
        if uid != 0 && sys(libc::SYS_setresuid, [keep, 0, keep]).is_ok() {
            return denied;
        }
        Ok(())
    }
}

/// Where the kernel is to store three ids.
fn addresses(places: &mut [u32; 3]) -> raw::Arguments {
    places.each_mut().map(|place| std::ptr::from_mut(place) as usize)
}
