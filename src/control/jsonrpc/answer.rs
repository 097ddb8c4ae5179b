//! Answers as JSON-RPC results and errors: what the daemon writes and the client reads.

use std::borrow::Cow;
use std::io::Write as _;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::base::id::Stream;
use crate::control::command::Verb;
use crate::control::message::{
    Account, Chunk, Edge, Event, EventList, Graph, GraphProgram, LogList, Outcome, PlanReport, ProcessPid,
    ProcessStatus, Refusal, RefusalCode, Response, VersionReport,
};
use crate::control::render::dot;

use super::{Id, write_json};

/// Appends the answer to a call, without a line feed.
pub fn write_answer(id: &Id, response: &Response, out: &mut Vec<u8>) {
    write_answer_head(id, matches!(response, Response::Refused(_)), out);
    write_body(response, out);
    out.push(b'}');
}

/// The same with a result that was written before (see [`write_body`]).
pub fn write_answer_with(id: &Id, result: &[u8], out: &mut Vec<u8>) {
    write_answer_head(id, false, out);
    out.extend_from_slice(result);
    out.push(b'}');
}

fn write_answer_head(id: &Id, refused: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.as_json().as_bytes());
    out.extend_from_slice(if refused { b",\"error\":" } else { b",\"result\":" });
}

/// Appends the result or the error object, straight from the message: a status of a thousand processes is not made
/// into a tree first.
pub fn write_body(response: &Response, out: &mut Vec<u8>) {
    match response {
        Response::Status(processes) => write_json(&Status { processes }, out),
        Response::Why(accounts) => write_json(&Why { accounts }, out),
        Response::Graph(graph) => {
            let Graph { programs, edges, as_dot } = graph;
            write_json(&Drawn { programs, edges, dot: as_dot.then(|| dot(graph)) }, out);
        }
        Response::Outcomes { outcomes, notes } => {
            write_json(&Outcomes { ok: outcomes.iter().all(|o| o.ok), outcomes, notes: Cow::Borrowed(notes) }, out);
        }
        Response::Plan(plan) => write_json(plan, out),
        Response::Events(list) => write_json(list, out),
        Response::Logs(list) => {
            let chunks = list.chunks.iter().map(Part::of).collect();
            write_json(
                &Logs { chunks, labels: list.labels, notes: Cow::Borrowed(&list.notes), follow: list.follow },
                out,
            );
        }
        Response::Tail(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let lossy = matches!(text, Cow::Owned(_));
            write_json(&Tail { text: text.into_owned(), lossy }, out);
        }
        Response::DaemonPid(pid) => {
            // Writing into a vector cannot fail.
            let _ = write!(out, "{{\"pid\":{pid}}}");
        }
        Response::Pids(pids) => write_json(&Pids { pids }, out),
        Response::Version(version) => write_json(version, out),
        Response::Done => out.extend_from_slice(b"{\"ok\":true}"),
        Response::ShuttingDown => out.extend_from_slice(b"{\"shutting_down\":true}"),
        Response::Help(text) => write_json(&Help { text }, out),
        Response::Refused(refusal) => {
            write_json(&ErrorObject { code: refusal.code.number(), message: Cow::Borrowed(&refusal.text) }, out);
        }
    }
}

#[derive(Serialize, Deserialize)]
struct ErrorObject<'a> {
    code: i32,
    message: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Status<L> {
    processes: L,
}

#[derive(Serialize, Deserialize)]
struct Why<L> {
    accounts: L,
}

#[derive(Serialize, Deserialize)]
struct Drawn<P, E> {
    programs: P,
    edges: E,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dot: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Outcomes<'a, L> {
    outcomes: L,
    ok: bool,
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    notes: Cow<'a, [String]>,
}

#[derive(Serialize, Deserialize)]
struct Tail {
    text: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    lossy: bool,
}

#[derive(Serialize, Deserialize)]
struct Logs<'a> {
    #[serde(borrow)]
    chunks: Vec<Part<'a>>,
    labels: bool,
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    notes: Cow<'a, [String]>,
    follow: bool,
}

