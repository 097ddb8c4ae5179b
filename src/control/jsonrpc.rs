//! Requests and answers as JSON-RPC 2.0, both directions: what one side writes the other reads, typed.
//!
//! Strict where laxness would do harm: an unknown key is refused, so that `{"dryrun": true}` does not reload. Ids are
//! given back byte by byte as they came.

use std::fmt;

use data_encoding::BASE64;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::base::id::Stream;
use crate::base::nearest::suggestion;
use crate::base::signal::Sig;
use crate::base::text::quoted;
use crate::base::units::LONGEST;

use super::command::{self, Args, Command, Param};
use super::message::{Account, Refusal, RefusalCode, Request, Wait};
use super::text;

mod answer;

pub use answer::{
    answered_id, event_line, output_line, raw_error, raw_params, raw_result, read_answer, read_event, read_output,
    write_answer, write_answer_with, write_body, write_event, write_line_event, write_line_output, write_output,
};

/// The most calls that a batch may hold.
pub const BATCH_CALLS: usize = 256;

/// The id of a call: the JSON text of a string, a number or null, as the client wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id(Box<str>);

impl Id {
    /// The id of an answer to something that had none to be found.
    #[must_use]
    pub fn null() -> Id {
        Id("null".into())
    }

    /// A number.
    #[must_use]
    pub fn number(n: u64) -> Id {
        Id(n.to_string().into())
    }

    /// Its JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }

    fn from_raw(raw: &RawValue) -> Option<Id> {
        let text = raw.get();
        let simple = text == "null" || text.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit());
        simple.then(|| Id(text.into()))
    }
}

/// One call of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// `None` for a notification: it is carried out and nothing is answered, not even an error.
    pub id: Option<Id>,
    /// What is asked for.
    pub request: Result<Request, Refusal>,
}

impl Call {
    /// A call that cannot be read: it is answered under no id.
    #[must_use]
    pub fn unreadable(refusal: Refusal) -> Call {
        Call { id: Some(Id::null()), request: Err(refusal) }
    }
}

/// Reads a message: its calls, and whether it is a batch (whose answers come in one array).
#[must_use]
pub fn parse(line: &str) -> (Vec<Call>, bool) {
    if !line.trim_start().starts_with('[') {
        return match serde_json::from_str::<&RawValue>(line) {
            Ok(raw) => (vec![call(raw)], false),
            Err(error) => (vec![Call::unreadable(bad_json(&error))], false),
        };
    }
    match serde_json::from_str::<Vec<&RawValue>>(line) {
        Ok(list) if list.is_empty() => (vec![Call::unreadable(invalid("an empty batch asks for nothing"))], false),
        Ok(list) if list.len() > BATCH_CALLS => {
            let text = format!("a batch of {} calls: {BATCH_CALLS} are allowed", list.len());
            (vec![Call::unreadable(Refusal::new(RefusalCode::TooLarge, text))], false)
        }
        Ok(list) => (list.into_iter().map(call).collect(), true),
        Err(error) => (vec![Call::unreadable(bad_json(&error))], false),
    }
}

fn bad_json(error: &serde_json::Error) -> Refusal {
    Refusal::new(RefusalCode::BadRequest, format!("not JSON: {error}"))
}

fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::InvalidRequest, text)
}

/// The members of a JSON object in their order, none read yet.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Reads one call.
fn call(raw: &RawValue) -> Call {
    let Ok(Members(members)) = serde_json::from_str(raw.get()) else {
        return Call::unreadable(invalid(
            "a request is an object such as {\"jsonrpc\":\"2.0\",\"method\":\"status\",\"id\":1}",
        ));
    };
    let find = |key: &str| members.iter().find(|(k, _)| k == key).map(|(_, value)| *value);
    let id = find("id").map(Id::from_raw);
    match envelope(&members) {
        // Only a request that is one may go without an answer.
        Ok(method) => match id {
            Some(None) => Call::unreadable(invalid("id: neither a string nor a number nor null")),
            Some(Some(id)) => Call { id: Some(id), request: request(&method, find("params")) },
            None => Call { id: None, request: request(&method, find("params")) },
        },
        Err(refusal) => Call { id: Some(id.flatten().unwrap_or_else(Id::null)), request: Err(refusal) },
    }
}

