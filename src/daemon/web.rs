//! HTTP in the loop: the listening sockets and all connections.
//!
//! A connection of HTTP is one more kind of client: what it asks becomes the same requests, with tickets, that the control
//! socket's clients make. Nothing waits for a browser: what waits to be sent is bounded, one that does not read is cut off,
//! and what it follows waits where it is kept anyway. Who is let in is decided by [`guard`](crate::web::guard), what a request
//! means by [`route`](crate::web::route).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::base::errno::plain;
use crate::base::id::{ClientId, Ticket};
use crate::base::time::Mono;
use crate::config::model::DaemonConfig;
use crate::control::access::Access;
use crate::control::message::{Chunk, Event, Refusal, RefusalCode, Request};
use crate::sys::sock;
use crate::web::answer;

use super::audience;
use super::clients::{Asked, Follower};
use super::error::Error;
use super::reactor::{Reactor, Source, Wants};
use connection::{Connection, Talk};
use figures::Figures;
use listen::Listener;
use settings::Settings;
use token::Sessions;

mod ask;
mod connection;
mod figures;
mod listen;
mod serve;
mod settings;
mod token;

/// How many connections there may be. One more takes the place of another.
pub const MOST: usize = 256;

/// How much may be held for all connections together. With more, whoever has most of it is dropped.
const HELD_BYTES: usize = 64 << 20;

/// How much answer may wait for one connection.
const OUTPUT_BYTES: usize = 16 << 20;

/// With so much answer waiting, no further request of the connection is taken.
const PAUSE_BYTES: usize = 256 << 10;

/// How much may wait for a connection that follows what happens. The rest waits where it is kept.
const STREAM_BYTES: usize = 128 << 10;

/// How many connections are served in one turn.
const SERVED_PER_TURN: usize = 32;

/// How many connections are accepted in one turn.
const ACCEPTED_PER_TURN: usize = 64;

/// When a wrong token is answered: with all connections there can be, so many are tried in this time, and no more.
const WRONG_TOKEN_DELAY: Duration = Duration::from_secs(1);

/// When accepting is tried again after it has failed.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// A question that several ask at once: it is asked once.
#[derive(Debug)]
struct Shared {
    request: Request,
    /// Who asks; the first one's ticket is the one that is answered.
    tickets: Vec<Ticket>,
}

/// Everything about HTTP. Without an address to listen at, nothing ever happens to it.
#[derive(Debug, Default)]
pub struct Web {
    listeners: Vec<Listener>,
    /// Listeners at which more may wait than was accepted.
    accepting: BTreeSet<u16>,
    /// When accepting is tried again; `Some` iff it has failed.
    retry: Option<Mono>,
    all: BTreeMap<ClientId, Connection>,
    next_id: u64,
    held: usize,
    settings: Settings,
    access: Option<Access>,
    sessions: Sessions,
    /// How often a wrong token was presented since that was last told.
    wrong_tokens: u32,
    /// Who presented one and is to be told so, when, and in which words. In the order of the times.
    late: VecDeque<(Mono, ClientId, &'static str)>,
    /// Connections to be served, in order.
    due: VecDeque<ClientId>,
    /// The same, to look them up.
    queued: BTreeSet<ClientId>,
    /// Connections that something was said to that they follow, to be sent.
    streams: BTreeSet<ClientId>,
    /// Those that follow, and have taken most of what they were told.
    drained: BTreeSet<ClientId>,
    /// When a connection is to be looked at, at the latest.
    deadlines: BTreeSet<(Mono, ClientId)>,
    shared: Vec<Shared>,
    figures: Figures,
}

impl Web {
    /// Listens where the configuration says.
    ///
    /// # Errors
    /// An address is taken, or the token cannot be used.
    pub fn listen(reactor: &mut Reactor, config: &DaemonConfig, access: Access) -> Result<Web, Error> {
        let mut web = Web { access: Some(access), figures: Figures::new(), ..Web::default() };
        let Some(http) = &config.http else { return Ok(web) };
        web.settings = Settings::read(Some(http), true)?;
        for (number, at) in (0..).zip(&http.listen) {
            web.listeners.push(Listener::open(reactor, number, at, &config.socket)?);
        }
        Ok(web)
    }

