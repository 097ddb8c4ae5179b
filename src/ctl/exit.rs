//! The exit codes of `taskmasterctl`, and which answer means which.

use std::process::ExitCode;

use crate::control::message::{RefusalCode, Response};

/// How `taskmasterctl` ends. A higher one is worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything was done.
    #[default]
    Done = 0,
    /// Something failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// `status` showed a process that is not as wanted.
    NotAsWanted = 3,
    /// The daemon cannot be reached or refuses.
    Unreachable = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// The exit code of an answer.
#[must_use]
pub fn of(response: &Response) -> Exit {
    match response {
        Response::Status(list) if list.iter().any(|p| !p.as_wanted) => Exit::NotAsWanted,
        Response::Outcomes(list) if list.iter().any(|o| !o.ok) => Exit::Failed,
        Response::Refused(refusal) => match refusal.code {
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
        Response::Status(_)
        | Response::Outcomes(_)
        | Response::Plan(_)
        | Response::Tail(_)
        | Response::DaemonPid(_)
        | Response::Pids(_)
        | Response::Version(_)
        | Response::ShuttingDown
        | Response::Help(_) => Exit::Done,
    }
}

/// Whether a refusal means that the daemon does not serve this client at all.
fn turned_away(code: RefusalCode) -> bool {
    matches!(code, RefusalCode::Denied | RefusalCode::Busy | RefusalCode::ShuttingDown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::message::{Outcome, ProcessStatus, Refusal, StateName, Want};

    #[test]
    fn answers_have_exit_codes() {
        let process = |as_wanted| ProcessStatus {
            name: "web".into(),
            program: "web".into(),
            num: 0,
            state: StateName::Running,
            want: Want::Up,
            as_wanted,
            pid: None,
            for_ms: None,
            runs: 1,
            last_exit: None,
            why: None,
            next_try_ms: None,
            kill_in_ms: None,
        };
        let outcome = |ok| Outcome { name: "web".into(), result: "x".into(), ok };
        let refused = |code| Response::Refused(Refusal::new(code, "x"));
        for (response, expected) in [
            (Response::Status(vec![]), Exit::Done),
            (Response::Status(vec![process(true)]), Exit::Done),
            (Response::Status(vec![process(true), process(false)]), Exit::NotAsWanted),
            (Response::Outcomes(vec![outcome(true)]), Exit::Done),
            (Response::Outcomes(vec![outcome(true), outcome(false)]), Exit::Failed),
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
}
