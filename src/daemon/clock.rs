//! The clocks: the only place that reads them, and the owner of the timer.

use std::io;

use crate::base::time::{Mono, Wall, WallClock};
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

/// The wall clock at a moment that has just been. Never too late: what is due at an hour must not begin before it.
#[must_use]
pub fn wall_at(now: Mono) -> Wall {
    let wall = timer::wall();
    WallClock::new(wall, timer::monotonic()).wall(now)
}

/// How far local time is ahead of UTC at this moment, in seconds.
#[must_use]
pub fn utc_offset(at: Wall) -> i64 {
    timer::utc_offset(at)
}

/// The one timer of the loop, and what tells when the wall clock is set.
#[derive(Debug)]
pub struct Clock {
    timer: Token,
    /// Tells when the wall clock is set.
    watch: Token,
    armed: Option<Mono>,
}

impl Clock {
    /// A timer that is not armed, polled by the reactor, as is the watch on the wall clock.
    ///
    /// # Errors
    /// No descriptor could be had.
    pub fn new(reactor: &mut Reactor) -> io::Result<Clock> {
        let timer = reactor.add(Source::Timer, timer::create()?, Wants::Read).map_err(|(error, _)| error)?;
        let watch = reactor.add(Source::ClockSet, timer::watch_wall()?, Wants::Read).map_err(|(error, _)| error)?;
        Ok(Clock { timer, watch, armed: None })
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

    /// Takes note that the wall clock has been set, and waits for the next time.
    ///
    /// # Errors
    /// timerfd_settime(2).
    pub fn watch_again(&self, reactor: &Reactor) -> io::Result<()> {
        reactor.fd(self.watch).map_or(Ok(()), timer::watch_wall_again)
    }

    /// Takes note that the timer has fired.
    pub fn fired(&mut self, reactor: &Reactor) {
        if let Some(fd) = reactor.fd(self.timer) {
            timer::acknowledge(fd);
        }
        self.armed = None;
    }
}