    /// Where it listens, for the log.
    #[must_use]
    pub fn addresses(&self) -> Vec<&str> {
        self.listeners.iter().map(|listener| listener.address.as_str()).collect()
    }

    /// Checks what another configuration wants of it, without changing anything.
    ///
    /// # Errors
    /// The token cannot be used.
    pub fn prepare(config: &DaemonConfig, dry_run: bool) -> Result<Settings, Error> {
        Settings::read(config.http.as_ref(), !dry_run)
    }

    /// Goes by another configuration from now on. Whoever came in by another token has to come again.
    pub fn configure(&mut self, settings: Settings) {
        if settings.token != self.settings.token {
            self.sessions.clear();
            for (id, connection) in &mut self.all {
                let reason = "the token has changed";
                connection.end_streams(&Refusal::new(RefusalCode::Denied, reason));
                self.streams.insert(*id);
            }
        }
        self.settings = settings;
    }

    /// Gives the roles to others.
    pub fn set_access(&mut self, access: Access) {
        self.access = Some(access);
    }

    /// Whether anything may be changed by HTTP.
    #[must_use]
    pub fn is_control_on(&self) -> bool {
        self.settings.control
    }

    /// Removes the files of Unix sockets.
    pub fn remove_sockets(&self) {
        self.listeners.iter().for_each(Listener::remove_file);
    }

    /// Accepts what waits at a listener. Those that had to go are returned, and what went wrong.
    pub fn accept(&mut self, reactor: &mut Reactor, number: u16, now: Mono) -> (Vec<ClientId>, Option<String>) {
        let mut gone = Vec::new();
        self.accepting.remove(&number);
        for _ in 0..ACCEPTED_PER_TURN {
            let Some(listener) = self.listeners.get(usize::from(number)) else { return (gone, None) };
            let Some(fd) = reactor.fd(listener.token) else { return (gone, None) };
            let socket = match sock::accept(fd) {
                Ok(Some(socket)) => socket,
                Ok(None) => return (gone, None),
                Err(error) => {
                    self.accepting.insert(number);
                    let first = self.retry.is_none();
                    self.retry = Some(now.after(ACCEPT_PAUSE));
                    let text = || format!("cannot accept a connection at {}: {}", listener.address, plain(&error));
                    return (gone, first.then(text));
                }
            };
            let (id, client) = (self.next_id, audience::of_web(self.next_id));
            let Some((socket, caller, local)) = listener.identify(socket, id) else { continue };
            if self.all.len() >= MOST {
                gone.extend(self.shed(reactor));
            }
            self.next_id += 1;
            let Ok(token) = reactor.add(Source::Web(client), socket, Wants::Read) else { continue };
            self.all.insert(client, Connection::new(token, caller, local, now));
            self.watch(client);
        }
        self.accepting.insert(number);
        (gone, None)
    }

    /// Accepts where more may wait.
    pub fn accept_again(&mut self, reactor: &mut Reactor, now: Mono) -> (Vec<ClientId>, Option<String>) {
        if self.retry.is_some_and(|at| at > now) {
            return (Vec::new(), None);
        }
        let (mut all, mut trouble) = (Vec::new(), None);
        for number in std::mem::take(&mut self.accepting) {
            let (gone, told) = self.accept(reactor, number, now);
            all.extend(gone);
            trouble = trouble.or(told);
        }
        if self.accepting.is_empty() {
            self.retry = None;
        }
        (all, trouble)
    }

    /// Makes room: the connection goes that has been idle for longest; if none is, the one that was quiet for longest.
    fn shed(&mut self, reactor: &mut Reactor) -> Option<ClientId> {
        let id = self.all.iter().min_by_key(|(_, c)| (!c.is_idle(), c.since)).map(|(id, _)| *id)?;
        self.drop_connection(reactor, id);
        Some(id)
    }

    /// Something has happened to a connection: it is served when its turn comes.
    pub fn wake(&mut self, id: ClientId) {
        if self.all.contains_key(&id) && self.queued.insert(id) {
            self.due.push_back(id);
        }
    }

