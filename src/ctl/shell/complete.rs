//! What a word that is being typed may become.

use crate::base::signal::Sig;
use crate::control::command::{self, Command, Param, Place, SHELL_WORDS};
use crate::control::message::{ProcessStatus, WaitFor};
use crate::ctl::local::LOCAL;

/// Where the last word of `line` begins, and the words that it may become. `processes` is only asked for if names of
/// processes may stand there.
pub(super) fn complete(line: &str, processes: impl FnOnce() -> Vec<ProcessStatus>) -> (usize, Vec<String>) {
    let start = line.rfind(|c: char| c.is_ascii_whitespace()).map_or(0, |at| at + 1);
    let (before, word) = line.split_at_checked(start).unwrap_or((line, ""));
    let mut candidates = match before.split_ascii_whitespace().collect::<Vec<_>>().as_slice() {
        [] => command_names(),
        [name, rest @ ..] => match command::find(name) {
            Some((command, _)) if word.starts_with('-') => options(command),
            Some((command, _)) => values(command, rest, processes),
            None => Vec::new(),
        },
    };
    candidates.retain(|c| c.starts_with(word));
    candidates.sort();
    candidates.dedup();
    (start, candidates)
}

fn command_names() -> Vec<String> {
    let words = SHELL_WORDS.iter().map(|(word, _)| *word);
    command::names().chain(LOCAL.iter().map(|local| local.name)).chain(words).map(str::to_owned).collect()
}

fn options(command: &Command) -> Vec<String> {
    let long = command.params.iter().filter_map(|p| match p.place() {
        Place::Flag(long) | Place::ShortFlag(long, _) | Place::Value(long, _) => Some(long),
        Place::Word | Place::Rest => None,
    });
    long.chain(["--json", "--help"]).map(str::to_owned).collect()
}

/// The values of the place that comes after these words.
fn values(command: &Command, words: &[&str], processes: impl FnOnce() -> Vec<ProcessStatus>) -> Vec<String> {
    let valued = |word: &str| {
        command.params.iter().find(|p| matches!(p.place(), Place::Value(long, short) if long == word || short == word))
    };
    let takes_value = |word: &str| valued(word).is_some();
    match words.last().and_then(|word| valued(word)) {
        Some(Param::For) => return WaitFor::ALL.iter().map(|until| until.word().to_owned()).collect(),
        Some(_) => return Vec::new(),
        None => {}
    }
    let mut free = 0;
    let mut skip = false;
    for word in words {
        if std::mem::take(&mut skip) {
            continue;
        }
        skip = takes_value(word);
        free += usize::from(!word.starts_with('-'));
    }
    let mut places = command.params.iter().filter(|p| matches!(p.place(), Place::Word | Place::Rest));
    let last = command.params.last().filter(|p| p.place() == Place::Rest);
    match places.nth(free).or(last) {
        Some(Param::Names | Param::Name) => names(&processes()),
        Some(Param::Sig) => Sig::names().iter().map(|n| (*n).to_owned()).collect(),
        Some(Param::Stream) => vec!["stdout".to_owned(), "stderr".to_owned()],
        Some(Param::Command) => command_names(),
        Some(
            Param::Wait
            | Param::Timeout
            | Param::DryRun
            | Param::Lines
            | Param::Follow
            | Param::Since
            | Param::For
            | Param::Usage
            | Param::Dot
            | Param::Follows
            | Param::Stdout
            | Param::Stderr
            | Param::From,
        )
        | None => Vec::new(),
    }
}

/// All ways to name processes. None if there are no processes, or nobody to ask: alone, `all` would be put into the line
/// at once.
fn names(processes: &[ProcessStatus]) -> Vec<String> {
    let mut names = Vec::new();
    if !processes.is_empty() {
        names.push("all".to_owned());
    }
    for p in processes {
        names.push(p.name.clone());
        if p.name != p.program {
            names.push(format!("{}:*", p.program));
        }
        names.extend(p.group.iter().map(|group| format!("{group}:*")));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::message::{StateName, Want};

    fn process(name: &str, program: &str) -> ProcessStatus {
        ProcessStatus {
            name: name.into(),
            program: program.into(),
            num: 0,
            group: None,
            state: StateName::Running,
            want: Want::Up,
            as_wanted: true,
            pid: None,
            for_ms: None,
            runs: 1,
            last_exit: None,
            why: None,
            next: None,
            next_try_ms: None,
            kill_in_ms: None,
            schedule: None,
            usage: None,
        }
    }

    fn completed(line: &str) -> (usize, String) {
        let list = || vec![process("web", "web"), process("worker:worker_00", "worker")];
        let (start, words) = complete(line, list);
        (start, words.join(" "))
    }

    #[test]
    fn words_by_place() {
        for (line, start, words) in [
            ("sta", 0, "start status"),
            (
                "",
                0,
                "check events exit graph help import logs pid quit reload reread restart schema shutdown signal start status stop tail top update version wait why",
            ),
            ("q", 0, "quit"),
            ("start ", 6, "all web worker:* worker:worker_00"),
            ("start w", 6, "web worker:* worker:worker_00"),
            ("start web work", 10, "worker:* worker:worker_00"),
            ("start --no-wait wo", 16, "worker:* worker:worker_00"),
            ("start --timeout ", 16, ""),
            ("start --timeout 5 we", 18, "web"),
            ("start --", 6, "--help --json --no-wait --timeout"),
            ("wait --for ", 11, "healthy running stopped"),
            ("wait --for stopped we", 19, "web"),
            ("signal US", 7, "USR1 USR2"),
            ("signal HUP we", 11, "web"),
            ("tail web ", 9, "stderr stdout"),
            ("tail -n 5 web stde", 14, "stderr"),
            ("tail web stderr ", 16, ""),
            ("help rel", 5, "reload"),
            ("version ", 8, ""),
            ("nonsense w", 9, ""),
        ] {
            assert_eq!(completed(line), (start, words.to_owned()), "{line:?}");
        }
    }

    #[test]
    fn nothing_is_guessed_without_a_daemon() {
        assert_eq!(complete("stop ", Vec::new), (5, vec![]));
    }

    #[test]
    fn the_daemon_is_asked_only_for_names() {
        for line in ["st", "start --", "signal ", "help ", "version "] {
            complete(line, || panic!("{line}"));
        }
    }
}
