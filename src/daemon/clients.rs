//! The control socket and its connections.
//!
//! A connection is a stream of requests, one a line. Requests of words are answered in their order: while one is being
//! carried out, the next stays in the buffer. Output is bounded; a client that does not read is cut off and costs
//! nobody else anything. Whoever closes the sending side still gets the whole answer.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use crate::base::errno::{Errno, plain};
use crate::base::id::{ClientId, Ticket};
use crate::base::time::Mono;
use crate::config::model::SocketConfig;
use crate::control::access::Access;
use crate::control::command::Right;
use crate::control::frame::Frame;
use crate::control::message::{Chunk, Event, Request, Response};
use crate::control::render::Clock;
use crate::control::wire;
use crate::sys::fd;
use crate::sys::sock;

use super::error::Error;
use super::reactor::{Reactor, Source, Token, Wants};
use super::who::Who;

mod client;
mod rights;
mod socket;

use client::Client;
#[cfg(feature = "web")]
pub use rights::groups as peer_groups;
#[cfg(feature = "web")]
pub use socket::open as open_socket;
pub use socket::{SocketFile, look_at, make_room};

/// How many connections there may be at the most, and how many there may be in any case. In between it depends on the
/// descriptors that the configuration leaves. One more takes the place of another.
pub const MOST_CLIENTS: usize = 4096;
/// See [`MOST_CLIENTS`].
pub const LEAST_CLIENTS: usize = 128;

/// How much may be held for all connections together: requests that are not complete, and answers that are not sent. With
/// more, whoever has most of it is dropped.
const HELD_BYTES: usize = 64 << 20;

/// How much answer may wait for a client that does not read.
const OUTPUT_BYTES: usize = 16 << 20;

/// With so much answer waiting, no further request of the client is taken.
const PAUSE_BYTES: usize = 256 << 10;

/// How long a client may leave an answer unread before it is cut off.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// How long trouble with connections is not told again.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// How many requests of one client may be under way.
const OPEN_REQUESTS: usize = 64;

/// How much may wait for a client that follows what happens. The rest waits where it is kept.
const STREAM_BYTES: usize = 128 << 10;

/// To how many clients what they follow is sent in one turn.
const STREAMS_PER_TURN: usize = 64;

/// The listening socket and all connections.
#[derive(Debug)]
pub struct Clients {
    listener: Token,
    file: SocketFile,
    all: BTreeMap<ClientId, Client>,
    /// How many there may be.
    most: usize,
    /// How much is held for all of them.
    held: usize,
    /// Those that do not take their answers, by when they last took something.
    stalled: BTreeSet<(Mono, ClientId)>,
    next_id: u64,
    /// Clients with more requests in their buffers than one turn takes.
    again: BTreeSet<ClientId>,
    /// Clients with events in their buffers that are to be sent.
    streams: BTreeSet<ClientId>,
    /// Clients that follow, and have taken most of what they were told.
    drained: BTreeSet<ClientId>,
    /// Given up when no descriptor is free, so that a connection can be accepted and closed: it would wait for ever.
    spare: Option<OwnedFd>,
    /// When trouble with connections was last told.
    complained: Option<Mono>,
    access: Access,
}

/// A client that follows what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follower {
    /// It is told in text.
    pub text: bool,
    /// How many bytes it can be told.
    pub room: usize,
}

/// A request that was read, to be carried out.
#[derive(Debug)]
pub struct Asked {
    /// Where the answer goes.
    pub ticket: Ticket,
    /// Who asks.
    pub who: Who,
    /// What the asker may do. The client may be gone by the time the request is carried out.
    pub right: Option<Right>,
    /// What for.
    pub request: Request,
}

/// What came of serving a client.
#[derive(Debug, Default)]
pub struct Served {
    /// Requests to be carried out, in order.
    pub asked: Vec<Asked>,
    /// The client is gone: nobody waits for its answers.
    pub gone: bool,
    /// What went wrong, for the log.
    pub trouble: Option<String>,
}

