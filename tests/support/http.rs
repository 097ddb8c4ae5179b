//! A small client for HTTP: no more than the tests need, and less polite than others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::{Daemon, next_byte, wait_for};

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Everything before the body.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Where a daemon listens: `127.0.0.1:40112`.
pub fn address(daemon: &Daemon) -> String {
    wait_for("the address in the log", || {
        let log = daemon.own_log();
        let (_, rest) = log.split_once("listening for HTTP at http://")?;
        rest.split_once('\n').map(|(address, _)| address.to_owned())
    })
}

/// A connection.
pub fn connect(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(address(daemon)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Sends bytes as they are, and reads one answer.
#[track_caller]
pub fn raw(daemon: &Daemon, bytes: &[u8]) -> Answer {
    let mut stream = connect(daemon);
    stream.write_all(bytes).unwrap();
    read(&mut stream)
}

/// Reads one answer.
#[track_caller]
pub fn read(stream: &mut impl Read) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = next_byte(stream).unwrap();
        head.push(byte.unwrap_or_else(|| panic!("it ended after {:?}", String::from_utf8_lossy(&head))));
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: Vec::new() };
    let length = answer.header("content-length").map_or(0, |n| n.parse().unwrap());
    answer.body = vec![0; length];
    stream.read_exact(&mut answer.body).unwrap();
    answer
}

/// Asks with further headers, each with its line end.
#[track_caller]
pub fn ask(daemon: &Daemon, line: &str, headers: &str, body: &str) -> Answer {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: {}\r\n", address(daemon)) };
    raw(daemon, format!("{line} HTTP/1.1\r\n{host}{headers}{length}Connection: close\r\n\r\n{body}").as_bytes())
}

#[track_caller]
pub fn get(daemon: &Daemon, path: &str) -> Answer {
    ask(daemon, &format!("GET {path}"), "", "")
}

#[track_caller]
pub fn post(daemon: &Daemon, path: &str, body: &str) -> Answer {
    ask(daemon, &format!("POST {path}"), "Content-Type: application/json\r\n", body)
}
