//! `attach`: what a process writes as it writes it, and what is typed as its input.
//!
//! Three connections, each a stream of its own: the output (`logs`), what becomes of the process (`events`), and our calls of
//! `input` and `resize`, of which one is under way at a time. So what is typed waits here while the process does not read.
//! With a terminal at both ends every key goes through as it is pressed, and the process's terminal has the size of ours.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::Duration;

use crate::base::id::Stream;
use crate::base::signal::Sig;
use crate::base::text::quoted;
use crate::control::command::Verb;
use crate::control::jsonrpc;
use crate::control::message::{
    Chunk, Event, LogPlace, ProcessStatus, Reads, Refusal, RefusalCode, Request, Response, StateName,
};
use crate::sys::client::Signals;
use crate::sys::poll::{self, For};
use crate::sys::{fd, timer};

use super::connect::{self, NoReply, Reply};
use super::exit::Exit;
use super::local::Given;
use super::session::Session;
use super::show;

mod keys;
mod screen;
mod typing;

use screen::Screen;
use typing::{Typed, Typing};

/// How many lines come first if nobody says.
pub(super) const FIRST_LINES: u32 = 10;

/// How long the last output of a process is waited for if it cannot be asked for.
const LAST_OUTPUT: Duration = Duration::from_millis(200);

/// How long the answer to the last call is waited for when the process has ended. It is about to come.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// Why it is over.
enum Ended {
    /// In this way.
    With(Exit),
    /// The process has ended for good, as this event says.
    Process(Event),
}

/// Our side, and the process's.
struct Attached<'a> {
    session: &'a Session,
    /// The process, by its full name.
    name: String,
    screen: Screen,
    output: Reply,
    events: Reply,
    /// Where each log goes on.
    places: BTreeMap<Stream, LogPlace>,
    typing: Option<Typing>,
    /// What is typed is typed at a keyboard.
    keyboard: bool,
    signals: Signals,
}

/// Carries out the command.
pub(super) fn run(given: &Given, session: &Session) -> Exit {
    let lines = match given.value("lines").map_or(Ok(FIRST_LINES), |text| text.parse()) {
        Ok(lines) => lines,
        Err(_) => {
            show::complain("attach: -n needs a number of lines");
            return Exit::Usage;
        }
    };
    let Some(name) = given.words.first() else {
        show::complain("attach: no NAME given (usage: attach [--no-input] [-n LINES] NAME)");
        return Exit::Usage;
    };
    match attach(session, name, lines, !given.has("no-input")) {
        Ok(exit) => exit,
        Err(NoReply::Because(text)) => {
            show::complain(&text);
            Exit::Unreachable
        }
        Err(NoReply::Cancelled) => Exit::Cancelled,
    }
}

fn attach(session: &Session, name: &str, lines: u32, input: bool) -> Result<Exit, NoReply> {
    // Events first: an end between the two answers is then told.
    let follow = Request::Events { names: vec![name.to_owned()], since: None, follow: true };
    let events = connect::ask(&session.path, &follow, None)?;
    if let Ok(refused @ Response::Refused(_)) = jsonrpc::read_answer(Verb::Events, &events.line) {
        return Ok(session.show_own(&refused));
    }
    let process = match process(session, name)? {
        Ok(process) => process,
        Err(refusal) => return Ok(session.show_own(&Response::Refused(refusal))),
    };
    let keyboard = io::stdin().is_terminal();
    let typing = if input { Some(Typing::open(session, &process, keyboard)?) } else { None };
    let typing = match typing.transpose() {
        Ok(typing) => typing,
        Err(refused) => return Ok(session.show_own(&Response::Refused(refused))),
    };
    let follow =
        Request::Logs { names: vec![process.name.clone()], stream: None, lines, follow: true, from: Vec::new() };
    let output = connect::ask(&session.path, &follow, None)?;
    let caught = [Sig::WINCH, Sig::INT, Sig::TERM, Sig::HUP, Sig::QUIT];
    let signals = Signals::hold(&caught).map_err(|error| format!("cannot wait for signals: {error}"))?;
    let screen = Screen::new(session.color.on(true));
    let (name, places) = (process.name.clone(), BTreeMap::new());
    let mut attached = Attached { session, name, screen, output, events, places, typing, keyboard, signals };
    attached.adapt(&process)?;
    if attached.screen.is_raw() {
        attached.screen.notice("Ctrl-P Ctrl-Q leaves");
    }
    attached.run()
}

