//! What follows an answer: events and output. Each is a notification that names the call that it belongs to.

use std::borrow::Cow;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::base::id::Stream;
use crate::control::message::{Chunk, Event};

use super::{Id, write_json};

/// A chunk. Its bytes are a text if they can be, else they are in base64 (RFC 4648).
#[derive(Serialize, Deserialize)]
pub(super) struct Part<'a> {
    process: Cow<'a, str>,
    stream: Stream,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<Cow<'a, str>>,
    next: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    lost: bool,
}

impl<'a> Part<'a> {
    pub(super) fn of(chunk: &'a Chunk) -> Part<'a> {
        let text = str::from_utf8(&chunk.bytes).ok();
        let base64 = if text.is_none() { Some(BASE64.encode(&chunk.bytes).into()) } else { None };
        Part {
            process: Cow::Borrowed(&chunk.next.process),
            stream: chunk.next.stream,
            text: text.map(Cow::Borrowed),
            base64,
            next: chunk.next.to_string().into(),
            lost: chunk.lost,
        }
    }

    pub(super) fn chunk(self) -> Result<Chunk, String> {
        let bytes = match (self.text, self.base64) {
            (Some(text), _) => text.into_owned().into_bytes(),
            (None, Some(text)) => BASE64.decode(text.as_bytes()).map_err(|error| error.to_string())?,
            (None, None) => Vec::new(),
        };
        Ok(Chunk { next: self.next.parse()?, bytes, lost: self.lost })
    }
}

/// Appends an event that follows an answer: a notification with the id of the request that it belongs to.
pub fn write_event(id: &Id, event: &Event, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"request\":");
    out.extend_from_slice(id.as_json().as_bytes());
    out.extend_from_slice(b",\"event\":");
    write_json(event, out);
    out.extend_from_slice(b"}}");
}

/// Appends output that follows an answer: a notification with the id of the request that it belongs to.
pub fn write_output(id: &Id, chunk: &Chunk, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"output\",\"params\":{\"request\":");
    out.extend_from_slice(id.as_json().as_bytes());
    out.extend_from_slice(b",\"output\":");
    write_json(&Part::of(chunk), out);
    out.extend_from_slice(b"}}");
}

/// A chunk of output as a line of JSON.
#[must_use]
pub fn output_line(chunk: &Chunk) -> Vec<u8> {
    let mut line = Vec::new();
    write_line_output(chunk, &mut line);
    line
}

/// Appends a chunk of output as a line of JSON.
pub fn write_line_output(chunk: &Chunk, out: &mut Vec<u8>) {
    write_json(&Part::of(chunk), out);
    out.push(b'\n');
}

/// Reads output that follows an answer.
///
/// # Errors
/// The line is no such output. In words, for people.
pub fn read_output(line: &str) -> Result<Chunk, String> {
    #[derive(Deserialize)]
    struct Written<'a> {
        #[serde(borrow)]
        output: Part<'a>,
    }
    let read = serde_json::from_str::<Notification<Written<'_>>>(line);
    read.map_err(|error| error.to_string()).and_then(|notification| notification.params.output.chunk())
}

#[derive(Deserialize)]
struct Notification<P> {
    params: P,
}

#[derive(Deserialize)]
struct Followed<E> {
    event: E,
}

/// An event as a line of JSON.
#[must_use]
pub fn event_line(event: &Event) -> Vec<u8> {
    let mut line = Vec::new();
    write_line_event(event, &mut line);
    line
}

/// Appends an event as a line of JSON.
pub fn write_line_event(event: &Event, out: &mut Vec<u8>) {
    write_json(event, out);
    out.push(b'\n');
}

/// Reads an event that follows an answer.
///
/// # Errors
/// The line is no such event. In words, for people.
pub fn read_event(line: &str) -> Result<Event, String> {
    let read = serde_json::from_str::<Notification<Followed<Event>>>(line);
    read.map(|notification| notification.params.event).map_err(|error| error.to_string())
}

/// The JSON text of the event in such a line, untouched.
#[must_use]
pub fn raw_params(line: &str) -> Option<&str> {
    let read = serde_json::from_str::<Notification<Followed<&RawValue>>>(line).ok()?;
    Some(read.params.event.get())
}
