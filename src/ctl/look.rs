//! How answers look on a terminal: colours, and lines that keep to its width.
//!
//! The text comes from `control::render`, which knows neither. What leaves this module without its colours and line
//! breaks is that text, but for blanks. In a pipe nothing is changed.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use crate::base::nearest::suggestion;
use crate::base::text::{Plain, quoted};
use crate::control::message::{ChangeAction, Kind, Outcome, PlanReport, ProcessStatus, Response, StateName};
use crate::control::render;
use crate::sys::term;

mod columns;

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal that can, unless `NO_COLOR` asks for none.
    #[default]
    Auto,
    /// In pipes, too.
    Always,
    /// Nowhere.
    Never,
}

impl Color {
    const NAMES: [(&'static str, Color); 3] =
        [("auto", Color::Auto), ("always", Color::Always), ("never", Color::Never)];

    /// Reads the value of `--color`.
    ///
    /// # Errors
    /// It is none of the three.
    pub fn read(text: &str) -> Result<Color, String> {
        let found = Color::NAMES.iter().find(|(name, _)| *name == text).map(|(_, color)| *color);
        found.ok_or_else(|| {
            let hint = suggestion(text, Color::NAMES.map(|(name, _)| name));
            format!("--color is auto, always or never, not {}{hint}", quoted(text))
        })
    }

    /// Whether there are colours, given whether the output is a terminal.
    #[must_use]
    pub fn on(self, terminal: bool) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && value("NO_COLOR").is_none() && terminal_moves(),
        }
    }
}

fn value(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Whether the terminal can do more than print one line after the other.
#[must_use]
pub fn terminal_moves() -> bool {
    value("TERM").is_some_and(|term| term != "dumb")
}

/// How an answer is to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// With colours.
    pub color: bool,
    /// Broken at this width; `None` in a pipe.
    pub columns: Option<usize>,
}

/// What is between a name and its state, the width of states, and of the narrowest column of names.
const GAP_COLUMNS: usize = 3;
const STATE_COLUMNS: usize = 10;
const NAME_COLUMNS: usize = 30;
/// A column narrower than this is not worth keeping to: lines go on near the left.
const NARROW_COLUMNS: usize = 24;
/// How far that is from the left.
const INDENT_COLUMNS: usize = 4;

/// The colours, by what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Good,
    Passing,
    Bad,
    Other,
    Faint,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Ink::Good => "32",
            Ink::Passing => "33",
            Ink::Bad => "31",
            Ink::Other => "36",
            Ink::Faint => "2",
        }
    }
}

impl Look {
    /// How it is on standard output as that is now.
    #[must_use]
    pub fn of_stdout(color: Color) -> Look {
        let out = std::io::stdout();
        let terminal = out.is_terminal();
        Look { color: color.on(terminal), columns: if terminal { term::columns(out.as_fd()) } else { None } }
    }

    /// The lines of an answer as they are to look.
    #[must_use]
    pub fn dress(&self, response: &Response, lines: Vec<u8>) -> Vec<u8> {
        if *self == Look::default() {
            return lines;
        }
        let dressed = std::str::from_utf8(&lines).ok().and_then(|text| match response.kind() {
            Kind::Status(list) => self.status(list, text),
            Kind::Outcomes(outcomes) => Some(self.outcomes(outcomes, text)),
            Kind::Plan(plan) => Some(self.plan(plan, text)),
            Kind::Why(_) | Kind::Refused(_) | Kind::Plain => None,
        });
        dressed.map_or(lines, String::into_bytes)
    }

    fn ink(&self, ink: Ink, text: &str) -> String {
        if self.color { format!("\x1b[{}m{text}\x1b[0m", ink.code()) } else { text.to_owned() }
    }

    /// One line for each process: name, state, the rest. `None` if the lines are not like that.
    fn status(&self, list: &[ProcessStatus], text: &str) -> Option<String> {
        let names: Vec<String> = list.iter().map(|p| Plain(&p.name).to_string()).collect();
        let widest = names.iter().map(|name| columns::of(name)).max().unwrap_or(0);
        let name_width = widest.max(NAME_COLUMNS) + GAP_COLUMNS;
        let margin = name_width + STATE_COLUMNS;
        let mut lines = text.lines();
        let mut out = String::with_capacity(text.len() * 2);
        if render::has_usage(list) {
            out.push_str(&self.ink(Ink::Faint, lines.next()?));
            out.push('\n');
        }
        for (p, name) in list.iter().zip(&names) {
            let state = p.state.text();
            let rest = lines.next()?.strip_prefix(name.as_str())?.trim_start().strip_prefix(state)?.trim_start();
            let mut line = name.clone();
            columns::pad(&mut line, name_width);
            line.push_str(&self.ink(ink_of(p), state));
            if !rest.is_empty() {
                line.extend(std::iter::repeat_n(' ', STATE_COLUMNS.saturating_sub(state.len())));
                self.wrap(rest, margin, &mut line);
            }
            out.push_str(&line);
            out.push('\n');
        }
        lines.next().is_none().then_some(out)
    }

