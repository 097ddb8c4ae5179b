//! What a command line may hold: its options and its words. Made from the tables that the parsers read and from the
//! synopses that people read, so that there is nothing to keep up besides.

use crate::base::flags::{self, Described};
use crate::config::model::Level;
use crate::control::command::{Command, Place, Verb};
use crate::ctl::args;
use crate::ctl::local::Local;
use crate::ctl::logs;

/// What is a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    /// Of a file.
    Files,
    /// Of a directory.
    Directories,
}

/// What must be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// Processes, programs and groups.
    Names,
    Commands,
    Signals,
    Users,
}

/// What may stand at a place. All of it is empty where that cannot be known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) paths: Option<Paths>,
    pub(super) list: Option<List>,
    pub(super) words: Vec<&'static str>,
}

impl Values {
    /// What a synopsis says: `FILE|DIRECTORY`, `NAME...`, `stdout|stderr`, `LINES`. Words that are to be given as they
    /// stand are not in capitals.
    fn read(text: &'static str) -> Values {
        let mut values = Values::default();
        for part in text.trim_matches(['[', ']']).trim_end_matches('.').trim_end_matches(']').split('|') {
            match part {
                "FILE" | "SCRIPT" | "SOCKET" => values.paths = Some(Paths::Files),
                "DIR" | "DIRECTORY" => values.paths = values.paths.or(Some(Paths::Directories)),
                "NAME" => values.list = Some(List::Names),
                "COMMAND" => values.list = Some(List::Commands),
                "SIGNAL" => values.list = Some(List::Signals),
                "USER" => values.list = Some(List::Users),
                "LEVEL" => values.words.extend(Level::NAMES.map(|(name, _)| name)),
                part if part.contains(|c: char| c.is_ascii_uppercase()) => {}
                part => values.words.push(part),
            }
        }
        values
    }
}

/// An option.
#[derive(Debug)]
pub(super) struct Opt {
    /// With its dash, or empty.
    short: String,
    /// With its dashes.
    pub(super) long: String,
    pub(super) about: &'static str,
    /// Whether it may be given more than once.
    pub(super) repeats: bool,
    /// `None` if it stands alone.
    value: Option<Values>,
}

/// What may follow the name of a program or of a command.
#[derive(Debug, Default)]
pub(super) struct Grammar {
    pub(super) options: Vec<Opt>,
    words: Vec<Values>,
    /// Whether the last of `words` may come again and again.
    repeats: bool,
    /// Whether the first word ends the options.
    stops: bool,
}

/// What the words before a place make of it.
#[derive(Debug, Default)]
pub(super) struct Before<'a> {
    /// Iff the place is the value of an option: what that may be.
    pub(super) value: Option<&'a Values>,
    /// Whether there are no more options.
    pub(super) ended: bool,
    /// The long names of the options that are there.
    pub(super) given: Vec<&'a str>,
    /// Where the words stand that are neither options nor values.
    pub(super) free: Vec<usize>,
}

impl Grammar {
    /// The command line of `taskmasterctl` up to the command.
    pub(super) fn of_client() -> Grammar {
        let options = args::FLAGS.iter().map(Opt::described).collect();
        Grammar { options, words: vec![Values::read("COMMAND")], repeats: false, stops: true }
    }

    /// The command line of `taskmasterd`.
    pub(super) fn of_daemon() -> Grammar {
        let options = flags::OF_DAEMON.iter().map(Opt::described).collect();
        Grammar { options, words: vec![Values::read("FILE|DIRECTORY")], repeats: false, stops: false }
    }