impl Clients {
    /// Opens the control socket. The caller holds its lock, so a file that is in the way is a leftover.
    ///
    /// # Errors
    /// The path is too long, is something else than a socket, or the system refuses.
    pub fn listen(reactor: &mut Reactor, path: &Path, config: &SocketConfig, access: Access) -> Result<Clients, Error> {
        let (listener, file) = socket::open(path, config)?;
        let token = reactor
            .add(Source::Listener, listener, Wants::Read)
            .map_err(|(e, _)| Error::io("poll the socket", path, e))?;
        Ok(Clients {
            listener: token,
            file,
            all: BTreeMap::new(),
            most: LEAST_CLIENTS,
            held: 0,
            stalled: BTreeSet::new(),
            next_id: 1,
            again: BTreeSet::new(),
            streams: BTreeSet::new(),
            drained: BTreeSet::new(),
            spare: fd::null().ok(),
            complained: None,
            access,
        })
    }

    /// Sets how many connections there may be, within [`LEAST_CLIENTS`] and [`MOST_CLIENTS`]. Those that there are stay.
    pub fn allow(&mut self, most: usize) {
        self.most = most.clamp(LEAST_CLIENTS, MOST_CLIENTS);
    }

    /// Removes the socket's file.
    pub fn remove_socket(&self) {
        self.file.remove();
    }

    /// Accepts what waits. Clients that had to go are returned, and what went wrong.
    pub fn accept(&mut self, reactor: &mut Reactor, now: Mono) -> (Vec<ClientId>, Option<String>) {
        let (mut gone, mut trouble) = (Vec::new(), None);
        loop {
            let Some(listener) = reactor.fd(self.listener) else { return (gone, trouble) };
            let socket = match sock::accept(listener) {
                Ok(Some(socket)) => socket,
                Ok(None) => return (gone, trouble),
                Err(error) => {
                    let full = matches!(error.raw_os_error().map(Errno), Some(Errno::EMFILE | Errno::ENFILE));
                    // The kernel says so before it looks whether anybody waits at all.
                    let more = full && self.turn_away(reactor);
                    if (more || !full) && self.may_complain(now) {
                        trouble = Some(format!("cannot accept a connection: {}", plain(&error)));
                    }
                    if more {
                        continue;
                    }
                    return (gone, trouble);
                }
            };
            if self.all.len() >= self.most {
                gone.extend(self.shed(reactor));
            }
            if let Err(error) = self.admit(reactor, socket, now) {
                trouble = Some(format!("cannot serve a connection: {}", plain(&error)));
            }
        }
    }

    /// Accepts and closes one connection with the spare descriptor: without that it would wait for ever, because no
    /// further event comes for it. Whether there was one.
    fn turn_away(&mut self, reactor: &Reactor) -> bool {
        if self.spare.take().is_none() {
            return false;
        }
        let waiting = reactor.fd(self.listener).and_then(|fd| sock::accept(fd).ok().flatten());
        let was_one = waiting.is_some();
        drop(waiting);
        self.spare = fd::null().ok();
        was_one
    }

    /// Whether trouble with connections is to be told: not more often than once a minute.
    fn may_complain(&mut self, now: Mono) -> bool {
        let due = self.complained.is_none_or(|at| now.since(at) >= COMPLAINT_INTERVAL);
        if due {
            self.complained = Some(now);
        }
        due
    }

    fn admit(&mut self, reactor: &mut Reactor, socket: OwnedFd, now: Mono) -> io::Result<()> {
        let peer = sock::peer(socket.as_fd())?;
        let groups = rights::groups(socket.as_fd(), peer.gid);
        let id = ClientId(self.next_id);
        self.next_id += 1;
        let token = reactor.add(Source::Client(id), socket, Wants::Read).map_err(|(error, _)| error)?;
        let right = self.access.right_of(peer.uid, &groups);
        let client = Client::new(token, peer, groups, right, now);
        self.all.insert(id, client);
        Ok(())
    }

    /// Makes room: drops a client of the user who has most of them, so that nobody can take all places from the others; of
    /// those without a role if there are any. Of those it is the one that has been quiet for longest, and one that waits
    /// for nothing if there is one.
    fn shed(&mut self, reactor: &mut Reactor) -> Option<ClientId> {
        let all_have_roles = self.all.values().all(|client| client.right.is_some());
        let may_go = |client: &Client| all_have_roles || client.right.is_none();
        let mut of_user: BTreeMap<u32, usize> = BTreeMap::new();
        for client in self.all.values().filter(|client| may_go(client)) {
            *of_user.entry(client.peer.uid).or_default() += 1;
        }
        let (user, _) = of_user.into_iter().max_by_key(|(_, count)| *count)?;
        let candidates = self.all.iter().filter(|(_, c)| c.peer.uid == user && may_go(c));
        let id = candidates.min_by_key(|(_, c)| (c.open() > 0, c.last_request)).map(|(id, _)| *id)?;
        self.drop_client(reactor, id);
        Some(id)
    }

