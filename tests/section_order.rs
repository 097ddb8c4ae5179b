//! Programs that depend on others: what waits, what goes down first, what is said about it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use nix::sys::signal::Signal;
use support::*;

/// The programs of the events of this kind, in their order.
fn order(d: &Daemon, event: &str) -> Vec<String> {
    let all = d.rpc("events", serde_json::json!({"follow": false})).unwrap();
    let all = all["events"].as_array().unwrap();
    all.iter().filter(|e| e["event"] == event).map(|e| e["program"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_chain_starts_in_order_and_stops_the_other_way() {
    let d = Daemon::with(
        "a-web: {cmd: sleep 1000, depends_on: b-api}\nb-api: {cmd: sleep 1000, depends_on: [c-db, d-schema]}\nc-db: {cmd: sleep 1000, autostart: false}\nd-schema: {cmd: sleep 0.1, oneshot: true, depends_on: c-db}",
    );
    d.wait_state("a-web", "RUNNING");
    assert_eq!(order(&d, "spawned"), ["c-db", "d-schema", "b-api", "a-web"]);
    has(&d.ok("graph"), "after b-api)");
    has(&d.ok("why a-web"), "waits for b-api");
    d.ok("stop all");
    assert_eq!(order(&d, "stopping"), ["a-web", "b-api", "c-db"]);
    // A start of one brings what it needs, but not a job that is done.
    let answer = d.ok("start a-web");
    has(&answer, "note: started, too, because it is needed: b-api, c-db");
    d.wait_state("a-web", "RUNNING");
    assert_eq!(d.status("d-schema").runs(), 1);
    let mut d = d;
    d.signal(Signal::SIGTERM);
    d.wait_exit();
    let log = d.own_log();
    let at = |what: &str| log.rfind(what).unwrap_or_else(|| panic!("{what}\n{log}"));
    assert!(at("a-web: stopped") < at("b-api: stopping") && at("b-api: stopped") < at("c-db: stopping"), "{log}");
}

#[test]
fn what_waits_says_for_what() {
    let d = Daemon::with(
        "web: {cmd: sleep 1000, depends_on: db}\ndb: {cmd: sh -c 'exit 3', startretries: 0, starttime: 60}\nsoft: {cmd: sleep 1000, depends_on: {db: {required: false}}}",
    );
    d.wait_state("db", "FATAL");
    let web = d.wait_state("web", "WAITING");
    assert_eq!(web.why(), "waits for db (FATAL: exited too quickly (exit status 3))");
    d.wait_state("soft", "RUNNING");
    let answer = d.text("wait web");
    has(&answer.all(), "waits for db (FATAL: exited too quickly (exit status 3))");
    has(&d.ok("status web"), "that does not come by itself: \"start db\" tries");
    has(&d.own_log(), "web: waits for db (FATAL: exited too quickly (exit status 3))");
    d.ok("stop web");
    assert_eq!(d.state("web"), "STOPPED");
}

#[test]
fn a_reload_may_link_and_unlink() {
    let mut d = Daemon::with("web: {cmd: sleep 1000}\ndb: {cmd: sleep 1000, autostart: false}");
    d.wait_state("web", "RUNNING");
    let pid = d.pid_of("web");
    d.reload("web: {cmd: sleep 1000, depends_on: db}\ndb: {cmd: sleep 1000, autostart: false}");
    assert_eq!(d.pid_of("web"), pid, "a key in place");
    // Only its next start waits.
    kill(pid, Signal::SIGKILL);
    d.wait_state("web", "WAITING");
    d.reload("web: {cmd: sleep 1000}\ndb: {cmd: sleep 1000, autostart: false}");
    d.wait_state("web", "RUNNING");
    d.rewrite("web: {cmd: sleep 1000, depends_on: db}\ndb: {cmd: sleep 1000, depends_on: web}");
    let refused = d.text("reload");
    has(&refused.all(), "programs.db.depends_on: goes in a circle: db -> web -> db");
    d.rewrite("web: {cmd: sleep 1000, depends_on: dbs}\ndb: {cmd: sleep 1000}");
    has(&d.text("reload").all(), "no program \"dbs\" (did you mean \"db\"?)");
}
