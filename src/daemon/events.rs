//! What happened to processes, told to whoever wants to know: the last thousand events, and the clients that follow.
//!
//! An event is made once and put into the buffers of those that follow it; their sockets are served later in the turn,
//! so that a thousand of them do not hold up a restart.

use std::collections::{BTreeMap, VecDeque};

use crate::base::id::{ClientId, ProgramName, Ticket};
use crate::base::select::Selector;
use crate::control::message::{Event, EventList, Response};
use crate::supervise::action::Happening;

use super::clock;
use super::run::Daemon;

/// How many events are kept.
const KEPT: usize = 1000;

/// The events that are kept, and who follows.
#[derive(Debug, Default)]
pub struct Events {
    kept: VecDeque<Kept>,
    /// How many there have been.
    count: u64,
    followers: BTreeMap<Ticket, Vec<Selector>>,
}

/// An event, and what it is chosen by.
#[derive(Debug)]
struct Kept {
    event: Event,
    program: ProgramName,
    group: Option<ProgramName>,
}

impl Kept {
    fn is_chosen(&self, selectors: &[Selector]) -> bool {
        let matches = |s: &Selector| s.matches(&self.program, self.event.num, self.group.as_ref());
        selectors.is_empty() || selectors.iter().any(matches)
    }
}

impl Events {
    /// Forgets who is gone.
    pub fn forget(&mut self, client: ClientId) {
        self.followers.retain(|ticket, _| ticket.client != client);
    }

    /// Those that are kept, from a number on.
    fn since(&self, first: u64, selectors: &[Selector], follow: bool) -> EventList {
        let wanted = self.kept.iter().filter(|kept| kept.event.seq >= first && kept.is_chosen(selectors));
        let oldest = self.kept.front().map_or(self.count + 1, |kept| kept.event.seq);
        // Whoever asks for all that are kept misses nothing.
        let lost = if first == 0 { 0 } else { oldest.saturating_sub(first) };
        EventList { events: wanted.map(|kept| kept.event.clone()).collect(), next: self.count + 1, follow, lost }
    }
}

impl Daemon {
    /// Keeps an event and tells those who follow.
    pub(super) fn publish(&mut self, happening: &Happening) {
        let Happening { name, program, num, group, pid, from, to, note } = happening;
        self.events.count += 1;
        let event = Event {
            seq: self.events.count,
            time: clock::wall().to_string(),
            event: note.word().to_owned(),
            program: program.to_string(),
            process: name.clone(),
            num: *num,
            group: group.as_ref().map(ToString::to_string),
            pid: *pid,
            from: *from,
            to: *to,
            cause: note.to_string(),
        };
        let kept = Kept { event, program: program.clone(), group: group.clone() };
        for (ticket, selectors) in &self.events.followers {
            if kept.is_chosen(selectors) {
                self.clients.push(*ticket, &kept.event);
            }
        }
        if self.events.kept.len() == KEPT {
            self.events.kept.pop_front();
        }
        self.events.kept.push_back(kept);
    }

    /// Answers `events`; if it is followed, what happens later comes behind the answer.
    pub(super) fn tell_events(&mut self, ticket: Ticket, names: &[String], since: Option<u64>, follow: bool) {
        // A name that means nothing is a mistake now, whatever may come.
        if let Err(refusal) = self.fleet.chosen(names) {
            return self.reply(ticket, &Response::Refused(refusal));
        }
        let selectors: Vec<Selector> = names.iter().map(|name| Selector::parse(name)).collect();
        let first = since.unwrap_or(if follow { u64::MAX } else { 0 });
        let list = self.events.since(first, &selectors, follow);
        let list = if first == u64::MAX { EventList { lost: 0, ..list } } else { list };
        if follow {
            self.events.followers.insert(ticket, selectors);
        }
        self.reply(ticket, &Response::Events(list));
    }
}
