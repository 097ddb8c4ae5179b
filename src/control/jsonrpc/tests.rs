//! Requests as JSON-RPC: what is read, what is refused, and with which words.

use super::*;
use crate::base::id::Stream;
use crate::base::signal::Sig;
use crate::control::message::{Wait, WaitFor};
use crate::control::text;

fn one(line: &str) -> Call {
    let (mut calls, batch) = parse(line);
    assert!(!batch && calls.len() == 1, "{line}");
    calls.remove(0)
}

fn method(method: &str, params: &str) -> Result<Request, Refusal> {
    one(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)).request
}

#[test]
fn every_request_comes_back() {
    let names = vec!["web".to_owned(), "a \"b\"\n".to_owned()];
    let mut requests = vec![
        Request::Status { names: vec![], usage: false },
        Request::Status { names: names.clone(), usage: true },
        Request::Why { names: names.clone() },
        Request::Wait { names: names.clone(), until: WaitFor::Running, timeout_ms: None },
        Request::Wait { names: names.clone(), until: WaitFor::Stopped, timeout_ms: Some(0) },
        Request::Wait { names: names.clone(), until: WaitFor::Healthy, timeout_ms: Some(1) },
        Request::Graph { names: vec![], dot: true },
        Request::Graph { names: names.clone(), dot: false },
        Request::Signal { sig: Sig::USR1, names: names.clone() },
        Request::Signal { sig: Sig::from_number(40).unwrap(), names: names.clone() },
        Request::Reload { dry_run: true },
        Request::Reload { dry_run: false },
        Request::Tail { name: "web".into(), stream: Stream::Stderr, lines: 0 },
        Request::Input { name: "web".into(), bytes: b"a\0\x1b\n".to_vec(), eof: false },
        Request::Input { name: "web".into(), bytes: vec![0xff, b'a'], eof: true },
        Request::Input { name: "web".into(), bytes: vec![], eof: true },
        Request::Resize { name: "web".into(), rows: 24, cols: 80 },
        Request::Pid { name: None },
        Request::Pid { name: Some("web".into()) },
        Request::Version,
        Request::Shutdown,
        Request::Help { command: None },
        Request::Help { command: Some("start".into()) },
    ];
    for wait in [Wait::No, Wait::Reached, Wait::UpTo(0), Wait::UpTo(86_400_000)] {
        requests.push(Request::Start { names: names.clone(), wait });
        requests.push(Request::Stop { names: names.clone(), wait });
        requests.push(Request::Restart { names: names.clone(), wait, rolling: None });
        requests.push(Request::Scale { name: "web".to_owned(), count: 7, wait });
    }
    for request in requests {
        let mut line = Vec::new();
        write_request(&Id::number(7), &request, &mut line);
        let line = String::from_utf8(line).unwrap();
        assert_eq!(one(&line), Call { id: Some(Id::number(7)), request: Ok(request) }, "{line}");
    }
}

