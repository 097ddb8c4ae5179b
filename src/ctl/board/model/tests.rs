//! The board without a terminal and without a daemon: keys, answers and events in, effects and rows out.

use super::*;
use crate::base::id::Stream;
use crate::base::position::Position;
use crate::control::message::{Chunk, EventList, LogList, LogPlace, Outcome, ProcessStatus, Refusal, StateName, Usage};
use crate::control::message::{RefusalCode, Request};
use crate::ctl::board::pane::{Output, Written};

pub(in crate::ctl::board) fn process(name: &str, state: StateName) -> ProcessStatus {
    let lives = matches!(state, StateName::Running | StateName::Starting | StateName::Stopping);
    ProcessStatus {
        as_wanted: state == StateName::Running,
        pid: lives.then_some(4711),
        for_ms: Some(5_000),
        ..ProcessStatus::plain(name, state)
    }
}

pub(in crate::ctl::board) fn event(seq: u64, name: &str) -> Event {
    Event {
        seq,
        time: "2026-11-21T01:53:33.042Z".into(),
        event: "running".into(),
        program: name.into(),
        process: name.into(),
        num: 0,
        group: None,
        pid: Some(4711),
        from: StateName::Starting,
        to: StateName::Running,
        cause: "running".into(),
    }
}

/// A board with these processes, and a clock that the test sets.
pub(in crate::ctl::board) struct Bench {
    pub model: Model,
    pub now: Mono,
}

impl Bench {
    pub fn new(size: (u16, u16), list: Vec<ProcessStatus>) -> Bench {
        let now = Mono(1_000_000_000_000);
        let mut bench = Bench { model: Model::new("/run/ctl".into(), size, Clock::default(), now), now };
        assert_eq!(bench.take(Input::Time), [Effect::Connect]);
        bench.take(Input::Connected);
        bench.answer(Ask::Daemon, Response::DaemonPid(77));
        bench.answer(Ask::Status(vec![]), Response::Status(list));
        bench
    }

    pub fn take(&mut self, input: Input) -> Vec<Effect> {
        self.model.take(input, self.now)
    }

    pub fn answer(&mut self, ask: Ask, response: Response) -> Vec<Effect> {
        self.take(Input::Answer(ask, response))
    }

    pub fn later(&mut self, ms: u64) -> Vec<Effect> {
        self.now = self.now.after(Duration::from_millis(ms));
        self.take(Input::Time)
    }

    /// What comes of keys; an escape is `\x1b`.
    pub fn keys(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for c in keys.chars() {
            let key = match c {
                '\x1b' => Key::Escape,
                '\n' => Key::Enter,
                c => Key::Char(c),
            };
            effects.extend(self.take(Input::Key(key)));
        }
        effects
    }

    fn shown(&self) -> Vec<String> {
        (0..self.model.rows.shown_count()).map(|n| self.model.rows.shown(n).unwrap().status.name.clone()).collect()
    }

    fn message(&self) -> &str {
        self.model.message.as_ref().map_or("", |message| &message.text)
    }
}

fn three() -> Bench {
    let states = [("api", StateName::Fatal), ("job", StateName::Stopped), ("web", StateName::Running)];
    Bench::new((80, 24), states.map(|(name, state)| process(name, state)).to_vec())
}

fn asks(effects: &[Effect]) -> Vec<&Ask> {
    effects.iter().filter_map(|effect| if let Effect::Ask(ask) = effect { Some(ask) } else { None }).collect()
}

fn act(act: Act, names: &[&str]) -> Effect {
    Effect::Ask(Ask::Act(act, names.iter().map(|name| (*name).to_owned()).collect()))
}

fn refused(code: RefusalCode, text: &str) -> Response {
    Response::Refused(Refusal::new(code, text))
}

#[test]
fn a_connection_begins_with_the_whole() {
    let mut model = Model::new("s".into(), (80, 24), Clock::default(), Mono(5));
    assert_eq!(model.take(Input::Time, Mono(5)), [Effect::Connect]);
    assert!(model.take(Input::Time, Mono(6)).is_empty(), "one try at a time");
    let effects = model.take(Input::Connected, Mono(7));
    assert_eq!(asks(&effects), [&Ask::Daemon, &Ask::Status(vec![])]);
    let effects = model.take(Input::Answer(Ask::Daemon, Response::DaemonPid(7)), Mono(8));
    assert_eq!(asks(&effects), [&Ask::History(0)]);
    assert_eq!(model.due(), None, "nothing is shown that changes");
}

