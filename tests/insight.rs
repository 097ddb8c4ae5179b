//! What a person or a program is told who wants to know more: why, what comes next, what is used, in which order; and
//! waiting for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::Write;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::*;

/// The account of one process.
fn why(d: &Daemon, name: &str) -> Value {
    d.rpc("why", json!({"names": [name]})).unwrap()["accounts"][0].clone()
}

fn changes(account: &Value) -> Vec<String> {
    let line = |t: &Value| {
        format!("{} {}: {}", t["from"].as_str().unwrap(), t["to"].as_str().unwrap(), t["cause"].as_str().unwrap())
    };
    account["history"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn what_failed_tells_why_and_what_it_said() {
    let d = Daemon::with(&format!(
        "bad: {{cmd: {}, startretries: 1, starttime: 60, autorestart: always}}\nlost: {{cmd: /nowhere/x, startretries: 0}}",
        probe("err:text=boom exit=3")
    ));
    d.wait_state("bad", "FATAL");
    let account = why(&d, "bad");
    let because = account["because"].as_str().unwrap();
    assert_eq!(because, "gave up after 2 tries: exited too quickly (exit status 3)");
    assert_eq!(account["next"], "\"start bad\" tries again");
    assert_eq!(account["status"]["next"], account["next"]);
    assert_eq!((&account["status"]["state"], &account["status"]["runs"]), (&json!("FATAL"), &json!(2)));
    let changes = changes(&account);
    assert_eq!(changes.len(), 4, "{changes:?}");
    assert_eq!(changes[0], "STOPPED STARTING: by autostart");
    has(&changes[1], "STARTING BACKOFF: exited too quickly (exit status 3); next try in ");
    assert_eq!(changes[2], "BACKOFF STARTING: next try");
    assert_eq!(changes[3], "STARTING FATAL: gave up after 2 tries: exited too quickly (exit status 3)");
    let times: Vec<&str> = account["history"].as_array().unwrap().iter().map(|t| t["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted() && times.iter().all(|t| t.starts_with("20") && t.ends_with('Z')), "{times:?}");
    let setting = &account["setting"];
    assert_eq!(setting["command"][0], probe_path().to_str().unwrap());
    assert_eq!(setting["stderr"]["path"], d.auto_log("bad", "stderr").to_str().unwrap());
    assert_eq!(setting["last_output"], json!({"stream": "stderr", "text": "boomboom"}));
    let text = d.ok("why bad");
    for part in ["  why        gave up after 2 tries", "  next       \"start bad\"", "  changes\n", "    | boomboom\n"]
    {
        has(&text, part);
    }
    d.wait_state("lost", "FATAL");
    has(&d.ok("status lost"), "no such file or directory (ENOENT); \"start lost\" tries again");
    has(&d.ok("why lost bad"), "\n\nlost ");
    assert!(!d.text("why nobody").ok());
    assert_eq!(d.ctl(&["why", "bad"]).status.code(), Some(0));
}

#[test]
fn who_stopped_it_is_known_until_it_is_forgotten() {
    let mut d = Daemon::with("x: {cmd: sleep 1000}\noff: {cmd: sleep 1000, autostart: false}");
    d.wait_state("x", "RUNNING");
    assert_eq!(why(&d, "off")["because"], "was never started (autostart: false)");
    assert_eq!(why(&d, "x")["because"], "started by autostart");
    assert_eq!(why(&d, "x")["status"].get("next"), None);
    d.ok("stop x");
    let uid = nix::unistd::geteuid();
    let account = why(&d, "x");
    assert_eq!(account["because"], format!("stopped by \"stop\" from uid {uid}"));
    has(
        &changes(&account).join("\n"),
        &format!("RUNNING STOPPING: stopping: SIGTERM sent; by \"stop\" from uid {uid}"),
    );
    for _ in 0..5 {
        d.ok("start x");
        d.ok("stop x");
    }
    assert_eq!(changes(&why(&d, "x")).len(), 8);
    // One of the same name that comes later has no past.
    d.reload("y: {cmd: sleep 1000, autostart: false}");
    d.reload("x: {cmd: sleep 1000, autostart: false}");
    assert_eq!(changes(&why(&d, "x")), [""; 0]);
}

#[test]
fn output_is_shown_where_it_is_kept_and_harmless() {
    let d = Daemon::with(&format!(
        "both: {{cmd: {}, stderr: stdout}}\nnone: {{cmd: {}, stderr: none}}",
        probe("lines=30:40 err:text=last forever"),
        probe("err:text=lost forever")
    ));
    d.wait_all("RUNNING");
    let shown = wait_for("the log is written", || {
        let account = why(&d, "both");
        let text = account["setting"]["last_output"]["text"].as_str()?.to_owned();
        text.ends_with("last").then_some((account, text))
    });
    let (account, text) = shown;
    assert_eq!(account["setting"]["last_output"]["stream"], "stdout");
    assert_eq!(account["setting"]["stderr"]["sink"], "stdout");
    assert_eq!(account["setting"]["stderr"]["path"], account["setting"]["stdout"]["path"]);
    assert_eq!(text.lines().count(), 10, "{text}");
    let none = why(&d, "none");
    assert_eq!((&none["setting"]["stderr"], none["setting"].get("last_output")), (&json!({"sink": "none"}), None));
    // What a program writes cannot end the answer.
    fs::write(d.auto_log("both", "stdout"), "\u{1b}[2Jx\nOK\n").unwrap();
    let text = d.ok("why both");
    has(&text, "    | \\u{1b}[2Jx\n    | OK\n");
}

#[test]
fn a_command_with_secrets_is_shown_as_it_is_configured() {
    let setup = Setup::new();
    setup.write("secret.env", "TOKEN=hunter2\n");
    let file = setup.file("secret.env");
    let d =
        setup.programs(&format!("x: {{cmd: 'sleep 1000 ${{TOKEN:-}}', env_file: {file}, autostart: false}}")).start();
    let text = d.ok("why x");
    has(&text, "sleep 1000");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_wait_ends_when_it_has_come_or_cannot() {
    let d = Daemon::with(&format!(
        "slow: {{cmd: sleep 1000, starttime: 0.5, autostart: false}}\nx: {{cmd: sleep 1000}}\n\
         bad: {{cmd: {}, startretries: 1, starttime: 60, autostart: false}}\njob: {{cmd: 'true', oneshot: true}}",
        probe("exit=3")
    ));
    d.wait_state("x", "RUNNING");
    has(&d.ok("wait x"), "x: running");
    has(&d.ok("wait --for healthy x"), "x: running");
    has(&d.ok("wait --for stopped slow"), "slow: stopped");
    d.wait_state("job", "EXITED");
    has(&d.ok("wait job"), "job: done (exit status 0)");
    // What comes.
    d.ok("start --no-wait slow");
    let answer = d.rpc("wait", json!({"names": ["slow", "x"], "for": "running"})).unwrap();
    assert_eq!((&answer["ok"], &answer["outcomes"][0]["result"]), (&json!(true), &json!("running")));
    assert_eq!(d.state("slow"), "RUNNING");
    // What cannot come any more, although its first failure is not the end.
    d.ok("start --no-wait bad");
    let answer = d.ctl(&["wait", "bad"]);
    assert_eq!(answer.status.code(), Some(1));
    has(&stdout(&answer), "bad: ERROR (gave up: exited too quickly (exit status 3))");
    assert_eq!(d.ctl(&["wait", "--for", "running", "x"]).status.code(), Some(0));
    // What does not come in time, and what somebody else does.
    let answer = d.ctl(&["wait", "--for", "stopped", "--timeout", "0.2", "x"]);
    assert_eq!(answer.status.code(), Some(1));
    has(&stdout(&answer), "x: ERROR (timed out: it is still RUNNING)");
    let client = d.client(&["wait", "--for", "stopped", "x"]);
    d.ok("stop x");
    let answer = finish(client, "the one that waits");
    assert_eq!((answer.status.code(), stdout(&answer).as_str()), (Some(0), "x: stopped\n"));
    assert_eq!(d.ctl(&["wait", "x"]).status.code(), Some(1));
    assert_eq!(d.ctl(&["wait", "--for", "up", "x"]).status.code(), Some(2));
}

#[test]
fn one_that_waits_is_told_of_a_shutdown() {
    let mut d = Daemon::with(&format!("x: {{cmd: {}, starttime: 60}}", probe("forever")));
    d.wait_state("x", "STARTING");
    let mut stream = d.connect();
    // The answer to the second call says that the first has been taken.
    for (id, method, params) in [(1, "wait", json!({"names": ["x"]})), (2, "version", json!({}))] {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        stream.write_all(format!("{call}\n").as_bytes()).unwrap();
    }
    has(&read_line(&mut stream), "\"id\":2");
    d.signal(Signal::SIGTERM);
    let answer: Value = serde_json::from_str(&read_line(&mut stream)).unwrap();
    let outcome = json!({"name": "x", "result": "is being stopped", "ok": false});
    assert_eq!(answer["result"], json!({"outcomes": [outcome], "ok": false}));
    assert_eq!(d.wait_exit(), 0);
}

#[test]
fn what_is_used_is_told_with_children_when_it_is_asked_for() {
    let d = Daemon::with(&format!(
        "idle: {{cmd: sleep 1000}}\nbusy: {{cmd: {}}}\noff: {{cmd: sleep 1, autostart: false}}",
        probe("child spin end child forever end forever")
    ));
    wait_until("they run", || d.state("idle") == "RUNNING" && d.state("busy") == "RUNNING");
    let usage = |name: &str| d.rpc("status", json!({"names": [name], "usage": true})).unwrap()["processes"][0].clone();
    let busy = wait_for("the child has used some time", || {
        let busy = usage("busy")["usage"].clone();
        (busy["processes"] == 3 && busy["cpu_ms"].as_u64()? > 100).then_some(busy)
    });
    assert!(busy["threads"].as_u64().unwrap() >= 3 && busy["fds"].as_u64().unwrap() >= 9, "{busy}");
    let later = wait_for("it grows", || {
        let later = usage("busy")["usage"].clone();
        (later["cpu_ms"].as_u64()? > busy["cpu_ms"].as_u64()?).then_some(later)
    });
    assert!(later["rss_bytes"].as_u64().unwrap() > 100_000, "{later}");
    assert_eq!(usage("idle")["usage"]["processes"], 1);
    assert_eq!(usage("off").get("usage"), None);
    assert_eq!(d.rpc("status", json!({"names": ["busy"]})).unwrap()["processes"][0].get("usage"), None);
    let text = d.ok("top");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("NAME ") && lines[0].ends_with("CPU    MEMORY  PROCS  THREADS  FILES"), "{text}");
    has(lines[1], "RUNNING");
    has(lines[3], "STOPPED           -         -      -        -      -  Not started");
    assert!(!d.ok("status").contains("MEMORY"));
    // The same on a terminal, with colours.
    let colored = stdout(&d.ctl(&["--color", "always", "top", "idle"]));
    has(&colored, "\x1b[32mRUNNING\x1b[0m");
}

#[test]
fn the_graph_is_in_the_order_of_the_start() {
    let d = Daemon::with(
        "web: {cmd: sleep 1000, group_name: team}\ndb: {cmd: sleep 1000, priority: 1}\n\
         worker: {cmd: sleep 1000, numprocs: 2, priority: 5, autostart: false}",
    );
    let expected = "\
priority 1
`-- db
priority 5
`-- worker (2 processes, autostart: false)
priority 999
`-- web (group team)
Starts from top to bottom, stops from bottom to top.
";
    has(&d.ok("graph"), expected);
    let graph = d.rpc("graph", json!({})).unwrap();
    let names: Vec<&str> = graph["programs"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!((names, &graph["edges"], graph.get("dot")), (vec!["db", "worker", "web"], &json!([]), None));
    let dot = d.ok("graph --dot worker");
    assert!(dot.starts_with("digraph taskmaster {\n") && dot.contains("worker\\n2 processes"), "{dot}");
    let answer = d.rpc("graph", json!({"names": ["worker"], "dot": true})).unwrap();
    assert_eq!(answer["dot"], dot);
    assert_eq!(stdout(&d.ctl(&["graph", "--dot", "worker"])), dot);
}
