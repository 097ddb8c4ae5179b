//! Hooks: commands that are run at the turns of a process's life.

use std::time::Duration;

/// A turn at which a command may be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// `pre_start`: before each spawn, which waits for it and does not come if it fails.
    PreStart,
    /// `post_start`: when the process counts as started.
    PostStart,
    /// `pre_stop`: before the stop signal, which waits for it.
    PreStop,
    /// `stop_command`: instead of the stop signal.
    StopCommand,
    /// `post_stop`: after each end of a run. The next spawn waits for it.
    PostStop,
    /// `on_fatal`: when the process is given up.
    OnFatal,
}

impl Hook {
    /// All of them by their keys, in the order of a life.
    pub const KEYS: [(&'static str, Hook); 6] = [
        ("pre_start", Hook::PreStart),
        ("post_start", Hook::PostStart),
        ("pre_stop", Hook::PreStop),
        ("stop_command", Hook::StopCommand),
        ("post_stop", Hook::PostStop),
        ("on_fatal", Hook::OnFatal),
    ];

    /// Its key.
    #[must_use]
    pub fn key(self) -> &'static str {
        Hook::KEYS.iter().find(|(_, hook)| *hook == self).map_or("", |(key, _)| key)
    }
}

/// What is run at such a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookCommand {
    /// `cmd` and `args`, not yet expanded. Never empty.
    pub argv: Vec<String>,
    /// `timeout`: how long it may take.
    pub timeout: Duration,
}

impl HookCommand {
    /// This command with the default of the rest.
    #[must_use]
    pub fn new(argv: Vec<String>) -> HookCommand {
        HookCommand { argv, timeout: Duration::from_secs(60) }
    }
}