#[test]
fn an_event_has_its_process_looked_at_again_and_many_at_once_few_times() {
    let mut bench = three();
    let first = bench.later(1000);
    assert!(asks(&first).iter().all(|ask| matches!(ask, Ask::Usage(_))), "{first:?}");
    assert_eq!(bench.take(Input::Event(event(1, "web"))), [Effect::Ask(Ask::Status(vec!["web".into()]))]);
    // While the answer is awaited, and shortly after, they gather.
    assert!(bench.take(Input::Event(event(2, "web"))).is_empty());
    assert!(bench.take(Input::Event(event(3, "api"))).is_empty());
    let web = process("web", StateName::Backoff);
    assert!(bench.answer(Ask::Status(vec!["web".into()]), Response::Status(vec![web])).is_empty());
    assert_eq!(bench.model.rows.shown(2).unwrap().status.state, StateName::Backoff);
    assert_eq!(bench.model.due(), Some(bench.now.after(REFRESH_GAP)));
    assert_eq!(bench.later(100), [Effect::Ask(Ask::Status(vec!["api".into(), "web".into()]))]);
    // One that is gone has all looked at.
    bench.answer(Ask::Status(vec!["api".into()]), refused(RefusalCode::UnknownName, "no api"));
    assert_eq!(bench.later(100), [Effect::Ask(Ask::Status(vec![]))]);
    bench.answer(Ask::Status(vec![]), Response::Status(vec![process("web", StateName::Running)]));
    assert_eq!(bench.shown(), ["web"]);
    // A thousand of them are asked for as all.
    (0..1000).for_each(|n| drop(bench.take(Input::Event(event(n + 10, &format!("p{n}"))))));
    assert_eq!(asks(&bench.later(100)), [&Ask::Status(vec![])]);
}

#[test]
fn commands_are_for_the_marked_ones_or_the_selected_one() {
    let mut bench = three();
    assert_eq!(bench.keys("s"), [act(Act::Start, &["api"])]);
    assert_eq!(bench.keys("jx"), [act(Act::Stop, &["job"])]);
    assert_eq!(bench.keys("G \x1b"), [Effect::Leave]);
    assert_eq!(bench.keys("kr"), [act(Act::Restart, &["web"])], "the one that is marked");
    // Several only after a question.
    assert!(bench.keys("g r").is_empty());
    assert_eq!(bench.model.mode, Mode::Confirm(Act::Restart, vec!["api".into(), "web".into()]));
    assert!(bench.keys("n").is_empty());
    assert_eq!((bench.message(), &bench.model.mode), ("nothing was done", &Mode::Table));
    assert_eq!(bench.keys("ry"), [act(Act::Restart, &["api", "web"])]);
    assert_eq!(bench.keys("uxax\n"), [act(Act::Stop, &["job"]), act(Act::Stop, &["api", "job", "web"])]);
}

#[test]
fn requests_are_as_the_protocol_has_them() {
    let names = vec!["web".to_owned()];
    let request = Ask::Act(Act::Stop, names.clone()).request();
    assert!(matches!(request, Request::Stop { names: ref n, .. } if *n == names));
    assert_eq!(Ask::Usage(names.clone()).request(), Request::Status { names, usage: true });
    // So many names that one line would be too long.
    let list: Vec<_> = (0..4000).map(|n| process(&format!("a-rather-long-name-{n}"), StateName::Running)).collect();
    let mut bench = Bench::new((80, 24), list);
    let effects = bench.keys("asy");
    let parts: Vec<usize> = asks(&effects)
        .iter()
        .filter_map(|ask| if let Ask::Act(_, names) = ask { Some(names.len()) } else { None })
        .collect();
    assert!(parts.len() > 2 && parts.iter().sum::<usize>() == 4000, "{parts:?}");
    for effect in effects {
        if let Effect::Ask(ask) = effect {
            let mut line = Vec::new();
            crate::control::jsonrpc::write_request(&crate::control::jsonrpc::Id::number(1), &ask.request(), &mut line);
            assert!(line.len() < crate::control::frame::REQUEST_BYTES, "{}", line.len());
        }
    }
}

