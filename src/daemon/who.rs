//! Who asks for something: a process at the control socket, or somebody by HTTP. For the log and for what is told of
//! processes; what each may do was decided before.

use std::fmt;
use std::sync::Arc;

use crate::sys::sock::Peer;

/// Somebody who asks.
#[derive(Clone, Debug)]
pub enum Who {
    /// A process, as the kernel vouches for it.
    Local(Peer),
    /// Somebody at the other end of a connection of HTTP.
    #[cfg_attr(not(feature = "web"), allow(dead_code))]
    Http(Arc<Caller>),
}

/// Somebody who asks by HTTP.
#[derive(Clone, Debug, Default)]
#[cfg_attr(not(feature = "web"), allow(dead_code))]
pub struct Caller {
    /// The address: `127.0.0.1:40112`, or `unix`.
    pub from: String,
    /// The user, if the other end is on this machine and the kernel tells.
    pub uid: Option<u32>,
    /// The groups of the process, where the kernel tells them.
    pub groups: Vec<u32>,
    /// Tells the callers apart.
    pub number: u64,
}

impl Who {
    /// The user, if known.
    #[must_use]
    pub fn uid(&self) -> Option<u32> {
        match self {
            Who::Local(peer) => Some(peer.uid),
            Who::Http(caller) => caller.uid,
        }
    }

    /// A number that another writer to the same process does not have: a process id, or one that no process has.
    #[must_use]
    pub fn writer(&self) -> i32 {
        match self {
            Who::Local(peer) => peer.pid,
            Who::Http(caller) => -i32::try_from(caller.number & 0x7fff_ffff).unwrap_or(0),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.from)
    }
}
