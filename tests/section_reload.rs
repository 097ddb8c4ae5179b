//! What a changed configuration does to running programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::fs;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
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
    d.wait_all("RUNNING");
    assert_eq!(pids(&d)["same"], before["same"]);
    assert!(!alive(before["removed"].unwrap()) && !alive(before["changed"].unwrap()));
    let changed = d.pid_of("changed");
    wait_words(changed, &["sleep", "2000"]);
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
        // The file must not be written anew while it is read.
        let log_before = d.own_log();
        d.signal(Signal::SIGHUP);
        let of_signal = |log: &str| log.split("SIGHUP received").skip(1).map(str::to_owned).collect::<Vec<_>>();
        let signals = of_signal(&log_before).len();
        wait_until("a line in the log", || of_signal(&d.own_log()).get(signals).is_some_and(|told| told.contains(key)));
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
        "kill_mode: process",
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
    d.wait_handles("a", &[2, 15]);
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
    let cmd = probe("on=15:0:1500 forever");
    let mut d = Daemon::with(&format!("a: {{cmd: {cmd}, stoptime: 20}}\nb: {{cmd: {cmd}, stoptime: 20}}"));
    d.wait_all_handle(&[15]);
    let old = pids(&d);
    d.ok("stop --no-wait all");
    // a is removed and comes back while it goes down; b is changed and stays down, for that is what was asked.
    d.reload(&format!("b: {{cmd: {cmd}, stoptime: 20, env: {{X: y}}}}"));
    d.reload(&format!("a: {{cmd: sleep 1000}}\nb: {{cmd: {cmd}, stoptime: 20, env: {{X: y}}}}"));
    let s = d.wait_state("a", "RUNNING");
    wait_words(s.pid().unwrap(), &["sleep", "1000"]);
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
    wait_words(d.pid_of("a"), &["sleep", "2000"]);
}

#[test]
fn a_reload_mends_what_had_failed() {
    let mut d = Daemon::with("a: {cmd: /nonexistent, startretries: 0}");
    d.wait_state("a", "FATAL");
    d.reload("a: {cmd: sleep 1000, startretries: 0}");
    d.wait_state("a", "RUNNING");
}

#[test]
fn more_time_to_stop_reaches_what_is_stopping() {
    // It ends a second after it would have been killed.
    let cmd = probe("on=15:7:5000 forever");
    let mut d = Daemon::with(&format!("a: {{cmd: {cmd}, stoptime: 4}}"));
    d.wait_handles("a", &[15]);
    d.ok("stop --no-wait a");
    d.reload(&format!("a: {{cmd: {cmd}, stoptime: 600}}"));
    d.wait_state("a", "STOPPED");
    assert_eq!(d.status("a").last_exit(), "exit status 7", "under the old key it had been killed");
}

#[test]
fn less_time_to_stop_reaches_what_is_stopping() {
    let cmd = probe("ignore=15 forever");
    let mut d = Daemon::with(&format!("a: {{cmd: {cmd}, stoptime: 600}}"));
    d.wait_handles("a", &[15]);
    d.ok("stop --no-wait a");
    d.reload(&format!("a: {{cmd: {cmd}, stoptime: 0.1}}"));
    assert_eq!(d.wait_state("a", "STOPPED").last_exit(), "killed by SIGKILL");
}

#[test]
fn fewer_retries_reach_what_waits_for_its_next_try() {
    let mut d = Daemon::with("a: {cmd: 'false', starttime: 60, startretries: unlimited}");
    wait_until("some failures", || d.status("a").runs() > 4);
    d.reload("a: {cmd: 'false', starttime: 60, startretries: 3}");
    d.wait_state("a", "FATAL");
}

#[test]
fn another_starttime_reaches_a_start_under_way() {
    let mut d = Daemon::with("a: {cmd: sleep 1000, starttime: 600}");
    assert_eq!(d.state("a"), "STARTING");
    d.reload("a: {cmd: sleep 1000, starttime: 0.1}");
    d.wait_state("a", "RUNNING");
}

