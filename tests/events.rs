//! What happens to processes, told as it happens: to people, to programs, to many, to those who do not read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::Write;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::*;

fn call(id: u64, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "events", "params": params}).to_string()
}

#[test]
fn events_come_as_lines_and_as_notifications() {
    let d = Daemon::with("web: {cmd: sleep 1000}\nworker: {cmd: sleep 1000, numprocs: 2, group_name: team}");
    d.wait_all("RUNNING");
    let mut words = d.ask("events worker");
    let mut json = d.ask(&call(7, &json!({"names": ["team:*"]})));
    let first: Value = serde_json::from_str(&next_line(&mut json)).unwrap();
    assert_eq!(
        (&first["id"], &first["result"]["follow"], &first["result"]["events"]),
        (&json!(7), &json!(true), &json!([]))
    );
    // The answer in words has no first line; that it is followed shows in what comes.
    d.ok("stop web");
    d.ok("stop worker:1");
    let line = next_line(&mut words);
    let (seq, rest) = line.split_once(' ').unwrap();
    assert!(seq.parse::<u64>().unwrap() >= first["result"]["next"].as_u64().unwrap(), "{line}");
    has(rest, "Z worker:worker_01: RUNNING -> STOPPING: stopping: SIGTERM sent");
    has(&next_line(&mut words), "STOPPING -> STOPPED");
    let event: Value = serde_json::from_str(&next_line(&mut json)).unwrap();
    assert_eq!((&event["method"], &event["params"]["request"]), (&json!("event"), &json!(7)));
    let event = &event["params"]["event"];
    assert_eq!(event["event"], "stopping");
    assert_eq!(
        (&event["process"], &event["program"], &event["group"]),
        (&json!("worker:worker_01"), &json!("worker"), &json!("team"))
    );
    assert_eq!((&event["from"], &event["to"], &event["num"]), (&json!("RUNNING"), &json!("STOPPING"), &json!(1)));
    // A program goes on asking on the same connection.
    json.get_mut().write_all(b"{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"pid\"}\n").unwrap();
    let answer = std::iter::from_fn(|| Some(next_line(&mut json))).find(|line| line.contains("\"id\":8")).unwrap();
    has(&answer, "\"pid\":");
    let reply = d.text("events nobody");
    assert!(!reply.ok() && reply.all().contains("no program or process \"nobody\""), "{}", reply.all());
}

#[test]
fn the_last_thousand_are_kept_and_nothing_is_told_twice() {
    let d = Daemon::with("x: {cmd: sleep 1000}\ny: {cmd: sleep 1000, autostart: false, starttime: 0}");
    d.wait_state("x", "RUNNING");
    let all: Value = d.rpc("events", json!({"follow": false})).unwrap();
    let seqs: Vec<u64> = all["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let next_seq = all["next"].as_u64().unwrap();
    assert_eq!(next_seq, seqs.len() as u64 + 1);
    // From where one was: what happened meanwhile comes first, then what happens.
    d.ok("start y");
    let mut stream = d.ask(&format!("events --since {next_seq}"));
    let meanwhile = next_line(&mut stream);
    assert!(meanwhile.starts_with(&format!("{next_seq} ")) && meanwhile.contains(" y: "), "{meanwhile}");
    d.ok("stop y");
    let mut last = next_seq;
    while !next_line(&mut stream).contains("STOPPING -> STOPPED") {
        last += 1;
        assert!(last < next_seq + 20);
    }
    has(&d.ok("events --no-follow --since 0 x"), " x: spawned pid=");
    assert!(!d.ok("events --no-follow x").contains(" y: "));
    // More than are kept.
    for _ in 0..260 {
        d.ok("restart y");
    }
    let list: Value = d.rpc("events", json!({"follow": false, "since": 1})).unwrap();
    assert_eq!(list["events"].as_array().unwrap().len(), 1000);
    assert!(list["lost"].as_u64().unwrap() > 0, "{}", list["lost"]);
    has(&d.ok("events --no-follow --since 1"), "earlier events are no longer kept");
}

#[test]
fn who_does_not_read_is_cut_off_with_a_notice_and_holds_up_nobody() {
    let d = Setup::new()
        .defaults("starttime: 0\nbackoff: {initial: 0, max: 0, floor: 0}\nautorestart: always\nstartretries: unlimited\nstdout: none\nstderr: none")
        .programs("busy: {cmd: 'true', numprocs: 20}\nx: {cmd: sleep 1000}")
        .start();
    let mut deaf = d.ask("events");
    let mut lively = d.ask("events x");
    // Some thousand processes take their time on a busy machine.
    wait_up_to(3 * DEADLINE, "the deaf one is far behind", || {
        let list: Value = d.rpc("events", json!({"follow": false})).unwrap();
        (list["next"].as_u64().unwrap() > 9_000).then_some(())
    });
    // Everybody else is served as ever.
    let pid = d.pid_of("x");
    kill(pid, Signal::SIGKILL);
    has(&next_line(&mut lively), "RUNNING");
    d.wait_new_pid("x", pid);
    d.ok("stop busy");
    let mut last = String::new();
    loop {
        let line = next_line(&mut deaf);
        if line.is_empty() {
            break;
        }
        last = line;
    }
    has(&last, "ERROR busy: this client does not read fast enough");
}

#[test]
fn a_client_that_has_gone_is_forgotten() {
    let d = Daemon::with("x: {cmd: sleep 1000}");
    d.wait_state("x", "RUNNING");
    let sockets = || fds(d.pid).values().filter(|what| what.starts_with("socket:")).count();
    wait_until("there is only the listener", || sockets() == 1);
    let streams: Vec<_> = (0..20).map(|_| d.ask("events")).collect();
    wait_until("they are there", || sockets() == 21);
    // One way first, as a client that reads its questions from a pipe does.
    streams.iter().for_each(|s| s.get_ref().shutdown(std::net::Shutdown::Write).unwrap());
    d.ok("restart x");
    assert!(streams.into_iter().all(|mut s| next_line(&mut s).contains(" x: ")));
    wait_until("their descriptors are closed", || sockets() == 1);
}

#[test]
fn taskmasterctl_follows_until_the_daemon_is_gone() {
    let mut d = Daemon::with("x: {cmd: sleep 1000}");
    d.wait_state("x", "RUNNING");
    let (words, json) = (d.client(&["events", "--since", "0"]), d.client(&["events", "--json", "x"]));
    d.ok("restart x");
    d.ok("shutdown");
    assert_eq!(d.wait_exit(), 0);
    let (words, json) = (finish(words, "words"), finish(json, "json"));
    has(&stdout(&words), "1 20");
    has(&stdout(&words), "RUNNING -> STOPPING");
    for line in stdout(&json).lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["program"], "x");
    }
    assert!(stdout(&json).lines().count() >= 3, "{}", said(&json));
    assert_eq!(words.status.code(), Some(4), "{}", said(&words));
    has(&said(&words), "is gone");
}
