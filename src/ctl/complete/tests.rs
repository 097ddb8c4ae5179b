//! What is offered, place by place.

use super::*;
use crate::control::message::StateName;

fn process(name: &str, program: &str, group: Option<&str>) -> ProcessStatus {
    ProcessStatus {
        program: program.to_owned(),
        group: group.map(str::to_owned),
        ..ProcessStatus::plain(name, StateName::Running)
    }
}

fn list(_: &[String]) -> Vec<ProcessStatus> {
    vec![process("web", "web", Some("team")), process("worker:worker_00", "worker", None)]
}

fn nobody(general: &[String]) -> Vec<ProcessStatus> {
    panic!("the daemon is asked: {general:?}");
}

/// Words, and what is said of paths.
fn shown(offer: &Offer) -> String {
    let mut texts: Vec<String> = offer.words.iter().map(|word| word.text.clone()).collect();
    texts.extend(offer.paths.map(|paths| format!("<{}{paths:?}>", offer.prefix)));
    texts.join(" ")
}

fn in_line(line: &str, ask: Ask<'_>) -> String {
    let line = Line::read(line);
    shown(&in_command_line(&line.words, &line.word(), ask))
}

#[test]
fn commands_by_place() {
    for (line, words) in [
        ("sta", "start status"),
        ("q", "quit"),
        ("start ", "all team:* web worker:* worker:worker_00"),
        ("start w", "web worker:* worker:worker_00"),
        ("start web w", "worker:* worker:worker_00"),
        ("start --no-wait wo", "worker:* worker:worker_00"),
        ("start --timeout ", ""),
        ("start --timeout=", ""),
        ("start --timeout 5 we", "web"),
        ("start -t 5 we", "web"),
        ("start -t5 we", "web"),
        ("start --", "--help --json --no-wait --timeout"),
        ("start --no-wait --", "--help --json --timeout"),
        ("start -t", "-t"),
        ("start -- -", ""),
        ("start -- we", "web"),
        ("wait --for ", "healthy running stopped"),
        ("wait --for=s", "--for=stopped"),
        ("wait --for stopped we", "web"),
        ("signal US", "USR1 USR2"),
        ("signal SIGUS", "SIGUSR1 SIGUSR2"),
        ("signal HUP we", "web"),
        ("tail web ", "stderr stdout"),
        ("tail -n 5 web stde", "stderr"),
        ("tail -fn 5 web stde", "stderr"),
        ("tail web stderr ", ""),
        ("logs --", "--follow --from --grep --help --json --lines --no-prefix --stderr --stdout"),
        ("logs --from x --fr", "--from"),
        ("logs --grep ", ""),
        ("logs --grep x we", "web"),
        ("help rel", "reload"),
        ("reload --d", "--dry-run"),
        ("reread --d", ""),
        ("top --u", ""),
        ("version ", ""),
        ("nonsense w", ""),
        ("check ", "<Files>"),
        ("check x ", ""),
        ("check --", "--help --json --print"),
        ("import --from ", "procfile supervisord"),
        ("import --from=p", "--from=procfile"),
        ("import -o ", "<Files>"),
        ("import --output=x", "<--output=Files>"),
        ("import x ", ""),
        ("schema ", ""),
    ] {
        let read = Line::read(line);
        assert_eq!(shown(&in_shell(&read.words, &read.word(), &list)), words, "{line:?}");
    }
}

#[test]
fn every_command_is_offered_with_what_it_does() {
    let offer = in_shell(&[], "", &nobody);
    let known = command::names().chain(LOCAL.iter().map(|local| local.name));
    for name in known.chain(SHELL_WORDS.map(|(word, _)| word)) {
        let found = offer.words.iter().find(|word| word.text == name);
        assert!(found.is_some_and(|word| !word.about.is_empty()), "{name}");
    }
    assert!(in_command_line(&["taskmasterctl".to_owned()], "", &nobody).words.iter().all(|word| word.text != "quit"));
}

#[test]
fn command_lines_of_the_client() {
    for (line, words) in [
        ("", ""),
        ("taskmasterctl qu", ""),
        ("taskmasterctl rel", "reload"),
        ("/usr/bin/taskmasterctl -e", "-e"),
        ("taskmasterctl --e", "--exit-on-error"),
        (
            "taskmasterctl --json --",
            "--attached --color --daemon-user --exit-on-error --file --help --socket --version",
        ),
        ("taskmasterctl --color ", "always auto never"),
        ("taskmasterctl --color=n", "--color=never"),
        ("taskmasterctl --color=auto rel", "reload"),
        ("taskmasterctl --daemon-user roo", "root"),
        ("taskmasterctl -s ", "<Files>"),
        ("taskmasterctl --socket=/x", "<--socket=Files>"),
        ("taskmasterctl -f ", "<Files>"),
        ("taskmasterctl -f x ", ""),
        ("taskmasterctl -f x --ex", "--exit-on-error"),
        ("taskmasterctl -s /x -- rel", "reload"),
        ("tm -s /x start 'w", "web worker:* worker:worker_00"),
        ("taskmasterctl import -", "--from --help --json --output"),
        ("taskmasterctl complete ", ""),
    ] {
        assert_eq!(in_line(line, &list), words, "{line:?}");
    }
}

#[test]
fn command_lines_of_the_daemon() {
    for (line, words) in [
        ("taskmasterd ", "<Files>"),
        ("taskmasterd -c ", "<Files>"),
        ("taskmasterd x ", ""),
        ("taskmasterd -n --loglevel ", "critical debug error info warning"),
        ("taskmasterd -ne w", "warning"),
        ("taskmasterd -q ", "<Directories>"),
        ("taskmasterd --logfile=sys", "--logfile=syslog <--logfile=Files>"),
        ("./taskmasterd --no", "--nocleanup --nodaemon"),
    ] {
        assert_eq!(in_line(line, &nobody), words, "{line:?}");
    }
}

#[test]
fn the_daemon_of_the_command_line_is_asked_and_only_for_names() {
    let asked = |general: &[String]| {
        assert_eq!(general, ["-s", "/a b", "--json"]);
        list(general)
    };
    assert_eq!(in_line("taskmasterctl -s '/a b' --json stop we", &asked), "web");
    for line in ["st", "start --", "signal ", "help ", "version ", "check "] {
        in_line(&format!("taskmasterctl {line}"), &nobody);
    }
    assert_eq!(in_line("taskmasterctl stop ", &|_| Vec::new()), "");
}
