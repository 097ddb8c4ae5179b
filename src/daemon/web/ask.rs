//! The daemon's side of HTTP: connections are served in their turn, their requests go the way of all requests, and the
//! answers come back.

use crate::base::id::Ticket;
use crate::config::model::Level;
use crate::control::jsonrpc;
use crate::control::message::{Request, Response};
use crate::daemon::clients::Asked;
use crate::daemon::run::Daemon;

use super::{Shared, Web};

impl Daemon {
    /// Takes in new connections of HTTP.
    pub(in crate::daemon) fn accept_web(&mut self, listener: u16) {
        let (gone, trouble) = self.web.accept(&mut self.reactor, listener, self.now);
        self.forget_clients(gone);
        if let Some(trouble) = trouble {
            self.log(Level::Warning, trouble);
        }
    }

    /// Serves some of the connections that are due, and ends those whose patience is over.
    pub(in crate::daemon) fn serve_web(&mut self) {
        if self.web.is_quiet(self.now) {
            return;
        }
        let (gone, trouble) = self.web.accept_again(&mut self.reactor, self.now);
        self.forget_clients(gone);
        if let Some(trouble) = trouble {
            self.log(Level::Warning, trouble);
        }
        let (asked, gone) = self.web.serve_some(&mut self.reactor, self.now);
        for asked in asked {
            if let Some(asked) = self.web.join(asked) {
                self.serve_request(asked);
            }
        }
        self.forget_clients(gone);
        let gone = self.web.send_streams(&mut self.reactor, self.now);
        self.forget_clients(gone);
        for client in self.web.take_drained() {
            self.resume_follower(client);
            self.follows.resume(client);
        }
        self.web.answer_late(&mut self.reactor, self.now);
        let late = self.web.cut_off(&mut self.reactor, self.now);
        self.forget_clients(late);
        match self.web.take_wrong_tokens() {
            0 => {}
            1 => self.log(Level::Warning, "a request by HTTP was refused: it showed a wrong token"),
            n => self.log(Level::Warning, format_args!("{n} requests by HTTP were refused: they showed wrong tokens")),
        }
    }

    /// Answers all who wait for this.
    pub(in crate::daemon) fn reply_by_web(&mut self, ticket: Ticket, response: &Response) {
        let tickets = self.web.takers(ticket);
        let written = matches!(response, Response::Status(_)).then(|| {
            let mut result = Vec::new();
            jsonrpc::write_body(response, &mut result);
            result
        });
        let figures = tickets.iter().any(|ticket| self.web.wants_figures(*ticket)).then(|| self.figures(response));
        for ticket in tickets {
            let (written, figures) = (written.as_deref(), figures.as_deref());
            self.web.reply(&mut self.reactor, ticket, response, written, figures, self.now);
        }
    }
}

impl Web {
    /// Whether there is nothing to do.
    fn is_quiet(&self, now: crate::base::time::Mono) -> bool {
        !self.has_more() && self.drained.is_empty() && self.next_deadline().is_none_or(|at| at > now)
    }

    /// The state of processes is asked for once, however many want to know it at the same time. `None` if somebody has
    /// asked the same already, and is not answered yet.
    fn join(&mut self, asked: Asked) -> Option<Asked> {
        if !matches!(asked.request, Request::Status { .. }) {
            return Some(asked);
        }
        match self.shared.iter_mut().find(|shared| shared.request == asked.request) {
            Some(shared) => {
                shared.tickets.push(asked.ticket);
                None
            }
            None => {
                self.shared.push(Shared { request: asked.request.clone(), tickets: vec![asked.ticket] });
                Some(asked)
            }
        }
    }

    /// All who asked the same.
    fn takers(&mut self, ticket: Ticket) -> Vec<Ticket> {
        match self.shared.iter().position(|shared| shared.tickets.first() == Some(&ticket)) {
            Some(at) => self.shared.swap_remove(at).tickets,
            None => vec![ticket],
        }
    }
}
