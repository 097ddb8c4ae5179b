//! From what the daemon answers to what HTTP sends.

use std::io::Write;

use crate::control::jsonrpc;
use crate::control::message::{self, Chunk, Event, LogList, ProcessStatus, Refusal, RefusalCode, Response};
use crate::control::render;

use super::http::Fault;
use super::reply::{Kind, Reply};

/// How an answer is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The result as JSON.
    Result,
    /// The account of the one process that was asked for.
    Account,
    /// Whether all is as wanted.
    Ready,
    /// Figures for Prometheus.
    Metrics,
    /// Output as text.
    Text,
    /// Output as server-sent events.
    Chunks,
    /// What happens, as server-sent events.
    Events,
}

/// The number that says in HTTP how a request went.
#[must_use]
pub fn status_of(response: &Response) -> u16 {
    match response.kind() {
        message::Kind::Refused(refusal) => match refusal.code {
            RefusalCode::BadRequest | RefusalCode::InvalidRequest | RefusalCode::BadArguments => 400,
            RefusalCode::UnknownName | RefusalCode::UnknownCommand => 404,
            RefusalCode::Denied => 403,
            RefusalCode::TooLarge => 413,
            RefusalCode::Busy | RefusalCode::ShuttingDown => 503,
            RefusalCode::BadConfig => 422,
            RefusalCode::Failed => 500,
        },
        message::Kind::Outcomes(outcomes) if outcomes.iter().any(|outcome| !outcome.ok) => 409,
        message::Kind::Status(_)
        | message::Kind::Why(_)
        | message::Kind::Outcomes(_)
        | message::Kind::Plan(_)
        | message::Kind::Plain => 200,
    }
}

/// A refusal as an answer of HTTP: `{"error":{"code":-32001,"message":"…"}}`.
#[must_use]
pub fn refused(refusal: &Refusal) -> Reply {
    result(&Response::Refused(refusal.clone()))
}

/// The result in JSON, or the refusal.
fn result(response: &Response) -> Reply {
    let is_refused = matches!(response, Response::Refused(_));
    let mut body = if is_refused { b"{\"error\":".to_vec() } else { Vec::new() };
    jsonrpc::write_body(response, &mut body);
    body.extend_from_slice(if is_refused { b"}\n" } else { b"\n" });
    Reply::ok(Kind::Json, body).with_status(status_of(response))
}

/// The whole answer, of one that does not go on. Figures are not made here, they need more than the response.
#[must_use]
pub fn reply(form: Form, response: &Response) -> Reply {
    match (form, response) {
        (_, Response::Refused(refusal)) => refused(refusal),
        (Form::Account, Response::Why(accounts)) => match accounts.as_slice() {
            [account] => {
                let mut body = Vec::new();
                jsonrpc::write_account(account, &mut body);
                body.push(b'\n');
                Reply::ok(Kind::Json, body)
            }
            several => {
                let text = format!("the name means {} processes: /api/status tells of several", several.len());
                Reply::of(&Fault::new(400, text))
            }
        },
        (Form::Ready, Response::Status(processes)) => ready(processes),
        (Form::Text, Response::Logs(list)) => {
            let mut body = Vec::new();
            write_text(list, &mut body);
            Reply::ok(Kind::Text, body)
        }
        (Form::Chunks, Response::Logs(list)) => {
            let mut body = Vec::new();
            write_chunks(list, &mut body);
            Reply::ok(Kind::Events, body)
        }
        (_, response) => result(response),
    }
}

/// Counts alone: who asks may be anybody.
fn ready(processes: &[ProcessStatus]) -> Reply {
    let not = processes.iter().filter(|p| !p.as_wanted).count();
    let text = match (not, processes.len()) {
        (0, all) => format!("ready: {all} processes\n"),
        (not, all) => format!("not ready: {not} of {all} processes are not as wanted\n"),
    };
    Reply::ok(Kind::Text, text.into_bytes()).with_status(if not == 0 { 200 } else { 503 })
}

/// What a stream begins with, behind its head.
pub fn write_beginning(form: Form, response: &Response, out: &mut Vec<u8>) {
    if let Response::Events(list) = response {
        out.extend_from_slice(b"retry: 2000\n\n");
        if list.lost > 0 {
            // Writing into a vector cannot fail.
            let _ = write!(out, "event: lost\ndata: {{\"lost\":{}}}\n\n", list.lost);
        }
        list.events.iter().for_each(|event| write_event(event, out));
    }
    if let Response::Logs(list) = response {
        if form == Form::Text { write_text(list, out) } else { write_chunks(list, out) }
    }
}

