//! What the service manager is told that has started the daemon, by sd_notify(3): that it is ready, that it reloads, how
//! its programs are, that it stops; and, only where the manager asks for that, that it is still alive.
//!
//! The variables by which the manager says how to be told are taken out of the environment: they are meant for the daemon
//! alone. A message that the manager has no room for is sent again; nothing here holds up the loop.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::base::time::Mono;
use crate::config::model::Level;
use crate::control::message::StateName;
use crate::sys::notify::Sender;

use super::run::Daemon;

/// How long it takes until a message is tried again that there was no room for.
const AGAIN: Duration = Duration::from_millis(100);

/// How many messages wait at most. More there are only for a manager that reads none.
const WAITING_MESSAGES: usize = 16;

/// Signs of life for a manager that waits for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Beat {
    interval: Duration,
    next: Mono,
}

/// The manager, if there is one.
#[derive(Debug, Default)]
pub struct Manager {
    sender: Option<Sender>,
    beat: Option<Beat>,
    /// What there was no room for, the oldest first, and when it is tried again.
    unsent: VecDeque<String>,
    again: Option<Mono>,
    /// What it was told last of the programs.
    status: String,
    /// Whether that may be another by now.
    changed: bool,
    /// Whether it was told that a reload is under way.
    reloading: bool,
    /// Whether it was told of the shutdown.
    stopping: bool,
}

impl Manager {
    /// Takes what the manager says out of the environment; with it what is wrong with that, if anything.
    #[must_use]
    pub fn take(env: &mut BTreeMap<String, String>, pid: u32, now: Mono) -> (Manager, Option<String>) {
        let [address, interval, meant] =
            ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"].map(|variable| env.remove(variable));
        let Some(address) = address.filter(|address| !address.is_empty()) else { return Default::default() };
        let sender = match Sender::to(&address) {
            Ok(sender) => sender,
            Err(error) => {
                let text = format!("the service manager cannot be told anything: NOTIFY_SOCKET={address}: {error}");
                return (Manager::default(), Some(text));
            }
        };
        let ours = meant.is_none_or(|meant| meant == pid.to_string());
        let micros = interval.filter(|_| ours).and_then(|text| text.parse().ok()).filter(|micros| *micros > 0);
        let beat = micros.map(|micros| Beat { interval: Duration::from_micros(micros) / 2, next: now });
        (Manager { sender: Some(sender), beat, ..Manager::default() }, None)
    }

    /// When there is something to be sent without anything else happening.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        [self.beat.map(|beat| beat.next), self.again].into_iter().flatten().min()
    }

    /// The programs may be otherwise than it was told.
    pub fn outdated(&mut self) {
        self.changed = true;
    }

    /// A reload has begun. Its end is told with this turn's.
    pub fn reloads(&mut self, now: Mono) {
        self.reloading = true;
        self.tell(format!("RELOADING=1\nMONOTONIC_USEC={}", now.0 / 1000), now);
    }

    fn tell(&mut self, message: String, now: Mono) {
        if self.sender.is_some() && self.unsent.len() < WAITING_MESSAGES {
            self.unsent.push_back(message);
            self.send(now);
        }
    }

    /// Sends what waits, in its order, as far as there is room.
    fn send(&mut self, now: Mono) {
        let Some(sender) = &self.sender else { return };
        self.again = None;
        while let Some(message) = self.unsent.front() {
            match sender.send(message) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.again = Some(now.after(AGAIN));
                    return;
                }
                // A manager that is gone need not know.
                Ok(()) | Err(_) => drop(self.unsent.pop_front()),
            }
        }
    }

    /// What is due at this time.
    fn serve_due(&mut self, now: Mono) {
        if self.again.is_some_and(|at| at <= now) {
            self.send(now);
        }
        if let Some(beat) = self.beat.filter(|beat| beat.next <= now) {
            self.beat = Some(Beat { next: now.after(beat.interval), ..beat });
            self.tell("WATCHDOG=1".to_owned(), now);
        }
    }
}

impl Daemon {
    /// Tells the manager that the configuration is in force and the programs are being started.
    pub(super) fn tell_ready(&mut self) {
        let status = self.status_of_programs();
        self.manager.tell(format!("READY=1\nSTATUS={status}"), self.now);
        self.manager.status = status;
    }

