//! The contracts of HTTP: how a stream is cut into requests, who is let in, what a request means, and WebSocket frames.

use taskmaster::control::calls::{Answer, Calls, OPEN_CALLS};
use taskmaster::control::command::Right;
use taskmaster::control::frame::REQUEST_BYTES;
use taskmaster::web::guard::{self, Rules};
use taskmaster::web::http::{Asked, BODY_BYTES, Fault, HEAD_BYTES, Method, Reader, Step};
use taskmaster::web::reply::{How, Reply};
use taskmaster::web::route::{self, ROUTES};
use taskmaster::web::socket::{Heard, Socket};

/// However a stream is torn, it is the same requests and ends in the same way; what is understood is bounded and harmless.
pub(super) fn requests(bytes: &[u8]) -> bool {
    let wanted = taken([bytes]);
    assert_eq!(taken(bytes.chunks(1)), wanted, "in single bytes");
    for at in [bytes.len() / 3, bytes.len() / 2, bytes.len().saturating_sub(1)] {
        let (start, rest) = bytes.split_at(at);
        assert_eq!(taken([start, rest]), wanted, "torn at {at}");
    }
    let (asked, fault) = wanted;
    if let Some(fault) = &fault {
        assert!((400..=505).contains(&fault.status), "{fault:?}");
        is_one_answer(&Reply::of(fault));
    }
    asked.iter().for_each(is_harmless);
    !asked.is_empty()
}

/// What was taken of a stream: requests, and why it ended.
fn taken<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Asked>, Option<Fault>) {
    let mut reader = Reader::default();
    let mut asked = Vec::new();
    for piece in pieces {
        reader.feed(piece);
        loop {
            match reader.take() {
                Step::Wait => break,
                Step::Continue => {}
                Step::Ask(one) => asked.push(*one),
                Step::Refuse(fault) => return (asked, Some(fault)),
            }
        }
        assert!(reader.pending() <= HEAD_BYTES + BODY_BYTES + piece.len(), "too much is kept");
    }
    (asked, None)
}

fn is_harmless(asked: &Asked) {
    let head = &asked.head;
    assert!(asked.body.len() == head.length && head.length <= BODY_BYTES);
    let texts = head.path.iter().chain(head.query.iter().flat_map(|(name, value)| [name, value]));
    texts.for_each(|text| assert!(!text.contains(char::is_control), "{text:?}"));
    let local = "127.0.0.1".parse().ok();
    match guard::check(&Rules::default(), head, local) {
        Ok(()) => {
            let name = head.host.rsplit_once(':').map_or(head.host.as_str(), |(name, _)| name);
            assert!(
                name.starts_with("127.") || name.starts_with('[') || name == "localhost" || head.host == "localhost"
            );
            assert!(head.origin.as_ref().is_none_or(|origin| origin.to_lowercase().ends_with(&head.host)));
        }
        Err(fault) => assert!([403, 421].contains(&fault.status)),
    }
    match route::find(head) {
        Err(fault) => assert!([404, 405].contains(&fault.status)),
        Ok((route, name)) => {
            assert!(ROUTES.iter().any(|known| known.path == route.path));
            if let Ok(Some((request, _))) = route::translate(route, &name, asked) {
                assert!(
                    head.method == Method::Post || request.right() == Right::Read,
                    "{request:?} by {:?}",
                    head.method
                );
            }
        }
    }
    let (mut calls, mut next, mut texts) = (Calls::default(), 1, Vec::new());
    let requests = calls.read(&String::from_utf8_lossy(&asked.body), false, &mut next, &mut texts);
    assert!(requests.len() <= 256 && OPEN_CALLS < 256);
    for (number, _) in requests {
        calls.answer(number, Answer::Written(b"{}"));
    }
    assert!(calls.is_done(), "something is never answered");
}

/// An answer whose head has the lines that it should have, and no more.
fn is_one_answer(reply: &Reply) {
    let mut out = Vec::new();
    reply.write(How { keep_alive: false, head_only: true }, &mut out);
    let text = String::from_utf8(out).expect("a head is text");
    assert!(text.ends_with("\r\n\r\n") && text.matches("\r\n\r\n").count() == 1, "{text:?}");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
}

/// Frames may come as they like: the texts are the same, each is within its bound, and what is answered is, too.
pub(super) fn socket(bytes: &[u8]) -> bool {
    let wanted = heard([bytes]);
    assert_eq!(heard(bytes.chunks(1)), wanted, "in single bytes");
    let (start, rest) = bytes.split_at(bytes.len() / 2);
    assert_eq!(heard([start, rest]), wanted, "torn in two");
    wanted.iter().all(Option::is_some) && !wanted.is_empty()
}

fn heard<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Option<String>> {
    let mut socket = Socket::new(Vec::new());
    let (mut all, mut out, mut fed) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        socket.feed(piece);
        fed += piece.len();
        loop {
            match socket.hear() {
                Heard::Nothing => break,
                Heard::Text(text) => {
                    assert!(text.len() <= REQUEST_BYTES);
                    all.push(Some(text));
                }
                Heard::End => {
                    socket.take_out(&mut out);
                    assert!(out.len() <= 2 * fed + 200, "{} bytes for {fed}", out.len());
                    all.push(None);
                    return all;
                }
            }
        }
    }
    all
}
