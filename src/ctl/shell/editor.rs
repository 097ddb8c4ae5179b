//! Lines from a terminal: editing, history, completion.

use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Helper};

use crate::control::command::Verb;
use crate::control::jsonrpc;
use crate::control::message::{ProcessStatus, Request, Response};
use crate::ctl::connect;
use crate::ctl::session::Session;

use super::{Input, PROMPT, Source, complete};

/// How many lines are remembered.
const HISTORY_LINES: usize = 1000;

/// The line editor.
pub(super) struct Editor {
    editor: rustyline::Editor<Words, FileHistory>,
    /// `None` if there is no place for it.
    history: Option<PathBuf>,
}

impl Editor {
    pub(super) fn new(session: &Session) -> Result<Editor, String> {
        let failed = |error: ReadlineError| format!("the terminal cannot be used: {error}");
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .max_history_size(HISTORY_LINES)
            .map_err(failed)?
            .history_ignore_space(true)
            .auto_add_history(true)
            .build();
        let mut editor = rustyline::Editor::with_config(config).map_err(failed)?;
        editor.set_helper(Some(Words(session.clone())));
        let history = history_path();
        if let Some(path) = &history {
            // The first time there is none.
            let _ = editor.load_history(path);
        }
        Ok(Editor { editor, history })
    }
}

impl Source for Editor {
    fn next(&mut self) -> Input {
        match self.editor.readline(PROMPT) {
            Ok(line) => {
                if let Some(path) = &self.history {
                    // At once, so that other shells find it. A history that cannot be kept is no reason to stop.
                    let _ = self.editor.append_history(path);
                }
                Input::Line(line)
            }
            Err(ReadlineError::Interrupted) => Input::Cancelled,
            Err(ReadlineError::Eof) => Input::End,
            Err(error) => Input::Broken(format!("the terminal cannot be read: {error}")),
        }
    }
}

/// `$XDG_STATE_HOME/taskmaster/history`, else `~/.taskmaster_history`.
fn history_path() -> Option<PathBuf> {
    let directory = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    match directory("XDG_STATE_HOME") {
        Some(state) => {
            let own = state.join("taskmaster");
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&own).ok()?;
            Some(own.join("history"))
        }
        None => Some(directory("HOME")?.join(".taskmaster_history")),
    }
}

/// Completes words.
struct Words(Session);

impl Words {
    fn processes(&self) -> Vec<ProcessStatus> {
        let reply = connect::ask(&self.0.path, &Request::Status { names: Vec::new() }, None);
        match reply.map(|reply| jsonrpc::read_answer(Verb::Status, &reply.line)) {
            Ok(Ok(Response::Status(list))) => list,
            // There is nothing to complete with, and no place to say why.
            Ok(_) | Err(_) => Vec::new(),
        }
    }
}

impl Completer for Words {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let (start, mut words) = complete::complete(line.get(..pos).unwrap_or(line), || self.processes());
        if let [only] = words.as_mut_slice() {
            only.push(' ');
        }
        Ok((start, words))
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Highlighter for Words {}

impl Validator for Words {}

impl Helper for Words {}
