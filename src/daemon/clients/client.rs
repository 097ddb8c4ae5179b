//! One connection: what was read and is not yet understood, what was asked and is not yet answered, and what waits to be
//! sent. It reads and writes its own socket; who may stay is decided for all clients together.

use std::io;

use crate::base::time::Mono;
use crate::control::calls::{Answer, Calls};
use crate::control::command::Right;
use crate::control::frame::{Lines, REQUEST_BYTES};
use crate::control::message::{Refusal, RefusalCode, Request, Response};
use crate::control::render::Clock;
use crate::control::wire::{self, Message};
use crate::daemon::outbox::Outbox;
use crate::daemon::reactor::{Reactor, Token, Wants};
use crate::sys::fd;
use crate::sys::sock::Peer;

/// How much is read from one client in one turn.
const READ_BUDGET_BYTES: usize = 64 << 10;

/// A request in words. They are answered one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// Under which it is answered.
    pub(super) number: u64,
    /// It has its answer, and what happens later follows.
    pub(super) streams: bool,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) token: Token,
    pub(super) peer: Peer,
    pub(super) lines: Lines,
    /// The request in words that is under way.
    pub(super) words: Option<Words>,
    /// The calls that are.
    pub(super) calls: Calls,
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
            words: None,
            calls: Calls::default(),
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
        self.out.waiting() + self.lines.pending() + self.calls.held()
    }

    /// How many requests are under way.
    pub(super) fn open(&self) -> usize {
        self.calls.open() + usize::from(self.words.is_some())
    }

    /// Whether it is told what happens.
    pub(super) fn follows(&self) -> bool {
        self.words.is_some_and(|words| words.streams) || self.calls.follow()
    }

    /// Whether nothing is under way but that.
    pub(super) fn only_follows(&self) -> bool {
        self.words.is_none_or(|words| words.streams) && self.calls.only_follow()
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
        match message {
            Message::Text(Ok(request)) => {
                let number = self.next_number;
                self.next_number += 1;
                self.words = Some(Words { number, streams: false });
                vec![(number, request)]
            }
            Message::Text(Err(refusal)) => {
                wire::write_text(&Response::Refused(refusal), &Clock::default(), self.out.end());
                Vec::new()
            }
            Message::Json { calls, batch } => {
                let mut answers = Vec::new();
                let understood = self.calls.begin(calls, batch, &mut self.next_number, &mut answers);
                answers.iter().for_each(|answer| self.say(answer));
                understood
            }
        }
    }

    /// Puts a line into the buffer.
    pub(super) fn say(&mut self, text: &[u8]) {
        self.out.end().extend_from_slice(text);
        self.out.end().push(b'\n');
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, number: u64, response: &Response, clock: &Clock) {
        if let Some(words) = self.words.filter(|words| words.number == number && !words.streams) {
            if response.goes_on() {
                wire::write_text_beginning(response, clock, self.out.end());
                self.words = Some(Words { streams: true, ..words });
            } else {
                wire::write_text(response, clock, self.out.end());
                self.words = None;
            }
        } else if let Some(answer) = self.calls.answer(number, Answer::Response(response)) {
            self.say(&answer);
        }
    }

    /// Whether something follows the answer to the request; if so, whether in words.
    pub(super) fn streams(&self, number: u64) -> Option<bool> {
        let in_words = self.words.is_some_and(|words| words.number == number && words.streams);
        (in_words || self.calls.streams(number)).then_some(in_words)
    }

    /// Sends what the socket takes; how much that was.
    pub(super) fn send(&mut self, reactor: &Reactor) -> io::Result<usize> {
        reactor.fd(self.token).map_or(Ok(0), |socket| self.out.send(socket))
    }
}
