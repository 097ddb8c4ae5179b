//! Commands that the client has of its own: most read files and print, and need no daemon. The table of them, and how
//! one is called.

use std::fmt::Write as _;

use getopts::{Options, ParsingStyle};

use crate::base::flags;

use super::exit::Exit;
use super::session::Session;
use super::show;

mod attach;
mod board;
mod check;
mod complete;
mod import;
mod schema;

/// One command.
pub struct Local {
    /// Its name.
    pub name: &'static str,
    /// Its arguments as people read them.
    pub synopsis: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The rest of its help: whole lines.
    pub help: &'static str,
    /// Its options but for `--json` and `--help`: short and long name, what stands for the value, if it takes one.
    pub flags: &'static [(&'static str, &'static str, &'static str)],
    /// How many words it takes besides.
    words: usize,
    /// Whether it shows what a daemon says.
    pub daemon: bool,
    run: fn(&Given<'_>) -> Exit,
}

/// What a command was given.
pub(super) struct Given<'a> {
    /// The words that are no options.
    pub words: Vec<String>,
    /// `--json`.
    pub json: bool,
    /// The daemon that is meant, and how to show what it says.
    pub session: &'a Session,
    matches: getopts::Matches,
}

impl Given<'_> {
    /// Whether an option is there.
    pub fn has(&self, long: &str) -> bool {
        self.matches.opt_present(long)
    }

    /// The value of an option.
    pub fn value(&self, long: &str) -> Option<String> {
        self.matches.opt_str(long)
    }
}

/// All of them.
pub const LOCAL: [Local; 5] = [attach::ATTACH, board::BOARD, check::CHECK, import::IMPORT, schema::SCHEMA];

/// What the scripts in etc/completions call; nobody else has a use for it, so no list names it.
const HIDDEN: [Local; 1] = [complete::COMPLETE];

/// Carries out what the words say, if they are for one of these commands: by name, or `help` and the name.
pub(super) fn run(words: &[String], session: &Session) -> Option<Exit> {
    let named = |name: &String| LOCAL.iter().chain(&HIDDEN).find(|local| local.name == name);
    match words {
        [help, name] if help == "help" => named(name).map(|local| show::print(local.usage().as_bytes())),
        [name, rest @ ..] => named(name).map(|local| local.call(rest, session)),
        [] => None,
    }
}

/// One line or two for each command that asks a daemon, or for each that does not: for `--help`.
pub(super) fn list(daemon: bool) -> String {
    let mut text = String::new();
    for local in LOCAL.iter().filter(|local| local.daemon == daemon) {
        let usage = local.call_by();
        let _ = if usage.len() > 28 {
            writeln!(text, "  {usage}\n  {:28}  {}", "", local.summary)
        } else {
            writeln!(text, "  {usage:28}  {}", local.summary)
        };
    }
    text
}

impl Local {
    /// The text of `help NAME`.
    #[must_use]
    pub fn usage(&self) -> String {
        format!("{}\n\n{}.\n{}", self.call_by(), self.summary, self.help)
    }

    /// Its name and its arguments.
    fn call_by(&self) -> String {
        format!("{} {}", self.name, self.synopsis).trim_end().to_owned()
    }

    fn call(&self, words: &[String], session: &Session) -> Exit {
        let mut options = Options::new();
        options.parsing_style(ParsingStyle::FloatingFrees);
        options.optflagmulti("", "json", "").optflagmulti("h", "help", "");
        for (short, long, value) in self.flags {
            if value.is_empty() {
                options.optflag(short, long, "");
            } else {
                options.optopt(short, long, "", value);
            }
        }
        let names: Vec<flags::Flag> = self.flags.iter().map(|(short, long, _)| (*short, *long)).collect();
        let names = [names, vec![("", "json"), ("h", "help")]].concat();
        let matches = match options.parse(words) {
            Ok(matches) => matches,
            Err(fail) => return self.complain(&flags::explain(&fail, &names)),
        };
        if matches.opt_present("help") {
            return show::print(self.usage().as_bytes());
        }
        if let Some(word) = matches.free.get(self.words) {
            return self.complain(&format!("\"{word}\" is one word too many"));
        }
        (self.run)(&Given {
            words: matches.free.clone(),
            json: session.json || matches.opt_present("json"),
            session,
            matches,
        })
    }

    fn complain(&self, text: &str) -> Exit {
        show::complain(&format!("{}: {text}; usage: {}", self.name, self.call_by()));
        Exit::Usage
    }
}
