//! The messages of a run about itself, by sd_notify(3).
//!
//! Anybody may write to the socket, so a message counts only if it comes from a process of the run. That is looked up when
//! it is read: who has ended by then is not heard.

use crate::base::id::{Key, Run};
use crate::config::model::{Level, Probe};
use crate::supervise::event::{Fact, Input};
use crate::supervise::health::{Found, Purpose};
use crate::sys::notify::{MESSAGE_BYTES, receive};
use crate::sys::{group, pidfd};

use super::message::{Message, Said, Watchdog};
use super::wrong;
use crate::daemon::reactor::{Reactor, Source, Token, Wants};
use crate::daemon::run::Daemon;

/// How many messages of a run are read in one turn.
const MESSAGES: usize = 32;

/// The socket of a run, and what has come there.
#[derive(Debug)]
pub(super) struct Notify {
    token: Token,
    said: Said,
    /// What the core has been told last.
    told: String,
    /// The process that was named as the main one, if that is not the leader.
    main: Option<(u32, Token)>,
    /// A process that has no business here and has sent a message all the same.
    stranger: Option<u32>,
}

impl Notify {
    /// For a socket that has this slot.
    pub fn new(token: Token) -> Notify {
        Notify { token, said: Said::default(), told: String::new(), main: None, stranger: None }
    }

    /// Gives it up.
    pub fn close(self, reactor: &mut Reactor) {
        reactor.remove(self.token);
        if let Some((_, token)) = self.main {
            reactor.remove(token);
        }
    }

    /// A process whose message did not count.
    pub fn stranger(&self) -> Option<u32> {
        self.stranger
    }
}

impl Daemon {
    /// Messages have come.
    pub(in crate::daemon) fn serve_notify(&mut self, id: (Key, Run)) {
        let mut buffer = [0; MESSAGE_BYTES];
        for _ in 0..MESSAGES {
            let Some(token) = self.notify(id).map(|notify| notify.token) else { return };
            let Some(Ok((sender, length))) = self.reactor.fd(token).map(|socket| receive(socket, &mut buffer)) else {
                return;
            };
            let Some(leader) = self.children.leader(id.0, id.1) else { return };
            if group::is_within(sender, leader) {
                self.hear(id, leader, &Message::read(buffer.get(..length).unwrap_or_default()));
            } else {
                self.ignore(id, sender);
            }
        }
        // There may be more, and the poll does not tell twice unless it is asked again.
        if let Some(token) = self.notify(id).map(|notify| notify.token) {
            let _ = self.reactor.change(token, Wants::Read);
        }
    }

    /// The leader of a run is about to be reaped: what it has sent before is heard.
    pub(in crate::daemon) fn last_words(&mut self, id: (Key, Run)) {
        if self.notify(id).is_some() {
            self.serve_notify(id);
        }
    }

    fn notify(&mut self, id: (Key, Run)) -> Option<&mut Notify> {
        self.checks.signs.get_mut(&id)?.notify.as_mut()
    }

    fn hear(&mut self, id: (Key, Run), leader: u32, message: &Message) {
        if let Some(pid) = message.main_pid {
            self.name_main(id, leader, pid);
        }
        let Some(notify) = self.notify(id) else { return };
        notify.said.hear(message);
        self.tell_said(id);
        if message.ready {
            self.notified(id, Purpose::Readiness, Found::default());
        }
        match message.watchdog {
            Some(Watchdog::Well) => self.notified(id, Purpose::Health, Found::default()),
            Some(Watchdog::Trouble) => {
                self.notified(id, Purpose::Health, wrong("it says so itself (WATCHDOG=trigger)"));
            }
            None => {}
        }
    }

    /// A sign has come by a message, and counts if that is how it is to come.
    fn notified(&mut self, id: (Key, Run), purpose: Purpose, mut found: Found) {
        let probe = self.fleet.member(id.0).and_then(|m| purpose.of(&m.program.policy)).map(|check| &check.probe);
        if probe == Some(&Probe::Notify) {
            if let Some(notify) = self.notify(id) {
                found.output = notify.told.clone().into_bytes();
            }
            self.sign_came(id, purpose, found);
        }
    }

    /// Tells the core what a run says of itself, if that is news.
    fn tell_said(&mut self, id: (Key, Run)) {
        let Some(notify) = self.notify(id) else { return };
        let text = notify.said.text();
        if text != notify.told {
            notify.told.clone_from(&text);
            self.inputs.push_back(Input::Fact(id.0, id.1, Fact::Says(text)));
        }
    }

    /// A run names another process as its main one: it is watched as well.
    fn name_main(&mut self, id: (Key, Run), leader: u32, pid: u32) {
        let Some(notify) = self.checks.signs.get_mut(&id).and_then(|signs| signs.notify.as_mut()) else { return };
        if notify.main.is_some_and(|(main, _)| main == pid) {
            return;
        }
        let held = if pid == leader { None } else { pidfd::open(pid).ok() };
        // Asked with the process held: its number cannot become another's.
        if pid != leader && (held.is_none() || !group::is_within(pid, leader)) {
            return;
        }
        let added = held.map(|fd| self.reactor.add(Source::MainProcess(id.0, id.1), fd, Wants::Read));
        let main = added.and_then(Result::ok).map(|token| (pid, token));
        notify.said.main(main.map(|(pid, _)| pid));
        if let Some((_, old)) = std::mem::replace(&mut notify.main, main) {
            self.reactor.remove(old);
        }
    }

    /// The process that a run has named as its main one has ended, while the leader lives.
    pub(in crate::daemon) fn main_process_ended(&mut self, id: (Key, Run)) {
        let Some(notify) = self.checks.signs.get_mut(&id).and_then(|signs| signs.notify.as_mut()) else { return };
        let Some((pid, token)) = notify.main.take() else { return };
        self.reactor.remove(token);
        notify.said.main_ended();
        self.tell_said(id);
        self.notified(id, Purpose::Health, wrong(format!("its main process {pid} has ended")));
    }

    /// A message does not count. That is told once.
    fn ignore(&mut self, id: (Key, Run), sender: u32) {
        let name = self.fleet.member(id.0).map(|member| self.fleet.display_name(member)).unwrap_or_default();
        let Some(notify) = self.notify(id) else { return };
        if notify.stranger.replace(sender).is_none() {
            let text =
                format_args!("process {sender} is none of its own: what it says by NOTIFY_SOCKET does not count");
            self.journal.note(Level::Warning, &name, text);
        }
    }
}
