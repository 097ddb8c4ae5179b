//! Why processes are as they are, as lines for people.
//!
//! What a program wrote stands behind a mark and with its control characters escaped, so that none of it can be taken
//! for a line of the daemon's.

use std::time::Duration;

use crate::base::text::Plain;
use crate::base::units::print_duration;
use crate::control::message::{Account, CheckReport, RunReport, Setting, StreamPlace, StreamSink};

use super::{Clock, put};

/// Appends the account of each process, with an empty line between two.
pub(super) fn write(accounts: &[Account], clock: &Clock, text: &mut String) {
    for (n, account) in accounts.iter().enumerate() {
        if n > 0 {
            text.push('\n');
        }
        super::status(std::slice::from_ref(&account.status), clock, text);
        line("why", &account.because, text);
        line("next", &account.next, text);
        if let Some(exit) = &account.status.last_exit {
            line("last exit", exit, text);
        }
        line("started", &times(account.status.runs), text);
        if !account.status.listen.is_empty() {
            line("listens", &account.status.listen.join(", "), text);
        }
        if let Some(last) = &account.last_check {
            check(last, text);
        }
        if let Some(setting) = &account.setting {
            settings(setting, text);
        }
        if !account.history.is_empty() {
            text.push_str("  changes\n");
        }
        for t in &account.history {
            let (from, to) = (t.from.text(), t.to.text());
            put(text, format_args!("    {} ", Plain(&t.time)));
            if from != to {
                put(text, format_args!("{from} -> {to}: "));
            }
            put(text, format_args!("{}\n", Plain(&t.cause)));
        }
        if !account.hooks.is_empty() {
            text.push_str("  hooks\n");
        }
        for hook in &account.hooks {
            let ago = print_duration(Duration::from_secs(hook.ago_ms / 1000));
            put(text, format_args!("    {} {}, {ago} ago\n", Plain(&hook.hook), Plain(&hook.result)));
        }
        if !account.runs.is_empty() {
            text.push_str("  runs\n");
        }
        account.runs.iter().for_each(|r| run(r, text));
        if let Some(output) = account.setting.as_ref().and_then(|s| s.last_output.as_ref()) {
            put(text, format_args!("  last lines of {}\n", output.stream));
            output.text.lines().for_each(|line| put(text, format_args!("    | {}\n", Plain(line))));
        }
    }
}

/// `last check health, 3s ago, took 12ms: connection refused`, and what it printed.
fn check(last: &CheckReport, text: &mut String) {
    let CheckReport { purpose, ago_ms, took_ms, wrong, output } = last;
    let [ago, took] = [ago_ms - ago_ms % 1000, *took_ms].map(|ms| print_duration(Duration::from_millis(ms)));
    let result = wrong.as_deref().unwrap_or("good");
    line("last check", &format!("{purpose}, {ago} ago, took {took}: {result}"), text);
    output.lines().for_each(|line| put(text, format_args!("    | {}\n", Plain(line))));
}

/// `2026-11-21T03:00:00.004Z exit status 0, took 1m30s`.
fn run(run: &RunReport, text: &mut String) {
    put(text, format_args!("    {} ", Plain(&run.time)));
    match (&run.result, run.took_ms) {
        (Some(result), Some(ms)) => {
            let took = print_duration(Duration::from_millis(ms));
            put(text, format_args!("{}, took {took}\n", Plain(result)));
        }
        (_, _) => text.push_str("still runs\n"),
    }
}

fn settings(setting: &Setting, text: &mut String) {
    line("command", &setting.command.iter().map(|w| word(w)).collect::<Vec<_>>().join(" "), text);
    line("directory", &setting.directory, text);
    for (head, value) in [("user", &setting.user), ("group", &setting.group)] {
        if let Some(value) = value {
            line(head, value, text);
        }
    }
    line("stdout", &place(&setting.stdout), text);
    line("stderr", &place(&setting.stderr), text);
}

fn line(head: &str, what: &str, text: &mut String) {
    put(text, format_args!("  {head:<10} {}\n", Plain(what)));
}

fn times(runs: u64) -> String {
    match runs {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        runs => format!("{runs} times"),
    }
}

