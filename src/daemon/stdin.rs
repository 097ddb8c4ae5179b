//! What the programs read: the write ends of their input pipes, and the terminals that stand for them.
//!
//! A request waits until all of its bytes have been taken by the pipe or terminal, in the order in which requests came;
//! that is the back pressure. What waits for one process is bounded, and a process that does not read holds up nobody else.
//! The core is not involved. The way of the bytes: a client's request → the queue of the run → its pipe or terminal.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::base::errno::plain;
use crate::base::id::{ClientId, Key, Run, Ticket};
use crate::base::text::quoted;
use crate::config::model::{Program, Stdin};
use crate::control::message::{Refusal, RefusalCode, Response};
use crate::sys::fd;
use crate::sys::pty::{self, Size};
use crate::sys::spawn::Credentials;

use super::reactor::{Reactor, Source, Token, Wants};
use super::run::Daemon;

/// How much may wait for one process. One request always fits.
const WAITING_BYTES: usize = 64 << 10;

/// Names a run's input: whose, of which run.
pub type Id = (Key, Run);

/// A request that is not written to its end.
#[derive(Debug)]
struct Piece {
    ticket: Ticket,
    bytes: Vec<u8>,
    /// How much of them is written.
    done: usize,
    /// Behind them the input ends.
    eof: bool,
}

/// Where the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Into a pipe, whose slot this is.
    Pipe(Token),
    /// To a terminal, whose slot is the terminal's own.
    Terminal(Token),
    /// It was closed, and this is why.
    Closed(&'static str),
}

#[derive(Debug)]
struct Input {
    way: Way,
    queue: VecDeque<Piece>,
    /// How many bytes wait in the queue.
    waiting: usize,
    /// The process that wrote to it last, for the log.
    writer: Option<i32>,
}

/// The inputs of all runs that have one.
#[derive(Debug, Default)]
pub struct Stdins {
    all: BTreeMap<Id, Input>,
}

/// Answers to requests that are done, in one way or the other.
type Answers = Vec<(Ticket, Response)>;

impl Stdins {
    /// Makes a pipe for a run; the end that the child gets.
    ///
    /// # Errors
    /// No pipe could be made or polled: EMFILE, ENFILE, ENOMEM.
    pub fn open(&mut self, reactor: &mut Reactor, id: Id) -> io::Result<OwnedFd> {
        let (read, write) = fd::input_pipe()?;
        let token = reactor.add(Source::Stdin(id.0, id.1), write, Wants::ReadWrite).map_err(|(error, _)| error)?;
        self.insert(id, Way::Pipe(token));
        Ok(read)
    }

    /// Takes note of a run whose input is a terminal.
    pub fn of_terminal(&mut self, id: Id, terminal: Token) {
        self.insert(id, Way::Terminal(terminal));
    }

    fn insert(&mut self, id: Id, way: Way) {
        self.all.insert(id, Input { way, queue: VecDeque::new(), waiting: 0, writer: None });
    }

    /// Writes what waits, as far as there is room.
    fn serve(&mut self, reactor: &mut Reactor, id: Id) -> Answers {
        let mut answers = Vec::new();
        let Some(input) = self.all.get_mut(&id) else { return answers };
        while let Some(piece) = input.queue.front_mut() {
            match input.way.write(reactor, piece) {
                Ok(written) => {
                    input.waiting -= written;
                    piece.done += written;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return answers,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    answers.extend(input.close(reactor, "has closed its standard input, or ended"));
                    return answers;
                }
                Err(error) => {
                    let text = format!("cannot write to its standard input: {}", plain(&error));
                    answers.extend(input.refuse_all(&text));
                    return answers;
                }
            }
            if piece.done < piece.bytes.len() {
                continue;
            }
            let eof = piece.eof;
            answers.extend(input.queue.pop_front().map(|piece| (piece.ticket, Response::Done)));
            if eof && matches!(input.way, Way::Pipe(_)) {
                answers.extend(input.close(reactor, "has had the end of its standard input"));
            }
        }
        answers
    }

    /// A run has ended: what was not written will not be.
    pub fn over(&mut self, reactor: &mut Reactor, id: Id) -> Answers {
        let Some(mut input) = self.all.remove(&id) else { return Vec::new() };
        input.close(reactor, "ended before it had read all of it")
    }

    /// Clients are gone. What they have begun to write is written to its end, the rest is forgotten.
    pub fn forget(&mut self, client: ClientId) {
        for input in self.all.values_mut() {
            let waiting = &mut input.waiting;
            input.queue.retain(|piece| {
                let stays = piece.ticket.client != client || piece.done > 0;
                if !stays {
                    *waiting -= piece.bytes.len();
                }
                stays
            });
        }
    }

    /// Puts a request into the queue.
    fn push(&mut self, id: Id, piece: Piece) -> Result<(), String> {
        let Some(input) = self.all.get_mut(&id) else { return Err("has no standard input".to_owned()) };
        if let Way::Closed(why) = input.way {
            return Err(why.to_owned());
        }
        input.waiting += piece.bytes.len();
        input.queue.push_back(piece);
        Ok(())
    }

    /// Whether so much more may wait.
    fn has_room(&self, id: Id, bytes: usize) -> bool {
        self.all.get(&id).is_none_or(|input| input.queue.is_empty() || input.waiting + bytes <= WAITING_BYTES)
    }

    /// Takes note of who writes; whether it is somebody else than before.
    fn is_new_writer(&mut self, id: Id, pid: i32) -> bool {
        self.all.get_mut(&id).is_none_or(|input| input.writer.replace(pid) != Some(pid))
    }
}

