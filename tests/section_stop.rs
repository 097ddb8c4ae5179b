//! How processes are stopped: the signal, the group, the time, and what a stop does in every state.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::*;

#[test]
fn term_is_honoured() {
    let d = Daemon::with("x: {cmd: sleep 1000}");
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    let text = d.ok("stop x");
    has(&text, "stopped");
    let s = d.status("x");
    assert_eq!((s.state(), s.last_exit(), s.as_wanted()), ("STOPPED", "killed by SIGTERM", true));
    assert!(!alive(pid));
}

#[test]
fn the_stop_signal_is_the_configured_one() {
    for (signal, number) in [("USR1", 10), ("SIGINT", 2), ("quit", 3), ("10", 10), ("RTMIN+1", 35)] {
        let cmd = probe(&format!("on={number}:42:0 text=ready forever"));
        let d = Daemon::with(&format!("x: {{cmd: {cmd}, stopsignal: {signal}, stdout: none}}"));
        d.wait_handles("x", &[number]);
        d.ok("stop x");
        assert_eq!(d.status("x").last_exit(), "exit status 42", "{signal}");
    }
}

#[test]
fn kill_comes_at_stoptime() {
    let d = Daemon::with(&format!("x: {{cmd: {}, stoptime: 0.7}}", probe("ignore=15 forever")));
    d.wait_handles("x", &[15]);
    let begin = Instant::now();
    d.ok("stop x");
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(690) && took < Duration::from_secs(10), "{took:?}");
    let s = d.status("x");
    assert_eq!((s.state(), s.last_exit()), ("STOPPED", "killed by SIGKILL"));
}

#[test]
fn while_stopping_it_is_shown_and_when_it_will_be_killed() {
    let d = Daemon::with(&format!("x: {{cmd: {}, stoptime: 60}}", probe("ignore=15 forever")));
    let pid = d.wait_handles("x", &[15]);
    d.ok("stop --no-wait x");
    let s = d.wait_state("x", "STOPPING");
    assert_eq!(s.pid(), Some(pid));
    let left = s.0["kill_in_ms"].as_u64().unwrap();
    assert!((30_000..=60_000).contains(&left), "{left}");
    d.ok("signal KILL x");
    d.wait_state("x", "STOPPED");
}

#[test]
fn a_stop_can_take_its_time() {
    let d = Daemon::with(&format!("x: {{cmd: {}, stoptime: 20}}", probe("on=15:0:600 forever")));
    d.wait_handles("x", &[15]);
    d.ok("stop x");
    assert_eq!(d.status("x").last_exit(), "exit status 0");
}

#[test]
fn the_timeout_of_a_command_is_not_the_end_of_the_stop() {
    let d = Daemon::with(&format!("x: {{cmd: {}, stoptime: 600}}", probe("ignore=15 forever")));
    d.wait_handles("x", &[15]);
    let reply = d.text("stop --timeout 0.2 x");
    assert!(!reply.ok(), "{reply:?}");
    assert_eq!(d.state("x"), "STOPPING");
    d.ok("signal KILL x");
    d.wait_state("x", "STOPPED");
}

#[test]
fn the_whole_group_is_stopped() {
    let d = Daemon::with("x: {cmd: [sh, -c, 'sleep 1000 & sleep 1000 & wait']}");
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    let group = wait_for("two grandchildren", || Some(descendants(pid)).filter(|g| g.len() == 2));
    d.ok("stop x");
    assert!(group.iter().all(|p| !p.alive()));
}

#[test]
fn stopped_means_that_nothing_of_the_group_is_left() {
    // The leader goes at once; a member of its group does not hear TERM and is killed at stoptime.
    const STOPTIME: Duration = Duration::from_secs(3);
    let d =
        Daemon::with(&format!("x: {{cmd: {}, stoptime: 3}}", probe("child ignore=15 forever end sleep=50 forever")));
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    let member = wait_for("the member", || descendants(pid).first().copied().filter(|p| handles(p.pid, &[15])));
    let begin = Instant::now();
    d.ok("stop --no-wait x");
    wait_until("the leader is gone", || !alive(pid));
    let (state, alive) = (d.state("x"), member.alive());
    assert!((state == "STOPPING" && alive) || begin.elapsed() >= STOPTIME, "a member of the group lives: {state}");
    d.wait_state("x", "STOPPED");
    assert!(!member.alive());
    assert!(begin.elapsed() >= STOPTIME - Duration::from_millis(50), "killed before stoptime");
}

