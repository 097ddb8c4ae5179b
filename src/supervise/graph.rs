//! The order in which programs start: by priority, then by name. They stop in the opposite order.

use std::collections::BTreeSet;

use crate::base::id::Key;
use crate::control::message::{Graph, GraphProgram};

use super::fleet::{Fleet, Member};

impl Fleet {
    /// The programs of these processes, in the order in which they start. Nobody waits for another one, so there are no
    /// edges; what lets one program wait for another adds them here.
    #[must_use]
    pub fn graph(&self, keys: &[Key], as_dot: bool) -> Graph {
        let chosen: BTreeSet<&Key> = keys.iter().collect();
        let mut graph = Graph { as_dot, ..Graph::default() };
        // What is on its way out will not start.
        for key in self.by_priority(|m| !m.retiring) {
            let Some(member) = self.member(key).filter(|_| chosen.contains(&key)) else { continue };
            let (name, process) = (member.name.to_string(), self.display_name(member));
            match graph.programs.last_mut().filter(|last| last.name == name) {
                Some(last) => last.processes.push(process),
                None => graph.programs.push(program(member, name, process)),
            }
        }
        graph
    }
}

fn program(member: &Member, name: String, process: String) -> GraphProgram {
    // What is in force for the next start, not for the present run.
    let program = member.next.as_ref().unwrap_or(&member.program);
    GraphProgram {
        name,
        group: program.group_name.as_ref().map(ToString::to_string),
        priority: program.priority,
        autostart: program.autostart,
        processes: vec![process],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::reload::tests::{Bench, words};

    #[test]
    fn programs_stand_in_the_order_of_their_start() {
        let b = Bench::new(
            "a: {cmd: x}, b: {cmd: x, priority: 5, numprocs: 2, group_name: t}, c: {cmd: x, priority: -1, autostart: false}",
        );
        let graph = |names: &str| {
            let keys = b.fleet.chosen(&words(names)).unwrap();
            let line = |p: &GraphProgram| format!("{} {} {}", p.priority, p.name, p.processes.join(","));
            b.fleet.graph(&keys, false).programs.iter().map(line).collect::<Vec<_>>()
        };
        assert_eq!(graph("all"), ["-1 c c", "5 b b:b_00,b:b_01", "999 a a"]);
        assert_eq!(graph("a b:1"), ["5 b b:b_01", "999 a a"]);
        let keys = b.fleet.chosen(&words("b c")).unwrap();
        let graph = b.fleet.graph(&keys, true);
        let of = |n: usize| (graph.programs[n].group.as_deref(), graph.programs[n].autostart);
        assert_eq!((of(0), of(1), graph.as_dot), ((None, false), (Some("t"), true), true));
    }
}
