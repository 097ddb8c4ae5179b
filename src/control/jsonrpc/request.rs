//! Method and params of a call: the daemon reads them as a request, and the client writes them for one.

use std::fmt;

use data_encoding::BASE64;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::base::id::Stream;
use crate::base::nearest::suggestion;
use crate::base::signal::Sig;
use crate::base::text::quoted;
use crate::base::units::LONGEST;
use crate::control::command::args::{self, Args};
use crate::control::command::{self, Command, Param};
use crate::control::message::{Refusal, RefusalCode, Request, Wait};
use crate::control::text;

use super::{Id, Members, write_json};

/// Reads method and params.
pub(super) fn read(method: &str, params: Option<&RawValue>) -> Result<Request, Refusal> {
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
        Param::Names => args.names = value::<Vec<String>>(json, "an array of strings")?.unwrap_or_default(),
        Param::Name => args.name = value(json, "a string")?,
        Param::Sig => {
            args.sig = match serde_json::from_str::<i32>(json) {
                Ok(number) => Some(Sig::read(&number.to_string())?),
                Err(_) => match value::<String>(json, "a string or a number")? {
                    Some(text) => Some(Sig::read(&text)?),
                    None => None,
                },
            };
        }
        Param::Wait => args.wait = value(json, "true or false")?,
        Param::Rolling => args.rolling = value(json, "true or false")?,
        Param::MaxUnavailable => args.max_unavailable = value(json, "a number of processes")?,
        Param::Count => args.count = value(json, "a number of processes")?,
        Param::Timeout => args.timeout_ms = value::<u64>(json, "a number of milliseconds")?,
        Param::DryRun => args.dry_run = value(json, "true or false")?,
        Param::Lines => args.lines = value(json, "a number of lines")?,
        Param::Follow => args.follow = value(json, "true or false")?,
        Param::Since => args.since = value(json, "the number of an event")?,
        Param::For => {
            args.until = match value::<String>(json, "\"running\", \"stopped\" or \"healthy\"")? {
                Some(text) => Some(args::wait_for(&text)?),
                None => None,
            };
        }
        Param::Usage => args.usage = value(json, "true or false")?,
        Param::Dot => args.dot = value(json, "true or false")?,
        Param::Follows => args.follows = value(json, "true or false")?,
        Param::Stdout => args.stdout = value(json, "true or false")?,
        Param::Stderr => args.stderr = value(json, "true or false")?,
        Param::From => {
            let places = value::<Vec<String>>(json, "an array of places in logs")?.unwrap_or_default();
            args.from = places.iter().map(|place| place.parse()).collect::<Result<_, _>>()?;
        }
        Param::Stream => {
            args.stream = match value::<String>(json, "\"stdout\" or \"stderr\"")? {
                Some(text) => Some(args::stream(&text)?),
                None => None,
            };
        }
        Param::Command => args.command = value(json, "a string")?,
        Param::Text => args.text = value(json, "a string")?,
        Param::Base64 => {
            args.base64 = value::<String>(json, "a string in base64")?.map(|text| args::bytes(&text)).transpose()?;
        }
        Param::Eof => args.eof = value(json, "true or false")?,
        Param::Rows => args.rows = value(json, "a number of lines")?,
        Param::Cols => args.cols = value(json, "a number of columns")?,
    }
    if args.names.iter().chain(&args.name).chain(&args.command).any(String::is_empty) {
        return Err("an empty name".to_owned());
    }
    match args.timeout_ms {
        Some(ms) if u128::from(ms) > LONGEST.as_millis() => Err("longer than a hundred years".to_owned()),
        _ => Ok(()),
    }
}

fn value<T: DeserializeOwned>(json: &str, expected: &str) -> Result<Option<T>, String> {
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
    rolling: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_unavailable: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
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
    fn waiting(wait: Wait) -> Params<'a> {
        let (wait, timeout_ms) = match wait {
            Wait::No => (Some(false), None),
            Wait::Reached => (None, None),
            Wait::UpTo(ms) => (None, Some(ms)),
        };
        Params { wait, timeout_ms, ..Params::default() }
    }

    fn of(request: &'a Request) -> Params<'a> {
        let none = Params::default();
        match request {
            Request::Status { names, usage } => Params { names, usage: usage.then_some(true), ..none },
            Request::Why { names } => Params { names, ..none },
            Request::Wait { names, until, timeout_ms } => {
                Params { names, until: Some(until.word()), timeout_ms: *timeout_ms, ..none }
            }
            Request::Graph { names, dot } => Params { names, dot: dot.then_some(true), ..none },
            Request::Start { names, wait } | Request::Stop { names, wait } => {
                Params { names, ..Params::waiting(*wait) }
            }
            Request::Restart { names, wait, rolling } => {
                let max_unavailable = rolling.filter(|width| *width != 1);
                Params { names, rolling: rolling.map(|_| true), max_unavailable, ..Params::waiting(*wait) }
            }
            Request::Scale { name, count, wait } => {
                Params { name: Some(name), count: Some(*count), ..Params::waiting(*wait) }
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
