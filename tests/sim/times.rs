//! Jobs by schedules, under a wall clock that is set now and then. The world has its own clock, its own mind of which
//! schedules were stopped, and what their programs were meant to do with runs that overlap.

use std::time::Duration;

use taskmaster::base::cron::Cron;
use taskmaster::base::id::Key;
use taskmaster::base::time::{Mono, Wall, WallClock};
use taskmaster::base::zone::Zone;
use taskmaster::config::model::{Config, Overlap, Program, Schedule, Variable, When};
use taskmaster::control::message::{StateName, Want};
use taskmaster::supervise::event::{Command, Input};
use taskmaster::supervise::fleet::Member;
use taskmaster::supervise::history::{By, Intent};

use super::bugs::Bug;
use super::chance::Dice;
use super::{Finding, World};

/// A Sunday in the middle of the night on which daylight saving begins in Berlin: 2026-03-28 23:00 UTC.
const MIDNIGHT: i64 = 1_774_738_800;

/// How late a run may be: the loop is late at times, and the floor may put it off.
const LATE: Duration = Duration::from_millis(1600);

/// The variable in which a program says what it means, whatever becomes of its `overlap` on the way.
const MEANT: &str = "OVERLAP";

/// What is known of a job before the fleet is told something.
#[derive(Clone, Copy)]
pub(super) struct Before {
    state: StateName,
    /// When the fleet says that it runs next.
    next: Option<Mono>,
}

/// Jobs by the calendar, with the most seconds between two runs.
const CRONS: [(&str, u64); 5] = [
    ("* * * * *", 60),
    ("*/5 * * * *", 300),
    ("7,37 * * * *", 1800),
    ("@hourly", 3600),
    ("15 2 * * *", 86_400 + 3 * 3600),
];

pub(super) fn random_schedule(dice: &mut Dice, program: &mut Program) {
    if dice.chance(60) {
        return;
    }
    let (cron, _) = dice.pick(&CRONS);
    let every = Duration::from_millis(dice.pick(&[1000, 2500, 30_000]));
    let when = if dice.chance(50) { When::Calendar(Cron::parse(cron).unwrap()) } else { When::Every(every) };
    let mut schedule = Schedule::new(when);
    schedule.zone = Zone::from_rules(dice.pick(&["UTC0", "CET-1CEST,M3.5.0,M10.5.0/3"])).unwrap();
    schedule.overlap = dice.pick(&[Overlap::Skip, Overlap::Queue, Overlap::Kill]);
    schedule.jitter = Duration::from_millis(dice.pick(&[0, 0, 700]));
    schedule.run_on_start = dice.chance(30);
    program.env.insert(MEANT.to_owned(), Variable::Template(schedule.overlap.name().to_owned()));
    program.policy.oneshot = true;
    program.schedule = Some(Box::new(schedule));
}

/// The wall clock at the beginning of a life.
pub(super) fn first_clock(now: u64) -> WallClock {
    WallClock::new(Wall { secs: MIDNIGHT, nanos: 0 }, Mono(now))
}

impl World {
    /// A configuration as it is told where a bug sits in between.
    pub(super) fn badly_copied(&self, config: Config) -> Config {
        let mut config = self.without_demand(config);
        for program in config.programs.values_mut().filter(|_| self.has(Bug::QueuesWhatIsSkipped)) {
            let mut copy = Program::clone(program);
            if let Some(schedule) = copy.schedule.as_mut().filter(|s| s.overlap == Overlap::Skip) {
                schedule.overlap = Overlap::Queue;
            }
            *program = copy.into();
        }
        config
    }

    /// Somebody sets the clock: by minutes, by hours, by days.
    pub(super) fn set_clock(&mut self) -> Finding {
        let step = self.dice.pick(&[67, 1801, 2 * 3600 + 13, 5 * 3600 + 29, 2 * 86_400 + 41]);
        let step = if self.dice.chance(50) { step } else { -step };
        let now = self.clock.wall(Mono(self.now));
        self.clock = WallClock::new(Wall { secs: now.secs + step, ..now }, Mono(self.now));
        self.note(if step < 0 { "clock set back" } else { "clock set ahead" });
        self.clock_set_at = self.now;
        self.tell_clock()
    }

    pub(super) fn tell_clock(&mut self) -> Finding {
        if self.has(Bug::LosesAClockStep) && self.clock_set_at != 0 {
            return Ok(());
        }
        self.tell(Input::Clock(self.clock.wall(Mono(self.now))))
    }

    /// Takes note of whose schedules a command suspends and resumes.
    pub(super) fn suspensions(&mut self, command: &Command) {
        let (names, stops) = match command {
            Command::Stop { names, .. } => (names, true),
            Command::Start { names, .. } | Command::Restart { names, .. } => (names, false),
            _ => return,
        };
        if stops || self.shutdown_at.is_none() {
            for key in self.fleet.chosen(names).unwrap_or_default() {
                if stops {
                    self.suspended.insert(key)
                } else {
                    self.suspended.remove(&key)
                };
            }
        }
    }

