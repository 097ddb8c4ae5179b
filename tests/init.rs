//! The first process of a container: a single program, and the whole daemon.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::*;

/// Signals that reach nobody's handler, or are kept by this process: KILL, STOP, CHLD, those of faults, and those of a
/// process in the background.
const KEPT: [i32; 12] = [4, 5, 6, 7, 8, 9, 11, 17, 19, 21, 22, 31];

fn single(options: &[&str], words: &[&str]) -> Command {
    let mut command = Command::new(TASKMASTERD);
    command.args(options).arg("--").args(words);
    command
}

fn shell(script: &str) -> Output {
    run_to_end(&mut single(&[], &["sh", "-c", script]))
}

/// Whether namespaces can be made here; says so if not.
fn namespaces(test: &str) -> bool {
    let made = Command::new("unshare").args(["-pfm", "--mount-proc", "true"]).output();
    let can = made.is_ok_and(|out| out.status.success());
    if !can {
        skip(test, "cannot make namespaces (unshare -pfm --mount-proc)");
    }
    can
}

/// A shell script as the first process of a namespace, which it may hand on by `exec`.
fn contained(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-pfm", "--mount-proc", "--propagation", "private", "--kill-child", "sh", "-ec", script]);
    command.env("D", TASKMASTERD);
    command
}

#[test]
fn all_exit_codes_are_passed_on() {
    for code in 0..=255 {
        let out = shell(&format!("exit {code}"));
        assert_eq!(out.status.code(), Some(code), "{}", said(&out));
        assert_eq!(said(&out), "");
    }
}

#[test]
fn a_death_by_a_signal_is_128_and_its_number() {
    for sig in [1, 2, 3, 6, 9, 10, 11, 13, 15, 34, 40, 64] {
        let out = shell(&format!("ulimit -c 0; kill -{sig} $$"));
        assert_eq!(out.status.code(), Some(128 + sig), "{}", said(&out));
    }
}

#[test]
fn a_program_that_is_not_there_or_cannot_be_run() {
    for (name, code) in [("no-such-program", 127), ("/no/such", 127), ("/etc/passwd", 126), ("/etc", 126)] {
        let out = run_to_end(&mut single(&[], &[name]));
        assert_eq!(out.status.code(), Some(code), "{name}");
        has(&said(&out), &format!("cannot execute {name}"));
    }
}

/// A program that says each signal that it gets.
fn listener(options: &[&str]) -> (Held, impl FnMut() -> String) {
    let traps: Vec<String> = (1..=64)
        .filter(|n| !KEPT.contains(n) && ![32, 33].contains(n))
        .map(|n| format!("trap 'echo {n}' {n}"))
        .collect();
    let script = format!("{}; echo ready; while :; do sleep 0.01; done", traps.join("; "));
    let mut command = single(options, &["sh", "-c", &script]);
    let mut child = Held(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = move || lines.next().unwrap().unwrap();
    assert_eq!(next(), "ready");
    (child, next)
}

fn end(mut child: Held) {
    let below = Strays(descendants(child.id()));
    below.0.iter().for_each(|p| p.kill(Signal::SIGKILL));
    assert_eq!(child.wait().unwrap().code(), Some(137));
}

#[test]
fn every_signal_is_forwarded() {
    let (child, mut next) = listener(&[]);
    for sig in (1..=64).filter(|n| !KEPT.contains(n) && ![32, 33].contains(n)) {
        send(child.id(), sig);
        assert_eq!(next(), sig.to_string());
    }
    end(child);
}

#[test]
fn signals_are_rewritten() {
    let (child, mut next) = listener(&["--rewrite", "15:3", "--rewrite", "HUP:USR1", "--rewrite", "2:0"]);
    for (sent, seen) in [(15, "3"), (1, "10"), (3, "3"), (12, "12")] {
        send(child.id(), 2);
        send(child.id(), sent);
        assert_eq!(next(), seen);
    }
    end(child);
}

/// Sends any signal to a process that this test has started and not reaped.
fn send(pid: u32, sig: i32) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{sig} {pid}")]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn signals_go_to_the_program_or_to_its_group() {
    for group in [false, true] {
        let options: &[&str] = if group { &["-g"] } else { &[] };
        let mut child = Held(single(options, &["sh", "-c", "sleep 1000 & wait"]).spawn().unwrap());
        wait_until("both", || descendants(child.id()).len() == 2);
        let below = Strays(descendants(child.id()));
        send(child.id(), 15);
        let status = wait_for("the end", || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(143));
        if group {
            wait_until("the end of the group", || below.alive() == 0);
        } else {
            assert_eq!(below.alive(), 1);
        }
    }
}

