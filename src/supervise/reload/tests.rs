//! What is in force when, and what a plan says of it.

use super::*;
use crate::base::exit::Exit;
use crate::base::id::Run;
use crate::base::signal::Sig;
use crate::config::{Source, World, parse};
use crate::control::message::{StateName, Wait};
use crate::supervise::event::{Command, Fact, Input};

const MS: u64 = 1_000_000;

/// A fleet whose processes are born and execute at once, driven by hand.
pub(in crate::supervise) struct Bench {
    pub fleet: Fleet,
    pub now: Mono,
    tickets: u64,
}

/// The configuration of these lines under `programs:`.
pub(in crate::supervise) fn config(programs: &str) -> Config {
    let text =
        if programs.starts_with("taskmasterd:") { programs.to_owned() } else { format!("programs: {{{programs}}}") };
    let source = Source::new("c.yaml", &text);
    parse(&[source], &World::with_env(&|_| None)).unwrap_or_else(|e| panic!("{programs}: {}", e[0])).config
}

pub(in crate::supervise) fn words(names: &str) -> Vec<String> {
    names.split_whitespace().map(str::to_owned).collect()
}

impl Bench {
    /// All that start by themselves have been spawned.
    pub fn new(programs: &str) -> Bench {
        let mut bench = Bench { fleet: Fleet::new(config(programs)), now: Mono(1_000_000 * MS), tickets: 0 };
        bench.tell(Input::Boot);
        bench
    }

    /// Tells the fleet, bears what it wants born, and gives all other actions but notes.
    pub fn tell(&mut self, input: Input) -> Vec<Action> {
        let (mut inputs, mut all) = (vec![input], Vec::new());
        while let Some(input) = inputs.pop() {
            let mut out = Vec::new();
            self.fleet.handle(input, self.now, &mut out);
            for action in out {
                if let Action::Spawn(key, run) = action {
                    inputs.push(Input::Fact(key, run, Fact::Executed));
                    inputs.push(Input::Fact(key, run, Fact::Spawned { pid: key.0 + 1 }));
                } else if !matches!(action, Action::Note { .. }) {
                    all.push(action);
                }
            }
        }
        self.fleet.invariants().unwrap();
        all
    }

    pub fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket { client: crate::base::id::ClientId(1), number: self.tickets }
    }

    /// So many milliseconds later.
    pub fn pass(&mut self, ms: u64) -> Vec<Action> {
        self.now = Mono(self.now.0 + ms * MS);
        self.tell(Input::Tick)
    }

    pub fn reload(&mut self, programs: &str) -> PlanReport {
        self.plan(config(programs), false).0
    }

    fn plan(&mut self, config: Config, dry_run: bool) -> (PlanReport, Vec<Action>) {
        let ticket = Some(self.ticket());
        let mut out = self.tell(Input::Reload { ticket, config: Box::new(config), dry_run });
        match out.pop() {
            Some(Action::Reply(_, Response::Plan(plan))) => (plan, out),
            other => panic!("{other:?}"),
        }
    }

    pub fn stop(&mut self, name: &str) -> Vec<Action> {
        let ticket = self.ticket();
        self.tell(Input::Command {
            ticket,
            uid: Some(0),
            command: Command::Stop { names: words(name), wait: Wait::No },
        })
    }

    /// The key of a process by the name that is shown.
    pub fn key(&self, name: &str) -> Key {
        let found = self.fleet.members().find(|(_, m)| self.fleet.display_name(m) == name);
        found.unwrap_or_else(|| panic!("no {name}")).0
    }

    pub fn run(&self, name: &str) -> Run {
        self.fleet.member(self.key(name)).unwrap().inst.last_run
    }

    pub fn state(&self, name: &str) -> StateName {
        self.fleet.member(self.key(name)).unwrap().inst.name()
    }

    /// The command line that a process has or will have.
    pub fn cmd(&self, name: &str) -> String {
        let member = self.fleet.member(self.key(name)).unwrap();
        member.next.as_ref().unwrap_or(&member.program).argv.join(" ")
    }

    pub fn exit(&mut self, name: &str, exit: Exit) -> Vec<Action> {
        self.tell(Input::Fact(self.key(name), self.run(name), Fact::Exited { exit, left: false }))
    }
}

/// The signals among some actions.
pub(in crate::supervise) fn signals(actions: &[Action]) -> Vec<Sig> {
    let of = |action: &Action| if let Action::Signal { sig, .. } = action { Some(*sig) } else { None };
    actions.iter().filter_map(of).collect()
}

#[test]
fn more_time_to_stop_counts_while_it_stops() {
    let mut b = Bench::new("w: {cmd: x, stoptime: 10}");
    b.pass(2000);
    assert_eq!(signals(&b.stop("w")), [Sig::TERM]);
    assert_eq!(signals(&b.pass(9000)), [Sig::CONT]);
    b.reload("w: {cmd: x, stoptime: 60}");
    assert_eq!(signals(&b.pass(50_000)), []);
    assert_eq!(signals(&b.pass(1001)), [Sig::KILL]);
}

