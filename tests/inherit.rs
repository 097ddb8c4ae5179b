//! `stdout: inherit`, `log_format`: what programs write, passed on to the daemon's own output as the logs of containers are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use serde_json::Value;
use support::*;

/// A daemon whose standard output and standard error are one pipe.
fn piped(setup: Setup) -> (Daemon, PipeReader) {
    let (reader, writer) = io::pipe().unwrap();
    let mut command = setup.command();
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let daemon = setup.start_with_output(&mut command);
    // The command has the other ends, and with them there would be no end of file.
    drop(command);
    (daemon, reader)
}

/// Reads to the end, beside the test.
fn read_all(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        let _ = send.send(all);
    });
    receive
}

/// Stops the daemon, and takes what was read until then.
fn ended(mut daemon: Daemon, all: &Receiver<Vec<u8>>) -> String {
    kill(daemon.pid, Signal::SIGTERM);
    assert_eq!(daemon.wait_exit(), 0);
    String::from_utf8(all.recv_timeout(DEADLINE).unwrap()).unwrap()
}

/// The texts by what stands before ` | `.
fn by_name(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines() {
        let (name, rest) = line.split_once(" | ").unwrap_or_else(|| panic!("whose is {line:?}?"));
        all.entry(name.trim_end()).or_default().push(rest);
    }
    all
}

