//! A line of words, as people type it into `nc` or the shell, read as a request.

use std::str::FromStr;

use crate::base::nearest::suggestion;
use crate::base::signal::Sig;
use crate::base::text::quoted;
use crate::base::units::parse_duration;

use super::command::args::{self, Args};
use super::command::{self, Command, Param, Place};
use super::message::{Refusal, RefusalCode, Request};

/// Reads a line of words.
///
/// # Errors
/// What is wrong with it and how it would be right.
pub fn parse_line(line: &str) -> Result<Request, Refusal> {
    parse_words(&split(line)?)
}

/// Reads a command and its arguments.
///
/// # Errors
/// What is wrong and how it would be right.
pub fn parse_words<S: AsRef<str>>(words: &[S]) -> Result<Request, Refusal> {
    let Some((name, rest)) = words.split_first() else {
        return Err(Refusal::new(RefusalCode::UnknownCommand, "no command given (\"help\" lists the commands)"));
    };
    let (command, before) = command::find(name.as_ref()).ok_or_else(|| command::unknown(name.as_ref()))?;
    let mut args = preset(command, before)?;
    read(command, rest.iter().map(AsRef::as_ref), &mut args).map_err(|what| command.wrong(what))?;
    args.request(command).map_err(|what| command.wrong(what))
}

/// The arguments that an alias stands for, to which others are added.
pub(super) fn preset(command: &Command, words: &[&str]) -> Result<Args, Refusal> {
    let mut args = Args::default();
    read(command, words.iter().copied(), &mut args).map_err(|what| command.wrong(what))?;
    Ok(args)
}

/// Sorts words into the places that the command has for them. Options and other words may be mixed; after `--`
/// nothing is an option.
fn read<'a>(command: &Command, words: impl Iterator<Item = &'a str>, args: &mut Args) -> Result<(), String> {
    let mut free = command.params.iter().copied().filter(|p| matches!(p.place(), Place::Word | Place::Rest));
    let mut current: Option<Param> = None;
    let mut words = words;
    let mut options = true;
    while let Some(word) = words.next() {
        if options && word == "--" {
            options = false;
        } else if options && word.len() > 1 && word.starts_with('-') {
            option(command, word, &mut words, args)?;
        } else {
            if current.is_none_or(|p| p.place() != Place::Rest) {
                current = free.next();
            }
            // In what a process is to read nothing is an option.
            options &= current != Some(Param::Text);
            let param = current.ok_or_else(|| format!("{} is one argument too many", quoted(word)))?;
            set(param, word, args)?;
        }
    }
    Ok(())
}

/// One option: `--dry-run`, `--timeout 5s`, `--timeout=5s`, `-n 5`, `-n5`.
fn option(command: &Command, word: &str, words: &mut dyn Iterator<Item = &str>, args: &mut Args) -> Result<(), String> {
    let (name, given) = match word.split_once('=') {
        Some((name, value)) if word.starts_with("--") => (name, Some(value)),
        _ => match word.split_at_checked(2) {
            Some((name, value)) if !word.starts_with("--") && !value.is_empty() => (name, Some(value)),
            _ => (word, None),
        },
    };
    for param in command.params {
        match param.place() {
            Place::Flag(long) | Place::ShortFlag(long, _) if long == name => {
                return match given {
                    Some(_) => Err(format!("{long} takes no value")),
                    None => set(*param, "", args),
                };
            }
            Place::ShortFlag(_, short) if short == name => {
                set(*param, "", args)?;
                // Letters may stand together: `-fn5`.
                return match given {
                    Some(more) => option(command, &format!("-{more}"), words, args),
                    None => Ok(()),
                };
            }
            Place::Value(long, short) if long == name || short == name => {
                let value = given.or_else(|| words.next()).ok_or_else(|| format!("{name} needs a value"))?;
                return set(*param, value, args);
            }
            Place::Flag(_) | Place::ShortFlag(..) | Place::Value(..) | Place::Word | Place::Rest => {}
        }
    }
    let known = command.params.iter().filter_map(|p| match p.place() {
        Place::Flag(long) | Place::ShortFlag(long, _) | Place::Value(long, _) => Some(long),
        Place::Word | Place::Rest => None,
    });
    Err(format!("no option {}{}", quoted(name), suggestion(name, known)))
}

