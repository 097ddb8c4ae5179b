//! What the board asks the daemon.

use crate::control::message::{Request, Wait};

/// What can be done to processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Act {
    Start,
    Stop,
    Restart,
}

impl Act {
    /// The command.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Act::Start => "start",
            Act::Stop => "stop",
            Act::Restart => "restart",
        }
    }
}

/// A question, for which the answer is kept apart from others.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Which daemon it is.
    Daemon,
    /// How these processes are; all if none is named.
    Status(Vec<String>),
    /// What these processes use.
    Usage(Vec<String>),
    /// Why this one is as it is.
    Why(String),
    /// What has happened from this number on.
    History(u64),
    /// A command.
    Act(Act, Vec<String>),
}

impl Ask {
    /// The request.
    #[must_use]
    pub fn request(&self) -> Request {
        match self {
            Ask::Daemon => Request::Pid { name: None },
            Ask::Status(names) => Request::Status { names: names.clone(), usage: false },
            Ask::Usage(names) => Request::Status { names: names.clone(), usage: true },
            Ask::Why(name) => Request::Why { names: vec![name.clone()] },
            Ask::History(since) => Request::Events { names: Vec::new(), since: Some(*since), follow: false },
            Ask::Act(act, names) => {
                let (names, wait) = (names.clone(), Wait::Reached);
                match act {
                    Act::Start => Request::Start { names, wait },
                    Act::Stop => Request::Stop { names, wait },
                    Act::Restart => Request::Restart { names, wait, rolling: None },
                }
            }
        }
    }
}
