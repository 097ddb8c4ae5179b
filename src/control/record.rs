//! A line of the daemon's log in JSON, for `jq` and for collectors of logs. See taskmasterd(8) for the fields.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::base::id::Stream;

use super::message::StateName;

/// One line. Fields that say nothing are left out.
#[derive(Clone, Debug, Serialize)]
pub struct Record<'a> {
    /// When: UTC, as RFC 3339 writes it.
    pub time: &'a str,
    /// How serious: `info`.
    pub level: &'static str,
    /// What happened to a process, in one word (`exited`); `message` for everything else.
    pub event: &'static str,
    /// To which process.
    #[serde(flatten)]
    pub process: Option<Subject<'a>>,
    /// Which command was answered.
    #[serde(flatten)]
    pub command: Option<Answered<'a>>,
    /// Why, or what there is to say.
    pub cause: String,
}

/// A process to which something happened.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Subject<'a> {
    /// Its program.
    pub program: &'a str,
    /// The process, as people see it.
    pub process: &'a str,
    /// Its process id, if it has or had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its state before.
    pub from: StateName,
    /// Its state since.
    pub to: StateName,
}

/// A line that a process wrote, or a piece of one that is too long: what is shown of it where the daemon's output goes.
#[derive(Clone, Debug, Serialize)]
pub struct Said<'a> {
    /// When it was read: UTC, as RFC 3339 writes it.
    pub time: &'a str,
    /// `output`.
    pub event: &'static str,
    /// The program.
    pub program: &'a str,
    /// The process, as people see it.
    pub process: &'a str,
    /// Its process id, if it is a run that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// `stdout` or `stderr`.
    pub stream: Stream,
    /// The text, with replacement characters for what is none.
    pub message: Cow<'a, str>,
    /// The line goes on in the next object of this stream.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// A request that was answered.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Answered<'a> {
    /// The command as it would be typed.
    pub command: &'a str,
    /// `ok`, `partial`, `failed`, `gone`, or the word of a refusal.
    pub result: &'static str,
    /// From which address it was asked by HTTP, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<&'a str>,
    /// Who asked: the user's id, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The user's name, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// The group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// The process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// How long it took.
    pub duration_ms: u64,
}

impl fmt::Display for Answered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Answered { command, result, http, uid, user, gid, pid, duration_ms } = self;
        write!(f, "command {command:?} result={result}")?;
        http.map_or(Ok(()), |from| write!(f, " http={from}"))?;
        uid.map_or(Ok(()), |uid| write!(f, " uid={uid}"))?;
        user.map_or(Ok(()), |user| write!(f, " user={user}"))?;
        gid.map_or(Ok(()), |gid| write!(f, " gid={gid}"))?;
        pid.map_or(Ok(()), |pid| write!(f, " pid={pid}"))?;
        write!(f, " duration={}.{:03}s", duration_ms / 1000, duration_ms % 1000)
    }
}

impl Record<'_> {
    /// Appends the line, its end included.
    pub fn write(&self, out: &mut Vec<u8>) {
        line(self, out);
    }
}

impl Said<'_> {
    /// Appends the line, its end included.
    pub fn write(&self, out: &mut Vec<u8>) {
        line(self, out);
    }
}

fn line(object: &impl Serialize, out: &mut Vec<u8>) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, object).is_err() {
        // Texts and numbers can always be written; a line that were cut short would spoil the next one, too.
        out.truncate(start);
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_says() {
        let mut out = Vec::new();
        let message = String::from_utf8_lossy(b"a \"b\"\xff\x1b\t\xe2\x82\xac");
        let (time, process) = ("2026-01-02T03:04:05.678Z", "w:w_00");
        let said = Said {
            time,
            event: "output",
            program: "w",
            process,
            pid: Some(7),
            stream: Stream::Stderr,
            message,
            partial: true,
        };
        said.write(&mut out);
        Said { pid: None, partial: false, stream: Stream::Stdout, message: "".into(), ..said }.write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"time\":\"2026-01-02T03:04:05.678Z\",\"event\":\"output\",\"program\":\"w\",\"process\":\"w:w_00\",\"pid\":7,\
             \"stream\":\"stderr\",\"message\":\"a \\\"b\\\"\u{fffd}\\u001b\\t\u{20ac}\",\"partial\":true}\n\
             {\"time\":\"2026-01-02T03:04:05.678Z\",\"event\":\"output\",\"program\":\"w\",\"process\":\"w:w_00\",\
             \"stream\":\"stdout\",\"message\":\"\"}\n"
        );
    }

    #[test]
    fn a_line_stays_a_line() {
        let mut out = Vec::new();
        let subject =
            Subject { program: "w", process: "w:w_00", pid: Some(7), from: StateName::Running, to: StateName::Exited };
        let record = Record {
            time: "2026-01-02T03:04:05.678Z",
            level: "warning",
            event: "exited",
            process: Some(subject),
            command: None,
            cause: "a \"b\"\n\u{1b}".to_owned(),
        };
        record.write(&mut out);
        Record { process: None, event: "message", ..record.clone() }.write(&mut out);
        let (command, user) = ("stop \"a b\"", Some("deploy"));
        let answered = Answered {
            command,
            result: "ok",
            http: None,
            uid: Some(1000),
            user,
            gid: Some(100),
            pid: Some(7),
            duration_ms: 1020,
        };
        let text = r#"command "stop \"a b\"" result=ok uid=1000 user=deploy gid=100 pid=7 duration=1.020s"#;
        assert_eq!(answered.to_string(), text);
        let by_http = Answered { http: Some("10.0.0.1:7"), uid: None, user: None, gid: None, pid: None, ..answered };
        assert_eq!(by_http.to_string(), r#"command "stop \"a b\"" result=ok http=10.0.0.1:7 duration=1.020s"#);
        Record { process: None, event: "command", command: Some(answered), cause: String::new(), ..record }
            .write(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warning\",\"event\":\"exited\",\"program\":\"w\",\
             \"process\":\"w:w_00\",\"pid\":7,\"from\":\"RUNNING\",\"to\":\"EXITED\",\"cause\":\"a \\\"b\\\"\\n\\u001b\"}\n\
             {\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warning\",\"event\":\"message\",\"cause\":\"a \\\"b\\\"\\n\\u001b\"}\n\
             {\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warning\",\"event\":\"command\",\
             \"command\":\"stop \\\"a b\\\"\",\"result\":\"ok\",\"uid\":1000,\"user\":\"deploy\",\"gid\":100,\
             \"pid\":7,\"duration_ms\":1020,\"cause\":\"\"}\n"
        );
    }
}
