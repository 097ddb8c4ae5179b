//! What keeps a program from being confined as its keys say: privileges that this process lacks, processors and
//! directories that are not there. None of it is an error of the configuration: another machine, or root, may do it.

use std::path::Path;

use crate::base::capability::{Capabilities, number};
use crate::base::nearest::suggestion;
use crate::base::resource::Resource;
use crate::base::scheduling::IoPriority;
use crate::base::text::quoted;
use crate::config::Objection;
use crate::config::model::{Confines, Program, TreeLimits};
use crate::sys::cgroup::Cgroup;
use crate::sys::limits;

/// What there is to say, with the names of the keys.
pub(super) fn objections(program: &Program) -> Vec<(&'static str, Objection)> {
    let own = limits::permitted();
    let mut all = Vec::new();
    let mut say = |key, text: Option<String>| all.extend(text.map(|text| (key, Objection::warning(text))));
    let may = |number: u32| own.has(number);
    if !program.extra_groups.is_empty() && !may(number::SETGID) {
        say("extra_groups", Some(lacking(number::SETGID, "set groups")));
    }
    let gives_away = program.dirs.iter().any(|dir| dir.owner.is_some() || dir.group.is_some());
    if gives_away && !may(number::CHOWN) {
        say("dirs", Some(lacking(number::CHOWN, "give a directory to somebody")));
    }
    let Some(confines) = program.confines.as_deref() else { return all };
    say("rlimits", ceilings(confines, own));
    say("nice", confines.nice.and_then(|nice| niceness(nice, own)));
    let realtime = matches!(confines.ionice, Some(IoPriority::Realtime(_)));
    if realtime && !may(number::SYS_ADMIN) && !may(number::SYS_NICE) {
        say("ionice", Some(lacking(number::SYS_NICE, "put input and output before everybody else's")));
    }
    say("oom_score_adj", confines.oom_score_adj.and_then(|score| oom_score(score, own)));
    say("cpu_affinity", processors(confines));
    if confines.bounding.is_some() && !may(number::SETPCAP) {
        say("capabilities", Some(lacking(number::SETPCAP, "drop capabilities from the bounding set")));
    }
    let missing = confines.ambient.without(own);
    if !missing.is_empty() {
        say("capabilities", Some(format!("ambient has {missing}, which taskmasterd would need itself: {HENCE}")));
    }
    if let Some((key, text)) = tree(&confines.tree) {
        say(key, Some(text));
    }
    say("chroot", confines.chroot.as_deref().and_then(|dir| new_root(dir, own)));
    all
}

const HENCE: &str = "the program cannot be started here";

fn lacking(number: u32, to: &str) -> String {
    let name = Capabilities::name(number).to_uppercase();
    format!("only root (CAP_{name}) may {to}: {HENCE}")
}

/// Limits of a tree are kept by a cgroup, which taskmasterd has to be given.
fn tree(limits: &TreeLimits) -> Option<(&'static str, String)> {
    let wanted = [
        ("memory_max", "memory", limits.memory.is_some()),
        ("cpu_max", "cpu", limits.cpu.is_some()),
        ("pids_max", "pids", limits.pids.is_some()),
    ];
    let given = Cgroup::given();
    wanted.into_iter().filter(|(_, _, is_wanted)| *is_wanted).find_map(|(key, controller, _)| {
        let permitted = given.as_ref().map_err(Clone::clone).and_then(|given| given.permits(&[controller]));
        let trouble = permitted.err()?;
        Some((key, format!("needs a cgroup (version 2) of taskmasterd's own; cannot {trouble}: {HENCE}")))
    })
}

fn ceilings(confines: &Confines, own: Capabilities) -> Option<String> {
    if own.has(number::SYS_RESOURCE) {
        return None;
    }
    let beyond = |resource: Resource| {
        let wanted = confines.rlimits.get(&resource)?.hard;
        let most = limits::ceiling(resource)?;
        wanted.is_none_or(|wanted| wanted > most).then(|| {
            let both = crate::base::resource::Limit { soft: Some(most), hard: Some(most) };
            format!("{} may be {} at most", resource.name(), resource.print(both))
        })
    };
    let all: Vec<String> = Resource::NAMES.into_iter().filter_map(|(_, resource)| beyond(resource)).collect();
    (!all.is_empty()).then(|| format!("{}; {}", all.join(", "), lacking(number::SYS_RESOURCE, "raise hard limits")))
}

fn niceness(nice: i32, own: Capabilities) -> Option<String> {
    let floor = limits::ceiling(Resource::Nice).map_or(i32::MIN, |most| 20 - i32::try_from(most).unwrap_or(40));
    let denied = !own.has(number::SYS_NICE) && nice < limits::nice() && nice < floor;
    denied.then(|| lacking(number::SYS_NICE, "lower the niceness"))
}

fn oom_score(score: i16, own: Capabilities) -> Option<String> {
    let denied = !own.has(number::SYS_RESOURCE) && limits::oom_score_adj().is_some_and(|current| score < current);
    denied.then(|| lacking(number::SYS_RESOURCE, "lower the OOM score"))
}

fn processors(confines: &Confines) -> Option<String> {
    let wanted = confines.cpu_affinity.numbers();
    let there = limits::processors()?;
    let missing = wanted.iter().find(|number| there.numbers().binary_search(number).is_err())?;
    let none = wanted.iter().all(|number| there.numbers().binary_search(number).is_err());
    let hence = if none { HENCE } else { "it counts for nothing" };
    Some(format!("this machine has no processor {missing} (it has {there}): {hence}"))
}

fn new_root(dir: &str, own: Capabilities) -> Option<String> {
    if !own.has(number::SYS_CHROOT) {
        return Some(lacking(number::SYS_CHROOT, "change the root directory"));
    }
    let is_plain = !dir.contains(['$', '%']);
    let path = Path::new(dir);
    if !is_plain || path.is_dir() {
        return None;
    }
    let beside = path.parent().and_then(|parent| parent.read_dir().ok()).into_iter().flatten();
    let names: Vec<String> = beside.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let near = suggestion(name, names.iter().map(String::as_str));
    Some(format!("there is no directory {}{near}: {HENCE}", quoted(dir)))
}
