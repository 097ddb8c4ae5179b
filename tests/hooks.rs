//! Hooks: commands at the turns of a process's life, and the ways to ask it to end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::*;

/// The lines of a file that programs and hooks write to.
fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// A command that adds a line to a file, in YAML.
fn says(file: &str, text: &str) -> String {
    format!("[sh, -c, 'echo \"{text}\" >> {file}']")
}

#[test]
fn a_life_with_all_hooks() {
    let setup = Setup::new();
    let file = setup.file("turns");
    let hooks = ["pre_start", "post_start", "pre_stop", "post_stop"]
        .map(|hook| format!("{hook}: {}", says(&file, "$TASKMASTER_HOOK $TASKMASTER_PROCESS ${ENV_X} $A")));
    let hooks = hooks.join("\n  ").replace("${ENV_X}", "");
    let d = setup.programs(&format!("x:\n  cmd: sleep 1000\n  env: {{A: b}}\n  starttime: 0\n  {hooks}")).start();
    d.wait_state("x", "RUNNING");
    wait_until("post_start", || lines(&d.path("turns")).len() == 2);
    d.ok("stop x");
    assert_eq!(lines(&d.path("turns")), ["pre_start x  b", "post_start x  b", "pre_stop x  b", "post_stop x  b"]);
    assert_eq!(d.status("x").last_exit(), "killed by SIGTERM");
}

#[test]
fn what_fails_before_the_start_is_a_failed_start() {
    let d = Daemon::with(
        "x: {cmd: sleep 1000, pre_start: [sh, -c, 'echo no good; exit 3'], startretries: 1, backoff: {initial: 0.1, floor: 0}}",
    );
    let s = d.wait_state("x", "FATAL");
    has(s.why(), "pre_start failed (exit status 3)");
    let log = fs::read_to_string(d.auto_log("x", "stdout")).unwrap();
    assert_eq!(log, "no good\nno good\n");
}

#[test]
fn what_is_not_there_is_named() {
    let d = Daemon::with("x: {cmd: sleep 1000, pre_start: /no/such/thing, startretries: 0}");
    let s = d.wait_state("x", "FATAL");
    has(s.why(), "pre_start did not start: cannot execute (execve) \"/no/such/thing\": ");
}

#[test]
fn a_slow_preparation_is_ended_with_all_it_started() {
    let d = Daemon::with(
        "x: {cmd: sleep 1000, startretries: 0, pre_start: {cmd: [sh, -c, 'sleep 1000 & echo $$! > pids; sleep 1000'], timeout: 3}}",
    );
    let s = d.wait_state("x", "FATAL");
    has(s.why(), "pre_start took longer than its timeout (3s)");
    let pid: u32 = lines(&d.path("pids"))[0].parse().unwrap();
    wait_until("the rest of the group", || !alive(pid));
}

#[test]
fn a_stop_ends_the_preparation() {
    let d = Daemon::with("x: {cmd: sleep 1000, pre_start: sleep 1000}");
    d.wait_state("x", "STARTING");
    let task = wait_for("the hook", || children(d.pid).first().map(|(pid, _)| *pid));
    assert_eq!(d.status("x").pid(), None);
    has(&d.ok("why x"), "its pre_start runs");
    d.ok("stop x");
    assert_eq!(d.state("x"), "STOPPED");
    wait_until("the hook is gone", || !alive(task));
}

#[test]
fn what_a_hook_leaves_behind_is_killed() {
    let d = Daemon::with("x: {cmd: sleep 1000, pre_start: [sh, -c, 'sleep 1000 & echo $$! > pids']}");
    d.wait_state("x", "RUNNING");
    let pid: u32 = lines(&d.path("pids"))[0].parse().unwrap();
    wait_until("the rest of the group", || !alive(pid));
}

#[test]
fn the_end_is_told_and_waited_for() {
    let setup = Setup::new();
    let file = setup.file("ends");
    let told = "$TASKMASTER_EXIT_STATUS/$TASKMASTER_EXIT_SIGNAL/$TASKMASTER_EXIT";
    let d = setup
        .programs(&format!(
            "x:\n  cmd: {}\n  autorestart: always\n  starttime: 0\n  backoff: {{floor: 0}}\n  \
             pre_start: {}\n  post_stop: [sh, -c, 'sleep 0.2; echo {told} >> {file}']\n",
            probe("sleep=50 exit=7"),
            says(&file, "start"),
        ))
        .start();
    wait_until("two ends", || lines(&d.path("ends")).len() >= 4);
    d.ok("stop x");
    let seen = lines(&d.path("ends"));
    for (i, line) in seen.iter().enumerate() {
        // One that was stopped while it started has no end to tell.
        let want = if i % 2 == 0 { "start" } else { "7//exit status 7" };
        assert!(line == want || (i + 1 == seen.len() && line.starts_with('/')), "{seen:?}");
    }
}

