//! What a command is. Both parsers, the help texts, the JSON-RPC methods and the rights are read from the table of all
//! commands, so one that is not there does not exist and one that is there is complete.

use crate::base::nearest::suggestion;
use crate::base::text::quoted;

use super::message::{Refusal, RefusalCode, Request};

pub(super) mod args;
mod params;
mod table;

pub use params::{Param, Place};
pub use table::COMMANDS;

/// Who may give a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// It only looks.
    Read,
    /// It starts, stops or signals processes.
    Control,
    /// It changes the daemon itself.
    Admin,
}

/// The commands by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Verb {
    Status,
    Why,
    Wait,
    Graph,
    Start,
    Stop,
    Restart,
    Scale,
    Signal,
    Reload,
    Events,
    Logs,
    Tail,
    Input,
    Resize,
    Pid,
    Version,
    Shutdown,
    Help,
}

/// Another name for a command, with arguments it stands for.
#[derive(Clone, Copy, Debug)]
pub struct Alias {
    /// The name.
    pub name: &'static str,
    /// The words that it puts before the other arguments.
    pub words: &'static [&'static str],
    /// What it does, in one line.
    pub summary: &'static str,
}

/// One command.
#[derive(Debug)]
pub struct Command {
    /// Which.
    pub verb: Verb,
    /// Its name, in text and as a JSON-RPC method.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [Alias],
    /// The right that it needs.
    pub right: Right,
    /// Its arguments. Those that are words come in this order.
    pub params: &'static [Param],
    /// Its arguments as people read them.
    pub synopsis: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The rest of its help: whole lines.
    pub help: &'static str,
}

/// The words that only the shell of taskmasterctl knows, with their summaries.
pub const SHELL_WORDS: [(&str, &str); 2] = [("quit", "Leave the shell"), ("exit", "Leave the shell")];

/// The command of this name or alias, with the words that the alias stands for.
#[must_use]
pub fn find(name: &str) -> Option<(&'static Command, &'static [&'static str])> {
    COMMANDS.iter().find_map(|command| {
        if command.name == name {
            return Some((command, &[][..]));
        }
        command.aliases.iter().find(|alias| alias.name == name).map(|alias| (command, alias.words))
    })
}

/// All names and aliases.
pub fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().flat_map(|c| std::iter::once(c.name).chain(c.aliases.iter().map(|a| a.name)))
}

/// The refusal of a name that is none.
#[must_use]
pub fn unknown(name: &str) -> Refusal {
    let hint = match suggestion(name, names()) {
        hint if hint.is_empty() => " (\"help\" lists the commands)".to_owned(),
        hint => hint,
    };
    Refusal::new(RefusalCode::UnknownCommand, format!("unknown command {}{hint}", quoted(name)))
}

impl Command {
    /// `tail [-n LINES] NAME [stdout|stderr]`.
    #[must_use]
    pub fn usage(&self) -> String {
        if self.synopsis.is_empty() { self.name.to_owned() } else { format!("{} {}", self.name, self.synopsis) }
    }

    /// The refusal of wrong arguments: what is wrong, and how it is right.
    #[must_use]
    pub fn wrong(&self, what: impl std::fmt::Display) -> Refusal {
        Refusal::new(RefusalCode::BadArguments, format!("{}: {what} (usage: {})", self.name, self.usage()))
    }
}

impl Request {
    /// The entry of the table for this request.
    #[must_use]
    pub fn verb(&self) -> Verb {
        match self {
            Request::Status { .. } => Verb::Status,
            Request::Why { .. } => Verb::Why,
            Request::Wait { .. } => Verb::Wait,
            Request::Graph { .. } => Verb::Graph,
            Request::Start { .. } => Verb::Start,
            Request::Stop { .. } => Verb::Stop,
            Request::Restart { .. } => Verb::Restart,
            Request::Scale { .. } => Verb::Scale,
            Request::Signal { .. } => Verb::Signal,
            Request::Reload { .. } => Verb::Reload,
            Request::Events { .. } => Verb::Events,
            Request::Logs { .. } => Verb::Logs,
            Request::Tail { .. } => Verb::Tail,
            Request::Input { .. } => Verb::Input,
            Request::Resize { .. } => Verb::Resize,
            Request::Pid { .. } => Verb::Pid,
            Request::Version => Verb::Version,
            Request::Shutdown => Verb::Shutdown,
            Request::Help { .. } => Verb::Help,
        }
    }

    /// Its entry in the table.
    #[must_use]
    pub fn command(&self) -> &'static Command {
        self.verb().command()
    }

    /// The right that it needs: that of its command, but a dry run only looks.
    #[must_use]
    pub fn right(&self) -> Right {
        if *self == (Request::Reload { dry_run: true }) { Right::Read } else { self.command().right }
    }
}

impl Verb {
    /// Its entry in the table.
    #[must_use]
    pub fn command(self) -> &'static Command {
        // Every verb has an entry: a test goes through them. The first stands in so that nothing here can panic.
        let [first, ..] = &COMMANDS;
        COMMANDS.iter().find(|c| c.verb == self).unwrap_or(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let verbs = [
            Verb::Status,
            Verb::Why,
            Verb::Wait,
            Verb::Graph,
            Verb::Logs,
            Verb::Start,
            Verb::Stop,
            Verb::Restart,
            Verb::Scale,
            Verb::Signal,
            Verb::Reload,
            Verb::Events,
            Verb::Tail,
            Verb::Input,
            Verb::Resize,
            Verb::Pid,
            Verb::Version,
            Verb::Shutdown,
            Verb::Help,
        ];
        assert_eq!(verbs.len(), COMMANDS.len());
        for verb in verbs {
            assert_eq!(verb.command().verb, verb);
        }
        let mut all: Vec<&str> = names().chain(SHELL_WORDS.iter().map(|(word, _)| *word)).collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count, "a name is used twice");
        for command in &COMMANDS {
            // Words after the rest of the words could never be given.
            let rest = command.params.iter().position(|p| p.place() == Place::Rest);
            assert!(rest.is_none_or(|at| at + 1 == command.params.len()), "{}", command.name);
            assert!(command.help.is_empty() || command.help.ends_with('\n'));
        }
    }

    #[test]
    fn what_is_repeated_is_short() {
        assert!(unknown(&"x".repeat(60_000)).text.len() < 200);
    }

    #[test]
    fn a_dry_run_needs_less() {
        assert_eq!(Request::Reload { dry_run: true }.right(), Right::Read);
        assert_eq!(Request::Reload { dry_run: false }.right(), Right::Admin);
        assert_eq!(Request::Status { names: vec![], usage: true }.right(), Right::Read);
    }
}