    /// What has been on its way out may come back.
    pub(super) fn resume_what_comes_back(&mut self) {
        let fleet = &self.fleet;
        self.suspended.retain(|key| fleet.member(*key).is_some_and(|m| !m.retiring));
    }

    /// What somebody else than its schedule wants to run, and only waits for others or for its own end, runs by its
    /// schedule again.
    pub(super) fn resume_what_waits(&mut self) {
        let waits = |m: &Member| {
            let on_its_way = matches!(m.inst.name(), StateName::Waiting | StateName::Stopping);
            on_its_way && m.inst.want == Want::Up
        };
        let by_others =
            |m: &Member| m.asked.is_some_and(|asked| asked.by != By::Schedule && asked.intent != Intent::Stop);
        let fleet = &self.fleet;
        self.suspended.retain(|key| !fleet.member(*key).is_some_and(|m| waits(m) && by_others(m)));
    }

    pub(super) fn remember_jobs(&mut self) {
        let jobs = self.fleet.members().filter_map(|(key, m)| {
            let next = m.timetable.as_ref()?.next_run(self.fleet.clock());
            Some((key, Before { state: m.inst.name(), next }))
        });
        self.jobs = jobs.collect();
    }

    /// A job is spawned.
    pub(super) fn scheduled_spawn(&mut self, key: Key) -> Finding {
        let Some(member) = self.fleet.member(key) else { return Ok(()) };
        let by_schedule = member.asked.is_some_and(|asked| asked.by == By::Schedule);
        if !by_schedule {
            self.suspended.remove(&key);
            return Ok(());
        }
        let name = format!("{} {}", member.name, member.num);
        if self.suspended.contains(&key) {
            return Err(format!("{name} was stopped, and its schedule runs it"));
        }
        let (Some(before), Some(schedule)) = (self.jobs.get(&key).copied(), member.meant().schedule.as_deref()) else {
            return Ok(());
        };
        let rested = matches!(before.state, StateName::Stopped | StateName::Exited | StateName::Fatal);
        // One that is being stopped may be so to be started again, from when it was to be.
        let lived = matches!(before.state, StateName::Starting | StateName::Running);
        if rested && before.next.is_none_or(|at| at.0 > self.now) {
            return Err(format!("{name} runs by its schedule before it is due"));
        }
        let meant = member.meant().env.get(MEANT);
        if lived && meant == Some(&Variable::Template("skip".to_owned())) {
            return Err(format!("{name} runs again at once, but overlap is skip"));
        }
        if rested && self.is_off_the_minute(schedule) {
            return Err(format!("{name} runs at {}", self.clock.wall(Mono(self.now))));
        }
        self.note(if lived { "run after an overlap" } else { "run by schedule" });
        Ok(())
    }

    /// Whether a job that goes by the minutes of the clock runs at another time.
    fn is_off_the_minute(&self, schedule: &Schedule) -> bool {
        let When::Calendar(cron) = &schedule.when else { return false };
        let wall = self.clock.wall(Mono(self.now));
        let seconds = Duration::new(wall.secs.rem_euclid(60).unsigned_abs(), wall.nanos);
        !cron.is_fixed() && seconds > schedule.jitter + LATE
    }

    /// Whoever has a schedule, is not stopped and rests, has a run to come, and not too late.
    pub(super) fn times_are_right(&self) -> Finding {
        self.fleet.members().try_for_each(|(_, member)| self.time_is_right(member))
    }

    fn time_is_right(&self, member: &Member) -> Finding {
        let (Some(table), Some(schedule)) = (&member.timetable, &member.meant().schedule) else { return Ok(()) };
        if !table.is_active() {
            return Ok(());
        }
        let most = match &schedule.when {
            When::Every(every) => *every,
            When::Calendar(cron) => {
                let known = CRONS.iter().find(|(text, _)| *text == cron.to_string());
                Duration::from_secs(known.map_or(0, |(_, most)| *most) + if cron.is_fixed() { 3 * 3600 } else { 60 })
            }
        };
        match table.next_run(self.fleet.clock()) {
            Some(at) if at.since(Mono(self.now)) <= most + schedule.jitter => Ok(()),
            Some(at) => {
                Err(format!("{} is to run in {:?}, later than {most:?}", member.name, at.since(Mono(self.now))))
            }
            None => Err(format!("{} has a schedule and no time", member.name)),
        }
    }

    /// A stop that only ends the run.
    pub(super) fn badly_stopped(&self, command: Command) -> Command {
        match command {
            Command::Stop { names, .. } if self.has(Bug::StopsOnlyTheRun) => {
                Command::Signal { sig: taskmaster::base::signal::Sig::TERM, names }
            }
            other => other,
        }
    }
}
