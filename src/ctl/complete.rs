//! What a word that is being typed may become: for the shell of `taskmasterctl`, and by the hidden command `complete` for
//! bash, zsh and fish.
//!
//! `grammar` makes what may stand where from the tables of commands and options, `line` reads lines that are not finished.
//! Nothing is ever complained about: where nothing is known, nothing is offered. Paths are not looked up here; whoever
//! edits the line knows better how they are written.

use std::time::Duration;

use crate::base::signal::Sig;
use crate::control::command::{self, COMMANDS, SHELL_WORDS, Verb};
use crate::control::jsonrpc;
use crate::control::message::{ProcessStatus, Request, Response};
use crate::sys::user;

use super::connect::{self, Address};
use super::local::LOCAL;

mod grammar;
mod line;

pub use grammar::Paths;
#[cfg(feature = "shell")]
pub(super) use grammar::{names, parts};
pub(super) use line::Line;

use grammar::{Before, Grammar, List, Values};

/// How long a daemon may be silent when it is asked for names. Somebody waits at the keyboard.
const NAMES_LIMIT: Duration = Duration::from_millis(300);

/// One thing that a word may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The whole word.
    pub text: String,
    /// What it is, in a few words or none.
    pub about: String,
}

/// Everything that a word may become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// What is known. All of it begins with the word as it is.
    pub words: Vec<Candidate>,
    /// Whether it may be a path, too.
    pub paths: Option<Paths>,
    /// What of the word comes before the path: `--file=`, or nothing.
    pub prefix: String,
}

/// Gives the processes of the daemon that a command line is for, named by its words before the command.
pub(super) type Ask<'a> = &'a dyn Fn(&[String]) -> Vec<ProcessStatus>;

/// What the word behind these words of a command line may become. The first is the name of the program, `taskmasterd` or
/// anything that is to mean `taskmasterctl`.
pub(super) fn in_command_line(words: &[String], word: &str, ask: Ask<'_>) -> Offer {
    let Some((program, words)) = words.split_first() else { return Offer::default() };
    let at = |words, word| Place { words, word, shell: false, general: &[], ask };
    if program.rsplit('/').next() == Some("taskmasterd") {
        return at(words, word).offer(&Grammar::of_daemon());
    }
    let client = Grammar::of_client();
    let before = client.before(words);
    match before.free.first().and_then(|command| words.split_at_checked(*command)) {
        Some((general, command)) => Place { general, ..at(command, word) }.in_command(),
        // A script brings its own commands.
        None if before.given.contains(&"--file") && before.value.is_none() && !word.starts_with('-') => {
            Offer::default()
        }
        None => at(words, word).offer(&client),
    }
}

/// What the word behind these words of a command may become, in the shell.
#[cfg_attr(not(feature = "shell"), allow(dead_code, reason = "lines are not edited without it"))]
pub(super) fn in_shell(words: &[String], word: &str, ask: Ask<'_>) -> Offer {
    Place { words, word, shell: true, general: &[], ask }.in_command()
}

/// The processes of a daemon; none if it does not answer at once.
pub(super) fn processes(daemon: &Address) -> Vec<ProcessStatus> {
    let status = Request::Status { names: Vec::new(), usage: false };
    let reply = connect::ask_briefly(daemon, &status, NAMES_LIMIT);
    match reply.map(|reply| jsonrpc::read_answer(Verb::Status, &reply.line)) {
        Ok(Ok(Response::Status(list))) => list,
        // There is nothing to complete with, and no place to say why.
        Ok(_) | Err(_) => Vec::new(),
    }
}

/// Where a word is being typed.
struct Place<'a> {
    /// The words before it.
    words: &'a [String],
    word: &'a str,
    /// Whether it is in our shell, which has words of its own.
    shell: bool,
    /// The words before the command.
    general: &'a [String],
    ask: Ask<'a>,
}

