//! The way out: everything is stopped at once, nothing new is started, and the daemon leaves when all is down.

use std::time::Duration;

use crate::base::time::Mono;

use super::action::Action;
use super::event::Event;
use super::fleet::{Due, Fleet};

/// How long after the longest `stoptime` the daemon waits for what SIGKILL did not end. Only a process that the
/// kernel itself holds fast is left then; waiting longer would not help it.
const PATIENCE: Duration = Duration::from_millis(900);

/// Whether the daemon stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It does.
    Up,
    /// It leaves as soon as everything is down; `until` is the end of its patience.
    ShuttingDown {
        /// Then it leaves in any case.
        until: Mono,
    },
    /// It has been told to leave.
    Gone,
}

impl Fleet {
    /// Whether a shutdown has begun.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.phase != Phase::Up
    }

    /// Begins a shutdown; in one, kills what is still there.
    pub(super) fn shutdown(&mut self, now: Mono, out: &mut Vec<Action>) {
        let (event, grace) = match self.phase {
            Phase::Gone => return,
            Phase::Up => (Event::Stop, self.longest_stop()),
            Phase::ShuttingDown { until } => {
                self.deadlines.remove(&(until, Due::Quit));
                (Event::Kill, Duration::ZERO)
            }
        };
        let until = now.after(grace).after(PATIENCE);
        self.phase = Phase::ShuttingDown { until };
        self.deadlines.insert((until, Due::Quit));
        // Highest priority number first: what was started last is told first.
        let keys = self.by_priority(|_| true).into_iter().rev();
        self.tell_all(keys.map(|key| (key, event.clone())), now, out);
        self.quit_if_down(out);
    }

    fn longest_stop(&self) -> Duration {
        // Those that others depend on have their time after these, one after the other at the worst.
        let (mut longest, mut in_turn) = (Duration::ZERO, Duration::ZERO);
        let mut last = None;
        for (_, member) in self.members().filter(|(_, m)| m.inst.live().is_some()) {
            let time = member.program.policy.longest_stop();
            longest = longest.max(time);
            // The processes of a program stop together; they stand side by side.
            if self.order.is_depended_on(&member.name) && last.replace(&member.name) != Some(&member.name) {
                in_turn = in_turn.saturating_add(time);
            }
        }
        longest.saturating_add(in_turn)
    }

    /// Leaves if a shutdown has begun and nothing is alive.
    pub(super) fn quit_if_down(&mut self, out: &mut Vec<Action>) {
        if self.live == 0
            && let Phase::ShuttingDown { until } = self.phase
        {
            self.deadlines.remove(&(until, Due::Quit));
            self.phase = Phase::Gone;
            out.push(Action::Quit { survivors: Vec::new() });
        }
    }

    /// The end of patience: leaves although something is alive, and names it.
    pub(super) fn give_up(&mut self, out: &mut Vec<Action>) {
        if let Phase::ShuttingDown { until } = self.phase {
            self.deadlines.remove(&(until, Due::Quit));
            self.phase = Phase::Gone;
            let left = self.members().filter(|(_, m)| m.inst.has_process());
            let survivors = left.map(|(_, m)| self.display_name(m)).collect();
            out.push(Action::Quit { survivors });
        }
    }
}