#[test]
fn another_restart_policy_reaches_what_runs() {
    let mut d = Daemon::with("");
    let go = d.file("go");
    let cmd = probe(&format!("await={go} exit=3"));
    for (before, after, state) in [
        ("autorestart: always", "autorestart: never", "EXITED"),
        ("exitcodes: 0", "exitcodes: 3", "EXITED"),
        ("exitcodes: 3", "exitcodes: 0", "RUNNING"),
        ("autorestart: never", "autorestart: always", "RUNNING"),
    ] {
        let _ = fs::remove_file(&go);
        d.reload("");
        wait_until("nothing is left", || d.all().is_empty());
        // However often it ends before the file is gone.
        let rest = "startretries: unlimited";
        d.reload(&format!("a: {{cmd: {cmd}, {rest}, {before}}}"));
        d.wait_state("a", "RUNNING");
        d.reload(&format!("a: {{cmd: {cmd}, {rest}, {after}}}"));
        assert_eq!(d.status("a").runs(), 1);
        // Whether it is started again is seen while the file is there; once it is gone, it stays up.
        fs::write(&go, "").unwrap();
        wait_until("its end", || d.status("a").last_exit() == "exit status 3");
        fs::remove_file(&go).unwrap();
        d.wait_state("a", state);
    }
}

#[test]
fn another_log_size_reaches_the_open_file() {
    let setup = Setup::new();
    let (out, go) = (setup.file("out"), setup.file("go"));
    let cmd = probe(&format!("lines=100:50 await={go} lines=100:50 forever"));
    let mut d = setup.programs(&format!("a: {{cmd: {cmd}, stdout: {out}}}")).start();
    d.wait_log("out", 5000);
    assert!(!d.path("out.1").exists());
    d.reload(&format!("a: {{cmd: {cmd}, stdout: {out}, stdout_logfile_maxbytes: 1000}}"));
    fs::write(&go, "").unwrap();
    let log = d.wait_log("out", 10_000);
    assert!(d.path("out.1").exists(), "the file was over the new size and is not set aside");
    assert_eq!(log, [numbered(100, 50), numbered(100, 50)].concat().into_bytes());
}

#[test]
fn another_log_level_is_in_force_at_once() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    d.wait_all("RUNNING");
    d.setup = std::mem::take(&mut d.setup).keys("loglevel: error");
    let plan = d.reload("a: {cmd: sleep 1000}");
    has(&plan, "loglevel: info -> error");
    d.ok("restart a");
    assert!(!d.own_log().contains("restart a"), "{}", d.own_log());
}

/// How `taskmasterctl reload --dry-run` ends, by all its names and forms.
#[track_caller]
fn dry_run(d: &Daemon) -> i32 {
    let codes = [&["reload", "--dry-run"][..], &["reread"], &["--json", "reload", "--dry-run"]].map(|args| {
        let out = d.ctl(args);
        out.status.code().unwrap_or_else(|| panic!("{}", said(&out)))
    });
    assert!(codes.iter().all(|code| *code == codes[0]), "{codes:?}");
    codes[0]
}

#[test]
fn the_exit_code_of_a_dry_run_says_whether_something_would_change() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    d.wait_all("RUNNING");
    assert_eq!(dry_run(&d), 0);
    for changed in
        ["a: {cmd: sleep 2000}", "a: {cmd: sleep 1000, stoptime: 7}", "", "a: {cmd: sleep 1000, numprocs: 2}"]
    {
        d.rewrite(changed);
        assert_eq!(dry_run(&d), 2, "{changed}");
    }
    d.rewrite("a: {cmd: sleep 1000, stoptme: 7}");
    assert_eq!(dry_run(&d), 1);
    d.rewrite("a: {cmd: sleep 2000}");
    assert!(d.ctl(&["reload"]).status.success());
    assert_eq!(dry_run(&d), 0);
}

#[test]
fn a_key_that_waits_for_another_daemon_is_shown_but_is_no_change() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    d.setup = std::mem::take(&mut d.setup).keys("pidfile: /elsewhere");
    d.rewrite("a: {cmd: sleep 1000}");
    assert_eq!(dry_run(&d), 0);
    let own = d.file("pid");
    for command in ["reload --dry-run", "reload", "reload"] {
        let plan = d.ok(command);
        has(&plan, &format!("pidfile: {own} -> /elsewhere (when the daemon is started anew)"));
    }
    let key = json!({"key": "pidfile", "old": own, "new": "/elsewhere", "needs_restart": true});
    assert_eq!(d.rpc("reread", json!({})).unwrap()["daemon"], json!([key]));
    d.setup = std::mem::take(&mut d.setup).keys("pidfile: /elsewhere\nloglevel: debug");
    d.rewrite("a: {cmd: sleep 1000}");
    assert_eq!(dry_run(&d), 2);
}