#[test]
fn giving_up_is_told() {
    let setup = Setup::new();
    let file = setup.file("fatal");
    let told = says(&file, "$TASKMASTER_PROGRAM: $TASKMASTER_REASON");
    let d = setup.programs(&format!("x: {{cmd: 'false', startretries: 0, starttime: 60, on_fatal: {told}}}")).start();
    d.wait_state("x", "FATAL");
    wait_until("it is told", || !lines(&d.path("fatal")).is_empty());
    assert_eq!(lines(&d.path("fatal")), ["x: exited too quickly (exit status 1)"]);
}

#[test]
fn a_stop_command_takes_the_place_of_the_signal() {
    let setup = Setup::new();
    let d = setup
        .programs(&format!(
            "x: {{cmd: {}, stop_command: [sh, -c, 'kill -USR1 $TASKMASTER_PID'], stoptime: 20}}",
            probe("on=10:42:0 ignore=15 text=ready forever")
        ))
        .start();
    d.wait_handles("x", &[10, 15]);
    d.ok("stop x");
    assert_eq!(d.status("x").last_exit(), "exit status 42");
}

#[test]
fn servers_are_asked_by_their_own_commands() {
    needs!("nginx", "redis-server", "redis-cli");
    let (setup, ports) = (Setup::new(), [free_port(), free_port()]);
    let dir = setup.file("");
    let paths =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|what| format!("{what}_temp_path {dir}/{what};"));
    setup.write(
        "nginx.conf",
        &format!(
            "daemon off;\nerror_log {dir}/error.log;\npid {dir}/nginx.pid;\nevents {{}}\nhttp {{ access_log off; {}\n\
             server {{ listen 127.0.0.1:{}; }} }}\n",
            paths.join(" "),
            ports[0]
        ),
    );
    let (nginx, redis) = (format!("nginx -e stderr -c {dir}/nginx.conf"), format!("redis-cli -p {}", ports[1]));
    let d = setup
        .programs(&format!(
            "web: {{cmd: {nginx}, stop_command: {nginx} -s quit, stopsignal: KILL, stoptime: 20, readiness: {{tcp: 'localhost:{}'}}}}\n\
             db: {{cmd: redis-server --port {} --save \"\" --dir {dir}, stop_command: {redis} shutdown nosave, stopsignal: KILL, \
             stoptime: 20, readiness: {{exec: '{redis} ping'}}}}",
            ports[0], ports[1]
        ))
        .start();
    d.wait_all("RUNNING");
    d.ok("stop all");
    for name in ["web", "db"] {
        assert_eq!(d.status(name).last_exit(), "exit status 0", "{name}");
    }
}

#[test]
fn a_stop_command_that_fails_is_followed_by_the_signal() {
    let d = Daemon::with("x: {cmd: sleep 1000, stop_command: /no/such/thing, stoptime: 20}");
    d.wait_state("x", "RUNNING");
    d.ok("stop x");
    assert_eq!(d.status("x").last_exit(), "killed by SIGTERM");
    has(&d.own_log(), "stop_command did not start");
}

#[test]
fn a_stop_command_has_stoptime() {
    let d = Daemon::with("x: {cmd: sleep 1000, stop_command: sleep 1000, stoptime: 0.5}");
    d.wait_state("x", "RUNNING");
    d.ok("stop x");
    assert_eq!(d.status("x").last_exit(), "killed by SIGKILL");
}

#[test]
fn signals_follow_one_another() {
    let d = Daemon::with(&format!(
        "x: {{cmd: {}, stopsignal: [INT 0.3, USR1 0.3, TERM], stoptime: 20}}",
        probe("ignore=2 ignore=10 on=15:9:0 forever")
    ));
    d.wait_handles("x", &[2, 10, 15]);
    let begin = Instant::now();
    d.ok("stop x");
    assert!(begin.elapsed() >= Duration::from_millis(590), "{:?}", begin.elapsed());
    assert_eq!(d.status("x").last_exit(), "exit status 9");
    let log = d.own_log();
    for sig in ["SIGINT", "SIGUSR1", "SIGTERM"] {
        has(&log, &format!("stopping: {sig} sent"));
    }
}

