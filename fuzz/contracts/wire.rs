//! The contracts of what clients send: how a stream is cut into lines, and how a line is read.

use taskmaster::control::frame::{Frame, Lines, REQUEST_BYTES, looks_like_json};
use taskmaster::control::jsonrpc::{self, BATCH_CALLS, Call, Id};
use taskmaster::control::message::{Refusal, Request, Response};
use taskmaster::control::render::Clock;
use taskmaster::control::wire::{self, Message};

/// How much one byte may stand for, so that a short text can be a line that is too long.
const RUN_BYTES: usize = REQUEST_BYTES / 4;
/// How often a text may say so.
const RUNS: usize = 5;
/// A text of so many bytes is torn at each of them.
const EVERYWHERE_BYTES: usize = 24;

/// A line as it comes out of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Taken {
    Line(Vec<u8>),
    TooLarge { json: bool },
}

/// However a stream is torn into reads, what comes out is what it says, and no more than one request is kept. Two bytes
/// stand for a run of letters and of blanks.
pub(super) fn frames(bytes: &[u8]) -> bool {
    let stream = with_runs(bytes);
    let wanted = lines_of(&stream);
    let torn = |pieces: &[&[u8]], how: &str| {
        let taken = taken(pieces);
        assert!(taken == wanted, "{how}: {} instead of {}", shown(&taken), shown(&wanted));
    };
    torn(&[&stream], "whole");
    let small = if stream.len() < RUN_BYTES { 1 } else { 4093 };
    torn(&stream.chunks(small).collect::<Vec<_>>(), "in small pieces");
    let places = places(&stream);
    for (n, i) in places.iter().enumerate() {
        let (start, rest) = stream.split_at(*i);
        torn(&[start, rest], "in two");
        for j in places.iter().skip(n) {
            let (middle, end) = rest.split_at(j - i);
            torn(&[start, middle, end], "in three");
        }
    }
    wanted.iter().all(|taken| matches!(taken, Taken::Line(_)))
}

fn with_runs(bytes: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut runs = 0;
    for byte in bytes {
        let filler = match byte {
            0x0e if runs < RUNS => b'x',
            0x0f if runs < RUNS => b' ',
            _ => {
                stream.push(*byte);
                continue;
            }
        };
        runs += 1;
        stream.resize(stream.len() + RUN_BYTES, filler);
    }
    stream
}

/// What a stream says, told without any buffer: lines up to the first that is too long, without those that are blank.
fn lines_of(stream: &[u8]) -> Vec<Taken> {
    let mut lines = Vec::new();
    for line in stream.split(|byte| *byte == b'\n') {
        if line.len() > REQUEST_BYTES {
            lines.push(Taken::TooLarge { json: looks_like_json(&line[..REQUEST_BYTES]) });
            break;
        }
        if !line.trim_ascii().is_empty() {
            lines.push(Taken::Line(line.strip_suffix(b"\r").unwrap_or(line).to_vec()));
        }
    }
    lines
}

fn taken(pieces: &[&[u8]]) -> Vec<Taken> {
    fn drain(lines: &mut Lines, taken: &mut Vec<Taken>) {
        while let Some(frame) = lines.take() {
            taken.push(match frame {
                Frame::Line(line) => Taken::Line(line.to_vec()),
                Frame::TooLarge { json } => Taken::TooLarge { json },
            });
        }
    }
    let mut lines = Lines::default();
    let mut taken = Vec::new();
    for piece in pieces {
        lines.feed(piece);
        drain(&mut lines, &mut taken);
        assert!(lines.pending() <= REQUEST_BYTES, "{} bytes are kept", lines.pending());
    }
    lines.finish();
    drain(&mut lines, &mut taken);
    assert_eq!(lines.take(), None);
    assert_eq!(lines.pending(), 0);
    taken
}

fn shown(lines: &[Taken]) -> String {
    let one = |taken: &Taken| match taken {
        Taken::Line(line) => format!("{} bytes \"{}\"", line.len(), line[..line.len().min(40)].escape_ascii()),
        Taken::TooLarge { json } => format!("too large (json: {json})"),
    };
    lines.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Where a stream is torn: everywhere, or in a long one around its line ends and where the first line is too long.
fn places(stream: &[u8]) -> Vec<usize> {
    if stream.len() <= EVERYWHERE_BYTES {
        return (0..=stream.len()).collect();
    }
    let ends = stream.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let odd = ends.take(2).chain([REQUEST_BYTES, stream.len() / 2]);
    let mut places: Vec<usize> = odd.flat_map(|at| [at, at + 1]).filter(|at| *at <= stream.len()).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// A line is read as words or as JSON; what is asked for can be asked for again, and what is refused can be told.
pub(super) fn requests(line: &[u8]) -> bool {
    match wire::decode(line) {
        Message::Text(request) => {
            assert!(!looks_like_json(line));
            match request {
                Ok(request) => asked_again(&request),
                Err(refusal) => return refused_in_words(refusal, line),
            }
            true
        }
        Message::Json { calls, batch } => {
            assert!(looks_like_json(line));
            assert!(if batch { (1..=BATCH_CALLS).contains(&calls.len()) } else { calls.len() == 1 }, "{calls:?}");
            calls.iter().all(|call| called(call, line))
        }
    }
}

/// A request that was understood is the same when our own client asks for it.
fn asked_again(request: &Request) {
    let id = Id::number(7);
    let mut line = Vec::new();
    jsonrpc::write_request(&id, request, &mut line);
    let again = wire::decode(&line);
    let call = Call { id: Some(id), request: Ok(request.clone()) };
    assert_eq!(again, Message::Json { calls: vec![call], batch: false }, "{}", line.escape_ascii());
}

fn refused_in_words(refusal: Refusal, line: &[u8]) -> bool {
    let mut out = Vec::new();
    wire::write_text(&Response::Refused(refusal), &Clock::default(), &mut out);
    assert!(out.starts_with(b"ERROR "), "{}", out.escape_ascii());
    one_line(&out, line);
    false
}

/// A call is answered under its own id.
fn called(call: &Call, line: &[u8]) -> bool {
    if let Some(id) = &call.id {
        assert!(id.as_json().starts_with(|c: char| "\"-n".contains(c) || c.is_ascii_digit()), "{id:?}");
    }
    match (&call.id, &call.request) {
        (_, Ok(request)) => {
            asked_again(request);
            true
        }
        (Some(id), Err(refusal)) => {
            let mut out = Vec::new();
            wire::write_json(id, &Response::Refused(refusal.clone()), &mut out);
            one_line(&out, line);
            let text = std::str::from_utf8(&out).expect("JSON is UTF-8");
            assert!(jsonrpc::raw_error(text.trim_end()).is_some(), "{text}");
            assert!(text.contains(&format!("\"id\":{},", id.as_json())), "{text}");
            false
        }
        (None, Err(refusal)) => {
            assert!(!refusal.text.is_empty());
            false
        }
    }
}

/// What is answered is one line without control characters, not much longer than what was asked.
fn one_line(out: &[u8], line: &[u8]) {
    let text = out.strip_suffix(b"\n").expect("a whole line");
    assert!(text.iter().all(|byte| *byte >= b' '), "{}", out.escape_ascii());
    assert!(out.len() <= 2000 + 12 * line.len(), "{} bytes for {}", out.len(), line.len());
}
