//! Those who are told events: commands and servers that the configuration names (`on_event`).
//!
//! Each of them is told one event at a time, in order, and takes as long as it may; meanwhile the others wait in a queue
//! of its own. When that is full the oldest is dropped, and counted. What cannot be told is not tried again: the next
//! event is. The daemon does not wait for any of them, also not when it leaves.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::base::errno::plain;
use crate::base::exit::Exit;
use crate::base::id::TaskId;
use crate::base::select::Selector;
use crate::base::target::HttpTarget;
use crate::base::text::cut;
use crate::base::time::Mono;
use crate::base::units::print_duration;
use crate::config::model::{Level, OnEvent, Recipient};
use crate::control::message::Event;
use crate::control::wire;
use crate::supervise::action::Happening;
use crate::supervise::task::{TaskEnd, TaskKind};
use crate::sys::connect::Address;
use crate::sys::fd;

use super::checks::connection::{Connection, Step, addresses};
use super::checks::http::Exchange;
use super::reactor::{Reactor, Source};
use super::run::Daemon;
use super::tasks::Birth;

/// How many events may wait for one receiver.
const WAITING: usize = 1000;

/// How many events one receiver may be told in a turn, if each is over at once.
const EVENTS_PER_TURN: usize = 8;

/// Everybody who is told events.
#[derive(Debug, Default)]
pub struct Receivers {
    all: Vec<Receiver>,
    /// How many deliveries there have been: each has a number of its own.
    deliveries: u64,
    /// Some have more to be told at once.
    again: bool,
}

#[derive(Debug)]
struct Receiver {
    rule: OnEvent,
    selectors: Vec<Selector>,
    waiting: VecDeque<Told>,
    /// How many were dropped since that was last mentioned.
    dropped: u64,
    /// How many could not be told since the last that could.
    failed: u64,
    busy: Option<Delivery>,
}

/// An event as it is told.
#[derive(Debug)]
struct Told {
    about: Vec<(String, String)>,
    json: Vec<u8>,
}

/// An event that is being told.
#[derive(Debug)]
struct Delivery {
    number: u64,
    /// When it takes too long; `None` once it was ended for that.
    until: Option<Mono>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Command(TaskId),
    Post(Box<Connection>),
}

impl Receiver {
    fn new(rule: &OnEvent) -> Receiver {
        Receiver {
            rule: rule.clone(),
            selectors: rule.programs.iter().map(|name| Selector::parse(name)).collect(),
            waiting: VecDeque::new(),
            dropped: 0,
            failed: 0,
            busy: None,
        }
    }

    fn wants(&self, happening: &Happening) -> bool {
        let Happening { program, num, group, note, .. } = happening;
        let word = note.word();
        let of_kind = self.rule.events.is_empty() || self.rule.events.iter().any(|event| event == word);
        let about = |s: &Selector| s.matches(program, *num, group.as_ref());
        of_kind && (self.selectors.is_empty() || self.selectors.iter().any(about))
    }

    /// What it is called in the log.
    fn name(&self) -> String {
        match &self.rule.to {
            Recipient::Command(argv) => cut(argv.first().map_or("", String::as_str)),
            Recipient::Post(url) => cut(url),
        }
    }

    fn push(&mut self, event: &Event) {
        if self.waiting.len() >= WAITING {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        let mut json = Vec::new();
        wire::write_event_object(event, &mut json);
        let about = [
            ("TASKMASTER_EVENT", event.event.as_str()),
            ("TASKMASTER_PROCESS", &event.process),
            ("TASKMASTER_PROGRAM", &event.program),
            ("TASKMASTER_STATE", event.to.text()),
        ];
        let about = about.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        self.waiting.push_back(Told { about, json });
    }
}

impl Receivers {
    /// Puts an event into the queues of those who want it. The texts are made when the first one does.
    pub fn offer<'e>(&mut self, happening: &Happening, event: impl Fn() -> &'e Event) {
        for receiver in self.all.iter_mut().filter(|receiver| receiver.wants(happening)) {
            receiver.push(event());
        }
    }