fn place(place: &StreamPlace) -> String {
    let path = place.path.as_deref().unwrap_or_default();
    match place.sink {
        StreamSink::File => path.to_owned(),
        StreamSink::None => "discarded".to_owned(),
        StreamSink::Inherit => "the daemon's own".to_owned(),
        StreamSink::Stdout => "as stdout".to_owned(),
    }
}

/// A word as a shell would read it.
fn word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::Stream;
    use crate::control::message::{HookReport, LastOutput, ProcessStatus, StateName, Transition};

    fn account() -> Account {
        let status = ProcessStatus {
            as_wanted: false,
            for_ms: Some(0),
            runs: 2,
            last_exit: Some("exit status 1".to_owned()),
            why: Some("exited too quickly (exit status 1)".to_owned()),
            next: Some("next try in 3s (3 of 4)".to_owned()),
            next_try_ms: Some(3000),
            ..ProcessStatus::plain("web", StateName::Backoff)
        };
        let (from, to) = (StateName::Starting, StateName::Backoff);
        let transition = Transition { time: "T".to_owned(), ago_ms: 1, from, to, cause: "x\ny".to_owned() };
        let again = Transition { to: from, cause: "SIGKILL".to_owned(), ..transition.clone() };
        Account {
            last_check: None,
            hooks: vec![HookReport {
                hook: "pre_start".to_owned(),
                ago_ms: 61_500,
                ok: false,
                result: "failed (exit status 1)".to_owned(),
            }],
            status,
            because: "try 2 of 4 failed".to_owned(),
            next: "next try in 3s (3 of 4)".to_owned(),
            history: vec![transition, again],
            runs: vec![],
            setting: Some(Setting {
                command: vec!["/bin/web".to_owned(), "it's".to_owned(), String::new()],
                directory: "/".to_owned(),
                user: Some("www".to_owned()),
                group: None,
                stdout: StreamPlace { sink: StreamSink::File, path: Some("/log".to_owned()) },
                stderr: StreamPlace { sink: StreamSink::Stdout, path: Some("/log".to_owned()) },
                last_output: Some(LastOutput { stream: Stream::Stdout, text: "boom\n\u{1b}[m\nOK".to_owned() }),
            }),
        }
    }

    #[test]
    fn an_account_says_it_all() {
        let mut text = String::new();
        write(&[account()], &Clock::default(), &mut text);
        let expected = format!(
            "web{:30}BACKOFF   exited too quickly (exit status 1); next try in 3s (3 of 4)
  why        try 2 of 4 failed
  next       next try in 3s (3 of 4)
  last exit  exit status 1
  started    2 times
  command    /bin/web 'it'\\''s' ''
  directory  /
  user       www
  stdout     /log
  stderr     as stdout
  changes
    T STARTING -> BACKOFF: x\\ny
    T SIGKILL
  hooks
    pre_start failed (exit status 1), 1m1s ago
  last lines of stdout
    | boom
    | \\u{{1b}}[m
    | OK
",
            ""
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn the_last_check_is_told() {
        let mut text = String::new();
        let failed = CheckReport {
            purpose: "health".to_owned(),
            ago_ms: 3999,
            took_ms: 12,
            wrong: Some("exit status 1\nOK".to_owned()),
            output: "curl: (7)\n\u{1b}[m".to_owned(),
        };
        let good =
            CheckReport { wrong: None, output: String::new(), purpose: "readiness".to_owned(), ..failed.clone() };
        check(&failed, &mut text);
        check(&good, &mut text);
        let expected = "  last check health, 3s ago, took 12ms: exit status 1\\nOK
    | curl: (7)
    | \\u{1b}[m
  last check readiness, 3s ago, took 12ms: good
";
        assert_eq!(text, expected);
        let account = Account { last_check: Some(good), ..account() };
        let mut whole = String::new();
        write(&[account], &Clock::default(), &mut whole);
        assert!(whole.contains("  started    2 times\n  last check readiness"), "{whole}");
    }

    #[test]
    fn several_stand_apart() {
        let mut text = String::new();
        let bare = Account { history: vec![], setting: None, ..account() };
        write(&[bare.clone(), bare], &Clock::default(), &mut text);
        let (first, second) = text.split_once("\n\n").unwrap();
        assert_eq!(first, second.trim_end());
    }
}
