//! Who asked for what, and how it went: a line in the daemon's log for each request that does more than look, and for
//! each that was refused for want of a role. It is written when the request is answered.

use std::collections::BTreeMap;

use crate::base::id::{ClientId, Ticket};
use crate::base::time::Mono;
use crate::config::model::{Level, Roles};
use crate::control::access::{self, Access, Holder, Person};
use crate::control::audit::{self, Throttle, Verdict};
use crate::control::command::Right;
use crate::control::message::{Refusal, Response};
use crate::control::record::Answered;
use crate::load::People;
use crate::sys::user;

use super::clients::Asked;
use super::run::Daemon;
use super::who::Who;

/// Stands for a user that is not known; it is no user's id.
const NOBODY: u32 = u32::MAX;

/// How many names of users are kept.
const NAMES: usize = 1000;

/// The requests that are under way and will be written down.
#[derive(Debug, Default)]
pub struct Audit {
    open: BTreeMap<Ticket, Entry>,
    throttle: Throttle,
    /// The login names of those who have asked, by id. Forgotten when the configuration is read again.
    names: BTreeMap<u32, Option<String>>,
}

#[derive(Debug)]
struct Entry {
    who: Who,
    command: String,
    asked: Mono,
}

impl Audit {
    /// A request is not worth being written down: it goes on with what was.
    pub fn forget(&mut self, ticket: Ticket) {
        self.open.remove(&ticket);
    }

    /// When there are refusals to be counted up.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.throttle.next_deadline()
    }
}

/// Who may do what, by the roles of a configuration and the people in it.
#[must_use]
pub fn access(roles: &Roles, people: &People) -> Access {
    let Roles { read, control, admin } = roles;
    let roles = [(Right::Read, read), (Right::Control, control), (Right::Admin, admin)];
    let grants = roles.into_iter().flat_map(|(right, holders)| holders.iter().map(move |holder| (right, holder)));
    // Whoever was not found has no role: the configuration would not have been taken.
    let found = grants.filter_map(|(right, holder)| {
        let id = people.holder(holder)?;
        Some((right, if holder.is_group() { Holder::Group(id) } else { Holder::User(id) }))
    });
    Access::new(user::effective_uid(), found.collect())
}

impl Daemon {
    /// Gives the roles to whom the configuration in force gives them.
    pub(super) fn apply_roles(&mut self) {
        self.audit.names.clear();
        let access = access(&self.fleet.config().daemon.socket.roles, &self.people);
        self.web.set_access(access.clone());
        self.clients.set_access(access);
    }

    /// Whether a client may ask for this. Takes note of it if it is to be written down.
    pub(super) fn permit(&mut self, asked: &Asked) -> Result<(), Refusal> {
        let Asked { ticket, who, right, request } = asked;
        let (ticket, right) = (*ticket, *right);
        let quiet = right.is_some() && request.right() == Right::Read;
        if quiet {
            return Ok(());
        }
        let command = audit::spoken(request);
        self.audit.open.insert(ticket, Entry { who: who.clone(), command, asked: self.now });
        let (uid, by_http) = match who {
            Who::Local(peer) => (Some(peer.uid), false),
            Who::Http(caller) => (caller.uid, true),
        };
        let name = uid.and_then(|uid| self.name_of(uid));
        let person = uid.map(|uid| Person { uid, name: name.as_deref() });
        match person {
            Some(person) if !by_http => access::judge(right, request, person),
            person => access::judge_by_http(right, request, person, self.web.is_control_on()),
        }
    }

    /// Writes down how a request went, if it was taken note of.
    pub(super) fn write_answered(&mut self, ticket: Ticket, response: &Response) {
        if let Some(entry) = self.audit.open.remove(&ticket) {
            self.write_verdict(&entry, &audit::verdict(response));
        }
    }

    /// Writes down the requests of a client that is gone. It gets no answers.
    pub(super) fn write_unanswered(&mut self, client: ClientId) {
        let first = Ticket { client, number: 0 };
        let last = Ticket { client, number: u64::MAX };
        let numbers: Vec<Ticket> = self.audit.open.range(first..=last).map(|(ticket, _)| *ticket).collect();
        for entry in numbers.iter().filter_map(|ticket| self.audit.open.remove(ticket)).collect::<Vec<_>>() {
            self.write_verdict(&entry, &audit::gone("the client did not wait for the answer"));
        }
    }

    /// Writes down everything that is left when the daemon leaves.
    pub(super) fn write_unfinished(&mut self) {
        for entry in std::mem::take(&mut self.audit.open).into_values() {
            self.write_verdict(&entry, &audit::gone("the daemon left before it was done"));
        }
    }

    /// Writes down how many refusals were not told.
    pub(super) fn write_untold(&mut self) {
        for (uid, count) in self.audit.throttle.take_due(self.now) {
            if uid == NOBODY {
                self.log(Level::Warning, format_args!("{count} more requests by HTTP were refused within a second"));
                continue;
            }
            let name = self.name_of(uid);
            let person = Person { uid, name: name.as_deref() };
            self.log(Level::Warning, format_args!("{count} more requests of {person} were refused within a second"));
        }
    }

    fn write_verdict(&mut self, entry: &Entry, verdict: &Verdict) {
        let Entry { who, command, asked } = entry;
        if verdict.refused {
            self.write_untold();
            if !self.audit.throttle.admit(who.uid().unwrap_or(NOBODY), self.now) {
                return;
            }
        }
        let user = who.uid().and_then(|uid| self.name_of(uid));
        let (gid, pid, http) = match who {
            Who::Local(peer) => (Some(peer.gid), Some(peer.pid), None),
            Who::Http(caller) => (None, None, Some(caller.from.as_str())),
        };
        let duration_ms = u64::try_from(self.now.since(*asked).as_millis()).unwrap_or(u64::MAX);
        let answered = Answered {
            command,
            result: verdict.result,
            http,
            uid: who.uid(),
            user: user.as_deref(),
            gid,
            pid,
            duration_ms,
        };
        let level = if verdict.refused { Level::Warning } else { Level::Info };
        self.journal.answered(level, answered, &verdict.reason);
    }

    /// The login name of a user: one that the configuration names, or that the local file lists. Others would have to be
    /// asked for, and the loop does not wait.
    fn name_of(&mut self, uid: u32) -> Option<String> {
        if self.audit.names.len() >= NAMES {
            self.audit.names.clear();
        }
        let look_up = || self.people.name_of(uid).map(str::to_owned).or_else(|| user::local_name(uid));
        self.audit.names.entry(uid).or_insert_with(look_up).clone()
    }
}