/// Numbers and both streams, as `lines=` and `err:lines=` write them.
fn lines_of(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn lines_of_several_programs_have_names_and_stay_whole() {
    let setup = Setup::new()
        .defaults("stdout: inherit\nstderr: inherit\nlog_format: prefix\nautorestart: never")
        .programs(&format!(
            "a: {{cmd: {0}, starttime: 0}}\nworker: {{cmd: {1}, numprocs: 2, starttime: 0}}\n",
            probe("lines=4000:120 err:lines=3000:70"),
            probe("slow=2000:40 text=the-end"),
        ));
    let (d, reader) = piped(setup);
    let all = read_all(reader);
    for name in ["a", "worker:worker_00", "worker:worker_01"] {
        d.wait_state(name, "EXITED");
    }
    let text = ended(d, &all);
    let said = by_name(&text);
    assert_eq!(said.keys().copied().collect::<Vec<_>>(), ["a", "worker:worker_00", "worker:worker_01"]);
    let out = numbered(4000, 120);
    let err = numbered(3000, 70);
    let of_a = |long: bool| said["a"].iter().copied().filter(|l| (l.len() > 100) == long).collect::<Vec<_>>();
    assert!(of_a(true) == lines_of(&out) && of_a(false) == lines_of(&err));
    for name in ["worker:worker_00", "worker:worker_01"] {
        let (last, lines) = said[name].split_last().unwrap();
        assert!(lines == lines_of(&numbered(2000, 40)), "{name}");
        assert_eq!(*last, "the-end", "what has no line end is written at the end of the process");
    }
    // All names are as wide as the widest.
    assert!(text.lines().all(|line| line.find(" | ") == Some("worker:worker_00".len())));
}

#[test]
fn objects_tell_whose_a_line_is() {
    let setup = Setup::new()
        .keys("logfile: '-'\nlogformat: json")
        .defaults("stdout: inherit\nstderr: inherit\nlog_format: json\nautorestart: never\nstarttime: 0")
        .programs(&format!(
            "a: {{cmd: {0}}}\nb: {{cmd: {0}, numprocs: 2, stderr: stdout}}\nodd: {{cmd: {1}, shell: true}}\n",
            probe("both=3000"),
            r#"'printf ''no \377 text\r\n"quotes" \033[1m\tend'''"#,
        ));
    let (d, reader) = piped(setup);
    let all = read_all(reader);
    for name in ["a", "b:b_00", "b:b_01", "odd"] {
        d.wait_state(name, "EXITED");
    }
    let text = ended(d, &all);
    let mut said: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
    let mut own = 0;
    for line in text.lines() {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(object["time"].as_str().unwrap().ends_with('Z'), "{line}");
        if object["event"] == "output" {
            let word = |key: &str| object[key].as_str().unwrap().to_owned();
            said.entry((word("process"), word("stream"))).or_default().push(object);
        } else {
            own += 1;
        }
    }
    assert!(own > 8, "the daemon's own log is among them: {own}");
    let of = |process: &str, stream: &str| {
        let lines = said.get(&(process.to_owned(), stream.to_owned())).cloned().unwrap_or_default();
        let pids: Vec<&Value> = lines.iter().map(|object| &object["pid"]).collect();
        assert!(pids.iter().all(|pid| pid.is_u64() && *pid == pids[0]), "{pids:?}");
        lines.iter().map(|object| object["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((of("a", "stdout").len(), of("a", "stderr").len()), (1500, 1500));
    assert_eq!((of("b:b_01", "stdout").len(), of("b:b_01", "stderr").len()), (3000, 0));
    assert_eq!(of("odd", "stdout"), ["no \u{fffd} text", "\"quotes\" \u{1b}[1m\tend"]);
    assert_eq!(said[&("b:b_00".to_owned(), "stdout".to_owned())][0]["program"], "b");
}

#[test]
fn nothing_is_lost_while_nobody_reads_and_the_daemon_goes_on() {
    // Two programs, together 10 MB, and both are waiting: what one has written does not keep the other from being heard.
    let setup = Setup::new()
        .defaults("stdout: inherit\nlog_format: prefix\nautorestart: never\nstarttime: 0")
        .programs(&format!(
            "a: {{cmd: {0}}}\nb: {{cmd: {0}}}\nquiet: {{cmd: sleep 1000, stdout: none}}\n",
            probe("lines=50000:100")
        ));
    let (reader, writer) = io::pipe().unwrap();
    let watched = writer.try_clone().unwrap();
    let mut command = setup.command();
    command.stdout(writer).stderr(Stdio::null());
    let d = setup.start_with_output(&mut command);
    drop(command);
    let blocked = |name: &str| {
        d.wait_state(name, "RUNNING").pid().is_some_and(|pid| {
            // A program that writes to a full pipe waits in the kernel for room.
            fs::read_to_string(format!("/proc/{pid}/wchan")).is_ok_and(|at| at.contains("pipe_write"))
                || status_field(pid, "State").starts_with('S')
        })
    };
    wait_until("both wait for room", || blocked("a") && blocked("b"));
    // Everything else goes on meanwhile.
    for _ in 0..20 {
        has(&d.ok("status"), "quiet");
    }
    d.ok("restart quiet");
    let flags = OFlag::from_bits_truncate(fcntl(watched.as_fd(), FcntlArg::F_GETFL).unwrap());
    assert!(!flags.contains(OFlag::O_NONBLOCK), "others who have this pipe still wait when they write to it");
    drop(watched);

    let (send, receive) = channel();
    thread::spawn(move || {
        let mut reader = reader;
        let (mut all, mut room) = (Vec::new(), vec![0; 3000]);
        loop {
            match reader.read(&mut room).unwrap() {
                0 => break,
                n => all.extend_from_slice(&room[..n]),
            }
        }
        let _ = send.send(all);
    });
    for name in ["a", "b"] {
        d.wait_state(name, "EXITED");
    }
    let text = ended(d, &receive);
    let said = by_name(&text);
    let want = numbered(50_000, 100);
    for name in ["a", "b"] {
        assert!(said[name] == lines_of(&want), "{name}: {} lines", said[name].len());
    }
    // While both write, each gets its turn.
    let first_half: Vec<&str> = text.lines().take(25_000).collect();
    assert!(first_half.iter().any(|l| l.starts_with("a ")) && first_half.iter().any(|l| l.starts_with("b ")));
}

#[test]
fn a_reader_that_goes_away_does_no_harm() {
    let setup = Setup::new().programs(&format!(
        "x: {{cmd: {}, stdout: inherit, log_format: prefix, autorestart: never}}\n",
        probe("await=go lines=20000:100 stamp=done forever"),
    ));
    let (d, reader) = piped(setup);
    let pid = d.wait_state("x", "RUNNING").pid();
    drop(reader);
    fs::write(d.path("go"), "").unwrap();
    wait_until("the program is not held up", || d.path("done").exists());
    assert_eq!(d.pid_of("x"), pid.unwrap());
    wait_until("it is told", || d.own_log().contains("standard output is closed"));
    assert_eq!(d.own_log().matches("is closed").count(), 1);
}

#[test]
fn at_the_end_everything_is_passed_on() {
    let setup = Setup::new().programs(&format!(
        "x: {{cmd: {}, stdout: inherit, log_format: prefix, autorestart: never, stoptime: 1}}\n",
        probe("lines=700:100 text=bye stamp=done forever"),
    ));
    let (mut d, reader) = piped(setup);
    // More than a pipe holds, and nobody reads.
    wait_until("all is written", || d.path("done").exists());
    kill(d.pid, Signal::SIGTERM);
    let all = read_all(reader);
    assert_eq!(d.wait_exit(), 0);
    let text = String::from_utf8(all.recv_timeout(DEADLINE).unwrap()).unwrap();
    let said = by_name(&text);
    let (last, lines) = said["x"].split_last().unwrap();
    assert!(lines == lines_of(&numbered(700, 100)), "{}", lines.len());
    assert_eq!(*last, "bye");
}

#[test]
fn a_line_without_end_is_passed_on_in_pieces() {
    let setup = Setup::new().programs(
        "x: {cmd: \"head -c 1000000 /dev/zero | tr '\\\\0' z\", shell: true, stdout: inherit, log_format: prefix, \
         autorestart: never, starttime: 0}",
    );
    let (d, reader) = piped(setup);
    let all = read_all(reader);
    d.wait_state("x", "EXITED");
    let text = ended(d, &all);
    assert!(text.starts_with("x | zz"), "{}", &text[..40]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().skip(1).all(|line| line.starts_with("x > z")));
    assert!(lines.iter().all(|line| line.len() <= (16 << 10) + 4));
    assert_eq!(text.matches('z').count(), 1_000_000);
}

#[test]
fn a_log_file_and_the_daemons_output_as_well() {
    let setup = Setup::new().programs(&format!(
        "both: {{cmd: {0}, stdout: [auto, inherit], stderr: stdout, autorestart: never, starttime: 0}}\n\
         one: {{cmd: {0}, stdout: inherit, stderr: inherit, log_format: prefix, autorestart: never, starttime: 0}}\n",
        probe("lines=2000:50 text=end")
    ));
    let (d, reader) = piped(setup);
    let all = read_all(reader);
    for name in ["one", "both"] {
        d.wait_state(name, "EXITED");
    }
    let want = numbered(2000, 50) + "end";
    assert!(d.wait_log("logs/both-stdout.log", want.len()) == want.as_bytes());
    has(&d.ok("tail -n 1 both"), "end");
    let refused = d.text("tail one");
    assert!(
        refused.last.contains("is the daemon's own, it is not kept; [auto, inherit] keeps it as well"),
        "{refused:?}"
    );
    has(&d.ok("why one"), "the daemon's own");
    let text = ended(d, &all);
    let (named, plain): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("one | "));
    assert_eq!(plain, lines_of(&want));
    assert!(named.iter().map(|line| &line["one | ".len()..]).collect::<Vec<_>>() == lines_of(&want));
}

#[test]
fn what_is_passed_on_is_looked_at_by_checks() {
    let (d, reader) = piped(Setup::new().programs(&format!(
        "x: {{cmd: {}, stdout: inherit, log_format: json, readiness: {{log: '^0+1 '}}}}\n",
        probe("await=go lines=2:20 forever")
    )));
    let all = read_all(reader);
    d.wait_state("x", "STARTING");
    fs::write(d.path("go"), "").unwrap();
    d.wait_state("x", "RUNNING");
    let text = ended(d, &all);
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn a_socket_is_written_as_well() {
    let setup = Setup::new().programs(&format!(
        "x: {{cmd: {}, stdout: inherit, log_format: prefix, autorestart: never, starttime: 0}}\n",
        probe("lines=20000:100"),
    ));
    let (near, far) = UnixStream::pair().unwrap();
    let mut command = setup.command();
    let fd: std::os::fd::OwnedFd = far.into();
    command.stdout(fd).stderr(Stdio::null());
    let d = setup.start_with_output(&mut command);
    drop(command);
    has(&d.ok("status"), "x");
    let all = read_all(near);
    d.wait_state("x", "EXITED");
    let text = ended(d, &all);
    assert!(by_name(&text)["x"] == lines_of(&numbered(20_000, 100)));
}
