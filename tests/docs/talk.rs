//! The conversations of the protocol page, held with a daemon through the real socat.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::page::{Page, literal_blocks};
use super::support::*;
use crate::needs;

/// Numbers and times that differ from run to run.
fn evened(line: &str) -> String {
    let mut out = line.to_owned();
    for mark in ["pid ", "pid=", "uptime ", "\"pid\":", "\"seq\":", "\"next\":", "\"time\":\""] {
        let parts: Vec<String> = out
            .split(mark)
            .enumerate()
            .map(|(i, part)| {
                let number = part.trim_start_matches(|c: char| c.is_ascii_digit() || ":-.TZ".contains(c));
                if i > 0 && number.len() < part.len() { format!("N{number}") } else { part.to_owned() }
            })
            .collect();
        out = parts.join(mark);
    }
    let is_time = |word: &str| word.len() == 24 && word.contains('T') && word.ends_with('Z');
    match out.split_once(' ') {
        // An event: its number, and its time.
        Some((_, rest)) if rest.split(' ').next().is_some_and(is_time) => format!("N N{}", &rest[24..]),
        _ if !out.is_empty() && out.bytes().all(|b| b.is_ascii_digit()) => "N".to_owned(),
        _ => out,
    }
}

/// A conversation with a daemon through the real socat.
struct Talk {
    socat: Child,
    requests: ChildStdin,
    lines: Receiver<String>,
}

impl Talk {
    fn with(d: &Daemon) -> Talk {
        let mut command = Command::new("socat");
        command.arg("-").arg(format!("UNIX-CONNECT:{}", d.file("ctl")));
        let mut socat = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(socat.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || answers.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Talk { requests: socat.stdin.take().unwrap(), socat, lines }
    }

    /// Carries on a conversation as the page has it: `>` is sent, `<` must come back, `*` is what somebody else asks for.
    #[track_caller]
    fn hold(&mut self, d: &Daemon, talk: &str) {
        for (n, line) in talk.lines().enumerate() {
            match line.split_at(2) {
                ("> ", request) => self.requests.write_all(format!("{request}\n").as_bytes()).unwrap(),
                ("* ", request) => assert!(d.text(request).ok(), "line {n} of\n{talk}"),
                ("< ", wanted) => match self.lines.recv_timeout(DEADLINE) {
                    Ok(found) => assert_eq!(evened(&found), evened(wanted), "line {n} of\n{talk}"),
                    Err(why) => panic!("{why}: no line {n} of\n{talk}"),
                },
                _ => panic!("line {n} of\n{talk}"),
            }
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.socat.kill();
        let _ = self.socat.wait();
    }
}

#[test]
fn conversations_of_the_protocol_page_are_true() {
    needs!("socat");
    let page = Page::open("taskmaster-protocol.7");
    let blocks = literal_blocks(page.section("EXAMPLES"));
    let talks: Vec<&String> = blocks.iter().filter(|b| b.starts_with("> ")).collect();
    let kind = |json: bool, follows: bool| {
        talks.iter().any(|talk| talk.starts_with("> {") == json && talk.contains("\n* ") == follows)
    };
    assert!(kind(false, false) && kind(true, false) && kind(false, true) && kind(true, true), "{talks:#?}");
    for talk in talks {
        let d = Daemon::with("web: {cmd: sleep 1000}\nworker: {cmd: sleep 1000, numprocs: 2}");
        d.wait_all("RUNNING");
        Talk::with(&d).hold(&d, talk);
    }
    assert_eq!(evened("web RUNNING pid 12, uptime 0:00:01"), "web RUNNING pid N, uptime N");
    assert_eq!(evened("{\"pid\":12}"), "{\"pid\":N}");
    assert_eq!(evened("12 2026-11-21T09:39:17.503Z web: spawned pid=1"), "N N web: spawned pid=N");
    assert_eq!(evened("{\"seq\":1,\"time\":\"2026-11-21T09:39:17.503Z\"}"), "{\"seq\":N,\"time\":\"N\"}");
}
