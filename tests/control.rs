//! The control socket in both of its languages, its limits, and taskmasterctl.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::*;

const TWO: &str = "web: {cmd: sleep 1000}\nworker: {cmd: sleep 1000, numprocs: 2}";

/// Writes all, closes the sending side, reads to the end.
fn exchange(d: &Daemon, bytes: &[u8]) -> String {
    let mut stream = d.connect();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn every_command_in_words() {
    let d = Daemon::with(TWO);
    d.wait_all("RUNNING");
    has(&d.ok("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(d.ok("pid").trim(), d.pid.to_string());
    has(&d.ok("pid web"), &d.pid_of("web").to_string());
    has(&d.ok("help"), "status");
    has(&d.ok("help start"), "start");
    assert_eq!(d.ok("status").lines().count(), 3);
    assert_eq!(d.ok("status worker:*").lines().count(), 2);
    assert_eq!(d.ok("status web worker:1").lines().count(), 2);
    has(&d.ok("stop web"), "stopped");
    has(&d.ok("start web"), "started");
    has(&d.ok("restart worker"), "restarted");
    d.ok("signal USR1 web");
    d.wait_new_pid("web", 0);
    d.ok("tail -n 5 web");
    d.ok("tail web");
    d.ok("reload --dry-run");
    d.ok("reread");
    d.ok("reload");
    d.ok("update");
}

#[test]
fn every_command_in_json() {
    let d = Daemon::with(TWO);
    d.wait_all("RUNNING");
    let call = |method: &str, params: Value| d.rpc(method, params).unwrap_or_else(|e| panic!("{method}: {e}"));
    has(&call("version", json!({})).to_string(), env!("CARGO_PKG_VERSION"));
    has(&call("pid", json!({})).to_string(), &d.pid.to_string());
    has(&call("pid", json!({"name": "web"})).to_string(), &d.pid_of("web").to_string());
    has(&call("help", json!({})).to_string(), "status");
    let all = call("status", json!({}));
    has(&all.to_string(), "worker:worker_01");
    let one = call("status", json!({"names": ["web"]})).to_string();
    assert!(one.contains("RUNNING") && !one.contains("worker"), "{one}");
    has(&call("stop", json!({"names": ["web"]})).to_string(), "stopped");
    assert_eq!(d.state("web"), "STOPPED");
    has(&call("start", json!({"names": ["web"]})).to_string(), "started");
    has(&call("restart", json!({"names": ["worker:0"]})).to_string(), "restarted");
    has(&call("reload", json!({"dry_run": true})).to_string(), "unchanged");
    call("reload", json!({}));
    call("tail", json!({"name": "web", "lines": 5}));
    has(&call("signal", json!({"signal": "USR1", "names": ["web"]})).to_string(), "signalled");
}

#[test]
fn errors_in_json_have_the_right_numbers() {
    let d = Daemon::with(TWO);
    for (method, params, code) in [
        ("nosuchmethod", json!({}), -32601),
        ("start", json!({}), -32602),
        ("start", json!({"names": "web", "nams": 1}), -32602),
        ("stop", json!({"names": ["nosuch"]}), -32001),
        ("signal", json!({"signal": "NOPE", "names": ["web"]}), -32602),
    ] {
        let error = d.rpc(method, params.clone()).expect_err(method);
        assert_eq!(error["code"], json!(code), "{method} {params}: {error}");
        assert!(error["message"].as_str().is_some_and(|m| m.len() > 5), "{error}");
    }
    let answer: Value = serde_json::from_str(&exchange(&d, b"{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\"\n")).unwrap();
    assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32700), &Value::Null));
    let answer: Value = serde_json::from_str(&exchange(&d, b"{\"foo\": 1}\n")).unwrap();
    assert!(answer["error"]["code"].is_i64(), "{answer}");
}

