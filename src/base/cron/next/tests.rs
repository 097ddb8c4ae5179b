//! The calendar, and what becomes of it when local time changes.

use super::*;

const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
const LORD_HOWE: &str = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";
/// Stands for a correction: a zone that is twelve hours ahead in summer.
const FAR: &str = "A0B-12,M3.5.0/0,M10.5.0/12";

fn cron(text: &str) -> Cron {
    Cron::parse(text).unwrap()
}

/// `2026-03-29 01:30` in UTC as seconds since the epoch.
fn utc(text: &str) -> i64 {
    let part = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    let mut secs = (year - 1970) * 365 * 86_400;
    while date(secs) < (year, month, day) {
        secs += 86_400;
    }
    secs + part(11..13) * 3600 + part(14..16) * 60
}

fn date(secs: i64) -> (i64, i64, i64) {
    let civil = Wall { secs, nanos: 0 }.civil(0);
    (civil.year, i64::from(civil.month), i64::from(civil.day))
}

fn show(secs: i64) -> String {
    Wall { secs, nanos: 0 }.to_string().replace('T', " ")[..16].to_owned()
}

/// The times at which it is due after an instant, all in UTC.
fn times(rules: &str, text: &str, after: &str, count: usize) -> Vec<String> {
    let zone = if rules == "UTC" { Zone::utc() } else { Zone::from_rules(rules).unwrap() };
    let (cron, mut at) = (cron(text), utc(after));
    let mut times = Vec::new();
    for _ in 0..count {
        at = cron.next(&zone, at).unwrap();
        times.push(show(at));
    }
    times
}