/// Checks what stands around the params. Returns the method.
fn envelope(members: &[(String, &RawValue)]) -> Result<String, Refusal> {
    const KEYS: [&str; 4] = ["jsonrpc", "method", "params", "id"];
    for (i, (key, _)) in members.iter().enumerate() {
        if !KEYS.contains(&key.as_str()) {
            return Err(invalid(format!("no member {} in a request{}", quoted(key), suggestion(key, KEYS))));
        }
        if members.iter().take(i).any(|(other, _)| other == key) {
            return Err(invalid(format!("{key} is there twice")));
        }
    }
    let text = |key: &str| {
        let raw = members.iter().find(|(k, _)| k == key).map(|(_, value)| value.get());
        raw.and_then(|json| serde_json::from_str::<String>(json).ok())
    };
    if text("jsonrpc").as_deref() != Some("2.0") {
        return Err(invalid("jsonrpc: must be \"2.0\""));
    }
    text("method").ok_or_else(|| invalid("method: must be the name of a command, such as \"status\""))
}

/// Reads a request whose method and params come apart: the params as the text of an object.
///
/// # Errors
/// There is no such method, or the params are wrong.
pub fn read_request(method: &str, params: &str) -> Result<Request, Refusal> {
    let params = serde_json::from_str::<&RawValue>(params).map_err(|error| bad_json(&error))?;
    request(method, Some(params))
}

/// An account as JSON.
#[must_use]
pub fn in_json(account: &Account) -> Vec<u8> {
    let mut json = Vec::new();
    write_json(account, &mut json);
    json.push(b'\n');
    json
}

/// Appends a text as JSON.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    write_json(text, out);
}

/// Reads method and params.
fn request(method: &str, params: Option<&RawValue>) -> Result<Request, Refusal> {
    let (command, words) = command::find(method).ok_or_else(|| command::unknown(method))?;
    let mut args = text::preset(command, words)?;
    let members = match params {
        None => Vec::new(),
        Some(raw) => match serde_json::from_str::<Members<'_>>(raw.get()) {
            Ok(Members(members)) => members,
            // Some libraries write no params as an empty array.
            Err(_) if raw.get().starts_with('[') && raw.get().bytes().all(|b| b"[] \t".contains(&b)) => Vec::new(),
            Err(_) => return Err(wrong(command, "params must be an object")),
        },
    };
    for (i, (key, value)) in members.iter().enumerate() {
        let Some(param) = command.params.iter().find(|p| p.key() == key) else {
            let known = suggestion(key, command.params.iter().map(|p| p.key()));
            return Err(wrong(command, format!("no param {}{known}", quoted(key))));
        };
        if members.iter().take(i).any(|(other, _)| other == key) {
            return Err(wrong(command, format!("{key} is there twice")));
        }
        set(*param, value.get(), &mut args).map_err(|what| wrong(command, format!("{key}: {what}")))?;
    }
    args.request(command).map_err(|what| wrong(command, what))
}

/// The refusal of wrong params: what is wrong, and which there are.
fn wrong(command: &Command, what: impl fmt::Display) -> Refusal {
    let mut text = format!("{}: {what}", command.name);
    if let [first, others @ ..] = command.params {
        text.push_str(" (params: ");
        text.push_str(first.key());
        for param in others {
            text.push_str(", ");
            text.push_str(param.key());
        }
        text.push(')');
    }
    Refusal::new(RefusalCode::BadArguments, text)
}

/// Reads one param. `null` is as if it were absent.
fn set(param: Param, json: &str, args: &mut Args) -> Result<(), String> {
    match param {
        Param::Names => args.names = read::<Vec<String>>(json, "an array of strings")?.unwrap_or_default(),
        Param::Name => args.name = read(json, "a string")?,
        Param::Sig => {
            args.sig = match serde_json::from_str::<i32>(json) {
                Ok(number) => Some(Sig::read(&number.to_string())?),
                Err(_) => match read::<String>(json, "a string or a number")? {
                    Some(text) => Some(Sig::read(&text)?),
                    None => None,
                },
            };
        }
        Param::Wait => args.wait = read(json, "true or false")?,
        Param::Timeout => args.timeout_ms = read::<u64>(json, "a number of milliseconds")?,
        Param::DryRun => args.dry_run = read(json, "true or false")?,
        Param::Lines => args.lines = read(json, "a number of lines")?,
        Param::Follow => args.follow = read(json, "true or false")?,
        Param::Since => args.since = read(json, "the number of an event")?,
        Param::For => {
            args.until = match read::<String>(json, "\"running\", \"stopped\" or \"healthy\"")? {
                Some(text) => Some(command::wait_for(&text)?),
                None => None,
            };
        }
        Param::Usage => args.usage = read(json, "true or false")?,
        Param::Dot => args.dot = read(json, "true or false")?,
        Param::Follows => args.follows = read(json, "true or false")?,
        Param::Stdout => args.stdout = read(json, "true or false")?,
        Param::Stderr => args.stderr = read(json, "true or false")?,
        Param::From => {
            let places = read::<Vec<String>>(json, "an array of places in logs")?.unwrap_or_default();
            args.from = places.iter().map(|place| place.parse()).collect::<Result<_, _>>()?;
        }
        Param::Stream => {
            args.stream = match read::<String>(json, "\"stdout\" or \"stderr\"")? {
                Some(text) => Some(command::stream(&text)?),
                None => None,
            };
        }
        Param::Command => args.command = read(json, "a string")?,
        Param::Text => args.text = read(json, "a string")?,
        Param::Base64 => {
            args.base64 = read::<String>(json, "a string in base64")?.map(|text| command::bytes(&text)).transpose()?;
        }
        Param::Eof => args.eof = read(json, "true or false")?,
        Param::Rows => args.rows = read(json, "a number of lines")?,
        Param::Cols => args.cols = read(json, "a number of columns")?,
    }
    if args.names.iter().chain(&args.name).chain(&args.command).any(String::is_empty) {
        return Err("an empty name".to_owned());
    }
    match args.timeout_ms {
        Some(ms) if u128::from(ms) > LONGEST.as_millis() => Err("longer than a hundred years".to_owned()),
        _ => Ok(()),
    }
}