#[test]
fn less_time_to_stop_counts_while_it_stops() {
    let mut b = Bench::new("w: {cmd: x, stoptime: 10}");
    b.pass(2000);
    b.stop("w");
    b.pass(3000);
    b.reload("w: {cmd: x, stoptime: 2}");
    assert_eq!(signals(&b.pass(0)), [Sig::KILL]);
}

/// One that stops for a restart with another `cmd` is stopped by its old keys, but what is changed after that, is meant
/// for it.
#[test]
fn more_time_to_stop_counts_while_it_stops_for_new_keys() {
    let mut b = Bench::new("w: {cmd: x, stoptime: 10}");
    b.pass(2000);
    b.reload("w: {cmd: y, stoptime: 20, stopsignal: INT}");
    b.pass(5000);
    b.reload("w: {cmd: y, stoptime: 60, stopsignal: INT}");
    assert_eq!(signals(&b.pass(50_000)), []);
    assert_eq!(b.fleet.member(b.key("w")).unwrap().program.argv, ["x"]);
    assert_eq!(signals(&b.pass(5001)), [Sig::KILL]);
    b.exit("w", Exit::Signal { sig: Sig::KILL, core: false });
    assert_eq!((b.run("w"), b.cmd("w").as_str()), (Run(2), "y"));
}

#[test]
fn old_keys_stop_what_restarts_for_new_ones() {
    let mut b = Bench::new("w: {cmd: x, stopsignal: USR1}");
    b.pass(2000);
    let (plan, out) = b.plan(config("w: {cmd: y, stopsignal: INT}"), false);
    assert_eq!(signals(&out), [Sig::USR1]);
    assert_eq!((plan.changes[0].action, plan.changes[0].then), (ChangeAction::Restarted, Then::Restarts));
}

#[test]
fn the_stop_signal_of_the_next_stop() {
    let mut b = Bench::new("w: {cmd: x}");
    b.pass(2000);
    b.reload("w: {cmd: x, stopsignal: INT}");
    assert_eq!(signals(&b.stop("w")), [Sig::INT]);
}

#[test]
fn fewer_retries_count_at_the_next_failure() {
    let mut b = Bench::new("w: {cmd: x, startretries: 5}");
    for _ in 0..3 {
        b.exit("w", Exit::Code(1));
        assert_eq!(b.state("w"), StateName::Backoff);
        b.pass(60_000);
    }
    b.exit("w", Exit::Code(1));
    assert_eq!(b.state("w"), StateName::Backoff);
    let plan = b.reload("w: {cmd: x, startretries: 2}");
    assert_eq!((plan.changes[0].action, plan.changes[0].then), (ChangeAction::Updated, Then::GoesOn));
    // The try that it waits for is made; what comes of it is judged by the new number.
    b.pass(60_000);
    b.exit("w", Exit::Code(1));
    assert_eq!(b.state("w"), StateName::Fatal);
}

#[test]
fn more_retries_count_at_the_next_failure() {
    let mut b = Bench::new("w: {cmd: x, startretries: 1}");
    b.exit("w", Exit::Code(1));
    b.reload("w: {cmd: x, startretries: 5}");
    b.pass(60_000);
    b.exit("w", Exit::Code(1));
    assert_eq!(b.state("w"), StateName::Backoff);
}

#[test]
fn another_starttime_counts_for_a_start_under_way() {
    let mut b = Bench::new("w: {cmd: x, starttime: 100}");
    b.pass(5000);
    assert_eq!(b.state("w"), StateName::Starting);
    b.reload("w: {cmd: x, starttime: 7}");
    b.pass(1000);
    assert_eq!(b.state("w"), StateName::Starting);
    b.reload("w: {cmd: x, starttime: 3}");
    b.pass(0);
    assert_eq!(b.state("w"), StateName::Running);
    b.reload("w: {cmd: x, starttime: 300}");
    b.pass(0);
    assert_eq!(b.state("w"), StateName::Running);
}

#[test]
fn another_policy_counts_at_the_next_exit() {
    for (before, after, code, state) in [
        ("autorestart: never", "autorestart: always", 0, StateName::Starting),
        ("autorestart: always", "autorestart: never", 1, StateName::Exited),
        ("exitcodes: 0", "exitcodes: [0, 3]", 3, StateName::Exited),
        ("exitcodes: [0, 3]", "exitcodes: 0", 3, StateName::Starting),
    ] {
        let mut b = Bench::new(&format!("w: {{cmd: x, {before}}}"));
        b.pass(2000);
        b.reload(&format!("w: {{cmd: x, {after}}}"));
        b.exit("w", Exit::Code(code));
        assert_eq!(b.state("w"), state, "{before}, then {after}");
    }
}

