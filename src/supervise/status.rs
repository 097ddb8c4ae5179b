//! What can be seen of the fleet from outside.

use std::time::Duration;

use crate::base::id::Key;
use crate::base::time::Mono;
use crate::config::model::{Program, Stdin};
use crate::control::message::{ProcessPid, ProcessStatus, Reads};

use super::explain::{last_wrong, what_is_left};
use super::fleet::{Fleet, Member};
use super::state::{Instance, Pressure, State};

impl Fleet {
    /// The view of these members at `now`.
    #[must_use]
    pub fn status(&self, keys: &[Key], now: Mono) -> Vec<ProcessStatus> {
        keys.iter().filter_map(|key| self.member(*key)).map(|m| self.view(m, now)).collect()
    }

    /// The process ids of these members.
    #[must_use]
    pub fn pids(&self, keys: &[Key]) -> Vec<ProcessPid> {
        let members = keys.iter().filter_map(|key| self.member(*key));
        members.map(|m| ProcessPid { name: self.display_name(m), pid: pid(&m.inst) }).collect()
    }

    pub(super) fn view(&self, member: &Member, now: Mono) -> ProcessStatus {
        let inst = &member.inst;
        ProcessStatus {
            name: self.display_name(member),
            program: member.name.to_string(),
            num: member.num,
            group: member.program.group_name.as_ref().map(ToString::to_string),
            state: inst.name(),
            want: inst.want,
            as_wanted: inst.as_wanted(),
            health: inst.health(&member.program.policy),
            says: inst.says.as_deref().map(str::to_owned),
            pid: pid(inst),
            for_ms: inst.entered.map(|at| millis(now.since(at))),
            runs: inst.last_run.0,
            last_exit: inst.last_exit.map(|exit| exit.to_string()),
            why: self.why(member),
            next: (!inst.as_wanted()).then(|| self.next(member, now)),
            next_try_ms: inst.next_try().map(|at| millis(at.since(now))),
            kill_in_ms: inst.kill_at(&member.program.policy).map(|at| millis(at.since(now))),
            reads: reads(&member.program),
            listen: self.addresses_of(member),
            schedule: self.schedule_of(member, now),
            usage: None,
        }
    }
}

fn reads(program: &Program) -> Option<Reads> {
    match program.stdin {
        _ if program.tty => Some(Reads::Terminal),
        Stdin::Pipe => Some(Reads::Pipe),
        Stdin::Null => None,
    }
}

fn pid(inst: &Instance) -> Option<u32> {
    // The leader is gone and its number may soon be another's.
    let is_gone = matches!(inst.state, State::Stopping { ended: Some(_), .. });
    inst.live().filter(|_| !is_gone).and_then(|live| live.pid)
}

impl Fleet {
    fn why(&self, member: &Member) -> Option<String> {
        match member.inst.state {
            State::Waiting | State::Listening => self.waits_for(member),
            State::Stopped
            | State::Starting { .. }
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Backoff { .. }
            | State::Exited { .. }
            | State::Fatal { .. } => condemned(member).or_else(|| why(&member.inst)),
        }
    }
}

/// What is said of a process that is being stopped or has ended because it took too long or was not well.
pub(super) fn condemned(member: &Member) -> Option<String> {
    let exited = matches!(member.inst.state, State::Exited { expected: false, .. });
    let told = member.inst.is_condemned() || exited;
    // After the change to EXITED the last but one is the one to STOPPING.
    let entries = member.history.entries().rev().take(3);
    entries.filter(|_| told).find_map(|entry| entry.condemned())
}

/// Why it is as it is, where that is not plain from the state.
fn why(inst: &Instance) -> Option<String> {
    match &inst.state {
        State::Backoff { why: Some(why), .. } | State::Fatal { why } => Some(why.to_string()),
        State::Backoff { why: None, .. } => Some("waits for backoff.floor between two starts".to_owned()),
        State::Exited { expected: false, .. } => Some("not expected (autorestart: never)".to_owned()),
        State::Stopping { ended: Some(exit), pressure, .. } => Some(what_is_left(*exit, *pressure)),
        State::Stopping { pressure: Pressure::Killed(_), .. } => Some("SIGKILL sent".to_owned()),
        State::Running { .. } if inst.is_unhealthy() => Some(format!("unhealthy{}", last_wrong(inst, ": "))),
        State::Stopped
        | State::Waiting
        | State::Listening
        | State::Starting { .. }
        | State::Running { .. }
        | State::Stopping { .. }
        | State::Exited { expected: true, .. } => None,
    }
}

pub(super) fn millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}
