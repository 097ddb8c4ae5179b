//! Restarts while the configuration's files have been edited. What must come of one is worked out from the books before
//! it and the file alone, and held against what came.

use std::collections::BTreeSet;
use std::sync::Arc;

use taskmaster::base::id::{Key, ProgramName};
use taskmaster::config::model::{Config, Program};
use taskmaster::control::message::{StateName, Wait, Want};
use taskmaster::supervise::event::{Command, Files, Input};
use taskmaster::supervise::fleet::Member;

use super::bugs::Bug;
use super::chance::random_program;
use super::{Finding, PROGRAMS, World};

/// A restart and the books before it.
struct Before {
    names: Vec<String>,
    /// What was read from the files; `None` if they were not read, or are broken.
    file: Option<Config>,
    broken: bool,
    config: Config,
    members: Vec<(Key, Member)>,
    /// The processes that the names mean.
    chosen: BTreeSet<Key>,
    /// Whether it is refused, so that nothing may happen.
    refused: bool,
}

impl Before {
    fn in_file(&self, name: &ProgramName) -> Option<&Arc<Program>> {
        self.file.as_ref().and_then(|file| file.programs.get(name))
    }

    /// The processes of a program that are not on their way out.
    fn staying(&self, name: &ProgramName) -> BTreeSet<Key> {
        self.members.iter().filter(|(_, m)| m.name == *name && !m.retiring).map(|(key, _)| *key).collect()
    }

    fn differs(&self, name: &ProgramName) -> bool {
        self.file.is_some() && self.in_file(name) != self.config.programs.get(name)
    }

    fn named(&self, name: &ProgramName) -> bool {
        !self.refused && !self.staying(name).is_disjoint(&self.chosen)
    }

    fn whole(&self, name: &ProgramName) -> bool {
        self.named(name) && self.staying(name).is_subset(&self.chosen)
    }

    /// Whether a program is to take its section from the file.
    fn taken(&self, name: &ProgramName) -> bool {
        self.whole(name) && self.differs(name) && self.in_file(name).is_some()
    }

    /// Whether a name means a program that only the file has.
    fn only_in_file(&self, name: &ProgramName) -> bool {
        let numbers = self.in_file(name).map_or(0..0, |p| p.numbers());
        let means = |word: &str| match word {
            "all" => true,
            "[ab]" => "ab".contains(name.as_str()),
            _ => match word.split_once(':') {
                None => word == name.as_str(),
                Some((program, num)) => program == name.as_str() && (num == "*" || numbers.contains(&1)),
            },
        };
        let new = !numbers.is_empty() && !self.config.programs.contains_key(name);
        !self.refused && new && self.names.iter().any(|word| means(word))
    }

    /// Whether the answer has something to say of the files.
    fn noted(&self) -> bool {
        let told = |name: &ProgramName| self.differs(name) && self.named(name) || self.only_in_file(name);
        !self.refused && self.broken || programs().iter().any(told)
    }

    /// Whether this process must be exactly what it was.
    fn untouched(&self, key: Key, member: &Member) -> bool {
        let own = self.taken(&member.name) && self.staying(&member.name).contains(&key);
        !own && (self.refused || !self.chosen.contains(&key))
    }
}

fn programs() -> Vec<ProgramName> {
    PROGRAMS.iter().map(|name| ProgramName::new(name).unwrap()).collect()
}

impl World {
    /// The configuration in force after somebody has edited its files.
    fn edited(&mut self) -> Config {
        let mut file = self.fleet.config().clone();
        for name in programs() {
            let mut new = random_program(&mut self.dice, self.floor);
            if let Some(old) = file.programs.get(&name) {
                match self.dice.below(8) {
                    0..=2 => continue,
                    3 => {
                        file.programs.remove(&name);
                        continue;
                    }
                    4 => {
                        new = Program {
                            numprocs: new.numprocs,
                            numprocs_start: new.numprocs_start,
                            ..Program::clone(old)
                        }
                    }
                    5 => new = Program { argv: old.argv.clone(), ..new },
                    _ => {}
                }
            } else if self.dice.chance(50) {
                continue;
            }
            file.programs.insert(name, new.into());
        }
        file
    }

    pub(super) fn restart(&mut self) -> Finding {
        let (ticket, names, wait) = (self.ticket(), self.names(), self.wait());
        let mut files = match self.dice.below(10) {
            0..=1 => Files::Unchanged,
            2 => Files::Broken("1 error".to_owned()),
            _ => Files::Read(Box::new(self.edited())),
        };
        let chosen = self.fleet.chosen(&names);

        if let Files::Read(file) = &mut files {
            self.forget_other_numbers(file);
        }
        let before = Before {
            file: if let Files::Read(file) = &files { Some(Config::clone(file)) } else { None },
            broken: matches!(files, Files::Broken(_)),
            config: self.fleet.config().clone(),
            members: self.all_members(),
            refused: chosen.is_err() || self.shutdown_at.is_some(),
            chosen: chosen.unwrap_or_default().into_iter().collect(),
            names,
        };
        self.notes_due.insert(ticket, before.noted());
        self.resume_what_comes_back();
        self.policy_changed = self.now;
        let command = self.badly_told(before.names.clone(), wait, files);
        self.suspensions(&command);
        self.tell(Input::Command { ticket, uid: Some(0), command })?;
        if let Some(file) = before.file.clone().filter(|_| self.has(Bug::RestartReloadsEverything)) {
            self.tell(Input::Reload { ticket: None, config: Box::new(file), dry_run: false })?;
        }
        self.only_what_was_named(&before).map_err(|what| format!("a restart of {:?}: {what}", before.names))?;
        self.all_that_was_named(&before).map_err(|what| format!("a restart of {:?}: {what}", before.names))?;
        self.note_restart(&before);
        Ok(())
    }