/// A chunk. Its bytes are a text if they can be, else they are in base64 (RFC 4648).
#[derive(Serialize, Deserialize)]
struct Part<'a> {
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
    fn of(chunk: &'a Chunk) -> Part<'a> {
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

    fn chunk(self) -> Result<Chunk, String> {
        let bytes = match (self.text, self.base64) {
            (Some(text), _) => text.into_owned().into_bytes(),
            (None, Some(text)) => BASE64.decode(text.as_bytes()).map_err(|error| error.to_string())?,
            (None, None) => Vec::new(),
        };
        Ok(Chunk { next: self.next.parse()?, bytes, lost: self.lost })
    }
}

impl Logs<'_> {
    fn list(self) -> Result<LogList, String> {
        let chunks = self.chunks.into_iter().map(Part::chunk).collect::<Result<_, _>>()?;
        Ok(LogList { chunks, labels: self.labels, notes: self.notes.into_owned(), follow: self.follow })
    }
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
        Verb::Why => answer(line, |w: Why<Vec<Account>>| Response::Why(w.accounts)),
        Verb::Graph => answer(line, |d: Drawn<Vec<GraphProgram>, Vec<Edge>>| {
            Response::Graph(Graph { programs: d.programs, edges: d.edges, as_dot: d.dot.is_some() })
        }),
        Verb::Start | Verb::Stop | Verb::Restart | Verb::Signal | Verb::Wait => {
            answer(line, |o: Outcomes<'_, Vec<Outcome>>| Response::Outcomes {
                outcomes: o.outcomes,
                notes: o.notes.into_owned(),
            })
        }
        Verb::Reload => answer(line, |plan: PlanReport| Response::Plan(plan)),
        Verb::Events => answer(line, |list: EventList| Response::Events(list)),
        Verb::Logs => {
            let mut wrong = None;
            let response = answer(line, |logs: Logs<'_>| {
                let list = logs.list().map_err(|what| wrong = Some(what));
                Response::Logs(list.unwrap_or_default())
            })?;
            wrong.map_or(Ok(response), Err)
        }
        Verb::Tail => answer(line, |tail: Tail| Response::Tail(tail.text.into_bytes())),
        Verb::Pid => answer(line, |pid: Pid| match pid {
            Pid::Daemon { pid } => Response::DaemonPid(pid),
            Pid::Processes { pids } => Response::Pids(pids),
        }),
        Verb::Version => answer(line, |version: VersionReport| Response::Version(version)),
        Verb::Input | Verb::Resize => answer(line, |_: serde::de::IgnoredAny| Response::Done),
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

