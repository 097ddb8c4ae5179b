//! Stands where HTTP would be in a build without it: nobody ever connects.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::id::{ClientId, Ticket};
use crate::base::time::Mono;
use crate::config::model::DaemonConfig;
use crate::control::access::Access;
use crate::control::message::{Chunk, Event, Response};

use crate::supervise::action::Happening;

use super::clients::Follower;
use super::error::Error;
use super::logfile::LogFact;
use super::reactor::Reactor;
use super::run::Daemon;

/// How many connections there may be.
pub const MOST: usize = 0;

/// Nothing.
#[derive(Debug, Default)]
pub struct Web;

/// Nothing.
pub struct Settings;

impl Web {
    pub fn listen(_: &mut Reactor, _: &DaemonConfig, _: Access) -> Result<Web, Error> {
        Ok(Web)
    }

    pub fn addresses(&self) -> BTreeSet<&str> {
        BTreeSet::new()
    }

    pub fn prepare(_: &DaemonConfig, _: bool) -> Result<Settings, Error> {
        Ok(Settings)
    }

    pub fn configure(&mut self, _: Settings) {}

    pub fn set_access(&mut self, _: Access) {}

    pub fn is_control_on(&self) -> bool {
        false
    }

    pub fn remove_sockets(&self) {}

    pub fn wake(&mut self, _: ClientId) {}

    pub fn has_more(&self) -> bool {
        false
    }

    pub fn follower(&self, _: Ticket) -> Option<Follower> {
        None
    }

    pub fn push(&mut self, _: Ticket, _: &Event) {}

    pub fn push_output(&mut self, _: Ticket, _: &Chunk, _: bool) {}

    pub fn cut_short(&mut self, _: Ticket) {}

    pub fn note(&mut self, _: &Happening, _: Mono) {}

    pub fn note_log(&mut self, _: &LogFact) {}

    pub fn times_turns(&self) -> bool {
        false
    }

    pub fn turned(&mut self, _: Duration) {}

    pub fn next_deadline(&self) -> Option<Mono> {
        None
    }

    pub fn say_goodbye(&mut self, _: &mut Reactor, _: Mono) {}
}

impl Daemon {
    pub(super) fn accept_web(&mut self, _: u16) {}

    pub(super) fn serve_web(&mut self) {}

    pub(super) fn reply_by_web(&mut self, _: Ticket, _: &Response) {}
}