    /// A command that the daemon carries out.
    pub(super) fn of_command(command: &'static Command) -> Grammar {
        let parts = parts(command.synopsis);
        let mut options = Vec::new();
        for param in command.params {
            let (long, short, valued) = match param.place() {
                Place::Flag(long) => (long, "", false),
                Place::ShortFlag(long, short) => (long, short, false),
                Place::Value(long, short) => (long, short, true),
                Place::Word | Place::Rest => continue,
            };
            let told = parts.iter().find(|part| names(part, long) || names(part, short));
            let value = told.and_then(|part| part.split_once(' ')).map_or("", |(_, value)| value);
            // Places in logs are given for each log.
            let repeats = long == "--from";
            let value = valued.then(|| Values::read(value));
            options.push(Opt { short: short.to_owned(), long: long.to_owned(), about: "", repeats, value });
        }
        if matches!(command.verb, Verb::Logs | Verb::Tail) {
            options.extend(logs::OPTIONS.iter().map(|(long, value)| Opt::new("", long.trim_start_matches('-'), value)));
        }
        Grammar { options, ..Grammar::of_words(&parts) }.with_common()
    }

    /// A command that needs no daemon.
    pub(super) fn of_local(local: &'static Local) -> Grammar {
        let parts = parts(local.synopsis);
        let option = |(short, long, value): &(&'static str, &str, &'static str)| {
            // The synopsis says more than a word in capitals.
            let told = parts.iter().find(|part| names(part, &format!("--{long}")));
            let told = told.and_then(|part| part.trim_end_matches(']').split_once(' ')).map(|(_, told)| told);
            Opt::new(short, long, told.unwrap_or(value))
        };
        let options = local.flags.iter().map(option).collect();
        Grammar { options, ..Grammar::of_words(&parts) }.with_common()
    }

    /// The words of a synopsis, without its options.
    fn of_words(parts: &[&'static str]) -> Grammar {
        let words: Vec<&'static str> = parts.iter().copied().filter(|part| !part.starts_with("[-")).collect();
        let repeats = words.last().is_some_and(|word| word.trim_end_matches(']').ends_with("..."));
        Grammar { words: words.into_iter().map(Values::read).collect(), repeats, ..Grammar::default() }
    }

    /// With what may stand among the words of any command.
    fn with_common(mut self) -> Grammar {
        self.options.push(Opt { about: "print results as JSON", ..Opt::new("", "json", "") });
        self.options.push(Opt { about: "show how it is used", ..Opt::new("h", "help", "") });
        self
    }

    /// Goes through the words before a place.
    pub(super) fn before(&self, words: &[String]) -> Before<'_> {
        let mut before = Before::default();
        for (at, word) in words.iter().enumerate() {
            if before.value.take().is_some() {
                continue;
            }
            if before.ended || !word.starts_with('-') || word == "-" {
                before.free.push(at);
                before.ended |= self.stops;
            } else if word == "--" {
                before.ended = true;
            } else {
                self.option(word, &mut before);
            }
        }
        before
    }

    fn option<'a>(&'a self, word: &str, before: &mut Before<'a>) {
        if word.starts_with("--") {
            let name = word.split('=').next().unwrap_or(word);
            if let Some(option) = self.options.iter().find(|option| option.long == name) {
                before.given.push(&option.long);
                before.value = option.value.as_ref().filter(|_| !word.contains('='));
            }
            return;
        }
        // Several letters behind one dash; one that takes a value takes the rest of the word.
        let mut letters = word.chars().skip(1).peekable();
        while let Some(letter) = letters.next() {
            let short = |option: &&Opt| option.short.strip_prefix('-') == Some(letter.encode_utf8(&mut [0; 4]));
            let Some(option) = self.options.iter().find(short) else { continue };
            before.given.push(&option.long);
            if let Some(value) = &option.value {
                before.value = Some(value).filter(|_| letters.peek().is_none());
                return;
            }
        }
    }

    /// What the option of this long name takes.
    pub(super) fn value(&self, long: &str) -> Option<&Values> {
        self.options.iter().find(|option| option.long == long)?.value.as_ref()
    }

    /// Whether this is the short name of one of its options.
    pub(super) fn has_short(&self, word: &str) -> bool {
        self.options.iter().any(|option| option.short == word)
    }

    /// What may come behind so many words.
    pub(super) fn word(&self, count: usize) -> Option<&Values> {
        self.words.get(count).or_else(|| self.words.last().filter(|_| self.repeats))
    }
}