    /// Appends a text that begins at column `margin`, broken at blanks where the terminal ends.
    fn wrap(&self, text: &str, margin: usize, out: &mut String) {
        let Some(width) = self.columns else { return out.push_str(text) };
        let indent = if width >= margin + NARROW_COLUMNS { margin } else { INDENT_COLUMNS };
        let mut at = margin;
        let mut first = true;
        for word in text.split(' ') {
            let room = columns::of(word);
            let gap = usize::from(!first);
            // A word that is too long for any line is left to the terminal.
            if at + gap + room > width && at > indent {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent));
                at = indent;
            } else if gap == 1 {
                out.push(' ');
                at += 1;
            }
            out.push_str(word);
            at += room;
            first = false;
        }
    }

    /// What failed in red, notes marked.
    fn outcomes(&self, outcomes: &[Outcome], text: &str) -> String {
        let mut outcomes = outcomes.iter();
        let mut out = String::with_capacity(text.len() * 2);
        for line in text.lines() {
            let dressed = match outcomes.next() {
                Some(outcome) if !outcome.ok => self.after_name(&outcome.name, Ink::Bad, line),
                Some(_) => None,
                None => line.strip_prefix("note: ").map(|note| format!("{} {note}", self.ink(Ink::Passing, "note:"))),
            };
            out.push_str(dressed.as_deref().unwrap_or(line));
            out.push('\n');
        }
        out
    }

    /// What happens to each process in the colour of that; what waits for a restart is marked.
    fn plan(&self, plan: &PlanReport, text: &str) -> String {
        let mut changes = plan.changes.iter().peekable();
        let mut out = String::with_capacity(text.len() * 2);
        for line in text.lines() {
            let of_process =
                changes.peek().and_then(|change| self.after_name(&change.name, ink_of_action(change.action), line));
            if of_process.is_some() {
                changes.next();
            }
            let dressed = of_process.or_else(|| match line.strip_prefix("    ") {
                Some(_) => self.marked_restart(line),
                None => self.after_name("taskmasterd", Ink::Other, line),
            });
            out.push_str(dressed.as_deref().unwrap_or(line));
            out.push('\n');
        }
        out
    }

    /// `NAME: what`, with the second part in colour.
    fn after_name(&self, name: &str, ink: Ink, line: &str) -> Option<String> {
        let head = format!("{}: ", Plain(name));
        let what = line.strip_prefix(&head)?;
        Some(head + &self.ink(ink, what))
    }

    fn marked_restart(&self, line: &str) -> Option<String> {
        let marks = ["(needs a restart)", "(when the daemon is started anew)"];
        let mark = marks.into_iter().find(|mark| line.ends_with(mark))?;
        Some(line.strip_suffix(mark)?.to_owned() + &self.ink(Ink::Passing, mark))
    }
}

/// The colour of a process's state.
pub(super) fn ink_of(p: &ProcessStatus) -> Ink {
    let down = matches!(p.state, StateName::Stopped | StateName::Exited);
    if down && !p.as_wanted { Ink::Bad } else { ink_of_state(p.state) }
}

/// The colour of a state that is as wanted.
pub(super) fn ink_of_state(state: StateName) -> Ink {
    match state {
        StateName::Running => Ink::Good,
        StateName::Waiting | StateName::Starting | StateName::Stopping | StateName::Backoff => Ink::Passing,
        StateName::Fatal => Ink::Bad,
        StateName::Stopped | StateName::Exited => Ink::Faint,
    }
}

