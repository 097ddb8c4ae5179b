//! Restarts a few at a time, and another number of processes, with the real binaries.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::json;
use support::*;

#[test]
fn a_rolling_restart_keeps_the_others_up() {
    let mut d = Daemon::with("web: {cmd: sleep 1000, numprocs: 3, starttime: 1, backoff: {floor: 0}}");
    let before: Vec<u32> = d.wait_all("RUNNING").iter().filter_map(Status::pid).collect();
    let client = d.client(&["restart", "--rolling", "web"]);
    // Whenever one looks, two of the three are there.
    let mut looks = 0;
    wait_until("all have been restarted", || {
        let running = d.all().iter().filter(|s| s.state() == "RUNNING").count();
        assert!(running >= 2, "{running} are up");
        looks += 1;
        let now: Vec<u32> = d.all().iter().filter_map(Status::pid).collect();
        now.len() == 3 && now.iter().all(|pid| !before.contains(pid)) && running == 3
    });
    assert!(looks > 3);
    let answer = finish(client, "the rolling restart");
    let lines = ["web:web_00: restarted", "web:web_01: restarted", "web:web_02: restarted\n"];
    assert_eq!((answer.status.code(), stdout(&answer).as_str()), (Some(0), lines.join("\n").as_str()));
    // With a file that is broken for the program the first that fails is the only one.
    let pids = |d: &Daemon| d.all().iter().filter_map(Status::pid).collect::<Vec<_>>();
    let before = pids(&d);
    d.rewrite("web: {cmd: /nowhere/x, numprocs: 3, starttime: 1, backoff: {floor: 0}}");
    let answer = d.ctl(&["restart", "--rolling", "web"]);
    assert_eq!(answer.status.code(), Some(1));
    has(&stdout(&answer), "web:web_00: ERROR (cannot execute (execve) \"/nowhere/x\"");
    has(&stdout(&answer), "web:web_02: ERROR (not restarted, since web:web_00 did not come back)");
    assert_eq!(pids(&d), before[1..], "the others are as they were");
    assert_eq!(d.ctl(&["restart", "--rolling", "--no-wait", "web"]).status.code(), Some(2));
    assert_eq!(d.ctl(&["restart", "-m", "2", "web"]).status.code(), Some(2));
}

#[test]
fn a_program_gets_more_processes_and_fewer() {
    let d = Daemon::with("web: {cmd: sleep 1000, numprocs: 2, starttime: 0}");
    let before: Vec<u32> = d.wait_all("RUNNING").iter().filter_map(Status::pid).collect();
    has(&d.ok("scale web 4"), "web:web_03: started\nnote: web has 4 processes, 2 of them new");
    let now: Vec<u32> = d.wait_all("RUNNING").iter().filter_map(Status::pid).collect();
    assert_eq!((now.len(), &now[..2]), (4, before.as_slice()));
    // A reload of the same file does not take them away.
    d.ok("reload");
    assert_eq!(d.all().len(), 4);
    let answer = d.rpc("scale", json!({"name": "web", "count": 1})).unwrap();
    assert_eq!(answer["outcomes"].as_array().unwrap().len(), 3);
    assert_eq!((d.all().len(), d.pid_of("web")), (1, before[0]));
    for (words, why) in [
        ("scale web 0", "give a number from 1 to 10000"),
        ("scale web 10001", "give a number from 1 to 10000"),
        ("scale wbe 3", "did you mean \"web\""),
        ("scale web", "no N given"),
        ("scale web many", "is no number of processes"),
    ] {
        let reply = d.text(words);
        assert!(!reply.ok());
        has(&reply.last, why);
    }
}
