//! Commands that need no daemon: they read files and print. The table of them, and how one is called.

use std::fmt::Write as _;

use getopts::{Options, ParsingStyle};

use crate::base::flags;

use super::exit::Exit;
use super::show;

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
    run: fn(&Given) -> Exit,
}

/// What a command was given.
pub(super) struct Given {
    /// The words that are no options.
    pub words: Vec<String>,
    /// `--json`.
    pub json: bool,
    matches: getopts::Matches,
}

impl Given {
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
pub const LOCAL: [Local; 3] = [check::CHECK, import::IMPORT, schema::SCHEMA];

/// What the scripts in etc/completions call; nobody else has a use for it, so no list names it.
const HIDDEN: [Local; 1] = [complete::COMPLETE];

/// Carries out what the words say, if they are for one of these commands: by name, or `help` and the name.
pub(super) fn run(words: &[String], json: bool) -> Option<Exit> {
    let named = |name: &String| LOCAL.iter().chain(&HIDDEN).find(|local| local.name == name);
    match words {
        [help, name] if help == "help" => named(name).map(|local| show::print(local.usage().as_bytes())),
        [name, rest @ ..] => named(name).map(|local| local.call(rest, json)),
        [] => None,
    }
}

/// One line or two for each command: for `--help`.
pub(super) fn list() -> String {
    let mut text = String::new();
    for local in &LOCAL {
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

    fn call(&self, words: &[String], json: bool) -> Exit {
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
        (self.run)(&Given { words: matches.free.clone(), json: json || matches.opt_present("json"), matches })
    }

    fn complain(&self, text: &str) -> Exit {
        show::complain(&format!("{}: {text}; usage: {}", self.name, self.call_by()));
        Exit::Usage
    }
}
