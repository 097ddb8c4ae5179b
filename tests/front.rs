//! The three ways to run `taskmasterd` beside the plain foreground: in the background, with the shell attached, with
//! its log in syslog.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use nix::sys::signal::Signal;
use support::*;

/// Keys with relative paths: they mean the directory that the daemon was started in.
const RELATIVE: &str = "socket: {path: ctl}\nlogfile: taskmasterd.log\nchildlogdir: logs\npidfile: pid";

/// A daemon in the background, by its pid file. Killed with its processes if the test fails.
struct Background(Proc);

impl Drop for Background {
    fn drop(&mut self) {
        let all = [vec![self.0], descendants(self.0.pid)].concat();
        all.iter().for_each(|p| p.kill(Signal::SIGKILL));
    }
}

/// Writes the configuration and gives the command `taskmasterd MODE -c taskmasterd.yaml`, run in its directory.
fn in_its_directory(setup: &Setup, mode: &str) -> Command {
    fs::write(setup.config_file(), setup.config()).unwrap();
    let mut command = Command::new(TASKMASTERD);
    command.args([mode, "-c", "taskmasterd.yaml"]).current_dir(setup.path(""));
    command
}

fn ctl(setup: &Setup, words: &[&str]) -> String {
    let out = run_to_end(Command::new(TASKMASTERCTL).arg("-s").arg(setup.path("ctl")).args(words));
    assert!(out.status.success(), "{words:?}: {}", said(&out));
    stdout(&out)
}

#[test]
fn in_the_background_it_is_ready_when_the_command_returns() {
    let setup = Setup::new().keys(RELATIVE).programs("x: {cmd: sh -c 'echo hello; exec sleep 1000'}");
    let begun = run_to_end(&mut in_its_directory(&setup, "-d"));
    // At once, with no waiting: that is what the return is to mean.
    let pid: u32 = fs::read_to_string(setup.path("pid")).unwrap().trim().parse().unwrap();
    let daemon = Background(Proc::of(pid).unwrap());
    assert_eq!(ctl(&setup, &["pid"]).trim(), pid.to_string());
    assert!(begun.status.success(), "{}", said(&begun));
    assert_eq!(said(&begun), "");
    // A session of its own, no terminal, no standard files of whoever started it, but the directory.
    let stat = stat(pid).unwrap();
    assert_eq!((stat[2].as_str(), stat[3].as_str(), stat[4].as_str()), (&*pid.to_string(), &*pid.to_string(), "0"));
    assert!((0..3).all(|fd| fds(pid)[&fd] == "/dev/null"), "{:?}", fds(pid));
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), setup.path("").canonicalize().unwrap());
    let log = || fs::read_to_string(setup.path("logs/x-stdout.log")).unwrap_or_default();
    wait_until("the output of x", || log() == "hello\n");
    // Paths still mean the same when the file is read again.
    has(&ctl(&setup, &["reload"]), "unchanged 1");
    ctl(&setup, &["shutdown"]);
    wait_until("the daemon is gone", || !daemon.0.alive());
    let left = |name: &str| setup.path(name).exists();
    assert!(!left("pid") && !left("ctl"), "pid file {}, socket {}", left("pid"), left("ctl"));
}

#[test]
fn what_keeps_it_from_the_background_is_told_where_it_was_started() {
    let d = Daemon::with("x: {cmd: sleep 1000}");
    let out = run_to_end(Command::new(TASKMASTERD).arg("-d").arg("-c").arg(d.setup.config_file()));
    assert_eq!(out.status.code(), Some(1));
    has(&said(&out), d.socket.to_str().unwrap());
    assert_eq!(fs::read_to_string(d.path("pid")).unwrap().trim(), d.pid.to_string());
}

#[test]
fn with_the_shell_attached_the_daemon_lives_as_long_as_the_shell() {
    needs!("setsid");
    let setup = Setup::new().keys(RELATIVE).programs("x: {cmd: sleep 1000, starttime: 0}");
    let mut shell = Terminal::run(&mut in_its_directory(&setup, "-i"));
    shell.line("start x");
    // Answered when it runs.
    shell.expect("x: ");
    shell.line("status");
    shell.expect("RUNNING");
    shell.expect("taskmaster> ");
    shell.keys("\x03");
    shell.line("pid x");
    shell.line("stop x");
    shell.expect("x: stopped");
    shell.line("status");
    shell.expect("STOPPED");
    shell.line("exit");
    assert_eq!(shell.end(), 0);
    let log = fs::read_to_string(setup.path("taskmasterd.log")).unwrap();
    assert!(!log.contains("SIGINT received"), "{log}");
    has(&log, "everything is stopped, leaving");
    let left = |name: &str| setup.path(name).exists();
    assert!(!left("pid") && !left("ctl"), "pid file {}, socket {}", left("pid"), left("ctl"));
}

