//! What a changed configuration does to running programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::fs;

use nix::sys::signal::Signal;
use support::*;

fn pids(d: &Daemon) -> BTreeMap<String, Option<u32>> {
    d.all().iter().map(|s| (s.name().to_owned(), s.pid())).collect()
}

#[test]
fn added_removed_changed_and_unchanged() {
    let mut d = Daemon::with(
        "same: {cmd: sleep 1000}
changed: {cmd: sleep 1000}
removed: {cmd: sleep 1000}",
    );
    d.wait_all("RUNNING");
    let before = pids(&d);
    let plan = d.reload(
        "same: {cmd: sleep 1000}
changed: {cmd: sleep 2000}
added: {cmd: sleep 1000}",
    );
    for (name, action) in [("added", "added"), ("removed", "removed"), ("changed", "restarted")] {
        assert!(plan.lines().any(|l| l.contains(name) && l.contains(action)), "{name} {action}: {plan}");
    }
    has(&plan, "unchanged");
    wait_until("the new state", || {
        let now = pids(&d);
        now.len() == 3 && now.values().all(Option::is_some) && now["changed"] != before["changed"]
    });
    assert_eq!(pids(&d)["same"], before["same"]);
    assert!(!alive(before["removed"].unwrap()) && !alive(before["changed"].unwrap()));
    let changed = d.pid_of("changed");
    assert_eq!(nul_strings(&format!("/proc/{changed}/cmdline")), ["sleep", "2000"]);
}

#[test]
fn hup_reload_and_update_do_the_same() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    d.rewrite("b: {cmd: sleep 1000}");
    d.signal(Signal::SIGHUP);
    wait_until("b alone", || pids(&d).keys().eq(["b"]));
    d.rewrite("c: {cmd: sleep 1000}");
    d.ok("update");
    wait_until("c alone", || pids(&d).keys().eq(["c"]));
    d.rewrite("d: {cmd: sleep 1000}");
    d.ok("reload");
    wait_until("d alone", || pids(&d).keys().eq(["d"]));
    d.rewrite("e: {cmd: sleep 1000}");
    let out = d.ctl(&["reload"]);
    assert!(out.status.success(), "{}", said(&out));
    wait_until("e alone", || pids(&d).keys().eq(["e"]));
}

#[test]
fn an_invalid_file_changes_nothing_and_says_why() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    d.wait_all("RUNNING");
    let before = pids(&d);
    for (broken, key) in [
        ("a: {cmd: sleep 1000, numprocs: -1}", "numprocs"),
        ("a: {cmd: sleep 1000}\nb: {cmd: sleep 1, nmprocs: 2}", "numprocs"),
        ("a: {cmd: sleep 2000, stopsignal: NOPE}", "stopsignal"),
        ("a: [", "yaml"),
        ("a: {numprocs: 2}", "cmd"),
    ] {
        d.rewrite(broken);
        let reply = d.text("reload");
        assert!(!reply.ok(), "{broken}");
        has(&reply.last, "bad-config");
        let text = reply.all();
        has(&text, "taskmasterd.yaml");
        has(&text, key);
        assert_eq!(pids(&d), before, "{broken}");
        d.signal(Signal::SIGHUP);
        wait_until("a line in the log", || d.own_log().contains(key));
        assert_eq!(pids(&d), before, "{broken}");
    }
    fs::remove_file(d.setup.config_file()).unwrap();
    assert!(!d.text("reload").ok());
    assert_eq!(pids(&d), before);
}

#[test]
fn all_errors_are_told_with_their_lines() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    d.rewrite("a:\n  cmd: sleep 1000\n  numprocs: zero\n  stoptim: 3\n  umask: 999");
    let text = d.text("reload").all();
    let lines =
        |key: &str| d.setup.config().lines().position(|l| l.trim_start().starts_with(&format!("{key}:"))).unwrap() + 1;
    for key in ["numprocs", "stoptim", "umask"] {
        let told = text.lines().find(|l| l.contains(key)).unwrap_or_else(|| panic!("{key} is not told: {text}"));
        has(told, &format!(":{}", lines(key)));
    }
    has(&text, "stoptime");
}

#[test]
fn keys_that_need_no_restart_keep_the_pid() {
    let setup = Setup::new();
    let out = setup.file("out");
    let mut d = setup.programs(&format!("a: {{cmd: sleep 1000, stdout: {out}}}")).start();
    d.wait_all("RUNNING");
    let before = pids(&d);
    for keys in [
        "autorestart: always",
        "exitcodes: [0, 3]",
        "startretries: 7",
        "starttime: 3",
        "stopsignal: INT",
        "stoptime: 3",
        "stopgroup: false",
        "backoff: {initial: 3}",
        "stdout_logfile_maxbytes: 1MB",
        "stdout_logfile_backups: 2",
        "autostart: false",
    ] {
        let out = d.file("out");
        let plan = d.reload(&format!("a: {{cmd: sleep 1000, stdout: {out}, {keys}}}"));
        let key = keys.split(':').next().unwrap();
        assert!(plan.lines().any(|l| l.contains(key)), "the plan names {key}: {plan}");
        has(&plan, "updated");
        assert_eq!(pids(&d), before, "{keys}");
    }
}