    /// Serves some of those that are due: their requests, in order, and who is gone.
    pub fn serve_some(&mut self, reactor: &mut Reactor, now: Mono) -> (Vec<Asked>, Vec<ClientId>) {
        let (mut asked, mut gone) = (Vec::new(), Vec::new());
        for _ in 0..SERVED_PER_TURN {
            let Some(id) = self.due.pop_front() else { break };
            self.queued.remove(&id);
            self.serve(reactor, id, now, &mut asked);
            if !self.all.contains_key(&id) {
                gone.push(id);
            }
        }
        (asked, gone)
    }

    /// Whether somebody is to be served or sent something without waiting.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.due.is_empty() || !self.streams.is_empty() || (!self.accepting.is_empty() && self.retry.is_none())
    }

    /// Takes the number of wrong tokens that were presented since this was last asked.
    pub fn take_wrong_tokens(&mut self) -> u32 {
        std::mem::take(&mut self.wrong_tokens)
    }

    /// How somebody who follows is told.
    #[must_use]
    pub fn follower(&self, ticket: Ticket) -> Option<Follower> {
        let connection = self.all.get(&ticket.client).filter(|c| c.stage == connection::Stage::Open)?;
        let text = match &connection.talk {
            Talk::Stream { number, form } if *number == ticket.number => *form == answer::Form::Text,
            Talk::Socket { calls, .. } if calls.streams(ticket.number) => false,
            Talk::Http { .. } | Talk::Stream { .. } | Talk::Socket { .. } => return None,
        };
        Some(Follower { text, room: STREAM_BYTES.saturating_sub(connection.out.waiting()) })
    }

    /// Tells of an event. It is sent when the streams are served next.
    pub fn push(&mut self, ticket: Ticket, event: &Event) {
        let Some(Connection { talk, out, .. }) = self.all.get_mut(&ticket.client) else { return };
        match talk {
            Talk::Http { .. } => return,
            Talk::Stream { .. } => answer::write_event(event, out.end()),
            Talk::Socket { socket, calls } => {
                if let Some(text) = calls.event(ticket.number, event) {
                    socket.say(text);
                    socket.take_out(out.end());
                }
            }
        }
        self.streams.insert(ticket.client);
    }

    /// Passes output on.
    pub fn push_output(&mut self, ticket: Ticket, chunk: &Chunk, labelled: bool) {
        let Some(Connection { talk, out, .. }) = self.all.get_mut(&ticket.client) else { return };
        match talk {
            Talk::Http { .. } => return,
            Talk::Stream { form, .. } => answer::write_output(*form, chunk, labelled, out.end()),
            Talk::Socket { socket, calls } => {
                if let Some(text) = calls.output(ticket.number, chunk) {
                    socket.say(text);
                    socket.take_out(out.end());
                }
            }
        }
        self.streams.insert(ticket.client);
    }

    /// Ends a stream whose reader has fallen too far behind.
    pub fn cut_short(&mut self, ticket: Ticket) {
        if let Some(connection) = self.all.get_mut(&ticket.client) {
            let text = "this client does not read fast enough: ask again, from where it was";
            connection.end_streams(&Refusal::new(RefusalCode::Busy, text));
            self.streams.insert(ticket.client);
        }
    }

    /// Sends what has gathered for those that follow; some of them in a turn. Who is gone is returned.
    pub fn send_streams(&mut self, reactor: &mut Reactor, now: Mono) -> Vec<ClientId> {
        let some: Vec<ClientId> = self.streams.iter().take(SERVED_PER_TURN).copied().collect();
        for id in &some {
            self.streams.remove(id);
            self.flush(reactor, *id, now);
        }
        some.into_iter().filter(|id| !self.all.contains_key(id)).collect()
    }

    /// Those that follow and have taken most of what they were told.
    pub fn take_drained(&mut self) -> BTreeSet<ClientId> {
        std::mem::take(&mut self.drained)
    }

