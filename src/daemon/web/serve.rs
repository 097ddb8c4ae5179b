//! What the requests of a connection mean, and what is answered to them: by itself, or once the daemon has answered.

use crate::base::id::{ClientId, Ticket};
use crate::base::time::Mono;
use crate::control::calls::{Answer, Calls};
use crate::control::command::Right;
use crate::control::jsonrpc;
use crate::control::message::{Request, Response};
use crate::daemon::clients::Asked;
use crate::daemon::reactor::Reactor;
use crate::daemon::who::{Caller, Who};
use crate::web::answer::{self, Form};
use crate::web::guard;
use crate::web::http::{self, Fault, Head, Method, Step};
use crate::web::openapi;
use crate::web::reply::{self, How, Kind, Reply};
use crate::web::route::{self, What};
use crate::web::socket::{Heard, Socket, accept_key};

use super::connection::{Connection, Open, Talk, Waits};
use super::{PAUSE_BYTES, WRONG_TOKEN_DELAY, Web};

/// The cookie that stands for the token.
const SESSION: &str = "taskmaster_session";

/// What is to be done with a request.
enum Decision {
    /// It is answered.
    Reply(Reply),
    /// It is answered, and whoever asks such things is not listened to any more.
    Close(Reply),
    /// The same, but not at once: what was shown is no token.
    Late(&'static str),
    /// The daemon is to be asked.
    Ask(Request, Form),
    /// The calls in its body are to be carried out.
    Calls,
    /// The connection becomes a WebSocket.
    Switch(String),
}

impl Web {
    /// Reads what a connection sends, and sends what waits for it.
    pub(super) fn serve(&mut self, reactor: &mut Reactor, id: ClientId, now: Mono, asked: &mut Vec<Asked>) {
        let Some(connection) = self.all.get_mut(&id) else { return };
        if connection.receive(reactor, now).is_err() {
            return self.drop_connection(reactor, id);
        }
        self.take_requests(id, now, asked);
        let Some(connection) = self.all.get(&id) else { return };
        if connection.unread && connection.has_room(PAUSE_BYTES) {
            self.wake(id);
        }
        self.flush(reactor, id, now);
    }

    fn take_requests(&mut self, id: ClientId, now: Mono, asked: &mut Vec<Asked>) {
        while let Some(connection) = self.all.get_mut(&id).filter(|c| c.has_room(PAUSE_BYTES)) {
            match &mut connection.talk {
                Talk::Http { reader, .. } => match reader.take() {
                    Step::Wait => return,
                    Step::Continue => connection.out.end().extend_from_slice(reply::CONTINUE),
                    Step::Refuse(fault) => connection.refuse(&fault),
                    Step::Ask(request) => self.take_one(id, *request, now, asked),
                },
                Talk::Stream { .. } => return,
                Talk::Socket { socket, calls } => {
                    let heard = socket.hear();
                    let mut texts = Vec::new();
                    let requests = match &heard {
                        Heard::Nothing | Heard::End => Vec::new(),
                        Heard::Text(text) => calls.read(text, true, &mut connection.next_number, &mut texts),
                    };
                    texts.into_iter().for_each(|text| socket.say(text));
                    socket.take_out(connection.out.end());
                    match heard {
                        Heard::Nothing => return,
                        Heard::End => connection.end(),
                        Heard::Text(_) => {}
                    }
                    let (by_token, caller) = (connection.by_token, connection.caller.clone());
                    let right = self.right_of(&caller, by_token);
                    let who = Who::Http(caller);
                    asked.extend(requests.into_iter().map(|(number, request)| Asked {
                        ticket: Ticket { client: id, number },
                        who: who.clone(),
                        right: Some(right),
                        request,
                    }));
                }
            }
        }
    }

    /// Takes one request of HTTP.
    fn take_one(&mut self, id: ClientId, request: http::Asked, now: Mono, asked: &mut Vec<Asked>) {
        let Some(connection) = self.all.get(&id) else { return };
        let (caller, local) = (connection.caller.clone(), connection.local);
        let by_token = self.shows_token(&request.head);
        let decision = self.decide(&request, &caller, local, by_token).unwrap_or_else(|fault| {
            let reply = Reply::of(&fault);
            // Who has no business here, or cannot be understood, gets no second try on the same connection.
            if matches!(fault.status, 404 | 405 | 415) { Decision::Reply(reply) } else { Decision::Close(reply) }
        });
        let right = self.right_of(&caller, by_token);
        let Some(connection) = self.all.get_mut(&id) else { return };
        connection.since = now;
        let how = How { keep_alive: request.head.keep_alive, head_only: request.head.method == Method::Head };
        let ask = |number, request| Asked {
            ticket: Ticket { client: id, number },
            who: Who::Http(caller.clone()),
            right: Some(right),
            request,
        };
        match decision {
            Decision::Reply(reply) => connection.answer(&reply, how),
            Decision::Close(reply) => connection.answer(&reply, How { keep_alive: false, ..how }),
            Decision::Late(text) => {
                connection.wait(How { keep_alive: false, ..how }, Waits::Late);
                self.late.push_back((now.after(WRONG_TOKEN_DELAY), id, text));
            }
            Decision::Ask(request, form) => {
                let number = connection.number();
                connection.wait(how, Waits::One { number, form });
                asked.push(ask(number, request));
            }
            Decision::Calls => {
                let (mut calls, mut texts) = (Calls::default(), Vec::new());
                let text = String::from_utf8_lossy(&request.body);
                let requests = calls.read(&text, false, &mut connection.next_number, &mut texts);
                if calls.is_done() {
                    connection.answer(&Reply::ok(Kind::Json, texts.pop().unwrap_or_default()), how);
                } else {
                    connection.wait(how, Waits::Calls(calls));
                }
                asked.extend(requests.into_iter().map(|(number, request)| ask(number, request)));
            }
            Decision::Switch(key) => connection.switch(&key, by_token),
        }
    }

