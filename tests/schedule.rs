//! Jobs that run by a schedule, over real programs; and the calendar against another reader of the same fields.
//!
//! What a clock that is set does, and daylight saving, are held in `src/base/cron/next/tests.rs` and in the simulator:
//! setting the clock of the machine is not for a test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::*;
use taskmaster::base::cron::Cron;
use taskmaster::base::zone::Zone;

fn status(d: &Daemon, name: &str) -> Value {
    d.rpc("status", json!({"names": [name]})).unwrap()["processes"][0].clone()
}

fn runs(d: &Daemon, name: &str) -> u64 {
    d.status(name).runs()
}

fn wait_runs(d: &Daemon, name: &str, at_least: u64) {
    wait_until(&format!("{name} has run {at_least} times"), || runs(d, name) >= at_least);
}

fn ran(d: &Daemon, name: &str) -> Vec<Value> {
    let account = d.rpc("why", json!({"names": [name]})).unwrap()["accounts"][0].clone();
    account.get("runs").and_then(Value::as_array).cloned().unwrap_or_default()
}

#[test]
fn a_job_runs_again_and_again() {
    let d = Daemon::with("job: {cmd: 'true', every: 0.3}\nbad: {cmd: 'false', every: 0.3}");
    wait_runs(&d, "job", 12);
    wait_runs(&d, "bad", 3);
    let last = ran(&d, "job");
    assert_eq!(last.len(), 10);
    assert!(last[..9].iter().all(|run| run["result"] == "exit status 0" && run["took_ms"].is_u64()), "{last:?}");
    // The beat is kept. A run that comes late on a busy machine makes one interval longer and the next one shorter.
    let ago = |n: usize| last[n]["ago_ms"].as_u64().unwrap();
    let mut intervals: Vec<u64> = (0..9).map(|n| ago(n) - ago(n + 1)).collect();
    intervals.sort_unstable();
    assert!((250..=350).contains(&intervals[4]), "{intervals:?}");
    assert_eq!(ran(&d, "bad")[0]["result"], "exit status 1");
    // A failure is told, and the next run comes all the same.
    wait_until("the failure shows", || d.ok("status bad").contains("exit status 1; not expected"));
    has(&d.ok("status bad"), "; next run at 20");
    let text = d.ok("why job");
    for part in ["  runs\n", " exit status 0, took ", "by its schedule"] {
        has(&text, part);
    }
}

#[test]
fn a_run_is_due_at_the_time_that_is_shown() {
    // Half a day from now, so that it does not become due while one looks.
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let hour = (since.as_secs() / 3600 + 12) % 24;
    let d =
        Daemon::with(&format!("job: {{cmd: 'true', schedule: '0 {hour} * * *', timezone: UTC, run_on_start: true}}"));
    let done = d.wait_state("job", "EXITED");
    assert_eq!(done.runs(), 1);
    let schedule = status(&d, "job")["schedule"].clone();
    assert_eq!((&schedule["active"], &schedule["zone"]), (&json!(true), &json!("UTC")));
    let next = schedule["next"].as_str().unwrap();
    assert!(next.ends_with(&format!("T{hour:02}:00:00+00:00")), "{next}");
    let hours = schedule["next_ms"].as_u64().unwrap() / 3_600_000;
    assert!((10..=12).contains(&hours), "{hours}");
    let line = d.ok("status job");
    has(&line, &format!("exit status 0; next run at {} {} UTC (in ", &next[..10], &next[11..16]));
}

#[test]
fn overlaps_are_skipped_queued_or_ended() {
    let d = Daemon::with(&format!(
        "skip: {{cmd: sleep 1000, every: 0.3}}
queue: {{cmd: sleep 1000, every: 0.3, overlap: queue}}
kill: {{cmd: sleep 1000, every: 0.3, overlap: kill}}
polite: {{cmd: {}, every: 0.3, overlap: kill, stoptime: 30}}",
        probe("on=15:0:0 forever")
    ));
    wait_runs(&d, "kill", 3);
    wait_runs(&d, "polite", 3);
    wait_until("a run waits", || status(&d, "queue")["schedule"]["queued"] == true);
    has(&d.ok("status queue"), "one more follows this one");
    assert_eq!((runs(&d, "skip"), runs(&d, "queue")), (1, 1));
    has(&d.own_log(), "skip: a run is due, but the last one is not over: it is skipped");
    let old = d.pid_of("queue");
    kill(old, Signal::SIGKILL);
    d.wait_new_pid("queue", old);
    assert_eq!(runs(&d, "queue"), 2);
    assert_eq!(runs(&d, "skip"), 1);
}

#[test]
fn what_takes_too_long_is_stopped() {
    let d = Daemon::with(&format!(
        "job: {{cmd: sleep 1000, every: 1h, run_on_start: true, timeout: 3}}
nice: {{cmd: {}, oneshot: true, autorestart: never, timeout: 3}}",
        probe("on=15:0:0 forever")
    ));
    for name in ["job", "nice"] {
        let ended = d.wait_state(name, "EXITED");
        assert!(!ended.as_wanted(), "{name}");
        assert_eq!(ended.why(), "took longer than its timeout (3s)");
    }
    assert_eq!(ran(&d, "job")[0]["result"], "took longer than 3s (killed by SIGTERM)");
    has(&d.ok("why nice"), "took longer than its timeout (3s) (exit status 0)");
    has(&d.ok("status job"), "; next run at ");
}