#[test]
fn another_priority_counts_at_the_shutdown() {
    let mut b = Bench::new("a: {cmd: x, priority: 1}, b: {cmd: x, priority: 2}");
    b.pass(2000);
    b.reload("a: {cmd: x, priority: 3}, b: {cmd: x, priority: 2}");
    let (a, out) = (b.key("a"), b.tell(Input::Shutdown));
    assert!(matches!(out.first(), Some(Action::Signal { key, .. }) if *key == a), "{out:?}");
}

#[test]
fn log_sizes_are_handed_on_at_once() {
    let mut b = Bench::new("w: {cmd: x}");
    b.pass(2000);
    let key = b.key("w");
    let (_, out) = b.plan(config("w: {cmd: x, stdout_logfile_maxbytes: 1MB}"), false);
    assert_eq!(out, [Action::Reconfigure(key)]);
    // Also to what is on its way down for new keys.
    b.reload("w: {cmd: y, stdout_logfile_maxbytes: 1MB}");
    let (_, out) = b.plan(config("w: {cmd: y, stdout_logfile_maxbytes: 2MB}"), false);
    assert_eq!(out, [Action::Reconfigure(key)]);
    assert_eq!(b.fleet.member(key).unwrap().program.stdout.rotation.max_bytes, 2 << 20);
}

/// What a plan says of one process: `restarted, restarts`.
fn said(b: &mut Bench, name: &str, programs: &str) -> Option<(ChangeAction, Then)> {
    let plan = b.plan(config(programs), true).0;
    plan.changes.iter().find(|c| c.name == name).map(|c| (c.action, c.then))
}

#[test]
fn a_plan_says_what_becomes_of_each_process_as_it_is() {
    use ChangeAction::{Added, Removed, Restarted, Updated};
    let text = "w: {cmd: x}, d: {cmd: x, autostart: false}";
    let (other, live) = ("w: {cmd: y}, d: {cmd: y}", "w: {cmd: x, stoptime: 1}, d: {cmd: x, stoptime: 1}");
    let mut b = Bench::new(text);
    assert_eq!(said(&mut b, "w", other), Some((Restarted, Then::Restarts)));
    assert_eq!(said(&mut b, "d", other), Some((Updated, Then::StaysDown)));
    assert_eq!(said(&mut b, "w", live), Some((Updated, Then::GoesOn)));
    assert_eq!(said(&mut b, "w", "n: {cmd: x}"), Some((Removed, Then::Stops)));
    assert_eq!(said(&mut b, "d", "n: {cmd: x}"), Some((Removed, Then::StaysDown)));
    assert_eq!(said(&mut b, "n", "n: {cmd: x}"), Some((Added, Then::Starts)));
    assert_eq!(said(&mut b, "n", "n: {cmd: x, autostart: false}"), Some((Added, Then::StaysDown)));
    assert_eq!(said(&mut b, "w:w_01", "w: {cmd: x, numprocs: 2}"), Some((Added, Then::Starts)));
    assert_eq!(said(&mut b, "w", text), None);
    b.exit("w", Exit::Code(1));
    assert_eq!(said(&mut b, "w", other), Some((Restarted, Then::Starts)));
    assert_eq!(said(&mut b, "w", live), Some((Updated, Then::GoesOn)));
    b.pass(60_000);
    b.pass(2000);
    b.stop("w");
    assert_eq!(said(&mut b, "w", other), Some((Updated, Then::Stops)));
    b.exit("w", Exit::Code(0));
    assert_eq!(said(&mut b, "w", other), Some((Updated, Then::StaysDown)));
}

#[test]
fn a_plan_says_which_keys_need_what() {
    let mut b = Bench::new("w: {cmd: x}");
    let plan = b.plan(config("w: {cmd: y, stoptime: 5}"), true).0;
    let keys: Vec<_> = plan.changes[0].keys.iter().map(|k| (k.key.as_str(), k.needs_restart)).collect();
    assert_eq!(keys, [("cmd", true), ("stoptime", false)]);
    let plan = b.plan(config("taskmasterd: {loglevel: debug, pidfile: /x}"), true).0;
    let keys: Vec<_> = plan.daemon.iter().map(|k| (k.key.as_str(), k.new.as_str(), k.needs_restart)).collect();
    assert_eq!(keys, [("loglevel", "debug", false), ("pidfile", "/x", true)]);
    assert_eq!(plan.needs_daemon_restart, ["pidfile"]);
}

#[test]
fn keys_of_the_daemon_that_wait_are_told_again_and_are_no_change() {
    let mut b = Bench::new("");
    let text = "taskmasterd: {loglevel: debug, pidfile: /x}";
    let (plan, out) = b.plan(config(text), false);
    assert!(plan.changes_anything() && out == [Action::DaemonChanged]);
    let (plan, out) = b.plan(config(text), false);
    assert!(!plan.changes_anything() && out.is_empty());
    assert_eq!(plan.needs_daemon_restart, ["pidfile"]);
}