impl Opt {
    fn new(short: &str, long: &str, value: &'static str) -> Opt {
        let dashed = |dashes, name: &str| if name.is_empty() { String::new() } else { format!("{dashes}{name}") };
        let value = (!value.is_empty()).then(|| Values::read(value));
        Opt { short: dashed("-", short), long: dashed("--", long), about: "", repeats: false, value }
    }

    fn described(((short, long), about, value): &Described) -> Opt {
        Opt { about, ..Opt::new(short, long, value) }
    }
}

/// Whether a part of a synopsis is the option that a word is: `[--timeout DURATION]`, `[--stdout|--stderr]`.
pub(in crate::ctl) fn names(part: &str, word: &str) -> bool {
    let options = part.trim_matches(['[', ']']).split(' ').next().unwrap_or_default();
    options.starts_with('-') && options.split('|').any(|option| Some(option) == word.split('=').next())
}

/// A synopsis at its blanks, those within brackets left in.
pub(in crate::ctl) fn parts(synopsis: &'static str) -> Vec<&'static str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in synopsis.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 => {
                parts.push(synopsis.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(synopsis.get(start..).unwrap_or_default());
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::command::COMMANDS;
    use crate::ctl::local::LOCAL;
    use crate::ctl::look::Color;

    #[test]
    fn a_synopsis_says_what_may_stand_there() {
        let words = |words: &[&'static str]| Values { words: words.to_vec(), ..Values::default() };
        let list = |list| Values { list: Some(list), ..Values::default() };
        let files = Values { paths: Some(Paths::Files), ..Values::default() };
        for (text, values) in [
            ("NAME...", list(List::Names)),
            ("[NAME...]", list(List::Names)),
            ("[stdout|stderr]", words(&["stdout", "stderr"])),
            ("running|stopped|healthy", words(&["running", "stopped", "healthy"])),
            ("[FILE|DIRECTORY]", files.clone()),
            ("FILE|syslog|-", Values { words: vec!["syslog", "-"], ..files }),
            ("DIR", Values { paths: Some(Paths::Directories), ..Values::default() }),
            ("DURATION", Values::default()),
            ("N]", Values::default()),
        ] {
            assert_eq!(Values::read(text), values, "{text}");
        }
    }

    #[test]
    fn every_synopsis_has_as_many_words_as_its_command_takes() {
        for command in &COMMANDS {
            let taken = command.params.iter().filter(|p| matches!(p.place(), Place::Word | Place::Rest)).count();
            let grammar = Grammar::of_command(command);
            assert_eq!(
                (grammar.words.len(), grammar.repeats),
                (taken, command.params.last().is_some_and(|p| p.place() == Place::Rest)),
                "{}",
                command.name
            );
        }
        for local in &LOCAL {
            let grammar = Grammar::of_local(local);
            assert!(grammar.options.iter().all(|option| option.long.len() > 2), "{}", local.name);
        }
    }

    #[test]
    fn the_values_of_options_are_those_that_are_read() {
        let client = Grammar::of_client();
        for when in &client.value("--color").unwrap().words {
            assert!(Color::read(when).is_ok(), "{when}");
        }
        let daemon = Grammar::of_daemon();
        assert_eq!(daemon.value("--loglevel").unwrap().words.len(), Level::NAMES.len());
        let import = Grammar::of_local(LOCAL.iter().find(|local| local.name == "import").unwrap());
        assert_eq!(import.value("--from").unwrap().words, ["supervisord", "procfile"]);
        assert_eq!(import.value("--output").unwrap().paths, Some(Paths::Files));
    }

    #[test]
    fn places_are_found() {
        let line = |words: &str| -> Vec<String> { words.split(' ').map(str::to_owned).collect() };
        let client = Grammar::of_client();
        for (words, value, free, ended) in [
            ("-s", true, 0, false),
            ("-s/x", false, 0, false),
            ("-es", true, 0, false),
            ("--socket=/x", false, 0, false),
            ("--socket /x status -s", false, 2, true),
            ("--json --", false, 0, true),
        ] {
            let words = line(words);
            let before = client.before(&words);
            assert_eq!((before.value.is_some(), before.free.len(), before.ended), (value, free, ended), "{words:?}");
        }
    }
}
