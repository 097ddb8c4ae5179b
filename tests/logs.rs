//! What processes write, passed on as they write it: through rotation, restarts and lost connections, to many and to those
//! who do not read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs::{self, File};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::*;

fn call(params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "logs", "params": params}).to_string()
}

/// `taskmasterctl` with its output in a file.
struct Viewer {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Viewer {
    fn start(d: &Daemon, args: &[&str]) -> Viewer {
        let (out, err) = (d.path("seen"), d.path("complaints"));
        // A job in the background is often begun with SIGINT ignored.
        let child = Command::new("env")
            .args(["--default-signal=INT", TASKMASTERCTL])
            .args(["-s", d.socket.to_str().unwrap()])
            .args(args)
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        Viewer { child, out, err }
    }

    fn seen(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.out).unwrap()).into_owned()
    }

    fn complaints(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }

    #[track_caller]
    fn wait_for(&self, what: &str) {
        wait_until(&format!("{what:?} is shown"), || self.seen().contains(what));
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a log held since it was begun, with all its backups.
fn text_of(log: &Path) -> String {
    String::from_utf8(whole_log(log)).unwrap()
}

/// Two long texts are the same; otherwise where they begin to differ.
#[track_caller]
fn same(seen: &str, written: &str) {
    let differ = seen.lines().zip(written.lines()).position(|(a, b)| a != b);
    let at = differ.map(|at| (seen.lines().nth(at), written.lines().nth(at)));
    assert!(seen == written, "{} of {} bytes, first difference {at:?}", seen.len(), written.len());
}

#[test]
fn nothing_is_missed_or_repeated_through_rotations_and_restarts() {
    let d = Daemon::with(
        "loud:\n  cmd: sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo \"$$ line $i of many\"; done; echo \"$$ done\"; exec sleep 1000'\n  autostart: false\n  stdout: ./loud.out\n  stdout_logfile_maxbytes: 4000\n  stdout_logfile_backups: 400",
    );
    // There is no file yet.
    let viewer = Viewer::start(&d, &["logs", "-f", "-n", "100000", "--stdout", "loud"]);
    let log = d.path("loud.out");
    for run in 1..=3 {
        d.ok(if run == 1 { "start loud" } else { "restart loud" });
        wait_until("the run is done", || text_of(&log).matches(" done\n").count() == run);
    }
    wait_until("all of it is shown", || viewer.seen().matches(" done\n").count() == 3);
    assert!(fs::metadata(d.path("loud.out.20")).is_ok(), "it was set aside often");
    same(&viewer.seen(), &text_of(&log));
    assert_eq!(viewer.complaints(), "");
}

#[test]
fn a_daemon_that_comes_back_is_followed_on() {
    let mut d = Daemon::with(
        "web:\n  cmd: sh -c 'i=0; while :; do i=$((i+1)); echo \"$$ $i\"; sleep 0.005; done'\n  stdout: ./web.out\n  stdout_logfile_maxbytes: 500\n  stdout_logfile_backups: 4000",
    );
    d.wait_state("web", "RUNNING");
    let log = d.path("web.out");
    let viewer = Viewer::start(&d, &["logs", "-f", "-n", "100000", "--stdout", "web"]);
    wait_until("it is seen", || viewer.seen().lines().count() > 20);
    for _ in 0..2 {
        let strays = d.crash();
        // What it writes now is in its pipe, and goes into the log when it is next written to, or is lost with it.
        strays.end();
        wait_until("it is said", || viewer.complaints().contains("waiting for it"));
        d = d.start_again();
        d.wait_state("web", "RUNNING");
        let lines = viewer.seen().lines().count();
        wait_until("it goes on", || viewer.seen().lines().count() > lines + 50);
    }
    d.ok("stop web");
    let all = text_of(&log);
    wait_until("all of it is shown", || viewer.seen().len() == all.len());
    same(&viewer.seen(), &all);
    has(&viewer.complaints(), "the daemon is back");
}

#[test]
fn several_processes_are_told_apart() {
    let d = Daemon::with(
        "web: {cmd: sh -c 'echo one; echo two >&2; exec sleep 1000'}\nworker: {cmd: \"sh -c 'printf three; exec sleep 1000'\", numprocs: 2}",
    );
    d.wait_all("RUNNING");
    let lines = |line: &str| d.ok(line).lines().map(str::to_owned).collect::<Vec<_>>();
    wait_until("all have written", || lines("logs all").len() == 4);
    assert_eq!(lines("logs"), ["web | one", "web ! two", "worker:worker_00 | three", "worker:worker_01 | three"]);
    assert_eq!(lines("logs web"), ["one", "two"]);
    assert_eq!(lines("logs --stderr web"), ["two"]);
    assert_eq!(lines("logs --stderr"), ["web ! two"]);
    let shown = |args: &[&str]| {
        let output = d.ctl(args);
        assert!(output.status.success(), "{}", said(&output));
        stdout(&output)
    };
    let padded = "web              | one\nweb              ! two\nworker:worker_00 | three\nworker:worker_01 | three\n";
    assert_eq!(shown(&["logs"]), padded);
    assert_eq!(shown(&["logs", "--no-prefix", "--grep", "^t"]), "two\nthree\nthree\n");
    has(&shown(&["--color", "always", "logs"]), "\x1b[31mweb              !\x1b[0m two\n");
    let wrong = d.ctl(&["logs", "--stdout", "--stderr"]);
    assert_eq!(wrong.status.code(), Some(2));
    has(&said(&wrong), "only stdout and only stderr cannot both be");
    has(&said(&d.ctl(&["logs", "--from", "x", "web"])), "is no place in a log");
    has(&d.text("logs nobody").all(), "no program or process \"nobody\"");
}

#[test]
fn new_processes_join_and_lines_come_as_they_are_written() {
    let mut d = Daemon::with("web: {cmd: sh -c 'echo web; exec sleep 1000'}");
    d.wait_all("RUNNING");
    let mut all = d.ask("logs -f");
    assert_eq!(next_line(&mut all), "web | web");
    d.reload("web: {cmd: sh -c 'echo web; exec sleep 1000'}\nlate: {cmd: sh -c 'echo late; exec sleep 1000'}");
    assert_eq!(next_line(&mut all), "late | late");
    // A name that is not followed does not come.
    let mut one = d.ask(&call(&json!({"names": ["web"], "lines": 0, "follow": true})));
    let first: Value = serde_json::from_str(&next_line(&mut one)).unwrap();
    assert_eq!(first["result"]["chunks"][0]["text"], "");
    d.ok("restart all");
    let more: Value = serde_json::from_str(&next_line(&mut one)).unwrap();
    assert_eq!((&more["method"], &more["params"]["request"]), (&json!("output"), &json!(1)));
    assert_eq!(
        (&more["params"]["output"]["text"], &more["params"]["output"]["process"]),
        (&json!("web\n"), &json!("web"))
    );
    // Without following, a place is where to go on.
    let from = first["result"]["chunks"][0]["next"].as_str().unwrap();
    let rest = d.rpc("logs", json!({"names": ["web"], "stdout": true, "from": [from]})).unwrap();
    assert_eq!(rest["chunks"][0]["text"], "web\n");
    let from = rest["chunks"][0]["next"].as_str().unwrap();
    let rest = d.rpc("logs", json!({"names": ["web"], "stdout": true, "from": [from]})).unwrap();
    assert_eq!((&rest["chunks"][0]["text"], &rest["chunks"][0]["next"]), (&json!(""), &json!(from)));
}

#[test]
fn every_byte_comes_as_it_was_written() {
    let setup = Setup::new();
    let bytes = noise(60_000, 7);
    fs::write(setup.path("bytes"), &bytes).unwrap();
    let cmd = format!("sh -c 'cat {}; exec sleep 1000'", setup.file("bytes"));
    let d = setup.programs(&format!("raw: {{cmd: {}, autostart: false}}", json!(cmd))).start();
    let viewer = Viewer::start(&d, &["logs", "-f", "-n", "1000000", "--stdout", "raw"]);
    d.ok("start raw");
    wait_until("all of it is shown", || fs::metadata(&viewer.out).unwrap().len() >= bytes.len() as u64);
    assert!(fs::read(&viewer.out).unwrap() == bytes, "the bytes differ");
    // In text, too, the last line stands alone.
    assert!(d.text("logs -n 1 --stdout raw").ok());
}

#[test]
fn who_does_not_read_holds_nobody_up_and_misses_nothing() {
    let d = Daemon::with(
        "loud: {cmd: sh -c 'head -c 3000000 /dev/zero | tr \"\\\\0\" x | fold -w 99; echo done; exec sleep 1000', autostart: false, stdout: ./loud.out}\nweb: {cmd: sleep 1000}",
    );
    d.wait_state("web", "RUNNING");
    let mut lazy: Vec<_> = (0..20).map(|_| d.ask("logs -f -n 0 --stdout loud")).collect();
    d.ok("start loud");
    wait_until("it has written all", || text_of(&d.path("loud.out")).ends_with("done\n"));
    let begun = Instant::now();
    for _ in 0..20 {
        d.ok("status web");
    }
    assert!(begun.elapsed() < DEADLINE, "the daemon is held up");
    let all = text_of(&d.path("loud.out"));
    for lazy in &mut lazy[..3] {
        let mut seen = String::new();
        while !seen.ends_with("done\n") {
            assert_ne!(lazy.read_line(&mut seen).unwrap(), 0, "the stream ended");
        }
        assert!(seen == all, "{} of {} bytes", seen.len(), all.len());
    }
    // All that waits for the others waits in the file.
    let rss: u64 = status_field(d.pid, "VmRSS").split(' ').next().unwrap().parse().unwrap();
    assert!(rss < 40_000, "{rss} kB");
}

#[test]
fn what_is_no_longer_kept_is_said() {
    let d = Daemon::with(
        "loud: {cmd: sh -c 'seq 1 20000; exec sleep 1000', autostart: false, stdout: ./loud.out, stdout_logfile_maxbytes: 2000, stdout_logfile_backups: 2}",
    );
    d.ok("start loud");
    wait_until("it has written all", || text_of(&d.path("loud.out")).ends_with("20000\n"));
    let place = d.rpc("logs", json!({"names": ["loud"], "stdout": true, "lines": 1})).unwrap();
    assert_eq!(place["chunks"][0]["text"], "20000\n");
    let from = place["chunks"][0]["next"].clone();
    d.ok("restart loud");
    wait_until("it has written all again", || {
        let rest = d.rpc("logs", json!({"names": ["loud"], "stdout": true, "from": [from]})).unwrap();
        // What is kept is of this run, then, and its end is, too.
        rest["chunks"][0]["lost"] == true && text_of(&d.path("loud.out")).ends_with("20000\n")
    });
    let oldest = text_of(&d.path("loud.out")).lines().next().unwrap().to_owned();
    let reply = d.ok(&format!("logs --stdout loud --from {}", from.as_str().unwrap()));
    let mut lines = reply.lines();
    assert_eq!(lines.next(), Some("note: some output of loud is no longer kept"));
    assert_eq!(lines.next(), Some(oldest.as_str()));
}

#[test]
fn what_is_not_kept_is_said() {
    let d = Daemon::with("mute: {cmd: sleep 1000, stdout: none, stderr: none}\nhalf: {cmd: sleep 1000, stderr: none}");
    d.wait_all("RUNNING");
    let reply = d.text("logs mute");
    has(&reply.all(), "ERROR failed: stdout of \"mute\" is discarded; stderr of \"mute\" is discarded");
    has(&d.ok("logs half"), "note: stderr of \"half\" is discarded");
    assert_eq!(d.ok("logs"), "");
}

#[test]
fn a_viewer_ends_by_ctrl_c_and_with_its_reader() {
    let d = Daemon::with("web: {cmd: sh -c 'while :; do echo tick; sleep 0.05; done'}");
    let mut viewer = Viewer::start(&d, &["tail", "-f", "web"]);
    viewer.wait_for("tick");
    kill(viewer.child.id(), Signal::SIGINT);
    wait_until("it ends", || viewer.child.try_wait().unwrap().is_some());
    let mut piped = Command::new("sh")
        .args(["-c", &format!("timeout 60 {TASKMASTERCTL} -s {} logs -f web | head -n 3", d.socket.display())])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("both end", || piped.try_wait().unwrap().is_some());
    wait_until("the daemon has let go of both", || {
        fds(d.pid).values().filter(|what| what.starts_with("socket:")).count() <= 2
    });
}
