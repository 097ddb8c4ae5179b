//! Restarts a few at a time: the next process has its turn when one before it is ready again.
//!
//! A roll belongs to the client that waits for it. It ends at the first process that does not come back, and when its
//! client is gone or its time is over; those whose turn had not come stay what they are.

use std::collections::VecDeque;

use crate::base::id::{Key, Ticket};
use crate::base::time::Mono;
use crate::control::message::{Outcome, Wait, Want};

use super::action::Action;
use super::command::{Begun, Goal, Target, Verb};
use super::fleet::Fleet;
use super::history::By;

/// What is left of a rolling restart.
#[derive(Debug)]
pub(super) struct Roll {
    pending: VecDeque<Pending>,
    /// How many are restarted at once; at least 1.
    width: usize,
    wait: Wait,
    by: Option<By>,
}

/// A process whose turn has not come.
#[derive(Debug)]
struct Pending {
    key: Key,
    /// Its name when the command came.
    name: String,
    /// What was wanted of it then.
    want: Option<Want>,
}

impl Roll {
    /// Whether every process has had its turn.
    pub(super) fn is_over(&self) -> bool {
        self.pending.is_empty()
    }
}

impl Fleet {
    /// Restarts these, so many at a time. The targets are in the order of names.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn begin_rolling(
        &mut self,
        ticket: Ticket,
        width: u32,
        targets: Vec<Target>,
        notes: Vec<String>,
        wait: Wait,
        now: Mono,
        out: &mut Vec<Action>,
    ) {
        let width = usize::try_from(width).unwrap_or(usize::MAX).max(1);
        let mut roll = Roll { pending: VecDeque::new(), width, wait, by: self.acting };
        let mut begun: Vec<(Key, String, Begun)> = Vec::with_capacity(targets.len());
        for target in targets {
            match target {
                Target::Removed(key, name) => begun.push((key, name.clone(), self.removed(key, name, wait))),
                Target::Intent(key) => {
                    let member = self.member(key);
                    let (name, want) = (member.map(|m| self.display_name(m)), member.map(|m| m.inst.want));
                    // Until its turn it runs with the keys that it has.
                    if member.is_some_and(|m| m.next.is_some()) {
                        self.left_behind.insert(key);
                    }
                    let name = name.unwrap_or_default();
                    begun.push((key, name.clone(), (None, None)));
                    roll.pending.push_back(Pending { key, name, want });
                }
            }
        }
        let number = self.take_up(ticket, begun, notes, wait, Some(roll), now);
        self.roll_on(number, now, out);
        self.release(now, out);
    }

    /// Gives as many processes their turn as may be under way at once, and answers when all is done.
    pub(super) fn roll_on(&mut self, number: u64, now: Mono, out: &mut Vec<Action>) {
        while let Some(Pending { key, name, want }) = self.next_turn(number) {
            let wanted = self.member(key).map(|m| m.inst.want);
            let known = |result: &str| Some((result.to_owned(), false));
            // Somebody else was quicker.
            let meanwhile = match (want, wanted) {
                (Some(Want::Up), Some(Want::Down)) => known("stopped meanwhile"),
                (_, None) => known("was removed meanwhile"),
                (_, Some(_)) => None,
            };
            if let Some((result, ok)) = meanwhile {
                self.waiters.settle(number, key, Outcome { name, result, ok });
                continue;
            }
            let Some((wait, by)) = self.waiters.roll(number).map(|roll| (roll.wait, roll.by)) else { return };
            let acting = std::mem::replace(&mut self.acting, by);
            let begun = self.begin(Verb::Restart, key, name.clone(), wait, now, out);
            self.release(now, out);
            self.acting = acting;
            if let Some(failed) = self.await_turn(number, key, name, begun, now) {
                self.end_roll(number, &format!("not restarted, since {failed} did not come back"));
            }
        }
        self.answer_if_done(number, out);
    }

    /// The process whose turn it is.
    fn next_turn(&mut self, number: u64) -> Option<Pending> {
        if self.is_shutting_down() {
            self.end_roll(number, "not restarted: the daemon is shutting down");
        }
        let under_way = self.waiters.under_way(number);
        let roll = self.waiters.roll(number)?;
        if under_way < roll.width { roll.pending.pop_front() } else { None }
    }

    /// Takes up what a process whose turn it is has to come to. Its name if it is known already that it will not.
    fn await_turn(&mut self, number: u64, key: Key, name: String, begun: Begun, now: Mono) -> Option<String> {
        let (goal, known) = begun;
        let outcome = known.or_else(|| {
            let (result, ok) = self.settled(key, goal?, now)?;
            Some(Outcome { name: name.clone(), result, ok })
        });
        match (goal, outcome) {
            (_, Some(outcome)) => {
                let ok = outcome.ok;
                self.waiters.settle(number, key, outcome);
                (!ok).then_some(name)
            }
            (Some(goal), None) => {
                self.waiters.expect(number, key, goal, name);
                None
            }
            (None, None) => None,
        }
    }

    /// Whoever has not had a turn will not have one.
    pub(super) fn end_roll(&mut self, number: u64, why: &str) {
        let Some(roll) = self.waiters.roll(number) else { return };
        for Pending { key, name, want: _ } in std::mem::take(&mut roll.pending) {
            self.waiters.settle(number, key, Outcome { name, result: why.to_owned(), ok: false });
        }
    }
}

impl Goal {
    /// Whether it is that of a process that was restarted.
    pub(super) fn is_up(self) -> bool {
        match self {
            Goal::Up(..) => true,
            Goal::Down(_) | Goal::Gone | Goal::Reach(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
