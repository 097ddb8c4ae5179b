//! The times between tries.

use std::time::Duration;

use crate::config::model::Backoff;

/// A death within so many floors of its spawn is a quick one.
const QUICK_FLOORS: u32 = 10;

/// The delay after the `failures`-th failure in a row: `initial`, then `factor` times as long each time, at most `max`.
#[must_use]
pub fn delay(policy: &Backoff, failures: u32) -> Duration {
    if policy.initial.is_zero() {
        return Duration::ZERO;
    }
    let steps = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
    let seconds = policy.initial.as_secs_f64() * policy.factor.powi(steps);
    // Overflow to infinity is "more than max", so the cap holds it.
    Duration::try_from_secs_f64(seconds.min(policy.max.as_secs_f64())).unwrap_or(policy.max)
}

/// Whether a process that had started and then died after `lived` died quickly. Measured in floors, so that an
/// operator who turns the floor off turns this guard off as well.
#[must_use]
pub fn is_quick(policy: &Backoff, lived: Duration) -> bool {
    lived < policy.floor * QUICK_FLOORS
}

/// The delay after the `quick`-th quick death in a row. The first one costs nothing: a process that had been running
/// is started again at once.
#[must_use]
pub fn quick_delay(policy: &Backoff, quick: u32) -> Duration {
    if quick < 2 { Duration::ZERO } else { delay(policy, quick - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_cap() {
        let policy = Backoff::default();
        let seconds: Vec<u64> = (1..=8).map(|n| delay(&policy, n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(delay(&policy, u32::MAX), policy.max);
        assert_eq!(delay(&Backoff { factor: 1.0, ..policy }, 1000), policy.initial);
        assert_eq!(delay(&Backoff { initial: Duration::ZERO, ..policy }, u32::MAX), Duration::ZERO);
    }

    #[test]
    fn quick_deaths_are_measured_in_floors() {
        let policy = Backoff::default();
        assert!(is_quick(&policy, Duration::from_secs(9)));
        assert!(!is_quick(&policy, Duration::from_secs(10)));
        assert!(!is_quick(&Backoff { floor: Duration::ZERO, ..policy }, Duration::ZERO));
        assert_eq!(quick_delay(&policy, 1), Duration::ZERO);
        assert_eq!(quick_delay(&policy, 2), policy.initial);
    }
}