fn ink_of_action(action: ChangeAction) -> Ink {
    match action {
        ChangeAction::Added => Ink::Good,
        ChangeAction::Removed => Ink::Bad,
        ChangeAction::Restarted => Ink::Passing,
        ChangeAction::Updated => Ink::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::message::{Change, KeyChange, Then};
    use crate::control::render::{Clock, render};

    fn process(name: &str, state: StateName, as_wanted: bool, why: Option<&str>) -> ProcessStatus {
        ProcessStatus { as_wanted, pid: Some(7), why: why.map(str::to_owned), ..ProcessStatus::plain(name, state) }
    }

    fn dressed(response: &Response, look: Look) -> String {
        let lines = render(response, &Clock::default());
        String::from_utf8(look.dress(response, lines)).unwrap()
    }

    const COLORED: Look = Look { color: true, columns: None };
    fn narrow(columns: usize) -> Look {
        Look { color: false, columns: Some(columns) }
    }

    #[test]
    fn states_have_colours() {
        for (state, as_wanted, code) in [
            (StateName::Running, true, 32),
            (StateName::Starting, false, 33),
            (StateName::Stopping, true, 33),
            (StateName::Backoff, false, 33),
            (StateName::Fatal, false, 31),
            (StateName::Stopped, true, 2),
            (StateName::Stopped, false, 31),
            (StateName::Exited, true, 2),
            (StateName::Exited, false, 31),
        ] {
            let text = dressed(&Response::Status(vec![process("RUNNING", state, as_wanted, None)]), COLORED);
            let colored = format!("RUNNING{:26}\x1b[{code}m{}\x1b[0m ", "", state.text());
            assert!(text.starts_with(&colored), "{text:?}");
        }
    }

    #[test]
    fn nothing_but_blanks_and_colours_is_added() {
        let list = Response::Status(vec![
            process("web", StateName::Backoff, false, Some("exited too quickly (exit status 3)")),
            process("größe", StateName::Running, true, None),
            process(&"x".repeat(60), StateName::Fatal, false, Some("cannot execute /nowhere: no such file")),
        ]);
        let plain = dressed(&list, Look::default());
        assert_eq!(plain.as_bytes(), render(&list, &Clock::default()));
        assert_eq!(dressed(&list, narrow(1000)), plain);
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for columns in [1, 20, 80, 100] {
            assert_eq!(words(&dressed(&list, narrow(columns))), words(&plain), "{columns}");
        }
        let uncolored = dressed(&list, COLORED).replace("\x1b[0m", "").replace("\x1b[33m", "");
        assert_eq!(uncolored.replace("\x1b[31m", "").replace("\x1b[32m", ""), plain);
    }

    #[test]
    fn long_lines_go_on_below_where_they_began() {
        let list = Response::Status(vec![process(
            "web",
            StateName::Backoff,
            false,
            Some("exited too quickly (exit status 3) again"),
        )]);
        let text = dressed(&list, narrow(72));
        let expected = format!("web{:30}BACKOFF   exited too quickly (exit\n{:43}status 3) again\n", "", "");
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| columns::of(line) <= 72));
        // Where that column would be too narrow, near the left.
        assert!(dressed(&list, narrow(60)).lines().nth(1).unwrap().starts_with("    quickly "));
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let list = Response::Status(vec![
            process("網站", StateName::Running, true, None),
            process("web", StateName::Running, true, None),
        ]);
        let text = dressed(&list, narrow(100));
        let starts: Vec<usize> = text.lines().map(|line| columns::of(line.split_once("RUNNING").unwrap().0)).collect();
        assert_eq!(starts, [33, 33]);
    }

    #[test]
    fn outcomes_and_notes() {
        let outcome = |name: &str, ok| Outcome { name: name.into(), result: "x".into(), ok };
        let outcomes = vec![outcome("web", true), outcome("api", false)];
        let text = dressed(&Response::Outcomes { outcomes, notes: vec!["read".into()] }, COLORED);
        assert_eq!(text, "web: x\napi: \x1b[31mERROR (x)\x1b[0m\n\x1b[33mnote:\x1b[0m read\n");
    }

    #[test]
    fn plans() {
        let change = |name: &str, action, keys| Change { name: name.into(), action, then: Then::Starts, keys };
        let key = |needs_restart| KeyChange { key: "cmd".into(), old: "a".into(), new: "b".into(), needs_restart };
        let plan = PlanReport {
            dry_run: false,
            changes: vec![
                change("api", ChangeAction::Added, vec![]),
                change("job", ChangeAction::Removed, vec![]),
                change("web", ChangeAction::Updated, vec![key(true)]),
            ],
            unchanged: 2,
            daemon: vec![key(false)],
            needs_daemon_restart: vec![],
        };
        assert_eq!(
            dressed(&Response::Plan(plan), COLORED),
            "\
api: \x1b[32madded and started\x1b[0m
job: \x1b[31mremoved\x1b[0m
web: \x1b[36mupdated in place\x1b[0m
    cmd: a -> b \x1b[33m(needs a restart)\x1b[0m
taskmasterd: \x1b[36mupdated in place\x1b[0m
    cmd: a -> b
added 1, removed 1, restarted 0, updated 1, unchanged 2
"
        );
    }

    #[test]
    fn the_option_is_one_of_three() {
        assert_eq!(Color::read("always"), Ok(Color::Always));
        assert_eq!(
            Color::read("alway"),
            Err("--color is auto, always or never, not \"alway\" (did you mean \"always\"?)".to_owned())
        );
        assert!(Color::Always.on(false) && !Color::Never.on(true) && !Color::Auto.on(false));
    }
}
