//! The connections of the board: one for questions and their answers, one on which the events come, and one for the
//! output that is followed, if any is.
//!
//! Apart from each other, so that a long answer never makes the daemon believe that nobody reads the events. Nothing here
//! waits: bytes are written and read as far as that goes.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use crate::base::id::Stream;
use crate::control::command::Verb;
use crate::control::jsonrpc::{self, Id};
use crate::control::message::{Event, Request, Response};
use crate::ctl::connect::{self, Address};
use crate::sys::poll::For;

use super::ask::Ask;
use super::pane::{Output, Written};

/// How much is read at once.
const READ_BYTES: usize = 64 << 10;

/// No more than this is taken in one go, so that a loud program leaves time for keys.
const READ_BUDGET_BYTES: usize = 1 << 20;

/// A line longer than this is no answer of ours.
const LINE_BYTES: usize = 64 << 20;

/// What has come.
#[derive(Debug)]
pub enum Came {
    /// The events follow from now on.
    Following,
    /// An answer.
    Answer(Ask, Response),
    /// An event.
    Event(Event),
    /// The output that is followed.
    Written(Written),
}

/// All connections.
#[derive(Debug)]
pub struct Link {
    questions: Channel,
    events: Channel,
    output: Option<Channel>,
    open: HashMap<u64, (Ask, Verb)>,
    last_id: u64,
}

impl Link {
    /// Connects, and asks for the events.
    ///
    /// # Errors
    /// Why there is no connection, for people.
    pub fn open(daemon: &Address) -> Result<Link, String> {
        let mut events = Channel::open(daemon)?;
        events.write(&Id::number(0), &Request::Events { names: Vec::new(), since: None, follow: true });
        Ok(Link { questions: Channel::open(daemon)?, events, output: None, open: HashMap::new(), last_id: 0 })
    }

    /// Asks. The answer comes some time.
    pub fn ask(&mut self, ask: Ask) {
        let request = ask.request();
        self.last_id += 1;
        self.questions.write(&Id::number(self.last_id), &request);
        self.open.insert(self.last_id, (ask, request.verb()));
    }

    /// What to wait for.
    pub fn waits_for(&self) -> [Option<(BorrowedFd<'_>, For)>; 3] {
        [Some(&self.questions), Some(&self.events), self.output.as_ref()].map(|channel| channel.map(Channel::waits_for))
    }

    /// Follows this output, and no other any more.
    ///
    /// # Errors
    /// Why that cannot be, for people.
    pub fn follow(&mut self, daemon: &Address, what: Option<(String, Stream)>) -> Result<(), String> {
        self.output = None;
        if let Some((name, stream)) = what {
            let mut output = Channel::open(daemon)?;
            output.write(&Id::number(0), &Output::request(&name, stream));
            self.output = Some(output);
        }
        Ok(())
    }

    /// What has come of the output. An end of it is no end of the rest.
    fn serve_output(&mut self, came: &mut Vec<Came>) {
        let Some(output) = &mut self.output else { return };
        let lines = match output.serve() {
            Ok(lines) => lines,
            Err(why) => {
                self.output = None;
                return came.push(Came::Written(Written::Ends(why)));
            }
        };
        for line in lines {
            if let Ok(chunk) = jsonrpc::read_output(&line) {
                came.push(Came::Written(Written::More(chunk)));
                continue;
            }
            let why = match jsonrpc::read_answer(Verb::Logs, &line) {
                Ok(Response::Logs(list)) => {
                    came.push(Came::Written(Written::Begins(list)));
                    continue;
                }
                Ok(Response::Refused(refusal)) => refusal.text,
                Ok(_) => strange("no output"),
                Err(what) => strange(&what),
            };
            self.output = None;
            return came.push(Came::Written(Written::Ends(why)));
        }
    }

    /// Writes and reads what can be.
    ///
    /// # Errors
    /// Why the connection is at its end, for people.
    pub fn serve(&mut self) -> Result<Vec<Came>, String> {
        let mut came = Vec::new();
        for line in self.events.serve()? {
            if let Ok(event) = jsonrpc::read_event(&line) {
                came.push(Came::Event(event));
                continue;
            }
            if let Response::Refused(refusal) =
                jsonrpc::read_answer(Verb::Events, &line).map_err(|what| strange(&what))?
            {
                return Err(refusal.text);
            }
            came.push(Came::Following);
        }
        for line in self.questions.serve()? {
            let Some((ask, verb)) = jsonrpc::answered_id(&line).and_then(|id| self.open.remove(&id)) else {
                // Without an id it is about the connection as a whole.
                return Err(match jsonrpc::read_answer(Verb::Version, &line) {
                    Ok(Response::Refused(refusal)) => refusal.text,
                    Ok(_) | Err(_) => strange("an answer to nothing"),
                });
            };
            let response = jsonrpc::read_answer(verb, &line).map_err(|what| strange(&what))?;
            came.push(Came::Answer(ask, response));
        }
        self.serve_output(&mut came);
        Ok(came)
    }
}

fn strange(what: &str) -> String {
    format!("what answers is not understood: {what} (is the daemon of another version?)")
}

/// One connection.
#[derive(Debug)]
struct Channel {
    stream: UnixStream,
    read: Vec<u8>,
    /// How far `read` has been searched for the end of a line.
    searched: usize,
    unsent: Vec<u8>,
}

impl Channel {
    fn open(daemon: &Address) -> Result<Channel, String> {
        let stream = connect::open(daemon)?;
        stream.set_nonblocking(true).map_err(|error| format!("the connection to {}: {error}", daemon.display()))?;
        Ok(Channel { stream, read: Vec::new(), searched: 0, unsent: Vec::new() })
    }

