//! The control socket and its connections.
//!
//! A connection is a stream of requests, one a line. Requests of words are answered in their order: while one is being
//! carried out, the next stays in the buffer. Output is bounded; a client that does not read is cut off and costs
//! nobody else anything. Whoever closes the sending side still gets the whole answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::errno::Errno;
use crate::base::id::{ClientId, Ticket};
use crate::base::time::Mono;
use crate::config::model::SocketConfig;
use crate::control::access::Access;
use crate::control::command::Right;
use crate::control::frame::{Frame, Lines, REQUEST_BYTES};
use crate::control::jsonrpc::{Call, Id};
use crate::control::message::{Chunk, Event, Refusal, RefusalCode, Request, Response};
use crate::control::render::Clock;
use crate::control::wire::{self, Message};
use crate::sys::sock::{self, Peer};
use crate::sys::{fd, user};

use super::error::Error;
use super::reactor::{Reactor, Source, Token, Wants};
use crate::base::errno::plain;

mod rights;

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

/// How much is read from one client in one turn.
const READ_BUDGET_BYTES: usize = 64 << 10;

/// How long trouble with connections is not told again.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// How many requests of one client may be under way.
const OPEN_REQUESTS: usize = 64;

/// How much may wait for a client that follows what happens. The rest waits where it is kept.
const STREAM_BYTES: usize = 128 << 10;

/// To how many clients what they follow is sent in one turn.
const STREAMS_PER_TURN: usize = 64;

