//! The order in which programs start, as lines for people and for Graphviz.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::base::text::Plain;
use crate::base::units::print_duration;
use crate::control::message::{Graph, GraphProgram};

use super::put;

/// Appends a tree: priorities, and their programs below them.
pub(super) fn write(graph: &Graph, text: &mut String) {
    for level in levels(graph) {
        if let Some(first) = level.first() {
            put(text, format_args!("priority {}\n", first.priority));
        }
        for (n, program) in level.iter().enumerate() {
            let branch = if n + 1 == level.len() { "`-- " } else { "|-- " };
            put(text, format_args!("{branch}{}", Plain(&program.name)));
            let remarks = remarks(program, graph);
            if !remarks.is_empty() {
                put(text, format_args!(" ({})", remarks.join(", ")));
            }
            text.push('\n');
        }
    }
    if !graph.programs.is_empty() {
        text.push_str("Starts from top to bottom, stops from bottom to top.\n");
    }
}

/// The programs of each priority, in order.
fn levels(graph: &Graph) -> impl Iterator<Item = &[GraphProgram]> {
    graph.programs.chunk_by(|a, b| a.priority == b.priority)
}

/// What there is to say about a program beside its name.
fn remarks(program: &GraphProgram, graph: &Graph) -> Vec<String> {
    let mut remarks = Vec::new();
    if program.processes.len() > 1 {
        remarks.push(format!("{} processes", program.processes.len()));
    }
    remarks.extend(program.group.iter().map(|group| format!("group {}", Plain(group))));
    if !program.autostart {
        remarks.push("autostart: false".to_owned());
    }
    if program.on_demand {
        remarks.push("on demand".to_owned());
    }
    remarks.extend(program.ready_ms.map(|ms| format!("ready in {}", print_duration(Duration::from_millis(ms)))));
    let before = graph.edges.iter().filter(|edge| edge.to == program.name);
    let before: Vec<String> = before
        .map(|edge| match edge.until.as_str() {
            "ready" => Plain(&edge.from).to_string(),
            until => format!("{} ({})", Plain(&edge.from), Plain(until)),
        })
        .collect();
    if !before.is_empty() {
        remarks.push(format!("after {}", before.join(", ")));
    }
    remarks
}

/// The same for Graphviz: a column for each priority, a frame around each group.
#[must_use]
pub fn dot(graph: &Graph) -> String {
    let mut text = "digraph taskmaster {\n    rankdir=LR;\n    newrank=true;\n    node [shape=box];\n".to_owned();
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut before: Option<i32> = None;
    for level in levels(graph) {
        let Some(priority) = level.first().map(|first| first.priority) else { continue };
        let _ = writeln!(text, "    \"priority {priority}\" [shape=plaintext];");
        if let Some(before) = before.replace(priority) {
            let _ = writeln!(text, "    \"priority {before}\" -> \"priority {priority}\" [style=dotted];");
        }
        for program in level {
            let id = id(&program.name);
            let count = program.processes.len();
            let count = if count > 1 { format!("\\n{count} processes") } else { String::new() };
            let ready = program.ready_ms.map(|ms| format!("\\nready in {}", print_duration(Duration::from_millis(ms))));
            let ready = ready.unwrap_or_default();
            let style = if program.autostart { "" } else { ", style=dashed" };
            let _ = writeln!(text, "    \"{id}\" [label=\"{id}{count}{ready}\"{style}];");
            groups.entry(program.group.as_deref().unwrap_or_default()).or_default().push(&program.name);
        }
        let ids = level.iter().map(|program| format!(" \"{}\";", id(&program.name))).collect::<String>();
        let _ = writeln!(text, "    {{ rank=same; \"priority {priority}\";{ids} }}");
    }
    for (group, programs) in groups.iter().filter(|(group, _)| !group.is_empty()) {
        let ids = programs.iter().map(|name| format!(" \"{}\";", id(name))).collect::<String>();
        let group = id(group);
        let _ = writeln!(text, "    subgraph \"cluster_{group}\" {{ label=\"{group}\";{ids} }}");
    }
    for edge in &graph.edges {
        let _ = writeln!(text, "    \"{}\" -> \"{}\";", id(&edge.from), id(&edge.to));
    }
    text.push_str("}\n");
    text
}

/// A name between the quotes of a quoted id.
fn id(name: &str) -> String {
    Plain(name).to_string().replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::message::Edge;

    fn program(name: &str, priority: i32, group: Option<&str>, count: usize) -> GraphProgram {
        GraphProgram {
            ready_ms: (name == "web").then_some(1500),
            name: name.to_owned(),
            group: group.map(str::to_owned),
            priority,
            autostart: count != 1,
            on_demand: false,
            processes: vec![name.to_owned(); count],
        }
    }

    fn graph() -> Graph {
        let programs = vec![program("db", 1, None, 2), program("api", 9, Some("team"), 1), program("web", 9, None, 0)];
        Graph {
            programs,
            edges: vec![Edge {
                from: "db".to_owned(),
                to: "web".to_owned(),
                until: "ready".to_owned(),
                required: true,
            }],
            as_dot: true,
        }
    }

    #[test]
    fn a_tree() {
        let mut text = String::new();
        write(&graph(), &mut text);
        let expected = "\
priority 1
`-- db (2 processes)
priority 9
|-- api (group team, autostart: false)
`-- web (ready in 1s500ms, after db)
Starts from top to bottom, stops from bottom to top.
";
        assert_eq!(text, expected);
        let mut none = String::new();
        write(&Graph::default(), &mut none);
        assert_eq!(none, "");
    }

    #[test]
    fn for_graphviz() {
        let expected = r#"digraph taskmaster {
    rankdir=LR;
    newrank=true;
    node [shape=box];
    "priority 1" [shape=plaintext];
    "db" [label="db\n2 processes"];
    { rank=same; "priority 1"; "db"; }
    "priority 9" [shape=plaintext];
    "priority 1" -> "priority 9" [style=dotted];
    "api" [label="api", style=dashed];
    "web" [label="web\nready in 1s500ms"];
    { rank=same; "priority 9"; "api"; "web"; }
    subgraph "cluster_team" { label="team"; "api"; }
    "db" -> "web";
}
"#;
        assert_eq!(dot(&graph()), expected);
        assert_eq!(id("a\"b\\\n"), "a\\\"b\\\\\\\\n");
    }
}