#[test]
fn the_end_makes_a_pre_stop_needless() {
    let setup = Setup::new();
    let (cmd, hook) = (probe(&format!("await={}", setup.file("go"))), says(&setup.file("hook"), "begun"));
    let hook = hook.replace("']", "; sleep 1000']");
    let d = setup.programs(&format!("x: {{cmd: {cmd}, pre_stop: {hook}}}")).start();
    d.wait_state("x", "RUNNING");
    d.ok("stop --no-wait x");
    wait_until("pre_stop is under way", || !lines(&d.path("hook")).is_empty());
    d.setup.write("go", "");
    d.wait_state("x", "STOPPED");
    assert_eq!(
        (d.state("x"), d.status("x").last_exit().to_owned()),
        ("STOPPED".to_owned(), "exit status 0".to_owned())
    );
}

#[test]
fn a_pre_stop_that_takes_too_long_is_ended() {
    let d = Daemon::with("x: {cmd: sleep 1000, pre_stop: {cmd: sleep 1000, timeout: 0.3}}");
    d.wait_state("x", "RUNNING");
    d.ok("stop x");
    assert_eq!(d.status("x").last_exit(), "killed by SIGTERM");
    has(&d.own_log(), "pre_stop took longer than its timeout (300ms)");
}

#[test]
fn a_shutdown_waits_for_the_hooks_and_a_second_does_not() {
    let setup = Setup::new();
    let file = setup.file("turns");
    let programs = format!("x: {{cmd: sleep 1000, post_stop: [sh, -c, 'sleep 0.3; echo done > {file}']}}");
    let mut d = setup.programs(&programs).start();
    d.wait_state("x", "RUNNING");
    d.signal(Signal::SIGTERM);
    assert_eq!(d.wait_exit(), 0);
    assert_eq!(lines(&d.path("turns")), ["done"]);

    let mut d = Daemon::with("x: {cmd: sleep 1000, pre_stop: sleep 1000, post_stop: sleep 1000}");
    d.wait_state("x", "RUNNING");
    d.signal(Signal::SIGTERM);
    d.wait_state("x", "STOPPING");
    let below = descendants(d.pid);
    d.signal(Signal::SIGTERM);
    assert_eq!(d.wait_exit(), 0);
    wait_until("nothing is left", || below.iter().all(|p| !p.alive()));
}

#[test]
fn new_hooks_apply_from_the_next_time() {
    let mut d = Daemon::with("x: {cmd: sleep 1000}");
    let pid = d.wait_state("x", "RUNNING").pid();
    let file = d.file("turns");
    d.reload(&format!("x: {{cmd: sleep 1000, post_stop: {}}}", says(&file, "over")));
    assert_eq!(d.status("x").pid(), pid);
    d.ok("stop x");
    assert_eq!(lines(&d.path("turns")), ["over"]);
}

/// A server for one kind of socket that answers each request with 204 and writes the bodies to a file, a line each.
#[cfg(feature = "web")]
const SERVER: &str = r#"
import http.server, socketserver, sys, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/json"
        with open(sys.argv[2], "ab") as file:
            file.write(self.path.encode() + b" " + body)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *args):
        pass
    def address_string(self):
        return "-"
where = sys.argv[1]
if where.startswith("/"):
    class Server(socketserver.UnixStreamServer):
        def get_request(self):
            request, _ = super().get_request()
            return request, ("-", 0)
else:
    class Server(http.server.HTTPServer):
        pass
    where = ("127.0.0.1", int(where))
Server(where, Handler).serve_forever()
"#;

/// The kinds of events that lines of JSON tell, with the process.
fn told(path: &Path) -> Vec<String> {
    let object = |line: &String| {
        let value: serde_json::Value =
            serde_json::from_str(line.split_once(' ').map_or(line, |(_, json)| json)).unwrap();
        format!("{} {}", value["event"].as_str().unwrap(), value["process"].as_str().unwrap())
    };
    lines(path).iter().map(object).collect()
}