#[test]
fn the_program_has_default_signals() {
    let script = format!("trap '' HUP TERM PIPE USR1 TSTP; exec {TASKMASTERD} -- cat /proc/self/status");
    let out = run_to_end(Command::new("sh").args(["-c", &script]));
    for mask in ["SigBlk", "SigIgn", "SigCgt"] {
        has(&stdout(&out), &format!("{mask}:\t0000000000000000\n"));
    }
}

#[test]
fn orphans_come_to_it_and_are_reaped() {
    // The one in the middle ends at once; the one below it waits until its parent is the first process, and ends. As long as
    // it is not reaped, there is something of it in /proc.
    let script = r#"
        exec 3>&1
        orphan='n=0; while [ $n -lt 1500 ]; do
            read -r _ _ _ parent _ < /proc/$$/stat; [ "$parent" = "$1" ] && exec echo "adopted by $parent"
            n=$((n+1)); sleep 0.01; done'
        child=$(sh -c "$orphan" sh "$PPID" >&3 & echo $!)
        n=0; while [ -e /proc/$child ] && [ $n -lt 1500 ]; do n=$((n+1)); sleep 0.01; done
        [ -e /proc/$child ] && cat /proc/$child/stat; echo "$PPID""#;
    let out = shell(script);
    let text = stdout(&out);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() == 2 && lines[0] == format!("adopted by {}", lines[1]), "{text}");
}

#[test]
fn the_program_is_in_the_foreground_of_the_terminal() {
    needs!("setsid");
    let script =
        "read -r a b c d group f g front rest < /proc/$$/stat; echo group=$((group == front)) own=$((group == $$))";
    let mut terminal = Terminal::run(&mut single(&[], &["sh", "-c", script]));
    terminal.expect("group=1 own=1");
}

#[test]
fn it_is_the_first_process_without_anything() {
    needs!(root);
    needs!("setpriv");
    if !namespaces(&test_name!()) {
        return;
    }
    // No /proc, no /run, nothing to write to, a user that nobody knows.
    let script = r#"mount -t tmpfs none /run; mount -o remount,ro /run; umount -l /proc
        mount -o bind,remount,ro / ; exec setpriv --reuid 4711 --regid 4711 --clear-groups "$D" -- sh -c 'echo $PPID; exit 7'"#;
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("taskmasterd");
    copy_program(TASKMASTERD, &copy);
    open_to_all(dir.path());
    let out = run_to_end(contained(script).env("D", &copy));
    assert_eq!((out.status.code(), stdout(&out).as_str()), (Some(7), "1\n"), "{}", said(&out));
}

