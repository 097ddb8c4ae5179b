//! The terminals of programs: what is shown on them goes into their logs.
//!
//! The daemon reads a terminal in bounded pieces and writes them into a pipe of its own, the other end of which is an output
//! pipe like any other. So rotation, failing disks and back pressure are those of all output: when the pipe is full the
//! terminal is not read, and its program waits. What is typed goes the other way, in `stdin`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::base::id::{Key, Run, Stream};
use crate::config::expand::Blueprint;
use crate::config::model::Program;
use crate::sys::pty::{self, Pty, Size};
use crate::sys::spawn::{Credentials, Failed};
use crate::sys::{fd, spawn};

use super::output::Writer;
use super::reactor::{Reactor, Source, Token, Wants};
use super::run::Daemon;
use super::stdin::Id;
use crate::base::stage::Stage;

/// The size that a terminal has at first.
const FIRST_SIZE: Size = Size { rows: 24, columns: 80 };

/// How much is read at once: what a pipe that is not full has room for.
const PIECE_BYTES: usize = 4096;

/// How much one terminal may show in one turn. Then everybody else is served.
const READ_BUDGET_BYTES: usize = 256 << 10;

/// How much a run may have left in its terminal at its end. The kernel keeps less; what is more is somebody else's.
const LEFT_BYTES: usize = 1 << 20;

#[derive(Debug)]
struct Terminal {
    token: Token,
    /// Where it goes; `None` if it is discarded.
    log: Option<OwnedFd>,
    /// What was read and has not been taken by the pipe.
    held: Vec<u8>,
    /// The run is over: the end of the terminal is awaited. Before that a terminal that nobody has open may be opened again.
    over: bool,
}

/// What came of reading a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// There is nothing more for now.
    Empty,
    /// Nobody has it open.
    Unused,
    /// The budget is used up.
    More,
    /// The pipe has no room.
    Full,
}

/// All terminals.
#[derive(Debug, Default)]
pub struct Terminals {
    all: BTreeMap<Id, Terminal>,
    /// Terminals that had more than their budget in the last turn.
    again: BTreeSet<Id>,
    /// Terminals whose pipe had no room.
    full: BTreeSet<Id>,
}

impl Terminals {
    /// Takes over the daemon's end of a terminal.
    fn add(&mut self, reactor: &mut Reactor, id: Id, master: OwnedFd, log: Option<OwnedFd>) -> io::Result<Token> {
        let source = Source::Terminal(id.0, id.1);
        let token = reactor.add(source, master, Wants::ReadWrite).map_err(|(error, _)| error)?;
        self.all.insert(id, Terminal { token, log, held: Vec::new(), over: false });
        Ok(token)
    }

    /// The slot of a run's terminal.
    #[must_use]
    pub fn token(&self, id: Id) -> Option<Token> {
        self.all.get(&id).map(|terminal| terminal.token)
    }

    /// Gives up the terminal of a run that has no process.
    pub fn cancel(&mut self, reactor: &mut Reactor, id: Id) {
        if let Some(terminal) = self.all.remove(&id) {
            reactor.remove(terminal.token);
        }
        self.again.remove(&id);
        self.full.remove(&id);
    }

    /// Whether a terminal has more than its budget: then the next poll must not wait.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.again.is_empty()
    }

    /// Moves what is shown into the pipe, up to the budget; how much that was.
    fn carry(&mut self, reactor: &mut Reactor, id: Id, budget: usize) -> usize {
        let Some(terminal) = self.all.get_mut(&id) else { return 0 };
        let (moved, read) = terminal.carry(reactor, budget);
        self.again.remove(&id);
        self.full.remove(&id);
        match read {
            Read::Empty => {}
            Read::More => drop(self.again.insert(id)),
            Read::Full => drop(self.full.insert(id)),
            // With the pipe's end its log is at its end as well.
            Read::Unused if terminal.over => self.cancel(reactor, id),
            Read::Unused => {}
        }
        moved
    }
}

impl Terminals {
    /// Has a terminal served again if its pipe has room by now. Nobody else would tell: the pipe is emptied here.
    fn unblock(&mut self, id: Id) {
        if self.full.contains(&id) && self.all.get_mut(&id).is_some_and(Terminal::hand_on) {
            self.full.remove(&id);
            self.again.insert(id);
        }
    }
}

