//! Lines as they come from standard input.

use std::io::{BufRead, Write};

use super::{Input, Source};

/// Reads standard input.
pub(super) struct Plain {
    prompt: Option<&'static str>,
}

impl Plain {
    pub(super) fn new(prompt: Option<&'static str>) -> Plain {
        Plain { prompt }
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
        match std::io::stdin().lock().read_until(b'\n', &mut line) {
            Ok(0) => Input::End,
            Ok(_) => Input::Line(String::from_utf8_lossy(&line).into_owned()),
            Err(error) => Input::Broken(format!("standard input cannot be read: {error}")),
        }
    }
}