fn open_to_all(dir: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Forks twice for each, so that all of them are orphans at once; then waits until none is a zombie.
const MANY_ORPHANS: &str = r#"
    for n in 1 2 3 4 5 6 7 8 9 10; do sh -c 'i=0; while [ $i -lt 1000 ]; do (: &) ; i=$((i+1)); done' & done; wait
    tries=0; while grep -qs '^State:.Z' /proc/[0-9]*/status && [ $tries -lt 200 ]; do tries=$((tries+1)); sleep 0.05; done
    grep -ls '^State:.Z' /proc/[0-9]*/status || echo none"#;

#[test]
fn ten_thousand_orphans_of_a_single_program() {
    if !namespaces(&test_name!()) {
        return;
    }
    let mut command = contained(r#"exec "$D" -- sh -c "$S""#);
    let out = command.env("S", MANY_ORPHANS).output().unwrap();
    assert_eq!(stdout(&out), "none\n", "{}", said(&out));
}

/// A configuration for a daemon inside a namespace, whose pid this side does not know.
fn inside(setup: Setup, before: &str) -> (Setup, Held) {
    setup.write("taskmasterd.yaml", &setup.config());
    let script = format!("{before}\nexec \"$D\" -c {}", setup.file("taskmasterd.yaml"));
    let child = contained(&script).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    (setup, Held(child))
}

fn ask(setup: &Setup, words: &[&str]) -> Output {
    run_to_end(Command::new(TASKMASTERCTL).arg("-s").arg(setup.path("ctl")).args(words))
}

#[test]
fn ten_thousand_orphans_of_the_daemon() {
    if !namespaces(&test_name!()) {
        return;
    }
    let setup = Setup::new();
    setup.write("many.sh", MANY_ORPHANS);
    let script = setup.file("many.sh");
    let setup = setup
        .programs(&format!("many: {{cmd: sh {script}, autorestart: never, starttime: 0}}\nstays: {{cmd: sleep 1000}}"));
    let (setup, mut child) = inside(setup, "");
    wait_until("the daemon", || ask(&setup, &["version"]).status.success());
    wait_up_to(Duration::from_secs(60), "the end of many", || {
        stdout(&ask(&setup, &["status", "many"])).contains("EXITED").then_some(())
    });
    let log = stdout(&ask(&setup, &["logs", "many"]));
    assert!(log.trim_end().ends_with("none"), "{log}");
    has(&stdout(&ask(&setup, &["status", "stays"])), "RUNNING");
    assert!(ask(&setup, &["shutdown"]).status.success());
    assert_eq!(wait_for("the end", || child.try_wait().unwrap()).code(), Some(0));
}

#[test]
fn the_first_process_ends_everything_and_waits_for_nothing_else() {
    if !namespaces(&test_name!()) {
        return;
    }
    // One that left its group and takes its time to end, and one that does not listen to SIGTERM at all.
    let script = "setsid sh -c \"trap 'echo polite >> MARK; exit' TERM; echo up >> MARK; while :; do sleep 0.02; done\" & exec sleep 1000";
    let setup = Setup::new();
    let mark = setup.file("mark");
    let setup = setup
        .programs(&format!("a: {{cmd: [sh, -c, {}]}}", serde_json::to_string(&script.replace("MARK", &mark)).unwrap()));
    let (setup, mut child) = inside(setup, "");
    let read = || std::fs::read_to_string(&mark).unwrap_or_default();
    wait_until("both", || read().contains("up"));
    let begin = Instant::now();
    assert!(ask(&setup, &["shutdown"]).status.success());
    let status = wait_for("the end", || child.try_wait().unwrap());
    assert!(begin.elapsed() < Duration::from_secs(4), "it waited: {:?}", begin.elapsed());
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    assert_eq!(read(), "up\npolite\n");
}

#[test]
fn what_does_not_end_politely_is_killed() {
    if !namespaces(&test_name!()) {
        return;
    }
    let setup = Setup::new();
    let mark = setup.file("mark");
    let script =
        format!("setsid sh -c \"trap '' TERM; echo up >> {mark}; while :; do sleep 0.1; done\" & exec sleep 1000");
    let words = serde_json::to_string(&script).unwrap();
    let (setup, mut child) = inside(setup.programs(&format!("a: {{cmd: [sh, -c, {words}]}}")), "");
    wait_until("both", || std::fs::read_to_string(&mark).is_ok());
    let begin = Instant::now();
    assert!(ask(&setup, &["shutdown"]).status.success());
    assert_eq!(wait_for("the end", || child.try_wait().unwrap()).code(), Some(0));
    assert!(begin.elapsed() >= Duration::from_secs(4), "it was killed at once");
}

#[test]
fn the_daemon_adopts_orphans_also_elsewhere() {
    let d = Daemon::with("a: {cmd: [sh, -c, '(sleep 0.2 &); exec sleep 1000'], starttime: 0}");
    d.wait_state("a", "RUNNING");
    wait_until("only the program is left", || children(d.pid).len() == 1);
}

/// What is alive of the processes with this word in their command line: by a number that is used nowhere else.
fn alive_with(word: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let words = |pid: u32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    pids.filter(|pid| words(*pid).split(|byte| *byte == 0).any(|text| text == word.as_bytes())).count()
}

/// A number of seconds that no other test sleeps for.
fn seconds(n: u32) -> String {
    format!("{}{n}", 100_000 + std::process::id())
}

#[test]
fn what_has_left_the_group_is_stopped_too() {
    for (n, mode) in ["group", "mixed", "cgroup"].into_iter().enumerate() {
        let long = seconds(u32::try_from(n).unwrap());
        // A child that has left, a grandchild whose parents are gone, and one that does not listen.
        let script = format!(
            "setsid sleep {long} & (setsid sleep {long} &) ; setsid sh -c 'trap \"\" TERM; sleep {long}; :' & echo up; wait"
        );
        let words = serde_json::to_string(&script).unwrap();
        let mut d =
            Daemon::with(&format!("a: {{cmd: [sh, -c, {words}], kill_mode: {mode}, stoptime: 0.5, starttime: 0}}"));
        wait_until("all", || alive_with(&long) == 3);
        d.unchecked();
        d.ok("stop a");
        assert_eq!(alive_with(&long), 0, "{mode}");
        assert_eq!(d.state("a"), "STOPPED");
    }
}

#[test]
fn what_many_have_started_is_stopped_with_them() {
    const MANY: usize = 120;
    let long = seconds(5);
    // Nothing but its parent tells whose it is.
    let script = format!("setsid sleep {long} </dev/null >/dev/null 2>&1 & exec sleep 1000");
    let words = serde_json::to_string(&script).unwrap();
    let d = Daemon::with(&format!("a: {{cmd: [sh, -c, {words}], numprocs: {MANY}, starttime: 0}}"));
    wait_until("all", || alive_with(&long) == MANY);
    d.ok("stop all");
    assert_eq!(alive_with(&long), 0);
    let states = String::from_utf8(d.text("status").body).unwrap();
    assert_eq!(states.matches("STOPPED").count(), MANY, "{states}");
}

#[test]
fn the_process_alone() {
    let long = seconds(10);
    let words = serde_json::to_string(&format!("setsid sleep {long} & sleep {long} & exec sleep 1000")).unwrap();
    let mut d = Daemon::with(&format!("a: {{cmd: [sh, -c, {words}], kill_mode: process, starttime: 0}}"));
    wait_until("all", || alive_with(&long) == 2);
    let below = Strays(descendants(d.pid));
    d.unchecked();
    d.ok("stop a");
    assert_eq!((d.state("a").as_str(), alive_with(&long)), ("STOPPED", 2));
    drop(below);
}

#[test]
fn a_leader_that_dies_first() {
    for (n, mode) in ["mixed", "cgroup"].into_iter().enumerate() {
        let long = seconds(20 + u32::try_from(n).unwrap());
        let script = format!("setsid sleep {long} & sleep {long} & exit 3");
        let words = serde_json::to_string(&script).unwrap();
        let d = Daemon::with(&format!(
            "a: {{cmd: [sh, -c, {words}], kill_mode: {mode}, starttime: 0, autorestart: never}}"
        ));
        d.wait_state("a", "EXITED");
        assert_eq!(alive_with(&long), 0, "{mode}: EXITED with something left");
    }
}

#[test]
fn a_fork_bomb_is_stopped() {
    for (n, mode) in ["group", "mixed", "cgroup"].into_iter().enumerate() {
        let mark = format!("bomb{}", seconds(30 + u32::try_from(n).unwrap()));
        // Twelve at a time, each of which leaves the group, starts the next and goes. A file ends them.
        let setup = Setup::new();
        let (script, end) = (setup.file("bomb.sh"), setup.file("end"));
        setup.write(
            "bomb.sh",
            &format!("trap '' TERM\n[ -e {end} ] && exit\nsleep 0.03\nsetsid sh {script} {mark} &\n"),
        );
        let chain = format!("sh {script} {mark} &\n");
        setup.write("first.sh", &format!("trap '' TERM\n{}while :; do sleep 1; done\n", chain.repeat(12)));
        let first = setup.file("first.sh");
        let setup = setup.programs(&format!("a: {{cmd: sh {first}, kill_mode: {mode}, stoptime: 0.3, starttime: 0}}"));
        let mut d = setup.start();
        d.unchecked();
        wait_until("some", || alive_with(&mark) > 4);
        d.ok("stop a");
        let left = alive_with(&mark);
        std::fs::write(&end, "").unwrap();
        assert_eq!(left, 0, "{mode}");
    }
}

/// Starts a daemon that leaves by itself, and gives its exit code.
fn leaves(keys: &str, programs: &str) -> i32 {
    let setup =
        Setup::new().keys(keys).defaults("starttime: 0\nbackoff: {initial: 0, max: 0, floor: 0}").programs(programs);
    setup.run().status.code().unwrap_or(-1)
}

#[test]
fn the_end_of_an_essential_program_ends_the_daemon() {
    let rest = "rest: {cmd: sleep 1000}";
    for (program, code) in [
        ("{cmd: sh -c 'exit 7', essential: true, autorestart: never}", 7),
        ("{cmd: 'true', on_exit: shutdown, oneshot: true}", 0),
        ("{cmd: sh -c 'kill -9 $$$$', essential: true, autorestart: never}", 137),
        ("{cmd: /no/such/program, essential: true, startretries: 1}", 127),
        ("{cmd: sh -c 'exit 5', essential: true, startretries: 2, oneshot: true, autorestart: unexpected}", 5),
    ] {
        assert_eq!(leaves("", &format!("main: {program}\n{rest}")), code, "{program}");
    }
}

#[test]
fn the_daemon_leaves_when_all_is_done_or_one_is_fatal() {
    let never = "autorestart: never";
    let (good, bad) = (format!("{{cmd: 'true', {never}}}"), format!("{{cmd: sh -c 'sleep 0.3; exit 4', {never}}}"));
    assert_eq!(leaves("exit_when: all_done", &format!("a: {good}\nb: {bad}\nc: {{cmd: x, autostart: false}}")), 4);
    assert_eq!(leaves("exit_when: all_done", &format!("a: {good}\nb: {good}")), 0);
    assert_eq!(leaves("exit_when: any_fatal", "a: {cmd: sleep 1000}\nb: {cmd: /no/such, startretries: 0}"), 127);
}

#[test]
fn what_somebody_stops_has_not_ended_for_good() {
    let d = Daemon::with("a: {cmd: sleep 1000, essential: true}\nb: {cmd: sleep 1000}");
    d.wait_all("RUNNING");
    d.ok("restart a");
    d.ok("stop a");
    assert_eq!((d.state("a").as_str(), d.state("b").as_str()), ("STOPPED", "RUNNING"));
}

#[test]
fn a_cgroup_holds_what_nothing_else_does() {
    let long = seconds(40);
    // Nobody's child, without the output of the program.
    let script = format!("(setsid sleep {long} >/dev/null 2>&1 &) ; exec sleep 1000");
    let words = serde_json::to_string(&script).unwrap();
    let mut d = Daemon::with(&format!("a: {{cmd: [sh, -c, {words}], kill_mode: cgroup, starttime: 0}}"));
    wait_until("both", || alive_with(&long) == 1);
    let membership = std::fs::read_to_string(format!("/proc/{}/cgroup", d.pid_of("a"))).unwrap();
    d.unchecked();
    if !membership.contains("/taskmasterd-") {
        let strays = Strays(descendants(d.pid));
        d.ok("stop a");
        drop(strays);
        return skip(&test_name!(), "no cgroup of version 2 can be made");
    }
    d.ok("stop a");
    assert_eq!(alive_with(&long), 0);
    // What a killed daemon has left goes when the next one makes its first.
    d.ok("start a");
    wait_until("both again", || alive_with(&long) == 1);
    let strays = d.crash();
    let mut d = d.start_again();
    d.unchecked();
    d.wait_state("a", "RUNNING");
    wait_until("the end of those of before", || strays.alive() == 0);
}