fn read<T: DeserializeOwned>(json: &str, expected: &str) -> Result<Option<T>, String> {
    serde_json::from_str::<Option<T>>(json).map_err(|_| format!("expected {expected}"))
}

/// The params of a request, as the client sends them.
#[derive(Default, Serialize)]
struct Params<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    names: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    follow: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    until: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dot: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stdout: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stderr: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    from: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<Stream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    eof: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cols: Option<u16>,
}

impl<'a> Params<'a> {
    fn of(request: &'a Request) -> Params<'a> {
        let none = Params::default();
        match request {
            Request::Status { names, usage } => Params { names, usage: usage.then_some(true), ..none },
            Request::Why { names } => Params { names, ..none },
            Request::Wait { names, until, timeout_ms } => {
                Params { names, until: Some(until.word()), timeout_ms: *timeout_ms, ..none }
            }
            Request::Graph { names, dot } => Params { names, dot: dot.then_some(true), ..none },
            Request::Start { names, wait } | Request::Stop { names, wait } | Request::Restart { names, wait } => {
                let (wait, timeout_ms) = match wait {
                    Wait::No => (Some(false), None),
                    Wait::Reached => (None, None),
                    Wait::UpTo(ms) => (None, Some(*ms)),
                };
                Params { names, wait, timeout_ms, ..none }
            }
            Request::Signal { sig, names } => Params { names, signal: Some(sig.to_string()), ..none },
            Request::Reload { dry_run } => Params { dry_run: dry_run.then_some(true), ..none },
            Request::Events { names, since, follow } => {
                Params { names, since: *since, follow: (!follow).then_some(false), ..none }
            }
            Request::Logs { names, stream, lines, follow, from } => Params {
                names,
                lines: Some(*lines),
                follow: follow.then_some(true),
                stdout: *stream == Some(Stream::Stdout),
                stderr: *stream == Some(Stream::Stderr),
                from: from.iter().map(ToString::to_string).collect(),
                ..none
            },
            Request::Tail { name, stream, lines } => {
                Params { name: Some(name), stream: Some(*stream), lines: Some(*lines), ..none }
            }
            Request::Input { name, bytes, eof } => {
                let text = str::from_utf8(bytes).ok();
                let base64 = if text.is_none() { Some(BASE64.encode(bytes)) } else { None };
                Params { name: Some(name), text, base64, eof: *eof, ..none }
            }
            Request::Resize { name, rows, cols } => {
                Params { name: Some(name), rows: Some(*rows), cols: Some(*cols), ..none }
            }
            Request::Pid { name } => Params { name: name.as_deref(), ..none },
            Request::Help { command } => Params { command: command.as_deref(), ..none },
            Request::Version | Request::Shutdown => none,
        }
    }
}

/// Appends a request, without a line feed.
pub fn write_request(id: &Id, request: &Request, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.as_json().as_bytes());
    out.extend_from_slice(b",\"method\":\"");
    out.extend_from_slice(request.command().name.as_bytes());
    out.extend_from_slice(b"\",\"params\":");
    write_json(&Params::of(request), out);
    out.push(b'}');
}

/// None of our types can fail to be written: their keys are strings and their numbers are whole.
fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::signal::Sig;
    use crate::control::message::WaitFor;

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
            requests.push(Request::Restart { names: names.clone(), wait });
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
            (
                "reload",
                r#"{"dryrun":true}"#,
                "reload: no param \"dryrun\" (did you mean \"dry_run\"?) (params: dry_run)",
            ),
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
}
