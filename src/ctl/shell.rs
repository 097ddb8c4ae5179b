//! The shell: reads commands, line after line, until it is told to leave.
//!
//! On a terminal it edits lines and completes words (feature `shell`); elsewhere it reads plain lines without a prompt.
//! Each command has a connection of its own, so that the shell survives the daemon.

use std::io::IsTerminal;

use crate::control::help;
use crate::control::message::{Request, Response};
use crate::control::text;

use super::exit::Exit;
use super::local;
use super::session::Session;
use super::show;

#[cfg(feature = "shell")]
mod complete;
#[cfg(feature = "shell")]
mod editor;
mod plain;

/// What stands before a line on a terminal.
const PROMPT: &str = "taskmaster> ";

/// Why the shell was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// There are no more lines.
    End,
    /// By `exit` or `quit`.
    Exit,
    /// By `shutdown`: the daemon is gone.
    Shutdown,
}

/// How the shell went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why it was left.
    pub left: Left,
    /// The worst exit code of its commands. On a terminal it is only that the shell could not work: the user has
    /// seen how the commands went.
    pub worst: Exit,
}

/// What comes from the keyboard or a file.
enum Input {
    Line(String),
    /// The line was given up.
    #[cfg_attr(not(feature = "shell"), allow(dead_code, reason = "plain lines cannot be given up"))]
    Cancelled,
    End,
    /// It cannot be read.
    Broken(String),
}

/// Where lines come from.
trait Source {
    fn next(&mut self) -> Input;
}

/// Reads and carries out commands from standard input.
#[must_use]
pub fn run(session: &Session) -> Outcome {
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !terminal {
        return read_all(session, &mut plain::Plain::new(None));
    }
    let session = &Session { cancels: true, ..session.clone() };
    #[cfg(feature = "shell")]
    let mut source = match editor::Editor::new(session) {
        Ok(source) => source,
        Err(text) => {
            show::complain(&text);
            return Outcome { left: Left::End, worst: Exit::Failed };
        }
    };
    #[cfg(not(feature = "shell"))]
    let mut source = plain::Plain::new(Some(PROMPT));
    let outcome = read_all(session, &mut source);
    Outcome { worst: Exit::Done, ..outcome }
}

fn read_all(session: &Session, source: &mut dyn Source) -> Outcome {
    let mut worst = Exit::Done;
    loop {
        let line = match source.next() {
            Input::Line(line) => line,
            Input::Cancelled => continue,
            Input::End => return Outcome { left: Left::End, worst },
            Input::Broken(text) => {
                show::complain(&text);
                return Outcome { left: Left::End, worst: worst.max(Exit::Failed) };
            }
        };
        let (exit, left) = carry_out(session, &line);
        worst = worst.max(exit);
        if let Some(left) = left {
            return Outcome { left, worst };
        }
    }
}

/// One line. Says how it went and whether the shell is to be left.
fn carry_out(session: &Session, line: &str) -> (Exit, Option<Left>) {
    let words = match text::split(line) {
        Ok(words) => words,
        Err(refusal) => return (session.show_own(&Response::Refused(refusal)).max(Exit::Usage), None),
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => (Exit::Done, None),
        [first, ..] if first.starts_with('#') => (Exit::Done, None),
        ["exit" | "quit"] => (Exit::Done, Some(Left::Exit)),
        ["help"] => (session.show_own(&shell_help(None)), None),
        ["help", command] => (session.show_own(&shell_help(Some(command))), None),
        [..] => {
            let owned: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
            if let Some(exit) = local::run(&owned, session.json) {
                return (exit, None);
            }
            match session.read(&owned) {
                Ok((session, request)) => {
                    let exit = session.carry_out(&request);
                    let gone = request == Request::Shutdown && exit == Exit::Done;
                    (exit, gone.then_some(Left::Shutdown))
                }
                Err(refusal) => (session.show_own(&Response::Refused(refusal)), None),
            }
        }
    }
}

fn shell_help(command: Option<&str>) -> Response {
    help::shell_help(command).map_or_else(Response::Refused, Response::Help)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Script(Vec<&'static str>);

    impl Source for Script {
        fn next(&mut self) -> Input {
            match self.0.first().copied() {
                None => Input::End,
                Some(line) => {
                    self.0.remove(0);
                    if line == "^C" { Input::Cancelled } else { Input::Line(line.to_owned()) }
                }
            }
        }
    }

    fn run_script(lines: &[&'static str]) -> (Left, Exit) {
        let session = Session { path: "/nowhere/s".into(), json: false, cancels: false };
        let outcome = read_all(&session, &mut Script(lines.to_vec()));
        (outcome.left, outcome.worst)
    }

    #[test]
    fn a_shell_without_a_daemon() {
        assert_eq!(run_script(&[]), (Left::End, Exit::Done));
        assert_eq!(run_script(&["", "# nothing", "^C", "help", "help exit"]), (Left::End, Exit::Done));
        assert_eq!(run_script(&["exit", "nonsense"]), (Left::Exit, Exit::Done));
        assert_eq!(run_script(&["quit"]), (Left::Exit, Exit::Done));
        assert_eq!(run_script(&["nonsense", "start", "tail 'x"]), (Left::End, Exit::Usage));
        assert_eq!(run_script(&["shutdown", "start", "quit"]), (Left::Exit, Exit::Unreachable));
    }
}
