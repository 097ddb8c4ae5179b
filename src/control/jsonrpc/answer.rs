//! Answers as JSON-RPC results and errors: what the daemon writes and the client reads.

use std::borrow::Cow;
use std::io::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::control::command::Verb;
use crate::control::message::{
    Account, Edge, EventList, Graph, GraphProgram, LogList, Outcome, PlanReport, ProcessPid, ProcessStatus, Refusal,
    RefusalCode, Response, VersionReport,
};
use crate::control::render::dot;

use super::stream::Part;
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
        Verb::Start | Verb::Stop | Verb::Restart | Verb::Scale | Verb::Signal | Verb::Wait => {
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
mod tests;
