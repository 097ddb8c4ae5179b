//! How programs are started: what a process gets, when it counts as started, what is said when it could not be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nix::sys::signal::Signal;
use support::*;

#[test]
fn autostart_starts_what_it_names() {
    let d = Daemon::with(
        "yes: {cmd: sleep 1000}
no: {cmd: sleep 1000, autostart: false}
many: {cmd: sleep 1000, numprocs: 3}",
    );
    for name in ["yes", "many:many_00", "many:many_01", "many:many_02"] {
        d.wait_state(name, "RUNNING");
    }
    let no = d.status("no");
    assert_eq!((no.state(), no.pid(), no.runs()), ("STOPPED", None, 0));
    assert!(no.as_wanted());
    d.ok("start no");
    assert_eq!(d.state("no"), "RUNNING");
}

#[test]
fn a_command_that_is_not_there() {
    let d = Daemon::with("x: {cmd: /nonexistent/program, startretries: 0}");
    let s = d.wait_state("x", "FATAL");
    has(s.why(), "execve");
    has(s.why(), "no such file or directory");
    let line = d.ok("status x");
    has(&line, "FATAL");
    has(&line, "no such file or directory");
    assert!(!s.as_wanted());
}

#[test]
fn a_command_that_is_not_in_the_path() {
    let d = Daemon::with("x: {cmd: no-such-program-anywhere, startretries: 0}");
    has(d.wait_state("x", "FATAL").why(), "no such file or directory");
}