/// Puts a word into its place. A flag has no word.
fn set(param: Param, word: &str, args: &mut Args) -> Result<(), String> {
    let may_be_empty = matches!(param.place(), Place::Flag(_) | Place::ShortFlag(..)) || param == Param::Text;
    if word.is_empty() && !may_be_empty {
        return Err(match param {
            Param::Names | Param::Name => "a NAME is empty".to_owned(),
            Param::Sig | Param::Stream | Param::Command | Param::Count | Param::Rows | Param::Cols | Param::Text => {
                format!("the {} is empty", param.key())
            }
            Param::Wait
            | Param::Rolling
            | Param::MaxUnavailable
            | Param::Timeout
            | Param::DryRun
            | Param::Lines
            | Param::Follow
            | Param::Since
            | Param::For
            | Param::Usage
            | Param::Dot
            | Param::Follows
            | Param::Stdout
            | Param::Stderr
            | Param::From
            | Param::Base64
            | Param::Eof => "an option has an empty value".to_owned(),
        });
    }
    match param {
        Param::Names => args.names.push(word.to_owned()),
        Param::Name => args.name = Some(word.to_owned()),
        Param::Sig => args.sig = Some(Sig::read(word)?),
        Param::Wait => args.wait = Some(false),
        Param::Rolling => args.rolling = Some(true),
        Param::MaxUnavailable => args.max_unavailable = Some(number_of(word, "processes")?),
        Param::Count => args.count = Some(number_of(word, "processes")?),
        Param::Timeout => {
            let time =
                parse_duration(word).ok_or_else(|| format!("{} is no duration (5, 500ms, 1m30s)", quoted(word)))?;
            args.timeout_ms = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        }
        Param::DryRun => args.dry_run = Some(true),
        Param::Lines => args.lines = Some(word.parse().map_err(|_| format!("{} is no number of lines", quoted(word)))?),
        Param::Follow => args.follow = Some(false),
        Param::Follows => args.follows = Some(true),
        Param::Stdout => args.stdout = Some(true),
        Param::Stderr => args.stderr = Some(true),
        Param::From => args.from.push(word.parse()?),
        Param::Since => {
            args.since = Some(word.parse().map_err(|_| format!("{} is no number of an event", quoted(word)))?)
        }
        Param::For => args.until = Some(args::wait_for(word)?),
        Param::Usage => args.usage = Some(true),
        Param::Dot => args.dot = Some(true),
        Param::Stream => args.stream = Some(args::stream(word)?),
        Param::Command => args.command = Some(word.to_owned()),
        Param::Text => {
            // Ended by a line feed after each word, so that it is one line at the end.
            let text = args.text.get_or_insert_default();
            if text.pop().is_some() {
                text.push(' ');
            }
            text.push_str(word);
            text.push('\n');
        }
        Param::Base64 => args.base64 = Some(args::bytes(word)?),
        Param::Eof => args.eof = Some(true),
        Param::Rows => args.rows = Some(number_of(word, "lines")?),
        Param::Cols => args.cols = Some(number_of(word, "columns")?),
    }
    Ok(())
}

fn number_of<N: FromStr>(word: &str, things: &str) -> Result<N, String> {
    word.parse().map_err(|_| format!("{} is no number of {things}", quoted(word)))
}

