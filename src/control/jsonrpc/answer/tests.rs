//! Answers as JSON-RPC: what the daemon writes comes back, in the form that is documented.

use super::*;
use crate::base::id::Stream;
use crate::control::message::{
    Change, ChangeAction, KeyChange, LastOutput, PROTOCOL, Setting, StateName, StreamPlace, StreamSink, Then,
    Transition, Usage, Want,
};
use crate::control::message::{Health, ScheduleStatus};

fn process(name: &str) -> ProcessStatus {
    ProcessStatus {
        name: name.to_owned(),
        program: "web".to_owned(),
        num: 3,
        group: None,
        state: StateName::Backoff,
        want: Want::Up,
        health: Some(Health::Unhealthy),
        says: Some("a \"line\" of its own \u{1}".to_owned()),
        as_wanted: false,
        pid: Some(1234),
        for_ms: Some(u64::MAX),
        runs: 7,
        last_exit: Some("exit status 3".to_owned()),
        why: Some("a \"quoted\" \n \u{1b} line \u{fc}".to_owned()),
        next: Some("next try in 1s (3 of 4)".to_owned()),
        next_try_ms: Some(0),
        kill_in_ms: Some(1),
        listen: vec!["127.0.0.1:80".to_owned()],
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
        program: "web".to_owned(),
        num: 3,
        want: Want::Down,
        runs: 7,
        ..ProcessStatus::plain(name, StateName::Stopped)
    }
}

fn account(setting: Option<Setting>) -> Account {
    let (from, to) = (StateName::Starting, StateName::Backoff);
    Account {
        last_check: None,
        hooks: Vec::new(),
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
        ready_ms: Some(1500),
        name: "web".to_owned(),
        group: Some("team".to_owned()),
        priority: -1,
        autostart: true,
        on_demand: true,
        processes: vec!["web".to_owned()],
    };
    let edges = vec![Edge { from: "db".to_owned(), to: "web".to_owned(), until: "ready".to_owned(), required: true }];
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
