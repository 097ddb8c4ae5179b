//! What chance decides in a life: the dice, and configurations that they make.

use std::time::Duration;

use taskmaster::base::exit::{Exit, ExitCodes};
use taskmaster::base::id::ProgramName;
use taskmaster::base::signal::Sig;
use taskmaster::config::model::{Autorestart, Backoff, Condition, Config, Dependency, KillMode, Program};

use super::{MS, PROGRAMS, checks, demand, tasks, times};

#[allow(dead_code)]
#[path = "../support/dice.rs"]
mod dice;

/// The chances of a life.
pub(super) struct Dice(dice::Dice);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        let mut dice = dice::Dice::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..8 {
            dice.roll();
        }
        Dice(dice)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0.roll() % n.max(1)
    }

    /// True in `percent` of the cases.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn ms(&mut self, up_to: u64) -> u64 {
        self.below(up_to) * MS
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let at = usize::try_from(self.below(from.len() as u64)).unwrap();
        from[at].clone()
    }
}

pub(super) fn random_exit(dice: &mut Dice) -> Exit {
    match dice.below(4) {
        0 => Exit::Code(0),
        1 => Exit::Code(2),
        2 => Exit::Signal { sig: Sig::KILL, core: false },
        _ => Exit::Code(1),
    }
}

pub(super) fn random_config(dice: &mut Dice, floor: Duration) -> Config {
    let mut config = Config::default();
    let linked = dice.chance(50);
    for name in PROGRAMS {
        if dice.chance(80) {
            let mut program = random_program(dice, floor);
            program.restart_dependents = dice.chance(20);
            // Only on those before it, so that there are no circles.
            for (on, other) in &config.programs {
                if linked && dice.chance(40) {
                    let job = other.policy.oneshot;
                    let until = dice.pick(&[Condition::Started, Condition::Ready, Condition::Completed]);
                    let until = if until == Condition::Completed && !job { Condition::Ready } else { until };
                    program.depends_on.push(Dependency { on: on.clone(), until, required: dice.chance(75) });
                }
            }
            config.programs.insert(ProgramName::new(name).unwrap(), program.into());
        }
    }
    config
}

pub(super) fn random_program(dice: &mut Dice, floor: Duration) -> Program {
    let mut program = Program::new(vec![dice.pick(&["/bin/x", "/bin/y"]).to_owned()]);
    program.numprocs = 1 + u32::try_from(dice.below(4)).unwrap();
    program.numprocs_start = dice.pick(&[0, 0, 0, 2]);
    program.autostart = dice.chance(70);
    program.priority = i32::try_from(dice.below(3)).unwrap();
    let policy = &mut program.policy;
    policy.autorestart = dice.pick(&[Autorestart::Always, Autorestart::Never, Autorestart::Unexpected]);
    policy.exitcodes = ExitCodes::new([0, 2]);
    policy.startretries = dice.pick(&[None, Some(0), Some(1), Some(3)]);
    policy.starttime = Duration::from_millis(dice.pick(&[0, 100, 1000]));
    policy.stoptime = Duration::from_millis(dice.pick(&[0, 500, 10_000]));
    policy.stopsignal = dice.pick(&[Sig::TERM, Sig::INT, Sig::KILL]);
    policy.kill_mode = if dice.chance(80) { KillMode::Group } else { KillMode::Process };
    policy.oneshot = dice.chance(15);
    policy.timeout = dice.chance(30).then_some(Duration::from_millis(1500));
    policy.backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(5), floor, factor: 2.0 };
    checks::random_checks(dice, &mut program.policy);
    tasks::random_hooks(dice, &mut program.policy);
    times::random_schedule(dice, &mut program);
    demand::random_demand(dice, &mut program);
    program
}
