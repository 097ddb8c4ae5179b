//! Responses as lines for people, in the manner of supervisorctl.
//!
//! Texts that come from outside are printed with their control characters escaped, so that a line stays a line and
//! nothing forges the last one. Only `tail` gives bytes as they are: that is what it is for.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use crate::base::id::Stream;
use crate::base::text::{Plain, quoted};
use crate::base::time::Wall;

use super::message::{
    Chunk, Event, Health, Kind, LogPlace, Outcome, ProcessPid, ProcessStatus, Refusal, RefusalCode, Response, StateName,
};

mod graph;
mod plan;
mod usage;
mod why;

pub use graph::dot;
pub use usage::has_header as has_usage;

/// What time it is where the text is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Seconds since the Unix epoch.
    pub now_unix: i64,
    /// Seconds east of Greenwich.
    pub utc_offset: i64,
}

/// The least width of names, and what is between a name and its state, as supervisorctl has it.
const NAME_COLUMNS: usize = 30;
const GAP_COLUMNS: usize = 3;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The lines of a response, without the final one.
#[must_use]
pub fn render(response: &Response, clock: &Clock) -> Vec<u8> {
    let mut out = Vec::new();
    write(response, clock, &mut out);
    out
}

/// Appends the lines of a response, without the final one.
pub fn write(response: &Response, clock: &Clock, out: &mut Vec<u8>) {
    let mut text = String::new();
    match response {
        Response::Status(processes) => status(processes, clock, &mut text),
        Response::Why(accounts) => why::write(accounts, clock, &mut text),
        Response::Graph(graph) if graph.as_dot => text.push_str(&dot(graph)),
        Response::Graph(graph) => graph::write(graph, &mut text),
        Response::Outcomes { outcomes, notes } => {
            outcomes.iter().for_each(|o| outcome(o, &mut text));
            notes.iter().for_each(|note| put(&mut text, format_args!("note: {}\n", Plain(note))));
        }
        Response::Plan(plan) => plan::write(plan, &mut text),
        Response::Events(list) => {
            if list.lost > 0 {
                put(&mut text, format_args!("note: {} earlier events are no longer kept\n", list.lost));
            }
            list.events.iter().for_each(|e| event(e, &mut text));
        }
        Response::Logs(list) => {
            list.notes.iter().for_each(|note| put(&mut text, format_args!("note: {}\n", Plain(note))));
            out.extend_from_slice(text.as_bytes());
            list.chunks.iter().for_each(|chunk| output(chunk, list.labels, out));
            if !list.follow && out.last().is_some_and(|b| *b != b'\n') {
                out.push(b'\n');
            }
            return;
        }
        Response::Tail(bytes) => {
            out.extend_from_slice(bytes);
            if bytes.last().is_some_and(|b| *b != b'\n') {
                out.push(b'\n');
            }
        }
        Response::DaemonPid(pid) => put(&mut text, format_args!("{pid}\n")),
        Response::Pids(list) => pids(list, &mut text),
        Response::Version(v) => {
            put(&mut text, format_args!("taskmasterd {}, protocol {}\n", Plain(&v.version), v.protocol));
        }
        Response::Done | Response::ShuttingDown => {}
        Response::Help(help) => text.push_str(help),
        Response::Refused(refusal) => details(refusal, &mut text),
    }
    out.extend_from_slice(text.as_bytes());
}

/// The last line of an answer in text: `OK`, or `ERROR <code>: <text>`.
#[must_use]
pub fn final_line(response: &Response) -> Cow<'static, str> {
    match response.kind() {
        Kind::Refused(refusal) => {
            let first = refusal.text.lines().next().unwrap_or_default();
            format!("ERROR {}: {}", refusal.code.word(), Plain(first)).into()
        }
        Kind::Outcomes(outcomes) => match outcomes.iter().filter(|o| !o.ok).count() {
            0 => "OK".into(),
            failed => {
                let all = outcomes.len();
                let noun = if all == 1 { "process" } else { "processes" };
                format!("ERROR {}: {failed} of {all} {noun}", RefusalCode::Failed.word()).into()
            }
        },
        Kind::Status(_) | Kind::Why(_) | Kind::Plan(_) | Kind::Plain => "OK".into(),
    }
}

