//! What there is at which path: one table, from which requests are led to what they ask for, and which
//! [`openapi`](super::openapi) describes.

use crate::control::jsonrpc;
use crate::control::message::{Refusal, Request};

use super::answer::Form;
use super::http::{Asked, Fault, Head, Method};
use super::page::{self, File};

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A part of the dashboard.
    File(&'static File),
    /// Whether the daemon answers.
    Health,
    /// Whether all processes are as wanted.
    Ready,
    /// Figures for Prometheus.
    Metrics,
    /// Whether a token is needed, and what may be done.
    Session,
    /// A session for a token.
    Login,
    /// All processes.
    Status,
    /// One process.
    Process,
    /// A command to processes: its name.
    Act(&'static str),
    /// The configuration read again.
    Reload,
    /// JSON-RPC calls.
    Rpc,
    /// The output of processes.
    Logs,
    /// What happens.
    Events,
    /// The description of all this.
    OpenApi,
    /// A WebSocket.
    Socket,
}

/// A path with what is there.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// How it is asked for.
    pub method: Method,
    /// Where. A part in braces stands for any text.
    pub path: &'static str,
    /// What is there.
    pub what: What,
    /// Whether nobody needs a token for it.
    pub open: bool,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// What may stand behind the question mark.
    pub query: &'static [Query],
    /// What may be in the body.
    pub body: &'static [Query],
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Value,
    /// What it does, in a sentence.
    pub about: &'static str,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text; may be there several times.
    Texts,
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// Yes or no. In a query its name alone means yes.
    Flag,
}

const fn query(name: &'static str, kind: Value, about: &'static str) -> Query {
    Query { name, kind, about }
}

const NAMES: Query = query("names", Value::Texts, "Only these processes: names, groups or patterns.");
const WAIT: Query = query("wait", Value::Flag, "Whether the answer waits for the result. Default: true.");
const TIMEOUT: Query = query("timeout_ms", Value::Number, "How many milliseconds it waits at most.");
const LINES: Query = query("lines", Value::Number, "How many of the last lines come first. Default: 10.");
const STDOUT: Query = query("stdout", Value::Flag, "Only standard output. Default: both.");
const STDERR: Query = query("stderr", Value::Flag, "Only standard error. Default: both.");
const FOLLOW: Query = query("follow", Value::Flag, "Whether what is written later follows.");
const FROM: Query = query("from", Value::Texts, "A place in a log to begin at, as \"next\" in an answer tells it.");

const fn get(path: &'static str, what: What, about: &'static str) -> Route {
    Route { method: Method::Get, path, what, open: false, about, query: &[], body: &[] }
}

const fn post(path: &'static str, what: What, about: &'static str, body: &'static [Query]) -> Route {
    Route { method: Method::Post, path, what, open: false, about, query: &[], body }
}

const fn open(route: Route) -> Route {
    Route { open: true, ..route }
}

