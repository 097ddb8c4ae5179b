//! Who may give which commands: the one place that decides it. Knows users and groups by their ids alone; who they are
//! is found out by those who ask.

use std::fmt::{self, Display};

use super::command::Right;
use super::message::{Refusal, RefusalCode, Request};

impl Right {
    /// Its name as a role: the key below `taskmasterd.socket` that gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Control => "control",
            Right::Admin => "admin",
        }
    }
}

/// To whom a role is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A user.
    User(u32),
    /// Everybody in a group.
    Group(u32),
}

/// Who has which role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The daemon's own user, who may do everything, as root may.
    own_uid: u32,
    grants: Vec<(Right, Holder)>,
}

impl Access {
    /// These roles, besides those of root and of the daemon's own user.
    #[must_use]
    pub fn new(own_uid: u32, grants: Vec<(Right, Holder)>) -> Access {
        Access { own_uid, grants }
    }

    /// The highest role of a user with these groups; `None` if there is none.
    #[must_use]
    pub fn right_of(&self, uid: u32, groups: &[u32]) -> Option<Right> {
        if uid == 0 || uid == self.own_uid {
            return Some(Right::Admin);
        }
        let is_meant = |holder: Holder| match holder {
            Holder::User(user) => user == uid,
            Holder::Group(group) => groups.contains(&group),
        };
        self.grants.iter().filter(|(_, holder)| is_meant(*holder)).map(|(right, _)| *right).max()
    }
}

/// A user in messages: `uid 1000 (deploy)`.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// The id.
    pub uid: u32,
    /// The name, if it is known.
    pub name: Option<&'a str>,
}

impl Display for Person<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {}", self.uid)?;
        self.name.map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}

/// Whether somebody with this right may ask for this.
///
/// # Errors
/// The refusal.
pub fn judge(right: Option<Right>, request: &Request, person: Person<'_>) -> Result<(), Refusal> {
    let needed = request.right();
    if right >= Some(needed) {
        return Ok(());
    }
    let (command, role) = (request.command().name, needed.name());
    let has = right.map_or_else(|| "none".to_owned(), |right| format!("only {}", right.name()));
    let text = format!("{command} needs the role {role}; {person} has {has}: taskmasterd.socket.{role} gives it");
    Err(Refusal::new(RefusalCode::Denied, text))
}

/// The same for somebody who asks by HTTP, where less is allowed.
///
/// # Errors
/// The refusal.
pub fn judge_by_http(
    right: Option<Right>,
    request: &Request,
    person: Option<Person<'_>>,
    control: bool,
) -> Result<(), Refusal> {
    let needed = request.right();
    if right >= Some(needed) {
        return Ok(());
    }
    let (command, role) = (request.command().name, needed.name());
    let text = match (control, person) {
        (false, _) => format!("{command} is not allowed by HTTP: taskmasterd.http.control is false"),
        (true, Some(person)) => {
            let has = right.map_or("none", Right::name);
            format!(
                "{command} needs the role {role}; {person} has only {has}: taskmasterd.socket.{role} gives it, or a token \
                 (taskmasterd.http.token_file)"
            )
        }
        (true, None) => {
            format!(
                "{command} needs the role {role}, and nobody knows who asks: set up a token (taskmasterd.http.token_file)"
            )
        }
    };
    Err(Refusal::new(RefusalCode::Denied, text))
}

/// What ends the streams of somebody who has lost the right to them.
#[must_use]
pub fn withdrawn() -> Refusal {
    Refusal::new(RefusalCode::Denied, "the right to see this was withdrawn: the configuration has changed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::message::Wait;

    const DAEMON: u32 = 500;
    const DEPLOY: u32 = 1000;
    const OPS: u32 = 2000;

    fn access() -> Access {
        let grants = vec![
            (Right::Read, Holder::Group(OPS)),
            (Right::Control, Holder::User(DEPLOY)),
            (Right::Admin, Holder::User(1001)),
            (Right::Read, Holder::User(1001)),
        ];
        Access::new(DAEMON, grants)
    }

    #[test]
    fn who_may_what() {
        let access = access();
        for (uid, groups, right) in [
            (0, &[][..], Some(Right::Admin)),
            (DAEMON, &[DAEMON], Some(Right::Admin)),
            (DEPLOY, &[DEPLOY], Some(Right::Control)),
            // The highest counts, in whatever order they are given.
            (DEPLOY, &[OPS, DEPLOY], Some(Right::Control)),
            (1001, &[1001], Some(Right::Admin)),
            (7, &[7, 8, OPS], Some(Right::Read)),
            (7, &[7, 8], None),
            // A user's number is no group's, and the other way round. The group of root gives nothing.
            (OPS, &[OPS + 1], None),
            (7, &[DEPLOY, 0, DAEMON], None),
            (u32::MAX, &[u32::MAX], None),
        ] {
            assert_eq!(access.right_of(uid, groups), right, "uid {uid} in {groups:?}");
        }
        assert_eq!(Access::new(DAEMON, Vec::new()).right_of(DEPLOY, &[OPS]), None);
    }

    #[test]
    fn a_role_includes_those_below_it() {
        let names = || vec!["web".to_owned()];
        let person = Person { uid: 7, name: None };
        for (request, needed) in [
            (Request::Status { names: vec![], usage: false }, Right::Read),
            (Request::Help { command: None }, Right::Read),
            (Request::Reload { dry_run: true }, Right::Read),
            (Request::Stop { names: names(), wait: Wait::No }, Right::Control),
            (Request::Reload { dry_run: false }, Right::Admin),
            (Request::Shutdown, Right::Admin),
        ] {
            assert!(judge(None, &request, person).is_err(), "{request:?}");
            for right in [Right::Read, Right::Control, Right::Admin] {
                assert_eq!(judge(Some(right), &request, person).is_ok(), right >= needed, "{right:?} {request:?}");
            }
        }
    }

    #[test]
    fn a_refusal_says_what_is_needed_and_who_gives_it() {
        let deploy = Person { uid: DEPLOY, name: Some("deploy") };
        let refusal = judge(Some(Right::Control), &Request::Shutdown, deploy).unwrap_err();
        let text =
            "shutdown needs the role admin; uid 1000 (deploy) has only control: taskmasterd.socket.admin gives it";
        assert_eq!((refusal.code, refusal.text.as_str()), (RefusalCode::Denied, text));
        let refusal = judge(None, &Request::Version, Person { uid: 7, name: None }).unwrap_err();
        assert_eq!(refusal.text, "version needs the role read; uid 7 has none: taskmasterd.socket.read gives it");
    }
}
