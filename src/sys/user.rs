//! Users and groups of the system.

use std::ffi::CString;
use std::io;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist, getgroups};

/// Who a program runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// All groups, as initgroups(3) would set them.
    pub groups: Vec<u32>,
    /// Login name, if the id has one.
    pub name: Option<String>,
    /// Home directory.
    pub home: Option<String>,
    /// Login shell.
    pub shell: Option<String>,
}

/// The identity of a user, by name or id. `Ok(None)` if there is no such user.
///
/// A number that is no user's is an identity without a name, home or groups; the special ids `(uid_t)-1` and what
/// does not fit are no user.
///
/// # Errors
/// The user database cannot be read.
pub fn user(text: &str) -> io::Result<Option<Identity>> {
    let user = match id(text) {
        Some(Err(())) => return Ok(None),
        Some(Ok(uid)) => match User::from_uid(Uid::from_raw(uid))? {
            Some(user) => user,
            None => {
                return Ok(Some(Identity { uid, gid: uid, groups: vec![uid], name: None, home: None, shell: None }));
            }
        },
        None => match User::from_name(text)? {
            Some(user) => user,
            None => return Ok(None),
        },
    };
    let name = CString::new(user.name.as_str())?;
    let groups = getgrouplist(&name, user.gid)?.into_iter().map(Gid::as_raw).collect();
    Ok(Some(Identity {
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        groups,
        name: Some(user.name),
        home: user.dir.into_os_string().into_string().ok(),
        shell: user.shell.into_os_string().into_string().ok(),
    }))
}

/// The id of a group, by name or id. `Ok(None)` if there is no such group.
///
/// # Errors
/// The group database cannot be read.
pub fn group(text: &str) -> io::Result<Option<u32>> {
    match id(text) {
        Some(id) => Ok(id.ok()),
        None => Ok(Group::from_name(text)?.map(|g| g.gid.as_raw())),
    }
}

/// A text that begins with a digit or a sign is an id or nothing: never a name, so that `0day` or `0x0` cannot end up
/// as somebody else.
fn id(text: &str) -> Option<Result<u32, ()>> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+') {
        return None;
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    Some(text.parse::<u32>().ok().filter(|id| plain && *id != u32::MAX).ok_or(()))
}

/// All user names, for suggestions. Only what the local file lists.
#[must_use]
pub fn names() -> Vec<String> {
    list("/etc/passwd")
}

/// All group names, for suggestions. Only what the local file lists.
#[must_use]
pub fn group_names() -> Vec<String> {
    list("/etc/group")
}

fn list(path: &str) -> Vec<String> {
    text_of(path).lines().filter_map(|line| line.split(':').next().map(str::to_owned)).collect()
}

fn text_of(path: &str) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// The login name of a user that the local file lists. Asks nothing that could make the caller wait.
#[must_use]
pub fn local_name(uid: u32) -> Option<String> {
    let is_meant = |line: &&str| line.split(':').nth(2).and_then(|id| id.parse().ok()) == Some(uid);
    text_of("/etc/passwd").lines().find(is_meant)?.split(':').next().map(str::to_owned)
}

/// The effective user id of this process.
#[must_use]
pub fn effective_uid() -> u32 {
    Uid::effective().as_raw()
}

/// The effective group id of this process.
#[must_use]
pub fn effective_gid() -> u32 {
    Gid::effective().as_raw()
}

/// The supplementary groups of this process.
#[must_use]
pub fn own_groups() -> Vec<u32> {
    getgroups().unwrap_or_default().into_iter().map(Gid::as_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_users_are_nobody_and_never_root() {
        for text in
            ["0day", "0x0", "00", "-1", "4294967295", "4294967296", "99999999999", "+0", "", "no such user", "-"]
        {
            assert_eq!(user(text).unwrap(), None, "{text:?}");
        }
    }

    #[test]
    fn root_is_found_by_name_and_number() {
        let root = user("root").unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
        assert_eq!(user("0").unwrap().unwrap(), root);
        let stranger = user("4123456").unwrap().unwrap();
        assert_eq!((stranger.uid, stranger.groups, stranger.name), (4_123_456, vec![4_123_456], None));
        assert_eq!((local_name(0).as_deref(), local_name(4_123_456)), (Some("root"), None));
        assert_eq!(group("root").unwrap(), Some(0));
        assert_eq!(group("0x0").unwrap(), None);
    }
}
