//! Which ends lead to another start, and how soon.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::signal::Signal;
use support::*;

/// A program that ends the way `steps` say after it counts as started; gives its end state.
fn after_one_end(policy: &str, steps: &str) -> &'static str {
    let setup = Setup::new();
    let cmd = probe(&format!("await={} {steps}", setup.file("go")));
    let d = setup.programs(&format!("x: {{cmd: {cmd}, starttime: 0.05, {policy}}}")).start();
    d.wait_state("x", "RUNNING");
    d.setup.write("go", "");
    wait_for("an end or another start", || {
        let s = d.status("x");
        if s.runs() > 1 {
            Some("restarted")
        } else if s.state() == "EXITED" {
            Some(if s.as_wanted() { "exited, as wanted" } else { "exited, not as wanted" })
        } else {
            None
        }
    })
}

#[test]
fn the_policy_decides() {
    let (good, listed, bad, signal) = ("exit=0", "exit=7", "exit=1", "core=0 die=15");
    let codes = "exitcodes: [0, 7]";
    for (policy, end, want) in [
        ("autorestart: always", good, "restarted"),
        ("autorestart: always", bad, "restarted"),
        ("autorestart: true", good, "restarted"),
        ("autorestart: always", signal, "restarted"),
        ("autorestart: never", good, "exited, as wanted"),
        ("autorestart: never", bad, "exited, not as wanted"),
        ("autorestart: false", signal, "exited, not as wanted"),
        ("autorestart: unexpected", good, "exited, as wanted"),
        ("autorestart: unexpected", bad, "restarted"),
        ("autorestart: unexpected", signal, "restarted"),
        ("autorestart: on-failure", bad, "restarted"),
        (&format!("autorestart: unexpected, {codes}"), listed, "exited, as wanted"),
        (&format!("autorestart: unexpected, {codes}"), good, "exited, as wanted"),
        (&format!("autorestart: unexpected, {codes}"), bad, "restarted"),
        ("autorestart: unexpected, exitcodes: 7", listed, "exited, as wanted"),
        ("autorestart: unexpected, exitcodes: 7", good, "restarted"),
        (&format!("autorestart: never, {codes}"), listed, "exited, as wanted"),
    ] {
        assert_eq!(after_one_end(policy, end), want, "{policy}, {end}");
    }
}

#[test]
fn the_default_is_unexpected() {
    assert_eq!(after_one_end("priority: 1", "exit=0"), "exited, as wanted");
    assert_eq!(after_one_end("priority: 1", "exit=1"), "restarted");
}

#[test]
fn a_killed_process_comes_back_with_another_pid() {
    let d = Daemon::with("x: {cmd: sleep 1000}");
    for _ in 0..5 {
        let old = d.wait_state("x", "RUNNING").pid().unwrap();
        kill(old, Signal::SIGKILL);
        d.wait_new_pid("x", old);
        assert!(!alive(old));
    }
    assert_eq!(d.status("x").last_exit(), "killed by SIGKILL");
}

#[test]
fn the_floor_holds_between_any_two_spawns() {
    let setup = Setup::new();
    let starts = setup.file("starts");
    let cmd = probe(&format!("born={starts} exit=0"));
    let d = setup
        .programs(&format!(
            "x: {{cmd: {cmd}, starttime: 0, autorestart: always, backoff: {{initial: 0.01, max: 0.01, floor: 1}}}}"
        ))
        .start();
    let starts = wait_for("four starts", || Some(stamps(&d.path("starts"))).filter(|s| s.len() >= 4));
    for pair in starts.windows(2) {
        let gap = Duration::from_nanos(u64::try_from(pair[1].0 - pair[0].0).unwrap());
        // From birth to birth: the daemon may have to wait for a processor when it has decided on one and not yet on the
        // next. Without the floor it would be some hundredths of a second.
        assert!(gap >= Duration::from_millis(600), "{gap:?}");
    }
    d.ok("stop x");
}

#[test]
fn a_restart_by_hand_also_keeps_the_floor_or_comes_at_once_but_works() {
    let d = Daemon::with("x: {cmd: sleep 1000, backoff: {floor: 0.2}}");
    let mut old = d.wait_state("x", "RUNNING").pid().unwrap();
    for _ in 0..3 {
        d.ok("restart x");
        let new = d.pid_of("x");
        assert_ne!(new, old);
        old = new;
    }
}