#[test]
fn the_calendar() {
    for (text, after, times_due) in [
        ("* * * * *", "2026-11-21 10:00", ["2026-11-21 10:01", "2026-11-21 10:02"]),
        ("*/20 8-9 * * *", "2026-11-21 09:20", ["2026-11-21 09:40", "2026-11-22 08:00"]),
        ("0 3 * * *", "2026-12-31 03:00", ["2027-01-01 03:00", "2027-01-02 03:00"]),
        ("@weekly", "2026-11-21 10:00", ["2026-11-22 00:00", "2026-11-29 00:00"]),
        ("@monthly", "2026-11-21 10:00", ["2026-12-01 00:00", "2027-01-01 00:00"]),
        ("@yearly", "2026-11-21 10:00", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        ("@hourly", "2026-11-21 23:30", ["2026-11-22 00:00", "2026-11-22 01:00"]),
        ("0 0 29 2 *", "2026-11-21 10:00", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 31 * *", "2026-11-21 10:00", ["2026-12-31 00:00", "2027-01-31 00:00"]),
        // Friday, or the 13th.
        ("0 0 13 * fri", "2026-11-07 10:00", ["2026-11-13 00:00", "2026-11-20 00:00"]),
        ("0 0 14 * fri", "2026-11-07 10:00", ["2026-11-13 00:00", "2026-11-14 00:00"]),
        // A star with a step is not restricted, so that both count.
        ("0 0 */2 * fri", "2026-11-07 10:00", ["2026-11-13 00:00", "2026-11-27 00:00"]),
        ("0 0 1-7 * mon", "2026-11-21 10:00", ["2026-11-23 00:00", "2026-11-30 00:00"]),
        ("15 12 1 jan,jul *", "2026-11-21 10:00", ["2027-01-01 12:15", "2027-07-01 12:15"]),
    ] {
        assert_eq!(times("UTC", text, after, 2), times_due, "{text}");
    }
    // 2100 is no leap year: eight years without one.
    assert_eq!(times("UTC", "0 0 29 2 *", "2096-03-01 00:00", 1), ["2104-02-29 00:00"]);
}

#[test]
fn hours_that_are_skipped() {
    for (rules, text, after, due) in [
        // Berlin: at 01:00 UTC on 29 March 2026, 02:00 becomes 03:00.
        (BERLIN, "30 2 * * *", "2026-03-28 00:00", ["2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"]),
        (BERLIN, "0,15,30 2 * * *", "2026-03-28 02:00", ["2026-03-29 01:00", "2026-03-30 00:00", "2026-03-30 00:15"]),
        (BERLIN, "0 2,3 * * *", "2026-03-28 03:00", ["2026-03-29 01:00", "2026-03-30 00:00", "2026-03-30 01:00"]),
        (BERLIN, "0 3 * * *", "2026-03-28 01:00", ["2026-03-28 02:00", "2026-03-29 01:00", "2026-03-30 01:00"]),
        (BERLIN, "30 * * * *", "2026-03-29 00:00", ["2026-03-29 00:30", "2026-03-29 01:30", "2026-03-29 02:30"]),
        (BERLIN, "*/30 2 * * *", "2026-03-28 00:30", ["2026-03-28 01:00", "2026-03-28 01:30", "2026-03-30 00:00"]),
        // New York: at 07:00 UTC on 8 March 2026.
        (NEW_YORK, "30 2 * * *", "2026-03-07 08:00", ["2026-03-08 07:00", "2026-03-09 06:30", "2026-03-10 06:30"]),
        (NEW_YORK, "30 2 * * sun", "2026-03-02 08:00", ["2026-03-08 07:00", "2026-03-15 06:30", "2026-03-22 06:30"]),
        (NEW_YORK, "*/45 * * * *", "2026-03-08 06:30", ["2026-03-08 06:45", "2026-03-08 07:00", "2026-03-08 07:45"]),
        // Lord Howe: at 15:30 UTC on 3 October 2026, 02:00 becomes 02:30.
        (LORD_HOWE, "15 2 * * *", "2026-10-03 00:00", ["2026-10-03 15:30", "2026-10-04 15:15", "2026-10-05 15:15"]),
        (LORD_HOWE, "45 2 * * *", "2026-10-03 00:00", ["2026-10-03 15:45", "2026-10-04 15:45", "2026-10-05 15:45"]),
        (LORD_HOWE, "15 * * * *", "2026-10-03 14:00", ["2026-10-03 14:45", "2026-10-03 16:15", "2026-10-03 17:15"]),
    ] {
        assert_eq!(times(rules, text, after, 3), due, "{rules} {text}");
    }
}

#[test]
fn hours_that_are_repeated() {
    for (rules, text, after, due) in [
        // Berlin: at 01:00 UTC on 25 October 2026, 03:00 becomes 02:00.
        (BERLIN, "30 2 * * *", "2026-10-24 12:00", ["2026-10-25 00:30", "2026-10-26 01:30", "2026-10-27 01:30"]),
        (BERLIN, "0 3 * * *", "2026-10-24 12:00", ["2026-10-25 02:00", "2026-10-26 02:00", "2026-10-27 02:00"]),
        (BERLIN, "30 2 * * *", "2026-10-25 01:10", ["2026-10-26 01:30", "2026-10-27 01:30", "2026-10-28 01:30"]),
        (BERLIN, "30 * * * *", "2026-10-25 00:00", ["2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 02:30"]),
        (BERLIN, "*/30 2 * * *", "2026-10-25 00:10", ["2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30"]),
        // New York: at 06:00 UTC on 1 November 2026.
        (NEW_YORK, "30 1 * * *", "2026-10-31 12:00", ["2026-11-01 05:30", "2026-11-02 06:30", "2026-11-03 06:30"]),
        (NEW_YORK, "15,45 1 * * *", "2026-11-01 05:20", ["2026-11-01 05:45", "2026-11-02 06:15", "2026-11-02 06:45"]),
        // Lord Howe: at 15:00 UTC on 4 April 2026, 02:00 becomes 01:30.
        (LORD_HOWE, "45 1 * * *", "2026-04-04 00:00", ["2026-04-04 14:45", "2026-04-05 15:15", "2026-04-06 15:15"]),
        (LORD_HOWE, "15 1 * * *", "2026-04-04 00:00", ["2026-04-04 14:15", "2026-04-05 14:45", "2026-04-06 14:45"]),
        (LORD_HOWE, "45 * * * *", "2026-04-04 14:00", ["2026-04-04 14:45", "2026-04-04 15:15", "2026-04-04 16:15"]),
    ] {
        assert_eq!(times(rules, text, after, 3), due, "{rules} {text}");
    }
}

#[test]
fn large_changes_are_corrections() {
    // At 00:00 UTC on 29 March 2026 it is noon at once: what was between is not made up for.
    let due = ["2026-03-29 18:00", "2026-03-30 18:00"];
    assert_eq!(times(FAR, "0 6 * * *", "2026-03-28 07:00", 2), due);
    // At 00:00 UTC on 25 October it is midnight again, after noon: the morning comes twice.
    let due = ["2026-10-24 18:00", "2026-10-25 06:00", "2026-10-26 06:00"];
    assert_eq!(times(FAR, "0 6 * * *", "2026-10-24 00:00", 3), due);
}

#[test]
fn every_minute_is_looked_at() {
    // Against the definition, minute by minute.
    let zone = Zone::utc();
    for text in ["7 * * * *", "*/7 */5 * * *", "0 12 1-7 * mon", "59 23 28-31 2,12 *", "30 6 */3 * 0-3"] {
        let cron = cron(text);
        let is_due = |at: i64| {
            let civil = Wall { secs: at, nanos: 0 }.civil(0);
            let weekday = u32::try_from((at.div_euclid(86_400) + 4).rem_euclid(7)).unwrap();
            cron.minute.has(civil.minute) && cron.hour.has(civil.hour) && cron.on_day(civil.month, civil.day, weekday)
        };
        let mut at = utc("2027-02-20 12:34");
        for _ in 0..20 {
            let due = cron.next(&zone, at).unwrap();
            let first = (1..).map(|n| (at.div_euclid(60) + n) * 60).find(|at| is_due(*at)).unwrap();
            assert_eq!(show(due), show(first), "{text} after {}", show(at));
            at = due;
        }
    }
}

#[test]
fn the_next_time_is_always_later() {
    for rules in [BERLIN, NEW_YORK, LORD_HOWE, FAR] {
        let zone = Zone::from_rules(rules).unwrap();
        for text in ["30 2 * * *", "*/30 * * * *", "0 */6 * * *", "59 1,2,3 * * *"] {
            let (cron, mut at) = (cron(text), utc("2026-03-01 00:00"));
            let end = utc("2026-12-01 00:00");
            while at < end {
                let due = cron.next(&zone, at).unwrap();
                assert!(due > at, "{rules} {text}");
                // Whoever asks at any moment before is told the same.
                assert_eq!(cron.next(&zone, at + (due - at) / 2), Some(due), "{rules} {text} {}", show(due));
                at = due;
            }
        }
    }
}