/// How a request wants to be answered.
#[derive(Debug)]
enum Form {
    Text,
    /// A call, alone or of a batch. Without an id it is a notification, which gets no answer.
    Json {
        id: Option<Id>,
        batch: Option<u64>,
    },
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

#[derive(Debug)]
struct Client {
    token: Token,
    peer: Peer,
    lines: Lines,
    /// Requests that are not answered, by ticket number.
    open: BTreeMap<u64, Form>,
    batches: BTreeMap<u64, Batch>,
    next_number: u64,
    out: Vec<u8>,
    /// How much of `out` is sent.
    sent: usize,
    /// How much was held for it when that was last counted.
    held: usize,
    /// When the client last took something of a waiting answer; `Some` iff there is one.
    stalled_since: Option<Mono>,
    last_request: Mono,
    wants: Wants,
    /// Requests were left in the buffer because too much answer waits.
    paused: bool,
    /// It has closed its sending side.
    ended: bool,
    /// No more requests are taken; it is closed when everything is sent.
    closing: bool,
    /// All groups of its process.
    groups: Vec<u32>,
    /// What its user may do. If that is nothing, the first request, which is refused, is its last.
    right: Option<Right>,
}

/// The socket's file, which goes with its owner: a start that fails later on leaves none behind.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = fs::remove_file(&self.0);
    }
}

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
    pub peer: Peer,
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
        let failed = |step, error| Error::io(step, path, error);
        if path.as_os_str().len() > sock::PATH_BYTES {
            let text = format!("the path is longer than {} bytes", sock::PATH_BYTES);
            return Err(failed("listen on", io::Error::other(text)));
        }
        if let Ok(there) = fs::symlink_metadata(path) {
            if !there.file_type().is_socket() {
                return Err(failed("listen on", io::Error::other("there is something that is no socket")));
            }
            if sock::answers(path) {
                return Err(Error::Taken(path.to_owned()));
            }
            fs::remove_file(path).map_err(|e| failed("remove the leftover socket", e))?;
        }
        let listener = sock::listen(path).map_err(|e| failed("listen on", e))?;
        let file = SocketFile(path.to_owned());
        open_up(path, config)?;
        let token =
            reactor.add(Source::Listener, listener, Wants::Read).map_err(|(e, _)| failed("poll the socket", e))?;
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
        // Gone already is as good.
        let _ = fs::remove_file(&self.file.0);
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
        let client = Client {
            token,
            peer,
            lines: Lines::default(),
            open: BTreeMap::new(),
            batches: BTreeMap::new(),
            next_number: 1,
            out: Vec::new(),
            sent: 0,
            held: 0,
            stalled_since: None,
            last_request: now,
            wants: Wants::Read,
            paused: false,
            ended: false,
            closing: false,
            right: self.access.right_of(peer.uid, &groups),
            groups,
        };
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
        let id = candidates.min_by_key(|(_, c)| (!c.open.is_empty(), c.last_request)).map(|(id, _)| *id)?;
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
        while !client.closing && client.open.len() < OPEN_REQUESTS && !client.has_text_open() {
            client.paused = client.waiting() > PAUSE_BYTES;
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
                    peer: client.peer,
                    right: client.right,
                    request,
                });
            }
        }
    }

    /// Answers a request, if its client is still there.
    pub fn reply(&mut self, reactor: &mut Reactor, ticket: Ticket, response: &Response, clock: &Clock, now: Mono) {
        let Some(client) = self.all.get_mut(&ticket.client) else { return };
        let Some(form) = client.open.remove(&ticket.number) else { return };
        let follows = response.goes_on();
        match form {
            Form::Text if follows => {
                wire::write_text_beginning(response, clock, &mut client.out);
                client.open.insert(ticket.number, Form::Stream(None));
            }
            Form::Text => wire::write_text(response, clock, &mut client.out),
            Form::Json { id, batch } => {
                client.answer_json(id.clone(), batch, response);
                if let Some(id) = id.filter(|_| follows) {
                    client.open.insert(ticket.number, Form::Stream(Some(id)));
                }
            }
            Form::Stream(_) => {}
        }
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
        let Some(Form::Stream(id)) = client.open.get(&ticket.number) else { return None };
        Some(Follower { text: id.is_none(), room: STREAM_BYTES.saturating_sub(client.waiting()) })
    }

    /// Puts output into the buffer of a client that follows, which has room for it. It is sent when the client is served
    /// next.
    pub fn push_output(&mut self, ticket: Ticket, chunk: &Chunk, labelled: bool) {
        let Some(client) = self.all.get_mut(&ticket.client) else { return };
        let Some(Form::Stream(id)) = client.open.get(&ticket.number) else { return };
        match id {
            Some(id) => wire::write_json_output(id, chunk, &mut client.out),
            None => wire::write_text_output(chunk, labelled, &mut client.out),
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
        let Some(Form::Stream(id)) = client.open.get(&ticket.number) else { return };
        match id {
            Some(id) => wire::write_json_event(id, event, &mut client.out),
            None => wire::write_text_event(event, &mut client.out),
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
        let waiting = client.waiting();
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
        let nothing_open = client.open.is_empty() || client.closing && client.only_streams();
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

impl Client {
    /// How much answer is not sent yet.
    fn waiting(&self) -> usize {
        self.out.len() - self.sent
    }

    /// How much is held for it.
    fn holds(&self) -> usize {
        self.waiting() + self.lines.pending() + self.batches.values().map(|batch| batch.answers.len()).sum::<usize>()
    }

    fn has_text_open(&self) -> bool {
        self.open.values().any(|form| matches!(form, Form::Text | Form::Stream(None)))
    }

    fn follows(&self) -> bool {
        self.open.values().any(|form| matches!(form, Form::Stream(_)))
    }

    fn only_streams(&self) -> bool {
        self.open.values().all(|form| matches!(form, Form::Stream(_)))
    }

    /// Ends the streams of a client that does not keep up: it is told, and closed when it has read that.
    fn fall_behind(&mut self) {
        let text = "this client does not read fast enough: ask again, from where it was";
        self.end_streams(Refusal::new(RefusalCode::Busy, text));
    }

    /// Reads up to the budget, as long as the buffer has room. Whether there may be more that nobody will announce;
    /// with a full buffer that is found out when the next answer has made room.
    fn receive(&mut self, reactor: &Reactor) -> io::Result<bool> {
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
    fn understand(&mut self, message: Message) -> Vec<(u64, Request)> {
        let (calls, batch) = match message {
            Message::Text(Ok(request)) => return vec![(self.note(Form::Text), request)],
            Message::Text(Err(refusal)) => {
                wire::write_text(&Response::Refused(refusal), &Clock::default(), &mut self.out);
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
    fn answer_json(&mut self, id: Option<Id>, batch: Option<u64>, response: &Response) {
        let Some(number) = batch else {
            if let Some(id) = id {
                wire::write_json(&id, response, &mut self.out);
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
            wire::write_batch(&batch.answers, &mut self.out);
        }
    }

    /// Sends what the socket takes; how much that was.
    fn send(&mut self, reactor: &Reactor) -> io::Result<usize> {
        let before = self.sent;
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let Some(socket) = reactor.fd(self.token) else { break };
            match sock::send(socket, rest) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let progress = self.sent - before;
        if self.sent == self.out.len() {
            // An answer for a thousand processes is not kept as capacity.
            self.out = Vec::new();
            self.sent = 0;
        }
        Ok(progress)
    }
}

/// Gives the socket the owner and the permissions that the configuration names, ownership first: there must be no
/// moment in which the wrong group may connect.
fn open_up(path: &Path, config: &SocketConfig) -> Result<(), Error> {
    let missing = |what: &str| io::Error::other(format!("no such {what}"));
    let uid = match &config.owner {
        None => None,
        Some(owner) => match user::user(owner) {
            Ok(Some(identity)) => Some(identity.uid),
            Ok(None) => return Err(Error::io("give the socket to its owner", owner, missing("user"))),
            Err(error) => return Err(Error::io("look up the socket's owner", owner, error)),
        },
    };
    let gid = match &config.group {
        None => None,
        Some(group) => match user::group(group) {
            Ok(Some(gid)) => Some(gid),
            Ok(None) => return Err(Error::io("give the socket to its group", group, missing("group"))),
            Err(error) => return Err(Error::io("look up the socket's group", group, error)),
        },
    };
    if uid.is_some() || gid.is_some() {
        std::os::unix::fs::lchown(path, uid, gid).map_err(|e| Error::io("change the owner of", path, e))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(config.mode))
        .map_err(|e| Error::io("change the permissions of", path, e))
}