#[test]
fn what_became_of_a_command_is_told() {
    let mut bench = three();
    let outcome = |ok, result: &str| Outcome { name: "web".into(), result: result.into(), ok };
    let outcomes = |outcomes| Response::Outcomes { outcomes, notes: vec![] };
    let ask = |names: usize| Ask::Act(Act::Start, vec!["web".into(); names]);
    bench.answer(ask(1), outcomes(vec![outcome(true, "started")]));
    assert_eq!(bench.message(), "web: started");
    bench.answer(ask(2), outcomes(vec![outcome(true, "started"); 2]));
    assert_eq!(bench.message(), "start 2 processes: done");
    bench.answer(ask(2), outcomes(vec![outcome(true, "started"), outcome(false, "no\x1b such file")]));
    assert_eq!(bench.message(), "start failed: web: no\\u{1b} such file");
    // What failed stays until a key is pressed, the rest goes by itself.
    bench.later(60_000);
    assert!(bench.message().starts_with("start failed"));
    bench.keys("k");
    assert_eq!(bench.message(), "");
    bench.answer(ask(1), refused(RefusalCode::Denied, "this user may not"));
    assert_eq!(bench.message(), "start: this user may not");
}

#[test]
fn the_filter_works_with_each_letter_and_can_be_taken_back() {
    let mut bench = three();
    bench.keys("G/W");
    assert_eq!(bench.shown(), ["web"]);
    bench.keys("x\x1b");
    assert_eq!((bench.shown().len(), &bench.model.mode), (3, &Mode::Table), "Esc takes it back");
    assert_eq!(bench.model.rows.cursor(), 2, "the cursor stays with its process");
    bench.keys("/fatal\n");
    assert_eq!(bench.shown(), ["api"]);
    assert_eq!(bench.keys("x"), [act(Act::Stop, &["api"])], "keys are commands again");
    assert!(bench.keys("\x1b").is_empty());
    assert_eq!((bench.shown().len(), bench.model.rows.cursor()), (3, 0));
    assert_eq!(bench.keys("\x1b"), [Effect::Leave]);
    bench.keys("/no such");
    bench.take(Input::Key(Key::Ctrl('w')));
    assert_eq!(bench.model.rows.filter(), "no ");
    bench.take(Input::Key(Key::Paste("big".into())));
    assert_eq!((bench.model.rows.filter(), bench.shown().len()), ("no big", 0));
    assert!(bench.keys("\nsxr \n").is_empty(), "there is nothing to act on");
}

#[test]
fn columns_sort_both_ways() {
    let mut bench = three();
    assert_eq!(bench.shown(), ["api", "job", "web"]);
    bench.keys("O");
    assert_eq!(bench.shown(), ["web", "job", "api"]);
    bench.keys(">");
    assert_eq!(bench.shown(), ["api", "job", "web"], "by what needs a look: fatal, not as wanted, running");
    bench.keys("O");
    assert_eq!(bench.shown(), ["web", "job", "api"]);
    bench.keys("<<");
    assert_eq!(columns::COLUMNS[bench.model.rows.sort().column].title, "WHY");
}

#[test]
fn a_lost_connection_is_taken_up_again() {
    let mut bench = three();
    bench.take(Input::Event(event(9, "web")));
    assert!(bench.take(Input::Lost("gone".into())).is_empty());
    let lost_at = bench.now;
    // Farther and farther apart, up to a bound.
    let mut waits = Vec::new();
    for _ in 0..8 {
        let Link::Lost { since, next: Some(next), .. } = bench.model.link.clone() else {
            panic!("{:?}", bench.model.link)
        };
        assert_eq!(since, Some(lost_at));
        waits.push(next.since(bench.now).as_millis());
        bench.now = next;
        assert_eq!(bench.take(Input::Time), [Effect::Connect]);
        bench.take(Input::Lost("still".into()));
    }
    assert_eq!(waits, [100, 200, 400, 800, 1600, 2000, 2000, 2000]);
    assert_eq!(bench.shown().len(), 3, "what was known stays to be seen");
    assert!(bench.keys("s").is_empty() && bench.message().contains("no daemon"));
    let effects = bench.take(Input::Connected);
    assert!(asks(&effects).contains(&&Ask::Status(vec![])));
    // The same daemon goes on behind the last event, another one begins anew.
    assert_eq!(asks(&bench.answer(Ask::Daemon, Response::DaemonPid(77))), [&Ask::History(10)]);
    bench.take(Input::Lost("gone".into()));
    bench.take(Input::Connected);
    bench.take(Input::Event(event(2, "web")));
    assert_eq!(asks(&bench.answer(Ask::Daemon, Response::DaemonPid(78))), [&Ask::History(0)]);
    let list = EventList { events: vec![event(1, "api"), event(2, "web")], next: 3, follow: false, lost: 0 };
    bench.answer(Ask::History(0), Response::Events(list));
    let lines: Vec<(u64, bool)> = bench.model.feed.backwards().map(|(event, first)| (event.seq, first)).collect();
    assert_eq!(lines, [(2, false), (1, true), (9, false)]);
}