    /// Tells the manager what this turn has brought.
    pub(super) fn tell_manager(&mut self) {
        if self.manager.sender.is_none() {
            return;
        }
        if std::mem::take(&mut self.manager.reloading) {
            self.manager.tell("READY=1".to_owned(), self.now);
        }
        if self.fleet.is_shutting_down() && !std::mem::replace(&mut self.manager.stopping, true) {
            self.manager.tell("STOPPING=1".to_owned(), self.now);
        }
        // Not after each few of a thousand births.
        if self.manager.changed && self.births.is_empty() {
            self.manager.changed = false;
            let status = self.status_of_programs();
            if status != self.manager.status {
                self.manager.tell(format!("STATUS={status}"), self.now);
                self.manager.status = status;
            }
        }
        self.manager.serve_due(self.now);
    }

    /// How many processes there are, and how many of them are in which state.
    fn status_of_programs(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, member) in self.fleet.members() {
            *counts.entry(member.inst.name().text()).or_default() += 1;
        }
        let running = counts.remove(StateName::Running.text()).unwrap_or(0);
        let total = running + counts.values().sum::<usize>();
        let others: String =
            counts.iter().map(|(state, count)| format!(", {count} {}", state.to_lowercase())).collect();
        format!("{total} processes: {running} running{others}")
    }

    /// Says what is wrong with what the manager has said.
    pub(super) fn report_manager(&mut self, problem: Option<String>) {
        if let Some(problem) = problem {
            self.log(Level::Warning, problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::notify::{self, MESSAGE_BYTES};
    use std::os::fd::AsFd;

    const START: Mono = Mono(5_000_000_000);

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn nobody_is_told_anything_and_no_timer_runs_unless_it_is_asked_for() {
        for (pairs, problem) in [
            (&[("PATH", "/bin")][..], false),
            (&[("PATH", "/bin"), ("WATCHDOG_USEC", "1000000"), ("NOTIFY_SOCKET", "")], false),
            (&[("PATH", "/bin"), ("WATCHDOG_USEC", "1000000"), ("NOTIFY_SOCKET", "elsewhere")], true),
        ] {
            let mut env = env(pairs);
            let (mut manager, told) = Manager::take(&mut env, 7, START);
            assert_eq!(told.is_some(), problem, "{pairs:?}");
            assert_eq!(env.keys().collect::<Vec<_>>(), ["PATH"]);
            manager.reloads(START);
            manager.serve_due(START);
            assert_eq!(manager.next_deadline(), None);
            assert!(manager.unsent.is_empty());
        }
    }

    #[test]
    fn signs_of_life_come_twice_in_the_time_that_the_manager_waits() {
        let (socket, address) = notify::open().unwrap();
        for (interval, meant, beats) in [
            ("3000000", None, true),
            ("3000000", Some("7"), true),
            ("3000000", Some("8"), false),
            ("0", None, false),
            ("soon", None, false),
        ] {
            let mut env = env(&[("NOTIFY_SOCKET", &address), ("WATCHDOG_USEC", interval)]);
            env.extend(meant.map(|pid| ("WATCHDOG_PID".to_owned(), pid.to_owned())));
            let (mut manager, _) = Manager::take(&mut env, 7, START);
            assert!(env.is_empty());
            assert_eq!(manager.next_deadline(), beats.then_some(START), "{interval} {meant:?}");
            manager.serve_due(START);
            let mut buffer = [0; MESSAGE_BYTES];
            let got = notify::receive(socket.as_fd(), &mut buffer).ok().map(|(_, length)| &buffer[..length]);
            assert_eq!(got, beats.then_some(&b"WATCHDOG=1"[..]));
            assert_eq!(manager.next_deadline(), beats.then_some(START.after(Duration::from_millis(1500))));
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_sent_later_in_its_order() {
        let (socket, address) = notify::open().unwrap();
        let (mut manager, _) = Manager::take(&mut env(&[("NOTIFY_SOCKET", &address)]), 7, START);
        let mut sent = 0;
        while manager.next_deadline().is_none() {
            manager.tell(sent.to_string(), START);
            sent += 1;
            assert!(sent < 1_000_000, "the socket has room without end");
        }
        manager.tell("last".to_owned(), START);
        let mut got = Vec::new();
        let mut buffer = [0; MESSAGE_BYTES];
        for _ in 0..2 {
            while let Ok((_, length)) = notify::receive(socket.as_fd(), &mut buffer) {
                got.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
            }
            assert_eq!(manager.next_deadline().is_some(), got.len() < sent);
            manager.serve_due(START.after(AGAIN));
        }
        assert_eq!(manager.next_deadline(), None);
        let want: Vec<String> = (0..sent).map(|n| n.to_string()).chain(["last".to_owned()]).collect();
        assert_eq!(got, want);
    }
}
