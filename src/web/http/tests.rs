//! What is a request, what is refused, and that it does not matter how the bytes arrive.

use super::*;

fn steps(reads: &[&[u8]]) -> Vec<Step> {
    let mut reader = Reader::default();
    let mut steps = Vec::new();
    for read in reads {
        reader.feed(read);
        loop {
            match reader.take() {
                Step::Wait => break,
                step @ Step::Refuse(_) => {
                    steps.push(step);
                    return steps;
                }
                step @ (Step::Continue | Step::Ask(_)) => steps.push(step),
            }
        }
    }
    steps
}

fn one(text: &str) -> Asked {
    match steps(&[text.as_bytes()]).as_slice() {
        [Step::Ask(asked)] => (**asked).clone(),
        other => panic!("{text:?}: {other:?}"),
    }
}

fn refused(text: &[u8]) -> u16 {
    match steps(&[text]).as_slice() {
        [Step::Refuse(fault)] => fault.status,
        other => panic!("{:?}: {other:?}", String::from_utf8_lossy(text)),
    }
}

#[test]
fn a_request_is_read() {
    let text = "POST /api/processes/w%3aw_00/stop?lines=5&x=a+b%2B HTTP/1.1\r\nhost: Localhost:80\r\n\
        Origin:  http://a \r\nContent-Length: 2\r\n\r\n{}";
    let Asked { head, body } = one(text);
    assert_eq!(head.method, Method::Post);
    assert_eq!(head.path, ["api", "processes", "w:w_00", "stop"]);
    assert_eq!(head.query, [("lines".to_owned(), "5".to_owned()), ("x".to_owned(), "a b+".to_owned())]);
    assert_eq!((head.host.as_str(), head.origin.as_deref()), ("localhost:80", Some("http://a")));
    assert!(head.keep_alive && body == b"{}");
    assert_eq!(one("GET / HTTP/1.1\r\nHost: a\r\n\r\n").head.path, Vec::<String>::new());
    assert_eq!(one("\r\nGET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n").head.path, ["a", "..", "b"]);
    assert!(!one("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n").head.keep_alive);
    assert!(!one("GET / HTTP/1.0\r\nHost: a\r\n\r\n").head.keep_alive);
    assert!(one("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").head.keep_alive);
    assert_eq!(one("PUT / HTTP/1.1\r\nHost: a\r\n\r\n").head.method, Method::Other);
}

#[test]
fn a_handshake_is_read() {
    let ask = |version: &str, key: &str| {
        format!(
            "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )
    };
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    assert_eq!(one(&ask("13", key)).head.socket_key.as_deref(), Some(key));
    assert_eq!(refused(ask("8", key).as_bytes()), 426);
    assert_eq!(refused(ask("13", "short").as_bytes()), 400);
    let plain = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(one(plain).head.socket_key, None);
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for (status, text) in [
        (400, &b"GET / HTTP/1.1\nHost: a\n\n"[..]),
        (400, b"GET / HTTP/1.1\r\nHost: a\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\0\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx"),
        (501, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: a\r\nTransfer-Encoding: b\r\n\r\n"),
        (413, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n"),
        (413, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        (417, b"POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n"),
        (400, b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, b"GET /%0d%0aX: HTTP/1.1\r\nHost: a\r\n\r\n"),
        (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\n"),
        (400, b"\0"),
        (400, b"\r\n\r\n"),
        (400, b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        assert_eq!(refused(text), status, "{:?}", String::from_utf8_lossy(text));
    }
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(HEADERS));
    assert_eq!(refused(many.as_bytes()), 431);
}

#[test]
fn an_endless_head_is_refused_when_it_is_too_long() {
    let mut reader = Reader::default();
    reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\nX: ");
    let mut fed = 0;
    loop {
        reader.feed(&[b'a'; 1000]);
        fed += 1000;
        match reader.take() {
            Step::Wait => assert!(fed <= HEAD_BYTES),
            Step::Refuse(fault) => return assert_eq!(fault.status, 431),
            other @ (Step::Continue | Step::Ask(_)) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_body_is_waited_for() {
    let mut reader = Reader::default();
    reader.feed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n");
    assert_eq!(reader.take(), Step::Continue);
    assert_eq!(reader.take(), Step::Wait);
    reader.feed(b"ab");
    assert_eq!(reader.take(), Step::Wait);
    assert!(reader.is_within());
    reader.feed(b"cd");
    assert!(matches!(reader.take(), Step::Ask(asked) if asked.body == b"abc"));
    assert_eq!(reader.into_rest(), b"d");
}

#[test]
fn requests_torn_at_every_offset_are_the_same() {
    let talk: &[u8] =
        b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /b?c HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\n\r\n\r\n\
        \r\nGET /d HTTP/1.0\r\nHost: d\r\n\r\nGET /e HTTP/1.1\nHost: e\r\n\r\n";
    let whole = steps(&[talk]);
    assert_eq!(whole.len(), 4);
    assert!(matches!(whole.last(), Some(Step::Refuse(_))));
    // One empty line may stand before a request, a second one may not.
    let empty: &[u8] = b"\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\n";
    assert!(matches!(steps(&[empty]).as_slice(), [Step::Ask(_), Step::Refuse(_)]));
    for talk in [talk, empty] {
        let whole = steps(&[talk]);
        for first in 0..=talk.len() {
            let (one, rest) = talk.split_at(first);
            assert_eq!(steps(&[one, rest]), whole, "{first}");
        }
        let bytes: Vec<&[u8]> = talk.chunks(1).collect();
        assert_eq!(steps(&bytes), whole);
    }
}