/// Writing into a string cannot fail.
fn put(text: &mut String, args: fmt::Arguments<'_>) {
    let _ = text.write_fmt(args);
}

/// Output as it was written; with a label, whole lines that say whose they are: `web | GET /`, and of stderr `web ! oops`.
pub fn output(chunk: &Chunk, labelled: bool, out: &mut Vec<u8>) {
    let LogPlace { process, stream, .. } = &chunk.next;
    if chunk.lost {
        out.extend_from_slice(format!("note: some output of {} is no longer kept\n", Plain(process)).as_bytes());
    }
    if !labelled {
        return out.extend_from_slice(&chunk.bytes);
    }
    let mark = if *stream == Stream::Stderr { '!' } else { '|' };
    for line in chunk.bytes.split_inclusive(|b| *b == b'\n') {
        out.extend_from_slice(format!("{process} {mark} ").as_bytes());
        out.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            out.push(b'\n');
        }
    }
}

/// `12 2026-11-21T01:53:33.042Z web: RUNNING -> BACKOFF: exited: exit status 1, not expected`.
pub fn event(e: &Event, text: &mut String) {
    let Event { seq, time, process, from, to, cause, .. } = e;
    put(text, format_args!("{seq} {} {}: ", Plain(time), Plain(process)));
    if from != to {
        put(text, format_args!("{} -> {}: ", from.text(), to.text()));
    }
    put(text, format_args!("{}\n", Plain(cause)));
}