    /// The command, as it is told where a bug sits in between.
    fn badly_told(&self, mut names: Vec<String>, wait: Wait, mut files: Files) -> Command {
        if self.has(Bug::RestartsByTheOldFile) {
            files = Files::Unchanged;
        }
        if self.has(Bug::RestartNamesTheWholeProgram) {
            names.iter_mut().for_each(|name| *name = name.replace(":1", ""));
        }
        Command::Restart { names, wait, files, rolling: None }
    }

    /// The configuration has changed where it was to, and nowhere else; so have the processes.
    fn only_what_was_named(&self, before: &Before) -> Finding {
        let after = self.fleet.config();
        if after.daemon != before.config.daemon {
            return Err("the daemon has other keys".to_owned());
        }
        for name in programs() {
            let meant = if before.taken(&name) { before.in_file(&name) } else { before.config.programs.get(&name) };
            if after.programs.get(&name) != meant {
                return Err(format!("{name} has other keys than it should"));
            }
        }
        for (key, old) in before.members.iter().filter(|(key, m)| before.untouched(*key, m)) {
            let Some(new) = self.fleet.member(*key) else {
                // One on its way out without a process is gone as soon as nobody holds it.
                if old.retiring && !old.inst.has_process() {
                    continue;
                }
                return Err(format!("{} {} is gone", old.name, old.num));
            };
            let may_follow = self.is_linked(&before.config, &old.name) || self.is_linked(after, &old.name);
            // What was on its way out may have come back with its program; what was held before its spawn starts anew at once.
            let kept = old.retiring && before.taken(&old.name)
                || may_follow && old.next.as_ref() == Some(&new.program)
                || (&old.program, &old.next, old.retiring) == (&new.program, &new.next, new.retiring);
            if !kept || old.inst != new.inst && !before.taken(&old.name) && !may_follow {
                return Err(format!("{} {} was touched", old.name, old.num));
            }
        }
        Ok(())
    }

    /// Whether a program depends on others, or others on it: then it may be started, restarted and kept waiting with them.
    fn is_linked(&self, config: &Config, name: &ProgramName) -> bool {
        let depends = |(dependent, program): (&ProgramName, &Arc<Program>)| {
            dependent == name && !program.depends_on.is_empty() || program.depends_on.iter().any(|d| d.on == *name)
        };
        config.programs.iter().any(depends)
    }

    /// What was named as a whole is to run, by the keys that are in force now.
    fn all_that_was_named(&self, before: &Before) -> Finding {
        let staying = self.fleet.members().map(|(_, m)| m).filter(|m| !m.retiring);
        for member in staying.filter(|m| before.whole(&m.name)) {
            let keys = member.next.as_ref().unwrap_or(&member.program);
            if self.fleet.config().programs.get(&member.name) != Some(keys) || member.inst.want != Want::Up {
                return Err(format!("{} {} is not to run by its keys", member.name, member.num));
            }
        }
        Ok(())
    }

    fn note_restart(&mut self, before: &Before) {
        let now = self.all_members();
        for name in programs().into_iter().filter(|name| before.named(name) && before.differs(name)) {
            let was = |state| before.members.iter().any(|(_, m)| m.name == name && m.inst.name() == state);
            let removed = now.iter().any(|(key, m)| m.retiring && before.staying(&name).contains(key));
            let taken = before.taken(&name);
            for (seen, what) in [
                (taken, "restart with other keys"),
                (taken && was(StateName::Stopping), "restart with other keys while stopping"),
                (taken && was(StateName::Backoff), "restart with other keys while waiting"),
                (taken && now.len() > before.members.len(), "restart that adds"),
                (taken && removed, "restart that removes"),
                (!taken && before.whole(&name), "restart of what is gone from the file"),
                (!before.whole(&name), "restart of a part"),
            ] {
                if seen {
                    self.note(what);
                }
            }
        }
    }

    fn all_members(&self) -> Vec<(Key, Member)> {
        self.fleet.members().map(|(key, member)| (key, member.clone())).collect()
    }
}

impl World {
    /// Nobody but the core knows which numbers of processes were given by hand, and these are kept only where the file has
    /// not got another one. So here the file always has the number that is in force.
    fn forget_other_numbers(&self, file: &mut Config) {
        for (name, program) in &mut file.programs {
            if let Some(now) = self.fleet.config().programs.get(name)
                && self.scaled.contains(name)
            {
                Arc::make_mut(program).numprocs = now.numprocs;
            }
        }
    }
}