    /// Counts what is held for a client, and drops whoever has most of it if it is too much.
    fn account(&mut self, reactor: &mut Reactor, id: ClientId) {
        let Some(client) = self.all.get_mut(&id) else { return };
        let held = client.holds();
        self.held = (self.held + held).saturating_sub(client.held);
        client.held = held;
        while self.held > HELD_BYTES {
            let Some(id) = self.all.iter().max_by_key(|(_, c)| c.held).map(|(id, _)| *id) else { return };
            self.drop_client(reactor, id);
        }
    }

    /// Reads what a client sends, and sends what waits for it.
    pub fn serve(&mut self, reactor: &mut Reactor, id: ClientId, now: Mono) -> Served {
        let mut served = Served::default();
        let Some(client) = self.all.get_mut(&id) else { return served };
        match client.receive(reactor) {
            Ok(true) => drop(self.again.insert(id)),
            Ok(false) => {}
            Err(error) => {
                if error.kind() != io::ErrorKind::ConnectionReset {
                    served.trouble = Some(format!("a client cannot be read: {error}"));
                }
                served.gone = true;
                self.drop_client(reactor, id);
                return served;
            }
        }
        self.take_requests(id, now, &mut served);
        self.flush(reactor, id, now);
        // Whoever has only closed the sending side still waits for answers; whoever has closed both does not.
        let client = self.all.get(&id).filter(|client| client.ended);
        if client.and_then(|client| reactor.fd(client.token)).is_some_and(fd::is_hung_up) {
            self.drop_client(reactor, id);
        }
        served.gone = !self.all.contains_key(&id);
        served
    }

    /// Takes as many requests out of a client's buffer as may be under way at once.
    fn take_requests(&mut self, id: ClientId, now: Mono, served: &mut Served) {
        let Some(client) = self.all.get_mut(&id) else { return };
        while !client.closing && client.open() < OPEN_REQUESTS && client.words.is_none() {
            client.paused = client.out.waiting() > PAUSE_BYTES;
            if client.paused {
                break;
            }
            let message = match client.lines.take() {
                Some(Frame::Line(line)) => wire::decode(line),
                Some(Frame::TooLarge { json }) => {
                    client.closing = true;
                    wire::too_large(json)
                }
                None => break,
            };
            client.last_request = now;
            client.closing |= client.right.is_none();
            for (number, request) in client.understand(message) {
                served.asked.push(Asked {
                    ticket: Ticket { client: id, number },
                    who: Who::Local(client.peer),
                    right: client.right,
                    request,
                });
            }
        }
    }

    /// Answers a request, if its client is still there.
    pub fn reply(&mut self, reactor: &mut Reactor, ticket: Ticket, response: &Response, clock: &Clock, now: Mono) {
        let Some(client) = self.all.get_mut(&ticket.client) else { return };
        client.answer(ticket.number, response, clock);
        // The next request may be in the buffer already.
        if client.lines.pending() > 0 || client.ended {
            self.again.insert(ticket.client);
        }
        self.flush(reactor, ticket.client, now);
    }

    /// How a client that follows is told; `None` if it does not follow any more.
    #[must_use]
    pub fn follower(&self, ticket: Ticket) -> Option<Follower> {
        let client = self.all.get(&ticket.client).filter(|client| !client.closing)?;
        let text = client.streams(ticket.number)?;
        Some(Follower { text, room: STREAM_BYTES.saturating_sub(client.out.waiting()) })
    }

    /// Puts output into the buffer of a client that follows, which has room for it. It is sent when the client is served
    /// next.
    pub fn push_output(&mut self, ticket: Ticket, chunk: &Chunk, labelled: bool) {
        let Some(client) = self.all.get_mut(&ticket.client) else { return };
        if let Some(text) = client.calls.output(ticket.number, chunk) {
            client.say(&text);
        } else if client.streams(ticket.number).is_some() {
            wire::write_text_output(chunk, labelled, client.out.end());
        }
        self.streams.insert(ticket.client);
    }

    /// Ends a stream whose client has fallen too far behind.
    pub fn cut_short(&mut self, ticket: Ticket) {
        if let Some(client) = self.all.get_mut(&ticket.client) {
            client.fall_behind();
            self.streams.insert(ticket.client);
        }
    }

