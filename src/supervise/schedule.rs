//! Jobs that run by a schedule: when the next run is due, and what becomes of it then.
//!
//! A member of a scheduled program has a `Timetable`. It is active from a start (by boot, reload or command) to a stop;
//! while it is, there is a next run, and its time is a deadline of the fleet like any other. A run that is due is an
//! ordinary `Start`. Times after an interval are kept as points of the monotonic clock, times by the calendar as points of
//! the wall clock; what that clock says is told by `Input::Clock`, at the beginning and whenever somebody has set it.

use std::time::Duration;

use crate::base::cron::SMALL_SHIFT;
use crate::base::exit::Exit;
use crate::base::id::{Key, Run};
use crate::base::time::{Mono, Wall, WallClock};
use crate::config::model::{Overlap, Schedule, When};
use crate::control::message::Want;

use super::action::{Action, Effect, Note};
use super::event::Event;
use super::fleet::{Due, Fleet, Member};
use super::history::{Asked, By, Intent};
use super::state::{Instance, State};

#[cfg(test)]
mod tests;
mod view;

/// How many runs are remembered.
pub const RUNS_KEPT: usize = 10;

/// By how many seconds the clock may be set without a schedule that goes by every hour or minute taking notice: it would
/// only run a minute twice, or leave one out.
const TINY_STEP: i64 = 60;

/// What a scheduled member has besides its machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timetable {
    /// The next run; `Some` iff the schedule is active and there is one.
    next: Option<Next>,
    active: bool,
    /// Whether a run waits for the last one to be over. Only while that is not.
    queued: bool,
    /// The last runs, the oldest first.
    runs: Vec<Ran>,
    /// The deadline under which it is listed.
    armed: Option<Mono>,
}

/// A run to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Next {
    /// When the schedule has it.
    due: Point,
    /// How much later it takes place: `jitter`.
    put_off: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// Seconds since the Unix epoch.
    Wall(i64),
    Mono(Mono),
}

/// A run that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran {
    /// When it was to be spawned.
    pub began: Mono,
    /// When nothing of it was left; `None` iff something still is.
    pub ended: Option<Mono>,
    /// How it ended; `None` also if it never had a process.
    pub exit: Option<Exit>,
    /// Whether it was stopped because it took longer than `timeout`.
    pub timed_out: bool,
}

/// What is to be remembered of a run while a step is taken.
#[derive(Clone, Copy)]
pub(super) struct Before {
    run: Option<Run>,
    had_process: bool,
    timed_out: bool,
}

impl Before {
    pub(super) fn of(inst: &Instance) -> Before {
        let live = inst.live();
        Before {
            run: live.map(|live| live.run),
            had_process: live.is_some_and(|live| live.pid.is_some()),
            timed_out: inst.is_over_time(),
        }
    }
}

impl Timetable {
    /// Whether runs come by themselves.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Whether a run waits for the last one to be over.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        self.queued
    }

    /// The last runs, the oldest first.
    #[must_use]
    pub fn runs(&self) -> &[Ran] {
        &self.runs
    }

    /// When the next run takes place.
    #[must_use]
    pub fn next_run(&self, clock: WallClock) -> Option<Mono> {
        self.next.map(|Next { due, put_off }| {
            let due = match due {
                Point::Wall(secs) => clock.mono(Wall { secs, nanos: 0 }),
                Point::Mono(at) => at,
            };
            due.after(put_off)
        })
    }

    fn suspend(&mut self) {
        (self.active, self.next, self.queued) = (false, None, false);
    }

    /// Takes note of runs that a step has ended and begun.
    fn record(&mut self, before: Before, inst: &Instance, now: Mono) {
        let live = inst.live();
        if before.run == live.map(|live| live.run) {
            return;
        }
        if let (Some(_), Some(last)) = (before.run, self.runs.last_mut()) {
            last.ended = Some(now);
            last.exit = inst.last_exit.filter(|_| before.had_process);
            last.timed_out = before.timed_out;
        }
        if let Some(live) = live {
            if self.runs.len() == RUNS_KEPT {
                self.runs.remove(0);
            }
            self.runs.push(Ran { began: live.spawned, ended: None, exit: None, timed_out: false });
        }
    }
}

/// Whether the last run is over: nothing of it lives, and no try of it is to come.
fn is_over(inst: &Instance) -> bool {
    matches!(inst.state, State::Stopped | State::Exited { .. } | State::Fatal { .. })
}

impl Fleet {
    /// What the wall clock says, as far as the fleet knows.
    #[must_use]
    pub fn clock(&self) -> WallClock {
        self.clock
    }

