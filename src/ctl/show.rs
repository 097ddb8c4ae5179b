//! Shows answers: on standard output what was asked for, on standard error what went wrong.

use std::io::{ErrorKind, IsTerminal, Write};

use crate::control::message::{Event, Kind, ProcessStatus, Response, StateName};
use crate::control::render::{self, Clock};
use crate::sys::timer;

use super::exit::{self, Exit};
use super::look::{Color, Look};

/// Shows an answer to people: what there is to show on standard output, a refusal on standard error.
#[must_use]
pub fn show(response: &Response, color: Color) -> Exit {
    let exit = exit::of(response);
    if let Kind::Refused(refusal) = response.kind() {
        complain(&String::from_utf8_lossy(&neutral(refusal.text.as_bytes())));
        return exit;
    }
    if *response == Response::ShuttingDown {
        return exit.max(print(b"Shut down\n"));
    }
    let lines = render::render(response, &clock_for(response));
    if let Response::Tail(bytes) = response
        && std::io::stdout().is_terminal()
    {
        debug_assert!(lines.starts_with(bytes));
        return exit.max(print(&neutral(&lines)));
    }
    exit.max(print(&Look::of_stdout(color).dress(response, lines)))
}

/// Shows a JSON text on a line of its own.
#[must_use]
pub fn show_json(json: &str) -> Exit {
    let mut line = json.as_bytes().to_vec();
    line.push(b'\n');
    if std::io::stdout().is_terminal() {
        line = neutral(&line);
    }
    print(&line)
}

/// The local time, if the answer shows any: to know the zone, a file must be read.
fn clock_for(response: &Response) -> Clock {
    let dated =
        |p: &ProcessStatus| p.state == StateName::Exited || (p.state == StateName::Stopped && p.for_ms.is_some());
    let shown = match response.kind() {
        Kind::Status(list) => list.iter().any(dated),
        Kind::Why(accounts) => accounts.iter().any(|account| dated(&account.status)),
        Kind::Outcomes(_) | Kind::Plan(_) | Kind::Refused(_) | Kind::Plain => false,
    };
    if shown {
        let now = timer::wall();
        Clock { now_unix: now.secs, utc_offset: timer::utc_offset(now) }
    } else {
        Clock::default()
    }
}

/// Writes to standard output at once. A reader that has gone away is no failure: it has seen enough.
#[must_use]
pub fn print(bytes: &[u8]) -> Exit {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("standard output cannot be written: {error}"));
            Exit::Failed
        }
        Ok(()) | Err(_) => Exit::Done,
    }
}

/// Shows an event; whether somebody reads it.
pub fn event(event: &Event) -> bool {
    let mut text = String::new();
    render::event(event, &mut text);
    write(text.as_bytes())
}

/// Writes to standard output at once; whether that could be done.
pub fn write(bytes: &[u8]) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).is_ok()
}

/// Writes to standard error. If that fails there is nobody to be told.
pub fn complain(text: &str) {
    let line = format!("taskmasterctl: {}\n", text.trim_end());
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The same on a line of its own, below what the terminal echoed of Ctrl-C.
pub fn complain_below(text: &str) {
    let _ = std::io::stderr().write_all(b"\n");
    complain(text);
}

/// Bytes as a terminal may show them: control characters other than line feed and tab become visible (`^[`, `\u009b`)
/// and what is not UTF-8 becomes the sign for that, so that what a program logged cannot drive the terminal.
///
/// JSON text stays JSON text: its writer leaves no control characters but those above 126, and these become escapes.
#[must_use]
pub fn neutral(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\0'..='\x1f' => {
                out.push('^');
                out.push(char::from_u32(u32::from(c) + 64).unwrap_or('?'));
            }
            '\x7f'..='\u{9f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_driven() {
        for (raw, shown) in [
            (&b"plain \xc3\xbc\tx\n"[..], "plain \u{fc}\tx\n"),
            (b"\x1b]0;evil\x07", "^[]0;evil^G"),
            (b"a\r\nb\rc", "a\nb^Mc"),
            (b"\x7f\xc2\x9b31m", "\\u007f\\u009b31m"),
            (b"\xff\0", "\u{fffd}^@"),
        ] {
            assert_eq!(String::from_utf8(neutral(raw)).unwrap(), shown);
        }
    }
}