#[test]
fn a_command_that_may_not_be_executed() {
    let setup = Setup::new();
    fs::write(setup.path("plain"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(setup.path("plain"), fs::Permissions::from_mode(0o644)).unwrap();
    let plain = setup.file("plain");
    let d = setup.programs(&format!("x: {{cmd: {plain}, startretries: 0}}")).start();
    has(d.wait_state("x", "FATAL").why(), "permission denied");
}

#[test]
fn a_command_in_an_unknown_format() {
    let setup = Setup::new();
    write_program(setup.path("odd"), "what is this\n");
    let odd = setup.file("odd");
    let d = setup.programs(&format!("x: {{cmd: {odd}, startretries: 0}}")).start();
    has(d.wait_state("x", "FATAL").why(), "exec format error");
}

#[test]
fn a_directory_that_is_not_there() {
    let d = Daemon::with("x: {cmd: sleep 1000, workingdir: /nonexistent/dir, startretries: 0}");
    let s = d.wait_state("x", "FATAL");
    has(s.why(), "chdir");
    has(s.why(), "no such file or directory");
}

#[test]
fn too_quick_an_exit_is_told_with_its_status() {
    let d = Daemon::with(&format!("x: {{cmd: {}, startretries: 0, starttime: 5}}", probe("exit=3")));
    let s = d.wait_state("x", "FATAL");
    has(s.why(), "exited too quickly (exit status 3)");
    has(&d.ok("status x"), "exited too quickly (exit status 3)");
    assert_eq!(s.last_exit(), "exit status 3");
}

#[test]
fn even_an_expected_exit_can_be_too_quick() {
    let d = Daemon::with("x: {cmd: 'true', startretries: 0, starttime: 5}");
    has(d.wait_state("x", "FATAL").why(), "exited too quickly (exit status 0)");
}

#[test]
fn starttime_decides_when_it_counts_as_started() {
    let d = Daemon::with("x: {cmd: sleep 1000, starttime: 2, autostart: false}");
    let before = std::time::Instant::now();
    d.ok("start --no-wait x");
    let state = d.state("x");
    assert!(state == "STARTING" || before.elapsed() >= Duration::from_secs(2), "{state}");
    d.wait_state("x", "RUNNING");
    let took = before.elapsed();
    assert!(took >= Duration::from_secs(2), "{took:?}");
}

#[test]
fn starttime_zero_counts_at_once() {
    let d = Daemon::with("x: {cmd: 'true', starttime: 0, autorestart: never}");
    let s = d.wait_state("x", "EXITED");
    assert_eq!((s.runs(), s.last_exit()), (1, "exit status 0"));
    assert!(s.as_wanted());
}

#[test]
fn start_answers_when_it_runs() {
    let d = Daemon::with("x: {cmd: sleep 1000, starttime: 0.5, autostart: false}");
    let text = d.ok("start x");
    has(&text, "x");
    has(&text, "started");
    assert_eq!(d.state("x"), "RUNNING");
}

#[test]
fn start_answers_when_it_failed() {
    let d = Daemon::with("x: {cmd: /nonexistent/program, startretries: 1, autostart: false}");
    let reply = d.text("start x");
    assert!(!reply.ok(), "{reply:?}");
    has(&reply.all(), "no such file or directory");
}

#[test]
fn startretries_counts_the_tries_after_the_first() {
    for retries in [0, 2] {
        let setup = Setup::new();
        let stamp = setup.file("starts");
        let cmd = probe(&format!("stamp={stamp} exit=1"));
        let d = setup.programs(&format!("x: {{cmd: {cmd}, startretries: {retries}, starttime: 5}}")).start();
        let s = d.wait_state("x", "FATAL");
        assert_eq!(s.runs(), retries + 1);
        assert_eq!(stamps(&d.path("starts")).len() as u64, retries + 1);
    }
}

#[test]
fn the_delay_between_tries_grows() {
    let setup = Setup::new();
    let stamp = setup.file("starts");
    let cmd = probe(&format!("born={stamp} exit=1"));
    let programs = format!(
        "x:
  cmd: {cmd}
  startretries: 4
  starttime: 5
  backoff: {{initial: 0.1, factor: 2, max: 0.4, floor: 0}}"
    );
    let d = setup.programs(&programs).start();
    d.wait_state("x", "FATAL");
    let starts = stamps(&d.path("starts"));
    let gaps: Vec<i64> = starts.windows(2).map(|w| (w[1].0 - w[0].0) / 1_000_000).collect();
    assert_eq!(gaps.len(), 4, "{gaps:?}");
    for (gap, least) in gaps.iter().zip([100, 200, 400, 400]) {
        // From birth to birth; the delay itself runs from an end to a birth, and a delay may be spread a little.
        assert!(*gap >= least * 7 / 10, "{gaps:?}");
        assert!(*gap < least + 5000, "{gaps:?}");
    }
}

#[test]
fn backoff_shows_when_the_next_try_is() {
    let d = Daemon::with("x: {cmd: 'false', starttime: 5, backoff: {initial: 60, max: 60}}");
    let s = d.wait_state("x", "BACKOFF");
    let next = s.0["next_try_ms"].as_u64().unwrap();
    assert!((30_000..=75_000).contains(&next), "{next}");
    has(s.why(), "exited too quickly (exit status 1)");
    let line = d.ok("status x");
    has(&line, "BACKOFF");
    has(&line, "exited too quickly (exit status 1)");
    has(&line, "next try");
}

#[test]
fn unlimited_retries_never_give_up() {
    let d = Daemon::with(
        "x: {cmd: 'false', startretries: unlimited, starttime: 5, backoff: {initial: 0.01, max: 0.01, floor: 0}}",
    );
    wait_until("many tries", || d.status("x").runs() > 12);
    assert_ne!(d.state("x"), "FATAL");
    d.ok("stop x");
}

#[test]
fn a_process_gets_exactly_its_arguments() {
    let d = Daemon::with(
        r#"words: {cmd: "sleep '1000' 2\"\"000"}
list: {cmd: [sleep, "1000", "3000"]}
args: {cmd: sleep, args: ["1000", "4000"]}
shell: {cmd: 'exec sleep $((1000 + 1))', shell: true}
vars: {cmd: 'sleep ${FOO} $${x}', env: {FOO: "1000"}, autostart: false}"#,
    );
    for (name, want) in [
        ("words", vec!["sleep", "1000", "2000"]),
        ("list", vec!["sleep", "1000", "3000"]),
        ("args", vec!["sleep", "1000", "4000"]),
        ("shell", vec!["sleep", "1001"]),
    ] {
        let pid = d.wait_state(name, "RUNNING").pid().unwrap();
        wait_words(pid, &want);
    }
}

#[test]
fn variables_and_numbers_are_filled_in() {
    let setup = Setup::new();
    let out = setup.file("args-");
    let d = setup
        .programs(&format!(
            "w:
  cmd: [sh, -c, 'echo \"$0 $1 $2 $3\" > {out}$1; exec sleep 1000', '${{program}}', '${{num}}', '%(process_num)02d', '${{FOO}} $$']
  numprocs: 2
  env: {{FOO: bar}}"
        ))
        .start();
    d.wait_all("RUNNING");
    for n in 0..2 {
        let text = wait_for("arguments", || {
            fs::read_to_string(d.path(&format!("args-{n}"))).ok().filter(|t| t.ends_with('\n'))
        });
        assert_eq!(text, format!("w {n} 0{n} bar $\n"));
    }
}

#[test]
fn a_process_gets_exactly_its_environment() {
    let d = Setup::new()
        .programs("x: {cmd: sleep 1000, env: {FOO: 'a b=c', EMPTY: '', N: 12}, env_pass: [PASSED, NOT_THERE]}")
        .env("SECRET", "do not tell")
        .env("PASSED", "on")
        .env("TZ", "UTC")
        .env("LANG", "C.UTF-8")
        .start();
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    let env = environ(pid);
    assert_eq!(env["FOO"], "a b=c");
    assert_eq!(env["EMPTY"], "");
    assert_eq!(env["N"], "12");
    assert_eq!(env["PASSED"], "on");
    assert_eq!(env["TZ"], "UTC");
    assert_eq!(env["LANG"], "C.UTF-8");
    let names: BTreeSet<&str> = env.keys().map(String::as_str).collect();
    assert!(!names.contains("SECRET"), "{names:?}");
    for name in names {
        let allowed = ["FOO", "EMPTY", "N", "PASSED", "TZ", "LANG", "PATH"].contains(&name);
        assert!(allowed, "{name} is passed on");
    }
}

#[test]
fn a_process_gets_its_directory_and_umask() {
    let setup = Setup::new();
    fs::create_dir(setup.path("here")).unwrap();
    let here = setup.file("here");
    let d = setup
        .programs(&format!(
            "a: {{cmd: sleep 1000, workingdir: {here}, umask: 077}}
b: {{cmd: sleep 1000, umask: \"022\"}}
c: {{cmd: sleep 1000, umask: 0o027}}
d: {{cmd: sleep 1000, umask: 044}}"
        ))
        .start();
    for (name, umask) in [("a", "0077"), ("b", "0022"), ("c", "0027"), ("d", "0044")] {
        let pid = d.wait_state(name, "RUNNING").pid().unwrap();
        assert_eq!(status_field(pid, "Umask"), umask, "{name}");
    }
    let cwd = |name: &str| fs::read_link(format!("/proc/{}/cwd", d.pid_of(name))).unwrap();
    assert_eq!(cwd("a"), d.path("here").canonicalize().unwrap());
    assert_eq!(cwd("b"), d.path("").canonicalize().unwrap(), "in the foreground: the daemon's");
}

#[test]
fn a_process_has_three_fds_whatever_the_daemon_inherited() {
    let d = Setup::new()
        .programs(
            "auto: {cmd: sleep 1000}
none: {cmd: sleep 1000, stdout: none, stderr: none}
merged: {cmd: sleep 1000, stderr: stdout}
many: {cmd: sleep 1000, numprocs: 20}",
        )
        .wrap(&[
            "sh",
            "-c",
            "for n in 3 4 5 6 7 8 9; do eval \"exec $n</dev/null\"; done; exec \"$@\"",
            "sh",
            "bash",
            "-c",
            "for n in {10..60}; do eval \"exec $n</\"; done; exec \"$@\"",
            "bash",
        ])
        .start();
    for s in d.wait_all("RUNNING") {
        let open = wait_fds(s.pid().unwrap(), &[0, 1, 2]);
        assert_eq!(open[&0], "/dev/null", "{open:?}");
    }
    let open = fds(d.pid_of("none"));
    assert_eq!((open[&1].as_str(), open[&2].as_str()), ("/dev/null", "/dev/null"));
    let open = fds(d.pid_of("merged"));
    assert_eq!(open[&1], open[&2]);
    let open = fds(d.pid_of("auto"));
    assert_ne!(open[&1], open[&2]);
    assert!(open[&1].starts_with("pipe:"), "{open:?}");
}

#[test]
fn a_process_has_clean_signals_its_own_session_and_group() {
    // The daemon itself is started with signals blocked and ignored.
    let d = Setup::new()
        .programs("x: {cmd: sleep 1000}")
        .wrap(&["env", "--ignore-signal=PIPE,XFSZ,HUP,USR1", "--block-signal=USR2,ALRM,RTMIN"])
        .start();
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    for key in ["SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"] {
        assert_eq!(status_field(pid, key).trim_start_matches('0'), "", "{key}");
    }
    let stat = stat(pid).unwrap();
    assert_eq!(stat[2], pid.to_string(), "process group");
    assert_eq!(stat[3], pid.to_string(), "session");
    assert_eq!(stat[4], "0", "controlling terminal");
}

#[test]
fn every_exit_code_is_reported_exactly() {
    let programs: String = (0..=255)
        .map(|code| format!("c{code}: {{cmd: [sh, -c, 'exit {code}'], starttime: 0, autorestart: never, stdout: none, stderr: none}}\n"))
        .collect();
    let d = Daemon::with(&programs);
    let all = d.wait_all("EXITED");
    assert_eq!(all.len(), 256);
    for s in all {
        assert_eq!(s.last_exit(), format!("exit status {}", &s.name()[1..]));
        assert_eq!(s.as_wanted(), s.name() == "c0", "{s:?}");
    }
}

/// The signals whose default disposition ends a process, with whether it also dumps core.
fn deadly() -> Vec<(i32, String, bool)> {
    let mut list = Vec::new();
    for n in (1..=31).chain(34..=64) {
        let not = [
            libc::SIGCHLD,
            libc::SIGCONT,
            libc::SIGSTOP,
            libc::SIGTSTP,
            libc::SIGTTIN,
            libc::SIGTTOU,
            libc::SIGURG,
            libc::SIGWINCH,
        ];
        if not.contains(&n) {
            continue;
        }
        let name = match n {
            1..=31 => Signal::try_from(n).unwrap().as_str().to_owned(),
            34 => "SIGRTMIN".to_owned(),
            _ => format!("SIGRTMIN+{}", n - 34),
        };
        let core = [
            libc::SIGQUIT,
            libc::SIGILL,
            libc::SIGTRAP,
            libc::SIGABRT,
            libc::SIGBUS,
            libc::SIGFPE,
            libc::SIGSEGV,
            libc::SIGXCPU,
            libc::SIGXFSZ,
            libc::SIGSYS,
        ];
        list.push((n, name, core.contains(&n)));
    }
    list
}

#[test]
fn a_death_by_a_signal_of_the_c_library_is_seen() {
    // 32 and 33 have no name, but a shell sends them.
    let d = Daemon::with(
        "a: {cmd: 'sh -c \"kill -32 $$$$\"', starttime: 0, autorestart: never}\nb: {cmd: 'sh -c \"kill -33 $$$$\"', starttime: 0, autorestart: never}",
    );
    d.wait_all("EXITED");
    assert_eq!(d.status("a").last_exit(), "killed by signal 32");
    assert_eq!(d.status("b").last_exit(), "killed by signal 33");
}

#[test]
fn every_deadly_signal_is_reported_by_name() {
    let programs: String = deadly()
        .iter()
        .map(|(n, _, _)| {
            format!(
                "s{n}: {{cmd: {}, starttime: 0, autorestart: never, stdout: none, stderr: none}}\n",
                probe(&format!("core=0 die={n}"))
            )
        })
        .collect();
    let d = Daemon::with(&programs);
    d.wait_all("EXITED");
    for (n, name, _) in deadly() {
        let s = d.status(&format!("s{n}"));
        assert_eq!(s.last_exit(), format!("killed by {name}"));
        assert!(!s.as_wanted());
    }
}

#[test]
fn a_core_dump_is_told() {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let (_, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_CORE).unwrap();
    if hard == 0 || pattern.starts_with('|') || pattern.contains('/') {
        return skip(&test_name!(), "the machine's core limit or core_pattern does not allow core files here");
    }
    let setup = Setup::new();
    // A directory each: two dumps into the same file at once get in each other's way.
    let (a, b) = (setup.file("a"), setup.file("b"));
    [&a, &b].into_iter().for_each(|dir| fs::create_dir(dir).unwrap());
    let cmd = probe("core=1 die=11");
    let d = setup
        .programs(&format!(
            "x: {{cmd: {cmd}, starttime: 0, autorestart: never, workingdir: {a}}}
y: {{cmd: {cmd}, startretries: 0, starttime: 5, workingdir: {b}}}"
        ))
        .start();
    assert_eq!(d.wait_state("x", "EXITED").last_exit(), "killed by SIGSEGV (core dumped)");
    has(d.wait_state("y", "FATAL").why(), "killed by SIGSEGV (core dumped)");
}

#[test]
fn thousands_of_short_lives_are_all_seen() {
    // An exit may come before the daemon has registered the process. Each run ends at once and is started again.
    let d = Daemon::with(
        "x: {cmd: /bin/true, numprocs: 4, starttime: 0, autorestart: always, stdout: none, stderr: none, backoff: {initial: 0.001, max: 0.001, floor: 0}}",
    );
    wait_up_to(3 * DEADLINE, "2000 runs", || (d.all().iter().map(Status::runs).sum::<u64>() >= 2000).then_some(()));
    d.ok("stop all");
    d.wait_all("STOPPED");
}

#[test]
fn oneshot_runs_to_its_end() {
    let d = Daemon::with(
        "good: {cmd: 'true', oneshot: true, starttime: 60}
bad: {cmd: 'false', oneshot: true, starttime: 60, startretries: 0}",
    );
    let good = d.wait_state("good", "EXITED");
    assert!(good.as_wanted(), "{good:?}");
    wait_until("bad is not as wanted", || {
        let s = d.status("bad");
        ["EXITED", "FATAL"].contains(&s.state()) && !s.as_wanted()
    });
}

#[test]
fn the_status_line_reads_as_in_supervisorctl() {
    let d = Daemon::with("web: {cmd: sleep 1000}\noff: {cmd: sleep 1000, autostart: false}");
    let pid = d.wait_state("web", "RUNNING").pid().unwrap();
    let text = d.ok("status");
    let line = text.lines().find(|l| l.starts_with("web ")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[1], "RUNNING");
    has(line, &format!("pid {pid}, uptime 0:00:0"));
    assert!(text.lines().any(|l| l.starts_with("off ") && l.contains("STOPPED")), "{text}");
}