/// Everything that there is.
pub const ROUTES: [Route; 25] = [
    open(get("/", What::File(&page::HTML), "The dashboard.")),
    open(get("/app.css", What::File(&page::CSS), "Its style.")),
    open(get("/base.js", What::File(&page::BASE), "Its scripts.")),
    open(get("/list.js", What::File(&page::LIST), "The list of processes.")),
    open(get("/process.js", What::File(&page::PROCESS), "One process.")),
    open(get("/app.js", What::File(&page::APP), "What happens.")),
    open(get("/icon.svg", What::File(&page::ICON), "Its icon.")),
    open(get("/healthz", What::Health, "200 as long as the daemon answers.")),
    open(get("/readyz", What::Ready, "200 if all processes are as wanted, else 503.")),
    get("/metrics", What::Metrics, "Figures of the daemon and of all processes, for Prometheus."),
    open(get("/api/session", What::Session, "Whether a token is needed, and whether anything may be changed.")),
    open(post(
        "/api/session",
        What::Login,
        "Takes a token and gives a cookie that stands for it, for browsers.",
        &[query("token", Value::Text, "The token.")],
    )),
    Route {
        query: &[NAMES, query("usage", Value::Flag, "Whether CPU, memory and descriptors are told, too.")],
        ..get("/api/status", What::Status, "All processes.")
    },
    get("/api/processes/{name}", What::Process, "One process: why it is as it is, its last changes, how it is run."),
    post("/api/processes/{name}/start", What::Act("start"), "Starts processes.", &[WAIT, TIMEOUT]),
    post("/api/processes/{name}/stop", What::Act("stop"), "Stops processes.", &[WAIT, TIMEOUT]),
    post("/api/processes/{name}/restart", What::Act("restart"), "Stops and starts processes.", &[WAIT, TIMEOUT]),
    post(
        "/api/processes/{name}/signal",
        What::Act("signal"),
        "Sends a signal to processes.",
        &[query("signal", Value::Text, "Its name or number.")],
    ),
    post(
        "/api/reload",
        What::Reload,
        "Reads the configuration again and applies what changed; answers with the plan.",
        &[query("dry_run", Value::Flag, "Only say what would change. Default: false.")],
    ),
    post("/api/rpc", What::Rpc, "JSON-RPC 2.0: one call, or an array of them, as on the control socket.", &[]),
    Route {
        query: &[LINES, STDOUT, STDERR, FOLLOW, FROM],
        ..get("/api/logs/{name}", What::Logs, "The last lines of output: text, or JSON as server-sent events.")
    },
    Route {
        query: &[NAMES, query("since", Value::Number, "Begin with the event of this number.")],
        ..get("/api/events", What::Events, "What happens to processes, as server-sent events.")
    },
    open(get("/api/openapi.json", What::OpenApi, "This description.")),
    get("/ws", What::Socket, "A WebSocket with JSON-RPC 2.0, as on the control socket."),
    get("/api/ws", What::Socket, "The same."),
];

/// Finds what a request asks for, and what stands for the part in braces.
///
/// # Errors
/// There is nothing, or not for this method.
pub fn find(head: &Head) -> Result<(&'static Route, String), Fault> {
    let mut allowed = Vec::new();
    for route in &ROUTES {
        let Some(name) = matches(route.path, &head.path) else { continue };
        let method = if head.method == Method::Head { Method::Get } else { head.method };
        if route.method == method {
            return Ok((route, name));
        }
        allowed.push(if route.method == Method::Post { "POST" } else { "GET" });
    }
    Err(if allowed.is_empty() {
        Fault::new(404, "there is nothing here: /api/openapi.json tells what there is")
    } else {
        Fault::new(405, format!("this is asked for by {}", allowed.join(" or ")))
    })
}

/// Whether the parts of a path are those of a pattern; what the part in braces is, if there is one.
fn matches(pattern: &str, path: &[String]) -> Option<String> {
    let mut name = String::new();
    let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
    let mut wanted = pattern.split('/').filter(|part| !part.is_empty());
    for part in path {
        match wanted.next()? {
            braces if braces.starts_with('{') => name.clone_from(part),
            literal if literal == part => {}
            _ => return None,
        }
    }
    wanted.next().is_none().then_some(name)
}