    /// What is to be done with a request.
    fn decide(
        &mut self,
        request: &http::Asked,
        caller: &Caller,
        local: Option<std::net::IpAddr>,
        by_token: bool,
    ) -> Result<Decision, Fault> {
        let head = &request.head;
        guard::check(&self.settings.rules, head, local)?;
        let (route, name) = route::find(head)?;
        if !route.open && !by_token {
            let text = "a token is needed: Authorization: Bearer TOKEN";
            if head.authorization.is_none() {
                return Err(Fault::new(401, text));
            }
            self.wrong_tokens += 1;
            return Ok(Decision::Late(text));
        }
        if route.method == Method::Post {
            guard::check_post(head)?;
        }
        Ok(match route.what {
            What::File(file) => Decision::Reply(file.reply()),
            What::Health => Decision::Reply(Reply::ok(Kind::Text, &b"ok\n"[..])),
            What::Session => Decision::Reply(self.session(caller, by_token)),
            What::Login => self.log_in(&String::from_utf8_lossy(&request.body), caller),
            What::OpenApi => Decision::Reply(Reply::ok(Kind::Json, openapi::document())),
            What::Rpc => Decision::Calls,
            What::Socket => match &head.socket_key {
                Some(key) if head.method == Method::Get => Decision::Switch(key.clone()),
                Some(_) | None => return Err(Fault::new(426, "here is a WebSocket")),
            },
            What::Ready
            | What::Metrics
            | What::Status
            | What::Process
            | What::Act(_)
            | What::Reload
            | What::Logs
            | What::Events => match route::translate(route, &name, request) {
                Ok(Some((request, form))) => Decision::Ask(request, form),
                Ok(None) => return Err(Fault::new(500, "nobody knows what this means")),
                Err(refusal) => Decision::Reply(answer::refused(&refusal)),
            },
        })
    }

    /// Whether a request shows the token, or there is none to be shown.
    fn shows_token(&self, head: &Head) -> bool {
        match &self.settings.token {
            None => true,
            Some(token) => {
                guard::bears(head, token)
                    || guard::cookie(head, SESSION).is_some_and(|secret| self.sessions.knows(secret))
            }
        }
    }

    /// What somebody may do. Without a token, others on this machine may look, and those with a role may do what that
    /// allows.
    fn right_of(&self, caller: &Caller, by_token: bool) -> Right {
        let roles = || {
            let right = self.access.as_ref().zip(caller.uid);
            right.and_then(|(access, uid)| access.right_of(uid, &caller.groups)).unwrap_or(Right::Read)
        };
        match (self.settings.control, &self.settings.token) {
            (false, _) => Right::Read,
            (true, Some(_)) if by_token => Right::Admin,
            (true, Some(_)) => Right::Read,
            (true, None) => roles(),
        }
    }

    /// What the page has to know before it asks for anything.
    fn session(&self, caller: &Caller, by_token: bool) -> Reply {
        let right = self.right_of(caller, by_token).name();
        let needed = self.settings.token.is_some();
        let version = env!("CARGO_PKG_VERSION");
        let body = format!(
            "{{\"token_needed\":{needed},\"authorized\":{by_token},\"right\":\"{right}\",\"version\":\"{version}\"}}\n"
        );
        Reply::ok(Kind::Json, body.into_bytes())
    }

    /// Begins a session for whoever shows the token.
    fn log_in(&mut self, body: &str, caller: &Caller) -> Decision {
        let shown = jsonrpc::text_member(body, "token").unwrap_or_default();
        let known =
            self.settings.token.as_ref().is_some_and(|token| guard::equal(shown.trim().as_bytes(), token.as_bytes()));
        if !known {
            self.wrong_tokens += 1;
            return Decision::Late("this is not the token");
        }
        match self.sessions.begin() {
            None => Decision::Reply(Reply::of(&Fault::new(500, "no session could be begun"))),
            Some(secret) => {
                let cookie = format!("{SESSION}={secret}; HttpOnly; SameSite=Strict; Path=/");
                Decision::Reply(self.session(caller, true).with_header("Set-Cookie", cookie))
            }
        }
    }

