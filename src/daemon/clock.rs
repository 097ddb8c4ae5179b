//! The clocks: the only place that reads them, and the owner of the timer.

use std::io;

use crate::base::time::{Mono, Wall};
use crate::sys::timer::{self, Timer};

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
    timer: Timer,
    armed: Option<Mono>,
}

impl Clock {
    /// A timer that is not armed, polled by the reactor.
    ///
    /// # Errors
    /// No descriptor could be had.
    pub fn new(reactor: &mut Reactor) -> io::Result<(Clock, Token)> {
        let timer = Timer::new()?;
        let token = reactor.add(Source::Timer, timer.descriptor()?, Wants::Read).map_err(|(error, _)| error)?;
        Ok((Clock { timer, armed: None }, token))
    }

    /// Makes the timer fire at `deadline`. Costs a system call only if that is another time than before.
    ///
    /// # Errors
    /// timerfd_settime(2).
    pub fn arm(&mut self, deadline: Option<Mono>) -> io::Result<()> {
        if deadline != self.armed {
            self.timer.arm(deadline)?;
            self.armed = deadline;
        }
        Ok(())
    }

    /// Takes note that the timer has fired.
    pub fn fired(&mut self) {
        self.timer.acknowledge();
        self.armed = None;
    }
}
