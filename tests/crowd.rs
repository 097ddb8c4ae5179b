//! Many clients at once: those who say nothing, those who never finish a sentence, those who listen and those who do not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use support::*;

/// These tests take many descriptors: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether this process and the daemon may have so many descriptors.
fn enough_files(needed: u64) -> bool {
    getrlimit(Resource::RLIMIT_NOFILE).unwrap().1 >= needed
}

fn rss_kib(pid: u32) -> u64 {
    status_field(pid, "VmRSS").split(' ').next().unwrap().parse().unwrap()
}

fn sockets(d: &Daemon) -> usize {
    fds(d.pid).values().filter(|what| what.starts_with("socket:")).count()
}

/// A connection on which this was sent.
fn say(d: &Daemon, what: &str) -> UnixStream {
    let mut stream = d.connect();
    stream.write_all(what.as_bytes()).unwrap();
    stream
}

/// Whether the other side has closed a connection that does not wait.
fn is_closed(stream: &mut UnixStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(n) => n == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// What a connection holds until it is closed.
fn rest(mut stream: UnixStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text
}

#[test]
fn three_thousand_that_never_finish_a_sentence() {
    let _alone = alone();
    if !enough_files(12_000) {
        return skip("crowd", "the hard limit on open files is below 12000");
    }
    let d = Daemon::with("web: {cmd: sleep 1000}");
    let pid = d.wait_state("web", "RUNNING").pid().unwrap();
    let mut crowd: Vec<UnixStream> =
        (0..3000).map(|i| say(&d, ["", "s", "status", "{\"jsonrpc\":", "[{\"jsonrpc\":\"2.0\","][i % 5])).collect();
    wait_until("all are connected", || sockets(&d) > 3000);
    // Everybody else is served as ever.
    kill(pid, Signal::SIGKILL);
    d.wait_new_pid("web", pid);
    assert!(rss_kib(d.pid) < 40_000, "{} KiB", rss_kib(d.pid));
    // Their sentences still count when they are finished.
    let mut last = crowd.pop().unwrap();
    last.write_all(b"\"method\":\"pid\",\"id\":1}]\n").unwrap();
    has(&read_line(&mut last), &format!("[{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"pid\":{}}}}}]", d.pid));
    let mut words = crowd.swap_remove(2);
    words.write_all(b"\n").unwrap();
    assert!(read_reply(&mut words).ok());
    drop((crowd, last, words));
    wait_until("all are forgotten", || sockets(&d) <= 2);
    d.oracle();
}

#[test]
fn what_is_never_finished_is_bounded_together() {
    let _alone = alone();
    if !enough_files(6000) {
        return skip("crowd", "the hard limit on open files is below 6000");
    }
    let d = Daemon::with("web: {cmd: sleep 1000}");
    // A request has at most 64 KiB: each of them is within that, and all of them together are 94 MiB.
    let long = " ".repeat(64_000);
    let mut crowd: Vec<UnixStream> = (0..1500).map(|_| say(&d, &long)).collect();
    crowd.iter().for_each(|stream| stream.set_nonblocking(true).unwrap());
    let mut cut_off = || crowd.iter_mut().map(is_closed).filter(|closed| *closed).count();
    wait_until("some are cut off", || cut_off() > 300);
    assert!((500..1200).contains(&sockets(&d)), "{} are left", sockets(&d));
    assert!(rss_kib(d.pid) < 200_000, "{} KiB", rss_kib(d.pid));
    assert!(d.text("status").ok());
    drop(crowd);
    wait_until("all are forgotten", || sockets(&d) <= 2);
}

#[test]
fn a_thousand_subscribers_hear_the_same() {
    let _alone = alone();
    if !enough_files(6000) {
        return skip("crowd", "the hard limit on open files is below 6000");
    }
    let d = Daemon::with("web: {cmd: sleep 1000}");
    let pid = d.wait_state("web", "RUNNING").pid().unwrap();
    let crowd: Vec<UnixStream> = (0..1000).map(|_| say(&d, "events\n")).collect();
    // One that never reads, and its neighbours.
    let deaf = say(&d, "events --since 0\n");
    wait_until("all are connected", || sockets(&d) > 1001);
    kill(pid, Signal::SIGKILL);
    let new = d.wait_new_pid("web", pid);
    d.wait_state("web", "RUNNING");
    let mut heard: Vec<UnixStream> = crowd;
    for stream in &mut heard {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let text = std::iter::from_fn(|| Some(read_line(stream))).find(|line| line.contains("spawned")).unwrap();
        has(&text, &format!("pid={new}"));
    }
    drop(deaf);
    d.ok("shutdown");
    let mut d = d;
    assert_eq!(d.wait_exit(), 0);
    assert!(heard.into_iter().all(|stream| rest(stream).contains("STOPPING -> STOPPED")), "all hear the end");
}

#[test]
fn when_there_are_too_many_the_greediest_makes_room() {
    let _alone = alone();
    // A thousand descriptors leave room for some hundreds of connections.
    let d = Setup::new().programs("web: {cmd: sleep 1000}").wrap(&["prlimit", "--nofile=1000:1000"]).start();
    d.wait_state("web", "RUNNING");
    let crowd: Vec<UnixStream> = (0..600).map(|_| say(&d, "")).collect();
    assert!(d.text("status").ok(), "there is room for one more");
    wait_until("the quietest are gone", || (128..600).contains(&sockets(&d)));
    kill(d.pid_of("web"), Signal::SIGKILL);
    wait_until("there are descriptors for programs", || d.status("web").runs() == 2 && d.state("web") == "RUNNING");
    drop(crowd);
}