    /// The wall clock has been set. Small steps are as daylight saving to a schedule with a given minute and hour: what
    /// was skipped comes now, what is repeated does not come again. All others go by the new time.
    pub(super) fn set_clock(&mut self, wall: Wall, now: Mono) {
        let clock = WallClock::new(wall, now);
        let step = self.clock.seconds_to(clock).abs();
        if self.seed == 0 {
            // Whatever differs from one machine to another, so that their jitter does.
            self.seed = u64::from(wall.nanos) << 32 ^ wall.secs.unsigned_abs() | 1;
        }
        self.clock = clock;
        for key in self.members.keys().copied().collect::<Vec<_>>() {
            let Some(member) = self.members.get(&key) else { continue };
            let (Some(schedule), Some(table)) = (member.meant().schedule.as_deref(), &member.timetable) else {
                continue;
            };
            if let (true, When::Calendar(cron)) = (table.active, &schedule.when) {
                let hidden = if cron.is_fixed() { SMALL_SHIFT } else { TINY_STEP };
                if step >= hidden {
                    self.plan(key, None, now);
                }
                self.rearm_schedule(key);
            }
        }
    }

    /// Makes the timetable of a member what its program says, when it has got another one.
    pub(super) fn fit_schedule(&mut self, key: Key, old: Option<&Schedule>, now: Mono) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let new = member.meant().schedule.as_deref();
        let moved = old.map(|s| (&s.when, &s.zone, s.jitter)) != new.map(|s| (&s.when, &s.zone, s.jitter));
        let queues = new.is_some_and(|schedule| schedule.overlap == Overlap::Queue);
        match (new.is_some(), &mut member.timetable) {
            (false, table) => {
                if let Some(at) = table.take().and_then(|table| table.armed) {
                    self.deadlines.remove(&(at, Due::Schedule(key)));
                }
            }
            (true, table @ None) => {
                *table = Some(Box::default());
                if member.inst.want == Want::Up {
                    self.activate(key, now);
                }
            }
            (true, Some(table)) => {
                table.queued &= queues;
                if moved && table.active {
                    self.plan(key, None, now);
                }
            }
        }
        self.rearm_schedule(key);
    }

    /// Makes a schedule active; whether it is to run at once.
    pub(super) fn activate(&mut self, key: Key, now: Mono) -> bool {
        let Some(member) = self.members.get_mut(&key) else { return false };
        let run_now = member.meant().schedule.as_ref().is_some_and(|schedule| schedule.run_on_start);
        if let Some(table) = member.timetable.as_mut().filter(|table| !table.active) {
            table.active = true;
            self.plan(key, None, now);
            self.rearm_schedule(key);
        }
        run_now
    }

    /// Starts a member, has it wait for a connection if that starts it, or makes its schedule active if it has one.
    pub(super) fn start_by_itself(&mut self, key: Key, now: Mono, out: &mut Vec<Action>) {
        let scheduled = self.members.get(&key).is_some_and(|m| m.timetable.is_some());
        if !scheduled || self.activate(key, now) {
            self.apply(key, self.by_itself(key), now, out);
        }
    }

    /// What follows for the schedule of a member from a step that it has taken. Before it takes another one.
    pub(super) fn follow_schedule(&mut self, key: Key, before: Before, asked: Option<Asked>, now: Mono) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let Some(table) = &mut member.timetable else { return };
        table.record(before, &member.inst, now);
        match asked {
            Some(Asked { by: By::Schedule, .. }) | None => {}
            Some(Asked { intent: Intent::Start | Intent::Restart, .. }) => _ = self.activate(key, now),
            Some(Asked { intent: Intent::Stop, .. }) => table.suspend(),
        }
        self.rearm_schedule(key);
    }

    /// Starts the run that has waited for the last one, if that is over.
    pub(super) fn start_queued(&mut self, key: Key, now: Mono, out: &mut Vec<Action>) {
        if self.order.holds(key) || self.is_shutting_down() {
            return;
        }
        let Some(member) = self.members.get_mut(&key).filter(|m| is_over(&m.inst)) else { return };
        if let Some(table) = member.timetable.as_mut().filter(|table| table.queued) {
            table.queued = false;
            self.by_schedule(key, Event::Start, now, out);
        }
    }

    /// A run is due.
    pub(super) fn schedule_due(&mut self, key: Key, now: Mono, out: &mut Vec<Action>) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let was = (member.inst.name(), member.inst.live().and_then(|live| live.pid));
        let (over, overlap) = (is_over(&member.inst), member.meant().schedule.as_ref().map(|s| s.overlap));
        let Some((table, overlap)) = member.timetable.as_mut().zip(overlap) else { return };
        let due = table.next.map(|next| next.due);
        if !over && overlap == Overlap::Queue && !self.order.holds(key) {
            table.queued = true;
        }
        self.plan(key, due, now);
        self.rearm_schedule(key);
        // What is about to go down for another reason has been told what comes then.
        if self.order.holds(key) || self.is_shutting_down() {
            return;
        }
        if over {
            return self.by_schedule(key, Event::Start, now, out);
        }
        self.want_done(key, was, &mut vec![Effect::Note(Note::Overlap(overlap))], now, out);
        if overlap == Overlap::Kill {
            self.by_schedule(key, Event::Restart, now, out);
        }
    }

    pub(super) fn by_schedule(&mut self, key: Key, event: Event, now: Mono, out: &mut Vec<Action>) {
        let acting = self.acting.replace(By::Schedule);
        self.apply(key, event, now, out);
        self.acting = acting;
    }

    /// Works out the next run: the first one after now, or after `last` if that is later.
    fn plan(&mut self, key: Key, last: Option<Point>, now: Mono) {
        let (clock, seed) = (self.clock, self.seed);
        let Some(member) = self.members.get_mut(&key) else { return };
        let Some(schedule) = member.next.as_ref().unwrap_or(&member.program).schedule.as_deref() else { return };
        let due = match (&schedule.when, last) {
            (When::Every(every), Some(Point::Mono(last))) => Some(Point::Mono(step_past(last, *every, now))),
            (When::Every(every), Some(Point::Wall(_)) | None) => Some(Point::Mono(now.after(*every))),
            (When::Calendar(cron), last) => {
                let last = match last {
                    Some(Point::Wall(last)) => last,
                    Some(Point::Mono(_)) | None => i64::MIN,
                };
                cron.next(&schedule.zone, clock.wall(now).secs.max(last)).map(Point::Wall)
            }
        };
        let next = due.map(|due| {
            let moment = match due {
                Point::Wall(secs) => secs.unsigned_abs(),
                Point::Mono(at) => at.0,
            };
            Next { due, put_off: draw(seed ^ u64::from(key.0) << 40 ^ moment, schedule.jitter) }
        });
        if let Some(table) = &mut member.timetable {
            table.next = next;
        }
    }

    /// Lists the member under the deadline of its next run. The only place that touches schedules' deadlines.
    fn rearm_schedule(&mut self, key: Key) {
        let clock = self.clock;
        let Some(table) = self.members.get_mut(&key).and_then(|m| m.timetable.as_mut()) else { return };
        let deadline = table.next_run(clock);
        if deadline != table.armed {
            if let Some(at) = table.armed {
                self.deadlines.remove(&(at, Due::Schedule(key)));
            }
            if let Some(at) = deadline {
                self.deadlines.insert((at, Due::Schedule(key)));
            }
            table.armed = deadline;
        }
    }

    /// A member is gone, perhaps before the stop that it was to be told.
    pub(super) fn forget_schedule(&mut self, key: Key, member: &Member) {
        if let Some(at) = member.timetable.as_ref().and_then(|table| table.armed) {
            self.deadlines.remove(&(at, Due::Schedule(key)));
        }
    }

    /// What must hold of the schedule of a member between two inputs.
    pub(super) fn schedule_invariants(&self, key: Key, member: &Member) -> Result<(), String> {
        let scheduled = member.meant().schedule.is_some();
        let Some(table) = &member.timetable else {
            return if scheduled { Err(format!("{} has a schedule and no timetable", member.name)) } else { Ok(()) };
        };
        let wrong = if !scheduled {
            "has a timetable and no schedule"
        } else if table.armed != table.next_run(self.clock) {
            "is not armed for its next run"
        } else if table.armed.is_some_and(|at| !self.deadlines.contains(&(at, Due::Schedule(key)))) {
            "has a next run that is not listed"
        } else if !table.active && (table.next.is_some() || table.queued) {
            "is suspended and to run"
        } else if table.active && table.next.is_none() {
            "is active and has no next run"
        } else if table.queued && is_over(&member.inst) {
            "has a run that waits for nothing"
        } else {
            return Ok(());
        };
        Err(format!("{} {} {wrong}", member.name, member.num))
    }
}

/// The first point after `now` that is a whole number of intervals after `last`.
fn step_past(last: Mono, every: Duration, now: Mono) -> Mono {
    let every = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX).max(1);
    let steps = now.since(last).as_nanos() / u128::from(every) + 1;
    Mono(last.0.saturating_add(every.saturating_mul(u64::try_from(steps).unwrap_or(u64::MAX))))
}

/// A time from nothing to `most` that looks like chance, the same for the same seed.
fn draw(seed: u64, most: Duration) -> Duration {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let nanos = (most.as_nanos() * u128::from(mixed)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
