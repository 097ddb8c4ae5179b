//! Where the configuration is looked for, what is said about a bad one, and the flags of taskmasterd.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::process::{Command, Output};

use nix::sys::signal::Signal;
use support::*;

/// The exit code for a configuration that cannot be used.
const BAD_CONFIG: i32 = 3;
const USAGE: i32 = 2;

/// `taskmasterd -t` over this text.
fn check(text: &str) -> Output {
    let setup = Setup::new();
    fs::write(setup.path("c.yaml"), text).unwrap();
    run_to_end(Command::new(TASKMASTERD).arg("-t").arg("-c").arg(setup.path("c.yaml")))
}

#[track_caller]
fn good(text: &str) -> String {
    let out = check(text);
    assert!(out.status.success(), "{text}\n{}", said(&out));
    said(&out)
}

/// The complaint about this text: names the file.
#[track_caller]
fn bad(text: &str) -> String {
    let out = check(text);
    assert_eq!(out.status.code(), Some(BAD_CONFIG), "{text}\n{}", said(&out));
    let complaint = said(&out);
    has(&complaint, "c.yaml");
    complaint
}

#[test]
fn good_files_pass() {
    good("programs: {}");
    good("programs: {a: {cmd: sleep 1}}");
    good("services: {a: {command: sleep 1, startsecs: 1, stopwaitsecs: 2, directory: /}}");
    good("processes: {a: {cmd: sleep 1}}");
    good("{\"services\": {\"a\": {\"cmd\": \"sleep 1\", \"numprocs\": 2}}}");
    good("defaults: {numprocs: 2}\nprograms: {a: {cmd: sleep 1}}");
    good(
        "programs: {a: {cmd: sleep 1, umask: 022, stdout: null, stderr: stdout, stopsignal: SIGUSR1, autorestart: on-failure:5, startretries: unlimited}}",
    );
}

#[test]
fn every_error_is_told_at_once_with_its_line() {
    let text = "programs:
  a:
    cmd: sleep 1
    numprocs: 0
  b:
    stoptime: soon
  c:
    cmd: sleep 1
    autorestart: sometimes
    exitcodes: [0, 256]
    stopsignl: TERM
";
    let complaint = bad(text);
    for (line, part) in [(4, "numprocs"), (6, "stoptime"), (9, "autorestart"), (10, "exitcodes"), (11, "stopsignl")] {
        let told =
            complaint.lines().find(|l| l.contains(part)).unwrap_or_else(|| panic!("{part} is not told:\n{complaint}"));
        has(told, &format!("c.yaml:{line}"));
    }
    has(&complaint, "programs.b");
    has(&complaint, "cmd");
    has(&complaint, "stopsignal");
}

#[test]
fn each_kind_of_error_is_found() {
    for (text, part) in [
        ("programs: {a: {cmd: sleep 1}}\nprogams: {}", "programs"),
        ("programs: {a: {cmd: sleep 1}, a: {cmd: sleep 2}}", "a"),
        ("programs: {a: {cmd: sleep 1, cmd: sleep 2}}", "cmd"),
        ("programs: {a: {cmd: sleep 1}}\nservices: {b: {cmd: sleep 1}}", "services"),
        ("programs: {a: {cmd: sleep 1, numprocs: 10001}}", "numprocs"),
        ("programs: {a: {cmd: sleep 1, numprocs: many}}", "numprocs"),
        ("programs: {a: {cmd: \"sleep 'open\"}}", "cmd"),
        ("programs: {a: {cmd: ''}}", "cmd"),
        ("programs: {a: {cmd: sleep 1, umask: 888}}", "umask"),
        ("programs: {a: {cmd: sleep 1, stopsignal: KILLL}}", "KILL"),
        ("programs: {a: {cmd: sleep 1, env: [a, b]}}", "env"),
        ("programs: {a: {cmd: sleep 1, stdout_logfile_maxbytes: lots}}", "stdout_logfile_maxbytes"),
        ("programs: {a: {cmd: 'sleep ${NOT_SET}'}}", "NOT_SET"),
        ("programs: {all: {cmd: sleep 1}}", "all"),
        ("programs: {'a/b': {cmd: sleep 1}}", "a/b"),
        ("programs: {a: sleep}", "a"),
        ("programs: [", "c.yaml"),
        ("programs: {a: {cmd: sleep 1, starttime: -1}}", "starttime"),
        ("programs: {a: {cmd: sleep 1, backoff: {factor: 0.5}}}", "factor"),
        ("taskmasterd: {loglevel: loud}", "loglevel"),
        ("taskmasterd: {socket: {path: /tmp/x, mode: 999}}", "mode"),
        ("taskmasterd: {logfle: x}", "logfile"),
    ] {
        has(&bad(text), part);
    }
}

