//! Another number of processes for a program, without its file. It holds until the file gives the program another number
//! than it did, or the daemon ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::id::{Key, Ticket, process_name};
use crate::base::time::Mono;
use crate::config::diff::{self, ProgramChange};
use crate::config::model::{Config, Program};
use crate::control::message::{Refusal, RefusalCode, Response, Wait, Want};

use super::action::Action;
use super::command::{Target, Verb};
use super::event::Event;
use super::fleet::Fleet;

impl Fleet {
    /// Gives a program so many processes. New ones are started if the program starts by itself or another process of it
    /// is to run; the ones that are too many are stopped and forgotten.
    pub(super) fn scale(
        &mut self,
        ticket: Ticket,
        name: &str,
        count: u32,
        wait: Wait,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        let found = self.refusal(Verb::Start).and_then(|()| {
            let found = self.config.programs.iter().find(|(known, _)| known.as_str() == name);
            found.map(|(name, program)| (name.clone(), Arc::clone(program))).ok_or_else(|| self.not_a_program(name))
        });
        let (name, old) = match found {
            Ok(found) => found,
            Err(refusal) => return out.push(Action::Reply(ticket, Response::Refused(refusal))),
        };
        let new = Arc::new(Program { numprocs: count, ..Program::clone(&old) });
        let was: BTreeSet<Key> = self.keys_of(&name).into_iter().collect();
        let wanted = old.autostart || was.iter().any(|key| self.member(*key).is_some_and(|m| m.inst.want == Want::Up));
        let of_file = self.scales.remove(&name).map_or(old.numprocs, |(of_file, _)| of_file);
        if of_file != count {
            self.scales.insert(name.clone(), (of_file, count));
        }
        self.config.programs.insert(name.clone(), Arc::clone(&new));
        let numbers: Vec<(Key, u32)> = was.iter().filter_map(|key| Some((*key, self.member(*key)?.num))).collect();
        if let Some(kind) = diff::program(&old, &new) {
            // Whom its schedule or its file starts is told so below, with the others.
            self.put_in_force(&[ProgramChange { name: name.clone(), kind }], now, out);
        }
        let is: BTreeSet<Key> = self.keys_of(&name).into_iter().collect();
        let gone = numbers.iter().filter(|(key, _)| !is.contains(key));
        let mut targets: Vec<Target> =
            gone.map(|(key, num)| Target::Removed(*key, process_name(&name, *num, true))).collect();
        let added: Vec<Key> = is.difference(&was).copied().collect();
        let starts = wanted && new.schedule.is_none();
        let notes = vec![match (added.len(), starts) {
            (0, _) => format!("{name} has {count} processes"),
            (_, true) => format!("{name} has {count} processes, {} of them new", added.len()),
            (more, false) => format!("{name} has {count} processes, {more} of them new and not started"),
        }];
        if starts && new.policy.on_demand {
            self.tell_all(added.into_iter().map(|key| (key, Event::Arm)), now, out);
        } else if starts {
            targets.extend(added.into_iter().map(Target::Intent));
        }
        self.begin_all(ticket, Verb::Start, targets, notes, wait, now, out);
        self.look_at_all(now, out);
    }

    fn not_a_program(&self, name: &str) -> Refusal {
        if self.chosen(&[name.to_owned()]).is_ok() {
            let text = format!("\"{name}\" is not the name of one program: only a program has a number of processes");
            return Refusal::new(RefusalCode::UnknownName, text);
        }
        self.unknown(name)
    }

    /// A configuration that was read keeps the numbers that programs were given by hand, where its own are what they were;
    /// where they are not, these are what counts from now on.
    pub(super) fn keep_scales(&mut self, config: &mut Config, dry_run: bool) {
        self.scales.retain(|name, (of_file, count)| match config.programs.get_mut(name) {
            Some(program) if program.numprocs == *of_file => {
                Arc::make_mut(program).numprocs = *count;
                true
            }
            Some(_) | None => dry_run,
        });
    }
}

#[cfg(test)]
mod tests;
