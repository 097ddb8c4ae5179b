//! `taskmasterctl attach`, at a terminal and without one: what is typed, what is shown, and how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs::File;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
use support::*;

fn attach(d: &Daemon, args: &[&str]) -> Command {
    let mut command = Command::new(TASKMASTERCTL);
    command.arg("-s").arg(&d.socket).arg("attach").args(args);
    command
}

/// The same in a shell, which then says what became of the terminal.
fn and_then_stty(d: &Daemon, args: &str) -> Command {
    let mut command = Command::new("sh");
    let line = format!("{TASKMASTERCTL} -s {} attach {args}; echo \"left with $?\"; stty -a", d.socket.display());
    command.args(["-c", &line]);
    command
}

/// The mode of a terminal that nobody has changed.
#[track_caller]
fn restored(terminal: &mut Terminal, code: i32) {
    terminal.expect(&format!("left with {code}"));
    let modes = terminal.expect(" echok");
    for mode in [" icanon ", "isig ", " echo "] {
        has(&modes, mode);
    }
}

const CTRL_C: &str = "\u{3}";
const LEAVE: &str = "\u{10}\u{11}";

/// Whether a job is what it is to be: before that it is a shell, which holds signals back.
fn runs_sleep(pid: u32) -> bool {
    words(pid).first().is_some_and(|word| word == "sleep")
}

#[test]
fn keys_go_through_and_two_of_them_leave() {
    needs!("bash", "stty");
    let d = Daemon::with("bash: {cmd: bash --norc --noediting -i, tty: true, stopsignal: HUP}");
    d.wait_state("bash", "RUNNING");
    let pid = d.pid_of("bash");
    let mut t = Terminal::run(&mut and_then_stty(&d, "bash"));
    t.expect("bash-");
    t.keys("stty size\r");
    // The size of this one.
    t.expect("40 80\r\n");
    t.keys("echo $((40 + 2))\r");
    t.expect("42\r\n");
    t.keys("sleep 1234\r");
    let job =
        wait_for("the job", || children(pid).iter().find(|job| runs_sleep(job.0)).and_then(|job| Proc::of(job.0)));
    wait_until("it is in the foreground", || stat(pid).is_some_and(|fields| fields[5] != pid.to_string()));
    t.keys(CTRL_C);
    wait_until("the job is gone", || !job.alive());
    // Ctrl-P and another key are the process's.
    t.keys("cat -v\r");
    wait_until("cat runs", || !children(pid).is_empty());
    t.keys("\u{10}x\r\u{4}");
    t.expect("^Px\r\n");
    t.keys(LEAVE);
    t.expect("detached from bash");
    restored(&mut t, 0);
    assert_eq!(t.end(), 0);
    assert_eq!(d.pid_of("bash"), pid);
}

#[test]
fn a_terminal_that_changes_its_size_is_followed() {
    needs!("bash");
    let d = Daemon::with("bash: {cmd: bash --norc --noediting -i, tty: true, stopsignal: HUP}");
    d.wait_state("bash", "RUNNING");
    let mut t = Terminal::wide(100, &mut attach(&d, &["bash"]));
    t.expect("bash-");
    t.keys("stty size\r");
    t.expect("40 100\r\n");
    t.resize(50, 132);
    wait_until("the other is as large", || {
        t.keys("stty size\r");
        t.expect("stty size\r\n");
        t.expect("\r\n").starts_with("50 132")
    });
    t.keys(LEAVE);
    assert_eq!(t.end(), 0);
}