#[test]
fn a_notification_gets_no_answer_and_a_batch_gets_one() {
    let d = Daemon::with(TWO);
    let note = exchange(&d, b"{\"jsonrpc\": \"2.0\", \"method\": \"version\"}\n");
    assert_eq!(note, "");
    let batch = exchange(
        &d,
        b"[{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"version\"}, {\"jsonrpc\": \"2.0\", \"id\": \"b\", \"method\": \"pid\"}]\n",
    );
    let batch: Value = serde_json::from_str(&batch).unwrap();
    let mut ids: Vec<String> = batch.as_array().unwrap().iter().map(|a| a["id"].to_string()).collect();
    ids.sort();
    assert_eq!(ids, ["\"b\"", "1"]);
}

#[test]
fn an_unknown_name_is_told_with_the_nearest_one() {
    let d = Daemon::with(TWO);
    let reply = d.text("start wbe");
    has(&reply.last, "ERROR unknown-name: ");
    has(&reply.last, "wbe");
    has(&reply.last, "web");
    let reply = d.text("stauts");
    has(&reply.last, "ERROR unknown-command: ");
    has(&reply.last, "status");
    has(&d.text("start").last, "ERROR bad-arguments: ");
    has(&d.text("status --nosuch").last, "ERROR ");
    has(&d.text("tail worker").last, "ERROR ");
    // One unknown name among good ones: nothing is done.
    d.wait_all("RUNNING");
    assert!(!d.text("stop web nosuch").ok());
    assert_eq!(d.state("web"), "RUNNING");
}

#[test]
fn half_closing_gets_the_whole_answer_even_a_late_one() {
    let d = Daemon::with(&format!("slow: {{cmd: {}, stoptime: 20}}", probe("on=15:0:600 forever")));
    d.wait_all_handle(&[15]);
    let text = exchange(&d, b"stop slow");
    has(&text, "stopped");
    assert!(text.ends_with("OK\n"), "{text:?}: the last line needs no newline of its own");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let d = Daemon::with(&format!(
        "slow: {{cmd: {}, stoptime: 20}}\nweb: {{cmd: sleep 1000}}",
        probe("on=15:0:400 forever")
    ));
    d.wait_handles("slow", &[15]);
    d.wait_all("RUNNING");
    let mut stream = d.connect();
    stream
        .write_all(
            b"pid\nstop slow\nversion\nnosuch\r\nstatus web\n{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"pid\"}\n",
        )
        .unwrap();
    assert_eq!(read_reply(&mut stream).text().trim(), d.pid.to_string());
    has(&read_reply(&mut stream).text(), "stopped");
    has(&read_reply(&mut stream).text(), env!("CARGO_PKG_VERSION"));
    has(&read_reply(&mut stream).last, "ERROR unknown-command");
    has(&read_reply(&mut stream).text(), "RUNNING");
    has(&read_line(&mut stream), "\"id\":5");
}

#[test]
fn torn_into_bytes() {
    let d = Daemon::with(TWO);
    d.wait_all("RUNNING");
    let mut stream = d.connect();
    for byte in b"status web\n" {
        stream.write_all(&[*byte]).unwrap();
        std::thread::yield_now();
    }
    has(&read_reply(&mut stream).text(), "RUNNING");
    let request = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}\n";
    for cut in 1..request.len() {
        stream.write_all(&request[..cut]).unwrap();
        std::thread::yield_now();
        stream.write_all(&request[cut..]).unwrap();
        has(&read_line(&mut stream), "\"result\"");
    }
}

#[test]
fn a_request_that_is_too_long_is_refused() {
    let d = Daemon::with(TWO);
    // Just under 64 KiB is fine.
    let long = format!("status {}\n", "x".repeat(60_000));
    has(&exchange(&d, long.as_bytes()), "ERROR unknown-name");
    for line in ["x".repeat(70_000) + "\n", "{".to_owned() + &" ".repeat(70_000) + "\n"] {
        let mut stream = d.connect();
        // The daemon may have closed its side before all is written.
        let _ = stream.write_all(line.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains("too-large") || answer.contains("-32003"), "{answer:?}");
    }
    // A line without an end is cut off, not collected.
    let before = memory(d.pid);
    let mut stream = d.connect();
    let chunk = vec![b'x'; 1 << 16];
    let sent = (0..1000).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(sent < 1000, "the daemon took 64 MB without a line end");
    assert!(memory(d.pid) < before + 4000, "{} KiB more", memory(d.pid) - before);
}

