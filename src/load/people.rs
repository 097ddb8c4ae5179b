//! Users and groups that a configuration names.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use crate::base::errno::plain;
use crate::base::nearest::suggestion;
use crate::config::Objection;
use crate::config::model::Account;
use crate::sys::user::{self, Identity};

/// Users and groups that a configuration names, looked up when it is loaded: a lookup may ask a network, and the loop
/// must not wait for one at each start of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    users: BTreeMap<String, Identity>,
    groups: BTreeMap<String, u32>,
}

impl People {
    /// The identity of a user that the configuration names.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&Identity> {
        self.users.get(name)
    }

    /// The id of a user or group that has a role.
    #[must_use]
    pub fn holder(&self, holder: &Account) -> Option<u32> {
        match holder {
            Account::User(name) => self.user(name).map(|identity| identity.uid),
            Account::Group(name) => self.group(name),
        }
    }

    /// The login name of a user, if it is one that the configuration names.
    #[must_use]
    pub fn name_of(&self, uid: u32) -> Option<&str> {
        self.users.values().find(|identity| identity.uid == uid)?.name.as_deref()
    }

    /// Adds what a newer configuration names. What an older one named stays: its last processes may be on their way.
    pub fn extend(&mut self, newer: People) {
        self.users.extend(newer.users);
        self.groups.extend(newer.groups);
    }

    /// The id of a group that the configuration names.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<u32> {
        self.groups.get(name).copied()
    }
}

/// Names that were looked up, each once.
#[derive(Default)]
pub(super) struct Asked {
    users: Answers<Identity>,
    groups: Answers<u32>,
}

/// What was found under each name, or why not.
type Answers<T> = RefCell<BTreeMap<String, Result<T, String>>>;

impl Asked {
    /// Whether a program can run as this user.
    pub(super) fn user(&self, name: &str) -> Result<(), Objection> {
        let own = user::effective_uid();
        match self.identity(name).map_err(Objection::error)? {
            Identity { uid, .. } if own != 0 && uid != own => Err(Objection::warning(format!(
                "only root may run a program as \"{name}\": it cannot be started unless taskmasterd runs as root"
            ))),
            Identity { .. } => Ok(()),
        }
    }

    fn identity(&self, name: &str) -> Result<Identity, String> {
        ask(&self.users, name, |name| present("user", name, user::user(name), user::names))
    }

    /// Whether there is somebody who can have a role.
    pub(super) fn holder(&self, holder: &Account) -> Result<(), Objection> {
        match holder {
            Account::User(name) => self.identity(name).map(drop).map_err(Objection::error),
            Account::Group(name) => self.group(name),
        }
    }

    /// Whether a program can run with this group.
    pub(super) fn group(&self, name: &str) -> Result<(), Objection> {
        let id = ask(&self.groups, name, |name| present("group", name, user::group(name), user::group_names));
        id.map(drop).map_err(Objection::error)
    }

    /// All that were found.
    pub(super) fn found(self) -> People {
        People { users: found(self.users), groups: found(self.groups) }
    }
}

fn ask<T: Clone>(known: &Answers<T>, name: &str, look_up: fn(&str) -> Result<T, String>) -> Result<T, String> {
    known.borrow_mut().entry(name.to_owned()).or_insert_with(|| look_up(name)).clone()
}

fn found<T>(known: Answers<T>) -> BTreeMap<String, T> {
    known.into_inner().into_iter().filter_map(|(name, answer)| Some((name, answer.ok()?))).collect()
}

fn present<T>(kind: &str, name: &str, answer: io::Result<Option<T>>, all: fn() -> Vec<String>) -> Result<T, String> {
    match answer {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(format!("no {kind} \"{name}\"{}", suggestion(name, all().iter().map(String::as_str)))),
        Err(error) => Err(format!("cannot look up the {kind} \"{name}\": {}", plain(&error))),
    }
}
