//! What differs in what programs are confined to, and in their directories.

use std::fmt::Display;

use crate::base::resource::{Limit, Resource};
use crate::base::units::print_size;
use crate::config::model::{Confines, Directory, TreeLimits};

use super::{Keys, scalar, unset};

/// The keys that differ. As everywhere here, the old values are taken apart without `..`.
pub(super) fn keys(old: Option<&Confines>, new: Option<&Confines>, keys: &mut Keys) {
    let none = Confines::default();
    let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
    let Confines {
        rlimits,
        nice,
        ionice,
        oom_score_adj,
        cpu_affinity,
        no_new_privs,
        bounding,
        ambient,
        chroot,
        tree: TreeLimits { memory, cpu, pids },
    } = old;
    for (name, resource) in Resource::NAMES {
        let shown = |limit: &Option<&Limit>| limit.map_or_else(unset, |limit| resource.print(*limit));
        keys.key(format_args!("rlimits.{name}"), &rlimits.get(&resource), &new.rlimits.get(&resource), shown);
    }
    keys.key("nice", nice, &new.nice, shown);
    keys.key("ionice", ionice, &new.ionice, shown);
    keys.key("oom_score_adj", oom_score_adj, &new.oom_score_adj, shown);
    keys.key(
        "cpu_affinity",
        cpu_affinity,
        &new.cpu_affinity,
        |cpus| {
            if cpus.is_empty() { unset() } else { cpus.to_string() }
        },
    );
    keys.key("memory_max", memory, &new.tree.memory, |bytes| bytes.map_or_else(unset, print_size));
    keys.key("cpu_max", cpu, &new.tree.cpu, |share| share.map_or_else(unset, TreeLimits::print_cpu));
    keys.key("pids_max", pids, &new.tree.pids, shown);
    keys.plain("no_new_privs", *no_new_privs, new.no_new_privs);
    keys.key("capabilities.bounding", bounding, &new.bounding, shown);
    keys.plain("capabilities.ambient", *ambient, new.ambient);
    keys.text("chroot", chroot.as_ref(), new.chroot.as_ref());
}

fn shown<T: Display>(value: &Option<T>) -> String {
    value.as_ref().map_or_else(unset, T::to_string)
}

/// `[/run/web (www-data:www-data, 0750), /srv]`.
pub(super) fn directories(dirs: &[Directory]) -> String {
    let one = |dir: &Directory| {
        let Directory { path, owner, group, mode } = dir;
        let mut said: Vec<String> = Vec::new();
        match (owner, group) {
            (None, None) => {}
            (owner, None) => said.extend(owner.clone()),
            (owner, Some(group)) => said.push(format!("{}:{group}", owner.as_deref().unwrap_or_default())),
        }
        said.extend(mode.map(|mode| format!("{mode:04o}")));
        let path = scalar(path);
        if said.is_empty() { path } else { format!("{path} ({})", said.join(", ")) }
    };
    format!("[{}]", dirs.iter().map(one).collect::<Vec<_>>().join(", "))
}
