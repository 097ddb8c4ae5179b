//! What processes read: pipes and terminals of their own, the limits of both, and what becomes of them in the end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::*;

/// What a process has written to its standard output.
fn shown(d: &Daemon, process: &str) -> String {
    String::from_utf8_lossy(&d.log(&format!("logs/{process}-stdout.log"))).into_owned()
}

#[track_caller]
fn wait_shown(d: &Daemon, process: &str, text: &str) {
    let end = Instant::now() + DEADLINE;
    while !shown(d, process).contains(text) {
        assert!(Instant::now() < end, "{process} does not show {text:?}: {:?}", shown(d, process));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a call and does not wait for its answer.
fn call(stream: &mut UnixStream, id: u32, params: &Value) {
    let call = json!({"jsonrpc": "2.0", "id": id, "method": "input", "params": params});
    stream.write_all(format!("{call}\n").as_bytes()).unwrap();
}

fn answer(stream: &mut UnixStream) -> Value {
    serde_json::from_str(&read_line(stream)).unwrap()
}

/// The terminals that the daemon holds.
fn terminals(d: &Daemon) -> usize {
    fds(d.pid).values().filter(|what| what.contains("ptmx")).count()
}

/// Whether a job is what it is to be: before that it is a shell, which holds signals back.
fn runs_sleep(pid: u32) -> bool {
    words(pid).first().is_some_and(|word| word == "sleep")
}

#[test]
fn what_is_sent_is_read_in_order_and_as_it_is() {
    let d =
        Daemon::with("cat: {cmd: cat, stdin: pipe, autorestart: never}\nsed: {cmd: \"sed -u s/^/got:/\", stdin: pipe}");
    d.wait_all("RUNNING");
    assert_eq!(d.ok("input cat hello   'big  world'"), "");
    assert!(d.ctl(&["input", "cat", "ls", "-l"]).status.success());
    assert_eq!(d.rpc("input", json!({"name": "cat", "text": "no line feed, \u{0}, ü"})), Ok(json!({"ok": true})));
    assert_eq!(d.rpc("input", json!({"name": "cat", "base64": "/wE="})), Ok(json!({"ok": true})));
    d.ok("input sed 1");
    wait_shown(&d, "sed", "got:1\n");
    let all = b"hello big  world\nls -l\nno line feed, \0, \xc3\xbc\xff\x01";
    assert_eq!(d.wait_log("logs/cat-stdout.log", all.len()), all);
    // Each end is held once, and by nobody else.
    let write_end = |pid| fds(pid).values().filter(|what| **what == fds(d.pid_of("cat"))[&0]).count();
    assert_eq!((write_end(d.pid_of("cat")), write_end(d.pid), write_end(d.pid_of("sed"))), (1, 1, 0));
    assert_eq!(fds(d.pid_of("cat")).len(), 3);
    d.ok("input --eof cat end");
    assert_eq!(d.wait_state("cat", "EXITED").last_exit(), "exit status 0");
    assert!(shown(&d, "cat").ends_with("\u{1}end\n"), "{:?}", shown(&d, "cat"));
    has(&d.own_log(), "\"input cat\"");
    assert!(!d.own_log().contains("world"), "what is typed is nobody else's business");
}

#[test]
fn refusals_say_what_to_do() {
    let d = Daemon::with(
        "plain: {cmd: sleep 1000}\ncat: {cmd: cat, stdin: pipe, autorestart: always}\ndown: {cmd: cat, stdin: pipe, autostart: false}\ntwo: {cmd: cat, stdin: pipe, numprocs: 2}\nshut: {cmd: \"sh -c 'exec <&-; exec sleep 1000'\", stdin: pipe}",
    );
    for name in ["plain", "cat", "shut", "two:two_00", "two:two_01"] {
        d.wait_state(name, "RUNNING");
    }
    for (line, text) in [
        ("input plain x", "ERROR failed: stdin of \"plain\" is not piped: set \"stdin: pipe\" or \"tty: true\""),
        ("input down x", "ERROR failed: \"down\" does not run, it is STOPPED (\"start\" starts it)"),
        ("input two x", "ERROR bad-arguments: \"two\" means 2 processes; name one of them"),
        ("input nobody x", "ERROR unknown-name: no program or process \"nobody\""),
        ("resize cat 24 80", "ERROR failed: \"cat\" has no terminal: set \"tty: true\""),
        ("resize plain 24 80", "ERROR failed: stdin of \"plain\" is not piped"),
    ] {
        has(&d.text(line).last, text);
    }
    d.ok("input two:1 x");
    let closed = wait_for("a refusal", || Some(d.text("input shut x")).filter(|reply| !reply.ok()));
    has(&closed.last, "ERROR failed: ");
    has(&closed.last, "has closed its standard input");
    let before = d.pid_of("cat");
    d.ok("input --eof cat");
    d.wait_new_pid("cat", before);
    assert_eq!(d.ctl(&["input", "plain", "x"]).status.code(), Some(1));
    assert_eq!(d.ctl(&["input", "plain"]).status.code(), Some(2));
}

#[test]
fn ten_megabytes_go_through() {
    const PIECE: usize = 50_000;
    const PIECES: usize = 210;
    let d = Daemon::with("count: {cmd: wc -c, stdin: pipe, oneshot: true}\ncat: {cmd: cat, stdin: pipe}");
    d.wait_state("cat", "RUNNING");
    let mut stream = d.connect();
    let text = "x".repeat(PIECE);
    for n in 0..PIECES {
        call(&mut stream, 1, &json!({"name": "count", "text": text}));
        assert_eq!(answer(&mut stream)["result"]["ok"], true, "piece {n}");
        if n % 50 == 0 {
            d.ok(&format!("input cat {n}"));
        }
    }
    call(&mut stream, 1, &json!({"name": "count", "eof": true}));
    assert_eq!(answer(&mut stream)["result"]["ok"], true);
    d.wait_state("count", "EXITED");
    assert_eq!(shown(&d, "count").trim(), (PIECE * PIECES).to_string());
    wait_shown(&d, "cat", "0\n50\n100\n150\n200\n");
}

#[test]
fn who_does_not_read_holds_up_nobody_else() {
    let d = Daemon::with("deaf: {cmd: sleep 1000, stdin: pipe}\ncat: {cmd: cat, stdin: pipe}");
    d.wait_all("RUNNING");
    let text = "x".repeat(60_000);
    let mut stream = d.connect();
    // The first fits into the pipe, the second does not, the third would be too much.
    for id in 1..=3 {
        call(&mut stream, id, &json!({"name": "deaf", "text": text}));
    }
    assert_eq!(answer(&mut stream)["id"], 1);
    let busy = answer(&mut stream);
    assert_eq!((&busy["id"], &busy["error"]["code"]), (&json!(3), &json!(-32004)), "{busy}");
    has(busy["error"]["message"].as_str().unwrap(), "\"deaf\" does not read: 64 KiB wait for it already");
    let begun = Instant::now();
    d.ok("input cat hello");
    wait_shown(&d, "cat", "hello\n");
    assert!(begun.elapsed() < Duration::from_secs(5), "the daemon is held up");
    // What a client that is gone has not begun to write makes room again.
    let mut gone = d.connect();
    call(&mut gone, 1, &json!({"name": "deaf", "text": "x".repeat(10_000)}));
    drop(gone);
    wait_until("there is room", || {
        let mut stream = d.connect();
        call(&mut stream, 9, &json!({"name": "deaf", "text": "x".repeat(5_000)}));
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        std::io::Read::read(&mut stream, &mut [0]).is_err()
    });
    d.ok("stop deaf");
    let ended = answer(&mut stream);
    assert_eq!((&ended["id"], &ended["error"]["code"]), (&json!(2), &json!(-32007)), "{ended}");
    has(ended["error"]["message"].as_str().unwrap(), " of 60000 bytes were written)");
}

#[test]
fn a_pipe_ends_with_the_daemon() {
    let mut d = Daemon::with("cat: {cmd: cat, stdin: pipe}\nshell: {cmd: sh, tty: true}");
    d.wait_all("RUNNING");
    let all = [d.pid_of("cat"), d.pid_of("shell")].map(|pid| Proc::of(pid).unwrap());
    let strays = d.crash();
    wait_until("both end by themselves", || all.iter().all(|proc| !proc.alive()));
    strays.end();
}

#[test]
fn a_program_with_a_terminal_is_at_home() {
    needs!("bash");
    let mut d = Daemon::with(
        "bash: {cmd: bash --norc --noediting -i, tty: true, stopsignal: HUP}\nother: {cmd: cat, tty: true, autorestart: always}",
    );
    d.wait_all("RUNNING");
    let pid = d.pid_of("bash");
    for (line, shows) in [
        ("tty", "/dev/pts/"),
        ("stty size", "24 80\r\n"),
        ("echo is $TERM", "is xterm\r\n"),
        ("ps -o tpgid=,sid= -p $$ | tr -s ' '", &format!("{pid}\r\n")),
        ("echo error >&2", "error\r\n"),
    ] {
        d.ok(&format!("input bash {}", json!(line)));
        wait_shown(&d, "bash", shows);
    }
    let open = fds(pid);
    assert!(open.len() >= 3 && open.values().all(|what| what.starts_with("/dev/pts/")), "{open:?}");
    d.ok("resize bash 50 132");
    d.ok("input bash stty size");
    wait_shown(&d, "bash", "50 132\r\n");
    // Ctrl-C is for the job in the foreground, and for nobody else.
    d.ok("input bash sleep 1234");
    let job =
        wait_for("the job", || children(pid).iter().find(|job| runs_sleep(job.0)).and_then(|job| Proc::of(job.0)));
    // The group in the foreground, as bash itself sees it.
    let foreground = || stat(pid).and_then(|fields| fields.get(5).cloned());
    wait_until("it is in the foreground", || foreground().is_some_and(|group| group != pid.to_string()));
    d.rpc("input", json!({"name": "bash", "text": "\u{3}"})).unwrap();
    wait_until("the job is gone", || !job.alive());
    wait_until("bash is back", || shown(&d, "bash").trim_end().ends_with('#') || shown(&d, "bash").ends_with("$ "));
    d.ok("input bash echo still $((20 + 3))");
    wait_shown(&d, "bash", "still 23\r\n");
    assert_eq!(d.pid_of("bash"), pid);
    // The end of input, as it is typed.
    assert_eq!(terminals(&d), 2);
    let before = d.pid_of("other");
    d.ok("input --eof other");
    d.wait_new_pid("other", before);
    d.ok("stop bash");
    assert_eq!(d.status("bash").last_exit(), "killed by SIGHUP");
    wait_until("its terminal is gone", || terminals(&d) == 1);
    // Without it the next run is without, too.
    d.reload("bash: {cmd: sleep 1000}\nother: {cmd: cat, tty: true, autorestart: always}");
    d.ok("start bash");
    has(&d.text("input bash x").last, "ERROR failed: stdin of \"bash\" is not piped");
}

/// What `seq 1 300000` shows on a terminal.
fn counted() -> String {
    (1..=300_000).fold(String::with_capacity(3 << 20), |text, n| text + &n.to_string() + "\r\n")
}

#[test]
fn all_that_is_shown_is_in_the_log_through_rotation() {
    let d = Daemon::with(
        "loud: {cmd: seq 1 300000, tty: true, oneshot: true, autostart: false, stdout: ./loud.out, stdout_logfile_maxbytes: 30000, stdout_logfile_backups: 500}\nmute: {cmd: seq 1 300000, tty: true, oneshot: true, autostart: false, stdout: none}\ncat: {cmd: cat, stdin: pipe}",
    );
    d.wait_state("cat", "RUNNING");
    d.ok("start loud");
    d.wait_state("loud", "EXITED");
    let want = counted();
    let log = String::from_utf8(d.log("loud.out")).unwrap();
    assert!(log == want, "{} of {} bytes: {:?}", log.len(), want.len(), &log[log.len().saturating_sub(40)..]);
    assert!(segments(&d.path("loud.out")).len() > 50, "it was set aside");
    d.ok("start mute");
    d.wait_state("mute", "EXITED");
    wait_until("no terminal is left", || terminals(&d) == 0);
}

#[test]
fn a_log_that_cannot_be_written_makes_a_terminal_wait() {
    let setup = Setup::new();
    setup.write("dir/x", "");
    let d = setup
        .programs("loud: {cmd: seq 1 300000, tty: true, oneshot: true, autostart: false, stdout: ./dir/loud.out}")
        .start();
    std::fs::remove_dir_all(d.path("dir")).unwrap();
    d.ok("start --no-wait loud");
    wait_until("it is said", || d.own_log().contains("loud.out: cannot"));
    assert_eq!(d.state("loud"), "RUNNING");
    std::fs::create_dir(d.path("dir")).unwrap();
    d.wait_state("loud", "EXITED");
    let want = counted();
    let log = d.wait_log("dir/loud.out", want.len());
    assert!(log == want.as_bytes(), "{} of {} bytes", log.len(), want.len());
}

#[test]
fn a_terminal_that_nobody_has_open_may_be_opened_again() {
    let d = Daemon::with(
        "quiet: {cmd: \"sh -c 'echo one; exec </dev/null >/dev/null 2>&1; while ! [ -e go ]; do sleep 0.05; done; echo two >/dev/tty; exec sleep 1000'\", tty: true}",
    );
    wait_shown(&d, "quiet", "one\r\n");
    d.wait_state("quiet", "RUNNING");
    let pid = d.pid_of("quiet");
    wait_until("it has let go", || fds(pid).values().all(|what| !what.contains("pts")));
    d.setup.write("go", "");
    wait_shown(&d, "quiet", "one\r\ntwo\r\n");
    assert_eq!(d.pid_of("quiet"), pid);
}

#[test]
fn a_start_that_fails_leaves_no_terminal_behind() {
    let d = Daemon::with(
        "gone: {cmd: /no/such/program, tty: true, startretries: 1}\nlost: {cmd: cat, stdin: pipe, workingdir: /no/such, startretries: 1}",
    );
    has(d.wait_state("gone", "FATAL").why(), "/no/such/program");
    d.wait_state("lost", "FATAL");
    wait_until("no terminal is left", || terminals(&d) == 0);
    has(&d.text("input gone x").last, "does not run, it is FATAL");
}

#[test]
fn another_user_owns_what_it_reads_from() {
    needs!(root);
    let d = Daemon::with(
        "term: {cmd: \"sh -c 'stat -c %U $(tty); exec cat /dev/tty'\", tty: true, user: nobody}\npipe: {cmd: cat /dev/stdin, stdin: pipe, user: nobody}",
    );
    d.wait_all("RUNNING");
    wait_shown(&d, "term", "nobody\r\n");
    d.ok("input term typed");
    wait_shown(&d, "term", "typed\r\ntyped\r\n");
    d.ok("input pipe piped");
    wait_shown(&d, "pipe", "piped\n");
}

#[test]
fn many_terminals_at_once() {
    let d = Daemon::with("many: {cmd: \"sh -c 'tty; stty size; exec cat'\", tty: true, numprocs: 40}");
    d.wait_all("RUNNING");
    for n in 0..40 {
        // What is typed before that is shown in between.
        wait_shown(&d, &format!("many_{n:02}"), "24 80\r\n");
        d.ok(&format!("input many:{n} number {n}"));
    }
    for n in 0..40 {
        wait_shown(&d, &format!("many_{n:02}"), &format!("number {n}\r\nnumber {n}\r\n"));
    }
    d.signal(Signal::SIGHUP);
    d.ok("stop all");
    wait_until("no terminal is left", || terminals(&d) == 0);
}

#[test]
fn a_terminal_takes_much_at_the_pace_of_its_reader() {
    const PIECE: usize = 40_000;
    let d = Daemon::with(
        "raw: {cmd: \"sh -c 'stty raw -echo; echo ready; head -c 1000000 | cksum'\", tty: true, oneshot: true}",
    );
    d.wait_log("logs/raw-stdout.log", 6);
    let mut stream = d.connect();
    let mut all = String::new();
    for n in 0..25 {
        let text: String = (0..PIECE).map(|i| char::from(b"abcdefghijklmnopqrstuvwxyz"[(i * 7 + n) % 26])).collect();
        call(&mut stream, 1, &json!({"name": "raw", "text": text}));
        assert_eq!(answer(&mut stream)["result"]["ok"], true, "piece {n}");
        all += &text;
    }
    d.setup.write("all", &all);
    let sum = stdout(&run_to_end(Command::new("sh").args(["-c", &format!("cksum < {}", d.path("all").display())])));
    d.wait_state("raw", "EXITED");
    has(&shown(&d, "raw"), sum.trim());
}

#[test]
fn who_outlives_the_leader_still_shows_what_it_writes() {
    // The end of the leader hangs up the terminal's session, so its child must hold that back from the first moment on.
    let d = Daemon::with(
        "left: {cmd: \"sh -c 'trap \\\"\\\" HUP; (while ! [ -e go ]; do sleep 0.05; done; echo late) & echo first'\", tty: true, stopgroup: false, autorestart: never, starttime: 0}",
    );
    d.wait_state("left", "EXITED");
    assert_eq!((shown(&d, "left").as_str(), terminals(&d)), ("first\r\n", 1));
    d.setup.write("go", "");
    wait_shown(&d, "left", "first\r\nlate\r\n");
    wait_until("no terminal is left", || terminals(&d) == 0);
}
