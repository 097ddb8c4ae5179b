//! The one way in and the one way out of a connection: a line to a message, a response to bytes.
//!
//! A message remembers how it was asked, so that it is answered in kind.

use super::frame::{self, REQUEST_BYTES};
use super::jsonrpc::{self, Call, Id};
use super::message::{Chunk, Event, Refusal, RefusalCode, Request, Response};
use super::render::{self, Clock};
use super::text;

/// A line that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// It was words: the answer is lines of text (see [`write_text`]).
    Text(Result<Request, Refusal>),
    /// It was JSON-RPC. In a batch the answers come in one array (see [`super::calls::Calls`]), else there is one call.
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

/// Appends an event by itself: one line.
pub fn write_event_object(event: &Event, out: &mut Vec<u8>) {
    jsonrpc::write_json(event, out);
    out.push(b'\n');
}

/// Appends an event that follows the lines of an answer: one line.
pub fn write_text_event(event: &Event, out: &mut Vec<u8>) {
    let mut text = String::new();
    render::event(event, &mut text);
    out.extend_from_slice(text.as_bytes());
}

/// Appends output that follows the lines of an answer.
pub fn write_text_output(chunk: &Chunk, labelled: bool, out: &mut Vec<u8>) {
    render::output(chunk, labelled, out);
}

/// Appends the lines of an answer that goes on: the last line comes when it ends.
pub fn write_text_beginning(response: &Response, clock: &Clock, out: &mut Vec<u8>) {
    render::write(response, clock, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::dice::Dice;
    use crate::control::frame::{Frame, Lines};

    #[test]
    fn a_message_is_answered_in_kind() {
        let version = Request::Version;
        assert_eq!(decode(b"version"), Message::Text(Ok(version.clone())));
        let json = br#"  {"jsonrpc":"2.0","method":"version","id":1}"#;
        let call = Call { id: Some(Id::number(1)), request: Ok(version) };
        assert_eq!(decode(json), Message::Json { calls: vec![call], batch: false });
        for (line, code) in [
            (&b"sta\0tus"[..], RefusalCode::BadRequest),
            (b"status \xff", RefusalCode::BadRequest),
            (b"{\0}", RefusalCode::BadRequest),
            (b"{\"\xff\":1}", RefusalCode::BadRequest),
        ] {
            match decode(line) {
                Message::Text(request) => assert_eq!((request.unwrap_err().code, line[0]), (code, b's')),
                Message::Json { calls, batch } => {
                    assert_eq!((calls[0].request.clone().unwrap_err().code, line[0], batch), (code, b'{', false));
                }
            }
        }
        assert!(matches!(too_large(false), Message::Text(Err(r)) if r.code == RefusalCode::TooLarge));
        assert!(matches!(too_large(true), Message::Json { calls, .. } if calls[0].id == Some(Id::null())));
    }

    #[test]
    fn answers_are_whole_lines() {
        let mut out = Vec::new();
        write_text(&Response::DaemonPid(5), &Clock::default(), &mut out);
        write_json(&Id::number(1), &Response::DaemonPid(5), &mut out);
        let text = "5\nOK\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"pid\":5}}\n";
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }

    #[test]
    fn a_conversation_torn_at_every_offset_is_the_same() {
        let conversation: &[u8] = b"stop 'w b' \r\n\n{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"pid\"}\n\
            [{\"jsonrpc\":\"2.0\",\"method\":\"top\"},3]\nw\xfcb\ntail -n x";
        let messages = |reads: &mut dyn Iterator<Item = &[u8]>| {
            let mut lines = Lines::default();
            let mut out = Vec::new();
            let mut drain = |lines: &mut Lines| {
                while let Some(frame) = lines.take() {
                    let Frame::Line(line) = frame else { panic!("nothing here is too large") };
                    out.push(decode(line));
                }
            };
            for read in reads {
                lines.feed(read);
                drain(&mut lines);
            }
            lines.finish();
            drain(&mut lines);
            out
        };
        let whole = messages(&mut [conversation].into_iter());
        assert_eq!(whole.len(), 5);
        for first in 0..=conversation.len() {
            let (one, rest) = conversation.split_at(first);
            for second in 0..=rest.len() {
                let (two, three) = rest.split_at(second);
                assert_eq!(messages(&mut [one, two, three].into_iter()), whole, "{first} {second}");
            }
        }
        assert_eq!(messages(&mut conversation.chunks(1)), whole);
    }

    #[test]
    fn mutated_lines_never_panic_and_answers_stay_bounded() {
        const SEEDS: [&[u8]; 9] = [
            b"status web w*",
            b"wait --for stopped -t 1m web",
            b"start --timeout 5s 'a b' \"c\\\"d\"",
            b"signal SIGRTMIN+3 web:0",
            b"tail -n 20 web stderr",
            br#"{"jsonrpc":"2.0","id":"a\u0041","method":"start","params":{"names":["web"],"wait":true}}"#,
            br#"[{"jsonrpc":"2.0","method":"version","id":1},{"jsonrpc":"2.0","method":"pid"},3]"#,
            br#"{"jsonrpc":"2.0","id":1e5,"method":"signal","params":{"signal":9,"names":["x"]}}"#,
            br#"{"jsonrpc":"2.0","id":null,"method":"tail","params":{"name":"x","stream":"stderr","lines":5}}"#,
        ];
        const ODD: &[u8] = b"\0\n\r\\\"'{}[]:,- \t\x1b\x7f\x80\xc3\xff0e+";
        let mut dice = Dice::new(0x9e37_79b9_7f4a_7c15);
        for _ in 0..40_000 {
            let mut line = SEEDS[dice.below(SEEDS.len())].to_vec();
            for _ in 0..=dice.below(6) {
                let at = dice.below(line.len() + 1);
                match dice.below(5) {
                    0 => line.truncate(at),
                    1 => line.insert(at, ODD[dice.below(ODD.len())]),
                    2 => line.splice(at.., SEEDS[dice.below(SEEDS.len())].iter().copied()).for_each(drop),
                    3 if at < line.len() => line[at] ^= 1 << dice.below(8),
                    _ if at < line.len() => drop(line.remove(at)),
                    _ => {}
                }
            }
            let mut lines = Lines::default();
            let cut = dice.below(line.len() + 1);
            lines.feed(&line[..cut]);
            lines.feed(&line[cut..]);
            lines.finish();
            while let Some(frame) = lines.take() {
                let Frame::Line(line) = frame else { panic!("nothing here is too large") };
                let mut out = Vec::new();
                let refused = |r: &Refusal| Response::Refused(r.clone());
                match decode(line) {
                    Message::Text(Ok(_)) => {}
                    Message::Text(Err(refusal)) => {
                        write_text(&refused(&refusal), &Clock::default(), &mut out);
                        assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1);
                    }
                    Message::Json { calls, .. } => {
                        assert!(!calls.is_empty());
                        for call in &calls {
                            if let (Some(id), Err(refusal)) = (&call.id, &call.request) {
                                write_json(id, &refused(refusal), &mut out);
                            }
                        }
                    }
                }
                assert!(out.iter().all(|b| *b == b'\n' || *b >= b' '), "{:?}", String::from_utf8_lossy(&out));
                assert!(out.len() <= 2000 + 12 * line.len(), "{} for {}", out.len(), line.len());
            }
        }
    }
}