    /// Whether somebody is to be told something at once.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.again
    }

    /// When one takes too long.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.all.iter().filter_map(|receiver| receiver.busy.as_ref()?.until).min()
    }

    fn position(&self, is: impl Fn(&Delivery) -> bool) -> Option<usize> {
        self.all.iter().position(|receiver| receiver.busy.as_ref().is_some_and(&is))
    }
}

impl Daemon {
    /// Takes the receivers that the configuration names now. Those that it named before go on with what waits for them.
    pub(super) fn take_receivers(&mut self) {
        let mut old = std::mem::take(&mut self.receivers.all);
        for rule in self.fleet.config().daemon.on_event.clone() {
            let same = old.iter().position(|receiver| receiver.rule == rule);
            self.receivers.all.push(same.map_or_else(|| Receiver::new(&rule), |at| old.swap_remove(at)));
        }
        for delivery in old.into_iter().filter_map(|receiver| receiver.busy) {
            match delivery.way {
                Way::Command(task) => self.kill_task(task),
                Way::Post(connection) => connection.close(&mut self.reactor),
            }
        }
    }

    /// Ends what takes too long, and tells everybody who is free the next event.
    pub(super) fn serve_receivers(&mut self) {
        self.receivers.again = false;
        for at in 0..self.receivers.all.len() {
            self.end_late_delivery(at);
            for _ in 0..EVENTS_PER_TURN {
                if let Some(failed) = self.deliver(at) {
                    self.not_told(at, &failed);
                }
            }
            let free = |receiver: &Receiver| receiver.busy.is_none() && !receiver.waiting.is_empty();
            self.receivers.again |= self.receivers.all.get(at).is_some_and(free);
        }
    }

    fn end_late_delivery(&mut self, at: usize) {
        let now = self.now;
        let Some(receiver) = self.receivers.all.get_mut(at) else { return };
        let limit = receiver.rule.timeout;
        let Some(delivery) = receiver.busy.as_mut().filter(|d| d.until.is_some_and(|until| until <= now)) else {
            return;
        };
        delivery.until = None;
        match &delivery.way {
            // Its end is told when nothing of it is left.
            Way::Command(task) => {
                let task = *task;
                self.kill_task(task);
            }
            Way::Post(_) => {
                if let Some(Delivery { way: Way::Post(connection), .. }) = receiver.busy.take() {
                    connection.close(&mut self.reactor);
                }
                self.not_told(at, &late(limit));
            }
        }
    }

    /// Tells a receiver that is free its next event. What went wrong, if that failed at once.
    fn deliver(&mut self, at: usize) -> Option<String> {
        let receiver = self.receivers.all.get_mut(at).filter(|receiver| receiver.busy.is_none())?;
        let told = receiver.waiting.pop_front()?;
        self.receivers.deliveries += 1;
        let (number, rule) = (self.receivers.deliveries, receiver.rule.clone());
        let way = match &rule.to {
            Recipient::Command(argv) => self.tell_command(number, argv, told),
            Recipient::Post(url) => self.tell_server(number, url, &told.json),
        };
        match way {
            Ok(way) => {
                let until = Some(self.now.after(rule.timeout));
                if let Some(receiver) = self.receivers.all.get_mut(at) {
                    receiver.busy = Some(Delivery { number, until, way });
                }
                // It may have been connected and answered already.
                self.serve_delivery(number);
                None
            }
            Err(failed) => Some(failed),
        }
    }

    fn tell_command(&mut self, number: u64, argv: &[String], told: Told) -> Result<Way, String> {
        let (read, write) = fd::input_pipe().map_err(|error| plain(&error))?;
        // All of it has room in the pipe, so that nobody has to wait for the command.
        let written = fd::write(write.as_fd(), &told.json).map_err(|error| plain(&error))?;
        if written < told.json.len() {
            return Err("the event is too long for a pipe".to_owned());
        }
        drop(write);
        let (id, command) = (TaskId::Event(number), argv.first().cloned().unwrap_or_default());
        let named = |failed: crate::sys::spawn::Failed| format!("cannot {}: {}", failed.stage.text(), failed.errno);
        let (child, kept) = self.spawn_for_event(argv, told.about, &read).map_err(named)?;
        let birth = Birth { id, key: None, kind: TaskKind::Event, command };
        self.watch_task(birth, child, Some(kept)).map_err(|failure| failure.to_string())?;
        Ok(Way::Command(id))
    }