impl Terminal {
    fn carry(&mut self, reactor: &Reactor, budget: usize) -> (usize, Read) {
        let mut moved = 0;
        let mut room = [0; PIECE_BYTES];
        loop {
            if !self.hand_on() {
                return (moved, Read::Full);
            }
            if moved >= budget {
                return (moved, Read::More);
            }
            let Some(master) = reactor.fd(self.token) else { return (moved, Read::Unused) };
            match pty::read(master, &mut room) {
                Ok(0) => return (moved, Read::Unused),
                Ok(n) => {
                    moved += n;
                    self.held.extend_from_slice(room.get(..n).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (moved, Read::Empty),
                Err(_) => return (moved, Read::Unused),
            }
        }
    }

    /// Writes what is held into the pipe; whether all of it found room.
    fn hand_on(&mut self) -> bool {
        while !self.held.is_empty() {
            let Some(log) = &self.log else {
                self.held.clear();
                break;
            };
            match fd::write(log.as_fd(), &self.held) {
                Ok(n) => drop(self.held.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }
}

impl Daemon {
    /// Makes a terminal for a run; the end that the child gets.
    pub(super) fn open_terminal(
        &mut self,
        id: Id,
        program: &Program,
        blueprint: &Blueprint,
        owner: Option<&Credentials>,
    ) -> Result<OwnedFd, Failed> {
        let (key, run) = id;
        let failed = |error: io::Error| spawn::Failed::new(Stage::Pty, &error);
        let Pty { master, slave } = Pty::open(FIRST_SIZE).map_err(failed)?;
        if let Some(owner) = owner {
            pty::give_to(slave.as_fd(), owner.uid).map_err(failed)?;
        }
        let output = (Writer::Run(key, run), Stream::Stdout);
        let log = self.output_end(output, key, &blueprint.stdout, program);
        let log = log.map_err(|error| Failed::new(Stage::Pipe, &error))?;
        if let Some(end) = &log {
            fd::set_nonblocking(end.as_fd()).map_err(failed)?;
        }
        let token = self.terminals.add(&mut self.reactor, id, master, log).map_err(failed)?;
        self.stdins.of_terminal(id, token);
        Ok(slave)
    }

    /// Something happened at a terminal: it shows something, or there is room for what is typed.
    pub(super) fn serve_terminal(&mut self, id: Id) {
        self.serve_stdin(id);
        self.read_terminal(id);
    }

    /// Moves what a terminal shows into its log.
    fn read_terminal(&mut self, id: Id) {
        if self.terminals.carry(&mut self.reactor, id, READ_BUDGET_BYTES) > 0 {
            let output = (Writer::Run(id.0, id.1), Stream::Stdout);
            self.outputs.serve(&mut self.reactor, &mut self.files, output, self.now);
            self.terminals.unblock(id);
        }
    }

    /// Serves the terminals that were left over from the last turn, and those whose pipe may have room again.
    pub(super) fn serve_terminals_due(&mut self) {
        let again = std::mem::take(&mut self.terminals.again);
        let full = std::mem::take(&mut self.terminals.full);
        for id in again.into_iter().chain(full) {
            self.read_terminal(id);
        }
    }

    /// Moves what a run has written up to now into its logs, however much it is: before its end is reported, this is there.
    pub(super) fn drain_run(&mut self, id: Id) {
        let (key, run) = id;
        self.outputs.drain(&mut self.reactor, &mut self.files, Writer::Run(key, run), self.now);
        let Some(terminal) = self.terminals.all.get_mut(&id) else { return };
        terminal.over = true;
        let mut left = LEFT_BYTES;
        while left > 0 {
            let moved = self.terminals.carry(&mut self.reactor, id, left.min(READ_BUDGET_BYTES));
            left = left.saturating_sub(moved);
            self.outputs.drain(&mut self.reactor, &mut self.files, Writer::Run(key, run), self.now);
            if moved == 0 {
                break;
            }
        }
    }

    /// Moves what terminals show into their logs for the last time: the daemon leaves.
    pub(super) fn finish_terminals(&mut self) {
        for (key, run) in self.terminals.all.keys().copied().collect::<Vec<(Key, Run)>>() {
            self.drain_run((key, run));
        }
    }
}