impl Way {
    /// Writes more of a piece; how many bytes there was room for.
    fn write(self, reactor: &Reactor, piece: &Piece) -> io::Result<usize> {
        let (Way::Pipe(token) | Way::Terminal(token)) = self else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let slot = reactor.fd(token).ok_or(io::ErrorKind::BrokenPipe)?;
        match piece.bytes.get(piece.done..) {
            Some(rest @ [_, ..]) => match fd::write(slot, rest)? {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                written => Ok(written),
            },
            Some([]) | None => Ok(0),
        }
    }
}

impl Input {
    /// Ends it, and refuses what waits.
    fn close(&mut self, reactor: &mut Reactor, why: &'static str) -> Answers {
        if let Way::Pipe(token) = self.way {
            reactor.remove(token);
        }
        self.way = Way::Closed(why);
        self.refuse_all(why)
    }

    fn refuse_all(&mut self, why: &str) -> Answers {
        self.waiting = 0;
        let refused = |piece: Piece| {
            let text = format!("the process {why} ({} of {} bytes were written)", piece.done, piece.bytes.len());
            (piece.ticket, Response::Refused(Refusal::new(RefusalCode::Failed, text)))
        };
        self.queue.drain(..).map(refused).collect()
    }
}

impl Daemon {
    /// Answers `input`, when all of it has been written.
    pub(super) fn input(&mut self, ticket: Ticket, writer: i32, name: &str, mut bytes: Vec<u8>, eof: bool) {
        let id = match self.input_of(name) {
            Ok(id) => id,
            Err(refusal) => return self.reply(ticket, &Response::Refused(refusal)),
        };
        if !self.stdins.is_new_writer(id, writer) {
            // Each key that is pressed comes as a request of its own.
            self.audit.forget(ticket);
        }
        if let Some(terminal) = self.terminals.token(id).filter(|_| eof) {
            let end = self.reactor.fd(terminal).and_then(|master| pty::end_of_input(master).ok());
            bytes.extend(end);
        }
        if !self.stdins.has_room(id, bytes.len()) {
            let text = format!("{} does not read: {} KiB wait for it already", quoted(name), WAITING_BYTES >> 10);
            return self.reply(ticket, &Response::Refused(Refusal::new(RefusalCode::Busy, text)));
        }
        match self.stdins.push(id, Piece { ticket, bytes, done: 0, eof }) {
            Ok(()) => self.serve_stdin(id),
            Err(why) => {
                let refusal = Refusal::new(RefusalCode::Failed, format!("{} {why}", quoted(name)));
                self.reply(ticket, &Response::Refused(refusal));
            }
        }
    }

    /// Answers `resize`.
    pub(super) fn resize(&mut self, name: &str, rows: u16, columns: u16) -> Result<Response, Refusal> {
        let id = self.input_of(name)?;
        let failed = |text| Refusal::new(RefusalCode::Failed, text);
        let token = self.terminals.token(id);
        let terminal = token.and_then(|token| self.reactor.fd(token));
        let terminal =
            terminal.ok_or_else(|| failed(format!("{} has no terminal: set \"tty: true\"", quoted(name))))?;
        pty::set_size(terminal, Size { rows, columns })
            .map_err(|error| failed(format!("cannot resize the terminal of {}: {}", quoted(name), plain(&error))))?;
        Ok(Response::Done)
    }

    /// Writes what waits for a run.
    pub(super) fn serve_stdin(&mut self, id: Id) {
        let answers = self.stdins.serve(&mut self.reactor, id);
        self.answer_input(answers);
    }

    /// The leader of a run has ended, and reads no more.
    pub(super) fn end_stdin(&mut self, id: Id) {
        let answers = self.stdins.over(&mut self.reactor, id);
        self.answer_input(answers);
    }

    fn answer_input(&mut self, answers: Answers) {
        for (ticket, response) in answers {
            self.reply(ticket, &response);
        }
    }

    /// The input of the one process that is meant, as its live run has it.
    fn input_of(&self, name: &str) -> Result<Id, Refusal> {
        let key = self.one_process(name)?;
        let failed = |text: String| Err(Refusal::new(RefusalCode::Failed, text));
        let Some(member) = self.fleet.member(key) else { return failed(format!("{} is gone", quoted(name))) };
        let shown = quoted(name);
        let state = member.inst.name().text();
        match member.inst.live() {
            None => failed(format!("{shown} does not run, it is {state} (\"start\" starts it)")),
            Some(live) if self.stdins.all.contains_key(&(key, live.run)) => Ok((key, live.run)),
            Some(_) if takes_input(&member.program) => failed(format!("{shown} does not read now, it is {state}")),
            Some(_) => failed(format!("stdin of {shown} is not piped: set \"stdin: pipe\" or \"tty: true\"")),
        }
    }

    /// Gives a run its standard input, if that is a pipe.
    pub(super) fn input_end(
        &mut self,
        id: Id,
        program: &Program,
        owner: Option<&Credentials>,
    ) -> io::Result<Option<OwnedFd>> {
        match program.stdin {
            Stdin::Null => Ok(None),
            Stdin::Pipe => {
                let end = self.stdins.open(&mut self.reactor, id)?;
                if let Some(owner) = owner {
                    // So that the program may open /dev/stdin.
                    fd::give_to(end.as_fd(), owner.uid, owner.gid)?;
                }
                Ok(Some(end))
            }
        }
    }
}

fn takes_input(program: &Program) -> bool {
    program.tty || program.stdin == Stdin::Pipe
}