#[test]
fn the_plan_in_json_says_what_each_key_and_each_process_needs() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}\nb: {cmd: sleep 1000, autostart: false}");
    d.wait_state("a", "RUNNING");
    d.rewrite("a: {cmd: sleep 2000, stoptime: 7}\nb: {cmd: sleep 2000, autostart: false}");
    let out = d.ctl(&["reload", "--dry-run", "--json"]);
    let plan: Value = serde_json::from_slice(&out.stdout).unwrap();
    let cmd = json!({"key": "cmd", "old": "sleep 1000", "new": "sleep 2000", "needs_restart": true});
    let stoptime = json!({"key": "stoptime", "old": "5s", "new": "7s", "needs_restart": false});
    assert_eq!(
        plan["changes"],
        json!([
            {"name": "a", "action": "restarted", "then": "restarts", "keys": [cmd, stoptime]},
            {"name": "b", "action": "updated", "then": "stays-down", "keys": [cmd]},
        ])
    );
}

/// The command line of a process.
fn cmd_of(d: &Daemon, name: &str) -> String {
    let pid = d.pid_of(name);
    wait_for("its words", || Some(words(pid).join(" ")).filter(|words| !words.is_empty()))
}

#[test]
fn a_restart_takes_the_program_from_the_file_and_says_so() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}\nb: {cmd: sleep 1000}");
    d.wait_all("RUNNING");
    let b = d.pid_of("b");
    let note = |old: &str, new: &str| format!("a: uses the file as it is now (cmd: sleep {old} -> sleep {new})");
    d.rewrite("a: {cmd: sleep 2000}\nb: {cmd: sleep 2000}");
    assert_eq!(d.ok("restart a"), format!("a: restarted\nnote: {}\n", note("1000", "2000")));
    assert_eq!(cmd_of(&d, "a"), "sleep 2000");
    has(&d.own_log(), &note("1000", "2000"));
    assert_eq!(d.ok("restart a"), "a: restarted\n", "now there is nothing to be said");
    d.rewrite("a: {cmd: sleep 3000}\nb: {cmd: sleep 2000}");
    let result = d.rpc("restart", json!({"names": ["a"]})).unwrap();
    assert_eq!((&result["ok"], &result["notes"]), (&json!(true), &json!([note("2000", "3000")])));
    d.rewrite("a: {cmd: sleep 4000}\nb: {cmd: sleep 2000}");
    let out = d.ctl(&["--json", "restart", "a"]);
    let result: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(result["notes"], json!([note("3000", "4000")]));
    assert_eq!((cmd_of(&d, "a").as_str(), cmd_of(&d, "b").as_str()), ("sleep 4000", "sleep 1000"));
    assert_eq!(d.pid_of("b"), b);
    // What was left out is still there for a reload.
    let plan = d.ok("reload");
    has(&plan, "b: restarted");
    has(&plan, "restarted 1, updated 0, unchanged 1");
}

#[test]
fn a_restart_with_a_broken_file_uses_the_keys_in_force() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    let old = d.wait_state("a", "RUNNING").pid().unwrap();
    d.rewrite("a: {cmd: sleep 2000, stoptme: 3, numproc: 2}");
    let out = d.ctl(&["restart", "a"]);
    assert!(out.status.success(), "{}", said(&out));
    for part in ["a: restarted", "note: the configuration has 2 errors, so the keys in force are used: ", "stoptme"] {
        has(&stdout(&out), part);
    }
    assert_ne!(d.pid_of("a"), old);
    assert_eq!(cmd_of(&d, "a"), "sleep 1000");
    for key in ["stoptme", "numproc"] {
        has(&d.own_log(), key);
    }
}

#[test]
fn a_restart_of_a_part_keeps_the_keys_in_force() {
    let mut d = Daemon::with("w: {cmd: sleep 1000, numprocs: 2}");
    d.wait_all("RUNNING");
    d.rewrite("w: {cmd: sleep 2000, numprocs: 2}");
    let said = d.ok("restart w:1");
    has(&said, "w: keeps its keys with only 1 of its 2 processes named; the file has others now (cmd)");
    assert_eq!(cmd_of(&d, "w:w_01"), "sleep 1000");
    d.ok("restart w:0 w:1");
    assert_eq!((cmd_of(&d, "w:w_00"), cmd_of(&d, "w:w_01")), ("sleep 2000".to_owned(), "sleep 2000".to_owned()));
}

