//! The clocks: the only place that reads them, and the owner of the timer.

use std::io;

use crate::base::time::{Mono, Wall};
use crate::sys::timer;

use super::reactor::{Reactor, Source, Token, Wants};

/// The monotonic clock now.
#[must_use]
pub fn now() -> Mono {
    timer::monotonic()
}

/// The wall clock now.
#[must_use]
pub fn wall() -> Wall {
    timer::wall()
}

/// How far local time is ahead of UTC, in seconds.
#[must_use]
pub fn utc_offset() -> i64 {
    timer::utc_offset(wall())
}

/// The one timer of the loop.
#[derive(Debug)]
pub struct Clock {
    timer: Token,
    armed: Option<Mono>,
}

impl Clock {
    /// A timer that is not armed, polled by the reactor.
    ///
    /// # Errors
    /// No descriptor could be had.
    pub fn new(reactor: &mut Reactor) -> io::Result<Clock> {
        let timer = reactor.add(Source::Timer, timer::create()?, Wants::Read).map_err(|(error, _)| error)?;
        Ok(Clock { timer, armed: None })
    }

    /// Makes the timer fire at `deadline`. Costs a system call only if that is another time than before.
    ///
    /// # Errors
    /// timerfd_settime(2).
    pub fn arm(&mut self, reactor: &Reactor, deadline: Option<Mono>) -> io::Result<()> {
        if deadline != self.armed {
            if let Some(fd) = reactor.fd(self.timer) {
                timer::arm(fd, deadline)?;
            }
            self.armed = deadline;
        }
        Ok(())
    }

    /// Takes note that the timer has fired.
    pub fn fired(&mut self, reactor: &Reactor) {
        if let Some(fd) = reactor.fd(self.timer) {
            timer::acknowledge(fd);
        }
        self.armed = None;
    }
}
