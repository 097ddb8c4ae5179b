//! Children that nobody here has started: orphans, which come to the first process of a namespace and to one that asks for
//! them. They are reaped and otherwise left alone, until the first process leaves and takes everything along.
//!
//! SIGCHLD says that some child has ended, not which. The kernel is asked for one after the other without reaping it; one
//! that is a run or a task belongs to `children` or `tasks`, whose pidfd is ready, and is left to them.

use std::io;
use std::time::Duration;

use crate::base::errno::Errno;
use crate::base::signal::Sig;
use crate::base::time::Mono;
use crate::config::model::Level;
use crate::sys::poll::{self, For};
use crate::sys::{group, process, signals, wait};

use super::clock;
use super::run::Daemon;

/// How many are reaped in one turn. Between two turns everybody else is served.
const REAPED_PER_TURN: usize = 256;

/// How long everything that is left may take to end after SIGTERM, before SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

/// How long the kernel may take to end what was sent SIGKILL.
const KILLED_TIME: Duration = Duration::from_secs(2);

/// What is known of children that have ended.
#[derive(Debug, Default)]
pub struct Orphans {
    /// Somebody has ended, and it is not known that all such orphans are reaped.
    due: bool,
    /// There are more of them than one turn took.
    more: bool,
}

impl Orphans {
    /// SIGCHLD has come.
    pub fn child_ended(&mut self) {
        self.due = true;
    }

    /// Whether there are more than the last turn has reaped: then the next poll must not wait.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.more
    }
}

impl Daemon {
    /// Reaps orphans that have ended. Comes after all slots of the turn were served.
    pub(super) fn reap_orphans(&mut self) {
        self.orphans.more = false;
        if !self.orphans.due {
            return;
        }
        for _ in 0..REAPED_PER_TURN {
            match wait::any_ended() {
                // Its pidfd is ready, so there is a turn at once, and this is asked again in it.
                Ok(Some(pid)) if self.children.leads(pid) || self.tasks.leads(pid) => return,
                Ok(Some(pid)) => drop(wait::reap_number(pid)),
                Ok(None) | Err(_) => {
                    self.orphans.due = false;
                    return;
                }
            }
        }
        self.orphans.more = true;
    }

    /// As the first process of a namespace: ends everything that is left in it, politely at first. Nobody would be told
    /// by the kernel, which kills all of it when this process ends.
    pub(super) fn end_namespace(&mut self) {
        if !process::is_init() || !group::signal_all(Sig::TERM) {
            return;
        }
        self.log(Level::Info, "SIGTERM to all processes that are left");
        // One that is stopped would not see it.
        group::signal_all(Sig::CONT);
        if self.all_end_until(clock::now().after(GRACE)) || !group::signal_all(Sig::KILL) {
            return;
        }
        self.log(Level::Warning, "SIGKILL to all processes that are left");
        self.all_end_until(clock::now().after(KILLED_TIME));
    }

    /// Reaps whatever ends, until there is nothing left, which is told, or it is time, or somebody is impatient.
    fn all_end_until(&mut self, end: Mono) -> bool {
        loop {
            match reap_all() {
                Ok(true) => return true,
                Ok(false) => {}
                Err(_) => return false,
            }
            let left = end.since(clock::now());
            let Some(signals) = self.reactor.fd(self.signals).filter(|_| left > Duration::ZERO) else { return false };
            if poll::wait([Some((signals, For::Reading))], Some(left)).is_err() {
                return false;
            }
            while let Ok(Some(arrived)) = signals::next(signals) {
                if matches!(arrived.sig, Sig::TERM | Sig::INT | Sig::QUIT | Sig::PWR | Sig::HALT) {
                    return false;
                }
            }
        }
    }
}

/// Reaps all children that have ended; whether there are no others.
fn reap_all() -> io::Result<bool> {
    loop {
        match wait::reap_any() {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(false),
            Err(error) if error.raw_os_error() == Some(Errno::ECHILD.0) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}
