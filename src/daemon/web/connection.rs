//! One connection of HTTP: what was read and is not yet understood, what was asked and is not yet answered, and what waits
//! to be sent. It reads and writes its own socket; what a request means is decided by `serve`, and who may stay by
//! `daemon::web` for all together.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::time::Mono;
use crate::control::calls::Calls;
use crate::control::message::Refusal;
use crate::daemon::outbox::Outbox;
use crate::daemon::reactor::{Reactor, Token, Wants};
use crate::daemon::who::Caller;
use crate::sys::{fd, tcp};
use crate::web::answer::{self, Form};
use crate::web::http::{HEAD_BYTES, Reader};
use crate::web::reply::How;
use crate::web::socket::Socket;

/// How much is read from one connection in one turn.
const READ_BUDGET_BYTES: usize = 64 << 10;

/// How long a request may take to arrive, from its first byte on.
const REQUEST_LIMIT: Duration = Duration::from_secs(20);

/// How long a connection may be idle between two requests.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// How long an answer may be left unread.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// How long a client that is told that it is over may take to close its side, so that it can read why.
const LINGER_LIMIT: Duration = Duration::from_secs(2);

/// What is spoken.
#[derive(Debug)]
pub(super) enum Talk {
    /// Requests, one after the other.
    Http { reader: Reader, open: Option<Open> },
    /// An answer that has no end.
    Stream { number: u64, form: Form },
    /// A WebSocket.
    Socket { socket: Box<Socket>, calls: Calls },
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Open {
    /// How its answer is sent.
    pub(super) how: How,
    /// What is waited for.
    pub(super) waits: Waits,
}

#[derive(Debug)]
pub(super) enum Waits {
    /// One answer.
    One { number: u64, form: Form },
    /// The answers to the calls in a body.
    Calls(Calls),
    /// The time at which a wrong token is answered.
    Late,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It does.
    Open,
    /// Nothing more is taken; what waits is sent.
    Closing,
    /// All is sent, and the sending side closed. What still comes is thrown away.
    Lingering,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) token: Token,
    pub(super) caller: Arc<Caller>,
    /// Our address; `None` for a Unix socket.
    pub(super) local: Option<IpAddr>,
    pub(super) talk: Talk,
    /// Whether it has shown the token. Of HTTP this is known of each request alone.
    pub(super) by_token: bool,
    pub(super) next_number: u64,
    pub(super) out: Outbox,
    /// How much was held for it when that was last counted.
    pub(super) held: usize,
    /// When something was last done with it: bytes taken, a request begun or ended.
    pub(super) since: Mono,
    pub(super) wants: Wants,
    pub(super) stage: Stage,
    /// There may be something to read that nobody will announce.
    pub(super) unread: bool,
    /// It has closed its sending side.
    pub(super) ended: bool,
    /// The status of an answer that is not counted yet.
    pub(super) answered: Option<u16>,
    /// When it is looked at next without a reason.
    pub(super) deadline: Option<Mono>,
}

impl Connection {
    /// A connection that was just made.
    pub(super) fn new(token: Token, caller: Caller, local: Option<IpAddr>, now: Mono) -> Connection {
        Connection {
            token,
            caller: Arc::new(caller),
            local,
            talk: Talk::Http { reader: Reader::default(), open: None },
            by_token: false,
            next_number: 1,
            out: Outbox::default(),
            held: 0,
            since: now,
            wants: Wants::Read,
            stage: Stage::Open,
            unread: false,
            ended: false,
            answered: None,
            deadline: None,
        }
    }

    /// How much is held for it.
    pub(super) fn holds(&self) -> usize {
        let within = match &self.talk {
            Talk::Http { reader, open } => {
                let calls = match open {
                    Some(Open { waits: Waits::Calls(calls), .. }) => calls.held(),
                    Some(Open { waits: Waits::One { .. } | Waits::Late, .. }) | None => 0,
                };
                reader.pending() + calls
            }
            Talk::Stream { .. } => 0,
            Talk::Socket { socket, calls } => socket.pending() + calls.held(),
        };
        self.out.waiting() + within
    }

    /// Whether nothing is under way: the first to go if there is no room.
    pub(super) fn is_idle(&self) -> bool {
        let nothing = |open: &Option<Open>| open.as_ref().is_none_or(|open| matches!(open.waits, Waits::Late));
        matches!(&self.talk, Talk::Http { open, .. } if nothing(open)) && self.out.waiting() == 0
    }

