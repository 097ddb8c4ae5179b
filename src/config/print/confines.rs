//! What a program is confined to, and its directories, as YAML.

use crate::base::yaml_text::scalar;
use crate::config::model::{Confines, Directory, Program, TreeLimits};

use super::{Page, account, print_size};

impl Page {
    pub(super) fn confines(&mut self, program: &Program) {
        let none = Confines::default();
        let confines = program.confines.as_deref().unwrap_or(&none);
        self.section("rlimits", |page| {
            for (resource, limit) in &confines.rlimits {
                page.plain(resource.name(), &resource.print(*limit));
            }
        });
        self.some("nice", confines.nice.as_ref(), i32::to_string);
        self.some("ionice", confines.ionice.as_ref(), ToString::to_string);
        self.some("oom_score_adj", confines.oom_score_adj.as_ref(), i16::to_string);
        self.unless("cpu_affinity", &confines.cpu_affinity, &none.cpu_affinity, |cpus| {
            scalar(&cpus.to_string()).into_owned()
        });
        let TreeLimits { memory, cpu, pids } = confines.tree;
        self.some("memory_max", memory.as_ref(), |bytes| print_size(*bytes));
        self.some("cpu_max", cpu.as_ref(), |share| TreeLimits::print_cpu(*share));
        self.some("pids_max", pids.as_ref(), u32::to_string);
        self.unless("no_new_privs", &confines.no_new_privs, &none.no_new_privs, bool::to_string);
        self.section("capabilities", |page| {
            page.some("bounding", confines.bounding.as_ref(), ToString::to_string);
            page.unless("ambient", &confines.ambient, &none.ambient, ToString::to_string);
        });
        self.some("chroot", confines.chroot.as_ref(), |dir| scalar(dir).into_owned());
        self.dirs(&program.dirs);
    }

    fn dirs(&mut self, dirs: &[Directory]) {
        let is_plain = |dir: &Directory| *dir == Directory::new(dir.path.clone());
        if !dirs.is_empty() && dirs.iter().all(is_plain) {
            let paths: Vec<String> = dirs.iter().map(|dir| dir.path.clone()).collect();
            return self.list("dirs", &paths);
        }
        self.section("dirs", |page| {
            for dir in dirs {
                let mut said = Vec::new();
                said.extend(dir.owner.as_ref().map(|owner| format!("owner: {}", account(owner))));
                said.extend(dir.group.as_ref().map(|group| format!("group: {}", account(group))));
                said.extend(dir.mode.map(|mode| format!("mode: {mode:04o}")));
                page.plain(&scalar(&dir.path), &format!("{{{}}}", said.join(", ")));
            }
        });
    }
}
