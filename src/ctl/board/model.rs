//! What the board knows and shows, and what it wants done: inputs in, effects out. Pure; it is handed the time.
//!
//! States come from `status` alone. An event says that a process must be looked at again, and its line goes into the
//! feed; so what is shown is never pieced together. Nothing is asked without a reason: an event, a key, an open pane.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::id::Stream;
use crate::base::text::Plain;
use crate::base::time::Mono;
use crate::control::message::{Event, Response};
use crate::control::render::Clock;

use super::ask::{Act, Ask};
use super::columns::{self, Filled};
use super::keys::Key;
use super::layout::{self, Areas};
use super::pane::{Content, Feed, Pane, Written};
use super::rows::{Row, Rows};

/// Two looks at the same daemon are at least this far apart, however much happens.
const REFRESH_GAP: Duration = Duration::from_millis(100);

/// More processes than this are asked for as all.
const FEW_NAMES: usize = 64;

/// The tries to get the connection back: the first wait, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How long good news stays.
const MESSAGE_TIME: Duration = Duration::from_secs(8);

/// How often figures of use are asked for, and how soon where they are missing.
const USAGE_INTERVAL: Duration = Duration::from_secs(2);
const USAGE_SOON: Duration = Duration::from_millis(500);

/// How often times are shown anew.
const TICK: Duration = Duration::from_secs(1);

/// A request of many names is cut into several: a line that is too long would end the connection.
const NAMES_BYTES: usize = 32 << 10;

/// What comes in.
#[derive(Debug)]
pub enum Input {
    /// A key.
    Key(Key),
    /// The terminal has so many columns and rows.
    Size(u16, u16),
    /// There is a connection, and the events follow.
    Connected,
    /// There is none, or none any more.
    Lost(String),
    /// The daemon has answered.
    Answer(Ask, Response),
    /// Something has happened.
    Event(Event),
    /// The output that is followed.
    Written(Written),
    /// It is later.
    Time,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Connect.
    Connect,
    /// Ask the daemon.
    Ask(Ask),
    /// Follow this output, and no other any more.
    Follow(Option<(String, Stream)>),
    /// Draw everything anew, whatever the terminal shows.
    Redraw,
    /// Stop as Ctrl-Z does.
    Suspend,
    /// Leave.
    Leave,
}

/// The connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// There is one, and what is shown is as it is.
    Live,
    /// There is none.
    Lost {
        /// Since when; `None` before there ever was one.
        since: Option<Mono>,
        /// Why.
        why: String,
        /// When it is tried again; `None` while it is being tried.
        next: Option<Mono>,
        /// How long to wait after the next failure.
        wait: Duration,
    },
}

/// What has the keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Mode {
    /// The table.
    #[default]
    Table,
    /// The line in which the filter is typed, with what it was before.
    Filter(String),
    /// A question: really do this to these?
    Confirm(Act, Vec<String>),
    /// The page of help.
    Help,
}

/// What the last line says.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The text.
    pub text: String,
    /// Whether it tells of a failure. Then it stays until the next key.
    pub bad: bool,
    /// When it came.
    pub at: Mono,
}

/// What is to be looked at again.
#[derive(Debug, Default)]
pub(super) struct Refresh {
    pub(super) all: bool,
    pub(super) names: BTreeSet<String>,
    pub(super) asked: bool,
    pub(super) last: Option<Mono>,
}

/// What is known of the asking for figures of use.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    /// The daemon does not tell them.
    pub(super) refused: bool,
    pub(super) asked: bool,
    /// Some that are to be seen are missing.
    pub(super) soon: bool,
    pub(super) last: Option<Mono>,
}

/// Everything.
#[derive(Debug)]
pub struct Model {
    /// The processes.
    pub rows: Rows,
    /// The connection.
    pub link: Link,
    /// The pane, if one is open.
    pub pane: Option<Pane>,
    /// What has happened.
    pub feed: Feed,
    /// What has the keys.
    pub mode: Mode,
    /// What the last line says.
    pub message: Option<Message>,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The first row of the table that is to be seen.
    pub top: usize,
    /// What time it is.
    pub now: Mono,
    /// Where the daemon is.
    pub socket: String,
    focused: bool,
    pub(super) refresh: Refresh,
    pub(super) figures: Figures,
    /// The time of day at some point.
    pub(super) started: (Clock, Mono),
    ticked: Mono,
    pub(super) effects: Vec<Effect>,
    pub(super) changed: bool,
}