fn chunk(name: &str, text: &str) -> Chunk {
    let next = LogPlace { process: name.into(), stream: Stream::Stdout, at: Position::default() };
    Chunk { next, bytes: text.into(), lost: false }
}

fn output(bench: &Bench) -> &Output {
    match &bench.model.pane.as_ref().unwrap().content {
        Content::Output(output) => output,
        other @ (Content::Events | Content::Why(_)) => panic!("{other:?}"),
    }
}

#[test]
fn the_output_of_the_selected_process_is_followed() {
    let mut bench = three();
    let follow = |name: &str, stream| Effect::Follow(Some((name.to_owned(), stream)));
    assert!(bench.keys("\n").is_empty(), "not before the cursor rests");
    assert!(bench.later(100).contains(&follow("api", Stream::Stdout)));
    bench.take(Input::Written(Written::Begins(LogList { chunks: vec![chunk("api", "a\nb")], ..LogList::default() })));
    bench.take(Input::Written(Written::More(chunk("api", "c\nd\n"))));
    assert_eq!(output(&bench).tape.len(), 3);
    // The cursor moves on: what follows is that of another process, what came late is not.
    assert_eq!(bench.keys("jj"), [Effect::Follow(None), Effect::Follow(None)]);
    bench.take(Input::Written(Written::More(chunk("api", "late\n"))));
    assert_eq!((output(&bench).name.as_str(), output(&bench).tape.len()), ("web", 0));
    assert!(bench.later(100).contains(&follow("web", Stream::Stdout)));
    bench.take(Input::Written(Written::Ends("has no log".into())));
    assert_eq!(output(&bench).trouble.as_deref(), Some("has no log"));
    assert!(!bench.later(500).contains(&follow("web", Stream::Stdout)));
    assert!(bench.later(500).contains(&follow("web", Stream::Stdout)), "it is tried again");
    bench.keys("2");
    assert!(bench.later(100).contains(&follow("web", Stream::Stderr)));
    assert_eq!(bench.keys("\n"), [Effect::Follow(None)]);
    assert_eq!(bench.model.pane, None);
}

#[test]
fn whoever_has_scrolled_up_keeps_what_is_read() {
    let mut bench = three();
    bench.keys("\n");
    let text: String = (0..100).map(|n| format!("{n}\n")).collect();
    bench.take(Input::Written(Written::Begins(LogList { chunks: vec![chunk("api", &text)], ..LogList::default() })));
    bench.keys("KKKK");
    bench.take(Input::Written(Written::More(chunk("api", "x\ny\n"))));
    assert_eq!(bench.model.pane.as_ref().unwrap().up, 6);
    bench.keys("J");
    assert_eq!(bench.model.pane.as_ref().unwrap().up, 5);
    (0..50).for_each(|_| drop(bench.take(Input::Key(Key::Ctrl('u')))));
    let pane = usize::from(bench.model.areas().pane.height) - 1;
    assert_eq!(bench.model.pane.as_ref().unwrap().up, 102 - pane, "not past the first line");
}

#[test]
fn why_is_asked_and_asked_again_when_something_happens() {
    let mut bench = three();
    bench.keys("w");
    let why = |name: &str| Effect::Ask(Ask::Why(name.to_owned()));
    assert!(bench.later(100).contains(&why("api")));
    let text = |bench: &Bench| match &bench.model.pane.as_ref().unwrap().content {
        Content::Why(why) => why.text.clone(),
        other @ (Content::Events | Content::Output(_)) => panic!("{other:?}"),
    };
    assert_eq!(text(&bench), None);
    // A daemon that does not know the command.
    bench.answer(Ask::Why("api".into()), refused(RefusalCode::UnknownCommand, "unknown"));
    assert!(text(&bench).unwrap().starts_with("api: FATAL for 5s"));
    assert!(bench.take(Input::Event(event(1, "api"))).contains(&why("api")));
    assert!(!bench.take(Input::Event(event(2, "web"))).contains(&why("api")));
    bench.keys("j");
    assert!(bench.later(100).contains(&why("job")));
    bench.answer(Ask::Why("api".into()), Response::Why(vec![]));
    assert_eq!(text(&bench), None, "an answer about another one");
    assert!(bench.keys("w\x1b").contains(&Effect::Leave));
}

