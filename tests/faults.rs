//! What the machine does to a supervisor: too few descriptors, system calls that fail, storms, crashes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::*;

/// Lowers or raises the number of files that a running process may open.
#[track_caller]
fn limit_files(pid: u32, soft: usize) {
    let out = run_to_end(Command::new("prlimit").args([&format!("--pid={pid}"), &format!("--nofile={soft}:")]));
    assert!(out.status.success(), "{}", said(&out));
}

#[test]
fn too_few_descriptors_to_start_is_not_the_programs_fault() {
    needs!("prlimit");
    let d = Daemon::with("up: {cmd: sleep 1000}\nx: {cmd: sleep 1000, autostart: false, startretries: 1}");
    d.wait_state("up", "RUNNING");
    let open = fds(d.pid).len();
    limit_files(d.pid, open + 1);
    d.text("start --no-wait x");
    // Enough time for more tries than startretries allows.
    let begin = Instant::now();
    let s = wait_for("BACKOFF with the reason, for a while", || {
        let s = status_by_patience(&d, "x")?;
        assert_ne!(s, "FATAL");
        (s == "BACKOFF" && begin.elapsed() > Duration::from_secs(2)).then_some(s)
    });
    assert_eq!(s, "BACKOFF");
    assert!(d.own_log().contains("too many open files"), "{}", d.own_log());
    limit_files(d.pid, 1000);
    let s = d.status("x");
    assert!(s.state() == "RUNNING" || s.state() == "STARTING" || s.why().contains("too many open files"), "{s:?}");
    let s = d.wait_state("x", "RUNNING");
    assert_eq!(s.last_exit(), "", "it never ran before");
}

