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
    Chunk, Event, LogPlace, ProcessStatus, Refusal, RefusalCode, Request, Response, StateName,
};
use crate::sys::client::{Signals, readable};
use crate::sys::{fd, term};

use super::connect::{self, NoReply, Reply};
use super::exit::Exit;
use super::local::Given;
use super::session::Session;
use super::show;

mod keys;
mod screen;

use keys::Keys;
use screen::Screen;

/// How many lines come first if nobody says.
pub(super) const FIRST_LINES: u32 = 10;

/// How much that is typed may wait. Then the keyboard is not read.
const TYPED_BYTES: usize = 4 << 10;

/// How long the last output of a process is waited for if it cannot be asked for.
const LAST_OUTPUT: Duration = Duration::from_millis(200);

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
    signals: Signals,
}

/// The way of what is typed.
struct Typing {
    calls: Reply,
    /// What the last call was, if it is not answered.
    asked: Option<Verb>,
    keys: Keys,
    /// What is typed and not sent.
    typed: Vec<u8>,
    /// Our size has changed, or theirs.
    resize: bool,
    /// Nothing more is typed.
    over: bool,
    /// That it goes nowhere was told.
    told: bool,
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
    let process = match process(session, name)? {
        Ok(process) => process,
        Err(refusal) => return Ok(session.show_own(&Response::Refused(refusal))),
    };
    let names = vec![process.name.clone()];
    let follow = Request::Events { names: names.clone(), since: None, follow: true };
    let events = connect::ask(&session.path, &follow, None)?;
    let typing = if input { Some(typing(session, &process.name)?) } else { None };
    let typing = match typing.transpose() {
        Ok(typing) => typing,
        Err(refused) => return Ok(session.show_own(&Response::Refused(refused))),
    };
    let follow = Request::Logs { names, stream: None, lines, follow: true, from: Vec::new() };
    let output = connect::ask(&session.path, &follow, None)?;
    let caught = [Sig::WINCH, Sig::INT, Sig::TERM, Sig::HUP, Sig::QUIT];
    let signals = Signals::hold(&caught).map_err(|error| format!("cannot wait for signals: {error}"))?;
    let screen = Screen::default();
    let places = BTreeMap::new();
    let attached = Attached { session, name: process.name, screen, output, events, places, typing, signals };
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

/// Opens the way for what is typed; a refusal if the process reads nothing.
fn typing(session: &Session, name: &str) -> Result<Result<Typing, Refusal>, NoReply> {
    let nothing = Request::Input { name: name.to_owned(), bytes: Vec::new(), eof: false };
    let calls = connect::ask(&session.path, &nothing, None)?;
    if let Response::Refused(Refusal { code, text }) = jsonrpc::read_answer(Verb::Input, &calls.line)? {
        return Ok(Err(Refusal::new(code, format!("{text}; \"attach --no-input\" only watches"))));
    }
    let resize = io::stdin().is_terminal();
    let (keys, typed) = (Keys::default(), Vec::new());
    Ok(Ok(Typing { calls, asked: None, keys, typed, resize, over: false, told: false }))
}

impl Attached<'_> {
    fn run(mut self) -> Result<Exit, NoReply> {
        match self.follow()? {
            Ended::With(exit) => Ok(exit),
            Ended::Process(event) => {
                self.show_rest();
                self.screen.notice(&format!("{} is {}: {}", self.name, event.to.text(), event.cause));
                Ok(Exit::Done)
            }
        }
    }

    fn follow(&mut self) -> Result<Ended, NoReply> {
        self.find_mode()?;
        if let Some(ended) = self.begin()? {
            return Ok(ended);
        }
        loop {
            if let Some(ended) = self.take_lines()? {
                return Ok(ended);
            }
            self.send()?;
            let keyboard =
                self.typing.as_ref().filter(|t| !t.over && t.typed.len() < TYPED_BYTES).map(|_| fd::standard(0));
            let calls = self.typing.as_ref().map(|typing| typing.calls.as_fd());
            let fds =
                [Some(self.signals.as_fd()), Some(self.output.as_fd()), Some(self.events.as_fd()), calls, keyboard];
            let [signal, output, event, answer, key] =
                readable(fds, None).map_err(|error| format!("cannot wait for input: {error}"))?;
            if signal && let Some(ended) = self.take_signals() {
                return Ok(ended);
            }
            let gone = (output && !self.output.receive()?)
                || (event && !self.events.receive()?)
                || (answer && !self.typing.as_mut().map_or(Ok(true), |typing| typing.calls.receive())?);
            if gone {
                return Err(self.daemon_gone());
            }
            if key && self.read_keys() {
                self.send()?;
                self.screen.notice(&format!("detached from {}", self.name));
                return Ok(Ended::With(Exit::Done));
            }
        }
    }

