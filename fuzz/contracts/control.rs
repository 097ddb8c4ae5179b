//! What must hold of the control socket: how a stream is cut into lines, and how a line is read.

use taskmaster::control::command::Verb;
use taskmaster::control::frame::{Frame, Lines, REQUEST_BYTES, looks_like_json};
use taskmaster::control::jsonrpc::{self, BATCH_CALLS, Call, Id};
use taskmaster::control::message::{Refusal, Request, Response};
use taskmaster::control::render::Clock;
use taskmaster::control::text;
use taskmaster::control::wire::{self, Message};

/// What one sign of a text stands for, so that short texts make lines that are too long.
const STRETCH_BYTES: usize = 16 << 10;

/// What comes out of a stream: lines, and whether what was too long looked like JSON.
type Came = Vec<Result<Vec<u8>, bool>>;

/// How a stream is torn makes no difference, and what comes out is what a simpler reader finds.
pub fn frames(data: &[u8]) -> bool {
    let stream = stretched(data);
    let whole = plainly(&stream);
    assert_eq!(fed([&stream[..]]), whole, "in one piece");
    for at in offsets(data, &stream) {
        let (one, two) = stream.split_at(at);
        assert_eq!(fed([one, two]), whole, "torn at {at}");
        // That takes too long where there are few places but many bytes.
        if stream.len() < STRETCH_BYTES {
            let (two, three) = two.split_at(two.len() / 2);
            assert_eq!(fed([one, two, three]), whole, "torn at {at} and behind");
        }
    }
    // Byte by byte, if that does not take too long.
    for size in [1, 7, 4096].into_iter().filter(|size| stream.len() / size <= 4096) {
        assert_eq!(fed(stream.chunks(size)), whole, "in pieces of {size}");
    }
    !whole.is_empty() && whole.iter().all(Result::is_ok)
}

fn stretched(data: &[u8]) -> Vec<u8> {
    let mut stream = Vec::with_capacity(data.len());
    for byte in data {
        match byte {
            1 => stream.resize(stream.len() + STRETCH_BYTES, b'x'),
            2 => stream.resize(stream.len() + STRETCH_BYTES, b' '),
            byte => stream.push(*byte),
        }
        // More would be slow, and would not be another case.
        if stream.len() > REQUEST_BYTES + 2 * STRETCH_BYTES {
            break;
        }
    }
    stream
}

/// All places in a short stream, some in a long one: around its line ends, and where the text says.
fn offsets(data: &[u8], stream: &[u8]) -> Vec<usize> {
    if stream.len() <= 256 {
        return (0..=stream.len()).collect();
    }
    let ends = stream.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).take(2);
    let around = [0].into_iter().chain(ends).flat_map(|at| [at, at + REQUEST_BYTES, at + REQUEST_BYTES + 1]);
    let said = data.chunks_exact(2).take(2).map(|pair| usize::from(pair[0]) << 9 | usize::from(pair[1]));
    around.chain(said).filter(|at| *at <= stream.len()).collect()
}

fn fed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Came {
    let mut lines = Lines::default();
    let mut came = Vec::new();
    for piece in pieces {
        lines.feed(piece);
        drain(&mut lines, &mut came);
        assert!(lines.pending() <= REQUEST_BYTES, "{} bytes are kept", lines.pending());
    }
    lines.finish();
    drain(&mut lines, &mut came);
    assert_eq!(lines.take(), None);
    assert_eq!(lines.pending(), 0);
    came
}

fn drain(lines: &mut Lines, came: &mut Came) {
    while let Some(frame) = lines.take() {
        came.push(match frame {
            Frame::Line(line) => Ok(line.to_vec()),
            Frame::TooLarge { json } => Err(json),
        });
    }
}

/// The same by the words of the protocol, without a thought of memory.
fn plainly(stream: &[u8]) -> Came {
    let mut came = Vec::new();
    for line in stream.split(|byte| *byte == b'\n') {
        if line.len() > REQUEST_BYTES {
            came.push(Err(looks_like_json(&line[..=REQUEST_BYTES])));
            break;
        }
        if line.iter().any(|byte| !byte.is_ascii_whitespace()) {
            came.push(Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec()));
        }
    }
    came
}