/// The one process that is meant, if it is up or will be.
fn process(session: &Session, name: &str) -> Result<Result<ProcessStatus, Refusal>, NoReply> {
    let request = Request::Status { names: vec![name.to_owned()], usage: false };
    let reply = connect::ask(&session.path, &request, None)?;
    let response = jsonrpc::read_answer(Verb::Status, &reply.line)?;
    if let Response::Refused(refusal) = response {
        return Ok(Err(refusal));
    }
    let Response::Status(processes) = response else {
        return Err(NoReply::Because("the daemon answers something else".to_owned()));
    };
    let shown = quoted(name);
    Ok(match <[ProcessStatus; 1]>::try_from(processes) {
        Ok([process]) if is_over(process.state) => {
            let state = process.state.text();
            let text =
                format!("{shown} does not run, it is {state} (\"start\" starts it, \"logs\" shows what it wrote)");
            Err(Refusal::new(RefusalCode::Failed, text))
        }
        Ok([process]) => Ok(process),
        Err(others) => {
            let text = format!("{shown} means {} processes; name one of them", others.len());
            Err(Refusal::new(RefusalCode::BadArguments, text))
        }
    })
}

/// Whether a process in this state stays down until somebody starts it.
fn is_over(state: StateName) -> bool {
    match state {
        StateName::Stopped | StateName::Exited | StateName::Fatal => true,
        StateName::Waiting | StateName::Starting | StateName::Running | StateName::Backoff | StateName::Stopping => {
            false
        }
    }
}

