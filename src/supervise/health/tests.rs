//! The times and verdicts of checks, held against those of Docker.

use super::*;
use crate::config::model::Probe;

const SECOND: u64 = 1_000_000_000;

/// A check of Docker's defaults, but for what is given in seconds.
fn check(interval: u64, start_period: u64, retries: u32) -> Check {
    let s = Duration::from_secs;
    let probe = Probe::Exec(vec!["x".to_owned()]);
    Check { interval: s(interval), start_period: s(start_period), retries, ..Check::health(probe) }
}

/// Goes through checks that take two seconds each and find this, `.` good and `x` bad. When each begins in seconds, and
/// what the process is after it.
fn life(purpose: Purpose, check: &Check, found: &str) -> Vec<(u64, Health)> {
    let mut checks = Checks::new(purpose, Mono(1000 * SECOND));
    let mut lived = Vec::new();
    for (n, found) in (1..).zip(found.chars()) {
        let at = checks.due(check).unwrap();
        if at > checks.began {
            assert_eq!(checks.tick(check, CheckNumber(n), Mono(at.0 - 1)), None, "not before");
        }
        assert_eq!(checks.tick(check, CheckNumber(n), at), Some(Move::Begin));
        assert_eq!(checks.tick(check, CheckNumber(n + 1), at), None, "no two at once");
        let found = Found { wrong: (found == 'x').then(|| "bad".to_owned()), output: Vec::new() };
        checks.ended(check, CheckNumber(n), found, at.after(Duration::from_secs(2))).unwrap();
        lived.push((at.0 / SECOND - 1000, checks.health));
    }
    lived
}

#[test]
fn the_times_and_verdicts_are_those_of_docker() {
    use Health::{Healthy, Starting, Unhealthy};
    // The interval counts from the end of a check. Failures have to be in a row.
    assert_eq!(
        life(Purpose::Health, &check(30, 0, 3), "xx.xxx."),
        [
            (30, Starting),
            (62, Starting),
            (94, Healthy),
            (126, Healthy),
            (158, Healthy),
            (190, Unhealthy),
            (222, Healthy)
        ]
    );
    // Within the start period they do not count, and the interval is another. What counts is when a check began.
    assert_eq!(
        life(Purpose::Health, &check(30, 12, 2), "xxxx"),
        [(5, Starting), (12, Starting), (44, Unhealthy), (76, Unhealthy)]
    );
    assert_eq!(
        life(Purpose::Health, &check(30, 13, 2), "xxxx"),
        [(5, Starting), (12, Starting), (44, Starting), (76, Unhealthy)]
    );
    // A success ends the start period.
    assert_eq!(
        life(Purpose::Health, &check(30, 600, 2), "x.xx"),
        [(5, Starting), (12, Healthy), (44, Healthy), (76, Unhealthy)]
    );
    assert_eq!(life(Purpose::Health, &check(30, 0, 1), "x.x"), [(30, Unhealthy), (62, Healthy), (94, Unhealthy)]);
}

#[test]
fn the_defaults_are_those_of_docker() {
    let Check { probe: _, interval, timeout, start_period, start_interval, retries } = check(30, 0, 3);
    let seconds = [interval, timeout, start_period, start_interval].map(|time| time.as_secs());
    assert_eq!((seconds, retries), ([30, 30, 0, 5], 3));
}

#[test]
fn readiness_is_looked_at_at_once_and_then_more_and_more_slowly() {
    let mut check = check(16, 100, 2);
    check.start_interval = Duration::from_secs(16);
    let lived = life(Purpose::Readiness, &check, "xxxxxx");
    let begun: Vec<u64> = lived.iter().map(|(at, _)| *at).collect();
    assert_eq!(begun, [0, 3, 7, 13, 23, 41]);
    assert!(lived.iter().all(|(_, health)| *health == Health::Starting));
    check.start_period = Duration::ZERO;
    assert_eq!(life(Purpose::Readiness, &check, "xx"), [(0, Health::Starting), (3, Health::Unhealthy)]);
}

#[test]
fn a_late_check_is_ended_and_counts_as_failed() {
    let check = check(30, 0, 1);
    let mut checks = Checks::new(Purpose::Health, Mono(0));
    let begun = checks.due(&check).unwrap();
    assert_eq!(checks.tick(&check, CheckNumber(7), begun), Some(Move::Begin));
    let late = begun.after(Duration::from_secs(30));
    assert_eq!(checks.due(&check), Some(late));
    assert_eq!(checks.busy(), Some(CheckNumber(7)));
    assert_eq!(checks.tick(&check, CheckNumber(8), late), Some(Move::End(CheckNumber(7))));
    // Until it has ended there is no other.
    assert_eq!((checks.due(&check), checks.busy()), (None, None));
    assert_eq!(checks.ended(&check, CheckNumber(6), Found::default(), late), None);
    let gone = late.after(Duration::from_secs(3));
    let (meaning, last) = checks.ended(&check, CheckNumber(7), Found::default(), gone).unwrap();
    assert_eq!(meaning, Meaning::Bad("took longer than its timeout (30s)".to_owned()));
    assert_eq!((last.began, last.ended), (begun, gone));
    assert_eq!(checks.due(&check), Some(gone.after(Duration::from_secs(30))));
    assert_eq!(checks.ended(&check, CheckNumber(7), Found::default(), gone), None, "twice");
}

#[test]
fn a_sign_of_readiness_is_waited_for_during_the_whole_start() {
    let check = Check::readiness(Probe::Notify);
    let mut checks = Checks::new(Purpose::Readiness, Mono(0));
    assert_eq!(checks.tick(&check, CheckNumber(1), Mono(0)), Some(Move::Begin));
    assert_eq!(checks.due(&check), Some(Mono(90 * SECOND)));
    assert_eq!(checks.tick(&check, CheckNumber(2), Mono(90 * SECOND)), Some(Move::End(CheckNumber(1))));
    let found = Found { wrong: Some("did not send READY=1".to_owned()), output: Vec::new() };
    let (meaning, _) = checks.ended(&check, CheckNumber(1), found, Mono(90 * SECOND)).unwrap();
    assert_eq!(meaning, Meaning::Bad("did not send READY=1 within 1m30s".to_owned()));
}