fn status(processes: &[ProcessStatus], clock: &Clock, text: &mut String) {
    let longest = processes.iter().map(|p| p.name.chars().count()).max().unwrap_or(0);
    let width = longest.max(NAME_COLUMNS) + GAP_COLUMNS;
    text.reserve(processes.len() * (width + 48));
    let usage = usage::has_header(processes);
    if usage {
        put(text, format_args!("{:width$}{:10}{}\n", "NAME", "STATE", usage::HEADER));
    }
    for p in processes {
        put(text, format_args!("{:width$}{:10}", Plain(&p.name).to_string(), p.state.text()));
        if usage {
            usage::columns(p.usage.as_ref(), text);
        }
        describe(p, clock, text);
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
}

/// What there is to say about a process: in its state, why, and what comes next.
fn describe(p: &ProcessStatus, clock: &Clock, text: &mut String) {
    state(p, clock, text);
    if let Some(next) = &p.next {
        put(text, format_args!("; {}", Plain(next)));
    } else if let Some(schedule) = &p.schedule {
        put(text, format_args!("; {}", Plain(&schedule.to_string())));
    }
}

fn state(p: &ProcessStatus, clock: &Clock, text: &mut String) {
    let name = Plain(&p.name);
    let why = || match p.why.as_deref().or(p.last_exit.as_deref()) {
        Some(why) => Plain(why).to_string(),
        None => format!("unknown error (try \"tail {name}\")"),
    };
    match p.state {
        StateName::Running => {
            pid(p, "uptime", text);
            health(p, text);
        }
        StateName::Starting | StateName::Stopping => {
            pid(p, "since", text);
            note(p, text);
            says(p, text);
        }
        StateName::Waiting | StateName::Backoff | StateName::Fatal => text.push_str(&why()),
        StateName::Exited => {
            moment(p, clock, text);
            if let Some(exit) = &p.last_exit {
                put(text, format_args!(", {}", Plain(exit)));
            }
            note(p, text);
        }
        StateName::Stopped => {
            if p.for_ms.is_some() {
                moment(p, clock, text);
            } else {
                text.push_str("Not started");
            }
            note(p, text);
        }
    }
}

/// `pid 12, uptime 0:05:23`, as far as it is known.
fn pid(p: &ProcessStatus, word: &str, text: &mut String) {
    let seconds = p.for_ms.unwrap_or(0) / 1000;
    if let Some(pid) = p.pid {
        put(text, format_args!("pid {pid}, "));
    }
    put(text, format_args!("{word} {}", Uptime(seconds)));
}

/// How it is, if it is checked for that, and what it says of itself: `, unhealthy: connection refused`.
fn health(p: &ProcessStatus, text: &mut String) {
    match (p.health, &p.why) {
        // Of one that is not well, that is why there is something to say.
        (Some(Health::Unhealthy), Some(why)) => put(text, format_args!(", {}", Plain(why))),
        (Some(Health::Starting), _) => text.push_str(", health: starting"),
        (Some(health @ (Health::Healthy | Health::Unhealthy)), _) => put(text, format_args!(", {}", health.text())),
        (None, _) => {}
    }
    if p.health != Some(Health::Unhealthy) {
        note(p, text);
    }
    says(p, text);
}

/// What it says of itself.
fn says(p: &ProcessStatus, text: &mut String) {
    if let Some(says) = &p.says {
        put(text, format_args!("; says {}", quoted(says)));
    }
}

/// Why, unless it is only the exit said twice.
fn note(p: &ProcessStatus, text: &mut String) {
    if let Some(why) = p.why.as_ref().filter(|_| p.why != p.last_exit) {
        put(text, format_args!("; {}", Plain(why)));
    }
}

/// When it entered its state: `Nov 21 10:47 AM`.
fn moment(p: &ProcessStatus, clock: &Clock, text: &mut String) {
    let ago = i64::try_from(p.for_ms.unwrap_or(0) / 1000).unwrap_or(i64::MAX);
    let civil = Wall { secs: clock.now_unix.saturating_sub(ago), nanos: 0 }.civil(clock.utc_offset);
    let month = usize::try_from(civil.month).ok().and_then(|m| MONTHS.get(m.wrapping_sub(1))).unwrap_or(&"");
    let (hour, half) = (civil.hour % 12, if civil.hour < 12 { "AM" } else { "PM" });
    let hour = if hour == 0 { 12 } else { hour };
    put(text, format_args!("{month} {:02} {hour:02}:{:02} {half}", civil.day, civil.minute));
}

/// `0:05:23`, `1 day, 2:03:04`, as supervisorctl prints it.
struct Uptime(u64);

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / 86_400, self.0 % 86_400);
        match days {
            0 => {}
            1 => f.write_str("1 day, ")?,
            _ => write!(f, "{days} days, ")?,
        }
        write!(f, "{}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
    }
}

fn outcome(o: &Outcome, text: &mut String) {
    let (name, result) = (Plain(&o.name), Plain(&o.result));
    if o.ok {
        put(text, format_args!("{name}: {result}\n"))
    } else {
        put(text, format_args!("{name}: ERROR ({result})\n"))
    }
}

fn pids(list: &[ProcessPid], text: &mut String) {
    // One number alone is what `kill $(… pid web)` needs.
    if let [one] = list {
        return put(text, format_args!("{}\n", one.pid.unwrap_or(0)));
    }
    for p in list {
        put(text, format_args!("{}: {}\n", Plain(&p.name), p.pid.unwrap_or(0)));
    }
}