#[test]
fn a_process_that_had_been_running_is_restarted_at_once() {
    let setup = Setup::new();
    let starts = setup.file("starts");
    let cmd = probe(&format!("stamp={starts} forever"));
    let d = setup
        .programs(&format!("x: {{cmd: {cmd}, starttime: 0.1, backoff: {{initial: 30, max: 30, floor: 0}}}}"))
        .start();
    let old = d.wait_state("x", "RUNNING").pid().unwrap();
    kill(old, Signal::SIGKILL);
    wait_up_to(Duration::from_secs(10), "the next start", || (stamps(&d.path("starts")).len() == 2).then_some(()));
    d.wait_state("x", "RUNNING");
}

#[test]
fn one_death_does_not_touch_the_others() {
    let d = Daemon::with("w: {cmd: sleep 1000, numprocs: 4}");
    let before: Vec<u32> = d.wait_all("RUNNING").iter().filter_map(Status::pid).collect();
    kill(before[1], Signal::SIGKILL);
    d.wait_new_pid("w:w_01", before[1]);
    let after: Vec<u32> = d.all().iter().filter_map(Status::pid).collect();
    assert_eq!((before[0], before[2], before[3]), (after[0], after[2], after[3]));
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

#[test]
fn nginx_is_kept_alive() {
    needs!("nginx");
    let setup = Setup::new();
    let (dir, port) = (setup.file(""), free_port());
    fs::write(
        setup.path("nginx.conf"),
        format!(
            "daemon off; worker_processes 2; pid {dir}nginx.pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {dir}t1; proxy_temp_path {dir}t2; fastcgi_temp_path {dir}t3;
  uwsgi_temp_path {dir}t4; scgi_temp_path {dir}t5;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 'it runs'; }} }}
}}"
        ),
    )
    .unwrap();
    let nginx = find_program("nginx").unwrap();
    let d = setup
        .programs(&format!(
            "nginx: {{cmd: '{} -p {dir} -c {dir}nginx.conf -e stderr', starttime: 0.3, stopsignal: QUIT}}",
            nginx.display()
        ))
        .start();
    let old = d.wait_state("nginx", "RUNNING").pid().unwrap();
    wait_until("nginx answers", || get(port, "/").is_some_and(|t| t.ends_with("it runs")));
    let tree = wait_for("two workers", || Some(descendants(old)).filter(|tree| tree.len() == 2));
    kill(old, Signal::SIGKILL);
    let new = d.wait_new_pid("nginx", old);
    wait_until("the new nginx answers", || get(port, "/").is_some_and(|t| t.ends_with("it runs")));
    wait_until("the old workers are gone", || tree.iter().all(|p| !p.alive()));
    assert_ne!(new, old);
    d.ok("stop nginx");
    assert_eq!(d.status("nginx").last_exit(), "exit status 0");
    wait_until("no answer", || get(port, "/").is_none());
}

#[test]
fn redis_is_kept_alive() {
    needs!("redis-server");
    let setup = Setup::new();
    let socket = setup.file("redis");
    let d = setup
        .programs(&format!(
            "redis: {{cmd: 'redis-server --port 0 --unixsocket {socket} --save \"\" --daemonize no', starttime: 0.3}}"
        ))
        .start();
    let ping = || {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(b"PING\r\n").ok()?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).ok()?;
        (&answer == b"+PONG\r\n").then_some(())
    };
    let old = d.wait_state("redis", "RUNNING").pid().unwrap();
    wait_for("redis answers", ping);
    kill(old, Signal::SIGSEGV);
    d.wait_new_pid("redis", old);
    wait_for("redis answers again", ping);
    d.ok("stop redis");
    has(&fs::read_to_string(d.auto_log("redis", "stdout")).unwrap(), "bye bye");
}

#[test]
fn a_python_server_is_kept_alive() {
    needs!("python3");
    let port = free_port();
    let d = Daemon::with(&format!(
        "http: {{cmd: 'python3 -u -m http.server --bind 127.0.0.1 {port}', starttime: 0.3, stderr: stdout}}"
    ));
    let old = d.wait_state("http", "RUNNING").pid().unwrap();
    wait_until("an answer", || get(port, "/").is_some_and(|t| t.contains("200 OK")));
    kill(old, Signal::SIGTERM);
    d.wait_new_pid("http", old);
    wait_until("an answer again", || get(port, "/").is_some_and(|t| t.contains("200 OK")));
    d.ok("stop http");
}
