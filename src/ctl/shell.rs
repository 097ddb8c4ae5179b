//! The shell: reads commands, line after line, until it is told to leave.
//!
//! On a terminal it edits lines and completes words (feature `shell`); elsewhere, and from a script, it reads plain lines
//! without a prompt. A line has one command or several with `;` between them. Each command has a connection of its own, so that the shell survives the daemon.

use std::io::IsTerminal;
use std::path::PathBuf;

use crate::control::help;
use crate::control::message::{Request, Response};

use super::exit::Exit;
use super::local::{self, LOCAL};
#[cfg(feature = "shell")]
use super::look;
use super::session::Session;
use super::show;

#[cfg(feature = "shell")]
mod editor;
#[cfg(feature = "shell")]
mod hint;
mod pieces;
mod plain;

/// What stands before a line on a terminal.
const PROMPT: &str = "taskmaster> ";

/// Where commands come from, and when to stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// The file with the commands, `-` for standard input. Without it standard input, too, but it may be a terminal.
    pub script: Option<PathBuf>,
    /// Whether what is behind a command that failed is left out. People at a terminal decide that themselves.
    pub exit_on_error: bool,
    /// Whether the daemon is the shell's own, so that there is nothing left to do after a shutdown.
    pub attached: bool,
}

/// Why the shell was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// There are no more lines.
    End,
    /// By `exit` or `quit`.
    Exit,
    /// By an error after which nothing more was to be done.
    Error,
    /// By `shutdown` in an attached shell: the daemon is gone.
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
    Cancelled,
    End,
    /// It cannot be read.
    Broken(String),
}

/// Where lines come from.
trait Source {
    fn next(&mut self) -> Input;

    /// Where the last line stands, for messages.
    fn place(&self) -> String;
}

/// Reads and carries out commands.
#[must_use]
pub fn run(session: &Session, manner: &Manner) -> Outcome {
    let unusable = |text: String| {
        show::complain(&text);
        Outcome { left: Left::End, worst: Exit::Failed }
    };
    if let Some(path) = &manner.script {
        return match plain::Plain::script(path) {
            Ok(mut source) => read_all(session, manner, &mut source),
            Err(text) => unusable(text),
        };
    }
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !terminal {
        return read_all(session, manner, &mut plain::Plain::stdin(None));
    }
    let session = &Session { cancels: true, ..session.clone() };
    let mut source = match at_terminal(session) {
        Ok(source) => source,
        Err(text) => return unusable(text),
    };
    let manner = &Manner { exit_on_error: false, ..manner.clone() };
    let outcome = read_all(session, manner, &mut *source);
    Outcome { worst: Exit::Done, ..outcome }
}

/// The line editor, or plain lines if it is not built in or the terminal cannot move its cursor.
fn at_terminal(session: &Session) -> Result<Box<dyn Source>, String> {
    #[cfg(feature = "shell")]
    if look::terminal_moves() {
        return Ok(Box::new(editor::Editor::new(session)?));
    }
    #[cfg(not(feature = "shell"))]
    let _ = session;
    Ok(Box::new(plain::Plain::stdin(Some(PROMPT))))
}

fn read_all(session: &Session, manner: &Manner, source: &mut dyn Source) -> Outcome {
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
        let (exit, left) = carry_out_line(session, manner, &line);
        worst = worst.max(exit);
        if left == Some(Left::Error) {
            show::complain(&format!("{}: failed ({}); leaving out the rest", source.place(), exit.code()));
        }
        if let Some(left) = left {
            return Outcome { left, worst };
        }
    }
}

/// The commands of one line. Says how they went and whether the shell is to be left.
fn carry_out_line(session: &Session, manner: &Manner, line: &str) -> (Exit, Option<Left>) {
    let commands = match pieces::commands(line) {
        Ok(commands) => commands,
        Err(refusal) => {
            let exit = session.show_own(&Response::Refused(refusal)).max(Exit::Usage);
            return (exit, manner.exit_on_error.then_some(Left::Error));
        }
    };
    let mut worst = Exit::Done;
    for words in &commands {
        let (exit, left) = carry_out(session, words);
        worst = worst.max(exit);
        match left {
            // In a shell of its own, the next command finds that the daemon is gone, or another one.
            Some(Left::Shutdown) if !manner.attached => {}
            Some(left) => return (worst, Some(left)),
            None => {}
        }
        if manner.exit_on_error && exit != Exit::Done {
            return (worst, Some(Left::Error));
        }
        if exit == Exit::Cancelled {
            break;
        }
    }
    (worst, None)
}

/// One command.
fn carry_out(session: &Session, words: &[String]) -> (Exit, Option<Left>) {
    let plain: Vec<&str> = words.iter().map(String::as_str).collect();
    match plain.as_slice() {
        [] => (Exit::Done, None),
        ["exit" | "quit"] => (Exit::Done, Some(Left::Exit)),
        ["help"] => (session.show_own(&shell_help(None)), None),
        ["help", command] if LOCAL.iter().all(|local| local.name != *command) => {
            (session.show_own(&shell_help(Some(command))), None)
        }
        [..] => {
            if let Some(exit) = local::run(words, session) {
                return (exit, None);
            }
            match session.read(words) {
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

/// Help as the daemon has it, with the words of the shell and the commands that need no daemon.
fn shell_help(command: Option<&str>) -> Response {
    match help::shell_help(command) {
        Ok(text) if command.is_none() => {
            let names: Vec<&str> = LOCAL.iter().filter(|local| !local.daemon).map(|local| local.name).collect();
            Response::Help(format!("{text}\nWithout a daemon: {}\n", names.join(", ")))
        }
        Ok(text) => Response::Help(text),
        Err(refusal) => Response::Refused(refusal),
    }
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

        fn place(&self) -> String {
            "here".to_owned()
        }
    }

    fn run_as(manner: &Manner, lines: &[&'static str]) -> (Left, Exit) {
        let session = Session::new("/nowhere/s");
        let outcome = read_all(&session, manner, &mut Script(lines.to_vec()));
        (outcome.left, outcome.worst)
    }

    fn run_script(lines: &[&'static str]) -> (Left, Exit) {
        run_as(&Manner::default(), lines)
    }

    #[test]
    fn a_shell_without_a_daemon() {
        assert_eq!(run_script(&[]), (Left::End, Exit::Done));
        let harmless = ["", "# nothing; nonsense", "^C", "help", "help exit", "help check", ";", "help; # nonsense"];
        assert_eq!(run_script(&harmless), (Left::End, Exit::Done));
        assert_eq!(run_script(&["exit", "nonsense"]), (Left::Exit, Exit::Done));
        assert_eq!(run_script(&["quit"]), (Left::Exit, Exit::Done));
        assert_eq!(run_script(&["help; quit; nonsense"]), (Left::Exit, Exit::Done));
        assert_eq!(run_script(&["nonsense", "start", "tail 'x"]), (Left::End, Exit::Usage));
        assert_eq!(run_script(&["shutdown", "start", "quit"]), (Left::Exit, Exit::Unreachable));
    }

    #[test]
    fn an_error_ends_a_shell_that_is_told_so() {
        let manner = Manner { exit_on_error: true, ..Manner::default() };
        let stopped = (Left::Error, Exit::Usage);
        for lines in [["nonsense", "status"], ["help; nonsense; status", ""], ["help", "tail 'x"]] {
            assert_eq!(run_as(&manner, &lines), stopped, "{lines:?}");
        }
        assert_eq!(run_as(&manner, &["help", "# x", "exit"]), (Left::Exit, Exit::Done));
    }
}
