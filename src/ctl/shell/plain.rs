//! Lines as they come, from standard input or from a file.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

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

impl Source for Plain {
    fn next(&mut self) -> Input {
        if let Some(prompt) = self.prompt {
            let mut out = std::io::stdout().lock();
            // Nobody can be asked on a terminal that is gone; reading finds that out.
            let _ = out.write_all(prompt.as_bytes()).and_then(|()| out.flush());
        }
        let mut line = Vec::new();
        match self.lines.read_until(b'\n', &mut line) {
            Ok(0) => Input::End,
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
