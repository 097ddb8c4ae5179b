//! Everything that is polled: a slab of slots, each of which owns one descriptor and says what it means.
//!
//! The slot owns the descriptor, so it is registered exactly as long as it is open. A token is a slot's number and its
//! generation; removing a slot makes its old tokens unknown, so an event that was already under way is skipped. There
//! are no reserved tokens: listener, signals and timer are slots like any other. The only file that names mio.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};

use crate::base::id::{ClientId, Key, Run, Stream, TaskId};
use crate::supervise::health::CheckNumber;

use super::output::Writer;

/// What a descriptor is. The order is the order in which a turn serves them: exits before commands, so that a command
/// sees the world as it is; output last, because it is the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The status pipe of a spawn: what became of `execve`.
    ExecStatus(Key, Run),
    /// The pidfd of a live run's leader.
    Child(Key, Run),
    /// The pidfd of a member of a group whose leader is gone.
    Straggler(Key, Run),
    /// The pidfd of a task.
    Task(TaskId),
    /// The signalfd.
    Signals,
    /// The timerfd.
    Timer,
    /// The timerfd that tells when the wall clock is set.
    ClockSet,
    /// The connection of a check.
    Check(Key, CheckNumber),
    /// The socket to which a run sends messages about itself.
    Notify(Key, Run),
    /// The pipe by which a run says that it is ready or well, as one of its descriptors.
    Notice(Key, Run, u32),
    /// The pidfd of a process that a run has named as its main one.
    MainProcess(Key, Run),
    /// The control socket.
    Listener,
    /// A connection to the control socket.
    Client(ClientId),
    /// A listening socket of HTTP, by its number.
    #[cfg_attr(not(feature = "web"), allow(dead_code))]
    WebListener(u16),
    /// A connection of HTTP.
    #[cfg_attr(not(feature = "web"), allow(dead_code))]
    Web(ClientId),
    /// A socket of programs at which somebody waits for the first connection, by its number. After the commands: one that
    /// is stopped at the same moment is not started any more.
    Demand(u32),
    /// The write end of a run's input pipe.
    Stdin(Key, Run),
    /// The terminal of a run.
    Terminal(Key, Run),
    /// A connection by which an event is told.
    Delivery(u64),
    /// The read end of the output pipe of a task whose output is kept.
    TaskOutput(TaskId),
    /// The daemon's own standard output or standard error, while there is no room.
    Console(Stream),
    /// The read end of the output pipe of a run or a task.
    Output(Writer, Stream),
}

/// Names a slot as long as it is not removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(usize);

// A token holds a slot number and a generation of 32 bits each.
const _: () = assert!(usize::BITS == 64);

impl Token {
    fn new(slot: u32, generation: u32) -> Token {
        Token((generation as usize) << 32 | slot as usize)
    }

    fn slot(self) -> usize {
        self.0 & 0xffff_ffff
    }

    fn generation(self) -> usize {
        self.0 >> 32
    }
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Something to read, or the end.
    Read,
    /// Room to write.
    Write,
    /// Either.
    ReadWrite,
}

impl Wants {
    fn interest(self) -> Interest {
        match self {
            Wants::Read => Interest::READABLE,
            Wants::Write => Interest::WRITABLE,
            Wants::ReadWrite => Interest::READABLE.add(Interest::WRITABLE),
        }
    }
}

/// A slot at which something has happened. Whether it is readable or writable is found out by trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready {
    /// What it is.
    pub source: Source,
    /// Which slot.
    pub token: Token,
}

#[derive(Debug)]
struct Entry {
    source: Source,
    fd: OwnedFd,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    entry: Option<Entry>,
}

/// The poll and its slots.
#[derive(Debug)]
pub struct Reactor {
    poll: Poll,
    events: Events,
    slots: Vec<Slot>,
    free: Vec<u32>,
}

/// How many events one poll takes; the rest comes with the next.
const EVENTS_PER_POLL: usize = 1024;

