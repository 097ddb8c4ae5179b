//! The one way in and the one way out of a connection: a line to a message, a response to bytes.
//!
//! A message remembers how it was asked, so that it is answered in kind.

use super::frame::{self, REQUEST_BYTES};
use super::jsonrpc::{self, Call, Id};
use super::message::{Refusal, RefusalCode, Request, Response};
use super::render::{self, Clock};
use super::text;

/// A line that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// It was words: the answer is lines of text (see [`write_text`]).
    Text(Result<Request, Refusal>),
    /// It was JSON-RPC. In a batch the answers come in one array (see [`write_batch`]), else there is one call.
    Json {
        /// What is called, in order.
        calls: Vec<Call>,
        /// Whether it came as an array.
        batch: bool,
    },
}

/// Reads one line, whatever it holds.
#[must_use]
pub fn decode(line: &[u8]) -> Message {
    let json = frame::looks_like_json(line);
    if line.contains(&0) {
        return refused(json, Refusal::new(RefusalCode::BadRequest, "the line has a NUL byte"));
    }
    match str::from_utf8(line) {
        Err(_) => refused(json, Refusal::new(RefusalCode::BadRequest, "the line is not UTF-8")),
        Ok(line) if json => {
            let (calls, batch) = jsonrpc::parse(line);
            Message::Json { calls, batch }
        }
        Ok(line) => Message::Text(text::parse_line(line)),
    }
}

/// What stands in for a line that is too long (see [`frame::Frame::TooLarge`]).
#[must_use]
pub fn too_large(json: bool) -> Message {
    let text = format!("a request has at most {REQUEST_BYTES} bytes; the connection is closed");
    refused(json, Refusal::new(RefusalCode::TooLarge, text))
}

fn refused(json: bool, refusal: Refusal) -> Message {
    if json {
        Message::Json { calls: vec![Call::unreadable(refusal)], batch: false }
    } else {
        Message::Text(Err(refusal))
    }
}

/// Appends the answer in text: lines for people, then `OK` or `ERROR <code>: <text>`.
pub fn write_text(response: &Response, clock: &Clock, out: &mut Vec<u8>) {
    render::write(response, clock, out);
    out.extend_from_slice(render::final_line(response).as_bytes());
    out.push(b'\n');
}

/// Appends the answer to a single JSON-RPC call: one line.
pub fn write_json(id: &Id, response: &Response, out: &mut Vec<u8>) {
    jsonrpc::write_answer(id, response, out);
    out.push(b'\n');
}

/// Appends the answers to a batch: one line, or nothing if all of it was notifications.
pub fn write_batch<'a>(answers: impl IntoIterator<Item = (&'a Id, &'a Response)>, out: &mut Vec<u8>) {
    let mut separator = b'[';
    for (id, response) in answers {
        out.push(separator);
        jsonrpc::write_answer(id, response, out);
        separator = b',';
    }
    if separator == b',' {
        out.extend_from_slice(b"]\n");
    }
}
