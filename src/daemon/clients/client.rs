//! One connection: what was read and is not yet understood, what was asked and is not yet answered, and what waits to be
//! sent. It reads and writes its own socket; who may stay is decided for all clients together.

use std::collections::BTreeMap;
use std::io;

use crate::base::time::Mono;
use crate::control::command::Right;
use crate::control::frame::{Lines, REQUEST_BYTES};
use crate::control::jsonrpc::{Call, Id};
use crate::control::message::{Refusal, RefusalCode, Request, Response};
use crate::control::render::Clock;
use crate::control::wire::{self, Message};
use crate::daemon::outbox::Outbox;
use crate::daemon::reactor::{Reactor, Token, Wants};
use crate::sys::fd;
use crate::sys::sock::Peer;

/// How much is read from one client in one turn.
const READ_BUDGET_BYTES: usize = 64 << 10;

/// How a request wants to be answered.
#[derive(Debug)]
pub(super) enum Form {
    /// A line of words.
    Text,
    /// A call, alone or of a batch. Without an id it is a notification, which gets no answer.
    Json { id: Option<Id>, batch: Option<u64> },
    /// It has its answer, and events follow: in text, or as notifications that name the call.
    Stream(Option<Id>),
}

/// A batch of JSON-RPC calls that are not all answered.
#[derive(Debug)]
struct Batch {
    open: usize,
    /// The answers up to now, as they will be sent.
    answers: Vec<u8>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) token: Token,
    pub(super) peer: Peer,
    pub(super) lines: Lines,
    /// Requests that are not answered, by ticket number.
    pub(super) open: BTreeMap<u64, Form>,
    batches: BTreeMap<u64, Batch>,
    next_number: u64,
    pub(super) out: Outbox,
    /// How much was held for it when that was last counted.
    pub(super) held: usize,
    /// When the client last took something of a waiting answer; `Some` iff there is one.
    pub(super) stalled_since: Option<Mono>,
    pub(super) last_request: Mono,
    pub(super) wants: Wants,
    /// Requests were left in the buffer because too much answer waits.
    pub(super) paused: bool,
    /// It has closed its sending side.
    pub(super) ended: bool,
    /// No more requests are taken; it is closed when everything is sent.
    pub(super) closing: bool,
    /// All groups of its process.
    pub(super) groups: Vec<u32>,
    /// What its user may do. If that is nothing, the first request, which is refused, is its last.
    pub(super) right: Option<Right>,
}

impl Client {
    /// A connection that was just made.
    pub(super) fn new(token: Token, peer: Peer, groups: Vec<u32>, right: Option<Right>, now: Mono) -> Client {
        Client {
            token,
            peer,
            lines: Lines::default(),
            open: BTreeMap::new(),
            batches: BTreeMap::new(),
            next_number: 1,
            out: Outbox::default(),
            held: 0,
            stalled_since: None,
            last_request: now,
            wants: Wants::Read,
            paused: false,
            ended: false,
            closing: false,
            right,
            groups,
        }
    }

    /// How much is held for it.
    pub(super) fn holds(&self) -> usize {
        self.out.waiting()
            + self.lines.pending()
            + self.batches.values().map(|batch| batch.answers.len()).sum::<usize>()
    }

    pub(super) fn has_text_open(&self) -> bool {
        self.open.values().any(|form| matches!(form, Form::Text | Form::Stream(None)))
    }

    pub(super) fn follows(&self) -> bool {
        self.open.values().any(|form| matches!(form, Form::Stream(_)))
    }

    pub(super) fn only_streams(&self) -> bool {
        self.open.values().all(|form| matches!(form, Form::Stream(_)))
    }

    /// Ends the streams of a client that does not keep up: it is told, and closed when it has read that.
    pub(super) fn fall_behind(&mut self) {
        let text = "this client does not read fast enough: ask again, from where it was";
        self.end_streams(Refusal::new(RefusalCode::Busy, text));
    }

    /// Reads up to the budget, as long as the buffer has room. Whether there may be more that nobody will announce;
    /// with a full buffer that is found out when the next answer has made room.
    pub(super) fn receive(&mut self, reactor: &Reactor) -> io::Result<bool> {
        let mut buffer = [0u8; 16 << 10];
        let mut budget = READ_BUDGET_BYTES;
        while !self.ended && budget > 0 && self.lines.pending() <= 2 * REQUEST_BYTES {
            let Some(socket) = reactor.fd(self.token) else { return Ok(false) };
            match fd::read(socket, &mut buffer) {
                Ok(0) => {
                    self.ended = true;
                    self.lines.finish();
                }
                Ok(n) => {
                    budget = budget.saturating_sub(n);
                    // What a client still sends while it is being sent away is not kept.
                    if !self.closing {
                        self.lines.feed(buffer.get(..n).unwrap_or_default());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(!self.ended && budget == 0)
    }

    /// Takes note of the requests of a message, each under a number of its own. What cannot be understood is answered.
    pub(super) fn understand(&mut self, message: Message) -> Vec<(u64, Request)> {
        let (calls, batch) = match message {
            Message::Text(Ok(request)) => return vec![(self.note(Form::Text), request)],
            Message::Text(Err(refusal)) => {
                wire::write_text(&Response::Refused(refusal), &Clock::default(), self.out.end());
                return Vec::new();
            }
            Message::Json { calls, batch } => (calls, batch),
        };
        let batch = batch.then(|| {
            let number = self.next_number;
            self.next_number += 1;
            self.batches.insert(number, Batch { open: calls.len(), answers: Vec::new() });
            number
        });
        let mut understood = Vec::new();
        for Call { id, request } in calls {
            match request {
                Ok(request) => understood.push((self.note(Form::Json { id, batch }), request)),
                Err(refusal) => self.answer_json(id, batch, &Response::Refused(refusal)),
            }
        }
        understood
    }

    fn note(&mut self, form: Form) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.open.insert(number, form);
        number
    }

    /// Answers a call; the answers of a batch gather until it is complete.
    pub(super) fn answer_json(&mut self, id: Option<Id>, batch: Option<u64>, response: &Response) {
        let Some(number) = batch else {
            if let Some(id) = id {
                wire::write_json(&id, response, self.out.end());
            }
            return;
        };
        let Some(batch) = self.batches.get_mut(&number) else { return };
        batch.open = batch.open.saturating_sub(1);
        if let Some(id) = id {
            wire::add_to_batch(&id, response, &mut batch.answers);
        }
        if batch.open == 0
            && let Some(batch) = self.batches.remove(&number)
        {
            wire::write_batch(&batch.answers, self.out.end());
        }
    }

    /// Sends what the socket takes; how much that was.
    pub(super) fn send(&mut self, reactor: &Reactor) -> io::Result<usize> {
        reactor.fd(self.token).map_or(Ok(0), |socket| self.out.send(socket))
    }
}
