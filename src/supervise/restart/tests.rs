//! Which program takes what from the file, what it does to others, and what is said.

use super::*;
use crate::base::exit::Exit;
use crate::base::id::Run;
use crate::base::signal::Sig;
use crate::control::message::{Outcome, StateName};
use crate::supervise::event::{Command, Input};
use crate::supervise::reload::tests::{Bench, config, signals, words};

impl Bench {
    fn ask(&mut self, names: &str, files: Files, wait: Wait) -> Vec<Action> {
        let ticket = self.ticket();
        self.tell(Input::Command {
            ticket,
            uid: Some(0),
            command: Command::Restart { names: words(names), wait, files, rolling: None },
        })
    }

    /// Restarts with this in the file; the notes, and what is signalled.
    fn restart(&mut self, names: &str, file: &str) -> (Vec<String>, Vec<Sig>) {
        let out = self.ask(names, Files::Read(Box::new(config(file))), Wait::No);
        let (_, notes) = answer(&out);
        (notes, signals(&out))
    }

    fn refused(&mut self, names: &str, file: &str) -> String {
        match self.ask(names, Files::Read(Box::new(config(file))), Wait::No).pop() {
            Some(Action::Reply(_, Response::Refused(refusal))) if refusal.code == RefusalCode::UnknownName => {
                refusal.text
            }
            other => panic!("{other:?}"),
        }
    }

    /// Lets all that stop do so.
    fn all_down(&mut self) -> Vec<Action> {
        let stopping = self.fleet.members().filter(|(_, m)| m.inst.name() == StateName::Stopping);
        let names: Vec<String> = stopping.map(|(_, m)| self.fleet.display_name(m)).collect();
        names.iter().flat_map(|name| self.exit(name, Exit::Code(0))).collect()
    }
}

/// The one answer among some actions: its outcomes, its notes.
fn answer(out: &[Action]) -> (Vec<(String, String, bool)>, Vec<String>) {
    let mut answers = Vec::new();
    for action in out {
        if let Action::Reply(_, Response::Outcomes { outcomes, notes }) = action {
            answers.push((outcomes.clone(), notes.clone()));
        }
    }
    let [(outcomes, notes)] = answers.as_slice() else { panic!("not one answer: {out:?}") };
    let outcomes = outcomes.iter().map(|Outcome { name, result, ok }| (name.clone(), result.clone(), *ok)).collect();
    (outcomes, notes.clone())
}

fn line(name: &str, result: &str) -> (String, String, bool) {
    (name.to_owned(), result.to_owned(), true)
}

const TWO: &str = "a: {cmd: x}, b: {cmd: x}";

