//! The way out: everything is stopped at once, nothing new is started, and the daemon leaves when all is down.

use std::time::Duration;

use crate::base::exit::Exit;
use crate::base::id::Key;
use crate::base::time::Mono;
use crate::config::model::{ExitWhen, Level};

use super::action::Action;
use super::event::Event;
use super::fleet::{Due, Fleet};
use super::history::By;
use super::state::{Instance, State};

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

    /// Begins a shutdown if that is what the ends of members mean.
    pub(super) fn follow_ends(&mut self, now: Mono, out: &mut Vec<Action>) {
        for key in std::mem::take(&mut self.ended) {
            self.follow_end(key, now, out);
        }
    }

    fn follow_end(&mut self, key: Key, now: Mono, out: &mut Vec<Action>) {
        let Some(member) = self.members.get(&key).filter(|m| m.timetable.is_none() && self.phase == Phase::Up) else {
            return;
        };
        let fatal = matches!(member.inst.state, State::Fatal { .. });
        let Some(code) = final_code(&member.inst) else { return };
        let name = self.display_name(member);
        let (code, why) = if member.program.policy.essential {
            (code, format!("{name} is essential and has ended for good"))
        } else {
            match self.config.daemon.exit_when {
                Some(ExitWhen::AnyFatal) if fatal => (code, format!("{name} is FATAL (exit_when)")),
                Some(ExitWhen::AllDone) if self.all_done() => {
                    (self.first_failure(), "all processes are done (exit_when)".to_owned())
                }
                Some(ExitWhen::AllDone | ExitWhen::AnyFatal) | None => return,
            }
        };
        self.code = code;
        self.acting = Some(By::Shutdown);
        out.push(Action::Log(Level::Info, format!("{why}: shutting down, exit code {code}")));
        self.shutdown(now, out);
    }

    /// Whether nothing is alive or will be by itself. What somebody has stopped is not done.
    fn all_done(&self) -> bool {
        self.members().all(|(_, member)| {
            let never = member.inst.state == State::Stopped && member.inst.last_exit.is_none();
            let idle = never && !member.program.autostart;
            member.timetable.is_none() && (idle || final_code(&member.inst).is_some())
        })
    }

    /// The exit code of the first process by name that has failed; 0 if none has.
    fn first_failure(&self) -> u8 {
        let codes = self.index.values().filter_map(|key| final_code(&self.members.get(key)?.inst));
        codes.into_iter().find(|code| *code != 0).unwrap_or(0)
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
            out.push(Action::Quit { survivors: Vec::new(), code: self.code });
        }
    }

    /// The end of patience: leaves although something is alive, and names it.
    pub(super) fn give_up(&mut self, out: &mut Vec<Action>) {
        if let Phase::ShuttingDown { until } = self.phase {
            self.deadlines.remove(&(until, Due::Quit));
            self.phase = Phase::Gone;
            let left = self.members().filter(|(_, m)| m.inst.has_process());
            let survivors = left.map(|(_, m)| self.display_name(m)).collect();
            out.push(Action::Quit { survivors, code: self.code });
        }
    }
}

/// With what a process has ended for good, as an exit code; `None` if it has not. One that is FATAL has failed, whatever it
/// said last.
pub(super) fn final_code(inst: &Instance) -> Option<u8> {
    match &inst.state {
        State::Exited { exit, .. } => Some(exit.code()),
        State::Fatal { .. } => Some(inst.last_exit.map_or(0, Exit::code).max(1)),
        State::Stopped
        | State::Waiting
        | State::Listening
        | State::Starting { .. }
        | State::Running { .. }
        | State::Stopping { .. }
        | State::Backoff { .. } => None,
    }
}