    /// Answers the wrong tokens whose time has come.
    pub(super) fn answer_late(&mut self, reactor: &mut Reactor, now: Mono) {
        while let Some((_, id, text)) = self.late.front().copied().filter(|(at, ..)| *at <= now) {
            self.late.pop_front();
            let Some(connection) = self.all.get_mut(&id) else { continue };
            let Talk::Http { open, .. } = &mut connection.talk else { continue };
            let Some(Open { how, waits: Waits::Late }) = open.take() else { continue };
            connection.since = now;
            connection.answer(&Reply::of(&Fault::new(401, text)), how);
            self.flush(reactor, id, now);
        }
    }

    /// Answers a request, if its connection is still there. `written` is the result in JSON, if it was written before;
    /// `figures` are what [`Form::Metrics`] wants.
    pub fn reply(
        &mut self,
        reactor: &mut Reactor,
        ticket: Ticket,
        response: &Response,
        written: Option<&[u8]>,
        figures: Option<&[u8]>,
        now: Mono,
    ) {
        let Some(connection) = self.all.get_mut(&ticket.client) else { return };
        connection.since = now;
        connection.respond(ticket.number, response, written, figures);
        if connection.may_go_on() {
            self.wake(ticket.client);
        }
        self.flush(reactor, ticket.client, now);
    }

    /// Whether somebody waits for figures under this ticket.
    #[must_use]
    pub fn wants_figures(&self, ticket: Ticket) -> bool {
        let talk = self.all.get(&ticket.client).map(|c| &c.talk);
        let Some(Talk::Http { open: Some(Open { waits: Waits::One { form, .. }, .. }), .. }) = talk else {
            return false;
        };
        *form == Form::Metrics
    }
}

impl Connection {
    fn number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    fn answer(&mut self, reply: &Reply, how: How) {
        self.answered = Some(reply.status);
        reply.write(how, self.out.end());
        if !how.keep_alive {
            self.end();
        }
    }

    fn refuse(&mut self, fault: &Fault) {
        self.answer(&Reply::of(fault), How { keep_alive: false, head_only: false });
    }

    fn wait(&mut self, how: How, waits: Waits) {
        if let Talk::Http { open, .. } = &mut self.talk {
            *open = Some(Open { how, waits });
        }
    }

    /// Becomes a WebSocket.
    fn switch(&mut self, key: &str, by_token: bool) {
        let Talk::Http { reader, .. } = &mut self.talk else { return };
        reply::write_switch(&accept_key(key), self.out.end());
        let socket = Box::new(Socket::new(std::mem::take(reader).into_rest()));
        self.talk = Talk::Socket { socket, calls: Calls::default() };
        self.by_token = by_token;
    }

    /// Sends the answer to what has this number.
    fn respond(&mut self, number: u64, response: &Response, written: Option<&[u8]>, figures: Option<&[u8]>) {
        let result = written.map_or(Answer::Response(response), Answer::Written);
        match &mut self.talk {
            Talk::Stream { .. } => {}
            Talk::Socket { socket, calls } => {
                if let Some(text) = calls.answer(number, result) {
                    socket.say(text);
                    socket.take_out(self.out.end());
                }
            }
            Talk::Http { open, .. } => match open.take() {
                Some(Open { how, waits: Waits::One { number: known, form } }) if known == number => {
                    self.respond_to_one(number, how, form, response, written, figures);
                }
                Some(Open { how, waits: Waits::Calls(mut calls) }) => match calls.answer(number, result) {
                    Some(text) => self.answer(&Reply::ok(Kind::Json, text), how),
                    None if calls.is_done() => self.answer(&Reply::ok(Kind::Json, Vec::new()).with_status(204), how),
                    None => *open = Some(Open { how, waits: Waits::Calls(calls) }),
                },
                other => *open = other,
            },
        }
    }

    fn respond_to_one(
        &mut self,
        number: u64,
        how: How,
        form: Form,
        response: &Response,
        written: Option<&[u8]>,
        figures: Option<&[u8]>,
    ) {
        if response.goes_on() && !how.head_only {
            self.answered = Some(200);
            reply::write_stream_head(answer::kind_of(form), self.out.end());
            answer::write_beginning(form, response, self.out.end());
            self.talk = Talk::Stream { number, form };
            return;
        }
        match (form, written, figures) {
            (Form::Result, Some(result), _) => {
                self.answered = Some(200);
                reply::write_ok(Kind::Json, result, how, self.out.end());
                if !how.keep_alive {
                    self.end();
                }
            }
            (Form::Metrics, _, Some(figures)) => self.answer(&Reply::ok(Kind::Metrics, figures.to_vec()), how),
            _ => {
                // What would go on is over with its head.
                let how = How { keep_alive: how.keep_alive && !response.goes_on(), ..how };
                self.answer(&answer::reply(form, response), how);
            }
        }
    }
}