#[test]
fn a_key_in_place_is_in_force() {
    let cmd = probe("ignore=15 on=2:7:0 forever");
    let mut d = Daemon::with(&format!("a: {{cmd: {cmd}, stoptime: 100}}"));
    d.wait_all("RUNNING");
    d.reload(&format!("a: {{cmd: {cmd}, stoptime: 100, stopsignal: INT, exitcodes: 7}}"));
    d.ok("stop a");
    assert_eq!(d.status("a").last_exit(), "exit status 7");
}

#[test]
fn keys_that_need_a_restart_give_a_new_pid() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    let mut old = d.wait_state("a", "RUNNING").pid().unwrap();
    for keys in ["umask: 077", "env: {A: b}", "env: {A: c}", "workingdir: /", "args: ['5']", "stdout: none"] {
        let plan = d.reload(&format!("a: {{cmd: sleep 1000, {keys}}}"));
        has(&plan, "restarted");
        old = d.wait_new_pid("a", old);
    }
}

#[test]
fn the_plan_names_old_and_new_values() {
    let mut d = Daemon::with("a: {cmd: sleep 1000, stoptime: 10, env: {PORT: 80}}");
    d.wait_all("RUNNING");
    d.rewrite("a: {cmd: sleep 1000, stoptime: 20, env: {PORT: 81}}");
    let plan = d.ok("reload --dry-run");
    for part in ["stoptime", "10s", "20s", "env.PORT", "80", "81"] {
        has(&plan, part);
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}\nb: {cmd: sleep 1000}");
    d.wait_all("RUNNING");
    let before = pids(&d);
    d.rewrite("a: {cmd: sleep 2000}\nc: {cmd: sleep 1000}");
    for command in ["reload --dry-run", "reread"] {
        let plan = d.ok(command);
        for (name, action) in [("a", "restarted"), ("b", "removed"), ("c", "added")] {
            assert!(plan.lines().any(|l| l.contains(name) && l.contains(action)), "{name} {action}: {plan}");
        }
        assert_eq!(pids(&d), before);
    }
    d.ok("reload");
    wait_until("now it is in force", || pids(&d).keys().eq(["a", "c"]));
}

#[test]
fn numprocs_up_and_down_keeps_the_survivors() {
    let mut d = Daemon::with("w: {cmd: sleep 1000, numprocs: 2}");
    d.wait_all("RUNNING");
    let two = pids(&d);
    d.reload("w: {cmd: sleep 1000, numprocs: 4}");
    wait_until("four", || d.all().len() == 4 && d.all().iter().all(|s| s.state() == "RUNNING"));
    let four = pids(&d);
    assert_eq!((two["w:w_00"], two["w:w_01"]), (four["w:w_00"], four["w:w_01"]));
    d.reload("w: {cmd: sleep 1000, numprocs: 1}");
    wait_until("one", || d.all().len() == 1);
    assert_eq!(d.pid_of("w"), two["w:w_00"].unwrap(), "the only one is shown by the program's name");
    for pid in [four["w:w_01"], four["w:w_02"], four["w:w_03"]] {
        assert!(!alive(pid.unwrap()));
    }
}

#[test]
fn no_op_reloads_do_nothing_at_all() {
    let d = Daemon::with("w: {cmd: sleep 1000, numprocs: 3}\nx: {cmd: sleep 1000}");
    d.wait_all("RUNNING");
    d.ok("reload");
    let (before, open) = (pids(&d), fds(d.pid).len());
    for _ in 0..50 {
        d.ok("reload");
        d.signal(Signal::SIGHUP);
    }
    assert_eq!(pids(&d), before);
    assert!(d.all().iter().all(|s| s.runs() == 1));
    wait_until("no more fds than before", || fds(d.pid).len() <= open);
}

#[test]
fn a_reload_while_a_process_is_stopping() {
    let cmd = probe("on=15:0:600 forever");
    let mut d = Daemon::with(&format!("a: {{cmd: {cmd}, stoptime: 20}}\nb: {{cmd: {cmd}, stoptime: 20}}"));
    d.wait_all("RUNNING");
    let old = pids(&d);
    d.ok("stop --no-wait all");
    // a is removed and comes back while it goes down; b is changed and stays down, for that is what was asked.
    d.reload(&format!("b: {{cmd: {cmd}, stoptime: 20, env: {{X: y}}}}"));
    d.reload(&format!("a: {{cmd: sleep 1000}}\nb: {{cmd: {cmd}, stoptime: 20, env: {{X: y}}}}"));
    let s = d.wait_state("a", "RUNNING");
    assert_eq!(nul_strings(&format!("/proc/{}/cmdline", s.pid().unwrap())), ["sleep", "1000"]);
    assert!(!alive(old["a"].unwrap()), "the old one is gone before the new one runs");
    assert_eq!(d.wait_state("b", "STOPPED").runs(), 1);
}

#[test]
fn what_was_stopped_by_hand_stays_stopped() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    d.wait_all("RUNNING");
    d.ok("stop a");
    d.reload("a: {cmd: sleep 2000}");
    assert_eq!(d.state("a"), "STOPPED");
    d.ok("start a");
    assert_eq!(nul_strings(&format!("/proc/{}/cmdline", d.pid_of("a"))), ["sleep", "2000"]);
}

#[test]
fn a_reload_mends_what_had_failed() {
    let mut d = Daemon::with("a: {cmd: /nonexistent, startretries: 0}");
    d.wait_state("a", "FATAL");
    d.reload("a: {cmd: sleep 1000, startretries: 0}");
    d.wait_state("a", "RUNNING");
}