#[test]
fn a_command_is_told_events_in_order() {
    let setup = Setup::new();
    let (file, env) = (setup.file("told"), setup.file("env"));
    let d = setup
        .keys(&format!(
            "on_event:\n  - {{events: [spawned, running, exited, stopped], programs: [x], \
             command: [sh, -c, 'sleep 0.1; echo \"- $(cat)\" >> {file}; echo $$TASKMASTER_EVENT $$TASKMASTER_STATE >> {env}']}}"
        ))
        .programs("x: {cmd: sleep 1000, starttime: 0}\ny: {cmd: sleep 1000, starttime: 0}")
        .start();
    d.wait_state("x", "RUNNING");
    d.ok("stop all");
    wait_until("all is told", || lines(&d.path("env")).len() == 4);
    assert_eq!(told(&d.path("told")), ["spawned x", "running x", "exited x", "stopped x"]);
    assert_eq!(lines(&d.path("env")), ["spawned STARTING", "running RUNNING", "exited STOPPED", "stopped STOPPED"]);
}

#[test]
#[cfg(feature = "web")]
fn events_are_posted_to_servers() {
    needs!("python3");
    let python = find_program("python3").unwrap();
    let setup = Setup::new();
    let (port, socket) = (free_port(), setup.file("server.sock"));
    setup.write("server.py", SERVER);
    let [script, tcp, unix] = ["server.py", "tcp", "unix"].map(|name| setup.file(name));
    let server = |name: &str, place: &str, file: &str| {
        format!("{name}: {{cmd: [{}, {script}, '{place}', {file}], stopsignal: KILL}}", python.display())
    };
    let programs = format!(
        "{}\n{}\nx: {{cmd: sleep 1000, starttime: 0, autostart: false}}",
        server("tcp", &port.to_string(), &tcp),
        server("unix", &socket, &unix)
    );
    let keys = format!(
        "on_event:\n  - {{programs: x, post: 'http://localhost:{port}/a?b'}}\n  \
         - {{programs: x, events: fatal, post: 'http://localhost:1/'}}\n  \
         - {{programs: x, events: [running, stopped], post: 'http://unix:{socket}:/here'}}"
    );
    let d = setup.keys(&keys).programs(&programs).start();
    wait_until("the servers", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
            && std::os::unix::net::UnixStream::connect(&socket).is_ok()
    });
    d.ok("start x");
    d.ok("stop x");
    wait_until("all is posted", || lines(&d.path("tcp")).len() == 5 && lines(&d.path("unix")).len() == 2);
    assert_eq!(told(&d.path("tcp")), ["spawned x", "running x", "stopping x", "exited x", "stopped x"]);
    assert!(lines(&d.path("tcp")).iter().all(|line| line.starts_with("/a?b {")));
    assert_eq!(told(&d.path("unix")), ["running x", "stopped x"]);
}

#[test]
#[cfg(feature = "web")]
fn who_does_not_listen_holds_up_nobody() {
    let port = free_port();
    let d = Setup::new()
        .keys(&format!("on_event: [{{post: 'http://127.0.0.1:{port}/'}}, {{command: [sh, -c, 'echo no; exit 3']}}]"))
        .programs("x: {cmd: sleep 1000, starttime: 0}")
        .start();
    d.wait_state("x", "RUNNING");
    wait_until("the complaints", || d.own_log().matches("cannot tell").count() == 2);
    has(&d.own_log(), &format!("cannot tell http://127.0.0.1:{port}/ an event: connection refused"));
    has(&d.own_log(), "cannot tell sh an event: exit status 3: no");
    d.ok("restart x");
}

#[test]
fn a_slow_receiver_loses_the_oldest() {
    let setup = Setup::new();
    let (file, go) = (setup.file("told"), setup.file("go"));
    let wait = format!("while ! test -e {go}; do sleep 0.02; done");
    let mut d = setup
        .keys(&format!("on_event: {{timeout: 100, command: [sh, -c, '{wait}; echo \"- $(cat)\" >> {file}']}}"))
        .programs("x: {cmd: sleep 1000, starttime: 0, numprocs: 300, stdout: none, stderr: none}")
        .start();
    d.wait_all("RUNNING");
    d.ok("stop all");
    fs::write(d.path("go"), "").unwrap();
    wait_until("what was dropped is counted", || d.own_log().contains("were dropped: more than 1000 waited"));
    // Two for each start, three for each stop; the first was under way.
    has(&d.own_log(), "499 events for sh were dropped");
    let number = |line: &String| {
        let value: serde_json::Value = serde_json::from_str(line.split_once(' ').unwrap().1).unwrap();
        value["seq"].as_u64().unwrap()
    };
    wait_until("some more are told", || lines(&d.path("told")).len() > 5);
    // It goes on to be told the rest.
    d.unchecked();
    let numbers: Vec<u64> = lines(&d.path("told")).iter().map(number).collect();
    assert!(numbers[0] == 1 && numbers[1] == 501 && numbers.is_sorted(), "{numbers:?}");
}
