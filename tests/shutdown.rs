//! The end of the daemon, and two daemons in one place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::*;

#[test]
fn every_way_to_end_it_leaves_nothing_behind() {
    for way in ["TERM", "INT", "QUIT", "shutdown", "ctl"] {
        let mut d = Daemon::with(
            "a: {cmd: sleep 1000, numprocs: 3}\nb: {cmd: [sh, -c, 'sleep 1000 & wait']}\nc: {cmd: 'false', starttime: 5, backoff: {initial: 60, max: 60}}",
        );
        for n in 0..3 {
            d.wait_state(&format!("a:a_0{n}"), "RUNNING");
        }
        let b = d.wait_state("b", "RUNNING").pid().unwrap();
        wait_until("b's child", || descendants(b).len() == 1);
        let below = Strays(descendants(d.pid));
        assert_eq!(fs::read_to_string(d.path("pid")).unwrap().trim(), d.pid.to_string());
        match way {
            "TERM" => d.signal(Signal::SIGTERM),
            "INT" => d.signal(Signal::SIGINT),
            "QUIT" => d.signal(Signal::SIGQUIT),
            "ctl" => assert!(d.ctl(&["shutdown"]).status.success()),
            _ => drop(d.text("shutdown")),
        }
        assert_eq!(d.wait_exit(), 0, "{way}");
        assert_eq!(below.alive(), 0, "{way}");
        assert!(!d.path("ctl").exists(), "{way}: the socket is left");
        assert!(!d.path("pid").exists(), "{way}: the pid file is left");
    }
}

#[test]
fn everything_stops_at_the_same_time() {
    let cmd = probe("ignore=15 forever");
    let mut d = Daemon::with(&format!(
        "deaf: {{cmd: {cmd}, numprocs: 20, stoptime: 1.5, stdout: none, stderr: none}}\nquick: {{cmd: sleep 1000, stoptime: 60}}"
    ));
    for n in 0..20 {
        d.wait_handles(&format!("deaf:deaf_{n:02}"), &[15]);
    }
    d.wait_all("RUNNING");
    let below = Strays(descendants(d.pid));
    let begin = Instant::now();
    d.signal(Signal::SIGTERM);
    assert_eq!(d.wait_exit(), 0);
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(1400), "killed before stoptime: {took:?}");
    // One after the other would take half a minute.
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(below.alive(), 0);
}

#[test]
fn a_second_signal_kills_at_once() {
    let cmd = probe("ignore=15 forever");
    let mut d = Daemon::with(&format!("deaf: {{cmd: {cmd}, numprocs: 3, stoptime: 600}}"));
    d.wait_all_handle(&[15]);
    let below = Strays(descendants(d.pid));
    d.signal(Signal::SIGTERM);
    d.wait_all("STOPPING");
    let begin = Instant::now();
    d.signal(Signal::SIGINT);
    assert_eq!(d.wait_exit(), 0);
    assert!(begin.elapsed() < DEADLINE, "{:?}", begin.elapsed());
    assert_eq!(below.alive(), 0);
}

#[test]
fn hup_does_not_cancel_a_shutdown() {
    let setup = Setup::new();
    // It has heard the signal, and ends when it may.
    let cmd = probe(&format!("note=15:{} await={}", setup.file("note"), setup.file("go")));
    let mut d = setup.programs(&format!("slow: {{cmd: {cmd}, stoptime: 600}}")).start();
    d.wait_all_handle(&[15]);
    d.rewrite("other: {cmd: sleep 1000}");
    d.signal(Signal::SIGTERM);
    d.wait_all("STOPPING");
    let below = Strays(descendants(d.pid));
    for _ in 0..20 {
        d.signal(Signal::SIGHUP);
    }
    let reply = d.text("start slow");
    assert!(!reply.ok() && reply.last.contains("shutting-down"), "{reply:?}");
    d.setup.write("go", "");
    assert_eq!(d.wait_exit(), 0);
    assert_eq!(below.alive(), 0);
}

