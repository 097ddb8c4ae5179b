//! Two thousand processes under one daemon.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::sync::Mutex;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::Signal;
use support::*;

const MANY: usize = 2000;

/// These tests fill the machine: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn pids(d: &Daemon) -> BTreeMap<String, u32> {
    d.all().iter().filter_map(|s| Some((s.name().to_owned(), s.pid()?))).collect()
}

fn zombies(d: &Daemon) -> usize {
    children(d.pid).iter().filter(|(_, zombie)| *zombie).count()
}

#[test]
fn all_are_killed_at_once_and_every_one_comes_back() {
    let _alone = alone();
    let d =
        Daemon::with(&format!("w: {{cmd: sleep 1000, numprocs: {MANY}, starttime: 0, stdout: none, stderr: none}}"));
    d.wait_all("RUNNING");
    let before = pids(&d);
    assert_eq!(before.len(), MANY);
    let open = d.fds_at_rest();
    let (pidfds, pipes, _, _) = d.fd_kinds();
    assert_eq!((pidfds, pipes), (MANY, 0), "one pidfd a process and nothing else");
    before.values().for_each(|pid| kill(*pid, Signal::SIGKILL));
    wait_until("every one has a new pid", || {
        let now = pids(&d);
        now.len() == MANY && now.iter().all(|(name, pid)| before[name] != *pid)
    });
    d.wait_all("RUNNING");
    assert!(d.all().iter().all(|s| s.runs() == 2 && s.last_exit() == "killed by SIGKILL"), "none missed, none doubled");
    wait_until("no zombie", || zombies(&d) == 0);
    wait_until("as many fds as before", || fds(d.pid).len() == open);
    assert_eq!(children(d.pid).len(), MANY);
    let begin = std::time::Instant::now();
    d.ok("stop all");
    // One after the other, with a turn of the loop for each, is not meant.
    assert!(begin.elapsed() < DEADLINE, "{:?}", begin.elapsed());
    wait_until("nothing is left", || children(d.pid).is_empty());
    wait_until("nor any pidfd", || d.fd_kinds().0 == 0);
}

#[test]
fn all_are_killed_at_once_and_every_end_is_known() {
    let _alone = alone();
    let d = Daemon::with(&format!(
        "w: {{cmd: sleep 1000, numprocs: {MANY}, starttime: 0, autorestart: never, stdout: none, stderr: none}}"
    ));
    d.wait_all("RUNNING");
    pids(&d).values().for_each(|pid| kill(*pid, Signal::SIGKILL));
    let all = d.wait_all("EXITED");
    assert!(all.iter().all(|s| s.runs() == 1 && s.last_exit() == "killed by SIGKILL"));
    wait_until("no zombie", || zombies(&d) == 0);
}

#[test]
fn with_logs_the_fds_are_as_computed() {
    let _alone = alone();
    let d = Daemon::with("w: {cmd: [sh, -c, 'echo out; echo err >&2; exec sleep 1000'], numprocs: 300, starttime: 0}");
    d.wait_all("RUNNING");
    let (pidfds, pipes, _, other) = d.fd_kinds();
    assert_eq!((pidfds, pipes), (300, 600), "a pidfd and two pipes a process");
    assert!(other <= 600 + 80, "at most a log file for each pipe, and what the daemon keeps for itself: {other}");
    // With its first output the file of each is open.
    for n in 0..300 {
        for (stream, text) in [("stdout", "out\n"), ("stderr", "err\n")] {
            let file = d.auto_log(&format!("w_{n:02}"), stream);
            wait_until("its output", || std::fs::read(&file).is_ok_and(|b| b == text.as_bytes()));
        }
    }
    let open = d.fds_at_rest();
    d.ok("restart all");
    wait_until("as many fds as before", || fds(d.pid).len() == open);
}

#[test]
fn children_have_the_limit_that_the_daemon_was_started_with() {
    let _alone = alone();
    needs!("prlimit");
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard <= 1000 {
        return skip(&test_name!(), "the hard limit of open files is too low");
    }
    let d = Setup::new()
        .programs("x: {cmd: sleep 1000, numprocs: 500, starttime: 0, stdout: none, stderr: none}")
        .wrap(&["prlimit", "--nofile=300:"])
        .start();
    d.wait_all("RUNNING");
    let limits = |pid: u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let line = text.lines().find(|l| l.starts_with("Max open files")).unwrap();
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        (words[3].clone(), words[4].clone())
    };
    assert_eq!(limits(d.pid_of("x:x_00")), ("300".to_owned(), hard.to_string()));
    assert!(limits(d.pid).0.parse::<u64>().unwrap() > 500, "its own is raised");
}

/// The largest number in a text.
fn largest_number(text: &str) -> u64 {
    text.split(|c: char| !c.is_ascii_digit())
        .filter_map(|w| w.parse().ok())
        .filter(|n| *n < 1_000_000)
        .max()
        .unwrap_or(0)
}

#[test]
fn too_many_for_the_limit_is_refused_with_the_number_needed() {
    let _alone = alone();
    needs!("prlimit");
    let setup = Setup::new().programs("x: {cmd: sleep 1000, numprocs: 700}").wrap(&["prlimit", "--nofile=256:512"]);
    let out = setup.run();
    assert!(!out.status.success());
    let text = said(&out);
    let complaint =
        text.lines().find(|l| l.contains("512")).unwrap_or_else(|| panic!("the limit is not named: {text}"));
    assert!(largest_number(complaint) >= 2100, "{complaint}");
    assert!(complaint.contains("open files") || complaint.contains("RLIMIT_NOFILE"), "{complaint}");
}

#[test]
fn too_many_in_a_reload_is_refused_and_changes_nothing() {
    let _alone = alone();
    needs!("prlimit");
    let mut d =
        Setup::new().programs("x: {cmd: sleep 1000, numprocs: 5}").wrap(&["prlimit", "--nofile=256:512"]).start();
    d.wait_all("RUNNING");
    let before = pids(&d);
    d.rewrite("x: {cmd: sleep 1000, numprocs: 700}");
    let reply = d.text("reload");
    assert!(!reply.ok(), "{reply:?}");
    has(&reply.all(), "512");
    assert_eq!(pids(&d), before);
}