#[test]
fn a_named_program_takes_its_section_and_no_other_does() {
    let mut b = Bench::new(TWO);
    b.pass(2000);
    let (notes, sent) = b.restart("a", "a: {cmd: y, stoptime: 5}, b: {cmd: y}");
    assert_eq!(notes, ["a: uses the file as it is now (cmd: x -> y, stoptime: 10s -> 5s)"]);
    assert_eq!(sent, [Sig::TERM]);
    b.all_down();
    assert_eq!((b.run("a"), b.cmd("a").as_str()), (Run(2), "y"));
    assert_eq!((b.run("b"), b.cmd("b").as_str()), (Run(1), "x"));
    // The next reload finds the rest.
    let plan = b.reload("a: {cmd: y, stoptime: 5}, b: {cmd: y}");
    assert_eq!(plan.changes.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn nothing_is_said_where_nothing_differs() {
    let mut b = Bench::new(TWO);
    b.pass(2000);
    let (notes, sent) = b.restart("a", "a: {cmd: x}, b: {cmd: y}");
    assert_eq!((notes.len(), sent), (0, vec![Sig::TERM]));
    let out = b.ask("b", Files::Unchanged, Wait::No);
    assert_eq!((answer(&out).1.len(), signals(&out)), (0, vec![Sig::TERM]));
    assert!(!out.iter().any(|action| matches!(action, Action::Log(..))));
}

#[test]
fn notes_go_to_the_log_as_well() {
    let mut b = Bench::new(TWO);
    let out = b.ask("a", Files::Read(Box::new(config("a: {cmd: y}"))), Wait::No);
    let text = "a: uses the file as it is now (cmd: x -> y)";
    assert!(out.contains(&Action::Log(Level::Info, text.to_owned())), "{out:?}");
    let out = b.ask("b", Files::Broken("1 error: x".to_owned()), Wait::No);
    assert_eq!(answer(&out).1, ["the configuration has 1 error: x"]);
    assert!(out.contains(&Action::Log(Level::Warning, "the configuration has 1 error: x".to_owned())));
    assert_eq!(b.cmd("b"), "x");
}

#[test]
fn a_part_of_a_program_keeps_its_keys() {
    let mut b = Bench::new("w: {cmd: x, numprocs: 3}");
    b.pass(2000);
    let (notes, sent) = b.restart("w:0 w:2", "w: {cmd: y, numprocs: 2}");
    assert_eq!(
        notes,
        ["w: keeps its keys with only 2 of its 3 processes named; the file has others now (cmd, numprocs): \
          \"restart w\" or \"reload\" takes them"]
    );
    assert_eq!(sent, [Sig::TERM, Sig::TERM]);
    b.all_down();
    assert_eq!((b.run("w:w_00"), b.run("w:w_01"), b.cmd("w:w_00").as_str()), (Run(2), Run(1), "x"));
    // All of them one by one are the program.
    let (notes, _) = b.restart("w:0 w_01 w:w_02", "w: {cmd: y, numprocs: 3}");
    assert_eq!(notes, ["w: uses the file as it is now (cmd: x -> y)"]);
}

#[test]
fn processes_are_gained_and_lost() {
    let mut b = Bench::new("w: {cmd: x, numprocs: 2, autostart: false}");
    let file = |numprocs: u32| Files::Read(Box::new(config(&format!("w: {{cmd: x, numprocs: {numprocs}}}"))));
    let out = b.ask("w", file(3), Wait::Reached);
    assert!(!out.iter().any(|a| matches!(a, Action::Reply(..))));
    let out = b.pass(2000);
    let started = |n: u32| line(&format!("w:w_0{n}"), "restarted");
    let (outcomes, notes) = answer(&out);
    assert_eq!(outcomes, [started(0), started(1), started(2)]);
    assert_eq!(notes, ["w: uses the file as it is now (autostart: false -> true, numprocs: 2 -> 3)"]);
    let out = b.ask("w", file(1), Wait::Reached);
    assert_eq!(signals(&out), [Sig::TERM; 3]);
    let mut out = b.all_down();
    out.extend(b.pass(2000));
    let gone = |n: u32| line(&format!("w:w_0{n}"), "removed");
    let (outcomes, notes) = answer(&out);
    assert_eq!(outcomes, [line("w", "restarted"), gone(1), gone(2)]);
    assert_eq!(notes, ["w: uses the file as it is now (numprocs: 3 -> 1)"]);
    assert_eq!(b.fleet.members().count(), 1);
}

#[test]
fn a_lost_process_that_comes_back_is_not_waited_for() {
    let mut b = Bench::new("w: {cmd: x, numprocs: 2}");
    b.pass(2000);
    b.ask("w", Files::Read(Box::new(config("w: {cmd: x}"))), Wait::Reached);
    b.reload("w: {cmd: x, numprocs: 2}");
    let mut out = b.all_down();
    out.extend(b.pass(2000));
    let (outcomes, _) = answer(&out);
    assert_eq!(outcomes[1], ("w:w_01".to_owned(), "is to stay: the configuration names it again".to_owned(), false));
}

/// Who waits for a stop is told when somebody else has it start again, and does not wait for the next stop.
#[test]
fn a_stop_that_is_overtaken_is_answered() {
    let mut b = Bench::new("a: {cmd: x}");
    b.pass(2000);
    let ticket = b.ticket();
    let out = b.tell(Input::Command {
        ticket,
        uid: Some(0),
        command: Command::Stop { names: words("a"), wait: Wait::Reached },
    });
    assert_eq!(signals(&out), [Sig::TERM]);
    b.ask("a", Files::Unchanged, Wait::No);
    let (outcomes, _) = answer(&b.all_down());
    assert_eq!(outcomes, [("a".to_owned(), "stopped, and started again meanwhile".to_owned(), false)]);
}

#[test]
fn one_that_is_down_is_started_once() {
    for before in ["autostart: false", "startretries: 0"] {
        let mut b = Bench::new(&format!("a: {{cmd: x, {before}}}"));
        if b.state("a") == StateName::Starting {
            b.exit("a", Exit::Code(1));
            assert_eq!(b.state("a"), StateName::Fatal);
        }
        let runs = b.run("a");
        b.pass(60_000);
        let (_, sent) = b.restart("a", "a: {cmd: y}");
        assert_eq!((b.run("a"), b.state("a"), sent.len()), (runs.next(), StateName::Starting, 0), "{before}");
    }
}

#[test]
fn old_keys_stop_it_but_live_keys_alone_are_in_force_at_once() {
    let mut b = Bench::new("a: {cmd: x, stopsignal: USR1}, b: {cmd: x, stopsignal: USR1}");
    b.pass(2000);
    let file = "a: {cmd: x, stopsignal: INT}, b: {cmd: y, stopsignal: INT}";
    assert_eq!(b.restart("a", file).1, [Sig::INT]);
    assert_eq!(b.restart("b", file).1, [Sig::USR1]);
}

#[test]
fn what_the_file_no_longer_has_keeps_its_keys() {
    let mut b = Bench::new(TWO);
    b.pass(2000);
    let (notes, sent) = b.restart("a", "b: {cmd: x}");
    assert_eq!(notes, ["a: the file no longer has it, so it keeps its keys; \"reload\" removes it"]);
    assert_eq!(sent, [Sig::TERM]);
}

#[test]
fn what_only_the_file_has_is_told_and_not_added() {
    let mut b = Bench::new(TWO);
    let (notes, _) = b.restart("all", "a: {cmd: x}, b: {cmd: x}, c: {cmd: x}");
    assert_eq!(notes, ["the file has \"c\" besides, not known yet; \"reload\" adds it"]);
    let (notes, _) = b.restart("all", "a: {cmd: x}, b: {cmd: x}, c: {cmd: x}, d: {cmd: x}");
    assert_eq!(notes, ["the file has \"c\", \"d\" besides, not known yet; \"reload\" adds them"]);
    let many: String = (0..9).map(|n| format!(", n{n}: {{cmd: x}}")).collect();
    let (notes, _) = b.restart("all", &format!("{TWO}{many}"));
    assert_eq!(notes, ["the file has 9 programs besides, not known yet; \"reload\" adds them"]);
    assert_eq!(b.restart("a", "a: {cmd: x}, b: {cmd: x}, c: {cmd: x}").0, [""; 0]);
    assert_eq!(b.fleet.members().count(), 2);
}

#[test]
fn a_name_that_only_the_file_has() {
    let mut b = Bench::new("a: {cmd: x}, w: {cmd: x, numprocs: 2}");
    let file = "a: {cmd: y}, w: {cmd: x, numprocs: 4}, new: {cmd: x}";
    assert_eq!(b.refused("a new", file), "no program or process \"new\" yet: the file has it, and \"reload\" adds it");
    assert_eq!(
        b.refused("w:3", file),
        "no process \"w:3\" yet: the file has it, and \"restart w\" or \"reload\" adds it"
    );
    assert_eq!(b.refused("nwe", file), "no program or process \"nwe\"");
    assert_eq!((b.cmd("a").as_str(), b.run("a")), ("x", Run(1)), "nothing was done for the other name");
}

#[test]
fn values_of_variables_are_not_told() {
    let mut b = Bench::new("a: {cmd: x, env: {TOKEN: old}}");
    let (notes, _) = b.restart("a", "a: {cmd: x, env: {TOKEN: new}}");
    assert_eq!(notes, ["a: uses the file as it is now (env.TOKEN)"]);
}

#[test]
fn long_values_are_cut() {
    let mut b = Bench::new("a: {cmd: x}");
    let long = "y".repeat(5000);
    let (notes, _) = b.restart("a", &format!("a: {{cmd: {long}z, workingdir: /w}}"));
    assert!(notes[0].len() < 200 && notes[0].contains("cmd: x -> yyy"), "{notes:?}");
    let (notes, _) = b.restart("a", &format!("a: {{cmd: {long}, workingdir: /w}}"));
    assert_eq!(notes, ["a: uses the file as it is now (cmd)"]);
}

#[test]
fn a_shutdown_takes_nothing_from_the_file() {
    let mut b = Bench::new(TWO);
    b.tell(Input::Shutdown);
    let out = b.ask("a", Files::Read(Box::new(config("a: {cmd: y}"))), Wait::No);
    assert!(
        matches!(out.as_slice(), [Action::Reply(_, Response::Refused(r))] if r.code == RefusalCode::ShuttingDown),
        "{out:?}"
    );
    assert_eq!(b.cmd("a"), "x");
}

#[test]
fn other_numbers_are_other_processes() {
    let mut b = Bench::new("w: {cmd: x}");
    b.pass(2000);
    let out = b.ask("w", Files::Read(Box::new(config("w: {cmd: x, numprocs_start: 2}"))), Wait::No);
    let (outcomes, notes) = answer(&out);
    assert_eq!(outcomes, [line("w:w_00", "stopping, to be removed"), line("w", "restarting")]);
    assert_eq!(notes, ["w: uses the file as it is now (numprocs_start: 0 -> 2)"]);
    assert_eq!(
        b.refused("w:3", "w: {cmd: x, numprocs_start: 2, numprocs: 2}"),
        "no process \"w:3\" yet: the file has it, and \"restart w\" or \"reload\" adds it"
    );
}