impl Place<'_> {
    /// The first word is the command.
    fn in_command(&self) -> Offer {
        let Some((name, words)) = self.words.split_first() else {
            return self.offered(&Values { list: Some(List::Commands), ..Values::default() }, &[], "");
        };
        let (grammar, meant): (_, &[&str]) = match command::find(name) {
            Some((command, meant)) => (Grammar::of_command(command), meant),
            None => match LOCAL.iter().find(|local| local.name == *name) {
                Some(local) => (Grammar::of_local(local), &[]),
                None => return Offer::default(),
            },
        };
        // What an alias stands for has been said.
        let words: Vec<String> = meant.iter().map(|word| (*word).to_owned()).chain(words.iter().cloned()).collect();
        Place { words: &words, ..*self }.offer(&grammar)
    }

    fn offer(&self, grammar: &Grammar) -> Offer {
        let before = grammar.before(self.words);
        if let Some(value) = before.value {
            return self.offered(value, &[], "");
        }
        if self.word.starts_with('-') && !before.ended {
            return match self.word.split_once('=') {
                Some((long, _)) => match grammar.value(long) {
                    Some(value) => self.offered(value, &[], &format!("{long}=")),
                    None => Offer::default(),
                },
                None => self.options(grammar, &before),
            };
        }
        match grammar.word(before.free.len()) {
            Some(values) => {
                let given: Vec<&String> = before.free.iter().filter_map(|at| self.words.get(*at)).collect();
                self.offered(values, &given, "")
            }
            None => Offer::default(),
        }
    }

    /// The options that begin like the word and are not given yet. One of a single letter is whole as it is.
    fn options(&self, grammar: &Grammar, before: &Before<'_>) -> Offer {
        let left = grammar.options.iter().filter(|option| option.repeats || !before.given.contains(&&*option.long));
        let mut words: Vec<Candidate> = left.map(|option| Candidate::new(&option.long, option.about)).collect();
        if grammar.has_short(self.word) {
            words.push(Candidate::new(self.word, ""));
        }
        self.kept(words)
    }

    /// What a place takes, behind a prefix within the word and without what has been given.
    fn offered(&self, values: &Values, given: &[&String], prefix: &str) -> Offer {
        let mut words: Vec<Candidate> = values.words.iter().map(|word| Candidate::new(word, "")).collect();
        match values.list {
            Some(List::Names) => {
                words.extend(of_processes(&(self.ask)(self.general)).into_iter().filter(|c| !given.contains(&&c.text)));
            }
            Some(List::Commands) => words.extend(of_commands(self.shell)),
            Some(List::Signals) => words.extend(self.signals()),
            Some(List::Users) => words.extend(user::names().iter().map(|name| Candidate::new(name, ""))),
            None => {}
        }
        if !prefix.is_empty() {
            words.iter_mut().for_each(|word| word.text.insert_str(0, prefix));
        }
        Offer { paths: values.paths, prefix: prefix.to_owned(), ..self.kept(words) }
    }

    /// With or without `SIG`, as it was begun.
    fn signals(&self) -> impl Iterator<Item = Candidate> {
        let prefix = if self.word.starts_with("SI") { "SIG" } else { "" };
        Sig::names().iter().map(move |name| Candidate::new(&format!("{prefix}{name}"), ""))
    }

    /// What begins like the word.
    fn kept(&self, mut words: Vec<Candidate>) -> Offer {
        words.retain(|candidate| candidate.text.starts_with(self.word));
        words.sort_by(|a, b| a.text.cmp(&b.text));
        words.dedup_by(|a, b| a.text == b.text);
        Offer { words, ..Offer::default() }
    }
}

impl Candidate {
    fn new(text: &str, about: &str) -> Candidate {
        Candidate { text: text.to_owned(), about: about.to_owned() }
    }
}

fn of_commands(shell: bool) -> Vec<Candidate> {
    let mut words = Vec::new();
    for command in &COMMANDS {
        words.push(Candidate::new(command.name, command.summary));
        words.extend(command.aliases.iter().map(|alias| Candidate::new(alias.name, alias.summary)));
    }
    words.extend(LOCAL.iter().map(|local| Candidate::new(local.name, local.summary)));
    if shell {
        words.extend(SHELL_WORDS.iter().map(|(word, summary)| Candidate::new(word, summary)));
    }
    words
}

/// All ways to name processes. None if there are no processes, or nobody to ask: alone, `all` would be put into the line
/// at once.
fn of_processes(processes: &[ProcessStatus]) -> Vec<Candidate> {
    let mut words = Vec::new();
    if !processes.is_empty() {
        words.push(Candidate::new("all", "every process"));
    }
    for p in processes {
        words.push(Candidate::new(&p.name, p.state.text()));
        if p.name != p.program {
            words.push(Candidate::new(&format!("{}:*", p.program), "every process of this program"));
        }
        let group = p.group.iter();
        words.extend(group.map(|group| Candidate::new(&format!("{group}:*"), "every process of this group")));
    }
    words
}

#[cfg(test)]
mod tests;
