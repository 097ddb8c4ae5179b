//! The pane below the processes: the output of the selected one, the events, or why it is as it is.
//!
//! Keeps what it shows and how far it is scrolled, and says what it still needs; `model` asks for that.

use std::collections::BTreeMap;
use std::time::Duration;

use ratatui_core::text::Span;

use crate::base::id::Stream;
use crate::base::text::Plain;
use crate::base::time::Mono;
use crate::control::message::{Chunk, Event, LogList, Request};

use super::safe::Tape;

/// How many of the last lines come first.
const OUTPUT_LINES: u32 = 500;

/// How long the cursor must rest on a process before its output is asked for, or the reason of its state.
const REST: Duration = Duration::from_millis(60);

/// How long after output has ended it is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// How many events are kept, as many as the daemon does.
const EVENTS: usize = 1000;

/// News of the output that is followed.
#[derive(Debug)]
pub enum Written {
    /// It begins with this.
    Begins(LogList),
    /// There is more.
    More(Chunk),
    /// There is no more, for this reason.
    Ends(String),
}

/// What a process writes, as it writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Whose it is.
    pub name: String,
    /// Which.
    pub stream: Stream,
    /// The lines.
    pub tape: Tape,
    /// Why there are none, or no more.
    pub trouble: Option<String>,
    /// When to ask for it; `None` iff it follows, or is to.
    pub next: Option<Mono>,
}

impl Output {
    /// For a process, with nothing known yet.
    #[must_use]
    pub fn of(name: String, stream: Stream, now: Mono) -> Output {
        Output { name, stream, tape: Tape::default(), trouble: None, next: Some(now.after(REST)) }
    }

    /// What to ask for.
    #[must_use]
    pub fn request(name: &str, stream: Stream) -> Request {
        let (names, from) = (vec![name.to_owned()], Vec::new());
        Request::Logs { names, stream: Some(stream), lines: OUTPUT_LINES, follow: true, from }
    }

    /// The answer has come, and the rest follows.
    pub fn begin(&mut self, list: &LogList) {
        self.tape = Tape::default();
        self.trouble = list.notes.first().map(|note| Plain(note).to_string());
        for chunk in &list.chunks {
            self.more(chunk);
        }
    }

    /// It has written more. Says how many lines began.
    pub fn more(&mut self, chunk: &Chunk) -> usize {
        // There is one log only; while a reload takes place it may be another's.
        if chunk.next.process == self.name { self.tape.feed(&chunk.bytes) } else { 0 }
    }

    /// No more follows.
    pub fn end(&mut self, why: String, now: Mono) {
        self.trouble = Some(why);
        self.next = Some(now.after(AGAIN));
    }
}

/// Why a process is as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Why {
    /// Which process.
    pub name: String,
    /// In words; `None` until it has come.
    pub text: Option<String>,
    /// When to ask; `None` if nothing has changed.
    pub next: Option<Mono>,
}

impl Why {
    /// For a process, with nothing known yet.
    #[must_use]
    pub fn of(name: String, now: Mono) -> Why {
        Why { name, text: None, next: Some(now.after(REST)) }
    }

    /// The lines for a pane of so many columns.
    #[must_use]
    pub fn lines(&self, width: u16) -> Vec<String> {
        wrapped(self.text.as_deref().unwrap_or_default(), usize::from(width).saturating_sub(2))
    }
}

/// Lines that fit, broken at blanks where that is possible.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && Span::raw(line.as_str()).width() + 1 + Span::raw(word).width() > width {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// What the pane shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Output of the selected process.
    Output(Output),
    /// What happens to all of them.
    Events,
    /// Why the selected one is as it is.
    Why(Why),
}

/// The pane while it is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Pane {
    /// What it shows.
    pub content: Content,
    /// How many lines it is scrolled: up from the end, or down from the beginning of why something is.
    pub up: usize,
    /// Whether it takes all the room.
    pub zoomed: bool,
}

impl Pane {
    /// The process that it is about, if it is about one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.content {
            Content::Output(output) => Some(&output.name),
            Content::Why(why) => Some(&why.name),
            Content::Events => None,
        }
    }

    /// When it needs to ask.
    #[must_use]
    pub fn due(&self) -> Option<Mono> {
        match &self.content {
            Content::Output(output) => output.next,
            Content::Why(why) => why.next,
            Content::Events => None,
        }
    }

    /// Is about another process now.
    pub fn turn_to(&mut self, name: String, now: Mono) {
        self.up = 0;
        match &mut self.content {
            Content::Output(output) => *output = Output::of(name, output.stream, now),
            Content::Why(why) => *why = Why::of(name, now),
            Content::Events => {}
        }
    }

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
    pub fn backwards(&self) -> impl Iterator<Item = (&Event, bool)> {
        let before = self.events.keys().rev().skip(1).map(|(life, _)| Some(*life)).chain([None]);
        let lines = self.events.iter().rev().zip(before);
        lines.map(|(((life, _), event), before)| (event, before.is_some_and(|before| before != *life)))
    }
}