#[test]
fn it_goes_on_through_a_restart_and_ends_with_the_process() {
    needs!("stty");
    let d = Daemon::with(
        "sh: {cmd: \"sh -c 'echo begun; stty size; read line; echo got $line; exit 3'\", tty: true, autorestart: always}",
    );
    d.wait_state("sh", "RUNNING");
    let mut t = Terminal::run(&mut and_then_stty(&d, "sh"));
    t.expect("begun\r\n");
    t.keys("one\r");
    t.expect("got one\r\n");
    // Where in between it is told that it is started again is not fixed.
    t.expect("begun\r\n");
    wait_until("it runs", || d.state("sh") == "RUNNING");
    t.keys("two\r");
    t.expect("got two\r\n");
    t.expect("begun\r\n");
    d.ok("stop sh");
    t.expect("taskmasterctl: sh is STOPPED");
    has(&t.seen(), "taskmasterctl: sh is started again\r\n");
    restored(&mut t, 0);
    assert_eq!(t.end(), 0);
}

#[test]
fn lines_go_to_a_process_with_a_pipe() {
    let d = Daemon::with("sed: {cmd: \"sed -u s/^/got:/\", stdin: pipe}");
    d.wait_state("sed", "RUNNING");
    let mut t = Terminal::run(&mut attach(&d, &["sed"]));
    t.keys("hello\n");
    t.expect("hello\r\ngot:hello\r\n");
    t.keys(CTRL_C);
    assert_eq!(t.end(), 0);
    assert_eq!(d.state("sed"), "RUNNING");
    // From a pipe, and with its end. What is shown fits into a pipe, even with its pages half full: nobody reads it before
    // the end.
    let mut child: Child = attach(&d, &["-n", "0", "sed"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let many: String = (1..=1000).map(|n| format!("line {n}\n")).collect();
    input.write_all(many.as_bytes()).unwrap();
    drop(input);
    wait_until("all is read", || String::from_utf8_lossy(&d.log("logs/sed-stdout.log")).contains("got:line 1000\n"));
    d.ok("stop sed");
    let output = finish(child, "attach");
    let want: String = (1..=1000).map(|n| format!("got:line {n}\n")).collect();
    assert!(stdout(&output) == want, "{} of {} bytes", output.stdout.len(), want.len());
    has(&said(&output), "taskmasterctl: sed is STOPPED");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn several_watch_one() {
    needs!("bash");
    let d = Daemon::with(
        "bash: {cmd: bash --norc --noediting -i, tty: true, stopsignal: HUP}\nplain: {cmd: sh -c 'echo shown; exec sleep 1000'}",
    );
    d.wait_all("RUNNING");
    let mut first = Terminal::run(&mut attach(&d, &["bash"]));
    let mut second = Terminal::run(&mut attach(&d, &["--no-input", "bash"]));
    first.expect("bash-");
    second.expect("bash-");
    first.keys("echo for $((1 + 1))\r");
    first.expect("for 2\r\n");
    second.expect("for 2\r");
    second.keys("exit\n");
    second.keys(CTRL_C);
    assert_eq!(second.end(), 0);
    assert_eq!(d.state("bash"), "RUNNING");
    first.keys(LEAVE);
    assert_eq!(first.end(), 0);
    let mut plain = Terminal::run(&mut attach(&d, &["--no-input", "plain"]));
    plain.expect("shown\r\n");
    plain.keys(CTRL_C);
    assert_eq!(plain.end(), 0);
}

#[test]
fn refusals_say_what_to_do() {
    let d = Daemon::with(
        "plain: {cmd: sleep 1000}\ntwo: {cmd: cat, stdin: pipe, numprocs: 2}\ndown: {cmd: cat, stdin: pipe, autostart: false}",
    );
    d.wait_state("plain", "RUNNING");
    for (args, code, text) in [
        (
            &["plain"][..],
            1,
            "stdin of \"plain\" is not piped: set \"stdin: pipe\" or \"tty: true\"; \"attach --no-input\" only watches",
        ),
        (&["two"], 2, "\"two\" means 2 processes; name one of them"),
        (&["down"], 1, "\"down\" does not run, it is STOPPED"),
        (&["nobody"], 1, "no program or process \"nobody\""),
        (&[], 2, "no NAME given"),
        (&["-n", "x", "plain"], 2, "-n needs a number of lines"),
    ] {
        let output = run_to_end(&mut attach(&d, args));
        has(&said(&output), text);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
    }
    has(&said(&d.ctl(&["help", "attach"])), "Ctrl-P Ctrl-Q leaves");
}

#[test]
fn the_terminal_is_restored_however_it_ends() {
    needs!("stty");
    let mut d = Daemon::with("cat: {cmd: cat, tty: true}");
    d.wait_state("cat", "RUNNING");
    for end in [Some(Signal::SIGTERM), Some(Signal::SIGHUP), None] {
        let mut t = Terminal::run(&mut and_then_stty(&d, "cat"));
        t.keys("typed\r");
        // Shown by the terminal of the process, and by the process.
        t.expect("typed\r\ntyped\r\n");
        match end {
            Some(signal) => {
                let client = wait_for("the client", || children(t.pid()).first().and_then(|(pid, _)| Proc::of(*pid)));
                client.kill(signal);
                restored(&mut t, 1);
            }
            None => {
                d.crash().end();
                restored(&mut t, 4);
            }
        }
        assert_eq!(t.end(), 0);
    }
}

/// The exit code of what runs on a terminal, or the test ends in time.
#[track_caller]
fn ends(mut terminal: Terminal) -> i32 {
    let pid = terminal.pid();
    wait_until("the client's end", || stat(pid).is_none_or(|fields| fields[0] == "Z"));
    terminal.end()
}

/// `attach` with a file to read from.
fn reading(d: &Daemon, name: &str, file: &str) -> Child {
    let mut command = attach(d, &[name]);
    command.stdin(File::open(d.path(file)).unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn keys_that_nobody_reads_do_not_keep_one_from_leaving() {
    needs!("stty");
    let d = Daemon::with("deaf: {cmd: \"sh -c 'stty raw -echo; echo ready; exec sleep 1000'\", tty: true}");
    d.wait_log("logs/deaf-stdout.log", 6);
    let mut t = Terminal::run(&mut attach(&d, &["deaf"]));
    t.expect("ready");
    // More than its terminal holds, and more than is read on for a pipe.
    for _ in 0..100 {
        t.keys(&"x".repeat(2000));
    }
    t.keys(LEAVE);
    t.expect("detached from deaf; it has not read ");
    assert_eq!(ends(t), 0);
}

#[test]
fn what_was_typed_before_leaving_is_written() {
    let d = Daemon::with("sh: {cmd: sh, tty: true, stopsignal: HUP}");
    d.wait_state("sh", "RUNNING");
    for n in 0..20 {
        let mut t = Terminal::run(&mut attach(&d, &["-n", "0", "sh"]));
        t.expect("Ctrl-P Ctrl-Q leaves\r\n");
        t.keys(":");
        t.keys(&format!("; echo {n} >> out\r{LEAVE}"));
        assert_eq!(ends(t), 0);
    }
    let out = || std::fs::read_to_string(d.path("out")).unwrap_or_default();
    let want: String = (0..20).map(|n| format!("{n}\n")).collect();
    wait_until("all is written", || out() == want);
}

#[test]
fn many_that_write_at_once_lose_nothing() {
    // More than the pipe and the daemon hold together: some are told that it is busy.
    let d = Daemon::with("count: {cmd: \"sh -c 'sleep 1; head -c 2000000 | wc -c'\", stdin: pipe, oneshot: true}");
    d.wait_state("count", "RUNNING");
    std::fs::write(d.path("typed"), vec![b'x'; 50_000]).unwrap();
    let all: Vec<Child> = (0..40).map(|_| reading(&d, "count", "typed")).collect();
    d.wait_state("count", "EXITED");
    assert_eq!(String::from_utf8_lossy(&d.log("logs/count-stdout.log")).trim(), "2000000");
    for child in all {
        let output = finish(child, "attach");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
}

#[test]
fn a_file_is_sent_as_it_is_and_what_was_not_written_is_a_failure() {
    let d = Daemon::with(
        "cat: {cmd: cat, stdin: pipe}\nshut: {cmd: \"sh -c 'exec <&-; echo ready; while ! [ -e go ]; do sleep 0.05; done'\", stdin: pipe, autorestart: never}",
    );
    d.wait_all("RUNNING");
    d.wait_log("logs/shut-stdout.log", 6);
    let bytes = b"a\x10\x11b\x03\xff\n";
    std::fs::write(d.path("typed"), bytes).unwrap();
    let child = reading(&d, "cat", "typed");
    assert_eq!(d.wait_log("logs/cat-stdout.log", bytes.len()), bytes);
    d.ok("stop cat");
    assert_eq!(finish(child, "attach").status.code(), Some(0));
    let mut client = attach(&d, &["shut"]);
    client.stdin(File::open(d.path("typed")).unwrap()).stdout(Stdio::null());
    let mut client = Held(client.stderr(File::create(d.path("told")).unwrap()).spawn().unwrap());
    let told = || std::fs::read_to_string(d.path("told")).unwrap();
    wait_until("it is refused", || told().contains("has closed its standard input"));
    d.setup.write("go", "");
    let status = wait_for("the client's end", || client.try_wait().unwrap());
    assert_eq!(status.code(), Some(1), "{}", told());
    has(&told(), "taskmasterctl: shut is EXITED");
}

#[test]
fn what_goes_to_a_pipe_does_not_drive_our_terminal() {
    let d = Daemon::with(
        r#"evil: {cmd: "sh -c 'printf \"\\033]0;title\\007\\033[2Jend\\n\"; exec cat'", stdin: pipe}
term: {cmd: "sh -c 'printf \"\\033[2Jend\\n\"; exec cat'", tty: true}"#,
    );
    d.wait_log("logs/evil-stdout.log", 8);
    d.wait_log("logs/term-stdout.log", 8);
    for args in [&["evil"][..], &["--no-input", "evil"]] {
        let mut t = Terminal::run(&mut attach(&d, args));
        assert_eq!(t.expect("end\r\n"), "^[]0;title^G^[[2Jend\r\n");
        t.keys(CTRL_C);
        assert_eq!(ends(t), 0);
    }
    // What was meant for a terminal comes as it is, also to who only watches.
    let mut t = Terminal::run(&mut attach(&d, &["--no-input", "term"]));
    assert_eq!(t.expect("end\r"), "\u{1b}[2Jend\r");
    t.keys(CTRL_C);
    assert_eq!(ends(t), 0);
}

#[test]
fn a_terminal_that_does_not_know_its_size_passes_keys_on() {
    let d = Daemon::with("cat: {cmd: cat, tty: true}");
    d.wait_state("cat", "RUNNING");
    let mut t = Terminal::wide(0, &mut attach(&d, &["cat"]));
    t.expect("Ctrl-P Ctrl-Q leaves\r\n");
    t.keys("abc\r");
    t.expect("abc\r\nabc\r\n");
    t.keys(LEAVE);
    assert_eq!(ends(t), 0);
}

#[test]
fn one_may_wait_for_the_next_run() {
    let d = Daemon::with(
        "slow: {cmd: \"sh -c 'read x; echo got $x; exit 1'\", stdin: pipe, autorestart: always, starttime: 1000, startretries: 9, backoff: {initial: 600, max: 600, floor: 0}}",
    );
    d.wait_state("slow", "STARTING");
    d.ok("input slow one");
    d.wait_state("slow", "BACKOFF");
    let before = d.fds_at_rest();
    let mut t = Terminal::run(&mut attach(&d, &["-n", "0", "slow"]));
    // One connection for what becomes of it, one for what is typed, one for what it shows: then somebody waits for the next
    // run, and it may come.
    wait_until("it is attached", || fds(d.pid).len() >= before + 3);
    d.ok("start --no-wait slow");
    t.expect("slow is started again\r\n");
    t.keys("two\r");
    t.expect("got two\r\n");
    t.keys(CTRL_C);
    assert_eq!(ends(t), 0);
}