impl Model {
    /// Nothing is known yet, and a connection is wanted.
    #[must_use]
    pub fn new(socket: String, size: (u16, u16), clock: Clock, now: Mono) -> Model {
        let link = Link::Lost { since: None, why: "connecting".to_owned(), next: Some(now), wait: RETRY.0 };
        Model {
            rows: Rows::default(),
            link,
            pane: None,
            feed: Feed::default(),
            mode: Mode::Table,
            message: None,
            size,
            top: 0,
            now,
            socket,
            focused: true,
            refresh: Refresh::default(),
            figures: Figures::default(),
            started: (clock, now),
            ticked: now,
            effects: Vec::new(),
            changed: true,
        }
    }

    /// Takes what has come at `now`, and gives what is to be done.
    pub fn take(&mut self, input: Input, now: Mono) -> Vec<Effect> {
        self.now = now;
        match input {
            Input::Key(Key::Focus(focused)) => {
                self.focused = focused;
                self.changed = true;
            }
            Input::Key(key) => {
                self.changed = true;
                self.press(key);
            }
            Input::Size(columns, rows) => {
                self.size = (columns, rows);
                self.changed = true;
            }
            Input::Connected => self.connected(),
            Input::Lost(why) => self.lost(why),
            Input::Answer(ask, response) => self.answered(ask, response),
            Input::Event(event) => {
                self.refresh.names.insert(event.process.clone());
                if let Some(Pane { content: Content::Why(why), .. }) = &mut self.pane
                    && why.name == event.process
                {
                    why.next = Some(now);
                }
                self.feed.add(event);
                self.changed |= self.shows(&Content::Events);
            }
            Input::Written(written) => self.written(written),
            Input::Time => {}
        }
        self.follow_cursor();
        self.act_on_time();
        std::mem::take(&mut self.effects)
    }

    /// Whether there is anything new to draw. Asking takes note that it is drawn.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Where everything stands.
    #[must_use]
    pub fn areas(&self) -> Areas {
        layout::areas(self.size, self.pane.as_ref().map(|pane| pane.zoomed))
    }

    /// When something is to be done although nothing comes.
    #[must_use]
    pub fn due(&self) -> Option<Mono> {
        let message = self.message.as_ref().filter(|message| !message.bad).map(|m| m.at.after(MESSAGE_TIME));
        let tick = (self.focused && self.shows_time()).then(|| self.ticked.after(TICK));
        let link = match &self.link {
            Link::Live => [self.refresh_due(), self.usage_due(), self.pane.as_ref().and_then(Pane::due)],
            Link::Lost { next, .. } => [*next, None, None],
        };
        [message, tick].into_iter().chain(link).flatten().min()
    }

    /// Whether something that is to be seen changes with time.
    fn shows_time(&self) -> bool {
        match self.link {
            Link::Lost { since, .. } => since.is_some(),
            Link::Live => {
                let detail = self.rows.selected().is_some_and(|row| row.status.for_ms.is_some());
                detail || self.seen().any(columns::shows_time)
            }
        }
    }

    fn refresh_due(&self) -> Option<Mono> {
        let Refresh { all, names, asked, last } = &self.refresh;
        let wanted = (*all || !names.is_empty()) && !asked;
        wanted.then(|| last.map_or(self.now, |last| last.after(REFRESH_GAP)))
    }

    /// Figures are for those that are to be seen, and only while there is somebody to see them.
    fn usage_due(&self) -> Option<Mono> {
        let Figures { refused, asked, soon, last } = self.figures;
        let wanted = self.focused && !refused && !asked && self.seen().any(|row| row.status.pid.is_some());
        let interval = if soon { USAGE_SOON } else { USAGE_INTERVAL };
        wanted.then(|| last.map_or(self.now, |last| last.after(interval)))
    }

    /// The rows that are to be seen.
    pub(super) fn seen(&self) -> impl Iterator<Item = &Row> {
        let seen = self.top..self.top + usize::from(self.areas().table.height);
        seen.filter_map(|n| self.rows.shown(n))
    }

    /// Whether the pane is open with this.
    pub(super) fn shows(&self, content: &Content) -> bool {
        self.pane.as_ref().is_some_and(|pane| pane.content == *content)
    }

    /// What is due by now.
    fn act_on_time(&mut self) {
        let now = self.now;
        let due = |at: Option<Mono>| at.is_some_and(|at| at <= now);
        if self.message.as_ref().is_some_and(|message| !message.bad && message.at.after(MESSAGE_TIME) <= now) {
            self.message = None;
            self.changed = true;
        }
        if self.focused && now >= self.ticked.after(TICK) && self.shows_time() {
            self.ticked = now;
            self.changed = true;
        }
        match &mut self.link {
            Link::Lost { next, .. } if due(*next) => {
                *next = None;
                self.effects.push(Effect::Connect);
            }
            Link::Lost { .. } => {}
            Link::Live => {
                if due(self.refresh_due()) {
                    self.look_again();
                }
                if due(self.usage_due()) {
                    self.count_usage();
                }
                if due(self.pane.as_ref().and_then(Pane::due)) {
                    self.fill_pane();
                }
            }
        }
    }