    /// Whether the next request may be here already, or the end.
    pub(super) fn may_go_on(&self) -> bool {
        let pending = match &self.talk {
            Talk::Http { reader, .. } => reader.pending() > 0,
            Talk::Stream { .. } => false,
            Talk::Socket { socket, .. } => socket.pending() > 0,
        };
        pending || self.unread || self.ended
    }

    /// Whether the next request may be looked at.
    pub(super) fn has_room(&self, pause: usize) -> bool {
        let within = match &self.talk {
            Talk::Http { open, .. } => open.is_none(),
            Talk::Stream { .. } => false,
            Talk::Socket { calls, .. } => calls.has_room(),
        };
        within && self.stage == Stage::Open && self.out.waiting() <= pause
    }

    /// Whether enough was read for now.
    fn is_full(&self) -> bool {
        match &self.talk {
            Talk::Http { reader, open } => reader.is_full() || (open.is_some() && reader.pending() > HEAD_BYTES),
            Talk::Stream { .. } => false,
            Talk::Socket { socket, .. } => socket.pending() > 2 * HEAD_BYTES,
        }
    }

    /// Reads up to the budget, as long as there is room for it.
    pub(super) fn receive(&mut self, reactor: &Reactor, now: Mono) -> io::Result<()> {
        let mut buffer = [0u8; 16 << 10];
        let mut budget = READ_BUDGET_BYTES;
        self.unread = true;
        while !self.ended && budget > 0 && !self.is_full() {
            let Some(socket) = reactor.fd(self.token) else { return Ok(()) };
            match fd::read(socket, &mut buffer) {
                Ok(0) => self.ended = true,
                Ok(n) => {
                    budget = budget.saturating_sub(n);
                    self.take_in(buffer.get(..n).unwrap_or_default(), now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.unread = false;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unread &= !self.ended;
        Ok(())
    }

    fn take_in(&mut self, bytes: &[u8], now: Mono) {
        if self.stage != Stage::Open {
            return;
        }
        match &mut self.talk {
            Talk::Http { reader, open } => {
                if open.is_none() && !reader.is_within() {
                    self.since = now;
                }
                reader.feed(bytes);
            }
            // Nobody has anything to say here.
            Talk::Stream { .. } => {}
            Talk::Socket { socket, .. } => socket.feed(bytes),
        }
    }

    /// Sends what the socket takes.
    pub(super) fn send(&mut self, reactor: &Reactor, now: Mono) -> io::Result<bool> {
        let Some(socket) = reactor.fd(self.token) else { return Ok(false) };
        let progress = self.out.send(socket)? > 0;
        if progress {
            self.since = now;
        }
        Ok(progress)
    }

    /// Ends the connection: what waits is sent, and then the client may read it in peace.
    pub(super) fn end(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Closing;
        }
    }

    /// Once all is sent of a connection that ends, says so to the other side. Whether it is over.
    pub(super) fn is_over(&mut self, reactor: &Reactor, now: Mono) -> bool {
        if self.stage == Stage::Closing && self.out.waiting() == 0 {
            self.stage = Stage::Lingering;
            self.since = now;
            let socket = reactor.fd(self.token);
            if socket.is_none_or(|socket| tcp::end_sending(socket).is_err()) {
                return true;
            }
        }
        let quiet = match &self.talk {
            Talk::Http { open, .. } => open.is_none() && self.out.waiting() == 0,
            // Who has closed one side of these has closed both.
            Talk::Stream { .. } | Talk::Socket { .. } => true,
        };
        self.ended && quiet
    }

    /// When its patience is over, or ours.
    pub(super) fn patience(&self) -> Option<Mono> {
        let limit = match (&self.talk, self.stage) {
            (_, Stage::Lingering) => LINGER_LIMIT,
            _ if self.out.waiting() > 0 => STALL_LIMIT,
            (Talk::Http { open: None, reader }, _) if reader.is_within() => REQUEST_LIMIT,
            (Talk::Http { open: None, .. }, _) => IDLE_LIMIT,
            (Talk::Http { open: Some(_), .. } | Talk::Stream { .. } | Talk::Socket { .. }, _) => return None,
        };
        Some(self.since.after(limit))
    }

    /// Ends what follows answers; the client is told why, and nothing more is taken from it.
    pub(super) fn end_streams(&mut self, reason: &Refusal) {
        match &mut self.talk {
            Talk::Http { .. } => {}
            Talk::Stream { form, .. } => answer::write_end(*form, reason, self.out.end()),
            Talk::Socket { socket, calls } => {
                for text in calls.end_streams(reason) {
                    socket.say(text);
                }
                socket.end("too slow, or no longer allowed");
                socket.take_out(self.out.end());
            }
        }
        self.end();
    }
}