/// The id of the request that a line answers, where ids are numbers; `None` if it is no answer, or one to no request.
#[must_use]
pub fn answered_id(line: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Answered {
        id: Option<u64>,
    }
    serde_json::from_str::<Answered>(line).ok()?.id
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::Stream;
    use crate::control::message::ScheduleStatus;
    use crate::control::message::{
        Change, ChangeAction, KeyChange, LastOutput, PROTOCOL, Setting, StateName, StreamPlace, StreamSink, Then,
        Transition, Usage, Want,
    };

    fn process(name: &str) -> ProcessStatus {
        ProcessStatus {
            name: name.to_owned(),
            program: "web".to_owned(),
            num: 3,
            group: None,
            state: StateName::Backoff,
            want: Want::Up,
            as_wanted: false,
            pid: Some(1234),
            for_ms: Some(u64::MAX),
            runs: 7,
            last_exit: Some("exit status 3".to_owned()),
            why: Some("a \"quoted\" \n \u{1b} line \u{fc}".to_owned()),
            next: Some("next try in 1s (3 of 4)".to_owned()),
            next_try_ms: Some(0),
            kill_in_ms: Some(1),
            reads: None,
            schedule: Some(ScheduleStatus {
                active: true,
                next: Some("2026-11-22T03:00:00+01:00".to_owned()),
                next_ms: Some(1),
                zone: None,
                queued: false,
            }),
            usage: Some(Usage { cpu_ms: 17, rss_bytes: u64::MAX, processes: 2, threads: 3, fds: Some(4) }),
        }
    }

    fn bare(name: &str) -> ProcessStatus {
        ProcessStatus {
            state: StateName::Stopped,
            want: Want::Down,
            as_wanted: true,
            pid: None,
            for_ms: None,
            last_exit: None,
            why: None,
            next: None,
            next_try_ms: None,
            kill_in_ms: None,
            reads: None,
            schedule: None,
            usage: None,
            ..process(name)
        }
    }

    fn account(setting: Option<Setting>) -> Account {
        let (from, to) = (StateName::Starting, StateName::Backoff);
        Account {
            status: bare("web"),
            because: "never started".to_owned(),
            next: "\"start web\" starts it".to_owned(),
            history: vec![Transition { time: "x".to_owned(), ago_ms: 1, from, to, cause: "a \"b\"\n".to_owned() }],
            runs: vec![],
            setting,
        }
    }

    fn setting() -> Setting {
        Setting {
            command: vec!["web".to_owned(), "a b".to_owned()],
            directory: "/".to_owned(),
            user: Some("www".to_owned()),
            group: None,
            stdout: StreamPlace { sink: StreamSink::File, path: Some("/x".to_owned()) },
            stderr: StreamPlace { sink: StreamSink::Stdout, path: Some("/x".to_owned()) },
            last_output: Some(LastOutput { stream: Stream::Stdout, text: "a\n".to_owned() }),
        }
    }

    fn graph(as_dot: bool) -> Graph {
        let program = GraphProgram {
            name: "web".to_owned(),
            group: Some("team".to_owned()),
            priority: -1,
            autostart: true,
            processes: vec!["web".to_owned()],
        };
        let edges =
            vec![Edge { from: "db".to_owned(), to: "web".to_owned(), until: "ready".to_owned(), required: true }];
        Graph { programs: vec![program], edges, as_dot }
    }

    fn line(response: &Response) -> String {
        let mut out = Vec::new();
        write_answer(&Id::number(1), response, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_response_comes_back() {
        let change = |action, then, keys| Change { name: "web".into(), action, then, keys };
        let key = KeyChange { key: "env.PORT".into(), old: "1".into(), new: "2".into(), needs_restart: true };
        let outcome = |ok| Outcome { name: "web".into(), result: "started".into(), ok };
        for (verb, response) in [
            (Verb::Status, Response::Status(vec![])),
            (Verb::Status, Response::Status(vec![process("web"), bare("worker:worker_00")])),
            (Verb::Why, Response::Why(vec![])),
            (Verb::Why, Response::Why(vec![account(None), account(Some(setting()))])),
            (Verb::Graph, Response::Graph(Graph::default())),
            (Verb::Graph, Response::Graph(graph(true))),
            (Verb::Graph, Response::Graph(graph(false))),
            (Verb::Wait, Response::Outcomes { outcomes: vec![outcome(true)], notes: vec![] }),
            (Verb::Start, Response::Outcomes { outcomes: vec![outcome(true), outcome(false)], notes: vec![] }),
            (Verb::Signal, Response::Outcomes { outcomes: vec![], notes: vec![] }),
            (Verb::Restart, Response::Outcomes { outcomes: vec![outcome(true)], notes: vec!["a \"b\"".into()] }),
            (Verb::Reload, Response::Plan(PlanReport::default())),
            (
                Verb::Reload,
                Response::Plan(PlanReport {
                    dry_run: true,
                    changes: vec![
                        change(ChangeAction::Added, Then::StaysDown, vec![]),
                        change(ChangeAction::Restarted, Then::Restarts, vec![key.clone()]),
                    ],
                    unchanged: 7,
                    daemon: vec![key],
                    needs_daemon_restart: vec!["socket.path".into()],
                }),
            ),
            (Verb::Tail, Response::Tail(b"a\n\0\x1b[m\xc3\xbc".to_vec())),
            (Verb::Tail, Response::Tail(vec![])),
            (Verb::Pid, Response::DaemonPid(17)),
            (Verb::Pid, Response::Pids(vec![])),
            (
                Verb::Pid,
                Response::Pids(vec![
                    ProcessPid { name: "a".into(), pid: Some(5) },
                    ProcessPid { name: "b".into(), pid: None },
                ]),
            ),
            (Verb::Version, Response::Version(VersionReport { version: "0.1.0".into(), protocol: PROTOCOL })),
            (Verb::Input, Response::Done),
            (Verb::Shutdown, Response::ShuttingDown),
            (Verb::Help, Response::Help("a\nb\n".into())),
        ] {
            let json = line(&response);
            assert!(!json.contains('\n'), "{json}");
            assert_eq!(read_answer(verb, &json), Ok(response), "{json}");
            assert!(raw_result(&json).is_some() && raw_error(&json).is_none(), "{json}");
        }
    }

    #[test]
    fn every_refusal_comes_back_from_every_command() {
        for command in &crate::control::command::COMMANDS {
            for (code, _, number) in RefusalCode::ALL {
                let response = Response::Refused(Refusal::new(code, "a \"b\"\nc"));
                let json = line(&response);
                assert!(json.contains(&format!("\"error\":{{\"code\":{number},")), "{json}");
                assert_eq!(read_answer(command.verb, &json), Ok(response));
                assert!(raw_result(&json).is_none() && raw_error(&json).is_some(), "{json}");
            }
        }
    }

    #[test]
    fn the_form_is_as_documented() {
        let cases = [
            (Response::Status(vec![]), r#"{"processes":[]}"#),
            (
                Response::Status(vec![bare("web")]),
                concat!(
                    r#"{"processes":[{"name":"web","program":"web","num":3,"state":"STOPPED","want":"down","#,
                    r#""as_wanted":true,"runs":7}]}"#
                ),
            ),
            (Response::Outcomes { outcomes: vec![], notes: vec![] }, r#"{"outcomes":[],"ok":true}"#),
            (
                Response::Outcomes { outcomes: vec![], notes: vec!["a".into()] },
                r#"{"outcomes":[],"ok":true,"notes":["a"]}"#,
            ),
            (
                Response::Plan(PlanReport {
                    changes: vec![Change {
                        name: "web".into(),
                        action: ChangeAction::Updated,
                        then: Then::GoesOn,
                        keys: vec![KeyChange {
                            key: "stoptime".into(),
                            old: "1s".into(),
                            new: "2s".into(),
                            needs_restart: false,
                        }],
                    }],
                    ..PlanReport::default()
                }),
                concat!(
                    r#"{"dry_run":false,"changes":[{"name":"web","action":"updated","then":"goes-on","keys":["#,
                    r#"{"key":"stoptime","old":"1s","new":"2s","needs_restart":false}]}],"unchanged":0,"#,
                    r#""needs_daemon_restart":[]}"#
                ),
            ),
            (Response::Tail(b"a\xff".to_vec()), "{\"text\":\"a\u{fffd}\",\"lossy\":true}"),
            (Response::Tail(b"a".to_vec()), r#"{"text":"a"}"#),
            (Response::DaemonPid(17), r#"{"pid":17}"#),
            (Response::Done, r#"{"ok":true}"#),
            (Response::ShuttingDown, r#"{"shutting_down":true}"#),
        ];
        for (response, result) in cases {
            assert_eq!(line(&response), format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#));
        }
    }

    #[test]
    fn other_answers_are_refused_in_words() {
        for text in ["", "OK", "{}", r#"{"result":null}"#, r#"{"result":{"processes":3}}"#, r#"{"result":[]}"#] {
            assert!(read_answer(Verb::Status, text).is_err(), "{text}");
        }
        let unknown = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"x","data":[1]}}"#;
        assert_eq!(read_answer(Verb::Status, unknown), Ok(Response::Refused(Refusal::new(RefusalCode::Failed, "x"))));
        // Keys that a later daemon may add.
        let more = r#"{"jsonrpc":"2.0","id":1,"result":{"version":"9","protocol":2,"codename":"x"}}"#;
        assert!(read_answer(Verb::Version, more).is_ok());
    }
}