#[test]
fn a_colour_code_in_a_name_does_not_reach_the_terminal() {
    assert!(!bad("programs: {\"\\e[31mx\": {cmd: sleep 1}}").contains('\u{1b}'));
}

#[test]
fn bombs_are_refused_quickly() {
    let begin = std::time::Instant::now();
    let mut aliases = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (i, c) in ('b'..='i').enumerate() {
        let last = char::from(b'a' + u8::try_from(i).unwrap());
        aliases +=
            &format!("{c}: &{c} [*{last}, *{last}, *{last}, *{last}, *{last}, *{last}, *{last}, *{last}, *{last}]\n");
    }
    bad(&aliases);
    bad(&format!("programs: {}", "[".repeat(100_000)));
    bad(&format!("programs: {{a: {{cmd: sleep 1}}}} # {}", "x".repeat(20 << 20)));
    assert!(begin.elapsed() < std::time::Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn a_file_that_is_not_there() {
    let out = run_to_end(Command::new(TASKMASTERD).args(["-t", "-c", "/nonexistent/c.yaml"]));
    assert_eq!(out.status.code(), Some(BAD_CONFIG), "{}", said(&out));
    has(&said(&out), "/nonexistent/c.yaml");
    has(&said(&out).to_lowercase(), "no such file or directory");
}

#[test]
fn a_daemon_with_a_bad_file_does_not_start() {
    let setup = Setup::new().programs("a: {cmd: sleep 1, nmprocs: 2}");
    let out = setup.run();
    assert_eq!(out.status.code(), Some(BAD_CONFIG), "{}", said(&out));
    has(&said(&out), "numprocs");
    assert!(!setup.path("ctl").exists());
}

/// Which of several files `-t` looked at: each has an error of its own.
fn found(command: &mut Command) -> String {
    let out = said(&run_to_end(command.arg("-t")));
    let marks = ["from_option", "from_env", "from_place", "from_etc", "from_configs"];
    marks.iter().filter(|m| out.contains(**m)).copied().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_search_order() {
    let setup = Setup::new();
    let put = |name: &str, mark: &str| {
        fs::create_dir_all(setup.path(name).parent().unwrap()).unwrap();
        fs::write(setup.path(name), format!("{mark}: 1\n")).unwrap();
    };
    put("option.yaml", "from_option");
    put("env.yaml", "from_env");
    put("taskmasterd.yaml", "from_place");
    put("etc/taskmasterd.yaml", "from_etc");
    put("configs/a.yaml", "from_configs");
    // A copy, so that nothing lies beside the binary or in ../etc.
    fs::create_dir_all(setup.path("deep/bin")).unwrap();
    copy_program(TASKMASTERD, setup.path("deep/bin/taskmasterd"));
    let command = || {
        let mut c = Command::new(setup.path("deep/bin/taskmasterd"));
        c.current_dir(setup.path("")).env_remove("CONFIG_PATH");
        c
    };
    let env = setup.file("env.yaml");
    assert_eq!(found(command().env("CONFIG_PATH", &env).args(["-c", "option.yaml"])), "from_option");
    assert_eq!(found(command().env("CONFIG_PATH", &env).arg("option.yaml")), "from_option", "positional");
    assert_eq!(found(command().env("CONFIG_PATH", &env).arg("configs")), "from_configs", "a directory");
    assert_eq!(found(command().env("CONFIG_PATH", &env)), "from_env");
    assert_eq!(found(&mut command()), "from_place");
    fs::remove_file(setup.path("taskmasterd.yaml")).unwrap();
    assert_eq!(found(&mut command()), "from_etc");
    fs::remove_file(setup.path("etc/taskmasterd.yaml")).unwrap();
    assert_eq!(found(&mut command()), "from_configs");
}

#[test]
fn a_directory_means_all_files_in_it() {
    let setup = Setup::new();
    fs::create_dir(setup.path("conf")).unwrap();
    let base = setup.config();
    fs::write(setup.path("conf/00-daemon.yaml"), base.replace("programs: {}\n", "")).unwrap();
    fs::write(setup.path("conf/10-a.yml"), "programs: {a: {cmd: sleep 1000}}").unwrap();
    fs::write(setup.path("conf/20-b.json"), "{\"programs\": {\"b\": {\"cmd\": \"sleep 1000\"}}}").unwrap();
    fs::write(setup.path("conf/notes.txt"), "not: [yaml").unwrap();
    let mut command = Command::new(TASKMASTERD);
    command.arg(setup.path("conf")).current_dir(setup.path(""));
    let d = setup.start_as(&mut command);
    d.wait_state("a", "RUNNING");
    d.wait_state("b", "RUNNING");
}

#[test]
fn json_with_services() {
    let setup = Setup::new();
    let ctl = setup.file("ctl");
    let log = setup.file("log");
    let logs = setup.file("logs");
    let text = format!(
        "{{\"taskmasterd\": {{\"socket\": {{\"path\": \"{ctl}\"}}, \"logfile\": \"{log}\", \"childlogdir\": \"{logs}\"}}, \"services\": {{\"a\": {{\"cmd\": \"sleep 1000\", \"starttime\": 0}}}}}}"
    );
    fs::write(setup.path("c.json"), text).unwrap();
    let mut command = Command::new(TASKMASTERD);
    command.arg("-c").arg(setup.path("c.json"));
    let d = setup.start_as(&mut command);
    d.wait_state("a", "RUNNING");
}

#[test]
fn flags_win_over_keys() {
    let setup = Setup::new();
    fs::create_dir(setup.path("other")).unwrap();
    let (log, dir) = (setup.file("other.log"), setup.file("other"));
    let d = setup
        .programs("a: {cmd: [sh, -c, 'echo out; exec sleep 1000']}")
        .args(&["-l", &log, "-e", "debug", "-q", &dir])
        .start();
    wait_until("the program's log", || fs::read(d.path("other/a-stdout.log")).is_ok_and(|b| b == b"out\n"));
    assert!(!fs::read_to_string(d.path("other.log")).unwrap().is_empty());
    assert!(!d.path("taskmasterd.log").exists());
    assert_eq!(fs::read_dir(d.path("logs")).unwrap().count(), 0);
}

#[test]
fn version_and_help() {
    for program in [TASKMASTERD, TASKMASTERCTL] {
        for flag in ["-v", "--version"] {
            let out = run_to_end(Command::new(program).arg(flag));
            assert!(out.status.success(), "{program} {flag}");
            has(&stdout(&out), env!("CARGO_PKG_VERSION"));
        }
        for flag in ["-h", "--help"] {
            let out = run_to_end(Command::new(program).arg(flag));
            assert!(out.status.success(), "{program} {flag}");
            has(&stdout(&out), "--help");
        }
    }
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    for (program, args) in [(TASKMASTERD, ["--nosuchflag"]), (TASKMASTERCTL, ["--nosuchflag"])] {
        let out = run_to_end(Command::new(program).args(args));
        assert_eq!(out.status.code(), Some(USAGE), "{program}: {}", said(&out));
        has(&said(&out), "nosuchflag");
    }
    let out = run_to_end(Command::new(TASKMASTERD).args(["-e", "loud", "-t"]));
    assert_eq!(out.status.code(), Some(USAGE), "{}", said(&out));
}

/// A daemon in the background, which no fixture holds: found by its pid file, ended when dropped.
struct Background {
    setup: Setup,
    pid: u32,
    strays: Strays,
}

impl Background {
    /// `-d` with these further arguments, in the directory of the setup.
    #[track_caller]
    fn start(setup: Setup, args: &[&str]) -> Background {
        let out = run_to_end(Command::new(TASKMASTERD).arg("-d").args(args).current_dir(setup.path("")));
        assert!(out.status.success(), "{}", said(&out));
        let read = || fs::read_to_string(setup.path("pid")).ok()?.trim().parse::<u32>().ok();
        let pid = read().expect("a pid file as soon as the command is back");
        let strays = Strays([vec![Proc::of(pid).unwrap()], descendants(pid)].concat());
        Background { setup, pid, strays }
    }

    fn ask(&self, words: &[&str]) -> Output {
        run_to_end(Command::new(TASKMASTERCTL).arg("-s").arg(self.setup.path("ctl")).args(words))
    }
}

#[test]
fn daemonize_answers_when_it_is_up() {
    let setup = Setup::new().programs("a: {cmd: sleep 1000}");
    fs::write(setup.config_file(), setup.config()).unwrap();
    let config = setup.file("taskmasterd.yaml");
    let d = Background::start(setup, &["-c", &config]);
    let own = support::stat(std::process::id()).unwrap();
    assert_ne!(stat(d.pid).unwrap()[3], own[3], "a session of its own");
    for fd in 0..3 {
        assert!(!fds(d.pid)[&fd].starts_with("pipe:"), "it lets go of its parent's output: {:?}", fds(d.pid));
    }
    wait_until("it runs", || stdout(&d.ask(&["status", "a"])).contains("RUNNING"));
    let child = children(d.pid)[0].0;
    assert_eq!(fs::read_link(format!("/proc/{child}/cwd")).unwrap().to_str(), Some("/"), "for a daemon: /");
    d.ask(&["shutdown"]);
    wait_until("it is gone", || d.strays.alive() == 0 && !alive(child));
    assert!(!d.setup.path("pid").exists() && !d.setup.path("ctl").exists());
}

#[test]
fn daemonize_means_relative_paths_as_they_were_given() {
    let setup = Setup::new()
        .keys("socket: {path: ctl}\npidfile: pid\nlogfile: own.log\nchildlogdir: logs\nlogfile_maxbytes: 1500\nlogfile_backups: 1")
        .programs("a: {cmd: [sh, -c, 'echo text; exec sleep 1000'], starttime: 0}");
    fs::write(setup.config_file(), setup.config()).unwrap();
    let d = Background::start(setup, &["-c", "taskmasterd.yaml"]);
    wait_until("it runs", || stdout(&d.ask(&["status", "a"])).contains("RUNNING"));
    let out = d.ask(&["reload"]);
    assert!(out.status.success(), "{}", said(&out));
    wait_until("its log in the directory where it was started", || {
        fs::read(d.setup.path("logs/a-stdout.log")).is_ok_and(|b| b.starts_with(b"text\n"))
    });
    wait_until("a rotated log there", || {
        d.ask(&["restart", "a"]);
        d.setup.path("own.log.1").exists()
    });
    d.ask(&["shutdown"]);
    wait_until("it is gone", || d.strays.alive() == 0);
    assert!(!d.setup.path("pid").exists() && !d.setup.path("ctl").exists(), "both are removed");
}

#[test]
fn daemonize_reports_a_failure_before_it_leaves() {
    let setup = Setup::new().programs("a: {cmd: sleep 1000, nmprocs: 1}");
    fs::write(setup.config_file(), setup.config()).unwrap();
    let out = run_to_end(Command::new(TASKMASTERD).arg("-d").arg("-c").arg(setup.config_file()));
    assert_eq!(out.status.code(), Some(BAD_CONFIG));
    has(&said(&out), "numprocs");
}

#[test]
fn the_default_socket_is_in_a_private_place() {
    let setup = Setup::new();
    fs::create_dir(setup.path("run")).unwrap();
    let mut command = setup.command();
    fs::write(setup.config_file(), "taskmasterd: {logfile: '-'}\nprograms: {}\n").unwrap();
    if nix::unistd::geteuid().is_root() {
        // The real place belongs to the machine; only say what it is.
        let out = run_to_end(Command::new(TASKMASTERCTL).arg("status").env("XDG_RUNTIME_DIR", setup.path("run")));
        if out.status.code() == Some(4) {
            has(&said(&out), "/run/taskmaster/control.sock");
        }
        return;
    }
    command.env("XDG_RUNTIME_DIR", setup.path("run"));
    let mut child = Held(command.spawn().unwrap());
    let socket = setup.path("run/taskmaster.sock");
    wait_until("the socket", || socket.exists());
    kill(child.id(), Signal::SIGTERM);
    child.wait().unwrap();
}

#[test]
fn a_start_that_fails_leaves_no_socket_behind() {
    let group = Setup::new();
    let group = group.keys("socket: {path: ctl, group: no-such-group}");
    let pidfile = Setup::new().keys("pidfile: /no/such/directory/pid");
    for setup in [group, pidfile] {
        let out = setup.run();
        assert_eq!(out.status.code(), Some(1), "{}", said(&out));
        assert!(!setup.path("ctl").exists(), "{}", said(&out));
    }
}