    /// Those who follow and have taken most of what they were told.
    pub fn take_drained(&mut self) -> BTreeSet<ClientId> {
        std::mem::take(&mut self.drained)
    }

    /// Puts an event into the buffer of a client that follows, which has room for it. It is sent when the client is served
    /// next.
    pub fn push(&mut self, ticket: Ticket, event: &Event) {
        let Some(client) = self.all.get_mut(&ticket.client) else { return };
        if let Some(text) = client.calls.event(ticket.number, event) {
            client.say(&text);
        } else if client.streams(ticket.number).is_some() {
            wire::write_text_event(event, client.out.end());
        }
        self.streams.insert(ticket.client);
    }

    /// Sends what has gathered for clients that follow; a part of them in a turn.
    pub fn send_streams(&mut self, reactor: &mut Reactor, now: Mono) -> Vec<ClientId> {
        let some: Vec<ClientId> = self.streams.iter().take(STREAMS_PER_TURN).copied().collect();
        for id in &some {
            self.streams.remove(id);
            self.flush(reactor, *id, now);
        }
        some.into_iter().filter(|id| !self.all.contains_key(id)).collect()
    }

    /// Clients that had to leave requests in their buffers; to be served again.
    pub fn take_again(&mut self) -> Vec<ClientId> {
        std::mem::take(&mut self.again).into_iter().collect()
    }

    /// Whether there are such clients.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.again.is_empty() || !self.streams.is_empty()
    }

    /// When a client that does not read is to be cut off.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.stalled.first().map(|(at, _)| at.after(STALL_LIMIT))
    }

    /// Cuts off the clients that have not read for too long.
    pub fn cut_off(&mut self, reactor: &mut Reactor, now: Mono) -> Vec<ClientId> {
        let late = self.stalled.iter().take_while(|(at, _)| now.since(*at) >= STALL_LIMIT);
        let ids: Vec<ClientId> = late.map(|(_, id)| *id).collect();
        for id in &ids {
            self.drop_client(reactor, *id);
        }
        ids
    }

    /// Sends what is left and closes everything.
    pub fn say_goodbye(&mut self, reactor: &mut Reactor) {
        for (_, mut client) in std::mem::take(&mut self.all) {
            let _ = client.send(reactor);
            reactor.remove(client.token);
        }
    }

    /// Sends what the socket takes. Drops the client if it is done, gone, or has let too much gather.
    fn flush(&mut self, reactor: &mut Reactor, id: ClientId, now: Mono) {
        let Some(client) = self.all.get_mut(&id) else { return };
        let progress = match client.send(reactor) {
            Ok(n) => n > 0,
            Err(_) => return self.drop_client(reactor, id),
        };
        let waiting = client.out.waiting();
        if progress && waiting <= STREAM_BYTES / 2 && client.follows() {
            self.drained.insert(id);
        }
        if client.paused && waiting <= PAUSE_BYTES {
            client.paused = false;
            self.again.insert(id);
        }
        let stalled_since = match client.stalled_since {
            _ if waiting == 0 => None,
            Some(since) if !progress => Some(since),
            Some(_) | None => Some(now),
        };
        if stalled_since != client.stalled_since {
            if let Some(at) = std::mem::replace(&mut client.stalled_since, stalled_since) {
                self.stalled.remove(&(at, id));
            }
            self.stalled.extend(stalled_since.map(|at| (at, id)));
        }
        let nothing_open = client.open() == 0 || client.closing && client.only_follows();
        let finished =
            waiting == 0 && nothing_open && (client.closing || (client.ended && client.lines.pending() == 0));
        let wants = if waiting > 0 { Wants::ReadWrite } else { Wants::Read };
        let lost = wants != client.wants && reactor.change(client.token, wants).is_err();
        client.wants = wants;
        if finished || lost || waiting > OUTPUT_BYTES {
            return self.drop_client(reactor, id);
        }
        self.account(reactor, id);
    }

    fn drop_client(&mut self, reactor: &mut Reactor, id: ClientId) {
        if let Some(client) = self.all.remove(&id) {
            reactor.remove(client.token);
            self.held = self.held.saturating_sub(client.held);
            if let Some(at) = client.stalled_since {
                self.stalled.remove(&(at, id));
            }
        }
        self.again.remove(&id);
        self.streams.remove(&id);
        self.drained.remove(&id);
    }
}
