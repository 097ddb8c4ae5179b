//! Lines as they come, from standard input or from a file.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::Path;

use crate::sys::client::{First, Interrupt};

use super::{Input, Source};

/// Reads plain lines.
pub(super) struct Plain {
    prompt: Option<&'static str>,
    lines: Box<dyn BufRead>,
    /// For messages.
    name: String,
    count: usize,
}

impl Plain {
    /// Standard input, with a prompt if somebody sits there.
    pub(super) fn stdin(prompt: Option<&'static str>) -> Plain {
        Plain { prompt, lines: Box::new(std::io::stdin().lock()), name: "standard input".to_owned(), count: 0 }
    }

    /// A file; `-` is standard input.
    pub(super) fn script(path: &Path) -> Result<Plain, String> {
        if path.as_os_str() == "-" {
            return Ok(Plain::stdin(None));
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
        Ok(Plain { prompt: None, lines: Box::new(BufReader::new(file)), name, count: 0 })
    }
}

/// Nobody can be asked on a terminal that is gone; reading finds that out.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Asks for a line and waits until there is one. Says whether Ctrl-C came first.
fn ask(prompt: &str) -> bool {
    // If Ctrl-C cannot be held back, it ends the program, as elsewhere. The terminal itself forgets what was typed.
    let interrupt = Interrupt::hold();
    say(prompt);
    let first = interrupt.and_then(|interrupt| interrupt.wait(std::io::stdin().as_fd()));
    let cancelled = matches!(first, Ok(First::Interrupt));
    if cancelled {
        say("\n");
    }
    cancelled
}

impl Source for Plain {
    fn next(&mut self) -> Input {
        // A terminal hands out whole lines, so that nothing is left over from the one before.
        if self.prompt.is_some_and(ask) {
            return Input::Cancelled;
        }
        let mut line = Vec::new();
        match self.lines.read_until(b'\n', &mut line) {
            Ok(0) => {
                if self.prompt.is_some() {
                    say("\n");
                }
                Input::End
            }
            Ok(_) => {
                self.count += 1;
                Input::Line(String::from_utf8_lossy(&line).into_owned())
            }
            Err(error) => Input::Broken(format!("{} cannot be read: {error}", self.name)),
        }
    }

    fn place(&self) -> String {
        format!("{}:{}", self.name, self.count)
    }
}
