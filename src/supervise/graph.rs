//! The order in which programs start: after those that they depend on, else by priority, then by name. They stop in the
//! opposite order.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::Key;
use crate::config::model::Dependency;
use crate::control::message::{Edge, Graph, GraphProgram};

use super::fleet::{Fleet, Member};
use super::state::State;
use super::status::millis;

impl Fleet {
    /// The programs of these processes, in the order in which they start, and who waits for whom among them.
    #[must_use]
    pub fn graph(&self, keys: &[Key], as_dot: bool) -> Graph {
        let chosen: BTreeSet<&Key> = keys.iter().collect();
        let mut graph = Graph { as_dot, ..Graph::default() };
        // What is on its way out will not start.
        for key in self.by_priority(|m| !m.retiring) {
            let Some(member) = self.member(key).filter(|_| chosen.contains(&key)) else { continue };
            let (name, process) = (member.name.to_string(), self.display_name(member));
            match graph.programs.last_mut().filter(|last| last.name == name) {
                Some(last) => {
                    last.processes.push(process);
                    last.ready_ms = last.ready_ms.max(ready_ms(member));
                }
                None => graph.programs.push(program(member, name, process)),
            }
        }
        let shown: BTreeSet<&str> = graph.programs.iter().map(|p| p.name.as_str()).collect();
        for (name, program) in self.config().programs.iter().filter(|(name, _)| shown.contains(name.as_str())) {
            for Dependency { on, until, required } in &program.depends_on {
                if shown.contains(on.as_str()) {
                    let (from, to) = (on.to_string(), name.to_string());
                    graph.edges.push(Edge { from, to, until: until.name().to_owned(), required: *required });
                }
            }
        }
        graph.programs = in_order(graph.programs, &graph.edges);
        graph
    }
}

/// Each program behind those that it waits for, and otherwise in the order that they have.
fn in_order(programs: Vec<GraphProgram>, edges: &[Edge]) -> Vec<GraphProgram> {
    let place: BTreeMap<String, usize> = programs.iter().enumerate().map(|(at, p)| (p.name.clone(), at)).collect();
    let mut missing = vec![0_usize; programs.len()];
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); programs.len()];
    for edge in edges {
        let (Some(from), Some(to)) = (place.get(&edge.from), place.get(&edge.to)) else { continue };
        if let (Some(missing), Some(behind)) = (missing.get_mut(*to), behind.get_mut(*from)) {
            *missing += 1;
            behind.push(*to);
        }
    }
    let mut ready: BTreeSet<usize> =
        missing.iter().enumerate().filter(|(_, count)| **count == 0).map(|(at, _)| at).collect();
    let mut order = Vec::with_capacity(programs.len());
    while let Some(at) = ready.pop_first() {
        order.push(at);
        for next in behind.get(at).into_iter().flatten() {
            if let Some(count) = missing.get_mut(*next) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(*next);
                }
            }
        }
    }
    let mut programs: Vec<Option<GraphProgram>> = programs.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| programs.get_mut(at)?.take()).collect()
}

fn program(member: &Member, name: String, process: String) -> GraphProgram {
    // What is in force for the next start, not for the present run.
    let program = member.next.as_ref().unwrap_or(&member.program);
    GraphProgram {
        name,
        group: program.group_name.as_ref().map(ToString::to_string),
        priority: program.priority,
        autostart: program.autostart,
        on_demand: program.policy.on_demand,
        processes: vec![process],
        ready_ms: ready_ms(member),
    }
}

/// How long a process took from its spawn until it counted as started, or a job until it was done.
fn ready_ms(member: &Member) -> Option<u64> {
    let inst = &member.inst;
    let there = match member.program.policy.oneshot {
        true => matches!(inst.state, State::Exited { expected: true, .. }),
        false => matches!(inst.state, State::Running { .. }),
    };
    let took = inst.entered.zip(inst.last_spawn).map(|(at, spawned)| millis(at.since(spawned)));
    took.filter(|_| there)
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
        let linked = Bench::new("a: {cmd: x, depends_on: c}, b: {cmd: x}, c: {cmd: x, depends_on: {b: started}}");
        let graph = linked.fleet.graph(&linked.fleet.chosen(&[]).unwrap(), false);
        let names: Vec<&str> = graph.programs.iter().map(|p| p.name.as_str()).collect();
        let edges: Vec<String> = graph.edges.iter().map(|e| format!("{} -> {} {}", e.from, e.to, e.until)).collect();
        assert_eq!((names, edges.join(", ").as_str()), (vec!["b", "c", "a"], "c -> a ready, b -> c started"));
        let keys = b.fleet.chosen(&words("b c")).unwrap();
        let graph = b.fleet.graph(&keys, true);
        let of = |n: usize| (graph.programs[n].group.as_deref(), graph.programs[n].autostart);
        assert_eq!((of(0), of(1), graph.as_dot), ((None, false), (Some("t"), true), true));
    }
}