#[test]
fn a_stop_holds_until_a_start() {
    let d = Daemon::with(
        "job: {cmd: 'true', every: 0.2}\nlong: {cmd: sleep 1000, every: 0.2}\noff: {cmd: 'true', every: 0.2, autostart: false}",
    );
    wait_runs(&d, "job", 2);
    wait_runs(&d, "long", 1);
    d.ok("stop job long");
    assert_eq!(d.state("long"), "STOPPED");
    has(&d.ok("status long"), "; schedule suspended");
    let stopped = runs(&d, "job");
    // Others run on meanwhile, so that time has passed.
    d.ok("start off");
    wait_runs(&d, "off", 5);
    assert_eq!((runs(&d, "job"), runs(&d, "long")), (stopped, 1));
    has(&d.ok("why long"), "\"start long\" runs it, and it runs by its schedule again");
    d.ok("start job");
    wait_runs(&d, "job", stopped + 3);
    assert_eq!(d.ctl(&["status", "long"]).status.code(), Some(0), "what is suspended is as wanted");
}

#[test]
fn a_reload_changes_the_times() {
    let mut d = Daemon::with("job: {cmd: 'true', every: 1h}\nbusy: {cmd: sleep 1000, every: 1h, run_on_start: true}");
    let pid = d.wait_state("busy", "RUNNING").pid();
    assert_eq!(runs(&d, "job"), 0);
    let plan = d.reload(
        "job: {cmd: 'true', every: 0.2}\nbusy: {cmd: sleep 2000, schedule: '@yearly'}\nnew: {cmd: 'true', every: 1h}",
    );
    has(&plan, "schedule: every 1h -> every 200ms");
    has(&plan, "new: added, runs by its schedule");
    wait_runs(&d, "job", 3);
    assert_eq!(d.status("busy").pid(), pid, "a run is let go on to its end");
    has(status(&d, "busy")["schedule"]["next"].as_str().unwrap(), "-01-01T00:00:00");
    assert_eq!(runs(&d, "new"), 0);
    kill(pid.unwrap(), Signal::SIGKILL);
    d.wait_state("busy", "EXITED");
    d.ok("start busy");
    wait_words(d.pid_of("busy"), &["sleep", "2000"]);
    d.reload("job: {cmd: sleep 1000}");
    d.wait_state("job", "RUNNING");
    assert_eq!(status(&d, "job").get("schedule"), None);
}

#[test]
fn an_idle_daemon_sleeps_until_the_run() {
    let d = Daemon::with("job: {cmd: 'true', schedule: '0 0 1 1 *', jitter: 30s}\nother: {cmd: 'true', every: 1d}");
    d.wait_state("job", "STOPPED");
    let switches = || {
        let field = |key| status_field(d.pid, key).parse::<u64>().unwrap();
        field("voluntary_ctxt_switches")
    };
    // Its own questions wake it; without any, nothing does.
    wait_until("a second and a half without a wake-up", || {
        let before = switches();
        std::thread::sleep(std::time::Duration::from_millis(1500));
        switches() == before
    });
}

/// Asks Python's croniter for the next times of many expressions.
#[test]
fn the_calendar_is_that_of_another_reader() {
    const SCRIPT: &str = "
import sys, datetime
from croniter import croniter
for line in open(sys.argv[1]):
    at, text = line.rstrip('\\n').split(' ', 1)
    start = datetime.datetime.fromtimestamp(int(at), datetime.timezone.utc)
    times = croniter(text, start)
    print(*[int(times.get_next(float)) for _ in range(4)])
";
    let has_it = |python: &&str| {
        let run = Command::new(python).args(["-c", "import croniter"]).stderr(Stdio::null()).status();
        run.is_ok_and(|status| status.success())
    };
    let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(has_it) else {
        return skip(&test_name!(), "needs python3-croniter");
    };
    let mut dice = dice::Dice::new(1);
    let asked: Vec<(i64, String)> = (0..400).map(|_| random_question(&mut dice)).collect();
    let input: String = asked.iter().map(|(at, text)| format!("{at} {text}\n")).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("asked");
    std::fs::write(&file, input).unwrap();
    let out = run_to_end(Command::new(python).args(["-c", SCRIPT]).arg(file));
    assert!(out.status.success(), "{}", said(&out));
    let answers = stdout(&out);
    assert_eq!(answers.lines().count(), asked.len());
    for ((start, text), answer) in asked.iter().zip(answers.lines()) {
        let (cron, mut at) = (Cron::parse(text).unwrap(), *start);
        for theirs in answer.split(' ').map(|n| n.parse::<i64>().unwrap()) {
            at = cron.next(&Zone::utc(), at).unwrap();
            assert_eq!(at, theirs, "{text} after {start}");
        }
    }
}

/// A time and five fields. Days with a step over `*` are left out: the two readers differ in what they call restricted.
fn random_question(dice: &mut dice::Dice) -> (i64, String) {
    let mut below = |n: u64| dice.roll() % n;
    let mut field = |least: u64, most: u64, steps: bool| {
        let span = most - least + 1;
        match below(6) {
            0 | 1 => "*".to_owned(),
            2 => (least + below(span)).to_string(),
            3 if steps => format!("*/{}", 1 + below(span)),
            4 => {
                let from = least + below(span);
                format!("{from}-{}", from + below(most - from + 1))
            }
            _ => format!("{},{}", least + below(span), least + below(span)),
        }
    };
    let text = [field(0, 59, true), field(0, 23, true), field(1, 28, false), field(1, 12, true), field(0, 6, false)];
    (1_700_000_000 + i64::try_from(below(300_000_000)).unwrap(), text.join(" "))
}