/// The state of a process although there may be no descriptor to spare for a connection.
fn status_by_patience(d: &Daemon, name: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = UnixStream::connect(&d.socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(format!("status {name}\n").as_bytes()).ok()?;
    stream.shutdown(std::net::Shutdown::Write).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.split_whitespace().nth(1).map(str::to_owned)
}

#[test]
fn no_descriptor_for_a_client_does_not_make_it_spin() {
    needs!("prlimit");
    let d = Daemon::with("up: {cmd: sleep 1000}");
    d.wait_state("up", "RUNNING");
    let pid = d.pid_of("up");
    limit_files(d.pid, fds(d.pid).len());
    let clients: Vec<UnixStream> = (0..40).filter_map(|_| UnixStream::connect(&d.socket).ok()).collect();
    let (before, begin) = (cpu_seconds(d.pid), Instant::now());
    wait_until("two seconds", || begin.elapsed() > Duration::from_secs(2));
    let used = cpu_seconds(d.pid) - before;
    assert!(used < 0.2, "{used} s of CPU in two seconds");
    drop(clients);
    limit_files(d.pid, 1000);
    wait_until("it answers", || status_by_patience(&d, "up").is_some());
    assert_eq!(d.pid_of("up"), pid);
}

#[test]
fn each_step_of_a_spawn_can_fail() {
    needs!(root);
    needs!("strace");
    for (call, errno, text) in [
        ("setgroups", "EPERM", "operation not permitted"),
        ("setresgid", "EPERM", "operation not permitted"),
        ("setresuid", "EPERM", "operation not permitted"),
        ("chdir", "EACCES", "permission denied"),
        ("execve", "ENOENT", "no such file or directory"),
        ("setsid", "EPERM", "operation not permitted"),
    ] {
        let setup = Setup::new();
        let stamp = setup.file("started");
        fs::set_permissions(setup.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let d = setup
            .programs(&format!("x: {{cmd: [sh, -c, 'echo > {stamp}; exec sleep 1000'], user: nobody, workingdir: /, autostart: false, startretries: 0}}"))
            .start();
        let Some(strace) = Strace::attach(&d, call, &[&format!("inject={call}:error={errno}")]) else {
            return skip(&test_name!(), "strace cannot attach here");
        };
        let reply = d.text("start x");
        drop(strace);
        assert!(!reply.ok(), "{call}: {reply:?}");
        let s = d.wait_state("x", "FATAL");
        has(s.why(), call);
        has(s.why(), text);
        assert!(!d.path("started").exists(), "{call}: the program was executed all the same");
        d.ok("start x");
        assert_eq!(d.state("x"), "RUNNING");
    }
}

#[test]
fn no_memory_or_process_for_a_child_is_not_the_programs_fault() {
    needs!("strace");
    for (errno, text) in [("EAGAIN", "resource temporarily unavailable"), ("ENOMEM", "cannot allocate memory")] {
        let d = Daemon::with("x: {cmd: sleep 1000, autostart: false, startretries: 0}");
        let inject = format!("inject=clone3,clone,fork,vfork:error={errno}");
        let Some(strace) = Strace::attach(&d, "clone3,clone,fork,vfork", &[&inject]) else {
            return skip(&test_name!(), "strace cannot attach here");
        };
        d.ok("start --no-wait x");
        let s = d.wait_state("x", "BACKOFF");
        has(s.why(), text);
        let begin = Instant::now();
        wait_until("some tries", || begin.elapsed() > Duration::from_secs(1));
        assert_eq!(d.state("x"), "BACKOFF");
        drop(strace);
        d.wait_state("x", "RUNNING");
    }
}

#[test]
fn a_slow_exec_does_not_hold_up_the_daemon() {
    needs!("strace");
    let d = Daemon::with("x: {cmd: sleep 1000, autostart: false}\nup: {cmd: sleep 1000}");
    d.wait_state("up", "RUNNING");
    let Some(strace) = Strace::attach(&d, "execve", &["inject=execve:delay_enter=10000000"]) else {
        return skip(&test_name!(), "strace cannot attach here");
    };
    d.ok("start --no-wait x");
    let begin = Instant::now();
    d.ok("status");
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    assert_eq!(d.state("x"), "STARTING");
    drop(strace);
    d.wait_state("x", "RUNNING");
}

#[test]
fn a_storm_of_hangups() {
    let d = Daemon::with("w: {cmd: sleep 1000, numprocs: 5}");
    let before: Vec<Option<u32>> = d.wait_all("RUNNING").iter().map(Status::pid).collect();
    for n in 0..2000 {
        d.signal(if n % 3 == 0 { Signal::SIGUSR2 } else { Signal::SIGHUP });
    }
    assert_eq!(d.wait_all("RUNNING").iter().map(Status::pid).collect::<Vec<_>>(), before);
    assert!(d.all().iter().all(|s| s.runs() == 1));
}

#[test]
fn other_signals_do_not_end_the_daemon() {
    let d = Daemon::with("x: {cmd: sleep 1000}");
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    for sig in [Signal::SIGPIPE, Signal::SIGCHLD, Signal::SIGCONT, Signal::SIGWINCH, Signal::SIGXFSZ, Signal::SIGURG] {
        d.signal(sig);
        d.ok("status");
    }
    assert_eq!(d.pid_of("x"), pid);
}

#[test]
fn a_pause_of_the_daemon_is_no_reason_to_restart_anything() {
    let setup = Setup::new();
    let starts = setup.file("starts");
    let d = setup
        .programs(&format!(
            "w: {{cmd: {}, numprocs: 10, starttime: 0.2, autorestart: always}}\ndies: {{cmd: sleep 1000}}",
            probe(&format!("stamp={starts} forever"))
        ))
        .start();
    let before: Vec<Option<u32>> = d.wait_all("RUNNING").iter().map(Status::pid).collect();
    d.signal(Signal::SIGSTOP);
    let begin = Instant::now();
    kill(before[0].unwrap(), Signal::SIGKILL);
    wait_until("two seconds", || begin.elapsed() > Duration::from_secs(2));
    d.signal(Signal::SIGCONT);
    d.wait_new_pid("dies", before[0].unwrap());
    let after: Vec<Option<u32>> = d.wait_all("RUNNING").iter().map(Status::pid).collect();
    assert_eq!(after[1..], before[1..]);
    wait_until("each has begun", || stamps(&d.path("starts")).len() >= 10);
    assert_eq!(stamps(&d.path("starts")).len(), 10);
    assert_eq!(d.status("dies").runs(), 2);
}

#[test]
fn killed_in_the_middle_of_rotation_nothing_is_lost() {
    let setup = Setup::new();
    let out = setup.file("out");
    // Small files and a steady stream, so that it rotates all the time.
    let mut d = setup
        .programs(&format!(
            "x: {{cmd: {}, stdout: {out}, stderr: none, stdout_logfile_maxbytes: 4096, stdout_logfile_backups: 1000, autorestart: never}}",
            probe("slow=10000000:50")
        ))
        .start();
    for round in 0..6 {
        let files = segments(&d.path("out")).len();
        wait_until("some rotations", || segments(&d.path("out")).len() >= files + 20 + round);
        d.crash().end();
        // A new daemon finishes what the crash left half done, and goes on.
        d = d.start_again();
    }
    d.ok("stop x");
    let runs = runs_in(&d.log("out"));
    // Six runs that were cut off, each after twenty files at least; of the last one there may be nothing yet.
    assert!(runs.len() == 6 || runs.len() == 7, "{runs:?}");
    assert!(runs[..6].iter().all(|bytes| *bytes >= 19 * 4096), "{runs:?}");
    let odd: Vec<String> = fs::read_dir(d.path(""))
        .unwrap()
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|n| n.starts_with("out") && n != "out" && n[4..].parse::<u32>().is_err())
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
}

/// Cuts the bytes into the beginnings of `probe lines=…:50` that they must be, each written by one run; gives their
/// lengths. Where a run was cut off, the next one begins in the middle of a line.
#[track_caller]
fn runs_in(bytes: &[u8]) -> Vec<usize> {
    let first = b"000000000 xxx";
    let mut runs = Vec::new();
    let mut start = 0;
    let mut line = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        let within = at - start;
        if within % 50 == 0 {
            line = format!("{:09} {}\n", within / 50, "x".repeat(39)).into_bytes();
        }
        if line[within % 50] == *byte {
            continue;
        }
        // The new run's first bytes may have looked like the old run's next ones.
        let again = (at.saturating_sub(12)..=at).find(|s| *s > start && bytes[*s..].starts_with(first));
        let Some(again) = again else {
            let around =
                String::from_utf8_lossy(&bytes[at.saturating_sub(120)..(at + 60).min(bytes.len())]).into_owned();
            panic!("a hole or a repetition at byte {at}: {around:?}")
        };
        runs.push(again - start);
        start = again;
        line = format!("{:09} {}\n", 0, "x".repeat(39)).into_bytes();
    }
    runs.push(bytes.len() - start);
    runs
}

