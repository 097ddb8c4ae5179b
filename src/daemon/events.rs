//! What happened to processes, told to whoever wants to know: the last thousand events, and the clients that follow.
//!
//! An event is made once and kept. Each follower has a place among those that are kept, and is told what is behind it when
//! children and commands have had their turn, so that a thousand of them do not hold up a restart. One that has no room
//! waits, and costs nothing meanwhile; one that falls behind the last that is kept is cut off.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::base::id::{ClientId, Ticket};
use crate::base::select::Selector;
use crate::base::time::Wall;
use crate::control::message::{Event, EventList, Response};
use crate::supervise::action::Happening;

use super::audience;
use super::clock;
use super::run::Daemon;

/// How many events are kept.
const KEPT: usize = 1000;

/// How many followers are told in one turn.
const FOLLOWERS_PER_TURN: usize = 64;

/// With less room than this a client is told nothing more: a single event is shorter.
const LEAST_ROOM_BYTES: usize = 4 << 10;

/// The events that are kept, and who follows.
#[derive(Debug, Default)]
pub struct Events {
    kept: VecDeque<Kept>,
    /// How many there have been.
    count: u64,
    followers: BTreeMap<Ticket, Follower>,
    /// How many there had been when the last round began.
    round: u64,
    /// Who is still to be told in this round.
    waiting: VecDeque<Ticket>,
    /// Who had no room.
    blocked: BTreeSet<Ticket>,
}

/// Who follows, and what was told.
#[derive(Debug)]
struct Follower {
    selectors: Vec<Selector>,
    /// The number of the first event that was not told.
    next: u64,
}

/// An event that is kept. Most are never told to anybody: the texts are made when the first one wants them.
#[derive(Debug)]
struct Kept {
    seq: u64,
    at: Wall,
    happening: Happening,
    told: OnceCell<Box<Event>>,
}

impl Kept {
    fn is_chosen(&self, selectors: &[Selector]) -> bool {
        let Happening { program, num, group, .. } = &self.happening;
        let matches = |s: &Selector| s.matches(program, *num, group.as_ref());
        selectors.is_empty() || selectors.iter().any(matches)
    }

    fn event(&self) -> &Event {
        self.told.get_or_init(|| {
            let Happening { name, program, num, group, pid, from, to, note } = &self.happening;
            Box::new(Event {
                seq: self.seq,
                time: self.at.to_string(),
                event: note.word().to_owned(),
                program: program.to_string(),
                process: name.clone(),
                num: *num,
                group: group.as_ref().map(ToString::to_string),
                pid: *pid,
                from: *from,
                to: *to,
                cause: note.to_string(),
            })
        })
    }
}

impl Events {
    /// Forgets who is gone.
    pub fn forget(&mut self, client: ClientId) {
        self.followers.retain(|ticket, _| ticket.client != client);
        self.blocked.retain(|ticket| ticket.client != client);
    }

    /// Whether somebody is to be told something.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.waiting.is_empty() || (self.round < self.count && !self.followers.is_empty())
    }

    /// The number of the oldest event that is kept.
    fn oldest(&self) -> u64 {
        self.kept.front().map_or(self.count + 1, |kept| kept.seq)
    }

    /// Who is told next; a new round begins when the last is over and something has happened since.
    fn take_turn(&mut self) -> Vec<Ticket> {
        if self.waiting.is_empty() && self.round < self.count {
            self.round = self.count;
            self.waiting = self.followers.keys().copied().collect();
        }
        let some = self.waiting.len().min(FOLLOWERS_PER_TURN);
        self.waiting.drain(..some).collect()
    }

    /// Those that are kept, from a number on.
    fn since(&self, first: u64, selectors: &[Selector], follow: bool) -> EventList {
        let wanted = self.kept.iter().filter(|kept| kept.seq >= first && kept.is_chosen(selectors));
        let oldest = self.oldest();
        // Whoever asks for all that are kept misses nothing.
        let lost = if first == 0 { 0 } else { oldest.saturating_sub(first) };
        EventList { events: wanted.map(|kept| kept.event().clone()).collect(), next: self.count + 1, follow, lost }
    }
}

impl Daemon {
    /// Keeps an event for those who follow.
    pub(super) fn publish(&mut self, happening: Happening) {
        self.web.note(&happening, self.now);
        self.events.count += 1;
        let kept = Kept { seq: self.events.count, at: clock::wall(), happening, told: OnceCell::new() };
        self.receivers.offer(&kept.happening, || kept.event());
        if self.events.kept.len() == KEPT {
            self.events.kept.pop_front();
        }
        self.events.kept.push_back(kept);
    }

    /// Tells some of those who follow what has happened since they were told last.
    pub(super) fn tell_followers(&mut self) {
        for ticket in self.events.take_turn() {
            self.tell_follower(ticket);
        }
    }

    /// The same for a client that has room again.
    pub(super) fn resume_follower(&mut self, client: ClientId) {
        let of_client = Ticket { client, number: 0 }..=Ticket { client, number: u64::MAX };
        let tickets: Vec<Ticket> = self.events.blocked.range(of_client).copied().collect();
        for ticket in tickets {
            self.events.blocked.remove(&ticket);
            self.events.waiting.push_back(ticket);
        }
    }

    /// Tells everybody all there is: the daemon leaves.
    pub(super) fn tell_all_followers(&mut self) {
        while self.events.has_more() {
            self.tell_followers();
        }
    }

    fn tell_follower(&mut self, ticket: Ticket) {
        let Events { kept, count, followers, blocked, .. } = &mut self.events;
        let Some(follower) = followers.get_mut(&ticket) else { return };
        let oldest = kept.front().map_or(*count + 1, |kept| kept.seq);
        if follower.next < oldest {
            followers.remove(&ticket);
            return audience::cut_short(&mut self.clients, &mut self.web, ticket);
        }
        let from = usize::try_from(follower.next - oldest).unwrap_or(usize::MAX);
        for kept in kept.iter().skip(from) {
            let told = audience::follower(&self.clients, &self.web, ticket);
            if told.is_none_or(|client| client.room < LEAST_ROOM_BYTES) {
                blocked.insert(ticket);
                return;
            }
            follower.next = kept.seq + 1;
            if kept.is_chosen(&follower.selectors) {
                audience::push(&mut self.clients, &mut self.web, ticket, kept.event());
            }
        }
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
            self.events.followers.insert(ticket, Follower { selectors, next: list.next });
        }
        self.reply(ticket, &Response::Events(list));
    }
}