/// A refusal of several lines has its summary in the first, which is the final line; the others come before it.
fn details(refusal: &Refusal, text: &mut String) {
    for line in refusal.text.lines().skip(1) {
        put(text, format_args!("{}\n", Plain(line)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::message::VersionReport;

    /// 2026-11-21 10:47:00 UTC.
    const CLOCK: Clock = Clock { now_unix: 1_795_258_020, utc_offset: 0 };

    fn text(response: &Response) -> String {
        String::from_utf8(render(response, &CLOCK)).unwrap()
    }

    fn line(p: ProcessStatus) -> String {
        text(&Response::Status(vec![p]))
    }

    #[test]
    fn states_look_as_in_supervisorctl() {
        use StateName::{Backoff, Exited, Fatal, Running, Starting, Stopped, Stopping};
        let p = |state| ProcessStatus::plain("web", state);
        let some = |text: &str| Some(text.to_owned());
        for (p, end) in [
            (
                ProcessStatus { pid: Some(1234), for_ms: Some(323_999), ..p(Running) },
                "RUNNING   pid 1234, uptime 0:05:23",
            ),
            (
                ProcessStatus { pid: Some(1), for_ms: Some(93_784_000), ..p(Running) },
                "RUNNING   pid 1, uptime 1 day, 2:03:04",
            ),
            (
                ProcessStatus { pid: Some(1), for_ms: Some(3 * 86_400_000), ..p(Running) },
                "RUNNING   pid 1, uptime 3 days, 0:00:00",
            ),
            (
                ProcessStatus { pid: Some(1), for_ms: Some(10_000), health: Some(Health::Healthy), ..p(Running) },
                "RUNNING   pid 1, uptime 0:00:10, healthy",
            ),
            (
                ProcessStatus { pid: Some(1), health: Some(Health::Starting), says: some("a\nb"), ..p(Running) },
                "RUNNING   pid 1, uptime 0:00:00, health: starting; says \"a\\nb\"",
            ),
            (
                ProcessStatus {
                    pid: Some(1),
                    health: Some(Health::Unhealthy),
                    why: some("unhealthy: connection refused\n"),
                    ..p(Running)
                },
                "RUNNING   pid 1, uptime 0:00:00, unhealthy: connection refused\\n",
            ),
            (
                ProcessStatus { pid: Some(1), health: Some(Health::Unhealthy), ..p(Running) },
                "RUNNING   pid 1, uptime 0:00:00, unhealthy",
            ),
            (
                ProcessStatus { pid: Some(1), says: some("opening the database"), ..p(Starting) },
                "STARTING  pid 1, since 0:00:00; says \"opening the database\"",
            ),
            (ProcessStatus { pid: Some(12), for_ms: Some(0), ..p(Starting) }, "STARTING  pid 12, since 0:00:00"),
            (ProcessStatus { for_ms: Some(0), ..p(Starting) }, "STARTING  since 0:00:00"),
            (
                ProcessStatus {
                    why: some("exited too quickly (exit status 3)"),
                    next: some("next try in 3s (2 of 4)"),
                    ..p(Backoff)
                },
                "BACKOFF   exited too quickly (exit status 3); next try in 3s (2 of 4)",
            ),
            (ProcessStatus { last_exit: some("exit status 3"), ..p(Backoff) }, "BACKOFF   exit status 3"),
            (
                ProcessStatus { why: some("no such file"), next: some("\"start web\" tries again"), ..p(Fatal) },
                "FATAL     no such file; \"start web\" tries again",
            ),
            (p(Fatal), "FATAL     unknown error (try \"tail web\")"),
            (
                ProcessStatus { last_exit: some("exit status 0"), for_ms: Some(999), ..p(Exited) },
                "EXITED    Nov 21 10:47 AM, exit status 0",
            ),
            (
                ProcessStatus {
                    last_exit: some("exit status 0"),
                    why: some("exit status 0"),
                    for_ms: Some(0),
                    ..p(Exited)
                },
                "EXITED    Nov 21 10:47 AM, exit status 0",
            ),
            (ProcessStatus { for_ms: Some(10 * 3_600_000), ..p(Exited) }, "EXITED    Nov 21 12:47 AM"),
            (p(Stopped), "STOPPED   Not started"),
            (ProcessStatus { for_ms: Some(86_400_000), ..p(Stopped) }, "STOPPED   Nov 20 10:47 AM"),
            (
                ProcessStatus { pid: Some(12), for_ms: Some(3000), next: some("SIGKILL in 7s"), ..p(Stopping) },
                "STOPPING  pid 12, since 0:00:03; SIGKILL in 7s",
            ),
        ] {
            assert_eq!(line(p), format!("{:33}{end}\n", "web"));
        }
    }

    #[test]
    fn the_zone_shifts_times() {
        let p = ProcessStatus { for_ms: Some(0), ..ProcessStatus::plain("web", StateName::Stopped) };
        let clock = Clock { utc_offset: 2 * 3600, ..CLOCK };
        let out = render(&Response::Status(vec![p]), &clock);
        assert!(String::from_utf8(out).unwrap().ends_with("Nov 21 12:47 PM\n"));
    }

    #[test]
    fn names_share_a_column() {
        let long = "x".repeat(40);
        let out = text(&Response::Status(vec![
            ProcessStatus::plain("gr\u{f6}\u{df}e", StateName::Fatal),
            ProcessStatus::plain(&long, StateName::Fatal),
        ]));
        let columns: Vec<_> = out.lines().map(|l| l.split("FATAL").next().unwrap().chars().count()).collect();
        assert_eq!(columns, [43, 43]);
        assert_eq!(text(&Response::Status(vec![])), "");
    }

    #[test]
    fn outcomes_and_their_final_line() {
        let outcome = |name: &str, result: &str, ok| Outcome { name: name.into(), result: result.into(), ok };
        let good = outcome("web", "started", true);
        let bad = outcome("api", "no such file\nOK", false);
        let outcomes = |outcomes| Response::Outcomes { outcomes, notes: vec![] };
        let all = outcomes(vec![good.clone(), bad.clone(), outcome("db", "already running", true)]);
        assert_eq!(text(&all), "web: started\napi: ERROR (no such file\\nOK)\ndb: already running\n");
        assert_eq!(final_line(&all), "ERROR failed: 1 of 3 processes");
        assert_eq!(final_line(&outcomes(vec![bad])), "ERROR failed: 1 of 1 process");
        assert_eq!(final_line(&outcomes(vec![good.clone()])), "OK");
        let noted = Response::Outcomes { outcomes: vec![good], notes: vec!["web: uses\nOK".into()] };
        assert_eq!((text(&noted).as_str(), &*final_line(&noted)), ("web: started\nnote: web: uses\\nOK\n", "OK"));
    }

    #[test]
    fn the_rest() {
        assert_eq!(render(&Response::Tail(b"a\n\x1b\xff".to_vec()), &CLOCK), b"a\n\x1b\xff\n");
        assert_eq!(render(&Response::Tail(vec![]), &CLOCK), b"");
        assert_eq!(text(&Response::DaemonPid(5)), "5\n");
        let pid = |name: &str, pid| ProcessPid { name: name.into(), pid };
        assert_eq!(text(&Response::Pids(vec![pid("a", Some(7))])), "7\n");
        assert_eq!(text(&Response::Pids(vec![pid("a", Some(7)), pid("b", None)])), "a: 7\nb: 0\n");
        let version = VersionReport { version: "0.1.0".into(), protocol: 1 };
        assert_eq!(text(&Response::Version(version)), "taskmasterd 0.1.0, protocol 1\n");
        assert_eq!(text(&Response::ShuttingDown), "");
        assert_eq!(text(&Response::Help("x\n".into())), "x\n");
    }

    #[test]
    fn refusals_of_several_lines_end_with_their_summary() {
        let refused = Response::Refused(Refusal::new(RefusalCode::BadConfig, "x.yaml: 2 errors\na: b\nc: \u{1b}[m"));
        assert_eq!(text(&refused), "a: b\nc: \\u{1b}[m\n");
        assert_eq!(final_line(&refused), "ERROR bad-config: x.yaml: 2 errors");
        let empty = Response::Refused(Refusal::new(RefusalCode::Busy, ""));
        assert_eq!((text(&empty).as_str(), &*final_line(&empty)), ("", "ERROR busy: "));
    }
}