    fn write(&mut self, id: &Id, request: &Request) {
        jsonrpc::write_request(id, request, &mut self.unsent);
        self.unsent.push(b'\n');
    }

    fn waits_for(&self) -> (BorrowedFd<'_>, For) {
        (self.stream.as_fd(), if self.unsent.is_empty() { For::Reading } else { For::Both })
    }

    /// Writes what waits, and gives the lines that are complete.
    fn serve(&mut self) -> Result<Vec<String>, String> {
        let closed = || "the daemon has closed the connection".to_owned();
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What it said before it closed is worth more than that it closed.
                Err(_) => self.unsent.clear(),
            }
        }
        let mut lines = Vec::new();
        let mut room = vec![0; READ_BYTES];
        for _ in 0..READ_BUDGET_BYTES / READ_BYTES {
            match self.stream.read(&mut room) {
                Ok(0) if lines.is_empty() => return Err(closed()),
                Ok(0) => break,
                Ok(n) => self.read.extend_from_slice(room.get(..n).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It has left something unread.
                Err(error) if error.kind() == ErrorKind::ConnectionReset && lines.is_empty() => return Err(closed()),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => return Err(format!("the connection broke: {error}")),
            }
            self.take_lines(&mut lines);
            if self.read.len() > LINE_BYTES {
                return Err(strange("a line without an end"));
            }
        }
        Ok(lines)
    }

    fn take_lines(&mut self, lines: &mut Vec<String>) {
        while let Some(end) = self.read.iter().skip(self.searched).position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.read.drain(..=self.searched + end).collect();
            self.searched = 0;
            lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        self.searched = self.read.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn answers_find_their_questions_and_events_come_between() {
        let _alone = crate::sys::spawn::alone();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let path = Address::from(path);
        let mut link = Link::open(&path).unwrap();
        let (mut events, _) = listener.accept().unwrap();
        let (mut questions, _) = listener.accept().unwrap();
        link.ask(Ask::Daemon);
        link.ask(Ask::Status(vec![]));
        assert!(link.serve().unwrap().is_empty());
        let mut said = [0; 512];
        let n = questions.read(&mut said).unwrap();
        assert_eq!(said[..n].iter().filter(|byte| **byte == b'\n').count(), 2);
        // In pieces, and in another order.
        questions.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"proc").unwrap();
        assert!(link.serve().unwrap().is_empty());
        questions.write_all(b"esses\":[]}}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"pid\":5}}\n").unwrap();
        let came = link.serve().unwrap();
        assert!(matches!(
            came[..],
            [Came::Answer(Ask::Status(_), Response::Status(_)), Came::Answer(Ask::Daemon, Response::DaemonPid(5)),]
        ));
        events
            .write_all(b"{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"events\":[],\"next\":1,\"follow\":true}}\n")
            .unwrap();
        assert!(matches!(link.serve().unwrap()[..], [Came::Following]));
        drop(events);
        assert_eq!(link.serve().unwrap_err(), "the daemon has closed the connection");
    }

    #[test]
    fn nonsense_ends_it_with_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let path = Address::from(path);
        for (line, why) in [
            ("220 mail", "what answers is not understood"),
            ("{\"jsonrpc\":\"2.0\",\"id\":77,\"result\":{}}", "what answers is not understood"),
            ("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32004,\"message\":\"too many\"}}", "too many"),
        ] {
            let mut link = Link::open(&path).unwrap();
            let (_events, _) = listener.accept().unwrap();
            let (mut questions, _) = listener.accept().unwrap();
            questions.write_all(format!("{line}\n").as_bytes()).unwrap();
            let text = link.serve().unwrap_err();
            assert!(text.starts_with(why), "{text}");
        }
    }
}
