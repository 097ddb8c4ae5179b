//! What becomes of processes when a program gets another number of them.

use super::*;
use crate::base::exit::Exit;
use crate::control::message::StateName;
use crate::supervise::event::{Command, Files, Input};
use crate::supervise::reload::tests::{Bench, config, words};

const W: &str = "w: {cmd: x, numprocs: 2, backoff: {floor: 0}}";

impl Bench {
    fn scaled(&mut self, name: &str, count: u32) -> Vec<Action> {
        let (ticket, name) = (self.ticket(), name.to_owned());
        self.tell(Input::Command { ticket, uid: Some(0), command: Command::Scale { name, count, wait: Wait::Reached } })
    }

    fn numbers(&self) -> Vec<u32> {
        self.fleet.members().map(|(_, m)| m.num).collect()
    }

    fn ran(programs: &str) -> Bench {
        let mut bench = Bench::new(programs);
        bench.pass(2000);
        bench
    }
}

/// The answer among some actions: what became of each process, and the note.
fn told(out: &[Action]) -> (Vec<String>, String) {
    let answer = out.iter().find_map(|action| {
        let Action::Reply(_, Response::Outcomes { outcomes, notes }) = action else { return None };
        Some((outcomes.iter().map(|o| format!("{} {}", o.name, o.result)).collect(), notes.join("; ")))
    });
    answer.unwrap_or_default()
}

#[test]
fn more_are_started_and_too_many_are_stopped() {
    let mut b = Bench::ran(W);
    assert_eq!(told(&b.scaled("w", 4)), Default::default());
    let answer = told(&b.pass(1000));
    assert_eq!(answer.0, ["w:w_02 started", "w:w_03 started"]);
    assert_eq!(answer.1, "w has 4 processes, 2 of them new");
    assert!(b.fleet.members().all(|(_, m)| m.inst.last_run.0 == 1), "the others go on");
    b.scaled("w", 1);
    for num in 1..3 {
        b.exit(&format!("w:w_0{num}"), Exit::Code(0));
    }
    let answer = told(&b.exit("w:w_03", Exit::Code(0)));
    assert_eq!(answer.0, ["w:w_01 removed", "w:w_02 removed", "w:w_03 removed"]);
    assert_eq!((b.numbers(), b.state("w")), (vec![0], StateName::Running));
    assert_eq!(told(&b.scaled("w", 1)).1, "w has 1 processes");
}

#[test]
fn the_file_counts_again_when_it_gives_another_number() {
    let mut b = Bench::ran(W);
    b.scaled("w", 3);
    assert_eq!(b.reload(W).changes.len(), 0);
    assert_eq!(b.numbers(), [0, 1, 2]);
    let restart = |b: &mut Bench, file: &str| {
        let (ticket, files) = (b.ticket(), Files::Read(Box::new(config(file))));
        let command = Command::Restart { names: words("w"), wait: Wait::No, files, rolling: None };
        told(&b.tell(Input::Command { ticket, uid: Some(0), command })).1
    };
    assert_eq!(restart(&mut b, W), "");
    assert_eq!(b.numbers(), [0, 1, 2]);
    b.reload(&W.replace("numprocs: 2", "numprocs: 5"));
    assert_eq!(b.numbers(), [0, 1, 2, 3, 4]);
    b.reload(&W.replace("numprocs: 2", "numprocs: 5"));
    assert_eq!(b.numbers(), [0, 1, 2, 3, 4]);
}

#[test]
fn what_does_not_run_is_not_started() {
    let mut b = Bench::ran("w: {cmd: x, autostart: false}");
    let answer = told(&b.scaled("w", 3));
    assert_eq!(answer, (vec![], "w has 3 processes, 2 of them new and not started".to_owned()));
    assert_eq!(b.state("w:w_02"), StateName::Stopped);
}

#[test]
fn only_a_program_can_be_scaled() {
    let mut b = Bench::ran(W);
    let refused = |b: &mut Bench, name: &str| match b.scaled(name, 3).pop() {
        Some(Action::Reply(_, Response::Refused(refusal))) => refusal.text,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&mut b, "x"), "no program or process \"x\"");
    assert!(refused(&mut b, "w:1").contains("is not the name of one program"));
    b.tell(Input::Shutdown);
    assert!(refused(&mut b, "w").contains("shutting down"));
}
