//! The pane below the processes: the output of the selected one, the events, or why it is as it is.
//!
//! Keeps what it shows and how far it is scrolled, and says what it still needs; `model` asks for that.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::id::Stream;
use crate::base::time::Mono;
use crate::control::message::{Event, Request};

use super::safe;

/// How many of the last lines are fetched.
const OUTPUT_LINES: u32 = 500;

/// How long after an answer the lines are fetched again.
const OUTPUT_INTERVAL: Duration = Duration::from_secs(1);

/// How many events are kept, as many as the daemon does.
const EVENTS: usize = 1000;

/// Where the lines of a process come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputSource {
    /// The last lines of its log, fetched again and again.
    Tail,
}

impl OutputSource {
    /// What to ask for.
    #[must_use]
    pub fn request(self, name: &str, stream: Stream) -> Request {
        match self {
            OutputSource::Tail => Request::Tail { name: name.to_owned(), stream, lines: OUTPUT_LINES },
        }
    }

    /// How long after an answer to ask again.
    fn interval(self) -> Option<Duration> {
        match self {
            OutputSource::Tail => Some(OUTPUT_INTERVAL),
        }
    }
}

/// What a process has written.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Whose it is.
    pub name: String,
    /// Which.
    pub stream: Stream,
    /// Where it comes from.
    pub source: OutputSource,
    /// The lines, safe to show.
    pub lines: Vec<safe::Line>,
    /// Why there are none.
    pub trouble: Option<String>,
    /// Whether an answer is under way.
    pub asked: bool,
    /// When to ask again.
    pub next: Option<Mono>,
}

impl Output {
    /// For a process, with nothing known yet.
    #[must_use]
    pub fn of(name: String, stream: Stream, now: Mono) -> Output {
        let source = OutputSource::Tail;
        Output { name, stream, source, lines: Vec::new(), trouble: None, asked: false, next: Some(now) }
    }

    /// Takes what was asked for. Says whether it is anything new.
    pub fn take(&mut self, text: Result<&[u8], String>, now: Mono) -> bool {
        self.asked = false;
        self.next = self.source.interval().map(|interval| now.after(interval));
        let (lines, trouble) = match text {
            Ok(bytes) => (safe::lines(bytes), None),
            Err(trouble) => (Vec::new(), Some(trouble)),
        };
        let new = lines != self.lines || trouble != self.trouble;
        (self.lines, self.trouble) = (lines, trouble);
        new
    }
}

/// What the pane shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Output of the selected process.
    Output(Output),
    /// What happens to all of them.
    Events,
    /// Why the selected one is as it is.
    Why,
}

/// The pane while it is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Pane {
    /// What it shows.
    pub content: Content,
    /// How many lines it is scrolled up from the end.
    pub up: usize,
    /// Whether it takes all the room.
    pub zoomed: bool,
}

impl Pane {
    /// Scrolls, up if that is positive, as far as there are lines.
    pub fn scroll(&mut self, by: isize, lines: usize, height: usize) {
        self.up = self.up.saturating_add_signed(by).min(lines.saturating_sub(height));
    }
}

/// The events, over restarts of the daemon: its count begins anew with each.
#[derive(Debug, Default)]
pub struct Feed {
    /// By the life of the daemon and its number.
    events: BTreeMap<(u32, u64), Event>,
    life: u32,
    daemon: Option<u32>,
    /// What came before it was known which daemon this is.
    early: Vec<Event>,
    known: bool,
}

impl Feed {
    /// The connection is gone: whether it is the same daemon afterwards must be asked.
    pub fn lost(&mut self) {
        self.known = false;
        self.early.clear();
    }

    /// It is the daemon with this process id. Says from which event on the rest is to be asked for.
    pub fn daemon(&mut self, pid: u32) -> u64 {
        if self.daemon.is_some_and(|daemon| daemon != pid) {
            self.life += 1;
        }
        self.daemon = Some(pid);
        self.known = true;
        let last = self.events.range((self.life, 0)..).next_back().map(|((_, seq), _)| *seq);
        for event in std::mem::take(&mut self.early) {
            self.add(event);
        }
        last.map_or(0, |last| last + 1)
    }

    /// Takes one; whether in order or not, and twice or not.
    pub fn add(&mut self, event: Event) {
        if !self.known {
            self.early.push(event);
            return;
        }
        self.events.insert((self.life, event.seq), event);
        while self.events.len() > EVENTS {
            self.events.pop_first();
        }
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Lines from the end, the last one first: each with whether its daemon is another than that of the line before.
    pub fn from_end(&self) -> impl Iterator<Item = (&Event, bool)> {
        let before = self.events.keys().rev().skip(1).map(|(life, _)| Some(*life)).chain([None]);
        let lines = self.events.iter().rev().zip(before);
        lines.map(|(((life, _), event), before)| (event, before.is_some_and(|before| before != *life)))
    }
}