/// Resident KiB.
fn memory(pid: u32) -> u64 {
    status_field(pid, "VmRSS").split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn garbage_is_answered_or_cut_off_and_does_no_harm() {
    let d = Daemon::with(TWO);
    d.wait_all("RUNNING");
    let garbage: Vec<Vec<u8>> = vec![
        b"\n\n\n".to_vec(),
        b"\0\0\0\0\n".to_vec(),
        b"\xff\xfe\xfd\n".to_vec(),
        b"'unclosed\n".to_vec(),
        b"status \x1b[31m\n".to_vec(),
        b"{}\n".to_vec(),
        b"[]\n".to_vec(),
        b"[1,2]\n".to_vec(),
        b"{\"jsonrpc\":\"1.0\",\"method\":5}\n".to_vec(),
        format!("{}\n", "[".repeat(60_000)).into_bytes(),
        format!("{{\"a\":{}\n", "[".repeat(60_000)).into_bytes(),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
    ];
    for bytes in garbage.into_iter().chain((0..100).map(|seed| noise(500, seed * 7919 + 1))) {
        let mut stream = d.connect();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.contains(&0x1b), "escape codes come back: {answer:?}");
    }
    assert_eq!(d.ok("status").lines().count(), 3);
    d.wait_all("RUNNING");
}

#[test]
fn many_calls_at_once_are_all_answered() {
    let d = Daemon::with("a: {cmd: sleep 1000}");
    let calls: String = (0..500)
        .map(|n| format!("{{\"jsonrpc\":\"2.0\",\"id\":{n},\"method\":\"pid\",\"params\":{{\"name\":\"a\"}}}}\n"))
        .collect();
    let mut stream = d.connect();
    stream.write_all(calls.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.lines().count(), 500);
}

#[test]
fn a_huge_number_in_a_signals_name_is_a_mistake_like_any_other() {
    let d = Daemon::with("a: {cmd: sleep 1000}");
    for name in ["RTMIN+2147483647", "RTMAX--2147483648", "RTMIN+99", "SIGRTMAX-2147483647"] {
        let reply = d.text(&format!("signal {name} a"));
        has(&reply.last, "ERROR bad-arguments");
    }
}

#[test]
fn a_client_that_never_reads_hurts_nobody() {
    let d = Daemon::with("w: {cmd: sleep 1000, numprocs: 100, stdout: none, stderr: none, starttime: 0}");
    d.wait_all("RUNNING");
    let before = memory(d.pid);
    let mut deaf = d.connect();
    deaf.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    for _ in 0..20_000 {
        if deaf.write_all(b"status\n").is_err() {
            break;
        }
    }
    for _ in 0..20 {
        let begin = Instant::now();
        d.ok("status w:5");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }
    assert!(memory(d.pid) < before + 8000, "{} KiB more", memory(d.pid) - before);
    drop(deaf);
}

#[test]
fn many_idle_clients() {
    let d = Daemon::with(TWO);
    d.wait_all("RUNNING");
    let mut refused = 0;
    let idle: Vec<UnixStream> = (0..200)
        .filter_map(|_| match UnixStream::connect(&d.socket) {
            Ok(s) => Some(s),
            Err(e) => {
                assert!([ErrorKind::WouldBlock, ErrorKind::ConnectionRefused].contains(&e.kind()), "{e}");
                refused += 1;
                None
            }
        })
        .collect();
    assert!(idle.len() >= 100, "{refused} refused");
    // There is a limit of connections: one too many is told so, and the daemon itself lives on.
    let text = exchange_leniently(&d, b"status\n");
    assert!(text.ends_with("OK\n") || text.contains("busy"), "{text:?}");
    let before = cpu_seconds(d.pid);
    let begin = Instant::now();
    wait_until("half a second", || begin.elapsed() > Duration::from_millis(500));
    assert!(cpu_seconds(d.pid) - before < 0.1, "idle clients cost CPU");
    drop(idle);
    wait_until("all are served again", || exchange_leniently(&d, b"status\n").ends_with("OK\n"));
}

