//! `depends_on`: what must have come first, and how it is found out that it never can.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::ProgramName;
use crate::base::nearest::suggestion;
use crate::base::text::quoted;
use crate::base::tree::{Node, Value};
use crate::config::diag::{Place, Report};
use crate::config::model::{Condition, Config, Dependency};
use crate::config::values::{self, Read};

/// A list of names, a map of names and conditions, or one name.
pub(super) fn read(node: &Node<'_>) -> Read<Vec<Dependency>> {
    let plain = |node: &Node<'_>| name(node).map(Dependency::on);
    let mut list = match &node.value {
        Value::Null => Vec::new(),
        Value::Scalar(..) => vec![plain(node)?],
        Value::Seq(items) => items.iter().map(plain).collect::<Read<_>>()?,
        Value::Map(entries) => {
            let mut list = Vec::with_capacity(entries.len());
            for entry in entries {
                let on = ProgramName::new(&entry.key).map_err(|problem| format!("{} {problem}", quoted(&entry.key)))?;
                let (until, required) =
                    condition(&entry.value).map_err(|problem| format!("{}: {problem}", quoted(&entry.key)))?;
                list.push(Dependency { on, until, required });
            }
            list
        }
    };
    list.sort_by(|a, b| a.on.cmp(&b.on));
    match list.windows(2).find(|two| matches!(two, [a, b] if a.on == b.on)) {
        Some([twice, ..]) => Err(format!("names {} twice", quoted(twice.on.as_str()))),
        Some([]) | None => Ok(list),
    }
}

fn name(node: &Node<'_>) -> Read<ProgramName> {
    let text = values::any_text(node, "the name of a program")?;
    ProgramName::new(text).map_err(|problem| format!("{} {problem}", quoted(text)))
}

/// `ready`, or `{condition: ready, required: false}`.
fn condition(node: &Node<'_>) -> Read<(Condition, bool)> {
    let (mut until, mut required) = (Condition::default(), true);
    match &node.value {
        Value::Null => {}
        Value::Map(entries) => {
            for entry in entries {
                match entry.key.as_ref() {
                    "condition" => until = word(&entry.value)?,
                    "required" => required = values::boolean(&entry.value).map_err(|e| format!("required {e}"))?,
                    other => {
                        let known = suggestion(other, ["condition", "required"]);
                        return Err(format!("{} is not a known key{known}", quoted(other)));
                    }
                }
            }
        }
        Value::Scalar(..) | Value::Seq(_) => until = word(node)?,
    }
    Ok((until, required))
}

fn word(node: &Node<'_>) -> Read<Condition> {
    let text = values::any_text(node, "a condition")?;
    let found = Condition::NAMES.iter().find(|(name, _)| *name == text);
    found.map(|(_, condition)| *condition).ok_or_else(|| {
        let hint = suggestion(text, Condition::NAMES.map(|(name, _)| name));
        format!("is {}{hint}: it is started, ready, healthy or completed", quoted(text))
    })
}

/// Looks at the dependencies of all programs together. `places` tells where those of a program are given.
pub(in crate::config) fn check(
    config: &Config,
    places: &BTreeMap<ProgramName, (Place, String)>,
    report: &mut Report<'_>,
) {
    for (name, (place, path)) in places {
        let Some(program) = config.programs.get(name) else { continue };
        for Dependency { on, until, .. } in &program.depends_on {
            let problem = match config.programs.get(on) {
                None => {
                    let known = suggestion(on.as_str(), config.programs.keys().map(ProgramName::as_str));
                    format!("no program {}{known}", quoted(on.as_str()))
                }
                Some(other) if *until == Condition::Healthy && other.policy.healthcheck.is_none() => {
                    format!("{on} has no healthcheck: wait until it is ready, or give it one")
                }
                Some(other) if *until == Condition::Completed && !other.policy.oneshot => {
                    format!("{on} is no job that completes: it has not \"oneshot: true\"")
                }
                Some(_) => continue,
            };
            report.error(*place, path, problem);
        }
    }
    for circle in circles(config) {
        let Some((first, (place, path))) = circle.first().and_then(|first| places.get_key_value(first)) else {
            continue;
        };
        let mut way: Vec<&str> = circle.iter().map(ProgramName::as_str).collect();
        way.push(first.as_str());
        report.error(*place, path, format!("goes in a circle: {}", way.join(" -> ")));
    }
}

/// The circles among the dependencies, each once and from its first name on; not all that run through the same programs.
fn circles(config: &Config) -> Vec<Vec<ProgramName>> {
    let mut found = Vec::new();
    let mut done: BTreeSet<&ProgramName> = BTreeSet::new();
    for start in config.programs.keys() {
        // A walk without recursion: chains may be as long as there are programs.
        let mut way: Vec<(&ProgramName, usize)> = vec![(start, 0)];
        let mut on_way: BTreeSet<&ProgramName> = BTreeSet::from([start]);
        if done.contains(start) {
            continue;
        }
        while let Some((name, next)) = way.last_mut() {
            let dependency = config.programs.get(*name).and_then(|program| program.depends_on.get(*next));
            *next += 1;
            match dependency {
                None => {
                    done.insert(name);
                    on_way.remove(*name);
                    way.pop();
                }
                Some(Dependency { on, .. }) if on_way.contains(on) => {
                    let circle = way.iter().map(|(name, _)| (*name).clone()).skip_while(|name| name != on);
                    found.push(from_first(circle.collect()));
                }
                Some(Dependency { on, .. }) if !done.contains(on) => {
                    on_way.insert(on);
                    way.push((on, 0));
                }
                Some(_) => {}
            }
        }
    }
    found
}

fn from_first(mut circle: Vec<ProgramName>) -> Vec<ProgramName> {
    let least = circle.iter().enumerate().min_by(|a, b| a.1.cmp(b.1)).map_or(0, |(at, _)| at);
    circle.rotate_left(least);
    circle
}
