//! One request over HTTP: the bytes that are sent, and what is made of those that come back.

use std::io;
use std::os::fd::BorrowedFd;

use crate::base::errno::plain;
use crate::supervise::health::{Found, OUTPUT_KEPT};
use crate::sys::{fd, sock};

/// The longest head of an answer.
const HEAD_BYTES: usize = 16 << 10;

/// A request that is not answered yet.
#[derive(Debug)]
pub struct Exchange {
    request: Vec<u8>,
    sent: usize,
    /// What has come, at most a head and the beginning of a body.
    answer: Vec<u8>,
    /// The lowest and the highest status that is good.
    good: (u16, u16),
}

/// The head of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    reason: String,
    /// How many bytes it takes.
    length: usize,
    /// How many bytes of body follow, if that is said.
    body: Option<usize>,
}

impl Exchange {
    /// A request for this path, to be answered with one of these statuses.
    pub fn new(host: &str, path: &str, good: (u16, u16)) -> Exchange {
        let version = env!("CARGO_PKG_VERSION");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: taskmaster/{version}\r\nAccept: */*\r\n\
             Connection: close\r\n\r\n"
        );
        Exchange { request: request.into_bytes(), sent: 0, answer: Vec::new(), good }
    }

    /// A request that hands over JSON for this path, and is well if it is taken.
    pub fn post(host: &str, path: &str, json: &[u8]) -> Exchange {
        let (version, length) = (env!("CARGO_PKG_VERSION"), json.len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: taskmaster/{version}\r\nAccept: */*\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(json);
        Exchange { request, sent: 0, answer: Vec::new(), good: (200, 299) }
    }

    /// Writes and reads as far as that goes at once; the result, if there is one by now.
    pub fn go_on(&mut self, socket: BorrowedFd<'_>) -> Option<Found> {
        while let Some(rest @ [_, ..]) = self.request.get(self.sent..) {
            match sock::send(socket, rest) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // It may have answered all the same.
                Err(_) => self.sent = self.request.len(),
            }
        }
        let mut room = [0; 4096];
        loop {
            match fd::read(socket, &mut room) {
                Ok(0) => return Some(self.judge(true).unwrap_or_else(|| wrong("ended without an answer", Vec::new()))),
                Ok(n) => {
                    self.answer.extend_from_slice(room.get(..n).unwrap_or_default());
                    if let Some(found) = self.judge(false) {
                        return Some(found);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Some(wrong(&plain(&error), Vec::new())),
            }
        }
    }

    /// What the answer says, as far as it has come. With a good status nothing else is waited for; with another one, the
    /// beginning of the body is, since it may say what is wrong.
    fn judge(&mut self, ended: bool) -> Option<Found> {
        let head = loop {
            match head(&self.answer) {
                Err(error) => return Some(wrong(&error, Vec::new())),
                Ok(None) if self.answer.len() > HEAD_BYTES => {
                    return Some(wrong("answered with a head that is too long", Vec::new()));
                }
                Ok(None) => return None,
                // Only a word on the way.
                Ok(Some(head)) if (100..200).contains(&head.status) && head.status != 101 => {
                    self.answer.drain(..head.length);
                }
                Ok(Some(head)) => break head,
            }
        };
        let body = self.answer.get(head.length..).unwrap_or_default();
        let (lowest, highest) = self.good;
        let good = (lowest..=highest).contains(&head.status);
        let whole = body.len() >= head.body.unwrap_or(OUTPUT_KEPT).min(OUTPUT_KEPT);
        if !good && !whole && !ended {
            return None;
        }
        let Head { status, reason, .. } = head;
        let mut output = format!("{status} {reason}\n").into_bytes();
        output.extend_from_slice(body);
        output.truncate(OUTPUT_KEPT);
        Some(if good { Found { wrong: None, output } } else { wrong(&format!("answered {status}"), output) })
    }
}

fn wrong(text: &str, output: Vec<u8>) -> Found {
    Found { wrong: Some(text.to_owned()), output }
}

/// The head at the beginning of an answer, if all of it is there.
#[cfg(feature = "web")]
fn head(answer: &[u8]) -> Result<Option<Head>, String> {
    const HEADERS: usize = 128;
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(answer) {
        Ok(httparse::Status::Partial) => Ok(None),
        Ok(httparse::Status::Complete(length)) => {
            let named = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
            let body = named.and_then(|header| str::from_utf8(header.value).ok()?.trim().parse().ok());
            let (status, reason) = (response.code.unwrap_or(0), response.reason.unwrap_or("").to_owned());
            Ok(Some(Head { status, reason, length, body }))
        }
        Err(error) => Err(format!("answered with something that is not HTTP: {error}")),
    }
}

#[cfg(not(feature = "web"))]
fn head(_: &[u8]) -> Result<Option<Head>, String> {
    Err("this taskmasterd was built without HTTP".to_owned())
}

#[cfg(test)]
#[cfg(feature = "web")]
mod tests {
    use super::*;

    fn judged(pieces: &[&[u8]], ended: bool) -> Option<(Option<String>, String)> {
        let mut exchange = Exchange::new("localhost", "/", (200, 399));
        let mut found = None;
        for (at, piece) in pieces.iter().enumerate() {
            exchange.answer.extend_from_slice(piece);
            found = exchange.judge(ended && at + 1 == pieces.len());
        }
        found.map(|found| (found.wrong, String::from_utf8(found.output).unwrap()))
    }

    fn bad(text: &str, output: &str) -> Option<(Option<String>, String)> {
        Some((Some(text.to_owned()), output.to_owned()))
    }

    #[test]
    fn a_good_status_is_enough() {
        assert_eq!(judged(&[b"HTTP/1.1 200"], false), None);
        let good = judged(&[b"HTTP/1.1 20", b"4 No Content\r\nA: b\r", b"\n\r\nbegin"], false);
        assert_eq!(good, Some((None, "204 No Content\nbegin".to_owned())));
        let later = judged(&[b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 302 Found\r\n\r\n"], false);
        assert_eq!(later, Some((None, "302 Found\n".to_owned())));
    }

    #[test]
    fn with_another_the_body_is_awaited_and_cut() {
        let head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\n";
        assert_eq!(judged(&[head], false), None);
        let whole = bad("answered 503", "503 Service Unavailable\ndown");
        assert_eq!(judged(&[head, b"down"], false), whole);
        assert_eq!(judged(&[head, b"do"], true), bad("answered 503", "503 Service Unavailable\ndo"));
        let endless = [b'x'; 8192];
        let (_, output) = judged(&[b"HTTP/1.1 500 E\r\n\r\n", &endless], false).unwrap();
        assert_eq!(output.len(), OUTPUT_KEPT);
    }

    #[test]
    fn what_is_not_http_is_told() {
        let (wrong, _) = judged(&[b"SSH-2.0-OpenSSH_9.2\r\n"], false).unwrap();
        assert!(wrong.unwrap().starts_with("answered with something that is not HTTP"));
        let long = vec![b'a'; HEAD_BYTES];
        let (wrong, _) = judged(&[b"HTTP/1.1 200 OK\r\nA: ", &long], false).unwrap();
        assert_eq!(wrong.unwrap(), "answered with a head that is too long");
    }
}