/// The three processes of `taskmasterd -i`: the one that waits is on the terminal, the client is beside it, and the daemon
/// in a session of its own.
struct Attached {
    shell: Terminal,
    waits: Proc,
    client: Proc,
    daemon: Proc,
}

impl Attached {
    fn start(setup: &Setup) -> Attached {
        // Whatever this test run was begun with: a shell gives its background jobs some signals ignored.
        let plain = in_its_directory(setup, "-i");
        let mut shell = Terminal::run(
            Command::new("env")
                .arg("--default-signal=INT,QUIT")
                .arg(plain.get_program())
                .args(plain.get_args())
                .current_dir(setup.path("")),
        );
        // With the prompt the client is there.
        shell.line("version");
        let waits = Proc::of(shell.pid()).unwrap();
        let daemon: u32 = fs::read_to_string(setup.path("pid")).unwrap().trim().parse().unwrap();
        let others: Vec<u32> =
            children(waits.pid).into_iter().map(|(pid, _)| pid).filter(|pid| *pid != daemon).collect();
        let [client] = others[..] else { panic!("{others:?}") };
        Attached { shell, waits, client: Proc::of(client).unwrap(), daemon: Proc::of(daemon).unwrap() }
    }

    fn wait_gone(&self) {
        wait_until("all three are gone", || ![self.waits, self.client, self.daemon].iter().any(|p| p.alive()));
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        [vec![self.waits, self.client, self.daemon], descendants(self.daemon.pid)].concat().iter().for_each(|p| {
            p.kill(Signal::SIGKILL);
        });
    }
}

#[test]
fn the_shell_is_the_client_and_none_of_the_programs() {
    needs!("setsid");
    let setup = Setup::new().keys(RELATIVE).programs("x: {cmd: sleep 1000, starttime: 0}");
    let mut a = Attached::start(&setup);
    let exe = |p: Proc| fs::read_link(format!("/proc/{}/exe", p.pid)).unwrap().canonicalize().unwrap();
    assert_eq!(exe(a.client), std::path::Path::new(TASKMASTERCTL).canonicalize().unwrap());
    let field = |p: Proc, at: usize| stat(p.pid).unwrap()[at].clone();
    // Process group and session of the one that waits; the daemon has its own.
    assert_eq!((field(a.client, 2), field(a.client, 3)), (field(a.waits, 2), field(a.waits, 3)));
    assert_eq!(field(a.daemon, 3), a.daemon.pid.to_string());
    // Neither the daemon's signals nor what the one that waits ignores.
    let mask = |key: &str| u64::from_str_radix(&status_field(a.client.pid, key), 16).unwrap();
    let of_keys = 1 << (Signal::SIGINT as u32 - 1) | 1 << (Signal::SIGQUIT as u32 - 1);
    // The client holds SIGINT back itself, while a command is under way.
    assert_eq!((mask("SigBlk") & !of_keys, mask("SigIgn") & of_keys), (0, 0));
    // Keys that send signals send them to the whole group; the one that waits must not mind.
    a.waits.kill(Signal::SIGINT);
    a.waits.kill(Signal::SIGQUIT);
    a.shell.line("start x");
    a.shell.expect("x: ");
    a.shell.line("shutdown");
    a.shell.expect("Shut down");
    assert_eq!(a.shell.end(), 0);
    assert!(!a.shell.seen().contains("the daemon has ended"), "{}", a.shell.seen());
    a.wait_gone();
}

