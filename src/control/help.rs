//! The help texts, made from the table of commands.

use std::fmt::Write as _;

use super::command::{COMMANDS, Param, SHELL_WORDS, find, names, unknown};
use super::message::Refusal;

/// How a NAME may be written.
const NAME_HELP: &str = "\
A NAME is a program (web), a process of one that has several (worker:worker_00,
worker_00, worker:0), all processes of a program or of a group of programs
(worker:*, team:*), a pattern (w*) or all.
";

/// The answer to `help`: all commands, or how one is used.
///
/// # Errors
/// There is no such command.
pub fn help(command: Option<&str>) -> Result<String, Refusal> {
    let Some(name) = command else { return Ok(overview(names())) };
    let (command, words) = find(name).ok_or_else(|| unknown(name))?;
    let mut text = command.usage();
    text.push('\n');
    if command.name != name {
        let _ = writeln!(text, "{name} stands for: {}", [&[command.name], words].concat().join(" "));
    }
    let _ = writeln!(text, "\n{}.", command.summary);
    text.push_str(command.help);
    if command.params.iter().any(|p| matches!(p, Param::Names | Param::Name)) {
        text.push('\n');
        text.push_str(NAME_HELP);
    }
    Ok(text)
}

/// The same in the shell of taskmasterctl, which knows some words more.
///
/// # Errors
/// There is no such command.
pub fn shell_help(command: Option<&str>) -> Result<String, Refusal> {
    match command {
        None => Ok(overview(names().chain(SHELL_WORDS.iter().map(|(word, _)| *word)))),
        Some(name) => match SHELL_WORDS.iter().find(|(word, _)| *word == name) {
            Some((word, summary)) => Ok(format!("{word}\n\n{summary}.\n")),
            None => help(Some(name)),
        },
    }
}

/// The names of commands under a box, four in a line.
fn overview<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const COLUMNS: usize = 4;
    const WIDTH: usize = 12;
    const BOX: usize = 62;
    let mut text = String::new();
    let _ = writeln!(text, "┌{:─>41}{:─<21}┐", " Available Actions ", "");
    let _ = writeln!(text, "│{:<BOX$}│", " Type 'help <action>'");
    let _ = writeln!(text, "└{:─<BOX$}┘", "");
    let mut column = 0;
    for name in names {
        if column == COLUMNS {
            text.truncate(text.trim_end().len());
            text.push('\n');
            column = 0;
        }
        let _ = write!(text, "{name:<WIDTH$}");
        column += 1;
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// One line for each command: for `--help`.
#[must_use]
pub fn list() -> String {
    let usages = COMMANDS.iter().map(|c| (c.usage(), c.summary));
    let aliases = COMMANDS.iter().flat_map(|c| c.aliases).map(|a| (a.name.to_owned(), a.summary));
    let mut text = String::new();
    for (usage, summary) in usages.chain(aliases) {
        let _ = if usage.len() > 28 {
            writeln!(text, "  {usage}\n  {:28}  {summary}", "")
        } else {
            writeln!(text, "  {usage:28}  {summary}")
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::message::RefusalCode;

    #[test]
    fn help_is_laid_out() {
        let text = help(None).unwrap();
        assert_eq!(
            text,
            "\
┌────────────────────── Available Actions ─────────────────────┐
│ Type 'help <action>'                                         │
└──────────────────────────────────────────────────────────────┘
start       stop        restart     scale
status      top         why         wait
graph       signal      events      logs
tail        input       resize      pid
reload      update      reread      version
shutdown    help
"
        );
        assert!(shell_help(None).unwrap().ends_with("help        quit        exit\n"));
        for name in names() {
            let one = help(Some(name)).unwrap();
            assert!(one.starts_with(find(name).unwrap().0.name), "{one}");
            assert!(one.lines().all(|l| l.chars().count() <= 85 && l == l.trim_end()), "{one}");
        }
        assert!(help(Some("reread")).unwrap().contains("reread stands for: reload --dry-run\n"));
        assert!(shell_help(Some("quit")).unwrap().contains("Leave the shell"));
        assert_eq!(help(Some("quit")).unwrap_err().code, RefusalCode::UnknownCommand);
        assert_eq!(help(Some("strat")).unwrap_err().text, "unknown command \"strat\" (did you mean \"start\"?)");
    }

    #[test]
    fn the_list_for_the_usage_names_everything() {
        let text = list();
        for name in names() {
            assert!(text.lines().any(|l| l.trim_start().split(' ').next() == Some(name)), "{name}");
        }
    }
}