/// The kind of a stream.
#[must_use]
pub fn kind_of(form: Form) -> Kind {
    if form == Form::Text { Kind::Text } else { Kind::Events }
}

/// Appends an event.
pub fn write_event(event: &Event, out: &mut Vec<u8>) {
    let _ = write!(out, "id: {}\nevent: {}\ndata: ", event.seq, event.event);
    jsonrpc::write_line_event(event, out);
    out.push(b'\n');
}

/// Appends output.
pub fn write_output(form: Form, chunk: &Chunk, labelled: bool, out: &mut Vec<u8>) {
    if form == Form::Text {
        return render::output(chunk, labelled, out);
    }
    out.extend_from_slice(b"event: output\ndata: ");
    jsonrpc::write_line_output(chunk, out);
    out.push(b'\n');
}

/// Appends why a stream ends.
pub fn write_end(form: Form, reason: &Refusal, out: &mut Vec<u8>) {
    if form == Form::Text {
        let _ = write!(out, "\nnote: {}\n", reason.text);
        return;
    }
    out.extend_from_slice(b"event: end\ndata: ");
    jsonrpc::write_body(&Response::Refused(reason.clone()), out);
    out.extend_from_slice(b"\n\n");
}

fn write_text(list: &LogList, out: &mut Vec<u8>) {
    for note in &list.notes {
        let _ = writeln!(out, "note: {note}");
    }
    for chunk in &list.chunks {
        render::output(chunk, list.labels, out);
    }
}

fn write_chunks(list: &LogList, out: &mut Vec<u8>) {
    for chunk in &list.chunks {
        write_output(Form::Chunks, chunk, false, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::Stream;
    use crate::control::message::{EventList, LogPlace, Outcome, StateName};

    #[test]
    fn refusals_have_their_numbers() {
        let refused = |code| refused(&Refusal::new(code, "no \"x\"")).status;
        assert_eq!(refused(RefusalCode::UnknownName), 404);
        assert_eq!(refused(RefusalCode::Denied), 403);
        assert_eq!(refused(RefusalCode::BadConfig), 422);
        let reply = super::refused(&Refusal::new(RefusalCode::UnknownName, "no \"x\""));
        assert_eq!(&*reply.body, b"{\"error\":{\"code\":-32001,\"message\":\"no \\\"x\\\"\"}}\n");
        let outcome = |ok| Outcome { name: "a".to_owned(), result: "x".to_owned(), ok };
        let outcomes = |ok| Response::Outcomes { outcomes: vec![outcome(true), outcome(ok)], notes: Vec::new() };
        assert_eq!((status_of(&outcomes(true)), status_of(&outcomes(false))), (200, 409));
    }

    #[test]
    fn a_stream_of_events_can_be_read_by_a_browser() {
        let event = Event {
            seq: 7,
            time: "t".to_owned(),
            event: "exited".to_owned(),
            program: "a".to_owned(),
            process: "a".to_owned(),
            num: 0,
            group: None,
            pid: None,
            from: StateName::Running,
            to: StateName::Exited,
            cause: "two\nlines".to_owned(),
        };
        let mut out = Vec::new();
        let list = EventList { events: vec![event], next: 8, follow: true, lost: 3 };
        write_beginning(Form::Events, &Response::Events(list), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("retry: 2000\n\nevent: lost\ndata: {\"lost\":3}\n\nid: 7\nevent: exited\ndata: {"));
        assert!(text.ends_with("\"cause\":\"two\\nlines\"}\n\n"), "{text}");
    }

    #[test]
    fn output_is_text_or_events() {
        let next = LogPlace { process: "a".to_owned(), stream: Stream::Stdout, at: Default::default() };
        let chunk = Chunk { next, bytes: b"x\ny".to_vec(), lost: false };
        let list = LogList { chunks: vec![chunk], ..LogList::default() };
        assert_eq!(&*reply(Form::Text, &Response::Logs(list.clone())).body, b"x\ny");
        let events = reply(Form::Chunks, &Response::Logs(list));
        assert!(
            events.body.starts_with(b"event: output\ndata: {\"process\":\"a\",") && events.body.ends_with(b"}\n\n")
        );
    }
}