    /// Finds out whether keys go through as they are pressed, before there is anything to see.
    fn find_mode(&mut self) -> Result<(), NoReply> {
        self.send()?;
        while self.typing.as_ref().is_some_and(|typing| typing.asked.is_some()) {
            match self.typing.as_mut().and_then(|typing| typing.calls.take_line()) {
                Some(line) => self.answered(&line)?,
                None if self.typing.as_mut().map_or(Ok(false), |typing| typing.calls.receive())? => {}
                None => return Err(self.daemon_gone()),
            }
        }
        Ok(())
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
            if let Some(ended) = self.happened(event) {
                return Ok(Some(ended));
            }
        }
        while let Some(line) = self.typing.as_mut().and_then(|typing| typing.calls.take_line()) {
            self.answered(&line)?;
        }
        Ok(None)
    }

    fn happened(&mut self, event: Event) -> Option<Ended> {
        if event.from != event.to && is_over(event.to) {
            return Some(Ended::Process(event));
        }
        if event.event == "spawned" {
            self.screen.notice(&format!("{} is started again", self.name));
            if let Some(typing) = &mut self.typing {
                (typing.resize, typing.told) = (io::stdin().is_terminal(), false);
            }
        } else if event.event == "exited" {
            self.screen.notice(&format!("{}: {}", self.name, event.cause));
        }
        None
    }

    /// A call was answered.
    fn answered(&mut self, line: &str) -> Result<(), NoReply> {
        let Some(typing) = &mut self.typing else { return Ok(()) };
        let Some(verb) = typing.asked.take() else { return Ok(()) };
        let response = jsonrpc::read_answer(verb, line)?;
        if verb == Verb::Resize {
            // A process without a terminal gets whole lines.
            let raw = response == Response::Done;
            self.screen.set_raw(raw).map_err(|error| format!("cannot change the terminal's mode: {error}"))?;
        } else if let Response::Refused(refusal) = response
            && !std::mem::replace(&mut typing.told, true)
        {
            self.screen.notice(&format!("not typed: {}", refusal.text));
        }
        Ok(())
    }

    /// Makes the next call, if the last is answered.
    fn send(&mut self) -> Result<(), NoReply> {
        let Some(typing) = self.typing.as_mut().filter(|typing| typing.asked.is_none()) else { return Ok(()) };
        let name = self.name.clone();
        let size = if std::mem::take(&mut typing.resize) { term::size(fd::standard(0)) } else { None };
        let request = match size {
            Some((cols, rows)) => Request::Resize { name, rows, cols },
            None if typing.typed.is_empty() => return Ok(()),
            None => Request::Input { name, bytes: std::mem::take(&mut typing.typed), eof: false },
        };
        typing.asked = Some(request.verb());
        typing.calls.send(&request)
    }

    /// Reads what is typed; whether one wants to leave. The end of what is typed leaves at a terminal, where it is a key;
    /// elsewhere it is the end of a file, and there is still something to see.
    fn read_keys(&mut self) -> bool {
        let Some(typing) = &mut self.typing else { return false };
        let mut room = [0; 1024];
        match fd::read(fd::standard(0), &mut room) {
            Ok(n @ 1..) => typing.keys.pass(room.get(..n).unwrap_or_default(), &mut typing.typed),
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => false,
            Ok(_) | Err(_) => {
                typing.over = true;
                io::stdin().is_terminal()
            }
        }
    }

    fn take_signals(&mut self) -> Option<Ended> {
        while let Some(signal) = self.signals.next() {
            match signal {
                Sig::WINCH => {
                    if let Some(typing) = &mut self.typing {
                        typing.resize = true;
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
        while let Ok([true]) = readable([Some(self.output.as_fd())], Some(LAST_OUTPUT)) {
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