#[test]
fn members_that_outlive_a_leader_who_ends_by_itself_are_not_doubled() {
    // The leader exits and leaves a member behind; the next run must not come on top of it for ever.
    let setup = Setup::new();
    let cmd = probe(&format!("child forever end await={} exit=1", setup.file("go")));
    let keys = "starttime: 0.05, autorestart: never, stopsignal: TERM";
    let d = setup.programs(&format!("x: {{cmd: {cmd}, {keys}}}")).start();
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    let member = wait_for("the member", || descendants(pid).first().copied());
    d.setup.write("go", "");
    d.wait_state("x", "EXITED");
    fs::remove_file(d.path("go")).unwrap();
    d.ok("start x");
    let strays = Strays(vec![member]);
    wait_until("the old member is gone", || strays.alive() == 0);
    d.ok("stop x");
}

#[test]
fn leader_only_if_asked() {
    let setup = Setup::new();
    let note = setup.file("note");
    let cmd = probe(&format!("child note=15:{note} forever end on=15:0:300 forever"));
    let d = setup.programs(&format!("x: {{cmd: {cmd}, stopgroup: false, stoptime: 2}}")).start();
    let pid = d.wait_handles("x", &[15]);
    let member =
        wait_for("the member", || descendants(pid).first().copied().filter(|member| handles(member.pid, &[15])));
    let _strays = Strays(vec![member]);
    d.ok("stop --no-wait x");
    wait_until("the leader is gone", || !alive(pid));
    assert!(member.alive() && !d.path("note").exists(), "the member got the signal, too");
    d.wait_state("x", "STOPPED");
}

#[test]
fn a_suspended_process_can_be_stopped() {
    let d = Daemon::with(&format!(
        "x: {{cmd: sleep 1000, stoptime: 60}}\ny: {{cmd: {}, stoptime: 0.3}}",
        probe("ignore=15 forever")
    ));
    let (x, y) = (d.wait_state("x", "RUNNING").pid().unwrap(), d.wait_handles("y", &[15]));
    kill(x, Signal::SIGSTOP);
    kill(y, Signal::SIGSTOP);
    // SIGCONT after the stop signal lets it end, long before its stoptime.
    d.ok("stop x y");
    assert_eq!(d.status("x").last_exit(), "killed by SIGTERM");
    assert_eq!(d.status("y").last_exit(), "killed by SIGKILL");
}

#[test]
fn stop_in_backoff() {
    let d = Daemon::with("x: {cmd: 'false', starttime: 5, backoff: {initial: 60, max: 60}}");
    d.wait_state("x", "BACKOFF");
    d.ok("stop x");
    let s = d.status("x");
    assert_eq!((s.state(), s.as_wanted(), s.runs()), ("STOPPED", true, 1));
}

#[test]
fn stop_in_starting() {
    let d = Daemon::with("x: {cmd: sleep 1000, starttime: 60}");
    let pid = d.wait_state("x", "STARTING").pid().unwrap();
    d.ok("stop x");
    assert_eq!(d.state("x"), "STOPPED");
    assert!(!alive(pid));
}

#[test]
fn stop_in_fatal_exited_and_stopped() {
    let d = Daemon::with(
        "fatal: {cmd: 'false', starttime: 5, startretries: 0}
exited: {cmd: 'true', starttime: 0, autorestart: never}
stopped: {cmd: sleep 1000, autostart: false}",
    );
    d.wait_state("fatal", "FATAL");
    d.wait_state("exited", "EXITED");
    for name in ["fatal", "exited", "stopped"] {
        let reply = d.text(&format!("stop {name}"));
        has(&reply.all(), "not running");
        let s = d.status(name);
        assert_eq!((s.pid(), s.runs() <= 1), (None, true));
        assert!(["STOPPED", "FATAL", "EXITED"].contains(&s.state()));
    }
}

#[test]
fn start_of_fatal_tries_anew() {
    let setup = Setup::new();
    let gate = setup.file("gate");
    let d =
        setup.programs(&format!("x: {{cmd: [sh, -c, 'test -e {gate} && exec sleep 1000'], startretries: 0}}")).start();
    d.wait_state("x", "FATAL");
    fs::write(d.path("gate"), "").unwrap();
    d.ok("start x");
    assert_eq!(d.state("x"), "RUNNING");
}