/// The request of the control protocol that a request of HTTP means, and how it is to be answered; `None` if what is asked
/// for is answered without one.
///
/// # Errors
/// The parameters are wrong.
pub fn translate(route: &Route, name: &str, asked: &Asked) -> Result<Option<(Request, Form)>, Refusal> {
    let about = |key: &str| {
        let mut given = format!("\"{key}\":[").into_bytes();
        jsonrpc::write_text(name, &mut given);
        given.push(b']');
        String::from_utf8(given).unwrap_or_default()
    };
    let body = || String::from_utf8_lossy(&asked.body).trim().to_owned();
    let head = &asked.head;
    Ok(Some(match route.what {
        What::Status => (jsonrpc::read_request("status", &in_json(route, head, "")?)?, Form::Result),
        What::Process => (jsonrpc::read_request("why", &in_json(route, head, &about("names"))?)?, Form::Account),
        What::Act(command) => (jsonrpc::read_request(command, &merged(&about("names"), &body()))?, Form::Result),
        What::Reload => (jsonrpc::read_request("reload", &merged("", &body()))?, Form::Result),
        What::Ready => (Request::Status { names: Vec::new(), usage: false }, Form::Ready),
        What::Metrics => (Request::Status { names: Vec::new(), usage: true }, Form::Metrics),
        What::Logs => {
            let request = jsonrpc::read_request("logs", &in_json(route, head, &about("names"))?)?;
            (request, if wants_events(head) { Form::Chunks } else { Form::Text })
        }
        What::Events => {
            let mut given = String::from("\"follow\":true");
            let asked = head.query.iter().any(|(name, _)| name == "since");
            let last = head.last_event.as_deref().and_then(|id| id.parse::<u64>().ok()).filter(|_| !asked);
            if let Some(last) = last {
                given.push_str(&format!(",\"since\":{}", last.saturating_add(1)));
            }
            (jsonrpc::read_request("events", &in_json(route, head, &given)?)?, Form::Events)
        }
        What::File(_) | What::Health | What::Session | What::Login | What::Rpc | What::OpenApi | What::Socket => {
            return Ok(None);
        }
    }))
}

fn wants_events(head: &Head) -> bool {
    head.accept.as_deref().is_some_and(|accept| accept.contains("text/event-stream"))
}

/// The members of a body behind those that are given: one object.
fn merged(given: &str, body: &str) -> String {
    let inner = body.strip_prefix('{').unwrap_or(body);
    let empty = body.is_empty() || inner.trim_start() == "}";
    match (given.is_empty(), empty) {
        // What is no object is to be told as such.
        _ if !body.is_empty() && !body.starts_with('{') => body.to_owned(),
        (true, true) => "{}".to_owned(),
        (true, false) => body.to_owned(),
        (false, true) => format!("{{{given}}}"),
        (false, false) => format!("{{{given},{inner}"),
    }
}

