//! Requests and answers as JSON-RPC 2.0, both directions: what one side writes the other reads, typed.
//!
//! Strict where laxness would do harm: an unknown key is refused, so that `{"dryrun": true}` does not reload. Ids are
//! given back byte by byte as they came.

use std::fmt;
use std::io::Write as _;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::base::nearest::suggestion;
use crate::base::units::LONGEST;

use super::command::{self, Args, Command, Param, Verb};
use super::message::{
    Outcome, PlanReport, ProcessPid, ProcessStatus, Refusal, RefusalCode, Request, Response, VersionReport, Wait,
};
use super::text;

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
            return Err(invalid(format!("no member {key:?} in a request{}", suggestion(key, KEYS))));
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
            return Err(wrong(command, format!("no param {key:?}{known}")));
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
                Ok(number) => Some(command::signal(&number.to_string())?),
                Err(_) => match read::<String>(json, "a string or a number")? {
                    Some(text) => Some(command::signal(&text)?),
                    None => None,
                },
            };
        }
        Param::Wait => args.wait = read(json, "true or false")?,
        Param::Timeout => args.timeout_ms = read::<u64>(json, "a number of milliseconds")?,
        Param::DryRun => args.dry_run = read(json, "true or false")?,
        Param::Lines => args.lines = read(json, "a number of lines")?,
        Param::Stream => {
            args.stream = match read::<String>(json, "\"stdout\" or \"stderr\"")? {
                Some(text) => Some(command::stream(&text)?),
                None => None,
            };
        }
        Param::Command => args.command = read(json, "a string")?,
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
    stream: Option<crate::base::id::Stream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
}

impl<'a> Params<'a> {
    fn of(request: &'a Request) -> Params<'a> {
        let none = Params::default();
        match request {
            Request::Status { names } => Params { names, ..none },
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
            Request::Tail { name, stream, lines } => {
                Params { name: Some(name), stream: Some(*stream), lines: Some(*lines), ..none }
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

/// Appends the answer to a call, without a line feed.
pub fn write_answer(id: &Id, response: &Response, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.as_json().as_bytes());
    if let Response::Refused(refusal) = response {
        out.extend_from_slice(b",\"error\":");
        write_json(&ErrorObject { code: refusal.code.number(), message: refusal.text.as_str().into() }, out);
    } else {
        out.extend_from_slice(b",\"result\":");
        write_result(response, out);
    }
    out.push(b'}');
}

/// Appends what stands behind `result`, straight from the message: a status of a thousand processes is no tree first.
fn write_result(response: &Response, out: &mut Vec<u8>) {
    match response {
        Response::Status(processes) => write_json(&Status { processes }, out),
        Response::Outcomes(outcomes) => {
            write_json(&Outcomes { ok: outcomes.iter().all(|o| o.ok), outcomes }, out);
        }
        Response::Plan(plan) => write_json(plan, out),
        Response::Tail(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let lossy = matches!(text, std::borrow::Cow::Owned(_));
            write_json(&Tail { text: text.into_owned(), lossy }, out);
        }
        Response::DaemonPid(pid) => {
            // Writing into a vector cannot fail.
            let _ = write!(out, "{{\"pid\":{pid}}}");
        }
        Response::Pids(pids) => write_json(&Pids { pids }, out),
        Response::Version(version) => write_json(version, out),
        Response::ShuttingDown => out.extend_from_slice(b"{\"shutting_down\":true}"),
        Response::Help(text) => write_json(&Help { text }, out),
        Response::Refused(refusal) => write_json(&refusal.text, out),
    }
}

/// None of our types can fail to be written: their keys are strings and their numbers are whole.
fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
}

#[derive(Serialize, Deserialize)]
struct ErrorObject<'a> {
    code: i32,
    message: std::borrow::Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Status<L> {
    processes: L,
}

#[derive(Serialize, Deserialize)]
struct Outcomes<L> {
    outcomes: L,
    ok: bool,
}

#[derive(Serialize, Deserialize)]
struct Tail {
    text: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    lossy: bool,
}

#[derive(Serialize, Deserialize)]
struct Pids<L> {
    pids: L,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Pid {
    Daemon { pid: u32 },
    Processes { pids: Vec<ProcessPid> },
}

#[derive(Serialize, Deserialize)]
struct Help<T> {
    text: T,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Answer<'a, T> {
    result: Option<T>,
    #[serde(borrow)]
    error: Option<ErrorObject<'a>>,
}

/// Reads the answer to a request with this verb.
///
/// # Errors
/// The line is no such answer: the other side speaks something else. In words, for people.
pub fn read_answer(verb: Verb, line: &str) -> Result<Response, String> {
    match verb {
        Verb::Status => answer(line, |s: Status<Vec<ProcessStatus>>| Response::Status(s.processes)),
        Verb::Start | Verb::Stop | Verb::Restart | Verb::Signal => {
            answer(line, |o: Outcomes<Vec<Outcome>>| Response::Outcomes(o.outcomes))
        }
        Verb::Reload => answer(line, |plan: PlanReport| Response::Plan(plan)),
        Verb::Tail => answer(line, |tail: Tail| Response::Tail(tail.text.into_bytes())),
        Verb::Pid => answer(line, |pid: Pid| match pid {
            Pid::Daemon { pid } => Response::DaemonPid(pid),
            Pid::Processes { pids } => Response::Pids(pids),
        }),
        Verb::Version => answer(line, |version: VersionReport| Response::Version(version)),
        Verb::Shutdown => answer(line, |_: serde::de::IgnoredAny| Response::ShuttingDown),
        Verb::Help => answer(line, |help: Help<String>| Response::Help(help.text)),
    }
}

fn answer<'a, T: Deserialize<'a>>(line: &'a str, read: impl FnOnce(T) -> Response) -> Result<Response, String> {
    match serde_json::from_str::<Answer<'a, T>>(line) {
        Ok(Answer { error: Some(error), .. }) => {
            let known = RefusalCode::ALL.iter().find(|(_, _, number)| *number == error.code);
            let code = known.map_or(RefusalCode::Failed, |(code, _, _)| *code);
            Ok(Response::Refused(Refusal::new(code, error.message)))
        }
        Ok(Answer { result: Some(result), .. }) => Ok(read(result)),
        Ok(Answer { result: None, error: None }) => Err("an answer without result and error".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The JSON text of the result in an answer line, untouched; `None` if the answer is an error.
#[must_use]
pub fn raw_result(line: &str) -> Option<&str> {
    serde_json::from_str::<Answer<'_, &RawValue>>(line).ok()?.result.map(RawValue::get)
}

/// The JSON text of the error object in an answer line, untouched.
#[must_use]
pub fn raw_error(line: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    serde_json::from_str::<Raw<'_>>(line).ok()?.error.map(RawValue::get)
}