    fn tell_server(&mut self, number: u64, url: &str, json: &[u8]) -> Result<Way, String> {
        let HttpTarget { target, host, path } = HttpTarget::parse(url)?;
        let exchange = Exchange::post(&host, &path, json);
        let connection = connect(&mut self.reactor, number, addresses(target), exchange, String::new())?;
        Ok(Way::Post(Box::new(connection)))
    }

    /// Something has happened to the connection of a delivery.
    pub(super) fn serve_delivery(&mut self, number: u64) {
        let Some(at) = self.receivers.position(|delivery| delivery.number == number) else { return };
        let Some(receiver) = self.receivers.all.get_mut(at) else { return };
        let Some(Delivery { way: Way::Post(connection), .. }) = &mut receiver.busy else { return };
        let step = connection.serve(&self.reactor);
        if matches!(step, Step::Wait) {
            return;
        }
        let Some(Delivery { number, until, way: Way::Post(connection) }) = receiver.busy.take() else { return };
        match step {
            Step::Wait => {}
            Step::Found(found) => {
                connection.close(&mut self.reactor);
                match found.wrong {
                    None => self.was_told(at),
                    Some(wrong) => self.not_told(at, &wrong),
                }
            }
            Step::Failed(failed) => match connection.try_others(&mut self.reactor, Source::Delivery(number), failed) {
                Ok(connection) => {
                    let way = Way::Post(Box::new(connection));
                    receiver.busy = Some(Delivery { number, until, way });
                }
                Err(failed) => self.not_told(at, &failed),
            },
        }
    }

    /// The command of a delivery has ended, with all of its group.
    pub(super) fn event_command_ended(&mut self, id: TaskId, end: &TaskEnd, output: &[u8]) {
        let is = |delivery: &Delivery| matches!(delivery.way, Way::Command(task) if task == id);
        let Some(at) = self.receivers.position(is) else { return };
        let Some(receiver) = self.receivers.all.get_mut(at) else { return };
        let limit = receiver.rule.timeout;
        let was_late = receiver.busy.take().is_some_and(|delivery| delivery.until.is_none());
        let wrong = match end {
            TaskEnd::Exit(_) if was_late => late(limit),
            TaskEnd::Exit(Exit::Code(0)) => return self.was_told(at),
            TaskEnd::Exit(exit) => {
                let text = String::from_utf8_lossy(output);
                let last = text.lines().rfind(|line| !line.trim().is_empty());
                last.map_or_else(|| exit.to_string(), |last| format!("{exit}: {}", cut(last)))
            }
            TaskEnd::NotStarted(failure) => failure.to_string(),
        };
        self.not_told(at, &wrong);
    }

    fn was_told(&mut self, at: usize) {
        let Some(receiver) = self.receivers.all.get_mut(at) else { return };
        let (failed, name) = (std::mem::take(&mut receiver.failed), receiver.name());
        if failed > 0 {
            self.log(Level::Info, format_args!("{name} is told events again; {failed} could not be told"));
        }
        self.mention_dropped(at);
    }

    /// The first in a row is told in the log, the others are counted.
    fn not_told(&mut self, at: usize, why: &str) {
        let Some(receiver) = self.receivers.all.get_mut(at) else { return };
        receiver.failed += 1;
        let (failed, name) = (receiver.failed, receiver.name());
        if failed == 1 {
            self.log(Level::Warning, format_args!("cannot tell {name} an event: {why}"));
        }
        self.mention_dropped(at);
    }

    fn mention_dropped(&mut self, at: usize) {
        let Some(receiver) = self.receivers.all.get_mut(at) else { return };
        let (dropped, name) = (std::mem::take(&mut receiver.dropped), receiver.name());
        if dropped > 0 {
            let text = format_args!("{dropped} events for {name} were dropped: more than {WAITING} waited");
            self.log(Level::Warning, text);
        }
    }
}

fn late(limit: Duration) -> String {
    format!("took longer than its timeout ({})", print_duration(limit))
}

fn connect(
    reactor: &mut Reactor,
    number: u64,
    others: VecDeque<Address>,
    exchange: Exchange,
    failed: String,
) -> Result<Connection, String> {
    Connection::begin(reactor, Source::Delivery(number), others, exchange, failed)
}