#[test]
fn words_and_json_mean_the_same() {
    for (words, name, params) in [
        ("status", "status", "{}"),
        ("status web", "status", r#"{"names":["web"]}"#),
        ("start web", "start", r#"{"names":["web"],"wait":true}"#),
        ("start --no-wait web", "start", r#"{"wait":false,"names":["web"]}"#),
        ("stop --timeout 5 web", "stop", r#"{"names":["web"],"timeout_ms":5000}"#),
        ("restart a b", "restart", r#"{"names":["a","b"],"timeout_ms":null,"wait":null}"#),
        ("signal USR1 web", "signal", r#"{"signal":"USR1","names":["web"]}"#),
        ("signal 10 web", "signal", r#"{"signal":10,"names":["web"]}"#),
        ("reload --dry-run", "reload", r#"{"dry_run":true}"#),
        ("update", "update", "{}"),
        ("reread", "reread", "[]"),
        ("tail -n 3 web stderr", "tail", r#"{"lines":3,"name":"web","stream":"stderr"}"#),
        ("input web a b", "input", r#"{"name":"web","text":"a b\n"}"#),
        ("input --eof web", "input", r#"{"name":"web","eof":true}"#),
        ("resize web 24 80", "resize", r#"{"name":"web","rows":24,"cols":80}"#),
        ("pid", "pid", "{}"),
        ("pid web", "pid", r#"{"name":"web"}"#),
        ("version", "version", "{}"),
        ("shutdown", "shutdown", "{}"),
        ("help start", "help", r#"{"command":"start"}"#),
    ] {
        assert_eq!(method(name, params), text::parse_line(words), "{words}");
        assert!(method(name, params).is_ok(), "{words}");
    }
    let bare = one(r#"{"jsonrpc":"2.0","method":"status","id":"x"}"#);
    assert_eq!(bare.request, Ok(Request::Status { names: vec![], usage: false }));
}

#[test]
fn ids_are_given_back_as_they_came() {
    for id in ["null", "1", "-0", "1.50", "1e3", "123456789012345678901234567890", r#""a\u0062\n""#] {
        let call = one(&format!(r#"{{"id": {id} ,"jsonrpc":"2.0","method":"version"}}"#));
        assert_eq!(call.id.unwrap().as_json(), id);
    }
    for id in ["true", "[1]", "{}"] {
        let call = one(&format!(r#"{{"id":{id},"jsonrpc":"2.0","method":"version"}}"#));
        assert_eq!(call.id, Some(Id::null()));
        assert_eq!(call.request.unwrap_err().code, RefusalCode::InvalidRequest);
    }
}

#[test]
fn notifications_have_no_id() {
    let call = one(r#"{"jsonrpc":"2.0","method":"version"}"#);
    assert_eq!(call, Call { id: None, request: Ok(Request::Version) });
    let call = one(r#"{"jsonrpc":"2.0","method":"nothing"}"#);
    assert_eq!((call.id, call.request.unwrap_err().code), (None, RefusalCode::UnknownCommand));
}

#[test]
fn batches() {
    let (calls, batch) =
        parse(r#" [{"jsonrpc":"2.0","method":"version","id":1}, 1, {"jsonrpc":"2.0","method":"pid"}]"#);
    assert!(batch);
    assert_eq!(calls[0], Call { id: Some(Id::number(1)), request: Ok(Request::Version) });
    assert_eq!(calls[1].id, Some(Id::null()));
    assert_eq!(calls[1].request.as_ref().unwrap_err().code, RefusalCode::InvalidRequest);
    assert_eq!(calls[2], Call { id: None, request: Ok(Request::Pid { name: None }) });
    assert_eq!(calls.len(), 3);
    assert_eq!(one("[]").request.unwrap_err().code, RefusalCode::InvalidRequest);
    let many = |n: usize| format!("[{}]", vec!["1"; n].join(","));
    assert_eq!(parse(&many(BATCH_CALLS)).0.len(), BATCH_CALLS);
    assert_eq!(one(&many(BATCH_CALLS + 1)).request.unwrap_err().code, RefusalCode::TooLarge);
}

#[test]
fn bad_messages() {
    use RefusalCode::{BadRequest, InvalidRequest};
    for (line, code, id) in [
        ("{", BadRequest, "null"),
        ("{}}", BadRequest, "null"),
        ("[1", BadRequest, "null"),
        ("{'a':1}", BadRequest, "null"),
        ("{}", InvalidRequest, "null"),
        (r#"{"id":1}"#, InvalidRequest, "1"),
        (r#"{"id":1,"method":"version"}"#, InvalidRequest, "1"),
        (r#"{"id":1,"jsonrpc":"1.0","method":"version"}"#, InvalidRequest, "1"),
        (r#"{"id":1,"jsonrpc":2.0,"method":"version"}"#, InvalidRequest, "1"),
        (r#"{"id":"x","jsonrpc":"2.0","method":5}"#, InvalidRequest, "\"x\""),
        (r#"{"id":1,"jsonrpc":"2.0","method":"reload","parms":{"dry_run":true}}"#, InvalidRequest, "1"),
        (r#"{"id":1,"id":2,"jsonrpc":"2.0","method":"version"}"#, InvalidRequest, "1"),
    ] {
        let call = one(line);
        assert_eq!(call.request.unwrap_err().code, code, "{line}");
        assert_eq!(call.id.unwrap().as_json(), id, "{line}");
    }
    let text = one(r#"{"jsonrpc":"2.0","method":"reload","parms":{}}"#).request.unwrap_err().text;
    assert_eq!(text, "no member \"parms\" in a request (did you mean \"params\"?)");
    // Nesting beyond what the reader follows is refused like other JSON that cannot be read.
    let deep = "[".repeat(60_000);
    assert_eq!(one(&deep).request.unwrap_err().code, BadRequest);
}

#[test]
fn bad_params() {
    for (name, params, text) in [
        ("reload", r#"{"dryrun":true}"#, "reload: no param \"dryrun\" (did you mean \"dry_run\"?) (params: dry_run)"),
        ("reload", r#"{"dry_run":"yes"}"#, "reload: dry_run: expected true or false (params: dry_run)"),
        ("start", "{}", "start: no NAME given (params: wait, timeout_ms, names)"),
        ("status", r#"{"names":"web"}"#, "status: names: expected an array of strings (params: usage, names)"),
        ("status", r#"{"names":[""]}"#, "status: names: an empty name (params: usage, names)"),
        ("status", r#"{"names":[],"names":[]}"#, "status: names is there twice (params: usage, names)"),
        ("status", r#"["web"]"#, "status: params must be an object (params: usage, names)"),
        ("version", r#"{"x":1}"#, "version: no param \"x\""),
    ] {
        assert_eq!(method(name, params), Err(Refusal::new(RefusalCode::BadArguments, text)));
    }
    for (name, params) in [
        ("start", r#"{"names":["a"],"timeout_ms":-1}"#),
        ("start", r#"{"names":["a"],"timeout_ms":1e3}"#),
        ("start", r#"{"names":["a"],"timeout_ms":99999999999999}"#),
        ("start", r#"{"names":["a"],"timeout_ms":1,"wait":false}"#),
        ("signal", r#"{"names":["a"]}"#),
        ("signal", r#"{"names":["a"],"signal":0}"#),
        ("signal", r#"{"names":["a"],"signal":"FOO"}"#),
        ("tail", "{}"),
        ("tail", r#"{"name":"a","lines":-1}"#),
        ("tail", r#"{"name":"a","stream":"stdin"}"#),
        ("pid", r#"{"name":5}"#),
        ("status", "5"),
    ] {
        assert_eq!(method(name, params).unwrap_err().code, RefusalCode::BadArguments, "{name} {params}");
    }
    assert_eq!(method("statu", "{}").unwrap_err().text, "unknown command \"statu\" (did you mean \"status\"?)");
}