#[test]
fn figures_are_asked_for_those_that_are_seen_and_only_while_somebody_looks() {
    let list: Vec<_> = (0..100).map(|n| process(&format!("p{n:02}"), StateName::Running)).collect();
    let mut bench = Bench::new((80, 14), list.clone());
    let usage = |bench: &mut Bench, ms| {
        let effects = bench.later(ms);
        let names =
            asks(&effects).iter().find_map(|ask| if let Ask::Usage(names) = ask { Some(names.len()) } else { None });
        names.unwrap_or(0)
    };
    let with = |cpu_ms| {
        let usage = Usage { cpu_ms, rss_bytes: 3 << 20, ..Usage::default() };
        Response::Status(vec![ProcessStatus { usage: Some(usage), ..list[0].clone() }])
    };
    let ask = Ask::Usage(vec![]);
    // The first was asked for with the answer to the status.
    assert_eq!(usage(&mut bench, 10_000), 0, "one at a time");
    // A share of the processor takes a second look.
    assert_eq!(asks(&bench.answer(ask.clone(), with(1000))).len(), 1);
    assert_eq!(usage(&mut bench, 1000), 0);
    assert!(bench.answer(ask.clone(), with(1250)).is_empty());
    let figures = bench.model.rows.shown(0).unwrap().usage.unwrap();
    assert_eq!((figures.permille, figures.rss_bytes), (Some(250), 3 << 20));
    assert_eq!((usage(&mut bench, 900), usage(&mut bench, 100)), (0, 10), "those that are to be seen");
    bench.answer(ask.clone(), with(1500));
    bench.take(Input::Key(Key::Focus(false)));
    assert_eq!(usage(&mut bench, 60_000), 0);
    assert_eq!(bench.model.due(), None, "nobody looks, nothing is due");
    bench.take(Input::Key(Key::Focus(true)));
    bench.answer(ask, refused(RefusalCode::BadArguments, "no param \"usage\""));
    assert_eq!(usage(&mut bench, 60_000), 0);
    assert!(!bench.model.has_usage());
}

#[test]
fn nothing_is_due_when_nothing_changes_with_time() {
    let mut stopped = process("job", StateName::Stopped);
    stopped.for_ms = None;
    let mut bench = Bench::new((80, 24), vec![stopped]);
    bench.model.take_changed();
    assert_eq!(bench.model.due(), None);
    assert!(bench.later(3_600_000).is_empty() && !bench.model.take_changed());
    // An uptime is shown anew once a second.
    let mut bench = three();
    bench.model.take_changed();
    let due = bench.model.due().unwrap();
    assert!(due.since(bench.now) <= TICK);
    bench.later(1000);
    assert!(bench.model.take_changed());
    bench.later(10);
    assert!(!bench.model.take_changed());
}

#[test]
fn the_cursor_keeps_within_the_rows_and_the_rows_within_the_screen() {
    let list: Vec<_> = (0..1000).map(|n| process(&format!("p{n:03}"), StateName::Running)).collect();
    let mut bench = Bench::new((80, 24), list);
    let height = usize::from(bench.model.areas().table.height);
    for key in [Key::PageDown, Key::End, Key::Down, Key::PageUp, Key::Up, Key::Home, Key::Up] {
        bench.take(Input::Key(key));
        let (cursor, top) = (bench.model.rows.cursor(), bench.model.top);
        assert!(top <= cursor && cursor < top + height, "{cursor} {top}");
    }
    bench.keys("G");
    assert_eq!((bench.model.rows.cursor(), bench.model.top), (999, 1000 - height));
    bench.take(Input::Size(80, 10));
    assert_eq!(bench.model.top, 1000 - 6);
    // Most of them are gone.
    let few = vec![process("p999", StateName::Running), process("q", StateName::Running)];
    bench.answer(Ask::Status(vec![]), Response::Status(few));
    assert_eq!((bench.model.rows.cursor(), bench.model.top), (0, 0), "still on the same process");
}

#[test]
fn ctrl_c_z_and_l_work_whatever_has_the_keys() {
    for keys in ["", "/", "?", "ax", "\n"] {
        let mut bench = three();
        bench.keys(keys);
        assert_eq!(bench.take(Input::Key(Key::Ctrl('c'))), [Effect::Leave]);
        assert_eq!(bench.take(Input::Key(Key::Ctrl('z'))), [Effect::Suspend]);
        assert!(bench.take(Input::Key(Key::Ctrl('l'))).contains(&Effect::Redraw));
    }
    let mut bench = three();
    bench.keys("?q");
    assert_eq!(bench.model.mode, Mode::Table, "any key closes the help, and does nothing else");
}