fn exchange_leniently(d: &Daemon, bytes: &[u8]) -> String {
    let mut stream = d.connect();
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_client_that_goes_away_while_it_waits() {
    let d = Daemon::with(&format!("slow: {{cmd: {}, stoptime: 20}}", probe("on=15:0:500 forever")));
    d.wait_all_handle(&[15]);
    for _ in 0..20 {
        let mut stream = d.connect();
        stream.write_all(b"stop slow\nstatus\n").unwrap();
        drop(stream);
    }
    d.wait_state("slow", "STOPPED");
}

#[test]
fn the_socket_is_private() {
    let d = Daemon::with(TWO);
    assert_eq!(fs::metadata(d.path("ctl")).unwrap().permissions().mode() & 0o777, 0o600);
    let d = Setup::new().keys(&format!("socket: {{path: {}, mode: 0660}}", d.file("other"))).programs(TWO);
    let mut command = d.command();
    let mut child = Held(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let socket =
        d.config().lines().find_map(|l| Some(l.split_once("path: ")?.1.split(',').next()?.to_owned())).unwrap();
    wait_until("the socket", || fs::metadata(&socket).is_ok_and(|m| m.permissions().mode() & 0o777 == 0o660));
    kill(child.id(), Signal::SIGTERM);
    assert!(child.wait().unwrap().success());
}

#[test]
fn another_user_is_refused() {
    needs!(root);
    needs!("setpriv", "socat");
    let ask = |d: &Daemon, line: &str| {
        fs::set_permissions(d.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        let script = format!("printf '%s\\n' '{line}' | socat -t 10 - UNIX-CONNECT:{}", d.file("ctl"));
        run_to_end(Command::new("setpriv").args([
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "sh",
            "-c",
            &script,
        ]))
    };
    let d = Daemon::with(TWO);
    d.wait_all("RUNNING");
    let out = ask(&d, "status");
    assert!(!out.status.success());
    has(&said(&out), "Permission denied");
    // Even where the mode of the socket lets them in, they have no rights.
    fs::set_permissions(d.path("ctl"), fs::Permissions::from_mode(0o666)).unwrap();
    for line in ["stop web", "shutdown", "status"] {
        has(&said(&ask(&d, line)), "denied");
    }
    assert_eq!(d.state("web"), "RUNNING");
}

#[test]
fn socat_and_nc_are_clients() {
    needs!("socat", "nc");
    let d = Daemon::with(TWO);
    d.wait_all("RUNNING");
    let socket = d.file("ctl");
    for script in [format!("echo status | socat - UNIX-CONNECT:{socket}"), format!("echo status | nc -N -U {socket}")] {
        let out = run_to_end(Command::new("sh").args(["-c", &script]));
        let text = stdout(&out);
        assert!(text.contains("worker:worker_01") && text.ends_with("OK\n"), "{script}: {}", said(&out));
    }
    let out =
        run_to_end(Command::new("sh").args([
            "-c",
            &format!("printf 'stop web\\nstart web\\nstatus web\\n' | socat -t 20 - UNIX-CONNECT:{socket}"),
        ]));
    let text = stdout(&out);
    assert_eq!(text.lines().filter(|l| *l == "OK").count(), 3, "{text}");
    has(&text, "RUNNING");
}

#[test]
fn ctl_exit_codes() {
    let d = Daemon::with("web: {cmd: sleep 1000}\nbad: {cmd: 'false', startretries: 0, starttime: 5}");
    d.wait_state("web", "RUNNING");
    d.wait_state("bad", "FATAL");
    for (args, code) in [
        (&["status", "web"][..], 0),
        (&["status"], 3),
        (&["status", "bad"], 3),
        (&["start", "bad"], 1),
        (&["start", "nosuch"], 1),
        (&["stop", "web"], 0),
        (&["status", "web"], 0),
        (&["start", "web"], 0),
        (&["nosuchcommand"], 2),
        (&["start"], 2),
        (&["--nosuchflag"], 2),
    ] {
        let out = d.ctl(args);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}", said(&out));
    }
    let out = run_to_end(Command::new(TASKMASTERCTL).args(["-s", "/nonexistent/ctl", "status"]));
    assert_eq!(out.status.code(), Some(4));
    has(&said(&out), "/nonexistent/ctl");
}

#[test]
fn ctl_prints_a_table_or_json() {
    let d = Daemon::with(TWO);
    d.wait_all("RUNNING");
    let text = stdout(&d.ctl(&["status"]));
    let columns: Vec<usize> = text.lines().map(|l| l.find("RUNNING").unwrap()).collect();
    assert!(columns.len() == 3 && columns.iter().all(|c| *c == columns[0]), "aligned: {text}");
    assert!(!text.contains('\u{1b}'), "no colours into a pipe");
    assert!(!text.contains("OK"), "the protocol's last line is not for people: {text}");
    let out = d.ctl(&["--json", "status"]);
    let value: Value = serde_json::from_str(&stdout(&out)).unwrap_or_else(|e| panic!("{e}: {}", said(&out)));
    has(&value.to_string(), "\"worker:worker_00\"");
    let out = d.ctl(&["--json", "stop", "web"]);
    serde_json::from_str::<Value>(&stdout(&out)).unwrap();
    let out = d.ctl(&["--json", "stop", "nosuch"]);
    assert!(!out.status.success());
    serde_json::from_str::<Value>(stdout(&out).trim()).unwrap_or_else(|e| panic!("{e}: {}", said(&out)));
}

#[test]
fn ctl_takes_commands_from_a_pipe() {
    let d = Daemon::with(TWO);
    d.wait_all("RUNNING");
    let feed = |input: &str| {
        let mut child = Command::new(TASKMASTERCTL)
            .arg("-s")
            .arg(&d.socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        finish(child, "ctl from a pipe")
    };
    let out = feed("stop web\nstatus web\nexit\nstart web\n");
    let text = stdout(&out);
    assert!(text.contains("stopped") && text.contains("STOPPED"), "{}", said(&out));
    assert_eq!(d.state("web"), "STOPPED", "exit ends it");
    let out = feed("status worker:0\nhelp\n");
    assert!(out.status.success(), "{}", said(&out));
    has(&stdout(&out), "worker:worker_00");
    feed("shutdown-not\nversion\n");
    assert_eq!(d.state("web"), "STOPPED");
}

#[test]
fn ctl_into_a_closed_pipe_ends_quietly() {
    let d = Daemon::with(TWO);
    d.wait_all("RUNNING");
    let script = format!("{TASKMASTERCTL} -s {} status | true; exit 0", d.file("ctl"));
    let out = run_to_end(Command::new("sh").args(["-c", &script]));
    assert!(!said(&out).contains("panicked"), "{}", said(&out));
}

#[test]
fn ctl_no_wait_and_timeout() {
    // Whoever waited for its end would wait longer than a command may take here.
    let d = Daemon::with(&format!("slow: {{cmd: {}, stoptime: 600}}", probe("ignore=15 forever")));
    d.wait_handles("slow", &[15]);
    let out = d.ctl(&["stop", "--no-wait", "slow"]);
    assert!(out.status.success(), "{}", said(&out));
    let out = d.ctl(&["stop", "--timeout", "0.2", "slow"]);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    assert_eq!(d.state("slow"), "STOPPING");
    d.ok("signal KILL slow");
    d.wait_state("slow", "STOPPED");
}