#[test]
fn a_client_that_waits_for_the_shutdown_sees_its_end() {
    use std::io::{Read, Write};
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    let mut stream = d.connect();
    stream.write_all(b"shutdown\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    has(&text, "OK");
    assert_eq!(d.wait_exit(), 0);
}

#[test]
fn a_second_daemon_refuses_and_touches_nothing() {
    let d = Daemon::with("a: {cmd: sleep 1000}");
    let pid = d.wait_state("a", "RUNNING").pid().unwrap();
    let out = run_to_end(&mut d.setup.command());
    assert!(!out.status.success());
    let text = said(&out);
    has(&text, &d.file("ctl"));
    assert!(text.contains("already") || text.contains("in use") || text.contains("another"), "{text}");
    assert_eq!(fs::read_to_string(d.path("pid")).unwrap().trim(), d.pid.to_string());
    assert_eq!(d.pid_of("a"), pid);
    assert_eq!(d.all()[0].runs(), 1);
}

#[test]
fn two_daemons_at_once_have_one_winner() {
    for _ in 0..5 {
        let setup = Setup::new().programs("a: {cmd: sleep 1000}");
        // Each of these writes the configuration, which must be there when the first one reads it.
        let (mut first, mut second) = (setup.command(), setup.command());
        let second = second.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let strays = Strays(Proc::of(second.id()).into_iter().collect());
        let mut first = first.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        let first_proc = Strays(Proc::of(first.id()).into_iter().collect());
        wait_until("one of them has given up", || first_proc.alive() + strays.alive() == 1);
        let ask =
            || run_to_end(std::process::Command::new(TASKMASTERCTL).arg("-s").arg(setup.path("ctl")).arg("status"));
        wait_until("the other one runs its program", || stdout(&ask()).contains("RUNNING"));
        run_to_end(std::process::Command::new(TASKMASTERCTL).arg("-s").arg(setup.path("ctl")).arg("shutdown"));
        wait_until("it ends, too", || first_proc.alive() + strays.alive() == 0);
        let _ = first.wait();
        let _ = finish(second, "second");
    }
}

#[test]
fn the_socket_of_a_dead_daemon_is_replaced() {
    let mut d = Daemon::with("a: {cmd: sleep 1000}");
    d.wait_state("a", "RUNNING");
    let strays = d.crash();
    assert!(d.path("ctl").exists() && d.path("pid").exists());
    drop(strays);
    let d = d.start_again();
    d.wait_state("a", "RUNNING");
}

#[test]
fn a_file_that_is_no_socket_is_not_removed() {
    let setup = Setup::new().programs("a: {cmd: sleep 1000}");
    fs::write(setup.path("ctl"), "precious").unwrap();
    let out = setup.run();
    assert!(!out.status.success());
    has(&said(&out), &setup.file("ctl"));
    assert_eq!(fs::read_to_string(setup.path("ctl")).unwrap(), "precious");
}

#[test]
fn a_socket_that_somebody_else_listens_on_is_not_taken() {
    let setup = Setup::new().programs("a: {cmd: sleep 1000}");
    let _listener = UnixListener::bind(setup.path("ctl")).unwrap();
    let out = setup.run();
    assert!(!out.status.success(), "{}", said(&out));
    assert!(setup.path("ctl").exists());
}

#[test]
fn a_socket_in_a_directory_that_is_not_there() {
    let setup = Setup::new().keys("socket: {path: /nonexistent/dir/ctl}").programs("a: {cmd: sleep 1000}");
    let out = setup.run();
    assert!(!out.status.success());
    has(&said(&out), "/nonexistent/dir");
}

#[test]
fn what_is_written_on_the_way_down_is_kept_through_rotations() {
    let setup = Setup::new();
    let cmd = "sh -c 'trap \"seq 1 3000; exit 0\" TERM; while :; do sleep 0.05; done'";
    let out = setup.file("out");
    let mut d = setup
        .programs(&format!(
            "w: {{cmd: {cmd:?}, numprocs: 4, stdout: '{out}-${{num}}', stderr: none, stdout_logfile_maxbytes: 2000, stdout_logfile_backups: 100}}"
        ))
        .start();
    d.wait_all_handle(&[15]);
    let paths: Vec<_> = (0..4).map(|n| d.path(&format!("out-{n}"))).collect();
    let dir = d.path("");
    d.text("shutdown");
    assert_eq!(d.wait_exit(), 0);
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let files = fs::read_dir(&dir).unwrap().flatten();
        let mine = files.filter(|e| e.file_name().to_string_lossy().starts_with(&name));
        let lines: usize = mine.map(|e| fs::read_to_string(e.path()).unwrap().lines().count()).sum();
        assert_eq!(lines, 3000, "{name}");
    }
}