    /// When a connection is to be looked at or answered, or accepting is tried again.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let late = self.late.front().map(|(at, ..)| *at);
        self.deadlines.first().map(|(at, _)| *at).into_iter().chain(self.retry).chain(late).min()
    }

    /// Ends the connections whose patience is over: who has begun a request and does not finish it, who does not read, who
    /// is only there. How many of them had something waiting, and who is gone.
    pub fn cut_off(&mut self, reactor: &mut Reactor, now: Mono) -> Vec<ClientId> {
        let mut gone = Vec::new();
        while let Some((at, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.remove(&(at, id));
            let Some(connection) = self.all.get_mut(&id) else { continue };
            connection.deadline = None;
            if connection.patience().is_some_and(|at| at <= now) {
                self.drop_connection(reactor, id);
                gone.push(id);
            } else {
                self.watch(id);
            }
        }
        gone
    }

    /// Sends what is left and closes everything. Who follows something is told that this is the end of it.
    pub fn say_goodbye(&mut self, reactor: &mut Reactor, now: Mono) {
        let gone = Refusal::new(RefusalCode::ShuttingDown, "the daemon leaves");
        for (_, mut connection) in std::mem::take(&mut self.all) {
            let is_open = connection.stage == connection::Stage::Open;
            match &mut connection.talk {
                Talk::Stream { form, .. } if is_open => answer::write_end(*form, &gone, connection.out.end()),
                Talk::Socket { socket, calls } => {
                    calls.end_streams(&gone).into_iter().for_each(|text| socket.say(text));
                    socket.leave();
                    socket.take_out(connection.out.end());
                }
                Talk::Http { .. } | Talk::Stream { .. } => {}
            }
            let _ = connection.send(reactor, now);
            reactor.remove(connection.token);
        }
    }

    /// Sees to it that a connection is looked at when its patience is over. A deadline that has moved away stays where it
    /// was: looking once too early costs less than to move it with every request.
    fn watch(&mut self, id: ClientId) {
        let Some(connection) = self.all.get_mut(&id) else { return };
        let Some(at) = connection.patience() else { return };
        if connection.deadline.is_some_and(|known| known <= at) {
            return;
        }
        if let Some(old) = connection.deadline.replace(at) {
            self.deadlines.remove(&(old, id));
        }
        self.deadlines.insert((at, id));
    }

    /// Sends what the socket takes. Drops the connection if it is done, gone, or has let too much gather.
    fn flush(&mut self, reactor: &mut Reactor, id: ClientId, now: Mono) {
        let Some(connection) = self.all.get_mut(&id) else { return };
        let Ok(progress) = connection.send(reactor, now) else { return self.drop_connection(reactor, id) };
        if let Some(status) = connection.answered.take()
            && let Some(count) = self.figures.meters.requests.get_mut(usize::from(status / 100))
        {
            *count += 1;
        }
        let waiting = connection.out.waiting();
        let follows = matches!(connection.talk, Talk::Stream { .. } | Talk::Socket { .. });
        if progress && follows && waiting <= STREAM_BYTES / 2 {
            self.drained.insert(id);
        }
        // One that is to be served has sent more than was looked at.
        let over = connection.is_over(reactor, now) && !self.queued.contains(&id);
        let wants = if waiting > 0 { Wants::ReadWrite } else { Wants::Read };
        let lost = wants != connection.wants && reactor.change(connection.token, wants).is_err();
        connection.wants = wants;
        if over || lost || waiting > OUTPUT_BYTES {
            return self.drop_connection(reactor, id);
        }
        let held = connection.holds();
        self.held = (self.held + held).saturating_sub(connection.held);
        connection.held = held;
        while self.held > HELD_BYTES {
            let Some(id) = self.all.iter().max_by_key(|(_, c)| c.held).map(|(id, _)| *id) else { break };
            self.drop_connection(reactor, id);
        }
        self.watch(id);
    }

    fn drop_connection(&mut self, reactor: &mut Reactor, id: ClientId) {
        if let Some(connection) = self.all.remove(&id) {
            reactor.remove(connection.token);
            self.held = self.held.saturating_sub(connection.held);
            if let Some(at) = connection.deadline {
                self.deadlines.remove(&(at, id));
            }
        }
        if self.queued.remove(&id) {
            self.due.retain(|due| *due != id);
        }
        self.streams.remove(&id);
        self.drained.remove(&id);
    }
}
