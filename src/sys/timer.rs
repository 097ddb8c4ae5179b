//! The clocks, and a timer that makes a descriptor readable.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::base::time::{Mono, Wall};

/// Reads `CLOCK_MONOTONIC`.
#[must_use]
pub fn monotonic() -> Mono {
    let t = read(libc::CLOCK_MONOTONIC);
    let (secs, nanos) = (u64::try_from(t.tv_sec).unwrap_or(0), u64::try_from(t.tv_nsec).unwrap_or(0));
    Mono(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// Reads `CLOCK_REALTIME`.
#[must_use]
pub fn wall() -> Wall {
    let t = read(libc::CLOCK_REALTIME);
    Wall { secs: t.tv_sec, nanos: u32::try_from(t.tv_nsec).unwrap_or(0) }
}

fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the timespec outlives the call; both clocks exist on every Linux.
    unsafe { libc::clock_gettime(clock, &raw mut t) };
    t
}

/// How many seconds local time is ahead of UTC at this moment.
#[must_use]
pub fn utc_offset(at: Wall) -> i64 {
    let secs: i64 = at.secs;
    // SAFETY: an all-zero tm is a valid value to fill.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers outlive the call.
    unsafe { libc::localtime_r(&raw const secs, &raw mut tm) };
    tm.tm_gmtoff
}

/// Makes a timer on `CLOCK_MONOTONIC` that is not armed: its descriptor is readable once it has fired.
///
/// # Errors
/// timerfd_create(2).
pub fn create() -> io::Result<OwnedFd> {
    create_on(libc::CLOCK_MONOTONIC)
}

fn create_on(clock: libc::clockid_t) -> io::Result<OwnedFd> {
    // SAFETY: takes a clock and flags, returns a new descriptor or -1.
    let fd = unsafe { libc::timerfd_create(clock, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes a timer fire at `at`, at once if that is past; `None` disarms it.
///
/// # Errors
/// timerfd_settime(2).
pub fn arm(timer: BorrowedFd<'_>, at: Option<Mono>) -> io::Result<()> {
    // An all-zero value disarms; the beginning of time itself is as good one nanosecond later.
    let nanos = at.map_or(0, |at| at.0.max(1));
    let value = libc::timespec {
        tv_sec: i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: libc::c_long::try_from(nanos % 1_000_000_000).unwrap_or(0),
    };
    set(timer, libc::TFD_TIMER_ABSTIME, value)
}

fn set(timer: BorrowedFd<'_>, flags: libc::c_int, value: libc::timespec) -> io::Result<()> {
    let spec = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
    // SAFETY: the descriptor is borrowed and the spec outlives the call; the old value is not asked for.
    let result = unsafe { libc::timerfd_settime(timer.as_raw_fd(), flags, &raw const spec, std::ptr::null_mut()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes a descriptor that becomes readable when the wall clock is set, or the machine has slept, but not by itself.
///
/// # Errors
/// timerfd_create(2), timerfd_settime(2).
pub fn watch_wall() -> io::Result<OwnedFd> {
    let fd = create_on(libc::CLOCK_REALTIME)?;
    watch_wall_again(fd.as_fd())?;
    Ok(fd)
}

/// Makes the descriptor wait for the next time.
///
/// # Errors
/// timerfd_settime(2).
pub fn watch_wall_again(watch: BorrowedFd<'_>) -> io::Result<()> {
    acknowledge(watch);
    // A timer for the end of time, which is cancelled when the clock is set.
    let never = libc::timespec { tv_sec: i64::MAX, tv_nsec: 0 };
    set(watch, libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET, never)
}

/// Takes note that a timer has fired, so that its descriptor is quiet until the next time.
pub fn acknowledge(timer: BorrowedFd<'_>) {
    let mut count = [0u8; 8];
    // Nothing to read means that it was armed anew since.
    let _ = super::fd::read(timer, &mut count);
}
