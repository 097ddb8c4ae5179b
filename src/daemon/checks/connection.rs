//! Checks by a connection: one that is made is enough, or there is a request to be answered.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::base::errno::plain;
use crate::base::target::{HttpTarget, Target};
use crate::config::model::Probe;
use crate::supervise::health::Found;
use crate::sys::connect::{self, Address};

use super::http::Exchange;
use super::{Id, Way, wrong};
use crate::daemon::reactor::{Reactor, Source, Token, Wants};
use crate::daemon::run::Daemon;

/// A connection that is under way.
#[derive(Debug)]
pub struct Connection {
    token: Token,
    /// It has been made.
    made: bool,
    /// The addresses to be tried if this one takes none.
    others: VecDeque<Address>,
    /// What is asked when it is made; `None` if that is enough.
    exchange: Option<Exchange>,
}

/// What has come of serving a connection.
pub enum Step {
    /// Nothing yet.
    Wait,
    /// This.
    Found(Found),
    /// It could not be made.
    Failed(String),
}

impl Connection {
    /// Connects to the first of several addresses that takes it, to make this request. What was wrong with the last one
    /// if there is none; `failed` if there was none at all.
    ///
    /// # Errors
    /// No address takes it.
    pub fn begin(
        reactor: &mut Reactor,
        source: Source,
        mut others: VecDeque<Address>,
        exchange: Exchange,
        mut failed: String,
    ) -> Result<Connection, String> {
        while let Some(address) = others.pop_front() {
            match connect::begin(&address) {
                Ok((fd, made)) => match reactor.add(source, fd, Wants::ReadWrite) {
                    Ok(token) => return Ok(Connection { token, made, others, exchange: Some(exchange) }),
                    Err((error, _)) => failed = plain(&error),
                },
                Err(error) => failed = plain(&error),
            }
        }
        Err(failed)
    }

    /// Goes on to the next address after one has failed.
    ///
    /// # Errors
    /// No address takes it.
    pub fn try_others(self, reactor: &mut Reactor, source: Source, failed: String) -> Result<Connection, String> {
        let Connection { token, others, exchange, .. } = self;
        reactor.remove(token);
        let Some(exchange) = exchange else { return Err(failed) };
        Connection::begin(reactor, source, others, exchange, failed)
    }

    /// Goes on as far as that goes at once.
    pub fn serve(&mut self, reactor: &Reactor) -> Step {
        let Some(fd) = reactor.fd(self.token) else { return Step::Failed("the connection is lost".to_owned()) };
        if !self.made {
            match connect::is_done(fd) {
                Ok(false) => return Step::Wait,
                Ok(true) => self.made = true,
                Err(error) => return Step::Failed(plain(&error)),
            }
        }
        match &mut self.exchange {
            None => Step::Found(Found::default()),
            Some(exchange) => exchange.go_on(fd).map_or(Step::Wait, Step::Found),
        }
    }

    /// Gives it up.
    pub fn close(self, reactor: &mut Reactor) {
        if let Some(fd) = reactor.remove(self.token) {
            connect::close(fd);
        }
    }
}

impl Daemon {
    /// Begins the connection of a check.
    pub(super) fn connect(&mut self, id: Id) {
        let Some(purpose) = self.checks.all.get(&id).map(|check| check.purpose) else { return };
        let gone = || "there is no such check any more".to_owned();
        let target = self.probe(id.0, purpose).and_then(|probe| match probe {
            Probe::Tcp(text) => Ok((Target::parse(&text)?, None)),
            Probe::Http { url, status } => {
                let HttpTarget { target, host, path } = HttpTarget::parse(&url)?;
                Ok((target, Some(Exchange::new(&host, &path, status))))
            }
            Probe::Exec(_) | Probe::Log(_) | Probe::Notify | Probe::Fd(_) => Err(gone()),
        });
        match target {
            Ok((target, exchange)) => self.try_addresses(id, addresses(target), exchange, String::new()),
            Err(text) => self.answer_check(id, wrong(text)),
        }
    }

    /// Connects to the first address that takes it.
    fn try_addresses(&mut self, id: Id, mut others: VecDeque<Address>, exchange: Option<Exchange>, mut failed: String) {
        while let Some(address) = others.pop_front() {
            match connect::begin(&address) {
                Ok((fd, true)) if exchange.is_none() => {
                    connect::close(fd);
                    return self.answer_check(id, Found::default());
                }
                Ok((fd, made)) => match self.reactor.add(Source::Check(id.0, id.1), fd, Wants::ReadWrite) {
                    Ok(token) => {
                        let connection = Connection { token, made, others, exchange };
                        return self.keep_connection(id, connection);
                    }
                    Err((error, _)) => failed = plain(&error),
                },
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    "its queue of connections is full".clone_into(&mut failed);
                }
                Err(error) => failed = plain(&error),
            }
        }
        self.answer_check(id, wrong(failed));
    }

    fn keep_connection(&mut self, id: Id, connection: Connection) {
        let (made, token) = (connection.made, connection.token);
        match self.checks.all.get_mut(&id) {
            Some(check) => {
                check.way = Way::Connection(Box::new(connection));
                self.checks.connected += 1;
                if made {
                    self.serve_check(id);
                }
            }
            None => drop(self.reactor.remove(token)),
        }
    }

    /// Something has happened to the connection of a check.
    pub(in crate::daemon) fn serve_check(&mut self, id: Id) {
        let Some(check) = self.checks.all.get_mut(&id) else { return };
        let Way::Connection(connection) = &mut check.way else { return };
        match connection.serve(&self.reactor) {
            Step::Wait => {}
            Step::Found(found) => self.answer_check(id, found),
            Step::Failed(text) => {
                let Way::Connection(connection) = std::mem::replace(&mut check.way, Way::Waiting) else { return };
                self.checks.connected -= 1;
                let Connection { token, others, exchange, .. } = *connection;
                self.reactor.remove(token);
                self.try_addresses(id, others, exchange, text);
            }
        }
    }
}

/// What is tried in turn.
pub fn addresses(target: Target) -> VecDeque<Address> {
    match target {
        Target::Ip(address) => [Address::Tcp(address)].into(),
        Target::Localhost(port) => {
            let both = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            both.map(|ip: IpAddr| Address::Tcp(SocketAddr::new(ip, port))).into()
        }
        Target::Unix(path) => [Address::Unix(path)].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_refused_is_told_so() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap());
        let mut reactor = Reactor::new().unwrap();
        let (fd, _) = connect::begin(&address).unwrap();
        let token = reactor.add(Source::Timer, fd, Wants::ReadWrite).unwrap();
        let mut connection = Connection { token, made: false, others: VecDeque::new(), exchange: None };
        assert!(matches!(connection.serve(&reactor), Step::Found(Found { wrong: None, .. })));
        connection.close(&mut reactor);
        assert!(reactor.fd(token).is_none());
    }
}