#[test]
fn a_restart_starts_and_removes_processes_as_the_file_says() {
    let mut d = Daemon::with("w: {cmd: sleep 1000}");
    d.wait_all("RUNNING");
    d.rewrite("w: {cmd: sleep 1000, numprocs: 3}");
    let lines = "w:w_00: restarted\nw:w_01: restarted\nw:w_02: restarted\n";
    assert_eq!(d.ok("restart w"), format!("{lines}note: w: uses the file as it is now (numprocs: 1 -> 3)\n"));
    let three = pids(&d);
    d.rewrite("w: {cmd: sleep 1000}");
    let lines = "w: restarted\nw:w_01: removed\nw:w_02: removed\n";
    assert_eq!(d.ok("restart w"), format!("{lines}note: w: uses the file as it is now (numprocs: 3 -> 1)\n"));
    assert!(pids(&d).keys().eq(["w"]));
    assert!(three.values().all(|pid| !alive(pid.unwrap())), "the answer waits for those that are removed");
}

#[test]
fn a_program_that_only_the_file_has_is_not_started_by_a_restart() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    d.wait_all("RUNNING");
    d.rewrite("a: {cmd: sleep 1000}\nnew: {cmd: sleep 1000}");
    let reply = d.text("restart new");
    assert_eq!(
        reply.last,
        "ERROR unknown-name: no program or process \"new\" yet: the file has it, and \"reload\" adds it"
    );
    let said = d.ok("restart all");
    assert_eq!(said, "a: restarted\nnote: the file has \"new\" besides, not known yet; \"reload\" adds it\n");
    assert!(pids(&d).keys().eq(["a"]));
    d.ok("reload");
    d.ok("restart new");
}

#[test]
fn a_restart_knows_the_people_of_the_new_file() {
    needs!(root);
    let mut d = Daemon::with("a: {cmd: sleep 1000, workingdir: /}");
    d.wait_all("RUNNING");
    d.rewrite("a: {cmd: sleep 1000, workingdir: /, user: nobody}");
    d.ok("restart a");
    let uid = nix::unistd::User::from_name("nobody").unwrap().unwrap().uid.as_raw().to_string();
    assert_eq!(status_field(d.pid_of("a"), "Uid").split_whitespace().next(), Some(uid.as_str()));
}

#[test]
fn a_restart_with_other_keys_answers_as_one_without() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    d.wait_all("RUNNING");
    d.rewrite("a: {cmd: /nonexistent, startretries: 0}");
    let reply = d.text("restart a");
    assert_eq!(reply.last, "ERROR failed: 1 of 1 process");
    has(&reply.text(), "a: ERROR (cannot execute");
    has(&reply.text(), "note: a: uses the file as it is now (cmd: sleep 1000 -> /nonexistent, startretries: 3 -> 0)");
    d.rewrite("a: {cmd: sleep 2000, starttime: 600}");
    has(&d.ok("restart --no-wait a"), "a: restarting\nnote: ");
    d.rewrite("a: {cmd: sleep 3000, starttime: 600}");
    let reply = d.text("restart --timeout 0.3 a");
    has(&reply.text(), "a: ERROR (timed out: it is still ST");
    has(&reply.text(), "note: ");
}

/// How many bytes the daemon has read in all, from files and other descriptors.
fn bytes_read(d: &Daemon) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", d.pid)).unwrap();
    io.lines().find_map(|l| l.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[test]
fn a_restart_reads_the_file_only_if_it_has_changed() {
    const LARGE: u64 = 500_000;
    let comment = format!("# {}", "x".repeat(usize::try_from(LARGE).unwrap()));
    let mut d = Daemon::with(&format!("a: {{cmd: sleep 1000}}\n{comment}"));
    d.wait_all("RUNNING");
    let reads = |d: &Daemon| {
        let before = bytes_read(d);
        d.ok("restart a");
        bytes_read(d) - before > LARGE
    };
    assert!(!reads(&d), "it was as it is when the daemon started");
    // What was read for a restart is not what is in force for all.
    d.rewrite(&format!("a: {{cmd: sleep 2000}}\nb: {{cmd: sleep 2000}}\n{comment}"));
    assert!(reads(&d) && reads(&d));
    d.ok("reload");
    assert!(!reads(&d), "it is as it was for the reload");
    d.rewrite("a: [");
    assert!(!d.text("reload").ok());
    d.rewrite(&format!("a: {{cmd: sleep 2000}}\nb: {{cmd: sleep 2000}}\n{comment}"));
    assert!(reads(&d));
}