#[test]
fn a_second_stop_waits_for_the_same_end() {
    let d = Daemon::with(&format!("x: {{cmd: {}, stoptime: 1}}", probe("ignore=15 forever")));
    let pid = d.wait_handles("x", &[15]);
    std::thread::scope(|scope| {
        let both: Vec<_> = (0..2).map(|_| scope.spawn(|| d.text("stop x"))).collect();
        for one in both {
            let reply = one.join().unwrap();
            assert!(!alive(pid), "an answer came before the end");
            has(&reply.all(), "x");
        }
    });
    assert_eq!(d.state("x"), "STOPPED");
}

#[test]
fn start_of_a_running_process_changes_nothing() {
    let d = Daemon::with("x: {cmd: sleep 1000}");
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    has(&d.text("start x").all(), "already running");
    assert_eq!(d.pid_of("x"), pid);
}

#[test]
fn restart_gives_a_new_pid_in_every_state() {
    let d = Daemon::with(
        "run: {cmd: sleep 1000}
off: {cmd: sleep 1000, autostart: false}
starting: {cmd: sleep 1000, starttime: 4}",
    );
    let old = d.wait_state("run", "RUNNING").pid().unwrap();
    let young = d.wait_state("starting", "STARTING").pid().unwrap();
    d.ok("restart run off starting");
    assert_ne!(d.pid_of("run"), old);
    assert_ne!(d.pid_of("starting"), young);
    assert!(!alive(old) && !alive(young));
    for name in ["run", "off", "starting"] {
        assert_eq!(d.state(name), "RUNNING");
    }
}

#[test]
fn start_while_stopping_brings_it_up_again() {
    let d = Daemon::with(&format!("x: {{cmd: {}, stoptime: 20}}", probe("on=15:0:3000 forever")));
    let old = d.wait_handles("x", &[15]);
    d.ok("stop --no-wait x");
    assert_eq!(d.state("x"), "STOPPING");
    d.ok("start x");
    let s = d.status("x");
    assert_eq!(s.state(), "RUNNING");
    assert_ne!(s.pid(), Some(old));
    assert!(!alive(old));
}

#[test]
fn the_last_command_wins() {
    let d = Daemon::with("x: {cmd: sleep 1000, starttime: 0}");
    for round in 0..30 {
        for command in ["stop", "start", "restart", "stop", "start"].iter().cycle().skip(round % 5).take(4) {
            d.text(&format!("{command} --no-wait x"));
        }
        d.text(if round % 2 == 0 { "stop x" } else { "start x" });
        let state = d.state("x");
        assert_eq!(state, if round % 2 == 0 { "STOPPED" } else { "RUNNING" }, "round {round}");
    }
}

#[test]
fn all_and_patterns() {
    let d = Daemon::with("web: {cmd: sleep 1000, numprocs: 3}\nwork: {cmd: sleep 1000}\nother: {cmd: sleep 1000}");
    d.wait_all("RUNNING");
    let stopped = |d: &Daemon| -> Vec<String> {
        d.all().iter().filter(|s| s.state() == "STOPPED").map(|s| s.name().to_owned()).collect()
    };
    d.ok("stop web:1");
    assert_eq!(stopped(&d), ["web:web_01"]);
    d.ok("start web:web_01");
    d.ok("stop w*");
    assert_eq!(stopped(&d), ["web:web_00", "web:web_01", "web:web_02", "work"]);
    d.ok("start web:*");
    assert_eq!(stopped(&d), ["work"]);
    d.ok("stop all");
    assert_eq!(stopped(&d).len(), 5);
}

#[test]
fn signals_reach_the_process() {
    let setup = Setup::new();
    let note = setup.file("note");
    let d = setup
        .programs(&format!(
            "x: {{cmd: {}}}\noff: {{cmd: sleep 1000, autostart: false}}",
            probe(&format!("note=10:{note} note=1:{note} forever"))
        ))
        .start();
    d.wait_handles("x", &[1, 10]);
    has(&d.ok("signal USR1 x"), "signalled");
    wait_until("USR1", || fs::read_to_string(d.path("note")).is_ok_and(|t| t == "10\n"));
    d.ok("signal sighup x");
    wait_until("HUP", || fs::read_to_string(d.path("note")).is_ok_and(|t| t == "10\n1\n"));
    assert!(!d.text("signal NOSUCH x").ok());
    assert!(!d.text("signal USR1 off").ok());
    assert_eq!(d.status("x").runs(), 1);
}
