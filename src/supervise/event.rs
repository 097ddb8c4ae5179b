//! What the core is told. Intents are verbs, facts are participles.

use crate::base::exit::Exit;
use crate::base::id::{ClientId, Key, Run, Ticket};
use crate::config::model::Config;
use crate::control::message::Request;

use super::state::Failure;

/// What one process's machine is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Intent: it shall be up.
    Start,
    /// Intent: it shall be down.
    Stop,
    /// Intent: it shall go down and come up again.
    Restart,
    /// Intent: it shall be down, now, whatever it takes.
    Kill,
    /// Its deadline has passed.
    Due,
    /// Something happened to a run.
    Fact(Run, Fact),
}

/// What happened to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// There is a process.
    Spawned {
        /// Its id.
        pid: u32,
    },
    /// There is no process, and there will be none.
    SpawnFailed(Failure),
    /// `execve` succeeded.
    Executed,
    /// A step before or at `execve` failed. The exit follows.
    ExecFailed(Failure),
    /// The leader ended.
    Exited {
        /// How.
        exit: Exit,
        /// Whether other members of its process group live on, and are to be awaited: the fact `Gone` follows.
        left: bool,
    },
    /// The last member of the process group is gone, after an `Exited` that left some.
    Gone,
}

/// What the fleet is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The daemon is ready: start what is to be started.
    Boot,
    /// A fact about a run of an instance.
    Fact(Key, Run, Fact),
    /// Time has passed.
    Tick,
    /// A client asks for something that concerns processes.
    Command(Ticket, Request),
    /// A client is gone; nobody waits for its answers.
    ClientGone(ClientId),
    /// A configuration that was read and found valid takes the place of the present one, or is only held against it.
    Reload {
        /// Whom the plan is told, if anybody.
        ticket: Option<Ticket>,
        /// The new configuration.
        config: Box<Config>,
        /// Only say what would change.
        dry_run: bool,
    },
    /// Stop everything and leave. A second time: now.
    Shutdown,
}
