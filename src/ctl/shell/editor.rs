//! Lines from a terminal: editing, history, completion, hints.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter, HistoryHinter};
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, CompletionType, Config, Context, Helper};

use crate::ctl::complete::{self, Candidate, Line};
use crate::ctl::session::Session;
use crate::ctl::show;

use super::{Input, PROMPT, Source, hint, pieces};

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
        let color = session.color.on(std::io::stdout().is_terminal());
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .color_mode(if color { ColorMode::Forced } else { ColorMode::Disabled })
            .max_history_size(HISTORY_LINES)
            .map_err(failed)?
            .history_ignore_space(true)
            .history_ignore_dups(true)
            .map_err(failed)?
            .auto_add_history(true)
            .build();
        let mut editor = rustyline::Editor::with_config(config).map_err(failed)?;
        editor.set_helper(Some(Words { session: session.clone(), paths: FilenameCompleter::new(), hints: color }));
        let history = history_path();
        let loaded = history.as_ref().map_or(Ok(()), |path| editor.load_history(path));
        match (loaded, &history) {
            (Ok(()), _) => {}
            // The first time there is none.
            (Err(ReadlineError::Io(error)), _) if error.kind() == ErrorKind::NotFound => {}
            (Err(error), Some(path)) => show::complain(&format!("{}: no history is kept: {error}", path.display())),
            (Err(_), None) => {}
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

    fn place(&self) -> String {
        "the terminal".to_owned()
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

/// Completes words and shows what may follow.
struct Words {
    session: Session,
    paths: FilenameCompleter,
    /// A hint that looked like what is typed would be worse than none: they need colours.
    hints: bool,
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let line = line.get(..pos).unwrap_or(line);
        let typed = Line::read(last_piece(line));
        let offer = complete::in_shell(&typed.words, &typed.word(), &|_| complete::processes(&self.session.path));
        if offer.words.is_empty() && offer.paths.is_some() {
            return self.paths.complete_path(line, pos);
        }
        let pair = |word: Candidate| Pair { display: word.text.clone(), replacement: word.text };
        let mut pairs: Vec<Pair> = offer.words.into_iter().map(pair).collect();
        if let [only] = pairs.as_mut_slice() {
            only.replacement.push(' ');
        }
        Ok((line.len() - typed.raw.len(), pairs))
    }
}

/// The command that is being typed.
fn last_piece(line: &str) -> &str {
    pieces::cut(line).last().copied().unwrap_or_default()
}

/// What is shown behind the line.
struct Suggestion {
    text: String,
    /// Whether it can be taken over by the right arrow.
    meant: bool,
}

impl Hint for Suggestion {
    fn display(&self) -> &str {
        &self.text
    }

    fn completion(&self) -> Option<&str> {
        self.meant.then_some(&*self.text)
    }
}

impl Hinter for Words {
    type Hint = Suggestion;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<Suggestion> {
        if !self.hints || pos < line.len() {
            return None;
        }
        let before = HistoryHinter::new().hint(line, pos, context).map(|text| Suggestion { text, meant: true });
        before.or_else(|| hint::synopsis(last_piece(line)).map(|text| Suggestion { text, meant: false }))
    }
}

impl Highlighter for Words {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[90m{hint}\x1b[0m"))
    }
}

impl Validator for Words {}

impl Helper for Words {}
