//! The exit codes of `taskmasterctl`, and which answer means which.

use std::process::ExitCode;

use crate::control::message::{Kind, RefusalCode, Response};

/// How `taskmasterctl` ends. A later one is worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything was done.
    #[default]
    Done,
    /// `reload --dry-run` showed that something would change.
    WouldChange,
    /// Something failed.
    Failed,
    /// It was given up by Ctrl-C.
    Cancelled,
    /// The command line is wrong.
    Usage,
    /// `status` showed a process that is not as wanted.
    NotAsWanted,
    /// The daemon cannot be reached or refuses.
    Unreachable,
}

impl Exit {
    /// The number that the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed | Exit::Cancelled => 1,
            Exit::WouldChange | Exit::Usage => 2,
            Exit::NotAsWanted => 3,
            Exit::Unreachable => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// The exit code of an answer.
#[must_use]
pub fn of(response: &Response) -> Exit {
    match response.kind() {
        Kind::Status(list) if list.iter().any(|p| !p.as_wanted) => Exit::NotAsWanted,
        Kind::Outcomes(outcomes) if outcomes.iter().any(|o| !o.ok) => Exit::Failed,
        Kind::Plan(plan) if plan.dry_run && plan.changes_anything() => Exit::WouldChange,
        Kind::Refused(refusal) => match refusal.code {
            code if turned_away(code) => Exit::Unreachable,
            RefusalCode::BadArguments | RefusalCode::UnknownCommand => Exit::Usage,
            RefusalCode::BadRequest
            | RefusalCode::InvalidRequest
            | RefusalCode::UnknownName
            | RefusalCode::Denied
            | RefusalCode::TooLarge
            | RefusalCode::Busy
            | RefusalCode::ShuttingDown
            | RefusalCode::BadConfig
            | RefusalCode::Failed => Exit::Failed,
        },
        Kind::Status(_) | Kind::Why(_) | Kind::Outcomes(_) | Kind::Plan(_) | Kind::Plain => Exit::Done,
    }
}

/// Whether a refusal means that the daemon does not serve this client at all.
fn turned_away(code: RefusalCode) -> bool {
    matches!(code, RefusalCode::Denied | RefusalCode::Busy | RefusalCode::ShuttingDown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::message::{KeyChange, Outcome, PlanReport, ProcessStatus, Refusal, StateName};

    #[test]
    fn answers_have_exit_codes() {
        let process = |as_wanted| ProcessStatus { as_wanted, ..ProcessStatus::plain("web", StateName::Running) };
        let outcome = |ok| Outcome { name: "web".into(), result: "x".into(), ok };
        let outcomes = |outcomes| Response::Outcomes { outcomes, notes: vec![] };
        let plan = |dry_run, needs_restart| {
            let key = KeyChange { key: "x".into(), old: "1".into(), new: "2".into(), needs_restart };
            Response::Plan(PlanReport { dry_run, daemon: vec![key], ..PlanReport::default() })
        };
        let refused = |code| Response::Refused(Refusal::new(code, "x"));
        for (response, expected) in [
            (Response::Status(vec![]), Exit::Done),
            (Response::Status(vec![process(true)]), Exit::Done),
            (Response::Status(vec![process(true), process(false)]), Exit::NotAsWanted),
            (outcomes(vec![outcome(true)]), Exit::Done),
            (outcomes(vec![outcome(true), outcome(false)]), Exit::Failed),
            (plan(true, false), Exit::WouldChange),
            (plan(true, true), Exit::Done),
            (plan(false, false), Exit::Done),
            (refused(RefusalCode::Denied), Exit::Unreachable),
            (refused(RefusalCode::Busy), Exit::Unreachable),
            (refused(RefusalCode::UnknownName), Exit::Failed),
            (refused(RefusalCode::BadConfig), Exit::Failed),
            (refused(RefusalCode::BadArguments), Exit::Usage),
            (Response::ShuttingDown, Exit::Done),
        ] {
            assert_eq!(of(&response), expected, "{response:?}");
        }
    }

    #[test]
    fn codes_are_as_documented() {
        use Exit::{Done, Failed, NotAsWanted, Unreachable, Usage, WouldChange};
        let codes = [Done, Failed, WouldChange, Usage, NotAsWanted, Unreachable].map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 2, 3, 4]);
        assert!(Done < WouldChange && WouldChange < Failed && Failed < Unreachable);
    }
}
