//! Who waits for whom, on the way up and on the way down.

use super::*;
use crate::base::exit::Exit;
use crate::base::signal::Sig;
use crate::control::message::{Response, StateName, Wait};
use crate::supervise::event::{Command, Input};
use crate::supervise::reload::tests::{Bench, words};

impl Bench {
    fn states(&self) -> String {
        let one = |(_, m): (Key, &Member)| format!("{} {}", self.fleet.display_name(m), m.inst.name().text());
        self.fleet.members().map(one).collect::<Vec<_>>().join(", ")
    }

    fn command(&mut self, command: Command) -> Vec<Action> {
        let ticket = self.ticket();
        self.tell(Input::Command { ticket, uid: Some(0), command })
    }
}

/// Who was asked to stop, by its name.
fn asked(b: &Bench, out: &[Action]) -> String {
    let mut names = Vec::new();
    for action in out {
        if let Action::Signal { key, sig: Sig::TERM, .. } = action {
            names.extend(b.fleet.member(*key).map(|m| m.name.to_string()));
        }
    }
    names.join(" ")
}

fn replies(out: &[Action]) -> Vec<String> {
    let mut all = Vec::new();
    for action in out {
        if let Action::Reply(_, Response::Outcomes { outcomes, notes }) = action {
            all.extend(outcomes.iter().map(|o| format!("{}: {} {}", o.name, o.result, o.ok)));
            all.extend(notes.iter().cloned());
        }
    }
    all
}

const CHAIN: &str = "web: {cmd: x, depends_on: api}, api: {cmd: x, depends_on: {db: started}}, db: {cmd: x}, \
    job: {cmd: x, oneshot: true}, late: {cmd: x, depends_on: {job: completed}}";

#[test]
fn starts_wait_for_what_they_need() {
    let mut b = Bench::new(CHAIN);
    assert_eq!(b.states(), "api STARTING, db STARTING, job RUNNING, late WAITING, web WAITING");
    let keys = b.fleet.chosen(&words("web late")).unwrap();
    let why: Vec<_> = b.fleet.status(&keys, b.now).into_iter().filter_map(|s| s.why).collect();
    assert_eq!(why, ["waits for job (RUNNING, not done yet)", "waits for api (STARTING)"]);
    b.pass(1500);
    assert_eq!(b.states(), "api RUNNING, db RUNNING, job RUNNING, late WAITING, web STARTING");
    b.exit("job", Exit::Code(0));
    assert_eq!(b.state("late"), StateName::Starting);
    // A crash waits as well.
    b.command(Command::Stop { names: words("db"), wait: Wait::No });
    b.exit("db", Exit::Code(0));
    b.exit("api", Exit::Code(1));
    assert_eq!((b.state("api"), b.state("web")), (StateName::Waiting, StateName::Starting));
}

#[test]
fn things_go_down_in_the_opposite_order() {
    let mut b = Bench::new(CHAIN);
    b.pass(3000);
    let out = b.command(Command::Stop { names: words("db api web"), wait: Wait::Reached });
    assert_eq!(asked(&b, &out), "web");
    let out = b.exit("web", Exit::Code(0));
    assert_eq!(asked(&b, &out), "api");
    let out = b.exit("api", Exit::Code(0));
    assert_eq!(asked(&b, &out), "db");
    let out = b.exit("db", Exit::Code(0));
    assert_eq!(replies(&out), ["api: stopped true", "db: stopped true", "web: stopped true"]);
    // Alone it goes at once.
    b.command(Command::Start { names: words("web"), wait: Wait::No });
    b.pass(5000);
    let out = b.command(Command::Stop { names: words("db"), wait: Wait::No });
    assert_eq!(asked(&b, &out), "db");
}

#[test]
fn a_restart_goes_down_and_up_in_order() {
    let mut b = Bench::new(CHAIN);
    b.pass(3000);
    let names = words("db api web");
    let files = crate::supervise::event::Files::Unchanged;
    let out = b.command(Command::Restart { names, wait: Wait::Reached, files, rolling: None });
    assert_eq!(asked(&b, &out), "web");
    b.exit("web", Exit::Code(0));
    b.exit("api", Exit::Code(0));
    assert_eq!(
        (b.state("web"), b.state("api"), b.state("db")),
        (StateName::Waiting, StateName::Waiting, StateName::Stopping,)
    );
    b.exit("db", Exit::Code(0));
    assert_eq!(
        (b.state("db"), b.state("api"), b.state("web")),
        (StateName::Starting, StateName::Starting, StateName::Waiting,)
    );
    b.pass(1500);
    assert_eq!(replies(&b.pass(1500)), ["api: restarted true", "db: restarted true", "web: restarted true"]);
}

#[test]
fn a_shutdown_takes_its_time_in_order() {
    let mut b = Bench::new(CHAIN);
    b.pass(3000);
    b.exit("job", Exit::Code(0));
    let out = b.tell(Input::Shutdown);
    assert_eq!(asked(&b, &out), "web late");
    // What crashes meanwhile is not started again.
    b.exit("db", Exit::Code(1));
    assert_eq!(b.state("db"), StateName::Stopped);
    b.exit("late", Exit::Code(0));
    let out = b.exit("web", Exit::Code(0));
    assert_eq!(asked(&b, &out), "api");
    assert!(b.exit("api", Exit::Code(0)).contains(&Action::Quit { survivors: vec![], code: 0 }));
}

#[test]
fn what_is_needed_is_started_and_what_fails_is_said() {
    let mut b = Bench::new(
        "web: {cmd: x, autostart: false, depends_on: {db: ready, log: {required: false}}}, \
         db: {cmd: x, autostart: false, startretries: 0}, log: {cmd: x, autostart: false}",
    );
    assert_eq!(b.states(), "db STOPPED, log STOPPED, web STOPPED");
    let out = b.command(Command::Start { names: words("web"), wait: Wait::Reached });
    assert_eq!((replies(&out).len(), b.states().as_str()), (0, "db STARTING, log STOPPED, web WAITING"));
    let out = b.exit("db", Exit::Code(7));
    assert_eq!(
        replies(&out),
        [
            "web: waits for db (FATAL: exited too quickly (exit status 7)) false",
            "started, too, because it is needed: db"
        ]
    );
    assert_eq!(b.state("web"), StateName::Waiting);
    b.command(Command::Start { names: words("web"), wait: Wait::No });
    // The first of these is for the floor between two starts.
    b.pass(3000);
    b.pass(3000);
    assert_eq!(b.states(), "db RUNNING, log STOPPED, web STARTING");
    b.command(Command::Stop { names: words("web"), wait: Wait::No });
    b.exit("web", Exit::Code(0));
    b.command(Command::Start { names: words("log web"), wait: Wait::No });
    assert_eq!(b.states(), "db RUNNING, log STARTING, web WAITING");
}

#[test]
fn dependents_follow_where_that_is_wanted() {
    let mut b = Bench::new("web: {cmd: x, depends_on: db}, db: {cmd: x, restart_dependents: true}");
    b.pass(3000);
    b.pass(3000);
    let out = b.exit("db", Exit::Code(1));
    assert_eq!((asked(&b, &out).as_str(), b.states().as_str()), ("web", "db STARTING, web STOPPING"));
    b.exit("web", Exit::Code(0));
    assert_eq!(b.state("web"), StateName::Waiting);
    b.pass(1500);
    assert_eq!(b.states(), "db RUNNING, web STARTING");
}