#[test]
fn whichever_of_shell_and_daemon_ends_takes_the_other_along() {
    needs!("setsid");
    let setup = || Setup::new().keys(RELATIVE).programs("x: {cmd: sleep 1000, starttime: 0}");
    let stopped = |setup: &Setup| {
        let log = fs::read_to_string(setup.path("taskmasterd.log")).unwrap();
        has(&log, "everything is stopped, leaving");
    };
    // Somebody else stops the daemon.
    let s = setup();
    let mut a = Attached::start(&s);
    ctl(&s, &["shutdown"]);
    a.shell.expect("the daemon has ended, and the shell with it");
    assert_eq!(a.shell.end(), 0);
    a.wait_gone();
    stopped(&s);
    // The shell is killed.
    let s = setup();
    let mut a = Attached::start(&s);
    a.client.kill(Signal::SIGKILL);
    assert_eq!(a.shell.end(), 128 + 9);
    a.wait_gone();
    stopped(&s);
    // The one that waits is killed.
    let s = setup();
    let a = Attached::start(&s);
    a.waits.kill(Signal::SIGKILL);
    a.wait_gone();
    stopped(&s);
}

#[test]
fn without_a_client_there_is_no_shell_and_nothing_is_begun() {
    let setup = Setup::new().keys(RELATIVE).programs("x: {cmd: sleep 1000}");
    fs::create_dir(setup.path("bin")).unwrap();
    let daemon = setup.path("bin/taskmasterd");
    copy_program(TASKMASTERD, &daemon);
    fs::write(setup.config_file(), setup.config()).unwrap();
    let start = || {
        let mut command = Command::new(&daemon);
        command.args(["-i", "-c", "taskmasterd.yaml"]).current_dir(setup.path("")).env("PATH", "/nonexistent");
        run_to_end(&mut command)
    };
    let out = start();
    assert_eq!(out.status.code(), Some(1));
    has(&said(&out), "-i runs taskmasterctl, which is not in PATH and not in");
    has(&said(&out), "install it beside taskmasterd, or start the daemon without -i");
    assert!(!setup.path("taskmasterd.log").exists());
    // One that cannot be run is found too late: the daemon is stopped again.
    write_program(setup.path("bin/taskmasterctl"), "\x7fELF is not enough");
    let out = start();
    assert_eq!(out.status.code(), Some(1));
    has(&said(&out), "bin/taskmasterctl: exec format error");
    has(&fs::read_to_string(setup.path("taskmasterd.log")).unwrap(), "everything is stopped, leaving");
}

#[test]
fn its_log_can_go_to_syslog() {
    needs!(root);
    needs!("unshare", "mount");
    // A /dev of the daemon's own, in a mount namespace of its own, with nothing in it but a log and a null.
    let setup = Setup::new();
    let dev = setup.file("dev");
    fs::create_dir(&dev).unwrap();
    fs::write(setup.path("dev/null"), "").unwrap();
    let place = setup.path("dev/log");
    let mount = format!("mount --bind /dev/null {dev}/null && mount --rbind {dev} /dev && exec \"$@\"");
    let wrap = ["unshare", "--mount", "sh", "-c", &mount, "sh"];
    if !run_to_end(Command::new("unshare").args(&wrap[1..]).arg("true")).status.success() {
        return skip(&test_name!(), "no mount namespace can be made here");
    }
    let listen = || {
        let socket = UnixDatagram::bind(&place).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket
    };
    let find = |socket: &UnixDatagram, record: &str| {
        let mut buffer = [0; 4096];
        wait_for(record, || {
            let length = match socket.recv(&mut buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return None,
                length => length.unwrap(),
            };
            (String::from_utf8_lossy(&buffer[..length]) == record).then_some(())
        });
    };
    let syslog = listen();
    let d = setup.wrap(&wrap).args(&["-l", "syslog"]).programs("x: {cmd: sleep 1000, autorestart: never}").start();
    let pid = d.wait_state("x", "RUNNING").pid().unwrap();
    // Facility "daemon" (3 * 8) with the severity: 6 for information, 4 for a warning.
    find(&syslog, &format!("<30>taskmasterd[{}]: x: spawned pid={pid}", d.pid));
    kill(pid, Signal::SIGKILL);
    find(&syslog, &format!("<28>taskmasterd[{}]: x: exited: killed by SIGKILL, not expected", d.pid));
    // A syslog daemon that is started anew gets what comes then.
    // Closing it might not end it yet: what another test starts has a copy up to its execve(2).
    syslog.shutdown(std::net::Shutdown::Both).unwrap();
    drop(syslog);
    fs::remove_file(&place).unwrap();
    let syslog = listen();
    d.ok("start x");
    let pid = d.pid_of("x");
    find(&syslog, &format!("<30>taskmasterd[{}]: x: spawned pid={pid}", d.pid));
    assert!(!d.path("taskmasterd.log").exists(), "a file was written although the log goes to syslog");
}