/// What stands behind the question mark, behind the members that are given: one object.
fn in_json(route: &Route, head: &Head, given: &str) -> Result<String, Refusal> {
    let mut members: Vec<String> = Vec::new();
    if !given.is_empty() {
        members.push(given.to_owned());
    }
    let mut lists: Vec<(&str, Vec<String>)> = Vec::new();
    for (name, value) in &head.query {
        let mut text = Vec::new();
        jsonrpc::write_text(value, &mut text);
        let text = String::from_utf8(text).unwrap_or_default();
        // A parameter that is not known is refused by its name, by whoever reads them all.
        let kind = route.query.iter().find(|query| query.name == name).map_or(Value::Text, |query| query.kind);
        let json = match kind {
            Value::Texts => {
                match lists.iter_mut().find(|(known, _)| known == name) {
                    Some((_, values)) => values.push(text),
                    None => lists.push((name, vec![text])),
                }
                continue;
            }
            Value::Number if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => value.clone(),
            Value::Flag if value.is_empty() || value == "1" => "true".to_owned(),
            Value::Flag if value == "0" => "false".to_owned(),
            Value::Flag if value == "true" || value == "false" => value.clone(),
            Value::Text | Value::Number | Value::Flag => text,
        };
        let mut member = Vec::new();
        jsonrpc::write_text(name, &mut member);
        members.push(format!("{}:{json}", String::from_utf8(member).unwrap_or_default()));
    }
    members.extend(lists.into_iter().map(|(name, values)| format!("\"{name}\":[{}]", values.join(","))));
    Ok(format!("{{{}}}", members.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::Stream;
    use crate::control::message::{RefusalCode, Wait};
    use crate::web::http::{Reader, Step};

    type Found = (&'static Route, Option<(Request, Form)>);

    fn ask(line: &str, body: &str) -> Result<Found, String> {
        let mut reader = Reader::default();
        let length = body.len();
        reader.feed(format!("{line} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes());
        let Step::Ask(asked) = reader.take() else { panic!("{line}") };
        let (route, name) = find(&asked.head).map_err(|fault| fault.status.to_string())?;
        translate(route, &name, &asked).map(|wish| (route, wish)).map_err(|refusal| refusal.text)
    }

    fn request(line: &str, body: &str) -> Request {
        ask(line, body).unwrap().1.unwrap().0
    }

    #[test]
    fn every_path_is_found_and_only_by_its_method() {
        for route in &ROUTES {
            let path = route.path.replace("{name}", "w:*");
            let (method, other) = if route.method == Method::Post { ("POST", "GET") } else { ("GET", "POST") };
            let body = if route.path.ends_with("signal") { "{\"signal\":1}" } else { "" };
            let found = ask(&format!("{method} {path}"), body);
            assert_eq!(found.unwrap().0.path, route.path);
            if !path.ends_with("session") {
                assert_eq!(ask(&format!("{other} {path}"), "").unwrap_err(), "405", "{path}");
            }
            if method == "GET" {
                assert_eq!(ask(&format!("HEAD {path}"), "").unwrap().0.path, route.path);
            }
        }
        for path in
            ["/x", "/api", "/api/", "/api/status/", "//", "/api/processes/a/b", "/api/processes/a/start/", "/app.js/.."]
        {
            assert_eq!(ask(&format!("GET {path}"), "").unwrap_err(), "404", "{path}");
        }
    }

    #[test]
    fn nothing_is_changed_by_get() {
        for route in ROUTES.iter().filter(|route| route.method == Method::Get) {
            let path = route.path.replace("{name}", "x");
            let Ok((_, Some((request, _)))) = ask(&format!("GET {path}"), "") else { continue };
            assert_eq!(request.right(), crate::control::command::Right::Read, "{path}");
        }
    }

    #[test]
    fn requests_are_those_of_the_socket() {
        let names = |name: &str| vec![name.to_owned()];
        assert_eq!(request("GET /api/status", ""), Request::Status { names: Vec::new(), usage: false });
        assert_eq!(
            request("GET /api/status?usage&names=5&names=a%22b", ""),
            Request::Status { names: vec!["5".to_owned(), "a\"b".to_owned()], usage: true }
        );
        assert_eq!(
            request("POST /api/processes/w:*/stop", "{\"wait\":false}"),
            Request::Stop { names: names("w:*"), wait: Wait::No }
        );
        assert_eq!(
            request("POST /api/processes/a/restart", " { } "),
            Request::Restart { names: names("a"), wait: Wait::Reached, rolling: None }
        );
        assert_eq!(request("POST /api/reload", "{\"dry_run\":true}"), Request::Reload { dry_run: true });
        assert_eq!(
            request("GET /api/logs/a?follow=1&lines=3&stderr", ""),
            Request::Logs { names: names("a"), stream: Some(Stream::Stderr), lines: 3, follow: true, from: Vec::new() }
        );
        assert_eq!(
            request("GET /api/events?since=7", ""),
            Request::Events { names: Vec::new(), since: Some(7), follow: true }
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (line, body, text) in [
            ("GET /api/status?usge", "", "did you mean \"usage\""),
            ("GET /api/status?usage=x", "", "true or false"),
            ("GET /api/logs/a?lines=x", "", "lines: expected a number"),
            ("GET /api/logs/a?names=b", "", "names is there twice"),
            ("POST /api/processes/a/stop", "{\"names\":[\"b\"]}", "names is there twice"),
            ("POST /api/processes/a/stop", "[]", "stop: no NAME given"),
            ("POST /api/processes/a/stop", "{", "not JSON"),
            ("POST /api/processes/a/stop", "{\"wait\":false}}", "not JSON"),
            ("POST /api/processes/a/signal", "", "no SIGNAL given"),
            ("POST /api/reload", "{\"dryrun\":true}", "did you mean \"dry_run\""),
            ("POST /api/reload", "\"x\"", "params must be an object"),
        ] {
            let told = ask(line, body).unwrap_err();
            assert!(told.contains(text), "{line} {body}: {told}");
        }
        let refusal = Refusal::new(RefusalCode::BadArguments, "x");
        assert_eq!(refusal.code.word(), "bad-arguments");
    }
}
