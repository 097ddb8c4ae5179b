//! What the core is told. Intents are verbs, facts are participles.

use crate::base::exit::Exit;
use crate::base::id::{ClientId, Key, Run, TaskId, Ticket};
use crate::base::signal::Sig;
use crate::base::time::Wall;
use crate::config::model::{Config, Hook};
use crate::control::message::{Wait, WaitFor};

use super::health::{CheckNumber, Found};
use super::state::Failure;
use super::task::{Outcome, TaskEnd};

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
    /// Intent: it shall be up as soon as a connection comes in. For a program that is not started by one, `Start`.
    Arm,
    /// A connection has come in on one of its sockets.
    Demanded,
    /// Its sockets cannot be had, so no connection can come in.
    Deaf(Failure),
    /// What it has waited for has come.
    Opened,
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
    /// A hook that was run for it is over.
    HookEnded(Hook, Outcome),
    /// A check has ended. Each that was begun does so once, also one that was told to.
    Checked(CheckNumber, Found),
    /// It says of itself what it is doing; empty takes that back.
    Says(String),
}

/// What a client asks that concerns processes. Names are selectors.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// The state of the named processes, of all if none is named.
    Status {
        /// Which.
        names: Vec<String>,
        /// Whether what they use is told, too.
        usage: bool,
    },
    /// Why the named processes are as they are.
    Why {
        /// Which.
        names: Vec<String>,
    },
    /// Wait until the named processes have come to something.
    Wait {
        /// Which.
        names: Vec<String>,
        /// To what.
        until: WaitFor,
        /// How many milliseconds at most, if there is a limit.
        timeout_ms: Option<u64>,
    },
    /// The order in which the named programs start, all if none is named.
    Graph {
        /// Which.
        names: Vec<String>,
        /// For Graphviz.
        dot: bool,
    },
    /// The process ids of the named processes.
    Pids {
        /// Which.
        name: String,
    },
    /// Start the named processes.
    Start {
        /// Which.
        names: Vec<String>,
        /// Whether and how long the client waits.
        wait: Wait,
    },
    /// Stop the named processes.
    Stop {
        /// Which.
        names: Vec<String>,
        /// Whether and how long the client waits.
        wait: Wait,
    },
    /// Stop and start the named processes, by the file where it may be.
    Restart {
        /// Which.
        names: Vec<String>,
        /// Whether and how long the client waits.
        wait: Wait,
        /// What the configuration's files say now.
        files: Files,
        /// How many at a time; `None` is all at once.
        rolling: Option<u32>,
    },
    /// Give a program another number of processes. That it can have so many has been looked at.
    Scale {
        /// The program.
        name: String,
        /// How many; at least 1.
        count: u32,
        /// Whether and how long the client waits.
        wait: Wait,
    },
    /// Send a signal to the named processes.
    Signal {
        /// Which signal.
        sig: Sig,
        /// Which processes.
        names: Vec<String>,
    },
    /// Stop everything and leave.
    Shutdown,
}

/// What the configuration's files say when a restart is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Files {
    /// What they said when the configuration in force was read.
    Unchanged,
    /// This, and nothing is wrong with it.
    Read(Box<Config>),
    /// They cannot be used: how many errors there are and the first of them, for people.
    Broken(String),
}

/// What the fleet is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The daemon is ready: start what is to be started.
    Boot,
    /// A fact about a run of an instance.
    Fact(Key, Run, Fact),
    /// A task has ended, and nothing of its process group is left.
    TaskEnded {
        /// Which.
        id: TaskId,
        /// How.
        end: TaskEnd,
        /// The last bytes of its output, if they were to be kept.
        output: Vec<u8>,
    },
    /// A connection has come in for a process that waits for one.
    Demanded(Key),
    /// A process that was to wait for a connection cannot: its sockets cannot be had.
    Deaf(Key, Failure),
    /// Time has passed.
    Tick,
    /// What the wall clock says now: before everything else, and whenever it has been set.
    Clock(Wall),
    /// A client asks for something that concerns processes.
    Command {
        /// Where the answer goes.
        ticket: Ticket,
        /// The client's user; `None` if nobody knows, as may be of somebody who asks by HTTP.
        uid: Option<u32>,
        /// What it asks for.
        command: Command,
    },
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