/// Each line is a request that means the same however it is written, or it is refused in a way that can be shown and read.
pub fn requests(data: &[u8]) -> bool {
    let mut good = 0;
    let mut bad = 0;
    for line in data.split(|byte| *byte == b'\n') {
        *(if request(line) { &mut good } else { &mut bad }) += 1;
    }
    good > bad
}

/// Whether all that the line asks for was understood.
fn request(line: &[u8]) -> bool {
    let json = looks_like_json(line);
    match wire::decode(line) {
        Message::Text(understood) => {
            assert!(!json);
            match &understood {
                Ok(request) => {
                    again(request);
                    let line = std::str::from_utf8(line).expect("a text");
                    let quote = |word: String| format!("'{}'", word.replace('\'', "'\\''"));
                    let words: Vec<String> = text::split(line).expect("words").into_iter().map(quote).collect();
                    assert_eq!(wire::decode(words.join(" ").as_bytes()), Message::Text(Ok(request.clone())));
                }
                Err(refusal) => refused_in_words(refusal, line.len()),
            }
            understood.is_ok()
        }
        Message::Json { calls, batch } => {
            assert!(json && (1..=BATCH_CALLS).contains(&calls.len()) && (batch || calls.len() == 1), "{calls:?}");
            calls.iter().for_each(|call| called(call, line.len()));
            if batch {
                batch_of(&calls);
            }
            calls.iter().all(|call| call.request.is_ok())
        }
    }
}

/// What a client writes for a request is read as this request.
fn again(request: &Request) {
    let _ = (request.right(), request.command());
    let mut line = Vec::new();
    jsonrpc::write_request(&Id::number(1), request, &mut line);
    let call = Call { id: Some(Id::number(1)), request: Ok(request.clone()) };
    assert_eq!(wire::decode(&line), Message::Json { calls: vec![call], batch: false }, "{request:?}");
}

fn called(call: &Call, len: usize) {
    match (&call.request, &call.id) {
        (Ok(request), _) => again(request),
        (Err(refusal), Some(id)) => refused_in_json(id, refusal, len),
        // Nobody is told.
        (Err(_), None) => {}
    }
}

fn refused_in_words(refusal: &Refusal, len: usize) {
    let mut out = Vec::new();
    wire::write_text(&Response::Refused(refusal.clone()), &Clock::default(), &mut out);
    one_line(&out, len);
    assert!(out.starts_with(b"ERROR "), "{out:?}");
}

/// The client finds what the daemon meant.
fn refused_in_json(id: &Id, refusal: &Refusal, len: usize) {
    let mut out = Vec::new();
    wire::write_json(id, &Response::Refused(refusal.clone()), &mut out);
    one_line(&out, len);
    let line = String::from_utf8(out).expect("JSON is text");
    assert!(line.contains(&format!("\"id\":{}", id.as_json())), "{line}");
    assert_eq!(jsonrpc::read_answer(Verb::Status, line.trim_end()), Ok(Response::Refused(refusal.clone())));
}

fn batch_of(calls: &[Call]) {
    let (mut answers, mut out) = (Vec::new(), Vec::new());
    let asked: Vec<&Id> = calls.iter().filter_map(|call| call.id.as_ref()).collect();
    asked.iter().for_each(|id| wire::add_to_batch(id, &Response::ShuttingDown, &mut answers));
    wire::write_batch(&answers, &mut out);
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), usize::from(!asked.is_empty()), "{out:?}");
}

/// What is written is one line without signs that drive a terminal, and not much longer than what was asked.
fn one_line(out: &[u8], len: usize) {
    let (end, line) = out.split_last().expect("a line");
    assert!(*end == b'\n' && line.iter().all(|byte| *byte >= b' '), "{}", String::from_utf8_lossy(out));
    assert!(out.len() <= 2000 + 12 * len, "{} for {len}", out.len());
}