impl Attached<'_> {
    fn run(mut self) -> Result<Exit, NoReply> {
        match self.follow()? {
            Ended::With(exit) => Ok(self.exit(exit)),
            Ended::Process(event) => {
                self.take_last_answer();
                self.show_rest();
                self.screen.notice(&format!("{} is {}: {}", self.name, event.to.text(), event.cause));
                Ok(self.exit(Exit::Done))
            }
        }
    }

    /// What was to be written and was not is a failure, however it ends.
    fn exit(&self, exit: Exit) -> Exit {
        let lost = self.typing.as_ref().is_some_and(Typing::has_lost);
        if lost { exit.max(Exit::Failed) } else { exit }
    }

    /// Takes the process as it is now: with a terminal of its own or without.
    fn adapt(&mut self, process: &ProcessStatus) -> Result<(), NoReply> {
        let terminal = process.reads == Some(Reads::Terminal);
        self.screen.set_driven(terminal);
        let raw = terminal && self.keyboard && self.typing.is_some();
        self.screen.set_raw(raw).map_err(|error| format!("cannot change the terminal's mode: {error}"))?;
        Ok(())
    }

    fn follow(&mut self) -> Result<Ended, NoReply> {
        if let Some(ended) = self.begin()? {
            return Ok(ended);
        }
        loop {
            if let Some(ended) = self.take_lines()? {
                return Ok(ended);
            }
            let raw = self.screen.is_raw();
            self.typing.as_mut().map_or(Ok(()), |typing| typing.send(raw))?;
            if let Some(unwritten) = self.typing.as_ref().and_then(Typing::may_leave) {
                return Ok(self.leave(unwritten));
            }
            let [signal, output, event, answer, key] = self.wait()?;
            if signal && let Some(ended) = self.take_signals() {
                return Ok(ended);
            }
            let gone = (output && !self.output.receive()?)
                || (event && !self.events.receive()?)
                || (answer && !self.typing.as_mut().map_or(Ok(true), |typing| typing.calls().receive())?);
            if gone {
                return Err(self.daemon_gone());
            }
            if let Some(typing) = self.typing.as_mut().filter(|_| key) {
                match typing.read(raw) {
                    Typed::Taken => {}
                    Typed::Dropped => self.screen.ring(),
                    Typed::Leaves => typing.leave(),
                }
            }
        }
    }

    /// Waits until something happens; what it is.
    fn wait(&self) -> Result<[bool; 5], NoReply> {
        let raw = self.screen.is_raw();
        let keyboard = self.typing.as_ref().filter(|typing| typing.wants_more(raw)).map(|_| fd::standard(0));
        let calls = self.typing.as_ref().map(Typing::calls_fd);
        let fds = [Some(self.signals.as_fd()), Some(self.output.as_fd()), Some(self.events.as_fd()), calls, keyboard];
        let due = self.typing.as_ref().and_then(Typing::due);
        let limit = due.map(|at| at.since(timer::monotonic()));
        poll::wait(fds.map(|fd| fd.map(|fd| (fd, For::Reading))), limit)
            .map_err(|error| NoReply::Because(format!("cannot wait for input: {error}")))
    }

    fn leave(&mut self, unwritten: usize) -> Ended {
        let lost = if unwritten > 0 { format!("; it has not read {unwritten} bytes") } else { String::new() };
        self.screen.notice(&format!("detached from {}{lost}", self.name));
        Ended::With(Exit::Done)
    }

    fn daemon_gone(&self) -> NoReply {
        NoReply::Because(format!("the daemon on {} is gone", self.session.path.display()))
    }

    /// Shows the beginning of the output.
    fn begin(&mut self) -> Result<Option<Ended>, NoReply> {
        let response = jsonrpc::read_answer(Verb::Logs, &self.output.line)?;
        let Response::Logs(list) = response else {
            return Ok(Some(Ended::With(self.session.show_own(&response))));
        };
        let shown = list.chunks.into_iter().all(|chunk| self.show(chunk));
        Ok((!shown).then_some(Ended::With(Exit::Done)))
    }

    /// Looks at everything that has come.
    fn take_lines(&mut self) -> Result<Option<Ended>, NoReply> {
        while let Some(line) = self.output.take_line() {
            let chunk = jsonrpc::read_output(&line).map_err(|_| "the daemon has ended the output".to_owned())?;
            if !self.show(chunk) {
                return Ok(Some(Ended::With(Exit::Done)));
            }
        }
        while let Some(line) = self.events.take_line() {
            let event = jsonrpc::read_event(&line).map_err(|_| "the daemon has ended the events".to_owned())?;
            if let Some(ended) = self.happened(event)? {
                return Ok(Some(ended));
            }
        }
        while let Some(typing) = &mut self.typing
            && let Some(line) = typing.calls().take_line()
        {
            if let Some(text) = typing.answered(&line)? {
                self.screen.notice(&text);
            }
        }
        Ok(None)
    }

    fn happened(&mut self, event: Event) -> Result<Option<Ended>, NoReply> {
        if event.process != self.name {
            return Ok(None);
        }
        if event.from != event.to && is_over(event.to) {
            return Ok(Some(Ended::Process(event)));
        }
        if event.event == "spawned" {
            self.screen.notice(&format!("{} is started again", self.name));
            // It may have other keys now.
            if let Ok(process) = process(self.session, &self.name)? {
                self.adapt(&process)?;
            }
            if let Some(typing) = &mut self.typing {
                typing.set_up(true);
            }
        } else if event.event == "exited" {
            self.screen.notice(&format!("{}: {}", self.name, event.cause));
            if let Some(typing) = &mut self.typing {
                typing.set_up(false);
            }
        }
        Ok(None)
    }

    fn take_signals(&mut self) -> Option<Ended> {
        while let Some(signal) = self.signals.next() {
            match signal {
                Sig::WINCH => {
                    if let Some(typing) = &mut self.typing {
                        typing.resize();
                    }
                }
                // How one leaves where keys are lines.
                Sig::INT => return Some(Ended::With(Exit::Done)),
                _ => return Some(Ended::With(Exit::Cancelled)),
            }
        }
        None
    }

    /// Whether somebody sees it.
    fn show(&mut self, chunk: Chunk) -> bool {
        let shown = self.screen.show(&chunk);
        self.places.insert(chunk.next.stream, chunk.next);
        shown
    }

    /// What became of the last call. Its answer comes by another connection than the end, which may overtake it.
    fn take_last_answer(&mut self) {
        let Some(typing) = &mut self.typing else { return };
        let end = timer::monotonic().after(LAST_ANSWER);
        while typing.is_under_way() && end > timer::monotonic() {
            if let Some(line) = typing.calls().take_line() {
                // Whatever cannot be read was not written.
                if let Some(text) = typing.answered(&line).unwrap_or_default() {
                    self.screen.notice(&text);
                }
                continue;
            }
            let left = end.since(timer::monotonic());
            match poll::wait([Some((typing.calls_fd(), For::Reading))], Some(left)) {
                Ok([true]) if typing.calls().receive().unwrap_or(false) => {}
                // The time is not over: a signal.
                Ok([false]) => {}
                Ok([true]) | Err(_) => break,
            }
        }
        typing.process_is_over();
    }

    /// Shows what the process wrote before its end: that is in its logs when its end is told.
    fn show_rest(&mut self) {
        loop {
            let from: Vec<LogPlace> = self.places.values().cloned().collect();
            let request = Request::Logs { names: vec![self.name.clone()], stream: None, lines: 0, follow: false, from };
            let list = match connect::ask(&self.session.path, &request, None)
                .map(|reply| jsonrpc::read_answer(Verb::Logs, &reply.line))
            {
                Ok(Ok(Response::Logs(list))) => list,
                // It may be gone from the configuration by now. Then what has been sent is all there is.
                Ok(_) | Err(_) => return self.show_sent(),
            };
            let mut more = false;
            for chunk in list.chunks {
                more |= !chunk.bytes.is_empty();
                if !self.show(chunk) {
                    return;
                }
            }
            if !more {
                return;
            }
        }
    }

    fn show_sent(&mut self) {
        while let Ok([true]) = poll::wait([Some((self.output.as_fd(), For::Reading))], Some(LAST_OUTPUT)) {
            if !self.output.receive().unwrap_or(false) {
                return;
            }
            while let Some(line) = self.output.take_line() {
                if !jsonrpc::read_output(&line).is_ok_and(|chunk| self.show(chunk)) {
                    return;
                }
            }
        }
    }
}
