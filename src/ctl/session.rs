//! Carries out commands against one daemon: asks, shows, and says how it went.

use crate::control::command::Verb;
use crate::control::help;
use crate::control::jsonrpc::{self, Id};
use crate::control::message::{EventList, Refusal, RefusalCode, Request, Response};
use crate::control::text;
use crate::sys::client::Interrupt;

use super::args;
use super::connect::{self, Address, NoReply, Reply};
use super::exit::{self, Exit};
use super::local;
use super::logs;
use super::look::Color;
use super::show;

/// Whom to ask and how to show what comes back.
#[derive(Clone, Debug)]
pub struct Session {
    /// The daemon, by its control socket.
    pub path: Address,
    /// Show results as JSON.
    pub json: bool,
    /// Whether there are colours.
    pub color: Color,
    /// Ctrl-C gives up a command, not the program.
    pub cancels: bool,
    /// How lines of logs are shown.
    pub logs: logs::Manner,
}

impl Session {
    /// Commands for the daemon at this socket, shown to people.
    #[must_use]
    pub fn new(path: impl Into<Address>) -> Session {
        let logs = logs::Manner::default();
        Session { path: path.into(), json: false, color: Color::Auto, cancels: false, logs }
    }

    /// Carries out a command given as words.
    #[must_use]
    pub fn run_words(&self, words: &[String]) -> Exit {
        if let Some(exit) = local::run(words, self) {
            return exit;
        }
        match self.read(words) {
            Ok((session, request)) => session.carry_out(&request),
            Err(refusal) => {
                show::complain(&refusal.text);
                Exit::Usage
            }
        }
    }

    /// What the words ask for, and the session with the options among them.
    pub(super) fn read(&self, words: &[String]) -> Result<(Session, Request), Refusal> {
        let mut words = words.to_vec();
        let common = args::take_common(&mut words);
        let wrong = |text| Refusal::new(RefusalCode::BadArguments, text);
        let logs = logs::take_manner(&mut words).map_err(wrong)?;
        let request = match words.first() {
            Some(command) if common.help => Request::Help { command: Some(command.clone()) },
            Some(_) | None => text::parse_words(&words)?,
        };
        Ok((Session { json: self.json || common.json, logs, ..self.clone() }, request))
    }

    /// Carries out a request.
    #[must_use]
    pub fn carry_out(&self, request: &Request) -> Exit {
        // Help is the same in every daemon of this version, and it is wanted most when none runs.
        if let Request::Help { command } = request {
            return self.show_own(&help::help(command.as_deref()).map_or_else(Response::Refused, Response::Help));
        }
        // If Ctrl-C cannot be held back, it ends the program, as elsewhere.
        let interrupt = if self.cancels { Interrupt::hold().ok() } else { None };
        let interrupt = interrupt.as_ref();
        let shown = if matches!(request, Request::Logs { .. }) {
            logs::run(self, request, interrupt)
        } else {
            connect::ask(&self.path, request, interrupt).and_then(|reply| self.show(request.verb(), reply, interrupt))
        };
        match shown {
            Ok(exit) => exit,
            Err(NoReply::Because(text)) => {
                show::complain(&text);
                Exit::Unreachable
            }
            Err(NoReply::Cancelled) => {
                show::complain_below("not waiting any longer; what the daemon has begun goes on");
                Exit::Cancelled
            }
        }
    }

    /// Shows an answer that needs no daemon.
    pub(super) fn show_own(&self, response: &Response) -> Exit {
        if !self.json {
            return show::show(response, self.color);
        }
        let mut line = Vec::new();
        jsonrpc::write_answer(&Id::null(), response, &mut line);
        exit::of(response).max(show_json(&String::from_utf8_lossy(&line)))
    }

    /// Shows the events that follow an answer, until the daemon ends them or nobody reads them any more.
    fn follow(&self, mut reply: Reply, interrupt: Option<&Interrupt>) -> Result<Exit, NoReply> {
        loop {
            let line = match reply.next_line(interrupt) {
                Ok(Some(line)) => line,
                Ok(None) => return Err(NoReply::Because(format!("the daemon on {} is gone", self.path.display()))),
                // Ctrl-C is how one leaves.
                Err(NoReply::Cancelled) => return Ok(Exit::Done),
                Err(because) => return Err(because),
            };
            let written = match (jsonrpc::raw_params(&line), jsonrpc::read_event(&line)) {
                (Some(json), Ok(_)) if self.json => show::write(format!("{json}\n").as_bytes()),
                (_, Ok(event)) => show::event(&event),
                // The last line says why there are no more.
                (_, Err(_)) => {
                    let refusal = jsonrpc::read_answer(Verb::Events, &line)?;
                    return Ok(if self.json { exit::of(&refusal) } else { show::show(&refusal, self.color) });
                }
            };
            if !written {
                return Ok(Exit::Done);
            }
        }
    }

    fn show(&self, verb: Verb, mut reply: Reply, interrupt: Option<&Interrupt>) -> Result<Exit, NoReply> {
        let response = jsonrpc::read_answer(verb, &reply.line).map_err(|what| {
            let path = self.path.display();
            format!("what answers on {path} is not understood: {what} (is it of another version?)")
        })?;
        if let Response::Events(EventList { events, follow: true, .. }) = &response {
            if !self.json {
                let _ = show::show(&response, self.color);
            } else if !events.iter().all(|event| show::write(&jsonrpc::event_line(event))) {
                return Ok(Exit::Done);
            }
            return self.follow(reply, interrupt);
        }
        let shown = if self.json { show_json(&reply.line) } else { Exit::Done };
        if response == Response::ShuttingDown {
            reply.wait_for_close(interrupt)?;
        }
        let exit = if self.json { exit::of(&response) } else { show::show(&response, self.color) };
        Ok(exit.max(shown))
    }
}

/// Shows the result in an answer line, or `{"error": …}`.
fn show_json(line: &str) -> Exit {
    match (jsonrpc::raw_result(line), jsonrpc::raw_error(line)) {
        (Some(result), _) => show::show_json(result),
        (None, Some(error)) => show::show_json(&format!("{{\"error\":{error}}}")),
        (None, None) => Exit::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_all_commands_are_read() {
        let session = Session::new("/nowhere");
        let read = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            session.read(&words).map(|(session, request)| (session.json, request))
        };
        assert_eq!(read("status --json"), Ok((true, Request::Status { names: vec![], usage: false })));
        assert_eq!(read("status"), Ok((false, Request::Status { names: vec![], usage: false })));
        assert_eq!(read("tail --help"), Ok((false, Request::Help { command: Some("tail".into()) })));
        assert_eq!(read("-h"), text::parse_words::<&str>(&[]).map(|r| (false, r)));
        assert!(read("tail").is_err());
    }

    #[test]
    fn no_daemon_is_unreachable_but_help_is_there() {
        let session = Session::new("/nowhere/s");
        assert_eq!(session.carry_out(&Request::Version), Exit::Unreachable);
        assert_eq!(session.carry_out(&Request::Help { command: None }), Exit::Done);
        assert_eq!(session.carry_out(&Request::Help { command: Some("x".into()) }), Exit::Usage);
    }
}
