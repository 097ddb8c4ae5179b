//! What the users at the other ends may do: worked out when a connection is accepted and again when the configuration
//! gives the roles to others. Who may what is decided by `control::access`; nothing is refused here.

use std::os::fd::BorrowedFd;

use crate::control::access::{self, Access};
use crate::control::message::{Refusal, Response};
use crate::control::render::Clock;
use crate::control::wire;
use crate::sys::sock;

use super::{Client, Clients};

/// The groups of a peer besides its own one. They are those that its process had when it connected. Where the kernel does
/// not tell them there are none: the user database knows the groups of a user, not those that a process has given up, and
/// the loop must not wait for it.
pub fn groups(socket: BorrowedFd<'_>, gid: u32) -> Vec<u32> {
    let mut groups = sock::groups(socket).unwrap_or_default();
    groups.push(gid);
    groups
}

impl Clients {
    /// Gives the roles to others, on the connections that there are as well. Who has none any more is told nothing more.
    pub fn set_access(&mut self, access: Access) {
        self.access = access;
        for (id, client) in &mut self.all {
            client.right = self.access.right_of(client.peer.uid, &client.groups);
            if client.right.is_none() && client.follows() {
                client.end_streams(access::withdrawn());
                self.streams.insert(*id);
            }
        }
    }
}

impl Client {
    /// Ends what follows the answers, each with the reason; nothing more is taken from the client.
    pub(super) fn end_streams(&mut self, reason: Refusal) {
        for text in self.calls.end_streams(&reason) {
            self.say(&text);
        }
        if self.words.take_if(|words| words.streams).is_some() {
            wire::write_text(&Response::Refused(reason), &Clock::default(), self.out.end());
        }
        self.closing = true;
    }
}