    fn look_again(&mut self) {
        let few = !self.refresh.all && self.refresh.names.len() <= FEW_NAMES;
        let names = std::mem::take(&mut self.refresh.names);
        self.refresh = Refresh { asked: true, last: Some(self.now), ..Refresh::default() };
        let names = if few { names.into_iter().collect() } else { Vec::new() };
        self.effects.push(Effect::Ask(Ask::Status(names)));
    }

    /// Looks at everything again.
    pub(super) fn want_all(&mut self) {
        self.refresh.all = true;
    }

    fn count_usage(&mut self) {
        let living = self.seen().filter(|row| row.status.pid.is_some());
        let names = living.map(|row| row.status.name.clone()).collect();
        self.figures = Figures { asked: true, soon: false, last: Some(self.now), ..self.figures };
        self.effects.push(Effect::Ask(Ask::Usage(names)));
    }

    /// Whether figures of use can be had.
    #[must_use]
    pub fn has_usage(&self) -> bool {
        !self.figures.refused
    }

    /// Which columns have something in them.
    #[must_use]
    pub fn filled(&self) -> Filled {
        let health = self.rows.all().iter().any(|row| row.status.health.is_some());
        Filled { usage: self.has_usage(), health }
    }

    fn fill_pane(&mut self) {
        let effect = match self.pane.as_mut().map(|pane| &mut pane.content) {
            Some(Content::Output(output)) => {
                output.next = None;
                Effect::Follow(Some((output.name.clone(), output.stream)))
            }
            Some(Content::Why(why)) => {
                why.next = None;
                Effect::Ask(Ask::Why(why.name.clone()))
            }
            Some(Content::Events) | None => return,
        };
        self.effects.push(effect);
    }

    /// Keeps the table and the pane with the row that the cursor is on.
    pub(super) fn follow_cursor(&mut self) {
        let height = usize::from(self.areas().table.height).max(1);
        let (cursor, count) = (self.rows.cursor(), self.rows.shown_count());
        let top = self.top;
        self.top = top.min(cursor).max((cursor + 1).saturating_sub(height)).min(count.saturating_sub(height));
        self.figures.soon |= top != self.top;
        let selected = self.rows.selected().map(|row| row.status.name.clone());
        if let (Some(pane), Some(name)) = (&mut self.pane, selected)
            && pane.name().is_some_and(|of| of != name)
        {
            pane.turn_to(name, self.now);
            self.effects.push(Effect::Follow(None));
        }
    }

    fn connected(&mut self) {
        self.link = Link::Live;
        self.changed = true;
        self.refresh = Refresh { all: true, ..Refresh::default() };
        self.effects.push(Effect::Ask(Ask::Daemon));
        self.figures = Figures::default();
        let now = Some(self.now);
        match self.pane.as_mut().map(|pane| &mut pane.content) {
            Some(Content::Output(output)) => output.next = now,
            Some(Content::Why(why)) => why.next = now,
            Some(Content::Events) | None => {}
        }
    }

    fn lost(&mut self, why: String) {
        let (since, wait) = match &self.link {
            Link::Live => (Some(self.now), RETRY.0),
            Link::Lost { since, wait, .. } => (*since, *wait),
        };
        self.feed.lost();
        let wait_next = (wait * 2).min(RETRY.1);
        self.link = Link::Lost { since, why, next: Some(self.now.after(wait)), wait: wait_next };
        self.changed = true;
    }

    /// Says something in the last line.
    pub(super) fn say(&mut self, text: impl Into<String>, bad: bool) {
        self.message = Some(Message { text: text.into(), bad, at: self.now });
        self.changed = true;
    }

    /// Gives a command for some processes.
    pub(super) fn carry_out(&mut self, act: Act, names: Vec<String>) {
        if self.link != Link::Live {
            return self.say(format!("{}: there is no daemon to ask", act.word()), true);
        }
        self.say(format!("{} {} …", act.word(), counted(&names)), false);
        let mut part = Vec::new();
        let mut bytes = 0;
        for name in names {
            bytes += name.len() + 3;
            if bytes > NAMES_BYTES {
                bytes = name.len();
                self.effects.push(Effect::Ask(Ask::Act(act, std::mem::take(&mut part))));
            }
            part.push(name);
        }
        self.effects.push(Effect::Ask(Ask::Act(act, part)));
    }
}

/// `web`, or `3 processes`.
pub fn counted(names: &[String]) -> String {
    match names {
        [name] => Plain(name).to_string(),
        names => format!("{} processes", names.len()),
    }
}

#[cfg(test)]
pub(in crate::ctl::board) mod tests;