#[test]
fn a_program_killed_while_it_writes_keeps_what_it_wrote() {
    let setup = Setup::new();
    let out = setup.file("out");
    let d = setup
        .programs(&format!("x: {{cmd: {}, stdout: {out}, stderr: none, starttime: 0, autorestart: always, stdout_logfile_maxbytes: 0}}", probe("lines=3000:50 die=9")))
        .start();
    let run = numbered(3000, 50);
    wait_until("ten runs", || d.status("x").runs() > 10);
    d.ok("stop x");
    let bytes = d.log("out");
    assert!(bytes.len() >= 10 * run.len());
    for (n, part) in bytes.chunks(run.len()).enumerate() {
        let whole = part == run.as_bytes();
        // Only the last run may have been cut short, by the stop.
        assert!(whole || (part.len() < run.len() && run.as_bytes().starts_with(part)), "run {n}");
    }
}

#[test]
fn crash_and_restart_over_and_over() {
    let mut d = Daemon::with("w: {cmd: sleep 1000, numprocs: 3, starttime: 0}");
    for _ in 0..5 {
        d.wait_all("RUNNING");
        let strays = d.crash();
        assert_eq!(strays.alive(), 3, "a crash of the daemon does not end the programs");
        drop(strays);
        d = d.start_again();
    }
    d.wait_all("RUNNING");
}

#[test]
fn a_limit_of_the_file_size_does_not_end_the_daemon() {
    needs!("prlimit");
    let setup = Setup::new();
    let out = setup.file("out");
    let d = setup
        .programs(&format!("x: {{cmd: {}, stdout: {out}, stderr: none}}", probe("lines=2000:50 forever")))
        .wrap(&["prlimit", "--fsize=20000:"])
        .start();
    d.wait_state("x", "RUNNING");
    wait_until("a line about it", || d.own_log().contains("file too large"));
    d.ok("status");
}