impl Reactor {
    /// An empty reactor.
    ///
    /// # Errors
    /// epoll_create1(2).
    pub fn new() -> io::Result<Reactor> {
        Ok(Reactor {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_PER_POLL),
            slots: Vec::new(),
            free: Vec::new(),
        })
    }

    /// Takes over a descriptor and polls it. What has already happened to it is reported by the next poll.
    ///
    /// # Errors
    /// epoll_ctl(2): ENOMEM, ENOSPC. The descriptor comes back.
    pub fn add(&mut self, source: Source, fd: OwnedFd, wants: Wants) -> Result<Token, (io::Error, OwnedFd)> {
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let Some(slot) = self.slots.get_mut(number as usize) else {
            return Err((io::Error::from_raw_os_error(24), fd));
        };
        let token = Token::new(number, slot.generation);
        match self.poll.registry().register(&mut SourceFd(&fd.as_raw_fd()), mio::Token(token.0), wants.interest()) {
            Ok(()) => {
                slot.entry = Some(Entry { source, fd });
                Ok(token)
            }
            Err(error) => {
                self.free.push(number);
                Err((error, fd))
            }
        }
    }

    /// Stops polling a descriptor and hands it back; dropped, it is closed. Deregistering comes first: an epoll entry
    /// outlives its descriptor as long as a copy of it is open, such as in a child on its way to `execve`.
    pub fn remove(&mut self, token: Token) -> Option<OwnedFd> {
        let slot = self.slots.get_mut(token.slot())?;
        if slot.generation as usize != token.generation() {
            return None;
        }
        let entry = slot.entry.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(u32::try_from(token.slot()).unwrap_or(u32::MAX));
        // It was registered, so this fails only if the kernel has lost it, and then there is nothing to undo.
        let _ = self.poll.registry().deregister(&mut SourceFd(&entry.fd.as_raw_fd()));
        Some(entry.fd)
    }

    /// Waits for something else at a slot from now on.
    ///
    /// # Errors
    /// epoll_ctl(2).
    pub fn change(&mut self, token: Token, wants: Wants) -> io::Result<()> {
        match self.entry(token) {
            Some(entry) => {
                let fd = entry.fd.as_raw_fd();
                self.poll.registry().reregister(&mut SourceFd(&fd), mio::Token(token.0), wants.interest())
            }
            None => Ok(()),
        }
    }

    /// The descriptor of a slot, to use it for one call.
    #[must_use]
    pub fn fd(&self, token: Token) -> Option<BorrowedFd<'_>> {
        self.entry(token).map(|entry| entry.fd.as_fd())
    }

    fn entry(&self, token: Token) -> Option<&Entry> {
        let slot = self.slots.get(token.slot())?;
        slot.entry.as_ref().filter(|_| slot.generation as usize == token.generation())
    }

    /// Waits until something happens, at most `timeout`, and appends it to `ready` in the order of service.
    ///
    /// # Errors
    /// epoll_wait(2), except that an interruption is nothing.
    pub fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in &self.events {
            let token = Token(event.token().0);
            if let Some(entry) = self.entry(token) {
                ready.push(Ready { source: entry.source, token });
            }
        }
        ready.sort_unstable();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fd;

    fn output(n: u32) -> Source {
        Source::Output(Writer::Run(Key(n), Run(1)), Stream::Stdout)
    }

    #[test]
    fn a_removed_slot_forgets_its_tokens() {
        let mut reactor = Reactor::new().unwrap();
        let (read, write) = fd::pipe().unwrap();
        let old = reactor.add(output(1), read, Wants::Read).unwrap();
        assert!(reactor.fd(old).is_some());
        drop(write);
        drop(reactor.remove(old));
        let (read, write) = fd::pipe().unwrap();
        let new = reactor.add(output(2), read, Wants::Read).unwrap();
        assert_eq!(old.slot(), new.slot());
        assert_ne!(old, new);
        assert!(reactor.fd(old).is_none() && reactor.remove(old).is_none());
        let mut ready = Vec::new();
        reactor.wait(Some(Duration::ZERO), &mut ready).unwrap();
        assert_eq!(ready, []);
        fd::write(write.as_fd(), b"x").unwrap();
        reactor.wait(Some(Duration::ZERO), &mut ready).unwrap();
        assert_eq!(ready, [Ready { source: output(2), token: new }]);
    }

    #[test]
    fn the_end_of_a_pipe_is_reported() {
        let mut reactor = Reactor::new().unwrap();
        let (read, write) = fd::pipe().unwrap();
        reactor.add(output(1), read, Wants::Read).unwrap();
        drop(write);
        let mut ready = Vec::new();
        reactor.wait(None, &mut ready).unwrap();
        assert_eq!(ready.len(), 1);
    }

    #[test]
    fn events_come_in_the_order_of_service() {
        let mut reactor = Reactor::new().unwrap();
        let mut keep = Vec::new();
        for source in [output(1), Source::Timer, Source::Child(Key(9), Run(1)), Source::Client(ClientId(1))] {
            let (read, write) = fd::pipe().unwrap();
            reactor.add(source, read, Wants::Read).unwrap();
            fd::write(write.as_fd(), b"x").unwrap();
            keep.push(write);
        }
        let mut ready = Vec::new();
        reactor.wait(None, &mut ready).unwrap();
        let sources: Vec<Source> = ready.iter().map(|r| r.source).collect();
        assert_eq!(sources, [Source::Child(Key(9), Run(1)), Source::Timer, Source::Client(ClientId(1)), output(1)]);
    }
}