/// Splits a line into words at blanks. `'…'` and `"…"` keep blanks; a backslash keeps the character behind it, except
/// within `'…'`.
///
/// # Errors
/// A quote is not closed.
pub fn split(line: &str) -> Result<Vec<String>, Refusal> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None | Some('"'), '\\') => match chars.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err(Refusal::new(RefusalCode::BadRequest, "the line ends with a backslash")),
            },
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_ascii_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(q) = quote {
        return Err(Refusal::new(RefusalCode::BadRequest, format!("a quote {q} is not closed")));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::Stream;
    use crate::control::message::{Wait, WaitFor};

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn words_are_split() {
        for (line, words) in [
            ("", &[][..]),
            ("  a\tb  c ", &["a", "b", "c"]),
            ("a 'b c' \"d \\\" e\"f", &["a", "b c", "d \" ef"]),
            (r"a\ b 'c\d' \'", &["a b", r"c\d", "'"]),
            ("a '' b", &["a", "", "b"]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        for line in ["a 'b", "a \"b\\\"", "a\\"] {
            assert_eq!(split(line).unwrap_err().code, RefusalCode::BadRequest, "{line}");
        }
    }

    #[test]
    fn every_command_in_words() {
        let web = || names(&["web"]);
        for (line, request) in [
            ("status", Request::Status { names: vec![], usage: false }),
            ("status web w*", Request::Status { names: names(&["web", "w*"]), usage: false }),
            ("status --usage web", Request::Status { names: web(), usage: true }),
            ("top", Request::Status { names: vec![], usage: true }),
            ("why web", Request::Why { names: web() }),
            ("wait web", Request::Wait { names: web(), until: WaitFor::Running, timeout_ms: None }),
            (
                "wait --for=stopped -t 1m web",
                Request::Wait { names: web(), until: WaitFor::Stopped, timeout_ms: Some(60_000) },
            ),
            ("wait -f healthy web", Request::Wait { names: web(), until: WaitFor::Healthy, timeout_ms: None }),
            ("graph", Request::Graph { names: vec![], dot: false }),
            ("graph --dot web", Request::Graph { names: web(), dot: true }),
            ("start web", Request::Start { names: web(), wait: Wait::Reached }),
            ("start --no-wait web", Request::Start { names: web(), wait: Wait::No }),
            ("start web --timeout 1m30s", Request::Start { names: web(), wait: Wait::UpTo(90_000) }),
            ("stop --timeout=0.5 web", Request::Stop { names: web(), wait: Wait::UpTo(500) }),
            ("stop -t5 web", Request::Stop { names: web(), wait: Wait::UpTo(5000) }),
            (
                "restart worker:* web",
                Request::Restart { names: names(&["worker:*", "web"]), wait: Wait::Reached, rolling: None },
            ),
            ("restart --rolling web", Request::Restart { names: web(), wait: Wait::Reached, rolling: Some(1) }),
            ("restart --rolling -m 3 web", Request::Restart { names: web(), wait: Wait::Reached, rolling: Some(3) }),
            ("scale web 5", Request::Scale { name: "web".to_owned(), count: 5, wait: Wait::Reached }),
            ("restart -- web", Request::Restart { names: web(), wait: Wait::Reached, rolling: None }),
            ("signal hup web", Request::Signal { sig: Sig::HUP, names: web() }),
            ("signal 9 a b", Request::Signal { sig: Sig::KILL, names: names(&["a", "b"]) }),
            ("reload", Request::Reload { dry_run: false }),
            ("reload --dry-run", Request::Reload { dry_run: true }),
            ("update", Request::Reload { dry_run: false }),
            ("reread", Request::Reload { dry_run: true }),
            ("tail web", Request::Tail { name: "web".into(), stream: Stream::Stdout, lines: 10 }),
            ("tail -n 20 web stderr", Request::Tail { name: "web".into(), stream: Stream::Stderr, lines: 20 }),
            ("tail web stdout -n5", Request::Tail { name: "web".into(), stream: Stream::Stdout, lines: 5 }),
            ("input --eof web", Request::Input { name: "web".into(), bytes: vec![], eof: true }),
            (
                "input web ls -l --eof",
                Request::Input { name: "web".into(), bytes: b"ls -l --eof\n".to_vec(), eof: false },
            ),
            (
                "input --eof web 'a  b' '' c",
                Request::Input { name: "web".into(), bytes: b"a  b  c\n".to_vec(), eof: true },
            ),
            ("input web ''", Request::Input { name: "web".into(), bytes: b"\n".to_vec(), eof: false }),
            ("input --base64 Aw== web", Request::Input { name: "web".into(), bytes: vec![3], eof: false }),
            ("resize web 50 132", Request::Resize { name: "web".into(), rows: 50, cols: 132 }),
            ("pid", Request::Pid { name: None }),
            ("pid web", Request::Pid { name: Some("web".into()) }),
            ("version", Request::Version),
            (" shutdown ", Request::Shutdown),
            ("help", Request::Help { command: None }),
            ("help start", Request::Help { command: Some("start".into()) }),
        ] {
            assert_eq!(parse_line(line), Ok(request), "{line}");
        }
    }

    #[test]
    fn refusals_help() {
        use RefusalCode::{BadArguments, BadRequest, UnknownCommand};
        for (line, code, text) in [
            ("strat web", UnknownCommand, "unknown command \"strat\" (did you mean \"start\"?)"),
            ("zzzzzzzz", UnknownCommand, "unknown command \"zzzzzzzz\" (\"help\" lists the commands)"),
            ("Status", UnknownCommand, "unknown command \"Status\" (did you mean \"status\"?)"),
            ("", UnknownCommand, "no command given (\"help\" lists the commands)"),
            ("start", BadArguments, "start: no NAME given (usage: start [--no-wait] [--timeout DURATION] NAME...)"),
            ("signal", BadArguments, "signal: no SIGNAL given (usage: signal SIGNAL NAME...)"),
            ("signal TERM", BadArguments, "signal: no NAME given (usage: signal SIGNAL NAME...)"),
            (
                "signal SIGTREM web",
                BadArguments,
                "signal: no signal \"SIGTREM\" (did you mean \"TERM\"?) (usage: signal SIGNAL NAME...)",
            ),
            ("reload now", BadArguments, "reload: \"now\" is one argument too many (usage: reload [--dry-run])"),
            (
                "reload --dryrun",
                BadArguments,
                "reload: no option \"--dryrun\" (did you mean \"--dry-run\"?) (usage: reload [--dry-run])",
            ),
            ("reload --dry-run=1", BadArguments, "reload: --dry-run takes no value (usage: reload [--dry-run])"),
            ("version x", BadArguments, "version: \"x\" is one argument too many (usage: version)"),
            ("help a b", BadArguments, "help: \"b\" is one argument too many (usage: help [COMMAND])"),
            ("status ''", BadArguments, "status: a NAME is empty (usage: status [--usage] [NAME...])"),
            ("status 'web", BadRequest, "a quote ' is not closed"),
        ] {
            assert_eq!(parse_line(line), Err(Refusal::new(code, text)), "{line}");
        }
        for line in [
            "tail",
            "tail -n",
            "tail -n x web",
            "tail -n -1 web",
            "tail -n 99999999999 web",
            "tail web both",
            "tail web stderr more",
            "start --timeout",
            "start --timeout soon web",
            "start --no-wait --timeout 5 web",
            "input",
            "input web",
            "input --base64 x web",
            "input --base64 Aw== web a",
            "resize web",
            "resize web 24",
            "resize web 24 65536",
            "resize web -1 80",
            "pid a b",
            "why",
            "wait",
            "wait --for up web",
            "wait --no-wait web",
            "status --é",
            "status -é",
        ] {
            assert_eq!(parse_line(line).unwrap_err().code, BadArguments, "{line}");
        }
    }

    #[test]
    fn what_a_refusal_repeats_is_harmless() {
        let text = parse_line("\u{1b}[31mboom").unwrap_err().text;
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
