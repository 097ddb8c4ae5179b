//! Rolling restarts, step by step.

use super::*;
use crate::base::exit::Exit;
use crate::base::id::ClientId;
use crate::control::message::{Response, StateName};
use crate::supervise::event::{Command, Files, Input};
use crate::supervise::reload::tests::{Bench, config, words};

const FOUR: &str = "w: {cmd: x, numprocs: 4, starttime: 1, backoff: {floor: 0}}";

impl Bench {
    fn four() -> Bench {
        let mut bench = Bench::new(FOUR);
        bench.pass(5000);
        bench
    }

    fn roll(&mut self, width: u32, files: Files, wait: Wait) -> Vec<Action> {
        let ticket = self.ticket();
        let command = Command::Restart { names: words("w"), wait, files, rolling: Some(width) };
        self.tell(Input::Command { ticket, uid: Some(7), command })
    }

    fn begin_roll(&mut self, width: u32) {
        assert_eq!(told(&self.roll(width, Files::Unchanged, Wait::Reached)), None);
    }

    /// The numbers of those that are not RUNNING.
    fn out_of_service(&self) -> Vec<u32> {
        let members = self.fleet.members().filter(|(_, m)| m.inst.name() != StateName::Running);
        members.map(|(_, m)| m.num).collect()
    }

    /// The one that stops does so, and its next run is ready a second later.
    fn turn(&mut self, num: u32) -> Vec<Action> {
        let mut out = self.exit(&format!("w:w_0{num}"), Exit::Code(0));
        out.extend(self.pass(1000));
        out
    }
}

/// The answer among some actions.
fn told(out: &[Action]) -> Option<Vec<String>> {
    out.iter().find_map(|action| {
        let Action::Reply(_, Response::Outcomes { outcomes, .. }) = action else { return None };
        let line = |o: &Outcome| format!("{}{} {}", if o.ok { "+" } else { "-" }, o.name, o.result);
        Some(outcomes.iter().map(line).collect())
    })
}

#[test]
fn one_after_the_other_when_the_one_before_is_ready() {
    let mut b = Bench::four();
    b.begin_roll(1);
    for num in 0..4 {
        assert_eq!(b.out_of_service(), [num]);
        b.exit(&format!("w:w_0{num}"), Exit::Code(0));
        b.pass(999);
        assert_eq!(b.out_of_service(), [num], "until it is ready");
        let out = b.pass(1);
        assert_eq!(told(&out).is_some(), num == 3);
    }
    assert_eq!(b.out_of_service(), [0; 0]);
    assert!(b.fleet.members().all(|(_, m)| m.inst.last_run.0 == 2));
    let by: Vec<String> = b.fleet.members().map(|(_, m)| m.asked.unwrap().to_string()).collect();
    assert_eq!(by, vec!["\"restart\" from uid 7"; 4]);
}

#[test]
fn several_at_a_time() {
    let mut b = Bench::four();
    b.begin_roll(3);
    assert_eq!(b.out_of_service(), [0, 1, 2]);
    b.turn(1);
    assert_eq!(b.out_of_service(), [0, 2, 3]);
    b.turn(3);
    b.turn(0);
    assert_eq!(b.out_of_service(), [2]);
    let all = ["w:w_00", "w:w_01", "w:w_02", "w:w_03"].map(|name| format!("+{name} restarted"));
    assert_eq!(told(&b.turn(2)), Some(all.to_vec()));
    assert_eq!(b.fleet.waiting(), 0);
}

#[test]
fn the_first_that_does_not_come_back_ends_it() {
    let mut b = Bench::four();
    b.begin_roll(1);
    b.turn(0);
    b.exit("w:w_01", Exit::Code(0));
    let failed = "-w:w_01 exited too quickly (exit status 1); next try in 1s";
    let spared = |num: u32| format!("-w:w_0{num} not restarted, since w:w_01 did not come back");
    let expected = vec!["+w:w_00 restarted".to_owned(), failed.to_owned(), spared(2), spared(3)];
    assert_eq!(told(&b.exit("w:w_01", Exit::Code(1))), Some(expected));
    assert_eq!(b.out_of_service(), [1]);
    assert_eq!(b.fleet.waiting(), 0);
}

#[test]
fn those_left_behind_keep_their_keys_until_they_start_anew() {
    let mut b = Bench::four();
    let file = || Files::Read(Box::new(config(&FOUR.replace("cmd: x", "cmd: y"))));
    b.roll(1, file(), Wait::Reached);
    b.turn(0);
    b.exit("w:w_01", Exit::Code(0));
    b.exit("w:w_01", Exit::Code(1));
    let now = |b: &Bench| b.fleet.members().map(|(_, m)| m.program.argv[0].clone()).collect::<String>();
    assert_eq!(now(&b), "yyxx");
    assert_eq!(b.cmd("w:w_03"), "y");
    b.exit("w:w_03", Exit::Code(1));
    assert_eq!(now(&b), "yyxy");
}

#[test]
fn what_others_do_meanwhile_counts() {
    let mut b = Bench::four();
    b.begin_roll(1);
    b.stop("w:1");
    b.exit("w:w_01", Exit::Code(0));
    b.turn(0);
    assert_eq!(b.out_of_service(), [1, 2], "what somebody has stopped stays down");
    // The client goes: the rest stays what it is.
    b.tell(Input::ClientGone(ClientId(1)));
    b.turn(2);
    assert_eq!(b.out_of_service(), [1]);
    assert_eq!(b.run("w:w_03").0, 1);
}

#[test]
fn time_and_a_shutdown_end_it() {
    let mut b = Bench::four();
    assert_eq!(told(&b.roll(1, Files::Unchanged, Wait::UpTo(500))), None);
    let spared = |why: &str| [1, 2, 3].map(|num| format!("-w:w_0{num} not restarted: {why}")).to_vec();
    let answer = told(&b.pass(500)).unwrap();
    assert_eq!(answer[0], "-w:w_00 timed out: it is still STOPPING");
    assert_eq!(answer[1..], spared("the time was over before its turn"));
    b.turn(0);
    assert_eq!(b.out_of_service(), [0; 0]);
    b.begin_roll(1);
    let answer = told(&b.tell(Input::Shutdown)).unwrap();
    assert_eq!(answer[0], "-w:w_00 stopped meanwhile");
    assert_eq!(answer.len(), 4);
    assert!(answer[1..].iter().all(|line| line.contains("not restarted")), "{answer:?}");
}
